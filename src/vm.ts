import { EventEmitter } from 'node:events'
import type { ImageError } from '../bytecode/verify.ts'
import type { StoredDurability } from '../rspace/store/index.ts'
import type { Diagnostic } from './base/diagnostic.ts'
import { nameOf } from './cli/names.ts'
import { ProcessHost } from './host/hosts.ts'
import { loadOperations, moduleUrl } from './host/operations.ts'
import { openSpace } from './host/space.ts'
import { type Durable, openDurable } from './machine/durable.ts'
import type { Host } from './machine/host.ts'
import type { Outgoing } from './machine/keeper.ts'
import type { Account } from './machine/machine.ts'
import { Native } from './machine/native.ts'
import { type MachineView, Operator, type Verb } from './machine/operator.ts'
import type { Failure, Status } from './machine/outcome.ts'
import { collectNames } from './machine/reach.ts'
import { type ImageNeed, Session, type SessionOptions } from './machine/session.ts'
import { nativeOnceSite } from './machine/site.ts'
import type { Term, Unforgeable } from './normal/term.ts'
import type { Pool } from './pool/pool.ts'
import { fromJs, toJs, type Value } from './values.ts'

export interface VmOptions extends Omit<SessionOptions, 'host' | 'keeper'> {
  /** Directory that everything is kept in. Without it the machine lives in memory. */
  readonly space?: string
  /** What the space survives: `process` (default) the end of the process, `power` also a power cut. */
  readonly durability?: StoredDurability
  /** Make the space if there is none. Default true. */
  readonly create?: boolean
  /** Path of a Unix domain socket through which operators may look at the machines and steer them (`rho ps --control`, `rho deploy --control`). */
  readonly control?: string
  /**
   * How many workers run it, each on a core of its own (see docs/workers.md); `auto`: some once there is work for them. Default 0: this thread only. A worker
   * that ends ends the machine, with an error of code WORKER_LOST; with `space` it can be opened again and goes on from its last commit.
   */
  readonly workers?: number | 'auto'
  /** Modules (paths or file URLs) whose exported functions serve the operations of their names, here and in every worker; each is a `Handler`. */
  readonly operations?: readonly (string | URL)[]
  /** The world outside; default: standard input and real time. What programs print comes as `output` events in any case. */
  readonly host?: Host
}

/** One output of a program. `n` counts from 1 for the whole life of a space; after a crash an output may come again with the same number. */
export interface VmOutput {
  readonly n: number
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  /** Text as it is; otherwise a line without its break. */
  readonly raw: boolean
}

/** What a listener throws is an uncaught exception of the process; the machine goes on. */
export interface VmEvents {
  output: [VmOutput]
  failure: [Failure]
  /** Everything came to rest. */
  rest: []
  /** Storage failed: nothing runs any more. Also what `idle` and all later calls reject with. */
  failed: [unknown]
}

export type Deployed =
  | { readonly ok: true /** Number of the program's account. */; readonly account: number; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly ok: false
      readonly diagnostics: readonly Diagnostic[]
      /** Of an image: what is wrong with it, or what it needs and does not get here. */
      readonly refused?: ImageError | ImageNeed
    }

/**
 * Open a virtual machine: in memory, or in a directory, where it continues everything that the space holds. It runs by itself whenever there is something to do.
 * @throws RhizomeError whatever speaks against opening the space
 * @throws Error if a module of `operations` cannot be loaded
 * @throws RangeError for a number of workers that cannot be
 */
export async function openVm(options: VmOptions = {}): Promise<Vm> {
  const { space, durability, create, host, control, workers = 0, operations = [], ...rest } = options
  checkWorkers(workers, rest)
  const modules = operations.map(moduleUrl)
  const served = await loadOperations(modules)
  const events = new EventEmitter<VmEvents>()
  let n = 0
  const outside = host ?? new ProcessHost({ out: () => {}, log: () => {} })
  if (space === undefined) {
    const talking: Host = {
      ...bound(outside),
      out: (stream, text, raw) => apart(() => events.emit('output', { n: ++n, stream, text, raw })),
    }
    const session = new Session({ ...rest, host: talking })
    session.shard.onFailure = failure => apart(() => events.emit('failure', failure))
    for (const [name, by] of served) session.primitives.register(name, by)
    return attended(new Vm(session, null, events, await poolOf(session, workers, modules)), control)
  }
  const rows = await openSpace(space, { durability, create: create !== false })
  const tell = (o: Outgoing): void =>
    apart(() => {
      if (o.kind === 'out') events.emit('output', { n: o.n, stream: o.stream, text: o.text, raw: o.raw })
      else if (o.kind === 'log') outside.log(o.level, o.text)
      else events.emit('failure', o.failure)
    })
  // What had not left when the last process ended is told a turn later: whoever opens the machine hears it too.
  let early: Outgoing[] | null = []
  try {
    const durable = await openDurable({ ...rest, host: outside }, rows, {
      now: () => performance.now(),
      outlet: {
        leave(o) {
          if (early === null) tell(o)
          else early.push(o)
        },
        flush: () => early === null,
      },
    })
    setImmediate(() => {
      const list = early ?? []
      early = null
      list.forEach(tell)
    })
    const { session } = durable
    for (const [name, by] of served) session.primitives.register(name, by)
    return await attended(new Vm(session, durable, events, await poolOf(session, workers, modules)), control)
  } catch (e) {
    await rows.close().catch(() => undefined) // what went wrong first is what is told
    throw e
  }
}

/** Calls the host's own code. What it throws must not go through a machine in the midst of a slice: it becomes an exception that nobody has caught. */
function apart(run: () => void): void {
  try {
    run()
  } catch (e) {
    queueMicrotask(() => {
      throw e
    })
  }
}

/** @throws RangeError */
function checkWorkers(workers: number | 'auto', o: Pick<SessionOptions, 'trace' | 'onError'>): void {
  if (workers === 0) return
  if (workers !== 'auto' && (!Number.isInteger(workers) || workers < 0 || workers > WORKERS_MAX))
    throw new RangeError(`workers are 0 to ${WORKERS_MAX} or auto`)
  if (o.trace !== undefined || o.onError === 'rollback')
    throw new RangeError('a trace and programs that may be undone need one shard: leave `workers` out')
}
const WORKERS_MAX = 63

/** Null: everything stays on this thread. What may be undone runs alone; it may lie in a space. */
async function poolOf(session: Session, workers: number | 'auto', modules: readonly string[]): Promise<Pool | null> {
  if (workers === 0 || session.atomicPending) return null
  return new (await import('./pool/pool.ts')).Pool(session, { workers, modules })
}

async function attended(vm: Vm, path: string | undefined): Promise<Vm> {
  if (path === undefined) return vm
  try {
    await vm.letOperatorsIn(path)
    return vm
  } catch (e) {
    await vm.close()
    throw e
  }
}

function bound(h: Host): Host {
  return {
    out: (...args) => h.out(...args),
    log: (...args) => h.log(...args),
    readLine: answer => h.readLine(answer),
    now: () => h.now(),
    after: (ms, callback) => h.after(ms, callback),
    openRoot: h.openRoot === undefined ? undefined : (...args) => h.openRoot?.(...args) as ReturnType<NonNullable<Host['openRoot']>>,
  }
}

/** Slices after which everybody else in the process has a turn. */
const TURN = 50_000

/** See `openVm`. */
export class Vm {
  readonly session: Session
  private readonly durable: Durable | null
  private readonly events: EventEmitter<VmEvents>
  private readonly pool: Pool | null
  private running: Promise<Status> | null = null
  private again = false
  private closed: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null
  private operators: { close(): Promise<void> } | null = null
  /** Names that were handed to the host; those that nothing holds any more fall out. */
  private handed: WeakRef<Unforgeable>[] = []
  private readonly known = new WeakSet<Unforgeable>()
  private pruneAt = 1024

  constructor(session: Session, durable: Durable | null, events: EventEmitter<VmEvents>, pool: Pool | null = null) {
    this.session = session
    this.durable = durable
    this.events = events
    this.pool = pool
    this.kick()
  }

  /** Nothing has ever been deployed here: the time to install what the space is for. */
  get fresh(): boolean {
    return this.session.kept.accounts.length === 0
  }

  on<K extends keyof VmEvents>(event: K, listener: (...args: VmEvents[K]) => void): this {
    this.events.on(event, listener as never)
    return this
  }

  off<K extends keyof VmEvents>(event: K, listener: (...args: VmEvents[K]) => void): this {
    this.events.off(event, listener as never)
    return this
  }

  /**
   * Check and start a program. With a space it resolves when the program is safe: from then on it runs to its end, whatever happens to this process.
   * @param source text, UTF-8 bytes, or the words of an image, which are verified
   * @param o.atomic any failure undoes all that the program did; it runs alone, when everything else is at rest. Default: whether `onError` is `rollback`
   */
  async deploy(
    source: string | Uint8Array | Uint32Array,
    o: { readonly name?: string; readonly atomic?: boolean } = {},
  ): Promise<Deployed> {
    this.check()
    if (o.atomic === true && this.pool !== null) throw new RangeError('programs that may be undone need one shard: leave `workers` out')
    if (source instanceof Uint32Array) {
      const made = this.session.deployImage(source, o.name, o.atomic)
      if (typeof made !== 'number') return { ok: false, diagnostics: [], refused: made }
      await this.safe(made)
      this.kick()
      return { ok: true, account: made, diagnostics: [] }
    }
    const { program, diagnostics } = this.session.compile(o.name ?? 'program.rho', source)
    if (program === undefined) return { ok: false, diagnostics }
    const account = this.session.deploy(program, o.atomic)
    await this.safe(account)
    this.kick()
    return { ok: true, account, diagnostics }
  }

  /** A channel to send on and receive from. @param name text of a public name, such as `@"orders"`, or a name as a term */
  channel(name: string | Term): Channel {
    return new Channel(this, typeof name === 'string' ? nameOf(name, 'the channel') : name)
  }

  /** Resolves when nothing is left to do at once and no timer and no answer is awaited. Everything is safe then. */
  async idle(): Promise<Status> {
    this.check()
    this.kick()
    let status: Status = 'rest'
    while (this.running !== null) status = await this.running
    this.check()
    return status
  }

  /**
   * Look for machines and messages that no public name, no machine that can run and no name in the hands of the host can reach any more. Names that this process
   * got from the space count as held for its life. Nothing is found while a program runs that may be undone.
   * @param o.remove take them out of the space; resolves when that is safe
   * @returns how many there are
   */
  collect(o: { readonly remove: true }): Promise<{ machines: number; messages: number }>
  collect(o?: { readonly remove?: false }): { machines: number; messages: number }
  collect(o: { readonly remove?: boolean } = {}): { machines: number; messages: number } | Promise<{ machines: number; messages: number }> {
    this.whole()
    const held = this.held()
    const { machines, data } = o.remove === true ? this.session.collect(held) : this.session.garbage(held)
    const found = { machines: machines.length, messages: data.length }
    return o.remove === true ? this.safe().then(() => found) : found
  }

  /** The machines that are alive, oldest first. Their labels mean something to this object only. With workers: only at rest, see `idle`. */
  machines(): MachineView[] {
    this.whole()
    return new Operator(this.session).machines()
  }

  /**
   * Pause, resume, kill or renice (levels 0 to 3) the machine or the program that a label names. With a space it resolves when that is safe.
   * @returns how many machines it concerned, or why it cannot be done
   */
  async act(verb: Verb, label: string, level = 0): Promise<number | string> {
    this.check()
    const done = await this.together(() => new Operator(this.session).act(verb, label, level))
    this.kick()
    await this.safe()
    return done
  }

  /** @internal What the host has of the space. */
  held(): Unforgeable[] {
    this.prune()
    return this.handed.flatMap(r => r.deref() ?? [])
  }

  /** @internal Values go to the host. */
  hand(values: readonly Term[]): unknown[] {
    for (const v of values) {
      if (typeof v !== 'object') continue
      for (const name of collectNames(v)) {
        if (this.known.has(name)) continue
        this.known.add(name)
        if (this.handed.push(new WeakRef(name)) >= this.pruneAt) this.prune()
      }
    }
    return values.map(toJs)
  }

  private prune(): void {
    this.handed = this.handed.filter(r => r.deref() !== undefined)
    this.pruneAt = Math.max(1024, 2 * this.handed.length)
  }

  /** @internal See `VmOptions.control`. */
  async letOperatorsIn(path: string): Promise<void> {
    const { ControlServer } = await import('./host/control.ts')
    const { operatorOf } = await import('./cli/operate.ts')
    const serve = operatorOf(
      this.session,
      this.durable ?? undefined,
      () => this.held(),
      what => this.together(what),
    )
    this.operators = await ControlServer.open(path, (request, answer) => {
      const answered = request.op === 'deploy' ? serve(request, answer) : this.together(() => serve(request, answer))
      this.kick()
      return answered
    })
  }

  /** Stop after the running slice, save everything, let go of the space. Waiting receives of this process are given up. */
  close(): Promise<void> {
    this.closed ??= this.end()
    return this.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal For `Channel`. */
  get account(): Account {
    return this.session.hostAccount
  }

  /** @internal Something was given to the session. */
  kick(): void {
    if (this.closed !== null) return
    this.again = true
    if (this.running === null) {
      this.running = this.run().finally(() => {
        this.running = null
      })
      this.running.catch(() => {}) // `idle` and later calls tell it
    } else this.session.shard.wake?.()
  }

  /** @internal Resolves when what was done so far is safe, or this program. */
  async safe(account?: number): Promise<void> {
    if (this.durable === null) return
    // A handler may call from the midst of a slice; state is only saved between slices.
    await new Promise<void>(resolve => setImmediate(resolve))
    const { durable } = this
    try {
      await this.together(() => (account === undefined ? durable.safe() : durable.kept(account)))
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /** @internal */
  check(): void {
    if (this.failure !== null) throw this.failure.error
    if (this.closed !== null) throw new Error('the machine has been closed')
  }

  /** @internal Does something while nothing runs in other shards. */
  async together<T>(what: () => T | Promise<T>): Promise<T> {
    return this.pool === null ? what() : this.pool.together(what)
  }

  /** @internal @throws Error if a part of the machine runs elsewhere */
  whole(): void {
    this.check()
    if (this.pool?.resting === false) throw new Error('with workers this can be asked at rest only: await `idle` first')
  }

  /** @internal Calls back between slices, once messages for a name come to this thread. */
  claim(name: Term, then: () => void): void {
    this.session.whenFree(() => {
      const chan = this.session.shard.chanOf(name)
      if (this.pool === null) then()
      else this.pool.claim(chan, then)
    })
  }

  private async run(): Promise<Status> {
    try {
      for (;;) {
        await new Promise<void>(resolve => setImmediate(resolve))
        this.again = false
        const status = await this.session.settle({ stepsMax: TURN })
        if (status === 'budget' || (this.again && this.closed === null && status !== 'limit' && status !== 'fault')) continue
        if (status === 'rest') apart(() => this.events.emit('rest'))
        return status
      }
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  private fail(error: unknown): void {
    if (this.failure !== null) return
    this.failure = { error }
    apart(() => this.events.emit('failed', error))
  }

  private async end(): Promise<void> {
    this.session.stop()
    try {
      while (this.running !== null) await this.running
    } catch {
      // Told by the `failed` event; the rows are still to be let go of.
    }
    await this.operators?.close()
    try {
      await this.pool?.gather()
    } catch (error) {
      // What the workers held is gone: only the last commit is a state of the whole.
      this.fail(error)
      await this.durable?.abandon()
      await this.pool?.close()
      return
    }
    await this.durable?.close({ reported: true })
    await this.pool?.close()
  }
}

/** One channel, seen from the host. */
export class Channel {
  readonly name: Term
  private readonly vm: Vm
  constructor(vm: Vm, name: Term) {
    this.vm = vm
    this.name = name
  }

  /** Send one message; it is delivered in the next turn. With a space it resolves when the message, and whatever has come of it by then, is safe. */
  async produce(...values: Value[]): Promise<void> {
    const { vm } = this
    vm.check()
    const terms = values.map(fromJs)
    vm.session.whenFree(() => vm.session.shard.send(this.name, terms, vm.account))
    vm.kick()
    await vm.safe()
  }

  /**
   * Take one message of `arity` values: an ordinary linear receive.
   * @throws the reason of the signal if it aborts the wait; then nothing was taken
   */
  consume(o: { readonly arity?: number; readonly signal?: AbortSignal } = {}): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const { vm } = this
      vm.check()
      const { signal } = o
      signal?.throwIfAborted()
      const { kernel } = vm.session.shard
      let given = false
      const onAbort = (): void => {
        if (kernel.withdraw(native) || !given) reject(signal?.reason)
        given = true
      }
      const take = (args: readonly Term[]): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve(vm.hand(args))
      }
      const arity = o.arity ?? 1
      const native = new Native('host', arity, vm.session.shard.chanOf(this.name), take)
      native.site = nativeOnceSite(arity)
      signal?.addEventListener('abort', onAbort, { once: true })
      vm.claim(this.name, () => {
        if (given) return
        given = true
        if (kernel.consume(native)) take(kernel.results[0])
      })
      vm.kick()
    })
  }

  /** Take every message of `arity` values from now on, in this process. What `take` throws is an uncaught exception of the process. The result ends it. */
  listen(arity: number, take: (...values: unknown[]) => void): () => void {
    const { vm } = this
    vm.check()
    const { kernel } = vm.session.shard
    const native = new Native('host', arity, vm.session.shard.chanOf(this.name), args => {
      const values = vm.hand(args)
      apart(() => take(...values))
    })
    let ended = false
    vm.claim(this.name, () => {
      if (!ended && kernel.consume(native)) native.run(kernel.results[0], null, null)
    })
    vm.kick()
    return () => {
      ended = true
      kernel.withdraw(native)
    }
  }

  /** Call a contract: sends the values with a fresh name behind them and takes the one message that is sent there. */
  async call(...values: Value[]): Promise<unknown> {
    const { vm } = this
    vm.check()
    const reply = vm.session.shard.fresh()
    const answer = new Channel(vm, reply).consume()
    const terms = [...values.map(fromJs), reply]
    vm.session.whenFree(() => vm.session.shard.send(this.name, terms, vm.account))
    vm.kick()
    return (await answer)[0]
  }

  /** The messages that are there, oldest first, as canonical texts. Takes nothing. With workers: only at rest, see `Vm.idle`. */
  messages(): string[][] {
    this.vm.whole()
    return this.vm.session.observe(this.name)
  }
}
