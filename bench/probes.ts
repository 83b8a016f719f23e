import { join } from 'node:path'
import type { Effort } from './jobs.ts'
import { runProcess, timeAnswer } from './measure.ts'
import { root, type Workshop } from './peers.ts'
import { plainRow, type Row, ratioRow } from './row.ts'
import type { Stages } from './stages.ts'
import { NESTINGS } from './texts.ts'

/** Measurements that are not jobs: compilers, memory, start-up. */

export interface Probe {
  readonly ids: readonly string[]
  readonly run: (shop: Workshop, effort: Effort) => Row[]
}

/** Heap for four million parked receives. */
const ROOM = ['--max-old-space-size=8192']
const WEIGH = ['--expose-gc', ...ROOM]

export function ask<T>(shop: Workshop, args: readonly (string | number)[], flags: readonly string[] = []): T {
  return JSON.parse(runProcess(shop.child(args, flags)).output) as T
}

interface Parsed {
  readonly bytes: number
  readonly ms: number
}

interface Compiled extends Parsed {
  readonly stages: Stages
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

const sharesOf = (c: Compiled): string =>
  Object.entries(c.stages)
    .map(([stage, ms]) => `${stage} ${Math.round((100 * ms) / c.ms)} %`)
    .join(', ')

const compileSpeed: Probe = {
  ids: ['C1'],
  run(shop, effort) {
    const bytes = effort.quick ? 200_000 : 1_000_000
    const ms = effort.quick ? 400 : 2000
    const library = join(root, 'node_modules', 'acorn', 'dist', 'acorn.mjs')
    const bound = { kind: 'least', floor: 0.3, aim: 0.7 } as const
    const samples = { generated: [] as number[], acorn: [] as number[], folder: [] as number[], acornSmall: [] as number[] }
    const shares = { generated: '', folder: '' }
    passes(effort, 'C1', () => {
      const generated = ask<Compiled>(shop, ['generated', bytes, ms])
      samples.generated.push(nsPerByte(generated))
      shares.generated = sharesOf(generated)
      samples.acorn.push(nsPerByte(ask(shop, ['javascript', library, bytes, ms])))
      const folder = ask<Compiled>(shop, ['folder', join(root, 'examples'), ms])
      samples.folder.push(nsPerByte(folder))
      shares.folder = sharesOf(folder)
      samples.acornSmall.push(nsPerByte(ask(shop, ['javascript', library, folder.bytes, ms])))
    })
    const about = (what: string, note: string) => ({ id: 'C1', title: `source to verified bytecode: ${what}`, unit: 'ns/byte', note })
    return [
      ratioRow(about(`generated, ${bytes / 1000} kB`, `generated: ${shares.generated}`), samples.generated, 'acorn', samples.acorn, bound),
      ratioRow(about('all examples', `examples: ${shares.folder}`), samples.folder, 'acorn', samples.acornSmall, bound),
    ]
  },
}

const compileGrowth: Probe = {
  ids: ['C2'],
  run(shop, effort) {
    const sizes = effort.quick ? [1000, 10_000, 100_000, 1_000_000] : [1000, 10_000, 100_000, 1_000_000, 10_000_000]
    const depths = effort.quick ? [1000, 10_000] : [1000, 10_000, 100_000]
    const ms = effort.quick ? 300 : 1000
    const bound = { kind: 'most', floor: 1.5, aim: 1.2 } as const
    const bySize: number[] = []
    const byDepth: Record<string, number[]> = Object.fromEntries(Object.keys(NESTINGS).map(kind => [kind, []]))
    passes(effort, 'C2', () => {
      bySize.push(growth(sizes.map(size => nsPerByte(ask(shop, ['generated', size, ms], ROOM)))))
      for (const kind of Object.keys(NESTINGS))
        byDepth[kind].push(growth(depths.map(depth => nsPerByte(ask(shop, ['nested', kind, depth, ms], ROOM)))))
    })
    const row = (title: string, samples: number[]) =>
      plainRow({ id: 'C2', title: `growth of compile time per byte: ${title}`, unit: '×' }, samples, bound)
    return [
      row(`1 kB to ${sizes.at(-1)! / 1e6} MB`, bySize),
      ...Object.entries(byDepth).map(([kind, samples]) =>
        row(`${kind} nested 1,000 to ${depths.at(-1)!.toLocaleString('en-US')} deep`, samples),
      ),
    ]
  },
}

interface Parked {
  readonly nsEach: number
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
    return [
      plainRow(about, ours, { kind: 'most', floor: 400, aim: 220 }),
      ratioRow(about, ours, 'erlang', shop.erlang === null ? null : theirs, { kind: 'least', floor: 6.5, aim: 12 }),
    ]
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
    return [ratioRow(about, crowd, 'with 1,000 parked', few, { kind: 'most', floor: 1.5, aim: 1.15 })]
  },
}

const parkedGrowth: Probe = {
  ids: ['S3'],
  run(shop, effort) {
    const sizes = effort.quick ? [1000, 10_000, 100_000] : [10_000, 100_000, 1_000_000, 4_000_000]
    const enough = effort.quick ? 100_000 : 1_000_000
    const time: number[] = []
    const bytes: number[] = []
    const spread = (list: number[]): number => Math.max(...list) / Math.min(...list)
    passes(effort, 'S3', () => {
      const found = sizes.map(n => ask<Parked>(shop, ['park', n, enough], WEIGH))
      time.push(spread(found.map(f => f.nsEach)))
      bytes.push(spread(found.map(f => f.bytesEach)))
    })
    const row = (what: string, samples: number[]) =>
      plainRow(
        {
          id: 'S3',
          title: `${what} to park ${sizes[0].toLocaleString('en-US')} to ${sizes.at(-1)!.toLocaleString('en-US')}: most ÷ least each`,
          unit: '×',
        },
        samples,
        { kind: 'most', floor: 2, aim: 1.3 },
      )
    return [row('time', time), row('bytes', bytes)]
  },
}

const startUp: Probe = {
  ids: ['U1'],
  run(shop, effort) {
    const rounds = effort.quick ? 5 : 20
    const hello = shop.rho(join(root, 'examples', 'hello.rho'))
    const node = { file: process.execPath, args: ['-e', '0'] }
    const over: number[] = []
    const ours: number[] = []
    const theirs: number[] = []
    effort.say('U1')
    for (let i = 0; i < rounds; i++) {
      theirs.push(timeAnswer(node, ''))
      ours.push(timeAnswer(hello, '"Hello, world!"'))
      over.push(ours[i] - theirs[i])
    }
    const gate = theirs.map(ms => 1.5 * ms + 100)
    return [
      plainRow({ id: 'U1', title: 'rho run examples/hello.rho, over bare Node', unit: 'ms' }, over, { kind: 'most', floor: 40, aim: 15 }),
      ratioRow({ id: 'U1', title: 'rho run examples/hello.rho', unit: 'ms' }, ours, '1.5 × node -e 0 + 100 ms', gate, {
        kind: 'most',
        floor: 1,
        aim: 1,
      }),
    ]
  },
}

export const PROBES: readonly Probe[] = [compileSpeed, compileGrowth, parkedBytes, crowded, parkedGrowth, startUp]
