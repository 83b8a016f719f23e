import { type Constant, readConstant } from '../../bytecode/constants.ts'
import { members, readGuard, readPattern, readSequence, type Sequence, type Slot, slotOf } from '../../bytecode/image.ts'
import { COUNT_MASK, Kind, OP_INFO, Op, PERSISTENT } from '../../bytecode/opcodes.ts'
import { childCount, Form, NODE_INFO, P, TYPE_NAMES } from '../../bytecode/patterns.ts'
import { makeBundle, makeMap, makePar, makePathMap, makeSet } from '../normal/build.ts'
import { compareBinds } from '../normal/order.ts'
import { close, rename } from '../normal/substitute.ts'
import {
  BigInteger,
  BigRat,
  Bind,
  Branch,
  Bytes,
  bound,
  Case,
  Code,
  Conn,
  ConnNot,
  DeployerId,
  DeployId,
  Fixed,
  Float,
  type Free,
  free,
  If,
  List,
  Match,
  Matches,
  Method,
  New,
  NIL,
  Op as OpTerm,
  place,
  Receive,
  Ref,
  type Rest,
  Select,
  Send,
  Tag,
  type Term,
  Tuple,
  TypePattern,
  Uri,
  WILDCARD,
  type Wildcard,
} from '../normal/term.ts'
import { TAG_OF_OP } from './blob.ts'
import { nameOf } from './names.ts'
import type { SpanTable } from './spans.ts'

/** The term of a constant that is a value. */
export function valueOfConstant(c: Constant): Term {
  switch (c.kind) {
    case 'string':
      return c.text
    case 'uri':
      return new Uri(c.text)
    case 'bytes':
      return new Bytes(c.bytes)
    case 'deployerId':
      return new DeployerId(c.bytes)
    case 'deployId':
      return new DeployId(c.bytes)
    case 'int': {
      const n = Number(c.value)
      return Number.isSafeInteger(n) ? n : c.value
    }
    case 'float':
      return new Float(c.value)
    case 'bigint':
      return new BigInteger(c.value)
    case 'bigrat':
      return new BigRat(c.num, c.den)
    case 'fixed':
      return new Fixed(c.unscaled, c.scale)
    case 'unforgeable':
      return nameOf(c.id)
    default:
      throw new RangeError('a pattern is no value')
  }
}

// ── receipts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Receipt {
  readonly binds: readonly Bind[]
  readonly guard: Term | null
  readonly body: Term
}

/** Puts the binds into the order of the normal form; an image may order them differently when they use captured variables. */
function receipt(binds: readonly Bind[], guard: Term | null, body: Term, count: number): Receipt {
  let sorted = true
  for (let i = 1; sorted && i < binds.length; i++) sorted = compareBinds(binds[i - 1], binds[i]) <= 0
  if (sorted) return { binds, guard, body }
  const order = binds.map((_, i) => i).sort((a, b) => compareBinds(binds[a], binds[b]) || a - b)
  const first: number[] = []
  let at = 0
  for (const b of order) {
    first[b] = at
    at += binds[b].count
  }
  const places: number[] = []
  binds.forEach((b, i) => {
    for (let k = 0; k < b.count; k++) places.push(first[i] + k)
  })
  const move = (i: number): number => (i < count ? count - 1 - places[count - 1 - i] : i)
  return { binds: order.map(i => binds[i]), guard: guard === null ? null : rename(guard, move), body: rename(body, move) }
}

// ── patterns ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Part = Term | Bind | Case | Branch

interface TreeFrame {
  readonly code: number
  readonly arg: number
  readonly a: number
  readonly b: number
  readonly text: string
  readonly uris: readonly string[]
  readonly need: number
  readonly kids: Part[]
  /** Binders inside the pattern around the node. */
  readonly depth: number
}

function childDepth(f: TreeFrame): number {
  const i = f.kids.length
  switch (f.code) {
    case P.NEW:
      return f.depth + f.arg
    case P.CASE:
      return i === 0 ? f.depth : f.depth + f.a
    case P.RECEIVE:
    case P.BRANCH: {
      const n = f.arg & COUNT_MASK
      if (i < n) return f.depth
      let count = 0
      for (let k = 0; k < n; k++) count += (f.kids[k] as Bind).count
      return f.depth + count
    }
    default:
      return f.depth
  }
}

/** Reads `roots` terms of prefix code. `outer(slot)`: index, just outside the pattern, of the variable in a slot. */
function readTree(words: Uint32Array, at: number, roots: number, outer: (slot: number) => number): Term[] {
  const out: Term[] = []
  const stack: TreeFrame[] = []
  let p = at
  const record = (): Constant => {
    const c = readConstant(words, p)
    p += 2 + words[p + 1]
    return c
  }
  while (out.length < roots) {
    const top = stack[stack.length - 1]
    const depth = top === undefined ? 0 : childDepth(top)
    const w = words[p++]
    const arg = w >>> 8
    const code = w & 0xff
    const info = NODE_INFO[code]
    if (info === undefined) throw new RangeError('no pattern here: verify images before reading them')
    const a = info.words > 0 ? words[p] : 0
    const b = info.words > 1 ? words[p + 1] : 0
    p += info.words
    let done: Part | undefined
    let text = ''
    const uris: string[] = []
    switch (code) {
      case P.NIL:
        done = NIL
        break
      case P.INT:
        done = w >> 8
        break
      case P.BOOL:
        done = arg === 1
        break
      case P.CONST:
        done = valueOfConstant(record())
        break
      case P.WILDCARD:
        done = WILDCARD
        break
      case P.FREE:
        done = free(arg)
        break
      case P.REF:
        done = new Ref(outer(arg) + depth, false)
        break
      case P.OUTER:
        done = bound(outer(arg) + depth)
        break
      case P.REFIN:
        done = new Ref(arg, false)
        break
      case P.BOUND:
        done = bound(arg)
        break
      case P.TYPE:
        done = new TypePattern(TYPE_NAMES[arg])
        break
      case P.METHOD:
        text = (record() as { text: string }).text
        break
      case P.NEW:
        for (let n = a; n > 0; n--) uris.push((record() as { text: string }).text)
        break
    }
    if (done === undefined) {
      const need = childCount(code, arg, a)
      const f: TreeFrame = { code, arg, a, b, text, uris, need, kids: [], depth }
      if (need > 0) {
        stack.push(f)
        continue
      }
      done = treeNode(f)
    }
    for (;;) {
      const parent = stack[stack.length - 1]
      if (parent === undefined) {
        out.push(done as Term)
        break
      }
      parent.kids.push(done)
      if (parent.kids.length < parent.need) break
      stack.pop()
      done = treeNode(parent)
    }
  }
  return out
}

function treeNode(f: TreeFrame): Part {
  const kids = f.kids as Term[]
  const n = kids.length
  switch (f.code) {
    case P.LIST:
      return new List(kids)
    case P.LISTR:
      return new List(kids.slice(0, n - 1), kids[n - 1] as Rest)
    case P.TUPLE:
      return new Tuple(kids)
    case P.SET:
      return makeSet(kids)
    case P.SETR:
      return makeSet(kids.slice(0, n - 1), kids[n - 1] as Rest)
    case P.PATHMAP:
      return makePathMap(kids)
    case P.PATHMAPR:
      return makePathMap(kids.slice(0, n - 1), kids[n - 1] as Rest)
    case P.MAP:
    case P.MAPR:
      return mapOf(kids, f.code === P.MAPR ? (kids[n - 1] as Rest) : null)
    case P.PAR:
      return makePar(kids)
    case P.AND:
      return new Conn(Tag.ConnAnd, kids)
    case P.OR:
      return new Conn(Tag.ConnOr, kids)
    case P.NOT:
      return new ConnNot(kids[0])
    case P.OP:
      return new OpTerm(TAG_OF_OP[f.arg], kids[0], n === 1 ? null : kids[1])
    case P.METHOD:
      return new Method(kids[0], f.text, kids.slice(1))
    case P.MATCHES:
      return new Matches(kids[0], kids[1], f.arg)
    case P.SEND:
      return new Send(kids[0], kids.slice(1), f.arg === 1)
    case P.BIND: {
      const rest = f.a >>> 31 === 1 ? (kids[n - 1] as Free | Wildcard) : null
      return new Bind(kids.slice(1, rest === null ? n : n - 1), rest, kids[0], f.arg, f.b)
    }
    case P.RECEIVE:
    case P.BRANCH: {
      const binds = f.kids.slice(0, f.arg & COUNT_MASK) as Bind[]
      let count = 0
      for (const b of binds) count += b.count
      const r = receipt(binds, f.arg > COUNT_MASK ? kids[n - 2] : null, kids[n - 1], count)
      return f.code === P.BRANCH ? new Branch(r.binds, r.guard, r.body, count) : new Receive(r.binds, r.guard, r.body, count)
    }
    case P.NEW:
      return new New(f.arg, f.uris, kids[0])
    case P.CASE:
      return new Case(kids[0], f.arg === 1 ? kids[1] : null, kids[n - 1], f.a)
    case P.MATCH:
      return new Match(kids[0], f.kids.slice(1) as Case[])
    case P.IF:
      return new If(kids[0], kids[1], kids[2])
    case P.SELECT:
      return new Select(f.kids as Branch[])
    default:
      return makeBundle(f.arg, kids[0])
  }
}

function mapOf(kids: readonly Term[], rest: Rest): Term {
  const keys: Term[] = []
  const values: Term[] = []
  const n = rest === null ? kids.length : kids.length - 1
  for (let i = 0; i < n; i += 2) {
    keys.push(kids[i])
    values.push(kids[i + 1])
  }
  return makeMap(keys, values, rest)
}

/** A pattern blob. In the patterns `Ref(i)` is the value of `refs[i]`. */
export interface DecodedPattern {
  readonly patterns: readonly Term[]
  readonly rest: Free | Wildcard | null
  readonly count: number
  /** `Fast` of bytecode/patterns.ts. */
  readonly fast: number
  readonly refs: readonly Slot[]
  /** The guard of a case: its sequence, and where each of its captures comes from (locals include the bindings). */
  readonly guard: { readonly slots: readonly Slot[]; readonly sequence: Sequence } | null
}

/** Decodes constant number `constant` of the sequence, which must be a pattern. */
export function decodePattern(seq: Sequence, constant: number): DecodedPattern {
  const c = seq.constants[constant]
  if (c.kind !== 'pattern') throw new RangeError('this constant is no pattern')
  const h = readPattern(seq.words, c.at, c.len)
  const terms = readTree(seq.words, h.treeAt, h.patterns + (h.rest ? 1 : 0), slot => slot)
  const rest = h.rest ? (terms.pop() as Free | Wildcard) : null
  const guard = h.guardLen === 0 ? null : readGuard(seq.words, h.guardAt, h.guardLen)
  return { patterns: terms, rest, count: h.count, fast: h.fast, refs: h.slots, guard }
}

// ── code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A sequence that is being read. `variables[c]`: index, outside all its binders, of what capture c is. */
interface Context {
  readonly seq: Sequence
  readonly variables: readonly number[]
  readonly terms: (Term | undefined)[]
}

interface ReceiveFrame {
  readonly type: 'receive'
  readonly pc: number
  readonly depth: number
  readonly binds: readonly Bind[]
  readonly count: number
  guard: Term | null
}
interface NewFrame {
  readonly type: 'new'
  readonly pc: number
  readonly depth: number
  count: number
  readonly uris: string[]
  more: boolean
}
interface MatchFrame {
  readonly type: 'match'
  readonly depth: number
  readonly target: Term
  readonly pcs: number[]
  readonly cases: Case[]
  pattern: Term
  guard: Term | null
  count: number
  next: number
}
interface IfFrame {
  readonly type: 'if'
  readonly pc: number
  readonly depth: number
  readonly cond: Term
  readonly otherwise: number
  consequent: Term | null
}
interface SelectFrame {
  readonly type: 'select'
  readonly pc: number
  readonly depth: number
  readonly heads: { readonly binds: readonly Bind[]; readonly count: number; readonly guard: number; readonly body: number }[]
  readonly guards: (Term | null)[]
  readonly branches: Branch[]
}
interface LogicFrame {
  readonly type: 'logic'
  readonly pc: number
  readonly tag: number
  readonly left: Term
  readonly end: number
}
interface ImageFrame {
  readonly type: 'image'
  readonly words: Uint32Array
  readonly copies: { readonly at: number; readonly len: number; readonly times: number; readonly variables: readonly number[] }[]
  next: number
  readonly results: Term[]
  /** Where to go on, and whether the result is a statement (SPAWN) or a value (QUOTE). */
  readonly context: Context | null
  readonly pc: number
  readonly depth: number
  readonly spawn: boolean
}
interface GuardFrame {
  readonly type: 'guard'
  readonly context: Context
  readonly pc: number
  readonly depth: number
}
type Frame = ReceiveFrame | NewFrame | MatchFrame | IfFrame | SelectFrame | LogicFrame | ImageFrame | GuardFrame

/** A receive or select somewhere in an image, `depth` binders below the beginning of its sequence. */
export interface ReceiveAt {
  /** Absolute word offset of the instruction. */
  readonly at: number
  readonly node: Receive | Select
  readonly depth: number
  /** For each capture of its sequence the index, outside these binders, of the variable that it is in `node`. */
  readonly variables: readonly number[]
}

function indices(n: number): number[] {
  const out: number[] = []
  for (let i = 0; i < n; i++) out.push(i)
  return out
}

class Decoder {
  private readonly frames: Frame[] = []
  private readonly stack: Term[] = []
  private context: Context
  private pc = 0
  private depth = 0
  private readonly root: Sequence | null
  private readonly nodeAt: Map<number, Term>
  private readonly receives: ReceiveAt[] | null
  private result: Term | undefined = undefined

  private readonly spans: SpanTable | null

  constructor(root: Sequence | null, nodeAt: Map<number, Term>, receives: ReceiveAt[] | null = null, spans: SpanTable | null = null) {
    this.root = root
    this.nodeAt = nodeAt
    this.receives = receives
    this.spans = spans
    this.context = { seq: root as Sequence, variables: [], terms: [] }
  }

  /** The whole sequence. */
  sequence(seq: Sequence): Term {
    this.enter(seq, indices(seq.captures))
    return this.run()
  }

  /** The image at `at`; captures are numbered as the slots of a CLOSE. */
  image(words: Uint32Array, at: number): Term {
    let n = 0
    this.startImage(words, at, null, 0, 0, false, () => n++)
    if (this.result === undefined) return this.run()
    return this.result
  }

  private run(): Term {
    while (this.result === undefined) this.step()
    return this.result
  }

  private enter(seq: Sequence, variables: readonly number[]): void {
    this.context = { seq, variables, terms: [] }
    this.pc = seq.codeStart
    this.depth = 0
  }

  private note(pc: number, node: Term): void {
    if (this.context.seq === this.root) this.nodeAt.set(pc, node)
    if (this.spans === null || !(node instanceof Code)) return
    const span = this.spans.lookup(pc)
    if (span !== undefined) place(node, span.start, span.end)
  }

  private noteReceive(f: ReceiveFrame | SelectFrame, node: Receive | Select): void {
    this.note(f.pc, node)
    this.receives?.push({ at: f.pc, node, depth: f.depth, variables: this.context.variables })
  }

  private pop(): Term {
    return this.stack.pop() as Term
  }

  private popMany(n: number): Term[] {
    return n === 0 ? [] : this.stack.splice(this.stack.length - n, n)
  }

  /** Index, at the present depth, of the variable in a slot. */
  private slot(s: Slot, depth: number): number {
    return s.capture ? depth + this.context.variables[s.index] : depth - 1 - s.index
  }

  private constant(k: number): Term {
    const { terms, seq } = this.context
    return (terms[k] ??= valueOfConstant(seq.constants[k]))
  }

  // ── images ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private startImage(
    words: Uint32Array,
    at: number,
    context: Context | null,
    pc: number,
    depth: number,
    spawn: boolean,
    variable: () => number,
  ): void {
    const copies: ImageFrame['copies'] = []
    for (const m of members(words, at)) {
      const captures = words[m.at + 1]
      if (captures === 0) {
        copies.push({ at: m.at, len: m.len, times: m.multiplicity, variables: [] })
        continue
      }
      for (let i = 0; i < m.multiplicity; i++) {
        const variables: number[] = []
        for (let c = 0; c < captures; c++) variables.push(variable())
        copies.push({ at: m.at, len: m.len, times: 1, variables })
      }
    }
    this.frames.push({ type: 'image', words, copies, next: 0, results: [], context, pc, depth, spawn })
    const term = this.nextCopy()
    if (term !== undefined) this.deliver(term)
  }

  /** Goes on with the next copy of the image. When there is none, the image is a value on the stack or, if spawned, the result. */
  private nextCopy(): Term | undefined {
    const f = this.frames[this.frames.length - 1] as ImageFrame
    const { copies, results } = f
    // copies without captures are one term
    if (f.next > 0) for (let k = copies[f.next - 1].times; k > 1; k--) results.push(results[results.length - 1])
    if (f.next < copies.length) {
      const c = copies[f.next++]
      this.enter(readSequence(f.words, c.at, c.len), c.variables)
      return undefined
    }
    this.frames.pop()
    const term = makePar(results)
    if (f.context === null) {
      this.result = term
      return undefined
    }
    this.context = f.context
    this.pc = f.pc
    this.depth = f.depth
    if (f.spawn) return term
    this.stack.push(term)
    return undefined
  }

  private quoted(pc: number, spawn: boolean): void {
    const { words } = this.context.seq
    const after = pc + 2 + words[pc + 1]
    let end = after
    let slot = after + 1
    if (after < this.context.seq.codeEnd && (words[after] & 0xff) === Op.CLOSE) end = after + 1 + (words[after] >>> 8)
    const depth = this.depth
    this.startImage(words, pc + 2, this.context, end, depth, spawn, () => this.slot(slotOf(words[slot++]), depth))
  }

  // ── patterns and guards ───────────────────────────────────────────────────────────────────────────────────────────

  private pattern(k: number): { terms: Term[]; rest: Free | Wildcard | null; count: number; guardAt: number; guardLen: number } {
    const { seq } = this.context
    const c = seq.constants[k] as { at: number; len: number }
    const h = readPattern(seq.words, c.at, c.len)
    const { depth } = this
    const terms = readTree(seq.words, h.treeAt, h.patterns + (h.rest ? 1 : 0), s => this.slot(h.slots[s], depth))
    const rest = h.rest ? (terms.pop() as Free | Wildcard) : null
    return { terms, rest, count: h.count, guardAt: h.guardAt, guardLen: h.guardLen }
  }

  /** Reads a guard under binders that are `depth` deep, then goes on at `pc`; `resume` gets it. */
  private startGuard(at: number, len: number, pc: number, depth: number): void {
    const g = readGuard(this.context.seq.words, at, len)
    const variables = g.slots.map(s => this.slot(s, depth))
    this.frames.push({ type: 'guard', context: this.context, pc, depth })
    this.enter(g.sequence, variables)
  }

  private guardConstant(word: number, pc: number, depth: number): void {
    const c = this.context.seq.constants[word - 1] as { at: number; len: number }
    this.startGuard(c.at, c.len, pc, depth)
  }

  private binds(at: number, n: number, sources: readonly Term[]): { binds: Bind[]; count: number } {
    const { words } = this.context.seq
    const binds: Bind[] = []
    let count = 0
    for (let i = 0; i < n; i++) {
      const w = words[at + i]
      const p = this.pattern(w >>> 8)
      const from = this.spans?.lookup(at + i)
      binds.push(new Bind(p.terms, p.rest, sources[i], w & 0xff, p.count, from?.start, from?.end))
      count += p.count
    }
    return { binds, count }
  }

  // ── what is done ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** A value ends the sequence: an expression component, or a guard. */
  private endValue(value: Term): void {
    const f = this.frames[this.frames.length - 1]
    if (f === undefined) {
      this.result = value
      return
    }
    if (f.type === 'image') {
      f.results.push(value)
      const term = this.nextCopy()
      if (term !== undefined) this.deliver(term)
      return
    }
    if (f.type !== 'guard') throw new RangeError('a value where a process ends')
    this.frames.pop()
    this.context = f.context
    this.pc = f.pc
    this.depth = f.depth
    const owner = this.frames[this.frames.length - 1]
    if (owner.type === 'receive') owner.guard = value
    else if (owner.type === 'match') owner.guard = value
    else if (owner.type === 'select') {
      owner.guards.push(value)
      this.selectGuards(owner)
    }
  }

  /** A process ends: hands it to whoever waits for a body. */
  private deliver(term: Term): void {
    let done = term
    for (;;) {
      const f = this.frames[this.frames.length - 1]
      if (f === undefined) {
        this.result = done
        return
      }
      switch (f.type) {
        case 'image': {
          f.results.push(done)
          const term = this.nextCopy()
          if (term === undefined) return
          done = term
          continue
        }
        case 'receive': {
          const r = receipt(f.binds, f.guard, done, f.count)
          done = new Receive(r.binds, r.guard, r.body, f.count)
          this.noteReceive(f, done as Receive)
          break
        }
        case 'new':
          done = new New(f.count, f.uris, done)
          this.note(f.pc, done)
          break
        case 'match': {
          f.cases.push(new Case(f.pattern, f.guard, done, f.count))
          this.pc = f.next
          this.depth = f.depth
          return
        }
        case 'if':
          if (f.consequent === null) {
            f.consequent = done
            this.pc = f.otherwise
            this.depth = f.depth
            return
          }
          done = new If(f.cond, f.consequent, done)
          this.note(f.pc, done)
          break
        case 'select': {
          const h = f.heads[f.branches.length]
          const r = receipt(h.binds, f.guards[f.branches.length], done, h.count)
          f.branches.push(new Branch(r.binds, r.guard, r.body, h.count))
          if (f.branches.length < f.heads.length) {
            this.selectBody(f)
            return
          }
          done = new Select(f.branches)
          this.noteReceive(f, done as Select)
          break
        }
        default:
          throw new RangeError('a process where a value ends')
      }
      this.frames.pop()
      this.depth = f.depth
    }
  }

  private selectBody(f: SelectFrame): void {
    const h = f.heads[f.branches.length]
    this.pc = h.body
    this.depth = f.depth + h.count
  }

  /** Reads the guards of the branches that are left, then goes to the first body. */
  private selectGuards(f: SelectFrame): void {
    while (f.guards.length < f.heads.length) {
      const h = f.heads[f.guards.length]
      if (h.guard === 0) f.guards.push(null)
      else {
        this.guardConstant(h.guard, this.pc, f.depth + h.count)
        return
      }
    }
    if (f.heads.length > 0) this.selectBody(f)
    else {
      this.frames.pop()
      this.deliver(new Select([]))
    }
  }

  // ── instructions ──────────────────────────────────────────────────────────────────────────────────────────────────

  private step(): void {
    const { seq } = this.context
    const { words } = seq
    const pc = this.pc
    const top = this.frames[this.frames.length - 1]
    if (top !== undefined && top.type === 'logic' && top.end === pc) {
      this.frames.pop()
      const o = new OpTerm(top.tag, top.left, this.pop())
      this.note(top.pc, o)
      this.stack.push(o)
      return
    }
    const w = words[pc]
    const n = w >>> 8
    const op = w & 0xff
    this.pc = pc + 1
    switch (op) {
      case Op.HALT:
        if (seq.kind === Kind.PROC) this.deliver(NIL)
        else this.endValue(this.pop())
        return
      case Op.EVAL: {
        const t = this.pop()
        this.note(pc, t)
        this.deliver(t)
        return
      }
      case Op.FAIL:
        this.deliver(this.pattern(n).terms[0])
        return
      case Op.JFALSE:
        this.frames.push({ type: 'if', pc, depth: this.depth, cond: this.pop(), otherwise: pc + 1 + n, consequent: null })
        return
      case Op.ANDTHEN:
      case Op.ORELSE:
        this.frames.push({ type: 'logic', pc, tag: TAG_OF_OP[op], left: this.pop(), end: pc + 1 + n })
        return
      case Op.CASE: {
        let f: MatchFrame
        if (top !== undefined && top.type === 'match' && top.next === pc) f = top
        else {
          f = {
            type: 'match',
            depth: this.depth,
            target: this.pop(),
            pcs: [],
            cases: [],
            pattern: NIL,
            guard: null,
            count: 0,
            next: 0,
          }
          this.frames.push(f)
        }
        const p = this.pattern(words[pc + 1])
        f.pcs.push(pc)
        f.pattern = p.terms[0]
        f.count = p.count
        f.guard = null
        f.next = pc + 3 + n
        this.depth = f.depth + p.count
        this.pc = pc + 3
        if (p.guardLen > 0) this.startGuard(p.guardAt, p.guardLen, pc + 3, this.depth)
        return
      }
      case Op.POP: {
        if (top !== undefined && top.type === 'match' && top.next === pc) {
          this.frames.pop()
          const m = new Match(top.target, top.cases)
          for (const at of top.pcs) this.note(at, m)
          this.note(pc, m)
          this.deliver(m)
        } else this.deliver(new Match(this.pop(), []))
        return
      }
      case Op.NIL:
        this.stack.push(NIL)
        return
      case Op.INT:
        this.stack.push(w >> 8)
        return
      case Op.BOOL:
        this.stack.push(n === 1)
        return
      case Op.CONST:
        this.stack.push(this.constant(n))
        return
      case Op.QUOTE:
        this.quoted(pc, false)
        return
      case Op.SPAWN:
        this.quoted(pc, true)
        return
      case Op.LOADL:
        this.stack.push(bound(this.depth - 1 - n))
        return
      case Op.LOADC:
        this.stack.push(bound(this.depth + this.context.variables[n]))
        return
      case Op.REDUCE:
        return
      case Op.LIST:
        this.stack.push(new List(this.popMany(n)))
        return
      case Op.LISTR: {
        const rest = this.pop() as Rest
        this.stack.push(new List(this.popMany(n), rest))
        return
      }
      case Op.TUPLE:
        this.stack.push(new Tuple(this.popMany(n)))
        return
      case Op.SET:
        this.stack.push(makeSet(this.popMany(n)))
        return
      case Op.SETR: {
        const rest = this.pop() as Rest
        this.stack.push(makeSet(this.popMany(n), rest))
        return
      }
      case Op.PATHMAP:
        this.stack.push(makePathMap(this.popMany(n)))
        return
      case Op.PATHMAPR: {
        const rest = this.pop() as Rest
        this.stack.push(makePathMap(this.popMany(n), rest))
        return
      }
      case Op.MAP:
        this.stack.push(mapOf(this.popMany(2 * n), null))
        return
      case Op.MAPR: {
        const rest = this.pop() as Rest
        const kids = this.popMany(2 * n)
        this.stack.push(mapOf(rest === null ? kids : [...kids, rest], rest))
        return
      }
      case Op.PAR:
        this.stack.push(makePar(this.popMany(n)))
        return
      case Op.BUNDLE:
        this.stack.push(makeBundle(n, this.pop()))
        return
      case Op.NEW:
      case Op.NEWURI: {
        let f: NewFrame
        if (top !== undefined && top.type === 'new' && top.more) f = top
        else {
          f = { type: 'new', pc, depth: this.depth, count: 0, uris: [], more: true }
          this.frames.push(f)
        }
        f.more = words[pc + 2] > 0
        const names = op === Op.NEW ? n : 1
        if (op === Op.NEWURI) f.uris.push((seq.constants[words[pc + 1]] as { text: string }).text)
        f.count += names
        this.depth += names
        this.pc = pc + 3
        return
      }
      case Op.SEND: {
        const data = this.popMany(n & COUNT_MASK)
        const s = new Send(this.pop(), data, (n & PERSISTENT) !== 0)
        this.note(pc, s)
        this.deliver(s)
        return
      }
      case Op.RECV: {
        const k = n & COUNT_MASK
        const { binds, count } = this.binds(pc + 1, k, this.popMany(k))
        const f: ReceiveFrame = { type: 'receive', pc, depth: this.depth, binds, count, guard: null }
        this.frames.push(f)
        this.depth += count
        this.pc = pc + 3 + k
        const guard = words[pc + 1 + k]
        if (guard !== 0) this.guardConstant(guard, this.pc, this.depth)
        return
      }
      case Op.SELECT: {
        const heads: SelectFrame['heads'] = []
        const parts: { at: number; k: number; guard: number; off: number }[] = []
        let at = pc + 1
        let total = 0
        for (let i = 0; i < n; i++) {
          const k = words[at]
          parts.push({ at: at + 1, k, guard: words[at + 1 + k], off: words[at + 3 + k] })
          total += k
          at += k + 4
        }
        const sources = this.popMany(total)
        let from = 0
        for (const p of parts) {
          const { binds, count } = this.binds(p.at, p.k, sources.slice(from, from + p.k))
          from += p.k
          heads.push({ binds, count, guard: p.guard, body: at + p.off })
        }
        const f: SelectFrame = { type: 'select', pc, depth: this.depth, heads, guards: [], branches: [] }
        this.frames.push(f)
        this.selectGuards(f)
        return
      }
      case Op.MATCHES: {
        const p = this.pattern(n)
        const m = new Matches(this.pop(), p.terms[0], p.count)
        this.note(pc, m)
        this.stack.push(m)
        return
      }
      case Op.METHOD: {
        const args = this.popMany(words[pc + 1])
        const m = new Method(this.pop(), this.constant(n) as string, args)
        this.note(pc, m)
        this.stack.push(m)
        this.pc = pc + 2
        return
      }
    }
    const tag = TAG_OF_OP[op]
    if (tag === 0) throw new RangeError(`${OP_INFO[op]?.name ?? 'this word'} does not occur in images: verify them before reading`)
    const right = op === Op.NEG || op === Op.NOT ? null : this.pop()
    const o = new OpTerm(tag, this.pop(), right)
    this.note(pc, o)
    this.stack.push(o)
  }
}

/** The normal form of an image. Captures appear as `Bound(i)`, i their place among the slots of a CLOSE. Images must have been verified. */
export function decodeOpen(words: Uint32Array, at = 0): Term {
  return new Decoder(null, new Map()).image(words, at)
}

/**
 * The normal form of a quoted image, closed over captured values in CLOSE order: what a closure stands for. The image is decoded when the first
 * closure asks, and once. With `spans` its code knows where it was written.
 */
export function decodeImage(words: Uint32Array, at = 0, spans: SpanTable | null = null): (captures: readonly Term[]) => Term {
  let open: Term | undefined
  return captures => close((open ??= new Decoder(null, new Map(), null, spans).image(words, at)), captures)
}

/** All receives and selects of an image and of the images in it, inner ones before those that hold them. */
export function receivesOf(words: Uint32Array, at = 0): ReceiveAt[] {
  const receives: ReceiveAt[] = []
  new Decoder(null, new Map(), receives).image(words, at)
  return receives
}

/**
 * The component that a sequence is. Captures appear as `Bound(i)`, `Bound(i + d)` under d binders. `nodeAt`: by absolute word offset, the node that an
 * effect, branch or primitive instruction of this sequence (not of images in it) stands for. A guard gives its expression.
 */
export function decodeSequence(seq: Sequence, spans: SpanTable | null = null): { term: Term; nodeAt: Map<number, Term> } {
  const nodeAt = new Map<number, Term>()
  return { term: new Decoder(seq, nodeAt, null, spans).sequence(seq), nodeAt }
}

export { Form }
