import { describe, expect, it } from 'vitest'
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
    expect(clock.advance()).toBe(true)
    expect(fired).toEqual(['a at 10'])
    expect(clock.advance()).toBe(true)
    expect(fired).toEqual(['a at 10', 'b at 20'])
    expect(clock.advance()).toBe(false)
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
