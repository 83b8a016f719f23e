import { showFixed, showFloat } from '../../normal/print.ts'
import { BigInteger, BigRat, Fixed } from '../../normal/term.ts'
import { Fault, type PrimContext } from './fault.ts'
import { bitLength, byteLength, digitsToBig, divisionByZero, fitsInt, isDigit, mulBig, powerOfTen, scanInteger } from './integers.ts'
import { quota } from './limits.ts'

// ── BigRat ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reducing a fraction costs the square of the length of its shorter part; above this many bytes it is refused rather than hanging the host. */
const GCD_BYTES_MAX = 1 << 16

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) {
    const r = a % b
    a = b
    b = r
  }
  return a
}

/** The reduced fraction; `den` is not 0. */
export function fraction(num: bigint, den: bigint): BigRat | Fault {
  if (den < 0n) {
    num = -num
    den = -den
  }
  if (den === 1n) return new BigRat(num, den)
  const magnitude = num < 0n ? -num : num
  const shorter = magnitude < den ? magnitude : den
  if (byteLength(shorter) > GCD_BYTES_MAX) return quota('the fraction to be reduced', GCD_BYTES_MAX)
  const g = gcd(den, magnitude)
  return g === 1n ? new BigRat(num, den) : new BigRat(num / g, den / g)
}

export function addRat(a: BigRat, b: BigRat, sign: bigint, ctx: PrimContext): BigRat | Fault {
  const x = mulBig(a.num, b.den, ctx)
  const y = mulBig(sign * b.num, a.den, ctx)
  const den = mulBig(a.den, b.den, ctx)
  if (x instanceof Fault) return x
  if (y instanceof Fault) return y
  return den instanceof Fault ? den : fraction(x + y, den)
}

export function mulRat(a: BigRat, b: BigRat, ctx: PrimContext): BigRat | Fault {
  const num = mulBig(a.num, b.num, ctx)
  const den = mulBig(a.den, b.den, ctx)
  if (num instanceof Fault) return num
  return den instanceof Fault ? den : fraction(num, den)
}

export function divRat(a: BigRat, b: BigRat, ctx: PrimContext): BigRat | Fault {
  return b.num === 0n ? divisionByZero('/') : mulRat(a, { num: b.den, den: b.num } as BigRat, ctx)
}

/** The sign of a - b. */
export function compareRat(a: BigRat, b: BigRat, ctx: PrimContext): number | Fault {
  const x = mulBig(a.num, b.den, ctx)
  const y = mulBig(b.num, a.den, ctx)
  if (x instanceof Fault) return x
  if (y instanceof Fault) return y
  return x < y ? -1 : x > y ? 1 : 0
}

// ── rounding ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Rounding = 'floor' | 'ceil' | 'round'

/** num / den as an integer, den > 0; `round` goes half away from zero. */
export function roundDivision(num: bigint, den: bigint, how: Rounding): bigint {
  const q = num / den
  const r = num % den
  if (r === 0n) return q
  switch (how) {
    case 'floor':
      return r < 0n ? q - 1n : q
    case 'ceil':
      return r > 0n ? q + 1n : q
    case 'round':
      if (2n * (r < 0n ? -r : r) < den) return q
      return r < 0n ? q - 1n : q + 1n
  }
}

export function roundFloat(x: number, how: Rounding): number {
  if (how === 'floor') return Math.floor(x)
  if (how === 'ceil') return Math.ceil(x)
  const whole = Math.trunc(x)
  // x - whole is exact; Math.round(x) would go half up, and wrong just below one half.
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole
}

export function roundFixed(x: Fixed, how: Rounding, ctx: PrimContext): Fixed | Fault {
  if (x.unscaled === 0n) return x
  const unit = powerOfTen(x.scale, ctx)
  return unit instanceof Fault ? unit : new Fixed(roundDivision(x.unscaled, unit, how) * unit, x.scale)
}

// ── Fixed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function mulFixed(a: Fixed, b: Fixed, ctx: PrimContext): Fixed | Fault {
  if (a.unscaled === 0n || b.unscaled === 0n) return new Fixed(0n, a.scale)
  const product = mulBig(a.unscaled, b.unscaled, ctx)
  const unit = powerOfTen(a.scale, ctx)
  if (product instanceof Fault) return product
  return unit instanceof Fault ? unit : new Fixed(roundDivision(product, unit, 'floor'), a.scale)
}

export function divFixed(a: Fixed, b: Fixed, ctx: PrimContext): Fixed | Fault {
  if (b.unscaled === 0n) return divisionByZero('/')
  if (a.unscaled === 0n) return a
  const unit = powerOfTen(a.scale, ctx)
  if (unit instanceof Fault) return unit
  const scaled = mulBig(a.unscaled, unit, ctx)
  return scaled instanceof Fault ? scaled : new Fixed(scaled / b.unscaled, a.scale)
}

/** `1.50`: as canonical printing, without the suffix. */
export function fixedText(x: Fixed): string {
  return showFixed(x.unscaled, x.scale).slice(0, -`p${x.scale}`.length)
}

// ── Float ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `2.5`, `3.0`, `1e21`, `1e999`, `NaN`: as canonical printing, without the suffix. */
export function floatText(x: number): string {
  return showFloat(x).slice(0, -'f64'.length)
}

/** A finite double exactly: x = mantissa * 2^exponent. */
function decomposeFloat(x: number): { mantissa: bigint; exponent: number } {
  const bits = new BigUint64Array(new Float64Array([x]).buffer)[0]
  const sign = bits >> 63n === 1n ? -1n : 1n
  const field = Number((bits >> 52n) & 0x7ffn)
  const tail = bits & 0xfffffffffffffn
  return field === 0 ? { mantissa: sign * tail, exponent: -1074 } : { mantissa: sign * (tail | (1n << 52n)), exponent: field - 1075 }
}

/** x as a reduced fraction; x is finite. */
export function floatToRat(x: number): BigRat {
  let { mantissa, exponent } = decomposeFloat(x)
  if (mantissa === 0n) return new BigRat(0n, 1n)
  if (exponent >= 0) return new BigRat(mantissa << BigInt(exponent), 1n)
  while ((mantissa & 1n) === 0n && exponent < 0) {
    mantissa >>= 1n
    exponent++
  }
  return new BigRat(mantissa, 1n << BigInt(-exponent))
}

/** 2^e exactly, -1074 <= e <= 1023. */
function powerOfTwo(e: number): number {
  return new Float64Array(new BigUint64Array([e < -1022 ? 1n << BigInt(e + 1074) : BigInt(e + 1023) << 52n]).buffer)[0]
}

/** The double nearest to num / den (den > 0), ties to even; correct for subnormals, infinite when too large. */
export function ratioToFloat(num: bigint, den: bigint): number {
  if (num === 0n) return 0
  const negative = num < 0n
  const n = negative ? -num : num
  const estimate = bitLength(n) - bitLength(den)
  if (estimate > 1100) return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (estimate < -1100) return negative ? -0 : 0
  // 2^log2 <= n / den < 2^(log2 + 1)
  const log2 = (estimate >= 0 ? n >= den << BigInt(estimate) : n << BigInt(-estimate) >= den) ? estimate : estimate - 1
  if (log2 > 1023) return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (log2 < -1076) return negative ? -0 : 0
  const unit = Math.max(log2 - 52, -1074)
  const top = unit < 0 ? n << BigInt(-unit) : n
  const bottom = unit > 0 ? den << BigInt(unit) : den
  let q = top / bottom
  const twice = 2n * (top % bottom)
  if (twice > bottom || (twice === bottom && (q & 1n) === 1n)) q++
  // q <= 2^53, so that only a result beyond the largest double is inexact: infinity, as it must be.
  const value = Number(q) * powerOfTwo(unit)
  return negative ? -value : value
}

// ── conversions from text ─────────────────────────────────────────────────────────────────────────────────────────────

export function noMeaning(method: string, what: string, hint = ''): Fault {
  return new Fault('RHO516', `\`${method}\` of ${what} has no meaning`, hint)
}

/** The beginning of a text, quoted, for messages. */
export function excerpt(text: string): string {
  return text.length <= 40 ? JSON.stringify(text) : `${JSON.stringify([...text.slice(0, 40)].slice(0, -1).join(''))}…`
}

/** `[+-]?D` as an integer. */
export function parseInteger(text: string, method: string, ctx: PrimContext): bigint | Fault {
  const digits = scanInteger(text)
  if (digits === undefined) return noMeaning(method, `the string ${excerpt(text)}`, 'the form is an optional sign and decimal digits')
  const v = digitsToBig(text.slice(digits.from), ctx)
  return v instanceof Fault ? v : digits.negative ? -v : v
}

function skipDigits(text: string, i: number): number {
  while (i < text.length && isDigit(text.charCodeAt(i))) i++
  return i
}

/** Reads `[+-]?(D[.D]|.D)`: where the whole digits start and the fraction ends; undefined if it is not that form. */
function scanDecimal(text: string): { negative: boolean; from: number; dot: number; end: number } | undefined {
  const sign = text.charCodeAt(0)
  const from = sign === 0x2b || sign === 0x2d ? 1 : 0
  const dot = skipDigits(text, from)
  let end = dot
  if (text[dot] === '.') {
    end = skipDigits(text, dot + 1)
    if (end === dot + 1) return undefined
  }
  return end === from ? undefined : { negative: sign === 0x2d, from, dot, end }
}

/** A decimal with optional exponent, or infinity where it is too large. */
export function parseFloatText(text: string): number | Fault {
  const decimal = scanDecimal(text)
  let end = decimal?.end ?? -1
  if (decimal !== undefined && (text[end] === 'e' || text[end] === 'E')) {
    const digits = text[end + 1] === '+' || text[end + 1] === '-' ? end + 2 : end + 1
    end = skipDigits(text, digits)
    if (end === digits) end = -1
  }
  if (end !== text.length) return noMeaning('toFloat', `the string ${excerpt(text)}`, 'the form is `2.5`, `1e9` or `7`')
  return Number(text)
}

/** A decimal without exponent, cut to `scale` digits. */
export function parseFixed(text: string, scale: number, ctx: PrimContext): Fixed | Fault {
  const decimal = scanDecimal(text)
  if (decimal === undefined || decimal.end !== text.length)
    return noMeaning('toFixed', `the string ${excerpt(text)}`, 'the form is `2.50` or `7`')
  const digits = text.slice(decimal.from, decimal.dot) + text.slice(decimal.dot + 1, decimal.dot + 1 + scale).padEnd(scale, '0')
  const v = digitsToBig(digits.replace(/^0+/, ''), ctx)
  return v instanceof Fault ? v : new Fixed(decimal.negative ? -v : v, scale)
}

/** num / den * 10^scale, cut toward zero. */
export function scaled(num: bigint, den: bigint, scale: number, ctx: PrimContext): bigint | Fault {
  const unit = powerOfTen(scale, ctx)
  if (unit instanceof Fault) return unit
  const product = mulBig(num, unit, ctx)
  return product instanceof Fault ? product : product / den
}

/** num / den cut toward zero to `scale` digits. */
export function toScale(num: bigint, den: bigint, scale: number, ctx: PrimContext): Fixed | Fault {
  const unscaled = scaled(num, den, scale, ctx)
  return unscaled instanceof Fault ? unscaled : new Fixed(unscaled, scale)
}

/** A Float without fraction as an integer; x is finite. */
export function truncateFloat(x: number): bigint {
  return BigInt(Math.trunc(x))
}

export function intRange(method: string, v: bigint): Fault | undefined {
  return fitsInt(v) ? undefined : noMeaning(method, 'a number outside 64 bits', 'use `toBigInt()`')
}

export function big(v: bigint | Fault): BigInteger | Fault {
  return v instanceof Fault ? v : new BigInteger(v)
}
