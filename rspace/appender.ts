import type { Codec } from './api.ts'
import { BadArgument, RhizomeError } from './errors.ts'

/** Short arrays are copied faster one by one than by the host. */
const SHORT = 32
/** More is not kept when it is cleared. */
const KEPT_BYTES = 1 << 20
/** Room for a value whose length nobody knows. */
const VALUE_BYTES = 128

/** Appends to a piece of memory, which grows by doubling. */
export class Appender {
  protected bytes: Uint8Array
  protected at = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
  }

  /** What has been written. Nothing may be added while it is in use. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
  clear(): void {
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(0)
    this.at = 0
  }

  u8(n: number): void {
    this.room(1)
    this.bytes[this.at++] = n
  }
  /** Four bytes, big-endian. */
  u32(n: number): void {
    this.room(4)
    setWord(this.bytes, this.at, n)
    this.at += 4
  }
  varint(n: number): void {
    this.room(8)
    const { bytes } = this
    let { at } = this
    while (n >= 0x80000000) {
      bytes[at++] = (n % 128) | 128
      n = Math.floor(n / 128)
    }
    while (n >= 128) {
      bytes[at++] = (n & 127) | 128
      n >>>= 7
    }
    bytes[at++] = n
    this.at = at
  }
  raw(from: Uint8Array): void {
    const { length } = from
    this.room(length)
    const { bytes, at } = this
    if (length > SHORT) bytes.set(from, at)
    else for (let i = 0; i < length; i++) bytes[at + i] = from[i]
    this.at = at + length
  }
  /** A piece of an array. */
  piece(from: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.room(length)
    const { bytes, at } = this
    if (length > SHORT) bytes.set(from.subarray(start, end), at)
    else for (let i = 0; i < length; i++) bytes[at + i] = from[start + i]
    this.at = at + length
  }
  /** Length, then bytes. */
  blob(from: Uint8Array): void {
    this.varint(from.length)
    this.raw(from)
  }
  /** The encoded value, without its length. @throws RhizomeError CODEC; then nothing has been appended */
  value<X>(codec: Codec<X>, value: X): void {
    this.at = this.ahead(codec, value, 0)
  }
  /** The same, its length in four bytes before it. */
  framed<X>(codec: Codec<X>, value: X): void {
    const end = this.ahead(codec, value, 4)
    setWord(this.bytes, this.at, end - this.at - 4)
    this.at = end
  }

  /** Write the encoded value after a gap; where it ends. What has been appended is still the same. */
  protected ahead<X>(codec: Codec<X>, value: X, gap: number): number {
    if (codec.encodeInto === undefined) {
      const bytes = encode(codec, value)
      this.room(gap + bytes.length)
      this.bytes.set(bytes, this.at + gap)
      return this.at + gap + bytes.length
    }
    for (let room = VALUE_BYTES; ; room = 2 * (this.bytes.length - this.at)) {
      this.room(gap + room)
      const end = encodeInto(codec, value, this.bytes, this.at + gap)
      if (end >= 0) return end
    }
  }

  protected room(n: number): void {
    if (this.at + n > this.bytes.length) this.grow(n)
  }
  /** Make room for n more bytes. */
  protected grow(n: number): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + n))
    grown.set(this.view())
    this.bytes = grown
  }
}

function setWord(into: Uint8Array, at: number, n: number): void {
  into[at] = n >>> 24
  into[at + 1] = n >>> 16
  into[at + 2] = n >>> 8
  into[at + 3] = n
}
/** A safe non-negative integer in eight bytes, big-endian. */
export function setCount(into: Uint8Array, at: number, n: number): void {
  const low = n >>> 0
  setWord(into, at, (n - low) / 2 ** 32)
  setWord(into, at + 4, low)
}

/** What the codec makes of a value. @throws RhizomeError CODEC */
export function encode<X>(codec: Codec<X>, value: X): Uint8Array {
  try {
    return codec.encode(value)
  } catch (cause) {
    throw asCodecError(codec, cause)
  }
}
/** Where the value ends that the codec has written, −1 if there was no room. @throws RhizomeError CODEC */
export function encodeInto<X>(codec: Codec<X>, value: X, into: Uint8Array, at: number): number {
  try {
    return codec.encodeInto?.(value, into, at) ?? -1
  } catch (cause) {
    throw asCodecError(codec, cause)
  }
}
function asCodecError<X>(codec: Codec<X>, cause: unknown): unknown {
  if (cause instanceof RhizomeError || cause instanceof BadArgument) return cause
  return new RhizomeError('CODEC', `the value cannot be encoded by ${codec.id}`, { cause })
}
