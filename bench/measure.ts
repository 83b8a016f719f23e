import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Times of whole processes, and what follows from them. */

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What it reads from standard input. */
  readonly input?: string
  /** Milliseconds after which it is ended and counts as wrong. */
  readonly limitMs?: number
}

/** Median and extremes of some samples. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: readonly number[]
}

/** A program that ended badly or printed something else than the answer: its time means nothing. */
export class WrongAnswer extends Error {}

export function summarise(samples: readonly number[]): Summary | null {
  const sorted = samples.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted[sorted.length - 1], samples: [...samples] }
}

/** NaN of no samples. */
export function medianOf(samples: readonly number[]): number {
  return summarise(samples)?.median ?? Number.NaN
}

/**
 * Nanoseconds per unit of work in steady state: what the larger run took longer, divided by what it did more. Start-up and
 * warm-up are in both and cancel. NaN if the larger run was not slower (noise): such a pair says nothing.
 */
export function steadyCost(small: { ms: number; units: number }, large: { ms: number; units: number }): number {
  const ms = large.ms - small.ms
  return ms > 0 ? (ms * 1e6) / (large.units - small.units) : Number.NaN
}

/** The ratio of each pass: only what ran side by side is compared. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.slice(0, under.length).map((value, i) => value / under[i])
}

/** The smallest of 1, 2, 5 × 10ᵏ that is not below `n`, at least 1000: divisible by four. */
export function roundSize(n: number): number {
  for (let power = 1000; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power >= n) return digit * power
  }
}

export type Verdict = 'met' | 'missed' | 'no peer' | 'no figure' | '–'

export interface Bound {
  readonly floor: number
  readonly aim: number
  /** `least`: the value must not be below the floor; `most`: not above. */
  readonly kind: 'least' | 'most'
}

export const least = (floor: number, aim = floor): Bound => ({ kind: 'least', floor, aim })
export const most = (floor: number, aim = floor): Bound => ({ kind: 'most', floor, aim })

export function verdictOf(value: Summary | null, bound: Bound | null): { verdict: Verdict; aimReached: boolean } {
  if (bound === null) return { verdict: '–', aimReached: false }
  if (value === null) return { verdict: 'no figure', aimReached: false }
  const reaches = (goal: number): boolean => (bound.kind === 'least' ? value.median >= goal : value.median <= goal)
  return { verdict: reaches(bound.floor) ? 'met' : 'missed', aimReached: reaches(bound.aim) }
}

function envOf(command: Command): NodeJS.ProcessEnv {
  return { ...process.env, ...command.env }
}

/** Nothing that is measured takes ten minutes; what does hangs. */
const LIMIT_MS = 600_000
const OUTPUT_MAX = 64 * 1024 * 1024

/**
 * Runs a program in a fresh process.
 * @returns milliseconds from start to exit, and what it printed, without the last line break
 * @throws WrongAnswer if it does not exit with 0
 */
export function runProcess(command: Command): { ms: number; output: string } {
  const start = process.hrtime.bigint()
  const done = spawnSync(command.file, command.args, {
    env: envOf(command),
    encoding: 'utf8',
    stdio: [command.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    input: command.input,
    maxBuffer: OUTPUT_MAX,
    timeout: command.limitMs ?? LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const ms = Number(process.hrtime.bigint() - start) / 1e6
  if ((done.error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT')
    throw new WrongAnswer(`${command.args.slice(0, 4).join(' ')} … had not ended after ${Math.round(ms / 1000)} s`)
  if (done.error !== undefined) throw new WrongAnswer(`${command.file}: ${done.error.message}`)
  if (done.status !== 0) {
    const how = done.signal === null ? `exit ${done.status}` : `signal ${done.signal}`
    throw new WrongAnswer(`${command.file} ${command.args.slice(0, 4).join(' ')} … ended with ${how}: ${done.stderr.slice(0, 400)}`)
  }
  return { ms, output: done.stdout.trimEnd() }
}

/** @throws WrongAnswer unless the program prints exactly `answer` and exits with 0 */
export function timeAnswer(command: Command, answer: string): number {
  const { ms, output } = runProcess(command)
  if (output !== answer) throw new WrongAnswer(`${command.args.join(' ').slice(0, 200)} printed ${output.slice(0, 200)}, not ${answer}`)
  return ms
}

const POLL_MS = 5

/** Peak resident megabytes of a run, read while it runs; null where the host does not tell. Not timed: looking costs a little. */
export function peakMegabytes(command: Command): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, { env: envOf(command), stdio: 'ignore' })
    let peak: number | null = null
    const timer = setInterval(() => {
      try {
        const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
        if (found !== null) peak = Math.max(peak ?? 0, Number(found[1]) / 1024)
      } catch {
        // no such file: it has ended, or the host has no /proc
      }
    }, POLL_MS)
    child.on('error', reject)
    child.on('exit', () => {
      clearInterval(timer)
      resolve(peak)
    })
  })
}
