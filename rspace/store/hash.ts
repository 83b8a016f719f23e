import xxhash from 'xxhash-wasm'
import { blakeReady, pausedBlake2b256 } from '../blake.ts'
import { nextTurn } from './engine.ts'

/**
 * Two hashes with two jobs. XXH64 guards against accidents (row checksums, row sum) and can be forged at will.
 * BLAKE2b-256 links commits into a chain.
 */
let h64Raw: ((bytes: Uint8Array) => bigint) | undefined
let loading: Promise<void> | undefined

/** Resolves when `xxh64` may be called, and BLAKE2b-256 is as fast as it will be. Cheap after the first call. */
export function hashesReady(): Promise<void> {
  loading ??= load()
  return loading
}
async function load(): Promise<void> {
  const [api] = await Promise.all([xxhash(), blakeReady()])
  h64Raw = bytes => api.h64Raw(bytes)
}

export function xxh64(bytes: Uint8Array): bigint {
  if (h64Raw === undefined) throw new Error('xxh64 was called before hashesReady()')
  return h64Raw(bytes)
}

/** About a millisecond. */
const HASH_SLICE_BYTES = 1 << 20

/** BLAKE2b-256 over the concatenation of `parts`, with a turn of the event loop between pieces, so that much takes nobody's time. */
export function slicedBlake2b256(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return pausedBlake2b256(parts, HASH_SLICE_BYTES, nextTurn)
}

let scratch = new Uint8Array(4096)

/** The checksum of a row: XXH64 over key ‖ value. */
export function rowHash(key: Uint8Array, value: Uint8Array): bigint {
  const length = key.length + value.length
  if (scratch.length < length) scratch = new Uint8Array(Math.max(length, scratch.length * 2))
  scratch.set(key)
  scratch.set(value, key.length)
  const hash = xxh64(scratch.subarray(0, length))
  if (scratch.length > SCRATCH_BYTES_MAX) scratch = new Uint8Array(4096)
  return hash
}

/** Above this the scratch buffer is given back: one 64 MiB value must not be paid for ever. */
const SCRATCH_BYTES_MAX = 1 << 20
