import type { Host } from '../machine/host.ts'
import { Session, type SessionOptions } from '../machine/session.ts'
import { HeldHost } from '../pool/held.ts'
import type { Pool } from '../pool/pool.ts'
import { stderr, stdout } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** How many workers the flags ask for. @throws UsageError if that contradicts other flags */
export function workersOf(flags: Flags): number | 'auto' {
  const text = flags.text('workers') ?? 'auto'
  if (flags.has('checkpoint-every')) {
    const every = flags.number('checkpoint-every') as number
    if (flags.has('space'))
      throw new UsageError('--checkpoint-every is for runs in memory', 'a run with --space goes on from its last commit')
    if (flags.has('control')) throw new UsageError('--checkpoint-every and --control contradict each other')
    if (every < 1) throw new UsageError('--checkpoint-every takes a number of COMMs, at least 1')
    if (!/^[1-9]\d*$/.test(text)) throw new UsageError('--checkpoint-every is for runs on workers', 'write `--workers N` too')
  }
  if (text === 'auto') return aloneBecause(flags) === undefined && !repeatable(flags) && !flags.has('space') ? 'auto' : 0
  if (!/^\d+$/.test(text)) throw new UsageError(`--workers takes auto or a number, found \`${text}\``)
  const n = Number(text)
  if (n > MOST) throw new UsageError(`--workers is at most ${MOST}`)
  const why = n === 0 ? undefined : aloneBecause(flags)
  if (why !== undefined) throw new UsageError(`${why} needs the whole space in one shard`, 'write `--workers 0`')
  return n
}

const MOST = 63

/** The first flag that several shards do not know how to keep. */
function aloneBecause(flags: Flags): string | undefined {
  for (const name of ['trace', 'record', 'stop-after', 'atomic'] as const) if (flags.has(name)) return `--${name}`
  if (flags.text('on-error') === 'rollback') return '--on-error rollback'
  if (flags.text('literal-schedule') === 'fifo') return '--literal-schedule fifo'
  return undefined
}

/** Whether the run is to be the same every time, or limits are to hold to the last message: that takes one shard. */
function repeatable(flags: Flags): boolean {
  const exact = ['seed', 'seeds', 'order', 'shuffle', 'virtual-time', 'gas', 'max-machines', 'max-memory'] as const
  return exact.some(name => flags.has(name))
}

/** The host of a run that may go back to its last cut or commit. */
export function hostFor(flags: Flags, host: Host): Host {
  const workers = workersOf(flags)
  return workers !== 0 && workers !== 'auto' && (flags.has('checkpoint-every') || flags.has('space')) ? new HeldHost(host) : host
}

/** The workers of a run; undefined: it stays on the calling thread. */
export async function workersFor(flags: Flags, session: Session, options: SessionOptions): Promise<Pool | undefined> {
  const workers = workersOf(flags)
  // What may be undone runs alone: such programs may lie in a space or a snapshot.
  if (workers === 0 || session.atomicPending) return undefined
  const { Pool } = await import('../pool/pool.ts')
  const every = flags.number('checkpoint-every')
  const host = options.host instanceof HeldHost ? options.host : undefined
  if (every === undefined) return new Pool(session, { workers, host })
  return new Pool(session, { workers, host, cuts: { every, restore: state => Session.restore(state, options) } })
}

/** So many workers lost without getting any further, and it is not an accident. */
export const IN_VAIN_MAX = 20

/** Whether that is what ended a run. */
export function isLost(e: unknown): boolean {
  return (e as { code?: unknown } | null)?.code === 'WORKER_LOST'
}

/** A worker was lost and nothing was kept to go on from. */
export function workerLost(message: string, json: boolean): void {
  const hint = 'with `--checkpoint-every N` a run goes on from its last cut; `--workers 0` runs without workers'
  if (json) stdout.write(`${JSON.stringify({ v: 1, kind: 'error', code: 'WORKER_LOST', message, hint, details: {} })}\n`)
  stdout.flush()
  stderr.write(`WORKER_LOST: ${message}\n`)
}
