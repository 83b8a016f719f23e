/**
 * A tuplespace in parts: cores that decide, each for its own channels and in whatever thread, and one store that writes what they have changed. A space is one of each,
 * with the verbs that wait.
 */
import type { Bind, Channel, CommEvent, Filter, OpenOptions, OpNumber, Outcome, PutOptions, Ref, Root, Stats, Types } from './api.ts'
import { BadArgument, RhizomeError } from './errors.ts'
import { loadHashes } from './hash.ts'
import type { JsonTypes } from './json.ts'
import type { Datum } from './kernel.ts'
import { codecsId, withPreset } from './open.ts'
import { type Handle, handleOf, Item, itemOf, Waiting } from './records.ts'
import * as rows from './rows.ts'
import { type Mark, NOWHERE, type Part, Space } from './space.ts'
import { Malformed, Reader, Writer } from './store/bytes.ts'
import type { Commit, Engine } from './store/index.ts'

export interface CoreOptions<T extends Types>
  extends Omit<
    OpenOptions<T>,
    'durability' | 'create' | 'readOnly' | 'journal' | 'history' | 'keep' | 'report' | 'group' | 'handlerOf' | 'run' | 'idWindow'
  > {
  /** Which of how many cores that share a store: `index` from 0. Their number belongs to the store. Default: the only one. */
  readonly part?: Part
}
/** Rows that a core has changed, ready to be sent to the thread of the store. */
export interface CoreDelta {
  readonly put: readonly rows.Change[]
  readonly del: readonly rows.Removal[]
  readonly marks: { readonly refs: number; readonly cids: number; readonly gids: number }
}
/** Rows of the embedder; they become durable with the deltas of the same commit. */
export interface SideDelta {
  readonly namespace: string
  readonly put?: readonly (readonly [key: Uint8Array, value: Uint8Array])[]
  readonly del?: readonly Uint8Array[]
}

const CORES_MAX = 65_536
/** What `moveOut` gives begins with it. */
const MOVED = 1

class CoreSpace<T extends Types> extends Space<T> {
  takeDelta(): CoreDelta {
    this.begin()
    if (this.held) throw new RhizomeError('HELD', 'a mark holds changes back: release it or roll back')
    const delta = this.delta()
    return { ...delta, marks: this.given }
  }

  moveOut(channels: readonly (T['C'] | Channel<T>)[]): Uint8Array {
    this.begin()
    if (this.holdsMarks) throw new RhizomeError('HELD', 'a mark is open: what has moved away could not come back')
    const handles = new Set(channels.map(c => this.intern(c)))
    if (handles.size === 0) throw new BadArgument('there is no channel to be moved')
    const records = this.recordsOn(handles)
    for (const r of records) {
      const stays = r instanceof Waiting ? r.volatile || r.install !== null : itemOf(r)?.volatile === true
      if (stays) throw new BadArgument('volatile records and installs cannot be moved', { details: { ref: r.ref } })
      if (!(r instanceof Waiting)) continue
      const other = r.handles.find(h => !handles.has(h))
      if (other !== undefined)
        throw new BadArgument('a continuation also waits on a channel that stays', { details: { ref: r.ref, channel: other.show } })
    }
    const copy = new CoreSpace<T>({ ...this.settings, history: 'none' }, NOWHERE)
    for (const r of records) copy.takeIn(r, h => copy.internIdentity(h.identity()))
    const w = new Writer(1024).u8(MOVED)
    for (const [key, value] of copy.delta().put) w.blob(key).blob(value)
    for (const r of records) {
      if (r instanceof Waiting) this.kernel.withdraw(r)
      else this.kernel.take(r)
    }
    this.op++
    this.leave()
    return w.view().slice()
  }

  moveIn(bytes: Uint8Array): ReadonlyMap<Ref, Ref> {
    this.begin()
    if (!(bytes instanceof Uint8Array)) throw new BadArgument('moveIn takes what moveOut gave')
    const { codec } = this.settings
    const loaded = unpack(bytes)
    const handles = new Map([...loaded.channels].map(([cid, identity]) => [cid, this.internIdentity(identity)]))
    const handle = (cid: number): Handle<T> => {
      const h = handles.get(cid)
      if (h === undefined) throw invalid('a record is on a channel that has no row')
      return h
    }
    for (const h of handles.values())
      if (h.chan.nD > 0 || h.chan.nK > 0) throw new BadArgument('the channel holds records here already', { details: { channel: h.show } })
    const list: { readonly old: Ref; readonly turn: number; readonly insert: (ref: Ref) => void }[] = []
    for (const d of loaded.data) {
      const value = codec.datum.decode(d.value)
      const { chan } = handle(d.cid)
      const item = d.lease > 0 ? new Item(d.lease, false) : null
      const insert = (ref: Ref): void => {
        this.kernel.restoreDatum(chan, ref, ref, value, d.persistent, item)
        this.lease(d.lease, ref)
      }
      list.push({ old: d.ref, turn: loaded.turns.get(d.ref) ?? d.ref, insert })
    }
    for (const row of loaded.conts) {
      const cids = loaded.groups.get(row.gid) ?? []
      const k = this.decodeCont(row, place => handle(cids[place]))
      const insert = (ref: Ref): void => {
        this.kernel.restoreCont(k, ref, ref)
        this.lease(row.lease, ref)
      }
      list.push({ old: row.ref, turn: loaded.turns.get(row.ref) ?? row.ref, insert })
    }
    // Nothing has changed so far. They keep their order among each other, and are younger than what is here.
    const { kernel } = this
    const refs = new Map<Ref, Ref>()
    kernel.counter = Math.max(kernel.counter, loaded.state?.counter ?? 0)
    for (const { old, insert } of list.sort((a, b) => a.turn - b.turn)) {
      const ref = ++kernel.counter
      insert(ref)
      refs.set(old, ref)
    }
    for (const old of loaded.state?.pumped ?? []) {
      const r = this.records.get(refs.get(old) ?? 0)
      if (r !== undefined) kernel.enter(r)
    }
    this.op++
    this.leave()
    return refs
  }

  /** A copy of a record of another core; what is stalled there is to be tried again. */
  private takeIn(r: Datum | Waiting<T>, handle: (h: Handle<T>) => Handle<T>): void {
    const { kernel } = this
    if (r instanceof Waiting) {
      const twin = r.on(r.handles.map(h => handle(h).chan))
      kernel.restoreCont(twin, r.ref, r.turn)
      if (r.pumped || r.stalled) kernel.enter(twin)
    } else {
      const { chan } = handle(handleOf<T>(r.chan))
      const twin = kernel.restoreDatum(chan, r.ref, r.turn, r.value as T['A'], r.persistent, itemOf(r))
      if (r.pumped) kernel.enter(twin)
    }
  }

  private recordsOn(handles: ReadonlySet<Handle<T>>): (Datum | Waiting<T>)[] {
    const found = new Set<Datum | Waiting<T>>()
    for (const h of handles) {
      for (const d of this.kernel.data(h.chan)) found.add(d)
      for (const k of this.kernel.conts(h.chan)) found.add(k)
    }
    for (const k of this.kernel.stalled()) if (k.handles.some(h => handles.has(h))) found.add(k)
    return [...found].sort((a, b) => a.turn - b.turn)
  }
}

function unpack(bytes: Uint8Array): rows.Loaded {
  const loaded = rows.nothingLoaded()
  try {
    const r = new Reader(bytes)
    if (r.u8() !== MOVED) throw new Malformed('it does not begin like one')
    while (r.left > 0) rows.readRow(loaded, r.blob(), r.blob())
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : 'it is malformed', cause)
  }
  return loaded
}
const invalid = (why: string, cause?: unknown): RhizomeError =>
  new RhizomeError('IMPORT_INVALID', `this is not what \`moveOut\` gave: ${why}`, { cause })

/**
 * The deciding part of a space: operations, patterns, leases, marks; synchronous, in memory, one thread. What it changes is fetched with `delta()` and made durable by a
 * `store`. COMMs are in the outcomes.
 */
export class Core<T extends Types = JsonTypes> {
  readonly part: Part
  private readonly space: CoreSpace<T>
  private started = false

  constructor(o: Partial<CoreOptions<T>> = {}) {
    const { part = { index: 0, of: 1 }, ...settings } = o
    const { index, of } = part
    rows.positive(of, 'part.of')
    rows.positive(index, 'part.index', 0)
    if (of > CORES_MAX || index >= of) throw new BadArgument(`a core is one of at most ${CORES_MAX}, counted from 0`)
    this.part = { index, of }
    this.space = new CoreSpace<T>({ ...withPreset<T>(settings), group: 'manual' }, NOWHERE, this.part)
  }

  channel(c: T['C'], o?: { order?: 'fifo' }): Channel<T> {
    return this.space.channel(c, o)
  }
  fresh(): Channel<T> {
    return this.space.fresh()
  }
  derive(kind: string, id: Uint8Array): Channel<T> {
    return this.space.derive(kind, id)
  }
  /** As `Space.produce`; idempotence ids belong to whoever routes. */
  produce(c: T['C'] | Channel<T>, a: T['A'], o: Omit<PutOptions<T>, 'id'> = {}): Outcome<T> {
    return this.operate(() => this.space.produce(c, a, noId(o)))
  }
  consume(
    what: readonly Bind<T>[] | { readonly any: readonly (readonly Bind<T>[])[] },
    body: T['K'],
    o: Omit<PutOptions<T>, 'id'> = {},
  ): Outcome<T> {
    return this.operate(() => this.space.consume(what, body, noId(o)))
  }
  install(id: string, binds: readonly Bind<T>[], body: T['K'], o?: { allowData?: boolean; where?: T['G'] }): void {
    this.space.install(id, binds, body, o)
  }
  uninstall(id: string): boolean {
    return this.space.uninstall(id)
  }
  cancel(ref: Ref): boolean {
    return this.space.cancel(ref)
  }
  retry(ref: Ref, steps: number): Outcome<T> {
    return this.space.retry(ref, steps)
  }
  recheck(f?: Filter<T>): number {
    return this.space.recheck(f)
  }
  pump(max?: number): readonly CommEvent<T>[] {
    return this.space.pump(max)
  }
  tick(n: number): number {
    return this.space.tick(n)
  }
  mark(): Mark {
    return this.space.mark()
  }
  rollback(m: Mark): void {
    this.space.rollback(m)
  }
  release(m: Mark): void {
    this.space.release(m)
  }
  atomic<X>(fn: (tx: this) => X): { value: X; comms: readonly CommEvent<T>[]; at: OpNumber } {
    return this.space.atomic(() => fn(this))
  }
  digest(): Root {
    return this.space.digest()
  }
  get inspect(): Space<T>['inspect'] {
    return this.space.inspect
  }
  stats(): Stats {
    return this.space.stats()
  }

  /**
   * What has changed since the last call, and forget it: the caller sees to it that it is committed, or gives the core up.
   * @throws RhizomeError HELD while a mark is open
   */
  delta(): CoreDelta {
    return this.operate(() => this.space.takeDelta())
  }

  /**
   * Take over the rows of this core from those of the store; before anything else is done.
   * @throws RhizomeError CODEC_MISMATCH if another number of cores has written them, CORRUPT, CODEC; BadArgument
   */
  load(list: Iterable<rows.Row>): void {
    if (this.started) throw new BadArgument('a core is loaded before anything else is done with it')
    const { index, of } = this.part
    const loaded = rows.nothingLoaded()
    for (const [key, value] of list) {
      const state = rows.stateNameOf(key)
      if (state !== undefined && (of === 1 ? state !== 'state' : !state.endsWith(`/${of}`)))
        throw new RhizomeError('CODEC_MISMATCH', `the rows are those of \`${state}\`: another number of cores has written them`, {
          details: { stored: state, of },
        })
      if (rows.isOf(key, index, of)) rows.readRow(loaded, key, value)
    }
    this.started = true
    this.space.load(loaded)
  }

  /**
   * Take channels and all that lies and waits there out of this core, as bytes for `moveIn` of another. Both deltas belong in one commit.
   * @throws BadArgument if a continuation there also waits on a channel that stays, or cannot be moved (volatile, install); RhizomeError HELD
   */
  moveOut(...channels: readonly (T['C'] | Channel<T>)[]): Uint8Array {
    return this.operate(() => this.space.moveOut(channels))
  }
  /**
   * Take in what another core has moved out. The records keep their order among each other and get refs of this core.
   * @returns their refs here by their refs there
   * @throws RhizomeError IMPORT_INVALID, CODEC; BadArgument if one of the channels holds something here – nothing has changed then
   */
  moveIn(bytes: Uint8Array): ReadonlyMap<Ref, Ref> {
    return this.operate(() => this.space.moveIn(bytes))
  }

  private operate<X>(run: () => X): X {
    this.started = true
    return run()
  }
}

function noId<O extends object>(o: O): O {
  if (o !== null && typeof o === 'object' && (o as { id?: unknown }).id !== undefined)
    throw new BadArgument('a core has no idempotence ids: they belong to whoever gives it work')
  return o
}

/** The deciding part of a space, to be used with a `store`, or alone. @throws BadArgument */
export function core<T extends Types = JsonTypes>(o: Partial<CoreOptions<T>> = {}): Core<T> {
  return new Core<T>(o)
}

/** The writing part: one for each database, in whatever thread. */
export interface RowStore {
  readonly committed: Commit
  /** Make what cores have changed durable, all of it or nothing; at most one delta of each. Rejects as `Space.flush`. */
  commit(deltas: readonly CoreDelta[], side?: readonly SideDelta[]): Promise<Commit>
  /** All rows in key order; the first complete reading is also the check that the store is whole. */
  rows(): AsyncIterable<rows.Row[]>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Open the writing part of a space that is decided by cores. Codecs are those that the cores have.
 * @throws RhizomeError as `open`
 */
export async function store<T extends Types = JsonTypes>(
  where: string | Engine,
  o: Partial<Pick<OpenOptions<T>, 'codec' | 'matcher' | 'durability' | 'create' | 'readOnly'>> = {},
): Promise<RowStore> {
  if (o.durability === 'memory') throw new BadArgument('a store is durable')
  const { durability, create, readOnly } = o
  const codecs = codecsId(withPreset<T>(o))
  const [{ openStore }] = await Promise.all([import('./store/index.ts'), loadHashes()])
  const opened = await openStore(where, { durability, create, readOnly, codecs })
  return {
    get committed() {
      return opened.committed
    },
    async commit(deltas, side = []) {
      const put: rows.Change[] = []
      const del: rows.Removal[] = []
      const marks = { refs: 0, cids: 0, gids: 0 }
      for (const d of deltas) {
        for (const p of d.put) put.push(p)
        for (const r of d.del) del.push(r)
        for (const m of ['refs', 'cids', 'gids'] as const) marks[m] = Math.max(marks[m], d.marks[m])
      }
      for (const s of side) {
        if (typeof s.namespace !== 'string' || s.namespace === '') throw new BadArgument('a side table needs a name')
        for (const [key, value] of s.put ?? []) put.push([rows.sideKey(s.namespace, key), value])
        for (const key of s.del ?? []) del.push(rows.sideKey(s.namespace, key))
      }
      return opened.commit({ put, del }, { marks })
    },
    rows: () => opened.rows(),
    close: () => opened.close(),
    [Symbol.asyncDispose]: () => opened.close(),
  }
}
