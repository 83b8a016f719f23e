import { QuietHost } from '../host/hosts.ts'
import type { Session } from '../machine/session.ts'
import type { Input } from './engine.ts'
import { sessionOptions } from './engine.ts'
import type { Outcome } from './outcome.ts'
import { EXIT } from './outcome.ts'
import { runPrograms } from './program.ts'
import { stdout } from './streams.ts'
import type { Flags } from './usage.ts'
import { workersOf } from './workers.ts'

/** `rho run --seeds A..B`: the multiset of outcomes over a range of seeds. With workers every shard draws from a seed of its own, and time matters too. */
export async function runSeeds(flags: Flags, inputs: readonly Input[], range: { first: bigint; last: bigint }): Promise<number> {
  const found = new Map<string, { outcome: Outcome; seeds: string[] }>()
  const programs = inputs.map(i => ({ name: i.name, text: i.bytes }))
  const observe = flags.has('observe') ? { observe: flags.all('observe') } : {}
  let exit: number = EXIT.rest
  const workers = workersOf(flags)
  const Pool = workers === 0 ? undefined : (await import('../pool/pool.ts')).Pool
  for (let seed = range.first; seed <= range.last; seed++) {
    const { host: _, ...options } = sessionOptions(flags, new QuietHost(), seed)
    let pool: InstanceType<NonNullable<typeof Pool>> | undefined
    const prepare = (session: Session): void => {
      if (Pool !== undefined) pool = new Pool(session, { workers, aloneFirst: 0 })
    }
    const outcome = await runPrograms(programs, { ...options, ...observe, prepare }).finally(() => pool?.close())
    exit = Math.max(exit, exitOf(outcome, flags))
    const key = outcomeKey(outcome)
    const before = found.get(key)
    if (before === undefined) found.set(key, { outcome, seeds: [String(seed)] })
    else before.seeds.push(String(seed))
  }
  const ordered = [...found.values()].sort((a, b) => b.seeds.length - a.seeds.length)
  const runs = Number(range.last - range.first) + 1
  stdout.write(flags.text('format') === 'json' ? jsonOf(ordered, runs) : textOf(ordered, runs))
  return exit
}

function exitOf(outcome: Outcome, flags: Flags): number {
  if (outcome.status === 'fault') return EXIT.fault
  if (outcome.status === 'limit') return EXIT.limit
  if (outcome.status === 'refused' || outcome.status === 'failed') return EXIT.failed
  return flags.has('expect-done') && outcome.blocked.some(b => !b.persistent) ? EXIT.blocked : EXIT.rest
}

/** Lines printed, data left, failures and blocked receives, each as a multiset; equal for runs that differ only in order and fresh names. */
function outcomeKey(outcome: Outcome): string {
  const data = Object.entries(outcome.data).map(([name, messages]) => [name, messages.map(m => m.join(', ')).sort()] as const)
  const text = JSON.stringify([
    outcome.status,
    [...outcome.stdout].sort(),
    [...outcome.stderr].sort(),
    data.sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    outcome.failures.map(f => [f.file, f.line, f.column, f.code].join(':')).sort(),
    outcome.diagnostics.map(d => [d.file, d.line, d.column, d.code].join(':')).sort(),
    outcome.blocked.map(b => [b.file, b.line, b.column, b.persistent, ...b.channels].join(':')).sort(),
  ])
  return renameFresh(text)
}

/** Unforgeable names by order of first appearance. */
function renameFresh(text: string): string {
  const seen = new Map<string, number>()
  return text.replace(/Unforgeable\(0x[0-9a-f]+\)/g, name => {
    const known = seen.get(name) ?? seen.size
    seen.set(name, known)
    return `Unforgeable(${known})`
  })
}

type Found = readonly { readonly outcome: Outcome; readonly seeds: readonly string[] }[]

function textOf(found: Found, runs: number): string {
  const blocks = found.map(({ outcome, seeds }) => {
    const shown = seeds.length > 8 ? `${seeds.slice(0, 8).join(', ')}, …` : seeds.join(', ')
    const facts = [
      ...outcome.diagnostics.filter(d => d.severity === 'error').map(d => `refused ${d.code} at ${d.line}:${d.column}: ${d.message}`),
      ...[...outcome.stdout].sort().map(l => `printed ${l}`),
      ...outcome.failures.map(f => `failed ${f.code} at ${f.line}:${f.column}: ${f.message}`),
      ...Object.entries(outcome.data).flatMap(([name, messages]) => messages.map(m => `left ${name}!(${m.join(', ')})`)),
      ...outcome.blocked.filter(b => !b.persistent).map(b => `waits ${b.line}:${b.column} on ${b.channels.join(' & ')} (${b.reason})`),
    ]
    return `${seeds.length} of ${runs} (seed ${shown}): ${outcome.status}\n${facts.map(f => `  ${f}\n`).join('')}`
  })
  return blocks.join('')
}

function jsonOf(found: Found, runs: number): string {
  const outcomes = found.map(({ outcome, seeds }) => {
    const { v: _, kind: __, ...rest } = outcome
    return { count: seeds.length, seeds, ...rest, stdout: [...outcome.stdout].sort() }
  })
  return `${JSON.stringify({ v: 1, kind: 'outcomes', runs, outcomes })}\n`
}
