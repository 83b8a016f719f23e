import { readFileSync } from 'node:fs'
import { parse as parseJavaScript } from 'acorn'
import { verify } from '../bytecode/verify.ts'
import { Sources } from '../src/base/source.ts'
import { compileSource } from '../src/compile/source.ts'
import { QuietHost } from '../src/host/hosts.ts'
import { Session } from '../src/machine/session.ts'
import { UriTable } from '../src/normal/uris.ts'
import { crossingCosts } from './crossing.ts'
import { medianOf } from './measure.ts'
import { JOBS, parking, parkingAnswer, WAKING } from './programs.ts'
import { SPACE_COMMANDS } from './space-inside.ts'
import { compileStages, now, type Stages } from './stages.ts'
import { SUITE_COMMANDS } from './suite-inside.ts'
import { folderProgram, generatedProgram, javaScript, NESTINGS } from './texts.ts'

/** Measurements that need the inside of a process: warm repetitions and the heap. Run as a child; prints one JSON object. */

// ── compilers ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Repeats until the time is up, at least `least` times. */
function repeat<T>(ms: number, least: number, once: () => T): T[] {
  const results: T[] = []
  for (const end = now() + ms; results.length < least || now() < end; ) results.push(once())
  return results
}

/** Milliseconds of one run: all the time that many runs take, so that each pays its share of the host's collector, which short runs do not meet themselves. */
function mean(ms: number, least: number, once: () => void): { ms: number; runs: number } {
  const start = now()
  const { length } = repeat(ms, least, once)
  return { ms: (now() - start) / length, runs: length }
}

/** Source to verified bytecode, as every program goes. @throws Error if the text is refused */
function compileWhole(text: string): void {
  const { diagnostics, compiled } = compileSource(new Sources().add('bench.rho', text), { uris: new UriTable() })
  if (compiled === null) throw new Error(diagnostics.map(d => `${d.code} at ${d.start}: ${d.message}`).join('; '))
  const refused = verify(compiled.image)
  if (refused !== undefined) throw new Error(`${refused.code} at word ${refused.position}: ${refused.message}`)
}

/** Text that the host has to see before its code is as good as it gets. */
const WARM_BYTES = 2_000_000
const warmRuns = (text: string): number => Math.ceil(WARM_BYTES / text.length)

/** Warms up on a smaller text of the same kind first, so that a large text need not be compiled many times; a small one as well, as its own kind. */
function compiling(text: string, ms: number, warm = generatedProgram(50_000)): object {
  repeat(ms / 2, warmRuns(warm), () => compileWhole(warm))
  if (text.length < WARM_BYTES / 10) repeat(ms / 2, Math.min(100, warmRuns(text)), () => compileWhole(text))
  return { bytes: Buffer.byteLength(text), ...mean(ms, 2, () => compileWhole(text)) }
}

/** What the stages take when each goes over the whole text. */
function stages(text: string, ms: number): object {
  repeat(ms / 2, warmRuns(text), () => compileStages(text))
  const runs = repeat(ms, 2, () => compileStages(text))
  const at = (stage: keyof Stages): number => medianOf(runs.map(r => r[stage]))
  return { parse: at('parse'), normalise: at('normalise'), compile: at('compile'), verify: at('verify') }
}

function parsingJavaScript(text: string, ms: number): object {
  const once = (): void => {
    parseJavaScript(text, { ecmaVersion: 'latest', sourceType: 'script' })
  }
  repeat(ms / 2, Math.min(100, warmRuns(text)), once)
  return { bytes: Buffer.byteLength(text), ...mean(ms, 2, once) }
}

// ── parked receives ───────────────────────────────────────────────────────────────────────────────────────────────

const collect = (): void => (globalThis as { gc?: () => void }).gc?.()

/** Runs a text to rest in a session that may hold others. */
function runIn(session: Session, text: string): void {
  const { program, diagnostics } = session.compile('bench.rho', text)
  if (program === undefined) throw new Error(diagnostics.map(d => `${d.code} ${d.message}`).join('; '))
  session.deploy(program)
  for (;;) {
    const status = session.run(1_000_000)
    if (status === 'rest') return
    if (status !== 'budget') throw new Error(`ended with ${status}`)
  }
}

function expectLine(host: QuietHost, line: string): void {
  const found = host.output.lines('stdout')
  if (found.at(-1) !== line) throw new Error(`printed ${found.join(', ')}, not ${line}`)
}

/** Time to park `n` receives, bytes if they are weighed, and what wakes them all again and looks whether they add up. */
function parkOnce(n: number, weigh = false): { ms: number; bytes: number; wake(): void } {
  const host = new QuietHost()
  const session = new Session({ host })
  if (weigh) collect()
  const before = process.memoryUsage().heapUsed
  const start = now()
  runIn(session, parking(n))
  const ms = now() - start
  if (weigh) collect()
  const bytes = process.memoryUsage().heapUsed - before
  const wake = (): void => {
    runIn(session, WAKING)
    expectLine(host, parkingAnswer(n))
  }
  return { ms, bytes, wake }
}

/** The same `n` again and again until `enough` have been parked: all of them kept, and each dropped at once. */
function park(n: number, enough: number): object {
  const warmSize = Math.min(n, 10_000)
  for (let parked = 0; parked < enough / 4; parked += warmSize) parkOnce(warmSize).wake()
  const times = Math.max(n > enough ? 1 : 3, Math.ceil(enough / n))
  const dropped: number[] = []
  for (let i = 0; i < times; i++) {
    const { ms, wake } = parkOnce(n)
    wake()
    dropped.push(ms)
  }
  collect()
  const kept = Array.from({ length: Math.max(1, Math.floor(enough / n)) }, () => parkOnce(n))
  const total = kept.reduce((sum, k) => sum + k.ms, 0)
  for (let k = kept.pop(); k !== undefined; k = kept.pop()) k.wake()
  const weighed = parkOnce(n, true)
  weighed.wake()
  const each = 1e6 / n
  return {
    n,
    nsEach: (total / Math.max(1, Math.floor(enough / n))) * each,
    nsDropped: medianOf(dropped) * each,
    bytesEach: weighed.bytes / n,
  }
}

/** What a hop costs in a space where `parked` other receives wait. */
function crowd(parked: number, hops: number): object {
  const ring = JOBS.find(j => j.id === 'ring')!
  const host = new QuietHost()
  const session = new Session({ host })
  runIn(session, parking(parked))
  const hop = (n: number): number => {
    const start = now()
    runIn(session, ring.source(n))
    expectLine(host, ring.answer(n))
    return now() - start
  }
  hop(hops)
  collect()
  const runs = Array.from({ length: 5 }, () => hop(hops))
  runIn(session, WAKING)
  expectLine(host, parkingAnswer(parked))
  return { parked, nsEach: (medianOf(runs) / hops) * 1e6 }
}

type Command = (args: string[], input: () => string) => object | Promise<object>

const COMMANDS: Readonly<Record<string, Command>> = {
  generated: ([bytes, ms]) => compiling(generatedProgram(Number(bytes)), Number(ms)),
  folder: ([folder, ms]) => compiling(folderProgram(folder), Number(ms)),
  'generated-stages': ([bytes, ms]) => stages(generatedProgram(Number(bytes)), Number(ms)),
  'folder-stages': ([folder, ms]) => stages(folderProgram(folder), Number(ms)),
  nested: ([kind, depth, ms]) => compiling(NESTINGS[kind](Number(depth)), Number(ms), NESTINGS[kind](1000)),
  javascript: ([library, bytes, ms]) => parsingJavaScript(javaScript(readFileSync(library, 'utf8'), Number(bytes)), Number(ms)),
  park: ([n, enough]) => park(Number(n), Number(enough)),
  crowd: ([parked, hops]) => crowd(Number(parked), Number(hops)),
  crossing: ([n, passes]) => crossingCosts(Number(n), Number(passes)),
  ...SPACE_COMMANDS,
  ...SUITE_COMMANDS,
}

const [command, ...args] = process.argv.slice(2)
if (command !== undefined && COMMANDS[command] !== undefined) {
  console.log(JSON.stringify(await COMMANDS[command](args, () => readFileSync(0, 'utf8'))))
}
