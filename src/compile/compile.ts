import { ConstKind } from '../../bytecode/constants.ts'
import { headerWord, unionImages } from '../../bytecode/image.ts'
import { COUNT_MASK, INT_MAX, INT_MIN, Kind, NEW_MAX, OPERAND_MAX, Op, PERSISTENT } from '../../bytecode/opcodes.ts'
import { Fast, Form, P } from '../../bytecode/patterns.ts'
import { Words } from '../../bytecode/words.ts'
import { compare, compareBinds } from '../normal/order.ts'
import { rename } from '../normal/substitute.ts'
import {
  Bind,
  type Bound,
  type Branch,
  type Bundle,
  type Case,
  type Code,
  components,
  Flag,
  forced,
  free,
  freeOf,
  type If,
  type List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  type Node,
  type Op as OpTerm,
  type Par,
  type Receive,
  Remainder,
  type Rest,
  type Select,
  type Send,
  Tag,
  type Term,
  tagOf,
  Uri,
} from '../normal/term.ts'
import { fastClass, OP_OF_TAG, TreeWriter, writeValue } from './blob.ts'
import { ImageTooLarge } from './errors.ts'
import { type Ranks, rankCaptures } from './ranks.ts'
import { type Overlay, SpanTable } from './spans.ts'

export { ImageTooLarge } from './errors.ts'
export { type Overlay, SpanTable } from './spans.ts'

/** What knows where it was written. */
type Written = Pick<Code, 'start' | 'end'>

function written(rest: Rest): Written | null {
  return rest instanceof Remainder ? rest : null
}

/** A program: the image of a closed term, and where its instructions come from. */
export interface Compiled {
  readonly image: Uint32Array
  readonly spans: SpanTable
}

/** The image of an open term. `captures`: for every copy of every member, in image order, the indices of the variables that its captures are. */
export interface CompiledOpen extends Compiled {
  readonly captures: readonly (readonly number[])[]
}

/** In the place of the start of a stretch: it is another piece. As a small integer it is -1. */
const INNER = 0xffffffff

/** A piece of code that is done: stretches of the arena and other pieces. Triples (start, end, first span) or (INNER, piece, 0) in the table of the compiler. */
class Piece {
  readonly from: number
  readonly to: number
  len: number
  /** Indices, as seen where the piece stands, of the variables that it captures. */
  readonly captures: readonly number[]
  /** All pieces of the same words, this one among them, in the order of their captures in CLOSE; null: there is no other. */
  copies: Piece[] | null
  constructor(from: number, to: number, len: number, captures: readonly number[]) {
    this.from = from
    this.to = to
    this.len = len
    this.captures = captures
    this.copies = null
  }
}

const NONE: readonly number[] = []

/** Constants of a sequence that are compared one by one; those of a sequence with more are found by a table. */
const KEYS = 8

/**
 * A sequence that is being written. Sequences nest, and nothing is added to one while another is open inside it: what they collect lies on stacks of the
 * compiler, and a sequence remembers where its own part begins.
 */
class Seq {
  parent: Seq | null = null
  /** Binders around it inside the parent. */
  outerDepth = 0
  kind = 0
  root: Term = 0
  /** First of its captures, and their number. */
  captureFrom = 0
  captureCount = 0
  numbers: Map<number, number> | null = null
  locals = 0
  height = 0
  maxStack = 0
  /** First of its entries in `keys` and `kinds`: one for each of its first constants. */
  keyFrom = 0
  constIndex: Map<string, number> | null = null
  /** First word of its constants, and their number. */
  poolFrom = 0
  poolCount = 0
  poolSpansFrom = 0
  chunkFrom = 0
  chunkEnd = 0
  /** Words in finished chunks, and where the open one starts. */
  len = 0
  open = 0
  openSpan = 0
  /** Local of each level, where joins have been put into another order than that of the term; null: they are equal. */
  places: number[] | null = null
  /** undefined: not computed; null: as in the enclosing scope. */
  ranks: Ranks | null | undefined = undefined

  reset(parent: Seq | null, outerDepth: number, kind: number, root: Term): void {
    this.parent = parent
    this.outerDepth = outerDepth
    this.kind = kind
    this.root = root
    this.captureFrom = parent === null ? 0 : parent.captureFrom + parent.captureCount
    this.captureCount = 0
    this.numbers = null
    this.locals = 0
    this.height = 0
    this.maxStack = 0
    this.keyFrom = parent === null ? 0 : parent.keyFrom + Math.min(parent.poolCount, KEYS)
    this.constIndex = null
    this.poolCount = 0
    this.chunkFrom = parent === null ? 0 : parent.chunkEnd
    this.chunkEnd = this.chunkFrom
    this.len = 0
    this.places = null
    this.ranks = undefined
  }
}

// Work still to do. Each has a depth (binders around it inside its sequence), a number and an object.
const DO_VALUE = 0
const DO_NAME = 1
const DO_BODY = 2
const DO_ITEMS = 3
const DO_EMIT = 4
const DO_COMPONENTS = 5
const DO_END = 6
const DO_IMAGE = 7
const DO_ENTRIES = 8
const DO_LOGIC = 9
const DO_PATCH = 10
const DO_RECEIVE = 11
const DO_RECEIVE_EMIT = 12
const DO_SELECT = 13
const DO_BRANCH = 14
const DO_CASE = 15
const DO_CASE_EMIT = 16
const DO_IF = 17
const DO_ELSE = 18
const DO_METHOD = 19
const DO_GUARD = 20
const DO_MATCHES = 21
const DO_SEND = 22

/** Components that are evaluated, and so do nothing when they run. */
function isExpression(t: Term): boolean {
  if (typeof t !== 'object') return true
  return t.tag < Tag.Bound || (t.tag >= Tag.Neg && t.tag <= Tag.OrElse && t.tag !== Tag.Method)
}

/** Components that are quoted as they are when a process is a value. */
function isQuoted(t: Term): boolean {
  const tag = tagOf(t)
  return (tag >= Tag.Send && tag <= Tag.Select) || tag >= Tag.ConnAnd || (tag >= Tag.Free && tag <= Tag.Wildcard)
}

/** The blob of the pattern that is one variable. */
const ONE_VARIABLE = Uint32Array.of(Form.BIND | (Fast.ARITY << 8), 1, 1, 0, 0, P.FREE)

/** A `select` that is being written. */
interface Selection {
  readonly node: Select
  readonly orders: readonly (readonly number[] | null)[]
  /** Where the offset of each branch stands in the arena, and the position that they count from. */
  readonly offsets: number[]
  from: number
}

/**
 * Of equal pieces, the places of each are kept up to this many of them; of more, only those of the first. Every copy that has places of its own is linked by
 * itself: what thousands of equal components were written for is seldom to find one of them.
 */
const COPIES_MAX = 64

/** Values so deep, with so few items each, are written by recursion. */
const FUEL = 3
const SHORT = 8

/** Copied into the enclosing sequence instead of being kept apart, up to this many words. */
const SMALL = 96

/** Room for the next compilation: growing it anew each time costs more than filling it. Given up when it has become large. */
const ROOM = 1 << 21
class Room {
  readonly arena = new Words(4096)
  readonly stretches = new Words(256)
  readonly pool = new Words(256)
  readonly tree = new Words(64)
  readonly blob = new Words(64)
  readonly guardRows = new Rows(8)
  spanAt: Int32Array = new Int32Array(256)
  spanStart: Int32Array = new Int32Array(256)
  spanEnd: Int32Array = new Int32Array(256)
}
/** null while a compilation has it. */
let room: Room | null = null

/** Compiles the components of one process, one after the other. @throws ImageTooLarge, and is of no use then */
export class Compiler {
  private readonly room: Room
  private readonly arena: Words
  /** Of all pieces, as in `Piece`. */
  private readonly stretches: Words
  private spanAt: Int32Array
  private spanStart: Int32Array
  private spanEnd: Int32Array
  private spanCount = 0
  private readonly pieces: Piece[] = []
  /** Members that wait for their image. */
  private readonly ready: Piece[] = []
  private readonly guards: (Piece | null)[] = []
  private readonly orders: (readonly number[] | null)[] = []
  private readonly patchAt: number[] = []
  private readonly patchFrom: number[] = []
  private readonly what: number[] = []
  private readonly depths: number[] = []
  private readonly numbers: number[] = []
  private readonly objects: unknown[] = []
  /** Number of things to do. */
  private todo = 0
  private readonly spare: Seq[] = []
  private readonly trees = new TreeWriter()
  private readonly tree: Words
  private readonly blob: Words
  // what the open sequences have collected, the innermost last
  private readonly captures: number[] = []
  /** What constants are looked up by: texts and terms, null for others; and their kinds. */
  private readonly keys: unknown[] = []
  private readonly kinds: number[] = []
  private readonly pool: Words
  /** Places of instructions in the pools, those of guards. Triples (offset in its pool, start, end). */
  private readonly poolSpans: number[] = []
  /** As in `Piece`. */
  private readonly chunks: number[] = []
  /** Places of the instructions in `blob`, as in `poolSpans`. */
  private readonly blobSpans: number[] = []
  /** Variables from outside the pattern that is being written. */
  private readonly slots: number[] = []
  private slotMap: Map<number, number> | null = null
  private back: ((index: number) => number) | null = null
  private readonly guardRows: Rows
  private cur: Seq = new Seq()

  /** @param text length of the text: room for as much code as it usually makes costs nothing until it is used, growing costs a copy each time */
  constructor(text = 0) {
    this.room = room ?? new Room()
    room = null
    const spans = text >> 4
    if (this.room.spanAt.length < spans) {
      this.room.spanAt = new Int32Array(spans)
      this.room.spanStart = new Int32Array(spans)
      this.room.spanEnd = new Int32Array(spans)
    }
    const { arena, stretches, pool, tree, blob, guardRows, spanAt, spanStart, spanEnd } = this.room
    arena.length = 0
    stretches.length = 0
    pool.length = 0
    arena.reserve(text)
    stretches.reserve(text >> 3)
    this.arena = arena
    this.stretches = stretches
    this.pool = pool
    this.tree = tree
    this.blob = blob
    this.guardRows = guardRows
    this.spanAt = spanAt
    this.spanStart = spanStart
    this.spanEnd = spanEnd
  }

  /** Leaves the room to the next compilation. */
  private done(): void {
    const mine = this.room
    mine.spanAt = this.spanAt
    mine.spanStart = this.spanStart
    mine.spanEnd = this.spanEnd
    room = this.arena.data.length > ROOM ? null : mine
  }

  /** Takes a process, to stand beside those that came before. */
  add(term: Term): void {
    this.startComponents(components(forced(term)), 0)
    while (this.todo > 0) this.step()
  }

  /** The image of all that was added; nothing can be added any more. */
  finish(): CompiledOpen {
    const list = this.gather(this.ready.length)
    let len = 1
    for (const p of list) len += 2 + p.len
    const out = new Words(len)
    const rows = new Rows(this.spanCount)
    const copies: Copies[] | null = this.spanCount > 0 ? [] : null
    const captures: (readonly number[])[] = []
    out.push(list.length)
    for (const p of list) {
      const all = p.copies ?? [p]
      out.push(all.length)
      out.push(p.len)
      if (copies !== null) {
        if (all.length > 1 && placesOfCopies(p)) copies.push({ at: out.length, piece: p, into: rows.overlays })
        this.rows(p, out.length, rows, copies)
      }
      this.flatten(p, out)
      if (all.length > 1) all.sort(compareCaptures)
      for (const copy of all) captures.push(copy.captures)
    }
    if (copies !== null) this.overlay(copies)
    this.done()
    const image = out.data.length === len ? out.data : out.slice()
    return { image, spans: rows.table(), captures }
  }

  // ── work ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private push(what: number, depth: number, n: number, object: unknown): void {
    const top = this.todo++
    this.what[top] = what
    this.depths[top] = depth
    this.numbers[top] = n
    this.objects[top] = object
  }

  private step(): void {
    const top = --this.todo
    const what = this.what[top]
    const d = this.depths[top]
    const n = this.numbers[top]
    const object = this.objects[top]
    switch (what) {
      case DO_VALUE:
        this.value(object as Term, d)
        return
      case DO_NAME:
        this.name(object as Term, d)
        return
      case DO_BODY:
        this.body(object as Term, d)
        return
      case DO_MATCHES: {
        const m = object as Matches
        this.emit(this.op(Op.MATCHES, this.pattern(Form.SINGLE, [m.pattern], null, m.count, d, null), m), 0, m)
        return
      }
      case DO_SEND:
        this.emitSend(object as Send)
        return
      case DO_ITEMS:
        this.items(object as readonly Term[], d, n)
        return
      case DO_ENTRIES:
        this.entries(object as MapTerm, d, n)
        return
      case DO_EMIT:
        this.emit(n, d, object as Written | null)
        return
      case DO_COMPONENTS:
        this.component(object as readonly Term[], d, n)
        return
      case DO_END:
        this.ready.push(this.endSequence())
        return
      case DO_GUARD:
        this.guards.push(this.endSequence())
        this.openChunk()
        return
      case DO_IMAGE:
        this.endImage(d, n, object as number)
        return
      case DO_LOGIC: {
        const o = object as OpTerm
        this.emit(o.tag === Tag.AndThen ? Op.ANDTHEN : Op.ORELSE, -1, o)
        this.patchLater()
        this.push(DO_PATCH, 0, 0, null)
        this.push(DO_VALUE, d, 0, o.right)
        return
      }
      case DO_PATCH:
        this.patch()
        return
      case DO_RECEIVE:
        this.receive(object as Receive, d)
        return
      case DO_RECEIVE_EMIT:
        this.emitReceive(object as Receive, d)
        return
      case DO_SELECT:
        this.select(object as Selection, d, n)
        return
      case DO_BRANCH:
        this.branch(object as Selection, d, n)
        return
      case DO_CASE:
        this.matchCase(object as Match, d, n)
        return
      case DO_CASE_EMIT:
        this.emitCase(object as Match, d, n)
        return
      case DO_IF: {
        const c = object as If
        this.emit(Op.JFALSE, -1, c)
        this.patchLater()
        this.push(DO_ELSE, d, 0, c)
        this.push(DO_BODY, d, 0, c.consequent)
        return
      }
      case DO_ELSE:
        this.patch()
        this.cur.height = 0
        this.push(DO_BODY, d, 0, (object as If).alternative)
        return
      case DO_METHOD: {
        const m = object as Method
        const k = this.constant(ConstKind.string, m.name)
        this.emit(this.op(Op.METHOD, k, m), -m.args.length, m)
        this.arena.push(m.args.length)
        return
      }
    }
  }

  private emitSend(s: Send): void {
    const argc = s.data.length
    if (argc > COUNT_MASK) throw this.tooLarge(s)
    this.emit(this.op(Op.SEND, s.persistent ? argc | PERSISTENT : argc, s), -1 - argc, s)
    this.arena.push(Op.HALT)
  }

  // ── output ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private op(code: number, operand: number, from: unknown): number {
    if (operand > OPERAND_MAX) throw this.tooLarge(from)
    return ((operand << 8) | code) >>> 0
  }

  private tooLarge(from: unknown): ImageTooLarge {
    const c = from as Code | null
    const tag = c === null || typeof c !== 'object' ? -1 : c.tag
    const name = Object.keys(Tag).find(k => Tag[k as keyof typeof Tag] === tag) ?? 'program'
    return new ImageTooLarge(name.toLowerCase(), c?.start ?? -1, c?.end ?? -1)
  }

  private emit(word: number, delta: number, from: Written | null): void {
    const cur = this.cur
    if (from !== null && from.start >= 0) this.span(from.start, from.end)
    this.arena.push(word)
    cur.height += delta
    if (cur.height > cur.maxStack) cur.maxStack = cur.height
  }

  private span(start: number, end: number): void {
    const n = this.spanCount
    if (n === this.spanAt.length) {
      const grow = (a: Int32Array): Int32Array<ArrayBuffer> => {
        const b = new Int32Array(2 * n)
        b.set(a)
        return b
      }
      this.spanAt = grow(this.spanAt)
      this.spanStart = grow(this.spanStart)
      this.spanEnd = grow(this.spanEnd)
    }
    this.spanAt[n] = this.arena.length
    this.spanStart[n] = start
    this.spanEnd[n] = end
    this.spanCount = n + 1
  }

  /** Words of code that the current sequence has. */
  private position(): number {
    return this.cur.len + this.arena.length - this.cur.open
  }

  private closeChunk(): void {
    const cur = this.cur
    const end = this.arena.length
    if (end > cur.open) {
      this.addChunk(cur.open, end, cur.openSpan)
      cur.len += end - cur.open
      cur.open = end
    }
  }

  private addChunk(start: number, end: number, span: number): void {
    const { cur, chunks } = this
    const at = cur.chunkEnd
    chunks[at] = start
    chunks[at + 1] = end
    chunks[at + 2] = span
    cur.chunkEnd = at + 3
  }

  private openChunk(): void {
    this.cur.open = this.arena.length
    this.cur.openSpan = this.spanCount
  }

  /** The instruction just written jumps to a place that is not known yet. `extra` more words of it follow. */
  private patchLater(extra = 0): void {
    this.patchAt.push(this.arena.length - 1)
    this.patchFrom.push(this.position() + extra)
  }

  private patch(): void {
    const at = this.patchAt.pop() as number
    const off = this.position() - (this.patchFrom.pop() as number)
    if (off > OPERAND_MAX) throw this.tooLarge(null)
    this.arena.data[at] |= off << 8
  }

  // ── variables ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private local(level: number): number {
    const places = this.cur.places
    return places === null ? level : places[level]
  }

  /** Number of the capture, given when it is first met. */
  private captureNumber(outer: number): number {
    const known = this.knownCapture(outer)
    if (known >= 0) return known
    const { cur, captures } = this
    const n = cur.captureCount++
    captures[cur.captureFrom + n] = outer
    if (cur.numbers !== null) cur.numbers.set(outer, n)
    else if (n === 8) {
      cur.numbers = new Map()
      for (let i = 0; i <= n; i++) cur.numbers.set(captures[cur.captureFrom + i], i)
    }
    return n
  }

  /** Number of a capture if it has one, else -1. */
  private knownCapture(outer: number): number {
    const { captures } = this
    const { captureFrom, captureCount, numbers } = this.cur
    if (numbers !== null) return numbers.get(outer) ?? -1
    for (let i = 0; i < captureCount; i++) if (captures[captureFrom + i] === outer) return i
    return -1
  }

  private slot(index: number, d: number): number {
    if (index < d) return this.local(d - 1 - index) << 8
    return ((this.captureNumber(index - d) << 8) | 1) >>> 0
  }

  private load(index: number, d: number): void {
    const w = index < d ? (this.local(d - 1 - index) << 8) | Op.LOADL : (this.captureNumber(index - d) << 8) | Op.LOADC
    this.emit(w >>> 0, 1, null)
  }

  /** The binder at level `d` has `count` variables; `order`: its binds stand in another order than in the term. */
  private bindLocals(d: number, count: number, binds: readonly Bind[] | null, order: readonly number[] | null): void {
    const cur = this.cur
    if (d + count > cur.locals) {
      if (d + count > OPERAND_MAX) throw this.tooLarge(null)
      cur.locals = d + count
    }
    if (order !== null && cur.places === null) {
      const places: number[] = []
      for (let i = 0; i < d; i++) places.push(i)
      cur.places = places
    }
    if (cur.places === null) return
    if (order === null || binds === null) for (let k = 0; k < count; k++) cur.places[d + k] = d + k
    else {
      const first: number[] = []
      let at = d
      for (const b of binds) {
        first.push(at)
        at += b.count
      }
      let place = d
      for (const b of order) for (let k = 0; k < binds[b].count; k++) cur.places[first[b] + k] = place++
    }
  }

  // ── order of what commutes ────────────────────────────────────────────────────────────────────────────────────────

  private ranksOf(seq: Seq): Ranks | null {
    if (seq.ranks === undefined) seq.ranks = rankCaptures(seq.root, (a, b) => this.compareOuter(seq, a, b))
    return seq.ranks
  }

  /** Orders two variables that `seq` captures as the enclosing sequence sees them: its locals first, then its captures. */
  private compareOuter(seq: Seq, a: number, b: number): number {
    for (;;) {
      const { parent, outerDepth } = seq
      if (parent === null) return b - a
      const aLocal = a < outerDepth
      const bLocal = b < outerDepth
      if (aLocal !== bLocal) return aLocal ? -1 : 1
      if (aLocal) {
        const x = outerDepth - 1 - a
        const y = outerDepth - 1 - b
        return parent.places === null ? x - y : parent.places[x] - parent.places[y]
      }
      const ranks = this.ranksOf(parent)
      if (ranks !== null) return (ranks.rank.get(a - outerDepth) as number) - (ranks.rank.get(b - outerDepth) as number)
      a -= outerDepth
      b -= outerDepth
      seq = parent
    }
  }

  /** Whether the place of the term among others may depend on what surrounds the sequence. */
  private floats(t: Term, d: number): boolean {
    return freeOf(t) > (this.cur.places === null ? d : 0)
  }

  /** The term with variables numbered independently of what surrounds the sequence. */
  private ranked(t: Term, d: number): Term {
    if (!this.floats(t, d)) return t
    const { places } = this.cur
    const ranks = this.ranksOf(this.cur)
    if (ranks === null && places === null) return t
    return rename(t, i => {
      if (i < d) return places === null ? i : d - 1 - places[d - 1 - i]
      return ranks === null ? i : d + (ranks.rank.get(i - d) as number)
    })
  }

  /** Values of a parallel composition, in the order in which they are evaluated. */
  private valueOrder(items: readonly Term[], d: number): readonly Term[] {
    let floating = 0
    for (const t of items) if (this.floats(t, d)) floating++
    if (floating < 2) return items
    const keys = items.map(t => this.ranked(t, d))
    return items
      .map((_, i) => i)
      .sort((a, b) => compare(keys[a], keys[b]) || a - b)
      .map(i => items[i])
  }

  /** The order of binds, null if it is that of the term. */
  private bindOrder(binds: readonly Bind[], d: number): readonly number[] | null {
    if (binds.length < 2) return null
    let floating = 0
    for (let i = 0; i < binds.length; i++) {
      const b = binds[i]
      let floats = this.floats(b.source, d)
      for (let k = 0; !floats && k < b.patterns.length; k++) floats = this.floats(b.patterns[k], d)
      if (floats) floating++
    }
    if (floating < 2) return null
    const keys = binds.map(
      b =>
        new Bind(
          b.patterns.map(p => this.ranked(p, d)),
          b.rest,
          this.ranked(b.source, d),
          b.arrow,
          b.count,
        ),
    )
    const order = binds.map((_, i) => i).sort((a, b) => compareBinds(keys[a], keys[b]) || a - b)
    return order.every((b, i) => b === i) ? null : order
  }

  // ── constants ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Index of the constant in the pool of the sequence. `value`: text, a term (kind 0), or the words of the payload of a pattern or guard. */
  private constant(kind: number, value: unknown): number {
    // A URI as a value and the URI of a name are one constant.
    if (value instanceof Uri) return this.constant(ConstKind.uri, value.text)
    const { cur, keys, kinds, pool } = this
    const { keyFrom, poolFrom } = cur
    const few = cur.constIndex === null
    if (few && typeof value === 'string')
      for (let i = 0; i < cur.poolCount; i++) if (keys[keyFrom + i] === value && kinds[keyFrom + i] === kind) return i
    const at = pool.length
    this.writeConstant(kind, value)
    const len = pool.length - at
    const spans = this.blobSpans
    if (few) {
      if (typeof value !== 'string') {
        let p = poolFrom
        for (let i = 0; i < cur.poolCount; i++) {
          const n = 2 + pool.data[p + 1]
          if (n === len && this.sameWords(pool.data, p, at, n)) {
            pool.length = at
            if (spans.length > 0) spans.length = 0
            return i
          }
          p += n
        }
      }
      if (cur.poolCount < KEYS) {
        keys[keyFrom + cur.poolCount] = value instanceof Words ? null : value
        kinds[keyFrom + cur.poolCount] = kind
        if (spans.length > 0) this.placeConstant(at)
        return cur.poolCount++
      }
      cur.constIndex = new Map()
      let p = poolFrom
      for (let i = 0; i < cur.poolCount; i++) {
        const n = 2 + pool.data[p + 1]
        cur.constIndex.set(this.wordsKey(pool.data, p, n), i)
        p += n
      }
    }
    const index = cur.constIndex as Map<string, number>
    const key = this.wordsKey(pool.data, at, len)
    const found = index.get(key)
    if (found !== undefined) {
      pool.length = at
      if (spans.length > 0) spans.length = 0
      return found
    }
    index.set(key, cur.poolCount)
    if (spans.length > 0) this.placeConstant(at)
    return cur.poolCount++
  }

  /** The instructions in `blob` now stand in the constant at `at` of the pool, behind its kind and length. */
  private placeConstant(at: number): void {
    const { blobSpans, poolSpans } = this
    const shift = at + 2 - this.cur.poolFrom
    for (let i = 0; i < blobSpans.length; i += 3) poolSpans.push(shift + blobSpans[i], blobSpans[i + 1], blobSpans[i + 2])
    blobSpans.length = 0
  }

  private writeConstant(kind: number, value: unknown): void {
    const { pool } = this
    if (value instanceof Words) {
      pool.push(kind)
      pool.push(value.length)
      pool.append(value.data, 0, value.length)
    } else {
      const at = pool.length
      if (!writeValue(pool, value as Term)) throw this.tooLarge(value)
      if (kind !== 0) pool.data[at] = kind
    }
  }

  private sameWords(data: Uint32Array, a: number, b: number, n: number): boolean {
    for (let i = 0; i < n; i++) if (data[a + i] !== data[b + i]) return false
    return true
  }

  private wordsKey(data: Uint32Array, at: number, n: number): string {
    let key = ''
    for (let i = at; i < at + n; i++) key += String.fromCharCode(data[i] & 0xffff, data[i] >>> 16)
    return key
  }

  /** The constant of a pattern blob. */
  private pattern(form: number, patterns: readonly Term[], rest: Rest, count: number, d: number, guard: Piece | null): number {
    const { blob, tree } = this
    if (form === Form.BIND && rest === null && patterns.length === 1 && patterns[0] === free(0)) {
      // by far the most frequent one: `for (x <- c)`
      blob.length = 0
      blob.append(ONE_VARIABLE)
      return this.constant(ConstKind.pattern, blob)
    }
    const roots = rest === null ? patterns : [...patterns, rest]
    const { slots } = this
    this.writeTree(roots, null)
    if (slots.length > 1 && patterns.some(p => this.floats(p, d))) {
      // parts of the pattern that commute must not stand in an order that comes from outside the sequence
      const ranked = roots.map(p => this.ranked(p, d))
      const { places, ranks } = this.cur
      const levels: number[] = []
      if (places !== null) for (let level = 0; level < d; level++) levels[places[level]] = level
      this.writeTree(ranked, i => {
        if (i < d) return places === null ? i : d - 1 - levels[d - 1 - i]
        return ranks == null ? i : d + ranks.outer[i - d]
      })
    }
    blob.length = 0
    blob.push((form | (fastClass(patterns, rest, form !== Form.BIND, slots.length) << 8) | (rest === null ? 0 : 1 << 16)) >>> 0)
    blob.push(patterns.length)
    blob.push(count)
    blob.push(slots.length)
    for (const i of slots) blob.push(this.slot(i, d))
    const at = blob.length
    blob.push(0)
    if (guard !== null) {
      this.appendGuard(blob, guard, d + count)
      blob.data[at] = blob.length - at - 1
    }
    blob.append(tree.data, 0, tree.length)
    return this.constant(ConstKind.pattern, blob)
  }

  /** Writes the tree of a pattern; `slots` are then the variables from outside it in the order in which they occur. `back` undoes a renaming. */
  private writeTree(roots: readonly Term[], back: ((index: number) => number) | null): void {
    this.tree.length = 0
    if (this.slots.length > 0) this.slots.length = 0
    this.slotMap = null
    this.back = back
    this.trees.write(this.tree, roots, this.slotOf)
  }

  private readonly slotOf = (i: number): number => {
    const { slots } = this
    const v = this.back === null ? i : this.back(i)
    if (this.slotMap === null) {
      const at = slots.indexOf(v)
      if (at >= 0) return at
      if (slots.length < 16) return slots.push(v) - 1
      this.slotMap = new Map(slots.map((x, k) => [x, k]))
    }
    let at = this.slotMap.get(v)
    if (at === undefined) {
      at = slots.push(v) - 1
      this.slotMap.set(v, at)
    }
    return at
  }

  private appendGuard(out: Words, guard: Piece, d: number): void {
    out.push(guard.captures.length)
    for (const i of guard.captures) out.push(this.slot(i, d))
    const { blobSpans } = this
    const rows = this.guardRows
    rows.length = 0
    this.rows(guard, out.length, rows, null)
    for (let i = 0; i < rows.length; i++) blobSpans.push(rows.at[i], rows.start[i], rows.end[i])
    this.flatten(guard, out)
  }

  /** Constant number + 1 of the guard of a receipt, 0 for none. */
  private guardConstant(guard: Piece | null, d: number): number {
    if (guard === null) return 0
    this.blob.length = 0
    this.appendGuard(this.blob, guard, d)
    return 1 + this.constant(ConstKind.guard, this.blob)
  }

  // ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether `valueNow` can write the value: variables, constants, and operators, tuples and lists of these to a bounded depth. */
  private isShallow(t: Term, fuel: number): boolean {
    if (typeof t !== 'object') return true
    const { tag } = t
    if (tag === Tag.Bound || tag < Tag.List || (tag >= Tag.Float && tag <= Tag.Bytes)) return true
    if (fuel === 0) return false
    if (tag === Tag.Tuple || (tag === Tag.List && (t as List).rest === null)) {
      const { items } = t as List
      if (items.length > SHORT) return false
      for (let i = 0; i < items.length; i++) if (!this.isShallow(items[i], fuel - 1)) return false
      return true
    }
    if (tag < Tag.Neg || tag > Tag.Mod || OP_OF_TAG[tag] === 0) return false
    const { left, right } = t as OpTerm
    return this.isShallow(left, fuel - 1) && (right === null || this.isShallow(right, fuel - 1))
  }

  /** Writes a shallow value. */
  private valueNow(t: Term, d: number): void {
    if (typeof t !== 'object') {
      this.value(t, d)
      return
    }
    const { tag } = t
    if (tag === Tag.Tuple || tag === Tag.List) {
      const { items } = t as List
      const n = items.length
      for (let i = 0; i < n; i++) this.valueNow(items[i], d)
      this.emit(this.op(tag === Tag.Tuple ? Op.TUPLE : Op.LIST, n, t), 1 - n, null)
    } else if (tag >= Tag.Neg) {
      const o = t as OpTerm
      this.valueNow(o.left, d)
      if (o.right !== null) this.valueNow(o.right, d)
      this.emit(OP_OF_TAG[tag], o.right === null ? 0 : -1, o)
    } else this.value(t, d)
  }

  /** The value that comes first, before the work that has been pushed for what follows it. */
  private first(t: Term, d: number): void {
    if (this.isShallow(t, FUEL)) this.valueNow(t, d)
    else this.value(t, d)
  }

  /** Code that leaves one value: written now where that is all there is to it, otherwise pushed as work. */
  private value(term: Term, d: number): void {
    switch (typeof term) {
      case 'number':
        if (term >= INT_MIN && term <= INT_MAX) this.emit(((term << 8) | Op.INT) >>> 0, 1, null)
        else this.emitConstant(ConstKind.int, term)
        return
      case 'string':
        this.emitConstant(ConstKind.string, term)
        return
      case 'boolean':
        this.emit(((term ? 1 : 0) << 8) | Op.BOOL, 1, null)
        return
      case 'bigint':
        this.emitConstant(ConstKind.int, term)
        return
    }
    const t = forced(term) as Node
    if (typeof t !== 'object') {
      this.value(t, d)
      return
    }
    switch (t.tag) {
      case Tag.Bound:
        this.load((t as Bound).index, d)
        this.arena.push(Op.REDUCE)
        return
      case Tag.List:
        this.collection(Op.LIST, (t as List).items, (t as List).rest, d, t)
        return
      case Tag.Set:
        this.collection(Op.SET, (t as List).items, (t as List).rest, d, t)
        return
      case Tag.PathMap:
        this.collection(Op.PATHMAP, (t as List).items, (t as List).rest, d, t)
        return
      case Tag.Tuple:
        this.collection(Op.TUPLE, (t as Par).items, null, d, t)
        return
      case Tag.Map: {
        const m = t as MapTerm
        const n = m.keys.length
        this.push(DO_EMIT, 1 - 2 * n - (m.rest === null ? 0 : 1), this.op(m.rest === null ? Op.MAP : Op.MAPR, n, t), written(m.rest))
        if (m.rest !== null) this.push(DO_VALUE, d, 0, m.rest)
        this.entries(m, d, 0)
        return
      }
      case Tag.Par:
        this.parValue((t as Par).items, d)
        return
      case Tag.Bundle:
        this.push(DO_EMIT, 0, this.op(Op.BUNDLE, (t as Bundle).rights, t), null)
        this.quote((t as Bundle).body, d)
        return
      case Tag.AndThen:
      case Tag.OrElse:
        this.push(DO_LOGIC, d, 0, t)
        this.push(DO_VALUE, d, 0, (t as OpTerm).left)
        return
      case Tag.Method: {
        const m = t as Method
        this.push(DO_METHOD, d, 0, m)
        this.push(DO_ITEMS, d, 0, m.args)
        this.push(DO_VALUE, d, 0, m.target)
        return
      }
      case Tag.Matches: {
        this.push(DO_MATCHES, d, 0, t)
        this.push(DO_VALUE, d, 0, (t as Matches).left)
        return
      }
    }
    if (t.tag < Tag.Bound) {
      this.emitConstant(0, t)
      return
    }
    const op = t.tag <= Tag.OrElse ? OP_OF_TAG[t.tag] : 0
    if (op !== 0) {
      const o = t as OpTerm
      const left = this.isShallow(o.left, FUEL)
      if (left) this.valueNow(o.left, d)
      this.push(DO_EMIT, o.right === null ? 0 : -1, op, o)
      if (o.right !== null) this.push(DO_VALUE, d, 0, o.right)
      if (!left) this.push(DO_VALUE, d, 0, o.left)
      return
    }
    this.quote(t, d)
  }

  private emitConstant(kind: number, value: Term): void {
    this.emit(this.op(Op.CONST, this.constant(kind, value), value), 1, null)
  }

  private items(items: readonly Term[], d: number, from: number): void {
    for (let i = from; i < items.length; i++) {
      const t = items[i]
      if (!this.isShallow(t, FUEL)) {
        if (i + 1 < items.length) this.push(DO_ITEMS, d, i + 1, items)
        this.push(DO_VALUE, d, 0, t)
        return
      }
      this.valueNow(t, d)
    }
  }

  private entries(m: MapTerm, d: number, from: number): void {
    for (let i = from; i < m.keys.length; i++) {
      const key = m.keys[i]
      const value = m.values[i]
      if (!this.isShallow(key, FUEL) || !this.isShallow(value, FUEL)) {
        this.push(DO_ENTRIES, d, i + 1, m)
        this.push(DO_VALUE, d, 0, value)
        this.push(DO_VALUE, d, 0, key)
        return
      }
      this.valueNow(key, d)
      this.valueNow(value, d)
    }
  }

  private collection(code: number, items: readonly Term[], rest: Rest, d: number, from: Term): void {
    const n = items.length
    if (rest === null) this.push(DO_EMIT, 1 - n, this.op(code, n, from), null)
    else {
      this.push(DO_EMIT, -n, this.op(code + 1, n, from), written(rest))
      this.push(DO_VALUE, d, 0, rest)
    }
    this.items(items, d, 0)
  }

  /** A process as a value: its code quoted together, then its values. */
  private parValue(items: readonly Term[], d: number): void {
    if (items.length === 0) {
      this.emit(Op.NIL, 1, null)
      return
    }
    const code: Term[] = []
    const others: Term[] = []
    for (const t of items) (isQuoted(t) ? code : others).push(t)
    const n = others.length + (code.length > 0 ? 1 : 0)
    if (n > 1) this.push(DO_EMIT, 1 - n, this.op(Op.PAR, n, null), null)
    this.push(DO_ITEMS, d, 0, this.valueOrder(others, d))
    if (code.length > 0) this.quoteComponents(code, d)
  }

  private quote(t: Term, d: number): void {
    this.quoteComponents(components(forced(t)), d)
  }

  private quoteComponents(items: readonly Term[], d: number): void {
    if (items.length === 0) {
      this.emit(Op.QUOTE, 1, null)
      this.arena.push(1)
      this.arena.push(0)
      return
    }
    if (items.length === 1 && this.quoteLeaf(items[0])) return
    this.push(DO_IMAGE, d, items.length, Op.QUOTE)
    this.startComponents(items, d)
  }

  /** The image of a single small value, written in place. */
  private quoteLeaf(t: Term): boolean {
    let code: number
    switch (typeof t) {
      case 'number':
        if (t < INT_MIN || t > INT_MAX) return false
        code = ((t << 8) | Op.INT) >>> 0
        break
      case 'boolean':
        code = ((t ? 1 : 0) << 8) | Op.BOOL
        break
      case 'string':
        code = Op.CONST
        break
      default:
        return false
    }
    const { arena } = this
    this.emit(Op.QUOTE, 1, null)
    const at = arena.length
    arena.reserve(16)
    arena.length = at + 9
    if (code === Op.CONST) writeValue(arena, t)
    const pool = arena.length - at - 9
    arena.push(code)
    arena.push(Op.HALT)
    const { data } = arena
    data[at] = pool + 10
    data[at + 1] = 1
    data[at + 2] = 1
    data[at + 3] = pool + 7
    data[at + 4] = headerWord(Kind.EXPR)
    data[at + 5] = 0
    data[at + 6] = 0
    data[at + 7] = 1
    data[at + 8] = pool
    return true
  }

  /** Writes a name if that takes no further work: a variable or a quoted constant. */
  private nameNow(t: Term, d: number): boolean {
    if (typeof t !== 'object') return this.quoteLeaf(t)
    if (t.tag !== Tag.Bound) return false
    this.load((t as Bound).index, d)
    this.arena.push(Op.REDUCE)
    return true
  }

  /** Code that leaves a name. */
  private name(t: Term, d: number): void {
    const f = forced(t)
    if (typeof f === 'object') {
      if (f.tag === Tag.Bound) {
        this.load((f as Bound).index, d)
        this.arena.push(Op.REDUCE)
        return
      }
      if ((f.flags & Flag.Exposed) !== 0) this.push(DO_EMIT, 0, Op.REDUCE, null)
    }
    this.quote(f, d)
  }

  // ── statements ────────────────────────────────────────────────────────────────────────────────────────────────────

  private statement(t: Term, d: number): void {
    const tag = tagOf(t)
    switch (tag) {
      case Tag.Send: {
        const s = t as Send
        if (this.sendNow(s, d)) return
        this.push(DO_SEND, d, 0, s)
        if (s.data.length > 0) this.push(DO_ITEMS, d, 0, s.data)
        this.name(s.chan, d)
        return
      }
      case Tag.Receive: {
        const r = t as Receive
        const order = this.bindOrder(r.binds, d)
        this.orders.push(order)
        const n = r.binds.length
        let done = 0
        while (done < n && this.nameNow(r.binds[order === null ? done : order[done]].source, d)) done++
        if (done === n) this.receive(r, d)
        else {
          this.push(DO_RECEIVE, d, 0, r)
          this.names(r.binds, order, d, done)
        }
        return
      }
      case Tag.New:
        this.newNames(t as New, d)
        return
      case Tag.Match:
        this.push(DO_CASE, d, 0, t)
        this.first((t as Match).target, d)
        return
      case Tag.If:
        this.push(DO_IF, d, 0, t)
        this.first((t as If).cond, d)
        return
      case Tag.Select: {
        const s = t as Select
        const orders = s.branches.map(b => this.bindOrder(b.binds, d))
        const selection: Selection = { node: s, orders, offsets: [], from: 0 }
        this.push(DO_SELECT, d, 0, selection)
        for (let i = s.branches.length - 1; i >= 0; i--) this.names(s.branches[i].binds, orders[i], d)
        return
      }
      case Tag.Bundle:
        this.push(DO_EMIT, -1, Op.EVAL, null)
        this.push(DO_EMIT, 0, this.op(Op.BUNDLE, (t as Bundle).rights, t), null)
        this.quote((t as Bundle).body, d)
        return
      case Tag.Bound:
        this.load((t as Bound).index, d)
        this.emit(Op.EVAL, -1, null)
        return
      case Tag.Method:
        this.push(DO_EMIT, -1, Op.EVAL, t)
        this.value(t, d)
        return
      default:
        this.emit(this.op(Op.FAIL, this.pattern(Form.TERM, [t], null, 0, d, null), t), 0, null)
    }
  }

  /** A send whose channel is written at once, like all its data: as most are. */
  private sendNow(s: Send, d: number): boolean {
    const { chan, data } = s
    if (typeof chan === 'object' ? chan.tag !== Tag.Bound : typeof chan === 'bigint') return false
    if (data.length > SHORT) return false
    for (let i = 0; i < data.length; i++) if (!this.isShallow(data[i], FUEL)) return false
    if (!this.nameNow(chan, d)) return false
    for (let i = 0; i < data.length; i++) this.valueNow(data[i], d)
    this.emitSend(s)
    return true
  }

  private names(binds: readonly Bind[], order: readonly number[] | null, d: number, from = 0): void {
    for (let i = binds.length - 1; i >= from; i--) this.push(DO_NAME, d, 0, binds[order === null ? i : order[i]].source)
  }

  private body(term: Term, d: number): void {
    const items = components(forced(term))
    if (items.length === 0) this.arena.push(Op.HALT)
    else if (items.length === 1 && !isExpression(items[0])) this.statement(items[0], d)
    else {
      this.push(DO_EMIT, 0, Op.HALT, null)
      this.push(DO_IMAGE, d, items.length, Op.SPAWN)
      this.startComponents(items, d)
    }
  }

  private newNames(n: New, d: number): void {
    this.bindLocals(d, n.count, null, null)
    const plain = n.count - n.uris.length
    for (let k = 0; k < plain; k += NEW_MAX) {
      const names = Math.min(plain - k, NEW_MAX)
      this.emit((names << 8) | Op.NEW, 0, k === 0 ? n : null)
      this.arena.push(d + k)
      this.arena.push(n.count - k - names)
    }
    for (let k = 0; k < n.uris.length; k++) {
      this.emit(this.op(Op.NEWURI, d + plain + k, n), 0, n)
      this.arena.push(this.constant(ConstKind.uri, n.uris[k]))
      this.arena.push(n.uris.length - k - 1)
    }
    this.push(DO_BODY, d + n.count, 0, n.body)
  }

  private startGuard(guard: Term, depth: number): void {
    this.closeChunk()
    this.push(DO_GUARD, 0, 0, null)
    this.begin(Kind.GUARD, guard, depth)
    this.push(DO_EMIT, 0, Op.HALT, null)
    this.value(guard, 0)
  }

  private receive(r: Receive, d: number): void {
    this.bindLocals(d, r.count, r.binds, this.orders[this.orders.length - 1])
    if (r.guard === null) {
      this.guards.push(null)
      this.emitReceive(r, d)
    } else {
      this.push(DO_RECEIVE_EMIT, d, 0, r)
      this.startGuard(r.guard, d + r.count)
    }
  }

  private bindWords(binds: readonly Bind[], order: readonly number[] | null, d: number): void {
    for (let i = 0; i < binds.length; i++) {
      const b = binds[order === null ? i : order[i]]
      const k = this.pattern(Form.BIND, b.patterns, b.rest, b.count, d, null)
      if (k > OPERAND_MAX) throw this.tooLarge(null)
      if (b.start >= 0) this.span(b.start, b.end)
      this.arena.push(((k << 8) | b.arrow) >>> 0)
    }
  }

  private emitReceive(r: Receive, d: number): void {
    const order = this.orders.pop() as readonly number[] | null
    const guard = this.guards.pop() as Piece | null
    const n = r.binds.length
    if (n > COUNT_MASK) throw this.tooLarge(r)
    this.emit(this.op(Op.RECV, r.persistent ? n | PERSISTENT : n, r), -n, r)
    this.bindWords(r.binds, order, d)
    this.arena.push(this.guardConstant(guard, d + r.count))
    this.arena.push(d)
    this.push(DO_BODY, d + r.count, 0, r.body)
  }

  private select(s: Selection, d: number, from: number): void {
    const { branches } = s.node
    for (let i = from; i < branches.length; i++) {
      const b = branches[i]
      if (b.guard === null) this.guards.push(null)
      else {
        this.bindLocals(d, b.count, b.binds, s.orders[i])
        this.push(DO_SELECT, d, i + 1, s)
        this.startGuard(b.guard, d + b.count)
        return
      }
    }
    let total = 0
    for (const b of branches) total += b.binds.length
    const first = this.guards.length - branches.length
    this.emit(this.op(Op.SELECT, branches.length, s.node), -total, s.node)
    for (let i = 0; i < branches.length; i++) {
      const b = branches[i]
      this.bindLocals(d, b.count, b.binds, s.orders[i])
      this.arena.push(b.binds.length)
      this.bindWords(b.binds, s.orders[i], d)
      this.arena.push(this.guardConstant(this.guards[first + i], d + b.count))
      this.arena.push(d)
      s.offsets.push(this.arena.length)
      this.arena.push(0)
    }
    this.guards.length = first
    s.from = this.position()
    this.push(DO_BRANCH, d, 0, s)
  }

  private branch(s: Selection, d: number, i: number): void {
    if (i === s.offsets.length) return
    const b: Branch = s.node.branches[i]
    this.arena.data[s.offsets[i]] = this.position() - s.from
    this.cur.height = 0
    this.bindLocals(d, b.count, b.binds, s.orders[i])
    this.push(DO_BRANCH, d, i + 1, s)
    this.push(DO_BODY, d + b.count, 0, b.body)
  }

  private matchCase(m: Match, d: number, i: number): void {
    if (i > 0) this.patch()
    this.cur.height = 1
    if (i === m.cases.length) {
      this.emit(Op.POP, -1, i === 0 ? m : null)
      this.arena.push(Op.HALT)
      return
    }
    const c = m.cases[i]
    this.bindLocals(d, c.count, null, null)
    if (c.guard === null) {
      this.guards.push(null)
      this.emitCase(m, d, i)
    } else {
      this.push(DO_CASE_EMIT, d, i, m)
      this.startGuard(c.guard, d + c.count)
    }
  }

  private emitCase(m: Match, d: number, i: number): void {
    const c: Case = m.cases[i]
    const guard = this.guards.pop() as Piece | null
    const k = this.pattern(Form.SINGLE, [c.pattern], null, c.count, d, guard)
    this.emit(Op.CASE, -1, m)
    this.patchLater(2)
    this.arena.push(k)
    this.arena.push(d)
    this.push(DO_CASE, d, i + 1, m)
    this.push(DO_BODY, d + c.count, 0, c.body)
  }

  // ── sequences and images ──────────────────────────────────────────────────────────────────────────────────────────

  private startComponents(items: readonly Term[], d: number): void {
    this.closeChunk()
    this.push(DO_COMPONENTS, d, 0, items)
  }

  private component(items: readonly Term[], d: number, i: number): void {
    for (let k = i; k < items.length; k++) {
      const t = items[k]
      const expression = isExpression(t)
      this.begin(expression ? Kind.EXPR : Kind.PROC, t, d)
      if (expression && this.isShallow(t, FUEL)) {
        this.valueNow(t, 0)
        this.arena.push(Op.HALT)
      } else if (typeof t !== 'object' || t.tag !== Tag.Send || !this.sendNow(t as Send, 0)) {
        this.push(DO_COMPONENTS, d, k + 1, items)
        this.push(DO_END, 0, 0, null)
        if (expression) {
          this.push(DO_EMIT, 0, Op.HALT, null)
          this.value(t, 0)
        } else this.statement(t, 0)
        return
      }
      this.ready.push(this.endSequence())
    }
  }

  private begin(kind: number, root: Term, d: number): void {
    const seq = this.spare.pop() ?? new Seq()
    seq.reset(this.cur, d, kind, root)
    seq.poolFrom = this.pool.length
    seq.poolSpansFrom = this.poolSpans.length
    this.cur = seq
    // the first stretch, header and pool, is known last
    this.addChunk(0, 0, 0)
    this.openChunk()
  }

  private endSequence(): Piece {
    this.closeChunk()
    const seq = this.cur
    const { arena, pool, poolSpans, chunks } = this
    const start = arena.length
    arena.push(headerWord(seq.kind))
    arena.push(seq.captureCount)
    arena.push(seq.locals)
    arena.push(seq.maxStack)
    arena.push(pool.length - seq.poolFrom)
    const poolAt = arena.length
    arena.append(pool.data, seq.poolFrom, pool.length)
    pool.length = seq.poolFrom
    const len = seq.len + arena.length - start
    chunks[seq.chunkFrom] = start
    chunks[seq.chunkFrom + 1] = arena.length
    chunks[seq.chunkFrom + 2] = this.spanCount
    for (let i = seq.poolSpansFrom; i < poolSpans.length; i += 3) {
      this.span(poolSpans[i + 1], poolSpans[i + 2])
      this.spanAt[this.spanCount - 1] = poolAt + poolSpans[i]
    }
    if (poolSpans.length > seq.poolSpansFrom) poolSpans.length = seq.poolSpansFrom
    this.cur = seq.parent as Seq
    this.spare.push(seq)
    const { captureFrom, captureCount } = seq
    const captures = captureCount === 0 ? NONE : this.captures.slice(captureFrom, captureFrom + captureCount)
    const { stretches } = this
    const from = stretches.length
    for (let i = seq.chunkFrom; i < seq.chunkEnd; i++) stretches.push(chunks[i])
    return new Piece(from, stretches.length, len, captures)
  }

  /** Sorts the last `n` finished pieces and joins equal ones. */
  private gather(n: number): Piece[] {
    const from = this.ready.length - n
    const { ready } = this
    let all: Piece[]
    if (n === 2) {
      const last = ready.pop() as Piece
      all = [ready.pop() as Piece, last]
    } else {
      all = ready.slice(from)
      ready.length = from
    }
    if (n < 2) return all
    if (n > SHORT) all.sort((a, b) => this.comparePieces(a, b))
    else
      for (let i = 1; i < n; i++) {
        const p = all[i]
        let k = i - 1
        for (; k >= 0 && this.comparePieces(all[k], p) > 0; k--) all[k + 1] = all[k]
        all[k + 1] = p
      }
    let kept = 0
    for (let i = 1; i < n; i++) {
      const last = all[kept]
      const p = all[i]
      if (this.comparePieces(last, p) !== 0) all[++kept] = p
      else if (last.copies === null) last.copies = [last, p]
      else last.copies.push(p)
    }
    all.length = kept + 1
    return all
  }

  private endImage(d: number, n: number, op: number): void {
    this.openChunk()
    const list = n === 1 ? [this.ready.pop() as Piece] : this.gather(n)
    const { arena } = this
    let len = 1
    let slots = 0
    for (const p of list) {
      len += 2 + p.len
      slots += p.captures.length * (p.copies === null ? 1 : p.copies.length)
    }
    this.emit(op, op === Op.QUOTE ? 1 : 0, null)
    arena.push(len)
    arena.push(list.length)
    for (const p of list) {
      arena.push(p.copies === null ? 1 : p.copies.length)
      arena.push(p.len)
      this.appendPiece(p)
    }
    if (slots === 0) return
    arena.push(this.op(Op.CLOSE, slots, null))
    for (const p of list) {
      if (p.copies === null) for (const i of p.captures) arena.push(this.slot(i, d))
      else if (p.captures.length > 0) this.closeCopies(p.copies, d)
    }
  }

  private appendPiece(p: Piece): void {
    const { from, to } = p
    const { data } = this.stretches
    // the places of copies are found through the piece
    let small = p.len <= SMALL && !(this.spanCount > 0 && placesOfCopies(p))
    for (let i = from; small && i < to; i += 3) small = data[i] !== INNER
    if (!small) {
      this.closeChunk()
      this.addChunk(-1, this.pieces.push(p) - 1, 0)
      this.cur.len += p.len
      this.openChunk()
      return
    }
    const { arena } = this
    arena.reserve(p.len)
    for (let i = from; i < to; i += 3) {
      const start = data[i]
      const end = data[i + 1]
      const shift = arena.length - start
      for (let k = data[i + 2]; k < this.spanCount && this.spanAt[k] < end; k++) {
        this.span(this.spanStart[k], this.spanEnd[k])
        this.spanAt[this.spanCount - 1] = this.spanAt[k] + shift
      }
      for (let k = start; k < end; k++) arena.data[arena.length++] = arena.data[k]
    }
  }

  /** The captures of several copies: puts the copies in the order that makes the slot words smallest. */
  private closeCopies(copies: Piece[], d: number): void {
    const left = copies.slice()
    const fresh = (i: number): boolean => i >= d && this.knownCapture(i - d) < 0
    const anyFresh = left.some(c => c.captures.some(fresh))
    let done = 0
    const put = (c: Piece): void => {
      copies[done++] = c
      for (const i of c.captures) this.arena.push(this.slot(i, d))
    }
    const order = (a: Piece, b: Piece): number => this.compareCopies(a.captures, b.captures, d)
    if (anyFresh && copies[0].captures.length > 1 && left.length <= 64) {
      while (left.length > 0) {
        let best = 0
        for (let k = 1; k < left.length; k++) if (order(left[k], left[best]) < 0) best = k
        put(left[best])
        left.splice(best, 1)
      }
      return
    }
    left.sort(order)
    for (const c of left) put(c)
  }

  private compareCopies(a: readonly number[], b: readonly number[], d: number): number {
    const aNew: number[] = []
    const bNew: number[] = []
    for (let k = 0; k < a.length; k++) {
      const order = this.wouldBe(a[k], d, aNew) - this.wouldBe(b[k], d, bNew)
      if (order !== 0) return order
    }
    // alike so far: what the captures are used for elsewhere in the sequence decides
    for (let k = 0; k < aNew.length; k++) {
      const i = aNew[k] - d
      const j = bNew[k] - d
      if (i === j) continue
      const ranks = this.ranksOf(this.cur)
      if (ranks !== null) return (ranks.rank.get(i) as number) - (ranks.rank.get(j) as number)
      return this.compareOuter(this.cur, i, j)
    }
    return 0
  }

  /** What slot a variable would get if the captures in `fresh` had theirs: locals are even, captures odd. */
  private wouldBe(i: number, d: number, fresh: number[]): number {
    if (i < d) return this.local(d - 1 - i) * 2
    let n = this.knownCapture(i - d)
    if (n < 0) {
      const at = fresh.indexOf(i)
      n = this.cur.captureCount + (at >= 0 ? at : fresh.push(i) - 1)
    }
    return n * 2 + 1
  }

  // ── pieces as words ───────────────────────────────────────────────────────────────────────────────────────────────

  private comparePieces(a: Piece, b: Piece): number {
    if (a.len !== b.len) return a.len - b.len
    const { data } = this.arena
    // most pieces consist of stretches of the same lengths
    const s = this.stretches.data
    for (let p = a.from, q = b.from; ; p += 3, q += 3) {
      if (p === a.to && q === b.to) return 0
      if (p === a.to || q === b.to || s[p] === INNER || s[q] === INNER) break
      const n = s[p + 1] - s[p]
      if (s[q + 1] - s[q] !== n) break
      for (let i = 0, x = s[p], y = s[q]; i < n; i++) {
        const v = data[x + i]
        const w = data[y + i]
        if (v !== w) return v < w ? -1 : 1
      }
    }
    const x = new Cursor(this.stretches, this.pieces, a)
    const y = new Cursor(this.stretches, this.pieces, b)
    for (;;) {
      if (x.at === x.end && !x.next()) return 0
      if (y.at === y.end && !y.next()) return 0
      const n = Math.min(x.end - x.at, y.end - y.at)
      for (let i = 0; i < n; i++) {
        const p = data[x.at + i]
        const q = data[y.at + i]
        if (p !== q) return p < q ? -1 : 1
      }
      x.at += n
      y.at += n
    }
  }

  /** Writes the words of a piece. */
  private flatten(p: Piece, out: Words): void {
    const c = new Cursor(this.stretches, this.pieces, p)
    out.reserve(p.len)
    while (c.next()) out.append(this.arena.data, c.at, c.end)
  }

  /** Places of the instructions of a piece that stands at word `offset`; `copies` gets the pieces inside it of which there are several. */
  private rows(p: Piece, offset: number, out: Rows, copies: Copies[] | null): void {
    const c = new Cursor(this.stretches, this.pieces, p)
    while (c.next()) {
      if (copies !== null && c.entered !== null && placesOfCopies(c.entered))
        copies.push({ at: offset, piece: c.entered, into: out.overlays })
      const shift = offset - c.at
      for (let k = c.span; k < this.spanCount && this.spanAt[k] < c.end; k++) {
        out.push(this.spanAt[k] + shift, this.spanStart[k], this.spanEnd[k])
      }
      offset += c.end - c.at
    }
  }

  /** The places of all copies, and of the copies inside them. */
  private overlay(work: Copies[]): void {
    for (let w = 0; w < work.length; w++) {
      const { at, piece, into } = work[w]
      const kept = new Rows(0)
      this.rows(piece, at, kept, null)
      let differs = false
      const tables = (piece.copies as Piece[]).map(p => {
        if (p === piece) return null
        const rows = new Rows(0)
        const before = work.length
        this.rows(p, at, rows, work)
        if (work.length === before && sameRows(rows, kept)) return null
        differs = true
        return rows.table()
      })
      if (differs) into.push({ at, copies: tables })
    }
  }
}

/** Rows of a table of places that is being made. */
class Rows {
  length = 0
  at: Uint32Array
  start: Int32Array
  end: Int32Array
  readonly overlays: Overlay[] = []
  /** @param capacity expected number of rows */
  constructor(capacity: number) {
    this.at = new Uint32Array(capacity)
    this.start = new Int32Array(capacity)
    this.end = new Int32Array(capacity)
  }
  push(at: number, start: number, end: number): void {
    const n = this.length
    if (n === this.at.length) this.grow()
    this.at[n] = at
    this.start[n] = start
    this.end[n] = end
    this.length = n + 1
  }
  private grow(): void {
    const room = 2 * this.length + 16
    const { at, start, end } = this
    this.at = new Uint32Array(room)
    this.start = new Int32Array(room)
    this.end = new Int32Array(room)
    this.at.set(at)
    this.start.set(start)
    this.end.set(end)
  }
  table(): SpanTable {
    const n = this.length
    if (n === this.at.length) return new SpanTable(this.at, this.start, this.end, this.overlays)
    return new SpanTable(this.at.slice(0, n), this.start.slice(0, n), this.end.slice(0, n), this.overlays)
  }
}

/** A piece of which there are several, with places to be kept, at word `at`. */
interface Copies {
  readonly at: number
  readonly piece: Piece
  /** Overlays of the table that it is found in. */
  readonly into: Overlay[]
}

function placesOfCopies(p: Piece): boolean {
  return p.copies !== null && p.copies.length <= COPIES_MAX
}

function sameRows(a: Rows, b: Rows): boolean {
  const n = a.length
  if (n !== b.length) return false
  for (let i = 0; i < n; i++) if (a.at[i] !== b.at[i] || a.start[i] !== b.start[i] || a.end[i] !== b.end[i]) return false
  return true
}

/** Walks the stretches of the arena that a piece consists of. */
class Cursor {
  at = 0
  end = 0
  span = 0
  /** The piece that begins with this stretch, if one does that stands inside another. */
  entered: Piece | null = null
  private readonly stretches: Uint32Array
  private readonly pieces: readonly Piece[]
  private i: number
  private to: number
  /** Pairs (place, end) of the pieces around this one. */
  private readonly outer: number[] = []
  constructor(stretches: Words, pieces: readonly Piece[], p: Piece) {
    this.stretches = stretches.data
    this.pieces = pieces
    this.i = p.from
    this.to = p.to
  }
  next(): boolean {
    this.entered = null
    for (;;) {
      if (this.i === this.to) {
        const to = this.outer.pop()
        if (to === undefined) return false
        this.to = to
        this.i = this.outer.pop() as number
        continue
      }
      const start = this.stretches[this.i]
      const end = this.stretches[this.i + 1]
      const span = this.stretches[this.i + 2]
      this.i += 3
      if (start !== INNER) {
        this.at = start
        this.end = end
        this.span = span
        return true
      }
      this.outer.push(this.i, this.to)
      this.entered = this.pieces[end]
      this.i = this.entered.from
      this.to = this.entered.to
    }
  }
}

/**
 * Compiles a term that may be open: variable `Bound(i)` becomes a capture. Equal terms that differ only in which variables they use have one image.
 * @throws ImageTooLarge if something does not fit the fields of an image
 */
export function compileOpen(term: Term): CompiledOpen {
  const c = new Compiler()
  c.add(term)
  return c.finish()
}

function compareCaptures({ captures: a }: Piece, { captures: b }: Piece): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return 0
}

/**
 * Compiles a closed term: one sequence per parallel component.
 * @throws ImageTooLarge if something does not fit the fields of an image
 */
export function compile(term: Term): Compiled {
  const { image, spans } = compileOpen(term)
  return { image, spans }
}

/** The image of a process. */
export function imageOf(p: Term): Uint32Array {
  return compileOpen(p).image
}

/** The code of a name in any sequence: QUOTE, length, image. */
export function imageOfName(n: Term): Uint32Array {
  const image = imageOf(n)
  const out = new Uint32Array(image.length + 2)
  out[0] = Op.QUOTE
  out[1] = image.length
  out.set(image, 2)
  return out
}

/** The image of `P | Q` from those of P and Q. */
export function imageUnion(a: Uint32Array, b: Uint32Array): Uint32Array {
  return unionImages(a, b)
}
