import { createHash } from 'node:crypto'
import type { Host } from '../machine/host.ts'
import { type Answered, type Refused, Replayer } from '../machine/journal.ts'
import { Session, type SessionOptions } from '../machine/session.ts'
import { NotASnapshot } from '../machine/snapshot.ts'
import type { Tracer } from '../machine/trace.ts'
import { readInput } from './engine.ts'
import { termOf } from './names.ts'
import { EXIT } from './outcome.ts'
import { stdout } from './streams.ts'
import { eventText, WRITTEN } from './trace.ts'
import { eventLine, outcomeDigest, REPLAYED } from './trace-file.ts'
import { type Flags, UsageError } from './usage.ts'

/**
 * `rho trace --replay`: the run that a trace is of happens again, in memory, and has to take the same course event for event. A recording has no events to
 * compare: what came in has to find somebody who asked, and the run has to come to the same end. Its events are those of that other run.
 */

type Line = Readonly<Record<string, unknown>>

interface Recording {
  readonly options: SessionOptions
  readonly state: string
  /** Events since the beginning, as lines. */
  readonly events: readonly string[]
  /** It has events. */
  readonly watched: boolean
  /** Digest of what the run came to; '' if events are compared. */
  readonly outcome: string
  /** Answers in the order in which they came in. */
  readonly answers: readonly (Answered | Refused)[]
  /** Where the run ended; undefined: its process was killed. */
  readonly end: readonly [slices: number, op: number] | undefined
  /** The digest at the end does not fit what stands before. */
  readonly changed: boolean
}

/** A replay asks nobody: what comes in stands in the trace. */
const NOBODY: Host = { out: () => {}, log: () => {}, readLine: () => {}, now: () => 0, after: () => {} }

export function replayCommand(flags: Flags): number {
  const [file, ...more] = flags.files
  if (file === undefined || more.length > 0 || flags.has('diff') || flags.has('expand'))
    throw new UsageError('`rho trace --replay` takes one trace', WRITTEN)
  const recording = read(file)
  const json = flags.text('format') === 'json'
  let run = new Replay(recording)
  let part = run.go()
  if (run.missed) {
    run = new Replay(recording, ignored)
    part = run.go()
  }
  const { changed, watched } = recording
  const equal = part === undefined && !changed
  if (json) {
    const much = watched ? { events: run.compared } : { comms: run.comms }
    const found = { v: 1, kind: 'replay', equal, ...much, whole: recording.end !== undefined, changed, ...part }
    stdout.write(`${JSON.stringify(found)}\n`)
  } else {
    if (changed) stdout.write('the trace was changed after it was written\n')
    if (part === undefined) {
      const cut = recording.end === undefined ? '; the trace has no end, its process was killed' : ''
      stdout.write(`${changed ? 'nothing differs' : 'equal'}: ${watched ? `${run.compared} events` : `${run.comms} COMMs`}${cut}\n`)
    } else {
      const where = watched ? `event ${run.compared}` : `COMM ${run.comms}`
      stdout.write(`equal up to ${where}, then\n- recorded: ${part.recorded}\n+ replayed: ${part.replayed}\n`)
    }
  }
  return equal ? EXIT.rest : EXIT.failed
}

/**
 * The events of a recording, in order; undefined: the file is none. To `rho trace` it is as if they stood in it.
 * @throws UsageError for a recording that cannot be run again, or takes another course
 */
export function eventsOf(file: string, text: string): string[] | undefined {
  if (!text.includes('"e":"begin","events":false')) return undefined
  const recording = read(file, text)
  const found: string[] = []
  const part = new Replay(recording, event => found.push(eventLine(event))).go()
  if (part !== undefined || recording.changed)
    throw new UsageError(`\`${file}\` does not happen again as it was recorded`, '`rho trace --replay` says what differs')
  return found
}

/** @throws UsageError for a file that is no trace of a run that can be repeated */
function read(file: string, text = new TextDecoder().decode(readInput(file))): Recording {
  const hash = createHash('sha256')
  let begin: Line | undefined
  let end: Line | undefined
  let changed = false
  const events: string[] = []
  const answers: (Answered | Refused)[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return
    const record = parsed(line)
    if (record === undefined) throw new UsageError(`${file}:${i + 1} is no trace event`, WRITTEN)
    if (end !== undefined) changed = true // something was added
    if (record.kind === 'trace') {
      if (begin !== undefined) events.push(line)
    } else if (record.e === 'begin') begin ??= record
    else if (record.e === 'answer') answers.push(record as unknown as Answered | Refused)
    else if (record.e === 'end') {
      end = record
      if (record.hash !== hash.copy().digest('hex')) changed = true
    }
    hash.update(line).update('\n')
  })
  if (begin === undefined || typeof begin.state !== 'string') throw new UsageError(`\`${file}\` does not say where the run began`, WRITTEN)
  const at = end?.at as readonly [number, number] | undefined
  const watched = begin.events !== false
  return {
    options: optionsOf(begin.options as Line),
    state: begin.state,
    events,
    watched,
    outcome: String(end?.outcome ?? ''),
    answers,
    end: at,
    changed,
  }
}

function parsed(line: string): Line | undefined {
  try {
    const record = JSON.parse(line) as Line | null
    return record !== null && (record.kind === 'trace' || record.kind === 'journal') ? record : undefined
  } catch {
    return undefined
  }
}

function optionsOf(kept: Line): SessionOptions {
  const options: Record<string, unknown> = { host: NOBODY }
  for (const key of REPLAYED) if (kept[key] !== undefined) options[key] = kept[key]
  const { seed, order, inject } = kept
  if (seed !== undefined) options.seed = BigInt(String(seed))
  if (order !== undefined) options.order = typeof order === 'object' ? { seed: BigInt((order as { seed: string }).seed) } : order
  if (inject !== undefined)
    options.inject = Object.fromEntries(Object.entries(inject as Record<string, string>).map(([uri, t]) => [uri, termOf(t, '--inject')]))
  return options as unknown as SessionOptions
}

/** So many slices before a place every single one is watched. */
const NEAR = 20_000

const ignored = (): void => {}
/** Sees everything, and says nothing. */
const WATCHER: Tracer = {
  ...{ created: ignored, runnable: ignored, running: ignored, blocked: ignored, ended: ignored, produce: ignored, consume: ignored },
  ...{ comm: ignored, primitive: ignored, request: ignored, answer: ignored, answered: ignored },
}

interface Difference {
  readonly recorded: string
  readonly replayed: string
}

class Replay {
  /** Events that were found equal. */
  compared = 0
  private readonly recording: Recording
  private readonly session: Session
  private readonly replayer: Replayer
  private difference: Difference | undefined
  private started = false
  /** No event is asked for. */
  private readonly fast: boolean
  /** It was too fast: slices that are taken together went past a place where it should have stopped. */
  missed = false

  /** `each` is told of every event. */
  constructor(recording: Recording, each?: (event: object) => void) {
    this.recording = recording
    this.replayer = new Replayer(recording.answers)
    const options: SessionOptions = { ...recording.options, journal: this.replayer }
    this.fast = !recording.watched && each === undefined
    if (recording.watched) options.trace = event => this.event(event)
    else if (each !== undefined) options.trace = event => this.started && each(event)
    // Time came in from outside too, unless it was virtual: then it is driven by the answers all the same.
    delete options.virtualTime
    try {
      this.session = Session.restore(recording.state, options, this.replayer)
    } catch (e) {
      if (e instanceof NotASnapshot) throw new UsageError(`the state at the beginning of the run cannot be read: ${e.message}`)
      throw e
    }
  }

  /** Where the two part; undefined: nowhere. */
  go(): Difference | undefined {
    this.started = true
    const { answers, end, events } = this.recording
    for (const answer of answers) {
      if (!isLate(answer)) continue
      if (!this.runTo(answer.at) || !this.replayer.deliver(answer))
        return this.difference ?? { recorded: `an answer to request ${answer.request}`, replayed: 'nobody waits for it there' }
    }
    if (end !== undefined) this.runTo(end)
    if (!this.recording.watched) return end === undefined ? undefined : this.atEnd(end[0])
    // Machines that are dropped when their turn comes take no slice.
    for (let status = 'budget'; this.compared < events.length && this.difference === undefined && status === 'budget'; )
      status = this.session.run(end === undefined ? 1000 : 1)
    if (this.difference === undefined && this.compared < events.length)
      this.difference = { recorded: shown(events[this.compared]), replayed: 'ends' }
    return this.difference
  }

  get comms(): number {
    return this.session.stats().comms
  }

  /** What nobody watched has to come to the same. */
  private atEnd(slices: number): Difference | undefined {
    const ran = this.session.shard.slices
    if (ran !== slices) return { recorded: `ends after ${slices} slices`, replayed: `ends after ${ran} slices` }
    const outcome = outcomeDigest(this.session)
    return outcome === this.recording.outcome
      ? undefined
      : { recorded: `outcome ${this.recording.outcome}`, replayed: `outcome ${outcome}` }
  }

  /** Up to a place in the order of events. False: the run does not come there. */
  private runTo([slices, op]: readonly [number, number]): boolean {
    const { session } = this
    const { shard } = session
    // A run that nobody watches takes slices together and does not stop between any two.
    if (this.fast) {
      shard.tracer = null
      for (let before = -1; slices - shard.slices > NEAR && shard.slices > before; ) {
        before = shard.slices
        session.run(Math.ceil((slices - shard.slices) / 256))
      }
      shard.tracer = WATCHER
      if (shard.slices > slices) this.missed = true
    }
    while (shard.slices < slices && this.difference === undefined) {
      const before = shard.slices
      const status = session.run(slices - shard.slices)
      if (status !== 'budget' && shard.slices === before) break
    }
    if (shard.kernel.op < op) shard.settleMessages()
    for (let tries = 0; shard.slices === slices && shard.kernel.op < op && tries < 1000 && this.difference === undefined; tries++)
      session.run(1)
    return this.difference === undefined && shard.slices === slices
  }

  private event(event: object): void {
    if (!this.started || this.difference !== undefined) return
    const { events, end } = this.recording
    const line = eventLine(event)
    const recorded = events[this.compared]
    if (recorded === line) this.compared++
    else if (recorded !== undefined || end !== undefined)
      this.difference = { recorded: recorded === undefined ? 'ends' : shown(recorded), replayed: shown(line) }
  }
}

/** It came in after its request had been made. */
function isLate(answer: Answered | Refused): answer is Answered & { at: readonly [slices: number, op: number] } {
  return !('fault' in answer) && answer.at !== undefined
}

function shown(line: string): string {
  return eventText(JSON.parse(line) as Line)
}
