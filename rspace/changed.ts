/** Which records a group has brought and taken: the net effect, whatever happened in between. */
import type { Ref } from './api.ts'

/** Entries that may be gone before a list is cleaned up. */
const SLACK = 1024

export interface Changes<R> {
  readonly added: readonly R[]
  readonly removed: readonly R[]
}

/**
 * Refs ascend, so whether a record came with this group is seen from its ref, and two lists do: what came and has gone again is left out when they are read. Only
 * after a record has come back (a rollback) is it looked up who is in which.
 */
export class Changed<R extends { readonly ref: Ref }> {
  private readonly isThere: (r: R) => boolean
  private added: R[] = []
  /** The last to come, not among `added` yet: mostly it goes before another one comes, and then there is nothing to do for it. */
  private latest: R | null = null
  private removed: R[] = []
  /** Of `added`, those that are there; about. */
  private alive = 0
  private exact: { readonly added: Map<Ref, R>; readonly removed: Map<Ref, R> } | null = null
  /** Above all refs when the group began. */
  private start: Ref = 0
  /** Above all refs that have come. */
  private newest: Ref = 0

  constructor(isThere: (r: R) => boolean) {
    this.isThere = isThere
  }

  get size(): number {
    const { exact } = this
    if (exact !== null) return exact.added.size + exact.removed.size
    return this.alive + this.removed.length + (this.latest === null ? 0 : 1)
  }

  came(r: R): void {
    const { ref } = r
    if (this.latest === null && ref > this.newest && this.exact === null) {
      this.newest = ref
      this.latest = r
    } else this.cameToo(r, ref)
  }

  private cameToo(r: R, ref: Ref): void {
    this.settle()
    if (ref > this.newest && this.exact === null) {
      this.newest = ref
      this.latest = r
      return
    }
    const { added, removed } = (this.exact ??= this.sorted(r))
    if (ref > this.newest) {
      this.newest = ref
      added.set(ref, r)
    } else if (!removed.delete(ref)) added.set(ref, r)
  }

  went(r: R): void {
    if (r === this.latest) this.latest = null
    else this.wentLater(r)
  }

  private wentLater(r: R): void {
    const { ref } = r
    if (this.exact !== null) {
      if (!this.exact.added.delete(ref)) this.exact.removed.set(ref, r)
    } else if (ref <= this.start) this.removed.push(r)
    else {
      const { added } = this
      this.alive--
      // Mostly what came last goes first: nothing is left to be cleaned up.
      if (added[added.length - 1] === r) added.pop()
      else if (added.length > 2 * this.alive + SLACK) this.sweep(r)
    }
  }

  private settle(): void {
    const { latest } = this
    if (latest === null) return
    this.latest = null
    this.added.push(latest)
    this.alive++
  }

  /** The changes since the last call; `counter` is above all refs that have been given out. */
  take(counter: Ref): Changes<R> {
    this.settle()
    const { exact } = this
    const added = exact === null ? this.added.filter(this.isThere) : [...exact.added.values()]
    const removed = exact === null ? this.removed : [...exact.removed.values()]
    this.exact = null
    this.added = []
    this.removed = []
    this.alive = 0
    this.start = counter
    this.newest = Math.max(this.newest, counter)
    return { added, removed }
  }

  private sweep(gone: R): void {
    const { added } = this
    let n = 0
    for (const r of added) if (r !== gone && this.isThere(r)) added[n++] = r
    added.length = n
    this.alive = n
  }

  /** As it was before `back` came back. */
  private sorted(back: R): { added: Map<Ref, R>; removed: Map<Ref, R> } {
    const added = new Map<Ref, R>()
    for (const r of this.added) if (r !== back && this.isThere(r)) added.set(r.ref, r)
    this.added = []
    return { added, removed: new Map(this.removed.map(r => [r.ref, r])) }
  }
}
