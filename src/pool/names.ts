import type { ShardNames } from '../machine/names.ts'
import { Unforgeable } from '../normal/term.ts'

/** Names that are found without the table: a power of two, less one. */
const NEAR_MASK = 255
/** Names of a page, as bits. */
const PAGE_BITS = 6
const PAGE_MASK = (1 << PAGE_BITS) - 1
/** So many names come before the first look at which of them are still held. */
const AGE_FIRST = 4096

/**
 * Names that crossed one after the other. The host's weak references are dear, and what they point to is not collected while it is young: so there is one for
 * a page. Whoever holds a name of a page holds the page.
 */
class Page {
  readonly names: Unforgeable[]
  /** Collections that had been seen when it was left to the host. */
  readonly since: number
  constructor(names: Unforgeable[], since = 0) {
    this.names = names
    this.since = since
  }
}

/** A name with the page that it keeps alive. */
interface Paged extends Unforgeable {
  page?: Page
}

/** Names that have crossed a border: one object for each number, for as long as anybody holds it. */
export class CrossedNames {
  readonly origin: ShardNames
  /** Those that were asked for last. */
  private readonly near = new Array<Unforgeable | undefined>(NEAR_MASK + 1).fill(undefined)
  private pages: (Page | WeakRef<Page>)[] = []
  /** The page that is being filled. */
  private last = new Page([])
  /** A hash table: numbers of names, and where they are, counted from 1: the page above, the place in it below. */
  private keys = new Float64Array(2 * AGE_FIRST)
  private places = new Int32Array(2 * AGE_FIRST)
  private mask = 2 * AGE_FIRST - 1
  /** Entries of the table; some may be of names that have gone. */
  size = 0
  private ageAt = AGE_FIRST
  /** Nobody holds it: once it has gone, the host has collected. So often that was seen. */
  private canary = new WeakRef({})
  private collections = 0

  constructor(origin: ShardNames) {
    this.origin = origin
    this.pages.push(this.last)
  }

  /** This object is what its number means from now on. */
  tell(name: Unforgeable): void {
    const at = name.counter & NEAR_MASK
    if (this.near[at] === name) return
    this.near[at] = name
    const i = this.slot(name.counter)
    if (this.places[i] === 0 || this.at(this.places[i]) !== name) this.put(i, name)
  }

  get(counter: number): Unforgeable {
    const near = this.near[counter & NEAR_MASK]
    if (near !== undefined && near.counter === counter) return near
    const i = this.slot(counter)
    let name = this.places[i] === 0 ? undefined : this.at(this.places[i])
    if (name === undefined) {
      name = new Unforgeable(this.origin, counter)
      this.put(i, name)
    }
    this.near[counter & NEAR_MASK] = name
    return name
  }

  /** Where the table has a number, or has room for it. */
  private slot(counter: number): number {
    const { keys, places, mask } = this
    let i = Math.imul(counter, 0x9e3779b1) >>> 8
    for (i &= mask; places[i] !== 0 && keys[i] !== counter; i = (i + 1) & mask);
    return i
  }

  private at(place: number): Unforgeable | undefined {
    const p = this.pages[(place - 1) >> PAGE_BITS]
    const page = p instanceof WeakRef ? p.deref() : p
    return page?.names[(place - 1) & PAGE_MASK]
  }

  private put(i: number, name: Unforgeable): void {
    if (this.last.names.length > PAGE_MASK) this.pages.push((this.last = new Page([])))
    this.last.names.push(name)
    if (this.places[i] === 0) this.size++
    this.keys[i] = name.counter
    this.places[i] = ((this.pages.length - 1) << PAGE_BITS) + this.last.names.length
    if (this.size > this.ageAt) this.age()
  }

  /**
   * Pages that came since the last time are left to the host, which lets go of those of which nobody holds a name. Of pages that outlive a collection, the host
   * decides name by name from then on. What has gone leaves the table. After a collection that grows by half until the next time: what was held for the sake of
   * others is gone after two.
   */
  private age(): void {
    const collected = this.canary.deref() === undefined
    if (collected) {
      this.collections++
      this.canary = new WeakRef({})
    }
    const { collections } = this
    const pages: WeakRef<Page>[] = []
    const alive: Page[] = []
    const weaken = (names: Unforgeable[]): void => {
      const page = new Page(names, collections)
      for (const n of names as Paged[]) n.page = page
      pages.push(new WeakRef(page))
      alive.push(page)
    }
    let names = 0
    for (const p of this.pages) {
      const page = p instanceof WeakRef ? p.deref() : p
      if (page === undefined) continue
      names += page.names.length
      if (!(p instanceof WeakRef)) weaken(page.names)
      else if (page.names.length > 1 && page.since < collections) for (const n of page.names) weaken([n])
      else {
        pages.push(p)
        alive.push(page)
      }
    }
    this.ageAt = AGE_FIRST + Math.ceil((collected ? 1.5 : 2) * names)
    let room = 2 * AGE_FIRST
    while (room < 2 * this.ageAt) room *= 2
    this.keys = new Float64Array(room)
    this.places = new Int32Array(room)
    this.mask = room - 1
    this.size = 0
    alive.forEach((page, nth) => {
      page.names.forEach((name, k) => {
        const i = this.slot(name.counter)
        if (this.places[i] === 0) this.size++
        this.keys[i] = name.counter
        this.places[i] = (nth << PAGE_BITS) + k + 1
      })
    })
    this.pages = pages
    this.pages.push((this.last = new Page([])))
  }
}
