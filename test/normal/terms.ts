import type { Match, Term } from '../../src/normal/term.ts'
import { termOf } from './program.ts'

/** The normal form of a program, which must be free of errors. */
export function term(source: string): Term {
  return termOf(source)
}

/** The pattern of a case of `match`, with the number of its variables. */
export function pattern(source: string): { pattern: Term; count: number } {
  return (termOf(`match 0 { ${source} => { Nil } }`) as Match).cases[0]
}
