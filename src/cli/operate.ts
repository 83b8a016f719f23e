import { type SourceFile, sources } from '../base/source.ts'
import type { Message, Serve } from '../host/control.ts'
import type { Durable } from '../machine/durable.ts'
import type { Garbage } from '../machine/garbage.ts'
import type { Account } from '../machine/machine.ts'
import { type AccountView, LEVEL_MAX, type MachineView, Operator, VERBS, type Verb } from '../machine/operator.ts'
import type { Failure } from '../machine/outcome.ts'
import { sampleOf } from '../machine/sample.ts'
import type { Session } from '../machine/session.ts'
import type { SendSite } from '../machine/site.ts'
import { reportName, reportText } from '../normal/print.ts'
import { type Term, Unforgeable } from '../normal/term.ts'
import type { ShardState } from '../pool/pool.ts'
import { nameOf } from './names.ts'
import { blockedRecord, diagnosticRecord, EXIT, failureRecord, inOrder, spotOf } from './outcome.ts'
import { UsageError } from './usage.ts'

/** What is asked of a session from outside, as records: by `rho ps` and `rho inspect` of a space at rest, and by operators on the socket of a running one. */

type Answer = (record: Message) => void

function machineRecord(m: MachineView): Message {
  const { start, end, ...rest } = m
  return { kind: 'machine', ...rest, ...spotOf(sources, start, end) }
}

function accountRecord(a: AccountView): Message {
  return { kind: 'account', ...a, gasLimit: Number.isFinite(a.gasLimit) ? a.gasLimit : null }
}

/** Machines, all or those named. @returns the exit code */
export function ps(session: Session, labels: readonly string[], answer: Answer): number {
  const operator = new Operator(session)
  if (labels.length === 0) {
    for (const m of operator.machines()) answer(machineRecord(m))
    return EXIT.rest
  }
  let exit: number = EXIT.rest
  operator.find(labels).forEach((m, i) => {
    if (m !== null) answer(machineRecord(m))
    else {
      answer({ kind: 'refused', label: labels[i] ?? '', reason: 'no machine and no program that is alive has this label' })
      exit = EXIT.failed
    }
  })
  return exit
}

/** The whole space in short; one machine; or one name. @throws UsageError for what is neither label nor name */
export function inspect(session: Session, what: string | undefined, answer: Answer): number {
  const operator = new Operator(session)
  if (what === undefined) {
    for (const a of operator.accounts()) answer(accountRecord(a))
    for (const c of operator.channels()) answer({ kind: 'channel', ...c })
    for (const m of operator.machines()) answer(machineRecord(m))
    answer({ kind: 'stats', ...session.stats() })
    return EXIT.rest
  }
  if (/^m:\d+$/.test(what)) {
    const [m] = operator.find([what])
    if (m === null) return ps(session, [what], answer)
    answer({ ...machineRecord(m), detail: m.detail, holds: operator.holds(what) ?? [] })
    return EXIT.rest
  }
  const account = operator.accounts().find(a => a.label === what)
  if (account !== undefined) {
    answer(accountRecord(account))
    return account.alive === 0 ? EXIT.rest : ps(session, [what], answer)
  }
  const { messages, waiting } = operator.channel(nameOf(what, 'inspect'))
  answer({ kind: 'channel', channel: what, public: true, messages })
  for (const m of waiting) answer(machineRecord(m))
  return EXIT.rest
}

/** More channels, machines and programs are not told one by one. */
const TOLD_MAX = 1000

/**
 * One look at what runs, for `rho top`: `shard` records, `account` records, `channel` and `machine` records of the greatest, and one `sample` record. Counts are those
 * since the beginning. With `request.detail` false nothing of the space is looked at: no channels, no machines, nothing about what is blocked or alive.
 * @param shards several, as they stood when the request came; undefined: there is one
 * @param began when the request came
 */
export function top(
  session: Session,
  request: Message,
  answer: Answer,
  shards?: readonly ShardState[],
  began: number = performance.now(),
): number {
  const most = typeof request.most === 'number' && request.most >= 0 ? Math.min(Math.floor(request.most), TOLD_MAX) : 100
  const sample = request.detail === false ? undefined : sampleOf(session, most)
  const { shard } = session
  if (shards === undefined) {
    const { blocked = null, paused = null } = sample ?? {}
    const queue = shard.queue.length
    answer({ kind: 'shard', shard: 0, queue, blocked, paused, slices: shard.slices, comms: shard.comms, busyMs: null, crossings: 0 })
  } else for (const s of shards) answer({ kind: 'shard', ...s, paused: null })
  for (const a of [...session.kept.accounts].sort((x, y) => y.gas - x.gas).slice(0, TOLD_MAX)) {
    const { label, program, gas, comms, steps, machines, failed, stopped } = a
    const gasLimit = a.limited ? a.gasLimit : null
    const alive = sample === undefined ? null : (sample.alive.get(label) ?? 0)
    answer({ kind: 'account', label, program, gas, gasLimit, comms, steps, machines, alive, failed, stopped })
  }
  for (const c of sample?.channels ?? []) answer({ kind: 'channel', ...c })
  for (const { start, end, ...m } of sample?.machines ?? []) answer({ kind: 'machine', ...m, ...spotOf(sources, start, end) })
  const { runnable = null, blocked = null, paused = null } = sample ?? {}
  answer({ kind: 'sample', ms: began, tookMs: performance.now() - began, runnable, blocked, paused })
  return EXIT.rest
}

/** What nobody can reach any more; with `remove` it is gone afterwards. `held`: names in the hands of the host. */
export function collect(session: Session, remove: boolean, answer: Answer, held: Iterable<Term> = []): number {
  const views = new Map(new Operator(session).machines().map(m => [m.label, m]))
  const found = remove ? session.collect(held) : session.garbage(held)
  for (const record of garbageRecords(found, views)) answer(record)
  answer({ kind: 'collected', machines: found.machines.length, messages: found.data.length, removed: remove })
  return EXIT.rest
}

function* garbageRecords(found: Garbage, views: ReadonlyMap<string, MachineView>): Generator<Message> {
  for (const m of found.machines) {
    const view = views.get(`m:${m.priv}`)
    if (view !== undefined) yield { ...machineRecord(view), kind: 'garbage', what: 'machine' }
  }
  for (const d of found.data) {
    const owner = d.chan.owner as Term
    const span = (d.origin as SendSite | null)?.span
    yield {
      kind: 'garbage',
      what: 'message',
      channel: owner instanceof Unforgeable ? reportText(owner) : reportName(owner),
      values: (d.value as readonly Term[]).map(v => reportText(v)),
      persistent: d.persistent,
      ref: d.ref,
      ...(span === undefined ? {} : spotOf(sources, span.start, span.end)),
    }
  }
}

/** Does something while nothing runs. */
type Still = <T>(what: () => T | Promise<T>) => Promise<T>
const AT_ONCE: Still = async what => what()

/**
 * Serves the operators of a running session.
 * @param still where a session is spread over several shards: how to get hold of all of it. Nothing but `deploy` asks for that: what is called is called in one
 */
export function operatorOf(
  session: Session,
  durable: Durable | undefined,
  held: () => Iterable<Term> = () => [],
  still: Still = AT_ONCE,
): Serve {
  return async (request, answer) => {
    try {
      const exit = await perform(session, durable, held, still, request, answer)
      return exit
    } catch (e) {
      if (!(e instanceof UsageError)) throw e
      answer({ kind: 'error', code: 'BAD_ARGUMENT', message: e.message, hint: e.hint })
      return EXIT.usage
    }
  }
}

async function perform(
  session: Session,
  durable: Durable | undefined,
  held: () => Iterable<Term>,
  still: Still,
  request: Message,
  answer: Answer,
): Promise<number> {
  const { op } = request
  const labels = texts(request.labels)
  switch (op) {
    case 'ps':
      return ps(session, labels, answer)
    case 'inspect':
      if (request.garbage === true) return collect(session, false, answer, held())
      return inspect(session, typeof request.what === 'string' ? request.what : undefined, answer)
    case 'top':
      return top(session, request, answer)
    case 'collect':
      collect(session, request.remove === true, answer, held())
      await durable?.safe()
      return EXIT.rest
    case 'deploy':
      return deploy(session, durable, still, request, answer)
    default:
      if (!VERBS.includes(op as Verb)) throw new UsageError(`an operator cannot \`${String(op)}\``)
      return act(session, durable, op as Verb, labels, request.level, answer)
  }
}

function texts(v: unknown): string[] {
  return Array.isArray(v) ? v.map(String) : []
}

async function act(
  session: Session,
  durable: Durable | undefined,
  verb: Verb,
  labels: readonly string[],
  level: unknown,
  answer: Answer,
): Promise<number> {
  if (labels.length === 0) throw new UsageError(`${verb} needs a label, such as m:12`)
  if (verb === 'renice' && (typeof level !== 'number' || !Number.isInteger(level) || level < 0 || level > LEVEL_MAX))
    throw new UsageError(`levels are 0 to ${LEVEL_MAX}`)
  const operator = new Operator(session)
  let exit: number = EXIT.rest
  for (const label of labels) {
    const done = operator.act(verb, label, level as number)
    if (typeof done === 'number') answer({ kind: 'acted', op: verb, label, machines: done })
    else {
      answer({ kind: 'refused', label, reason: done })
      exit = EXIT.failed
    }
  }
  await durable?.safe()
  return exit
}

/** How often it is looked whether a program that an operator deployed has come to rest. */
const LOOK_MS = 5
/** The same where a look brings everything to a stand-still. */
const LOOK_APART_MS = 50
/** Beside others that run on, one that was found quiet so often in a row is at rest. */
const QUIET_LOOKS = 10

/** Programs from an operator: checked, made safe, run with everything else; the answer comes when they are at rest. */
async function deploy(session: Session, durable: Durable | undefined, still: Still, request: Message, answer: Answer): Promise<number> {
  if (request.atomic === true && session.team?.active === true)
    throw new UsageError('programs that may be undone run on one shard', 'start the run with `--workers 0`')
  const programs = Array.isArray(request.programs) ? (request.programs as { name: unknown; source: unknown }[]) : []
  const compiled = programs.map(p => session.compile(String(p.name), Buffer.from(String(p.source), 'base64')))
  const diagnostics = compiled.flatMap(c => c.diagnostics)
  for (const d of inOrder(diagnostics)) answer({ kind: 'diagnostic', ...diagnosticRecord(sources, d) })
  if (programs.length === 0 || compiled.some(c => c.program === undefined)) return EXIT.refused
  const before = session.failures.length
  const ids = await still(async () => {
    const made = compiled.flatMap(c =>
      c.program === undefined ? [] : [session.deploy(c.program, request.atomic === true ? true : undefined)],
    )
    for (const id of made) await durable?.kept(id)
    return made
  })
  const accounts = session.kept.accounts.filter(a => ids.includes(a.id))
  session.shard.wake?.()
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    const state = await still(() => session.stateOf(accounts))
    if (state === 'rest') break
    quiet = state === 'quiet' ? quiet + 1 : 0
    await new Promise<void>(resolve => setTimeout(resolve, still === AT_ONCE ? LOOK_MS : LOOK_APART_MS))
  }
  return still(() => deployed(session, durable, request, compiled, accounts, before, answer))
}

/** What has become of programs that are at rest. */
async function deployed(
  session: Session,
  durable: Durable | undefined,
  request: Message,
  compiled: readonly ReturnType<Session['compile']>[],
  accounts: readonly Account[],
  before: number,
  answer: Answer,
): Promise<number> {
  await durable?.safe()
  const failures = inOrder(failuresOf(session.failures.slice(before), compiled, accounts))
  for (const f of failures) answer({ kind: 'failure', ...failureRecord(sources, f) })
  const waiting = session.blocked().filter(b => compiled.some(c => within(c.program?.file, b.start)))
  for (const b of inOrder(waiting)) answer({ kind: 'blocked', ...blockedRecord(sources, b) })
  if (failures.some(f => f.limit)) return EXIT.limit
  if (accounts.some(a => a.failed > 0)) return EXIT.failed
  return request.expectDone === true && waiting.some(b => !b.persistent) ? EXIT.blocked : EXIT.rest
}

/** A failure does not name its program: it is one of theirs if it happened in their text or was started there. */
function failuresOf(
  found: readonly Failure[],
  compiled: readonly ReturnType<Session['compile']>[],
  accounts: readonly Account[],
): readonly Failure[] {
  if (accounts.every(a => a.failed === 0)) return []
  const own = found.filter(f => compiled.some(c => within(c.program?.file, f.start) || within(c.program?.file, f.startedBy)))
  return own.length > 0 ? own : found
}

function within(file: SourceFile | undefined, position: number): boolean {
  return file !== undefined && position >= file.base && position <= file.base + file.text.length
}
