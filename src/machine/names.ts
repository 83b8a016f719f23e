import { blake2b256 } from '../../rspace/blake.ts'
import type { Chan } from '../../rspace/kernel.ts'
import { equal, hashOf, hashOfTuple } from '../normal/order.ts'
import { forced, type NameOrigin, Tag, type Term, Tuple } from '../normal/term.ts'
import { sizeOfValue } from './size.ts'

/** What the identifiers of names are derived from, or how to get it: drawing one takes a few milliseconds, and few runs show a name. */
export type NameKey = Uint8Array | (() => Uint8Array)

function bytesOf(key: NameKey): Uint8Array {
  return typeof key === 'function' ? key() : key
}

/** Names of one shard in one run: identifier = BLAKE2b-256(key ‖ shard ‖ counter), computed only when a name leaves the process. */
export class ShardNames implements NameOrigin {
  private readonly key: NameKey
  private readonly shard: number
  private readonly known = new Map<number, Uint8Array>()
  constructor(key: NameKey, shard: number) {
    this.key = key
    this.shard = shard
  }
  bytes(counter: number): Uint8Array {
    let id = this.known.get(counter)
    if (id === undefined) {
      const key = bytesOf(this.key)
      const input = new Uint8Array(key.length + 12)
      input.set(key)
      const view = new DataView(input.buffer)
      view.setUint32(key.length, this.shard)
      view.setBigUint64(key.length + 4, BigInt(counter))
      id = blake2b256(input)
      this.known.set(counter, id)
    }
    return id
  }
}

/**
 * The name of a system channel in a space that is kept: identifier = BLAKE2b-256(key ‖ URI), so that what a program stored of it yesterday is the same name
 * today.
 */
export class SystemName implements NameOrigin {
  readonly uri: string
  private readonly key: NameKey
  private id: Uint8Array | null = null
  constructor(key: NameKey, uri: string) {
    this.key = key
    this.uri = uri
  }
  bytes(): Uint8Array {
    if (this.id === null) {
      const uri = new TextEncoder().encode(this.uri)
      const key = bytesOf(this.key)
      const input = new Uint8Array(key.length + uri.length)
      input.set(key)
      input.set(uri, key.length)
      this.id = blake2b256(input)
    }
    return this.id
  }
}

/** An entry of the intern table: entries of one bucket are chained. */
class Entry {
  readonly hash: number
  readonly name: Term
  readonly chan: Chan
  next: Entry | null
  constructor(hash: number, name: Term, chan: Chan, next: Entry | null) {
    this.hash = hash
    this.name = name
    this.chan = chan
    this.next = next
  }
}

/** Channels that code holds on to are never swept. */
const KEPT = new WeakSet<Chan>()
export function keep(chan: Chan): Chan {
  KEPT.add(chan)
  return chan
}

const SWEEP_FIRST = 4096

/** No more items than this in a tuple that is looked up instead of being made. */
export const NAME_ITEMS_BITS = 8
export const NAME_ITEMS_MAX = (1 << NAME_ITEMS_BITS) - 1
/** Names that a site keeps; it begins to when it has missed some. */
const SITE_NAMES = 1024
const SITE_MISSES = 16

/** One instruction that makes names: tuples of constants and one other value. What it found for an Int is kept by the Int. */
export class NameSite {
  /** Which item is no constant; −1: several are none. */
  readonly item: number
  mask = 0
  values: number[] = [Number.NaN]
  readonly names: Tuple[] = []
  readonly chans: Chan[] = []
  size = 0
  sweeps = 0
  private misses = 0
  constructor(item: number) {
    this.item = item
  }
  keep(v: number, name: Tuple, chan: Chan): void {
    if (this.mask === 0) {
      if (++this.misses < SITE_MISSES) return
      this.mask = SITE_NAMES - 1
      this.values = new Array<number>(SITE_NAMES).fill(Number.NaN)
      this.size = sizeOfValue(name)
    }
    const at = v & this.mask
    this.values[at] = v
    this.names[at] = name
    this.chans[at] = chan
  }
  forget(sweeps: number): void {
    this.sweeps = sweeps
    this.values.fill(Number.NaN)
    this.names.length = this.chans.length = 0
  }
}

/**
 * The intern table: channel of a public name. Equality is decided on structure; the 32-bit hash only chooses the bucket. Empty channels that no code
 * holds are forgotten when the table has doubled since the last sweep, so computed names do not pile up.
 */
export class NameTable {
  private readonly ints = new Map<number, Chan>()
  private readonly strings = new Map<string, Chan>()
  private buckets: (Entry | null)[] = new Array<Entry | null>(1024).fill(null)
  private count = 0
  private sweepAt = SWEEP_FIRST
  private readonly make: (owner: Term) => Chan
  /** Told of every channel that is made for an integer. */
  integer: ((chan: Chan, value: number) => void) | null = null
  constructor(make: (owner: Term) => Chan) {
    this.make = make
  }

  /** The channel of a name that is not an unforgeable. */
  chan(name: Term): Chan {
    if (typeof name === 'number') {
      let c = this.ints.get(name)
      if (c === undefined) {
        this.ints.set(name, (c = this.make(name)))
        if (this.ints.size >= this.sweepAt) this.full = true
        this.integer?.(c, name)
      }
      return c
    }
    if (typeof name === 'string') {
      // A leading mark keeps integer-looking strings out of the host's weak integer hash.
      const key = '$' + name
      let c = this.strings.get(key)
      if (c === undefined) {
        this.strings.set(key, (c = this.make(name)))
        if (this.strings.size >= this.sweepAt) this.full = true
      }
      return c
    }
    const t = forced(name)
    const hash = hashOf(t)
    const at = hash & (this.buckets.length - 1)
    for (let e = this.buckets[at]; e !== null; e = e.next) if (e.hash === hash && equal(e.name, t)) return e.chan
    return this.add(hash, t)
  }

  /** The name that was found last, its channel and its size. */
  lastName: Tuple | null = null
  lastChan: Chan | null = null
  lastSize = 0
  /** Sweeps so far: what a `NameSite` keeps holds until the next. */
  private sweeps = 0

  /** The tuple of the first `n` items, numbers, texts and unforgeable names, if it is the name of a channel: looked up without being made. */
  tuple(items: readonly Term[], n: number): Tuple | null {
    const hash = hashOfTuple(items, n)
    for (let e = this.buckets[hash & (this.buckets.length - 1)]; e !== null; e = e.next) {
      if (e.hash !== hash || !(e.name instanceof Tuple)) continue
      const own = e.name.items
      if (own.length !== n) continue
      let i = 0
      while (i < n && same(own[i], items[i])) i++
      if (i < n) continue
      this.lastName = e.name
      this.lastChan = e.chan
      this.lastSize = sizeOfValue(e.name)
      return e.name
    }
    return null
  }

  /** The name that a site makes of the Int `v`, if it keeps it. */
  kept(site: NameSite, v: number): Tuple | null {
    if (site.sweeps !== this.sweeps) site.forget(this.sweeps)
    const at = v & site.mask
    if (site.values[at] !== v) return null
    this.lastChan = site.chans[at]
    this.lastSize = site.size
    this.lastName = site.names[at]
    return this.lastName
  }

  /** The channel of a name if there is one. */
  find(name: Term): Chan | undefined {
    if (typeof name === 'number') return this.ints.get(name)
    if (typeof name === 'string') return this.strings.get('$' + name)
    const t = forced(name)
    if (typeof t === 'object' && t.tag === Tag.Unforgeable) return undefined
    const hash = hashOf(t)
    for (let e = this.buckets[hash & (this.buckets.length - 1)]; e !== null; e = e.next)
      if (e.hash === hash && equal(e.name, t)) return e.chan
    return undefined
  }

  /** All channels of the table. */
  *channels(): Iterable<Chan> {
    yield* this.ints.values()
    yield* this.strings.values()
    for (const bucket of this.buckets) for (let e = bucket; e !== null; e = e.next) yield e.chan
  }

  private add(hash: number, name: Term): Chan {
    if (this.count > this.buckets.length) this.grow()
    const at = hash & (this.buckets.length - 1)
    const chan = this.make(name)
    this.buckets[at] = new Entry(hash, name, chan, this.buckets[at])
    if (++this.count >= this.sweepAt) this.full = true
    return chan
  }

  private grow(): void {
    const old = this.buckets
    this.buckets = new Array<Entry | null>(old.length * 4).fill(null)
    const mask = this.buckets.length - 1
    for (let i = 0; i < old.length; i++) {
      for (let e = old[i]; e !== null; ) {
        const next: Entry | null = e.next
        e.next = this.buckets[e.hash & mask]
        this.buckets[e.hash & mask] = e
        e = next
      }
    }
  }

  /** Enough names came in since the last sweep to make one worth while. */
  full = false

  /** Forget empty channels that nobody holds. Only between slices and while no mark is open: nobody may have a channel in hand. */
  sweep(): void {
    this.lastName = null
    this.sweeps++
    for (const [k, c] of this.ints) if (unused(c)) this.ints.delete(k)
    for (const [k, c] of this.strings) if (unused(c)) this.strings.delete(k)
    for (let i = 0; i < this.buckets.length; i++) {
      let kept: Entry | null = null
      for (let e = this.buckets[i]; e !== null; ) {
        const next: Entry | null = e.next
        if (unused(e.chan)) this.count--
        else {
          e.next = kept
          kept = e
        }
        e = next
      }
      this.buckets[i] = kept
    }
    this.full = false
    this.sweepAt = Math.max(SWEEP_FIRST, 2 * Math.max(this.count, this.ints.size, this.strings.size))
  }
}

/** Identity, with the comparison that the kind of value makes fast. */
function same(a: Term, b: Term): boolean {
  if (typeof a === 'number') return typeof b === 'number' && a === b
  if (typeof a === 'string') return typeof b === 'string' && a === b
  return a === b
}

function unused(c: Chan): boolean {
  return c.nD === 0 && c.nK === 0 && !KEPT.has(c)
}
