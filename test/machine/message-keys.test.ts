import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runPrograms } from '../../src/cli/program.ts'
import { keyOfMessage, MessagePattern } from '../../src/machine/site.ts'
import { compilePattern, tryMatch } from '../../src/normal/match.ts'
import { Free, List, Ref, type Term, Tuple, WILDCARD } from '../../src/normal/term.ts'

const scalar: fc.Arbitrary<Term> = fc.constantFrom<Term>(1, 2, 'a', 'b', true, 2n ** 60n)
const compound = (part: fc.Arbitrary<Term>): fc.Arbitrary<Term> =>
  fc
    .tuple(fc.constantFrom('list', 'tuple', 'tail'), fc.array(part, { maxLength: 3 }))
    .map(([kind, items]) =>
      kind === 'list' ? new List(items) : kind === 'tuple' || items.length === 0 ? new Tuple(items) : new List(items, WILDCARD),
    )
const value = fc
  .oneof(scalar, compound(fc.oneof(scalar, compound(scalar))))
  .map(t => (t instanceof List && t.rest !== null ? new List(t.items) : t))
const part: fc.Arbitrary<Term> = fc.oneof(scalar, fc.constantFrom<Term>(WILDCARD, new Free(0), new Ref(0, false)))
const pattern = fc.oneof(part, compound(fc.oneof(part, compound(scalar))))

describe('the key of a message', () => {
  it('is that of every pattern that it fits, where both have one', () => {
    let both = 0
    fc.assert(
      fc.property(pattern, value, scalar, (p, v, outer) => {
        const key = new MessagePattern([p], null, 1, [0], 1).keyFor([outer])
        const own = keyOfMessage([v])
        if (!tryMatch(compilePattern(p, 1), v, [], 0, () => outer)) return
        if (key === undefined || own === undefined) return
        both++
        expect(own).toBe(key)
      }),
      { numRuns: 2_000 },
    )
    expect(both).toBeGreaterThan(20)
  })

  it('leads long lines of receives and messages of all shapes together', async () => {
    const each = (make: (i: number) => string): string => Array.from({ length: 60 }, (_, i) => make(i)).join(' | ')
    const text = `new c, k in {
      ${each(i => `for (@(${i}, x) <- c) { @0!(["t", ${i}, x]) }`)} | ${each(i => `for (@${i} <- c) { @0!(["n", ${i}]) }`)} |
      ${each(i => `for (@[${i} ...r] <- c) { @0!(["l", ${i}, r]) }`)} |
      ${each(i => `k!(${i}) | for (@i <- k) { c!((59 - i, i)) | c!(59 - i) | c!([59 - i, i, i]) }`)}
    }`
    const { data, blocked, failures } = await runPrograms([{ name: 'x', text }], {})
    expect([blocked, failures]).toEqual([[], []])
    const wanted = Array.from({ length: 60 }, (_, i) => [
      [`["t", ${i}, ${59 - i}]`],
      [`["n", ${i}]`],
      [`["l", ${i}, [${59 - i}, ${59 - i}]]`],
    ]).flat()
    expect((data['@0'] ?? []).map(String).sort()).toEqual(wanted.map(String).sort())
  })
})
