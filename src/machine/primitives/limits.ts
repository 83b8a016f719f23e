import { Fault, type PrimContext } from './fault.ts'

/** Longest string of the host, in UTF-16 units (V8 on 64-bit systems); no setting goes beyond it. */
export const HOST_STRING_MAX = 0x1fffffe8

/**
 * Largest BigInt, in bytes of two's complement. Arithmetic and above all printing cost more than linear time, so that numbers are bounded more tightly
 * than text: at this size one multiplication still ends within seconds.
 */
const BIGINT_BYTES_MAX = 1 << 24

/** What an element of a collection counts at least. Only Nil is smaller, it has size 0: without this a list of Nils could be of any length. */
const ELEMENT_BYTES = 4

export function quota(what: string, limit: number): Fault {
  return new Fault('RHO604', `${what} would be larger than the limit of ${limit} bytes`, 'the limit is maxValueBytes')
}

/** Fault if a value of size `size` must not be made. Called before allocating. */
export function tooLarge(size: number, ctx: PrimContext): Fault | undefined {
  const max = Math.min(ctx.limits.maxValueBytes, HOST_STRING_MAX)
  return size > max ? quota('the value', max) : undefined
}

/** As `tooLarge`, for a collection of `count` elements. */
export function tooMany(count: number, size: number, ctx: PrimContext): Fault | undefined {
  const max = Math.min(ctx.limits.maxValueBytes, HOST_STRING_MAX)
  return size > max || count * ELEMENT_BYTES > max ? quota('the value', max) : undefined
}

/** Largest number of bytes a BigInt may have. */
export function bigIntBytesMax(ctx: PrimContext): number {
  return Math.min(ctx.limits.maxValueBytes, BIGINT_BYTES_MAX)
}

/** Fault if a BigInt of `bits` bits must not be computed. */
export function tooManyBits(bits: number, ctx: PrimContext): Fault | undefined {
  const max = bigIntBytesMax(ctx)
  return bits > max * 8 ? quota('the number', max) : undefined
}
