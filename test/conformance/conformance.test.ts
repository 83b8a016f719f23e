import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readDirectives } from '../../src/cli/directives.ts'
import { runPrograms } from '../../src/cli/program.ts'
import { judgeProgram } from '../../src/cli/test.ts'
import { LATER } from './later.ts'

const here = dirname(fileURLToPath(import.meta.url))

for (const folder of ['errors', 'expressions', 'patterns', 'processes', 'programs']) {
  describe(folder, () => {
    for (const file of readdirSync(join(here, folder)).filter(f => f.endsWith('.rho'))) {
      const text = readFileSync(join(here, folder, file), 'utf8')
      const directives = readDirectives(text)
      if (LATER.includes(`${folder}/${file.slice(0, 3)}`)) {
        it(`${file} is refused until its part lands: RHO407`, async () => {
          const outcome = await runPrograms([{ name: file, text }])
          expect(outcome.status).toBe('refused')
          expect(outcome.diagnostics.map(d => d.code)).toContain('RHO407')
        })
      } else {
        it(`${file}: ${directives.about}`, async () => {
          expect(await judgeProgram(file, text, directives, {}, 20_000)).toEqual([])
          expect(await judgeProgram(file, text, directives, { hot: 0 }, 20_000)).toEqual([])
        })
      }
    }
  })
}

it('nine programs are exempt, and all of them exist', () => {
  const names = LATER.map(l => readdirSync(join(here, l.split('/')[0])).filter(f => f.startsWith(l.split('/')[1])).length)
  expect(names).toEqual(Array(9).fill(1))
})
