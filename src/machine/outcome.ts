import type { Code } from '../base/codes.ts'

/** What a run is made of, as data: the command line prints it, the JSON output carries it, tests compare it. Positions as in `base/source.ts`, -1 unknown. */

/** Why `Session.run` came back. `budget`: more to do; `idle`: nothing runnable, an answer from outside is pending; `rest`: nothing runnable, nothing pending. */
export type Status = 'budget' | 'idle' | 'rest' | 'limit' | 'fault'

/** A machine that died. An abort or a program's gas limit is exactly one failure. */
export interface Failure {
  readonly code: Code
  readonly message: string
  readonly hint: string
  readonly start: number
  readonly end: number
  /** Display label `m:12`. */
  readonly machine: string
  /** Position of the send or receive that started the machine, -1 for the program's own. */
  readonly startedBy: number
  /** A whole-program limit (`--gas`, `--max-*`): exit code 4. */
  readonly limit: boolean
}

export type Reason =
  | 'nobody-sends'
  | 'nobody-listens'
  | 'unreachable'
  | 'arity'
  | 'pattern'
  | 'guard-false'
  | 'guard-error'
  | 'join-incomplete'
  | 'system-arity'
  | 'match-budget'
  | 'no-operation'

/** A receive or select that waits. `channels`: canonical names (`@"x"`); those with private parts as the receive calls them, `Unforgeable(…)` where that is unknown. */
export interface Blocked {
  readonly persistent: boolean
  readonly start: number
  readonly end: number
  readonly channels: readonly string[]
  readonly reason: Reason
  readonly detail: string
  /** Position of the counterpart that does not fit, -1 if there is none. */
  readonly counterpart: number
}

/** A message that nobody took. */
export interface Unconsumed {
  readonly persistent: boolean
  readonly start: number
  readonly end: number
  /** As in `Blocked.channels`, as the send calls it. */
  readonly channel: string
  readonly values: readonly string[]
  readonly reason: Reason
  readonly detail: string
  readonly counterpart: number
}

/** A `match` or `let` that fitted no case. */
export interface Note {
  readonly start: number
  readonly end: number
  readonly text: string
}

export interface RestReport {
  readonly waiting: readonly Blocked[]
  readonly messages: readonly Unconsumed[]
  readonly notes: readonly Note[]
  /** Items left out of the lists: persistent servers and messages, items on channels nobody holds any more. */
  readonly idleServers: number
  readonly unreachable: number
}

export interface Stats {
  readonly comms: number
  readonly primitiveComms: number
  readonly machines: number
  readonly gas: number
  readonly steps: number
  readonly [counter: string]: number
}
