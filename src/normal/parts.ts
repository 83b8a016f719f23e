import {
  type Bind,
  type Branch,
  type Bundle,
  Compound,
  type Conn,
  type ConnNot,
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
} from './term.ts'

/** A term, something absent, or a list of parts: what a code node consists of, in the order of rholang.md 4.3. Scalars stand as Int, Bool or String terms. */
export type Part = Term | null | readonly Part[]

function bindParts(binds: readonly Bind[]): Part[] {
  const out: Part[] = []
  for (const b of binds) out.push([b.source, b.patterns, b.rest, b.arrow])
  return out
}

function branchParts(b: Branch): Part[] {
  return [bindParts(b.binds), b.guard, b.body]
}

/**
 * The parts of an operator, method, `matches`, receive, new, match, if, select or connective: two nodes of one tag are structurally equal exactly
 * when their parts are. Source positions and counts that follow from the patterns are left out. Not for collections, sends, bundles and pars.
 */
export function codeParts(n: Node): Part[] {
  switch (n.tag) {
    case Tag.Method: {
      const m = n as Method
      return [m.name, m.target, m.args]
    }
    case Tag.Matches: {
      const m = n as Matches
      return [m.left, m.pattern]
    }
    case Tag.Receive: {
      const r = n as Receive
      return [bindParts(r.binds), r.guard, r.body]
    }
    case Tag.New: {
      const w = n as New
      return [w.count, w.uris, w.body]
    }
    case Tag.Match: {
      const m = n as Match
      const cases: Part[] = []
      for (const c of m.cases) cases.push([c.pattern, c.guard, c.body])
      return [m.target, cases]
    }
    case Tag.If: {
      const i = n as If
      return [i.cond, i.consequent, i.alternative]
    }
    case Tag.Select:
      return (n as Select).branches.map(branchParts)
    case Tag.ConnAnd:
    case Tag.ConnOr:
      return (n as Conn).parts as Part[]
    case Tag.ConnNot:
      return [(n as ConnNot).body]
    default: {
      const o = n as Op
      return o.right === null ? [o.left] : [o.left, o.right]
    }
  }
}

/**
 * Adds to `out` the direct parts of a node that belong to the same pattern: all but the patterns that a receive, match or `matches` inside it
 * brings along, and the sides of `\/` and `~`, which number their variables for themselves. A remainder counts as a part.
 */
export function pushScopeKids(n: Node, out: Term[]): void {
  switch (n.tag) {
    case Tag.List:
    case Tag.Set:
    case Tag.PathMap: {
      const l = n as List
      for (const i of l.items) out.push(i)
      if (l.rest !== null) out.push(l.rest)
      break
    }
    case Tag.Tuple:
    case Tag.Par:
      for (const i of (n as Par).items) out.push(i)
      break
    case Tag.Map: {
      const m = n as MapTerm
      for (const k of m.keys) out.push(k)
      for (const v of m.values) out.push(v)
      if (m.rest !== null) out.push(m.rest)
      break
    }
    case Tag.Send:
      out.push((n as Send).chan)
      for (const d of (n as Send).data) out.push(d)
      break
    case Tag.Bundle:
      out.push((n as Bundle).body)
      break
    case Tag.Receive:
      pushBranchKids(n as Receive, out)
      break
    case Tag.Select:
      for (const b of (n as Select).branches) pushBranchKids(b, out)
      break
    case Tag.New:
      out.push((n as New).body)
      break
    case Tag.Match:
      out.push((n as Match).target)
      for (const c of (n as Match).cases) {
        if (c.guard !== null) out.push(c.guard)
        out.push(c.body)
      }
      break
    case Tag.If:
      out.push((n as If).cond, (n as If).consequent, (n as If).alternative)
      break
    case Tag.Method:
      out.push((n as Method).target)
      for (const a of (n as Method).args) out.push(a)
      break
    case Tag.Matches:
      out.push((n as Matches).left)
      break
    case Tag.ConnAnd:
      for (const p of (n as Conn).parts) out.push(p)
      break
    default:
      if (n.tag >= Tag.Neg && n.tag <= Tag.OrElse) {
        out.push((n as Op).left)
        const right = (n as Op).right
        if (right !== null) out.push(right)
      }
  }
}

function pushBranchKids(b: Receive | Branch, out: Term[]): void {
  for (const bind of b.binds) out.push(bind.source)
  if (b.guard !== null) out.push(b.guard)
  out.push(b.body)
}

/** Adds to `out` all direct parts of a node, patterns and remainders included. */
export function pushAllKids(n: Node, out: Term[]): void {
  pushScopeKids(n, out)
  switch (n.tag) {
    case Tag.Receive:
      pushPatterns((n as Receive).binds, out)
      break
    case Tag.Select:
      for (const b of (n as Select).branches) pushPatterns(b.binds, out)
      break
    case Tag.Match:
      for (const c of (n as Match).cases) out.push(c.pattern)
      break
    case Tag.Matches:
      out.push((n as Matches).pattern)
      break
    case Tag.ConnOr:
      for (const p of (n as Conn).parts) out.push(p)
      break
    case Tag.ConnNot:
      out.push((n as ConnNot).body)
      break
  }
}

function pushPatterns(binds: readonly Bind[], out: Term[]): void {
  for (const b of binds) {
    for (const p of b.patterns) out.push(p)
    if (b.rest !== null) out.push(b.rest)
  }
}

/** What a term asks for anywhere in its code: URIs, and whether there are path maps. */
export function needsOf(root: Term): { readonly uris: ReadonlySet<string>; readonly pathMaps: boolean } {
  const uris = new Set<string>()
  let pathMaps = false
  const seen = new Set<Node>()
  const todo: Term[] = [root]
  while (todo.length > 0) {
    const t = todo.pop() as Term
    if (!(t instanceof Compound) || seen.has(t)) continue
    seen.add(t)
    if (t.tag === Tag.New) for (const uri of (t as New).uris) uris.add(uri)
    if (t.tag === Tag.PathMap) pathMaps = true
    pushAllKids(t, todo)
  }
  return { uris, pathMaps }
}
