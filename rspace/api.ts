/** The words of the public interface. What they do is said where they are implemented, in `space.ts`. */
import type { JsonTypes } from './json.ts'

export type { JsonTypes }

/** Canonical (equal values, equal bytes), injective and total on what it accepts. */
export interface Codec<T> {
  readonly id: string
  encode(value: T): Uint8Array
  /** Write what `encode` gives into `into` from `at` on and return where it ends, or −1 if there is no room. Saves an array for each value. */
  encodeInto?(value: T, into: Uint8Array, at: number): number
  decode(bytes: Uint8Array): T
  /** A private immutable copy, made when a value enters; throws BAD_ARGUMENT for what cannot be stored. Without it values must be immutable. */
  copy?(value: T, bytesMax?: number): T
  /** Whether `copy(value)` would be equal to `known`, which it has made; it may say no. Saves making the same copy again and again. */
  isCopyOf?(known: T, value: T): boolean
  /** Equal values, equal texts, different values, different texts; faster than bytes where a value is only looked up. */
  key?(value: T): string
}
/** Effort of matching, counted in steps. A matcher that does more than a constant amount of work charges for it. */
export interface Meter {
  readonly used: number
  step(n?: number): void
}
export type Key = string | number
export interface Matcher<P, A, K, R = A, G = never> {
  /** What the body receives, or undefined if the pattern does not fit. */
  match(pattern: P, datum: A, meter: Meter): R | undefined
  /** All solutions, asked only under a guard. Default: the one of `match`. */
  matchAll?(pattern: P, datum: A, meter: Meter): Iterable<R>
  /** Every complete assignment is offered. Anything but true means that it does not match. */
  guard?(where: G, body: K, results: readonly R[], meter: Meter): boolean
  /** Optional index: a pattern fits only data that have all its keys. */
  keys?(pattern: P): readonly Key[]
  datumKeys?(datum: A): readonly Key[]
  /** Changes when `datumKeys` would answer more than before. */
  readonly keysVersion?: number
  /** Refuse malformed patterns and guards with BAD_ARGUMENT before anything happens. `patterns` are those of one branch. */
  check?(patterns: readonly P[], where: G | undefined): void
}

export type Durability = 'memory' | 'process' | 'power'
export interface Types {
  /** Channel, pattern, datum, body, result of a match, guard. */
  C: unknown
  P: unknown
  A: unknown
  K: unknown
  R: unknown
  G: unknown
}
/** Identity of a record: ascending in order of arrival, never reused. */
export type Ref = number
export type OpNumber = number
export type Root = string

export interface Limits {
  readonly channelsMax?: number
  readonly dataPerChannelMax?: number
  readonly continuationsPerChannelMax?: number
  readonly recordBytesMax?: number
  readonly bindsMax?: number
  readonly matchStepsMax?: number
  readonly matchStepsPerContinuationMax?: number
  /** Events that a space in memory keeps with journal `events`: the newest 250,000. A store keeps those of its commit records. */
  readonly journalEventsMax?: number
}
export interface OpenOptions<T extends Types> {
  readonly codec: { channel: Codec<T['C']>; pattern: Codec<T['P']>; datum: Codec<T['A']>; body: Codec<T['K']>; guard?: Codec<T['G']> }
  readonly matcher: Matcher<T['P'], T['A'], T['K'], T['R'], T['G']>
  readonly durability?: Durability
  readonly create?: boolean
  readonly readOnly?: boolean
  readonly order?: 'fifo' | 'lifo' | { readonly seed: bigint }
  readonly mode?: 'standard' | 'classic'
  /** COMMs that one operation fires before the rest goes to the pump. Default 1,000. */
  readonly burst?: number
  readonly journal?: 'undo' | 'events'
  readonly history?: 'none' | 'digest' | 'merkle'
  /** Checkpoints that history `merkle` keeps: the newest `last` (default 10), every `every`-th, and those that were pinned. */
  readonly keep?: { readonly last?: number; readonly every?: number }
  /** Collect events for `report()`. */
  readonly report?: boolean
  readonly limits?: Limits
  /**
   * When a group of changes closes. `manual`: only at `flush()`. Otherwise whenever no commit is on its way, but not sooner than `intervalMsMin`
   * (default 0) after the one before; a group of `opsMax` changed records (default 1,000) or about `bytesMax` bytes closes at once.
   */
  readonly group?: 'manual' | 'auto' | { readonly opsMax?: number; readonly bytesMax?: number; readonly intervalMsMin?: number }
  /** 32 bytes for the nth fresh channel. Default: a keyed counter. */
  readonly names?: (n: number) => Uint8Array
  /** Key of derived channels; who has it can guess them. Default: random for a new space, kept with it. */
  readonly instanceKey?: Uint8Array
  /** The handler that a body names, if any. Default: a string, or the string field `handler` of an object. */
  readonly handlerOf?: (body: T['K']) => string | undefined
  readonly run?: (comm: CommEvent<T>) => void
  /** Commits within which a repeated `id` is recognised. Default 10,000. */
  readonly idWindow?: number
  /** Freeze what calls return, so that a caller who changes it is found out. Costs time. */
  readonly debug?: boolean
}

export interface PutOptions<T extends Types = Types> {
  readonly persist?: boolean
  /** Matches like others, is never written, gone at close. */
  readonly volatile?: boolean
  /** The record leaves when `tick` has counted this far. */
  readonly leaseTicks?: number
  /** A repetition with the same id returns the first outcome and does nothing. */
  readonly id?: string
  readonly where?: T['G']
}
export interface Wait<T extends Types = Types> {
  readonly signal?: AbortSignal
  /** Milliseconds; ends the caller's wait, never decides a match. */
  readonly timeoutMs?: number
  readonly where?: T['G']
}
export interface Bind<T extends Types> {
  readonly channel: T['C'] | Channel<T>
  readonly pattern: T['P']
  readonly peek?: boolean
}
export interface Match<T extends Types> {
  readonly channel: T['C'] | Channel<T>
  readonly pattern: T['P']
  readonly ref: Ref
  readonly value: T['A']
  readonly result: T['R']
  readonly persistent: boolean
  readonly peeked: boolean
}
export interface CommEvent<T extends Types> {
  /** The continuation's. */
  readonly ref: Ref
  readonly body: T['K']
  readonly persistent: boolean
  readonly branch: number
  readonly matches: readonly Match<T>[]
  /** Done with it: takes it out of the outbox, where `handle(…, { ack: true })` keeps it. */
  ack(): void
}
export interface Outcome<T extends Types> {
  /** There exactly when something was stored. */
  readonly ref?: Ref
  readonly comms: readonly CommEvent<T>[]
  /** Whether the pump has something to try. */
  readonly pending: boolean
  readonly at: OpNumber
  readonly repeated?: true
}
export interface Got<T extends Types> {
  readonly ref: Ref
  readonly channel: T['C'] | Channel<T>
  readonly value: T['A']
  readonly bindings: T['R']
  readonly persistent: boolean
  readonly at: OpNumber
}
export interface Claim<T extends Types> extends Got<T> {
  ack(): Promise<Commit>
  nack(): Promise<Commit>
  extend(ticks: number): Promise<Commit>
}
export interface Commit {
  readonly number: number
  readonly chain: Uint8Array
}
/** A channel of one space: no lookup, no encoding when it is used. */
export interface Channel<T extends Types> {
  /** What it was made from; undefined for fresh and derived ones. */
  readonly value: T['C'] | undefined
  readonly kind: 'named' | 'fresh' | 'derived'
  /** Canonical bytes; drawn now if it is a fresh channel. */
  bytes(): Uint8Array
}
export type EventKind =
  | 'produce'
  | 'consume'
  | 'comm'
  | 'remove'
  | 'cancel'
  | 'expire'
  | 'install'
  | 'uninstall'
  | 'claim'
  | 'ack'
  | 'nack'
  | 'stall'
  | 'guard_error'
  | 'mark'
  | 'rollback'
  | 'checkpoint'
  | 'reset'
export interface SpaceEvent<T extends Types> {
  readonly kind: EventKind
  readonly op: OpNumber
  readonly commit: number
  readonly ref?: Ref
  readonly channel?: T['C'] | Channel<T>
  readonly value?: T['A']
  readonly persistent?: boolean
  /** Identity of a produce or consume (journal `events`): equal ones have equal identities, and are told apart by their order. */
  readonly id?: string
  /** Of a COMM: the refs of its data, and the branch that fired. */
  readonly data?: readonly Ref[]
  readonly branch?: number
  readonly error?: unknown
  /** Taken back by a later rollback. */
  readonly undone?: boolean
}
export interface Filter<T extends Types> {
  readonly channel?: T['C'] | Channel<T>
  readonly kinds?: readonly EventKind[]
}
export interface Info {
  readonly kind: 'datum' | 'continuation'
  readonly ref: Ref
  readonly channels: readonly unknown[]
  readonly value?: unknown
  readonly patterns?: readonly unknown[]
  readonly body?: unknown
  readonly persistent: boolean
  readonly volatile: boolean
  readonly claimed?: boolean
  readonly stalled?: boolean
  readonly pumped?: boolean
  readonly install?: string
  readonly leaseTick?: number
}
/** Why a record does not move. */
export interface Reason {
  readonly ref: Ref
  readonly reason:
    | 'can-fire'
    | 'nobody-sends'
    | 'nobody-receives'
    | 'pattern'
    | 'guard'
    | 'other-channel-empty'
    | 'stalled'
    | 'claimed'
    | 'shared-datum'
  /** Per bind of a continuation: data there, and how many fit. */
  readonly binds?: readonly { channel: unknown; data: number; fitting: number }[]
  readonly text: string
}
export interface Stats {
  readonly channels: number
  readonly data: number
  readonly continuations: number
  readonly stalled: number
  readonly claimed: number
  readonly pumped: boolean
  readonly operations: number
  readonly comms: number
  readonly produced: number
  readonly consumed: number
  readonly cancelled: number
  readonly expired: number
  readonly commits: number
  readonly tick: number
}
export interface Checkpoint {
  readonly root: Root
  readonly commit: Commit
}
export interface Page {
  readonly root: Root
  /** Rows of the format in key order. */
  readonly rows: readonly (readonly [Uint8Array, Uint8Array])[]
  /** The last key of the page: where to go on. */
  readonly last?: Uint8Array
  readonly done: boolean
  /** Over the page before and the rows of this one. */
  readonly chain: Uint8Array
  /** Of a checkpoint: the name of its tree, and the inner nodes on the way to these rows that no page before has carried. */
  readonly tree?: string
  readonly proof?: readonly Uint8Array[]
}
/** Rows of the embedder that are committed together with the space. */
export interface Side {
  get(key: Uint8Array): Uint8Array | undefined
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): boolean
  entries(): Iterable<readonly [Uint8Array, Uint8Array]>
}

/** What `verify`, `backup` and `repair` found. */
export interface Report {
  readonly ok: boolean
  readonly commit: number
  readonly rows: Readonly<Record<string, number>>
  readonly problems: readonly { readonly code: string; readonly where: string; readonly count: number; readonly message: string }[]
  readonly lost?: { readonly commits: number; readonly rows: number }
}
