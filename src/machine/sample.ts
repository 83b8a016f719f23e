import type { Chan, Cont } from '../../rspace/kernel.ts'
import { Machine, State } from './machine.ts'
import { channelName, channelsOf, spanOf } from './report.ts'
import type { Session } from './session.ts'

/**
 * A session at one moment, for a live view: what waits and what is queued, counted once over the space, with the largest of each. Nothing is counted for it while
 * programs run, and records that are still parked on disk stay there. Costs time in proportion to the machines and channels; names are printed for what is shown.
 */
export interface Sample {
  readonly runnable: number
  readonly blocked: number
  /** Would be runnable. */
  readonly paused: number
  /** Machines alive, by label of account. */
  readonly alive: ReadonlyMap<string, number>
  /** Those with the most messages and receives, most first. */
  readonly channels: readonly ChannelSample[]
  /** Those that have used the most gas, most first. */
  readonly machines: readonly MachineSample[]
}

export interface ChannelSample {
  readonly channel: string
  readonly messages: number
  readonly waiting: number
}

export interface MachineSample {
  /** Display label, `m:12`. */
  readonly label: string
  readonly status: 'runnable' | 'blocked' | 'paused'
  readonly start: number
  readonly end: number
  readonly waitsFor: readonly string[]
  readonly shard: number
  readonly account: string
  readonly level: number
  readonly steps: number
  readonly gas: number
}

/** The `most` items of the greatest weight, greatest first; of equal ones the first that came. */
class Greatest<T> {
  private readonly items: T[] = []
  private readonly weights: number[] = []
  private readonly most: number
  constructor(most: number) {
    this.most = most
  }
  offer(item: T, weight: number): void {
    const { items, weights, most } = this
    if (items.length === most && (most === 0 || weight <= weights[most - 1])) return
    let at = items.length
    while (at > 0 && weights[at - 1] < weight) at--
    items.splice(at, 0, item)
    weights.splice(at, 0, weight)
    if (items.length > most) {
      items.pop()
      weights.pop()
    }
  }
  list(): readonly T[] {
    return this.items
  }
}

/** Between two slices. @param most how many channels, and how many machines, are told one by one */
export function sampleOf(session: Session, most: number): Sample {
  const { shard } = session
  const { kernel } = shard
  const alive = new Map<string, number>()
  const machines = new Greatest<Machine>(most)
  const channels = new Greatest<Chan>(most)
  const count = (m: Machine): boolean => {
    if (m.priv <= 0 || m.status >= State.Done) return false // those that serve primitives in literal mode are the engine's
    alive.set(m.account.label, (alive.get(m.account.label) ?? 0) + 1)
    machines.offer(m, m.gas)
    return true
  }
  let runnable = 0
  let paused = 0
  for (const m of shard.runnable()) {
    if (!count(m)) continue
    if (m.paused > 0) paused++
    else runnable++
  }
  let blocked = 0
  for (const k of kernel.stalled()) if (k instanceof Machine && count(k)) blocked++
  for (const chan of kernel.nonEmpty()) {
    let shown = chan.nD > 0
    for (const k of kernel.conts(chan)) {
      if (!(k instanceof Machine)) continue
      shown = true
      // A join is found on each of its channels and counted on the first.
      if (!k.stalled && firstOf(k) === chan && count(k)) blocked++
    }
    if (shown) channels.offer(chan, chan.nD + chan.nK)
  }
  return {
    runnable,
    blocked,
    paused,
    alive,
    channels: channels.list().map(c => ({ channel: channelName(shard, c), messages: c.nD, waiting: c.nK })),
    machines: machines.list().map(m => {
      const waits = m.waiting
      const { start, end } = waits ? spanOf(shard, m) : m.linked.spanAt(m.pc)
      return {
        label: `m:${m.priv}`,
        status: waits ? 'blocked' : m.paused > 0 ? 'paused' : 'runnable',
        start,
        end,
        waitsFor: waits ? channelsOf(m) : [],
        shard: session.team?.shardOf?.(m) ?? 0,
        account: m.account.label,
        level: m.level,
        steps: m.steps,
        gas: m.gas,
      }
    }),
  }
}

function firstOf(k: Cont): Chan | null {
  return k.chan ?? k.chans?.[0] ?? null
}
