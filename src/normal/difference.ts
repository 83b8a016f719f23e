import { matches } from './match.ts'
import { equal } from './order.ts'
import { Budget } from './search.ts'
import { Conn, List, MapTerm, Send, Tag, type Term, Tuple } from './term.ts'

/** Steps on the way down: each tries patterns again, and nobody reads on for long. */
const DEPTH = 32
const COMPARISONS = 100_000

/** A part of a pattern and the part of a term that stands in its place. */
export interface Difference {
  readonly wanted: Term
  readonly found: Term
}

/**
 * Where a pattern without references differs first from a term that it does not fit: the smallest parts that do not fit and are reached through lists,
 * tuples, values of maps, sends and `/\`. For reports.
 */
export function firstDifference(wanted: Term, found: Term): Difference {
  const budget = new Budget(COMPARISONS)
  for (let depth = 0; depth < DEPTH; depth++) {
    const pairs = partsOf(wanted, found)
    const next = pairs?.wanted.findIndex((w, i) => !matches(w, pairs.found[i], undefined, budget)) ?? -1
    if (pairs === null || next < 0 || budget.exceeded) break
    wanted = pairs.wanted[next]
    found = pairs.found[next]
  }
  return { wanted, found }
}

/** The parts that must fit one by one; null where it is not their parts that tell the two apart. */
function partsOf(p: Term, t: Term): { wanted: readonly Term[]; found: readonly Term[] } | null {
  if (p instanceof Conn) return p.tag === Tag.ConnAnd ? { wanted: p.parts, found: p.parts.map(() => t) } : null
  if ((p instanceof List && t instanceof List) || (p instanceof Tuple && t instanceof Tuple)) {
    const open = p instanceof List && p.rest !== null
    const enough = open ? t.items.length >= p.items.length : t.items.length === p.items.length
    return enough ? { wanted: p.items, found: t.items } : null
  }
  if (p instanceof MapTerm && t instanceof MapTerm) {
    const at = p.keys.map(key => t.keys.findIndex(k => equal(k, key)))
    return at.includes(-1) ? null : { wanted: p.values, found: at.map(i => t.values[i]) }
  }
  if (p instanceof Send && t instanceof Send && p.persistent === t.persistent && p.data.length === t.data.length)
    return { wanted: [p.chan, ...p.data], found: [t.chan, ...t.data] }
  return null
}
