import type { Outcome } from './outcome.ts'

/** Programs that carry their expectations in comments at their top (`test/conformance/FORMAT.md`): reading them, and judging an outcome. */
export interface Directives {
  readonly about: string
  readonly expect: readonly string[]
  readonly ordered: boolean
  /** Each alternative is a multiset of lines; null when there is no `one-of`. */
  readonly oneOf: readonly (readonly string[])[] | null
  readonly static: readonly string[]
  readonly fails: readonly string[]
  readonly blocked: number | null
  readonly left: readonly { readonly name: string; readonly messages: readonly string[] }[]
  readonly only: string
  readonly maxSteps: number | null
  /** Lines that look like a directive and are none: a slip of the author. */
  readonly problems: readonly string[]
}

const KEYS = ['about', 'expect', 'one-of', 'static', 'fails', 'blocked', 'left', 'only', 'max-steps'] as const
type Key = (typeof KEYS)[number]

/** Only lines that begin with `//` at the start of the line are looked at. */
export function readDirectives(text: string): Directives {
  const values: Record<Key, string[]> = {
    about: [],
    expect: [],
    'one-of': [],
    static: [],
    fails: [],
    blocked: [],
    left: [],
    only: [],
    'max-steps': [],
  }
  const problems: string[] = []
  let ordered = false
  for (const line of text.split('\n')) {
    if (!line.startsWith('//')) continue
    const bare = line.trimEnd()
    if (bare === '// ordered') ordered = true
    const match = /^\/\/ ?([a-z-]+): ?(.*)$/.exec(bare)
    if (match !== null && (KEYS as readonly string[]).includes(match[1])) values[match[1] as Key].push(match[2])
  }
  const number = (key: Key) => {
    const last = values[key].at(-1)
    if (last === undefined) return null
    if (!/^\d+$/.test(last.trim())) problems.push(`${key}: takes a number, found \`${last}\``)
    return Number(last)
  }
  const alternatives = values['one-of'].at(-1)
  return {
    about: values.about.at(-1) ?? '',
    expect: values.expect,
    ordered,
    oneOf:
      alternatives === undefined
        ? null
        : alternatives.split(/ ;;(?: |$)/).map(a => (a.trim() === '' ? [] : a.split(' && ').map(s => s.trim()))),
    static: values.static.map(firstWord),
    fails: values.fails.map(firstWord),
    blocked: number('blocked'),
    left: values.left.map(readLeft),
    only: values.only.at(-1) ?? '',
    maxSteps: number('max-steps'),
    problems,
  }
}

function firstWord(text: string): string {
  return text.trim().split(/\s+/)[0]
}

function readLeft(text: string): { name: string; messages: string[] } {
  const [name, ...rest] = text.split(/ = /)
  const messages = rest
    .join(' = ')
    .split(' ;; ')
    .map(s => s.trim())
    .filter(s => s !== '')
  return { name: name.trim(), messages }
}

/** One way in which an outcome differs; `lines` is a diff, expected lines with `-`, seen ones with `+`. */
export interface Difference {
  readonly text: string
  readonly lines: readonly string[]
}

/** Everything in which `outcome` is not what the directives say; empty when the program did as expected. */
export function judge(d: Directives, outcome: Outcome): Difference[] {
  const found: Difference[] = d.problems.map(text => ({ text, lines: [] }))
  const say = (text: string, lines: readonly string[] = []) => found.push({ text, lines })
  const errors = outcome.diagnostics.filter(x => x.severity === 'error')
  if (d.static.length > 0) {
    const codes = errors.map(e => e.code)
    for (const code of d.static)
      if (!codes.some(c => c === code))
        say(`should be refused with ${code}, ${codes.length === 0 ? 'was accepted' : `got ${codes.join(', ')}`}`)
    if (outcome.stdout.length > 0) say('printed although it should be refused')
    return found
  }
  if (errors.length > 0) {
    say(`was refused: ${errors.map(e => `${e.code} at ${e.line}:${e.column} ${e.message}`).join('; ')}`)
    return found
  }
  if (outcome.status === 'fault') say('an internal fault')
  if (d.oneOf !== null) {
    if (!d.oneOf.some(a => sameMultiset(a, outcome.stdout)))
      say('printed none of the alternatives', diffLines(d.oneOf[0], outcome.stdout, false))
  } else if (d.ordered ? d.expect.join('\n') !== outcome.stdout.join('\n') : !sameMultiset(d.expect, outcome.stdout)) {
    say(d.ordered ? 'printed other lines, or in another order' : 'printed other lines', diffLines(d.expect, outcome.stdout, d.ordered))
  }
  judgeFailures(d, outcome, say)
  judgeRest(d, outcome, say)
  return found
}

function judgeFailures(d: Directives, outcome: Outcome, say: (text: string) => void): void {
  const codes = outcome.failures.map(f => f.code)
  for (const code of d.fails)
    if (!codes.some(c => c === code))
      say(`a machine should fail with ${code}, ${codes.length === 0 ? 'none failed' : `got ${codes.join(', ')}`}`)
  if (d.fails.length > 0) return
  for (const f of outcome.failures) say(`a machine failed: ${f.code} at ${f.line}:${f.column} ${f.message}`)
}

function judgeRest(d: Directives, outcome: Outcome, say: (text: string, lines?: readonly string[]) => void): void {
  if (d.blocked !== null) {
    const waiting = outcome.blocked.filter(b => !b.persistent)
    if (waiting.length !== d.blocked)
      say(
        `${waiting.length} receives wait, ${d.blocked} should`,
        waiting.map(b => `  at ${b.line}:${b.column} on ${b.channels.join(' & ')} (${b.reason})`),
      )
  }
  for (const { name, messages } of d.left) {
    const got = (outcome.data[name] ?? []).map(values => `[${values.join(', ')}]`)
    if (!sameMultiset(messages, got)) say(`left on ${name} other messages`, diffLines(messages, got, false))
  }
}

function sameMultiset(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().join('\n') === [...b].sort().join('\n')
}

/** At most this many lines of a difference are shown. */
const DIFF_MAX = 20

/** Expected lines that are missing (`-`) and lines that were not expected (`+`); in order, the first place where they part. */
export function diffLines(expected: readonly string[], seen: readonly string[], ordered: boolean): string[] {
  const lines: string[] = []
  if (ordered) {
    let same = 0
    while (same < expected.length && same < seen.length && expected[same] === seen[same]) same++
    if (same > 0) lines.push(`  (${same} equal line${same === 1 ? '' : 's'})`)
    for (const l of expected.slice(same)) lines.push(`- ${l}`)
    for (const l of seen.slice(same)) lines.push(`+ ${l}`)
  } else {
    const missing = [...expected]
    const extra: string[] = []
    for (const line of seen) {
      const at = missing.indexOf(line)
      if (at < 0) extra.push(line)
      else missing.splice(at, 1)
    }
    for (const l of missing) lines.push(`- ${l}`)
    for (const l of extra) lines.push(`+ ${l}`)
  }
  return lines.length > DIFF_MAX ? [...lines.slice(0, DIFF_MAX), `… ${lines.length - DIFF_MAX} more`] : lines
}
