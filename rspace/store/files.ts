import {
  closeSync,
  constants,
  fsync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { concatBytes, Malformed, Reader } from './bytes.ts'

/**
 * The file operations of the store: atomic, and synced where a power cut must not undo them. What takes the system microseconds is done at once, since each trip
 * to the thread pool costs many times that, and opening a space is dozens of such steps; what waits for the device or moves contents is not.
 */

export const FORMAT_FILE = 'RHZ.FORMAT'
export const CLEAN_FILE = 'RHZ.CLEAN'
export const OPEN_FILE = 'RHZ.OPEN'
export const LOCK_FILE = 'RHZ.LOCK'
/** Present while a store is being made: what lies beside it may be deleted. */
export const CREATING_FILE = 'RHZ.CREATING'
/** The engine's files as they were before an opening that has not been verified yet. */
export const ASIDE_DIR = 'RHZ.ASIDE'

const ENGINE_FILE = /^(CURRENT|LOG|LOG\.old|LOCK|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp))$/
export const isEngineFile = (name: string): boolean => ENGINE_FILE.test(name)
/** The engine's lock file is never linked or replaced: its inode is what the operating system locks. */
const isKeptAside = (name: string): boolean => isEngineFile(name) && name !== 'LOCK' && !name.endsWith('.dbtmp')
export const isOurs = (name: string): boolean => name.startsWith('RHZ.')

export function hasCode(e: unknown, ...codes: string[]): boolean {
  return e instanceof Error && codes.includes((e as NodeJS.ErrnoException).code ?? '')
}

/** The names in a directory; undefined if it does not exist. @throws ENOTDIR when it is a file */
export async function namesIn(dir: string): Promise<string[] | undefined> {
  try {
    return readdirSync(dir).sort()
  } catch (e) {
    if (hasCode(e, 'ENOENT')) return undefined
    throw e
  }
}

export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return readFileSync(path)
  } catch (e) {
    if (hasCode(e, 'ENOENT')) return undefined
    throw e
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    statSync(path)
    return true
  } catch (e) {
    if (hasCode(e, 'ENOENT', 'ENOTDIR')) return false
    throw e
  }
}

export async function syncFile(path: string): Promise<void> {
  const file = openSync(path, 'r')
  try {
    await new Promise<void>((resolve, reject) => fsync(file, e => (e === null ? resolve() : reject(e))))
  } finally {
    closeSync(file)
  }
}

/** Makes creations, renames and removals in `dir` survive a power cut. Windows has no such call and needs none. */
export async function syncDir(dir: string): Promise<void> {
  if (process.platform !== 'win32') await syncFile(dir)
}

/**
 * Replace a small file as a whole: after a crash it has the old content or the new one.
 * @param first what must be on the device before; waited for together with the content
 */
export async function writeWhole(dir: string, name: string, bytes: Uint8Array, first?: Promise<void>): Promise<void> {
  const temporary = join(dir, name + '.tmp')
  writeFileSync(temporary, bytes)
  await all([syncFile(temporary), first])
  renameSync(temporary, join(dir, name))
  await syncDir(dir)
}

/** Puts an empty file there; after a crash it is there or not. */
export async function writeMark(dir: string, name: string): Promise<void> {
  writeFileSync(join(dir, name), '')
  await syncDir(dir)
}

/** Waits for all of them, also when one fails: nothing goes on behind the back of who handles the failure. */
export async function all(steps: readonly (Promise<void> | undefined)[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') throw step.reason
}

export async function removeIfThere(path: string): Promise<boolean> {
  try {
    unlinkSync(path)
    return true
  } catch (e) {
    if (hasCode(e, 'ENOENT')) return false
    throw e
  }
}

/** A second name for the same file, or a copy where that is impossible (other device, file system without links). */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    linkSync(from, to)
  } catch (e) {
    if (hasCode(e, 'ENOENT', 'EEXIST', 'ENOSPC', 'EDQUOT', 'EIO')) throw e
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}

/**
 * A directory and those above it. The host's own way goes round for ever where the system says in a directory that nothing is there, as in `/proc`.
 * @returns the directories that hold the new ones, or `path` if it was there: see `syncAbove`
 */
export function makeDirs(path: string): readonly string[] {
  const missing: string[] = []
  let at = resolve(path)
  for (; ; at = dirname(at)) {
    const e = makeDir(at)
    if (e === undefined) break
    if (dirname(at) === at) throw e
    missing.push(at)
  }
  for (const dir of missing.reverse()) {
    const e = makeDir(dir)
    if (e !== undefined) throw e
  }
  return [at, ...missing].map(dir => dirname(dir))
}

/** Makes new directories survive a power cut, as far as those that hold them may be opened. */
export async function syncAbove(dirs: readonly string[]): Promise<void> {
  const sync = async (dir: string): Promise<void> => {
    try {
      await syncDir(dir)
    } catch (e) {
      if (!hasCode(e, 'EACCES', 'EPERM', 'EINVAL')) throw e
    }
  }
  await all(dirs.map(sync))
}

/** What speaks against it if the directory above is missing. */
function makeDir(dir: string): unknown {
  try {
    mkdirSync(dir)
  } catch (e) {
    if (hasCode(e, 'ENOENT')) return e
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) throw e
  }
  return undefined
}

/** Sync what the engine may not have synced itself. Its tables are synced when they are made. */
export async function syncEngineFiles(dir: string): Promise<void> {
  const names = ((await namesIn(dir)) ?? []).filter(name => isEngineFile(name) && !/\.(ldb|sst|dbtmp)$|^LO[CG]/.test(name))
  const sync = async (name: string): Promise<void> => {
    try {
      await syncFile(join(dir, name))
    } catch (e) {
      if (!hasCode(e, 'ENOENT')) throw e // the engine removes old logs while we look
    }
  }
  await all([...names.map(sync), syncDir(dir)])
}

/**
 * The number the engine will give to the next file it makes, or undefined if the manifest cannot be read. Files that already have
 * such a number are overwritten *in place*: a link to one would be no protection.
 */
async function nextFileNumber(dir: string): Promise<number | undefined> {
  const current = await readIfThere(join(dir, 'CURRENT'))
  const manifest = current && (await readIfThere(join(dir, Buffer.from(current).toString('latin1').trim())).catch(() => undefined))
  return manifest && lastNextFile(manifest)
}

/** The manifest is a log of fragments (crc 4, length 2, type 1) in 32 KiB blocks; each record is a list of tagged fields. */
function lastNextFile(manifest: Uint8Array): number | undefined {
  let next: number | undefined
  let parts: Uint8Array[] = []
  for (let at = 0; at + 7 <= manifest.length; ) {
    const left = 32_768 - (at % 32_768)
    const length = manifest[at + 4]! | (manifest[at + 5]! << 8)
    const type = manifest[at + 6]!
    if (left < 7 || type === 0) {
      at += left
      continue
    }
    parts.push(manifest.subarray(at + 7, at + 7 + length))
    at += 7 + length
    if (type !== 1 && type !== 4) continue // first or middle fragment
    try {
      next = nextFileIn(new Reader(concatBytes(...parts))) ?? next
    } catch (e) {
      if (!(e instanceof Malformed)) throw e
      return undefined
    }
    parts = []
  }
  return next
}

/** Field 3 of one record. The other fields are known by how they are skipped. */
function nextFileIn(r: Reader): number | undefined {
  let next: number | undefined
  while (r.left > 0) {
    const tag = r.varint()
    if (tag === 1) r.blob()
    else if (tag === 2 || tag === 9 || tag === 4) r.varint()
    else if (tag === 3) next = r.varint()
    else if (tag === 5) {
      r.varint()
      r.blob()
    } else if (tag === 6) {
      r.varint()
      r.varint()
    } else if (tag === 7) {
      for (let i = 0; i < 3; i++) r.varint()
      r.blob()
      r.blob()
    } else throw new Malformed('unknown field in a manifest')
  }
  return next
}

/** Link what the engine leaves alone, copy what it might overwrite. */
async function keepEngineFiles(from: string, to: string, wanted: (name: string) => boolean): Promise<void> {
  const next = await nextFileNumber(from)
  for (const name of (await namesIn(from)) ?? []) {
    if (!wanted(name)) continue
    const number = /\d+/.exec(name)?.[0]
    const isSafe = number === undefined || (next !== undefined && Number(number) < next)
    if (isSafe) await linkOrCopy(join(from, name), join(to, name))
    else await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
  }
}

/**
 * Link the engine's files into a folder of their own. The engine never changes a file of an earlier session in place, it makes new
 * ones and removes old ones; so the links keep everything, a damaged log included, that the next opening would rewrite. (Files with
 * numbers not yet given out are the exception, and are copied.)
 * A folder that is already there stems from an opening that was not verified; it is the truth and is kept.
 */
export async function setAside(dir: string): Promise<string> {
  const aside = join(dir, ASIDE_DIR)
  if (await exists(aside)) return aside
  const growing = aside + '.tmp'
  rmSync(growing, { recursive: true, force: true })
  mkdirSync(growing)
  await keepEngineFiles(dir, growing, isKeptAside)
  renameSync(growing, aside)
  await syncDir(dir)
  return aside
}

/** The opening has been verified: what was set aside is not needed any more. */
export async function dropAside(dir: string): Promise<void> {
  const aside = join(dir, ASIDE_DIR)
  if (!(await exists(aside))) return
  const leaving = aside + '.old'
  rmSync(leaving, { recursive: true, force: true })
  renameSync(aside, leaving)
  await syncDir(dir)
  rmSync(leaving, { recursive: true, force: true })
}

/** Put the engine's files back as they were before an opening that failed or was cut short. May itself be cut short and repeated. */
export async function restoreAside(dir: string): Promise<boolean> {
  const aside = join(dir, ASIDE_DIR)
  const kept = await namesIn(aside)
  if (kept === undefined) {
    rmSync(aside + '.tmp', { recursive: true, force: true })
    rmSync(aside + '.old', { recursive: true, force: true })
    return false
  }
  for (const name of kept) {
    const source = statSync(join(aside, name))
    const target = statSync(join(dir, name), { throwIfNoEntry: false })
    if (target !== undefined && target.ino === source.ino && target.dev === source.dev) continue
    const temporary = join(dir, 'RHZ.RESTORE.tmp')
    await removeIfThere(temporary)
    await linkOrCopy(join(aside, name), temporary)
    renameSync(temporary, join(dir, name))
  }
  for (const name of (await namesIn(dir)) ?? []) {
    if (isKeptAside(name) && !kept.includes(name)) await removeIfThere(join(dir, name))
    if (name.endsWith('.dbtmp')) await removeIfThere(join(dir, name))
  }
  await syncDir(dir)
  await dropAside(dir)
  return true
}

/** Delete what an unfinished creation left, and nothing else. */
export async function wipeLeftovers(dir: string): Promise<void> {
  for (const name of (await namesIn(dir)) ?? []) {
    if (name === ASIDE_DIR) rmSync(join(dir, name), { recursive: true, force: true })
    else if (isEngineFile(name) || [CLEAN_FILE, OPEN_FILE].includes(name) || /^RHZ\.(FORMAT|CLEAN|OPEN|RESTORE)\.tmp$/.test(name)) {
      await removeIfThere(join(dir, name))
    }
  }
}

/** Link or copy a closed store into `to` (made here), so that it can be opened there without changing anything in `from`. */
export async function cloneStore(from: string, to: string): Promise<void> {
  makeDirs(to)
  const aside = join(from, ASIDE_DIR)
  const engineDir = (await exists(aside)) ? aside : from
  await keepEngineFiles(engineDir, to, name => isKeptAside(name) && !name.startsWith('LOG'))
  for (const name of [FORMAT_FILE, CLEAN_FILE, OPEN_FILE]) {
    const bytes = await readIfThere(join(from, name))
    if (bytes !== undefined) await writeWhole(to, name, bytes)
  }
}
