/** The places of the copies of one member: components that differ only in what they capture are one sequence, but were written in several places. */
export interface Overlay {
  /** Offset of the sequence in the image. */
  readonly at: number
  /** One for each copy, in the order of the captures of the copies: the places inside the sequence, at the same offsets; null where those of the table hold. */
  readonly copies: readonly (SpanTable | null)[]
}

/**
 * Where the instructions of an image come from: sorted by word offset, only instructions that can fail or be reported, and the bind words of RECV and SELECT,
 * with the source of the bind. Of members that occur several times the rows are those of one copy, `overlays` has those of the others.
 */
export class SpanTable {
  readonly at: Uint32Array
  readonly start: Int32Array
  readonly end: Int32Array
  /** By offset. A member inside another one has its overlay in the same table; one inside a copy, in the table of the copy. */
  readonly overlays: readonly Overlay[]
  constructor(at: Uint32Array, start: Int32Array, end: Int32Array, overlays: readonly Overlay[] = []) {
    this.at = at
    this.start = start
    this.end = end
    this.overlays = overlays
  }

  get length(): number {
    return this.at.length
  }

  /** Row of the instruction at word `offset`, -1 if it has no source. */
  find(offset: number): number {
    let low = 0
    let high = this.at.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const at = this.at[middle]
      if (at === offset) return middle
      if (at < offset) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** Source positions of the instruction at word `offset`, end exclusive. */
  lookup(offset: number): { start: number; end: number } | undefined {
    const row = this.find(offset)
    return row < 0 ? undefined : { start: this.start[row], end: this.end[row] }
  }

  /** The tables of the copies of the member at word `at`, undefined if this one holds for all of them. */
  copiesAt(at: number): readonly (SpanTable | null)[] | undefined {
    const { overlays } = this
    let low = 0
    let high = overlays.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = overlays[middle]
      if (found.at === at) return found.copies
      if (found.at < at) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }
}
