import { OP_BY_NAME } from '../../bytecode/opcodes.ts'
import type { Chan, Cont } from '../../rspace/kernel.ts'
import { OP_OF_TAG } from '../compile/blob.ts'
import { NIL, Tag, type Term, Unforgeable } from '../normal/term.ts'
import type { Machine } from './machine.ts'
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

/** A handler given by the embedder: pure and synchronous if it returns a term, otherwise literal. Throwing fails the calling machine only. */
export type Handler = (args: readonly Term[]) => Term | Fault | Promise<Term>

interface Override {
  readonly handler: Handler | null
  /** A channel that serves the operation: receives (args List, reply). */
  readonly name: Term | null
}

/** Private and reply channels of literal operations are numbered from here, so that programs get the same names with either realisation. */
const HIDDEN = 2 ** 52

/** Mnemonic of an operator by its tag: the key in the registry that operators and methods share. */
const MNEMONICS: readonly string[] = Array.from({ length: 64 }, (_, tag) => {
  const code = OP_OF_TAG[tag]
  for (const [name, info] of OP_BY_NAME) if (code !== 0 && info.code === code) return name
  return ''
})

/**
 * The processor: operators and methods by name, the built-in entries and what was registered at run time. A guard byte per operator says whether the run
 * loop may compute in place. Registering, overriding, attaching an observer rewrites the bytes and takes effect at the next instruction.
 */
export class Primitives {
  /** By tag of the operator (Tag.Method for all methods): `Guard`. */
  readonly guards = new Uint8Array(64)
  private readonly overrides = new Map<string, Override>()
  private readonly shard: Shard
  private readonly ctx: PrimContext
  private literal: boolean
  private watched = false
  private recorded = false
  /** In literal mode: the processor that listens on each machine's private channel. */
  private readonly processors = new Map<Machine, Native>()
  private readonly privs = new Map<Machine, Unforgeable>()
  private hidden = HIDDEN
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
  }

  /** Whether an operator or method of this name exists, built in or registered. */
  known(name: string): boolean {
    return this.overrides.has(name) || MNEMONICS.includes(name) || findMethod(name) !== undefined
  }

  /** Replace or add an operation; undefined restores the default. Receives that wait on a guard are asked again. */
  register(name: string, by: Handler | Term | undefined): void {
    if (by === undefined) this.overrides.delete(name)
    else if (typeof by === 'function') this.overrides.set(name, { handler: by, name: null })
    else this.overrides.set(name, { handler: null, name: by })
    this.refresh()
    this.shard.kernel.recheck(k => k.site.guarded)
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
    if (this.overrides.size > 0) {
      const override = this.overrides.get(key)
      if (override !== undefined) return this.overridden(m, key, override, args)
    }
    if (tag === Tag.Method && this.shard.options.unknownOp === 'block' && findMethod(name) === undefined && m.priv !== 0) {
      this.shard.awaitReply(m, this.shard.fresh())
      return undefined
    }
    if ((this.literal || this.watched) && m.priv !== 0) return this.literally(m, key, args, () => this.builtin(tag, name, args))
    const r = this.builtin(tag, name, args)
    this.fused++
    const tracer = this.shard.tracer
    if (tracer !== null && m.priv !== 0) tracer.primitive(m, key, args, r instanceof Fault ? null : r, false)
    this.countVirtual(m)
    return r
  }

  /** The two COMMs that a fused operation stands for. */
  private countVirtual(m: Machine): void {
    this.shard.primitiveComms += 2
    m.account.primitiveComms += 2
  }

  private overridden(m: Machine, key: string, o: Override, args: Term[]): Result | undefined {
    if (o.handler !== null) {
      const run = (): Result | undefined => this.call(m, key, o.handler as Handler, args)
      return run()
    }
    if (m.priv === 0) return undefined
    const reply = this.shard.fresh()
    this.shard.awaitReply(m, reply)
    this.shard.primitiveComms++
    this.shard.send(o.name as Term, [this.shard.list(args), reply], m.account)
    return undefined
  }

  private call(m: Machine, key: string, handler: Handler, args: Term[]): Result | undefined {
    let r: ReturnType<Handler>
    try {
      r = handler(args)
    } catch (e) {
      return new Fault('RHO520', `\`${key}\` failed: ${e instanceof Error ? e.message : String(e)}`)
    }
    if (!(r instanceof Promise)) {
      this.reified++
      this.countVirtual(m)
      return r
    }
    if (m.priv === 0) return undefined
    const shard = this.shard
    const reply = shard.fresh()
    shard.awaitReply(m, reply)
    shard.pending++
    r.then(
      v => {
        shard.pending--
        shard.send(reply, [v], m.account)
        shard.wake?.()
      },
      e => {
        shard.pending--
        if (shard.kernel.withdraw(m)) shard.fail(m, m.pc, 'RHO520', `\`${key}\` failed: ${e instanceof Error ? e.message : String(e)}`)
        shard.wake?.()
      },
    )
    return undefined
  }

  /** Some machine has had its private channel made into an object. */
  used = false

  /** The private channel of a machine as a name. Never reachable from code. */
  priv(m: Machine): Unforgeable {
    let name = this.privs.get(m)
    if (name === undefined) {
      name = new Unforgeable(this.shard.origin, this.hidden++)
      this.used = true
      this.privs.set(m, name)
    }
    return name
  }

  /**
   * The reference semantics: produce on the private channel, COMM with the processor, produce on the reply channel, COMM with the machine. The handler is
   * local, so all four happen within the slice.
   */
  private literally(m: Machine, key: string, args: Term[], compute: () => Result): Result {
    const { shard } = this
    const { kernel } = shard
    const priv = shard.chanOf(this.priv(m))
    let processor = this.processors.get(m)
    if (processor === undefined) {
      processor = new Native('processor', 3, priv, () => {})
      kernel.consume(processor)
      this.processors.set(m, processor)
    }
    const reply = new Unforgeable(shard.origin, this.hidden++)
    const k: Cont | null = kernel.produce(priv, [key, shard.list(args), reply], false, null)
    if (k !== processor) throw new Error('the processor did not take its request')
    const r = compute()
    this.reified++
    shard.primitiveComms++
    m.account.primitiveComms++
    if (r instanceof Fault) return r
    const waiting = new Native('reply', 1, shard.chanOf(reply), () => {})
    waiting.site = NATIVE_ONCE_SITE
    kernel.consume(waiting)
    if (kernel.produce(waiting.chan as Chan, [r], false, null) !== waiting) throw new Error('the reply did not reach its machine')
    shard.primitiveComms++
    m.account.primitiveComms++
    shard.tracer?.primitive(m, key, args, r, true)
    return r
  }

  /** A machine ended: its private channel goes with it. */
  release(m: Machine): void {
    const processor = this.processors.get(m)
    if (processor !== undefined) {
      this.shard.kernel.withdraw(processor)
      this.processors.delete(m)
    }
    this.privs.delete(m)
  }

  get nil(): Term {
    return NIL
  }
}
