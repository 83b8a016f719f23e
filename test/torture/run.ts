import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { killPrograms } from './durable/kill.ts'
import { type Line, Report } from './report.ts'
import { randomPrograms, replays } from './space/programs.ts'
import { schedules } from './space/schedules.ts'
import { forgedNames, fuzz, scale, smallWorlds, soak } from './space/worlds.ts'
import { cutEverywhere, damageFiles } from './store/damage.ts'
import { fullDisk, killAtRandom, killDuringRecovery } from './store/kill.ts'
import { failEveryCall, loseUnsynced } from './store/lost.ts'
import { locks, wrongDirectories } from './store/places.ts'
import { type Budget, type Outcome, place } from './store/world.ts'

/**
 * The long form of the reliability families: `--minutes N [--only 1,5] [--seed S] [--json FILE]`, by default test/torture/reports/DATE.json. The time is divided by weight;
 * every family runs with new seeds until its share is used up. A failure prints everything needed to run it again. Exit 1 if any.
 */
interface Family {
  readonly id: number
  readonly name: string
  readonly weight: number
  /** Cases of one round; a round has one seed. */
  readonly cases: number
  run(budget: Budget): Promise<Outcome>
}

const FAMILIES: readonly Family[] = [
  { id: 1, name: 'kill -9 at random moments', weight: 4, cases: 200, run: killAtRandom },
  { id: 2, name: 'kill during recovery, repair, copies, checkpoints', weight: 2, cases: 96, run: killDuringRecovery },
  { id: 3, name: 'log cut at every byte', weight: 2, cases: 65_536, run: cutEverywhere },
  { id: 4, name: 'lost unsynced writes', weight: 1, cases: 2000, run: loseUnsynced },
  { id: 5, name: 'damage in every file', weight: 4, cases: 2000, run: damageFiles },
  { id: 6, name: 'failing engine calls', weight: 1, cases: 1024, run: failEveryCall },
  { id: 6, name: 'full disk', weight: 1, cases: 50, run: fullDisk },
  { id: 7, name: 'wrong directories', weight: 1, cases: 60, run: wrongDirectories },
  { id: 1, name: 'kill -9 of durable programs', weight: 4, cases: 60, run: killPrograms },
  { id: 8, name: 'locks', weight: 2, cases: 60, run: locks },
  { id: 9, name: 'random programs', weight: 3, cases: 50, run: randomPrograms },
  { id: 10, name: 'small worlds', weight: 1, cases: 20_000, run: smallWorlds },
  { id: 11, name: 'replay', weight: 1, cases: 200, run: replays },
  { id: 12, name: 'bytes and patterns from nowhere', weight: 1, cases: 4000, run: fuzz },
  { id: 13, name: 'schedules', weight: 1, cases: 500, run: schedules },
  { id: 14, name: 'soak', weight: 1, cases: 2_000_000, run: soak },
  { id: 15, name: 'confusable names', weight: 1, cases: 10_000, run: forgedNames },
  { id: 16, name: 'scale', weight: 1, cases: 50_000, run: scale },
]

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    only: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'string' },
  },
})
const minutes = Number(values.minutes)
const firstSeed = Number(values.seed)
const only = values.only?.split(',').map(Number)
const chosen = FAMILIES.filter(f => only === undefined || only.includes(f.id))
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed) || chosen.length === 0) {
  console.error('usage: --minutes N [--only 1,5] [--seed S] [--json FILE]')
  process.exit(2)
}

const report = new Report(firstSeed)
place.dir = tmpdir()
const weights = chosen.reduce((sum, f) => sum + f.weight, 0)
const lines: Line[] = []
for (const family of chosen) {
  const line: Line = { id: family.id, name: family.name, cases: 0, failures: [], seeds: [], notes: {} }
  lines.push(line)
  const end = performance.now() + (minutes * 60_000 * family.weight) / weights
  const isOver = () => performance.now() >= end
  for (let seed = firstSeed; !isOver(); seed++) {
    const { cases, failures, notes } = await family.run({ cases: family.cases, seed, isOver })
    line.cases += cases
    line.failures.push(...failures)
    if (failures.length > 0) line.seeds.push(seed)
    // Maxima are named so; everything else is a count.
    for (const [k, v] of Object.entries(notes))
      line.notes[k] = /slowest/.test(k) ? Math.max(line.notes[k] ?? 0, v) : (line.notes[k] ?? 0) + v
  }
  console.log(
    `${family.id} ${family.name}: ${line.cases} cases, ${line.failures.length} failures, from seed ${firstSeed} ${JSON.stringify(line.notes)}`,
  )
  for (const f of line.failures.slice(0, 20)) console.log(`    ${f}`)
}
console.log(`report: ${report.write(minutes, lines, values.json)}`)
process.exitCode = lines.some(l => l.failures.length > 0) ? 1 : 0
