import { Cont, type Site } from '../../rspace/kernel.ts'
import type { Code } from '../base/codes.ts'
import type { Term } from '../normal/term.ts'
import type { Linked } from './link.ts'

/** States of the life cycle (vm.md 3.2). `paused` is a counter beside it. */
export const State = { Runnable: 0, Running: 1, Blocked: 2, Done: 3, Faulted: 4, Killed: 5 } as const

/** The purse that pays. Every machine belongs to one; children inherit it. */
export class Account {
  readonly id: number
  readonly label: string
  readonly gasLimit: number
  readonly limited: boolean
  gas = 0
  comms = 0
  primitiveComms = 0
  steps = 0
  machines = 0
  /** Sizes of names and values that were sent. */
  bytes = 0
  /** Estimated bytes held in the space; kept only under a limit. */
  memory = 0
  failed = 0
  /** Set when a whole-program limit or an abort stopped it: its machines are dropped when their turn comes. */
  stopped = false
  /** Groups made by `rho:vm:spawn` belong to the program that spawned them. */
  readonly program: number
  constructor(id: number, label: string, program: number, gasLimit: number) {
    this.id = id
    this.label = label
    this.program = program
    this.gasLimit = gasLimit
    this.limited = gasLimit !== Number.POSITIVE_INFINITY
  }
}

/** Where something was written. */
export interface Place {
  readonly span: { readonly start: number; readonly end: number }
}

// Parts of `Machine.rank`. Plain arithmetic: where it all becomes too large for a small integer it is still exact.
const DEST = 4
/** `rank` of a machine that is paused is at least this. */
export const PAUSED = 2 ** 28

/**
 * A running component: a sequence, where it is in it, its registers (captures, locals, temporaries), its private channel, its meters. It is its own
 * continuation in the space, so a receive that waits costs nothing beyond the machine.
 */
export class Machine extends Cont {
  linked: Linked
  pc: number
  regs: Term[]
  /** Number of the private channel: never reused, 0 for evaluations inside a match. */
  priv: number
  account: Account
  status: number
  gas: number
  steps: number
  /** `level`, `dest` and `paused`, which are seldom needed, in one field: machines wait by the million. */
  rank: number
  /** The send or receive that started it; null for a program's own machines. */
  origin: Place | null
  /** Where the object goes when the machine has ended, to be used for the next one of its kind; null: nowhere. Meters, if it has some: it stays what it is. */
  home: Pool | null
  constructor(linked: Linked, regs: Term[], priv: number, account: Account, site: Site, origin: Place | null, level: number) {
    super(site)
    this.linked = linked
    this.pc = 0
    this.regs = regs
    this.priv = priv
    this.account = account
    this.status = State.Runnable
    this.gas = 0
    this.steps = 0
    this.rank = level & 3
    this.origin = origin
    this.home = null
  }
  /** Scheduling level, 0 highest, to 3; inherited by children (policy `priority`). */
  get level(): number {
    return this.rank & 3
  }
  set level(level: number) {
    this.rank += (level & 3) - this.level
  }
  /** Register that the reply of a primitive in flight goes to; −1: there is none. */
  get dest(): number {
    return Math.floor((this.rank % PAUSED) / DEST) - 1
  }
  set dest(register: number) {
    this.rank += (register - this.dest) * DEST
  }
  /** How many times more it was paused than resumed. */
  get paused(): number {
    return this.rank < PAUSED ? 0 : Math.floor(this.rank / PAUSED)
  }
  set paused(times: number) {
    this.rank += (times - this.paused) * PAUSED
  }
  /** COMMs and bytes, where somebody watches or limits single machines; null elsewhere: counting them for every machine costs as much as a COMM. */
  get meters(): Meters | null {
    return this.home instanceof Meters ? this.home : null
  }
  /** The object stays this machine's for good. */
  settle(): void {
    if (!(this.home instanceof Meters)) this.home = null
  }
}

/** Ended machines kept for the next of their kind, linked by `next`: saves allocation, and the registers are still in the cache. */
export interface Pool {
  spare: Machine | null
  spares: number
}
/** More than this many are not kept. */
export const SPARES_MAX = 32

/** What a machine has done beside its gas and steps. A pool that is always full. */
export class Meters implements Pool {
  readonly spare = null
  readonly spares: number = SPARES_MAX
  comms: number
  bytes: number
  constructor(comms: number, bytes: number) {
    this.comms = comms
    this.bytes = bytes
  }
}

/** Raised inside a slice to end the machine with a report; never leaves the shard. */
export class MachineFault {
  readonly code: Code
  readonly message: string
  readonly hint: string
  /** Where the expression that failed is written, -1 when unknown. */
  readonly start: number
  readonly end: number
  constructor(code: Code, message: string, hint = '', start = -1, end = -1) {
    this.code = code
    this.message = message
    this.hint = hint
    this.start = start
    this.end = end
  }
}

/** Position of what started a machine, −1 for a program's own. */
export function startedBy(m: Machine): number {
  return m.origin === null ? -1 : m.origin.span.start
}
