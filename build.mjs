// Builds the command (dist/cli.js, which starts dist/rho.cjs) and the library (dist/src, dist/rspace, dist/bytecode with type declarations).
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'acorn'
import { build as esbuild } from 'esbuild'

const root = dirname(fileURLToPath(import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

// Half of a cold start was parsing the bundle, so it is run with the code cache that the build left beside it: 20 ms less on 40 over bare Node. One for runs
// with a space on disk, which would be a burden to the others.
// Node refuses a cache of another version or another bundle and compiles as usual.
// A CommonJS script: the loader of ES modules alone takes 8 ms. What it declares is declared globally, not inside a function: only then does the optimising
// compiler take its constants and classes for constants, which is worth a twentieth of the run loop.
const START = `const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const at = name => join(__dirname, name)
const cache = process.argv.includes('--space') ? 'space.cache' : 'rho.cache'
let cachedData
try {
  cachedData = readFileSync(at(cache))
} catch {}
const script = new Script(readFileSync(at('rho.cjs'), 'latin1'), { filename: at('rho.cjs'), cachedData })
`
const RUN = `globalThis.RHO_START = { require, module, RHO: { get url() { return require('node:url').pathToFileURL(__filename).href } } }
script.runInThisContext()
`
/** Runs a script of this folder with the code cache beside it. */
const RUN_CACHED = `const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const at = name => join(__dirname, name)
const cached = name => {
  let cachedData
  try {
    cachedData = readFileSync(at(name + '.cache'))
  } catch {}
  return new Script(readFileSync(at(name + '.cjs'), 'latin1'), { filename: at(name + '.cjs'), cachedData })
}
`
const WORKER = `${RUN_CACHED}globalThis.RHO_START = { require, module }
const script = cached('shard')
script.runInThisContext()
`
/** The library of the pool, as a function of what a module is given. */
const POOL = `${RUN_CACHED}const script = cached('piscina')
script.runInThisContext()(module, exports, require, __dirname)
`
const WARM = `process.on('exit', () => require('node:fs').writeFileSync(at(cache), script.createCachedData()))
`
/** A worker is ended from outside: what the host has compiled is kept after each of its turns. */
const WARM_WORKER = `const { default: work } = module.exports
module.exports = task => {
  const done = work(task)
  require('node:fs').writeFileSync(at('shard.cache'), script.createCachedData())
  return done
}
`
const WARM_POOL = `process.on('exit', () => require('node:fs').writeFileSync(at('piscina.cache'), script.createCachedData()))
`

const resolve = createRequire(import.meta.url).resolve
const source = path => join(root, path)

/**
 * Of its twenty hashes one is used; the module for browsers lets the bundler leave out the others. The host decodes its program: a loop over so much text is
 * taken up by the optimising compiler, which costs more than all else of its loading.
 */
const hashInside = {
  name: 'hash',
  setup(build) {
    const path = join(dirname(resolve('hash-wasm')), 'index.esm.js')
    build.onResolve({ filter: /^hash-wasm$/ }, () => ({ path: 'hash-wasm', namespace: 'hash' }))
    build.onLoad({ filter: /./, namespace: 'hash' }, () => ({
      contents: `export { createBLAKE2b } from ${JSON.stringify(path)}`,
      resolveDir: root,
    }))
    build.onLoad({ filter: /hash-wasm.dist.index\.esm\.js$/ }, () => ({
      contents: readFileSync(path, 'utf8').replace('decodeBase64(binary.data)', "new Uint8Array(Buffer.from(binary.data, 'base64'))"),
    }))
  },
}

/** What all bundles have in common. */
const COMMON = { bundle: true, platform: 'node', target: 'node20', legalComments: 'none', logLevel: 'warning', plugins: [hashInside] }
const SCRIPT = { ...COMMON, format: 'cjs', minifySyntax: true, minifyWhitespace: true }
const MODULE = { ...COMMON, format: 'esm' }

/** The engine of spaces in the bundle and its code cache: finding, reading and compiling its thirty files took 20 ms. Only its native part stays outside. */
const engineInside = {
  name: 'engine',
  setup(build) {
    build.onLoad({ filter: /classic-level.binding\.js$/ }, () => ({
      contents: `module.exports = require('node-gyp-build')(require('node:path').dirname(require.resolve('classic-level/package.json')))`,
      resolveDir: dirname(resolve('classic-level')),
    }))
    // All it wants of a large part of the host is to make a directory.
    build.onLoad({ filter: /classic-level.index\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        "require('fs/promises')",
        "{ mkdir: async (dir, o) => require('fs').mkdirSync(dir, o) }",
      ),
    }))
  },
}

/** Programs of WebAssembly as the bytes that they are: a command has just begun to run when it needs them, and making them took it some milliseconds. */
const programsInside = {
  name: 'programs',
  setup(build) {
    build.onLoad({ filter: /[a-z]-program\.ts$/ }, async ({ path }) => {
      const { outputFiles } = await esbuild({ entryPoints: [path], bundle: true, write: false, format: 'esm' })
      const made = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
      return { contents: `export const PROGRAM=new Uint8Array(Buffer.from("${Buffer.from(made.PROGRAM).toString('base64')}","base64"))` }
    })
  },
}

/** Parts of the host that most runs do not need and that take a millisecond or more to load: a bundle gets them when it first uses them. */
const DEAR = [
  'crypto',
  'child_process',
  'worker_threads',
  'net',
  'readline/promises',
  'module',
  'os',
  'fs/promises',
  'string_decoder',
  'url',
]
const LATER = 'const LATER=name=>new Proxy({},{get:(_,key)=>require(name)[key]});'
/** The host loads a library of measurements for `performance.now`; the same clock is there without it. */
const SINCE = 'const BORN=process.hrtime(),SINCE=()=>{const[s,n]=process.hrtime(BORN);return s*1e3+n/1e6};'

/** What a module is given, for a script that declares globally. */
const GLOBALLY = '"use strict";const{require,module,RHO}=globalThis.RHO_START;delete globalThis.RHO_START;'

/** A script that declares globally. Throws if it would declare what the host has declared. */
function script(text) {
  const named = id => (id.type === 'Identifier' ? [id.name] : (id.properties ?? id.elements).flatMap(p => named(p.value ?? p)))
  for (const statement of parse(text, { ecmaVersion: 2022 }).body)
    for (const name of (statement.id ? [statement] : (statement.declarations ?? [])).flatMap(d => named(d.id)))
      if (name in globalThis) throw new Error(`${name} is a global of the host: call it otherwise`)
  return `${GLOBALLY}${text}`
}

/** Bundles the command into a folder, with its code caches. Native code stays outside: it is required, from there, when it is needed. */
export async function bundle(outdir) {
  mkdirSync(outdir, { recursive: true })
  const command = await esbuild({
    ...SCRIPT,
    entryPoints: [source('src/cli/main.ts')],
    write: false,
    external: ['piscina', 'classic-level/package.json'],
    plugins: [hashInside, engineInside, programsInside],
    define: { RHO_VERSION: JSON.stringify(version), 'import.meta.url': 'RHO.url', 'performance.now': 'SINCE' },
  })
  let { text } = command.outputFiles[0]
  for (const name of DEAR)
    text = text.replaceAll(`require("node:${name}")`, `LATER("${name}")`).replaceAll(`require("${name}")`, `LATER("${name}")`)
  writeFileSync(join(outdir, 'rho.cjs'), script(`${LATER}${SINCE}\n${text}`))
  // A shard on a worker. The pool loads it with `require`.
  const shard = await esbuild({ ...SCRIPT, entryPoints: [source('src/pool/worker.ts')], write: false })
  writeFileSync(join(outdir, 'shard.cjs'), script(shard.outputFiles[0].text))
  // The pool itself: finding, reading and compiling its files took the calling thread 10 ms. It starts its own part of each worker from the file beside it.
  const library = dirname(resolve('piscina'))
  const pool = await esbuild({ ...SCRIPT, entryPoints: [join(library, 'main.js')], write: false })
  writeFileSync(join(outdir, 'piscina.cjs'), `(function(module,exports,require,__dirname){${pool.outputFiles[0].text}\n})`)
  await esbuild({ ...SCRIPT, entryPoints: [join(library, 'worker.js')], outfile: join(outdir, 'worker.js'), external: ['@napi-rs/nice'] })
  // The process that reads damaged stores, so that it is the one that dies of them.
  await esbuild({
    ...SCRIPT,
    entryPoints: [source('rspace/store/child.ts')],
    outfile: join(outdir, 'child.cjs'),
    external: ['classic-level'],
  })
  writeFileSync(join(outdir, 'package.json'), '{"type":"commonjs"}\n')
  writeFileSync(join(outdir, 'cli.js'), `#!/usr/bin/env node\n${START}${RUN}`)
  chmodSync(join(outdir, 'cli.js'), 0o755)
  warm(outdir)
  warmWorker(outdir)
}

/** Programs of the benchmark that measure something inside a process: bundled, since a loader that translates while it runs makes ours three times slower. */
export async function bundleInside(outdir) {
  await esbuild({
    ...MODULE,
    entryPoints: ['inside', 'store-inside', 'durable-inside'].map(name => source(`bench/${name}.ts`)),
    outdir,
    outExtension: { '.js': '.mjs' },
    external: ['classic-level'],
  })
}

/** The benchmark, for `rho bench`: the runner, what it starts, the programs and what they are compared with. */
export async function bundleBench(outdir) {
  mkdirSync(outdir, { recursive: true })
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}\n')
  await esbuild({
    ...MODULE,
    entryPoints: [source('bench/run.ts')],
    outfile: join(outdir, 'run.js'),
    external: ['classic-level', '*/build.mjs'],
  })
  await bundleInside(outdir)
  for (const folder of ['suite', 'baseline']) cpSync(source(`bench/${folder}`), join(outdir, folder), { recursive: true })
  cpSync(source('bench/gate.json'), join(outdir, 'gate.json'))
  cpSync(resolve('acorn').replace(/\.js$/, '.mjs'), join(outdir, 'acorn.mjs'))
}

/** Runs a small program, in memory and in a space on disk, and keeps what the host compiled for it. */
function warm(outdir) {
  const script = join(outdir, 'warm.js')
  const folder = mkdtempSync(join(tmpdir(), 'rho-'))
  writeFileSync(script, `${START}${WARM}${RUN}`)
  const run = [script, 'run', source('examples/hello.rho')]
  execFileSync(process.execPath, run, { stdio: 'ignore' })
  execFileSync(process.execPath, [...run, '--space', join(folder, 'space'), '--create'], { stdio: 'ignore' })
  rmSync(folder, { recursive: true })
  rmSync(script)
}

/** The same for a worker and for the pool. */
function warmWorker(outdir) {
  const at = name => join(outdir, name)
  writeFileSync(at('worker.cjs'), `${WORKER}${WARM_WORKER}`)
  writeFileSync(at('pool.cjs'), `${POOL}${WARM_POOL}`)
  execFileSync(process.execPath, [at('cli.js'), 'run', source('examples/hello.rho'), '--workers', '1'], { stdio: 'ignore' })
  writeFileSync(at('worker.cjs'), WORKER)
  writeFileSync(at('pool.cjs'), POOL)
}

function library() {
  const tsc = join(dirname(resolve('typescript/package.json')), 'bin', 'tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1 // the compiler has said why
  for (const folder of ['src', 'rspace', 'bytecode']) writeFileSync(join(root, 'dist', folder, 'package.json'), '{"type":"module"}\n')
}

/** npm does not link a package's own command into its node_modules; with this link `npx rho` works in a clone. */
function linkCommand() {
  const bin = join(root, 'node_modules', '.bin')
  if (process.platform === 'win32' || !existsSync(join(root, 'node_modules'))) return
  mkdirSync(bin, { recursive: true })
  rmSync(join(bin, 'rho'), { force: true })
  symlinkSync('../../dist/cli.js', join(bin, 'rho'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  await bundle(dist)
  await bundleBench(join(dist, 'bench'))
  linkCommand()
  library()
}
