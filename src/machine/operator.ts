import { reportName, reportText } from '../normal/print.ts'
import { Flag, flagsOf, type Term, Unforgeable } from '../normal/term.ts'
import { type Account, type Machine, State } from './machine.ts'
import type { Reason } from './outcome.ts'
import { blockedMachine } from './report.ts'
import type { Session } from './session.ts'
import { sizeOfValue } from './size.ts'
import { liveRegisters } from './snapshot.ts'

/**
 * What the operator of a session sees and does (vm.md 0, 5.6): machines and programs by display label. A label means something only to whoever holds this object
 * or the socket it is served on; no program can turn one into a capability.
 */

export interface MachineView {
  /** Display label, `m:12`. */
  readonly label: string
  /** `paused`: it would be runnable. */
  readonly status: 'runnable' | 'blocked' | 'paused'
  /** How often it was paused; a paused machine that is blocked still takes part in COMMs. */
  readonly paused: number
  /** Where it is in its source, −1 unknown. */
  readonly start: number
  readonly end: number
  /** Names of the channels that it waits on. */
  readonly waitsFor: readonly string[]
  /** A receive that stays after it fired. */
  readonly persistent: boolean
  readonly reason: Reason | null
  readonly detail: string
  readonly gas: number
  /** Sizes of the values it holds, in bytes (rholang.md 16.1). */
  readonly memory: number
  /** How many numbers of machines have been given out since its own: as many as have been made, but for those that a kill has skipped. */
  readonly age: number
  readonly shard: number
  readonly account: string
  readonly level: number
  readonly steps: number
  readonly comms?: number
}

export interface AccountView {
  /** Display label: `p:1` a program, `g:3` a group made by `rho:vm:spawn`. */
  readonly label: string
  readonly program: number
  readonly gas: number
  /** Infinity: none. */
  readonly gasLimit: number
  readonly comms: number
  readonly steps: number
  readonly machines: number
  readonly alive: number
  readonly failed: number
  readonly stopped: boolean
}

/** A value that a machine holds: in which of its registers, as text. */
export interface Held {
  readonly kind: 'capture' | 'local' | 'operand'
  readonly index: number
  readonly value: string
}

export type Verb = 'pause' | 'resume' | 'kill' | 'renice' | 'migrate'
export const VERBS: readonly Verb[] = ['pause', 'resume', 'kill', 'renice', 'migrate']
export const LEVEL_MAX = 3

export class Operator {
  private readonly session: Session
  constructor(session: Session) {
    this.session = session
  }

  /** All machines that are alive, by age, oldest first. Those that serve primitives in literal mode are the engine's. */
  machines(): MachineView[] {
    return this.live().map(m => this.view(m))
  }

  /** The machines that labels name, in that order; null in place of those that are not alive. A program or group stands for its machines. */
  find(labels: readonly string[]): (MachineView | null)[] {
    const byLabel = this.byLabel()
    return labels.flatMap(label => {
      const found = byLabel(label)
      return found === undefined ? [null] : found.map(m => this.view(m))
    })
  }

  accounts(): AccountView[] {
    const alive = new Map<Account, number>()
    for (const m of this.live()) alive.set(m.account, (alive.get(m.account) ?? 0) + 1)
    return this.session.kept.accounts.map(a => ({
      label: a.label,
      program: a.program,
      gas: a.gas,
      gasLimit: a.gasLimit,
      comms: a.comms,
      steps: a.steps,
      machines: a.machines,
      alive: alive.get(a) ?? 0,
      failed: a.failed,
      stopped: a.stopped,
    }))
  }

  /** What a machine holds; undefined if it is not alive. */
  holds(label: string): Held[] | undefined {
    const m = this.byLabel()(label)?.[0]
    if (m === undefined) return undefined
    const { captures, locals } = m.linked
    const out: Held[] = []
    const live = liveRegisters(m)
    for (let i = 0; i < live; i++) {
      const v = m.regs[i]
      if (v === undefined) continue
      const value = reportText(v)
      if (i < captures) out.push({ kind: 'capture', index: i, value })
      else if (i < captures + locals) out.push({ kind: 'local', index: i - captures, value })
      else out.push({ kind: 'operand', index: i - captures - locals, value })
    }
    return out
  }

  /** Messages on a name, oldest first, and the machines that wait there. */
  channel(name: Term): { messages: string[][]; waiting: MachineView[] } {
    const messages = this.session.observe(name)
    const waiting = this.live().filter(m => m.waiting && chansOf(m).some(c => c === this.session.shard.chanOf(name)))
    return { messages, waiting: waiting.map(m => this.view(m)) }
  }

  /** Every channel with messages: its name, how many, and whether a program can write the name down. */
  channels(): { channel: string; public: boolean; messages: string[][] }[] {
    const { kernel } = this.session.shard
    this.session.shard.whole()
    const out: { channel: string; public: boolean; messages: string[][] }[] = []
    for (const chan of kernel.nonEmpty()) {
      if (chan.nD === 0) continue
      const owner = chan.owner as Term
      const messages = [...kernel.data(chan)].map(d => (d.value as readonly Term[]).map(v => reportText(v)))
      out.push({ channel: nameText(owner), public: (flagsOf(owner) & Flag.Unforgeable) === 0, messages })
    }
    return out.sort((a, b) => (a.channel < b.channel ? -1 : a.channel > b.channel ? 1 : 0))
  }

  /**
   * Pause, resume, kill or renice what a label names; a group in one step. Between two slices.
   * @param level 0 (first) to 3, for `renice`; the number of a shard, for `migrate`
   * @returns how many machines it concerned, or why it cannot be done
   */
  act(verb: Verb, label: string, level = 0): number | string {
    const { shard, control } = this.session
    const machines = this.byLabel()(label)
    if (machines === undefined) return `nothing that is alive has the label ${label}`
    if (verb === 'migrate') return (control.migrate === null ? 'there is one shard' : control.migrate(machines, level)) ?? machines.length
    for (const m of machines) {
      if (verb === 'pause') shard.pause(m)
      else if (verb === 'resume') shard.resume(m)
      else if (verb === 'kill') shard.kill(m)
      else shard.renice(m, level)
    }
    shard.wake?.()
    return machines.length
  }

  /** Whether machines are paused that would run otherwise. */
  get holding(): boolean {
    return this.session.shard.runnable().some(m => m.paused > 0)
  }

  private live(): Machine[] {
    return this.session.shard
      .machines()
      .filter(m => m.priv > 0 && m.status < State.Done)
      .sort((a, b) => a.priv - b.priv)
  }

  private byLabel(): (label: string) => Machine[] | undefined {
    const all = this.live()
    const { accounts } = this.session.kept
    return label => {
      const account = accounts.find(a => a.label === label)
      if (account !== undefined) return all.filter(m => m.account === account)
      const one = all.find(m => `m:${m.priv}` === label)
      return one === undefined ? undefined : [one]
    }
  }

  private view(m: Machine): MachineView {
    const { shard } = this.session
    const blocked = m.waiting ? blockedMachine(shard, m) : null
    const { start, end } = blocked ?? m.linked.spanAt(m.pc)
    let memory = 0
    const live = liveRegisters(m)
    for (let i = 0; i < live; i++) if (m.regs[i] !== undefined) memory += sizeOfValue(m.regs[i])
    return {
      label: `m:${m.priv}`,
      status: blocked !== null ? 'blocked' : m.paused > 0 ? 'paused' : 'runnable',
      paused: m.paused,
      start,
      end,
      waitsFor: blocked?.channels ?? [],
      persistent: blocked?.persistent ?? false,
      reason: blocked?.reason ?? null,
      detail: blocked?.detail ?? '',
      gas: m.gas,
      memory,
      age: shard.numbers.privs - 1 - m.priv,
      shard: this.session.team?.shardOf?.(m) ?? 0,
      account: m.account.label,
      level: m.level,
      steps: m.steps,
      ...(m.meters === null ? {} : { comms: m.meters.comms }),
    }
  }
}

function chansOf(m: Machine): readonly unknown[] {
  return m.chan !== null ? [m.chan] : (m.chans ?? [])
}

function nameText(owner: Term): string {
  return owner instanceof Unforgeable ? reportText(owner) : reportName(owner)
}
