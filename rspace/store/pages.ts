import { blake2b256 } from '../blake.ts'
import { type BadArgument, RhizomeError } from '../errors.ts'
import { compareBytes, concatBytes, EMPTY, equalBytes, fromText, Malformed, Reader, Writer } from './bytes.ts'
import { Building, newInstance, writeRestart } from './copy.ts'
import {
  decodeFormat,
  encodeFormat,
  type Format,
  genesis,
  isEmbedders,
  isSummed,
  KEY_END,
  KEY_START,
  MASK_64,
  type Marks,
  sealRow,
} from './format.ts'
import { hashesReady, rowHash } from './hash.ts'
import { openForReading } from './tools.ts'
import type { Report } from './verify.ts'

/**
 * All rows of a store as a stream of bytes that does not depend on the engine: pages in key order, each chained to the one before,
 * closed by a page that says how much there was. Described in docs/persistence.md.
 */
const MAGIC = 'RHZPAGES'
const PAGE_DOMAIN = fromText('rhz:page\0')
const PAGE_BYTES = 256 << 10
/** No page of ours is larger than one row and the limit above. */
const PAGE_BYTES_MAX = (256 << 20) + (1 << 20)
const ROWS = 1
const END = 2
const LOG_START = fromText('L')
const NODES_START = fromText('N')

/** @throws RhizomeError as `openStore`, and `CORRUPT` before anything is given out */
export async function* exportDir(dir: string): AsyncGenerator<Uint8Array, void, undefined> {
  const store = await openForReading(dir, {})
  try {
    for await (const _ of store.rows()); // nothing leaves a store that is not whole
    const format = encodeFormat(store.format)
    yield new Writer().raw(fromText(MAGIC)).blob(format).view()
    const end: End = { number: store.committed.number, marks: store.marks, rows: 0, rowCount: 0, rowSum: 0n }
    let chain = blake2b256(PAGE_DOMAIN, format)
    let w = new Writer(PAGE_BYTES).u8(ROWS)
    const page = (): Uint8Array => {
      chain = blake2b256(PAGE_DOMAIN, chain, w.view())
      const out = new Writer(w.length + 48).blob(w.view()).raw(chain).view()
      w = new Writer(PAGE_BYTES).u8(ROWS)
      return out
    }
    for (const [from, to] of [
      [KEY_START, LOG_START],
      [NODES_START, KEY_END],
    ] as const) {
      for await (const rows of store.range(from, to)) {
        for (const [key, value] of rows) {
          w.blob(key).blob(value)
          tally(end, key, value)
          if (w.length >= PAGE_BYTES) yield page()
        }
      }
    }
    if (w.length > 1) yield page()
    w = new Writer().u8(END).count(end.number).count(end.marks.refs).count(end.marks.cids).count(end.marks.gids)
    w.count(end.rows)
      .count(end.rowCount)
      .u64(end.rowSum & MASK_64)
    yield page()
  } finally {
    await store.close()
  }
}

interface End {
  number: number
  marks: Marks
  rows: number
  rowCount: number
  rowSum: bigint
}

function tally(end: End, key: Uint8Array, value: Uint8Array): void {
  end.rows++
  if (!isSummed(key)) return
  end.rowCount++
  end.rowSum += rowHash(key, value)
}

/**
 * Make a store in `to`, which must not exist, from exported bytes in pieces of any size. It has its own identity, and its commit
 * records begin anew.
 * @throws RhizomeError `IMPORT_INVALID` (then there is no store in `to`), `VERSION`, `IO`, `DISK_FULL`; {@link BadArgument}
 */
export async function importDir(pieces: AsyncIterable<Uint8Array>, to: string): Promise<Report> {
  await hashesReady()
  const stream = new Stream(pieces)
  const building = await Building.begin(to)
  try {
    const format = await readHeader(stream)
    const { end, rows } = await readPages(stream, format, building)
    const made: Format = { ...format, instance: newInstance() }
    const { number, marks, rowCount, rowSum } = end
    const head = await writeRestart(building, { number, previous: genesis(made), marks, rowCount, rowSum })
    await building.finish(made, head)
    return { ok: true, commit: number, rows: { ...rows, L: 1 }, problems: [] }
  } catch (e) {
    await building.abandon()
    if (e instanceof Malformed) throw new RhizomeError('IMPORT_INVALID', `the exported bytes are not whole: ${e.message}`)
    throw e
  }
}

async function readHeader(stream: Stream): Promise<Format> {
  if (Buffer.from(await stream.take(MAGIC.length)).toString('latin1') !== MAGIC) throw new Malformed('they do not begin like an export')
  const bytes = await stream.take(await stream.varint(4096))
  try {
    return decodeFormat(bytes, 'the exported format')
  } catch (e) {
    if (e instanceof RhizomeError && e.code === 'CORRUPT') throw new Malformed(e.message)
    throw e
  }
}

async function readPages(stream: Stream, format: Format, building: Building): Promise<{ end: End; rows: Record<string, number> }> {
  const seen: End = { number: 0, marks: { refs: 0, cids: 0, gids: 0 }, rows: 0, rowCount: 0, rowSum: 0n }
  const rows: Record<string, number> = {}
  let chain = blake2b256(PAGE_DOMAIN, encodeFormat(format))
  let last: Uint8Array = EMPTY
  for (;;) {
    const body = await stream.take(await stream.varint(PAGE_BYTES_MAX))
    chain = blake2b256(PAGE_DOMAIN, chain, body)
    if (!equalBytes(chain, await stream.take(chain.length))) throw new Malformed('a page does not continue the one before')
    const r = new Reader(body)
    const kind = r.u8()
    if (kind === END) {
      const end = readEnd(r)
      if (end.rows !== seen.rows || end.rowCount !== seen.rowCount || end.rowSum !== (seen.rowSum & MASK_64))
        throw new Malformed('rows are missing')
      if (!(await stream.isOver())) throw new Malformed('there is more after the end')
      return { end, rows }
    }
    if (kind !== ROWS) throw new Malformed('unknown kind of page')
    while (r.left > 0) {
      const key = r.blob()
      const value = r.blob()
      if (!isEmbedders(key) || compareBytes(last, key) >= 0) throw new Malformed('rows are out of order or of an unknown kind')
      last = key
      tally(seen, key, value)
      const tag = String.fromCharCode(key[0]!)
      rows[tag] = (rows[tag] ?? 0) + 1
      await building.put(key, sealRow(key, value))
    }
  }
}

function readEnd(r: Reader): End {
  const number = r.count()
  const marks = { refs: r.count(), cids: r.count(), gids: r.count() }
  const end = { number, marks, rows: r.count(), rowCount: r.count(), rowSum: r.u64() }
  r.end()
  return end
}

/** Bytes on demand from pieces of any size. */
class Stream {
  readonly #pieces: AsyncIterator<Uint8Array>
  #have: Uint8Array = EMPTY

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  async take(n: number): Promise<Uint8Array> {
    const parts = [this.#have]
    for (let have = this.#have.length; have < n; ) {
      const next = await this.#pieces.next()
      if (next.done === true) throw new Malformed('they end too early')
      parts.push(next.value)
      have += next.value.length
    }
    const all = parts.length === 1 ? this.#have : concatBytes(...parts)
    this.#have = all.subarray(n)
    return all.subarray(0, n)
  }

  async varint(max: number): Promise<number> {
    const bytes: number[] = []
    do bytes.push((await this.take(1))[0]!)
    while (bytes.at(-1)! >= 128 && bytes.length < 8)
    const n = new Reader(Uint8Array.from(bytes)).varint()
    if (n > max) throw new Malformed('a page is too long')
    return n
  }

  async isOver(): Promise<boolean> {
    while (this.#have.length === 0) {
      const next = await this.#pieces.next()
      if (next.done === true) return true
      this.#have = next.value
    }
    return false
  }
}
