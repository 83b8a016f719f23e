import { describe, expect, it } from 'vitest'
import type { Datum } from '../../rspace/kernel.ts'
import { type BindSpec, KeyedMatcher, TestCont, World } from './kernel-model.ts'

const any = (chan: number, arrow: 0 | 1 | 2 = 0): BindSpec => ({ chan, accepts: 'any', arrow })
const one = (binds: readonly BindSpec[], persistent = false, modulus?: number) => ({
  name: 'k',
  branches: [modulus === undefined ? { binds } : { binds, modulus }],
  persistent,
})
/** Everything the kernel tells, as text. */
function told(): { log: string[]; observer: object } {
  const log: string[] = []
  const observer = {
    stored: (d: Datum) => log.push(`+${d.value}`),
    removed: (d: Datum) => log.push(`-${d.value}`),
    parked: () => log.push('park'),
    unparked: () => log.push('unpark'),
    stalled: () => log.push('stall'),
  }
  return { log, observer }
}

describe('records that are not there', () => {
  it('cannot be taken, hidden, revealed, retried, entered or withdrawn', () => {
    const w = new World(1)
    w.produce(0, 1)
    const d = w.datum(0, 0) as Datum
    expect(w.kernel.reveal(d)).toBeNull()
    w.kernel.take(d)
    expect([w.kernel.take(d), w.kernel.hide(d)]).toEqual([false, false])
    w.kernel.enter(d)
    expect(w.kernel.pumpPending).toBe(false)
    const k = new TestCont(one([any(0)]), w.chans)
    expect([w.kernel.withdraw(k), w.kernel.retry(k, 10)]).toEqual([false, false])
  })
})

describe('what an observer is told', () => {
  it('is taken back by a rollback: parked and withdrawn joins, stalls and their end', () => {
    const { log, observer } = told()
    const w = new World(2, { matchStepsPerContinuationMax: 30, observer })
    for (let i = 0; i < 9; i++) w.produce(0, 2 * i + 1)
    const join = new TestCont(one([any(0), any(1)]), w.chans)
    w.kernel.consume(join)
    log.length = 0
    const mark = w.kernel.mark()
    w.kernel.withdraw(join)
    const slow = new TestCont(one([any(0), any(0), any(0)], false, 1000), w.chans)
    w.kernel.consume(slow)
    expect(slow.stalled).toBe(true)
    const inner = w.kernel.mark()
    expect(w.kernel.retry(slow, 5)).toBe(false)
    w.kernel.withdraw(slow)
    w.kernel.rollback(inner)
    expect(slow.stalled).toBe(true)
    w.kernel.rollback(mark)
    expect([slow.waiting, join.waiting]).toEqual([false, true])
    const net = (name: string): number => log.filter(x => x === name).length
    expect(net('park') - net('unpark')).toBe(0)
    expect(w.produce(1, 0)).toContain('k/0')
  })
})

describe('many channels that come and go', () => {
  it('are not listed any more, and those that stay are', () => {
    const w = new World(3000, { trackDirty: true })
    for (let i = 0; i < 3000; i++) {
      w.produce(i, i)
      if (i % 10 > 0) w.kernel.take(w.datum(i, 0) as Datum)
    }
    expect([...w.kernel.nonEmpty()]).toHaveLength(300)
  })
})

describe('a long pump', () => {
  it('is kept short while it is worked off, and skips what has gone', () => {
    const w = new World(1)
    const data: Datum[] = []
    for (let i = 0; i < 3000; i++) w.produce(0, i)
    for (let i = 0; i < 3000; i++) data.push(w.datum(0, i) as Datum)
    for (const d of data) w.kernel.enter(d)
    for (const d of data.slice(0, 2500)) w.kernel.take(d)
    w.consume(one([{ chan: 0, accepts: [2999], arrow: 0 }]))
    expect(w.pump()).toBe('-')
    expect(w.kernel.pumpPending).toBe(false)
    expect(w.datum(0, 0)?.value).toBe(2500)
  })
})

describe('a join on one channel', () => {
  it('may use a lasting datum for several binds, and gives linear ones to the binds that need them', () => {
    const w = new World(1)
    w.produce(0, 3)
    w.produce(0, 5, true)
    w.produce(0, 4)
    const spec = one([
      { chan: 0, accepts: [5, 3], arrow: 0 },
      { chan: 0, accepts: [5], arrow: 0 },
      { chan: 0, accepts: [3, 4], arrow: 0 },
    ])
    expect(w.consume(spec)).toBe('k/0:3,5,4:3,5,4')
    w.produce(0, 3)
    expect(
      w.consume(
        one([
          { chan: 0, accepts: [5], arrow: 0 },
          { chan: 0, accepts: [3, 5], arrow: 0 },
        ]),
      ),
    ).toMatch(/^k.0:5,(3|5)/)
  })
  it('of lasting continuations on trivial channels renews the turn of the one that fired', () => {
    const w = new World(2)
    w.consume({ ...one([any(0), any(1)], true), name: 'a' })
    w.consume({ ...one([any(0), any(1)], true), name: 'b' })
    w.produce(0, 1)
    expect(w.produce(1, 1)).toMatch(/^a/)
    w.produce(0, 1)
    expect(w.produce(1, 1)).toMatch(/^b/)
    const alone = new World(2)
    alone.consume(one([any(0), any(1)], true))
    alone.produce(0, 1)
    expect(alone.produce(1, 1)).toMatch(/^k/)
  })
})

describe('an index that was made before a rollback', () => {
  it('does not hide what comes back in the middle', () => {
    const w = new World(2, { indexAbove: 2 }, new KeyedMatcher())
    const conts = Array.from(
      { length: 8 },
      (_x, i) => new TestCont({ ...one([{ chan: 0, accepts: [i], arrow: 0 }]), name: `k${i}` }, w.chans),
    )
    const joins = Array.from(
      { length: 8 },
      (_x, i) => new TestCont({ ...one([{ chan: 0, accepts: [20 + i], arrow: 0 }, any(1)]), name: `j${i}` }, w.chans),
    )
    for (const k of [...conts, ...joins]) w.kernel.consume(k)
    const mark = w.kernel.mark()
    for (const k of [conts[3], joins[3], conts[7], joins[7]]) w.kernel.withdraw(k)
    w.produce(0, 99)
    w.kernel.rollback(mark)
    w.produce(1, 1)
    expect([w.produce(0, 3), w.produce(0, 23), w.produce(0, 7)]).toEqual(['k3/0:3:3', 'j3/0:23,1:23,1', 'k7/0:7:7'])
  })
})

describe('a join of taking binds on one channel', () => {
  it('chooses the oldest data in the order of its binds, whatever mixture of lasting and linear ones there is', () => {
    // Every subset of lasting data, every two or three binds over three values: compared with trying all assignments in order.
    const values = [1, 2, 3, 1]
    for (let lasting = 0; lasting < 16; lasting++)
      for (const accepted of [
        [[1, 2, 3], [1], [1, 2]],
        [
          [3, 1],
          [1, 3],
          [2, 3],
        ],
        [[2], [1, 2, 3], [1, 2, 3]],
        [
          [1, 3],
          [1, 3],
        ],
        [[1, 2, 3], [1, 2, 3], [1]],
      ]) {
        const w = new World(1)
        values.forEach((value, i) => void w.produce(0, value, (lasting >> i) % 2 === 1))
        const assign = (bind: number, used: readonly number[]): number[] | undefined => {
          if (bind === accepted.length) return []
          for (let i = 0; i < values.length; i++) {
            if (!accepted[bind].includes(values[i]) || (used.includes(i) && (lasting >> i) % 2 === 0)) continue
            const rest = assign(bind + 1, [...used, i])
            if (rest !== undefined) return [values[i], ...rest]
          }
          return undefined
        }
        const expected = assign(0, [])
        const got = w.consume(one(accepted.map(accepts => ({ chan: 0, accepts, arrow: 0 as const }))))
        expect(`${lasting} ${accepted.join('|')} ${got}`).toBe(
          `${lasting} ${accepted.join('|')} ${expected === undefined ? '-' : `k/0:${expected}:${expected}`}`,
        )
      }
  })
})
