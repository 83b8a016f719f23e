import { describe, expect, it } from 'vitest'
import { cutEverywhere } from '../../torture/store/damage.ts'
import { failEveryCall, loseUnsynced } from '../../torture/store/lost.ts'
import { WRONG_CASES, wrongDirectories } from '../../torture/store/places.ts'

/** Quick forms; `npm run test:torture` runs the same cases for hours. */

describe('a log that ends anywhere (family 3)', () => {
  it('gives an earlier commit and says which, at every byte of its end', async () => {
    const { cases, failures, notes } = await cutEverywhere({ cases: 512, seed: 3 })
    expect(failures).toEqual([])
    expect(cases).toBe(512)
    expect(notes.refused).toBe(0)
  })
})

describe('a power cut that loses unsynced writes (family 4)', () => {
  it('loses nothing acknowledged in class power, and never opens a wrong state in class process', async () => {
    const { cases, failures, notes } = await loseUnsynced({ cases: 400, seed: 4 })
    expect(failures).toEqual([])
    expect(cases).toBe(400)
    expect(notes.refused).toBeGreaterThan(10)
    expect(notes.opened).toBeGreaterThan(100)
  })
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
    const { cases, failures } = await wrongDirectories({ cases: WRONG_CASES, seed: 7 })
    expect(failures).toEqual([])
    expect(cases).toBe(WRONG_CASES)
  })
})
