import { describe, expect, it } from 'vitest'
import { RealClock, type TimeSource } from '../../src/host/clock.ts'
import { VirtualClock } from '../../src/machine/clock.ts'

describe('a virtual clock', () => {
  it('starts at the given time and stands still', () => {
    const clock = new VirtualClock(1_000)
    clock.after(5, () => {})
    expect(clock.now()).toBe(1_000)
    expect(new VirtualClock().now()).toBe(0)
  })

  it('jumps to the next timer when it is advanced, and fires one timer at a time', () => {
    const clock = new VirtualClock()
    const fired: string[] = []
    clock.after(20, () => fired.push(`b at ${clock.now()}`))
    clock.after(10, () => fired.push(`a at ${clock.now()}`))
    expect(clock.nextDue).toBe(10)
    expect(clock.advance()).toBe(true)
    expect(fired).toEqual(['a at 10'])
    expect(clock.advance()).toBe(true)
    expect(fired).toEqual(['a at 10', 'b at 20'])
    expect(clock.advance()).toBe(false)
    expect(clock.nextDue).toBeUndefined()
  })

  it('fires timers that are due at one instant in the order of request, also when they were asked for at different times', () => {
    const clock = new VirtualClock()
    const fired: number[] = []
    clock.after(10, () => {
      fired.push(1)
      clock.after(10, () => fired.push(4))
    })
    clock.after(20, () => fired.push(2))
    clock.after(20, () => fired.push(3))
    while (clock.advance());
    expect(fired).toEqual([1, 2, 3, 4])
  })

  it('fires a timer without delay only when it is advanced, and counts the pending ones', () => {
    const clock = new VirtualClock(7)
    let fired = false
    clock.after(0, () => {
      fired = true
    })
    expect([fired, clock.pending]).toEqual([false, 1])
    clock.advance()
    expect([fired, clock.pending, clock.now()]).toEqual([true, 0, 7])
  })

  it('keeps a thousand timers in order', () => {
    const clock = new VirtualClock()
    const fired: number[] = []
    const due = Array.from({ length: 1_000 }, (_, i) => (i * 7_919) % 101)
    for (const [i, ms] of due.entries()) clock.after(ms, () => fired.push(i))
    while (clock.advance());
    expect(fired).toEqual(due.map((_, i) => i).sort((a, b) => due[a] - due[b] || a - b))
  })

  it('does not run past the integers that are exact', () => {
    const clock = new VirtualClock(5)
    clock.after(Number.MAX_SAFE_INTEGER, () => {})
    clock.advance()
    expect(clock.now()).toBe(Number.MAX_SAFE_INTEGER)
  })
})

/** A world where time passes only when the test says so, and wake-ups come as early as the test likes. */
class FakeTime implements TimeSource {
  time = 0.25
  asked: number | undefined
  private ring: (() => void) | undefined
  wall(): number {
    return 1_700_000_000_000
  }
  monotonic(): number {
    return this.time
  }
  wake(ms: number, callback: () => void): () => void {
    this.asked = ms
    this.ring = callback
    return () => {
      this.ring = undefined
      this.asked = undefined
    }
  }
  wakeAt(time: number): void {
    this.time = time
    const ring = this.ring
    this.ring = undefined
    this.asked = undefined
    ring?.()
  }
}

describe('a real clock', () => {
  it('never fires early, even if the host wakes it early', () => {
    const time = new FakeTime()
    const clock = new RealClock(time)
    let fired = 0
    clock.after(10, () => fired++)
    expect(time.asked).toBe(10)
    time.wakeAt(9.5)
    expect(fired).toBe(0)
    expect(time.asked).toBe(1)
    time.wakeAt(10.25)
    expect([fired, clock.pending]).toEqual([1, 0])
  })

  it('waits for the earliest timer and fires all that are due, in order', () => {
    const time = new FakeTime()
    const clock = new RealClock(time)
    const fired: string[] = []
    clock.after(30, () => fired.push('c'))
    clock.after(10, () => fired.push('a'))
    clock.after(10, () => fired.push('b'))
    expect(time.asked).toBe(10)
    time.wakeAt(11)
    expect(fired).toEqual(['a', 'b'])
    expect(time.asked).toBe(20)
    time.wakeAt(31)
    expect(fired).toEqual(['a', 'b', 'c'])
    expect(time.asked).toBeUndefined()
  })

  it('waits for delays that are longer than the host can wait at once', () => {
    const time = new FakeTime()
    const clock = new RealClock(time)
    let fired = 0
    clock.after(3e9, () => fired++)
    expect(time.asked).toBe(0x7fffffff)
    time.wakeAt(0x7fffffff)
    expect(fired).toBe(0)
    time.wakeAt(3e9 + 1)
    expect(fired).toBe(1)
  })

  it('tells the wall time, and forgets its timers when it is stopped', () => {
    const time = new FakeTime()
    const clock = new RealClock(time)
    clock.after(10, () => {})
    clock.stop()
    expect([clock.now(), clock.pending, time.asked]).toEqual([1_700_000_000_000, 0, undefined])
  })

  it('works with the time of the system', async () => {
    const clock = new RealClock()
    const start = performance.now()
    await new Promise<void>(done => clock.after(5, done))
    expect(performance.now() - start).toBeGreaterThanOrEqual(5)
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(60_000)
  })
})
