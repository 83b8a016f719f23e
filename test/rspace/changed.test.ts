import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Changed } from '../../rspace/changed.ts'

interface Thing {
  readonly ref: number
  there: boolean
}

describe('what a group has changed', () => {
  it('is the net effect, whatever comes, goes, comes back and goes again, in groups of any size', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('new') },
      { weight: 5, arbitrary: fc.constant('go') },
      { weight: 1, arbitrary: fc.constant('back') },
      { weight: 1, arbitrary: fc.constant('take') },
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat()), { maxLength: 300 }), steps => {
        const changed = new Changed<Thing>(t => t.there)
        const all: Thing[] = []
        let before = new Set<Thing>()
        const there = () => all.filter(t => t.there)
        const check = (): void => {
          const { added, removed } = changed.take(all.length)
          const now = new Set(there())
          const byRef = (a: Thing, b: Thing): number => a.ref - b.ref
          expect([...added].sort(byRef)).toEqual([...now].filter(t => !before.has(t)).sort(byRef))
          expect([...removed].sort(byRef)).toEqual([...before].filter(t => !now.has(t)).sort(byRef))
          expect(changed.size).toBe(0)
          before = now
        }
        for (const [what, n] of steps) {
          const some = what === 'go' ? there() : all.filter(t => !t.there)
          const t = some[n % some.length]
          if (what === 'new') {
            all.push({ ref: all.length + 1, there: true })
            changed.came(all[all.length - 1])
          } else if (what === 'take') check()
          else if (t !== undefined) {
            t.there = what === 'back'
            if (t.there) changed.came(t)
            else changed.went(t)
          }
        }
        check()
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['at once', 0],
    ['after the next has come', 1],
    ['after some others have come', 10],
  ])('does not keep what has come and gone %s', (_, later) => {
    const changed = new Changed<Thing>(t => t.there)
    const held = Array.from({ length: 10 }, (_, i) => ({ ref: i + 1, there: true }))
    for (const t of held) changed.came(t)
    const queue: Thing[] = []
    const leave = (t: Thing): void => {
      t.there = false
      changed.went(t)
    }
    for (let ref = 11; ref < 100_000; ref++) {
      const t = { ref, there: true }
      changed.came(t)
      queue.push(t)
      if (queue.length > later) leave(queue.shift() as Thing)
    }
    for (const t of queue) leave(t)
    expect(changed.size).toBe(10)
    expect((changed as unknown as { added: unknown[] }).added.length).toBeLessThan(2000)
    expect(changed.take(100_000)).toEqual({ added: held, removed: [] })
  })
})
