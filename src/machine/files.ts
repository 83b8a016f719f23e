/** What the channel `rho:io:file` asks of the outside (rholang.md 13.3). The implementation that touches a disk is in `src/host/files.ts`. */

/** Why an operation was not done: the reply is `(false, message)`. Never names a path outside the grant. */
export class FileRefusal {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export interface FileStatus {
  readonly kind: 'file' | 'directory'
  /** Bytes; 0 for a directory. */
  readonly size: number
}

/**
 * A capability for one directory and what is below it. Paths are relative and separated by `/`; `""` is the directory itself. Every operation is done when it
 * returns. Nothing outside the directory is read or written, whatever the path and whatever links there are.
 */
export interface FileRoot {
  readonly writable: boolean
  readText(path: string): string | FileRefusal
  readBytes(path: string): Uint8Array | FileRefusal
  /** Replaces the file in one step: whoever reads it sees all of the old or all of the new content. */
  writeText(path: string, text: string): FileRefusal | undefined
  writeBytes(path: string, bytes: Uint8Array): FileRefusal | undefined
  appendText(path: string, text: string): FileRefusal | undefined
  /** Names in code point order. */
  list(path: string): string[] | FileRefusal
  stat(path: string): FileStatus | FileRefusal
  makeDirectory(path: string): FileRefusal | undefined
  /** A file or an empty directory. */
  delete(path: string): FileRefusal | undefined
  /** A capability for a directory below, with at most the rights of this one. */
  restrict(path: string, rights: 'r' | 'rw'): FileRoot | FileRefusal
}
