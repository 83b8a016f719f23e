import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { loadHashes } from '../rspace/hash.ts'
import { memory, type OpenOptions, open, type Space } from '../rspace/index.ts'
import { type Gathering, LevelEngine, MemoryEngine, type Op, openStore } from '../rspace/store/index.ts'

/** Measurements of the stored tuplespace against the bare engine, each pair in one process and alternately. Every program checks its own result. */

interface Numbers {
  C: number
  P: null
  A: number
  K: number
  R: number
  G: never
}
/** Numbers as eight bytes. Written through one pair of views: asking a small array for its buffer would cost more than the rest. */
const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)
const codec = {
  id: 'number',
  encode: (n: number): Uint8Array => {
    float[0] = n
    return floatBytes.slice()
  },
  encodeInto: (n: number, into: Uint8Array, at: number): number => {
    if (at + 8 > into.length) return -1
    float[0] = n
    for (let i = 0; i < 8; i++) into[at + i] = floatBytes[i]
    return at + 8
  },
  decode: (b: Uint8Array): number => {
    for (let i = 0; i < 8; i++) floatBytes[i] = b[i]
    return float[0]
  },
  key: (n: number): string => `n${n}`,
  copy: (n: number): number => n,
}
/** Values of 100 bytes: a number and what fills it up. */
const filled = new Uint8Array(100).fill(7)
const wide = {
  id: 'wide',
  encode: (n: number): Uint8Array => {
    float[0] = n
    const out = filled.slice()
    out.set(floatBytes)
    return out
  },
  encodeInto: (n: number, into: Uint8Array, at: number): number => {
    if (at + filled.length > into.length) return -1
    float[0] = n
    into.set(filled, at)
    into.set(floatBytes, at)
    return at + filled.length
  },
  decode: codec.decode,
  copy: codec.copy,
}
const nothing = new Uint8Array(0)
const any = { id: 'any', encode: () => nothing, decode: () => null, copy: () => null }
const NUMBERS: Pick<OpenOptions<Numbers>, 'codec' | 'matcher'> = {
  codec: { channel: codec, datum: wide, body: codec, pattern: any },
  matcher: { match: (_pattern, datum) => datum },
}
type Numbered = Space<Numbers>

/** Nanoseconds per unit of ours and of the other, one sample for each pass; the first pass warms up and does not count. */
export interface Pair {
  readonly ours: number[]
  readonly theirs: number[]
}

const folder = mkdtempSync(join(tmpdir(), 'rhizome-bench-'))
let serial = 0
const fresh = (): string => join(folder, `d${serial++}`)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

async function timed(units: number, work: () => Promise<void> | void): Promise<number> {
  const start = performance.now()
  await work()
  return ((performance.now() - start) * 1e6) / units
}

/** Processor time, for work that waits for nothing: on a busy machine its time would be that of others. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
async function worked(units: number, work: () => Promise<void> | void): Promise<number> {
  const start = cpuMs()
  await work()
  return ((cpuMs() - start) * 1e6) / units
}

async function pairs(passes: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<Pair> {
  const pair: Pair = { ours: [], theirs: [] }
  for (let i = 0; i <= passes; i++) {
    const [a, b] = [await ours(), await theirs()]
    if (i > 0 || passes === 0) {
      pair.ours.push(a)
      pair.theirs.push(b)
    }
  }
  return pair
}

/** A batch of rows in one piece of memory, so that what has been recorded does not occupy the collector during the measurement. */
class Recorded {
  readonly #parts: Uint8Array[] = []
  /** Lengths of key and value; −1: deleted. */
  readonly #lengths: number[] = []
  #bytes: Uint8Array | undefined
  add(key: Uint8Array, value?: Uint8Array): void {
    this.#parts.push(key.slice(), ...(value === undefined ? [] : [value.slice()]))
    this.#lengths.push(key.length, value?.length ?? -1)
  }
  pack(): void {
    this.#bytes = new Uint8Array(Buffer.concat(this.#parts))
    this.#parts.length = 0
  }
  rows(): Op[] {
    const ops: Op[] = []
    const bytes = this.#bytes ?? nothing
    for (let i = 0, at = 0; i < this.#lengths.length; i += 2) {
      const key = bytes.subarray(at, (at += this.#lengths[i]))
      const length = this.#lengths[i + 1]
      ops.push(length < 0 ? { key } : { key, value: bytes.subarray(at, (at += length)) })
    }
    return ops
  }
}

/**
 * Keeps the records that a space hands to the engine, so that the bare engine can be given the same, each in a row of its own: what takes over the row of another
 * (a cell, see docs/persistence.md) is one row that goes and one that comes. That saving is ours.
 */
class Recorder extends LevelEngine {
  readonly batches: Recorded[] = []
  recording = false
  /** The row of its own that stands for what is in a cell. */
  readonly #inCells = new Map<string, Uint8Array>()
  #last = 0
  #took(recorded: Recorded, key: Uint8Array, value: Uint8Array | undefined): void {
    if (key.subarray(9, 17).some(b => b !== 0)) {
      recorded.add(key, value)
      return
    }
    const cell = Buffer.from(key).toString('latin1')
    // Every cell of the bank is filled before the recording begins.
    recorded.add(this.#inCells.get(cell) ?? key)
    this.#inCells.delete(cell)
    if (value === undefined) return
    const own = key.slice()
    new DataView(own.buffer).setUint32(13, ++this.#last)
    this.#inCells.set(cell, own)
    recorded.add(own, value)
  }
  override gather(): Gathering {
    const batch = super.gather()
    if (!this.recording) return batch
    const recorded = new Recorded()
    this.batches.push(recorded)
    const isRecord = (key: Uint8Array): boolean => key[0] === 0x44 || key[0] === 0x4b
    return {
      ...batch,
      put: (key, value) => {
        if (isRecord(key)) this.#took(recorded, key, value)
        batch.put(key, value)
      },
      del: key => {
        if (isRecord(key)) this.#took(recorded, key, undefined)
        batch.del(key)
      },
      write: sync => {
        recorded.pack()
        return batch.write(sync)
      },
    }
  }
}

async function raw(): Promise<ClassicLevel<Uint8Array, Uint8Array>> {
  const db = new ClassicLevel<Uint8Array, Uint8Array>(fresh(), { keyEncoding: 'view', valueEncoding: 'view' })
  await db.open({ writeBufferSize: 8 << 20 })
  return db
}

/** The same batches, chained, one after the other: nanoseconds per unit. Finding the rows of a batch is not counted. */
async function rawBatches(batches: Iterable<() => readonly Op[]>, sync: boolean, units: number): Promise<number> {
  const db = await raw()
  let ns = 0
  for (const rows of batches) {
    const ops = rows()
    ns += await timed(units, async () => {
      const batch = db.batch()
      for (const { key, value } of ops) {
        if (value === undefined) batch.del(key)
        else batch.put(key, value)
      }
      await batch.write({ sync })
    })
  }
  await db.close()
  return ns
}

const CELLS = 10_000
const GROUP = 250

/** Cell i: a datum on one channel and a join that waits for it and for an order on another. */
async function bank(space: Numbered): Promise<(i: number, n: number) => void> {
  const cells = Array.from({ length: CELLS }, (_, i) => space.channel(i))
  const orders = Array.from({ length: CELLS }, (_, i) => space.channel(-1 - i))
  const park = (i: number): void => {
    space.consume(
      [
        { channel: cells[i], pattern: null },
        { channel: orders[i], pattern: null },
      ],
      i,
    )
  }
  for (let i = 0; i < CELLS; i++) {
    space.produce(cells[i], 0)
    park(i)
  }
  await space.flush()
  return (i, n) => {
    const { comms } = space.produce(orders[i], n)
    space.produce(cells[i], comms[0].matches[0].value + 1)
    park(comms[0].body)
  }
}

/**
 * Four rows per COMM that outlive their group: a datum and a join go, a datum and a join come. Ours is everything, COMM and
 * commit; theirs is the bare engine with the same rows in the same batches.
 */
async function durable(power: boolean, comms: number, passes: number): Promise<Pair> {
  let batches: (() => readonly Op[])[] = []
  const run = async (record: boolean): Promise<number> => {
    const engine = new Recorder(fresh())
    const space = await open<Numbers>(engine, { ...NUMBERS, create: true, group: 'manual', durability: power ? 'power' : 'process' })
    const step = await bank(space)
    engine.recording = record
    const ns = await timed(comms, async () => {
      // One group is written while the next is encoded and another one runs.
      const flights: Promise<unknown>[] = []
      for (let n = 0; n < comms; n++) {
        step((n * 7919) % CELLS, n)
        if ((n + 1) % GROUP === 0) {
          if (flights.length > 1) await flights.shift()
          flights.push(space.flush())
        }
      }
      await Promise.all(flights)
    })
    if (space.count(0) !== 1 || space.stats().continuations !== CELLS) throw new Error('the bank is not what it should be')
    if (record) batches = engine.batches.map(b => () => b.rows())
    await space.close()
    return ns
  }
  await run(true)
  return pairs(
    passes,
    () => run(false),
    () => rawBatches(batches, power, comms),
  )
}

/** The same rows given to the store itself: what durability costs without COMMs, and without the encoding of values. */
async function rowsOnly(power: boolean, comms: number, passes: number): Promise<Pair> {
  const key = (tag: number, n: number): Uint8Array => {
    const out = new Uint8Array(19)
    out[0] = tag
    new DataView(out.buffer).setFloat64(1, n)
    return out
  }
  const value = (n: number): Uint8Array => wide.encode(n)
  const groups = Array.from({ length: comms / GROUP }, (_, g) => {
    const numbers = Array.from({ length: GROUP }, (_, i) => g * GROUP + i)
    return {
      put: numbers.flatMap(n => [0x44, 0x4b].map((tag): [Uint8Array, Uint8Array, null] => [key(tag, n), value(n), null])),
      del: numbers.flatMap(n =>
        n < CELLS ? [] : [0x44, 0x4b].map((tag): [Uint8Array, Uint8Array] => [key(tag, n - CELLS), value(n - CELLS)]),
      ),
    }
  })
  const batches = groups.map(g => () => [...g.put.map(([key, value]) => ({ key, value })), ...g.del.map(([key]) => ({ key }))])
  return pairs(
    passes,
    async () => {
      const store = await openStore(fresh(), { create: true, durability: power ? 'power' : 'process' })
      const ns = await timed(comms, async () => {
        let last: Promise<unknown> = Promise.resolve()
        for (const g of groups) {
          const next = store.commit(g)
          await last
          last = next
        }
        await last
      })
      if (store.committed.number === 0) throw new Error('nothing was committed')
      await store.close()
      return ns
    },
    () => rawBatches(batches, power, comms),
  )
}

/** What comes and goes inside one group: durable against in memory. */
async function inside(rounds: number, passes: number): Promise<Pair> {
  const work = (space: Numbered): void => {
    const channel = space.channel(1)
    for (let n = 0; n < rounds; n++) {
      space.produce(channel, n)
      if (space.consume([{ channel, pattern: null }], 0).comms[0].matches[0].value !== n) throw new Error('lost')
    }
  }
  return pairs(
    5 * passes, // each is short
    async () => {
      const space = await open<Numbers>(fresh(), { ...NUMBERS, create: true, group: 'manual' })
      const ns = await worked(rounds, async () => {
        work(space)
        await space.flush()
      })
      if (((await space.verify()).rows.D ?? 0) !== 0) throw new Error('data rows were written')
      await space.close()
      return ns
    },
    () => worked(rounds, () => work(memory<Numbers>({ ...NUMBERS, group: 'manual' }))),
  )
}

/** Waiting for each write to be safe from a power cut: 64 callers of ours, against the bare engine one write after the other. */
async function callers(writes: number, passes: number): Promise<Pair> {
  return pairs(
    passes,
    async () => {
      const space = await open<Numbers>(fresh(), { ...NUMBERS, create: true, durability: 'power' })
      const ns = await timed(writes, async () => {
        const caller = async (c: number): Promise<void> => {
          for (let i = 0; i < writes / 64; i++) await space.put(c, i)
        }
        await Promise.all(Array.from({ length: 64 }, (_, c) => caller(c)))
      })
      await space.close()
      return ns
    },
    async () => {
      const db = await raw()
      const few = Math.max(64, writes / 16)
      const ns = await timed(few, async () => {
        for (let i = 0; i < few; i++) await db.put(codec.encode(i), wide.encode(i), { sync: true })
      })
      await db.close()
      return ns
    },
  )
}

/**
 * COMMs whose groups are durable (synced, at most 10 ms long) against the same in memory. As in `durable`, one group is written while the next is encoded and
 * another one runs: a loop that waits for each group before it begins the next has either the disk or the processor standing idle.
 */
async function grouped(kind: string, comms: number, passes: number): Promise<Pair> {
  const options = { ...NUMBERS, group: 'manual', journal: kind === 'history' ? 'events' : 'undo' } as const
  const run = async (space: Numbered, isDurable: boolean): Promise<number> => {
    let step: (n: number) => void
    if (kind === 'bank') {
      const cell = await bank(space)
      step = n => cell((n * 7919) % CELLS, n)
    } else {
      // A counter: one datum, taken and put back one higher. A ring: the token goes from channel to channel.
      const size = kind === 'ring' ? 503 : 1
      const handles = Array.from({ length: size }, (_, i) => space.channel(i))
      space.produce(handles[0], 0)
      step = n => {
        const [comm] = space.consume([{ channel: handles[n % size], pattern: null }], 0).comms
        space.produce(handles[(n + 1) % size], comm.matches[0].value + 1)
      }
    }
    const ns = await timed(comms, async () => {
      const flights: Promise<unknown>[] = []
      let began = performance.now()
      for (let n = 0; n < comms; n++) {
        step(n)
        if (isDurable && n % 64 === 63 && performance.now() - began > 8) {
          if (flights.length > 1) await flights.shift()
          flights.push(space.flush())
          began = performance.now()
        }
      }
      if (isDurable) flights.push(space.flush())
      await Promise.all(flights)
    })
    if (kind !== 'bank' && space.tryRead(kind === 'ring' ? comms % 503 : 0, null)?.value !== comms) throw new Error('COMMs were lost')
    await space.close()
    return ns
  }
  return pairs(
    3 * passes,
    async () => run(await open<Numbers>(fresh(), { ...options, create: true, durability: 'power' }), true),
    async () => run(memory<Numbers>({ ...NUMBERS, group: 'manual' }), false),
  )
}

/** The bare engine: chained batches of 1,000, synced, per row. */
async function rawSynced(rows: number): Promise<number> {
  const db = await raw()
  const ns = await timed(rows, async () => {
    for (let at = 0; at < rows; at += 1000) {
      const batch = db.batch()
      for (let i = at; i < Math.min(rows, at + 1000); i++) batch.put(codec.encode(i), wide.encode(i))
      await batch.write({ sync: true })
    }
  })
  await db.close()
  return ns
}

/** D3: durable COMMs of a counter, against rows of the bare engine. */
async function counter(comms: number, rows: number, passes: number): Promise<Pair> {
  const { ours } = await grouped('counter', comms, passes)
  const theirs: number[] = []
  for (let i = 0; i < ours.length; i++) theirs.push(await rawSynced(rows))
  return { ours, theirs }
}

/** D5: new receives parked durably. */
async function park(receives: number, passes: number): Promise<Pair> {
  return pairs(
    passes,
    async () => {
      const space = await open<Numbers>(fresh(), { ...NUMBERS, create: true, group: 'manual', durability: 'power' })
      const channel = space.channel(0)
      const ns = await timed(receives, async () => {
        let last: Promise<unknown> = Promise.resolve()
        for (let i = 0; i < receives; i++) {
          space.consume([{ channel, pattern: null }], i)
          if (i % 1000 === 999) {
            await last
            last = space.flush()
          }
        }
        await last
      })
      await space.close()
      return ns
    },
    () => rawSynced(receives),
  )
}

/** D6 and opening: all records loaded, against a bare iteration over the same rows. */
async function recovery(records: number, passes: number): Promise<Pair> {
  const dir = fresh()
  const made = await open<Numbers>(dir, { ...NUMBERS, create: true, group: 'manual' })
  for (let i = 0; i < records; i++) {
    made.produce(i % 1000, i)
    if (i % 10_000 === 9_999) await made.flush()
  }
  await made.close()
  return pairs(
    passes,
    async () => {
      let space: Numbered | undefined
      const ns = await timed(records, async () => {
        space = await open<Numbers>(dir, NUMBERS)
      })
      if (space?.stats().data !== records) throw new Error('records are missing')
      await space.close()
      return ns
    },
    async () => {
      const db = new ClassicLevel<Uint8Array, Uint8Array>(dir, { keyEncoding: 'view', valueEncoding: 'view' })
      await db.open({ createIfMissing: false })
      let n = 0
      const ns = await timed(records, async () => {
        const from = { gte: Uint8Array.of(0x44), lt: Uint8Array.of(0x45), highWaterMarkBytes: 1 << 20 }
        const it = db.iterator(from as object)
        for (let page = await it.nextv(1000); page.length > 0; page = await it.nextv(1000)) n += page.length
        await it.close()
      })
      await db.close()
      if (n !== records) throw new Error('rows are missing')
      return ns
    },
  )
}

const ROUNDS = 20

/** Nanoseconds of one digest per changed record, of a mark, and of a rollback of ten changes beside many and few records. */
async function states(records: number, passes: number): Promise<Record<string, number[]>> {
  await loadHashes()
  const found: Record<string, number[]> = { digest: [], mark: [], rollbackFew: [], rollbackMany: [] }
  for (let pass = 0; pass <= passes; pass++) {
    const note = (name: string, ms: number, units: number): void => {
      if (pass > 0 || passes === 0) found[name].push((ms * 1e6) / units)
    }
    const few = memory<Numbers>({ ...NUMBERS, history: 'digest' })
    for (let i = 0; i < 10; i++) few.produce(i, i)
    few.digest() // as beside many: from the first digest on, changes are noted for the next
    const many = memory<Numbers>({ ...NUMBERS, history: 'digest' })
    for (let i = 0; i < records; i++) many.produce(i % 1000, i)
    many.digest()
    for (let i = 0; i < 10_000; i++) many.produce(i % 1000, i)
    let start = cpuMs()
    many.digest()
    note('digest', cpuMs() - start, 10_000)
    const times = new Map([few, many].map((space): [Numbered, number[]] => [space, []]))
    for (let batch = 0; batch < 200; batch++)
      for (const [space, found] of times) {
        const start = performance.now()
        for (let i = 0; i < ROUNDS; i++) {
          const mark = space.mark()
          for (let j = 0; j < 5; j++) space.produce(j, i)
          for (let j = 0; j < 5; j++) space.tryTake(j, null)
          space.rollback(mark)
        }
        found.push((performance.now() - start) / ROUNDS)
      }
    // By turns, and the quicker ones of many: what the collector does for the records that were made before, and what others do on the machine, is not the rollback's.
    for (const [space, found] of times)
      note(space === few ? 'rollbackFew' : 'rollbackMany', found.sort((a, b) => a - b)[found.length >> 2], 1)
    start = cpuMs()
    const marks = Array.from({ length: 20_000 }, () => many.mark())
    note('mark', cpuMs() - start, 20_000)
    many.release(marks[0])
  }
  return found
}

/** Bytes of heap and of buffers, per datum of 100 bytes, per idle channel with a handle, per continuation. Needs --expose-gc. */
function weights(n: number): Record<string, number> {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('start with --expose-gc')
  const used = (): number => {
    gc()
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const kept: unknown[] = []
  const weigh = (make: (space: Space<Texts>) => void): number => {
    const space = memory<Texts>(TEXTS)
    kept.push(space)
    const before = used()
    make(space)
    return (used() - before) / n
  }
  return {
    datum: weigh(space => {
      const channel = space.channel('c')
      for (let i = 0; i < n; i++) space.produce(channel, `${i}`.padStart(100, 'x').split('').join(''))
    }),
    channel: weigh(space => {
      for (let i = 0; i < n; i++) kept.push(space.channel(`channel ${i}`))
    }),
    continuation: weigh(space => {
      const channel = space.channel('c')
      for (let i = 0; i < n; i++) space.consume([{ channel, pattern: null }], 0)
    }),
  }
}
/** Counts what a space hands to the engine. */
class Counter extends MemoryEngine {
  rows = 0
  bytes = 0
  override batch(ops: readonly Op[], sync: boolean): Promise<void> {
    for (const { key, value } of ops) {
      if (key[0] !== 0x4c) this.rows++
      this.bytes += key.length + (value?.length ?? 0)
    }
    return super.batch(ops, sync)
  }
}

/** Rows written for reading n channels; bytes of an append and a take at depth 10 and 100,000; the longest the thread was busy with a commit. */
async function effects(n: number): Promise<Record<string, number>> {
  const engine = new Counter()
  const space = await open<Numbers>(engine, { ...NUMBERS, create: true })
  for (let i = 0; i < n; i++) space.produce(i, i)
  await space.flush()
  engine.rows = 0
  for (let i = 0; i < 2 * n; i++) space.tryRead(i, null)
  await space.flush()
  const read = engine.rows
  const bytesAt = async (depth: number): Promise<number> => {
    const channel = -1 - depth
    for (let i = 0; i < depth; i++) space.produce(channel, i)
    await space.flush()
    engine.bytes = 0
    for (let i = 0; i < 100; i++) {
      await space.put(channel, i)
      space.tryTake(channel, null)
      await space.flush()
    }
    return engine.bytes / 100
  }
  const shallow = await bytesAt(10)
  const deep = await bytesAt(100_000)
  await space.close()

  // Groups of the default size; the longest stretch between two turns of the event loop, without the operations themselves.
  const busy = await open<Numbers>(fresh(), { ...NUMBERS, create: true, group: 'manual' })
  const stretches: number[] = []
  for (let round = 0; round < 64; round++) {
    for (let i = 0; i < 1000; i++) busy.produce(i, i)
    let longest = 0
    let last = performance.now()
    let isOver = false
    const done = busy.flush().then(() => {
      isOver = true
    })
    while (!isOver) {
      await new Promise(resolve => setImmediate(resolve))
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    await done
    stretches.push(longest)
  }
  await busy.close()
  // Other work on the machine lengthens stretches: those of the quieter rounds are ours.
  return { read, shallow, deep, blockedMs: stretches.sort((a, b) => a - b)[stretches.length >> 3] }
}

interface Texts {
  C: string
  P: null
  A: string
  K: number
  R: string
  G: never
}
const text = {
  id: 'text',
  encode: (s: string): Uint8Array => new TextEncoder().encode(s),
  decode: (b: Uint8Array): string => new TextDecoder().decode(b),
  key: (s: string): string => s,
}
const TEXTS: Pick<OpenOptions<Texts>, 'codec' | 'matcher'> = {
  codec: { channel: text, datum: text, body: codec, pattern: any },
  matcher: { match: (_pattern, datum) => datum },
}

const COMMANDS: Readonly<Record<string, (n: number, passes: number) => unknown>> = {
  process: (n, passes) => durable(false, n, passes),
  power: (n, passes) => durable(true, n, passes),
  'rows-process': (n, passes) => rowsOnly(false, n, passes),
  'rows-power': (n, passes) => rowsOnly(true, n, passes),
  inside,
  callers,
  ring: (n, passes) => grouped('ring', n, passes),
  counter: (n, passes) => grouped('counter', n, passes),
  bank: (n, passes) => grouped('bank', n, passes),
  history: (n, passes) => grouped('history', n, passes),
  against: (n, passes) => counter(n, Math.min(n, 200_000), passes),
  park,
  recovery,
  states,
  weights,
  effects,
}

const [command, n, passes] = process.argv.slice(2)
console.log(JSON.stringify(await COMMANDS[command](Number(n), Number(passes))))
