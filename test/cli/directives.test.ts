import { describe, expect, it } from 'vitest'
import { diffLines, judge, readDirectives } from '../../src/cli/directives.ts'
import type { Outcome } from '../../src/cli/outcome.ts'
import { NO_STATS } from '../../src/cli/outcome.ts'
import { judgeProgram } from '../../src/cli/test.ts'

const REST: Outcome = {
  v: 1,
  kind: 'outcome',
  status: 'rest',
  stdout: [],
  stderr: [],
  failures: [],
  diagnostics: [],
  blocked: [],
  data: {},
  stats: NO_STATS,
}
const problem = (code: string, severity: 'error' | 'warning' = 'error') =>
  ({
    code,
    class: 'C',
    severity,
    message: 'm',
    hint: '',
    file: 'f',
    line: 1,
    column: 2,
    machine: 'm:1',
    within: [],
  }) as Outcome['failures'][number]
const waiting = (persistent: boolean) => ({ persistent, channels: ['@"c"'], reason: 'nobody-sends', line: 1, column: 1 })

/** The differences of an outcome from the directives of `text`, without their diffs. */
const differences = (text: string, outcome: Partial<Outcome>) => judge(readDirectives(text), { ...REST, ...outcome }).map(d => d.text)

describe('directives', () => {
  it('stand at the start of a line; elsewhere they are ordinary comments', () => {
    const d = readDirectives('// about: two lines\n// expect: "a"\n  // expect: "b"\nNil // expect: "c"\n// expect: \n// expected: "d"')
    expect(d.about).toBe('two lines')
    expect(d.expect).toEqual(['"a"', ''])
  })

  it('read codes, counts, alternatives and messages', () => {
    const d = readDirectives(
      '// static: RHO201 because\n// fails: RHO505\n// blocked: 2\n// max-steps: 1000\n// one-of: 1 && 2 ;; 3 ;;  \n// left: @"a = b" = [1, 2] ;; [3]\n// ordered',
    )
    expect([d.static, d.fails, d.blocked, d.maxSteps, d.ordered]).toEqual([['RHO201'], ['RHO505'], 2, 1000, true])
    expect(d.oneOf).toEqual([['1', '2'], ['3'], []])
  })

  it('say how many values each message has', () => {
    expect(readDirectives('// left: @"x" = [] ;; [1, "two"]').left).toEqual([{ name: '@"x"', messages: ['[]', '[1, "two"]'] }])
  })

  it('with a malformed number never pass', () => {
    expect(differences('// blocked: many', {})[0]).toContain('takes a number')
  })

  it('that are malformed are all that is said of a program', async () => {
    const text = '// blocked: many\n// left: 5\n// left: @"x"! = [1]\n// left: x = [2]\nNil'
    const said = (await judgeProgram('a.rho', text, readDirectives(text))).map(d => d.text)
    expect(said).toHaveLength(4)
    expect(said[0]).toBe('blocked: takes a number, found `many`')
    for (const line of said.slice(1)) expect(line).toMatch(/^left/)
  })
})

describe('an outcome', () => {
  it('is compared as a multiset of lines', () => {
    expect(differences('// expect: 1\n// expect: 2', { stdout: ['2', '1'] })).toEqual([])
    expect(differences('// expect: 1', { stdout: ['1', '1'] })).toEqual(['printed other lines'])
    expect(differences('', { stdout: ['1'] })).toEqual(['printed other lines'])
  })

  it('is compared in order where the program says so', () => {
    expect(differences('// ordered\n// expect: 1\n// expect: 2', { stdout: ['2', '1'] })).toHaveLength(1)
  })

  it('may be one of several', () => {
    const text = '// one-of: 1 && 2 ;; 3'
    expect(differences(text, { stdout: ['2', '1'] })).toEqual([])
    expect(differences(text, { stdout: ['3'] })).toEqual([])
    expect(differences(text, { stdout: ['1'] })).toHaveLength(1)
  })

  it('with a refusal nobody expected differs, warnings do not count', () => {
    expect(differences('', { diagnostics: [problem('RHO201')] })[0]).toContain('was refused: RHO201 at 1:2')
    expect(differences('', { diagnostics: [problem('L01', 'warning')] })).toEqual([])
  })

  it('must be refused with at least the codes named', () => {
    expect(differences('// static: RHO201', { diagnostics: [problem('RHO201'), problem('RHO202')] })).toEqual([])
    expect(differences('// static: RHO201', { diagnostics: [problem('RHO202')] })[0]).toContain('got RHO202')
    expect(differences('// static: RHO201', {})[0]).toContain('was accepted')
    expect(differences('// static: L01', { diagnostics: [problem('L01', 'warning')] })[0]).toContain('was accepted')
  })

  it('must have the failures named, and none if none is named', () => {
    expect(differences('// fails: RHO505', { failures: [problem('RHO505'), problem('RHO501')] })).toEqual([])
    expect(differences('// fails: RHO505', {})[0]).toContain('none failed')
    expect(differences('', { failures: [problem('RHO505')] })[0]).toContain('a machine failed: RHO505')
  })

  it('counts waiting receives without persistent ones', () => {
    expect(differences('// blocked: 1', { blocked: [waiting(false), waiting(true)] })).toEqual([])
    expect(differences('// blocked: 0', { blocked: [waiting(false)] })).toEqual(['1 receives wait, 0 should'])
  })

  it('compares what is left as a multiset of messages', () => {
    expect(differences('// left: @"c" = [2] ;; [1]', { data: { '@"c"': [['1'], ['2']] } })).toEqual([])
    expect(differences('// left: @"c" = [1]', {})).toHaveLength(1)
    expect(differences('// left: @"c" = [1, 2]', { data: { '@"c"': [['1', '2']] } })).toEqual([])
  })
})

describe('a difference', () => {
  it('shows what is missing and what is extra', () => {
    expect(diffLines(['a', 'b', 'b'], ['b', 'c'], false)).toEqual(['- a', '- b', '+ c'])
  })
  it('in order, begins where the lines part', () => {
    expect(diffLines(['a', 'b'], ['a', 'c'], true)).toEqual(['  (1 equal line)', '- b', '+ c'])
  })
  it('may be of more lines than a call may have arguments', () => {
    const many = new Array<string>(300_000).fill('x')
    expect(diffLines([], many, false)).toHaveLength(21)
    expect(diffLines(many, [], true)).toHaveLength(21)
  })

  it('of many lines is cut', () => {
    expect(diffLines([], Array(100).fill('x'), false).at(-1)).toBe('… 80 more')
  })
})
