import type { Code } from '../../base/codes.ts'
import type { Term } from '../../normal/term.ts'

/** A runtime error as a value: the machine that asked for the operation dies of it, nothing else happens (rholang.md 12). */
export class Fault {
  readonly code: Code
  readonly message: string
  /** What to do about it; one line, may be empty. */
  readonly hint: string
  constructor(code: Code, message: string, hint = '') {
    this.code = code
    this.message = message
    this.hint = hint
  }
}

/** What an operation gives: a term, or a fault. Told apart by `instanceof Fault`. */
export type Result = Term | Fault

/** What the operations of one machine share. An operation adds its whole charge (rholang.md 16.2) to `gas`, also when it faults after its types were found right. */
export interface PrimContext {
  gas: number
  readonly limits: Limits
}

export interface Limits {
  /** Largest size (rholang.md 16.1) of a result, in size units. */
  readonly maxValueBytes: number
}
