/**
 * A tuplespace for one thread: the kernel's decisions, plus names, patterns, leases, claims, marks, journal and durability.
 *
 * Every decision is synchronous and atomic; only durability, waiting verbs and watching are asynchronous.
 */
import type {
  Bind,
  Channel,
  Checkpoint,
  Claim,
  Codec,
  CommEvent,
  Commit,
  EventKind,
  Filter,
  Got,
  Info,
  Match,
  Matcher,
  Meter,
  OpenOptions,
  OpNumber,
  Outcome,
  Page,
  PutOptions,
  Reason,
  Ref,
  Report,
  Root,
  Side,
  SpaceEvent,
  Stats,
  Types,
  Wait,
} from './api.ts'
import { Appender, encode } from './appender.ts'
import { Backlog } from './backlog.ts'
import { Changed } from './changed.ts'
import { BadArgument, RhizomeError } from './errors.ts'
import { fromLatin1, hash, Lattice, latin1, toHex } from './hash.ts'
import { History, type Kept, type NodeId, pageChain, treeHex } from './history.ts'
import { type BranchParts, consumeBytes, consumeId, EventWriter, produceId, readEvents } from './journal.ts'
import {
  type Chan,
  type Cont,
  Datum,
  Kernel,
  type Mark as KernelMark,
  type KernelMatcher,
  type KernelObserver,
  type Key,
} from './kernel.ts'
import type { NetChange } from './net.ts'
import { Packer, renewedOfPack, rowsOfPack } from './packer.ts'
import {
  Extra,
  Group,
  Handle,
  handleOf,
  Item,
  itemOf,
  kindOfByte,
  type Namer,
  plainShape,
  type Shape,
  SPACE,
  shapeOf,
  Waiting,
  waitingOn,
} from './records.ts'
import * as rows from './rows.ts'
import { compareBytes } from './store/bytes.ts'

/** One of several that share a store; each has its own. */
export interface Part {
  readonly index: number
  readonly of: number
}
const ALONE: Part = { index: 0, of: 1 }

/** Where commits go. Without one a commit is only a number. */
export interface Committer {
  commit(delta: rows.Delta, meta: { event?: Uint8Array; marks: { refs: number; cids: number; gids: number } }): Promise<Commit>
  /** Values of rows, for the nodes of earlier states. */
  get?(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  close(): Promise<void>
}

const NO_CHAIN = new Uint8Array(32)
const MAX = Number.POSITIVE_INFINITY
/** More records a channel cannot have. A small number: the host then compares without making fractions of the counts. */
const COUNT_MAX = 2 ** 31 - 1
const RECORD_BYTES_MAX = 64 * 1024 * 1024
/** Groups handed to the store at a time: one is written while the next is encoded. */
const FLIGHTS_MAX = 2
const NO_BOUNDS = {}
/** Records that are encoded at a stretch: half a millisecond. */
const SLICE = 1024
/** Events that a space in memory keeps with journal `events`. */
const JOURNAL_EVENTS_MAX = 250_000
/** Changed records for which a group does not wait until the one before has arrived. */
const OPS_AHEAD = 1000

/** A place to come back to; made by `mark`, ended by `rollback` or `release`. */
export class Mark {
  readonly kernel: KernelMark
  readonly hold: boolean
  readonly op: number
  readonly tick: number
  readonly undoLength: number
  readonly deferredLength: number
  readonly queueLength: number
  readonly eventLength: number
  constructor(kernel: KernelMark, hold: boolean, op: number, tick: number, lengths: readonly [number, number, number, number]) {
    this.kernel = kernel
    this.hold = hold
    this.op = op
    this.tick = tick
    ;[this.undoLength, this.deferredLength, this.queueLength, this.eventLength] = lengths
  }
}

interface Dispatch<T extends Types> {
  readonly comm: CommEvent<T>
  readonly to: (comm: CommEvent<T>) => unknown
}
interface DurableWait {
  readonly op: number
  resolve(c: Commit): void
  reject(e: unknown): void
}
interface Watcher<T extends Types> {
  readonly filter: Filter<T>
  readonly handle: Handle<T> | undefined
  push(event: SpaceEvent<T>): void
  end(error?: unknown): void
}
interface Naming {
  readonly root: Root
  readonly pin: boolean
}
/** What a group has changed, and what else its commit says. */
interface Taken<T extends Types> {
  readonly added: readonly (Datum | Waiting<T>)[]
  readonly removed: readonly (Datum | Waiting<T>)[]
  readonly turns: readonly (readonly [Datum | Waiting<T>, number])[]
  readonly put: rows.Change[]
  readonly del: rows.Removal[]
  readonly naming: Naming | null
  /** Above all refs given out when the group before was taken, and when this one was. */
  readonly highest: Ref
  readonly counter: Ref
  readonly state: Omit<rows.State, 'cids' | 'gids'>
}
/** The rows of a group, and where they lie. */
interface Encoded extends rows.Delta {
  readonly packers: readonly Packer[]
}
interface OutboxEntry<T extends Types> {
  /** `null`: the next pump hands it over. */
  readonly handler: string | null
  readonly comm: CommEvent<T>
  saved: boolean
  readonly row: () => Uint8Array
}
type Told<K extends Cont> = Required<Omit<KernelObserver<K>, 'snapshot' | 'restore'>>
/** Notes plain records for the next commit and passes on the rest. A class: the host then knows what it calls. */
class PlainObserver<K extends Waiting<Types>> implements Told<K> {
  private readonly others: Told<K>
  private readonly changed: Changed<Datum | K>
  constructor(others: Told<K>, changed: Changed<Datum | K>) {
    this.others = others
    this.changed = changed
  }
  stored(d: Datum): void {
    if (d.origin === null) this.changed.came(d)
    else this.others.stored(d)
  }
  removed(d: Datum): void {
    if (d.origin === null) this.changed.went(d)
    else this.others.removed(d)
  }
  parked(k: K): void {
    if (k.extra === null) this.changed.came(k)
    else this.others.parked(k)
  }
  unparked(k: K): void {
    if (k.extra === null) this.changed.went(k)
    else this.others.unparked(k)
  }
  renewed(r: Datum | K): void {
    this.others.renewed(r)
  }
  failed(k: K, error: unknown): void {
    this.others.failed(k, error)
  }
  stalled(k: K): void {
    this.others.stalled(k)
  }
}
export type Settings<T extends Types> = Omit<OpenOptions<T>, 'create' | 'readOnly' | 'durability'>

export class Space<T extends Types> implements Namer<T> {
  protected readonly settings: Settings<T>
  /** For plain operations; everybody else takes `kernel`. */
  private readonly hot: Kernel<T['A'], T['R'], Waiting<T>>
  /** Whose newest data the kernel does not know. */
  private readonly deep = new Set<Handle<T>>()
  private readonly named = new Map<string, Handle<T>>()
  private sweepAt = 1024
  /** All records by their refs; made when somebody first asks for one, and kept up from then on. */
  private index: Map<Ref, Datum | Waiting<T>> | null = null
  private readonly installs = new Map<string, Waiting<T>>()
  /** Installs that wait; after a rollback also replaced ones, until they are withdrawn again. */
  private readonly installed = new Set<Waiting<T>>()
  private readonly handlers = new Map<string, { fn: (comm: CommEvent<T>) => unknown; ack: boolean }>()
  private readonly outbox = new Map<Ref, OutboxEntry<T>>()
  private readonly claims = new Map<Ref, { due: number }>()
  private readonly due = new Map<number, Set<Ref>>()
  private readonly ids = new Map<string, rows.IdRow>()
  private readonly sides = new Map<string, Map<string, Uint8Array>>()
  private readonly watchers = new Set<Watcher<T>>()

  protected op = 0
  private tickNow = 0
  private names = 0
  private key: Uint8Array
  private busy = false
  private closing: Promise<void> | null = null
  private failed: unknown = undefined
  private readonly counts = { produced: 0, consumed: 0, cancelled: 0, expired: 0, comms: 0 }
  /** COMMs of one datum that has gone with them; not in `counts`. */
  private pairs = 0
  private readonly burst: number
  private readonly classic: boolean
  // of the settings, what each operation asks for
  private readonly datumCodec: Codec<T['A']>
  private readonly bodyCodec: Codec<T['K']>
  private readonly patternCodec: Codec<T['P']>
  private readonly channelCodec: Codec<T['C']>
  private readonly checks: boolean
  private readonly debug: boolean
  private readonly matcher: Matcher<T['P'], T['A'], T['K'], T['R'], T['G']>
  private readonly meter: Meter
  private readonly patternKeys: ((pattern: T['P']) => readonly Key[]) | undefined
  private readonly keysOf: ((value: T['A']) => readonly Key[]) | undefined
  /** Nothing but the two operations is asked for, see `isQuick`; found out after a careful call, forgotten when somebody comes in by another door. */
  private quick = false
  /** One that waited for a plain operation and has got it. */
  private spare: Waiting<T> | null = null
  private readonly dataMax: number
  private readonly continuationsMax: number
  private readonly recordBytesMax: number
  private readonly isFifo: boolean
  private readonly copiesPatterns: boolean
  /** Values are kept as they come, and nothing that comes is refused. */
  private readonly plainData: boolean
  private readonly plainBodies: boolean
  private readonly plainPatterns: boolean

  // marks and what waits for their end
  private marks: Mark[] = []
  private undoLog: (() => void)[] = []
  private deferred: (() => void)[] = []
  private queue: Dispatch<T>[] = []
  private dispatching = false
  private pumpScheduled = false
  private transaction: CommEvent<T>[] | null = null

  // durability
  private readonly store: Committer | null
  private readonly changed = new Changed<Datum | Waiting<T>>(isThere)
  private turned = new Set<Datum | Waiting<T>>()
  private readonly turnRows = new Set<Ref>()
  private cids: number
  private gids: number
  /** Which of how many cores that share a store: they give out different numbers. */
  private readonly part: Part
  /** Of two channels and more, by their numbers. */
  private readonly groups = new Map<string | number, Group>()
  private dirtySide = new Map<string, { namespace: string; key: string }>()
  private dirtyIds = new Set<string>()
  private dirtyOutbox = new Set<Ref>()
  private dirtyOp = 0
  private committedOp = 0
  private last: Commit = { number: 0, chain: NO_CHAIN }
  /** Everything up to this operation has been handed to the store. */
  private handedOp = 0
  /** Groups on their way, oldest first. */
  private flights: Promise<void>[] = []
  /** Never a whole number: a field that becomes a fraction makes the host compile everything anew. */
  private lastGroupAt = Number.NEGATIVE_INFINITY
  private groupTimer: NodeJS.Timeout | undefined
  /** Bytes per changed record in the last group. */
  private bytesPerChange = 64
  private scheduled = false
  private durableWaits: DurableWait[] = []
  private loading = false

  // journal, digest, replay
  private readonly keepsEvents: boolean
  /** Whether events are wanted as objects. */
  private readonly tellsEvents: boolean
  /** Whether they are wanted at all. */
  private readonly listens: boolean
  /** With journal `events`: those of this group, packed if there is a store, else as they are. */
  private groupEvents: SpaceEvent<T>[] = []
  private packed: EventWriter | null = null
  /** Not in use. */
  private readonly writers: EventWriter[] = []
  private journal: SpaceEvent<T>[] = []
  /** The first commit whose events the journal has. */
  private journalStart = 0
  private lattice: Lattice | null = null
  private unhashed = new Map<Ref, { record: Datum | Waiting<T>; added: boolean }>()
  /** With history `merkle`: the checkpoints, and what their states are made of. */
  protected past: History | null = null
  /** The rows as of the last checkpoint, and what commits have changed since (`null`: gone). */
  private tree: NodeId | undefined
  private sinceTree = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array | null; readonly isNew: boolean }>()
  /** A checkpoint that the group being closed contains. */
  private naming: Naming | null = null
  /** Of a sibling: the space whose checkpoints it adds to. */
  private elder: Space<T> | null = null
  private replay: Replay<T> | null = null
  private batches: SpaceEvent<T>[][] = [[]]

  constructor(settings: Settings<T>, store: Committer | null, part: Part = ALONE) {
    this.settings = settings
    this.part = part
    this.cids = this.gids = part.index
    this.store = store
    this.burst = settings.mode === 'classic' ? 1 : (settings.burst ?? 1000)
    this.classic = settings.mode === 'classic'
    this.keepsEvents = settings.journal === 'events'
    if (this.keepsEvents && store !== null) this.packed = new EventWriter()
    this.tellsEvents = settings.report === true || (this.keepsEvents && store === null)
    this.listens = this.tellsEvents || this.keepsEvents
    const { codec, matcher, limits = {} } = settings
    this.datumCodec = codec.datum
    this.bodyCodec = codec.body
    this.patternCodec = codec.pattern
    this.channelCodec = codec.channel
    this.checks = matcher.check !== undefined
    this.matcher = matcher
    if (matcher.keys !== undefined && matcher.datumKeys !== undefined) {
      this.patternKeys = matcher.keys.bind(matcher)
      this.keysOf = matcher.datumKeys.bind(matcher)
    }
    this.meter = this.newMeter()
    this.debug = settings.debug === true
    this.dataMax = Math.min(limits.dataPerChannelMax ?? MAX, COUNT_MAX)
    this.continuationsMax = Math.min(limits.continuationsPerChannelMax ?? MAX, COUNT_MAX)
    this.recordBytesMax = limits.recordBytesMax ?? RECORD_BYTES_MAX
    this.isFifo = (settings.order ?? 'fifo') === 'fifo'
    this.copiesPatterns = codec.pattern.isCopyOf !== undefined
    const isPlain = (c: { copy?: unknown }): boolean => c.copy === undefined && store === null
    this.plainData = isPlain(codec.datum)
    this.plainBodies = isPlain(codec.body)
    this.plainPatterns = isPlain(codec.pattern) && !this.checks && !this.copiesPatterns
    this.key = settings.instanceKey ?? randomKey()
    if (settings.history === 'merkle') this.past = new History(settings.keep, store?.get?.bind(store))
    this.hot = new Kernel(this.bridge(matcher), {
      order: settings.order ?? 'fifo',
      matchStepsMax: limits.matchStepsMax,
      matchStepsPerContinuationMax: limits.matchStepsPerContinuationMax,
    })
    this.listenAgain()
  }

  /** With all data. */
  protected get kernel(): Kernel<T['A'], T['R'], Waiting<T>> {
    if (this.deep.size > 0) this.thaw()
    return this.hot
  }

  /** Make records of the data that are only refs and values. Each datum comes to this at most once, so what it costs is linear. */
  private thaw(): void {
    for (const h of this.deep) {
      const backlog = h.backlog as Backlog<T['A']>
      h.backlog = null
      while (backlog.count > 0) {
        const { ref } = backlog
        this.hot.append(h.chan, ref, backlog.shift())
      }
    }
    this.deep.clear()
  }

  private newMeter(): Meter {
    const space = this
    return {
      get used() {
        return space.hot.steps
      },
      step: (n = 1) => space.hot.charge(n),
    }
  }

  private bridge(matcher: Matcher<T['P'], T['A'], T['K'], T['R'], T['G']>): KernelMatcher<T['A'], T['R'], Waiting<T>> {
    const { meter } = this
    const keyed = matcher.keys !== undefined && matcher.datumKeys !== undefined
    return {
      match: (k, b, i, value) => matcher.match(k.pattern(b, i), value, meter),
      matchAll(k, b, i, value) {
        const pattern = k.pattern(b, i)
        if (matcher.matchAll !== undefined) return matcher.matchAll(pattern, value, meter)
        const one = matcher.match(pattern, value, meter)
        return one === undefined ? [] : [one]
      },
      guard: (k, _b, results) => matcher.guard?.(k.where as T['G'], k.body, results, meter) === true,
      contKey: keyed
        ? (k, b, i) => {
            k.keyCache ??= k.chan === null ? k.patterns.map(p => matcher.keys?.(p)[0]) : [matcher.keys?.(k.pattern(0, 0))[0]]
            return k.keyCache[k.branch(b).offset + i]
          }
        : undefined,
      datumKeys: keyed ? value => matcher.datumKeys?.(value) as readonly Key[] : undefined,
      get keysVersion() {
        return matcher.keysVersion
      },
    }
  }

  // ------------------------------------------------------------------------------------------------ entering and leaving

  private enter(): void {
    this.quick = false
    if (this.busy)
      throw new RhizomeError('REENTRANT', 'a matcher, guard or codec called the space', {
        hint: 'Return a value; act when the COMM is delivered.',
      })
    if (this.deep.size > 0) this.thaw()
    if (this.closing !== null) throw new RhizomeError('SPACE_CLOSED', 'the space is closed')
  }

  /** The same, and no write has failed: what is in memory can still be read then. */
  private enterWhole(): void {
    this.enter()
    if (this.failed !== undefined)
      throw new RhizomeError('SPACE_FAILED', 'an earlier write failed; close and reopen', { cause: this.failed })
  }

  /** At the head of every call that may change something. */
  protected begin(): void {
    this.enterWhole()
    if (this.readOnly) throw new RhizomeError('READ_ONLY', 'the space was opened for reading only')
  }

  /** Run kernel code during which nobody may call the space. */
  private inside<X>(fn: () => X): X {
    this.busy = true
    try {
      return fn()
    } finally {
      this.busy = false
    }
  }

  /** After every operation: deliver, commit, pump. */
  protected leave(): void {
    this.dirtyOp = this.op
    if (this.deferred.length > 0) this.settleDeferred()
    if (this.scheduled !== true) this.scheduleCommit()
    if (this.queue.length > 0) this.runQueue()
    if (this.kernel.pumpPending) this.schedulePump()
    this.quick = this.isQuick()
  }

  /** Whether a plain operation that comes next has to do with none of the things that few spaces have. */
  private isQuick(): boolean {
    return (
      this.closing === null &&
      this.failed === undefined &&
      !this.readOnly &&
      !this.debug &&
      !this.classic &&
      !this.tellsEvents &&
      this.isFifo &&
      this.marks.length === 0 &&
      this.replay === null &&
      this.handlers.size === 0 &&
      this.settings.run === undefined &&
      this.stray.length === 0
    )
  }

  private settleDeferred(): void {
    if (this.marks.length > 0 || this.deferred.length === 0) return
    const list = this.deferred
    this.deferred = []
    for (const f of list) f()
  }

  private runQueue(): void {
    if (this.dispatching || this.marks.length > 0) return
    this.dispatching = true
    let first: { error: unknown } | undefined
    try {
      // A handler that produces enqueues; nothing recurses.
      while (this.queue.length > 0) {
        const list = this.queue
        this.queue = []
        for (const d of list) {
          try {
            d.to(d.comm)
          } catch (error) {
            first ??= { error }
          }
        }
      }
    } finally {
      this.dispatching = false
    }
    if (first !== undefined) throw first.error
  }

  private schedulePump(): void {
    if (this.pumpScheduled || !this.kernel.pumpPending || this.marks.length > 0) return
    if (this.settings.run === undefined && this.handlers.size === 0) return
    this.pumpScheduled = true
    setImmediate(() => {
      this.pumpScheduled = false
      if (this.closing === null && this.failed === undefined && this.marks.length === 0) this.pump(this.burst)
    })
  }

  // ------------------------------------------------------------------------------------------------ channels

  /** Canonical bytes up to 31 long are the identity themselves, longer ones are hashed. */
  private internKey(kind: number, bytes: Uint8Array): string {
    return bytes.length <= 31 ? SHORT[kind] + latin1(bytes) : LONG[kind] + latin1(hash('chan', bytes))
  }

  private find(c: T['C'] | Channel<T>): Handle<T> | undefined {
    if (c instanceof Handle) return this.own(c)
    if (c === undefined) throw new BadArgument('a channel is missing')
    if (typeof c === 'string') {
      const h = this.byText(c)
      if (h !== undefined) return h
    }
    return this.named.get(this.valueKey(this.accepted(c)))
  }

  /** A text that names a channel has been accepted before: it needs no second look. */
  private byText(text: string): Handle<T> | undefined {
    const codec = this.channelCodec
    if (codec.key === undefined) return undefined
    const h = this.named.get(textKey(text))
    return h !== undefined && h.value === text ? h : undefined
  }

  private own(h: Handle<T>): Handle<T> {
    if (h[SPACE] !== this)
      throw new BadArgument('the channel belongs to another space', { hint: 'Use its name, or the bytes of a derived channel.' })
    return h
  }

  protected intern(c: T['C'] | Channel<T>): Handle<T> {
    if (c instanceof Handle) return this.own(c as Handle<T>)
    if (c === undefined) throw new BadArgument('a channel is missing')
    if (typeof c === 'string') {
      const h = this.byText(c)
      if (h !== undefined) return h
    }
    return this.internValue(this.accepted(c))
  }

  private accepted(c: T['C']): T['C'] {
    const codec = this.settings.codec.channel
    if (codec.copy === undefined) return c
    this.busy = true
    try {
      return codec.copy(c)
    } finally {
      this.busy = false
    }
  }

  /** Equal values, equal keys: the codec's own text where it has one, else the canonical bytes. */
  private valueKey(value: T['C']): string {
    const codec = this.settings.codec.channel
    this.busy = true
    try {
      return codec.key === undefined ? this.internKey(0, encode(codec, value)) : textKey(codec.key(value))
    } finally {
      this.busy = false
    }
  }

  private internValue(value: T['C']): Handle<T> {
    const id = this.valueKey(value)
    let h = this.named.get(id)
    if (h === undefined) {
      this.makeRoom()
      h = new Handle<T>(this, value, 'named', null)
      this.named.set(id, h)
    }
    return h
  }

  /** A channel known by its bytes; `value` of a named one is decoded unless it is at hand. */
  private internBytes(kind: number, bytes: Uint8Array, value: T['C'] | undefined): Handle<T> {
    if (kind === 0) return this.internValue(value === undefined ? this.settings.codec.channel.decode(bytes) : value)
    const id = this.internKey(kind, bytes)
    let h = this.named.get(id)
    if (h === undefined) {
      this.makeRoom()
      h = new Handle<T>(this, value, kindOfByte(kind) as 'named', bytes)
      this.named.set(id, h)
    }
    return h
  }

  private makeRoom(): void {
    const max = this.settings.limits?.channelsMax ?? MAX
    if (this.named.size >= Math.min(max, this.sweepAt)) this.sweep()
    if (this.named.size >= max)
      throw new RhizomeError('LIMIT', `a space may have at most ${max} channels`, { details: { limit: 'channelsMax', max } })
  }

  /** Forget channels that hold nothing and that nobody can name but by their value. */
  private sweep(): void {
    if (this.marks.length > 0) return
    for (const [id, h] of this.named)
      if (!h.held && h.cid === 0 && h.chan.nD === 0 && h.chan.nK === 0 && h.backlog === null) this.named.delete(id)
    this.sweepAt = Math.max(1024, 2 * this.named.size)
  }

  /** A handle: later calls with it encode and look up nothing. */
  channel(c: T['C'], o: { order?: 'fifo' } = {}): Channel<T> {
    this.enter()
    const h = this.intern(c)
    h.hold()
    if (o.order === 'fifo') this.kernel.pin(h.chan)
    return h
  }

  /** A new channel that nobody can name. */
  fresh(): Channel<T> {
    this.enter()
    const h = new Handle<T>(this, undefined, 'fresh', null)
    h.hold()
    return h
  }

  bytesOf(h: Handle<T>): Uint8Array {
    if (h.kind === 'named') return encode(this.settings.codec.channel, h.value as T['C'])
    const n = ++this.names
    const bytes = this.settings.names === undefined ? hash('name', this.key, fromLatin1(`fresh ${n}`)) : this.settings.names(n)
    this.named.set(this.internKey(1, bytes), h)
    return bytes
  }

  /** The same channel for the same kind and id, also after a restart; not guessable without the instance key. */
  derive(kind: string, id: Uint8Array): Channel<T> {
    this.enter()
    if (typeof kind !== 'string' || !(id instanceof Uint8Array)) throw new BadArgument('derive takes a kind and bytes')
    const kindBytes = new TextEncoder().encode(kind)
    const h = this.internBytes(
      2,
      hash('name', this.key, Uint8Array.of(kindBytes.length >> 8, kindBytes.length & 255), kindBytes, id),
      undefined,
    )
    h.hold()
    return h
  }

  // ------------------------------------------------------------------------------------------------ the two operations

  /**
   * Leave one datum on a channel, or let it take part in COMMs at once.
   * @throws BadArgument; RhizomeError LIMIT, MATCH_TOO_COSTLY, REENTRANT, CODEC, SPACE_CLOSED, SPACE_FAILED – nothing has changed then
   */
  produce(c: T['C'] | Channel<T>, a: T['A'], o?: PutOptions<T>): Outcome<T> {
    // `=== true`: without it the host asks of the field all that may be false in any value.
    if (o !== undefined || this.quick !== true || this.busy) return this.produceWith(c, a, o)
    const k = this.arrive(c, a)
    if (k === null) {
      const { done } = this
      return typeof done === 'number' ? { ref: done, comms: NOTHING, pending: this.hot.pumpPending, at: this.op } : done
    }
    // Here and not in `met`: so little is made part of the caller by the host, and who looks at one field of an outcome then pays for no object.
    const { hot, came } = this
    const h = handleOf<T>(k.chan as Chan)
    const match: Match<T> = {
      channel: h.show,
      pattern: k.patternAt(0),
      ref: hot.lastDatumRef,
      value: came,
      result: this.result,
      persistent: false,
      peeked: false,
    }
    const comm: CommEvent<T> = { ref: k.turn, body: k.body, persistent: false, branch: 0, matches: [match], ack: nothingToDo }
    return { comms: [comm], pending: hot.pumpPending, at: this.op }
  }

  /**
   * The plain `produce`. What waited for one datum and takes this one is returned, and `came` and `result` are what it takes and what the matcher said; else null,
   * and `done` is the outcome, or the ref of what lies there now. In one piece: were parts of it small, the host would make them part of `produce` rather than
   * `produce` part of the caller.
   */
  private arrive(c: T['C'] | Channel<T>, a: T['A']): Waiting<T> | null {
    const value = this.plainData === true && a !== undefined ? a : this.accept(this.datumCodec, a, false)
    const h = c !== undefined && c !== null && (c as Handle<T>)[SPACE] === this ? (c as Handle<T>) : this.intern(c)
    const { hot } = this
    const { chan } = h
    const k = chan.kHead as Waiting<T> | null
    if (chan.jHead !== null) this.done = this.produceOn(h, value, PLAIN)
    else if (k === null) this.done = this.leaveThere(h, value)
    else if (chan.index !== null) this.done = this.produceByKey(h, value)
    else if (k.site !== LINEAR_RECEIVE || k.extra !== null || chan.nD >= this.dataMax) this.done = this.produceOn(h, value, PLAIN)
    else {
      const result = this.tried(k.patternAt(0), value)
      if (result !== undefined) {
        this.came = value
        this.result = result
        // Nobody else knows it: the next that waits can be the same object, which the host's collector has done with.
        const isFree = this.tellsNobody === true && !k.pumped
        if (isFree) this.spare = k
        if (isFree && k.next === k) hot.wakeOnly(k, chan)
        else hot.wake(k, chan)
        this.pairs++
        this.counts.produced++
        const at = ++this.op
        this.dirtyOp = at
        if (this.packed !== null) {
          const ref = hot.lastDatumRef
          this.packed.produce(at, ref, h, this.datumCodec, value, false)
          this.packed.pair(at, k.turn, ref)
        }
        if (this.scheduled !== true) this.scheduleCommit()
        return k
      }
      this.done = this.produceOn(h, value, PLAIN)
    }
    return null
  }
  private done: Ref | Outcome<T> = 0
  private came: T['A'] | undefined = undefined
  private result: T['R'] | undefined = undefined

  /** Many wait there, and keys tell who could take it. */
  private produceByKey(h: Handle<T>, value: T['A']): Outcome<T> {
    const { hot, keysOf } = this
    const { chan } = h
    const k = keysOf === undefined ? null : this.takerOf(chan, keysOf, value)
    if (k === null || k.extra !== null || chan.nD >= this.dataMax) return this.produceOn(h, value, PLAIN)
    const { site } = k
    if (site !== LINEAR_RECEIVE && site !== CONTRACT) return this.produceOn(h, value, PLAIN)
    const pattern = k.pattern(0, 0)
    const result = this.tried(pattern, value)
    if (result === undefined) return this.produceOn(h, value, PLAIN)
    if (site === CONTRACT) hot.serve(k)
    else hot.wake(k, chan)
    this.counts.produced++
    if (this.packed !== null) this.packed.produce(this.op + 1, hot.lastDatumRef, h, this.datumCodec, value, false)
    return this.met(hot.lastDatumRef, value, result, pattern, h, k.ref, k.body, site === CONTRACT)
  }

  /** Of the continuations with one of the keys of the value, the only one. */
  private takerOf(chan: Chan, keysOf: (value: T['A']) => readonly Key[], value: T['A']): Waiting<T> | null {
    const keys = this.askKeys(keysOf, value)
    if (keys === null || keys.length !== 1) return null
    const k = this.hot.taker(chan, keys[0])
    return k === null || k.chan === null ? null : k
  }

  /** null: the matcher threw, which the careful path will say. */
  private askKeys<X>(keysOf: (x: X) => readonly Key[], x: X): readonly Key[] | null {
    let keys: readonly Key[] | null
    this.busy = true
    try {
      keys = keysOf(x)
    } catch {
      keys = null
    }
    this.busy = false
    return keys
  }

  /** Nobody waits for it. If many are before it, it need not be a record yet. */
  private leaveThere(h: Handle<T>, value: T['A']): Ref | Outcome<T> {
    const { hot } = this
    const { chan, backlog } = h
    let ref: Ref
    if (backlog === null && (chan.nD < SHALLOW || !this.tellsNobody || chan.index !== null)) {
      if (chan.nD >= this.dataMax) return this.produceOn(h, value, PLAIN)
      if (chan.index === null) hot.put(chan, value, null)
      else {
        this.busy = true
        hot.putIndexed(chan, value)
        this.busy = false
      }
      ref = hot.lastDatumRef
    } else {
      if (chan.nD + (backlog === null ? 0 : backlog.count) >= this.dataMax) return this.produceOn(h, value, PLAIN)
      hot.op++
      ref = ++hot.counter
      ;(backlog ?? this.deepen(h)).push(ref, value)
    }
    this.counts.produced++
    const at = (this.dirtyOp = ++this.op)
    if (this.packed !== null) this.packed.produce(at, ref, h, this.datumCodec, value, false)
    if (this.scheduled !== true) this.scheduleCommit()
    return ref
  }

  /** Take the oldest, which is no record yet. null: it does not fit. */
  private takeDeep(h: Handle<T>, backlog: Backlog<T['A']>, pattern: T['P'], body: T['K']): Outcome<T> | null {
    const { ref, value } = backlog
    const result = this.tried(pattern, value)
    // A matcher that looks at the space makes records of them all.
    if (result === undefined || h.backlog !== backlog) return null
    const { hot } = this
    hot.op++
    const cont = ++hot.counter
    backlog.shift()
    if (backlog.count === 0) {
      h.backlog = null
      this.deep.delete(h)
    }
    return this.met(ref, value, result, pattern, h, cont, body, false)
  }

  private deepen(h: Handle<T>): Backlog<T['A']> {
    this.deep.add(h)
    return (h.backlog = new Backlog())
  }

  /** What the matcher says. undefined also for whatever only the careful path can deal with. */
  private tried(pattern: T['P'], value: T['A']): T['R'] | undefined {
    let result: T['R'] | undefined
    this.hot.steps = 0
    this.busy = true
    try {
      result = this.matcher.match(pattern, value, this.meter)
    } catch {
      result = undefined
    }
    this.busy = false
    return result
  }

  /** One datum has met one continuation, and both are gone. */
  private met(
    ref: Ref,
    value: T['A'],
    result: T['R'],
    pattern: T['P'],
    h: Handle<T>,
    cont: Ref,
    body: T['K'],
    persistent: boolean,
  ): Outcome<T> {
    const at = ++this.op
    this.dirtyOp = at
    this.pairs++
    if (this.packed !== null) this.packed.pair(at, cont, ref)
    if (this.scheduled !== true) this.scheduleCommit()
    // All that is in them first, so that the host makes them at a stroke.
    const channel = h.show
    const pending = this.hot.pumpPending
    const match: Match<T> = { channel, pattern, ref, value, result, persistent: false, peeked: false }
    const comm: CommEvent<T> = { ref: cont, body, persistent, branch: 0, matches: [match], ack: nothingToDo }
    return { comms: [comm], pending, at }
  }

  private produceWith(c: T['C'] | Channel<T>, a: T['A'], o: PutOptions<T> | undefined): Outcome<T> {
    this.begin()
    const options = o === undefined ? PLAIN : checkPut(o)
    if (options.id !== undefined) {
      const repeated = this.repeated(options.id)
      if (repeated !== undefined) return repeated
    }
    const value = this.accept(this.datumCodec, a, options.volatile)
    return this.produceOn(this.intern(c), value, options)
  }

  private produceOn(h: Handle<T>, value: T['A'], options: Checked): Outcome<T> {
    const { kernel } = this
    const max = this.dataMax
    if (h.chan.nD >= max)
      throw new RhizomeError('LIMIT', `a channel may hold at most ${max} data`, { details: { limit: 'dataPerChannelMax', max } })
    const lease = options.leaseTicks > 0 ? this.tickNow + options.leaseTicks : 0
    const item = lease > 0 || options.volatile ? new Item(lease, options.volatile) : null
    if (this.replay !== null) return this.replay.produce(h, value, options.persist, item)
    this.op++
    let k: Waiting<T> | null
    try {
      this.busy = true
      k = kernel.produce(h.chan, value, options.persist, item)
    } catch (e) {
      this.op--
      throw e
    } finally {
      this.busy = false
    }
    const ref = kernel.lastDatumRef
    const d = kernel.lastDatum
    this.counts.produced++
    this.emitProduce(h, value, ref, options.persist)
    let comms: readonly CommEvent<T>[] = NOTHING
    if (k !== null) {
      comms = this.fired(k, d)
      if (this.classic && d !== null) kernel.take(d)
    }
    if (d === null) return this.outcome(undefined, comms, options.id)
    if (lease > 0 && (d.stored || d.hidden)) this.lease(lease, ref)
    return this.outcome(d.stored ? ref : undefined, comms, options.id)
  }

  /**
   * Wait for data that match all binds together and the guard; then one COMM delivers the body. `{ any: […] }` waits for the first branch that can fire.
   * @throws as `produce`
   */
  consume(what: readonly Bind<T>[] | { readonly any: readonly (readonly Bind<T>[])[] }, body: T['K'], o?: PutOptions<T>): Outcome<T> {
    if (o === undefined && this.quick === true && !this.busy && Array.isArray(what) && what.length === 1 && body !== undefined) {
      const done = this.consumeOne(what[0] as Bind<T>, body)
      if (typeof done === 'number') return { ref: done, comms: NOTHING, pending: this.hot.pumpPending, at: this.op }
      if (done !== null) return done
    }
    return this.consumeWith(what, body, o)
  }

  /** One bind that takes, without guard and options, as most are. A ref: it waits now. null: it is another one, or one that the careful path will refuse. */
  private consumeOne(bind: Bind<T>, body: T['K']): Ref | Outcome<T> | null {
    if (bind === null || typeof bind !== 'object') return null
    const { channel, pattern, peek } = bind
    if (channel === undefined || pattern === undefined || (peek !== undefined && peek !== false)) return null
    const accepted = this.plainBodies === true ? body : this.accept(this.bodyCodec, body, false)
    let h: Handle<T>
    let asked: T['P']
    if (channel !== null && (channel as Handle<T>)[SPACE] === this) {
      h = channel as Handle<T>
      asked = this.plainPatterns === true ? pattern : this.asked(h, pattern)
    } else {
      const known = this.find(channel)
      asked = this.asked(known, pattern)
      h = known ?? this.intern(channel)
    }
    if (this.copiesPatterns) h.asked = asked
    const { hot } = this
    const { chan } = h
    if (chan.nK >= this.continuationsMax) this.crowded()
    const d = chan.dHead
    if (d === null && h.backlog !== null) {
      const outcome = this.takeDeep(h, h.backlog, asked, accepted)
      if (outcome !== null) return outcome
    } else if (d === null) {
      const { spare } = this
      const k = spare === null ? new Waiting<T>(LINEAR_RECEIVE, chan, asked, accepted, null) : spare.again(chan, asked, accepted)
      this.spare = null
      if (this.tellsNobody === true && chan.kHead === null && chan.index === null) hot.listenOnly(k, chan)
      else hot.listen(k, chan)
      const at = (this.dirtyOp = ++this.op)
      if (this.packed !== null) this.packed.receive(at, k.turn, h, this.patternCodec, asked, this.bodyCodec, accepted)
      if (this.scheduled !== true) this.scheduleCommit()
      return k.turn
    }
    if (d !== null && !d.persistent && chan.index === null) {
      const result = this.tried(asked, d.value as T['A'])
      if (result !== undefined) {
        hot.takeOldest(chan)
        if (this.packed !== null) this.packed.receive(this.op + 1, hot.counter, h, this.patternCodec, asked, this.bodyCodec, accepted)
        return this.met(d.ref, d.value as T['A'], result, asked, h, hot.counter, accepted, false)
      }
    } else if (d !== null && chan.index !== null && h.backlog === null) {
      const outcome = this.takeByKey(h, asked, accepted)
      if (outcome !== null) return outcome
    }
    return this.parked(new Waiting<T>(LINEAR_RECEIVE, chan, asked, accepted, null), 0, undefined)
  }

  /** Many data are there, and keys tell which could fit. null: the careful path has to look. */
  private takeByKey(h: Handle<T>, pattern: T['P'], body: T['K']): Outcome<T> | null {
    const { hot, patternKeys } = this
    const keys = patternKeys === undefined ? null : this.askKeys(patternKeys, pattern)
    const d = keys === null || keys.length === 0 ? null : hot.holder(h.chan, keys[0])
    if (d === null || d.persistent) return null
    const { ref } = d
    const value = d.value as T['A']
    const result = this.tried(pattern, value)
    if (result === undefined) return null
    hot.takeThis(d)
    if (this.packed !== null) this.packed.receive(this.op + 1, hot.counter, h, this.patternCodec, pattern, this.bodyCodec, body)
    return this.met(ref, value, result, pattern, h, hot.counter, body, false)
  }

  private consumeWith(
    what: readonly Bind<T>[] | { readonly any: readonly (readonly Bind<T>[])[] },
    body: T['K'],
    o: PutOptions<T> | undefined,
  ): Outcome<T> {
    this.begin()
    const options = o === undefined ? PLAIN : checkPut(o)
    if (options.id !== undefined) {
      const repeated = this.repeated(options.id)
      if (repeated !== undefined) return repeated
    }
    if (body === undefined)
      throw new BadArgument('a body is missing', {
        hint: 'It comes with the COMM: the name of a handler, or whatever says what is to be done.',
      })
    const lease = options.leaseTicks > 0 ? this.tickNow + options.leaseTicks : 0
    const accepted = this.accept(this.bodyCodec, body, options.volatile)
    const k = this.waiting(what, accepted, options.persist, options.volatile, lease, o?.where, null)
    if (this.replay !== null) return this.replay.consume(k)
    return this.parked(k, lease, options.id)
  }

  private parked(k: Waiting<T>, lease: number, id: string | undefined): Outcome<T> {
    const comms = this.park(k)
    if (!k.waiting) return this.outcome(undefined, comms, id)
    this.lease(lease, k.ref)
    return this.outcome(k.ref, comms, id)
  }

  /** The kernel's consume with events and burst; shared by consume, install and the verbs. */
  private park(k: Waiting<T>): readonly CommEvent<T>[] {
    this.op++
    let fired: boolean
    try {
      this.busy = true
      fired = this.kernel.consume(k)
    } catch (e) {
      this.op--
      throw e
    } finally {
      this.busy = false
    }
    if (k.extra === null || (!k.extra.volatile && k.extra.install === null)) this.emitConsume(k)
    if (!fired) return NOTHING
    if (this.classic && k.persistent) this.kernel.withdraw(k)
    return this.fired(k, k.waiting ? k : null)
  }

  /** The first COMM has fired; fire more with the record that brought it about, if that stays. The COMMs that nobody else gets. */
  private fired(first: Waiting<T>, record: Datum | Waiting<T> | null): readonly CommEvent<T>[] {
    if (record === null) {
      const comm = this.collect(first)
      return comm === null ? NOTHING : [comm]
    }
    const comms: CommEvent<T>[] = []
    this.fireOn(first, record, comms)
    return comms
  }

  /** Up to the burst. */
  private fireOn(first: Waiting<T>, record: Datum | Waiting<T>, comms: CommEvent<T>[]): void {
    const { kernel } = this
    // Most records fire once and are done: what they have met is only collected from the second COMM on.
    let tried: Set<Cont> | null = null
    let seen: Set<string> | null = null
    let fired: Waiting<T> | null = first
    for (let n = 1; fired !== null; n++) {
      const comm = this.collect(fired)
      if (comm !== null) comms.push(comm)
      if (n >= this.burst) return
      if (record instanceof Datum) {
        tried ??= new Set()
        tried.add(fired)
      } else {
        // The same data again: they stay, so this would go on for ever. The pump sees to it.
        const signature = kernel.firedDatumRefs.slice(0, kernel.firedCount).join()
        seen ??= new Set()
        if (seen.has(signature)) return
        seen.add(signature)
      }
      try {
        this.busy = true
        fired = kernel.again(record, tried)
      } catch (e) {
        if (e instanceof RhizomeError && e.code === 'MATCH_TOO_COSTLY') return
        throw e
      } finally {
        this.busy = false
      }
    }
    if (tried !== null) for (const k of tried) if (k.waiting) return
    kernel.rest(record)
  }

  /** Make the event of the COMM that the kernel has just fired, and send it where it belongs; null: somebody else gets it than the caller. */
  private collect(k: Waiting<T>): CommEvent<T> | null {
    const b = this.kernel.firedBranch
    const { peeks } = k.branch(b)
    const n = this.kernel.firedCount
    const first = this.matchAt(k, b, 0, peeks[0])
    // A list that grows by one has room for sixteen more.
    const matches = n === 1 ? [first] : [first, this.matchAt(k, b, 1, peeks[1])]
    for (let i = 2; i < n; i++) matches.push(this.matchAt(k, b, i, peeks[i]))
    if (this.classic) {
      for (const m of matches) {
        if (!m.peeked || m.persistent) continue
        const d = this.records.get(m.ref)
        if (d instanceof Datum) this.kernel.take(d)
      }
    }
    return this.deliver(k, b, matches)
  }

  private matchAt(k: Waiting<T>, b: number, i: number, peeked: boolean): Match<T> {
    const { kernel } = this
    return {
      channel: k.handle(b, i).show,
      pattern: k.pattern(b, i),
      ref: kernel.firedDatumRefs[i],
      value: kernel.matched[i],
      result: kernel.results[i],
      persistent: kernel.firedPersistent[i],
      peeked,
    }
  }

  /** As `collect`. */
  private deliver(k: Waiting<T>, branchNumber: number, matches: Match<T>[]): CommEvent<T> | null {
    this.counts.comms++
    for (let i = 0; i < matches.length; i++) if (!matches[i].persistent && !matches[i].peeked) this.counts.consumed++
    const { ref, waiter } = k
    if (this.listens) this.emitComm(ref, matches, branchNumber)
    const comm: CommEvent<T> = { ref, body: k.body, persistent: k.site.persistent, branch: branchNumber, matches, ack: nothingToDo }
    if (this.debug) this.sealComm(comm)
    if (waiter !== null) {
      this.waiterComm = comm
      waiter.fired()
      return null
    }
    const name = this.handlers.size === 0 ? undefined : (this.settings.handlerOf ?? defaultHandler)(k.body)
    const handler = name === undefined ? undefined : this.handlers.get(name)
    if (handler !== undefined && name !== undefined) {
      if (handler.ack) this.keepInOutbox(name, comm)
      this.queue.push({ comm, to: handler.fn })
      return null
    }
    if (this.settings.run === undefined) return comm
    this.queue.push({ comm, to: c => this.settings.run?.(c) })
    return null
  }
  private waiterComm: CommEvent<T> | null = null

  private sealComm(comm: CommEvent<T>): void {
    ;(comm as { ack: () => void }).ack = () => this.acknowledge(comm)
    for (const m of comm.matches) Object.freeze(m)
    Object.freeze(comm.matches)
    Object.freeze(comm)
  }
  private seal<X>(x: X): X {
    return this.debug ? Object.freeze(x) : x
  }
  /** COMMs of a tick or nack, which have no outcome to travel in; the next `pump` hands them over. Until then they are rows. */
  private stray: CommEvent<T>[] = []

  private keepStray(comms: readonly CommEvent<T>[]): void {
    if (comms.length === 0) return
    this.setStray([...this.stray, ...comms])
    for (const comm of comms) this.keepInOutbox(null, comm)
  }

  private setStray(list: CommEvent<T>[]): void {
    const before = this.stray
    this.stray = list
    this.undoable(() => {
      this.stray = before
    })
  }

  private outcome(ref: Ref | undefined, comms: readonly CommEvent<T>[], id: string | undefined): Outcome<T> {
    const at = this.op
    if (id !== undefined) {
      this.ids.set(id, { id, commit: this.last.number + 1, op: at, ref: ref ?? 0 })
      this.dirtyIds.add(id)
      this.undoable(() => {
        this.ids.delete(id)
        this.dirtyIds.delete(id)
      })
    }
    if (this.transaction !== null) for (const comm of comms) this.transaction.push(comm)
    const pending = this.kernel.pumpPending || this.stray.length > 0
    const outcome: Outcome<T> = ref === undefined ? { comms, pending, at } : { ref, comms, pending, at }
    if (this.debug) {
      Object.freeze(comms)
      Object.freeze(outcome)
    }
    this.leave()
    return outcome
  }

  private repeated(id: string): Outcome<T> | undefined {
    const known = this.ids.get(id)
    if (known === undefined) return undefined
    return { ...(known.ref === 0 ? {} : { ref: known.ref }), comms: [], pending: false, at: known.op, repeated: true }
  }

  private accept<X>(codec: Codec<X>, value: X, volatile: boolean): X {
    if (codec.copy === undefined) {
      if (value === undefined) throw new BadArgument('a value is missing')
      // A value that cannot be written must be refused now, not when its group is committed.
      if (this.store !== null && !volatile) this.checkSize(codec, value)
      return value
    }
    this.busy = true
    try {
      return codec.copy(value, this.recordBytesMax)
    } finally {
      this.busy = false
    }
  }

  private checkSize<X>(codec: Codec<X>, value: X): void {
    const max = this.recordBytesMax
    const { length } = this.inside(() => encode(codec, value))
    if (length > max)
      throw new RhizomeError('LIMIT', `a record may have at most ${max} bytes`, { details: { limit: 'recordBytesMax', max, length } })
  }

  /** The pattern as it is kept: what was asked on the channel before, if it is that again. */
  private asked(h: Handle<T> | undefined, pattern: T['P']): T['P'] {
    const codec = this.patternCodec
    if (h !== undefined && h.asked !== undefined && codec.isCopyOf !== undefined) {
      this.busy = true
      try {
        if (codec.isCopyOf(h.asked, pattern)) return h.asked
      } finally {
        this.busy = false
      }
    }
    const accepted = this.accept(codec, pattern, false)
    if (this.checks) this.check([accepted], undefined)
    return accepted
  }

  private crowded(): never {
    const max = this.continuationsMax
    throw new RhizomeError('LIMIT', `at most ${max} continuations may wait on a channel`, {
      details: { limit: 'continuationsPerChannelMax', max },
    })
  }

  private check(patterns: readonly T['P'][], where: T['G'] | undefined): void {
    this.busy = true
    try {
      this.settings.matcher.check?.(patterns, where)
    } finally {
      this.busy = false
    }
  }

  private waiting(
    what: readonly Bind<T>[] | { readonly any: readonly (readonly Bind<T>[])[] },
    body: T['K'],
    persist: boolean,
    volatile: boolean,
    lease: number,
    where: T['G'] | undefined,
    install: string | null,
  ): Waiting<T> {
    const lists = branchesOf<T>(what)
    if (lists === undefined || lists.length === 0) throw new BadArgument('consume takes a list of binds, or { any: [binds, …] }')
    const { codec, matcher, limits = {} } = this.settings
    const bindsMax = limits.bindsMax ?? 1024
    const guard = where === undefined ? undefined : this.inside(() => codec.guard?.copy?.(where) ?? where)
    if (guard !== undefined && matcher.guard === undefined) throw new BadArgument('the matcher of this space has no guards')
    if (guard !== undefined && codec.guard === undefined && this.store !== null && !volatile)
      throw new BadArgument('the codec of this space has no guards')
    const patterns = roomFor<T['P']>(lists)
    let total = 0
    for (const list of lists) {
      if (!isList(list) || list.length === 0) throw new BadArgument('a continuation needs at least one bind')
      for (const b of list) {
        if (b === null || typeof b !== 'object' || b.channel === undefined || b.pattern === undefined)
          throw new BadArgument('a bind has a channel and a pattern')
        if (b.peek !== undefined && typeof b.peek !== 'boolean') throw new BadArgument('peek is true or false')
        patterns[total++] = this.accept(codec.pattern, b.pattern, volatile)
      }
    }
    if (total > bindsMax)
      throw new RhizomeError('LIMIT', `a continuation may have at most ${bindsMax} binds`, {
        details: { limit: 'bindsMax', max: bindsMax },
      })
    if (matcher.check !== undefined) {
      let at = 0
      for (const { length } of lists) {
        const some = lists.length === 1 ? patterns : patterns.slice(at, at + length)
        this.check(some, guard)
        at += length
      }
    }
    const chans = roomFor<Chan>(lists)
    let at = 0
    let isPlain = lists.length === 1 && guard === undefined
    for (const list of lists)
      for (const bind of list) {
        if (bind.peek === true) isPlain = false
        const { chan } = this.intern(bind.channel)
        if (chan.nK >= this.continuationsMax) this.crowded()
        chans[at++] = chan
      }
    const shape = isPlain
      ? plainShape(total, persist)
      : shapeOf(
          lists.map(list => list.map(bind => bind.peek === true)),
          persist,
          guard !== undefined,
        )
    const extra = guard === undefined && lease === 0 && !volatile && install === null ? null : new Extra<T>(guard, lease, volatile, install)
    const isPair = lists.length === 1 && total === 2
    return waitingOn<T>(shape, isPair ? chans : chans.slice(), isPair ? patterns : patterns.slice(), body, extra)
  }

  // ------------------------------------------------------------------------------------------------ installs, cancel, leases, pump

  /**
   * A persistent continuation of the host, registered at start-up; not part of the durable state. Survives rollback, reset, clear and fork.
   * @throws RhizomeError INSTALL_WOULD_FIRE
   */
  install(id: string, binds: readonly Bind<T>[], body: T['K'], o: { allowData?: boolean; where?: T['G'] } = {}): void {
    this.begin()
    if (typeof id !== 'string' || id === '') throw new BadArgument('an install needs an id')
    const k = this.waiting(binds, this.accept(this.settings.codec.body, body, true), true, true, 0, o.where, id)
    const old = this.installs.get(id)
    const fires = this.inside(() => this.kernel.canFire(k))
    if (fires && o.allowData !== true) throw new RhizomeError('INSTALL_WOULD_FIRE', `data already match the install \`${id}\``)
    if (old !== undefined) this.kernel.withdraw(old)
    this.op++
    this.installs.set(id, k)
    this.notesInstalls = true
    this.listenAgain()
    this.kernel.restoreCont(k, this.nextRef(), this.kernel.counter)
    if (fires) this.kernel.enter(k)
    this.emit('install', { ref: k.ref })
    this.leave()
  }

  private nextRef(): number {
    return ++this.kernel.counter
  }

  uninstall(id: string): boolean {
    this.begin()
    const k = this.installs.get(id)
    if (k === undefined) return false
    this.op++
    this.installs.delete(id)
    this.kernel.withdraw(k)
    this.emit('uninstall', { ref: k.ref })
    this.leave()
    return true
  }

  /** Withdraw a stored record. True if it was there. */
  cancel(ref: Ref): boolean {
    this.begin()
    const r = this.records.get(ref)
    if (r === undefined || (r instanceof Waiting && (r.install !== null || r.waiter !== null))) return false
    this.op++
    this.withdraw(r, 'cancel')
    this.leave()
    return true
  }

  private withdraw(r: Datum | Waiting<T>, kind: 'cancel' | 'expire'): void {
    if (r instanceof Datum) {
      this.kernel.take(r)
      this.setClaim(r.ref, undefined)
      this.counts[kind === 'cancel' ? 'cancelled' : 'expired']++
    } else this.kernel.withdraw(r)
    this.emit(kind, { ref: r.ref })
  }

  /**
   * Give a stalled continuation another chance with so many steps.
   * @throws RhizomeError UNKNOWN_REF
   */
  retry(ref: Ref, steps: number): Outcome<T> {
    this.begin()
    const k = this.records.get(ref)
    if (!(k instanceof Waiting) || !k.stalled) throw new RhizomeError('UNKNOWN_REF', `no stalled continuation has the ref ${ref}`)
    rows.positive(steps, 'steps')
    const comms: CommEvent<T>[] = []
    this.op++
    if (this.inside(() => this.kernel.retry(k, steps))) {
      const comm = this.collect(k)
      if (comm !== null) comms.push(comm)
    }
    return this.outcome(k.waiting ? ref : undefined, comms, undefined)
  }

  /** Guards have another meaning now: let continuations try again in the pump. Answers how many. */
  recheck(f?: Filter<T>): number {
    this.begin()
    this.op++
    const h = f?.channel === undefined ? undefined : this.find(f.channel)
    if (f?.channel !== undefined && h === undefined) return 0
    const n = this.kernel.recheck(k => h === undefined || k.handles.includes(h))
    this.leave()
    return n
  }

  /** Fire up to `max` COMMs of what waits in the pump. */
  pump(max = 1): readonly CommEvent<T>[] {
    this.begin()
    rows.positive(max, 'max')
    const comms: CommEvent<T>[] = this.stray.slice(0, max)
    if (this.replay !== null) return comms
    if (comms.length > 0) {
      this.op++
      this.setStray(this.stray.slice(max))
      for (const comm of comms) this.leaveOutbox(comm)
    }
    for (let n = comms.length; n < max && this.kernel.pumpPending; n++) {
      const k = this.inside(() => this.kernel.pump())
      if (k === null) break
      this.op++
      const comm = this.collect(k)
      if (comm !== null) comms.push(comm)
    }
    this.outcome(undefined, comms, undefined)
    return comms
  }

  protected lease(due: number, ref: Ref): void {
    if (due === 0) return
    let refs = this.due.get(due)
    if (refs === undefined) this.due.set(due, (refs = new Set()))
    refs.add(ref)
  }

  /** Let n ticks pass: what is due leaves, in order of ref; claims that ran out become available again. Answers how many records left. */
  tick(n: number): number {
    this.begin()
    rows.positive(n, 'ticks')
    this.op++
    this.tickNow += n
    const comms: CommEvent<T>[] = []
    const refs: Ref[] = []
    for (const [due, set] of this.due) {
      if (due > this.tickNow) continue
      for (const ref of set) refs.push(ref)
      if (this.marks.length === 0) this.due.delete(due)
    }
    let left = 0
    for (const ref of refs.sort((a, b) => a - b)) {
      const r = this.records.get(ref)
      if (r === undefined) continue
      const due = r instanceof Datum ? (itemOf(r)?.lease ?? 0) : r.lease
      if (due > 0 && due <= this.tickNow) {
        this.withdraw(r, 'expire')
        left++
      }
      const claim = this.claims.get(ref)
      if (claim !== undefined && claim.due <= this.tickNow) this.giveBack(ref, 'expire', comms)
    }
    this.keepStray(comms)
    this.outcome(undefined, [], undefined)
    return left
  }

  // ------------------------------------------------------------------------------------------------ verbs

  /** `produce`, resolved when it is durable. */
  put(c: T['C'] | Channel<T>, a: T['A'], o?: PutOptions<T>): Promise<Commit> {
    return promised(() => {
      if (this.held) throw new RhizomeError('HELD', 'a mark holds commits: this could not become durable')
      return this.durable(this.produce(c, a, o))
    })
  }

  /** Withdraw one matching datum, waiting for it if need be. Rejects with TIMEOUT, ABORTED or SPACE_CLOSED; then nothing was taken. */
  take(c: T['C'] | Channel<T>, p: T['P'], o: Wait<T> = {}): Promise<Got<T>> {
    return this.wait([{ channel: c, pattern: p }], o, false).then(got => got[0])
  }
  /** Read one matching datum without removing it, waiting for it if need be. */
  read(c: T['C'] | Channel<T>, p: T['P'], o: Wait<T> = {}): Promise<Got<T>> {
    return this.wait([{ channel: c, pattern: p, peek: true }], o, false).then(got => got[0])
  }
  /** Withdraw data that match all binds together, in one step. */
  takeJoin(binds: readonly Bind<T>[], o: Wait<T> = {}): Promise<readonly Got<T>[]> {
    return this.wait(binds, o, false)
  }
  /** Hide a datum from everybody else until `ack`, `nack`, or so many ticks have passed: at least once. */
  claim(c: T['C'] | Channel<T>, p: T['P'], o: { ticks: number } & Wait<T>): Promise<Claim<T>> {
    return promised(async () => {
      rows.positive(o?.ticks, 'ticks')
      const got = (await this.wait([{ channel: c, pattern: p, peek: true }], o, true, o.ticks))[0]
      return this.makeClaim(got)
    })
  }

  private makeClaim(got: Got<T>): Claim<T> {
    const act = (fn: () => void): Promise<Commit> =>
      promised(() => {
        this.enterWhole()
        if (!this.claims.has(got.ref)) throw new RhizomeError('UNKNOWN_REF', 'the claim has ended: acknowledged, given back or out of time')
        this.op++
        fn()
        this.outcome(undefined, [], undefined)
        if (!this.held) return this.durable()
        // Part of a transaction: durable with it, or taken back with it.
        const done = new Promise<Commit>((resolve, reject) => {
          this.undoable(() => reject(new RhizomeError('ABORTED', 'a rollback has taken this back')))
          this.deferred.push(() => resolve(this.durable()))
        })
        done.catch(() => {}) // whoever wants to know waits for it
        return done
      })
    return {
      ...got,
      ack: () =>
        act(() => {
          const d = this.records.get(got.ref)
          this.setClaim(got.ref, undefined)
          if (d instanceof Datum) {
            this.kernel.take(d)
            this.counts.consumed++
          }
          this.emit('ack', { ref: got.ref })
        }),
      nack: () =>
        act(() => {
          const comms: CommEvent<T>[] = []
          this.giveBack(got.ref, 'nack', comms)
          this.keepStray(comms)
        }),
      extend: ticks =>
        promised(() => {
          rows.positive(ticks, 'ticks')
          return act(() => {
            const due = this.tickNow + ticks
            this.setClaim(got.ref, { due })
            this.lease(due, got.ref)
          })
        }),
    }
  }

  private setClaim(ref: Ref, claim: { due: number } | undefined): void {
    const before = this.claims.get(ref)
    if (claim === undefined) this.claims.delete(ref)
    else this.claims.set(ref, claim)
    this.undoable(() => {
      if (before === undefined) this.claims.delete(ref)
      else this.claims.set(ref, before)
    })
  }

  private giveBack(ref: Ref, kind: 'nack' | 'expire', comms: CommEvent<T>[]): void {
    const d = this.records.get(ref)
    this.setClaim(ref, undefined)
    this.emit(kind, { ref })
    if (!(d instanceof Datum)) return
    const k = this.inside(() => this.kernel.reveal(d))
    if (k !== null) comms.push(...this.fired(k, d.stored ? d : null))
  }

  private wait(binds: readonly Bind<T>[], o: Wait<T>, claiming: boolean, ticks = 0): Promise<readonly Got<T>[]> {
    return promised(
      () =>
        new Promise<readonly Got<T>[]>((resolve, reject) => {
          this.begin()
          if (this.replay !== null) throw new RhizomeError('REPLAY_DIVERGED', 'verbs cannot be replayed; use produce and consume')
          const { signal, timeoutMs } = o
          if (timeoutMs !== undefined && (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)))
            throw new BadArgument('timeoutMs is a number of milliseconds')
          if (signal?.aborted === true)
            throw new RhizomeError('ABORTED', 'the signal was aborted before the wait began', { cause: signal.reason })
          const k = this.waiting(binds, null as T['K'], false, true, 0, o.where, null)
          let timer: ReturnType<typeof setTimeout> | undefined
          const finish = (): void => {
            signal?.removeEventListener('abort', abort)
            if (timer !== undefined) clearTimeout(timer)
            this.waits.delete(k)
            this.served.delete(k)
            this.givenUp.delete(k)
          }
          const giveUp = (error: RhizomeError, takenBack = false): void => {
            if (k.waiting) {
              this.op++
              this.kernel.withdraw(k)
              this.emit('cancel', { ref: k.ref })
            } else if (!takenBack) {
              // The COMM came first: there is nothing to withdraw, and the value is on its way – unless a mark takes the COMM back.
              if (this.served.has(k)) this.givenUp.set(k, error)
              return
            }
            finish()
            reject(error)
            if (this.closing === null && this.failed === undefined) this.leave()
          }
          const abort = (): void => giveUp(new RhizomeError('ABORTED', 'the wait was aborted', { cause: signal?.reason }))
          const extra = k.extra as Extra<T>
          extra.waiter = {
            fired: () => {
              const comm = this.waiterComm as CommEvent<T>
              const at = this.op
              const got = this.seal(
                comm.matches.map(m =>
                  this.seal({ ref: m.ref, channel: m.channel, value: m.value, bindings: m.result, persistent: m.persistent, at }),
                ),
              )
              if (claiming) this.hold(got[0].ref, ticks)
              this.served.add(k)
              this.undoable(() => this.served.delete(k))
              this.deferred.push(() => {
                finish()
                resolve(got)
              })
            },
          }
          this.waits.set(k, giveUp)
          try {
            this.park(k)
          } catch (e) {
            this.waits.delete(k)
            throw e
          }
          if (k.waiting || this.marks.length > 0) {
            signal?.addEventListener('abort', abort, { once: true })
            if (timeoutMs !== undefined)
              timer = setTimeout(() => giveUp(new RhizomeError('TIMEOUT', `nothing matched within ${timeoutMs} ms`)), timeoutMs)
          }
          this.leave()
        }),
    )
  }
  /** Waits whose COMM has fired inside a mark: settled when it is released. */
  private readonly served = new Set<Waiting<T>>()
  /** Of those, the ones that nobody wants any more should they have to wait again. */
  private readonly givenUp = new Map<Waiting<T>, RhizomeError>()
  private readonly waits = new Map<Waiting<T>, (error: RhizomeError, takenBack?: boolean) => void>()

  private hold(ref: Ref, ticks: number): void {
    const d = this.records.get(ref)
    if (!(d instanceof Datum)) return
    this.kernel.hide(d)
    const due = this.tickNow + ticks
    this.setClaim(ref, { due })
    this.lease(due, ref)
    this.emit('claim', { ref })
  }

  /** Withdraw a matching datum if there is one. */
  tryTake(c: T['C'] | Channel<T>, p: T['P'], o: { where?: T['G'] } = {}): Got<T> | undefined {
    this.begin()
    const h = this.find(c)
    if (h === undefined || h.chan.nD === 0) {
      if (this.settings.matcher.check !== undefined)
        this.settings.matcher.check([this.accept(this.settings.codec.pattern, p, true)], o.where)
      return undefined
    }
    const k = this.waiting([{ channel: h, pattern: p }], null as T['K'], false, true, 0, o.where, null)
    let got: Got<T> | undefined
    ;(k.extra as Extra<T>).waiter = {
      fired: () => {
        const m = (this.waiterComm as CommEvent<T>).matches[0]
        got = this.seal({ ref: m.ref, channel: m.channel, value: m.value, bindings: m.result, persistent: m.persistent, at: this.op })
      },
    }
    this.park(k)
    if (k.waiting) this.kernel.withdraw(k)
    this.leave()
    return got
  }

  /** The oldest matching datum, left in place. */
  tryRead(c: T['C'] | Channel<T>, p: T['P']): Got<T> | undefined {
    for (const got of this.looked(c, p)) return got
    return undefined
  }
  /** Withdraw all matching data, oldest first, at most `max`. */
  takeMany(c: T['C'] | Channel<T>, p: T['P'], o: { max?: number } = {}): readonly Got<T>[] {
    this.begin()
    const max = o.max === undefined ? MAX : rows.positive(o.max, 'max')
    const found: Got<T>[] = []
    for (const got of [...this.looked(c, p)].slice(0, max === MAX ? undefined : max)) {
      const d = this.records.get(got.ref) as Datum
      if (d.persistent) {
        found.push(got)
        continue
      }
      this.op++
      this.kernel.take(d)
      this.counts.consumed++
      this.emitComm(undefined, [got], 0)
      found.push(this.seal({ ...got, at: this.op }))
    }
    if (found.length > 0) this.leave()
    return this.seal(found)
  }
  readMany(c: T['C'] | Channel<T>, p: T['P'], o: { max?: number } = {}): readonly Got<T>[] {
    const max = o.max === undefined ? MAX : rows.positive(o.max, 'max')
    const found: Got<T>[] = []
    for (const got of this.looked(c, p)) {
      if (found.length >= max) break
      found.push(got)
    }
    return this.seal(found)
  }
  count(c: T['C'] | Channel<T>, p?: T['P']): number {
    if (p === undefined) {
      this.enter()
      return this.find(c)?.chan.nD ?? 0
    }
    let n = 0
    for (const _ of this.looked(c, p)) n++
    return n
  }
  /** Data that match, oldest first, of those that are there when it begins; one that leaves before its turn is left out. Nothing is changed. */
  *scan(c: T['C'] | Channel<T>, p?: T['P']): Iterable<Got<T>> {
    const look = this.looking(c, p)
    if (look === undefined) return
    const there = [...this.kernel.data(look.h.chan)]
    const refs = there.map(d => d.ref)
    for (const [i, d] of there.entries()) {
      const got = d.ref === refs[i] && d.stored && !d.hidden ? look.at(d) : undefined
      if (got !== undefined) yield got
    }
  }
  /** The same for calls that change nothing while they look. */
  private *looked(c: T['C'] | Channel<T>, p: T['P'] | undefined): Iterable<Got<T>> {
    const look = this.looking(c, p)
    if (look === undefined) return
    for (const d of this.kernel.data(look.h.chan)) {
      const got = look.at(d)
      if (got !== undefined) yield got
    }
  }
  private looking(c: T['C'] | Channel<T>, p: T['P'] | undefined): { h: Handle<T>; at(d: Datum): Got<T> | undefined } | undefined {
    this.enter()
    const { matcher, codec } = this.settings
    const pattern = p === undefined ? undefined : this.accept(codec.pattern, p, true)
    if (pattern !== undefined) this.inside(() => matcher.check?.([pattern], undefined))
    const h = this.find(c)
    if (h === undefined) return undefined
    const meter: Meter = { used: 0, step() {} }
    const at = (d: Datum): Got<T> | undefined => {
      const value = d.value as T['A']
      const result = pattern === undefined ? (value as T['R']) : this.inside(() => quietly(() => matcher.match(pattern, value, meter)))
      if (result === undefined) return undefined
      return this.seal({ ref: d.ref, channel: h.show, value, bindings: result, persistent: d.persistent, at: this.op })
    }
    return { h, at }
  }

  /** A body that names a handler is delivered to it. With `ack` a COMM stays in the outbox until it is acknowledged, also through a crash. */
  handle(name: string, fn: (comm: CommEvent<T>) => void | Promise<void>, o: { ack?: boolean } = {}): () => void {
    this.begin()
    if (typeof name !== 'string' || typeof fn !== 'function') throw new BadArgument('handle takes a name and a function')
    if (this.handlers.has(name)) throw new BadArgument(`\`${name}\` is handled already`)
    const mine = { fn, ack: o.ack === true }
    this.handlers.set(name, mine)
    for (const e of this.outbox.values()) if (e.handler === name) this.queue.push({ comm: e.comm, to: fn })
    this.runQueue()
    this.schedulePump()
    return () => {
      if (this.handlers.get(name) === mine) this.handlers.delete(name)
    }
  }

  /** @param handler who gets it; `null`: the next pump */
  private keepInOutbox(handler: string | null, comm: CommEvent<T>): void {
    const id = this.nextRef()
    const { codec } = this.settings
    const row = (): Uint8Array =>
      rows.outboxValue({
        ref: id,
        cont: comm.ref,
        persistent: comm.persistent,
        stray: handler === null,
        branch: comm.branch,
        body: encode(codec.body, comm.body),
        matches: comm.matches.map(m => ({
          channel: this.intern(m.channel).identity(),
          pattern: encode(codec.pattern, m.pattern),
          value: encode(codec.datum, m.value),
          ref: m.ref,
          flags: (m.persistent ? 1 : 0) | (m.peeked ? 2 : 0),
        })),
      })
    this.outbox.set(id, { handler, comm, saved: false, row })
    this.outboxIds.set(comm, id)
    if (!this.debug) (comm as { ack: () => void }).ack = () => this.acknowledge(comm)
    this.dirtyOutbox.add(id)
    this.undoable(() => {
      this.outbox.delete(id)
      this.dirtyOutbox.add(id)
    })
  }
  private readonly outboxIds = new WeakMap<CommEvent<T>, Ref>()

  private acknowledge(comm: CommEvent<T>): void {
    this.enterWhole()
    if (this.stray.includes(comm) || !this.leaveOutbox(comm)) return
    this.op++
    this.emit('ack', { ref: comm.ref })
    this.leave()
  }

  private leaveOutbox(comm: CommEvent<T>): boolean {
    const id = this.outboxIds.get(comm)
    const entry = id === undefined ? undefined : this.outbox.get(id)
    if (id === undefined || entry === undefined) return false
    this.outbox.delete(id)
    this.dirtyOutbox.add(id)
    this.undoable(() => {
      this.outbox.set(id, entry)
      this.dirtyOutbox.add(id)
    })
    return true
  }

  // ------------------------------------------------------------------------------------------------ marks and transactions

  protected get holdsMarks(): boolean {
    return this.marks.length > 0
  }
  /** The highest numbers that have been given out. */
  protected get given(): { refs: number; cids: number; gids: number } {
    return { refs: this.kernel.counter, cids: this.cids, gids: this.gids }
  }
  protected get held(): boolean {
    return this.marks.some(m => m.hold)
  }

  private undoable(fn: () => void): void {
    if (this.marks.length > 0) this.undoLog.push(fn)
  }

  /** A place to come back to. O(1). Until it is released, changes are not committed (unless `hold: false`) and COMMs are not delivered. */
  mark(o: { hold?: boolean } = {}): Mark {
    this.begin()
    const events = this.packed === null ? this.groupEvents.length : this.packed.count
    const lengths = [this.undoLog.length, this.deferred.length, this.queue.length, events] as const
    const m = new Mark(this.kernel.mark(), o.hold !== false, this.op, this.tickNow, lengths)
    this.marks.push(m)
    this.emit('mark', {})
    return m
  }

  /** Back to the mark; costs as much as what has happened since. Refs are not used again. */
  rollback(m: Mark): void {
    this.enterWhole()
    this.closeMark(m)
    this.kernel.rollback(m.kernel)
    while (this.undoLog.length > m.undoLength) (this.undoLog.pop() as () => void)()
    this.deferred.length = m.deferredLength
    this.queue.length = m.queueLength
    this.tickNow = m.tick
    this.packed?.undo(m.eventLength)
    for (let i = m.eventLength; i < this.groupEvents.length; i++) this.groupEvents[i] = { ...this.groupEvents[i], undone: true }
    for (const k of this.installs.values()) if (!k.waiting) this.kernel.restoreCont(k, this.nextRef(), this.kernel.counter)
    for (const k of [...this.installed]) if (this.installs.get(k.install as string) !== k) this.kernel.withdraw(k)
    // A wait that began inside the mark begins again outside; one that was served inside it waits again already.
    for (const [k, giveUp] of [...this.waits]) {
      if (this.served.has(k)) continue
      const error = this.givenUp.get(k)
      if (error !== undefined) giveUp(error, true)
      else if (!k.waiting) this.park(k)
    }
    this.op = Math.max(m.op, this.op)
    this.emit('rollback', {})
    this.leave()
  }

  release(m: Mark): void {
    this.enterWhole()
    this.closeMark(m)
    this.kernel.release(m.kernel)
    if (this.marks.length === 0) this.undoLog.length = 0
    this.leave()
  }

  private closeMark(m: Mark): void {
    const at = this.marks.indexOf(m)
    if (at < 0) throw new RhizomeError('STALE_MARK', 'the mark was already released or rolled back')
    this.marks.length = at
  }

  /**
   * Many operations, all or nothing, one commit group. `fn` is synchronous; COMMs fired inside are delivered after success.
   * @throws what `fn` throws, after rolling back; RhizomeError ASYNC_TRANSACTION if it returns a promise
   */
  atomic<X>(fn: (tx: this) => X): { value: X; comms: readonly CommEvent<T>[]; at: OpNumber } {
    const mark = this.mark()
    const outer = this.transaction
    const mine: CommEvent<T>[] = []
    this.transaction = mine
    let value: X
    try {
      value = fn(this)
      if (value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function') {
        Promise.resolve(value).catch(() => {}) // it is refused; what becomes of it does not matter
        throw new RhizomeError('ASYNC_TRANSACTION', 'the function given to `atomic` must be synchronous')
      }
    } catch (e) {
      this.transaction = outer
      if (this.marks.includes(mark)) this.rollback(mark)
      throw e
    }
    this.transaction = outer
    if (outer !== null) for (const comm of mine) outer.push(comm)
    const at = this.op
    this.release(mark)
    return this.seal({ value, comms: this.seal(mine), at })
  }

  // ------------------------------------------------------------------------------------------------ what changed

  /** Whether anybody asks what has changed. */
  private get tracks(): boolean {
    return this.store !== null || this.past !== null || this.watchers.size > 0
  }

  protected get records(): Map<Ref, Datum | Waiting<T>> {
    if (this.index === null) {
      this.index = this.byRef()
      this.listenAgain()
    }
    return this.index
  }
  /** The same for one look at all of them: an index that must be kept up makes every later change dearer, the more there is the more. */
  private byRef(): Map<Ref, Datum | Waiting<T>> {
    return this.index ?? new Map([...this.everything()].map(r => [r.ref, r]))
  }
  /** What the kernel holds. A join is found once for each of its channels. */
  private *everything(): Generator<Datum | Waiting<T>> {
    const { kernel } = this
    for (const chan of kernel.nonEmpty()) {
      yield* kernel.data(chan)
      yield* kernel.conts(chan)
    }
    yield* kernel.hidden()
    yield* kernel.stalled()
  }

  /** Whether there is anybody to be told of records that come and go. */
  private notes = false
  private tellsNobody = false
  /** Since the first install: which of them wait. */
  private notesInstalls = false
  private readonly observer: Told<Waiting<T>> = {
    stored: d => {
      if (this.notes) this.noteDatum(d, true)
    },
    removed: d => {
      if (this.notes) this.noteDatum(d, false)
    },
    parked: k => {
      if (this.notes || k.extra !== null) this.noteCont(k, true)
    },
    unparked: k => {
      if (this.notes || k.extra !== null) this.noteCont(k, false)
    },
    renewed: r => {
      if (this.tracks) this.turned.add(r)
    },
    failed: (k, error) => this.emit('guard_error', { ref: k.ref, error }),
    stalled: k => this.emit('stall', { ref: k.ref }),
  }
  /** While only commits are to know: nothing is done on the way there. */
  private readonly plainObserver = new PlainObserver<Waiting<T>>(this.observer, this.changed)
  private listenAgain(): void {
    const isPlain = this.index === null && this.lattice === null
    this.notes = this.tracks || !isPlain
    this.tellsNobody = !this.notes && !this.notesInstalls && !this.listens
    const observer = this.tracks && isPlain && !this.loading ? this.plainObserver : this.observer
    this.kernel.tell(this.tellsNobody ? null : observer)
  }

  private noteDatum(d: Datum, came: boolean): void {
    if (this.index !== null) this.reindex(d, came)
    if (d.origin === null || !(d.origin as Item).volatile) this.note(d, came)
  }
  private noteCont(k: Waiting<T>, came: boolean): void {
    if (this.index !== null) this.reindex(k, came)
    if (k.extra !== null) {
      if (k.extra.install !== null) {
        if (came) this.installed.add(k)
        else this.installed.delete(k)
      }
      if (k.extra.volatile) return
    }
    if (this.notes) this.note(k, came)
  }
  private note(r: Datum | Waiting<T>, came: boolean): void {
    if (came) {
      if (this.loading) return
      if (this.tracks) this.changed.came(r)
    } else if (this.tracks) this.changed.went(r)
    if (this.lattice !== null) this.noteDigest(r, came)
  }
  private reindex(r: Datum | Waiting<T>, came: boolean): void {
    if (came) this.index?.set(r.ref, r)
    else this.index?.delete(r.ref)
  }

  private emit(kind: EventKind, more: Partial<SpaceEvent<T>>): void {
    if (this.packed !== null) {
      if (more.error !== undefined) this.packed.errors.set(this.packed.count, more.error)
      this.packed.plain(kind, this.op, more.ref)
    }
    if (this.tellsEvents) this.tell(kind, more)
  }
  private tell(kind: EventKind, more: Partial<SpaceEvent<T>>): void {
    if (this.settings.report === true) {
      if (kind === 'mark' || kind === 'checkpoint') this.batches.push([])
      else (this.batches.at(-1) as SpaceEvent<T>[]).push({ kind, op: this.op, commit: this.last.number, ...more })
    }
    if (this.keepsEvents && this.packed === null) this.groupEvents.push({ kind, op: this.op, commit: 0, ...more })
  }
  private emitProduce(h: Handle<T>, value: T['A'], ref: Ref, persistent: boolean): void {
    if (!this.listens) return
    this.packed?.produce(this.op, ref, h, this.settings.codec.datum, value, persistent)
    if (this.tellsEvents) this.tell('produce', { ref, channel: h.show, value, persistent, id: this.produceId(h, value, persistent) })
  }
  private emitConsume(k: Waiting<T>): void {
    if (!this.listens) return
    if (this.packed !== null) this.packConsume(k, this.packed)
    if (this.tellsEvents)
      this.tell('consume', { ref: k.ref, channel: k.handle(0, 0).show, persistent: k.persistent, id: this.consumeId(k) })
  }
  private packConsume(k: Waiting<T>, to: EventWriter): void {
    const { codec } = this.settings
    const { shape, where } = k
    const parts = shape.branches ?? [shape]
    const guard = where === undefined ? undefined : encode(codec.guard as Codec<T['G']>, where)
    to.consume(this.op, k.ref, k.persistent, parts.length)
    for (let b = 0; b < parts.length; b++) {
      const { peeks } = parts[b]
      to.branch(peeks.length, guard)
      for (let i = 0; i < peeks.length; i++) to.bind(k.handle(b, i), codec.pattern, k.pattern(b, i), peeks[i])
    }
    to.body(codec.body, k.body)
  }
  private emitComm(ref: Ref | undefined, data: readonly { readonly ref: Ref }[], branch: number): void {
    this.packed?.comm(this.op, ref, data, branch)
    if (this.tellsEvents) this.tell('comm', { ...(ref === undefined ? {} : { ref }), data: data.map(d => d.ref), branch })
  }
  /** Identity of a produce: channel, value, persistence. */
  produceId(h: Handle<T>, value: T['A'], persistent: boolean): string {
    return produceId(h.identity(), encode(this.settings.codec.datum, value), persistent)
  }
  /** Identity of a consume: which pattern belongs to which channel and which binds peek, in any order of binds; guard, body, persistence. */
  consumeId(k: Waiting<T>): string {
    return consumeId(this.branchParts(k), encode(this.settings.codec.body, k.body), k.persistent)
  }

  private contBytes(k: Waiting<T>): Uint8Array {
    return consumeBytes(this.branchParts(k), encode(this.settings.codec.body, k.body), k.persistent)
  }
  private branchParts(k: Waiting<T>): BranchParts[] {
    const { codec } = this.settings
    return k.branches.map(b => ({
      binds: b.handles.map((h, i) => ({ channel: h.identity(), pattern: encode(codec.pattern, b.patterns[i]), peek: b.peeks[i] })),
      guard: b.where === undefined ? undefined : encode(codec.guard as Codec<T['G']>, b.where),
    }))
  }

  // ------------------------------------------------------------------------------------------------ commits

  /** The last commit. */
  get committed(): Commit {
    return this.last
  }

  private get dirty(): boolean {
    return this.dirtyOp > this.handedOp
  }

  /** Whether so much has changed that the group closes though another one is on its way, or its time has not come. */
  private get full(): boolean {
    const { opsMax = OPS_AHEAD, bytesMax = MAX } = this.grouping
    const changes = this.changed.size
    return changes >= opsMax || changes * this.bytesPerChange >= bytesMax
  }

  private scheduleCommit(): void {
    if (this.scheduled || this.settings.group === 'manual' || !this.dirty || this.held || !this.mayClose()) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      if (this.dirty && !this.held && this.failed === undefined && this.mayClose()) this.closeGroup()
    })
  }

  /** One group is on its way at a time, so that what waits meanwhile shares a commit; a full one goes to the store at once. */
  private mayClose(): boolean {
    if (this.flights.length >= FLIGHTS_MAX || (this.flights.length > 0 && !this.full)) return false
    const { intervalMsMin = 0 } = this.grouping
    const left = intervalMsMin === 0 || this.store === null ? 0 : this.lastGroupAt + intervalMsMin - performance.now()
    if (left <= 0 || this.full) return true
    this.groupTimer ??= setTimeout(() => {
      this.groupTimer = undefined
      this.scheduleCommit()
    }, left)
    return false
  }

  /** Take the present group and give it to the store; afterwards the next one, if anything has changed. */
  private closeGroup(): void {
    const op = this.dirtyOp
    this.handedOp = op
    this.lastGroupAt = performance.now()
    const events = this.groupEvents
    const { packed } = this
    this.groupEvents = []
    if (packed !== null) this.packed = (this.writers.pop() ?? new EventWriter()).follow(packed)
    try {
      const taken = this.takeGroup()
      const net = this.keepsEvents ? null : this.netEvents(taken)
      const { store } = this
      if (store === null) {
        // Memory: the commit is a number, and it is there at once.
        atOnce(this.encodeGroup(taken))
        this.arrived({ number: this.last.number + 1, chain: NO_CHAIN }, op, net ?? events)
        return
      }
      const event = packed?.view()
      const hand = async (delta: Encoded): Promise<Commit> => {
        if (this.grouping.bytesMax !== undefined) this.noteBytes(delta)
        // By the marks a repair tells rows of commits that are lost.
        const commit = await store.commit(delta, { event, marks: { refs: taken.counter, cids: this.cids, gids: this.gids } })
        for (const p of delta.packers) this.packers.push(p.reset())
        return commit
      }
      let work: Promise<Commit>
      if (this.encoding === null && taken.added.length + taken.removed.length <= SLICE) work = hand(atOnce(this.encodeGroup(taken)))
      else {
        // Groups are encoded one after the other, as they are numbered.
        const mine: Promise<Encoded> = (this.encoding ?? Promise.resolve()).then(() => inSlices(this.encodeGroup(taken)))
        this.encoding = mine
        work = mine.then(delta => {
          if (this.encoding === mine) this.encoding = null
          return hand(delta)
        })
      }
      this.flights.push(
        work.then(
          commit => {
            this.flights.shift()
            this.arrived(commit, op, net ?? (packed === null || this.watchers.size === 0 ? events : this.unpacked(packed, commit.number)))
            if (packed !== null) this.writers.push(packed)
          },
          (error: unknown) => {
            this.flights.shift()
            this.fail(error)
          },
        ),
      )
    } catch (error) {
      this.fail(error)
    }
  }
  /** The group that is being encoded in slices. */
  private encoding: Promise<Encoded> | null = null
  /** Not in use. */
  private readonly packers: Packer[] = []

  private noteBytes({ put, del, packs = [], gone = [], renewed = [] }: rows.Delta): void {
    let bytes = 0
    let count = put.length + del.length
    for (const p of [...packs, ...gone, ...renewed]) {
      bytes += p.bytes
      count += p.count
    }
    for (const [key, value] of put) bytes += key.length + value.length
    if (count > 1) this.bytesPerChange = Math.max(1, Math.ceil(bytes / count))
  }

  private arrived(commit: Commit, op: number, events: SpaceEvent<T>[]): void {
    this.last = commit
    this.committedOp = op
    if (this.store !== null) this.past?.landed()
    if (this.history === null || this.watchers.size > 0) {
      const numbered = events.map(e => ({ ...e, commit: commit.number }))
      if (this.history === null) this.keepInJournal(numbered, commit.number)
      for (const e of numbered) for (const w of this.watchers) this.show(w, e)
    }
    const waits = this.durableWaits
    this.durableWaits = []
    for (const w of waits) {
      if (w.op <= op) w.resolve(commit)
      else this.durableWaits.push(w)
    }
    this.scheduleCommit()
  }

  /** A space without a store keeps events itself, up to a limit. */
  private keepInJournal(events: readonly SpaceEvent<T>[], commit: number): void {
    if (!this.keepsEvents) {
      this.journalStart = commit + 1
      return
    }
    for (const e of events) this.journal.push(e)
    const max = this.settings.limits?.journalEventsMax ?? JOURNAL_EVENTS_MAX
    if (this.journal.length <= max * 1.25) return
    // Whole commits go, and many at a time, so that it costs little per event.
    let drop = this.journal.length - max
    while (drop < this.journal.length && this.journal[drop].commit === this.journal[drop - 1].commit) drop++
    this.journalStart = (this.journal[drop - 1]?.commit ?? commit) + 1
    this.journal.splice(0, drop)
  }

  private fail(error: unknown): void {
    if (this.failed !== undefined) return
    this.quick = false
    this.failed = error
    const waits = this.durableWaits
    this.durableWaits = []
    waits.forEach((w, i) => {
      w.reject(
        i === 0 && error instanceof RhizomeError
          ? error
          : new RhizomeError('SPACE_FAILED', 'an earlier write failed; close and reopen', { cause: error }),
      )
    })
    for (const w of this.watchers) w.end(new RhizomeError('SPACE_FAILED', 'a write failed', { cause: error }))
  }

  /** Resolves when everything up to there (default: up to now) is durable. Rejects HELD inside a held mark, SPACE_FAILED after a failed write. */
  durable(upTo?: OpNumber | { readonly at: OpNumber }): Promise<Commit> {
    return promised(() => {
      if (this.failed !== undefined)
        throw new RhizomeError('SPACE_FAILED', 'an earlier write failed; close and reopen', { cause: this.failed })
      const op = upTo === undefined ? this.dirtyOp : typeof upTo === 'number' ? upTo : upTo.at
      if (op <= this.committedOp) return this.last
      if (this.held) throw new RhizomeError('HELD', 'a mark holds commits: this could not become durable')
      return new Promise<Commit>((resolve, reject) => {
        this.durableWaits.push({ op: Math.min(op, this.dirtyOp), resolve, reject })
      })
    })
  }

  /** How groups close, where they close by themselves. */
  private get grouping(): { readonly opsMax?: number; readonly bytesMax?: number; readonly intervalMsMin?: number } {
    return typeof this.settings.group === 'object' ? this.settings.group : NO_BOUNDS
  }

  /** Close the group now and wait for its commit. */
  flush(): Promise<Commit> {
    return promised(async () => {
      if (this.held) throw new RhizomeError('HELD', 'a mark holds commits: this could not become durable')
      if (this.failed !== undefined)
        throw new RhizomeError('SPACE_FAILED', 'an earlier write failed; close and reopen', { cause: this.failed })
      const op = this.dirtyOp
      while (op > this.handedOp && this.flights.length >= FLIGHTS_MAX) await this.flights[0]
      if (op <= this.committedOp) return this.last
      if (this.held) throw new RhizomeError('HELD', 'a mark holds commits: this could not become durable')
      const done = this.durable(op)
      if (op > this.handedOp && this.failed === undefined) this.closeGroup()
      return done
    })
  }

  private netEvents({ added, removed }: Taken<T>): SpaceEvent<T>[] {
    if (this.watchers.size === 0) return []
    const events: SpaceEvent<T>[] = []
    const op = this.op
    const describe = (r: Datum | Waiting<T>): Partial<SpaceEvent<T>> =>
      r instanceof Datum
        ? { channel: handleOf<T>(r.chan).show, value: r.value as T['A'], persistent: r.persistent }
        : { channel: r.handle(0, 0).show, persistent: r.persistent }
    for (const r of removed) events.push({ kind: 'remove', op, commit: 0, ref: r.ref, ...describe(r) })
    for (const r of added) events.push({ kind: r instanceof Datum ? 'produce' : 'consume', op, commit: 0, ref: r.ref, ...describe(r) })
    return events
  }

  /** Rows that the next commit writes and deletes: the net effect of the group. Calling it closes the group. */
  delta(): rows.Delta {
    const { put, del, packs = [], gone = [], renewed = [] } = atOnce(this.encodeGroup(this.takeGroup()))
    for (const p of packs) for (const [key, value] of rowsOfPack(p)) put.push([key, value, null])
    for (const p of renewed) for (const row of renewedOfPack(p)) put.push(row)
    for (const p of gone) for (const row of rowsOfPack(p)) del.push(row)
    return { put, del }
  }

  /** The changes of the group, as they are now; the next group begins. Records do not change, so that their rows can be made later. */
  private takeGroup(): Taken<T> {
    const put: rows.Change[] = []
    const del: rows.Removal[] = []
    const { turned } = this
    const { added, removed } = this.changed.take(this.hot.counter)
    this.turned = new Set()
    const turns: [Datum | Waiting<T>, number][] = []
    for (const id of this.dirtyIds) {
      const row = this.ids.get(id)
      if (row !== undefined) put.push([rows.idKey(id), rows.idValue(row)])
    }
    if (this.store !== null || this.past !== null) {
      for (const r of added) if (r.turn !== r.ref) turned.add(r)
      for (const r of turned) if (durable(r) && isThere(r)) turns.push([r, r.turn])
      this.forgetIds(del)
      for (const ref of this.dirtyOutbox) {
        const e = this.outbox.get(ref)
        if (e !== undefined && !e.saved) {
          put.push([rows.outboxKey(ref), e.row()])
          e.saved = true
        } else if (e === undefined) del.push(rows.outboxKey(ref))
      }
      for (const { namespace, key } of this.dirtySide.values()) {
        const value = this.sides.get(namespace)?.get(key)
        const k = rows.sideKey(namespace, fromLatin1(key))
        if (value === undefined) del.push(k)
        else put.push([k, value])
      }
    }
    this.dirtyIds.clear()
    this.dirtyOutbox.clear()
    this.dirtySide.clear()
    const { naming, highestWritten, hot } = this
    this.naming = null
    this.highestWritten = hot.counter
    return { added, removed, turns, put, del, naming, highest: highestWritten, counter: hot.counter, state: this.stateNow() }
  }

  /** The rows of a group; stops now and then, so that a large one need not be made at once. */
  private *encodeGroup({ added, removed, turns, put, del, naming, highest, state }: Taken<T>): Generator<undefined, Encoded> {
    if (this.store === null && this.past === null) return { put: [], del: [], packers: [] }
    const touched = new Set<Handle<T>>()
    const { index } = this.part
    const born = this.packers.pop() ?? new Packer(index)
    const reborn = this.packers.pop() ?? new Packer(index)
    const gone = this.packers.pop() ?? new Packer(index)
    const renewed = this.packers.pop() ?? new Packer(index)
    const leavers: Taken<T>['removed'][number][] = []
    const others: Taken<T>['removed'][number][] = []
    for (let i = 0; i < removed.length; i++) {
      if (i % SLICE === SLICE - 1) yield
      const r = removed[i]
      if (this.leavesCell(r, put)) leavers.push(r)
      else others.push(r)
    }
    for (let i = 0; i < added.length; i += SLICE) {
      if (i > 0) yield
      this.encodeAdded(added, i, Math.min(i + SLICE, added.length), highest, born, reborn, renewed, put)
    }
    for (const [key, value] of rowsOfPack(reborn.pack)) put.push([key, value])
    this.packers.push(reborn.reset())
    for (const [list, wereInCells] of [[others, false] as const, [leavers, true] as const])
      for (let i = 0; i < list.length; i += SLICE) {
        if (i > 0 || added.length > 0) yield
        this.encodeRemoved(list, i, Math.min(i + SLICE, list.length), wereInCells, gone, del, touched)
      }
    for (const [{ ref }, turn] of turns) {
      if (turn !== ref) {
        put.push([rows.turnKey(ref, this.part.index), rows.turnValue(turn), this.turnRows.has(ref) ? undefined : bornAfter(ref, highest)])
        this.turnRows.add(ref)
      } else if (this.turnRows.delete(ref)) del.push(rows.turnKey(ref, this.part.index))
    }
    for (const h of touched) {
      if (h.rows > 0 || h.cid === 0) continue
      del.push([rows.channelKey(h.cid), h.identity()])
      h.cid = 0
    }
    const value = rows.stateValue({ ...state, cids: this.cids, gids: this.gids })
    put.push([rows.stateKey(this.part), value, this.stateBefore])
    this.stateBefore = value
    const delta = { put, del, packs: [born.pack], gone: [gone.pack], renewed: [renewed.pack], packers: [born, gone, renewed] }
    if (this.past !== null) this.noteHistory(this.past, naming, delta)
    return delta
  }

  /** Whether the row of a record that goes is a cell, which may be taken over until `encodeRemoved`. */
  private leavesCell(r: Datum | Waiting<T>, put: rows.Change[]): boolean {
    if (r instanceof Datum) {
      const h = handleOf<T>(r.chan)
      if (h.cell !== r.ref) return false
      h.leaving = r
    } else {
      // One that a reset has brought back into its old row has not been told where that is.
      const group = (r.group ??= this.groupFor(r, put))
      if (group.cell !== r.ref) return false
      group.leaving = r
    }
    return true
  }

  private encodeAdded(
    added: Taken<T>['added'],
    from: number,
    to: number,
    highest: Ref,
    born: Packer,
    reborn: Packer,
    renewed: Packer,
    put: rows.Change[],
  ): void {
    const { cellsOfData, cellsOfConts } = this
    for (let i = from; i < to; i++) {
      const r = added[i]
      // A record that came back in a rollback after its removal was committed: its key may hold what it held then.
      let into = r.ref > highest ? born : reborn
      if (r instanceof Datum) {
        const h = handleOf<T>(r.chan)
        if (h.cid === 0) this.nameRow(h, put)
        h.rows++
        const { leaving } = h
        if (into === reborn || !cellsOfData || (h.cell !== 0 && leaving === null)) this.packDatum(into, h, r, OWN_ROW)
        else {
          if (leaving !== null) into = renewed
          h.cell = r.ref
          h.leaving = null
          this.packDatum(into, h, r, CELL)
          if (leaving !== null) this.packDatum(into, h, leaving, OVER)
        }
        into.end()
      } else {
        const group = this.groupFor(r, put)
        group.rows++
        r.group = group
        const leaving = group.leaving as Waiting<T> | null
        if (into === reborn || !cellsOfConts || (group.cell !== 0 && leaving === null)) this.packCont(into, r, group, OWN_ROW)
        else {
          if (leaving !== null) into = renewed
          group.cell = r.ref
          group.leaving = null
          this.packCont(into, r, group, CELL)
          if (leaving !== null) this.packCont(into, leaving, group, OVER)
        }
        into.end()
      }
    }
  }

  private encodeRemoved(
    removed: Taken<T>['removed'],
    from: number,
    to: number,
    wereInCells: boolean,
    gone: Packer,
    del: rows.Removal[],
    touched: Set<Handle<T>>,
  ): void {
    const { codec } = this.settings
    const { index } = this.part
    const copiesConts = keepsCopies(codec)
    for (let i = from; i < to; i++) {
      const r = removed[i]
      if (this.turnRows.size > 0 && this.turnRows.delete(r.ref)) del.push(rows.turnKey(r.ref, index))
      if (r instanceof Datum) {
        const h = handleOf<T>(r.chan)
        if (!wereInCells || h.leaving === r) {
          if (codec.datum.copy === undefined) del.push(rows.datumKey(h.cid, wereInCells ? rows.CELL : r.ref, index))
          else {
            this.packDatum(gone, h, r, wereInCells ? CELL : OWN_ROW)
            gone.end()
          }
          if (wereInCells) {
            h.cell = 0
            h.leaving = null
          }
        }
        if (--h.rows === 0) touched.add(h)
      } else {
        const group = r.group as Group
        r.group = null
        if (!wereInCells || group.leaving === r) {
          if (copiesConts) {
            this.packCont(gone, r, group, wereInCells ? CELL : OWN_ROW)
            gone.end()
          } else del.push(rows.contKey(group.gid, wereInCells ? rows.CELL : r.ref, index))
          if (wereInCells) {
            group.cell = 0
            group.leaving = null
          }
        }
        if (--group.rows === 0) this.dropGroup(group, del, touched)
      }
    }
  }

  private dropGroup(group: Group, del: rows.Removal[], touched: Set<Handle<T>>): void {
    if (group.cids.length > 1) this.groups.delete(groupId(group.cids))
    del.push([rows.groupKey(group.gid), rows.groupValue(group.cids)])
    for (const h of group.handles as readonly unknown[] as readonly Handle<T>[]) {
      if (group.cids.length === 1) h.group = null
      if (h.pair === group) h.pair = null
      if (--h.rows === 0) touched.add(h)
    }
  }

  /** Remember what the trie will have to be told; at a checkpoint, tell it, and write what that makes. */
  private noteHistory(past: History, naming: Naming | null, { put, del, packs = [], gone = [], renewed = [] }: rows.Delta): void {
    const since = this.sinceTree
    const came = (key: Uint8Array, value: Uint8Array, before: Uint8Array | null | undefined): void => {
      if (key[0] === rows.TAG.O) return
      const id = latin1(key)
      since.set(id, { key, value, isNew: since.get(id)?.isNew ?? before === null })
    }
    const left = (key: Uint8Array): void => {
      if (key[0] === rows.TAG.O) return
      const id = latin1(key)
      // What came and went between two checkpoints leaves nothing to remember.
      if (since.get(id)?.isNew === true) since.delete(id)
      else since.set(id, { key, value: null, isNew: false })
    }
    for (const [key, value, before] of put) came(key, value, before)
    for (const p of packs) for (const [key, value] of rowsOfPack(p)) came(key, value, null)
    for (const p of renewed) for (const [key, value, before] of renewedOfPack(p)) came(key, value, before)
    for (const d of del) left(d instanceof Uint8Array ? d : d[0])
    for (const p of gone) for (const [key] of rowsOfPack(p)) left(key)
    if (naming !== null) {
      const tree = past.change(this.tree, since.values())
      past.hold(tree)
      past.drop(this.tree)
      this.tree = tree
      since.clear()
      past.keepRoot(naming.root, tree, naming.pin)
    }
    if (this.store !== null) past.drain(put, del)
  }

  private forgetIds(del: rows.Removal[]): void {
    const oldest = this.last.number - (this.settings.idWindow ?? 10_000)
    for (const [id, row] of this.ids) {
      if (row.commit > oldest) break
      this.ids.delete(id)
      del.push(rows.idKey(id))
    }
  }

  /** Counters and pump, without the numbers that the encoding of the group gives out. */
  private stateNow(): Omit<rows.State, 'cids' | 'gids'> {
    return {
      op: this.op,
      kernelOp: this.hot.op,
      counter: this.hot.counter,
      tick: this.tickNow,
      names: this.names,
      key: this.key,
      order: orderText(this.settings.order),
      pumped: this.toTry()
        .filter(r => durable(r))
        .map(r => r.ref),
    }
  }

  /** What a copy of this state has to try: the pump, and the data that are claimed here and will be there for everybody in the copy. */
  private toTry(): (Datum | Waiting<T>)[] {
    return [...this.hot.pumped(), ...this.hot.hidden()]
  }

  /** The last state row that was handed to the store; undefined: unknown. */
  private stateBefore: Uint8Array | undefined

  /** Above all refs that had been given out when the last group closed. */
  private highestWritten = 0

  private nameRow(h: Handle<T>, put: rows.Change[]): void {
    if (h.cid !== 0) return
    h.cid = this.cids += this.part.of
    put.push([rows.channelKey(h.cid), h.identity(), null])
  }

  private groupFor(k: Waiting<T>, put: rows.Change[]): Group {
    if (k.chans === null) {
      const h = k.handle(0, 0)
      if (h.group === null) {
        this.nameRow(h, put)
        h.group = this.newGroup([h.cid], [h], put)
      }
      return h.group
    }
    const { chans } = k
    let first: Handle<T> | null = null
    let cids: number[]
    if (chans.length === 2) {
      const a = handleOf<T>(chans[0])
      const b = handleOf<T>(chans[1])
      if (a.cid === 0) this.nameRow(a, put)
      if (b.cid === 0) this.nameRow(b, put)
      first = a.cid < b.cid ? a : b
      const second = first === a ? b : a
      if (first.pair !== null && first.pair.second === (second as unknown)) return first.pair
      cids = [first.cid, second.cid]
    } else {
      const all = k.handles
      for (const h of all) this.nameRow(h, put)
      cids = all.map(h => h.cid).sort((a, b) => a - b)
    }
    const id = groupId(cids)
    let group = this.groups.get(id)
    if (group === undefined) this.groups.set(id, (group = this.newGroup(cids, [...new Set(k.handles)], put)))
    if (first !== null) first.pair = group
    return group
  }

  private newGroup(cids: readonly number[], handles: readonly Handle<T>[], put: rows.Change[]): Group {
    for (const h of handles) h.rows++
    const gid = (this.gids += this.part.of)
    put.push([rows.groupKey(gid), rows.groupValue(cids), null])
    return new Group(gid, cids, handles as readonly unknown[] as readonly Handle<Types>[])
  }

  /** From now on records take over the rows of those that leave with them: in new stores, where all who read them know that. */
  useCells(): void {
    const { codec } = this.settings
    this.cellsOfData = codec.datum.copy !== undefined
    this.cellsOfConts = keepsCopies(codec)
  }
  private cellsOfData = false
  private cellsOfConts = false

  /** The row of a record, without its end. */
  private packDatum(to: Packer, h: Handle<T>, d: Datum, place: Place): void {
    const lease = itemOf(d)?.lease ?? 0
    beginRow(to, rows.TAG.D, h.cid, d.ref, place)
    rows.flags(to, d.persistent, lease)
    to.value(this.settings.codec.datum, d.value as T['A'])
  }

  private packCont(to: Packer, k: Waiting<T>, group: Group, place: Place): void {
    const { codec } = this.settings
    const { shape, where } = k
    const { branches } = shape
    const guard = where === undefined ? undefined : encode(codec.guard as Codec<T['G']>, where)
    beginRow(to, rows.TAG.K, group.gid, k.ref, place)
    rows.flags(to, shape.persistent, k.lease)
    if (branches === undefined) {
      to.u8(1)
      this.packBranch(to, k, shape, group, guard)
    } else {
      to.varint(branches.length)
      for (const branch of branches) this.packBranch(to, k, branch, group, guard)
    }
    to.value(codec.body, k.body)
  }
  private packBranch(to: Packer, k: Waiting<T>, { offset, peeks }: Shape, group: Group, guard: Uint8Array | undefined): void {
    const { pattern } = this.settings.codec
    to.u8(guard === undefined ? 0 : rows.F_WHERE)
    to.varint(peeks.length)
    for (let i = 0; i < peeks.length; i++) {
      const place = group.place(k.handleAt(offset + i) as unknown as Handle<Types>)
      to.varint(place * 2 + (peeks[i] ? 1 : 0))
      to.blob(encode(pattern, k.patternAt(offset + i)))
    }
    if (guard !== undefined) to.blob(guard)
  }

  /** Rows that must be side by side with the records; same commit, same marks. */
  side(namespace: string): Side {
    if (typeof namespace !== 'string' || namespace === '') throw new BadArgument('a side table needs a name')
    let table = this.sides.get(namespace)
    if (table === undefined) this.sides.set(namespace, (table = new Map()))
    const map = table
    const set = (key: string, value: Uint8Array | undefined): void => {
      const before = map.get(key)
      const note = (): void => {
        this.dirtySide.set(`${namespace}\0${key}`, { namespace, key })
      }
      if (value === undefined) map.delete(key)
      else map.set(key, value)
      note()
      this.undoable(() => {
        if (before === undefined) map.delete(key)
        else map.set(key, before)
        note()
      })
      this.op++
      this.leave()
    }
    return {
      get: key => map.get(latin1(key))?.slice(),
      put: (key, value) => {
        this.begin()
        if (!(key instanceof Uint8Array) || !(value instanceof Uint8Array)) throw new BadArgument('side rows are bytes')
        set(latin1(key), value.slice())
      },
      delete: key => {
        this.begin()
        const there = map.has(latin1(key))
        if (there) set(latin1(key), undefined)
        return there
      },
      entries: () => [...map].map(([k, value]) => [fromLatin1(k), value.slice()] as const),
    }
  }

  // ------------------------------------------------------------------------------------------------ loading and copying

  /** Fill an empty space from rows. @throws RhizomeError CORRUPT, CODEC, CODEC_MISMATCH */
  load(loaded: rows.Loaded): void {
    const { codec } = this.settings
    const mine = rows.stateName(this.part)
    const other = loaded.states.find(name => name !== mine)
    if (other !== undefined)
      throw new RhizomeError('CODEC_MISMATCH', `the rows are those of \`${other}\`, not of \`${mine}\``, {
        details: { stored: other, asked: mine },
        hint: 'What several cores have written is loaded into as many.',
      })
    this.loading = true
    this.listenAgain()
    try {
      const handles = new Map<number, Handle<T>>()
      for (const [cid, identity] of loaded.channels) {
        const h = this.internIdentity(identity)
        h.cid = cid
        handles.set(cid, h)
        this.cids = Math.max(this.cids, cid)
      }
      const handle = (cid: number): Handle<T> => {
        const h = handles.get(cid)
        if (h === undefined) throw new RhizomeError('CORRUPT', `a row mentions channel ${cid}, which has no row`)
        return h
      }
      // In the order of refs channel by channel, unless turns have been renewed.
      rows.inOrder(loaded.data)
      const { turns } = loaded
      const turnOf = (r: { readonly ref: Ref }): number => turns.get(r.ref) ?? r.ref
      if (turns.size > 0) loaded.data.sort((a, b) => turnOf(a) - turnOf(b))
      let h: Handle<T> | undefined
      let cid = 0
      for (const d of loaded.data) {
        if (h === undefined || d.cid !== cid) {
          cid = d.cid
          h = handle(cid)
        }
        h.rows++
        if (d.inCell) h.cell = d.ref
        const turn = turns.size === 0 ? d.ref : turnOf(d)
        this.kernel.restoreDatum(
          h.chan,
          d.ref,
          turn,
          codec.datum.decode(d.value),
          d.persistent,
          d.lease > 0 ? new Item(d.lease, false) : null,
        )
        if (d.lease > 0) this.lease(d.lease, d.ref)
      }
      loaded.data.length = 0
      const byGid = new Map<number, Group>()
      for (const [gid, cids] of loaded.groups) {
        const own = [...new Set(cids.map(handle))]
        for (const h of own) h.rows++
        const group = new Group(gid, cids, own as readonly unknown[] as readonly Handle<Types>[])
        if (cids.length === 1) own[0].group = group
        else this.groups.set(groupId(cids), group)
        byGid.set(gid, group)
        this.gids = Math.max(this.gids, gid)
      }
      loaded.conts.sort((a, b) => turnOf(a) - turnOf(b))
      for (const row of loaded.conts) {
        const group = byGid.get(row.gid)
        if (group === undefined) throw new RhizomeError('CORRUPT', `a continuation mentions group ${row.gid}, which has no row`)
        const k = this.decodeCont(row, p => handle(group.cids[p]))
        group.rows++
        if (row.inCell) group.cell = row.ref
        k.group = group
        this.kernel.restoreCont(k, row.ref, turnOf(row))
        this.lease(row.lease, row.ref)
      }
      for (const ref of loaded.turns.keys()) this.turnRows.add(ref)
      for (const id of loaded.ids.sort((a, b) => a.op - b.op)) this.ids.set(id.id, id)
      for (const { namespace, key, value } of loaded.side) {
        let table = this.sides.get(namespace)
        if (table === undefined) this.sides.set(namespace, (table = new Map()))
        table.set(latin1(key), value)
      }
      const s = loaded.state
      if (s !== undefined) {
        if (s.order !== orderText(this.settings.order))
          throw new RhizomeError('CODEC_MISMATCH', `the space was made with order ${s.order}, not ${orderText(this.settings.order)}`, {
            details: { stored: s.order },
          })
        this.op = s.op
        this.kernel.op = s.kernelOp
        this.kernel.counter = Math.max(this.kernel.counter, s.counter)
        this.tickNow = s.tick
        this.cids = Math.max(this.cids, s.cids)
        this.gids = Math.max(this.gids, s.gids)
        this.names = s.names
        this.key = s.key
        for (const ref of s.pumped) {
          const r = this.records.get(ref)
          if (r !== undefined) this.kernel.enter(r)
        }
      }
      for (const row of loaded.outbox) this.loadOutbox(row)
      this.dirtyOp = this.op
      // A new space has its order and key to write, with its first commit or at its close.
      this.highestWritten = this.kernel.counter
      this.changed.take(this.kernel.counter)
      this.committedOp = this.handedOp = s === undefined ? -1 : this.op
    } finally {
      this.loading = false
      this.listenAgain()
    }
  }

  protected decodeCont(row: rows.ContRow, handle: (place: number) => Handle<T>): Waiting<T> {
    const { codec, matcher } = this.settings
    const chans = row.branches.flatMap(b => b.places.map(p => handle(p).chan))
    const patterns = row.branches.flatMap(b => b.patterns.map(p => codec.pattern.decode(p)))
    const encodedGuard = row.branches[0].where
    const where = encodedGuard === undefined ? undefined : codec.guard?.decode(encodedGuard)
    const peeks = row.branches.map(b => b.peeks)
    const extra = where === undefined && row.lease === 0 ? null : new Extra<T>(where, row.lease, false, null)
    if (matcher.keys !== undefined) for (const p of patterns) matcher.keys(p)
    const shape = shapeOf(peeks, row.persistent, where !== undefined)
    return waitingOn<T>(shape, chans.slice(), patterns.slice(), codec.body.decode(row.body), extra)
  }

  protected internIdentity(identity: Uint8Array): Handle<T> {
    const kind = identity[0]
    const bytes = identity.slice(1)
    if (kindOfByte(kind) === undefined) throw new RhizomeError('CORRUPT', 'a channel row has an unknown kind')
    return this.internBytes(kind, bytes, undefined)
  }

  private loadOutbox(row: rows.OutboxRow): void {
    const { codec, matcher } = this.settings
    const meter: Meter = { used: 0, step() {} }
    const matches = row.matches.map(m => {
      const pattern = codec.pattern.decode(m.pattern)
      const value = codec.datum.decode(m.value)
      const result = matcher.match(pattern, value, meter) as T['R']
      return {
        channel: this.internIdentity(m.channel).show,
        pattern,
        ref: m.ref,
        value,
        result,
        persistent: (m.flags & 1) !== 0,
        peeked: (m.flags & 2) !== 0,
      }
    })
    const body = codec.body.decode(row.body)
    const comm: CommEvent<T> = {
      ref: row.cont,
      body,
      persistent: row.persistent,
      branch: row.branch,
      matches,
      ack: () => this.acknowledge(comm),
    }
    const handler = row.stray ? null : (this.settings.handlerOf ?? defaultHandler)(body)
    if (handler === undefined) return
    if (handler === null) this.stray.push(comm)
    this.outbox.set(row.ref, { handler, comm, saved: true, row: () => rows.outboxValue(row) })
    this.outboxIds.set(comm, row.ref)
  }

  /** All rows of the present state, in key order. */
  allRows(): rows.Row[] {
    const copy = new Space<T>({ ...this.settings, history: 'none' }, NOWHERE)
    this.copyInto(copy, false)
    return copy
      .delta()
      .put.map(([key, value]): rows.Row => [key, value])
      .sort((a, b) => compareBytes(a[0], b[0]))
  }

  /** The durable records, in the order of their turns; with `all` also volatile data. */
  private copyInto(other: Space<T>, all: boolean): void {
    other.key = this.key
    const list = [...this.byRef().values()].filter(r => durable(r) || (all && r instanceof Datum)).sort((a, b) => a.turn - b.turn)
    const handle = (h: Handle<T>): Handle<T> => {
      const identity = h.identity()
      const twin = other.internBytes(identity[0], identity.subarray(1), h.value)
      if (h.held) twin.hold()
      return twin
    }
    for (const r of list) {
      if (r instanceof Datum) {
        const item = itemOf(r)
        other.kernel.restoreDatum(handle(handleOf<T>(r.chan)).chan, r.ref, r.turn, r.value as T['A'], r.persistent, item)
        other.lease(item?.lease ?? 0, r.ref)
      } else {
        const twin = r.on(r.handles.map(h => handle(h).chan))
        other.kernel.restoreCont(twin, r.ref, r.turn)
        other.lease(r.lease, r.ref)
      }
    }
    for (const { ref } of this.toTry()) {
      const r = other.records.get(ref)
      if (r !== undefined) other.kernel.enter(r)
    }
    other.op = this.op
    other.kernel.op = this.kernel.op
    other.kernel.counter = Math.max(other.kernel.counter, this.kernel.counter) // refs are never given out twice
    other.tickNow = this.tickNow
    other.names = this.names
    for (const [id, row] of this.ids) other.ids.set(id, row)
    for (const [ns, table] of this.sides) {
      other.sides.set(ns, new Map(table))
      for (const key of table.keys()) other.dirtySide.set(`${ns}\0${key}`, { namespace: ns, key })
    }
    for (const id of this.ids.keys()) other.dirtyIds.add(id)
  }

  /** An independent space in memory with the present state; installs come along, waiting verbs and claims do not. */
  fork(): Space<T> {
    this.enter()
    const copy = new Space<T>(this.settings, null)
    this.copyInto(copy, true)
    this.installInto(copy)
    return copy
  }
  private installInto(copy: Space<T>): void {
    for (const [id, k] of this.installs) {
      const binds = k.handles.map((h, i) => ({
        channel: h.kind === 'named' ? (h.value as T['C']) : copy.twin(h),
        pattern: k.patterns[i],
        peek: k.shape.peeks[i],
      }))
      copy.install(id, binds, k.body, { allowData: true, where: k.where })
    }
  }
  private twin(h: Handle<T>): Handle<T> {
    const identity = h.identity()
    return this.internBytes(identity[0], identity.subarray(1), h.value)
  }

  // ------------------------------------------------------------------------------------------------ digest, checkpoints

  private noteDigest(r: Datum | Waiting<T>, added: boolean): void {
    const before = this.unhashed.get(r.ref)
    if (before !== undefined && before.added !== added) this.unhashed.delete(r.ref)
    else this.unhashed.set(r.ref, { record: r, added })
  }

  /** A record as the digest sees it; holds until the next call. */
  private element(r: Datum | Waiting<T>): Uint8Array {
    if (!(r instanceof Datum)) return rows.framed([Uint8Array.of(1), this.contBytes(r)])
    // What `framed` makes of a 0, the channel's identity, the value, and 1 if it is persistent.
    const h = handleOf<T>(r.chan)
    const name = h.bytes()
    const to = this.elementBytes
    to.clear()
    to.u32(4)
    to.u32(1)
    to.u8(0)
    to.u32(name.length + 1)
    to.u8(h.kindByte)
    to.raw(name)
    to.framed(this.settings.codec.datum, r.value as T['A'])
    to.u32(1)
    to.u8(r.persistent ? 1 : 0)
    return to.view()
  }
  private readonly elementBytes = new Appender(256)

  /** A function of the multiset of durable records, whatever their history. O(changed) with `history`, O(records) without. */
  digest(): Root {
    this.enter()
    if (this.settings.history === undefined || this.settings.history === 'none') {
      const fresh = new Lattice()
      for (const r of this.byRef().values()) if (durable(r)) fresh.add(this.element(r))
      return toHex(fresh.root())
    }
    if (this.lattice === null) {
      this.lattice = new Lattice()
      this.listenAgain()
      for (const r of this.byRef().values()) if (durable(r)) this.lattice.add(this.element(r))
    } else
      for (const { record, added } of this.unhashed.values()) {
        if (added) this.lattice.add(this.element(record))
        else this.lattice.remove(this.element(record))
      }
    this.unhashed.clear()
    return toHex(this.lattice.root())
  }

  /**
   * Commit, and name the present state by its digest. With history `merkle` the state can be returned to; `pin` keeps it whatever the policy says.
   * Costs what has changed since the last checkpoint.
   */
  checkpoint(o: { pin?: boolean } = {}): Promise<Checkpoint> {
    return promised(async () => {
      this.begin()
      if (this.held) throw new RhizomeError('HELD', 'a mark holds commits: this could not become durable')
      this.op++
      const root = this.digest()
      this.emit('checkpoint', {})
      // The group closes now: the rows of exactly this state go with the name.
      if (this.past !== null) this.naming = { root, pin: o.pin === true }
      this.dirtyOp = this.op
      const done = this.durable(this.op)
      this.closeGroup()
      this.leave()
      const commit = await done
      if (this.elder !== null) await this.elder.writeHistory()
      return { root, commit }
    })
  }

  /** Let the keep policy decide about a pinned checkpoint again. @throws RhizomeError UNKNOWN_ROOT */
  unpin(root: Root): Promise<Commit> {
    return promised(() => {
      this.begin()
      if (this.past?.unpin(root) !== true) throw unknownRoot(root)
      return this.writeHistory()
    })
  }

  /** Kept checkpoints, oldest first. */
  get checkpoints(): readonly Root[] {
    return [...(this.past?.roots.keys() ?? [])]
  }

  private writeHistory(): Promise<Commit> {
    this.begin()
    this.op++
    this.leave()
    return this.flush()
  }

  private kept(root: Root): Kept {
    const kept = this.past?.roots.get(root)
    if (kept === undefined) throw unknownRoot(root)
    return kept
  }

  /** The rows of a kept state. @throws RhizomeError UNKNOWN_ROOT, CORRUPT */
  async rowsAt(root: Root): Promise<rows.Row[]> {
    const { tree } = this.kept(root)
    return (this.past as History).rowsOf(tree)
  }

  /** Back to the state of a checkpoint. @throws RhizomeError UNKNOWN_ROOT */
  reset(root: Root): Promise<void> {
    return promised(async () => {
      this.begin()
      const saved = await this.rowsAt(root)
      this.begin()
      const loaded = rows.nothingLoaded()
      for (const [k, value] of saved) rows.readRow(loaded, k, value)
      this.empty()
      const source = new Space<T>({ ...this.settings, history: 'none' }, NOWHERE)
      source.load(loaded)
      source.copyInto(this, false)
      await this.afterReset()
    })
  }

  /** Empty the space; installs, counters and the seed stay. */
  clear(): Promise<void> {
    return promised(async () => {
      this.begin()
      this.empty()
      await this.afterReset()
    })
  }

  private empty(): void {
    if (this.marks.length > 0) throw new RhizomeError('HELD', 'marks are open')
    for (const r of [...this.byRef().values()]) {
      if (r instanceof Datum) this.kernel.take(r)
      else if (r.install === null && r.waiter === null) this.kernel.withdraw(r)
    }
    this.claims.clear()
    this.replay = null
    for (const [ns, table] of this.sides)
      for (const key of [...table.keys()]) {
        table.delete(key)
        this.dirtySide.set(`${ns}\0${key}`, { namespace: ns, key })
      }
  }
  private async afterReset(): Promise<void> {
    this.op = Math.max(this.op, this.dirtyOp) + 1
    this.groupEvents = []
    if (this.packed !== null) this.packed = new EventWriter().follow(this.packed)
    this.journal = []
    this.journalStart = this.last.number + 1
    this.emit('reset', {})
    this.leave()
    await this.flush()
  }

  /** An independent space in memory with the state of a checkpoint. Rejects with UNKNOWN_ROOT. */
  forkAt(root: Root): Promise<Space<T>> {
    return promised(() => this.copyAt(root))
  }

  private async copyAt(root: Root, past?: History): Promise<Space<T>> {
    const saved = await this.rowsAt(root)
    const loaded = rows.nothingLoaded()
    for (const [k, value] of saved) rows.readRow(loaded, k, value)
    const copy = new Space<T>(this.settings, null)
    if (past !== undefined) copy.past = past
    copy.listenAgain()
    copy.load(loaded)
    copy.plant(saved)
    this.installInto(copy)
    return copy
  }

  /** These rows are what is there. */
  protected plant(saved: Iterable<rows.Row>): void {
    this.tree = this.past?.plant(saved)
    this.past?.hold(this.tree)
  }

  /** A sibling in memory that starts from the last checkpoint; its own checkpoints are kept with ours, our state does not move. */
  spawn(): Promise<Space<T>> {
    return promised(async () => {
      const root = this.checkpoints.at(-1)
      if (root === undefined)
        throw new RhizomeError('UNKNOWN_ROOT', 'there is no checkpoint to start from', {
          hint: 'Open with history `merkle`, and make one.',
        })
      const sibling = await this.copyAt(root, this.past as History)
      sibling.elder = this.elder ?? this
      return sibling
    })
  }

  /** What is here now, to be read while the space goes on: `data`, `continuations` and `all` as in `inspect`. */
  snapshot(): { readonly at: OpNumber; readonly all: readonly Info[]; data(c: T['C']): Info[]; continuations(c: T['C']): Info[] } {
    this.enter()
    const all = Object.freeze([...this.inspect.all()])
    const same = (c: T['C']): ((i: Info) => boolean) => {
      const h = this.find(c)
      return i => h !== undefined && i.channels.some(x => x !== undefined && this.find(x as T['C']) === h)
    }
    return {
      at: this.op,
      all,
      data: c => all.filter(i => i.kind === 'datum').filter(same(c)),
      continuations: c => all.filter(i => i.kind === 'continuation').filter(same(c)),
    }
  }

  /** With `report: true`: events since the last call, in batches cut at marks and checkpoints. */
  report(): readonly (readonly SpaceEvent<T>[])[] {
    const batches = this.batches.filter(b => b.length > 0)
    this.batches = [[]]
    return batches
  }

  /**
   * The state in pages of rows, chained by hash from the digest on; resumable by the last key. The pages of a checkpoint carry the inner nodes
   * of its tree on the way to their rows: each page can be checked against the tree's name by itself.
   * @throws BadArgument for limit 0; RhizomeError UNKNOWN_ROOT
   */
  async *export(o: { root?: Root; after?: Uint8Array; limit: number }): AsyncIterable<Page> {
    rows.positive(o?.limit, 'limit')
    const root = o.root ?? this.digest()
    const kept = o.root === undefined ? undefined : this.kept(o.root)
    const all = kept === undefined ? this.allRows() : await this.rowsAt(kept.root)
    const tree = kept === undefined ? undefined : treeHex(kept.tree)
    const known = new Set<NodeId>()
    const { after } = o
    let chain = hash('page', new TextEncoder().encode(root))
    let page: rows.Row[] = []
    for (let i = 0; i <= all.length; i++) {
      const end = i === all.length
      if (!end) page.push(all[i])
      if (!end && page.length < o.limit) continue
      chain = pageChain(chain, page)
      const last = page.at(-1)?.[0]
      if (after === undefined || (last !== undefined && compareBytes(last, after) > 0) || end) {
        const list = after === undefined ? page : page.filter(r => compareBytes(r[0], after) > 0)
        const keys = list.map(r => r[0])
        const proof = kept === undefined ? undefined : (this.past as History).proof(kept.tree, keys, known)
        yield { root, rows: list, last, done: end, chain, ...(tree === undefined ? {} : { tree, proof }) }
      }
      page = []
    }
  }

  // ------------------------------------------------------------------------------------------------ journal, watch, replay

  decodeEvents(bytes: Uint8Array, commit: number): SpaceEvent<T>[] {
    return readEvents(bytes).map(({ channel, value, ...e }) => ({
      ...e,
      commit,
      ...(channel === undefined ? {} : { channel: this.internIdentity(channel).show }),
      ...(value === undefined ? {} : { value: this.settings.codec.datum.decode(value) }),
    }))
  }
  private unpacked(packed: EventWriter, commit: number): SpaceEvent<T>[] {
    const events = this.decodeEvents(packed.view(), commit)
    for (const [i, error] of packed.errors) events[i] = { ...events[i], error }
    return events
  }
  /** Every operation that would change something throws READ_ONLY. */
  readOnly = false
  /** A net change of a commit as an event. */
  decodeNet({ kind, ref, channel, value, persistent, commit }: NetChange): SpaceEvent<T> {
    return {
      ...{ kind, ref, persistent, commit, op: this.op, channel: this.internIdentity(channel).show },
      ...(value === undefined ? {} : { value: this.settings.codec.datum.decode(value) }),
    }
  }
  /** The events of commits after number `from` that the store has kept: all of them with journal `events`, else the net changes. */
  history: ((from: number | undefined) => AsyncIterable<SpaceEvent<T>>) | null = null

  /**
   * Recorded events after a commit, or all that are kept (journal `events`). A space in memory keeps the last `limits.journalEventsMax`.
   * @throws RhizomeError UNKNOWN_COMMIT (details.oldest: the first commit that is kept)
   */
  async *log(o: { from?: Pick<Commit, 'number'> } = {}): AsyncIterable<SpaceEvent<T>> {
    if (!this.keepsEvents)
      throw new RhizomeError('UNKNOWN_COMMIT', 'events are not kept', {
        details: { oldest: this.last.number },
        hint: 'Open with journal `events`; `watch` also tells net changes.',
      })
    await this.flush()
    yield* this.since(o.from?.number)
  }

  /** What is kept of the commits after number `from`. */
  private async *since(from: number | undefined): AsyncIterable<SpaceEvent<T>> {
    if (this.history !== null) {
      yield* this.history(from)
      return
    }
    if (from !== undefined && from + 1 < this.journalStart)
      throw new RhizomeError('UNKNOWN_COMMIT', `commit ${from + 1} is not kept any more`, {
        details: { oldest: this.journalStart },
        hint: this.keepsEvents ? undefined : "A space in memory keeps what happened with `journal: 'events'`.",
      })
    for (const e of [...this.journal]) if (e.commit > (from ?? -1)) yield e
  }

  private show(w: Watcher<T>, e: SpaceEvent<T>): void {
    if (w.filter.kinds !== undefined && !w.filter.kinds.includes(e.kind)) return
    if (w.filter.channel !== undefined && (e.channel === undefined || this.intern(e.channel) !== w.handle)) return
    w.push(e)
  }

  /** Committed changes as they come, without gap or repetition; with `from`, first those since that commit. */
  watch(f: Filter<T> = {}, o: { from?: Pick<Commit, 'number'>; signal?: AbortSignal } = {}): AsyncIterable<SpaceEvent<T>> {
    this.enterWhole()
    const ready: SpaceEvent<T>[] = []
    let wake: (() => void) | null = null
    let ended: { error: unknown } | null = null
    const watcher: Watcher<T> = {
      filter: f,
      handle: f.channel === undefined ? undefined : (this.channel(f.channel as T['C']) as Handle<T>),
      push: e => {
        ready.push(e)
        wake?.()
      },
      end: error => {
        ended = { error }
        wake?.()
      },
    }
    const start = this.last.number
    this.watchers.add(watcher)
    this.listenAgain()
    const leave = (): void => {
      this.watchers.delete(watcher)
      this.listenAgain()
      // Records that nobody is told of may be used again: none of them is to be found here later.
      if (!this.tracks) this.changed.take(this.kernel.counter)
    }
    // What happens from now on is not shown, even if nobody has asked for the next event yet.
    const abort = (): void => {
      leave()
      watcher.end(new RhizomeError('ABORTED', 'the watch was aborted', { cause: o.signal?.reason }))
    }
    o.signal?.addEventListener('abort', abort, { once: true })
    if (o.signal?.aborted === true) abort()
    const space = this
    async function* events(): AsyncGenerator<SpaceEvent<T>> {
      try {
        if (o.from !== undefined && o.from.number < start) {
          for await (const e of space.since(o.from.number)) {
            if (e.commit > start) break
            const one: SpaceEvent<T>[] = []
            space.show({ ...watcher, push: x => one.push(x) }, e)
            yield* one
          }
        }
        for (;;) {
          while (ready.length > 0) yield ready.shift() as SpaceEvent<T>
          if (ended !== null) {
            if (ended.error !== undefined) throw ended.error
            return
          }
          await new Promise<void>(resolve => {
            wake = resolve
          })
          wake = null
        }
      } finally {
        leave()
        o.signal?.removeEventListener('abort', abort)
      }
    }
    return events()
  }

  /** From now on only the recorded COMMs fire, each when its participants are there, in whatever order they come. */
  rig(log: Iterable<SpaceEvent<T>> | AsyncIterable<SpaceEvent<T>>): Promise<void> {
    return promised(async () => {
      this.enterWhole()
      const events: SpaceEvent<T>[] = []
      for await (const e of log as AsyncIterable<SpaceEvent<T>>) events.push(e)
      this.quick = false
      this.replay = new Replay<T>(this.hooks(), events)
    })
  }

  /** End the replay. @throws RhizomeError REPLAY_DIVERGED, REPLAY_LEFTOVER (details.comms: how many) */
  checkReplay(): void {
    const replay = this.replay
    if (replay === null) return
    replay.check()
    this.replay = null
  }

  private hooks(): ReplayHooks<T> {
    return {
      produceId: (h, value, persistent) => this.produceId(h, value, persistent),
      consumeId: k => this.consumeId(k),
      store: (h, value, persistent, item) => {
        this.op++
        this.counts.produced++
        const ref = this.nextRef()
        return this.kernel.restoreDatum(h.chan, ref, ref, value, persistent, item)
      },
      park: k => {
        this.op++
        const ref = this.nextRef()
        this.kernel.restoreCont(k, ref, ref)
      },
      match: (k, branch, i, d) =>
        this.inside(() => quietly(() => this.settings.matcher.match(k.pattern(branch, i), d.value as T['A'], { used: 0, step() {} }))),
      fire: (k, branch, data, results, comms) => {
        const b = k.branches[branch]
        const matches = data.map((d, i) => ({
          channel: b.handles[i].show,
          pattern: b.patterns[i],
          ref: d.ref,
          value: d.value as T['A'],
          result: results[i],
          persistent: d.persistent,
          peeked: b.peeks[i],
        }))
        for (let i = 0; i < data.length; i++) if (!data[i].persistent && !b.peeks[i]) this.kernel.take(data[i])
        if (!k.persistent) this.kernel.withdraw(k)
        const comm = this.deliver(k, branch, matches)
        if (comm !== null) comms.push(comm)
      },
      outcome: (ref, comms) => this.outcome(ref, comms, undefined),
    }
  }

  // ------------------------------------------------------------------------------------------------ looking

  private info(r: Datum | Waiting<T>): Info {
    if (r instanceof Datum) {
      const item = itemOf(r)
      return {
        kind: 'datum',
        ref: r.ref,
        channels: [handleOf<T>(r.chan).show],
        value: r.value,
        persistent: r.persistent,
        volatile: item?.volatile ?? false,
        ...(r.hidden ? { claimed: true } : {}),
        ...(r.pumped ? { pumped: true } : {}),
        ...(item !== null && item.lease > 0 ? { leaseTick: item.lease } : {}),
      }
    }
    return {
      kind: 'continuation',
      ref: r.ref,
      channels: r.handles.map(h => h.show),
      patterns: r.patterns,
      body: r.body,
      persistent: r.persistent,
      volatile: r.volatile,
      ...(r.stalled ? { stalled: true } : {}),
      ...(r.pumped ? { pumped: true } : {}),
      ...(r.install === null ? {} : { install: r.install }),
      ...(r.lease > 0 ? { leaseTick: r.lease } : {}),
    }
  }

  /** What is there and why it stays. Nothing is changed by looking. */
  readonly inspect = {
    data: (c: T['C'] | Channel<T>): Info[] => this.inspected(c, r => r instanceof Datum),
    continuations: (c: T['C'] | Channel<T>): Info[] => this.inspected(c, r => r instanceof Waiting),
    groups: (c: T['C'] | Channel<T>): Info[] => this.inspected(c, r => r instanceof Waiting && r.branches.some(b => b.handles.length > 1)),
    stalled: (): Info[] => [...this.kernel.stalled()].map(k => this.info(k)),
    all: (): Iterable<Info> => [...this.byRef().values()].sort((a, b) => a.ref - b.ref).map(r => this.info(r)),
    why: (ref: Ref): Reason => this.why(ref),
  }

  private inspected(c: T['C'] | Channel<T>, wanted: (r: Datum | Waiting<T>) => boolean): Info[] {
    const h = this.find(c)
    if (h === undefined) return []
    const list: (Datum | Waiting<T>)[] = [...this.kernel.data(h.chan), ...this.kernel.conts(h.chan)]
    for (const d of this.kernel.hidden()) if (d.chan === h.chan) list.push(d)
    for (const k of this.kernel.stalled()) if (k.handles.includes(h)) list.push(k)
    return list
      .filter(wanted)
      .sort((a, b) => a.turn - b.turn)
      .map(r => this.info(r))
  }

  private why(ref: Ref): Reason {
    const r = this.records.get(ref)
    if (r === undefined) throw new RhizomeError('UNKNOWN_REF', `no record has the ref ${ref}`)
    const meter: Meter = { used: 0, step() {} }
    const { matcher } = this.settings
    const matches = (p: T['P'], value: T['A']): boolean => quietly(() => matcher.match(p, value, meter)) !== undefined
    if (r instanceof Datum) {
      if (r.hidden) return { ref, reason: 'claimed', text: 'somebody has claimed it' }
      if (r.pumped) return { ref, reason: 'can-fire', text: 'it waits in the pump' }
      const conts = [...this.kernel.conts(r.chan)]
      if (conts.length === 0) return { ref, reason: 'nobody-receives', text: 'nobody waits on its channel' }
      const fitting = conts.filter(k =>
        k.branches.some(b => b.patterns.some((p, i) => b.handles[i].chan === r.chan && matches(p, r.value as T['A']))),
      )
      if (fitting.length === 0) return { ref, reason: 'pattern', text: `${conts.length} wait on its channel, no pattern fits it` }
      return { ...this.why(fitting[0].ref), ref }
    }
    if (r.stalled) return { ref, reason: 'stalled', text: 'matching it took too many steps; `retry` gives it more' }
    const binds = r.branches.flatMap(b =>
      b.handles.map((h, i) => {
        const data = [...this.kernel.data(h.chan)]
        return { channel: h.show, data: data.length, fitting: data.filter(d => matches(b.patterns[i], d.value as T['A'])).length }
      }),
    )
    const done = (reason: Reason['reason'], text: string): Reason => ({ ref, reason, binds, text })
    if (this.inside(() => this.kernel.canFire(r))) return done('can-fire', 'it waits in the pump')
    const empty = binds.filter(b => b.data === 0)
    const claimed = [...this.kernel.hidden()].some(d =>
      r.branches.some(b => b.handles.some((h, i) => h.chan === d.chan && matches(b.patterns[i], d.value as T['A']))),
    )
    if (claimed && binds.some(b => b.fitting === 0)) return done('claimed', 'a datum that fits is claimed')
    if (empty.length === binds.length) return done('nobody-sends', 'there are no data on its channel')
    if (empty.length > 0) return done('other-channel-empty', `${empty.length} of its ${binds.length} channels hold no data`)
    if (binds.some(b => b.fitting === 0)) return done('pattern', 'no datum fits one of its patterns')
    if (r.where !== undefined) return done('guard', 'no combination satisfies the guard')
    return done('shared-datum', 'several of its binds need the same datum')
  }

  stats(): Stats {
    let data = 0
    let continuations = 0
    let channels = 0
    for (const r of this.byRef().values()) {
      if (r instanceof Datum) data++
      else continuations++
    }
    for (const _ of this.kernel.nonEmpty()) channels++
    return {
      channels,
      data,
      continuations,
      stalled: this.kernel.stalled().size,
      claimed: this.claims.size,
      pumped: this.kernel.pumpPending,
      operations: this.op,
      ...this.counts,
      comms: this.counts.comms + this.pairs,
      consumed: this.counts.consumed + this.pairs,
      commits: this.last.number,
      tick: this.tickNow,
    }
  }

  /** Look for continuations that could fire and do not (L1), and for data on channels that have forgotten them. Changes nothing. */
  protected checkInvariants(): { code: 'CORRUPT'; where: string; count: number; message: string }[] {
    this.enter()
    const problems: { code: 'CORRUPT'; where: string; count: number; message: string }[] = []
    const add = (where: string, message: string): void => void problems.push({ code: 'CORRUPT', where, count: 1, message })
    const pumped = this.kernel.pumpPending
    const records = this.byRef()
    let seen = 0
    for (const chan of this.kernel.nonEmpty()) {
      for (const d of this.kernel.data(chan)) {
        seen++
        if (records.get(d.ref) !== d) add(`datum ${d.ref}`, 'is on its channel, but not among the records')
      }
    }
    let data = 0
    for (const r of records.values()) {
      if (r instanceof Datum) {
        if (!r.hidden) data++
      } else if (!pumped && !r.stalled && this.inside(() => this.kernel.canFire(r))) add(`continuation ${r.ref}`, 'could fire and does not')
    }
    if (seen !== data) add('data', `${data} are known, ${seen} are on channels`)
    return problems
  }

  /** Check the state in memory; a stored space also reads its rows back. */
  async verify(): Promise<Report> {
    const problems = this.checkInvariants()
    return { ok: problems.length === 0, commit: this.last.number, rows: {}, problems }
  }

  /** Roll back open marks, reject waiting verbs with SPACE_CLOSED, commit everything, close. */
  close(): Promise<void> {
    this.quick = false
    this.closing ??= this.finish()
    return this.closing
  }

  private async finish(): Promise<void> {
    clearTimeout(this.groupTimer)
    const closing = this.closing
    this.closing = null
    if (this.failed === undefined) while (this.marks.length > 0) this.rollback(this.marks[0])
    this.closing = closing ?? Promise.resolve()
    for (const giveUp of [...this.waits.values()]) giveUp(new RhizomeError('SPACE_CLOSED', 'the space was closed while this waited'))
    let error: unknown
    try {
      if (this.failed === undefined) await this.flush()
    } catch (e) {
      error = e
    }
    for (const w of this.watchers) w.end()
    await this.store?.close()
    if (error !== undefined) throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The commit the space was loaded at. */
  startAt(commit: Commit): void {
    this.last = commit
  }
}

const unknownRoot = (root: Root): RhizomeError =>
  new RhizomeError('UNKNOWN_ROOT', 'no checkpoint with that root is kept', { details: { root } })

/** A committer for spaces that are only asked for their rows. */
export const NOWHERE: Committer = {
  commit: () => Promise.reject(new RhizomeError('READ_ONLY', 'this copy is not written')),
  close: () => Promise.resolve(),
}

// --------------------------------------------------------------------------------------------------------- replay

interface ReplayHooks<T extends Types> {
  produceId(h: Handle<T>, value: T['A'], persistent: boolean): string
  consumeId(k: Waiting<T>): string
  store(h: Handle<T>, value: T['A'], persistent: boolean, item: Item | null): Datum
  park(k: Waiting<T>): void
  match(k: Waiting<T>, branch: number, bind: number, d: Datum): T['R'] | undefined
  fire(k: Waiting<T>, branch: number, data: Datum[], results: T['R'][], comms: CommEvent<T>[]): void
  outcome(ref: Ref | undefined, comms: CommEvent<T>[]): Outcome<T>
}
interface RecordedComm {
  readonly cont: string
  readonly data: readonly string[]
  readonly branch: number
  done: boolean
}

/** Recorded COMMs by the events that take part in them. An event is an identity and which of the equal ones it is. */
class Replay<T extends Types> {
  private readonly hooks: ReplayHooks<T>
  private readonly byEvent = new Map<string, RecordedComm[]>()
  private readonly comms: RecordedComm[] = []
  private readonly present = new Map<string, Datum | Waiting<T>>()
  private readonly occurrences = new Map<string, number>()
  constructor(hooks: ReplayHooks<T>, events: readonly SpaceEvent<T>[]) {
    this.hooks = hooks
    const names = new Map<Ref, string>()
    for (const e of events) {
      if (e.undone === true) continue
      // Counted here: a log over several runs, or a part of one, begins to count with its own first event.
      if ((e.kind === 'produce' || e.kind === 'consume') && e.ref !== undefined) names.set(e.ref, this.name(String(e.id)))
      if (e.kind !== 'comm') continue
      const name = (ref: Ref | undefined): string => {
        const found = ref === undefined ? undefined : names.get(ref)
        if (found === undefined)
          throw new RhizomeError('REPLAY_DIVERGED', `the log has a COMM of record ${ref}, but no event that made it`, {
            details: { ref },
            hint: 'Only what `produce` and `consume` did can be replayed: a take, read or claim leaves no event. Or the log does not begin at the beginning.',
          })
        return found
      }
      const comm: RecordedComm = { cont: name(e.ref), data: (e.data ?? []).map(name), branch: e.branch ?? 0, done: false }
      this.comms.push(comm)
      for (const id of new Set([comm.cont, ...comm.data])) {
        const list = this.byEvent.get(id)
        if (list === undefined) this.byEvent.set(id, [comm])
        else list.push(comm)
      }
    }
    this.occurrences.clear()
  }

  private name(id: string): string {
    const n = (this.occurrences.get(id) ?? 0) + 1
    this.occurrences.set(id, n)
    return `${id}#${n}`
  }

  produce(h: Handle<T>, value: T['A'], persistent: boolean, item: Item | null): Outcome<T> {
    const event = this.name(this.hooks.produceId(h, value, persistent))
    const d = this.hooks.store(h, value, persistent, item)
    this.present.set(event, d)
    const comms = this.settle(event)
    return this.hooks.outcome(d.stored ? d.ref : undefined, comms)
  }
  consume(k: Waiting<T>): Outcome<T> {
    const event = this.name(this.hooks.consumeId(k))
    this.hooks.park(k)
    this.present.set(event, k)
    const comms = this.settle(event)
    return this.hooks.outcome(k.waiting ? k.ref : undefined, comms)
  }

  /**
   * Fire the COMMs of this event whose participants are all there. A record takes part in its COMMs in the order of the log: one that takes
   * a datum waits for those that peeked at it before.
   */
  private settle(event: string): CommEvent<T>[] {
    const fired: CommEvent<T>[] = []
    const work = [event]
    for (let id = work.pop(); id !== undefined; id = work.pop()) {
      const list = this.byEvent.get(id) ?? []
      for (let comm = list[0]; comm !== undefined && this.isNext(comm) && this.tryFire(comm, fired); comm = list[0]) {
        const members = new Set([comm.cont, ...comm.data])
        for (const m of members) this.byEvent.get(m)?.shift()
        work.push(...members)
      }
    }
    return fired
  }

  private isNext(comm: RecordedComm): boolean {
    return [comm.cont, ...comm.data].every(id => this.byEvent.get(id)?.[0] === comm)
  }

  private tryFire(comm: RecordedComm, fired: CommEvent<T>[]): boolean {
    const k = this.present.get(comm.cont)
    const data = comm.data.map(id => this.present.get(id))
    if (!(k instanceof Waiting) || !k.waiting || data.some(d => !(d instanceof Datum) || !d.stored)) return false
    const present = data as Datum[]
    const results = present.map((d, i) => this.hooks.match(k, comm.branch, i, d))
    if (results.some(r => r === undefined))
      throw new RhizomeError('REPLAY_DIVERGED', 'a recorded COMM does not match any more', { details: { continuation: comm.cont } })
    comm.done = true
    this.hooks.fire(k, comm.branch, present, results as T['R'][], fired)
    return true
  }

  check(): void {
    const left = this.comms.filter(c => !c.done)
    if (left.length === 0) return
    const impossible = left.some(c => [c.cont, ...c.data].every(id => this.present.has(id)))
    throw impossible
      ? new RhizomeError('REPLAY_DIVERGED', 'a recorded COMM has become impossible', { details: { comms: left.length } })
      : new RhizomeError('REPLAY_LEFTOVER', `${left.length} recorded COMMs did not happen`, { details: { comms: left.length } })
  }
}

// --------------------------------------------------------------------------------------------------------- small things

interface Checked {
  readonly persist: boolean
  readonly volatile: boolean
  readonly leaseTicks: number
  readonly id: string | undefined
}
function checkPut(o: PutOptions): Checked {
  if (o === null || typeof o !== 'object') throw new BadArgument('options are an object')
  const { persist = false, volatile = false, leaseTicks, id } = o
  if (typeof persist !== 'boolean' || typeof volatile !== 'boolean') throw new BadArgument('persist and volatile are true or false')
  if (id !== undefined && (typeof id !== 'string' || id === '' || id.length > 1024))
    throw new BadArgument('an id is a text of 1 to 1,024 characters')
  return { persist, volatile, leaseTicks: leaseTicks === undefined ? 0 : rows.positive(leaseTicks, 'leaseTicks'), id }
}

const PLAIN: Checked = { persist: false, volatile: false, leaseTicks: 0, id: undefined }
const LINEAR_RECEIVE = plainShape(1, false)
const CONTRACT = plainShape(1, true)
/** With so many data on a channel, what comes is no record at once: few of them are still young when they go. */
const SHALLOW = 64
/** No COMMs. */
const NOTHING: readonly never[] = Object.freeze([])
const nothingToDo = (): void => {}

const isList = (x: unknown): boolean => Array.isArray(x)

function branchesOf<T extends Types>(
  what: readonly Bind<T>[] | { readonly any: readonly (readonly Bind<T>[])[] },
): readonly (readonly Bind<T>[])[] | undefined {
  if (Array.isArray(what)) return [what as readonly Bind<T>[]]
  const any = what !== null && typeof what === 'object' ? (what as { any?: readonly (readonly Bind<T>[])[] }).any : undefined
  return Array.isArray(any) ? any : undefined
}

/** A list for what the binds have, with no more room than a pair needs. Longer ones grow, and are copied by who keeps them. */
const roomFor = <X>(lists: readonly (readonly unknown[])[]): X[] =>
  lists.length === 1 && lists[0]?.length === 2 ? ([undefined, undefined] as unknown as X[]) : []

const isThere = (r: Datum | Waiting<Types>): boolean => (r instanceof Datum ? r.stored || r.hidden : r.waiting)

function durable(r: Datum | Waiting<Types>): boolean {
  return r instanceof Datum ? itemOf(r)?.volatile !== true : !r.volatile
}

function quietly<X>(fn: () => X): X | undefined {
  try {
    return fn()
  } catch {
    return undefined
  }
}

/**
 * Hosts hash texts badly that look like numbers, and what bytes make begins with a control character: texts that do either get a prefix
 * that no other text has.
 */
function textKey(text: string): string {
  const c = text.charCodeAt(0)
  return c > 57 || (c > 7 && c < 48) ? text : `\u0001${text}`
}
const SHORT = ['\u0002', '\u0003', '\u0004'] as const
const LONG = ['\u0005', '\u0006', '\u0007'] as const

/** Promise-returning calls never throw synchronously. */
function promised<X>(fn: () => X | Promise<X>): Promise<X> {
  try {
    return Promise.resolve(fn())
  } catch (e) {
    return Promise.reject(e)
  }
}

function defaultHandler(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  const named = body !== null && typeof body === 'object' ? (body as { handler?: unknown }).handler : undefined
  return typeof named === 'string' ? named : undefined
}

function randomKey(): Uint8Array {
  const key = new Uint8Array(32)
  globalThis.crypto.getRandomValues(key)
  return key
}

/** Everything at once. */
function atOnce<X>(steps: Generator<undefined, X>): X {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
/** With a turn for everybody else between the steps. */
async function inSlices<X>(steps: Generator<undefined, X>): Promise<X> {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await new Promise(resolve => setImmediate(resolve))
  }
}
/**
 * What the row of a record that has come held before: nothing, unless it came back in a rollback after its removal was committed, or the counters
 * are not beyond everything that was ever written.
 */
const bornAfter = (ref: Ref, highest: Ref): null | undefined => (ref > highest ? null : undefined)

/** A pair of small numbers is one number, which makes no text. */
const groupId = (cids: readonly number[]): string | number =>
  cids.length === 2 && cids[1] < PAIR_MAX ? cids[0] * PAIR_MAX + cids[1] : cids.join()
const PAIR_MAX = 2 ** 26

const orderText = (order: Settings<Types>['order']): string => (typeof order === 'object' ? `seed ${order.seed}` : (order ?? 'fifo'))
/** Where a record is written: in a row of its own, in a cell, or as what was in the cell before the row that has been begun. */
type Place = typeof OWN_ROW | typeof CELL | typeof OVER
const OWN_ROW = 0
const CELL = 1
const OVER = 2
function beginRow(to: Packer, tag: number, id: number, ref: Ref, place: Place): void {
  if (place === OWN_ROW) {
    to.begin(tag, id, ref)
    return
  }
  if (place === CELL) to.begin(tag, id, rows.CELL)
  else to.over()
  to.varint(ref)
}

/** Whether values are private copies that nobody can change: then they encode again to the bytes that were written. */
const keepsCopies = <T extends Types>({ pattern, body, guard }: Settings<T>['codec']): boolean =>
  pattern.copy !== undefined && body.copy !== undefined && (guard === undefined || guard.copy !== undefined)
export const orderOf = (text: string): Settings<Types>['order'] =>
  text.startsWith('seed ') ? { seed: BigInt(text.slice(5)) } : text === 'lifo' ? 'lifo' : 'fifo'
