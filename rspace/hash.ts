import { blake3 } from '@noble/hashes/blake3.js'
import { blake2b256, blakeReady } from './blake.ts'
import { INPUT_BYTES, type Lanes, makeLanes, SEED_BYTES } from './lanes.ts'
import { Occurrences } from './occurrences.ts'

/** What is hashed, so that equal bytes of different kinds never meet. */
export type Domain = 'chan' | 'group' | 'produce' | 'consume' | 'comm' | 'leaf' | 'node' | 'chain' | 'name' | 'page' | 'path'

/** Load the hash that is WebAssembly. Before, and on hosts that cannot run it, JavaScript gives the same bytes. */
export const loadHashes = blakeReady

const TEXT = new TextEncoder()
const TAGS = new Map<Domain, Uint8Array>()
function tagOf(domain: Domain): Uint8Array {
  let tag = TAGS.get(domain)
  if (tag === undefined) TAGS.set(domain, (tag = TEXT.encode(`rhz:${domain}\0`)))
  return tag
}

/** BLAKE2b-256 of the domain's tag and the parts, which must be framed by the caller where their borders matter. */
export function hash(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  return blake2b256(tagOf(domain), ...parts)
}

const LANES = 1024

/** Names elements, adds and removes them; `held` are the words that are in there now. One for everybody, made when it is first needed; null: this host cannot. */
let lanes: Lanes | null | undefined
let held: Int32Array | null = null
/** What stands before every element. */
let tagBytes = 0

function lanesOfAll(): Lanes | null {
  if (lanes !== undefined) return lanes
  try {
    lanes = IS_LITTLE ? makeLanes() : null
  } catch {
    lanes = null
  }
  const tag = tagOf('leaf')
  tagBytes = tag.length
  lanes?.input.set(tag)
  return lanes
}

/**
 * The lattice hash of a multiset: one element is 1,024 numbers of 16 bits, a set is their sum. Adding and removing cost the same and the order does not
 * matter. Equal elements are told apart by their occurrence number, because 2¹⁶ equal ones would add up to nothing.
 */
export class Lattice {
  /** Two lanes to a word, the first in the lower half. */
  private readonly words = new Int32Array(LANES / 2)
  private readonly counts = new Occurrences()
  private readonly lanes = lanesOfAll()
  add(element: Uint8Array): void {
    if (this.lanes !== null) {
      this.name(this.lanes, element)
      setOccurrence(this.lanes.seed, this.counts.came(this.lanes.nameWords))
      this.lanes.add()
    } else this.change(element, 1)
  }
  remove(element: Uint8Array): void {
    if (this.lanes !== null) {
      this.name(this.lanes, element)
      setOccurrence(this.lanes.seed, this.counts.went(this.lanes.nameWords))
      this.lanes.sub()
    } else this.change(element, -1)
  }
  private name(lanes: Lanes, element: Uint8Array): void {
    const { words } = this
    if (held !== words) {
      if (held !== null) lanes.read(held)
      lanes.write(words)
      held = words
    }
    const { length } = element
    if (tagBytes + length > INPUT_BYTES) lanes.seed.set(hash('leaf', element))
    else {
      lanes.input.set(element, tagBytes)
      lanes.name(tagBytes + length)
    }
  }
  private change(element: Uint8Array, by: 1 | -1): void {
    const { words, counts } = this
    const seed = new Uint8Array(SEED_BYTES)
    seed.set(hash('leaf', element))
    const name = new Int32Array(seed.buffer, 0, NAME_BYTES / 4)
    setOccurrence(seed, by > 0 ? counts.came(name) : counts.went(name))
    const wide = wordsOf(blake3(seed, { dkLen: LANES * 2 }))
    // Halves are added without a carry between them: all bits but the highest of each, then those.
    if (by > 0)
      for (let i = 0; i < words.length; i++) {
        const x = words[i]
        const y = wide[i]
        words[i] = ((x & 0x7fff7fff) + (y & 0x7fff7fff)) ^ ((x ^ y) & 0x80008000)
      }
    else
      for (let i = 0; i < words.length; i++) {
        const x = words[i]
        const y = wide[i]
        words[i] = ((x | 0x80008000) - (y & 0x7fff7fff)) ^ ((x ^ ~y) & 0x80008000)
      }
  }
  root(): Uint8Array {
    const bytes = new Uint8Array(LANES * 2)
    const view = new DataView(bytes.buffer)
    if (held === this.words) this.lanes?.read(this.words)
    for (let i = 0; i < this.words.length; i++) view.setInt32(4 * i, this.words[i], true)
    return hash('node', bytes)
  }
}

const IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
function wordsOf(bytes: Uint8Array): Int32Array {
  if (IS_LITTLE && bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, LANES / 2)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Int32Array.from({ length: LANES / 2 }, (_, i) => view.getInt32(4 * i, true))
}

const NAME_BYTES = 32
/** An element is drawn out from its name, and which of the equal ones it is. */
function setOccurrence(seed: Uint8Array, occurrence: number): void {
  for (let i = SEED_BYTES - 1, n = occurrence; i >= NAME_BYTES; i--) {
    seed[i] = n & 255
    n = Math.floor(n / 256)
  }
}

export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= 64) return String.fromCharCode.apply(null, bytes as unknown as number[])
  let s = ''
  for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192) as unknown as number[])
  return s
}
export function fromLatin1(s: string): Uint8Array {
  const bytes = new Uint8Array(s.length)
  for (let i = 0; i < s.length; i++) bytes[i] = s.charCodeAt(i)
  return bytes
}
const HEX = Array.from({ length: 256 }, (_, b) => (b + 256).toString(16).slice(1))
export function toHex(bytes: Uint8Array): string {
  let s = ''
  for (let i = 0; i < bytes.length; i++) s += HEX[bytes[i]]
  return s
}
