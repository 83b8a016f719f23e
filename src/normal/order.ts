import { LONG, LongList, LongMap, LongPar, LongSet } from './long.ts'
import { codeParts, type Part } from './parts.ts'
import {
  type BigInteger,
  type BigRat,
  type Bind,
  type Bound,
  type Branch,
  type Bundle,
  type Bytes,
  Closure,
  Compound,
  type Conn,
  type ConnNot,
  type Fixed,
  Flag,
  type Float,
  type Free,
  flagsOf,
  forced,
  type If,
  type List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  type Node,
  type Op,
  type Par,
  type Receive,
  type Select,
  type Send,
  Tag,
  type Term,
  Tuple,
  type TypePattern,
  tagOf,
  Unforgeable,
  type Uri,
} from './term.ts'
import type { Tree } from './tree.ts'

// ── scalars ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Code unit as a key whose order is that of code points: surrogates come after all other units. */
function unitKey(u: number): number {
  return u < 0xd800 ? u : u < 0xe000 ? u + 0x2000 : u - 0x800
}

/** Orders strings by code point (`<` on strings orders by code unit). */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return unitKey(x) - unitKey(y)
  }
  return a.length - b.length
}

/** Orders byte strings as unsigned bytes, a prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

function compareFloats(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return a !== 0 ? 0 : (Object.is(a, -0) ? 0 : 1) - (Object.is(b, -0) ? 0 : 1)
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0)
}

function compareBig(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

// Names are compared by their 32 bytes, which cost a hash to compute; sorting asks for them many times.
const idCache = new WeakMap<Unforgeable, Uint8Array>()
function idOf(u: Unforgeable): Uint8Array {
  let id = idCache.get(u)
  if (id === undefined) {
    id = u.id
    idCache.set(u, id)
  }
  return id
}

function compareUnforgeables(a: Unforgeable, b: Unforgeable): number {
  if (a === b) return 0
  return compareBytes(idOf(a), idOf(b)) || a.counter - b.counter
}

const TYPES = ['Bool', 'Int', 'String', 'Uri', 'ByteArray']

/** Two leaf nodes of one tag. */
function compareLeaves(a: Node, b: Node): number {
  switch (a.tag) {
    case Tag.Uri:
      return compareStrings((a as Uri).text, (b as Uri).text)
    case Tag.Unforgeable:
      return compareUnforgeables(a as Unforgeable, b as Unforgeable)
    case Tag.DeployerId:
    case Tag.DeployId:
    case Tag.Bytes:
      return compareBytes((a as Bytes).bytes, (b as Bytes).bytes)
    case Tag.Float:
      return compareFloats((a as Float).value, (b as Float).value)
    case Tag.BigInt:
      return compareBig((a as BigInteger).value, (b as BigInteger).value)
    case Tag.BigRat:
      return compareBig((a as BigRat).num * (b as BigRat).den, (b as BigRat).num * (a as BigRat).den)
    case Tag.Fixed:
      return (a as Fixed).scale - (b as Fixed).scale || compareBig((a as Fixed).unscaled, (b as Fixed).unscaled)
    case Tag.Bound:
    case Tag.Free:
    case Tag.Ref:
      return (a as Bound).index - (b as Bound).index
    case Tag.Type:
      return TYPES.indexOf((a as TypePattern).type) - TYPES.indexOf((b as TypePattern).type)
    default:
      return 0
  }
}

function isLeaf(tag: number): boolean {
  return (
    tag < Tag.List ||
    (tag >= Tag.Float && tag <= Tag.Bytes) ||
    tag === Tag.DeployerId ||
    tag === Tag.DeployId ||
    (tag >= Tag.Bound && tag <= Tag.Wildcard) ||
    tag === Tag.Ref ||
    tag === Tag.Type
  )
}

/** Two primitives; booleans before numbers before strings, `true` before `false`. */
function comparePrimitives(a: Term, b: Term): number {
  if (typeof a === 'string') return typeof b === 'string' ? compareStrings(a, b) : 1
  if (typeof b === 'string') return -1
  if (typeof a === 'boolean') return typeof b !== 'boolean' ? -1 : a === b ? 0 : a ? -1 : 1
  if (typeof b === 'boolean') return 1
  return a < b ? -1 : a > b ? 1 : 0
}

// ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Canonical order of terms (rholang.md 4.3): negative, 0 or positive. Total, and 0 exactly for structurally equal terms. Source positions and the
 * way a reference was written do not count. Looks into closures.
 */
export function compare(a: Term, b: Term): number {
  if (a === b) return 0
  if (typeof a !== 'object') {
    if (typeof b !== 'object') return comparePrimitives(a, b)
  } else if (typeof b === 'object') {
    const tag = a.tag
    const other = b.tag
    if (tag !== other && tag < Tag.Par && other < Tag.Par) return tag - other
  }
  steps = STEPS
  const quick = compareTerms(a, b, SHALLOW)
  return quick === DEEPER || quick === -DEEPER ? compareDeep(a, b) : quick
}

/** Order of the binds of a receipt: by source, patterns, remainder, arrow. */
export function compareBinds(a: Bind, b: Bind): number {
  steps = STEPS
  const quick = compareBind(a, b, SHALLOW)
  if (quick !== DEEPER && quick !== -DEEPER) return quick
  return compareDeep([a.source, a.patterns, a.rest, a.arrow], [b.source, b.patterns, b.rest, b.arrow])
}

// Most comparisons are decided near the surface, by a recursion of bounded depth that allocates nothing. This result, or its negative: not decided there.
const DEEPER = Number.POSITIVE_INFINITY

// Terms share parts: as a tree one may be far larger than in memory. After so many pairs of nodes the walk with a stack takes over, and after many more
// it remembers the pairs it meets.
const STEPS = 20_000
const REMEMBER = 500_000
let steps = 0

function compareTerms(a: Term, b: Term, fuel: number): number {
  if (a === b) return 0
  const x = typeof a === 'object' && a.tag === Tag.Closure ? forced(a) : a
  const y = typeof b === 'object' && b.tag === Tag.Closure ? forced(b) : b
  if (x === y) return 0
  if (typeof x !== 'object' && typeof y !== 'object') return comparePrimitives(x, y)
  const tag = tagOf(x)
  const other = tagOf(y)
  if (tag === other) return fuel === 0 || --steps < 0 ? DEEPER : compareNodes(x as Node, y as Node, tag, fuel - 1)
  if (tag !== Tag.Par && other !== Tag.Par) return tag - other
  if (fuel === 0) return DEEPER
  return tag === Tag.Par ? compareToOne((x as Par).items, y, fuel - 1) : -compareToOne((y as Par).items, x, fuel - 1)
}

/** The components of a process against one that is a single component. */
function compareToOne(items: readonly Term[], y: Term, fuel: number): number {
  if (items.length === 0) return -1
  const r = compareTerms(items[0], y, fuel)
  return r !== 0 ? r : items.length - 1
}

function compareItems(a: readonly Term[], b: readonly Term[], fuel: number): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    if (a[i] === b[i]) continue
    const r = compareTerms(a[i], b[i], fuel)
    if (r !== 0) return r
  }
  return a.length - b.length
}

/** Parts that may be missing: those come first. */
function compareOptional(a: Term | null, b: Term | null, fuel: number): number {
  if (a === b) return 0
  if (a === null) return -1
  return b === null ? 1 : compareTerms(a, b, fuel)
}

function compareBind(a: Bind, b: Bind, fuel: number): number {
  return (
    compareTerms(a.source, b.source, fuel) ||
    compareItems(a.patterns, b.patterns, fuel) ||
    compareOptional(a.rest, b.rest, fuel) ||
    a.arrow - b.arrow
  )
}

/** Receives and branches. */
function compareReceives(a: Receive | Branch, b: Receive | Branch, fuel: number): number {
  const n = Math.min(a.binds.length, b.binds.length)
  for (let i = 0; i < n; i++) {
    const r = compareBind(a.binds[i], b.binds[i], fuel)
    if (r !== 0) return r
  }
  if (a.binds.length !== b.binds.length) return a.binds.length - b.binds.length
  return compareOptional(a.guard, b.guard, fuel) || compareTerms(a.body, b.body, fuel)
}

function compareMatches(a: Match, b: Match, fuel: number): number {
  const target = compareTerms(a.target, b.target, fuel)
  if (target !== 0) return target
  const n = Math.min(a.cases.length, b.cases.length)
  for (let i = 0; i < n; i++) {
    const c = a.cases[i]
    const d = b.cases[i]
    const r = compareTerms(c.pattern, d.pattern, fuel) || compareOptional(c.guard, d.guard, fuel) || compareTerms(c.body, d.body, fuel)
    if (r !== 0) return r
  }
  return a.cases.length - b.cases.length
}

function compareNews(a: New, b: New, fuel: number): number {
  if (a.count !== b.count) return a.count - b.count
  const n = Math.min(a.uris.length, b.uris.length)
  for (let i = 0; i < n; i++) {
    const r = compareStrings(a.uris[i], b.uris[i])
    if (r !== 0) return r
  }
  return a.uris.length - b.uris.length || compareTerms(a.body, b.body, fuel)
}

function compareSelects(a: Select, b: Select, fuel: number): number {
  const n = Math.min(a.branches.length, b.branches.length)
  for (let i = 0; i < n; i++) {
    const r = compareReceives(a.branches[i], b.branches[i], fuel)
    if (r !== 0) return r
  }
  return a.branches.length - b.branches.length
}

/** Two different nodes of one tag; those of code by their parts in the order of `codeParts`. */
function compareNodes(x: Node, y: Node, tag: number, fuel: number): number {
  if (isLeaf(tag)) return compareLeaves(x, y)
  switch (tag) {
    case Tag.Par:
    case Tag.Tuple:
      return compareItems((x as Par).items, (y as Par).items, fuel)
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap: {
      const r = compareItems((x as List).items, (y as List).items, fuel)
      return r !== 0 ? r : compareOptional((x as List).rest, (y as List).rest, fuel)
    }
    case Tag.Map: {
      const l = x as MapTerm
      const m = y as MapTerm
      return compareItems(l.keys, m.keys, fuel) || compareItems(l.values, m.values, fuel) || compareOptional(l.rest, m.rest, fuel)
    }
    case Tag.Send: {
      const s = x as Send
      const t = y as Send
      if (s.persistent !== t.persistent) return s.persistent ? 1 : -1
      return compareTerms(s.chan, t.chan, fuel) || compareItems(s.data, t.data, fuel)
    }
    case Tag.Bundle:
      return (x as Bundle).rights - (y as Bundle).rights || compareTerms((x as Bundle).body, (y as Bundle).body, fuel)
    case Tag.Receive:
      return compareReceives(x as Receive, y as Receive, fuel)
    case Tag.New:
      return compareNews(x as New, y as New, fuel)
    case Tag.Match:
      return compareMatches(x as Match, y as Match, fuel)
    case Tag.Select:
      return compareSelects(x as Select, y as Select, fuel)
    case Tag.If: {
      const i = x as If
      const j = y as If
      return (
        compareTerms(i.cond, j.cond, fuel) ||
        compareTerms(i.consequent, j.consequent, fuel) ||
        compareTerms(i.alternative, j.alternative, fuel)
      )
    }
    case Tag.Method: {
      const m = x as Method
      const n = y as Method
      return compareStrings(m.name, n.name) || compareTerms(m.target, n.target, fuel) || compareItems(m.args, n.args, fuel)
    }
    case Tag.Matches:
      return (
        compareTerms((x as Matches).left, (y as Matches).left, fuel) || compareTerms((x as Matches).pattern, (y as Matches).pattern, fuel)
      )
    case Tag.ConnAnd:
    case Tag.ConnOr:
      return compareItems((x as Conn).parts, (y as Conn).parts, fuel)
    case Tag.ConnNot:
      return compareTerms((x as ConnNot).body, (y as ConnNot).body, fuel)
    default: {
      const o = x as Op
      const p = y as Op
      return compareTerms(o.left, p.left, fuel) || compareOptional(o.right, p.right, fuel)
    }
  }
}

function compareDeep(a: Part, b: Part): number {
  // Pairs of lists that are still to be compared from an index on, the most significant on top.
  const as: (readonly Part[])[] = []
  const bs: (readonly Part[])[] = []
  const at: number[] = []
  let sp = -1
  const push = (x: readonly Part[], y: readonly Part[]): void => {
    sp++
    as[sp] = x
    bs[sp] = y
    at[sp] = 0
  }
  push([a], [b])
  // Pairs that were met: their parts have been compared when they are met again, and were equal.
  let known: Map<Node, Node> | null = null
  let pairs = 0
  while (sp >= 0) {
    const xs = as[sp]
    const ys = bs[sp]
    const i = at[sp]
    if (i >= xs.length || i >= ys.length) {
      if (xs.length !== ys.length) return xs.length - ys.length
      sp--
      continue
    }
    at[sp] = i + 1
    const p = xs[i]
    const q = ys[i]
    if (p === q) continue
    if (p === null) return -1
    if (q === null) return 1
    if (typeof p !== 'object' && typeof q !== 'object') {
      const r = comparePrimitives(p, q)
      if (r !== 0) return r
      continue
    }
    if (Array.isArray(p)) {
      push(p, q as readonly Part[])
      continue
    }
    const x = forced(p as Term)
    const y = forced(q as Term)
    if (x === y) continue
    const tx = tagOf(x)
    const ty = tagOf(y)
    if (tx !== ty) {
      if (tx === Tag.Par) push((x as Par).items, [y])
      else if (ty === Tag.Par) push([x], (y as Par).items)
      else return tx - ty
      continue
    }
    if (typeof x !== 'object' || typeof y !== 'object') {
      const r = comparePrimitives(x, y)
      if (r !== 0) return r
      continue
    }
    if (isLeaf(tx)) {
      const r = compareLeaves(x, y)
      if (r !== 0) return r
      continue
    }
    if (++pairs > REMEMBER) {
      known ??= new Map()
      if (known.get(x) === y) continue
      known.set(x, y)
    }
    switch (tx) {
      case Tag.Par:
      case Tag.Tuple:
        push((x as Par).items, (y as Par).items)
        break
      case Tag.List:
      case Tag.Set:
      case Tag.PathMap: {
        const l = x as List
        const m = y as List
        if (l.rest !== null || m.rest !== null) push([l.rest], [m.rest])
        push(l.items, m.items)
        break
      }
      case Tag.Map: {
        const l = x as MapTerm
        const m = y as MapTerm
        if (l.rest !== null || m.rest !== null) push([l.rest], [m.rest])
        push(l.values, m.values)
        push(l.keys, m.keys)
        break
      }
      case Tag.Send: {
        const s = x as Send
        const t = y as Send
        if (s.persistent !== t.persistent) return s.persistent ? 1 : -1
        push(s.data, t.data)
        push([s.chan], [t.chan])
        break
      }
      case Tag.Bundle: {
        const d = (x as Bundle).rights - (y as Bundle).rights
        if (d !== 0) return d
        push([(x as Bundle).body], [(y as Bundle).body])
        break
      }
      default:
        push(codeParts(x), codeParts(y))
    }
  }
  return 0
}

// ── equality ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Structural equality (rholang.md 4.2). NaN equals NaN, `-0.0` differs from `0.0`; names are equal by identity. Looks into closures. */
export function equal(a: Term, b: Term): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') {
    // A primitive can only equal a closure that stands for it.
    if (typeof a === 'object') return a.tag === Tag.Closure && forced(a) === b
    if (typeof b === 'object') return b.tag === Tag.Closure && forced(b) === a
    return false
  }
  if (a instanceof Tuple && b instanceof Tuple) {
    if ((a.hash !== b.hash && a.hash !== 0 && b.hash !== 0) || a.items.length !== b.items.length) return false
    steps = STEPS
    const r = equalItems(a.items, b.items, SHALLOW - 1)
    return r === UNKNOWN ? equalDeep(a, b) : r === YES
  }
  const x = forced(a)
  const y = forced(b)
  if (x === y) return true
  if (typeof x !== 'object' || typeof y !== 'object' || x.tag !== y.tag) return false
  steps = STEPS
  const quick = equalNodes(x, y, SHALLOW)
  return quick === UNKNOWN ? equalDeep(x, y) : quick === YES
}

// Most terms are shallow. They are walked by a recursion of bounded depth; what goes deeper is walked again with a stack of our own.
const SHALLOW = 24
const NO = 0
const YES = 1
const UNKNOWN = 2

function equalTerms(a: Part, b: Part, fuel: number): number {
  if (a === b) return YES
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    if (a instanceof Closure || b instanceof Closure) return equal(a as Term, b as Term) ? YES : NO
    return NO
  }
  if (Array.isArray(a)) return equalItems(a, b as readonly Part[], fuel)
  const x = forced(a as Node)
  const y = forced(b as Node)
  if (x === y) return YES
  if (typeof x !== 'object' || typeof y !== 'object' || x.tag !== y.tag) return NO
  return equalNodes(x, y, fuel)
}

function equalItems(a: readonly Part[], b: readonly Part[], fuel: number): number {
  if (a.length !== b.length) return NO
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue
    const r = equalTerms(a[i], b[i], fuel)
    if (r !== YES) return r
  }
  return YES
}

/** Two different nodes of one tag. */
function equalNodes(x: Node, y: Node, fuel: number): number {
  if (!(x instanceof Compound)) return x.tag !== Tag.Unforgeable && compareLeaves(x, y) === 0 ? YES : NO
  const h = x.hash
  const k = (y as Compound).hash
  if (h !== 0 && k !== 0 && h !== k) return NO
  if (fuel === 0 || --steps < 0) return UNKNOWN
  const left = fuel - 1
  switch (x.tag) {
    case Tag.Par:
      return (x as Node as Par).count === (y as Par).count ? equalItems((x as Node as Par).items, (y as Par).items, left) : NO
    case Tag.Tuple:
      return equalItems((x as Node as Tuple).items, (y as Tuple).items, left)
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap: {
      const l = x as Node as List
      const m = y as List
      if (l.count !== m.count || (l.rest !== m.rest && equalTerms(l.rest, m.rest, left) !== YES)) return NO
      return equalItems(l.items, m.items, left)
    }
    case Tag.Map: {
      const l = x as Node as MapTerm
      const m = y as MapTerm
      if (l.count !== m.count || (l.rest !== m.rest && equalTerms(l.rest, m.rest, left) !== YES)) return NO
      const r = equalItems(l.keys, m.keys, left)
      return r === YES ? equalItems(l.values, m.values, left) : r
    }
    case Tag.Send: {
      const s = x as Node as Send
      const t = y as Send
      if (s.persistent !== t.persistent) return NO
      const r = equalTerms(s.chan, t.chan, left)
      return r === YES ? equalItems(s.data, t.data, left) : r
    }
    case Tag.Bundle:
      return (x as Node as Bundle).rights !== (y as Bundle).rights ? NO : equalTerms((x as Node as Bundle).body, (y as Bundle).body, left)
    default:
      return equalItems(codeParts(x), codeParts(y), left)
  }
}

/** Pairs of nodes that are still to be compared. */
type Pending = Node[]

/** Decides a pair if that takes no descent, otherwise leaves it in `todo`. */
function pairUp(a: Part, b: Part, todo: Pending): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  if (Array.isArray(a)) return listsUp(a, b as readonly Part[], todo)
  const x = forced(a as Term)
  const y = forced(b as Term)
  if (x === y) return true
  if (typeof x !== 'object' || typeof y !== 'object' || x.tag !== y.tag) return false
  if (isLeaf(x.tag)) return x.tag === Tag.Unforgeable ? false : compareLeaves(x, y) === 0
  const h = (x as Compound).hash
  const k = (y as Compound).hash
  if (h !== 0 && k !== 0 && h !== k) return false
  todo.push(x, y)
  return true
}

// Nesting of part lists is bounded by the shape of code nodes, so this recursion is shallow.
function listsUp(a: readonly Part[], b: readonly Part[], todo: Pending): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!pairUp(a[i], b[i], todo)) return false
  return true
}

function equalDeep(a: Node, b: Node): boolean {
  const todo: Pending = []
  if (!pairUp(a, b, todo)) return false
  let known: Map<Node, Node> | null = null
  let pairs = 0
  while (todo.length > 0) {
    const y = todo.pop() as Node
    const x = todo.pop() as Node
    if (++pairs > REMEMBER) {
      known ??= new Map()
      if (known.get(x) === y) continue
      known.set(x, y)
    }
    switch (x.tag) {
      case Tag.Par:
      case Tag.Tuple:
        if (!listsUp((x as Par).items, (y as Par).items, todo)) return false
        break
      case Tag.List:
      case Tag.Set:
      case Tag.PathMap:
        if (!pairUp((x as List).rest, (y as List).rest, todo) || !listsUp((x as List).items, (y as List).items, todo)) return false
        break
      case Tag.Map: {
        const l = x as MapTerm
        const m = y as MapTerm
        if (!pairUp(l.rest, m.rest, todo) || !listsUp(l.keys, m.keys, todo) || !listsUp(l.values, m.values, todo)) return false
        break
      }
      case Tag.Send: {
        const s = x as Send
        const t = y as Send
        if (s.persistent !== t.persistent || !pairUp(s.chan, t.chan, todo) || !listsUp(s.data, t.data, todo)) return false
        break
      }
      case Tag.Bundle:
        if ((x as Bundle).rights !== (y as Bundle).rights || !pairUp((x as Bundle).body, (y as Bundle).body, todo)) return false
        break
      default:
        if (!listsUp(codeParts(x), codeParts(y), todo)) return false
    }
  }
  return true
}

// ── hash ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function mix(h: number, k: number): number {
  let x = Math.imul(k, 0xcc9e2d51)
  x = (x << 15) | (x >>> 17)
  x = h ^ Math.imul(x, 0x1b873593)
  x = (x << 13) | (x >>> 19)
  return (Math.imul(x, 5) + 0xe6546b64) | 0
}

function finish(h: number): number {
  let x = h ^ (h >>> 16)
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  x ^= x >>> 16
  return x === 0 ? 1 : x
}

function hashString(s: string, seed: number): number {
  let h = seed
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 0x01000193)
  return finish(h ^ s.length)
}

// Computed names differ in their numbers and share their words: `@("node", i)`.
let lastText = ''
let lastHash = hashString('', 0x811c9dc5)
function hashText(s: string): number {
  if (s === lastText) return lastHash
  const h = hashString(s, 0x811c9dc5)
  if (s.length <= 32) {
    lastText = s
    lastHash = h
  }
  return h
}

function hashBig(v: bigint, seed: number): number {
  let h = seed
  let rest = v < 0n ? -v : v
  // Large magnitudes are sampled: the lowest 128 bits and the bit length tell terms apart well enough.
  for (let i = 0; i < 4; i++) {
    h = mix(h, Number(rest & 0xffffffffn))
    rest >>= 32n
  }
  return finish(h ^ (v < 0n ? 1 : 0))
}

function hashBytes(b: Uint8Array, seed: number): number {
  let h = seed
  for (let i = 0; i < b.length; i++) h = Math.imul(h ^ b[i], 0x01000193)
  return finish(h ^ b.length)
}

const f64 = new Float64Array(1)
const u32 = new Uint32Array(f64.buffer)
function hashNumber(n: number, seed: number): number {
  f64[0] = Number.isNaN(n) ? Number.NaN : n
  return finish(mix(mix(seed, u32[0]), u32[1]))
}

function hashSmall(n: number): number {
  const h = Math.imul(n ^ 0x2545f491, 0x9e3779b1)
  return (h ^ (h >>> 15)) | 0 || 1
}

function hashPrimitive(t: Term): number {
  switch (typeof t) {
    case 'number':
      if (t === (t | 0)) return hashSmall(t)
      return hashNumber(t, Tag.Int)
    case 'string':
      return hashString(t, 0x811c9dc5)
    case 'boolean':
      return t ? 0x3c6ef372 : 0x1f83d9ab
    default:
      return hashBig(t as bigint, Tag.Int)
  }
}

function hashLeaf(n: Node): number {
  const tag = n.tag
  switch (tag) {
    case Tag.Uri:
      return hashString((n as Uri).text, 0x811c9dc5 ^ tag)
    case Tag.Unforgeable:
      return finish(mix(tag, (n as Unforgeable).counter))
    case Tag.DeployerId:
    case Tag.DeployId:
    case Tag.Bytes:
      return hashBytes((n as Bytes).bytes, 0x811c9dc5 ^ tag)
    case Tag.Float:
      return hashNumber((n as Float).value, tag)
    case Tag.BigInt:
      return hashBig((n as BigInteger).value, tag)
    case Tag.BigRat:
      return finish(mix(hashBig((n as BigRat).num, tag), hashBig((n as BigRat).den, tag)))
    case Tag.Fixed:
      return finish(mix(hashBig((n as Fixed).unscaled, tag), (n as Fixed).scale))
    case Tag.Bound:
    case Tag.Free:
    case Tag.Ref:
      return finish(mix(tag, (n as Free).index))
    case Tag.Type:
      return finish(mix(tag, TYPES.indexOf((n as TypePattern).type)))
    default:
      return finish(mix(tag, 0))
  }
}

/** 32-bit structural hash, never 0: structurally equal terms have equal hashes. Cached in compound terms. Looks into closures. */
export function hashOf(t: Term): number {
  if (typeof t !== 'object') return hashPrimitive(t)
  if (t instanceof Tuple) return t.hash !== 0 ? t.hash : hashTuple(t)
  const x = forced(t)
  if (typeof x !== 'object') return hashPrimitive(x)
  if (isLeaf(x.tag)) return hashLeaf(x)
  const c = x as Compound
  if (c.hash !== 0) return c.hash
  const h = hashNode(c, SHALLOW)
  return h !== 0 ? h : hashDeep(c)
}

/** The hash of a tuple of the first `n` items, which are numbers, strings, booleans or unforgeable names. */
export function hashOfTuple(items: readonly Term[], n: number): number {
  let h = mix(Tag.Tuple, n)
  for (let i = 0; i < n; i++) {
    const p = items[i]
    if (typeof p === 'number' && p === (p | 0)) h = mix(h, hashSmall(p))
    else if (typeof p === 'string') h = mix(h, hashText(p))
    else h = mix(h, typeof p === 'object' ? hashLeaf(p) : hashPrimitive(p))
  }
  return finish(h)
}

/** Tuples are what most computed names quote; their items are mostly primitives. */
function hashTuple(t: Tuple): number {
  const { items } = t
  let h = mix(Tag.Tuple, items.length)
  for (let i = 0; i < items.length; i++) {
    const p = items[i]
    let k: number
    if (typeof p === 'number' && p === (p | 0)) k = hashSmall(p)
    else if (typeof p === 'string') k = hashText(p)
    else if (typeof p !== 'object') k = hashPrimitive(p)
    else if (p instanceof Unforgeable) k = hashLeaf(p)
    else return hashNode(t, SHALLOW) || hashDeep(t)
    h = mix(h, k)
  }
  t.hash = finish(h)
  return t.hash
}

/** The hash of a node that is not too deep, otherwise 0. The same mixture as `hashShallow`. */
function hashNode(n: Compound, fuel: number): number {
  if (n.hash !== 0) return n.hash
  if (fuel === 0) return 0
  shallow = true
  let h: number = n.tag
  switch (n.tag) {
    case Tag.Par: {
      const p = n as Node as Par
      if (p.count > LONG) h = mixSequence(h, p instanceof LongPar ? p.tree : p.items, fuel)
      else h = mixItems(h, p.items, fuel)
      break
    }
    case Tag.Tuple:
      h = mixItems(h, (n as Node as Tuple).items, fuel)
      break
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap: {
      const l = n as Node as List
      if (l.count > LONG) h = mixSequence(h, l instanceof LongList || l instanceof LongSet ? l.tree : l.items, fuel)
      else h = mixItems(h, l.items, fuel)
      h = mixTerm(h, l.rest, fuel)
      break
    }
    case Tag.Map: {
      const m = n as Node as MapTerm
      if (m.count > LONG) {
        h = mixSequence(h, m instanceof LongMap ? m.keyTree : m.keys, fuel)
        h = mixSequence(h, m instanceof LongMap ? m.valueTree : m.values, fuel)
      } else h = mixItems(mixItems(h, m.keys, fuel), m.values, fuel)
      h = mixTerm(h, m.rest, fuel)
      break
    }
    case Tag.Send: {
      const s = n as Node as Send
      h = mixItems(mixTerm(mix(h, s.persistent ? 1 : 0), s.chan, fuel), s.data, fuel)
      break
    }
    case Tag.Bundle:
      h = mixTerm(mix(h, (n as Node as Bundle).rights), (n as Node as Bundle).body, fuel)
      break
    default:
      h = mixItems(h, codeParts(n), fuel)
  }
  if (!shallow) return 0
  n.hash = finish(h)
  return n.hash
}

/** Cleared when a part turned out to be too deep for `hashNode`. */
let shallow = true

function mixItems(from: number, parts: readonly Part[], fuel: number): number {
  let h = mix(from, parts.length)
  for (let i = 0; i < parts.length && shallow; i++) h = mixTerm(h, parts[i], fuel)
  return h
}

/** The elements of a collection of more than `LONG`, which may be a tree. */
function mixSequence(h: number, terms: Tree | readonly Term[], fuel: number): number {
  return mix(mix(h, 'count' in terms ? terms.count : terms.length), sequence(terms, fuel, null))
}

// A polynomial over the hashes of the terms, so that the parts of a tree, which remember theirs, give that of the whole.
const BASE = 0x9e3779b1

function power(n: number): number {
  let result = 1
  let square = BASE
  for (let k = n; k > 0; k >>>= 1) {
    if ((k & 1) !== 0) result = Math.imul(result, square)
    square = Math.imul(square, square)
  }
  return result
}

/** Without `todo` as `mixTerm`, otherwise as `hashPart`. */
function sequence(terms: Tree | readonly Term[], fuel: number, todo: Compound[] | null): number {
  if (!('count' in terms)) {
    let h = 0
    for (let i = 0; i < terms.length && (todo !== null || shallow); i++) {
      h = (Math.imul(h, BASE) + finish(todo === null ? mixTerm(0, terms[i], fuel) : hashPart(0, terms[i], todo))) | 0
    }
    return h
  }
  if (terms.hash !== 0) return terms.hash
  const before = todo === null ? 0 : todo.length
  const { items } = terms
  const right = terms.right as Tree
  const h =
    items !== null
      ? sequence(items, fuel, todo)
      : (Math.imul(sequence(terms.left as Tree, fuel, todo), power(right.count)) + sequence(right, fuel, todo)) | 0
  if (todo === null ? shallow : todo.length === before) terms.hash = h
  return h
}

function mixTerm(h: number, p: Part, fuel: number): number {
  if (typeof p === 'number' && p === (p | 0)) return mix(h, hashSmall(p))
  if (typeof p === 'string') return mix(h, hashString(p, 0x811c9dc5))
  if (p === null) return mix(h, 0x5bd1e995)
  if (typeof p !== 'object') return mix(h, hashPrimitive(p))
  if (Array.isArray(p)) return mixItems(h, p, fuel)
  // A closure may build and compare other terms on the way.
  const before = shallow
  const t = forced(p as Term)
  shallow = before
  if (typeof t !== 'object') return mix(h, hashPrimitive(t))
  if (!(t instanceof Compound)) return mix(h, hashLeaf(t))
  const k = hashNode(t, fuel - 1)
  if (k === 0) shallow = false
  return mix(h, k)
}

/** Hashes are made from below: a node is looked at again when all compound parts have theirs. */
function hashDeep(root: Compound): number {
  const todo: Compound[] = [root]
  while (todo.length > 0) {
    const n = todo[todo.length - 1]
    if (n.hash === 0) {
      const before = todo.length
      const h = hashShallow(n, todo)
      if (todo.length > before) continue
      n.hash = h
    }
    todo.pop()
  }
  return root.hash
}

function hashPart(h: number, p: Part, todo: Compound[]): number {
  if (p === null) return mix(h, 0x5bd1e995)
  if (typeof p !== 'object') return mix(h, hashPrimitive(p))
  if (Array.isArray(p)) return hashParts(h, p, todo)
  const t = forced(p as Term)
  if (typeof t !== 'object') return mix(h, hashPrimitive(t))
  if (isLeaf(t.tag)) return mix(h, hashLeaf(t))
  const c = t as Compound
  if (c.hash === 0) todo.push(c)
  return mix(h, c.hash)
}

function hashParts(from: number, parts: readonly Part[], todo: Compound[]): number {
  let h = mix(from, parts.length)
  for (let i = 0; i < parts.length; i++) h = hashPart(h, parts[i], todo)
  return h
}

/** The hash of a node whose parts have theirs; parts that have none go to `todo` and make the result worthless. */
function hashShallow(n: Compound, todo: Compound[]): number {
  let h: number = n.tag
  switch (n.tag) {
    case Tag.Par: {
      const p = n as Par
      if (p.count > LONG) h = mix(mix(h, p.count), sequence(p instanceof LongPar ? p.tree : p.items, 0, todo))
      else h = hashParts(h, p.items, todo)
      break
    }
    case Tag.Tuple:
      h = hashParts(h, (n as Tuple).items, todo)
      break
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap: {
      const l = n as List
      if (l.count > LONG) h = mix(mix(h, l.count), sequence(l instanceof LongList || l instanceof LongSet ? l.tree : l.items, 0, todo))
      else h = hashParts(h, l.items, todo)
      h = hashPart(h, l.rest, todo)
      break
    }
    case Tag.Map: {
      const m = n as MapTerm
      if (m.count > LONG) {
        h = mix(mix(h, m.count), sequence(m instanceof LongMap ? m.keyTree : m.keys, 0, todo))
        h = mix(mix(h, m.count), sequence(m instanceof LongMap ? m.valueTree : m.values, 0, todo))
      } else h = hashParts(hashParts(h, m.keys, todo), m.values, todo)
      h = hashPart(h, m.rest, todo)
      break
    }
    case Tag.Send:
      h = hashParts(hashPart(mix(h, (n as Send).persistent ? 1 : 0), (n as Send).chan, todo), (n as Send).data, todo)
      break
    case Tag.Bundle:
      h = hashPart(mix(h, (n as Bundle).rights), (n as Bundle).body, todo)
      break
    default:
      h = hashParts(h, codeParts(n), todo)
  }
  return finish(h)
}

// ── NaN ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether the term holds a Float NaN in a value or collection, where `==` must be false (rholang.md 8.3). Code is not searched. */
export function hasNaN(t: Term): boolean {
  if ((flagsOf(t) & (Flag.NaN | Flag.Closure)) === 0) return false
  const todo: Term[] = [t]
  while (todo.length > 0) {
    const x = forced(todo.pop() as Term)
    const flags = flagsOf(x)
    if ((flags & Flag.NaN) !== 0) return true
    if ((flags & Flag.Closure) === 0) continue
    switch (tagOf(x)) {
      case Tag.Par:
      case Tag.Tuple:
      case Tag.List:
      case Tag.Set:
      case Tag.PathMap:
        for (const i of (x as Par).items) todo.push(i)
        break
      case Tag.Map:
        for (const k of (x as MapTerm).keys) todo.push(k)
        for (const v of (x as MapTerm).values) todo.push(v)
        break
    }
  }
  return false
}
