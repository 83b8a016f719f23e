import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { QuietHost } from '../src/host/hosts.ts'
import { openSpace } from '../src/host/space.ts'
import { type Durable, openDurable } from '../src/machine/durable.ts'
import { Session } from '../src/machine/session.ts'
import type { Pair } from './store-inside.ts'

/**
 * Programs whose state is in a directory, against the same programs in memory and against the bare engine. Everything runs in this process and alternates. Costs are
 * those of a steady state: the time of a short run is taken off that of a long one. Groups are closed as ever; outputs leave after the commit that holds them.
 */

type Way = 'memory' | 'process' | 'power'

interface Program {
  readonly source: (n: number) => string
  /** COMMs of `source(n)`; what a run did is compared with it. */
  readonly comms: (n: number) => number
  /** The one line that it prints. */
  readonly prints: (n: number) => string
}

const RING = 503
const CELLS = 10_000
const CLIENTS = 100

const PROGRAMS: Readonly<Record<string, Program>> = {
  ring: {
    source: n => `new stdout(\`rho:io:stdout\`), build, first in {
  contract build(@i, here) = { new next in {
    if (i == ${RING}) { build!(i, *here, *first) } else { build!(i, *here, *next) | build!(i + 1, *next) }
  } } |
  contract build(@i, here, next) = { contract here(@left) = { if (left == 0) { stdout!("over") } else { next!(left - 1) } } } |
  build!(1, *first) | first!(${n})
}`,
    comms: n => 2 * RING + n + 2,
    prints: () => '"over"',
  },
  pingpong: {
    source: n => `new stdout(\`rho:io:stdout\`), ping, pong in {
  contract ping(@left) = { if (left == 0) { stdout!("over") } else { pong!(left) } } | contract pong(@left) = { ping!(left - 1) } | ping!(${n})
}`,
    comms: n => 2 * n + 2,
    prints: () => '"over"',
  },
  counter: {
    source: n => `new stdout(\`rho:io:stdout\`), cell, go in {
  cell!(0) | contract go(@left) = { if (left == 0) { for (@x <- cell) { stdout!(x) } } else { for (@x <- cell) { cell!(x + 1) | go!(left - 1) } } } | go!(${n})
}`,
    comms: n => 2 * n + 3,
    prints: n => String(n),
  },
  // Every client goes round the cells in steps of its own; what it moves it puts back into the next cell.
  bank: {
    source: n => `new stdout(\`rho:io:stdout\`), fill, client, done, count in {
  contract fill(@i) = { if (i < ${CELLS}) { @i!(100) | fill!(i + 1) } else { ${Array.from({ length: CLIENTS }, (_, i) => `client!(${i * 97}, ${7 + 2 * i}, ${Math.floor(n / CLIENTS)})`).join(' | ')} } } |
  contract client(@at, @step, @left) = {
    if (left == 0) { done!(Nil) } else {
      for (@a <- @at & @b <- @((at + step) % ${CELLS})) { @at!(a - 1) | @((at + step) % ${CELLS})!(b + 1) | client!((at + 2 * step) % ${CELLS}, step, left - 1) }
    }
  } |
  contract count(@i) = { if (i == 0) { stdout!("over") } else { for (_ <- done) { count!(i - 1) } } } | count!(${CLIENTS}) | fill!(0)
}`,
    comms: n => CELLS + 1 + 2 * CLIENTS * Math.floor(n / CLIENTS) + CLIENTS + CLIENTS + CLIENTS + 1 + 1,
    prints: () => '"over"',
  },
  park: {
    source: n => `new stdout(\`rho:io:stdout\`), go in {
  contract go(@left) = { if (left == 0) { stdout!("over") } else { new x in { for (@v <- x) { @"out"!(v, left) } | go!(left - 1) } } } | go!(${n})
}`,
    comms: n => n + 2,
    prints: () => '"over"',
  },
}

const parent = mkdtempSync(join(tmpdir(), 'rho-bench-durable-'))
let folders = 0
const fresh = (): string => join(parent, String(folders++))
const now = (): number => performance.now()

function check(p: Program, n: number, session: Session, lines: readonly string[]): void {
  if (lines.join() !== p.prints(n)) throw new Error(`printed ${lines.join().slice(0, 100)}, not ${p.prints(n)}`)
  if (session.failures.length > 0) throw new Error(session.failures[0].message)
  const { comms } = session.stats()
  if (comms !== p.comms(n)) throw new Error(`${comms} COMMs, not ${p.comms(n)}`)
}

/** Milliseconds from the deployment until it is at rest and everything is safe. */
async function once(p: Program, n: number, way: Way, dir: string): Promise<number> {
  const lines: string[] = []
  const outlet = { leave: (o: { kind: string; text?: string }) => void lines.push(String(o.text)), flush: () => true }
  if (way === 'memory') {
    const host = new QuietHost()
    const session = new Session({ host })
    const { program } = session.compile('bench.rho', p.source(n))
    if (program === undefined) throw new Error('the program is refused')
    const start = now()
    session.deploy(program)
    while (session.run(200_000) === 'budget');
    const ms = now() - start
    check(p, n, session, host.output.lines('stdout'))
    return ms
  }
  const durable: Durable = await openDurable({ host: new QuietHost() }, await openSpace(dir, { durability: way, create: true }), {
    now,
    outlet,
  })
  try {
    const { session } = durable
    const { program } = session.compile('bench.rho', p.source(n))
    if (program === undefined) throw new Error('the program is refused')
    const start = now()
    session.deploy(program)
    await durable.flush()
    await session.settle()
    const ms = now() - start
    check(p, n, session, lines)
    return ms
  } finally {
    await durable.close()
  }
}

/**
 * Nanoseconds per unit: the long run without a short one of a quarter of its size. If the machine was so busy that the difference says nothing, the long run as it
 * was: never less than the truth.
 */
async function cost(p: Program, n: number, units: number, way: Way): Promise<number> {
  const dirs = [fresh(), fresh()]
  const short = await once(p, n / 4, way, dirs[0])
  const long = await once(p, n, way, dirs[1])
  for (const d of dirs) rmSync(d, { recursive: true, force: true })
  const steady = (long - short) / 0.75
  return ((steady > long / 2 ? steady : long) * 1e6) / units
}

async function pairs(passes: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<Pair> {
  const result: Pair = { ours: [], theirs: [] }
  for (let i = 0; i <= passes; i++) {
    // The order changes from pass to pass, so that neither always comes after the other.
    const order = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
    const found = new Map<() => Promise<number>, number>()
    for (const f of order) found.set(f, await f())
    if (i === 0) continue // warming up
    result.ours.push(found.get(ours) as number)
    result.theirs.push(found.get(theirs) as number)
  }
  return result
}

/** Rows like those of a parked machine in chained batches of 1,000 on the bare engine: nanoseconds per row. */
async function raw(rows: number, sync: boolean): Promise<number> {
  const dir = fresh()
  const db = new ClassicLevel<Uint8Array, Uint8Array>(dir, { keyEncoding: 'view', valueEncoding: 'view' })
  await db.open()
  const start = now()
  let writing: Promise<unknown> = Promise.resolve()
  for (let i = 0; i < rows; ) {
    const batch = db.batch()
    for (let j = 0; j < 1000 && i < rows; j++, i++) {
      const key = new Uint8Array(10)
      new DataView(key.buffer).setBigUint64(2, BigInt(i))
      const value = new Uint8Array(ROW_BYTES)
      for (let b = 0; b < ROW_BYTES; b++) value[b] = (i >> (b & 15)) & 255
      batch.put(key, value)
    }
    await writing
    writing = batch.write({ sync })
  }
  await writing
  const ns = ((now() - start) * 1e6) / rows
  await db.close()
  rmSync(dir, { recursive: true, force: true })
  return ns
}
/** What the row of such a machine holds behind its key, the checksum included. */
const ROW_BYTES = 40

/** Opening a space with `n` waiting machines, against a bare iteration over the same rows: nanoseconds per row. */
async function opening(n: number, passes: number): Promise<Pair> {
  const dir = fresh()
  await once(PROGRAMS.park, n, 'process', dir)
  let rows = 0
  return pairs(
    passes,
    async () => {
      const start = now()
      const durable = await openDurable({ host: new QuietHost() }, await openSpace(dir), {
        now,
        outlet: { leave: () => {}, flush: () => true },
      })
      const ms = now() - start
      if (durable.session.shard.alive !== n + 1) throw new Error(`${durable.session.shard.alive} machines, not ${n + 1}`)
      await durable.close()
      return (ms * 1e6) / n
    },
    async () => {
      const db = new ClassicLevel<Uint8Array, Uint8Array>(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
      await db.open({ createIfMissing: false })
      const start = now()
      // The option is the engine's own and passed on by the binding; its types do not name it.
      const it = db.iterator({ highWaterMarkBytes: 1 << 20 } as object)
      rows = 0
      for (let page = await it.nextv(1000); page.length > 0; page = await it.nextv(1000)) rows += page.length
      await it.close()
      const ms = now() - start
      await db.close()
      if (rows < n) throw new Error(`${rows} rows for ${n} machines`)
      return (ms * 1e6) / n
    },
  )
}

async function main([command, size, count]: readonly string[]): Promise<Pair> {
  const n = Number(size)
  const passes = Number(count)
  if (command === 'open') return opening(n, passes)
  const [name, way] = command.split('-') as [string, Way]
  const p = PROGRAMS[name]
  const units = p.comms(n)
  if (command === 'park-power')
    return pairs(
      passes,
      () => cost(p, n, n, way),
      () => raw(n, true),
    )
  if (command === 'park-process')
    return pairs(
      passes,
      () => cost(p, n, n, way),
      () => raw(n, false),
    )
  if (command === 'counter-raw')
    return pairs(
      passes,
      () => cost(p, n, units, 'power'),
      () => raw(50_000, true),
    )
  return pairs(
    passes,
    () => cost(p, n, units, way),
    () => cost(p, n, units, 'memory'),
  )
}

try {
  process.stdout.write(JSON.stringify(await main(process.argv.slice(2))))
} finally {
  rmSync(parent, { recursive: true, force: true })
}
