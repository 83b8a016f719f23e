import type { ErrorCode } from '../errors.ts'
import { equalBytes, Malformed, showKey } from './bytes.ts'
import {
  CHECKSUM_BYTES,
  type CommitRecord,
  decodeRecord,
  type Format,
  genesis,
  type Head,
  isKnownTag,
  isSummed,
  logKey,
  MASK_64,
  openRow,
  sameHead,
} from './format.ts'

/** One finding of a reading: what is wrong, where, how many. */
export interface Problem {
  readonly code: ErrorCode
  readonly where: string
  readonly count: number
  readonly message: string
}

/** Findings listed by place; more of a kind are only counted. */
const PLACES_MAX = 20

/** Follows the commit records in order and notes every hole, break and damage. */
export class LogWalk {
  readonly problems: Problem[] = []
  /** The newest record that could be read. */
  last: CommitRecord | undefined
  /** Bytes of all records up to and with the last. */
  logBytes = 0
  records = 0
  #first = -1
  #at = -1
  #chain: Uint8Array | undefined
  readonly #format: Format
  readonly #floor: Head | undefined

  /** @param floor a state the store is known to have had; it must not have fallen behind it */
  constructor(format: Format, floor?: Head) {
    this.#format = format
    this.#floor = floor
  }

  add(key: Uint8Array, stored: Uint8Array): CommitRecord | undefined {
    const record = readRecord(key, stored)
    this.records++
    if (record === undefined || typeof record === 'string') {
      this.#note('CORRUPT', showKey(key), 1, `commit record is damaged: ${record ?? 'wrong checksum'}`)
      // It still holds its place, so that one damage is not reported as damage and hole.
      this.#at++
      if (this.#first < 0 && key.length === 9) this.#first = this.#at = Number(new DataView(key.buffer, key.byteOffset).getBigUint64(1))
      this.#chain = undefined
      return undefined
    }
    const n = record.number
    if (this.#first < 0) {
      this.#first = n
      if (n === 0 && !equalBytes(record.previous, genesis(this.#format))) this.#note('CORRUPT', 'commit 0', 1, 'begins another store')
    } else if (n !== this.#at + 1) {
      this.#hole(this.#at + 1, n - 1)
    } else if (this.#chain !== undefined && !equalBytes(record.previous, this.#chain)) {
      this.#note('CORRUPT', `commit ${n}`, 1, `commit ${n} does not continue commit ${n - 1}`)
    }
    if (this.#floor?.number === n && !sameHead(this.#floor, record)) {
      this.#note('CORRUPT', `commit ${n}`, 1, `commit ${n} is not the one this store was opened with`)
    }
    this.#at = n
    this.#chain = record.chain
    this.last = record
    this.logBytes = record.logBytesBefore + key.length + stored.length
    return record
  }

  /** After the last record. */
  finish(): void {
    const last = this.last
    if (last === undefined) {
      if (this.records === 0) this.#note('CORRUPT', 'commit records', 1, 'there is no commit record')
      return
    }
    if (this.#first > last.oldest) this.#hole(last.oldest, this.#first - 1)
    if (this.#first < last.oldest) this.#note('CORRUPT', `commit ${this.#first}`, 1, `commit ${this.#first} had been dropped and is back`)
    if (this.#floor !== undefined && last.number < this.#floor.number) {
      const count = this.#floor.number - last.number
      this.#note('CORRUPT', `commit ${last.number + 1}`, count, `the last ${count} commits before the previous opening are missing`)
    }
  }

  #hole(from: number, to: number): void {
    this.#note('NEEDS_REPAIR', `commit ${from}`, to - from + 1, `commits ${from} to ${to} are missing`)
  }

  #note(code: ErrorCode, where: string, count: number, message: string): void {
    if (this.problems.length < PLACES_MAX) this.problems.push({ code, where, count, message })
  }
}

/** A commit record; undefined: wrong checksum; text: readable, but not what it should be. */
export function readRecord(key: Uint8Array, stored: Uint8Array): CommitRecord | string | undefined {
  const row = openRow(key, stored)
  if (row === undefined) return undefined
  try {
    const record = decodeRecord(row.value)
    return equalBytes(logKey(record.number), key) ? record : 'is under the key of another commit'
  } catch (e) {
    if (e instanceof Malformed) return e.message
    throw e
  }
}

/** Counts and checks rows one by one. */
export class Tally {
  readonly problems: Problem[] = []
  readonly rows: Record<string, number> = {}
  rowCount = 0
  damaged = 0
  /** Damaged rows that belong to row count and row sum. */
  #holes = 0
  #sum = 0n

  get rowSum(): bigint {
    return this.#sum & MASK_64
  }

  /** The value of the row, or undefined if it is damaged or of an unknown kind. */
  add(key: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
    const row = openRow(key, stored)
    if (row === undefined) {
      this.damaged++
      if (isSummed(key)) this.#holes++
      this.#note('CORRUPT', showKey(key), 'row has a wrong checksum')
      return undefined
    }
    if (!isKnownTag(key[0]!)) {
      this.#note('VERSION', showKey(key), 'row of a kind that this version does not know')
      return undefined
    }
    const tag = String.fromCharCode(key[0]!)
    this.rows[tag] = (this.rows[tag] ?? 0) + 1
    if (isSummed(key)) {
      this.rowCount++
      this.#sum += row.hash
    }
    return row.value
  }

  /** Compare with what the last commit says. */
  finish(head: Head): void {
    const missing = head.rowCount - this.rowCount - this.#holes
    if (missing > 0) this.problems.push({ code: 'CORRUPT', where: 'rows', count: missing, message: `${missing} rows are missing` })
    else if (missing < 0)
      this.problems.push({ code: 'CORRUPT', where: 'rows', count: -missing, message: `there are ${-missing} rows too many` })
    else if (this.#holes === 0 && this.rowSum !== head.rowSum) {
      this.problems.push({ code: 'CORRUPT', where: 'rows', count: 1, message: 'some rows are not of the last commit: the row sum differs' })
    }
  }

  #note(code: ErrorCode, where: string, message: string): void {
    const i = this.problems.length - 1
    if (this.problems.length < PLACES_MAX) this.problems.push({ code, where, count: 1, message })
    else this.problems[i] = { ...this.problems[i]!, count: this.problems[i]!.count + 1 }
  }
}

/** What a record takes on disk, as far as retention is concerned. */
export function recordBytes(valueLength: number): number {
  return 9 + valueLength + CHECKSUM_BYTES
}
