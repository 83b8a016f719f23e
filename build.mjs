// Builds the command (dist/cli.js and its chunks) and the library (dist/src, dist/rspace, dist/bytecode with type declarations).
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(fileURLToPath(import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** One entry and one chunk per lazily loaded part, so that `rho run` reads only what running needs. Native storage stays outside. */
export function bundle(outdir) {
  return build({
    entryPoints: { cli: join(root, 'src/cli/main.ts') },
    outdir,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    external: ['classic-level', 'level'],
    define: { RHO_VERSION: JSON.stringify(version) },
    logLevel: 'warning',
  })
}

function library() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { cwd: root, stdio: 'inherit' })
}

/** A package's own command is not linked into its node_modules; `npx rho` in a clone finds it there. */
function linkCommand() {
  const bin = join(root, 'node_modules', '.bin')
  if (process.platform === 'win32' || !existsSync(join(root, 'node_modules'))) return
  mkdirSync(bin, { recursive: true })
  rmSync(join(bin, 'rho'), { force: true })
  symlinkSync('../../dist/cli.js', join(bin, 'rho'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  library()
  await bundle(join(root, 'dist'))
  chmodSync(join(root, 'dist', 'cli.js'), 0o755)
  linkCommand()
}
