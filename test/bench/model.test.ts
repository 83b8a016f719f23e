import { describe, expect, it } from 'vitest'
import { DEFAULTS, DESIGN, simulate } from '../../bench/model/simulate.ts'

describe('the model of several workers', () => {
  it('gives the table of the design, to its last digit', () => {
    for (const { workNs, remoteShare, speedUp } of DESIGN)
      expect(Math.round(simulate({ ...DEFAULTS, workNs, remoteShare }).speedUp * 10) / 10).toBeCloseTo(speedUp, 5)
  })

  it('agrees with the formula while many messages are in flight', () => {
    for (const workers of [1, 2, 4]) {
      const a = { ...DEFAULTS, workers, remoteShare: 0.1, localNs: 100 }
      const formula = workers === 1 ? 1 : (workers * 100) / (100 + 0.1 * a.remoteNs)
      expect(simulate(a).speedUp / formula).toBeCloseTo(1, 1.99)
    }
  })

  it('is decided by its seed', () => {
    const a = { ...DEFAULTS, messages: 20_000, remoteShare: 0.25 }
    expect(simulate(a)).toEqual(simulate(a))
    expect(simulate({ ...a, seed: 2 })).not.toEqual(simulate(a))
  })

  it('lets workers wait where few messages are in flight', () => {
    const few = simulate({ ...DEFAULTS, remoteShare: 0.25, inFlight: 4 })
    expect(few.busy).toBeLessThan(0.9)
    expect(few.speedUp).toBeLessThan(simulate({ ...DEFAULTS, remoteShare: 0.25 }).speedUp)
  })
})
