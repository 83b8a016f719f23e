import { isSettled } from './build.ts'
import { Bytes, Flag, forced, List, MapTerm, NIL, Par, SetTerm, type Term } from './term.ts'
import { at, flat, inserted, join, removed, replaced, search, searchItems, slice, type Tree, treeOf } from './tree.ts'

/*
 * Long collections of closed terms keep a tree (`tree.ts`), so that growing, cutting and changing them costs the logarithm of their length. They are
 * lists, sets, maps and parallel compositions like any other: `items`, `keys` and `values` are there for whoever needs all elements at once, made when first asked for, in
 * linear time. Loops over the growth of a collection must ask `count` and the functions here instead.
 *
 * A collection that is short (up to `LEAF`) is never of these classes, one that comes from a literal or from the outside neither.
 */

/** Arrays up to this length are copied instead of made into a tree. */
export const LONG = 64

const NONE: readonly Term[] = []

/** How often all elements of a long collection were put into an array: what tests count instead of time. */
export const laidOut = { times: 0 }

function all(tree: Tree): readonly Term[] {
  laidOut.times++
  return flat(tree)
}

export class LongList extends List {
  readonly tree: Tree
  flat: readonly Term[] | null
  constructor(tree: Tree) {
    super(NONE, null, tree.flags)
    this.tree = tree
    this.flat = null
  }
  override get count(): number {
    return this.tree.count
  }
}

export class LongSet extends SetTerm {
  readonly tree: Tree
  flat: readonly Term[] | null
  constructor(tree: Tree) {
    super(NONE, null, tree.flags)
    this.tree = tree
    this.flat = null
  }
  override get count(): number {
    return this.tree.count
  }
}

export class LongPar extends Par {
  readonly tree: Tree
  flat: readonly Term[] | null
  constructor(tree: Tree) {
    super(NONE, tree.flags)
    this.tree = tree
    this.flat = null
  }
  override get count(): number {
    return this.tree.count
  }
}

/** `values` in the order of the keys. */
export class LongMap extends MapTerm {
  readonly keyTree: Tree
  readonly valueTree: Tree
  flatKeys: readonly Term[] | null
  flatValues: readonly Term[] | null
  constructor(keyTree: Tree, valueTree: Tree) {
    super(NONE, NONE, null, keyTree.flags | valueTree.flags)
    this.keyTree = keyTree
    this.valueTree = valueTree
    this.flatKeys = null
    this.flatValues = null
  }
  override get count(): number {
    return this.keyTree.count
  }
}

// The constructors of the base classes assign these properties, which must not become own ones here.
const ignore = (): void => {}
for (const c of [LongList, LongSet, LongPar]) {
  Object.defineProperty(c.prototype, 'items', {
    get(this: LongList) {
      return (this.flat ??= all(this.tree))
    },
    set: ignore,
  })
}
Object.defineProperty(LongMap.prototype, 'keys', {
  get(this: LongMap) {
    return (this.flatKeys ??= all(this.keyTree))
  },
  set: ignore,
})
Object.defineProperty(LongMap.prototype, 'values', {
  get(this: LongMap) {
    return (this.flatValues ??= all(this.valueTree))
  },
  set: ignore,
})

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function treeOfList(l: List): Tree {
  return l instanceof LongList ? l.tree : treeOf(l.items)
}

function listOf(tree: Tree | null): List {
  if (tree === null) return new List(NONE)
  return tree.items !== null ? new List(tree.items, null, tree.flags) : new LongList(tree)
}

/** Element `i` of a list, undefined if there is none. */
export function itemOf(l: List, i: number): Term | undefined {
  if (!(l instanceof LongList) || l.flat !== null) return l.items[i]
  return i >= 0 && i < l.count ? at(l.tree, i) : undefined
}

/** The elements of both, none empty. */
export function concatenated(a: List, b: List): List {
  if (a.count + b.count <= LONG) return new List(a.items.concat(b.items))
  return new LongList(join(treeOfList(a), treeOfList(b)))
}

/** The items, then what a list holds; it may have a remainder of its own. */
export function prepended(items: readonly Term[], l: List): List {
  if (l.rest !== null || l.free > 0 || items.length + l.count <= LONG) return new List([...items, ...l.items], l.rest)
  const front = new List(items)
  return front.free > 0 ? new List([...items, ...l.items]) : items.length === 0 ? l : concatenated(front, l)
}

/** The elements `from` ≤ i < `to`, bounds beyond the end are taken for it. The list has no remainder. */
export function sliceOf(l: List, from: number, to: number): List {
  const end = Math.min(to, l.count)
  if (l instanceof LongList) return from === 0 && end === l.count ? l : listOf(slice(l.tree, from, end))
  const items = l.items.slice(from, end)
  return items.length <= LONG || l.free > 0 ? new List(items) : new LongList(treeOf(items))
}

/** With `x` as element `i`, which must be there. */
export function withItem(l: List, i: number, x: Term): List {
  if (l.count > LONG) return listOf(replaced(treeOfList(l), i, x))
  const items = l.items.slice()
  items[i] = x
  return new List(items)
}

// ── sets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function setOfTree(tree: Tree | null): SetTerm {
  if (tree === null) return new SetTerm(NONE)
  return tree.items !== null ? new SetTerm(tree.items, null, tree.flags) : new LongSet(tree)
}

function treeOfSet(s: SetTerm): Tree {
  return s instanceof LongSet ? s.tree : treeOf(s.items)
}

/** Where `x` is in a set, or `~i` where it would stand. */
export function findItem(s: SetTerm, x: Term): number {
  return s instanceof LongSet && s.flat === null ? search(s.tree, x) : searchItems(s.items, x)
}

/** Element number `i` of a set, which must be there. */
export function memberOf(s: SetTerm, i: number): Term {
  return s instanceof LongSet && s.flat === null ? at(s.tree, i) : s.items[i]
}

/** With `x`, which is not there and belongs to place `i`. */
export function setInserted(s: SetTerm, i: number, x: Term): SetTerm {
  return s.count >= LONG ? setOfTree(inserted(treeOfSet(s), i, x)) : new SetTerm(spliced(s.items, i, 0, x))
}

/** Without the element at place `i`. */
export function setRemoved(s: SetTerm, i: number): SetTerm {
  return s.count > LONG ? setOfTree(removed(treeOfSet(s), i)) : new SetTerm(spliced(s.items, i, 1))
}

// ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function mapOf(keys: Tree | null, values: Tree | null): MapTerm {
  if (keys === null || values === null) return new MapTerm(NONE, NONE)
  if (keys.items === null || values.items === null) return new LongMap(keys, values)
  return new MapTerm(keys.items, values.items, null, keys.flags | values.flags)
}

function treeOfKeys(m: MapTerm): Tree {
  return m instanceof LongMap ? m.keyTree : treeOf(m.keys)
}
function treeOfValues(m: MapTerm): Tree {
  return m instanceof LongMap ? m.valueTree : treeOf(m.values)
}

/** A set with further elements, in time of their number; null where that does not go, as neither may hold variables. */
export function withMembers(s: SetTerm, more: readonly Term[]): SetTerm | null {
  if (s.count <= LONG || s.rest !== null || !isSettled(s)) return null
  let out = s
  for (const x of more) {
    if (!isSettled(x)) return null
    const i = findItem(out, x)
    if (i < 0) out = setInserted(out, ~i, x)
  }
  return out
}

/** A map with further entries, keys and values in turn, which replace what has their keys; null as above. */
export function withEntries(m: MapTerm, more: readonly Term[]): MapTerm | null {
  if (m.count <= LONG || m.rest !== null || !isSettled(m)) return null
  let out = m
  for (let k = 0; k < more.length; k += 2) {
    if (!isSettled(more[k]) || !isSettled(more[k + 1])) return null
    const i = findKey(out, more[k])
    out = i < 0 ? mapInserted(out, ~i, more[k], more[k + 1]) : mapReplaced(out, i, more[k + 1])
  }
  return out
}

/** Where `key` is in a map, or `~i` where it would stand. */
export function findKey(m: MapTerm, key: Term): number {
  return m instanceof LongMap && m.flatKeys === null ? search(m.keyTree, key) : searchItems(m.keys, key)
}

/** The key at place `i`, which must be there. */
export function keyOf(m: MapTerm, i: number): Term {
  return m instanceof LongMap && m.flatKeys === null ? at(m.keyTree, i) : m.keys[i]
}

/** The value at place `i`, which must be there. */
export function valueAt(m: MapTerm, i: number): Term {
  return m instanceof LongMap && m.flatValues === null ? at(m.valueTree, i) : m.values[i]
}

/** With another value at place `i`. */
export function mapReplaced(m: MapTerm, i: number, value: Term): MapTerm {
  if (m.count > LONG) return mapOf(treeOfKeys(m), replaced(treeOfValues(m), i, value))
  return new MapTerm(m.keys, spliced(m.values, i, 1, value))
}

/** With a new entry, whose key belongs to place `i`. */
export function mapInserted(m: MapTerm, i: number, key: Term, value: Term): MapTerm {
  if (m.count >= LONG) return mapOf(inserted(treeOfKeys(m), i, key), inserted(treeOfValues(m), i, value))
  return new MapTerm(spliced(m.keys, i, 0, key), spliced(m.values, i, 0, value))
}

/** Without the entry at place `i`. */
export function mapRemoved(m: MapTerm, i: number): MapTerm {
  if (m.count > LONG) return mapOf(removed(treeOfKeys(m), i), removed(treeOfValues(m), i))
  return new MapTerm(spliced(m.keys, i, 1), spliced(m.values, i, 1))
}

/** Without the elements at these places, which are in ascending order. */
export function withoutMembers(s: SetTerm, places: readonly number[]): SetTerm {
  if (s.count <= LONG || places.length * 16 > s.count) return places.length === 0 ? s : new SetTerm(others(s.items, places))
  let out = s
  for (let i = places.length - 1; i >= 0; i--) out = setRemoved(out, places[i])
  return out
}

/** Without the entries at these places, which are in ascending order. */
export function withoutEntries(m: MapTerm, places: readonly number[]): MapTerm {
  if (m.count <= LONG || places.length * 16 > m.count)
    return places.length === 0 ? m : new MapTerm(others(m.keys, places), others(m.values, places))
  let out = m
  for (let i = places.length - 1; i >= 0; i--) out = mapRemoved(out, places[i])
  return out
}

function others(items: readonly Term[], places: readonly number[]): Term[] {
  const out: Term[] = []
  let next = 0
  for (let i = 0; i < items.length; i++) {
    if (next < places.length && places[next] === i) next++
    else out.push(items[i])
  }
  return out
}

/** The keys as a set; costs nothing. */
export function keySet(m: MapTerm): SetTerm {
  return m instanceof LongMap ? new LongSet(m.keyTree) : new SetTerm(m.keys)
}

/** The values in the order of the keys; costs nothing. */
export function valueList(m: MapTerm): List {
  return m instanceof LongMap ? new LongList(m.valueTree) : new List(m.values)
}

/** The elements of a set in their order; costs nothing. */
export function setList(s: SetTerm): List {
  return s instanceof LongSet ? new LongList(s.tree) : new List(s.items)
}

// ── parallel compositions ─────────────────────────────────────────────────────────────────────────────────────────────

/** No variable and no part of a pattern. */
function isPlain(t: Term): boolean {
  return typeof t !== 'object' || (t.free === 0 && (t.flags & Flag.Pattern) === 0)
}

/** The components as a tree; null unless there are many and all are plain. */
export function manyParts(t: Term): Tree | null {
  if (!(t instanceof Par) || t.count <= LONG || !isPlain(t)) return null
  return t instanceof LongPar ? t.tree : treeOf(t.items)
}

/** The composition of components in canonical order. */
export function composition(tree: Tree | null): Term {
  if (tree === null) return NIL
  return tree.items === null ? new LongPar(tree) : tree.count === 1 ? tree.items[0] : new Par(tree.items, tree.flags)
}

/** A long composition and a few further components; null if that is not what is composed. */
export function composed(items: readonly Term[]): Term | null {
  let all = 0
  let most = 0
  let at = 0
  for (let i = 0; i < items.length; i++) {
    const t = forced(items[i])
    const count = t instanceof Par ? t.count : 1
    all += count
    if (count <= most) continue
    most = count
    at = i
  }
  if (most <= LONG || (all - most) * 16 > most) return null
  if (all === most) return forced(items[at])
  let tree = manyParts(forced(items[at]))
  for (let i = 0; i < items.length && tree !== null; i++) {
    if (i === at) continue
    const t = forced(items[i])
    if (!isPlain(t)) return null
    for (const c of t instanceof Par ? t.items : [t]) {
      const place = search(tree, c)
      tree = inserted(tree, place < 0 ? ~place : place, c)
    }
  }
  return tree === null ? null : new LongPar(tree)
}

// ── byte arrays ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** What is shorter is copied when something is appended. */
const PIECE = 1024
const NO_BYTES = new Uint8Array(0)

/** Two byte arrays one after the other, laid out when somebody asks for the bytes. */
class LongBytes extends Bytes {
  private left: Bytes | null
  private right: Bytes | null
  private readonly total: number
  private laid: Uint8Array | null
  constructor(left: Bytes, right: Bytes) {
    super(NO_BYTES)
    this.left = left
    this.right = right
    this.total = left.count + right.count
    this.laid = null
  }
  override get count(): number {
    return this.total
  }
  /** What appending a little goes on with: the part before, and a short end. */
  get ends(): [Bytes, Bytes] | null {
    return this.left === null || this.right === null || this.right.count >= PIECE ? null : [this.left, this.right]
  }
  layOut(): Uint8Array {
    if (this.laid !== null) return this.laid
    laidOut.times++
    const out = new Uint8Array(this.total)
    const todo: Bytes[] = [this]
    let end = this.total
    while (todo.length > 0) {
      const b = todo.pop() as Bytes
      if (b instanceof LongBytes && b.laid === null) todo.push(b.left as Bytes, b.right as Bytes)
      else {
        end -= b.count
        out.set(b.bytes, end)
      }
    }
    this.left = null
    this.right = null
    this.laid = out
    return out
  }
}
Object.defineProperty(LongBytes.prototype, 'bytes', {
  get(this: LongBytes) {
    return this.layOut()
  },
  set: ignore,
})

/** The bytes of both. */
export function joinedBytes(a: Bytes, b: Bytes): Bytes {
  if (a.count === 0) return b
  if (b.count === 0) return a
  if (a.count + b.count > 2 * PIECE) {
    const ends = a instanceof LongBytes && b.count < PIECE ? a.ends : null
    return ends === null ? new LongBytes(a, b) : new LongBytes(ends[0], joinedBytes(ends[1], b))
  }
  const out = new Uint8Array(a.count + b.count)
  out.set(a.bytes)
  out.set(b.bytes, a.count)
  return new Bytes(out)
}

/** A copy without `gone` terms from place `at` on, and with `x` there. */
function spliced(items: readonly Term[], at: number, gone: 0 | 1, x?: Term): Term[] {
  const grown = x === undefined ? 0 : 1
  const out: Term[] = new Array(items.length - gone + grown)
  for (let i = 0; i < at; i++) out[i] = items[i]
  if (x !== undefined) out[at] = x
  for (let i = at + gone; i < items.length; i++) out[i - gone + grown] = items[i]
  return out
}
