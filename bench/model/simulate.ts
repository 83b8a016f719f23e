/** Throughput of several workers by discrete simulation. What is assumed stands in README.md of this folder. */

export interface Assumptions {
  readonly workers: number
  /** Nanoseconds of a COMM that stays on its shard. */
  readonly localNs: number
  /** Nanoseconds that a COMM costs more when its message comes from another shard: half for the sender, half for the receiver. */
  readonly remoteNs: number
  /** Nanoseconds of work that each message causes. */
  readonly workNs: number
  /** Share of messages that go to another shard, 0 to 1. */
  readonly remoteShare: number
  /** Messages in flight for each worker. */
  readonly inFlight: number
  /** Messages after which a worker publishes what it has for others; it also does when it has nothing else to do. */
  readonly batch: number
  /** Nanoseconds from publishing to being seen. */
  readonly latencyNs: number
  readonly seed: number
  readonly messages: number
}

export const DEFAULTS: Assumptions = {
  workers: 8,
  localNs: 50,
  remoteNs: 300,
  workNs: 0,
  remoteShare: 0.05,
  inFlight: 1024,
  batch: 256,
  latencyNs: 1000,
  seed: 1,
  messages: 400_000,
}

export interface Prediction {
  /** Throughput ÷ that of one worker to which everything is local. */
  readonly speedUp: number
  /** Share of their time that workers had something to do. */
  readonly busy: number
}

/** Numbers from 0 to 1 that a seed decides (a linear congruential generator modulo 2³², its upper bits). */
function random(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 2 ** 24
  }
}

/** Arrival times of messages, oldest first. Messages are published in the order of time, so their arrivals are in order as well. */
class Inbox {
  private readonly ring: Float64Array
  private head = 0
  length = 0

  constructor(capacity: number) {
    this.ring = new Float64Array(capacity)
  }

  push(time: number): void {
    this.ring[(this.head + this.length++) % this.ring.length] = time
  }

  get first(): number {
    return this.length === 0 ? Number.POSITIVE_INFINITY : this.ring[this.head]
  }

  shift(): void {
    this.head = (this.head + 1) % this.ring.length
    this.length--
  }
}

export function simulate(a: Assumptions): Prediction {
  const draw = random(a.seed)
  const total = a.workers * a.inFlight
  // What a worker sends to itself is there at once; what comes from others waits in a queue of its own, which costs it more.
  const own = new Int32Array(a.workers).fill(a.inFlight)
  const inboxes = Array.from({ length: a.workers }, () => new Inbox(total))
  const outboxes = Array.from({ length: a.workers }, () => new Int32Array(a.workers))
  const unpublished = new Int32Array(a.workers)
  const sincePublished = new Int32Array(a.workers)
  const clock = new Float64Array(a.workers)
  const busy = new Float64Array(a.workers)
  const warm = Math.floor(a.messages / 5)
  let startTime = 0
  let busyBefore = 0

  const publish = (w: number): void => {
    sincePublished[w] = 0
    if (unpublished[w] === 0) return
    unpublished[w] = 0
    for (let to = 0; to < a.workers; to++) {
      for (let k = outboxes[w][to]; k > 0; k--) inboxes[to].push(clock[w] + a.latencyNs)
      outboxes[w][to] = 0
    }
  }
  /** When a worker can go on. */
  const readyAt = (w: number): number => (own[w] > 0 ? clock[w] : Math.max(clock[w], inboxes[w].first))
  const next = (): number => {
    let best = 0
    for (let w = 1; w < a.workers; w++) if (readyAt(w) < readyAt(best)) best = w
    return best
  }

  for (let done = 0; done < a.messages; done++) {
    const w = next()
    clock[w] = readyAt(w)
    if (done === warm) {
      startTime = clock[w]
      busyBefore = busy.reduce((x, y) => x + y, 0)
    }
    let cost = a.localNs + a.workNs
    if (inboxes[w].first <= clock[w]) {
      inboxes[w].shift()
      cost += a.remoteNs / 2
    } else own[w]--
    if (a.workers > 1 && draw() < a.remoteShare) {
      const to = (w + 1 + Math.floor(draw() * (a.workers - 1))) % a.workers
      outboxes[w][to]++
      unpublished[w]++
      cost += a.remoteNs / 2
    } else own[w]++
    clock[w] += cost
    busy[w] += cost
    if (++sincePublished[w] >= a.batch || (own[w] === 0 && inboxes[w].first > clock[w])) publish(w)
  }
  const end = Math.max(...clock)
  const counted = a.messages - warm
  return {
    speedUp: (counted * (a.localNs + a.workNs)) / (end - startTime),
    busy: Math.min(1, (busy.reduce((x, y) => x + y, 0) - busyBefore) / ((end - startTime) * a.workers)),
  }
}

/** The table of the design: eight workers, a local COMM of 50 ns, 300 ns more for a remote one. */
export const DESIGN = [
  { workNs: 0, remoteShare: 0.05, speedUp: 6.2 },
  { workNs: 0, remoteShare: 0.25, speedUp: 3.2 },
  { workNs: 0, remoteShare: 0.875, speedUp: 1.3 },
  { workNs: 500, remoteShare: 0.05, speedUp: 7.8 },
  { workNs: 500, remoteShare: 0.25, speedUp: 7.0 },
  { workNs: 500, remoteShare: 0.875, speedUp: 5.4 },
  { workNs: 5000, remoteShare: 0.05, speedUp: 8.0 },
  { workNs: 5000, remoteShare: 0.25, speedUp: 7.9 },
  { workNs: 5000, remoteShare: 0.875, speedUp: 7.6 },
] as const
