import { compare } from './order.ts'
import type { Term } from './term.ts'

/*
 * Persistent sequences of closed terms: what long collections keep instead of one array. A balanced binary tree (AVL) whose leaves hold up to `LEAF` terms;
 * every change copies one leaf and the way to it. Invariants: heights of siblings differ by at most one; no leaf is empty; a branch holds more than `LEAF`
 * terms, so that the depth, and with it all recursion here, is logarithmic in the number of terms. `flags` and `size` are those of all terms together.
 */

/** Terms in a leaf. */
export const LEAF = 32

export class Tree {
  /** The terms of a leaf, null in a branch. Never changed. */
  readonly items: readonly Term[] | null
  readonly left: Tree | null
  readonly right: Tree | null
  /** The first term: what searches compare with. */
  readonly first: Term
  readonly count: number
  readonly height: number
  readonly flags: number
  /** Sum of the sizes of all terms, -1 until somebody asked (size.ts). */
  size: number
  /** Hash of the sequence, 0 until somebody asked (order.ts). */
  hash: number
  constructor(items: readonly Term[] | null, left: Tree | null, right: Tree | null, count: number, height: number, flags: number) {
    this.items = items
    this.left = left
    this.right = right
    this.first = items !== null ? items[0] : (left as Tree).first
    this.count = count
    this.height = height
    this.flags = flags
    this.size = -1
    this.hash = 0
  }
}

function leaf(items: readonly Term[]): Tree {
  let flags = 0
  for (let i = 0; i < items.length; i++) {
    const t = items[i]
    if (typeof t === 'object') flags |= t.flags
  }
  return new Tree(items, null, null, items.length, 0, flags)
}

function branch(l: Tree, r: Tree): Tree {
  const count = l.count + r.count
  if (count <= LEAF) return leaf([...(l.items as readonly Term[]), ...(r.items as readonly Term[])])
  return new Tree(null, l, r, count, Math.max(l.height, r.height) + 1, l.flags | r.flags)
}

/** Heights may differ by two. */
function balanced(l: Tree, r: Tree): Tree {
  if (l.height > r.height + 1) {
    const outer = l.left as Tree
    const inner = l.right as Tree
    if (outer.height >= inner.height) return branch(outer, branch(inner, r))
    return branch(branch(outer, inner.left as Tree), branch(inner.right as Tree, r))
  }
  if (r.height > l.height + 1) {
    const inner = r.left as Tree
    const outer = r.right as Tree
    if (outer.height >= inner.height) return branch(branch(l, inner), outer)
    return branch(branch(l, inner.left as Tree), branch(inner.right as Tree, outer))
  }
  return branch(l, r)
}

/** One after the other, in time of the difference of their heights. */
export function join(l: Tree, r: Tree): Tree {
  if (l.height > r.height + 1) return balanced(l.left as Tree, join(l.right as Tree, r))
  if (r.height > l.height + 1) return balanced(join(l, r.left as Tree), r.right as Tree)
  return branch(l, r)
}

function joined(l: Tree | null, r: Tree | null): Tree | null {
  return l === null ? r : r === null ? l : join(l, r)
}

/** The tree of an array that is not empty, in linear time. */
export function treeOf(items: readonly Term[]): Tree {
  return built(items, 0, items.length)
}

function built(items: readonly Term[], from: number, to: number): Tree {
  const n = to - from
  if (n <= LEAF) return leaf(items.slice(from, to))
  const mid = from + (n >>> 1)
  return branch(built(items, from, mid), built(items, mid, to))
}

/** All terms in one array. */
export function flat(t: Tree): Term[] {
  const out: Term[] = new Array(t.count)
  fill(t, out, 0)
  return out
}

function fill(t: Tree, out: Term[], from: number): void {
  if (t.items !== null) for (let i = 0; i < t.items.length; i++) out[from + i] = t.items[i]
  else {
    fill(t.left as Tree, out, from)
    fill(t.right as Tree, out, from + (t.left as Tree).count)
  }
}

/** Term number `i`, which must be there. */
export function at(tree: Tree, i: number): Term {
  let t = tree
  let k = i
  while (t.items === null) {
    const l = t.left as Tree
    if (k < l.count) t = l
    else {
      k -= l.count
      t = t.right as Tree
    }
  }
  return t.items[k]
}

/** With `x` instead of term number `i`. */
export function replaced(t: Tree, i: number, x: Term): Tree {
  if (t.items !== null) {
    const items = t.items.slice()
    items[i] = x
    return leaf(items)
  }
  const l = t.left as Tree
  const r = t.right as Tree
  return i < l.count ? branch(replaced(l, i, x), r) : branch(l, replaced(r, i - l.count, x))
}

/** With `x` before term number `i`, or at the end. */
export function inserted(t: Tree, i: number, x: Term): Tree {
  if (t.items !== null) {
    const items = t.items
    if (items.length < LEAF) {
      const out = items.slice()
      out.splice(i, 0, x)
      return leaf(out)
    }
    // Who inserts at an end goes on there: the full leaf stays full.
    if (i === items.length) return branch(t, leaf([x]))
    if (i === 0) return branch(leaf([x]), t)
    const half = LEAF >>> 1
    if (i <= half) return branch(leaf([...items.slice(0, i), x, ...items.slice(i, half)]), leaf(items.slice(half)))
    return branch(leaf(items.slice(0, half)), leaf([...items.slice(half, i), x, ...items.slice(i)]))
  }
  const l = t.left as Tree
  const r = t.right as Tree
  return i < l.count ? balanced(inserted(l, i, x), r) : balanced(l, inserted(r, i - l.count, x))
}

/** Without term number `i`; null if nothing is left. */
export function removed(t: Tree, i: number): Tree | null {
  if (t.items !== null) {
    if (t.count === 1) return null
    const out = t.items.slice()
    out.splice(i, 1)
    return leaf(out)
  }
  const l = t.left as Tree
  const r = t.right as Tree
  if (i < l.count) {
    const rest = removed(l, i)
    return rest === null ? r : balanced(rest, r)
  }
  const rest = removed(r, i - l.count)
  return rest === null ? l : balanced(l, rest)
}

/** The terms `from` ≤ i < `to`; null if there are none. Both bounds within the tree. */
export function slice(t: Tree, from: number, to: number): Tree | null {
  if (from >= to) return null
  if (from === 0 && to === t.count) return t
  if (t.items !== null) return leaf(t.items.slice(from, to))
  const l = t.left as Tree
  const n = l.count
  if (to <= n) return slice(l, from, to)
  if (from >= n) return slice(t.right as Tree, from - n, to - n)
  return joined(slice(l, from, n), slice(t.right as Tree, 0, to - n))
}

/** Where `x` is in a sorted tree, or `~i` where it would have to stand. */
export function search(tree: Tree, x: Term): number {
  let t = tree
  let before = 0
  while (t.items === null) {
    const l = t.left as Tree
    const order = compare((t.right as Tree).first, x)
    if (order === 0) return before + l.count
    if (order > 0) t = l
    else {
      before += l.count
      t = t.right as Tree
    }
  }
  const i = searchItems(t.items, x)
  return i < 0 ? ~(before + ~i) : before + i
}

/** The same in a sorted array, or in a part of it that `x` belongs to. */
export function searchItems(items: readonly Term[], x: Term, from = 0, to = items.length): number {
  let low = from
  let high = to - 1
  while (low <= high) {
    const mid = (low + high) >>> 1
    const order = compare(items[mid], x)
    if (order === 0) return mid
    if (order < 0) low = mid + 1
    else high = mid - 1
  }
  return ~low
}
