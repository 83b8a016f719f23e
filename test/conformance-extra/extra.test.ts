import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readDirectives } from '../../src/cli/directives.ts'
import { judgeProgram } from '../../src/cli/test.ts'

/** Programs as users write them, in the form of `test/conformance/FORMAT.md`, in the default order and with five seeds. */
const here = dirname(fileURLToPath(import.meta.url))

describe('programs as users write them', () => {
  for (const file of readdirSync(here).filter(name => name.endsWith('.rho'))) {
    const text = readFileSync(join(here, file), 'utf8')
    const directives = readDirectives(text)
    it(`${file}: ${directives.about}`, async () => {
      expect(await judgeProgram(file, text, directives, {}, 20_000)).toEqual([])
      expect(await judgeProgram(file, text, directives, { hot: 0 }, 20_000)).toEqual([])
      for (let seed = 1n; seed <= 5n; seed++)
        expect(await judgeProgram(file, text, directives, { seed, order: { seed }, shuffle: true }, 20_000), `seed ${seed}`).toEqual([])
    })
  }
})
