import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { AUDIT_RIGHT, type Subject } from './programs.ts'
import type { Ended, Installed, Line } from './rho.ts'

/** A generator with a seed; xorshift32. */
export function random(seed: number): (below: number) => number {
  let x = (Math.imul(seed, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1
  return below => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

/** How a program is to be killed. */
export interface Plan {
  /** How long the program goes on, in its own measure. */
  readonly size: number
  readonly kills: number
  readonly seed: number
  readonly durability: string
  /** Further flags of every life. */
  readonly flags?: readonly string[]
}

export interface Campaign {
  readonly kills: number
  /** Text of every output number that was seen. */
  readonly seen: ReadonlyMap<number, string>
  readonly problems: readonly string[]
  readonly last: Ended
}

/** Checks what one process printed against what was printed before: numbers go on, repeated ones repeat their text. */
function take(lines: readonly Line[], seen: Map<number, string>, problems: string[]): void {
  let before = 0
  for (const line of lines) {
    if (line.kind !== 'output') continue
    const n = line.n as number
    const text = line.text as string
    if (before !== 0 && n !== before + 1) problems.push(`after output ${before} came ${n}`)
    if (before === 0 && n > seen.size + 1) problems.push(`outputs ${seen.size + 1} to ${n - 1} were lost`)
    before = n
    const known = seen.get(n)
    if (known !== undefined && known !== text) problems.push(`output ${n} was ${known}, now it is ${text}`)
    seen.set(n, text)
  }
}

/** A life that is to be ended by the clock is given at most so many milliseconds: some end while the space is being opened, some in mid-run. */
const LIFE_MS = 260

/**
 * Run a program in a new space, killing the process again and again until it has been killed `kills` times; then let it end. Two lives in three end shortly
 * after they have printed something new, the third at any moment from the start of the process on. Every life but the first brings the auditor with it, if there
 * is one.
 */
async function killAndResume(rho: Installed, subject: Subject, { size, kills, seed, durability, flags = [] }: Plan): Promise<Campaign> {
  const below = random(seed)
  const space = `space-${subject.name.replace(/\W+/g, '-')}-${seed}`
  const program = rho.file(`${space}.rho`, subject.source(size))
  const seen = new Map<number, string>()
  const problems: string[] = []
  let killed = 0
  let args = ['run', '--format', 'json', '--space', space, '--create', '--durability', durability, program]
  for (;;) {
    const dies = killed < kills
    const byClock = dies && killed > 0 && below(3) === 0
    let left = dies && !byClock ? 1 + below(3) : Number.POSITIVE_INFINITY
    const before = seen.size
    const delay = byClock ? below(LIFE_MS) : below(12)
    const ended = await rho.run([...args, ...flags], {
      onStart: child => {
        if (byClock) setTimeout(() => child.kill('SIGKILL'), delay)
      },
      onLine: (line, child) => {
        // Only what is new counts: every life gets further.
        if (line.kind !== 'output' || (line.n as number) <= before || --left !== 0) return
        setTimeout(() => child.kill('SIGKILL'), delay)
      },
    })
    take(ended.lines, seen, problems)
    if (ended.signal !== 'SIGKILL') {
      rmSync(join(rho.folder, space), { recursive: true, force: true })
      if (ended.exit !== 0) problems.push(`ended with exit ${ended.exit}: ${ended.stderr}`)
      return { kills: killed, seen, problems, last: ended }
    }
    killed++
    args =
      subject.audit === undefined
        ? ['run', '--format', 'json', '--space', space, '--resume']
        : ['run', '--format', 'json', '--space', space, rho.file('audit.rho', subject.audit)]
  }
}

function outputs(lines: readonly Line[]): string[] {
  return lines.filter(l => l.kind === 'output').map(l => l.text as string)
}

/** What differs between a run that was killed again and again and one that was left alone. */
export function differences(subject: Subject, plain: Ended, run: Campaign): string[] {
  const problems = [...run.problems]
  const same = (what: string, killed: unknown, alone: unknown): void => {
    const [a, b] = [JSON.stringify(killed), JSON.stringify(alone)]
    if (a !== b) problems.push(`${what}: ${a?.slice(0, 300)}, an undisturbed run has ${b?.slice(0, 300)}`)
  }
  const all = Array.from({ length: run.seen.size }, (_, i) => run.seen.get(i + 1) ?? `output ${i + 1} is missing`)
  const audits = all.filter(text => text.startsWith('["audit"'))
  const printed = all.filter(text => !text.startsWith('["audit"'))
  const whole = outputs(plain.lines)
  if (!subject.ordered) for (const list of [printed, whole]) list.sort()
  same('printed', printed, whole)
  for (const text of audits) if (text !== AUDIT_RIGHT) problems.push(`an audit found ${text}`)
  if (audits.length > run.kills) problems.push(`${audits.length} audits in ${run.kills} lives`)
  const outcome = run.last.lines.at(-1)
  const expected = plain.lines.at(-1)
  same('status', outcome?.status, expected?.status)
  same('waiting', (outcome?.blocked as unknown[] | undefined)?.length, (expected?.blocked as unknown[] | undefined)?.length)
  if (subject.invariant === undefined) same('data', outcome?.data, expected?.data)
  else {
    const broken = subject.invariant(new Map(Object.entries((outcome?.data ?? {}) as Record<string, string[][]>)))
    if (broken !== undefined) problems.push(broken)
  }
  // An auditor adds COMMs of its own; without one each COMM happened exactly once.
  if (subject.audit === undefined)
    same('COMMs', (outcome?.stats as { comms?: number } | undefined)?.comms, (expected?.stats as { comms?: number } | undefined)?.comms)
  return problems
}

/** Lives of one program after another, each killed up to `kills` times, until there were that many kills in all. Says what went wrong. */
export async function killOften(
  rho: Installed,
  subject: Subject,
  plan: Plan,
): Promise<{ kills: number; audits: number; problems: string[] }> {
  const { size, kills, durability } = plan
  const plain = await rho.run(['run', '--format', 'json', rho.file('plain.rho', subject.source(size))])
  const problems: string[] = plain.exit === 0 ? [] : [`an undisturbed run ended with ${plain.exit}`]
  let total = 0
  let audits = 0
  for (let n = 0; total < kills && problems.length === 0; n++) {
    const seed = plan.seed + 1000 * n
    const run = await killAndResume(rho, subject, { ...plan, kills: kills - total, seed })
    total += run.kills
    audits += [...run.seen.values()].filter(text => text === AUDIT_RIGHT).length
    problems.push(...differences(subject, plain, run).map(p => `seed ${seed}, ${subject.name} (${size}, ${durability}): ${p}`))
  }
  return { kills: total, audits, problems }
}
