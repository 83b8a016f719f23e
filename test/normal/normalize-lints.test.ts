import { describe, expect, it } from 'vitest'
import { read } from './program.ts'

/** Program, its lints as `CODE line:column`. */
type Row = readonly [program: string, lints: readonly string[]]

const TABLE: Record<string, readonly Row[]> = {
  'L01: a variable is never used': [
    ['new x in Nil', ['L01 1:5']],
    ['new x, _keep in { x!(1) }', []],
    ['for (@x, @y <- @1) { @0!(y) }', ['L01 1:7']],
    ['for (@x <- @1 where x > 0) { Nil }', []],
    ['contract @1(r, @n) = { r!(1) }', ['L01 1:17']],
    ['match 1 { [x, _] => Nil }', ['L01 1:12']],
    ['match 1 { x => { match 2 { =x => Nil } } }', []],
    // What is bound where nobody can use it is no mistake.
    ['match 1 { [x] \\/ ~[y] => Nil }', []],
    ['@0!(1 matches [x, y])', []],
    ['new A in { agent A { constructor() { Nil } | method m() { Nil } | default() { Nil } } | A!?(). }', []],
    ['for (@v <- @1?!) { @0!(v) }', []],
  ],
  'L02: a variable hides another one': [
    ['for (@x <- @1) { @0!(x) | for (@x <- @2) { @0!(x) } }', ['L02 1:33']],
    ['new x in { x!(1) | new x in { x!(2) } }', ['L02 1:24']],
    ['new x in { x!(1) | new y in { y!(2) } }', []],
    ['for (@_x <- @1) { @0!(_x) | for (@_x <- @2) { @0!(_x) } }', []],
  ],
  'L03: an expression as a statement': [
    ['1 + 1', ['L03 1:1']],
    ['new x in { x!(1) | [1, 2] }', ['L03 1:20']],
    ['if (true) { "a" } else { }', ['L03 1:13']],
    ['[@0!(2)].nth(0) | { } | Nil | @0!({1 | 2})', []],
    ['for (@p <- @1) { p }', []],
  ],
  'L04: a persistent send meets a persistent receive': [
    ['new c in { c!!(1) | for (@x <= c) { @0!(x) } }', ['L04 1:12']],
    ['new c in { contract c(@x) = { @0!(x) } | c!!(1) }', ['L04 1:42']],
    ['@1!!(1) | for (...@r <= @1) { @0!(r) }', ['L04 1:1']],
    ['new c in { c!!(1) | for (@x <- c) { @0!(x) } }', []],
    ['new c in { c!!(1) | for (@2 <= c) { Nil } }', []],
    ['new c in { c!!(1, 2) | for (@x <= c) { @0!(x) } }', ['L11 1:12']],
    ['new c, d in { c!!(1) | for (@x <= c & @y <- d) { @0!(x + y) } | d!(2) }', []],
    ['new c in { c!!(1) } | new c in { for (@x <= c) { @0!(x) } }', ['L11 1:45']],
  ],
  'L05: a case that nothing reaches': [
    ['match 1 { x => { @0!(x) } 1 => Nil _ => Nil }', ['L05 1:27', 'L05 1:36']],
    ['match 1 { 1 => Nil 2 => Nil 1 => { @0!(1) } }', ['L05 1:29']],
    ['match 1 { x where x > 1 => { @0!(x) } _ => Nil }', []],
    ['match 1 { 1 where @0 == @1 => Nil 1 => Nil }'.replace('@0 == @1', 'false'), []],
    ['match 1 { [x] => { @0!(x) } [_, 1] => Nil [_, 2] => Nil }', []],
  ],
  'L06: a receive from a system channel': [
    ['new o(`rho:io:stdout`) in { for (@x <- o) { @0!(x) } }', ['L06 1:40']],
    ['new o(`rho:io:stdout`), c in { o!(1) | for (@x <- c) { @0!(x) } | c!(1) }', []],
  ],
  'L09: an operator on literals of the wrong type': [
    ['@0!(1 + "a")', ['L09 1:5']],
    ['@0!([1] < [2])', ['L09 1:5']],
    ['@0!(1 and true)', ['L09 1:5']],
    ['@0!(not 1)', ['L09 1:5']],
    ['@0!(-"a")', ['L09 1:5']],
    ['@0!("a" ++ 1)', ['L09 1:5']],
    ['for (@x <- @1) { @0!(x * "a") }', ['L09 1:22']],
    ['for (@x <- @1) { @0!(x + "a", x - 1, x == "a", "a" ++ x) }', []],
    ['@0!(1 + 2, Set(1) + "a", {"a" : 1} - "a", "${k}" %% {"k" : 1}, 1 == "a", "a" < "b", [1] ++ [2])', []],
  ],
  'L10: `not` binds tighter than a comparison': [
    ['for (@a, @b <- @1) { @0!(not a == b) }', ['L10 1:26']],
    ['for (@a, @b <- @1) { @0!((not a) == b, not (a == b), not a and b) }', []],
  ],
}

describe('lints are warnings with a position', () => {
  for (const [title, rows] of Object.entries(TABLE))
    describe(title, () => {
      for (const [program, lints] of rows)
        it(program, () => {
          const result = read(program)
          expect(result.errors).toEqual([])
          expect(result.lints).toEqual(lints)
        })
    })

  it('L09 says what joins strings', () => {
    expect(read('@0!("a" + 1)').diagnostics[0].hint).toContain('`++` joins')
    expect(read('@0!(1 + true)').diagnostics[0].hint).not.toContain('++')
  })

  it('L07 and L08 come from the parser and stay', () => {
    expect(read('@0!(300u8, 1.25p1)').lints).toEqual(['L07 1:5', 'L08 1:12'])
  })

  it('that an error may have caused are left out while there are errors', () => {
    expect(read('new x in { @0!(y) }').lints).toEqual([])
  })
})
