import { closeSync, openSync, writeSync } from 'node:fs'
import { readInput, reasonOf } from './engine.ts'
import { EXIT } from './outcome.ts'
import { stdout } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** Traces: files with one event per line, each a JSON object `{"v":1,"kind":"trace",…}`. */

const BLOCK = 1 << 16

export class TraceFile {
  private readonly fd: number
  private pending = ''

  /** `-` is standard output. */
  constructor(file: string) {
    try {
      this.fd = file === '-' ? 1 : openSync(file, 'w')
    } catch (e) {
      throw new UsageError(`cannot write \`${file}\`: ${reasonOf(e)}`)
    }
  }

  write(event: object): void {
    this.pending += `${eventLine(event)}\n`
    if (this.pending.length >= BLOCK) this.flush()
  }

  close(): void {
    this.flush()
    if (this.fd !== 1) closeSync(this.fd)
  }

  private flush(): void {
    writeSync(this.fd, this.pending)
    this.pending = ''
  }
}

export function eventLine(event: object): string {
  return JSON.stringify({ v: 1, kind: 'trace', ...event }, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}

type TraceEvent = Readonly<Record<string, unknown>>

/** `rho trace`: a trace for people, or the first place where two traces part. */
export async function traceCommand(flags: Flags): Promise<number> {
  const diff = flags.has('diff')
  const files = flags.files
  if (files.length !== (diff ? 2 : 1))
    throw new UsageError(
      diff ? '--diff compares two traces' : '`rho trace` shows one trace',
      'a trace is written by `rho run --trace FILE`',
    )
  const traces: (readonly TraceEvent[])[] = []
  for (const file of files) traces.push(await expanded(readTrace(file), flags))
  if (diff) return showDifference(files, traces)
  const json = flags.text('format') === 'json'
  for (const event of traces[0]) stdout.write(json ? `${JSON.stringify(event)}\n` : `${eventText(event)}\n`)
  return EXIT.rest
}

async function expanded(events: TraceEvent[], flags: Flags): Promise<readonly TraceEvent[]> {
  if (!flags.has('expand')) return events
  const { expand } = await import('../machine/trace.ts')
  return expand(events)
}

/** @throws UsageError for what is not a trace */
export function readTrace(file: string): TraceEvent[] {
  const text = new TextDecoder().decode(readInput(file))
  return text
    .split('\n')
    .filter(line => line.trim() !== '')
    .map((line, i) => {
      try {
        const event = JSON.parse(line) as unknown
        if (typeof event === 'object' && event !== null && (event as TraceEvent).kind === 'trace') return event as TraceEvent
      } catch {
        // said below
      }
      throw new UsageError(`${file}:${i + 1} is no trace event`, 'a trace is written by `rho run --trace FILE`')
    })
}

/** The fields of an event in one line, the event's name first. */
export function eventText(event: TraceEvent): string {
  const { v: _, kind: __, event: name, machine, ...rest } = event
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [String(machine ?? '').padEnd(6), String(name ?? '').padEnd(10), ...fields].join(' ').trimEnd()
}

function showDifference(files: readonly string[], [a, b]: readonly (readonly TraceEvent[])[]): number {
  let i = 0
  while (i < a.length && i < b.length && JSON.stringify(a[i]) === JSON.stringify(b[i])) i++
  if (i === a.length && i === b.length) {
    stdout.write(`equal: ${a.length} events\n`)
    return EXIT.rest
  }
  stdout.write(`equal up to event ${i}, then\n`)
  ;[a, b].forEach((trace, n) => {
    stdout.write(`${n === 0 ? '-' : '+'} ${files[n]}: ${i < trace.length ? eventText(trace[i]) : 'ends'}\n`)
  })
  return EXIT.failed
}
