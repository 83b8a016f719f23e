import { describe, expect, it } from 'vitest'
import { reportText, show, showString } from '../../src/normal/print.ts'
import { List, type Term, Tuple } from '../../src/normal/term.ts'

/** A small term with a very large text: 2^n leaves. */
function doubled(n: number): Term {
  let t: Term = 1
  for (let i = 0; i < n; i++) t = new List([t, t])
  return t
}

describe('a text that is larger than its term', () => {
  it('is refused at the bound the caller gives, however small the term is', () => {
    expect(() => show(doubled(60), 1_000_000)).toThrow(RangeError)
    expect(() => show('\u0001'.repeat(100), 500)).toThrow(RangeError)
    expect(show('\u0001'.repeat(100), 502)).toHaveLength(502)
  })

  it('is made whole below it', () => {
    expect(show(doubled(18), 1 << 22)).toHaveLength(2 ** 18 + 4 * (2 ** 18 - 1))
    expect(show(new Tuple([doubled(17), 'end']))).toMatch(/\]\], "end"\)$/)
  })

  it('is described in reports', () => {
    expect(reportText('long'.repeat(1 << 25))).toBe('(too long to show)')
    expect(reportText(doubled(1))).toBe('[1, 1]')
  })

  it('keeps every unit of a long string that is escaped in pieces', () => {
    const text = '\n"a\u{1f344}'.repeat(50_000)
    expect(showString(text)).toBe(`"${'\\n\\"a\u{1f344}'.repeat(50_000)}"`)
    const digits = '\0\u00301'.repeat(40_000)
    expect(showString(digits)).toBe(`"${'\\u{0}01'.repeat(40_000)}"`)
  })
})
