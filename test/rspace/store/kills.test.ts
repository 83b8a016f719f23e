import { describe, expect, it } from 'vitest'
import { fullDisk, killAtRandom, killDuringRecovery } from '../../torture/store/kill.ts'
import { LOCK_CASES, locks } from '../../torture/store/places.ts'

describe('kill -9 (family 1)', () => {
  it('keeps what was acknowledged, and nothing but a prefix of what was handed in', async () => {
    const { cases, failures, notes } = await killAtRandom({ cases: 16, seed: 1 })
    expect(failures).toEqual([])
    expect(cases).toBe(16)
    expect(notes.deltas).toBeGreaterThan(100)
  })
})

describe('kill -9 during recovery, repair and backup (family 2)', () => {
  it('changes nothing, and leaves a whole target or none', async () => {
    const { cases, failures } = await killDuringRecovery({ cases: 8, seed: 2 })
    expect(failures).toEqual([])
    expect(cases).toBe(8)
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

describe('a disk that is really full (family 6)', () => {
  it.skipIf(process.platform === 'win32')('fails with a type and loses nothing acknowledged', async () => {
    const { cases, failures, notes } = await fullDisk({ cases: 2, seed: 6 })
    expect(failures).toEqual([])
    expect(cases).toBe(2)
    expect(notes.refused).toBe(2)
  })
})
