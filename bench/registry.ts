import { durableProbe } from './durable.ts'
import { idsOf, measureJob } from './jobs.ts'
import { modelProbe } from './model/probe.ts'
import { PROBES, type Probe } from './probes.ts'
import { JOBS } from './programs.ts'
import { spaceProbe } from './space.ts'
import { storeProbe } from './store.ts'
import { SUITE } from './suite.ts'
import { mixedProbe } from './suite-run.ts'
import { workersProbe } from './workers.ts'

/** Everything that can be measured, in the order of the result. A module of its own plugs in here: rows with ids, floors and aims (`Probe`), one line. */
export const SECTIONS: readonly Probe[] = [
  ...JOBS.map((job): Probe => ({ ids: idsOf(job), run: (shop, effort) => measureJob(job, shop, effort) })),
  ...PROBES,
  spaceProbe,
  storeProbe,
  durableProbe,
  workersProbe,
  mixedProbe,
  modelProbe,
]

/** What can be asked for on the command line: goals and jobs, programs of the suite, and sets of them. */
const SETS = [...new Set(SUITE.map(e => e.set))]
export const IDS: readonly string[] = [...new Set([...SECTIONS.flatMap(s => s.ids), 'suite', ...SETS, ...SUITE.map(e => e.id)])]

/** The programs of the suite that a list of ids asks for; an empty list asks for all. */
export const programsOf = (ids: readonly string[]) =>
  SUITE.filter(e => ids.length === 0 || ids.includes('suite') || ids.includes(e.set) || ids.includes(e.id) || ids.includes(e.file))
