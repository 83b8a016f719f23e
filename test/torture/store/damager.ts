import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../../rspace/store/index.ts'
import { verifyCopy } from '../../../rspace/store/repair.ts'
import { type Damaged, harmed } from './harm.ts'
import { codeOf, difference, Model, remove, rowsOfStore, stepOf } from './world.ts'

/**
 * Spoils copies of two stores, case after case, and reads them; a malformed table may end this process, and the parent then starts the
 * next one behind that case. Says `b CASE` before each and then its verdict: `r` refused, `h` harmless, `n` nothing to spoil, `f TEXT` failed.
 */
const [base, ...numbers] = process.argv.slice(2) as [string, ...string[]]
const [seed, steps, from, to, stride] = numbers.map(Number) as [number, number, number, number, number]
const REFUSALS = new Set(['CORRUPT', 'NEEDS_REPAIR', 'VERSION', 'NOT_A_SPACE', 'NO_SUCH_SPACE', 'CODEC_MISMATCH'])
const say = (line: string) => writeSync(1, `${line}\n`)
const models = new Map<number, Map<string, string>>()
const modelAt = (step: number) => {
  let model = models.get(step)
  if (model === undefined) models.set(step, (model = Model.at(seed, step)))
  return model
}

async function verdict(i: number): Promise<string> {
  const dir = join(base, `case-${i}`)
  let damage: Damaged | undefined
  try {
    damage = harmed(base, dir, seed, i)
    if (damage === undefined) return 'n'
    const { isClean, what } = damage
    const report = await verifyCopy(dir)
    if (!report.ok) return 'r'
    // The verdict "good" is checked against the model, by the way that a user opens it.
    remove(dir)
    harmed(base, dir, seed, i)
    const store = await openStore(dir)
    const rows = await rowsOfStore(store)
    const step = stepOf(rows)
    await store.close()
    if (isClean && step !== steps) return `f ${what}: silently back at ${step}`
    const wrong = difference(rows, modelAt(step))
    return wrong === undefined ? 'h' : `f ${what}: silently wrong: ${wrong}`
  } catch (e) {
    if (REFUSALS.has(codeOf(e))) return 'r'
    return `f ${damage?.what ?? ''} ${codeOf(e)} ${e instanceof Error ? e.message : ''}`.replaceAll('\n', ' ')
  } finally {
    remove(dir)
  }
}

for (let i = from; i < to; i += stride) {
  say(`b ${i}`)
  say(await verdict(i))
}
