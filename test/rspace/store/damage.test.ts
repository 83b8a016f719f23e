import { describe, expect, it } from 'vitest'
import { damageFiles } from '../../torture/store/damage.ts'

describe('damage in any file (family 5)', () => {
  it('is found or harmless, and never ends the process that asks', async () => {
    const { cases, failures, notes } = await damageFiles({ cases: 2000, seed: 5 })
    expect(failures).toEqual([])
    expect(cases).toBe(2000)
    expect(notes.refused).toBeGreaterThan(600)
    expect(notes.harmless).toBeGreaterThan(200)
  }, 240_000)
})
