import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { _, importInto, type JsonTypes, memory, open, type Page, type Space, type SpaceEvent, v } from '../../rspace/index.ts'
import { type Engine, MemoryEngine } from '../../rspace/store/index.ts'

const code = (c: string): unknown => expect.objectContaining({ code: c })
let root: string
let serial = 0
const fresh = (): string => join(root, `space-${serial++}`)
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rspace-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const collect = async <X>(list: AsyncIterable<X>): Promise<X[]> => {
  const all: X[] = []
  for await (const x of list) all.push(x)
  return all
}

describe('a space on disk', () => {
  it('keeps data, continuations, persistent records, guards and order through a reopening', async () => {
    const dir = fresh()
    const first = await open(dir, { create: true })
    for (const n of [1, 2, 3]) first.produce('c', { n })
    first.produce('config', 'x', { persist: true })
    first.consume(
      [
        { channel: 'a', pattern: v.x },
        { channel: 'b', pattern: v.y, peek: true },
      ],
      { handler: 'pair' },
      { persist: true, where: { $gt: [v.x, v.y] } },
    )
    first.consume({ any: [[{ channel: 'p', pattern: 1 }], [{ channel: 'q', pattern: _ }]] }, 's')
    const digest = first.digest()
    await first.close()

    const again = await open(dir)
    expect(again.digest()).toBe(digest)
    expect(again.tryTake('c', { n: v.n })?.bindings).toEqual({ n: 1 })
    again.produce('b', 1)
    expect(again.produce('a', 1).comms).toEqual([])
    expect(again.produce('a', 2).comms[0].matches.map(m => m.result)).toEqual([{ x: 2 }, { y: 1 }])
    expect(again.produce('q', 0).comms[0].branch).toBe(1)
    await again.close()
  })
  it('is refused where there is none, or to somebody else’s codec or order', async () => {
    const dir = fresh()
    await expect(open(dir)).rejects.toThrow(code('NO_SUCH_SPACE'))
    await (await open(dir, { create: true, order: 'lifo' })).close()
    await expect(open(dir)).rejects.toThrow(code('CODEC_MISMATCH'))
    const space = await open(dir, { order: 'lifo' })
    await expect(open(dir, { order: 'lifo' })).rejects.toThrow(code('LOCKED'))
    await space.close()
  })
  it('writes nothing for what is produced and consumed within one group, and nothing for reading', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true })
    await space.flush()
    for (let i = 0; i < 100; i++) {
      space.produce(`temp ${i}`, i)
      space.tryTake(`temp ${i}`, i)
    }
    await space.flush()
    const before = space.committed.number
    for (let i = 0; i < 100; i++) space.count(i, _)
    space.digest()
    await space.flush()
    expect(space.committed.number).toBe(before)
    const report = await space.verify()
    expect([report.ok, report.rows.D ?? 0, report.rows.C ?? 0]).toEqual([true, 0, 0])
    await space.close()
  })
  it('resolves durable promises with the commit that contains the change', async () => {
    const space = await open(fresh(), { create: true })
    const outcome = space.produce('c', 1)
    const commit = await space.durable(outcome)
    expect(commit.number).toBeGreaterThan(0)
    expect(space.committed.number).toBe(commit.number)
    expect(await space.durable(outcome)).toEqual(space.committed)
    expect((await space.put('c', 2)).number).toBeGreaterThan(commit.number)
    await space.close()
  })
  it('closes groups only at flush() when they are manual, and at close', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true, group: 'manual' })
    space.produce('c', 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    const before = space.committed.number
    await space.flush()
    expect(space.committed.number).toBeGreaterThan(before)
    space.produce('c', 2)
    await space.close()
    const again = await open(dir)
    expect(again.count('c')).toBe(2)
    await again.close()
  })
  it('keeps side rows in the commit of the records', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.atomic(tx => {
      tx.produce('c', 1)
      tx.side('machines').put(Uint8Array.of(1), Uint8Array.of(42))
    })
    space.side('machines').put(Uint8Array.of(2), Uint8Array.of(43))
    space.side('machines').delete(Uint8Array.of(2))
    await space.close()
    const again = await open(dir)
    expect([...again.side('machines').entries()]).toEqual([[Uint8Array.of(1), Uint8Array.of(42)]])
    await again.close()
  })
  it('remembers ids, leases, ticks and the turns of persistent records', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.produce('c', 1, { id: 'once', leaseTicks: 3 })
    space.tick(1)
    space.consume([{ channel: 's', pattern: _ }], 'old', { persist: true })
    space.consume([{ channel: 's', pattern: _ }], 'young', { persist: true })
    await space.flush()
    expect(space.produce('s', 1).comms[0].body).toBe('old')
    await space.close()
    const again = await open(dir)
    expect(again.produce('c', 1, { id: 'once' }).repeated).toBe(true)
    expect(again.produce('s', 1).comms[0].body).toBe('young')
    expect([again.tick(1), again.tick(1)]).toEqual([0, 1])
    await again.close()
  })
  it('goes on with a pump that was not empty', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.consume([{ channel: 'c', pattern: _ }], 'k', { persist: true })
    space.produce('c', 1, { persist: true })
    await space.close()
    const again = await open(dir)
    expect(again.pump(2)).toHaveLength(2)
    await again.close()
  })
  it('delivers unacknowledged COMMs again after a restart, and acknowledged ones not', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    const seen: number[] = []
    space.handle(
      'mail',
      comm => {
        const n = comm.matches[0].value as number
        seen.push(n)
        if (n === 1) comm.ack()
      },
      { ack: true },
    )
    space.consume([{ channel: 'c', pattern: v.n }], 'mail', { persist: true })
    for (const n of [1, 2]) space.produce('c', n)
    await space.close()
    const again = await open(dir)
    const later: unknown[] = []
    again.handle(
      'mail',
      comm => {
        later.push(comm.matches[0].result)
        comm.ack()
      },
      { ack: true },
    )
    expect([seen, later]).toEqual([[1, 2], [{ n: 2 }]])
    await again.close()
    const last = await open(dir)
    last.handle('mail', () => void later.push('again'), { ack: true })
    expect(later).toHaveLength(1)
    await last.close()
  })
  it('gives claimed and volatile data back as they should be after a restart', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.produce('jobs', 1)
    space.produce('jobs', 2, { volatile: true })
    await space.claim('jobs', 1, { ticks: 10 })
    await space.close()
    const again = await open(dir)
    expect(again.readMany('jobs', _).map(g => g.value)).toEqual([1])
    await again.close()
  })
  it('lets what was claimed find its partner in the pump after a restart', async () => {
    const engine = new MemoryEngine()
    const first = await open(engine, { create: true })
    first.produce('c', 1)
    await first.claim('c', _, { ticks: 5 })
    first.consume([{ channel: 'c', pattern: v.x }], 'k')
    await first.close()
    const again = await open(engine)
    expect((await again.verify({ deep: true })).problems).toEqual([])
    expect(again.pump().map(c => c.body)).toEqual(['k'])
    await again.close()
  })
  it('keeps a COMM that a nack has fired until the next pump, also through a restart', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true })
    space.produce('c', 1)
    const job = await space.claim('c', _, { ticks: 5 })
    space.consume([{ channel: 'c', pattern: v.x }], 'k')
    await job.nack()
    expect(space.count('c')).toBe(0)
    await space.close()
    space = await open(engine)
    expect(space.produce('other', 0).pending).toBe(true)
    expect(space.pump(5).map(c => [c.body, c.matches[0].result])).toEqual([['k', { x: 1 }]])
    await space.close()
    space = await open(engine)
    expect(space.pump(5)).toEqual([])
    await space.close()
  })
  it('takes claims, acknowledgements and stalls back with a mark, and writes the true state', async () => {
    const engine = new MemoryEngine()
    const limits = { matchStepsPerContinuationMax: 60 }
    const space = await open(engine, { create: true, limits })
    for (const n of [1, 2, 3]) space.produce('jobs', n)
    const first = await space.claim('jobs', 1, { ticks: 5 })
    for (let i = 0; i < 9; i++) for (const c of ['x', 'y']) space.produce(c, i)
    await space.flush()
    const digest = space.digest()
    const mark = space.mark()
    void first.ack().catch(() => {})
    void space.claim('jobs', 2, { ticks: 5 })
    space.tick(5)
    const costly = space.consume(
      [
        { channel: 'x', pattern: v.a },
        { channel: 'y', pattern: v.b },
      ],
      'k',
      { where: { $eq: [v.a, 100] } },
    )
    expect(space.inspect.stalled().map(i => i.ref)).toEqual([costly.ref])
    space.rollback(mark)
    expect([space.digest(), space.stats().stalled, space.count('jobs')]).toEqual([digest, 0, 1]) // the second claim began again
    expect(await space.verify({ deep: true })).toMatchObject({ ok: true, problems: [] })
    await first.nack()
    expect(space.count('jobs')).toBe(2)
    await space.close()
    const again = await open(engine, { limits })
    expect([again.digest(), again.count('jobs')]).toEqual([digest, 3])
    await again.close()
  })
  it('derives the same channels after a restart, and keeps fresh ones apart', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.produce(space.derive('cell', Uint8Array.of(1)), 'mine')
    space.produce(space.fresh(), 'lost name')
    await space.close()
    const again = await open(dir)
    expect(again.tryTake(again.derive('cell', Uint8Array.of(1)), _)?.value).toBe('mine')
    again.produce(again.fresh(), 'another')
    expect(again.stats().channels).toBe(2)
    await again.close()
  })
  it('may be read without writing', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true })
    space.produce('c', 1)
    await space.close()
    const before = (await readdir(dir)).sort()
    const reader = await open(dir, { readOnly: true })
    expect(reader.tryRead('c', _)?.value).toBe(1)
    expect(() => reader.produce('c', 2)).toThrow(code('READ_ONLY'))
    await expect(reader.take('c', _)).rejects.toThrow(code('READ_ONLY'))
    await reader.close()
    expect((await readdir(dir)).sort()).toEqual(before)
  })
  it('keeps its checkpoints, the last ones', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true, history: 'merkle', keep: { last: 2 } })
    const roots: string[] = []
    for (let i = 0; i < 3; i++) {
      space.produce('c', i)
      roots.push((await space.checkpoint()).root)
    }
    await space.close()
    const again = await open(dir, { history: 'merkle', keep: { last: 2 } })
    await expect(again.reset(roots[0])).rejects.toThrow(code('UNKNOWN_ROOT'))
    await again.reset(roots[1])
    expect([again.count('c'), again.digest()]).toEqual([2, roots[1]])
    await again.close()
    const last = await open(dir)
    expect(last.digest()).toBe(roots[1])
    await last.close()
  })
  it('keeps installs through reset, clear, rollback, fork and spawn, and after reopening once they are made again (P9)', async () => {
    const dir = fresh()
    const make = (space: Space<JsonTypes>): void => space.install('echo', [{ channel: 'in', pattern: v.x }], 'echo')
    const serves = (space: Space<JsonTypes>): boolean => {
      const [comm] = space.produce('in', 1).comms
      return comm?.body === 'echo' && space.count('in') === 0
    }
    const options = { history: 'merkle' } as const
    const space = await open(dir, { ...options, create: true })
    make(space)
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    expect([serves(space.fork()), serves(await space.forkAt(root)), serves(await space.spawn())]).toEqual([true, true, true])
    const mark = space.mark()
    expect(serves(space)).toBe(true)
    space.rollback(mark)
    expect(serves(space)).toBe(true)
    await space.reset(root)
    expect([serves(space), space.count('c')]).toEqual([true, 1])
    await space.clear()
    expect([serves(space), space.count('c')]).toEqual([true, 0])
    await space.close()
    const again = await open(dir, options)
    expect(again.digest()).toBe(memory().digest())
    make(again)
    expect(serves(again)).toBe(true)
    await again.close()
  })
  it('closes a group at its number of changes, its bytes, or when its time has come', async () => {
    class Counting extends MemoryEngine {
      batches = 0
      override batch(...args: Parameters<Engine['batch']>): Promise<void> {
        this.batches++
        return super.batch(...args)
      }
    }
    const batchesWith = async (group: object, changes: number): Promise<number> => {
      const engine = new Counting()
      const space = await open(engine, { create: true, group })
      await space.flush()
      const before = engine.batches
      for (let i = 0; i < changes; i++) {
        space.produce('c', i)
        await null
      }
      const found = engine.batches - before
      await space.close()
      return found
    }
    // Within a minute after the first group nothing else closes, unless it is full.
    expect(await batchesWith({ intervalMsMin: 60_000 }, 200)).toBe(0)
    expect(await batchesWith({ intervalMsMin: 60_000, opsMax: 50 }, 200)).toBeGreaterThanOrEqual(2)
    expect(await batchesWith({ intervalMsMin: 60_000, bytesMax: 1000 }, 200)).toBeGreaterThanOrEqual(2)
  })
  it('writes large groups in slices while work goes on, in the order they were closed', async () => {
    const engine = new MemoryEngine()
    const options = { group: 'manual', history: 'merkle' } as const
    let space = await open(engine, { ...options, create: true })
    const roots = new Map<string, number>()
    const commits: Promise<unknown>[] = []
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 1500; i++) {
        space.produce(`c${i % 700}`, { round, i })
        if (i % 3 === 0)
          space.consume(
            [
              { channel: `c${i % 70}`, pattern: -1 },
              { channel: `d${i}`, pattern: _ },
            ],
            'k',
            { persist: i % 9 === 0 },
          )
      }
      commits.push(space.flush())
      space.tryTake('c1', _)
      commits.push(space.flush())
      for (let i = 0; i < 500; i++) space.tryTake(`c${i}`, _)
      const count = space.stats().data
      commits.push(space.checkpoint().then(({ root }) => void roots.set(root, count)))
      let turns = 0
      setImmediate(() => turns++)
      await new Promise(resolve => setImmediate(resolve))
      expect(turns).toBe(1)
    }
    await Promise.all(commits)
    const digest = space.digest()
    expect((await space.verify({ deep: true })).problems).toEqual([])
    for (const [root, count] of roots) expect((await space.forkAt(root)).stats().data).toBe(count)
    await space.close()
    space = await open(engine, options)
    expect(space.digest()).toBe(digest)
    expect((await space.verify({ deep: true })).problems).toEqual([])
    await space.close()
  })
  it('keeps the journal of earlier runs', async () => {
    const dir = fresh()
    const space = await open(dir, { create: true, journal: 'events' })
    space.produce('c', { n: 1 })
    const from = await space.flush()
    await space.close()
    const again = await open(dir, { journal: 'events' })
    again.produce('c', { n: 2 })
    const events: SpaceEvent<JsonTypes>[] = await collect(again.log())
    expect(events.map(e => [e.kind, e.channel, e.value])).toEqual([
      ['produce', 'c', { n: 1 }],
      ['produce', 'c', { n: 2 }],
    ])
    expect((await collect(again.log({ from }))).map(e => e.value)).toEqual([{ n: 2 }])
    await again.close()
  })

  it('tells what was taken back, of marks in a group and of a mark over several', async () => {
    const engine = new MemoryEngine()
    const options = { create: true, journal: 'events', group: 'manual' } as const
    const space = await open(engine, options)
    const stop = new AbortController()
    const seen: SpaceEvent<JsonTypes>[] = []
    const watching = (async () => {
      for await (const e of space.watch({}, { signal: stop.signal })) seen.push(e)
    })().catch(e => e as Error)
    space.produce('c', 'before')
    const inner = space.mark()
    space.produce('c', 'never')
    space.rollback(inner)
    space.produce('c', 'after')
    const open_ = space.mark({ hold: false })
    space.produce('c', 'committed')
    await space.flush()
    space.produce('c', 'not')
    space.rollback(open_)
    await space.close()
    stop.abort()
    await watching
    const told = (list: readonly SpaceEvent<JsonTypes>[]): unknown[] =>
      list.filter(e => e.kind === 'produce').map(e => [e.value, e.undone === true])
    const expected = [
      ['before', false],
      ['never', true],
      ['after', false],
      ['committed', false],
    ]
    expect(told(seen).slice(0, 4)).toEqual(expected)
    const again = await open(engine, options)
    const log = await collect(again.log())
    expect(told(log).slice(0, 4)).toEqual(expected)
    expect(log.filter(e => e.kind === 'rollback')).toHaveLength(2)
    expect(again.inspect.data('c').map(i => i.value)).toEqual(['before', 'after'])
    await again.close()
  })
})

describe('watching from a commit on', () => {
  const seenFrom = async (space: Space<JsonTypes>, from: { number: number; chain: Uint8Array }, n: number): Promise<string[]> => {
    const seen: string[] = []
    for await (const e of space.watch({}, { from })) {
      seen.push(`${e.commit - from.number} ${e.kind} ${JSON.stringify(e.channel)} ${JSON.stringify(e.value)}`)
      if (seen.length === n) break
    }
    return seen
  }
  it('tells net changes of earlier commits, also after a restart, then live ones', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true })
    const from = await space.put('c', 1)
    space.produce('c', 2)
    space.consume([{ channel: 'd', pattern: 7 }], 'k')
    space.produce('e', 'comes and goes')
    space.tryTake('e', _)
    await space.flush()
    space.tryTake('c', 1)
    await space.flush()
    const past = ['1 produce "c" 2', '1 consume "d" undefined', '2 remove "c" 1']
    expect(await seenFrom(space, from, 3)).toEqual(past)
    await space.close()
    space = await open(engine)
    const live = seenFrom(space, from, 4)
    await space.put('f', 'now')
    expect(await live).toEqual([...past, `${space.committed.number - from.number} produce "f" "now"`])
    await space.close()
  })
  it('is refused when that commit is not kept any more, with the oldest that is', async () => {
    const space = memory({ journal: 'events', limits: { journalEventsMax: 10 } })
    const from = space.committed
    for (let i = 0; i < 40; i++) {
      space.produce('c', i)
      await space.flush()
    }
    await expect(seenFrom(space, from, 1)).rejects.toMatchObject({ code: 'UNKNOWN_COMMIT', details: { oldest: expect.any(Number) } })
    const kept = await collect(space.log())
    expect(kept.length).toBeGreaterThanOrEqual(10)
    expect(kept.length).toBeLessThanOrEqual(13)
    expect(kept.at(-1)?.value).toBe(39)
    const plain = memory()
    plain.produce('c', 1)
    await plain.flush()
    await expect(seenFrom(plain, from, 1)).rejects.toMatchObject({ code: 'UNKNOWN_COMMIT' })
  })
  it('begins a new log with a reset', async () => {
    const space = await open(new MemoryEngine(), { create: true, journal: 'events', history: 'merkle' })
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    space.produce('c', 2)
    await space.reset(root)
    space.produce('c', 3)
    expect((await collect(space.log())).map(e => e.kind)).toEqual(['reset', 'produce'])
    await space.close()
  })
})

describe('a failing engine', () => {
  class Broken extends MemoryEngine {
    broken = false
    override batch(...args: Parameters<Engine['batch']>): Promise<void> {
      if (this.broken) return Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
      return super.batch(...args)
    }
  }
  it('poisons the space: nothing is acknowledged afterwards, reading goes on', async () => {
    const engine = new Broken()
    const space = await open(engine, { create: true })
    await space.put('c', 1)
    engine.broken = true
    await expect(space.put('c', 2)).rejects.toThrow(code('IO'))
    expect(() => space.produce('c', 3)).toThrow(code('SPACE_FAILED'))
    await expect(space.durable()).rejects.toThrow(code('SPACE_FAILED'))
    await space.close().catch(() => {})
  })
})

describe('export and import', () => {
  const fill = (space: Space<JsonTypes>): void => {
    for (let i = 0; i < 25; i++) space.produce(`c${i % 7}`, { i })
    space.consume([{ channel: 'x', pattern: v.a }], 'k')
  }
  it('carry a state over, whatever the size of the pages', async () => {
    const space = memory()
    fill(space)
    for (const limit of [1, 7, 1000]) {
      const dir = fresh()
      expect(await importInto(dir, space.export({ limit }))).toBe(space.digest())
      const copy = await open(dir)
      expect(copy.digest()).toBe(space.digest())
      await copy.close()
    }
    await expect(collect(space.export({ limit: 0 }))).rejects.toThrow(code('BAD_ARGUMENT'))
  })
  it('refuse altered, missing and doubled pages, and make nothing then', async () => {
    const space = memory()
    fill(space)
    const pages: Page[] = await collect(space.export({ limit: 5 }))
    const bend = (p: Page): Page => ({
      ...p,
      rows: p.rows.map(([k, value], i) => (i === 0 ? [k, Uint8Array.of(...value, 0)] : [k, value])),
    })
    const bad: Page[][] = [
      pages.slice(1),
      pages.slice(0, -1),
      [],
      [...pages, pages[0]],
      [pages[1], pages[0], ...pages.slice(2)],
      [bend(pages[0]), ...pages.slice(1)],
      pages.map(p => ({ ...p, root: `${p.root.slice(0, -1)}0` })).map((p, i) => (i === 0 ? p : { ...p, root: 'x' })),
    ]
    for (const list of bad) {
      const dir = fresh()
      await expect(importInto(dir, list)).rejects.toThrow(code('IMPORT_INVALID'))
      await expect(open(dir)).rejects.toThrow(code('NO_SUCH_SPACE'))
    }
  })
})
