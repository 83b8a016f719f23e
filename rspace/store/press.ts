import { instantiate } from '../wasm.ts'
import { CHANGE_BEFORE, CHANGE_PUT, CHECKSUM_BYTES } from './format.ts'
import {
  COUNT_AT,
  DESK_AT,
  DESK_BYTES,
  ENTRY_BYTES,
  LIST_AT,
  PAIRED_BEFORE,
  PAIRED_PUT,
  PRESS_BYTES,
  PRESS_ROWS,
  ROWS_AT,
  SUM_AT,
  SUMMED_AT,
  TABLE_AT,
} from './press-code.ts'
import { PROGRAM } from './press-program.ts'

/**
 * Seals the rows of a commit, some hundred at a time, as a small WebAssembly program made here: XXH64 of every row, the row sum, and the list of changes for the
 * commit record. From JavaScript each hash would cost three times what it takes: a copy, a large integer, and the call.
 */

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  seal(entry: number, end: number, list: number): number
  lay(from: number, to: number): void
}

/** Views of values are kept for keys up to this. */
const KEY_BYTES_KEPT = 64
/** Short pieces are copied faster one by one than by the host. */
const SHORT = 32

/**
 * One at a time: from `clear` to the last use of what `key` and `value` give, nobody else may use it. Views of its memory are made once for every place, not for
 * every row.
 */
export class Press {
  count = 0
  readonly #exports = instantiate<Exports>(PROGRAM)
  readonly #bytes = new Uint8Array(this.#exports.memory.buffer)
  readonly #view = new DataView(this.#exports.memory.buffer)
  readonly #table = new Int32Array(this.#exports.memory.buffer, TABLE_AT, (PRESS_ROWS * ENTRY_BYTES) / 4)
  /** Parts of the desk, by beginning and end. */
  readonly #parts: (Uint8Array | undefined)[][] = []
  #at = ROWS_AT
  #listEnd = LIST_AT

  /** @param isSummed whether rows with this tag enter the row sum */
  constructor(isSummed: (tag: number) => boolean) {
    for (let tag = 0; tag < 256; tag++) this.#bytes[SUMMED_AT + tag] = isSummed(tag) ? 1 : 0
  }

  clear(): void {
    this.count = 0
    this.#at = ROWS_AT
    this.#listEnd = LIST_AT
  }

  /** Whether so many more rows fit, of so many bytes with their checksums. What does not fit when nothing else is there must be sealed by other means. */
  hasRoom(bytes: number, rows: number): boolean {
    return this.count + rows <= PRESS_ROWS && this.#at + bytes <= ROWS_AT + PRESS_BYTES
  }

  /** A new row, or one that goes with what it held. There must be room. */
  add(key: Uint8Array, value: Uint8Array, isGone: boolean): void {
    const start = this.#at
    const valueAt = start + key.length
    const end = valueAt + value.length
    this.#copy(key, start)
    this.#copy(value, valueAt)
    this.#enter(start, valueAt, end, isGone ? CHANGE_BEFORE : CHANGE_PUT)
    this.#at = end + CHECKSUM_BYTES
  }

  /** Rows that lie one behind another, as key ‖ value ‖ room for the checksum: their bytes. There must be room; then `addLaid` for each. */
  lay(rows: Uint8Array): number {
    const start = this.#at
    this.#bytes.set(rows, start)
    this.#at += rows.length
    return start
  }
  addLaid(start: number, keyBytes: number, end: number, isGone: boolean): void {
    this.#enter(start, start + keyBytes, end - CHECKSUM_BYTES, isGone ? CHANGE_BEFORE : CHANGE_PUT)
  }
  /** A row that takes the place of the one laid behind it, which has the same key. */
  addPair(start: number, keyBytes: number, middle: number, end: number): void {
    this.#enter(start, start + keyBytes, middle - CHECKSUM_BYTES, PAIRED_PUT)
    this.#enter(middle, middle + keyBytes, end - CHECKSUM_BYTES, PAIRED_BEFORE)
  }

  #copy(from: Uint8Array, at: number): void {
    const { length } = from
    if (length > SHORT) {
      this.#bytes.set(from, at)
      return
    }
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) bytes[at + i] = from[i]!
  }

  #enter(start: number, valueAt: number, checksumAt: number, flags: number): void {
    const at = 4 * this.count++
    const table = this.#table
    table[at] = start
    table[at + 1] = valueAt
    table[at + 2] = checksumAt
    table[at + 3] = flags
  }

  /** Checksums for all rows, and their changes as they stand in a commit record. */
  seal(): void {
    this.#view.setBigInt64(SUM_AT, 0n)
    this.#view.setBigInt64(COUNT_AT, 0n)
    this.#listEnd = this.#exports.seal(TABLE_AT, TABLE_AT + this.count * ENTRY_BYTES, LIST_AT)
  }
  /** By how much row count and row sum have changed. */
  get rows(): number {
    return Number(this.#view.getBigInt64(COUNT_AT, true))
  }
  get sum(): bigint {
    return this.#view.getBigInt64(SUM_AT, true)
  }
  get changes(): Uint8Array {
    return this.#bytes.subarray(LIST_AT, this.#listEnd)
  }

  /** Nothing is left under its key. */
  isGone(i: number): boolean {
    return this.#table[4 * i + 3] === CHANGE_BEFORE
  }
  /** It only tells what the row before it takes the place of. */
  isBefore(i: number): boolean {
    return this.#table[4 * i + 3] === PAIRED_BEFORE
  }
  /** Its key, and `value` what is stored: the value with its checksum. Both hold until the next call of `key`. */
  key(i: number): Uint8Array {
    const start = this.#table[4 * i]!
    const valueAt = this.#table[4 * i + 1]!
    const end = this.#table[4 * i + 2]! + CHECKSUM_BYTES
    if (end - start > DESK_BYTES) return this.#bytes.subarray(start, valueAt)
    this.#exports.lay(start, end)
    return this.#part(0, valueAt - start)
  }
  value(i: number): Uint8Array {
    const start = this.#table[4 * i]!
    const valueAt = this.#table[4 * i + 1]!
    const end = this.#table[4 * i + 2]! + CHECKSUM_BYTES
    return end - start > DESK_BYTES ? this.#bytes.subarray(valueAt, end) : this.#part(valueAt - start, end - start)
  }
  #part(from: number, to: number): Uint8Array {
    if (from > KEY_BYTES_KEPT) return this.#bytes.subarray(DESK_AT + from, DESK_AT + to)
    const parts = (this.#parts[from] ??= [])
    return (parts[to] ??= this.#bytes.subarray(DESK_AT + from, DESK_AT + to))
  }
}
