import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What one family did in a run. */
export interface Line {
  readonly id: number
  readonly name: string
  cases: number
  readonly failures: string[]
  readonly seeds: number[]
  readonly notes: Record<string, number>
}

/** What was tested; `+` if the sources differ from it. */
function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'rspace', 'src') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}

/** The beginning of a run: what is tested may change on the disk meanwhile. */
export class Report {
  private readonly commit = commit()
  private readonly seed: number
  constructor(seed: number) {
    this.seed = seed
  }

  /** @returns where it lies. @param file default: test/torture/reports/DATE.json */
  write(minutes: number, families: readonly Line[], file?: string): string {
    const report = { v: 1, date: new Date().toISOString(), commit: this.commit, minutes, seed: this.seed, node: process.version, families }
    const path = file ?? fileURLToPath(new URL(`./reports/${report.date.slice(0, 19).replaceAll(':', '-')}.json`, import.meta.url))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`)
    return path
  }
}
