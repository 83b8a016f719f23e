import { comparePaths, isSettled, makeMap, makePar, makePathMap, makeSet } from './build.ts'
import { LongList, sliceOf } from './long.ts'
import { compare, equal } from './order.ts'
import { renumber } from './substitute.ts'
import {
  type Bind,
  type Bound,
  type Branch,
  type Conn,
  type ConnNot,
  components,
  Flag,
  type Free,
  flagsOf,
  forced,
  freeOf,
  type If,
  List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  NIL,
  type Node,
  type Op,
  type Par,
  type Receive,
  type Rest,
  type Select,
  type Send,
  Tag,
  type Term,
  type TypePattern,
  tagOf,
  type Wildcard,
} from './term.ts'

/** Default number of comparisons that one match may take (rholang.md 7.3). */
export const MATCH_BUDGET = 10_000_000

/** Comparisons that a match may still make: one for each pattern component that meets a target component. Shared by the attempts that belong together. */
export class Budget {
  left: number
  constructor(left = MATCH_BUDGET) {
    this.left = left
  }
  /** The search was given up: that nothing was found means nothing. */
  get exceeded(): boolean {
    return this.left < 0
  }
}

/** How much of a match is wanted. */
const Mode = {
  /** Whether it fits; nothing is bound. */
  Test: 0,
  /** The first solution. */
  First: 1,
  /** Solutions one after the other. */
  All: 2,
} as const

const Kind = {
  Match: 0,
  Items: 1,
  Receipt: 2,
  Fill: 3,
  FillNo: 4,
  FillYes: 5,
  Step: 6,
  Several: 7,
  Done: 8,
  Or: 9,
  Cut: 10,
  Fail: 11,
  Go: 12,
} as const

/** What is left to do, as a linked list: goals do not change, so a choice point only has to remember one. */
class Goal {
  readonly kind: number
  readonly mode: number
  readonly next: Goal | null
  p: Term | Receive | Branch | null = null
  t: Term | Receive | Branch | null = null
  ps: readonly Term[] | null = null
  ts: readonly Term[] | null = null
  assign: Assign | null = null
  step: Step | null = null
  at = 0
  /** Number of choice points when the construct began that this goal ends. */
  depth = 0
  constructor(kind: number, mode: number, next: Goal | null) {
    this.kind = kind
    this.mode = mode
    this.next = next
  }
}

const FAIL = new Goal(Kind.Fail, 0, null)

/** A state of an assignment: what is used, and a matching of the takers that are still to come. */
class Step {
  readonly taker: number
  readonly used: Uint8Array
  readonly rows: Int32Array | null
  readonly cols: Int32Array | null
  /** For a part that takes several components: the free ones, and which of them are to be tried next. */
  available: readonly number[] | null = null
  chosen: readonly number[] | null = null
  constructor(taker: number, used: Uint8Array, rows: Int32Array | null, cols: Int32Array | null) {
    this.taker = taker
    this.used = used
    this.rows = rows
    this.cols = cols
  }
}

const Fit = { Unknown: 0, No: 1, Yes: 2 } as const

/**
 * Parts of a multiset, set, map or join pattern (takers) that have to be given components of the target (candidates). Literal parts have been
 * assigned already: equal components are interchangeable.
 */
class Assign {
  readonly pattern: Node | Branch
  readonly target: Node | Branch | Term
  readonly takers: Term[] = []
  readonly candidates: Term[] = []
  /** Maps: the values beside the keys. */
  readonly takerValues: Term[] = []
  readonly candidateValues: Term[] = []
  /** Parts that may take any number of components: the smallest and largest number for each taker; null if all take exactly one. */
  least: number[] | null = null
  most: number[] | null = null
  /** Candidates that equal the one before. */
  twin: Uint8Array | null = null
  /** `takers.length` rows of `candidates.length`: null if there is nothing to plan. */
  fit: Uint8Array | null = null
  filled = false
  /** Candidates that nothing but a taker can have. */
  required: Uint8Array | null = null
  /** Nothing may be left over. */
  exact = false
  /** Pairs that are certain, to be matched first. */
  readonly sureP: Term[] = []
  readonly sureT: Term[] = []
  constructor(pattern: Node | Branch, target: Node | Branch | Term) {
    this.pattern = pattern
    this.target = target
  }
}

function isPattern(t: Term): boolean {
  return (flagsOf(t) & Flag.Pattern) !== 0
}

function fitsType(type: string, t: Term): boolean {
  switch (type) {
    case 'Bool':
      return typeof t === 'boolean'
    case 'Int':
      return typeof t === 'number' || typeof t === 'bigint'
    case 'String':
      return typeof t === 'string'
    case 'Uri':
      return typeof t === 'object' && t.tag === Tag.Uri
    default:
      return typeof t === 'object' && t.tag === Tag.Bytes
  }
}

/** Whether a type pattern fits a term, which must be forced. */
export function fitsTypePattern(p: TypePattern, t: Term): boolean {
  return fitsType(p.type, t)
}

function equalLists(a: readonly Term[], b: readonly Term[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i])) return false
  return true
}

function equalOrNull(a: Term | null, b: Term | null): boolean {
  return a === null || b === null ? a === b : equal(a, b)
}

/** Binds of a receipt pattern and of a receipt that could belong together as far as everything but the source goes. */
function sameBind(p: Bind, t: Bind): boolean {
  return p.arrow === t.arrow && equalLists(p.patterns, t.patterns) && equalOrNull(p.rest, t.rest)
}

/** Decides what can be decided by looking at most a few levels deep. */
function quick(p: Term, target: Term, fuel: number): number {
  const t = forced(target)
  if (typeof p !== 'object' || (p.flags & Flag.Pattern) === 0) return equal(p, t) ? Fit.Yes : Fit.No
  switch (p.tag) {
    case Tag.Wildcard:
      return Fit.Yes
    case Tag.Free:
      return freeOf(t) === 0 ? Fit.Yes : Fit.No
    case Tag.Type:
      return fitsType((p as TypePattern).type, t) ? Fit.Yes : Fit.No
    case Tag.ConnAnd: {
      if (fuel === 0) return Fit.Unknown
      let all: number = Fit.Yes
      for (const q of (p as Conn).parts) {
        const f = quick(q, t, fuel - 1)
        if (f === Fit.No) return Fit.No
        if (f === Fit.Unknown) all = Fit.Unknown
      }
      return all
    }
    case Tag.ConnOr: {
      if (fuel === 0) return Fit.Unknown
      let none: number = Fit.No
      for (const q of (p as Conn).parts) {
        const f = quick(q, t, fuel - 1)
        if (f === Fit.Yes) return Fit.Yes
        if (f === Fit.Unknown) none = Fit.Unknown
      }
      return none
    }
    case Tag.ConnNot: {
      if (fuel === 0) return Fit.Unknown
      const f = quick((p as ConnNot).body, t, fuel - 1)
      return f === Fit.Unknown ? f : f === Fit.Yes ? Fit.No : Fit.Yes
    }
    case Tag.Par:
      return Fit.Unknown
  }
  if (typeof t !== 'object' || t.tag !== p.tag) return Fit.No
  switch (p.tag) {
    case Tag.List: {
      const l = p as List
      const m = t as List
      const n = l.items.length
      if (l.rest === null ? m.count !== n || m.rest !== null : m.count < n) return Fit.No
      const front = quickItems(l.items, frontOf(m, n), fuel)
      return l.rest === null || l.rest.tag === Tag.Wildcard || front === Fit.No ? front : Fit.Unknown
    }
    case Tag.Tuple:
      return (p as Par).items.length !== (t as Par).items.length ? Fit.No : quickItems((p as Par).items, (t as Par).items, fuel)
    case Tag.Send: {
      const s = p as Send
      const u = t as Send
      if (s.persistent !== u.persistent || s.data.length !== u.data.length) return Fit.No
      if (fuel === 0) return Fit.Unknown
      const c = quick(s.chan, u.chan, fuel - 1)
      if (c === Fit.No) return c
      const d = quickItems(s.data, u.data, fuel)
      return d === Fit.Yes ? c : d
    }
    default:
      return Fit.Unknown
  }
}

function quickItems(ps: readonly Term[], ts: readonly Term[], fuel: number): number {
  if (fuel === 0) return ps.length === 0 ? Fit.Yes : Fit.Unknown
  let all: number = ps.length > 8 ? Fit.Unknown : Fit.Yes
  for (let i = 0; i < ps.length && i < 8; i++) {
    const f = quick(ps[i], ts[i], fuel - 1)
    if (f === Fit.No) return f
    if (f === Fit.Unknown) all = f
  }
  return all
}

const QUICK_DEPTH = 4

const MANY = 0x3fffffff

/** The fewest and most components that a pattern can fit, as [least, most]: exact for what is written shallowly, otherwise anything. */
function extent(part: Term, fuel: number): [number, number] {
  const p = forced(part)
  if (typeof p !== 'object') return [1, 1]
  switch (p.tag) {
    case Tag.Free:
    case Tag.Wildcard:
    case Tag.ConnNot:
      return [0, MANY]
    case Tag.Par: {
      if (fuel === 0) return [0, MANY]
      let least = 0
      let most = 0
      for (const i of (p as Par).items) {
        const [l, m] = isPattern(i) ? extent(i, fuel - 1) : [1, 1]
        least += l
        most = Math.min(MANY, most + m)
      }
      return [least, most]
    }
    case Tag.ConnAnd: {
      if (fuel === 0) return [0, MANY]
      let least = 0
      let most = MANY
      for (const q of (p as Conn).parts) {
        const [l, m] = extent(q, fuel - 1)
        least = Math.max(least, l)
        most = Math.min(most, m)
      }
      return [least, most]
    }
    case Tag.ConnOr: {
      if (fuel === 0) return [0, MANY]
      let least = MANY
      let most = 0
      for (const q of (p as Conn).parts) {
        const [l, m] = extent(q, fuel - 1)
        least = Math.min(least, l)
        most = Math.max(most, m)
      }
      return [least, most]
    }
    default:
      return [1, 1]
  }
}

function isConnective(t: Term): boolean {
  return typeof t === 'object' && (t.tag === Tag.ConnAnd || t.tag === Tag.ConnOr || t.tag === Tag.ConnNot)
}

// ── bipartite matching ────────────────────────────────────────────────────────────────────────────────────────────────

/** Finds a candidate for taker `row` by moving others along alternating paths; false if there is none. */
function augment(a: Assign, row: number, used: Uint8Array, rows: Int32Array, cols: Int32Array, budget: Budget): boolean {
  const fit = a.fit as Uint8Array
  const m = a.candidates.length
  const from = new Int32Array(m).fill(-1)
  const queue = [row]
  for (let head = 0; head < queue.length; head++) {
    const r = queue[head]
    budget.left--
    for (let c = 0; c < m; c++) {
      if (used[c] !== 0 || from[c] !== -1 || fit[r * m + c] !== Fit.Yes) continue
      from[c] = r
      const owner = cols[c]
      if (owner !== -1) {
        queue.push(owner)
        continue
      }
      for (let free = c; free !== -1; ) {
        const taker = from[free]
        const before = rows[taker]
        rows[taker] = free
        cols[free] = taker
        free = taker === row ? -1 : before
      }
      return true
    }
  }
  return false
}

function isSingle(a: Assign, row: number): boolean {
  return a.least === null || (a.least[row] === 1 && (a.most as number[])[row] === 1)
}

/** Candidates for all single takers from `first` on, or null. */
function matching(a: Assign, first: number, used: Uint8Array, budget: Budget): { rows: Int32Array; cols: Int32Array } | null {
  const rows = new Int32Array(a.takers.length).fill(-1)
  const cols = new Int32Array(a.candidates.length).fill(-1)
  for (let r = first; r < a.takers.length; r++) {
    if (isSingle(a, r) && !augment(a, r, used, rows, cols, budget)) return null
  }
  return { rows, cols }
}

/**
 * Whether the takers from `first` on can have all required candidates that are not used. Together with a matching of all these takers that is
 * enough for one matching that does both (Mendelsohn and Dulmage).
 */
function coversRequired(a: Assign, first: number, used: Uint8Array): boolean {
  const required = a.required
  if (required === null) return true
  const fit = a.fit as Uint8Array
  const n = a.takers.length
  const m = a.candidates.length
  const owner = new Int32Array(n).fill(-1)
  for (let c = 0; c < m; c++) {
    if (required[c] === 0 || used[c] !== 0) continue
    const from = new Int32Array(n).fill(-1)
    const queue = [c]
    let found = false
    for (let head = 0; head < queue.length && !found; head++) {
      const col = queue[head]
      for (let r = first; r < n; r++) {
        if (from[r] !== -1 || fit[r * m + col] !== Fit.Yes) continue
        from[r] = col
        if (owner[r] !== -1) {
          queue.push(owner[r])
          continue
        }
        // Along the path every taker gives its candidate up for the one it was reached from.
        for (let taker = r; ; ) {
          const want = from[taker]
          const previous = want === c ? -1 : owner.indexOf(want)
          owner[taker] = want
          if (previous === -1) break
          taker = previous
        }
        found = true
        break
      }
    }
    if (!found) return false
  }
  return true
}

// ── combinations ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The next choice of as many of n positions in lexicographic order, or null. */
function nextChoice(chosen: readonly number[], n: number): number[] | null {
  const k = chosen.length
  for (let i = k - 1; i >= 0; i--) {
    if (chosen[i] < n - k + i) {
      const out = chosen.slice(0, i)
      for (let v = chosen[i] + 1; out.length < k; v++) out.push(v)
      return out
    }
  }
  return null
}

function firstChoice(k: number): number[] {
  const out: number[] = []
  for (let i = 0; i < k; i++) out.push(i)
  return out
}

// ── the search ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Finds the solutions of one pattern and one closed target in the order of rholang.md 7.3. The pattern has no references: they have been replaced
 * by their values. Variable k is written to `out[base + k]`.
 *
 * Variables do not repeat in a pattern, so parts of a pattern never depend on each other's bindings: a failing part is never helped by another
 * solution of a part before it, only by giving components of a multiset, set or map to other parts. Where all parts take one component each, who
 * fits whom is worked out first and every choice keeps a complete assignment possible, so that failing is polynomial.
 */
export class Search {
  private goal: Goal | null
  private readonly choices: Goal[] = []
  private readonly out: Term[]
  private readonly base: number
  private readonly budget: Budget
  private readonly plans = new Map<Node | Branch, Assign>()
  private started = false

  constructor(pattern: Term, target: Term, mode: number, out: Term[], base: number, budget: Budget) {
    this.out = out
    this.base = base
    this.budget = budget
    this.goal = this.match(pattern, target, mode, null)
  }

  /** The next solution is in `out`; false: there is no further one, or the budget is exceeded. */
  next(): boolean {
    let g: Goal | null = this.goal
    if (this.started) {
      if (this.choices.length === 0) return false
      g = this.choices.pop() as Goal
    }
    this.started = true
    while (g !== null) {
      g = this.run(g)
      if (this.budget.left < 0) return false
      if (g === FAIL) {
        if (this.choices.length === 0) return false
        g = this.choices.pop() as Goal
      }
    }
    return true
  }

  // ── goals ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  private match(p: Term, t: Term, mode: number, next: Goal | null): Goal {
    const g = new Goal(Kind.Match, mode, next)
    g.p = p
    g.t = t
    return g
  }

  private items(ps: readonly Term[], ts: readonly Term[], mode: number, next: Goal | null): Goal | null {
    if (ps.length === 0) return next
    const g = new Goal(Kind.Items, mode, next)
    g.ps = ps
    g.ts = ts
    return g
  }

  private cut(kind: number, depth: number, next: Goal | null): Goal {
    const g = new Goal(kind, Mode.Test, next)
    g.depth = depth
    return g
  }

  private planned(kind: number, g: Goal, a: Assign, s: Step | null): Goal {
    const n = new Goal(kind, g.mode, g.next)
    n.assign = a
    n.step = s
    n.depth = g.depth
    return n
  }

  private run(g: Goal): Goal | null {
    switch (g.kind) {
      case Kind.Match:
        return this.runMatch(g)
      case Kind.Items: {
        const ps = g.ps as readonly Term[]
        const ts = g.ts as readonly Term[]
        for (let i = g.at; i < ps.length; i++) {
          const p = ps[i]
          if (typeof p !== 'object' || (p.flags & Flag.Pattern) === 0 || p.tag === Tag.Wildcard || p.tag === Tag.Free) {
            if (!this.simple(p, ts[i], g.mode)) return FAIL
            continue
          }
          let next = g.next
          if (i + 1 < ps.length) {
            next = new Goal(Kind.Items, g.mode, g.next)
            next.ps = ps
            next.ts = ts
            next.at = i + 1
          }
          return this.match(p, ts[i], g.mode, next)
        }
        return g.next
      }
      case Kind.Receipt:
        return this.runReceipt(g)
      case Kind.Fill:
        return this.runFill(g)
      case Kind.FillNo:
        ;((g.assign as Assign).fit as Uint8Array)[g.at] = Fit.No
        return this.planned(Kind.Fill, g, g.assign as Assign, null)
      case Kind.FillYes:
        this.choices.length = g.depth
        ;((g.assign as Assign).fit as Uint8Array)[g.at] = Fit.Yes
        return g.next
      case Kind.Step:
        return this.runStep(g)
      case Kind.Several:
        return this.runSeveral(g)
      case Kind.Done:
        return this.runDone(g)
      case Kind.Or: {
        const parts = (g.p as Conn).parts
        const depth = g.at === 0 ? this.choices.length : g.depth
        if (g.at + 1 < parts.length) {
          const other = new Goal(Kind.Or, g.mode, g.next)
          other.p = g.p
          other.t = g.t
          other.at = g.at + 1
          other.depth = depth
          this.choices.push(other)
        }
        return this.match(parts[g.at], g.t as Term, Mode.Test, this.cut(Kind.Cut, depth, g.next))
      }
      case Kind.Cut:
        this.choices.length = g.depth
        return g.next
      case Kind.Fail:
        this.choices.length = g.depth
        return FAIL
      default:
        return g.next
    }
  }

  /** A literal, wildcard or variable. */
  private simple(p: Term, t: Term, mode: number): boolean {
    this.budget.left--
    if (typeof p !== 'object') return p === t || equal(p, t)
    if (p.tag === Tag.Wildcard) return true
    if (p.tag === Tag.Free) {
      if (freeOf(t) > 0) return false
      if (mode !== Mode.Test) this.out[this.base + (p as Free).index] = t
      return true
    }
    return equal(p, t)
  }

  private runMatch(g: Goal): Goal | null {
    const p = g.p as Term
    const given = g.t as Term
    const { mode, next } = g
    if (typeof p !== 'object' || (p.flags & Flag.Pattern) === 0 || p.tag === Tag.Wildcard || p.tag === Tag.Free) {
      return this.simple(p, given, mode) ? next : FAIL
    }
    this.budget.left--
    const t = forced(given)
    switch (p.tag) {
      case Tag.Type:
        return fitsType((p as TypePattern).type, t) ? next : FAIL
      case Tag.ConnAnd: {
        const parts = (p as Conn).parts
        return this.items(
          parts,
          parts.map(() => given),
          mode,
          next,
        )
      }
      case Tag.ConnOr: {
        const or = new Goal(Kind.Or, mode, next)
        or.p = p
        or.t = given
        return or
      }
      case Tag.ConnNot: {
        const depth = this.choices.length
        this.choices.push(new Goal(Kind.Go, mode, next))
        return this.match((p as ConnNot).body, given, Mode.Test, this.cut(Kind.Fail, depth, null))
      }
      case Tag.Par:
        return this.plan(p, t, g)
    }
    if (typeof t !== 'object' || t.tag !== p.tag) return FAIL
    switch (p.tag) {
      case Tag.List: {
        const l = p as List
        const m = t as List
        const n = l.items.length
        if (l.rest === null ? m.count !== n || m.rest !== null : m.count < n) return FAIL
        if (l.rest !== null && !this.remainderOfList(l.rest, m, n, mode)) return FAIL
        return this.items(l.items, frontOf(m, n), mode, next)
      }
      case Tag.Tuple:
        if ((p as Par).items.length !== (t as Par).items.length) return FAIL
        return this.items((p as Par).items, (t as Par).items, mode, next)
      case Tag.Set:
      case Tag.PathMap:
      case Tag.Map:
        return this.plan(p, t, g)
      case Tag.Send: {
        const s = p as Send
        const u = t as Send
        if (s.persistent !== u.persistent || s.data.length !== u.data.length) return FAIL
        return this.match(s.chan, u.chan, mode, this.items(s.data, u.data, mode, next))
      }
      case Tag.Receive:
        return this.receipt(p as Receive, t as Receive, mode, next)
      case Tag.Select: {
        const ps = (p as Select).branches
        const ts = (t as Select).branches
        if (ps.length !== ts.length) return FAIL
        let goals = next
        for (let i = ps.length - 1; i >= 0; i--) goals = this.receipt(ps[i], ts[i], mode, goals)
        return goals
      }
      case Tag.New: {
        const w = p as New
        const v = t as New
        if (w.count !== v.count || w.uris.length !== v.uris.length || w.uris.some((u, i) => u !== v.uris[i])) return FAIL
        return this.match(w.body, v.body, mode, next)
      }
      case Tag.Match: {
        const a = p as Match
        const b = t as Match
        if (a.cases.length !== b.cases.length) return FAIL
        const ps: Term[] = [a.target]
        const ts: Term[] = [b.target]
        for (let i = 0; i < a.cases.length; i++) {
          const c = a.cases[i]
          const d = b.cases[i]
          if (!equal(c.pattern, d.pattern) || !equalOrNull(c.guard, d.guard)) return FAIL
          ps.push(c.body)
          ts.push(d.body)
        }
        return this.items(ps, ts, mode, next)
      }
      case Tag.If: {
        const a = p as If
        const b = t as If
        return this.items([a.cond, a.consequent, a.alternative], [b.cond, b.consequent, b.alternative], mode, next)
      }
      case Tag.Method: {
        const a = p as Method
        const b = t as Method
        if (a.name !== b.name || a.args.length !== b.args.length) return FAIL
        return this.match(a.target, b.target, mode, this.items(a.args, b.args, mode, next))
      }
      case Tag.Matches:
        if (!equal((p as Matches).pattern, (t as Matches).pattern)) return FAIL
        return this.match((p as Matches).left, (t as Matches).left, mode, next)
      case Tag.Bundle:
        return equal(p, t) ? next : FAIL
      default: {
        const a = p as Op
        const b = t as Op
        const right = a.right === null ? next : this.match(a.right, b.right as Term, mode, next)
        return this.match(a.left, b.left, mode, right)
      }
    }
  }

  /** `...r` of a list, against the elements from `from` on. */
  private remainderOfList(p: Free | Wildcard | Bound, t: List, from: number, mode: number): boolean {
    if (p.tag !== Tag.Free || t.rest !== null || t.free > 0) return this.remainder(Tag.List, p, t.items, t.rest, from, mode)
    if (mode !== Mode.Test) this.out[this.base + (p as Free).index] = from === 0 ? t : sliceOf(t, from, t.count)
    return true
  }

  /** `...r` against the elements from `from` on and the remainder that the target itself may have (in code). */
  private remainder(tag: number, p: Rest, items: readonly Term[], tRest: Rest, from: number, mode: number): boolean {
    if (p === null) return tRest === null && items.length === from
    if (p.tag === Tag.Wildcard) return true
    if (p.tag === Tag.Bound) return items.length === from && tRest !== null && equal(p, tRest)
    if (tRest !== null) return false
    const left = from === 0 ? items : items.slice(from)
    for (let i = 0; i < left.length; i++) if (freeOf(left[i]) > 0) return false
    if (mode !== Mode.Test) {
      const value = tag === Tag.List ? new List(left) : tag === Tag.Set ? makeSet(left) : makePathMap(left)
      this.out[this.base + (p as Free).index] = value
    }
    return true
  }

  // ── receives ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private receipt(p: Receive | Branch, t: Receive | Branch, mode: number, next: Goal | null): Goal {
    const g = new Goal(Kind.Receipt, mode, next)
    g.p = p
    g.t = t
    return g
  }

  private runReceipt(g: Goal): Goal | null {
    const p = g.p as Receive
    const t = g.t as Receive
    this.budget.left--
    if (p.binds.length !== t.binds.length || p.count !== t.count || (p.guard === null) !== (t.guard === null)) return FAIL
    if (p.binds.length > 1) return this.plan(p, t, g)
    if (!sameBind(p.binds[0], t.binds[0]) || !equalOrNull(p.guard, t.guard)) return FAIL
    return this.match(p.binds[0].source, t.binds[0].source, g.mode, this.match(p.body, t.body, g.mode, g.next))
  }

  /** Binds have been assigned: guard and body of the pattern see the variables where the target has them. */
  private afterBinds(a: Assign, owner: readonly number[], mode: number, next: Goal | null): Goal | null {
    const p = a.pattern as Receive
    const t = a.target as Receive
    const start: number[] = []
    let n = 0
    for (const b of t.binds) {
      start.push(n)
      n += b.count
    }
    const places: number[] = []
    for (let i = 0; i < p.binds.length; i++) for (let k = 0; k < p.binds[i].count; k++) places.push(start[owner[i]] + k)
    const moved = places.some((to, k) => to !== k)
    const guard = moved && p.guard !== null ? renumber(p.guard, places) : p.guard
    if (!equalOrNull(guard, t.guard)) return FAIL
    return this.match(moved ? renumber(p.body, places) : p.body, t.body, mode, next)
  }

  // ── assignments ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private plan(p: Node | Branch, t: Node | Branch | Term, g: Goal): Goal | null {
    let a = this.plans.get(p)
    if (a === undefined || a.target !== t) {
      const made = this.makePlan(p, t)
      if (made === null) return FAIL
      a = made
      if (a.fit !== null) this.plans.set(p, a)
    }
    const go = new Goal(a.fit !== null ? Kind.Fill : Kind.Step, g.mode, g.next)
    go.assign = a
    go.depth = this.choices.length
    if (a.fit === null) go.step = new Step(0, new Uint8Array(a.candidates.length), null, null)
    return this.items(a.sureP, a.sureT, g.mode, go)
  }

  private makePlan(p: Node | Branch, t: Node | Branch | Term): Assign | null {
    const a = new Assign(p, t)
    let several = false
    let binds = false
    const tag = 'tag' in p ? p.tag : -1
    if (tag === Tag.Par) {
      if (!this.planPar(a, p as Par, components(t as Term))) return null
      several = a.least !== null
    } else if (tag === Tag.Set || tag === Tag.PathMap) {
      if (!this.planSet(a, p as List, t as List)) return null
    } else if (tag === Tag.Map) {
      if (!this.planMap(a, p as MapTerm, t as MapTerm)) return null
    } else {
      for (const b of (p as Receive).binds) a.takers.push(b.source)
      for (const b of (t as Receive).binds) a.candidates.push(b.source)
      a.exact = true
      binds = true
    }
    const n = a.takers.length
    const m = a.candidates.length
    if (!several && (a.exact ? n !== m : n > m)) return null
    let singles = n
    if (several) {
      let least = 0
      singles = 0
      for (let i = 0; i < n; i++) {
        least += (a.least as number[])[i]
        if (isSingle(a, i)) singles++
      }
      if (least > m) return null
    }
    if (singles > 1 || binds) {
      if (n * m > this.budget.left) {
        this.budget.left = -1
        return null
      }
      a.fit = this.firstFits(a, binds)
      if (a.fit === null) return null
    }
    return a
  }

  /** What fits what as far as it can be seen at once; null if some taker can have nothing. */
  private firstFits(a: Assign, binds: boolean): Uint8Array | null {
    const n = a.takers.length
    const m = a.candidates.length
    const fit = new Uint8Array(n * m)
    const maps = a.takerValues.length > 0
    for (let i = 0; i < n; i++) {
      if (!isSingle(a, i)) continue
      let some = false
      for (let j = 0; j < m; j++) {
        this.budget.left--
        if (j > 0 && a.twin !== null && a.twin[j] !== 0) {
          fit[i * m + j] = fit[i * m + j - 1]
          continue
        }
        let f: number = Fit.Yes
        if (binds && !sameBind((a.pattern as Receive).binds[i], (a.target as Receive).binds[j])) f = Fit.No
        else {
          f = quick(a.takers[i], a.candidates[j], QUICK_DEPTH)
          if (maps && f !== Fit.No) {
            const v = quick(a.takerValues[i], a.candidateValues[j], QUICK_DEPTH)
            if (v !== Fit.Yes) f = v
          }
        }
        fit[i * m + j] = f
        if (f !== Fit.No) some = true
      }
      if (!some) return null
    }
    return fit
  }

  /** Splits a parallel pattern: literals are taken out of the target, variables and wildcards take what is left in the end. */
  private planPar(a: Assign, p: Par, targets: readonly Term[]): boolean {
    let open = false
    let wildcard = false
    let least: number[] = []
    let most: number[] = []
    let several = false
    let at = 0
    for (const part of p.items) {
      if (!isPattern(part)) {
        for (;;) {
          if (at === targets.length) return false
          this.budget.left--
          const c = compare(targets[at], part)
          if (c > 0) return false
          if (c === 0) break
          a.candidates.push(targets[at++])
        }
        at++
        continue
      }
      const tag = tagOf(part)
      if (tag === Tag.Free) open = true
      else if (tag === Tag.Wildcard) wildcard = true
      else {
        const [l, m] = isConnective(part) ? extent(part, QUICK_DEPTH) : [1, 1]
        if (l > m) return false
        if (l !== 1 || m !== 1) several = true
        a.takers.push(part)
        least.push(l)
        most.push(m)
      }
    }
    while (at < targets.length) a.candidates.push(targets[at++])
    if (!several) {
      least = []
      most = []
    }
    a.least = several ? least : null
    a.most = several ? most : null
    a.exact = !open && !wildcard
    if (open && !wildcard) this.require(a)
    if (a.takers.length > 0) this.findTwins(a)
    return true
  }

  /** A variable takes what is left, but nothing that holds a variable bound inside the target. */
  private require(a: Assign): void {
    for (let j = 0; j < a.candidates.length; j++) {
      if (freeOf(a.candidates[j]) === 0) continue
      a.required ??= new Uint8Array(a.candidates.length)
      a.required[j] = 1
    }
  }

  private findTwins(a: Assign): void {
    for (let j = 1; j < a.candidates.length; j++) {
      if (!equal(a.candidates[j - 1], a.candidates[j])) continue
      a.twin ??= new Uint8Array(a.candidates.length)
      a.twin[j] = 1
    }
  }

  private planSet(a: Assign, p: List, t: List): boolean {
    if (!fitsCount(p.items.length, p.rest, t.count, t.rest)) return false
    const order = p.tag === Tag.PathMap ? comparePaths : compare
    const parts = inOrder(p.items, order)
    const targets = inOrder(t.items, order)
    let at = 0
    for (const part of parts) {
      if (isPattern(part)) {
        a.takers.push(part)
        continue
      }
      for (;;) {
        if (at === targets.length) return false
        this.budget.left--
        const c = order(targets[at], part)
        if (c > 0) return false
        if (c === 0 && equal(targets[at], part)) break
        a.candidates.push(targets[at++])
      }
      at++
    }
    while (at < targets.length) a.candidates.push(targets[at++])
    this.planRest(a, p.rest)
    return true
  }

  private planRest(a: Assign, rest: Rest): void {
    a.exact = rest === null || rest.tag === Tag.Bound
    if (rest !== null && rest.tag === Tag.Free) this.require(a)
  }

  private planMap(a: Assign, p: MapTerm, t: MapTerm): boolean {
    if (!fitsCount(p.keys.length, p.rest, t.count, t.rest)) return false
    const sorted = t.keys.every(isSettled)
    const parts = entryOrder(p)
    const targets = sorted ? null : entryOrder(t)
    let at = 0
    const take = (): void => {
      const j = targets === null ? at : targets[at]
      a.candidates.push(t.keys[j])
      a.candidateValues.push(t.values[j])
      at++
    }
    for (const i of parts) {
      const key = p.keys[i]
      if (isPattern(key) || !sorted) {
        a.takers.push(key)
        a.takerValues.push(p.values[i])
        continue
      }
      for (;;) {
        if (at === t.keys.length) return false
        this.budget.left--
        const c = compare(t.keys[at], key)
        if (c > 0) return false
        if (c === 0) break
        take()
      }
      a.sureP.push(p.values[i])
      a.sureT.push(t.values[at++])
    }
    while (at < t.keys.length) take()
    a.exact = p.rest === null || p.rest.tag === Tag.Bound
    if (p.rest !== null && p.rest.tag === Tag.Free) {
      for (let j = 0; j < a.candidates.length; j++) {
        if (freeOf(a.candidates[j]) === 0 && freeOf(a.candidateValues[j]) === 0) continue
        a.required ??= new Uint8Array(a.candidates.length)
        a.required[j] = 1
      }
    }
    return true
  }

  /** The pattern and target terms of one pair of taker and candidate. */
  private pair(a: Assign, i: number, j: number, mode: number, next: Goal | null): Goal {
    const values = a.takerValues.length > 0 ? this.match(a.takerValues[i], a.candidateValues[j], mode, next) : next
    return this.match(a.takers[i], a.candidates[j], mode, values)
  }

  private runFill(g: Goal): Goal | null {
    const a = g.assign as Assign
    const fit = a.fit as Uint8Array
    const n = a.takers.length
    const m = a.candidates.length
    if (!a.filled) {
      for (let k = g.at; k < fit.length; k++) {
        const i = Math.floor(k / m)
        if (fit[k] !== Fit.Unknown || !isSingle(a, i)) continue
        const j = k - i * m
        if (j > 0 && a.twin !== null && a.twin[j] !== 0) {
          fit[k] = fit[k - 1]
          continue
        }
        const resume = this.planned(Kind.Fill, g, a, null)
        resume.at = k + 1
        const no = new Goal(Kind.FillNo, g.mode, g.next)
        no.assign = a
        no.at = k
        no.depth = g.depth
        const yes = this.cut(Kind.FillYes, this.choices.length, resume)
        yes.assign = a
        yes.at = k
        this.choices.push(no)
        return this.pair(a, i, j, Mode.Test, yes)
      }
      a.filled = true
    }
    const used = new Uint8Array(m)
    const found = matching(a, 0, used, this.budget)
    if (found === null) return FAIL
    if (a.least === null) {
      if (!coversRequired(a, 0, used)) return FAIL
      if (g.mode === Mode.Test && !(n > 0 && isReceipt(a))) return g.next
    }
    return this.planned(Kind.Step, g, a, new Step(0, used, found.rows, found.cols))
  }

  /** Gives the next taker its component: the first that leaves the others enough. */
  private runStep(g: Goal): Goal | null {
    const a = g.assign as Assign
    const s = g.step as Step
    const i = s.taker
    if (i === a.takers.length) return this.planned(Kind.Done, g, a, s)
    if (!isSingle(a, i)) return this.startSeveral(g, a, s)
    const m = a.candidates.length
    const fit = a.fit
    for (let j = g.at; j < m; j++) {
      if (s.used[j] !== 0 || (fit !== null && fit[i * m + j] !== Fit.Yes)) continue
      if (j > 0 && a.twin !== null && a.twin[j] !== 0 && s.used[j - 1] === 0) continue
      if (fit === null) {
        this.budget.left--
        if (quick(a.takers[i], a.candidates[j], QUICK_DEPTH) === Fit.No) continue
      }
      const used = s.used.slice()
      used[j] = 1
      let rows = s.rows
      let cols = s.cols
      if (rows !== null && cols !== null) {
        if (rows[i] !== j) {
          rows = rows.slice()
          cols = cols.slice()
          const loser = cols[j]
          cols[rows[i]] = -1
          rows[i] = j
          cols[j] = i
          if (loser !== -1) {
            rows[loser] = -1
            if (!augment(a, loser, used, rows, cols, this.budget)) continue
          }
        }
        if (a.least === null && !coversRequired(a, i + 1, used)) continue
      }
      // With a complete plan nothing that follows can fail, so the other ways matter only if all solutions are wanted.
      if (g.mode === Mode.All || fit === null || a.least !== null || isReceipt(a)) {
        const other = this.planned(Kind.Step, g, a, s)
        other.at = j + 1
        this.choices.push(other)
      }
      const rest = this.planned(Kind.Step, g, a, new Step(i + 1, used, rows, cols))
      return fit !== null && g.mode === Mode.Test ? rest : this.pair(a, i, j, g.mode, rest)
    }
    return FAIL
  }

  private startSeveral(g: Goal, a: Assign, s: Step): Goal | null {
    const available: number[] = []
    for (let j = 0; j < s.used.length; j++) if (s.used[j] === 0) available.push(j)
    const step = new Step(s.taker, s.used, s.rows, s.cols)
    step.available = available
    step.chosen = firstChoice(this.sizes(a, s.taker, available.length)[0])
    return this.planned(Kind.Several, g, a, step)
  }

  /** How many components a connective may take when `free` are left and the takers after it need theirs. */
  private sizes(a: Assign, i: number, free: number): [number, number] {
    const least = a.least as number[]
    const most = a.most as number[]
    let later = 0
    let laterMost = 0
    for (let k = i + 1; k < least.length; k++) {
      later += least[k]
      laterMost = Math.min(MANY, laterMost + most[k])
    }
    const from = a.exact ? Math.max(least[i], free - laterMost) : least[i]
    return [from, Math.min(most[i], free - later)]
  }

  private runSeveral(g: Goal): Goal | null {
    const a = g.assign as Assign
    const s = g.step as Step
    const i = s.taker
    const available = s.available as readonly number[]
    const [, largest] = this.sizes(a, i, available.length)
    let chosen = s.chosen as readonly number[]
    while (chosen.length <= largest) {
      this.budget.left--
      if (this.budget.left < 0) return FAIL
      const following: readonly number[] = nextChoice(chosen, available.length) ?? firstChoice(chosen.length + 1)
      const found = this.choose(a, s, chosen)
      if (found !== null) {
        const other = new Step(i, s.used, s.rows, s.cols)
        other.available = available
        other.chosen = following
        this.choices.push(this.planned(Kind.Several, g, a, other))
        const parts: Term[] = chosen.map(c => a.candidates[available[c]])
        return this.match(a.takers[i], makePar(parts), g.mode, this.planned(Kind.Step, g, a, found))
      }
      chosen = following
    }
    return FAIL
  }

  /** The state after a connective has taken some components; null if these were tried as equal ones before, or leave the others too little. */
  private choose(a: Assign, s: Step, chosen: readonly number[]): Step | null {
    const available = s.available as readonly number[]
    const used = s.used.slice()
    for (const c of chosen) used[available[c]] = 1
    if (a.twin !== null) {
      for (const c of chosen) {
        const j = available[c]
        if (a.twin[j] !== 0 && used[j - 1] === 0) return null
      }
    }
    if (a.fit === null) return new Step(s.taker + 1, used, null, null)
    const found = matching(a, s.taker + 1, used, this.budget)
    return found === null ? null : new Step(s.taker + 1, used, found.rows, found.cols)
  }

  private runDone(g: Goal): Goal | null {
    const a = g.assign as Assign
    const s = g.step as Step
    if (isReceipt(a)) {
      const rows = s.rows as Int32Array
      // Choices for other orders of the binds stay: guard or body may need them.
      return this.afterBinds(a, Array.from(rows), g.mode, g.mode === Mode.All ? g.next : this.cut(Kind.Cut, g.depth, g.next))
    }
    if (!this.takeRest(a, s.used, g.mode)) return FAIL
    if (g.mode !== Mode.All) this.choices.length = g.depth
    return g.next
  }

  private takeRest(a: Assign, used: Uint8Array, mode: number): boolean {
    const m = a.candidates.length
    const p = a.pattern as Node
    if (p.tag === Tag.Map) {
      const rest = (p as MapTerm).rest
      const keys: Term[] = []
      const values: Term[] = []
      for (let j = 0; j < m; j++) {
        if (used[j] !== 0) continue
        keys.push(a.candidates[j])
        values.push(a.candidateValues[j])
      }
      if (rest === null || rest.tag === Tag.Bound) return keys.length === 0
      if (rest.tag === Tag.Wildcard) return true
      for (let j = 0; j < keys.length; j++) if (freeOf(keys[j]) > 0 || freeOf(values[j]) > 0) return false
      if (mode !== Mode.Test) this.out[this.base + (rest as Free).index] = makeMap(keys, values)
      return true
    }
    const left: Term[] = []
    for (let j = 0; j < m; j++) if (used[j] === 0) left.push(a.candidates[j])
    if (p.tag !== Tag.Par) {
      const rest = (p as List).rest
      if (rest === null || rest.tag === Tag.Bound) return left.length === 0
      return this.remainder(p.tag, rest, left, null, 0, mode)
    }
    return this.takeRestOfPar(p as Par, left, mode)
  }

  private takeRestOfPar(p: Par, left: readonly Term[], mode: number): boolean {
    let open: Free | null = null
    let wildcard = false
    for (const part of p.items) {
      const tag = tagOf(part)
      if (tag === Tag.Wildcard) wildcard = true
      else if (tag === Tag.Free && (open === null || (part as Free).index < open.index)) open = part as Free
    }
    if (open === null) return wildcard || left.length === 0
    const taken: Term[] = []
    for (const t of left) {
      if (freeOf(t) === 0) taken.push(t)
      else if (!wildcard) return false
    }
    if (mode === Mode.Test) return true
    for (const part of p.items) if (tagOf(part) === Tag.Free) this.out[this.base + (part as Free).index] = NIL
    this.out[this.base + open.index] = makePar(taken)
    return true
  }
}

function isReceipt(a: Assign): boolean {
  return !('tag' in a.pattern) || a.pattern.tag === Tag.Receive
}

/** Whether the numbers of elements and the remainders of a collection pattern and a collection allow a fit. */
function fitsCount(n: number, rest: Rest, m: number, tRest: Rest): boolean {
  if (rest === null) return n === m && tRest === null
  if (rest.tag === Tag.Bound) return n === m && tRest !== null && equal(rest, tRest)
  return n <= m && (tRest === null || rest.tag === Tag.Wildcard)
}

/** The first `n` elements of a list, or more. */
function frontOf(l: List, n: number): readonly Term[] {
  return l instanceof LongList ? sliceOf(l, 0, n).items : l.items
}

function inOrder(items: readonly Term[], order: (a: Term, b: Term) => number): readonly Term[] {
  for (let i = 1; i < items.length; i++) if (order(items[i - 1], items[i]) > 0) return [...items].sort(order)
  return items
}

/** The entries of a map by key and value in canonical order, as indices. */
function entryOrder(m: MapTerm): number[] {
  return m.keys.map((_, i) => i).sort((i, j) => compare(m.keys[i], m.keys[j]) || compare(m.values[i], m.values[j]) || i - j)
}
