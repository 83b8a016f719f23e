import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read } from './program.ts'

const ROOT = join(import.meta.dirname, '../conformance')
/** Programs that use parts that are not available yet, by what they use. */
const LATER = /\{\||`rho:(crypto|lang|registry|block|deploy|test):/

describe('conformance programs', () => {
  for (const folder of ['errors', 'expressions', 'patterns', 'processes', 'programs'])
    it(`${folder}: refused exactly with the static errors they name`, () => {
      const files = readdirSync(join(ROOT, folder)).filter(f => f.endsWith('.rho'))
      expect(files.length).toBeGreaterThan(0)
      const wrong: string[] = []
      for (const file of files) {
        const text = readFileSync(join(ROOT, folder, file), 'utf8')
        const wanted = new Set([...text.matchAll(/^\/\/ static: (\w+)/gm)].map(m => m[1]))
        if (LATER.test(text)) wanted.add('RHO407')
        const found = new Set(read(text).errors.map(e => e.split(' ')[0]))
        const missing = [...wanted].filter(c => !found.has(c))
        // What a syntax error hides or spoils may be reported as well.
        const spoilt = [...wanted].some(c => c.startsWith('RHO1'))
        const extra = spoilt ? [] : [...found].filter(c => !wanted.has(c))
        if (missing.length + extra.length > 0) wrong.push(`${file}: missing ${missing.join(' ')}; extra ${extra.join(' ')}`)
      }
      expect(wrong).toEqual([])
    })
})
