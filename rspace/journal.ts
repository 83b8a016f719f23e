/**
 * Events as a commit record keeps them (docs/persistence.md, "Events"): written while they happen, one behind the other, no object for any of them. What can
 * be computed from the rest, the identity of a produce or consume, is computed by the reader.
 */
import type { Codec, EventKind, Types } from './api.ts'
import { Appender, encode, encodeInto } from './appender.ts'
import { RhizomeError } from './errors.ts'
import { hash, toHex } from './hash.ts'
import type { Handle } from './records.ts'
import { framed } from './rows.ts'
import { compareBytes, Malformed, Reader } from './store/bytes.ts'

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
/** A consume of one bind that takes, without a guard; and such a one with the pattern and the body of the consume before. */
const RECEIVE = 0x1e
const AGAIN = 0x1d
/** Not an event: so many of the ones before were taken back. */
const UNDO = 0x1f
const UNDO_1 = 0xff
/** Versions are below; version 0 was a text. */
const TEXTS = 0x20

const VERSION = 3
const KIND_BITS = 0x1f
const F_PERSISTENT = 0x20
/** It has a ref. What comes always has one: of a produce or consume, the COMM follows that it made at once, of one datum and in the first branch. */
const F_REF = 0x40
const F_MET = 0x40
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

/** Head, operation, ref and channel of an event, without the name of the channel. */
const FIXED_BYTES = 40
/** Less in common is not worth saying. */
const SHARED_MIN = 4
/** Room for a value whose length nobody knows. */
const LAST_BYTES = 256

/** The last value, pattern or body: the one that follows mostly differs from it in a few bytes. Both lie at the beginning of a piece of memory, to be compared by words. */
class Last {
  value: unknown = NO_PART
  private bytes = new Uint8Array(LAST_BYTES)
  private words = new Int32Array(this.bytes.buffer)
  /** −1: there is none. */
  length = -1
  /** Of the one that follows. */
  next = new Uint8Array(LAST_BYTES)
  private nextWords = new Int32Array(this.next.buffer)
  nextLength = 0
  /** What it has in common with the last one, from the beginning and up to the end. */
  shared = 0
  sharedEnd = 0

  reset(): void {
    if (this.bytes.length + this.next.length > KEPT_BYTES) {
      this.room(LAST_BYTES)
      this.turn(NO_PART)
      this.room(LAST_BYTES)
    }
    this.value = NO_PART
    this.length = -1
  }

  /** Encode the one that follows. @throws RhizomeError CODEC; then nothing has changed */
  take<X>(codec: Codec<X>, value: X): void {
    if (codec.encodeInto === undefined) {
      const bytes = encode(codec, value)
      if (bytes.length > this.next.length) this.room(bytes.length)
      this.next.set(bytes)
      this.end(bytes.length)
      return
    }
    let end = encodeInto(codec, value, this.next, 0)
    for (; end < 0; end = encodeInto(codec, value, this.next, 0)) this.room(2 * this.next.length)
    this.end(end)
  }
  private end(at: number): void {
    this.nextLength = at
    const { next } = this
    for (; (at & 3) !== 0; at++) next[at] = 0
  }
  private room(n: number): void {
    this.next = new Uint8Array(n + 3 - ((n + 3) & 3))
    this.nextWords = new Int32Array(this.next.buffer)
  }

  /** Find out what both have in common. By words where they are of one length, as most are: behind their ends both have zeros. */
  compare(): void {
    const { bytes, words, length, next, nextWords, nextLength } = this
    let from = 0
    let to = 0
    if (length === nextLength) {
      const n = (length + 3) >> 2
      let i = 0
      while (i < n && words[i] === nextWords[i]) i++
      if (i === n) from = length
      else {
        from = 4 * i
        while (bytes[from] === next[from]) from++
        let end = n - 1
        while (words[end] === nextWords[end]) end--
        end = 4 * end + 3
        while (bytes[end] === next[end]) end--
        to = length - 1 - end
      }
    } else {
      const max = Math.min(length, nextLength)
      while (from < max && bytes[from] === next[from]) from++
      const rest = max - from
      while (to < rest && bytes[length - 1 - to] === next[nextLength - 1 - to]) to++
    }
    this.shared = from
    this.sharedEnd = to
  }

  /** The one that followed has become the last one. */
  turn(value: unknown): void {
    const { bytes, words } = this
    this.value = value
    this.bytes = this.next
    this.words = this.nextWords
    this.length = this.nextLength
    this.next = bytes
    this.nextWords = words
  }
}

/**
 * The events of one group. Nothing is written twice that the reader still has: a channel is a number from its second mention on; of a pattern, body or value only
 * that is written in which it differs from the one before, and it is not even encoded if it is the same; a COMM is a ref behind what made it.
 */
export class EventWriter extends Appender {
  private op = 0
  /** The highest ref so far. */
  private ref = 0
  count = 0
  /** Channels of this group have numbers above `base`, see `Handle.told`. */
  private base = 0
  private told = 0
  private readonly patterns = new Last()
  private readonly bodies = new Last()
  private readonly values = new Last()
  /** Where the last event begins, if it is a produce or consume, whose COMM may follow; else −1. */
  private comesAt = -1
  /** Its ref, and which of the two it is. */
  private comesRef = 0
  private comesDatum = false
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
    this.comesAt = -1
    this.patterns.reset()
    this.bodies.reset()
    this.values.reset()
    this.errors.clear()
    return this
  }

  produce<A>(op: number, ref: number, channel: Named, codec: Codec<A>, value: A, persistent: boolean): void {
    const { values } = this
    const isSame = Object.is(value, values.value)
    if (!isSame) values.take(codec, value)
    this.come(persistent ? PRODUCE | F_PERSISTENT : PRODUCE, op, ref)
    this.comesDatum = true
    this.channel(channel, 0)
    if (isSame) this.bytes[this.at++] = 0
    else this.part(values, value)
  }

  /** A consume with one bind that takes, without a guard. */
  receive<P, K>(op: number, ref: number, channel: Named, patternCodec: Codec<P>, pattern: P, bodyCodec: Codec<K>, body: K): void {
    const { patterns, bodies } = this
    const isSamePattern = Object.is(pattern, patterns.value)
    const isSameBody = Object.is(body, bodies.value)
    if (isSamePattern && isSameBody) {
      this.come(AGAIN, op, ref)
      this.channel(channel, 0)
      return
    }
    if (!isSamePattern) patterns.take(patternCodec, pattern)
    if (!isSameBody) bodies.take(bodyCodec, body)
    this.come(RECEIVE, op, ref)
    this.channel(channel, 0)
    if (isSamePattern) this.u8(0)
    else this.part(patterns, pattern)
    if (isSameBody) this.u8(0)
    else this.part(bodies, body)
  }

  /** Of a consume; then for each branch `branch` and its binds, and at last `body`. */
  consume(op: number, ref: number, persistent: boolean, branches: number): void {
    this.come(persistent ? CONSUME | F_PERSISTENT : CONSUME, op, ref)
    this.varint(branches)
  }
  branch(binds: number, guard: Uint8Array | undefined): void {
    this.varint(binds * 2 + (guard === undefined ? 0 : 1))
    if (guard !== undefined) this.blob(guard)
  }
  bind<P>(channel: Named, codec: Codec<P>, pattern: P, peek: boolean): void {
    this.room(FIXED_BYTES)
    this.channel(channel, peek ? 1 : 0)
    this.either(this.patterns, codec, pattern)
  }
  body<K>(codec: Codec<K>, body: K): void {
    this.either(this.bodies, codec, body)
  }
  private either<X>(last: Last, codec: Codec<X>, value: X): void {
    if (Object.is(value, last.value)) {
      this.u8(0)
      return
    }
    last.take(codec, value)
    this.part(last, value)
  }

  /** @param ref the continuation's, if it is stored */
  comm(op: number, ref: number | undefined, data: readonly { readonly ref: number }[], branch: number): void {
    if (ref !== undefined && data.length === 1 && branch === 0) {
      this.pair(op, ref, data[0].ref)
      return
    }
    this.start(COMM, op, ref)
    this.varint(branch)
    this.varint(data.length)
    for (let i = 0; i < data.length; i++) this.knownRef(data[i].ref)
  }
  /** A COMM of one datum, in the first branch. */
  pair(op: number, ref: number, datum: number): void {
    const { comesAt } = this
    if (comesAt >= 0 && op === this.op && (this.comesDatum ? datum : ref) === this.comesRef) {
      this.comesAt = -1
      this.count++
      this.bytes[comesAt] |= F_MET
      this.knownRef(this.comesDatum ? ref : datum)
      return
    }
    this.start(COMM, op, ref)
    this.u8(0)
    this.u8(1)
    this.knownRef(datum)
  }

  /** An event of another kind. */
  plain(kind: EventKind, op: number, ref: number | undefined): void {
    this.start(NUMBER_OF.get(kind) as number, op, ref)
  }

  /** The last events, back to the one with this number, were taken back. */
  undo(from: number): void {
    if (from >= this.count) return
    this.comesAt = -1
    this.u8(UNDO)
    this.varint(this.count - from)
  }

  /** A produce or consume, up to its ref. Leaves room for the rest of what is fixed. */
  private come(kind: number, op: number, ref: number): void {
    this.room(FIXED_BYTES)
    this.comesAt = this.at
    this.comesRef = ref
    this.comesDatum = false
    this.head(kind, op)
    const step = ref - this.ref
    if (step > 0) {
      // Mostly a little above all others.
      if (step < 128) this.bytes[this.at++] = step
      else this.varint(step)
      this.ref = ref
    } else this.writtenOut(ref)
  }
  /** Another event, of what came before. */
  private start(kind: number, op: number, ref: number | undefined): void {
    this.room(FIXED_BYTES)
    this.comesAt = -1
    this.head(ref === undefined ? kind : kind | F_REF, op)
    if (ref !== undefined) this.knownRef(ref)
  }
  private head(kind: number, op: number): void {
    this.count++
    const step = op - this.op
    this.op = op
    if (step === expectedStep(kind & KIND_BITS)) this.bytes[this.at++] = kind
    else {
      this.bytes[this.at++] = kind | F_STEP
      // An operation that failed gives its number back.
      this.varint(step < 0 ? -2 * step - 1 : 2 * step)
    }
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
    const { told } = h
    if (told > this.base) {
      const n = 2 * (told - this.base) + flag
      if (n < 128) this.bytes[this.at++] = n
      else this.varint(n)
      return
    }
    h.told = ++this.told
    const bytes = h.bytes()
    this.u8(flag)
    this.varint(bytes.length + 1)
    this.u8(h.kindByte)
    this.raw(bytes)
    this.room(1)
  }

  /** What `last` has taken, and becomes. */
  private part(last: Last, value: unknown): void {
    last.compare()
    const { next, nextLength, shared, sharedEnd, length } = last
    if (shared === nextLength && shared === length) this.u8(0)
    else if (shared + sharedEnd < SHARED_MIN) {
      this.varint(2 * nextLength + 1)
      this.piece(next, 0, nextLength)
    } else {
      this.varint(2 * shared + 2)
      this.varint(sharedEnd)
      this.varint(nextLength - shared - sharedEnd)
      this.piece(next, shared, nextLength - sharedEnd)
    }
    last.turn(value)
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
    if (version === 2) return readPacked(new SecondSource(bytes), ids)
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
  /** The COMM follows that it made. */
  isMet = false
  op = 0
  private ref = 0
  private readonly channels: Uint8Array[] = []
  protected readonly parts: (Uint8Array | undefined)[] = []

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
    const comes = this.kind === PRODUCE || this.kind === CONSUME || this.kind === RECEIVE || this.kind === AGAIN
    this.hasRef = comes || (head & F_REF) !== 0
    this.isMet = comes && (head & F_MET) !== 0
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
    const head = this.r.varint()
    if (head % 2 === 1) return this.keep(which, this.r.raw((head - 1) / 2).slice())
    const last = this.last(which)
    if (head === 0) return last
    const from = head / 2 - 1
    const to = this.r.varint()
    if (from + to > last.length) throw new Malformed('more is the same than there was')
    const middle = this.r.blob()
    const part = new Uint8Array(from + middle.length + to)
    part.set(last.subarray(0, from))
    part.set(middle, from)
    part.set(last.subarray(last.length - to), from + middle.length)
    return this.keep(which, part)
  }
  /** The same as the last one. */
  last(which: number): Uint8Array {
    const part = this.parts[which]
    if (part === undefined) throw new Malformed('nothing came before that could be the same')
    return part
  }
  protected keep(which: number, part: Uint8Array): Uint8Array {
    this.parts[which] = part
    return part
  }
}

/** Version 2 had fewer kinds, flagged every ref, and wrote out what was not the same. */
class SecondSource extends Source {
  override head(): void {
    super.head()
    if (this.kind === RECEIVE || this.kind === AGAIN) throw new Malformed('unknown kind of event')
    if (this.kind === PRODUCE || this.kind === CONSUME) this.hasRef = this.isMet
    this.isMet = false
  }
  override part(which: number): Uint8Array {
    const length = this.r.varint()
    return length === 0 ? this.last(which) : this.keep(which, this.r.raw(length - 1).slice())
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
    const kind = number === RECEIVE || number === AGAIN ? 'consume' : KINDS[number]
    if (kind === undefined) throw new Malformed('unknown kind of event')
    if (number === PRODUCE) {
      const ref = s.hasRef ? { ref: s.newRef() } : {}
      const { channel } = s.channel()
      const value = s.part(VALUE)
      events.push({ kind, op, ...ref, channel, value, persistent, ...(ids ? { id: produceId(channel, value, persistent) } : {}) })
      if (s.isMet) events.push({ kind: 'comm', op, ref: s.knownRef(), data: [ref.ref as number], branch: 0 })
    } else if (kind === 'consume') {
      const ref = s.hasRef ? { ref: s.newRef() } : {}
      const branches: BranchParts[] = []
      let body: Uint8Array
      if (number === CONSUME) {
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
        body = s.part(BODY)
      } else {
        const { channel } = s.channel()
        const isSame = number === AGAIN
        branches.push({ binds: [{ channel, pattern: isSame ? s.last(PATTERN) : s.part(PATTERN), peek: false }], guard: undefined })
        body = isSame ? s.last(BODY) : s.part(BODY)
      }
      const channel = branches[0]?.binds[0]?.channel
      if (channel === undefined) throw new Malformed('a consume has no channel')
      events.push({ kind, op, ...ref, channel, persistent, ...(ids ? { id: consumeId(branches, body, persistent) } : {}) })
      if (s.isMet) events.push({ kind: 'comm', op, ref: ref.ref as number, data: [s.knownRef()], branch: 0 })
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
