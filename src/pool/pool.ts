import type { Piscina } from 'piscina'
import type { Chan } from '../../rspace/kernel.ts'
import { cores, cpuMs, poolLibrary, workerProgram } from '../host/workers.ts'
import type { Account, Machine } from '../machine/machine.ts'
import type { Status } from '../machine/outcome.ts'
import type { Session, Team } from '../machine/session.ts'
import type { HeldHost } from './held.ts'
import { mergeReport, plainOptions, systemsOf } from './host.ts'
import { Board, connect, Doing, type Done, Member, makeWires, reserve, type TurnOrder, type TurnReport, type Wires } from './member.ts'
import { Mesh, type Whereabouts } from './mesh.ts'
import { ringPending } from './ring.ts'
import { SHARDS_MAX } from './wire.ts'
import type { WorkerTask } from './worker.ts'
import { Others, WARM_MS, Worth } from './worth.ts'

export interface PoolOptions {
  /** `auto`: begin on the calling thread, bring up workers when there is parallel work for them. */
  readonly workers: number | 'auto'
  /** So many names and programs may a shard remember before all begin anew; default half a million. */
  readonly weightMax?: number
  /** Shards that together get done less than so many could without crossings are brought together; default 0.95, 0: never. */
  readonly worthWhile?: number
  /** A number of workers: for so many milliseconds one shard works by itself at first; default 100. */
  readonly aloneFirst?: number
  /** `auto`: who decides when several shards are tried and given up. */
  readonly worth?: Worth
  /** What the session speaks to the outside through; needed for cuts and for kept sessions. */
  readonly host?: HeldHost
  /** URLs of modules whose functions serve operations; the session has them already. */
  readonly modules?: readonly string[]
  /** Take a cut whenever so many COMMs have happened since the last one, and go on from it when a worker is lost. */
  readonly cuts?: {
    readonly every: number
    /** A session like this one from its state. */
    restore(state: string): Session
  }
}

/** One shard as it was when it last reported; counts since the beginning. */
export interface ShardState {
  readonly shard: number
  /** Machines that are runnable. */
  readonly queue: number
  /** Machines that wait, about. */
  readonly blocked: number
  readonly slices: number
  readonly comms: number
  /** Milliseconds in which it had something to do. Shard 0 is not timed when it only serves system channels. */
  readonly busyMs: number
  /** Records sent and received. */
  readonly crossings: number
}

/** A worker ended by itself or was ended. What it held is gone. */
class WorkerLost extends Error {
  readonly code = 'WORKER_LOST'
  readonly worker: number
  constructor(worker: number, why: string) {
    super(`worker ${worker} was lost: ${why}`)
    this.worker = worker
  }
}

/** Milliseconds of a turn, and how long a shard without work stays awake in one. Beginning and ending a turn takes the calling thread some tenths of one. */
const TURN_MS = 100
/** Where something is counted at the end of each turn that has a limit. */
const COUNTED_TURN_MS = 20
/** A turn of shard 0, between which the calling thread looks after the others. */
const OWN_TURN_MS = 10
const OWN_TRIAL_MS = 3
/** So long are turns of shard 0 short when several shards are tried. */
const QUICK_MS = 100
const SLEEP_MS = 20
/** After so many milliseconds `settle` comes back for a look at signals. */
const LOOK_MS = 50
/** So many workers lost without getting any further, and it is not an accident. */
const IN_VAIN_MAX = 20
/** A kept session on workers commits this often, or less often if a commit takes more than a part of that. */
const COMMIT_MS = 250
const COMMIT_SHARE = 5
/** Counting all shards together for nothing takes at most this part of the time. */
const COUNT_SHARE = 10
/** Milliseconds between two times that all shards begin anew. */
const RENEW_MS = 1000
/** A worker that has not answered its first call after this time does not come. */
const START_MS = 20_000

/** `auto`: how long a quantum of one shard should take, and how many in a row have to leave machines waiting for their turn before others come. */
const QUANTUM_MS = 5
const QUANTUM_MAX = 20_000
const ALONE_LOOKS = 5
/** Quanta between which one shard practises for others: the first are so small that short programs have none of this. */
const PRACTICE_FROM = 2
const PRACTICE_TO = 12
const ALONE_QUEUE = 2

/** What a message that crosses costs its sender while it runs, in milliseconds, about; all other cost of crossings is measured. See `bench/crossing.ts`. */
const SENDING_MS = 0.0005
/** For so long a shard may have nothing to do because of one crossing: what is sent is seen when a chunk ends, and then somebody has to wake up. */
const AWAITING_MS = 0.5
/** See `PoolOptions.worthWhile`. */
const WORTH_WHILE = 0.95
/** Between two looks at what several shards get done, or one by itself. */
const TRIAL_MS = 8
const WINDOW_MS = 40
/** So many looks of the longer kind a shard by itself is given to be as fast as all together were. */
const PROOF_LOOKS = 6
/** So much may be lost to crossings before everything is brought together. */
const LOST_MS = 50
/**
 * Where crossings take at least this part of the work, or little is gained while they may be what shards wait for, it has to be seen what one shard does by
 * itself: when it has been so for so long.
 */
const DEAR = 0.2
const GAIN = 1.15
const DEAR_MS = 60
/** Where crossings take less of the work than this, shards do as much as if each were by itself. */
const QUIET_PART = 0.005
/** Where crossings take less of the work than this and all have something to do, shards work apart. */
const APART_CROSSING = 0.04
/** The smallest share of gas that an account gets for a turn of a worker. */
const GAS_MIN = 10_000
/**
 * With a number of workers: for so long one shard works by itself at first, and twice as long while it still becomes so much faster between two looks. What one
 * gets done is what several are compared with, and code that is hot need not wait for code that is cold everywhere.
 */
const FIRST_MS = 100
const RISING = 1.25
/** So much counts the last look at one shard by itself. */
const SOLO_PART = 0.6
/** With a number of workers: less than this part of what one would get done, and the rest is lost, whatever the reason; so much may be lost. */
const SLOW = 0.9
const SLOW_MS = 100
/** What shards used and what they were busy is compared over about so many looks: they tell what they did when a chunk ends. */
const SHARE_LOOKS = 8
/** Milliseconds for which all work stays in one shard after it was brought back there; twice as long each time. */
const TOGETHER_MS = 2500
const TOGETHER_MAX_MS = 30_000

function heldIn(r: TurnReport | null | undefined, account: number): number {
  return r?.memory.find(([id]) => id === account)?.[1] ?? 0
}

/**
 * A session on several shards: shard 0 in the calling thread, which has all system channels, and one shard for each worker of a pool. With a number of
 * workers, shard 0 does nothing but serve system channels; with `auto` it works with the others.
 */
export class Pool implements Team {
  /** The session as it goes on; another object after a recovery. */
  session: Session
  private readonly first: Session
  private readonly cuts: PoolOptions['cuts']
  private readonly host: HeldHost | undefined
  private weightMax: number
  private readonly worthWhile: number
  private readonly aloneFirst: number
  private readonly modules: readonly string[]
  private state: string | null = null
  private cutAt = 0
  private cutting = false
  /** The cut that was last gone back to, and how often since without another one. */
  private from: string | null = null
  private inVain = 0
  /** How often everything went back to the last cut. */
  recoveries = 0
  private readonly workers: number
  private readonly auto: boolean
  /** The lowest shard that programs run in: where they begin and are brought back to. */
  private readonly base: number
  private wires: Wires | null = null
  private board!: Board
  private own!: Member
  private piscina: Piscina | null = null
  private last: (TurnReport | null)[] = []
  private busy: boolean[] = []
  private inFlight = 0
  private lost: WorkerLost | null = null
  private awake: (() => void) | null = null
  private signalled = false
  private starting: Promise<void> | null = null
  private threads: number[] = []
  active: boolean
  /** `auto`: when others are worth a trial, and when not any longer. */
  private readonly worth: Worth
  /** `auto`: others are being brought up; they are to be given up, once everything is here; they cannot be had. */
  private coming = false
  private leaving = false
  private failed = false
  quantum = 64
  private aloneSince = performance.now()
  private aloneCpu = cpuMs()
  private crowdedLooks = 0
  /** Whether several shards are worth while: what was done until the last look, when that was, and what has been lost to crossings lately. */
  private readonly seen: Done = { busy: 0, crossing: 0, crossed: 0, comms: 0 }
  /** The same for `worth`. */
  private readonly fared: Done = { ...this.seen }
  private faredAt = 0
  private faredCpu = 0
  private lookedAt = performance.now()
  private lookedCpu = 0
  private lostMs = 0
  /** `auto`: until then the host compiles for the first time what workers run. What is lost meanwhile says little. */
  private warmAt = 0
  /** How long one shard has run by itself at first; −1: long enough. */
  private firstMs = -1
  /**
   * What several shards have lost lately against one, whatever the reason; COMMs in a millisecond of one when it was last seen by itself; how long they were
   * busy, and the processor time that they had for it.
   */
  private slowMs = 0
  private soloRate = 0
  private busyLately = 0
  private usedLately = 0
  /** Milliseconds of dear crossings, lately. */
  private dearMs = 0
  /** COMMs of all together in a millisecond, lately. */
  private triedRate = 0
  /** Looks at one shard since it has been by itself; −1: whether that is better is known. */
  private proving = -1
  /** Until when it is known that several are better, though much crosses; and how long the next time. */
  private provedUntil = 0
  private provedMs = TOGETHER_MS
  /** Turns of shard 0 are short until then. */
  private quickUntil = 0
  /** COMMs of one shard by itself in a millisecond, lately; 0: not known. */
  private aloneRate = 0
  private aloneComms = 0
  /** Until when everything stays in one shard, and how long the next time. */
  private togetherUntil = 0
  private togetherMs = TOGETHER_MS
  /** What each worker has done so far. */
  readonly tally: { slices: number; comms: number; crossings: number; busyMs: number; turns: number }[] = []
  /** Milliseconds that starting the workers took. */
  startMs = 0
  /** How often all shards began anew. */
  renewals = 0
  /** How often everything was brought back to one shard. */
  broughtBack = 0

  constructor(session: Session, o: PoolOptions) {
    this.session = this.first = session
    this.cuts = o.cuts
    this.host = o.host
    this.weightMax = o.weightMax ?? 500_000
    this.worthWhile = o.worthWhile ?? WORTH_WHILE
    this.aloneFirst = o.aloneFirst ?? FIRST_MS
    this.worth = o.worth ?? new Worth()
    this.modules = o.modules ?? []
    this.auto = o.workers === 'auto'
    this.workers = Math.min(SHARDS_MAX - 1, o.workers === 'auto' ? Math.max(1, cores() - 1) : o.workers)
    this.base = this.auto ? 0 : 1
    this.active = !this.auto
    session.team = this
  }

  wake(): void {
    if (this.awake !== null) this.awake()
    else this.signalled = true
  }

  look(): boolean {
    const now = performance.now()
    const took = now - this.aloneSince
    const cpu = cpuMs()
    // Where others use the cores too, a short program takes long.
    const alone = Math.min(took, cpu - this.aloneCpu)
    this.aloneSince = now
    this.aloneCpu = cpu
    if (this.looks < PRACTICE_TO && this.wires === null) this.practise()
    if (took < QUANTUM_MS / 2) this.quantum = Math.min(QUANTUM_MAX, 2 * this.quantum)
    else if (took > 2 * QUANTUM_MS) this.quantum = Math.max(1, Math.floor((this.quantum * QUANTUM_MS) / took))
    const { comms } = this.session.shard
    if (took > 1) this.knowRate((comms - this.aloneComms) / Math.min(took, Math.max(1, alone)))
    this.worth.alone(alone, comms - this.aloneComms)
    this.aloneComms = comms
    if (this.coming) return true
    this.crowdedLooks = this.session.shard.queue.length >= ALONE_QUEUE ? this.crowdedLooks + 1 : 0
    if (this.session.atomicPending || !this.worth.mayTry || this.crowdedLooks < ALONE_LOOKS || this.failed) return false
    this.coming = true
    this.starting = (this.piscina === null ? this.bringUp() : this.connect())
      .catch(() => {
        // Nothing has left this thread: it goes on alone.
        this.failed = true
        this.lost = null
        if (this.active) this.goAlone()
      })
      .finally(() => {
        this.coming = false
      })
    return true
  }

  /** For some milliseconds there seem to be others, so that the host compiles the run loop with them in mind. */
  private practise(): void {
    const { session } = this
    const { shard } = session
    this.looks++
    if (this.looks === PRACTICE_FROM) Mesh.alone(shard, uri => session.systemName(uri)).practise()
    else if (this.looks === PRACTICE_TO) shard.elsewhere = null
  }
  /** Quanta so far, as long as that is of interest. */
  private looks = 0

  /** `auto`: everything is here and nothing runs elsewhere. It goes on as if there had never been others; the workers wait, for another trial costs less then. */
  private goAlone(): void {
    const { control, shard } = this.session
    this.leaving = this.active = false
    this.places = null
    this.own.mesh.retire()
    control.later = control.migrate = null
    this.worth.giveUp(this.triedRate)
    this.crowdedLooks = 0
    this.aloneSince = performance.now()
    this.aloneCpu = cpuMs()
    this.aloneComms = shard.comms
  }

  /** Bring up the workers. `settle` does it when it is first called. */
  start(): Promise<void> {
    this.starting ??= this.bringUp()
    return this.starting
  }

  private async bringUp(): Promise<void> {
    const begin = performance.now()
    const { workers } = this
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
        const { shard } = (task as unknown as Record<symbol, { shard: number }>)[Piscina.queueOptionsSymbol]
        const known = this.threads[shard]
        if (known !== undefined) {
          const found = list.find(w => w.id === known)
          if (found !== undefined) return found
          // It ended between two turns: nobody was told.
          this.lost ??= new WorkerLost(shard, 'it ended')
          this.wake()
          return null
        }
        const free = list.find(w => !this.threads.includes(w.id))
        if (free === undefined) return null
        this.threads[shard] = free.id
        return free
      },
    })
    this.piscina.on('error', () => {}) // told by the turn that it ended
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new WorkerLost(0, 'the workers do not start')), START_MS)
    })
    try {
      await Promise.race([Promise.all(this.each(index => this.prepare(index, {}))), late])
      await Promise.race([this.connect(), late])
      this.spread()
    } finally {
      clearTimeout(timer)
    }
    this.startMs = performance.now() - begin
  }

  private each<T>(what: (index: number) => T): T[] {
    return Array.from({ length: this.workers }, (_, i) => what(i + 1))
  }

  /** A shard for each worker, and a way between each two. Later again, while everything is in shard 0: then they begin anew and have nothing to remember. */
  private async connect(): Promise<void> {
    const { session, base, modules } = this
    const shards = this.workers + 1
    const wires = makeWires(shards)
    this.wires = wires
    this.board = new Board(wires)
    this.showOwn()
    const now = performance.now()
    this.lookFrom(now)
    this.quickUntil = now + QUICK_MS
    // From here on shard 0 has others: nothing runs in between.
    const options = plainOptions(session.shard.options)
    const systems = systemsOf(session)
    const numbers = reserve(session.shard, shards)
    const mesh = connect(session.shard, 0, wires, base, uri => session.systemName(uri))
    this.own = new Member(session.shard, mesh, this.board)
    this.own.draw(numbers)
    this.active = true
    this.control()
    mesh.claimPinned()
    mesh.tellValues(session.injected)
    for (const [op, server] of session.shard.primitives.served()) mesh.operation(op, server)
    mesh.flush()
    const begun = this.each(index => this.prepare(index, { init: { index, wires, base, options, systems, numbers, modules } }))
    for (const r of await this.unlessLost(Promise.all(begun))) this.last[r.index] = r
    this.drawn = false
    this.heavy = false
    this.worth.begin()
    if (!this.auto && this.worthWhile > 0 && this.aloneFirst > 0 && this.workers > this.base && this.soloRate === 0) {
      this.firstMs = 0
      this.togetherUntil = Number.POSITIVE_INFINITY
    }
    if (this.auto && this.broughtBack === 0) this.warmAt = performance.now() + WARM_MS
    this.board.doneSince(this.fared)
    this.faredAt = performance.now()
    this.faredCpu = cpuMs()
  }

  /** What a worker is asked that has ended unnoticed is never answered: then this ends all the same. @throws WorkerLost */
  private async unlessLost<T>(asked: Promise<T>): Promise<T> {
    let over = false
    const ended = asked.finally(() => {
      over = true
      this.wake()
    })
    ended.catch(() => {}) // it is told below, or something worse is
    while (!over) {
      if (this.lost !== null) throw this.lost
      await this.pause(this.board.hostBell, LOOK_MS)
    }
    return ended
  }

  private call(shard: number, task: WorkerTask): Promise<TurnReport> {
    const { Piscina } = poolLibrary()
    return (this.piscina as Piscina).run({ ...task, [Piscina.queueOptionsSymbol]: { shard } }) as Promise<TurnReport>
  }

  /** What a worker is asked before it has turns. @throws WorkerLost if it cannot answer: like one that is lost later */
  private prepare(shard: number, task: WorkerTask): Promise<TurnReport> {
    return this.call(shard, task).catch(e => {
      throw new WorkerLost(shard, e instanceof Error ? e.message : String(e))
    })
  }

  /** Let a shard have a turn. */
  private begin(shard: number, turn: TurnOrder): void {
    this.busy[shard] = true
    this.inFlight++
    this.board.takeTime(shard)
    const { recoveries } = this
    this.call(shard, { turn }).then(
      report => {
        if (recoveries !== this.recoveries) return
        this.busy[shard] = false
        this.inFlight--
        this.last[shard] = report
        mergeReport(this.session, report)
        this.count(report)
        this.wake()
      },
      e => {
        if (recoveries !== this.recoveries) return
        this.busy[shard] = false
        this.inFlight--
        this.lost ??= new WorkerLost(shard, e instanceof Error ? e.message : String(e))
        this.wake()
      },
    )
  }

  /** Turns that are running are to end soon. */
  private callIn(): void {
    for (let i = 1; i <= this.workers; i++) if (this.busy[i]) this.board.hurry(i)
  }

  private count(
    r: Pick<TurnReport, 'index' | 'slices' | 'comms' | 'crossings' | 'busyMs'> & { readonly drawn?: boolean; readonly weight?: number },
  ): void {
    const t = (this.tally[r.index] ??= { slices: 0, comms: 0, crossings: 0, busyMs: 0, turns: 0 })
    t.slices += r.slices
    t.comms += r.comms
    t.crossings += r.crossings
    t.busyMs += r.busyMs
    t.turns++
    if (r.drawn === true) this.drawn = true
    if ((r.weight ?? 0) > this.weightMax) this.heavy = true
  }

  private mayRenewAt = 0
  /** Everything was brought to shard 0, at rest. */
  private rested = false
  /** Time for all shards to begin anew. */
  private get outgrown(): boolean {
    if (this.drawn) return true
    if (!this.heavy && this.own.mesh.weight <= this.weightMax) return false
    return performance.now() >= this.mayRenewAt
  }
  /** A worker will soon need new numbers, which are given out while all shards stand still. */
  private drawn = false
  /** A shard remembers more than it should. */
  private heavy = false

  private hasMail(shard: number): boolean {
    const { shards, rings } = this.wires as Wires
    for (let i = 0; i < shards; i++) {
      const ring = rings[i * shards + shard]
      if (ring !== null && ringPending(ring)) return true
    }
    return false
  }

  /** Turns for all that have something to do, or could be given something. */
  private dispatch(now: number): void {
    const together = now < this.togetherUntil
    let most = 0
    for (let i = this.base; i <= this.workers; i++) most = Math.max(most, this.board.load(i))
    for (let i = 1; i <= this.workers; i++) {
      if (this.busy[i]) continue
      if (this.last[i]?.more !== true && !this.hasMail(i) && !this.board.isCalled(i) && (together || most <= 1)) continue
      const redirect = together && i > this.base ? this.base : undefined
      const [gas, room] = [this.shares(), this.room(i)]
      const ms = gas === undefined && room === undefined && this.cuts === undefined ? TURN_MS : COUNTED_TURN_MS
      this.begin(i, { ms, sleepMs: SLEEP_MS, mayAsk: !together, redirect, gas, room })
    }
  }

  /** What limited accounts may use in one turn of one worker: a part of what is left, so that all workers together end close to the limit. */
  private shares(): [number, number][] | undefined {
    const { accounts } = this.session.kept
    let shares: [number, number][] | undefined
    for (const a of accounts) {
      if (!a.limited) continue
      shares ??= []
      shares.push([a.id, Math.max(GAS_MIN, Math.floor((a.gasLimit - a.gas) / (2 * this.workers)))])
    }
    return shares
  }

  /**
   * If all shards together get less done than one would by itself, and it is the crossings that keep them from it, bring everything back into one for a while.
   */
  private judge(now: number): void {
    if (this.worthWhile === 0 || this.workers === this.base) return
    const trial = now >= this.togetherUntil
    const wall = now - this.lookedAt
    if (wall < (trial ? TRIAL_MS : WINDOW_MS)) return
    const cpu = cpuMs()
    // Where others use the cores too, everything takes longer.
    const used = cpu - this.lookedCpu
    const had = Math.min(wall, used)
    this.lookedAt = now
    this.lookedCpu = cpu
    const { busyMs, crossingMs, crossings, comms } = this.board.doneSince(this.seen)
    if (!trial) {
      this.quickUntil = now + QUICK_MS
      this.lostMs = this.dearMs = this.slowMs = 0
      const rate = comms / Math.max(1, had)
      const rising = rate > RISING * this.soloRate
      this.soloRate = this.soloRate === 0 ? rate : (1 - SOLO_PART) * this.soloRate + SOLO_PART * rate
      this.knowRate(rate)
      if (this.firstMs >= 0) {
        this.firstMs += had
        if (this.firstMs >= (rising ? 2 : 1) * this.aloneFirst) {
          this.firstMs = -1
          this.aloneRate = this.soloRate
          this.togetherUntil = now
        }
        return
      }
      this.prove(now, rate)
      return
    }
    const crossed = crossingMs + crossings * SENDING_MS
    // Shards whose messages stay where they are work like one by itself, each. Before the host has compiled what they run they are slower: that counts little.
    if (busyMs >= wall / 2 && crossed <= QUIET_PART * busyMs) this.knowRate(comms / busyMs, comms > this.aloneRate * busyMs ? 2 : 0.1)
    const part = Math.min(1, had / WINDOW_MS)
    this.triedRate += (comms / Math.max(1, had) - this.triedRate) * part
    // How long one shard by itself would have been at it, and how much of the time that was not is due to crossings.
    const worked = busyMs - crossed
    const useful = this.aloneRate === 0 ? worked : Math.min(worked, comms / this.aloneRate)
    const idle = Math.max(0, (this.workers + 1 - this.base) * wall - busyMs)
    const lost = Math.min(this.worthWhile * had - useful, crossed + Math.min(idle, crossings * AWAITING_MS))
    this.lostMs = Math.max(0, this.lostMs + lost)
    if (now < this.warmAt) this.lostMs = Math.min(this.lostMs, LOST_MS / 2)
    if (!this.auto && this.soloRate > 0 && now >= this.provedUntil) {
      this.busyLately += busyMs - this.busyLately / SHARE_LOOKS
      this.usedLately += used - this.usedLately / SHARE_LOOKS
      const share = Math.min(1, this.usedLately / Math.max(0.001, this.busyLately))
      this.slowMs = Math.max(0, this.slowMs + SLOW * had * share - comms / this.soloRate)
    }
    const vain = worked < GAIN * had && crossed + crossings * AWAITING_MS >= DEAR * wall
    this.dearMs = vain || (crossed > 0 && crossed >= DEAR * busyMs) ? this.dearMs + wall : Math.max(0, this.dearMs - wall / 2)
    // Then nobody waits for what crosses; whether much is gained is for `worth` to say.
    if (this.auto && this.worth.workApart) this.lostMs = this.dearMs = 0
    if (this.slowMs > SLOW_MS || this.lostMs > LOST_MS || (this.dearMs > DEAR_MS && now >= this.provedUntil)) this.bringBack(now)
  }

  /** How fast one shard is, now that it is by itself: if it is slower than all together were, they go on. It gets some time for what has still to be compiled. */
  private prove(now: number, rate: number): void {
    if (this.proving < 0) return
    this.proving++
    const better = rate >= this.worthWhile * this.triedRate
    if (better || this.proving === PROOF_LOOKS) this.proving = -1
    if (better || this.proving >= 0) return
    this.aloneRate = rate
    this.togetherUntil = now
    this.togetherMs = Math.max(TOGETHER_MS, this.togetherMs / 2)
    this.provedUntil = now + this.provedMs
    this.provedMs = Math.min(TOGETHER_MAX_MS, 2 * this.provedMs)
  }

  /** What is done from now on is looked at. */
  private lookFrom(now: number): void {
    this.lookedAt = now
    this.lookedCpu = cpuMs()
    this.lostMs = this.dearMs = 0
    this.board.doneSince(this.seen)
  }

  /** `auto`: whether the calling thread would get as much done by itself. */
  private poorly(now: number): boolean {
    const wall = now - this.faredAt
    if (this.leaving || wall < TRIAL_MS) return false
    const { busyMs, crossingMs, crossings, comms } = this.board.doneSince(this.fared)
    const cpu = cpuMs()
    // Where others use the cores too, everything takes longer.
    const had = wall * Math.min(1, (cpu - this.faredCpu) / Math.max(0.001, busyMs))
    this.faredAt = now
    this.faredCpu = cpu
    const apart = crossingMs + crossings * SENDING_MS <= APART_CROSSING * busyMs
    const others = this.othersIdle ? Others.Idle : apart ? Others.Apart : Others.Mixed
    return this.worth.together(had, this.aloneRate === 0 ? busyMs : comms / this.aloneRate, others)
  }

  /** Whether no worker has anything to run. */
  private get othersIdle(): boolean {
    for (let i = 1; i <= this.workers; i++) if (this.board.load(i) > 0 || this.board.doing(i) === Doing.Running) return false
    return true
  }

  private bringBack(now: number): void {
    this.lostMs = this.dearMs = 0
    this.proving = 0
    this.broughtBack++
    if (this.auto) {
      this.leaving = true
      return
    }
    this.togetherUntil = now + this.togetherMs
    this.togetherMs = Math.min(TOGETHER_MAX_MS, 2 * this.togetherMs)
    this.bringing = Array.from({ length: this.workers }, (_, i) => i + 1).filter(i => i !== this.base)
  }

  /** @param weight 1: over as long a time as usual */
  private knowRate(rate: number, weight = 1): void {
    const part = Math.min(1, 0.2 * weight)
    this.aloneRate = this.aloneRate === 0 ? rate : (1 - part) * this.aloneRate + part * rate
  }

  /** Shards that have still to be told to hand over everything. */
  private bringing: number[] = []

  private bring(): void {
    if (this.bringing.length === 0) return
    this.bringing = this.bringing.filter(i => {
      if (this.busy[i]) {
        this.board.hurry(i)
        return true
      }
      this.begin(i, { ms: TURN_MS, sleepMs: 0, mayAsk: false, giveAll: this.base, redirect: this.base })
      return false
    })
  }

  /** Whether nothing is under way anywhere. Only while no turn is running. */
  private get quiet(): boolean {
    const { shard } = this.own
    if (shard.queue.length > 0 || shard.inbox.length > 0 || shard.kernel.pumpPending) return false
    for (let i = 1; i <= this.workers; i++) {
      const r = this.last[i] as TurnReport
      if (r.more || r.pending > 0) return false
    }
    return this.silent
  }

  /** Whether no record is under way. Only while no turn is running. */
  private get silent(): boolean {
    const { mesh } = this.own
    let { sent, received } = mesh
    for (let i = 1; i <= this.workers; i++) {
      const r = this.last[i] as TurnReport
      if (r.spilled > 0 || this.hasMail(i)) return false
      sent += r.sent
      received += r.received
    }
    return sent === received && mesh.spilled === 0 && !mesh.incoming
  }

  /** What was started in the calling thread goes to the workers, program by program. */
  private handOut(): void {
    const { shard, mesh } = this.own
    if (shard.queue.length === 0) return
    const spread = performance.now() < this.togetherUntil ? 1 : this.workers
    for (const m of shard.takeRunnable()) mesh.giveMachine(m, 1 + ((m.account.id - 1) % spread))
  }

  /** A turn of shard 0. True if there was something to do. */
  private ownTurn(): boolean {
    const { own, session } = this
    if (!this.auto) {
      this.handOut()
      return own.step(2000)
    }
    const { shard, mesh } = own
    const { slices, comms } = shard
    const { crossings } = mesh
    const began = performance.now()
    const active = own.work(began < this.quickUntil && began >= this.togetherUntil ? OWN_TRIAL_MS : OWN_TURN_MS)
    const busyMs = performance.now() - began
    this.count({ index: 0, slices: shard.slices - slices, comms: shard.comms - comms, crossings: mesh.crossings - crossings, busyMs })
    this.showOwn()
    if (session.shard.queue.length === 0 && performance.now() >= this.togetherUntil) own.askForWork()
    return active
  }

  /** What shard 0 itself has done: it counts for all. */
  private showOwn(): void {
    const t = this.tally[0]
    if (t !== undefined) this.board.setDone(0, t.busyMs, this.own.crossingMs, t.crossings, t.comms)
  }

  async settle(o: { stepsMax?: number } = {}): Promise<Status> {
    const until = o.stepsMax === undefined ? Number.POSITIVE_INFINITY : performance.now() + LOOK_MS
    for (;;) {
      await this.held()
      this.going = true
      let status: Status | undefined
      try {
        status = await this.run(until)
        return status
      } catch (e) {
        if (!(e instanceof WorkerLost) || this.state === null) throw e
        await this.recover(this.state)
      } finally {
        // Between two calls the workers go on: who wants everything to stand still has to wait for the next one.
        this.going = this.active && (status === 'budget' || this.stills.length > 0)
        if (!this.active) for (const resolve of this.stills.splice(0)) resolve()
      }
    }
  }

  /** Everything as it was at the last cut, on new workers. */
  private async recover(state: string): Promise<void> {
    this.recoveries++
    this.inVain = state === this.from ? this.inVain + 1 : 0
    this.from = state
    if (this.inVain >= IN_VAIN_MAX) throw this.lost
    const cuts = this.cuts as NonNullable<PoolOptions['cuts']>
    const { piscina } = this
    this.piscina = null
    await piscina?.destroy()
    this.host?.back()
    this.session = cuts.restore(state)
    this.session.team = this
    this.cutAt = this.session.shard.comms
    this.places = null
    this.last = []
    this.busy = []
    this.threads = []
    this.bringing = []
    this.inFlight = 0
    this.lost = null
    this.cutting = this.counting = false
    this.starting = null
    this.state = state
  }

  /** How each shard stands, by what it said last: nothing waits for that. Undefined until workers have come. */
  shards(): ShardState[] | undefined {
    if (!this.active || this.wires === null) return undefined
    const { shard } = this.session
    // Shard 0 counts for all.
    let { slices, comms } = shard
    const others: ShardState[] = []
    for (let i = 1; i <= this.workers; i++) {
      const t = this.tally[i]
      slices -= t?.slices ?? 0
      comms -= t?.comms ?? 0
      const queue = this.board.load(i)
      const alive = this.last[i]?.alive ?? 0
      others.push({
        shard: i,
        queue,
        blocked: Math.max(0, alive - queue),
        slices: t?.slices ?? 0,
        comms: t?.comms ?? 0,
        busyMs: t?.busyMs ?? 0,
        crossings: t?.crossings ?? 0,
      })
    }
    const t = this.tally[0]
    const queue = shard.queue.length
    const blocked = Math.max(0, shard.alive - queue)
    return [{ shard: 0, queue, blocked, slices, comms, busyMs: t?.busyMs ?? 0, crossings: t?.crossings ?? 0 }, ...others]
  }

  /** Resolves when everything is in shard 0 and nothing runs, until the event loop turns. */
  still(): Promise<void> {
    if (!this.going) return Promise.resolve()
    this.wake()
    return new Promise(resolve => this.stills.push(resolve))
  }
  private stills: (() => void)[] = []

  /** Does something while everything is in shard 0 and nothing runs, and lets nothing run until it is done. */
  together<T>(what: () => T | Promise<T>): Promise<T> {
    const begin = (): Promise<T> => {
      const done = (async () => what())()
      const held = done.then(
        () => {},
        () => {}, // told to whoever asked
      )
      this.holds.push(held)
      return done
    }
    return this.going ? this.still().then(begin) : begin()
  }
  private holds: Promise<void>[] = []

  private async held(): Promise<void> {
    while (this.holds.length > 0) await Promise.all(this.holds.splice(0))
  }

  /** `settle` is at it. */
  private going = false

  /** Requests to control names need everything in one place. */
  private control(): void {
    const { control, shard } = this.session
    control.later = what => {
      shard.pending++
      void this.still().then(() => {
        shard.pending--
        what()
      })
    }
    control.migrate = (machines, to) => {
      if (typeof to !== 'number' || !Number.isInteger(to) || to < 0 || to > this.workers) return `shards are 0 to ${this.workers}`
      if (to > 0) this.own.mesh.bring(machines, to)
      return undefined
    }
  }

  /** What all shards together hold as far as they have told: machines, and bytes of each account. Each speaks of another moment. */
  private holdings(): { alive: number; bytes: Map<number, number> } {
    let { alive } = this.session.shard
    const bytes = new Map<number, number>()
    for (const a of this.session.kept.accounts) bytes.set(a.id, a.memory)
    for (let i = 1; i <= this.workers; i++) {
      const r = this.last[i]
      if (r === null || r === undefined) continue
      alive += r.alive
      for (const [id, n] of r.memory) bytes.set(id, (bytes.get(id) ?? 0) + n)
    }
    return { alive, bytes }
  }
  private get holdsLimited(): boolean {
    const { machines, memory } = this.session.shard.limits
    return machines !== Number.POSITIVE_INFINITY || memory !== Number.POSITIVE_INFINITY
  }

  /** Whether that seems to be more than it may be. To be sure one has to look while nothing moves; not at once again if it was not so. */
  private get overfull(): boolean {
    if (!this.holdsLimited || performance.now() < this.countAt) return false
    const { machines, memory } = this.session.shard.limits
    const { alive, bytes } = this.holdings()
    if (alive > machines) return true
    for (const n of bytes.values()) if (n > memory) return true
    return false
  }

  /** How far each shard may go in its next turn: what it has, and its part of what is left. */
  private room(shard: number): TurnOrder['room'] {
    if (!this.holdsLimited) return undefined
    const { machines, memory } = this.session.shard.limits
    const { alive, bytes } = this.holdings()
    const own = this.last[shard]
    const part = (limit: number, all: number, here: number): number => here + Math.max(0, (limit - all) / this.workers)
    return {
      machines: part(machines, alive, own?.alive ?? 0),
      memory: memory === Number.POSITIVE_INFINITY ? [] : [...bytes].map(([id, n]) => [id, part(memory, n, heldIn(own, id))]),
    }
  }

  /** While everything is in shard 0: whoever has most of the machines pays if there are too many. Bytes were counted as they came. */
  private recount(): void {
    const { shard } = this.session
    const max = shard.limits.machines
    if (shard.alive <= max) return
    const counts = new Map<Account, number>()
    for (const { account } of shard.machines()) counts.set(account, (counts.get(account) ?? 0) + 1)
    const [[most]] = [...counts].sort((x, y) => y[1] - x[1])
    const message = `the program has more than ${max} machines (limit max-machines)`
    const nowhere = { start: -1, end: -1, machine: 'm:0', startedBy: -1 }
    shard.stopAccount(most, { code: 'RHO604', message, hint: 'raise --max-machines', ...nowhere, limit: true })
  }
  /** All shards are to be counted together. */
  private counting = false
  /** Not again before. */
  private countAt = 0

  /** Whether it is time for a cut; then no more turns begin until it is taken. */
  private get cutDue(): boolean {
    const { cuts, session } = this
    if (this.outgrown) this.cutting = true
    else if (cuts !== undefined) this.cutting ||= session.shard.comms - this.cutAt >= cuts.every
    else if (session.keeper !== null) this.cutting ||= performance.now() >= this.commitAt && this.moved
    return this.cutting
  }
  /** When the next commit of a kept session is due. */
  private commitAt = 0

  /** Whether anything has happened since the last cut. */
  private get moved(): boolean {
    const { shard } = this.session
    return shard.slices + shard.produced + shard.comms !== this.cutSum
  }
  private cutSum = -1

  /** Everything is in one shard and nothing under way: what has been printed may leave. */
  private async takeCut(status: Status): Promise<void> {
    const { cuts, session } = this
    const { shard } = session
    this.cutting = false
    if (cuts !== undefined) {
      this.state = session.snapshot()
      this.cutAt = shard.comms
    }
    if (session.keeper !== null) {
      const began = performance.now()
      await session.keeper.boundary(status === 'budget' ? 'idle' : status)
      const now = performance.now()
      this.commitAt = now + Math.max(COMMIT_MS, COMMIT_SHARE * (now - began))
    }
    this.host?.release()
    this.cutSum = shard.slices + shard.produced + shard.comms
  }

  private async run(until: number): Promise<Status> {
    if (this.cuts !== undefined && this.state === null) await this.takeCut('budget')
    await this.start()
    if (!this.active) return 'budget' // they have not come
    const { session } = this
    if (this.rested) this.spread()
    this.rested = false
    for (;;) {
      if (this.lost !== null) throw this.lost
      if (session.stopped || this.first.stopped) return 'idle'
      const due = this.cutDue
      this.counting ||= this.overfull
      if (due || this.counting || this.leaving || this.stills.length > 0) {
        if (this.inFlight > 0) {
          this.callIn()
          await this.pause(this.board.hostBell, LOOK_MS)
          continue
        }
        const began = performance.now()
        await this.collapse(this.stills.length > 0)
        if (this.counting) {
          this.counting = false
          this.recount()
          session.shard.run(1) // looks first whether somebody has to stop: before anything goes back to the workers
          const now = performance.now()
          this.countAt = now + COUNT_SHARE * (now - began)
        }
        if (due) await this.takeCut('budget')
        if (due && this.outgrown) {
          this.renewals++
          await this.connect()
          // What has to be remembered all the same is no reason to do it again.
          this.weightMax = Math.max(this.weightMax, 2 * this.own.mesh.weight)
          this.mayRenewAt = performance.now() + RENEW_MS
        }
        // Not before: what is moved now is on the wires.
        for (const resolve of this.stills.splice(0)) resolve()
        await new Promise<void>(resolve => setImmediate(resolve))
        if (this.holds.length > 0) {
          await this.held()
          // What was made safe meanwhile will not be done again.
          if (session.keeper !== null) await this.takeCut('idle')
        }
        if (this.leaving) {
          this.goAlone()
          return 'budget'
        }
        this.spread()
      }
      const { own } = this
      const seen = this.board.hostBell
      this.board.setDoing(0, Doing.Running)
      const active = this.ownTurn()
      this.board.setDoing(0, Doing.Nothing)
      const now = performance.now()
      this.judge(now)
      if (this.auto && this.worthWhile > 0 && this.poorly(now)) this.bringBack(now)
      this.bring()
      this.dispatch(now)
      if (this.inFlight === 0 && !active && this.bringing.length === 0 && this.quiet) {
        const { sent } = own.mesh
        const status = session.run()
        own.step(0)
        if (own.mesh.sent !== sent || own.shard.queue.length > 0) continue
        if (status === 'idle') {
          // Who waits for an answer may wait for what was printed before.
          if ((this.cuts !== undefined || session.keeper !== null) && this.moved) {
            await this.collapse()
            await this.takeCut('idle')
            this.spread()
          }
          await this.pause(this.board.hostBell, LOOK_MS)
          if (performance.now() >= until) return 'budget'
          continue
        }
        if (status === 'budget') continue
        await this.collapse()
        this.rested = true
        const end = session.run()
        await this.takeCut(end)
        return end
      }
      if (now >= until) return 'budget'
      if (active) await new Promise<void>(resolve => setImmediate(resolve))
      else await this.pause(seen, now < this.togetherUntil || this.workers === this.base ? LOOK_MS : TRIAL_MS)
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

  /** Everything comes back to shard 0. Only while no turn is running. @param watched somebody will look: remember where each machine was */
  async collapse(watched = false): Promise<void> {
    const { own } = this
    this.places = own.mesh.cameFrom = new Map()
    own.mesh.cameFromBut = watched ? -1 : this.base
    own.mesh.forget()
    for (let i = 1; i <= this.workers; i++) this.begin(i, { ms: 60_000, sleepMs: 0, mayAsk: false, giveAll: 0 })
    for (;;) {
      own.mesh.drain()
      own.mesh.flush()
      if (this.lost !== null) throw this.lost
      if (this.inFlight === 0) {
        if (this.silent) break
        for (let i = 1; i <= this.workers; i++)
          if (this.hasMail(i) || (this.last[i]?.spilled ?? 0) > 0) this.begin(i, { ms: 60_000, sleepMs: 0, mayAsk: false, giveAll: 0 })
      }
      await this.pause(this.board.hostBell, 1)
    }
    own.mesh.cameFrom = null
  }
  /** Where things were before everything came to shard 0. */
  private places: Whereabouts | null = null

  /** What was brought together goes back to where it was, and what has come since to the lowest shard that programs run in. */
  private spread(): void {
    const { places } = this
    this.places = null
    const before = performance.now() < this.togetherUntil ? null : places
    if (!this.auto || (before !== null && before.size > 0)) this.own.mesh.giveAll(this.base, before)
  }

  shardOf(m: Machine): number {
    return this.places?.get(m.priv) ?? 0
  }

  /** Whatever is going on is brought together in the session, as it is now. */
  async gather(): Promise<void> {
    if (this.lost !== null) throw this.lost
    if (!this.active || this.wires === null || this.piscina === null) return
    this.bringing = []
    while (this.inFlight > 0) {
      if (this.lost !== null) throw this.lost
      this.callIn()
      await this.pause(this.board.hostBell, LOOK_MS)
    }
    await this.collapse()
    if (this.session.keeper === null) this.host?.release()
  }

  /** Calls back between slices, once messages for a channel come to the session itself; from then on they always do if it listens there. */
  claim(chan: Chan, then: () => void): void {
    if (this.wires === null || !this.active) then()
    else this.own.mesh.claim(chan, then)
  }

  /** Whether everything is in the session, and nothing runs. */
  get resting(): boolean {
    return !this.going
  }

  /** Whether workers are in the midst of something. */
  get running(): boolean {
    return this.inFlight > 0
  }

  /** End the worker of a shard at once. Its shard is lost. */
  async terminate(shard: number): Promise<void> {
    await this.piscina?.threads.find(t => t.threadId === this.threads[shard])?.terminate()
  }

  /** For whoever looks for mistakes or measures: how long starting the workers took, how often everything was brought back, what each has done. */
  get told(): object {
    const { startMs, broughtBack, tally } = this
    return { startMs, broughtBack, tally }
  }

  /** Ends the workers. What they hold is gone. */
  async close(): Promise<void> {
    const { piscina } = this
    this.piscina = null
    await piscina?.destroy()
  }
}
