/**
 * Events as a commit record keeps them (docs/persistence.md, "Events"): written while they happen, one behind the other, no object for any of them. What can
 * be computed from the rest, the identity of a produce or consume, is computed by the reader.
 */
import type { Codec, EventKind, Types } from './api.ts'
import { Appender } from './appender.ts'
import { RhizomeError } from './errors.ts'
import { hash, toHex } from './hash.ts'
import type { Handle } from './records.ts'
import { framed } from './rows.ts'
import { compareBytes, Malformed, Reader, varintLength } from './store/bytes.ts'

/** Numbers in stored data: append, never renumber. */
const KINDS: readonly EventKind[] = [
  'produce',
  'consume',
  'comm',
  'remove',
  'cancel',
  'expire',
  'install',
  'uninstall',
  'claim',
  'ack',
  'nack',
  'stall',
  'guard_error',
  'mark',
  'rollback',
  'checkpoint',
  'reset',
]
const NUMBER_OF = new Map(KINDS.map((kind, i) => [kind, i]))
const PRODUCE = 0
const CONSUME = 1
const COMM = 2
/** Not an event: so many of the ones before were taken back. */
const UNDO = 0x1f
const UNDO_1 = 0xff
/** Versions are below; version 0 was a text. */
const TEXTS = 0x20

const VERSION = 2
const KIND_BITS = 0x1f
const F_PERSISTENT = 0x20
const F_REF = 0x40
/** The operation is written out: it is not the one that was to be expected. */
const F_STEP = 0x80
/** Refs further back than this are written out. */
const BACK_MAX = 2 ** 31
/** More memory is not kept for the next group. */
const KEPT_BYTES = 4 << 20
const NO_PART: unknown = Symbol('nothing')

/** An event as it was recorded; channel and value are still encoded. */
export interface RecordedEvent {
  readonly kind: EventKind
  readonly op: number
  readonly ref?: number
  readonly channel?: Uint8Array
  readonly value?: Uint8Array
  readonly persistent?: boolean
  readonly id?: string
  readonly data?: readonly number[]
  readonly branch?: number
  readonly undone?: boolean
}

/** Of a channel. */
type Named = Pick<Handle<Types>, 'bytes' | 'kindByte' | 'told'>

/**
 * The events of one group. Nothing is written twice that the reader still has: a channel is a number from its second mention on, and a pattern, body or value that is
 * the one before takes a byte and is not encoded again.
 */
export class EventWriter extends Appender {
  private op = 0
  /** The highest ref so far. */
  private ref = 0
  count = 0
  /** Channels of this group have numbers above `base`, see `Handle.told`. */
  private base = 0
  private told = 0
  private lastPattern = NO_PART
  private lastBody = NO_PART
  private lastValue = NO_PART
  /** What cannot be written, by the number of its event: told to those who watch, not kept. */
  readonly errors = new Map<number, unknown>()

  constructor(capacity = 4096) {
    super(capacity)
    this.u8(VERSION)
  }

  /** To be filled again, with the events that come after those of `before`. */
  follow(before: EventWriter): this {
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(4096)
    this.at = 0
    this.u8(VERSION)
    this.op = this.ref = this.count = 0
    this.base = this.told = before.told
    this.lastPattern = this.lastBody = this.lastValue = NO_PART
    this.errors.clear()
    return this
  }

  produce<A>(op: number, ref: number, channel: Named, codec: Codec<A>, value: A, persistent: boolean): void {
    this.start(PRODUCE, F_REF | (persistent ? F_PERSISTENT : 0), op)
    this.newRef(ref)
    this.channel(channel, 0)
    if (Object.is(value, this.lastValue)) this.u8(0)
    else {
      this.part(codec, value)
      this.lastValue = value
    }
  }

  /** A consume with one bind that takes, without a guard. */
  receive<P, K>(op: number, ref: number, channel: Named, patterns: Codec<P>, pattern: P, bodies: Codec<K>, body: K): void {
    this.consume(op, ref, false, 1)
    this.u8(2)
    this.bind(channel, patterns, pattern, false)
    this.body(bodies, body)
  }

  /** Of a consume; then for each branch `branch` and its binds, and at last `body`. */
  consume(op: number, ref: number, persistent: boolean, branches: number): void {
    this.start(CONSUME, F_REF | (persistent ? F_PERSISTENT : 0), op)
    this.newRef(ref)
    this.varint(branches)
  }
  branch(binds: number, guard: Uint8Array | undefined): void {
    this.varint(binds * 2 + (guard === undefined ? 0 : 1))
    if (guard !== undefined) this.blob(guard)
  }
  bind<P>(channel: Named, codec: Codec<P>, pattern: P, peek: boolean): void {
    this.channel(channel, peek ? 1 : 0)
    if (Object.is(pattern, this.lastPattern)) this.u8(0)
    else {
      this.part(codec, pattern)
      this.lastPattern = pattern
    }
  }
  body<K>(codec: Codec<K>, body: K): void {
    if (Object.is(body, this.lastBody)) this.u8(0)
    else {
      this.part(codec, body)
      this.lastBody = body
    }
  }

  /** @param ref the continuation's, if it is stored */
  comm(op: number, ref: number | undefined, data: readonly { readonly ref: number }[], branch: number): void {
    this.start(COMM, ref === undefined ? 0 : F_REF, op)
    if (ref !== undefined) this.knownRef(ref)
    this.varint(branch)
    this.varint(data.length)
    for (let i = 0; i < data.length; i++) this.knownRef(data[i].ref)
  }
  /** A COMM of one datum, in the first branch. */
  pair(op: number, ref: number, datum: number): void {
    this.start(COMM, F_REF, op)
    this.knownRef(ref)
    this.u8(0)
    this.u8(1)
    this.knownRef(datum)
  }

  /** An event of another kind. */
  plain(kind: EventKind, op: number, ref: number | undefined): void {
    this.start(NUMBER_OF.get(kind) as number, ref === undefined ? 0 : F_REF, op)
    if (ref !== undefined) this.knownRef(ref)
  }

  /** The last events, back to the one with this number, were taken back. */
  undo(from: number): void {
    if (from >= this.count) return
    this.u8(UNDO)
    this.varint(this.count - from)
  }

  private start(kind: number, flags: number, op: number): void {
    this.count++
    const step = op - this.op
    if (step === expectedStep(kind)) this.u8(kind | flags)
    else {
      this.u8(kind | flags | F_STEP)
      // An operation that failed gives its number back.
      this.varint(step < 0 ? -2 * step - 1 : 2 * step)
    }
    this.op = op
  }

  /** Of a record that comes: mostly a little above all others. */
  private newRef(ref: number): void {
    const step = ref - this.ref
    if (step > 0) {
      this.varint(step)
      this.ref = ref
    } else this.writtenOut(ref)
  }
  /** Of one that came before: mostly a little below the highest. */
  private knownRef(ref: number): void {
    const back = this.ref - ref
    if (back >= 0 && back < BACK_MAX) this.varint(back + 1)
    else this.writtenOut(ref)
  }
  private writtenOut(ref: number): void {
    this.u8(0)
    this.varint(ref)
  }

  /** Its number in this group, and a flag; from now on it has one. */
  private channel(h: Named, flag: number): void {
    if (h.told > this.base) {
      this.varint(2 * (h.told - this.base) + flag)
      return
    }
    h.told = ++this.told
    const bytes = h.bytes()
    this.u8(flag)
    this.varint(bytes.length + 1)
    this.u8(h.kindByte)
    this.raw(bytes)
  }
  /** One more than the length of the encoded value, and the value: encoded in place where the codec can. */
  private part<X>(codec: Codec<X>, value: X): void {
    const { at } = this
    const end = this.ahead(codec, value, 1)
    const more = end - at
    if (more < 128) {
      this.bytes[at] = more
      this.at = end
      return
    }
    // The length takes more room than it was given.
    const shift = varintLength(more) - 1
    this.at = end
    this.room(shift)
    this.bytes.copyWithin(at + 1 + shift, at + 1, end)
    this.at = at
    this.varint(more)
    this.at = end + shift
  }
}
const expectedStep = (kind: number): number => (kind === COMM ? 0 : 1)

/** Identity of a produce: channel, value, persistence. */
export const produceId = (channel: Uint8Array, value: Uint8Array, persistent: boolean): string =>
  toHex(hash('produce', framed([channel, value, Uint8Array.of(persistent ? 1 : 0)])))

/** Which pattern belongs to which channel of a branch and which binds peek, in any order of binds; and the guard. */
export interface BranchParts {
  readonly binds: readonly { readonly channel: Uint8Array; readonly pattern: Uint8Array; readonly peek: boolean }[]
  readonly guard: Uint8Array | undefined
}
/** What a continuation is, whatever its ref: branches, body, persistence. */
export function consumeBytes(branches: readonly BranchParts[], body: Uint8Array, persistent: boolean): Uint8Array {
  const parts = branches.map(({ binds, guard }) => {
    const triples = binds.map(b => framed([b.channel, b.pattern, Uint8Array.of(b.peek ? 1 : 0)]))
    triples.sort(compareBytes)
    return framed([...triples, ...(guard === undefined ? [] : [Uint8Array.of(1), guard])])
  })
  return framed([...parts, body, Uint8Array.of(persistent ? 1 : 0)])
}
export const consumeId = (branches: readonly BranchParts[], body: Uint8Array, persistent: boolean): string =>
  toHex(hash('consume', consumeBytes(branches, body, persistent)))

/**
 * The events of a commit record, of this version or of an older one; `ids`: with identities.
 * @throws RhizomeError CORRUPT; VERSION: a later version has written them
 */
export function readEvents(bytes: Uint8Array, ids = true): RecordedEvent[] {
  const version = bytes[0]
  if (version > VERSION && version < TEXTS)
    throw new RhizomeError('VERSION', `the events of a commit are of version ${version}; this program knows ${VERSION} and those before`)
  try {
    if (version === VERSION) return readPacked(new Source(bytes), ids)
    return version === 1 ? readPacked(new FirstSource(bytes), ids) : readTexts(bytes)
  } catch (e) {
    if (!(e instanceof Malformed || e instanceof SyntaxError || e instanceof TypeError)) throw e
    throw new RhizomeError('CORRUPT', `the events of a commit are malformed: ${e.message}`)
  }
}
/** Takes apart what an `EventWriter` has put together. */
class Source {
  protected readonly r: Reader
  kind = 0
  isPersistent = false
  hasRef = false
  op = 0
  private ref = 0
  private readonly channels: Uint8Array[] = []
  private readonly parts: (Uint8Array | undefined)[] = []

  constructor(bytes: Uint8Array) {
    this.r = new Reader(bytes)
    this.r.u8()
  }
  get isOver(): boolean {
    return this.r.left === 0
  }
  count(): number {
    return this.r.varint()
  }
  blob(): Uint8Array {
    return this.r.blob()
  }
  /** Kind and operation of the next event. */
  head(): void {
    const head = this.r.u8()
    this.kind = head & KIND_BITS
    this.isPersistent = (head & F_PERSISTENT) !== 0
    this.hasRef = (head & F_REF) !== 0
    if ((head & F_STEP) !== 0) this.step()
    else if (this.kind !== UNDO) this.op += expectedStep(this.kind)
  }
  protected step(): void {
    const step = this.r.varint()
    this.op += step % 2 === 1 ? -(step + 1) / 2 : step / 2
  }
  newRef(): number {
    const step = this.r.varint()
    if (step === 0) return this.r.varint()
    this.ref += step
    if (!Number.isSafeInteger(this.ref)) throw new Malformed('a ref is too large')
    return this.ref
  }
  knownRef(): number {
    const back = this.r.varint()
    if (back === 0) return this.r.varint()
    if (back > this.ref + 1) throw new Malformed('a ref is below zero')
    return this.ref + 1 - back
  }
  channel(): { readonly channel: Uint8Array; readonly flag: number } {
    const n = this.r.varint()
    const flag = n % 2
    const i = (n - flag) / 2 - 1
    if (i < 0) this.channels.push(this.r.blob().slice())
    const channel = this.channels.at(i)
    if (channel === undefined) throw new Malformed('a channel has not been named')
    return { channel, flag }
  }
  part(which: number): Uint8Array {
    const length = this.r.varint()
    if (length > 0) this.parts[which] = this.r.raw(length - 1).slice()
    const part = this.parts[which]
    if (part === undefined) throw new Malformed('nothing came before that could be the same')
    return part
  }
}

/** Version 1 wrote out everything. */
class FirstSource extends Source {
  override head(): void {
    this.kind = this.r.u8()
    if (this.kind === UNDO_1) {
      this.kind = UNDO
      return
    }
    const flags = this.r.u8()
    if (flags > 3) throw new Malformed('unknown flags of an event')
    this.hasRef = (flags & 1) !== 0
    this.isPersistent = (flags & 2) !== 0
    this.step()
  }
  override newRef(): number {
    return this.r.varint()
  }
  override knownRef(): number {
    return this.r.varint()
  }
  override channel(): { readonly channel: Uint8Array; readonly flag: number } {
    const flag = this.kind === CONSUME && this.r.varint() === 1 ? 1 : 0
    return { channel: this.r.blob().slice(), flag }
  }
  override part(): Uint8Array {
    return this.r.blob().slice()
  }
}
const [PATTERN, BODY, VALUE] = [0, 1, 2]

function readPacked(s: Source, ids: boolean): RecordedEvent[] {
  const events: RecordedEvent[] = []
  while (!s.isOver) {
    s.head()
    const { kind: number, op, isPersistent: persistent } = s
    if (number === UNDO) {
      const n = s.count()
      if (n > events.length) throw new Malformed('more events are taken back than there are')
      for (let i = events.length - n; i < events.length; i++) events[i] = { ...events[i], undone: true }
      continue
    }
    const kind = KINDS[number]
    if (kind === undefined) throw new Malformed('unknown kind of event')
    if (number === PRODUCE) {
      const ref = s.hasRef ? { ref: s.newRef() } : {}
      const { channel } = s.channel()
      const value = s.part(VALUE)
      events.push({ kind, op, ...ref, channel, value, persistent, ...(ids ? { id: produceId(channel, value, persistent) } : {}) })
    } else if (number === CONSUME) {
      const ref = s.hasRef ? { ref: s.newRef() } : {}
      const branches: BranchParts[] = []
      for (let b = s.count(); b > 0; b--) {
        const head = s.count()
        const guard = head % 2 === 1 ? s.blob() : undefined
        const binds: BranchParts['binds'][number][] = []
        for (let n = Math.floor(head / 2); n > 0; n--) {
          const { channel, flag } = s.channel()
          binds.push({ channel, pattern: s.part(PATTERN), peek: flag === 1 })
        }
        branches.push({ binds, guard })
      }
      const body = s.part(BODY)
      const channel = branches[0]?.binds[0]?.channel
      if (channel === undefined) throw new Malformed('a consume has no channel')
      events.push({ kind, op, ...ref, channel, persistent, ...(ids ? { id: consumeId(branches, body, persistent) } : {}) })
    } else {
      const ref = s.hasRef ? { ref: s.knownRef() } : {}
      if (number !== COMM) events.push({ kind, op, ...ref })
      else {
        const branch = s.count()
        const data: number[] = []
        for (let n = s.count(); n > 0; n--) data.push(s.knownRef())
        events.push({ kind, op, ...ref, data, branch })
      }
    }
  }
  return events
}

/** Format 1.0 wrote JSON, bytes as hexadecimal. */
function readTexts(bytes: Uint8Array): RecordedEvent[] {
  const list = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as (Omit<RecordedEvent, 'channel' | 'value'> & {
    channel?: string
    value?: string
  })[]
  if (!Array.isArray(list)) throw new Malformed('not a list')
  return list.map(({ channel, value, ...e }) => ({
    ...e,
    ...(channel === undefined ? {} : { channel: fromHex(channel) }),
    ...(value === undefined ? {} : { value: fromHex(value) }),
  }))
}

function fromHex(s: string): Uint8Array {
  const bytes = new Uint8Array(s.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** Whether a new log begins in these events. */
export const hasReset = (bytes: Uint8Array): boolean => readEvents(bytes, false).some(e => e.kind === 'reset')
