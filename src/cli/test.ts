import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { paint } from '../base/render.ts'
import { QuietHost } from '../host/hosts.ts'
import type { SessionOptions } from '../machine/session.ts'
import type { Difference, Directives } from './directives.ts'
import { judge, readDirectives } from './directives.ts'
import { readInput, reasonOf, sessionOptions } from './engine.ts'
import { nameOf } from './names.ts'
import { EXIT } from './outcome.ts'
import { runPrograms } from './program.ts'
import { isTerminal, stderr, stdout, wantsColor } from './streams.ts'
import type { Flags } from './usage.ts'
import { seedRange, UsageError } from './usage.ts'

/** `rho test`: every program in one process, each in a space of its own. */
export async function testCommand(flags: Flags): Promise<number> {
  if (flags.files.length === 0) throw new UsageError('nothing to test', 'name files or folders of `.rho` programs')
  const files = flags.files.flatMap(programsBelow)
  if (files.length === 0) throw new UsageError('no `.rho` programs there')
  const seeds: (bigint | undefined)[] = [undefined]
  if (flags.has('seeds')) {
    const { first, last } = seedRange(flags.text('seeds')!)
    for (let seed = first; seed <= last; seed++) seeds.push(seed)
  }
  const reporter = reporters[(flags.text('format') ?? 'text') as keyof typeof reporters](files.length)
  let failed = 0
  for (const file of files) {
    const result = await testProgram(file, flags, seeds)
    if (result.differences.length > 0) failed++
    reporter.program(result)
  }
  reporter.end(files.length - failed, failed)
  return failed === 0 ? EXIT.rest : EXIT.failed
}

/** The `.rho` files at or below a path, in order of their names. */
function programsBelow(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path, { withFileTypes: true })
      .filter(e => e.isDirectory() || e.name.endsWith('.rho'))
      .map(e => e.name)
      .filter(name => name !== 'node_modules' && !name.startsWith('.'))
      .sort()
      .flatMap(name => programsBelow(join(path, name)))
  } catch (e) {
    throw new UsageError(`cannot read \`${path}\`: ${reasonOf(e)}`)
  }
}

export interface TestResult {
  readonly file: string
  readonly about: string
  /** The seed with which it differed; undefined: the default order, or it did not differ. */
  readonly seed: bigint | undefined
  readonly differences: readonly Difference[]
  readonly ms: number
}

async function testProgram(file: string, flags: Flags, seeds: readonly (bigint | undefined)[]): Promise<TestResult> {
  const started = performance.now()
  const bytes = readInput(file)
  const directives = readDirectives(new TextDecoder().decode(bytes))
  for (const seed of seeds) {
    const { host: _, ...options } = sessionOptions(flags, new QuietHost(), seed)
    const differences = await judgeProgram(file, bytes, directives, options, flags.number('timeout') ?? 60_000)
    if (differences.length > 0) return { file, about: directives.about, seed, differences, ms: performance.now() - started }
  }
  return { file, about: directives.about, seed: undefined, differences: [], ms: performance.now() - started }
}

/** Runs one program as its directives ask and compares. */
export async function judgeProgram(
  name: string,
  text: string | Uint8Array,
  directives: Directives,
  options: Omit<SessionOptions, 'host'> = {},
  timeoutMs = 60_000,
): Promise<Difference[]> {
  const problems = [...directives.problems, ...directives.left.flatMap(l => problemOf(l.name))]
  if (problems.length > 0) return problems.map(text => ({ text, lines: [] }))
  const gas = directives.maxSteps === null ? {} : { gas: directives.maxSteps }
  const observe = directives.left.length === 0 ? {} : { observe: directives.left.map(l => l.name) }
  const outcome = await runPrograms([{ name, text }], { ...options, ...gas, ...observe, timeoutMs })
  if (outcome.status === 'stopped') return [{ text: `did not come to rest within ${timeoutMs} ms`, lines: [] }]
  return judge(directives, outcome)
}

/** What is wrong with the name of a `left:` directive. */
function problemOf(name: string): string[] {
  try {
    nameOf(name, 'left')
    return []
  } catch (e) {
    if (e instanceof UsageError) return [e.message]
    throw e
  }
}

interface Reporter {
  program(result: TestResult): void
  end(passed: number, failed: number): void
}

function textReporter(total: number): Reporter {
  const progress = isTerminal(2)
  const color = wantsColor(1)
  let done = 0
  return {
    program(result) {
      done++
      if (result.differences.length > 0) {
        if (progress) stderr.write('\r\u001b[K')
        const seed = result.seed === undefined ? '' : ` (seed ${result.seed})`
        stdout.write(`${paint(color, '31', 'not ok')} ${result.file}${seed}${result.about === '' ? '' : `: ${result.about}`}\n`)
        for (const d of result.differences) {
          stdout.write(`    ${d.text}\n`)
          for (const line of d.lines)
            stdout.write(
              `      ${line.startsWith('-') ? paint(color, '32', line) : line.startsWith('+') ? paint(color, '31', line) : line}\n`,
            )
        }
      }
      if (progress) {
        stdout.flush()
        stderr.write(`\r\u001b[K${done} of ${total}`)
        stderr.flush()
      }
    },
    end(passed, failed) {
      if (progress) stderr.write('\r\u001b[K')
      stderr.flush()
      stdout.write(`${passed} passed, ${failed} failed\n`)
    },
  }
}

/** Test Anything Protocol, version 13, differences as comments. */
function tapReporter(total: number): Reporter {
  let n = 0
  stdout.write(`TAP version 13\n1..${total}\n`)
  return {
    program(result) {
      const title = `${result.file}${result.about === '' ? '' : ` - ${result.about}`}`.replace(/#/g, '\\#')
      stdout.write(`${result.differences.length === 0 ? 'ok' : 'not ok'} ${++n} ${title}\n`)
      if (result.seed !== undefined) stdout.write(`# seed ${result.seed}\n`)
      for (const d of result.differences) stdout.write([d.text, ...d.lines].map(l => `# ${l}\n`).join(''))
    },
    end(passed, failed) {
      stdout.write(`# passed ${passed}\n# failed ${failed}\n`)
    },
  }
}

function jsonReporter(): Reporter {
  return {
    program(r) {
      const seed = r.seed === undefined ? {} : { seed: String(r.seed) }
      stdout.write(
        `${JSON.stringify({ v: 1, kind: 'test', file: r.file, about: r.about, ok: r.differences.length === 0, ...seed, differences: r.differences, ms: Math.round(r.ms) })}\n`,
      )
    },
    end(passed, failed) {
      stdout.write(`${JSON.stringify({ v: 1, kind: 'summary', passed, failed })}\n`)
    },
  }
}

const reporters = { text: textReporter, tap: tapReporter, json: jsonReporter }
