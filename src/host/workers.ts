import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Where a bundler may have put the program of a worker, relative to this module. */
const PROGRAMS = ['./worker.cjs', '../pool/worker.js', '../pool/worker.ts'] as const

/** The program of a worker, and what the host has to be told to run it. */
export function workerProgram(): { readonly filename: string; readonly execArgv: string[] } {
  const filename = PROGRAMS.map(p => fileURLToPath(new URL(p, import.meta.url))).find(p => existsSync(p))
  if (filename === undefined) throw new Error('the program of the workers is missing')
  return { filename, execArgv: filename.endsWith('.ts') ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [] }
}

/** Where a bundler may have put the pool, relative to this module. */
const POOL = './pool.cjs'

/** The pool; loaded when workers are wanted. Required, not imported: the bundled command runs where there is no dynamic import. */
export function poolLibrary(): typeof import('piscina') {
  const require = createRequire(import.meta.url)
  return require(existsSync(fileURLToPath(new URL(POOL, import.meta.url))) ? POOL : 'piscina')
}

/** Milliseconds of processor time that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Cores that this process may use. */
export function cores(): number {
  return availableParallelism()
}
