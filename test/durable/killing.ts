import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Subject } from './programs.ts'
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

/**
 * Run a program in a new space, killing the process again and again shortly after it has printed something, until it has been killed `kills` times; then let
 * it end. Every life but the first brings the auditor with it, if there is one.
 */
export async function killAndResume(
  rho: Installed,
  subject: Subject,
  size: number,
  kills: number,
  seed: number,
  durability: string,
): Promise<Campaign> {
  const below = random(seed)
  const space = `space-${subject.name.replace(/\W+/g, '-')}-${seed}`
  const program = rho.file(`${space}.rho`, subject.source(size))
  const seen = new Map<number, string>()
  const problems: string[] = []
  let killed = 0
  let args = ['run', '--format', 'json', '--space', space, '--create', '--durability', durability, program]
  for (;;) {
    let left = killed < kills ? 1 + below(4) : Number.POSITIVE_INFINITY
    const before = seen.size
    const delay = below(12)
    const ended = await rho.run(args, {
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
