import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makePathMap } from '../../src/normal/build.ts'
import { compare, equal } from '../../src/normal/order.ts'
import { pushScopeKids } from '../../src/normal/parts.ts'
import { show, showName } from '../../src/normal/print.ts'
import {
  BigInteger,
  BigRat,
  Bind,
  Bundle,
  Bytes,
  bound,
  Closure,
  ConnNot,
  DeployerId,
  DeployId,
  Fixed,
  Flag,
  Float,
  type Free,
  flagsOf,
  free,
  List,
  New,
  NIL,
  Op,
  Receive,
  Send,
  Tag,
  type Term,
  Tuple,
  Uri,
  WILDCARD,
} from '../../src/normal/term.ts'
import { anyPattern, closedTerm, names } from './arbitrary.ts'
import { pattern, term } from './terms.ts'

function lines(...text: string[]): string {
  return text.join('\n')
}

describe('values', () => {
  it('print as literals', () => {
    const rows: [Term, string][] = [
      [NIL, 'Nil'],
      [true, 'true'],
      [5, '5'],
      [-5, '-5'],
      [-0, '0'],
      [-(2n ** 63n), '-9223372036854775808'],
      [new BigInteger(-5n), '-5n'],
      [new BigRat(1n, 2n), '1/2r'],
      [new BigRat(6n, 1n), '6/1r'],
      [new Fixed(150n, 2), '1.50p2'],
      [new Fixed(-5n, 2), '-0.05p2'],
      [new Fixed(5n, 0), '5p0'],
      [new Uri('rho:io:stdout'), '`rho:io:stdout`'],
      [new Bytes(Uint8Array.of(0, 255)), '0x00ff'],
      [new Bytes(Uint8Array.of()), '0x'],
      [new DeployId(Uint8Array.of(1, 2)), 'DeployId(0x0102)'],
      [new DeployerId(Uint8Array.of(3)), 'DeployerId(0x03)'],
      [names[0], `Unforgeable(0x${'0'.repeat(63)}1)`],
    ]
    for (const [t, text] of rows) expect(show(t)).toBe(text)
  })

  it('print floats with the shortest digits, a point or exponent, and f64', () => {
    const rows: [number, string][] = [
      [2.5, '2.5f64'],
      [3, '3.0f64'],
      [-0, '-0.0f64'],
      [0, '0.0f64'],
      [1000, '1000.0f64'],
      [1e20, '100000000000000000000.0f64'],
      [1e21, '1e21f64'],
      [1.5e300, '1.5e300f64'],
      [1e-6, '0.000001f64'],
      [1e-7, '1e-7f64'],
      [0.1, '0.1f64'],
      [Number.POSITIVE_INFINITY, '1e999f64'],
      [Number.NEGATIVE_INFINITY, '-1e999f64'],
      [Number.NaN, 'NaNf64'],
    ]
    for (const [v, text] of rows) expect(show(new Float(v))).toBe(text)
  })

  it('print strings with the escapes of the language', () => {
    const rows: [string, string][] = [
      ['', '""'],
      ['né🍄', '"né🍄"'],
      ['a"b\\c', '"a\\"b\\\\c"'],
      ['\n\t\r', '"\\n\\t\\r"'],
      ['\0', '"\\0"'],
      ['\x000', '"\\u{0}0"'],
      ['\0a', '"\\0a"'],
      ['\x01\x1f\x7f\x85', '"\\u{1}\\u{1f}\\u{7f}\\u{85}"'],
      ['\u2028\u2029\ufeff', '"\\u{2028}\\u{2029}\\u{feff}"'],
    ]
    for (const [s, text] of rows) {
      expect(show(s)).toBe(text)
      expect(term(text)).toBe(s)
    }
  })

  it('print collections in canonical order', () => {
    expect(show(new List([1, 2]))).toBe('[1, 2]')
    expect(show(new Tuple([1]))).toBe('(1,)')
    expect(show(new Tuple([]))).toBe('()')
    expect(show(new Tuple([1, 2]))).toBe('(1, 2)')
    expect(show(term('Set(2, 1)'))).toBe('Set(1, 2)')
    expect(show(term('{"b" : 1, "a" : 2}'))).toBe('{"a" : 2, "b" : 1}')
    expect(show(term('{}'))).toBe('{}')
    expect(show(makePathMap([new List(['b']), new List(['a'])]))).toBe('{|["a"], ["b"]|}')
    expect(show(makePathMap([]))).toBe('{||}')
  })

  it('print what a closure stands for', () => {
    expect(show(new List([new Closure({ close: () => 5 }, [])]))).toBe('[5]')
  })
})

describe('code', () => {
  const rows: [string, string][] = [
    ['1 + 2 == 3', '((1 + 2) == 3)'],
    ['true and not false or true', '((true and not (false)) or true)'],
    ['true && false || true', '((true && false) || true)'],
    ['Nil - 1', '({Nil} - 1)'],
    ['{1 | 2} == 1', '({1 |\n2} == 1)'],
    ['- 5', '-(5)'],
    ['1 - -5', '(1 - -5)'],
    ['1 matches Int', '(1 matches {Int})'],
    ['[1].nth(0)', '([1]).nth(0)'],
    ['{1 | 2}.m(3, 4)', '{1 |\n2}.m(3, 4)'],
    ['Nil.m()', '{Nil}.m()'],
    ['bundle+{1} == 1', '({bundle+{ 1 }} == 1)'],
    ['@"c"!(1, 2)', '@{"c"}!(1, 2)'],
    ['@{1 | @2!(3)}!!()', '@{@{2}!(3) | 1}!!()'],
    ['bundle0{Nil}', 'bundle0{ Nil }'],
    ['bundle-{1 | 2}', 'bundle-{\n  1 |\n  2\n}'],
    ['@{bundle{1 | 2}}!()', '@{bundle{ 1 | 2 }}!()'],
    ['for ( <- @"c") { Nil }', 'for( <- @{"c"} ) {\n  Nil\n}'],
    [
      'for (@x, ...@r <- @"c" & @y <<- @"d" & _ <= @"e" where x > 1) { @y!(r) }',
      'for( @{x0}, ...@x1 <- @{"c"} & @{x2} <<- @{"d"} & @{_} <= @{"e"} where (x0 > 1) ) {\n  @{x2}!(x1)\n}',
    ],
    ['for (...@_ <- @"c") { Nil }', 'for( ...@_ <- @{"c"} ) {\n  Nil\n}'],
    ['new x, o(`rho:io:stdout`) in { x!(*o) | o!(*x) }', 'new x0, x1(`rho:io:stdout`) in {\n  x1!(*x0) |\n  x0!(*x1)\n}'],
    ['new x in { for (@y <- x) { Nil } }', 'new x0 in {\n  for( @{x1} <- x0 ) {\n    Nil\n  }\n}'],
    ['if (1 > 0) { 1 } else { 2 }', 'if ((1 > 0)) {\n  1\n} else {\n  2\n}'],
    ['if (true) { 1 }', 'if (true) {\n  1\n}'],
    [
      'match Nil { Nil => { 1 } x where x == 2 => { x } }',
      'match { Nil } {\n  Nil => {\n    1\n  }\n  x0 where (x0 == 2) => {\n    x0\n  }\n}',
    ],
    [
      'select { @x <- @"c" & _ <<- @"d" where x > 5 => { @0!(x) }  <- @"s" => { Nil } }',
      'select {\n  @{x0} <- @{"c"} & @{_} <<- @{"d"} where (x0 > 5) => {\n    @{0}!(x0)\n  }\n  <- @{"s"} => {\n    Nil\n  }\n}',
    ],
    ['match 1 { x /\\ {Int \\/ ~{2 | 3}} => { x } }', 'match 1 {\n  {x0 /\\ {Int \\/ ~{2 |\n  3}}} => {\n    x0\n  }\n}'],
    [
      'new n in { for (@k <- n) { match [*n] { [=*n, =k] => { Nil } } } }',
      'new x0 in {\n  for( @{x1} <- x0 ) {\n    match [*x0] {\n      [=*x0, =x1] => {\n        Nil\n      }\n    }\n  }\n}',
    ],
    // Binders inside a pattern have letters of their own; the pattern's variables are numbered on from outside.
    ['for (@{for (@a <- @b) { @a!(c) }} <- @"t") { Nil }', 'for( @{for( @{y0} <- @{x0} ) { @{y0}!(x1) }} <- @{"t"} ) {\n  Nil\n}'],
    [
      'for (@{for (@{for (@a <- @b) { a }} <- @"u") { Nil }} <- @"t") { Nil }',
      'for( @{for( @{for( @{z0} <- @{y0} ) { z0 }} <- @{"u"} ) { Nil }} <- @{"t"} ) {\n  Nil\n}',
    ],
  ]

  it('prints as the table of the specification says', () => {
    for (const [source, text] of rows) expect(show(term(source))).toBe(text)
  })

  it('reads back as an equal term', () => {
    for (const [source] of rows) {
      const t = term(source)
      expect(equal(term(show(t)), t)).toBe(true)
    }
  })

  it('prints the worked example', () => {
    expect(show(term('for (@n, ret <- @"add") { ret!(n + 1) }'))).toBe(
      lines('for( @{x0}, @{x1} <- @{"add"} ) {', '  @{x1}!((x0 + 1))', '}'),
    )
  })

  it('puts components in the order of their classes', () => {
    const t = term(
      'if (true) { 1 } | match 1 { _ => { 1 } } | [1] | 7 | new a in { 1 } | for (_ <- @1) { 1 } | @1!(2) | @1!!(0) | bundle+{1} | select { _ <- @2 => { 1 } } | 1 + 1',
    )
    const firsts = show(t)
      .split('\n')
      .filter(l => !l.startsWith(' ') && !l.startsWith('}'))
      .map(l => l.slice(0, 5))
    expect(firsts).toEqual(['bundl', '@{1}!', '@{1}!', 'for( ', 'new x', '7 |', '[1] |', '(1 + ', 'match', 'if (t', 'selec'])
  })

  it('names the variables of a bare pattern free0, free1, …', () => {
    expect(show(pattern('[x, _ ...y]').pattern)).toBe('[free0, _...free1]')
    expect(show(new ConnNot(new List([], WILDCARD)))).toBe('~{[..._]}')
    expect(show(pattern('{"a" : x ...r}').pattern)).toBe('{"a" : free0...free1}')
  })

  it('prints open terms as if their variables were bound outside', () => {
    expect(show(new List([bound(1), bound(0)]))).toBe('[x0, x1]')
    expect(show(new New(1, [], new Send(bound(0), [bound(1)], false)))).toBe('new x1 in {\n  x1!(x0)\n}')
  })
})

describe('names as keys', () => {
  it('have braces only around what is no literal, collection or Nil', () => {
    const rows: [string, string][] = [
      ['"x"', '@"x"'],
      ['[1, 2]', '@[1, 2]'],
      ['@{"x"}!(1)', '@{@{"x"}!(1)}'],
      ['Nil', '@Nil'],
      ['-5', '@-5'],
      ['{"a" : 1}', '@{"a" : 1}'],
      ['1 | 2', '@{1 | 2}'],
      ['[{1 | 2}]', '@[1 | 2]'],
      ['bundle+{1 | 2}', '@{bundle+{ 1 | 2 }}'],
    ]
    for (const [source, text] of rows) expect(showName(term(source))).toBe(text)
  })
})

describe('what is printed reads back', () => {
  const literal = (text: string): boolean => !text.includes('Unforgeable(') && !text.includes('NaNf64')

  it('for every closed term', () => {
    fc.assert(
      fc.property(closedTerm, t => {
        const text = show(t)
        if (!literal(text)) return
        const back = term(text)
        expect(equal(back, t)).toBe(true)
        expect(compare(back, t)).toBe(0)
        expect(show(back)).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it('for every pattern, with the same numbers of its variables', () => {
    fc.assert(
      fc.property(anyPattern, ({ pattern: p, count }) => {
        if (countFree(p) !== count || hasGaps(p, count)) return
        const t = new Receive(
          [new Bind([p], null, 'c', 0, count)],
          null,
          new List(Array.from({ length: count }, (_, k) => bound(k))),
          count,
        )
        const text = show(t)
        if (!literal(text)) return
        expect(equal(term(text), t)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('for every conformance program', () => {
    let read = 0
    for (const group of ['patterns', 'expressions', 'processes', 'programs']) {
      const dir = new URL(`../conformance/${group}/`, import.meta.url)
      for (const file of readdirSync(dir)) {
        const source = readFileSync(new URL(file, dir), 'utf8')
        let t: Term
        try {
          t = term(source)
        } catch {
          continue // refused programs, or ones for parts that are not available
        }
        const text = show(t)
        expect([file, equal(term(text), t)]).toEqual([file, true])
        expect(show(term(text))).toBe(text)
        read++
      }
    }
    expect(read).toBeGreaterThan(500)
  })
})

/** The number of variables that a pattern binds: 1 + the largest index of a `Free` in its scope. */
function countFree(pattern: Term): number {
  let count = 0
  const todo: Term[] = [pattern]
  while (todo.length > 0) {
    const t = todo.pop() as Term
    if (typeof t !== 'object' || (t.flags & Flag.Pattern) === 0) continue
    if (t.tag === Tag.Free) count = Math.max(count, (t as Free).index + 1)
    else pushScopeKids(t, todo)
  }
  return count
}

/** A duplicate key may have taken pattern variables with it: then numbers are missing that no text could have. */
function hasGaps(p: Term, count: number): boolean {
  const text = show(p)
  for (let k = 0; k < count; k++) if (!new RegExp(`free${k}(?!\\d)`).test(text)) return true
  return (flagsOf(p) & Flag.Pattern) === 0 && count > 0
}

describe('deep terms', () => {
  it('print without overflow', () => {
    let list: Term = 1
    let blocks: Term = NIL
    let sum: Term = 1
    let bundles: Term = term('1 | 2')
    for (let i = 0; i < 50_000; i++) {
      list = new List([list])
      sum = new Op(Tag.Add, sum, 1)
      bundles = new Bundle(2, new Send(0, [bundles], false))
    }
    for (let i = 0; i < 2_000; i++) blocks = new New(1, [], blocks)
    expect(show(list).length).toBe(100_001)
    expect(show(sum).length).toBe(50_000 * 6 + 1)
    expect(show(blocks).split('\n').length).toBe(4_001)
    expect(show(bundles).length).toBeGreaterThan(100_000)
    expect(show(free(3))).toBe('free3')
  })
})
