import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CODES } from '../../src/base/codes.ts'
import { channelReference, errorReference, primitiveReference } from '../../src/cli/manual.ts'
import { OPERATORS } from '../../src/machine/primitives/index.ts'
import { METHODS } from '../../src/machine/primitives/methods.ts'

function kept(file: string): string {
  return readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8')
}

describe('the generated parts of the manual', () => {
  it('docs/errors.md is what the table of codes gives (npx tsx src/cli/docs.ts)', () => expect(kept('errors.md')).toBe(errorReference()))

  it('docs/primitives.md is what the tables of operators and methods give (npx tsx src/cli/docs.ts)', () =>
    expect(kept('primitives.md')).toBe(primitiveReference()))

  it('docs/channels.md is what the tables of URIs and system channels give (npx tsx src/cli/docs.ts)', () =>
    expect(kept('channels.md')).toBe(channelReference()))

  it('every code has its place, once', () => {
    const headings = [...errorReference().matchAll(/^### (\S+)/gm)].map(m => m[1])
    expect(headings).toEqual(Object.keys(CODES))
  })

  it('every operator and every method has a line, and every line is a row of four cells', () => {
    const text = primitiveReference()
    for (const o of OPERATORS) expect(text).toContain(o.symbol.replaceAll('|', '\\|'))
    for (const m of METHODS) expect(text).toContain(`\`${m.name}(`)
    for (const line of text.split('\n').filter(l => l.startsWith('| '))) expect(line.split(/(?<!\\)\|/)).toHaveLength(6)
  })
})
