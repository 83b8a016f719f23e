import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { _, type Core, core, memory, open, store, v } from '../../rspace/index.ts'
import type { Row } from '../../rspace/rows.ts'
import { MemoryEngine } from '../../rspace/store/index.ts'

const folders: string[] = []
const folder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'rhz-core-'))
  folders.push(dir)
  return join(dir, 'd')
}
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true })
})

const rowsOf = async (from: { rows(): AsyncIterable<Row[]> }): Promise<Row[]> => {
  const all: Row[] = []
  for await (const page of from.rows()) all.push(...page)
  return all
}
const values = (c: Core, channel: string): unknown[] => c.inspect.data(channel).map(i => i.value)
const pair = (): [Core, Core] => [core({ part: { index: 0, of: 2 } }), core({ part: { index: 1, of: 2 } })]

describe('a core', () => {
  it('decides as a space does, with its COMMs in the outcomes', () => {
    const c = core()
    c.produce('a', 1)
    const { comms } = c.consume(
      [
        { channel: 'a', pattern: v.n },
        { channel: 'b', pattern: v.m },
      ],
      'sum',
    )
    expect(comms).toEqual([])
    expect(c.produce('b', 2).comms[0]).toMatchObject({ body: 'sum', matches: [{ value: 1 }, { value: 2 }] })
    expect(c.stats()).toMatchObject({ data: 0, continuations: 0, comms: 1 })
    const m = c.mark()
    c.produce('a', 3)
    expect(() => c.delta()).toThrow(expect.objectContaining({ code: 'HELD' }))
    c.rollback(m)
    expect(values(c, 'a')).toEqual([])
    expect(() =>
      c.atomic(tx => {
        tx.produce('a', 4)
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(values(c, 'a')).toEqual([])
  })

  it('has the digest of a space with the same content', () => {
    const c = core()
    const s = memory()
    for (const x of [c, s]) {
      x.produce('a', { n: 1 }, { persist: true })
      x.consume(
        [
          { channel: 'x', pattern: _, peek: true },
          { channel: 'y', pattern: v.n },
        ],
        { handler: 'h' },
      )
    }
    expect(c.digest()).toBe(s.digest())
  })

  it('tells what has changed since it was last asked, net', () => {
    const c = core()
    c.produce('a', 1)
    const { ref } = c.produce('a', 2)
    expect(c.delta().put.filter(([key]) => key[0] === 0x44)).toHaveLength(2)
    c.produce('b', 3)
    c.consume([{ channel: 'b', pattern: _ }], 'k') // came and went
    c.cancel(ref as number)
    const { put, del } = c.delta()
    expect(put.filter(([key]) => key[0] === 0x44)).toEqual([])
    expect(del).toHaveLength(1)
  })

  it('refuses idempotence ids, numbers that are none, and to be loaded late', () => {
    expect(() => core({ part: { index: 2, of: 2 } })).toThrow(TypeError)
    expect(() => core({ part: { index: 0, of: 65_537 } })).toThrow(TypeError)
    expect(() => core({ part: { index: -1, of: 2 } })).toThrow(TypeError)
    const c = core()
    expect(() => c.produce('a', 1, { id: 'x' } as object)).toThrow(TypeError)
    c.produce('a', 1)
    expect(() => c.load([])).toThrow(TypeError)
  })
})

describe('cores and their store', () => {
  it('are found again: what each has committed, under the numbers it had', async () => {
    const dir = folder()
    const [a, b] = pair()
    const s = await store(dir, { create: true, durability: 'power' })
    a.produce('jobs', { n: 1 })
    b.produce('jobs', { n: 2 })
    b.consume(
      [
        { channel: 'x', pattern: v.n },
        { channel: 'y', pattern: v.m },
      ],
      'join',
    )
    const { number } = await s.commit([a.delta(), b.delta()], [{ namespace: 'mine', put: [[Uint8Array.of(1), Uint8Array.of(2)]] }])
    a.produce('lost', 1)
    expect(s.committed.number).toBe(number)
    await s.close()

    const again = await store(dir)
    const rows = await rowsOf(again)
    expect(rows.some(([key]) => key[0] === 0x58 && key[key.length - 1] === 1)).toBe(true)
    const [c, d] = pair()
    c.load(rows)
    d.load(rows)
    expect(values(c, 'jobs')).toEqual([{ n: 1 }])
    expect(values(c, 'lost')).toEqual([])
    expect(values(d, 'jobs')).toEqual([{ n: 2 }])
    d.produce('x', 1)
    expect(d.produce('y', 2).comms).toHaveLength(1)
    // What goes is gone, and numbers are not given out twice.
    c.produce('more', 1)
    await again.commit([c.delta(), d.delta()])
    await again.close()
    const last = await store(dir, { readOnly: true })
    const [e, f] = pair()
    const left = await rowsOf(last)
    e.load(left)
    f.load(left)
    expect([e.stats().data, f.stats().data, f.stats().continuations]).toEqual([2, 1, 0])
    await last.close()
  })

  it('are refused by anything but the same number of cores', async () => {
    const dir = folder()
    const s = await store(dir, { create: true })
    const [a, b] = pair()
    a.produce('x', 1)
    await s.commit([a.delta(), b.delta()])
    const rows = await rowsOf(s)
    await s.close()
    expect(() => core().load(rows)).toThrow(expect.objectContaining({ code: 'CODEC_MISMATCH' }))
    expect(() => core({ part: { index: 0, of: 3 } }).load(rows)).toThrow(expect.objectContaining({ code: 'CODEC_MISMATCH' }))
    await expect(open(dir)).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
  })

  it('a single core and a space read each other', async () => {
    const dir = folder()
    const s = await store(dir, { create: true })
    const one = core()
    one.produce('x', 1)
    await s.commit([one.delta()])
    await s.close()
    const space = await open(dir)
    expect(space.tryRead('x', v.n)?.value).toBe(1)
    space.produce('x', 2)
    await space.close()
    const again = await store(dir)
    const two = core()
    two.load(await rowsOf(again))
    expect(values(two, 'x')).toEqual([1, 2])
    await again.close()
  })

  it('commit nothing of what does not fit together', async () => {
    const s = await store(new MemoryEngine(), { create: true })
    const a = core()
    a.produce('x', 1)
    await expect(s.commit([a.delta()], [{ namespace: '', put: [] }])).rejects.toBeInstanceOf(TypeError)
    expect(s.committed.number).toBe(0)
    await expect(store(new MemoryEngine(), { durability: 'memory' })).rejects.toBeInstanceOf(TypeError)
    await s[Symbol.asyncDispose]()
  })
})

describe('channels that move to another core', () => {
  it('take all that lies and waits there along, in its order, under refs of the new core', () => {
    const [a, b] = pair()
    b.produce('here', 0)
    const first = a.produce('x', 1).ref as number
    a.produce('x', 2, { persist: true, leaseTicks: 5 })
    a.consume(
      [
        { channel: 'y', pattern: v.n },
        { channel: 'z', pattern: v.m, peek: true },
      ],
      'join',
      { where: { $lt: [v.n, v.m] } },
    )
    const fresh = a.fresh()
    a.produce(fresh, 'secret')
    const before = a.digest()
    const bytes = a.moveOut('x', 'y', 'z', fresh)
    expect(a.stats()).toMatchObject({ data: 0, continuations: 0 })
    const refs = b.moveIn(bytes)
    expect(refs.size).toBe(4)
    expect(b.inspect.data('x')).toMatchObject([
      { ref: refs.get(first), value: 1 },
      { value: 2, persistent: true, leaseTick: 5 },
    ])
    expect(b.cancel(b.inspect.data('here')[0].ref)).toBe(true)
    expect(b.digest()).toBe(before)
    b.produce('z', 5)
    expect(b.produce('y', 7).comms).toEqual([])
    expect(b.produce('y', 3).comms[0]).toMatchObject({ body: 'join', matches: [{ value: 3 }, { value: 5, peeked: true }] })
    expect(b.tick(5)).toBe(1)
  })

  it('are in one core or the other after a restart, never in both or none', async () => {
    const s = await store(new MemoryEngine(), { create: true })
    const [a, b] = pair()
    a.produce('x', 1)
    a.produce('stays', 2)
    await s.commit([a.delta(), b.delta()])
    b.moveIn(a.moveOut('x'))
    const deltas = [a.delta(), b.delta()]
    const whereIs = async (): Promise<number[]> => {
      const rows = await rowsOf(s)
      return pair().map(c => {
        c.load(rows)
        return values(c, 'x').length
      })
    }
    expect(await whereIs()).toEqual([1, 0])
    await s.commit(deltas)
    expect(await whereIs()).toEqual([0, 1])
    await s.close()
  })

  it('do not move when something on them cannot, and nothing has changed then', () => {
    const [a, b] = pair()
    a.consume(
      [
        { channel: 'x', pattern: v.n },
        { channel: 'y', pattern: v.m },
      ],
      'join',
    )
    expect(() => a.moveOut('x')).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', details: expect.objectContaining({ channel: 'y' }) }),
    )
    a.produce('v', 1, { volatile: true })
    expect(() => a.moveOut('v')).toThrow(TypeError)
    a.install('i', [{ channel: 'w', pattern: v.n }], 'k')
    expect(() => a.moveOut('w')).toThrow(TypeError)
    expect(() => a.moveOut()).toThrow(TypeError)
    const m = a.mark()
    expect(() => a.moveOut('x', 'y')).toThrow(expect.objectContaining({ code: 'HELD' }))
    a.release(m)
    expect(a.stats()).toMatchObject({ data: 1, continuations: 2 })
    const bytes = a.moveOut('x', 'y')
    b.produce('x', 1)
    expect(() => b.moveIn(bytes)).toThrow(TypeError)
    // A datum whose channel is not among the rows.
    const orphan = Uint8Array.of(1, 19, 0x44, ...new Uint8Array(15), 1, 0, 0, 2, 0, 0x31)
    for (const bad of [Uint8Array.of(), Uint8Array.of(9), bytes.subarray(0, bytes.length - 1), orphan])
      expect(() => b.moveIn(bad)).toThrow(expect.objectContaining({ code: 'IMPORT_INVALID' }))
    expect(() => b.moveIn('no' as unknown as Uint8Array)).toThrow(TypeError)
    expect(b.stats()).toMatchObject({ data: 1, continuations: 0 })
  })

  it('keep leases, renewed turns, what the pump has to try, and what was stalled', () => {
    const limits = { matchStepsPerContinuationMax: 1 }
    const [a, b] = [core({ part: { index: 0, of: 2 }, burst: 1, limits }), core({ part: { index: 1, of: 2 } })]
    // Two contracts: the first has had its turn.
    a.consume([{ channel: 'c', pattern: 1 }], 'first', { persist: true })
    a.consume([{ channel: 'c', pattern: 1 }], 'second', { persist: true, leaseTicks: 3 })
    expect(a.produce('c', 1).comms[0].body).toBe('first')
    // A persistent datum before a persistent continuation fires again and again.
    a.consume([{ channel: 'p', pattern: 1 }], 'again', { persist: true })
    expect(a.produce('p', 1, { persist: true }).pending).toBe(true)
    // Too costly for this core.
    a.produce('s', { deep: { x: 1, y: 2 } })
    a.consume([{ channel: 's', pattern: { deep: { x: v.x, y: v.y } } }], 'costly')
    expect(a.inspect.stalled()).toHaveLength(1)
    const refs = b.moveIn(a.moveOut('c', 'p', 's'))
    expect(refs.size).toBe(6)
    expect(b.produce('c', 1).comms[0].body).toBe('second')
    const bodies = [...b.pump(4), ...b.pump(4)].map(c => c.body)
    expect(bodies).toContain('again')
    expect(bodies).toContain('costly')
    expect(b.tick(3)).toBe(1)
    expect(b.recheck()).toBeGreaterThan(0)
    expect(() => b.retry(1, 10)).toThrow()
    expect(a.uninstall('none')).toBe(false)
    expect(a.derive('k', Uint8Array.of(1)).bytes()).toHaveLength(32)
    expect(a.channel('c', { order: 'fifo' }).value).toBe('c')
  })

  it('lose and double nothing, whatever moves when', () => {
    const names = ['a', 'b', 'c']
    const step = fc.record({
      at: fc.nat(1),
      channel: fc.constantFrom(...names),
      value: fc.nat(3),
      what: fc.constantFrom('put', 'take', 'move'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const cores = pair()
        const home = new Map(names.map(n => [n, 0]))
        const model = memory()
        for (const { at, channel, value, what } of steps) {
          const here = cores[home.get(channel) as number]
          if (what === 'move') {
            if (home.get(channel) === at) continue
            cores[at].moveIn(here.moveOut(channel))
            home.set(channel, at)
          } else if (what === 'put') expect(here.produce(channel, value).comms.length).toBe(model.produce(channel, value).comms.length)
          else
            expect(here.consume([{ channel, pattern: value }], 'k').comms.length).toBe(
              model.consume([{ channel, pattern: value }], 'k').comms.length,
            )
        }
        for (const n of names) expect(values(cores[home.get(n) as number], n)).toEqual(model.inspect.data(n).map(i => i.value))
      }),
      { numRuns: 200 },
    )
  })
})
