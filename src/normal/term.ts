/**
 * Terms in normal form: values, code and patterns share one representation (rholang.md section 4.1).
 *
 * A term is a JavaScript primitive for the frequent values — `number` (an Int that is a safe integer, never anything else), `bigint` (an Int
 * outside the safe integers, within 64 bits), `boolean`, `string` — and otherwise a `Node`. A name is the process it quotes, so `@P` and `P`
 * have one representation and `*@P`, `@*x` cost nothing. Terms are immutable and may be arbitrarily deep and wide: nothing recurses over them.
 *
 * Variables are nameless. `Bound(i)` is the de Bruijn index of an enclosing binder's variable, 0 the innermost. A binder of n variables
 * (a receive, a match case, a `new`) makes its variable number k (in pattern order, binds in normal-form order) `Bound(n - 1 - k)` directly
 * inside its body and guard. `Free(k)` is the k-th variable that a pattern binds; numbering starts at 0 in every bind of a receive, in every case and
 * right side of `matches`, and afresh on each side of `\/` and under `~`, whose variables are visible nowhere else. `Ref(i)` is `=x` inside a pattern: the
 * value of `Bound(i)` as seen from where it stands. Pattern variables are not binders for indices that occur inside the same pattern.
 *
 * Invariants kept by the smart constructors of `build.ts`, which everything outside decoding tests uses: a `Par` has 0 or at least 2 components, none of them a
 * `Par`, in canonical order; sets and maps of values are sorted and free of duplicates; bundles do not nest; `/\` and `\/` chains are flat.
 */
import { Chan } from '../../rspace/kernel.ts'

/** Also the order of the classes in the canonical order (rholang.md 4.3). */
export const Tag = {
  Bool: 0,
  Int: 1,
  String: 2,
  Uri: 3,
  Unforgeable: 4,
  List: 5,
  Tuple: 6,
  Set: 7,
  Map: 8,
  DeployerId: 9,
  DeployId: 10,
  PathMap: 11,
  Float: 12,
  BigInt: 13,
  BigRat: 14,
  Fixed: 15,
  Bytes: 16,
  Zipper: 17,
  Bound: 18,
  Free: 19,
  Wildcard: 20,
  Neg: 21,
  Mul: 22,
  Div: 23,
  Add: 24,
  Sub: 25,
  Lt: 26,
  Le: 27,
  Gt: 28,
  Ge: 29,
  Eq: 30,
  Ne: 31,
  Not: 32,
  And: 33,
  Or: 34,
  Method: 35,
  Matches: 36,
  Interp: 37,
  Concat: 38,
  Diff: 39,
  Mod: 40,
  AndThen: 41,
  OrElse: 42,
  Send: 43,
  Receive: 44,
  New: 45,
  Match: 46,
  If: 47,
  Select: 48,
  Bundle: 49,
  ConnAnd: 50,
  ConnOr: 51,
  ConnNot: 52,
  Ref: 53,
  Type: 54,
  Par: 60,
  Closure: 61,
} as const

/** Bits of `Node.flags`. */
export const Flag = {
  /** Used as a pattern it is not a constant: holds a Free, Wildcard, connective, type or Ref that belongs to this pattern (not to one nested in it). */
  Pattern: 1,
  /** `val` would change it: holds a variable or an unevaluated expression in a value position (not below send, receive, …, bundle). */
  Exposed: 2,
  /** Holds a Float NaN in values and collections (not in code). */
  NaN: 4,
  /** Holds an unforgeable name anywhere. */
  Unforgeable: 8,
  /** Holds a `Closure` anywhere that has not been looked into. */
  Closure: 16,
} as const

export type Term = number | bigint | boolean | string | Node

/** Common part of all nodes. `tag`, and `flags`/`free` where constant, live on the prototype of the class. */
export abstract class Node {
  declare readonly tag: number
  declare readonly flags: number
  /** 1 + the largest index of a bound variable (or Ref) that is free in this term; 0 = closed. */
  declare readonly free: number
}

/** Whether a value of the host is a term that is no primitive. */
export function isNode(v: unknown): v is Node {
  return v instanceof Node || v instanceof Unforgeable
}

function fixed(c: { prototype: Node }, tag: number, flags = 0, free = 0): void {
  Object.assign(c.prototype, { tag, flags, free })
}

function tagged(c: { prototype: Node }, tag: number): void {
  Object.assign(c.prototype, { tag })
}

// ── leaves ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export class Uri extends Node {
  readonly text: string
  constructor(text: string) {
    super()
    this.text = text
  }
}
fixed(Uri, Tag.Uri)

export class Bytes extends Node {
  declare readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }
  /** Number of bytes. Unlike `bytes` it never costs anything (`long.ts`). */
  get count(): number {
    return this.bytes.length
  }
}
fixed(Bytes, Tag.Bytes)

export class Float extends Node {
  readonly value: number
  override readonly flags: number
  constructor(value: number) {
    super()
    this.value = value
    this.flags = Number.isNaN(value) ? Flag.NaN : 0
  }
}
fixed(Float, Tag.Float)

export class BigInteger extends Node {
  readonly value: bigint
  constructor(value: bigint) {
    super()
    this.value = value
  }
}
fixed(BigInteger, Tag.BigInt)

/** Reduced, denominator positive. */
export class BigRat extends Node {
  readonly num: bigint
  readonly den: bigint
  constructor(num: bigint, den: bigint) {
    super()
    this.num = num
    this.den = den
  }
}
fixed(BigRat, Tag.BigRat)

export class Fixed extends Node {
  readonly unscaled: bigint
  readonly scale: number
  constructor(unscaled: bigint, scale: number) {
    super()
    this.unscaled = unscaled
    this.scale = scale
  }
}
fixed(Fixed, Tag.Fixed)

/** Where unforgeable names come from: one per shard and run of a space. */
export interface NameOrigin {
  /** The 32 bytes of name `counter`: BLAKE2b-256(key ‖ shard ‖ counter). Computed on export only. */
  bytes(counter: number): Uint8Array
}

const NAME_SIZE = 36

/**
 * A name made by `new`. Equal to itself only: within a process one name is one object. It is its own channel in the space, from the moment somebody comes to it:
 * a name that is no channel is rare, so both are one object. This folder never looks at what it is as a channel.
 */
export class Unforgeable extends Chan implements Node {
  readonly origin: NameOrigin
  readonly counter: number
  declare readonly tag: number
  declare readonly flags: number
  declare readonly free: number
  /** As that of a `Compound`: sizes are asked for of both where either may come. */
  declare readonly size: number
  constructor(origin: NameOrigin, counter: number) {
    super(null)
    this.origin = origin
    this.counter = counter
  }
  get id(): Uint8Array {
    return this.origin.bytes(this.counter)
  }
  /** Whether somebody has come to it as a channel; it is its own owner then. */
  get used(): boolean {
    return this.owner !== null
  }
}
fixed(Unforgeable, Tag.Unforgeable, Flag.Unforgeable)
Object.assign(Unforgeable.prototype, { size: NAME_SIZE })

export class DeployerId extends Node {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }
}
fixed(DeployerId, Tag.DeployerId)

export class DeployId extends Node {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }
}
fixed(DeployId, Tag.DeployId)

export class Bound extends Node {
  readonly index: number
  override readonly free: number
  constructor(index: number) {
    super()
    this.index = index
    this.free = index + 1
  }
}
fixed(Bound, Tag.Bound, Flag.Exposed)

/** The variable after `...` outside patterns, with where it was written: what it stands for may be no collection of the right kind. */
export class Remainder extends Bound {
  readonly start: number
  readonly end: number
  constructor(index: number, start: number, end: number) {
    super(index)
    this.start = start
    this.end = end
  }
}

export class Free extends Node {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
}
fixed(Free, Tag.Free, Flag.Pattern)

export class Wildcard extends Node {}
fixed(Wildcard, Tag.Wildcard, Flag.Pattern)
export const WILDCARD = new Wildcard()

/** `=x`: compared with the value of `Bound(index)`. `star` only remembers that it was written `=*x`; it is not part of equality. */
export class Ref extends Node {
  readonly index: number
  readonly star: boolean
  override readonly free: number
  constructor(index: number, star: boolean) {
    super()
    this.index = index
    this.star = star
    this.free = index + 1
  }
}
fixed(Ref, Tag.Ref, Flag.Pattern)

export type TypeName = 'Bool' | 'Int' | 'String' | 'Uri' | 'ByteArray'
export class TypePattern extends Node {
  readonly type: TypeName
  constructor(type: TypeName) {
    super()
    this.type = type
  }
}
fixed(TypePattern, Tag.Type, Flag.Pattern)

const BOUND = Array.from({ length: 256 }, (_, i) => new Bound(i))
const FREE = Array.from({ length: 64 }, (_, i) => new Free(i))
export function bound(index: number): Bound {
  return index < 256 ? BOUND[index] : new Bound(index)
}
export function free(index: number): Free {
  return index < 64 ? FREE[index] : new Free(index)
}

// ── measures of terms, for the constructors ───────────────────────────────────────────────────────────────────────────

export function flagsOf(t: Term): number {
  return typeof t === 'object' ? t.flags : 0
}
export function freeOf(t: Term): number {
  return typeof t === 'object' ? t.free : 0
}
/** Flags of a term that a quotation of code hides: a body has no exposed expressions and no NaN of its own. */
const HIDE = ~(Flag.Exposed | Flag.NaN)
function under(count: number, free: number): number {
  return free > count ? free - count : 0
}

// ── collections ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Base of nodes that cache their hash and size. */
export abstract class Compound extends Node {
  override readonly flags: number
  override readonly free: number
  /** 32-bit structural hash, 0 until computed by `hashOf` (order.ts). */
  hash: number
  /** Size in the sense of rholang.md 16.1, -1 until computed by `sizeOf` (size.ts). */
  size: number
  constructor(flags: number, free: number) {
    super()
    this.flags = flags
    this.free = free
    this.hash = 0
    this.size = -1
  }
}

function manyFlags(items: readonly Term[], from: number): number {
  let flags = from
  for (let i = 0; i < items.length; i++) {
    const t = items[i]
    if (typeof t === 'object') flags |= t.flags
  }
  return flags
}
function manyFree(items: readonly Term[], from: number): number {
  let free = from
  for (let i = 0; i < items.length; i++) {
    const t = items[i]
    if (typeof t === 'object' && t.free > free) free = t.free
  }
  return free
}

/** A variable after `...`: `Free` or `Wildcard` in patterns, `Bound` where a literal with remainder stands outside a pattern. */
export type Rest = Free | Wildcard | Bound | null

/** `[a, b ...rest]` */
export class List extends Compound {
  declare readonly items: readonly Term[]
  readonly rest: Rest
  /** `flags` where they are known already and no item has a free variable. */
  constructor(items: readonly Term[], rest: Rest = null, flags = -1) {
    super(
      flags < 0 ? manyFlags(items, rest === null ? 0 : rest.flags) : flags,
      flags < 0 ? manyFree(items, rest === null ? 0 : rest.free) : 0,
    )
    this.items = items
    this.rest = rest
  }
  /** Number of items. Unlike `items` it never costs anything (`long.ts`). */
  get count(): number {
    return this.items.length
  }
}
tagged(List, Tag.List)

export class Tuple extends Compound {
  readonly items: readonly Term[]
  /** `flags` where they are known already: those of all items together, none of which has a free variable. */
  constructor(items: readonly Term[], flags = -1) {
    super(flags < 0 ? manyFlags(items, 0) : flags, flags < 0 ? manyFree(items, 0) : 0)
    this.items = items
  }
}
tagged(Tuple, Tag.Tuple)

/** Sorted and free of duplicates when every element is a value; otherwise in source order. Build with `makeSet`. */
export class SetTerm extends Compound {
  declare readonly items: readonly Term[]
  readonly rest: Rest
  constructor(items: readonly Term[], rest: Rest = null, flags = -1) {
    super(
      flags < 0 ? manyFlags(items, rest === null ? 0 : rest.flags) : flags,
      flags < 0 ? manyFree(items, rest === null ? 0 : rest.free) : 0,
    )
    this.items = items
    this.rest = rest
  }
  get count(): number {
    return this.items.length
  }
}
tagged(SetTerm, Tag.Set)

/** Elements in path order. Build with `makePathMap`. */
export class PathMap extends Compound {
  readonly items: readonly Term[]
  readonly rest: Rest
  constructor(items: readonly Term[], rest: Rest = null) {
    super(manyFlags(items, rest === null ? 0 : rest.flags), manyFree(items, rest === null ? 0 : rest.free))
    this.items = items
    this.rest = rest
  }
  get count(): number {
    return this.items.length
  }
}
tagged(PathMap, Tag.PathMap)

/** Parallel arrays. Sorted by key, keys distinct, when every key is a value; otherwise in source order. Build with `makeMap`. */
export class MapTerm extends Compound {
  declare readonly keys: readonly Term[]
  declare readonly values: readonly Term[]
  readonly rest: Rest
  constructor(keys: readonly Term[], values: readonly Term[], rest: Rest = null, flags = -1) {
    super(
      flags < 0 ? manyFlags(keys, manyFlags(values, rest === null ? 0 : rest.flags)) : flags,
      flags < 0 ? manyFree(keys, manyFree(values, rest === null ? 0 : rest.free)) : 0,
    )
    this.keys = keys
    this.values = values
    this.rest = rest
  }
  get count(): number {
    return this.keys.length
  }
}
tagged(MapTerm, Tag.Map)

// ── code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Code that can fail or be reported carries where it was written (`base/source.ts`), -1 when unknown. Not part of equality. */
export abstract class Code extends Compound {
  readonly start: number
  readonly end: number
  constructor(flags: number, free: number, start: number, end: number) {
    super(flags, free)
    this.start = start
    this.end = end
  }
}

/** Says where code that is just being made was written. */
export function place(code: Code, start: number, end: number): void {
  const made: { -readonly [K in 'start' | 'end']: Code[K] } = code
  made.start = start
  made.end = end
}

/** An unevaluated operator: `tag` is one of Neg … OrElse except Method and Matches. `right` is null for Neg and Not. */
export class Op extends Code {
  override readonly tag: number
  readonly left: Term
  readonly right: Term | null
  constructor(tag: number, left: Term, right: Term | null, start = -1, end = -1) {
    const r = right === null ? 0 : flagsOf(right)
    super(((flagsOf(left) | r) & ~Flag.NaN) | Flag.Exposed, Math.max(freeOf(left), right === null ? 0 : freeOf(right)), start, end)
    this.tag = tag
    this.left = left
    this.right = right
  }
}

/** `left matches pattern`. The pattern's own Pattern flag stays inside. `count` = number of its free variables. */
export class Matches extends Code {
  readonly left: Term
  readonly pattern: Term
  readonly count: number
  constructor(left: Term, pattern: Term, count: number, start = -1, end = -1) {
    const inner = flagsOf(pattern) & (Flag.Unforgeable | Flag.Closure)
    super((flagsOf(left) & ~Flag.NaN) | inner | Flag.Exposed, Math.max(freeOf(left), freeOf(pattern)), start, end)
    this.left = left
    this.pattern = pattern
    this.count = count
  }
}
tagged(Matches, Tag.Matches)

export class Method extends Code {
  readonly target: Term
  readonly name: string
  readonly args: readonly Term[]
  constructor(target: Term, name: string, args: readonly Term[], start = -1, end = -1) {
    super((manyFlags(args, flagsOf(target)) & ~Flag.NaN) | Flag.Exposed, manyFree(args, freeOf(target)), start, end)
    this.target = target
    this.name = name
    this.args = args
  }
}
tagged(Method, Tag.Method)

export class Send extends Code {
  readonly chan: Term
  readonly data: readonly Term[]
  readonly persistent: boolean
  constructor(chan: Term, data: readonly Term[], persistent: boolean, start = -1, end = -1) {
    super(manyFlags(data, flagsOf(chan)) & HIDE, manyFree(data, freeOf(chan)), start, end)
    this.chan = chan
    this.data = data
    this.persistent = persistent
  }
}
tagged(Send, Tag.Send)

/** Arrows of binds, as numbers. */
export const Arrow = { Linear: 0, Persistent: 1, Peek: 2 } as const

/** One bind of a receive. `rest`: `...@x`. `count` = number of variables that its patterns (and rest) bind. */
export class Bind {
  readonly patterns: readonly Term[]
  readonly rest: Free | Wildcard | null
  readonly source: Term
  readonly arrow: number
  readonly count: number
  /** Where its source was written, -1 when unknown. Not part of equality. */
  readonly start: number
  readonly end: number
  constructor(patterns: readonly Term[], rest: Free | Wildcard | null, source: Term, arrow: number, count: number, start = -1, end = -1) {
    this.patterns = patterns
    this.rest = rest
    this.source = source
    this.arrow = arrow
    this.count = count
    this.start = start
    this.end = end
  }
}

function bindsFlags(binds: readonly Bind[]): number {
  let flags = 0
  for (const b of binds) flags |= flagsOf(b.source) | (manyFlags(b.patterns, 0) & (Flag.Unforgeable | Flag.Closure))
  return flags
}
function bindsFree(binds: readonly Bind[]): number {
  let free = 0
  for (const b of binds) free = Math.max(manyFree(b.patterns, free), freeOf(b.source))
  return free
}

/** Binds in normal-form order; `count` = sum over the binds = variables bound in guard and body. Pattern parts in source and body make it a pattern. */
export class Receive extends Code {
  readonly binds: readonly Bind[]
  readonly guard: Term | null
  readonly body: Term
  readonly count: number
  constructor(binds: readonly Bind[], guard: Term | null, body: Term, count: number, start = -1, end = -1) {
    const g = guard === null ? 0 : flagsOf(guard)
    super(
      (bindsFlags(binds) | g | flagsOf(body)) & HIDE,
      Math.max(bindsFree(binds), under(count, freeOf(body)), under(count, guard === null ? 0 : freeOf(guard))),
      start,
      end,
    )
    this.binds = binds
    this.guard = guard
    this.body = body
    this.count = count
  }
  /** Stays after a match: at least one bind is `<=`. */
  get persistent(): boolean {
    const { binds } = this
    for (let i = 0; i < binds.length; i++) if (binds[i].arrow === Arrow.Persistent) return true
    return false
  }
}
tagged(Receive, Tag.Receive)

/** `count` names; the last `uris.length` of them are bound to the URIs, which are sorted. */
export class New extends Code {
  readonly count: number
  readonly uris: readonly string[]
  readonly body: Term
  constructor(count: number, uris: readonly string[], body: Term, start = -1, end = -1) {
    super(flagsOf(body) & HIDE, under(count, freeOf(body)), start, end)
    this.count = count
    this.uris = uris
    this.body = body
  }
}
tagged(New, Tag.New)

/** One case of a match; `count` = number of variables of the pattern. */
export class Case {
  readonly pattern: Term
  readonly guard: Term | null
  readonly body: Term
  readonly count: number
  constructor(pattern: Term, guard: Term | null, body: Term, count: number) {
    this.pattern = pattern
    this.guard = guard
    this.body = body
    this.count = count
  }
}

function casesFlags(cases: readonly Case[], from: number): number {
  let flags = from
  for (const c of cases)
    flags |= (flagsOf(c.pattern) & (Flag.Unforgeable | Flag.Closure)) | flagsOf(c.body) | (c.guard === null ? 0 : flagsOf(c.guard))
  return flags
}
function casesFree(cases: readonly Case[], from: number): number {
  let free = from
  for (const c of cases)
    free = Math.max(free, freeOf(c.pattern), under(c.count, freeOf(c.body)), under(c.count, c.guard === null ? 0 : freeOf(c.guard)))
  return free
}

export class Match extends Code {
  readonly target: Term
  readonly cases: readonly Case[]
  constructor(target: Term, cases: readonly Case[], start = -1, end = -1) {
    super(casesFlags(cases, flagsOf(target)) & HIDE, casesFree(cases, freeOf(target)), start, end)
    this.target = target
    this.cases = cases
  }
}
tagged(Match, Tag.Match)

export class If extends Code {
  readonly cond: Term
  readonly consequent: Term
  readonly alternative: Term
  constructor(cond: Term, consequent: Term, alternative: Term, start = -1, end = -1) {
    super(
      (flagsOf(cond) | flagsOf(consequent) | flagsOf(alternative)) & HIDE,
      Math.max(freeOf(cond), freeOf(consequent), freeOf(alternative)),
      start,
      end,
    )
    this.cond = cond
    this.consequent = consequent
    this.alternative = alternative
  }
}
tagged(If, Tag.If)

/** One alternative of a `select`: binds in normal-form order, arrows Linear or Peek only. */
export class Branch {
  readonly binds: readonly Bind[]
  readonly guard: Term | null
  readonly body: Term
  readonly count: number
  constructor(binds: readonly Bind[], guard: Term | null, body: Term, count: number) {
    this.binds = binds
    this.guard = guard
    this.body = body
    this.count = count
  }
}

export class Select extends Code {
  readonly branches: readonly Branch[]
  constructor(branches: readonly Branch[], start = -1, end = -1) {
    let flags = 0
    let free = 0
    for (const b of branches) {
      flags |= bindsFlags(b.binds) | flagsOf(b.body) | (b.guard === null ? 0 : flagsOf(b.guard))
      free = Math.max(free, bindsFree(b.binds), under(b.count, freeOf(b.body)), under(b.count, b.guard === null ? 0 : freeOf(b.guard)))
    }
    super(flags & HIDE, free, start, end)
    this.branches = branches
  }
}
tagged(Select, Tag.Select)

/** Flags: 0 `bundle0`, 1 `bundle-` (may be read), 2 `bundle+` (may be written), 3 `bundle`. Build with `makeBundle`. */
export class Bundle extends Compound {
  readonly rights: number
  readonly body: Term
  constructor(rights: number, body: Term) {
    super(flagsOf(body) & HIDE, freeOf(body))
    this.rights = rights
    this.body = body
  }
}
tagged(Bundle, Tag.Bundle)

// ── patterns ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `/\` (tag ConnAnd) or `\/` (tag ConnOr), flat, at least two parts, source order. */
export class Conn extends Compound {
  override readonly tag: number
  readonly parts: readonly Term[]
  constructor(tag: number, parts: readonly Term[]) {
    super((manyFlags(parts, 0) & HIDE) | Flag.Pattern, manyFree(parts, 0))
    this.tag = tag
    this.parts = parts
  }
}

/** `~body` */
export class ConnNot extends Compound {
  readonly body: Term
  constructor(body: Term) {
    super((flagsOf(body) & HIDE) | Flag.Pattern, freeOf(body))
    this.body = body
  }
}
tagged(ConnNot, Tag.ConnNot)

// ── parallel composition ──────────────────────────────────────────────────────────────────────────────────────────────

/** 0 components (Nil, the one object `NIL`) or at least 2 in canonical order. Build with `makePar`. */
export class Par extends Compound {
  declare readonly items: readonly Term[]
  /** `flags` where they are known already and no component has a free variable. */
  constructor(items: readonly Term[], flags = -1) {
    super(flags < 0 ? manyFlags(items, 0) : flags, flags < 0 ? manyFree(items, 0) : 0)
    this.items = items
  }
  /** Number of components. Unlike `items` it never costs anything (`long.ts`). */
  get count(): number {
    return this.items.length
  }
}
tagged(Par, Tag.Par)

export const NIL = new Par([])

/** The components of a process. A `Closure` must be forced first. */
export function components(t: Term): readonly Term[] {
  return t instanceof Par ? t.items : [t]
}

// ── closures ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Code that a closure closes over: builds the normal form when somebody asks. */
export interface Template {
  close(captures: readonly Term[]): Term
}

/**
 * A quoted process at run time: code plus captured values. It stands anywhere a closed term stands; whoever looks inside a term calls `force` first.
 * Its normal form is computed once, when it is compared, matched, printed or stored, never when it is only passed on and run.
 */
export class Closure extends Node {
  readonly template: Template
  readonly captures: readonly Term[]
  private forced: Term | null
  constructor(template: Template, captures: readonly Term[]) {
    super()
    this.template = template
    this.captures = captures
    this.forced = null
  }
  /** `force` costs nothing any more. */
  get isForced(): boolean {
    return this.forced !== null
  }
  force(): Term {
    return (this.forced ??= this.template.close(this.captures))
  }
}
fixed(Closure, Tag.Closure, Flag.Closure)

/** The term itself, or what a closure stands for. Not deep: parts of the result may be closures again. */
export function forced(t: Term): Term {
  return typeof t === 'object' && t.tag === Tag.Closure ? (t as Closure).force() : t
}

/** The tag of any term; a closure must be forced first. */
export function tagOf(t: Term): number {
  switch (typeof t) {
    case 'object':
      return t.tag
    case 'string':
      return Tag.String
    case 'boolean':
      return Tag.Bool
    default:
      return Tag.Int
  }
}

/** Exactly one value in the sense of rholang.md 4.1: what operators and methods take. Names made by `new` are not values. */
export function isValue(t: Term): boolean {
  const tag = tagOf(t)
  return tag <= Tag.Zipper && tag !== Tag.Unforgeable
}
