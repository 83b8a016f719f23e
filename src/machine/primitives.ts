import { OP_INFO } from '../../bytecode/opcodes.ts'
import type { Chan, Cont } from '../../rspace/kernel.ts'
import { OP_OF_TAG } from '../compile/blob.ts'
import { isNode, NIL, Tag, type Term, Unforgeable } from '../normal/term.ts'
import { freezeValue } from './freeze.ts'
import { type Machine, State } from './machine.ts'
import { Native } from './native.ts'
import {
  asBool,
  binary,
  describeType,
  Fault,
  findMethod,
  invoke,
  type PrimContext,
  type Result,
  unary,
  unknownMethod,
} from './primitives/index.ts'
import type { Shard } from './shard.ts'
import { NATIVE_ONCE_SITE } from './site.ts'

/** How an operation is carried out (vm.md section 4). */
export const Guard = { Literal: 0, Fused: 1, Recorded: 2 } as const

/** What a handler may use besides its arguments. */
export interface HandlerContext {
  /** Adds to the gas of the calling machine; only while the handler runs. */
  charge(gas: number): void
  /** Aborted when the calling machine is killed while a promise of the handler is still open. */
  readonly signal: AbortSignal
}

/**
 * An operation given by the embedder. A term (or fault) is the result; a promise is an answer that comes later, until then the machine waits on its reply channel.
 * The arguments are frozen. Throwing, or giving back what is no term, fails the calling machine (RHO520) and nobody else.
 */
export type Handler = (args: readonly Term[], context: HandlerContext) => Term | Fault | Promise<Term | Fault>

/** An operation whose reply is still to come. */
interface Waiting {
  readonly tag: number
  readonly name: string
  readonly key: string
  readonly args: Term[]
  readonly reply: Unforgeable
  /** `nobody`: no such operation; `queued`: the processor has its turn later; `sent`: a channel or the host answers. */
  how: 'nobody' | 'queued' | 'sent'
  readonly abort: AbortController | null
}

interface Override {
  readonly handler: Handler | null
  /** A channel that serves the operation: receives (args List, reply). */
  readonly name: Term | null
}

/** Private and reply channels of literal operations are numbered from here, so that programs get the same names with either realisation. */
const HIDDEN = 2 ** 52

/** Mnemonic of an operator by its tag: the key in the registry that operators and methods share. */
const MNEMONICS: readonly string[] = Array.from(OP_OF_TAG, code => OP_INFO[code]?.name ?? '')

/**
 * The processor: operators and methods by name, the built-in entries and what was registered at run time. A guard byte per operator says whether the run
 * loop may compute in place. Registering, overriding, attaching an observer rewrites the bytes and takes effect at the next instruction.
 */
export class Primitives {
  /** By tag of the operator (Tag.Method for all methods): `Guard`. */
  readonly guards = new Uint8Array(64)
  /** All operations are fused. */
  plain = false
  private readonly overrides = new Map<string, Override>()
  private readonly shard: Shard
  private readonly ctx: PrimContext
  private literal: boolean
  private watched = false
  private recorded = false
  /** In literal mode: the processor that listens on each machine's private channel. */
  private readonly processors = new Map<Machine, Native>()
  private readonly privs = new Map<Machine, Unforgeable>()
  /** Number of the next private or reply channel. */
  nextHidden = HIDDEN
  /** Counts per kind of realisation, for the metrics. */
  fused = 0
  reified = 0

  constructor(shard: Shard) {
    this.shard = shard
    this.literal = shard.options.literal
    this.ctx = { gas: 0, limits: { maxValueBytes: shard.limits.maxValueBytes } }
    this.refresh()
  }

  /** An observer (stepper, quota hook) clears the guards; a recorder keeps fusion but writes down each operation. */
  watch(options: { observer?: boolean; recorder?: boolean }): void {
    if (options.observer !== undefined) this.watched = options.observer
    if (options.recorder !== undefined) this.recorded = options.recorder
    this.refresh()
  }

  private refresh(): void {
    const base = this.literal || this.watched ? Guard.Literal : this.recorded ? Guard.Recorded : Guard.Fused
    for (let tag = 0; tag < 64; tag++) {
      const name = MNEMONICS[tag]
      this.guards[tag] = name !== '' && this.overrides.has(name) ? Guard.Literal : base
    }
    // The in-place fast paths of the run loop write no records.
    if (base === Guard.Recorded) this.guards.fill(Guard.Literal)
    this.plain = this.guards.every(g => g === Guard.Fused)
  }

  /** Which guard keeps an operation from being fused; '' if none does. */
  reason(name: string): string {
    if (this.overrides.has(name)) return 'another meaning is registered'
    if (this.literal) return 'literal mode'
    if (this.watched) return 'an observer is attached'
    return ''
  }

  /** Whether an operator or method of this name exists, built in or registered. */
  known(name: string): boolean {
    return this.overrides.has(name) || MNEMONICS.includes(name) || findMethod(name) !== undefined
  }

  /** Replace or add an operation; undefined restores the default. Receives that wait on a guard are asked again. */
  register(name: string, by: Handler | Term | undefined): void {
    this.shard.elsewhere?.operation(name, by)
    if (by === undefined) this.overrides.delete(name)
    else if (typeof by === 'function') this.overrides.set(name, { handler: by, name: null })
    else this.overrides.set(name, { handler: null, name: by })
    this.refresh()
    this.shard.whole()
    this.shard.kernel.recheck(k => k.site.guarded)
    if (by !== undefined) for (const [m, w] of this.waiting) if (w.key === name && w.how === 'nobody') this.serveLate(m, w)
  }

  /** A machine that has come from elsewhere waits for an answer of the host: somebody here may give it. */
  askAgain(m: Machine): void {
    const w = this.waiting.get(m)
    if (w !== undefined && w.how === 'nobody' && this.overrides.has(w.key)) this.serveLate(m, w)
  }

  /** Somebody came who serves what `m` waits for. */
  private serveLate(m: Machine, w: Waiting): void {
    const o = this.overrides.get(w.key) as Override
    if (o.name !== null) {
      w.how = 'sent'
      this.shard.send(o.name, [this.shard.list(w.args), w.reply], m.account)
      return
    }
    w.how = 'queued'
    this.serve(m)
    this.shard.wake?.()
  }

  /** What was registered by programs: operation and channel. Handlers of the host are the embedder's to register again. */
  served(): [string, Term][] {
    return [...this.overrides].flatMap(([name, o]) => (o.name === null ? [] : [[name, o.name] as [string, Term]]))
  }

  bool(t: Term): boolean | Fault {
    return asBool(t)
  }
  describe(t: Term): string {
    return describeType(t)
  }

  /** The built-in meaning. */
  private builtin(tag: number, name: string, args: readonly Term[]): Result {
    const ctx = this.ctx
    ctx.gas = 0
    let r: Result
    if (tag === Tag.Method) {
      const found = findMethod(name)
      r = found === undefined ? unknownMethod(name) : invoke(found, args[0], args.slice(1), ctx)
    } else r = args.length === 1 ? unary(tag, args[0], ctx) : binary(tag, args[0], args[1], ctx)
    this.shard.gas += ctx.gas
    return r
  }

  /** Carry out an operation on evaluated operands. undefined: the reply comes later, the machine waits for it on its reply channel. */
  perform(m: Machine, tag: number, name: string, args: Term[]): Result | undefined {
    const key = tag === Tag.Method ? name : MNEMONICS[tag]
    const override = this.overrides.size > 0 ? this.overrides.get(key) : undefined
    if (m.priv !== 0) {
      if (override !== undefined && override.name !== null) return this.ask(m, tag, name, key, args, override.name)
      if (tag === Tag.Method && override === undefined && this.shard.options.unknownOp === 'block' && findMethod(name) === undefined) {
        this.request(m, key, args)
        this.wait(m, tag, name, key, args, 'nobody', null)
        return undefined
      }
      if (this.literal && !this.shard.options.handoff) return this.queued(m, tag, name, key, args)
      if (this.literal || this.watched) return this.literally(m, tag, name, key, args)
    } else if (override !== undefined && override.name !== null) return undefined
    // Inside the evaluation of a value the machine is the one whose value it is; there it cannot wait for a reply.
    const own = m.priv !== 0 ? m : (m.next as Machine | null)
    if (own !== m && own !== null && override === undefined && (this.literal || this.watched))
      return this.literally(own, tag, name, key, args)
    const r = this.compute(m, tag, name, key, args)
    if (r instanceof Promise) return m.priv === 0 ? undefined : this.later(m, tag, name, key, args, r)
    this.fused++
    const tracer = this.shard.tracer
    if (tracer !== null && own !== null) tracer.primitive(own, key, args, r instanceof Fault ? null : r)
    this.count(m, r instanceof Fault ? 1 : 2)
    return r
  }

  /** COMMs on private and reply channel, real or stood for. */
  private count(m: Machine, comms: number): void {
    this.shard.primitiveComms += comms
    m.account.primitiveComms += comms
  }

  /** The request on the private channel, for those who watch; its COMM is counted. */
  private request(m: Machine, key: string, args: readonly Term[]): void {
    this.count(m, 1)
    this.shard.tracer?.request(m, key, args)
  }

  private wait(
    m: Machine,
    tag: number,
    name: string,
    key: string,
    args: Term[],
    how: Waiting['how'],
    abort: AbortController | null,
  ): Unforgeable {
    const reply = this.unseen()
    this.shard.awaitReply(m, reply)
    this.waiting.set(m, { tag, name, key, args, reply, how, abort })
    this.shard.watchEnds()
    return reply
  }

  /** A name that programs do not count. */
  private unseen(): Unforgeable {
    return new Unforgeable(this.shard.origin, this.nextHidden++)
  }

  /** A channel serves the operation. */
  private ask(m: Machine, tag: number, name: string, key: string, args: Term[], server: Term): undefined {
    this.request(m, key, args)
    const reply = this.wait(m, tag, name, key, args, 'sent', null)
    this.shard.send(server, [this.shard.list(args), reply], m.account)
    return undefined
  }

  /** By the handler in force: the embedder's or the built-in one. */
  private compute(m: Machine, tag: number, name: string, key: string, args: Term[]): Result | Promise<Term | Fault> {
    const handler = this.overrides.size > 0 ? this.overrides.get(key)?.handler : undefined
    if (handler === undefined || handler === null) return this.builtin(tag, name, args)
    this.reified++
    for (const a of args) freezeValue(a)
    let r: ReturnType<Handler>
    try {
      r = handler(Object.freeze(args), new Context(this.shard, m))
    } catch (e) {
      return failed(key, e)
    }
    return r instanceof Promise ? r : checked(key, r)
  }

  /** The answer of a host's promise enters through the inbox. */
  private later(m: Machine, tag: number, name: string, key: string, args: Term[], promise: Promise<Term | Fault>): undefined {
    const { shard } = this
    this.request(m, key, args)
    const abort = this.aborts.get(m) ?? null
    this.aborts.delete(m)
    const reply = this.wait(m, tag, name, key, args, 'sent', abort)
    shard.pending++
    const settle = (r: Result): void => {
      shard.pending--
      const w = this.waiting.get(m)
      if (w !== undefined && w.reply === reply) this.answer(m, w, r)
      shard.wake?.()
    }
    promise.then(
      v => settle(checked(key, v)),
      e => settle(failed(key, e)),
    )
    return undefined
  }

  /** The reply to a machine that waits: its value goes out as a message on the reply channel, a fault ends the machine. */
  private answer(m: Machine, w: Waiting, r: Result): void {
    const { shard } = this
    if (r instanceof Fault) {
      shard.kernel.withdraw(m)
      this.waiting.delete(m)
      shard.fail(m, Math.max(0, m.pc - 1), r.code, r.message, r.hint)
      return
    }
    shard.tracer?.answer(m, r)
    shard.send(w.reply, [r], m.account)
  }

  /** The message on the reply channel has met its machine. */
  answered(m: Machine): void {
    this.waiting.delete(m)
    this.count(m, 1)
    this.shard.tracer?.answered(m)
  }

  /** What a machine on a reply channel waits for; undefined: it waits for something else. */
  waitsFor(
    m: Machine,
  ): { readonly op: string; readonly args: readonly Term[]; readonly served: boolean; readonly reply: Unforgeable } | undefined {
    const w = this.waiting.get(m)
    return w === undefined ? undefined : { op: w.key, args: w.args, served: w.how !== 'nobody', reply: w.reply }
  }

  /** All of it, for a snapshot. */
  requestOf(m: Machine): Readonly<Waiting> | undefined {
    return this.waiting.get(m)
  }

  /** A machine of a snapshot that waits for a reply. What the host had been asked is asked again when the operation is registered. */
  resumeRequest(m: Machine, tag: number, name: string, key: string, args: Term[], reply: Unforgeable, how: Waiting['how']): void {
    const server = this.overrides.get(key)?.name ?? null
    this.waiting.set(m, { tag, name, key, args, reply, how: how === 'sent' && server === null ? 'nobody' : how, abort: null })
    this.shard.watchEnds()
  }

  /** `fifo`: the request is taken by the processor, which has its turn in the queue like anyone else. */
  private queued(m: Machine, tag: number, name: string, key: string, args: Term[]): undefined {
    this.request(m, key, args)
    this.wait(m, tag, name, key, args, 'queued', null)
    this.shard.queueProcessor(m)
    return undefined
  }

  /** The turn of the processor that serves `m`. */
  serve(m: Machine): void {
    const w = this.waiting.get(m)
    if (w === undefined || w.how !== 'queued') return
    w.how = 'sent'
    const { shard } = this
    const outer = shard.gas
    shard.gas = 0
    const r = this.compute(m, w.tag, w.name, w.key, w.args)
    m.gas += shard.gas
    m.account.gas += shard.gas
    shard.gas = outer
    if (!(r instanceof Promise)) {
      this.answer(m, w, r)
      return
    }
    shard.pending++
    const settle = (v: Result): void => {
      shard.pending--
      if (this.waiting.get(m) === w) this.answer(m, w, v)
      shard.wake?.()
    }
    r.then(
      v => settle(checked(w.key, v)),
      e => settle(failed(w.key, e)),
    )
  }

  private readonly waiting = new Map<Machine, Waiting>()

  /** Made when a handler asks for it. */
  private readonly aborts = new Map<Machine, AbortController>()
  signalOf(m: Machine): AbortSignal {
    let a = this.waiting.get(m)?.abort ?? this.aborts.get(m)
    if (a === undefined) this.aborts.set(m, (a = new AbortController()))
    return a.signal
  }

  /** The private channel of a machine as a name. Never reachable from code. */
  priv(m: Machine): Unforgeable {
    let name = this.privs.get(m)
    if (name === undefined) {
      name = new Unforgeable(this.shard.origin, this.nextHidden++)
      this.shard.watchEnds()
      this.privs.set(m, name)
    }
    return name
  }

  /**
   * The reference semantics: produce on the private channel, COMM with the processor, produce on the reply channel, COMM with the machine. The handler is
   * local, so all four happen within the slice.
   */
  private literally(m: Machine, tag: number, name: string, key: string, args: Term[]): Result | undefined {
    const { shard } = this
    const { kernel } = shard
    // These steps leave nothing behind, so the order in which later messages are chosen must not depend on them.
    const { op, counter } = kernel
    const priv = shard.chanOf(this.priv(m))
    let processor = this.processors.get(m)
    if (processor === undefined) {
      processor = new Native('processor', 3, priv, () => {})
      kernel.consume(processor)
      this.processors.set(m, processor)
    }
    const reply = this.unseen()
    const k: Cont | null = kernel.produce(priv, [key, shard.list(args), reply], false, null)
    if (k !== processor) throw new Error('the processor did not take its request')
    const r = this.compute(m, tag, name, key, args)
    if (r instanceof Promise) {
      kernel.op = op
      kernel.counter = counter
      return this.later(m, tag, name, key, args, r)
    }
    this.reified++
    this.count(m, 1)
    shard.tracer?.request(m, key, args)
    if (r instanceof Fault) {
      kernel.op = op
      kernel.counter = counter
      return r
    }
    const waiting = new Native('reply', 1, shard.chanOf(reply), () => {})
    waiting.site = NATIVE_ONCE_SITE
    kernel.consume(waiting)
    shard.tracer?.answer(m, r)
    if (kernel.produce(waiting.chan as Chan, [r], false, null) !== waiting) throw new Error('the reply did not reach its machine')
    kernel.op = op
    kernel.counter = counter
    this.count(m, 1)
    shard.tracer?.answered(m)
    return r
  }

  /** A machine ended: its private channel goes with it. */
  release(m: Machine): void {
    const processor = this.processors.get(m)
    if (processor !== undefined) {
      this.shard.kernel.withdraw(processor)
      this.processors.delete(m)
    }
    const w = this.waiting.get(m)
    if (w !== undefined) {
      w.abort?.abort()
      this.waiting.delete(m)
    }
    this.privs.delete(m)
  }

  get nil(): Term {
    return NIL
  }
}

class Context implements HandlerContext {
  private readonly shard: Shard
  private readonly machine: Machine
  constructor(shard: Shard, machine: Machine) {
    this.shard = shard
    this.machine = machine
  }
  charge(gas: number): void {
    if (Number.isFinite(gas) && gas > 0 && this.machine.status < State.Blocked) this.shard.gas += gas
  }
  get signal(): AbortSignal {
    return this.shard.primitives.signalOf(this.machine)
  }
}

function failed(key: string, e: unknown): Fault {
  return new Fault('RHO520', `\`${key}\` failed: ${e instanceof Error ? e.message : String(e)}`)
}

/** A handler's result, if it is one. */
function checked(key: string, r: unknown): Result {
  if (r instanceof Fault || isNode(r) || typeof r === 'boolean' || typeof r === 'string') return r
  if (typeof r === 'number' && Number.isSafeInteger(r) && !Object.is(r, -0)) return r
  if (typeof r === 'bigint' && BigInt.asIntN(64, r) === r && !Number.isSafeInteger(Number(r))) return r
  return new Fault(
    'RHO520',
    `\`${key}\` gave back what is no term of the language`,
    'an Int is a safe integer or a bigint beyond; other numbers have classes of their own',
  )
}
