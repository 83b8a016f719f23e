import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readDirectives } from '../src/cli/directives.ts'
import { judgeProgram } from '../src/cli/test.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const SEEDS = [1n, 2n, 3n]

async function differences(name: string, text: string) {
  const directives = readDirectives(text)
  const found = await judgeProgram(name, text, directives, {}, 20_000)
  for (const seed of SEEDS)
    found.push(...(await judgeProgram(`${name}, seed ${seed}`, text, directives, { seed, order: { seed }, shuffle: true }, 20_000)))
  return found
}

describe('the examples', () => {
  const files = readdirSync(join(root, 'examples')).filter(f => f.endsWith('.rho'))

  it('are at least 25', () => expect(files.length).toBeGreaterThanOrEqual(25))

  it.each(files)('%s is short and prints what it says, in every order', async file => {
    const text = readFileSync(join(root, 'examples', file), 'utf8')
    expect(text.split('\n').length).toBeLessThanOrEqual(61)
    expect(readDirectives(text).about).not.toBe('')
    expect(await differences(file, text)).toEqual([])
  })

  it('are all named in the README of the folder', () => {
    const readme = readFileSync(join(root, 'examples/README.md'), 'utf8')
    expect(files.filter(f => !readme.includes(`\`${f.replace('.rho', '')}\``))).toEqual([])
  })
})

describe('the programs in the documentation', () => {
  const snippets = ['README.md', 'docs/language.md'].flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/```rholang\n([\s\S]*?)```/g)].map((m, i) => ({
      name: `${file} ${i + 1}`,
      text: m[1],
    })),
  )

  it.each(snippets.filter(s => s.name.startsWith('docs')))('$name prints what it says', async ({ name, text }) => {
    expect(await differences(name, text)).toEqual([])
  })

  it.each(snippets.filter(s => s.name.startsWith('README')))('$name prints [1, 2], as the text says', async ({ name, text }) => {
    expect(await differences(name, `// expect: [1, 2]\n${text}`)).toEqual([])
  })
})
