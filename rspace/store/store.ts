import { BadArgument, RhizomeError } from '../errors.ts'
import type { Anchor } from './anchor.ts'
import { EMPTY, equalBytes, showKey, Writer } from './bytes.ts'
import { type Before, Changes } from './changes.ts'
import { copyStore } from './copy.ts'
import { asStorageError, type Engine, type Gathering, nextTurn, type Op, REPAIR_HINT } from './engine.ts'
import {
  CHECKSUM_BYTES,
  type CommitRecord,
  chainOf,
  encodeFormat,
  encodeRecord,
  type Format,
  genesis,
  isEmbedders,
  isEmbeddersTag,
  isSummed,
  isSummedTag,
  logKey,
  MASK_64,
  type Marks,
  metaKey,
  NO_MARKS,
  openRow,
  patchTotals,
  ROW_RANGES,
  type RowChange,
  sealRow,
  slicedChain,
  writeChange,
  writeRecordStart,
} from './format.ts'
import { rowHash, xxh64 } from './hash.ts'
import { PACK_TAIL, type Pack } from './pack.ts'
import { Press } from './press.ts'
import { PRESS_BYTES } from './press-code.ts'
import { type Report, verifyEngine } from './verify.ts'
import { readRecord, recordBytes, Tally } from './walk.ts'

/** A row to write; with what the key held before (`null`: nothing) the store need not look it up. A wrong hint damages the row sum. */
export type Put = readonly [key: Uint8Array, value: Uint8Array, before?: Before]
/** A key to delete, alone or with what it held before. */
export type Del = Uint8Array | readonly [key: Uint8Array, before?: Before]

/** Changes that become visible and durable together. Handed over: do not change the arrays until the commit has settled. */
export interface Delta {
  readonly put?: readonly Put[]
  readonly del?: readonly Del[]
  /** New rows, beside `put` and `del`: their keys occur neither there nor in another pack. A delta with packs has a commit of its own. */
  readonly packs?: readonly Pack[]
  /** Rows that go, with what they held; the same promises as for `packs`. */
  readonly gone?: readonly Pack[]
  /** Rows that take the place of others: each right before what its key held until now, in one chunk. Otherwise as `packs`. */
  readonly renewed?: readonly Pack[]
}

export interface CommitMeta {
  /** Highest numbers given out; absent ones stay as they were, lower ones are ignored. */
  readonly marks?: Partial<Marks>
  /** Kept in the commit record as it is. */
  readonly event?: Uint8Array
  /** Called when all of the changes have been taken in and are only to be written: what is left is not this thread's work. */
  readonly gathered?: () => void
}

export interface Commit {
  readonly number: number
  readonly chain: Uint8Array
}

/** How many commit records are kept: dropped are those beyond `commits` *and* beyond `bytes`. */
export interface Keep {
  readonly commits: number
  readonly bytes: number
}
export const KEEP: Keep = { commits: 10_000, bytes: 64 << 20 }

export const KEY_BYTES_MAX = 65_535
export const VALUE_BYTES_MAX = 256 << 20
/** All keys, values and before-images of one commit; the engine builds a batch in memory. */
export const COMMIT_BYTES_MAX = 1 << 30
/** Waiting deltas are merged into one commit up to these; a single delta is never split. */
const GROUP_OPS_MAX = 65_536
const GROUP_BYTES_MAX = 16 << 20
/** Encoding gives the event loop a turn after this much: well below 2 ms. */
const SLICE_OPS = 512
const SLICE_BYTES = 1 << 20
/** Records dropped by one commit, so that none has to pay for all. */
const DROPS_MAX = 64

/** Where the store stands: the last commit and what the next one needs to know. */
export interface Standing extends Commit {
  readonly rowCount: number
  readonly rowSum: bigint
  readonly marks: Marks
  readonly oldest: number
  readonly logBytes: number
}

export interface Opened {
  readonly engine: Engine
  readonly anchor: Anchor
  readonly format: Format
  readonly standing: Standing
  /** The last close was clean, and nothing has been written since. */
  readonly wasClean: boolean
  readonly recovered: number | undefined
  readonly readOnly: boolean
  readonly keep: Keep
  /** Rows need no check: the store has just been made. */
  readonly verified: boolean
  /** The rows have been read and are what the last commit says. */
  onVerified(): Promise<void>
  /** The first commit is in: the store may now be found by others. */
  onFirstCommit(): Promise<void>
  /** After the engine is closed. `used`: it had been verified, so what is on disk is to stay. */
  onClosed(used: boolean): Promise<void>
}

interface Waiting {
  readonly delta: Delta
  readonly changes: Changes
  /** Changes, rows of packs among them. */
  readonly ops: number
  readonly meta: CommitMeta
  readonly bytes: number
  resolve(c: Commit): void
  reject(e: unknown): void
}

/** A commit that only needs to be written; without `next` it changes nothing. */
interface Prepared {
  readonly group: Waiting[]
  readonly changes?: Changes
  readonly next?: Standing
  readonly batch?: Gathering
}

/** Changes that wait before the next batch is made ready beside the one in flight; fewer are better gathered. */
const AHEAD_OPS = 128

/**
 * Rows of bytes on an engine: every change is part of a numbered, chained commit, every row is checked when it is read, and what was
 * acknowledged is there after a crash. One writer; reads and commits may overlap.
 */
export class Store {
  readonly format: Format
  /** Set if the last close was not clean: the commit that was found, all later ones being lost. */
  readonly recovered: number | undefined
  readonly readOnly: boolean
  readonly #opened: Opened
  readonly #engine: Engine
  readonly #sync: boolean
  #standing: Standing
  /** Where the store will stand when everything prepared has been written. */
  #planned: Standing
  #verified: boolean
  #begun = false
  #firstDone = false
  #failure: RhizomeError | undefined
  #closing: Promise<void> | undefined
  #leader: Promise<void> | undefined
  #leading = false
  readonly #queue: Waiting[] = []
  #queuedOps = 0
  #nudge: (() => void) | undefined
  /** The changes of the batch in flight. */
  #flying: Changes | undefined
  /** It also has packs. */
  #flyingPacks = false
  #landing: Promise<void> | undefined
  #record = new Writer(4096)
  /** Odd while a batch is in flight; tells a reading whether commits went on beside it. */
  #epoch = 0
  /** `logBytesBefore` of the oldest records, from `oldest` on. */
  #ages: number[] = []

  constructor(opened: Opened) {
    this.#opened = opened
    this.#engine = opened.engine
    this.#standing = this.#planned = opened.standing
    this.#verified = opened.verified
    this.format = opened.format
    this.recovered = opened.recovered
    this.readOnly = opened.readOnly
    this.#sync = opened.format.durability === 'power'
  }

  /** The last commit that is as durable as the store's class promises. */
  get committed(): Commit {
    return { number: this.#standing.number, chain: this.#standing.chain }
  }

  /** Highest numbers given out, as of the last commit. */
  get marks(): Marks {
    return this.#standing.marks
  }

  get stats(): {
    readonly rows: number
    readonly commit: number
    readonly oldestCommit: number
    readonly waiting: number
    readonly failed: boolean
  } {
    const { rowCount, number, oldest } = this.#standing
    return { rows: rowCount, commit: number, oldestCommit: oldest, waiting: this.#queue.length, failed: this.#failure !== undefined }
  }

  /**
   * All rows in key order, in pages, except commit records, checkpoints and trie nodes. The first complete reading is also the check
   * that the store is whole; until then nothing is written.
   * @throws RhizomeError `CORRUPT`, `VERSION` after the last page: discard what was read
   */
  async *rows(): AsyncGenerator<[Uint8Array, Uint8Array][], void, undefined> {
    this.#checkUsable()
    yield* this.#readRows()
  }

  async *#readRows(): AsyncGenerator<[Uint8Array, Uint8Array][], void, undefined> {
    const epoch = this.#epoch
    const tally = new Tally()
    for (const [from, to] of ROW_RANGES) {
      for await (const page of this.#pages(from, to)) {
        const out: [Uint8Array, Uint8Array][] = []
        for (const [key, stored] of page) {
          const value = tally.add(key, stored)
          if (value !== undefined) out.push([key, value])
        }
        if (tally.problems.length === 0 && out.length > 0) yield out
      }
    }
    if (epoch === this.#epoch && epoch % 2 === 0) tally.finish(this.#standing)
    if (tally.problems.length > 0) throw this.#fail(corrupt(tally))
    if (this.#verified) return
    this.#verified = true
    await this.#opened.onVerified()
  }

  /** The values of some rows, checked; undefined where there is none. @throws RhizomeError `CORRUPT`, `IO` */
  async get(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#checkUsable()
    return this.#read(keys)
  }

  /** Rows with from ≤ key < to, checked, whatever their kind. @throws RhizomeError `CORRUPT`, `IO` */
  async *range(from: Uint8Array, to: Uint8Array): AsyncGenerator<[Uint8Array, Uint8Array][], void, undefined> {
    this.#checkUsable()
    for await (const page of this.#pages(from, to)) yield page.map(([key, stored]) => [key, openChecked(key, stored)])
  }

  /**
   * Make changes durable. Deltas that wait at the same time share a commit, in the order of the calls; a later one wins where they
   * touch the same key. A delta that changes nothing makes no commit.
   * @returns the commit that contains the changes, once it survives what the durability class says
   * @throws RhizomeError `IO` or `DISK_FULL` (the first failure), `SPACE_FAILED` (all later ones), `SPACE_CLOSED`, `READ_ONLY`,
   * `LIMIT`; BadArgument
   */
  commit(delta: Delta, meta: CommitMeta = {}): Promise<Commit> {
    return new Promise((resolve, reject) => {
      if (this.readOnly) throw new RhizomeError('READ_ONLY')
      this.#checkUsable()
      const { bytes, changes, ops } = measure(delta, meta)
      this.#queue.push({ delta, changes, ops, meta, bytes, resolve, reject })
      this.#queuedOps += ops
      if (this.#queuedOps >= AHEAD_OPS) this.#nudge?.()
      if (this.#leading) return
      this.#leading = true
      this.#leader = this.#lead()
    })
  }

  /**
   * The kept commits from number `from` on, up to the last one at the time of the call.
   * @param o.values also find the new values: they are not in the records, but in later before-images or the present rows
   * @throws RhizomeError `UNKNOWN_COMMIT` (details.oldest), `CORRUPT`
   */
  async *log(from?: number, o: { readonly values?: boolean } = {}): AsyncGenerator<CommitRecord, void, undefined> {
    this.#checkUsable()
    const { oldest, number } = this.#standing
    const first = from ?? oldest
    if (!Number.isSafeInteger(first) || first < 0) throw new BadArgument('`from` must be a commit number')
    if (first < oldest)
      throw new RhizomeError('UNKNOWN_COMMIT', `commit ${first} is not kept any more`, { details: { oldest, commit: first } })
    if (o.values !== true) {
      yield* this.#records(first, number)
      return
    }
    const records: CommitRecord[] = []
    for await (const record of this.#records(first, number)) records.push(record)
    yield* await this.#withValues(records)
  }

  /** Read everything and compare; changes nothing. Resolves also when the store is damaged (`ok: false`). */
  async verify(): Promise<Report> {
    this.#checkUsable()
    return verifyEngine(this.#engine, { format: this.format })
  }

  /**
   * Write the present state with all kept commit records into a new directory, while commits go on.
   * @throws RhizomeError `CORRUPT`; BadArgument if `dir` exists and is not empty
   */
  async backup(dir: string): Promise<Report> {
    this.#checkUsable()
    return copyStore(this.#engine, this.format, dir)
  }

  /** Let the engine give back the space of deleted rows. */
  async compact(): Promise<void> {
    this.#checkUsable()
    try {
      await this.#engine.compact?.()
    } catch (e) {
      throw this.#fail(asStorageError(e, 'compacting'))
    }
  }

  /** Commit everything that waits, then close. Later calls return the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  // ---- the one writer --------------------------------------------------------------------------------------------------------------

  /** Writing begins before the call returns where nothing needs to be waited for: a caller that goes on without a pause has the disk work beside it. */
  async #lead(): Promise<void> {
    if (!hasPacks(this.#queue[0]!.delta)) await undefined // callers of the same turn share the first commit
    let ahead: Prepared | undefined
    while (ahead !== undefined || this.#queue.length > 0) {
      const next = ahead ?? this.#prepareNext()
      const now = next instanceof Promise ? await next : next
      ahead = undefined
      if (now === undefined) continue
      const landing = (this.#landing = this.#land(now))
      if (this.#firstDone) ahead = await this.#prepareBeside(landing)
      await landing
      if (ahead !== undefined && this.#failure !== undefined) {
        await ahead.batch?.discard()
        this.#abandon(ahead.group, failedBefore(this.#failure))
        ahead = undefined
      }
    }
    this.#leading = false
    this.#leader = undefined
  }

  /** While a batch is on its way to the disk: make the next one ready, once there is enough for it. */
  async #prepareBeside(landing: Promise<void>): Promise<Prepared | undefined> {
    let landed = false
    const end = landing.then(() => {
      landed = true
    })
    while (!landed) {
      if (this.#queuedOps >= AHEAD_OPS) return this.#prepareNext(landing)
      await Promise.race([
        end,
        new Promise<void>(resolve => {
          this.#nudge = resolve
        }),
      ])
    }
    return undefined
  }

  #prepareNext(landing?: Promise<void>): Soon<Prepared | undefined> {
    const group = this.#takeGroup()
    const done = (prepared: Prepared): Prepared => {
      for (const w of group) w.meta.gathered?.()
      return prepared
    }
    const failed = async (e: unknown): Promise<undefined> => {
      await landing // answers are given in the order of the commits
      this.#abandon(group, e)
    }
    try {
      const prepared = stepwise(this.#prepare(group))
      return prepared instanceof Promise ? prepared.then(done).catch(failed) : done(prepared)
    } catch (e) {
      return failed(e)
    }
  }

  #abandon(group: readonly Waiting[], e: unknown): void {
    const failure = this.#fail(asStorageError(e, 'writing a commit'))
    for (const w of group) w.reject(failure)
    const later = failedBefore(failure)
    this.#queuedOps = 0
    for (const w of this.#queue.splice(0)) w.reject(later)
  }

  #takeGroup(): Waiting[] {
    let n = 1
    const first = this.#queue[0]!
    let { bytes, ops } = first
    for (; n < this.#queue.length && !hasPacks(first.delta); n++) {
      const w = this.#queue[n]!
      if (hasPacks(w.delta) || bytes + w.bytes > GROUP_BYTES_MAX || ops + w.ops > GROUP_OPS_MAX) break
      bytes += w.bytes
      ops += w.ops
    }
    this.#queuedOps -= ops
    return this.#queue.splice(0, n)
  }

  /** Everything about a commit but its writing: it follows the commit prepared last, which may still be on its way. */
  *#prepare(group: Waiting[]): Steps<Prepared> {
    if (this.#failure !== undefined) throw failedBefore(this.#failure)
    if (!this.#verified) yield this.#readAll() // never write onto rows nobody has checked
    const changes = merge(group)
    if (changes.befores.includes(undefined)) yield this.#lookUp(changes)
    const events = group.flatMap(w => w.meta.event ?? [])
    const marks = group.reduce((m, w) => raise(m, w.meta.marks), this.#planned.marks)
    const kept: number[] = []
    for (let i = 0; i < changes.size; i++) if (!changesNothing(changes.values[i], changes.befores[i])) kept.push(i)
    const { packs = NO_PACKS, gone = NO_PACKS, renewed = NO_PACKS } = group[0]!.delta
    const isBare = kept.length === 0 && isEmpty(packs) && isEmpty(gone) && isEmpty(renewed)
    if (isBare && events.length === 0 && marks === this.#planned.marks) return { group }
    const drops = yield* this.#dueDrops()
    const batch = this.#engine.gather?.() ?? new Gathered(this.#engine)
    let next: Standing
    try {
      next = yield* this.#encode(batch, changes, kept, { packs, gone, renewed, marks, events, drops })
    } catch (e) {
      yield batch.discard()
      throw e
    }
    this.#planned = next
    this.#ages.splice(0, drops)
    return { group, changes, next, batch }
  }

  async #readAll(): Promise<void> {
    for await (const _ of this.#readRows());
  }

  /** Write what has been prepared and tell its callers. Never rejects. */
  async #land({ group, changes, next, batch }: Prepared): Promise<void> {
    try {
      if (next !== undefined) {
        if (!this.#begun) {
          await this.#opened.anchor.begin(this.#standing)
          this.#begun = true
        }
        this.#epoch++
        this.#flying = changes
        this.#flyingPacks = hasPacks(group[0]!.delta)
        await batch!.write(this.#sync)
        this.#standing = next
        this.#flying = undefined
        this.#flyingPacks = false
        this.#epoch++
        if (!this.#firstDone) {
          await this.#opened.onFirstCommit()
          this.#firstDone = true
        }
      }
      const commit = this.committed
      for (const w of group) w.resolve(commit)
    } catch (e) {
      this.#abandon(group, e)
    }
  }

  /** What the keys held before, from the callers' hints or from the engine: afterwards none is unknown. */
  async #lookUp({ keys, befores }: Changes): Promise<void> {
    const unknown: number[] = []
    for (let i = 0; i < befores.length; i++) if (befores[i] === undefined) unknown.push(i)
    // What is in a pack is not looked for there.
    if (this.#flyingPacks) await this.#landing
    const flying = this.#flying
    if (flying !== undefined) {
      // What is on its way is not in the engine yet.
      let left = 0
      for (const i of unknown) {
        const found = flying.valueOf(keys[i]!)
        if (found === null) unknown[left++] = i
        else befores[i] = found ?? null
      }
      unknown.length = left
    }
    for (let at = 0; at < unknown.length; at += SLICE_OPS) {
      const some = unknown.slice(at, at + SLICE_OPS)
      const found = await this.#engine.getMany(some.map(i => keys[i]!))
      for (let j = 0; j < some.length; j++) {
        const i = some[j]!
        const stored = found[j]
        befores[i] = stored === undefined ? null : openChecked(keys[i]!, stored)
      }
    }
  }

  /** Everything but the writing of a commit: fills the batch and says where the store will stand. */
  *#encode(
    batch: Gathering,
    changes: Changes,
    kept: readonly number[],
    o: {
      readonly packs: readonly Pack[]
      readonly gone: readonly Pack[]
      readonly renewed: readonly Pack[]
      readonly marks: Marks
      readonly events: readonly Uint8Array[]
      readonly drops: number
    },
  ): Steps<Standing> {
    const now = this.#planned
    const number = now.number + 1
    const oldest = now.oldest + o.drops
    const packed = rowsIn(o.packs) + rowsIn(o.gone) + rowsIn(o.renewed) / 2
    // The record lies as key ‖ value ‖ checksum in memory that is used again: batches take copies.
    if (this.#record.bytes.length > RECORD_BYTES_KEPT) this.#record = new Writer(4096)
    const w = this.#record
    const recordKey = logKey(number)
    w.length = 0
    const start = { number, previous: now.chain, oldest, logBytesBefore: now.logBytes, rowCount: 0, rowSum: 0n, marks: o.marks }
    writeRecordStart(w.raw(recordKey), start).varint(kept.length + packed)
    const sealing = new Sealing(batch, w, now)
    for (let at = 0; at < kept.length; ) {
      if (at > 0) yield nextTurn()
      at = sealing.changes(changes, kept, at)
    }
    for (const [packs, kind] of [[o.packs, 'come'] as const, [o.gone, 'go'] as const, [o.renewed, 'renewed'] as const]) {
      for (const pack of packs) {
        for (let at = 0; at < pack.count; ) {
          at = sealing.packed(pack, at, kind)
          if (at < pack.count) yield nextTurn()
        }
      }
    }
    const { rowCount } = sealing
    const rowSum = sealing.rowSum & MASK_64
    patchTotals(w, recordKey.length, rowCount, rowSum)
    w.varint(o.events.length)
    for (const e of o.events) w.blob(e)
    const body = w.view().subarray(recordKey.length)
    let chain: Uint8Array = EMPTY
    if (body.length <= SLICE_BYTES) chain = chainOf(now.chain, body)
    else
      yield slicedChain(now.chain, body).then(made => {
        chain = made
      })
    const length = w.raw(chain).length - recordKey.length
    for (let n = now.oldest; n < oldest; n++) batch.del(logKey(n))
    batch.put(recordKey, w.u64(xxh64(w.view())).view().subarray(recordKey.length))
    return { number, chain, rowCount, rowSum, marks: o.marks, oldest, logBytes: now.logBytes + recordBytes(length) }
  }

  /** How many of the oldest records the next commit may drop. */
  *#dueDrops(): Steps<number> {
    const { commits, bytes } = this.#opened.keep
    const { number, oldest, logBytes } = this.#planned
    const spare = Math.min(number + 2 - oldest - commits, DROPS_MAX)
    if (spare <= 0) return 0
    if (this.#ages.length <= Math.min(spare, number - oldest)) yield this.#readAges()
    let drops = 0
    // Dropping record n leaves what was written since record n + 1 began.
    const ageOf = (n: number) => (n > number ? logBytes : (this.#ages[n - oldest] ?? logBytes - bytes + 1))
    while (drops < spare && logBytes - ageOf(oldest + drops + 1) >= bytes) drops++
    return drops
  }

  async #readAges(): Promise<void> {
    this.#ages = []
    const { oldest } = this.#planned
    const { number } = this.#standing
    for await (const record of this.#records(oldest, Math.min(number, oldest + DROPS_MAX * 8))) this.#ages.push(record.logBytesBefore)
  }

  async *#records(from: number, to: number): AsyncGenerator<CommitRecord, void, undefined> {
    let expected = from
    if (from > to) return
    for await (const page of this.#pages(logKey(from), logKey(to + 1))) {
      for (const [key, stored] of page) {
        const record = readRecord(key, stored)
        if (record === undefined || typeof record === 'string' || record.number !== expected) throw badRecord(expected)
        expected++
        yield record
      }
    }
    if (expected <= to) throw badRecord(expected)
  }

  async #withValues(records: CommitRecord[]): Promise<CommitRecord[]> {
    const later = new Map<string, Uint8Array | undefined>()
    const out: CommitRecord[] = []
    for (const record of records.reverse()) {
      const missing = record.changes.filter(c => c.hash !== undefined && !later.has(showKey(c.key)))
      const found = await this.#read(missing.map(c => c.key))
      missing.forEach((c, i) => {
        later.set(showKey(c.key), found[i])
      })
      const changes = record.changes.map((c): RowChange => {
        const value = later.get(showKey(c.key))
        later.set(showKey(c.key), c.before)
        // A commit after the reading began may have replaced the row: then the value is not told rather than told wrong.
        return c.hash !== undefined && value !== undefined && rowHash(c.key, value) === c.hash ? { ...c, value } : c
      })
      out.push({ ...record, changes })
    }
    return out.reverse()
  }

  // ---- ends ------------------------------------------------------------------------------------------------------------------------

  async #close(): Promise<void> {
    await this.#leader
    const used = this.#verified && this.#failure === undefined
    try {
      if (used && !this.readOnly && (this.#begun || !this.#opened.wasClean)) await this.#opened.anchor.end(this.#engine, this.#standing)
      else await this.#engine.close()
    } catch (e) {
      this.#fail(asStorageError(e, 'closing'))
      await this.#engine.close().catch(() => undefined) // the first error is the one to report
      throw this.#failure
    } finally {
      await this.#opened.onClosed(this.#verified)
    }
  }

  /** Any engine error, of a reading too, ends the work on this handle. */
  async *#pages(from: Uint8Array, to: Uint8Array): AsyncGenerator<[Uint8Array, Uint8Array][], void, undefined> {
    const pages = this.#engine.iterate(from, to)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await pages.next().catch(e => {
          throw this.#fail(asStorageError(e, 'reading rows'))
        })
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await pages.return?.()
    }
  }

  async #read(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return (await this.#engine.getMany(keys)).map((stored, i) => stored && openChecked(keys[i]!, stored))
    } catch (e) {
      throw this.#fail(asStorageError(e, 'reading rows'))
    }
  }

  #checkUsable(): void {
    if (this.#closing !== undefined) throw new RhizomeError('SPACE_CLOSED')
    if (this.#failure !== undefined) throw failedBefore(this.#failure)
  }

  #fail(e: RhizomeError): RhizomeError {
    this.#failure ??= e
    return e
  }
}

/** There at once, or later. */
type Soon<T> = T | Promise<T>
/** Work that waits for what it yields. */
type Steps<T> = Generator<Promise<unknown>, T, void>

/** Without a pause as far as there is nothing to wait for. */
function stepwise<T>(steps: Steps<T>): Soon<T> {
  const first = steps.next()
  return first.done === true ? first.value : afterwards(steps, first.value)
}
async function afterwards<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  for (let wait = first; ; ) {
    const next = await wait.then(
      () => steps.next(),
      (e: unknown) => steps.throw(e),
    )
    if (next.done === true) return next.value
    wait = next.value
  }
}

/** For an engine that cannot gather ahead: it gets the batch when it is written. */
class Gathered implements Gathering {
  readonly #engine: Engine
  readonly #ops: Op[] = []
  constructor(engine: Engine) {
    this.#engine = engine
  }
  put(key: Uint8Array, value: Uint8Array): void {
    this.#ops.push({ key: key.slice(), value: value.slice() })
  }
  del(key: Uint8Array): void {
    this.#ops.push({ key: key.slice() })
  }
  write(sync: boolean): Promise<void> {
    return this.#engine.batch(this.#ops, sync)
  }
  async discard(): Promise<void> {}
}

const NO_PACKS: readonly Pack[] = []
const hasPacks = (d: Delta): boolean => d.packs !== undefined || d.gone !== undefined || d.renewed !== undefined
const rowsIn = (packs: readonly Pack[]): number => packs.reduce((n, p) => n + p.count, 0)
const isEmpty = (packs: readonly Pack[]): boolean => packs.every(p => p.count === 0)

let press: Press | undefined
const pressOfAll = (): Press => (press ??= new Press(isSummedTag))

/** Takes the rows of one commit into its batch and into its record, a slice at a time; a slice is done without a pause. */
class Sealing {
  rowCount: number
  rowSum: bigint
  readonly #batch: Gathering
  readonly #record: Writer
  readonly #press = pressOfAll()

  constructor(batch: Gathering, record: Writer, { rowCount, rowSum }: Standing) {
    this.#batch = batch
    this.#record = record
    this.rowCount = rowCount
    this.rowSum = rowSum
  }

  /** Some of the changes in `kept`, from `at` on; where the next slice begins. */
  changes({ keys, values, befores }: Changes, kept: readonly number[], at: number): number {
    this.#press.clear()
    let spent = 0
    for (const end = Math.min(kept.length, at + SLICE_OPS); at < end && spent < SLICE_BYTES; at++) {
      const i = kept[at]!
      const key = keys[i]!
      const value = values[i]
      const before = befores[i]
      spent += key.length + (value?.length ?? 0) + (before?.length ?? 0)
      if (value === undefined || before == null) this.#one(key, (value ?? before)!, value === undefined)
      else this.#change(key, value, before)
    }
    this.#flush()
    return at
  }

  /** Some of the rows of a pack from `at` on; where the next slice begins. Pairs stay together. */
  packed({ chunks, places, count, keyBytes }: Pack, at: number, kind: 'come' | 'go' | 'renewed'): number {
    const step = kind === 'renewed' ? 2 : 1
    const press = this.#press
    press.clear()
    const end = Math.min(count, at + SLICE_OPS)
    for (let spent = 0; at < end && spent < SLICE_BYTES; ) {
      const chunk = chunks[places[3 * at]!]!
      const start = places[3 * at + 1]!
      // As many as lie one behind another and have room.
      let stop = start
      let n = 0
      while (at + n < end && chunks[places[3 * (at + n)]!] === chunk && places[3 * (at + n) + 1] === stop) {
        const next = places[3 * (at + n + step) - 1]!
        if (next - start > PRESS_BYTES) break
        stop = next
        n += step
      }
      if (n === 0) {
        const rowEnd = places[3 * at + 2]!
        const key = chunk.subarray(start, start + keyBytes)
        const value = chunk.subarray(start + keyBytes, rowEnd - PACK_TAIL)
        spent = places[3 * (at + step) - 1]! - start + spent
        if (kind === 'renewed') this.#change(key, value, chunk.subarray(rowEnd + keyBytes, places[3 * at + 5]! - PACK_TAIL))
        else this.#one(key, value, kind === 'go')
        at += step
        continue
      }
      if (!press.hasRoom(stop - start, n)) this.#flush()
      const shift = press.lay(chunk.subarray(start, stop)) - start
      if (kind === 'renewed')
        for (let i = 3 * at; i < 3 * (at + n); i += 6)
          press.addPair(places[i + 1]! + shift, keyBytes, places[i + 2]! + shift, places[i + 5]! + shift)
      else for (let i = at; i < at + n; i++) press.addLaid(places[3 * i + 1]! + shift, keyBytes, places[3 * i + 2]! + shift, kind === 'go')
      spent += stop - start
      at += n
    }
    this.#flush()
    return at
  }

  /** A row that comes or goes. */
  #one(key: Uint8Array, value: Uint8Array, isGone: boolean): void {
    const press = this.#press
    const bytes = key.length + value.length + CHECKSUM_BYTES
    if (!press.hasRoom(bytes, 1)) {
      this.#flush()
      if (!press.hasRoom(bytes, 1)) {
        this.#change(key, isGone ? undefined : value, isGone ? value : undefined)
        return
      }
    }
    press.add(key, value, isGone)
  }

  /** One by one: a row that is replaced, or too large for the press. */
  #change(key: Uint8Array, value: Uint8Array | undefined, before: Uint8Array | undefined): void {
    const summed = isSummed(key)
    if (before !== undefined && summed) {
      this.rowCount--
      this.rowSum -= rowHash(key, before)
    }
    let hash: bigint | undefined
    if (value === undefined) this.#batch.del(key)
    else {
      const row = SCRATCH.row(key, value)
      hash = row.hash
      this.#batch.put(key, row.value)
      if (summed) {
        this.rowCount++
        this.rowSum += hash
      }
    }
    writeChange(this.#record, key, hash, before)
  }

  #flush(): void {
    const press = this.#press
    const batch = this.#batch
    if (press.count === 0) return
    press.seal()
    this.rowCount += press.rows
    this.rowSum += press.sum
    this.#record.raw(press.changes)
    for (let i = 0; i < press.count; i++) {
      if (press.isBefore(i)) continue
      const key = press.key(i)
      if (press.isGone(i)) batch.del(key)
      else batch.put(key, press.value(i))
    }
    press.clear()
  }
}

/** One row at a time as key ‖ value ‖ checksum: what is hashed is contiguous, and no row costs an allocation. */
class Scratch {
  #bytes = EMPTY
  #view = new DataView(new ArrayBuffer(0))

  row(key: Uint8Array, value: Uint8Array): { value: Uint8Array; hash: bigint } {
    const end = key.length + value.length
    const length = end + CHECKSUM_BYTES
    if (length > this.#bytes.length || this.#bytes.length > RECORD_BYTES_KEPT) {
      this.#bytes = new Uint8Array(Math.max(length, 4096))
      this.#view = new DataView(this.#bytes.buffer)
    }
    this.#bytes.set(key)
    this.#bytes.set(value, key.length)
    const hash = xxh64(this.#bytes.subarray(0, end))
    this.#view.setBigUint64(end, hash)
    return { value: this.#bytes.subarray(key.length, length), hash }
  }
}
const SCRATCH = new Scratch()
/** Larger buffers are not kept for the next commit. */
const RECORD_BYTES_KEPT = 4 << 20

/** The first batch of a new store: its format, and commit 0. */
export function firstBatch(format: Format): { ops: Op[]; standing: Standing } {
  const previous = genesis(format)
  const record = { number: 0, previous, oldest: 0, logBytesBefore: 0, rowCount: 0, rowSum: 0n, marks: NO_MARKS, changes: [], events: [] }
  const { value, chain } = encodeRecord(record)
  const formatKey = metaKey('format')
  const key = logKey(0)
  return {
    ops: [
      { key: formatKey, value: sealRow(formatKey, encodeFormat(format)) },
      { key, value: sealRow(key, value) },
    ],
    standing: { number: 0, chain, rowCount: 0, rowSum: 0n, marks: NO_MARKS, oldest: 0, logBytes: recordBytes(value.length) },
  }
}

/** Check everything that does not need the state, before anything of the delta can mix with others. */
function measure(delta: Delta, meta: CommitMeta): { bytes: number; changes: Changes; ops: number } {
  if (typeof delta !== 'object' || delta === null || typeof meta !== 'object' || meta === null)
    throw new BadArgument('a delta is an object')
  const changes = new Changes((delta.put?.length ?? 0) + (delta.del?.length ?? 0))
  let bytes = meta.event?.length ?? 0
  const one = (key: unknown, value: Uint8Array | undefined, before: Before) => {
    if (!(key instanceof Uint8Array) || key.length === 0 || !isEmbedders(key)) {
      throw new BadArgument('a row key must be bytes that begin with the tag of an embedder’s row')
    }
    if (before !== undefined && before !== null && !(before instanceof Uint8Array)) throw new BadArgument('`before` must be bytes or null')
    if (key.length > KEY_BYTES_MAX) throw tooLarge('keyBytesMax', KEY_BYTES_MAX, key.length)
    if (value !== undefined && value.length > VALUE_BYTES_MAX) throw tooLarge('valueBytesMax', VALUE_BYTES_MAX, value.length)
    if (!changes.add(key, value, before, 0)) throw new BadArgument('a delta names a key twice', { details: { key: showKey(key) } })
    bytes += key.length + (value?.length ?? 0) + (before?.length ?? 0)
  }
  for (const p of delta.put ?? []) {
    if (!Array.isArray(p) || !(p[1] instanceof Uint8Array)) throw new BadArgument('`put` takes [key, value] pairs of bytes')
    one(p[0], p[1], p[2])
  }
  for (const d of delta.del ?? []) {
    if (d instanceof Uint8Array) one(d, undefined, undefined)
    else if (Array.isArray(d)) one(d[0], undefined, d[1])
    else throw new BadArgument('`del` takes keys or [key, before] pairs')
  }
  let ops = changes.size
  for (const pack of [...(delta.packs ?? []), ...(delta.gone ?? [])]) {
    checkPack(pack)
    ops += pack.count
    bytes += pack.bytes
  }
  for (const pack of delta.renewed ?? []) {
    checkPack(pack)
    checkPairs(pack)
    ops += pack.count / 2
    bytes += pack.bytes
  }
  if (meta.event !== undefined && !(meta.event instanceof Uint8Array)) throw new BadArgument('`event` must be bytes')
  for (const mark of Object.values(meta.marks ?? {})) {
    if (mark !== undefined && (!Number.isSafeInteger(mark) || mark < 0)) throw new BadArgument('marks must be non-negative integers')
  }
  if (bytes > COMMIT_BYTES_MAX) throw tooLarge('commitBytesMax', COMMIT_BYTES_MAX, bytes)
  return { bytes, changes, ops }
}

function checkPack({ chunks, places, count, keyBytes }: Pack): void {
  for (let at = 0; at < 3 * count; at += 3) {
    const chunk = chunks[places[at]!]!
    const start = places[at + 1]!
    const end = places[at + 2]!
    if (end > chunk.length || end - start < keyBytes + PACK_TAIL) throw new BadArgument('a row of a pack has no room for its checksum')
    if (!isEmbeddersTag(chunk[start]!)) throw new BadArgument('a row of a pack does not begin with the tag of an embedder’s row')
  }
}

function checkPairs({ places, count }: Pack): void {
  if (count % 2 !== 0) throw new BadArgument('a pack of renewed rows has one row without its fellow')
  for (let at = 0; at < 3 * count; at += 6)
    if (places[at] !== places[at + 3] || places[at + 2] !== places[at + 4])
      throw new BadArgument('a renewed row does not lie right before what it takes the place of')
}

function tooLarge(limit: string, max: number, got: number): RhizomeError {
  return new RhizomeError('LIMIT', `${limit} is ${max}, got ${got}`, { details: { limit, max, got } })
}

function merge(group: readonly Waiting[]): Changes {
  if (group.length === 1) return group[0]!.changes
  const changes = new Changes(group.reduce((n, w) => n + w.changes.size, 0))
  group.forEach(({ delta }, i) => {
    for (const [key, value, before] of delta.put ?? []) changes.add(key, value, before, i)
    for (const d of delta.del ?? []) {
      if (d instanceof Uint8Array) changes.add(d, undefined, undefined, i)
      else changes.add(d[0], undefined, d[1], i)
    }
  })
  return changes
}

function changesNothing(value: Uint8Array | undefined, before: Before): boolean {
  return value === undefined ? before == null : before != null && equalBytes(value, before)
}

/** The same object if nothing rises. */
function raise(marks: Marks, by: Partial<Marks> | undefined): Marks {
  const refs = Math.max(marks.refs, by?.refs ?? 0)
  const cids = Math.max(marks.cids, by?.cids ?? 0)
  const gids = Math.max(marks.gids, by?.gids ?? 0)
  return refs === marks.refs && cids === marks.cids && gids === marks.gids ? marks : { refs, cids, gids }
}

function openChecked(key: Uint8Array, stored: Uint8Array): Uint8Array {
  const row = openRow(key, stored)
  if (row !== undefined) return row.value
  throw new RhizomeError('CORRUPT', 'a row has a wrong checksum', { details: { key: showKey(key) }, hint: REPAIR_HINT })
}

function corrupt(tally: Tally): RhizomeError {
  const code = tally.problems.find(p => p.code === 'CORRUPT')?.code ?? tally.problems[0]!.code
  const details = { problems: tally.problems, damaged: tally.damaged, rows: tally.rowCount }
  return new RhizomeError(code, tally.problems[0]!.message, { details, hint: REPAIR_HINT })
}

function badRecord(number: number): RhizomeError {
  return new RhizomeError('CORRUPT', `the record of commit ${number} is missing or damaged`, {
    details: { commit: number },
    hint: REPAIR_HINT,
  })
}

function failedBefore(cause: RhizomeError): RhizomeError {
  const details = { first: cause.code, message: cause.message }
  return new RhizomeError('SPACE_FAILED', `storage failed earlier: ${cause.message}`, {
    details,
    cause,
    hint: 'Close the space and open it again.',
  })
}
