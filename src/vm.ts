import { EventEmitter } from 'node:events'
import type { StoredDurability } from '../rspace/store/index.ts'
import type { Diagnostic } from './base/diagnostic.ts'
import { ProcessHost } from './cli/host.ts'
import { nameOf } from './cli/names.ts'
import { openSpace } from './host/space.ts'
import { type Durable, openDurable } from './machine/durable.ts'
import type { Host } from './machine/host.ts'
import type { Outgoing } from './machine/keeper.ts'
import type { Account } from './machine/machine.ts'
import { Native } from './machine/native.ts'
import type { Failure, Status } from './machine/outcome.ts'
import { Session, type SessionOptions } from './machine/session.ts'
import { nativeOnceSite } from './machine/site.ts'
import type { Term } from './normal/term.ts'
import { fromJs, toJs, type Value } from './values.ts'

export interface VmOptions extends Omit<SessionOptions, 'host' | 'keeper'> {
  /** Directory that everything is kept in. Without it the machine lives in memory. */
  readonly space?: string
  /** What the space survives: `process` (default) the end of the process, `power` also a power cut. */
  readonly durability?: StoredDurability
  /** Make the space if there is none. Default true. */
  readonly create?: boolean
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
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

/**
 * Open a virtual machine: in memory, or in a directory, where it continues everything that the space holds. It runs by itself whenever there is something to do.
 * @throws RhizomeError whatever speaks against opening the space
 */
export async function openVm(options: VmOptions = {}): Promise<Vm> {
  const { space, durability, create, host, ...rest } = options
  const events = new EventEmitter<VmEvents>()
  let n = 0
  const outside = host ?? new ProcessHost({ out: () => {}, log: () => {} })
  if (space === undefined) {
    const talking: Host = {
      ...bound(outside),
      out: (stream, text, raw) => events.emit('output', { n: ++n, stream, text, raw }),
    }
    const session = new Session({ ...rest, host: talking })
    session.shard.onFailure = failure => events.emit('failure', failure)
    return new Vm(session, null, events)
  }
  const rows = await openSpace(space, { durability, create: create !== false })
  const tell = (o: Outgoing): void => {
    if (o.kind === 'out') events.emit('output', { n: o.n, stream: o.stream, text: o.text, raw: o.raw })
    else if (o.kind === 'log') outside.log(o.level, o.text)
    else events.emit('failure', o.failure)
  }
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
    return new Vm(durable.session, durable, events)
  } catch (e) {
    await rows.close().catch(() => undefined) // what went wrong first is what is told
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

/** See `openVm`. */
export class Vm {
  readonly session: Session
  private readonly durable: Durable | null
  private readonly events: EventEmitter<VmEvents>
  private running: Promise<Status> | null = null
  private again = false
  private closed: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null

  constructor(session: Session, durable: Durable | null, events: EventEmitter<VmEvents>) {
    this.session = session
    this.durable = durable
    this.events = events
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
   * @param source text, or UTF-8 bytes
   */
  async deploy(source: string | Uint8Array, o: { readonly name?: string } = {}): Promise<Deployed> {
    this.check()
    const { program, diagnostics } = this.session.compile(o.name ?? 'program.rho', source)
    if (program === undefined) return { ok: false, diagnostics }
    const account = this.session.deploy(program)
    await this.safe()
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

  /** @internal Resolves when what was done so far is safe. */
  async safe(): Promise<void> {
    if (this.durable === null) return
    // A handler may call from the midst of a slice; state is only saved between slices.
    await new Promise<void>(resolve => setImmediate(resolve))
    try {
      await this.durable.flush()
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

  private async run(): Promise<Status> {
    try {
      for (;;) {
        await new Promise<void>(resolve => setImmediate(resolve))
        this.again = false
        const status = await this.session.settle()
        if (this.again && this.closed === null && status !== 'limit' && status !== 'fault') continue
        if (status === 'rest') this.events.emit('rest')
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
    this.events.emit('failed', error)
  }

  private async end(): Promise<void> {
    this.session.stop()
    try {
      while (this.running !== null) await this.running
    } catch {
      // Told by the `failed` event; the rows are still to be let go of.
    }
    await this.durable?.close({ reported: true })
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
    vm.session.shard.send(this.name, values.map(fromJs), vm.account)
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
      const onAbort = (): void => {
        if (kernel.withdraw(native)) reject(signal?.reason)
      }
      const take = (args: readonly Term[]): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve(args.map(toJs))
      }
      const arity = o.arity ?? 1
      const native = new Native('host', arity, vm.session.shard.chanOf(this.name), take)
      native.site = nativeOnceSite(arity)
      signal?.addEventListener('abort', onAbort, { once: true })
      if (kernel.consume(native)) take(kernel.results[0])
      vm.kick()
    })
  }

  /** Take every message of `arity` values from now on, in this process. The result ends it. */
  listen(arity: number, take: (...values: unknown[]) => void): () => void {
    const { vm } = this
    vm.check()
    const { kernel } = vm.session.shard
    const native = new Native('host', arity, vm.session.shard.chanOf(this.name), args => take(...args.map(toJs)))
    if (kernel.consume(native)) native.run(kernel.results[0], null, null)
    vm.kick()
    return () => {
      kernel.withdraw(native)
    }
  }

  /** Call a contract: sends the values with a fresh name behind them and takes the one message that is sent there. */
  async call(...values: Value[]): Promise<unknown> {
    const { vm } = this
    vm.check()
    const reply = vm.session.shard.fresh()
    const answer = new Channel(vm, reply).consume()
    vm.session.shard.send(this.name, [...values.map(fromJs), reply], vm.account)
    vm.kick()
    return (await answer)[0]
  }

  /** The messages that are there, oldest first, as canonical texts. Takes nothing. */
  messages(): string[][] {
    return this.vm.session.observe(this.name)
  }
}
