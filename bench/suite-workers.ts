import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Effort } from './jobs.ts'
import { type Command, medianOf, most, WrongAnswer } from './measure.ts'
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

/** One run of a program with some number of workers. Milliseconds. */
export interface Run {
  /** From deployed to at rest, as the run itself tells; without bringing up workers where a number of them is asked for. With `auto` it goes on meanwhile. */
  readonly run: number
  /** Bringing up workers; 0: it did not come to that. */
  readonly start: number
  /** From start of the process to its exit. */
  readonly total: number
  readonly comms: number
  /** Processor time of the busiest thread and of all threads, start of process and workers included; null where the host does not tell. */
  readonly busiest: number | null
  readonly all: number | null
}

/** One program of one size, by number of workers. */
export interface Compared {
  readonly id: string
  readonly size: 'quick' | 'second'
  /** Pass by pass: only what ran side by side is compared. */
  readonly passes: readonly Readonly<Record<string, Run>>[]
  /** Why it could not be run with so many workers. */
  readonly refused: Readonly<Record<string, string>>
  /** How many COMMs it makes depends on the order of things. */
  readonly anyOrder: boolean
}

const POLL_MS = 25
/** Of a tick that the host counts processor time in. */
const TICK_MS = 10

/** @throws WrongAnswer if it does not exit with 0 */
function watched(command: Command, workers: string): Promise<Run & { readonly output: string }> {
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
      const told = /^workers: (.*)/m.exec(said)?.[1]
      if (told === undefined) return reject(new WrongAnswer(`the run did not tell how long it took: ${said.slice(0, 400)}`))
      const { runMs, comms, startMs = 0 } = JSON.parse(told) as { runMs: number; comms: number; startMs?: number }
      const run = workers === 'auto' ? runMs : runMs - startMs
      const most = list.length === 0 ? null : Math.max(...list)
      const all = list.length === 0 ? null : list.reduce((a, b) => a + b, 0)
      resolve({ run, start: startMs, total: ms, comms, busiest: most, all, output: output.trimEnd() })
    })
  })
}

const sorted = (entry: Entry, lines: readonly string[]): string => (entry.unordered === true ? [...lines].sort() : lines).join('\n')

/** One program of one size, while it is measured. */
class Comparison {
  readonly result: Compared
  /** So many passes it gets, and so many again when it seems to miss. */
  readonly wanted: number
  private readonly passes: Record<string, Run>[] = []
  private readonly refused: Record<string, string> = {}
  private readonly text: string
  private readonly answer: string
  private readonly entry: Entry
  constructor(entry: Entry, size: Compared['size'], text: string, wanted: number) {
    const sizes = size === 'quick' ? entry.quick : secondOf(entry)
    this.entry = entry
    this.wanted = wanted
    this.text = text
    this.answer = sorted(entry, entry.answer(sizes))
    this.result = { id: entry.id, size, passes: this.passes, refused: this.refused, anyOrder: entry.comms === undefined }
  }

  get count(): number {
    return this.passes.length
  }

  get misses(): boolean {
    return workerRows([this.result]).some(r => r.verdict === 'missed')
  }

  /** Runs it once with each number of workers; every other time the other way round: who comes first may have it colder. */
  async pass(shop: Workshop, effort: Effort): Promise<void> {
    const { entry, passes, refused } = this
    effort.say(`${entry.id} (${this.result.size}): pass ${passes.length + 1}`)
    const found: Record<string, Run> = {}
    for (const w of passes.length % 2 === 0 ? effort.workers : [...effort.workers].reverse()) {
      if (refused[w] !== undefined) continue
      try {
        const { output, ...run } = await watched(shop.rhoText(this.text, w), w)
        if (sorted(entry, output.split('\n')) !== this.answer) throw new WrongAnswer(`it printed ${output.slice(0, 200)}`)
        found[w] = run
      } catch (e) {
        if (!(e instanceof WrongAnswer)) throw e
        refused[w] = /rho: ([^\n]*)/.exec(e.message)?.[1] ?? e.message
      }
    }
    passes.push(found)
  }
}

/** All together are to end within a quarter of an hour: after so long no program gets a further pass but its first. */
const PATIENCE_MS = 660_000
const SHORT_PASSES = 5
/**
 * What seems to miss is looked at again when everything else has been measured, with as many passes again, so often at most: most of it is the machine, which
 * wavers for seconds. Only then it is seen whether it still misses: to stop at the first pass that makes it look good would be to choose.
 */
const DOUBTS = 3

/** All programs, interleaved. Two entries that are the same program of the same size are measured once. */
export async function compareWorkers(entries: readonly Entry[], shop: Workshop, effort: Effort): Promise<Compared[]> {
  const all: Comparison[] = []
  const seen = new Set<string>()
  const begin = performance.now()
  const late = (): boolean => performance.now() - begin > PATIENCE_MS
  const measure = async (entry: Entry, size: Compared['size'], passes: number): Promise<void> => {
    const text = programText(entry, size === 'quick' ? entry.quick : secondOf(entry), suiteFolder)
    if (seen.has(text)) return
    seen.add(text)
    const c = new Comparison(entry, size, text, passes)
    all.push(c)
    do await c.pass(shop, effort)
    while (c.count < passes && !late())
  }
  for (const entry of entries) if (SHORT.includes(entry.id)) await measure(entry, 'quick', effort.quick ? 1 : SHORT_PASSES)
  if (!effort.quick) for (const entry of entries) await measure(entry, 'second', effort.passes)
  if (!effort.quick && effort.passes > 1) {
    for (let n = 0; n < DOUBTS; n++) {
      const doubtful = all.filter(c => c.misses)
      const most = Math.max(0, ...doubtful.map(c => c.wanted))
      for (let pass = 0; pass < most; pass++) for (const c of doubtful) if (pass < c.wanted && !late()) await c.pass(shop, effort)
    }
  }
  return all.map(c => c.result)
}

const LONG_MS = 1000
const SHORT_MS = 200

const median = (list: readonly (number | null)[]): number => medianOf(list.map(n => n ?? Number.NaN))

/** The median of what all passes say of runs with so many workers. */
function of(r: Compared, w: string, what: keyof Run): number {
  return median(r.passes.map(p => p[w]?.[what] ?? null))
}

/** Whether the program did something else with so many workers: another order of things gave it more or less to do. */
function otherWork(r: Compared, w: string, than: string): boolean {
  const ratio = of(r, w, 'comms') / of(r, than, 'comms')
  return r.anyOrder && (ratio > OTHER || ratio < 1 / OTHER)
}
const OTHER = 1.1

/** The median of how long a run took against one with another number of workers, pass by pass; for each COMM where they did not do the same. */
function ratio(r: Compared, w: string, than: string): number {
  const perComm = otherWork(r, w, than)
  return median(
    r.passes.map(({ [w]: a, [than]: b }) => {
      if (a === undefined || b === undefined) return null
      return perComm ? a.run / a.comms / (b.run / b.comms) : a.run / b.run
    }),
  )
}

/** `auto` against the better of none and two. Bringing up workers counts where none are better; with two that has a column of its own. */
function toBest(r: Compared): number {
  if (!(ratio(r, '2', '0') < 1)) return ratio(r, 'auto', '0')
  return ratio({ ...r, passes: r.passes.map(p => ({ ...p, auto: { ...p.auto, run: p.auto.run - p.auto.start } })) }, 'auto', '2')
}

/** What issue and design ask for: the worst program of each kind, and all that miss. */
export function workerRows(results: readonly Compared[]): Row[] {
  const judge = (title: string, floor: number, wanted: (r: Compared) => boolean, ratioOf: (r: Compared) => number): Row[] => {
    const found = results.filter(wanted).flatMap(r => (Number.isFinite(ratioOf(r)) ? [{ name: nameOf(r), ratio: ratioOf(r) }] : []))
    if (found.length === 0) return []
    const top = found.reduce((a, b) => (b.ratio > a.ratio ? b : a))
    const missed = found.filter(f => f.ratio > floor).sort((a, b) => b.ratio - a.ratio)
    const note = missed.length < 2 ? '' : `${title}: ${missed.map(f => `${f.name} ${short(f.ratio)}×`).join(', ')}`
    const about = { id: 'workers', title: `${title}, the worst of ${found.length}: ${top.name}`, unit: '×', note }
    return [plainRow(about, [top.ratio], most(floor, 1))]
  }
  const long = (r: Compared): boolean => of(r, '0', 'run') >= LONG_MS
  return [
    ...judge('two workers ÷ none, programs of a second', 1.2, long, r => ratio(r, '2', '0')),
    ...judge('auto ÷ the better of none and two, programs of a second', 1.1, long, toBest),
    ...judge(
      'auto ÷ none, programs below 200 ms',
      1.1,
      r => of(r, '0', 'run') < SHORT_MS,
      r => ratio(r, 'auto', '0'),
    ),
  ]
}

const nameOf = (r: Compared): string => (r.size === 'quick' ? `${r.id} (quick)` : r.id)

/** Milliseconds, the medians of all passes; a line for each program. */
export function workersTable(results: readonly Compared[], workers: readonly string[]): string {
  const [first, ...others] = workers
  const header = [
    'program',
    ...workers.map(w => `run, ${w}`),
    ...others.map(w => `÷ ${first}, ${w}`),
    ...others.map(w => `pool start, ${w}`),
    ...workers.map(w => `CPU busiest (all), ${w}`),
  ]
  const ms = (n: number): string => (Number.isNaN(n) ? '' : Math.round(n).toLocaleString('en-US'))
  const times = (n: number, per: boolean): string => (Number.isNaN(n) ? '' : `${short(n)}×${per ? ' *' : ''}`)
  const lines = results.map(r => [
    nameOf(r),
    ...workers.map(w => (r.refused[w] === undefined ? ms(of(r, w, 'run')) : 'refused')),
    ...others.map(w => times(ratio(r, w, first), otherWork(r, w, first))),
    ...others.map(w => ms(of(r, w, 'start'))),
    ...workers.map(w => `${ms(of(r, w, 'busiest'))} (${ms(of(r, w, 'all'))})`),
  ])
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map(l => l[i].length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  const reasons = [...new Set(results.flatMap(r => Object.values(r.refused)))].map(r => `workers: ${r}.`)
  for (const r of results)
    for (const w of others.filter(x => otherWork(r, x, first)))
      reasons.push(
        `* ${nameOf(r)}, ${w}: another order of things gave it ${short(of(r, w, 'comms') / of(r, first, 'comms'))} times as many COMMs; compared is the time of each.`,
      )
  return [line(header), `|${widths.map(w => '-'.repeat(w + 2)).join('|')}|`, ...lines.map(line), '', ...reasons].join('\n').trimEnd()
}
