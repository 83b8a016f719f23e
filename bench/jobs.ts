import { most, peakMegabytes, roundSize, steadyCost, timeAnswer } from './measure.ts'
import type { Workshop } from './peers.ts'
import { type Job, MULTISET_GOAL, type Peer, peerAnswer } from './programs.ts'
import { plainRow, type Row, ratioRow } from './row.ts'
import type { Way } from './suite-inside.ts'

export interface Effort {
  readonly quick: boolean
  /** Interleaved passes. */
  readonly passes: number
  /** What the larger run of a scaled job should take at least. */
  readonly largeMs: number
  readonly say: (text: string) => void
  /** Other ways to run the programs of the suite, each compared with the usual one (fused, not recorded, in memory). */
  readonly ways: readonly Way[]
  /** Numbers of workers to run the programs of the suite with, each compared with the first. */
  readonly workers: readonly string[]
}

interface Participant {
  readonly name: string
  readonly time: (n: number) => number
  sizes: readonly [small: number, large: number]
  readonly costs: number[]
}

/** Sizes for one participant: the larger takes `largeMs` longer than starting up, or more; the smaller does a quarter of it. */
export function calibrate(job: Pick<Job, 'tiny'>, time: (n: number) => number, largeMs: number, first = 10_000): readonly [number, number] {
  const startUp = Math.min(time(job.tiny), time(job.tiny))
  for (let n = first; ; ) {
    const ms = Math.max(1, time(n) - startUp)
    if (ms >= largeMs) return [n / 4, n]
    n = roundSize(n * Math.min(20, Math.max(2, (1.2 * largeMs) / ms)))
  }
}

/** Runs ours and all peers of a job alternately. Costs are nanoseconds per unit in steady state. */
export async function measureJob(job: Job, shop: Workshop, effort: Effort): Promise<Row[]> {
  const peers = (Object.keys(job.peers) as Peer[]).filter(p => shop.has(p))
  const participants: Participant[] = [
    { name: 'ours', time: n => timeAnswer(shop.ours(job, n), job.answer(n)), sizes: [0, 0], costs: [] },
    ...peers.map((peer): Participant => {
      const time = (n: number): number => timeAnswer(shop.theirs(job, peer, n), peerAnswer(job, peer, n))
      return { name: peer, time, sizes: [0, 0], costs: [] }
    }),
  ]
  for (const p of participants) {
    effort.say(`${job.id}: sizes for ${p.name}`)
    p.sizes = job.sizes === 'scaled' ? calibrate(job, p.time, effort.largeMs) : job.sizes[effort.quick ? 'quick' : 'full']
  }
  for (let pass = 1; pass <= effort.passes; pass++) {
    for (const p of participants) {
      effort.say(`${job.id}: pass ${pass} of ${effort.passes}, ${p.name}`)
      const run = (n: number) => ({ ms: p.time(n), units: job.units(n) })
      p.costs.push(steadyCost(run(p.sizes[0]), run(p.sizes[1])))
    }
  }
  return rowsOf(job, participants, await memoryRows(job, shop, effort))
}

function rowsOf(job: Job, participants: readonly Participant[], memory: readonly Row[]): Row[] {
  const { title, note } = job
  const unit = `ns/${job.unit}`
  const ours = participants[0].costs
  const costsOf = (peer: Peer): number[] | null => participants.find((p, i) => i > 0 && p.name === peer)?.costs ?? null
  const label = (peer: Peer): string => (peer === 'rho' ? 'rho, reference' : peer)
  const judged = job.goals.map(g => {
    const bound = { kind: g.most === true ? 'most' : 'least', floor: g.floor, aim: g.aim } as const
    return ratioRow({ id: g.id, title, unit, note }, ours, label(g.peer), costsOf(g.peer), bound)
  })
  const others = (Object.keys(job.peers) as Peer[]).filter(p => !job.goals.some(g => g.peer === p))
  const compared = others.map(p => ratioRow({ id: idOf(job), title, unit, note }, ours, label(p), costsOf(p), null))
  const alone =
    Object.keys(job.peers).length > 0
      ? []
      : [plainRow({ id: MULTISET_GOAL.id, title, unit, note }, ours, most(MULTISET_GOAL.floor, MULTISET_GOAL.aim))]
  return [...judged, ...alone, ...compared, ...memory]
}

async function memoryRows(job: Job, shop: Workshop, effort: Effort): Promise<Row[]> {
  if (job.memory === undefined || job.sizes === 'scaled') return []
  const n = job.sizes[effort.quick ? 'quick' : 'full'][1]
  effort.say(`${job.id}: peak memory`)
  const peak = await peakMegabytes(shop.ours(job, n))
  const about = {
    id: job.memory.id,
    title: `${job.title}: peak memory of ${n.toLocaleString('en-US')} ${job.unit === 'leaf' ? 'leaves' : `${job.unit}s`}`,
    unit: 'MB',
  }
  return [plainRow(about, peak === null ? [] : [peak], most(job.memory.floor, job.memory.aim))]
}

/** The id of a job in tables: its goal's if all goals share one, else its own. */
export function idOf(job: Job): string {
  const ids = new Set(job.goals.map(g => g.id))
  return ids.size === 1 ? [...ids][0] : job.id
}

/** Everything that selects a job on the command line. */
export function idsOf(job: Job): string[] {
  const own = [job.id, ...job.goals.map(g => g.id), ...(job.memory === undefined ? [] : [job.memory.id])]
  return job.id === 'multiset' ? [...own, MULTISET_GOAL.id] : own
}
