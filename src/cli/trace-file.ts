import { closeSync, openSync, writeSync } from 'node:fs'
import { reasonOf } from './engine.ts'
import { UsageError } from './usage.ts'

/** Traces: files with one event per line, each a JSON object `{"v":1,"kind":"trace",…}`. */

const BLOCK = 1 << 16

export class TraceFile {
  private readonly fd: number
  private pending = ''

  /** `-` is standard output. */
  constructor(file: string) {
    try {
      this.fd = file === '-' ? 1 : openSync(file, 'w')
    } catch (e) {
      throw new UsageError(`cannot write \`${file}\`: ${reasonOf(e)}`)
    }
  }

  write(event: object): void {
    this.pending += `${eventLine(event)}\n`
    if (this.pending.length >= BLOCK) this.flush()
  }

  close(): void {
    this.flush()
    if (this.fd !== 1) closeSync(this.fd)
  }

  private flush(): void {
    writeSync(this.fd, this.pending)
    this.pending = ''
  }
}

export function eventLine(event: object): string {
  return JSON.stringify({ v: 1, kind: 'trace', ...event }, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}
