import { killAndResume, random } from '../../durable/killing.ts'
import { AUDIT_RIGHT, SUBJECTS, type Subject } from '../../durable/programs.ts'
import { Installed, type Line } from '../../durable/rho.ts'
import type { Budget, Outcome } from '../store/world.ts'

/** How long each program goes on: some seconds with a dozen kills. */
const SIZES: Readonly<Record<string, number>> = {
  'bank transfers': 30_000,
  'ping-pong': 600_000,
  philosophers: 20_000,
  'growing store': 3_000,
  'output-heavy': 60_000,
}
const KILLS = 12

function outputs(lines: readonly Line[]): string[] {
  return lines.filter(l => l.kind === 'output').map(l => l.text as string)
}

/** What differs between a run that was killed and one that was not. */
function differences(subject: Subject, plain: readonly string[], seen: ReadonlyMap<number, string>): string[] {
  const all = Array.from({ length: seen.size }, (_, i) => seen.get(i + 1) ?? 'missing')
  const wrong = all.filter(text => text.startsWith('["audit"') && text !== AUDIT_RIGHT)
  const printed = all.filter(text => !text.startsWith('["audit"'))
  const same = subject.ordered
    ? JSON.stringify(printed) === JSON.stringify(plain)
    : JSON.stringify([...printed].sort()) === JSON.stringify([...plain].sort())
  return same ? wrong : [...wrong, `printed ${printed.length} lines, an undisturbed run ${plain.length}, or others`]
}

/** Durable programs: `kill -9` at drawn moments until the run has been killed a dozen times, then the comparison. A case is one kill. */
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
      const plain = await rho.run(['run', '--format', 'json', rho.file('plain.rho', subject.source(size))])
      const durability = below(3) === 0 ? 'power' : 'process'
      const run = await killAndResume(rho, subject, size, KILLS, budget.seed, durability)
      cases += run.kills
      notes[subject.name] = run.kills
      for (const problem of [...run.problems, ...differences(subject, outputs(plain.lines), run.seen)])
        failures.push(`seed ${budget.seed}, ${subject.name} (${size}, ${durability}): ${problem}`)
    }
  } finally {
    rho.remove()
  }
  return { cases, failures, notes }
}
