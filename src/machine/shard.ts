import { type Chan, type Cont, Datum, Kernel, type KernelMatcher, type KernelObserver, type Order } from '../../rspace/kernel.ts'
import type { Code } from '../base/codes.ts'
import type { Span } from '../base/source.ts'
import { makeBundle, makeMap, makePar, makeSet } from '../normal/build.ts'
import { prepended, withEntries, withMembers } from '../normal/long.ts'
import {
  Bundle,
  Closure,
  type Compound,
  Flag,
  forced,
  List,
  MapTerm,
  Par,
  type Rest,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  Unforgeable,
} from '../normal/term.ts'
import { type Elsewhere, FORWARD_SITE } from './elsewhere.ts'
import { type Linked, Linker, type Member, type MethodSite, type Part, type Program, Template } from './link.ts'
import { Account, Machine, MachineFault, Meters, PAUSED, type Place, SPARES_MAX, State, startedBy } from './machine.ts'
import { NAME_ITEMS_BITS, NAME_ITEMS_MAX, type NameKey, type NameSite, NameTable, ShardNames } from './names.ts'
import { Native } from './native.ts'
import type { Failure, Note } from './outcome.ts'
import { Fault } from './primitives/fault.ts'
import { Primitives } from './primitives.ts'
import { DepthQueue, PriorityQueue, RoundRobin, type RunQueue, ShuffleQueue } from './queue.ts'
import { shown } from './report.ts'
import { type CasePattern, COMM_BASE, COMM_BIND, keyOfMessage, NO_SITE, Of, REPLY_SITE, type RecvSite, SendSite } from './site.ts'
import { sizeOfValue } from './size.ts'
import { generate, type Tier } from './tier.ts'
import type { Tracer } from './trace.ts'

/** What limits a shard; Infinity = none. Counts are of live things. */
export interface Limits {
  machineGas: number
  machines: number
  /** Estimated bytes of values stored in the space. */
  memory: number
  /** Children of one machine. */
  children: number
  /** Messages on one channel. */
  queue: number
  matchBudget: number
  maxValueBytes: number
}

export interface ShardOptions {
  readonly policy: 'depth' | 'rr' | 'priority'
  readonly order: Order
  /** Draw the next runnable machine by this seed. */
  readonly shuffle?: bigint
  readonly literal: boolean
  /** Literal mode: serve primitives within the slice (`handoff`) or queue processor and machine like anyone else. */
  readonly handoff: boolean
  readonly limits: Limits
  readonly unknownOp: 'block' | 'fail'
  readonly key: NameKey
  /** Told what is stored and removed, if this space is kept somewhere. */
  readonly observer?: KernelObserver<Cont>
  /** Resolves a URI that was linked; undefined: not available here. */
  readonly uri: (uri: string) => Term | undefined
  readonly optimise: boolean
  /** How often code is left to the run loop before a function is made from it. */
  readonly hot: number
}

const SAFE = Number.MAX_SAFE_INTEGER
// answers of `joinReady`
const UNCLEAR = -1
const NOT_READY = -2
const EXPOSED = Flag.Exposed
/** Messages from the host or native receives are to be delivered; ends of machines are watched. */
const Alert = { Messages: 1, Ends: 2 } as const
/** Notes about matches that fitted nothing: the first so many are kept. */
const NOTES_MAX = 20

/**
 * One scheduler over one space: run queue, machines, names. The run loop is a trampoline: a COMM enqueues, nothing recurses, nothing awaits. It knows
 * nothing of source text, files or clocks.
 */
export class Shard implements KernelMatcher<Term[], Term[], Cont> {
  readonly kernel: Kernel<Term[], Term[], Cont>
  readonly names: NameTable
  readonly origin: ShardNames
  readonly queue: RunQueue<Machine>
  readonly primitives: Primitives
  readonly linker: Linker
  readonly options: ShardOptions
  readonly limits: Limits
  readonly failures: Failure[] = []
  readonly notes: Note[] = []
  notesMore = 0
  /** Faults of receive guards, the latest per waiting continuation; for the rest report. */
  readonly guardFaults = new Map<Cont, MachineFault>()
  tracer: Tracer | null = null
  /** The other shards of the space; null: there are none. */
  elsewhere: Elsewhere | null = null

  nextName = 1
  nextPriv = 1
  comms = 0
  primitiveComms = 0
  machinesMade = 0
  slices = 0
  namesMade = 0
  produced = 0
  /** Machines alive: made, not yet ended. */
  alive = 0
  /** Gas of slow paths and nested evaluations of the running slice; `exec` adds its own at the end. */
  gas = 0
  private heldGuardGas = 0
  /** Operations that the running slice computed in the run loop itself: two COMMs each on private and reply channel, counted at its end. */
  ops = 0
  /** Sizes of names and values that the running slice has sent, counted at its end. */
  bytes = 0
  private pumpTurn = false
  private readonly deferred: { chan: Term; values: Term[]; account: Account }[] = []
  current: Machine | null = null
  /** Answers from outside that are still to come. */
  pending = 0
  /** Why the scheduler must have a look after every slice, see `Alert`. */
  private alerts = 0

  /** From now on the ends of machines matter: some machine has had its private channel made into an object, or somebody waits for an end. */
  watchEnds(): void {
    this.alerts |= Alert.Ends
  }
  get endsWatched(): boolean {
    return (this.alerts & Alert.Ends) !== 0
  }

  constructor(options: ShardOptions) {
    this.options = options
    this.limits = options.limits
    this.limited = options.limits.queue !== Number.POSITIVE_INFINITY
    this.queueMax = Math.min(options.limits.queue, 0x3fffffff)
    this.kernel = new Kernel<Term[], Term[], Cont>(this, {
      order: options.order,
      matchStepsPerContinuationMax: options.limits.matchBudget,
      matchStepsMax: Math.max(options.limits.matchBudget * 10, 10_000_000),
      observer: this.observer(options),
      trackDirty: options.observer !== undefined,
    })
    this.names = new NameTable(owner => {
      const chan = this.kernel.chan(owner)
      this.elsewhere?.opened(chan)
      return chan
    })
    this.origin = new ShardNames(options.key, 0)
    this.primitives = new Primitives(this)
    this.linker = new Linker(this)
    this.eager = options.policy === 'depth' && options.shuffle === undefined
    this.quick =
      options.policy === 'depth' &&
      options.shuffle === undefined &&
      typeof options.order !== 'object' &&
      options.optimise &&
      !options.literal &&
      options.limits.machineGas === Number.POSITIVE_INFINITY &&
      options.limits.machines === Number.POSITIVE_INFINITY
    this.recycles = options.limits.memory === Number.POSITIVE_INFINITY
    this.known = options.observer === undefined ? 0 : Number.POSITIVE_INFINITY
    this.fifo = options.order === 'fifo'
    this.queue =
      options.shuffle !== undefined
        ? new ShuffleQueue(options.shuffle)
        : options.policy === 'rr'
          ? new RoundRobin()
          : options.policy === 'priority'
            ? new PriorityQueue()
            : new DepthQueue()
  }

  /** What the kernel asks while a mark is open: a machine goes on in place, so what it was when it waited is kept beside. */
  private observer(options: ShardOptions): KernelObserver<Cont> {
    const own: KernelObserver<Cont> = {
      snapshot: k => (k instanceof Machine ? new Kept(k) : undefined),
      restore: (k, kept) => {
        if (kept instanceof Kept) this.bringBack(k as Machine, kept)
      },
    }
    const told = options.observer
    if (options.limits.memory !== Number.POSITIVE_INFINITY) {
      const ledger = new Ledger(options.limits.memory, (account, message) => {
        this.over ??= { account, message, hint: 'raise --max-memory' }
      })
      return {
        ...own,
        stored: d => {
          ledger.add(d, this.current?.account ?? this.payerOf(d.origin), valuesSize(d.value as Term[]))
          told?.stored?.(d)
        },
        removed: d => {
          ledger.drop(d)
          told?.removed?.(d)
        },
        parked: k => {
          if (k instanceof Machine) ledger.add(k, k.account, valuesSize(k.regs))
          told?.parked?.(k)
        },
        unparked: k => {
          ledger.drop(k)
          told?.unparked?.(k)
        },
        renewed: r => told?.renewed?.(r),
        failed: (k, e) => told?.failed?.(k, e),
        stalled: k => told?.stalled?.(k),
      }
    }
    // Only what is defined is called: a keeper wants to know of few things.
    return { ...own, ...told }
  }

  private bringBack(m: Machine, kept: Kept): void {
    if (m.status >= State.Done) this.alive++
    else if (m.status === State.Runnable && !this.pausedMachines.delete(m)) this.queue.remove(m)
    kept.into(m)
  }

  // ── names and channels ──────────────────────────────────────────────────────────────────────────────────────────

  fresh(): Unforgeable {
    this.namesMade++
    return this.name()
  }

  /** A name; whoever makes several counts them at once. */
  name(): Unforgeable {
    return new Unforgeable(this.origin, this.nextName++)
  }

  /** Numbers that the next name and the next machine will get. */
  get numbers(): { readonly names: number; readonly privs: number } {
    return { names: this.nextName, privs: this.nextPriv }
  }

  /** Names and machines get no numbers below these any more. */
  skipTo(numbers: { readonly names: number; readonly privs: number }): void {
    this.nextName = Math.max(this.nextName, numbers.names)
    this.nextPriv = Math.max(this.nextPriv, numbers.privs)
  }

  /** The channel of an evaluated name; bundles are stripped by the caller. */
  chanOf(name: Term): Chan {
    if (typeof name === 'object') {
      if (name instanceof Unforgeable) return name.owner === null ? this.opened(name) : name
      const t = forced(name)
      if (t instanceof Unforgeable) return t.owner === null ? this.opened(t) : t
      return this.names.chan(t)
    }
    return this.names.chan(name)
  }

  /** Somebody comes to a name as a channel for the first time. */
  opened(name: Unforgeable): Chan {
    name.owner = name
    this.elsewhere?.opened(name)
    this.parking?.named(name)
    return name
  }

  /** Records of channels that nobody has come to since the space was opened. */
  parking: { named(name: Unforgeable): void; all(): void } | null = null

  /** Whoever looks at all records calls this first. */
  whole(): void {
    this.parking?.all()
  }

  /** Channel for writing (right 2) or reading (right 1); null after a fault of the current machine. */
  private channelFor(m: Machine, pc: number, name: Term, right: number): Chan | null {
    let t = typeof name === 'object' && (name.flags & EXPOSED) !== 0 ? this.evaluate(m, name) : name
    if (t === null) return null
    t = forced(t)
    if (typeof t === 'object' && t.tag === Tag.Bundle) {
      const b = t as Bundle
      if ((b.rights & right) === 0) {
        if (right === 2) this.fail(m, pc, 'RHO501', 'trying to send on a non-writeable channel', 'the bundle does not grant writing')
        else this.fail(m, pc, 'RHO502', 'trying to receive from a non-readable channel', 'the bundle does not grant reading')
        return null
      }
      t = b.body
    }
    return this.chanOf(t)
  }

  // ── matching, asked by the kernel ───────────────────────────────────────────────────────────────────────────────

  match(k: Cont, branch: number, bind: number, value: Term[]): Term[] | undefined {
    let site = k.site as RecvSite
    if (site.soleArity >= 0) return value.length === site.soleArity ? value : undefined
    if (site.branches !== undefined) site = site.branches[branch]
    const p = site.patterns[bind]
    return p.simple ? (value.length === p.arity ? value : undefined) : p.match(value, (k as Machine).regs, this)
  }

  matchAll(k: Cont, branch: number, bind: number, value: Term[]): Iterable<Term[]> {
    let site = k.site as RecvSite
    if (site.branches !== undefined) site = site.branches[branch]
    return site.patterns[bind].matchAll(value, (k as Machine).regs, this)
  }

  guard(k: Cont, branch: number, results: readonly Term[][]): boolean {
    let site = k.site as RecvSite
    if (site.branches !== undefined) site = site.branches[branch]
    const guard = site.guard
    if (guard === null) return true
    const machine = k as Machine
    const regs = machine.regs.slice()
    site.fill(regs, results)
    this.kernel.charge(guard.cost)
    const saved = this.gas
    this.gas = 0
    const result = this.pure(machine, guard.linked, guard.gather(regs))
    const used = this.gas
    this.gas = saved
    if (result instanceof MachineFault) {
      this.guardFaults.set(k, result)
      return false
    }
    if (result !== true) return false
    this.heldGuardGas = used
    return true
  }

  contKey(k: Cont, branch: number, bind: number): Term | undefined {
    let site = k.site as RecvSite
    if (site.branches !== undefined) site = site.branches[branch]
    return site.patterns[bind].keyFor((k as Machine).regs)
  }

  datumKey(value: Term[]): Term | undefined {
    return keyOfMessage(value)
  }

  /** Matchers report their work here. */
  charge(steps: number): void {
    this.kernel.charge(steps)
  }

  // ── machines ────────────────────────────────────────────────────────────────────────────────────────────────────

  private machine(linked: Linked, regs: Term[], account: Account, origin: Place | null, level: number): Machine {
    this.machinesMade++
    if (++this.alive > this.limits.machines) this.tooMany(account)
    account.machines++
    const m = new Machine(linked, regs, this.nextPriv++, account, NO_SITE, origin, level)
    if (!this.pooling) m.home = new Meters(0, 0)
    if (this.tracer !== null) this.tracer.created(m)
    return m
  }

  private tooMany(account: Account): void {
    const message = `the program has more than ${this.limits.machines} machines (limit max-machines)`
    this.over ??= { account, message, hint: 'raise --max-machines' }
  }

  private stopOver(): void {
    const { account, message, hint } = this.over as NonNullable<Shard['over']>
    this.over = null
    this.overLimit(account, null, 'RHO604', message, hint)
  }

  enqueue(m: Machine): void {
    m.status = State.Runnable
    if (m.rank < PAUSED) this.queue.push(m)
    else this.pausedMachines.add(m)
    if (this.tracer !== null) this.tracer.runnable(m)
  }

  /** Start the machines of a program image. */
  start(program: Program, account: Account, captures: readonly Term[] = []): Machine[] {
    const started: Machine[] = []
    program.account ??= account
    this.firstAccount ??= account
    this.spawn(new Template(this.linker, program, 0), captures, account, null, 0, started)
    return started
  }

  /** One machine per component. `captures` in the order of CLOSE. */
  private member(member: Member, captures: readonly Term[], at: number, account: Account, origin: Place | null, level: number): Machine {
    const linked = member.linked
    const m = member.spare
    if (m !== null) {
      member.spare = m.next as Machine | null
      member.spares--
      this.revive(m, linked, account, origin, level)
      m.pc = 0
      const regs = m.regs
      for (let j = 0; j < member.captures; j++) regs[j] = captures[at + j]
      return m
    }
    const regs = new Array<Term>(linked.registers)
    for (let j = 0; j < member.captures; j++) regs[j] = captures[at + j]
    const fresh = this.machine(linked, regs, account, origin, level)
    if (this.pooling) fresh.home = member
    return fresh
  }

  /** The object of an ended machine becomes a new machine. */
  private revive(m: Machine, linked: Linked, account: Account, origin: Place | null, level: number): void {
    m.linked = linked
    this.machinesMade++
    this.alive++
    account.machines++
    m.next = null
    m.priv = this.nextPriv++
    m.account = account
    m.status = State.Runnable
    m.gas = 0
    m.steps = 0
    m.origin = origin
    m.rank = level
  }

  /** A child of a persistent receive, with the registers that it had when it began to wait. */
  private child(k: Machine, site: RecvSite, account: Account, origin: Place | null): Machine {
    const m = site.spare
    if (m !== null) {
      site.spare = m.next as Machine | null
      site.spares--
      this.revive(m, k.linked, account, origin, k.level)
      const from = k.regs
      const regs = m.regs
      for (let i = site.live - 1; i >= 0; i--) regs[i] = from[i]
      return m
    }
    const fresh = this.machine(k.linked, k.regs.slice(), account, origin, k.level)
    if (this.pooling) fresh.home = site
    return fresh
  }

  private spawn(t: Template, captures: readonly Term[], account: Account, origin: Place | null, level: number, list?: Machine[]): void {
    const members = t.members
    const eager = this.eager && list === undefined
    let at = 0
    for (let i = 0; i < members.length; i++) {
      const member = members[i]
      for (let copy = 0; copy < member.copies; copy++) {
        const linked = member.linked
        if (!linked.inert) {
          const m = this.member(member, captures, at, account, origin, level)
          if (eager && linked.leaf && !account.stopped) {
            this.aside(m)
          } else this.enqueue(m)
          if (list !== undefined) list.push(m)
        }
        at += member.captures
      }
    }
  }

  /** As `spawn`, with the captures read from the registers of the running machine; leaves run at once. */
  private spawnHere(t: Template, m: Machine, C: Int32Array, slots: number): void {
    const members = t.members
    const { eager, pooling } = this
    const R = m.regs
    const { account, origin, level } = m
    let at = slots
    for (let i = 0; i < members.length; i++) {
      const member = members[i]
      const captures = member.captures
      const linked = member.linked
      for (let copy = 0; copy < member.copies; copy++) {
        if (!linked.inert) {
          let child = member.spare
          let regs: Term[]
          if (child !== null) {
            member.spare = child.next as Machine | null
            member.spares--
            this.revive(child, linked, account, origin, level)
            child.pc = 0
            regs = child.regs
          } else {
            regs = new Array<Term>(linked.registers)
            child = this.machine(linked, regs, account, origin, level)
            if (pooling) child.home = member
          }
          for (let j = 0; j < captures; j++) regs[j] = R[C[at + j]]
          if (eager && linked.leaf && !account.stopped) {
            this.aside(child)
          } else this.enqueue(child)
        }
        at += captures
      }
    }
  }

  /** A leaf runs at once, in the midst of the slice that starts it. */
  aside(m: Machine): void {
    const { gas, streak, streakStart, budget, slices } = this
    this.streak = this.streakStart = this.budget = 0
    if (this.tracer !== null) this.tracer.runnable(m)
    this.slice(m)
    this.streak = streak
    this.streakStart = streakStart
    this.budget = budget - (this.slices - slices)
    this.gas = gas
  }

  private end(m: Machine, status: number): void {
    m.status = status
    this.alive--
    if (this.tracer !== null) this.tracer.ended(m)
    if (this.endsWatched) {
      this.primitives.release(m)
      this.onEnd?.(m)
    }
    const home = m.home
    if (home !== null && this.pooling && home.spares < SPARES_MAX) {
      home.spares++
      m.next = home.spare
      home.spare = m
    }
  }

  /** Policy `depth`: leaves run at once. Part of the order that programs see, so nothing but the policy decides it. */
  private readonly eager: boolean
  /** Ended machines are used again and what a sender wakes goes on in its place, both unobservable: unless somebody watches or may undo. */
  private get pooling(): boolean {
    return this.tracer === null && this.quick && !this.kernel.marked
  }
  /** Policy, order and limits allow what follows where nobody watches, unrolled SPAWNs too. */
  readonly quick: boolean
  private readonly fifo: boolean
  /** Nobody counts data, so that those that are gone can be used again. */
  private readonly recycles: boolean
  /** But not those with refs up to this: a keeper may still want to say that they are gone. */
  known: number
  /** Items of a name that is looked up. */
  private readonly scratch: Term[] = []
  /** They can be looked up. */
  private scratchPlain = false
  readonly queueMax: number
  /** There is a limit of messages and receives per channel. */
  private readonly limited: boolean

  /** Position of the instruction at `pc`. */
  spanOf(linked: Linked, pc: number): { start: number; end: number } {
    return linked.spanAt(pc)
  }

  fail(m: Machine, pc: number, code: Code, message: string, hint = '', limit = false, at: Span | null = null): void {
    let span = at !== null && at.start >= 0 ? at : m.linked.spanAt(pc)
    if (span.start < 0 && m.origin !== null) span = m.origin.span
    if (m.priv === 0) {
      this.pureFault = new MachineFault(code, message, hint, span.start, span.end)
      return
    }
    this.report(m, { code, message, hint, start: span.start, end: span.end, machine: 'm:' + m.priv, startedBy: startedBy(m), limit })
    this.end(m, State.Faulted)
  }

  private report(m: Machine | null, failure: Failure): void {
    this.failures.push(failure)
    if (m !== null) m.account.failed++
    this.onFailure?.(failure)
  }
  onFailure: ((f: Failure) => void) | null = null

  /** Listen on a name for messages of `arity` values, for ever. */
  listen(name: Unforgeable, label: string, arity: number, run: Native['run']): void {
    this.kernel.consume(new Native(label, arity, this.chanOf(name), run))
  }

  /** Start a process value in an account; its machines. */
  startValue(v: Term, account: Account): Machine[] {
    const started: Machine[] = []
    let value = forced(v)
    while (value instanceof Bundle) value = forced(value.body)
    if (typeof value !== 'object' || value.tag <= Tag.Zipper) return started
    this.spawn(this.linker.template(value), NONE, account, null, 0, started)
    return started
  }

  /** Machines that are runnable or wait. */
  machines(): Machine[] {
    this.whole()
    const out = this.queue.items()
    for (const m of this.pausedMachines) out.push(m)
    if (this.current !== null) out.push(this.current)
    const seen = new Set<Machine>(out)
    for (const k of this.kernel.stalled()) {
      if (!(k instanceof Machine)) continue
      seen.add(k)
      out.push(k)
    }
    for (const chan of this.kernel.nonEmpty()) {
      for (const k of this.kernel.conts(chan)) {
        if (!(k instanceof Machine) || seen.has(k)) continue
        seen.add(k)
        out.push(k)
      }
    }
    return out
  }

  /** Machines that are runnable, paused ones last. */
  runnable(): Machine[] {
    const out = this.queue.items()
    for (const m of this.pausedMachines) out.push(m)
    return out
  }

  /** A runnable machine leaves this shard. True if it was one. */
  unqueue(m: Machine): boolean {
    return this.pausedMachines.delete(m) || this.queue.remove(m)
  }

  /** All runnable machines, oldest first, which leave this shard. */
  takeRunnable(): Machine[] {
    const all = this.runnable()
    while (this.queue.next() !== undefined);
    this.pausedMachines.clear()
    return all
  }

  /** Deliver what the host and native receives have sent, so that no message is under way. */
  settleMessages(): void {
    if (this.deferred.length > 0) this.flushDeferred()
  }

  /** Told of machines that end, once ends are watched. */
  onEnd: ((m: Machine) => void) | null = null

  /** Messages from the host and native receives that are still to be delivered. */
  get inbox(): readonly { readonly chan: Term; readonly values: readonly Term[]; readonly account: Account }[] {
    return this.deferred
  }

  /** Whether the pump has its turn before the queue. */
  get pumpsNext(): boolean {
    return this.pumpTurn
  }

  /** Go on counting where a snapshot was taken. */
  resumeCounters(c: Readonly<Record<string, number>>, pumpTurn: boolean): void {
    this.skipTo({ names: c.names, privs: c.privs })
    this.primitives.nextHidden = c.hidden
    this.comms = c.comms
    this.primitiveComms = c.primitiveComms
    this.machinesMade = c.machinesMade
    this.slices = c.slices
    this.namesMade = c.namesMade
    this.produced = c.produced
    this.pumpTurn = pumpTurn
  }

  /** Told when control changed a machine that waits. */
  touched: ((m: Machine) => void) | null = null

  /** Paused machines that would be runnable. */
  private readonly pausedMachines = new Set<Machine>()

  /** Counted: pause twice, resume twice. A paused machine that waits still takes part in COMMs. */
  pause(m: Machine): void {
    m.paused++
    this.touched?.(m)
    if (m.paused === 1 && m.status === State.Runnable && this.queue.remove(m)) this.pausedMachines.add(m)
  }

  resume(m: Machine): void {
    if (m.paused === 0) return
    m.paused--
    this.touched?.(m)
    if (m.paused === 0 && this.pausedMachines.delete(m)) this.queue.push(m)
  }

  renice(m: Machine, level: number): void {
    const queued = m.status === State.Runnable && this.queue.remove(m)
    m.level = level
    this.touched?.(m)
    if (queued) this.queue.push(m)
  }

  /** Whether a stored message fits one bind of a waiting machine, guard aside. For reports. */
  probe(k: Machine, branch: number, bind: number, value: Term[]): boolean {
    try {
      return this.match(k, branch, bind, value) !== undefined
    } catch {
      return false
    }
  }

  /** Where the running machine is. */
  spanNow(m: Machine): { start: number; end: number } {
    // One that is over stands for a machine of another shard; it knows which of its sends it was.
    return m.status === State.Done ? (m.origin?.span ?? NO_PLACE) : m.linked.spanAt(this.pcNow)
  }

  /** Take a machine out of the world. True if it was alive. */
  kill(m: Machine): boolean {
    if (m.status >= State.Done) return false
    if (m.status === State.Running) {
      // It asked for it itself: it ends with the send that carried the request. One that is just starting children ends anyway.
      if (m === this.current) {
        this.doomed = m
        this.doom = State.Killed
      }
      return true
    }
    if (m.status === State.Blocked) this.kernel.withdraw(m)
    else if (!this.pausedMachines.delete(m)) this.queue.remove(m)
    this.end(m, State.Killed)
    return true
  }

  /** End all machines of an account with one failure. The rest of them is dropped when its turn comes; waiting ones are withdrawn now. */
  stopAccount(account: Account, failure: Failure): void {
    if (account.stopped) return
    account.failed++
    this.failures.push(failure)
    this.onFailure?.(failure)
    this.dropAccount(account)
    this.elsewhere?.stopped(account)
  }

  /** Without a failure: an account that stopped elsewhere. */
  dropAccount(account: Account): void {
    account.stopped = true
    for (const k of this.machines()) if (k.account === account && k.waiting) this.kill(k)
    // Persistent messages to native receives would go on for ever.
    for (const r of this.kernel.pumped()) if (r instanceof Datum && this.payerOf(r.origin) === account) this.kernel.rest(r)
  }

  /** Who pays for what a message of unknown sender does: the program whose code sent it. */
  private payerOf(origin: unknown): Account {
    return (origin as SendSite | null)?.program.account ?? this.delivering ?? (this.firstAccount as Account)
  }
  /** Who pays where nobody else can be found. */
  firstAccount: Account | null = null
  /** Whose message from outside is being delivered. */
  private delivering: Account | null = null

  // ── COMMs ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A continuation fired by `payer`'s operation (null: by the pump or from outside): resume it, or fork a child of it. */
  private fired(c: Cont, payer: Machine | null): Machine | null {
    const kernel = this.kernel
    let site = c.site as RecvSite
    if (site.of !== Of.Native) {
      const k = c as Machine
      if (site.of === Of.Reply) {
        k.regs[k.dest] = (kernel.results[0] as Term[])[0]
        this.primitives.answered(k)
        return k
      }
      if (site.branches !== undefined) site = site.branches[kernel.firedBranch]
      const account = payer === null ? k.account : payer.account
      this.comms++
      account.comms++
      let gas = site.commGas
      if (site.guarded) {
        gas += this.heldGuardGas
        this.guardFaults.delete(k)
      }
      if (payer !== null) {
        this.gas += gas
        if (payer.meters !== null) payer.meters.comms++
      } else {
        account.gas += gas
        k.gas += gas
        if (k.meters !== null) k.meters.comms++
      }
      let woken = k
      if (site.persistent) {
        woken = this.child(k, site, account, kernel.origins[0] as Place | null)
      } else k.account = account
      site.fill(woken.regs, kernel.results)
      woken.pc = site.next
      if (this.tracer !== null) this.tracer.comm(k, woken, payer, kernel)
      return woken
    }
    const native = c as Native
    this.comms++
    if (payer !== null) {
      this.gas += COMM_BASE + COMM_BIND
      if (payer.meters !== null) payer.meters.comms++
      payer.account.comms++
    } else {
      const account = this.payerOf(kernel.origins[0])
      account.comms++
      account.gas += COMM_BASE + COMM_BIND
      if (account.gas > account.gasLimit) this.overGas(account, null, kernel.origins[0] as Place | null)
    }
    if (this.tracer !== null) this.tracer.comm(c, null, payer, kernel)
    native.run(kernel.results[0] as Term[], payer, kernel.origins[0])
    return null
  }

  /** Where the running instruction is; kept for reports about what it started. */
  pcNow = 0

  /** Called when an answer from outside came in while nothing ran. */
  wake: (() => void) | null = null

  list(items: readonly Term[]): List {
    return new List(items.slice())
  }

  /** A message from the host or a native receive. Enqueued, so that replies of replies never nest. */
  send(chan: Term, values: Term[], account: Account): void {
    this.deferred.push({ chan, values, account })
    this.alerts |= Alert.Messages
  }

  private flushDeferred(): void {
    for (let i = 0; i < this.deferred.length; i++) {
      const { chan, values, account } = this.deferred[i]
      this.delivering = account
      let t = forced(chan)
      if (typeof t === 'object' && t.tag === Tag.Bundle) {
        if (((t as Bundle).rights & 2) === 0) continue
        t = (t as Bundle).body
      }
      this.produced++
      const to = this.chanOf(t)
      if (to.kHead !== null && to.kHead.site === FORWARD_SITE) {
        if ((this.elsewhere as Elsewhere).send(to, values, false, null, null, account)) continue
      }
      const k = this.kernel.produce(to, values, false, null)
      if (k !== null) this.wakeUp(this.fired(k, null))
      else this.elsewhere?.stored(to)
    }
    this.delivering = null
    this.deferred.length = 0
    this.alerts &= ~Alert.Messages
  }

  // ── the run loop ────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Run at most `slices` slices. Never awaits, never throws for a program's mistake.
   * @returns true while something is left to do at once
   */
  run(slices: number): boolean {
    const queue = this.queue
    const until = this.slices + slices
    for (let idle = 0; this.slices + idle < until; ) {
      if (this.deferred.length > 0) this.flushDeferred()
      if (this.kernel.pumpPending && (this.pumpTurn || queue.length === 0)) {
        this.pumpTurn = false
        const k = this.kernel.pump()
        if (k !== null) this.wakeUp(this.fired(k, null))
        idle++
        if (queue.length === 0) {
          if (!this.kernel.pumpPending && this.deferred.length === 0) return false
          continue
        }
      } else this.pumpTurn = true
      if (this.over !== null) this.stopOver()
      const m = queue.next()
      if (m === undefined) {
        if (this.deferred.length > 0 || this.kernel.pumpPending) continue
        return false
      }
      if (m.account.stopped) {
        this.end(m, State.Killed)
        continue
      }
      this.budget = this.pooling ? until - this.slices - idle - 1 : 0
      this.streak = this.streakStart = Math.min(this.budget, queue.newestTurns)
      this.slice(m)
      queue.passed(this.streakStart - this.streak)
    }
    return queue.length > 0 || this.deferred.length > 0 || this.kernel.pumpPending
  }

  private wakeUp(m: Machine | null): void {
    if (m !== null) this.enqueue(m)
  }

  private slice(first: Machine): void {
    this.slices++
    first.steps++
    first.account.steps++
    first.status = State.Running
    if (this.tracer !== null) this.tracer.running(first)
    const outer = this.current
    this.current = first
    this.gas = this.chain = 0
    this.exec(first)
    const m = this.current
    this.current = outer
    const account = m.account
    this.settle(m)
    if (account.gas > account.gasLimit) this.outOfGas(m)
    else if (m.gas > this.limits.machineGas && m.status < State.Done) {
      if (m.status === State.Blocked) this.kernel.withdraw(m)
      else this.queue.remove(m)
      this.fail(m, m.pc, 'RHO601', `the machine used more than ${this.limits.machineGas} gas`, 'raise --machine-gas')
    }
    if (this.names.full && outer === null && !this.kernel.marked) this.names.sweep()
  }

  /** Charge to the machine that ran and its account what was counted beside them since the last time. */
  private settle(m: Machine): void {
    const { account } = m
    const { gas, hops, calls, bytes, ops } = this
    m.gas += gas - this.chain
    account.gas += gas
    if (hops > 0) {
      this.hops = 0
      this.slices += hops
      this.comms += hops
      this.produced += hops
      this.machinesMade += hops
      this.kernel.op += hops
      this.kernel.counter += hops
      account.steps += hops
      account.comms += hops
      account.machines += hops
    }
    if (calls > 0) {
      this.calls = 0
      this.comms += calls
      this.produced += calls
      this.kernel.op += calls
      this.kernel.counter += calls
      account.comms += calls
    }
    if (bytes > 0) {
      this.bytes = 0
      if (m.meters !== null) m.meters.bytes += bytes
      account.bytes += bytes
    }
    if (ops > 0) {
      this.ops = 0
      this.primitiveComms += 2 * ops
      account.primitiveComms += 2 * ops
    }
  }

  /**
   * The machine that ran has ended or waits, and all it changed is written down: the next one of the queue may go on in the same loop.
   * @returns null if the scheduler has to look first
   */
  private follow(m: Machine): Machine | null {
    const { queue } = this
    if (
      this.budget <= this.streakStart - this.streak ||
      queue.length === 0 ||
      !this.mayGoOn(m, 0) ||
      this.over !== null ||
      this.names.full ||
      m.account.stopped
    )
      return null
    const turns = this.streakStart - this.streak
    queue.passed(turns)
    this.budget -= turns
    const next = queue.next() as Machine
    if (next.account === m.account) {
      // One account: what it used is added up at the end.
      if (m.status === State.Blocked) m.gas += this.gas - this.chain
      this.chain = this.gas
    } else {
      this.settle(m)
      this.gas = this.chain = 0
      if (next.account.stopped) {
        this.end(next, State.Killed)
        return null
      }
    }
    this.budget--
    this.streak = this.streakStart = Math.min(this.budget, queue.newestTurns)
    this.slices++
    next.steps++
    next.account.steps++
    next.status = State.Running
    this.current = next
    return next
  }

  private outOfGas(m: Machine): void {
    m.gas -= m.account.gas - m.account.gasLimit
    this.overGas(m.account, m)
  }

  /** The reported cost of a program is never more than its limit. */
  overGas(account: Account, m: Machine | null, by: Place | null = null): void {
    if (this.elsewhere?.hasMore(account, m === null ? by : { span: m.linked.spanAt(this.pcNow) }) === true) return
    account.gas = account.gasLimit
    this.overLimit(account, m, 'RHO601', `the program used up its gas limit of ${account.gasLimit}`, 'raise --gas', by)
  }

  /** Composed, these would be more components than a value may have bytes for: a process that doubles itself is soon beyond any memory. */
  private tooWide(items: readonly Term[]): boolean {
    let count = 0
    for (let i = 0; i < items.length; i++) {
      const t = forced(items[i])
      count += t instanceof Par ? t.count : 1
    }
    return 4 * count > this.limits.maxValueBytes
  }

  /** A limit of a whole program: all of it stops, with one failure. Without a machine that did it, `by` is the send that keeps going on. */
  private overLimit(account: Account, m: Machine | null, code: Code, message: string, hint: string, by: Place | null = null): void {
    const span = m === null ? (by?.span ?? NO_PLACE) : m.linked.spanAt(this.pcNow)
    const machine = m === null ? 'm:0' : 'm:' + m.priv
    this.stopAccount(account, {
      code,
      message,
      hint,
      start: span.start,
      end: span.end,
      machine,
      startedBy: m === null ? -1 : startedBy(m),
      limit: true,
    })
  }

  /** Somebody's account holds more than it may; looked at between slices. */
  private over: { readonly account: Account; readonly message: string; readonly hint: string } | null = null

  private pureFault: MachineFault | null = null

  /** Evaluate linked code without effects: guards, dynamic expressions. The result, or the fault it met. */
  pure(m: Machine, linked: Linked, regs: Term[], owner: Machine | null = null): Term | MachineFault {
    const p = new Machine(linked, regs, 0, m.account, NO_SITE, null, 0)
    p.next = owner
    const outer = this.pureFault
    this.pureFault = null
    this.exec(p)
    const fault = this.pureFault as MachineFault | null
    this.pureFault = outer
    return fault === null ? p.regs[0] : fault
  }

  /** A guard of a `match` case failed: it counts as false and is noted. */
  caseGuardFault(m: Machine, fault: MachineFault): void {
    if (m.priv === 0) return
    const span = fault.start >= 0 ? fault : m.linked.spanAt(this.pcNow)
    if (this.notes.length < NOTES_MAX) this.notes.push({ start: span.start, end: span.end, text: `a guard failed: ${fault.message}` })
    else this.notesMore++
  }

  /** `val` of a term that holds variables' unevaluated expressions; null after a fault of `m`. */
  private evaluate(m: Machine, t: Term): Term | null {
    const linked = this.linker.evaluator(t)
    // An operation of such a value is one of the machine, but for those inside guards.
    const r = this.pure(m, linked, new Array<Term>(linked.registers), m.priv !== 0 ? m : (m.next as Machine | null))
    if (!(r instanceof MachineFault)) return r
    this.fail(m, this.pcNow, r.code, r.message, r.hint, false, r)
    return null
  }

  private failFault(m: Machine, pc: number, f: Fault): void {
    this.fail(m, pc, f.code, f.message, f.hint)
  }

  /** One operation in its complete semantics. undefined: the machine has stopped (fault, or waiting for the reply). */
  private operate(m: Machine, pc: number, next: number, dest: number, tag: number, name: string, args: Term[]): Term | undefined {
    for (let i = 0; i < args.length; i++) {
      const v = args[i]
      if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
        const r = this.evaluate(m, v)
        if (r === null) return undefined
        args[i] = r
      }
    }
    const r = this.primitives.perform(m, tag, name, args)
    if (r instanceof Fault) {
      this.failFault(m, pc, r)
      return undefined
    }
    if (r === undefined) {
      if (m.priv === 0) {
        this.fail(m, pc, 'RHO516', `\`${name}\` is served elsewhere and cannot be used in a guard or pattern`)
        return undefined
      }
      m.pc = next
      m.dest = dest
      m.status = State.Blocked
      if (this.tracer !== null) this.tracer.blocked(m)
    }
    return r
  }

  /** Park at a receive; true if it fired at once and `m` itself goes on at `m.pc`. */
  private receive(m: Machine, site: RecvSite): boolean {
    const kernel = this.kernel
    m.site = site
    if (this.elsewhere?.leaves(m) === true) return false
    if (this.tracer !== null) this.tracer.consume(m)
    this.gas += site.gas(m.regs)
    if (!kernel.consume(m)) {
      m.status = State.Blocked
      const c = m.chan
      if ((c === null || c.nK > this.queueMax) && this.limited && this.crowded(m)) return false
      if (this.tracer !== null) this.tracer.blocked(m)
      return false
    }
    let branch = site
    if (site.branches !== undefined) branch = site.branches[kernel.firedBranch]
    this.comms++
    if (m.meters !== null) m.meters.comms++
    m.account.comms++
    this.gas += branch.commGas
    if (branch.guarded) {
      this.gas += this.heldGuardGas
      this.guardFaults.delete(m)
    }
    if (site.persistent) {
      const child = this.child(m, branch, m.account, m.origin)
      branch.fill(child.regs, kernel.results)
      child.pc = branch.next
      if (this.tracer !== null) this.tracer.comm(m, child, m, kernel)
      this.enqueue(child)
      m.status = State.Blocked
      if (this.tracer !== null) this.tracer.blocked(m)
      return false
    }
    branch.fill(m.regs, kernel.results)
    m.pc = branch.next
    if (this.tracer !== null) this.tracer.comm(m, m, m, kernel)
    return true
  }

  /** A message to a lone contract of plain variables; the caller fills in the values. */
  call(k: Machine, target: RecvSite, m: Machine, origin: SendSite): Machine {
    this.calls++
    this.gas += target.commGas
    const woken = this.child(k, target, m.account, origin)
    woken.pc = target.next
    return woken
  }

  /**
   * A message of one or two values. What mostly waits – one contract, one receive or one join of plain variables, or nothing – is served here, straight into
   * registers; everything else by the kernel. The machine that it woke, not yet in the queue.
   */
  post(m: Machine, chan: Chan, n: number, v: Term, w: Term, site: SendSite): Machine | null {
    const head = chan.kHead
    const join = chan.jHead
    if (head === null) {
      if (join === null) {
        this.put(chan, n, v, w, site)
        return null
      }
      if (join.next === join && this.fifo && chan.index === null) {
        const k = join.cont as Machine
        const target = k.site as RecvSite
        if (target.pair && n === 1 && !k.shares) {
          const chans = k.chans as readonly Chan[]
          const first = chans[0] === chan
          const other = first ? chans[1] : chans[0]
          const d = other.dHead
          if (d === null) {
            this.put(chan, n, v, w, site)
            return null
          }
          if (other.index === null && !d.pumped && (d.value as Term[]).length === 1) return this.paired(m, k, first, v, d, site)
        } else if (target.plainJoin && !k.shares) {
          const own = this.joinReady(k, chan)
          if (own === NOT_READY) {
            this.put(chan, n, v, w, site)
            return null
          }
          if (own >= 0 && target.patterns[own].arity === n) return this.completed(m, k, own, n, v, w, site)
        }
      }
    } else if (chan.index !== null) {
      const k = typeof v !== 'object' || v instanceof Unforgeable ? (this.kernel.taker(chan, v) as Machine | null) : null
      if (k !== null && k.chan !== null && (k.site as RecvSite).keyed === n) {
        const target = k.site as RecvSite
        let woken = k
        if (target.persistent) {
          this.kernel.serve(k)
          this.produced++
          this.comms++
          m.account.comms++
          this.gas += target.commGas
          woken = this.child(k, target, m.account, site)
          woken.pc = target.next
        } else this.woken(m, k, target, chan)
        if (n === 2) woken.regs[target.live] = w
        return woken
      }
    } else if (join === null && head.next === head) {
      const k = head as Machine
      const target = k.site as RecvSite
      if (target.direct === n) {
        const woken = this.call(k, target, m, site)
        const { regs } = woken
        regs[target.soleBase] = v
        if (n === 2) regs[target.soleBase + 1] = w
        return woken
      }
      if (target.linear === n) {
        this.woken(m, k, target, chan)
        const { regs } = k
        regs[target.soleBase] = v
        if (n === 2) regs[target.soleBase + 1] = w
        return k
      }
      if (target.quick) {
        const pattern = target.patterns[0]
        if (target.persistent) {
          const args = n === 1 ? [v] : [v, w]
          const found = pattern.quickMatch(args, k.regs)
          if (found === undefined) return this.deliver(m, chan, args, site)
          const child = this.call(k, target, m, site)
          pattern.fill(child.regs, found)
          return child
        }
        if (pattern.arity !== n || pattern.rest !== null) return this.deliver(m, chan, n === 1 ? [v] : [v, w], site)
        const { regs } = k
        if (!pattern.quickFillOne(v, regs, 0) || (n === 2 && !pattern.quickFillOne(w, regs, 1)))
          return this.deliver(m, chan, n === 1 ? [v] : [v, w], site)
        this.woken(m, k, target, chan)
        return k
      }
    }
    return this.deliver(m, chan, n === 1 ? [v] : [v, w], site)
  }

  /** A message of one or two values for which nothing waits. */
  private put(chan: Chan, n: number, v: Term, w: Term, site: SendSite): void {
    const { kernel } = this
    this.produced++
    if (n === 1 && this.recycles) {
      const d = kernel.spare()
      if (d !== null) {
        const values = d.value as Term[]
        values[0] = v
        kernel.putAgain(d, chan, site)
        return
      }
    }
    kernel.put(chan, n === 1 ? [v] : [v, w], site)
  }

  /** A datum that a plain receive or join took, after its values were taken out of it. Those that came in otherwise may be known elsewhere. */
  private used(d: Datum): void {
    const values = d.value as Term[]
    if (!this.recycles || d.ref <= this.known || values.length !== 1 || !(d.origin instanceof SendSite) || d.persistent) return
    values[0] = 0
    this.kernel.recycle(d)
  }

  /** A linear receive of the machine `k` has got its message from `m`. */
  private woken(m: Machine, k: Machine, target: RecvSite, chan: Chan): void {
    this.kernel.wake(k, chan)
    this.produced++
    this.comms++
    k.account = m.account
    k.account.comms++
    this.gas += target.commGas
    k.pc = target.next
  }

  /** The bind of the join `k` that a message on `chan` would be for, if all others have data that fit; otherwise why not. */
  private joinReady(k: Machine, chan: Chan): number {
    const chans = k.chans as readonly Chan[]
    const site = k.site as RecvSite
    const { patterns } = site
    let own = UNCLEAR
    let clear = true
    // The channel that had nothing the last time is the likeliest to have nothing now.
    let i = site.lacking
    for (let left = chans.length; left > 0; left--) {
      const c = chans[i]
      if (c === chan) own = i
      else {
        const d = c.dHead
        if (d === null) {
          site.lacking = i
          return NOT_READY
        }
        if (c.index !== null || d.pumped || (d.value as Term[]).length !== patterns[i].arity) clear = false
        else this.joined[i] = d
      }
      if (++i === chans.length) i = 0
    }
    return clear ? own : UNCLEAR
  }
  private readonly joined: (Datum | null)[] = []

  /** The plain join `k` fired by a send of `m`; `origin` sent its first message. The machine that goes on, whose registers the caller fills. */
  private joinFired(m: Machine, k: Machine, target: RecvSite, origin: Place | null): Machine {
    this.produced++
    this.comms++
    const { account } = m
    account.comms++
    this.gas += target.commGas
    let woken = k
    if (target.persistent) woken = this.child(k, target, account, origin)
    else k.account = account
    woken.pc = target.next
    return woken
  }

  /** `completed` for a join of two messages of one value each: `v` is the one that came now, for the first bind or the second, `d` the one that waited. */
  private paired(m: Machine, k: Machine, first: boolean, v: Term, d: Datum, site: SendSite): Machine {
    const target = k.site as RecvSite
    this.kernel.completePair(k, d)
    const woken = this.joinFired(m, k, target, first ? site : (d.origin as Place | null))
    const { regs } = woken
    const { patterns } = target
    const waited = (d.value as Term[])[0]
    regs[patterns[0].base] = first ? v : waited
    regs[patterns[1].base] = first ? waited : v
    this.used(d)
    return woken
  }

  private completed(m: Machine, k: Machine, own: number, n: number, v: Term, w: Term, site: SendSite): Machine {
    const { joined } = this
    const target = k.site as RecvSite
    const { patterns } = target
    this.kernel.complete(k, own)
    const woken = this.joinFired(m, k, target, own === 0 ? site : ((joined[0] as Datum).origin as Place | null))
    const { regs } = woken
    for (let i = 0; i < patterns.length; i++) {
      const { base } = patterns[i]
      if (i === own) {
        regs[base] = v
        if (n === 2) regs[base + 1] = w
        continue
      }
      const d = joined[i] as Datum
      const values = d.value as Term[]
      joined[i] = null
      for (let j = 0; j < values.length; j++) regs[base + j] = values[j]
      this.used(d)
    }
    return woken
  }

  /** As `post`, for none or many values, which are the operands from word `at` on. */
  private postMany(
    m: Machine,
    chan: Chan,
    n: number,
    C: Int32Array,
    at: number,
    R: Term[],
    K: readonly unknown[],
    site: SendSite,
  ): Machine | null {
    const head = chan.kHead
    if (head !== null && head.next === head && chan.jHead === null && (head.site as RecvSite).direct === n) {
      const target = head.site as RecvSite
      const woken = this.call(head as Machine, target, m, site)
      const { regs } = woken
      const base = target.soleBase
      for (let j = 0; j < n; j++) {
        const i = C[at + j]
        regs[base + j] = i >= 0 ? R[i] : (K[~i] as Term)
      }
      return woken
    }
    const args = new Array<Term>(n)
    for (let j = 0; j < n; j++) {
      const i = C[at + j]
      args[j] = i >= 0 ? R[i] : (K[~i] as Term)
    }
    return this.deliver(m, chan, args, site)
  }

  /** A message to any channel. The machine that it woke, not yet in the queue. */
  deliver(m: Machine, chan: Chan, args: Term[], site: SendSite): Machine | null {
    if (chan.nD >= this.queueMax && this.overQueue(m, chan, site)) return null
    if (this.tracer !== null) this.tracer.produce(m, chan, args, site)
    const head = chan.kHead
    this.produced++
    if (head !== null && head.site === FORWARD_SITE) {
      if ((this.elsewhere as Elsewhere).send(chan, args, site.persistent, site, m, m.account)) return null
    }
    const k = this.kernel.produce(chan, args, site.persistent, site)
    if (k !== null) return this.fired(k, m)
    if (this.elsewhere !== null && head !== null) this.elsewhere.stored(chan)
    return null
  }

  /** A machine that came from another shard to wait here, or whose channels have come: it goes on with its receive. */
  arrived(m: Machine): void {
    this.gas = 0
    m.status = State.Running
    if (this.receive(m, m.site as RecvSite)) this.enqueue(m)
    m.gas += this.gas
    m.account.gas += this.gas
  }

  /** A message from another shard. `sender` stands for the machine that sent it; null: it is the engine's own. */
  accept(chan: Chan, args: Term[], persistent: boolean, origin: SendSite | null, sender: Machine | null, account: Account): void {
    if (sender !== null && origin !== null && chan.nD >= this.queueMax && this.overQueue(sender, chan, origin)) return
    const k = this.kernel.produce(chan, args, persistent, origin)
    if (k === null) {
      if (chan.kHead !== null) this.elsewhere?.stored(chan)
      return
    }
    this.gas = 0
    this.delivering = account
    this.wakeUp(this.fired(k, sender))
    this.delivering = null
    account.gas += this.gas
    if (account.gas > account.gasLimit) this.overGas(account, null, origin)
  }

  /** `m` has ended and what comes next goes on in its place: a turn of the queue all the same. */
  private handOver(m: Machine, gas: number): void {
    this.chain = this.gas + gas
    this.streak--
    this.slices++
    m.account.steps++
    this.end(m, State.Done)
  }

  /** Whether the machine that `m` woke may run at once in its place. */
  private mayGoOn(m: Machine, gas: number): boolean {
    if (this.alerts !== 0 || this.kernel.pumpPending || (m.account.limited && this.near(m.account, gas))) return false
    // As after any slice that the queue has given.
    this.pumpTurn = true
    return true
  }

  /**
   * Whether the limit of the program may be passed in this slice, with `gas` beside what is charged already. From here on all runs as if nobody had optimised it:
   * which machine passes the limit, and where, is the same then.
   */
  near(account: Account, gas: number): boolean {
    return account.gas + this.gas + gas > account.gasLimit - NEAR
  }

  /** Slices that may still follow one another by direct hand-over, until it is the turn of the oldest or the quantum is over. 0 inside an eager leaf. */
  private streak = 0
  /** Slices that are left of the quantum. 0 inside an eager leaf, and where nothing may go on in place. */
  private budget = 0
  /** What `streak` was when the queue was last told of turns that were used up by handing over. */
  private streakStart = 0
  /** Messages handed over to a contract whose counting is still to be made up for in `settle`. */
  private hops = 0
  /** Messages that started a child of a contract, likewise. */
  private calls = 0

  /**
   * A part of an unrolled SPAWN that was to be carried out without a machine needs one after all: it has done nothing yet.
   * @returns where its parent goes on
   */
  private partAlone(m: Machine, linked: Linked, pc: number, gas: number): number {
    const part = partAt(linked.parts, pc)
    this.machinesMade--
    m.account.machines--
    this.slices--
    m.account.steps--
    this.gas += gas
    this.aside(this.partMachine(m, part))
    return part.last ? part.to : this.partDone(m, linked, part, 0)
  }

  /** Whether the account is over its limit with what the parts have used so far; what their parent used is charged when it ends. */
  partOver(account: Account, gas: number): boolean {
    return account.limited && (account.stopped || account.gas + this.gas + gas - this.parentGas > account.gasLimit)
  }
  /** Of `gas`, and what `exec` has not yet added to it, the part of machines that have handed over. */
  private chain = 0
  /** Gas of the machine that carries out an unrolled SPAWN, up to there. */
  private parentGas = 0

  private partMachine(m: Machine, part: Part): Machine {
    const { member, slots } = part
    const regs = new Array<Term>(member.linked.registers)
    for (let j = 0; j < slots.length; j++) regs[j] = m.regs[slots[j]]
    return this.machine(member.linked, regs, m.account, m.origin, m.level)
  }

  /**
   * After a part of an unrolled SPAWN: its parent goes on, unless the program is over its limit. Then what was still to start goes to the queue, where it is
   * dropped, and the parent has ended.
   * @returns where the parent goes on; −1 if it has ended
   */
  private partDone(m: Machine, linked: Linked, part: Part, gas: number): number {
    const { account } = m
    if (!this.partOver(account, gas)) return part.to
    const { parts } = linked
    let i = parts.indexOf(part)
    do {
      i++
      if (parts[i].inline) {
        this.machinesMade--
        account.machines--
        this.slices--
        account.steps--
      }
      this.enqueue(this.partMachine(m, parts[i]))
    } while (!parts[i].last)
    this.end(m, State.Done)
    return -1
  }

  // ── steps of the run loop and of generated code ─────────────────────────────────────────────────────────────────

  /** What the methods that say where the run goes on have used and not charged. */
  runGas = 0

  /** SPAWN whose children the code that follows starts one by one, `inline` of them without a machine. */
  unrolled(m: Machine, gas: number, inline: number): void {
    const { account } = m
    this.gas += gas
    if (account.limited) {
      // What the machines before it in the same loop used counts now, its own when it ends.
      account.gas += this.chain
      this.gas -= this.chain
      this.chain = 0
      this.parentGas = this.gas
    }
    this.machinesMade += inline
    this.slices += inline
    account.machines += inline
    account.steps += inline
  }

  /** The program is over its limit behind the part that the instruction before `pc` belongs to. */
  partStopped(m: Machine, pc: number, gas: number, priv: number): void {
    this.gas += gas
    this.runGas = 0
    m.priv = priv
    this.partDone(m, m.linked, partAt(m.linked.parts, pc), 0)
  }

  /** The send of one or two values that ends a machine. @returns as `Run` */
  sendLast(m: Machine, R: Term[], chan: Chan, n: number, v: Term, w: Term, size: number, gas: number, site: SendSite): number {
    const head = chan.kHead
    let woken: Machine | null
    if (head !== null && head.next === head && chan.jHead === null && (head.site as RecvSite).direct === n) {
      const k = head as Machine
      const target = k.site as RecvSite
      const { linked } = k
      if (this.streak > 0 && R.length >= linked.registers && this.mayGoOn(m, gas + size + 11 + target.commGas)) {
        const from = k.regs
        for (let i = target.live - 1; i >= 0; i--) R[i] = from[i]
        const base = target.soleBase
        R[base] = v
        if (n === 2) R[base + 1] = w
        gas += size + 11 + target.commGas
        this.bytes += size
        this.streak--
        this.hops++
        if (m.account.limited) this.chain = this.gas + gas
        m.priv = this.nextPriv++
        m.gas = 0
        m.steps = 1
        m.origin = site
        m.rank = k.level
        m.linked = linked
        this.runGas = gas
        return target.next
      }
      woken = this.call(k, target, m, site)
      const { regs } = woken
      const base = target.soleBase
      regs[base] = v
      if (n === 2) regs[base + 1] = w
    } else if (chan.nD < this.queueMax) woken = this.post(m, chan, n, v, w, site)
    else woken = this.deliver(m, chan, n === 1 ? [v] : [v, w], site)
    return this.sent(m, woken, size, gas)
  }

  /** The same for none or many values. */
  sendMany(m: Machine, chan: Chan, args: Term[], size: number, gas: number, site: SendSite): number {
    const head = chan.kHead
    let woken: Machine | null
    if (head !== null && head.next === head && chan.jHead === null && (head.site as RecvSite).direct === args.length) {
      const target = head.site as RecvSite
      woken = this.call(head as Machine, target, m, site)
      const { regs } = woken
      for (let i = 0; i < args.length; i++) regs[target.soleBase + i] = args[i]
    } else woken = this.deliver(m, chan, args, site)
    return this.sent(m, woken, size, gas)
  }

  private sent(m: Machine, woken: Machine | null, size: number, gas: number): number {
    gas += 11 + size
    this.bytes += size
    if (this.doomed !== null) {
      this.doomed = null
      this.gas += gas
      this.runGas = 0
      this.end(m, this.doom)
      return -1
    }
    if (woken !== null) {
      if (this.streak > 0 && woken.account === m.account && woken.rank < PAUSED && this.mayGoOn(m, gas)) {
        this.handOver(m, gas)
        this.current = woken
        woken.status = State.Running
        woken.steps++
        this.runGas = gas
        return woken.pc
      }
      this.enqueue(woken)
    }
    return this.ended(m, gas)
  }

  /** HALT. @returns as `Run` */
  ended(m: Machine, gas: number): number {
    this.gas += gas
    this.runGas = 0
    this.end(m, State.Done)
    if (this.budget <= 0) return -1
    const next = this.follow(m)
    return next === null ? -1 : next.pc
  }

  /** The message that a receive of one plain variable takes at once; null: none, or it is not for here to say. */
  oldest(m: Machine, chan: Chan): Datum | null {
    const d = chan.dHead
    if (d === null || !this.fifo || chan.index !== null || (d.value as Term[]).length !== 1) return null
    this.comms++
    m.account.comms++
    return d
  }

  /** `oldest` was taken, and its value is known. */
  useOldest(chan: Chan, d: Datum): void {
    const { pumped } = d
    this.kernel.takeOldest(chan)
    if (!pumped) this.used(d)
  }

  /** A receive on a channel, the price of whose name is in `gas`. @returns as `Run` */
  receiveLast(m: Machine, R: Term[], chan: Chan, site: RecvSite, gas: number, pc: number): number {
    const datum = chan.dHead
    if (datum !== null) {
      if (site.linear >= 0 && this.fifo && chan.index === null && (datum.value as Term[]).length === site.linear && this.pooling) {
        // The oldest message fits: the machine goes on at once.
        const values = datum.value as Term[]
        const { pumped } = datum
        this.runGas = gas + site.gas(R) + site.commGas
        this.kernel.takeOldest(chan)
        this.comms++
        m.account.comms++
        const base = site.soleBase
        for (let j = 0; j < values.length; j++) R[base + j] = values[j]
        if (!pumped) this.used(datum)
        return site.next
      }
      if (site.quick && datum.next === datum && !site.persistent && chan.index === null && !datum.persistent && this.pooling) {
        const price = site.gas(R)
        if (site.patterns[0].quickFill(datum.value as Term[], R)) {
          this.runGas = gas + price + site.commGas
          this.kernel.takeOldest(chan)
          this.comms++
          m.account.comms++
          return site.next
        }
      }
    }
    m.chan = chan
    return this.waits(m, site, gas, pc)
  }

  /** A receive on several channels. @returns as `Run` */
  joinLast(m: Machine, chans: readonly Chan[], site: RecvSite, gas: number, pc: number): number {
    if (chans.length === 1 && site.branches === undefined) m.chan = chans[0]
    else m.chans = chans
    return this.waits(m, site, gas, pc)
  }

  private waits(m: Machine, site: RecvSite, gas: number, pc: number): number {
    m.pc = pc
    this.runGas = 0
    if (this.receive(m, site)) {
      this.runGas = gas
      return m.pc
    }
    this.gas += gas
    if (this.budget <= 0 || m.status !== State.Blocked) return -1
    const next = this.follow(m)
    return next === null ? -1 : next.pc
  }

  /** A machine for a child of `m` of its own, which gets its captures from the caller. */
  childOf(m: Machine, member: Member, own: Linked): Machine {
    const spare = member.spare
    if (spare !== null) {
      member.spare = spare.next as Machine | null
      member.spares--
      this.revive(spare, own, m.account, m.origin, m.level)
      spare.pc = 0
      return spare
    }
    const child = this.machine(own, new Array<Term>(own.registers), m.account, m.origin, m.level)
    if (this.pooling) child.home = member
    return child
  }

  /** The last child of `m` takes its place. @returns as `Run` */
  startLast(m: Machine, child: Machine, gas: number, leaf: boolean): number {
    if (leaf) {
      this.end(m, State.Done)
      this.slices++
      m.account.steps++
    } else if (this.streak <= 0 || !this.mayGoOn(m, gas)) {
      this.gas += gas
      this.runGas = 0
      this.end(m, State.Done)
      this.enqueue(child)
      return -1
    } else this.handOver(m, gas)
    this.current = child
    child.status = State.Running
    child.steps++
    this.runGas = gas
    return 0
  }

  private overQueue(m: Machine, chan: Chan, site: SendSite): boolean {
    if (chan.nD < this.limits.queue) return false
    this.failSender(m, site, 'RHO604', `a channel holds ${this.limits.queue} messages (limit max-queue)`, 'raise --max-queue')
    return true
  }

  /** A receive that began to wait where too many wait ends with its machine. */
  private crowded(m: Machine): boolean {
    for (const c of m.chan !== null ? [m.chan] : (m.chans as readonly Chan[])) {
      if (c.nK <= this.limits.queue) continue
      this.kernel.withdraw(m)
      const message = `on a channel wait ${this.limits.queue} receives (limit max-queue)`
      this.fail(m, m.pc, 'RHO604', message, 'raise --max-queue')
      return true
    }
    return false
  }

  /** Run `m` until it blocks, ends or faults. */
  private exec(machine: Machine): void {
    let m = machine
    let linked = m.linked
    let C = linked.code
    let K = linked.consts
    let R = m.regs
    let pc = m.pc
    let gas = 0
    const G = this.primitives.guards
    const quick = this.pooling
    for (;;) {
      gas += C[pc + 1]
      // biome-ignore lint/suspicious/noConfusingLabels: left when another machine may be the running one now, which goes on at `pc`
      turn: {
        switch (C[pc]) {
          case 0: // HALT
            pc = this.ended(m, gas)
            break turn
          case 1: // JUMP
            pc = C[pc + 2]
            continue
          case 2: {
            // JFALSE a target
            const i = C[pc + 2]
            let v = i >= 0 ? R[i] : (K[~i] as Term)
            if (typeof v === 'object') {
              this.pcNow = pc
              if ((v.flags & EXPOSED) !== 0) {
                const r = this.evaluate(m, v)
                if (r === null) {
                  this.gas += gas
                  return
                }
                v = r
              }
              v = forced(v)
            }
            if (v === true) pc += 4
            else if (v === false) pc = C[pc + 3]
            else {
              this.gas += gas
              this.fail(
                m,
                pc,
                'RHO514',
                'the condition of `if` must be one Bool, not ' + this.primitives.describe(v),
                'compare explicitly, for example `x != 0`',
              )
              return
            }
            continue
          }
          case 6: {
            // MOVE d a
            const i = C[pc + 3]
            R[C[pc + 2]] = i >= 0 ? R[i] : (K[~i] as Term)
            pc += 4
            continue
          }
          case 7: // LIST d n …
          case 8: // TUPLE
          case 67: // LTUPLE
          case 68: {
            // LLIST
            const t = this.collected(C, K, R, pc)
            if (t === null) break
            R[C[pc + 2]] = t
            pc += 4 + C[pc + 3]
            continue
          }
          case 17: {
            // NEW base n
            const base = C[pc + 2]
            const n = C[pc + 3]
            for (let j = 0; j < n; j++) R[base + j] = this.name()
            this.namesMade += n
            pc += 4
            continue
          }
          case 19: // SEND chan site argc …
          case 20: {
            // SENDK chanConst site argc …
            let chan: Chan | null
            let size: number
            if (C[pc] === 20) {
              const c = K[C[pc + 2]] as { chan: Chan; size: number }
              chan = c.chan
              size = c.size
            } else {
              const i = C[pc + 2]
              const c = i >= 0 ? R[i] : (K[~i] as Term)
              if (c === this.names.lastName) {
                chan = this.names.lastChan as Chan
                size = this.names.lastSize
              } else if (typeof c === 'object' && c instanceof Unforgeable) {
                if (c.owner === null) this.opened(c)
                chan = c
                size = 36
              } else {
                this.pcNow = pc
                chan = this.channelFor(m, pc, c, 2)
                if (chan === null) {
                  this.gas += gas
                  return
                }
                size = sizeOfValue(c)
              }
            }
            const n = C[pc + 4]
            const site = K[C[pc + 3]] as SendSite
            this.pcNow = pc
            let args: Term[] | null = null
            let v: Term = 0
            let w: Term = 0
            if (n === 1 || n === 2) {
              const i = C[pc + 5]
              v = i >= 0 ? R[i] : (K[~i] as Term)
              if (typeof v === 'number') size += 8
              else {
                if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
                  const r = this.evaluate(m, v)
                  if (r === null) {
                    this.gas += gas
                    return
                  }
                  v = r
                }
                size += sizeOfValue(v)
              }
              if (n === 2) {
                const j = C[pc + 6]
                w = j >= 0 ? R[j] : (K[~j] as Term)
                if (typeof w === 'number') size += 8
                else {
                  if (typeof w === 'object' && (w.flags & EXPOSED) !== 0) {
                    const r = this.evaluate(m, w)
                    if (r === null) {
                      this.gas += gas
                      return
                    }
                    w = r
                  }
                  size += sizeOfValue(w)
                }
              }
            } else {
              args = this.operands(m, pc, C, K, R, pc + 5, n)
              if (args === null) {
                this.gas += gas
                return
              }
              for (let i = 0; i < n; i++) size += sizeOfValue(args[i])
            }
            if (!quick || site.persistent) pc = this.sent(m, this.deliver(m, chan, args ?? (n === 1 ? [v] : [v, w]), site), size, gas)
            else if (args === null) pc = this.sendLast(m, R, chan, n, v, w, size, gas, site)
            else pc = this.sendMany(m, chan, args, size, gas, site)
            break turn
          }
          case 21: // RECV site src
          case 22: {
            // RECVK site chanConst
            const site = K[C[pc + 2]] as RecvSite
            this.pcNow = pc
            let chan: Chan | null
            let size: number
            if (C[pc] === 22) {
              const c = K[C[pc + 3]] as { chan: Chan; size: number }
              chan = c.chan
              size = c.size
            } else {
              const i = C[pc + 3]
              const c = i >= 0 ? R[i] : (K[~i] as Term)
              if (c === this.names.lastName) {
                chan = this.names.lastChan as Chan
                size = this.names.lastSize
              } else if (typeof c === 'object' && c instanceof Unforgeable) {
                if (c.owner === null) this.opened(c)
                chan = c
                size = 36
              } else {
                chan = this.channelFor(m, pc, c, 1)
                if (chan === null) {
                  this.gas += gas
                  return
                }
                size = sizeOfValue(c)
              }
            }
            pc = this.receiveLast(m, R, chan, site, gas + size, pc)
            break turn
          }
          case 23: // JOIN site n srcs
          case 24: {
            // SELECT site n srcs
            const site = K[C[pc + 2]] as RecvSite
            const n = C[pc + 3]
            this.pcNow = pc
            const chans = new Array<Chan>(n)
            for (let j = 0; j < n; j++) {
              const i = C[pc + 4 + j]
              const c = i >= 0 ? R[i] : (K[~i] as Term)
              let chan: Chan | null
              if (typeof c === 'object' && c instanceof Unforgeable) {
                if (c.owner === null) this.opened(c)
                chan = c
                gas += 36
              } else {
                chan = this.channelFor(m, pc, c, 1)
                if (chan === null) {
                  this.gas += gas
                  return
                }
                gas += sizeOfValue(c)
              }
              chans[j] = chan
            }
            pc = this.joinLast(m, chans, site, gas, pc)
            break turn
          }
          case 25: {
            // CASE a pattern target
            const i = C[pc + 2]
            let v = i >= 0 ? R[i] : (K[~i] as Term)
            if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
              this.pcNow = pc
              const r = this.evaluate(m, v)
              if (r === null) {
                this.gas += gas
                return
              }
              v = r
              if (i >= 0) R[i] = v
            }
            const p = K[C[pc + 3]] as CasePattern
            this.pcNow = pc
            const verdict = p.tryFill(v, R, this, m)
            if (verdict === 1) pc += 5
            else if (verdict === 0) pc = C[pc + 4]
            else {
              this.gas += gas
              this.fail(
                m,
                pc,
                'RHO603',
                `the match needed more than ${this.limits.matchBudget} steps`,
                'raise --match-budget or make the pattern more specific',
              )
              return
            }
            continue
          }
          case 26: {
            // SPAWN template n slots; ends the machine
            this.gas += gas
            this.pcNow = pc
            const t = K[C[pc + 2]] as Template
            if (t.total > this.limits.children || this.alive + t.total > this.limits.machines) {
              this.overMachines(m, pc, t.total)
              return
            }
            if (!quick || t.inline < 0 || this.endsWatched || (m.account.limited && this.near(m.account, gas))) {
              this.spawnHere(t, m, C, pc + 4)
              this.end(m, State.Done)
              return
            }
            // The code that follows starts the children one by one.
            this.unrolled(m, 0, t.inline)
            gas = 0
            pc += 4 + C[pc + 3]
            continue
          }
          case 59: {
            // TNAME d site and n …: a tuple that is only used as a name
            let name: Term | null = this.nameAt(C, K, R, pc)
            const n = C[pc + 3] & NAME_ITEMS_MAX
            if (name === null) {
              const items = this.operands(m, pc, C, K, R, pc + 4, n)
              if (items === null) {
                this.gas += gas
                return
              }
              name = new Tuple(items)
            }
            R[C[pc + 2]] = name
            pc += 4 + n
            continue
          }
          case 60: // START member n slots
          case 61: {
            // LAST member n slots: the last child goes on in place of its parent
            const member = K[C[pc + 2]] as Member
            const n = C[pc + 3]
            const own = member.linked
            const child = this.childOf(m, member, own)
            const { regs } = child
            for (let j = 0; j < n; j++) regs[j] = R[C[pc + 4 + j]]
            if (C[pc] === 60) {
              pc += 4 + n
              if (!own.leaf) this.enqueue(child)
              else {
                this.aside(child)
                if (this.partOver(m.account, gas)) {
                  this.gas += gas
                  const { parts } = linked
                  this.partDone(m, linked, parts.find(p => p.to === pc) as Part, 0)
                  return
                }
              }
              continue
            }
            pc = this.startLast(m, child, gas, own.leaf)
            break turn
          }
          case 78: {
            // LNAME d site and n …
            const n = C[pc + 3] & NAME_ITEMS_MAX
            let name = this.nameAt(C, K, R, pc)
            if (name === null && this.scratchPlain) name = new Tuple(this.scratch.slice(0, n))
            if (name !== null) {
              R[C[pc + 2]] = name
              pc += 4 + n
              continue
            }
            break
          }
          case 69: // LSEND chan site ops argc …
          case 70: {
            // LSENDK chanConst site ops argc …
            let chan: Chan | null = null
            let size = 0
            if (C[pc] === 70) {
              const c = K[C[pc + 2]] as { chan: Chan; size: number }
              chan = c.chan
              size = c.size
            } else {
              const i = C[pc + 2]
              const c = i >= 0 ? R[i] : (K[~i] as Term)
              if (c === this.names.lastName) {
                chan = this.names.lastChan
                size = this.names.lastSize
              } else if (typeof c === 'object' && c instanceof Unforgeable) {
                if (c.owner === null) this.opened(c)
                chan = c
                size = 36
              }
            }
            const n = C[pc + 5]
            const site = K[C[pc + 3]] as SendSite
            let v: Term = 0
            let w: Term = 0
            let plain = chan !== null && chan.nD < this.queueMax && (chan.kHead === null || (chan.kHead.site as RecvSite).of === 0)
            if (plain) {
              if (n === 1 || n === 2) {
                const i = C[pc + 6]
                v = i >= 0 ? R[i] : (K[~i] as Term)
                if (typeof v === 'number') size += 8
                else if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) plain = false
                else size += sizeOfValue(v)
                if (n === 2) {
                  const j = C[pc + 7]
                  w = j >= 0 ? R[j] : (K[~j] as Term)
                  if (typeof w === 'number') size += 8
                  else if (typeof w === 'object' && (w.flags & EXPOSED) !== 0) plain = false
                  else size += sizeOfValue(w)
                }
              } else
                for (let j = 0; j < n; j++) {
                  const i = C[pc + 6 + j]
                  const x = i >= 0 ? R[i] : (K[~i] as Term)
                  if (typeof x === 'number') size += 8
                  else if (typeof x === 'object' && (x.flags & EXPOSED) !== 0) plain = false
                  else size += sizeOfValue(x)
                }
            }
            if (!plain) break
            const priv = this.nextPriv++
            this.pcNow = pc
            const woken =
              n === 1 || n === 2 ? this.post(m, chan as Chan, n, v, w, site) : this.postMany(m, chan as Chan, n, C, pc + 6, R, K, site)
            this.ops += C[pc + 4]
            gas += 11 + size
            this.bytes += size
            pc += 6 + n
            if (woken !== null) this.enqueue(woken)
            if (this.partOver(m.account, gas)) {
              this.gas += gas
              m.priv = priv
              this.partDone(m, linked, partAt(linked.parts, pc - 1), 0)
              return
            }
            continue
          }
          case 71: // LJLT a b target if false
          case 72: // LJLE
          case 73: // LJGT
          case 74: // LJGE
          case 75: // LJEQ
          case 76: {
            // LJNE
            const i = C[pc + 2]
            const j = C[pc + 3]
            const x = i >= 0 ? R[i] : (K[~i] as Term)
            const y = j >= 0 ? R[j] : (K[~j] as Term)
            const op = C[pc]
            if (typeof x === 'number' && typeof y === 'number' && G[op - 71 + Tag.Lt] === 1) {
              const yes = op === 71 ? x < y : op === 72 ? x <= y : op === 73 ? x > y : op === 74 ? x >= y : op === 75 ? x === y : x !== y
              pc = yes ? pc + 5 : C[pc + 4]
              continue
            }
            break
          }
          case 77: {
            // BECOME: the last child takes the place of its parent, machine and all
            if (this.endsWatched) {
              pc = this.partAlone(m, linked, pc, gas)
              gas = 0
              continue
            }
            m.priv = this.nextPriv++
            pc += 2
            continue
          }
          case 79: {
            // ENTER tier
            const tier = K[C[pc + 2]] as Tier
            let { run } = tier
            if (run === null && quick && tier.left >= 0 && --tier.left < 0) run = tier.run = generate(linked, pc)
            if (run === null || !quick || !this.primitives.plain || (m.account.limited && this.near(m.account, gas))) {
              pc += 3
              continue
            }
            pc = run(this, m, R, gas)
            break turn
          }
          case 57: // LEND ops: a part without a machine ends without a send
            this.ops += C[pc + 2]
            this.nextPriv++
            pc += 3
            if (this.partOver(m.account, gas)) {
              this.gas += gas
              m.priv = this.nextPriv - 1
              this.partDone(m, linked, partAt(linked.parts, pc - 1), 0)
              return
            }
            continue
          case 27: {
            // EVAL a: run a process value
            const i = C[pc + 2]
            const v = i >= 0 ? R[i] : (K[~i] as Term)
            this.pcNow = pc
            const started = this.switchTo(m, pc, v)
            if (!started) {
              this.gas += gas
              return
            }
            linked = m.linked
            C = linked.code
            K = linked.consts
            R = m.regs
            pc = 0
            continue
          }
          case 32: // ADD d a b
          case 33: // SUB
          case 34: // MUL
          case 35: // DIV
          case 36: // MOD
          case 62: // LADD d a b, and so on
          case 63:
          case 64:
          case 65:
          case 66: {
            const i = C[pc + 3]
            const j = C[pc + 4]
            const x = i >= 0 ? R[i] : (K[~i] as Term)
            const y = j >= 0 ? R[j] : (K[~j] as Term)
            const inPart = C[pc] >= FIRST_PART
            const op = inPart ? C[pc] - 62 : C[pc] - 32
            if (typeof x === 'number' && typeof y === 'number' && G[ARITHMETIC[op]] !== 0) {
              const z = computed(op, x, y)
              if (!Number.isNaN(z)) {
                R[C[pc + 2]] = z
                // The price of what is done in a part is charged at its end.
                if (!inPart) {
                  this.ops++
                  gas += op < 2 ? 3 : 9
                }
                pc += 5
                continue
              }
            }
            break
          }
          case 37: // LT d a b
          case 38: // LE
          case 39: // GT
          case 40: {
            // GE
            const i = C[pc + 3]
            const j = C[pc + 4]
            const x = i >= 0 ? R[i] : (K[~i] as Term)
            const y = j >= 0 ? R[j] : (K[~j] as Term)
            const op = C[pc]
            if (typeof x === 'number' && typeof y === 'number' && G[op - 37 + Tag.Lt] !== 0) {
              R[C[pc + 2]] = op === 37 ? x < y : op === 38 ? x <= y : op === 39 ? x > y : x >= y
              this.ops++
              gas += 3
              pc += 5
              continue
            }
            break
          }
          case 41: // EQ d a b
          case 42: {
            // NE
            const i = C[pc + 3]
            const j = C[pc + 4]
            const x = i >= 0 ? R[i] : (K[~i] as Term)
            const y = j >= 0 ? R[j] : (K[~j] as Term)
            const op = C[pc]
            if (typeof x === 'number' && typeof y === 'number' && G[op - 41 + Tag.Eq] !== 0) {
              R[C[pc + 2]] = op === 41 ? x === y : x !== y
              this.ops++
              gas += 8 // min(sz, sz) of two Ints
              pc += 5
              continue
            }
            break
          }
          case 48: // JLT a b target; the compare and JFALSE follow for the slow path
          case 49: // JLE
          case 50: // JGT
          case 51: // JGE
          case 52: // JEQ
          case 53: {
            // JNE
            const i = C[pc + 2]
            const j = C[pc + 3]
            const x = i >= 0 ? R[i] : (K[~i] as Term)
            const y = j >= 0 ? R[j] : (K[~j] as Term)
            const op = C[pc]
            if (typeof x === 'number' && typeof y === 'number' && G[op - 48 + Tag.Lt] === 1) {
              const yes = op === 48 ? x < y : op === 49 ? x <= y : op === 50 ? x > y : op === 51 ? x >= y : op === 52 ? x === y : x !== y
              this.ops++
              gas += C[pc + 5]
              pc = yes ? C[pc + 6] : C[pc + 4]
            } else pc += 7
            continue
          }
          case 54: {
            // NOTE: no case of a match fitted
            const i = C[pc + 2]
            this.gas += gas
            this.note(m, pc, i >= 0 ? R[i] : (K[~i] as Term))
            this.end(m, State.Done)
            return
          }
          case 58: // PROCESS: the turn of a processor
            this.gas += gas
            this.primitives.serve(m.next as Machine)
            m.next = null
            this.end(m, State.Done)
            return
          case 56: {
            // RET a: end of pure code
            const i = C[pc + 2]
            let v = i >= 0 ? R[i] : (K[~i] as Term)
            this.gas += gas
            if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
              const r = this.evaluate(m, v)
              if (r === null) return
              v = r
            }
            R[0] = v
            return
          }
        }
        if (C[pc] >= FIRST_PART) {
          // A part without a machine has met what it cannot do.
          pc = this.partAlone(m, linked, pc, gas - C[pc + 1])
          gas = 0
          if (pc < 0) return
        } else {
          pc = this.rare(m, C, K, R, pc)
          if (pc < 0) {
            this.gas += gas
            return
          }
        }
        continue
      }
      gas = this.runGas
      if (pc < 0) {
        this.gas += gas
        return
      }
      m = this.current as Machine
      R = m.regs
      if (m.linked !== linked) {
        linked = m.linked
        C = linked.code
        K = linked.consts
      }
    }
  }

  /**
   * An instruction in its complete semantics, if `exec` does not carry it out itself.
   * @returns where the machine goes on; −1 if it has stopped
   */
  rare(m: Machine, C: Int32Array, K: readonly unknown[], R: Term[], pc: number): number {
    const op = C[pc]
    switch (op) {
      case 7: // LIST d n …
      case 8: // TUPLE
      case 9: // SET
      case 14: {
        // PAR
        const n = C[pc + 3]
        const items = this.operands(m, pc, C, K, R, pc + 4, n)
        if (items === null) return -1
        if (op === 14 && this.tooWide(items)) {
          this.fail(
            m,
            pc,
            'RHO604',
            `the process would be larger than the limit of ${this.limits.maxValueBytes} bytes`,
            'the limit is maxValueBytes',
          )
          return -1
        }
        R[C[pc + 2]] = op === 7 ? new List(items) : op === 8 ? new Tuple(items) : op === 9 ? makeSet(items) : makePar(items)
        return pc + 4 + n
      }
      case 3: // ANDTHEN d a target
      case 4: {
        // ORELSE d a target
        const i = C[pc + 3]
        const v = this.boolOperand(m, pc, i >= 0 ? R[i] : (K[~i] as Term))
        if (v === undefined) return -1
        R[C[pc + 2]] = v
        return v === (op === 4) ? C[pc + 4] : pc + 5
      }
      case 5: {
        // BOOL d a
        const i = C[pc + 3]
        const v = this.boolOperand(m, pc, i >= 0 ? R[i] : (K[~i] as Term))
        if (v === undefined) return -1
        R[C[pc + 2]] = v
        return pc + 4
      }
      case 10: // LISTR d n … rest
      case 11: {
        // SETR
        const n = C[pc + 3]
        const items = this.operands(m, pc, C, K, R, pc + 4, n + 1)
        if (items === null) return -1
        const rest = forced(items.pop() as Term)
        if (C[pc] === 10 && rest instanceof List) R[C[pc + 2]] = prepended(items, rest)
        else if (C[pc] === 11 && rest instanceof SetTerm)
          R[C[pc + 2]] = withMembers(rest, items) ?? makeSet([...items, ...rest.items], rest.rest)
        else {
          this.fail(
            m,
            pc,
            'RHO503',
            `the value after \`...\` must be a ${C[pc] === 10 ? 'list' : 'set'}, not ${this.primitives.describe(rest)}`,
          )
          return -1
        }
        return pc + 5 + n
      }
      case 12: // MAP d n k v …
      case 13: {
        // MAPR d n k v … rest
        const n = C[pc + 3]
        const withRest = C[pc] === 13 ? 1 : 0
        const items = this.operands(m, pc, C, K, R, pc + 4, 2 * n + withRest)
        if (items === null) return -1
        const keys: Term[] = []
        const values: Term[] = []
        let rest: Rest = null
        if (withRest === 1) {
          const r = forced(items.pop() as Term)
          if (!(r instanceof MapTerm)) {
            this.fail(m, pc, 'RHO503', `the value after \`...\` must be a map, not ${this.primitives.describe(r)}`)
            return -1
          }
          const grown = withEntries(r, items)
          if (grown !== null) {
            R[C[pc + 2]] = grown
            return pc + 5 + 2 * n
          }
          for (let i = 0; i < r.keys.length; i++) {
            keys.push(r.keys[i])
            values.push(r.values[i])
          }
          rest = r.rest
        }
        for (let i = 0; i < n; i++) {
          keys.push(items[2 * i])
          values.push(items[2 * i + 1])
        }
        R[C[pc + 2]] = makeMap(keys, values, rest)
        return pc + 4 + 2 * n + withRest
      }
      case 15: {
        // BUNDLE d rights a
        const i = C[pc + 4]
        R[C[pc + 2]] = makeBundle(C[pc + 3], i >= 0 ? R[i] : (K[~i] as Term))
        return pc + 5
      }
      case 16: {
        // CLOSE d template n slots
        const n = C[pc + 4]
        const captures = new Array<Term>(n)
        for (let j = 0; j < n; j++) {
          const i = C[pc + 5 + j]
          captures[j] = i >= 0 ? R[i] : (K[~i] as Term)
        }
        R[C[pc + 2]] = new Closure(K[C[pc + 3]] as Template, captures)
        return pc + 5 + n
      }
      case 18: // NEWURI d const
        R[C[pc + 2]] = K[C[pc + 3]] as Term
        return pc + 4
      case 28: {
        // METHOD d site a argc …
        const site = K[C[pc + 3]] as MethodSite
        const n = C[pc + 5]
        const args = new Array<Term>(n + 1)
        const i = C[pc + 4]
        args[0] = i >= 0 ? R[i] : (K[~i] as Term)
        for (let j = 0; j < n; j++) {
          const a = C[pc + 6 + j]
          args[j + 1] = a >= 0 ? R[a] : (K[~a] as Term)
        }
        this.pcNow = pc
        const r = this.operate(m, pc, pc + 6 + n, C[pc + 2], Tag.Method, site.name, args)
        if (r === undefined) return -1
        R[C[pc + 2]] = r
        return pc + 6 + n
      }
      case 29: {
        // MATCHES d a pattern
        const i = C[pc + 3]
        let v = i >= 0 ? R[i] : (K[~i] as Term)
        if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
          this.pcNow = pc
          const r = this.evaluate(m, v)
          if (r === null) return -1
          v = r
        }
        const p = K[C[pc + 4]] as CasePattern
        const verdict = p.test(v, R, this)
        if (verdict < 0) {
          this.fail(
            m,
            pc,
            'RHO603',
            `the match needed more than ${this.limits.matchBudget} steps`,
            'raise --match-budget or make the pattern more specific',
          )
          return -1
        }
        R[C[pc + 2]] = verdict === 1
        return pc + 5
      }
      case 30: // NEG d a
      case 31: {
        // NOT d a
        const i = C[pc + 3]
        const v = i >= 0 ? R[i] : (K[~i] as Term)
        const tag = C[pc] === 30 ? Tag.Neg : Tag.Not
        this.pcNow = pc
        const r = this.operate(m, pc, pc + 4, C[pc + 2], tag, '', [v])
        if (r === undefined) return -1
        R[C[pc + 2]] = r
        return pc + 4
      }
      case 55: // FAIL
        this.fail(m, pc, 'RHO699', 'this construct cannot run')
        return -1
      default: {
        // binary operations
        const i = C[pc + 3]
        const j = C[pc + 4]
        const x = i >= 0 ? R[i] : (K[~i] as Term)
        const y = j >= 0 ? R[j] : (K[~j] as Term)
        this.pcNow = pc
        const tag = BINARY[op - 32]
        if (tag === undefined) throw new Error(`unknown register instruction ${op} at ${pc}`)
        const r = this.operate(m, pc, pc + 5, C[pc + 2], tag, '', [x, y])
        if (r === undefined) return -1
        R[C[pc + 2]] = r
        return pc + 5
      }
    }
  }

  /** The list or tuple that the instruction at `pc` makes, if its items need no evaluation and have no variables. */
  private collected(C: Int32Array, K: readonly unknown[], R: readonly Term[], pc: number): Term | null {
    const n = C[pc + 3]
    const items = new Array<Term>(n)
    for (let j = 0; j < n; j++) {
      const i = C[pc + 4 + j]
      items[j] = i >= 0 ? R[i] : (K[~i] as Term)
    }
    const op = C[pc]
    return this.gathered(items, op === 7 || op === 68)
  }

  /** The same for items at hand. */
  gathered(items: readonly Term[], list: boolean): Term | null {
    let flags = 0
    let size = 4
    let sized = true
    for (let j = 0; j < items.length; j++) {
      const v = items[j]
      if (typeof v === 'number') size += 8
      else if (typeof v !== 'object') size += sizeOfValue(v)
      else {
        flags |= v.flags
        if ((v.flags & EXPOSED) !== 0 || v.free > 0) return null
        const known = (v as Compound | Unforgeable).size
        if (known >= 0) size += known
        else sized = false
      }
    }
    const made = list ? new List(items) : new Tuple(items, flags)
    if (sized) made.size = size
    return made
  }

  /** The tuple that the instruction at `pc` would make, if it is the name of a channel. */
  nameAt(C: Int32Array, K: readonly unknown[], R: readonly Term[], pc: number): Tuple | null {
    const n = C[pc + 3] & NAME_ITEMS_MAX
    const site = K[C[pc + 3] >> NAME_ITEMS_BITS] as NameSite
    const sole = site.item >= 0 ? R[C[pc + 4 + site.item]] : null
    if (typeof sole === 'number') {
      const name = this.names.kept(site, sole)
      if (name !== null) return name
    }
    const { scratch } = this
    this.scratchPlain = true
    for (let j = 0; j < n; j++) {
      const i = C[pc + 4 + j]
      const v = i >= 0 ? R[i] : (K[~i] as Term)
      scratch[j] = v
      if (typeof v === 'object' && !(v instanceof Unforgeable)) this.scratchPlain = false
    }
    if (!this.scratchPlain) return null
    const name = this.names.tuple(scratch, n)
    if (name !== null && typeof sole === 'number') site.keep(sole, name, this.names.lastChan as Chan)
    return name
  }

  private boolOperand(m: Machine, pc: number, v: Term): boolean | undefined {
    if (typeof v === 'boolean') return v
    this.pcNow = pc
    let t: Term | null = v
    if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
      t = this.evaluate(m, v)
      if (t === null) return undefined
    }
    const r = this.primitives.bool(t)
    if (r instanceof Fault) {
      this.failFault(m, pc, r)
      return undefined
    }
    return r
  }

  /** Values of `n` operands from word `at`, evaluated; null after a fault. */
  private operands(m: Machine, pc: number, C: Int32Array, K: readonly unknown[], R: Term[], at: number, n: number): Term[] | null {
    const out = new Array<Term>(n)
    for (let j = 0; j < n; j++) {
      const i = C[at + j]
      let v = i >= 0 ? R[i] : (K[~i] as Term)
      if (typeof v === 'object' && (v.flags & EXPOSED) !== 0) {
        this.pcNow = pc
        const r = this.evaluate(m, v)
        if (r === null) return null
        v = r
      }
      out[j] = v
    }
    return out
  }

  /** Before `n` children are started: true if a limit forbids it, and the machine has ended. */
  private overMachines(m: Machine, pc: number, n: number): void {
    const { children, machines } = this.limits
    if (n > children) {
      this.fail(m, pc, 'RHO604', `a machine starts ${n} children (limit max-children is ${children})`, 'raise --max-children')
      return
    }
    this.overLimit(m.account, m, 'RHO604', `the program has more than ${machines} machines (limit max-machines)`, 'raise --max-machines')
    this.end(m, State.Killed)
  }

  /** EVAL: one component, the machine goes on as it; more, they are spawned and the machine ends. False: the machine has stopped. */
  private switchTo(m: Machine, pc: number, v: Term): boolean {
    let t: Template
    let captures: readonly Term[]
    let value = v
    while (typeof value === 'object' && value.tag === Tag.Bundle) value = (value as Bundle).body
    if (value instanceof Closure && value.template instanceof Template) {
      t = value.template
      captures = value.captures
    } else {
      const f = forced(value)
      if (typeof f !== 'object' || f.tag <= Tag.Zipper) {
        this.end(m, State.Done)
        return false
      }
      t = this.linker.template(f)
      captures = NONE
    }
    if (t.total === 1) {
      const member = t.members[0]
      const linked = member.linked
      if (linked.inert) {
        this.end(m, State.Done)
        return false
      }
      const regs = new Array<Term>(linked.registers)
      for (let j = 0; j < member.captures; j++) regs[j] = captures[j]
      m.linked = linked
      m.regs = regs
      m.pc = 0
      m.settle()
      return true
    }
    if (t.total > this.limits.children || this.alive + t.total > this.limits.machines) {
      this.overMachines(m, pc, t.total)
      return false
    }
    this.spawn(t, captures, m.account, m.origin, m.level)
    this.end(m, State.Done)
    return false
  }

  private note(m: Machine, pc: number, value: Term): void {
    if (this.notes.length >= NOTES_MAX) {
      this.notesMore++
      return
    }
    const span = m.linked.spanAt(pc)
    this.notes.push({ start: span.start, end: span.end, text: `no case fits ${shown([value])}` })
  }

  /** A reply channel for a primitive in flight: `m` waits on it. */
  awaitReply(m: Machine, reply: Unforgeable): void {
    m.site = REPLY_SITE
    m.chan = this.chanOf(reply)
    this.kernel.consume(m)
  }

  /** The processor that took the request of `m` gets a turn of its own. */
  queueProcessor(m: Machine): void {
    this.enqueue(this.processorOf(m))
  }

  processorOf(m: Machine): Machine {
    const p = new Machine(this.linker.processor, [], -m.priv, m.account, NO_SITE, m.origin, m.level)
    p.next = m
    this.alive++
    return p
  }

  /** The machine that a fault outside a slice belongs to is unknown; used by native receives to fail the sender. */
  failSender(sender: Machine | null, origin: unknown, code: Code, message: string, hint: string): void {
    const site = origin as SendSite | null
    if (sender !== null && sender.status === State.Running && sender.priv !== 0) {
      const span = site === null ? { start: -1, end: -1 } : site.span
      this.report(sender, {
        code,
        message,
        hint,
        start: span.start,
        end: span.end,
        machine: 'm:' + sender.priv,
        startedBy: startedBy(sender),
        limit: false,
      })
      this.doomed = sender
      this.doom = State.Faulted
      return
    }
    const span = site === null ? { start: -1, end: -1 } : site.span
    this.report(sender, {
      code,
      message,
      hint,
      start: span.start,
      end: span.end,
      machine: sender === null ? 'm:0' : 'm:' + sender.priv,
      startedBy: -1,
      limit: false,
    })
  }
  /** The running machine, if it has to end with its send, and how. */
  doomed: Machine | null = null
  private doom: number = State.Faulted
}

/** The part whose code the instruction at `pc` belongs to. */
/** More gas than a slice usually takes. */
const NEAR = 20_000

function partAt(parts: readonly Part[], pc: number): Part {
  let i = 0
  while (parts[i].to <= pc && (!parts[i].last || parts[i].to < pc)) i++
  return parts[i]
}

/** Estimated bytes of what a record holds. */
function valuesSize(values: readonly (Term | undefined)[]): number {
  let size = 64
  for (const v of values) if (v !== undefined) size += sizeOfValue(v)
  return size
}

/** Who holds how much in the space; kept only where a limit asks for it. */
class Ledger {
  private readonly entries = new Map<object, { readonly account: Account; readonly bytes: number }>()
  private readonly limit: number
  private readonly exceeded: (account: Account, message: string) => void
  constructor(limit: number, exceeded: (account: Account, message: string) => void) {
    this.limit = limit
    this.exceeded = exceeded
  }
  add(record: object, account: Account, bytes: number): void {
    this.drop(record)
    this.entries.set(record, { account, bytes })
    account.memory += bytes
    if (account.memory > this.limit) this.exceeded(account, `the program holds more than ${this.limit} bytes (limit max-memory)`)
  }
  drop(record: object): void {
    const e = this.entries.get(record)
    if (e === undefined) return
    this.entries.delete(record)
    e.account.memory -= e.bytes
  }
}

const NO_PLACE = { start: -1, end: -1 }

/** A machine that waits, as it was. Meters go on: what was undone was work all the same. */
class Kept {
  private readonly linked: Linked
  private readonly pc: number
  private readonly regs: readonly Term[]
  private readonly status: number
  private readonly dest: number
  private readonly level: number
  private readonly paused: number
  private readonly account: Account
  constructor(m: Machine) {
    this.linked = m.linked
    this.pc = m.pc
    this.regs = m.regs.slice()
    this.status = m.status
    this.dest = m.dest
    this.level = m.level
    this.paused = m.paused
    this.account = m.account
  }
  into(m: Machine): void {
    m.linked = this.linked
    m.pc = this.pc
    m.regs = this.regs.slice()
    m.status = this.status
    m.dest = this.dest
    m.level = this.level
    m.paused = this.paused
    m.account = this.account
  }
}

const NONE: readonly Term[] = []
/** Register instructions from here on belong to parts without a machine (but for START, LAST and ENTER, which always succeed). */
const FIRST_PART = 60

/** Tags of ADD, SUB, MUL, DIV and MOD. */
const ARITHMETIC: readonly number[] = [Tag.Add, Tag.Sub, Tag.Mul, Tag.Div, Tag.Mod]

/** What one of them gives for two Ints, where that is simple; otherwise NaN: too large, −0, a fault, or what the host divides otherwise. */
function computed(op: number, x: number, y: number): number {
  let z: number
  switch (op) {
    case 0:
      z = x + y
      break
    case 1:
      z = x - y
      break
    case 2:
      z = x * y
      if (z === 0 && (x < 0 || y < 0)) return Number.NaN
      break
    case 3:
      return (x | 0) === x && (y | 0) === y && x >= 0 && y > 0 ? (x / y) | 0 : Number.NaN
    default:
      if (x < 0 || y <= 0) return Number.NaN
      return (x | 0) === x && (y | 0) === y ? (x | 0) % (y | 0) : x % y
  }
  return z <= SAFE && z >= -SAFE ? z : Number.NaN
}
/** What the instructions from 32 on mean. */
const BINARY = [
  Tag.Add,
  Tag.Sub,
  Tag.Mul,
  Tag.Div,
  Tag.Mod,
  Tag.Lt,
  Tag.Le,
  Tag.Gt,
  Tag.Ge,
  Tag.Eq,
  Tag.Ne,
  Tag.Concat,
  Tag.Diff,
  Tag.Interp,
  Tag.And,
  Tag.Or,
]

export function firstAccount(gasLimit: number): Account {
  return new Account(1, 'p:1', 1, gasLimit)
}
