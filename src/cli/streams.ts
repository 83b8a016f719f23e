import { fstatSync, writeSync } from 'node:fs'

/**
 * Standard output and standard error. Text is gathered and written in blocks. A reader that has gone away ends the output quietly, anything else that makes
 * writing impossible is kept for the end; the program runs on.
 */

/** Characters gathered before they are written at once. */
const BLOCK = 1 << 15

export class Stream {
  /** The reader closed the pipe; everything further is dropped. */
  closed = false
  /** Why nothing more can be written, where that is not because nobody reads: a full disk. */
  failure: unknown = null
  private parts = ''
  private scheduled = false
  private readonly fd: number

  constructor(fd: number) {
    this.fd = fd
  }

  /** Leaves at the end of this turn of the event loop at the latest. */
  write(text: string): void {
    if (this.closed) return
    this.parts += text
    if (this.parts.length >= BLOCK) this.flush()
    else if (!this.scheduled) {
      this.scheduled = true
      setImmediate(() => this.flush())
    }
  }

  flush(): void {
    this.scheduled = false
    if (this.parts === '' || this.closed) return
    let bytes: Uint8Array = Buffer.from(this.parts, 'utf8')
    this.parts = ''
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(this.fd, bytes))
      } catch (e) {
        const code = (e as NodeJS.ErrnoException).code
        if (code === 'EAGAIN')
          Atomics.wait(PAUSE, 0, 0, 1) // a full pipe that somebody made non-blocking
        else {
          this.closed = true
          if (code !== 'EPIPE' && code !== 'EBADF' && code !== 'EIO') this.failure = e
          return
        }
      }
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))

/** The stream objects of the host are only made for what may be a terminal: making them costs more than a short run. */
export function isTerminal(fd: 1 | 2): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && (fd === 1 ? process.stdout : process.stderr).isTTY === true
  } catch {
    return false
  }
}

export const stdout = new Stream(1)
export const stderr = new Stream(2)

export function flushAll(): void {
  stdout.flush()
  stderr.flush()
}

/** Colours: only on a terminal and not with NO_COLOR. */
export function wantsColor(fd: 1 | 2): boolean {
  return (process.env.NO_COLOR ?? '') === '' && isTerminal(fd)
}
