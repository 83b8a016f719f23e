interface Timer {
  readonly due: number
  /** Order of request. */
  readonly seq: number
  readonly callback: () => void
}

function earlier(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.seq < b.seq)
}

/** Timers by due time, then by order of request: a binary heap. */
class TimerQueue {
  private readonly heap: Timer[] = []
  private seq = 0

  get size(): number {
    return this.heap.length
  }

  add(due: number, callback: () => void): void {
    const { heap } = this
    const timer: Timer = { due, seq: this.seq++, callback }
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(timer, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = timer
  }

  take(): Timer | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1], heap[child])) child++
      if (!earlier(heap[child], last)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
    return first
  }
}

/** A clock that stands still until `advance` is called: when no machine can run, whoever drives the run lets it jump to the next timer. */
export class VirtualClock {
  private readonly timers = new TimerQueue()
  private time: number

  constructor(startTime = 0) {
    this.time = startTime
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.time
  }

  /** Calls back once, `ms` (at least 0) later. Timers that are due at the same instant fire in the order of request. */
  after(ms: number, callback: () => void): void {
    this.timers.add(Math.min(this.time + ms, Number.MAX_SAFE_INTEGER), callback)
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.timers.size
  }

  /** Jumps to the next timer and fires that one; false if there is none. The time never goes back. */
  advance(): boolean {
    const timer = this.timers.take()
    if (timer === undefined) return false
    this.time = Math.max(this.time, timer.due)
    timer.callback()
    return true
  }
}
