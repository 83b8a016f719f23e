import { pushScopeKids } from './parts.ts'
import { sizeOf } from './size.ts'
import {
  type BigInteger,
  type BigRat,
  type Bind,
  type Bound,
  type Bundle,
  type Bytes,
  type Case,
  type Conn,
  type ConnNot,
  type DeployerId,
  type Fixed,
  Flag,
  type Float,
  type Free,
  flagsOf,
  forced,
  freeOf,
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
  type Ref,
  type Rest,
  type Select,
  type Send,
  Tag,
  type Term,
  type TypePattern,
  tagOf,
  type Unforgeable,
  type Uri,
} from './term.ts'

// ── literals ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const NEEDS_ESCAPE = /[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\ufeff]/

/** What the host holds in one string, in UTF-16 units. */
const UNITS_MAX = 0x1fffffe8

/** No term has more of the size of rholang.md 16.1 for each unit of its text: an Int has 8 and takes at least one. */
const SIZE_PER_UNIT = 8

function tooLong(): RangeError {
  return new RangeError('the text is too long')
}

/**
 * A String as a literal of the language.
 * @throws RangeError if it would have more than `max` units
 */
export function showString(s: string, max = UNITS_MAX): string {
  if (s.length + 2 > max) throw tooLong()
  if (!NEEDS_ESCAPE.test(s)) return `"${s}"`
  const pieces: string[] = []
  let units = 2
  for (let i = 0; i < s.length; i += PIECE) {
    const piece = escaped(s, i, Math.min(i + PIECE, s.length))
    units += piece.length
    if (units > max) throw tooLong()
    pieces.push(piece)
  }
  return `"${pieces.join('')}"`
}

/** Long strings are escaped piece by piece: each is made flat before the next one begins. */
const PIECE = 1 << 16

function escaped(s: string, start: number, end: number): string {
  let out = ''
  let from = start
  for (let i = start; i < end; i++) {
    const c = s.charCodeAt(i)
    let text: string
    if (c === 0x5c) text = '\\\\'
    else if (c === 0x22) text = '\\"'
    else if (c === 0x0a) text = '\\n'
    else if (c === 0x09) text = '\\t'
    else if (c === 0x0d) text = '\\r'
    else if (c === 0 && !isDigit(s.charCodeAt(i + 1))) text = '\\0'
    else if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c === 0x2028 || c === 0x2029 || c === 0xfeff) text = `\\u{${c.toString(16)}}`
    else continue
    out += s.slice(from, i) + text
    from = i + 1
  }
  return out + s.slice(from, end)
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

/** Lower-case hexadecimal digits, two for each byte. */
export function hex(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i++) out += (bytes[i] < 16 ? '0' : '') + bytes[i].toString(16)
  return out
}

/** A Float as a literal: the shortest digits that read back, with `.` or an exponent, and `f64`. */
export function showFloat(v: number): string {
  if (Number.isNaN(v)) return 'NaNf64'
  if (v === Number.POSITIVE_INFINITY) return '1e999f64'
  if (v === Number.NEGATIVE_INFINITY) return '-1e999f64'
  if (Object.is(v, -0)) return '-0.0f64'
  const digits = String(v).replace('e+', 'e')
  return `${/[.e]/.test(digits) ? digits : `${digits}.0`}f64`
}

/** A Fixed as a literal: all its decimal digits and its scale. */
export function showFixed(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString()
  if (scale === 0) return `${sign}${digits}p0`
  const all = digits.padStart(scale + 1, '0')
  return `${sign}${all.slice(0, all.length - scale)}.${all.slice(all.length - scale)}p${scale}`
}

function showPrimitive(t: Term): string {
  return typeof t === 'string' ? showString(t) : String(t)
}

// ── layout ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Where a term stands: how many variables are bound around it, in which pattern, and how pattern variables are called there. */
class Scope {
  readonly level: number
  /** Patterns around: each has a letter of its own for the variables that are bound inside it. */
  readonly segment: number
  /** The segment whose letter the pattern variables get, -1 in a bare pattern; and the number of the first one. */
  readonly freeSegment: number
  readonly freeLevel: number
  constructor(level: number, segment: number, freeSegment: number, freeLevel: number) {
    this.level = level
    this.segment = segment
    this.freeSegment = freeSegment
    this.freeLevel = freeLevel
  }
  under(count: number): Scope {
    return count === 0 ? this : new Scope(this.level + count, this.segment, this.freeSegment, this.freeLevel)
  }
}

const Place = { Process: 0, Name: 1, Operand: 2, Part: 3 } as const

class Job {
  readonly term: Term
  readonly scope: Scope
  readonly place: number
  constructor(term: Term, scope: Scope, place: number) {
    this.term = term
    this.scope = scope
    this.place = place
  }
}

/** What a scope needs to be told before its terms are printed: `count` variables of a binder, or (-1) the beginning of a pattern. */
class Enter {
  readonly scope: Scope
  readonly count: number
  readonly names: boolean
  constructor(scope: Scope, count: number, names: boolean) {
    this.scope = scope
    this.count = count
    this.names = names
  }
}

type Entry = string | number | Job | Enter

const BREAK = 0
const INDENT = 1
const DEDENT = 2
const FLAT = 3
const UNFLAT = 4

/** Deeper blocks are not indented further: a hundred thousand nested blocks would be mostly spaces. */
const MAX_INDENT = 100

const LETTERS = 'xyzabcdefghijklmnopqrstuvw'

const SYMBOLS: Record<number, string> = {
  [Tag.Mul]: '*',
  [Tag.Div]: '/',
  [Tag.Add]: '+',
  [Tag.Sub]: '-',
  [Tag.Lt]: '<',
  [Tag.Le]: '<=',
  [Tag.Gt]: '>',
  [Tag.Ge]: '>=',
  [Tag.Eq]: '==',
  [Tag.Ne]: '!=',
  [Tag.And]: 'and',
  [Tag.Or]: 'or',
  [Tag.Interp]: '%%',
  [Tag.Concat]: '++',
  [Tag.Diff]: '--',
  [Tag.Mod]: '%',
  [Tag.AndThen]: '&&',
  [Tag.OrElse]: '||',
}

const ARROWS = ['<-', '<=', '<<-']
const BUNDLES = ['bundle0', 'bundle-', 'bundle+', 'bundle']

/** Values, variables and unevaluated expressions: what may be an operand without braces. */
function isExpression(tag: number): boolean {
  return tag <= Tag.OrElse && tag !== Tag.Unforgeable && tag !== Tag.DeployId && tag !== Tag.DeployerId
}

/** Classes of components in the order in which they are printed. */
function printClass(t: Term): number {
  const tag = tagOf(t)
  if (isExpression(tag)) return 4
  switch (tag) {
    case Tag.Bundle:
      return 0
    case Tag.Send:
      return 1
    case Tag.Receive:
      return 2
    case Tag.New:
      return 3
    case Tag.Match:
      return 5
    case Tag.If:
      return 6
    case Tag.Select:
      return 7
    case Tag.Unforgeable:
    case Tag.DeployId:
    case Tag.DeployerId:
      return 8
    default:
      return 9
  }
}

/** May stand beside `/\` and `\/` and after `~` without braces. */
function isAtom(tag: number): boolean {
  return (
    (tag <= Tag.Wildcard && tag !== Tag.Unforgeable && tag !== Tag.DeployId && tag !== Tag.DeployerId) ||
    tag === Tag.Bundle ||
    (tag >= Tag.ConnAnd && tag <= Tag.Type)
  )
}

/** Pieces after which the text so far is put together: what is printed may be larger than the term, many times. */
const FLUSH = 1 << 16

class Printer {
  private readonly out: string[] = []
  private readonly chunks: string[] = []
  private units = 0
  private readonly max: number
  private readonly stack: Entry[] = []
  private indent = 0
  private flat = 0
  /** For each level around the current place: bound by `new`. */
  private readonly names: boolean[] = []
  /** Levels where the patterns around the current place begin. */
  private readonly segments: number[] = [0]
  private readonly first = new Map<Node, number>()
  private readonly oneLine = new Set<Node>()
  private readonly manyLines = new Set<Node>()
  private readonly outer: number

  constructor(outer: number, max: number) {
    this.outer = outer
    this.max = max
    for (let i = 0; i < outer; i++) this.names.push(false)
  }

  show(t: Term, place: number, flat: boolean): string {
    if (flat) this.flat = 1
    this.stack.push(new Job(t, new Scope(this.outer, 0, -1, 0), place))
    while (this.stack.length > 0) {
      const e = this.stack.pop() as Entry
      if (typeof e === 'string') this.out.push(e)
      else if (typeof e === 'number') this.control(e)
      else if (e instanceof Enter) this.enter(e)
      else this.term(e)
      if (this.out.length > FLUSH) this.flush()
    }
    this.flush()
    return this.chunks.length === 1 ? this.chunks[0] : this.chunks.join('')
  }

  private flush(): void {
    const text = this.out.join('')
    this.units += text.length
    if (this.units > this.max) throw tooLong()
    this.chunks.push(text)
    this.out.length = 0
  }

  private control(code: number): void {
    switch (code) {
      case BREAK:
        this.out.push(this.flat > 0 ? ' ' : `\n${'  '.repeat(Math.min(this.indent, MAX_INDENT))}`)
        break
      case INDENT:
        this.indent++
        break
      case DEDENT:
        this.indent--
        break
      case FLAT:
        this.flat++
        break
      default:
        this.flat--
    }
  }

  private enter(e: Enter): void {
    const { level, segment } = e.scope
    for (let i = level - e.count; i < level; i++) this.names[i] = e.names
    if (e.count < 0) this.segments[segment] = level
  }

  private push(entries: Entry[]): void {
    for (let i = entries.length - 1; i >= 0; i--) this.stack.push(entries[i])
  }

  // ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private nameAt(level: number, segment: number): string {
    // Segments begin at ascending levels; the last one that begins at or before the level owns it.
    let lo = 0
    let hi = segment
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1
      if (this.segments[mid] <= level) lo = mid
      else hi = mid - 1
    }
    return letters(lo) + (level - this.segments[lo])
  }

  private boundName(index: number, scope: Scope): string {
    return this.nameAt(scope.level - 1 - index, scope.segment)
  }

  private isName(index: number, scope: Scope): boolean {
    return this.names[scope.level - 1 - index] === true
  }

  private freeName(k: number, scope: Scope): string {
    return scope.freeSegment < 0 ? `free${k}` : letters(scope.freeSegment) + (scope.freeLevel + k - this.segments[scope.freeSegment])
  }

  private variable(v: Node, scope: Scope): string {
    switch (v.tag) {
      case Tag.Bound: {
        const i = (v as Bound).index
        return this.isName(i, scope) ? `*${this.boundName(i, scope)}` : this.boundName(i, scope)
      }
      case Tag.Free:
        return this.freeName((v as Free).index, scope)
      case Tag.Ref: {
        const r = v as Ref
        const level = scope.level - 1 - r.index
        const star = level < this.outer ? r.star : this.isName(r.index, scope)
        return `=${star ? '*' : ''}${this.boundName(r.index, scope)}`
      }
      default:
        return '_'
    }
  }

  private rest(rest: Rest, scope: Scope): string {
    return rest === null ? '' : `...${this.variable(rest, scope)}`
  }

  // ── terms ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  private term(job: Job): void {
    const t = forced(job.term)
    const { scope, place } = job
    if (place === Place.Name) {
      if (typeof t === 'object' && t.tag === Tag.Bound && this.isName((t as Bound).index, scope)) {
        this.out.push(this.boundName((t as Bound).index, scope))
        return
      }
      this.push(['@{', FLAT, new Job(t, scope, Place.Process), UNFLAT, '}'])
      return
    }
    const tag = tagOf(t)
    if (place === Place.Operand ? !isExpression(tag) : place === Place.Part && !isAtom(tag) && !isNil(t)) {
      this.push(['{', new Job(t, scope, Place.Process), '}'])
      return
    }
    if (typeof t !== 'object') {
      this.out.push(showPrimitive(t))
      return
    }
    switch (tag) {
      case Tag.Uri:
        this.out.push(`\`${(t as Uri).text}\``)
        break
      case Tag.Bytes:
        this.out.push(`0x${hex((t as Bytes).bytes)}`)
        break
      case Tag.Float:
        this.out.push(showFloat((t as Float).value))
        break
      case Tag.BigInt:
        this.out.push(`${(t as BigInteger).value}n`)
        break
      case Tag.BigRat:
        this.out.push(`${(t as BigRat).num}/${(t as BigRat).den}r`)
        break
      case Tag.Fixed:
        this.out.push(showFixed((t as Fixed).unscaled, (t as Fixed).scale))
        break
      case Tag.Unforgeable:
        this.out.push(`Unforgeable(0x${hex((t as Unforgeable).id)})`)
        break
      case Tag.DeployId:
        this.out.push(`DeployId(0x${hex((t as DeployerId).bytes)})`)
        break
      case Tag.DeployerId:
        this.out.push(`DeployerId(0x${hex((t as DeployerId).bytes)})`)
        break
      case Tag.Type:
        this.out.push((t as TypePattern).type)
        break
      case Tag.Bound:
      case Tag.Free:
      case Tag.Wildcard:
      case Tag.Ref:
        this.out.push(this.variable(t, scope))
        break
      case Tag.List:
        this.list('[', t as List, ']', scope)
        break
      case Tag.Set:
        this.list('Set(', t as List, ')', scope)
        break
      case Tag.PathMap:
        this.list('{|', t as List, '|}', scope)
        break
      case Tag.Tuple: {
        const items = (t as Par).items
        this.push(['(', ...this.items(items, scope), items.length === 1 ? ',)' : ')'])
        break
      }
      case Tag.Map:
        this.map(t as MapTerm, scope)
        break
      case Tag.Par:
        this.par(t as Par, scope)
        break
      case Tag.Send: {
        const s = t as Send
        this.push([new Job(s.chan, scope, Place.Name), s.persistent ? '!!(' : '!(', ...this.items(s.data, scope), ')'])
        break
      }
      case Tag.Receive:
        this.receive(t as Receive, scope)
        break
      case Tag.New:
        this.new(t as New, scope)
        break
      case Tag.Match:
        this.match(t as Match, scope)
        break
      case Tag.If: {
        const c = t as If
        const entries: Entry[] = ['if (', new Job(c.cond, scope, Place.Operand), ') {', ...this.block(c.consequent, scope), '}']
        if (!isNil(forced(c.alternative))) entries.push(' else {', ...this.block(c.alternative, scope), '}')
        this.push(entries)
        break
      }
      case Tag.Select:
        this.select(t as Select, scope)
        break
      case Tag.Bundle: {
        const b = t as Bundle
        const word = BUNDLES[b.rights]
        if (this.flat > 0 || !this.hasLines(b.body)) this.push([`${word}{ `, new Job(b.body, scope, Place.Process), ' }'])
        else this.push([`${word}{`, ...this.block(b.body, scope), '}'])
        break
      }
      case Tag.ConnAnd:
      case Tag.ConnOr: {
        const entries: Entry[] = ['{']
        const word = tag === Tag.ConnAnd ? ' /\\ ' : ' \\/ '
        for (const p of (t as Conn).parts) {
          if (entries.length > 1) entries.push(word)
          entries.push(new Job(p, scope, Place.Part))
        }
        entries.push('}')
        this.push(entries)
        break
      }
      case Tag.ConnNot:
        this.push(['~{', new Job((t as ConnNot).body, scope, Place.Process), '}'])
        break
      case Tag.Method: {
        const m = t as Method
        const plain = isExpression(tagOf(forced(m.target)))
        this.push([
          plain ? '(' : '{',
          new Job(m.target, scope, Place.Process),
          `${plain ? ')' : '}'}.${m.name}(`,
          ...this.items(m.args, scope),
          ')',
        ])
        break
      }
      case Tag.Matches: {
        const m = t as Matches
        const pattern = patternScope(scope, 0)
        this.push([
          '(',
          new Job(m.left, scope, Place.Operand),
          ' matches ',
          new Enter(pattern, -1, false),
          new Job(m.pattern, pattern, Place.Operand),
          ')',
        ])
        break
      }
      case Tag.Neg:
      case Tag.Not:
        this.push([tag === Tag.Neg ? '-(' : 'not (', new Job((t as Op).left, scope, Place.Operand), ')'])
        break
      default: {
        const o = t as Op
        this.push(['(', new Job(o.left, scope, Place.Operand), ` ${SYMBOLS[tag]} `, new Job(o.right as Term, scope, Place.Operand), ')'])
      }
    }
  }

  /** Terms separated by commas. */
  private items(items: readonly Term[], scope: Scope): Entry[] {
    const entries: Entry[] = []
    for (let i = 0; i < items.length; i++) {
      if (i > 0) entries.push(', ')
      entries.push(typeof items[i] === 'object' ? new Job(items[i], scope, Place.Process) : showPrimitive(items[i]))
    }
    return entries
  }

  private list(open: string, l: List, close: string, scope: Scope): void {
    const entries = this.items(l.items, scope)
    entries.push(this.rest(l.rest, scope) + close)
    this.out.push(open)
    this.push(entries)
  }

  private map(m: MapTerm, scope: Scope): void {
    const entries: Entry[] = []
    const order = this.textOrder(m.keys.length, (m.flags & Flag.Pattern) !== 0, i => this.firstFree([m.keys[i], m.values[i]]))
    for (let n = 0; n < m.keys.length; n++) {
      const i = order === null ? n : order[n]
      if (n > 0) entries.push(', ')
      entries.push(new Job(m.keys[i], scope, Place.Process), ' : ', new Job(m.values[i], scope, Place.Process))
    }
    entries.push(`${this.rest(m.rest, scope)}}`)
    this.out.push('{')
    this.push(entries)
  }

  private par(p: Par, scope: Scope): void {
    if (p.items.length === 0) {
      this.out.push('Nil')
      return
    }
    const classes: Term[][] = []
    for (const c of p.items) {
      const k = printClass(forced(c))
      if (classes[k] === undefined) classes[k] = []
      classes[k].push(c)
    }
    const items = classes.flat()
    const order = this.textOrder(items.length, (p.flags & Flag.Pattern) !== 0, i => this.firstFree([items[i]]))
    const entries: Entry[] = []
    for (let n = 0; n < items.length; n++) {
      if (n > 0) entries.push(' |', BREAK)
      entries.push(new Job(items[order === null ? n : order[n]], scope, Place.Process))
    }
    this.push(entries)
  }

  private block(body: Term, scope: Scope): Entry[] {
    return [INDENT, BREAK, new Job(body, scope, Place.Process), DEDENT, BREAK]
  }

  private binds(binds: readonly Bind[], scope: Scope): Entry[] {
    const entries: Entry[] = []
    const order = this.textOrder(
      binds.length,
      binds.some(b => (flagsOf(b.source) & Flag.Pattern) !== 0),
      i => this.firstFree([binds[i].source]),
    )
    const offsets: number[] = []
    let offset = 0
    for (const b of binds) {
      offsets.push(offset)
      offset += b.count
    }
    for (let n = 0; n < binds.length; n++) {
      const i = order === null ? n : order[n]
      const b = binds[i]
      if (n > 0) entries.push(' & ')
      const pattern = patternScope(scope, offsets[i])
      entries.push(new Enter(pattern, -1, false))
      for (let k = 0; k < b.patterns.length; k++) {
        if (k > 0) entries.push(', ')
        entries.push(new Job(b.patterns[k], pattern, Place.Name))
      }
      if (b.rest !== null) entries.push(`${b.patterns.length > 0 ? ', ' : ''}...@${this.variable(b.rest, pattern)}`)
      entries.push(`${b.patterns.length > 0 || b.rest !== null ? ' ' : ''}${ARROWS[b.arrow]} `, new Job(b.source, scope, Place.Name))
    }
    return entries
  }

  private guard(guard: Term | null, scope: Scope): Entry[] {
    return guard === null ? [] : [' where ', new Job(guard, scope, Place.Operand)]
  }

  private receive(r: Receive, scope: Scope): void {
    const inner = scope.under(r.count)
    this.push([
      'for( ',
      ...this.binds(r.binds, scope),
      new Enter(inner, r.count, false),
      ...this.guard(r.guard, inner),
      ' ) {',
      ...this.block(r.body, inner),
      '}',
    ])
  }

  private new(w: New, scope: Scope): void {
    const inner = scope.under(w.count)
    const plain = w.count - w.uris.length
    let head = 'new '
    for (let k = 0; k < w.count; k++) {
      if (k > 0) head += ', '
      head += this.nameAt(scope.level + k, scope.segment)
      if (k >= plain) head += `(\`${w.uris[k - plain]}\`)`
    }
    this.push([`${head} in {`, new Enter(inner, w.count, true), ...this.block(w.body, inner), '}'])
  }

  private match(m: Match, scope: Scope): void {
    const plain = isExpression(tagOf(forced(m.target)))
    const entries: Entry[] = [plain ? 'match ' : 'match { ', new Job(m.target, scope, Place.Process), plain ? ' {' : ' } {', INDENT]
    for (const c of m.cases) entries.push(BREAK, ...this.case(c, scope))
    entries.push(DEDENT, BREAK, '}')
    this.push(entries)
  }

  private case(c: Case, scope: Scope): Entry[] {
    const pattern = patternScope(scope, 0)
    const inner = scope.under(c.count)
    return [
      new Enter(pattern, -1, false),
      new Job(c.pattern, pattern, Place.Process),
      new Enter(inner, c.count, false),
      ...this.guard(c.guard, inner),
      ' => {',
      ...this.block(c.body, inner),
      '}',
    ]
  }

  private select(s: Select, scope: Scope): void {
    const entries: Entry[] = ['select {', INDENT]
    for (const b of s.branches) {
      const inner = scope.under(b.count)
      entries.push(BREAK)
      for (const e of this.binds(b.binds, scope)) entries.push(e)
      entries.push(new Enter(inner, b.count, false), ...this.guard(b.guard, inner), ' => {', ...this.block(b.body, inner), '}')
    }
    entries.push(DEDENT, BREAK, '}')
    this.push(entries)
  }

  // ── order of patterns ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Pattern variables are numbered in the order of the text. Where canonical order would renumber them, parts are printed in the order of their
   * first variables instead, so that the text reads back as the same term. null: as they are.
   */
  private textOrder(n: number, pattern: boolean, first: (i: number) => number): number[] | null {
    if (!pattern || n < 2) return null
    const key: number[] = []
    let last = -1
    let ordered = true
    for (let i = 0; i < n; i++) {
      const f = first(i)
      key.push(f)
      if (f < 0) continue
      if (f < last) ordered = false
      last = f
    }
    if (ordered) return null
    return key.map((_, i) => i).sort((a, b) => key[a] - key[b] || a - b)
  }

  /** The smallest index of a pattern variable in some terms of one pattern, -1 if there is none. */
  private firstFree(terms: readonly Term[]): number {
    let best = -1
    for (const t of terms) {
      if (typeof t !== 'object' || (t.flags & Flag.Pattern) === 0) continue
      const f = this.firstIn(t)
      if (f >= 0 && (best < 0 || f < best)) best = f
    }
    return best
  }

  private firstIn(root: Node): number {
    const todo: Node[] = [root]
    const kids: Term[] = []
    while (todo.length > 0) {
      const n = todo[todo.length - 1]
      if (this.first.has(n)) {
        todo.pop()
        continue
      }
      if (n.tag === Tag.Free) {
        this.first.set(n, (n as Free).index)
        continue
      }
      kids.length = 0
      pushScopeKids(n, kids)
      let best = -1
      let ready = true
      for (const k of kids) {
        if (typeof k !== 'object' || (k.flags & Flag.Pattern) === 0) continue
        const f = this.first.get(k)
        if (f === undefined) {
          todo.push(k)
          ready = false
        } else if (f >= 0 && (best < 0 || f < best)) best = f
      }
      if (ready) this.first.set(n, best)
    }
    return this.first.get(root) as number
  }

  // ── bundles of several lines ────────────────────────────────────────────────────────────────────────────────────────

  /** Whether a term is printed on several lines: names apart, it holds a parallel composition or a block. */
  private hasLines(root: Term): boolean {
    const path: { node: Node; kids: Term[] }[] = []
    const open = (term: Term): boolean => {
      const t = forced(term)
      if (typeof t !== 'object' || this.oneLine.has(t)) return false
      if (this.manyLines.has(t) || breaksLines(t)) return true
      const kids: Term[] = []
      if (t.tag === Tag.Send) for (const d of (t as Send).data) kids.push(d)
      else pushScopeKids(t, kids)
      if (t.tag === Tag.Matches) kids.push((t as Matches).pattern)
      else if (t.tag === Tag.ConnOr) for (const p of (t as Conn).parts) kids.push(p)
      else if (t.tag === Tag.ConnNot) kids.push((t as ConnNot).body)
      path.push({ node: t, kids })
      return false
    }
    let found = open(root)
    while (!found && path.length > 0) {
      const top = path[path.length - 1]
      const kid = top.kids.pop()
      if (kid === undefined) {
        this.oneLine.add(top.node)
        path.pop()
      } else found = open(kid)
    }
    for (const p of path) this.manyLines.add(p.node)
    return found
  }
}

function breaksLines(t: Node): boolean {
  switch (t.tag) {
    case Tag.Par:
      return (t as Par).items.length > 0
    case Tag.Receive:
    case Tag.New:
    case Tag.Match:
    case Tag.If:
    case Tag.Select:
      return true
    default:
      return false
  }
}

function letters(segment: number): string {
  return LETTERS[segment % LETTERS.length].repeat(1 + Math.floor(segment / LETTERS.length))
}

function patternScope(scope: Scope, offset: number): Scope {
  return new Scope(scope.level, scope.segment + 1, scope.segment, scope.level + offset)
}

function isNil(t: Term): boolean {
  return typeof t === 'object' && t.tag === Tag.Par && (t as Par).items.length === 0
}

/**
 * The canonical text of a term (rholang.md 17). It parses back to an equal term, except where there is no literal: unforgeable names and NaN.
 * @throws RangeError if it would have more than `max` UTF-16 units
 */
export function show(t: Term, max = UNITS_MAX): string {
  if (typeof t === 'string') return showString(t, max)
  if (typeof t !== 'object') return showPrimitive(t)
  if (sizeOf(t) > SIZE_PER_UNIT * max) throw tooLong()
  return new Printer(freeOf(t), max).show(t, Place.Process, false)
}

/** What a report shows of a term: its text, or words instead of a text that is too long for a report. */
export function reportText(t: Term): string {
  return bounded(() => show(t, REPORT_MAX))
}

/** As `reportText`, for a public name. */
export function reportName(t: Term): string {
  return bounded(() => showName(t, REPORT_MAX))
}

const REPORT_MAX = 1 << 26

function bounded(text: () => string): string {
  try {
    return text()
  } catch (e) {
    if (e instanceof RangeError) return '(too long to show)'
    throw e
  }
}

/** A public name as a key of reports: `@` and the text on one line, in braces unless it is a literal, a collection or Nil. */
export function showName(t: Term, max = UNITS_MAX): string {
  const name = forced(t)
  const tag = tagOf(name)
  const bare = isNil(name) || (tag <= Tag.Zipper && tag !== Tag.Unforgeable && tag !== Tag.DeployId && tag !== Tag.DeployerId)
  const text = new Printer(freeOf(name), max).show(name, Place.Process, true)
  return bare ? `@${text}` : `@{${text}}`
}
