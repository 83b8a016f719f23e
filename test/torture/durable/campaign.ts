import { parseArgs } from 'node:util'
import { killPrograms } from './kill.ts'

/**
 * A campaign against durable programs: `--kills N [--seed S]`, by default 1,000 in one go, however long it takes; round after round over the mixed corpus, each with
 * a seed of its own. Prints a line for every round and a sum. Exit 1 if anything was not as in an undisturbed run.
 */
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } },
})
const wanted = Number(values.kills)
const firstSeed = Number(values.seed)
if (!(wanted > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error('usage: --kills N [--seed S]')
  process.exit(2)
}

const start = performance.now()
const byProgram = new Map<string, number>()
let kills = 0
let failures = 0
for (let seed = firstSeed; kills < wanted; seed++) {
  const round = await killPrograms({ cases: wanted - kills, seed })
  kills += round.cases
  failures += round.failures.length
  for (const [name, n] of Object.entries(round.notes ?? {})) byProgram.set(name, (byProgram.get(name) ?? 0) + n)
  console.log(`seed ${seed}: ${round.cases} kills, ${round.failures.length} failures, ${Math.round((performance.now() - start) / 1000)} s`)
  for (const f of round.failures) console.log(`    ${f}`)
}
console.log(`${kills} kills, ${failures} failures: ${[...byProgram].map(([name, n]) => `${name} ${n}`).join(', ')}`)
process.exitCode = failures > 0 ? 1 : 0
