import { execFile } from 'node:child_process'
import { constants, copyFileSync, linkSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { RhizomeError } from '../errors.ts'
import { randomBytes } from '../random.ts'
import { hasCode, LOCK_FILE, namesIn, readIfThere, removeIfThere } from './files.ts'

/**
 * One writer per directory, at three levels: a registry for this isolate, a lock file for everything else, and the engine's own
 * lock, which decides what is left. The first two come first because a *failed* second open of the engine inside one process
 * drops the lock of the first one.
 */

/** Who holds a lock. Everything needed to find out whether that is still true. */
interface Holder {
  readonly pid: number
  readonly thread: number
  /** When the process started, as the system counts it; tells a process from a later one with the same pid. */
  readonly started: string
  /** Changes when the machine restarts. */
  readonly boot: string
  readonly host: string
  /** Device and inode of the directory: a copied directory is another one. */
  readonly device: string
  readonly inode: string
  readonly token: string
}

export interface Lock {
  /** The directory by its real path. */
  readonly dir: string
  release(): Promise<void>
}

const REGISTRY = Symbol.for('rhizome.rspace.open')
/** Real paths and device:inode pairs of the directories open in this isolate; on globalThis, so that two copies of this module agree. */
function registry(): Map<string, Holder> {
  const global = globalThis as { [REGISTRY]?: Map<string, Holder> }
  global[REGISTRY] ??= new Map()
  return global[REGISTRY]
}

/**
 * Take the lock of an existing directory.
 * @throws RhizomeError `LOCKED` with the holder in details; file system errors as they are
 */
export async function acquireLock(path: string): Promise<Lock> {
  const dir = realpathSync.native(path)
  const { dev, ino } = statSync(dir, { bigint: true })
  const me = await self(String(dev), String(ino))
  const names = [dir, `${dev}:${ino}`]
  for (const name of names) {
    const other = registry().get(name)
    if (other !== undefined) throw locked(dir, other)
  }
  for (const name of names) registry().set(name, me)
  const forget = () => {
    for (const name of names) if (registry().get(name) === me) registry().delete(name)
  }
  try {
    await takeFile(dir, me)
  } catch (e) {
    forget()
    throw e
  }
  return {
    dir,
    async release() {
      try {
        if ((await readHolder(join(dir, LOCK_FILE)))?.token === me.token) await removeIfThere(join(dir, LOCK_FILE))
      } finally {
        forget()
      }
    },
  }
}

/** Tries before giving up: each one lost means that somebody else made progress. */
const TRIES = 20

async function takeFile(dir: string, me: Holder): Promise<void> {
  const path = join(dir, LOCK_FILE)
  const own = join(dir, `${LOCK_FILE}.${me.token}`)
  try {
    writeFileSync(own, JSON.stringify(me) + '\n', { flag: 'wx' })
    for (let i = 0; i < TRIES; i++) {
      if (await claim(own, path)) return
      const text = await readIfThere(path)
      if (text === undefined) continue // released in this moment
      const holder = parseHolder(text)
      if (holder !== undefined && (await isAlive(holder, me))) throw locked(dir, holder)
      if (await takeOver(dir, own, me, Buffer.from(text))) return
    }
    throw locked(dir, await readHolder(path))
  } finally {
    await removeIfThere(own)
  }
}

/** Give `own` the name `path` if nothing has it: atomic, and never a half-written file. */
async function claim(own: string, path: string): Promise<boolean> {
  try {
    linkSync(own, path)
    return true
  } catch (e) {
    if (hasCode(e, 'EEXIST')) return false
    if (!hasCode(e, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EXDEV', 'EMLINK')) throw e
  }
  try {
    copyFileSync(own, path, constants.COPYFILE_EXCL) // a file system without links
    return true
  } catch (e) {
    if (hasCode(e, 'EEXIST')) return false
    throw e
  }
}

/**
 * Replace the stale lock whose content is `stale`. Whoever owns the side file named after it may; a side file whose owner is gone
 * is followed by one named after *that* owner, and so on. Nobody removes a side file before the lock has changed, but who gives up; and whoever gets one
 * reads the lock again, so two can never replace the same lock.
 */
async function takeOver(dir: string, own: string, me: Holder, stale: Buffer): Promise<boolean> {
  const path = join(dir, LOCK_FILE)
  let after = parseHolder(stale)?.token ?? 'damaged'
  for (let i = 0; i < TRIES; i++) {
    const side = join(dir, `${LOCK_FILE}.take-${after}`)
    if (await claim(own, side)) {
      const now = await readIfThere(path)
      if (now === undefined || !stale.equals(now)) {
        await removeIfThere(side)
        return false
      }
      const mine = `${own}.new`
      try {
        writeFileSync(mine, JSON.stringify(me) + '\n')
        renameSync(mine, path)
      } catch (e) {
        // A full disk: the lock is as it was, and nobody must wait for us.
        await removeIfThere(mine)
        await removeIfThere(side)
        throw e
      }
      for (const name of (await namesIn(dir)) ?? []) {
        if (name.startsWith(`${LOCK_FILE}.take-`)) await removeIfThere(join(dir, name))
      }
      return (await readHolder(path))?.token === me.token
    }
    const taker = await readHolder(side)
    if (taker === undefined) return false // finished in this moment, or damaged: look again from the start
    if (await isAlive(taker, me)) throw locked(dir, taker)
    after = taker.token
  }
  return false
}

function locked(dir: string, holder: Holder | undefined): RhizomeError {
  const details = { dir, holder: holder && { pid: holder.pid, thread: holder.thread, host: holder.host, token: holder.token } }
  const who = holder === undefined ? 'somebody else' : `process ${holder.pid}${holder.thread === 0 ? '' : `, thread ${holder.thread}`}`
  return new RhizomeError('LOCKED', `the space is held by ${who}`, {
    details,
    hint: 'Close it there, or work on a copy made by backup or export.',
  })
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readIfThere(path)
  return text && parseHolder(text)
}

/** Undefined for anything that is not a whole lock: only a power cut leaves that, and then the holder is gone as well. */
function parseHolder(bytes: Uint8Array): Holder | undefined {
  try {
    const h = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<Record<keyof Holder, unknown>> | null
    if (h === null || typeof h !== 'object' || !Number.isSafeInteger(h.pid) || !Number.isSafeInteger(h.thread)) return undefined
    for (const field of ['started', 'boot', 'host', 'device', 'inode', 'token'] as const) {
      if (typeof h[field] !== 'string') return undefined
    }
    return /^[0-9a-f]{1,64}$/.test(h.token as string) ? (h as unknown as Holder) : undefined
  } catch {
    return undefined
  }
}

async function isAlive(h: Holder, me: Holder): Promise<boolean> {
  if (h.device !== me.device || h.inode !== me.inode) return false
  if (h.host !== me.host) return true // cannot be seen from here
  if (h.boot !== me.boot) return false
  try {
    process.kill(h.pid, 0)
  } catch (e) {
    if (hasCode(e, 'ESRCH')) return false
  }
  if (h.started === '') return true
  const now = await startOf(h.pid)
  return now === '' || now === h.started
}

let boot: string | undefined

/** Text of a file that only some systems have; empty where there is none. */
function systemText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function self(device: string, inode: string): Promise<Holder> {
  boot ??= systemText('/proc/sys/kernel/random/boot_id').trim()
  const token = Buffer.from(randomBytes(16)).toString('hex')
  return {
    pid: process.pid,
    thread: 'disabled' in process.chdir ? threadId : 0, // workers may not change the directory; asking on the main thread would load the host's library of them, 2 ms
    started: await startOf(process.pid),
    boot,
    host: hostname(),
    device,
    inode,
    token,
  }
}

/** When a process started, in whatever form the system gives it; empty if it cannot be told. */
async function startOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    // Field 22; the name in field 2 may itself contain spaces and brackets.
    const text = systemText(`/proc/${pid}/stat`)
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : (fields[19] ?? '')
  }
  if (process.platform === 'win32') return ''
  return new Promise(resolve => execFile('ps', ['-o', 'lstart=', '-p', String(pid)], (e, out) => resolve(e ? '' : out.trim())))
}
