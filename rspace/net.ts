/** What commits did, told by their records: for watching from a commit on, and for looking at spaces whose codecs are unknown. */
import { RhizomeError } from './errors.ts'
import { nothingLoaded, readRow, TAG } from './rows.ts'
import type { RowChange, Store } from './store/index.ts'

/** A record that a commit has added or removed, net of what came and went within the commit; values still encoded. */
export interface NetChange {
  readonly commit: number
  readonly kind: 'produce' | 'consume' | 'remove'
  readonly ref: number
  /** Kind and bytes of the channel; of a continuation, of its first bind. */
  readonly channel: Uint8Array
  /** Of a datum. */
  readonly value?: Uint8Array
  readonly persistent: boolean
}

/** Channels and groups by their numbers, which are never given out twice. */
export class Names {
  private readonly channels = new Map<number, Uint8Array>()
  private readonly groups = new Map<number, readonly number[]>()

  learn(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined || (key[0] !== TAG.C && key[0] !== TAG.G)) return
    const one = nothingLoaded()
    readRow(one, key, value)
    for (const [cid, identity] of one.channels) this.channels.set(cid, identity)
    for (const [gid, cids] of one.groups) this.groups.set(gid, cids)
  }
  learnChange(c: RowChange): void {
    this.learn(c.key, c.value)
    this.learn(c.key, c.before)
  }

  /** Nothing for rows that are no records, and for what only changed; two for a record that has taken the place of another. @throws RhizomeError CORRUPT */
  net({ key, hash, value, before }: RowChange, commit: number): NetChange[] {
    const [tag] = key
    if (tag !== TAG.D && tag !== TAG.K) return []
    const left = before === undefined ? undefined : this.record(key, before, 'remove', commit)
    const came =
      hash === undefined || value === undefined ? undefined : this.record(key, value, tag === TAG.D ? 'produce' : 'consume', commit)
    if (left?.ref === came?.ref) return []
    // What has come, but not what it was, is told by the commit that took it away again.
    return [left, came].filter(c => c !== undefined)
  }

  private record(key: Uint8Array, bytes: Uint8Array, kind: NetChange['kind'], commit: number): NetChange {
    const one = nothingLoaded()
    readRow(one, key, bytes)
    const [d] = one.data
    if (d !== undefined)
      return {
        ...{ commit, kind, ref: d.ref, channel: this.channel(d.cid) },
        ...{ value: d.value, persistent: d.persistent },
      }
    const [k] = one.conts
    const cid = this.groups.get(k.gid)?.[k.branches[0]?.places[0] ?? 0] ?? -1
    return { commit, kind, ref: k.ref, channel: this.channel(cid), persistent: k.persistent }
  }

  private channel(cid: number): Uint8Array {
    const identity = this.channels.get(cid)
    if (identity === undefined) throw new RhizomeError('CORRUPT', `a row mentions channel ${cid}, which has no row`)
    return identity
  }
}

/**
 * The net changes of the commits after number `from`.
 * @throws RhizomeError UNKNOWN_COMMIT (details.oldest) if they are not kept any more
 */
export async function* netChanges(store: Store, from: number): AsyncGenerator<NetChange, void, undefined> {
  const names = new Names()
  for (const tag of [TAG.C, TAG.G])
    for await (const page of store.range(Uint8Array.of(tag), Uint8Array.of(tag + 1)))
      for (const [key, value] of page) names.learn(key, value)
  const records = []
  for await (const record of store.log(from + 1, { values: true })) records.push(record)
  for (const { changes } of records) for (const c of changes) names.learnChange(c)
  for (const { number, changes } of records) {
    // A value that was replaced while this was read is not known: then the change is told by the commit that replaced it.
    for (const c of changes) yield* names.net(c, number)
  }
}
