import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makePar } from '../../src/normal/build.ts'
import { openSize, sizeOf } from '../../src/normal/size.ts'
import { close } from '../../src/normal/substitute.ts'
import {
  BigInteger,
  BigRat,
  Bytes,
  bound,
  Closure,
  Fixed,
  Float,
  free,
  List,
  Op,
  type Receive,
  Ref,
  Tag,
  type Term,
  TypePattern,
  Uri,
  WILDCARD,
} from '../../src/normal/term.ts'
import { closedTerm, names } from './arbitrary.ts'
import { read } from './program.ts'
import { pattern, term } from './terms.ts'

describe('size', () => {
  it('of values is that of the table', () => {
    const rows: [Term, number][] = [
      [term('Nil'), 0],
      [true, 4],
      [7, 8],
      [2n ** 60n, 8],
      [new Float(1), 12],
      ['', 4],
      ['abc', 7],
      ['\u{1F344}', 6],
      [new Uri('a:b'), 7],
      [new Bytes(Uint8Array.of(1, 2)), 6],
      [new BigInteger(255n), 6],
      [new BigRat(1n, 2n), 10],
      [new Fixed(-1n, 3), 9],
      [names[0], 36],
      [bound(0), 4],
      [free(0), 4],
      [WILDCARD, 4],
      [new Ref(0, false), 4],
      [new TypePattern('Int'), 4],
      [new List([1, 2]), 20],
      [term('(1,)'), 12],
      [term('Set(1, 2)'), 20],
      [term('{"a" : 1, "b" : 2}'), 4 + 2 * (2 + 5 + 8)],
      [new List([1], WILDCARD), 16],
    ]
    for (const [t, size] of rows) expect(sizeOf(t)).toBe(size)
  })

  it('of code adds up its parts', () => {
    const rows: [string, number][] = [
      ['1 | 2', 16],
      ['1 + 2', 20],
      ['not true', 8],
      ['1 matches _', 16],
      ['1.abs()', 6 + 3 + 8],
      ['@7!(1, 2)', 6 + 8 + 16],
      ['for (@x <- @7) { Nil }', 6 + 4 + 8 + 4],
      ['for (@x, ...@r <- @7 & _ <<- @8 where x > 1) { x }', 6 + (4 + 8 + 4 + 4) + (4 + 8 + 4) + (4 + 4 + 8) + 4],
      ['select { @x <- @7 => { x } _ <- @8 => { Nil } }', 4 + (6 + 4 + 8 + 4 + 4) + (6 + 4 + 8 + 4)],
      ['new x, y(`rho:io:stdout`) in { 1 }', 6 + 4 + 13 + 8],
      ['match 1 { 2 => { 3 } x where true => { Nil } }', 6 + 8 + (4 + 8 + 8) + (4 + 4 + 4)],
      ['if (true) { 1 } else { 2 }', 6 + 4 + 16],
      ['bundle+{1}', 14],
    ]
    for (const [source, size] of rows) expect([source, sizeOf(term(source))]).toEqual([source, size])
    expect(sizeOf(pattern('~1 /\\ {Int \\/ 2}').pattern)).toBe(4 + (4 + 8) + (4 + 4 + 8))
  })

  it('does not count a closure but what it stands for', () => {
    expect(sizeOf(new List([new Closure({ close: () => 'abc' }, [])]))).toBe(11)
  })

  it('is additive over components', () => {
    fc.assert(
      fc.property(fc.array(closedTerm, { maxLength: 4 }), ts => {
        const sum = ts.reduce<number>((n, t) => n + sizeOf(t), 0)
        expect(sizeOf(new List(ts))).toBe(4 + sum)
        expect(sizeOf(makePar(ts))).toBe(sum)
      }),
    )
  })

  it('of terms 100 000 deep is found without overflow', () => {
    let t: Term = 1
    for (let i = 0; i < 100_000; i++) t = new Op(Tag.Add, t, 1)
    expect(sizeOf(t)).toBe(8 + 100_000 * 12)
  })
})

describe('size of open terms', () => {
  const sources = [
    '*v',
    '[*v, *v, *w]',
    '@{*v}!(*w)',
    'for (@x <- @{*v} where x == {*w}) { @{*w}!(x, *v) }',
    'new a in { a!(*v) | match *w { [x] => { @x!(*v) } } }',
    'select { @x <- @{*v} => { *w } }',
    'if (true) { *v } else { *w }',
  ]

  it('is a constant and a number of values', () => {
    const t = read('[*v, *v, *w, 1]', { open: true }).term
    const { base, uses } = openSize(t)
    expect(base).toBe(12)
    expect(uses.map(u => u.times)).toEqual([2, 1])
  })

  it('gives the size of the closed term', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sources), closedTerm, closedTerm, (source, v, w) => {
        const t = read(source, { open: true }).term
        const { base, uses } = openSize(t)
        const values = [v, w]
        const sum = uses.reduce((n, u) => n + u.times * sizeOf(values[u.index]), base)
        expect(sum).toBe(sizeOf(close(t, values)))
      }),
    )
  })

  it('counts references in patterns and remainders by their values', () => {
    const body = (term('for (@x <- @"c") { match 1 { [=x] => { Nil } } }') as Receive).body
    expect(openSize(body)).toEqual({ base: 6 + 8 + 4 + 4, uses: [{ index: 0, times: 1, rests: 0 }] })
    const spliced = new List([1], bound(0))
    expect(openSize(spliced)).toEqual({ base: 8, uses: [{ index: 0, times: 1, rests: 1 }] })
    expect(sizeOf(close(spliced, [new List([2])]))).toBe(8 + sizeOf(new List([2])))
  })
})
