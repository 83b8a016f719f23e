/** Numbers by chance, the same on every machine for one seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 ≤ x < 2³², an integer. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 ≤ x < 1 */
  fraction(): number {
    return this.next() / 4294967296
  }

  /** An integer, 0 ≤ x < n. */
  below(n: number): number {
    return Math.floor(this.fraction() * n)
  }

  chance(p: number): boolean {
    return this.fraction() < p
  }

  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<X>(list: ArrayLike<X>): X {
    return list[this.below(list.length)]
  }

  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.next())
  }
}
