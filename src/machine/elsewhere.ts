import { type Chan, Cont } from '../../rspace/kernel.ts'
import type { Term } from '../normal/term.ts'
import type { Account, Machine, Place } from './machine.ts'
import type { Handler } from './primitives.ts'
import { Of, RecvSite, type SendSite } from './site.ts'

/** What a shard knows of the other shards of its space (`src/pool`). A shard that is alone has none of this. */

/** Where forwards wait. */
export const FORWARD_SITE = new RecvSite(new Uint8Array([1]), [], null, null, null, -1, Of.Native)

/**
 * Stands at the head of a channel whose home is another shard and takes whatever is sent there. The kernel never meets it: messages are sent on before they
 * reach the kernel, and machines that want to wait there leave for the home.
 */
export class Forward extends Cont {
  /** The shard where the channel is believed to be; whoever is wrong about it is at most as old as `epoch`. */
  home: number
  /** How often the channel had moved when it came there. */
  epoch: number
  /** Machines that wait for the channel to come here. */
  waiters: Machine[] | null = null
  /** The channel has been asked for. */
  asked = false
  /** Who put it there; another one knows better. */
  readonly by: Elsewhere
  constructor(by: Elsewhere, home: number, epoch: number) {
    super(FORWARD_SITE)
    this.by = by
    this.home = home
    this.epoch = epoch
    this.next = this
    this.prev = this
  }
}

export interface Elsewhere {
  /** Somebody comes to this channel for the first time. */
  opened(chan: Chan): void
  /** A message for a channel at whose head a forward stands. `sender` null: sent by the engine itself. False: the channel is here after all. */
  send(chan: Chan, args: readonly Term[], persistent: boolean, origin: SendSite | null, sender: Machine | null, account: Account): boolean
  /** Asked before `m` begins to wait: true if it cannot wait here and has been taken over. */
  leaves(m: Machine): boolean
  /** A message was stored on a channel that had receives. */
  stored(chan: Chan): void
  /** An account has used up what it may use here: true if there may be more elsewhere. */
  hasMore(account: Account, at: Place | null): boolean
  /** An account was stopped here. */
  stopped(account: Account): void
  /**
   * An operation was given another meaning here; undefined: its own again.
   * @throws Error for a function: those are loaded by every shard for itself
   */
  operation(op: string, meaning: Term | Handler | undefined): void
}
