import type { Chan } from '../../rspace/kernel.ts'
import { List, type Term, type Unforgeable } from '../normal/term.ts'
import { type CodeBook, TermReader, TermWriter } from './codec.ts'
import type { Linked, Program } from './link.ts'
import { type Account, Machine, type Place, State } from './machine.ts'
import { type Places, pcOf, placeOf, siteAt } from './places.ts'
import type { Shard } from './shard.ts'
import { NO_SITE, REPLY_SITE, SendSite } from './site.ts'
import { liveRegisters } from './snapshot.ts'

/** Bytes of machines and of what goes with them, as they are kept in a space and sent between shards. */

/** What both sides have to agree on. */
export interface RecordBook extends CodeBook {
  readonly shard: Shard
  readonly places: Places
  accountOf(a: Account): number
  /** @throws Garbled if there is none */
  account(id: number): Account
}

export class RecordWriter extends TermWriter {
  protected readonly records: RecordBook
  /** The place that was asked for last: machines of one kind come together. */
  private placed: Linked | null = null
  private pc = 0
  private place = { at: 0, nth: 0, beyond: 0 }
  constructor(book: RecordBook, chunk?: number) {
    super(book, chunk)
    this.records = book
  }

  /** The send that made a record. */
  origin(o: unknown): void {
    if (!(o instanceof SendSite)) {
      this.count(0)
      return
    }
    this.count(this.records.numberOf(o.program))
    this.count(o.at)
    this.count(o.argc * 2 + (o.persistent ? 1 : 0))
  }

  values(list: readonly Term[]): void {
    this.count(list.length)
    for (let i = 0; i < list.length; i++) this.value(list[i])
  }

  /** Where a machine waits. */
  channels(m: Machine): void {
    if (m.chan !== null) {
      this.count(0)
      this.value(m.chan.owner as Term)
      return
    }
    const chans = m.chans as readonly Chan[]
    this.count(chans.length)
    for (let i = 0; i < chans.length; i++) this.value(chans[i].owner as Term)
  }

  /** What a machine is; where it waits is the caller's. */
  machine(m: Machine): void {
    const { linked } = m
    this.count(this.records.numberOf(linked.program))
    this.count(linked.at)
    this.count(linked.len)
    if (this.placed !== linked || this.pc !== m.pc) {
      this.placed = linked
      this.pc = m.pc
      this.place = placeOf(linked, m.pc)
    }
    const { place } = this
    this.signed(place.at - linked.at)
    this.count(place.nth)
    this.count(place.beyond)
    this.count(m.priv)
    this.count(this.records.accountOf(m.account))
    this.count(m.level)
    this.count(m.paused)
    this.count(m.gas)
    this.count(m.steps)
    this.origin(m.origin)
    this.count(m.dest + 1)
    const n = liveRegisters(m)
    this.count(n)
    for (let i = 0; i < n; i++) this.value(m.regs[i])
  }

  /** The operation whose reply a machine waits for. */
  request(m: Machine): void {
    const r = m.site === REPLY_SITE ? this.records.shard.primitives.requestOf(m) : undefined
    this.u8(r === undefined ? 0 : 1)
    if (r === undefined) return
    this.count(r.tag)
    for (const t of [r.name, r.key, r.how]) this.text(t)
    this.value(r.reply)
    this.value(new List(r.args))
  }
}

/** An operation as `RecordWriter.request` writes it. */
interface Asked {
  readonly tag: number
  readonly name: string
  readonly key: string
  readonly how: string
  readonly reply: Unforgeable
  readonly args: readonly Term[]
}

/** Reads what `RecordWriter` wrote. @throws Garbled */
export class RecordReader extends TermReader {
  protected readonly records: RecordBook
  /** The code that was asked for last: records of one kind come together. */
  private lastProgram: Program | null = null
  private lastAt = -1
  private lastLinked: Linked | null = null
  constructor(bytes: Uint8Array, book: RecordBook) {
    super(bytes, book)
    this.records = book
  }

  origin(): SendSite | null {
    const n = this.count()
    if (n === 0) return null
    const program = this.records.program(n)
    const at = this.count()
    return this.records.places.site(program, at, this.count())
  }

  values(): Term[] {
    const list = new Array<Term>(this.count())
    for (let i = 0; i < list.length; i++) list[i] = this.term()
    return list
  }

  /** Channels of a machine that waits, for `waitsOn`. */
  channels(): { readonly single: boolean; readonly chans: Chan[] } {
    const n = this.count()
    const chans = new Array<Chan>(Math.max(1, n))
    for (let i = 0; i < chans.length; i++) chans[i] = this.records.shard.chanOf(this.term())
    return { single: n === 0, chans }
  }

  machine(): Machine {
    const { records } = this
    const program = records.program(this.count())
    const at = this.count()
    const len = this.count()
    if (this.lastProgram !== program || this.lastAt !== at) {
      this.lastProgram = program
      this.lastAt = at
      this.lastLinked = records.places.member(program, at, len).linked
    }
    const linked = this.lastLinked as Linked
    const offset = at + this.signed()
    const nth = this.count()
    const pc = pcOf(linked, offset, nth) + this.count()
    const priv = this.count()
    const account = records.account(this.count())
    const level = this.count()
    const paused = this.count()
    const gas = this.count()
    const steps = this.count()
    const origin: Place | null = this.origin()
    const dest = this.count() - 1
    const regs = new Array<Term>(linked.registers)
    const n = this.count()
    for (let i = 0; i < n; i++) {
      const v = this.value()
      if (v !== undefined) regs[i] = v
    }
    const m = new Machine(linked, regs, priv, account, NO_SITE, origin, level)
    m.pc = pc
    m.paused = paused
    m.gas = gas
    m.steps = steps
    m.dest = dest
    return m
  }

  request(): Asked | null {
    if (this.u8() === 0) return null
    return {
      tag: this.count(),
      name: this.text(),
      key: this.text(),
      how: this.text(),
      reply: this.term() as Unforgeable,
      args: (this.term() as List).items,
    }
  }

  /** The machine waits: at the receive that it stands at, or for a reply. */
  waits(m: Machine, asked: Asked | null): void {
    m.status = State.Blocked
    m.site = asked === null ? siteAt(m.linked, m.pc) : REPLY_SITE
    if (asked === null) return
    const { tag, name, key, args, reply, how } = asked
    this.records.shard.primitives.resumeRequest(m, tag, name, key, [...args], reply, how as 'nobody')
  }
}

/** Put a machine on the channels that `RecordReader.channels` read. */
export function waitsOn(m: Machine, on: { readonly single: boolean; readonly chans: Chan[] }): void {
  m.chan = on.single ? on.chans[0] : null
  m.chans = on.single ? null : on.chans
}
