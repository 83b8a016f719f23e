import { pushAllKids } from '../normal/parts.ts'
import { Closure, Flag, type Term, Unforgeable } from '../normal/term.ts'
import { type Program, Template } from './link.ts'

const MASK = Flag.Unforgeable | Flag.Closure

/**
 * All names made by `new` that a term holds, closures looked into through what they captured.
 * @param programs gets the programs whose code the closures are made of
 */
export function collectNames(t: Term, programs?: Program[]): Unforgeable[] {
  const out: Unforgeable[] = []
  const work: Term[] = [t]
  while (work.length > 0) {
    const v = work.pop() as Term
    if (typeof v !== 'object' || (v.flags & MASK) === 0) continue
    if (v instanceof Unforgeable) out.push(v)
    else if (v instanceof Closure) {
      if (programs !== undefined && v.template instanceof Template) programs.push(v.template.program)
      for (const c of v.captures) work.push(c)
    } else pushAllKids(v, work)
  }
  return out
}
