import { imageCaptures, members, readGuard, readSequence, type Sequence, type Slot, slotOf } from '../../bytecode/image.ts'
import { HEADER, instructionLength, Kind, OP_INFO, Op, PERSISTENT } from '../../bytecode/opcodes.ts'
import type { Chan } from '../../rspace/kernel.ts'
import { NO_SPAN, type SourceFile, type Span, sources } from '../base/source.ts'
import { compile } from '../compile/compile.ts'
import { decodeImage, decodePattern, decodeSequence, valueOfConstant } from '../compile/decode.ts'
import type { SpanTable } from '../compile/spans.ts'
import { makeMap, makeSet } from '../normal/build.ts'
import { close } from '../normal/substitute.ts'
import {
  Arrow,
  Closure,
  List,
  MapTerm,
  NIL,
  type Node,
  Send,
  SetTerm,
  type Term,
  type Template as TermTemplate,
  Tuple,
} from '../normal/term.ts'
import type { Account, Machine, Pool } from './machine.ts'
import { keep, NAME_ITEMS_BITS, NAME_ITEMS_MAX, NameSite } from './names.ts'
import type { Shard } from './shard.ts'
import { CasePattern, LinkedGuard, MessagePattern, RecvSite, SendSite } from './site.ts'
import { type ReceivePrice, receivePrices, sizeOfValue } from './size.ts'
import { Tier } from './tier.ts'

/** What code is called that came as a value. */
export const QUOTED = 'quoted code'

/** Code that came in together: one image and, if it was compiled from text, where its instructions were written. */
export class Program {
  readonly words: Uint32Array
  readonly spans: SpanTable | null
  /** Display name of what it was compiled from. */
  readonly name: string
  /** Whose program it is; null for code that came as a value. */
  account: Account | null = null
  /** The text that it was compiled from, held for as long as there is code of it. */
  file: SourceFile | null = null
  private known: ReadonlyMap<number, ReceivePrice> | null = null
  /** What this is a copy of that was written elsewhere; null for a program of its own. */
  private readonly base: Program | null
  private copies: Map<SpanTable, Program> | null = null
  constructor(words: Uint32Array, spans: SpanTable | null, name: string, base: Program | null = null) {
    this.words = words
    this.spans = spans
    this.name = name
    this.base = base
  }
  /** The same code with other places: that of one of several components that differ only in what they capture. */
  copy(spans: SpanTable): Program {
    const copies = (this.copies ??= new Map<SpanTable, Program>())
    let p = copies.get(spans)
    if (p === undefined) {
      p = new Program(this.words, spans, this.name, this.base ?? this)
      p.account = this.account
      p.file = this.file
      copies.set(spans, p)
    }
    return p
  }
  /** What installing the receive or select at an offset costs. All are computed when the first is asked for: receives nest deeply. */
  price(at: number): ReceivePrice {
    const { base } = this
    if (base !== null) return base.price(at)
    return (this.known ??= receivePrices(this.words)).get(at) as ReceivePrice
  }
}

/** What a METHOD instruction calls. */
export class MethodSite {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** A constant public name in channel position. */
export class ChanConst {
  readonly name: Term
  readonly chan: Chan
  readonly size: number
  constructor(name: Term, chan: Chan) {
    this.name = name
    this.chan = chan
    this.size = sizeOfValue(name)
  }
}

/** One distinct component of an image. */
export class Member implements Pool {
  readonly program: Program
  readonly copies: number
  readonly captures: number
  readonly kind: number
  readonly at: number
  readonly len: number
  spare: Machine | null = null
  spares = 0
  private readonly linker: Linker
  private code: Linked | null = null
  constructor(linker: Linker, program: Program, copies: number, at: number, len: number) {
    this.linker = linker
    this.program = program
    this.copies = copies
    this.at = at
    this.len = len
    this.kind = program.words[at] & 0xff
    this.captures = program.words[at + 1]
  }
  get linked(): Linked {
    return (this.code ??= this.linker.sequence(this.program, this.at, this.len))
  }
}

/** The code of a quoted or spawned process: an image inside a program. Linked member by member, when first run. */
export class Template implements TermTemplate {
  readonly members: readonly Member[]
  /** Components, copies counted. */
  readonly total: number
  readonly program: Program
  /** Offset of the image; meaningless where `only` is set. */
  readonly at: number
  /** The one sequence that it is, instead of a whole image. */
  readonly only: Member | null
  /** How many of its children are carried out in the code of their parent; −1 if its SPAWN was not unrolled. */
  inline = -1
  private closer: ((captures: readonly Term[]) => Term) | null = null
  constructor(linker: Linker, program: Program, at: number, only: Member | null = null) {
    this.program = program
    this.at = at
    this.only = only
    this.members = only !== null ? [only] : membersOf(linker, program, at)
    let total = 0
    for (const m of this.members) total += m.copies
    this.total = total
  }
  close(captures: readonly Term[]): Term {
    const { only, program } = this
    const closer = (this.closer ??=
      only === null
        ? decodeImage(program.words, this.at, program.spans)
        : closeOver(decodeSequence(readSequence(program.words, only.at, only.len), program.spans).term))
    return closer(captures)
  }
}

/** The members of an image. Copies that were written in different places are members of their own, in the order of their captures. */
function membersOf(linker: Linker, program: Program, at: number): Member[] {
  const found: Member[] = []
  for (const m of members(program.words, at)) {
    const tables = program.spans?.copiesAt(m.at)
    if (tables === undefined) {
      found.push(new Member(linker, program, m.multiplicity, m.at, m.len))
      continue
    }
    for (let copy = 0; copy < m.multiplicity; ) {
      const table = tables[copy]
      let n = 1
      while (copy + n < m.multiplicity && tables[copy + n] === table) n++
      found.push(new Member(linker, table === null ? program : program.copy(table), n, m.at, m.len))
      copy += n
    }
  }
  return found
}

/** What makes values without a way to fail. */
const VALUE_OPS: ReadonlySet<number> = new Set([Op.LOADC, Op.REDUCE, Op.INT, Op.BOOL, Op.NIL, Op.CONST, Op.TUPLE, Op.LIST])

/** Whether a QUOTE is a name that is computed on the spot, with a REDUCE behind its CLOSE: one value of what a part without a machine may compute. */
function isComputedName(words: Uint32Array, quote: number): boolean {
  const list = members(words, quote + 2)
  const close = quote + instructionLength(words, quote)
  const end = close + instructionLength(words, close)
  if (list.length !== 1 || list[0].multiplicity !== 1 || (words[list[0].at] & 0xff) !== Kind.EXPR) return false
  if ((words[close] & 0xff) !== Op.CLOSE || (words[end] & 0xff) !== Op.REDUCE) return false
  const seq = readSequence(words, list[0].at, list[0].len)
  for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(words, pc)) {
    const op = words[pc] & 0xff
    if (op !== Op.HALT && !VALUE_OPS.has(op) && !INLINE_ARITHMETIC.has(op)) return false
  }
  return true
}

/** Whether a member only computes with Ints, compares, and sends at most once on every way through it, in few words. */
function isInline(words: Uint32Array, member: Member): boolean {
  const { at, len, program } = member
  if (len > INLINE_WORDS || member.kind !== Kind.PROC) return false
  const seq = readSequence(words, at, len)
  if (seq.locals > 0) return false
  let sent = false
  let compared = false
  for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(words, pc)) {
    const op = words[pc] & 0xff
    if (compared !== (op === Op.JFALSE)) return false
    if (sent !== (op === Op.HALT) && op !== Op.HALT) return false
    compared = false
    if (VALUE_OPS.has(op)) continue
    switch (op) {
      case Op.JFALSE:
        break
      case Op.QUOTE:
        if (!isComputedName(words, pc)) return false
        pc += instructionLength(words, pc)
        if (pc >= seq.codeEnd || (words[pc] & 0xff) !== Op.CLOSE) return false
        break
      case Op.HALT:
        sent = false
        break
      case Op.SEND:
        if (((words[pc] >>> 8) & PERSISTENT) !== 0) return false
        sent = true
        break
      default:
        if (INLINE_BRANCH.has(op)) compared = true
        else if (!INLINE_ARITHMETIC.has(op)) return false
    }
  }
  return program.words === words
}

function closeOver(term: Term): (captures: readonly Term[]) => Term {
  return captures => close(term, captures)
}

/** Executable form of one sequence: register code, constants made once. Derived, never stored. */
export class Linked {
  readonly program: Program
  readonly at: number
  readonly len: number
  readonly code: Int32Array
  readonly consts: readonly unknown[]
  readonly captures: number
  readonly locals: number
  readonly registers: number
  /** Running it does nothing: a value or an operator as a statement. */
  readonly inert: boolean
  /** Straight-line work and sends: it neither waits nor starts anything, so it may run at once. */
  readonly leaf: boolean
  /** Pairs (register pc, absolute word offset of the instruction in the image), ascending. */
  readonly map: readonly number[]
  /** Stretches of code that come from a copy of a member which was written elsewhere. */
  private readonly elsewhere: readonly Elsewhere[]
  /** What the unrolled SPAWNs of this code start, in order. */
  readonly parts: readonly Part[]
  constructor(
    program: Program,
    at: number,
    len: number,
    out: Emitter,
    captures: number,
    locals: number,
    registers: number,
    inert: boolean,
  ) {
    this.program = program
    this.at = at
    this.len = len
    this.code = Int32Array.from(out.code)
    this.consts = out.consts
    this.captures = captures
    this.locals = locals
    this.registers = registers
    this.inert = inert
    this.map = out.map
    this.elsewhere = out.elsewhere
    this.parts = out.parts
    this.leaf = !inert && !out.branching
  }
  /** Offset in the image of the instruction that the register instruction at `pc` was made from. */
  canonical(pc: number): number {
    const map = this.map
    let low = 0
    let high = map.length / 2 - 1
    if (high < 0) return this.at
    while (low < high) {
      const mid = (low + high + 1) >> 1
      if (map[2 * mid] <= pc) low = mid
      else high = mid - 1
    }
    return map[2 * low + 1]
  }
  spanAt(pc: number): { start: number; end: number } {
    const at = this.canonical(pc)
    for (const e of this.elsewhere) if (pc >= e.from && pc < e.to) return spanNear(this.program.words, e.spans, at, this.at, this.len)
    return this.spanOf(at)
  }
  spanOf(at: number): { start: number; end: number } {
    return spanNear(this.program.words, this.program.spans, at, this.at, this.len)
  }
}

/** One child in an unrolled SPAWN: its code stands in that of its parent from `from` on, or an instruction there starts it. */
export interface Part {
  readonly member: Member
  /** Registers of the parent that it captures. */
  readonly slots: readonly number[]
  readonly from: number
  /** Where its parent goes on. */
  to: number
  /** It is carried out without a machine of its own. */
  readonly inline: boolean
  readonly last: boolean
}

/** Register code from `from` up to `to`, with the places that hold there. */
interface Elsewhere {
  readonly from: number
  readonly to: number
  readonly spans: SpanTable
}

/**
 * Where the instruction at `at` was written; one without a place of its own has that of the instruction before it in the sequence of `len` words that begins
 * at `from`, or of the one behind it.
 */
function spanNear(words: Uint32Array, spans: SpanTable | null, at: number, from: number, len: number): Span {
  if (spans === null) return NO_SPAN
  let low = 0
  let high = spans.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (spans.at[middle] <= at) low = middle + 1
    else high = middle - 1
  }
  // the rows behind that of a receive are those of its binds
  while (high >= 0 && spans.at[high] >= from && isBindWord(words[spans.at[high]])) high--
  if (high < 0 || spans.at[high] < from) high++
  if (high === spans.length || spans.at[high] >= from + len) return NO_SPAN
  return { start: spans.start[high], end: spans.end[high] }
}

/** Of the words that have a place: the low byte is an arrow, which no instruction that has one begins with. */
function isBindWord(word: number): boolean {
  return (word & 0xff) <= Arrow.Peek
}

class Emitter {
  readonly code: number[] = []
  readonly consts: unknown[] = []
  readonly map: number[] = []
  /** An instruction was emitted after which other code of the program may run in this machine or its children. */
  branching = false
  readonly elsewhere: Elsewhere[] = []
  readonly parts: Part[] = []
  private readonly known = new Map<unknown, number>()
  /** Index of a constant; equal primitives share one. */
  constant(value: unknown): number {
    if (typeof value !== 'object') {
      const at = this.known.get(value)
      if (at !== undefined) return at
      this.known.set(value, this.consts.length)
    }
    this.consts.push(value)
    return this.consts.length - 1
  }
}

interface Join {
  readonly target: number
  readonly dest: number
  /** Where the jump target is to be written. */
  readonly patch: number
}

const MNEMONIC_BINARY = new Map<number, number>([
  [Op.ADD, 32],
  [Op.SUB, 33],
  [Op.MUL, 34],
  [Op.DIV, 35],
  [Op.MOD, 36],
  [Op.LT, 37],
  [Op.LE, 38],
  [Op.GT, 39],
  [Op.GE, 40],
  [Op.EQ, 41],
  [Op.NE, 42],
  [Op.CONCAT, 43],
  [Op.DIFF, 44],
  [Op.INTERP, 45],
  [Op.AND, 46],
  [Op.OR, 47],
])
/** Arithmetic of a part without a machine: on two Ints, or the part gets a machine after all. Its price is known beforehand. */
const INLINE_ARITHMETIC = new Map<number, readonly [number, number]>([
  [Op.ADD, [62, 3]],
  [Op.SUB, [63, 3]],
  [Op.MUL, [64, 9]],
  [Op.DIV, [65, 9]],
  [Op.MOD, [66, 9]],
])
/** A comparison and the JFALSE after it. */
const INLINE_BRANCH = new Map<number, readonly [number, number]>([
  [Op.LT, [71, 15]],
  [Op.LE, [72, 15]],
  [Op.GT, [73, 15]],
  [Op.GE, [74, 15]],
  [Op.EQ, [75, 20]],
  [Op.NE, [76, 20]],
])
/** A SPAWN of more children than this is not unrolled, and no child of more words is carried out in the code of its parent. */
const UNROLL_MAX = 64
const INLINE_WORDS = 128
const COLLECT = new Map<number, number>([
  [Op.LIST, 7],
  [Op.TUPLE, 8],
  [Op.SET, 9],
  [Op.PAR, 14],
])

/** Words after which long code gets another ENTER, so that each can be made into a function of a size that the host optimises. */
const STRETCH = 400

/** How far down its stack a translation looks for a temporary. */
const NEAR = 8

/** Turns sequences into register code: stack slots become registers, loads vanish into operands, compare-and-branch pairs get a fast form. */
export class Linker {
  readonly shard: Shard
  private readonly dynamic = new WeakMap<object, Template>()
  private readonly values = new WeakMap<object, Linked>()
  constructor(shard: Shard) {
    this.shard = shard
  }

  /** Code for a process that came as a term: what matching took apart or building put together. Compiled once per term object. */
  template(t: Node): Template {
    let known = this.dynamic.get(t)
    if (known === undefined) {
      const { image, spans } = compile(t)
      const program = new Program(image, spans, QUOTED)
      if (spans.length > 0) program.file = sources.fileAt(spans.start[0]) ?? null
      known = new Template(this, program, 0)
      this.dynamic.set(t, known)
    }
    return known
  }

  /** Code that computes `val` of a term with exposed expressions: the datum of a send that is not sent. */
  evaluator(t: Term): Linked {
    const key = t as Node
    let known = this.values.get(key)
    if (known === undefined) {
      const { image, spans } = compile(new Send(NIL, [t], false))
      const program = new Program(image, spans, QUOTED)
      const m = members(program.words, 0)[0]
      known = this.sequence(program, m.at, m.len, true)
      this.values.set(key, known)
    }
    return known
  }

  /** Code of a processor that has a turn of its own (literal mode, `fifo`). */
  get processor(): Linked {
    if (this.processing === null) {
      const out = new Emitter()
      out.code.push(58, 0)
      out.map.push(0, 0)
      this.processing = new Linked(new Program(new Uint32Array(1), null, 'processor'), 0, 0, out, 0, 0, 1, false)
    }
    return this.processing
  }
  private processing: Linked | null = null

  /** `value`: the sequence is a send whose only datum is wanted, instead of sending it. */
  sequence(program: Program, at: number, len: number, value = false): Linked {
    const seq = readSequence(program.words, at, len)
    return this.link(program, seq, len, value)
  }

  guard(program: Program, seq: Sequence, len: number): Linked {
    return this.link(program, seq, len, false)
  }

  private link(program: Program, seq: Sequence, len: number, value: boolean): Linked {
    const out = new Emitter()
    const depth = seq.captures + seq.locals
    const inert = seq.kind === Kind.EXPR && !value
    // Loads become operands, so far fewer temporaries are used than the stack is high.
    let registers = Math.max(1, depth)
    if (!inert) {
      const t = new Translation(this, program, seq, out, depth, value)
      t.run()
      registers = Math.max(registers, t.registers)
    }
    const linked = new Linked(program, seq.at, len, out, seq.captures, seq.locals, registers, inert)
    return linked
  }
}

/** The translation of one sequence. Descriptors of stack values: register ≥ 0, or ~index of a constant. */
class Translation {
  private readonly linker: Linker
  private program: Program
  private seq: Sequence
  private readonly out: Emitter
  private readonly words: Uint32Array
  /** Registers of the captures while code of another sequence is taken in; null: captures are the first registers. */
  private captures: readonly number[] | null = null
  private readonly ownCaptures: number
  private lastAt = -1
  private readonly tempBase: number
  private readonly value: boolean
  private stack: number[] = []
  private gas = 0
  private pc = 0
  registers: number
  /** Stacks at jump targets. */
  private readonly at = new Map<number, number[]>()
  private readonly labels = new Map<number, number>()
  private readonly fixups: { patch: number; target: number }[] = []
  private readonly joins: Join[] = []
  private readonly elseCases = new Set<number>()

  constructor(linker: Linker, program: Program, seq: Sequence, out: Emitter, depth: number, value: boolean) {
    this.linker = linker
    this.program = program
    this.seq = seq
    this.ownCaptures = seq.captures
    this.out = out
    this.words = seq.words
    this.tempBase = depth
    this.registers = depth
    this.value = value
  }

  run(): void {
    const { seq } = this
    this.pc = seq.codeStart
    const tiers = this.linker.shard.quick && seq.kind === Kind.PROC && !this.value
    this.entered = tiers
    while (this.pc < seq.codeEnd) {
      this.arrive(this.pc)
      if (this.entered) {
        this.entered = false
        if (tiers && this.worthATier(this.pc)) this.enter()
      } else if (tiers && this.out.code.length - this.enteredAt > STRETCH && this.gas === 0 && this.mayEnter(this.pc)) this.enter()
      this.step()
    }
    const { code } = this.out
    for (const f of this.fixups) code[f.patch] = this.labels.get(f.target) as number
    for (const p of this.pendingSites) p.site.next = this.labels.get(p.target) as number
  }

  /** A machine may begin or go on at the next instruction. */
  private entered = false
  /** Where the latest ENTER stands. */
  private enteredAt = 0

  /** Whether an ENTER does not come between a comparison and its jump. */
  private mayEnter(pc: number): boolean {
    return (this.words[pc] & 0xff) !== Op.JFALSE
  }

  private enter(): void {
    this.enteredAt = this.out.code.length
    this.emit(79, this.out.constant(new Tier(this.linker.shard.options.hot)))
    this.lastAt = -1
  }

  /** Whether the first thing that is done from `pc` on is more than to send or to end. */
  private worthATier(pc: number): boolean {
    const { words, seq } = this
    const first = pc === seq.codeStart
    for (; pc < seq.codeEnd; pc += instructionLength(words, pc)) {
      const op = words[pc] & 0xff
      // For what is received for good a program waits once.
      if (op === Op.RECV) return !first || ((words[pc] >>> 8) & PERSISTENT) === 0
      if (op === Op.HALT || op === Op.SELECT || op === Op.EVAL || op === Op.SEND) return false
      if (!VALUE_OPS.has(op) && op !== Op.LOADL && op !== Op.LOADC) return true
    }
    return false
  }

  /** At a jump target: close `&&`/`||`, restore the stack of the jump, set the label. */
  private arrive(pc: number): void {
    while (this.joins.length > 0 && this.joins[this.joins.length - 1].target === pc) {
      const j = this.joins.pop() as Join
      const a = this.stack.pop() as number
      this.emit(5, j.dest, a)
      this.out.code[j.patch] = this.out.code.length
      this.lastAt = -1
      this.stack.push(j.dest)
    }
    const saved = this.at.get(pc)
    if (saved !== undefined) {
      this.stack = saved
      this.gas = 0
      this.lastAt = -1
      this.labels.set(pc, this.out.code.length)
      if (this.pendingSites.some(p => p.target === pc)) this.entered = true
    }
  }

  /** Emit an instruction for the canonical one at `pc`; returns the index of its first operand. */
  private emit(op: number, ...operands: number[]): number {
    const { code, map } = this.out
    if (map.length === 0 || map[map.length - 1] !== this.pc) map.push(code.length, this.pc)
    if (op >= 21 && op <= 27 && op !== 25) this.out.branching = true
    this.lastAt = code.length
    code.push(op, this.gas)
    this.gas = 0
    const first = code.length
    for (let i = 0; i < operands.length; i++) code.push(operands[i])
    return first
  }

  private append(operands: readonly number[]): void {
    const { code } = this.out
    for (let i = 0; i < operands.length; i++) code.push(operands[i])
  }

  /** Register for a value pushed now. */
  private temp(): number {
    const { stack, tempBase } = this
    // Above the highest temporary in use, if that is near: operands that are no temporaries need no place.
    let i = stack.length
    const least = Math.max(0, i - NEAR)
    while (i > least && stack[i - 1] < tempBase) i--
    const r = i > least ? stack[i - 1] + 1 : tempBase + i
    if (r >= this.registers) this.registers = r + 1
    return r
  }

  private constant(v: unknown): void {
    this.stack.push(~this.out.constant(v))
  }

  private take(n: number): number[] {
    return n === 0 ? [] : this.stack.splice(this.stack.length - n, n)
  }

  private jump(patch: number, target: number): void {
    this.fixups.push({ patch, target })
    this.at.set(target, this.stack.slice())
  }

  private slotRegister(s: Slot): number {
    if (s.capture) return this.captures === null ? s.index : this.captures[s.index]
    return this.ownCaptures + s.index
  }

  private step(): void {
    const { words, out } = this
    const pc = this.pc
    const w = words[pc]
    const op = w & 0xff
    const n = w >>> 8
    const length = instructionLength(words, pc)
    const next = pc + length
    switch (op) {
      case Op.HALT:
        if (this.inlining) this.endPath()
        else if (this.seq.kind === Kind.PROC) this.emit(0)
        else this.emit(56, this.stack.pop() as number)
        break
      case Op.JUMP:
        this.jump(this.emit(1, 0), next + n)
        break
      case Op.JFALSE:
        this.jfalse(next + n)
        break
      case Op.ANDTHEN:
      case Op.ORELSE: {
        const a = this.stack.pop() as number
        const dest = this.temp()
        this.gas += 2
        const first = this.emit(op === Op.ANDTHEN ? 3 : 4, dest, a, 0)
        this.joins.push({ target: next + n, dest, patch: first + 2 })
        break
      }
      case Op.FAIL:
        this.emit(55)
        break
      case Op.CASE: {
        const a = this.stack.pop() as number
        if (!this.elseCases.has(pc)) this.gas += 12
        const target = next + n
        this.elseCases.add(target)
        const pattern = this.casePattern(words[pc + 1], words[pc + 2])
        const first = this.emit(25, a, out.constant(pattern), 0)
        this.stack.push(a)
        this.jump(first + 2, target)
        this.stack.pop()
        break
      }
      case Op.NIL:
        this.constant(NIL)
        break
      case Op.INT:
        this.constant(w >> 8)
        break
      case Op.BOOL:
        this.constant(n === 1)
        break
      case Op.CONST:
        this.constant(valueOfConstant(this.seq.constants[n]))
        break
      case Op.QUOTE:
        this.quote(pc, next)
        return
      case Op.LOADL:
        this.gas += 10
        this.stack.push(this.seq.captures + n)
        break
      case Op.LOADC:
        this.gas += 10
        this.stack.push(this.captures === null ? n : this.captures[n])
        break
      case Op.STOREL:
        this.emit(6, this.seq.captures + n, this.stack.pop() as number)
        break
      case Op.POP:
        // The only value that is ever dropped is the scrutinee of a match that fitted no case.
        if (this.elseCases.has(pc)) {
          this.emit(54, this.stack.pop() as number)
          this.pc = next + 1
          return
        }
        this.stack.pop()
        break
      case Op.LIST:
      case Op.TUPLE:
      case Op.SET:
      case Op.PAR:
        this.collect(op, n)
        break
      case Op.LISTR:
      case Op.SETR: {
        const items = this.take(n + 1)
        const d = this.temp()
        this.emit(op === Op.LISTR ? 10 : 11, d, n)
        this.append(items)
        this.stack.push(d)
        break
      }
      case Op.MAP:
      case Op.MAPR: {
        const items = this.take(2 * n + (op === Op.MAPR ? 1 : 0))
        if (op === Op.MAP && items.every(i => i < 0)) {
          const keys: Term[] = []
          const values: Term[] = []
          for (let i = 0; i < n; i++) {
            keys.push(out.consts[~items[2 * i]] as Term)
            values.push(out.consts[~items[2 * i + 1]] as Term)
          }
          this.constant(makeMap(keys, values))
          break
        }
        const d = this.temp()
        this.emit(op === Op.MAP ? 12 : 13, d, n)
        this.append(items)
        this.stack.push(d)
        break
      }
      case Op.BUNDLE: {
        const a = this.stack.pop() as number
        const d = this.temp()
        this.emit(15, d, n, a)
        this.stack.push(d)
        break
      }
      case Op.REDUCE:
        break // consumers evaluate what they take
      case Op.NEW: {
        this.declare(pc, n)
        this.emit(17, this.seq.captures + words[pc + 1], n)
        break
      }
      case Op.NEWURI: {
        this.declare(pc, 1)
        const uri = valueOfConstant(this.seq.constants[words[pc + 1]]) as { text: string } | string
        const text = typeof uri === 'string' ? uri : uri.text
        const v = this.linker.shard.options.uri(text)
        if (v === undefined) this.emit(55)
        else this.emit(18, this.seq.captures + n, out.constant(v))
        break
      }
      case Op.SEND:
        this.send(w)
        break
      case Op.RECV:
        this.receive(pc, n & (PERSISTENT - 1))
        break
      case Op.SELECT:
        this.select(pc, n, next)
        break
      case Op.SPAWN: {
        const t = new Template(this.linker, this.program, pc + 2)
        const slots = this.closeSlots(next)
        this.emit(26, out.constant(t), slots.length)
        this.append(slots)
        // CLOSE and HALT are part of it
        let end = next
        if ((words[end] & 0xff) === Op.CLOSE) end += instructionLength(words, end)
        this.unroll(t, slots)
        this.pc = end + 1
        return
      }
      case Op.EVAL:
        this.emit(27, this.stack.pop() as number)
        break
      case Op.NOT:
      case Op.NEG: {
        const a = this.stack.pop() as number
        const d = this.temp()
        this.emit(op === Op.NEG ? 30 : 31, d, a)
        this.stack.push(d)
        break
      }
      case Op.MATCHES: {
        const a = this.stack.pop() as number
        const d = this.temp()
        this.gas += 12
        this.emit(29, d, a, out.constant(this.casePattern(n, 0)))
        this.stack.push(d)
        break
      }
      case Op.METHOD: {
        const argc = words[pc + 1]
        const args = this.take(argc)
        const a = this.stack.pop() as number
        const d = this.temp()
        const name = valueOfConstant(this.seq.constants[n]) as string
        this.emit(28, d, out.constant(new MethodSite(name)), a, argc)
        this.append(args)
        this.stack.push(d)
        break
      }
      default: {
        if (this.inlining && this.inlineBinary(op)) return
        const binary = MNEMONIC_BINARY.get(op)
        if (binary === undefined) throw new Error(`no register form for ${OP_INFO[op]?.name ?? op}`)
        const b = this.stack.pop() as number
        const a = this.stack.pop() as number
        const d = this.temp()
        this.emit(binary, d, a, b)
        this.stack.push(d)
      }
    }
    this.pc = next
  }

  // ── unrolled SPAWNs ───────────────────────────────────────────────────────────────────────────────────────────────

  /** A part is being carried out in the code of its parent: nothing in it may fail or wait, and only its one send changes anything. */
  private inlining = false
  /** Price and number of operations on the way to where the part is now; they are charged with its send. */
  private ops = 0
  private readonly ways = new Map<number, { gas: number; ops: number }>()
  /** Where ends of the part have to jump to its end. */
  private ends: number[] = []

  /**
   * After SPAWN, for where nobody watches: one step per child. Short parts that only compute and send get no machine at all; the last child goes on in place
   * of its parent.
   */
  private unroll(t: Template, slots: readonly number[]): void {
    const { out, words, linker } = this
    if (!linker.shard.quick || t.total > UNROLL_MAX) return
    const children: { member: Member; slots: number[] }[] = []
    let at = 0
    for (const member of t.members)
      for (let copy = 0; copy < member.copies; copy++) {
        if (member.kind !== Kind.EXPR) children.push({ member, slots: slots.slice(at, at + member.captures) })
        at += member.captures
      }
    if (children.length === 0) return
    t.inline = 0
    children.forEach(({ member, slots: own }, i) => {
      const last = i === children.length - 1
      const inline = isInline(words, member)
      if (inline) t.inline++
      const part: Part = { member, slots: own, from: out.code.length, to: 0, inline, last }
      out.parts.push(part)
      if (!inline) {
        this.emit(last ? 61 : 60, out.constant(member), own.length)
        this.append(own)
      } else if (last) this.last(member, own)
      else this.inlined(member, own)
      part.to = out.code.length
      // A last part that needed a machine of its own comes back here.
      if (last && inline) this.emit(0)
    })
  }

  /** The last child takes the place of its parent: ordinary code. */
  private last(member: Member, slots: readonly number[]): void {
    this.emit(77)
    this.within(member, slots, () => {
      for (const end = this.seq.codeEnd; this.pc < end; ) {
        this.arrive(this.pc)
        this.step()
      }
    })
  }

  private inlined(member: Member, slots: readonly number[]): void {
    this.inlining = true
    this.ops = 0
    this.within(member, slots, () => {
      for (const end = this.seq.codeEnd; this.pc < end; ) {
        const way = this.ways.get(this.pc)
        this.arrive(this.pc)
        if (way !== undefined) {
          this.gas = way.gas
          this.ops = way.ops
        }
        this.step()
      }
    })
    this.inlining = false
    const { code } = this.out
    for (const patch of this.ends) code[patch] = code.length
    this.ends = []
  }

  /** Translate the code of a child here, its captures bound to registers of this sequence. */
  private within(member: Member, slots: readonly number[], translate: () => void): void {
    const { seq, captures, pc, program, stack, gas } = this
    const { code, elsewhere } = this.out
    const from = code.length
    const fixed = this.fixups.length
    this.program = member.program
    this.seq = readSequence(this.words, member.at, member.len)
    this.captures = slots
    this.pc = this.seq.codeStart
    this.stack = []
    this.gas = 0
    this.lastAt = -1
    translate()
    // Another copy of the same code has labels of its own.
    for (const f of this.fixups.splice(fixed)) code[f.patch] = this.labels.get(f.target) as number
    this.seq = seq
    this.captures = captures
    this.pc = pc
    this.program = program
    this.stack = stack
    this.gas = gas
    const spans = member.program.spans
    if (program !== member.program && spans !== null) elsewhere.push({ from, to: code.length, spans })
  }

  /** HALT of a part without a machine. A way without a send says so here. */
  private endPath(): void {
    const { out, seq } = this
    const sent = this.lastAt >= 0 && (out.code[this.lastAt] === 69 || out.code[this.lastAt] === 70)
    if (!sent) {
      const gas = this.gas
      this.gas = 0
      this.emit(57, this.ops)
      out.code[this.lastAt + 1] = gas
    }
    if (this.pc + 1 < seq.codeEnd) this.ends.push(this.emit(1, 0))
    this.gas = 0
  }

  /** True if it was an operation of a part without a machine, and `pc` is behind it. */
  private inlineBinary(op: number): boolean {
    const { words } = this
    const arithmetic = INLINE_ARITHMETIC.get(op)
    const [number, price] = arithmetic ?? (INLINE_BRANCH.get(op) as readonly [number, number])
    const b = this.stack.pop() as number
    const a = this.stack.pop() as number
    const gas = this.gas + price
    this.gas = 0
    this.ops++
    const behind = this.pc + instructionLength(words, this.pc)
    if (arithmetic !== undefined) {
      const d = this.temp()
      this.emit(number, d, a, b)
      this.stack.push(d)
      this.pc = behind
    } else {
      const next = behind + instructionLength(words, behind)
      const target = next + (words[behind] >>> 8)
      const first = this.emit(number, a, b, 0)
      this.jump(first + 2, target)
      this.ways.set(target, { gas, ops: this.ops })
      this.pc = next
    }
    this.gas = gas
    return true
  }

  /** The price of `n` of the names of one `new`, which may take several instructions. */
  private declare(pc: number, n: number): void {
    this.gas += (this.declaring ? 0 : 10) + 2 * n
    this.declaring = this.words[pc + 2] > 0
  }
  private declaring = false

  private collect(op: number, n: number): void {
    const items = this.take(n)
    if (op !== Op.PAR && items.every(i => i < 0)) {
      const values = items.map(i => this.out.consts[~i] as Term)
      this.constant(op === Op.LIST ? new List(values) : op === Op.TUPLE ? new Tuple(values) : makeSet(values))
      return
    }
    const d = this.temp()
    const gas = this.gas
    if (this.inlining) this.gas = 0
    this.made.set(d, this.out.code.length)
    this.emit(this.inlining ? (op === Op.LIST ? 68 : 67) : (COLLECT.get(op) as number), d, n)
    if (this.inlining) this.gas = gas
    this.append(items)
    this.stack.push(d)
  }
  /** Where the value of a register was made, if it may be a collection. */
  private readonly made = new Map<number, number>()

  /** A tuple that is only used as a name is looked up instead of being made. */
  private naming(d: number): void {
    const { code } = this.out
    const at = d >= 0 ? this.made.get(d) : undefined
    if (at === undefined || !this.linker.shard.options.optimise || code[at + 2] !== d || code[at + 3] > NAME_ITEMS_MAX) return
    if (code[at] !== 8 && code[at] !== 67) return
    const n = code[at + 3]
    const varies: number[] = []
    for (let i = 0; i < n; i++) {
      const item = code[at + 4 + i]
      if (item >= 0 || typeof this.out.consts[~item] === 'object') varies.push(item >= 0 ? i : -1)
    }
    code[at] = code[at] === 8 ? 59 : 78
    code[at + 3] = n | (this.out.constant(new NameSite(varies.length === 1 ? varies[0] : -1)) << NAME_ITEMS_BITS)
  }

  /** A JFALSE right after a comparison of Ints: a fast form in front that skips both when the operation is fused. */
  private jfalse(target: number): void {
    const { code } = this.out
    const a = this.stack.pop() as number
    this.gas += 12
    const at = this.lastAt
    const compared =
      this.linker.shard.options.optimise && at >= 0 && at === code.length - 5 && code[at] >= 37 && code[at] <= 42 && code[at + 2] === a
    if (compared) {
      const [op, gas, d, x, y] = code.splice(at, 5)
      const map = this.out.map
      const mapped = map.length >= 2 && map[map.length - 2] === at
      const price = (op >= 41 ? 8 : 3) + 12 + gas
      code.push(op - 37 + 48, 0, x, y, 0, price, at + 7 + 5 + 4)
      const patch = at + 4
      code.push(op, gas, d, x, y)
      if (!mapped) map.push(at, this.pc)
      const first = this.emit(2, a, 0)
      this.fixups.push({ patch, target })
      this.jump(first + 1, target)
      return
    }
    const first = this.emit(2, a, 0)
    this.jump(first + 1, target)
  }
  private closeSlots(pc: number): number[] {
    const { words } = this
    if ((words[pc] & 0xff) !== Op.CLOSE) return []
    const n = words[pc] >>> 8
    const out: number[] = []
    for (let i = 0; i < n; i++) out.push(this.slotRegister(slotOf(words[pc + 1 + i])))
    return out
  }

  /** QUOTE with its CLOSE and REDUCE. */
  private quote(pc: number, next: number): void {
    const { words, out } = this
    const image = pc + 2
    const slots = imageCaptures(words, image) > 0 ? this.closeSlots(next) : []
    let end = next
    if ((words[end] & 0xff) === Op.CLOSE && slots.length > 0) end += instructionLength(words, end)
    const reduce = (words[end] & 0xff) === Op.REDUCE && end < this.seq.codeEnd
    const list = members(words, image)
    if (list.length === 0) this.constant(NIL)
    else if (reduce) this.inline(list, slots)
    else if (list.length === 1 && list[0].multiplicity === 1 && this.isVariable(list[0].at, list[0].len)) this.stack.push(slots[0])
    else if (list.length === 1 && list[0].multiplicity === 1 && slots.length === 0 && (words[list[0].at] & 0xff) === Kind.EXPR)
      this.constant(decodeImage(words, image)([]))
    else {
      const t = new Template(this.linker, this.program, image)
      if (slots.length === 0) this.constant(new Closure(t, []))
      else {
        const d = this.temp()
        this.emit(16, d, out.constant(t), slots.length)
        this.append(slots)
        this.stack.push(d)
      }
    }
    this.pc = end
  }

  /** The sequence `LOADC 0, EVAL`: the quote of a variable is the variable. */
  private isVariable(at: number, _len: number): boolean {
    const { words } = this
    const start = at + HEADER + words[at + 4]
    return (words[start] & 0xff) === Op.LOADC && (words[start + 1] & 0xff) === Op.EVAL
  }

  /** `QUOTE … REDUCE`: evaluate the exposed expressions of the quoted process here, keep its code quoted. */
  private inline(list: readonly { multiplicity: number; at: number; len: number }[], slots: readonly number[]): void {
    const { words } = this
    const before = this.stack.length
    let used = 0
    let count = 0
    for (const m of list) {
      const captures = words[m.at + 1]
      const tables = this.program.spans?.copiesAt(m.at)
      for (let copy = 0; copy < m.multiplicity; copy++) {
        const spans = tables === undefined ? null : tables[copy]
        const mine = slots.slice(used, used + captures)
        used += captures
        if ((words[m.at] & 0xff) === Kind.EXPR || this.endsInEval(m.at, m.len)) this.nested(m.at, m.len, mine, spans)
        else {
          const program = spans === null ? this.program : this.program.copy(spans)
          const t = new Template(this.linker, program, 0, new Member(this.linker, program, 1, m.at, m.len))
          if (mine.length === 0) this.constant(new Closure(t, []))
          else {
            const d = this.temp()
            this.emit(16, d, this.out.constant(t), mine.length)
            this.append(mine)
            this.stack.push(d)
          }
        }
        count++
      }
    }
    if (count === 1) return
    const parts = this.stack.splice(before)
    const d = this.temp()
    this.emit(14, d, count)
    this.append(parts)
    this.stack.push(d)
  }

  /** A statement variable or method call, but not a bundle: what `val` evaluates. */
  private endsInEval(at: number, len: number): boolean {
    const { words } = this
    let pc = at + HEADER + words[at + 4]
    const end = at + len
    let last = 0
    let previous = 0
    for (; pc < end; pc += instructionLength(words, pc)) {
      previous = last
      last = words[pc] & 0xff
      if (
        last === Op.SEND ||
        last === Op.RECV ||
        last === Op.NEW ||
        last === Op.CASE ||
        last === Op.JFALSE ||
        last === Op.SELECT ||
        last === Op.SPAWN
      )
        return false
    }
    return last === Op.EVAL && previous !== Op.BUNDLE
  }

  /** The value code of another sequence, with its captures bound to registers of this one. */
  private nested(at: number, len: number, captures: readonly number[], spans: SpanTable | null): void {
    const { seq: outer, captures: outerCaptures, pc: outerPc, program } = this
    if (spans !== null) this.program = program.copy(spans)
    const from = this.out.code.length
    this.seq = readSequence(this.words, at, len)
    this.captures = captures
    this.pc = this.seq.codeStart
    for (;;) {
      this.arrive(this.pc)
      const op = this.words[this.pc] & 0xff
      if (op === Op.HALT || op === Op.EVAL) break
      this.step()
    }
    this.seq = outer
    this.captures = outerCaptures
    this.pc = outerPc
    if (spans === null) return
    this.program = program
    // innermost first
    if (this.out.code.length > from) this.out.elsewhere.push({ from, to: this.out.code.length, spans })
  }

  private casePattern(constant: number, base: number): CasePattern {
    return CasePattern.of(this.linker, this.program, this.seq, constant, this.seq.captures + base, s => this.slotRegister(s))
  }

  private nameConstant(d: number): ChanConst | null {
    if (d >= 0) return null
    const name = this.out.consts[~d] as Term
    const shard = this.linker.shard
    return new ChanConst(name, keep(shard.chanOf(name)))
  }

  private send(w: number): void {
    const { out } = this
    const argc = (w >>> 8) & (PERSISTENT - 1)
    const persistent = ((w >>> 8) & PERSISTENT) !== 0
    const args = this.take(argc)
    const c = this.stack.pop() as number
    if (this.value) {
      this.emit(56, args[0])
      return
    }
    const at = this.pc
    const site = new SendSite(persistent, argc, this.program, at)
    const known = this.plainConstant(c) ? this.nameConstant(c) : null
    if (known === null) this.naming(c)
    if (this.inlining) {
      if (known !== null) this.emit(70, out.constant(known), out.constant(site), this.ops, argc)
      else this.emit(69, c, out.constant(site), this.ops, argc)
    } else if (known !== null) this.emit(20, out.constant(known), out.constant(site), argc)
    else this.emit(19, c, out.constant(site), argc)
    this.append(args)
  }

  /** A constant name that is not a bundle and has nothing to evaluate. */
  private plainConstant(d: number): boolean {
    if (d >= 0) return false
    const v = this.out.consts[~d] as Term
    if (typeof v !== 'object') return true
    return (
      !(v instanceof Closure) &&
      (v instanceof List || v instanceof Tuple || v instanceof SetTerm || v instanceof MapTerm || v === NIL) &&
      v.flags === 0
    )
  }

  private guardAt(word: number): LinkedGuard | null {
    if (word === 0) return null
    const c = this.seq.constants[word - 1]
    if (c.kind !== 'guard') throw new Error('a guard constant was expected')
    const { slots, sequence } = readGuard(this.words, c.at, c.len)
    return new LinkedGuard(
      this.linker,
      this.program,
      sequence,
      slots.map(s => this.slotRegister(s)),
    )
  }

  private bindPatterns(at: number, n: number, base: number): { arrows: Uint8Array; patterns: MessagePattern[] } {
    const arrows = new Uint8Array(n)
    const patterns: MessagePattern[] = []
    let local = this.seq.captures + base
    for (let i = 0; i < n; i++) {
      const w = this.words[at + i]
      arrows[i] = w & 0xff
      const p = decodePattern(this.seq, w >>> 8)
      patterns.push(
        new MessagePattern(
          p.patterns,
          p.rest,
          p.count,
          p.refs.map(s => this.slotRegister(s)),
          local,
        ),
      )
      local += p.count
    }
    return { arrows, patterns }
  }

  private receive(pc: number, n: number): void {
    const { words, out } = this
    const base = words[pc + n + 2]
    const { arrows, patterns } = this.bindPatterns(pc + 1, n, base)
    const guard = this.guardAt(words[pc + n + 1])
    const site = new RecvSite(arrows, patterns, guard, null, this.program, pc)
    const sources = this.take(n)
    if (n === 1) {
      const known = this.plainConstant(sources[0]) ? this.nameConstant(sources[0]) : null
      if (known === null) this.naming(sources[0])
      if (known !== null) this.emit(22, out.constant(site), out.constant(known))
      else this.emit(21, out.constant(site), sources[0])
    } else {
      for (const source of sources) this.naming(source)
      this.emit(23, out.constant(site), n)
      this.append(sources)
    }
    site.next = out.code.length
    this.entered = true
  }

  private select(pc: number, branches: number, next: number): void {
    const { words, out } = this
    const sites: RecvSite[] = []
    let at = pc + 1
    let binds = 0
    const targets: number[] = []
    for (let b = 0; b < branches; b++) {
      const n = words[at]
      const base = words[at + n + 2]
      const { arrows, patterns } = this.bindPatterns(at + 1, n, base)
      const guard = this.guardAt(words[at + n + 1])
      sites.push(new RecvSite(arrows, patterns, guard, null, this.program, pc))
      targets.push(next + words[at + n + 3])
      binds += n
      at += n + 4
    }
    const arrows = new Uint8Array(sites.flatMap(s => [...s.arrows]))
    const site = new RecvSite(arrows, [], null, sites, this.program, pc)
    const sources = this.take(binds)
    this.emit(24, out.constant(site), binds)
    this.append(sources)
    for (let b = 0; b < branches; b++) {
      this.at.set(targets[b], [])
      this.pendingSites.push({ site: sites[b], target: targets[b] })
    }
  }
  private readonly pendingSites: { site: RecvSite; target: number }[] = []
}
