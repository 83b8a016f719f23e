import { type Chan, type Cont, Datum } from '../../rspace/kernel.ts'
import { decodeImage } from '../compile/decode.ts'
import { Flag, flagsOf, type Term, Unforgeable } from '../normal/term.ts'
import { type Program, QUOTED } from './link.ts'
import { Machine, State } from './machine.ts'
import { SystemName } from './names.ts'
import { Native } from './native.ts'
import { collectNames } from './reach.ts'
import type { Shard } from './shard.ts'
import { REPLY_SITE, type RecvSite } from './site.ts'
import { liveRegisters } from './snapshot.ts'

/**
 * Leftovers that nobody can name any more (vm.md 5.7): machines that wait where no message can arrive, and messages that nobody can receive. What can still be
 * reached is found from the names that a program can write down, machines that can run, names held outside the space and receives of the host. In doubt a record
 * is kept: nothing is given up on a guess.
 */

/** What holds names without being a record of the space. */
export interface Holders {
  /** Terms held by the host: handles, arguments of open requests, messages under way. */
  readonly terms: Iterable<Term>
  /** Control names with the machines that they speak for. Whoever holds one can ask how the machine is. */
  readonly control: Iterable<{ readonly name: Unforgeable; readonly machines: readonly Machine[] }>
}

export interface Garbage {
  /** In order of age, oldest first. */
  readonly machines: readonly Machine[]
  readonly data: readonly Datum[]
}

/** Between two slices. Costs about as much as looking at every record once. */
export function findGarbage(shard: Shard, holders: Holders): Garbage {
  return new Marking(shard, holders).run()
}

class Marking {
  private readonly shard: Shard
  private readonly names = new Set<Unforgeable>()
  private readonly chans = new Set<Chan>()
  private readonly alive = new Set<Machine>()
  /** Channels whose name is made of private names: how many of these have not been reached. */
  private readonly lacking = new Map<Chan, number>()
  private readonly partOf = new Map<Unforgeable, Chan[]>()
  private readonly control = new Map<Unforgeable, readonly Machine[]>()
  private readonly code = new Map<Program, readonly Unforgeable[]>()
  private readonly work: (Chan | Machine)[] = []
  /** Names are their own channels, but not everybody who holds one has come to it. */
  private readonly held: Unforgeable[] = []

  constructor(shard: Shard, holders: Holders) {
    this.shard = shard
    for (const c of holders.control) this.control.set(c.name, c.machines)
    for (const t of holders.terms) this.term(t)
  }

  run(): Garbage {
    const { shard } = this
    const { kernel } = shard
    const all: Machine[] = shard.machines()
    for (const chan of kernel.nonEmpty()) this.root(chan)
    for (const m of all) if (m.status !== State.Blocked || m.stalled || m.site === REPLY_SITE) this.machine(m)
    for (const record of kernel.pumped()) {
      if (record instanceof Datum) this.chan(record.chan)
      else for (const c of chansOf(record)) this.chan(c)
    }
    for (const m of all) if (m.status === State.Blocked && this.mayFireUnasked(m)) this.machine(m)
    for (;;) {
      const name = this.held.pop()
      const next = this.work.pop()
      if (name === undefined && next === undefined) break
      if (name !== undefined) this.fromName(name)
      if (next instanceof Machine) this.fromMachine(next)
      else if (next !== undefined) this.fromChan(next)
    }
    const machines = all.filter(m => m.waiting && !this.alive.has(m)).sort((a, b) => a.priv - b.priv)
    const data: Datum[] = []
    for (const chan of kernel.nonEmpty()) if (!this.chans.has(chan)) for (const d of kernel.data(chan)) data.push(d)
    return { machines, data: data.sort((a, b) => a.ref - b.ref) }
  }

  /** Channels that are reached without anybody holding them, and those that are reached with the names in theirs. */
  private root(chan: Chan): void {
    const owner = chan.owner as Term
    if (
      (flagsOf(owner) & (Flag.Unforgeable | Flag.Closure)) === 0 ||
      (owner instanceof Unforgeable && owner.origin instanceof SystemName)
    ) {
      this.chan(chan)
      return
    }
    for (const k of this.shard.kernel.conts(chan)) if (k instanceof Native && k.label !== 'control') this.chan(chan)
    if (owner instanceof Unforgeable) return
    const parts = new Set(this.namesOf(owner))
    for (const n of this.names) parts.delete(n)
    if (parts.size === 0) this.chan(chan)
    this.lacking.set(chan, parts.size)
    for (const n of parts) {
      const list = this.partOf.get(n)
      if (list === undefined) this.partOf.set(n, [chan])
      else list.push(chan)
    }
  }

  /** A guard may come to be true without a new message: when an operation that it uses gets another meaning. */
  private mayFireUnasked(m: Machine): boolean {
    return m.site.guarded && this.branches(m).some(chans => chans.every(c => c.nD > 0))
  }

  private branches(m: Machine): readonly (readonly Chan[])[] {
    const { branches } = m.site as RecvSite
    const chans = chansOf(m)
    if (branches === undefined) return [chans]
    let at = 0
    return branches.map(b => chans.slice(at, (at += b.arrows.length)))
  }

  private term(t: Term): void {
    for (const n of this.namesOf(t)) this.name(n)
  }

  private namesOf(t: Term): Unforgeable[] {
    const programs: Program[] = []
    const names = collectNames(t, programs)
    for (const p of programs) for (const n of this.namesIn(p)) names.push(n)
    return names
  }

  /** Names that stand in the code of a program: only in code that came as a term. */
  private namesIn(program: Program): readonly Unforgeable[] {
    if (program.name !== QUOTED) return []
    let names = this.code.get(program)
    if (names === undefined) this.code.set(program, (names = collectNames(decodeImage(program.words, 0)([]))))
    return names
  }

  private name(n: Unforgeable): void {
    if (this.names.has(n)) return
    this.names.add(n)
    this.held.push(n)
  }
  private chan(c: Chan): void {
    if (this.chans.has(c)) return
    this.chans.add(c)
    this.work.push(c)
  }
  private machine(m: Machine): void {
    if (this.alive.has(m)) return
    this.alive.add(m)
    this.work.push(m)
  }

  private fromName(n: Unforgeable): void {
    if (n.used) this.chan(n)
    for (const m of this.control.get(n) ?? []) this.machine(m)
    for (const chan of this.partOf.get(n) ?? []) {
      const left = (this.lacking.get(chan) as number) - 1
      this.lacking.set(chan, left)
      if (left === 0) this.chan(chan)
    }
  }

  private fromChan(chan: Chan): void {
    const { kernel } = this.shard
    this.term(chan.owner as Term)
    for (const d of kernel.data(chan)) for (const v of d.value as readonly Term[]) this.term(v)
    for (const k of kernel.conts(chan)) if (k instanceof Machine && this.canFire(k)) this.machine(k)
  }

  /** Every channel of one branch can be sent on, or holds messages already. It is asked when one of them was reached. */
  private canFire(m: Machine): boolean {
    return this.branches(m).some(chans => chans.some(c => this.chans.has(c)) && chans.every(c => this.chans.has(c) || c.nD > 0))
  }

  private fromMachine(m: Machine): void {
    if (m.waiting) for (const c of chansOf(m)) this.chan(c)
    for (const n of this.namesIn(m.linked.program)) this.name(n)
    const live = liveRegisters(m)
    for (let i = 0; i < live; i++) if (m.regs[i] !== undefined) this.term(m.regs[i])
    const request = this.shard.primitives.requestOf(m)
    if (request !== undefined) for (const v of request.args) this.term(v)
  }
}

function chansOf(k: Cont): readonly Chan[] {
  return k.chan !== null ? [k.chan] : (k.chans ?? [])
}
