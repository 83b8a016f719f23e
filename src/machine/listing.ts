import { operandText, shortId } from '../../bytecode/disasm.ts'
import { members, readGuard, readPattern, readSequence, type Sequence, slotOf } from '../../bytecode/image.ts'
import { COUNT_MASK, instructionLength, KIND_NAMES, Kind, OP_INFO, Op } from '../../bytecode/opcodes.ts'
import { TAG_OF_OP } from '../compile/blob.ts'
import { valueOfConstant } from '../compile/decode.ts'
import { show, showName } from '../normal/print.ts'
import { Closure, Flag, flagsOf, Tag, type Term, Uri } from '../normal/term.ts'
import { ChanConst, type Linked, type Linker, MethodSite, type Program, Template } from './link.ts'
import { Guard, type Primitives } from './primitives.ts'
import { CasePattern, RecvSite, SendSite } from './site.ts'

/**
 * What people see of linked code: register instructions beside the canonical ones that they were made from, what captured slots are bound to, and why an
 * operation is or is not carried out in place. Everything about a sequence is counted from its own beginning, so its listing does not depend on what stands beside it.
 */

/**
 * Operands of a register instruction, in order: `d` register that is written, `a` value (register, or ~constant), `k` constant, `t` register pc to jump to,
 * `n` number, `*` as many values as the last number says, `+` one more, `**` twice as many, `**+` twice as many and one.
 */
export type RegisterOperand = 'd' | 'a' | 'k' | 't' | 'n' | '*' | '+' | '**' | '**+'

export interface RegisterOp {
  readonly name: string
  readonly operands: readonly RegisterOperand[]
}

function op(name: string, ...operands: RegisterOperand[]): RegisterOp {
  return { name, operands }
}

/** By number. Each is followed by the price of what vanished into it, then its operands. The numbers live in link.ts (written) and shard.ts (run); a test compares. */
export const REGISTER_OPS: readonly RegisterOp[] = [
  op('HALT'),
  op('JUMP', 't'),
  op('JFALSE', 'a', 't'),
  op('ANDTHEN', 'd', 'a', 't'),
  op('ORELSE', 'd', 'a', 't'),
  op('BOOL', 'd', 'a'),
  op('MOVE', 'd', 'a'),
  op('LIST', 'd', 'n', '*'),
  op('TUPLE', 'd', 'n', '*'),
  op('SET', 'd', 'n', '*'),
  op('LISTR', 'd', 'n', '+'),
  op('SETR', 'd', 'n', '+'),
  op('MAP', 'd', 'n', '**'),
  op('MAPR', 'd', 'n', '**+'),
  op('PAR', 'd', 'n', '*'),
  op('BUNDLE', 'd', 'n', 'a'),
  op('CLOSE', 'd', 'k', 'n', '*'),
  op('NEW', 'd', 'n'),
  op('NEWURI', 'd', 'k'),
  op('SEND', 'a', 'k', 'n', '*'),
  op('SENDK', 'k', 'k', 'n', '*'),
  op('RECV', 'k', 'a'),
  op('RECVK', 'k', 'k'),
  op('JOIN', 'k', 'n', '*'),
  op('SELECT', 'k', 'n', '*'),
  op('CASE', 'a', 'k', 't'),
  op('SPAWN', 'k', 'n', '*'),
  op('EVAL', 'a'),
  op('METHOD', 'd', 'k', 'a', 'n', '*'),
  op('MATCHES', 'd', 'a', 'k'),
  op('NEG', 'd', 'a'),
  op('NOT', 'd', 'a'),
  ...['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'LT', 'LE', 'GT', 'GE', 'EQ', 'NE', 'CONCAT', 'DIFF', 'INTERP', 'AND', 'OR'].map(name =>
    op(name, 'd', 'a', 'a'),
  ),
  // Operands, target if false, price, target if true; the plain comparison and JFALSE follow.
  ...['JLT', 'JLE', 'JGT', 'JGE', 'JEQ', 'JNE'].map(name => op(name, 'a', 'a', 't', 'n', 't')),
  op('NOTE'),
  op('FAIL'),
  op('RET', 'a'),
  // In no linked sequence: what a machine that starts the parts of a par, and a processor that has its turn, go through.
  op('NEXT'),
  op('PROCESS'),
]
const FIRST_BRANCH = REGISTER_OPS.findIndex(o => o.name === 'JLT')
const LAST_BRANCH = FIRST_BRANCH + 5

/** Words of the register instruction at `pc`. */
export function registerLength(code: Int32Array, pc: number): number {
  const info = REGISTER_OPS[code[pc]]
  let at = pc + 2
  let n = 0
  for (const kind of info.operands) {
    if (kind === '*') at += n
    else if (kind === '+') at += n + 1
    else if (kind === '**') at += 2 * n
    else if (kind === '**+') at += 2 * n + 1
    else {
      if (kind === 'n') n = code[at]
      at++
    }
  }
  return at - pc
}

// ── the sequences of a program ──────────────────────────────────────────────────────────────────────────────────────

/** One sequence of a program, wherever it stands. */
interface Part {
  readonly seq: Sequence
  readonly len: number
  readonly linked: Linked
  /** `×2`, or where it stands: `of 1a2b3c4d +7`. */
  readonly where: string
  readonly id: string
  readonly parent: Part | null
  /** Where the captures of each copy come from, in words of the parent; null for the components of the program. */
  readonly slots: readonly (readonly number[])[] | null
}

/** Sequences inside others that are longer than this have no id in a listing: hashing every level of a deep image would not be linear. */
const ID_WORDS = 1024

/** Components first, then what stands inside, level by level. A worklist: images nest as deep as programs do. */
function* partsOf(linker: Linker, program: Program): Generator<Part> {
  const { words } = program
  const queue: Part[] = []
  const add = (at: number, len: number, where: string, parent: Part | null, slots: Part['slots']): void => {
    const seq = readSequence(words, at, len)
    const linked = seq.kind === Kind.GUARD ? linker.guard(program, seq, len) : linker.sequence(program, at, len)
    const id = parent === null || len <= ID_WORDS ? shortId(words, at, len) : 'long'
    queue.push({ seq, len, linked, where, id, parent, slots })
  }
  for (const m of members(words)) add(m.at, m.len, `×${m.multiplicity}`, null, null)
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
          for (let copy = 0; copy < m.multiplicity; copy++) {
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
export function registerText(linked: Linked, pc: number, from: number): string {
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

function blockHead(part: Part): string {
  const { seq, linked } = part
  const sort = linked.inert ? ', a value: nothing to run' : linked.leaf ? ', leaf' : ''
  return `${part.id} ${part.where}  ${KIND_NAMES[seq.kind]} captures ${seq.captures} locals ${seq.locals} registers ${linked.registers}${sort}`
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

/** Canonical code left, the register code made from it right; `gas` is the price of what vanished into the instruction. */
export function linkedListing(linker: Linker, program: Program, options: ListingOptions = {}): string {
  const lines: string[] = []
  for (const part of partsOf(linker, program)) {
    const { seq, linked } = part
    lines.push(blockHead(part))
    const origin = byOrigin(part)
    for (const [pc, registers] of origin) {
      const canonical = `${String(pc - seq.codeStart).padStart(4)}: ${OP_INFO[seq.words[pc] & 0xff]?.name}${operandText(seq.words, pc)}`
      const source = options.excerpt?.(pc)
      const right = registers.map(r => {
        const gas = linked.code[r + 1]
        return `${String(r).padStart(4)}: ${registerText(linked, r, seq.codeStart)}${gas === 0 ? '' : `  gas ${gas}`}`
      })
      for (let i = 0; i < Math.max(1, right.length); i++) {
        const row = `${(i === 0 ? canonical : '').padEnd(COLUMN)} |${right[i] === undefined ? '' : ` ${right[i]}`}`
        lines.push(i === 0 && source !== undefined ? `${row}  ; ${source.replace(/\s+/g, ' ')}` : row)
      }
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

/**
 * For every sequence: what each of its captures is bound to, slot of the parent and, in parentheses, who bound that; then the public names that its code holds
 * as constants, with where it sends (`!`) or receives (`<-`). `outermost` names the captures of an open program: by copy of component, by slot.
 */
export function linkMap(linker: Linker, program: Program, outermost: readonly (readonly string[])[], options: ListingOptions = {}): string {
  const lines: string[] = []
  const place = (offset: number): string => {
    const source = options.excerpt?.(offset)
    return source === undefined ? '' : `: ${source.replace(/\s+/g, ' ')}`
  }
  const known = new Map<Part, { binders: Binders; captures: readonly string[] }>()
  let copy = 0
  for (const part of partsOf(linker, program)) {
    const { parent, slots, seq } = part
    lines.push(`${part.id} ${part.where}\n`)
    let first: readonly string[] = []
    const copies: string[][] = []
    if (parent === null) {
      const times = Number(part.where.slice(1))
      for (let i = 0; i < times; i++) copies.push((outermost[copy++] ?? []).map(name => name))
    } else {
      const above = known.get(parent) as { binders: Binders; captures: readonly string[] }
      const made = part.where.startsWith('guard') ? parent.seq.codeEnd : seq.at
      for (const list of slots as readonly (readonly number[])[])
        copies.push(
          list.map(word => {
            const { capture, index } = slotOf(word)
            const who = capture ? (above.captures[index] ?? '') : above.binders.local(index, made)
            const own = `${capture ? 'c' : 'L'}${index}`
            return who === '' ? own : `${own} (${originOf(who)})`
          }),
        )
    }
    copies.forEach((list, i) => {
      const label = copies.length === 1 ? '' : ` [copy ${i + 1}]`
      if (i === 0) first = list
      list.forEach((text, slot) => {
        lines.push(`  c${slot} = ${text}${label}\n`)
      })
    })
    known.set(part, { binders: new Binders(part, place), captures: first.map(originOf) })
    for (const name of publicNames(part.linked)) lines.push(`  ${name}\n`)
  }
  return lines.join('')
}

/** From `c0 (new: new x in …)` the part that says who. */
function originOf(text: string): string {
  const open = text.indexOf('(')
  return open < 0 || !text.endsWith(')') || !/^[cL]\d+ \(/.test(text) ? text : text.slice(open + 1, -1)
}

/** Channels that are constants: they stand for the same channel in every program of a space. */
function publicNames(linked: Linked): string[] {
  const { code, consts } = linked
  const out: string[] = []
  for (let pc = 0; pc < code.length; pc += registerLength(code, pc)) {
    const { name } = REGISTER_OPS[code[pc]]
    if (name === 'SENDK') out.push(`public ${constantText(consts[code[pc + 2]], 0)} !`)
    else if (name === 'RECVK') out.push(`public ${constantText(consts[code[pc + 3]], 0)} <-`)
  }
  return [...new Set(out)]
}

// ── why an operation is not fused ───────────────────────────────────────────────────────────────────────────────────

/** Operators that the run loop computes itself when both operands are Ints (`number`). */
const IN_PLACE = new Set(['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'LT', 'LE', 'GT', 'GE', 'EQ', 'NE'])

/** Every operation with how it is carried out now and which guard decides it; then what the linker made of the rest. */
export function fusionReport(linker: Linker, program: Program, primitives: Primitives, options: ListingOptions = {}): string {
  const lines: string[] = []
  const made = { branch: 0, send: 0, receive: 0, folded: 0 }
  for (const part of partsOf(linker, program)) {
    const { seq, linked } = part
    const rows: string[] = []
    const merged = new Set<number>()
    for (let pc = 0; pc < linked.code.length; pc += registerLength(linked.code, pc)) {
      const number = linked.code[pc]
      if (number >= FIRST_BRANCH && number <= LAST_BRANCH) {
        merged.add(pc + registerLength(linked.code, pc))
        made.branch++
      }
      if (REGISTER_OPS[number].name === 'SENDK') made.send++
      if (REGISTER_OPS[number].name === 'RECVK') made.receive++
      const note = operationNote(linked, pc, merged.has(pc), primitives)
      if (note === null) continue
      const at = linked.canonical(pc)
      const source = options.excerpt?.(at)
      rows.push(`  ${note}${source === undefined ? '' : `  ; ${source.replace(/\s+/g, ' ')}`}\n`)
    }
    if (!linked.inert) for (const c of linked.consts) if (isCollection(c)) made.folded++
    if (rows.length > 0) lines.push(`${part.id} ${part.where}  ${KIND_NAMES[seq.kind]}\n`, ...rows)
  }
  lines.push(`compare-and-branch: ${made.branch}\n`)
  lines.push(`channel resolved when linked: ${made.send} sends, ${made.receive} receives\n`)
  lines.push(`collections made when linked: ${made.folded}\n`)
  return lines.join('')
}

function isCollection(c: unknown): boolean {
  const tag = typeof c === 'object' && c !== null && 'tag' in c ? (c as { tag: number }).tag : -1
  return tag === Tag.List || tag === Tag.Tuple || tag === Tag.Set || tag === Tag.Map
}

function operationNote(linked: Linked, pc: number, merged: boolean, primitives: Primitives): string | null {
  const { name } = REGISTER_OPS[linked.code[pc]]
  const info = OP_INFO[linked.program.words[linked.canonical(pc)] & 0xff]
  if (name === 'METHOD') {
    const method = (linked.consts[linked.code[pc + 3]] as MethodSite).name
    const why = primitives.reason(method)
    if (!primitives.known(method)) return `.${method}: not fused: no operation of this name (--unknown-op)`
    return why === '' ? `.${method}: fused: a call within the slice` : `.${method}: not fused: ${why}`
  }
  const tag = tagOfName(name)
  if (tag === 0 || info === undefined) return null
  const why = primitives.reason(name)
  if (why !== '') return `${name}: not fused: ${why}`
  if (primitives.guards[tag] === Guard.Literal || !IN_PLACE.has(name)) return `${name}: fused: a call within the slice`
  return `${name}: fused: in place for two Ints, else a call within the slice${merged ? '; one instruction with the JFALSE after it' : ''}`
}

function tagOfName(name: string): number {
  const code = (Op as Readonly<Record<string, number>>)[name]
  const info = code === undefined ? undefined : OP_INFO[code]
  return info?.class === 'P' ? TAG_OF_OP[info.code] : 0
}
