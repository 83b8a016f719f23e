/** A double-ended queue on a ring: newest at the back, oldest at the front. */
class Deque<T> {
  private ring: (T | undefined)[] = new Array<T | undefined>(64).fill(undefined)
  private mask = 63
  private head = 0
  length = 0

  push(item: T): void {
    if (this.length > this.mask) this.grow()
    this.ring[(this.head + this.length) & this.mask] = item
    this.length++
  }

  /** Takes the newest. */
  pop(): T | undefined {
    if (this.length === 0) return undefined
    const at = (this.head + --this.length) & this.mask
    const item = this.ring[at]
    this.ring[at] = undefined
    return item
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.length === 0) return undefined
    const at = this.head
    const item = this.ring[at]
    this.ring[at] = undefined
    this.head = (at + 1) & this.mask
    this.length--
    return item
  }

  /** Takes the one that is `i` places from the oldest; the newest moves into its place. */
  takeAt(i: number): T | undefined {
    const at = (this.head + i) & this.mask
    const item = this.ring[at]
    const last = this.pop()
    if (i < this.length) this.ring[at] = last
    return item
  }

  at(i: number): T | undefined {
    return this.ring[(this.head + i) & this.mask]
  }

  /** Removes one item. O(length). */
  remove(item: T): boolean {
    for (let i = 0; i < this.length; i++) {
      if (this.at(i) !== item) continue
      for (let j = i; j + 1 < this.length; j++) this.ring[(this.head + j) & this.mask] = this.ring[(this.head + j + 1) & this.mask]
      this.pop()
      return true
    }
    return false
  }

  private grow(): void {
    const bigger: (T | undefined)[] = new Array<T | undefined>(this.ring.length * 2).fill(undefined)
    for (let i = 0; i < this.length; i++) bigger[i] = this.ring[(this.head + i) & this.mask]
    this.ring = bigger
    this.mask = bigger.length - 1
    this.head = 0
  }
}

/** Bits of a seeded generator (splitmix-style on 32-bit halves is not needed here: choices are small). Source: xorshift32, Marsaglia 2003. */
export class Random {
  /** Where in its sequence it is. */
  position: number
  constructor(seed: bigint) {
    const folded = Number(BigInt.asUintN(32, seed ^ (seed >> 32n))) | 0
    this.position = (Math.imul(folded, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1
  }
  /** A whole number from 0 to n − 1. */
  below(n: number): number {
    let x = this.position
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.position = x
    return (x >>> 0) % n
  }
}

/**
 * Which runnable machine is next (vm.md 5.2). `depth`: newest first, one turn in 256 the oldest. `rr`: oldest first. `priority`: four levels, weights
 * 8:4:2:1 per pass, a machine that waited 64 passes goes up one level. `shuffle`: drawn by the seeded generator.
 */
export interface RunQueue<T> {
  push(item: T): void
  next(): T | undefined
  /** Takes the one that came first, for another queue. */
  oldest(): T | undefined
  readonly length: number
  remove(item: T): boolean
  /** How many of the next turns take the newest item; 0 where that is not the rule. */
  readonly newestTurns: number
  /** What decides the order beside the items; with `items` enough to go on. */
  state(): number[]
  restore(items: readonly T[], state: readonly number[]): void
  /** So many turns were used for items that never went through the queue. */
  passed(turns: number): void
  /** In the order in which an undisturbed scheduler of this policy without new arrivals would not contradict: oldest first. */
  items(): T[]
}

function listed<T>(q: Deque<T>): T[] {
  const out: T[] = []
  for (let i = 0; i < q.length; i++) out.push(q.at(i) as T)
  return out
}

/** One turn in this many takes the oldest (measured: 1 in 16 costs 1.7 times). */
const OLDEST_EVERY = 256

export class DepthQueue<T> implements RunQueue<T> {
  private readonly q = new Deque<T>()
  private turn = 0
  get length(): number {
    return this.q.length
  }
  push(item: T): void {
    this.q.push(item)
  }
  next(): T | undefined {
    if (++this.turn === OLDEST_EVERY) {
      this.turn = 0
      return this.q.shift()
    }
    return this.q.pop()
  }
  oldest(): T | undefined {
    return this.q.shift()
  }
  remove(item: T): boolean {
    return this.q.remove(item)
  }
  get newestTurns(): number {
    return OLDEST_EVERY - 1 - this.turn
  }
  passed(turns: number): void {
    this.turn += turns
  }
  state(): number[] {
    return [this.turn]
  }
  restore(items: readonly T[], state: readonly number[]): void {
    for (const item of items) this.q.push(item)
    this.turn = state[0]
  }
  items(): T[] {
    return listed(this.q)
  }
}

export class RoundRobin<T> implements RunQueue<T> {
  private readonly q = new Deque<T>()
  get length(): number {
    return this.q.length
  }
  push(item: T): void {
    this.q.push(item)
  }
  next(): T | undefined {
    return this.q.shift()
  }
  oldest(): T | undefined {
    return this.q.shift()
  }
  remove(item: T): boolean {
    return this.q.remove(item)
  }
  get newestTurns(): number {
    return 0
  }
  passed(): void {}
  state(): number[] {
    return []
  }
  restore(items: readonly T[]): void {
    for (const item of items) this.q.push(item)
  }
  items(): T[] {
    return listed(this.q)
  }
}

export class ShuffleQueue<T> implements RunQueue<T> {
  private readonly q = new Deque<T>()
  private readonly random: Random
  constructor(seed: bigint) {
    this.random = new Random(seed)
  }
  get length(): number {
    return this.q.length
  }
  push(item: T): void {
    this.q.push(item)
  }
  next(): T | undefined {
    return this.q.length === 0 ? undefined : this.q.takeAt(this.random.below(this.q.length))
  }
  oldest(): T | undefined {
    return this.q.shift()
  }
  remove(item: T): boolean {
    return this.q.remove(item)
  }
  get newestTurns(): number {
    return 0
  }
  passed(): void {}
  state(): number[] {
    return [this.random.position]
  }
  restore(items: readonly T[], state: readonly number[]): void {
    for (const item of items) this.q.push(item)
    this.random.position = state[0]
  }
  items(): T[] {
    return listed(this.q)
  }
}

export const LEVELS = 4
/** Turns of each level in one pass. */
const WEIGHTS = [8, 4, 2, 1]
/** Passes after which a waiting machine goes up one level. */
const AGE_PASSES = 64

interface Leveled {
  level: number
}

class Waiting<T> {
  readonly item: T
  readonly since: number
  constructor(item: T, since: number) {
    this.item = item
    this.since = since
  }
}

export class PriorityQueue<T extends Leveled> implements RunQueue<T> {
  private readonly levels = Array.from({ length: LEVELS }, () => new Deque<Waiting<T>>())
  private level = 0
  private left = WEIGHTS[0]
  private pass = 0
  length = 0
  push(item: T): void {
    this.levels[item.level].push(new Waiting(item, this.pass))
    this.length++
  }
  next(): T | undefined {
    if (this.length === 0) return undefined
    for (;;) {
      if (this.left > 0) {
        const w = this.levels[this.level].shift()
        if (w !== undefined) {
          this.left--
          this.length--
          return w.item
        }
      }
      this.level++
      if (this.level === LEVELS) {
        this.level = 0
        this.pass++
        this.age()
      }
      this.left = WEIGHTS[this.level]
    }
  }
  oldest(): T | undefined {
    for (let i = LEVELS - 1; i >= 0; i--) {
      const w = this.levels[i].shift()
      if (w === undefined) continue
      this.length--
      return w.item
    }
    return undefined
  }
  /** Whoever waited long enough at the head of a level moves to the tail of the level above; its own level is unchanged, so it starts there again next time. */
  private age(): void {
    for (let i = 1; i < LEVELS; i++) {
      const q = this.levels[i]
      while (q.length > 0 && this.pass - (q.at(0) as Waiting<T>).since >= AGE_PASSES)
        this.levels[i - 1].push(new Waiting((q.shift() as Waiting<T>).item, this.pass))
    }
  }
  remove(item: T): boolean {
    for (const q of this.levels) {
      for (let i = 0; i < q.length; i++) {
        const w = q.at(i) as Waiting<T>
        if (w.item === item) {
          q.remove(w)
          this.length--
          return true
        }
      }
    }
    return false
  }
  get newestTurns(): number {
    return 0
  }
  passed(): void {}
  state(): number[] {
    return [this.level, this.left, this.pass, ...this.levels.flatMap((q, i) => listed(q).flatMap(w => [i, w.since]))]
  }
  restore(items: readonly T[], state: readonly number[]): void {
    this.level = state[0]
    this.left = state[1]
    this.pass = state[2]
    items.forEach((item, i) => {
      this.levels[state[3 + 2 * i]].push(new Waiting(item, state[4 + 2 * i]))
    })
    this.length = items.length
  }
  items(): T[] {
    return this.levels.flatMap(q => listed(q).map(w => w.item))
  }
}
