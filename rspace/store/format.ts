import { blake2b256 } from '../blake.ts'
import { RhizomeError } from '../errors.ts'
import { fromText, Malformed, Reader, toText, Writer } from './bytes.ts'
import { rowHash, slicedBlake2b256, xxh64 } from './hash.ts'

/** Every byte written here is described in docs/persistence.md. */

export const FORMAT_MAJOR = 2
export const FORMAT_MINOR = 0
/** The oldest that is still read and written. A store keeps the version that it was made with. */
const FORMAT_MAJOR_MIN = 1

/** What the rows of a tag are. Bytes are in stored data: append, never renumber. `summed` rows enter row count and row sum. */
export const TAGS = {
  B: { doc: 'blob shared by content', summed: true },
  C: { doc: 'channel bytes', summed: true },
  D: { doc: 'datum', summed: true },
  G: { doc: 'group of channels', summed: true },
  I: { doc: 'idempotence id', summed: true },
  K: { doc: 'continuation', summed: true },
  L: { doc: 'commit record', summed: false },
  M: { doc: 'format, and heads when there is no directory for files', summed: false },
  N: { doc: 'trie node', summed: false },
  O: { doc: 'unacknowledged COMM event', summed: true },
  S: { doc: 'checkpoint', summed: false },
  T: { doc: 'renewed turn', summed: true },
  X: { doc: 'side row of the embedder', summed: true },
} as const
export type Tag = keyof typeof TAGS

const KNOWN = new Uint8Array(256)
const SUMMED = new Uint8Array(256)
for (const [tag, { summed }] of Object.entries(TAGS)) {
  KNOWN[tag.charCodeAt(0)] = 1
  if (summed) SUMMED[tag.charCodeAt(0)] = 1
}
const LOG_TAG = 'L'.charCodeAt(0)
const META_TAG = 'M'.charCodeAt(0)

export const isKnownTag = (tag: number): boolean => KNOWN[tag] === 1
export const isSummedTag = (tag: number): boolean => SUMMED[tag] === 1
export const isSummed = (key: Uint8Array): boolean => isSummedTag(key[0]!)
export const isLog = (key: Uint8Array): boolean => key[0] === LOG_TAG
export const isMeta = (key: Uint8Array): boolean => key[0] === META_TAG
/** Rows an embedder may write: everything but the store's own `L` and `M`. */
export const isEmbedders = (key: Uint8Array): boolean => isEmbeddersTag(key[0]!)
export const isEmbeddersTag = (tag: number): boolean => KNOWN[tag] === 1 && tag !== LOG_TAG && tag !== META_TAG

const bound = (text: string) => fromText(text)
/** Above every key of this format: tags are letters, so 0xff bytes cannot start one. */
export const KEY_END = new Uint8Array(16).fill(0xff)
export const KEY_START = new Uint8Array(0)
/** The ranges that hold rows of row count and row sum, in key order. Unknown tags fall into them and are noticed. */
export const ROW_RANGES: readonly (readonly [Uint8Array, Uint8Array])[] = [
  [KEY_START, bound('L')],
  [bound('O'), bound('S')],
  [bound('T'), KEY_END],
]
export const LOG_RANGE: readonly [Uint8Array, Uint8Array] = [bound('L'), bound('M')]

export function logKey(number: number): Uint8Array {
  return new Writer(9).u8(LOG_TAG).count(number).view()
}
export function metaKey(name: string): Uint8Array {
  return fromText('M' + name)
}

// ---- rows --------------------------------------------------------------------------------------------------------------------------

export const CHECKSUM_BYTES = 8

/** value ‖ xxh64(key ‖ value) */
export function sealRow(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(value.length + CHECKSUM_BYTES)
  out.set(value)
  new DataView(out.buffer).setBigUint64(value.length, rowHash(key, value))
  return out
}

/** The value of a stored row and its checksum, or undefined if the checksum is wrong. */
export function openRow(key: Uint8Array, stored: Uint8Array): { value: Uint8Array; hash: bigint } | undefined {
  const length = stored.length - CHECKSUM_BYTES
  if (length < 0) return undefined
  const value = stored.subarray(0, length)
  const hash = rowHash(key, value)
  if (new DataView(stored.buffer, stored.byteOffset + length, CHECKSUM_BYTES).getBigUint64(0) !== hash) return undefined
  return { value, hash }
}

function sealFile(w: Writer): Uint8Array {
  return w.u64(xxh64(w.view())).view().slice()
}

/** The content of one of our small files, without its checksum. @throws Malformed */
function openFile(bytes: Uint8Array, magic: string): Reader {
  const length = bytes.length - CHECKSUM_BYTES
  if (length < magic.length) throw new Malformed('too short')
  const body = bytes.subarray(0, length)
  if (new Reader(bytes.subarray(length)).u64() !== xxh64(body)) throw new Malformed('wrong checksum')
  const r = new Reader(body)
  if (Buffer.from(r.raw(magic.length)).toString('latin1') !== magic) throw new Malformed('wrong first bytes')
  return r
}

// ---- RHZ.FORMAT --------------------------------------------------------------------------------------------------------------------

export type StoredDurability = 'process' | 'power'
const DURABILITY: readonly (StoredDurability | undefined)[] = [undefined, 'process', 'power']
const CHECKSUM_XXH64 = 1
const CHAIN_BLAKE2B_256 = 1
const FORMAT_MAGIC = 'RHZSPACE'
const SALVAGED = 1

export interface Format {
  readonly major: number
  readonly minor: number
  readonly durability: StoredDurability
  /** The embedder's codec set; the store only compares it. */
  readonly codecs: string
  /** Sixteen bytes that tell this store from every other. */
  readonly instance: Uint8Array
  /** Made by repair from the readable rows of a damaged store. */
  readonly salvaged: boolean
}

export function encodeFormat(f: Format): Uint8Array {
  const w = new Writer(64).raw(fromText(FORMAT_MAGIC)).u16(f.major).u16(f.minor)
  w.u8(DURABILITY.indexOf(f.durability)).u8(CHECKSUM_XXH64).u8(CHAIN_BLAKE2B_256)
  w.u8(f.salvaged ? SALVAGED : 0)
    .raw(f.instance)
    .blob(fromText(f.codecs))
  return sealFile(w)
}

/** @throws RhizomeError `CORRUPT` (damaged), `VERSION` (newer), `CODEC_MISMATCH` (other hashes) */
export function decodeFormat(bytes: Uint8Array, where: string): Format {
  return decoding(where, () => {
    const r = openFile(bytes, FORMAT_MAGIC)
    const major = r.u16()
    const minor = r.u16()
    if (major > FORMAT_MAJOR || major < FORMAT_MAJOR_MIN) {
      throw new RhizomeError(
        'VERSION',
        `this store has format ${major}.${minor}; this version reads ${FORMAT_MAJOR_MIN}.x to ${FORMAT_MAJOR}.x`,
        {
          details: { where, major, minor },
          hint: 'Open it with the version that wrote it, or a newer one.',
        },
      )
    }
    const durability = DURABILITY[r.u8()]
    if (durability === undefined) throw new Malformed('unknown durability class')
    const checksum = r.u8()
    const chain = r.u8()
    if (checksum !== CHECKSUM_XXH64 || chain !== CHAIN_BLAKE2B_256) {
      throw new RhizomeError('CODEC_MISMATCH', 'this store uses hashes that this version does not have', {
        details: { where, checksum, chain },
      })
    }
    const flags = r.u8()
    if (flags > SALVAGED) throw new Malformed('unknown flags')
    const instance = r.raw(16).slice()
    const codecs = toText(r.blob())
    r.end()
    return { major, minor, durability, codecs, instance, salvaged: flags === SALVAGED }
  })
}

// ---- RHZ.CLEAN, RHZ.OPEN -----------------------------------------------------------------------------------------------------------

const HEAD_MAGIC = 'RHZHEAD\0'

/** A state of the store in five figures. */
export interface Head {
  readonly number: number
  readonly chain: Uint8Array
  readonly rowCount: number
  readonly rowSum: bigint
}

export function encodeHead(head: Head, instance: Uint8Array): Uint8Array {
  const w = new Writer(96).raw(fromText(HEAD_MAGIC)).raw(instance).count(head.number).raw(head.chain)
  return sealFile(w.count(head.rowCount).u64(head.rowSum))
}

/** @throws RhizomeError `CORRUPT` */
export function decodeHead(bytes: Uint8Array, where: string): Head & { readonly instance: Uint8Array } {
  return decoding(where, () => {
    const r = openFile(bytes, HEAD_MAGIC)
    const instance = r.raw(16).slice()
    const head = { number: r.count(), chain: r.raw(32).slice(), rowCount: r.count(), rowSum: r.u64(), instance }
    r.end()
    return head
  })
}

export function sameHead(a: Head, b: Head): boolean {
  return a.number === b.number && a.rowCount === b.rowCount && a.rowSum === b.rowSum && Buffer.compare(a.chain, b.chain) === 0
}

// ---- commit records ----------------------------------------------------------------------------------------------------------------

/** Highest numbers given out so far; repair drops rows above them. */
export interface Marks {
  readonly refs: number
  readonly cids: number
  readonly gids: number
}
export const NO_MARKS: Marks = { refs: 0, cids: 0, gids: 0 }

export interface RowChange {
  readonly key: Uint8Array
  /** Checksum of the new row; absent: the row was deleted. */
  readonly hash?: bigint
  /** The value that was replaced or deleted; absent: the row is new. */
  readonly before?: Uint8Array
  /** The new value, when it was asked for and can still be found. */
  readonly value?: Uint8Array
}

export interface CommitRecord extends Head {
  readonly previous: Uint8Array
  /** The oldest commit whose record is kept once this one is written. */
  readonly oldest: number
  /** Bytes of all records (keys and values) before this one since the store was made; differences are sizes. */
  readonly logBytesBefore: number
  readonly marks: Marks
  readonly changes: readonly RowChange[]
  /** What the embedder wants to be told about this commit later. */
  readonly events: readonly Uint8Array[]
}

const CHAIN_BYTES = 32
const CHAIN_DOMAIN = fromText('rhz:chain\0')
const GENESIS_DOMAIN = fromText('rhz:genesis\0')
/** Flags of a change. */
export const CHANGE_PUT = 1
export const CHANGE_BEFORE = 2

/** What commit 0 takes for the chain before it. */
export function genesis(format: Format): Uint8Array {
  return blake2b256(GENESIS_DOMAIN, encodeFormat(format))
}

/** The same, a turn of the event loop now and then for others. */
export function slicedChain(previous: Uint8Array, body: Uint8Array): Promise<Uint8Array> {
  return slicedBlake2b256([CHAIN_DOMAIN, previous, body])
}
export function chainOf(previous: Uint8Array, body: Uint8Array): Uint8Array {
  return blake2b256(CHAIN_DOMAIN, previous, body)
}

/** Everything of a record but its list of changes. */
export function writeRecordStart(w: Writer, r: Omit<CommitRecord, 'changes' | 'events' | 'chain'>): Writer {
  w.count(r.number).raw(r.previous).count(r.oldest).count(r.logBytesBefore).count(r.rowCount).u64(r.rowSum)
  return w.count(r.marks.refs).count(r.marks.cids).count(r.marks.gids)
}

/** Set row count and row sum of a record whose start is in the writer at `at`. */
export function patchTotals(w: Writer, at: number, rowCount: number, rowSum: bigint): void {
  const end = w.length
  w.length = at + ROW_COUNT_AT
  w.count(rowCount).u64(rowSum)
  w.length = end
}
const ROW_COUNT_AT = 8 + 32 + 8 + 8

export function writeChange(w: Writer, key: Uint8Array, hash: bigint | undefined, before: Uint8Array | undefined): void {
  w.u8((hash === undefined ? 0 : CHANGE_PUT) | (before === undefined ? 0 : CHANGE_BEFORE)).blob(key)
  if (hash !== undefined) w.u64(hash)
  if (before !== undefined) w.blob(before)
}

/** body ‖ chain: the value of an `L` row, and its chain. */
function finishRecord(w: Writer, previous: Uint8Array): { value: Uint8Array; chain: Uint8Array } {
  const chain = chainOf(previous, w.view())
  return { value: w.raw(chain).view(), chain }
}

/** One record from its value (checksum already taken off). The chain is recomputed. @throws Malformed */
export function decodeRecord(value: Uint8Array): CommitRecord {
  if (value.length < CHAIN_BYTES) throw new Malformed('too short')
  const body = value.subarray(0, value.length - CHAIN_BYTES)
  const chain = value.slice(value.length - CHAIN_BYTES)
  const r = new Reader(body)
  const number = r.count()
  const previous = r.raw(CHAIN_BYTES).slice()
  if (Buffer.compare(chainOf(previous, body), chain) !== 0) throw new Malformed('chain does not fit')
  const oldest = r.count()
  const logBytesBefore = r.count()
  const rowCount = r.count()
  const rowSum = r.u64()
  const marks = { refs: r.count(), cids: r.count(), gids: r.count() }
  const changes: RowChange[] = []
  for (let n = r.varint(); n > 0; n--) {
    const flags = r.u8()
    if (flags > (CHANGE_PUT | CHANGE_BEFORE) || flags === 0) throw new Malformed('unknown kind of change')
    const key = r.blob()
    const hash = flags & CHANGE_PUT ? r.u64() : undefined
    changes.push({ key, hash, before: flags & CHANGE_BEFORE ? r.blob() : undefined })
  }
  const events: Uint8Array[] = []
  for (let n = r.varint(); n > 0; n--) events.push(r.blob())
  r.end()
  return { number, previous, chain, oldest, logBytesBefore, rowCount, rowSum, marks, changes, events }
}

export function encodeRecord(r: Omit<CommitRecord, 'chain'>): { value: Uint8Array; chain: Uint8Array } {
  const w = writeRecordStart(new Writer(), r).varint(r.changes.length)
  for (const c of r.changes) writeChange(w, c.key, c.hash, c.before)
  w.varint(r.events.length)
  for (const e of r.events) w.blob(e)
  return finishRecord(w, r.previous)
}

/** Where the numbers of a key are: byte offset and which mark bounds them. Refs are counter(8) ‖ shard(2); only the counter is bounded. */
const NUMBERS: Readonly<Record<string, readonly (readonly [number, keyof Marks])[]>> = {
  C: [[1, 'cids']],
  D: [
    [1, 'cids'],
    [9, 'refs'],
  ],
  G: [[1, 'gids']],
  K: [
    [1, 'gids'],
    [9, 'refs'],
  ],
  O: [[1, 'refs']],
  T: [[1, 'refs']],
}

interface KeyAndValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** True if the row was made after `marks` were taken. Rows without numbers never are. */
export function isAboveMarks(row: KeyAndValue, marks: Marks): boolean {
  const own = numbersOf(row)
  return own.refs > marks.refs || own.cids > marks.cids || own.gids > marks.gids
}

/** The marks that all of `rows` are within. */
export function marksOf(rows: Iterable<KeyAndValue>): Marks {
  const marks = { refs: 0, cids: 0, gids: 0 }
  for (const row of rows) {
    const own = numbersOf(row)
    marks.refs = Math.max(marks.refs, own.refs)
    marks.cids = Math.max(marks.cids, own.cids)
    marks.gids = Math.max(marks.gids, own.gids)
  }
  return marks
}

function numbersOf({ key, value }: KeyAndValue): Marks {
  const own = { ...NO_MARKS }
  const tag = String.fromCharCode(key[0]!)
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  for (const [at, mark] of NUMBERS[tag] ?? []) {
    if (key.length < at + 8) continue
    own[mark] = Math.min(Number(view.getBigUint64(at)), Number.MAX_SAFE_INTEGER)
    // The row of a record that took another one's place: its ref is in the value.
    if (own[mark] === 0 && mark === 'refs' && (tag === 'D' || tag === 'K')) own.refs = leadingVarint(value)
  }
  return own
}

/** The number a value begins with, 0 if it does not begin with one: other embedders have other layouts. */
function leadingVarint(value: Uint8Array): number {
  try {
    return new Reader(value).varint()
  } catch (e) {
    if (e instanceof Malformed) return 0
    throw e
  }
}

export const MASK_64 = (1n << 64n) - 1n

export function rowOf(key: Uint8Array, value: Uint8Array): [Uint8Array, Uint8Array] {
  return [key, sealRow(key, value)]
}

function decoding<T>(where: string, read: () => T): T {
  try {
    return read()
  } catch (e) {
    if (!(e instanceof Malformed)) throw e
    throw new RhizomeError('CORRUPT', `${where} is damaged: ${e.message}`, { details: { where, reason: e.message } })
  }
}
