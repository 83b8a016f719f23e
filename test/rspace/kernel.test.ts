import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Chan } from '../../rspace/kernel.ts'
import { Cont, Kernel } from '../../rspace/kernel.ts'
import { type BindSpec, type ContSpec, KeyedMatcher, ManyKeysMatcher, Model, TestCont, World } from './kernel-model.ts'

const bind = (chan: number, accepts: BindSpec['accepts'] = 'any', arrow: 0 | 1 | 2 = 0): BindSpec => ({ chan, accepts, arrow })
const receive = (name: string, binds: BindSpec[], more: { persistent?: boolean; modulus?: number } = {}): ContSpec => ({
  name,
  branches: [{ binds, modulus: more.modulus }],
  persistent: more.persistent ?? false,
})

describe('a produce', () => {
  it('is stored where nobody waits', () => {
    const w = new World(1)
    expect(w.produce(0, 7)).toBe('-')
    expect(w.dump()).toBe('0: 7 | ')
  })
  it('fires the oldest continuation that accepts it', () => {
    const w = new World(1)
    w.consume(receive('a', [bind(0, [1])]))
    w.consume(receive('b', [bind(0)]))
    w.consume(receive('c', [bind(0)]))
    expect(w.produce(0, 7)).toBe('b/0:7:7')
    expect(w.dump()).toBe('0:  | a c')
  })
  it('stays when it was only read, and goes on in the pump until it is taken', () => {
    const w = new World(1)
    w.consume(receive('p', [bind(0, 'any', 2)]))
    w.consume(receive('q', [bind(0, 'any', 2)]))
    w.consume(receive('t', [bind(0)]))
    expect([w.produce(0, 7), w.pump(), w.pump(), w.pump()]).toEqual(['p/0:7:7', 'q/0:7:7', 't/0:7:7', '-'])
    expect(w.dump()).toBe('')
  })
  it('stays when it is persistent, and serves every receive', () => {
    const w = new World(1)
    w.consume(receive('a', [bind(0)]))
    w.consume(receive('b', [bind(0)]))
    expect([w.produce(0, 7, true), w.pump(), w.pump()]).toEqual(['a/0:7:7', 'b/0:7:7', '-'])
    expect(w.dump()).toBe('0: 7* | ')
    expect(w.kernel.pumpPending).toBe(false)
  })
  it('meets a persistent receive for ever, one COMM per pump', () => {
    const w = new World(1)
    w.consume(receive('s', [bind(0, 'any', 1)], { persistent: true }))
    w.produce(0, 7, true)
    for (let i = 0; i < 5; i++) expect(w.pump()).toBe('s/0:7:7')
    w.consume(receive('late', [bind(0)]))
    expect(w.kernel.pumpPending).toBe(true)
  })
})

describe('a consume', () => {
  it('takes the oldest datum that matches and leaves the others', () => {
    const w = new World(1)
    for (const v of [1, 2, 3, 2]) w.produce(0, v)
    expect(w.consume(receive('a', [bind(0, [2])]))).toBe('a/0:2:2')
    expect(w.dump()).toBe('0: 1 3 2 | ')
  })
  it('fires once and stays when it is persistent; the rest goes through the pump', () => {
    const w = new World(1)
    for (const v of [1, 2]) w.produce(0, v)
    expect([w.consume(receive('a', [bind(0, 'any', 1)], { persistent: true })), w.pump(), w.pump()]).toEqual(['a/0:1:1', 'a/0:2:2', '-'])
    expect(w.dump()).toBe('0:  | a')
  })
  it('reads without taking when it peeks', () => {
    const w = new World(1)
    w.produce(0, 1)
    expect(w.consume(receive('a', [bind(0, 'any', 2)]))).toBe('a/0:1:1')
    expect(w.dump()).toBe('0: 1 | ')
  })
})

describe('a join', () => {
  it('waits until every channel has a datum that matches, and takes them in one COMM', () => {
    const w = new World(2)
    w.consume(receive('j', [bind(0), bind(1, [5])]))
    expect([w.produce(0, 1), w.produce(1, 4), w.produce(1, 5)]).toEqual(['-', '-', 'j/0:1,5:1,5'])
    expect(w.dump()).toBe('1: 4 | ')
  })
  it('needs two data for two taking binds on one channel', () => {
    const w = new World(1)
    w.consume(receive('j', [bind(0), bind(0)]))
    expect(w.produce(0, 1)).toBe('-')
    expect(w.produce(0, 2)).toBe('j/0:1,2:1,2')
  })
  it('lets two peeks share a datum, but not a peek and a take', () => {
    const w = new World(1)
    w.produce(0, 1)
    expect(w.consume(receive('pp', [bind(0, 'any', 2), bind(0, 'any', 2)]))).toBe('pp/0:1,1:1,1')
    expect(w.consume(receive('pt', [bind(0, 'any', 2), bind(0)]))).toBe('-')
    expect(w.produce(0, 2)).toBe('pt/0:1,2:1,2')
    expect(w.dump()).toBe('0: 1 | ')
  })
  it('lets a persistent datum serve several binds', () => {
    const w = new World(1)
    w.produce(0, 1, true)
    expect(w.consume(receive('j', [bind(0), bind(0)]))).toBe('j/0:1,1:1,1')
  })
  it('leaves the other channels untouched when a persistent datum fires a peek join (P3)', () => {
    const w = new World(2)
    w.produce(1, 9)
    w.consume(receive('j', [bind(0, 'any', 2), bind(1, 'any', 2)]))
    expect(w.produce(0, 1, true)).toBe('j/0:1,9:1,9')
    expect(w.dump()).toBe('0: 1* | \n1: 9 | ')
  })
  it('competes with joins written in another order for the same data (P6)', () => {
    const w = new World(2)
    w.consume(receive('ab', [bind(0), bind(1)]))
    w.consume(receive('ba', [bind(1), bind(0)]))
    expect([w.produce(0, 1), w.produce(1, 2), w.produce(1, 4), w.produce(0, 3)]).toEqual(['-', 'ab/0:1,2:1,2', '-', 'ba/0:4,3:4,3'])
  })
  it('removes exactly the data it took, wherever they stood (P1)', () => {
    const w = new World(1)
    for (const v of [1, 2, 3, 4, 5]) w.produce(0, v)
    expect(w.consume(receive('j', [bind(0, [5]), bind(0, [1]), bind(0, [3])]))).toBe('j/0:5,1,3:5,1,3')
    expect(w.dump()).toBe('0: 2 4 | ')
  })
  it('of a thousand channels fires with the last datum', () => {
    const w = new World(1000)
    w.consume(
      receive(
        'wide',
        w.chans.map((_, i) => bind(i)),
      ),
    )
    for (let i = 0; i < 999; i++) expect(w.produce(i, i)).toBe('-')
    expect(w.produce(999, 999).startsWith('wide/0:0,1,2')).toBe(true)
    expect(w.dump()).toBe('')
  })
  it('of two hundred binds on one channel solves a matching that greedy choice would miss', () => {
    const n = 200
    const w = new World(1)
    // Bind i accepts i and i + 1, the last one only n − 1: the only solution shifts everybody.
    w.consume(
      receive(
        'm',
        Array.from({ length: n }, (_, i) => bind(0, i === n - 1 ? [0] : [i, i + 1])),
      ),
    )
    for (let v = 0; v < n - 1; v++) expect(w.produce(0, v)).toBe('-')
    expect(w.produce(0, n - 1)).toBe(
      `m/0:${[...Array.from({ length: n - 1 }, (_, i) => i + 1), 0].join()}:${[...Array.from({ length: n - 1 }, (_, i) => i + 1), 0].join()}`,
    )
  })
})

describe('a join on one channel fires exactly when an assignment exists (P4)', () => {
  // Row r of the matrix says which of the data 0…m−1 bind r accepts.
  const exists = (rows: number[], used = 0, i = 0): boolean =>
    i === rows.length ||
    [0, 1, 2, 3, 4].some(d => ((rows[i] >> d) & 1) === 1 && ((used >> d) & 1) === 0 && exists(rows, used | (1 << d), i + 1))
  const check = (rows: number[], data: number): void => {
    const binds = rows.map(r =>
      bind(
        0,
        [0, 1, 2, 3, 4].filter(d => ((r >> d) & 1) === 1),
      ),
    )
    const parked = new World(1)
    parked.consume(receive('j', binds))
    let fired = false
    for (let d = 0; d < data; d++) if (parked.produce(0, d) !== '-') fired = true
    const stored = new World(1)
    for (let d = 0; d < data; d++) stored.produce(0, d)
    const onArrival = stored.consume(receive('j', binds)) !== '-'
    const expected = exists(rows.map(r => r & ((1 << data) - 1)))
    if (fired !== expected || onArrival !== expected)
      throw new Error(`rows ${rows.join()} data ${data}: ${fired} ${onArrival}, expected ${expected}`)
  }
  it('for all matrices up to 3×3', () => {
    for (let n = 2; n <= 3; n++)
      for (let code = 0; code < 1 << (n * n); code++)
        check(
          Array.from({ length: n }, (_, r) => (code >> (r * n)) & ((1 << n) - 1)),
          n,
        )
  })
  it('for all 4×4 matrices up to the order of the rows, and random 5×5 ones', () => {
    for (let a = 0; a < 16; a++)
      for (let b = a; b < 16; b++) for (let c = b; c < 16; c++) for (let d = c; d < 16; d++) check([c, a, d, b], 4)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 31 }), { minLength: 5, maxLength: 5 }), rows => check(rows, 5)),
      { numRuns: 2000 },
    )
  })
})

describe('a guard', () => {
  it('is offered every combination of data and solutions (P15)', () => {
    const w = new World(2)
    for (const v of [1, 2, 4]) w.produce(0, v)
    w.produce(1, 8)
    // Solutions are v and v + 1; the sum must divide by 7: only 4+1 + 8+1 … = 14 works.
    expect(w.consume(receive('g', [bind(0), bind(1)], { modulus: 7 }))).toBe('g/0:5,9:4,8')
    expect(w.dump()).toBe('0: 1 2 | ')
  })
  it('that is false leaves the data, and a later datum may satisfy it', () => {
    const w = new World(1)
    w.produce(0, 1)
    expect(w.consume(receive('g', [bind(0)], { modulus: 9 }))).toBe('-')
    expect(w.produce(0, 9)).toBe('g/0:9:9')
    expect(w.dump()).toBe('0: 1 | ')
  })
  it('that throws counts as false and is reported once', () => {
    let reports = 0
    class Bad extends KeyedMatcher {
      override guard(): boolean {
        throw new Error('bad guard')
      }
    }
    const w = new World(1, { observer: { failed: () => void reports++ } }, new Bad())
    w.consume(receive('g', [bind(0)], { modulus: 1 }))
    expect([w.produce(0, 1), w.produce(0, 2)]).toEqual(['-', '-'])
    expect(reports).toBe(1)
  })
})

describe('a select', () => {
  const select: ContSpec = { name: 's', persistent: false, branches: [{ binds: [bind(0)] }, { binds: [bind(1), bind(2)] }] }
  it('fires the first branch that can, and withdraws the others with it', () => {
    const w = new World(3)
    w.produce(1, 1)
    w.consume(select)
    expect(w.produce(2, 2)).toBe('s/1:1,2:1,2')
    expect([w.produce(0, 5), w.dump()]).toEqual(['-', '0: 5 | '])
  })
  it('prefers source order when both branches are ready', () => {
    const w = new World(3)
    for (const c of [0, 1, 2]) w.produce(c, c)
    expect(w.consume(select)).toBe('s/0:0:0')
    expect(w.dump()).toBe('1: 1 | \n2: 2 | ')
  })
})

describe('fairness', () => {
  it('renews the turn of a persistent receive that fires while others wait', () => {
    const w = new World(1)
    w.consume(receive('old', [bind(0, 'any', 1)], { persistent: true }))
    w.consume(receive('young', [bind(0)]))
    expect([w.produce(0, 1), w.produce(0, 2), w.produce(0, 3)]).toEqual(['old/0:1:1', 'young/0:2:2', 'old/0:3:3'])
  })
  it('renews the turn of a persistent datum that is used while others are there', () => {
    const w = new World(1)
    w.produce(0, 1, true)
    w.produce(0, 2)
    const takes = ['a', 'b', 'c'].map(n => w.consume(receive(n, [bind(0)])))
    expect(takes).toEqual(['a/0:1:1', 'b/0:2:2', 'c/0:1:1'])
  })
})

describe('the order of choice', () => {
  it('is the mirror image with lifo', () => {
    const w = new World(1, { order: 'lifo' })
    for (const v of [1, 2, 3]) w.produce(0, v)
    expect(w.consume(receive('a', [bind(0)]))).toBe('a/0:3:3')
    w.consume(receive('x', [bind(0, [9])]))
    w.consume(receive('y', [bind(0, [9])]))
    expect(w.produce(0, 9)).toBe('y/0:9:9')
  })
  it('repeats with the same seed, differs between seeds, and a pinned channel stays oldest first (P12)', () => {
    const run = (seed: bigint, pin: boolean): string => {
      const w = new World(1, { order: { seed } })
      if (pin) w.kernel.pin(w.chans[0])
      for (let v = 0; v < 8; v++) w.produce(0, v)
      return Array.from({ length: 8 }, (_, i) => w.consume(receive(`k${i}`, [bind(0)]))).join(' ')
    }
    const traces = new Set<string>()
    for (let seed = 0n; seed < 100n; seed++) {
      expect(run(seed, false)).toBe(run(seed, false))
      traces.add(run(seed, false))
    }
    expect(traces.size).toBeGreaterThan(90)
    expect(run(7n, true)).toBe(Array.from({ length: 8 }, (_, i) => `k${i}/0:${i}:${i}`).join(' '))
  })
})

describe('an index by key', () => {
  it('keeps a thousand receives of different literals from being scanned, in order with receives that take anything', () => {
    const w = new World(1, {}, new KeyedMatcher())
    for (let i = 0; i < 1000; i++) w.consume(receive(`l${i}`, [bind(0, [i])]))
    w.consume(receive('any', [bind(0)]))
    for (let i = 0; i < 30; i++) w.consume(receive(`again${i}`, [bind(0, [500])]))
    w.produce(0, -1) // taken by `any`, after one scan that builds the index
    w.produce(0, -2)
    const before = w.matcher.calls
    expect(w.produce(0, 500)).toBe('l500/0:500:500')
    expect(w.produce(0, 500)).toBe('again0/0:500:500')
    w.consume(receive('any2', [bind(0, [7, 500])]))
    expect(w.produce(0, 700)).toBe('l700/0:700:700')
    expect(w.matcher.calls - before).toBeLessThan(10)
  })
  it('keeps a thousand data from being scanned', () => {
    const w = new World(1, {}, new KeyedMatcher())
    for (let i = 0; i < 1000; i++) w.produce(0, i)
    w.consume(receive('none', [bind(0, [5000])]))
    const before = w.matcher.calls
    for (let i = 999; i >= 900; i--) expect(w.consume(receive('k', [bind(0, [i])]))).toBe(`k/0:${i}:${i}`)
    expect(w.matcher.calls - before).toBeLessThan(150)
    expect(w.consume(receive('first', [bind(0)]))).toBe('first/0:0:0')
  })
})

describe('budgets', () => {
  it('set a continuation aside when its search is too long, serve the others, and let it be retried', () => {
    const stalled: string[] = []
    const w = new World(3, { matchStepsPerContinuationMax: 500, observer: { stalled: k => void stalled.push(k.spec.name) } })
    w.consume(receive('costly', [bind(0), bind(1), bind(2)], { modulus: 1009 }))
    for (let i = 0; i < 12; i++) for (const c of [0, 1]) w.produce(c, i * 2)
    w.consume(receive('plain', [bind(2)]))
    expect(w.produce(2, 1009 - 44)).toBe('plain/0:965:965')
    expect(stalled).toEqual(['costly'])
    const k = [...w.kernel.stalled()][0]
    w.produce(2, 1009 - 44)
    expect(w.kernel.retry(k, 1_000_000)).toBe(true)
    expect(w.kernel.stalled().size).toBe(0)
  })
  it('of an operation throw MATCH_TOO_COSTLY and change nothing', () => {
    const w = new World(3, { matchStepsMax: 300 })
    w.consume(receive('costly', [bind(0), bind(1), bind(2)], { modulus: 1009 }))
    for (let i = 0; i < 12; i++) for (const c of [0, 1]) w.produce(c, i * 2)
    const before = w.dump()
    expect(() => w.produce(2, 1)).toThrow(expect.objectContaining({ code: 'MATCH_TOO_COSTLY' }))
    expect(w.dump()).toBe(before)
  })
})

describe('hidden data', () => {
  it('are not matched, and come back with their old age', () => {
    const w = new World(1)
    for (const v of [1, 2]) w.produce(0, v)
    const d = w.datum(0, 0)!
    w.kernel.hide(d)
    expect(w.dump()).toBe('0: 2 | ')
    expect(w.kernel.reveal(d)).toBe(null)
    expect(w.dump()).toBe('0: 1 2 | ')
    w.kernel.hide(d)
    w.consume(receive('a', [bind(0, [1])]))
    expect(w.describe(w.kernel.reveal(d))).toBe('a/0:1:1')
  })
})

describe('recheck', () => {
  it('lets receives fire whose guard has changed its meaning', () => {
    let open = false
    class Gate extends KeyedMatcher {
      override guard(): boolean {
        return open
      }
    }
    const w = new World(1, {}, new Gate())
    w.produce(0, 1)
    w.consume(receive('g', [bind(0)], { modulus: 1 }))
    open = true
    expect(w.kernel.recheck(k => k.spec.name === 'g')).toBe(1)
    expect([w.pump(), w.pump()]).toEqual(['g/0:1:1', '-'])
  })
})

describe('a continuation object', () => {
  it('may be used again once it has fired, as a machine does', () => {
    class Machine extends Cont {}
    const site = { arrows: new Uint8Array(1), persistent: false, guarded: false }
    const kernel = new Kernel<number, number, Machine>({ match: (_k, _b, _i, v) => v, matchAll: (_k, _b, _i, v) => [v], guard: () => true })
    const [a, b]: Chan[] = [kernel.chan('a'), kernel.chan('b')]
    const m = new Machine(site)
    for (let i = 0; i < 100; i++) {
      m.chan = i % 2 === 0 ? a : b
      expect(kernel.consume(m)).toBe(false)
      expect(kernel.produce(m.chan, i, false, null)).toBe(m)
      expect(m.waiting).toBe(false)
    }
    expect([...kernel.nonEmpty()]).toEqual([])
  })
})

// ------------------------------------------------------------------------------------------------- random programs

const CHANNELS = 3
const arbBind = fc.record({
  chan: fc.integer({ min: 0, max: CHANNELS - 1 }),
  accepts: fc.oneof(fc.constant('any' as const), fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 })),
  arrow: fc.constantFrom(0 as const, 0 as const, 1 as const, 2 as const),
})
const arbBranch = fc.record({
  binds: fc.array(arbBind, { minLength: 1, maxLength: 3 }),
  modulus: fc.constantFrom(undefined, undefined, 2, 3, 5),
})
type Op =
  | { op: 'produce'; chan: number; value: number; persistent: boolean }
  | { op: 'consume'; branches: { binds: BindSpec[]; modulus?: number }[]; persistent: boolean }
  | { op: 'pump' }
  | { op: 'withdraw' | 'take'; chan: number; nth: number }
const arbOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('produce' as const),
      chan: fc.integer({ min: 0, max: 2 }),
      value: fc.integer({ min: 0, max: 3 }),
      persistent: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('consume' as const),
      branches: fc.array(arbBranch, { minLength: 1, maxLength: 2 }),
      persistent: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pump' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('withdraw' as const, 'take' as const),
      chan: fc.integer({ min: 0, max: 2 }),
      nth: fc.integer({ min: 0, max: 2 }),
    }),
  },
)
const arbProgram = fc.array(arbOp, { minLength: 1, maxLength: 40 })

let serial = 0
function play(op: Op, w: World, m: Model | null): [string, string] {
  switch (op.op) {
    case 'produce':
      return [w.produce(op.chan, op.value, op.persistent), m?.produce(op.chan, op.value, op.persistent) ?? '']
    case 'consume': {
      const spec = { name: `k${serial++}`, branches: op.branches, persistent: op.persistent }
      return [w.consume(spec), m?.consume(spec) ?? '']
    }
    case 'pump':
      return [w.pump(), m?.pump() ?? '']
    case 'withdraw': {
      const k = [...w.kernel.conts(w.chans[op.chan])][op.nth]
      if (k !== undefined) w.kernel.withdraw(k)
      m?.withdraw(op.chan, op.nth)
      return ['', '']
    }
    case 'take': {
      const d = w.datum(op.chan, op.nth)
      if (d !== undefined) w.kernel.take(d)
      m?.take(op.chan, op.nth)
      return ['', '']
    }
  }
}

describe('random programs', () => {
  for (const order of ['fifo', 'lifo'] as const)
    for (const keyed of ['', ', with a key each', ', with several keys each'])
      it(`do the same as a naive model, ${order}${keyed}`, () => {
        fc.assert(
          fc.property(arbProgram, program => {
            const w = new World(
              CHANNELS,
              { order, indexAbove: keyed === '' ? 16 : 1 },
              keyed === '' ? undefined : keyed.includes('several') ? new ManyKeysMatcher() : new KeyedMatcher(),
            )
            const m = new Model(order)
            for (const op of program) {
              const [real, expected] = play(op, w, m)
              expect(real).toBe(expected)
              expect(w.dump()).toBe(m.dump(CHANNELS))
              expect(m.idle()).toBe(null)
            }
          }),
          { numRuns: 400 },
        )
      })
  it('with a seed fire what some order of choice allows, leave nothing idle and conserve data (L1, L2)', () => {
    fc.assert(
      fc.property(arbProgram, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (program, seed) => {
        const counts = { stored: 0, removed: 0 }
        const w = new World(CHANNELS, {
          order: { seed },
          observer: { stored: () => void counts.stored++, removed: () => void counts.removed++ },
        })
        const twin = new World(CHANNELS, { order: { seed } })
        const first = serial
        const trace = program.map(op => play(op, w, null)[0])
        serial = first
        expect(program.map(op => play(op, twin, null)[0])).toEqual(trace)
        expect(twin.dump()).toBe(w.dump())
        const stored = w.chans.reduce((n, c) => n + c.nD, 0)
        expect(counts.stored - counts.removed).toBe(stored)
        // L1 by the model's own search over what is stored.
        const m = new Model()
        w.chans.forEach((chan, c) => {
          for (const d of w.kernel.data(chan)) {
            const copy = { chan: c, value: d.value as number, persistent: d.persistent, turn: d.turn }
            m.data.push(copy)
            if (d.pumped) m.pumped.push(copy)
          }
        })
        for (const k of new Set(w.chans.flatMap(c => [...w.kernel.conts(c)]))) {
          const copy = { spec: k.spec, turn: k.turn }
          m.conts.push(copy)
          if (k.pumped) m.pumped.push(copy)
        }
        expect(m.idle()).toBe(null)
      }),
      { numRuns: 300 },
    )
  })
})

describe('rollback', () => {
  it('restores data, continuations, order and pump, and what follows is as if nothing had happened', () => {
    fc.assert(
      fc.property(arbProgram, arbProgram, arbProgram, (before, undone, after) => {
        const w = new World(CHANNELS)
        const m = new Model()
        for (const op of before) play(op, w, m)
        const dump = w.dump()
        const pump = [...w.kernel.pumped()]
        const mark = w.kernel.mark()
        for (const op of undone) play(op, w, null)
        w.kernel.rollback(mark)
        expect(w.dump()).toBe(dump)
        expect([...w.kernel.pumped()]).toEqual(pump)
        for (const op of after) {
          const [real, expected] = play(op, w, m)
          expect(real).toBe(expected)
          expect(w.dump()).toBe(m.dump(CHANNELS))
        }
      }),
      { numRuns: 400 },
    )
  })
  it('nests: an inner release keeps, an outer rollback takes back both', () => {
    fc.assert(
      fc.property(arbProgram, arbProgram, arbProgram, fc.boolean(), (before, one, two, keep) => {
        const w = new World(CHANNELS)
        for (const op of before) play(op, w, null)
        const start = w.dump()
        const outer = w.kernel.mark()
        for (const op of one) play(op, w, null)
        const middle = w.dump()
        const inner = w.kernel.mark()
        for (const op of two) play(op, w, null)
        if (keep) w.kernel.release(inner)
        else {
          w.kernel.rollback(inner)
          expect(w.dump()).toBe(middle)
        }
        w.kernel.rollback(outer)
        expect(w.dump()).toBe(start)
        expect(() => w.kernel.release(inner)).toThrow(expect.objectContaining({ code: 'STALE_MARK' }))
      }),
      { numRuns: 200 },
    )
  })
  it('puts a continuation object that was parked elsewhere meanwhile back where it was', () => {
    const w = new World(2)
    const k = new TestCont(receive('k', [bind(0)]), w.chans)
    w.kernel.consume(k)
    const mark = w.kernel.mark()
    w.produce(0, 1)
    k.chan = w.chans[1]
    w.kernel.consume(k)
    expect(w.dump()).toBe('1:  | k')
    w.kernel.rollback(mark)
    expect(w.dump()).toBe('0:  | k')
    expect(w.produce(0, 2)).toBe('k/0:2:2')
  })
  it('brings hidden and stalled records back to what they were', () => {
    const w = new World(1)
    w.produce(0, 1)
    const d = w.datum(0, 0)!
    const mark = w.kernel.mark()
    w.kernel.hide(d)
    w.kernel.rollback(mark)
    expect([w.dump(), w.kernel.hidden().size]).toEqual(['0: 1 | ', 0])
  })
})

describe('dirty channels', () => {
  it('are those whose stored content changed; a datum that fires a persistent receive on arrival changes none', () => {
    const w = new World(2, { trackDirty: true })
    w.consume(receive('s', [bind(0, 'any', 1)], { persistent: true }))
    w.produce(1, 1)
    expect(w.kernel.takeDirty().map(c => c.owner)).toEqual([0, 1])
    w.produce(0, 5)
    expect(w.kernel.takeDirty()).toEqual([])
    w.consume(receive('t', [bind(1)]))
    expect(w.kernel.takeDirty().map(c => c.owner)).toEqual([1])
  })
})
