import type { Code } from './codes.ts'
import { CODES } from './codes.ts'

/** One finding about a program before it runs: a static error or a lint. `start`/`end` are positions (`source.ts`), end exclusive. */
export interface Diagnostic {
  readonly code: Code
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** What to do about it; one line, may be empty. */
  readonly hint: string
  readonly start: number
  readonly end: number
}

/** The name of the error class that the JSON output carries. */
export function classOf(code: Code): string {
  return CODES[code].class
}

export function errorAt(code: Code, start: number, end: number, message: string, hint = ''): Diagnostic {
  return { code, severity: 'error', message, hint, start, end }
}

export function lintAt(code: Code, start: number, end: number, message: string, hint = ''): Diagnostic {
  return { code, severity: 'warning', message, hint, start, end }
}
