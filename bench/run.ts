import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Effort, idsOf, measureJob } from './jobs.ts'
import { WrongAnswer } from './measure.ts'
import { root, Workshop } from './peers.ts'
import { PROBES as ENGINE } from './probes.ts'
import { JOBS } from './programs.ts'
import { type Row, table } from './row.ts'
import { spaceProbe } from './space.ts'
import { storeProbe } from './store.ts'

const PROBES = [...ENGINE, spaceProbe, storeProbe]

/** `npm run bench`: see README.md in this folder. */

const USAGE = `npm run bench -- [IDS] [--quick | --full] [--runs N] [--format table|json] [--rho FILE] [--no-save]

  IDS       what to measure: ${[...new Set([...JOBS.flatMap(idsOf), ...PROBES.flatMap(p => p.ids)])].join(' ')}; nothing: all
  --quick   small sizes, one pass: to see that everything works; the figures are rough
  --full    sizes that take a second, five interleaved passes (the default)
  --runs    interleaved passes
  --rho     a built command (dist/cli.js) to measure instead of the sources as they are
  --no-save do not write bench/results`

class WrongUse extends Error {}

interface Options {
  readonly ids: readonly string[]
  readonly json: boolean
  readonly save: boolean
  readonly rho: string | null
  readonly effort: Effort
}

function readOptions(argv: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      runs: { type: 'string' },
      format: { type: 'string' },
      rho: { type: 'string' },
      'no-save': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return null
  if (values.quick === true && values.full === true) throw new WrongUse('--quick and --full contradict each other')
  const format = values.format ?? 'table'
  if (format !== 'table' && format !== 'json') throw new WrongUse(`--format is table or json; found ${format}`)
  const quick = values.quick === true
  const passes = Number(values.runs ?? (quick ? 1 : 5))
  if (!Number.isInteger(passes) || passes < 1) throw new WrongUse(`--runs takes a number of passes; found ${values.runs}`)
  const known = new Set([...JOBS.flatMap(idsOf), ...PROBES.flatMap(p => p.ids)])
  const unknown = positionals.find(id => !known.has(id))
  if (unknown !== undefined) throw new WrongUse(`nothing is called ${unknown}`)
  const say = process.stderr.isTTY
    ? (text: string) => process.stderr.write(`\r\x1b[K${text}`)
    : (text: string) => process.stderr.write(`${text}\n`)
  return {
    ids: positionals,
    json: format === 'json',
    save: values['no-save'] !== true,
    rho: values.rho ?? null,
    effort: { quick, passes, largeMs: quick ? 250 : 1000, say },
  }
}

function machineFacts(): object {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    load: loadavg().map(n => Math.round(n * 100) / 100),
  }
}

/** A measurement that cannot be taken is a row that says why; the others go on. */
async function guarded(id: string, rows: () => Promise<Row[]> | Row[]): Promise<Row[]> {
  try {
    return await rows()
  } catch (e) {
    const why = e instanceof WrongAnswer || e instanceof SyntaxError ? e.message : String((e as Error).stack)
    const missing = { ours: null, peer: null, theirs: null, value: null, valueUnit: '', bound: null, aimReached: false }
    return [
      { ...missing, id, title: 'could not be measured', unit: '', verdict: 'no figure', note: why.replace(/\s+/g, ' ').slice(0, 500) },
    ]
  }
}

async function measure(shop: Workshop, options: Options): Promise<Row[]> {
  const wanted = (ids: readonly string[]): boolean => options.ids.length === 0 || ids.some(id => options.ids.includes(id))
  const rows: Row[] = []
  for (const job of JOBS) if (wanted(idsOf(job))) rows.push(...(await guarded(job.id, () => measureJob(job, shop, options.effort))))
  for (const probe of PROBES) if (wanted(probe.ids)) rows.push(...(await guarded(probe.ids[0], () => probe.run(shop, options.effort))))
  return rows
}

function save(result: object, date: Date): string {
  const folder = join(root, 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  const file = join(
    folder,
    `${date
      .toISOString()
      .replace(/[:.]\d+Z$/, '')
      .replaceAll(':', '-')
      .replace(/\..*/, '')}.json`,
  )
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
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
  const shop = await Workshop.open(options.rho)
  try {
    const date = new Date()
    const before = machineFacts()
    const rows = await measure(shop, options)
    options.effort.say('')
    const versions = shop.versions()
    const { quick, passes, largeMs } = options.effort
    const result = {
      v: 1,
      date: date.toISOString(),
      flags: { quick, passes, largeMs, ids: options.ids },
      machine: before,
      loadAfter: loadavg(),
      versions,
      rows,
    }
    const file = options.save ? save(result, date) : null
    console.log(options.json ? JSON.stringify(result) : `${table(rows)}\n\n${heading(before, versions, rows)}`)
    if (file !== null) options.effort.say(`every sample: ${file}\n`)
    if (loadavg()[0] > cpus().length) options.effort.say('the machine is busy: these figures are worth little\n')
    return 0
  } finally {
    shop.close()
  }
}

try {
  process.exitCode = await main()
} catch (e) {
  const wrongUse = e instanceof WrongUse || (e as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
  if (!wrongUse) throw e
  console.error(`${(e as Error).message}\n\n${USAGE}`)
  process.exitCode = 2
}
