import type { FileRoot } from './files.ts'

/** What the machine needs from outside. The only implementations that touch files, clocks and streams live in `src/host`. */
export interface Host {
  /** One finished piece of output; `text` without the final line break for lines, raw for `print`. */
  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void
  log(level: string, text: string): void
  /** Asks for a line of standard input; answers later (or now) with the line or undefined at the end. Requests are served in order. */
  readLine(answer: (line: string | undefined) => void): void
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back once, at least `ms` later. Only used with real time; virtual time is the session's own. */
  after(ms: number, callback: () => void): void
  /** A capability for a directory, for `rho:io:file`. */
  openRoot?(dir: string, writable: boolean, maxBytes: number | undefined): FileRoot
}
