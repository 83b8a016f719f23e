import { blake2b } from '@noble/hashes/blake2.js'
import type { IHasher } from 'hash-wasm'

/**
 * BLAKE2b-256, synchronous from the first call: until the WebAssembly of `hash-wasm` is loaded, and where it cannot be, the JavaScript of `@noble/hashes` gives
 * the same bytes. One hasher serves everybody, so nobody may leave it half-way.
 */
let fast: IHasher | undefined
let loading: Promise<void> | undefined

/** Resolves when the fast hash is there, or cannot be had. Cheap after the first call. */
export function blakeReady(): Promise<void> {
  loading ??= load().catch(() => undefined)
  return loading
}
async function load(): Promise<void> {
  const { createBLAKE2b } = await import('hash-wasm')
  fast = await createBLAKE2b(256)
}

/** Loading costs as much as some small hashes. Who has not asked for it, by `blakeReady`, gets it when this much has been hashed, a call counting as a thousand bytes. */
const LOAD_WORTH = 16_384
const CALL_WORTH = 1024
let taken = 0

/** BLAKE2b-256 over the concatenation of the parts. */
export function blake2b256(...parts: readonly Uint8Array[]): Uint8Array {
  if (fast === undefined) return slow(parts)
  fast.init()
  // Each call costs as much as hashing a hundred bytes: what is short goes in at once.
  let at = 0
  for (const part of parts) {
    if (at + part.length > GATHERED_BYTES) {
      fast.update(gathered.subarray(0, at))
      at = 0
    }
    if (part.length > GATHERED_BYTES) fast.update(part)
    else {
      gathered.set(part, at)
      at += part.length
    }
  }
  if (at > 0) fast.update(gathered.subarray(0, at))
  return fast.digest('binary')
}

const GATHERED_BYTES = 1024
const gathered = new Uint8Array(GATHERED_BYTES)

function slow(parts: readonly Uint8Array[]): Uint8Array {
  const hasher = blake2b.create({ dkLen: 32 })
  taken += CALL_WORTH
  for (const part of parts) {
    hasher.update(part)
    taken += part.length
  }
  if (taken > LOAD_WORTH) void blakeReady()
  return hasher.digest()
}

/** The same, with a pause after each piece of a part, so that much takes nobody's time. */
export async function pausedBlake2b256(parts: readonly Uint8Array[], pieceBytes: number, pause: () => Promise<void>): Promise<Uint8Array> {
  await blakeReady()
  if (fast === undefined) return slow(parts)
  fast.init()
  for (const part of parts) {
    for (let at = 0; at < part.length; at += pieceBytes) {
      fast.update(part.subarray(at, at + pieceBytes))
      if (part.length - at <= pieceBytes) continue
      const state = fast.save()
      await pause() // others hash meanwhile
      fast.load(state)
    }
  }
  return fast.digest('binary')
}
