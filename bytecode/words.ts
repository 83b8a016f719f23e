/** A buffer of words that grows by doubling. */
export class Words {
  data: Uint32Array
  length: number
  constructor(capacity = 256) {
    this.data = new Uint32Array(capacity)
    this.length = 0
  }
  /** Makes room for `more` words beyond the present length. */
  reserve(more: number): void {
    const need = this.length + more
    if (need <= this.data.length) return
    let capacity = this.data.length * 2
    while (capacity < need) capacity *= 2
    const grown = new Uint32Array(capacity)
    grown.set(this.data.subarray(0, this.length))
    this.data = grown
  }
  push(word: number): void {
    if (this.length === this.data.length) this.reserve(1)
    this.data[this.length++] = word
  }
  append(from: Uint32Array, start = 0, end = from.length): void {
    this.reserve(end - start)
    if (end - start < 128) {
      const { data } = this
      let at = this.length
      for (let i = start; i < end; i++) data[at++] = from[i]
      this.length = at
    } else {
      this.data.set(from.subarray(start, end), this.length)
      this.length += end - start
    }
  }
  /** A copy of what has been written since `from`. */
  slice(from = 0): Uint32Array {
    return this.data.slice(from, this.length)
  }
}

/** Orders two stretches of words: the shorter first, then lexicographically as unsigned numbers. */
export function compareWords(a: Uint32Array, aAt: number, aLen: number, b: Uint32Array, bAt: number, bLen: number): number {
  if (aLen !== bLen) return aLen - bLen
  for (let i = 0; i < aLen; i++) {
    const x = a[aAt + i]
    const y = b[bAt + i]
    if (x !== y) return x < y ? -1 : 1
  }
  return 0
}

/** Little-endian bytes of words, whatever the machine's own order. */
export function toBytes(words: Uint32Array, start = 0, end = words.length): Uint8Array {
  const out = new Uint8Array((end - start) * 4)
  const view = new DataView(out.buffer)
  for (let i = start; i < end; i++) view.setUint32((i - start) * 4, words[i], true)
  return out
}

/** Words from little-endian bytes; a length that is no multiple of four gives undefined. */
export function fromBytes(bytes: Uint8Array): Uint32Array | undefined {
  if (bytes.length % 4 !== 0) return undefined
  const out = new Uint32Array(bytes.length / 4)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < out.length; i++) out[i] = view.getUint32(i * 4, true)
  return out
}
