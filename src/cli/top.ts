import { setTimeout as sleep } from 'node:timers/promises'
import { ask, ControlError, type Message } from '../host/control.ts'
import { EXIT, type Spot } from './outcome.ts'
import { isTerminal, stderr, stdout } from './streams.ts'
import { type Flags, UsageError } from './usage.ts'

/**
 * `rho top`: looks at a running process again and again and shows what happened between two looks. The process counts nothing for it: it is asked for counters that
 * it has anyway, and for what lies and waits at that moment.
 */
export async function topCommand(flags: Flags): Promise<number> {
  const socket = flags.text('control')
  if (socket === undefined)
    throw new UsageError('which process?', 'name its socket with --control SOCKET; `rho run --control SOCKET` makes one')
  if (flags.files.length > 0)
    throw new UsageError('`rho top` takes no files and no labels', '`rho ps --control SOCKET` shows single machines')
  const ms = intervalMs(flags.text('interval') ?? '1')
  const count = flags.number('count') ?? Number.POSITIVE_INFINITY
  if (count === 0) throw new UsageError('--count is at least 1')
  const json = flags.text('format') === 'json'
  const drawn = !json && isTerminal(1)
  const show = json ? asJson : drawn ? asScreen() : asBlocks()
  const request = { op: 'top', most: TOLD, detail: !flags.has('brief') }
  const signal = new Signal()
  try {
    return await watch(socket, request, { ms, count, show, signal })
  } finally {
    signal.close()
    if (drawn) stdout.write(SHOW_CURSOR)
    stdout.flush()
  }
}

interface Watching {
  readonly ms: number
  readonly count: number
  readonly show: (view: View) => void
  readonly signal: Signal
}

async function watch(socket: string, request: Message, { ms, count, show, signal }: Watching): Promise<number> {
  let before: Look | undefined
  for (let shown = 0; shown < count; ) {
    let now: Look | undefined
    try {
      now = await signal.or(look(socket, request))
    } catch (e) {
      if (!(e instanceof ControlError)) throw e
      if (before === undefined) throw new UsageError(e.message, e.hint)
      // What was seen once is better than nothing.
      if (shown === 0) show(viewOf(before, before))
      stdout.flush()
      stderr.write('rho: the process ended\n')
      return EXIT.rest
    }
    if (now === undefined) return signal.exit
    if (stdout.closed) return EXIT.rest
    if (before !== undefined) {
      show(viewOf(before, now))
      stdout.flush()
      shown++
    }
    before = now
    if (shown < count) await signal.or(sleep(ms))
    if (signal.came) return signal.exit
  }
  return EXIT.rest
}

/** A signal that ends the view. */
class Signal {
  came = false
  exit: number = EXIT.interrupted
  private end!: (value: undefined) => void
  private readonly ended = new Promise<undefined>(resolve => {
    this.end = resolve
  })
  private readonly onInterrupt = (): void => this.stop(EXIT.interrupted)
  private readonly onTerminate = (): void => this.stop(EXIT.terminated)
  constructor() {
    process.once('SIGINT', this.onInterrupt)
    process.once('SIGTERM', this.onTerminate)
  }
  private stop(exit: number): void {
    this.came = true
    this.exit = exit
    this.end(undefined)
  }
  /** What `work` comes to, or undefined if a signal comes first. */
  or<T>(work: Promise<T>): Promise<T | undefined> {
    return Promise.race([work, this.ended])
  }
  close(): void {
    process.off('SIGINT', this.onInterrupt)
    process.off('SIGTERM', this.onTerminate)
  }
}

const INTERVAL_MIN = 0.01
const INTERVAL_MAX = 86_400

function intervalMs(text: string): number {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds >= INTERVAL_MIN && seconds <= INTERVAL_MAX))
    throw new UsageError(`--interval takes seconds, ${INTERVAL_MIN} to ${INTERVAL_MAX}; found \`${text}\``, 'write for example 0.5')
  return seconds * 1000
}

// ── one look ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** So many channels and machines are asked for, so that there are some to choose from; so many are shown. */
const TOLD = 100
const SHOWN = 10

interface Shard {
  readonly shard: number
  readonly queue: number
  readonly blocked: number | null
  readonly paused: number | null
  readonly slices: number
  readonly comms: number
  readonly busyMs: number | null
  readonly crossings: number
}

interface Account {
  readonly label: string
  readonly gas: number
  readonly gasLimit: number | null
  readonly comms: number
  readonly steps: number
  readonly machines: number
  readonly alive: number | null
  readonly failed: number
  readonly stopped: boolean
}

interface Channel {
  readonly channel: string
  readonly messages: number
  readonly waiting: number
}

interface Machine extends Spot {
  readonly label: string
  readonly status: string
  readonly waitsFor: readonly string[]
  readonly shard: number
  readonly account: string
  readonly steps: number
  readonly gas: number
}

interface Sample {
  readonly ms: number
  readonly tookMs: number
  readonly runnable: number | null
  readonly blocked: number | null
  readonly paused: number | null
}

interface Look {
  readonly shards: readonly Shard[]
  readonly accounts: readonly Account[]
  readonly channels: readonly Channel[]
  readonly machines: readonly Machine[]
  readonly sample: Sample
}

async function look(socket: string, request: Message): Promise<Look> {
  const found = { shard: [] as Message[], account: [] as Message[], channel: [] as Message[], machine: [] as Message[] }
  let sample: unknown
  await ask(socket, request, record => {
    const { v: _, kind, ...rest } = record
    if (kind === 'error') throw new ControlError(`the process at \`${socket}\` cannot be watched: ${String(rest.message)}`)
    if (kind === 'sample') sample = rest
    else if (Object.hasOwn(found, kind as string)) found[kind as keyof typeof found].push(rest)
  })
  if (sample === undefined) throw new ControlError(`the process at \`${socket}\` cannot be watched`)
  return {
    shards: found.shard as unknown as Shard[],
    accounts: found.account as unknown as Account[],
    channels: found.channel as unknown as Channel[],
    machines: found.machine as unknown as Machine[],
    sample: sample as Sample,
  }
}

// ── what happened between two looks ───────────────────────────────────────────────────────────────────────────────────

/** Rates are per second; null when there was only one look. */
interface View {
  readonly seconds: number
  /** Milliseconds that the last look took the process. */
  readonly tookMs: number
  readonly machines: { readonly runnable: number | null; readonly blocked: number | null; readonly paused: number | null }
  readonly shards: readonly (Shard & {
    readonly commsRate: number | null
    readonly slicesRate: number | null
    readonly busy: number | null
  })[]
  readonly programs: readonly (Account & { readonly gasRate: number | null; readonly commsRate: number | null })[]
  readonly channels: readonly Channel[]
  readonly top: readonly (Machine & { readonly gasRate: number | null })[]
}

function viewOf(before: Look, now: Look): View {
  const seconds = (now.sample.ms - before.sample.ms) / 1000
  const rate = (a: number | null | undefined, b: number | null): number | null =>
    seconds <= 0 || b === null || a === null ? null : Math.max(0, b - (a ?? 0)) / seconds
  // What was not told last time is new if everything was told, else unknown.
  const unseen = before.machines.length < TOLD ? 0 : null
  const shards = new Map(before.shards.map(s => [s.shard, s]))
  const accounts = new Map(before.accounts.map(a => [a.label, a]))
  const machines = new Map(before.machines.map(m => [m.label, m]))
  const { runnable, blocked, paused, tookMs } = now.sample
  return {
    seconds,
    tookMs,
    machines: { runnable, blocked, paused },
    shards: now.shards.map(s => {
      const was = shards.get(s.shard)
      const busy = rate(was?.busyMs, s.busyMs)
      return {
        ...s,
        commsRate: rate(was?.comms, s.comms),
        slicesRate: rate(was?.slices, s.slices),
        busy: busy === null ? null : Math.min(1, busy / 1000),
      }
    }),
    programs: now.accounts
      .map(a => ({ ...a, gasRate: rate(accounts.get(a.label)?.gas, a.gas), commsRate: rate(accounts.get(a.label)?.comms, a.comms) }))
      .sort(byRate),
    channels: now.channels.slice(0, SHOWN),
    top: now.machines
      .map(m => ({ ...m, gasRate: rate(machines.get(m.label)?.gas ?? unseen, m.gas) }))
      .sort(byRate)
      .slice(0, SHOWN),
  }
}

/** Who uses most now; of those who use nothing, who has used most. */
function byRate(a: { gasRate: number | null; gas: number }, b: { gasRate: number | null; gas: number }): number {
  return (b.gasRate ?? 0) - (a.gasRate ?? 0) || b.gas - a.gas
}

// ── as text ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function asJson(view: View): void {
  stdout.write(`${JSON.stringify({ v: 1, kind: 'top', ...view })}\n`)
}

/** In a pipe: one block for each view, an empty line between two. */
function asBlocks(): (view: View) => void {
  let begun = false
  return view => {
    stdout.write(`${begun ? '\n' : ''}${textOf(view).join('\n')}\n`)
    begun = true
  }
}

const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR = '\x1b[2J'
/** Of a terminal that does not know its size. */
const ROWS = 24
const COLUMNS = 80

/** On a terminal: over the last view, as much as there is room for. */
function asScreen(): (view: View) => void {
  let begun = false
  return view => {
    const { columns, rows } = process.stdout
    const lines = textOf(view).slice(0, Math.max(1, (rows || ROWS) - 1))
    const shown = lines.map(
      l =>
        `${Array.from(l)
          .slice(0, columns || COLUMNS)
          .join('')}${CLEAR_LINE}\n`,
    )
    stdout.write(`${begun ? '' : HIDE_CURSOR + CLEAR}${HOME}${shown.join('')}${CLEAR_BELOW}`)
    begun = true
  }
}

type Cells = readonly string[]

function textOf(v: View): string[] {
  const { runnable, blocked, paused } = v.machines
  const head = [
    `${v.shards.length} shard${v.shards.length === 1 ? '' : 's'}`,
    `${v.programs.length} program${v.programs.length === 1 ? '' : 's'}`,
  ]
  if (runnable !== null) head.push(`${short(runnable)} runnable, ${short(blocked)} blocked, ${short(paused)} paused`)
  head.push(`${v.seconds.toFixed(1)} s`, `look ${v.tookMs.toFixed(1)} ms`)
  const shards: Cells[] = v.shards.map(s => [
    String(s.shard),
    short(s.queue),
    short(s.blocked),
    short(s.paused),
    short(s.commsRate),
    short(s.slicesRate),
    s.busyMs === null || s.busy === null ? '-' : `${Math.round(100 * s.busy)}%`,
    short(s.crossings),
  ])
  const programs: Cells[] = v.programs
    .slice(0, SHOWN)
    .map(a => [
      a.label,
      short(a.alive),
      short(a.gasRate),
      short(a.gas),
      a.gasLimit === null ? '-' : short(a.gasLimit),
      short(a.commsRate),
      short(a.failed),
      a.stopped ? 'stopped' : '',
    ])
  const lines = [
    head.join('   '),
    '',
    ...table(['shard', 'queue', 'blocked', 'paused', 'COMMs/s', 'slices/s', 'busy', 'crossed'], shards, 8),
    '',
    ...table(['program', 'alive', 'gas/s', 'gas', 'limit', 'COMMs/s', 'failed', ''], programs, 7),
  ]
  if (v.channels.length > 0) {
    const rows = v.channels.map(c => [short(c.messages), short(c.waiting), oneLine(c.channel)])
    lines.push('', ...table(['messages', 'waiting', 'channel'], rows, 2))
  }
  if (v.top.length > 0) {
    const rows = v.top.map(m => [
      m.label,
      short(m.gasRate),
      short(m.gas),
      short(m.steps),
      m.status,
      String(m.shard),
      m.account,
      m.file === undefined ? 'no source' : `${oneLine(m.file)}:${m.line}:${m.column}`,
      m.waitsFor.map(oneLine).join(' & '),
    ])
    lines.push('', ...table(['machine', 'gas/s', 'gas', 'steps', 'status', 'shard', 'account', 'place', 'waits for'], rows, 4))
  }
  return lines
}

/** Columns from `text` on are texts, aligned to the left; those before, but for the first, are numbers. */
function table(head: Cells, rows: readonly Cells[], text: number): string[] {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map(r => r[i].length)))
  const line = (cells: Cells): string =>
    cells
      .map((c, i) => (i >= text || i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i])))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)]
}

const NAME_MAX = 48

/** On one line, cut to what a column has room for. */
function oneLine(text: string): string {
  const points = Array.from(text.slice(0, 4 * NAME_MAX).replace(/[\s\p{Cc}]+/gu, ' '))
  return points.length > NAME_MAX ? `${points.slice(0, NAME_MAX - 1).join('')}…` : points.join('')
}

/** A number in at most seven characters; `-` for none. */
export function short(n: number | null): string {
  if (n === null) return '-'
  if (n < 100_000) return String(n < 10 && !Number.isInteger(n) ? Number(n.toFixed(1)) : Math.round(n))
  for (const [unit, size] of UNITS) if (n >= size) return `${(n / size).toPrecision(n / size >= 1000 ? 4 : 3)}${unit}`
  return `${Math.round(n / 1000)}k`
}

const UNITS = [
  ['T', 1e12],
  ['G', 1e9],
  ['M', 1e6],
] as const
