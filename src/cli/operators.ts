import { RhizomeError } from '../../rspace/errors.ts'
import { ask, ControlError, type Message } from '../host/control.ts'
import { openSpace } from '../host/space.ts'
import { openDurable } from '../machine/durable.ts'
import type { Host } from '../machine/host.ts'
import { VERBS, type Verb } from '../machine/operator.ts'
import type { Session } from '../machine/session.ts'
import { readInputs } from './engine.ts'
import { collect, inspect, ps } from './operate.ts'
import { EXIT } from './outcome.ts'
import { stderr, stdout } from './streams.ts'
import { type FlagName, type Flags, UsageError } from './usage.ts'

/** What a person asks about the machines of a space: of the directory while nobody has it open, of the socket while somebody does. */

type Answer = (record: Message) => void

/** `rho ps`. */
export async function psCommand(flags: Flags): Promise<number> {
  const [word, ...rest] = flags.files
  const verb = VERBS.find(v => v === word)
  const show = flags.text('format') === 'json' ? asJson : new Table().row
  if (verb === undefined) return look(flags, { op: 'ps', labels: flags.files }, (session, answer) => ps(session, flags.files, answer), show)
  if (!flags.has('control'))
    throw new UsageError(`\`rho ps ${verb}\` needs --control SOCKET`, 'machines are steered while a process runs them')
  return remote(flags, steering(verb, rest), flags.text('format') === 'json' ? asJson : asText)
}

function steering(verb: Verb, args: readonly string[]): Message {
  if (verb !== 'renice' && verb !== 'migrate') return { op: verb, labels: args }
  const level = args.find(a => /^\d+$/.test(a))
  const takes = verb === 'renice' ? 'a level from 0 (first) to 3' : 'the number of a shard'
  if (level === undefined) throw new UsageError(`${verb} takes ${takes} and labels`, `rho ps --control SOCKET ${verb} 3 m:12`)
  return { op: verb, labels: args.filter(a => a !== level), level: Number(level) }
}

/** `rho inspect`. */
export async function inspectCommand(flags: Flags): Promise<number> {
  const [what, ...more] = flags.files
  const garbage = flags.has('garbage')
  if (more.length > 0 || (garbage && what !== undefined))
    throw new UsageError('`rho inspect` shows one thing', 'a label such as m:12, a name such as \'@"x"\', or nothing for everything')
  const show = flags.text('format') === 'json' ? asJson : asText
  return look(
    flags,
    { op: 'inspect', what, garbage },
    (session, answer) => (garbage ? collect(session, false, answer) : inspect(session, what, answer)),
    show,
  )
}

/** The flags that a program takes along to a running process; how the others stand was settled when that run began. */
const TAKEN_ALONG: readonly FlagName[] = ['control', 'eval', 'format', 'atomic', 'on-error', 'expect-done']

/** `rho deploy --control`: the process that holds the space runs the programs, and says how they ended. */
export async function deployTo(flags: Flags): Promise<number> {
  if (flags.has('space'))
    throw new UsageError('--control and --space contradict each other', 'the process at the socket has the space open')
  const other = flags.names.find(name => !TAKEN_ALONG.includes(name))
  if (other !== undefined)
    throw new UsageError(`--${other} is a matter of the process at the socket`, 'give it to the `rho run --control` that is running there')
  const programs = readInputs(flags).map(({ name, bytes }) => ({ name, source: Buffer.from(bytes).toString('base64') }))
  if (programs.length === 0) throw new UsageError('nothing to deploy', "name a file, or write `-e 'SOURCE'`")
  const atomic = flags.has('atomic') || flags.text('on-error') === 'rollback'
  const request = { op: 'deploy', programs, atomic, expectDone: flags.has('expect-done') }
  return remote(flags, request, flags.text('format') === 'json' ? asJson : asText)
}

/** `rho space collect`. */
export async function collectIn(dir: string, remove: boolean, json: boolean): Promise<number> {
  return withSession(dir, !remove, session => collect(session, remove, json ? asJson : asText))
}

async function look(flags: Flags, request: Message, here: (session: Session, answer: Answer) => number, show: Answer): Promise<number> {
  if (flags.has('control') && flags.has('space'))
    throw new UsageError('--control and --space contradict each other', '--space looks at a space at rest, --control at a running process')
  if (flags.has('control')) return remote(flags, request, show)
  const dir = flags.text('space')
  if (dir === undefined) throw new UsageError('which machines?', 'name a space with --space DIR or a running process with --control SOCKET')
  const json = flags.text('format') === 'json'
  try {
    return await withSession(dir, true, session => here(session, show))
  } catch (e) {
    if (!(e instanceof RhizomeError)) throw e
    if (json) asJson({ kind: 'error', code: e.code, message: e.message, hint: e.hint ?? '', details: e.details })
    stdout.flush()
    const hint = e.code === 'LOCKED' ? ' (a running process is asked with --control SOCKET, if it has one)' : ''
    stderr.write(`${e.code}: ${e.message}${hint}\n`)
    return EXIT.storage
  }
}

async function remote(flags: Flags, request: Message, show: Answer): Promise<number> {
  try {
    return await ask(flags.text('control') as string, request, show)
  } catch (e) {
    throw e instanceof ControlError ? new UsageError(e.message, e.hint) : e
  }
}

/** Of a space that is only looked at nothing is asked: no input, no clock, no directory. */
const NOBODY: Host = { out: () => {}, log: () => {}, readLine: () => {}, now: () => 0, after: () => {} }

/** The session in a directory; nothing of it runs. Read-only, or changes are committed. */
async function withSession(dir: string, readOnly: boolean, use: (session: Session) => number): Promise<number> {
  const rows = await openSpace(dir, { readOnly })
  try {
    const kept = await openDurable({ host: NOBODY }, rows, { now: () => 0, outlet: { leave: () => {}, flush: () => false } })
    const exit = use(kept.session)
    if (!readOnly) await kept.close()
    return exit
  } finally {
    await rows.close()
  }
}

// ── records as text ───────────────────────────────────────────────────────────────────────────────────────────────────

function asJson(record: Message): void {
  stdout.write(`${JSON.stringify({ v: 1, ...record })}\n`)
}

interface MachineFields {
  readonly label: string
  readonly status: string
  readonly paused: number
  readonly account: string
  readonly gas: number
  readonly memory: number
  readonly age: number
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly waitsFor: readonly string[]
  readonly reason: string | null
  readonly detail: string
  readonly holds?: readonly { kind: string; index: number; value: string }[]
}

function place(r: { readonly file?: string; readonly line?: number; readonly column?: number }): string {
  return r.file === undefined ? 'no source' : `${r.file}:${r.line}:${r.column}`
}

function statusOf(m: MachineFields): string {
  return m.status === 'blocked' && m.paused > 0 ? 'blocked, paused' : m.status
}

/** `rho ps`: one line for each machine, under a heading. */
class Table {
  private begun = false
  readonly row: Answer = record => {
    if (record.kind !== 'machine') {
      asText(record)
      return
    }
    const line = (cells: readonly string[]): void => {
      const [label, status, account, gas, memory, age, shard, where, waits] = cells
      stdout.write(
        `${label.padEnd(8)} ${status.padEnd(15)} ${account.padEnd(7)} ${gas.padStart(10)} ${memory.padStart(10)} ${age.padStart(9)} ${shard.padStart(5)}  ${where.padEnd(24)}  ${waits}`.trimEnd() +
          '\n',
      )
    }
    if (!this.begun) line(['machine', 'status', 'account', 'gas', 'memory', 'age', 'shard', 'place', 'waits for'])
    this.begun = true
    const m = record as unknown as MachineFields & { readonly shard: number }
    const numbers = [m.gas, m.memory, m.age, m.shard].map(String)
    line([m.label, statusOf(m), m.account, ...numbers, place(m), waitsText(m)])
  }
}

function waitsText(m: MachineFields): string {
  return m.waitsFor.length === 0 ? '' : `${m.waitsFor.join(' & ')}${m.reason === null ? '' : `   ${m.reason}`}`
}

function messageText(channel: string, values: readonly string[], persistent?: boolean): string {
  return `${channel}${persistent === true ? '!!' : '!'}(${values.join(', ')})`
}

function asText(record: Message): void {
  switch (record.kind) {
    case 'machine': {
      const m = record as unknown as MachineFields
      const parts = [`machine ${m.label}`, statusOf(m), place(m), `account ${m.account}, gas ${m.gas}, memory ${m.memory}`]
      stdout.write(`${parts.join('   ')}\n`)
      if (m.waitsFor.length > 0) stdout.write(`    waits for ${waitsText(m)}${m.detail === '' ? '' : `: ${m.detail}`}\n`)
      for (const h of m.holds ?? []) stdout.write(`    ${h.kind} ${h.index}: ${h.value}\n`)
      return
    }
    case 'account': {
      const a = record as unknown as {
        label: string
        alive: number
        machines: number
        gas: number
        gasLimit: number | null
        comms: number
        failed: number
      }
      const limit = a.gasLimit === null ? '' : ` of ${a.gasLimit}`
      stdout.write(
        `program ${a.label}   ${a.alive} of ${a.machines} machines alive, gas ${a.gas}${limit}, COMMs ${a.comms}, failed ${a.failed}\n`,
      )
      return
    }
    case 'channel': {
      const c = record as unknown as { channel: string; messages: readonly (readonly string[])[] }
      for (const values of c.messages) stdout.write(`message ${messageText(c.channel, values)}\n`)
      return
    }
    case 'garbage': {
      if (record.what === 'machine') {
        const m = record as unknown as MachineFields
        stdout.write(`unreachable machine ${m.label}   ${place(m)}   waits for ${m.waitsFor.join(' & ')}\n`)
        return
      }
      const d = record as unknown as {
        channel: string
        values: string[]
        persistent: boolean
        file?: string
        line?: number
        column?: number
      }
      stdout.write(`unreachable message ${messageText(d.channel, d.values, d.persistent)}   ${place(d)}\n`)
      return
    }
    case 'collected': {
      const { machines, messages, removed } = record
      stdout.write(`${machines} machines and ${messages} messages that nobody can reach${removed === true ? ', removed' : ''}\n`)
      return
    }
    case 'stats': {
      const { kind: _, v: __, ...stats } = record
      const shown = Object.entries(stats).map(([name, n]) => `${name} ${n}`)
      stdout.write(`${shown.join(', ')}\n`)
      return
    }
    case 'acted':
      stdout.write(`${record.op} ${record.label}: ${record.machines} machine${record.machines === 1 ? '' : 's'}\n`)
      return
    case 'refused':
      stderr.write(`${record.label}: ${record.reason}\n`)
      return
    case 'diagnostic':
    case 'failure': {
      const d = record as unknown as {
        severity: string
        code: string
        message: string
        hint: string
        file?: string
        line?: number
        column?: number
      }
      stderr.write(`${d.severity} ${d.code}: ${d.message}\n  at ${place(d)}\n${d.hint === '' ? '' : `  hint: ${d.hint}\n`}`)
      return
    }
    case 'error':
      stderr.write(`${record.code}: ${record.message}\n`)
      return
    case 'blocked':
      return
    default:
      asJson(record)
  }
}
