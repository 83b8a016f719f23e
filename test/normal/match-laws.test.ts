import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget, compilePattern, match, matchAll, matches, tryMatch } from '../../src/normal/match.ts'
import { equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import type { Term } from '../../src/normal/term.ts'
import { anyPattern, closedTerm, likely } from './arbitrary.ts'
import { type Binding, solutions } from './naive-match.ts'

function text(s: readonly Term[]): string {
  return s.map(t => show(t)).join(' ; ')
}

function naive(pattern: Term, target: Term, count: number, limit: number): string[] {
  const out: string[] = []
  for (const s of solutions(pattern, target)) {
    const line = text(asArray(s, count))
    if (!out.includes(line)) out.push(line)
    if (out.length === limit) break
  }
  return out
}

function asArray(s: Binding, count: number): Term[] {
  return Array.from({ length: count }, (_, k) => s.get(k) as Term)
}

describe('the matcher and the specification read literally', () => {
  const cases = fc.oneof(
    fc.record({ pattern: anyPattern, target: closedTerm }),
    likely.map(({ pattern, target }) => ({ pattern, target })),
  )

  it('agree on the first solution', () => {
    fc.assert(
      fc.property(cases, ({ pattern: { pattern, count }, target }) => {
        const found = match(pattern, target, count)
        expect(found === null ? [] : [text(found)]).toEqual(naive(pattern, target, count, 1))
      }),
      { numRuns: 4000 },
    )
  })

  it('agree on all solutions and their order', () => {
    fc.assert(
      fc.property(cases, ({ pattern: { pattern, count }, target }) => {
        const found: string[] = []
        for (const s of matchAll(pattern, target, count)) {
          const line = text(s)
          if (!found.includes(line)) found.push(line)
          if (found.length === 12) break
        }
        expect(found).toEqual(naive(pattern, target, count, 12))
      }),
      { numRuns: 4000 },
    )
  })

  it('agree on whether there is one at all, compiled or not', () => {
    fc.assert(
      fc.property(cases, ({ pattern: { pattern, count }, target }) => {
        const found = match(pattern, target, count)
        expect(matches(pattern, target)).toBe(found !== null)
        const out: Term[] = []
        expect(tryMatch(compilePattern(pattern, count), target, out, 2)).toBe(found !== null)
        if (found !== null) for (let k = 0; k < count; k++) expect(equal(out[2 + k], found[k])).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('give up together: a budget is either kept or reported', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 30 }), ({ pattern: { pattern, count }, target }, steps) => {
        const budget = new Budget(steps)
        const found = match(pattern, target, count, undefined, budget)
        const whole = match(pattern, target, count)
        if (!budget.exceeded) expect(found === null).toBe(whole === null)
        else expect(found).toBe(null)
      }),
      { numRuns: 1000 },
    )
  })
})
