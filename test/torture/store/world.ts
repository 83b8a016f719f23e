import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Delta, Store } from '../../../rspace/store/index.ts'
import { Random } from '../../support/random.ts'

/** The world all families share: a deterministic sequence of deltas, a model of what they do, and temporary directories. */

/** One family's run: how long, and from which seed. */
export interface Budget {
  readonly cases: number
  readonly seed: number
  /** Ends the run early (long form); cases are then an upper bound. */
  readonly isOver?: () => boolean
}

export interface Outcome {
  readonly cases: number
  /** One line each, with what is needed to run the case again. */
  readonly failures: string[]
  readonly notes: Record<string, number>
}

export function datumKey(cid: number, ref: number): Uint8Array {
  const key = new Uint8Array(19)
  key[0] = 'D'.charCodeAt(0)
  const view = new DataView(key.buffer)
  view.setBigUint64(1, BigInt(cid))
  view.setBigUint64(9, BigInt(ref))
  return key
}

/** Every delta also writes this row, so that a state says by itself how many deltas it contains. */
const STEP_KEY = new TextEncoder().encode('Xstep')

function stepValue(step: number): Uint8Array {
  const value = new Uint8Array(8)
  new DataView(value.buffer).setBigUint64(0, BigInt(step))
  return value
}

export type Rows = Map<string, string>
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/**
 * Delta number `step` of the world `seed`: few keys, so that rows are replaced and deleted; some large values, so that logs
 * rotate and tables are compacted.
 */
export function deltaAt(seed: number, step: number): Delta & { put: [Uint8Array, Uint8Array][]; del: Uint8Array[] } {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b))
  const put = new Map<number, Uint8Array>()
  const del = new Set<number>()
  for (let n = 1 + random.below(6); n > 0; n--) {
    const slot = random.below(120)
    if (random.oneIn(3)) {
      if (!put.has(slot)) del.add(slot)
    } else if (!del.has(slot)) put.set(slot, random.bytes(random.oneIn(40) ? 12_000 : random.below(200)))
  }
  const key = (slot: number) => datumKey(slot % 7, slot)
  return {
    put: [[STEP_KEY, stepValue(step)], ...[...put].map(([slot, v]): [Uint8Array, Uint8Array] => [key(slot), v])],
    del: [...del].map(key),
  }
}

/** What the rows must be after the first `step` deltas. */
export class Model {
  readonly seed: number
  readonly rows: Rows = new Map()
  step = 0

  constructor(seed: number) {
    this.seed = seed
  }

  advance(to: number): this {
    while (this.step < to) {
      const { put, del } = deltaAt(this.seed, ++this.step)
      for (const [k, v] of put) this.rows.set(textOf(k), textOf(v))
      for (const k of del) this.rows.delete(textOf(k))
    }
    return this
  }

  static at(seed: number, step: number): Rows {
    return new Model(seed).advance(step).rows
  }
}

export async function rowsOfStore(store: Store): Promise<Rows> {
  const rows: Rows = new Map()
  for await (const page of store.rows()) for (const [k, v] of page) rows.set(textOf(k), textOf(v))
  return rows
}

export function stepOf(rows: Rows): number {
  const value = rows.get(textOf(STEP_KEY))
  return value === undefined ? 0 : Number(Buffer.from(value, 'latin1').readBigUInt64BE())
}

/** What differs first, or undefined. */
export function difference(is: Rows, should: Rows): string | undefined {
  for (const [k, v] of should)
    if (is.get(k) !== v) return `row ${Buffer.from(k, 'latin1').toString('hex')} is ${is.has(k) ? 'wrong' : 'missing'}`
  for (const k of is.keys()) if (!should.has(k)) return `row ${Buffer.from(k, 'latin1').toString('hex')} should not be there`
  return undefined
}

/**
 * Where worlds are made. The quick forms open thousands of stores, so they use memory where the system offers it as a directory:
 * the engine and its files are real, only syncing is free. The long form uses the disk.
 */
export const place = { dir: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() }

export function temporary(name: string): string {
  return mkdtempSync(join(place.dir, `rhizome-${name}-`))
}

export function remove(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
}

/**
 * Copy the files of a directory (not its folders, not its locks): what a crash at this moment would leave. The engine may drop a table that it has merged while
 * it is being copied; then the copy is made again.
 */
export function copyFiles(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    mkdirSync(to, { recursive: true })
    const before = new Set(readdirSync(to))
    const names = readdirSync(from).filter(name => name !== 'LOCK' && !name.startsWith('RHZ.LOCK'))
    try {
      for (const name of names) if (!statSync(join(from, name)).isDirectory()) copyFileSync(join(from, name), join(to, name))
      return
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 20) throw e
      for (const name of names) if (!before.has(name)) rmSync(join(to, name), { force: true })
    }
  }
}

export function cut(file: string, length: number): void {
  truncateSync(file, length)
}

/** The newest log of the engine, if it has any content. */
export function logFile(dir: string): string | undefined {
  const logs = readdirSync(dir).filter(n => /^\d+\.log$/.test(n) && statSync(join(dir, n)).size > 0)
  const last = logs.sort().at(-1)
  return last === undefined ? undefined : join(dir, last)
}

/** Run `one(i)` for i = 0 … cases − 1, a few at a time, until the budget is over. */
export async function runCases(budget: Budget, abreast: number, one: (i: number) => Promise<void>): Promise<number> {
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < budget.cases && budget.isOver?.() !== true) {
      await one(next++)
      done++
    }
  }
  await Promise.all(Array.from({ length: abreast }, worker))
  return done
}

export function codeOf(e: unknown): string {
  return e instanceof Error ? String((e as { code?: unknown }).code ?? e.message) : String(e)
}
