import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BadArgument, RhizomeError } from '../errors.ts'
import { hex, showKey } from './bytes.ts'
import { kindOf } from './copy.ts'
import { asStorageError } from './engine.ts'
import { cloneStore, isEngineFile, namesIn } from './files.ts'
import type { CommitRecord, Format } from './format.ts'
import { hashesReady } from './hash.ts'
import { acquireLock } from './lock.ts'
import { openStore, type StoreOptions } from './open.ts'
import { Reader } from './reader.ts'
import type { Store } from './store.ts'
import { asReport, type Report } from './verify.ts'

/** What can be done to a store that nobody has open, by its directory. Nothing under the directory changes but its lock, except in `compactDir`. */

/** How a tool reads untrusted files, and whom it tells how many rows have been read. */
export interface Reading {
  readonly reader?: Reader
  readonly onRows?: (rows: number) => void
}

/**
 * Read everything in a child process and compare.
 * @throws RhizomeError when it cannot be read at all: `NO_SUCH_SPACE`, `NOT_A_SPACE`, `LOCKED`, `IO`. Damage is a report with `ok: false`
 */
export async function verifyDir(dir: string, o: Reading = {}): Promise<Report> {
  return onCopy(dir, o.reader, async (copy, r) => {
    try {
      return await r.run({ kind: 'verify', dir: copy }, o.onRows)
    } catch (e) {
      return asReport(e)
    }
  })
}

/**
 * Make a repaired copy of `from` in `to`, which must not exist. The report says what was lost and how it was done.
 * @throws RhizomeError `NO_SUCH_SPACE`, `NOT_A_SPACE`, `LOCKED`, `CORRUPT` (nothing usable was found), `IO`; BadArgument
 */
export async function repair(from: string, to: string, o: Reading = {}): Promise<Report> {
  const target = await kindOf(to)
  if (target === 'space' || target === 'foreign') throw new BadArgument('the target of a repair must not exist', { details: { dir: to } })
  return onCopy(from, o.reader, (copy, r) => r.run({ kind: 'repair', dir: copy, to }, o.onRows))
}

/** A checked copy of the store in `from`, in a new directory. */
export async function backupDir(from: string, to: string): Promise<Report> {
  return reading(from, {}, store => store.backup(to))
}

/** Figures of a store, after all its rows have been checked. */
export async function statsDir(dir: string): Promise<Stats> {
  return reading(dir, {}, async store => {
    const rows: Record<string, number> = {}
    let bytes = 0
    for await (const page of store.rows()) {
      for (const [key, value] of page) {
        const tag = String.fromCharCode(key[0]!)
        rows[tag] = (rows[tag] ?? 0) + 1
        bytes += key.length + value.length
      }
    }
    const { durability, codecs, instance, salvaged, major, minor } = store.format
    const { oldestCommit } = store.stats
    const { number, chain } = store.committed
    return {
      ...{ format: `${major}.${minor}`, durability, codecs, instance: hex(instance), salvaged },
      ...{ commit: number, chain: hex(chain), oldestCommit, recovered: store.recovered, rows, bytes },
    }
  })
}

export interface Stats extends Pick<Format, 'durability' | 'codecs' | 'salvaged'> {
  readonly format: string
  readonly instance: string
  readonly commit: number
  readonly chain: string
  readonly oldestCommit: number
  readonly recovered: number | undefined
  readonly rows: Readonly<Record<string, number>>
  /** Keys and values, without checksums and commit records. */
  readonly bytes: number
}

/** All rows, checked, in key order; optionally of one tag. For readers that do not know the codecs. */
export async function* rowsOf(dir: string, o: { readonly tag?: string } = {}): AsyncGenerator<[Uint8Array, Uint8Array], void, undefined> {
  const store = await openForReading(dir, {})
  try {
    for await (const page of store.rows()) {
      for (const row of page) if (o.tag === undefined || row[0][0] === o.tag.charCodeAt(0)) yield row
    }
  } finally {
    await store.close()
  }
}

/** The kept commits, oldest first. @throws RhizomeError `UNKNOWN_COMMIT` (details.oldest) */
export async function* logOf(
  dir: string,
  o: { readonly from?: number; readonly values?: boolean } = {},
): AsyncGenerator<CommitRecord, void, undefined> {
  const store = await openForReading(dir, {})
  try {
    yield* store.log(o.from, o)
  } finally {
    await store.close()
  }
}

/** Give back the space of deleted rows. Opens the store for writing, after checking all of it. */
export async function compactDir(dir: string): Promise<void> {
  const store = await openStore(dir)
  try {
    for await (const _ of store.rows()); // an unchecked store must not be rewritten
    await store.compact()
  } finally {
    await store.close()
  }
}

/** One row as a line of text; for output where the codecs are unknown. */
export function showRow([key, value]: readonly [Uint8Array, Uint8Array]): string {
  return `${showKey(key)} ${hex(value)}`
}

export function openForReading(dir: string, o: Omit<StoreOptions, 'readOnly' | 'create'>): Promise<Store> {
  return openStore(dir, { ...o, readOnly: true })
}

async function reading<T>(dir: string, o: StoreOptions, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openForReading(dir, o)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

async function onCopy<T>(dir: string, given: Reader | undefined, use: (copy: string, reader: Reader) => Promise<T>): Promise<T> {
  try {
    await hashesReady()
    const kind = await kindOf(dir)
    // Without RHZ.FORMAT it may still be a store that lost it: the rows carry a copy. Only a reading of all of them can tell.
    const names = kind === 'foreign' ? ((await namesIn(dir).catch(() => undefined)) ?? []) : []
    if (kind === 'foreign' && !names.some(isEngineFile))
      throw new RhizomeError('NOT_A_SPACE', `${dir} is not a space`, { details: { dir } })
    if (kind === 'absent' || kind === 'empty' || kind === 'leftover') {
      throw new RhizomeError('NO_SUCH_SPACE', `there is no space in ${dir}`, { details: { dir } })
    }
    const lock = await acquireLock(dir)
    const copy = await mkdtemp(join(tmpdir(), 'rhizome-copy-'))
    const reader = given ?? new Reader()
    try {
      await cloneStore(lock.dir, copy)
      return await use(copy, reader)
    } finally {
      if (given === undefined) reader.close()
      await rm(copy, { recursive: true, force: true })
      await lock.release()
    }
  } catch (e) {
    if (e instanceof BadArgument) throw e
    throw asStorageError(e, 'reading the store')
  }
}
