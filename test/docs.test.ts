import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const SKIPPED = new Set(['node_modules', 'dist', '.git', 'coverage'])

function files(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(e =>
    SKIPPED.has(e.name) ? [] : e.isDirectory() ? files(join(folder, e.name)) : [join(folder, e.name)],
  )
}

const all = files()
const pages = all.filter(f => f.endsWith('.md') && !f.includes('/conformance/')).map(f => relative(root, f))
const names = new Set(all.map(f => f.slice(f.lastIndexOf('/') + 1)))

/** Text outside fenced blocks. */
function prose(page: string): string {
  return readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
}

/** Links that lead nowhere. */
function broken(page: string, text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(m => m[1])
    .filter(to => !/^(https?:|#)/.test(to) && !existsSync(join(root, dirname(page), to.replace(/#.*/, ''))))
}

/** TypeScript files that a page names and that are nowhere. */
function missing(text: string): string[] {
  return [...text.matchAll(/`(?:[\w./-]*\/)?([\w-]+\.(?:test\.)?ts)`/g)].map(m => m[1]).filter(name => !names.has(name))
}

describe('the documentation', () => {
  it.each(pages)('%s: links lead somewhere, files it names are there', page => {
    const text = prose(page)
    expect({ broken: broken(page, text), missing: missing(text) }).toEqual({ broken: [], missing: [] })
  })

  it('notices a broken link and a file that is gone', () => {
    expect(broken('README.md', 'see [this](docs/nowhere.md) and [that](docs/language.md)')).toEqual(['docs/nowhere.md'])
    expect(missing('**Read** `never-written.ts`, `src/machine/session.ts`')).toEqual(['never-written.ts'])
  })

  it('every room has a README that says what is not there and what it costs', () => {
    const rooms = [
      'rspace',
      'rspace/store',
      'bytecode',
      'src/base',
      'src/syntax',
      'src/normal',
      'src/compile',
      'src/machine',
      'src/machine/primitives',
      'src/pool',
    ]
    for (const room of rooms) {
      const text = readFileSync(join(root, room, 'README.md'), 'utf8')
      expect({ room, read: text.includes('**Read**'), not: text.includes('**Not here**'), costs: text.includes('**Costs**') }).toEqual({
        room,
        read: true,
        not: true,
        costs: true,
      })
      expect(text).toContain('**Invariants**')
    }
    for (const folder of ['src', 'src/host', 'src/cli', 'test', 'bench', 'examples'])
      expect(existsSync(join(root, folder, 'README.md'))).toBe(true)
  })

  it('snippets that claim to run are few and known: every fenced ts or rholang block belongs to a page that a test runs', () => {
    const run = new Set(['README.md', 'docs/language.md', 'docs/embedding.md', 'docs/rspace.md'])
    const others = pages.filter(p => !run.has(p) && /^```(ts|rholang)$/m.test(readFileSync(join(root, p), 'utf8')))
    expect(others).toEqual([])
  })

  it('decisions are numbered without gaps', () => {
    const numbers = [...prose('docs/decisions.md').matchAll(/^\*\*(\d+)\. /gm)].map(m => Number(m[1]))
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
    expect(numbers.length).toBeGreaterThan(30)
  })

  it('every dependency has its line among the decisions', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const text = prose('docs/decisions.md')
    for (const name of [...Object.keys(dependencies), ...Object.keys(devDependencies)]) expect(text).toContain(`\`${name}\``)
  })
})
