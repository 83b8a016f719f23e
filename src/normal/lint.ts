import type { Diagnostic } from '../base/diagnostic.ts'
import { lintAt } from '../base/diagnostic.ts'
import { nearest } from '../base/nearest.ts'
import { type Span, sources } from '../base/source.ts'
import type { Binary, BinaryOp, Proc, Unary } from '../syntax/ast.ts'
import { equal, hashOf } from './order.ts'
import type { Binding } from './scope.ts'
import { type Case, type Receive, Tag, type Term, tagOf } from './term.ts'

/** Types of literals, by the words of the operator table (rholang.md 8.1). */
type LiteralType =
  | 'bool'
  | 'int'
  | 'float'
  | 'bigint'
  | 'bigrat'
  | 'fixedpoint'
  | 'string'
  | 'uri'
  | 'byte array'
  | 'list'
  | 'tuple'
  | 'set'
  | 'map'

const LITERALS: Partial<Record<Proc['kind'], LiteralType>> = {
  bool: 'bool',
  int: 'int',
  wide: 'int',
  float: 'float',
  bigint: 'bigint',
  bigrat: 'bigrat',
  fixed: 'fixedpoint',
  string: 'string',
  uri: 'uri',
  bytes: 'byte array',
  list: 'list',
  tuple: 'tuple',
  set: 'set',
  map: 'map',
}

type Accepted = {
  readonly left: readonly LiteralType[]
  readonly right: 'same' | 'any' | LiteralType
  readonly anyRight?: readonly LiteralType[]
}
const NUMBERS: readonly LiteralType[] = ['int', 'float', 'bigint', 'bigrat', 'fixedpoint']
const ORDERED: readonly LiteralType[] = ['bool', 'string', ...NUMBERS]
const ADD: Accepted = { left: [...NUMBERS, 'set'], right: 'same', anyRight: ['set'] }
const SUBTRACT: Accepted = { left: [...NUMBERS, 'set', 'map'], right: 'same', anyRight: ['set', 'map'] }
const ARITHMETIC: Accepted = { left: NUMBERS, right: 'same' }
const COMPARISON: Accepted = { left: ORDERED, right: 'same' }
const LOGIC: Accepted = { left: ['bool'], right: 'bool' }

/** What each operator takes; operators that take everything have no row. */
const ACCEPTED: Partial<Record<BinaryOp, Accepted>> = {
  '+': ADD,
  '-': SUBTRACT,
  '*': ARITHMETIC,
  '/': ARITHMETIC,
  '%': { left: ['int', 'bigint', 'bigrat', 'fixedpoint'], right: 'same' },
  '++': { left: ['string', 'byte array', 'list', 'map', 'set'], right: 'same' },
  '--': { left: ['set'], right: 'set' },
  '%%': { left: ['string'], right: 'map' },
  '<': COMPARISON,
  '<=': COMPARISON,
  '>': COMPARISON,
  '>=': COMPARISON,
  and: LOGIC,
  or: LOGIC,
  '&&': LOGIC,
  '||': LOGIC,
}

/** Literals that people add up where `++` is meant. */
const JOINED: ReadonlySet<Proc['kind']> = new Set<Proc['kind']>(['string', 'list', 'map', 'bytes'])

function unblocked(p: Proc): Proc {
  while (p.kind === 'block') p = p.body
  return p
}

/** Which operand can never fit, and why; null if the operator may succeed. */
function mismatch(op: BinaryOp, left: LiteralType | undefined, right: LiteralType | undefined): string | null {
  const row = ACCEPTED[op]
  if (row === undefined) return null
  if (left !== undefined) {
    if (!row.left.includes(left)) return `\`${op}\` is not defined on ${left}`
    if (right === undefined || row.right === 'any' || row.anyRight?.includes(left)) return null
    const wanted = row.right === 'same' ? left : row.right
    return right === wanted ? null : `\`${op}\` on ${left} needs ${wanted} on its right, not ${right}`
  }
  if (right === undefined || row.anyRight !== undefined) return null
  const fits = row.right === 'same' ? row.left.includes(right) : right === row.right
  return fits ? null : `\`${op}\` never takes ${right} on its right`
}

/** L09 and L10 on one binary operation. */
export function lintBinary(node: Binary, report: (d: Diagnostic) => void): void {
  const left = unblocked(node.left)
  const problem = mismatch(node.op, LITERALS[left.kind], LITERALS[unblocked(node.right).kind])
  const op = node.op
  if (problem !== null) {
    const joins = op === '+' && (JOINED.has(left.kind) || JOINED.has(unblocked(node.right).kind))
    const hint = joins ? 'this fails when it is evaluated: `++` joins strings, lists and maps' : 'this fails when it is evaluated'
    report(lintAt('L09', node.start, node.end, problem, hint))
  }
  // Parentheses leave no node but widen the span: `(not a) == b` is meant as it reads.
  const bare = node.left.kind === 'unary' && node.left.op === 'not' && node.left.end === node.left.operand.end
  if (bare && (op === '==' || op === '!=' || op === 'matches' || op === '<' || op === '<=' || op === '>' || op === '>='))
    report(
      lintAt(
        'L10',
        node.start,
        node.end,
        `\`not a ${op} b\` means \`(not a) ${op} b\``,
        `write \`not (a ${op} b)\`, or put parentheses around the \`not\``,
      ),
    )
}

/** L09 on one unary operation. */
export function lintUnary(node: Unary, report: (d: Diagnostic) => void): void {
  const type = LITERALS[unblocked(node.operand).kind]
  if (type === undefined || (node.op === 'not' ? type === 'bool' : NUMBERS.includes(type))) return
  report(lintAt('L09', node.start, node.end, `\`${node.op}\` is not defined on ${type}`, 'this fails when it is evaluated'))
}

/** Expressions that have no effect as a statement. Variables and method calls run what they yield; `{}` is also written for an empty block. */
export function isIdle(node: Proc): boolean {
  switch (node.kind) {
    case 'binary':
    case 'unary':
    case 'int':
    case 'wide':
    case 'float':
    case 'bigint':
    case 'bigrat':
    case 'fixed':
    case 'bool':
    case 'string':
    case 'uri':
    case 'bytes':
    case 'list':
    case 'tuple':
    case 'set':
    case 'pathmap':
      return true
    case 'map':
      return node.keys.length > 0
    default:
      return false
  }
}

/** Fits every process: a variable or wildcard alone. */
function isCatchAll(pattern: Term): boolean {
  const tag = tagOf(pattern)
  return tag === Tag.Free || tag === Tag.Wildcard
}

/** Whether a case without guard before case `i` has its pattern. */
function repeats(cases: readonly Case[], i: number): boolean {
  const { pattern } = cases[i]
  for (let j = 0; j < i; j++) if (cases[j].guard === null && equal(cases[j].pattern, pattern)) return true
  return false
}

/** L05: cases behind one that takes everything, or behind an equal one without guard. `starts`/`ends` are the positions of the patterns. */
export function lintCases(
  cases: readonly Case[],
  at: (i: number) => { start: number; end: number },
  report: (d: Diagnostic) => void,
): void {
  if (cases.length < 2) return
  // few cases are compared one by one
  const seen = cases.length > 8 ? new Map<number, number[]>() : null
  let all = -1
  for (let i = 0; i < cases.length; i++) {
    const { pattern, guard } = cases[i]
    const { start, end } = at(i)
    if (all >= 0) {
      report(
        lintAt('L05', start, end, 'no value reaches this case: an earlier one takes everything', 'move it before that case or remove it'),
      )
      continue
    }
    const hash = seen === null ? 0 : hashOf(pattern)
    const same = seen?.get(hash)
    if (seen === null ? repeats(cases, i) : same?.some(j => equal(cases[j].pattern, pattern))) {
      report(lintAt('L05', start, end, 'no value reaches this case: an earlier one has the same pattern', 'remove one of them'))
      continue
    }
    if (guard !== null) continue
    if (same !== undefined) same.push(i)
    else seen?.set(hash, [i])
    if (isCatchAll(pattern)) all = i
  }
}

/** One side of an endless pair: the number of values of a persistent send, or of the patterns of a persistent receive that takes any values. */
interface Side {
  readonly receives: boolean
  readonly arity: number
  readonly rest: boolean
  readonly start: number
  readonly end: number
}

/** How many ends of one channel are compared: a lint must not cost more than the program. */
const SIDES = 16

/** L04: a persistent send and a persistent receive that keep firing for ever. Only receives of one bind that take everything count: others may starve. */
export class EndlessPairs {
  private readonly byVariable = new Map<Binding, Side[]>()
  private readonly byConstant = new Map<Term, Side[]>()
  private readonly report: (d: Diagnostic) => void
  constructor(report: (d: Diagnostic) => void) {
    this.report = report
  }

  send(chan: Term, variable: Binding | null, arity: number, start: number, end: number): void {
    this.add(chan, variable, { receives: false, arity, rest: false, start, end })
  }

  receive(node: Receive, variable: Binding | null): void {
    const bind = node.binds[0]
    if (node.binds.length !== 1 || node.guard !== null || !bind.patterns.every(isCatchAll)) return
    this.add(bind.source, variable, {
      receives: true,
      arity: bind.patterns.length,
      rest: bind.rest !== null,
      start: node.start,
      end: node.end,
    })
  }

  private add(chan: Term, variable: Binding | null, side: Side): void {
    if (variable !== null) this.meet(this.byVariable, variable, side)
    else if (typeof chan !== 'object') this.meet(this.byConstant, chan, side)
  }

  private meet<K>(table: Map<K, Side[]>, key: K, side: Side): void {
    const sides = table.get(key)
    if (sides === undefined) {
      table.set(key, [side])
      return
    }
    const partner = sides.find(s => s.receives !== side.receives)
    if (partner !== undefined) {
      const [send, receive] = side.receives ? [partner, side] : [side, partner]
      if (receive.rest ? send.arity >= receive.arity : send.arity === receive.arity)
        this.report(
          lintAt(
            'L04',
            send.start,
            send.end,
            'this persistent send meets a persistent receive on the same channel: they fire for ever',
            'make one of them linear: `!` or `<-`',
          ),
        )
    }
    if (sides.length < SIDES) sides.push(side)
  }
}

/** What stands at one end of a channel; the words are those of messages. */
const WHAT = ['send', 'receive', 'contract', 'agent', 'branch'] as const
export type What = (typeof WHAT)[number]

/** One place where running code sends on a name that `new` made, or receives from it. */
interface End {
  readonly what: What
  /** Number of values that it sends or takes, those of sugar included. */
  readonly values: number
  /** How many of them sugar adds in front. */
  readonly added: number
  /** It takes more values as well. */
  readonly rest: boolean
  /** It runs only after something was received from the name. */
  readonly after: boolean
  readonly start: number
  readonly end: number
}

/** Bits of the first number of an end: what it is, then these, then how many values sugar added, then the number of values. */
const KIND_MASK = 7
const AFTER = 8
const REST = 16
const ADDED_SHIFT = 5
const VALUES_SHIFT = 7

/** All ends of one name, three numbers each: one `new` around a long program may have millions. */
export class Ends {
  private readonly numbers: number[] = []

  get count(): number {
    return this.numbers.length / 3
  }

  /** @param added at most 3 */
  add(what: What, values: number, added: number, rest: boolean, after: boolean, { start, end }: Span): void {
    const flags = (after ? AFTER : 0) | (rest ? REST : 0) | (added << ADDED_SHIFT)
    this.numbers.push(WHAT.indexOf(what) | flags | (values << VALUES_SHIFT), start, end)
  }

  list(): End[] {
    const { numbers } = this
    return Array.from({ length: this.count }, (_, i) => {
      const word = numbers[3 * i]
      return {
        what: WHAT[word & KIND_MASK],
        values: word >> VALUES_SHIFT,
        added: (word >> ADDED_SHIFT) & 3,
        rest: (word & REST) !== 0,
        after: (word & AFTER) !== 0,
        start: numbers[3 * i + 1],
        end: numbers[3 * i + 2],
      }
    })
  }

  get areSends(): boolean {
    const { numbers } = this
    for (let i = 0; i < numbers.length; i += 3) if ((numbers[i] & KIND_MASK) !== 0) return false
    return true
  }

  /** Whether every send and every receive has a partner: what nearly always holds, found without making anything. */
  get meet(): boolean {
    const { numbers } = this
    let sent = 0
    let taken = 0
    let first = false
    for (let i = 0; i < numbers.length; i += 3) {
      const word = numbers[i]
      const values = word >> VALUES_SHIFT
      if (values > 30) return false
      if ((word & KIND_MASK) === 0) {
        sent |= 1 << values
        if ((word & AFTER) === 0) first = true
      } else taken |= (word & REST) !== 0 ? -1 << values : 1 << values
    }
    if (!first || (sent & ~taken) !== 0) return false
    for (let i = 0; i < numbers.length; i += 3) {
      const word = numbers[i]
      const values = word >> VALUES_SHIFT
      if ((word & KIND_MASK) !== 0 && (sent & ((word & REST) !== 0 ? -1 << values : 1 << values)) === 0) return false
    }
    return true
  }
}

/** The ends of a name that has none so far. */
export const NO_ENDS = new Ends()

/** The numbers of values that sends have, or that receives take. */
class Numbers {
  private readonly exact = new Set<number>()
  private most = -1
  /** From this number on all. */
  private from = Infinity

  constructor(ends: readonly End[]) {
    for (const { values, rest } of ends) {
      this.exact.add(values)
      if (values > this.most) this.most = values
      if (rest && values < this.from) this.from = values
    }
  }

  take(send: End): boolean {
    return this.exact.has(send.values) || send.values >= this.from
  }

  feed(receive: End): boolean {
    return receive.rest ? this.most >= receive.values : this.exact.has(receive.values)
  }
}

/** A `new` of more names than this gets no "did you mean". */
const SIBLINGS = 32

function isSend(end: End): boolean {
  return end.what === 'send'
}

/** Every mention of the name is an end: all that is ever sent and received there is known. */
function isPrivate({ ends, uses }: Binding): boolean {
  return ends !== null && uses > 0 && ends.count === uses
}

function isOnlySent(name: Binding): boolean {
  return isPrivate(name) && name.ends?.areSends === true
}

/** L11, on the names of one `new`: what is sent with a number of values that nothing takes, and what waits for messages that nobody sends. */
export function lintChannels(names: readonly Binding[], report: (d: Diagnostic) => void): void {
  for (const name of names) {
    if (name.ends === null || !isPrivate(name) || name.ends.meet || isOnlySent(name)) continue
    const ends = name.ends.list()
    const sends = ends.filter(isSend)
    const receives = ends.filter(end => !isSend(end))
    if (sends.length === 0) {
      if (name.name.charCodeAt(0) === 0x5f) continue
      const others = names.length > SIBLINGS ? [] : names.filter(isOnlySent).map(n => n.name)
      const near = nearest(name.name, others)
      for (const receive of receives) report(neverSent(name.name, receive, near))
      continue
    }
    if (sends.every(send => send.after)) {
      for (const receive of receives) if (!receive.after) report(neverFirst(name.name, receive))
      continue
    }
    const taken = new Numbers(receives)
    const sent = new Numbers(sends)
    const lost = sends.filter(send => !taken.take(send))
    const idle = receives.filter(receive => !sent.feed(receive))
    for (const send of lost) report(unanswered(name.name, send, idle[0] ?? receives[0], receives.length))
    // what waits because of a wrong send is the same mistake
    if (lost.length === 0) for (const receive of idle) report(unanswered(name.name, receive, sends[0], sends.length))
  }
}

/** "2", "1 or more", "2 (the reply name counts)", with `what` after the number. */
function amount({ values, rest, added }: End, what = ''): string {
  return `${values}${rest ? ' or more' : ''}${what}${added === 0 ? '' : added === 1 ? ' (the reply name counts)' : ' (reply name and method count)'}`
}

/** "the contract at 2:12 takes 2". */
function other(end: End): string {
  const place = sources.place(end.start)
  const at = place === undefined ? '' : ` at ${place.line}:${place.column}`
  return `the ${end.what}${at} ${isSend(end) ? 'has' : 'takes'} ${amount(end)}`
}

function unanswered(name: string, end: End, against: End, others: number): Diagnostic {
  const noun = end.values === 1 && !end.rest ? 'value' : 'values'
  const message = isSend(end)
    ? `\`${name}\` is sent ${amount(end, ` ${noun} here`)}, but ${other(against)}${others > 1 ? `, and nothing takes ${end.values}` : ''}`
    : `this ${end.what} takes ${amount(end, ` ${noun}`)} from \`${name}\`, but ${other(against)}${others > 1 ? ', and no send fits' : ''}`
  return lintAt('L11', end.start, end.end, message, 'change one of the two: a message is received only with as many values as it has')
}

function fateOf({ what }: End): string {
  return `this ${what} ${what === 'receive' ? 'waits for ever' : what === 'branch' ? 'is never taken' : 'is never called'}`
}

function neverFirst(name: string, end: End): Diagnostic {
  const message = `all sends on \`${name}\` stand in the bodies of what receives from it: ${fateOf(end)}`
  return lintAt('L11', end.start, end.end, message, 'send the first message outside of them')
}

function neverSent(name: string, end: End, near: string | undefined): Diagnostic {
  const hint =
    near === undefined
      ? `send on it, or remove this; write \`_${name}\` if that is meant`
      : `did you mean \`${near}\`? It is sent to, but nothing receives from it`
  return lintAt('L11', end.start, end.end, `nothing is ever sent on \`${name}\`: ${fateOf(end)}`, hint)
}
