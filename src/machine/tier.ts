import type { Chan } from '../../rspace/kernel.ts'
import { Closure, Flag, List, type Term, Tuple, Unforgeable } from '../normal/term.ts'
import type { Linked, Member, Template } from './link.ts'
import type { Machine } from './machine.ts'
import { NAME_ITEMS_BITS, NAME_ITEMS_MAX, type NameSite } from './names.ts'
import { registerLength } from './register.ts'
import type { Shard } from './shard.ts'
import { CaseFast, type CasePattern, type RecvSite, type SendSite } from './site.ts'
import { sizeOfValue } from './size.ts'

/**
 * The second tier: host functions made from register code that has run often, one per place where a machine can begin or go on (ENTER). They do what the run loop
 * does, operation by operation, with registers in host variables, and price and counters added up beforehand. What they cannot do, or meet what they were not
 * made for, they leave to the run loop: they write the registers back and say where it goes on. Never stored; made anew from the code when needed.
 */

/** @returns where the machine that is now `shard.current` goes on; −1: there is none. The gas not yet charged is in `shard.runGas`. */
export type Run = (shard: Shard, m: Machine, regs: Term[], gas: number) => number

/** An ENTER. */
export class Tier {
  /** So many times more it is left to the run loop; below 0 making a function was tried. */
  left: number
  run: Run | null = null
  constructor(left: number) {
    this.left = left
  }
}

/** Longer stretches are left to the run loop: the host would not optimise them. */
const INSTRUCTIONS_MAX = 400
/** Longer ones end at the next ENTER. */
const STRETCH = 50

/** What is known of a value while its code is made. */
const Is = { Unknown: 0, Number: 1, Boolean: 2, Text: 3, Object: 4, Plain: 5 } as const

interface Operand {
  /** A host variable or literal. */
  readonly text: string
  is: number
  /** Its size, if that is known. */
  size: number
  /** The name that a TNAME has just looked up. */
  named: boolean
}

/** Where a way through the code has got to. */
class Way {
  /** What registers hold, as far as variables have it. */
  readonly known: Map<number, Operand>
  /** Registers whose value is only in a variable. */
  readonly dirty: Set<number>
  /** Prices and operations not yet added. */
  gas: number
  ops: number
  constructor(known: Map<number, Operand>, dirty: Set<number>, gas: number, ops: number) {
    this.known = known
    this.dirty = dirty
    this.gas = gas
    this.ops = ops
  }
  copy(): Way {
    const known = new Map<number, Operand>()
    for (const [r, o] of this.known) known.set(r, { ...o })
    return new Way(known, new Set(this.dirty), this.gas, this.ops)
  }
}

const COMPARE = ['<', '<=', '>', '>=', '===', '!==']
const ARITHMETIC = ['+', '-', '*', '/', '%']
const ARITHMETIC_GAS = [3, 3, 9, 9, 9]
const SAFE = String(Number.MAX_SAFE_INTEGER)
const EXPOSED = String(Flag.Exposed)

/** What ends a way through the code: it waits, ends, fails, goes on elsewhere, or is seldom and left to the run loop. */
const LEFT: ReadonlySet<number> = new Set([0, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 19, 20, 23, 24, 27, 54, 55, 56, 58, 61])

/** The function for the code from `entry` on; null if there is little it could do, or the host makes no functions from text. */
export function generate(linked: Linked, entry: number): Run | null {
  return new Generator(linked, entry).make()
}

type Maker = (...values: readonly unknown[]) => Run

/** By text. Code that differs in constants only is one function to the host, which optimises it once. */
const makers = new Map<string, Maker>()
const MAKERS_MAX = 256

function makerOf(names: readonly string[], body: string): Maker | null {
  const key = `${names.length} ${body}`
  let maker = makers.get(key)
  if (maker === undefined) {
    try {
      maker = new Function(...names, body) as Maker
    } catch {
      // A host may forbid making functions from text.
      return null
    }
    if (makers.size >= MAKERS_MAX) makers.clear()
    makers.set(key, maker)
  }
  return maker
}

class Generator {
  private readonly linked: Linked
  private readonly C: Int32Array
  private readonly entry: number
  private readonly lines: string[] = []
  private readonly values: unknown[] = []
  private readonly bound = new Map<unknown, string>()
  private variables = 0
  /** How many ways lead to an instruction. */
  private readonly ways = new Map<number, number>()
  private readonly arriving = new Map<number, Way>()
  private order: readonly number[] = []
  private way = new Way(new Map(), new Set(), 0, 0)
  /** Instruction that is being translated, and the one that the text goes on with. */
  private pc = 0
  private after = -1
  private done = 0

  constructor(linked: Linked, entry: number) {
    this.linked = linked
    this.C = linked.code
    this.entry = entry
  }

  make(): Run | null {
    this.explore()
    if (this.order.length > INSTRUCTIONS_MAX) return null
    const targets = [...this.ways.keys()].filter(pc => pc !== this.entry).reverse()
    for (const pc of targets) this.lines.push(`L${pc}:{`)
    this.arriving.set(this.entry, this.way)
    this.order.forEach((pc, i) => {
      if (i > 0) this.lines.push('}')
      this.pc = pc
      this.after = i + 1 < this.order.length ? this.order[i + 1] : -1
      const way = this.arriving.get(pc)
      // Nothing that was made leads here.
      if (way === undefined) return
      this.way = way
      this.step(pc)
    })
    if (this.done < 2) return null
    const names = ['U', 'T', 'L', 'Q', 'sizeOf', ...this.values.map((_, i) => `k${i}`)]
    const declared = Array.from({ length: this.variables }, (_, i) => `v${i}`)
    const body = `return function(S,m,R,gas){let ops=0,p${declared.length === 0 ? '' : `,${declared.join(',')}`}\nfor(;;){\n${this.lines.join('\n')}\n}}`
    const maker = makerOf(names, body)
    return maker === null ? null : maker(Unforgeable, Tuple, List, Closure, sizeOfValue, ...this.values)
  }

  // ── which instructions are reached ────────────────────────────────────────────────────────────────────────────────

  private explore(): void {
    const { C } = this
    const seen = new Set<number>([this.entry])
    const order: number[] = []
    this.order = order
    // Jumps lead forward only, so in ascending order every instruction comes after all that lead to it.
    const waiting = [this.entry]
    while (waiting.length > 0 && order.length <= INSTRUCTIONS_MAX) {
      let least = 0
      for (let i = 1; i < waiting.length; i++) if (waiting[i] < waiting[least]) least = i
      const pc = waiting[least]
      waiting[least] = waiting[waiting.length - 1]
      waiting.pop()
      order.push(pc)
      for (const next of this.successors(C, pc)) {
        this.ways.set(next, (this.ways.get(next) ?? 0) + 1)
        if (!seen.has(next)) {
          seen.add(next)
          waiting.push(next)
        }
      }
    }
    // In the order of the text, for the blocks around it.
    const counted = order.filter(pc => pc !== this.entry).map(pc => [pc, this.ways.get(pc) as number] as const)
    this.ways.clear()
    for (const [pc, n] of counted) this.ways.set(pc, n)
  }

  private successors(C: Int32Array, pc: number): readonly number[] {
    const op = C[pc]
    const behind = pc + registerLength(C, pc)
    if (op >= 48 && op <= 53) return [C[pc + 4], C[pc + 6]] // JLT to JNE
    if (op >= 71 && op <= 76) return [behind, C[pc + 4]] // LJLT to LJNE
    switch (op) {
      case 1: // JUMP
        return [C[pc + 2]]
      case 2: // JFALSE
        return [behind, C[pc + 3]]
      case 21: // RECV
      case 22: {
        // RECVK
        const site = this.linked.consts[C[pc + 2]] as RecvSite
        return site.linear === 1 ? [site.next] : []
      }
      case 25: // CASE
        return [behind, C[pc + 4]]
      case 26: // SPAWN
        return this.template(pc).inline < 0 ? [] : [behind]
      case 79: // ENTER
        return pc !== this.entry && this.order.length > STRETCH ? [] : [behind]
      default:
        return LEFT.has(op) ? [] : [behind]
    }
  }

  private template(pc: number): Template {
    return this.linked.consts[this.C[pc + 2]] as Template
  }

  // ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private say(line: string): void {
    this.lines.push(line)
  }

  private fresh(): string {
    return `v${this.variables++}`
  }

  /** A name for a value of the program's that is no literal. */
  private constant(value: unknown): string {
    let name = this.bound.get(value)
    if (name === undefined) {
      name = `k${this.values.length}`
      this.values.push(value)
      this.bound.set(value, name)
    }
    return name
  }

  /** The operand that a word says. */
  private operand(word: number): Operand {
    if (word >= 0) {
      let known = this.way.known.get(word)
      if (known === undefined) {
        known = { text: this.fresh(), is: Is.Unknown, size: -1, named: false }
        this.say(`${known.text}=R[${word}]`)
        this.way.known.set(word, known)
      }
      return known
    }
    const v = this.linked.consts[~word] as Term
    switch (typeof v) {
      case 'number':
        return { text: `${v < 0 || Object.is(v, -0) ? `(${Object.is(v, -0) ? '-0' : v})` : v}`, is: Is.Number, size: 8, named: false }
      case 'boolean':
        return { text: String(v), is: Is.Boolean, size: 4, named: false }
      case 'string':
        return { text: this.constant(v), is: Is.Text, size: sizeOfValue(v), named: false }
      default: {
        const plain = typeof v !== 'object' || ((v.flags & Flag.Exposed) === 0 && v.free === 0)
        return {
          text: this.constant(v),
          is: !plain ? Is.Unknown : typeof v === 'object' ? Is.Object : Is.Plain,
          size: plain ? sizeOfValue(v) : -1,
          named: false,
        }
      }
    }
  }

  /** Register `d` now holds `text`, in a variable of its own. */
  private set(d: number, text: string, is: number, size = -1, named = false): Operand {
    const made: Operand = { text: this.fresh(), is, size: is === Is.Number ? 8 : is === Is.Boolean ? 4 : size, named }
    this.say(`${made.text}=${text}`)
    this.way.known.set(d, made)
    this.way.dirty.add(d)
    return made
  }

  /** Text that writes registers back. */
  private written(): string {
    let text = ''
    for (const r of this.way.dirty) text += `R[${r}]=${(this.way.known.get(r) as Operand).text};`
    return text
  }

  private gasText(): string {
    return this.way.gas === 0 ? 'gas' : `gas+${this.way.gas}`
  }

  private opsText(): string {
    return `S.ops+=ops${this.way.ops === 0 ? '' : `+${this.way.ops}`};`
  }

  /** Text that goes on as the method of the shard says: here if the next machine is at the entry of this very function. */
  private goOnAs(call: string): string {
    const own = this.constant(this.linked)
    return `p=${call};if(p===${this.entry}&&S.current.linked===${own}&&S.primitives.plain){m=S.current;R=m.regs;gas=S.runGas;ops=0;continue}return p`
  }

  /** Text that leaves to the run loop this instruction and what follows. */
  private leave(): string {
    return `{${this.written()}S.runGas=${this.gasText()};${this.opsText()}return ${this.pc}}`
  }

  /** What was added up on this way so far goes into the variables. */
  private settle(): void {
    const { way } = this
    if (way.gas !== 0) this.say(`gas+=${way.gas}`)
    if (way.ops !== 0) this.say(`ops+=${way.ops}`)
    way.gas = way.ops = 0
  }

  /** All registers are written and counters brought up to date: somebody else has a look at them. */
  private flush(): void {
    const text = this.written()
    if (text !== '') this.say(text)
    this.way.dirty.clear()
  }

  /** Text that goes on at `pc` with `way`. */
  private edge(pc: number, way: Way): string {
    let text = ''
    const one = this.ways.get(pc) === 1
    if (!one) {
      const mine = this.way
      this.way = way
      text += this.written()
      this.way = mine
      if (way.gas !== 0) text += `gas+=${way.gas};`
      if (way.ops !== 0) text += `ops+=${way.ops};`
    }
    this.arriving.set(pc, one ? way : new Way(new Map(), new Set(), 0, 0))
    return pc === this.after ? text : `${text}break L${pc};`
  }

  private goOn(pc: number): void {
    const text = this.edge(pc, this.way)
    if (text !== '') this.say(text)
  }

  private fork(condition: string, yes: number, no: number): void {
    const other = this.way.copy()
    const first = this.edge(yes, this.way)
    const second = this.edge(no, other)
    this.say(second === '' ? `if(${condition}){${first}}` : `if(${condition}){${first}}else{${second}}`)
  }

  /** From here on the operands are Ints of the host's; with anything else the run loop goes on. */
  private numbers(...list: Operand[]): void {
    const asked = list.filter((o, i) => (o.is === Is.Unknown || o.is === Is.Plain) && list.indexOf(o) === i)
    if (list.some(o => o.is === Is.Boolean || o.is === Is.Text || o.is === Is.Object)) {
      // Never two Ints: the rest of this way is not for here.
      this.say(`if(true)${this.leave()}`)
      return
    }
    if (asked.length === 0) return
    this.say(`if(${asked.map(o => `typeof ${o.text}!=='number'`).join('||')})${this.leave()}`)
    for (const o of asked) {
      o.is = Is.Number
      o.size = 8
    }
  }

  /** From here on the operand has nothing to evaluate. */
  private plain(o: Operand): void {
    if (o.is !== Is.Unknown) return
    this.say(`if(typeof ${o.text}==='object'&&(${o.text}.flags&${EXPOSED})!==0)${this.leave()}`)
    o.is = Is.Plain
  }

  // ── instructions ──────────────────────────────────────────────────────────────────────────────────────────────────

  private step(pc: number): void {
    const { C, way } = this
    const op = C[pc]
    const price = C[pc + 1]
    switch (op) {
      case 79: // ENTER
        if (this.ways.has(pc + 3)) this.goOn(pc + 3)
        else this.say(this.leave())
        return
      case 0: // HALT
        way.gas += price
        this.say(`${this.opsText()}${this.goOnAs(`S.ended(m,${this.gasText()})`)}`)
        return
      case 1: // JUMP
        way.gas += price
        this.goOn(C[pc + 2])
        return
      case 2: {
        // JFALSE a target
        const v = this.operand(C[pc + 2])
        if (v.is !== Is.Boolean) {
          this.say(`if(typeof ${v.text}!=='boolean')${this.leave()}`)
          v.is = Is.Boolean
          v.size = 4
        }
        way.gas += price
        this.fork(v.text, pc + 4, C[pc + 3])
        return
      }
      case 6: {
        // MOVE d a
        const v = this.operand(C[pc + 3])
        way.gas += price
        way.known.set(C[pc + 2], v)
        way.dirty.add(C[pc + 2])
        this.goOn(pc + 4)
        return
      }
      case 7: // LIST d n …
      case 8: // TUPLE
      case 67: // LTUPLE
      case 68: // LLIST
        this.collected(pc, op === 7 || op === 68)
        return
      case 16: {
        // CLOSE d template n slots
        const n = C[pc + 4]
        const items = Array.from({ length: n }, (_, j) => this.operand(C[pc + 5 + j]).text)
        way.gas += price
        this.set(C[pc + 2], `new Q(${this.constant(this.linked.consts[C[pc + 3]])},[${items.join(',')}])`, Is.Unknown)
        this.goOn(pc + 5 + n)
        return
      }
      case 17: {
        // NEW base n
        const n = C[pc + 3]
        way.gas += price
        for (let j = 0; j < n; j++) this.set(C[pc + 2] + j, 'S.name()', Is.Object, 36)
        this.say(`S.namesMade+=${n}`)
        this.goOn(pc + 4)
        return
      }
      case 18: // NEWURI d const
        way.gas += price
        way.known.set(C[pc + 2], this.operand(~C[pc + 3]))
        way.dirty.add(C[pc + 2])
        this.goOn(pc + 4)
        return
      case 25: // CASE a pattern target
        this.matchCase(pc)
        return
      case 26: {
        // SPAWN template n slots
        const t = this.template(pc)
        if (t.inline < 0) break
        this.done++
        this.say(
          `if(S.endsWatched||${t.total}>S.limits.children||S.alive+${t.total}>S.limits.machines||m.account.limited&&S.near(m.account,gas))${this.leave()}`,
        )
        way.gas += price
        this.say(`S.unrolled(m,${this.gasText()},${t.inline});gas=0`)
        way.gas = 0
        this.goOn(pc + 4 + C[pc + 3])
        return
      }
      case 59: // TNAME d site and n …
      case 78: // LNAME
        this.name(pc)
        return
      case 69: // LSEND chan site ops argc …
      case 70: // LSENDK
        this.sendInPart(pc)
        return
      case 57: // LEND ops
        way.gas += price
        way.ops += C[pc + 2]
        this.settle()
        this.say('S.nextPriv++')
        this.checkPart(pc + 3, 'S.nextPriv-1')
        this.goOn(pc + 3)
        return
      case 77: // BECOME
        this.say(`if(S.endsWatched)${this.leave()}`)
        way.gas += price
        this.say('m.priv=S.nextPriv++')
        this.goOn(pc + 2)
        return
      case 19: // SEND chan site argc …
      case 20: // SENDK
        if (this.send(pc)) return
        break
      case 21: // RECV site src
      case 22: // RECVK
        this.receive(pc)
        return
      case 23: // JOIN site n srcs
      case 24: // SELECT
        this.join(pc)
        return
      case 60: // START member n slots
      case 61: // LAST
        this.start(pc)
        return
    }
    if ((op >= 32 && op <= 36) || (op >= 62 && op <= 66)) {
      this.arithmetic(pc)
      return
    }
    if (op >= 37 && op <= 42) {
      // LT to NE: d a b
      const x = this.operand(C[pc + 3])
      const y = this.operand(C[pc + 4])
      this.numbers(x, y)
      way.gas += price + (op >= 41 ? 8 : 3)
      way.ops++
      this.set(C[pc + 2], `${x.text}${COMPARE[op - 37]}${y.text}`, Is.Boolean)
      this.done++
      this.goOn(pc + 5)
      return
    }
    if ((op >= 48 && op <= 53) || (op >= 71 && op <= 76)) {
      // JLT to JNE, LJLT to LJNE: a b target
      const x = this.operand(C[pc + 2])
      const y = this.operand(C[pc + 3])
      this.numbers(x, y)
      way.gas += price
      this.done++
      if (op >= 71) this.fork(`${x.text}${COMPARE[op - 71]}${y.text}`, pc + 5, C[pc + 4])
      else {
        way.gas += C[pc + 5]
        way.ops++
        this.fork(`${x.text}${COMPARE[op - 48]}${y.text}`, C[pc + 6], C[pc + 4])
      }
      return
    }
    if (op === 28 || op === 29 || op === 30 || op === 31 || (op >= 43 && op <= 47)) {
      this.rare(pc)
      return
    }
    // What remains waits, starts, ends or fails: the run loop does it.
    this.say(this.leave())
  }

  /** What the run loop itself leaves to `rare`. */
  private rare(pc: number): void {
    const { C, way } = this
    const next = this.successors(C, pc)[0]
    this.flush()
    way.gas += C[pc + 1]
    this.settle()
    this.say(
      `{const p=S.rare(m,${this.constant(C)},${this.constant(this.linked.consts)},R,${pc});if(p!==${next}){S.runGas=gas;S.ops+=ops;return p}}`,
    )
    way.known.delete(C[pc + 2])
    this.goOn(next)
  }

  private arithmetic(pc: number): void {
    const { C, way } = this
    const part = C[pc] >= 62
    const kind = C[pc] - (part ? 62 : 32)
    const x = this.operand(C[pc + 3])
    const y = this.operand(C[pc + 4])
    this.numbers(x, y)
    const z = this.fresh()
    if (kind <= 2) {
      this.say(`${z}=${x.text}${ARITHMETIC[kind]}${y.text}`)
      const zero = kind === 2 ? `||(${z}===0&&(${x.text}<0||${y.text}<0))` : ''
      this.say(`if(${z}>${SAFE}||${z}<-${SAFE}${zero})${this.leave()}`)
    } else {
      // By a small constant, which the host does without dividing.
      const by = /^\d+$/.test(y.text) && Number(y.text) > 0 && Number(y.text) < 2 ** 31
      const small = `(${x.text}|0)===${x.text}${by ? '' : `&&(${y.text}|0)===${y.text}`}`
      const sign = `${x.text}<0${by ? '' : `||${y.text}<=0`}`
      if (kind === 3) {
        this.say(`if(!(${small})||${sign})${this.leave()}`)
        this.say(`${z}=(${x.text}/${y.text})|0`)
      } else {
        this.say(`if(${sign})${this.leave()}`)
        this.say(`${z}=${small}?(${x.text}|0)%${by ? y.text : `(${y.text}|0)`}:${x.text}%${y.text}`)
      }
    }
    way.gas += C[pc + 1]
    if (!part) {
      way.gas += ARITHMETIC_GAS[kind]
      way.ops++
    }
    way.known.set(C[pc + 2], { text: z, is: Is.Number, size: 8, named: false })
    way.dirty.add(C[pc + 2])
    this.done++
    this.goOn(pc + 5)
  }

  private collected(pc: number, list: boolean): void {
    const { C, way } = this
    const n = C[pc + 3]
    const items = Array.from({ length: n }, (_, j) => this.operand(C[pc + 4 + j]))
    const text = `[${items.map(i => i.text).join(',')}]`
    const size = items.reduce((sum, i) => (sum < 0 || i.size < 0 ? -1 : sum + i.size), 4)
    const simple = items.every(i => i.is === Is.Number || i.is === Is.Boolean || i.is === Is.Text)
    if (simple && size >= 0) {
      const made = this.set(C[pc + 2], list ? `new L(${text})` : `new T(${text},0)`, Is.Object, size)
      this.say(`${made.text}.size=${size}`)
    } else {
      const v = this.fresh()
      this.say(`${v}=S.gathered(${text},${list})`)
      this.say(`if(${v}===null)${this.leave()}`)
      way.known.set(C[pc + 2], { text: v, is: Is.Object, size: -1, named: false })
      way.dirty.add(C[pc + 2])
    }
    way.gas += C[pc + 1]
    this.done++
    this.goOn(pc + 4 + n)
  }

  private name(pc: number): void {
    const { C, way } = this
    const n = C[pc + 3] & NAME_ITEMS_MAX
    const site = this.linked.consts[C[pc + 3] >> NAME_ITEMS_BITS] as NameSite
    const v = this.fresh()
    const slow = `S.nameAt(${this.constant(C)},${this.constant(this.linked.consts)},R,${pc})`
    if (site.item >= 0) {
      const item = this.operand(C[pc + 4 + site.item])
      if (item.is === Is.Number) this.say(`${v}=S.names.kept(${this.constant(site)},${item.text})`)
      else this.say(`${v}=typeof ${item.text}==='number'?S.names.kept(${this.constant(site)},${item.text}):null`)
      this.say(`if(${v}===null){${this.written()}${v}=${slow};if(${v}===null)${this.leave()}}`)
    } else {
      this.flush()
      this.say(`${v}=${slow};if(${v}===null)${this.leave()}`)
    }
    way.gas += C[pc + 1]
    way.known.set(C[pc + 2], { text: v, is: Is.Object, size: -1, named: true })
    way.dirty.add(C[pc + 2])
    this.done++
    this.goOn(pc + 4 + n)
  }

  private matchCase(pc: number): void {
    const { C, way } = this
    const p = this.linked.consts[C[pc + 3]] as CasePattern
    const v = this.operand(C[pc + 2])
    const yes = pc + 5
    const no = C[pc + 4]
    if (p.fast === CaseFast.General) {
      this.say(this.leave())
      return
    }
    this.plain(v)
    way.gas += C[pc + 1]
    this.done++
    if (p.fast === CaseFast.Any) this.fork('true', yes, no)
    else if (p.fast === CaseFast.Variable) {
      const other = way.copy()
      way.known.set(p.base, v)
      way.dirty.add(p.base)
      const first = this.edge(yes, way)
      const second = this.edge(no, other)
      this.say(second === '' ? `if(true){${first}}` : `if(true){${first}}else{${second}}`)
    } else if (p.fast === CaseFast.Constant) {
      const constant = p.pattern
      const c =
        typeof constant === 'number' && constant >= 0 && !Object.is(constant, -0)
          ? String(constant)
          : typeof constant === 'boolean'
            ? String(constant)
            : this.constant(constant)
      if (v.is === Is.Object || v.is === Is.Plain) this.say(`if(${v.text}!==${c}&&typeof ${v.text}==='object')${this.undone(pc)}`)
      this.fork(v.is === Is.Boolean && constant === true ? v.text : `${v.text}===${c}`, yes, no)
    } else {
      this.flush()
      const verdict = this.fresh()
      this.say(`S.pcNow=${pc};${verdict}=${this.constant(p)}.tryFill(${v.text},R,S,m)`)
      const other = way.copy()
      for (let i = 0; i < p.count; i++) {
        way.known.delete(p.base + i)
        other.known.delete(p.base + i)
      }
      const first = this.edge(yes, way)
      const second = this.edge(no, other)
      this.say(second === '' ? `if(${verdict}===1){${first}}` : `if(${verdict}===1){${first}}else{${second}}`)
    }
  }

  /** As `leave`, where the price of the instruction at `pc` was added already. */
  private undone(pc: number): string {
    this.way.gas -= this.C[pc + 1]
    const text = this.leave()
    this.way.gas += this.C[pc + 1]
    return text
  }

  /** The channel that the word at `at` says, and the size of its name. */
  private channel(at: number, constant: boolean): { chan: string; size: number; sizeText: string } {
    if (constant) {
      const c = this.linked.consts[this.C[at]] as { chan: Chan; size: number }
      return { chan: this.constant(c.chan), size: c.size, sizeText: '' }
    }
    const c = this.operand(this.C[at])
    const chan = this.fresh()
    if (c.named) {
      const size = this.fresh()
      this.say(`if(${c.text}!==S.names.lastName)${this.leave()}`)
      this.say(`${chan}=S.names.lastChan;${size}=S.names.lastSize`)
      return { chan, size: 0, sizeText: `+${size}` }
    }
    this.say(`if(!(${c.text} instanceof U))${this.leave()}`)
    this.say(`${chan}=${c.text};if(${chan}.owner===null)S.opened(${chan})`)
    return { chan, size: 36, sizeText: '' }
  }

  /** Values of a send, and the sum of their sizes. */
  private message(at: number, n: number): { list: Operand[]; size: number; sizeText: string } {
    const list: Operand[] = []
    let size = 0
    let sizeText = ''
    for (let j = 0; j < n; j++) {
      const word = this.C[at + j]
      let o = this.operand(word)
      // No literal, so that the same code with another value is the same text.
      if (word < 0 && o.is === Is.Number) o = { ...o, text: this.constant(this.linked.consts[~word]) }
      this.plain(o)
      list.push(o)
      if (o.size >= 0) size += o.size
      else sizeText += `+(typeof ${o.text}==='number'?8:sizeOf(${o.text}))`
    }
    return { list, size, sizeText }
  }

  /** After a send of a part: the program may be over its limit. */
  private checkPart(within: number, priv: string): void {
    this.say(
      `if(m.account.limited&&S.partOver(m.account,gas)){S.ops+=ops;${this.written()}S.partStopped(m,${within - 1},gas,${priv});return -1}`,
    )
  }

  private sendInPart(pc: number): void {
    const { C, way } = this
    const n = C[pc + 5]
    const c = this.channel(pc + 2, C[pc] === 70)
    this.say(`if(${c.chan}.nD>=S.queueMax||(${c.chan}.kHead!==null&&${c.chan}.kHead.site.of!==0))${this.leave()}`)
    const { list, size, sizeText } = this.message(pc + 6, n)
    const site = this.constant(this.linked.consts[C[pc + 3]])
    const priv = this.fresh()
    const total = this.fresh()
    way.ops += C[pc + 4]
    way.gas += C[pc + 1] + 11
    this.settle()
    this.say(`${priv}=S.nextPriv++;S.pcNow=${pc};${total}=${c.size + size}${c.sizeText}${sizeText};gas+=${total};S.bytes+=${total}`)
    this.posted(c.chan, list, site)
    this.checkPart(pc + 6 + n, priv)
    this.done++
    this.goOn(pc + 6 + n)
  }

  /** The message goes out; what it woke goes to the queue. */
  private posted(chan: string, list: readonly Operand[], site: string): void {
    const n = list.length
    const w = this.fresh()
    if (n === 1 || n === 2) this.say(`${w}=S.post(m,${chan},${n},${list[0].text},${n === 2 ? list[1].text : '0'},${site})`)
    else {
      const h = this.fresh()
      this.say(`${h}=${chan}.kHead`)
      const fill = list.map((o, j) => `q[b+${j}]=${o.text};`).join('')
      this.say(
        `if(${h}!==null&&${h}.next===${h}&&${chan}.jHead===null&&${h}.site.direct===${n}){${w}=S.call(${h},${h}.site,m,${site});const q=${w}.regs,b=${h}.site.soleBase;${fill}}` +
          `else ${w}=S.deliver(m,${chan},[${list.map(o => o.text).join(',')}],${site})`,
      )
    }
    this.say(`if(${w}!==null)S.enqueue(${w})`)
  }

  /** A receive. One of a single plain value goes on here if there is a message. */
  private receive(pc: number): void {
    const { C, way } = this
    const site = this.linked.consts[C[pc + 2]] as RecvSite
    const k = this.constant(site)
    const c = this.channel(pc + 3, C[pc] === 22)
    const size = `${c.size}${c.sizeText}`
    way.gas += C[pc + 1]
    this.settle()
    this.done++
    if (site.linear !== 1) {
      this.flush()
      this.say(`S.ops+=ops;S.pcNow=${pc};${this.goOnAs(`S.receiveLast(m,R,${c.chan},${k},gas+${size},${pc})`)}`)
      return
    }
    const d = this.fresh()
    const v = this.fresh()
    this.say(`${d}=S.oldest(m,${c.chan})`)
    this.say(`if(${d}===null){${this.written()}S.ops+=ops;S.pcNow=${pc};return S.receiveLast(m,R,${c.chan},${k},gas+${size},${pc})}`)
    const { base, registers, times } = site.prices
    let fixed = base + site.commGas
    let text = ''
    registers.forEach((r, i) => {
      const o = this.operand(r)
      if (o.size >= 0) fixed += times[i] * o.size
      else text += `+${times[i]}*(typeof ${o.text}==='number'?8:sizeOf(${o.text}))`
    })
    this.say(`gas+=${size}+${fixed}${text};${v}=${d}.value[0];S.useOldest(${c.chan},${d})`)
    way.known.set(site.soleBase, { text: v, is: Is.Unknown, size: -1, named: false })
    way.dirty.add(site.soleBase)
    this.goOn(site.next)
  }

  /** A receive on several channels. */
  private join(pc: number): void {
    const { C, way } = this
    const n = C[pc + 3]
    const chans: string[] = []
    let size = 0
    let sizeText = ''
    for (let j = 0; j < n; j++) {
      const c = this.channel(pc + 4 + j, false)
      chans.push(c.chan)
      size += c.size
      sizeText += c.sizeText
    }
    way.gas += C[pc + 1]
    this.settle()
    this.flush()
    this.done++
    const site = this.constant(this.linked.consts[C[pc + 2]])
    this.say(`S.ops+=ops;S.pcNow=${pc};${this.goOnAs(`S.joinLast(m,[${chans.join(',')}],${site},gas+${size}${sizeText},${pc})`)}`)
  }

  /** A child with a machine of its own; the last one goes on in place of its parent. */
  private start(pc: number): void {
    const { C, way } = this
    const n = C[pc + 3]
    const member = this.linked.consts[C[pc + 2]] as Member
    const own = member.linked
    const slots = Array.from({ length: n }, (_, j) => this.operand(C[pc + 4 + j]).text)
    const w = this.fresh()
    way.gas += C[pc + 1]
    this.settle()
    this.say(`${w}=S.childOf(m,${this.constant(member)},${this.constant(own)})`)
    if (n > 0) this.say(`{const q=${w}.regs;${slots.map((text, j) => `q[${j}]=${text}`).join(';')}}`)
    this.done++
    if (C[pc] === 61) {
      this.say(`S.ops+=ops;return S.startLast(m,${w},gas,${own.leaf})`)
      return
    }
    if (own.leaf) {
      this.flush()
      this.say(`S.ops+=ops;ops=0;S.aside(${w})`)
      this.checkPart(pc + 4 + n, 'm.priv')
      this.say(`if(!S.primitives.plain){S.runGas=gas;return ${pc + 4 + n}}`)
    } else this.say(`S.enqueue(${w})`)
    this.goOn(pc + 4 + n)
  }

  /** The send that ends a machine. */
  private send(pc: number): boolean {
    const { C, way } = this
    const n = C[pc + 4]
    const site = this.linked.consts[C[pc + 3]] as SendSite
    if (site.persistent) return false
    const c = this.channel(pc + 2, C[pc] === 20)
    const { list, size, sizeText } = this.message(pc + 5, n)
    way.gas += C[pc + 1]
    this.settle()
    const total = `${c.size + size}${c.sizeText}${sizeText}`
    const texts = list.map(o => o.text)
    const call =
      n === 1 || n === 2
        ? `S.sendLast(m,R,${c.chan},${n},${texts[0]},${texts[1] ?? '0'},${total},gas,${this.constant(site)})`
        : `S.sendMany(m,${c.chan},[${texts.join(',')}],${total},gas,${this.constant(site)})`
    this.say(`S.ops+=ops;S.pcNow=${pc};${this.goOnAs(call)}`)
    this.done++
    return true
  }
}
