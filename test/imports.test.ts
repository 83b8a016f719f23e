import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/** Imports point one way. What a room may import is written here once; `src/index.ts` and other files directly in `src` may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  rspace: [],
  bytecode: [],
  'src/base': [],
  'src/syntax': ['src/base'],
  'src/normal': ['src/base', 'src/syntax', 'rspace'],
  'src/compile': ['src/base', 'src/syntax', 'src/normal', 'bytecode'],
  'src/machine': ['src/base', 'src/syntax', 'src/normal', 'src/compile', 'bytecode', 'rspace'],
  'src/host': ['src/base', 'src/syntax', 'src/normal', 'src/compile', 'src/machine', 'bytecode', 'rspace'],
  'src/pool': ['src/base', 'src/syntax', 'src/normal', 'src/compile', 'src/machine', 'src/host', 'bytecode', 'rspace'],
  'src/cli': ['src/base', 'src/syntax', 'src/normal', 'src/compile', 'src/machine', 'src/host', 'src/pool', 'bytecode', 'rspace'],
}
const ROOMS = Object.keys(MAY_IMPORT).sort((a, b) => b.length - a.length)

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(e =>
    e.isDirectory() ? sourcesBelow(`${folder}/${e.name}`) : e.name.endsWith('.ts') ? [`${folder}/${e.name}`] : [],
  )
}

/** Every module that a text names in an import, an export or an `import()`, types included. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '')
  const found = [
    ...code.matchAll(
      /^\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    ),
  ]
  return found.map(m => m[1] ?? m[2] ?? m[3])
}

function roomOf(file: string): string | undefined {
  return ROOMS.find(room => file.startsWith(`${room}/`))
}

/** The imports of `file` that its room does not allow. */
function wrongImports(file: string, text: string): string[] {
  const room = roomOf(file)
  if (room === undefined) return []
  return importsOf(text)
    .filter(spec => spec.startsWith('.'))
    .map(spec =>
      relative(root, join(root, dirname(file), spec))
        .split(sep)
        .join('/'),
    )
    .filter(target => {
      const other = roomOf(target)
      if (other === undefined) return target.startsWith('test/') || target.startsWith('bench/') || target.startsWith('src/')
      return other !== room && !MAY_IMPORT[room].includes(other)
    })
}

describe('imports point one way', () => {
  const files = ['rspace', 'bytecode', 'src'].flatMap(sourcesBelow)

  it.each(ROOMS)('%s imports only what lies below it', room => {
    const wrong = files
      .filter(f => roomOf(f) === room)
      .flatMap(f => wrongImports(f, readFileSync(join(root, f), 'utf8')).map(t => `${f} imports ${t}`))
    expect(wrong).toEqual([])
  })

  it('every folder of src has its place in the order', () => {
    expect(files.filter(f => roomOf(f) === undefined && f.split('/').length > 2)).toEqual([])
  })

  it('the check sees an arrow back, in every spelling', () => {
    const back =
      "import type { Shard } from '../machine/shard.ts'\nexport { x } from '../../src/cli/main.ts'\nconst y = await import('../host/files.ts')\nimport '../compile/compile.ts'\n"
    expect(wrongImports('src/syntax/parser.ts', back)).toEqual([
      'src/machine/shard.ts',
      'src/cli/main.ts',
      'src/host/files.ts',
      'src/compile/compile.ts',
    ])
    expect(wrongImports('rspace/kernel.ts', "import { NIL } from '../src/normal/term.ts'")).toEqual(['src/normal/term.ts'])
  })

  it('only the host and the command line touch files, sockets, processes and the terminal', () => {
    const outside = /^(node:)?(fs|fs\/promises|net|http|https|child_process|readline|readline\/promises|tty|dgram|os)$/
    const wrong = files
      .filter(f => f.startsWith('src/') && !f.startsWith('src/host/') && !f.startsWith('src/cli/'))
      .flatMap(f =>
        importsOf(readFileSync(join(root, f), 'utf8'))
          .filter(spec => outside.test(spec))
          .map(spec => `${f} imports ${spec}`),
      )
    expect(wrong).toEqual([])
  })

  it('nothing below the host reads a clock, the environment or chance', () => {
    const outside = /\b(?:process\.\w+|Date\.now|new Date|performance\.\w+|Math\.random|setTimeout|setInterval)\b/g
    const found = ['src/base', 'src/syntax', 'src/normal', 'src/compile', 'src/machine', 'bytecode'].flatMap(sourcesBelow).flatMap(f => {
      const code = readFileSync(join(root, f), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
      return (code.match(outside) ?? []).map(word => `${f}: ${word}`)
    })
    expect(found).toEqual([])
  })
})
