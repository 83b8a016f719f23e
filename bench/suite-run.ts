import type { Effort } from './jobs.ts'
import { medianOf, most, ratios, runProcess, type Summary, summarise, WrongAnswer } from './measure.ts'
import { suiteFolder, type Workshop } from './peers.ts'
import { ask, type Probe } from './probes.ts'
import { plainRow, type Row, ratioRow, short } from './row.ts'
import { type Entry, programText, type Sizes, SUITE } from './suite.ts'
import type { Counts, Measured, Phases, Task, Way } from './suite-inside.ts'

/** Measures the programs of the suite. */

/** Everything that is known about one program after a run of the benchmark. Times in milliseconds unless the name says otherwise. */
export interface ProgramResult {
  readonly id: string
  readonly set: Entry['set']
  readonly title: string
  readonly sizes: Sizes
  readonly unit: string
  readonly units: number
  readonly counts: Counts
  /** COMMs that were expected; null where they depend on the schedule. Other counts than these are no result. */
  readonly expectedComms: number | null
  /** The first run of fresh processes. */
  readonly cold: Readonly<Record<keyof Phases, Summary | null>>
  /** Runs in a process that has run the program before; of long programs the first run itself. */
  readonly warm: Readonly<Record<keyof Phases, Summary | null>>
  readonly nsPerUnit: Summary | null
  readonly nsPerComm: Summary | null
  /** The same job on channels in plain JavaScript, nanoseconds per unit; and what ours costs, divided by it. */
  readonly plain: Summary | null
  readonly toPlain: Summary | null
  /** What a unit costs, in messages to a receive that is made anew, on channels in plain JavaScript. */
  readonly toComm: Summary | null
  /** Running and committing in another way, divided by the usual way, at the quick size. */
  readonly ways: Partial<Record<Way, Summary | null>>
  /** Of the ways that store: how much of the time the run waited for storage. */
  readonly commitShare: Partial<Record<Way, number>>
  readonly heapMegabytes: Summary | null
  readonly peakMegabytes: Summary | null
  readonly error: string | null
}

const PHASES: readonly (keyof Phases)[] = ['parse', 'normalise', 'compile', 'verify', 'link', 'run', 'commit']

/** Warm milliseconds of a job on plain channels. */
interface Plain {
  readonly cold: number
  readonly ms: readonly number[]
  readonly answer: string
}

const YARDSTICK = 'micro-linear'

/** No further pass of a program that has taken so long. */
const PATIENCE_MS = 60_000

function taskOf(entry: Entry, sizes: Sizes, ms: number, way?: Way): Task {
  return {
    text: programText(entry, sizes, suiteFolder),
    answer: entry.answer(sizes),
    unordered: entry.unordered === true,
    ms,
    way,
  }
}

/** Nanoseconds per unit on plain channels: warm, or of the first run if that is all there is. */
function plainCost(shop: Workshop, entry: Entry, sizes: Sizes, ms: number): number {
  const { ms: samples, answer, cold } = JSON.parse(runProcess(shop.plain(entry.id, sizes, ms)).output) as Plain
  if (answer !== entry.answer(sizes)[0])
    throw new WrongAnswer(`plain channels found ${answer} for ${entry.id}, not ${entry.answer(sizes)[0]}`)
  return (medianOf(samples.length > 0 ? samples : [cold]) * 1e6) / entry.units(sizes)
}

/** One fresh process. @throws WrongAnswer if it counts other COMMs than are expected */
function measureOnce(shop: Workshop, entry: Entry, sizes: Sizes, ms: number): Measured {
  const found = ask<Measured>(shop, ['program'], ROOM, JSON.stringify(taskOf(entry, sizes, ms)))
  const expected = entry.comms?.(sizes)
  if (expected !== undefined && expected !== found.counts.comms)
    throw new WrongAnswer(`${entry.id} made ${found.counts.comms} COMMs, not ${expected}`)
  return found
}

const ROOM = ['--max-old-space-size=8192']

export function measureProgram(entry: Entry, shop: Workshop, effort: Effort, plainIds: ReadonlySet<string>): ProgramResult {
  const sizes = effort.quick ? entry.quick : entry.full
  const units = entry.units(sizes)
  const ms = effort.quick ? 150 : 500
  const found: Measured[] = []
  const [ours, plain, comm, perComm]: number[][] = [[], [], [], []]
  const start = performance.now()
  for (let pass = 1; pass <= effort.passes && (pass === 1 || performance.now() - start < PATIENCE_MS); pass++) {
    effort.say(`${entry.id}: pass ${pass} of ${effort.passes}`)
    const one = measureOnce(shop, entry, sizes, ms)
    found.push(one)
    const run = medianOf(warmOf(one).map(p => p.run))
    ours.push((run * 1e6) / units)
    perComm.push((run * 1e6) / one.counts.comms)
    if (plainIds.has(entry.id)) plain.push(plainCost(shop, entry, sizes, ms))
    comm.push(yardstick(shop, effort))
  }
  const { ways, commitShare } = measureWays(entry, shop, effort)
  return {
    ...describe(entry, sizes, found[0].counts),
    cold: phasesOf(found.map(f => f.cold)),
    warm: phasesOf(found.flatMap(warmOf)),
    nsPerUnit: summarise(ours),
    nsPerComm: summarise(perComm),
    plain: summarise(plain),
    toPlain: summarise(ratios(ours, plain)),
    toComm: summarise(ratios(ours, comm)),
    ways,
    commitShare,
    heapMegabytes: summarise(found.map(f => f.heapBytes / 1e6)),
    peakMegabytes: summarise(found.map(f => f.peakBytes / 1e6)),
    error: null,
  }
}

const NO_COUNTS: Counts = { comms: 0, primitiveComms: 0, machines: 0, steps: 0, gas: 0 }

function describe(entry: Entry, sizes: Sizes, counts: Counts) {
  const { id, set, title, unit } = entry
  return { id, set, title, sizes, unit, units: entry.units(sizes), counts, expectedComms: entry.comms?.(sizes) ?? null }
}

/** A program that could not be measured says why. */
export function failedProgram(entry: Entry, sizes: Sizes, error: string): ProgramResult {
  const none = phasesOf([])
  return {
    ...describe(entry, sizes, NO_COUNTS),
    cold: none,
    warm: none,
    nsPerUnit: null,
    nsPerComm: null,
    plain: null,
    toPlain: null,
    toComm: null,
    ways: {},
    commitShare: {},
    heapMegabytes: null,
    peakMegabytes: null,
    error,
  }
}

/** Ours ÷ plain channels, once, at the quick size: what the gate looks at. */
export function passRatio(entry: Entry, shop: Workshop): number {
  const ms = 300
  const ours = medianOf(warmOf(measureOnce(shop, entry, entry.quick, ms)).map(p => p.run)) * 1e6
  return ours / entry.units(entry.quick) / plainCost(shop, entry, entry.quick, ms)
}

const warmOf = (m: Measured): readonly Phases[] => (m.warm.length > 0 ? m.warm : [m.cold])

function phasesOf(runs: readonly Phases[]): Record<keyof Phases, Summary | null> {
  return Object.fromEntries(PHASES.map(phase => [phase, summarise(runs.map(r => r[phase]))])) as Record<keyof Phases, Summary | null>
}

/** Nanoseconds of one COMM on plain channels, now. */
function yardstick(shop: Workshop, effort: Effort): number {
  const entry = SUITE.find(e => e.id === YARDSTICK) as Entry
  return plainCost(shop, entry, entry.full, effort.quick ? 50 : 150)
}

const STORED: readonly Way[] = ['process', 'power']

interface Ways {
  readonly ways: Partial<Record<Way, Summary | null>>
  readonly commitShare: Partial<Record<Way, number>>
}

function measureWays(entry: Entry, shop: Workshop, effort: Effort): Ways {
  const result: { ways: Partial<Record<Way, Summary | null>>; commitShare: Partial<Record<Way, number>> } = { ways: {}, commitShare: {} }
  for (const way of new Set([...effort.ways, ...(entry.stored === true ? STORED : [])])) {
    effort.say(`${entry.id}: ${way}`)
    const task = taskOf(entry, entry.quick, effort.quick ? 200 : 1000, way)
    const found = ask<{ ours: number[]; theirs: number[]; run: number[]; commit: number[] }>(shop, ['compare'], ROOM, JSON.stringify(task))
    result.ways[way] = summarise(ratios(found.theirs, found.ours))
    const [run, commit] = [medianOf(found.run), medianOf(found.commit)]
    if (way === 'process' || way === 'power') result.commitShare[way] = commit / (run + commit)
  }
  return result
}

/** Programs of a few milliseconds each at the quick size, different in kind. */
const WATCHED = ['r4', 'r8', 'r10', 'r13', 'counting', 'big', 'fibonacci', 'sieve']

/** Programs after each other in one process, all of the suite in between, against the same programs in processes of their own. */
export const mixedProbe: Probe = {
  ids: ['mixed'],
  run(shop, effort) {
    const ms = effort.quick ? 30 : 200
    const watched = (e: Entry): boolean => WATCHED.includes(e.id)
    // What takes longer than a moment at its quick size takes part at its tiny one.
    const sizeOf = (e: Entry): Sizes => (watched(e) ? e.quick : e.tiny)
    const tasks = SUITE.map(e => ({ task: taskOf(e, sizeOf(e), ms), watched: watched(e) }))
    const ratiosOf: number[] = []
    for (let pass = 1; pass <= effort.passes; pass++) {
      effort.say(`mixed: pass ${pass} of ${effort.passes}`)
      const together = ask<{ ms: Record<number, number[]> }>(shop, ['mixed'], ROOM, JSON.stringify(tasks)).ms
      const logs = tasks.flatMap((t, i) => {
        if (!t.watched) return []
        // Alone for as long as the others run in between: what is shared by all programs is as warm.
        const long = { ...t, task: { ...t.task, ms: 8 * ms } }
        const alone = ask<{ ms: Record<number, number[]> }>(shop, ['mixed'], ROOM, JSON.stringify([long])).ms[0]
        return [Math.log(medianOf(together[i]) / medianOf(alone))]
      })
      ratiosOf.push(Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length))
    }
    const title = `${WATCHED.length} programs in a process that runs all ${SUITE.length} by turns ÷ alone (geometric mean)`
    return [plainRow({ id: 'mixed', title, unit: '×' }, ratiosOf, null)]
  },
}

/** What the command said against running with workers, without the words around it. */
export const reasonOf = (e: WrongAnswer): string => /rho: ([^\n]*)/.exec(e.message)?.[1] ?? e.message

// ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────────

const figure = (s: Summary | null | undefined, unit = ''): string => (s === null || s === undefined ? '' : `${short(s.median)}${unit}`)
const spread = (s: Summary | null): string =>
  s === null ? '?' : `${short(s.median)}${s.samples.length > 1 ? ` (${short(s.min)}–${short(s.max)})` : ''}`

/** How much dearer; of stored runs also how much of the time they waited for storage. */
function wayCell(r: ProgramResult, way: Way): string {
  const share = r.commitShare[way]
  return figure(r.ways[way]) + (share === undefined ? '' : ` (commit ${Math.round(100 * share)} %)`)
}

const ms = (s: Summary | null): string => (s === null ? '' : s.median < 0.005 ? '0' : short(s.median))

const HEADER = [
  'program',
  'unit',
  'units',
  'ns/unit (spread)',
  'ns/COMM',
  '÷ plain',
  'parse',
  'compile',
  'link',
  'cold run',
  'warm run',
  'MB',
  'gas/unit',
] as const

/** Milliseconds of the phases are of the first run in a process; compiling is everything from the tree to the verified image. */
export function programTable(results: readonly ProgramResult[]): string {
  const ways = [...new Set(results.flatMap(r => Object.keys(r.ways) as Way[]))]
  const header = [...HEADER, ...ways.map(w => `${w} ×`)]
  const lines = results.map(r => {
    const compile = (r.cold.normalise?.median ?? 0) + (r.cold.compile?.median ?? 0) + (r.cold.verify?.median ?? 0)
    if (r.error !== null) return [r.id, r.unit, 'no figure', ...header.slice(3).map(() => '')]
    return [
      r.id,
      r.unit,
      r.units.toLocaleString('en-US'),
      spread(r.nsPerUnit),
      figure(r.nsPerComm),
      figure(r.toPlain, '×'),
      ms(r.cold.parse),
      short(compile),
      ms(r.cold.link),
      ms(r.cold.run),
      ms(r.warm.run),
      figure(r.peakMegabytes),
      short(r.counts.gas / r.units),
      ...ways.map(w => wayCell(r, w)),
    ]
  })
  const widths = header.map((h, i) => Math.max(h.length, ...lines.map(l => l[i].length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  const notes = results.filter(r => r.error !== null).map(r => `${r.id}: ${r.error}.`)
  return [line(header), `|${widths.map(w => '-'.repeat(w + 2)).join('|')}|`, ...lines.map(line), '', ...notes].join('\n').trimEnd()
}

/** Programs of a few milliseconds say more about the host's timers than about a way to run them. */
const LONG_ENOUGH_MS = 5

function isLong(r: ProgramResult): boolean {
  const entry = SUITE.find(e => e.id === r.id)
  return entry !== undefined && ((r.nsPerUnit?.median ?? 0) * entry.units(entry.quick)) / 1e6 >= LONG_ENOUGH_MS
}

/** The targets of vm.md 7.3 that the programs themselves show: costs in COMMs of plain JavaScript, the literal way, the recorder. */
export function targetRows(results: readonly ProgramResult[]): Row[] {
  const rows: Row[] = []
  for (const entry of SUITE) {
    const found = results.find(r => r.id === entry.id && r.error === null)
    if (found === undefined) continue
    if (entry.most !== undefined) {
      const bound = most(entry.most)
      const about = { id: entry.id, title: `${entry.title}: in COMMs of plain JavaScript`, unit: `COMMs/${entry.unit}` }
      rows.push(plainRow(about, found.toComm?.samples ?? [], bound))
    }
    if (entry.id === 'pingpong' && found.plain !== null && found.nsPerUnit !== null) {
      const about = { id: entry.id, title: entry.title, unit: `ns/${entry.unit}` }
      rows.push(ratioRow(about, found.nsPerUnit.samples, 'plain channels', found.plain.samples, most(5)))
    }
  }
  const worst = (way: Way, title: string, floor: number): void => {
    const list = results.filter(r => r.ways[way] !== undefined && r.ways[way] !== null && isLong(r))
    if (list.length === 0) return
    const top = list.reduce((a, b) => ((b.ways[way]?.median ?? 0) > (a.ways[way]?.median ?? 0) ? b : a))
    const about = { id: way, title: `${title}, the worst of ${list.length} programs: ${top.id}`, unit: '×' }
    rows.push(plainRow(about, top.ways[way]?.samples ?? [], most(floor)))
  }
  worst('literal', 'primitives as COMMs ÷ in place', 8)
  worst('recorder', 'recorded ÷ not recorded', 1.5)
  return rows
}
