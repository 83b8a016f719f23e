import type { Pack } from '../../rspace/store/pack.ts'

/** More refs than this for each row, and the index would cost more than looking rows up. */
const SPREAD_MAX = 16

/**
 * The rows that the last group wrote, by the refs of their records, while the next group is made: most of what goes has come with the group before, and what it
 * held need not be looked up.
 */
export class Recent {
  private readonly kinds: ReadonlySet<number>
  private readonly pack: Pack
  private readonly from: number
  private readonly to: number
  /** Row by ref, counted from 1; made when somebody asks. */
  private index: Int32Array | null = null

  /** @param from refs above this one, up to `to`, are those of the rows; @param kinds of rows that are numbered by refs */
  constructor(pack: Pack, from: number, to: number, kinds: ReadonlySet<number>) {
    this.kinds = kinds
    this.pack = pack
    this.from = from
    this.to = to
  }

  /** Add the row of a record to the rows that go. False: it is not here. */
  give(kind: number, ref: number, gone: Pack): boolean {
    const { pack, from } = this
    if (ref <= from || ref > this.to || pack.count * SPREAD_MAX < this.to - from) return false
    const row = (this.index ??= this.indexed())[ref - from - 1] - 1
    if (row < 0) return false
    const { places } = pack
    const chunk = pack.chunks[places[3 * row]]
    const start = places[3 * row + 1]
    if (chunk[start + 1] !== kind) return false
    gone.add(chunk, start, places[3 * row + 2])
    return true
  }

  private indexed(): Int32Array {
    const { pack, from, to } = this
    const index = new Int32Array(to - from)
    for (let row = 0; row < pack.count; row++) {
      const chunk = pack.chunks[pack.places[3 * row]]
      const at = pack.places[3 * row + 1] + 2
      let ref = 0
      for (let i = at; i < at + 8; i++) ref = ref * 256 + chunk[i]
      // Numbers of other kinds of rows are no refs.
      if (ref > from && ref <= to && this.kinds.has(chunk[at - 1])) index[ref - from - 1] = row + 1
    }
    return index
  }
}
