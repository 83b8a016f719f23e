import { closeSync, copyFileSync, fstatSync, linkSync, mkdirSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, Reader } from '../../../rspace/store/index.ts'
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
  Random,
  remove,
  rowsOfStore,
  runCases,
  stepOf,
  temporary,
} from './world.ts'

/** Families 3 and 5: what is on disk is not what was written. */

const REFUSALS = new Set(['CORRUPT', 'NEEDS_REPAIR', 'VERSION', 'NOT_A_SPACE', 'NO_SUCH_SPACE', 'CODEC_MISMATCH'])

/** Makes the directory for one case: links to the untouched files, a copy of the one that is going to be changed. */
function variant(from: string, to: string, changed: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    if (name === changed || name.startsWith('RHZ.')) copyFileSync(join(from, name), join(to, name))
    else linkSync(join(from, name), join(to, name))
  }
}

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
    const dir = await crashed(base, seed, 60)
    const log = logFile(dir)!
    const name = log.slice(dir.length + 1)
    const { size } = statSync(log)
    const models = Array.from({ length: 61 }, (_, step) => Model.at(seed, step))
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
    if (reached[0] !== 60) failures.push(`seed ${seed}: the whole log gave ${reached[0]}`)
    return { cases, failures, notes }
  } finally {
    remove(base)
  }
}

const HARM = ['bit', 'byte', 'block', 'zeros', 'cut', 'swap'] as const

/** Change a file the way failing media and careless hands do. False: there was nothing to change. */
function harm(file: string, how: (typeof HARM)[number], random: Random): boolean {
  const fd = openSync(file, 'r+')
  try {
    const { size } = fstatSync(fd)
    if (size === 0) return false
    const at = random.below(size)
    if (how === 'cut') {
      cut(file, at)
      return true
    }
    const length = how === 'bit' || how === 'byte' ? 1 : Math.min(how === 'zeros' ? 4096 : 512, size - at)
    const was = Buffer.alloc(length)
    readSync(fd, was, 0, length, at)
    let now = Buffer.from(random.bytes(length))
    if (how === 'bit') now = Buffer.from([was[0]! ^ (1 << random.below(8))])
    if (how === 'zeros') now = Buffer.alloc(length)
    if (how === 'swap') now = Buffer.from(was).reverse()
    writeSync(fd, now, 0, length, at)
    return !now.equals(was)
  } finally {
    closeSync(fd)
  }
}

/** Family 5: damage in every kind of file, read in a child. Nothing wrong and nothing missing passes silently; this process never dies. */
export async function damageFiles(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes: Record<string, number> = { refused: 0, harmless: 0, deaths: 0 }
  const base = temporary('damage')
  const readers = [new Reader(), new Reader()]
  try {
    const { seed } = budget
    const steps = 90
    const templates: { dir: string; isClean: boolean }[] = []
    // Two stores with tables and log: one closed cleanly, one as a crash leaves it.
    const made = join(base, 'made')
    const options = { writeBufferBytes: 65_536, keep: { commits: 30, bytes: 5000 } }
    let store = await openStore(made, { ...options, create: true })
    for (let step = 1; step <= steps - 20; step++) await store.commit(deltaAt(seed, step))
    await store.close()
    store = await openStore(made, options)
    for (let step = steps - 19; step <= steps; step++) await store.commit(deltaAt(seed, step))
    copyFiles(made, join(base, 'crashed'))
    templates.push({ dir: join(base, 'crashed'), isClean: false })
    await store.close()
    copyFiles(made, join(base, 'clean'))
    templates.push({ dir: join(base, 'clean'), isClean: true })
    const cases = await runCases(budget, readers.length, async i => {
      const random = new Random(seed * 49_979_687 + i)
      const { dir, isClean } = templates[i % 2]!
      const file = random.pick(readdirSync(dir))
      const how = random.pick(HARM)
      const where = `seed ${seed} case ${i} (${how} in ${file}, ${isClean ? 'clean' : 'crashed'})`
      const to = join(base, `case-${i}`)
      variant(dir, to, file)
      if (!harm(join(to, file), how, random)) return remove(to)
      try {
        const report = await readers[i % readers.length]!.run({ kind: 'verify', dir: to })
        if (report.ok) {
          // The verdict "good" is checked against the model; the reading above has shown that it is safe to open.
          const fresh = join(base, `again-${i}`)
          mkdirSync(fresh)
          for (const name of readdirSync(to)) if (name !== 'LOCK') copyFileSync(join(to, name), join(fresh, name))
          const again = await openStore(fresh, { readOnly: true })
          const rows = await rowsOfStore(again)
          const step = stepOf(rows)
          if (isClean && step !== steps) failures.push(`${where}: silently back at ${step}`)
          const wrong = difference(rows, Model.at(seed, step))
          if (wrong !== undefined) failures.push(`${where}: silently wrong: ${wrong}`)
          await again.close()
          remove(fresh)
          notes.harmless!++
        } else notes.refused!++
      } catch (e) {
        if (REFUSALS.has(codeOf(e))) notes.refused!++
        else failures.push(`${where}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
      }
      remove(to)
    })
    notes.deaths = readers.reduce((n, r) => n + r.deaths, 0)
    return { cases, failures, notes }
  } finally {
    for (const r of readers) r.close()
    remove(base)
  }
}
