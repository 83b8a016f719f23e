import { describe, expect, it } from 'vitest'
import { runPrograms } from '../../src/cli/program.ts'
import { DEEP, DEPTH } from './deep.ts'

describe(`a program of ${DEPTH} levels runs`, () => {
  for (const [what, text] of Object.entries(DEEP))
    it(what, async () => {
      const o = await runPrograms([{ name: 'deep.rho', text }], { seed: 1n, gas: 1e10 })
      expect(o.failures).toEqual([])
      expect(o.data['@"d"']).toHaveLength(1)
    })
})

describe('width', () => {
  it('65,537 components, 100,000 lints, 20,000 names, binds and cases', async () => {
    const many = (n: number, each: (i: number) => string, between: string): string =>
      Array.from({ length: n }, (_, i) => each(i)).join(between)
    const text = [
      many(65_537, i => `@"w"!(${i % 10})`, ' | '),
      `new ${many(100_000, i => `unused${i}`, ', ')} in { Nil }`,
      `for (${many(5_000, i => `@x${i} <- @${i}`, ' & ')}) { @"d"!(x4999) } | ${many(5_000, i => `@${i}!(${i})`, ' | ')}`,
      `match 19999 { ${many(20_000, i => `${i} => { @"d"!(${i}) }`, ' ')} }`,
      `@"c"!({ ${many(20_000, i => `@"q"!(${i})`, ' | ')} })`,
    ].join(' |\n')
    const o = await runPrograms([{ name: 'wide.rho', text }], { seed: 1n })
    expect(o.failures).toEqual([])
    expect(o.data['@"w"']).toHaveLength(65_537)
    expect(o.data['@"d"']).toHaveLength(2)
    expect(o.diagnostics.length).toBeGreaterThan(100_000)
  })
})
