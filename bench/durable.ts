import type { Effort } from './jobs.ts'
import { type Bound, least, most, runProcess } from './measure.ts'
import type { Workshop } from './peers.ts'
import type { Probe } from './probes.ts'
import { type Row, ratioRow } from './row.ts'
import type { Pair } from './store-inside.ts'

/** D1 to D6 of programs: the machine on top of the store. The store by itself is measured in `store.ts`, what a kill leaves in `test/durable`. */

interface Measured {
  readonly command: string
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly peer: string
  /** Units of work, quick and full. */
  readonly sizes: readonly [number, number]
  readonly bound: Bound
}

const STEADY: readonly (readonly [string, string, readonly [number, number]])[] = [
  ['ring', 'ring of 503', [200_000, 4_000_000]],
  ['pingpong', 'ping-pong', [100_000, 2_000_000]],
  ['counter', 'counter cell', [100_000, 2_000_000]],
]

const MEASURED: readonly Measured[] = [
  ...STEADY.flatMap(([name, title, sizes]): Measured[] =>
    (['power', 'process'] as const).map(way => ({
      command: `${name}-${way}`,
      id: 'D1',
      title: `program: ${title}, ${way}`,
      unit: 'ns/COMM',
      peer: 'in memory',
      sizes,
      bound: way === 'power' ? least(0.5, 0.8) : least(0.7, 0.9),
    })),
  ),
  {
    command: 'bank-power',
    id: 'D2',
    title: 'program: bank of 10,000 cells, power',
    unit: 'ns/COMM',
    peer: 'in memory',
    sizes: [40_000, 800_000],
    bound: least(0.2, 0.4),
  },
  {
    command: 'counter-raw',
    id: 'D3',
    title: 'program: COMMs of a counter, power, against rows',
    unit: 'ns',
    peer: 'bare engine, 1,000 a batch, synced',
    sizes: [100_000, 2_000_000],
    bound: least(5, 15),
  },
  {
    command: 'park-power',
    id: 'D5',
    title: 'program: machines that begin to wait, power',
    unit: 'ns',
    peer: 'bare engine, 1,000 a batch, synced',
    sizes: [20_000, 200_000],
    bound: least(0.5, 0.9),
  },
  {
    command: 'park-process',
    id: 'D5',
    title: 'program: machines that begin to wait, process',
    unit: 'ns',
    peer: 'bare engine, 1,000 a batch',
    sizes: [20_000, 200_000],
    bound: least(0.5, 0.9),
  },
  {
    command: 'open',
    id: 'D6',
    title: 'program: open, per waiting machine',
    unit: 'ns',
    peer: 'bare iteration of the rows',
    sizes: [50_000, 1_000_000],
    bound: most(2.5, 1.5),
  },
]

function inside(shop: Workshop, command: string, n: number, effort: Effort): Pair {
  effort.say(`durable: ${command}`)
  return JSON.parse(runProcess(shop.childOf('durable-inside', [command, n, effort.passes])).output) as Pair
}

export const durableProbe: Probe = {
  ids: ['durable', 'D1', 'D2', 'D3', 'D5', 'D6'],
  run(shop, effort) {
    return MEASURED.map(({ command, id, title, unit, peer, sizes, bound }): Row => {
      const { ours, theirs } = inside(shop, command, sizes[effort.quick ? 0 : 1], effort)
      return ratioRow({ id, title, unit }, ours, peer, theirs, bound)
    })
  },
}
