import { LongList, LongMap, LongPar, LongSet } from './long.ts'
import { pushAllKids } from './parts.ts'
import {
  type BigInteger,
  type BigRat,
  type Bind,
  type Bound,
  type Branch,
  type Bytes,
  Compound,
  type Fixed,
  forced,
  type List,
  type MapTerm,
  type Match,
  type Method,
  type New,
  type Node,
  type Receive,
  type Select,
  Tag,
  type Term,
  type Uri,
} from './term.ts'
import type { Tree } from './tree.ts'

/** Number of bytes of an integer in shortest two's complement. */
export function byteLength(v: bigint): number {
  // -128 … 127 need one byte, so a sign bit is added to the magnitude.
  const magnitude = v < 0n ? -v - 1n : v
  if (magnitude < 0x80n) return 1
  const digits = magnitude.toString(16)
  const bits = (digits.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(digits[0], 16)))
  return Math.floor(bits / 8) + 1
}

const VARIABLE = 4

function leafSize(n: Node): number {
  switch (n.tag) {
    case Tag.Uri:
      return 4 + (n as Uri).text.length
    case Tag.Unforgeable:
    case Tag.DeployId:
    case Tag.DeployerId:
      return 36
    case Tag.Bytes:
      return 4 + (n as Bytes).count
    case Tag.Float:
      return 12
    case Tag.BigInt:
      return 4 + byteLength((n as BigInteger).value)
    case Tag.BigRat:
      return 8 + byteLength((n as BigRat).num) + byteLength((n as BigRat).den)
    case Tag.Fixed:
      return 8 + byteLength((n as Fixed).unscaled)
    default:
      return VARIABLE
  }
}

function branchSize(b: Receive | Branch): number {
  return 6 + 4 * b.binds.length
}

/** What a node counts beside its parts. */
function ownSize(n: Node): number {
  switch (n.tag) {
    case Tag.Par:
      return 0
    case Tag.Map:
      return 4 + 2 * (n as MapTerm).count
    case Tag.Method:
      return 6 + (n as Method).name.length
    case Tag.Receive:
      return branchSize(n as Receive)
    case Tag.Select: {
      let size = 4
      for (const b of (n as Select).branches) size += branchSize(b)
      return size
    }
    case Tag.New: {
      let size = 6 + 2 * (n as New).count
      for (const u of (n as New).uris) size += u.length
      return size
    }
    case Tag.Match:
      return 6 + 4 * (n as Match).cases.length
    case Tag.Send:
    case Tag.If:
    case Tag.Bundle:
      return 6
    default:
      return 4
  }
}

function primitiveSize(t: Term): number {
  return typeof t === 'string' ? 4 + t.length : typeof t === 'boolean' ? 4 : 8
}

/** Size of a term in the sense of rholang.md 16.1; variables and references count 4. Cached in compound terms. Looks into closures. */
export function sizeOf(t: Term): number {
  if (typeof t !== 'object') return primitiveSize(t)
  const x = forced(t)
  if (typeof x !== 'object') return primitiveSize(x)
  if (!(x instanceof Compound)) return leafSize(x)
  if (x.size >= 0) return x.size
  if (x.tag === Tag.Tuple || (x.tag === Tag.List && !(x instanceof LongList))) {
    const size = flatSize((x as Node as List).items)
    if (size >= 0 && (x.tag === Tag.Tuple || (x as Node as List).rest === null)) {
      x.size = size + 4
      return x.size
    }
  }
  return deepSize(x)
}

/** Size of items that are primitives or have theirs; -1: there are others. */
function flatSize(items: readonly Term[]): number {
  let size = 0
  for (let i = 0; i < items.length; i++) {
    const t = items[i]
    if (typeof t !== 'object') size += primitiveSize(t)
    else if (t instanceof Compound && t.size >= 0) size += t.size
    else if (t.tag === Tag.Unforgeable) size += 36
    else return -1
  }
  return size
}

function deepSize(root: Compound): number {
  const todo: Compound[] = [root]
  const kids: Term[] = []
  while (todo.length > 0) {
    const n = todo[todo.length - 1]
    if (n.size >= 0) {
      todo.pop()
      continue
    }
    const before = todo.length
    let size = ownSize(n)
    if (n instanceof LongList || n instanceof LongSet || n instanceof LongPar) size += treeSize(n.tree, todo)
    else if (n instanceof LongMap) size += treeSize(n.keyTree, todo) + treeSize(n.valueTree, todo)
    else {
      kids.length = 0
      pushAllKids(n, kids)
      size += partsSize(kids, todo)
    }
    if (todo.length > before) continue
    n.size = size
    todo.pop()
  }
  return root.size
}

/** Size of parts; those whose size is not known yet go to `todo` and make the result worthless. */
function partsSize(parts: readonly Term[], todo: Compound[]): number {
  let size = 0
  for (let i = 0; i < parts.length; i++) {
    const k = forced(parts[i])
    if (typeof k !== 'object') size += primitiveSize(k)
    else if (!(k instanceof Compound)) size += leafSize(k)
    else if (k.size >= 0) size += k.size
    else todo.push(k)
  }
  return size
}

/** The same for the terms of a tree. Its parts remember their sizes, so that what shares most of a measured collection is measured quickly. */
function treeSize(t: Tree, todo: Compound[]): number {
  if (t.size >= 0) return t.size
  const before = todo.length
  const size = t.items !== null ? partsSize(t.items, todo) : treeSize(t.left as Tree, todo) + treeSize(t.right as Tree, todo)
  if (todo.length === before) t.size = size
  return size
}

/** Size of an open term: its size once closed is `base` plus, for each entry, `times` sizes of the value of `Bound(index)`. */
export interface OpenSize {
  readonly base: number
  readonly uses: readonly Use[]
}

export interface Use {
  readonly index: number
  readonly times: number
  /** How many of these are remainders of collections: each counts four bytes more while its variable stays a variable. */
  readonly rests: number
}

/**
 * Splits the size of a term into a constant and what its free variables (and `=x` that refer to them) will add. Nodes in `known` are not looked
 * into: who measures terms within terms keeps the results of the inner ones there.
 */
export function openSize(t: Term, known?: ReadonlyMap<Node, OpenSize>): OpenSize {
  let base = 0
  const times = new Map<number, number>()
  const rests = new Map<number, number>()
  const terms: Term[] = [t]
  const depths: number[] = [0]
  const push = (term: Term, depth: number): void => {
    terms.push(term)
    depths.push(depth)
  }
  const use = (index: number, n: number): void => {
    times.set(index, (times.get(index) ?? 0) + n)
  }
  const rest = (index: number, n: number): void => {
    if (n > 0) rests.set(index, (rests.get(index) ?? 0) + n)
  }
  const binds = (list: readonly Bind[], depth: number): void => {
    for (const b of list) {
      push(b.source, depth)
      for (const p of b.patterns) push(p, depth)
      if (b.rest !== null) base += VARIABLE
    }
  }
  const branch = (b: Receive | Branch, depth: number): void => {
    binds(b.binds, depth)
    if (b.guard !== null) push(b.guard, depth + b.count)
    push(b.body, depth + b.count)
  }
  const kids: Term[] = []
  while (terms.length > 0) {
    const x = terms.pop() as Term
    const depth = depths.pop() as number
    if (typeof x !== 'object' || x.free <= depth) {
      base += sizeOf(x)
      continue
    }
    if (x.tag === Tag.Bound || x.tag === Tag.Ref) {
      use((x as Bound).index - depth, 1)
      continue
    }
    const inner = known?.get(x)
    if (inner !== undefined) {
      base += inner.base
      for (const u of inner.uses) {
        if (u.index < depth) base += VARIABLE * (u.times + u.rests)
        else {
          use(u.index - depth, u.times)
          rest(u.index - depth, u.rests)
        }
      }
      continue
    }
    base += ownSize(x)
    switch (x.tag) {
      case Tag.Receive:
        branch(x as Receive, depth)
        break
      case Tag.Select:
        for (const b of (x as Select).branches) branch(b, depth)
        break
      case Tag.New:
        push((x as New).body, depth + (x as New).count)
        break
      case Tag.Match:
        push((x as Match).target, depth)
        for (const c of (x as Match).cases) {
          push(c.pattern, depth)
          if (c.guard !== null) push(c.guard, depth + c.count)
          push(c.body, depth + c.count)
        }
        break
      default: {
        kids.length = 0
        pushAllKids(x, kids)
        for (let i = 0; i < kids.length; i++) push(kids[i], depth)
        // The value of a remainder joins the collection: its own four bytes are not counted again.
        const last = x.tag >= Tag.List && x.tag <= Tag.PathMap && x.tag !== Tag.Tuple ? (x as List).rest : null
        if (last !== null && last.tag === Tag.Bound && last.free > depth) {
          base -= VARIABLE
          rest((last as Bound).index - depth, 1)
        }
      }
    }
  }
  const uses = [...times].map(([index, n]) => ({ index, times: n, rests: rests.get(index) ?? 0 })).sort((a, b) => a.index - b.index)
  return { base, uses }
}
