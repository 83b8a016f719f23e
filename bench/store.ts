import type { Effort } from './jobs.ts'
import { type Bound, least, most, runProcess } from './measure.ts'
import type { Workshop } from './peers.ts'
import type { Probe } from './probes.ts'
import { plainRow, type Row, ratioRow } from './row.ts'
import type { Pair } from './store-inside.ts'

/** The tuplespace on disk, against the bare engine and against itself in memory: `npm run bench -- space`. Each pair runs alternately in one process. */

function inside<T>(shop: Workshop, command: string, n: number, effort: Effort, flags: readonly string[] = []): T {
  effort.say(`space: ${command}`)
  return JSON.parse(runProcess(shop.childOf('store-inside', [command, n, effort.passes], flags)).output) as T
}

interface Compared {
  readonly command: string
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly peer: string
  /** Units of work, quick and full. */
  readonly sizes: readonly [number, number]
  readonly bound: Bound
}

const PAIRS: readonly Compared[] = [
  ...(['process', 'power'] as const).flatMap((durability): Compared[] => [
    {
      command: `rows-${durability}`,
      id: 'space',
      title: `durable, ${durability}: 4 rows per COMM, the store alone`,
      unit: 'ns/COMM',
      peer: 'bare engine',
      sizes: [20_000, 200_000],
      bound: least(0.5),
    },
    {
      command: durability,
      id: 'space',
      title: `durable, ${durability}: 4 rows per COMM, COMM and encoding included`,
      unit: 'ns/COMM',
      peer: 'bare engine',
      sizes: [10_000, 100_000],
      bound: least(0.5),
    },
  ]),
  {
    command: 'inside',
    id: 'space',
    title: 'durable: produce and consume inside one group',
    unit: 'ns',
    peer: 'in memory',
    sizes: [50_000, 500_000],
    bound: most(1.2),
  },
  {
    command: 'callers',
    id: 'space',
    title: 'durable, power: 64 callers that wait for each write',
    unit: 'ns',
    peer: 'bare engine, one by one',
    sizes: [3200, 12_800],
    bound: least(10),
  },
  {
    command: 'recovery',
    id: 'space',
    title: 'open: per record',
    unit: 'ns',
    peer: 'bare iteration',
    sizes: [50_000, 500_000],
    bound: most(2.5),
  },
  {
    command: 'ring',
    id: 'D1',
    title: 'ring, durable groups',
    unit: 'ns/COMM',
    peer: 'in memory',
    sizes: [50_000, 1_000_000],
    bound: least(0.5, 0.8),
  },
  {
    command: 'counter',
    id: 'D1',
    title: 'counter, durable groups',
    unit: 'ns/COMM',
    peer: 'in memory',
    sizes: [50_000, 1_000_000],
    bound: least(0.5, 0.8),
  },
  {
    command: 'bank',
    id: 'D2',
    title: 'bank of 10,000 cells, durable groups',
    unit: 'ns/COMM',
    peer: 'in memory',
    sizes: [20_000, 200_000],
    bound: least(0.2, 0.4),
  },
  {
    command: 'against',
    id: 'D3',
    title: 'durable COMMs of a counter against rows of the bare engine',
    unit: 'ns',
    peer: 'bare engine, 1,000 a batch, synced',
    sizes: [50_000, 1_000_000],
    bound: least(5, 15),
  },
  {
    command: 'history',
    id: 'D4',
    title: 'every event kept',
    unit: 'ns/COMM',
    peer: 'in memory',
    sizes: [20_000, 200_000],
    bound: least(0.15, 0.3),
  },
  {
    command: 'park',
    id: 'D5',
    title: 'park receives durably',
    unit: 'ns',
    peer: 'bare engine, 1,000 a batch, synced',
    sizes: [20_000, 200_000],
    bound: least(0.5, 0.9),
  },
  {
    command: 'recovery',
    id: 'D6',
    title: 'recovery, per record',
    unit: 'ns',
    peer: 'bare iteration',
    sizes: [50_000, 500_000],
    bound: least(0.3, 0.7),
  },
]

interface States {
  readonly digest: number[]
  readonly mark: number[]
  readonly rollbackFew: number[]
  readonly rollbackMany: number[]
}
interface Effects {
  readonly read: number
  readonly shallow: number
  readonly deep: number
  readonly blockedMs: number
}
interface Weights {
  readonly datum: number
  readonly channel: number
  readonly continuation: number
}

export const storeProbe: Probe = {
  ids: ['space', 'D1', 'D2', 'D3', 'D4', 'D5', 'D6'],
  run(shop, effort) {
    const rows: Row[] = PAIRS.map(({ command, id, title, unit, peer, sizes, bound }) => {
      const { ours, theirs } = inside<Pair>(shop, command, sizes[effort.quick ? 0 : 1], effort)
      return ratioRow({ id, title, unit }, ours, peer, theirs, bound)
    })
    const states = inside<States>(shop, 'states', effort.quick ? 20_000 : 200_000, effort)
    rows.push(
      plainRow({ id: 'space', title: 'digest, per changed record', unit: 'ns' }, states.digest, most(5000)),
      plainRow({ id: 'space', title: 'mark', unit: 'ns' }, states.mark, most(1000)),
      ratioRow(
        { id: 'space', title: 'rollback of 10 changes beside many records', unit: 'ns' },
        states.rollbackMany,
        'beside 10',
        states.rollbackFew,
        most(1.5),
      ),
    )
    const w = inside<Weights>(shop, 'weights', effort.quick ? 20_000 : 200_000, effort, ['--expose-gc'])
    rows.push(
      plainRow({ id: 'space', title: 'memory per datum of 100 bytes', unit: 'B' }, [w.datum], most(400)),
      plainRow({ id: 'space', title: 'memory per idle channel', unit: 'B' }, [w.channel], most(300)),
      plainRow({ id: 'space', title: 'memory per continuation', unit: 'B' }, [w.continuation], most(350)),
    )
    const e = inside<Effects>(shop, 'effects', effort.quick ? 1000 : 10_000, effort)
    rows.push(
      plainRow({ id: 'space', title: 'rows written for reading channels', unit: 'rows' }, [e.read], most(0)),
      ratioRow(
        { id: 'space', title: 'append and take, bytes written beside 100,000 data', unit: 'B' },
        [e.deep],
        'beside 10',
        [e.shallow],
        most(1.1),
      ),
      plainRow({ id: 'space', title: 'thread busy with a commit of 1,000 records, at a stretch', unit: 'ms' }, [e.blockedMs], most(2)),
    )
    return rows
  },
}
