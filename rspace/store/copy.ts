import { join } from 'node:path'
import { BadArgument, RhizomeError } from '../errors.ts'
import { randomBytes } from '../random.ts'
import { FileAnchor } from './anchor.ts'
import { asStorageError, type Engine, type Op, REPAIR_HINT } from './engine.ts'
import {
  CREATING_FILE,
  exists,
  FORMAT_FILE,
  isEngineFile,
  isOurs,
  makeDirs,
  namesIn,
  readIfThere,
  removeIfThere,
  syncAbove,
  wipeLeftovers,
  writeMark,
  writeWhole,
} from './files.ts'
import {
  type CommitRecord,
  encodeFormat,
  encodeRecord,
  type Format,
  type Head,
  isLog,
  isMeta,
  KEY_END,
  KEY_START,
  logKey,
  metaKey,
  sealRow,
} from './format.ts'
import { LevelEngine, type LevelOptions } from './level.ts'
import { acquireLock, type Lock } from './lock.ts'
import type { Report } from './verify.ts'
import { LogWalk, Tally } from './walk.ts'

export type DirectoryKind = 'absent' | 'empty' | 'leftover' | 'space' | 'foreign'

/** What a directory is, by names alone. Changes nothing. */
export async function kindOf(dir: string): Promise<DirectoryKind> {
  let names: string[] | undefined
  try {
    names = await namesIn(dir)
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOTDIR') return 'foreign'
    throw e
  }
  if (names === undefined) return 'absent'
  if (names.length === 0) return 'empty'
  if (names.includes(FORMAT_FILE)) return 'space'
  // An unfinished creation marks itself; before the mark there is at most the lock.
  if (names.includes(CREATING_FILE) && names.every(n => isOurs(n) || isEngineFile(n))) return 'leftover'
  return names.every(n => n.startsWith('RHZ.LOCK')) ? 'empty' : 'foreign'
}

/** From here on what lies in `dir` may be deleted, until `publish`. */
export async function beginCreation(dir: string): Promise<void> {
  await writeMark(dir, CREATING_FILE)
  await wipeLeftovers(dir)
}

/** Leave nothing of a creation, whatever it had come to. Not for stores that have acknowledged anything. */
export async function undoCreation(dir: string): Promise<void> {
  await writeMark(dir, CREATING_FILE) // a crash in between leaves a leftover, not a ruin
  await removeIfThere(join(dir, FORMAT_FILE))
  await wipeLeftovers(dir)
  await removeIfThere(join(dir, CREATING_FILE))
}

/**
 * The store is complete: give it its format file, which makes the directory a space.
 * @param synced when all that belongs to it is on the device; absent: it is
 */
export async function publish(dir: string, format: Format, synced?: Promise<void>): Promise<void> {
  await writeWhole(dir, FORMAT_FILE, encodeFormat(format), synced)
  await removeIfThere(join(dir, CREATING_FILE)) // a power cut may bring it back: beside the format file it means nothing
}

export function newInstance(): Uint8Array {
  return randomBytes(16)
}

const BATCH_OPS = 1000
const BATCH_BYTES = 4 << 20

/** A store that is written from finished rows, and is a space only when it is complete. */
export class Building {
  readonly dir: string
  readonly #lock: Lock
  readonly #engine: LevelEngine
  #ops: Op[] = []
  #bytes = 0
  readonly #above: readonly string[]

  private constructor(dir: string, lock: Lock, engine: LevelEngine, above: readonly string[]) {
    this.dir = dir
    this.#above = above
    this.#lock = lock
    this.#engine = engine
  }

  /** @throws BadArgument if `dir` holds anything but an unfinished creation; RhizomeError `LOCKED`, `IO`, `DISK_FULL` */
  static async begin(dir: string, options: LevelOptions = {}): Promise<Building> {
    const kind = await kindOf(dir)
    if (kind === 'space' || kind === 'foreign') {
      throw new BadArgument('the target must not exist, or be empty', {
        details: { dir },
        hint: 'Name a directory that does not exist yet.',
      })
    }
    try {
      const above = makeDirs(dir)
      const lock = await acquireLock(dir)
      try {
        await beginCreation(lock.dir)
        const engine = new LevelEngine(lock.dir, options)
        await engine.open({ create: true })
        return new Building(lock.dir, lock, engine, above)
      } catch (e) {
        await lock.release()
        throw e
      }
    } catch (e) {
      throw asStorageError(e, 'making a store')
    }
  }

  /** @param stored the value with its checksum */
  async put(key: Uint8Array, stored: Uint8Array): Promise<void> {
    this.#ops.push({ key, value: stored })
    this.#bytes += key.length + stored.length
    if (this.#ops.length >= BATCH_OPS || this.#bytes >= BATCH_BYTES) await this.#write()
  }

  async finish(format: Format, head: Head): Promise<void> {
    const key = metaKey('format')
    await this.put(key, sealRow(key, encodeFormat(format)))
    await this.#write()
    await new FileAnchor(this.dir, format).end(this.#engine, head)
    await publish(this.dir, format, syncAbove(this.#above))
    await this.#lock.release()
  }

  /** Leave nothing but an empty directory. */
  async abandon(): Promise<void> {
    await this.#engine.close().catch(() => undefined) // it is deleted next
    try {
      await undoCreation(this.dir)
    } finally {
      await this.#lock.release()
    }
  }

  async #write(): Promise<void> {
    await this.#engine.batch(this.#ops, false)
    this.#ops = []
    this.#bytes = 0
  }
}

/** Write a commit record that starts the records anew, for rows that come without theirs. */
export async function writeRestart(
  building: Building,
  s: Pick<CommitRecord, 'number' | 'previous' | 'marks' | 'rowCount' | 'rowSum'>,
): Promise<Head> {
  const record = { ...s, oldest: s.number, logBytesBefore: 0, changes: [], events: [] }
  const { value, chain } = encodeRecord(record)
  const key = logKey(s.number)
  await building.put(key, sealRow(key, value))
  return { ...record, chain }
}

/** Copy an open engine as it is at this moment into a new directory, checking everything on the way. */
export async function copyStore(engine: Engine, format: Format, dir: string): Promise<Report> {
  const building = await Building.begin(dir)
  try {
    const walk = new LogWalk(format)
    const tally = new Tally()
    for await (const page of engine.iterate(KEY_START, KEY_END)) {
      for (const [key, stored] of page) {
        if (isMeta(key)) continue
        if (isLog(key)) walk.add(key, stored)
        else tally.add(key, stored)
        await building.put(key, stored)
      }
    }
    walk.finish()
    const { last } = walk
    if (last !== undefined) tally.finish(last)
    const problems = [...walk.problems, ...tally.problems]
    if (last === undefined || problems.length > 0) {
      throw new RhizomeError('CORRUPT', problems[0]!.message, { details: { problems }, hint: REPAIR_HINT })
    }
    await building.finish(format, last)
    return { ok: true, commit: last.number, rows: { ...tally.rows, L: walk.records }, problems: [] }
  } catch (e) {
    await building.abandon()
    throw asStorageError(e, 'copying a store')
  }
}

/** True if the engine's entry point and the manifest it names are there; without them the engine would start an empty table. */
export async function hasEntryPoint(dir: string): Promise<boolean> {
  const current = await readIfThere(join(dir, 'CURRENT'))
  const name = current && /^(MANIFEST-\d+)\n$/.exec(Buffer.from(current).toString('latin1'))?.[1]
  return name !== undefined && (await exists(join(dir, name)))
}
