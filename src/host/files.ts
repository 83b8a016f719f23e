import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join, sep } from 'node:path'
import { FileRefusal, type FileRoot, type FileStatus } from '../machine/files.ts'
import { compareStrings } from '../normal/order.ts'

/** Default size limit of one file, in bytes. */
const FILE_BYTES_MAX = 64 * 1024 * 1024

const OUTSIDE = 'outside the granted directory'
const READ_ONLY = 'writing is not granted'
const NOT_UTF8 = 'not valid UTF-8'

/** What the system's refusals mean, in words that name no path. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'already exists',
  ENOTEMPTY: 'the directory is not empty',
  ELOOP: 'too many links',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left',
  EMFILE: 'too many open files',
  EBUSY: 'in use',
  ENXIO: 'not a file or directory',
}

function refusal(error: unknown): FileRefusal {
  const code = (error as NodeJS.ErrnoException).code
  if (code === undefined) throw error
  return new FileRefusal(REASONS[code] ?? `refused by the system (${code})`)
}

/** The segments of a path below the root; `""` is the root itself. */
export function segments(path: string): string[] | FileRefusal {
  if (path.startsWith('/') || (sep === '\\' && /^[a-z]:|\\/i.test(path))) return new FileRefusal(OUTSIDE)
  if (path.includes('\0')) return new FileRefusal('not a path')
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  return parts.includes('..') ? new FileRefusal(OUTSIDE) : parts
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

function decode(bytes: Uint8Array): string | FileRefusal {
  try {
    return decoder.decode(bytes)
  } catch {
    return new FileRefusal(NOT_UTF8)
  }
}

function tooLong(limit: number): FileRefusal {
  return new FileRefusal(`larger than the limit of ${limit} bytes for a file`)
}

let temporaryFiles = 0

/**
 * A directory on disk. Every path is resolved to its real place, all links followed, before it is used, and refused unless that place is inside; the last
 * step is then taken without following links. (A process of the same user that swaps a directory for a link in between could still redirect one operation:
 * the system offers no way to walk a path by handles from here.)
 */
export class DirectoryRoot implements FileRoot {
  readonly writable: boolean
  private readonly directory: string
  private readonly fileBytesMax: number

  /**
   * @param directory an existing directory; a link to one is followed now, once
   * @throws the system's error if it does not exist or is no directory
   */
  constructor(directory: string, options: { writable: boolean; fileBytesMax?: number }) {
    this.directory = realpathSync(directory)
    if (!statSync(this.directory).isDirectory()) throw Object.assign(new Error(`${directory} is not a directory`), { code: 'ENOTDIR' })
    this.writable = options.writable
    this.fileBytesMax = options.fileBytesMax ?? FILE_BYTES_MAX
  }

  readText(path: string): string | FileRefusal {
    const bytes = this.readBytes(path)
    return bytes instanceof FileRefusal ? bytes : decode(bytes)
  }

  readBytes(path: string): Uint8Array | FileRefusal {
    return this.at(path, place => {
      // Without O_NONBLOCK opening a pipe would wait for a writer.
      const fd = openSync(place, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
      try {
        return this.readOpen(fd)
      } finally {
        closeSync(fd)
      }
    })
  }

  private readOpen(fd: number): Uint8Array | FileRefusal {
    const status = fstatSync(fd)
    if (status.isDirectory()) return new FileRefusal(REASONS.EISDIR)
    if (!status.isFile()) return new FileRefusal(REASONS.ENXIO)
    if (status.size > this.fileBytesMax) return tooLong(this.fileBytesMax)
    const bytes = new Uint8Array(status.size)
    let n = 0
    while (n < bytes.length) {
      const got = readSync(fd, bytes, n, bytes.length - n, n)
      if (got === 0) break
      n += got
    }
    return n === bytes.length ? bytes : bytes.subarray(0, n)
  }

  writeText(path: string, text: string): FileRefusal | undefined {
    return this.writeBytes(path, encoder.encode(text))
  }

  writeBytes(path: string, bytes: Uint8Array): FileRefusal | undefined {
    if (bytes.length > this.fileBytesMax) return tooLong(this.fileBytesMax)
    return this.change(path, place => this.replace(place, bytes))
  }

  /** Writes beside the file, then renames over it. */
  private replace(place: string, bytes: Uint8Array): FileRefusal | undefined {
    const old = statusOf(place)
    if (old?.isDirectory()) return new FileRefusal(REASONS.EISDIR)
    if (old !== undefined && !old.isFile()) return new FileRefusal(REASONS.ENXIO)
    const beside = `${place.slice(0, place.lastIndexOf(sep))}${sep}.rho-${process.pid}-${temporaryFiles++}.tmp`
    const fd = openSync(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o666)
    try {
      try {
        writeAll(fd, bytes)
        if (old !== undefined) fchmodSync(fd, old.mode & 0o777)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(beside, place)
    } catch (error) {
      unlinkSync(beside)
      throw error
    }
    return undefined
  }

  appendText(path: string, text: string): FileRefusal | undefined {
    const bytes = encoder.encode(text)
    return this.change(path, place => {
      const fd = openSync(
        place,
        constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW,
        0o666,
      )
      try {
        const status = fstatSync(fd)
        if (!status.isFile()) return new FileRefusal(REASONS.ENXIO)
        if (status.size + bytes.length > this.fileBytesMax) return tooLong(this.fileBytesMax)
        writeAll(fd, bytes)
        return undefined
      } finally {
        closeSync(fd)
      }
    })
  }

  list(path: string): string[] | FileRefusal {
    return this.at(path, place => readdirSync(place).sort(compareStrings))
  }

  stat(path: string): FileStatus | FileRefusal {
    return this.at(path, place => {
      const status = lstatSync(place)
      if (status.isFile()) return { kind: 'file', size: status.size }
      return status.isDirectory() ? { kind: 'directory', size: 0 } : new FileRefusal(REASONS.ENXIO)
    })
  }

  makeDirectory(path: string): FileRefusal | undefined {
    return this.change(path, place => {
      mkdirSync(place)
      return undefined
    })
  }

  delete(path: string): FileRefusal | undefined {
    const parts = segments(path)
    if (parts instanceof FileRefusal) return parts
    if (parts.length === 0) return new FileRefusal('the granted directory itself cannot be deleted')
    // The place is looked up to refuse links that lead outside; what is deleted is the entry that the path names, a link and not what it points to.
    return this.change(path, () => {
      const parent = this.resolve(parts.slice(0, -1))
      if (parent instanceof FileRefusal) return parent
      const entry = join(parent, parts[parts.length - 1])
      if (lstatSync(entry).isDirectory()) rmdirSync(entry)
      else unlinkSync(entry)
      return undefined
    })
  }

  restrict(path: string, rights: 'r' | 'rw'): FileRoot | FileRefusal {
    return this.at(path, place => {
      if (!lstatSync(place).isDirectory()) return new FileRefusal(REASONS.ENOTDIR)
      return new DirectoryRoot(place, { writable: this.writable && rights === 'rw', fileBytesMax: this.fileBytesMax })
    })
  }

  /** Runs an operation at the real place of `path`, turning the system's errors into refusals. */
  private at<T>(path: string, run: (place: string) => T | FileRefusal): T | FileRefusal {
    const parts = segments(path)
    if (parts instanceof FileRefusal) return parts
    try {
      const place = this.resolve(parts)
      return place instanceof FileRefusal ? place : run(place)
    } catch (error) {
      return refusal(error)
    }
  }

  private change(path: string, run: (place: string) => FileRefusal | undefined): FileRefusal | undefined {
    return this.writable ? this.at<undefined>(path, run) : new FileRefusal(READ_ONLY)
  }

  /** The real place of a path; of a file that does not exist yet the place in its real directory. */
  private resolve(parts: readonly string[]): string | FileRefusal {
    const named = join(this.directory, ...parts)
    let real: string
    try {
      real = realpathSync(named)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parts.length === 0) throw error
      const parent = realpathSync(join(this.directory, ...parts.slice(0, -1)))
      if (!this.isInside(parent)) return new FileRefusal(OUTSIDE)
      real = join(parent, parts[parts.length - 1])
      // A link whose target does not exist: where it leads cannot be checked.
      if (statusOf(real) !== undefined) return new FileRefusal(OUTSIDE)
    }
    return this.isInside(real) ? real : new FileRefusal(OUTSIDE)
  }

  private isInside(real: string): boolean {
    const { directory } = this
    return real === directory || real.startsWith(directory.endsWith(sep) ? directory : directory + sep)
  }
}

/** The status of a place itself, not of what a link there points to; undefined if there is nothing. */
function statusOf(place: string): Stats | undefined {
  return lstatSync(place, { throwIfNoEntry: false })
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let n = 0; n < bytes.length; ) n += writeSync(fd, bytes, n, bytes.length - n)
}

// ── in memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────

type Entry = Uint8Array | Directory
type Directory = Map<string, Entry>

/** A directory that exists only here: for tests and embedders. Behaves as one on disk without links. */
export class MemoryRoot implements FileRoot {
  readonly writable: boolean
  private readonly directory: Directory
  private readonly fileBytesMax: number

  constructor(options: { writable: boolean; fileBytesMax?: number }, directory: Directory = new Map()) {
    this.writable = options.writable
    this.fileBytesMax = options.fileBytesMax ?? FILE_BYTES_MAX
    this.directory = directory
  }

  readText(path: string): string | FileRefusal {
    const bytes = this.readBytes(path)
    return bytes instanceof FileRefusal ? bytes : decode(bytes)
  }

  readBytes(path: string): Uint8Array | FileRefusal {
    const found = this.find(path)
    if (found instanceof FileRefusal) return found
    if (found instanceof Map) return new FileRefusal(REASONS.EISDIR)
    return found.length > this.fileBytesMax ? tooLong(this.fileBytesMax) : found.slice()
  }

  writeText(path: string, text: string): FileRefusal | undefined {
    return this.writeBytes(path, encoder.encode(text))
  }

  writeBytes(path: string, bytes: Uint8Array): FileRefusal | undefined {
    if (bytes.length > this.fileBytesMax) return tooLong(this.fileBytesMax)
    return this.change(path, (parent, name) => {
      if (name === '' || parent.get(name) instanceof Map) return new FileRefusal(REASONS.EISDIR)
      parent.set(name, bytes.slice())
      return undefined
    })
  }

  appendText(path: string, text: string): FileRefusal | undefined {
    const added = encoder.encode(text)
    return this.change(path, (parent, name) => {
      const old = name === '' ? parent : (parent.get(name) ?? new Uint8Array(0))
      if (old instanceof Map) return new FileRefusal(REASONS.EISDIR)
      if (old.length + added.length > this.fileBytesMax) return tooLong(this.fileBytesMax)
      const bytes = new Uint8Array(old.length + added.length)
      bytes.set(old)
      bytes.set(added, old.length)
      parent.set(name, bytes)
      return undefined
    })
  }

  list(path: string): string[] | FileRefusal {
    const found = this.find(path)
    if (found instanceof FileRefusal) return found
    return found instanceof Map ? [...found.keys()].sort(compareStrings) : new FileRefusal(REASONS.ENOTDIR)
  }

  stat(path: string): FileStatus | FileRefusal {
    const found = this.find(path)
    if (found instanceof FileRefusal) return found
    return found instanceof Map ? { kind: 'directory', size: 0 } : { kind: 'file', size: found.length }
  }

  makeDirectory(path: string): FileRefusal | undefined {
    return this.change(path, (parent, name) => {
      if (name === '' || parent.has(name)) return new FileRefusal(REASONS.EEXIST)
      parent.set(name, new Map())
      return undefined
    })
  }

  delete(path: string): FileRefusal | undefined {
    return this.change(path, (parent, name) => {
      if (name === '') return new FileRefusal('the granted directory itself cannot be deleted')
      const found = parent.get(name)
      if (found === undefined) return new FileRefusal(REASONS.ENOENT)
      if (found instanceof Map && found.size > 0) return new FileRefusal(REASONS.ENOTEMPTY)
      parent.delete(name)
      return undefined
    })
  }

  restrict(path: string, rights: 'r' | 'rw'): FileRoot | FileRefusal {
    const found = this.find(path)
    if (found instanceof FileRefusal) return found
    if (!(found instanceof Map)) return new FileRefusal(REASONS.ENOTDIR)
    return new MemoryRoot({ writable: this.writable && rights === 'rw', fileBytesMax: this.fileBytesMax }, found)
  }

  private walk(parts: readonly string[]): Entry | FileRefusal {
    let at: Entry = this.directory
    for (const part of parts) {
      if (!(at instanceof Map)) return new FileRefusal(REASONS.ENOTDIR)
      const next: Entry | undefined = at.get(part)
      if (next === undefined) return new FileRefusal(REASONS.ENOENT)
      at = next
    }
    return at
  }

  private find(path: string): Entry | FileRefusal {
    const parts = segments(path)
    return parts instanceof FileRefusal ? parts : this.walk(parts)
  }

  /** Runs a change in the directory that holds the last segment; for the root itself the name is empty. */
  private change(path: string, run: (parent: Directory, name: string) => FileRefusal | undefined): FileRefusal | undefined {
    if (!this.writable) return new FileRefusal(READ_ONLY)
    const parts = segments(path)
    if (parts instanceof FileRefusal) return parts
    const parent = this.walk(parts.slice(0, -1))
    if (parent instanceof FileRefusal) return parent
    if (!(parent instanceof Map)) return new FileRefusal(REASONS.ENOTDIR)
    return run(parent, parts.at(-1) ?? '')
  }
}
