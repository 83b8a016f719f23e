/** Records as rows of the durable format (docs/persistence.md) and back. One key layout for disk, export and fork. */
import { setCount } from './appender.ts'
import { BadArgument, RhizomeError } from './errors.ts'
import type { Packer } from './packer.ts'
import { Malformed, Reader, Writer } from './store/bytes.ts'
import type { Pack } from './store/pack.ts'

export type Row = readonly [key: Uint8Array, value: Uint8Array]
/** A row to write and what its key held before: `null` nothing, undefined unknown. */
export type Change = readonly [key: Uint8Array, value: Uint8Array, before?: Uint8Array | null]
/** A key to delete, alone or with what it held. */
export type Removal = Uint8Array | readonly [key: Uint8Array, before: Uint8Array]
export interface Delta {
  readonly put: Change[]
  readonly del: Removal[]
  /** Rows of records that have come, and of those that have gone with what they held. */
  readonly packs?: readonly Pack[]
  readonly gone?: readonly Pack[]
  /** Rows of records in the places of others that have gone: pairs, the new one first. */
  readonly renewed?: readonly Pack[]
}

export const TAG = { C: 0x43, D: 0x44, G: 0x47, I: 0x49, K: 0x4b, N: 0x4e, O: 0x4f, S: 0x53, T: 0x54, X: 0x58 } as const

/**
 * Where the ref stands in the key of a record's row: then the row is the cell of its channel or group, and the record that is in it tells its ref itself. One that
 * comes as another one leaves takes the row over.
 */
export const CELL = 0
/** The first version of the format whose readers know that. */
export const CELLS_MAJOR = 2

const F_PERSISTENT = 1
const F_LEASE = 2
const F_STRAY = 2
export const F_WHERE = 4

const copy = (w: Writer): Uint8Array => w.bytes.slice(0, w.length)

/** Fixed layouts are written in place: keys are made for every row, and a writer each costs more than the row. */
function numbered(length: number, tag: number): Uint8Array {
  const key = new Uint8Array(length)
  key[0] = tag
  return key
}
const oneKey = (tag: number, n: number, length = 9): Uint8Array => {
  const key = numbered(length, tag)
  setCount(key, 1, n)
  return key
}
export const channelKey = (cid: number): Uint8Array => oneKey(TAG.C, cid)
export const groupKey = (gid: number): Uint8Array => oneKey(TAG.G, gid)
/** A ref in a key: its number, and which of the cores that share the store gave it out. */
function setShard(key: Uint8Array, shard: number): Uint8Array {
  key[key.length - 2] = shard >>> 8
  key[key.length - 1] = shard
  return key
}
const refKey = (tag: number, id: number, ref: number, shard: number): Uint8Array => {
  const key = numbered(19, tag)
  setCount(key, 1, id)
  setCount(key, 9, ref)
  return setShard(key, shard)
}
export const datumKey = (cid: number, ref: number, shard: number): Uint8Array => refKey(TAG.D, cid, ref, shard)
export const contKey = (gid: number, ref: number, shard: number): Uint8Array => refKey(TAG.K, gid, ref, shard)
export const turnKey = (ref: number, shard: number): Uint8Array => setShard(oneKey(TAG.T, ref, 11), shard)
export const outboxKey = (ref: number): Uint8Array => oneKey(TAG.O, ref, 11)
export const idKey = (id: string): Uint8Array => copy(new Writer(64).u8(TAG.I).raw(new TextEncoder().encode(id)))
/** Side rows of the space itself live in the namespace with the empty name. */
export const sideKey = (namespace: string, key: Uint8Array): Uint8Array =>
  copy(new Writer(64).u8(TAG.X).blob(new TextEncoder().encode(namespace)).raw(key))

export interface DatumRow {
  readonly cid: number
  readonly ref: number
  readonly inCell: boolean
  readonly persistent: boolean
  readonly lease: number
  readonly value: Uint8Array
}
/** The first bytes of a datum or continuation, behind the ref of one that is in a cell. */
export function flags(to: Packer, persistent: boolean, lease: number): void {
  to.u8((persistent ? F_PERSISTENT : 0) | (lease > 0 ? F_LEASE : 0))
  if (lease > 0) to.varint(lease)
}

export interface BranchRow {
  /** Per bind: place of its channel in the group. */
  readonly places: readonly number[]
  readonly peeks: readonly boolean[]
  readonly patterns: readonly Uint8Array[]
  readonly where: Uint8Array | undefined
}
export interface ContRow {
  readonly gid: number
  readonly ref: number
  readonly inCell: boolean
  readonly persistent: boolean
  readonly lease: number
  readonly branches: readonly BranchRow[]
  readonly body: Uint8Array
}
export function groupValue(cids: readonly number[]): Uint8Array {
  const w = new Writer(8 + cids.length * 8).varint(cids.length)
  for (const c of cids) w.count(c)
  return copy(w)
}

export interface State {
  readonly op: number
  readonly kernelOp: number
  readonly counter: number
  readonly tick: number
  readonly cids: number
  readonly gids: number
  readonly names: number
  readonly key: Uint8Array
  readonly order: string
  readonly pumped: readonly number[]
}
export function stateValue(s: State): Uint8Array {
  const w = new Writer(128).varint(s.op).varint(s.kernelOp).varint(s.counter).varint(s.tick).varint(s.cids).varint(s.gids).varint(s.names)
  w.blob(s.key).blob(new TextEncoder().encode(s.order)).varint(s.pumped.length)
  for (const ref of s.pumped) w.varint(ref)
  return copy(w)
}
/** Of a space, or of one of several cores that share a store. */
export const stateName = ({ index, of }: { readonly index: number; readonly of: number }): string =>
  of === 1 ? 'state' : `state ${index}/${of}`
export const stateKey = (part: { readonly index: number; readonly of: number }): Uint8Array =>
  sideKey('', new TextEncoder().encode(stateName(part)))

const EMPTY_NAMESPACE = sideKey('', new Uint8Array(0))
/** Of a state row, its name. */
export function stateNameOf(key: Uint8Array): string | undefined {
  const n = EMPTY_NAMESPACE.length
  for (let i = 0; i < n; i++) if (key[i] !== EMPTY_NAMESPACE[i]) return undefined
  return new TextDecoder().decode(key.subarray(n))
}
/** Whether a row was written by this one of so many cores. Side rows are nobody's. */
export function isOf(key: Uint8Array, index: number, of: number): boolean {
  switch (key[0]) {
    case TAG.C:
    case TAG.G:
      return new Reader(key.subarray(1)).count() % of === index
    case TAG.D:
    case TAG.K:
    case TAG.T:
      return key[key.length - 2] * 256 + key[key.length - 1] === index
    default:
      return stateNameOf(key) === stateName({ index, of })
  }
}

export interface IdRow {
  readonly id: string
  readonly commit: number
  readonly op: number
  readonly ref: number
}
export const idValue = (r: IdRow): Uint8Array => copy(new Writer(24).varint(r.commit).varint(r.op).varint(r.ref))

export interface OutboxRow {
  readonly ref: number
  readonly cont: number
  readonly persistent: boolean
  /** Nobody in particular gets it: the next pump hands it over. */
  readonly stray: boolean
  readonly branch: number
  readonly body: Uint8Array
  readonly matches: readonly {
    readonly channel: Uint8Array
    readonly pattern: Uint8Array
    readonly value: Uint8Array
    readonly ref: number
    readonly flags: number
  }[]
}
export function outboxValue(o: OutboxRow): Uint8Array {
  const w = new Writer(256)
    .varint(o.cont)
    .u8((o.persistent ? F_PERSISTENT : 0) | (o.stray ? F_STRAY : 0))
    .varint(o.branch)
    .blob(o.body)
    .varint(o.matches.length)
  for (const m of o.matches) w.blob(m.channel).blob(m.pattern).blob(m.value).varint(m.ref).u8(m.flags)
  return copy(w)
}

/** All rows of a space, taken apart. */
export interface Loaded {
  readonly channels: Map<number, Uint8Array>
  readonly data: DatumRow[]
  readonly groups: Map<number, number[]>
  readonly conts: ContRow[]
  readonly turns: Map<number, number>
  readonly ids: IdRow[]
  readonly outbox: OutboxRow[]
  readonly side: { namespace: string; key: Uint8Array; value: Uint8Array }[]
  state: State | undefined
  /** Names of the state rows: more than one core may share a store. */
  readonly states: string[]
}
export const nothingLoaded = (): Loaded => ({
  channels: new Map(),
  data: [],
  groups: new Map(),
  conts: [],
  turns: new Map(),
  ids: [],
  outbox: [],
  side: [],
  state: undefined,
  states: [],
})

const DATUM_KEY_BYTES = 19
const part = (b: Uint8Array, from: number): Uint8Array => new Uint8Array(b.buffer, b.byteOffset + from, b.length - from)
function countAt(b: Uint8Array, at: number): number {
  const high = b[at] * 2 ** 24 + (b[at + 1] << 16) + (b[at + 2] << 8) + b[at + 3]
  const n = high * 2 ** 32 + ((b[at + 4] << 24) >>> 0) + (b[at + 5] << 16) + (b[at + 6] << 8) + b[at + 7]
  if (!Number.isSafeInteger(n)) throw new Malformed('count is too large')
  return n
}
const plain = (b: Uint8Array): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength)

/** @throws RhizomeError CORRUPT, VERSION (unknown tag) */
export function readRow(into: Loaded, key: Uint8Array, value: Uint8Array): void {
  try {
    // Engines hand out Buffers, whose `slice` shares memory.
    if (key[0] === TAG.D && key.length === DATUM_KEY_BYTES && value.length > 0) {
      // Most rows are these: without a reader for each.
      const ref = countAt(key, 9)
      if (ref !== CELL && (value[0] & F_LEASE) === 0) {
        const persistent = (value[0] & F_PERSISTENT) !== 0
        into.data.push({ cid: countAt(key, 1), ref, inCell: false, persistent, lease: 0, value: part(value, 1) })
        return
      }
    }
    key = plain(key)
    value = plain(value)
    const k = new Reader(key)
    const r = new Reader(value)
    const tag = k.u8()
    switch (tag) {
      case TAG.C:
        into.channels.set(k.count(), value.slice())
        break
      case TAG.D: {
        const cid = k.count()
        const { ref, inCell } = refOf(k, r)
        const flags = r.u8()
        const lease = (flags & F_LEASE) !== 0 ? r.varint() : 0
        into.data.push({ cid, ref, inCell, persistent: (flags & F_PERSISTENT) !== 0, lease, value: r.raw(r.left) })
        break
      }
      case TAG.G: {
        const gid = k.count()
        const cids: number[] = []
        for (let n = r.varint(); n > 0; n--) cids.push(r.count())
        r.end()
        into.groups.set(gid, cids)
        break
      }
      case TAG.K: {
        const gid = k.count()
        const { ref, inCell } = refOf(k, r)
        const flags = r.u8()
        const lease = (flags & F_LEASE) !== 0 ? r.varint() : 0
        const branches: BranchRow[] = []
        for (let n = r.varint(); n > 0; n--) {
          const guarded = r.u8() === F_WHERE
          const places: number[] = []
          const peeks: boolean[] = []
          const patterns: Uint8Array[] = []
          for (let m = r.varint(); m > 0; m--) {
            const place = r.varint()
            places.push(Math.floor(place / 2))
            peeks.push(place % 2 === 1)
            patterns.push(r.blob())
          }
          branches.push({ places, peeks, patterns, where: guarded ? r.blob() : undefined })
        }
        into.conts.push({ gid, ref, inCell, persistent: (flags & F_PERSISTENT) !== 0, lease, branches, body: r.raw(r.left) })
        break
      }
      case TAG.T: {
        const ref = k.count()
        into.turns.set(ref, r.count())
        break
      }
      case TAG.I:
        into.ids.push({ id: new TextDecoder().decode(k.raw(k.left)), commit: r.varint(), op: r.varint(), ref: r.varint() })
        break
      case TAG.O: {
        const ref = k.count()
        const cont = r.varint()
        const flags = r.u8()
        const branch = r.varint()
        const body = r.blob()
        const matches: OutboxRow['matches'][number][] = []
        for (let n = r.varint(); n > 0; n--)
          matches.push({ channel: r.blob(), pattern: r.blob(), value: r.blob(), ref: r.varint(), flags: r.u8() })
        into.outbox.push({
          ...{ ref, cont, branch, body, matches },
          persistent: (flags & F_PERSISTENT) !== 0,
          stray: (flags & F_STRAY) !== 0,
        })
        break
      }
      case TAG.X: {
        const namespace = new TextDecoder().decode(k.blob())
        const own = k.raw(k.left)
        if (namespace === '') into.states.push(new TextDecoder().decode(own))
        if (namespace !== '') into.side.push({ namespace, key: own.slice(), value: value.slice() })
        else {
          const [op, kernelOp, counter, tick, cids, gids, names] = [
            r.varint(),
            r.varint(),
            r.varint(),
            r.varint(),
            r.varint(),
            r.varint(),
            r.varint(),
          ]
          const secret = r.blob().slice()
          const order = new TextDecoder().decode(r.blob())
          const pumped: number[] = []
          for (let n = r.varint(); n > 0; n--) pumped.push(r.varint())
          into.state = { op, kernelOp, counter, tick, cids, gids, names, key: secret, order, pumped }
        }
        break
      }
      default:
        throw new RhizomeError('VERSION', `rows of kind ${tag} are unknown to this version`)
    }
  } catch (e) {
    if (e instanceof Malformed) throw new RhizomeError('CORRUPT', `a row is malformed: ${e.message}`)
    throw e
  }
}

/** The ref of a record, from the key of its row or, of one in a cell, from the value. */
function refOf(key: Reader, value: Reader): { ref: number; inCell: boolean } {
  const ref = key.count()
  key.u16()
  if (ref !== CELL) return { ref, inCell: false }
  const own = value.varint()
  if (own === CELL) throw new Malformed('a cell tells no ref')
  return { ref: own, inCell: true }
}

/** Data of each channel in the order of their refs: the one in the cell stands first in its channel. */
export function inOrder(data: DatumRow[]): void {
  for (let i = 1; i < data.length; i++) {
    const before = data[i - 1]
    const d = data[i]
    if (before.cid !== d.cid || before.ref < d.ref) continue
    data[i - 1] = d
    data[i] = before
  }
}

export function turnValue(turn: number): Uint8Array {
  return copy(new Writer(8).count(turn))
}

/** Count, then each part with its length: two lists have equal bytes only if they are equal. */
export function framed(parts: readonly Uint8Array[]): Uint8Array {
  let length = 4
  for (const p of parts) length += 4 + p.length
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, parts.length)
  let at = 4
  for (const p of parts) {
    view.setUint32(at, p.length)
    bytes.set(p, at + 4)
    at += 4 + p.length
  }
  return bytes
}

/** Checks that are the same for every caller. */
export function positive(n: unknown, what: string, least = 1): number {
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < least)
    throw new BadArgument(`${what} must be a whole number of at least ${least}`)
  return n
}
