import { hashOf } from '../normal/order.ts'
import {
  type Bind,
  type Bound,
  type Branch,
  type Bundle,
  type Case,
  type Conn,
  type ConnNot,
  forced,
  type If,
  type List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  type Op,
  type Receive,
  type Select,
  type Send,
  Tag,
  type Term,
} from '../normal/term.ts'

/**
 * An order of the variables that a sequence captures which does not depend on where the sequence stands: variables are told apart by how they are
 * used. Colours are refined until nothing changes (a variable's new colour sums up the places where it occurs, with `|` and joins taken as
 * unordered); variables that stay alike are separated one by one, the first in the order of the enclosing scope first.
 *
 * The search is bounded: more than `NODES` parts or `STEPS` visits, and the order of the enclosing scope decides.
 */
const NODES = 1_000
const STEPS = 400_000
/** So many colours are counted by comparing each with all. */
const FEW = 24

function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (b + 0x9e3779b9 + (a << 6)), 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 13)
}

interface Entry {
  readonly what: Term | readonly Bind[] | Bind | Case | Branch | null
  readonly parent: number
  readonly position: number
  /** Binders around it, inside the root. */
  readonly depth: number
  /** Variables of this entry's own binder, innermost levels, become coloured from this id on; -1: plain. */
  readonly scope: number
  readonly count: number
}

/** The root as a flat tree: parents before children, labels without variables. */
class Skeleton {
  readonly parent: number[] = []
  /** Position under the parent, 0 for the members of an unordered group. */
  readonly position: number[] = []
  readonly label: number[] = []
  /** Variable that occurs here, -1 if none. */
  readonly variable: number[] = []
  /** Captured outer index of the first variables. */
  readonly outer: number[] = []
  variables = 0
  private readonly ids = new Map<number, number>()
  private readonly levels: number[] = []

  add(parent: number, position: number, label: number, variable = -1): number {
    this.parent.push(parent)
    this.position.push(position)
    this.label.push(label)
    this.variable.push(variable)
    return this.parent.length - 1
  }

  private capture(outer: number): number {
    let id = this.ids.get(outer)
    if (id === undefined) {
      id = this.variables++
      this.ids.set(outer, id)
      this.outer[id] = outer
    }
    return id
  }

  /** False when the root is too big. */
  build(root: Term): boolean {
    const stack: Entry[] = [{ what: root, parent: -1, position: 1, depth: 0, scope: -1, count: 0 }]
    const later: Entry[] = []
    while (stack.length > 0) {
      if (this.parent.length > NODES) return false
      const e = stack.pop() as Entry
      for (let k = 0; k < e.count; k++) this.levels[e.depth - e.count + k] = e.scope < 0 ? -1 : e.scope + k
      this.node(e, later)
      while (later.length > 0) stack.push(later.pop() as Entry)
    }
    return true
  }

  private node(e: Entry, out: Entry[]): void {
    const { parent, position, depth } = e
    const kid = (what: Entry['what'], at: number, pos: number, d = depth, scope = -1, count = 0): void => {
      out.push({ what, parent: at, position: pos, depth: d, scope, count })
    }
    const kids = (at: number, items: readonly Term[], from: number): void => {
      for (let i = 0; i < items.length; i++) kid(items[i], at, from === 0 ? 0 : from + i)
    }
    const w = e.what
    if (w === null || typeof w !== 'object') {
      this.add(parent, position, w === null ? 7 : hashOf(w))
      return
    }
    if ('patterns' in w) {
      const me = this.add(parent, position, mix(mix(901, w.arrow), mix(w.patterns.length, w.count)))
      kid(w.source, me, 1)
      kid(w.rest, me, 2)
      kids(me, w.patterns, 3)
      return
    }
    if ('binds' in w) {
      this.receive(w as Branch | Receive, e, kid)
      return
    }
    if ('pattern' in w && 'body' in w) {
      const c = w as Case
      const me = this.add(parent, position, mix(902, c.count))
      kid(c.pattern, me, 1)
      kid(c.guard, me, 2, depth + c.count, -1, c.count)
      kid(c.body, me, 3, depth + c.count, -1, c.count)
      return
    }
    const t = forced(w as Term)
    if (typeof t !== 'object' || t.free === 0) {
      this.add(parent, position, hashOf(t))
      return
    }
    switch (t.tag) {
      case Tag.Bound:
      case Tag.Ref: {
        const i = (t as Bound).index
        if (i >= depth) this.add(parent, position, t.tag, this.capture(i - depth))
        else {
          const id = this.levels[depth - 1 - i]
          if (id >= 0) this.add(parent, position, t.tag, id)
          else this.add(parent, position, mix(t.tag, i))
        }
        return
      }
      case Tag.Receive:
        this.receive(t as Receive, e, kid)
        return
      case Tag.Select: {
        const s = t as Select
        const me = this.add(parent, position, mix(t.tag, s.branches.length))
        s.branches.forEach((b, i) => {
          kid(b, me, 1 + i)
        })
        return
      }
      case Tag.New: {
        const n = t as New
        let h = mix(t.tag, n.count)
        for (const u of n.uris) h = mix(h, hashOf(u))
        kid(n.body, this.add(parent, position, h), 1, depth + n.count, -1, n.count)
        return
      }
      case Tag.Match: {
        const m = t as Match
        const me = this.add(parent, position, mix(t.tag, m.cases.length))
        kid(m.target, me, 1)
        m.cases.forEach((c, i) => {
          kid(c, me, 2 + i)
        })
        return
      }
      case Tag.Map: {
        const m = t as MapTerm
        const me = this.add(parent, position, mix(t.tag, m.keys.length))
        kid(m.rest, me, 1)
        m.keys.forEach((k, i) => {
          kid(k, me, 2 + 2 * i)
          kid(m.values[i], me, 3 + 2 * i)
        })
        return
      }
      case Tag.List:
      case Tag.Set:
      case Tag.PathMap: {
        const me = this.add(parent, position, mix(t.tag, (t as List).items.length))
        kid((t as List).rest, me, 1)
        kids(me, (t as List).items, 2)
        return
      }
      case Tag.Tuple:
        kids(this.add(parent, position, t.tag), (t as List).items, 1)
        return
      case Tag.Par:
        kids(this.add(parent, position, mix(t.tag, (t as List).items.length)), (t as List).items, 0)
        return
      case Tag.Send: {
        const s = t as Send
        const me = this.add(parent, position, mix(mix(t.tag, s.persistent ? 1 : 0), s.data.length))
        kid(s.chan, me, 1)
        kids(me, s.data, 2)
        return
      }
      case Tag.If: {
        const me = this.add(parent, position, t.tag)
        kids(me, [(t as If).cond, (t as If).consequent, (t as If).alternative], 1)
        return
      }
      case Tag.Bundle:
        kid((t as Bundle).body, this.add(parent, position, mix(t.tag, (t as Bundle).rights)), 1)
        return
      case Tag.ConnAnd:
      case Tag.ConnOr:
        kids(this.add(parent, position, t.tag), (t as Conn).parts, 1)
        return
      case Tag.ConnNot:
        kid((t as ConnNot).body, this.add(parent, position, t.tag), 1)
        return
      case Tag.Method: {
        const m = t as Method
        const me = this.add(parent, position, mix(mix(t.tag, hashOf(m.name)), m.args.length))
        kid(m.target, me, 1)
        kids(me, m.args, 2)
        return
      }
      case Tag.Matches: {
        const me = this.add(parent, position, mix(t.tag, (t as Matches).count))
        kid((t as Matches).left, me, 1)
        kid((t as Matches).pattern, me, 2)
        return
      }
      case Tag.Free:
      case Tag.Wildcard:
      case Tag.Type:
        this.add(parent, position, hashOf(t))
        return
      default: {
        const o = t as Op
        const me = this.add(parent, position, t.tag)
        kid(o.left, me, 1)
        if (o.right !== null) kid(o.right, me, 2)
      }
    }
  }

  /** Binds are unordered; with more than one the variables they bind have no fixed number, so they are coloured as well. */
  private receive(
    r: Receive | Branch,
    e: Entry,
    kid: (what: Entry['what'], at: number, pos: number, d?: number, scope?: number, count?: number) => void,
  ): void {
    const me = this.add(e.parent, e.position, mix(903, mix(r.binds.length, r.count)))
    let scope = -1
    if (r.binds.length > 1) {
      scope = this.variables
      this.variables += r.count
      let v = scope
      for (const b of r.binds) {
        const at = this.add(me, 0, mix(904, b.arrow))
        for (let k = 0; k < b.count; k++) this.add(at, 1 + k, 905, v++)
        kid(b, at, 1 + b.count)
      }
    } else if (r.binds.length === 1) kid(r.binds[0], me, 1)
    kid(r.guard, me, 2, e.depth + r.count, scope, r.count)
    kid(r.body, me, 3, e.depth + r.count, scope, r.count)
  }
}

function contribution(hash: number, position: number): number {
  return mix(hash, position)
}

/** Ranks of captured variables: `rank.get(outer)`, and the other way round. */
export interface Ranks {
  readonly rank: ReadonlyMap<number, number>
  readonly outer: readonly number[]
}

/**
 * Ranks the variables that `root` captures. `base` orders two of them as the enclosing scope does. Null when the root is too big to look at: then
 * the order of the enclosing scope holds.
 */
export function rankCaptures(root: Term, base: (a: number, b: number) => number): Ranks | null {
  const s = new Skeleton()
  if (!s.build(root)) return null
  const n = s.parent.length
  const captured: number[] = []
  for (let id = 0; id < s.variables; id++) if (s.outer[id] !== undefined) captured.push(id)
  let colour = new Int32Array(s.variables)
  // what the enclosing scope binds and what this sequence binds are told apart from the start
  for (const id of captured) colour[id] = 1
  const up = new Int32Array(n)
  const down = new Int32Array(n)
  let steps = 0

  const refineOnce = (): Int32Array<ArrayBuffer> => {
    steps += 2 * n
    for (let i = 0; i < n; i++) up[i] = s.variable[i] < 0 ? s.label[i] : mix(s.label[i], colour[s.variable[i]])
    // a node's sum is complete when it is reached: children come after their parents
    for (let i = n - 1; i > 0; i--) {
      up[i] = mix(up[i], 0x1b873593)
      const p = s.parent[i]
      up[p] = (up[p] + contribution(up[i], s.position[i])) | 0
    }
    const next = new Int32Array(s.variables)
    down[0] = 17
    for (let i = 1; i < n; i++) {
      const p = s.parent[i]
      down[i] = mix(mix(down[p], (up[p] - contribution(up[i], s.position[i])) | 0), s.position[i])
    }
    for (let i = 0; i < n; i++) {
      const v = s.variable[i]
      if (v >= 0) next[v] = (next[v] + mix(down[i], s.label[i])) | 0
    }
    for (let v = 0; v < next.length; v++) next[v] = mix(next[v], colour[v])
    return next
  }
  const classes = (): number => {
    if (colour.length > FEW) return new Set(colour).size
    let distinct = 0
    for (let i = 0; i < colour.length; i++) {
      let k = 0
      while (colour[k] !== colour[i]) k++
      if (k === i) distinct++
    }
    return distinct
  }
  const refine = (): void => {
    for (let before = classes(); ; ) {
      colour = refineOnce()
      const now = classes()
      if (now <= before || steps > STEPS) return
      before = now
    }
  }

  refine()
  while (steps <= STEPS) {
    const order = [...captured].sort((a, b) => colour[a] - colour[b] || base(s.outer[a], s.outer[b]))
    const at = order.findIndex((id, i) => i + 1 < order.length && colour[id] === colour[order[i + 1]])
    if (at < 0) break
    colour = colour.slice()
    colour[order[at]] = mix(colour[order[at]], 0x5bd1e995)
    refine()
  }
  const order = [...captured].sort((a, b) => colour[a] - colour[b] || base(s.outer[a], s.outer[b]))
  const rank = new Map<number, number>()
  order.forEach((id, r) => {
    rank.set(s.outer[id], r)
  })
  return { rank, outer: order.map(id => s.outer[id]) }
}
