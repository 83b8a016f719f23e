import { parseArgs } from 'node:util'
import { type Line, Report } from '../report.ts'
import { killPrograms } from './kill.ts'

/**
 * A campaign against durable programs: `--kills N [--seed S] [--json FILE]`, by default 1,000 in one go, however long it takes; round after round over the mixed
 * corpus, each with a seed of its own. Prints a line for every round and a sum; writes a report as `test/torture/run.ts` does. Exit 1 if anything was not as in an undisturbed run.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'string' },
  },
})
const wanted = Number(values.kills)
const firstSeed = Number(values.seed)
if (!(wanted > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error('usage: --kills N [--seed S] [--json FILE]')
  process.exit(2)
}

const start = performance.now()
const report = new Report(firstSeed)
const line: Line = { id: 1, name: 'kill -9 of durable programs', cases: 0, failures: [], seeds: [], notes: {} }
for (let seed = firstSeed; line.cases < wanted; seed++) {
  const round = await killPrograms({ cases: wanted - line.cases, seed })
  line.cases += round.cases
  line.failures.push(...round.failures)
  if (round.failures.length > 0) line.seeds.push(seed)
  for (const [name, n] of Object.entries(round.notes ?? {})) line.notes[name] = (line.notes[name] ?? 0) + n
  console.log(`seed ${seed}: ${round.cases} kills, ${round.failures.length} failures, ${Math.round((performance.now() - start) / 1000)} s`)
  for (const f of round.failures) console.log(`    ${f}`)
}
const counts = Object.entries(line.notes).map(([name, n]) => `${name} ${n}`)
console.log(`${line.cases} kills, ${line.failures.length} failures: ${counts.join(', ')}`)
console.log(`report: ${report.write(Math.round((performance.now() - start) / 60_000), [line], values.json)}`)
process.exitCode = line.failures.length > 0 ? 1 : 0
