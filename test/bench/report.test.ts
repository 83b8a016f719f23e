import { describe, expect, it } from 'vitest'
import { BEGIN, END, withResults } from '../../bench/docs.ts'
import { chartsOf, svg } from '../../bench/plot.ts'
import { IDS, programsOf, SECTIONS } from '../../bench/registry.ts'
import { plainRow, ratioRow } from '../../bench/row.ts'
import { SUITE } from '../../bench/suite.ts'

describe('what can be asked for', () => {
  it('is every goal, job and program, and sets of programs', () => {
    for (const id of ['M1', 'P4', 'model', 'suite', 'savina', 'r8', 'micro-add']) expect(IDS).toContain(id)
    expect(new Set(IDS).size).toBe(IDS.length)
    expect(SECTIONS.every(s => s.ids.length > 0)).toBe(true)
  })

  it('selects programs by set, id or file; nothing selects all', () => {
    expect(programsOf([])).toEqual(SUITE)
    expect(programsOf(['suite'])).toEqual(SUITE)
    expect(programsOf(['game']).every(e => e.set === 'game')).toBe(true)
    expect(programsOf(['r11']).map(e => e.id)).toEqual(['r11-1', 'r11-2', 'r11-4', 'r11-8'])
    expect(programsOf(['M1'])).toEqual([])
  })
})

describe('a picture', () => {
  const rows = [
    ratioRow({ id: 'M1', title: 'a < b', unit: 'ns' }, [10, 20], 'go', [40, 60], { kind: 'least', floor: 2, aim: 3 }),
    ratioRow({ id: 'M9', title: 'dear', unit: 'ns' }, [90], 'js', [10], { kind: 'most', floor: 5, aim: 3 }),
    plainRow({ id: 'S1', title: 'no ratio', unit: 'bytes' }, [100], null),
  ]

  it('has a bar with its spread and floor for each ratio, on a logarithmic scale', () => {
    const text = svg(chartsOf(rows, []))
    expect(text.match(/<rect [^>]*class="bar good"/g)?.length).toBe(1)
    expect(text.match(/<rect [^>]*class="bar bad"/g)?.length).toBe(1)
    expect(text.match(/class="spread"/g)?.length).toBe(2)
    expect(text.match(/class="floor"/g)?.length).toBe(2)
    expect(text).toContain('a &lt; b')
    const at = [...text.matchAll(/<text x="([\d.]+)" [^>]*text-anchor="middle">(\d+)</g)].map(m => [Number(m[2]), Number(m[1])])
    expect(at.slice(0, 2)).toEqual([
      [1, 330],
      [10, 1050],
    ])
  })

  it('is empty but whole without ratios', () => expect(svg(chartsOf([rows[2]], []))).toMatch(/^<svg .*<\/svg>\n$/s))
})

describe('a document', () => {
  it('keeps everything outside the marks', () => {
    const text = `before\n${BEGIN}\nold\n${END}\nafter\n`
    expect(withResults(text, '| a |')).toBe(`before\n${BEGIN}\n\n| a |\n\n${END}\nafter\n`)
    expect(withResults(withResults(text, 'x'), 'x')).toBe(withResults(text, 'x'))
  })

  it('without marks is refused', () => expect(() => withResults('nothing', 'x')).toThrow('no place for results'))
})
