import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { whyNotInto, writeResults } from './docs.ts'
import { runGate } from './gate.ts'
import type { Effort } from './jobs.ts'
import { WrongAnswer } from './measure.ts'
import { isBuilt, root, Workshop } from './peers.ts'
import { chartsOf, svg } from './plot.ts'
import { IDS, programsOf, SECTIONS } from './registry.ts'
import { type Row, table } from './row.ts'
import { SUITE } from './suite.ts'
import type { Way } from './suite-inside.ts'
import { failedProgram, measureProgram, type ProgramResult, programTable, targetRows } from './suite-run.ts'
import { type Compared, compareWorkers, workerRows, workersTable } from './suite-workers.ts'

/** `npm run bench`, `rho bench`: see README.md in this folder. */

const USAGE = `rho bench [IDS] [flags]          (in a clone also: npm run bench -- [IDS] [flags])

  IDS          what to measure; nothing: all. Goals and jobs:
               ${wrap([...new Set(SECTIONS.flatMap(s => s.ids))])}
               sets of programs: suite rholang savina game micro; or one of:
               ${wrap(SUITE.map(e => e.id))}
  --quick      small sizes, one pass: to see that everything works; the figures are rough
  --full       sizes that take a second, five interleaved passes (the default; three where numbers of workers are compared)
  --runs N     interleaved passes
  --trick      fused | literal | both: compare programs with primitives as COMMs (default both)
  --no-recorder    do not compare programs with a recorded run
  --traced         compare them with a run whose events are made, too
  --durability LIST    compare programs with stored runs: process, power, or both (default memory only)
  --workers LIST   only compare programs with numbers of workers, such as 0,2,auto; the first is what the others are compared with
  --format     table | json | svg
  --docs FILE  write the tables into a document, between its marks
  --gate       only compare with the stored ratios of the regression gate; exit 1 if a program got slower
  --store      with --gate: store the ratios instead
  --rho FILE   another built command (dist/cli.js) to measure
  --no-save    do not write bench/results`

function wrap(words: readonly string[]): string {
  const lines: string[] = ['']
  for (const word of words) {
    if ((lines.at(-1) as string).length + word.length > 100) lines.push('')
    lines[lines.length - 1] += `${word} `
  }
  return lines.map(l => l.trim()).join('\n               ')
}

class WrongUse extends Error {}

type Format = 'table' | 'json' | 'svg'

interface Options {
  readonly ids: readonly string[]
  readonly format: Format
  readonly save: boolean
  readonly docs: string | null
  readonly gate: 'compare' | 'store' | null
  readonly rho: string | null
  readonly effort: Effort
}

function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  if (!(allowed as readonly string[]).includes(text)) throw new WrongUse(`--${flag} is ${allowed.join(', ')}; found ${text}`)
  return text as T
}

/** Other ways to run the programs, as the flags ask for them. */
function waysOf(trick: string, recorder: boolean, traced: boolean, durability: string): Way[] {
  const ways: Way[] = []
  if (oneOf('trick', trick, ['fused', 'literal', 'both']) !== 'fused') ways.push('literal')
  if (recorder) ways.push('recorder')
  if (traced) ways.push('trace')
  for (const kind of durability.split(',')) {
    const found = oneOf('durability', kind, ['memory', 'process', 'power'])
    if (found !== 'memory') ways.push(found)
  }
  return ways
}

function readOptions(argv: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      runs: { type: 'string' },
      trick: { type: 'string', default: 'both' },
      'no-recorder': { type: 'boolean' },
      traced: { type: 'boolean' },
      durability: { type: 'string', default: 'memory' },
      workers: { type: 'string', default: '0' },
      format: { type: 'string', default: 'table' },
      docs: { type: 'string' },
      gate: { type: 'boolean' },
      store: { type: 'boolean' },
      rho: { type: 'string' },
      'no-save': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return null
  if (values.quick === true && values.full === true) throw new WrongUse('--quick and --full contradict each other')
  if (values.store === true && values.gate !== true) throw new WrongUse('--store belongs to --gate')
  const quick = values.quick === true
  const workers = values.workers.split(',')
  const passes = Number(values.runs ?? (quick ? 1 : workers.length > 1 ? 3 : 5))
  if (!Number.isInteger(passes) || passes < 1) throw new WrongUse(`--runs takes a number of passes; found ${values.runs}`)
  const ids = positionals.flatMap(p => p.split(','))
  const unknown = ids.find(id => !IDS.includes(id))
  if (unknown !== undefined) throw new WrongUse(`nothing is called ${unknown}`)
  for (const w of workers) if (!/^(auto|\d+)$/.test(w)) throw new WrongUse(`--workers takes numbers of workers or auto; found ${w}`)
  const refused = values.docs === undefined ? undefined : whyNotInto(values.docs)
  if (refused !== undefined) throw new WrongUse(`--docs ${values.docs}: ${refused}`)
  const say = process.stderr.isTTY
    ? (text: string) => process.stderr.write(`\r\x1b[K${text}`)
    : (text: string) => process.stderr.write(`${text}\n`)
  return {
    ids,
    format: oneOf('format', values.format, ['table', 'json', 'svg']),
    save: values['no-save'] !== true,
    docs: values.docs ?? null,
    gate: values.gate === true ? (values.store === true ? 'store' : 'compare') : null,
    rho: values.rho ?? null,
    effort: {
      quick,
      passes,
      largeMs: quick ? 250 : 1000,
      say,
      ways: waysOf(values.trick, values['no-recorder'] !== true, values.traced === true, values.durability),
      workers,
    },
  }
}

function machineFacts(): object {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    load: loadavg().map(n => Math.round(n * 100) / 100),
  }
}

const whyNot = (e: unknown): string => {
  const why = e instanceof WrongAnswer || e instanceof SyntaxError ? e.message : String((e as Error).stack)
  return why.replace(/\s+/g, ' ').slice(0, 500)
}

/** A measurement that cannot be taken is a row that says why; the others go on. */
async function guarded(id: string, rows: () => Promise<Row[]> | Row[]): Promise<Row[]> {
  try {
    return await rows()
  } catch (e) {
    const missing = { ours: null, peer: null, theirs: null, value: null, valueUnit: '', bound: null, aimReached: false }
    return [{ ...missing, id, title: 'could not be measured', unit: '', verdict: 'no figure', note: whyNot(e) }]
  }
}

/** Everything that is asked for: rows of goals, and programs. */
async function measure(
  shop: Workshop,
  { ids, effort }: Options,
): Promise<{ rows: Row[]; programs: ProgramResult[]; compared: Compared[] }> {
  const wants = (id: string): boolean => ids.length === 0 || ids.includes(id)
  const rows: Row[] = []
  for (const section of SECTIONS)
    if (section.ids.some(wants)) rows.push(...(await guarded(section.ids[0], () => section.run(shop, effort, wants))))
  if (effort.workers.length > 1) {
    const compared = await compareWorkers(programsOf(ids), shop, effort)
    return { rows: [...rows, ...workerRows(compared)], programs: [], compared }
  }
  const plainIds = shop.plainIds()
  const programs: ProgramResult[] = []
  for (const entry of programsOf(ids)) {
    try {
      programs.push(measureProgram(entry, shop, effort, plainIds))
    } catch (e) {
      programs.push(failedProgram(entry, effort.quick ? entry.quick : entry.full, whyNot(e)))
    }
  }
  return { rows: [...rows, ...targetRows(programs)], programs, compared: [] }
}

/** Results of a clone go to its bench/results, those of an installed package to the working folder's. */
function save(result: object, picture: string, date: Date): string {
  const folder = join(isBuilt ? process.cwd() : root, 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  const name = date.toISOString().slice(0, 19).replaceAll(':', '-')
  const file = join(folder, `${name}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  writeFileSync(join(folder, `${name}.svg`), picture)
  return relative(process.cwd(), file)
}

function heading(facts: object, versions: Record<string, string | null>, rows: readonly Row[]): string {
  const machine = Object.entries(facts)
    .map(([k, v]) => `${k} ${Array.isArray(v) ? v.join(' ') : v}`)
    .join(', ')
  const installed = Object.entries(versions)
    .map(([k, v]) => `${k} ${v ?? 'not installed'}`)
    .join(', ')
  const count = (verdict: string): number => rows.filter(r => r.verdict === verdict).length
  const parts = ['met', 'missed', 'no peer', 'no figure'].map(v => `${count(v)} ${v}`).join(', ')
  const aims = rows.filter(r => r.aimReached).length
  return `${machine}\n${installed}\nfloors: ${parts}; ${aims} aims reached\n`
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    console.log(USAGE)
    return 0
  }
  const { effort } = options
  const shop = await Workshop.open(options.rho)
  try {
    if (options.gate !== null) return runGate(shop, effort, options.gate === 'store', text => console.log(text))
    const date = new Date()
    const before = machineFacts()
    const { rows, programs, compared } = await measure(shop, options)
    effort.say('')
    const versions = shop.versions()
    const { quick, passes, largeMs, ways, workers } = effort
    const result = {
      v: 1,
      date: date.toISOString(),
      flags: { quick, passes, largeMs, ways, workers, ids: options.ids },
      machine: before,
      loadAfter: loadavg(),
      versions,
      rows,
      programs,
      compared,
    }
    const picture = svg(chartsOf(rows, programs))
    const file = options.save ? save(result, picture, date) : null
    const tables = [
      rows.length > 0 ? table(rows) : '',
      programs.length > 0 ? programTable(programs) : '',
      compared.length > 0 ? workersTable(compared, workers) : '',
    ].filter(t => t !== '')
    const about = heading(before, versions, rows)
    if (options.docs !== null)
      writeResults(options.docs, [`Measured ${date.toISOString().slice(0, 10)}.`, ...about.trim().split('\n'), ...tables].join('\n\n'))
    const shown = { json: () => JSON.stringify(result), svg: () => picture, table: () => [...tables, about].join('\n\n') }
    console.log(shown[options.format]())
    if (file !== null) effort.say(`every sample: ${file}\n`)
    if (loadavg()[0] > availableParallelism()) effort.say('the machine is busy: these figures are worth little\n')
    return 0
  } finally {
    shop.close()
  }
}

main().then(
  code => {
    process.exitCode = code
  },
  (e: Error & { code?: string }) => {
    const isFlag = e.code?.startsWith('ERR_PARSE_ARGS') === true
    if (!isFlag && !(e instanceof WrongUse)) throw e
    // The host names the flag, then advises about arguments that begin with a hyphen.
    const flag = /-[\w-]+/.exec(e.message)?.[0]
    const known = e.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
    console.error(
      `rho: ${!isFlag ? e.message : known ? `${flag} is wrong: ${e.message.split('\n')[0]}` : `unknown flag ${flag}`}\n\n${USAGE}`,
    )
    process.exitCode = 2
  },
)
