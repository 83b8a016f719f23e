import {
  type BigInteger,
  type BigRat,
  type Bytes,
  type Fixed,
  type List,
  type MapTerm,
  Tag,
  type Term,
  type Tuple,
  tagOf,
} from '../../normal/term.ts'
import { byteLength } from './integers.ts'
import { codePointCount } from './text.ts'

/*
 * The phlogiston of operators and methods: the rows of rholang.md 16.2. A row that names a method wins over "every method of section 11".
 * A charge is made when the types of the operands are found right, before the work is done; what depends on the result is added after it.
 */

/** Int and Float `+ -`, comparisons, unary `-`. */
export const CHEAP = 3
/** Int and Float `* / %`. */
export const COSTLY = 9
export const BOOLEAN = 2
export const METHOD = 10
export const PER_ELEMENT = 3

/** `+`, `-`, comparison or unary `-` of numbers of arbitrary length. */
export function additive(a: bigint, b: bigint): number {
  return Math.max(CHEAP, Math.max(byteLength(a), byteLength(b)) + 1)
}

export function multiplicative(a: bigint, b: bigint): number {
  return Math.max(COSTLY, byteLength(a) * byteLength(b))
}

export function ratAdditive(a: BigRat, b: BigRat): number {
  const m = Math.max(byteLength(a.num), byteLength(a.den), byteLength(b.num), byteLength(b.den))
  return Math.max(CHEAP, 4 * m * m + m)
}

export function ratMultiplicative(a: BigRat, b: BigRat): number {
  const n1 = byteLength(a.num)
  const d1 = byteLength(a.den)
  const n2 = byteLength(b.num)
  const d2 = byteLength(b.den)
  return Math.max(COSTLY, n1 * n2 + d1 * d2 + Math.max(n1, d1, n2, d2))
}

export function ratComparison(a: BigRat, b: BigRat): number {
  return Math.max(CHEAP, byteLength(b.num) * byteLength(a.den), byteLength(a.num) * byteLength(b.den))
}

export function negation(t: BigInteger | BigRat | Fixed): number {
  if (t.tag === Tag.BigRat) return Math.max(CHEAP, Math.max(byteLength((t as BigRat).num), byteLength((t as BigRat).den)) + 1)
  const v = t.tag === Tag.BigInt ? (t as BigInteger).value : (t as Fixed).unscaled
  return additive(v, 0n)
}

/** Elements, entries, bytes or code points of a value; 0 of anything else. */
export function countOf(t: Term): number {
  switch (tagOf(t)) {
    case Tag.String:
      return codePointCount(t as string)
    case Tag.Bytes:
      return (t as Bytes).count
    case Tag.Map:
      return (t as MapTerm).count
    case Tag.Tuple:
      return (t as Tuple).items.length
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap:
      return (t as List).count
    default:
      return 0
  }
}
