/** The durable row store. What is not here is internal. */
export { ERRORS, RhizomeError } from '../errors.ts'
export { asStorageError, type Engine, type Gathering, type Op } from './engine.ts'
export {
  type CommitRecord,
  type Format,
  type Head,
  type Marks,
  NO_MARKS,
  type RowChange,
  type StoredDurability,
  TAGS,
  type Tag,
} from './format.ts'
export { LevelEngine, type LevelOptions } from './level.ts'
export { MemoryEngine } from './memory.ts'
export { openStore, type StoreOptions } from './open.ts'
export { PACK_TAIL, Pack } from './pack.ts'
export { exportDir, importDir } from './pages.ts'
export { Reader } from './reader.ts'
export type { Commit, CommitMeta, Del, Delta, Keep, Put, Store } from './store.ts'
export {
  backupDir,
  compactDir,
  logOf,
  openForReading,
  repair,
  rowsOf,
  type Stats,
  showRow,
  statsDir,
  verifyDir,
} from './tools.ts'
export type { Report } from './verify.ts'
export type { Problem } from './walk.ts'
