import { availableParallelism } from 'node:os'
import type { CrossingCost } from './crossing.ts'
import { calibrate, type Effort } from './jobs.ts'
import { least, runProcess, steadyCost, timeAnswer, WrongAnswer } from './measure.ts'
import { suiteFolder, type Workshop } from './peers.ts'
import { ask, type Probe } from './probes.ts'
import { plainRow, type Row, ratioRow } from './row.ts'
import { type Entry, programText } from './suite.ts'
import { reasonOf } from './suite-run.ts'

/** Several workers against one: P1 to P4, and what follows from issue and design for messages with work. Whole processes, steady state. */

interface Scaling {
  readonly id: string
  readonly program: Pick<Entry, 'file' | 'title' | 'unit'>
  readonly answer: (n: number) => string
  /** Sizes are made a multiple of this. */
  readonly multiple: number
  readonly units: (n: number) => number
  readonly floor: number
  readonly aim: number
}

const done = (): string => '"done"'

const SCALINGS: readonly Scaling[] = [
  {
    id: 'P1',
    program: { file: 'workers-independent', title: 'independent pairs', unit: 'message' },
    answer: done,
    multiple: 16,
    units: n => n,
    floor: 1.8,
    aim: 1.93,
  },
  {
    id: 'P2',
    program: { file: 'workers-crossing', title: 'every tenth message crosses', unit: 'message' },
    answer: done,
    multiple: 1280,
    units: n => n,
    floor: 1.35,
    aim: 1.6,
  },
  {
    id: 'P3',
    program: { file: 'workers-hot', title: 'one hot channel', unit: 'increment' },
    answer: n => String(n),
    multiple: 8,
    units: n => n,
    floor: 0.9,
    aim: 1,
  },
  {
    id: 'P3',
    program: { file: 'workers-scattered', title: 'every message crosses', unit: 'message' },
    answer: done,
    multiple: 64,
    units: n => n,
    floor: 0.9,
    aim: 1,
  },
  {
    id: 'P4',
    program: { file: 'workers-heavy', title: 'a millisecond of work for each message', unit: 'message' },
    answer: n => String((50_000 * 8 * (n / 8) * (n / 8 + 1)) / 2),
    multiple: 8,
    units: n => n,
    floor: 1.8,
    aim: 1.9,
  },
  {
    id: 'P5',
    program: { file: 'workers-messages', title: 'half a microsecond of work for each message', unit: 'message' },
    answer: n => String(8 * parity(n / 8)),
    multiple: 16,
    units: n => n,
    floor: 1.7,
    aim: 1.9,
  },
]

const STEP = [17, 3, 9973, 31, 7, 9967, 13, 1, 9949, 5, 9, 9941, 7, 2, 9931, 11, 4, 9929]

/** What a pair of `workers-messages.rho` ends with. */
function parity(hops: number): number {
  let x = 1
  for (let i = 0; i < 3 * hops; i++) for (let k = 0; k < STEP.length; k += 3) x = (x * STEP[k] + STEP[k + 1]) % STEP[k + 2]
  return x % 2
}

const TINY = { P1: 160, P2: 1280, P3: 640, P4: 8, P5: 160 } as const
/** What the tests run: every program, a size and its answer. */
export const SCALING_PROGRAMS = SCALINGS.map(s => ({
  file: s.program.file,
  n: TINY[s.id as keyof typeof TINY],
  answer: s.answer(TINY[s.id as keyof typeof TINY]),
}))

const textOf = (file: string, n: number): string => programText({ file } as Entry, { n }, suiteFolder)

const LARGE_MS = 2000
const PASSES = 3

function scale(s: Scaling, shop: Workshop, effort: Effort): Row {
  const { file, title, unit } = s.program
  const about = { id: s.id, title: `two workers against one: ${title}`, unit: `ns/${unit}` }
  const bound = least(s.floor, s.aim)
  const round = (n: number): number => Math.ceil(n / s.multiple) * s.multiple
  const time = (n: number, workers: string): number => timeAnswer(shop.rhoText(textOf(file, round(n)), workers), s.answer(round(n)))
  const costs: Record<string, number[]> = { 1: [], 2: [], 0: [] }
  try {
    time(s.multiple, '2')
    effort.say(`${s.id}: sizes`)
    // A pool starts in 50 to 100 ms, give or take a few tens: what is measured has to be much longer.
    const largeMs = effort.quick ? effort.largeMs : Math.max(LARGE_MS, effort.largeMs)
    const passes = effort.quick ? effort.passes : Math.max(PASSES, effort.passes)
    const [small, large] = calibrate({ tiny: s.multiple }, n => time(n, '1'), largeMs, s.id === 'P4' ? 16 : 10_000)
    for (let pass = 1; pass <= passes; pass++) {
      for (const workers of ['1', '2', '0']) {
        effort.say(`${s.id}: pass ${pass} of ${passes}, ${workers} workers`)
        const run = (n: number) => ({ ms: time(n, workers), units: s.units(round(n)) })
        costs[workers].push(steadyCost(run(small), run(large)))
      }
    }
  } catch (e) {
    if (!(e instanceof WrongAnswer)) throw e
    return { ...ratioRow(about, [], '1 worker', [], bound), note: `refused: ${reasonOf(e)}` }
  }
  return ratioRow(about, costs['2'], '1 worker', costs['1'], bound)
}

export interface SpeedUp {
  /** Speed-up of two workers, pass by pass; null if it cannot be measured. */
  readonly measured: readonly number[] | null
  /** Nanoseconds of a message with one worker. */
  readonly localNs: number
  readonly note: string
}

/** The last program with this id, with two workers and with one. */
export function measuredSpeedUp(id: string, shop: Workshop, effort: Effort): SpeedUp {
  const found = SCALINGS.findLast(s => s.id === id)
  if (found === undefined) throw new Error(`there is no ${id}`)
  const row = scale(found, shop, effort)
  return { measured: row.value?.samples ?? null, localNs: row.theirs?.median ?? Number.NaN, note: row.note }
}

/** What a run with workers takes that has nothing to do. */
function poolStart(shop: Workshop, effort: Effort): Row {
  const samples: number[] = []
  const about = { id: 'pool', title: 'two workers up and down, nothing to do', unit: 'ms' }
  try {
    for (let pass = 0; pass < Math.max(3, effort.passes); pass++) {
      effort.say('pool: start')
      const without = timeAnswer(shop.rhoText('Nil', '0'), '')
      samples.push(timeAnswer(shop.rhoText('Nil', '2'), '') - without)
    }
  } catch (e) {
    if (!(e instanceof WrongAnswer)) throw e
    return { ...plainRow(about, [], null), note: `refused: ${reasonOf(e)}` }
  }
  return plainRow(about, samples, null)
}

/** Costs that only several shards have. */
function acrossShards(shop: Workshop, effort: Effort): Row[] {
  const row = (id: string, title: string, file: string, flags: readonly string[], small: number, large: number): Row => {
    const about = { id, title, unit: 'ns' }
    const samples: number[] = []
    try {
      for (let pass = 1; pass <= effort.passes; pass++) {
        effort.say(`${id}: pass ${pass} of ${effort.passes}`)
        const run = (n: number) => {
          const { ms, output } = runProcess(shop.rhoText(textOf(file, n), '2', flags))
          if (output !== '"done"') throw new WrongAnswer(`it printed ${output === '' ? 'nothing' : output}`)
          return { ms, units: n }
        }
        samples.push(steadyCost(run(small), run(large)))
      }
    } catch (e) {
      if (!(e instanceof WrongAnswer)) throw e
      return { ...plainRow(about, [], null), note: `refused: ${reasonOf(e)}` }
    }
    return plainRow(about, samples, null)
  }
  const scale = effort.quick ? 10 : 1
  return [
    row('across', 'ping-pong of public names, two workers', 'workers-across', [], 10_000 / scale, 1_000_000 / scale),
    row('migrate', 'a group moved to another shard', 'workers-migrate', ['--allow', 'control'], 1000 / scale, 10_000 / scale),
  ]
}

/** Processor time of both sides, without waiting. The young generation is as large as that of a worker. */
export function crossingCosts(shop: Workshop, effort: Effort): CrossingCost[] {
  effort.say('crossing')
  return ask<CrossingCost[]>(shop, ['crossing', effort.quick ? 50_000 : 200_000, 2 + effort.passes], ['--max-semi-space-size=64'])
}

function crossings(shop: Workshop, effort: Effort): Row[] {
  return crossingCosts(shop, effort).map(({ title, ns, localNs }) => ({
    ...plainRow({ id: 'crossing', title: `what crosses to another shard costs more: ${title}`, unit: 'ns' }, [ns], null),
    note: `${title}: ${Math.round(localNs)} ns in one shard`,
  }))
}

export const workersProbe: Probe = {
  ids: ['P1', 'P2', 'P3', 'P4', 'P5', 'pool', 'crossing', 'across', 'migrate'],
  run(shop, effort, wants) {
    if (availableParallelism() < 2) {
      const note = 'two workers are not measured on fewer than two cores'
      return SCALINGS.map(s => ({ ...plainRow({ id: s.id, title: s.program.title, unit: '×' }, [], null), note }))
    }
    const rows = SCALINGS.filter(s => wants(s.id)).map(s => scale(s, shop, effort))
    if (wants('pool')) rows.push(poolStart(shop, effort))
    if (wants('crossing')) rows.push(...crossings(shop, effort))
    return wants('across') || wants('migrate') ? [...rows, ...acrossShards(shop, effort)] : rows
  },
}
