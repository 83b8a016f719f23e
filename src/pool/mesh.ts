import type { Chan, Cont, Datum } from '../../rspace/kernel.ts'
import type { ByteSink } from '../machine/codec.ts'
import { type Elsewhere, FORWARD_SITE, Forward } from '../machine/elsewhere.ts'
import { ChanConst } from '../machine/link.ts'
import { Account, Machine, MachineFault, type Place, State } from '../machine/machine.ts'
import { keep, SystemName } from '../machine/names.ts'
import { Native } from '../machine/native.ts'
import type { Handler } from '../machine/primitives.ts'
import { waitsOn } from '../machine/records.ts'
import type { Shard } from '../machine/shard.ts'
import { REPLY_SITE, type RecvSite, type SendSite } from '../machine/site.ts'
import { type AccountTally, takeAccountTally } from '../machine/tally.ts'
import { hashOf } from '../normal/order.ts'
import { type Term, Unforgeable } from '../normal/term.ts'
import type { RingReader, RingWriter } from './ring.ts'
import { Book, Makers, plain, WireReader, WireWriter } from './wire.ts'

/** Kinds of records between shards. */
const Kind = {
  Program: 1,
  Account: 2,
  /** A message for a channel. */
  Send: 3,
  /** A machine that comes to wait. */
  Arrive: 4,
  /** A machine that comes to run. */
  Run: 5,
  /** Channels with everything on them. */
  Move: 6,
  /** A join needs this channel: hand it over. */
  Fetch: 7,
  /** Where a channel is. */
  Learn: 8,
  /** A plain contract, to be served here as well. */
  Copy: 9,
  /** The meaning of an operation. */
  Operation: 10,
  /** All machines of an account end. */
  Stop: 11,
  /** What a URI stands for. */
  Value: 12,
  /** Big values that were sent will be sent again if they are needed. */
  Forget: 13,
} as const

/** After so many messages from elsewhere a contract is copied to the peer that sent the last one. */
const CALLS_BEFORE_COPY = 8

/** Records to one peer: the ring, and what did not fit into it yet. */
class Outlet implements ByteSink {
  readonly ring: RingWriter
  private spill: Uint8Array[] = []
  private at = 0
  /** Records ever handed over. */
  sent = 0
  constructor(ring: RingWriter) {
    this.ring = ring
  }
  put(bytes: Uint8Array, from = 0, to = bytes.length): void {
    this.sent++
    if (this.at < this.spill.length || !this.ring.put(bytes, from, to)) this.spill.push(bytes.slice(from, to))
  }
  /** Move on what waits. True if the peer has something new to see. */
  flush(): boolean {
    while (this.at < this.spill.length && this.ring.put(this.spill[this.at])) this.at++
    if (this.at > 0 && this.at === this.spill.length) {
      this.spill = []
      this.at = 0
    } else if (this.at > 1024) {
      this.spill.splice(0, this.at)
      this.at = 0
    }
    return this.ring.publish()
  }
  get spilled(): number {
    return this.spill.length - this.at
  }
}

/** Shards of machines, by private channel, and of channels. */
export type Whereabouts = Map<number | Chan, number>

/** What a program is told of its accounts: sums since the last time. */
export interface AccountDelta extends Readonly<AccountTally> {
  readonly id: number
}

export interface MeshOptions {
  readonly shard: Shard
  readonly index: number
  /** Where public names are that have not moved; `hash`: on the shard that their hash chooses. */
  readonly base: number | 'hash'
  /** To each shard, from each shard; null at the place of the shard itself. */
  readonly out: readonly (RingWriter | null)[]
  readonly in: readonly (RingReader | null)[]
  readonly systemName: (uri: string) => Unforgeable
}

/** More forwards than this are left to be found: until then somebody has to look out for them. */
const FORWARDS_MAX = 100_000

/** So often does the host have to see something before it takes notes of it. */
const PRACTICE = 32

/**
 * One shard's connection to the others of its space. Every channel has one home, where all its data and receives are and every COMM on it is decided; here it
 * is either an ordinary channel or has a `Forward` at its head. Channels move when a join needs them together, machines move to where they have to wait. A
 * move is known to those who ask: each shard that gave a channel away passes on what still comes, and tells the sender; epochs say who knows better.
 *
 * Called between slices, but for `send`, `leaves` and `opened`, which the running machine calls.
 */
export class Mesh implements Elsewhere {
  readonly shard: Shard
  readonly index: number
  private readonly systemName: MeshOptions['systemName']
  readonly book: Book
  readonly makers = new Makers()
  private readonly shards: number
  private readonly base: number | 'hash'
  private readonly outlets: (Outlet | null)[]
  private readonly inlets: readonly (RingReader | null)[]
  private readonly writer: WireWriter
  private readonly reader: WireReader
  /** For what a record needs to be told before; the first writer is in the midst of it. */
  private readonly second: WireWriter
  /** Records taken from all peers. */
  received = 0
  /** Machines that will leave, or look again whether they may wait here. */
  private departing: Machine[] = []
  /** Machines that wait for channels to come. */
  private readonly held = new Set<Machine>()
  /** Epochs of channels here that came from elsewhere. Keeps their names alive: whoever was their home once has to know where they went. */
  private readonly epochs = new Map<Chan, number>()
  private readonly moved = new Set<object>()
  /** Copies of contracts, with the forward that they stand before. */
  private readonly copies = new Map<Chan, Forward>()
  /** Peers that have a copy of a contract of this shard, as bits. */
  private readonly copied = new Map<Chan, number>()
  /** Messages from peers for contracts here, since the last time that a copy was thought of. */
  private readonly calls = new Map<Chan, number>()
  private readonly envoy: Machine
  /** In a shard that may be alone again: channels at whose head a forward was put, by this or those before; null: too many, or none of that. */
  private forwards: Chan[] | null
  /** While it is set: where everything comes from, but for one shard. */
  cameFrom: Whereabouts | null = null
  cameFromBut = -1
  /** Bytes of all records that went to other shards and came from them. */
  bytes = 0
  /** Messages and machines that went to other shards and came from them since this was last set to 0. */
  crossings = 0

  constructor(o: MeshOptions) {
    const { shard } = o
    this.shard = shard
    this.index = o.index
    this.base = o.base
    this.shards = o.out.length
    this.systemName = o.systemName
    this.book = new Book(shard, o.index, o.systemName)
    this.outlets = o.out.map(r => (r === null ? null : new Outlet(r)))
    this.inlets = o.in
    this.writer = new WireWriter(this.book)
    this.second = new WireWriter(this.book)
    this.reader = new WireReader(this.book)
    this.envoy = new Machine(shard.linker.processor, [], 0, new Account(0, 'p:0', 0, Number.POSITIVE_INFINITY), REPLY_SITE, null, 0)
    this.envoy.status = State.Done
    const before = shard.elsewhere
    this.forwards = o.index !== 0 || o.base !== 0 ? null : before instanceof Mesh ? before.forwards : []
    shard.elsewhere = this
    if (this.shards === 1) return
    shard.whole()
    // What was looked up before there were others may belong to them.
    for (const chan of shard.names.channels()) {
      const home = this.homeOf(chan.owner as Term)
      if (home === this.index) this.forwardOf(chan)
      else if (chan.nD === 0 && chan.nK === 0) this.forward(chan, home, 0)
    }
  }

  /** For a shard that has no others: every channel is here. Forwards from a time when it had some go when somebody comes to them. */
  static alone(shard: Shard, systemName: MeshOptions['systemName']): Mesh {
    return new Mesh({ shard, index: 0, base: 0, out: [null], in: [null], systemName })
  }

  /** Everything is here and nothing under way: from now on there are no others. */
  retire(): void {
    for (const chan of [...this.copies.keys()]) this.dropCopy(chan)
    if (this.forwards === null) {
      Mesh.alone(this.shard, this.systemName)
      return
    }
    for (const chan of this.forwards) if (chan.kHead !== null && chan.kHead.site === FORWARD_SITE) chan.kHead = null
    this.shard.elsewhere = null
  }

  /**
   * Goes through what running machines ask, without consequences, for a shard that has no others. The host leaves out of compiled code what it has never seen
   * done; when others came, it would throw away the code of the run loop.
   */
  practise(): void {
    const { shard, makers } = this
    makers.tell(1, 1, 3)
    const m = new Machine(shard.linker.processor, [], 0, new Account(0, 'p:0', 0, Number.POSITIVE_INFINITY), REPLY_SITE, null, 0)
    for (let i = 0; i < PRACTICE; i++) {
      const chan = new Unforgeable(shard.origin, i & 3)
      chan.owner = chan
      this.opened(chan)
      m.chan = (i & 4) === 0 ? chan : null
      m.chans = [chan, chan]
      this.leaves(m)
    }
    this.departing = []
    if (this.forwards !== null) this.forwards.length = 0
    makers.tell(0, 1, 1)
  }

  // ── where channels are ──────────────────────────────────────────────────────────────────────────────────────────

  private homeOf(owner: Term): number {
    if (owner instanceof Unforgeable) {
      const { origin } = owner
      if (origin === this.shard.origin) return this.makers.of(owner.counter)
      if (origin instanceof SystemName) return 0
    }
    const { base } = this
    return base === 'hash' ? (hashOf(owner) >>> 0) % this.shards : base
  }

  opened(chan: Chan): void {
    const home = this.homeOf(chan.owner as Term)
    if (home !== this.index) this.forward(chan, home, 0)
  }

  private forward(chan: Chan, home: number, epoch: number): void {
    chan.kHead = new Forward(this, home, epoch)
    if (this.forwards !== null && this.forwards.push(chan) > FORWARDS_MAX) this.forwards = null
  }

  /** The forward of a channel that is elsewhere; null: its home is here. */
  private forwardOf(chan: Chan): Forward | null {
    const head = chan.kHead
    if (head === null) return null
    if (head.site === FORWARD_SITE) {
      if ((head as Forward).by === this) return head as Forward
      // From before all shards began anew; since then it is here.
      chan.kHead = null
      return null
    }
    return (head as Machine).priv === 0 ? (this.copies.get(chan) ?? null) : null
  }

  /** From now on this channel is elsewhere. */
  private gone(chan: Chan, home: number): number {
    const epoch = (this.epochs.get(chan) ?? 0) + 1
    this.epochs.delete(chan)
    this.remember(chan)
    this.forward(chan, home, epoch)
    return epoch
  }

  /** From now on this channel is here. Those who waited for it look again. */
  private come(chan: Chan, epoch: number): void {
    const f = this.forwardOf(chan)
    if (f !== null) {
      this.dropCopy(chan)
      chan.kHead = null
      this.release(f)
    }
    this.epochs.set(chan, epoch)
    this.remember(chan)
  }

  private remember(chan: Chan): void {
    const owner = chan.owner as Term
    if (owner instanceof Unforgeable) this.moved.add(owner)
    else keep(chan)
  }

  private release(f: Forward): void {
    f.asked = false
    const { waiters } = f
    if (waiters === null) return
    f.waiters = null
    for (const m of waiters) if (this.held.delete(m)) this.departing.push(m)
  }

  // ── what the running machine asks ───────────────────────────────────────────────────────────────────────────────

  send(chan: Chan, args: readonly Term[], persistent: boolean, origin: SendSite | null, sender: Machine | null, account: Account): boolean {
    const f = this.forwardOf(chan)
    if (f === null) return false
    this.sendTo(f, chan, args, persistent, origin, sender === null ? 0 : sender.priv, account)
    return true
  }

  private sendTo(
    f: Forward,
    chan: Chan,
    args: readonly Term[],
    persistent: boolean,
    origin: SendSite | null,
    priv: number,
    account: Account,
  ): void {
    const w = this.begin(f.home, Kind.Send)
    w.value(chan.owner as Term)
    w.u8(persistent ? 1 : 0)
    w.origin(origin)
    w.count(this.book.accountOf(account))
    w.count(priv)
    w.values(args)
    this.crossings++
    this.post(f.home)
  }

  leaves(m: Machine): boolean {
    const c = m.chan
    if (c !== null) {
      if (c.kHead === null || this.forwardOf(c) === null) return false
    } else {
      const chans = m.chans as readonly Chan[]
      let here = true
      for (let i = 0; i < chans.length && here; i++) here = chans[i].kHead === null || this.forwardOf(chans[i]) === null
      if (here) return false
    }
    m.status = State.Blocked
    this.departing.push(m)
    return true
  }

  /** A copy of a contract takes its number of values and nothing else: what it left goes to where the others are. */
  stored(chan: Chan): void {
    if (this.copies.size === 0) return
    const f = this.copies.get(chan)
    if (f === undefined) return
    const { kernel } = this.shard
    for (const d of [...kernel.data(chan)]) {
      kernel.take(d)
      const site = d.origin as SendSite | null
      this.sendTo(f, chan, d.value as Term[], d.persistent, site, 0, site?.program.account ?? (this.shard.firstAccount as Account))
    }
  }

  // ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private begin(peer: number, kind: number): WireWriter {
    this.book.to(peer)
    this.writer.u8(kind)
    return this.writer
  }

  /** The record is complete. What the peer has to know before goes first. */
  private post(peer: number): void {
    const outlet = this.outlets[peer] as Outlet
    const { news, newAccounts } = this.book
    if (news.length > 0 || newAccounts.length > 0) this.tell(outlet)
    this.bytes += this.writer.length
    this.writer.handTo(outlet)
  }

  private tell(outlet: Outlet): void {
    const { news, newAccounts } = this.book
    const { second } = this
    const programs: Uint8Array[] = []
    // Writing a program may bring in others, which come first.
    while (news.length > 0) {
      const p = news.pop() as NonNullable<(typeof news)[0]>
      second.u8(Kind.Program)
      second.program(p)
      programs.push(second.take())
    }
    for (const a of newAccounts) {
      second.u8(Kind.Account)
      second.count(a.id)
      second.text(a.label)
      second.count(a.program)
      second.handTo(outlet)
    }
    newAccounts.length = 0
    for (let i = programs.length - 1; i >= 0; i--) outlet.put(programs[i])
  }

  /** Let machines leave, and the peers see what was sent. @returns bits of the peers that have something new */
  flush(): number {
    if (this.claims.size > 0) this.claimed()
    while (this.departing.length > 0) this.depart()
    let news = 0
    for (let i = 0; i < this.outlets.length; i++) if (this.outlets[i]?.flush() === true) news |= 1 << i
    return news
  }

  /** Names and programs that it has to remember. */
  get weight(): number {
    return this.moved.size + this.book.size
  }

  /** Records that have not found room in the rings. */
  get spilled(): number {
    let n = 0
    for (const o of this.outlets) if (o !== null) n += o.spilled
    return n
  }
  get sent(): number {
    let n = 0
    for (const o of this.outlets) if (o !== null) n += o.sent
    return n
  }
  /** Whether peers have written something that was not read. */
  get incoming(): boolean {
    for (const i of this.inlets) if (i?.waiting === true) return true
    return false
  }
  /** Machines that are neither in the queue nor in the space. */
  get between(): number {
    return this.held.size + this.departing.length
  }

  private depart(): void {
    const list = this.departing
    this.departing = []
    for (const m of list) {
      if (m.status !== State.Blocked || m.waiting) continue
      if (m.account.stopped) this.left(m)
      else this.place(m)
    }
  }

  /** A join lives in the lowest shard that has one of its channels; the others come to it. As channels only ever sink for joins, this comes to an end. */
  private place(m: Machine): void {
    const c = m.chan
    if (c !== null) {
      const f = this.forwardOf(c)
      if (f === null) this.shard.arrived(m)
      else this.move(m, f.home)
      return
    }
    const chans = m.chans as readonly Chan[]
    let home = this.shards
    let first: Forward | null = null
    for (const chan of chans) {
      const f = this.forwardOf(chan)
      home = Math.min(home, f === null ? this.index : f.home)
      if (f !== null) first ??= f
    }
    if (first === null) {
      this.shard.arrived(m)
      return
    }
    if (home < this.index) {
      this.move(m, home)
      return
    }
    for (const chan of chans) {
      const f = this.forwardOf(chan)
      if (f === null || f.asked) continue
      f.asked = true
      this.fetch(f.home, chan)
    }
    ;(first.waiters ??= []).push(m)
    this.held.add(m)
  }

  private fetch(home: number, chan: Chan, who = this.index): void {
    const w = this.begin(home, Kind.Fetch)
    w.count(who)
    w.value(chan.owner as Term)
    this.post(home)
  }

  private move(m: Machine, to: number): void {
    const w = this.begin(to, Kind.Arrive)
    w.channels(m)
    w.machine(m)
    w.request(m)
    this.left(m)
    this.crossings++
    this.post(to)
  }

  /** It is not here any more. */
  private left(m: Machine): void {
    const { shard } = this
    shard.alive--
    m.status = State.Done
    if (shard.endsWatched) shard.primitives.release(m)
  }

  // ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Take in at most `max` records from each peer. True if there were any. */
  drain(max = 1024): boolean {
    let any = false
    for (let i = 0; i < this.inlets.length; i++) {
      const inlet = this.inlets[i]
      if (inlet === null) continue
      for (let n = 0; n < max; n++) {
        const bytes = inlet.next()
        if (bytes < 0) break
        any = true
        this.bytes += bytes
        this.received++
        this.handle(i, inlet.record)
      }
      inlet.release()
    }
    return any
  }

  private handle(from: number, record: Uint8Array): void {
    const r = this.reader
    r.reset(record)
    r.from(from)
    const kind = r.u8()
    switch (kind) {
      case Kind.Send:
        this.onSend(from, r)
        return
      case Kind.Arrive:
        this.onArrive(from, r)
        return
      case Kind.Run: {
        const m = r.machine()
        this.shard.alive++
        this.crossings++
        this.note(m.priv, from)
        this.shard.enqueue(m)
        return
      }
      case Kind.Program:
        r.program()
        return
      case Kind.Account: {
        const id = r.count()
        const label = r.text()
        const program = r.count()
        if (this.book.accounts.has(id)) return
        const a = new Account(id, label, program, Number.POSITIVE_INFINITY)
        this.book.accounts.set(id, a)
        this.shard.firstAccount ??= a
        return
      }
      case Kind.Move:
        this.onMove(from, r)
        return
      case Kind.Fetch:
        this.onFetch(r)
        return
      case Kind.Learn: {
        const chan = this.shard.chanOf(r.term())
        const home = r.count()
        const epoch = r.count()
        const f = this.forwardOf(chan)
        if (f === null) return
        if (epoch > f.epoch) {
          f.epoch = epoch
          f.home = home
        }
        this.release(f)
        return
      }
      case Kind.Copy:
        this.onCopy(r)
        return
      case Kind.Operation: {
        const op = r.text()
        this.shard.primitives.register(op, r.value())
        return
      }
      case Kind.Value: {
        const uri = r.text()
        this.values.set(uri, r.term())
        return
      }
      case Kind.Forget:
        r.forget()
        return
      case Kind.Stop:
        this.stop(this.book.account(r.count()))
        return
      default:
        throw new Error(`a record of unknown kind ${kind}`)
    }
  }

  private onSend(from: number, r: WireReader): void {
    const { shard, envoy } = this
    const chan = shard.chanOf(r.term())
    const persistent = r.u8() === 1
    const origin = r.origin()
    const account = this.book.account(r.count())
    const priv = r.count()
    const args = r.values()
    this.crossings++
    this.passOn(chan)
    const head = chan.kHead
    if (head !== null && head.site === FORWARD_SITE && this.forwardOf(chan) !== null) {
      this.sendTo(head as Forward, chan, args, persistent, origin, priv, account)
      this.teach(from, chan, head as Forward)
      return
    }
    if (account.stopped) return
    envoy.priv = priv
    envoy.account = account
    envoy.origin = origin
    const sender = priv === 0 ? null : envoy
    if (head !== null && (head as Machine).site.persistent && head.next === head) this.offer(chan, from)
    shard.accept(chan, args, persistent, origin, sender, account)
  }

  /** A peer that calls a contract again and again had better serve it itself. */
  private offer(chan: Chan, peer: number): void {
    const calls = (this.calls.get(chan) ?? 0) + 1
    if (calls < CALLS_BEFORE_COPY) {
      if (this.calls.size > 1024) this.calls.clear()
      this.calls.set(chan, calls)
      return
    }
    this.calls.delete(chan)
    this.copy(chan, peer)
  }

  /** Let `peer` serve the contracts that a machine knows of. */
  private copyCalled(m: Machine, peer: number): void {
    const known: Chan[] = []
    const look = (v: Term | undefined): void => {
      if (v instanceof Unforgeable && v.kHead !== null) known.push(v)
    }
    for (const v of m.regs) look(v)
    for (const c of m.linked.consts) if (c instanceof ChanConst && c.chan.kHead !== null) known.push(c.chan)
    for (let chan = known.pop(); chan !== undefined; chan = known.pop()) {
      const k = this.copy(chan, peer)
      if (k !== null) for (const v of k.regs) look(v)
    }
  }

  /** Who sent something to this shard that belongs elsewhere is told so. */
  private teach(peer: number, chan: Chan, f: Forward): void {
    if (f.home === peer) return
    this.learn(peer, chan, f.home, f.epoch)
  }

  private learn(peer: number, chan: Chan, home: number, epoch: number): void {
    const w = this.begin(peer, Kind.Learn)
    w.value(chan.owner as Term)
    w.count(home)
    w.count(epoch)
    this.post(peer)
  }

  private onArrive(from: number, r: WireReader): void {
    const on = r.channels()
    const { chans } = on
    const m = r.machine()
    r.waits(m, r.request())
    waitsOn(m, on)
    this.shard.alive++
    this.crossings++
    for (const c of chans) this.passOn(c)
    if (on.single) {
      const f = this.forwardOf(chans[0])
      if (f !== null) this.teach(from, chans[0], f)
    }
    this.departing.push(m)
  }

  private onFetch(r: WireReader): void {
    const who = r.count()
    const chan = this.shard.chanOf(r.term())
    const f = this.forwardOf(chan)
    if (f !== null) {
      if (f.home !== who) this.fetch(f.home, chan, who)
    } else if (who < this.index) this.giveClass(chan, who)
    else if (who > this.index) this.learn(who, chan, this.index, this.epochs.get(chan) ?? 0)
  }

  // ── channels that move ──────────────────────────────────────────────────────────────────────────────────────────

  /** A channel and all that are joined with it. */
  private giveClass(chan: Chan, to: number): void {
    const { kernel } = this.shard
    const found = new Set<Chan>([chan])
    const conts = new Set<Cont>()
    const stalled = kernel.stalled()
    for (const c of found) {
      const waiting: Cont[] = [...kernel.conts(c)]
      for (const k of stalled) if (k.chan === c || k.chans?.includes(c) === true) waiting.push(k)
      for (const k of waiting) {
        conts.add(k)
        if (k.chans !== null) for (const other of k.chans) found.add(other)
      }
    }
    this.give([...found], [...conts], to)
  }

  private give(chans: readonly Chan[], conts: readonly Cont[], to: number): void {
    const { kernel, guardFaults } = this.shard
    const records: (Cont | Datum)[] = [...conts]
    for (const c of chans) for (const d of kernel.data(c)) records.push(d)
    records.sort((a, b) => a.turn - b.turn)
    const w = this.begin(to, Kind.Move)
    const at = new Map<Chan, number>()
    w.count(chans.length)
    for (const c of chans) {
      w.count(at.size)
      at.set(c, at.size)
      w.value(c.owner as Term)
      w.count((this.epochs.get(c) ?? 0) + 1)
    }
    w.count(records.length)
    for (const x of records) {
      const flags = (x.pumped ? 4 : 0) | (x instanceof Machine && x.stalled ? 8 : 0)
      if (x instanceof Machine) {
        w.u8(1 | flags)
        if (x.chan !== null) {
          w.count(0)
          w.count(at.get(x.chan) as number)
        } else {
          const list = x.chans as readonly Chan[]
          w.count(list.length)
          for (const c of list) w.count(at.get(c) as number)
        }
        w.machine(x)
        w.request(x)
        const fault = guardFaults.get(x)
        w.u8(fault === undefined ? 0 : 1)
        if (fault !== undefined) {
          for (const t of [fault.code, fault.message, fault.hint]) w.text(t)
          w.count(fault.start + 1)
          w.count(fault.end + 1)
        }
        guardFaults.delete(x)
        kernel.withdraw(x)
        this.left(x)
      } else {
        const d = x as Datum
        w.u8(flags | (d.persistent ? 2 : 0))
        w.count(at.get(d.chan) as number)
        w.origin(d.origin)
        w.values(d.value as Term[])
        kernel.take(d)
      }
    }
    for (const c of chans) {
      this.copied.delete(c)
      this.gone(c, to)
    }
    this.crossings += chans.length + records.length
    this.post(to)
  }

  private note(what: number | Chan, from: number): void {
    if (this.cameFrom !== null && from !== this.cameFromBut) this.cameFrom.set(what, from)
  }

  private onMove(from: number, r: WireReader): void {
    const { shard } = this
    const { kernel } = shard
    const chans: Chan[] = []
    for (let n = r.count(); n > 0; n--) {
      r.count()
      const chan = shard.chanOf(r.term())
      this.come(chan, r.count())
      this.note(chan, from)
      chans.push(chan)
    }
    const records = r.count()
    this.crossings += chans.length + records
    for (let n = records; n > 0; n--) {
      const flags = r.u8()
      const ref = kernel.counter + 1
      let record: Cont | Datum
      if ((flags & 1) === 0) {
        const chan = chans[r.count()]
        const origin = r.origin()
        record = kernel.restoreDatum(chan, ref, ref, r.values(), (flags & 2) !== 0, origin)
      } else {
        const many = r.count()
        const list = Array.from({ length: Math.max(1, many) }, () => chans[r.count()])
        const m = r.machine()
        r.waits(m, r.request())
        m.chan = many === 0 ? list[0] : null
        m.chans = many === 0 ? null : list
        shard.alive++
        if (this.cameFromBut < 0) this.note(m.priv, from)
        if (r.u8() === 1)
          shard.guardFaults.set(m, new MachineFault(r.text() as MachineFault['code'], r.text(), r.text(), r.count() - 1, r.count() - 1))
        kernel.restoreCont(m, ref, ref)
        if (m.site === REPLY_SITE) this.unanswered.push(m)
        record = m
      }
      if ((flags & 12) !== 0) kernel.enter(record as Machine)
    }
  }

  /** Where everything goes that is sent here from now on; null: it stays. Only ever a lower shard: see `place`. */
  redirect: number | null = null

  /** If this shard keeps nothing, the channel goes on to the one that does. */
  private passOn(chan: Chan): void {
    const { redirect } = this
    if (redirect !== null && this.forwardOf(chan) === null) this.giveClass(chan, redirect)
  }

  /** Hand over one runnable machine, which is not in the queue any more, with the contracts that it is about to call. */
  giveMachine(m: Machine, to: number): void {
    this.copyCalled(m, to)
    const w = this.begin(to, Kind.Run)
    w.machine(m)
    this.left(m)
    this.crossings++
    this.post(to)
  }

  /** Machines that are here go to `to`: what waits with its channels and all that is joined with them, unless the engine itself listens there. */
  bring(machines: readonly Machine[], to: number): void {
    const { shard } = this
    for (const m of machines) {
      if (m.waiting) {
        const chans = m.chan !== null ? [m.chan] : (m.chans ?? [])
        if (m.site !== REPLY_SITE && !chans.some(c => this.pinned(c))) this.giveClass(chans[0], to)
      } else if (m.status === State.Runnable && shard.unqueue(m)) this.giveMachine(m, to)
    }
  }

  private pinned(chan: Chan): boolean {
    for (const k of this.shard.kernel.conts(chan)) if (k instanceof Native) return true
    return false
  }

  /**
   * Everything that waits or runs here goes to `to`, or, as far as that is known, to where it was before; what the engine itself listens on stays, with all
   * that is joined with it.
   */
  giveAll(to: number, before: Whereabouts | null = null): void {
    const { shard } = this
    shard.whole()
    for (const chan of [...this.copies.keys()]) this.dropCopy(chan)
    while (this.departing.length > 0) this.depart()
    // Before the channels go, so that copies of what they call go with them.
    for (const m of shard.takeRunnable()) {
      const target = before?.get(m.priv) ?? to
      if (target === this.index) shard.enqueue(m)
      else this.giveMachine(m, target)
    }
    for (const [target, part] of this.classes(to, before)) if (target !== this.index) this.give(part.chans, part.conts, target)
    if (to === this.index) {
      this.forget()
      return
    }
    for (const m of [...this.held]) {
      this.held.delete(m)
      this.move(m, to)
    }
    this.forget()
  }

  /** Big values that peers were sent are not kept for the sake of being sent again: only while shards work together. */
  forget(): void {
    for (let peer = 0; peer < this.shards; peer++) {
      if (peer === this.index || !this.book.forget(peer)) continue
      this.begin(peer, Kind.Forget)
      this.post(peer)
    }
  }

  /** All channels that may leave, by where they go: what is joined goes together. */
  private classes(to: number, before: Whereabouts | null): Map<number, { chans: Chan[]; conts: Cont[] }> {
    const { kernel } = this.shard
    const stalled = new Map<Chan, Cont[]>()
    for (const k of kernel.stalled()) {
      for (const c of k.chans ?? [k.chan as Chan]) {
        const list = stalled.get(c)
        if (list === undefined) stalled.set(c, [k])
        else list.push(k)
      }
    }
    const parts = new Map<number, { chans: Chan[]; conts: Cont[] }>()
    const seen = new Set<Chan | Cont>()
    for (const first of [...kernel.nonEmpty(), ...stalled.keys()]) {
      if (seen.has(first)) continue
      seen.add(first)
      const chans = [first]
      const conts: Cont[] = []
      let target: number | undefined
      let pinned = false
      const take = (k: Cont): void => {
        if (k instanceof Native) pinned = true
        if (seen.has(k)) return
        seen.add(k)
        conts.push(k)
        if (k.chans === null) return
        for (const c of k.chans) {
          if (seen.has(c)) continue
          seen.add(c)
          chans.push(c)
        }
      }
      for (const c of chans) {
        target ??= before?.get(c)
        for (const k of kernel.conts(c)) take(k)
        for (const k of stalled.get(c) ?? []) take(k)
      }
      if (pinned) continue
      const part = parts.get(target ?? to)
      if (part === undefined) parts.set(target ?? to, { chans, conts })
      else {
        for (const c of chans) part.chans.push(c)
        for (const k of conts) part.conts.push(k)
      }
    }
    return parts
  }

  // ── contracts that are served in several places ─────────────────────────────────────────────────────────────────

  /**
   * Let `peer` serve the contract on `chan` as well, if it is alone there and nothing but the number of values matters: then nobody can tell which of the two
   * took a message. The contract, if a copy was sent.
   */
  private copy(chan: Chan, peer: number): Machine | null {
    const m = chan.kHead as Machine | null
    if (m === null || m.site === FORWARD_SITE || m.priv === 0) return null
    if (m.next !== m || chan.jHead !== null || chan.nD > 0 || !(m instanceof Machine) || m.paused > 0) return null
    if (!plain(m.site as RecvSite)) return null
    const known = this.copied.get(chan) ?? 0
    if ((known & (1 << peer)) !== 0) return null
    this.copied.set(chan, known | (1 << peer))
    const w = this.begin(peer, Kind.Copy)
    w.value(chan.owner as Term)
    w.machine(m)
    this.post(peer)
    return m
  }

  private onCopy(r: WireReader): void {
    const { shard } = this
    const chan = shard.chanOf(r.term())
    const m = r.machine()
    const f = this.forwardOf(chan)
    if (f === null || this.copies.has(chan)) return
    m.priv = 0
    m.status = State.Blocked
    m.chan = chan
    m.site = m.linked.consts[m.linked.code[m.pc + 2]] as RecvSite
    this.copies.set(chan, f)
    chan.kHead = null
    const { kernel } = shard
    const ref = kernel.counter + 1
    shard.alive++
    kernel.restoreCont(m, ref, ref)
  }

  private dropCopy(chan: Chan): void {
    const f = this.copies.get(chan)
    if (f === undefined) return
    this.copies.delete(chan)
    const m = chan.kHead as Machine
    this.shard.kernel.withdraw(m)
    this.shard.alive--
    chan.kHead = f
  }

  // ── channels for the host ───────────────────────────────────────────────────────────────────────────────────────

  /** Calls back between slices, once a channel has its home here; for good, as nothing leaves that the host listens on. */
  claim(chan: Chan, then: () => void): void {
    if (this.forwardOf(chan) === null) then()
    else {
      const waiting = this.claims.get(chan)
      if (waiting !== undefined) waiting.push(then)
      else {
        this.claims.set(chan, [then])
        this.fetch((this.forwardOf(chan) as Forward).home, chan)
      }
    }
  }
  private readonly claims = new Map<Chan, (() => void)[]>()

  /** What the host listens on while others come: they may think that it is theirs. */
  claimPinned(): void {
    for (const chan of this.shard.kernel.nonEmpty()) {
      const home = this.homeOf(chan.owner as Term)
      if (home !== this.index && this.pinned(chan)) this.fetch(home, chan)
    }
  }

  private claimed(): void {
    for (const [chan, list] of this.claims) {
      if (this.forwardOf(chan) !== null) continue
      this.claims.delete(chan)
      for (const then of list) then()
    }
  }

  // ── for all ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Values of URIs that are no system channels. */
  readonly values = new Map<string, Term>()

  tellValues(values: Readonly<Record<string, Term>>): void {
    for (const [uri, value] of Object.entries(values))
      this.broadcast(Kind.Value, w => {
        w.text(uri)
        w.value(value)
      })
  }

  /** Machines here that wait for an answer of the host which was asked for in another shard: it is asked for again. */
  askAgain(): void {
    if (this.unanswered.length === 0) return
    for (const m of this.unanswered.splice(0)) if (m.status === State.Blocked) this.shard.primitives.askAgain(m)
  }
  private readonly unanswered: Machine[] = []

  /** Tell all peers what an operation means now. Operations are given other meanings in shard 0. */
  operation(op: string, meaning: Term | Handler | undefined): void {
    if (this.shards === 1) return
    if (typeof meaning === 'function') throw new Error(`several shards run: \`${op}\` has to come from a module that each of them loads`)
    if (this.index !== 0) return
    this.broadcast(Kind.Operation, w => {
      w.text(op)
      w.value(meaning)
    })
  }

  /** An account has used up its share of gas: nothing more runs in this turn. Where it happened. */
  spent: Place | null | undefined = undefined

  hasMore(account: Account, at: Place | null): boolean {
    if (this.index === 0) return false
    this.spent ??= at
    this.limit(account, Number.POSITIVE_INFINITY)
    return true
  }

  /** What an account may use here until it asks again; Infinity: as much as it likes. */
  private limit(account: Account, gas: number): void {
    const share = account as { gasLimit: number; limited: boolean }
    share.gasLimit = gas
    share.limited = gas !== Number.POSITIVE_INFINITY
  }

  /** Shares of gas for a turn, by account. */
  grant(shares: readonly (readonly [id: number, gas: number])[]): void {
    this.spent = undefined
    for (const [id, gas] of shares) {
      const a = this.book.accounts.get(id)
      if (a !== undefined) this.limit(a, gas)
    }
  }

  /** End all machines of an account, everywhere. */
  stopped(account: Account): void {
    this.broadcast(Kind.Stop, w => w.count(this.book.accountOf(account)))
  }

  private broadcast(kind: number, write: (w: WireWriter) => void): void {
    for (let peer = 0; peer < this.shards; peer++) {
      if (peer === this.index) continue
      write(this.begin(peer, kind))
      this.post(peer)
    }
  }

  private stop(account: Account): void {
    for (const chan of [...this.copies.keys()]) if ((chan.kHead as Machine).account === account) this.dropCopy(chan)
    for (const m of this.held) {
      if (m.account !== account) continue
      this.held.delete(m)
      this.left(m)
    }
    this.shard.dropAccount(account)
  }

  /** Bytes that accounts hold here. */
  memory(): [id: number, bytes: number][] {
    return [...this.book.accounts.values()].map(a => [a.id, a.memory])
  }

  heldBy(account: number): number {
    return this.book.accounts.get(account)?.memory ?? 0
  }

  /** What was counted since the last time, by account. */
  takeAccounts(): AccountDelta[] {
    const out: AccountDelta[] = []
    for (const a of this.book.accounts.values()) {
      const { gas, comms, steps, machines, failed } = a
      if (gas === 0 && steps === 0 && comms === 0 && failed === 0 && machines === 0) continue
      out.push({ id: a.id, ...takeAccountTally(a) })
    }
    return out
  }
}
