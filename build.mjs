// Builds the command (dist/cli.js, which starts dist/rho.cjs) and the library (dist/src, dist/rspace, dist/bytecode with type declarations).
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(fileURLToPath(import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

// Half of a cold start was parsing the bundle, so it is run with the code cache that the build left beside it: 20 ms less on 40 over bare Node.
// Node refuses a cache of another version or another bundle and compiles as usual.
// A CommonJS script: the loader of ES modules alone takes 8 ms.
const START = `const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')
const { Script } = require('node:vm')

const at = name => join(__dirname, name)
let cachedData
try {
  cachedData = readFileSync(at('rho.cache'))
} catch {}
const script = new Script(readFileSync(at('rho.cjs'), 'latin1'), { filename: at('rho.cjs'), cachedData })
`
const RUN = 'script.runInThisContext()(require, {}, pathToFileURL(__filename).href)\n'
const WARM = `process.on('exit', () => require('node:fs').writeFileSync(at('rho.cache'), script.createCachedData()))
`

/** Bundles the command into a folder. Native storage stays outside: it is required when it is needed. */
export async function bundle(outdir) {
  mkdirSync(outdir, { recursive: true })
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outfile: join(outdir, 'rho.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: '(function(require, module, RHO_URL){' },
    footer: { js: '})' },
    external: ['classic-level', 'level', 'hash-wasm', 'piscina'],
    define: { RHO_VERSION: JSON.stringify(version), 'import.meta.url': 'RHO_URL' },
    logLevel: 'warning',
  })
  // A shard on a worker. Loaded with `require`.
  await build({
    entryPoints: [join(root, 'src/pool/worker.ts')],
    outfile: join(outdir, 'worker.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  // The process that reads damaged stores, so that it is the one that dies of them.
  await build({
    entryPoints: [join(root, 'rspace/store/child.ts')],
    outfile: join(outdir, 'child.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    external: ['classic-level', 'level', 'hash-wasm'],
    logLevel: 'warning',
  })
  writeFileSync(join(outdir, 'package.json'), '{"type":"commonjs"}\n')
  writeFileSync(join(outdir, 'cli.js'), `#!/usr/bin/env node\n${START}${RUN}`)
  chmodSync(join(outdir, 'cli.js'), 0o755)
}

/** Programs of the benchmark that measure something inside a process: bundled, since a loader that translates while it runs makes ours three times slower. */
export async function bundleInside(outdir) {
  await build({
    entryPoints: ['inside', 'store-inside', 'durable-inside'].map(name => join(root, 'bench', `${name}.ts`)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['classic-level', 'level', 'hash-wasm'],
    logLevel: 'error',
  })
}

/** The benchmark, for `rho bench`: the runner, what it starts, the programs and what they are compared with. */
export async function bundleBench(outdir) {
  mkdirSync(outdir, { recursive: true })
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}\n')
  await build({
    entryPoints: [join(root, 'bench/run.ts')],
    outfile: join(outdir, 'run.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['classic-level', 'level', 'hash-wasm', '*/build.mjs'],
    logLevel: 'warning',
  })
  await bundleInside(outdir)
  for (const folder of ['suite', 'baseline']) cpSync(join(root, 'bench', folder), join(outdir, folder), { recursive: true })
  cpSync(join(root, 'bench/gate.json'), join(outdir, 'gate.json'))
  cpSync(
    createRequire(import.meta.url)
      .resolve('acorn')
      .replace(/\.js$/, '.mjs'),
    join(outdir, 'acorn.mjs'),
  )
}

/** Runs a small program once and keeps what the host compiled for it. */
function warm(outdir) {
  const script = join(outdir, 'warm.js')
  writeFileSync(script, `${START}${WARM}${RUN}`)
  execFileSync(process.execPath, [script, 'run', join(root, 'examples', 'hello.rho')], { stdio: 'ignore' })
  rmSync(script)
}

function library() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
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
  warm(dist)
  linkCommand()
  library()
}
