import { expandPrim, type PrimRecord } from '../machine/trace.ts'
import { readInput } from './engine.ts'
import { EXIT } from './outcome.ts'
import { stdout } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** Where traces come from. */
export const WRITTEN = 'traces are written by `rho run --trace FILE` and `--record FILE`'

type TraceEvent = Readonly<Record<string, unknown>>

/** `rho trace`: a trace for people, the first place where two traces part, or where a trace and a run of the same part. */
export async function traceCommand(flags: Flags): Promise<number> {
  if (flags.has('replay')) return (await import('./replay.ts')).replayCommand(flags)
  const diff = flags.has('diff')
  const files = flags.files
  if (files.length !== (diff ? 2 : 1)) throw new UsageError(diff ? '--diff compares two traces' : '`rho trace` shows one trace', WRITTEN)
  const traces: (readonly TraceEvent[])[] = []
  for (const file of files) traces.push(expanded(await readTrace(file), flags))
  if (diff) return showDifference(files, traces)
  const json = flags.text('format') === 'json'
  for (const event of traces[0]) stdout.write(json ? `${JSON.stringify(event)}\n` : `${eventText(event)}\n`)
  return EXIT.rest
}

/** With --expand each fused operation becomes the steps on private and reply channel that it stands for. */
function expanded(events: readonly TraceEvent[], flags: Flags): readonly TraceEvent[] {
  if (!flags.has('expand')) return events
  return events.flatMap(event =>
    event.e === 'prim' ? expandPrim(event as unknown as PrimRecord).map(step => ({ v: 1, kind: 'trace', ...step })) : [event],
  )
}

/** @throws UsageError for what is not a trace */
async function readTrace(file: string): Promise<TraceEvent[]> {
  const text = new TextDecoder().decode(readInput(file))
  const lines = (await import('./replay.ts')).eventsOf(file, text) ?? text.split('\n')
  return lines
    .filter(line => line.trim() !== '')
    .map((line, i) => {
      try {
        const event = JSON.parse(line) as unknown
        if (typeof event === 'object' && event !== null && KINDS.includes((event as TraceEvent).kind)) return event as TraceEvent
      } catch {
        // said below
      }
      throw new UsageError(`${file}:${i + 1} is no trace event`, WRITTEN)
    })
    .filter(event => event.kind === 'trace')
}

const KINDS: readonly unknown[] = ['trace', 'journal']

/** The fields of an event in one line, the event's name first. */
export function eventText(event: TraceEvent): string {
  const { v: _, kind: __, e, m, ...rest } = event
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [`m:${m ?? 0}`.padEnd(7), String(e ?? '').padEnd(9), ...fields].join(' ').trimEnd()
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
