/** Bytes of one slab; a longer row has one of its own. */
const SLAB = 1 << 20

/**
 * Rows that stay bytes until somebody comes to the channel that they belong to. Opening a space with a million waiting machines copies their bytes and notes where
 * they are; a machine is made when its channel is used. Rows of one key come back in the order in which they were put in.
 */
export class Parked {
  /** Rows that have not been taken. */
  count = 0
  private slabs: Uint8Array[] = []
  private free = 0
  /** By row: key, ref, slab, offset in it, length; −1 as length: taken. */
  private keys = new Float64Array(1024)
  private refs = new Float64Array(1024)
  private slab = new Int32Array(1024)
  private offsets = new Int32Array(1024)
  private lengths = new Int32Array(1024)
  private size = 0
  private highest = Number.NEGATIVE_INFINITY
  private ascending = true
  /** Rows by key, where they do not come by key anyway. */
  private order: Uint32Array | null = null

  add(key: number, ref: number, bytes: Uint8Array): void {
    const i = this.size
    if (i === this.keys.length) this.grow()
    const n = bytes.length
    if (this.free < n) {
      this.free = Math.max(SLAB, n)
      this.slabs.push(new Uint8Array(this.free))
    }
    const at = this.slabs.length - 1
    const slab = this.slabs[at]
    const offset = slab.length - this.free
    slab.set(bytes, offset)
    this.free -= n
    this.keys[i] = key
    this.refs[i] = ref
    this.slab[i] = at
    this.offsets[i] = offset
    this.lengths[i] = n
    this.size++
    this.count++
    if (key >= this.highest) this.highest = key
    else this.ascending = false
    this.order = null
  }

  /** Take the rows of a key. */
  take(key: number, use: (ref: number, bytes: Uint8Array) => void): void {
    if (this.count === 0 || key > this.highest) return
    if (!this.ascending) this.order ??= this.sorted()
    for (let i = this.first(key); i < this.size; i++) {
      const row = this.order === null ? i : this.order[i]
      if (this.keys[row] !== key) return
      this.one(row, use)
    }
  }

  /** Take all rows, in the order in which they were put in. */
  all(use: (ref: number, bytes: Uint8Array) => void): void {
    for (let row = 0; row < this.size && this.count > 0; row++) this.one(row, use)
  }

  private one(row: number, use: (ref: number, bytes: Uint8Array) => void): void {
    const n = this.lengths[row]
    if (n < 0) return
    this.lengths[row] = -1
    const bytes = this.slabs[this.slab[row]].subarray(this.offsets[row], this.offsets[row] + n)
    if (--this.count === 0) this.clear()
    use(this.refs[row], bytes)
  }

  /** The last row is on its way out: its bytes are all that is still needed. */
  private clear(): void {
    this.slabs = []
    this.free = 0
  }

  /** Where the rows begin whose key is at least `key`. */
  private first(key: number): number {
    const { keys, order } = this
    let low = 0
    let high = this.size
    while (low < high) {
      const mid = (low + high) >>> 1
      if (keys[order === null ? mid : order[mid]] < key) low = mid + 1
      else high = mid
    }
    return low
  }

  private sorted(): Uint32Array {
    const { keys } = this
    const order = new Uint32Array(this.size)
    for (let i = 0; i < order.length; i++) order[i] = i
    return order.sort((a, b) => keys[a] - keys[b] || a - b)
  }

  private grow(): void {
    const n = 2 * this.keys.length
    const larger = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.keys = larger(this.keys, new Float64Array(n))
    this.refs = larger(this.refs, new Float64Array(n))
    this.slab = larger(this.slab, new Int32Array(n))
    this.offsets = larger(this.offsets, new Int32Array(n))
    this.lengths = larger(this.lengths, new Int32Array(n))
  }
}
