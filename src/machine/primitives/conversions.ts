import { compare, compareStrings } from '../../normal/order.ts'
import { BigInteger, BigRat, Fixed, Float, forced, Tag, type Term, tagOf } from '../../normal/term.ts'
import { Fault, type PrimContext, type Result } from './fault.ts'
import * as I from './integers.ts'
import { asInt, wrongMethod } from './kinds.ts'
import * as N from './numbers.ts'

/* What the methods of numbers do, for every type of number. Receivers are forced and of a type that the table allows. */

/** unscaled / 10^scale toward zero, without the power where the result is plainly 0. */
function wholePart(x: Fixed, ctx: PrimContext): bigint | Fault {
  if (I.bitLength(x.unscaled) <= x.scale * 3.32) return 0n
  const unit = I.powerOfTen(x.scale, ctx)
  return unit instanceof Fault ? unit : x.unscaled / unit
}

/** The number or numeral as an integer, toward zero. */
export function integral(t: Term, name: string, ctx: PrimContext): bigint | Fault {
  switch (tagOf(t)) {
    case Tag.Int:
      return BigInt(t as I.Int)
    case Tag.BigInt:
      return (t as BigInteger).value
    case Tag.Float: {
      const x = (t as Float).value
      return Number.isFinite(x) ? N.truncateFloat(x) : N.noMeaning(name, N.floatText(x))
    }
    case Tag.BigRat:
      return (t as BigRat).num / (t as BigRat).den
    case Tag.Fixed:
      return wholePart(t as Fixed, ctx)
    default:
      return N.parseInteger(t as string, name, ctx)
  }
}

export function toInt(t: Term, _: readonly Term[], ctx: PrimContext, name: string): Result {
  if (I.isInt(t)) return t
  const v = integral(t, name, ctx)
  return v instanceof Fault ? v : (N.intRange(name, v) ?? I.canonical(v))
}

export function toFloat(t: Term, _: readonly Term[], ctx: PrimContext): Result {
  switch (tagOf(t)) {
    case Tag.Int:
      return new Float(Number(t as I.Int))
    case Tag.BigInt:
      return new Float(Number((t as BigInteger).value))
    case Tag.Float:
      return t
    case Tag.BigRat:
      return new Float(N.ratioToFloat((t as BigRat).num, (t as BigRat).den))
    case Tag.Fixed: {
      if ((t as Fixed).unscaled === 0n) return new Float(0)
      const unit = I.powerOfTen((t as Fixed).scale, ctx)
      return unit instanceof Fault ? unit : new Float(N.ratioToFloat((t as Fixed).unscaled, unit))
    }
    default: {
      const x = N.parseFloatText(t as string)
      return x instanceof Fault ? x : new Float(x)
    }
  }
}

export function toBigRat(t: Term, _: readonly Term[], ctx: PrimContext, name: string): Result {
  switch (tagOf(t)) {
    case Tag.Int:
      return new BigRat(BigInt(t as I.Int), 1n)
    case Tag.BigInt:
      return new BigRat((t as BigInteger).value, 1n)
    case Tag.BigRat:
      return t
    case Tag.Float: {
      const x = (t as Float).value
      return Number.isFinite(x) ? N.floatToRat(x) : N.noMeaning(name, N.floatText(x))
    }
    default: {
      const x = t as Fixed
      if (x.unscaled === 0n) return new BigRat(0n, 1n)
      const unit = I.powerOfTen(x.scale, ctx)
      return unit instanceof Fault ? unit : N.fraction(x.unscaled, unit)
    }
  }
}

/** Largest scale that `toFixed` makes. */
const SCALE_MAX = 10_000

export function toFixed(t: Term, n: I.Int, ctx: PrimContext): Result {
  if (n < 0 || n > SCALE_MAX) return new Fault('RHO516', `a scale of ${n} has no meaning`, `a scale is a number from 0 to ${SCALE_MAX}`)
  const scale = Number(n)
  switch (tagOf(t)) {
    case Tag.String:
      return N.parseFixed(t as string, scale, ctx)
    case Tag.Fixed: {
      const x = t as Fixed
      const digits =
        x.scale > scale ? wholePart(new Fixed(x.unscaled, x.scale - scale), ctx) : N.scaled(x.unscaled, 1n, scale - x.scale, ctx)
      return digits instanceof Fault ? digits : new Fixed(digits, scale)
    }
    case Tag.Float: {
      const x = (t as Float).value
      if (!Number.isFinite(x)) return N.noMeaning('toFixed', N.floatText(x))
      const exact = N.floatToRat(x)
      return N.toScale(exact.num, exact.den, scale, ctx)
    }
    case Tag.BigRat:
      return N.toScale((t as BigRat).num, (t as BigRat).den, scale, ctx)
    case Tag.BigInt:
      return N.toScale((t as BigInteger).value, 1n, scale, ctx)
    default:
      return N.toScale(BigInt(t as I.Int), 1n, scale, ctx)
  }
}

export function absolute(t: Term): Result {
  switch (tagOf(t)) {
    case Tag.Int:
      return (t as I.Int) < 0 ? I.negInt(t as I.Int) : t
    case Tag.Float:
      return new Float(Math.abs((t as Float).value))
    case Tag.BigInt:
      return (t as BigInteger).value < 0n ? new BigInteger(-(t as BigInteger).value) : t
    case Tag.BigRat:
      return (t as BigRat).num < 0n ? new BigRat(-(t as BigRat).num, (t as BigRat).den) : t
    default:
      return (t as Fixed).unscaled < 0n ? new Fixed(-(t as Fixed).unscaled, (t as Fixed).scale) : t
  }
}

export function sign(t: Term): Result {
  switch (tagOf(t)) {
    case Tag.Int:
      return signOf(t as I.Int)
    case Tag.Float: {
      const x = (t as Float).value
      return Number.isNaN(x) ? N.noMeaning('sign', 'NaN') : signOf(x)
    }
    case Tag.BigInt:
      return signOf((t as BigInteger).value)
    case Tag.BigRat:
      return signOf((t as BigRat).num)
    default:
      return signOf((t as Fixed).unscaled)
  }
}

function signOf(x: number | bigint): number {
  return x < 0 ? -1 : x > 0 ? 1 : 0
}

export function extreme(wanted: 1 | -1): (t: Term, args: readonly Term[], ctx: PrimContext, name: string) => Result {
  return (t, args, ctx, name) => {
    const u = forced(args[0])
    if (tagOf(t) !== tagOf(u)) return wrongMethod(name, t, u)
    if (t instanceof Float) return new Float(wanted > 0 ? Math.max(t.value, (u as Float).value) : Math.min(t.value, (u as Float).value))
    if (t instanceof Fixed && t.scale !== (u as Fixed).scale) {
      return new Fault('RHO512', `method \`${name}\` needs two fixedpoint numbers of one scale, got ${t.scale} and ${(u as Fixed).scale}`)
    }
    const order = orderOf(t, u, ctx)
    return order instanceof Fault ? order : order * wanted >= 0 ? t : u
  }
}

/** The sign of t - u; both have the same type, Fixed the same scale. */
function orderOf(t: Term, u: Term, ctx: PrimContext): number | Fault {
  switch (tagOf(t)) {
    case Tag.String:
      return compareStrings(t as string, u as string)
    case Tag.BigRat:
      return N.compareRat(t as BigRat, u as BigRat, ctx)
    default:
      return compare(t, u)
  }
}

export function power(t: Term, args: readonly Term[], ctx: PrimContext): Result {
  const by = forced(args[0])
  if (t instanceof Float) {
    if (by instanceof Float) return new Float(t.value ** by.value)
    const n = asInt(by)
    return n instanceof Fault ? n : new Float(t.value ** Number(n))
  }
  const n = asInt(by)
  if (n instanceof Fault) return n
  if (I.isInt(t)) return I.powInt(t, n)
  if (t instanceof BigInteger) return N.big(I.powBig(t.value, n, ctx))
  return powerOfRat(t as BigRat, n, ctx)
}

function powerOfRat(t: BigRat, n: I.Int, ctx: PrimContext): Result {
  if (n < 0 && t.num === 0n) return I.divisionByZero('/')
  const up = typeof n === 'number' ? Math.abs(n) : n < 0n ? -n : n
  const num = I.powBig(t.num, up, ctx)
  const den = I.powBig(t.den, up, ctx)
  if (num instanceof Fault) return num
  if (den instanceof Fault) return den
  if (n >= 0) return new BigRat(num, den)
  return num < 0n ? new BigRat(-den, -num) : new BigRat(den, num)
}

export function rounding(how: N.Rounding): (t: Term, args: readonly Term[], ctx: PrimContext) => Result {
  return (t, _, ctx) => {
    if (t instanceof Float) return new Float(N.roundFloat(t.value, how))
    if (t instanceof BigRat) return new BigRat(N.roundDivision(t.num, t.den, how), 1n)
    return N.roundFixed(t as Fixed, how, ctx)
  }
}
