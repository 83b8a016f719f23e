import { describe, expect, it } from 'vitest'
import { LOCK_KINDS, locks } from '../../torture/store/places.ts'

describe('locks (family 8)', () => {
  it('never let two writers in', async () => {
    const { cases, failures, notes } = await locks({ cases: 3 * LOCK_KINDS, seed: 8 })
    expect(failures).toEqual([])
    expect(cases).toBe(60)
    expect(notes.races).toBe(6)
  }, 240_000)
})
