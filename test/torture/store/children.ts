import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { place } from './world.ts'

/** Child processes of the families: bundled once, started in tens of milliseconds, talking in lines. */

export interface Programs {
  /** Hands in deltas for ever, opens, repairs, copies, checkpoints: a process that is meant to be killed. */
  readonly writer: string
  /** Damages copies of stores and reads them: a process that may be ended by what it reads. */
  readonly damager: string
  /** Replays logs that another process has recorded. */
  readonly replayer: string
  remove(): void
}

/** Bundles the programs, one file each. They lie in node_modules to find the engine. */
export async function buildPrograms(): Promise<Programs> {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const dir = join(root, 'node_modules', '.cache', `rhizome-torture-${process.pid}-${builds++}`)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  const entry = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  await build({
    // The reader of damaged files looks for its program as child.cjs or child.js beside the bundle.
    entryPoints: {
      writer: entry('./writer.ts'),
      damager: entry('./damager.ts'),
      replayer: entry('../space/replayer.ts'),
      child: entry('../../../rspace/store/child.ts'),
    },
    outdir: dir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  })
  const file = (name: string) => join(dir, `${name}.js`)
  return {
    writer: file('writer'),
    damager: file('damager'),
    replayer: file('replayer'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}
let builds = 0

export interface Run {
  readonly child: ChildProcess
  readonly lines: string[]
  /** Resolves at a line that begins with `start`, or when the child has ended. */
  until(start: string): Promise<void>
  readonly ended: Promise<void>
}

/** @param temporaries where the child makes its private copies; a killed one leaves them */
export function start(file: string, args: readonly string[], temporaries = place.dir): Run {
  return watch(
    spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: temporaries } }),
  )
}

export function watch(child: ChildProcessByStdio<null, Readable, Readable>): Run {
  const lines: string[] = []
  let rest = ''
  let wake: (() => void) | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
    wake?.()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.push(`! ${text.trim().split('\n').slice(0, 40).join(' | ')}`))
  const ended = new Promise<void>(resolve => child.on('close', () => resolve(wake?.())))
  return {
    child,
    lines,
    ended,
    async until(start: string) {
      for (;;) {
        if (lines.some(l => l.startsWith(start)) || child.exitCode !== null || child.signalCode !== null) return
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}

export const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Numbers from lines like `a 17`: the highest, or `none`. */
export function highest(lines: readonly string[], kind: string, none: number): number {
  return lines.reduce((m, l) => (l.startsWith(kind + ' ') ? Math.max(m, Number(l.slice(2))) : m), none)
}
