import { operandText, shortId } from '../../bytecode/disasm.ts'
import { members, readGuard, readPattern, readSequence, type Sequence, slotOf } from '../../bytecode/image.ts'
import { COUNT_MASK, instructionLength, KIND_NAMES, Kind, OP_INFO, Op } from '../../bytecode/opcodes.ts'
import { TAG_OF_OP } from '../compile/blob.ts'
import { valueOfConstant } from '../compile/decode.ts'
import { show, showName } from '../normal/print.ts'
import { Closure, Flag, flagsOf, Tag, type Term, Uri } from '../normal/term.ts'
import { ChanConst, type Linked, type Linker, Member, MethodSite, type Program, Template } from './link.ts'
import { NAME_ITEMS_MAX } from './names.ts'
import { Guard, type Primitives } from './primitives.ts'
import { REGISTER_OPS, registerLength } from './register.ts'
import { CasePattern, RecvSite, SendSite } from './site.ts'
import { Tier } from './tier.ts'

/**
 * What people see of linked code: register instructions beside the canonical ones that they were made from, what captured slots are bound to, and why an
 * operation is or is not carried out in place. Everything about a sequence is counted from its own beginning, so its listing does not depend on what stands beside it.
 */

const FIRST_BRANCH = REGISTER_OPS.findIndex(o => o.name === 'JLT')
const LAST_BRANCH = FIRST_BRANCH + 5

// ── the sequences of a program ──────────────────────────────────────────────────────────────────────────────────────

/** One sequence of a program, wherever it stands. */
interface Part {
  readonly seq: Sequence
  readonly linked: Linked
  /** `×2`, or where it stands: `of 1a2b3c4d +7`. */
  readonly where: string
  readonly id: string
  readonly parent: Part | null
  /** Copies of a component of the program. */
  readonly times: number
  /** Where the captures of each copy come from, in words of the parent; null for the components of the program. */
  readonly slots: readonly (readonly number[])[] | null
}

/** Sequences inside others that are longer than this have no id in a listing: hashing every level of a deep image would not be linear. */
const ID_WORDS = 1024

/** Components first, then what stands inside, level by level. A worklist: images nest as deep as programs do. */
function* partsOf(linker: Linker, program: Program): Generator<Part> {
  const { words } = program
  const queue: Part[] = []
  const add = (at: number, len: number, where: string, parent: Part | null, slots: Part['slots'], times = 1): void => {
    const seq = readSequence(words, at, len)
    const linked = seq.kind === Kind.GUARD ? linker.guard(program, seq, len) : linker.sequence(program, at, len)
    const id = parent === null || len <= ID_WORDS ? shortId(words, at, len) : 'long'
    queue.push({ seq, linked, where, id, parent, times, slots })
  }
  for (const m of members(words)) add(m.at, m.len, `×${m.multiplicity}`, null, null, m.multiplicity)
  for (let i = 0; i < queue.length; i++) {
    const part = queue[i]
    yield part
    for (const c of part.seq.constants) {
      let guard: { at: number; len: number } | null = null
      if (c.kind === 'guard') guard = c
      else if (c.kind === 'pattern') {
        const head = readPattern(words, c.at, c.len)
        if (head.guardLen > 0) guard = { at: head.guardAt, len: head.guardLen }
      }
      if (guard === null) continue
      const { sequence, slots } = readGuard(words, guard.at, guard.len)
      add(sequence.at, sequence.codeEnd - sequence.at, `guard of ${part.id}`, part, [slots.map(s => (s.capture ? 1 : 0) | (s.index << 8))])
    }
    for (let pc = part.seq.codeStart; pc < part.seq.codeEnd; ) {
      const next = pc + instructionLength(words, pc)
      if (OP_INFO[words[pc] & 0xff]?.extra === 'image') {
        let close = next
        for (const m of members(words, pc + 2)) {
          const captures = words[m.at + 1]
          const slots: number[][] = []
          // Copies that capture nothing are alike, and there may be billions of them.
          for (let copy = 0; copy < (captures === 0 ? 1 : m.multiplicity); copy++) {
            slots.push([...words.subarray(close + 1, close + 1 + captures)])
            close += captures
          }
          const times = m.multiplicity === 1 ? '' : ` ×${m.multiplicity}`
          add(m.at, m.len, `in ${part.id} +${pc - part.seq.codeStart}${times}`, part, slots)
        }
      }
      pc = next
    }
  }
}

// ── register code ───────────────────────────────────────────────────────────────────────────────────────────────────

function registerName(linked: Linked, r: number): string {
  if (r < linked.captures) return `c${r}`
  const local = r - linked.captures
  return local < linked.locals ? `L${local}` : `t${local - linked.locals}`
}

const VALUE_MAX = 40

function shortened(text: string): string {
  const points = Array.from(text.length > 4 * VALUE_MAX ? text.slice(0, 4 * VALUE_MAX) : text)
  return points.length > VALUE_MAX ? `${points.slice(0, VALUE_MAX - 1).join('')}…` : text
}

/** Where the code of a quoted or spawned process stands: the offset of its QUOTE or SPAWN, or of the one member of it that is meant. */
function codeAt(t: Template, from: number): string {
  return t.only === null ? `{+${t.at - 2 - from}}` : `{member at +${t.only.at - from}}`
}

function constantText(value: unknown, from: number): string {
  if (value instanceof ChanConst) return shortened(showName(value.name))
  if (value instanceof SendSite) return value.persistent ? 'persistent' : ''
  if (value instanceof RecvSite) {
    const sites = value.branches ?? [value]
    const text = sites.map(s => `${s.patterns.map((p, i) => bindText(s.arrows[i], p.arity, p.rest !== null)).join(' & ')} → ${s.next}`)
    return `[${text.join('; ')}]`
  }
  if (value instanceof CasePattern) return 'pattern'
  if (value instanceof MethodSite) return `.${value.name}`
  if (value instanceof Tier) return ''
  if (value instanceof Member) return `{+${value.at - from}}`
  if (value instanceof Template) return codeAt(value, from)
  if (value instanceof Closure) return codeAt(value.template as Template, from)
  const t = value as Term
  // Names are made anew in every run; a listing is the same in all of them.
  return (flagsOf(t) & Flag.Unforgeable) !== 0 ? 'name' : shortened(show(t))
}

const ARROWS = ['<-', '<=', '<<-']
function bindText(arrow: number, arity: number, rest: boolean): string {
  return `${ARROWS[arrow]} ${arity}${rest ? '+' : ''}`
}

/** The register instruction at `pc` as text, without its place. */
function registerText(linked: Linked, pc: number, from: number): string {
  const { code, consts } = linked
  const info = REGISTER_OPS[code[pc]]
  const parts: string[] = [info.name]
  const value = (v: number): string => (v >= 0 ? registerName(linked, v) : constantText(consts[~v], from))
  let at = pc + 2
  let n = 0
  const many = (count: number): void => {
    for (let i = 0; i < count; i++) parts.push(value(code[at++]))
  }
  for (const kind of info.operands) {
    switch (kind) {
      case '*':
        many(n)
        break
      case '+':
        many(n + 1)
        break
      case '**':
        many(2 * n)
        break
      case '**+':
        many(2 * n + 1)
        break
      default: {
        const v = code[at++]
        if (kind === 'n') n = v
        else if (kind === 'm') n = v & NAME_ITEMS_MAX
        const text =
          kind === 'd'
            ? `${registerName(linked, v)} ←`
            : kind === 'a'
              ? value(v)
              : kind === 'k'
                ? constantText(consts[v], from)
                : kind === 't'
                  ? `→${v}`
                  : ''
        // The price of a compare-and-branch, the rights of a bundle and the number of names are no counts of operands.
        if (kind === 'n' && !info.operands.some(o => o.includes('*') || o === '+')) parts.push(String(v))
        else if (text !== '') parts.push(text)
      }
    }
  }
  return parts.join(' ')
}

export interface ListingOptions {
  /** Source text of the instruction at a word offset, undefined if it has none. */
  readonly excerpt?: (offset: number) => string | undefined
}

const COLUMN = 34

/** A sequence with its register code, as `--format json` gives it. Counted from the beginning of the sequence. */
export interface LinkedRecord {
  readonly v: 1
  readonly kind: 'linked'
  readonly id: string
  /** `×2` for a component of the program, else what it stands in. */
  readonly where: string
  readonly sort: string
  readonly captures: number
  readonly locals: number
  readonly registers: number
  /** It neither waits nor starts anything. */
  readonly leaf: boolean
  /** A value or an operator as a statement: running it does nothing. */
  readonly inert: boolean
  readonly code: readonly LinkedRow[]
}

/** One canonical instruction and what was made from it; nothing where it vanished into another one. */
export interface LinkedRow {
  readonly at: number
  readonly op: string
  readonly source?: string
  /** `gas`: the price of what vanished into this instruction. */
  readonly linked: readonly { readonly pc: number; readonly text: string; readonly gas: number }[]
}

function heading({ seq, linked, where, id }: Part): Omit<LinkedRecord, 'code' | 'v' | 'kind'> {
  const { captures, locals } = seq
  return { id, where, sort: KIND_NAMES[seq.kind], captures, locals, registers: linked.registers, leaf: linked.leaf, inert: linked.inert }
}

function sourceOf(options: ListingOptions, at: number): { source?: string } {
  const source = options.excerpt?.(at)
  return source === undefined ? {} : { source: source.replace(/\s+/g, ' ') }
}

/** Register instructions by the instruction of the sequence itself that they belong to; code taken in from a quote belongs to the QUOTE. */
function byOrigin(part: Part): Map<number, number[]> {
  const { seq, linked } = part
  const own: number[] = []
  for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(seq.words, pc)) own.push(pc)
  const out = new Map<number, number[]>(own.map(pc => [pc, []]))
  let at = 0
  for (let pc = 0; pc < linked.code.length; pc += registerLength(linked.code, pc)) {
    const from = linked.canonical(pc)
    if (own[at] > from) at = 0
    while (at + 1 < own.length && own[at + 1] <= from) at++
    out.get(own[at])?.push(pc)
  }
  return out
}

export function* linkedRecords(linker: Linker, program: Program, options: ListingOptions = {}): Generator<LinkedRecord> {
  for (const part of partsOf(linker, program)) {
    const { seq, linked } = part
    const from = seq.codeStart
    const code: LinkedRow[] = []
    for (const [pc, registers] of byOrigin(part))
      code.push({
        at: pc - from,
        op: `${OP_INFO[seq.words[pc] & 0xff]?.name}${operandText(seq.words, pc)}`,
        ...sourceOf(options, pc),
        linked: registers.map(r => ({ pc: r, text: registerText(linked, r, from), gas: linked.code[r + 1] })),
      })
    yield { v: 1, kind: 'linked', ...heading(part), code }
  }
}

/** Canonical code left, the register code made from it right. */
export function linkedListing(linker: Linker, program: Program, options: ListingOptions = {}): string {
  const lines: string[] = []
  for (const r of linkedRecords(linker, program, options)) {
    const sort = r.inert ? ', a value: nothing to run' : r.leaf ? ', leaf' : ''
    lines.push(`${r.id} ${r.where}  ${r.sort} captures ${r.captures} locals ${r.locals} registers ${r.registers}${sort}`)
    for (const row of r.code) {
      const right = row.linked.map(l => ` ${String(l.pc).padStart(4)}: ${l.text}${l.gas === 0 ? '' : `  gas ${l.gas}`}`)
      const left = `${String(row.at).padStart(4)}: ${row.op}`.padEnd(COLUMN)
      lines.push(`${left} |${right[0] ?? ''}${row.source === undefined ? '' : `  ; ${row.source}`}`)
      for (const more of right.slice(1)) lines.push(`${''.padEnd(COLUMN)} |${more}`)
    }
    lines.push('')
  }
  return lines.map(l => `${l}\n`).join('')
}

// ── link map ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the slots of one sequence are bound to, as far as its code says. */
class Binders {
  private readonly locals: { readonly pc: number; readonly from: number; readonly to: number; readonly what: (slot: number) => string }[] =
    []

  constructor({ seq }: Part, place: (offset: number) => string) {
    const { words } = seq
    const variables = (k: number): number => {
      const c = seq.constants[k]
      return c.kind === 'pattern' ? readPattern(words, c.at, c.len).count : 0
    }
    const add = (pc: number, from: number, count: number, what: (slot: number) => string): void => {
      if (count > 0) this.locals.push({ pc, from, to: from + count, what })
    }
    /** Binds of a receive whose words begin at `at`. */
    const binds = (pc: number, at: number, n: number): void => {
      let count = 0
      for (let i = 0; i < n; i++) count += variables(words[at + i] >>> 8)
      add(pc, words[at + n + 1], count, () => `received${place(pc)}`)
    }
    for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(words, pc)) {
      const n = words[pc] >>> 8
      switch (words[pc] & 0xff) {
        case Op.NEW:
          add(pc, words[pc + 1], n, () => `new${place(pc)}`)
          break
        case Op.NEWURI: {
          const uri = valueOfConstant(seq.constants[words[pc + 1]])
          add(pc, n, 1, () => (uri instanceof Uri ? `\`${uri.text}\`` : String(uri)))
          break
        }
        case Op.CASE:
          add(pc, words[pc + 2], variables(words[pc + 1]), () => `matched${place(pc)}`)
          break
        case Op.RECV:
          binds(pc, pc + 1, n & COUNT_MASK)
          break
        case Op.SELECT: {
          let at = pc + 1
          for (let b = 0; b < n; b++) {
            binds(pc, at + 1, words[at])
            at += words[at] + 4
          }
          break
        }
      }
    }
  }

  /** Who bound a local before the instruction at `pc`: branches may use a slot again, the latest counts. */
  local(slot: number, before: number): string {
    let found = ''
    for (const l of this.locals) if (l.pc < before && l.from <= slot && slot < l.to) found = l.what(slot)
    return found
  }
}

/** What a sequence is bound to. */
export interface LinkRecord {
  readonly v: 1
  readonly kind: 'link'
  readonly id: string
  readonly where: string
  /** By copy of the sequence, by slot; one entry where copies capture nothing. */
  readonly copies: readonly (readonly CaptureRecord[])[]
  /** Channels that its code holds as constants: they are the same in every program of a space. */
  readonly public: readonly { readonly name: string; readonly does: 'send' | 'receive' }[]
}

export interface CaptureRecord {
  /** Slot of the sequence that it stands in, `L0` or `c1`; empty for what is free in an open program. */
  readonly slot: string
  /** Who bound that: a binder with its source, a URI, the name of a free variable. Empty if nobody is known. Below several copies: of the first. */
  readonly by: string
}

/** `outermost` names the captures of an open program: by copy of component, by slot. */
export function* linkRecords(
  linker: Linker,
  program: Program,
  outermost: readonly (readonly string[])[],
  options: ListingOptions = {},
): Generator<LinkRecord> {
  const place = (offset: number): string => {
    const { source } = sourceOf(options, offset)
    return source === undefined ? '' : `: ${source}`
  }
  const known = new Map<Part, { binders: Binders; captures: readonly CaptureRecord[] }>()
  let copy = 0
  for (const part of partsOf(linker, program)) {
    const { id, where, parent, slots, seq } = part
    let copies: CaptureRecord[][] = []
    if (slots === null) {
      const names = outermost.slice(copy, Math.min(outermost.length, copy + part.times))
      copy += part.times
      copies = names.map(list => list.map(by => ({ slot: '', by })))
    } else if (parent !== null) {
      const above = known.get(parent) as { binders: Binders; captures: readonly CaptureRecord[] }
      // A guard sees what its own receive binds.
      const before = seq.kind === Kind.GUARD ? parent.seq.codeEnd : seq.at
      const bound = (word: number): CaptureRecord => {
        const { capture, index } = slotOf(word)
        return capture
          ? { slot: `c${index}`, by: above.captures[index]?.by ?? '' }
          : { slot: `L${index}`, by: above.binders.local(index, before) }
      }
      copies = slots.map(list => list.map(bound))
    }
    known.set(part, { binders: new Binders(part, place), captures: copies[0] ?? [] })
    yield { v: 1, kind: 'link', id, where, copies, public: publicNames(part.linked) }
  }
}

/** The link map as text: under each sequence its captures, then the public names where it sends (`!`) or receives (`<-`). */
export function linkMap(linker: Linker, program: Program, outermost: readonly (readonly string[])[], options: ListingOptions = {}): string {
  const lines: string[] = []
  for (const r of linkRecords(linker, program, outermost, options)) {
    lines.push(`${r.id} ${r.where}\n`)
    r.copies.forEach((list, i) => {
      const label = r.copies.length === 1 ? '' : ` [copy ${i + 1}]`
      list.forEach(({ slot, by }, c) => {
        const text = slot === '' ? by : by === '' ? slot : `${slot} (${by})`
        lines.push(`  c${c} = ${text}${label}\n`)
      })
    })
    for (const p of r.public) lines.push(`  public ${p.name} ${p.does === 'send' ? '!' : '<-'}\n`)
  }
  return lines.join('')
}

function publicNames(linked: Linked): LinkRecord['public'] {
  const { code, consts } = linked
  const out = new Map<string, LinkRecord['public'][number]>()
  const add = (constant: number, does: 'send' | 'receive'): void => {
    const name = constantText(consts[constant], 0)
    out.set(`${does} ${name}`, { name, does })
  }
  for (let pc = 0; pc < code.length; pc += registerLength(code, pc)) {
    const { name } = REGISTER_OPS[code[pc]]
    if (name === 'SENDK') add(code[pc + 2], 'send')
    else if (name === 'RECVK') add(code[pc + 3], 'receive')
  }
  return [...out.values()]
}

// ── why an operation is not fused ───────────────────────────────────────────────────────────────────────────────────

/** Operators that the run loop computes itself when both operands are Ints (`number`). */
const IN_PLACE = new Set(['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'LT', 'LE', 'GT', 'GE', 'EQ', 'NE'])

/** The operations of a sequence and what the linker made of the rest of it. */
export interface FusionRecord {
  readonly v: 1
  readonly kind: 'fusion'
  readonly id: string
  readonly where: string
  readonly operations: readonly { readonly op: string; readonly how: string; readonly source?: string }[]
  /** Super-instructions: comparisons joined with the jump after them, sends and receives whose channel is resolved, collections that are made once. */
  readonly branches: number
  readonly sends: number
  readonly receives: number
  readonly collections: number
}

export function* fusionRecords(
  linker: Linker,
  program: Program,
  primitives: Primitives,
  options: ListingOptions = {},
): Generator<FusionRecord> {
  for (const { id, where, linked } of partsOf(linker, program)) {
    const { code } = linked
    const operations: FusionRecord['operations'][number][] = []
    const made = { branches: 0, sends: 0, receives: 0, collections: 0 }
    let joined = -1
    for (let pc = 0; pc < code.length; pc += registerLength(code, pc)) {
      const { name } = REGISTER_OPS[code[pc]]
      if (code[pc] >= FIRST_BRANCH && code[pc] <= LAST_BRANCH) {
        joined = pc + registerLength(code, pc)
        made.branches++
      } else if (name === 'SENDK') made.sends++
      else if (name === 'RECVK') made.receives++
      const found = operationAt(linked, pc, pc === joined, primitives)
      if (found !== null) operations.push({ ...found, ...sourceOf(options, linked.canonical(pc)) })
    }
    if (!linked.inert) for (const c of linked.consts) if (isCollection(c)) made.collections++
    yield { v: 1, kind: 'fusion', id, where, operations, ...made }
  }
}

/** Every operation with how it is carried out now and which guard decides it; then, for the whole program, what the linker made of the rest. */
export function fusionReport(linker: Linker, program: Program, primitives: Primitives, options: ListingOptions = {}): string {
  const lines: string[] = []
  const made = { branches: 0, sends: 0, receives: 0, collections: 0 }
  for (const r of fusionRecords(linker, program, primitives, options)) {
    if (r.operations.length > 0) lines.push(`${r.id} ${r.where}\n`)
    for (const o of r.operations) lines.push(`  ${o.op}: ${o.how}${o.source === undefined ? '' : `  ; ${o.source}`}\n`)
    made.branches += r.branches
    made.sends += r.sends
    made.receives += r.receives
    made.collections += r.collections
  }
  lines.push(`compare-and-branch: ${made.branches}\n`)
  lines.push(`channel resolved when linked: ${made.sends} sends, ${made.receives} receives\n`)
  lines.push(`collections made when linked: ${made.collections}\n`)
  return lines.join('')
}

function isCollection(c: unknown): boolean {
  const tag = typeof c === 'object' && c !== null && 'tag' in c ? (c as { tag: number }).tag : -1
  return tag === Tag.List || tag === Tag.Tuple || tag === Tag.Set || tag === Tag.Map
}

function operationAt(linked: Linked, pc: number, joined: boolean, primitives: Primitives): { op: string; how: string } | null {
  const { name } = REGISTER_OPS[linked.code[pc]]
  if (name === 'METHOD') {
    const method = (linked.consts[linked.code[pc + 3]] as MethodSite).name
    const why = primitives.known(method) ? primitives.reason(method) : 'no operation of this name (--unknown-op)'
    return { op: `.${method}`, how: why === '' ? CALL : `not fused: ${why}` }
  }
  const tag = tagOfName(name)
  if (tag === 0) return null
  const why = primitives.reason(name)
  if (why !== '') return { op: name, how: `not fused: ${why}` }
  if (primitives.guards[tag] === Guard.Literal || !IN_PLACE.has(name)) return { op: name, how: CALL }
  return {
    op: name,
    how: `fused: in place for two Ints, else a call within the slice${joined ? '; one instruction with the JFALSE after it' : ''}`,
  }
}
const CALL = 'fused: a call within the slice'

function tagOfName(name: string): number {
  const code = (Op as Readonly<Record<string, number>>)[name]
  const info = code === undefined ? undefined : OP_INFO[code]
  return info?.class === 'P' ? TAG_OF_OP[info.code] : 0
}
