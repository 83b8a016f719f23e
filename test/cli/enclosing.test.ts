import { describe, expect, it } from 'vitest'
import { sources } from '../../src/base/source.ts'
import { enclosing } from '../../src/cli/enclosing.ts'

/** The constructs around the place marked with `•`. */
function around(text: string): string[] {
  const file = sources.add('around.rho', text.replace('•', ''))
  return enclosing(file.base + text.indexOf('•'))
}

describe('the constructs around a place', () => {
  it('come innermost first, each with its head', () => {
    expect(around('new divide in { contract divide(r, @a, @b) = { r!(a •/ b) } }')).toEqual([
      'r!(a / b)',
      'contract divide(r, @a, @b)',
      'new divide',
    ])
  })

  it('name the method of an agent', () => {
    expect(around('new A in { agent A { constructor() { Nil } | method m(x) { return!(x •/ 0) } | default() { Nil } } }')[1]).toContain(
      'method m(x)',
    )
  })

  it('are at most four', () => {
    expect(around(`${'for (@x <- @"c") { '.repeat(10)}•Nil${' }'.repeat(10)}`)).toHaveLength(4)
  })

  it('of very deep programs are found without recursion', () => {
    const n = 50_000
    expect(around(`${'for (@x <- @"c") { '.repeat(n)}•Nil${' }'.repeat(n)}`)).toHaveLength(4)
  })
})
