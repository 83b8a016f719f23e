import type { ImageError } from '../../bytecode/verify.ts'
import type { Order } from '../../rspace/kernel.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { type SourceFile, sources } from '../base/source.ts'
import { verifyCanonical } from '../compile/canonical.ts'
import { decodeOpen } from '../compile/decode.ts'
import { compileSource } from '../compile/source.ts'
import { needsOf } from '../normal/parts.ts'
import { reportName, reportText } from '../normal/print.ts'
import { Bundle, Flag, flagsOf, forced, type Term, Unforgeable } from '../normal/term.ts'
import { type Grant, type UriProblem, UriTable } from '../normal/uris.ts'
import { addSource } from '../syntax/decode.ts'
import { VirtualClock } from './clock.ts'
import { Control } from './control.ts'
import { FileRefusal, type FileRoot } from './files.ts'
import { freezeSent } from './freeze.ts'
import { findGarbage, type Garbage } from './garbage.ts'
import type { Host } from './host.ts'
import type { Journal } from './journal.ts'
import type { Keeper, OpenRequest } from './keeper.ts'
import { Program } from './link.ts'
import { Account, Machine, State, startedBy } from './machine.ts'
import { SystemName } from './names.ts'
import { Native } from './native.ts'
import type { Blocked, Failure, RestReport, Stats, Status } from './outcome.ts'
import { Fault } from './primitives/index.ts'
import type { Primitives } from './primitives.ts'
import { collectNames } from './reach.ts'
import { blockedMachines, restReport } from './report.ts'
import { Shard } from './shard.ts'
import type { SendSite } from './site.ts'
import { keyBytes, NotASnapshot, parseSnapshot, restoreInto, type Snapshot, snapshotOf } from './snapshot.ts'
import { fileRequest, type Reply, SYSTEM_CHANNELS, type SystemChannel, type SystemHost } from './system-table.ts'
import { TraceWriter } from './trace.ts'

export interface SessionOptions {
  policy?: 'depth' | 'rr' | 'priority'
  order?: Order
  /** Seeds the names that `new` makes; with `shuffle` the run queue too. */
  seed?: bigint
  shuffle?: boolean
  trick?: 'fused' | 'literal'
  literalSchedule?: 'handoff' | 'fifo'
  /** Phlogiston limit of each program. */
  gas?: number
  machineGas?: number
  maxMachines?: number
  maxMemory?: number
  maxChildren?: number
  maxQueue?: number
  /** `rollback`: a program with a failure leaves the space as it found it; programs then run one after another. */
  onError?: 'isolate' | 'rollback'
  unknownOp?: 'block' | 'fail'
  allow?: { primitives?: boolean; control?: boolean; test?: boolean; read?: string; write?: string }
  virtualTime?: boolean
  /** Milliseconds since 1970 at which virtual time starts. */
  startTime?: number
  maxNesting?: number
  matchBudget?: number
  maxValueBytes?: number
  maxFileBytes?: number
  inject?: Record<string, Term>
  host: Host
  /** Gets every event of the run, in order (see `trace.ts`). */
  trace?: (event: object) => void
  opt?: boolean
  /** Code that machines came to so many times is made into a function of the host (`tier.ts`). Default 400. */
  hot?: number
  /** Writes down, or gives again, what comes in from outside. */
  journal?: Journal
  /** Keeps the session beyond the process; see `durable.ts`, which makes such sessions. */
  keeper?: Keeper
  /** What names are derived from; a restored session has that of its snapshot. Without it: from the seed, or random. */
  key?: Uint8Array
  /** Debugging: make every value that is sent refuse changes. */
  freeze?: boolean
}

/** A program that passed all checks. */
export interface Compiled {
  readonly image: Uint32Array
  readonly program: Program
  readonly file: SourceFile
  /** UTF-8 bytes of the source: what loading it costs. */
  readonly bytes: number
}

/** Something that an image needs and this session does not have, a URI for the most part: RHO405, RHO406 or RHO407. */
export interface ImageNeed extends UriProblem {
  readonly uri?: string
}

/** Whoever runs a session together with other shards (see `src/pool`). */
export interface Team {
  /** The other shards are there; until then the session runs by itself. */
  readonly active: boolean
  /** Slices of the next quantum of the session by itself. */
  readonly quantum: number
  /** Such a quantum is over: is it time for others? True: let the event loop turn. */
  look(): boolean
  /** See `Session.settle`. At rest everything is back in the shard of the session. */
  settle(o: { stepsMax?: number }): Promise<Status>
  /** Something came from outside, or the session is to stop. */
  wake(): void
  /** Where a machine was before everything was brought together; 0 is the shard of the session. */
  shardOf?(m: Machine): number
}

/** See `SessionOptions.hot`. */
const HOT = 400
/** Slices between two looks at what came from outside. */
const QUANTUM = 20_000

/** One space with everything that runs in it: programs are compiled into it, run to rest, and looked at. */
export class Session {
  readonly shard: Shard
  readonly control: Control
  private readonly options: SessionOptions
  private readonly uris: UriTable
  private readonly values = new Map<string, Term>()
  private readonly clock: VirtualClock | null
  private readonly accounts: Account[] = []
  private readonly waiting: Program[] = []
  private mark: { failures: number; account: Account; mark: ReturnType<Shard['kernel']['mark']> } | null = null
  private logicalTime = 0
  private stopping = false
  get stopped(): boolean {
    return this.stopping
  }
  private awake: (() => void) | null = null
  private tracer: TraceWriter | null = null
  readonly keeper: Keeper | null
  private known: Uint8Array | null
  private readonly key = (): Uint8Array => (this.known ??= keyOf(this.options.seed))
  /** Names of system channels in a restored session. */
  private readonly systemNames = new Map<string, Unforgeable>()
  /** Requests to the outside that are open. */
  private readonly asked = new Set<OpenRequest>()

  constructor(options: SessionOptions) {
    this.options = options
    this.keeper = options.keeper ?? null
    const limit = (n: number | undefined): number => n ?? Number.POSITIVE_INFINITY
    const granted: Grant[] = []
    const allow = options.allow ?? {}
    if (allow.primitives === true) granted.push('primitives')
    if (allow.control === true) granted.push('control')
    if (allow.test === true) granted.push('test')
    if (allow.read !== undefined || allow.write !== undefined) granted.push('read files')
    this.uris = new UriTable({ granted, injected: Object.keys(options.inject ?? {}) })
    this.known = options.keeper?.key ?? options.key ?? null
    this.shard = new Shard({
      policy: options.policy ?? 'depth',
      order: options.order ?? 'fifo',
      shuffle: options.shuffle === true ? (options.seed ?? seedOf(options.order) ?? 0n) : undefined,
      literal: options.trick === 'literal',
      handoff: options.literalSchedule !== 'fifo',
      limits: {
        machineGas: limit(options.machineGas),
        machines: limit(options.maxMachines),
        memory: limit(options.maxMemory),
        children: limit(options.maxChildren),
        queue: limit(options.maxQueue),
        matchBudget: options.matchBudget ?? 10_000_000,
        maxValueBytes: options.maxValueBytes ?? 256 * 1024 * 1024,
      },
      unknownOp: options.unknownOp ?? 'fail',
      key: this.key,
      observer: options.keeper?.observer,
      uri: uri => this.values.get(uri) ?? this.bindUri(uri),
      optimise: options.opt !== false,
      hot: options.hot ?? HOT,
    })
    this.clock = options.virtualTime === true || options.seed !== undefined ? new VirtualClock(options.startTime ?? 0) : null
    this.shard.wake = () => this.wakeUp()
    if (options.freeze === true) freezeSent(this.shard)
    this.control = new Control(this.shard, this.accounts)
    if (options.trace !== undefined) {
      this.tracer = new TraceWriter(options.trace)
      this.shard.tracer = this.tracer
      this.shard.primitives.watch({ recorder: true })
    }
    const { keeper } = this
    if (keeper !== null) this.shard.onFailure = f => keeper.failed(f)
    for (const [uri, value] of Object.entries(options.inject ?? {})) this.values.set(uri, value)
  }

  // ── system channels ─────────────────────────────────────────────────────────────────────────────────────────────

  /** A write-only bundle around a name, a fresh one if none is given, on which `run` listens for ever. */
  private listen(label: string, arity: number, run: Native['run'], name = this.shard.fresh()): Term {
    const native = new Native(label, arity, this.shard.chanOf(name), run)
    this.shard.kernel.consume(native)
    return new Bundle(2, name)
  }

  private bindUri(uri: string): Term | undefined {
    if (this.uris.check(uri) !== null) return undefined
    // Not the next name of the shard: when code is linked decides nothing that a program can see.
    const name = this.keeper?.systemName(uri) ?? this.systemNames.get(uri) ?? this.derivedName(uri)
    const bound = this.values.get(uri) // by the keeper, before it let others have the name
    if (bound !== undefined) return bound
    const own = this.control.channel(uri, (label, arity, run) => this.listen(label, arity, run, name))
    if (own !== undefined) {
      this.values.set(uri, own)
      return own
    }
    const entry = SYSTEM_CHANNELS.find(c => c.uri === uri)
    if (entry === undefined) return undefined
    const serve: Native['run'] = (args, sender, origin) => {
      const fault = this.serve(entry, args, sender, sender?.account ?? this.accounts[0])
      if (fault !== undefined) this.shard.failSender(sender, origin as SendSite | null, fault.code, fault.message, fault.hint)
    }
    const value = this.listen(uri, entry.params.length, serve, name)
    this.values.set(uri, value)
    return value
  }

  /** The same in every shard, however code is carried out. */
  private derivedName(uri: string): Unforgeable {
    const name = new Unforgeable(new SystemName(this.key, uri), 0)
    this.shard.namesMade++ // as one that is drawn
    this.systemNames.set(uri, name)
    return name
  }

  /** The name of a system channel. */
  systemName(uri: string): Unforgeable {
    this.listenAgain(uri)
    const value = this.values.get(uri)
    return value instanceof Bundle && value.body instanceof Unforgeable ? value.body : (this.systemNames.get(uri) ?? this.derivedName(uri))
  }

  /** Values of URIs so far. */
  get uriValues(): ReadonlyMap<string, Term> {
    return this.values
  }

  /** Values that were given to it, by URI. */
  get injected(): Readonly<Record<string, Term>> {
    return this.options.inject ?? {}
  }

  /** Set before the first program: the session is one of several shards. */
  team: Team | null = null

  private serve(entry: SystemChannel, args: readonly Term[], sender: Machine | null, account: Account): Fault | undefined {
    const asks = entry.uri === 'rho:io:stdin' || entry.uri === 'rho:time:after'
    const host = this.systemHost(sender, account)
    const ack = args[args.length - 1]
    const run = (reply: Reply): Fault | undefined => entry.run(args, host, reply)
    if (!asks) {
      const send: Reply = (chan, values) => this.shard.send(chan, [...values], account)
      return entry.recorded ? this.journaled(run, send, ack) : run(send)
    }
    const ms = forced(args[0])
    const due = entry.uri === 'rho:time:after' && (typeof ms === 'number' || typeof ms === 'bigint') ? host.now() + Number(ms) : 0
    const request: OpenRequest = { uri: entry.uri, args, account, dueMs: due }
    this.asked.add(request)
    const kept = this.keeper?.asked(entry.uri, args, account, due)
    const answered = (): void => {
      this.asked.delete(request)
      kept?.()
    }
    const send: Reply = (chan, values) => {
      answered()
      this.shard.send(chan, [...values], account)
    }
    const fault = this.journaled(run, send, ack)
    if (fault !== undefined) answered()
    return fault
  }

  private journaled(run: (reply: Reply) => Fault | undefined, reply: Reply, ack: Term): Fault | undefined {
    const { journal } = this.options
    return journal === undefined ? run(reply) : journal.serve(run, reply, ack)
  }

  /** The name of a file capability that a journal has from a run: made here as it was there. */
  givenName(uri: string): Unforgeable {
    this.shard.fresh()
    const name = new Unforgeable(new SystemName(this.key, uri), 0)
    this.systemNames.set(uri, name)
    this.serveFiles(undefined, stepsOf(uri) ?? [], name)
    return name
  }

  /** Ask the outside again for what was open when the session was saved. */
  askAgain(r: OpenRequest): void {
    const entry = SYSTEM_CHANNELS.find(c => c.uri === r.uri)
    if (entry === undefined) return
    const now = this.clock !== null ? this.clock.now() : this.options.host.now()
    const args = r.dueMs > 0 ? [Math.max(0, Math.ceil(r.dueMs - now)), ...r.args.slice(1)] : r.args
    this.serve(entry, args, null, r.account)
  }

  /** Listen on a system channel whose name is in the space, if this run grants it. */
  listenAgain(uri: string): void {
    if (uri.startsWith(FILE_BELOW)) this.listenBelow(uri)
    else if (!this.values.has(uri)) this.bindUri(uri)
  }

  private systemHost(sender: Machine | null, account: Account, steps: Steps = []): SystemHost {
    const { host } = this.options
    return {
      out: (stream, text, raw) => (this.keeper ?? host).out(stream, text, raw),
      log: (level, text) => (this.keeper ?? host).log(level, text),
      abort: reason => this.abort(sender, account, reason),
      readLine: answer => {
        this.shard.pending++
        host.readLine(line => {
          this.shard.pending--
          answer(line)
          this.wakeUp()
        })
      },
      now: () => (this.clock !== null ? this.clock.now() : host.now()),
      after: (ms, callback) => {
        this.shard.pending++
        const done = (): void => {
          this.shard.pending--
          callback()
          this.wakeUp()
        }
        if (this.clock !== null) this.clock.after(ms, done)
        else host.after(ms, done)
      },
      logical: () => ++this.logicalTime,
      files: () => this.root(),
      fileChannel: (root, step) => this.fileBelow(root, [...steps, step]),
    }
  }

  private files: FileRoot | undefined
  private root(): FileRoot | undefined {
    const allow = this.options.allow ?? {}
    const dir = allow.write ?? allow.read
    if (dir !== undefined) this.files ??= this.options.host.openRoot?.(dir, allow.write !== undefined, this.options.maxFileBytes)
    return this.files
  }

  /** A capability for a directory below: its name says how it came about, so that it speaks for the same directory after a restart. */
  private fileBelow(root: FileRoot, steps: Steps): Term {
    const uri = FILE_BELOW + JSON.stringify([this.shard.fresh().counter, ...steps])
    const name = new Unforgeable(new SystemName(this.key, uri), 0)
    if (this.keeper === null) this.systemNames.set(uri, name)
    return this.serveFiles(root, steps, this.keeper?.systemName(uri) ?? name)
  }

  /** `root` may be missing where a journal answers. */
  private serveFiles(root: FileRoot | undefined, steps: Steps, name: Unforgeable): Term {
    return this.listen(
      'rho:io:file',
      3,
      (args, sender, origin) => {
        const account = sender?.account ?? this.accounts[0]
        const host = this.systemHost(sender, account, steps)
        const send: Reply = (chan, values) => this.shard.send(chan, [...values], account)
        const fault = this.journaled(reply => (root === undefined ? undefined : fileRequest(root, args, host, reply)), send, args[2])
        if (fault instanceof Fault) this.shard.failSender(sender, origin as SendSite | null, fault.code, fault.message, fault.hint)
      },
      name,
    )
  }

  /** A capability from before a restart. If the directory is not granted or not there any more nobody listens: what is sent waits. */
  private listenBelow(uri: string): void {
    const name = this.keeper?.systemName(uri) ?? this.systemNames.get(uri)
    const steps = stepsOf(uri)
    let root = this.root()
    for (const [path, rights] of steps ?? []) {
      const below = root?.restrict(path, rights === 'rw' ? 'rw' : 'r')
      root = below instanceof FileRefusal ? undefined : below
    }
    if (name !== undefined && steps !== undefined && root !== undefined) this.serveFiles(root, steps, name)
  }

  private abort(sender: Machine | null, account: Account, reason: Term): void {
    const span = sender === null ? { start: -1, end: -1 } : this.shard.spanNow(sender)
    this.shard.stopAccount(account, {
      code: 'RHO602',
      message: `the program aborted itself: ${reportText(reason)}`,
      hint: '',
      start: span.start,
      end: span.end,
      machine: sender === null ? 'm:0' : 'm:' + sender.priv,
      startedBy: sender === null ? -1 : startedBy(sender),
      limit: false,
    })
  }

  // ── programs ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * All checks. `program` is there exactly if no diagnostic is an error. The text of a refused program is known as long as one of its diagnostics is held,
   * that of another one for good, unless it is released.
   */
  compile(name: string, source: string | Uint8Array): { diagnostics: Diagnostic[]; program?: Compiled } {
    const bytes = typeof source === 'string' ? Buffer.byteLength(source) : source.length
    const { file, diagnostics } =
      typeof source === 'string' ? { file: sources.add(name, source), diagnostics: [] } : addSource(sources, name, source)
    const { diagnostics: found, compiled } = compileSource(file, { maxNesting: this.options.maxNesting, uris: this.uris })
    const isAt = (char: number, d: Diagnostic) => d.code === 'RHO101' && file.text.charCodeAt(d.start - file.base) === char
    const zeros = found.filter(d => isAt(0, d))
    if (zeros.length > 1) return refused(file, [...diagnostics, { ...zeros[0], hint: 'this is no text, or not in UTF-8' }])
    // What is no UTF-8 has been told.
    for (const d of found) if (diagnostics.length === 0 || !isAt(0xfffd, d)) diagnostics.push(d)
    diagnostics.sort((a, b) => a.start - b.start)
    if (compiled === null || diagnostics.some(d => d.severity === 'error')) return refused(file, diagnostics)
    const { image, spans } = compiled
    const program = new Program(image, spans, name)
    program.file = file
    return { diagnostics, program: { image, program, file, bytes } }
  }

  /**
   * The source text of a program is no longer wanted for its own sake: positions in it have a place as long as the program, some of its code or one of its
   * diagnostics is held. For hosts that start programs for as long as they live; show what is to be shown of failures first.
   */
  release(p: { readonly file: SourceFile }): void {
    sources.release(p.file)
  }

  /**
   * Start the machines of a program image from outside, checked first. The number names its account.
   * @returns what is wrong with the image or with the URIs it asks for, if it is refused; then nothing was started
   */
  deployImage(image: Uint32Array, name = 'image', atomic?: boolean): number | ImageError | ImageNeed {
    const wrong = verifyCanonical(image)
    if (wrong !== undefined) return wrong
    const { uris, pathMaps } = needsOf(decodeOpen(image))
    if (pathMaps)
      return { code: 'RHO407', message: 'path maps are not available yet', hint: 'this version does not run them; a later one will' }
    for (const uri of uris) {
      const problem = this.uris.check(uri)
      if (problem !== null) return { ...problem, uri }
    }
    return this.deploy({ image, program: new Program(image, null, name), bytes: 4 * image.length }, atomic)
  }

  /** Start a program's machines. The number names its account. An atomic one (default: `onError` is `rollback`) waits until everything is at rest, and runs alone. */
  deploy(p: Pick<Compiled, 'image' | 'program' | 'bytes'>, atomic = this.options.onError === 'rollback'): number {
    const id = this.accounts.length + 1
    const account = new Account(id, 'p:' + id, id, this.options.gas ?? Number.POSITIVE_INFINITY)
    this.accounts.push(account)
    account.gas += p.bytes
    if (atomic) {
      p.program.account ??= account
      this.waiting.push(p.program)
      this.waitingAccounts.push(account)
      return id
    }
    this.whenFree(() => this.shard.start(p.program, account))
    return id
  }
  private readonly waitingAccounts: Account[] = []

  /** Do something to the space on behalf of the host: at once, or, while a program runs that may be undone, when that has ended. */
  whenFree(action: () => void): void {
    if (this.mark === null) action()
    else this.held.push(action)
  }
  private held: (() => void)[] = []

  /** With rollback: begin the next waiting program, or finish the one that came to rest. True if something was begun. */
  private nextAtomic(): boolean {
    if (this.mark !== null) {
      const { mark, account } = this.mark
      this.mark = null
      if (account.failed > 0) {
        for (const m of this.shard.queue.items()) this.shard.kill(m)
        this.shard.kernel.rollback(mark)
      } else this.shard.kernel.release(mark)
      this.keeper?.attemptEnded(account.failed > 0)
      if (this.held.length > 0) {
        const { held } = this
        this.held = []
        for (const action of held) action()
        return true
      }
    }
    const p = this.waiting.shift()
    const account = this.waitingAccounts.shift()
    if (p === undefined || account === undefined) return false
    this.keeper?.attempt()
    this.mark = { failures: this.shard.failures.length, account, mark: this.shard.kernel.mark() }
    this.shard.start(p, account)
    return true
  }

  /** Pays for what the host itself sends. */
  get hostAccount(): Account {
    let found = this.accounts.find(a => a.label === 'host')
    if (found === undefined) {
      const id = this.accounts.length + 1
      found = new Account(id, 'host', id, Number.POSITIVE_INFINITY)
      this.accounts.push(found)
    }
    return found
  }

  // ── what a keeper keeps of it ───────────────────────────────────────────────────────────────────────────────────

  /** Everything that is neither machine nor in the space. Live: look, do not change. */
  get kept(): {
    accounts: readonly Account[]
    logicalTime: number
    time: number
    waiting: readonly { program: Program; account: Account }[]
  } {
    return {
      accounts: this.accounts,
      logicalTime: this.logicalTime,
      time: this.clock === null ? 0 : this.clock.now(),
      waiting: this.waiting.map((program, i) => ({ program, account: this.waitingAccounts[i] })),
    }
  }

  /** Before anything is deployed: go on from what was kept. */
  restoreKept(k: { accounts: readonly Account[]; logicalTime: number; waiting: readonly { program: Program; account: Account }[] }): void {
    for (const a of k.accounts) this.accounts.push(a)
    this.logicalTime = k.logicalTime
    for (const w of k.waiting) {
      this.waiting.push(w.program)
      this.waitingAccounts.push(w.account)
    }
  }

  /**
   * Whether programs have anything left to do, as far as one can tell now. `rest`: nothing can run, and no answer from outside that they asked for is to come.
   * `quiet`: none of their machines can run, but others' may still send them something.
   */
  stateOf(accounts: readonly Account[]): 'busy' | 'quiet' | 'rest' {
    const { shard } = this
    if (accounts.every(a => a.stopped)) return 'rest'
    if (this.mark !== null || this.held.length > 0 || this.waitingAccounts.some(a => accounts.includes(a))) return 'busy'
    for (const r of this.asked) if (accounts.includes(r.account)) return 'busy'
    if (shard.inbox.length > 0) return 'busy'
    if (shard.queue.length === 0 && !shard.kernel.pumpPending) return 'rest'
    return shard.runnable().some(m => accounts.includes(m.account)) ? 'busy' : 'quiet'
  }

  /** Whether something runs, or waits to run, that may be undone: it runs alone. */
  get atomicPending(): boolean {
    return this.waiting.length > 0 || this.mark !== null
  }

  // ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One quantum: at most `steps` slices. Synchronous. */
  run(steps = QUANTUM): Status {
    const { shard } = this
    let left = steps
    for (;;) {
      if (this.stopping) return 'idle'
      const before = shard.slices
      const more = shard.run(left)
      left -= Math.max(1, shard.slices - before)
      if (more) {
        if (left <= 0) return 'budget'
        continue
      }
      if (shard.pending > 0) {
        if (this.clock !== null && this.clock.pending > 0 && shard.pending <= this.clock.pending) {
          this.clock.advance()
          // What wakes up now may run in another shard: the next jump is not before that is over.
          if (left <= 0 || this.team?.active === true) return 'budget'
          continue
        }
        return 'idle'
      }
      if (this.atomicPending) {
        if (this.mark === null && this.keeper?.holdsBack() === true) return 'budget'
        if (this.nextAtomic()) continue
      }
      // A program that hit its limit says so once the others have come to rest as well.
      return shard.failures.some(f => f.limit) ? 'limit' : 'rest'
    }
  }

  /** Run until nothing is left to do, waiting for timers and input; at most `stepsMax` slices, then `budget`. */
  async settle(o: { stepsMax?: number } = {}): Promise<Status> {
    let left = o.stepsMax ?? Number.POSITIVE_INFINITY
    for (;;) {
      if (this.team?.active === true) {
        const status = await this.team.settle({ stepsMax: left })
        // The others may have been given up: what there is goes on here.
        if (status !== 'budget' || this.team.active || left !== Number.POSITIVE_INFINITY) return status
        continue
      }
      const before = this.shard.slices
      const status = this.run(Math.min(left, this.keeper?.quantum ?? this.team?.quantum ?? QUANTUM))
      left -= Math.max(1, this.shard.slices - before)
      if (this.team?.look() === true) await new Promise<void>(resolve => setImmediate(resolve))
      if (this.keeper !== null) await this.keeper.boundary(status)
      if (status === 'rest' || status === 'limit' || status === 'fault') return status
      if (this.stopping) return 'idle'
      if (status === 'idle') {
        if (this.clock !== null && this.clock.pending > 0) await new Promise<void>(resolve => setImmediate(resolve))
        await new Promise<void>(resolve => {
          this.awake = resolve
          if (this.signalled) {
            this.signalled = false
            resolve()
          }
        })
        this.awake = null
        continue
      }
      if (left <= 0) return 'budget'
    }
  }
  private signalled = false

  private wakeUp(): void {
    this.team?.wake()
    if (this.awake !== null) this.awake()
    else this.signalled = true
  }

  /** End after the running slice. */
  stop(): void {
    this.stopping = true
    this.wakeUp()
  }

  /** After `stop`: may be run again. */
  goOn(): void {
    this.stopping = false
  }

  // ── what a person sees ──────────────────────────────────────────────────────────────────────────────────────────

  /** Operators and methods: give them other meanings or add some, for all machines of this session from their next instruction on. */
  get primitives(): Primitives {
    return this.shard.primitives
  }

  get failures(): readonly Failure[] {
    return this.shard.failures
  }

  blocked(): Blocked[] {
    return blockedMachines(this.shard)
  }

  /** Messages on every public name: canonical name → messages, oldest first, each a list of canonical texts. */
  data(): Map<string, string[][]> {
    const found: { name: string; messages: string[][] }[] = []
    this.shard.whole()
    for (const chan of this.shard.kernel.nonEmpty()) {
      if (chan.nD === 0 || chan.owner instanceof Unforgeable) continue
      const owner = chan.owner as Term
      if ((flagsOf(owner) & Flag.Unforgeable) !== 0) continue
      found.push({ name: reportName(owner), messages: this.messages(chan) })
    }
    found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    return new Map(found.map(f => [f.name, f.messages]))
  }

  private messages(chan: Parameters<Shard['kernel']['data']>[0]): string[][] {
    const out: string[][] = []
    for (const d of this.shard.kernel.data(chan)) out.push((d.value as readonly Term[]).map(v => reportText(v)))
    return out
  }

  /** Messages on one name. */
  observe(name: Term): string[][] {
    const t = forced(name)
    if (this.shard.parking !== null) this.shard.chanOf(t) // somebody has come to the channel
    if (t instanceof Unforgeable) return this.messages(t)
    const chan = this.shard.names.find(t)
    return chan === undefined ? [] : this.messages(chan)
  }

  report(all = false): RestReport {
    return restReport(this.shard, all)
  }

  stats(): Stats {
    const { shard } = this
    let gas = 0
    let bytes = 0
    for (const a of this.accounts) {
      gas += a.gas
      bytes += a.bytes
    }
    return {
      comms: shard.comms,
      primitiveComms: shard.primitiveComms,
      machines: shard.machinesMade,
      gas,
      steps: shard.slices,
      alive: shard.alive,
      names: shard.namesMade,
      produced: shard.produced,
      bytes,
    }
  }

  /**
   * The whole state as one JSON text (see `snapshot.ts`). Between two calls of `run` or `settle`. What an all-or-nothing attempt has done so far is in it as
   * done; capabilities for directories and what the host was computing are not.
   */
  snapshot(): string {
    const system: { uri: string; name: Unforgeable }[] = []
    for (const [uri, value] of this.values) {
      if (!(value instanceof Bundle) || !(value.body instanceof Unforgeable)) continue
      const { origin } = value.body
      if (origin === this.shard.origin || origin instanceof SystemName) system.push({ uri, name: value.body })
    }
    return snapshotOf(this.shard, {
      accounts: this.accounts,
      system,
      control: this.control.facets(),
      requests: [...this.asked].map(r => ({ uri: r.uri, args: r.args, account: r.account, due: r.dueMs })),
      waiting: this.kept.waiting,
      logicalTime: this.logicalTime,
      time: this.clock === null ? 0 : this.clock.now(),
      key: this.key(),
    })
  }

  /**
   * A session that goes on where a snapshot was taken. The options say how it runs (policy, limits, grants), not what it holds; virtual time goes on from the
   * time of the snapshot. Operations that the host had registered have to be registered again.
   * @param told is given the session before anything is put into it
   * @throws NotASnapshot for a text that is none
   */
  static restore(text: string, options: SessionOptions, told?: { session: Session | null }): Session {
    const s = parseSnapshot(text)
    try {
      const session = new Session({ ...options, key: keyBytes(s), startTime: s.counters.time })
      if (told !== undefined) told.session = session
      session.resume(s)
      return session
    } catch (e) {
      // Rows that are not what they should be show in many ways.
      throw e instanceof NotASnapshot ? e : new NotASnapshot(`a row is damaged: ${e instanceof Error ? e.message : String(e)}`)
    }
  }

  private resume(s: Snapshot): void {
    const asked: OpenRequest[] = []
    restoreInto(this.shard, s, {
      accounts: list => {
        for (const a of list) this.accounts.push(a)
        this.shard.firstAccount ??= list[0] ?? null
      },
      listen: (uri, name) => {
        this.systemNames.set(uri, name)
        this.listenAgain(uri)
      },
      control: (name, target) => this.control.adopt(name, target),
      attempt: (program, account) => {
        this.waiting.push(program)
        this.waitingAccounts.push(account)
      },
      ask: (uri, args, account, dueMs) => asked.push({ uri, args, account, dueMs }),
    })
    this.logicalTime = s.counters.logicalTime
    for (const r of asked) this.askAgain(r)
  }

  /**
   * Waiting machines and messages that nobody can reach any more. Between two calls of `run` or `settle`.
   * @param held names, or values with names in them, that the host still holds
   */
  garbage(held: Iterable<Term> = []): Garbage {
    const { shard, control } = this
    // What an attempt does may be undone: nobody knows yet what is left over.
    if (this.mark !== null) return { machines: [], data: [] }
    const terms: Term[] = [...held, ...this.values.values()]
    for (const r of this.asked) for (const t of r.args) terms.push(t)
    for (const i of shard.inbox) {
      terms.push(i.chan)
      for (const t of i.values) terms.push(t)
    }
    for (const [, server] of shard.primitives.served()) terms.push(server)
    const speaking: { name: Unforgeable; machines: Machine[] }[] = control
      .facets()
      .map(f => ({ name: f.name, machines: f.machine === undefined ? control.members(f.account as Account) : [f.machine] }))
    for (const [machine, watchers] of control.watched())
      for (const ret of watchers) for (const name of collectNames(ret)) speaking.push({ name, machines: [machine] })
    return findGarbage(shard, { terms, control: speaking })
  }

  /** Remove what `garbage` finds, and say what it was. */
  collect(held: Iterable<Term> = []): Garbage {
    const found = this.garbage(held)
    for (const m of found.machines) this.shard.kill(m)
    for (const d of found.data) this.shard.kernel.take(d)
    return found
  }

  /** Runnable and waiting machines: labels, status, position. */
  machines(): { machine: Machine; waits: boolean }[] {
    this.shard.whole()
    const out = this.shard.queue.items().map(machine => ({ machine, waits: false }))
    const seen = new Set<Machine>()
    for (const chan of this.shard.kernel.nonEmpty()) {
      for (const k of this.shard.kernel.conts(chan)) {
        if (!(k instanceof Machine) || seen.has(k) || k.status !== State.Blocked) continue
        seen.add(k)
        out.push({ machine: k, waits: true })
      }
    }
    return out.sort((a, b) => a.machine.priv - b.machine.priv)
  }
}

/** How a directory was come by: restricted to a path, with rights, again and again. */
type Steps = readonly (readonly [path: string, rights: string])[]

/** Begins the URIs that stand for restricted file capabilities; no program can ask for one. A number of its own and the steps follow. */
const FILE_BELOW = 'rho:io:file '

function stepsOf(uri: string): Steps | undefined {
  try {
    const [, ...steps] = JSON.parse(uri.slice(FILE_BELOW.length)) as [number, ...Steps]
    return steps.every(s => typeof s[0] === 'string' && typeof s[1] === 'string') ? steps : undefined
  } catch {
    return undefined // stored by nobody
  }
}

const refusedFiles = new WeakMap<Diagnostic, SourceFile>()

/** Whoever looks at what is wrong wants to see the line: the text goes with the last of the diagnostics. */
function refused(file: SourceFile, diagnostics: Diagnostic[]): { diagnostics: Diagnostic[] } {
  for (const d of diagnostics) refusedFiles.set(d, file)
  sources.release(file)
  return { diagnostics }
}

function seedOf(order: Order | undefined): bigint | undefined {
  return typeof order === 'object' ? order.seed : undefined
}

/** The key that names are derived from: from the seed if there is one (predictable, documented), else random. */
function keyOf(seed: bigint | undefined): Uint8Array {
  const key = new Uint8Array(32)
  if (seed === undefined) crypto.getRandomValues(key)
  else new DataView(key.buffer).setBigUint64(0, BigInt.asUintN(64, seed))
  return key
}
