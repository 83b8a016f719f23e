/**
 * A single-producer single-consumer ring of byte records in shared memory. Records come out as they went in, in order. What was written is seen by the reader
 * after `publish`, so that many records cost one store that both sides see. A record that is longer than a quarter of the ring goes in pieces.
 *
 * Nothing here waits: `put` says no when there is no room.
 */

/** Bytes of one unit: every record begins at a multiple. */
const UNIT = 16
/** Words before the data: written units, read units, each in a cache line of its own. */
const HEAD_WORDS = 32
const WRITTEN = 0
const READ = 16
/** In the length word: more pieces follow. */
const MORE = 0x40000000
/** In the length word: the rest of the ring is empty, go on at its beginning. */
const WRAP = 0x20000000
const LENGTH = WRAP - 1

/** 256 KiB of data. */
const RING_BYTES = 256 * 1024

/** Memory for a ring of `bytes` bytes of data, a power of two and at least 256. */
export function ringMemory(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_WORDS * 4 + bytes)
}

class Side {
  protected readonly head: Int32Array
  protected readonly words: Int32Array
  protected readonly bytes: Uint8Array
  protected readonly units: number
  protected readonly mask: number
  constructor(memory: SharedArrayBuffer) {
    this.head = new Int32Array(memory, 0, HEAD_WORDS)
    this.words = new Int32Array(memory, HEAD_WORDS * 4)
    this.bytes = new Uint8Array(memory, HEAD_WORDS * 4)
    this.units = this.bytes.length / UNIT
    this.mask = this.units - 1
  }
}

/** The writing end. */
export class RingWriter extends Side {
  /** Units written so far, published or not; counts round at 2³². */
  private written: number
  private published: number
  /** Units read, as far as this side knows. */
  private read: number
  private readonly pieceMax: number
  /** Of a record that did not fit as a whole: what is in already. */
  private done = 0
  constructor(memory: SharedArrayBuffer) {
    super(memory)
    this.written = this.published = this.head[WRITTEN]
    this.read = this.head[READ]
    this.pieceMax = (this.units / 4 - 1) * UNIT
  }

  /**
   * Append the bytes from `from` to `to` as one record. False: there is no room for all of it now; call again with the same bytes, before any other record.
   */
  put(record: Uint8Array, from = 0, to = record.length): boolean {
    while (to - from - this.done > this.pieceMax) {
      if (!this.piece(record, from + this.done, this.pieceMax, MORE)) return false
      this.done += this.pieceMax
      this.publish()
    }
    if (!this.piece(record, from + this.done, to - from - this.done, 0)) return false
    this.done = 0
    return true
  }

  private piece(record: Uint8Array, from: number, length: number, flag: number): boolean {
    const need = (length + 4 + UNIT - 1) >> 4
    let at = this.written & this.mask
    const tail = this.units - at
    const skip = need > tail ? tail : 0
    if (((this.written - this.read) | 0) + skip + need > this.units) {
      // The other side's word is looked at only when there seems to be no room: it is in the cache of another core.
      this.read = Atomics.load(this.head, READ)
      if (((this.written - this.read) | 0) + skip + need > this.units) return false
    }
    if (skip > 0) {
      this.words[at << 2] = WRAP
      this.written = (this.written + skip) | 0
      at = 0
    }
    this.words[at << 2] = length | flag
    const start = (at << 4) + 4
    const { bytes } = this
    if (length < 64) for (let i = 0; i < length; i++) bytes[start + i] = record[from + i]
    else bytes.set(from === 0 && length === record.length ? record : record.subarray(from, from + length), start)
    this.written = (this.written + need) | 0
    return true
  }

  /** Let the reader see what was put. True if there was something new. */
  publish(): boolean {
    if (this.published === this.written) return false
    this.published = this.written
    Atomics.store(this.head, WRITTEN, this.written)
    return true
  }

  /** Whether less than half of it is in use. */
  get roomy(): boolean {
    return ((this.written - Atomics.load(this.head, READ)) | 0) * 2 < this.units
  }
}

/** The reading end. */
export class RingReader extends Side {
  private read: number
  /** Units that are there to be read, as far as this side knows; and those that the writer knows to be read. */
  private written: number
  private released: number
  private readonly releaseAt: number
  /** The record that was taken last: its bytes are the first of these. */
  record = new Uint8Array(4096)
  /** Bytes of a record whose last piece has not come. */
  private have = 0
  constructor(memory: SharedArrayBuffer) {
    super(memory)
    this.read = this.written = this.released = this.head[READ]
    this.releaseAt = this.units >> 2
  }

  /** Whether something is there that was not taken yet. */
  get waiting(): boolean {
    return Atomics.load(this.head, WRITTEN) !== this.read
  }

  /** Take the next record, of which `record` holds the bytes until the next call. @returns its length; −1: there is none */
  next(): number {
    for (;;) {
      if (this.read === this.written) {
        this.written = Atomics.load(this.head, WRITTEN)
        if (this.read === this.written) {
          this.release()
          return -1
        }
      }
      let at = this.read & this.mask
      let word = this.words[at << 2]
      if (word === WRAP) {
        this.read = (this.read + this.units - at) | 0
        at = 0
        word = this.words[0]
      }
      const length = word & LENGTH
      const { have } = this
      if (have + length > this.record.length) {
        const bigger = new Uint8Array(Math.max(2 * this.record.length, have + length))
        bigger.set(this.record.subarray(0, have))
        this.record = bigger
      }
      const start = (at << 4) + 4
      const { record, bytes } = this
      if (length < 64) for (let i = 0; i < length; i++) record[have + i] = bytes[start + i]
      else record.set(bytes.subarray(start, start + length), have)
      this.read = (this.read + ((length + 4 + UNIT - 1) >> 4)) | 0
      if (((this.read - this.released) | 0) >= this.releaseAt) this.release()
      if ((word & MORE) !== 0) {
        this.have = have + length
        continue
      }
      this.have = 0
      return have + length
    }
  }

  /** Let the writer have the room of what was taken. Not for each record: the word is in the cache of another core. */
  release(): void {
    if (this.released === this.read) return
    this.released = this.read
    Atomics.store(this.head, READ, this.read)
  }
}

/** Whether a ring holds records that were not read, seen from neither end. */
export function ringPending(memory: SharedArrayBuffer): boolean {
  const head = new Int32Array(memory, 0, HEAD_WORDS)
  return Atomics.load(head, WRITTEN) !== Atomics.load(head, READ)
}
