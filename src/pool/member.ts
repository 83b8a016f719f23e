import type { Machine } from '../machine/machine.ts'
import { SystemName } from '../machine/names.ts'
import type { Failure, Note } from '../machine/outcome.ts'
import type { Handler } from '../machine/primitives.ts'
import { Shard, type ShardOptions } from '../machine/shard.ts'
import { type Tally, takeTally } from '../machine/tally.ts'
import { Bundle, type Term, Unforgeable } from '../normal/term.ts'
import { type AccountDelta, Mesh } from './mesh.ts'
import { RingReader, RingWriter, ringMemory } from './ring.ts'
import { HIDDEN, rangeSize } from './wire.ts'

/** Words of shared memory that each shard has, a cache line. */
const STRIDE = 16
/** Counts up when there is news for the shard. */
const BELL = 0
/** 0: no turn is running; 1: running; 2: waiting for the bell. */
const DOING = 1
/** Runnable machines. */
const LOAD = 2
/** Bits of shards that ask for work. */
const ASKED = 3
/** Something came from outside between two turns. */
const CALLED = 4
/** What the shard has done so far; count round: microseconds with something to do, messages and machines that crossed, COMMs. */
const BUSY = 5
const CROSSED = 6
const COMMS = 7
/** The turn of the shard is to end. */
const HURRY = 8
/** Like the others of what was done: microseconds that were spent on what crossed. */
const CROSSING = 9

export const Doing = { Nothing: 0, Running: 1, Waiting: 2 } as const

/** What the shards of one space share: a ring for each ordered pair, and a few words for each shard. */
export interface Wires {
  readonly shards: number
  readonly words: SharedArrayBuffer
  /** Ring from i to j at i · shards + j. */
  readonly rings: readonly (SharedArrayBuffer | null)[]
}

export function makeWires(shards: number, ringBytes?: number): Wires {
  const rings: (SharedArrayBuffer | null)[] = []
  for (let i = 0; i < shards; i++) for (let j = 0; j < shards; j++) rings.push(i === j ? null : ringMemory(ringBytes))
  // One place more than shards: whoever starts turns has a bell of its own.
  return { shards, words: new SharedArrayBuffer(4 * STRIDE * (shards + 1)), rings }
}

/** The host has it, the library of types that this project uses does not. */
interface AsyncWaits {
  waitAsync(words: Int32Array, at: number, value: number, ms: number): { readonly async: boolean; readonly value: unknown }
}

/** Sums of the words of all shards at some moment. */
export interface Done {
  busy: number
  crossing: number
  crossed: number
  comms: number
}

/** The words that the shards share. */
export class Board {
  private readonly words: Int32Array
  readonly shards: number
  constructor(wires: Wires) {
    this.words = new Int32Array(wires.words)
    this.shards = wires.shards
  }
  /** News for `shard`; wakes it if it waits, and whoever starts turns if it has none. */
  ring(shard: number): void {
    const at = shard * STRIDE
    Atomics.add(this.words, at + BELL, 1)
    const doing = Atomics.load(this.words, at + DOING)
    if (doing === Doing.Waiting) Atomics.notify(this.words, at + BELL)
    else if (doing === Doing.Nothing) this.ringHost()
  }
  ringHost(): void {
    const at = this.shards * STRIDE
    Atomics.add(this.words, at + BELL, 1)
    Atomics.notify(this.words, at + BELL)
  }
  /** Count of the bell of whoever starts turns. */
  get hostBell(): number {
    return Atomics.load(this.words, this.shards * STRIDE + BELL)
  }
  /** Resolves when the bell of whoever starts turns has rung since `seen`. */
  waitHost(seen: number, ms: number): Promise<unknown> | null {
    const r = (Atomics as unknown as AsyncWaits).waitAsync(this.words, this.shards * STRIDE + BELL, seen, ms)
    return r.async ? (r.value as Promise<unknown>) : null
  }
  /** Whether no other shard is in the midst of a turn with something to do. */
  nobodyBut(shard: number): boolean {
    for (let i = 0; i < this.shards; i++) if (i !== shard && this.doing(i) === Doing.Running) return false
    return true
  }
  bell(shard: number): number {
    return Atomics.load(this.words, shard * STRIDE + BELL)
  }
  /** Sleeps until the bell rings, at most `ms`. */
  wait(shard: number, seen: number, ms: number): void {
    Atomics.wait(this.words, shard * STRIDE + BELL, seen, ms)
  }
  doing(shard: number): number {
    return Atomics.load(this.words, shard * STRIDE + DOING)
  }
  setDoing(shard: number, what: number): void {
    Atomics.store(this.words, shard * STRIDE + DOING, what)
  }
  load(shard: number): number {
    return Atomics.load(this.words, shard * STRIDE + LOAD)
  }
  setLoad(shard: number, n: number): void {
    Atomics.store(this.words, shard * STRIDE + LOAD, n)
  }
  ask(of: number, by: number): void {
    Atomics.or(this.words, of * STRIDE + ASKED, 1 << by)
  }
  takeAsked(shard: number): number {
    const at = shard * STRIDE + ASKED
    return Atomics.load(this.words, at) === 0 ? 0 : Atomics.exchange(this.words, at, 0)
  }
  /** Something came from outside for a shard that has no turn: it needs one. */
  call(shard: number): void {
    Atomics.store(this.words, shard * STRIDE + CALLED, 1)
    this.ringHost()
  }
  isCalled(shard: number): boolean {
    return Atomics.load(this.words, shard * STRIDE + CALLED) !== 0
  }
  heard(shard: number): void {
    Atomics.store(this.words, shard * STRIDE + CALLED, 0)
  }
  /** The turn of a shard is to end soon; `takeTime` before its next one. */
  hurry(shard: number): void {
    const at = shard * STRIDE
    if (Atomics.exchange(this.words, at + HURRY, 1) !== 0) return
    Atomics.add(this.words, at + BELL, 1)
    Atomics.notify(this.words, at + BELL)
  }
  takeTime(shard: number): void {
    Atomics.store(this.words, shard * STRIDE + HURRY, 0)
  }
  isHurried(shard: number): boolean {
    return Atomics.load(this.words, shard * STRIDE + HURRY) !== 0
  }
  setDone(shard: number, busyMs: number, crossingMs: number, crossings: number, comms: number): void {
    const at = shard * STRIDE
    Atomics.store(this.words, at + BUSY, busyMs * 1000)
    Atomics.store(this.words, at + CROSSING, crossingMs * 1000)
    Atomics.store(this.words, at + CROSSED, crossings)
    Atomics.store(this.words, at + COMMS, comms)
  }
  /** What all shards have done since `since` was filled the last time; fills it. */
  doneSince(since: Done): { readonly busyMs: number; readonly crossingMs: number; readonly crossings: number; readonly comms: number } {
    let [busy, crossing, crossed, comms] = [0, 0, 0, 0]
    for (let i = 0; i < this.shards; i++) {
      busy += Atomics.load(this.words, i * STRIDE + BUSY)
      crossing += Atomics.load(this.words, i * STRIDE + CROSSING)
      crossed += Atomics.load(this.words, i * STRIDE + CROSSED)
      comms += Atomics.load(this.words, i * STRIDE + COMMS)
    }
    // Both the sender and the receiver have counted a crossing.
    const found = {
      busyMs: ((busy - since.busy) | 0) / 1000,
      crossingMs: ((crossing - since.crossing) | 0) / 1000,
      crossings: ((crossed - since.crossed) | 0) / 2,
      comms: (comms - since.comms) | 0,
    }
    since.busy = busy | 0
    since.crossing = crossing | 0
    since.crossed = crossed | 0
    since.comms = comms | 0
    return found
  }
  /** Whether the question was not heard yet. */
  asks(of: number, by: number): boolean {
    return (Atomics.load(this.words, of * STRIDE + ASKED) & (1 << by)) !== 0
  }
}

/** Ranges of numbers from which shards draw their names and machines, that of shard 1 first. Never given out twice in a space. */
export interface Numbers {
  readonly names: number
  readonly privs: number
  readonly namesEach: number
  readonly privsEach: number
  readonly shards: number
}

/** Ranges for all shards but shard 0, which goes on behind them. */
export function reserve(shard: Shard, shards: number): Numbers {
  const names = Math.max(shard.numbers.names, shard.primitives.nextHidden - HIDDEN)
  const { privs } = shard.numbers
  const numbers = { names, privs, namesEach: rangeSize(names, shards), privsEach: rangeSize(privs, shards), shards }
  skip(shard, numbers, shards)
  return numbers
}

/** Draw from the range of shard `index` from now on, or from what lies behind all of them. */
function skip(shard: Shard, n: Numbers, index: number): void {
  const names = n.names + (index - 1) * n.namesEach
  shard.skipTo({ names, privs: n.privs + (index - 1) * n.privsEach })
  shard.primitives.nextHidden = Math.max(shard.primitives.nextHidden, HIDDEN + names)
}

/** What a new shard has to know. */
export interface MemberInit {
  readonly index: number
  readonly wires: Wires
  readonly base: number | 'hash'
  readonly options: Omit<ShardOptions, 'uri' | 'observer'>
  /** System channels that shard 0 has given names of its own: URI and number. */
  readonly systems: readonly (readonly [uri: string, counter: number])[]
  readonly numbers: Numbers
  /** URLs of modules whose functions serve operations. */
  readonly modules: readonly string[]
}

export interface TurnOrder {
  /** Milliseconds. */
  readonly ms: number
  /** Milliseconds that the shard may sleep when it has nothing to do, before its turn ends. */
  readonly sleepMs: number
  /** Hand everything to this shard. */
  readonly giveAll?: number
  /** Keep nothing: what comes goes on to this shard. */
  readonly redirect?: number
  /** Only take in what has come. */
  readonly drainOnly?: boolean
  /** Whether it may ask others for work. */
  readonly mayAsk: boolean
  /** Gas that limited accounts may use in this turn, each. */
  readonly gas?: readonly (readonly [id: number, gas: number])[]
  /** With more machines here, or more bytes of one account, the turn ends soon. */
  readonly room?: { readonly machines: number; readonly memory: readonly (readonly [id: number, bytes: number])[] }
}

/** What a turn came to. Counts are those since the last turn, but for `sent`, `received`. */
export interface TurnReport extends Readonly<Tally> {
  readonly index: number
  /** Something is left to do at once. */
  readonly more: boolean
  readonly sent: number
  readonly received: number
  readonly spilled: number
  readonly pending: number
  readonly alive: number
  readonly load: number
  readonly accounts: readonly AccountDelta[]
  /** Bytes that accounts hold here, where there is a limit. */
  readonly memory: readonly (readonly [id: number, bytes: number])[]
  readonly failures: readonly Failure[]
  readonly notes: readonly Note[]
  readonly notesMore: number
  readonly crossings: number
  readonly busyMs: number
  /** Names and programs that it has to remember. */
  readonly weight: number
  /** More than half of one of its ranges of numbers is used up. */
  readonly drawn: boolean
  /** Where an account used up its share of gas. */
  readonly spent: { readonly start: number; readonly end: number } | null
}

/** Slices between two looks at what has come: as many as take about `CHUNK_MS`. */
const CHUNK_MIN = 2
const CHUNK_MAX = 4000
const CHUNK_MS = 0.7
/**
 * Records of each peer that are taken in between two chunks. While there is enough to run, one for eight slices: what comes may wait for what is here, and a shard
 * that took in all that others send it would not get round to that.
 */
const INTAKE_MIN = 2
const INTAKE_MAX = 1024
/** What takes longer for each crossing and each byte of it than this is new to the host, which has still to compile it: that will pass. */
const DEAR_CROSSING_MS = 0.01
const DEAR_BYTE_MS = 0.00002
/** More records than this waiting for room in a ring, and nothing runs until there is some. */
const SPILL_MAX = 4096
/** At most so many machines are given away at once. */
const GIVE_MAX = 127

/** One shard at work: it takes in, runs, sends out. */
export class Member {
  readonly shard: Shard
  readonly mesh: Mesh
  readonly index: number
  private readonly board: Board
  /** Bits of shards that asked and got nothing yet. */
  private asked = -1
  private patience = 1
  private idleTurns = 0
  private chunk = 16
  /** Slices of the last one. */
  private ran = 0
  /** Milliseconds that were spent on what crossed, but for what machines sent while they ran. */
  crossingMs = 0
  /** What was done up to the last report, beside what is counted since. */
  private readonly before = { busyMs: 0, crossings: 0, comms: 0 }

  constructor(shard: Shard, mesh: Mesh, board: Board) {
    this.shard = shard
    this.mesh = mesh
    this.index = mesh.index
    this.board = board
  }

  /** A shard of its own for a worker. @param operations those of its modules */
  static make(init: MemberInit, operations: readonly (readonly [name: string, by: Handler])[] = []): Member {
    const { index, wires, options } = init
    const { key } = options
    const names = new Map<string, Unforgeable>()
    let mesh: Mesh | null = null
    const numbers = new Map(init.systems)
    const systemName = (uri: string): Unforgeable => {
      let n = names.get(uri)
      if (n === undefined) {
        const own = numbers.get(uri)
        n = own === undefined ? new Unforgeable(new SystemName(key, uri), 0) : (mesh as Mesh).book.name(own)
        names.set(uri, n)
      }
      return n
    }
    const uri = (u: string): Term => mesh?.values.get(u) ?? new Bundle(2, systemName(u))
    const shuffle = options.shuffle === undefined ? undefined : options.shuffle + BigInt(index)
    const shard = new Shard({ ...options, shuffle, uri })
    for (const [name, by] of operations) shard.primitives.register(name, by)
    mesh = connect(shard, index, wires, init.base, systemName)
    const board = new Board(wires)
    shard.wake = () => board.call(index)
    const member = new Member(shard, mesh, board)
    member.draw(init.numbers)
    return member
  }

  /** New ranges for all shards. */
  draw(numbers: Numbers): void {
    const { shard, mesh, index } = this
    mesh.makers.tell(numbers.names, numbers.namesEach, numbers.shards)
    if (index === 0) return
    skip(shard, numbers, index)
    // In time for new ones before the last.
    this.namesEnd = numbers.names + (index - 0.5) * numbers.namesEach
    this.privsEnd = numbers.privs + (index - 0.5) * numbers.privsEach
  }
  private privsEnd = Number.POSITIVE_INFINITY
  private namesEnd = Number.POSITIVE_INFINITY

  /** Take in, run at most `slices`, send out. True if there was something to do. */
  step(slices: number): boolean {
    const { mesh, shard, board } = this
    const began = performance.now()
    const { bytes, crossings } = mesh
    const came = mesh.drain(shard.queue.length === 0 ? INTAKE_MAX : Math.max(INTAKE_MIN, Math.min(INTAKE_MAX, this.ran >> 3)))
    mesh.askAgain()
    const begun = performance.now()
    const before = shard.slices
    const more = mesh.spilled <= SPILL_MAX && shard.run(slices)
    const ran = performance.now()
    this.ran = shard.slices - before
    this.answer()
    this.publish(mesh.flush())
    board.setLoad(this.index, shard.queue.length)
    const most = (mesh.crossings - crossings) * DEAR_CROSSING_MS + (mesh.bytes - bytes) * DEAR_BYTE_MS
    this.crossingMs += Math.min(begun - began + performance.now() - ran, most)
    this.adapt(ran - begun)
    return came || more || this.ran > 0 || mesh.spilled > 0 || mesh.incoming
  }

  /** The next chunk should take as long as it is meant to. */
  private adapt(ms: number): void {
    // At once: who waits for work would wait for all slices that take longer than those before.
    if (ms > 2 * CHUNK_MS) this.chunk = Math.max(CHUNK_MIN, Math.floor((this.chunk * CHUNK_MS) / ms))
    else if (ms < CHUNK_MS / 2) this.chunk = Math.min(CHUNK_MAX, this.chunk << 1)
  }

  private publish(news: number): void {
    if (news === 0) return
    for (let i = 0; i < this.board.shards; i++) if ((news & (1 << i)) !== 0) this.board.ring(i)
  }

  /** Give machines to those who asked. */
  private answer(): void {
    const asked = this.board.takeAsked(this.index)
    if (asked === 0) return
    for (let peer = 0; peer < this.board.shards; peer++) if ((asked & (1 << peer)) !== 0) this.giveSome(peer)
  }

  /** At most half of the queue, the oldest first: they have the most before them. */
  giveSome(peer: number): number {
    const { shard, mesh } = this
    const { queue } = shard
    const n = Math.min(queue.length >> 1, GIVE_MAX)
    let given = 0
    const kept: Machine[] = []
    for (let i = 0; i < n; i++) {
      const m = queue.oldest()
      if (m === undefined) break
      if (m.priv <= 0 || m.paused > 0 || this.returns(m)) kept.push(m)
      else {
        mesh.giveMachine(m, peer)
        given++
      }
    }
    for (const m of kept) queue.push(m)
    return given
  }

  /** Whether the next thing a machine does is to wait on a channel that is here: it would come back. */
  private returns(m: Machine): boolean {
    const { code } = m.linked
    return m.pc > 0 && code[m.pc] >= 21 && code[m.pc] <= 24
  }

  /** Steps for about `ms` milliseconds, or until nothing is left to do. True if there was something to do. */
  work(ms: number): boolean {
    const until = performance.now() + ms
    let any = false
    do {
      if (!this.step(this.chunk)) break
      any = true
    } while (performance.now() < until)
    if (this.shard.queue.length > 0) this.got()
    return any
  }

  /** One turn. */
  turn(o: TurnOrder): TurnReport {
    const { mesh, shard, board, index } = this
    const begin = performance.now()
    const until = begin + o.ms
    let slept = 0
    // Whether the last sleep came to its end in silence.
    let silent = false
    board.setDoing(index, Doing.Running)
    board.heard(index)
    mesh.redirect = o.redirect ?? null
    mesh.grant(o.gas ?? [])
    if (o.giveAll !== undefined) {
      mesh.drain(Number.POSITIVE_INFINITY)
      mesh.giveAll(o.giveAll)
    }
    for (;;) {
      const seen = board.bell(index)
      let active: boolean
      if (o.drainOnly === true || o.giveAll !== undefined) {
        const came = mesh.drain()
        // What comes late goes the same way.
        if (came && o.giveAll !== undefined) mesh.giveAll(o.giveAll)
        active = came || mesh.spilled > 0
        this.publish(mesh.flush())
      } else active = this.step(this.chunk)
      const now = performance.now()
      this.tell(now - begin - slept)
      if (now >= until || board.isHurried(index)) break
      if (mesh.spent !== undefined || (o.room !== undefined && this.full(o.room))) break
      if (active) {
        if (shard.queue.length > 0) this.got()
        silent = false
        continue
      }
      if (mesh.incoming) continue
      if (o.sleepMs <= 0 || slept >= o.sleepMs || shard.pending > 0 || (silent && board.nobodyBut(index))) break
      if (o.mayAsk) this.askForWork()
      board.setDoing(index, Doing.Waiting)
      if (!mesh.incoming) board.wait(index, seen, Math.min(1, o.sleepMs))
      board.setDoing(index, Doing.Running)
      slept += performance.now() - now
      silent = board.bell(index) === seen
    }
    board.setDoing(index, Doing.Nothing)
    // What came while the turn ended would be seen by nobody.
    const more = shard.queue.length > 0 || shard.inbox.length > 0 || shard.kernel.pumpPending || mesh.incoming || mesh.spilled > 0
    return this.report(more, performance.now() - begin - slept)
  }

  /** Let everybody see what was done. @param busyMs of this turn */
  private tell(busyMs: number): void {
    const { before, mesh, shard } = this
    this.board.setDone(this.index, before.busyMs + busyMs, this.crossingMs, before.crossings + mesh.crossings, before.comms + shard.comms)
  }

  private full(room: NonNullable<TurnOrder['room']>): boolean {
    if (this.shard.alive > room.machines) return true
    return room.memory.some(([id, bytes]) => this.mesh.heldBy(id) > bytes)
  }

  /** Ask the shard with the longest queue, less and less often if nothing comes of it. */
  askForWork(): void {
    if (this.asked >= 0) {
      if (this.board.asks(this.asked, this.index)) return
      // It was heard, and nothing came of it.
      this.asked = -1
      this.patience = Math.min(64, this.patience * 2)
    }
    if (++this.idleTurns < this.patience) return
    this.idleTurns = 0
    let best = -1
    let load = 1
    for (let i = 0; i < this.board.shards; i++) {
      if (i === this.index || this.board.load(i) <= load) continue
      load = this.board.load(i)
      best = i
    }
    if (best < 0) return
    this.asked = best
    this.board.ask(best, this.index)
  }
  private got(): void {
    this.asked = -1
    this.patience = 1
  }

  private get drawn(): boolean {
    const { numbers, primitives } = this.shard
    return numbers.names > this.namesEnd || numbers.privs > this.privsEnd || primitives.nextHidden - HIDDEN > this.namesEnd
  }

  /** What was counted since the last report; the counters start anew. */
  report(more: boolean, busyMs: number): TurnReport {
    const { shard, mesh, before } = this
    before.busyMs += busyMs
    before.crossings += mesh.crossings
    before.comms += shard.comms
    const report: TurnReport = {
      index: this.index,
      more,
      sent: mesh.sent,
      received: mesh.received,
      spilled: mesh.spilled,
      pending: shard.pending,
      alive: shard.alive,
      load: shard.queue.length,
      ...takeTally(shard),
      accounts: mesh.takeAccounts(),
      memory: shard.limits.memory === Number.POSITIVE_INFINITY ? [] : mesh.memory(),
      failures: shard.failures.splice(0),
      notes: shard.notes.splice(0),
      notesMore: shard.notesMore,
      crossings: mesh.crossings,
      busyMs,
      weight: mesh.weight,
      drawn: this.drawn,
      spent: mesh.spent?.span ?? null,
    }
    shard.notesMore = 0
    mesh.crossings = 0
    return report
  }
}

/** Tie a shard to the others. */
export function connect(shard: Shard, index: number, wires: Wires, base: number | 'hash', systemName: (uri: string) => Unforgeable): Mesh {
  const { shards, rings } = wires
  const out: (RingWriter | null)[] = []
  const into: (RingReader | null)[] = []
  for (let i = 0; i < shards; i++) {
    const to = rings[index * shards + i]
    const from = rings[i * shards + index]
    out.push(to === null ? null : new RingWriter(to))
    into.push(from === null ? null : new RingReader(from))
  }
  return new Mesh({ shard, index, base, out, in: into, systemName })
}
