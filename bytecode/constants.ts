import type { Words } from './words.ts'

/**
 * Records of the constant pool: `kind:32`, `words of the payload:32`, payload. Every value has one encoding only.
 *
 * | kind | payload |
 * |---|---|
 * | string, uri | number of UTF-16 units, then two units a word, low half first |
 * | bytes, deployerId, deployId | number of bytes, then four bytes a word, low byte first |
 * | int | low word, high word: a 64-bit Int that no INT instruction holds |
 * | float | low word, high word of the 64 bits; one NaN |
 * | bigint | two's complement words, least significant first, no superfluous one |
 * | bigrat | words of the numerator, numerator, denominator, both as bigint; reduced, denominator positive |
 * | fixed | scale, then the unscaled number as bigint |
 * | unforgeable | 8 words: the 32 bytes of its id |
 * | pattern, guard | see `image.ts` |
 */
export const ConstKind = {
  string: 1,
  uri: 2,
  bytes: 3,
  int: 4,
  float: 5,
  bigint: 6,
  bigrat: 7,
  fixed: 8,
  unforgeable: 9,
  deployerId: 10,
  deployId: 11,
  pattern: 12,
  guard: 13,
} as const
export type ConstName = keyof typeof ConstKind
export const CONST_NAMES: readonly (ConstName | undefined)[] = [undefined, ...(Object.keys(ConstKind) as ConstName[])]

/** A constant that is a value. */
export type ValueConstant =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'uri'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'deployerId'; readonly bytes: Uint8Array }
  | { readonly kind: 'deployId'; readonly bytes: Uint8Array }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bigint'; readonly value: bigint }
  | { readonly kind: 'bigrat'; readonly num: bigint; readonly den: bigint }
  | { readonly kind: 'fixed'; readonly unscaled: bigint; readonly scale: number }
  | { readonly kind: 'unforgeable'; readonly id: Uint8Array }

/** An entry of the pool. Patterns and guards give the word offset and length of their payload. */
export type Constant = ValueConstant | { readonly kind: 'pattern' | 'guard'; readonly at: number; readonly len: number }

// ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const floatBits = new DataView(new ArrayBuffer(8))

export function writeText(out: Words, kind: number, text: string): void {
  const n = text.length
  const payload = 1 + ((n + 1) >> 1)
  out.reserve(2 + payload)
  const data = out.data
  let at = out.length
  data[at++] = kind
  data[at++] = payload
  data[at++] = n
  const even = n & ~1
  for (let i = 0; i < even; i += 2) data[at++] = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)
  if (n & 1) data[at++] = text.charCodeAt(n - 1)
  out.length = at
}

export function writeOctets(out: Words, kind: number, bytes: Uint8Array): void {
  const n = bytes.length
  const payload = 1 + ((n + 3) >> 2)
  out.push(kind)
  out.push(payload)
  out.push(n)
  for (let i = 0; i < n; i += 4) {
    let w = 0
    for (let j = 0; j < 4 && i + j < n; j++) w |= bytes[i + j] << (8 * j)
    out.push(w >>> 0)
  }
}

export function writeInt(out: Words, value: bigint): void {
  out.push(ConstKind.int)
  out.push(2)
  out.push(Number(BigInt.asUintN(32, value)))
  out.push(Number(BigInt.asUintN(32, value >> 32n)))
}

export function writeFloat(out: Words, value: number): void {
  floatBits.setFloat64(0, value)
  if (Number.isNaN(value)) {
    floatBits.setUint32(0, 0x7ff80000)
    floatBits.setUint32(4, 0)
  }
  out.push(ConstKind.float)
  out.push(2)
  out.push(floatBits.getUint32(4))
  out.push(floatBits.getUint32(0))
}

/** Two's complement, least significant word first, as few words as possible. Linear in the size of the number. */
function writeBig(out: Words, value: bigint): void {
  const negative = value < 0n
  // the bits of a negative number are those of the complement, flipped
  let hex = (negative ? -value - 1n : value).toString(16)
  // room for the sign bit
  if (hex.length % 8 === 0 && Number.parseInt(hex[0], 16) >= 8) hex = '0' + hex
  const n = Math.ceil(hex.length / 8)
  for (let i = 0; i < n; i++) {
    const end = hex.length - 8 * i
    const w = Number.parseInt(hex.slice(Math.max(0, end - 8), end), 16)
    out.push(negative ? ~w >>> 0 : w)
  }
}

export function writeBigInt(out: Words, value: bigint): void {
  out.push(ConstKind.bigint)
  const at = out.length
  out.push(0)
  writeBig(out, value)
  out.data[at] = out.length - at - 1
}

export function writeBigRat(out: Words, num: bigint, den: bigint): void {
  out.push(ConstKind.bigrat)
  const at = out.length
  out.push(0)
  out.push(0)
  writeBig(out, num)
  out.data[at + 1] = out.length - at - 2
  writeBig(out, den)
  out.data[at] = out.length - at - 1
}

export function writeFixed(out: Words, unscaled: bigint, scale: number): void {
  out.push(ConstKind.fixed)
  const at = out.length
  out.push(0)
  out.push(scale)
  writeBig(out, unscaled)
  out.data[at] = out.length - at - 1
}

export function writeUnforgeable(out: Words, id: Uint8Array): void {
  out.push(ConstKind.unforgeable)
  out.push(8)
  for (let i = 0; i < 32; i += 4) out.push((id[i] | (id[i + 1] << 8) | (id[i + 2] << 16) | (id[i + 3] << 24)) >>> 0)
}

/** Writes the record of a value. */
export function writeConstant(out: Words, c: ValueConstant): void {
  switch (c.kind) {
    case 'string':
    case 'uri':
      writeText(out, ConstKind[c.kind], c.text)
      break
    case 'bytes':
    case 'deployerId':
    case 'deployId':
      writeOctets(out, ConstKind[c.kind], c.bytes)
      break
    case 'int':
      writeInt(out, c.value)
      break
    case 'float':
      writeFloat(out, c.value)
      break
    case 'bigint':
      writeBigInt(out, c.value)
      break
    case 'bigrat':
      writeBigRat(out, c.num, c.den)
      break
    case 'fixed':
      writeFixed(out, c.unscaled, c.scale)
      break
    case 'unforgeable':
      writeUnforgeable(out, c.id)
      break
  }
}

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const CHUNK = 4096

function readUnits(words: Uint32Array, at: number): string {
  const n = words[at]
  if (n <= 64) {
    let s = ''
    for (let i = 0; i < n; i++) s += String.fromCharCode((words[at + 1 + (i >> 1)] >>> (i & 1 ? 16 : 0)) & 0xffff)
    return s
  }
  const parts: string[] = []
  const units = new Uint16Array(CHUNK)
  for (let from = 0; from < n; from += CHUNK) {
    const m = Math.min(CHUNK, n - from)
    for (let i = 0; i < m; i++) units[i] = (words[at + 1 + ((from + i) >> 1)] >>> ((from + i) & 1 ? 16 : 0)) & 0xffff
    parts.push(String.fromCharCode(...units.subarray(0, m)))
  }
  return parts.join('')
}

function readOctets(words: Uint32Array, at: number): Uint8Array {
  const out = new Uint8Array(words[at])
  for (let i = 0; i < out.length; i++) out[i] = words[at + 1 + (i >> 2)] >>> (8 * (i & 3))
  return out
}

function readBig(words: Uint32Array, at: number, end: number): bigint {
  const negative = words[end - 1] >>> 31 === 1
  const parts: string[] = []
  for (let i = end - 1; i >= at; i--) parts.push((negative ? ~words[i] >>> 0 : words[i]).toString(16).padStart(8, '0'))
  const magnitude = BigInt('0x' + parts.join(''))
  return negative ? -magnitude - 1n : magnitude
}

/** The record at `at`, which must be well-formed. */
export function readConstant(words: Uint32Array, at: number): Constant {
  const kind = CONST_NAMES[words[at]]
  const len = words[at + 1]
  const p = at + 2
  switch (kind) {
    case 'string':
    case 'uri':
      return { kind, text: readUnits(words, p) }
    case 'bytes':
    case 'deployerId':
    case 'deployId':
      return { kind, bytes: readOctets(words, p) }
    case 'int':
      return { kind, value: (BigInt(words[p + 1] | 0) << 32n) | BigInt(words[p]) }
    case 'float':
      floatBits.setUint32(4, words[p])
      floatBits.setUint32(0, words[p + 1])
      return { kind, value: floatBits.getFloat64(0) }
    case 'bigint':
      return { kind, value: readBig(words, p, p + len) }
    case 'bigrat': {
      const middle = p + 1 + words[p]
      return { kind, num: readBig(words, p + 1, middle), den: readBig(words, middle, p + len) }
    }
    case 'fixed':
      return { kind, scale: words[p], unscaled: readBig(words, p + 1, p + len) }
    case 'unforgeable': {
      const id = new Uint8Array(32)
      for (let i = 0; i < 32; i++) id[i] = words[p + (i >> 2)] >>> (8 * (i & 3))
      return { kind, id }
    }
    case 'pattern':
    case 'guard':
      return { kind, at: p, len }
    default:
      throw new RangeError('no constant here: verify images before reading them')
  }
}
