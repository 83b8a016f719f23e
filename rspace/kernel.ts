/**
 * The kernel: channels, data, waiting continuations, and the one decision of a tuplespace – who meets whom.
 *
 * Pure synchronous memory. It knows no codec, no hash, no disk and no clock. A channel is an object and its identity is the pointer; the queues live in
 * its fields. `produce` and `consume` each store one record or fire one COMM; what may still fire afterwards waits in the pump.
 *
 * Laws kept after every call: (L1) every combination that could fire involves a record in the pump or a stalled continuation; (L2) per channel, produced =
 * stored + consumed + withdrawn; (L3) a call that throws changed nothing.
 *
 * It is one file on purpose: with the constants and classes below imported from another module, unbundled, the same calls took two to five times as long
 * (Node 20).
 */
import { RhizomeError } from './errors.ts'

export type Key = string | number | bigint | boolean | symbol | object

/** Arrow of a bind: the datum is taken; the datum is taken and the receive stays; the datum is only read. */
export const LINEAR = 0
export const PERSISTENT = 1
export const PEEK = 2

/** So many data and links are kept to be used again. */
const SPARES_MAX = 256
// bits of Cont.state and Datum.state
const STORED = 1
const PUMPED = 2
const STALLED = 4
/** Several binds of this continuation are on one channel. */
const SHARED = 8
const REPORTED = 16
const HIDDEN = 32
/** This continuation has another turn than when it came: `REFS` knows its ref. */
const RENEWED = 64

// flags in Chan.bits
const LISTED = 1
const DIRTY = 2
const PINNED = 4
/** Scratch of `repeats`. */
const SEEN = 8
/** One waiting continuation: the bits above the flags count them. */
const ONE = 16

/** A channel. `owner` is the embedder's name object; everything else belongs to the kernel. Lists are circular, oldest first. */
export class Chan {
  owner: unknown
  /** Oldest datum. */
  dHead: Datum | null
  /** Oldest waiting continuation whose only bind is here. */
  kHead: Cont | null
  /** Oldest link to a waiting join or select. */
  jHead: Link | null
  /** Number of stored data. */
  nD: number
  /** Flags and, above them, `nK`. */
  bits: number
  index: Index | null
  constructor(owner: unknown) {
    this.owner = owner
    this.dHead = null
    this.kHead = null
    this.jHead = null
    this.nD = 0
    this.bits = 0
    this.index = null
  }
  /** Number of waiting continuations that listen here (each once). */
  get nK(): number {
    return this.bits >>> 4
  }
}

/** What all continuations made at one place share. Make it once per receive instruction or consume call; never change it. */
export interface Site {
  /** One arrow per bind, as written. */
  readonly arrows: Uint8Array
  /** Whether the continuation stays after firing. */
  readonly persistent: boolean
  readonly guarded: boolean
  /** Alternatives (`select`), in source order. `arrows` is then all of theirs, one after another. */
  readonly branches?: readonly Site[] | undefined
}

/** Refs of continuations whose turn has been renewed. Few have one, so the others need no field for it. */
const REFS = new WeakMap<Cont, number>()

/**
 * A waiting continuation. Embedders subclass it, so that what waits needs no second object. Before `consume`, set `site` and either `chan` (one bind) or
 * `chans` (a join, or all binds of a select); setting one clears the other. While it is stored, the other fields are the kernel's; afterwards `next` is
 * null and free for use.
 */
export class Cont {
  /** Place in the order of choice. */
  turn: number
  site: Site
  /** Channel of the only bind; null if there are several. */
  chan: Chan | null
  /** Neighbours on the channel. One with several channels is on none of their lists itself: it has its links and its channels here, see below. */
  next: Cont | null
  prev: Cont | null
  state: number
  constructor(site: Site) {
    this.turn = 0
    this.site = site
    this.chan = null
    this.next = null
    this.prev = null
    this.state = 0
  }
  /** Identity: drawn at each `consume`, unique, in order of arrival. Differs from `turn` once a persistent record has had its turn renewed. */
  get ref(): number {
    return (this.state & RENEWED) === 0 ? this.turn : (REFS.get(this) as number)
  }
  /** Channels of a join, or of all binds of a select; null where `chan` is set. */
  get chans(): readonly Chan[] | null {
    return this.chan === null ? (this.prev as unknown as readonly Chan[] | null) : null
  }
  set chans(chans: readonly Chan[] | null) {
    if (chans !== null) this.chan = null
    if (this.chan === null) this.prev = chans as unknown as Cont
  }
  /** One link per distinct channel of a stored join. */
  get links(): Link | null {
    return this.chan === null ? (this.next as unknown as Link | null) : null
  }
  set links(link: Link | null) {
    if (this.chan === null) this.next = link as unknown as Cont
  }
  /** Whether it waits in the space (stalled ones do). */
  get waiting(): boolean {
    return (this.state & (STORED | STALLED)) !== 0
  }
  get stalled(): boolean {
    return (this.state & STALLED) !== 0
  }
  get pumped(): boolean {
    return (this.state & PUMPED) !== 0
  }
  /** Whether several of its binds are on one channel. */
  get shares(): boolean {
    return (this.state & SHARED) !== 0
  }
}

/** A stored datum. */
export class Datum {
  ref: number
  turn: number
  readonly value: unknown
  readonly persistent: boolean
  origin: unknown
  chan: Chan
  next: Datum | null
  prev: Datum | null
  state: number
  constructor(chan: Chan, ref: number, value: unknown, persistent: boolean, origin: unknown) {
    this.ref = ref
    this.turn = ref
    this.value = value
    this.persistent = persistent
    this.origin = origin
    this.chan = chan
    this.next = null
    this.prev = null
    this.state = 0
  }
  get stored(): boolean {
    return (this.state & (STORED | HIDDEN)) !== 0
  }
  get hidden(): boolean {
    return (this.state & HIDDEN) !== 0
  }
  get pumped(): boolean {
    return (this.state & PUMPED) !== 0
  }
}

/**
 * Membership of a join in the list of one of its channels. Mostly a join is alone on all of its channels, which are as new as itself: then one link does for all
 * of them, being the head and the only neighbour of itself in each list. Its `chan` is `MANY`.
 */
export class Link {
  cont: Cont
  chan: Chan
  next: Link | null
  prev: Link | null
  /** Next link of the same continuation. */
  sibling: Link | null
  constructor(cont: Cont, chan: Chan, sibling: Link | null) {
    this.cont = cont
    this.chan = chan
    this.next = null
    this.prev = null
    this.sibling = sibling
  }
}

const MANY = new Chan(null)

/** How values meet continuations. Pure functions; they must not call the kernel, except `charge`. */
export interface KernelMatcher<V, R, K extends Cont> {
  /** First solution of the bind's pattern for the value, or undefined. */
  match(k: K, branch: number, bind: number, value: V): R | undefined
  /** All solutions; asked only when the site is guarded. */
  matchAll(k: K, branch: number, bind: number, value: V): Iterable<R>
  /** Offered every complete assignment until it says true. */
  guard(k: K, branch: number, results: readonly R[]): boolean
  /** Optional index: a bind with a key and a value with another key never match. undefined: no statement. */
  contKey?(k: K, branch: number, bind: number): Key | undefined
  datumKey?(value: V): Key | undefined
  /** Instead of `datumKey`: all keys of a value. A bind with a key then fits only values that have it among theirs. */
  datumKeys?(value: V): readonly Key[]
  /** Changes when `datumKeys` would answer more than before. */
  readonly keysVersion?: number
}

/** Told about every change of what is stored; undoing tells the opposite. All optional, all must be cheap and must not call the kernel. */
export interface KernelObserver<K extends Cont> {
  stored?(d: Datum): void
  removed?(d: Datum): void
  parked?(k: K): void
  unparked?(k: K): void
  /** A persistent record moved to the end of the order. */
  renewed?(record: K | Datum): void
  /** A matcher or guard threw; reported once per stored continuation. */
  failed?(k: K, error: unknown): void
  stalled?(k: K): void
  /** Called when a continuation leaves the space while a mark is open; the answer comes back in `restore` on rollback. */
  snapshot?(k: K): unknown
  restore?(k: K, snapshot: unknown): void
}

export type Order = 'fifo' | 'lifo' | { readonly seed: bigint }

export interface KernelOptions<K extends Cont> {
  readonly order?: Order
  /** Matching steps of one call before it throws MATCH_TOO_COSTLY. Default 10⁷. */
  readonly matchStepsMax?: number
  /** Matching steps spent on one continuation in one call before it is stalled. Default 10⁶. */
  readonly matchStepsPerContinuationMax?: number
  readonly observer?: KernelObserver<K>
  /** Lists longer than this are indexed by key as soon as a scan of them fails. Default 16. */
  readonly indexAbove?: number
  /** Collect channels whose stored content changed, for `takeDirty`. */
  readonly trackDirty?: boolean
}

/**
 * Records of one key in order of turn. Removal costs nothing: an entry is stale if its record is gone or has another turn. Mostly there is one record, which
 * then has its place in the bucket itself.
 */
class Bucket<T extends { turn: number; state: number }> {
  private one: T | null = null
  private oneTurn = 0
  /** All entries, once there were several. */
  private records: T[] | null = null
  private turns: number[] = NO_TURNS
  head = 0
  private readonly table: Table<T>
  constructor(table: Table<T>) {
    this.table = table
  }
  get length(): number {
    return this.records !== null ? this.records.length : this.one === null ? 0 : 1
  }
  at(i: number): T {
    return (this.records !== null ? this.records[i] : this.one) as T
  }
  /** The record, if there is exactly one and there were never more at a time. */
  sole(): T | null {
    const { one } = this
    return one !== null && one.turn === this.oneTurn && (one.state & STORED) !== 0 ? one : null
  }
  push(record: T): void {
    // A record that leaves and comes back finds its own stale entry here, mostly.
    if (this.records === null) {
      const one = this.sole()
      if (one === null) {
        if (this.one === null) this.table.entries++
        this.one = record
        this.oneTurn = record.turn
        return
      }
      this.records = [one]
      this.turns = [this.oneTurn]
      this.one = null
    }
    const { records, turns } = this
    if (this.head < records.length) this.live(this.head)
    this.table.entries++
    if (this.head === records.length && records.length > 0) {
      // All stale: begin anew in the same memory.
      if (records.length > 1) records.length = turns.length = 1
      records[0] = record
      turns[0] = record.turn
      this.head = 0
      return
    }
    records.push(record)
    turns.push(record.turn)
  }
  /** First live position at or after `i`; the length if there is none. */
  live(i: number): number {
    const { records, turns, head } = this
    if (records === null) {
      if (this.sole() !== null) return i
      if (this.one !== null) this.table.entries--
      this.one = null
      return 0
    }
    const n = records.length
    const trim = i === head
    while (i < n && (turns[i] !== records[i].turn || (records[i].state & STORED) === 0)) i++
    if (trim && i > head) {
      this.table.entries -= i - head
      if (i < n && i > 32 && i * 2 > n) {
        records.splice(0, i)
        turns.splice(0, i)
        this.head = 0
        return 0
      }
      this.head = i
    }
    return i
  }
  /** Last live position at or before `i`, or −1. */
  liveBefore(i: number): number {
    const { records, turns } = this
    if (records === null) return i < 0 || this.sole() === null ? -1 : 0
    while (i >= this.head && (turns[i] !== records[i].turn || (records[i].state & STORED) === 0)) i--
    return i < this.head ? -1 : i
  }
}
const NO_TURNS: number[] = []

class Table<T extends { turn: number; state: number }> {
  readonly byKey = new Map<Key, Bucket<T>>()
  /** Records about which keys say nothing. */
  readonly free: Bucket<T> = new Bucket<T>(this)
  /** Entries not yet trimmed, stale ones included. */
  entries = 0
  /** Entries per record when it was built, rounded up. */
  width = 1
  version: number | undefined = undefined
  push(key: Key | undefined, record: T): void {
    if (key === undefined) this.free.push(record)
    else {
      let bucket = this.byKey.get(key)
      if (bucket === undefined) this.byKey.set(key, (bucket = new Bucket(this)))
      bucket.push(record)
    }
  }
}

class Index {
  conts: Table<Cont> | null = null
  data: Table<Datum> | null = null
}

/** A place to come back to. */
export class Mark {
  readonly undoLength: number
  readonly op: number
  readonly outer: Mark | null
  open = true
  constructor(undoLength: number, op: number, outer: Mark | null) {
    this.undoLength = undoLength
    this.op = op
    this.outer = outer
  }
}

// what an Undo record takes back
const U_ADD_DATUM = 0
const U_REMOVE_DATUM = 1
const U_PARK = 2
const U_UNPARK = 3
const U_RENEW_DATUM = 4
const U_RENEW_CONT = 5
const U_ENQUEUE = 6
const U_DEQUEUE = 7
const U_STATE = 8
const U_STALL = 9
const U_UNSTALL = 10
const U_PUMPED = 11

/** One change, with what is needed to take it back. Changes are undone in exactly the opposite order, so neighbours are where they were. */
class Undo {
  readonly kind: number
  readonly record: Cont | Datum
  /** Places in the lists before the change: for a datum or single continuation one, for a join one per link. */
  places: Place[] | null = null
  turn = 0
  ref = 0
  state = 0
  site: Site | null = null
  chan: Chan | null = null
  chans: readonly Chan[] | null = null
  links: Link | null = null
  snapshot: unknown = undefined
  /** Whether the observer had been told, so that it must be told the opposite. */
  told: boolean
  constructor(kind: number, record: Cont | Datum) {
    this.kind = kind
    this.told = kind <= U_UNPARK
    this.record = record
  }
}
interface Place {
  /** The record before it, or null if it was alone. */
  readonly prev: Cont | Datum | Link | null
  readonly head: boolean
}

/** Thrown by `charge` to leave a matcher whose budget is spent; never leaves the kernel. */
const BUDGET_SPENT = { budget: 'spent' }

/** All solutions of one bind for one datum, made on demand. */
class Solutions<R> {
  readonly known: R[] = []
  private source: Iterator<R> | null
  constructor(source: Iterator<R>) {
    this.source = source
  }
  at(i: number): R | undefined {
    while (this.known.length <= i && this.source !== null) {
      const step = this.source.next()
      if (step.done === true) this.source = null
      else this.known.push(step.value)
    }
    return this.known[i]
  }
}
class Candidate<R> {
  readonly datum: Datum
  readonly result: R
  readonly solutions: Solutions<R> | null
  constructor(datum: Datum, result: R, solutions: Solutions<R> | null) {
    this.datum = datum
    this.result = result
    this.solutions = solutions
  }
}

/** Walks the data of one channel in the order of choice, through the index where the bind has a key. */
class DataCursor {
  private mode = 0 // 0 forward list, 1 backward list, 2 two buckets forward, 3 two buckets backward, 4 array
  private at: Datum | null = null
  private end: Datum | null = null
  private a: Bucket<Datum> | undefined
  private b: Bucket<Datum> | undefined
  private i = 0
  private j = 0
  private list: Datum[] = []
  start(chan: Chan, key: Key | undefined, backward: boolean): this {
    const table = chan.index === null || key === undefined ? null : chan.index.data
    if (table === null) {
      this.mode = backward ? 1 : 0
      this.end = chan.dHead
      this.at = chan.dHead === null ? null : backward ? chan.dHead.prev : chan.dHead
      return this
    }
    this.a = table.byKey.get(key as Key)
    this.b = table.free
    this.mode = backward ? 3 : 2
    this.i = this.a === undefined ? -1 : backward ? this.a.liveBefore(this.a.length - 1) : this.a.live(this.a.head)
    this.j = backward ? this.b.liveBefore(this.b.length - 1) : this.b.live(this.b.head)
    return this
  }
  startList(list: Datum[]): this {
    this.mode = 4
    this.list = list
    this.i = 0
    return this
  }
  next(): Datum | null {
    switch (this.mode) {
      case 0: {
        const d = this.at
        if (d !== null) this.at = d.next === this.end ? null : d.next
        return d
      }
      case 1: {
        const d = this.at
        if (d !== null) this.at = d === this.end ? null : d.prev
        return d
      }
      case 4:
        return this.i < this.list.length ? this.list[this.i++] : null
      default: {
        const { a, mode } = this
        const b = this.b as Bucket<Datum>
        const x = a !== undefined && this.i >= 0 && this.i < a.length ? a.at(this.i) : null
        const y = this.j >= 0 && this.j < b.length ? b.at(this.j) : null
        const first = y === null || (x !== null && x.turn < y.turn === (mode === 2))
        if (first) {
          if (x !== null) this.i = mode === 2 ? (a as Bucket<Datum>).live(this.i + 1) : (a as Bucket<Datum>).liveBefore(this.i - 1)
          return x
        }
        this.j = mode === 2 ? b.live(this.j + 1) : b.liveBefore(this.j - 1)
        return y
      }
    }
  }
}

/** Walks the continuations that listen on a channel in the order of choice. */
class ContCursor {
  private mode = 0 // 0 lists forward, 1 lists backward, 2 buckets forward, 3 buckets backward, 4 array
  private s: Cont | null = null
  private sHead: Cont | null = null
  private l: Link | null = null
  private lHead: Link | null = null
  private a: Bucket<Cont> | undefined
  private b: Bucket<Cont> | undefined
  private i = 0
  private j = 0
  private list: Cont[] = []
  start(chan: Chan, key: Key | undefined, backward: boolean): this {
    const table = chan.index === null || key === undefined ? null : chan.index.conts
    if (table === null) {
      this.mode = backward ? 1 : 0
      this.sHead = chan.kHead
      this.lHead = chan.jHead
      this.s = chan.kHead === null ? null : backward ? chan.kHead.prev : chan.kHead
      this.l = chan.jHead === null ? null : backward ? chan.jHead.prev : chan.jHead
      return this
    }
    this.a = table.byKey.get(key as Key)
    this.b = table.free
    this.mode = backward ? 3 : 2
    this.i = this.a === undefined ? -1 : backward ? this.a.liveBefore(this.a.length - 1) : this.a.live(this.a.head)
    this.j = backward ? this.b.liveBefore(this.b.length - 1) : this.b.live(this.b.head)
    return this
  }
  startList(list: Cont[]): this {
    this.mode = 4
    this.list = list
    this.i = 0
    return this
  }
  next(): Cont | null {
    switch (this.mode) {
      case 0: {
        const { s, l } = this
        if (s !== null && (l === null || s.turn < l.cont.turn)) {
          this.s = s.next === this.sHead ? null : s.next
          return s
        }
        if (l === null) return null
        this.l = l.next === this.lHead ? null : l.next
        return l.cont
      }
      case 1: {
        const { s, l } = this
        if (s !== null && (l === null || s.turn > l.cont.turn)) {
          this.s = s === this.sHead ? null : s.prev
          return s
        }
        if (l === null) return null
        this.l = l === this.lHead ? null : l.prev
        return l.cont
      }
      case 4:
        return this.i < this.list.length ? this.list[this.i++] : null
      default: {
        const { a, mode } = this
        const b = this.b as Bucket<Cont>
        const x = a !== undefined && this.i >= 0 && this.i < a.length ? a.at(this.i) : null
        const y = this.j >= 0 && this.j < b.length ? b.at(this.j) : null
        const first = y === null || (x !== null && x.turn < y.turn === (mode === 2))
        if (first) {
          if (x !== null) this.i = mode === 2 ? (a as Bucket<Cont>).live(this.i + 1) : (a as Bucket<Cont>).liveBefore(this.i - 1)
          return x
        }
        this.j = mode === 2 ? b.live(this.j + 1) : b.liveBefore(this.j - 1)
        return y
      }
    }
  }
}

/** Answer of a quick path that leaves the case to the careful one. */
const UNDECIDED = Symbol('undecided')

/** See the head of this file. `V` values, `R` what a bind's match hands to the body, `K` the embedder's continuation. */
export class Kernel<V, R, K extends Cont> {
  /** Number of operations so far (`produce`, `consume`, `pump`); part of what a seeded choice depends on. */
  op = 0
  /** Last ref or turn drawn. */
  counter = 0
  /** Matching steps used by the current or last call. */
  steps = 0

  // What the last COMM was; valid until the next call. Binds in the order written, of the branch that fired.
  firedCount = 0
  firedBranch = 0
  readonly results: R[] = []
  readonly matched: V[] = []
  readonly origins: unknown[] = []
  readonly firedDatumRefs: number[] = []
  readonly firedPersistent: boolean[] = []
  /** Ref of the datum that the last `produce` brought, and its record if it was stored. */
  lastDatumRef = 0
  lastDatum: Datum | null = null

  private readonly matcher: KernelMatcher<V, R, K>
  private observer: KernelObserver<K> | null
  private readonly order: Order
  private readonly fifo: boolean
  private readonly seeded: boolean
  private readonly seedLow: number
  private readonly seedHigh: number
  private point = 0
  private readonly stepsMax: number
  private readonly stepsPerCont: number
  /** `charge` leaves the matcher when `steps` passes this. */
  private stepStop: number
  private readonly keyed: boolean
  private readonly scanMax: number
  /** A search that found something after more steps than this would have been shorter with an index. */
  private readonly scanLong: number
  /** An index of a list that shrank below this is dropped. */
  private readonly indexMin: number

  private undo: Undo[] | null = null
  private innermost: Mark | null = null

  private pumpQueue: (Cont | Datum)[] = []
  private pumpHead = 0
  private pumpLive = 0

  private readonly stalledConts = new Set<K>()
  private readonly hiddenData = new Set<Datum>()
  private toStall: K[] | null = null

  /** Channels that held something when they were last looked at; a stack of which `listedN` places are in use. */
  private listed: (Chan | null)[] = []
  private listedN = 0
  private sweepAt = 1024
  private dirtyChans: Chan[] = []
  private readonly tracking: boolean
  private readonly need: number

  private chosen: (Datum | null)[] = []
  private readonly contCursor = new ContCursor()
  private readonly dataCursor = new DataCursor()

  constructor(matcher: KernelMatcher<V, R, K>, options: KernelOptions<K> = {}) {
    this.matcher = matcher
    this.observer = options.observer ?? null
    this.order = options.order ?? 'fifo'
    this.fifo = this.order === 'fifo'
    this.seeded = typeof this.order === 'object'
    const seed = typeof this.order === 'object' ? BigInt.asUintN(64, this.order.seed) : 0n
    this.seedLow = Number(seed & 0xffffffffn) | 0
    this.seedHigh = Number(seed >> 32n) | 0
    this.stepsMax = options.matchStepsMax ?? 10_000_000
    this.stepsPerCont = options.matchStepsPerContinuationMax ?? 1_000_000
    this.stepStop = Math.min(this.stepsMax, this.stepsPerCont)
    this.keyed = matcher.contKey !== undefined && (matcher.datumKey !== undefined || matcher.datumKeys !== undefined)
    this.scanMax = options.indexAbove ?? 16
    this.scanLong = 4 * this.scanMax
    this.indexMin = this.scanMax >> 1
    this.tracking = options.trackDirty === true
    this.need = this.tracking ? LISTED | DIRTY : LISTED
  }

  /** A new channel. Costs one object. */
  chan(owner: unknown): Chan {
    return new Chan(owner)
  }

  /** Who is told from now on. A call that nobody needs is a tenth of a COMM. */
  tell(observer: KernelObserver<K> | null): void {
    this.observer = observer
  }

  /** This channel is served oldest first whatever the order of the space. */
  pin(chan: Chan): void {
    chan.bits |= PINNED
  }

  /** For matchers and guards whose work is more than one step. Leaves the matcher by an exception when the budget is spent. */
  charge(steps: number): void {
    if ((this.steps += steps) > this.stepStop) throw BUDGET_SPENT
  }

  // ---------------------------------------------------------------------------------------------- the two operations

  /**
   * One message arrives. Fires at most one COMM, of which it is part, and returns its continuation; or stores the message and returns null.
   * A message that was only read, or is persistent, is stored as well and goes on matching in the pump.
   * @throws RhizomeError MATCH_TOO_COSTLY; nothing has changed then
   */
  produce(chan: Chan, value: V, persistent: boolean, origin: unknown): K | null {
    this.op++
    this.steps = 0
    this.lastDatum = null
    const head = chan.kHead as K | null
    if (head === null && chan.jHead === null) {
      this.store(chan, value, persistent, origin)
      return null
    }
    if (chan.jHead === null && chan.index === null && (this.fifo || (chan.bits & PINNED) !== 0)) {
      let c = head as K
      let r: R | undefined
      let tries = 0
      const matcher = this.matcher
      try {
        do {
          if (c.site.guarded) return this.produceSlow(chan, value, persistent, origin)
          tries++
          r = matcher.match(c, 0, 0, value)
          if (r !== undefined) break
          c = c.next as K
        } while (c !== head)
      } catch {
        // The careful path meets the same exception again and knows which continuation it belongs to.
        return this.produceSlow(chan, value, persistent, origin)
      }
      this.steps += tries
      if (r === undefined) {
        this.store(chan, value, persistent, origin)
        if (tries > this.scanMax && this.keyed) this.indexConts(chan)
        return null
      }
      this.fireSingle(c, chan, value, persistent, origin, r)
      if (tries > this.scanLong) this.maybeIndexConts(chan, c, 0, 0)
      return c
    }
    if (chan.index === null ? head === null && this.fifo : chan.index.conts !== null && (this.fifo || (chan.bits & PINNED) !== 0)) {
      const k = chan.index === null ? this.quickJoin(chan, value, persistent, origin) : this.quickIndexed(chan, value, persistent, origin)
      if (k !== UNDECIDED) return k
    }
    return this.produceSlow(chan, value, persistent, origin)
  }

  // For embedders that look at the fields of a channel themselves and know what `produce` and `consume` would find: the same changes without the search.

  /** `produce` of a message that is not persistent to a channel where nothing waits that could take it. */
  put(chan: Chan, value: V, origin: unknown): void {
    this.op++
    this.store(chan, value, false, origin)
  }

  /** The same, in a record that `takeThis` left. One that the host's collector has moved twice is cheaper to use again than to replace. */
  putIndexed(chan: Chan, value: V): void {
    const d = this.spare()
    if (d === null) {
      this.put(chan, value, null)
      return
    }
    ;(d as { value: unknown }).value = value
    this.putAgain(d, chan, null)
  }

  /** A datum that came before, with the ref it was given then; nobody waits here. Refs on a channel must ascend. */
  append(chan: Chan, ref: number, value: V): void {
    this.appendDatum(new Datum(chan, ref, value, false, null))
  }

  /** `put` with a datum of `spare`, into whose value the message was written. */
  putAgain(d: Datum, chan: Chan, origin: unknown): void {
    this.op++
    d.ref = d.turn = this.lastDatumRef = ++this.counter
    d.chan = chan
    d.origin = origin
    this.lastDatum = d
    this.appendDatum(d)
  }

  /** A datum to be used again, value and all; null: there is none. */
  spare(): Datum | null {
    const d = this.spareData
    if (d !== null) {
      this.spareData = d.next
      this.spares--
    }
    return d
  }

  /** A datum that `put` stored and a COMM has removed: the caller says that nobody knows it or its value any more. */
  recycle(d: Datum): void {
    if (this.spares === SPARES_MAX || this.undo !== null) return
    d.next = this.spareData
    this.spareData = d
    this.spares++
  }
  private spareData: Datum | null = null
  private spares = 0
  /** Linked by `sibling`. */
  private spareLinks: Link | null = null
  private spareLinkCount = 0

  /** `produce` of a message that the linear continuation `k`, which waits on this channel alone, takes. */
  wake(k: K, chan: Chan): void {
    this.op++
    this.lastDatum = null
    this.lastDatumRef = ++this.counter
    this.unparkSingle(k, chan)
  }

  /** `consume` of a continuation that waits on this channel alone, where there are no data. */
  listen(k: K, chan: Chan): void {
    this.op++
    k.turn = ++this.counter
    this.parkSingle(k, chan)
  }

  /**
   * `wake` and `listen` of a continuation that has the channel to itself, where nobody is told and no mark is open. One that has been woken stays linked to
   * itself: it is to listen again.
   */
  wakeOnly(k: K, chan: Chan): void {
    this.op++
    this.lastDatumRef = ++this.counter
    k.state = 0
    chan.kHead = null
    chan.bits -= ONE
    if (chan.nD === 0) this.emptied(chan)
  }
  listenOnly(k: K, chan: Chan): void {
    this.op++
    k.turn = ++this.counter
    k.state = STORED
    chan.kHead = k
    if (k.next !== k) k.next = k.prev = k
    const bits = chan.bits + ONE
    chan.bits = bits
    if ((bits & LISTED) === 0) this.enlist(chan)
  }

  /** `produce` of a message that completes the join `k`: it takes the oldest datum of each of its other channels; bind `own` takes the message. No peek. */
  complete(k: K, own: number): void {
    this.op++
    this.lastDatum = null
    this.lastDatumRef = ++this.counter
    const chans = k.chans as readonly Chan[]
    for (let i = 0; i < chans.length; i++) if (i !== own) this.useDatum(chans[i].dHead as Datum, LINEAR)
    this.completedCont(k)
  }

  /** `complete` for a join of two: `d` is the oldest datum of its other channel. */
  completePair(k: K, d: Datum): void {
    this.op++
    this.lastDatum = null
    this.lastDatumRef = ++this.counter
    this.useDatum(d, LINEAR)
    this.completedCont(k)
  }

  private completedCont(k: K): void {
    if (!k.site.persistent) {
      const { links } = k
      this.unpark(k)
      if (this.undo === null) this.recycleLinks(links)
    } else if (this.hasNeighbours(k)) this.renewCont(k)
  }

  /** Of a join that does not wait any more. */
  private recycleLinks(links: Link | null): void {
    let l = links
    while (l !== null && this.spareLinkCount < SPARES_MAX) {
      const next = l.sibling
      l.sibling = this.spareLinks
      this.spareLinks = l
      this.spareLinkCount++
      l = next
    }
  }

  private link(k: Cont, chan: Chan, sibling: Link | null): Link {
    const l = this.spareLinks
    if (l === null) return new Link(k, chan, sibling)
    this.spareLinks = l.sibling
    this.spareLinkCount--
    l.cont = k
    l.chan = chan
    l.sibling = sibling
    return l
  }

  /** The continuation that alone could take a message with this key, found through the index of the channel. null: several, none, or it does not say. */
  taker(chan: Chan, key: Key): K | null {
    const conts = chan.index === null ? null : chan.index.conts
    if (conts === null || !this.fifo || chan.nK < this.indexMin || conts.entries > 2 * chan.nK + 64) return null
    const { free } = conts
    if (free.live(free.head) < free.length) return null
    const bucket = conts.byKey.get(key)
    if (bucket === undefined) return null
    this.taken = bucket
    return bucket.sole() as K | null
  }
  private taken: Bucket<Cont> | null = null

  /** `produce` of a message that the persistent continuation `k`, which `taker` has just found, takes. No peek. */
  serve(k: K): void {
    this.op++
    this.lastDatum = null
    this.lastDatumRef = ++this.counter
    this.renewCont(k, this.taken)
  }

  /** The oldest datum with this key, found through the index of the channel; what has another does not fit. null: none, or it does not say. */
  holder(chan: Chan, key: Key): Datum | null {
    const data = chan.index === null ? null : chan.index.data
    if (data === null || !this.fifo || data.version !== this.matcher.keysVersion || chan.nD < this.indexMin) return null
    if (data.entries > 2 * chan.nD * data.width + 64) return null
    const { free } = data
    if (free.live(free.head) < free.length) return null
    const bucket = data.byKey.get(key)
    if (bucket === undefined) return null
    const first = bucket.live(bucket.head)
    return first < bucket.length ? bucket.at(first) : null
  }

  /** `consume` of a linear continuation that takes this datum, which is not persistent and which nobody but the kernel knows. */
  takeThis(d: Datum): void {
    this.op++
    this.counter++
    const again = this.observer === null && (d.state & PUMPED) === 0
    this.removeDatum(d)
    if (!again) return
    ;(d as { value: unknown }).value = undefined
    this.recycle(d)
  }

  /** `consume` of a linear continuation that takes the oldest datum of the channel. */
  takeOldest(chan: Chan): void {
    this.op++
    this.counter++
    this.useDatum(chan.dHead as Datum, LINEAR)
  }

  /** Only joins wait on the channel, and it has no index. UNDECIDED: a case for the careful path; nothing has changed. */
  private quickJoin(chan: Chan, value: V, persistent: boolean, origin: unknown): K | null | typeof UNDECIDED {
    const first = chan.jHead as Link
    let l = first
    try {
      do {
        const k = l.cont as K
        const site = k.site
        if (site.guarded || site.branches !== undefined || (k.state & SHARED) !== 0) return UNDECIDED
        const chans = k.chans as readonly Chan[]
        const n = chans.length
        let own = -1
        let i = 0
        for (; i < n; i++) {
          const c = chans[i]
          if (c === chan) own = i
          else if (c.dHead === null) break
        }
        if (i === n) {
          this.steps++
          const r = this.matcher.match(k, 0, own, value)
          if (r !== undefined) {
            for (i = 0; i < n; i++) {
              if (i === own) continue
              if (chans[i].index !== null) return UNDECIDED
              const d = this.quickMatch(k, i, chans[i])
              if (d === null) break
              this.chosen[i] = d
            }
            if (i === n) {
              this.results[own] = r
              this.fireJoin(k, own, chan, value, persistent, origin)
              if (this.steps > this.scanLong) {
                this.maybeIndexConts(chan, k, 0, own)
                this.maybeIndexData(k)
              }
              return k
            }
          }
        }
        l = l.next as Link
      } while (l !== first)
    } catch {
      return UNDECIDED
    }
    this.store(chan, value, persistent, origin)
    if (chan.nK > this.scanMax && this.keyed) this.indexConts(chan)
    return null
  }

  /** The oldest datum that bind `i` accepts, in a list without index; its result goes to `results`. */
  private quickMatch(k: K, i: number, chan: Chan): Datum | null {
    const first = chan.dHead as Datum
    let d = first
    do {
      this.steps++
      const r = this.matcher.match(k, 0, i, d.value as V)
      if (r !== undefined) {
        this.results[i] = r
        return d
      }
      d = d.next as Datum
    } while (d !== first)
    return null
  }

  private fireJoin(k: K, own: number, chan: Chan, value: V, persistent: boolean, origin: unknown): void {
    const ref = (this.lastDatumRef = ++this.counter)
    const { arrows } = k.site
    const n = arrows.length
    const chosen = this.chosen
    this.firedCount = n
    this.firedBranch = 0
    this.matched[own] = value
    this.origins[own] = origin
    this.firedDatumRefs[own] = ref
    this.firedPersistent[own] = persistent
    for (let i = 0; i < n; i++) {
      if (i === own) continue
      const d = chosen[i] as Datum
      chosen[i] = null
      this.matched[i] = d.value as V
      this.origins[i] = d.origin
      this.firedDatumRefs[i] = d.ref
      this.firedPersistent[i] = d.persistent
      this.useDatum(d, arrows[i])
    }
    this.completedCont(k)
    if (persistent || arrows[own] === PEEK) {
      const d = new Datum(chan, ref, value, persistent, origin)
      this.appendDatum(d)
      this.lastDatum = d
      if (chan.nK > 0) this.enqueue(d)
    }
  }

  /** The channel's continuations are indexed. UNDECIDED: a case for the careful path; nothing has changed. */
  private quickIndexed(chan: Chan, value: V, persistent: boolean, origin: unknown): K | null | typeof UNDECIDED {
    const { matcher, contCursor } = this
    const conts = (chan.index as Index).conts as Table<Cont>
    if (matcher.datumKey === undefined || chan.nK < this.indexMin || conts.entries > 2 * chan.nK + 64) return UNDECIDED
    try {
      const key = matcher.datumKey(value)
      if (key === undefined) return UNDECIDED
      contCursor.start(chan, key, false)
      for (let k = contCursor.next() as K | null; k !== null; k = contCursor.next() as K | null) {
        if (k.chan === null || k.site.guarded) return UNDECIDED
        this.steps++
        const r = matcher.match(k, 0, 0, value)
        if (r === undefined) continue
        this.fireSingle(k, chan, value, persistent, origin, r)
        return k
      }
    } catch {
      return UNDECIDED
    }
    this.store(chan, value, persistent, origin)
    return null
  }

  /**
   * `k` arrives with `site` and `chan` or `chans` set. True: it fired at once, and is stored only if it is persistent. False: it waits.
   * @throws RhizomeError MATCH_TOO_COSTLY; nothing has changed then
   */
  consume(k: K): boolean {
    this.op++
    this.steps = 0
    k.state = 0
    k.turn = ++this.counter
    const site = k.site
    const chan = k.chan
    if (chan !== null) {
      const head = chan.dHead
      if (head === null) {
        this.parkSingle(k, chan)
        return false
      }
      if (!site.guarded && chan.index === null && (this.fifo || (chan.bits & PINNED) !== 0)) {
        let d: Datum = head
        let r: R | undefined
        let tries = 0
        const matcher = this.matcher
        try {
          do {
            tries++
            r = matcher.match(k, 0, 0, d.value as V)
            if (r !== undefined) break
            d = d.next as Datum
          } while (d !== head)
        } catch {
          return this.consumeSlow(k)
        }
        this.steps += tries
        if (r === undefined) {
          if (tries > this.scanMax && this.keyed && this.matcher.contKey!(k, 0, 0) !== undefined) this.indexData(chan)
          this.parkSingle(k, chan)
          return false
        }
        this.firedCount = 1
        this.firedBranch = 0
        this.results[0] = r
        this.matched[0] = d.value as V
        this.origins[0] = d.origin
        this.firedDatumRefs[0] = d.ref
        this.firedPersistent[0] = d.persistent
        this.useDatum(d, site.arrows[0])
        if (tries > this.scanLong) this.maybeIndexData(k)
        if (site.persistent) {
          this.parkSingle(k, chan)
          if (chan.dHead !== null) this.enqueue(k)
        }
        return true
      }
      return this.consumeSlow(k)
    }
    if (site.branches === undefined) {
      const chans = k.chans as readonly Chan[]
      let simple = !site.guarded && this.fifo
      for (let i = 0; i < chans.length; i++) {
        const c = chans[i]
        if (c.dHead === null) {
          this.parkJoin(k, chans)
          return false
        }
        if (c.index !== null) simple = false
      }
      if (simple && !repeats(chans, 0, chans.length)) {
        const fired = this.quickConsume(k, chans)
        if (fired !== UNDECIDED) return fired
      }
    }
    return this.consumeSlow(k)
  }

  /** An unguarded join on different channels, all of which hold data and none an index. */
  private quickConsume(k: K, chans: readonly Chan[]): boolean | typeof UNDECIDED {
    const { arrows, persistent } = k.site
    const { chosen } = this
    const n = chans.length
    try {
      for (let i = 0; i < n; i++) {
        if ((chosen[i] = this.quickMatch(k, i, chans[i])) !== null) continue
        if (chans[i].nD > this.scanMax && this.keyed) return UNDECIDED
        this.parkJoin(k, chans)
        return false
      }
    } catch {
      return UNDECIDED
    }
    this.firedCount = n
    this.firedBranch = 0
    for (let i = 0; i < n; i++) {
      const d = chosen[i] as Datum
      chosen[i] = null
      this.matched[i] = d.value as V
      this.origins[i] = d.origin
      this.firedDatumRefs[i] = d.ref
      this.firedPersistent[i] = d.persistent
      this.useDatum(d, arrows[i])
    }
    if (this.steps > this.scanLong) this.maybeIndexData(k)
    if (persistent) {
      this.parkJoin(k, chans)
      if (this.mayFire(k)) this.enqueue(k)
    }
    return true
  }

  /** Whether `pump` has something to try. */
  get pumpPending(): boolean {
    return this.pumpLive > 0
  }

  /** Fire one COMM of the oldest pumped record that still can, and put that record at the tail. null: nothing fires, the pump is empty. */
  pump(): K | null {
    if (this.pumpLive === 0) return null
    this.op++
    this.steps = 0
    while (this.pumpLive > 0) {
      const record = this.dequeue()
      if (record === null) continue
      let fired: K | null
      try {
        fired = record instanceof Datum ? this.fireDatum(record, null) : this.fireCont(record as K)
      } catch (e) {
        // Too costly for one call: it keeps its right to be tried, behind the others.
        this.enqueue(record)
        throw e
      }
      if (fired !== null) {
        if (record instanceof Datum && (record.state & STORED) !== 0 && record.chan.nK > 0) this.enqueue(record)
        return fired
      }
    }
    return null
  }

  /** Fire one more COMM in which the stored record takes part, skipping continuations in `except`; for callers that fire bursts. */
  again(record: Datum | K, except: ReadonlySet<Cont> | null): K | null {
    if ((record.state & STORED) === 0) return null
    this.op++
    this.steps = 0
    return record instanceof Datum ? this.fireDatum(record, except) : this.fireCont(record)
  }

  // ---------------------------------------------------------------------------------------------- withdrawing and restoring

  /** Remove a waiting continuation. True if it was waiting. */
  withdraw(k: K): boolean {
    if ((k.state & STALLED) !== 0) {
      this.unstall(k)
      this.noteTold(true)
      this.observer?.unparked?.(k)
      return true
    }
    if ((k.state & STORED) === 0) return false
    this.unpark(k)
    return true
  }

  /** Remove a stored datum. True if it was there. */
  take(d: Datum): boolean {
    if ((d.state & HIDDEN) !== 0) {
      this.noteState(d)
      this.noteTold(true)
      this.hiddenData.delete(d)
      d.state = 0
      this.observer?.removed?.(d)
      return true
    }
    if ((d.state & STORED) === 0) return false
    this.removeDatum(d)
    return true
  }

  /** Set a datum aside: it stays, but nothing sees or matches it until `reveal`. */
  hide(d: Datum): boolean {
    if ((d.state & STORED) === 0) return false
    this.removeDatumQuietly(d)
    this.noteTold(false)
    this.noteState(d)
    d.state = HIDDEN
    this.hiddenData.add(d)
    return true
  }

  /** Undo `hide`: the datum comes back with its old age and tries to match as if it arrived. */
  reveal(d: Datum): K | null {
    if ((d.state & HIDDEN) === 0) return null
    this.op++
    this.steps = 0
    this.noteState(d)
    this.hiddenData.delete(d)
    d.state = 0
    this.insertDatum(d)
    this.noteTold(false)
    let fired: K | null
    try {
      fired = this.fireDatum(d, null)
    } catch {
      this.enqueue(d)
      return null
    }
    if (fired !== null && (d.state & STORED) !== 0) this.enqueue(d)
    return fired
  }

  /** Put a datum back as it was when it was saved; nothing fires. Call in ascending order of turn. */
  restoreDatum(chan: Chan, ref: number, turn: number, value: V, persistent: boolean, origin: unknown): Datum {
    const d = new Datum(chan, ref, value, persistent, origin)
    d.turn = turn
    if (this.counter < ref) this.counter = ref
    if (this.counter < turn) this.counter = turn
    this.insertDatum(d)
    this.observer?.stored?.(d)
    return d
  }

  /** Put a continuation back as it was when it was saved; nothing fires. */
  restoreCont(k: K, ref: number, turn: number): void {
    this.number(k, ref, turn)
    if (this.counter < ref) this.counter = ref
    if (this.counter < turn) this.counter = turn
    this.insertCont(k)
    this.observer?.parked?.(k)
  }

  private number(k: K, ref: number, turn: number): void {
    k.turn = turn
    k.state = ref === turn ? 0 : RENEWED
    if (ref !== turn) REFS.set(k, ref)
  }

  /** Enter a stored record into the pump; L1 asks for it when something outside the kernel may have made it able to fire. */
  enter(record: K | Datum): void {
    if ((record.state & STORED) !== 0) this.enqueue(record)
  }

  /** The caller found out that the record cannot fire any more: take it out of the pump. */
  rest(record: K | Datum): void {
    if ((record.state & PUMPED) === 0) return
    if (this.undo !== null) {
      const u = new Undo(U_PUMPED, record)
      this.undo.push(u)
    }
    record.state &= ~PUMPED
    this.pumpLive--
  }

  /** Whether a stored continuation could fire now; nothing changes. */
  canFire(k: K): boolean {
    this.steps = 0
    this.point = 0
    return this.attempt(k, null, this.stepsPerCont) === FIRE
  }

  /** The meaning of guards or patterns changed: put waiting continuations into the pump. Returns how many. */
  recheck(filter?: (k: K) => boolean): number {
    const found = new Set<K>()
    for (const chan of this.nonEmpty()) for (const k of this.conts(chan)) if (filter === undefined || filter(k)) found.add(k)
    for (const k of [...found].sort((x, y) => x.turn - y.turn)) this.enqueue(k)
    return found.size
  }

  /** Give a stalled continuation another chance with a budget of its own. True: it fired. False: it waits or is stalled again. */
  retry(k: K, steps: number): boolean {
    if ((k.state & STALLED) === 0) return false
    this.op++
    this.steps = 0
    this.unstall(k)
    this.insertCont(k)
    this.noteTold(false)
    return this.fireCont(k, steps) !== null
  }

  stalled(): ReadonlySet<K> {
    return this.stalledConts
  }
  hidden(): ReadonlySet<Datum> {
    return this.hiddenData
  }

  // ---------------------------------------------------------------------------------------------- looking

  /** Channels that hold data or waiting continuations, in a repeatable order. */
  *nonEmpty(): Iterable<Chan> {
    // A copy, because the list is swept while records come and go.
    for (const chan of this.listed.slice(0, this.listedN) as Chan[]) if (chan.nD > 0 || chan.nK > 0) yield chan
  }

  /** Data of a channel, oldest first. Do not change the channel meanwhile. */
  *data(chan: Chan): Iterable<Datum> {
    const head = chan.dHead
    if (head === null) return
    let d: Datum = head
    do {
      yield d
      d = d.next as Datum
    } while (d !== head)
  }

  /** Continuations that wait on a channel, oldest first, joins included. Do not change the channel meanwhile. */
  *conts(chan: Chan): Iterable<K> {
    const cursor = new ContCursor().start(chan, undefined, false)
    for (let k = cursor.next(); k !== null; k = cursor.next()) yield k as K
  }

  /** Channels whose stored content changed since the last call (option `trackDirty`). A datum that fired on arrival changes nothing. */
  takeDirty(): Chan[] {
    const chans = this.dirtyChans
    this.dirtyChans = []
    for (const chan of chans) chan.bits &= ~DIRTY
    return chans
  }

  /** Pumped records in order. */
  *pumped(): Iterable<K | Datum> {
    const seen = new Set<unknown>()
    for (let i = this.pumpHead; i < this.pumpQueue.length; i++) {
      const record = this.pumpQueue[i]
      if ((record.state & PUMPED) === 0 || seen.has(record)) continue
      seen.add(record)
      yield record as K | Datum
    }
  }

  // ---------------------------------------------------------------------------------------------- marks

  get marked(): boolean {
    return this.innermost !== null
  }

  /** A place to come back to. O(1); marks nest. Changes are logged only while one is open. */
  mark(): Mark {
    if (this.undo === null) this.undo = []
    return (this.innermost = new Mark(this.undo.length, this.op, this.innermost))
  }

  /** Back to the mark: data, continuations, their order, the pump. Costs as much as what happened since. Marks inside it are closed with it. */
  rollback(mark: Mark): void {
    this.close(mark)
    const undo = this.undo as Undo[]
    this.undo = null
    for (let i = undo.length - 1; i >= mark.undoLength; i--) this.revert(undo[i])
    undo.length = mark.undoLength
    this.undo = this.innermost === null ? null : undo
    this.op = mark.op
  }

  /** Keep what happened since the mark. Marks inside it are closed with it. */
  release(mark: Mark): void {
    this.close(mark)
    if (this.innermost === null) this.undo = null
  }

  private close(mark: Mark): void {
    if (!mark.open) throw new RhizomeError('STALE_MARK', 'the mark was already released or rolled back')
    let m = this.innermost
    while (m !== null && m !== mark) {
      m.open = false
      m = m.outer
    }
    mark.open = false
    this.innermost = mark.outer
  }

  // ---------------------------------------------------------------------------------------------- firing

  private fireSingle(c: K, chan: Chan, value: V, persistent: boolean, origin: unknown, r: R): void {
    const ref = (this.lastDatumRef = ++this.counter)
    this.firedCount = 1
    this.firedBranch = 0
    this.results[0] = r
    this.matched[0] = value
    this.origins[0] = origin
    this.firedDatumRefs[0] = ref
    this.firedPersistent[0] = persistent
    const site = c.site
    if (site.persistent) {
      if (chan.nK > 1) this.renewCont(c)
    } else this.unparkSingle(c, chan)
    if (persistent || site.arrows[0] === PEEK) {
      const d = new Datum(chan, ref, value, persistent, origin)
      this.appendDatum(d)
      this.lastDatum = d
      if (chan.nK > 0) this.enqueue(d)
    }
  }

  /** A datum of the space takes part in a COMM: it goes, stays, or stays with its turn renewed. */
  private useDatum(d: Datum, arrow: number): void {
    if (d.persistent) {
      if (d.next !== d) this.renewDatum(d)
    } else if (arrow !== PEEK) this.removeDatum(d)
  }

  /** Any order, any site. `d` need not be stored. */
  private produceSlow(chan: Chan, value: V, persistent: boolean, origin: unknown): K | null {
    this.steps = 0
    this.point = 0
    this.tidyIndex(chan)
    const d = new Datum(chan, this.counter + 1, value, persistent, origin)
    const k = this.search(d, null)
    const ref = (this.lastDatumRef = ++this.counter)
    if (k === null) {
      this.appendDatum(d)
      this.lastDatum = d
      this.applyStalls()
      if (chan.index === null && chan.nK > this.scanMax && this.keyed) this.indexConts(chan)
      return null
    }
    this.publish(k, d, ref)
    let stays = persistent
    if (!stays) {
      stays = true
      const arrows = this.firedArrows(k)
      for (let i = 0; i < this.firedCount; i++) if (this.chosen[i] === d && arrows[i] !== PEEK) stays = false
    }
    // The datum enters the list before the others leave, so that all renewals see the same neighbours.
    if (stays) {
      this.appendDatum(d)
      this.lastDatum = d
    }
    const own = this.steps > this.scanLong ? this.chosen.indexOf(d) : -1
    this.settle(k, d)
    if (stays && chan.nK > 0) this.enqueue(d)
    this.applyStalls()
    if (own >= 0) this.maybeIndexConts(chan, k, this.firedBranch, own)
    return k
  }

  private consumeSlow(k: K): boolean {
    this.steps = 0
    this.point = 0
    const site = k.site
    const outcome = this.attempt(k, null, this.stepsPerCont)
    if (outcome === STALL) {
      this.stallFresh(k)
      return false
    }
    if (outcome === MISS) {
      this.parkAny(k)
      this.maybeIndexData(k)
      return false
    }
    this.publish(k, null, 0)
    this.settleData(k, null)
    if (this.steps > this.scanLong) this.maybeIndexData(k)
    if (site.persistent) {
      this.parkAny(k)
      if (this.mayFire(k)) this.enqueue(k)
    }
    return true
  }

  /** One COMM with the stored datum `d`, or null. */
  private fireDatum(d: Datum, except: ReadonlySet<Cont> | null): K | null {
    this.point = 0
    this.tidyIndex(d.chan)
    const k = this.search(d, except)
    if (k !== null) {
      this.publish(k, d, d.ref)
      this.settle(k, null)
    }
    this.applyStalls()
    return k
  }

  /** One COMM of the stored continuation, or null. */
  private fireCont(k: K, steps = this.stepsPerCont): K | null {
    this.point = 0
    const outcome = this.attempt(k, null, steps)
    if (outcome === STALL) {
      ;(this.toStall ??= []).push(k)
      this.applyStalls()
      return null
    }
    if (outcome === MISS) return null
    this.publish(k, null, 0)
    this.settle(k, null)
    if ((k.state & STORED) !== 0 && (k.state & PUMPED) === 0 && this.mayFire(k)) this.enqueue(k)
    return k
  }

  private firedArrows(k: K): Uint8Array {
    const branches = k.site.branches
    return branches === undefined ? k.site.arrows : branches[this.firedBranch].arrows
  }

  /** Show the chosen assignment to the caller. */
  private publish(k: K, arriving: Datum | null, ref: number): void {
    const n = this.firedArrows(k).length
    this.firedCount = n
    for (let i = 0; i < n; i++) {
      const d = this.chosen[i] as Datum
      this.matched[i] = d.value as V
      this.origins[i] = d.origin
      this.firedDatumRefs[i] = d === arriving ? ref : d.ref
      this.firedPersistent[i] = d.persistent
    }
  }

  /** Carry out the chosen COMM of a stored continuation. `arriving` is a datum that is not the space's to remove. */
  private settle(k: K, arriving: Datum | null): void {
    this.settleData(k, arriving)
    if (k.site.persistent) {
      if (this.hasNeighbours(k)) this.renewCont(k)
    } else this.unpark(k)
  }

  private settleData(k: K, arriving: Datum | null): void {
    const arrows = this.firedArrows(k)
    for (let i = 0; i < this.firedCount; i++) {
      const d = this.chosen[i] as Datum
      if ((d.state & STORED) === 0) continue // unstored arrival, or one datum serving several binds
      if (d === arriving) continue
      let again = false
      for (let j = 0; j < i && d.persistent; j++) if (this.chosen[j] === d) again = true
      if (!again) this.useDatum(d, arrows[i])
    }
    // Do not keep consumed values alive through scratch.
    for (let i = 0; i < this.firedCount; i++) this.chosen[i] = null
  }

  private hasNeighbours(k: K): boolean {
    if (k.chan !== null) return k.chan.nK > 1
    for (const c of k.chans as readonly Chan[]) if (c.nK > 1) return true
    return false
  }

  /** A cheap necessary condition for firing again. */
  private mayFire(k: K): boolean {
    if (k.chan !== null) return k.chan.nD > 0
    const chans = k.chans as readonly Chan[]
    const branches = k.site.branches
    if (branches === undefined) {
      for (let i = 0; i < chans.length; i++) if (chans[i].nD === 0) return false
      return true
    }
    let offset = 0
    for (const branch of branches) {
      let all = true
      for (let i = 0; i < branch.arrows.length; i++) if (chans[offset + i].nD === 0) all = false
      if (all) return true
      offset += branch.arrows.length
    }
    return false
  }

  // ---------------------------------------------------------------------------------------------- searching

  /** The first continuation in the order of choice that can fire with `d`; its assignment is in `chosen` and `results`. */
  private search(d: Datum, except: ReadonlySet<Cont> | null): K | null {
    const chan = d.chan
    const pinned = (chan.bits & PINNED) !== 0
    const indexed = chan.index !== null && chan.index.conts !== null
    const backward = !pinned && this.order === 'lifo'
    const cursor = this.contCursor
    if (indexed && this.matcher.datumKeys !== undefined)
      cursor.startList(this.listeners((chan.index as Index).conts as Table<Cont>, d.value as V, backward))
    else cursor.start(chan, indexed ? this.datumKeyOf(d.value as V) : undefined, backward)
    if (this.seeded && !pinned) {
      const list: Cont[] = []
      for (let k = cursor.next(); k !== null; k = cursor.next()) list.push(k)
      this.shuffle(list)
      cursor.startList(list)
    }
    for (let k = cursor.next() as K | null; k !== null; k = cursor.next() as K | null) {
      if (except?.has(k)) continue
      const outcome = this.attempt(k, d, this.stepsPerCont)
      if (outcome === FIRE) return k
      if (outcome === STALL) (this.toStall ??= []).push(k)
    }
    return null
  }

  /** Indexed continuations that have one of the value's keys, or none, in the order of choice. */
  private listeners(table: Table<Cont>, value: V, backward: boolean): Cont[] {
    const found: Cont[] = []
    const add = (bucket: Bucket<Cont> | undefined): void => {
      if (bucket === undefined) return
      for (let i = bucket.live(bucket.head); i < bucket.length; i = bucket.live(i + 1)) found.push(bucket.at(i))
    }
    add(table.free)
    for (const key of this.datumKeysOf(value)) add(table.byKey.get(key))
    found.sort(backward ? (a, b) => b.turn - a.turn : (a, b) => a.turn - b.turn)
    // A join with several binds here may be in several buckets.
    return found.filter((k, i) => i === 0 || found[i - 1] !== k)
  }

  private datumKeysOf(value: V): readonly Key[] {
    try {
      return this.matcher.datumKeys!(value)
    } catch {
      return []
    }
  }

  private pushDatum(table: Table<Datum>, d: Datum): void {
    if (this.matcher.datumKeys === undefined) table.push(this.datumKeyOf(d.value as V), d)
    else for (const key of this.datumKeysOf(d.value as V)) table.push(key, d)
  }

  private datumKeyOf(value: V): Key | undefined {
    try {
      return this.matcher.datumKey?.(value)
    } catch {
      return undefined
    }
  }

  private contKeyOf(k: K, branch: number, bind: number): Key | undefined {
    try {
      return this.matcher.contKey?.(k, branch, bind)
    } catch {
      return undefined
    }
  }

  /** Try one continuation under its budget; `d`, if any, must take part. */
  private attempt(k: K, d: Datum | null, budget: number): number {
    const start = this.steps
    this.stepStop = Math.min(this.stepsMax, start + budget)
    try {
      const branches = k.site.branches
      if (branches === undefined) {
        this.firedBranch = 0
        return this.attemptBranch(k, 0, 0, k.site, d) ? FIRE : MISS
      }
      let offset = 0
      for (let b = 0; b < branches.length; b++) {
        this.firedBranch = b
        if (this.attemptBranch(k, b, offset, branches[b], d)) return FIRE
        offset += branches[b].arrows.length
      }
      return MISS
    } catch (e) {
      if (e !== BUDGET_SPENT) throw e
      if (this.steps > this.stepsMax) {
        this.toStall = null
        throw new RhizomeError('MATCH_TOO_COSTLY', `the operation needs more than ${this.stepsMax} matching steps`, {
          details: { limit: 'matchStepsMax', steps: this.steps },
        })
      }
      return STALL
    } finally {
      this.stepStop = Math.min(this.stepsMax, this.stepsPerCont)
    }
  }

  private step(): void {
    if (++this.steps > this.stepStop) throw BUDGET_SPENT
  }

  private matchOnce(k: K, b: number, i: number, value: V): R | undefined {
    this.step()
    try {
      return this.matcher.match(k, b, i, value)
    } catch (e) {
      return this.excuse(k, e)
    }
  }

  /** A matcher or guard threw: the budget is ours, everything else means "does not match". */
  private excuse(k: K, e: unknown): undefined {
    if (e === BUDGET_SPENT) throw e
    if ((k.state & REPORTED) === 0) {
      k.state |= REPORTED
      this.observer?.failed?.(k, e)
    }
    return undefined
  }

  private attemptBranch(k: K, b: number, offset: number, site: Site, d: Datum | null): boolean {
    const n = site.arrows.length
    const chans = k.chans
    const free = d !== null && (d.state & STORED) === 0
    let shared = false
    let own = -1
    if (chans === null) {
      const chan = k.chan as Chan
      if (d !== null) own = 0
      else if (chan.dHead === null) return false
    } else {
      for (let i = 0; i < n; i++) {
        const chan = chans[offset + i]
        if (d !== null && chan === d.chan) own = i
        if (chan.dHead === null && !(free && chan === d.chan)) return false
      }
      shared = repeats(chans, offset, n)
    }
    if (d !== null && own < 0) return false
    if (site.guarded) return this.searchGuarded(k, b, offset, site, d)
    if (!shared) {
      // Binds on different channels are independent: each takes the first datum that fits.
      if (own >= 0) {
        const r = this.matchOnce(k, b, own, (d as Datum).value as V)
        if (r === undefined) return false
        this.chosen[own] = d
        this.results[own] = r
      }
      for (let i = 0; i < n; i++)
        if (i !== own && !this.firstMatch(k, b, i, chans === null ? (k.chan as Chan) : chans[offset + i])) return false
      return true
    }
    const done: boolean[] = []
    for (let i = 0; i < n; i++) {
      if (done[i]) continue
      const chan = (chans as readonly Chan[])[offset + i]
      const group: number[] = []
      for (let j = i; j < n; j++) {
        if ((chans as readonly Chan[])[offset + j] !== chan) continue
        group.push(j)
        done[j] = true
      }
      const mine = d !== null && d.chan === chan ? d : null
      if (group.length > 1) {
        if (!this.solveGroup(k, b, site, group, chan, mine)) return false
      } else if (mine !== null) {
        const r = this.matchOnce(k, b, i, mine.value as V)
        if (r === undefined) return false
        this.chosen[i] = mine
        this.results[i] = r
      } else if (!this.firstMatch(k, b, i, chan)) return false
    }
    return true
  }

  /** A cursor over the data that bind `i` may take, in the order of choice, without `d` where it is not stored. */
  private dataFor(cursor: DataCursor, k: K, b: number, i: number, chan: Chan): DataCursor {
    const pinned = (chan.bits & PINNED) !== 0
    let key: Key | undefined
    if (chan.index !== null) {
      // In this order: a key of a kind that nobody has asked for before is not in the index yet.
      if (chan.index.data !== null) key = this.contKeyOf(k, b, i)
      this.tidyIndex(chan)
    }
    cursor.start(chan, key, !pinned && this.order === 'lifo')
    if (this.seeded && !pinned) {
      const list: Datum[] = []
      for (let d = cursor.next(); d !== null; d = cursor.next()) list.push(d)
      this.shuffle(list)
      cursor.startList(list)
    }
    return cursor
  }

  private firstMatch(k: K, b: number, i: number, chan: Chan): boolean {
    if (chan.dHead === null) return false
    const cursor = this.dataFor(this.dataCursor, k, b, i, chan)
    for (let d = cursor.next(); d !== null; d = cursor.next()) {
      const r = this.matchOnce(k, b, i, d.value as V)
      if (r !== undefined) {
        this.chosen[i] = d
        this.results[i] = r
        return true
      }
    }
    return false
  }

  /**
   * Several binds of one unguarded join on one channel. Taking binds need a linear datum each, peeks may share one with each other, persistent data serve
   * anybody. The first assignment in lexicographic order of the binds as written; with `mine` the first in which it takes part.
   */
  private solveGroup(k: K, b: number, site: Site, group: number[], chan: Chan, mine: Datum | null): boolean {
    const m = group.length
    // m candidates beside `mine` are enough for each bind: the other m − 1 binds cannot use up more than m − 1 of them.
    const lists: Candidate<R>[][] = []
    for (let g = 0; g < m; g++) {
      const list: Candidate<R>[] = []
      const cursor = this.dataFor(new DataCursor(), k, b, group[g], chan)
      let others = 0
      let seen = mine === null || (mine.state & STORED) === 0
      const position = mine !== null && (mine.state & STORED) === 0 ? this.arrivalPlace(chan) : -1
      if (position === 0) this.addCandidate(list, k, b, group[g], mine as Datum)
      for (let d = cursor.next(); d !== null && (others < m || !seen); d = cursor.next()) {
        if (d === mine) {
          seen = true
          this.addCandidate(list, k, b, group[g], d)
        } else if (others < m && this.addCandidate(list, k, b, group[g], d)) others++
      }
      if (position > 0) {
        const before = list.length
        if (this.addCandidate(list, k, b, group[g], mine as Datum) && this.seeded && before > 0) {
          const at = this.choose(before + 1)
          list.splice(at, 0, list.pop() as Candidate<R>)
        }
      }
      if (list.length === 0) return false
      lists.push(list)
    }
    let best: number[] | null
    if (mine === null) best = this.solve(site, group, lists, -1, null)
    else {
      best = null
      for (let g = 0; g < m; g++) {
        if (!lists[g].some(c => c.datum === mine)) continue
        const found = this.solve(site, group, lists, g, mine)
        if (found !== null && (best === null || lexicographicallyLess(found, best))) best = found
      }
    }
    if (best === null) return false
    for (let g = 0; g < m; g++) {
      const c = lists[g][best[g]]
      this.chosen[group[g]] = c.datum
      this.results[group[g]] = c.result
    }
    return true
  }

  /** Where an arriving datum stands in the order of choice: 0 first, 1 last (or, with a seed, anywhere). */
  private arrivalPlace(chan: Chan): number {
    return this.order === 'lifo' && (chan.bits & PINNED) === 0 ? 0 : 1
  }

  private addCandidate(list: Candidate<R>[], k: K, b: number, bind: number, d: Datum): boolean {
    const r = this.matchOnce(k, b, bind, d.value as V)
    if (r === undefined) return false
    list.push(new Candidate<R>(d, r, null))
    return true
  }

  /** Index per bind of the group, or null. `forced` ≥ 0: that bind takes `mine`. */
  private solve(site: Site, group: number[], lists: Candidate<R>[][], forced: number, mine: Datum | null): number[] | null {
    const m = group.length
    let takes = 0
    for (let g = 0; g < m; g++) if (site.arrows[group[g]] !== PEEK) takes++
    const options = lists.map((list, g) => {
      const all: number[] = []
      for (let c = 0; c < list.length; c++) if (g !== forced || list[c].datum === mine) all.push(c)
      return all
    })
    if (takes === m) return this.solveTakes(lists, options)
    if (takes === 0) return options.map(o => o[0])
    return this.solveMixed(site, group, lists, options)
  }

  /** Bipartite matching: start from any perfect matching, then give each bind in turn the first datum that leaves the rest solvable. */
  private solveTakes(lists: Candidate<R>[][], options: number[][]): number[] | null {
    const m = lists.length
    const pick = new Array<number>(m).fill(-1)
    const owner = new Map<Datum, number>()
    for (let g = 0; g < m; g++) if (!this.augment(g, 0, lists, options, pick, owner, null)) return null
    for (let g = 0; g < m; g++) {
      for (const c of options[g]) {
        if (pick[g] === c) break
        this.step()
        const d = lists[g][c].datum
        const old = lists[g][pick[g]].datum
        if (d.persistent) {
          if (!old.persistent) owner.delete(old)
          pick[g] = c
          break
        }
        const rival = owner.get(d)
        if (rival === undefined) {
          if (!old.persistent) owner.delete(old)
          owner.set(d, g)
          pick[g] = c
          break
        }
        if (rival < g) continue
        // Take it from a later bind, which must find another; what we leave is free for it.
        const before = pick[g]
        const rivalBefore = pick[rival]
        if (!old.persistent) owner.delete(old)
        owner.set(d, g)
        pick[g] = c
        pick[rival] = -1
        if (this.augment(rival, g + 1, lists, options, pick, owner, d)) break
        pick[g] = before
        pick[rival] = rivalBefore
        owner.set(d, rival)
        if (!old.persistent) owner.set(old, g)
      }
    }
    return pick
  }

  /** Find a datum for bind `g` by an alternating path over binds ≥ `from`; `banned` may not be touched. Breadth first, no recursion. */
  private augment(
    g: number,
    from: number,
    lists: Candidate<R>[][],
    options: number[][],
    pick: number[],
    owner: Map<Datum, number>,
    banned: Datum | null,
  ): boolean {
    const cameFrom = new Map<Datum, { bind: number; option: number }>()
    const queue = [g]
    for (let q = 0; q < queue.length; q++) {
      const bind = queue[q]
      for (const c of options[bind]) {
        this.step()
        const d = lists[bind][c].datum
        if (d === banned || cameFrom.has(d)) continue
        const rival = d.persistent ? undefined : owner.get(d)
        if (rival !== undefined && (rival < from || rival === g)) continue
        if (rival !== undefined) {
          cameFrom.set(d, { bind, option: c })
          queue.push(rival)
          continue
        }
        // A free datum: hand data along the path.
        let b = bind
        let option = c
        for (;;) {
          const given = lists[b][option].datum
          const lost = pick[b] < 0 ? null : lists[b][pick[b]].datum
          pick[b] = option
          if (!given.persistent) owner.set(given, b)
          if (b === g || lost === null) return true
          const back = cameFrom.get(lost) as { bind: number; option: number }
          b = back.bind
          option = back.option
        }
      }
    }
    return false
  }

  /** Takes and peeks on one channel: which data the takes leave for the peeks is a search. Explicit stack, charged by step. */
  private solveMixed(site: Site, group: number[], lists: Candidate<R>[][], options: number[][]): number[] | null {
    const m = group.length
    const at = new Array<number>(m).fill(-1)
    const taken = new Set<Datum>()
    const peeked = new Map<Datum, number>()
    let g = 0
    while (g >= 0) {
      const peek = site.arrows[group[g]] === PEEK
      if (at[g] >= 0) {
        const d = lists[g][options[g][at[g]]].datum
        if (peek) peeked.set(d, (peeked.get(d) as number) - 1)
        else taken.delete(d)
      }
      let c = at[g] + 1
      for (; c < options[g].length; c++) {
        this.step()
        const d = lists[g][options[g][c]].datum
        if (d.persistent || !(taken.has(d) || (!peek && (peeked.get(d) ?? 0) > 0))) break
      }
      if (c === options[g].length) {
        at[g--] = -1
        continue
      }
      at[g] = c
      const d = lists[g][options[g][c]].datum
      if (peek) peeked.set(d, (peeked.get(d) ?? 0) + 1)
      else if (!d.persistent) taken.add(d)
      if (g === m - 1) return at.map((o, i) => options[i][o])
      g++
    }
    return null
  }

  /** Every complete assignment, data in lexicographic order of the binds, for each of them all solutions of the patterns, until the guard says true. */
  private searchGuarded(k: K, b: number, offset: number, site: Site, mine: Datum | null): boolean {
    const n = site.arrows.length
    const chanOf = (i: number): Chan => (k.chans === null ? (k.chan as Chan) : k.chans[offset + i])
    let ownCount = 0
    let lastOwn = -1
    for (let i = 0; mine !== null && i < n; i++) {
      if (chanOf(i) !== mine.chan) continue
      ownCount++
      lastOwn = i
    }
    const lists: LazyCandidates<V, R, K>[] = []
    for (let i = 0; i < n; i++) {
      const chan = chanOf(i)
      const own = mine !== null && chan === mine.chan
      const unstored = own && ((mine as Datum).state & STORED) === 0
      let cursor: DataCursor
      if (own && ownCount === 1) cursor = new DataCursor().startList([mine as Datum])
      else {
        cursor = this.dataFor(new DataCursor(), k, b, i, chan)
        if (unstored) {
          const all: Datum[] = []
          for (let d = cursor.next(); d !== null; d = cursor.next()) all.push(d)
          const place = this.arrivalPlace(chan)
          const at = place === 0 ? 0 : this.seeded && (chan.bits & PINNED) === 0 ? this.choose(all.length + 1) : all.length
          all.splice(at, 0, mine as Datum)
          cursor = new DataCursor().startList(all)
        }
      }
      lists.push(new LazyCandidates<V, R, K>(cursor, i))
    }
    const at = new Array<number>(n).fill(-1)
    const picked = new Array<Candidate<R> | null>(n).fill(null)
    const results = new Array<R>(n)
    const turn = new Array<number>(n)
    let i = 0
    while (i >= 0) {
      picked[i] = null
      const arrow = site.arrows[i]
      for (;;) {
        const c = this.candidate(lists[i], ++at[i], k, b)
        if (c === undefined) break
        const d = c.datum
        if (i === lastOwn && d !== mine) {
          let used = false
          for (let j = 0; j < i; j++) if ((picked[j] as Candidate<R>).datum === mine) used = true
          if (!used) continue
        }
        let clash = false
        if (!d.persistent)
          for (let j = 0; j < i; j++)
            if ((picked[j] as Candidate<R>).datum === d && (arrow !== PEEK || site.arrows[j] !== PEEK)) clash = true
        if (clash) continue
        picked[i] = c
        break
      }
      if (picked[i] === null) {
        at[i--] = -1
        continue
      }
      if (i < n - 1) {
        i++
        continue
      }
      // A complete assignment of data: offer every combination of solutions.
      turn.fill(0)
      for (let j = 0; j < n; j++) results[j] = (picked[j] as Candidate<R>).result
      for (;;) {
        if (this.ask(k, b, results)) {
          for (let j = 0; j < n; j++) {
            this.chosen[j] = (picked[j] as Candidate<R>).datum
            this.results[j] = results[j]
          }
          return true
        }
        let j = n - 1
        for (; j >= 0; j--) {
          const next = this.solution(k, (picked[j] as Candidate<R>).solutions as Solutions<R>, ++turn[j])
          if (next !== undefined) {
            results[j] = next
            break
          }
          turn[j] = 0
          results[j] = (picked[j] as Candidate<R>).result
        }
        if (j < 0) break
      }
    }
    return false
  }

  private ask(k: K, b: number, results: readonly R[]): boolean {
    this.step()
    try {
      return this.matcher.guard(k, b, results) === true
    } catch (e) {
      this.excuse(k, e)
      return false
    }
  }

  private solution(k: K, solutions: Solutions<R>, i: number): R | undefined {
    this.step()
    try {
      return solutions.at(i)
    } catch (e) {
      return this.excuse(k, e)
    }
  }

  private candidate(list: LazyCandidates<V, R, K>, at: number, k: K, b: number): Candidate<R> | undefined {
    while (list.known.length <= at) {
      const d = list.cursor.next()
      if (d === null) return undefined
      this.step()
      try {
        const solutions = new Solutions<R>(this.matcher.matchAll(k, b, list.bind, d.value as V)[Symbol.iterator]())
        const first = solutions.at(0)
        if (first !== undefined) list.known.push(new Candidate<R>(d, first, solutions))
      } catch (e) {
        this.excuse(k, e)
      }
    }
    return list.known[at]
  }

  // ---------------------------------------------------------------------------------------------- seeded choice

  /** A number below n, a function of the seed, the number of the operation and the number of the choice within it – of nothing else. */
  private choose(n: number): number {
    let h = this.seedLow ^ Math.imul(this.op | 0, 0x9e3779b1) ^ Math.imul(this.point++, 0x85ebca77)
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d) ^ this.seedHigh ^ ((this.op / 4294967296) | 0)
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
    h = Math.imul(h ^ (h >>> 16) ^ this.seedHigh, 0x45d9f3b)
    return ((h ^ (h >>> 16)) >>> 0) % n
  }

  private shuffle<T>(list: T[]): void {
    for (let i = 0; i < list.length - 1; i++) {
      const j = i + this.choose(list.length - i)
      const x = list[i]
      list[i] = list[j]
      list[j] = x
    }
  }

  // ---------------------------------------------------------------------------------------------- index by key

  private indexConts(chan: Chan): void {
    const table = new Table<Cont>()
    for (const k of this.conts(chan)) this.pushCont(table, k, chan)
    if (chan.index === null) chan.index = new Index()
    chan.index.conts = table
  }

  private indexData(chan: Chan): void {
    if (chan.nD < this.indexMin) return
    const table = new Table<Datum>()
    for (const d of this.data(chan)) this.pushDatum(table, d)
    table.width = Math.max(1, Math.ceil(table.entries / chan.nD))
    table.version = this.matcher.keysVersion
    if (chan.index === null) chan.index = new Index()
    chan.index.data = table
  }

  private maybeIndexData(k: K): void {
    if (!this.keyed) return
    const branches = k.site.branches
    const chans = k.chans ?? [k.chan as Chan]
    let b = 0
    let i = 0
    for (let at = 0; at < chans.length; at++, i++) {
      if (branches !== undefined && i === branches[b].arrows.length) {
        b++
        i = 0
      }
      const chan = chans[at]
      if (chan.nD <= this.scanMax || (chan.index !== null && chan.index.data !== null)) continue
      if (this.contKeyOf(k, b, i) !== undefined) this.indexData(chan)
    }
  }

  /** Bind `i` of branch `b` of `k` took what came to the channel, after a long search. */
  private maybeIndexConts(chan: Chan, k: K, b: number, i: number): void {
    if (!this.keyed || chan.nK <= this.scanMax || (chan.index !== null && chan.index.conts !== null)) return
    if (this.contKeyOf(k, b, i) !== undefined) this.indexConts(chan)
  }

  private pushCont(table: Table<Cont>, k: Cont, chan: Chan): void {
    if (k.chan !== null) {
      table.push(this.contKeyOf(k as K, 0, 0), k)
      return
    }
    const chans = k.chans as readonly Chan[]
    const keys = new Set<Key>()
    const branches = k.site.branches
    let b = 0
    let i = 0
    for (let at = 0; at < chans.length; at++, i++) {
      if (branches !== undefined && i === branches[b].arrows.length) {
        b++
        i = 0
      }
      if (chans[at] !== chan) continue
      const key = this.contKeyOf(k as K, b, i)
      if (key === undefined) {
        table.push(undefined, k)
        return
      }
      keys.add(key)
    }
    for (const key of keys) table.push(key, k)
  }

  /** Indexes hold stale entries; keep those in proportion, and drop an index that no longer pays. */
  private tidyIndex(chan: Chan): void {
    const index = chan.index
    if (index === null) return
    if (index.conts !== null && (chan.nK < this.indexMin || index.conts.entries > 2 * chan.nK + 64)) {
      index.conts = null
      if (chan.nK >= this.indexMin) this.indexConts(chan)
    }
    if (
      index.data !== null &&
      (chan.nD < this.indexMin ||
        index.data.version !== this.matcher.keysVersion ||
        index.data.entries > 2 * chan.nD * index.data.width + 64)
    ) {
      index.data = null
      if (chan.nD >= this.indexMin) this.indexData(chan)
    }
    if (index.conts === null && index.data === null) chan.index = null
  }

  // ---------------------------------------------------------------------------------------------- lists

  private enlist(chan: Chan): void {
    if ((chan.bits & LISTED) === 0) {
      chan.bits |= LISTED
      this.listed[this.listedN++] = chan
      if (this.listedN > this.sweepAt) this.sweepListed(chan)
    }
    if (this.tracking && (chan.bits & DIRTY) === 0) {
      chan.bits |= DIRTY
      this.dirtyChans.push(chan)
    }
  }

  private sweepListed(latest: Chan): void {
    const kept: Chan[] = []
    for (const c of this.listed.slice(0, this.listedN) as Chan[]) {
      if (c.nD > 0 || c.nK > 0 || c === latest) kept.push(c)
      else c.bits &= ~LISTED
    }
    this.listed = kept
    this.listedN = kept.length
    this.sweepAt = Math.max(1024, 2 * kept.length)
  }

  /** A channel became empty. Short-lived ones come and go like a stack: they leave the list at once, so that nothing keeps them alive. */
  private emptied(chan: Chan): void {
    const { listed } = this
    if (listed[this.listedN - 1] !== chan) return
    let n = this.listedN
    for (let c: Chan | null = chan; c !== null && c.nD === 0 && c.nK === 0; c = n > 0 ? listed[n - 1] : null) {
      c.bits &= ~LISTED
      listed[--n] = null
    }
    this.listedN = n
  }

  private store(chan: Chan, value: V, persistent: boolean, origin: unknown): void {
    const ref = (this.lastDatumRef = ++this.counter)
    const d = new Datum(chan, ref, value, persistent, origin)
    this.lastDatum = d
    this.appendDatum(d)
  }

  private appendDatum(d: Datum): void {
    const chan = d.chan
    d.state |= STORED
    const head = chan.dHead
    if (head === null) {
      chan.dHead = d.next = d.prev = d
    } else {
      const tail = head.prev as Datum
      tail.next = d
      d.prev = tail
      d.next = head
      head.prev = d
    }
    chan.nD++
    if ((chan.bits & this.need) !== this.need) this.enlist(chan)
    if (chan.index !== null && chan.index.data !== null) this.pushDatum(chan.index.data, d)
    if (this.undo !== null) this.undo.push(new Undo(U_ADD_DATUM, d))
    if (this.observer !== null && this.observer.stored !== undefined) this.observer.stored(d)
  }

  /** At the place its turn gives it; at the end, mostly. Says nothing to the observer. */
  private insertDatum(d: Datum): void {
    const chan = d.chan
    d.state |= STORED
    const head = chan.dHead
    if (head === null || (head.prev as Datum).turn < d.turn) this.linkDatum(d, head === null ? null : head.prev, head === null)
    else {
      let at = head
      while (at.turn < d.turn) at = at.next as Datum
      this.linkDatum(d, at.prev, at === head)
      chan.index = null
    }
    if (chan.index !== null && chan.index.data !== null) this.pushDatum(chan.index.data, d)
    if (this.undo !== null) this.undo.push(new Undo(U_ADD_DATUM, d))
  }

  private linkDatum(d: Datum, prev: Datum | null, head: boolean): void {
    const chan = d.chan
    if (prev === null) d.next = d.prev = d
    else {
      const next = prev.next as Datum
      prev.next = d
      d.prev = prev
      d.next = next
      next.prev = d
    }
    if (head) chan.dHead = d
    chan.nD++
    if ((chan.bits & this.need) !== this.need) this.enlist(chan)
  }

  private unlinkDatum(d: Datum): void {
    const chan = d.chan
    const next = d.next as Datum
    if (next === d) chan.dHead = null
    else {
      const prev = d.prev as Datum
      prev.next = next
      next.prev = prev
      if (chan.dHead === d) chan.dHead = next
    }
    // An old garbage record must not keep younger ones alive.
    d.next = d.prev = null
    if (--chan.nD === 0 && chan.nK === 0) this.emptied(chan)
    if (this.tracking && (chan.bits & DIRTY) === 0) this.enlist(chan)
  }

  private removeDatum(d: Datum): void {
    this.removeDatumQuietly(d)
    if (this.observer !== null && this.observer.removed !== undefined) this.observer.removed(d)
  }

  private removeDatumQuietly(d: Datum): void {
    if (this.undo !== null) {
      const u = new Undo(U_REMOVE_DATUM, d)
      u.places = [placeOf(d, d.chan.dHead === d)]
      u.state = d.state
      this.undo.push(u)
    }
    if ((d.state & PUMPED) !== 0) this.pumpLive--
    d.state = 0
    this.unlinkDatum(d)
  }

  private renewDatum(d: Datum): void {
    if (this.undo !== null) {
      const u = new Undo(U_RENEW_DATUM, d)
      u.places = [placeOf(d, d.chan.dHead === d)]
      u.turn = d.turn
      this.undo.push(u)
    }
    const chan = d.chan
    this.unlinkDatum(d)
    d.turn = ++this.counter
    this.linkDatum(d, chan.dHead === null ? null : chan.dHead.prev, chan.dHead === null)
    if (chan.index !== null && chan.index.data !== null) this.pushDatum(chan.index.data, d)
    this.observer?.renewed?.(d)
  }

  private parkSingle(k: K, chan: Chan): void {
    k.state |= STORED
    const head = chan.kHead
    if (head === null) {
      chan.kHead = k.next = k.prev = k
    } else {
      const tail = head.prev as Cont
      tail.next = k
      k.prev = tail
      k.next = head
      head.prev = k
    }
    chan.bits += ONE
    if ((chan.bits & this.need) !== this.need) this.enlist(chan)
    if (chan.index !== null && chan.index.conts !== null) this.pushCont(chan.index.conts, k, chan)
    if (this.undo !== null) this.undo.push(new Undo(U_PARK, k))
    if (this.observer !== null && this.observer.parked !== undefined) this.observer.parked(k)
  }

  private parkJoin(k: K, chans: readonly Chan[]): void {
    k.state |= STORED
    if (this.undo !== null || !this.parkAlone(k, chans)) this.parkLinked(k, chans)
    if (this.undo !== null) this.undo.push(new Undo(U_PARK, k))
    if (this.observer !== null && this.observer.parked !== undefined) this.observer.parked(k)
  }

  /** With one link for all channels. False: another join waits on one of them, or one has an index, or comes twice. */
  private parkAlone(k: K, chans: readonly Chan[]): boolean {
    const l = this.link(k, MANY, null)
    l.next = l.prev = l
    for (let i = 0; i < chans.length; i++) {
      const chan = chans[i]
      if (chan.jHead !== null || chan.index !== null) {
        while (--i >= 0) chans[i].jHead = null
        this.recycleLinks(l)
        return false
      }
      chan.jHead = l
    }
    k.links = l
    for (let i = 0; i < chans.length; i++) {
      const chan = chans[i]
      chan.bits += ONE
      if ((chan.bits & this.need) !== this.need) this.enlist(chan)
    }
    return true
  }

  /** From now on it has a link for each channel, if it had one for all. */
  private part(k: Cont): void {
    const { links } = k
    if (links === null || links.chan !== MANY) return
    k.links = null
    for (const chan of k.chans as readonly Chan[]) {
      const l = new Link(k, chan, k.links)
      chan.jHead = k.links = l.next = l.prev = l
    }
  }

  private parkLinked(k: K, chans: readonly Chan[]): void {
    for (let i = 0; i < chans.length; i++) {
      const chan = chans[i]
      if (chan.jHead !== null) this.part(chan.jHead.cont)
      const head = chan.jHead
      if (head !== null && (head.prev as Link).cont === k) {
        k.state |= SHARED
        continue
      }
      const l = this.link(k, chan, k.links)
      k.links = l
      if (head === null) {
        chan.jHead = l.next = l.prev = l
      } else {
        const tail = head.prev as Link
        tail.next = l
        l.prev = tail
        l.next = head
        head.prev = l
      }
      chan.bits += ONE
      if ((chan.bits & this.need) !== this.need) this.enlist(chan)
      if (chan.index !== null && chan.index.conts !== null) this.pushCont(chan.index.conts, k, chan)
    }
  }

  private parkAny(k: K): void {
    if (k.chan !== null) this.parkSingle(k, k.chan)
    else this.parkJoin(k, k.chans as readonly Chan[])
  }

  /** At the places its turn gives it. Says nothing to the observer. */
  private insertCont(k: K): void {
    k.state |= STORED
    if (k.chan !== null) {
      const chan = k.chan
      const head = chan.kHead
      if (head === null || (head.prev as Cont).turn < k.turn) this.linkCont(k, head === null ? null : head.prev, head === null)
      else {
        let at = head
        while (at.turn < k.turn) at = at.next as Cont
        this.linkCont(k, at.prev, at === head)
        chan.index = null
      }
      if (chan.index !== null && chan.index.conts !== null) this.pushCont(chan.index.conts, k, chan)
    } else {
      const seen = new Set<Chan>()
      k.links = null
      for (const chan of k.chans as readonly Chan[]) {
        if (seen.has(chan)) {
          k.state |= SHARED
          continue
        }
        seen.add(chan)
        const l = new Link(k, chan, k.links)
        k.links = l
        if (chan.jHead !== null) this.part(chan.jHead.cont)
        const head = chan.jHead
        if (head === null || (head.prev as Link).cont.turn < k.turn) this.linkLink(l, head === null ? null : head.prev, head === null)
        else {
          let at = head
          while (at.cont.turn < k.turn) at = at.next as Link
          this.linkLink(l, at.prev, at === head)
          chan.index = null
        }
        if (chan.index !== null && chan.index.conts !== null) this.pushCont(chan.index.conts, k, chan)
      }
    }
    if (this.undo !== null) this.undo.push(new Undo(U_PARK, k))
  }

  private linkCont(k: Cont, prev: Cont | null, head: boolean): void {
    const chan = k.chan as Chan
    if (prev === null) k.next = k.prev = k
    else {
      const next = prev.next as Cont
      prev.next = k
      k.prev = prev
      k.next = next
      next.prev = k
    }
    if (head) chan.kHead = k
    chan.bits += ONE
    if ((chan.bits & this.need) !== this.need) this.enlist(chan)
  }

  private linkLink(l: Link, prev: Link | null, head: boolean): void {
    const chan = l.chan
    if (prev === null) l.next = l.prev = l
    else {
      const next = prev.next as Link
      prev.next = l
      l.prev = prev
      l.next = next
      next.prev = l
    }
    if (head) chan.jHead = l
    chan.bits += ONE
    if ((chan.bits & this.need) !== this.need) this.enlist(chan)
  }

  private unlinkCont(k: Cont, chan: Chan): void {
    const next = k.next as Cont
    if (next === k) chan.kHead = null
    else {
      const prev = k.prev as Cont
      prev.next = next
      next.prev = prev
      if (chan.kHead === k) chan.kHead = next
    }
    k.next = k.prev = null
    if ((chan.bits -= ONE) < ONE && chan.nD === 0) this.emptied(chan)
    if (this.tracking && (chan.bits & DIRTY) === 0) this.enlist(chan)
  }

  private unlinkLink(l: Link): void {
    const chan = l.chan
    const next = l.next as Link
    if (next === l) chan.jHead = null
    else {
      const prev = l.prev as Link
      prev.next = next
      next.prev = prev
      if (chan.jHead === l) chan.jHead = next
    }
    l.next = l.prev = null
    if ((chan.bits -= ONE) < ONE && chan.nD === 0) this.emptied(chan)
    if (this.tracking && (chan.bits & DIRTY) === 0) this.enlist(chan)
  }

  /** A join with one link for all its channels. */
  private unlinkAlone(chans: readonly Chan[]): void {
    for (let i = 0; i < chans.length; i++) {
      const chan = chans[i]
      chan.jHead = null
      if ((chan.bits -= ONE) < ONE && chan.nD === 0) this.emptied(chan)
      if (this.tracking && (chan.bits & DIRTY) === 0) this.enlist(chan)
    }
  }

  private unparkSingle(k: K, chan: Chan): void {
    if (this.undo !== null) this.noteLeaving(k)
    if ((k.state & PUMPED) !== 0) this.pumpLive--
    k.state &= RENEWED
    this.unlinkCont(k, chan)
    if (this.observer !== null && this.observer.unparked !== undefined) this.observer.unparked(k)
  }

  private unpark(k: K): void {
    if (k.chan !== null) {
      this.unparkSingle(k, k.chan)
      return
    }
    this.unparkQuietly(k)
    if (this.observer !== null && this.observer.unparked !== undefined) this.observer.unparked(k)
  }

  private unparkQuietly(k: K): void {
    if (this.undo !== null) this.noteLeaving(k)
    if ((k.state & PUMPED) !== 0) this.pumpLive--
    k.state &= RENEWED
    this.unlinkAny(k)
  }

  private unlinkAny(k: Cont): void {
    if (k.chan !== null) this.unlinkCont(k, k.chan)
    else {
      const { links } = k
      if (links !== null && links.chan === MANY) this.unlinkAlone(k.chans as readonly Chan[])
      else for (let l = links; l !== null; l = l.sibling) this.unlinkLink(l)
      k.links = null
    }
  }

  private noteLeaving(k: K): void {
    if (k.chan === null) this.part(k)
    const u = new Undo(U_UNPARK, k)
    u.places = this.placesOf(k)
    u.ref = k.ref
    u.turn = k.turn
    u.state = k.state
    u.site = k.site
    u.chan = k.chan
    u.chans = k.chans
    u.links = k.links
    u.snapshot = this.observer?.snapshot?.(k)
    ;(this.undo as Undo[]).push(u)
  }

  private placesOf(k: Cont): Place[] {
    if (k.chan !== null) return [placeOf(k, k.chan.kHead === k)]
    const places: Place[] = []
    for (let l = k.links; l !== null; l = l.sibling) places.push(placeOf(l, l.chan.jHead === l))
    return places
  }

  /** @param bucket where it is in the index of its channel, if the caller knows */
  private renewCont(k: K, bucket: Bucket<Cont> | null = null): void {
    if (k.chan === null) this.part(k)
    if (this.undo !== null) {
      const u = new Undo(U_RENEW_CONT, k)
      u.places = this.placesOf(k)
      u.turn = k.turn
      this.undo.push(u)
    }
    if ((k.state & RENEWED) === 0) {
      k.state |= RENEWED
      REFS.set(k, k.turn)
    }
    k.turn = ++this.counter
    const chan = k.chan
    if (chan !== null) {
      if (chan.kHead === k) chan.kHead = k.next
      else {
        this.unlinkCont(k, chan)
        this.linkCont(k, (chan.kHead as Cont).prev, false)
      }
      if (this.tracking && (chan.bits & DIRTY) === 0) this.enlist(chan)
      if (bucket !== null) bucket.push(k)
      else if (chan.index !== null && chan.index.conts !== null) this.pushCont(chan.index.conts, k, chan)
    } else {
      for (let l = k.links; l !== null; l = l.sibling) {
        const c = l.chan
        if (c.jHead === l) c.jHead = l.next
        else {
          this.unlinkLink(l)
          this.linkLink(l, (c.jHead as Link).prev, false)
        }
        if (this.tracking && (c.bits & DIRTY) === 0) this.enlist(c)
        if (c.index !== null && c.index.conts !== null) this.pushCont(c.index.conts, k, c)
      }
    }
    this.observer?.renewed?.(k)
  }

  // ---------------------------------------------------------------------------------------------- pump and stalls

  private enqueue(record: Cont | Datum): void {
    if ((record.state & PUMPED) !== 0) return
    record.state |= PUMPED
    this.pumpQueue.push(record)
    this.pumpLive++
    if (this.undo !== null) this.undo.push(new Undo(U_ENQUEUE, record))
  }

  /** The oldest entry, or null if its record has left in the meantime. */
  private dequeue(): Cont | Datum | null {
    const record = this.pumpQueue[this.pumpHead++]
    if (this.undo !== null) {
      const u = new Undo(U_DEQUEUE, record)
      u.state = record.state & PUMPED
      this.undo.push(u)
    } else if (this.pumpHead === this.pumpQueue.length) {
      this.pumpQueue.length = 0
      this.pumpHead = 0
    } else if (this.pumpHead > 1024 && this.pumpHead * 2 > this.pumpQueue.length) {
      this.pumpQueue.splice(0, this.pumpHead)
      this.pumpHead = 0
    }
    if ((record.state & PUMPED) === 0) return null
    record.state &= ~PUMPED
    this.pumpLive--
    return record
  }

  /** Searches only collect what to stall, so that one that ends in an exception has changed nothing. */
  private applyStalls(): void {
    const list = this.toStall
    if (list === null) return
    this.toStall = null
    for (const k of list) {
      if ((k.state & STORED) === 0) continue
      this.unparkQuietly(k)
      this.noteTold(false)
      this.setStalled(k)
    }
  }

  private stallFresh(k: K): void {
    this.setStalled(k)
    this.noteTold(true)
    this.observer?.parked?.(k)
  }

  private setStalled(k: K): void {
    if (this.undo !== null) this.undo.push(new Undo(U_STALL, k))
    k.state = (k.state & RENEWED) | STALLED
    this.stalledConts.add(k)
    this.observer?.stalled?.(k)
  }

  private unstall(k: K): void {
    if (this.undo !== null) {
      const u = new Undo(U_UNSTALL, k)
      u.state = k.state
      this.undo.push(u)
    }
    this.stalledConts.delete(k)
    k.state &= RENEWED
  }

  // ---------------------------------------------------------------------------------------------- undoing

  private noteTold(told: boolean): void {
    if (this.undo !== null) this.undo[this.undo.length - 1].told = told
  }

  private noteState(d: Datum): void {
    if (this.undo === null) return
    const u = new Undo(U_STATE, d)
    u.state = d.state
    this.undo.push(u)
  }

  private revert(u: Undo): void {
    const observer = this.observer
    if (u.record instanceof Datum) {
      const d = u.record
      switch (u.kind) {
        case U_ADD_DATUM:
          d.chan.index = null
          this.unlinkDatum(d)
          d.state = 0
          if (u.told) observer?.removed?.(d)
          break
        case U_REMOVE_DATUM:
          this.relinkDatum(d, (u.places as Place[])[0])
          d.state = u.state
          if ((d.state & PUMPED) !== 0) this.pumpLive++
          if (u.told) observer?.stored?.(d)
          break
        case U_RENEW_DATUM:
          this.unlinkDatum(d)
          d.turn = u.turn
          this.relinkDatum(d, (u.places as Place[])[0])
          observer?.renewed?.(d)
          break
        case U_STATE:
          d.state = u.state
          if ((d.state & HIDDEN) !== 0) this.hiddenData.add(d)
          else this.hiddenData.delete(d)
          if (u.told) observer?.stored?.(d)
          break
        default:
          this.revertPump(u)
      }
      return
    }
    const k = u.record as K
    switch (u.kind) {
      case U_PARK:
        this.dropIndexes(k)
        this.unlinkAny(k)
        k.state &= RENEWED
        if (u.told) observer?.unparked?.(k)
        break
      case U_UNPARK:
        this.number(k, u.ref, u.turn)
        k.site = u.site as Site
        k.chan = u.chan
        k.chans = u.chans
        k.links = u.links
        this.relinkCont(k, u.places as Place[])
        k.state = u.state
        if ((k.state & PUMPED) !== 0) this.pumpLive++
        if (observer !== null) {
          observer.restore?.(k, u.snapshot)
          if (u.told) observer.parked?.(k)
        }
        break
      case U_RENEW_CONT: {
        const links = k.links
        this.unlinkAny(k)
        k.links = links
        k.turn = u.turn
        this.relinkCont(k, u.places as Place[])
        observer?.renewed?.(k)
        break
      }
      case U_STALL:
        this.stalledConts.delete(k)
        k.state &= RENEWED
        if (u.told) observer?.unparked?.(k)
        break
      case U_UNSTALL:
        k.state = u.state
        this.stalledConts.add(k)
        if (u.told) observer?.parked?.(k)
        break
      default:
        this.revertPump(u)
    }
  }

  private revertPump(u: Undo): void {
    const record = u.record
    if (u.kind === U_ENQUEUE) {
      this.pumpQueue.pop()
      record.state &= ~PUMPED
      this.pumpLive--
      return
    }
    if (u.kind === U_PUMPED) {
      record.state |= PUMPED
      this.pumpLive++
      return
    }
    this.pumpQueue[--this.pumpHead] = record
    if (u.state !== 0) {
      record.state |= PUMPED
      this.pumpLive++
    }
  }

  private relinkDatum(d: Datum, place: Place): void {
    d.chan.index = null
    this.linkDatum(d, place.prev as Datum | null, place.head)
  }

  private relinkCont(k: K, places: Place[]): void {
    this.dropIndexes(k)
    if (k.chan !== null) {
      this.linkCont(k, places[0].prev as Cont | null, places[0].head)
      return
    }
    let i = 0
    for (let l = k.links; l !== null; l = l.sibling, i++) this.linkLink(l, places[i].prev as Link | null, places[i].head)
  }

  private dropIndexes(k: Cont): void {
    if (k.chan !== null) k.chan.index = null
    else for (const chan of k.chans as readonly Chan[]) chan.index = null
  }
}

const MISS = 0
const FIRE = 1
const STALL = 2

/** Candidates of one bind of a guarded search, found on demand and kept. */
class LazyCandidates<V, R, K extends Cont> {
  readonly cursor: DataCursor
  readonly bind: number
  readonly known: Candidate<R>[] = []
  declare readonly types: [V, K]
  constructor(cursor: DataCursor, bind: number) {
    this.cursor = cursor
    this.bind = bind
  }
}

/** Whether one of these channels occurs twice. */
function repeats(chans: readonly Chan[], from: number, n: number): boolean {
  if (n <= 8) {
    for (let i = 1; i < n; i++) {
      const c = chans[from + i]
      for (let j = 0; j < i; j++) if (chans[from + j] === c) return true
    }
    return false
  }
  let i = 0
  for (; i < n && (chans[from + i].bits & SEEN) === 0; i++) chans[from + i].bits |= SEEN
  for (let j = 0; j < i; j++) chans[from + j].bits &= ~SEEN
  return i < n
}

function placeOf(node: Cont | Datum | Link, head: boolean): Place {
  return { prev: node.next === node ? null : node.prev, head }
}

function lexicographicallyLess(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] < b[i]
  return false
}
