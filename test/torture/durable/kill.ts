import { killOften, random } from '../../durable/killing.ts'
import { SUBJECTS } from '../../durable/programs.ts'
import { Installed } from '../../durable/rho.ts'
import type { Budget, Outcome } from '../store/world.ts'

/** How long each program goes on: some seconds with twenty kills. */
const SIZES: Readonly<Record<string, number>> = {
  'bank transfers': 30_000,
  'ping-pong': 600_000,
  philosophers: 20_000,
  'growing store': 2_500,
  'output-heavy': 60_000,
}
const KILLS = 20

/** Durable programs: `kill -9` at drawn moments until there were twenty, then the comparison. A case is one kill. */
export async function killPrograms(budget: Budget): Promise<Outcome> {
  const rho = new Installed()
  const failures: string[] = []
  const notes: Record<string, number> = {}
  let cases = 0
  try {
    await rho.build()
    const below = random(budget.seed)
    for (let i = 0; i < SUBJECTS.length; i++) {
      const subject = SUBJECTS[(budget.seed + i) % SUBJECTS.length]
      if (budget.isOver?.() === true || cases >= budget.cases) break
      const size = SIZES[subject.name]
      const durability = below(3) === 0 ? 'power' : 'process'
      const run = await killOften(rho, subject, { size, kills: KILLS, seed: budget.seed, durability })
      cases += run.kills
      notes[subject.name] = run.kills
      failures.push(...run.problems)
    }
  } finally {
    rho.remove()
  }
  return { cases, failures, notes }
}
