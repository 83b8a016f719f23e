import { makeMap, makeSet } from '../../normal/build.ts'
import {
  concatenated,
  findItem,
  findKey,
  keyOf,
  LONG,
  mapInserted,
  mapRemoved,
  mapReplaced,
  memberOf,
  setInserted,
  setRemoved,
  valueAt,
  withItem,
} from '../../normal/long.ts'
import { compare, equal } from '../../normal/order.ts'
import { sizeOf } from '../../normal/size.ts'
import { type Compound, forced, List, MapTerm, SetTerm, Tag, type Term, Tuple, tagOf } from '../../normal/term.ts'
import { searchItems } from '../../normal/tree.ts'
import type { Fault, PrimContext } from './fault.ts'
import { tooMany } from './limits.ts'

/*
 * At run time the elements of a set and the keys of a map are closed, so that both are sorted and free of duplicates (term.ts). Everything here keeps that
 * by searching and merging, never by sorting again. Sizes that are known are noted in the result, so that growing a collection does not measure it anew.
 * What takes or changes a few elements of a long collection leaves it a tree (`normal/long.ts`) and never asks for all its elements.
 */

/** Per entry of a map, beside key and value (rholang.md 16.1). */
const ENTRY_SIZE = 2
const LIST_SIZE = 4
const TUPLE_SIZE = 4

function sized<T extends Compound>(t: T, size: number): T {
  t.size = size
  return t
}

/** Whether so few elements against so many are looked up one by one. */
function fewAgainst(few: number, many: number): boolean {
  return many > LONG && few * 16 < many
}

/** As `search` from `from` on, in time logarithmic in the distance: merging a small collection into a large one does not visit all of the large one. */
function gallop(items: readonly Term[], x: Term, from: number): number {
  let step = 1
  let low = from
  while (low + step <= items.length && compare(items[low + step - 1], x) < 0) {
    low += step
    step *= 2
  }
  return searchItems(items, x, low, Math.min(items.length, low + step))
}

// ── sets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function setWith(set: SetTerm, x: Term, ctx: PrimContext): SetTerm | Fault {
  const at = findItem(set, x)
  if (at >= 0) return set
  const size = sizeOf(set) + sizeOf(x)
  return tooMany(set.count + 1, size, ctx) ?? sized(setInserted(set, ~at, x), size)
}

export function setWithout(set: SetTerm, x: Term): SetTerm {
  const at = findItem(set, x)
  if (at < 0) return set
  const size = sizeOf(set) - sizeOf(memberOf(set, at))
  return sized(setRemoved(set, at), size)
}

export function setUnion(a: SetTerm, b: SetTerm, ctx: PrimContext): SetTerm | Fault {
  if (b.count === 0) return a
  if (a.count === 0) return b
  if (fewAgainst(b.count, a.count)) return setWithAll(a, b.items, ctx)
  if (fewAgainst(a.count, b.count)) return setWithAll(b, a.items, ctx)
  const out: Term[] = []
  let size = sizeOf(a)
  let from = 0
  for (const x of b.items) {
    const at = gallop(a.items, x, from)
    const stop = at < 0 ? ~at : at
    for (let i = from; i < stop; i++) out.push(a.items[i])
    out.push(x)
    from = at < 0 ? stop : stop + 1
    if (at >= 0) continue
    size += sizeOf(x)
    const fault = tooMany(out.length, size, ctx)
    if (fault !== undefined) return fault
  }
  for (let i = from; i < a.items.length; i++) out.push(a.items[i])
  if (out.length === a.items.length) return a
  return tooMany(out.length, size, ctx) ?? sized(new SetTerm(out), size)
}

function setWithAll(set: SetTerm, items: readonly Term[], ctx: PrimContext): SetTerm | Fault {
  let out = set
  for (const x of items) {
    const next = setWith(out, x, ctx)
    if (!(next instanceof SetTerm)) return next
    out = next
  }
  return out
}

/** Elements of `keys` that are not in `minus`, as indices. */
function indicesWithout(keys: readonly Term[], minus: readonly Term[]): number[] {
  const out: number[] = []
  let from = 0
  for (const x of minus) {
    const at = gallop(keys, x, from)
    const stop = at < 0 ? ~at : at
    while (from < stop) out.push(from++)
    if (at >= 0) from++
  }
  while (from < keys.length) out.push(from++)
  return out
}

/** Elements of `keys` that are in `others`, as indices. */
function indicesWithin(keys: readonly Term[], others: readonly Term[]): number[] {
  const out: number[] = []
  let from = 0
  for (const x of others) {
    const at = gallop(keys, x, from)
    if (at >= 0) out.push(at)
    from = at < 0 ? ~at : at + 1
  }
  return out
}

function pickSet(set: SetTerm, indices: readonly number[]): SetTerm {
  return indices.length === set.count ? set : new SetTerm(indices.map(i => set.items[i]))
}

export function setDiff(a: SetTerm, b: SetTerm): SetTerm {
  if (!fewAgainst(b.count, a.count)) return pickSet(a, indicesWithout(a.items, b.items))
  let out = a
  for (const x of b.items) out = setWithout(out, x)
  return out
}

export function setIntersection(a: SetTerm, b: SetTerm): SetTerm {
  if (fewAgainst(b.count, a.count)) return new SetTerm(placesOf(b.items, x => findItem(a, x)).map(i => memberOf(a, i)))
  if (fewAgainst(a.count, b.count)) return new SetTerm(a.items.filter(x => findItem(b, x) >= 0))
  return pickSet(a, indicesWithin(a.items, b.items))
}

/** The places of those items that `find` has. */
function placesOf(items: readonly Term[], find: (x: Term) => number): number[] {
  return items.map(find).filter(i => i >= 0)
}

export function isSubset(a: SetTerm, b: SetTerm): boolean {
  if (a.count > b.count) return false
  if (fewAgainst(a.count, b.count)) return a.items.every(x => findItem(b, x) >= 0)
  return indicesWithin(b.items, a.items).length === a.count
}

// ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function mapGet(map: MapTerm, key: Term): Term | undefined {
  const at = findKey(map, key)
  return at < 0 ? undefined : valueAt(map, at)
}

export function mapWith(map: MapTerm, key: Term, value: Term, ctx: PrimContext): MapTerm | Fault {
  const at = findKey(map, key)
  if (at >= 0) {
    const size = sizeOf(map) - sizeOf(valueAt(map, at)) + sizeOf(value)
    return tooMany(map.count, size, ctx) ?? sized(mapReplaced(map, at, value), size)
  }
  const size = sizeOf(map) + ENTRY_SIZE + sizeOf(key) + sizeOf(value)
  return tooMany(map.count + 1, size, ctx) ?? sized(mapInserted(map, ~at, key, value), size)
}

export function mapWithout(map: MapTerm, key: Term): MapTerm {
  const at = findKey(map, key)
  if (at < 0) return map
  const size = sizeOf(map) - ENTRY_SIZE - sizeOf(keyOf(map, at)) - sizeOf(valueAt(map, at))
  return sized(mapRemoved(map, at), size)
}

/** The entries of both; for equal keys those of `b`. */
export function mapUnion(a: MapTerm, b: MapTerm, ctx: PrimContext): MapTerm | Fault {
  if (b.count === 0) return a
  if (a.count === 0) return b
  if (fewAgainst(b.count, a.count)) return mapWithAll(a, b, true, ctx)
  if (fewAgainst(a.count, b.count)) return mapWithAll(b, a, false, ctx)
  const keys: Term[] = []
  const values: Term[] = []
  let size = sizeOf(a)
  let from = 0
  for (let j = 0; j < b.keys.length; j++) {
    const at = gallop(a.keys, b.keys[j], from)
    const stop = at < 0 ? ~at : at
    for (let i = from; i < stop; i++) {
      keys.push(a.keys[i])
      values.push(a.values[i])
    }
    keys.push(at < 0 ? b.keys[j] : a.keys[at])
    values.push(b.values[j])
    from = at < 0 ? stop : stop + 1
    size += sizeOf(b.values[j]) + (at < 0 ? ENTRY_SIZE + sizeOf(b.keys[j]) : -sizeOf(a.values[at]))
    const fault = tooMany(keys.length, size - sizeOf(a), ctx)
    if (fault !== undefined) return fault
  }
  for (let i = from; i < a.keys.length; i++) {
    keys.push(a.keys[i])
    values.push(a.values[i])
  }
  return tooMany(keys.length, size, ctx) ?? sized(new MapTerm(keys, values), size)
}

/** With the entries of `more`; those whose key is there already only where they `replace` it. */
function mapWithAll(map: MapTerm, more: MapTerm, replace: boolean, ctx: PrimContext): MapTerm | Fault {
  let out = map
  for (let i = 0; i < more.keys.length; i++) {
    if (!replace && findKey(map, more.keys[i]) >= 0) continue
    const next = mapWith(out, more.keys[i], more.values[i], ctx)
    if (!(next instanceof MapTerm)) return next
    out = next
  }
  return out
}

function pickMap(map: MapTerm, indices: readonly number[]): MapTerm {
  if (indices.length === map.count) return map
  return new MapTerm(
    indices.map(i => keyOf(map, i)),
    indices.map(i => valueAt(map, i)),
  )
}

export function mapDiff(a: MapTerm, b: MapTerm): MapTerm {
  if (!fewAgainst(b.count, a.count)) return pickMap(a, indicesWithout(a.keys, b.keys))
  let out = a
  for (const key of b.keys) out = mapWithout(out, key)
  return out
}

/** The entries of `a` whose key is in `b`. */
export function mapIntersection(a: MapTerm, b: MapTerm): MapTerm {
  if (fewAgainst(b.count, a.count)) {
    return pickMap(
      a,
      placesOf(b.keys, x => findKey(a, x)),
    )
  }
  if (!fewAgainst(a.count, b.count)) return pickMap(a, indicesWithin(a.keys, b.keys))
  const kept: number[] = []
  for (let i = 0; i < a.keys.length; i++) if (findKey(b, a.keys[i]) >= 0) kept.push(i)
  return pickMap(a, kept)
}

export function mapEntries(map: MapTerm, ctx: PrimContext): Term[] | Fault {
  const n = map.count
  const fault = tooMany(n, sizeOf(map) + n * (TUPLE_SIZE - ENTRY_SIZE), ctx)
  return fault ?? map.keys.map((k, i) => new Tuple([k, map.values[i]]))
}

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function concatLists(a: List, b: List, ctx: PrimContext): List | Fault {
  if (b.count === 0) return a
  if (a.count === 0) return b
  const size = sizeOf(a) + sizeOf(b) - LIST_SIZE
  return tooMany(a.count + b.count, size, ctx) ?? sized(concatenated(a, b), size)
}

export function repeatList(list: List, count: number, ctx: PrimContext): List | Fault {
  const n = list.items.length
  if (count <= 0 || n === 0) return new List([])
  const size = LIST_SIZE + (sizeOf(list) - LIST_SIZE) * count
  const fault = tooMany(n * count, size, ctx)
  if (fault !== undefined) return fault
  const out: Term[] = new Array(n * count)
  for (let i = 0; i < out.length; i++) out[i] = list.items[i % n]
  return sized(new List(out), size)
}

/** With `value` as element `at`, which is `old`. */
export function updated(list: List, at: number, old: Term, value: Term, ctx: PrimContext): List | Fault {
  const size = sizeOf(list) - sizeOf(old) + sizeOf(value)
  return tooMany(list.count, size, ctx) ?? sized(withItem(list, at, value), size)
}

/** Elements that are lists are replaced by their elements. Sharing can make the result larger than the size of the parts, so it is bounded. */
export function flatten(list: List, ctx: PrimContext): List | Fault {
  let count = 0
  for (const item of list.items) {
    const t = forced(item)
    count += tagOf(t) === Tag.List ? (t as List).count : 1
  }
  const fault = tooMany(count, 0, ctx)
  if (fault !== undefined) return fault
  const out: Term[] = []
  for (const item of list.items) {
    const t = forced(item)
    if (tagOf(t) === Tag.List) for (const x of (t as List).items) out.push(x)
    else out.push(item)
  }
  return new List(out)
}

export function indexOf(items: readonly Term[], x: Term): number {
  for (let i = 0; i < items.length; i++) if (equal(items[i], x)) return i
  return -1
}

export function lastIndexOf(items: readonly Term[], x: Term): number {
  for (let i = items.length - 1; i >= 0; i--) if (equal(items[i], x)) return i
  return -1
}

/** The first of each run of equal elements, in the order of the list. */
export function distinct(list: List): List {
  const { items } = list
  const index = items.map((_, i) => i).sort((i, j) => compare(items[i], items[j]) || i - j)
  const again = new Uint8Array(items.length)
  let dropped = 0
  for (let i = 1; i < index.length; i++) {
    if (compare(items[index[i - 1]], items[index[i]]) !== 0) continue
    again[index[i]] = 1
    dropped++
  }
  return dropped === 0 ? list : new List(items.filter((_, i) => again[i] === 0))
}

export function zip(a: List, b: List, ctx: PrimContext): List | Fault {
  const n = Math.min(a.items.length, b.items.length)
  let size = LIST_SIZE + n * TUPLE_SIZE
  for (let i = 0; i < n; i++) size += sizeOf(a.items[i]) + sizeOf(b.items[i])
  const fault = tooMany(n, size, ctx)
  if (fault !== undefined) return fault
  const out: Term[] = new Array(n)
  for (let i = 0; i < n; i++) out[i] = new Tuple([a.items[i], b.items[i]])
  return sized(new List(out), size)
}

/** The entries that 2-tuples describe, a later pair replacing an earlier one; undefined if some element is not a 2-tuple. */
export function mapOfPairs(items: readonly Term[]): MapTerm | undefined {
  const keys: Term[] = new Array(items.length)
  const values: Term[] = new Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const t = forced(items[i])
    if (tagOf(t) !== Tag.Tuple || (t as Tuple).items.length !== 2) return undefined
    keys[i] = (t as Tuple).items[0]
    values[i] = (t as Tuple).items[1]
  }
  return makeMap(keys, values)
}

export function setOf(items: readonly Term[]): SetTerm {
  return makeSet(items)
}
