import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadHashes } from '../../rspace/hash.ts'
import { History, type NodeId, nodeKey } from '../../rspace/history.ts'
import { _, importInto, type JsonTypes, memory, open, type Page, type Space, v } from '../../rspace/index.ts'
import type { Change, Removal, Row } from '../../rspace/rows.ts'
import { MemoryEngine, type Op, openStore } from '../../rspace/store/index.ts'

const code = (c: string): unknown => expect.objectContaining({ code: c })
const row = (n: number, value: number): Row => [Uint8Array.of(0x58, n >> 8, n & 255), Uint8Array.of(value)]
const dump = (space: Space<JsonTypes>): unknown[] => [...space.inspect.all()]

/** A history whose nodes are in a map, as a store would have them. */
class Stored {
  readonly rows = new Map<string, Uint8Array>()
  readonly history: History
  constructor(keep: { last?: number; every?: number }) {
    this.history = new History(keep, keys => Promise.resolve(keys.map(k => this.rows.get(Buffer.from(k).toString('latin1')))))
  }
  commit(): void {
    const put: Change[] = []
    const del: Removal[] = []
    this.history.drain(put, del)
    for (const k of del) this.rows.delete(Buffer.from(k as Uint8Array).toString('latin1'))
    for (const [k, value] of put) this.rows.set(Buffer.from(k).toString('latin1'), value)
    this.history.landed()
  }
  /** Key and value of the rows of one tag. */
  of(tag: string): Row[] {
    return [...this.rows].filter(([k]) => k.startsWith(tag)).map(([k, value]) => [Buffer.from(k, 'latin1'), value])
  }
}

describe('a tree of rows', () => {
  const arbChanges = fc.array(fc.array(fc.tuple(fc.nat({ max: 60 }), fc.option(fc.nat({ max: 3 }), { nil: null })), { maxLength: 12 }), {
    maxLength: 10,
  })
  it('has a name that depends on the rows alone, however they came about', async () => {
    await loadHashes()
    fc.assert(
      fc.property(arbChanges, rounds => {
        const history = new History()
        const model = new Map<number, number>()
        let tree: NodeId | undefined
        for (const round of rounds) {
          const net = new Map(round)
          for (const [n, value] of net) value === null ? model.delete(n) : model.set(n, value)
          const next = history.change(
            tree,
            [...net].map(([n, value]) => ({ key: row(n, 0)[0], value: value === null ? null : row(n, value)[1] })),
          )
          history.hold(next)
          history.drop(tree)
          tree = next
          const others = new History()
          expect(others.plant([...model].reverse().map(([n, value]) => row(n, value)))).toBe(tree)
        }
      }),
    )
  })
  it('gives back its rows in key order, from checkpoints that share what is equal', async () => {
    await fc.assert(
      fc.asyncProperty(arbChanges, fc.nat({ max: 4 }), async (rounds, last) => {
        const stored = new Stored({ last: last + 1 })
        const { history } = stored
        const model = new Map<number, number>()
        const states: [string, Row[]][] = []
        let tree: NodeId | undefined
        for (const [i, round] of rounds.entries()) {
          const net = new Map(round)
          for (const [n, value] of net) value === null ? model.delete(n) : model.set(n, value)
          const next = history.change(
            tree,
            [...net].map(([n, value]) => ({ key: row(n, 0)[0], value: value === null ? null : row(n, value)[1] })),
          )
          history.hold(next)
          history.drop(tree)
          tree = next
          const root = i.toString(16).padStart(64, '0')
          history.keepRoot(root, tree, false)
          states.push([root, [...model].sort(([a], [b]) => a - b).map(([n, value]) => row(n, value))])
          if (i % 3 !== 1) stored.commit()
        }
        stored.commit()
        const kept = states.slice(-(last + 1))
        const again = new Stored({ last: last + 1 })
        for (const [k, value] of stored.rows) again.rows.set(k, value)
        again.history.load(again.of('N'), again.of('S'))
        expect([...again.history.roots.keys()]).toEqual(kept.map(([root]) => root))
        const reached = new Set<string>()
        for (const [root, rows] of kept) {
          const { tree: named } = again.history.roots.get(root) as { tree: NodeId | undefined }
          expect((await again.history.rowsOf(named)).map(r => r.map(b => Buffer.from(b).toString('hex')))).toEqual(
            rows.map(r => r.map(b => Buffer.from(b).toString('hex'))),
          )
          if (named !== undefined) reached.add(named)
        }
        // Nothing is left of the checkpoints that are not kept: with the others gone as well, all nodes go.
        for (const [root] of kept) {
          again.history.drop((again.history.roots.get(root) as { tree: NodeId | undefined }).tree)
        }
        again.commit()
        expect(again.of('N')).toEqual([])
      }),
    )
  })
  it('is refused where a node is missing or is another one', () => {
    const stored = new Stored({})
    const tree = stored.history.plant(Array.from({ length: 100 }, (_x, n) => row(n, 1)))
    stored.history.hold(tree)
    stored.history.keepRoot('ab'.repeat(32), tree, false)
    stored.commit()
    const nodes = stored.of('N')
    expect(nodes.length).toBeGreaterThan(100)
    expect(() => new History().load(nodes.slice(1), stored.of('S'))).toThrow(code('CORRUPT'))
    expect(() => new History().load([[nodes[0][0], nodes[1][1]], ...nodes.slice(1)], stored.of('S'))).toThrow(code('CORRUPT'))
    expect(() => new History().load([[nodes[0][0], Uint8Array.of(9)], ...nodes.slice(1)], stored.of('S'))).toThrow(code('CORRUPT'))
    expect(() => new History().load(nodes, [[stored.of('S')[0][0], Uint8Array.of(1)]])).toThrow(code('CORRUPT'))
    expect(() =>
      new History().load(
        nodes.filter(([k]) => Buffer.compare(k, nodeKey(tree as NodeId)) !== 0),
        stored.of('S'),
      ),
    ).toThrow(code('CORRUPT'))
  })
})

describe('checkpoints of a space', () => {
  it('cost what has changed since the one before, not what there is', async () => {
    class Counting extends MemoryEngine {
      nodes = 0
      bytes = 0
      override batch(ops: readonly Op[], sync: boolean): Promise<void> {
        for (const { key, value } of ops)
          if (key[0] === 0x4e && value !== undefined) {
            this.nodes++
            this.bytes += value.length
          }
        return super.batch(ops, sync)
      }
    }
    const engine = new Counting()
    const space = await open(engine, { create: true, history: 'merkle' })
    for (let i = 0; i < 10_000; i++) space.produce(`c${i % 100}`, i)
    await space.checkpoint()
    expect(engine.nodes).toBeGreaterThan(10_000)
    const [before, bytesBefore] = [engine.nodes, engine.bytes]
    space.produce('c5', 'one more')
    await space.checkpoint()
    // The datum, the state row, and the nodes above both: four or five levels.
    expect(engine.nodes - before).toBeLessThan(16)
    expect(engine.bytes - bytesBefore).toBeLessThan(6000)
    await space.close()
  })
  it('are all found again after restarts, with every record as it was', async () => {
    const arbStep = fc.record({ kind: fc.nat({ max: 5 }), c: fc.nat({ max: 2 }), x: fc.nat({ max: 3 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(arbStep, { minLength: 1, maxLength: 40 }), async steps => {
        const engine = new MemoryEngine()
        const options = { history: 'merkle', keep: { last: 3 } } as const
        let space = await open(engine, { ...options, create: true })
        const states = new Map<string, string>()
        for (const { kind, c, x } of steps) {
          if (kind === 0) space.tryTake(`c${c}`, _)
          else if (kind === 1)
            space.consume(
              [
                { channel: `c${c}`, pattern: x },
                { channel: 'other', pattern: v.y },
              ],
              'k',
              { persist: x === 0 },
            )
          else if (kind === 2) {
            const { root } = await space.checkpoint()
            states.set(root, JSON.stringify(dump(space)))
          } else if (kind === 3) {
            await space.close()
            space = await open(engine, options)
          } else space.produce(`c${c}`, x, { persist: kind === 4 && x === 1, leaseTicks: x === 2 ? 100 : undefined })
        }
        expect(space.checkpoints.length).toBe(Math.min(3, states.size))
        expect((await space.verify({ deep: true })).problems).toEqual([])
        for (const root of space.checkpoints) {
          const then = await space.forkAt(root)
          expect(then.digest()).toBe(root)
          expect(JSON.stringify(dump(then))).toBe(states.get(root))
        }
        const [root] = space.checkpoints
        if (root !== undefined) {
          await space.reset(root)
          expect(space.digest()).toBe(root)
        }
        await space.close()
      }),
      { numRuns: 60 },
    )
  })
  it('stay as the policy says: the newest, every so many, and pinned ones', async () => {
    const engine = new MemoryEngine()
    const options = { history: 'merkle', keep: { last: 2, every: 4 } } as const
    let space = await open(engine, { ...options, create: true })
    const roots: string[] = []
    for (let i = 1; i <= 10; i++) {
      space.produce('c', i)
      roots.push((await space.checkpoint({ pin: i === 2 })).root)
    }
    const numbers = (): number[] => space.checkpoints.map(r => roots.indexOf(r) + 1)
    expect(numbers()).toEqual([2, 4, 8, 9, 10])
    await space.close()
    space = await open(engine, options)
    expect(numbers()).toEqual([2, 4, 8, 9, 10])
    await space.unpin(roots[1])
    expect(numbers()).toEqual([4, 8, 9, 10])
    await expect(space.unpin(roots[1])).rejects.toThrow(code('UNKNOWN_ROOT'))
    await space.close()
    // Rows of what is not kept are gone: everything that is there is reached.
    const store = await openStore(engine)
    const count = async (tag: number): Promise<number> => {
      let n = 0
      for await (const page of store.range(Uint8Array.of(tag), Uint8Array.of(tag + 1))) n += page.length
      return n
    }
    expect(await count(0x53)).toBe(4)
    await store.close()
    space = await open(engine, options)
    for (const root of space.checkpoints) expect((await space.forkAt(root)).digest()).toBe(root)
    await space.close()
  })
  it('do without those of a time when history was not kept, and go on from the present', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true, history: 'merkle' })
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    await space.close()
    space = await open(engine)
    space.produce('c', 2)
    await expect(space.forkAt(root)).rejects.toThrow(code('UNKNOWN_ROOT'))
    await space.close()
    space = await open(engine, { history: 'merkle' })
    space.produce('c', 3)
    const { root: later } = await space.checkpoint()
    expect((await space.forkAt(root)).count('c')).toBe(1)
    expect((await space.forkAt(later)).count('c')).toBe(3)
    await space.close()
  })
  it('refuse to be opened when one is not whole', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, history: 'merkle' })
    for (let i = 0; i < 50; i++) space.produce('c', i)
    await space.checkpoint()
    await space.close()
    await engine.open()
    const nodes: Uint8Array[] = []
    for await (const page of engine.iterate(Uint8Array.of(0x4e), Uint8Array.of(0x4f))) nodes.push(...page.map(([k]) => k))
    await engine.batch([{ key: nodes[3] }], true)
    await engine.close()
    await expect(open(engine, { history: 'merkle' })).rejects.toThrow(code('CORRUPT'))
    const without = await open(engine)
    expect(without.count('c')).toBe(50)
    await without.close()
  })
  it('of a sibling are kept with ours, also on a store', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true, history: 'merkle' })
    space.produce('c', 1)
    await space.checkpoint()
    const sibling = await space.spawn()
    sibling.produce('c', 2)
    const { root } = await sibling.checkpoint()
    const nephew = await sibling.spawn()
    expect(nephew.count('c')).toBe(2)
    expect(space.count('c')).toBe(1)
    await space.close()
    await expect(sibling.checkpoint()).rejects.toThrow(code('SPACE_CLOSED'))
    space = await open(engine, { history: 'merkle' })
    expect((await space.forkAt(root)).count('c')).toBe(2)
    await space.close()
  })
})

describe('pages of a checkpoint', () => {
  const made = async (): Promise<{ space: Space<JsonTypes>; root: string; pages: Page[] }> => {
    const space = memory({ history: 'merkle' })
    for (let i = 0; i < 30; i++) space.produce(`c${i % 7}`, { i })
    space.consume([{ channel: 'x', pattern: v.a }], 'k', { persist: true })
    const { root } = await space.checkpoint()
    space.produce('later', 1)
    const pages: Page[] = []
    for await (const p of space.export({ root, limit: 10 })) pages.push(p)
    return { space, root, pages }
  }
  it('prove their rows one by one, and make the same state elsewhere', async () => {
    const { root, pages } = await made()
    expect(pages.length).toBeGreaterThan(3)
    expect(pages.every(p => p.tree === pages[0].tree && p.proof !== undefined)).toBe(true)
    expect(pages[0].proof?.length).toBeGreaterThan(0)
    const engine = new MemoryEngine()
    expect(await importInto(engine, pages)).toBe(root)
    const copy = await open(engine)
    expect(copy.digest()).toBe(root)
    expect(copy.produce('x', 1).comms).toHaveLength(1)
    await copy.close()
  })
  it('are refused with a row, a proof or a tree that does not belong, or with rows left out', async () => {
    const { pages } = await made()
    const with_ = (i: number, change: Partial<Page>): Page[] => pages.map((p, n) => (n === i ? { ...p, ...change } : p))
    const wrongRow = pages[1].rows.map(([k, value], n) => [k, n === 0 ? Uint8Array.of(...value, 0) : value] as const)
    for (const bad of [
      with_(1, { rows: wrongRow }),
      with_(0, { proof: [] }),
      with_(0, { proof: [Uint8Array.of(7)] }),
      with_(1, { tree: '00'.repeat(32) }),
      pages.map(p => ({ ...p, tree: '00'.repeat(32) })),
      pages.slice(1),
      pages.filter((_p, i) => i !== 1),
    ])
      await expect(importInto(new MemoryEngine(), bad)).rejects.toThrow(code('IMPORT_INVALID'))
  })
})
