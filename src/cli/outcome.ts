import type { Code } from '../base/codes.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { classOf } from '../base/diagnostic.ts'
import type { Sources } from '../base/source.ts'
import type { Blocked, Failure, RestReport, Stats, Unconsumed } from '../machine/outcome.ts'
import { enclosing } from './enclosing.ts'

/** The outcome of a run as the JSON output carries it. Every list is in a fixed order, so equal runs give equal text. */

export interface Position {
  readonly line: number
  readonly column: number
}

/** Where something stands; all fields are missing for what has no source. `end` is exclusive. */
export interface Spot {
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly end?: Position
}

export interface ErrorRecord extends Spot {
  readonly code: Code
  readonly class: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly hint: string
}
export interface FailureRecord extends ErrorRecord {
  readonly machine: string
  /** Constructs around the place, innermost first. */
  readonly within: readonly string[]
  readonly startedBy?: Spot
}
export interface BlockedRecord extends Spot {
  readonly persistent: boolean
  readonly channels: readonly string[]
  readonly reason: string
}

export type OutcomeStatus = 'rest' | 'refused' | 'failed' | 'limit' | 'stopped' | 'storage' | 'fault'

export interface Outcome {
  readonly v: 1
  readonly kind: 'outcome'
  readonly status: OutcomeStatus
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  readonly failures: readonly FailureRecord[]
  readonly diagnostics: readonly ErrorRecord[]
  readonly blocked: readonly BlockedRecord[]
  readonly data: Readonly<Record<string, readonly (readonly string[])[]>>
  readonly stats: Readonly<Record<string, number>>
  readonly report?: object
}

export const NO_STATS: Stats = { comms: 0, primitiveComms: 0, machines: 0, gas: 0, steps: 0 }

export function spotOf(sources: Sources, start: number, end: number): Spot {
  const from = sources.place(start)
  if (from === undefined) return {}
  const until = sources.place(end) ?? from
  return { file: from.file, line: from.line, column: from.column, end: { line: until.line, column: until.column } }
}

export function diagnosticRecord(sources: Sources, d: Diagnostic): ErrorRecord {
  return {
    code: d.code,
    class: classOf(d.code),
    severity: d.severity,
    message: d.message,
    hint: d.hint,
    ...spotOf(sources, d.start, d.end),
  }
}

/** What was found, in order of position, one JSON object per line. */
export function diagnosticLines(sources: Sources, found: readonly Diagnostic[]): string {
  return inOrder(found)
    .map(d => `${JSON.stringify({ v: 1, kind: 'diagnostic', ...diagnosticRecord(sources, d) })}\n`)
    .join('')
}

export function failureRecord(sources: Sources, f: Failure): FailureRecord {
  const record: FailureRecord = {
    code: f.code,
    class: classOf(f.code),
    severity: 'error',
    message: f.message,
    hint: f.hint,
    ...spotOf(sources, f.start, f.end),
    machine: f.machine,
    within: enclosing(f.start),
  }
  return f.startedBy < 0 ? record : { ...record, startedBy: spotOf(sources, f.startedBy, f.startedBy) }
}

export function blockedRecord(sources: Sources, b: Blocked): BlockedRecord {
  return { persistent: b.persistent, ...spotOf(sources, b.start, b.end), channels: b.channels, reason: b.reason }
}

/** The JSON form of the rest report (rholang.md 12.4). */
export function reportRecord(sources: Sources, report: RestReport, failures: readonly Failure[], gas: number): object {
  const where = (item: { start: number; end: number }) => ({ span: spotOf(sources, item.start, item.end) })
  const why = (item: Blocked | Unconsumed) => ({
    reason: item.reason,
    detail: item.detail,
    ...(item.counterpart < 0 ? {} : { counterpart: spotOf(sources, item.counterpart, item.counterpart) }),
  })
  return {
    waiting: inOrder(report.waiting).map(w => ({ ...where(w), persistent: w.persistent, channels: w.channels, ...why(w) })),
    messages: inOrder(report.messages).map(m => ({
      ...where(m),
      persistent: m.persistent,
      channels: [m.channel],
      values: m.values,
      ...why(m),
    })),
    notes: report.notes.map(n => ({ ...where(n), text: n.text })),
    errors: failures.map(f => failureRecord(sources, f)),
    cost: gas,
    idleServers: report.idleServers,
    unreachable: report.unreachable,
  }
}

/** By position, then by age: the order in which failures are shown. */
export function inOrder<T extends { readonly start: number }>(items: readonly T[]): T[] {
  return items
    .map((item, age) => ({ item, age }))
    .sort((a, b) => a.item.start - b.item.start || a.age - b.age)
    .map(x => x.item)
}

export const EXIT = {
  rest: 0,
  refused: 1,
  failed: 1,
  usage: 2,
  blocked: 3,
  limit: 4,
  storage: 5,
  fault: 70,
  interrupted: 130,
  terminated: 143,
} as const
