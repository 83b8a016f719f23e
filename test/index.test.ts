import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as rhizome from '../src/index.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

describe('the package `rhizome`', () => {
  const { Session, QuietHost } = rhizome

  function run(text: string, setUp: (s: rhizome.Session) => void = () => {}) {
    const host = new QuietHost()
    const session = new Session({ host, virtualTime: true, seed: 1n })
    setUp(session)
    const { program, diagnostics } = session.compile('test.rho', text)
    expect(diagnostics.filter(d => d.severity === 'error')).toEqual([])
    session.deploy(program as rhizome.Compiled)
    const status = session.run()
    return { session, status, printed: host.output.lines('stdout') }
  }

  it('runs sources and gives the outcome as plain data', async () => {
    const outcome = await rhizome.runPrograms([
      { name: 'a.rho', text: 'new stdout(`rho:io:stdout`) in { for (@n <- @"c") { stdout!(n + 1) } }' },
      { name: 'b.rho', text: '@"c"!(41) | @"left"!("over")' },
    ])
    expect(outcome).toMatchObject({ status: 'rest', stdout: ['42'], failures: [], blocked: [], data: { '@"left"': [['"over"']] } })
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome)
  })

  it('tells what is wrong with a program as values with a code and a place', () => {
    const { diagnostics, program } = new Session({ host: new QuietHost() }).compile('slip.rho', 'new x in { y!(1) }')
    expect(program).toBeUndefined()
    expect(diagnostics.map(d => d.code)).toEqual(['RHO201'])
    expect(rhizome.renderDiagnostics(diagnostics, { sources: rhizome.sources, color: false })).toContain('at slip.rho:1:12')
    expect(rhizome.classOf('RHO201')).toBe(rhizome.CODES.RHO201.class)
  })

  it('keeps a session that programs are added to and that can be looked at', () => {
    const { session } = run('@"till"!(1) | for (@a, @b <- @"till") { Nil }')
    expect(session.blocked().map(b => b.reason)).toEqual(['arity'])
    const more = session.compile('more.rho', '@"till"!(2, 3)').program as rhizome.Compiled
    session.deploy(more)
    expect(session.run()).toBe('rest')
    expect(session.blocked()).toEqual([])
    expect([...session.data()]).toEqual([['@"till"', [['1']]]])
    expect(session.stats().comms).toBe(1)
  })

  it('runs operations of the embedder: new methods, other meanings of operators, refusals', () => {
    const { session } = run('@"x"!(90.satAdd(20)) | @"y"!(2 * 3) | @"z"!(1 - 2) | @"z"!(1 / 2)', s => {
      s.primitives.register('satAdd', ([a, b]) => Math.min(100, (a as number) + (b as number)))
      s.primitives.register('MUL', ([a, b]) => `${rhizome.show(a)} times ${rhizome.show(b)}`)
      s.primitives.register('DIV', () => {
        throw new Error('no batteries')
      })
      s.primitives.register('SUB', () => new rhizome.Fault('RHO516', 'not today'))
    })
    expect(Object.fromEntries(session.data())).toEqual({ '@"x"': [['100']], '@"y"': [['"2 times 3"']] })
    expect(session.failures.map(f => `${f.code} ${f.message}`).sort()).toEqual(['RHO516 not today', 'RHO520 `DIV` failed: no batteries'])
    expect(rhizome.manual().map(line => line.form)).toContain('a + b')
  })

  it('gives a program only what the embedder hands in', () => {
    const refused = new Session({ host: new QuietHost() }).compile('t', 'new f(`rho:io:file`) in { Nil }')
    expect(refused.diagnostics.map(d => d.code)).toContain('RHO406')
    const session = new Session({ host: new QuietHost(), inject: { 'my:limit': 7 } })
    session.deploy(session.compile('t', 'new limit(`my:limit`) in { @"x"!(*limit + 1) }').program as rhizome.Compiled)
    session.run()
    expect(session.observe('x')).toEqual([['8']])
  })

  it('goes from text to image and back without loss', () => {
    const options = { uris: new rhizome.UriTable({}) }
    const term = (text: string) => rhizome.normalize(rhizome.parse(rhizome.sources.add('t', text)).program, options).term
    const p = term('for (@x <- @"c") { @"d"!(x, {"k" : [1, 2]}) } | @"c"!(Set(2, 1))')
    const q = term('@"c"!(Set(1, 2)) | for (@y <- @"c") { @"d"!(y, {"k" : [1, 2]}) }')
    const image = rhizome.imageOf(p)
    expect(image).toEqual(rhizome.imageOf(q))
    expect(rhizome.equal(rhizome.decodeOpen(image), p)).toBe(true)
    expect(rhizome.imageUnion(image, rhizome.imageOf(rhizome.NIL))).toEqual(image)
    expect(rhizome.show(rhizome.makeSet([2, 1, 2]))).toBe('Set(1, 2)')
    expect(rhizome.format('@"x"!(1)|Nil')).toBe('@"x"!(1) | Nil\n')
  })
})

describe('the guide to embedding', () => {
  // Snippets are plain JavaScript with one import; they get the module as a parameter and print what their arrows say.
  const guide = readFileSync(join(root, 'docs/embedding.md'), 'utf8')
  const snippets = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map((m, i) => [i + 1, m[1]] as const)
  const show = (x: unknown): string => (typeof x === 'object' ? JSON.stringify(x) : String(x))

  it.each(snippets)('snippet %i prints what it says', async (_, source) => {
    const expected = [...source.matchAll(/\/\/ → (.*)$/gm)].map(m => m[1].trim())
    const file = join(mkdtempSync(join(tmpdir(), 'rhizome-guide-')), 'snippet.mjs')
    const body = source
      .replace(/^import \{(.*)\} from 'rhizome'$/m, 'const {$1} = rhizome')
      .replaceAll("'./data'", JSON.stringify(join(dirname(file), 'data')))
    expect(body).not.toBe(source)
    expect(expected.length).toBeGreaterThan(0)
    const printed: string[] = []
    writeFileSync(file, `export default async (rhizome, console) => {\n${body}\n}\n`)
    try {
      const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
        default(r: typeof rhizome, c: { log(...xs: unknown[]): void }): Promise<void>
      }
      await module.default(rhizome, { log: (...xs) => void printed.push(xs.map(show).join(' ')) })
    } finally {
      rmSync(dirname(file), { recursive: true })
    }
    expect(printed).toEqual(expected)
  })
})

/** The library as an installed package: what `npm pack` would take, with its own build and the dependencies beside it, in a project of its own. */
describe('the built package', () => {
  let project: string
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string }>
    files: string[]
    dependencies: Record<string, string>
  }
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

  /** Fails with what the compiler says. */
  function compiler(...args: string[]): void {
    const done = spawnSync(process.execPath, [tsc, ...args], { cwd: root, encoding: 'utf8' })
    if (done.status !== 0) throw new Error(done.stdout)
  }

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'rhizome-package-'))
    const installed = join(project, 'node_modules', 'rhizome')
    mkdirSync(installed, { recursive: true })
    compiler('-p', join(root, 'tsconfig.build.json'), '--outDir', join(installed, 'dist'))
    cpSync(join(root, 'package.json'), join(installed, 'package.json'))
    // Dependencies of dependencies are found from the real place of the linked ones.
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(dirname(join(project, 'node_modules', name)), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name), 'dir')
    }
    mkdirSync(join(project, 'node_modules', '@types'))
    symlinkSync(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'), 'dir')
    writeFileSync(join(project, 'package.json'), '{"type": "module", "private": true}')
  }, 120_000)
  afterAll(() => rmSync(project, { recursive: true, force: true }))

  const USE = `import { QuietHost, Session, type Term } from 'rhizome'
import { type ImageError, verify } from 'rhizome/bytecode'
import { memory } from 'rhizome/rspace'

const host = new QuietHost()
const session = new Session({ host })
const { program } = session.compile('x', 'new out(\`rho:io:stdout\`) in { out!([1, 2].length()) }')
if (program === undefined) throw new Error('refused')
const error: ImageError | undefined = verify(program.image)
session.deploy(program)
await session.settle()
const space = memory()
space.produce('jobs', { id: 1 })
const seen: Term = host.output.lines('stdout')[0]
console.log(JSON.stringify([error ?? null, seen, space.stats().data]))
`

  it('runs in a project that imports it through `exports`', () => {
    writeFileSync(
      join(project, 'use.mjs'),
      USE.replace('type Term', '')
        .replace('type ImageError, ', '')
        .replace(/: (ImageError \| undefined|Term)/g, ''),
    )
    expect(execFileSync(process.execPath, ['use.mjs'], { cwd: project, encoding: 'utf8' })).toBe('[null,"2",1]\n')
  })

  it('has types that a strict project accepts, and refuses what is wrong', () => {
    const options = {
      strict: true,
      module: 'NodeNext',
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      noEmit: true,
      types: ['node'],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }))
    writeFileSync(join(project, 'use.ts'), USE)
    compiler('-p', project)
    writeFileSync(join(project, 'use.ts'), USE.replace("compile('x'", 'compile(5'))
    expect(() => compiler('-p', project)).toThrow(/TS2345/)
  })

  it('ships every file that `exports` names', () => {
    for (const entry of Object.values(manifest.exports))
      for (const file of [entry.types, entry.default])
        expect(readdirSync(join(project, 'node_modules/rhizome', dirname(file)))).toContain(file.split('/').pop())
    expect(manifest.files).toContain('dist')
  })
})
