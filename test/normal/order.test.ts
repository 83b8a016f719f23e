import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeBundle, makeConn, makeMap, makePar, makePathMap, makeSet } from '../../src/normal/build.ts'
import { compare, compareStrings, equal, hashOf, hasNaN } from '../../src/normal/order.ts'
import {
  BigInteger,
  BigRat,
  Bytes,
  bound,
  Closure,
  ConnNot,
  DeployerId,
  DeployId,
  Fixed,
  Float,
  free,
  List,
  Matches,
  Method,
  NIL,
  Op,
  Ref,
  Send,
  Tag,
  type Term,
  Tuple,
  TypePattern,
  Uri,
  WILDCARD,
} from '../../src/normal/term.ts'
import { closedTerm, names } from './arbitrary.ts'
import { term } from './terms.ts'

const op = (tag: number): Term => new Op(tag, 1, 2)
const quoted = (t: Term): Closure => new Closure({ close: () => t }, [])

describe('canonical order', () => {
  it('puts the classes of terms in the order of the specification', () => {
    const ascending: Term[] = [
      NIL,
      true,
      false,
      -(2n ** 63n),
      -1,
      0,
      7,
      2n ** 60n,
      '',
      'a',
      'ab',
      'b',
      new Uri('a'),
      names[0],
      names[1],
      new List([]),
      new List([1]),
      new List([1], free(0)),
      new List([2]),
      new Tuple([]),
      makeSet([]),
      makeMap([], []),
      new DeployerId(Uint8Array.of(1)),
      new DeployId(Uint8Array.of(1)),
      makePathMap([]),
      new Float(Number.NEGATIVE_INFINITY),
      new Float(-0),
      new Float(0),
      new Float(1e300),
      new Float(Number.NaN),
      new BigInteger(-(10n ** 30n)),
      new BigInteger(5n),
      new BigRat(1n, 3n),
      new BigRat(1n, 2n),
      new Fixed(99n, 1),
      new Fixed(1n, 2),
      new Fixed(2n, 2),
      new Bytes(Uint8Array.of()),
      new Bytes(Uint8Array.of(127)),
      new Bytes(Uint8Array.of(128)),
      bound(0),
      bound(1),
      free(0),
      WILDCARD,
      new Op(Tag.Neg, 1, null),
      op(Tag.Mul),
      op(Tag.Div),
      op(Tag.Add),
      op(Tag.Sub),
      op(Tag.Lt),
      op(Tag.Le),
      op(Tag.Gt),
      op(Tag.Ge),
      op(Tag.Eq),
      op(Tag.Ne),
      new Op(Tag.Not, true, null),
      op(Tag.And),
      op(Tag.Or),
      new Method(1, 'abs', []),
      new Matches(1, WILDCARD, 0),
      op(Tag.Interp),
      op(Tag.Concat),
      op(Tag.Diff),
      op(Tag.Mod),
      op(Tag.AndThen),
      op(Tag.OrElse),
      term('@9!(1)'),
      term('@0!!(1)'),
      term('for (_ <- @0) { Nil }'),
      term('new x in { Nil }'),
      term('match 1 { _ => { Nil } }'),
      term('if (true) { Nil }'),
      term('select { _ <- @0 => { Nil } }'),
      makeBundle(0, 9),
      makeBundle(1, 8),
      makeBundle(2, 7),
      makeBundle(3, 6),
      makeConn(Tag.ConnAnd, [1, 2]),
      makeConn(Tag.ConnOr, [1, 2]),
      new ConnNot(1),
      new Ref(0, false),
      new TypePattern('Bool'),
      new TypePattern('Int'),
      new TypePattern('String'),
      new TypePattern('Uri'),
      new TypePattern('ByteArray'),
    ]
    for (let i = 0; i < ascending.length; i++) {
      for (let j = 0; j < ascending.length; j++) {
        expect([i, j, Math.sign(compare(ascending[i], ascending[j]))]).toEqual([i, j, Math.sign(i - j)])
      }
    }
  })

  it('compares terms component by component, a prefix first', () => {
    expect(compare(makePar([1, 2]), makePar([1, 3]))).toBeLessThan(0)
    expect(compare(1, makePar([1, 3]))).toBeLessThan(0)
    expect(compare(2, makePar([1, 3]))).toBeGreaterThan(0)
    expect(compare(makePar([1, 2]), makePar([1, 2, 2]))).toBeLessThan(0)
  })

  it('orders strings by code point, not by code unit', () => {
    expect('\u{1F344}' < '\uFF5E').toBe(true)
    expect(compareStrings('\u{1F344}', '\uFF5E')).toBeGreaterThan(0)
    expect(compareStrings('a\u{1F344}', 'a\uD7FF')).toBeGreaterThan(0)
    expect(compareStrings('a', 'a\u{1F344}')).toBeLessThan(0)
  })

  it('compares maps by their keys first, then by their values', () => {
    expect(compare(makeMap([1, 2], [9, 9]), makeMap([1, 3], [0, 0]))).toBeLessThan(0)
    expect(compare(makeMap([1, 2], [0, 5]), makeMap([1, 2], [0, 4]))).toBeGreaterThan(0)
  })

  it('compares sends by persistence, channel, data', () => {
    expect(compare(term('@9!(9)'), term('@0!!(0)'))).toBeLessThan(0)
    expect(compare(term('@1!(9)'), term('@2!(0)'))).toBeLessThan(0)
    expect(compare(term('@1!(1)'), term('@1!(1, 1)'))).toBeLessThan(0)
  })

  it('compares methods by name, receiver, arguments', () => {
    expect(compare(new Method(9, 'a', []), new Method(1, 'b', []))).toBeLessThan(0)
    expect(compare(new Method(1, 'a', [9]), new Method(2, 'a', []))).toBeLessThan(0)
    expect(compare(new Method(1, 'a', []), new Method(1, 'a', [1]))).toBeLessThan(0)
  })

  it('is a total order that agrees with equality and hash', () => {
    fc.assert(
      fc.property(closedTerm, closedTerm, closedTerm, (a, b, c) => {
        expect(compare(a, a)).toBe(0)
        expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0)
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0)
        expect(compare(a, b) === 0).toBe(equal(a, b))
        if (equal(a, b)) expect(hashOf(a)).toBe(hashOf(b))
        if (hashOf(a) !== hashOf(b)) expect(equal(a, b)).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('structural equality', () => {
  it('keeps the empty terms and the numbers one apart', () => {
    const apart = ['()', '[]', '{}', 'Set()', 'Nil', '1', '1n', '1r', '1.0', '1p0'].map(term)
    apart.push(makePathMap([]))
    for (const a of apart) for (const b of apart) expect(equal(a, b)).toBe(a === b || apart.indexOf(a) === apart.indexOf(b))
  })

  it('takes floats by their bits, with one NaN', () => {
    expect(equal(new Float(Number.NaN), new Float(-Number.NaN))).toBe(true)
    expect(hashOf(new Float(Number.NaN))).toBe(hashOf(new Float(Number.NaN)))
    expect(equal(new Float(0), new Float(-0))).toBe(false)
  })

  it('ignores the order of components and the names of bound variables', () => {
    for (const [a, b] of [
      ['1 | 2', '2 | 1'],
      ['@0!(1) | Nil', '@0!(1)'],
      ['for (@x <- @"c") { @x!(1) }', 'for (x <- @"c") { x!(1) }'],
      ['for (@a <- @"p" & @b <- @"q") { @0!(a, b) }', 'for (@y <- @"q" & @x <- @"p") { @0!(x, y) }'],
      ['Set(1, 2, 1)', 'Set(2, 1)'],
      ['{"a" : 0, "b" : 1, "a" : 2}', '{"b" : 1, "a" : 2}'],
    ]) {
      expect(equal(term(a), term(b))).toBe(true)
      expect(hashOf(term(a))).toBe(hashOf(term(b)))
      expect(compare(term(a), term(b))).toBe(0)
    }
  })

  it('does not see where code was written or how a reference was', () => {
    expect(equal(new Send(0, [1], false, 3, 9), new Send(0, [1], false))).toBe(true)
    expect(equal(new Ref(1, true), new Ref(1, false))).toBe(true)
  })

  it('takes names by identity', () => {
    expect(equal(names[0], names[0])).toBe(true)
    expect(equal(names[0], names[1])).toBe(false)
  })

  it('looks into closures, at the top and inside', () => {
    const t = makePar([1, new List(['a'])])
    for (const [a, b] of [
      [quoted(t), t],
      [t, quoted(t)],
      [quoted(7), 7],
      ['x', quoted('x')],
      [new List([quoted(t)]), new List([t])],
      [new Send(quoted(t), [1], false), new Send(t, [1], false)],
    ] as [Term, Term][]) {
      expect(equal(a, b)).toBe(true)
      expect(compare(a, b)).toBe(0)
      expect(hashOf(a)).toBe(hashOf(b))
    }
    expect(equal(quoted(8), 7)).toBe(false)
  })

  it('finds NaN in values and collections, not in code, and inside closures', () => {
    const nan = new Float(Number.NaN)
    expect(hasNaN(new List([1, makeMap(['k'], [makeSet([nan])])]))).toBe(true)
    expect(hasNaN(new Send(0, [nan], false))).toBe(false)
    expect(hasNaN(new List([quoted(new Tuple([nan]))]))).toBe(true)
    expect(hasNaN(new List([quoted(new Tuple([1]))]))).toBe(false)
  })
})

describe('deep and wide terms', () => {
  const nest = (n: number): Term => {
    let t: Term = 1
    for (let i = 0; i < n; i++) t = new List([t])
    return t
  }
  const chain = (n: number): Term => {
    let t: Term = 1
    for (let i = 0; i < n; i++) t = new Op(Tag.Add, t, i)
    return t
  }

  it('are compared, hashed and told apart without overflow', () => {
    for (const make of [() => nest(100_000), () => chain(100_000)]) {
      const a = make()
      const b = make()
      expect(equal(a, b)).toBe(true)
      expect(compare(a, b)).toBe(0)
      expect(hashOf(a)).toBe(hashOf(b))
    }
    expect(compare(nest(100_000), nest(100_001))).not.toBe(0)
    expect(equal(nest(100_000), nest(100_001))).toBe(false)
  })
})
