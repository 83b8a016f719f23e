/** A name as eight words, and how many there are. */
const ENTRY = 9
const COUNT = 8
const SLOTS_MIN = 64

/**
 * How many elements have which name. Names are hashes, so that their first word says where to look: a table without texts and objects, which the host's collector
 * need not walk.
 */
export class Occurrences {
  /** Entries with a count; those that are wanted in the same place lie behind each other, without a gap. */
  private table = new Int32Array(SLOTS_MIN * ENTRY)
  private slots = SLOTS_MIN
  private used = 0

  /** One more. Which it is, from 1. */
  came(name: Int32Array): number {
    const at = this.find(name)
    const { table } = this
    const n = table[at + COUNT] + 1
    table[at + COUNT] = n
    if (n > 1) return n
    for (let i = 0; i < COUNT; i++) table[at + i] = name[i]
    if (++this.used > this.slots * 0.6) this.grow()
    return 1
  }

  /** One less. Which it was; 0: there was none. */
  went(name: Int32Array): number {
    const at = this.find(name)
    const { table } = this
    const n = table[at + COUNT]
    if (n === 0) return 0
    table[at + COUNT] = n - 1
    if (n === 1) this.close(at / ENTRY)
    return n
  }

  /** Where its entry is, or would be. */
  private find(name: Int32Array): number {
    const { table } = this
    const end = table.length
    let at = (name[0] & (this.slots - 1)) * ENTRY
    while (table[at + COUNT] !== 0) {
      let i = 0
      while (i < COUNT && table[at + i] === name[i]) i++
      if (i === COUNT) break
      at += ENTRY
      if (at === end) at = 0
    }
    return at
  }

  /** The entry of this slot is free: those behind it move up, as far as they may. */
  private close(gap: number): void {
    this.used--
    const { table, slots } = this
    const mask = slots - 1
    for (let slot = (gap + 1) & mask; table[slot * ENTRY + COUNT] !== 0; slot = (slot + 1) & mask) {
      // It may not lie before the place where it is looked for.
      if (((slot - table[slot * ENTRY]) & mask) < ((slot - gap) & mask)) continue
      table.copyWithin(gap * ENTRY, slot * ENTRY, (slot + 1) * ENTRY)
      gap = slot
    }
    table[gap * ENTRY + COUNT] = 0
  }

  private grow(): void {
    const before = this.table
    this.slots *= 2
    this.table = new Int32Array(this.slots * ENTRY)
    for (let at = 0; at < before.length; at += ENTRY) {
      if (before[at + COUNT] === 0) continue
      const entry = before.subarray(at, at + ENTRY)
      this.table.set(entry, this.find(entry))
    }
  }
}
