import { type Clock, TimerQueue } from '../machine/clock.ts'

/** What a real clock stands on; tests give their own. */
export interface TimeSource {
  /** Milliseconds since 1970. */
  wall(): number
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number
  /** Calls back after about `ms`, possibly a little early; the result cancels. */
  wake(ms: number, callback: () => void): () => void
}

export const SYSTEM_TIME: TimeSource = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  wake: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** The longest time that the host's timers can wait at once. */
const WAKE_MAX_MS = 0x7fffffff

/** Real time. Delays are measured by a clock that nobody can set, so that they are never shorter than asked. */
export class RealClock implements Clock {
  private readonly source: TimeSource
  private readonly timers = new TimerQueue()
  private cancel: (() => void) | undefined
  /** What the pending wake-up waits for. */
  private wakeAt = Number.POSITIVE_INFINITY

  constructor(source: TimeSource = SYSTEM_TIME) {
    this.source = source
  }

  now(): number {
    return this.source.wall()
  }

  after(ms: number, callback: () => void): void {
    this.timers.add(this.source.monotonic() + ms, callback)
    this.arm()
  }

  get pending(): number {
    return this.timers.size
  }

  /** Forgets all timers: nothing of this clock keeps the process alive any more. */
  stop(): void {
    while (this.timers.take() !== undefined);
    this.cancel?.()
    this.cancel = undefined
    this.wakeAt = Number.POSITIVE_INFINITY
  }

  private arm(): void {
    const due = this.timers.first?.due
    if (due === undefined || due >= this.wakeAt) return
    this.cancel?.()
    this.wakeAt = due
    const ms = Math.min(WAKE_MAX_MS, Math.max(0, Math.ceil(due - this.source.monotonic())))
    this.cancel = this.source.wake(ms, () => this.fire())
  }

  private fire(): void {
    this.cancel = undefined
    this.wakeAt = Number.POSITIVE_INFINITY
    const now = this.source.monotonic()
    for (let next = this.timers.first; next !== undefined && next.due <= now; next = this.timers.first) {
      this.timers.take()
      next.callback()
    }
    this.arm()
  }
}
