import { isSettled } from './build.ts'
import {
  composition,
  findItem,
  findKey,
  itemOf,
  keyOf,
  LongList,
  manyParts,
  memberOf,
  sliceOf,
  valueAt,
  withoutEntries,
  withoutMembers,
} from './long.ts'
import { compare, equal } from './order.ts'
import { Budget, fitsTypePattern, Search } from './search.ts'
import { substitute } from './substitute.ts'
import {
  Closure,
  type Conn,
  type ConnNot,
  Flag,
  type Free,
  flagsOf,
  forced,
  freeOf,
  List,
  MapTerm,
  NIL,
  type Node,
  Par,
  type Ref,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  type TypePattern,
  tagOf,
} from './term.ts'
import { at, removed, search, type Tree } from './tree.ts'

export { Budget, MATCH_BUDGET } from './search.ts'

/** The value of the variable `Bound(index)` as seen from the place of the pattern: what `=x` stands for. */
export type Refs = (index: number) => Term

const NO_REFS: Refs = () => {
  throw new Error('a pattern with references was matched without their values')
}

/** The pattern with references replaced by their values: what the search works on. */
export function ground(pattern: Term, refs: Refs): Term {
  return freeOf(pattern) === 0 ? pattern : substitute(pattern, refs)
}

const TEST = 0
const FIRST = 1
const ALL = 2

/**
 * The first solution of a pattern with `count` variables and a closed target, in the order of rholang.md 7.3: the values of the variables, or null.
 * After null `budget.exceeded` tells a match that was given up from one that does not exist.
 */
export function match(pattern: Term, target: Term, count: number, refs: Refs = NO_REFS, budget: Budget = new Budget()): Term[] | null {
  const out: Term[] = new Array(count)
  return new Search(ground(pattern, refs), target, FIRST, out, 0, budget).next() ? out : null
}

/** Whether the pattern fits. After false look at `budget.exceeded`. */
export function matches(pattern: Term, target: Term, refs: Refs = NO_REFS, budget: Budget = new Budget()): boolean {
  return new Search(ground(pattern, refs), target, TEST, [], 0, budget).next()
}

/**
 * All solutions, one after the other, each in an array of its own: for guards, which take the first that holds. The first is that of `match`; a
 * further search begins only when a second one is asked for. Ends early when the budget is exceeded.
 */
export function* matchAll(
  pattern: Term,
  target: Term,
  count: number,
  refs: Refs = NO_REFS,
  budget: Budget = new Budget(),
): Generator<Term[], void, void> {
  const p = ground(pattern, refs)
  const first: Term[] = new Array(count)
  if (!new Search(p, target, FIRST, first, 0, budget).next()) return
  yield first
  const out: Term[] = new Array(count)
  const search = new Search(p, target, ALL, out, 0, budget)
  let skip = true
  while (search.next()) {
    if (!skip) yield out.slice()
    skip = false
  }
}

// ── compiled patterns ─────────────────────────────────────────────────────────────────────────────────────────────────

const Op = { Wildcard: 0, Bind: 1, Constant: 2, Ref: 3, Type: 4, List: 5, Tuple: 6, General: 7, And: 10, Or: 11, Not: 12 } as const

// Literals compared where only strings, or only numbers, pass: such comparisons need no call.
const TEXT = 8
const NUMBER = 9
/** A variable that asks for an Int. */
const INT = 13
/** A set or map of which given elements and then the first of the others are wanted. */
const PICK = 14

/**
 * What is decided without any search:
 * `wildcard` always fits; `bind` always fits and binds variable `index` (the only one); `constant` fits the terms equal to `pattern`; `ref` fits the
 * terms equal to the value of `index`; `type` one value of a type; `items` lists and tuples, `connective` `/\`, `\/` and `~` of such parts, maps with
 * given keys too. `first` is a set or map of which any elements will do: what is found is the first of several solutions. Everything else is `general`.
 */
export type PatternKind = 'wildcard' | 'bind' | 'constant' | 'ref' | 'type' | 'items' | 'connective' | 'first' | 'general'

const KINDS: readonly PatternKind[] = ['wildcard', 'bind', 'constant', 'ref', 'type', 'items', 'items', 'general']

/** A pattern prepared for many matches. Immutable; make it with `compilePattern`. */
export class CompiledPattern {
  readonly kind: PatternKind
  readonly op: number
  readonly pattern: Term
  /** Number of variables that the whole pattern binds. */
  readonly count: number
  /** The variable of `bind`, the reference of `ref`. */
  readonly index: number
  readonly items: readonly CompiledPattern[]
  /** The parts once more, flat: what each does, with which literal, and with which variable. */
  readonly ops: readonly number[]
  readonly literals: readonly Term[]
  readonly indices: readonly number[]
  /** `...r`: index of the variable, -1 for `..._`, -2 for none. */
  readonly rest: number
  readonly pick: Pick | null
  /** Of a general pattern: how it takes a component out of a long process. */
  readonly draw: Draw | null
  constructor(
    op: number,
    pattern: Term,
    count: number,
    index: number,
    items: readonly CompiledPattern[],
    rest: number,
    pick: Pick | null = null,
    draw: Draw | null = null,
  ) {
    this.kind = severalIn(items, pick) ? 'first' : op === PICK ? 'items' : op >= Op.And ? 'connective' : KINDS[op]
    this.pick = pick
    this.draw = draw
    this.op = op
    this.pattern = pattern
    this.count = count
    this.index = index
    this.items = items
    this.ops = items.map(i => (isInt(i) ? INT : i.op !== Op.Constant ? i.op : (LITERAL_OPS[typeof i.pattern] ?? i.op)))
    this.literals = items.map(i => i.pattern)
    this.indices = items.map(i => (isInt(i) ? i.items[0].index : i.index))
    this.rest = rest
  }
}

/** A parallel pattern of a few components, and variables or wildcards for the rest. */
interface Draw {
  readonly given: readonly Term[]
  /** Patterns that fit one component each, of their own tag. */
  readonly parts: readonly Node[]
  /** Variables: the first gets what is left, the others Nil. Empty: what is left is dropped. */
  readonly open: readonly number[]
}

/** What a pattern takes out of a set or map. */
interface Pick {
  /** Elements or keys that must be there; each may be a reference. The values of such keys have to fit the `items` of the pattern. */
  readonly given: readonly Term[]
  /** Variables (−1: none) of further elements or keys, in the order in which these are taken, and of their values. */
  readonly free: readonly number[]
  readonly values: readonly number[]
}

function severalIn(items: readonly CompiledPattern[], pick: Pick | null): boolean {
  return (pick !== null && pick.free.length > 0) || items.some(i => i.kind === 'first')
}

const LITERAL_OPS: Readonly<Record<string, number>> = { string: TEXT, number: NUMBER }

/** `x /\ Int` */
function isInt(c: CompiledPattern): boolean {
  if (c.op !== Op.And || c.items.length !== 2) return false
  const [variable, type] = c.items
  return variable.op === Op.Bind && type.op === Op.Type && (type.pattern as TypePattern).type === 'Int'
}

const NO_ITEMS: readonly CompiledPattern[] = []

/** Nested lists and tuples beyond this depth are left to the search, which needs no host stack. */
const MAX_DEPTH = 16

/** Prepares a pattern that binds `count` variables. */
export function compilePattern(pattern: Term, count: number): CompiledPattern {
  return (
    simple(pattern, count, MAX_DEPTH, false) ?? new CompiledPattern(Op.General, pattern, count, -1, NO_ITEMS, -2, null, drawing(pattern))
  )
}

/** Kinds of components that fit only components of their kind, one at a time. */
const SINGLE = new Set<number>([Tag.List, Tag.Tuple, Tag.Send, Tag.Receive, Tag.New, Tag.Match, Tag.If])

function drawing(p: Term): Draw | null {
  if (!(p instanceof Par)) return null
  const given: Term[] = []
  const open: number[] = []
  const parts: Node[] = []
  let wildcard = false
  for (const c of p.items) {
    if ((flagsOf(c) & Flag.Pattern) === 0) {
      if (freeOf(c) > 0) return null
      given.push(c)
      continue
    }
    const n = c as Node
    if (n.tag === Tag.Free) open.push((n as Free).index)
    else if (n.tag === Tag.Wildcard) wildcard = true
    else if (!SINGLE.has(n.tag)) return null
    else parts.push(n)
  }
  if (given.length + parts.length > DRAWN_MAX || (open.length === 0 && !wildcard)) return null
  return { given, parts, open: open.sort(ascending) }
}

/** A pattern with more components than this is not looked up one by one. */
const DRAWN_MAX = 8

/** Null for a pattern that needs the search. In a `silent` part, a side of `\/` or below `~`, variables bind nothing and so are wildcards. */
function simple(p: Term, count: number, fuel: number, silent: boolean): CompiledPattern | null {
  const leaf = (op: number, index = -1): CompiledPattern => new CompiledPattern(op, p, count, index, NO_ITEMS, -2)
  if ((flagsOf(p) & Flag.Pattern) === 0) return leaf(Op.Constant)
  if (typeof p !== 'object') return null
  switch (p.tag) {
    case Tag.Wildcard:
      return leaf(Op.Wildcard)
    case Tag.Free:
      return silent ? leaf(Op.Wildcard) : leaf(Op.Bind, (p as Free).index)
    case Tag.Ref:
      return leaf(Op.Ref, (p as Ref).index)
    case Tag.Type:
      return leaf(Op.Type)
    case Tag.List:
    case Tag.Tuple: {
      const rest = p.tag === Tag.List ? (p as List).rest : null
      if (rest !== null && rest.tag === Tag.Bound) return null
      const items = simpleParts((p as Tuple).items, count, fuel, silent)
      if (items === null) return null
      const r = rest === null ? -2 : rest.tag === Tag.Free && !silent ? (rest as Free).index : -1
      return new CompiledPattern(p.tag === Tag.List ? Op.List : Op.Tuple, p, count, -1, items, r)
    }
    case Tag.Set:
    case Tag.Map:
      return picking(p as SetTerm | MapTerm, count, fuel, silent)
    case Tag.ConnAnd:
    case Tag.ConnOr: {
      const and = p.tag === Tag.ConnAnd
      const items = simpleParts((p as Conn).parts, count, fuel, silent || !and)
      return items === null ? null : new CompiledPattern(and ? Op.And : Op.Or, p, count, -1, items, -2)
    }
    case Tag.ConnNot: {
      const items = simpleParts([(p as ConnNot).body], count, fuel, true)
      return items === null ? null : new CompiledPattern(Op.Not, p, count, -1, items, -2)
    }
    default:
      return null
  }
}

/** A set or map pattern whose elements or keys are constants, references, variables and wildcards. */
function picking(p: SetTerm | MapTerm, count: number, fuel: number, silent: boolean): CompiledPattern | null {
  const { rest } = p
  if (fuel === 0 || (rest !== null && rest.tag === Tag.Bound)) return null
  const keys = p instanceof MapTerm ? p.keys : p.items
  const values = p instanceof MapTerm ? p.values : null
  const order = keys.map((_, i) => i)
  order.sort((i, j) => compare(keys[i], keys[j]) || (values === null ? 0 : compare(values[i], values[j])) || i - j)
  const items: CompiledPattern[] = []
  const given: Term[] = []
  const free: number[] = []
  const ofValues: number[] = []
  for (const i of order) {
    const key = keys[i]
    const wanted = variableOf(key, silent)
    if (wanted === undefined) {
      if (tagOf(key) !== Tag.Ref && !isSettled(key)) return null
      given.push(key)
      if (values === null) continue
      const value = simple(values[i], count, fuel - 1, silent)
      if (value === null) return null
      items.push(value)
    } else {
      const value = values === null ? -1 : variableOf(values[i], silent)
      if (value === undefined) return null
      free.push(wanted)
      ofValues.push(value)
    }
  }
  // What a reference stands for may be another element of the pattern.
  if (given.length > 1 && given.some(g => tagOf(g) === Tag.Ref)) return null
  const r = rest === null ? -2 : rest.tag === Tag.Free && !silent ? (rest as Free).index : -1
  return new CompiledPattern(PICK, p, count, -1, items, r, { given, free, values: ofValues })
}

/** The variable that a pattern is, −1 for a wildcard, undefined for anything else. */
function variableOf(p: Term, silent: boolean): number | undefined {
  if (typeof p !== 'object') return undefined
  return p.tag === Tag.Wildcard ? -1 : p.tag === Tag.Free ? (silent ? -1 : (p as Free).index) : undefined
}

function simpleParts(parts: readonly Term[], count: number, fuel: number, silent: boolean): CompiledPattern[] | null {
  if (fuel === 0) return null
  const out: CompiledPattern[] = []
  for (const part of parts) {
    const c = simple(part, count, fuel - 1, silent)
    if (c === null) return null
    out.push(c)
  }
  return out
}

/**
 * Matches a closed target and writes variable k to `out[base + k]`; the first solution. On false `out` may have been written to, and
 * `budget.exceeded` tells whether a search was given up.
 */
export function tryMatch(
  c: CompiledPattern,
  target: Term,
  out: Term[],
  base: number,
  refs: Refs = NO_REFS,
  budget: Budget | null = null,
): boolean {
  switch (c.op) {
    case Op.Wildcard:
      return true
    case Op.Bind:
      out[base + c.index] = target
      return true
    case Op.Constant: {
      const p = c.pattern
      if (p === target) return true
      if (typeof p !== 'object' && typeof target !== 'object') return false
      return equalConstant(p, target, refs)
    }
    case Op.Ref: {
      const value = refs(c.index)
      return value === target || equal(value, target)
    }
    case Op.Type:
      return fitsTypePattern(c.pattern as TypePattern, forced(target))
    // Classes are asked for instead of tags: a tag lives on one of many prototypes, which makes its load slow where all kinds of terms pass.
    case Op.List: {
      const t = target instanceof Closure ? target.force() : target
      if (!(t instanceof List) || t.rest !== null) return false
      return c.rest !== -2 || t instanceof LongList ? tryList(c, t, out, base, refs) : tryItems(c, t.items, out, base, refs)
    }
    case Op.Tuple: {
      const t = target instanceof Closure ? target.force() : target
      return t instanceof Tuple && tryItems(c, t.items, out, base, refs)
    }
    case PICK: {
      const t = target instanceof Closure ? target.force() : target
      if (!(c.pattern instanceof MapTerm ? t instanceof MapTerm : t instanceof SetTerm)) return false
      const of = t as SetTerm | MapTerm
      if (of.rest === null && of.free === 0 && (of.flags & (Flag.Exposed | Flag.Pattern)) === 0) return tryPick(c, of, out, base, refs)
      return new Search(ground(c.pattern, refs), target, FIRST, out, base, budget ?? new Budget()).next()
    }
    case Op.And:
      for (const part of c.items) if (!tryMatch(part, target, out, base, refs)) return false
      return true
    case Op.Or:
      for (const part of c.items) if (tryMatch(part, target, out, base, refs)) return true
      return false
    case Op.Not:
      return !tryMatch(c.items[0], target, out, base, refs)
    default: {
      const steps = budget ?? new Budget()
      if (c.draw !== null) {
        const parts = manyParts(forced(target))
        const done = parts === null ? undefined : tryDraw(c.draw, parts, out, base, refs, steps)
        if (done !== undefined) return done
      }
      return new Search(ground(c.pattern, refs), target, FIRST, out, base, steps).next()
    }
  }
}

/** What the search finds first, without looking at all components; undefined where a part could only be had from another part. */
function tryDraw(draw: Draw, parts: Tree, out: Term[], base: number, refs: Refs, budget: Budget): boolean | undefined {
  let tree = withoutGiven(draw, parts, budget)
  if (tree === null) return false
  for (let k = 0; k < draw.parts.length; k++) {
    const p = ground(draw.parts[k], refs)
    let i = nextOfKind(tree, 0, draw.parts[k].tag, budget)
    while (i >= 0 && !new Search(p, at(tree, i), FIRST, out, base, budget).next()) {
      if (budget.exceeded) return false
      i = nextOfKind(tree, i + 1, draw.parts[k].tag, budget)
    }
    if (i < 0) return k === 0 || budget.exceeded ? false : undefined
    tree = removed(tree, i) as Tree
  }
  leave(draw, tree, out, base)
  return true
}

/** There are more components than are taken, so no tree becomes empty. */
function withoutGiven(draw: Draw, parts: Tree, budget: Budget): Tree | null {
  let tree = parts
  for (const g of draw.given) {
    budget.left--
    const i = search(tree, g)
    if (i < 0) return null
    tree = removed(tree, i) as Tree
  }
  return tree
}

/** The first component of a kind from number `i` on; -1 if there is none or the budget is used up. */
function nextOfKind(tree: Tree, i: number, tag: number, budget: Budget): number {
  for (let k = i; k < tree.count; k++) {
    if (--budget.left < 0) return -1
    if (tagOf(at(tree, k)) === tag) return k
  }
  return -1
}

function leave(draw: Draw, tree: Tree, out: Term[], base: number): void {
  for (let i = 0; i < draw.open.length; i++) out[base + draw.open[i]] = i === 0 ? composition(tree) : NIL
}

/** As `matchAll` for a prepared pattern. */
export function solutions(c: CompiledPattern, target: Term, refs: Refs, budget: Budget): Generator<Term[], void, void> {
  if (c.draw !== null && c.draw.parts.length === 1) {
    const parts = manyParts(forced(target))
    if (parts !== null) return drawAll(c.draw, parts, c.count, refs, budget)
  }
  return matchAll(c.pattern, target, c.count, refs, budget)
}

/** One solution after the other for each component that fits the part; equal components are tried once. */
function* drawAll(draw: Draw, parts: Tree, count: number, refs: Refs, budget: Budget): Generator<Term[], void, void> {
  const tree = withoutGiven(draw, parts, budget)
  if (tree === null) return
  const [part] = draw.parts
  const p = ground(part, refs)
  const out: Term[] = new Array(count)
  for (let i = nextOfKind(tree, 0, part.tag, budget); i >= 0; i = nextOfKind(tree, i + 1, part.tag, budget)) {
    if (i > 0 && equal(at(tree, i - 1), at(tree, i))) continue
    const search = new Search(p, at(tree, i), ALL, out, 0, budget)
    while (search.next()) {
      leave(draw, removed(tree, i) as Tree, out, 0)
      yield out.slice()
    }
    if (budget.exceeded) return
  }
}

/** A pattern without pattern parts can still hold references: inside the patterns of code that it holds. */
function equalConstant(p: Term, target: Term, refs: Refs): boolean {
  return equal(freeOf(p) === 0 ? p : substitute(p, refs), target)
}

function tryItems(c: CompiledPattern, values: readonly Term[], out: Term[], base: number, refs: Refs): boolean {
  const n = c.ops.length
  if (c.rest === -2 ? values.length !== n : values.length < n) return false
  if (!tryFront(c, values, out, base, refs)) return false
  if (c.rest >= 0) out[base + c.rest] = new List(n === 0 ? values : values.slice(n))
  return true
}

/** The same for a list that may be long: what is left of it is not copied. */
function tryList(c: CompiledPattern, list: List, out: Term[], base: number, refs: Refs): boolean {
  const n = c.ops.length
  if (c.rest === -2 ? list.count !== n : list.count < n) return false
  let front: readonly Term[]
  if (list instanceof LongList) {
    const items: Term[] = []
    for (let i = 0; i < n; i++) items.push(itemOf(list, i) as Term)
    front = items
  } else front = list.items
  if (!tryFront(c, front, out, base, refs)) return false
  if (c.rest >= 0) out[base + c.rest] = n === 0 ? list : sliceOf(list, n, list.count)
  return true
}

/** Elements given are looked up, each only once; then the first that are left are taken. */
function tryPick(c: CompiledPattern, of: SetTerm | MapTerm, out: Term[], base: number, refs: Refs): boolean {
  const { given, free, values } = c.pick as Pick
  const n = given.length + free.length
  if (c.rest === -2 ? of.count !== n : of.count < n) return false
  const places: number[] = []
  for (let i = 0; i < given.length; i++) {
    const g = given[i]
    const key = typeof g === 'object' && g.tag === Tag.Ref ? refs((g as Ref).index) : g
    const at = of instanceof MapTerm ? findKey(of, key) : findItem(of, key)
    if (at < 0 || places.includes(at)) return false
    if (of instanceof MapTerm && !tryMatch(c.items[i], valueAt(of, at), out, base, refs)) return false
    places.push(at)
  }
  if (given.length > 1) places.sort(ascending)
  let at = 0
  let met = 0
  for (let i = 0; i < free.length; i++, at++) {
    for (; met < places.length && places[met] === at; met++) at++
    if (free[i] >= 0) out[base + free[i]] = of instanceof MapTerm ? keyOf(of, at) : memberOf(of, at)
    if (values[i] >= 0) out[base + values[i]] = valueAt(of as MapTerm, at)
    places.splice(met++, 0, at)
  }
  if (c.rest >= 0) out[base + c.rest] = of instanceof MapTerm ? withoutEntries(of, places) : withoutMembers(of, places)
  return true
}

function ascending(a: number, b: number): number {
  return a - b
}

function tryFront(c: CompiledPattern, values: readonly Term[], out: Term[], base: number, refs: Refs): boolean {
  const ops = c.ops
  const n = ops.length
  for (let i = 0; i < n; i++) {
    const v = values[i]
    switch (ops[i]) {
      case Op.Wildcard:
        break
      case Op.Bind:
        out[base + c.indices[i]] = v
        break
      case TEXT:
        if (typeof v === 'string' ? v !== (c.literals[i] as string) : typeof v !== 'object' || forced(v) !== c.literals[i]) return false
        break
      case NUMBER:
        if (typeof v === 'number' ? v !== (c.literals[i] as number) : typeof v !== 'object' || forced(v) !== c.literals[i]) return false
        break
      case INT:
        if (typeof v === 'number') out[base + c.indices[i]] = v
        else if (!tryMatch(c.items[i], v, out, base, refs)) return false
        break
      default:
        if (!tryMatch(c.items[i], v, out, base, refs)) return false
    }
  }
  return true
}
