import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../../build.mjs'
import type { Outcome } from '../../src/cli/outcome.ts'

/** The `rho` command as a user starts it: bundled once per test file, a process for each call. */
export interface Ran {
  readonly exit: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export class Rho {
  /** A folder for the files of the tests; the current folder of every call. */
  readonly folder = mkdtempSync(join(tmpdir(), 'rho-test-'))

  async build(): Promise<void> {
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module" }\n')
    // What is not in the bundle.
    symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(this.folder, 'node_modules'), 'dir')
    await bundle(join(this.folder, 'dist'))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Runs to the end. `onStart` gets the process, to feed or interrupt it. */
  run(
    args: readonly string[],
    options: { input?: string; env?: Record<string, string>; onStdout?: (text: string, child: ReturnType<typeof spawn>) => void } = {},
  ): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.folder, 'dist/cli.js'), ...args], {
        cwd: this.folder,
        env: { ...process.env, NO_COLOR: '1', ...options.env },
      })
      let stdout = ''
      let stderr = ''
      child.stdout.setEncoding('utf8').on('data', text => {
        stdout += text
        options.onStdout?.(stdout, child)
      })
      child.stderr.setEncoding('utf8').on('data', text => {
        stderr += text
      })
      child.on('error', reject)
      child.stdin.on('error', () => {}) // the program may end without reading
      child.on('close', (exit, signal) => resolve({ exit, signal, stdout, stderr }))
      child.stdin.end(options.input ?? '')
    })
  }

  /** The JSON lines of a run and its outcome, the last of them. */
  async json(
    args: readonly string[],
    input?: string,
  ): Promise<{ exit: number | null; lines: { kind: string; [field: string]: unknown }[]; outcome: Outcome }> {
    const ran = await this.run(['run', '--format', 'json', ...args], input === undefined ? {} : { input })
    const lines = ran.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { kind: string })
    return { exit: ran.exit, lines, outcome: lines.at(-1) as unknown as Outcome }
  }
}
