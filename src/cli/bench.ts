import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { UsageError } from './usage.ts'

/** Where the build puts the benchmark: beside the command. */
const RUNNER = './bench/run.js'

/**
 * `rho bench`: the benchmark is a program of its own, which measures this command from outside; it reads its flags itself.
 * @returns its exit code
 */
export function benchCommand(args: readonly string[]): Promise<number> {
  const file = fileURLToPath(new URL(RUNNER, import.meta.url))
  if (!existsSync(file)) throw new UsageError('the benchmark is not beside this command', 'in a clone: `npm run build`, or `npm run bench`')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' })
    // The terminal interrupts both; this one waits for the other to clean up.
    const wait = (): void => {}
    process.on('SIGINT', wait)
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
  })
}
