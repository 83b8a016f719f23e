import { describe, expect, it } from 'vitest'
import { killDuringRecovery, RECOVERIES } from '../../torture/store/kill.ts'

describe('kill -9 during recovery, repair, backup, checkpoint, export and import (family 2)', () => {
  it('changes nothing, and leaves a whole target or none', async () => {
    const { cases, failures, notes } = await killDuringRecovery({ cases: 10 * RECOVERIES.length, seed: 2 })
    expect(failures).toEqual([])
    expect(cases).toBe(60)
    expect(notes.checkpoints).toBeGreaterThan(0)
  }, 240_000)
})
