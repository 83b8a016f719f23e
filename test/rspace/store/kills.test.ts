import { describe, expect, it } from 'vitest'
import { killAtRandom, killDuringRecovery } from '../../torture/store/kill.ts'
import { LOCK_CASES, locks } from '../../torture/store/places.ts'

describe('kill -9 (family 1)', () => {
  it('keeps what was acknowledged, and nothing but a prefix of what was handed in', async () => {
    const { cases, failures, notes } = await killAtRandom({ cases: 40, seed: 1 })
    expect(failures).toEqual([])
    expect(cases).toBe(40)
    expect(notes.deltas).toBeGreaterThan(100)
  })
})

describe('kill -9 during recovery, repair and backup (family 2)', () => {
  it('changes nothing, and leaves a whole target or none', async () => {
    const { cases, failures } = await killDuringRecovery({ cases: 12, seed: 2 })
    expect(failures).toEqual([])
    expect(cases).toBe(12)
  })
})

describe('locks (family 8)', () => {
  it('never let two writers in', async () => {
    const { cases, failures, notes } = await locks({ cases: LOCK_CASES, seed: 8 })
    expect(failures).toEqual([])
    expect(cases).toBe(LOCK_CASES)
    expect(notes.races).toBe(1)
  })
})
