import { createReadStream } from 'node:fs'
import { open as openFile, rename, rm, stat } from 'node:fs/promises'
import type { Report } from '../../rspace/api.ts'
import { codeOf } from '../../rspace/errors.ts'
import {
  type CodecIds,
  checkpointDir,
  eventsOf,
  forkDir,
  recordsOf,
  resetDir,
  type StoredChannel,
  type StoredEvent,
  type StoredRecord,
} from '../../rspace/offline.ts'
import { asStorageError, compactDir, exportDir, importDir, repair, statsDir, verifyDir } from '../../rspace/store/index.ts'
import { nearest } from '../base/nearest.ts'
import { EXIT } from './outcome.ts'
import { isTerminal, stderr, stdout } from './streams.ts'
import { type Flags, SPACE_COMMANDS, type SpaceCommand, UsageError } from './usage.ts'

/** `rho space`: what people who look after stored spaces ask for. Nothing here needs to know what the values mean. */

interface Job {
  /** Arguments after the command's name. */
  readonly args: readonly string[]
  readonly json: boolean
  readonly remove: boolean
  readonly progress: Progress
}
const RUN: Readonly<Record<SpaceCommand, (job: Job) => Promise<number>>> = {
  inspect,
  stats,
  verify,
  repair: repairTo,
  export: exportTo,
  import: importFrom,
  compact,
  log,
  fork,
  reset,
  checkpoint,
  collect,
}

export async function spaceCommand(flags: Flags): Promise<number> {
  const [word, ...args] = flags.files
  const list = Object.keys(SPACE_COMMANDS).join(', ')
  if (word === undefined) throw new UsageError('what is to be done?', `rho space ${list}`)
  if (!Object.hasOwn(SPACE_COMMANDS, word)) {
    const near = nearest(word, Object.keys(SPACE_COMMANDS))
    throw new UsageError(`unknown command \`rho space ${word}\``, near === undefined ? list : `did you mean \`rho space ${near}\`?`)
  }
  const command = word as SpaceCommand
  const takes = SPACE_COMMANDS[command].args
  const names = takes.split(' ')
  if (args.length < names.filter(n => !n.startsWith('[')).length || args.length > names.length || args.includes(''))
    throw new UsageError(`\`rho space ${word}\` takes ${takes}`)
  if (flags.has('remove') && word !== 'collect') throw new UsageError('--remove belongs to `rho space collect`')
  const json = flags.text('format') === 'json'
  const progress = new Progress(word)
  try {
    return await RUN[command]({ args, json, remove: flags.has('remove'), progress })
  } catch (e) {
    progress.end()
    if (e instanceof UsageError) throw e
    return refused(e, json)
  } finally {
    progress.end()
  }
}

/** Every refusal of the storage: one line, exit 5. */
export function refused(e: unknown, json: boolean): number {
  const error = codeOf(e) === undefined ? asStorageError(e, 'working on the space') : (e as ReturnType<typeof asStorageError>)
  const { code, message, details } = error
  const hint = error.hint ?? ''
  if (json) stdout.write(`${JSON.stringify({ v: 1, kind: 'error', code, message, hint, details })}\n`)
  else stderr.write(`${code}: ${message.replaceAll('\n', ' ')}${hint === '' ? '' : ` (${hint})`}\n`)
  return EXIT.storage
}

/** One line on a terminal about work that takes longer than a moment; nothing anywhere else. */
class Progress {
  private readonly began = performance.now()
  private readonly shows = isTerminal(2)
  private shown = 0
  private readonly timer: NodeJS.Timeout | undefined
  private text = ''
  private readonly word: string

  constructor(word: string) {
    this.word = word
    if (this.shows) this.timer = setInterval(() => this.draw(), 250)
  }

  readonly rows = (n: number): void => {
    this.text = `${n.toLocaleString('en')} rows`
  }
  readonly bytes = (n: number): void => {
    this.text = `${(n / 1e6).toFixed(1)} MB`
  }

  private draw(): void {
    const ms = performance.now() - this.began
    if (ms < 500) return
    this.shown++
    stderr.write(`\r\x1b[K${this.word}: ${this.text === '' ? 'working' : this.text}, ${Math.round(ms / 1000)} s`)
  }

  end(): void {
    clearInterval(this.timer)
    if (this.shown > 0) stderr.write('\r\x1b[K')
    this.shown = 0
  }
}

// ---- values as text ----------------------------------------------------------------------------------------------------------------

/** Encoded values as JSON text: what the json codec wrote, everything else as a string of hexadecimal digits. */
class Values {
  private readonly ids: CodecIds
  constructor(ids: CodecIds) {
    this.ids = ids
  }
  private text(bytes: Uint8Array, part: number): string {
    if (this.ids[part] !== 'rhz-json-1') return `"${Buffer.from(bytes).toString('hex')}"`
    // Keys that begin with $ are stored with two.
    return Buffer.from(bytes)
      .toString('utf8')
      .replace(/"(?:[^"\\]|\\.)*"(:?)/g, (all, colon) => (colon === ':' && all.startsWith('"$$') ? `"${all.slice(2)}` : all))
  }
  channel(c: StoredChannel): string {
    return c.kind === 'named' ? this.text(c.bytes, 0) : `{"${c.kind}":"${Buffer.from(c.bytes).toString('hex')}"}`
  }
  pattern = (b: Uint8Array): string => this.text(b, 1)
  datum = (b: Uint8Array): string => this.text(b, 2)
  body = (b: Uint8Array): string => this.text(b, 3)
  guard = (b: Uint8Array): string => this.text(b, 4)
}

/** An object of ready-made JSON texts; fields without one are left out. */
function object(fields: Readonly<Record<string, string | undefined>>): string {
  const list = Object.entries(fields).flatMap(([k, v]) => (v === undefined ? [] : [`${JSON.stringify(k)}:${v}`]))
  return `{${list.join(',')}}`
}
const array = (list: readonly string[]): string => `[${list.join(',')}]`

function recordLine(r: StoredRecord, v: Values, json: boolean): string {
  if (r.kind === 'row') {
    const [key, value] = [Buffer.from(r.key).toString('hex'), Buffer.from(r.value).toString('hex')]
    return json ? JSON.stringify({ kind: 'row', key, value }) : `row  ${key}  ${value}`
  }
  const lease = r.lease > 0 ? String(r.lease) : undefined
  const end = `${r.persistent ? '  persistent' : ''}${lease === undefined ? '' : `  until tick ${lease}`}  ref ${r.ref}`
  if (r.kind === 'datum') {
    const [channel, value] = [v.channel(r.channel), v.datum(r.value)]
    return json
      ? object({ kind: '"datum"', channel, value, persistent: String(r.persistent), ref: String(r.ref), leaseTick: lease })
      : `datum  ${channel}  ${value}${end}`
  }
  const branches = r.branches.map(b => ({
    channels: b.channels.map(c => v.channel(c)),
    patterns: b.patterns.map(v.pattern),
    peeks: b.peeks.map(String),
    where: b.where === undefined ? undefined : v.guard(b.where),
  }))
  if (!json) {
    const text = branches.map(b => {
      const binds = b.channels.map((c, i) => `${c} ${b.peeks[i] === 'true' ? '<<- ' : '<- '}${b.patterns[i]}`)
      return `${binds.join(' & ')}${b.where === undefined ? '' : ` where ${b.where}`}`
    })
    return `continuation  ${text.join('  or  ')}  body ${v.body(r.body)}${end}`
  }
  const [first] = branches
  const fields = {
    kind: '"continuation"',
    channel: first.channels[0],
    channels: array(first.channels),
    patterns: array(first.patterns),
    peeks: array(first.peeks),
    where: first.where,
    branches:
      branches.length === 1
        ? undefined
        : array(
            branches.map(b => object({ channels: array(b.channels), patterns: array(b.patterns), peeks: array(b.peeks), where: b.where })),
          ),
    body: v.body(r.body),
    persistent: String(r.persistent),
    ref: String(r.ref),
    leaseTick: lease,
  }
  return object(fields)
}

function eventLine(e: StoredEvent, v: Values, json: boolean): string {
  const channel = e.channel === undefined ? undefined : v.channel(e.channel)
  const value = e.value === undefined ? undefined : v.datum(e.value)
  const ref = e.ref === undefined ? undefined : String(e.ref)
  if (json) {
    const persistent = e.persistent === undefined ? undefined : String(e.persistent)
    const more = Object.fromEntries(Object.entries(e.more ?? {}).map(([k, x]) => [k, JSON.stringify(x)]))
    return object({ commit: String(e.commit), kind: JSON.stringify(e.kind), ref, channel, value, persistent, ...more })
  }
  const data = Array.isArray(e.more?.data) ? `  data ${e.more.data.join(' ')}` : ''
  const key = typeof e.more?.key === 'string' ? e.more.key : undefined
  const parts = [`commit ${e.commit}`, e.kind, key, channel, value, e.persistent === true ? 'persistent' : undefined]
  return `${parts.filter(p => p !== undefined).join('  ')}${data}${ref === undefined ? '' : `  ref ${ref}`}`
}

/** A report, or any other flat answer, as one JSON line or as lines of text. */
function answer(fields: Readonly<Record<string, unknown>>, json: boolean): void {
  if (json) {
    stdout.write(`${JSON.stringify(fields)}\n`)
    return
  }
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue
    if (Array.isArray(value)) for (const x of value) stdout.write(`${name}: ${flat(x)}\n`)
    else stdout.write(`${name}: ${flat(value)}\n`)
  }
}
function flat(x: unknown): string {
  if (typeof x !== 'object' || x === null) return String(x)
  return Object.entries(x)
    .map(([k, v]) => `${k} ${typeof v === 'object' ? JSON.stringify(v) : String(v)}`)
    .join(', ')
}

function report(r: Report, json: boolean): number {
  answer({ ...r }, json)
  return r.ok ? EXIT.rest : EXIT.storage
}

// ---- commands ----------------------------------------------------------------------------------------------------------------------

async function inspect({ args: [dir, wanted], json }: Job): Promise<number> {
  const { codecs, records } = await recordsOf(dir)
  if (wanted !== undefined && codecs[0] === 'rholang/1')
    throw new UsageError('the channels of programs are not listed here', `\`rho inspect --space ${dir} '${wanted}'\` shows what is there`)
  const values = new Values(codecs)
  // A channel is written as JSON, or as it is if that is a text.
  const names = wanted === undefined ? undefined : new Set([wanted, JSON.stringify(wanted)])
  const isWanted = (r: StoredRecord): boolean => {
    if (names === undefined) return true
    if (r.kind === 'row') return false
    const channels = r.kind === 'datum' ? [r.channel] : r.branches.flatMap(b => b.channels)
    return channels.some(c => names.has(values.channel(c)))
  }
  for (const r of records) if (isWanted(r)) stdout.write(`${recordLine(r, values, json)}\n`)
  return EXIT.rest
}

async function stats({ args: [dir], json }: Job): Promise<number> {
  answer({ ...(await statsDir(dir)) }, json)
  return EXIT.rest
}

async function verify({ args: [dir], json, progress }: Job): Promise<number> {
  const found = await verifyDir(dir, { onRows: progress.rows })
  progress.end()
  return report(found, json)
}

async function repairTo({ args: [from, to], json, progress }: Job): Promise<number> {
  const done = await repair(from, to, { onRows: progress.rows })
  progress.end()
  return report(done, json)
}

/** Written beside its place and moved there whole: an export that fails leaves nothing that looks like one. Into a pipe or a device it is written at once. */
async function exportTo({ args: [dir, file], json, progress }: Job): Promise<number> {
  let bytes = 0
  if (file === undefined || file === '-') {
    process.stdout.on('error', () => {}) // told where it was written
    try {
      for await (const piece of exportDir(dir)) {
        progress.bytes((bytes += piece.length))
        await new Promise<void>((done, fail) => process.stdout.write(piece, e => (e ? fail(e) : done())))
      }
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EPIPE') throw e // nobody reads any more
    }
    return EXIT.rest
  }
  const there = await stat(file).catch(() => undefined)
  if (there?.isDirectory()) throw new UsageError(`cannot write \`${file}\`: it is a directory`)
  const special = there !== undefined && !there.isFile()
  const part = special ? file : `${file}.part`
  try {
    const out = await openFile(part, 'w')
    try {
      for await (const piece of exportDir(dir)) {
        await out.writeFile(piece)
        progress.bytes((bytes += piece.length))
      }
      if (!special) await out.sync()
    } finally {
      await out.close()
    }
    if (!special) await rename(part, file)
  } catch (e) {
    if (!special) await rm(part, { force: true }).catch(() => undefined) // the first error is the one to report
    throw e
  }
  progress.end()
  answer({ ok: true, file, bytes }, json)
  return EXIT.rest
}

async function importFrom({ args: [file, dir], json, progress }: Job): Promise<number> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let bytes = 0
    for await (const piece of file === '-' ? process.stdin : createReadStream(file)) {
      progress.bytes((bytes += (piece as Buffer).length))
      yield piece as Buffer
    }
  }
  if (file !== '-') {
    const probe = await openFile(file, 'r').catch((e: NodeJS.ErrnoException) => {
      throw new UsageError(`cannot read \`${file}\`: ${e.code ?? e.message}`)
    })
    await probe.close()
  }
  const done = await importDir(pieces(), dir)
  progress.end()
  return report(done, json)
}

async function compact({ args: [dir], json }: Job): Promise<number> {
  await compactDir(dir)
  answer({ ok: true }, json)
  return EXIT.rest
}

async function log({ args: [dir], json }: Job): Promise<number> {
  const values = new Values((await statsDir(dir)).codecs.split(' '))
  for await (const e of eventsOf(dir)) stdout.write(`${eventLine(e, values, json)}\n`)
  return EXIT.rest
}

async function fork({ args: [dir, to, root], json }: Job): Promise<number> {
  if (root !== undefined && (await ofSession(dir))) return report(await (await checkpoints()).forkSession(dir, to, root), json)
  return report(await forkDir(dir, to, root), json)
}

async function reset({ args: [dir, root], json }: Job): Promise<number> {
  if (await ofSession(dir)) {
    answer({ ...(await (await checkpoints()).resetSession(dir, root)) }, json)
    return EXIT.rest
  }
  const { number } = await resetDir(dir, root)
  answer({ root, commit: number }, json)
  return EXIT.rest
}

async function checkpoint({ args: [dir], json }: Job): Promise<number> {
  if (await ofSession(dir)) {
    answer({ ...(await (await checkpoints()).checkpointSession(dir)) }, json)
    return EXIT.rest
  }
  const { root, commit } = await checkpointDir(dir)
  answer({ root, commit: commit.number }, json)
  return EXIT.rest
}

/** Spaces of programs keep their states in a form of their own. */
const checkpoints = () => import('../host/checkpoints.ts')
const ofSession = async (dir: string): Promise<boolean> => (await checkpoints()).isSession(dir)

async function collect({ args: [dir], json, remove }: Job): Promise<number> {
  return (await import('./operators.ts')).collectIn(dir, remove, json)
}
