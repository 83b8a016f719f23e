import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Effort } from './jobs.ts'
import { type Command, most, WrongAnswer } from './measure.ts'
import { suiteFolder, type Workshop } from './peers.ts'
import { plainRow, type Row, short } from './row.ts'
import { type Entry, programText, type Sizes } from './suite.ts'

/** Whole programs with numbers of workers side by side: what `--workers 0,2,auto suite` measures. */

/** Where a program takes about a second on one shard, if `full` is not like that. */
const SECOND: Readonly<Record<string, number>> = {
  r3: 2400,
  r4: 5200,
  'r5-print': 700_000,
  r7: 7,
  r8: 1800,
  r9: 2200,
  r10: 730_000,
  'r11-1': 39_000_000,
  'r11-2': 37_000_000,
  'r11-4': 35_000_000,
  'r11-8': 37_000_000,
  r13: 480_000,
  r14: 92_000,
  pingpong: 20_000_000,
  counting: 11_000_000,
  'forkjoin-create': 3_000_000,
  'forkjoin-throughput': 75_000,
  threadring: 46_000_000,
  chameneos: 1_800_000,
  big: 28_000,
  dictionary: 61_000,
  sortedlist: 6700,
  boundedbuffer: 94_000,
  philosophers: 14_000,
  barber: 3600,
  smokers: 1_400_000,
  logisticmap: 140_000,
  banking: 780_000,
  fibonacci: 31,
  sieve: 22_000,
  nqueens: 11,
  'game-threadring': 48_000_000,
  'game-chameneos': 1_700_000,
  'game-nqueens': 11,
  binarytrees: 13,
  fannkuch: 8,
  spectralnorm: 190,
  reversecomplement: 75_000,
  'micro-add': 12_000_000,
  'micro-linear': 12_000_000,
  'micro-persistent': 59_000_000,
  'micro-pattern': 1_100_000,
  'micro-join2': 15_000_000,
  'micro-join8': 2_900_000,
  'micro-join200': 52_000,
  'micro-peek': 15_000_000,
  'micro-spawn': 2_000_000,
  'micro-names': 5_400_000,
}
/** Of these the small size is measured too: programs under 200 ms. */
const SHORT: readonly string[] = [
  'r2',
  'r3',
  'r8',
  'r10',
  'r13',
  'r14',
  'counting',
  'chameneos',
  'dictionary',
  'fibonacci',
  'skynet',
  'nqueens',
]

export function secondOf(entry: Entry): Sizes {
  const n = SECOND[entry.id]
  if (n === undefined) return entry.full
  return entry.id === 'r8' ? { n, meals: 1000 } : { ...entry.full, n }
}

/** One program of one size, by number of workers. Milliseconds; the least of some runs, as whatever disturbs a run makes it longer. */
export interface Compared {
  readonly id: string
  readonly size: 'quick' | 'second'
  /** From start to exit, without what a process takes for nothing. */
  readonly total: Readonly<Record<string, number>>
  /** The same without bringing up workers. */
  readonly run: Readonly<Record<string, number>>
  /** Bringing up workers; with `auto` the program goes on meanwhile, and 0 says that it did not come to that. */
  readonly start: Readonly<Record<string, number>>
  /** Processor time of the busiest thread and of all threads, start of process and workers included; null where the host does not tell. */
  readonly busiest: Readonly<Record<string, number | null>>
  readonly all: Readonly<Record<string, number | null>>
  /** Why it could not be run with so many workers. */
  readonly refused: Readonly<Record<string, string>>
}

interface Run {
  readonly ms: number
  readonly startMs: number
  readonly busiest: number | null
  readonly all: number | null
  readonly output: string
}

const POLL_MS = 25
/** Of a tick that the host counts processor time in. */
const TICK_MS = 10

/** @throws WrongAnswer if it does not exit with 0 */
function watched(command: Command): Promise<Run> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(command.file, command.args, { env: { ...process.env, RHO_DEBUG: 'workers' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [output, said] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      said += text
    })
    const used = new Map<string, number>()
    const timer = setInterval(() => {
      try {
        for (const thread of readdirSync(`/proc/${child.pid}/task`)) {
          const stat = readFileSync(`/proc/${child.pid}/task/${thread}/stat`, 'utf8')
          const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
          used.set(thread, (Number(user) + Number(system)) * TICK_MS)
        }
      } catch {
        // no such file: it has ended, or the host has no /proc
      }
    }, POLL_MS)
    const late = setTimeout(() => child.kill('SIGKILL'), command.limitMs)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const ms = performance.now() - start
      clearInterval(timer)
      clearTimeout(late)
      if (code !== 0) reject(new WrongAnswer(`${command.args.slice(0, 4).join(' ')} … ended with ${signal ?? code}: ${said.slice(0, 400)}`))
      const list = [...used.values()]
      const of = (sum: number): number | null => (list.length === 0 ? null : sum)
      const startMs = Number(/^workers: \{"startMs":([\d.]+)/m.exec(said)?.[1] ?? 0)
      resolve({ ms, startMs, busiest: of(Math.max(...list)), all: of(list.reduce((a, b) => a + b, 0)), output: output.trimEnd() })
    })
  })
}

const sorted = (entry: Entry, lines: readonly string[]): string => (entry.unordered === true ? [...lines].sort() : lines).join('\n')

async function compare(entry: Entry, size: Compared['size'], passes: number, shop: Workshop, effort: Effort): Promise<Compared> {
  const sizes = size === 'quick' ? entry.quick : secondOf(entry)
  const text = programText(entry, sizes, suiteFolder)
  const answer = sorted(entry, entry.answer(sizes))
  const least: Record<'total' | 'run' | 'start' | 'busiest' | 'all', Record<string, number>> = {
    total: {},
    run: {},
    start: {},
    busiest: {},
    all: {},
  }
  const refused: Record<string, string> = {}
  const note = (what: keyof typeof least, w: string, ms: number | null): void => {
    if (ms !== null) least[what][w] = Math.min(least[what][w] ?? Number.POSITIVE_INFINITY, ms)
  }
  const none: number[] = []
  for (let pass = 1; pass <= passes; pass++) {
    effort.say(`${entry.id} (${size}): pass ${pass} of ${passes}`)
    none.push((await watched(shop.rhoText('Nil', '0'))).ms)
    for (const w of effort.workers) {
      if (refused[w] !== undefined) continue
      try {
        const found = await watched(shop.rhoText(text, w))
        if (sorted(entry, found.output.split('\n')) !== answer) throw new WrongAnswer(`it printed ${found.output.slice(0, 200)}`)
        note('total', w, found.ms)
        note('run', w, found.ms - found.startMs)
        note('start', w, found.startMs)
        note('busiest', w, found.busiest)
        note('all', w, found.all)
      } catch (e) {
        if (!(e instanceof WrongAnswer)) throw e
        refused[w] = /rho: ([^\n]*)/.exec(e.message)?.[1] ?? e.message
      }
    }
  }
  const nothing = Math.min(...none)
  const more = (times: Record<string, number>) => Object.fromEntries(Object.entries(times).map(([w, ms]) => [w, ms - nothing]))
  return {
    id: entry.id,
    size,
    total: more(least.total),
    run: more(least.run),
    start: least.start,
    busiest: least.busiest,
    all: least.all,
    refused,
  }
}

/** After so long every program has one pass only: it is to end within a quarter of an hour. */
const PATIENCE_MS = 660_000
const SHORT_PASSES = 5

/** All programs, interleaved. Two entries that are the same program of the same size are measured once. */
export async function compareWorkers(entries: readonly Entry[], shop: Workshop, effort: Effort): Promise<Compared[]> {
  const results: Compared[] = []
  const seen = new Set<string>()
  const begin = performance.now()
  const measure = async (entry: Entry, size: Compared['size'], passes: number): Promise<void> => {
    const text = programText(entry, size === 'quick' ? entry.quick : secondOf(entry), suiteFolder)
    if (seen.has(text)) return
    seen.add(text)
    results.push(await compare(entry, size, performance.now() - begin > PATIENCE_MS ? 1 : passes, shop, effort))
  }
  for (const entry of entries) if (SHORT.includes(entry.id)) await measure(entry, 'quick', effort.quick ? 1 : SHORT_PASSES)
  if (!effort.quick) for (const entry of entries) await measure(entry, 'second', effort.passes)
  return results
}

const LONG_MS = 1000
const SHORT_MS = 200

/** With as many workers as the command decides for. Bringing them up counts where it is compared with none; with two workers that has its own column too. */
function autoRatio({ run, total }: Compared): number {
  return run['2'] < run['0'] ? run.auto / run['2'] : total.auto / run['0']
}

/** What issue and design ask for: the worst program of each kind, and all that miss. */
export function workerRows(results: readonly Compared[]): Row[] {
  const judge = (title: string, floor: number, wanted: (r: Compared) => boolean, ratio: (r: Compared) => number): Row[] => {
    const found = results.filter(wanted).flatMap(r => (Number.isFinite(ratio(r)) ? [{ name: nameOf(r), ratio: ratio(r) }] : []))
    if (found.length === 0) return []
    const top = found.reduce((a, b) => (b.ratio > a.ratio ? b : a))
    const missed = found.filter(f => f.ratio > floor).sort((a, b) => b.ratio - a.ratio)
    const note = missed.length < 2 ? '' : `${title}: ${missed.map(f => `${f.name} ${short(f.ratio)}×`).join(', ')}`
    const about = { id: 'workers', title: `${title}, the worst of ${found.length}: ${top.name}`, unit: '×', note }
    return [plainRow(about, [top.ratio], most(floor, 1))]
  }
  const long = (r: Compared): boolean => r.run['0'] >= LONG_MS
  return [
    ...judge('two workers ÷ none, programs of a second', 1.2, long, r => r.run['2'] / r.run['0']),
    ...judge('auto ÷ the better of none and two, programs of a second', 1.1, long, autoRatio),
    ...judge(
      'auto ÷ none, programs below 200 ms',
      1.1,
      r => r.run['0'] < SHORT_MS,
      r => r.total.auto / r.run['0'],
    ),
  ]
}

const nameOf = (r: Compared): string => (r.size === 'quick' ? `${r.id} (quick)` : r.id)

/** Milliseconds, a line for each program. */
export function workersTable(results: readonly Compared[], workers: readonly string[]): string {
  const [first, ...others] = workers
  const header = [
    'program',
    ...workers.map(w => `run, ${w}`),
    ...others.map(w => `÷ ${first}, ${w}`),
    ...others.map(w => `pool start, ${w}`),
    ...workers.map(w => `CPU busiest (all), ${w}`),
  ]
  const ms = (n: number | null | undefined): string => (n === null || n === undefined ? '' : Math.round(n).toLocaleString('en-US'))
  const lines = results.map(r => [
    nameOf(r),
    ...workers.map(w => (r.refused[w] === undefined ? ms(r.run[w]) : 'refused')),
    ...others.map(w => (r.run[w] === undefined ? '' : `${short(r.run[w] / r.run[first])}×`)),
    ...others.map(w => ms(r.start[w])),
    ...workers.map(w => `${ms(r.busiest[w])} (${ms(r.all[w])})`),
  ])
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map(l => l[i].length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  const reasons = [...new Set(results.flatMap(r => Object.values(r.refused)))].map(r => `workers: ${r}.`)
  return [line(header), `|${widths.map(w => '-'.repeat(w + 2)).join('|')}|`, ...lines.map(line), '', ...reasons].join('\n').trimEnd()
}
