import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Adds up the reports in `reports/` and writes the sums into docs/reliability.md: `npx tsx test/torture/sum.ts`. */

interface Report {
  readonly date: string
  readonly commit: string
  readonly minutes: number
  readonly seed: number
  readonly node: string
  readonly families: readonly { id: number; name: string; cases: number; failures: readonly string[] }[]
}

const START = '<!-- sums: written by test/torture/sum.ts -->'
const END = '<!-- end of sums -->'

export function readReports(): Report[] {
  const folder = new URL('./reports/', import.meta.url)
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Report)
}

export function sums(reports: readonly Report[]): string {
  const families = new Map<string, { id: number; name: string; cases: number; failures: number; runs: number }>()
  for (const { families: list } of reports) {
    for (const { id, name, cases, failures } of list) {
      const key = `${String(id).padStart(2, '0')} ${name}`
      const sum = families.get(key) ?? { id, name, cases: 0, failures: 0, runs: 0 }
      families.set(key, { ...sum, cases: sum.cases + cases, failures: sum.failures + failures.length, runs: sum.runs + 1 })
    }
  }
  const rows = [...families.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, f]) => `| ${f.id} | ${f.name} | ${f.runs} | ${f.cases.toLocaleString('en')} | ${f.failures} |`)
  const runs = reports.map(r => {
    const failures = r.families.reduce((n, f) => n + f.failures.length, 0)
    return `| ${r.date.slice(0, 16).replace('T', ' ')} | ${r.commit} | ${r.minutes} | ${r.seed} | ${r.node} | ${failures} |`
  })
  return [
    START,
    '',
    '| | Family | Runs | Cases | Exceptions |',
    '|---|---|---:|---:|---:|',
    ...rows,
    '',
    '| Run (UTC) | Commit | Minutes | First seed | Node | Exceptions |',
    '|---|---|---:|---:|---|---:|',
    ...runs,
    '',
    END,
  ].join('\n')
}

const page = new URL('../../docs/reliability.md', import.meta.url)
export function withSums(text: string, reports: readonly Report[]): string {
  return text.slice(0, text.indexOf(START)) + sums(reports) + text.slice(text.indexOf(END) + END.length)
}
export const readPage = (): string => readFileSync(page, 'utf8')

if (process.argv[1]?.endsWith('sum.ts')) writeFileSync(page, withSums(readPage(), readReports()))
