import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { blake2b256 } from '../../../rspace/blake.ts'
import { _, open, v } from '../../../rspace/index.ts'
import { checkpointDir, eventsOf, forkDir, recordsOf, resetDir } from '../../../rspace/offline.ts'
import { RowAnchor } from '../../../rspace/store/anchor.ts'
import { concatBytes, Reader, Writer } from '../../../rspace/store/bytes.ts'
import { sealRow } from '../../../rspace/store/format.ts'
import { xxh64 } from '../../../rspace/store/hash.ts'
import {
  exportDir,
  type Format,
  importDir,
  LevelEngine,
  MemoryEngine,
  type Op,
  openStore,
  type Report,
} from '../../../rspace/store/index.ts'
import { repairCopy, verifyCopy } from '../../../rspace/store/repair.ts'
import { verifyEngine } from '../../../rspace/store/verify.ts'
import { newerFormat } from '../../torture/store/places.ts'
import { codeOf, copyFiles, deltaAt, difference, Model, remove, rowsOfStore, stepOf, temporary } from '../../torture/store/world.ts'

/** Rows that are not what was written, read in this process: the engine's own files are whole, so that nothing can end it. */

const base = temporary('reading')
afterAll(() => remove(base))
const ALL = [new Uint8Array(0), new Uint8Array(32).fill(255)] as const
const STEPS = 12

type Row = [Uint8Array, Uint8Array]
interface Readable {
  iterate(from: Uint8Array, to: Uint8Array): AsyncIterable<Row[]>
  batch(ops: readonly Op[], sync: boolean): Promise<void>
}
async function all(engine: Readable): Promise<Row[]> {
  const rows: Row[] = []
  for await (const page of engine.iterate(...ALL)) rows.push(...page.map(([k, value]): Row => [k.slice(), value.slice()]))
  return rows
}

/** Ways of changing single rows; they take the rows of now and of an earlier time. */
const arbHarm = fc.record({
  how: fc.constantFrom(
    'delete',
    'flip',
    'older',
    'add',
    'unknown tag',
    'move record',
    'drop end',
    'resealed',
    'sealed unknown',
    'wreck',
    'no records',
    'no format',
  ) as fc.Arbitrary<string>,
  at: fc.nat(),
  by: fc.nat({ max: 254 }),
})
type Harm = typeof arbHarm extends fc.Arbitrary<infer H> ? H : never

function harm(rows: Row[], older: Row[], { how, at, by }: Harm): Op[] {
  const records = rows.filter(r => r[0][0] === 0x4c)
  if (rows.length === 0 || (records.length === 0 && /record|resealed|end/.test(how))) return []
  const [key, value] = rows[at % rows.length]
  switch (how) {
    case 'delete':
      return [{ key }]
    case 'flip': {
      const changed = value.slice()
      changed[at % changed.length] ^= by + 1
      return [{ key, value: changed }]
    }
    case 'older': {
      const [k, was] = older[at % older.length]
      return [{ key: k, value: was }]
    }
    case 'add':
      return [{ key: Uint8Array.of(0x58, 1, by), value: value.slice() }]
    case 'unknown tag':
      return [{ key: Uint8Array.of(by % 2 === 0 ? 0x59 : 0x31, by), value }]
    case 'move record': {
      const [a, b] = [records[at % records.length], records[by % records.length]]
      return [{ key: a[0], value: b[1] }]
    }
    case 'resealed': {
      // With a good checksum: as a program would do it, not a disk.
      const [k, was] = records[by % records.length]
      const changed = was.slice(0, -8)
      changed[at % changed.length] ^= 1 + (by % 255)
      return [{ key: k, value: sealRow(k, changed) }]
    }
    case 'sealed unknown': {
      const k = Uint8Array.of(0x5a, by)
      return [{ key: k, value: sealRow(k, Uint8Array.of(1)) }]
    }
    case 'wreck':
      return rows.slice(0, 1 + (at % rows.length)).map(([k, was]) => ({ key: k, value: was.map(x => x ^ 1) }))
    case 'no records':
      return records.map(([k]) => ({ key: k }))
    case 'no format':
      return rows.filter(r => r[0][0] === 0x4d).map(([k]) => ({ key: k }))
    default: {
      return records.slice(-1 - (by % 3)).map(([k]) => ({ key: k }))
    }
  }
}

/** Trie nodes and checkpoints are rows as well, outside the row sum. */
function withNode(seed: number, step: number): ReturnType<typeof deltaAt> {
  const delta = deltaAt(seed, step)
  return {
    ...delta,
    put: [...delta.put, [Uint8Array.of(0x4e, step), Uint8Array.of(step)], [Uint8Array.of(0x53, step % 3), Uint8Array.of(step)]],
  }
}

async function made(seed: number, closed: boolean): Promise<{ engine: MemoryEngine; older: Row[]; format: Format }> {
  const engine = new MemoryEngine()
  const store = await openStore(engine, { create: true, keep: { commits: 6, bytes: 0 } })
  let older: Row[] = []
  for (let step = 1; step <= STEPS; step++) {
    await store.commit(withNode(seed, step), { marks: { refs: step } })
    if (step === STEPS - 3) older = await all(engine)
  }
  if (closed) await store.close()
  return { engine, older, format: store.format }
}

const withoutNodes = (rows: Map<string, string>): Map<string, string> => new Map([...rows].filter(([k]) => k[0] !== 'N' && k[0] !== 'S'))

describe('rows that are not what was written', () => {
  it('are found by a verification and refused by an opening, or make no difference (family 5, rows)', async () => {
    let refused = 0
    let opened = 0
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 50 }),
        fc.boolean(),
        fc.array(arbHarm, { minLength: 1, maxLength: 3 }),
        async (seed, closed, harms) => {
          const { engine, older, format } = await made(seed, closed)
          if (closed) await engine.open()
          for (const h of harms) await engine.batch(harm(await all(engine), older, h), true)
          let report: Report | undefined
          try {
            const anchor = new RowAnchor(engine, format)
            report = await verifyEngine(engine, { format, anchor })
          } catch (e) {
            expect(codeOf(e)).toMatch(/CORRUPT|VERSION/)
          }
          await engine.close()
          try {
            const store = await openStore(engine)
            const rows = await rowsOfStore(store)
            const step = stepOf(rows)
            expect(difference(withoutNodes(rows), Model.at(seed, step))).toBeUndefined()
            if (closed) expect(step).toBe(STEPS)
            opened++
            // After a clean close an opening reads the last commit record alone; a verification reads them all.
            // Trie nodes and checkpoints are read by those who keep history.
            if (report?.ok === false)
              expect(report.problems.filter(p => !(closed ? /^([LNS] |commit)/ : /^[NS] /).test(p.where))).toEqual([])
            else expect(report?.ok).toBe(true)
            await store.close()
          } catch (e) {
            refused++
            expect(codeOf(e)).toMatch(/^(CORRUPT|NEEDS_REPAIR|VERSION|NOT_A_SPACE|NO_SUCH_SPACE)$/)
            if (report !== undefined) expect(report.ok).toBe(false)
          }
        },
      ),
      {
        numRuns: 300,
        examples: [
          // The record that cannot be read had deleted a row that an earlier one wrote.
          [
            5,
            true,
            [
              { how: 'resealed', at: 0, by: 135 },
              { how: 'flip', at: 1342912466, by: 0 },
            ],
          ],
        ],
      },
    )
    expect(refused).toBeGreaterThan(100)
    expect(opened).toBeGreaterThan(5)
  })
  it('are repaired into a state the store had, or into all that can be read', async () => {
    const methods: Record<string, number> = {}
    const template = join(base, 'template')
    const store = await openStore(template, { create: true, keep: { commits: 6, bytes: 0 } })
    for (let step = 1; step <= STEPS; step++) await store.commit(withNode(3, step), { marks: { refs: step, cids: 7 } })
    await store.close()
    let n = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbHarm, { maxLength: 2 }),
        fc.constantFrom('', 'CURRENT', 'RHZ.FORMAT', 'RHZ.CLEAN', 'cut CLEAN', 'newer FORMAT', 'cut FORMAT'),
        async (harms, lost) => {
          const dir = join(base, `case-${n}`)
          const to = join(base, `to-${n++}`)
          copyFiles(template, dir)
          const engine = new LevelEngine(dir)
          await engine.open()
          for (const h of harms) {
            const rows = await all(engine)
            await engine.batch(harm(rows, rows, h), true)
          }
          await engine.close()
          if (lost === 'cut CLEAN') writeFileSync(join(dir, 'RHZ.CLEAN'), readFileSync(join(dir, 'RHZ.CLEAN')).subarray(0, 9))
          else if (lost === 'cut FORMAT') writeFileSync(join(dir, 'RHZ.FORMAT'), readFileSync(join(dir, 'RHZ.FORMAT')).subarray(0, 30))
          else if (lost === 'newer FORMAT') newerFormat(join(dir, 'RHZ.FORMAT'))
          else if (lost !== '') rmSync(join(dir, lost))
          cpSync(dir, `${dir}-again`, { recursive: true })
          const before = await verifyCopy(`${dir}-again`)
          try {
            const report = await repairCopy(dir, to)
            methods[report.method as string] = (methods[report.method as string] ?? 0) + 1
            expect(before.ok).toBe(report.method === 'none')
            expect((await verifyCopy(to)).ok).toBe(true)
            const repaired = await openStore(to)
            const rows = await rowsOfStore(repaired)
            if (report.method !== 'salvage') expect(difference(withoutNodes(rows), Model.at(3, stepOf(rows)))).toBeUndefined()
            expect(repaired.format.salvaged).toBe(report.method === 'salvage')
            await repaired.close()
          } catch (e) {
            expect(codeOf(e)).toMatch(/^(CORRUPT|NOT_A_SPACE|VERSION)$/)
            expect(existsSync(join(to, 'RHZ.FORMAT'))).toBe(false)
          }
          for (const d of [dir, `${dir}-again`, to]) remove(d)
        },
      ),
      { numRuns: 120 },
    )
    expect(Object.keys(methods).sort()).toEqual(['none', 'salvage', 'undo'])
  })
})

describe('a space nobody has open', () => {
  const make = async (name: string, journal: 'undo' | 'events'): Promise<string> => {
    const dir = join(base, name)
    const space = await open(dir, { create: true, journal })
    space.produce('c', { n: 1 })
    space.produce(space.derive('kind', Uint8Array.of(1)), 'derived', { leaseTicks: 9 })
    await space.flush()
    space.consume(
      [
        { channel: 'a', pattern: v.x },
        { channel: 'b', pattern: _, peek: true },
      ],
      'join',
      { persist: true, where: { $gt: [v.x, 1] } },
    )
    space.side('notes').put(Uint8Array.of(1), Uint8Array.of(2))
    await space.flush()
    space.tryTake('c', _)
    await space.close()
    return dir
  }
  it('shows its records, whatever its codecs', async () => {
    const { codecs, records } = await recordsOf(await make('shown', 'undo'))
    expect(codecs).toHaveLength(5)
    expect(records.map(r => r.kind)).toEqual(['datum', 'continuation', 'row'])
    expect(records[0]).toMatchObject({ persistent: false, lease: 9, channel: { kind: 'derived' } })
    expect(records[1]).toMatchObject({ persistent: true, branches: [{ peeks: [false, true] }] })
  })
  it('tells what its commits did: net changes, or every event', async () => {
    for (const journal of ['undo', 'events'] as const) {
      const events = []
      for await (const e of eventsOf(await make(`told-${journal}`, journal))) events.push(e.kind)
      expect(events).toEqual(journal === 'undo' ? ['produce', 'produce', 'consume', 'remove'] : ['produce', 'produce', 'consume', 'comm'])
    }
  })
  it('keeps checkpoints, goes back to them and is forked from them', async () => {
    const dir = await make('forked', 'undo')
    const { root } = await checkpointDir(dir)
    const space = await open(dir)
    space.produce('later', 1)
    await space.close()
    expect((await forkDir(dir, join(base, 'fork-now'))).ok).toBe(true)
    expect((await forkDir(dir, join(base, 'fork-then'), root)).ok).toBe(true)
    const counts = async (where: string): Promise<number> => {
      const s = await open(where)
      const n = s.count('later')
      await s.close()
      return n
    }
    expect([await counts(join(base, 'fork-now')), await counts(join(base, 'fork-then'))]).toEqual([1, 0])
    await expect(forkDir(dir, join(base, 'fork-then'), root)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(forkDir(dir, join(base, 'fork-none'), '00')).rejects.toMatchObject({ code: 'UNKNOWN_ROOT' })
    expect((await resetDir(dir, root)).number).toBeGreaterThan(0)
    expect(await counts(dir)).toBe(0)
  })
  it('of another layout is shown row by row, and not changed', async () => {
    const dir = join(base, 'other')
    mkdirSync(dir)
    const store = await openStore(dir, { create: true, codecs: 'mine' })
    await store.commit({ put: [[Uint8Array.of(0x44, 1), Uint8Array.of(1)]] }, { event: Uint8Array.of(255) })
    await store.commit({ put: [[Uint8Array.of(0x44, 2), Uint8Array.of(1)]] })
    await store.commit({ del: [Uint8Array.of(0x44, 1)] }, { event: new TextEncoder().encode('[{"kind":"mine","channel":"0041"}]') })
    await store.commit({ del: [Uint8Array.of(0x44, 2)] })
    await store.close()
    expect((await recordsOf(dir)).records).toEqual([])
    const events = []
    for await (const e of eventsOf(dir)) events.push(e.kind)
    expect(events).toEqual(['event', 'put', 'mine', 'delete'])
    await expect(checkpointDir(dir)).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
  })
})

describe('exported bytes that somebody has made to fit', () => {
  const pagesOf = async (dir: string): Promise<{ header: Uint8Array; format: Uint8Array; bodies: Uint8Array[] }> => {
    const parts: Uint8Array[] = []
    for await (const piece of exportDir(dir)) parts.push(piece.slice())
    const r = new Reader(concatBytes(...parts))
    r.raw(8)
    const format = r.blob().slice()
    const header = r.bytes.slice(0, r.at)
    const bodies: Uint8Array[] = []
    while (r.left > 0) {
      bodies.push(r.blob().slice())
      r.raw(32)
    }
    return { header, format, bodies }
  }
  async function* stream(
    header: Uint8Array,
    format: Uint8Array,
    bodies: readonly Uint8Array[],
    more = new Uint8Array(0),
  ): AsyncGenerator<Uint8Array> {
    const domain = new TextEncoder().encode('rhz:page\0')
    let chain = blake2b256(domain, format)
    yield header
    for (const body of bodies) {
      chain = blake2b256(domain, chain, body)
      yield concatBytes(new Writer().blob(body).view().slice(), chain)
    }
    yield more
  }
  it('are refused with IMPORT_INVALID, and no store is made', async () => {
    const dir = join(base, 'exported')
    const store = await openStore(dir, { create: true })
    for (let i = 0; i < 5; i++) await store.commit({ put: [[Uint8Array.of(0x58, i), new Uint8Array(100_000).fill(i)]] })
    await store.close()
    const { header, format, bodies } = await pagesOf(dir)
    expect(bodies.length).toBeGreaterThan(2)
    const to = join(base, 'imported')
    const [first, ...others] = bodies
    const row = (key: number, value: number): Uint8Array =>
      new Writer().blob(Uint8Array.of(0x58, key)).blob(Uint8Array.of(value)).view().slice()
    const bad = {
      'an unknown kind of page': [concatBytes(Uint8Array.of(9), first.subarray(1)), ...others],
      'rows out of order': [concatBytes(Uint8Array.of(1), row(9, 1), row(3, 1)), ...others],
      'rows missing': others.slice(-1),
      'a row of the store itself': [
        concatBytes(Uint8Array.of(1), new Writer().blob(Uint8Array.of(0x4c, 1)).blob(Uint8Array.of(1)).view().slice()),
        ...others,
      ],
    }
    for (const pages of Object.values(bad)) {
      await expect(importDir(stream(header, format, pages), to)).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
      expect(existsSync(join(to, 'RHZ.FORMAT'))).toBe(false)
    }
    await expect(importDir(stream(header, format, bodies, Uint8Array.of(1)), to)).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
    const cut = header.slice()
    cut[20] ^= 1
    await expect(importDir(stream(cut, format, bodies), to)).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
    expect((await importDir(stream(header, format, bodies), to)).ok).toBe(true)
  })
})

describe('small files that somebody has made to fit', () => {
  it('are refused for what they say', async () => {
    const dir = join(base, 'formats')
    await (await openStore(dir, { create: true })).close()
    const good = readFileSync(join(dir, 'RHZ.FORMAT'))
    const changed = (at: number, by: number): Uint8Array => {
      const bytes = new Uint8Array(good.subarray(0, -8))
      bytes[at] = by
      return new Writer().raw(bytes).u64(xxh64(bytes)).view().slice()
    }
    for (const [at, by, code] of [
      [0, 0, 'CORRUPT'],
      [12, 9, 'CORRUPT'],
      [13, 9, 'CODEC_MISMATCH'],
      [15, 9, 'CORRUPT'],
      [9, 9, 'VERSION'],
    ] as const) {
      writeFileSync(join(dir, 'RHZ.FORMAT'), changed(at, by))
      await expect(openStore(dir)).rejects.toMatchObject({ code })
    }
  })
})
