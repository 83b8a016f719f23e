import type { Term } from '../../normal/term.ts'
import { Fault, type PrimContext, type Result } from './fault.ts'
import { bigIntBytesMax, quota, tooManyBits } from './limits.ts'

/** An Int: a safe integer as `number`, the rest of 64 bits as `bigint`. */
export type Int = number | bigint

const INT_MIN = -(1n << 63n)
const INT_MAX = (1n << 63n) - 1n
const SAFE_MIN = BigInt(Number.MIN_SAFE_INTEGER)
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** The Int of a number within 64 bits. */
export function canonical(v: bigint): Int {
  return v >= SAFE_MIN && v <= SAFE_MAX ? Number(v) : v
}

export function fitsInt(v: bigint): boolean {
  return v >= INT_MIN && v <= INT_MAX
}

function wrapped(v: bigint): Int {
  return canonical(BigInt.asIntN(64, v))
}

export function overflow(operation: string): Fault {
  return new Fault('RHO504', `arithmetic overflow in \`${operation}\``, 'an Int has 64 bits; a BigInt such as `1n` has no limit')
}

export function divisionByZero(operation: string): Fault {
  return new Fault('RHO505', operation === '%' ? 'modulo by zero' : 'division by zero')
}

function checked(v: bigint, operation: string): Result {
  return fitsInt(v) ? canonical(v) : overflow(operation)
}

// Of two safe integers a sum, difference or product that is itself a safe integer is exact: the rounded result cannot come back below 2^53.
// `+ 0` turns -0 into 0.

export function addInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a + b
    if (Number.isSafeInteger(r)) return r
  }
  return wrapped(BigInt(a) + BigInt(b))
}

export function subInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a - b
    if (Number.isSafeInteger(r)) return r
  }
  return wrapped(BigInt(a) - BigInt(b))
}

export function mulInt(a: Int, b: Int): Result {
  if (typeof a === 'number' && typeof b === 'number') {
    const r = a * b
    if (Number.isSafeInteger(r)) return r + 0
  }
  return checked(BigInt(a) * BigInt(b), '*')
}

export function divInt(a: Int, b: Int): Result {
  if (b === 0) return divisionByZero('/')
  // a - a % b is an exact multiple of b, so that the division cannot round.
  if (typeof a === 'number' && typeof b === 'number') return (a - (a % b)) / b + 0
  return checked(BigInt(a) / BigInt(b), '/')
}

export function modInt(a: Int, b: Int): Result {
  if (b === 0) return divisionByZero('%')
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
  if (a === INT_MIN && b === -1) return overflow('%')
  return canonical(BigInt(a) % BigInt(b))
}

export function negInt(a: Int): Result {
  return typeof a === 'number' ? 0 - a : checked(-a, '-')
}

export function powInt(base: Int, exponent: Int): Result {
  if (exponent < 0) return new Fault('RHO516', 'a negative power of an integer has no meaning', 'use a BigRat such as `2r`, or a Float')
  if (base === 0 || base === 1) return exponent === 0 ? 1 : base
  if (base === -1) return BigInt(exponent) % 2n === 0n ? 1 : -1
  if (exponent > 64) return overflow('pow')
  return checked(BigInt(base) ** BigInt(exponent), 'pow')
}

export function shiftLeftInt(a: Int, n: Int): Result {
  if (n < 0) return negativeShift()
  return n >= 64 ? 0 : wrapped(BigInt(a) << BigInt(n))
}

export function shiftRightInt(a: Int, n: Int): Result {
  if (n < 0) return negativeShift()
  if (n >= 64) return a < 0 ? -1 : 0
  return canonical(BigInt(a) >> BigInt(n))
}

function negativeShift(): Fault {
  return new Fault('RHO516', 'a shift by a negative number has no meaning')
}

function isInt32(a: Int): a is number {
  return typeof a === 'number' && (a | 0) === a
}

export function andInt(a: Int, b: Int): Int {
  return isInt32(a) && isInt32(b) ? a & b : canonical(BigInt(a) & BigInt(b))
}
export function orInt(a: Int, b: Int): Int {
  return isInt32(a) && isInt32(b) ? a | b : canonical(BigInt(a) | BigInt(b))
}
export function xorInt(a: Int, b: Int): Int {
  return isInt32(a) && isInt32(b) ? a ^ b : canonical(BigInt(a) ^ BigInt(b))
}
export function notInt(a: Int): Int {
  return isInt32(a) ? ~a : canonical(~BigInt(a))
}

// ── arbitrary precision ───────────────────────────────────────────────────────────────────────────────────────────────

/** Bits of the magnitude; 0 for 0. */
export function bitLength(v: bigint): number {
  if (v < 0n) v = -v
  if (v <= SAFE_MAX) {
    const n = Number(v)
    const high = Math.floor(n / 0x100000000)
    return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(n)
  }
  const hex = v.toString(16)
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex[0], 16)) - 28)
}

/** Bytes of the shortest two's complement form, at least 1. */
export function byteLength(v: bigint): number {
  return Math.floor(bitLength(v < 0n ? ~v : v) / 8) + 1
}

export function mulBig(a: bigint, b: bigint, ctx: PrimContext): bigint | Fault {
  if (a === 0n || b === 0n) return 0n
  // The product of x and y bits has x + y or x + y - 1 bits.
  return tooManyBits(bitLength(a) + bitLength(b) - 1, ctx) ?? a * b
}

export function addBig(a: bigint, b: bigint, ctx: PrimContext): bigint | Fault {
  return tooManyBits(Math.max(bitLength(a), bitLength(b)), ctx) ?? a + b
}

export function powBig(base: bigint, exponent: Int, ctx: PrimContext): bigint | Fault {
  if (exponent < 0) return new Fault('RHO516', 'a negative power of an integer has no meaning', 'use a BigRat such as `2r`, or a Float')
  if (base === 0n || base === 1n) return exponent === 0 ? 1n : base
  if (base === -1n) return BigInt(exponent) % 2n === 0n ? 1n : -1n
  // |base| >= 2^(bits - 1), so the power has more than (bits - 1) * exponent bits.
  return tooManyBits((bitLength(base) - 1) * Number(exponent) + 1, ctx) ?? base ** BigInt(exponent)
}

export function shiftLeftBig(a: bigint, n: Int, ctx: PrimContext): bigint | Fault {
  if (n < 0) return negativeShift()
  if (a === 0n) return a
  return tooManyBits(bitLength(a) + Number(n), ctx) ?? a << BigInt(n)
}

export function shiftRightBig(a: bigint, n: Int): bigint | Fault {
  if (n < 0) return negativeShift()
  return a >> BigInt(n)
}

/** Bits that a decimal digit is worth. */
const BITS_PER_DIGIT = Math.log2(10)

const POWERS: bigint[] = []

/** 10^n; a fault where that alone is larger than a BigInt may be. */
export function powerOfTen(n: number, ctx: PrimContext): bigint | Fault {
  if (n < 64) {
    while (POWERS.length <= n) POWERS.push(10n ** BigInt(POWERS.length))
    return POWERS[n]
  }
  return tooManyBits(n * BITS_PER_DIGIT, ctx) ?? 10n ** BigInt(n)
}

export type Digits = { readonly negative: boolean; readonly from: number }

/** Reads `[+-]?D`: the sign and where the digits start without leading zeros (at least one digit stays); undefined if it is not that form. */
export function scanInteger(text: string): Digits | undefined {
  let i = 0
  const sign = text.charCodeAt(0)
  if (sign === 0x2b || sign === 0x2d) i++
  if (i === text.length) return undefined
  for (let j = i; j < text.length; j++) if (!isDigit(text.charCodeAt(j))) return undefined
  while (i < text.length - 1 && text.charCodeAt(i) === 0x30) i++
  return { negative: sign === 0x2d, from: i }
}

export function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

/** The integer that decimal digits denote, if it is not too large. */
export function digitsToBig(digits: string, ctx: PrimContext): bigint | Fault {
  const max = bigIntBytesMax(ctx)
  if ((digits.length - 1) * BITS_PER_DIGIT > max * 8) return quota('the number', max)
  return digits === '' ? 0n : BigInt(digits)
}

export function isInt(t: Term): t is Int {
  return typeof t === 'number' || typeof t === 'bigint'
}
