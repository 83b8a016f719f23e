/** Rows of records, laid out one behind another in large pieces of memory: an array for each key and value would cost more than the rest. */
import { Appender, setCount } from './appender.ts'
import { PACK_TAIL, Pack } from './store/pack.ts'

const CHUNK_BYTES = 1 << 16
/** Tag, number of the channel or group, ref with its shard. */
const RECORD_KEY_BYTES = 19

export class Packer extends Appender {
  readonly pack = new Pack(RECORD_KEY_BYTES)
  private start = 0
  /** Length of the row that takes the place of the one being written; 0: of none. */
  private renewed = 0
  private readonly shard: number

  constructor(shard: number) {
    super(0)
    this.shard = shard
  }

  /** To be filled again; what it held must not be needed any more. */
  reset(): this {
    const { pack, bytes } = this
    pack.count = pack.bytes = pack.chunks.length = 0
    if (bytes.length > CHUNK_BYTES) this.bytes = new Uint8Array(0)
    this.start = this.at = this.renewed = 0
    return this
  }

  /** Begin the row of a record; its value follows, then `end`. */
  begin(tag: number, id: number, ref: number): void {
    this.start = this.at
    this.room(RECORD_KEY_BYTES)
    const { bytes, at } = this
    bytes[at] = tag
    setCount(bytes, at + 1, id)
    setCount(bytes, at + 9, ref)
    bytes[at + 17] = this.shard >>> 8
    bytes[at + 18] = this.shard
    this.at = at + RECORD_KEY_BYTES
  }
  /** End the new row and begin the one whose place it takes: the same key, of which the value follows, then `end`. */
  over(): void {
    this.room(PACK_TAIL + RECORD_KEY_BYTES)
    const { bytes, start } = this
    const at = this.at + PACK_TAIL
    for (let i = 0; i < RECORD_KEY_BYTES; i++) bytes[at + i] = bytes[start + i]
    this.renewed = at - start
    this.at = at + RECORD_KEY_BYTES
  }
  end(): void {
    this.room(PACK_TAIL)
    this.at += PACK_TAIL
    const { bytes, at, renewed } = this
    let { start } = this
    if (renewed > 0) {
      this.pack.add(bytes, start, (start += renewed))
      this.renewed = 0
    }
    this.pack.add(bytes, start, at)
  }

  /** A new piece. What has been begun moves along: a row, and one that takes its place, lie in one piece. */
  protected override grow(n: number): void {
    const begun = this.at - this.start
    const next = new Uint8Array(Math.max(CHUNK_BYTES, begun + n + (n > CHUNK_BYTES ? 64 : n)))
    next.set(this.bytes.subarray(this.start, this.at))
    this.bytes = next
    this.start = 0
    this.at = begun
  }
}

/** Copies of the renewed rows of a pack: key, value, and what the value takes the place of. */
export function* renewedOfPack(pack: Pack): Generator<readonly [key: Uint8Array, value: Uint8Array, before: Uint8Array]> {
  let last: readonly [Uint8Array, Uint8Array] | undefined
  for (const row of rowsOfPack(pack)) {
    if (last === undefined) last = row
    else {
      yield [...last, row[1]]
      last = undefined
    }
  }
}

/** Copies of the rows of a pack, key and value apart. */
export function* rowsOfPack({ chunks, places, count, keyBytes }: Pack): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
  for (let i = 0; i < 3 * count; i += 3) {
    const chunk = chunks[places[i]]
    const valueAt = places[i + 1] + keyBytes
    yield [chunk.slice(places[i + 1], valueAt), chunk.slice(valueAt, places[i + 2] - PACK_TAIL)]
  }
}
