import type { Sequence, Slot } from '../../bytecode/image.ts'
import { instructionLength, OP_INFO, Op } from '../../bytecode/opcodes.ts'
import type { Site } from '../../rspace/kernel.ts'
import { NO_SPAN, type Span } from '../base/source.ts'
import { decodePattern } from '../compile/decode.ts'
import { type Difference, firstDifference } from '../normal/difference.ts'
import { itemOf } from '../normal/long.ts'
import { Budget, type CompiledPattern, compilePattern, ground, matchAll, matches, type Refs, solutions, tryMatch } from '../normal/match.ts'
import { type Free, List, type Ref, Tag, type Term, Tuple, tagOf, Unforgeable, WILDCARD, type Wildcard } from '../normal/term.ts'
import type { Linked, Linker, Program } from './link.ts'
import { type Machine, MachineFault, type Pool } from './machine.ts'
import type { Shard } from './shard.ts'
import { type ReceivePrice, sizeOfValue } from './size.ts'

/** What all messages sent by one instruction have in common. */
export class SendSite {
  readonly persistent: boolean
  readonly argc: number
  readonly program: Program
  /** Offset of the instruction in the image. */
  readonly at: number
  constructor(persistent: boolean, argc: number, program: Program, at: number) {
    this.persistent = persistent
    this.argc = argc
    this.program = program
    this.at = at
  }
  get span(): Span {
    return this.program.spans?.lookup(this.at) ?? NO_SPAN
  }
}

function refsOf(slots: readonly number[], regs: readonly Term[]): Refs {
  return i => regs[slots[i]]
}

/** The patterns of one bind, prepared. A match gives an array: the message itself when nothing but plain variables is asked (`simple`), else the variables. */
export class MessagePattern {
  readonly arity: number
  readonly rest: Free | Wildcard | null
  readonly patterns: readonly Term[]
  readonly count: number
  /** Only the number of values matters. */
  readonly simple: boolean
  /** All messages that fit have this key (`keyOfMessage`), if it is not undefined. */
  readonly key: Term | undefined
  /** The key is the first element of the first value. */
  private readonly inner: boolean
  /** Registers: of value j if `simple` (−1: not bound), else of variable j. */
  private readonly registers: readonly number[]
  readonly contiguous: boolean
  /** First register of its variables. */
  readonly base: number
  private readonly slots: readonly number[]
  private readonly compiled: readonly CompiledPattern[]
  private readonly keySlot: number
  /** Matching takes a bounded number of steps. */
  readonly searchless: boolean
  private readonly found: Term[]
  constructor(patterns: readonly Term[], rest: Free | Wildcard | null, count: number, slots: readonly number[], base: number) {
    this.patterns = patterns
    this.rest = rest
    this.arity = patterns.length
    this.count = count
    this.base = base
    this.slots = slots
    this.simple = rest === null && patterns.every(p => tagOf(p) === Tag.Free || tagOf(p) === Tag.Wildcard)
    this.registers = this.simple
      ? patterns.map(p => (tagOf(p) === Tag.Free ? base + (p as Free).index : -1))
      : Array.from({ length: count }, (_, i) => base + i)
    this.contiguous = this.registers.every((r, i) => r === base + i)
    this.compiled = this.simple ? [] : patterns.map(p => compilePattern(p, count))
    this.searchless = this.compiled.every(c => c.kind !== 'general')
    this.found = new Array<Term>(count).fill(0)
    const key = patterns.length > 0 ? keyPart(patterns[0]) : undefined
    this.inner = key !== patterns[0]
    this.key = key !== undefined && isKey(key) ? key : undefined
    this.keySlot = key !== undefined && tagOf(key) === Tag.Ref ? slots[(key as Ref).index] : -1
  }

  /** The first value has to be the key, the others are variables whose registers go side by side. */
  get keyed(): boolean {
    return (
      (this.key !== undefined || this.keySlot >= 0) &&
      !this.inner &&
      this.rest === null &&
      this.patterns.every((p, i) => i === 0 || (tagOf(p) === Tag.Free && (p as Free).index === i - 1))
    )
  }

  fits(n: number): boolean {
    return this.rest === null ? n === this.arity : n >= this.arity
  }

  /** The index key of a waiting receive. */
  keyFor(regs: readonly Term[]): Term | undefined {
    if (this.keySlot < 0) return this.key
    const v = regs[this.keySlot]
    return isKey(v) ? v : undefined
  }

  /** Not for `simple` patterns. */
  match(values: readonly Term[], regs: readonly Term[], shard: Shard): Term[] | undefined {
    const n = this.arity
    if (!this.fits(values.length)) return undefined
    const out = new Array<Term>(this.count)
    const refs = this.slots.length === 0 ? undefined : refsOf(this.slots, regs)
    const compiled = this.compiled
    let budget: Budget | null = null
    for (let i = 0; i < n; i++) {
      const c = compiled[i]
      if (c.kind === 'general') {
        const allowed = shard.limits.matchBudget
        budget ??= new Budget(allowed)
        const before = budget.left
        const fits = tryMatch(c, values[i], out, 0, refs, budget)
        shard.charge(before - budget.left)
        if (!fits) return undefined
      } else if (!tryMatch(c, values[i], out, 0, refs)) return undefined
    }
    const rest = this.rest
    if (rest !== null && rest.tag === Tag.Free) out[(rest as Free).index] = new List(values.slice(n))
    return out
  }

  /** As `match` without the search, for patterns that need none; the answer holds until the next call. */
  quickMatch(values: readonly Term[], regs: readonly Term[]): Term[] | undefined {
    if (!this.fits(values.length)) return undefined
    const { compiled, found, slots, arity, rest } = this
    const refs = slots.length === 0 ? undefined : refsOf(slots, regs)
    for (let i = 0; i < arity; i++) if (!tryMatch(compiled[i], values[i], found, 0, refs)) return undefined
    if (rest !== null && rest.tag === Tag.Free) found[(rest as Free).index] = new List(values.slice(arity))
    return found
  }

  /** As `quickMatch`, straight into the registers of the machine that waits. On false the registers of the variables may have been written to. */
  quickFill(values: readonly Term[], regs: Term[]): boolean {
    if (!this.fits(values.length)) return false
    const { base, rest, arity } = this
    for (let i = 0; i < arity; i++) if (!this.quickFillOne(values[i], regs, i)) return false
    if (rest !== null && rest.tag === Tag.Free) regs[base + (rest as Free).index] = new List(values.slice(arity))
    return true
  }

  /** The same for value `i` of a message of as many values as there are patterns. */
  quickFillOne(value: Term, regs: Term[], i: number): boolean {
    const { slots } = this
    return tryMatch(this.compiled[i], value, regs, this.base, slots.length === 0 ? undefined : refsOf(slots, regs))
  }

  *matchAll(values: Term[], regs: readonly Term[], shard: Shard): Generator<Term[]> {
    if (!this.fits(values.length)) return
    if (this.simple) {
      yield values
      return
    }
    if (this.compiled.every(c => c.kind !== 'general' && c.kind !== 'first')) {
      const one = this.match(values, regs, shard)
      if (one !== undefined) yield one
      return
    }
    const budget = new Budget(shard.limits.matchBudget)
    let before = budget.left
    const refs = refsOf(this.slots, regs)
    const found =
      this.arity === 1 && this.rest === null
        ? solutions(this.compiled[0], values[0], refs, budget)
        : matchAll(new List(this.patterns, this.rest), new List(values), this.count, refs, budget)
    for (const out of found) {
      shard.charge(before - budget.left)
      before = budget.left
      yield out
    }
    shard.charge(before - budget.left)
  }

  /** Of a message with the right number of values that does not fit: where it differs first. */
  difference(values: readonly Term[], regs: readonly Term[]): Difference {
    const refs = refsOf(this.slots, regs)
    const patterns = this.patterns.map(p => ground(p, refs))
    return this.arity === 1 && this.rest === null
      ? firstDifference(patterns[0], values[0])
      : firstDifference(new List(patterns, this.rest), new List(values))
  }

  fill(regs: Term[], result: readonly Term[]): void {
    const r = this.registers
    if (this.contiguous) {
      if (r.length === 0) return
      const base = r[0]
      for (let i = 0; i < r.length; i++) regs[base + i] = result[i]
    } else for (let i = 0; i < r.length; i++) if (r[i] >= 0) regs[r[i]] = result[i]
  }
}

/** Where the key of a message stands: its first value, or the first element of that if it is a tuple or list. */
function keyPart(first: Term): Term | undefined {
  if (first instanceof Tuple) return first.items[0]
  return first instanceof List ? itemOf(first, 0) : first
}

/** The key of a message in the index of its channel; undefined says nothing about what fits. */
export function keyOfMessage(values: readonly Term[]): Term | undefined {
  const first = values[0]
  if (typeof first !== 'object') return first
  const key = keyPart(first)
  return key !== undefined && isKey(key) ? key : undefined
}

/** A value of which "the first value of the message is another one" can be decided by identity. */
function isKey(t: Term): boolean {
  return typeof t !== 'object' || t instanceof Unforgeable
}

/** A guard in the place where it is used. */
export class LinkedGuard {
  readonly linked: Linked
  /** Steps of the match budget that one evaluation takes: one per operator. */
  readonly cost: number
  private readonly slots: readonly number[]
  constructor(linker: Linker, program: Program, seq: Sequence, slots: readonly number[]) {
    this.linked = linker.guard(program, seq, seq.codeEnd - seq.at)
    this.slots = slots
    let cost = 0
    for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(seq.words, pc))
      if (OP_INFO[seq.words[pc] & 0xff]?.class === 'P') cost++
    this.cost = Math.max(1, cost)
  }
  /** Registers for its evaluation, from those of the machine with the bindings filled in. */
  gather(regs: readonly Term[]): Term[] {
    const out = new Array<Term>(this.linked.registers)
    for (let i = 0; i < this.slots.length; i++) out[i] = regs[this.slots[i]]
    return out
  }
}

const NOTHING: ReceivePrice = { base: 0, registers: [], times: [] }
/** Price of a COMM with n binds (rholang.md 16.2). */
export const COMM_BASE = 32
export const COMM_BIND = 96

/** What stands behind a continuation: a machine, a machine that awaits the reply of a primitive, a native receive. */
export const Of = { Machine: 0, Reply: 1, Native: 2 } as const

/** One receive (or one branch of a select, or a select with its branches), linked. Shared by all machines that wait there. */
export class RecvSite implements Site, Pool {
  /** Ended machines that were started by a match here. */
  spare: Machine | null = null
  spares = 0
  /** Of a join: the bind that had no message when one of its machines was last looked at. */
  lacking = 0
  /** Registers before the bindings: what a child of a persistent receive starts with. */
  readonly live: number
  readonly arrows: Uint8Array
  readonly persistent: boolean
  readonly guarded: boolean
  readonly branches: readonly RecvSite[] | undefined
  readonly patterns: readonly MessagePattern[]
  readonly guard: LinkedGuard | null
  readonly program: Program | null
  readonly at: number
  private price: ReceivePrice | null = null
  /** Whose it is: see `Of`. */
  readonly of: number
  /** One bind that only asks for this many values; −1 where more has to be looked at. */
  readonly soleArity: number
  /** First register of the values of such a bind, if they go side by side; −1 otherwise. */
  readonly soleBase: number
  /** `soleArity` if it also stays after a match and its values go side by side: a plain contract. −1 otherwise. */
  readonly direct: number
  /** The same for one bind that takes its datum and goes. */
  readonly linear: number
  /**
   * The number of values of a message for one bind, no peek, whose pattern asks for one particular first value and binds the others side by side: all that is
   * left to compare once the index has found it. −1 otherwise.
   */
  readonly keyed: number
  /** One bind, no peek, whose pattern needs no search, and which is not plain. */
  readonly quick: boolean
  /** Several binds, none a peek, of which only the numbers of values matter; their values go side by side. */
  readonly plainJoin: boolean
  /** A plain join of two messages of one value each. */
  readonly pair: boolean
  /** Price of a COMM here, guard aside. */
  readonly commGas: number
  /** Register pc of the body. */
  next = 0
  constructor(
    arrows: Uint8Array,
    patterns: readonly MessagePattern[],
    guard: LinkedGuard | null,
    branches: readonly RecvSite[] | null,
    program: Program | null,
    at: number,
    of: number = Of.Machine,
  ) {
    const sole = patterns.length === 1 && patterns[0].simple && guard === null && branches === null ? patterns[0] : null
    this.of = of
    this.live = patterns.length === 0 ? 0 : patterns[0].base
    this.soleArity = sole === null ? -1 : sole.arity
    this.soleBase = sole === null || !sole.contiguous || sole.arity === 0 ? -1 : sole.base
    this.arrows = arrows
    this.direct = of === Of.Machine && arrows[0] === 1 && (this.soleBase >= 0 || this.soleArity === 0) ? this.soleArity : -1
    this.linear = of === Of.Machine && arrows[0] === 0 && (this.soleBase >= 0 || this.soleArity === 0) ? this.soleArity : -1
    this.keyed =
      of === Of.Machine && patterns.length === 1 && guard === null && branches === null && arrows[0] !== 2 && patterns[0].keyed
        ? patterns[0].arity
        : -1
    this.quick =
      of === Of.Machine &&
      patterns.length === 1 &&
      guard === null &&
      branches === null &&
      arrows[0] !== 2 &&
      !patterns[0].simple &&
      patterns[0].searchless
    this.plainJoin =
      of === Of.Machine &&
      patterns.length > 1 &&
      guard === null &&
      branches === null &&
      !arrows.includes(2) &&
      patterns.every(p => p.simple && p.contiguous)
    this.pair = this.plainJoin && patterns.length === 2 && patterns[0].arity === 1 && patterns[1].arity === 1
    this.persistent = arrows.includes(1)
    this.guarded = guard !== null || branches?.some(b => b.guarded) === true
    this.branches = branches ?? undefined
    this.patterns = patterns
    this.commGas = COMM_BASE + COMM_BIND * patterns.length
    this.guard = guard
    this.program = program
    this.at = at
  }
  /** What installing it costs. */
  get prices(): ReceivePrice {
    return (this.price ??= this.program === null ? NOTHING : this.program.price(this.at))
  }
  /** The same, given the registers. */
  gas(regs: readonly Term[]): number {
    const { base, registers, times } = this.prices
    let gas = base
    for (let i = 0; i < registers.length; i++) {
      const v = regs[registers[i]]
      gas += times[i] * (typeof v === 'number' ? 8 : sizeOfValue(v))
    }
    return gas
  }

  fill(regs: Term[], results: readonly (readonly Term[])[]): void {
    const base = this.soleBase
    if (base >= 0) {
      const values = results[0]
      regs[base] = values[0]
      for (let i = 1; i < values.length; i++) regs[base + i] = values[i]
      return
    }
    const p = this.patterns
    for (let i = 0; i < p.length; i++) p[i].fill(regs, results[i])
  }
  get span(): Span {
    return this.program?.spans?.lookup(this.at) ?? NO_SPAN
  }
  /** Where the sources of the binds were written, in the order of the channels; of a select those of all branches. */
  get sources(): Span[] {
    const { program, at } = this
    const spans = program?.spans ?? null
    if (program === null || spans === null) return []
    const { words } = program
    const found: Span[] = []
    const binds = (first: number, n: number): void => {
      for (let i = 0; i < n; i++) found.push(spans.lookup(first + i) ?? NO_SPAN)
    }
    if ((words[at] & 0xff) === Op.RECV) binds(at + 1, this.patterns.length)
    else {
      let next = at + 1
      for (let b = words[at] >>> 8; b > 0; b--) {
        binds(next + 1, words[next])
        next += words[next] + 4
      }
    }
    return found
  }
}

function anyOf(arity: number): MessagePattern {
  return new MessagePattern(new Array<Term>(arity).fill(WILDCARD), null, 0, [], 0)
}

/** A receive of the engine's own. */
function engineSite(arrow: number, arity: number, of: number): RecvSite {
  return new RecvSite(new Uint8Array([arrow]), [anyOf(arity)], null, null, null, -1, of)
}

/** A machine waits here for the reply of a primitive. */
export const REPLY_SITE = engineSite(0, 1, Of.Reply)
/** A native receive that takes one message of one value. */
export const NATIVE_ONCE_SITE = engineSite(0, 1, Of.Native)
/** A machine that does not wait. */
export const NO_SITE = engineSite(0, 0, Of.Machine)

const nativeSites: RecvSite[] = []
/** Where native receives for messages of `arity` values listen. */
export function nativeSite(arity: number): RecvSite {
  return (nativeSites[arity] ??= engineSite(1, arity, Of.Native))
}

const onceSites: RecvSite[] = []
/** Where native receives listen that take one message of `arity` values. */
export function nativeOnceSite(arity: number): RecvSite {
  return (onceSites[arity] ??= engineSite(0, arity, Of.Native))
}

const KINDS = { no: 0, yes: 1, spent: -1 } as const

/** How much work a case is. */
export const CaseFast = { Any: 0, Variable: 1, Constant: 2, Searchless: 3, General: 4 } as const

/** The pattern of a case or of `matches`, with its guard. */
export class CasePattern {
  readonly pattern: Term
  readonly count: number
  /** First register of its variables. */
  readonly base: number
  private readonly slots: readonly number[]
  private readonly compiled: CompiledPattern
  private readonly guard: LinkedGuard | null
  readonly fast: number
  private constructor(pattern: Term, count: number, base: number, slots: readonly number[], guard: LinkedGuard | null) {
    this.pattern = pattern
    this.count = count
    this.base = base
    this.slots = slots
    this.guard = guard
    this.compiled = compilePattern(pattern, count)
    const kind = this.compiled.kind
    this.fast =
      guard !== null || kind === 'general'
        ? CaseFast.General
        : kind === 'wildcard'
          ? CaseFast.Any
          : kind === 'bind'
            ? CaseFast.Variable
            : kind === 'constant' && typeof pattern !== 'object'
              ? CaseFast.Constant
              : CaseFast.Searchless
  }

  static of(linker: Linker, program: Program, seq: Sequence, constant: number, base: number, register: (s: Slot) => number): CasePattern {
    const d = decodePattern(seq, constant)
    const slots = d.refs.map(register)
    let guard: LinkedGuard | null = null
    if (d.guard !== null) guard = new LinkedGuard(linker, program, d.guard.sequence, d.guard.slots.map(register))
    return new CasePattern(d.patterns[0], d.count, base, slots, guard)
  }

  /** 1: fits, variables are in the registers; 0: does not fit; −1: the step budget is used up. */
  tryFill(v: Term, regs: Term[], shard: Shard, m: Machine): number {
    switch (this.fast) {
      case CaseFast.Any:
        return 1
      case CaseFast.Variable:
        regs[this.base] = v
        return 1
      case CaseFast.Constant:
        return v === this.pattern ? 1 : typeof v !== 'object' ? 0 : this.search(v, regs, shard, m)
      case CaseFast.Searchless:
        return tryMatch(this.compiled, v, regs, this.base, this.slots.length === 0 ? undefined : refsOf(this.slots, regs)) ? 1 : 0
      default:
        return this.search(v, regs, shard, m)
    }
  }

  private search(v: Term, regs: Term[], shard: Shard, m: Machine): number {
    const budget = new Budget(shard.limits.matchBudget)
    const refs = refsOf(this.slots, regs)
    if (this.guard === null) {
      if (tryMatch(this.compiled, v, regs, this.base, refs, budget)) return KINDS.yes
      return budget.exceeded ? KINDS.spent : KINDS.no
    }
    for (const found of solutions(this.compiled, v, refs, budget)) {
      for (let i = 0; i < found.length; i++) regs[this.base + i] = found[i]
      budget.left -= this.guard.cost
      const r = shard.pure(m, this.guard.linked, this.guard.gather(regs))
      if (r instanceof MachineFault) shard.caseGuardFault(m, r)
      else if (r === true) return KINDS.yes
    }
    return budget.exceeded ? KINDS.spent : KINDS.no
  }

  /** For `matches`. */
  test(v: Term, regs: readonly Term[], shard: Shard): number {
    const budget = new Budget(shard.limits.matchBudget)
    if (matches(this.pattern, v, refsOf(this.slots, regs), budget)) return KINDS.yes
    return budget.exceeded ? KINDS.spent : KINDS.no
  }
}
