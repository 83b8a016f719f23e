import { describe, expect, it } from 'vitest'
import { fullDisk, killAtRandom } from '../../torture/store/kill.ts'

describe('kill -9 (family 1)', () => {
  it('keeps what was acknowledged, and nothing but a prefix of what was handed in', async () => {
    const { cases, failures, notes } = await killAtRandom({ cases: 120, seed: 1 })
    expect(failures).toEqual([])
    expect(cases).toBe(120)
    // Several for each kill, however busy the machine is.
    expect(notes.deltas).toBeGreaterThan(200)
  }, 240_000)
})

describe('a disk that is really full (family 6)', () => {
  it.skipIf(process.platform === 'win32')('fails with a type and loses nothing acknowledged', async () => {
    const { cases, failures, notes } = await fullDisk({ cases: 2, seed: 6 })
    expect(failures).toEqual([])
    expect(cases).toBe(2)
    expect(notes.refused).toBe(2)
  })
})
