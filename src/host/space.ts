import { openStore, type StoredDurability } from '../../rspace/store/index.ts'
import type { Rows } from '../machine/keeper.ts'

/** Names what the rows of a session mean; another value is refused as CODEC_MISMATCH. */
export const CODECS = 'rholang/1'

export interface SpaceOptions {
  /** What a commit survives: `process` the end of the process, `power` also a power cut. An existing space keeps its own; another one is refused. */
  readonly durability?: StoredDurability
  /** Make a space if there is none. It comes into being with its first commit. */
  readonly create?: boolean
  /** Look at a private copy of the files; commits are refused. */
  readonly readOnly?: boolean
}

/** The rows of a directory. @throws RhizomeError as `openStore` */
export async function openSpace(dir: string, o: SpaceOptions = {}): Promise<Rows> {
  return openStore(dir, { durability: o.durability, create: o.create, readOnly: o.readOnly, createWithFirstCommit: true, codecs: CODECS })
}
