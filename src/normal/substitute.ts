import { makeBundle, makeMap, makePar, makePathMap, makeSet } from './build.ts'
import { compareBinds } from './order.ts'
import { pushAllKids } from './parts.ts'
import {
  Bind,
  Bound,
  Branch,
  type Bundle,
  bound,
  Case,
  Closure,
  Conn,
  ConnNot,
  Flag,
  forced,
  If,
  List,
  type MapTerm,
  Match,
  Matches,
  Method,
  New,
  Node,
  Op,
  type Par,
  type PathMap,
  Receive,
  Ref,
  type Rest,
  Select,
  Send,
  type SetTerm,
  Tag,
  type Term,
  Tuple,
} from './term.ts'

/** What becomes of the free variables of a term: a closed term, or (null) the variable `index(i)`. */
interface Env {
  value(index: number): Term | null
  index(index: number): number
}

/**
 * Replaces free variables by closed terms, also in `=x` and inside patterns, and restores the normal form (order, duplicates, bundles). Nothing is
 * evaluated. Variables for which `env` gives undefined stay. Subterms without free variables are shared, closures are not opened.
 */
export function substitute(t: Term, env: (index: number) => Term | undefined): Term {
  return rewrite(t, { value: i => env(i) ?? null, index: i => i })
}

/** `Bound(i)` becomes `captures[i]`, for all free variables: closes a template over captured closed values. */
export function close(t: Term, captures: readonly Term[]): Term {
  if (closing > NESTED) forceBelow(captures)
  closing++
  try {
    return rewrite(t, { value: i => captures[i], index: i => i })
  } finally {
    closing--
  }
}

// A process that stands beside others must be known to be put in order with them, so closing a template forces captured closures, whose templates
// are closed in turn. Chains of them may be long: beyond a few levels they are forced from the innermost outwards, without recursion.
let closing = 0
const NESTED = 32

function forceBelow(captures: readonly Term[]): void {
  const todo: Closure[] = []
  const seen = new Set<Node>()
  // Closures stand in captured variables or anywhere inside captured terms.
  const push = (terms: readonly Term[]): void => {
    const inner = [...terms]
    while (inner.length > 0) {
      const t = inner.pop() as Term
      if (typeof t !== 'object' || (t.flags & Flag.Closure) === 0 || seen.has(t)) continue
      if (t instanceof Closure) {
        if (!t.isForced) todo.push(t)
      } else {
        seen.add(t)
        pushAllKids(t, inner)
      }
    }
  }
  push(captures)
  while (todo.length > 0) {
    const c = todo[todo.length - 1]
    if (seen.has(c)) {
      todo.pop()
      c.force()
    } else {
      seen.add(c)
      push(c.captures)
    }
  }
}

/** The body of a binder of `values.length` variables: its variable number k becomes `values[k]`, variables from further out move in. */
export function instantiate(t: Term, values: readonly Term[]): Term {
  const n = values.length
  return rewrite(t, { value: i => (i < n ? values[n - 1 - i] : null), index: i => i - n })
}

/** Adds `by` to the index of every free variable that is at least `from`: the term as it reads under (or, negative, outside) further binders. */
export function shift(t: Term, by: number, from = 0): Term {
  return by === 0 ? t : rewrite(t, { value: () => null, index: i => (i < from ? i : i + by) })
}

/** Gives every free variable another index. `index` must be one-to-one on the variables of the term. */
export function rename(t: Term, index: (index: number) => number): Term {
  return rewrite(t, { value: () => null, index })
}

/** The term with the innermost `places.length` free variables renamed: `Bound(n - 1 - k)` becomes `Bound(n - 1 - places[k])`. */
export function renumber(t: Term, places: readonly number[]): Term {
  const n = places.length
  return rewrite(t, { value: () => null, index: i => (i < n ? n - 1 - places[n - 1 - i] : i) })
}

/** A node whose parts are being rewritten. */
class Frame {
  readonly node: Node | Branch
  readonly kids: readonly (Term | Branch)[]
  readonly out: (Term | Branch)[]
  next: number
  /** Binders around the node, and how many outermost of them may have variables that changed places. */
  readonly depth: number
  readonly floor: number
  /** The first kid that stands under the node's own binder; sources and patterns come before. */
  readonly inner: number
  readonly count: number
  /** Number of variables around each kid beyond `depth`, where kids differ (cases of a match). */
  readonly counts: readonly number[] | null
  /** For binds: their new order, once known. */
  binds: readonly Bind[] | null
  /** New place of each variable of the binder, null when they stay. */
  places: readonly number[] | null
  constructor(
    node: Node | Branch,
    kids: readonly (Term | Branch)[],
    depth: number,
    floor: number,
    inner: number,
    count: number,
    counts: readonly number[] | null,
  ) {
    this.node = node
    this.kids = kids
    this.out = []
    this.next = 0
    this.depth = depth
    this.floor = floor
    this.inner = inner
    this.count = count
    this.counts = counts
    this.binds = null
    this.places = null
  }
}

const NEVER = 0x7fffffff

function bindKids(b: Receive | Branch): { kids: Term[]; inner: number } {
  const kids: Term[] = []
  for (const bind of b.binds) {
    kids.push(bind.source)
    for (const p of bind.patterns) kids.push(p)
  }
  const inner = kids.length
  if (b.guard !== null) kids.push(b.guard)
  kids.push(b.body)
  return { kids, inner }
}

function frameOf(n: Node | Branch, depth: number, floor: number): Frame {
  const plain = (kids: readonly (Term | Branch)[]): Frame => new Frame(n, kids, depth, floor, NEVER, 0, null)
  if (n instanceof Branch) {
    const { kids, inner } = bindKids(n)
    return new Frame(n, kids, depth, floor, inner, n.count, null)
  }
  switch (n.tag) {
    case Tag.List:
    case Tag.Tuple:
    case Tag.Set:
    case Tag.PathMap:
    case Tag.Par:
      return plain((n as Par).items)
    case Tag.Map:
      return plain([...(n as MapTerm).keys, ...(n as MapTerm).values])
    case Tag.Send:
      return plain([(n as Send).chan, ...(n as Send).data])
    case Tag.Receive: {
      const { kids, inner } = bindKids(n as Receive)
      return new Frame(n, kids, depth, floor, inner, (n as Receive).count, null)
    }
    case Tag.Select:
      return plain((n as Select).branches)
    case Tag.New:
      return new Frame(n, [(n as New).body], depth, floor, 0, (n as New).count, null)
    case Tag.Match: {
      const kids: Term[] = [(n as Match).target]
      const counts = [0]
      for (const c of (n as Match).cases) {
        kids.push(c.pattern)
        counts.push(0)
        if (c.guard !== null) {
          kids.push(c.guard)
          counts.push(c.count)
        }
        kids.push(c.body)
        counts.push(c.count)
      }
      return new Frame(n, kids, depth, floor, NEVER, 0, counts)
    }
    case Tag.If:
      return plain([(n as If).cond, (n as If).consequent, (n as If).alternative])
    case Tag.Bundle:
      return plain([(n as Bundle).body])
    case Tag.ConnAnd:
    case Tag.ConnOr:
      return plain((n as Conn).parts)
    case Tag.ConnNot:
      return plain([(n as ConnNot).body])
    case Tag.Method:
      return plain([(n as Method).target, ...(n as Method).args])
    case Tag.Matches:
      return plain([(n as Matches).left, (n as Matches).pattern])
    default: {
      const o = n as Op
      return plain(o.right === null ? [o.left] : [o.left, o.right])
    }
  }
}

/** One traversal. `places[level]` is where the binder variable at `level`, counted from the root, is after binds have changed their order. */
class Rewriter {
  private readonly env: Env
  private readonly places: number[]
  constructor(env: Env) {
    this.env = env
    this.places = []
  }

  /** A variable (or Ref) under `depth` binders of the term. */
  variable(v: Bound | Ref, depth: number): Term {
    const i = v.index
    let to: number
    if (i < depth) {
      to = depth - 1 - this.places[depth - 1 - i]
    } else {
      const value = this.env.value(i - depth)
      if (value !== null) return value
      to = this.env.index(i - depth) + depth
    }
    if (to === i) return v
    return v.tag === Tag.Bound ? bound(to) : new Ref(to, (v as Ref).star)
  }

  enter(f: Frame, kid: number): number {
    const count = f.counts === null ? f.count : f.counts[kid]
    for (let k = 0; k < count; k++) this.places[f.depth + k] = f.depth + (f.places === null ? k : f.places[k])
    return count
  }

  run(root: Node): Term {
    const stack: Frame[] = [frameOf(root, 0, 0)]
    for (;;) {
      const f = stack[stack.length - 1]
      let pushed = false
      while (f.next < f.kids.length) {
        const k = f.next
        if (k === f.inner) orderBinds(f)
        const kid = f.kids[k]
        let depth = f.depth
        let floor = f.floor
        if (k >= f.inner || (f.counts !== null && f.counts[k] > 0)) {
          depth += this.enter(f, k)
          if (f.places !== null) floor = depth
        }
        f.next++
        if (kid instanceof Branch) {
          stack.push(frameOf(kid, depth, floor))
          pushed = true
          break
        }
        if (typeof kid !== 'object') {
          f.out.push(kid)
          continue
        }
        const free = kid.free
        if (free === 0 || (free <= depth && depth - free >= floor)) f.out.push(kid)
        else if (kid.tag === Tag.Bound || kid.tag === Tag.Ref) f.out.push(this.variable(kid as Bound, depth))
        else {
          stack.push(frameOf(kid, depth, floor))
          pushed = true
          break
        }
      }
      if (pushed) continue
      stack.pop()
      const done = this.rebuild(f)
      if (stack.length === 0) return done as Term
      stack[stack.length - 1].out.push(done)
    }
  }

  /** The remainder of a collection: a variable, or the value that took its place. */
  private rest(rest: Rest, depth: number): Term | null {
    if (rest === null || rest.tag !== Tag.Bound || rest.free === 0) return rest
    return this.variable(rest as Bound, depth)
  }

  private rebuild(f: Frame): Term | Branch {
    const { node, out, kids, depth } = f
    let same = f.places === null && f.binds === null
    for (let i = 0; same && i < out.length; i++) same = out[i] === kids[i]
    if (node instanceof Branch) {
      if (same) return node
      const n = out.length
      const guard = node.guard === null ? null : (out[n - 2] as Term)
      return new Branch(f.binds ?? node.binds, guard, out[n - 1] as Term, node.count)
    }
    const o = out as Term[]
    const tag = node.tag
    if (tag === Tag.List || tag === Tag.Set || tag === Tag.PathMap) {
      const old = (node as List).rest
      const rest = this.rest(old, depth)
      if (same && rest === old) return node
      return spliceItems(tag, same ? (node as List).items : o, rest)
    }
    if (tag === Tag.Map) {
      const m = node as MapTerm
      const rest = this.rest(m.rest, depth)
      if (same && rest === m.rest) return node
      const n = m.keys.length
      return spliceEntries(o.slice(0, n), o.slice(n), rest)
    }
    if (same) return node
    switch (tag) {
      case Tag.Par:
        return makePar(o)
      case Tag.Tuple:
        return new Tuple(o)
      case Tag.Send: {
        const s = node as Send
        return new Send(o[0], o.slice(1), s.persistent, s.start, s.end)
      }
      case Tag.Receive: {
        const r = node as Receive
        const n = o.length
        return new Receive(f.binds ?? r.binds, r.guard === null ? null : o[n - 2], o[n - 1], r.count, r.start, r.end)
      }
      case Tag.Select:
        return new Select(out as Branch[], (node as Select).start, (node as Select).end)
      case Tag.New: {
        const w = node as New
        return new New(w.count, w.uris, o[0], w.start, w.end)
      }
      case Tag.Match: {
        const m = node as Match
        const cases: Case[] = []
        let i = 1
        for (const c of m.cases) {
          const pattern = o[i++]
          const guard = c.guard === null ? null : o[i++]
          cases.push(new Case(pattern, guard, o[i++], c.count))
        }
        return new Match(o[0], cases, m.start, m.end)
      }
      case Tag.If: {
        const c = node as If
        return new If(o[0], o[1], o[2], c.start, c.end)
      }
      case Tag.Bundle:
        return makeBundle((node as Bundle).rights, o[0])
      case Tag.ConnAnd:
      case Tag.ConnOr:
        return new Conn(tag, o)
      case Tag.ConnNot:
        return new ConnNot(o[0])
      case Tag.Method: {
        const m = node as Method
        return new Method(o[0], m.name, o.slice(1), m.start, m.end)
      }
      case Tag.Matches: {
        const m = node as Matches
        return new Matches(o[0], o[1], m.count, m.start, m.end)
      }
      default: {
        const p = node as Op
        return new Op(tag, o[0], p.right === null ? null : o[1], p.start, p.end)
      }
    }
  }
}

/**
 * All sources and patterns of a receipt are done: puts its binds into the order of the normal form, which numbers the variables of guard and body.
 */
function orderBinds(f: Frame): void {
  if (!(f.node instanceof Branch) && f.node.tag !== Tag.Receive) return
  const old = (f.node as Receive | Branch).binds
  const { out, kids } = f
  let same = true
  for (let i = 0; same && i < f.inner; i++) same = out[i] === kids[i]
  if (same) return
  const binds: Bind[] = []
  let i = 0
  for (const b of old) {
    const source = out[i++] as Term
    const patterns = out.slice(i, i + b.patterns.length) as Term[]
    i += b.patterns.length
    binds.push(new Bind(patterns, b.rest, source, b.arrow, b.count, b.start, b.end))
  }
  let sorted = true
  for (let k = 1; sorted && k < binds.length; k++) sorted = compareBinds(binds[k - 1], binds[k]) <= 0
  f.binds = binds
  if (sorted) return
  const order = binds.map((_, k) => k).sort((a, b) => compareBinds(binds[a], binds[b]) || a - b)
  f.binds = order.map(k => binds[k])
  const first: number[] = new Array(binds.length)
  let at = 0
  for (const k of order) {
    first[k] = at
    at += binds[k].count
  }
  const places: number[] = []
  for (let k = 0; k < binds.length; k++) for (let v = 0; v < binds[k].count; v++) places.push(first[k] + v)
  f.places = places
}

/** A list, set or pathmap with what stands for its remainder. A value that is no such collection leaves `++`, which fails when it is evaluated. */
function spliceItems(tag: number, items: readonly Term[], rest: Term | null): Term {
  if (rest === null || isVariable(rest)) return collection(tag, items, rest as Rest)
  const r = forced(rest)
  if (r instanceof Node && r.tag === tag && (r as List).rest === null) {
    return collection(tag, [...items, ...(r as List | SetTerm | PathMap).items], null)
  }
  const front = collection(tag, items, null)
  return tag === Tag.PathMap ? new Method(front, 'union', [r]) : new Op(Tag.Concat, front, r)
}

function spliceEntries(keys: readonly Term[], values: readonly Term[], rest: Term | null): Term {
  if (rest === null || isVariable(rest)) return makeMap(keys, values, rest as Rest)
  const r = forced(rest)
  if (r instanceof Node && r.tag === Tag.Map && (r as MapTerm).rest === null) {
    return makeMap([...keys, ...(r as MapTerm).keys], [...values, ...(r as MapTerm).values])
  }
  return new Op(Tag.Concat, makeMap(keys, values), r)
}

function isVariable(t: Term): boolean {
  return typeof t === 'object' && (t.tag === Tag.Bound || t.tag === Tag.Free || t.tag === Tag.Wildcard)
}

function collection(tag: number, items: readonly Term[], rest: Rest): Term {
  return tag === Tag.List ? new List(items, rest) : tag === Tag.Set ? makeSet(items, rest) : makePathMap(items, rest)
}

function rewrite(t: Term, env: Env): Term {
  if (typeof t !== 'object' || t.free === 0) return t
  const w = new Rewriter(env)
  if (t instanceof Bound || t instanceof Ref) return w.variable(t, 0)
  return w.run(t)
}
