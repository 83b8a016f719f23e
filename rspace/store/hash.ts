import { blake2b } from '@noble/hashes/blake2.js'
import { createBLAKE2b, type IHasher } from 'hash-wasm'
import xxhash from 'xxhash-wasm'
import { nextTurn } from './engine.ts'

/**
 * Two hashes with two jobs. XXH64 guards against accidents (row checksums, row sum) and can be forged at will.
 * BLAKE2b-256 links commits into a chain.
 */
let h64Raw: ((bytes: Uint8Array) => bigint) | undefined
let fastChain: IHasher | undefined
let loading: Promise<void> | undefined
let loadingChain: Promise<void> | undefined

/** Resolves when `xxh64` may be called. Cheap after the first call. */
export function hashesReady(): Promise<void> {
  loading ??= xxhash().then(api => {
    h64Raw = bytes => api.h64Raw(bytes)
  })
  return loading
}

/** Loading the fast BLAKE2b takes as long as some thirty small hashes by the pure-JavaScript one, which gives the same bytes: more than a short run needs. */
const CHAIN_WORTH = 32_768
const CALL_WORTH = 1024
let chained = 0

/** Resolves when the fast BLAKE2b is there, if it can be had. */
function chainReady(): Promise<void> {
  loadingChain ??= createBLAKE2b(256).then(
    hasher => {
      fastChain = hasher
    },
    () => undefined,
  )
  return loadingChain
}

export function xxh64(bytes: Uint8Array): bigint {
  if (h64Raw === undefined) throw new Error('xxh64 was called before hashesReady()')
  return h64Raw(bytes)
}

/** BLAKE2b-256 over the concatenation of `parts`. Synchronous from first to last byte: one hasher serves all stores. */
export function blake2b256(...parts: readonly Uint8Array[]): Uint8Array {
  if (fastChain !== undefined) {
    fastChain.init()
    for (const p of parts) fastChain.update(p)
    return fastChain.digest('binary').slice()
  }
  const slow = blake2b.create({ dkLen: 32 })
  chained += CALL_WORTH
  for (const p of parts) {
    slow.update(p)
    chained += p.length
  }
  if (chained > CHAIN_WORTH) void chainReady()
  return slow.digest()
}

/** About a millisecond. */
const HASH_SLICE_BYTES = 1 << 20

/** The same, with a turn of the event loop between pieces, so that much takes nobody's time. */
export async function slicedBlake2b256(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const length = parts.reduce((n, p) => n + p.length, 0)
  if (length <= HASH_SLICE_BYTES) return blake2b256(...parts)
  await chainReady()
  if (fastChain === undefined) return blake2b256(...parts)
  fastChain.init()
  for (const p of parts) {
    for (let at = 0; at < p.length; at += HASH_SLICE_BYTES) {
      fastChain.update(p.subarray(at, at + HASH_SLICE_BYTES))
      if (p.length - at <= HASH_SLICE_BYTES) continue
      // Others hash meanwhile.
      const state = fastChain.save()
      await nextTurn()
      fastChain.load(state)
    }
  }
  return fastChain.digest('binary').slice()
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
