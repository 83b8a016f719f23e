import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Mark } from '../../rspace/kernel.ts'
import { type BranchSpec, KeyedMatcher, TestCont, World } from './kernel-model.ts'

/** The same long programs with an index from the third record on, and without any: it must change nothing but the speed. */

const CHANNELS = 3
type Action = readonly [kind: string, a: number, b: number, c: number]
const arbActions: fc.Arbitrary<Action[]> = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...[
        'put',
        'put',
        'put',
        'put',
        'lasting',
        'get',
        'get',
        'get',
        'any',
        'contract',
        'join',
        'lasting join',
        'select',
        'peek',
        'shared',
      ],
      ...['guard', 'pump', 'withdraw', 'take', 'hide', 'reveal', 'mark', 'rollback', 'release', 'recheck', 'enter', 'storm'],
    ),
    fc.nat({ max: CHANNELS - 1 }),
    fc.nat({ max: 5 }),
    fc.nat(),
  ),
  { minLength: 1, maxLength: 120, size: 'max' },
)

class Side {
  readonly world: World
  readonly conts: TestCont[] = []
  readonly marks: Mark[] = []
  n = 0
  constructor(order: 'fifo' | 'lifo', indexAbove: number) {
    this.world = new World(CHANNELS, { order, indexAbove, trackDirty: true }, new KeyedMatcher())
  }
  park(branches: readonly BranchSpec[], persistent: boolean): string {
    const k = new TestCont({ name: `k${this.n++}`, branches, persistent }, this.world.chans)
    this.conts.push(k)
    return this.world.describe(this.world.kernel.consume(k) ? k : null)
  }
  act([kind, a, b, c]: Action): string {
    const { world } = this
    const { kernel } = world
    const bind = (chan: number, value: number | undefined, arrow: 0 | 1 | 2) => ({
      chan: chan % CHANNELS,
      accepts: value === undefined ? ('any' as const) : [value],
      arrow,
    })
    const hidden = [...kernel.hidden()]
    switch (kind) {
      case 'put':
      case 'lasting':
        return world.produce(a, b, kind === 'lasting')
      case 'storm': {
        // Enough to be indexed, and enough to go again.
        const seen: string[] = []
        for (let i = 0; i < 12; i++)
          seen.push(c % 2 === 0 ? world.produce(a, (b + i) % 6) : this.park([{ binds: [bind(a, (b + i) % 6, 0)] }], false))
        return seen.join(' ')
      }
      case 'get':
        return this.park([{ binds: [bind(a, b, 0)] }], false)
      case 'any':
        return this.park([{ binds: [bind(a, undefined, 0)] }], false)
      case 'contract':
        return this.park([{ binds: [bind(a, b, 1)] }], true)
      case 'peek':
        return this.park([{ binds: [bind(a, b, 2)] }], false)
      case 'join':
      case 'lasting join':
        return this.park([{ binds: [bind(a, b, 0), bind(a + 1, c % 6, c % 3 === 0 ? 2 : 0)] }], kind !== 'join')
      case 'shared':
        return this.park([{ binds: [bind(a, b, 0), bind(a, c % 2 === 0 ? undefined : c % 6, c % 5 === 0 ? 2 : 0)] }], false)
      case 'select':
        return this.park([{ binds: [bind(a, b, 0)] }, { binds: [bind(a + 1, c % 6, 0)] }], false)
      case 'guard':
        return this.park([{ binds: [bind(a, undefined, 0), bind(a + 1, b, 0)], modulus: 2 + (c % 3) }], c % 4 === 0)
      case 'pump':
        return world.pump()
      case 'withdraw': {
        const k = this.conts[c % Math.max(1, this.conts.length)]
        return k === undefined ? '' : String(kernel.withdraw(k))
      }
      case 'take': {
        const d = world.datum(a, b)
        return d === undefined ? '' : String(kernel.take(d))
      }
      case 'hide': {
        const d = world.datum(a, b)
        return d === undefined ? '' : String(kernel.hide(d))
      }
      case 'reveal': {
        const d = hidden[c % Math.max(1, hidden.length)]
        return d === undefined ? '' : world.describe(kernel.reveal(d))
      }
      case 'mark':
        this.marks.push(kernel.mark())
        return ''
      case 'rollback':
      case 'release': {
        const mark = this.marks.pop()
        if (mark !== undefined) kernel[kind](mark)
        return ''
      }
      case 'recheck':
        return String(kernel.recheck(c % 2 === 0 ? undefined : k => k.spec.persistent))
      default: {
        const d = world.datum(a, b)
        if (d !== undefined) kernel.enter(d)
        return ''
      }
    }
  }
}

describe('an index by key', () => {
  for (const order of ['fifo', 'lifo'] as const)
    it(`changes nothing but the speed, ${order}`, () => {
      fc.assert(
        fc.property(arbActions, actions => {
          const [plain, indexed] = [new Side(order, Number.POSITIVE_INFINITY), new Side(order, 2)]
          for (const [i, action] of actions.entries()) {
            const expected = plain.act(action)
            expect(`${i} ${action} ${indexed.act(action)}`).toBe(`${i} ${action} ${expected}`)
          }
          for (const side of [plain, indexed]) while (side.marks.length > 0) side.world.kernel.rollback(side.marks.pop() as Mark)
          expect(indexed.world.dump()).toBe(plain.world.dump())
          for (let i = 0; i < 40; i++) expect(indexed.world.pump()).toBe(plain.world.pump())
        }),
        { numRuns: 400 },
      )
    })

  it('is made once a search for a key had to go far, found or not', () => {
    const N = 1_000
    const any = { chan: 1, accepts: 'any' as const, arrow: 0 as const }
    for (const form of ['single', 'guarded', 'join', 'join completed by its other datum'] as const) {
      let asked = 0
      class Counting extends KeyedMatcher {
        override match(k: TestCont, branch: number, bind: number, v: number): ReturnType<KeyedMatcher['match']> {
          asked++
          return super.match(k, branch, bind, v)
        }
      }
      const world = new World(2, {}, new Counting())
      for (let i = N; i > 0; i--) world.produce(0, i)
      for (let i = 1; i <= N; i++) {
        const own = { chan: 0, accepts: [i], arrow: 0 as const }
        const binds = form.startsWith('join') ? [own, any] : [own]
        if (form === 'join') world.produce(1, 7)
        const fired = world.consume({
          name: `k${i}`,
          branches: [{ binds, ...(form === 'guarded' ? { modulus: 1 } : {}) }],
          persistent: false,
        })
        expect(form.endsWith('datum') ? world.produce(1, 7) : fired).toMatch(`k${i}/`)
      }
      // Without an index half of all data are asked each time.
      expect(asked).toBeLessThan(8 * N)
    }
  })

  it('is made once a message had to go past many that wait for other keys', () => {
    const N = 1_000
    const any = { chan: 1, accepts: 'any' as const, arrow: 0 as const }
    for (const form of ['single', 'guarded', 'join', 'mixed'] as const) {
      let asked = 0
      class Counting extends KeyedMatcher {
        override match(k: TestCont, branch: number, bind: number, v: number): ReturnType<KeyedMatcher['match']> {
          asked++
          return super.match(k, branch, bind, v)
        }
      }
      const world = new World(2, {}, new Counting())
      for (let i = 0; i < N; i++) world.produce(1, 7)
      for (let i = N; i > 0; i--) {
        const own = { chan: 0, accepts: [i], arrow: 0 as const }
        const joins = form === 'join' || (form === 'mixed' && i % 2 === 0)
        const guard = form === 'guarded' ? { modulus: 1 } : {}
        world.consume({ name: `k${i}`, branches: [{ binds: joins ? [own, any] : [own], ...guard }], persistent: false })
      }
      asked = 0
      for (let i = 1; i <= N; i++) expect(world.produce(0, i)).toMatch(`k${i}/`)
      expect(asked, form).toBeLessThan(10 * N)
    }
  })
})
