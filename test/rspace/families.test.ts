import { describe, expect, it } from 'vitest'
import { forgedNames, fuzz, scale, smallWorlds } from '../torture/space/worlds.ts'
import { readPage, readReports, withSums } from '../torture/sum.ts'

/** Quick forms; `npm run test:torture` runs the same cases for hours. */

describe('all small worlds (family 10)', () => {
  it('do what the naive model does, and leave nothing idle', async () => {
    const { cases, failures } = await smallWorlds({ cases: Number.POSITIVE_INFINITY, seed: 10 })
    expect(failures).toEqual([])
    expect(cases).toBeGreaterThan(100_000)
  }, 240_000)
})
describe('bytes and patterns from nowhere (family 12)', () => {
  it('give typed errors only, and what is accepted is canonical', async () => {
    const { cases, failures, notes } = await fuzz({ cases: 120_000, seed: 12 })
    expect(failures).toEqual([])
    expect(cases).toBe(120_000)
    expect(notes.accepted).toBeGreaterThan(20_000)
    expect(notes.refused).toBeGreaterThan(50_000)
  }, 240_000)
})
describe('names made to be confused (family 15)', () => {
  it('are never taken for each other', async () => {
    const { failures, notes } = await forgedNames({ cases: 20_000, seed: 15 })
    expect(failures).toEqual([])
    expect(notes.colliding).toBe(10_000)
  })
})
describe('many of everything (family 16)', () => {
  it('is found again, joined and reopened', async () => {
    expect((await scale({ cases: 100_000, seed: 16 })).failures).toEqual([])
  })
})
describe('docs/reliability.md', () => {
  it('adds up the reports of the long runs', () => {
    expect(readPage()).toBe(withSums(readPage(), readReports()))
  })
})
