import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { _, importInto, memory, open, type Page, type Types, v } from '../../../rspace/index.ts'
import { type JsonValue, jsonCodec } from '../../../rspace/json.ts'
import { hashesReady, xxh64 } from '../../../rspace/store/hash.ts'
import { importDir, LevelEngine, MemoryEngine } from '../../../rspace/store/index.ts'
import { Model, World } from '../../rspace/kernel-model.ts'
import { Random } from '../../support/random.ts'
import { type Budget, type Outcome, remove, temporary } from '../store/world.ts'

/** Families 10, 12, 14, 15, 16: worlds small enough to be exhausted, bytes from nowhere, queues that never rest, forged names, large numbers. */

type Action = (w: World, m: Model, n: number) => [string, string]

/** Everything that can be done with two channels and two values: data, receives of one channel, joins and a guarded join. */
function alphabet(): Action[] {
  const actions: Action[] = []
  for (const chan of [0, 1])
    for (const value of [0, 1])
      for (const persistent of [false, true])
        actions.push((w, m) => [w.produce(chan, value, persistent), m.produce(chan, value, persistent)])
  const consume = (branches: Parameters<World['consume']>[0]['branches'], persistent = false): void => {
    actions.push((w, m, n) => {
      const spec = { name: `k${n}`, branches, persistent }
      return [w.consume(spec), m.consume(spec)]
    })
  }
  const accepted = ['any', [0]] as const
  const arrows = [0, 1, 2] as const
  for (const chan of [0, 1])
    for (const accepts of accepted) for (const arrow of arrows) consume([{ binds: [{ chan, accepts, arrow }] }], arrow === 1)
  for (const a of accepted)
    for (const b of accepted)
      for (const [x, y] of [
        [0, 0],
        [0, 2],
        [2, 2],
        [1, 1],
      ] as const)
        consume(
          [
            {
              binds: [
                { chan: 0, accepts: a, arrow: x },
                { chan: 1, accepts: b, arrow: y },
              ],
            },
          ],
          x === 1,
        )
  for (const a of accepted)
    for (const [x, y] of [
      [0, 0],
      [0, 2],
      [2, 2],
    ] as const)
      consume([
        {
          binds: [
            { chan: 0, accepts: a, arrow: x },
            { chan: 0, accepts: 'any', arrow: y },
          ],
        },
      ])
  for (const modulus of [2, 3])
    consume([
      {
        binds: [
          { chan: 0, accepts: 'any', arrow: 0 },
          { chan: 1, accepts: 'any', arrow: 0 },
        ],
        modulus,
      },
    ])
  consume([{ binds: [{ chan: 0, accepts: [0], arrow: 0 }] }, { binds: [{ chan: 1, accepts: 'any', arrow: 0 }] }])
  consume([{ binds: [{ chan: 1, accepts: 'any', arrow: 2 }] }, { binds: [{ chan: 0, accepts: 'any', arrow: 0 }] }])
  consume([
    {
      binds: [
        { chan: 1, accepts: [1], arrow: 0 },
        { chan: 0, accepts: 'any', arrow: 0 },
      ],
    },
  ])
  consume([{ binds: [{ chan: 1, accepts: 'any', arrow: 1 }], modulus: 2 }], true)
  return actions
}

/** Family 10: all sequences of three of these, in every order, each followed by two pumps. A case is a sequence; a seed shifts where it begins. */
export async function smallWorlds(budget: Budget): Promise<Outcome> {
  const actions = alphabet()
  const n = actions.length
  const failures: string[] = []
  const total = n ** 3
  let cases = 0
  // A step that shares no factor with the number of sequences visits all of them, whatever the number of cases.
  let step = Math.floor(total * 0.6180339) | 1
  while (gcd(step, total) > 1) step += 2
  for (let i = 0, at = budget.seed % total; i < Math.min(budget.cases, total); i++, at = (at + step) % total) {
    const w = new World(2)
    const m = new Model()
    cases++
    const sequence = [at % n, Math.floor(at / n) % n, Math.floor(at / n / n)]
    for (const [k, a] of sequence.entries()) {
      const [real, expected] = actions[a](w, m, k)
      if (real !== expected) failures.push(`sequence ${sequence}: step ${k} did ${real}, not ${expected}`)
    }
    for (let p = 0; p < 2; p++) if (w.pump() !== m.pump()) failures.push(`sequence ${sequence}: pump ${p} differs`)
    if (w.dump() !== m.dump(2)) failures.push(`sequence ${sequence}: state ${w.dump()}, not ${m.dump(2)}`)
    const idle = m.idle()
    if (idle !== null) failures.push(`sequence ${sequence}: ${idle} could fire and did not`)
    if (i % 4096 === 4095 && budget.isOver?.() === true) break
  }
  return { cases, failures, notes: { alphabet: 0 } }
}
const gcd = (a: number, b: number): number => {
  let [x, y] = [a, b]
  while (y > 0) [x, y] = [y, x % y]
  return x
}

const TYPED = new Set(['BAD_ARGUMENT', 'CODEC', 'IMPORT_INVALID', 'VERSION', 'CORRUPT', 'LIMIT', 'MATCH_TOO_COSTLY', 'CODEC_MISMATCH'])

/** Family 12: random and bent bytes for the codec, the importers and the pattern language. Only typed errors; what is accepted encodes to what it was. */
export async function fuzz(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes = { accepted: 0, refused: 0 }
  const source = memory()
  for (let i = 0; i < 12; i++) source.produce(`c${i % 3}`, { i })
  source.consume([{ channel: 'x', pattern: v.a }], 'k')
  const pages: Page[] = []
  for await (const p of source.export({ limit: 4 })) pages.push(p)
  const values = [null, true, 'a$', 12.5, { $$x: [1, { y: 'é' }] }, [], ['', 0]].map(x => jsonCodec.encode(x as JsonValue))
  const words = ['$gt', '$or', '$and', '$not', '$in', '$type', '$var', '$any', '$lit', '$exact', '$rest', 'a', '']
  const junk = (r: Random, depth: number): unknown => {
    const kind = r.below(depth > 3 ? 6 : 9)
    if (kind < 6) return [null, r.below(5), `${r.below(9)}`, r.oneIn(2), words[r.below(words.length)], -1.5][kind]
    if (kind === 6) return Array.from({ length: r.below(4) }, () => junk(r, depth + 1))
    return Object.fromEntries(Array.from({ length: r.below(3) }, () => [words[r.below(words.length)], junk(r, depth + 1)]))
  }
  const base = temporary('fuzz')
  const attempt = async (where: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work()
      notes.accepted++
    } catch (e) {
      const code = (e as { code?: string }).code ?? ''
      if (TYPED.has(code)) notes.refused++
      else failures.push(`${where}: ${e instanceof Error ? (e.stack ?? e.message) : e}`)
    }
  }
  let cases = 0
  try {
    for (let i = 0; i < budget.cases && !(i % 64 === 63 && budget.isOver?.()); i++) {
      cases++
      const r = new Random(budget.seed * 15_485_863 + i)
      const where = `seed ${budget.seed} case ${i}`
      const bend = (bytes: Uint8Array): Uint8Array => {
        const out = bytes.slice(0, r.oneIn(3) ? r.below(bytes.length + 1) : bytes.length)
        for (let n = r.below(3); n > 0 && out.length > 0; n--) out[r.below(out.length)] = r.next()
        return out
      }
      switch (i % 8) {
        case 0:
          await attempt(`${where} pages`, async () => {
            const bent = pages.map(p => ({
              ...p,
              rows: p.rows.map(([k, x]) => [r.oneIn(9) ? bend(k) : k, r.oneIn(9) ? bend(x) : x] as const),
            }))
            await importInto(new MemoryEngine(), r.oneIn(3) ? bent.slice(r.below(3)) : bent)
          })
          break
        case 1:
          if (i % 128 === 1)
            await attempt(`${where} stream`, async () => {
              await importDir(
                oneOf(r.oneIn(2) ? r.bytes(r.below(400)) : bend(new TextEncoder().encode('RHZPAGES\x20and more'))),
                `${base}/${i}`,
              )
            })
          break
        case 2:
        case 3:
        case 4:
          await attempt(`${where} pattern`, () => {
            const space = memory()
            space.produce('c', junk(r, 1) as JsonValue)
            space.consume([{ channel: 'c', pattern: junk(r, 0) as JsonValue }], 'k', r.oneIn(3) ? { where: junk(r, 0) as never } : {})
          })
          break
        default:
          await attempt(`${where} json`, () => {
            const bytes = r.oneIn(2) ? r.bytes(r.below(40)) : bend(values[r.below(values.length)])
            const back = jsonCodec.encode(jsonCodec.decode(bytes))
            if (Buffer.compare(back, bytes) !== 0) throw new Error('accepted bytes that are not canonical')
          })
      }
    }
  } finally {
    remove(base)
  }
  return { cases, failures, notes }
}
async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Heap in use after a full collection. */
function settledHeap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  return process.memoryUsage().heapUsed
}
const WRITE_BUFFER = 1 << 20
const PAYLOAD = 'x'.repeat(100)

/**
 * Family 14: a queue that is filled and drained for ever on disk; a case is an operation. Rows and memory follow what is alive. The engine
 * may use three times what is alive, kept commit records included, and twice its write buffer.
 */
export async function soak(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const base = temporary('soak')
  const dir = join(base, 'rows')
  mkdirSync(dir)
  const engine = () => new LevelEngine(dir, { writeBufferBytes: WRITE_BUFFER })
  const space = await open(engine(), { create: true, group: { opsMax: 500 } })
  const r = new Random(budget.seed)
  const where = `seed ${budget.seed}`
  let next = 0
  let oldest = 0
  let cases = 0
  let early = 0
  // Of fixed size, so that measuring does not look like a leak.
  const slow = new Float64Array(Math.min(1 << 18, Math.ceil(budget.cases / 8)))
  // Not while the host still warms up.
  const earlyAt = Math.max(500_000, Math.floor(budget.cases / 2))
  const take = (): void => {
    const got = (space.tryTake('queue', _)?.value as { n: number } | undefined)?.n
    if (got !== oldest++) failures.push(`${where}: took ${got} in place of ${oldest - 1}`)
  }
  /** Heap without what waits in the queue. */
  const emptyHeap = async (): Promise<number> => {
    while (oldest < next) take()
    await space.flush()
    return settledHeap()
  }
  try {
    for (; cases < budget.cases && !(cases % 8192 === 8191 && budget.isOver?.()); cases++) {
      const depth = next - oldest
      const began = cases % 8 === 0 ? performance.now() : 0
      if (depth === 0 || (depth < 2000 && r.oneIn(2))) space.produce('queue', { n: next++, PAYLOAD })
      else take()
      if (began > 0) slow[(cases / 8) % slow.length] = performance.now() - began
      if (cases % 499 === 0) await null
      if (cases % 9973 === 0) await space.flush()
      if (cases === earlyAt) early = await emptyHeap()
    }
    const grown = early === 0 ? 0 : (await emptyHeap()) / early - 1
    if (grown > 0.05) failures.push(`${where}: memory has grown by ${(100 * grown).toFixed(1)} %`)
    while (next - oldest < 1000) space.produce('queue', { n: next++, PAYLOAD })
    const { rows } = await space.verify()
    if ((rows.D ?? 0) !== next - oldest) failures.push(`${where}: ${rows.D} data rows for ${next - oldest} data`)
    if ((rows.C ?? 0) > 1 || (rows.T ?? 0) > 0) failures.push(`${where}: rows are left over: ${JSON.stringify(rows)}`)
    let alive = 0
    const reading = engine()
    await space.close()
    const disk = readdirSync(dir).reduce((n, name) => n + statSync(join(dir, name)).size, 0)
    await reading.open()
    for await (const page of reading.iterate(new Uint8Array(0), new Uint8Array(64).fill(255)))
      for (const [k, x] of page) alive += k.length + x.length
    await reading.close()
    if (disk > 3 * alive + 2 * WRITE_BUFFER) failures.push(`${where}: ${disk} bytes on disk for ${alive} that are alive`)
    const again = await open(engine())
    if (again.count('queue') !== next - oldest) failures.push(`${where}: the queue changed its length`)
    if (next > oldest && (again.tryTake('queue', _)?.value as { n: number } | undefined)?.n !== oldest)
      failures.push(`${where}: the queue lost its head`)
    await again.close()
    slow.sort()
    const p999 = Math.round(1000 * (slow[Math.floor(slow.length * 0.999)] ?? 0))
    return {
      cases,
      failures,
      notes: {
        slowestP999Us: p999,
        slowestUs: Math.round(1000 * (slow.at(-1) ?? 0)),
        slowestDiskKiB: disk >> 10,
        slowestAliveKiB: alive >> 10,
        slowestGrowthPerMille: Math.round(1000 * grown),
      },
    }
  } finally {
    remove(base)
  }
}

/** Lanes and finish of XXH64, as far as a forger needs them. */
const M64 = (1n << 64n) - 1n
const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n
const rol = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & M64
const inverse = (a: bigint): bigint => {
  let x = a
  for (let i = 0; i < 6; i++) x = (x * (2n - a * x)) & M64
  return x
}
const [P1_BACK, P2_BACK] = [inverse(P1), inverse(P2)]

/** Sixteen bytes beginning with `head` whose XXH64 is the same for every head: the second lane undoes what the first one did. */
export function forged(head: bigint): Uint8Array {
  const round = (lane: bigint): bigint => (rol((lane * P2) & M64, 31n) * P1) & M64
  const mixed = (rol(((P5 + 16n) & M64) ^ round(head), 27n) * P1 + P4) & M64
  const wanted = 0x0123456789abcdefn
  const second = (rol(((mixed ^ wanted) * P1_BACK) & M64, 33n) * P2_BACK) & M64
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, head, true)
  view.setBigUint64(8, second, true)
  return bytes
}

interface ByteTypes extends Types {
  C: Uint8Array
  P: null
  A: Uint8Array
  K: string
  R: Uint8Array
  G: never
}
const byteCodec = { id: 'bytes', encode: (b: Uint8Array) => b, decode: (b: Uint8Array) => b.slice() }
const textCodec = { id: 'text', encode: (t: string) => new TextEncoder().encode(t), decode: (b: Uint8Array) => new TextDecoder().decode(b) }
const nullCodec = { id: 'any', encode: () => new Uint8Array(0), decode: () => null }

/**
 * Family 15: names that hosts and hashes treat specially are never taken for each other, in memory and on disk. A case is a name; half of
 * them are numbers and property names, half are bytes that were forged to have one and the same XXH64.
 */
export async function forgedNames(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const space = memory()
  const r = new Random(budget.seed)
  const half = Math.ceil(budget.cases / 2)
  const nameAt = (i: number): JsonValue => {
    const kinds: JsonValue[] = [i, `${i}`, -i - 1, [i], { [`${i}`]: 0 }, `__proto__${i}`, `n${'x'.repeat(40)}${i}`, 2n ** 70n + BigInt(i)]
    return kinds[i % kinds.length]
  }
  const special: JsonValue[] = ['__proto__', 'constructor', 'toString', '', '0', 0, [], {}, null, true, false, 'null', '[]', '{}']
  const names = [...special, ...Array.from({ length: half }, (_x, i) => nameAt(i + r.below(2) * 8))]
  const counts = new Map<string, number>()
  for (const name of names) {
    const key = Buffer.from(jsonCodec.encode(name)).toString('hex')
    counts.set(key, (counts.get(key) ?? 0) + 1)
    space.produce(name, key)
  }
  for (const name of names) {
    const key = Buffer.from(jsonCodec.encode(name)).toString('hex')
    const found = space.readMany(name, _)
    if (found.length !== counts.get(key) || found.some(g => g.value !== key)) failures.push(`name ${key} holds ${found.length} data`)
  }

  const engine = new MemoryEngine()
  const options = {
    codec: { channel: byteCodec, pattern: nullCodec, datum: byteCodec, body: textCodec },
    matcher: { match: (_p: null, a: Uint8Array) => a },
  }
  let bytes = await open<ByteTypes>(engine, { ...options, create: true })
  await hashesReady()
  const sum = xxh64(forged(0n))
  const colliding = Array.from({ length: half }, (_x, i) => forged(BigInt(r.next()) * 65_536n + BigInt(i)))
  for (const name of colliding) {
    if (xxh64(name) !== sum) failures.push('a forged name does not collide')
    bytes.produce(name, name)
  }
  await bytes.close()
  bytes = await open<ByteTypes>(engine, options)
  for (const name of colliding) {
    const found = bytes.readMany(name, null)
    if (found.length !== 1 || Buffer.compare(found[0].value, name) !== 0)
      failures.push(`forged name ${Buffer.from(name).toString('hex')} holds ${found.length}`)
  }
  await bytes.close()
  return { cases: budget.cases, failures, notes: { colliding: colliding.length } }
}

/** Family 16: many of everything; a case is a datum. The notes state the times. */
export async function scale(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const expect = (ok: boolean, what: string): void => {
    if (!ok) failures.push(`seed ${budget.seed}: ${what}`)
  }
  const notes: Record<string, number> = {}
  const timed = async (name: string, work: () => Promise<void> | void): Promise<void> => {
    const began = performance.now()
    await work()
    notes[`slowest ${name} ms`] = Math.round(performance.now() - began)
  }
  const n = budget.cases
  const engine = new MemoryEngine()
  const space = await open(engine, { create: true, group: { opsMax: 20_000 } })
  await timed(`${n} data`, () => {
    for (let i = 0; i < n; i++) space.produce(`channel ${i % Math.ceil(n / 10)}`, { i })
  })
  await timed(`${n / 10} on one channel`, () => {
    for (let i = 0; i < n / 10; i++) space.produce('one', { i, open: true })
    expect(space.tryTake('one', { i: Math.floor(n / 20) })?.value !== undefined, 'a datum among many was not found by its key')
  })
  await timed('join of 200', () => {
    const width = 200
    space.consume(
      Array.from({ length: width }, (_x, i) => ({ channel: `join ${i}`, pattern: v[`x${i}`] })),
      'wide',
    )
    for (let i = 0; i < width - 1; i++) expect(space.produce(`join ${i}`, i).comms.length === 0, 'a wide join fired too early')
    expect(space.produce(`join ${width - 1}`, 0).comms[0]?.matches.length === width, 'a wide join did not fire')
  })
  const large = 'x'.repeat(1 << 20)
  await timed('1 MiB', () => {
    space.produce('large', large)
  })
  await timed('commit', async () => {
    await space.close()
  })
  await timed('open', async () => {
    const again = await open(engine)
    expect(again.stats().data === n + Math.ceil(n / 10), `${again.stats().data} data after reopening`)
    expect(again.tryRead('large', _)?.value === large, 'a large datum changed')
    await again.close()
  })
  return { cases: n, failures, notes }
}
