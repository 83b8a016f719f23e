import fc from 'fast-check'
import { makeBundle, makeConn, makeMap, makePar, makeSet } from '../../src/normal/build.ts'
import {
  BigInteger,
  BigRat,
  Bytes,
  bound,
  ConnNot,
  Fixed,
  Float,
  free,
  List,
  type NameOrigin,
  New,
  Op,
  Send,
  Tag,
  type Term,
  Tuple,
  TypePattern,
  Unforgeable,
  Uri,
  WILDCARD,
} from '../../src/normal/term.ts'

const origin: NameOrigin = {
  bytes(counter) {
    const out = new Uint8Array(32)
    out[31] = counter
    return out
  },
}

/** Three names made by `new`, the smaller index first in canonical order. */
export const names = [new Unforgeable(origin, 1), new Unforgeable(origin, 2), new Unforgeable(origin, 3)]

const leaf: fc.Arbitrary<Term> = fc.oneof(
  fc.boolean(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom<Term>(2n ** 60n, -(2n ** 63n), '', 'a', 'b', '\u{1F344}', '\uFF5E'),
  fc.constantFrom<Term>(
    new Uri('rho:a'),
    new Bytes(Uint8Array.of(1)),
    new Bytes(Uint8Array.of()),
    new Float(1.5),
    new Float(-0),
    new Float(0),
  ),
  fc.constantFrom<Term>(new Float(Number.NaN), new BigInteger(5n), new BigRat(1n, 2n), new Fixed(150n, 2), names[0], names[1]),
  fc.constant(makePar([])),
)

/** Small closed terms: values, collections, processes, some code with a binder. */
export const closedTerm: fc.Arbitrary<Term> = fc.letrec<{ t: Term }>(tie => ({
  t: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.array(tie('t'), { maxLength: 3 }).map(xs => new List(xs)),
    fc.array(tie('t'), { maxLength: 2 }).map(xs => new Tuple(xs)),
    fc.array(tie('t'), { maxLength: 3 }).map(xs => makeSet(xs)),
    fc.array(fc.tuple(tie('t'), tie('t')), { maxLength: 2 }).map(es =>
      makeMap(
        es.map(e => e[0]),
        es.map(e => e[1]),
      ),
    ),
    fc.array(tie('t'), { maxLength: 3 }).map(xs => makePar(xs)),
    fc.tuple(tie('t'), fc.array(tie('t'), { maxLength: 2 }), fc.boolean()).map(([c, d, p]) => new Send(c, d, p)),
    fc.tuple(tie('t'), tie('t')).map(([a, b]) => new New(1, [], makePar([new Send(bound(0), [a], false), new Send(b, [bound(0)], false)]))),
    tie('t').map(b => makeBundle(2, b)),
    fc.tuple(tie('t'), tie('t')).map(([a, b]) => new Send('code', [new Op(Tag.Add, a, b)], false)),
  ),
})).t

type Build = (next: () => number) => Term

const HOLE: fc.Arbitrary<Build> = fc.constantFrom<Build>(
  next => free(next()),
  () => WILDCARD,
  () => WILDCARD,
  () => new TypePattern('Int'),
  () => new TypePattern('Bool'),
)

const buildPattern: fc.Arbitrary<Build> = fc.letrec<{ p: Build }>(tie => ({
  p: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    { weight: 3, arbitrary: HOLE },
    { weight: 3, arbitrary: leaf.map<Build>(t => () => t) },
    { weight: 1, arbitrary: fc.array(tie('p'), { maxLength: 3 }).map<Build>(ps => next => new List(ps.map(p => p(next)))) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.array(tie('p'), { maxLength: 2 }), fc.boolean()).map<Build>(
        ([ps, named]) =>
          next =>
            new List(
              ps.map(p => p(next)),
              named ? free(next()) : WILDCARD,
            ),
      ),
    },
    { weight: 2, arbitrary: fc.array(tie('p'), { maxLength: 3 }).map<Build>(ps => next => makeSet(ps.map(p => p(next)))) },
    {
      weight: 1,
      arbitrary: fc.array(tie('p'), { maxLength: 2 }).map<Build>(
        ps => next =>
          makeSet(
            ps.map(p => p(next)),
            free(next()),
          ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(tie('p'), tie('p')), { maxLength: 2 }).map<Build>(es => next => {
        const keys: Term[] = []
        const values: Term[] = []
        for (const [k, v] of es) {
          keys.push(k(next))
          values.push(v(next))
        }
        return makeMap(keys, values, WILDCARD)
      }),
    },
    { weight: 3, arbitrary: fc.array(tie('p'), { maxLength: 4 }).map<Build>(ps => next => makePar(ps.map(p => p(next)))) },
    {
      weight: 2,
      arbitrary: fc.tuple(tie('p'), fc.array(tie('p'), { maxLength: 2 }), fc.boolean()).map<Build>(
        ([c, d, p]) =>
          next =>
            new Send(
              c(next),
              d.map(x => x(next)),
              p,
            ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('p'), tie('p')).map<Build>(
        ([a, b]) =>
          next =>
            new New(1, [], makePar([new Send(bound(0), [a(next)], false), b(next)])),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('p'), tie('p')).map<Build>(
        ([a, b]) =>
          next =>
            makeConn(Tag.ConnAnd, [a(next), b(next)]),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('p'), tie('p')).map<Build>(
        ([a, b]) =>
          () =>
            makeConn(Tag.ConnOr, [a(counter()), b(counter())]),
      ),
    },
    { weight: 1, arbitrary: tie('p').map<Build>(a => () => new ConnNot(a(counter()))) },
  ),
})).p

function counter(): () => number {
  let n = 0
  return () => n++
}

/** Small patterns with their number of variables, numbered as a pattern of the language would be. */
export const anyPattern: fc.Arbitrary<{ pattern: Term; count: number }> = buildPattern.map(build => {
  let count = 0
  const p = build(() => count++)
  return { pattern: p, count }
})

/** A parallel pattern or set pattern with a target that it has a fair chance to fit. */
export const likely: fc.Arbitrary<{ pattern: { pattern: Term; count: number }; target: Term }> = fc
  .tuple(
    fc.array(closedTerm, { maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(5), fc.nat(4), fc.nat(4)), { maxLength: 5 }),
    fc.constantFrom('par', 'set', 'rest'),
  )
  .map(([parts, picks, kind]) => {
    let count = 0
    const piece = (i: number): Term => (i < parts.length ? parts[i] : i)
    const part = ([how, i, j]: readonly [number, number, number]): Term => {
      switch (how) {
        case 0:
          return free(count++)
        case 1:
          return piece(i)
        case 2:
          return makeConn(Tag.ConnOr, [makePar([piece(i), piece(j)]), piece(i)])
        case 3: {
          const x = free(count++)
          return makeConn(Tag.ConnAnd, [x, new ConnNot(makeConn(Tag.ConnOr, [piece(i), makePar([])]))])
        }
        case 4:
          return new List([free(count++)], WILDCARD)
        default:
          return new ConnNot(piece(i))
      }
    }
    const ps = picks.map(part)
    if (kind === 'par') return { pattern: { pattern: makePar(ps), count }, target: makePar(parts) }
    if (kind === 'set') return { pattern: { pattern: makeSet(ps), count }, target: makeSet(parts) }
    const rest = free(count++)
    return { pattern: { pattern: makeSet(ps, rest), count }, target: makeSet(parts) }
  })
