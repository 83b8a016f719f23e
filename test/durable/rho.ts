import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../../build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** One line of `--format json`. */
export interface Line {
  readonly kind: string
  readonly n?: number
  readonly stream?: string
  readonly text?: string
  readonly [field: string]: unknown
}

export interface Ended {
  readonly exit: number | null
  readonly signal: string | null
  readonly lines: readonly Line[]
  readonly stdout: string
  readonly stderr: string
}

/** The command as a user starts it, bundled once, with the storage engine within reach. */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), 'rho-durable-'))

  async build(): Promise<void> {
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    await bundle(join(this.folder, 'dist'))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  file(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text)
    return name
  }

  /** `onLine` is told of every whole line of JSON as it arrives. What was cut off in the middle of a line does not count. */
  run(
    args: readonly string[],
    options: { onStart?: (child: ChildProcess) => void; onLine?: (line: Line, child: ChildProcess) => void } = {},
  ): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.folder, 'dist/cli.js'), ...args], {
        cwd: this.folder,
        env: { ...process.env, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let stdout = ''
      let stderr = ''
      let seen = 0
      const lines: Line[] = []
      child.stdout.setEncoding('utf8').on('data', text => {
        stdout += text
        for (let end = stdout.indexOf('\n', seen); end >= 0; end = stdout.indexOf('\n', seen)) {
          const line = stdout.slice(seen, end)
          seen = end + 1
          if (!line.startsWith('{')) continue
          lines.push(JSON.parse(line) as Line)
          options.onLine?.(lines[lines.length - 1], child)
        }
      })
      child.stderr.setEncoding('utf8').on('data', text => {
        stderr += text
      })
      child.on('error', reject)
      child.on('close', (exit, signal) => resolve({ exit, signal, lines, stdout, stderr }))
      options.onStart?.(child)
    })
  }
}
