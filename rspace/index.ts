/** A durable, join-capable tuplespace. The public surface; what is not here is internal. */
import type { JsonTypes, OpenOptions, Types } from './api.ts'
import { loadHashes } from './hash.ts'
import { withPreset } from './open.ts'
import { Space } from './space.ts'

export type * from './api.ts'
export { Core, type CoreDelta, type CoreOptions, core, type RowStore, type SideDelta, store } from './core.ts'
export { BadArgument, codeOf, ERRORS, type ErrorCode, RhizomeError } from './errors.ts'
export { _, type Bindings, exact, type JsonValue, json, lit, rest, v } from './json.ts'
export { importInto, open, repair, type StoredSpace } from './open.ts'
export { type Mark, Space } from './space.ts'
export type { Engine, Gathering, Op } from './store/engine.ts'
export { MemoryEngine } from './store/memory.ts'

/** A space in memory. Synchronous; the same API, with commits that are only numbers. */
export function memory<T extends Types = JsonTypes>(o: Partial<OpenOptions<T>> = {}): Space<T> {
  const settings = withPreset(o)
  // Until the fast hashes have come, slower ones give the same bytes.
  if ((o.history ?? 'none') !== 'none' || o.journal === 'events') void loadHashes()
  return new Space<T>(settings, null)
}
