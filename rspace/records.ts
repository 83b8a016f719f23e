/** What the space adds to the kernel's records: channels with a name, data with a lease, continuations with patterns and a body. */
import type { Channel, Types } from './api.ts'
import type { Backlog } from './backlog.ts'
import { Chan, Cont, type Datum, LINEAR, PEEK, type Site } from './kernel.ts'

const KINDS = ['named', 'fresh', 'derived'] as const
const HELD = 4

/** Draws or encodes the bytes of channels that have none yet. */
export interface Namer<T extends Types> {
  bytesOf(h: Handle<T>): Uint8Array
}

/** Nobody else's objects have it: what has it with the right value is a handle of that space. */
export const SPACE = Symbol('space')

/** A channel of one space. One object with the kernel's channel: of many channels most of the cost is memory that is not at hand. */
export class Handle<T extends Types> extends Chan implements Channel<T> {
  readonly [SPACE]: Namer<T>
  readonly value: T['C'] | undefined
  /** Its kind; and whether the caller has it, so that it must stay the one handle of its name. */
  private flags: number
  private encoded: Uint8Array | null
  /** Local number on disk, 0 while no row mentions it. */
  cid: number
  /** Rows on disk that mention it. */
  rows: number
  /** Ref of the datum in its cell on disk, 0 if that is empty; and this datum while it is leaving, as long as nothing has taken the cell over. */
  cell: number
  leaving: Datum | null
  /** When the log of events named it last, see `EventWriter`. */
  told: number
  /** What was waited for last: programs ask for the same again and again. */
  asked: T['P'] | undefined
  /** The group of the continuations that wait here alone. */
  group: Group | null
  /** The newest data of many. They know nothing of what is done with data, see `Space.thaw`. */
  backlog: Backlog<T['A']> | null
  /** The last group of two channels that has it first, if there is still one. */
  pair: Group | null
  constructor(space: Namer<T>, value: T['C'] | undefined, kind: 'named' | 'fresh' | 'derived', bytes: Uint8Array | null) {
    super(null)
    // What every operation asks for comes first.
    this[SPACE] = space
    this.backlog = null
    this.flags = KINDS.indexOf(kind)
    this.value = value
    this.asked = undefined
    this.encoded = bytes
    this.cid = 0
    this.rows = 0
    this.cell = 0
    this.leaving = null
    this.told = 0
    this.group = null
    this.pair = null
  }
  get chan(): Chan {
    return this
  }
  bytes(): Uint8Array {
    if (this.encoded === null) this.encoded = this[SPACE].bytesOf(this)
    return this.encoded
  }
  get kind(): 'named' | 'fresh' | 'derived' {
    return KINDS[this.kindByte]
  }
  get held(): boolean {
    return (this.flags & HELD) !== 0
  }
  hold(): void {
    this.flags |= HELD
  }
  get drawn(): boolean {
    return this.encoded !== null
  }
  /** First byte of its identity. */
  get kindByte(): number {
    return this.flags & ~HELD
  }
  /** Kind and canonical bytes: what a row of the channel holds, and its identity. */
  identity(): Uint8Array {
    const bytes = this.bytes()
    const id = new Uint8Array(bytes.length + 1)
    id[0] = this.kindByte
    id.set(bytes, 1)
    return id
  }
  get show(): T['C'] | Channel<T> {
    return this.kindByte === 0 ? (this.value as T['C']) : this
  }
}
export const kindOfByte = (b: number): 'named' | 'fresh' | 'derived' | undefined => KINDS[b]

export const handleOf = <T extends Types>(chan: Chan): Handle<T> => chan as Handle<T>

/** Channels that continuations wait on together, as a row. */
export class Group {
  readonly gid: number
  readonly cids: readonly number[]
  /** Each channel once, in any order. */
  readonly handles: readonly Handle<Types>[]
  /** The channel at the first place of `cids`, and the one at the second if it is another: what waits on two is placed without a look at the lists. */
  readonly first: Handle<Types>
  readonly second: Handle<Types> | null
  rows: number
  /** As of a channel. */
  cell: number
  leaving: Cont | null
  constructor(gid: number, cids: readonly number[], handles: readonly Handle<Types>[]) {
    this.gid = gid
    this.cids = cids
    this.handles = handles
    this.first = handles.find(h => h.cid === cids[0]) as Handle<Types>
    this.second = handles.find(h => h !== this.first && h.cid === cids[1]) ?? null
    this.rows = 0
    this.cell = 0
    this.leaving = null
  }
  place(h: Handle<Types>): number {
    return h === this.first ? 0 : h === this.second ? 1 : this.cids.indexOf(h.cid)
  }
}

/** What a datum has beside its value; shared by all that have nothing. */
export class Item {
  /** Tick at which it leaves; 0: never. */
  readonly lease: number
  readonly volatile: boolean
  constructor(lease: number, volatile: boolean) {
    this.lease = lease
    this.volatile = volatile
  }
}
export const itemOf = (d: Datum): Item | null => d.origin as Item | null

/** What continuations have in common that differ only in channels, patterns and body. */
export class Shape implements Site {
  readonly arrows: Uint8Array
  readonly persistent: boolean
  readonly guarded: boolean
  readonly branches: readonly Shape[] | undefined
  readonly peeks: readonly boolean[]
  /** Of a branch: how many binds the branches before it have. */
  readonly offset: number
  constructor(peeks: readonly boolean[], persistent: boolean, guarded: boolean, offset: number, branches: readonly Shape[] | undefined) {
    this.arrows = Uint8Array.from(peeks, p => (p ? PEEK : LINEAR))
    this.persistent = persistent
    this.guarded = guarded
    this.branches = branches
    this.peeks = peeks
    this.offset = offset
  }
}

const shapes = new Map<string, Shape>()
/** More are not shared: programs have few. */
const SHAPES_MAX = 1000

/** @param peeks one list per branch */
export function shapeOf(peeks: readonly (readonly boolean[])[], persistent: boolean, guarded: boolean): Shape {
  let id = `${persistent ? 'p' : 'l'}${guarded ? 'g' : ''}`
  for (const list of peeks) {
    id += '|'
    for (const p of list) id += p ? '1' : '0'
  }
  let shape = shapes.get(id)
  if (shape === undefined) {
    let offset = 0
    const parts = peeks.map(list => {
      const part = new Shape([...list], persistent, guarded, offset, undefined)
      offset += list.length
      return part
    })
    shape = parts.length === 1 ? parts[0] : new Shape(peeks.flat(), persistent, false, 0, parts)
    if (shapes.size < SHAPES_MAX) shapes.set(id, shape)
  }
  return shape
}

const receives: Shape[] = []
const contracts: Shape[] = []
/** One branch that neither peeks nor has a guard: what most continuations are. */
export function plainShape(binds: number, persistent: boolean): Shape {
  const known = persistent ? contracts : receives
  if (binds < known.length) return known[binds]
  while (known.length <= Math.min(binds, PLAIN_MAX)) known.push(shapeOf([new Array<boolean>(known.length).fill(false)], persistent, false))
  return known[binds] ?? shapeOf([new Array<boolean>(binds).fill(false)], persistent, false)
}
const PLAIN_MAX = 16

/** Someone in this process who waits for the COMM of a continuation. */
export interface Waiter {
  fired(): void
}

/** What few continuations have. */
export class Extra<T extends Types> {
  readonly where: T['G'] | undefined
  readonly lease: number
  readonly volatile: boolean
  readonly install: string | null
  waiter: Waiter | null = null
  constructor(where: T['G'] | undefined, lease: number, volatile: boolean, install: string | null) {
    this.where = where
    this.lease = lease
    this.volatile = volatile
    this.install = install
  }
}

/** One branch, taken apart. */
export interface BranchRecord<T extends Types> {
  readonly handles: readonly Handle<T>[]
  readonly patterns: readonly T['P'][]
  readonly peeks: readonly boolean[]
  readonly where: T['G'] | undefined
}

export class Waiting<T extends Types> extends Cont {
  /** Of the only bind, or of all binds of all branches in a list. */
  private what: T['P'] | readonly T['P'][]
  body: T['K']
  readonly extra: Extra<T> | null
  /** Keys of its binds, of all branches; found out once. */
  keyCache: (string | number | undefined)[] | null
  /** Where its row is. */
  group: Group | null
  /** With one channel and its pattern, or with lists of both for all binds. */
  constructor(shape: Shape, on: Chan | readonly Chan[], what: T['P'] | readonly T['P'][], body: T['K'], extra: Extra<T> | null) {
    super(shape)
    if (on instanceof Chan) this.chan = on
    else this.chans = on
    this.what = what
    this.body = body
    this.extra = extra
    this.keyCache = null
    this.group = null
  }
  /** Once more, where it was one bind's and has been taken out of the space: as new, but for what it was made with. */
  again(chan: Chan, pattern: T['P'], body: T['K']): this {
    this.chan = chan
    this.what = pattern
    this.body = body
    this.keyCache = null
    this.state = 0
    return this
  }
  get shape(): Shape {
    return this.site as Shape
  }
  /** The shape of a branch. */
  branch(b: number): Shape {
    const { branches } = this.shape
    return branches === undefined ? this.shape : branches[b]
  }
  pattern(b: number, i: number): T['P'] {
    return this.chan !== null ? (this.what as T['P']) : (this.what as readonly T['P'][])[this.branch(b).offset + i]
  }
  handle(b: number, i: number): Handle<T> {
    return handleOf<T>(this.chan ?? ((this.chans as readonly Chan[])[this.branch(b).offset + i] as Chan))
  }
  /** The same by the number of the bind, over all branches. */
  patternAt(n: number): T['P'] {
    return this.chans === null ? (this.what as T['P']) : (this.what as readonly T['P'][])[n]
  }
  handleAt(n: number): Handle<T> {
    return handleOf<T>((this.chans === null ? this.chan : this.chans[n]) as Chan)
  }
  /** Every bind of every branch, in the order they were written. */
  get handles(): readonly Handle<T>[] {
    return this.chans === null ? [handleOf<T>(this.chan as Chan)] : this.chans.map(handleOf<T>)
  }
  get patterns(): readonly T['P'][] {
    return this.chans === null ? [this.what as T['P']] : (this.what as readonly T['P'][])
  }
  /** For looking at it; made anew each time. */
  get branches(): readonly BranchRecord<T>[] {
    const { shape, handles, patterns, where } = this
    return (shape.branches ?? [shape]).map(({ offset, peeks }) => ({
      handles: handles.slice(offset, offset + peeks.length),
      patterns: patterns.slice(offset, offset + peeks.length),
      peeks,
      where,
    }))
  }
  get persistent(): boolean {
    return this.site.persistent
  }
  get where(): T['G'] | undefined {
    return this.extra === null ? undefined : this.extra.where
  }
  get lease(): number {
    return this.extra === null ? 0 : this.extra.lease
  }
  get volatile(): boolean {
    return this.extra?.volatile === true
  }
  get install(): string | null {
    return this.extra === null ? null : this.extra.install
  }
  get waiter(): Waiter | null {
    return this.extra === null ? null : this.extra.waiter
  }
  /** A copy that waits on other channels; nobody in this process waits for it. */
  on(chans: readonly Chan[]): Waiting<T> {
    const { where, lease, volatile } = this
    const extra = this.extra === null ? null : new Extra<T>(where, lease, volatile, null)
    return waitingOn<T>(this.shape, chans, this.patterns, this.body, extra)
  }
}

/** The lists become the record's. They live as long as it: one that has grown should be copied first, it has room for sixteen more. */
export function waitingOn<T extends Types>(
  shape: Shape,
  chans: readonly Chan[],
  patterns: readonly T['P'][],
  body: T['K'],
  extra: Extra<T> | null,
): Waiting<T> {
  if (chans.length === 1) return new Waiting<T>(shape, chans[0], patterns[0], body, extra)
  return new Waiting<T>(shape, chans, patterns, body, extra)
}
