import { compareStrings, equal, hasNaN } from '../../normal/order.ts'
import { sizeOf } from '../../normal/size.ts'
import {
  BigInteger,
  BigRat,
  type Bytes,
  Fixed,
  Float,
  forced,
  isValue,
  type List,
  type MapTerm,
  type SetTerm,
  Tag,
  type Term,
  tagOf,
  type Uri,
} from '../../normal/term.ts'
import { concatLists, mapUnion, mapWithout, setDiff, setUnion, setWith, setWithout } from './collections.ts'
import { Fault, type PrimContext, type Result } from './fault.ts'
import * as Gas from './gas.ts'
import { addBig, addInt, divInt, divisionByZero, type Int, isInt, modInt, mulBig, mulInt, negInt, subInt } from './integers.ts'
import { asBool, notOneValue, typeName, wrongOperator, wrongRight } from './kinds.ts'
import { tooLarge } from './limits.ts'
import { addRat, big, compareRat, divFixed, divRat, fixedText, floatText, mulFixed, mulRat } from './numbers.ts'
import { concatBytes } from './octets.ts'
import { interpolate, joinTwo } from './text.ts'

/** One operator of rholang.md 8.2. `matches` is not here: its right side is a pattern. */
export interface Operator {
  readonly symbol: string
  readonly tag: number
  readonly arity: 1 | 2
  /** The operands it takes and the charge, as the manual prints them. */
  readonly operands: string
  readonly gas: string
  readonly doc: string
  readonly run: (left: Term, right: Term, ctx: PrimContext) => Result
}

// ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What an arithmetic operator does with each type of number. */
interface Arithmetic {
  readonly symbol: string
  readonly int: (a: Int, b: Int) => Result
  readonly float: (a: number, b: number) => number | Fault
  readonly big: (a: bigint, b: bigint, ctx: PrimContext) => bigint | Fault
  readonly rat: (a: BigRat, b: BigRat, ctx: PrimContext) => BigRat | Fault
  readonly fixed: (a: Fixed, b: Fixed, ctx: PrimContext) => Fixed | Fault
  readonly gas: number
  readonly gasBig: (a: bigint, b: bigint) => number
  readonly gasRat: (a: BigRat, b: BigRat) => number
}

/** Both operands are forced, the left one is a value. */
function arithmetic(op: Arithmetic, l: Term, r: Term, ctx: PrimContext): Result {
  if (isInt(l) && isInt(r)) {
    ctx.gas += op.gas
    return op.int(l, r)
  }
  if (!isValue(r)) return notOneValue(r)
  const tag = tagOf(l)
  if (tag !== Tag.Int && tag !== Tag.Float && tag !== Tag.BigInt && tag !== Tag.BigRat && tag !== Tag.Fixed)
    return wrongOperator(op.symbol, l)
  if (tagOf(r) !== tag) return wrongRight(op.symbol, typeName(l), r)
  switch (tag) {
    case Tag.Float: {
      ctx.gas += op.gas
      const x = op.float((l as Float).value, (r as Float).value)
      return x instanceof Fault ? x : new Float(x)
    }
    case Tag.BigInt: {
      const a = (l as BigInteger).value
      const b = (r as BigInteger).value
      ctx.gas += op.gasBig(a, b)
      return big(op.big(a, b, ctx))
    }
    case Tag.BigRat:
      ctx.gas += op.gasRat(l as BigRat, r as BigRat)
      return op.rat(l as BigRat, r as BigRat, ctx)
    default: {
      const a = l as Fixed
      const b = r as Fixed
      if (a.scale !== b.scale) return scalesDiffer(op.symbol, a, b)
      ctx.gas += op.gasBig(a.unscaled, b.unscaled)
      return op.fixed(a, b, ctx)
    }
  }
}

function scalesDiffer(symbol: string, a: Fixed, b: Fixed): Fault {
  const message = `operator \`${symbol}\` expected fixedpoint of scale ${a.scale}, got fixedpoint of scale ${b.scale}`
  return new Fault('RHO511', message, `convert with \`toFixed(${a.scale})\``)
}

const ADD: Arithmetic = {
  symbol: '+',
  int: addInt,
  float: (a, b) => a + b,
  big: addBig,
  rat: (a, b, ctx) => addRat(a, b, 1n, ctx),
  fixed: (a, b, ctx) => fixedOf(addBig(a.unscaled, b.unscaled, ctx), a.scale),
  gas: Gas.CHEAP,
  gasBig: Gas.additive,
  gasRat: Gas.ratAdditive,
}
const SUB: Arithmetic = {
  symbol: '-',
  int: subInt,
  float: (a, b) => a - b,
  big: (a, b, ctx) => addBig(a, -b, ctx),
  rat: (a, b, ctx) => addRat(a, b, -1n, ctx),
  fixed: (a, b, ctx) => fixedOf(addBig(a.unscaled, -b.unscaled, ctx), a.scale),
  gas: Gas.CHEAP,
  gasBig: Gas.additive,
  gasRat: Gas.ratAdditive,
}
const MUL: Arithmetic = {
  symbol: '*',
  int: mulInt,
  float: (a, b) => a * b,
  big: mulBig,
  rat: mulRat,
  fixed: mulFixed,
  gas: Gas.COSTLY,
  gasBig: Gas.multiplicative,
  gasRat: Gas.ratMultiplicative,
}
const DIV: Arithmetic = {
  symbol: '/',
  int: divInt,
  float: (a, b) => a / b,
  big: (a, b) => (b === 0n ? divisionByZero('/') : a / b),
  rat: divRat,
  fixed: divFixed,
  gas: Gas.COSTLY,
  gasBig: Gas.multiplicative,
  gasRat: Gas.ratMultiplicative,
}
const MOD: Arithmetic = {
  symbol: '%',
  int: modInt,
  float: () => new Fault('RHO517', 'modulus is not defined on floating point'),
  big: (a, b) => (b === 0n ? divisionByZero('%') : a % b),
  rat: (_, b) => (b.num === 0n ? divisionByZero('%') : new BigRat(0n, 1n)),
  fixed: (a, b) => (b.unscaled === 0n ? divisionByZero('%') : new Fixed(a.unscaled % b.unscaled, a.scale)),
  gas: Gas.COSTLY,
  gasBig: Gas.multiplicative,
  gasRat: Gas.ratMultiplicative,
}

function fixedOf(unscaled: bigint | Fault, scale: number): Fixed | Fault {
  return unscaled instanceof Fault ? unscaled : new Fixed(unscaled, scale)
}

function plain(op: Arithmetic): Operator['run'] {
  return (left, right, ctx) => {
    const l = forced(left)
    return isValue(l) ? arithmetic(op, l, forced(right), ctx) : notOneValue(l)
  }
}

function plus(left: Term, right: Term, ctx: PrimContext): Result {
  const l = forced(left)
  if (!isValue(l)) return notOneValue(l)
  if (tagOf(l) !== Tag.Set) return arithmetic(ADD, l, forced(right), ctx)
  ctx.gas += Gas.METHOD + Gas.PER_ELEMENT
  return setWith(l as SetTerm, right, ctx)
}

function minus(left: Term, right: Term, ctx: PrimContext): Result {
  const l = forced(left)
  if (!isValue(l)) return notOneValue(l)
  const tag = tagOf(l)
  if (tag !== Tag.Set && tag !== Tag.Map) return arithmetic(SUB, l, forced(right), ctx)
  ctx.gas += Gas.METHOD + Gas.PER_ELEMENT
  return tag === Tag.Set ? setWithout(l as SetTerm, right) : mapWithout(l as MapTerm, right)
}

function negate(operand: Term, _: Term, ctx: PrimContext): Result {
  const t = forced(operand)
  if (!isValue(t)) return notOneValue(t)
  switch (tagOf(t)) {
    case Tag.Int:
      ctx.gas += Gas.CHEAP
      return negInt(t as Int)
    case Tag.Float:
      ctx.gas += Gas.CHEAP
      return new Float(-(t as Float).value)
    case Tag.BigInt:
      ctx.gas += Gas.negation(t as BigInteger)
      return new BigInteger(-(t as BigInteger).value)
    case Tag.BigRat:
      ctx.gas += Gas.negation(t as BigRat)
      return new BigRat(-(t as BigRat).num, (t as BigRat).den)
    case Tag.Fixed:
      ctx.gas += Gas.negation(t as Fixed)
      return new Fixed(-(t as Fixed).unscaled, (t as Fixed).scale)
    default:
      return wrongOperator('-', t)
  }
}

// ── order and equality ────────────────────────────────────────────────────────────────────────────────────────────────

/** The sign of left - right, NaN if a Float NaN makes every comparison false. */
function order(left: Term, right: Term, ctx: PrimContext): number | Fault {
  const l = forced(left)
  const r = forced(right)
  if (!isValue(l)) return notOneValue(l)
  if (!isValue(r)) return notOneValue(r)
  const tag = tagOf(l)
  if (tag !== tagOf(r)) return notComparable(l, r)
  switch (tag) {
    case Tag.Bool:
    case Tag.Int:
      ctx.gas += Gas.CHEAP
      return l < r ? -1 : l > r ? 1 : 0
    case Tag.String:
      ctx.gas += Gas.CHEAP
      return compareStrings(l as string, r as string)
    case Tag.Float: {
      ctx.gas += Gas.CHEAP
      const a = (l as Float).value
      const b = (r as Float).value
      return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN
    }
    case Tag.BigInt:
      ctx.gas += Gas.additive((l as BigInteger).value, (r as BigInteger).value)
      return signOf((l as BigInteger).value, (r as BigInteger).value)
    case Tag.BigRat:
      ctx.gas += Gas.ratComparison(l as BigRat, r as BigRat)
      return compareRat(l as BigRat, r as BigRat, ctx)
    case Tag.Fixed:
      if ((l as Fixed).scale !== (r as Fixed).scale) return notComparable(l, r)
      ctx.gas += Gas.additive((l as Fixed).unscaled, (r as Fixed).unscaled)
      return signOf((l as Fixed).unscaled, (r as Fixed).unscaled)
    default:
      return notComparable(l, r)
  }
}

function signOf(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function notComparable(l: Term, r: Term): Fault {
  const left = typeName(l)
  const right = typeName(r)
  if (left !== right) return new Fault('RHO507', `unexpected compare of ${left} with ${right}`, 'only values of one type have an order')
  if (l instanceof Fixed)
    return new Fault('RHO507', `unexpected compare of fixedpoint of scale ${l.scale} with scale ${(r as Fixed).scale}`)
  return new Fault('RHO507', `unexpected compare: ${left} has no order`)
}

function comparison(holds: (sign: number) => boolean): Operator['run'] {
  return (left, right, ctx) => {
    const sign = order(left, right, ctx)
    return sign instanceof Fault ? sign : holds(sign)
  }
}

function same(left: Term, right: Term, ctx: PrimContext): boolean {
  ctx.gas += Math.max(Gas.CHEAP, Math.min(sizeOf(left), sizeOf(right)))
  return equal(left, right) && !hasNaN(left)
}

// ── Booleans ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function both(decide: (l: boolean, r: boolean) => boolean): Operator['run'] {
  return (left, right, ctx) => {
    const l = asBool(left)
    if (l instanceof Fault) return l
    const r = asBool(right)
    if (r instanceof Fault) return r
    ctx.gas += Gas.BOOLEAN
    return decide(l, r)
  }
}

/** The right side counts only if the left one does not decide. The machine does not even evaluate it then. */
function shortCircuit(deciding: boolean): Operator['run'] {
  return (left, right, ctx) => {
    const l = asBool(left)
    if (l instanceof Fault) return l
    ctx.gas += Gas.BOOLEAN
    return l === deciding ? l : asBool(right)
  }
}

// ── concatenation, difference, interpolation ──────────────────────────────────────────────────────────────────────────

/** `left ++ right` without charge; `charge` learns the right operand as soon as its type is found right. */
export function concat(left: Term, right: Term, ctx: PrimContext, charge?: (l: Term, r: Term) => void): Result {
  const l = forced(left)
  const r = forced(right)
  if (!isValue(l)) return notOneValue(l)
  if (!isValue(r)) return notOneValue(r)
  const tag = tagOf(l)
  if (tag !== Tag.String && tag !== Tag.Bytes && tag !== Tag.List && tag !== Tag.Map && tag !== Tag.Set) return wrongOperator('++', l)
  if (tagOf(r) !== tag) return wrongRight('++', typeName(l), r)
  charge?.(l, r)
  switch (tag) {
    case Tag.String:
      return tooLarge(4 + (l as string).length + (r as string).length, ctx) ?? joinTwo(l as string, r as string)
    case Tag.Bytes:
      return concatBytes(l as Bytes, r as Bytes, ctx)
    case Tag.List:
      return concatLists(l as List, r as List, ctx)
    case Tag.Map:
      return mapUnion(l as MapTerm, r as MapTerm, ctx)
    default:
      return setUnion(l as SetTerm, r as SetTerm, ctx)
  }
}

function concatCharge(l: Term, r: Term): number {
  switch (tagOf(l)) {
    case Tag.String:
      return Gas.METHOD + (l as string).length + (r as string).length
    case Tag.Map:
    case Tag.Set:
      return Gas.METHOD + Gas.PER_ELEMENT * Gas.countOf(r)
    default:
      return Gas.METHOD + Gas.countOf(l) + Gas.countOf(r)
  }
}

function append(left: Term, right: Term, ctx: PrimContext): Result {
  return concat(left, right, ctx, (l, r) => {
    ctx.gas += concatCharge(l, r)
  })
}

function without(left: Term, right: Term, ctx: PrimContext): Result {
  const l = forced(left)
  const r = forced(right)
  if (!isValue(l)) return notOneValue(l)
  if (!isValue(r)) return notOneValue(r)
  if (tagOf(l) !== Tag.Set) return wrongOperator('--', l)
  if (tagOf(r) !== Tag.Set) return wrongRight('--', 'set', r)
  ctx.gas += Gas.METHOD + Gas.PER_ELEMENT * Gas.countOf(r)
  return setDiff(l as SetTerm, r as SetTerm)
}

/** The text that interpolation inserts and `toString()` gives, undefined for values that have none of their own. */
export function plainText(t: Term): string | undefined {
  switch (tagOf(t)) {
    case Tag.String:
      return t as string
    case Tag.Bool:
    case Tag.Int:
      return String(t)
    case Tag.Uri:
      return (t as Uri).text
    case Tag.Float:
      return floatText((t as Float).value)
    case Tag.BigInt:
      return (t as BigInteger).value.toString()
    case Tag.BigRat:
      return `${(t as BigRat).num}/${(t as BigRat).den}`
    case Tag.Fixed:
      return fixedText(t as Fixed)
    default:
      return undefined
  }
}

function fill(left: Term, right: Term, ctx: PrimContext): Result {
  const l = forced(left)
  const r = forced(right)
  if (!isValue(l)) return notOneValue(l)
  if (!isValue(r)) return notOneValue(r)
  if (typeof l !== 'string') return wrongOperator('%%', l)
  if (tagOf(r) !== Tag.Map) return wrongRight('%%', 'map', r)
  const map = r as MapTerm
  ctx.gas += Gas.METHOD + l.length * Math.max(1, map.count)
  const texts: string[] = []
  for (let i = 0; i < map.keys.length; i++) {
    const key = forced(map.keys[i])
    if (typeof key !== 'string')
      return new Fault('RHO518', `interpolation does not support a key of type ${typeName(key)}`, 'keys must be strings')
    const value = forced(map.values[i])
    // A Fixed with few digits and a huge scale prints longer than it is.
    const fault = value instanceof Fixed ? tooLarge(value.scale, ctx) : undefined
    if (fault !== undefined) return fault
    const text = plainText(value)
    if (text === undefined) {
      return new Fault(
        'RHO518',
        `interpolation does not support a value of type ${typeName(value)}`,
        'convert it with `toString()` or `show()`',
      )
    }
    texts.push(text)
  }
  return interpolate(l, map, texts, ctx)
}

// ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const GAS_SUM = '3; BigInt, Fixed max(3, longest + 1); BigRat max(3, 4m² + m)'
const GAS_PRODUCT = '9; BigInt, Fixed max(9, product of the lengths); BigRat max(9, n₁n₂ + d₁d₂ + m)'
const GAS_ORDER = '3; BigInt, Fixed max(3, longest + 1); BigRat max(3, n₂d₁, n₁d₂)'
const NUMBERS = 'numbers of one type'
const ORDERED = 'two Bools, Strings or numbers of one type'
const ANY = 'any two processes'
const BOOLS = 'two Bools'

/** Every operator but `matches`. Documentation is derived from here. */
export const OPERATORS: readonly Operator[] = [
  { symbol: '-', tag: Tag.Neg, arity: 1, operands: 'a number', gas: GAS_SUM, doc: 'negation; of the smallest Int RHO504', run: negate },
  {
    symbol: '*',
    tag: Tag.Mul,
    arity: 2,
    operands: NUMBERS,
    gas: GAS_PRODUCT,
    doc: 'product; Int overflow RHO504; Fixed rounds down',
    run: plain(MUL),
  },
  {
    symbol: '/',
    tag: Tag.Div,
    arity: 2,
    operands: NUMBERS,
    gas: GAS_PRODUCT,
    doc: 'quotient, toward zero where not exact; by zero RHO505',
    run: plain(DIV),
  },
  {
    symbol: '%',
    tag: Tag.Mod,
    arity: 2,
    operands: 'numbers of one type, not Float',
    gas: GAS_PRODUCT,
    doc: 'remainder with the sign of the left; by zero RHO505',
    run: plain(MOD),
  },
  {
    symbol: '+',
    tag: Tag.Add,
    arity: 2,
    operands: `${NUMBERS}; a Set and anything`,
    gas: `${GAS_SUM}; Set 13`,
    doc: 'sum, Int wraps; the set with the element',
    run: plus,
  },
  {
    symbol: '-',
    tag: Tag.Sub,
    arity: 2,
    operands: `${NUMBERS}; a Set or Map and anything`,
    gas: `${GAS_SUM}; Set, Map 13`,
    doc: 'difference, Int wraps; without the element or key',
    run: minus,
  },
  { symbol: '<', tag: Tag.Lt, arity: 2, operands: ORDERED, gas: GAS_ORDER, doc: 'smaller; false with NaN', run: comparison(s => s < 0) },
  {
    symbol: '<=',
    tag: Tag.Le,
    arity: 2,
    operands: ORDERED,
    gas: GAS_ORDER,
    doc: 'smaller or equal; false with NaN',
    run: comparison(s => s <= 0),
  },
  { symbol: '>', tag: Tag.Gt, arity: 2, operands: ORDERED, gas: GAS_ORDER, doc: 'greater; false with NaN', run: comparison(s => s > 0) },
  {
    symbol: '>=',
    tag: Tag.Ge,
    arity: 2,
    operands: ORDERED,
    gas: GAS_ORDER,
    doc: 'greater or equal; false with NaN',
    run: comparison(s => s >= 0),
  },
  {
    symbol: '==',
    tag: Tag.Eq,
    arity: 2,
    operands: ANY,
    gas: 'max(3, size of the smaller)',
    doc: 'structural equality; false with NaN inside',
    run: same,
  },
  {
    symbol: '!=',
    tag: Tag.Ne,
    arity: 2,
    operands: ANY,
    gas: 'max(3, size of the smaller)',
    doc: 'the opposite of `==`',
    run: (l, r, ctx) => !same(l, r, ctx),
  },
  { symbol: 'not', tag: Tag.Not, arity: 1, operands: 'a Bool', gas: '2', doc: 'negation', run: both(l => !l) },
  { symbol: 'and', tag: Tag.And, arity: 2, operands: BOOLS, gas: '2', doc: 'both, always evaluated', run: both((l, r) => l && r) },
  { symbol: 'or', tag: Tag.Or, arity: 2, operands: BOOLS, gas: '2', doc: 'one or both, always evaluated', run: both((l, r) => l || r) },
  {
    symbol: '&&',
    tag: Tag.AndThen,
    arity: 2,
    operands: BOOLS,
    gas: '2',
    doc: 'both; the right side is evaluated if the left is true',
    run: shortCircuit(false),
  },
  {
    symbol: '||',
    tag: Tag.OrElse,
    arity: 2,
    operands: BOOLS,
    gas: '2',
    doc: 'one; the right side is evaluated if the left is false',
    run: shortCircuit(true),
  },
  {
    symbol: '++',
    tag: Tag.Concat,
    arity: 2,
    operands: 'two Strings, ByteArrays, Lists, Maps or Sets',
    gas: '10 + length of both; Map, Set 10 + 3 · elements of the right',
    doc: 'concatenation, union; of equal keys the right one wins',
    run: append,
  },
  {
    symbol: '--',
    tag: Tag.Diff,
    arity: 2,
    operands: 'two Sets',
    gas: '10 + 3 · elements of the right',
    doc: 'elements of the left that are not in the right',
    run: without,
  },
  {
    symbol: '%%',
    tag: Tag.Interp,
    arity: 2,
    operands: 'a String and a Map',
    gas: '10 + length · max(1, entries)',
    doc: 'each placeholder of a key replaced by its value',
    run: fill,
  },
]

const BY_TAG: readonly (Operator | undefined)[] = (() => {
  const table: Operator[] = []
  for (const op of OPERATORS) table[op.tag] = op
  return table
})()

/** The operator of a tag of term.ts, undefined for tags that are none. */
export function operatorOf(tag: number): Operator | undefined {
  return BY_TAG[tag]
}

/** Applies the binary operator `op` (a tag: Add, Sub, …) to evaluated operands. Never throws for any closed terms. */
export function binary(op: number, left: Term, right: Term, ctx: PrimContext): Result {
  return (BY_TAG[op] as Operator).run(left, right, ctx)
}

/** Applies `Neg` or `Not` to an evaluated operand. */
export function unary(op: number, operand: Term, ctx: PrimContext): Result {
  // The second operand is not looked at by Neg; Not takes it for a Bool.
  return (BY_TAG[op] as Operator).run(operand, true, ctx)
}

/** `left + right` without charge: what `sum()` adds up. */
export function add(left: Term, right: Term, ctx: PrimContext): Result {
  const before = ctx.gas
  const result = plus(left, right, ctx)
  ctx.gas = before
  return result
}
