import { describe, expect, it } from 'vitest'
import { cutEverywhere } from '../../torture/store/damage.ts'

describe('a log that ends anywhere (family 3)', () => {
  it('gives an earlier commit and says which, at every byte of its last 4 KiB', async () => {
    const { cases, failures, notes } = await cutEverywhere({ cases: 4096, seed: 3 })
    expect(failures).toEqual([])
    expect(cases).toBe(4096)
    expect(notes.refused).toBe(0)
  }, 240_000)
})
