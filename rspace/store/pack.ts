/** Room that a row of a pack leaves behind its value for the checksum. */
export const PACK_TAIL = 8

/**
 * New rows that lie one behind another in large pieces of memory, each as key ‖ value ‖ `PACK_TAIL` free bytes: no object for any of them. All keys have the same
 * length, differ from one another, and held nothing before; a wrong promise damages the row sum.
 */
export class Pack {
  readonly keyBytes: number
  readonly chunks: Uint8Array[] = []
  /** Three numbers for each row: its chunk, where it begins there, where its free bytes end. */
  places = new Int32Array(3 * 256)
  count = 0
  bytes = 0

  constructor(keyBytes: number) {
    this.keyBytes = keyBytes
  }

  /** The row from `start` to `end`, its tail included. Handed over: do not change the bytes until the commit has settled. */
  add(chunk: Uint8Array, start: number, end: number): void {
    const { chunks } = this
    if (chunks.length === 0 || chunks[chunks.length - 1] !== chunk) chunks.push(chunk)
    const at = 3 * this.count++
    if (at === this.places.length) {
      const more = new Int32Array(2 * at)
      more.set(this.places)
      this.places = more
    }
    this.places[at] = chunks.length - 1
    this.places[at + 1] = start
    this.places[at + 2] = end
    this.bytes += end - start
  }
}
