import { join } from 'node:path'
import { most, ratios, runProcess, summarise } from './measure.ts'
import { root } from './peers.ts'
import { ask, type Probe, passes } from './probes.ts'
import { type Row, ratioRow } from './row.ts'

/** The tuplespace in memory, without the language: `npm run bench -- space`. Warm, each in a process of its own, alternately. What is compared with what: README. */

interface Each {
  readonly nsEach: number
}

export const spaceProbe: Probe = {
  ids: ['space'],
  run(shop, effort) {
    const hops = effort.quick ? 100_000 : 2_000_000
    const rounds = effort.quick ? 20_000 : 200_000
    const baseline = (name: string): number => {
      const args = [join(root, 'bench', 'baseline', 'js', `${name}.mjs`), String(hops)]
      return (JSON.parse(runProcess({ file: process.execPath, args }).output) as Each).nsEach
    }
    const plain: number[] = []
    const named: number[] = []
    const ours: Record<string, number[]> = { kernel: [], space: [], json: [] }
    const few: Record<string, number[]> = { depth: [], 'keyed-data': [], 'keyed-continuations': [] }
    const many: Record<string, number[]> = { depth: [], 'keyed-data': [], 'keyed-continuations': [] }
    passes(effort, 'space', () => {
      plain.push(baseline('closures'))
      named.push(baseline('named'))
      for (const kind of Object.keys(ours)) ours[kind].push(ask<Each>(shop, [kind, hops]).nsEach)
      for (const kind of Object.keys(few)) {
        few[kind].push(ask<Each>(shop, [kind, 10, rounds]).nsEach)
        many[kind].push(ask<Each>(shop, [kind, kind === 'depth' ? 100_000 : 10_000, rounds]).nsEach)
      }
    })
    const about = (title: string, note?: string) => ({ id: 'space', title, unit: 'ns', note })
    const comm = (kind: string, title: string, floor: number): Row =>
      ratioRow(about(`a COMM: ${title}`), ours[kind], 'js-closures', plain, most(floor))
    const bare = summarise(ratios(ours.json, plain))?.median.toFixed(0)
    const size = (kind: string, title: string, floor: number): Row => ratioRow(about(title), many[kind], 'with 10', few[kind], most(floor))
    return [
      comm('kernel', 'the kernel alone', 3),
      comm('space', 'handles, trivial pattern', 3),
      ratioRow(
        about('a COMM: JSON, string channels, pattern with a key', `JSON: ${bare}× channels that have no names and take whatever comes`),
        ours.json,
        'js-named',
        named,
        most(15),
      ),
      size('depth', 'append and take, 100,000 data on the channel', 1.5),
      size('keyed-data', 'match by key, 10,000 data on the channel', 3),
      size('keyed-continuations', 'match by key, 10,000 continuations on the channel', 3),
    ]
  },
}
