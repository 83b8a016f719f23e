import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Occurrences } from '../../rspace/occurrences.ts'

describe('the count of equal elements', () => {
  it('says of each which of the equal ones it is, however many came, went and lie in the same place', () => {
    // First words that want few places, and names that differ in one word only.
    const name = fc.tuple(fc.constantFrom(0, 1, -1, 63, 64, 128, 1 << 20), fc.nat(7), fc.nat(9)).map(([first, i, n]) => {
      const words = new Int32Array(8)
      words[i] ^= n
      words[0] += first
      return words
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), { minLength: 100, maxLength: 400, size: 'max' }), steps => {
        const counts = new Occurrences()
        const expected = new Map<string, number>()
        for (const [words, comes] of steps) {
          const before = expected.get(words.join()) ?? 0
          expect(comes ? counts.came(words) : counts.went(words)).toBe(comes ? before + 1 : before)
          expected.set(words.join(), comes ? before + 1 : Math.max(0, before - 1))
        }
      }),
    )
  })

  it('has room for many', () => {
    const counts = new Occurrences()
    const nameOf = (n: number): Int32Array => Int32Array.from({ length: 8 }, (_, i) => Math.imul(n + i, 0x9e3779b1))
    for (let round = 1; round <= 2; round++) for (let n = 0; n < 5000; n++) expect(counts.came(nameOf(n))).toBe(round)
    for (let n = 0; n < 5000; n++) expect([counts.went(nameOf(n)), counts.went(nameOf(n)), counts.went(nameOf(n))]).toEqual([2, 1, 0])
    expect(counts.came(nameOf(7))).toBe(1)
  })
})
