import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Effort } from './jobs.ts'
import { medianOf } from './measure.ts'
import type { Workshop } from './peers.ts'
import { short } from './row.ts'
import { SUITE } from './suite.ts'
import { passRatio } from './suite-run.ts'

/**
 * Has a change made programs slower? Compared are ratios to channels in plain JavaScript, never times, with the medians that `gate.json` keeps. One whose median
 * is more than 15 % worse fails; so does one that is not measured any more.
 */

export const SLACK = 0.15

const FILE = join(dirname(fileURLToPath(import.meta.url)), 'gate.json')

/** Programs that differ in what they do most: calls, joins, peeks, new channels, names built from parts, fan-out. */
export const GATED: readonly string[] = [
  'r4',
  'r5',
  'r7',
  'r8',
  'r10',
  'r11-1',
  'counting',
  'forkjoin-create',
  'big',
  'boundedbuffer',
  'logisticmap',
  'fibonacci',
  'skynet',
  'micro-linear',
  'micro-persistent',
  'micro-join2',
]

export interface Medians {
  readonly v: 1
  /** Program → ratio to plain channels. */
  readonly medians: Readonly<Record<string, number>>
}

export interface Compared {
  readonly id: string
  readonly stored: number | null
  readonly now: number | null
  /** `new`: nothing was stored; `gone`: nothing was measured. */
  readonly verdict: 'same' | 'better' | 'worse' | 'new' | 'gone'
}

/** Ratio by ratio. `better` and `worse` differ by more than the slack. */
export function compare(stored: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): Compared[] {
  const ids = [...new Set([...Object.keys(stored), ...Object.keys(now)])]
  return ids.map(id => {
    const before = stored[id] ?? null
    const after = now[id] ?? null
    if (before === null) return { id, stored: before, now: after, verdict: 'new' }
    if (after === null || !Number.isFinite(after)) return { id, stored: before, now: null, verdict: 'gone' }
    const verdict = after > before * (1 + SLACK) ? 'worse' : after < before / (1 + SLACK) ? 'better' : 'same'
    return { id, stored: before, now: after, verdict }
  })
}

export const passes = (list: readonly Compared[]): boolean => list.every(c => c.verdict !== 'worse' && c.verdict !== 'gone')

/** Why nothing can be said on this machine now; null if it can. */
export function tooBusy(load: number, cores: number): string | null {
  return load > cores ? `skipped: the load average ${short(load)} is above the ${cores} cores, so times mean nothing` : null
}

/** Medians over interleaved passes. */
function measureGate(shop: Workshop, effort: Effort): Medians {
  const samples: Record<string, number[]> = Object.fromEntries(GATED.map(id => [id, []]))
  for (let pass = 1; pass <= effort.passes; pass++) {
    for (const id of GATED) {
      effort.say(`gate: pass ${pass} of ${effort.passes}, ${id}`)
      const entry = SUITE.find(e => e.id === id)
      if (entry !== undefined) samples[id].push(passRatio(entry, shop))
    }
  }
  const medians = Object.fromEntries(GATED.map(id => [id, Number(medianOf(samples[id]).toPrecision(4))]))
  return { v: 1, medians }
}

export function storedMedians(): Medians | null {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Medians) : null
}

/**
 * `npm run bench -- --gate`.
 * @param store keep the medians instead of comparing with them
 * @returns exit code
 */
export function runGate(shop: Workshop, effort: Effort, store: boolean, print: (text: string) => void): number {
  const busy = tooBusy(loadavg()[0], availableParallelism())
  if (busy !== null && !store) {
    print(`gate: ${busy}`)
    return 0
  }
  const now = measureGate(shop, effort)
  if (store) {
    writeFileSync(FILE, `${JSON.stringify(now, null, 2)}\n`)
    print(`gate: stored ${Object.keys(now.medians).length} ratios${busy === null ? '' : `, although the machine is busy (${busy})`}`)
    return 0
  }
  const list = compare(storedMedians()?.medians ?? {}, now.medians)
  for (const c of list) {
    const of = (n: number | null): string => (n === null ? '–' : `${short(n)}×`)
    print(`${c.verdict.padEnd(6)}  ${c.id.padEnd(18)} ${of(c.stored).padStart(8)} → ${of(c.now)}`)
  }
  const ok = passes(list)
  print(ok ? 'gate: no program is more than 15 % slower than it was, against plain channels' : 'gate: failed')
  return ok ? 0 : 1
}
