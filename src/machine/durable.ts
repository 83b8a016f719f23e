import { verify } from '../../bytecode/verify.ts'
import { blake2b256 } from '../../rspace/blake.ts'
import { RhizomeError } from '../../rspace/errors.ts'
import type { Chan, Cont, Datum, KernelObserver } from '../../rspace/kernel.ts'
import { randomBytes } from '../../rspace/random.ts'
import { PACK_TAIL, Pack } from '../../rspace/store/pack.ts'
import { type SourceFile, sources } from '../base/source.ts'
import { nameOf } from '../compile/names.ts'
import { hex } from '../normal/print.ts'
import { type Term, Unforgeable } from '../normal/term.ts'
import { ByteReader, ByteWriter, Garbled, NameSkimmer, TermReader, TermWriter } from './codec.ts'
import type { Keeper, Outgoing, Outlet, Rows } from './keeper.ts'
import type { Program, Template } from './link.ts'
import { Account, Machine, State } from './machine.ts'
import { SystemName } from './names.ts'
import { Native } from './native.ts'
import type { Failure, Status } from './outcome.ts'
import { Parked } from './parked.ts'
import { namesIn, Places } from './places.ts'
import { Recent } from './recent.ts'
import { type RecordBook, RecordReader, RecordWriter, waitsOn } from './records.ts'
import { Session, type SessionOptions } from './session.ts'
import type { Shard } from './shard.ts'
import { type Tally, tallyOf } from './tally.ts'

/**
 * A session that outlives its process: net-effect group commit (architecture.md 8). Between two quanta the difference between what was saved last and what is
 * there now goes out as one atomic commit. What was produced and consumed in between is never seen: records of the space are found by their age (everything
 * younger than the last group, at the young end of the lists of channels that changed), so nothing is noted down while machines run.
 */

/** Kinds of rows; the second byte of a key. In stored data: append, never renumber. Rows come in this order: whatever a row refers to stands before it. */
const Row = {
  /** Key of the names, and what the space was made with. Written once. */
  Identity: 0x41,
  Counters: 0x42,
  Account: 0x43,
  Source: 0x44,
  Program: 0x45,
  /** Operations that a channel serves. */
  Served: 0x46,
  /** Programs whose all-or-nothing attempt has not ended. */
  Attempts: 0x47,
  /** Runnable machines in the order of the queue. */
  Queue: 0x48,
  /** Records that may fire without anything arriving, by ref. */
  Pump: 0x49,
  /** Control names with the machine or account that each speaks for. */
  Control: 0x4a,
  /** Renewed turn of a persistent record, by ref. */
  Turn: 0x4b,
  /** A machine that waits in the space, by ref. */
  Waiting: 0x4d,
  Datum: 0x4e,
  /** A machine that is runnable, by its private number. */
  Runnable: 0x4f,
  Request: 0x50,
  /** Outputs of one group that may not have left yet. */
  Outputs: 0x51,
} as const
/** Kinds that are numbered by the refs of records. */
const RECORDS: ReadonlySet<number> = new Set([Row.Waiting, Row.Datum])
const SINGLES: ReadonlySet<number> = new Set([Row.Counters, Row.Served, Row.Attempts, Row.Queue, Row.Pump, Row.Control])

const X = 0x58

const KEY_BYTES = 10
/** Keys are cut from pieces of this many bytes: an array of its own for each would cost more than the rest of a row. */
const KEYS_AT_ONCE = 1000 * KEY_BYTES
let keys = new ArrayBuffer(KEYS_AT_ONCE)
let keysUsed = 0

function keyOf(kind: number, n: number): Uint8Array {
  if (keysUsed === KEYS_AT_ONCE) {
    keys = new ArrayBuffer(KEYS_AT_ONCE)
    keysUsed = 0
  }
  const key = new Uint8Array(keys, keysUsed, KEY_BYTES)
  keysUsed += KEY_BYTES
  key[0] = X
  key[1] = kind
  let v = n
  for (let i = 9; i > 1; i--) {
    key[i] = v % 256
    v = Math.floor(v / 256)
  }
  return key
}

function numberOfKey(key: Uint8Array): number {
  let n = 0
  for (let i = 2; i < key.length; i++) n = n * 256 + key[i]
  return n
}

/** Numbers of names and machines are promised this far ahead, so that none is given twice after a crash. */
const AHEAD = 1 << 20

/** Slices and milliseconds after which a group is closed, when no batch is in flight. The longer a group, the more of what happens in it comes and goes unseen. */
const GROUP_SLICES = 131_072
const GROUP_MS = 9
/** Groups may be so many times as long where a commit need not survive a power cut, nobody waits for outputs, and it pays. */
const LONGER = 3
/** It does not pay where the space has grown by more of the records that were made: what stays is as much in one long group as in three. */
const GROWTH_MAX = 0.25
/** Slices after which it is looked whether a group is due. */
const QUANTUM = 4096
/** After a group with more rows than this machines wait until it is safe: groups would only grow. */
const ROWS_AT_ONCE = 32_768
/** After a group with so many rows another one may begin before they are safe; after smaller ones a longer group leaves out more. */
const ROWS_AHEAD = 1024
/** With more runnable machines than this, it is not kept what their rows hold. */
const RUNNABLE_KEPT = 256

/** What a space remembers of the options that it was made with. */
interface Identity {
  readonly key: Uint8Array
  readonly seed: bigint | undefined
  readonly order: string
  readonly virtualTime: boolean
}

/** How a runnable machine was when it was saved: it has changed exactly if one of these has. */
class Saved {
  readonly steps: number
  readonly gas: number
  readonly pc: number
  readonly paused: number
  readonly level: number
  /** Its row, with room for a checksum, where it is kept. */
  readonly row: Uint8Array | null
  constructor(m: Machine, row: Uint8Array | null) {
    this.row = row
    this.steps = m.steps
    this.gas = m.gas
    this.pc = m.pc
    this.paused = m.paused
    this.level = m.level
  }
  /** What its row holds, where it is known. */
  get value(): Uint8Array | undefined {
    return this.row?.subarray(KEY_BYTES, this.row.length - PACK_TAIL)
  }
  is(m: Machine): boolean {
    return this.steps === m.steps && this.gas === m.gas && this.pc === m.pc && this.paused === m.paused && this.level === m.level
  }
}

interface Asked {
  readonly id: number
  readonly uri: string
  readonly args: readonly Term[]
  readonly account: Account
  readonly dueMs: number
}

type Put = [key: Uint8Array, value: Uint8Array, before?: Uint8Array | null]

export interface DurableOptions {
  readonly outlet: Outlet
  /** Milliseconds; only paces the groups. */
  readonly now: () => number
  /** Slices after which a group is closed at the latest when no batch is in flight; otherwise groups find their own length. */
  readonly groupSlices?: number
}

/**
 * Open the session that rows hold, or begin one in empty rows. Runs nothing yet. Outputs that may not have left go to the outlet at once.
 * @throws RhizomeError `CORRUPT` if the rows are not those of a session, `CODEC_MISMATCH` if it was made with another order or seed
 */
export async function openDurable(options: SessionOptions, rows: Rows, o: DurableOptions): Promise<Durable> {
  let durable: Durable | null = null
  let identity: Uint8Array | null = null
  let counters: Uint8Array | null = null
  try {
    for await (const page of rows.rows()) {
      for (const [key, value] of page) {
        if (key[0] !== X || key.length !== 10) throw new Garbled(`there is one that is not of a session: ${hex(key)}`)
        if (durable !== null) durable.load(key[1], numberOfKey(key), value)
        else if (key[1] === Row.Identity) identity = value
        else if (key[1] === Row.Counters) counters = value
        else {
          durable = new Durable(options, rows, o, identity, counters)
          durable.load(key[1], numberOfKey(key), value)
        }
      }
    }
    durable ??= new Durable(options, rows, o, identity, counters)
    durable.loaded()
    return durable
  } catch (e) {
    if (e instanceof Garbled) throw new RhizomeError('CORRUPT', `a row of the session cannot be read: ${e.message}`)
    throw e
  }
}

/** What is only needed while rows are read. */
class Loading {
  readonly storedPrograms = new Map<number, Uint8Array>()
  readonly storedSources = new Map<number, Uint8Array>()
  /** Runnable machines, and those that somebody asked for. */
  readonly machines = new Map<number, Machine>()
  readonly wantedMachines = new Set<number>()
  readonly records = new Map<number, Machine | Datum>()
  readonly wantedRecords = new Set<number>()
  /** Records whose turn was renewed: they go in last, in order. */
  readonly renewed: { turn: number; put: () => void }[] = []
  readonly requests: { uri: string; account: Account; dueMs: number; args: Term[] }[] = []
  readonly outputs: (readonly [Uint8Array, Uint8Array])[] = []
  readonly names = new Map<number, Unforgeable>()
  readonly reader: RecordReader
  constructor(book: RecordBook) {
    this.reader = new RecordReader(NO_BYTES, book)
  }
}
const NO_BYTES = new Uint8Array(0)

/** Rows that have not become records yet, by the private name or the integer that their channel has. */
class Parking {
  readonly waiting = new Parked()
  readonly waitingInt = new Parked()
  readonly data = new Parked()
  readonly dataInt = new Parked()
  get count(): number {
    return this.waiting.count + this.waitingInt.count + this.data.count + this.dataInt.count
  }
}

export class Durable implements Keeper, RecordBook {
  readonly session: Session
  readonly key: Uint8Array
  readonly observer: KernelObserver<Cont>
  /** Nothing had ever been saved here. */
  readonly fresh: boolean
  private readonly identity: Identity
  private readonly rows: Rows
  private readonly outlet: Outlet
  private readonly now: () => number
  private readonly groupSlices: number
  private readonly mayBeLonger: boolean
  /** How many times as long as others the group may get. */
  private patience = 1
  readonly quantum: number
  readonly shard: Shard

  // names
  private readonly systemNames = new Map<string, Unforgeable>()

  /** There while rows are read, and as long as some are left that have only been noted. */
  private loading: Loading | null = null
  private parking: Parking | null = null
  /** All rows have been read. */
  private ready = false

  // code
  private readonly programs = new Map<number, Program>()
  private readonly numbers = new WeakMap<Program, number>()
  private readonly byHash = new Map<string, number>()
  readonly places: Places
  private nextProgram = 1
  private readonly loadedSources = new Map<number, SourceFile>()
  private readonly sourceNumbers = new Map<SourceFile, number>()
  private readonly sourceByText = new Map<string, number>()
  private nextSource = 1
  private readonly accountsById = new Map<number, Account>()

  // what is saved, as far as it has to be compared
  private saved = new Map<number, Saved>()
  private readonly turns = new Map<number, Uint8Array>()
  private readonly singles = new Map<number, Uint8Array>()
  private readonly accountRows = new Map<number, Uint8Array>()
  private readonly stalled = new Set<number>()
  /** Refs up to this one belong to groups that were closed. */
  private since = 0
  private sinceSlices = 0
  private sincePrivs = 0
  private sinceTime = 0
  private promised = { names: 0, privs: 0, hidden: 0 }
  private lastRows = 0
  private fixed = 0

  // the group that is open
  private gone: number[] = []
  private taken: Datum[] = []
  private readonly touched = new Set<Machine>()
  private outputs: Outgoing[] = []
  private nextOutput = 1
  private nextGroup = 1
  private readonly requests = new Map<number, Asked>()
  private freshRequests: Asked[] = []
  private endedRequests: number[] = []
  private nextRequest = 1
  private puts: Put[] = []
  /** New rows of the group: most of all. */
  private pack = new Pack(KEY_BYTES)
  /** Rows that go, as far as it is known what they held. */
  private goes = new Pack(KEY_BYTES)
  private readonly recent = new Recent(RECORDS)
  private dels: Uint8Array[] = []
  private attempting: { gone: number; taken: number } | null = null

  /** Keys of outputs that have left. Those with failures stay until the whole report has been shown. */
  private left: Uint8Array[] = []
  private reported: Uint8Array[] = []
  /** The commit begun last; those before it end before it. */
  private inFlight: Promise<void> | null = null
  private flights = 0
  /** Groups so far. */
  private begun = 0
  /** Until the rows of the last group have been taken in. */
  private gathering: Promise<void> | null = null
  private failure: unknown = null
  private readonly writer: RecordWriter
  private readonly counters: Counters | null

  constructor(options: SessionOptions, rows: Rows, o: DurableOptions, identity: Uint8Array | null, counters: Uint8Array | null) {
    this.rows = rows
    this.outlet = o.outlet
    this.now = o.now
    this.groupSlices = o.groupSlices ?? GROUP_SLICES
    this.mayBeLonger = o.groupSlices === undefined && rows.format?.durability === 'process'
    this.quantum = Math.min(QUANTUM, this.groupSlices)
    this.writer = new RecordWriter(this, 1 << 16)
    this.fresh = identity === null
    if ((identity === null) !== (counters === null)) throw new Garbled('the identity of the space or its counters are missing')
    this.identity = identity === null ? newIdentity(options) : readIdentity(identity)
    if (!this.fresh) sameChoices(this.identity, options)
    this.key = this.identity.key
    this.observer = {
      removed: d => {
        if (d.ref <= this.since) this.taken.push(d)
      },
      unparked: k => {
        if (k.ref <= this.since && k instanceof Machine) this.gone.push(k.ref)
      },
    }
    this.counters = counters === null ? null : readCounters(counters)
    this.session = new Session({
      ...options,
      seed: this.identity.seed,
      order: orderOf(this.identity.order),
      virtualTime: this.identity.virtualTime,
      startTime: this.counters === null ? options.startTime : this.counters.time,
      keeper: this,
    })
    this.shard = this.session.shard
    this.places = new Places(this.shard.linker)
    this.shard.touched = m => {
      if (m.status === State.Blocked && m.ref <= this.since) this.touched.add(m)
    }
    if (counters === null) this.puts.push([keyOf(Row.Identity, 0), writeIdentity(this.identity), null])
    else this.beginLoading(counters, this.counters as Counters)
  }

  /** Whether a program was ever deployed here. */
  get empty(): boolean {
    return this.session.kept.accounts.length === 0
  }

  // ── what the session says ───────────────────────────────────────────────────────────────────────────────────────

  systemName(uri: string): Unforgeable {
    let name = this.systemNames.get(uri)
    if (name === undefined) {
      name = new Unforgeable(new SystemName(this.key, uri), 0)
      this.systemNames.set(uri, name)
      // Listeners first, so that nothing that is put back is taken by one that comes later.
      if (this.loading !== null) this.session.listenAgain(uri)
    }
    return name
  }

  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void {
    this.outputs.push({ kind: 'out', n: this.nextOutput++, stream, text, raw })
  }

  log(level: string, text: string): void {
    this.outputs.push({ kind: 'log', level, text })
  }

  failed(failure: Failure): void {
    this.outputs.push({ kind: 'failure', n: this.nextOutput++, failure })
  }

  asked(uri: string, args: readonly Term[], account: Account, dueMs: number): () => void {
    const a: Asked = { id: this.nextRequest++, uri, args, account, dueMs }
    this.requests.set(a.id, a)
    this.freshRequests.push(a)
    return () => {
      if (this.requests.delete(a.id)) this.endedRequests.push(a.id)
    }
  }

  /** A program that waits for its attempt is not in the space yet: were the attempt cut off, nobody would begin it again. */
  holdsBack(): boolean {
    const { waiting } = this.session.kept
    if (waiting.length === 0) return false
    for (const { account } of waiting) if (!this.accountRows.has(account.id)) return true
    return this.inFlight !== null
  }

  attempt(): void {
    this.shard.whole() // undoing must not take away what was only made meanwhile
    this.attempting = { gone: this.gone.length, taken: this.taken.length }
  }

  attemptEnded(undone: boolean): void {
    // What was undone is where it was: the removals since the mark have not happened.
    if (undone && this.attempting !== null) {
      this.gone.length = this.attempting.gone
      this.taken.length = this.attempting.taken
    }
    this.attempting = null
    for (const resolve of this.afterAttempt.splice(0)) resolve()
  }
  private readonly afterAttempt: (() => void)[] = []
  private closed = false

  async boundary(status: Status): Promise<void> {
    if (this.failure !== null) throw this.failure
    if (this.attempting !== null) return
    if (status !== 'budget' || this.holdsBack()) {
      await this.flush()
      if (status !== 'budget') this.recent.clear() // at rest nothing is kept that is not needed
      return
    }
    // While many rows are written, the next group is taken in beside: neither this thread nor the engine has to wait.
    if ((this.flights === 0 || (this.flights === 1 && this.lastRows >= ROWS_AHEAD)) && this.isDue()) this.begin(false)
    if (this.inFlight === null) return
    // Taking a group in is this thread's work: machines that ran between would only make the next one longer.
    const first = this.lastRows > ROWS_AT_ONCE ? this.inFlight : this.gathering
    if (first !== null) {
      await first
      this.sinceTime = this.now() // nothing has run: a group is as long as its machines have run
    } else await new Promise<void>(resolve => setImmediate(resolve))
    if (this.failure !== null) throw this.failure
  }

  private isDue(): boolean {
    const slices = this.shard.slices - this.sinceSlices
    if (slices < 2 * this.fixed) return false
    const times = this.outputs.length === 0 ? this.patience : 1
    return slices >= times * this.groupSlices || this.now() - this.sinceTime >= times * GROUP_MS
  }

  /** Resolves when everything that has happened so far is safe and its outputs have left. @throws RhizomeError of the store */
  async flush(): Promise<void> {
    const wanted = this.begun + 1 // the next group holds everything; machines that run on would fill group after group
    for (;;) {
      const { begun } = this
      if (this.inFlight !== null) await this.inFlight
      if (this.failure !== null) throw this.failure
      if (begun >= wanted || this.attempting !== null || !this.begin(false)) return
    }
  }

  /** As `flush`, but what waits for the end of an attempt is safe too. @throws RhizomeError of the store; `SPACE_CLOSED` if it was closed before the attempt ended */
  async safe(): Promise<void> {
    while (this.attempting !== null) {
      if (this.closed) throw new RhizomeError('SPACE_CLOSED', 'the space was closed while a program ran that may be undone')
      await new Promise<void>(resolve => this.afterAttempt.push(resolve))
    }
    await this.flush()
  }

  /** Let go of the rows as they are: what has happened since the last commit has not happened. */
  async abandon(): Promise<void> {
    this.failure ??= new Error('the session was given up')
    await this.inFlight
    await this.rows.close()
  }

  /** Resolves when a program is safe: its machines, or that it waits for its attempt. @throws as `safe` */
  async kept(account: number): Promise<void> {
    while (!this.accountRows.has(account)) {
      if (this.attempting === null) await this.flush()
      else if (this.closed) throw new RhizomeError('SPACE_CLOSED', 'the space was closed while a program ran that may be undone')
      else await new Promise<void>(resolve => this.afterAttempt.push(resolve))
    }
    await this.inFlight
    if (this.failure !== null) throw this.failure
  }

  /** Save everything, also that failures have been reported if they have, and let go of the rows. */
  async close(o: { reported?: boolean } = {}): Promise<void> {
    this.closed = true
    for (const resolve of this.afterAttempt.splice(0)) resolve()
    try {
      if (this.failure === null) {
        if (this.attempting === null && (!this.fresh || !this.empty)) {
          await this.flush()
          if (o.reported === true) for (const r of this.reported) this.left.push(r)
          this.begin(true)
          await this.inFlight
        } else await this.inFlight
        if (this.failure !== null) throw this.failure
      }
    } finally {
      await this.rows.close()
    }
  }

  // ── saving ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Close the group and start its commit. False: there is nothing to save. `last`: numbers given ahead are taken back. */
  private begin(last: boolean): boolean {
    const { shard } = this
    const { kernel } = shard
    shard.settleMessages()
    const outputs = this.outputs
    const acks = this.left
    if (
      !last &&
      shard.slices === this.sinceSlices &&
      kernel.counter === this.since &&
      shard.numbers.privs === this.sincePrivs &&
      this.session.kept.accounts.length === this.accountRows.size &&
      outputs.length === 0 &&
      this.puts.length === 0 &&
      this.gone.length === 0 &&
      this.taken.length === 0 &&
      this.touched.size === 0 &&
      this.freshRequests.length === 0 &&
      this.endedRequests.length === 0
    )
      return false
    this.saveSpace()
    this.saveRunnable()
    this.saveRequests()
    for (const a of this.session.kept.accounts) this.saveAccount(a)
    if (acks.length > 0 && this.outlet.flush()) {
      this.left = []
      for (const key of acks) this.dels.push(key)
    }
    let outputKey: Uint8Array | null = null
    if (outputs.length > 0) {
      this.outputs = []
      outputKey = keyOf(Row.Outputs, this.nextGroup++)
      this.puts.push([outputKey, this.outputsRow(outputs), null])
    }
    this.saveAttempts()
    this.saveControl()
    this.saveCounters(last)
    const { puts, dels, pack, goes } = this
    this.puts = []
    this.dels = []
    this.pack = new Pack(KEY_BYTES)
    this.goes = new Pack(KEY_BYTES)
    this.lastRows = puts.length + dels.length + pack.count + goes.count
    const growth = pack.count - goes.count - dels.length
    this.patience = this.mayBeLonger && growth <= GROWTH_MAX * (kernel.counter - this.since) ? LONGER : 1
    this.recent.add(pack, this.since, kernel.counter)
    this.since = shard.known = kernel.counter
    this.sinceSlices = shard.slices
    this.sincePrivs = shard.numbers.privs
    this.sinceTime = this.now()
    if (this.lastRows === 0) return false
    let takenIn = (): void => {}
    const gathering = new Promise<void>(resolve => {
      takenIn = resolve
    })
    const gathered = (): void => {
      if (this.gathering === gathering) this.gathering = null
      takenIn()
    }
    const landed = (): void => {
      gathered()
      if (--this.flights === 0) this.inFlight = null
    }
    this.gathering = gathering
    this.begun++
    this.flights++
    const packs = pack.count === 0 ? undefined : [pack]
    const gone = goes.count === 0 ? undefined : [goes]
    this.inFlight = this.rows.commit({ put: puts, del: dels, packs, gone }, { marks: { refs: kernel.counter }, gathered }).then(
      () => {
        landed()
        if (outputKey !== null) this.leave(outputKey, outputs)
      },
      e => {
        landed()
        this.failure ??= e
      },
    )
    return true
  }

  private leave(key: Uint8Array, outputs: readonly Outgoing[]): void {
    let failures = false
    for (const o of outputs) {
      this.outlet.leave(o)
      if (o.kind === 'failure') failures = true
    }
    ;(failures ? this.reported : this.left).push(key)
  }

  private saveSpace(): void {
    const { kernel } = this.shard
    const since = this.since
    for (const d of this.taken) if (!d.stored) this.drop(Row.Datum, d.ref)
    this.taken.length = 0
    for (const ref of this.gone) this.drop(Row.Waiting, ref)
    this.gone.length = 0
    for (const chan of kernel.takeDirty()) {
      const oldest = chan.dHead
      if (oldest !== null) {
        for (let d = oldest.prev as Datum; d.turn > since; d = d.prev as Datum) {
          if (d.ref > since) this.newDatum(d)
          else this.saveTurn(d.ref, d.turn)
          if (d === oldest) break
        }
      }
      const first = chan.kHead
      if (first !== null) {
        for (let k = first.prev as Cont; k.turn > since; k = k.prev as Cont) {
          if (k instanceof Machine) this.saveWaiting(k)
          if (k === first) break
        }
      }
      const join = chan.jHead
      if (join !== null) {
        for (let l = join.prev as NonNullable<typeof join>; l.cont.turn > since; l = l.prev as NonNullable<typeof join>) {
          // A join is in the list of each of its channels; the first one speaks for it.
          if (l.cont instanceof Machine && (l.cont.chans as readonly Chan[])[0] === chan) this.saveWaiting(l.cont)
          if (l === join) break
        }
      }
    }
    for (const k of kernel.stalled()) {
      if (!(k instanceof Machine) || this.stalled.has(k.ref)) continue
      this.stalled.add(k.ref)
      this.puts.push([keyOf(Row.Waiting, k.ref), this.waitingRow(k), k.ref > since ? null : undefined])
      this.recent.forget(k.ref)
    }
    for (const m of this.touched) {
      if (!m.waiting || m.ref > since) continue
      this.puts.push([keyOf(Row.Waiting, m.ref), this.waitingRow(m), undefined])
      this.recent.forget(m.ref)
    }
    this.touched.clear()
    this.savePump()
  }

  private drop(kind: number, ref: number): void {
    if (!this.recent.give(kind, ref, this.goes)) this.dels.push(keyOf(kind, ref))
    if (this.turns.size > 0 && this.turns.delete(ref)) this.dels.push(keyOf(Row.Turn, ref))
    if (this.stalled.size > 0) this.stalled.delete(ref)
  }

  private saveWaiting(m: Machine): void {
    if (m.ref > this.since) this.newWaiting(m)
    else this.saveTurn(m.ref, m.turn)
  }

  private saveTurn(ref: number, turn: number): void {
    const w = new ByteWriter()
    w.count(turn)
    const value = w.take()
    this.puts.push([keyOf(Row.Turn, ref), value, this.turns.get(ref) ?? null])
    this.turns.set(ref, value)
  }

  /** A row of which there is one. */
  private saveSingle(kind: number, value: Uint8Array): void {
    const before = this.singles.get(kind)
    if (before !== undefined && Buffer.compare(before, value) === 0) return
    this.puts.push([keyOf(kind, 0), value, before ?? null])
    this.singles.set(kind, value)
  }

  private savePump(): void {
    const { kernel } = this.shard
    if (!kernel.pumpPending && !this.singles.has(Row.Pump)) return
    const w = new ByteWriter()
    for (const r of kernel.pumped()) if (!(r instanceof Native)) w.count(r.ref)
    this.saveSingle(Row.Pump, w.take())
  }

  private saveRunnable(): void {
    const machines = this.shard.runnable()
    this.fixed = machines.length + this.session.kept.accounts.length
    const before = this.saved
    const now = new Map<number, Saved>()
    const few = machines.length <= RUNNABLE_KEPT
    const order = new ByteWriter()
    order.count(machines.length)
    for (const m of machines) {
      order.signed(m.priv)
      if (m.priv < 0) continue // the turn of a processor: all there is to it is whom it serves
      const old = before.get(m.priv)
      if (old?.is(m) === true) {
        now.set(m.priv, old)
        continue
      }
      const w = this.newKey(Row.Runnable, m.priv)
      w.machine(m)
      if (old === undefined && !few) {
        w.row(this.pack)
        now.set(m.priv, new Saved(m, null))
        continue
      }
      const piece = w.take()
      const row = new Uint8Array(piece.length + PACK_TAIL)
      row.set(piece)
      if (old === undefined) this.pack.add(row, 0, row.length)
      else this.puts.push([piece.subarray(0, KEY_BYTES), piece.subarray(KEY_BYTES), old.value])
      now.set(m.priv, new Saved(m, few ? row : null))
    }
    for (const [priv, old] of before) {
      if (now.has(priv)) continue
      if (old.row !== null) this.goes.add(old.row, 0, old.row.length)
      else this.dels.push(keyOf(Row.Runnable, priv))
    }
    this.saved = now
    order.u8(this.shard.pumpsNext ? 1 : 0)
    for (const n of this.shard.queue.state()) order.signed(n)
    this.saveSingle(Row.Queue, order.take())
  }

  private saveRequests(): void {
    const w = this.writer
    const added = this.freshRequests
    const unsaved = new Set<number>()
    for (const a of added) {
      unsaved.add(a.id)
      if (!this.requests.has(a.id)) continue
      w.text(a.uri)
      w.count(a.account.id)
      w.f64(a.dueMs)
      w.count(a.args.length)
      for (const v of a.args) w.value(v)
      this.puts.push([keyOf(Row.Request, a.id), w.take(), null])
    }
    for (const id of this.endedRequests) if (!unsaved.has(id)) this.dels.push(keyOf(Row.Request, id))
    this.freshRequests = []
    this.endedRequests = []
  }

  private saveAccount(a: Account): void {
    const w = new ByteWriter()
    w.text(a.label)
    w.count(a.program)
    w.f64(a.gasLimit)
    w.f64(a.gas)
    for (const n of [a.comms, a.primitiveComms, a.steps, a.machines, a.bytes, a.failed]) w.count(n)
    w.u8(a.stopped ? 1 : 0)
    const value = w.take()
    const before = this.accountRows.get(a.id)
    if (before !== undefined && Buffer.compare(before, value) === 0) return
    this.puts.push([keyOf(Row.Account, a.id), value, before ?? null])
    this.accountRows.set(a.id, value)
  }

  private saveAttempts(): void {
    const { waiting } = this.session.kept
    if (waiting.length === 0 && !this.singles.has(Row.Attempts)) return
    const w = new ByteWriter()
    for (const { program, account } of waiting) {
      w.count(this.numberOf(program))
      w.count(account.id)
    }
    this.saveSingle(Row.Attempts, w.take())
  }

  private saveControl(): void {
    const w = this.writer
    const facets = this.session.control.facets()
    if (facets.length > 0 || this.singles.has(Row.Control)) {
      for (const f of facets) {
        w.value(f.name)
        w.signed(f.machine === undefined ? -(f.account as Account).id : f.machine.priv)
      }
      this.saveSingle(Row.Control, w.take())
    }
    const served = this.shard.primitives.served()
    if (served.length > 0 || this.singles.has(Row.Served)) {
      for (const [operation, server] of served) {
        w.text(operation)
        w.value(server)
      }
      this.saveSingle(Row.Served, w.take())
    }
  }

  private saveCounters(last: boolean): void {
    const { shard } = this
    const given = { ...shard.numbers, hidden: shard.primitives.nextHidden }
    const p = this.promised
    const half = AHEAD / 2
    if (last) this.promised = given
    else if (given.names > p.names - half || given.privs > p.privs - half || given.hidden > p.hidden - half)
      this.promised = { names: given.names + AHEAD, privs: given.privs + AHEAD, hidden: given.hidden + AHEAD }
    const { kernel } = shard
    const { logicalTime, time } = this.session.kept
    const { promised } = this
    const counters = writeCounters({
      names: promised.names,
      privs: promised.privs,
      hidden: promised.hidden,
      op: kernel.op,
      refs: kernel.counter,
      ...tallyOf(shard),
      logicalTime,
      nextOutput: this.nextOutput,
      nextGroup: this.nextGroup,
      nextRequest: this.nextRequest,
      nextProgram: this.nextProgram,
      nextSource: this.nextSource,
      time,
    })
    this.saveSingle(Row.Counters, counters)
  }

  // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The key of a row that is new. */
  private newKey(kind: number, n: number): RecordWriter {
    const w = this.writer
    w.u8(X)
    w.u8(kind)
    w.u64(n)
    return w
  }

  private newDatum(d: Datum): void {
    const w = this.newKey(Row.Datum, d.ref)
    w.u8(d.persistent ? 1 : 0)
    w.count(d.turn - d.ref)
    w.value(d.chan.owner as Term)
    w.origin(d.origin)
    w.values(d.value as readonly Term[])
    w.row(this.pack)
  }

  private newWaiting(m: Machine): void {
    const w = this.newKey(Row.Waiting, m.ref)
    this.waiting(w, m)
    w.row(this.pack)
  }

  private waitingRow(m: Machine): Uint8Array {
    this.waiting(this.writer, m)
    return this.writer.take()
  }

  private waiting(w: RecordWriter, m: Machine): void {
    w.request(m)
    w.count(m.turn - m.ref)
    w.channels(m)
    w.machine(m)
  }

  private outputsRow(outputs: readonly Outgoing[]): Uint8Array {
    const w = new ByteWriter()
    for (const o of outputs) {
      switch (o.kind) {
        case 'out':
          w.u8(o.stream === 'stdout' ? (o.raw ? 1 : 0) : o.raw ? 3 : 2)
          w.count(o.n)
          w.text(o.text)
          break
        case 'log':
          w.u8(4)
          w.text(o.level)
          w.text(o.text)
          break
        default: {
          const f = o.failure
          w.u8(5)
          w.count(o.n)
          for (const t of [f.code, f.message, f.hint, f.machine]) w.text(t)
          w.u8(f.limit ? 1 : 0)
          this.position(w, f.start)
          w.count(Math.max(0, f.end - f.start))
          this.position(w, f.startedBy)
        }
      }
    }
    return w.take()
  }

  private position(w: ByteWriter, at: number): void {
    const source = at < 0 ? undefined : this.sourceOf(at)
    w.count(source === undefined ? 0 : source.number + 1)
    if (source !== undefined) w.count(at - source.base)
  }

  // ── code ────────────────────────────────────────────────────────────────────────────────────────────────────────

  numberOf(program: Program): number {
    if (program === this.lastProgram) return this.lastNumber
    const n = this.numbers.get(program) ?? this.newNumber(program)
    this.lastProgram = program
    this.lastNumber = n
    return n
  }
  private lastProgram: Program | null = null
  private lastNumber = 0

  private newNumber(program: Program): number {
    const w = new TermWriter(this)
    w.text(program.name)
    w.count(program.account?.id ?? 0)
    w.programBody(program.words, program.spans, namesIn(program))
    const body = w.take()
    const hash = blake2b256(body)
    const id = hex(hash)
    let n = this.byHash.get(id)
    if (n === undefined) {
      n = this.nextProgram++
      this.byHash.set(id, n)
      const value = new Uint8Array(32 + body.length)
      value.set(hash)
      value.set(body, 32)
      this.puts.push([keyOf(Row.Program, n), value, null])
    }
    this.numbers.set(program, n)
    return n
  }

  sourceOf(position: number): { number: number; base: number } | undefined {
    const file = sources.fileAt(position)
    if (file === undefined) return undefined
    let n = this.sourceNumbers.get(file)
    if (n === undefined) {
      const w = new ByteWriter()
      w.text(file.name)
      w.text(file.text)
      const value = w.take()
      const id = hex(blake2b256(value))
      n = this.sourceByText.get(id)
      if (n === undefined) {
        n = this.nextSource++
        this.sourceByText.set(id, n)
        this.puts.push([keyOf(Row.Source, n), value, null])
      }
      this.sourceNumbers.set(file, n)
    }
    return { number: n, base: file.base }
  }

  isOwn(name: Unforgeable): boolean {
    return name.origin === this.shard.origin
  }

  // ── loading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  baseOf(source: number): number {
    let file = this.loadedSources.get(source)
    if (file === undefined) {
      const bytes = this.loading?.storedSources.get(source)
      if (bytes === undefined) return -1
      const r = new ByteReader(bytes)
      const name = r.text()
      file = sources.add(name, r.text())
      this.loadedSources.set(source, file)
      this.sourceNumbers.set(file, source)
      this.sourceByText.set(hex(blake2b256(bytes)), source)
    }
    return file.base
  }

  program(n: number): Program {
    let p = this.programs.get(n)
    if (p === undefined) {
      const bytes = this.loading?.storedPrograms.get(n)
      if (bytes === undefined) throw new Garbled(`program ${n} is missing`)
      const r = new TermReader(bytes, this, 32)
      const name = r.text()
      const owner = r.count()
      p = r.programBody(name)
      if (owner > 0) p.account = this.account(owner)
      const error = verify(p.words, { trusted: true })
      if (error !== undefined) throw new Garbled(`the image of program ${n} is not valid: ${error.message}`)
      this.programs.set(n, p)
      this.numbers.set(p, n)
      this.byHash.set(hex(bytes.subarray(0, 32)), n)
    }
    return p
  }

  template(program: Program, at: number, len: number): Template {
    return this.places.template(program, at, len)
  }

  name(counter: number): Unforgeable {
    const { names } = this.loading as Loading
    let n = names.get(counter)
    if (n === undefined) names.set(counter, (n = new Unforgeable(this.shard.origin, counter)))
    return n
  }

  foreignName(id: Uint8Array): Unforgeable {
    return nameOf(id)
  }

  accountOf(a: Account): number {
    return a.id
  }

  account(id: number): Account {
    const a = this.accountsById.get(id)
    if (a === undefined) throw new Garbled(`account ${id} is missing`)
    return a
  }

  private beginLoading(row: Uint8Array, c: Counters): void {
    const { kernel } = this.shard
    this.loading = new Loading(this)
    // What values take up is counted as they are stored: they have to be there.
    if (this.shard.limits.memory === Number.POSITIVE_INFINITY) this.park((this.parking = new Parking()))
    this.singles.set(Row.Counters, row)
    kernel.op = c.op
    kernel.counter = c.refs
    this.promised = { names: c.names, privs: c.privs, hidden: c.hidden }
    this.shard.resumeCounters({ ...c }, false)
    this.nextOutput = c.nextOutput
    this.nextGroup = c.nextGroup
    this.nextRequest = c.nextRequest
    this.nextProgram = c.nextProgram
    this.nextSource = c.nextSource
  }

  /** One row, in the order of keys. */
  load(kind: number, n: number, bytes: Uint8Array): void {
    const { loading } = this
    if (loading === null) throw new Garbled('the identity of the space is missing')
    if (SINGLES.has(kind)) this.singles.set(kind, bytes)
    const r = loading.reader
    r.reset(bytes)
    switch (kind) {
      case Row.Account:
        this.accountRows.set(n, bytes)
        this.accountsById.set(n, readAccount(n, r))
        this.shard.firstAccount ??= this.account(n)
        break
      case Row.Source:
        loading.storedSources.set(n, bytes)
        break
      case Row.Program:
        loading.storedPrograms.set(n, bytes)
        break
      case Row.Turn:
        this.turns.set(n, bytes)
        break
      case Row.Queue:
        for (let left = r.count(); left > 0; left--) loading.wantedMachines.add(Math.abs(r.signed()))
        break
      case Row.Pump:
        while (!r.done) loading.wantedRecords.add(r.count())
        break
      case Row.Control:
        while (!r.done) {
          r.term()
          loading.wantedMachines.add(r.signed())
        }
        break
      case Row.Served:
        while (!r.done) {
          const operation = r.text()
          this.shard.primitives.register(operation, r.term())
        }
        break
      case Row.Attempts:
        break
      case Row.Waiting:
        this.shard.alive++
        if (!this.parks(loading, kind, n, bytes)) this.loadWaiting(loading, n, r)
        break
      case Row.Datum:
        if (!this.parks(loading, kind, n, bytes)) this.loadDatum(loading, n, r)
        break
      case Row.Runnable: {
        const m = r.machine()
        loading.machines.set(n, m)
        this.saved.set(n, new Saved(m, null))
        this.shard.alive++
        break
      }
      case Row.Request: {
        this.dels.push(keyOf(Row.Request, n))
        const uri = r.text()
        const account = this.account(r.count())
        const dueMs = r.f64()
        loading.requests.push({ uri, account, dueMs, args: Array.from({ length: r.count() }, () => r.term()) })
        break
      }
      case Row.Outputs:
        loading.outputs.push([keyOf(Row.Outputs, n), bytes])
        break
      default:
        throw new Garbled(`rows of kind ${kind} are not known to this version`)
    }
  }

  /** Records that nobody needs yet stay bytes: those on one channel, whose name is private or an integer, which nobody has come to. */
  private parks(loading: Loading, kind: number, ref: number, bytes: Uint8Array): boolean {
    const { parking } = this
    if (parking === null || loading.wantedRecords.has(ref) || this.turns.has(ref)) return false
    const key = channelIn(bytes, kind === Row.Waiting)
    if (key === null) return false
    if (kind === Row.Waiting && loading.wantedMachines.size > 0 && loading.wantedMachines.has(SKIM.machine())) return false
    if (key.own) {
      const known = loading.names.get(key.n)
      if (known?.used) return false
      ;(kind === Row.Waiting ? parking.waiting : parking.data).add(key.n, ref, bytes)
    } else {
      if (this.shard.names.find(key.n) !== undefined) return false
      ;(kind === Row.Waiting ? parking.waitingInt : parking.dataInt).add(key.n, ref, bytes)
    }
    return true
  }

  private park(parking: Parking): void {
    const { shard } = this
    shard.names.integer = (_, value) => this.come(value, parking.waitingInt, parking.dataInt)
    shard.parking = {
      named: name => {
        if (name.origin === shard.origin) this.come(name.counter, parking.waiting, parking.data)
      },
      all: () => {
        if (this.ready) this.unpark(parking)
      },
    }
  }

  /** Somebody has come to a channel: its records are made. Making one may bring others to their channels; their turn comes when it is done. */
  private come(key: number, waiting: Parked, data: Parked): void {
    const { coming } = this
    coming.push({ key, waiting, data })
    if (coming.length > 1) return
    try {
      for (let i = 0; i < coming.length; i++) {
        const c = coming[i]
        c.waiting.take(c.key, this.makeWaiting)
        c.data.take(c.key, this.makeDatum)
      }
    } catch (e) {
      this.unreadable(e)
    } finally {
      coming.length = 0
    }
    if (this.ready && this.parking?.count === 0) this.nothingParked()
  }
  private readonly coming: { key: number; waiting: Parked; data: Parked }[] = []

  private unpark(parking: Parking): void {
    const { coming } = this
    // Channels that are come to meanwhile have their records made in their turn.
    coming.push({ key: Number.NaN, waiting: parking.waiting, data: parking.data })
    try {
      for (const p of [parking.waiting, parking.waitingInt]) p.all(this.makeWaiting)
      for (const p of [parking.data, parking.dataInt]) p.all(this.makeDatum)
    } catch (e) {
      this.unreadable(e)
    } finally {
      coming.length = 0
    }
    this.nothingParked()
  }

  private nothingParked(): void {
    this.shard.parking = null
    this.shard.names.integer = null
    this.parking = null
    this.loading = null
  }

  /** Rows whose checksums were right, and yet no version has written them: storage has failed. */
  private unreadable(e: unknown): void {
    if (!this.ready || !(e instanceof Garbled)) throw e
    this.failure ??= new RhizomeError('CORRUPT', `a row of the session cannot be read: ${e.message}`)
    this.session.stop()
  }

  private readonly makeWaiting = (ref: number, bytes: Uint8Array): void => {
    const m = this.readWaiting(new RecordReader(bytes, this))
    this.shard.kernel.restoreCont(m, ref, ref + m.turn)
  }

  private readonly makeDatum = (ref: number, bytes: Uint8Array): void => {
    this.loadDatum(this.loading as Loading, ref, new RecordReader(bytes, this))
  }

  private loadWaiting(loading: Loading, ref: number, r: RecordReader): void {
    const { kernel } = this.shard
    const m = this.readWaiting(r)
    if (loading.wantedMachines.has(m.priv)) loading.machines.set(m.priv, m)
    if (loading.wantedRecords.has(ref)) loading.records.set(ref, m)
    const renewed = this.turns.get(ref)
    if (renewed === undefined) kernel.restoreCont(m, ref, ref + m.turn)
    else {
      const turn = new ByteReader(renewed).count()
      loading.renewed.push({ turn, put: () => kernel.restoreCont(m, ref, turn) })
    }
  }

  private loadDatum(loading: Loading, ref: number, r: RecordReader): void {
    const { kernel } = this.shard
    const persistent = r.u8() === 1
    const own = ref + r.count()
    const chan = this.shard.chanOf(r.term())
    const origin = r.origin()
    const values = r.values()
    const renewed = this.turns.get(ref)
    const turn = renewed === undefined ? own : new ByteReader(renewed).count()
    const put = (): void => {
      const d = kernel.restoreDatum(chan, ref, turn, values, persistent, origin)
      if (loading.wantedRecords.has(ref)) loading.records.set(ref, d)
    }
    if (renewed === undefined) put()
    else loading.renewed.push({ turn, put })
  }

  /** All rows have been read. */
  loaded(): void {
    const { loading, shard } = this
    const { kernel } = shard
    if (loading !== null) this.finishLoading(loading, this.counters as Counters)
    this.ready = true
    if (this.parking === null || this.parking.count === 0) this.nothingParked()
    kernel.takeDirty()
    this.since = shard.known = kernel.counter
    this.sinceSlices = shard.slices
    this.sincePrivs = shard.numbers.privs
    this.sinceTime = this.now()
    this.gone = []
    this.taken = []
  }

  private finishLoading(loading: Loading, c: Counters): void {
    const { shard, session } = this
    const { kernel } = shard
    const waiting: { program: Program; account: Account }[] = []
    this.single(Row.Attempts, r => {
      const program = this.program(r.count())
      waiting.push({ program, account: this.account(r.count()) })
    })
    session.restoreKept({ accounts: [...this.accountsById.values()], logicalTime: c.logicalTime, waiting })
    for (const p of loading.renewed.sort((a, b) => a.turn - b.turn)) p.put()
    const queue = this.singles.get(Row.Queue)
    if (queue !== undefined) this.restoreQueue(new ByteReader(queue), loading.machines, c)
    this.single(Row.Control, r => {
      const name = r.term() as Unforgeable
      const n = r.signed()
      const target = n < 0 ? this.account(-n) : loading.machines.get(n)
      if (target !== undefined) session.control.adopt(name, target)
    })
    this.single(Row.Pump, r => {
      const record = loading.records.get(r.count())
      if (record !== undefined) kernel.enter(record)
    })
    for (const name of this.systemNames.values()) {
      if (name.nD === 0) continue
      for (const k of kernel.conts(name)) if (k instanceof Native) kernel.enter(k)
    }
    kernel.op = c.op // seeded choices depend on it
    for (const r of loading.requests) session.askAgain(r)
    for (const [key, bytes] of loading.outputs) this.offerAgain(key, bytes)
    // Code that nothing refers to any more; what waits as bytes may.
    if (this.parking !== null && this.parking.count > 0) return
    for (const n of loading.storedPrograms.keys()) if (!this.programs.has(n)) this.dels.push(keyOf(Row.Program, n))
    for (const n of loading.storedSources.keys()) if (!this.loadedSources.has(n)) this.dels.push(keyOf(Row.Source, n))
  }

  private single(kind: number, read: (r: TermReader) => void): void {
    const bytes = this.singles.get(kind)
    if (bytes === undefined) return
    const r = new TermReader(bytes, this)
    while (!r.done) read(r)
  }

  private restoreQueue(r: ByteReader, machines: ReadonlyMap<number, Machine>, c: Counters): void {
    const { shard } = this
    const order: Machine[] = []
    const paused: Machine[] = []
    for (let n = r.count(); n > 0; n--) {
      const priv = r.signed()
      const m = machines.get(Math.abs(priv))
      if (m === undefined) throw new Garbled(`machine ${priv} is missing`)
      if (priv < 0) order.push(shard.processorOf(m))
      else (m.paused > 0 ? paused : order).push(m)
    }
    shard.resumeCounters({ ...c }, r.u8() === 1)
    const state: number[] = []
    while (!r.done) state.push(r.signed())
    shard.queue.restore(order, state)
    for (const m of paused) shard.enqueue(m)
  }

  private readWaiting(r: RecordReader): Machine {
    const request = r.request()
    const late = r.count()
    const on = r.channels()
    const m = r.machine()
    r.waits(m, request)
    m.turn = late
    waitsOn(m, on)
    return m
  }

  private offerAgain(key: Uint8Array, bytes: Uint8Array): void {
    const r = new ByteReader(bytes)
    const outputs: Outgoing[] = []
    const position = (): number => {
      const source = r.count()
      if (source === 0) return -1
      const base = this.baseOf(source - 1)
      const at = r.count()
      return base < 0 ? -1 : base + at
    }
    while (!r.done) {
      const kind = r.u8()
      if (kind <= 3)
        outputs.push({ kind: 'out', n: r.count(), stream: kind < 2 ? 'stdout' : 'stderr', text: r.text(), raw: kind % 2 === 1 })
      else if (kind === 4) outputs.push({ kind: 'log', level: r.text(), text: r.text() })
      else {
        const n = r.count()
        const code = r.text() as Failure['code']
        const [message, hint, machine] = [r.text(), r.text(), r.text()]
        const limit = r.u8() === 1
        const start = position()
        const length = r.count()
        const startedBy = position()
        const failure: Failure = { code, message, hint, machine, limit, start, end: start < 0 ? -1 : start + length, startedBy }
        this.shard.failures.push(failure)
        outputs.push({ kind: 'failure', n, failure })
      }
    }
    this.leave(key, outputs)
  }
}

/**
 * The channel of a row of a waiting machine or a datum without reading the rest; null if the record is on several channels, waits for a reply, or the name is of
 * another kind. Reads what `waitingRow` and `datumRow` write.
 */
function channelIn(bytes: Uint8Array, waiting: boolean): { readonly own: boolean; readonly n: number } | null {
  SKIM.reset(bytes)
  const flag = SKIM.u8()
  SKIM.count()
  if (waiting && (flag !== 0 || SKIM.count() !== 0)) return null
  const n = SKIM.nameOrInt()
  if (n === undefined) return null
  FOUND.own = SKIM.own
  FOUND.n = n
  return FOUND
}

/** Reads on behind the channel of a waiting machine, as `machine` writes it. */
class RowSkimmer extends NameSkimmer {
  /** Its private number. */
  machine(): number {
    for (let i = 0; i < 3; i++) this.count()
    this.signed()
    this.count()
    this.count()
    return this.count()
  }
}
const SKIM = new RowSkimmer(NO_BYTES)
const FOUND = { own: false, n: 0 }

// ── small rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Counters extends Readonly<Tally> {
  readonly names: number
  readonly privs: number
  readonly hidden: number
  readonly op: number
  readonly refs: number
  readonly logicalTime: number
  readonly nextOutput: number
  readonly nextGroup: number
  readonly nextRequest: number
  readonly nextProgram: number
  readonly nextSource: number
  readonly time: number
}

/** In the order in which they are written; `time` follows. */
const COUNTERS = [
  'names',
  'privs',
  'hidden',
  'op',
  'refs',
  'comms',
  'primitiveComms',
  'machinesMade',
  'slices',
  'namesMade',
  'produced',
  'logicalTime',
  'nextOutput',
  'nextGroup',
  'nextRequest',
  'nextProgram',
  'nextSource',
] as const satisfies readonly (keyof Counters)[]

function readCounters(bytes: Uint8Array): Counters {
  const r = new ByteReader(bytes)
  const read: Partial<Record<keyof Counters, number>> = {}
  for (const key of COUNTERS) read[key] = r.count()
  read.time = r.f64()
  return read as Counters
}

function writeCounters(c: Counters): Uint8Array {
  const w = new ByteWriter()
  for (const key of COUNTERS) w.count(c[key])
  w.f64(c.time)
  return w.take()
}

/** The row is an output that may not have left yet: it belongs to no state. */
export function isPendingOutput(key: Uint8Array): boolean {
  return key[0] === X && key[1] === Row.Outputs
}
export function isCounters(key: Uint8Array): boolean {
  return key[0] === X && key[1] === Row.Counters
}

/** The counters with which an earlier state is gone back to: no number that was given out since is given out again. */
export function afterReset(saved: Uint8Array, present: Uint8Array): Uint8Array {
  const then = readCounters(saved)
  const now = readCounters(present)
  const later = (key: keyof Counters): number => Math.max(then[key], now[key])
  return writeCounters({
    ...then,
    names: later('names'),
    privs: later('privs'),
    hidden: later('hidden'),
    refs: later('refs'),
    logicalTime: later('logicalTime'),
    nextOutput: later('nextOutput'),
    nextGroup: later('nextGroup'),
    nextRequest: later('nextRequest'),
    nextProgram: later('nextProgram'),
    nextSource: later('nextSource'),
  })
}

function readAccount(id: number, r: ByteReader): Account {
  const label = r.text()
  const program = r.count()
  const a = new Account(id, label, program, r.f64())
  a.gas = r.f64()
  a.comms = r.count()
  a.primitiveComms = r.count()
  a.steps = r.count()
  a.machines = r.count()
  a.bytes = r.count()
  a.failed = r.count()
  a.stopped = r.u8() === 1
  return a
}

function newIdentity(o: SessionOptions): Identity {
  const key = o.seed === undefined ? randomBytes(32) : new Uint8Array(32)
  if (o.seed !== undefined) new DataView(key.buffer).setBigUint64(0, BigInt.asUintN(64, o.seed))
  return { key, seed: o.seed, order: orderText(o.order), virtualTime: o.virtualTime === true || o.seed !== undefined }
}

function orderText(order: SessionOptions['order']): string {
  return typeof order === 'object' ? `seed:${order.seed}` : (order ?? 'fifo')
}

function orderOf(text: string): SessionOptions['order'] {
  return text.startsWith('seed:') ? { seed: BigInt(text.slice(5)) } : (text as 'fifo' | 'lifo')
}

function writeIdentity(i: Identity): Uint8Array {
  const w = new ByteWriter()
  w.raw(i.key)
  w.text(i.seed === undefined ? '' : String(i.seed))
  w.text(i.order)
  w.u8(i.virtualTime ? 1 : 0)
  return w.take()
}

function readIdentity(bytes: Uint8Array): Identity {
  const r = new ByteReader(bytes)
  const key = r.raw(32).slice()
  const seed = r.text()
  return { key, seed: seed === '' ? undefined : BigInt(seed), order: r.text(), virtualTime: r.u8() === 1 }
}

/** What a space was made with stays; asking for something else is a mistake. */
function sameChoices(made: Identity, asked: SessionOptions): void {
  const wrong = (what: string, stored: unknown, given: unknown): never => {
    throw new RhizomeError('CODEC_MISMATCH', `the space was made with ${what} ${String(stored ?? 'none')}, not ${String(given)}`, {
      details: { stored: String(stored ?? 'none'), given: String(given) },
    })
  }
  if (asked.order !== undefined && orderText(asked.order) !== made.order) wrong('order', made.order, orderText(asked.order))
  if (asked.seed !== undefined && asked.seed !== made.seed) wrong('seed', made.seed, asked.seed)
}
