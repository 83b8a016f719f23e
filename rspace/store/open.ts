import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BadArgument, RhizomeError } from '../errors.ts'
import { type Anchor, FileAnchor, RowAnchor } from './anchor.ts'
import { beginCreation, hasEntryPoint, kindOf, newInstance, publish, undoCreation } from './copy.ts'
import { asStorageError, type Engine, REPAIR_HINT } from './engine.ts'
import {
  ASIDE_DIR,
  all,
  CREATING_FILE,
  cloneStore,
  dropAside,
  exists,
  FORMAT_FILE,
  makeDirs,
  readIfThere,
  removeIfThere,
  restoreAside,
  syncAbove,
} from './files.ts'
import {
  type CommitRecord,
  decodeFormat,
  encodeFormat,
  FORMAT_MAJOR,
  FORMAT_MINOR,
  type Format,
  type Head,
  KEY_END,
  KEY_START,
  LOG_RANGE,
  logKey,
  metaKey,
  openRow,
  type StoredDurability,
  sameHead,
} from './format.ts'
import { hashesReady } from './hash.ts'
import { LevelEngine, type LevelOptions } from './level.ts'
import { acquireLock, type Lock } from './lock.ts'
import { firstBatch, KEEP, type Keep, type Opened, type Standing, Store } from './store.ts'
import { LogWalk, readRecord, recordBytes } from './walk.ts'

export interface StoreOptions extends LevelOptions {
  /** What an acknowledged commit survives: `process` the end of the process, `power` also a power cut. New stores: `process`; an existing one keeps its own, and anything else than that is refused. */
  readonly durability?: StoredDurability
  /** Make a store if there is none. */
  readonly create?: boolean
  /** Work on a private copy of the files; nothing can be written. */
  readonly readOnly?: boolean
  /** Names the embedder's codecs; must be the one the store was made with. Absent: any (for tools), and the empty name for a new store. */
  readonly codecs?: string
  /** A new store becomes one only with its first commit: a crash before leaves nothing. */
  readonly createWithFirstCommit?: boolean
  /** How many commit records are kept. Fewer make repair and `log` reach less far back; commits are not less safe. */
  readonly keep?: Keep
}

/**
 * Open a store in a directory, or on an engine. Nothing is changed when it is refused.
 * The rows are checked by the first complete reading of `rows()`, or by the first commit.
 * @throws RhizomeError `NO_SUCH_SPACE`, `NOT_A_SPACE`, `VERSION`, `CODEC_MISMATCH`, `LOCKED`, `CORRUPT`, `NEEDS_REPAIR`, `IO`, `DISK_FULL`; BadArgument
 */
export async function openStore(where: string | Engine, o: StoreOptions = {}): Promise<Store> {
  checkOptions(where, o)
  // Loaded while the directory is looked at and a new engine opens; who needs a hash waits for it, and is told if there is none.
  const ready = hashesReady()
  ready.catch(() => undefined)
  try {
    if (typeof where === 'string') return await openDirectory(where, o)
    await ready
    return await openOnEngine(where, o)
  } catch (e) {
    if (e instanceof BadArgument) throw e
    throw asStorageError(e, 'opening the store')
  }
}

function checkOptions(where: unknown, o: StoreOptions): void {
  if ((typeof where !== 'string' || where === '') && (typeof where !== 'object' || where === null)) {
    throw new BadArgument('a store is opened in a directory or on an engine')
  }
  if (o.durability !== undefined && o.durability !== 'process' && o.durability !== 'power') {
    throw new BadArgument('the durability of a store is `process` or `power`')
  }
  if (o.codecs !== undefined && typeof o.codecs !== 'string') throw new BadArgument('`codecs` is a text')
  if (o.create === true && o.readOnly === true) throw new BadArgument('a space cannot be created read-only')
  const { commits, bytes } = o.keep ?? KEEP
  if (!Number.isSafeInteger(commits) || commits < 1 || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new BadArgument('`keep` takes commits ≥ 1 and bytes ≥ 0')
  }
}

// ---- directories -------------------------------------------------------------------------------------------------------------------

async function openDirectory(path: string, o: StoreOptions): Promise<Store> {
  await probe(path, o) // refuse without taking the lock
  const above = o.create === true ? makeDirs(path) : []
  const lock = await acquireLock(path)
  try {
    const format = await probe(lock.dir, o)
    if (format !== undefined) await checkEntryPoint(lock.dir)
    if (o.readOnly === true) return await openCopy(lock, format!, o)
    return format === undefined ? await createIn(lock, o, above) : await openIn(lock, format, o)
  } catch (e) {
    await lock.release()
    throw e
  }
}

/** The format of the store in `dir`; undefined if one may be created there. Changes nothing. */
async function probe(dir: string, o: StoreOptions): Promise<Format | undefined> {
  const kind = await kindOf(dir)
  const details = { dir }
  if (kind === 'foreign') {
    throw new RhizomeError('NOT_A_SPACE', `${dir} is not a space`, { details, hint: 'It holds other files, or lost RHZ.FORMAT.' })
  }
  if (kind !== 'space') {
    if (o.create === true) return undefined
    throw new RhizomeError('NO_SUCH_SPACE', `there is no space in ${dir}`, {
      details,
      hint: 'Give `create: true` to make one; on the command line, `rho run --space DIR --create FILE`.',
    })
  }
  await hashesReady()
  const format = decodeFormat((await readIfThere(join(dir, FORMAT_FILE))) ?? new Uint8Array(0), FORMAT_FILE)
  checkFormat(format, o)
  return format
}

/** Under the lock: while another process opens the store, the entry point changes. */
async function checkEntryPoint(dir: string): Promise<void> {
  const aside = join(dir, ASIDE_DIR)
  if (await hasEntryPoint((await exists(aside)) ? aside : dir)) return
  throw new RhizomeError('NOT_A_SPACE', `${dir} has lost CURRENT or the MANIFEST it names`, { details: { dir }, hint: REPAIR_HINT })
}

function checkFormat(format: Format, o: StoreOptions): void {
  if (o.codecs !== undefined && o.codecs !== format.codecs) {
    throw new RhizomeError('CODEC_MISMATCH', `the store was made with codecs "${format.codecs}", not "${o.codecs}"`, {
      details: { stored: format.codecs, given: o.codecs },
    })
  }
  if (o.durability !== undefined && o.durability !== format.durability) {
    throw new RhizomeError('CODEC_MISMATCH', `the store was made with durability "${format.durability}", not "${o.durability}"`, {
      details: { stored: format.durability, given: o.durability },
      hint: 'Leave durability out to take what is stored; changing it means copying the store.',
    })
  }
}

/** @param above directories that hold the new ones */
async function createIn(lock: Lock, o: StoreOptions, above: readonly string[]): Promise<Store> {
  const { dir } = lock
  const format = newFormat(o)
  const engine = new LevelEngine(dir, o)
  const undo = async () => {
    await engine.close().catch(() => undefined) // it is deleted next
    await undoCreation(dir)
  }
  let published = false
  const finish = async () => {
    if (published) return
    await publish(dir, format, all([engine.flush(), syncAbove(above)]))
    published = true
  }
  try {
    await beginCreation(dir)
    const anchor = new FileAnchor(dir, format)
    const opening = engine.open({ create: true })
    const first = hashesReady().then(() => firstBatch(format))
    await all([opening, first.then(({ standing }) => anchor.prepare(standing))])
    const { ops, standing } = await first
    await engine.batch(ops, format.durability === 'power')
    if (o.createWithFirstCommit !== true) await finish()
    return new Store({
      engine,
      anchor,
      format,
      standing,
      wasClean: false,
      recovered: undefined,
      readOnly: false,
      keep: o.keep ?? KEEP,
      verified: true,
      onVerified: async () => undefined,
      onFirstCommit: finish,
      onClosed: async () => {
        try {
          if (!published) await undo()
        } finally {
          await lock.release()
        }
      },
    })
  } catch (e) {
    await undo().catch(() => undefined) // a full disk: what is left counts as nothing, and the first error is the one to report
    throw e
  }
}

async function openIn(lock: Lock, format: Format, o: StoreOptions): Promise<Store> {
  const { dir } = lock
  await restoreAside(dir) // the last opening was cut short: start again from the same files
  const engine = new LevelEngine(dir, o)
  try {
    await removeIfThere(join(dir, CREATING_FILE))
    await engine.aside()
    await engine.open()
    return await openEngine(engine, new FileAnchor(dir, format), format, o, {
      onVerified: () => dropAside(dir),
      onClosed: async used => {
        try {
          if (!used) await restoreAside(dir)
        } finally {
          await lock.release()
        }
      },
    })
  } catch (e) {
    await engine.close().catch(() => undefined) // what went wrong first is what is told
    await restoreAside(dir)
    throw e
  }
}

/** Read-only: everything happens in a copy. The lock is kept, so that nobody takes the state to be the present one while it moves on. */
async function openCopy(lock: Lock, format: Format, o: StoreOptions): Promise<Store> {
  const copy = await mkdtemp(join(tmpdir(), 'rhizome-read-'))
  const engine = new LevelEngine(copy, o)
  const leave = async () => {
    await rm(copy, { recursive: true, force: true })
    await lock.release()
  }
  try {
    await cloneStore(lock.dir, copy)
    await engine.open()
    return await openEngine(engine, new FileAnchor(copy, format), format, o, { onVerified: async () => undefined, onClosed: leave })
  } catch (e) {
    await engine.close().catch(() => undefined)
    await leave()
    throw e
  }
}

// ---- engines -----------------------------------------------------------------------------------------------------------------------

async function openOnEngine(engine: Engine, o: StoreOptions): Promise<Store> {
  await engine.open({ create: o.create === true })
  const hooks = { onVerified: async () => undefined, onClosed: async () => undefined }
  try {
    const format = await formatRow(engine)
    if (format !== undefined) {
      checkFormat(format, o)
      return await openEngine(engine, new RowAnchor(engine, format), format, o, hooks)
    }
    for await (const _ of engine.iterate(KEY_START, KEY_END)) throw new RhizomeError('NOT_A_SPACE', 'this engine holds something else')
    if (o.create !== true)
      throw new RhizomeError('NO_SUCH_SPACE', 'this engine holds nothing yet', { hint: 'Give `create: true` to make a space.' })
    const made = newFormat(o)
    const { ops, standing } = firstBatch(made)
    await engine.batch(ops, made.durability === 'power')
    await engine.flush()
    const anchor = new RowAnchor(engine, made)
    return new Store({
      engine,
      anchor,
      format: made,
      standing,
      wasClean: false,
      recovered: undefined,
      readOnly: false,
      keep: o.keep ?? KEEP,
      verified: true,
      onFirstCommit: async () => undefined,
      ...hooks,
    })
  } catch (e) {
    await engine.close().catch(() => undefined) // what went wrong first is what is told
    throw e
  }
}

async function formatRow(engine: Engine): Promise<Format | undefined> {
  const key = metaKey('format')
  const [stored] = await engine.getMany([key])
  return stored && decodeFormat(openRow(key, stored)?.value ?? new Uint8Array(0), 'row M format')
}

// ---- both --------------------------------------------------------------------------------------------------------------------------

function newFormat(o: StoreOptions): Format {
  const { durability = 'process', codecs = '' } = o
  return { major: FORMAT_MAJOR, minor: FORMAT_MINOR, durability, codecs, instance: newInstance(), salvaged: false }
}

async function openEngine(
  engine: Engine,
  anchor: Anchor,
  format: Format,
  o: StoreOptions,
  hooks: Pick<Opened, 'onVerified' | 'onClosed'>,
): Promise<Store> {
  const inside = await formatRow(engine)
  if (inside === undefined || Buffer.compare(encodeFormat(inside), encodeFormat(format)) !== 0) {
    throw new RhizomeError('CORRUPT', 'the rows belong to another store than the directory', { details: { where: 'row M format' } })
  }
  const clean = await anchor.clean()
  const standing = clean === undefined ? await walkRecords(engine, format, await anchor.open()) : await lastRecord(engine, clean)
  return new Store({
    engine,
    anchor,
    format,
    standing,
    wasClean: clean !== undefined,
    recovered: clean === undefined ? standing.number : undefined,
    readOnly: o.readOnly === true,
    keep: o.keep ?? KEEP,
    verified: false,
    onFirstCommit: async () => undefined,
    ...hooks,
  })
}

/** After a clean close: the store must be exactly where it was left. */
async function lastRecord(engine: Engine, clean: Head): Promise<Standing> {
  const key = logKey(clean.number)
  const [stored, later] = await engine.getMany([key, logKey(clean.number + 1)])
  const record = stored === undefined ? 'is missing' : readRecord(key, stored)
  const wrong = (message: string) =>
    new RhizomeError('CORRUPT', message, { details: { where: 'clean close', commit: clean.number }, hint: REPAIR_HINT })
  if (record === undefined || typeof record === 'string') {
    throw wrong(`the store was closed at commit ${clean.number}, whose record ${record ?? 'is damaged'}`)
  }
  if (!sameHead(record, clean)) throw wrong(`commit ${clean.number} is not the one the store was closed at`)
  if (later !== undefined) throw wrong(`the store was closed at commit ${clean.number}, but there is a later one`)
  return standingOf(record, record.logBytesBefore + recordBytes(stored!.length - 8))
}

/** After anything else: the commit records must be without a hole, and not fall behind the state this session set out from. */
async function walkRecords(engine: Engine, format: Format, floor: Head | undefined): Promise<Standing> {
  const walk = new LogWalk(format, floor)
  for await (const page of engine.iterate(...LOG_RANGE)) for (const [key, stored] of page) walk.add(key, stored)
  walk.finish()
  if (walk.last === undefined || walk.problems.length > 0) {
    const { code, message } = walk.problems.find(p => p.code === 'NEEDS_REPAIR') ?? walk.problems[0]!
    throw new RhizomeError(code, message, { details: { problems: walk.problems, lastCommit: walk.last?.number }, hint: REPAIR_HINT })
  }
  return standingOf(walk.last, walk.logBytes)
}

function standingOf(r: CommitRecord, logBytes: number): Standing {
  const { number, chain, rowCount, rowSum, marks, oldest } = r
  return { number, chain, rowCount, rowSum, marks, oldest, logBytes }
}
