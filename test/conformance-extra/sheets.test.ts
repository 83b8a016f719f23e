import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readDirectives } from '../../src/cli/directives.ts'
import { judgeProgram } from '../../src/cli/test.ts'

/*
 * Sheets of one-line programs, one rule after the other. `E ⇒ V`: `@0!(E)` leaves exactly V on `@0`. `E ⚡ CODE`: it fails. `P ✗ CODE`: P is refused.
 * `P ⊢ v ;; w § @1 = [u] § blocked 2 § CODE`: at rest `@0` holds v and w, `@1` holds u, two receives wait (none unless said), a machine failed. A line
 * that begins with `P ` and ends with ⚡ is a program, not an expression.
 */
const LINE = /^(.*?) (⇒|⊢|⚡|✗) ?(.*)$/

/** The line as a program with directives, in the form of `test/conformance/FORMAT.md`. */
function program(line: string): string {
  const [, source, kind, wanted] = LINE.exec(line) ?? []
  if (source === undefined) throw new Error(`not a line of a sheet: ${line}`)
  if (kind === '⇒') return `// left: @0 = [${wanted}]\n@0!(${source})`
  if (kind === '⚡') return `// fails: ${wanted}\n${source.startsWith('P ') ? source.slice(2) : `@0!(${source})`}`
  if (kind === '✗') return `// static: ${wanted}\n${source}`
  const [values, ...more] = wanted.split('§').map(part => part.trim())
  const left =
    values === ''
      ? []
      : [
          `@0 = ${values
            .split(' ;; ')
            .map(v => `[${v}]`)
            .join(' ;; ')}`,
        ]
  const directives = more.map(part =>
    part.startsWith('blocked') ? `blocked: ${part.slice(8)}` : part.startsWith('RHO') ? `fails: ${part}` : `left: ${part}`,
  )
  if (!more.some(part => part.startsWith('blocked'))) directives.push('blocked: 0')
  return [...left.map(l => `left: ${l}`), ...directives].map(d => `// ${d}\n`).join('') + source
}

const here = dirname(fileURLToPath(import.meta.url))

for (const sheet of readdirSync(here).filter(name => name.endsWith('.sheet'))) {
  const sections = readFileSync(join(here, sheet), 'utf8').split(/^# /m).slice(1)
  describe(sheet, () => {
    it.each(sections.map(s => [s.slice(0, s.indexOf('\n')), s.slice(s.indexOf('\n') + 1)]))('%s', async (_, lines) => {
      for (const line of lines.split('\n')) {
        if (line === '') continue
        const text = `// about: a line\n${program(line)}\n`
        for (const options of [{}, { seed: 3n, order: { seed: 3n }, shuffle: true }, { literal: true }])
          expect(await judgeProgram(sheet, text, readDirectives(text), options, 20_000), line).toEqual([])
      }
    })
  })
}
