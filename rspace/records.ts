/** What the space adds to the kernel's records: channels with a name, data with a lease, continuations with patterns and a body. */
import type { Channel, Types } from './api.ts'
import { Chan, Cont, type Datum, type Site } from './kernel.ts'

const KINDS = ['named', 'fresh', 'derived'] as const

/** A channel of one space. The kernel's channel points back to it through `owner`. */
export class Handle<T extends Types> implements Channel<T> {
  readonly chan: Chan
  readonly owner: object
  readonly value: T['C'] | undefined
  readonly kind: 'named' | 'fresh' | 'derived'
  private encoded: Uint8Array | null
  private readonly draw: (() => Uint8Array) | null
  /** Local number on disk, 0 while no row mentions it. */
  cid = 0
  /** Rows on disk that mention it. */
  rows = 0
  /** Given to the caller: must stay the one handle of its name. */
  held = false
  constructor(
    owner: object,
    value: T['C'] | undefined,
    kind: 'named' | 'fresh' | 'derived',
    bytes: Uint8Array | null,
    draw: (() => Uint8Array) | null,
  ) {
    this.owner = owner
    this.value = value
    this.kind = kind
    this.encoded = bytes
    this.draw = draw
    this.chan = new Chan(this)
  }
  bytes(): Uint8Array {
    if (this.encoded === null) this.encoded = (this.draw as () => Uint8Array)()
    return this.encoded
  }
  get drawn(): boolean {
    return this.encoded !== null
  }
  /** Kind and canonical bytes: what a row of the channel holds, and its identity. */
  identity(): Uint8Array {
    const bytes = this.bytes()
    const id = new Uint8Array(bytes.length + 1)
    id[0] = KINDS.indexOf(this.kind)
    id.set(bytes, 1)
    return id
  }
  get show(): T['C'] | Channel<T> {
    return this.kind === 'named' ? (this.value as T['C']) : this
  }
}
export const kindOfByte = (b: number): 'named' | 'fresh' | 'derived' | undefined => KINDS[b]

export const handleOf = <T extends Types>(chan: Chan): Handle<T> => chan.owner as Handle<T>

/** What a datum has beside its value; shared by all that have nothing. */
export class Item {
  /** Tick at which it leaves; 0: never. */
  lease: number
  readonly volatile: boolean
  /** The turn is in a row of its own. */
  turnRow = false
  constructor(lease: number, volatile: boolean) {
    this.lease = lease
    this.volatile = volatile
  }
}
export const itemOf = (d: Datum): Item | null => d.origin as Item | null

export interface BranchRecord<T extends Types> {
  readonly handles: readonly Handle<T>[]
  readonly patterns: readonly T['P'][]
  readonly peeks: readonly boolean[]
  readonly where: T['G'] | undefined
}

/** Someone in this process who waits for the COMM of a continuation. */
export interface Waiter {
  fired(): void
}

export class Waiting<T extends Types> extends Cont {
  readonly branches: readonly BranchRecord<T>[]
  readonly body: T['K']
  lease: number
  readonly volatile: boolean
  readonly install: string | null
  waiter: Waiter | null = null
  /** Keys of its binds, one list per bind of all branches; found out once. */
  keyCache: (string | number | undefined)[] | null = null
  turnRow = false
  constructor(
    branches: readonly BranchRecord<T>[],
    body: T['K'],
    persist: boolean,
    volatile: boolean,
    lease: number,
    install: string | null,
  ) {
    super(siteFor(branches, persist))
    this.branches = branches
    this.body = body
    this.lease = lease
    this.volatile = volatile
    this.install = install
    const all = branches.flatMap(b => b.handles.map(h => h.chan))
    if (all.length === 1) this.chan = all[0]
    else this.chans = all
  }
  get persistent(): boolean {
    return this.site.persistent
  }
}

function siteFor<T extends Types>(branches: readonly BranchRecord<T>[], persistent: boolean): Site {
  const sites = branches.map(b => ({
    arrows: Uint8Array.from(b.peeks, p => (p ? 2 : 0)),
    persistent,
    guarded: b.where !== undefined,
  }))
  if (sites.length === 1) return sites[0]
  return {
    arrows: Uint8Array.from(
      branches.flatMap(b => b.peeks),
      p => (p ? 2 : 0),
    ),
    persistent,
    guarded: false,
    branches: sites,
  }
}
