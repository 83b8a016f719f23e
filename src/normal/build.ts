import { composed } from './long.ts'
import { compare, equal } from './order.ts'
import {
  Bundle,
  Conn,
  Flag,
  flagsOf,
  forced,
  type List,
  MapTerm,
  NIL,
  type Node,
  Par,
  PathMap,
  type Rest,
  SetTerm,
  Tag,
  type Term,
} from './term.ts'

/** No variable, no unevaluated expression in value position, no part of a pattern: what sets and keys are sorted by. */
export function isSettled(t: Term): boolean {
  return typeof t !== 'object' || (t.free === 0 && (t.flags & (Flag.Exposed | Flag.Pattern)) === 0)
}

function allSettled(items: readonly Term[]): boolean {
  for (let i = 0; i < items.length; i++) if (!isSettled(items[i])) return false
  return true
}

function isAscending(items: readonly Term[]): boolean {
  for (let i = 1; i < items.length; i++) if (compare(items[i - 1], items[i]) > 0) return false
  return true
}

function isStrictlyAscending(items: readonly Term[], order: (a: Term, b: Term) => number): boolean {
  for (let i = 1; i < items.length; i++) if (order(items[i - 1], items[i]) >= 0) return false
  return true
}

/** Up to this many items are sorted by insertion, which allocates nothing; both ways are stable. */
const FEW = 10

/** A sorted copy. */
function sortedCopy(items: readonly Term[]): Term[] {
  const out = items.slice()
  if (out.length > FEW) return out.sort(compare)
  for (let i = 1; i < out.length; i++) {
    const t = out[i]
    let k = i - 1
    for (; k >= 0 && compare(out[k], t) > 0; k--) out[k + 1] = out[k]
    out[k + 1] = t
  }
  return out
}

/** Parallel composition: flattens, drops Nil, sorts. One component is returned as it is. The array may be kept: do not change it afterwards. */
export function makePar(items: readonly Term[]): Term {
  const n = items.length
  if (n === 0) return NIL
  if (n === 1) return items[0]
  let flat = items
  for (let i = 0; i < n; i++) {
    const t = items[i]
    if (typeof t === 'object' && (t.tag === Tag.Par || t.tag === Tag.Closure)) {
      const grown = composed(items)
      if (grown !== null) return grown
      flat = flatten(items, i)
      break
    }
  }
  if (flat.length === 0) return NIL
  if (flat.length === 1) return flat[0]
  return new Par(isAscending(flat) ? flat : sortedCopy(flat))
}

function flatten(items: readonly Term[], from: number): Term[] {
  const out = items.slice(0, from)
  for (let i = from; i < items.length; i++) {
    const t = forced(items[i])
    if (typeof t === 'object' && t.tag === Tag.Par) for (const c of (t as Par).items) out.push(c)
    else out.push(t)
  }
  return out
}

/** A set: sorted and without duplicates if all elements are settled, otherwise as given. Any closed process may be an element. */
export function makeSet(items: readonly Term[], rest: Rest = null): SetTerm {
  if (items.length < 2 || !allSettled(items) || isStrictlyAscending(items, compare)) return new SetTerm(items, rest)
  const sorted = sortedCopy(items)
  let n = 0
  for (let i = 0; i < sorted.length; i++) if (n === 0 || !equal(sorted[n - 1], sorted[i])) sorted[n++] = sorted[i]
  sorted.length = n
  return new SetTerm(sorted, rest)
}

/** Indices 0…n-1 sorted stably by the term at each index; of a run of equal ones only the last stays. */
function lastByOrder(terms: readonly Term[], order: (a: Term, b: Term) => number): number[] {
  const index: number[] = new Array(terms.length)
  for (let i = 0; i < index.length; i++) index[i] = i
  if (index.length > FEW) index.sort((i, j) => order(terms[i], terms[j]) || i - j)
  else
    for (let i = 1; i < index.length; i++) {
      const at = index[i]
      let k = i - 1
      for (; k >= 0 && order(terms[index[k]], terms[at]) > 0; k--) index[k + 1] = index[k]
      index[k + 1] = at
    }
  let n = 0
  for (let i = 0; i < index.length; i++) {
    if (i + 1 < index.length && order(terms[index[i]], terms[index[i + 1]]) === 0) continue
    index[n++] = index[i]
  }
  index.length = n
  return index
}

/**
 * A map: sorted by key, the last of equal keys wins, if all keys are settled; otherwise as given. `keys[i]` belongs to `values[i]`. A pattern whose variables
 * would go with a pair that does not win keeps all pairs: no map has them all.
 */
export function makeMap(keys: readonly Term[], values: readonly Term[], rest: Rest = null): MapTerm {
  if (keys.length < 2 || !allSettled(keys) || isStrictlyAscending(keys, compare)) return new MapTerm(keys, values, rest)
  let index = lastByOrder(keys, compare)
  if (index.length < keys.length) {
    const won = new Set(index)
    if (values.some((v, i) => !won.has(i) && (flagsOf(v) & Flag.Pattern) !== 0))
      index = keys.map((_, i) => i).sort((i, j) => compare(keys[i], keys[j]) || i - j)
  }
  return new MapTerm(
    index.map(i => keys[i]),
    index.map(i => values[i]),
    rest,
  )
}

/** Orders elements of a pathmap by their paths: the elements of a List, or the one segment that any other value is. */
export function comparePaths(a: Term, b: Term): number {
  const x = forced(a)
  const y = forced(b)
  const xs = typeof x === 'object' && x.tag === Tag.List ? (x as List).items : [x]
  const ys = typeof y === 'object' && y.tag === Tag.List ? (y as List).items : [y]
  const n = Math.min(xs.length, ys.length)
  for (let i = 0; i < n; i++) {
    const r = compare(xs[i], ys[i])
    if (r !== 0) return r
  }
  return xs.length - ys.length
}

/** A pathmap: sorted by path, the last of equal paths wins, if all elements are settled; otherwise as given. */
export function makePathMap(items: readonly Term[], rest: Rest = null): PathMap {
  if (items.length < 2 || !allSettled(items) || isStrictlyAscending(items, comparePaths)) return new PathMap(items, rest)
  return new PathMap(
    lastByOrder(items, comparePaths).map(i => items[i]),
    rest,
  )
}

/** A bundle; one around exactly one bundle becomes a single one with the rights that both give. Rights: 2 writing, 1 reading. */
export function makeBundle(rights: number, body: Term): Bundle {
  const b = forced(body)
  if (typeof b === 'object' && b.tag === Tag.Bundle) return new Bundle(rights & (b as Bundle).rights, (b as Bundle).body)
  return new Bundle(rights, body)
}

/** `/\` (Tag.ConnAnd) or `\/` (Tag.ConnOr), chains of the same connective flattened; one part alone is returned as it is. */
export function makeConn(tag: number, parts: readonly Term[]): Term {
  if (parts.length === 1) return parts[0]
  if (!parts.some(p => typeof p === 'object' && p.tag === tag)) return new Conn(tag, parts)
  const out: Term[] = []
  for (const p of parts) {
    if (typeof p === 'object' && (p as Node).tag === tag) for (const q of (p as Conn).parts) out.push(q)
    else out.push(p)
  }
  return new Conn(tag, out)
}
