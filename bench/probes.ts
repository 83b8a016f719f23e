import { join } from 'node:path'
import type { Effort } from './jobs.ts'
import { type Bound, least, medianOf, most, runProcess, timeAnswer } from './measure.ts'
import { library, root, type Workshop } from './peers.ts'
import { JOBS, type Job } from './programs.ts'
import { plainRow, type Row, ratioRow } from './row.ts'
import type { Stages } from './stages.ts'
import { DEPLOYS, RAW_KINDS } from './suite.ts'
import { NESTINGS } from './texts.ts'

/** Measurements that are not jobs: compilers, memory, start-up. */

export interface Probe {
  readonly ids: readonly string[]
  /** @param wants whether one of the ids was asked for: probes with dear parts leave out the others */
  readonly run: (shop: Workshop, effort: Effort, wants: (id: string) => boolean) => Row[] | Promise<Row[]>
}

/** Heap for four million parked receives. */
const ROOM = ['--max-old-space-size=8192']
const WEIGH = ['--expose-gc', ...ROOM]

/** What a measurement inside a process of its own answers (`inside.ts`). @param input what it reads */
export function ask<T>(shop: Workshop, args: readonly (string | number)[], flags: readonly string[] = [], input?: string): T {
  return JSON.parse(runProcess(shop.child(args, flags, input)).output) as T
}

interface Parsed {
  readonly bytes: number
  readonly ms: number
}

const nsPerByte = (c: Parsed): number => (c.ms * 1e6) / c.bytes

/** A pass in which one goes after the other, as often as asked for. */
export function passes(effort: Effort, label: string, once: () => void): void {
  for (let pass = 1; pass <= effort.passes; pass++) {
    effort.say(`${label}: pass ${pass} of ${effort.passes}`)
    once()
  }
}

/** The largest growth of a cost from one size to a larger one. */
export function growth(costs: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY
  let most = 1
  for (const cost of costs) {
    most = Math.max(most, cost / least)
    least = Math.min(least, cost)
  }
  return most
}

function sharesOf(s: Stages): string {
  const total = Object.values(s).reduce((sum: number, ms: number) => sum + ms, 0)
  return Object.entries(s)
    .map(([stage, ms]) => `${stage} ${Math.round((100 * ms) / total)} %`)
    .join(', ')
}

const compileSpeed: Probe = {
  ids: ['C1'],
  run(shop, effort) {
    const bytes = effort.quick ? 200_000 : 1_000_000
    const ms = effort.quick ? 400 : 2000
    const bound = least(0.3, 0.7)
    const samples = { generated: [] as number[], acorn: [] as number[], folder: [] as number[], acornSmall: [] as number[] }
    const examples = join(root, 'examples')
    passes(effort, 'C1', () => {
      samples.generated.push(nsPerByte(ask(shop, ['generated', bytes, ms])))
      samples.acorn.push(nsPerByte(ask(shop, ['javascript', library, bytes, ms])))
      const folder = ask<Parsed>(shop, ['folder', examples, ms])
      samples.folder.push(nsPerByte(folder))
      samples.acornSmall.push(nsPerByte(ask(shop, ['javascript', library, folder.bytes, ms])))
    })
    const shares = {
      generated: sharesOf(ask(shop, ['generated-stages', bytes / 10, ms])),
      folder: sharesOf(ask(shop, ['folder-stages', examples, ms])),
    }
    const about = (what: string, note: string) => ({ id: 'C1', title: `source to verified bytecode: ${what}`, unit: 'ns/byte', note })
    return [
      ratioRow(about(`generated, ${bytes / 1000} kB`, `generated: ${shares.generated}`), samples.generated, 'acorn', samples.acorn, bound),
      ratioRow(about('all examples', `examples: ${shares.folder}`), samples.folder, 'acorn', samples.acornSmall, bound),
    ]
  },
}

/** Measurements of each size, in turn, for one figure of C2. */
const TURNS = 3

const compileGrowth: Probe = {
  ids: ['C2'],
  run(shop, effort) {
    const sizes = effort.quick ? [1000, 10_000, 100_000, 1_000_000] : [1000, 10_000, 100_000, 1_000_000, 10_000_000]
    // the goal ends at 10,000; beyond it the growth is told, not judged
    const depths = [1000, 10_000]
    const deeper = effort.quick ? [] : [100_000]
    const ms = effort.quick ? 300 : 1000
    const bound = most(1.5, 1.2)
    const bySize: number[] = []
    const kinds = Object.keys(NESTINGS)
    const byDepth: Record<string, number[]> = Object.fromEntries(kinds.map(kind => [kind, []]))
    const beyond: Record<string, number[]> = Object.fromEntries(kinds.map(kind => [kind, []]))
    // the largest of several ratios is what an accident makes large: each cost is the median of some that are measured in turn
    const steady = (inputs: readonly (readonly (string | number)[])[]): number[] => {
      const turns = Array.from({ length: TURNS }, () => inputs.map(input => nsPerByte(ask(shop, [...input, ms], ROOM))))
      return inputs.map((_, i) => medianOf(turns.map(costs => costs[i])))
    }
    passes(effort, 'C2', () => {
      bySize.push(growth(steady(sizes.map(size => ['generated', size]))))
      for (const kind of kinds) {
        const costs = steady([...depths, ...deeper].map(depth => ['nested', kind, depth]))
        byDepth[kind].push(growth(costs.slice(0, depths.length)))
        if (deeper.length > 0) beyond[kind].push(growth(costs))
      }
    })
    const row = (title: string, samples: number[], judged = true) =>
      plainRow({ id: 'C2', title: `growth of compile time per byte: ${title}`, unit: '×' }, samples, judged ? bound : null)
    return [
      row(`1 kB to ${sizes.at(-1)! / 1e6} MB`, bySize),
      ...kinds.map(kind => row(`${kind} nested 1,000 to 10,000 deep`, byDepth[kind])),
      ...(deeper.length > 0 ? kinds.map(kind => row(`${kind} nested 1,000 to 100,000 deep`, beyond[kind], false)) : []),
    ]
  },
}

interface Parked {
  /** All that were parked before still wait. */
  readonly nsEach: number
  /** Every space was dropped before the next began. */
  readonly nsDropped: number
  readonly bytesEach: number
}

const parkedBytes: Probe = {
  ids: ['S1'],
  run(shop, effort) {
    const n = effort.quick ? 100_000 : 1_000_000
    const ours: number[] = []
    const theirs: number[] = []
    passes(effort, 'S1', () => {
      ours.push(ask<Parked>(shop, ['park', n, 1], WEIGH).bytesEach)
      if (shop.erlang !== null) theirs.push(Number(runProcess(shop.erlangProgram('parked', n)).output))
    })
    const about = {
      id: 'S1',
      title: `a parked receive with its own channel and two captures (${n.toLocaleString('en-US')})`,
      unit: 'bytes',
    }
    return [plainRow(about, ours, most(400, 220)), ratioRow(about, ours, 'erlang', shop.erlang === null ? null : theirs, least(6.5, 12))]
  },
}

const crowded: Probe = {
  ids: ['S2'],
  run(shop, effort) {
    const hops = effort.quick ? 100_000 : 2_000_000
    const many = effort.quick ? 100_000 : 1_000_000
    const few: number[] = []
    const crowd: number[] = []
    passes(effort, 'S2', () => {
      few.push(ask<Parked>(shop, ['crowd', 1000, hops], WEIGH).nsEach)
      crowd.push(ask<Parked>(shop, ['crowd', many, hops], WEIGH).nsEach)
    })
    const about = { id: 'S2', title: `a hop while ${many.toLocaleString('en-US')} receives are parked`, unit: 'ns/hop' }
    return [ratioRow(about, crowd, 'with 1,000 parked', few, most(1.5, 1.15))]
  },
}

const parkedGrowth: Probe = {
  ids: ['S3'],
  run(shop, effort) {
    const sizes = effort.quick ? [1000, 10_000, 100_000] : [10_000, 100_000, 1_000_000, 4_000_000]
    const enough = effort.quick ? 100_000 : 1_000_000
    const time: number[] = []
    const dropped: number[] = []
    const bytes: number[] = []
    const spread = (list: number[]): number => Math.max(...list) / Math.min(...list)
    passes(effort, 'S3', () => {
      const found = sizes.map(n => ask<Parked>(shop, ['park', n, enough], WEIGH))
      time.push(spread(found.map(f => f.nsEach)))
      dropped.push(spread(found.map(f => f.nsDropped)))
      bytes.push(spread(found.map(f => f.bytesEach)))
    })
    const row = (what: string, samples: number[], goal: Bound | null = most(2, 1.3)) =>
      plainRow(
        {
          id: 'S3',
          title: `${what} to park ${sizes[0].toLocaleString('en-US')} to ${sizes.at(-1)!.toLocaleString('en-US')}: most ÷ least each`,
          unit: '×',
        },
        samples,
        goal,
      )
    return [row('time', time), row('bytes', bytes), row('time, small spaces dropped at once,', dropped, null)]
  },
}

const FAR = 1e9

const slices: Probe = {
  ids: ['S4'],
  run(shop, effort) {
    const parked = effort.quick ? 100_000 : 1_000_000
    const count = effort.quick ? 100 : 500
    const ring = JOBS.find(j => j.id === 'ring') as Job
    const tail: number[] = []
    const worst: number[] = []
    passes(effort, 'S4', () => {
      const { ms } = ask<{ ms: number[] }>(shop, ['slices', parked, count], ROOM, ring.source(FAR))
      const sorted = [...ms].sort((a, b) => a - b)
      tail.push(sorted[Math.floor(count * 0.99)] / sorted[count >> 1])
      worst.push(sorted[count - 1])
    })
    const title = `slices of 10,000 COMMs while ${parked.toLocaleString('en-US')} receives are parked`
    return [
      plainRow({ id: 'S4', title: `${title}: p99 ÷ p50`, unit: '×' }, tail, most(5, 3)),
      plainRow({ id: 'S4', title: `${title}: the worst`, unit: 'ms' }, worst, most(30, 10)),
    ]
  },
}

const RAW_TITLES: Readonly<Record<string, string>> = {
  pairs: '100 receives, then 100 data',
  tasks: '200 tasks, ten data each on one channel',
  persistent: 'one receive that stays',
}

/** R12. */
const rawSpace: Probe = {
  ids: ['r12'],
  run(shop, effort) {
    const found: Record<string, number[]> = Object.fromEntries(RAW_KINDS.map(kind => [kind, []]))
    passes(effort, 'r12', () => {
      for (const kind of RAW_KINDS) {
        const { ns } = ask<{ ns: number[] }>(shop, ['raw', kind, effort.quick ? 100 : 500])
        found[kind].push(medianOf(ns))
      }
    })
    return RAW_KINDS.map(kind =>
      plainRow({ id: 'r12', title: `the tuplespace alone: ${RAW_TITLES[kind]}`, unit: 'ns/COMM' }, found[kind], null),
    )
  },
}

/** R15. */
const deployStream: Probe = {
  ids: ['r15'],
  run(shop, effort) {
    const samples: number[] = []
    passes(effort, 'r15', () => {
      const { ns } = ask<{ ns: number[] }>(shop, ['deploys', effort.quick ? 300 : 60_000 / effort.passes])
      samples.push(medianOf(ns) / 1000)
    })
    return [plainRow({ id: 'r15', title: `${DEPLOYS} small programs, each compiled, deployed and run`, unit: 'µs/program' }, samples, null)]
  },
}

const states: Probe = {
  ids: ['states'],
  run(shop, effort) {
    const machines = effort.quick ? 2000 : 50_000
    const snapshot: number[] = []
    const restore: number[] = []
    let bytes = 0
    passes(effort, 'states', () => {
      const found = ask<{ snapshot: number[]; restore: number[]; bytesEach: number }>(
        shop,
        ['states', machines, effort.quick ? 200 : 1000],
        ROOM,
      )
      snapshot.push(medianOf(found.snapshot))
      restore.push(medianOf(found.restore))
      bytes = found.bytesEach
    })
    const row = (what: string, samples: number[]) =>
      plainRow({ id: 'states', title: `${what} a waiting machine (of ${machines.toLocaleString('en-US')})`, unit: 'ns' }, samples, null)
    return [
      row('snapshot of', snapshot),
      row('restore of', restore),
      plainRow({ id: 'states', title: 'a waiting machine in a snapshot', unit: 'bytes' }, [bytes], null),
    ]
  },
}

const startUp: Probe = {
  ids: ['U1'],
  run(shop, effort) {
    const rounds = effort.quick ? 5 : 20
    const hello = shop.rho(join(root, 'examples', 'hello.rho'))
    const node = { file: process.execPath, args: ['-e', '0'] }
    const over: number[] = []
    const overStored: number[] = []
    const ours: number[] = []
    const theirs: number[] = []
    effort.say('U1')
    for (let i = 0; i < rounds; i++) {
      theirs.push(timeAnswer(node, ''))
      ours.push(timeAnswer(hello, '"Hello, world!"'))
      over.push(ours[i] - theirs[i])
      const space = join(shop.folder, `hello-${i}`)
      overStored.push(
        timeAnswer(shop.rho(join(root, 'examples', 'hello.rho'), ['--space', space, '--create']), '"Hello, world!"') - theirs[i],
      )
    }
    const gate = theirs.map(ms => 1.5 * ms + 100)
    return [
      plainRow({ id: 'U1', title: 'rho run examples/hello.rho, over bare Node', unit: 'ms' }, over, most(40, 15)),
      plainRow({ id: 'U1', title: 'the same with a new space on disk, over bare Node', unit: 'ms' }, overStored, most(60, 30)),
      ratioRow({ id: 'U1', title: 'rho run examples/hello.rho', unit: 'ms' }, ours, '1.5 × node -e 0 + 100 ms', gate, most(1, 1)),
    ]
  },
}

export const PROBES: readonly Probe[] = [
  compileSpeed,
  compileGrowth,
  parkedBytes,
  crowded,
  parkedGrowth,
  slices,
  startUp,
  rawSpace,
  deployStream,
  states,
]
