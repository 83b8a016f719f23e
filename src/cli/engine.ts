import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Diagnostic } from '../base/diagnostic.ts'
import { nearest } from '../base/nearest.ts'
import { DirectoryRoot } from '../host/files.ts'
import type { Host } from '../machine/host.ts'
import { Session, type SessionOptions } from '../machine/session.ts'
import { termOf } from './names.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** From flags and files to programs in a session. */

/** One program of the command line: a file, an `-e` text or standard input. */
export interface Input {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Reads everything that the command line names, in order; `-` is standard input. */
export function readInputs(flags: Flags): Input[] {
  const inputs: Input[] = flags.files.map(file => ({ name: file === '-' ? '<stdin>' : file, bytes: readInput(file) }))
  const texts = flags.all('eval')
  texts.forEach((text, i) => {
    inputs.push({ name: texts.length === 1 ? '<eval>' : `<eval ${i + 1}>`, bytes: Buffer.from(text, 'utf8') })
  })
  return inputs
}

export function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (e) {
    throw new UsageError(`cannot read ${file === '-' ? 'standard input' : `\`${file}\``}: ${reasonOf(e)}`, meant(file, e))
  }
}

/** Which file was most likely meant instead of one that cannot be read. */
function meant(file: string, e: unknown): string {
  const { code } = e as NodeJS.ErrnoException
  if (code === 'EISDIR') return `name its files: \`${join(file, '*.rho')}\`; only \`rho test\` takes directories`
  if (code !== 'ENOENT') return ''
  try {
    const beside = readdirSync(dirname(file))
    const name = basename(file)
    const near = beside.includes(`${name}.rho`) ? `${name}.rho` : nearest(name, beside)
    return near === undefined ? '' : `did you mean \`${join(dirname(file), near)}\`?`
  } catch {
    return ''
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
}

/** What went wrong with a file, without the host's words where we have some. */
export function reasonOf(e: unknown): string {
  const error = e as NodeJS.ErrnoException
  return REASONS[error.code ?? ''] ?? error.message
}

/** The static checks of one text without running it. */
export function checkProgram(name: string, bytes: Uint8Array, options: SessionOptions): readonly Diagnostic[] {
  return new Session(options).compile(name, bytes).diagnostics
}

/** What the flags say about a session. `seed` replaces --seed and --order when a range of seeds is run. */
export function sessionOptions(flags: Flags, host: Host, seed?: bigint): SessionOptions {
  const options: SessionOptions = { host }
  const set = <K extends keyof SessionOptions>(key: K, value: SessionOptions[K] | undefined) => {
    if (value !== undefined) options[key] = value
  }
  set('policy', flags.text('policy') as SessionOptions['policy'])
  set('trick', flags.text('trick') as SessionOptions['trick'])
  set('literalSchedule', flags.text('literal-schedule') as SessionOptions['literalSchedule'])
  set('onError', flags.has('atomic') ? 'rollback' : (flags.text('on-error') as SessionOptions['onError']))
  set('unknownOp', flags.text('unknown-op') as SessionOptions['unknownOp'])
  set('gas', flags.number('gas'))
  set('machineGas', flags.number('machine-gas'))
  set('maxMachines', flags.number('max-machines'))
  set('maxMemory', flags.number('max-memory'))
  set('maxChildren', flags.number('max-children'))
  set('maxQueue', flags.number('max-queue'))
  set('maxNesting', flags.number('max-nesting'))
  set('matchBudget', flags.number('match-budget'))
  set('maxValueBytes', flags.number('max-value-bytes'))
  set('maxFileBytes', flags.number('max-file-bytes'))
  set('startTime', flags.number('start-time'))
  if (flags.has('no-opt')) options.opt = false
  if (process.env.RHO_FREEZE === '1') options.freeze = true
  if (flags.has('shuffle')) options.shuffle = true
  if (flags.has('virtual-time') || flags.has('start-time')) options.virtualTime = true
  if (flags.has('atomic') && flags.text('on-error') === 'isolate')
    throw new UsageError('--atomic and --on-error isolate contradict each other')
  applySeed(flags, options, seed)
  applyGrants(flags, options)
  grantFiles(host, options)
  if (flags.has('inject')) options.inject = injected(flags.all('inject'))
  return options
}

function applySeed(flags: Flags, options: SessionOptions, seed: bigint | undefined): void {
  if (seed !== undefined) {
    options.seed = seed
    options.order = { seed }
    options.shuffle = true
    options.virtualTime = true
    return
  }
  const fixed = flags.text('seed')
  if (fixed !== undefined) {
    options.seed = BigInt(fixed)
    options.virtualTime = true
  }
  const order = flags.text('order')
  if (order === undefined) return
  const match = /^(?:(fifo|lifo)|seed:(-?\d+))$/.exec(order)
  if (match === null) throw new UsageError(`--order is fifo, lifo or seed:N; found \`${order}\``)
  options.order = match[1] === undefined ? { seed: BigInt(match[2]) } : (match[1] as 'fifo' | 'lifo')
}

/**
 * Lets `host` hand out the directory that the options grant. Done before the run: a directory that is not there is wrong use.
 * @throws UsageError
 */
export function grantFiles(host: Host, options: Pick<SessionOptions, 'allow' | 'maxFileBytes'>): void {
  const directory = options.allow?.write ?? options.allow?.read
  if (directory === undefined) return
  try {
    const root = new DirectoryRoot(directory, { writable: options.allow?.write !== undefined, fileBytesMax: options.maxFileBytes })
    host.openRoot = () => root
  } catch (e) {
    throw new UsageError(`cannot grant \`${directory}\`: ${reasonOf(e)}`)
  }
}

const GRANTS = ['primitives', 'control', 'test'] as const

function applyGrants(flags: Flags, options: SessionOptions): void {
  const allow: NonNullable<SessionOptions['allow']> = {}
  for (const list of flags.all('allow')) {
    for (const word of list.split(',').map(w => w.trim())) {
      const grant = GRANTS.find(g => g === word)
      if (grant === undefined) throw new UsageError(`--allow grants ${GRANTS.join(', ')}; found \`${word}\``)
      allow[grant] = true
    }
  }
  const read = flags.text('allow-read')
  const write = flags.text('allow-write')
  if (read !== undefined) allow.read = read
  if (write !== undefined) allow.write = write
  if (Object.keys(allow).length > 0) options.allow = allow
}

function injected(list: readonly string[]): NonNullable<SessionOptions['inject']> {
  const found: NonNullable<SessionOptions['inject']> = {}
  for (const item of list) {
    const cut = item.indexOf('=')
    if (cut <= 0) throw new UsageError(`--inject takes URI=TERM, found \`${item}\``)
    found[item.slice(0, cut)] = termOf(item.slice(cut + 1), '--inject')
  }
  return found
}

/** Slices of machines between two looks at signals, time and output. The first slice is short, so that a short run never waits. */
const FIRST_SLICE = 20_000
const SLICE = 200_000

export type Ending = 'rest' | 'limit' | 'fault' | 'stopped' | 'late'

export interface DriveOptions {
  /** Milliseconds since 1970 after which the run is given up. */
  readonly deadline?: number
  /** Called once when the first slice was not enough: the place to install signal handlers. */
  readonly onLong?: () => void
  /** Looked at between slices. */
  readonly stopped?: () => boolean
}

/** Runs to rest, letting the event loop turn between slices. */
export async function drive(session: Session, options: DriveOptions = {}): Promise<Ending> {
  let slice = FIRST_SLICE
  for (;;) {
    const status = await session.settle({ stepsMax: slice })
    if (options.stopped?.() === true) return 'stopped'
    if (status === 'rest' || status === 'limit' || status === 'fault') return status
    if (options.deadline !== undefined && Date.now() > options.deadline) return 'late'
    if (slice === FIRST_SLICE) options.onLong?.()
    slice = SLICE
    await new Promise<void>(resolve => setImmediate(resolve))
  }
}

/** Diagnostics of `sources` that stop a program. */
export function hasErrors(found: readonly Diagnostic[]): boolean {
  return found.some(d => d.severity === 'error')
}
