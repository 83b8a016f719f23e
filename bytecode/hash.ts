import { blake2b } from '@noble/hashes/blake2.js'
import { toBytes } from './words.ts'

const SEQ = new TextEncoder().encode('rhz:seq\0')
const IMAGE = new TextEncoder().encode('rhz:img\0')

function digest(domain: Uint8Array, words: Uint32Array): Uint8Array {
  return blake2b.create({ dkLen: 32 }).update(domain).update(toBytes(words)).digest()
}

/** Identity of a sequence: BLAKE2b-256 of its domain and its words in little-endian order. */
export function hashSequence(words: Uint32Array): Uint8Array {
  return digest(SEQ, words)
}

/** Identity of an image. */
export function hashImage(words: Uint32Array): Uint8Array {
  return digest(IMAGE, words)
}
