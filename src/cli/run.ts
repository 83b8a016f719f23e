import { writeFileSync } from 'node:fs'
import { RhizomeError } from '../../rspace/errors.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { sources } from '../base/source.ts'
import { NOWHERE, ProcessHost } from '../host/hosts.ts'
import { Output } from '../host/output.ts'
import type { Durable } from '../machine/durable.ts'
import { Session, type SessionOptions } from '../machine/session.ts'
import { NotASnapshot } from '../machine/snapshot.ts'
import type { Term } from '../normal/term.ts'
import { HeldHost } from '../pool/held.ts'
import type { Pool } from '../pool/pool.ts'
import type { Attended } from './attended.ts'
import type { Ending, Input } from './engine.ts'
import { drive, hasErrors, readInput, readInputs, reasonOf, sessionOptions } from './engine.ts'
import { nameOf } from './names.ts'
import type { Outcome, OutcomeStatus } from './outcome.ts'
import { blockedRecord, diagnosticRecord, EXIT, failureRecord, inOrder, NO_STATS, reportRecord } from './outcome.ts'
import { runSeeds } from './seeds.ts'
import { sections, showDiagnostics, showFailures, showMetrics, showRest } from './show.ts'
import type { NumberedTarget } from './stored.ts'
import { isTerminal, stderr, stdout, wantsColor } from './streams.ts'
import type { TraceFile } from './trace-file.ts'
import type { Flags } from './usage.ts'
import { seedRange, UsageError } from './usage.ts'
import { hostFor, IN_VAIN_MAX, isLost, workerLost, workersFor, workersOf } from './workers.ts'

/** `rho run`. */
export async function runCommand(flags: Flags): Promise<number> {
  checkSpaceFlags(flags)
  const inputs = readInputs(flags)
  if (inputs.length === 0 && !flags.has('resume') && !flags.has('restore'))
    throw new UsageError('nothing to run', "name a file, or write `rho run -e 'SOURCE'`")
  if (flags.has('seeds') && flags.has('seed')) throw new UsageError('--seed and --seeds contradict each other')
  const json = flags.text('format') === 'json'
  try {
    if (flags.has('seeds')) return await runSeeds(flags, inputs, seedRange(flags.text('seeds')!))
    return await (json ? runJson(flags, inputs) : runText(flags, inputs))
  } catch (e) {
    if (isLost(e)) {
      workerLost((e as Error).message, json)
      return EXIT.fault
    }
    if (!(e instanceof RhizomeError)) throw e
    return storageFailed(e, json)
  }
}

/** `rho deploy`: a run that never makes a space, or one in the process that holds it. */
export async function deployCommand(flags: Flags): Promise<number> {
  if (flags.has('control')) return (await import('./operators.ts')).deployTo(flags)
  if (!flags.has('space'))
    throw new UsageError('`rho deploy` needs --space DIR or --control SOCKET', 'to run a program in memory: `rho run`')
  return runCommand(flags)
}

/** Combinations of flags about spaces that contradict each other. */
function checkSpaceFlags(flags: Flags): void {
  if (flags.has('restore') && (flags.has('space') || flags.has('seeds')))
    throw new UsageError('--restore goes on from a file, in memory, once')
  if (!flags.has('space')) {
    for (const name of ['create', 'resume', 'durability'] as const) if (flags.has(name)) throw new UsageError(`--${name} needs --space DIR`)
    return
  }
  if (flags.text('durability') === 'memory') throw new UsageError('--durability memory and --space contradict each other')
  if (flags.has('seeds')) throw new UsageError('--seeds and --space contradict each other')
  if (!flags.has('resume')) return
  if (flags.has('create')) throw new UsageError('--resume and --create contradict each other')
  if (flags.files.length > 0 || flags.has('eval'))
    throw new UsageError('--resume adds no program', 'leave it out: opening a space continues everything in it')
}

function storageFailed(e: RhizomeError, json: boolean): number {
  const { code, message, hint, details } = e
  if (json) stdout.write(`${JSON.stringify({ v: 1, kind: 'error', code, message, hint: hint ?? '', details })}\n`)
  stdout.flush()
  stderr.write(`${code}: ${message}${hint === undefined ? '' : ` (${hint})`}\n`)
  return EXIT.storage
}

/** What a run left behind, before it is shown. */
interface Finished {
  readonly session: Session
  readonly diagnostics: readonly Diagnostic[]
  readonly ending: Ending | 'refused'
  /** The signal that ended it. */
  readonly signal: 'SIGINT' | 'SIGTERM' | null
  /** Where the session is kept. */
  readonly stored: Durable | undefined
}

/** Compiles all inputs, runs them in one session if none was refused, and comes back at rest. */
async function execute(flags: Flags, inputs: readonly Input[], target: NumberedTarget): Promise<Finished> {
  const host = new ProcessHost(target)
  workersOf(flags) // a contradiction is wrong use: say so before anything is opened
  const options = sessionOptions(flags, host)
  options.host = hostFor(flags, host)
  const trace = await traceOf(flags, options)
  const shown = { n: 0 }
  const diagnostics: Diagnostic[] = []
  let programs = inputs
  let reached = 0
  for (let inVain = 0; ; ) {
    const stored = flags.has('space') ? await (await import('./stored.ts')).openStored(flags, options, target, shown) : undefined
    const session = stored?.session ?? (flags.has('restore') ? restored(flags.text('restore')!, options) : new Session(options))
    inVain = session.stats().steps > reached ? 0 : inVain + 1
    reached = session.stats().steps
    let attended: Attended | undefined
    let pool: Pool | undefined
    try {
      pool = await workersFor(flags, session, options)
      if (flags.has('control'))
        attended = await (await import('./attended.ts')).Attended.open(flags.text('control')!, session, stored, pool)
      const done = await runIn(session, stored, flags, programs, diagnostics, attended, pool, () => trace?.begin(session, options))
      if (done.ending !== 'refused') trace?.end(session)
      return { session: pool?.session ?? session, stored, ...done, diagnostics }
    } catch (e) {
      // What workers hold is not in the session: only the last commit is a state of the whole. What went wrong first is what is told.
      await (pool === undefined ? stored?.close() : stored?.abandon())?.catch(() => undefined)
      if (stored === undefined || !isLost(e) || inVain === IN_VAIN_MAX) throw e
      // From there on again; the programs are in the space.
      if (options.host instanceof HeldHost) options.host.back()
      programs = []
    } finally {
      await attended?.close()
      await pool?.close()
      trace?.close()
    }
  }
}

/** The session that a snapshot holds. */
function restored(file: string, options: SessionOptions): Session {
  try {
    return Session.restore(new TextDecoder().decode(readInput(file)), options)
  } catch (e) {
    if (e instanceof NotASnapshot)
      throw new UsageError(`cannot restore \`${file}\`: ${e.message}`, 'a state is written by `rho run --snapshot FILE`')
    throw e
  }
}

async function runIn(
  session: Session,
  stored: Durable | undefined,
  flags: Flags,
  inputs: readonly Input[],
  found: Diagnostic[],
  attended: Attended | undefined,
  pool: Pool | undefined,
  begins: () => void,
): Promise<Pick<Finished, 'ending' | 'signal'>> {
  const compiled = inputs.map(input => session.compile(input.name, input.bytes))
  // One at a time: a program may have more warnings than a call may have arguments.
  for (const c of compiled) for (const d of c.diagnostics) found.push(d)
  if (hasErrors(found)) return { ending: 'refused', signal: null }
  for (const { program } of compiled) if (program !== undefined) session.deploy(program)
  let signal: Finished['signal'] = null
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => {
    signal = name
    session.stop()
    void attended?.close()
  }
  const listen = () => {
    process.once('SIGINT', () => onSignal('SIGINT'))
    process.once('SIGTERM', () => onSignal('SIGTERM'))
  }
  const stopped = () => {
    if (signal === null && !stdout.closed) return false
    session.stop()
    return true
  }
  const limit = stopPoint(flags)
  if (stored !== undefined || attended !== undefined) listen()
  await stored?.flush() // the programs are in before anything of them happens
  begins()
  const run = (): Promise<Ending> =>
    limit === undefined
      ? drive(session, { stopped, onLong: stored === undefined && attended === undefined ? listen : undefined })
      : stopAt(session, limit)
  const began = performance.now()
  let ending = await run()
  while ((ending === 'rest' || ending === 'limit') && (await attended?.more()) === true) ending = await run()
  await pool?.gather()
  if (process.env.RHO_DEBUG === 'workers') {
    const { comms } = (pool?.session ?? session).stats()
    stderr.write(`workers: ${JSON.stringify({ runMs: performance.now() - began, comms, ...pool?.told })}\n`)
  }
  await stored?.flush()
  return { ending, signal }
}

interface StopPoint {
  readonly unit: 'steps' | 'comms' | 'idle'
  readonly count: number
}

function stopPoint(flags: Flags): StopPoint | undefined {
  const text = flags.text('stop-after')
  if (text === undefined) return undefined
  if (text === 'idle') return { unit: 'idle', count: 0 }
  const match = /^(steps|comms)=(\d+)$/.exec(text)
  if (match === null) throw new UsageError(`--stop-after is steps=N, comms=N or idle; found \`${text}\``)
  return { unit: match[1] as 'steps' | 'comms', count: Number(match[2]) }
}

/** Runs up to a scheduling point; `stopped` if there was more to do. */
async function stopAt(session: Session, point: StopPoint): Promise<Ending> {
  if (point.unit === 'idle') {
    for (;;) {
      const status = session.run()
      if (status === 'idle') return 'stopped'
      if (status !== 'budget') return status
    }
  }
  const reached = () => (point.unit === 'comms' ? session.stats().comms >= point.count : false)
  let left = point.unit === 'steps' ? point.count : Number.POSITIVE_INFINITY
  while (left > 0 && !reached()) {
    // COMMs are counted after every step. Steps that are taken together stop later than asked for: so the nearer, the fewer.
    const { slices } = session.shard
    const status = await session.settle({ stepsMax: point.unit === 'comms' ? 1 : Math.ceil(left / 64) })
    if (status !== 'budget' && status !== 'idle') return status
    left -= session.shard.slices - slices
  }
  return 'stopped'
}

/** Where to write down what happens, with all events or without. */
async function traceOf(flags: Flags, options: SessionOptions): Promise<TraceFile | undefined> {
  const watched = flags.has('trace')
  if (!watched && !flags.has('record')) return undefined
  if (watched && flags.has('record')) throw new UsageError('--trace holds a recording already', 'leave `--record` out')
  const writer = new (await import('./trace-file.ts')).TraceFile(flags.text(watched ? 'trace' : 'record')!, watched)
  if (watched) options.trace = event => writer.write(event)
  options.journal = writer.recorder
  return writer
}

function statusOf(done: Finished): OutcomeStatus {
  if (done.ending === 'refused' || done.ending === 'fault') return done.ending
  if (done.ending === 'limit' || done.session.failures.some(f => f.limit)) return 'limit'
  if (done.ending === 'stopped') return 'stopped'
  return done.session.failures.length > 0 ? 'failed' : 'rest'
}

function exitOf(done: Finished, status: OutcomeStatus, expectDone: boolean): number {
  if (done.signal !== null) return done.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
  switch (status) {
    case 'fault':
      return EXIT.fault
    case 'limit':
      return EXIT.limit
    case 'refused':
      return EXIT.refused
    case 'storage':
      return EXIT.storage
    default:
      if (done.session.failures.length > 0) return EXIT.failed
      return expectDone && done.session.blocked().some(b => !b.persistent) ? EXIT.blocked : EXIT.rest
  }
}

/** The observed names with what they hold; without --observe every public name that holds messages. */
function dataOf(flags: Flags, session: Session): Record<string, string[][]> {
  if (!flags.has('observe')) return Object.fromEntries(session.data())
  const found: Record<string, string[][]> = {}
  for (const { text, name } of observed(flags)) found[text] = session.observe(name)
  return found
}

function observed(flags: Flags): { text: string; name: Term }[] {
  if (!flags.has('observe')) return []
  return flags.all('observe').map(text => ({ text, name: nameOf(text, '--observe') }))
}

function saveSnapshot(flags: Flags, session: Session): void {
  const file = flags.text('snapshot')
  if (file === undefined) return
  const text = session.snapshot()
  if (file === '-') stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  else {
    try {
      writeFileSync(file, text)
    } catch (e) {
      throw new UsageError(`cannot write \`${file}\`: ${reasonOf(e)}`)
    }
  }
}

async function runText(flags: Flags, inputs: readonly Input[]): Promise<number> {
  observed(flags) // a wrong name is wrong use: say so before anything runs
  const done = await execute(flags, inputs, new Output(stdout, stderr))
  const { session, diagnostics } = done
  const status = statusOf(done)
  const wantsReport = status !== 'refused' && (flags.has('report') || isTerminal(2))
  if (diagnostics.length > 0 || session.failures.length > 0 || wantsReport || flags.has('metrics')) {
    stdout.flush()
    const options = { sources, color: wantsColor(2) }
    const ran = status !== 'refused'
    stderr.write(
      sections(
        showDiagnostics(diagnostics, options),
        ran ? showFailures(inOrder(session.failures), options) : '',
        wantsReport ? showRest(session.report(flags.text('report') === 'all'), options) : '',
        ran && flags.has('metrics') ? showMetrics(session.stats()) : '',
      ),
    )
  }
  if (status !== 'refused') {
    if (flags.has('observe')) {
      for (const [name, messages] of Object.entries(dataOf(flags, session))) {
        for (const values of messages) stdout.write(`${name}!(${values.join(', ')})\n`)
      }
    }
    saveSnapshot(flags, session)
  }
  const exit = exitOf(done, status, flags.has('expect-done'))
  await finish(done)
  return exit
}

/** The report is out: what was kept until then may go. */
async function finish(done: Finished): Promise<void> {
  if (done.stored === undefined) return
  stdout.flush()
  stderr.flush()
  await done.stored.close({ reported: !stdout.closed })
}

async function runJson(flags: Flags, inputs: readonly Input[]): Promise<number> {
  observed(flags)
  const record = new Output(NOWHERE, NOWHERE, { keepLines: true })
  let n = 0
  const emit = (line: object) => stdout.write(`${JSON.stringify(line)}\n`)
  const done = await execute(flags, inputs, {
    out(stream, text, raw) {
      record.out(stream, text, raw)
      emit({ v: 1, kind: 'output', n: ++n, stream, text, ...(raw ? { raw } : {}) })
    },
    log: (level, text) => emit({ v: 1, kind: 'log', level, text }),
    numbered(o) {
      if (o.kind === 'log') emit({ v: 1, ...o })
      else if (o.kind === 'failure') emit({ v: 1, kind: 'failure', n: o.n, ...failureRecord(sources, o.failure) })
      else {
        record.out(o.stream, o.text, o.raw)
        emit({ v: 1, kind: 'output', n: o.n, stream: o.stream, text: o.text, ...(o.raw ? { raw: true } : {}) })
      }
    },
  })
  const status = statusOf(done)
  if (done.stored === undefined)
    for (const f of inOrder(done.session.failures)) emit({ v: 1, kind: 'failure', n: ++n, ...failureRecord(sources, f) })
  emit(outcomeOf(flags, done, status, record))
  if (status !== 'refused') saveSnapshot(flags, done.session)
  const exit = exitOf(done, status, flags.has('expect-done'))
  await finish(done)
  return exit
}

function outcomeOf(flags: Flags, done: Finished, status: OutcomeStatus, record: Output): Outcome {
  const { session } = done
  const ran = status !== 'refused'
  const failures = ran ? inOrder(session.failures) : []
  const stats = ran ? session.stats() : NO_STATS
  const outcome: Outcome = {
    v: 1,
    kind: 'outcome',
    status,
    stdout: record.lines('stdout'),
    stderr: record.lines('stderr'),
    failures: failures.map(f => failureRecord(sources, f)),
    diagnostics: inOrder(done.diagnostics).map(d => diagnosticRecord(sources, d)),
    blocked: ran ? inOrder(session.blocked()).map(b => blockedRecord(sources, b)) : [],
    data: ran ? dataOf(flags, session) : {},
    stats,
  }
  if (!ran || !flags.has('report')) return outcome
  return { ...outcome, report: reportRecord(sources, session.report(flags.text('report') === 'all'), failures, stats.gas) }
}
