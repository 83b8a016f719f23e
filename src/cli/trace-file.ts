import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { Recorder } from '../machine/journal.ts'
import type { Session, SessionOptions } from '../machine/session.ts'
import { reportText } from '../normal/print.ts'
import { reasonOf } from './engine.ts'
import { Stream, stdout } from './streams.ts'
import { UsageError } from './usage.ts'

/**
 * Traces: files with one event per line, each a JSON object `{"v":1,"kind":"trace",…}`. Between them lines of kind `journal` hold what it takes to run it all again:
 * the state at the beginning, what came in from outside, and at the end a digest of everything before. A recording is a trace without events: whoever wants them
 * runs it again. So it costs a run nothing but these lines, and what is computed in place or runs ahead goes on to do so.
 */

/** Options that decide what happens; limits and grants are among them. */
export const REPLAYED = [
  'policy',
  'shuffle',
  'trick',
  'literalSchedule',
  'gas',
  'machineGas',
  'maxMachines',
  'maxMemory',
  'maxChildren',
  'maxQueue',
  'onError',
  'unknownOp',
  'allow',
  'virtualTime',
  'matchBudget',
  'maxValueBytes',
  'opt',
] as const satisfies readonly (keyof SessionOptions)[]

export class TraceFile {
  private readonly file: string
  private readonly fd: number
  private readonly out: Stream
  private readonly hash = createHash('sha256')
  private events = 0
  private readonly watched: boolean
  readonly recorder = new Recorder(entry => this.journal({ e: 'answer', ...entry }))

  /** `-` is standard output. `watched`: with events. */
  constructor(file: string, watched: boolean) {
    this.file = file
    this.watched = watched
    try {
      this.fd = file === '-' ? 1 : openSync(file, 'w')
    } catch (e) {
      throw this.unwritable(e)
    }
    this.out = this.fd === 1 ? stdout : new Stream(this.fd)
  }

  private unwritable(e: unknown): UsageError {
    return new UsageError(`cannot write \`${this.file}\`: ${reasonOf(e)}`)
  }

  write(event: object): void {
    this.events++
    this.line(eventLine(event))
  }

  /** The programs have been deployed; nothing has run yet. */
  begin(session: Session, options: SessionOptions): void {
    this.recorder.session = session
    const kept: Record<string, unknown> = {}
    for (const key of REPLAYED) if (options[key] !== undefined) kept[key] = options[key]
    const { order, seed, inject } = options
    if (seed !== undefined) kept.seed = String(seed)
    if (order !== undefined) kept.order = typeof order === 'object' ? { seed: String(order.seed) } : order
    if (inject !== undefined) kept.inject = Object.fromEntries(Object.entries(inject).map(([uri, t]) => [uri, reportText(t)]))
    this.journal({ e: 'begin', events: this.watched, options: kept, state: session.snapshot() })
  }

  /** The run has ended by itself or was stopped between two slices. */
  end(session: Session): void {
    const { slices, kernel } = session.shard
    const found = this.watched ? { events: this.events } : { outcome: outcomeDigest(session) }
    this.journal({ e: 'end', at: [slices, kernel.op], ...found, hash: this.hash.copy().digest('hex') })
  }

  /** @throws UsageError if the file could not be written to its end */
  close(): void {
    this.out.flush()
    if (this.fd === 1) return
    closeSync(this.fd)
    if (this.out.failure !== null) throw this.unwritable(this.out.failure)
  }

  private journal(record: object): void {
    this.line(JSON.stringify({ v: 1, kind: 'journal', ...record }))
  }

  private line(text: string): void {
    this.hash.update(text).update('\n')
    this.out.write(`${text}\n`)
  }
}

/** What a run has come to: what is left in the space, what waits, what failed, what it took. The same whether somebody watched or not. */
export function outcomeDigest(session: Session): string {
  const { comms, primitiveComms, machines, gas, steps } = session.stats()
  const blocked = session.blocked().map(b => [b.persistent, b.channels, b.reason])
  const failures = session.failures.map(f => [f.code, f.message, f.machine])
  const outcome = [[...session.data()], blocked, failures, comms, primitiveComms, machines, gas, steps]
  return createHash('sha256').update(JSON.stringify(outcome)).digest('hex')
}

export function eventLine(event: object): string {
  return JSON.stringify({ v: 1, kind: 'trace', ...event }, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}
