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
/** Not an event: so many of the ones before were taken back. */
const UNDO = 0xff

const VERSION = 1
const F_REF = 1
const F_PERSISTENT = 2

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

type Named = Pick<Handle<Types>, 'bytes' | 'kindByte'>

/** The events of one group. */
export class EventWriter extends Appender {
  private op = 0
  count = 0
  /** What cannot be written, by the number of its event: told to those who watch, not kept. */
  readonly errors = new Map<number, unknown>()

  constructor(capacity = 4096) {
    super(capacity)
    this.u8(VERSION)
  }

  produce<A>(op: number, ref: number, channel: Named, codec: Codec<A>, value: A, persistent: boolean): void {
    this.start(PRODUCE, F_REF | (persistent ? F_PERSISTENT : 0), op)
    this.varint(ref)
    this.channel(channel)
    this.valueBlob(codec, value)
  }

  /** Of a consume; then for each branch `branch` and its binds, and at last `body`. */
  consume(op: number, ref: number, persistent: boolean, branches: number): void {
    this.start(CONSUME, F_REF | (persistent ? F_PERSISTENT : 0), op)
    this.varint(ref)
    this.varint(branches)
  }
  branch(binds: number, guard: Uint8Array | undefined): void {
    this.varint(binds * 2 + (guard === undefined ? 0 : 1))
    if (guard !== undefined) this.blob(guard)
  }
  bind(channel: Named, pattern: Uint8Array, peek: boolean): void {
    this.varint(peek ? 1 : 0)
    this.channel(channel)
    this.blob(pattern)
  }
  body(body: Uint8Array): void {
    this.blob(body)
  }

  /** @param ref the continuation's, if it is stored */
  comm(op: number, ref: number | undefined, data: readonly { readonly ref: number }[], branch: number): void {
    this.start(COMM, ref === undefined ? 0 : F_REF, op)
    if (ref !== undefined) this.varint(ref)
    this.varint(branch)
    this.varint(data.length)
    for (let i = 0; i < data.length; i++) this.varint(data[i].ref)
  }

  /** An event of another kind. */
  plain(kind: EventKind, op: number, ref: number | undefined): void {
    this.start(NUMBER_OF.get(kind) as number, ref === undefined ? 0 : F_REF, op)
    if (ref !== undefined) this.varint(ref)
  }

  /** The last events, back to the one with this number, were taken back. */
  undo(from: number): void {
    if (from >= this.count) return
    this.room(12)
    this.bytes[this.at++] = UNDO
    this.varint(this.count - from)
  }

  private start(kind: number, flags: number, op: number): void {
    this.count++
    this.room(16)
    this.bytes[this.at++] = kind
    this.bytes[this.at++] = flags
    // An operation that failed gives its number back.
    const step = op - this.op
    this.op = op
    this.varint(step < 0 ? -2 * step - 1 : 2 * step)
  }

  private channel(h: Named): void {
    const bytes = h.bytes()
    this.varint(bytes.length + 1)
    this.room(1)
    this.bytes[this.at++] = h.kindByte
    this.raw(bytes)
  }
  /** The encoded value as a blob, encoded in place where the codec can and its length takes one byte, as with most. */
  private valueBlob<A>(codec: Codec<A>, value: A): void {
    const { at } = this
    const end = this.ahead(codec, value, 1)
    const length = end - at - 1
    if (length < 128) {
      this.bytes[at] = length
      this.at = end
    } else this.blob(this.bytes.slice(at + 1, end))
  }
}

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

/** The events of a commit record, of this version or of an older one; `ids`: with identities. @throws RhizomeError CORRUPT */
export function readEvents(bytes: Uint8Array, ids = true): RecordedEvent[] {
  try {
    return bytes[0] === VERSION ? readPacked(bytes, ids) : readTexts(bytes)
  } catch (e) {
    if (!(e instanceof Malformed || e instanceof SyntaxError || e instanceof TypeError)) throw e
    throw new RhizomeError('CORRUPT', `the events of a commit are malformed: ${e.message}`)
  }
}

function readPacked(bytes: Uint8Array, ids: boolean): RecordedEvent[] {
  const r = new Reader(bytes)
  r.u8()
  const events: RecordedEvent[] = []
  let op = 0
  while (r.left > 0) {
    const number = r.u8()
    if (number === UNDO) {
      const n = r.varint()
      if (n > events.length) throw new Malformed('more events are taken back than there are')
      for (let i = events.length - n; i < events.length; i++) events[i] = { ...events[i], undone: true }
      continue
    }
    const kind = KINDS[number]
    if (kind === undefined) throw new Malformed('unknown kind of event')
    const flags = r.u8()
    if (flags > (F_REF | F_PERSISTENT)) throw new Malformed('unknown flags of an event')
    const step = r.varint()
    op += step % 2 === 1 ? -(step + 1) / 2 : step / 2
    const ref = (flags & F_REF) === 0 ? {} : { ref: r.varint() }
    const persistent = (flags & F_PERSISTENT) !== 0
    if (number === PRODUCE) {
      const channel = r.blob().slice()
      const value = r.blob().slice()
      events.push({ kind, op, ...ref, channel, value, persistent, ...(ids ? { id: produceId(channel, value, persistent) } : {}) })
    } else if (number === CONSUME) {
      const branches: BranchParts[] = []
      for (let b = r.varint(); b > 0; b--) {
        const head = r.varint()
        const guard = head % 2 === 1 ? r.blob() : undefined
        const binds: BranchParts['binds'][number][] = []
        for (let n = Math.floor(head / 2); n > 0; n--) {
          const peek = r.varint() === 1
          binds.push({ channel: r.blob(), pattern: r.blob(), peek })
        }
        branches.push({ binds, guard })
      }
      const body = r.blob()
      const channel = branches[0]?.binds[0]?.channel.slice()
      if (channel === undefined) throw new Malformed('a consume has no channel')
      events.push({ kind, op, ...ref, channel, persistent, ...(ids ? { id: consumeId(branches, body, persistent) } : {}) })
    } else if (number === COMM) {
      const branch = r.varint()
      const data: number[] = []
      for (let n = r.varint(); n > 0; n--) data.push(r.varint())
      events.push({ kind, op, ...ref, data, branch })
    } else events.push({ kind, op, ...ref })
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
