import type { Pack } from '../../rspace/store/pack.ts'

/** Bytes of rows that are kept at the most. */
const BYTES_MAX = 8 << 20
/** More refs than this for each row of a group, and its index would cost more than looking rows up. */
const SPREAD_MAX = 16

/** What one group wrote: the records with refs above `from`, up to `to`. */
class Group {
  readonly pack: Pack
  readonly from: number
  readonly to: number
  /** Row by ref, counted from 1; made when somebody asks. */
  private index: Int32Array | null = null
  constructor(pack: Pack, from: number, to: number) {
    this.pack = pack
    this.from = from
    this.to = to
  }

  rows(kinds: ReadonlySet<number>): Int32Array {
    if (this.index !== null) return this.index
    const { pack, from, to } = this
    const index = new Int32Array(to - from)
    for (let row = 0; row < pack.count; row++) {
      const chunk = pack.chunks[pack.places[3 * row]]
      const at = pack.places[3 * row + 1] + 2
      let ref = 0
      for (let i = at; i < at + 8; i++) ref = ref * 256 + chunk[i]
      // Numbers of other kinds of rows are no refs.
      if (ref > from && ref <= to && kinds.has(chunk[at - 1])) index[ref - from - 1] = row + 1
    }
    this.index = index
    return index
  }
}

/** The rows that the last groups wrote, by the refs of their records: most of what goes came shortly before, and what it held need not be looked up. */
export class Recent {
  private readonly kinds: ReadonlySet<number>
  private groups: Group[] = []
  private bytes = 0

  /** @param kinds of rows that are numbered by refs; others are not kept */
  constructor(kinds: ReadonlySet<number>) {
    this.kinds = kinds
  }

  /** A group has been written: its new records are those with refs above `from`, up to `to`. */
  add(pack: Pack, from: number, to: number): void {
    if (pack.count * SPREAD_MAX < to - from) return
    this.groups.push(new Group(pack, from, to))
    this.bytes += pack.bytes
    while (this.bytes > BYTES_MAX) this.bytes -= (this.groups.shift() as Group).pack.bytes
  }

  clear(): void {
    this.groups = []
    this.bytes = 0
  }

  private of(ref: number): Group | undefined {
    for (let i = this.groups.length - 1; i >= 0; i--)
      if (ref > this.groups[i].from) return ref <= this.groups[i].to ? this.groups[i] : undefined
    return undefined
  }

  /** Add the row of a record to the rows that go. False: it is not here. */
  give(kind: number, ref: number, gone: Pack): boolean {
    const group = this.of(ref)
    if (group === undefined) return false
    const row = group.rows(this.kinds)[ref - group.from - 1] - 1
    if (row < 0) return false
    const { places, chunks } = group.pack
    const chunk = chunks[places[3 * row]]
    const start = places[3 * row + 1]
    if (chunk[start + 1] !== kind) return false
    gone.add(chunk, start, places[3 * row + 2])
    return true
  }

  /** The row of a record has been replaced. */
  forget(ref: number): void {
    const group = this.of(ref)
    if (group !== undefined) group.rows(this.kinds)[ref - group.from - 1] = 0
  }
}
