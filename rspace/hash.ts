import { blake3 } from '@noble/hashes/blake3.js'
import { blake2b256, blakeReady } from './blake.ts'
import { type Lanes, makeLanes, SEED_BYTES } from './lanes.ts'

/** What is hashed, so that equal bytes of different kinds never meet. */
export type Domain = 'chan' | 'group' | 'produce' | 'consume' | 'comm' | 'leaf' | 'node' | 'chain' | 'name' | 'page' | 'path'

/** Adds and removes lattice elements; `held` are the words that are in there now. */
let lanes: Lanes | undefined
let held: Int32Array | null = null

let loading: Promise<void> | undefined

/** Load the hashes that are WebAssembly. Before, and on hosts that cannot run them, JavaScript gives the same bytes. */
export function loadHashes(): Promise<void> {
  loading ??= load()
  return loading
}
async function load(): Promise<void> {
  const blake = blakeReady()
  try {
    if (IS_LITTLE) lanes = await makeLanes()
  } catch {
    lanes = undefined
  }
  await blake
}

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

/**
 * The lattice hash of a multiset: one element is 1,024 numbers of 16 bits, a set is their sum. Adding and removing cost the same and the order does not
 * matter. Equal elements are told apart by their occurrence number, because 2¹⁶ equal ones would add up to nothing.
 */
export class Lattice {
  /** Two lanes to a word, the first in the lower half. */
  private readonly words = new Int32Array(LANES / 2)
  private readonly counts = new Map<string, number>()
  add(element: Uint8Array): void {
    this.change(element, 1)
  }
  remove(element: Uint8Array): void {
    this.change(element, -1)
  }
  private change(element: Uint8Array, by: 1 | -1): void {
    const name = hash('leaf', element)
    const id = latin1(name)
    const before = this.counts.get(id) ?? 0
    const occurrence = by > 0 ? before + 1 : before
    if (before + by === 0) this.counts.delete(id)
    else this.counts.set(id, before + by)
    const { words } = this
    if (lanes !== undefined) {
      if (held !== words) {
        if (held !== null) lanes.read(held)
        lanes.write(words)
        held = words
      }
      seedOf(lanes.seed, name, occurrence)
      if (by > 0) lanes.add()
      else lanes.sub()
      return
    }
    const wide = wordsOf(blake3(seedOf(new Uint8Array(SEED_BYTES), name, occurrence), { dkLen: LANES * 2 }))
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
    if (held === this.words) lanes?.read(this.words)
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

/** What an element is drawn out from: its name, and which of the equal ones it is. */
function seedOf(seed: Uint8Array, name: Uint8Array, occurrence: number): Uint8Array {
  seed.set(name)
  for (let i = SEED_BYTES - 1, n = occurrence; i >= name.length; i--) {
    seed[i] = n % 256
    n = Math.floor(n / 256)
  }
  return seed
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
