import { describe, expect, it } from 'vitest'
import { randomPrograms, replays } from '../torture/space/programs.ts'

describe('random programs (family 9)', () => {
  it('do the same in memory, on a store, and on a store that is reopened again and again, in every order of choice', async () => {
    const { cases, failures, notes } = await randomPrograms({ cases: 3100, seed: 9 })
    expect(failures).toEqual([])
    expect(cases).toBe(3100)
    expect(notes.operations).toBeGreaterThan(60_000)
  }, 240_000)
})

describe('replay (family 11)', () => {
  it('of a log over two runs, in another process and another order, ends in the same state; an altered log is noticed', async () => {
    const { cases, failures } = await replays({ cases: 500, seed: 11 })
    expect(failures).toEqual([])
    expect(cases).toBe(500)
  }, 240_000)
})
