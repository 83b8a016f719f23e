import type { Piscina } from 'piscina'
import { cores, poolLibrary, workerProgram } from '../host/workers.ts'
import type { Status } from '../machine/outcome.ts'
import type { Session, Team } from '../machine/session.ts'
import { mergeReport, plainOptions, systemsOf } from './host.ts'
import { Board, connect, Member, makeWires, type TurnOrder, type TurnReport, type Wires } from './member.ts'
import { ringPending } from './ring.ts'
import { SHARDS_MAX } from './wire.ts'
import type { WorkerTask } from './worker.ts'

export interface PoolOptions {
  /** `auto`: begin on the calling thread, bring up workers when there is parallel work for them. */
  readonly workers: number | 'auto'
}

/** A worker ended by itself or was ended. What it held is gone. */
export class WorkerLost extends Error {
  readonly code = 'WORKER_LOST'
  readonly worker: number
  constructor(worker: number, why: string) {
    super(`worker ${worker} was lost: ${why}`)
    this.worker = worker
  }
}

/** Milliseconds of a turn, and how long a shard without work stays awake in one. */
const TURN_MS = 10
const SLEEP_MS = 5
/** After so many milliseconds `settle` comes back for a look at signals. */
const LOOK_MS = 50
/** Slices of shard 0 between two looks at the others. */
const CHUNK = 2000
/** A worker that has not answered its first call after this time does not come. */
const START_MS = 20_000

/** A session on several shards: shard 0 in the calling thread, which has all system channels, and one shard for each worker of a pool. */
export class Pool implements Team {
  private readonly session: Session
  private readonly workers: number
  private readonly base: number
  private wires: Wires | null = null
  private board!: Board
  private own!: Member
  private piscina: Piscina | null = null
  private readonly last: (TurnReport | null)[] = []
  private readonly busy: boolean[] = []
  private inFlight = 0
  private lost: WorkerLost | null = null
  private awake: (() => void) | null = null
  private signalled = false
  private starting: Promise<void> | null = null
  private threads: number[] = []
  /** What each worker has done so far. */
  readonly tally: { slices: number; crossings: number; busyMs: number; turns: number }[] = []
  /** Milliseconds that starting the workers took. */
  startMs = 0

  constructor(session: Session, o: PoolOptions) {
    this.session = session
    this.workers = Math.min(SHARDS_MAX - 1, o.workers === 'auto' ? Math.max(1, cores()) : o.workers)
    this.base = 1
    session.team = this
  }

  wake(): void {
    if (this.awake !== null) this.awake()
    else this.signalled = true
  }

  /** Bring up the workers. `settle` does it when it is first called. */
  start(): Promise<void> {
    this.starting ??= this.bringUp()
    return this.starting
  }

  private async bringUp(): Promise<void> {
    const begin = performance.now()
    const { session, workers, base } = this
    const shards = workers + 1
    const wires = makeWires(shards)
    this.wires = wires
    this.board = new Board(wires)
    const mesh = connect(session.shard, wires, base, uri => session.systemName(uri))
    this.own = new Member(session.shard, mesh, this.board)
    const { Piscina } = poolLibrary()
    const { filename, execArgv } = workerProgram()
    this.piscina = new Piscina({
      filename,
      execArgv,
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: 192 },
      // One shard for each worker, for good: which one is a matter of the order in which they first come up.
      loadBalancer: (task, list) => {
        const shard = (task as unknown as Record<symbol, { shard: number }>)[Piscina.queueOptionsSymbol].shard
        const known = this.threads[shard]
        if (known !== undefined) return list.find(w => w.id === known) ?? null
        const free = list.find(w => !this.threads.includes(w.id))
        if (free === undefined) return null
        this.threads[shard] = free.id
        return free
      },
    })
    const options = plainOptions(session.shard.options)
    const systems = systemsOf(session)
    const ready: Promise<TurnReport>[] = []
    for (let index = 1; index < shards; index++) ready.push(this.call(index, { init: { index, wires, base, options, systems } }))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new WorkerLost(0, 'the workers do not start')), START_MS)
    })
    try {
      for (const r of await Promise.race([Promise.all(ready), late])) this.last[r.index] = r
    } finally {
      clearTimeout(timer)
    }
    this.startMs = performance.now() - begin
  }

  private call(shard: number, task: WorkerTask): Promise<TurnReport> {
    const { Piscina } = poolLibrary()
    return (this.piscina as Piscina).run({ ...task, [Piscina.queueOptionsSymbol]: { shard } }) as Promise<TurnReport>
  }

  /** Let a shard have a turn. */
  private begin(shard: number, turn: TurnOrder): void {
    this.busy[shard] = true
    this.inFlight++
    this.call(shard, { turn }).then(
      report => {
        this.busy[shard] = false
        this.inFlight--
        this.last[shard] = report
        this.count(report)
        this.wake()
      },
      e => {
        this.busy[shard] = false
        this.inFlight--
        this.lost ??= new WorkerLost(shard, e instanceof Error ? e.message : String(e))
        this.wake()
      },
    )
  }

  private count(r: TurnReport): void {
    mergeReport(this.session, r)
    const t = (this.tally[r.index] ??= { slices: 0, crossings: 0, busyMs: 0, turns: 0 })
    t.slices += r.slices
    t.crossings += r.crossings
    t.busyMs += r.busyMs
    t.turns++
  }

  private hasMail(shard: number): boolean {
    const { shards, rings } = this.wires as Wires
    for (let i = 0; i < shards; i++) {
      const ring = rings[i * shards + shard]
      if (ring !== null && ringPending(ring)) return true
    }
    return false
  }

  /** Turns for all that have something to do, or could be given something. */
  private dispatch(): void {
    let most = 0
    for (let i = 1; i <= this.workers; i++) most = Math.max(most, this.board.load(i))
    for (let i = 1; i <= this.workers; i++) {
      if (this.busy[i]) continue
      if (this.last[i]?.more === true || this.hasMail(i) || most > 1) this.begin(i, { ms: TURN_MS, sleepMs: SLEEP_MS, mayAsk: true })
    }
  }

  /** Whether nothing is under way anywhere. Only while no turn is running. */
  private get quiet(): boolean {
    const { mesh, shard } = this.own
    if (shard.queue.length > 0 || shard.inbox.length > 0 || shard.kernel.pumpPending || mesh.spilled > 0 || mesh.incoming) return false
    let sent = mesh.sent
    let received = mesh.received
    for (let i = 1; i <= this.workers; i++) {
      const r = this.last[i] as TurnReport
      if (r.more || r.pending > 0 || r.spilled > 0 || this.hasMail(i)) return false
      sent += r.sent
      received += r.received
    }
    return sent === received
  }

  /** What was started in the calling thread goes to the workers, program by program. */
  private handOut(): void {
    const { shard, mesh } = this.own
    if (shard.queue.length === 0) return
    for (const m of shard.takeRunnable()) mesh.giveMachine(m, 1 + ((m.account.id - 1) % this.workers))
  }

  async settle(_o: { stepsMax?: number } = {}): Promise<Status> {
    await this.start()
    const { session, own } = this
    const until = performance.now() + LOOK_MS
    for (;;) {
      if (this.lost !== null) throw this.lost
      if (session.stopped) return 'idle'
      this.handOut()
      const seen = this.board.hostBell
      const active = own.step(CHUNK)
      this.dispatch()
      if (this.inFlight === 0 && !active && this.quiet) {
        const sent = own.mesh.sent
        const status = session.run()
        own.step(0)
        if (own.mesh.sent !== sent || own.shard.queue.length > 0) continue
        if (status === 'idle') {
          await this.pause(this.board.hostBell, LOOK_MS)
          if (performance.now() >= until) return 'budget'
          continue
        }
        if (status === 'budget') continue
        await this.collapse()
        return session.run()
      }
      if (performance.now() >= until) return 'budget'
      if (!active) await this.pause(seen, LOOK_MS)
      else await new Promise<void>(resolve => setImmediate(resolve))
    }
  }

  /** Until a turn ends, a shard rings, or something comes from outside. */
  private async pause(seen: number, ms: number): Promise<void> {
    if (this.signalled) {
      this.signalled = false
      return
    }
    const rung = this.board.waitHost(seen, ms)
    if (rung === null) return
    await new Promise<void>(resolve => {
      this.awake = resolve
      // Keeps the process alive, which nothing else does while workers are at it.
      const timer = setTimeout(resolve, ms)
      void rung.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    this.awake = null
  }

  /** Everything comes back to shard 0. Only while nothing is under way. */
  async collapse(): Promise<void> {
    const { own } = this
    for (let i = 1; i <= this.workers; i++) this.begin(i, { ms: 60_000, sleepMs: 0, mayAsk: false, giveAll: 0 })
    for (;;) {
      own.mesh.drain()
      own.mesh.flush()
      if (this.lost !== null) throw this.lost
      if (this.inFlight === 0) {
        if (this.quietBut) break
        for (let i = 1; i <= this.workers; i++)
          if (this.hasMail(i) || (this.last[i]?.spilled ?? 0) > 0) this.begin(i, { ms: 60_000, sleepMs: 0, mayAsk: false, drainOnly: true })
      }
      await this.pause(this.board.hostBell, 1)
    }
  }

  /** Whether no record is under way. */
  private get quietBut(): boolean {
    const { mesh } = this.own
    let sent = mesh.sent
    let received = mesh.received
    for (let i = 1; i <= this.workers; i++) {
      const r = this.last[i] as TurnReport
      if (r.spilled > 0 || this.hasMail(i)) return false
      sent += r.sent
      received += r.received
    }
    return sent === received && mesh.spilled === 0 && !mesh.incoming
  }

  /** Ends the workers. What they hold is gone. */
  async close(): Promise<void> {
    if (process.env.RHO_DEBUG === 'workers') console.error(this.startMs, JSON.stringify(this.tally))
    await this.piscina?.destroy()
    this.piscina = null
  }
}
