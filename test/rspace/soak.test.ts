import { describe, expect, it } from 'vitest'
import { soak } from '../torture/space/worlds.ts'

describe('a queue that never rests (family 14)', () => {
  it('keeps its order, as many rows as data, its memory, and a disk of at most three times what is alive', async () => {
    const { cases, failures } = await soak({ cases: 2_000_000, seed: 14 })
    expect(failures).toEqual([])
    expect(cases).toBe(2_000_000)
  }, 240_000)
})
