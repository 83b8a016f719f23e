import { describe, expect, it } from 'vitest'
import type { Code } from '../../src/base/codes.ts'
import { CODES } from '../../src/base/codes.ts'
import { sessionOptions } from '../../src/cli/engine.ts'
import { goodFlags, textPage } from '../../src/cli/explain.ts'
import { PAGES } from '../../src/cli/pages.ts'
import { runPrograms } from '../../src/cli/program.ts'
import { parseFlags } from '../../src/cli/usage.ts'
import { QuietHost } from '../../src/host/hosts.ts'

/** The codes that a program gets, static and at run time, under the flags of the command line. Endless ones end at a gas limit. */
async function codesOf(text: string, flags: readonly string[]): Promise<{ all: string[]; errors: string[] }> {
  const { host: _, ...options } = sessionOptions(parseFlags('run', flags), new QuietHost())
  const outcome = await runPrograms([{ name: 'page', text }], { gas: 1_000_000, ...options })
  const failures = outcome.failures.map(f => f.code as string)
  return {
    all: [...outcome.diagnostics.map(d => d.code as string), ...failures],
    errors: [...outcome.diagnostics.filter(d => d.severity === 'error').map(d => d.code as string), ...failures],
  }
}

const codes = Object.keys(CODES) as Code[]

describe('the page of a code', () => {
  it.each(codes.filter(c => PAGES[c].bad !== ''))('%s: the first program causes it, the second is free of errors', async code => {
    const page = PAGES[code]
    expect((await codesOf(page.bad, page.flags ?? [])).all).toContain(code)
    const good = await codesOf(page.good, goodFlags(page))
    expect(good.all).not.toContain(code)
    expect(good.errors).toEqual([])
  })

  it('is there for every code; two have no program that causes them: the embedder and we ourselves do', () => {
    expect(codes.filter(c => PAGES[c].bad === '')).toEqual(['RHO520', 'RHO699'])
    for (const code of codes) expect(textPage(code)).toContain(CODES[code].title)
  })

  it('fits a terminal', () => {
    for (const code of codes)
      for (const line of textPage(code).split('\n')) if (!line.startsWith('    ')) expect(line.length).toBeLessThanOrEqual(100)
  })
})
