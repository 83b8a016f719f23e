import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sources } from '../../src/base/source.ts'
import { type Directives, readDirectives } from '../../src/cli/directives.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import type { Failure } from '../../src/machine/outcome.ts'
import { type Compiled, Session, type SessionOptions } from '../../src/machine/session.ts'
import { normalize, normalizeOpen } from '../../src/normal/normalize.ts'
import type { Term } from '../../src/normal/term.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { parse } from '../../src/syntax/parser.ts'
import { LATER } from '../conformance/later.ts'
import { generateProgram } from '../support/generate.ts'
import { Random } from '../support/random.ts'

/** What the acceptance tests share: running programs, comparing what they leave, and the corpus of vm.md section 1. */

/** RHO_LONG=1 does ten times as much of everything that is counted. */
export const LONG = process.env.RHO_LONG === '1'
export function count(ordinary: number): number {
  return LONG ? 10 * ordinary : ordinary
}

/** The seed of random tests; RHO_SEED sets another. Tests show it when they fail. */
export const SEED = Number(process.env.RHO_SEED ?? 1)

/** Numbers below n by chance: the same seed gives the same ones. */
export function numbers(seed: number): (n: number) => number {
  const random = new Random(seed)
  return n => random.below(n)
}

export type Options = Omit<SessionOptions, 'host'> & { readonly input?: readonly string[] }

export interface Running {
  readonly session: Session
  readonly host: QuietHost
}

/** A session of its own; time is virtual. */
export function open(options: Options = {}): Running {
  const { input, ...rest } = options
  const host = new QuietHost(input)
  return { session: new Session({ virtualTime: true, seed: 1n, ...rest, host }), host }
}

export function compileIn(session: Session, text: string, name = 'test.rho'): Compiled {
  const { program, diagnostics } = session.compile(name, text)
  if (program === undefined) throw new Error(diagnostics.map(d => `${d.code} ${d.message}`).join('\n'))
  return program
}

/** Programs in one space, started, nothing run yet. */
export function load(texts: string | readonly string[], options: Options = {}): Running {
  const running = open(options)
  for (const text of typeof texts === 'string' ? [texts] : texts) running.session.deploy(compileIn(running.session, text))
  return running
}

/** Runs to rest (or a limit), at most `steps` slices. */
export function toRest({ session }: Running, steps = 2_000_000): string {
  for (let left = steps; left > 0; ) {
    const before = session.stats().steps
    const status = session.run(Math.min(left, 20_000))
    left -= Math.max(1, session.stats().steps - before)
    if (status !== 'budget') return status
  }
  return 'budget'
}

export function run(texts: string | readonly string[], options: Options = {}, steps?: number): Running {
  const running = load(texts, options)
  toRest(running, steps)
  return running
}

/** Runs and waits for promises and timers too. */
export async function settle(running: Running): Promise<string> {
  return await running.session.settle()
}

export function printed({ host }: Running): string[] {
  return host.output.lines('stdout')
}

export function place(start: number): string {
  const p = sources.place(start)
  return p === undefined ? '?' : `${p.line}:${p.column}`
}

export function failureText(f: Failure): string {
  return `${f.code} at ${place(f.start)}: ${f.message}`
}

/** What is left at rest, in the words of the reducer in `test/oracle`: unforgeable names are alike. */
export function leftForReducer(session: Session): string {
  const data: string[] = []
  for (const [name, messages] of session.data())
    for (const [v] of messages) data.push(`${name}!(${v.startsWith('Unforgeable') ? '#' : `@${v}`})`)
  const blocked = session.blocked()
  const serving = blocked.filter(b => b.persistent).length
  return `${data.sort().join(' ')} waiting ${blocked.length - serving} serving ${serving}`
}

/** What a run left, as a multiset (vm.md 0): lines printed, data on public names, failures, blocked receives. Names made by `new` are renamed. */
export interface Left {
  readonly lines: readonly string[]
  readonly data: readonly string[]
  readonly failures: readonly string[]
  readonly blocked: readonly string[]
}

export function left(running: Running): Left {
  const { session } = running
  return {
    lines: printed(running),
    data: [...session.data()].flatMap(([name, messages]) => messages.map(m => `${name}!(${m.join(', ')})`)),
    failures: session.failures.map(f => `${f.code} at ${place(f.start)}`),
    blocked: session.blocked().map(b => `${b.persistent ? '=' : '-'} ${place(b.start)} ${b.channels.join(' & ')}`),
  }
}

const FRESH = /Unforgeable\(0x[0-9a-f]+\)/g

/** Items sorted with their fresh names masked, then the names numbered by first appearance. */
export function canonical(items: readonly string[]): string[] {
  const order = items.map(text => [text.replace(FRESH, '#'), text] as const).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  const seen = new Map<string, number>()
  return order.map(([, text]) =>
    text.replace(FRESH, name => {
      const n = seen.get(name) ?? seen.size
      seen.set(name, n)
      return `#${n}`
    }),
  )
}

/** Equal exactly for runs with the same outcome. */
export function outcomeOf(running: Running): string {
  const { lines, data, failures, blocked } = left(running)
  return JSON.stringify(
    canonical([...lines.map(l => `> ${l}`), ...data.map(d => `data ${d}`), ...failures, ...blocked.map(b => `waits ${b}`)]),
  )
}

export interface Sample {
  readonly name: string
  readonly text: string
  readonly directives: Directives
}

const here = dirname(fileURLToPath(import.meta.url))
let known: Sample[] | null = null

/** The conformance programs that run: those refused before they start are left out. */
export function conformance(): readonly Sample[] {
  if (known !== null) return known
  known = []
  const root = join(here, '../conformance')
  for (const folder of ['errors', 'expressions', 'patterns', 'processes', 'programs']) {
    for (const file of readdirSync(join(root, folder)).sort()) {
      if (!file.endsWith('.rho') || LATER.includes(`${folder}/${file.slice(0, 3)}`)) continue
      const text = readFileSync(join(root, folder, file), 'utf8')
      const directives = readDirectives(text)
      if (directives.static.length === 0) known.push({ name: `${folder}/${file}`, text, directives })
    }
  }
  return known
}

/** Every n-th of a list, beginning at `first`: bounds the ordinary run; RHO_LONG=1 takes all. */
export function sampled<T>(items: readonly T[], everyNth: number, first = 0): T[] {
  return LONG ? [...items] : items.filter((_, i) => i % everyNth === first % everyNth)
}

/** Programs by chance, every construct, that compile. */
export function* generated(
  n: number,
  options: Parameters<typeof generateProgram>[1] = {},
  from = SEED,
): Generator<{ seed: number; text: string }> {
  for (let seed = from; seed < from + n; seed++) yield { seed, text: generateProgram(seed, { pathmaps: false, ...options }) }
}

const URIS = new UriTable({ granted: ['read files', 'primitives', 'control', 'test'] })

/** The normal form of a closed process. */
export function termOf(text: string): Term {
  const { program, diagnostics } = parse(sources.add('term', text))
  const normal = normalize(program, { uris: URIS, lints: false })
  const wrong = [...diagnostics, ...normal.diagnostics].filter(d => d.severity === 'error')
  if (wrong.length > 0) throw new Error(`${wrong.map(d => `${d.code} ${d.message}`).join('; ')} in ${text}`)
  return normal.term
}

/** The normal form of a process with free variables. */
export function openTermOf(text: string): Term {
  const { program, diagnostics } = parse(sources.add('term', text))
  const normal = normalizeOpen(program, { uris: URIS, lints: false })
  const wrong = [...diagnostics, ...normal.diagnostics].filter(d => d.severity === 'error')
  if (wrong.length > 0) throw new Error(`${wrong.map(d => `${d.code} ${d.message}`).join('; ')} in ${text}`)
  return normal.term
}

export type Event = Readonly<Record<string, unknown>> & { readonly e: string; readonly m: number }

/** The events of a run, in order. */
export function traced(
  texts: string | readonly string[],
  options: Options = {},
  steps?: number,
): Running & { readonly trace: readonly Event[] } {
  const trace: Event[] = []
  const running = run(texts, { ...options, trace: event => trace.push(event as Event) }, steps)
  return { ...running, trace }
}
