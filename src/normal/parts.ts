import {
  type Bind,
  type Branch,
  type Conn,
  type ConnNot,
  type If,
  type Match,
  type Matches,
  type Method,
  type New,
  type Node,
  type Op,
  type Receive,
  type Select,
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
