/** Where the instructions of an image come from: sorted by word offset, only instructions that can fail or be reported. */
export class SpanTable {
  readonly at: Uint32Array
  readonly start: Int32Array
  readonly end: Int32Array
  constructor(at: Uint32Array, start: Int32Array, end: Int32Array) {
    this.at = at
    this.start = start
    this.end = end
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
}
