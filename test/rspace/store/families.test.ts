import { describe, expect, it } from 'vitest'
import { failEveryCall, loseUnsynced } from '../../torture/store/lost.ts'
import { WRONG_KINDS, wrongDirectories } from '../../torture/store/places.ts'

/** Quick forms; `npm run test:torture` runs the same cases for hours. */

describe('a power cut that loses unsynced writes (family 4)', () => {
  it('loses nothing acknowledged in class power, and never opens a wrong state in class process', async () => {
    const { cases, failures, notes } = await loseUnsynced({ cases: 2000, seed: 4 })
    expect(failures).toEqual([])
    expect(cases).toBe(2000)
    expect(notes.refused).toBeGreaterThan(50)
    expect(notes.opened).toBeGreaterThan(500)
  }, 240_000)
})

describe('an engine call that fails (family 6)', () => {
  it('surfaces once, whichever it is, and nothing is acknowledged after it', async () => {
    const { cases, failures, notes } = await failEveryCall({ cases: 512, seed: 6 })
    expect(failures).toEqual([])
    expect(cases).toBe(512)
    expect(notes.surfaced).toBeGreaterThan(200)
  })
})

describe('a directory that is not what it seems (family 7)', () => {
  it('is refused with a type, and no file changes', async () => {
    const { cases, failures } = await wrongDirectories({ cases: 2 * WRONG_KINDS, seed: 7 })
    expect(failures).toEqual([])
    expect(cases).toBe(60)
  })
})
