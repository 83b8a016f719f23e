import { statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, verifyDir } from '../../../rspace/store/index.ts'
import { buildPrograms, start } from './children.ts'
import { harmed, variant } from './harm.ts'
import {
  type Budget,
  codeOf,
  copyFiles,
  cut,
  deltaAt,
  difference,
  logFile,
  Model,
  type Outcome,
  remove,
  rowsOfStore,
  runCases,
  stepOf,
  temporary,
} from './world.ts'

/** Families 3 and 5: what is on disk is not what was written. */

const REFUSALS = new Set(['CORRUPT', 'NEEDS_REPAIR', 'VERSION', 'NOT_A_SPACE', 'NO_SUCH_SPACE', 'CODEC_MISMATCH'])

/** A store of `steps` small commits, as a crash would leave it. */
async function crashed(base: string, seed: number, steps: number): Promise<string> {
  const dir = join(base, `made-${seed}`)
  const store = await openStore(dir, { create: true, keep: { commits: 30, bytes: 5000 } })
  for (let step = 1; step <= steps; step++) await store.commit(deltaAt(seed, step))
  const copy = join(base, `crashed-${seed}`)
  copyFiles(dir, copy)
  await store.close()
  return copy
}

/** Commits for a log of at least so many bytes. */
const stepsFor = (bytes: number): number => (bytes > 8192 ? 160 : 24)

/**
 * Family 3: the log ends anywhere. What opens is a prefix whose number is reported, and longer logs never give shorter prefixes.
 * `cases` is the number of bytes cut off, one more each time.
 */
export async function cutEverywhere(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes = { refused: 0 }
  const base = temporary('torn')
  try {
    const { seed } = budget
    const steps = stepsFor(budget.cases)
    const dir = await crashed(base, seed, steps)
    const log = logFile(dir)!
    const name = log.slice(dir.length + 1)
    const { size } = statSync(log)
    const models = Array.from({ length: steps + 1 }, (_, step) => Model.at(seed, step))
    const reached: number[] = []
    const cases = await runCases({ ...budget, cases: Math.min(budget.cases, size) }, 3, async i => {
      const to = join(base, `cut-${i}`)
      variant(dir, to, name)
      cut(join(to, name), size - i)
      try {
        const store = await openStore(to)
        const rows = await rowsOfStore(store)
        const step = stepOf(rows)
        reached[i] = step
        if (store.recovered !== step) failures.push(`seed ${seed} cut ${i}: recovered says ${store.recovered}, the rows say ${step}`)
        const wrong = difference(rows, models[step]!)
        if (wrong !== undefined) failures.push(`seed ${seed} cut ${i}: not a prefix: ${wrong}`)
        await store.close()
      } catch (e) {
        notes.refused++
        if (!REFUSALS.has(codeOf(e))) failures.push(`seed ${seed} cut ${i}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
      }
      remove(to)
    })
    for (let i = 1; i < reached.length; i++) {
      if (reached[i]! > reached[i - 1]!) failures.push(`seed ${seed} cut ${i}: a shorter log gave a longer prefix`)
    }
    if (cases > 0 && reached[0] !== steps) failures.push(`seed ${seed}: the whole log gave ${reached[0]}`)
    return { cases, failures, notes }
  } finally {
    remove(base)
  }
}

/** Children that spoil and read at the same time. */
const ABREAST = 2

/** Family 5: damage in every kind of file, read in child processes. Nothing wrong and nothing missing passes silently; this process never dies. */
export async function damageFiles(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes = { refused: 0, harmless: 0, unchanged: 0, deaths: 0 }
  const base = temporary('damage')
  const programs = await buildPrograms()
  try {
    const { seed } = budget
    const steps = 60
    // Two stores with tables and log: one closed cleanly, one as a crash leaves it.
    const made = join(base, 'made')
    const options = { writeBufferBytes: 65_536, keep: { commits: 30, bytes: 5000 } }
    let store = await openStore(made, { ...options, create: true })
    for (let step = 1; step <= steps - 20; step++) await store.commit(deltaAt(seed, step))
    await store.close()
    store = await openStore(made, options)
    for (let step = steps - 19; step <= steps; step++) await store.commit(deltaAt(seed, step))
    copyFiles(made, join(base, 'crashed'))
    await store.close()
    copyFiles(made, join(base, 'clean'))
    let cases = 0
    const deadly: number[] = []
    const lane = async (first: number): Promise<void> => {
      for (let next = first; next < budget.cases && budget.isOver?.() !== true; ) {
        const run = start(programs.damager, [base, seed, steps, next, budget.cases, ABREAST].map(String))
        const stopping = setInterval(() => budget.isOver?.() === true && run.child.kill('SIGKILL'), 200)
        await run.ended
        clearInterval(stopping)
        let begun: number | undefined
        for (const line of run.lines) {
          if (line.startsWith('b ')) {
            begun = Number(line.slice(2))
            continue
          }
          if (begun === undefined || !/^[rhnf]/.test(line)) continue
          cases++
          if (line === 'r') notes.refused++
          else if (line === 'h') notes.harmless++
          else if (line === 'n') notes.unchanged++
          else failures.push(`seed ${seed} case ${begun} (${line.slice(2)})`)
          next = begun + ABREAST
          begun = undefined
        }
        if (begun === undefined && run.child.exitCode !== 0 && budget.isOver?.() !== true) {
          failures.push(`seed ${seed} near case ${next}: the reading process ended: ${run.lines.at(-1)}`)
          return
        }
        if (begun === undefined || budget.isOver?.() === true) continue
        cases++
        notes.deaths++
        deadly.push(begun)
        next = begun + ABREAST
      }
    }
    await Promise.all(Array.from({ length: ABREAST }, (_, i) => lane(i)))
    // What ended the reading process must be a refusal for the one who asks, and no more.
    for (const i of deadly.slice(0, 5)) {
      const dir = join(base, `deadly-${i}`)
      const damage = harmed(base, dir, seed, i)
      const report = await verifyDir(dir)
      if (report.ok) failures.push(`seed ${seed} case ${i} (${damage?.what}): ended one reader, and was good for the next`)
      remove(dir)
    }
    return { cases, failures, notes }
  } finally {
    programs.remove()
    remove(base)
  }
}
