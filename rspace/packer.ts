/** Rows of records, laid out one behind another in large pieces of memory: an array for each key and value would cost more than the rest. */
import type { Codec } from './api.ts'
import { BadArgument, RhizomeError } from './errors.ts'
import { PACK_TAIL, Pack } from './store/pack.ts'

const CHUNK_BYTES = 1 << 16
/** Tag, number of the channel or group, ref with its shard. */
export const RECORD_KEY_BYTES = 19
/** Short arrays are copied faster one by one than by the host. */
const SHORT = 32

export class Packer {
  readonly pack = new Pack(RECORD_KEY_BYTES)
  private chunk = new Uint8Array(0)
  private start = 0
  private at = 0
  private readonly shard: number

  constructor(shard: number) {
    this.shard = shard
  }

  /** To be filled again; what it held must not be needed any more. */
  reset(): this {
    const { pack, chunk } = this
    pack.count = pack.bytes = pack.chunks.length = 0
    if (chunk.length > CHUNK_BYTES) this.chunk = new Uint8Array(0)
    this.start = this.at = 0
    return this
  }

  /** Begin the row of a record; its value follows, then `end`. */
  begin(tag: number, id: number, ref: number): void {
    this.start = this.at
    this.room(RECORD_KEY_BYTES)
    const { chunk, at } = this
    chunk[at] = tag
    setCount(chunk, at + 1, id)
    setCount(chunk, at + 9, ref)
    chunk[at + 17] = this.shard >>> 8
    chunk[at + 18] = this.shard
    this.at = at + RECORD_KEY_BYTES
  }
  end(): void {
    this.room(PACK_TAIL)
    this.at += PACK_TAIL
    this.pack.add(this.chunk, this.start, this.at)
  }

  u8(n: number): void {
    this.room(1)
    this.chunk[this.at++] = n
  }
  varint(n: number): void {
    this.room(8)
    const { chunk } = this
    let { at } = this
    while (n >= 128) {
      chunk[at++] = (n % 128) | 128
      n = Math.floor(n / 128)
    }
    chunk[at++] = n
    this.at = at
  }
  raw(from: Uint8Array): void {
    const { length } = from
    this.room(length)
    const { chunk, at } = this
    if (length > SHORT) chunk.set(from, at)
    else for (let i = 0; i < length; i++) chunk[at + i] = from[i]
    this.at = at + length
  }
  /** Length, then bytes. */
  blob(from: Uint8Array): void {
    this.varint(from.length)
    this.raw(from)
  }
  /** The encoded value, without its length. */
  value<X>(codec: Codec<X>, value: X): void {
    if (codec.encodeInto === undefined) {
      this.raw(encode(codec, value))
      return
    }
    for (let room = 128; ; room = 2 * (this.chunk.length - this.at)) {
      this.room(room)
      const end = encodeInto(codec, value, this.chunk, this.at)
      if (end >= 0) {
        this.at = end
        return
      }
    }
  }

  private room(n: number): void {
    if (this.at + n <= this.chunk.length) return
    // The row that has been begun moves along: a row lies in one piece.
    const begun = this.at - this.start
    const next = new Uint8Array(Math.max(CHUNK_BYTES, begun + n + (n > CHUNK_BYTES ? 64 : n)))
    next.set(this.chunk.subarray(this.start, this.at))
    this.chunk = next
    this.start = 0
    this.at = begun
  }
}

/** Copies of the rows of a pack, key and value apart. */
export function* rowsOfPack({ chunks, places, count, keyBytes }: Pack): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  for (let i = 0; i < 3 * count; i += 3) {
    const chunk = chunks[places[i]]
    const valueAt = places[i + 1] + keyBytes
    yield [chunk.slice(places[i + 1], valueAt), chunk.slice(valueAt, places[i + 2] - PACK_TAIL)]
  }
}

/** A safe non-negative integer in eight bytes, big-endian. */
export function setCount(into: Uint8Array, at: number, n: number): void {
  const low = n >>> 0
  const high = (n - low) / 2 ** 32
  into[at] = high >>> 24
  into[at + 1] = high >>> 16
  into[at + 2] = high >>> 8
  into[at + 3] = high
  into[at + 4] = low >>> 24
  into[at + 5] = low >>> 16
  into[at + 6] = low >>> 8
  into[at + 7] = low
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
