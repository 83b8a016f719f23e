import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compare, GATED, passes, SLACK, storedMedians, tooBusy } from '../../bench/gate.ts'
import { SUITE } from '../../bench/suite.ts'

describe('the regression gate', () => {
  it('fails a program whose ratio got worse by more than 15 %, and no other', () => {
    expect(SLACK).toBe(0.15)
    const list = compare({ a: 10, b: 10, c: 10 }, { a: 11.4, b: 11.6, c: 8 })
    expect(list.map(c => c.verdict)).toEqual(['same', 'worse', 'better'])
    expect(passes(list)).toBe(false)
    expect(passes(compare({ a: 10, c: 10 }, { a: 11.4, c: 8 }))).toBe(true)
  })

  it('fails a program that is not measured any more', () => {
    expect(compare({ a: 10 }, {})).toEqual([{ id: 'a', stored: 10, now: null, verdict: 'gone' }])
    expect(compare({ a: 10 }, { a: Number.NaN })[0].verdict).toBe('gone')
    expect(passes(compare({ a: 10 }, {}))).toBe(false)
  })

  it('lets new programs through', () => {
    const list = compare({}, { a: 10 })
    expect(list[0].verdict).toBe('new')
    expect(passes(list)).toBe(true)
  })

  it('says nothing on a machine with a load above its cores, and says why', () => {
    expect(tooBusy(1.9, 2)).toBeNull()
    expect(tooBusy(3.25, 2)).toBe('skipped: the load average 3.25 is above the 2 cores, so times mean nothing')
  })

  it('knows the programs that it keeps ratios of', () => {
    const stored = storedMedians()
    expect(stored?.v).toBe(1)
    expect(Object.keys(stored?.medians ?? {}).filter(id => !GATED.includes(id))).toEqual([])
    expect(GATED.filter(id => !SUITE.some(e => e.id === id))).toEqual([])
  })

  it('compares each of them with a job on plain channels', () => {
    const suite = new URL('../../bench/baseline/js/suite.mjs', import.meta.url)
    const jobs = JSON.parse(execFileSync(process.execPath, [fileURLToPath(suite)], { encoding: 'utf8' })) as string[]
    expect(GATED.filter(id => !jobs.includes(id))).toEqual([])
    expect(jobs.filter(id => !SUITE.some(e => e.id === id))).toEqual([])
  })
})
