import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  backupDir,
  type CommitRecord,
  compactDir,
  type Engine,
  exportDir,
  importDir,
  logOf,
  MemoryEngine,
  openStore,
  PACK_TAIL,
  Pack,
  type Put,
  repair,
  rowsOf,
  type Store,
  type StoreOptions,
  showRow,
  statsDir,
  verifyDir,
} from '../../../rspace/store/index.ts'
import { FaultyEngine } from '../../torture/store/faulty.ts'
import {
  copyFiles,
  datumKey,
  deltaAt,
  difference,
  logFile,
  Model,
  remove,
  rowsOfStore,
  temporary,
  cut as truncate,
} from '../../torture/store/world.ts'

const text = (s: string) => new TextEncoder().encode(s)
const side = (name: string) => text(`X${name}`)
const put = (name: string, value: string): Put => [side(name), text(value)]

/** Rows one behind another, a few to a piece of memory. */
function packOf(keyBytes: number, rows: readonly (readonly [string, string])[], chunkBytes = 64): Pack {
  const pack = new Pack(keyBytes)
  let chunk = new Uint8Array(chunkBytes)
  let at = 0
  for (const [key, value] of rows) {
    const bytes = text(`X${key}${value}`)
    const end = at + bytes.length + PACK_TAIL
    if (end > chunk.length) {
      chunk = new Uint8Array(Math.max(chunkBytes, bytes.length + PACK_TAIL))
      at = 0
    }
    chunk.set(bytes, at)
    pack.add(chunk, at, at + bytes.length + PACK_TAIL)
    at += bytes.length + PACK_TAIL
  }
  return pack
}

const first = (dir: string, pattern: RegExp) => join(dir, readdirSync(dir).find(n => pattern.test(n))!)

async function content(store: Store): Promise<Record<string, string>> {
  const out: Record<string, string> = {}
  for await (const page of store.rows()) for (const [k, v] of page) out[Buffer.from(k).toString()] = Buffer.from(v).toString()
  return out
}

async function records(of: AsyncIterable<CommitRecord>): Promise<CommitRecord[]> {
  const out: CommitRecord[] = []
  for await (const r of of) out.push(r)
  return out
}

let base: string
beforeEach(() => {
  base = temporary('store')
})
afterEach(() => remove(base))

const PLACES: Record<string, () => string | Engine> = {
  'in a directory': () => join(base, 'space'),
  'on an engine': () => new MemoryEngine(),
}

describe.each(Object.entries(PLACES))('a store %s', (_, place) => {
  let where: string | Engine
  let store: Store
  const reopen = async (o: StoreOptions = {}) => {
    await store.close()
    store = await openStore(where, o)
    return content(store)
  }
  beforeEach(async () => {
    where = place()
    store = await openStore(where, { create: true, codecs: 'test' })
  })
  afterEach(() => store.close())

  it('begins empty, at commit 0', async () => {
    expect(store.committed.number).toBe(0)
    expect(await content(store)).toEqual({})
    expect(store.recovered).toBeUndefined()
  })

  it('holds after reopening what was committed', async () => {
    await store.commit({ put: [put('a', '1'), put('b', '2')] })
    await store.commit({ put: [put('b', '3')], del: [side('a')] })
    expect(await reopen()).toEqual({ Xb: '3' })
    expect(store.committed.number).toBe(2)
    expect(store.recovered).toBeUndefined()
  })

  it('gives all calls that wait together one commit, later ones winning', async () => {
    const done = await Promise.all([
      store.commit({ put: [put('a', '1')] }),
      store.commit({ put: [put('a', '2'), put('b', '1')] }),
      store.commit({ del: [side('b')] }),
    ])
    expect(new Set(done.map(c => c.number))).toEqual(new Set([1]))
    expect(await reopen()).toEqual({ Xa: '2' })
  })

  it('takes new rows in packs: they are rows like all others, in a commit of their own', async () => {
    const rows = Array.from({ length: 3000 }, (_, i): [string, string] => [String(i).padStart(5, '0'), 'v'.repeat(i % 90)])
    const before = store.commit({ put: [put('a', '1')] })
    const packed = store.commit({ put: [put('b', '2')], packs: [packOf(6, rows), packOf(4, [['xyz', '']])] })
    // What follows sees them, whether they have landed or not.
    const after = store.commit({ put: [put('00007', 'new')], del: [side('00008'), side('xyz')] })
    expect([(await before).number, (await packed).number, (await after).number]).toEqual([1, 2, 3])
    const expected: Record<string, string> = { Xa: '1', Xb: '2', X00007: 'new' }
    for (const [key, value] of rows) if (key !== '00008') expected[`X${key}`] ??= value
    expect(await content(store)).toEqual(expected)
    const log = await records(store.log(2))
    expect(log[0]!.changes.length).toBe(rows.length + 2)
    expect(log[1]!.changes.map(c => c.before && Buffer.from(c.before).toString())).toEqual(['v'.repeat(7), 'v'.repeat(8), ''])
    expect(await store.verify()).toMatchObject({ ok: true })
    expect(await reopen()).toEqual(expected)
  })

  it('says when changes have been taken in, before they are safe', async () => {
    const order: string[] = []
    const commit = (name: string, delta: Parameters<Store['commit']>[0]) =>
      store.commit(delta, { gathered: () => order.push(`${name} taken in`) }).then(() => order.push(`${name} safe`))
    await Promise.all([
      commit('one', { put: [put('a', '1')] }),
      commit('two', { put: [put('b', '1')], packs: [packOf(4, [['xyz', '1']])] }),
    ])
    await commit('nothing', { put: [put('a', '1')] })
    for (const name of ['one', 'two', 'nothing']) expect(order.indexOf(`${name} taken in`)).toBeLessThan(order.indexOf(`${name} safe`))
    expect(order.length).toBe(6)
  })

  it('refuses a pack whose rows cannot be rows', async () => {
    const short = new Pack(3)
    short.add(text('Xab'), 0, 3)
    const foreign = new Pack(1)
    foreign.add(text('Labcdefghijk'), 0, 12)
    for (const pack of [short, foreign]) await expect(store.commit({ packs: [pack] })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    expect(store.committed.number).toBe(0)
  })

  it('puts rows in the places of others, each right before what was there', async () => {
    await store.commit({
      packs: [
        packOf(
          3,
          [
            ['ab', '1'],
            ['cd', '2'],
          ],
          1024,
        ),
      ],
    })
    await store.commit({
      renewed: [
        packOf(
          3,
          [
            ['ab', '3'],
            ['ab', '1'],
            ['cd', '4'],
            ['cd', '2'],
          ],
          1024,
        ),
      ],
    })
    expect(store.stats.rows).toBe(2)
    expect((await store.verify()).ok).toBe(true)
    const changes: unknown[] = []
    for await (const r of store.log(2)) changes.push(...r.changes.map(c => [new TextDecoder().decode(c.before), c.hash !== undefined]))
    expect(changes).toEqual([
      ['1', true],
      ['2', true],
    ])
    expect(await reopen()).toEqual({ Xab: '3', Xcd: '4' })
  })

  it('refuses a renewed row without what it takes the place of', async () => {
    const alone = packOf(3, [['ab', '3']], 1024)
    const apart = packOf(
      3,
      [
        ['ab', '3'],
        ['ab', '1'],
      ],
      8,
    )
    for (const pack of [alone, apart]) await expect(store.commit({ renewed: [pack] })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    expect(store.committed.number).toBe(0)
  })

  it('makes no commit for a delta that changes nothing', async () => {
    await store.commit({ put: [put('a', '1')] })
    const before = store.committed
    expect(await store.commit({ put: [put('a', '1')], del: [side('absent')] })).toEqual(before)
    expect(await store.commit({})).toEqual(before)
    expect(store.committed).toEqual(before)
  })

  it('needs no reading when it is told what was there', async () => {
    await store.commit({ put: [[side('a'), text('1'), null]] })
    await store.commit({ put: [[side('a'), text('2'), text('1')]] })
    await store.commit({ del: [[side('a'), text('2')]] })
    expect(await reopen()).toEqual({})
    expect((await store.verify()).ok).toBe(true)
  })

  it('chains commits: number, previous, before-images, checksums', async () => {
    await store.commit({ put: [put('a', '1')] }, { event: text('first'), marks: { refs: 5 } })
    await store.commit({ put: [put('a', '2')], del: [side('b')] }, { marks: { refs: 3, cids: 1 } })
    const [zero, one, two] = await records(store.log())
    expect([zero!.number, one!.number, two!.number]).toEqual([0, 1, 2])
    expect(two!.previous).toEqual(one!.chain)
    expect(one!.events.map(e => Buffer.from(e).toString())).toEqual(['first'])
    expect(one!.changes[0]!.before).toBeUndefined()
    expect(Buffer.from(two!.changes[0]!.before!).toString()).toBe('1')
    expect(two!.changes).toHaveLength(1)
    expect(two!.rowCount).toBe(1)
    expect(store.marks).toEqual({ refs: 5, cids: 1, gids: 0 })
    await reopen()
    expect(store.marks).toEqual({ refs: 5, cids: 1, gids: 0 })
    expect(store.committed.chain).toEqual(two!.chain)
  })

  it('tells the new values of past commits as far as they can be known', async () => {
    for (const value of ['1', '2', '3']) await store.commit({ put: [put('a', value)] })
    await store.commit({ del: [side('a')] })
    const values = (await records(store.log(1, { values: true }))).map(r => r.changes.map(c => c.value && Buffer.from(c.value).toString()))
    expect(values).toEqual([['1'], ['2'], ['3'], [undefined]])
  })

  it('drops records beyond commits and bytes, and says what is the oldest', async () => {
    await reopen({ keep: { commits: 5, bytes: 0 } })
    for (let i = 0; i < 20; i++) await store.commit({ put: [put('a', String(i))] })
    const kept = await records(store.log())
    expect(kept.map(r => r.number)).toEqual([16, 17, 18, 19, 20])
    await expect(records(store.log(3))).rejects.toMatchObject({ code: 'UNKNOWN_COMMIT', details: { oldest: 16 } })
    await reopen({ keep: { commits: 5, bytes: 1 << 20 } })
    for (let i = 0; i < 20; i++) await store.commit({ put: [put('b', String(i))] })
    expect((await records(store.log()))[0]!.number).toBe(16)
    expect((await store.verify()).ok).toBe(true)
  })

  it('keeps checkpoints and trie nodes out of row count and rows(), but in ranges', async () => {
    await store.commit({ put: [[text('Sroot'), text('s')], [text('Nnode'), text('n')], put('a', '1')] })
    expect(await reopen()).toEqual({ Xa: '1' })
    expect(store.stats.rows).toBe(1)
    const seen: string[] = []
    for await (const page of store.range(text('N'), text('T'))) for (const [k] of page) seen.push(Buffer.from(k).toString())
    expect(seen).toEqual(['Nnode', 'Sroot'])
    expect((await store.get([text('Nnode'), text('Nnone')])).map(v => v && Buffer.from(v).toString())).toEqual(['n', undefined])
  })

  it('refuses wrong arguments with a type and changes nothing', async () => {
    const bad = async (delta: unknown, code: string) => {
      await expect(store.commit(delta as never)).rejects.toMatchObject({ code })
    }
    await bad({ put: [[text('Lx'), text('')]] }, 'BAD_ARGUMENT')
    await bad({ put: [[text('M'), text('')]] }, 'BAD_ARGUMENT')
    await bad({ put: [[text('?'), text('')]] }, 'BAD_ARGUMENT')
    await bad({ put: [['Xa', text('')]] }, 'BAD_ARGUMENT')
    await bad({ put: [[side('a'), 'text']] }, 'BAD_ARGUMENT')
    await bad({ put: [[side('a'), text('1'), 5]] }, 'BAD_ARGUMENT')
    await bad({ put: [side('a')] }, 'BAD_ARGUMENT')
    await bad({ del: ['Xa'] }, 'BAD_ARGUMENT')
    await bad({ put: [put('a', '1')], del: [side('a')] }, 'BAD_ARGUMENT')
    await bad(null, 'BAD_ARGUMENT')
    await bad({ put: [[new Uint8Array(65_536).fill(88), text('')]] }, 'LIMIT')
    await expect(store.commit({}, { marks: { refs: -1 } })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(store.commit({}, { event: 'e' as never })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(records(store.log(-1))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    expect(store.committed.number).toBe(0)
    const longest = new Uint8Array(65_535).fill(88)
    await store.commit({ put: [[longest, text('at the limit')]] })
    expect(store.committed.number).toBe(1)
  })

  it('commits what waits before it closes, and nothing afterwards', async () => {
    const waiting = store.commit({ put: [put('a', '1')] })
    await store.close()
    expect((await waiting).number).toBe(1)
    await expect(store.commit({ put: [put('b', '1')] })).rejects.toMatchObject({ code: 'SPACE_CLOSED' })
    await expect(store.verify()).rejects.toMatchObject({ code: 'SPACE_CLOSED' })
    await store.close()
    store = await openStore(where)
    expect(await content(store)).toEqual({ Xa: '1' })
  })

  it('is made with the directories above it', async () => {
    const deep = join(base, 'a', 'b', 'c')
    const made = await openStore(deep, { create: true })
    await made.close()
    expect(existsSync(deep)).toBe(true)
  })

  it.runIf(process.platform === 'linux')('is refused where the system lets nobody make a directory', async () => {
    await expect(openStore('/proc/nowhere', { create: true })).rejects.toMatchObject({ code: 'IO' })
  })

  it('checks all rows before the first commit, also when nobody has read them', async () => {
    await store.commit({ put: [put('a', '1')] })
    await store.close()
    store = await openStore(where)
    await store.commit({ put: [put('b', '1')] })
    expect(await reopen()).toEqual({ Xa: '1', Xb: '1' })
  })

  it('goes on while rows are read', async () => {
    for (let step = 1; step <= 40; step++) await store.commit(deltaAt(1, step))
    const reading = rowsOfStore(store)
    const writing = store.commit(deltaAt(1, 41))
    await Promise.all([reading, writing])
    expect(difference(await rowsOfStore(store), Model.at(1, 41))).toBeUndefined()
  })

  it('can be copied while commits go on, into an equal store', async () => {
    for (let step = 1; step <= 30; step++) await store.commit(deltaAt(2, step))
    const writing = (async () => {
      for (let step = 31; step <= 60; step++) await store.commit(deltaAt(2, step))
    })()
    const report = await store.backup(join(base, 'backup'))
    await writing
    expect(report).toMatchObject({ ok: true, problems: [] })
    const copy = await openStore(join(base, 'backup'), { codecs: 'test' })
    expect(difference(await rowsOfStore(copy), Model.at(2, report.commit))).toBeUndefined()
    expect(copy.committed.number).toBe(report.commit)
    await copy.close()
    await expect(store.backup(join(base, 'backup'))).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  it('refuses other codecs and another durability class, and takes its own when told nothing', async () => {
    await store.close()
    await expect(openStore(where, { codecs: 'other' })).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
    await expect(openStore(where, { durability: 'power' })).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
    store = await openStore(where, { create: true })
    expect(store.format).toMatchObject({ codecs: 'test', durability: 'process', salvaged: false })
  })

  it('agrees with a map, over any deltas and closings', async () => {
    const name = fc.constantFrom('a', 'b', 'c', '1', '2')
    const step = fc.record({
      put: fc.uniqueArray(name, { maxLength: 3 }),
      del: fc.uniqueArray(name, { maxLength: 2 }),
      value: fc.nat(3),
      close: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
        const engine = new MemoryEngine()
        let s = await openStore(engine, { create: true })
        const model: Record<string, string> = {}
        for (const { put: puts, del, value, close } of steps) {
          const deleted = del.filter(d => !puts.includes(d))
          await s.commit({ put: puts.map(p => put(p, String(value))), del: deleted.map(side) })
          for (const p of puts) model[`X${p}`] = String(value)
          for (const d of deleted) delete model[`X${d}`]
          if (close) {
            await s.close()
            s = await openStore(engine)
          }
          expect(await content(s)).toEqual(model)
        }
        expect((await s.verify()).problems).toEqual([])
        await s.close()
      }),
      { numRuns: 40 },
    )
  })
})

describe('a slow engine', () => {
  class Slow extends MemoryEngine {
    inFlight = 0
    most = 0
    override async batch(...args: Parameters<Engine['batch']>): Promise<void> {
      this.most = Math.max(this.most, ++this.inFlight)
      await new Promise(resolve => setTimeout(resolve, 5))
      await super.batch(...args)
      this.inFlight--
    }
  }
  it('gets one batch at a time, and what is made ready meanwhile builds on the one in flight', async () => {
    const engine = new Slow()
    const store = await openStore(engine, { create: true })
    const key = (i: number) => Uint8Array.of(0x58, i >> 8, i)
    const all = Array.from({ length: 300 }, (_, i) => key(i))
    const value = Uint8Array.of(1)
    await store.commit({ put: [[key(999), value]] })
    const waits: Promise<unknown>[] = []
    for (let round = 0; round < 3; round++) {
      waits.push(store.commit({ put: all.map((k, i): [Uint8Array, Uint8Array] => [k, Uint8Array.of(round, i)]) }))
      await new Promise(resolve => setTimeout(resolve, 1))
      // Nobody says what was there before: the store has to know, though the engine does not yet.
      waits.push(store.commit({ del: all.slice(round) }))
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    await Promise.all(waits)
    expect(engine.most).toBe(1)
    expect(await store.verify()).toMatchObject({ ok: true, rows: { X: 3 } })
    await store.close()
    const again = await openStore(engine)
    const rows: unknown[] = []
    for await (const page of again.rows()) rows.push(...page)
    expect(rows).toHaveLength(3)
    await again.close()
  })
})

describe('a failing engine', () => {
  it('rejects the commit in flight with the reason, and all others with SPACE_FAILED', async () => {
    const engine = new FaultyEngine()
    const store = await openStore(engine, { create: true })
    await store.commit({ put: [put('a', '1')] })
    engine.failAt = engine.calls + 1 // the lookup passes, the batch fails
    engine.failWith = 'ENOSPC'
    const one = store.commit({ put: [put('b', '1')] })
    await expect(one).rejects.toMatchObject({ code: 'DISK_FULL' })
    await expect(store.commit({ put: [put('c', '1')] })).rejects.toMatchObject({ code: 'SPACE_FAILED', details: { first: 'DISK_FULL' } })
    expect(store.committed.number).toBe(1)
    await store.close()
    const again = await openStore(engine)
    expect(await content(again)).toEqual({ Xa: '1' })
    expect(again.recovered).toBe(1)
    await again.close()
  })
})

describe('a directory', () => {
  const make = async (steps: number, o: StoreOptions = {}, seed = 1): Promise<string> => {
    const dir = join(base, `made-${seed}`)
    const store = await openStore(dir, { create: true, ...o })
    for (let step = 1; step <= steps; step++) await store.commit(deltaAt(seed, step))
    await store.close()
    return dir
  }

  it('becomes a space only with the first commit, if so wished', async () => {
    const dir = join(base, 'later')
    const options = { create: true, createWithFirstCommit: true }
    const unused = await openStore(dir, options)
    await unused.close()
    expect(readdirSync(dir).filter(n => n !== 'LOCK')).toEqual([])
    const store = await openStore(dir, options)
    copyFiles(dir, join(base, 'killed-early'))
    await expect(openStore(join(base, 'killed-early'))).rejects.toMatchObject({ code: 'NO_SUCH_SPACE' })
    await (await openStore(join(base, 'killed-early'), { create: true })).close()
    await store.commit({ put: [put('program', 'p')] })
    copyFiles(dir, join(base, 'killed-late'))
    await store.close()
    const late = await openStore(join(base, 'killed-late'))
    expect(await content(late)).toEqual({ Xprogram: 'p' })
    await late.close()
  })

  it('read-only opens a copy, writes nothing, and keeps writers out', async () => {
    const dir = await make(10)
    const before = readdirSync(dir)
    const store = await openStore(dir, { readOnly: true })
    expect(difference(await rowsOfStore(store), Model.at(1, 10))).toBeUndefined()
    await expect(store.commit({ put: [put('a', '1')] })).rejects.toMatchObject({ code: 'READ_ONLY' })
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED' })
    await store.close()
    expect(readdirSync(dir)).toEqual(before)
  })

  it('that is opened and closed without a commit stays cleanly closed', async () => {
    const dir = await make(3)
    for (let i = 0; i < 3; i++) {
      const store = await openStore(dir)
      if (i > 0) await rowsOfStore(store)
      expect(store.recovered).toBeUndefined()
      await store.close()
    }
    expect(existsSync(join(dir, 'RHZ.CLEAN'))).toBe(true)
    expect(existsSync(join(dir, 'RHZ.ASIDE'))).toBe(false)
  })

  it('sets the engine files aside until its rows are checked: links, but copies of what the engine might overwrite', async () => {
    const dir = await make(40, { writeBufferBytes: 65_536 })
    await compactDir(dir)
    const orphan = '999999.ldb'
    writeFileSync(join(dir, orphan), 'a number that is not given out yet')
    const tables = readdirSync(dir).filter(n => n.endsWith('.ldb') && n !== orphan)
    const inodes = tables.map(n => statSync(join(dir, n)).ino)
    const store = await openStore(dir)
    const aside = join(dir, 'RHZ.ASIDE')
    expect(tables.length).toBeGreaterThan(0)
    expect(tables.map(n => statSync(join(aside, n)).ino)).toEqual(inodes)
    expect(statSync(join(aside, orphan)).nlink).toBe(1)
    expect(difference(await rowsOfStore(store), Model.at(1, 40))).toBeUndefined()
    expect(existsSync(aside)).toBe(false)
    await store.close()
  })

  it('after a crash says which commit was recovered', async () => {
    const dir = join(base, 'live')
    const store = await openStore(dir, { create: true })
    for (let step = 1; step <= 5; step++) await store.commit(deltaAt(1, step))
    copyFiles(dir, join(base, 'crashed'))
    await store.close()
    const again = await openStore(join(base, 'crashed'))
    expect(again.recovered).toBe(5)
    await again.close()
  })

  it('with a commit missing in the middle needs repair, and repair finds the state before it', async () => {
    const engine = new FaultyEngine()
    const whole = await openStore(engine, { create: true, codecs: 'c' })
    for (let step = 1; step <= 9; step++) await whole.commit(deltaAt(1, step))
    // Batches: creation, `open` head, then the commits 1 to 9; the sixth commit is lost.
    const broken = await FaultyEngine.after(engine.written, i => i !== 7)
    const kept = engine.written.map(w => w.synced)
    await whole.close()
    expect(kept.slice(2).every(s => !s)).toBe(true)
    await expect(openStore(broken)).rejects.toMatchObject({ code: 'NEEDS_REPAIR' })
  })

  it('repaired by undoing is a state the store had, with all earlier records', async () => {
    const dir = await make(12)
    // Half of the last commits are cut off the log, but the clean close remembers them.
    const log = logFile(dir)!
    truncate(log, 1500)
    expect(await verifyDir(dir)).toMatchObject({ ok: false })
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'CORRUPT' })
    const report = await repair(dir, join(base, 'repaired'))
    expect(report).toMatchObject({ ok: true, method: 'undo' })
    expect(report.lost!.commits).toBe(12 - report.commit)
    expect(report.lost!.commits).toBeGreaterThan(0)
    const store = await openStore(join(base, 'repaired'))
    expect(difference(await rowsOfStore(store), Model.at(1, report.commit))).toBeUndefined()
    expect((await records(store.log()))[0]!.number).toBe(0)
    await store.commit({ put: [put('life', 'goes on')] })
    await store.close()
    expect(await verifyDir(join(base, 'repaired'))).toMatchObject({ ok: true })
  })

  it('without CURRENT and RHZ.CLEAN is rebuilt by repair', async () => {
    const dir = await make(12)
    rmSync(join(dir, 'CURRENT'))
    rmSync(join(dir, 'RHZ.CLEAN'))
    expect(await verifyDir(dir)).toMatchObject({ ok: false, problems: [{ code: 'NOT_A_SPACE' }] })
    const report = await repair(dir, join(base, 'rebuilt'))
    expect(report).toMatchObject({ ok: true, commit: 12, method: 'undo', lost: { commits: 0, rows: 0 } })
    const store = await openStore(join(base, 'rebuilt'))
    expect(difference(await rowsOfStore(store), Model.at(1, 12))).toBeUndefined()
    await store.close()
  })

  it('refuses a repair into a directory that is not empty', async () => {
    const dir = await make(2)
    await expect(repair(dir, dir)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(repair(join(base, 'absent'), join(base, 'to'))).rejects.toMatchObject({ code: 'NO_SUCH_SPACE' })
    writeFileSync(join(base, 'letter'), 'dear')
    await expect(verifyDir(base)).rejects.toMatchObject({ code: 'NOT_A_SPACE' })
  })

  it('of which nothing fits any more gives its readable rows to a space with another identity', async () => {
    const dir = await make(30, { keep: { commits: 1, bytes: 0 } })
    await compactDir(dir)
    // One bit in the middle of the only table spoils a row; one commit record is too few to undo anything.
    const table = first(dir, /ldb$/)
    const all = readFileSync(table)
    all[Math.floor(all.length / 2)]! ^= 4
    writeFileSync(table, all)
    expect(await verifyDir(dir)).toMatchObject({ ok: false })
    const report = await repair(dir, join(base, 'salvaged'))
    expect(report).toMatchObject({ ok: true, method: 'salvage' })
    expect(report.lost!.rows).toBeGreaterThan(0)
    const store = await openStore(join(base, 'salvaged'))
    expect(store.format.salvaged).toBe(true)
    const should = Model.at(1, 30)
    const rows = await rowsOfStore(store)
    expect(rows.size).toBeGreaterThan(0)
    for (const [k, v] of rows) expect(should.get(k)).toBe(v)
    expect(rows.size + report.lost!.rows).toBe(should.size)
    await store.close()
  })

  it('can be exported as bytes and imported from pieces of any size', async () => {
    const dir = await make(30)
    const pieces: Uint8Array[] = []
    for await (const page of exportDir(dir)) pieces.push(page)
    const whole = Buffer.concat(pieces)
    const cutUp = async function* (bytes: Uint8Array, size: number) {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
    }
    const to = join(base, 'imported')
    expect(await importDir(cutUp(whole, 777), to)).toMatchObject({ ok: true, commit: 30 })
    const store = await openStore(to)
    expect(difference(await rowsOfStore(store), Model.at(1, 30))).toBeUndefined()
    await store.commit(deltaAt(1, 31))
    await store.close()
    expect(await verifyDir(to)).toMatchObject({ ok: true, commit: 31 })
    const invalid = async (bytes: Uint8Array) => {
      await expect(importDir(cutUp(bytes, 5000), join(base, 'invalid'))).rejects.toMatchObject({ code: 'IMPORT_INVALID' })
      expect(existsSync(join(base, 'invalid', 'RHZ.FORMAT'))).toBe(false)
    }
    for (const at of [0, 9, 40, 100, 5000, whole.length - 50, whole.length - 1]) {
      const bad = Buffer.from(whole)
      bad[at]! ^= 1
      await invalid(bad)
      await invalid(whole.subarray(0, at))
    }
    await invalid(Buffer.concat([whole, Buffer.from([0])]))
  })

  it('can be looked at with plain tools', async () => {
    const dir = await make(20)
    expect(await verifyDir(dir)).toMatchObject({ ok: true, commit: 20, problems: [] })
    expect(await statsDir(dir)).toMatchObject({ commit: 20, oldestCommit: 0, durability: 'process', format: '2.0' })
    const steps: string[] = []
    for await (const row of rowsOf(dir, { tag: 'X' })) steps.push(showRow(row))
    expect(steps).toEqual(['X 73746570 0000000000000014'])
    expect((await records(logOf(dir, { from: 19 }))).map(r => r.number)).toEqual([19, 20])
    await compactDir(dir)
    await backupDir(dir, join(base, 'copy'))
    expect(await statsDir(join(base, 'copy'))).toEqual(await statsDir(dir))
  })
})

describe('row keys made to collide (family 15)', () => {
  it('cost no more than other keys, by count of comparisons, and are never taken for each other', async () => {
    const store = await openStore(new MemoryEngine(), { create: true })
    const names = Array.from({ length: 10_000 }, (_, i) => String(i))
    await store.commit({ put: names.map(n => put(n, n)) })
    const rows = await content(store)
    expect(Object.keys(rows)).toHaveLength(10_000)
    expect(names.every(n => rows[`X${n}`] === n)).toBe(true)
    await store.commit({ put: Array.from({ length: 1000 }, (_, i): Put => [datumKey(i << 20, 0), text('')]) })
    expect(store.stats.rows).toBe(11_000)
    await store.close()
  })
})
