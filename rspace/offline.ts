/** What can be done to a space that nobody has open, whatever its codecs: values stay bytes, nothing matches. */
import type { Checkpoint, Codec, Commit, Root, Types } from './api.ts'
import { RhizomeError } from './errors.ts'
import { latin1 } from './hash.ts'
import { readEvents } from './journal.ts'
import { Names } from './net.ts'
import { openStored, type StoredSpace } from './open.ts'
import { kindOfByte } from './records.ts'
import { type Loaded, nothingLoaded, readRow } from './rows.ts'
import type { Settings } from './space.ts'
import { exportDir, importDir, openForReading, openStore, type Report, type RowChange, type Store } from './store/index.ts'

interface Bytes extends Types {
  C: Uint8Array
  P: Uint8Array
  A: Uint8Array
  K: Uint8Array
  R: undefined
  G: Uint8Array
}
const raw: Codec<Uint8Array> = { id: 'bytes', encode: b => b, decode: b => b.slice(), key: latin1 }
const SETTINGS: Settings<Bytes> = {
  codec: { channel: raw, pattern: raw, datum: raw, body: raw, guard: raw },
  matcher: { match: () => undefined },
  handlerOf: () => undefined,
}

/** A channel as its row has it. */
export interface StoredChannel {
  readonly kind: 'named' | 'fresh' | 'derived'
  readonly bytes: Uint8Array
}
/** One record of a stored space, its values still encoded. */
export type StoredRecord =
  | {
      readonly kind: 'datum'
      readonly ref: number
      readonly channel: StoredChannel
      readonly value: Uint8Array
      readonly persistent: boolean
      readonly lease: number
    }
  | {
      readonly kind: 'continuation'
      readonly ref: number
      /** One list for each branch; one branch unless it is a select. */
      readonly branches: readonly {
        readonly channels: readonly StoredChannel[]
        readonly patterns: readonly Uint8Array[]
        readonly peeks: readonly boolean[]
        readonly where: Uint8Array | undefined
      }[]
      readonly body: Uint8Array
      readonly persistent: boolean
      readonly lease: number
    }
  /** A row that is no record of a space: side rows, or those of an embedder with a layout of its own. */
  | { readonly kind: 'row'; readonly key: Uint8Array; readonly value: Uint8Array }

/** One change of a kept commit: an event, where they are kept (its fields as recorded), or a net change. */
export interface StoredEvent {
  readonly commit: number
  readonly kind: string
  readonly ref?: number
  readonly channel?: StoredChannel
  readonly value?: Uint8Array
  readonly persistent?: boolean
  /** The other fields of a recorded event. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** The ids of the codecs of channel, pattern, datum, body and guard. */
export type CodecIds = readonly string[]

/**
 * The records of a space in order of arrival, then its other rows.
 * @throws RhizomeError what reading a store throws
 */
export async function recordsOf(dir: string): Promise<{ codecs: CodecIds; records: StoredRecord[] }> {
  const store = await openForReading(dir, {})
  try {
    const codecs = store.format.codecs.split(' ')
    const rows: (readonly [Uint8Array, Uint8Array])[] = []
    for await (const page of store.rows()) rows.push(...page)
    try {
      const loaded = nothingLoaded()
      for (const [key, value] of rows) readRow(loaded, key, value)
      return { codecs, records: recordsIn(loaded) }
    } catch {
      // Checked rows that are none of a space: somebody else's layout on the same store.
      return { codecs, records: rows.map(([key, value]) => ({ kind: 'row', key, value })) }
    }
  } finally {
    await store.close()
  }
}

function recordsIn(loaded: Loaded): StoredRecord[] {
  const records: (StoredRecord & { ref: number })[] = []
  const channelOf = (cid: number): StoredChannel => channelIn(loaded.channels.get(cid))
  for (const { cid, ref, value, persistent, lease } of loaded.data)
    records.push({ kind: 'datum', ref, channel: channelOf(cid), value, persistent, lease })
  for (const { gid, ref, branches, body, persistent, lease } of loaded.conts) {
    const cids = loaded.groups.get(gid) ?? []
    const resolved = branches.map(b => ({ ...b, channels: b.places.map(p => channelOf(cids[p])) }))
    records.push({ kind: 'continuation', ref, branches: resolved, body, persistent, lease })
  }
  records.sort((a, b) => a.ref - b.ref)
  const side = loaded.side.map(({ namespace, key, value }): StoredRecord => {
    const name = new TextEncoder().encode(`${namespace} `)
    const full = new Uint8Array(name.length + key.length)
    full.set(name)
    full.set(key, name.length)
    return { kind: 'row', key: full, value }
  })
  return [...records, ...side]
}

function channelIn(identity: Uint8Array | undefined): StoredChannel {
  const kind = identity === undefined ? undefined : kindOfByte(identity[0])
  if (identity === undefined || kind === undefined) throw new RhizomeError('CORRUPT', 'a row mentions a channel that has no row')
  return { kind, bytes: identity.slice(1) }
}

/**
 * What the kept commits did, oldest first: every event with journal `events`, else the net changes.
 * @throws RhizomeError what reading a store throws
 */
export async function* eventsOf(dir: string): AsyncGenerator<StoredEvent, void, undefined> {
  const store = await openForReading(dir, {})
  try {
    const names = new Names()
    for await (const page of store.rows()) for (const [key, value] of page) quietly(() => names.learn(key, value))
    // Numbers of channels are never given out twice, so all names can be learnt first.
    for await (const { changes } of store.log(undefined, { values: true })) for (const c of changes) quietly(() => names.learnChange(c))
    for await (const { number, changes, events } of store.log(undefined, { values: true })) {
      if (events.length > 0) for (const bytes of events) yield* recorded(bytes, number)
      else
        for (const c of changes) {
          if (!isSpace(store)) yield rowEvent(c, number)
          else for (const net of quietly(() => names.net(c, number)) ?? []) yield { ...net, channel: channelIn(net.channel) }
        }
    }
  } finally {
    await store.close()
  }
}

/** Other embedders of the store have a layout of their own, and name fewer codecs. */
const isSpace = (store: Store): boolean => store.format.codecs.split(' ').length === 5

function rowEvent({ key, value, before, hash }: RowChange, commit: number): StoredEvent {
  return { commit, kind: hash === undefined ? 'delete' : 'put', value: value ?? before, more: { key: Buffer.from(key).toString('hex') } }
}

function* recorded(bytes: Uint8Array, commit: number): Generator<StoredEvent> {
  const list = quietly(() => readEvents(bytes))
  if (list === undefined) {
    yield { commit, kind: 'event', value: bytes }
    return
  }
  for (const { kind, ref, channel, value, persistent, ...more } of list)
    yield {
      ...{ commit, kind, ref, persistent, more },
      ...(channel === undefined ? {} : { channel: channelIn(channel) }),
      ...(value === undefined ? {} : { value }),
    }
}

/** Rows of another layout than a space's are passed over. */
function quietly<X>(fn: () => X): X | undefined {
  try {
    return fn()
  } catch {
    return undefined
  }
}

/** Name the present state by its digest and keep it, as `Space.checkpoint` does with history `merkle`. */
export async function checkpointDir(dir: string): Promise<Checkpoint> {
  return opened(dir, space => space.checkpoint())
}

/** Back to the state of a checkpoint. @throws RhizomeError UNKNOWN_ROOT */
export async function resetDir(dir: string, root: Root): Promise<Commit> {
  return opened(dir, async space => {
    await space.reset(root)
    return space.committed
  })
}

/** A space of its own in `to`, which must not exist, with the present state of `from` or that of one of its checkpoints. */
export async function forkDir(from: string, to: string, root?: Root): Promise<Report> {
  if (root === undefined) return importDir(exportDir(from), to)
  const source = await openForReading(from, {})
  try {
    const space = await openStored(source, { ...SETTINGS, history: 'merkle' }, true, true)
    const saved = await space.rowsAt(root)
    const { durability, codecs } = source.format
    const target = await openStore(to, { create: true, createWithFirstCommit: true, durability, codecs })
    try {
      if (target.committed.number > 0) throw new RhizomeError('BAD_ARGUMENT', 'the target of a fork must be new')
      await target.commit({ put: saved.map(([key, value]) => [key, value, null] as const) })
      return await target.verify()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function opened<X>(dir: string, use: (space: StoredSpace<Bytes>) => Promise<X>): Promise<X> {
  const store = await openStore(dir)
  let space: StoredSpace<Bytes>
  try {
    if (!isSpace(store))
      throw new RhizomeError(
        'CODEC_MISMATCH',
        `the rows of this store ("${store.format.codecs}") have another layout than those of a space`,
      )
    space = await openStored(store, { ...SETTINGS, journal: (await keepsEvents(store)) ? 'events' : 'undo', history: 'merkle' }, true)
  } catch (e) {
    await store.close().catch(() => undefined) // what went wrong first is what is told
    throw e
  }
  try {
    return await use(space)
  } finally {
    await space.close()
  }
}

async function keepsEvents(store: Store): Promise<boolean> {
  for await (const { events } of store.log()) if (events.length > 0) return true
  return false
}
