import { pushAllKids } from '../normal/parts.ts'
import { Closure, Flag, type Term, Unforgeable } from '../normal/term.ts'

const MASK = Flag.Unforgeable | Flag.Closure

/** All names made by `new` that a term holds, closures looked into through what they captured. */
export function collectNames(t: Term): Unforgeable[] {
  const out: Unforgeable[] = []
  const work: Term[] = [t]
  while (work.length > 0) {
    const v = work.pop() as Term
    if (typeof v !== 'object' || (v.flags & MASK) === 0) continue
    if (v instanceof Unforgeable) out.push(v)
    else if (v instanceof Closure) for (const c of v.captures) work.push(c)
    else pushAllKids(v, work)
  }
  return out
}
