import { mkdtempSync, rmSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory, v } from '../rspace/index.ts'
import { TraceFile } from '../src/cli/trace-file.ts'
import { QuietHost } from '../src/host/hosts.ts'
import { openSpace } from '../src/host/space.ts'
import { type Durable, openDurable } from '../src/machine/durable.ts'
import { Program } from '../src/machine/link.ts'
import { Session, type SessionOptions } from '../src/machine/session.ts'
import { parking } from './programs.ts'
import { compileText, now, type Stages } from './stages.ts'
import { DEPLOYS, type RAW_KINDS } from './suite.ts'

/** Runs of one program of the suite in one process: the first one cold, the others warm, phase by phase; or two ways to run it, alternately. */

/** Milliseconds of each phase. Linking of nested bodies happens when they first run and counts as running. */
export interface Phases extends Stages {
  readonly link: number
  readonly run: number
  /** Time that the run waited for storage. */
  readonly commit: number
}

export interface Counts {
  readonly comms: number
  readonly primitiveComms: number
  readonly machines: number
  readonly steps: number
  readonly gas: number
}

export interface Ran {
  readonly lines: readonly string[]
  readonly phases: Phases
  readonly counts: Counts
  readonly heapBytes: number
}

/** Another way to run a program than fused, unrecorded, in memory. `recorder` writes what `--record` does, `trace` makes the events of `--trace` and drops them. */
export type Way = 'plain' | 'literal' | 'recorder' | 'trace' | 'process' | 'power'

export interface Task {
  readonly text: string
  /** What it has to print; compared here, so that a million lines need not leave the process. */
  readonly answer: readonly string[]
  readonly unordered: boolean
  readonly ms: number
  readonly way?: Way
}

/** Of a whole process. */
export interface Measured {
  readonly cold: Phases
  readonly warm: readonly Phases[]
  readonly counts: Counts
  readonly heapBytes: number
  readonly peakBytes: number
}

const SLICES = 200_000

function optionsOf(way: Way, host: QuietHost, recording: TraceFile | null): SessionOptions {
  if (way === 'literal') return { host, trick: 'literal' }
  if (way === 'trace') return { host, trace: () => {} }
  return recording === null ? { host } : { host, journal: recording.recorder }
}

const countsOf = (session: Session): Counts => {
  const { comms, primitiveComms, machines, steps, gas } = session.stats()
  return { comms, primitiveComms, machines, steps, gas }
}

function failed(session: Session): void {
  const [first] = session.failures
  if (first !== undefined) throw new Error(`${first.code}: ${first.message}`)
}

/** Once, from the text to rest. */
export async function runOnce(text: string, way: Way): Promise<Ran> {
  const { image, spans, stages } = compileText(text)
  return way === 'process' || way === 'power' ? runStored(image, spans, stages, way) : runInMemory(image, spans, stages, way)
}

type Image = ReturnType<typeof compileText>

function runInMemory(image: Image['image'], spans: Image['spans'], stages: Stages, way: Way): Ran {
  const host = new QuietHost()
  const recording = way === 'recorder' ? new TraceFile(devNull, false) : null
  const options = optionsOf(way, host, recording)
  const session = new Session(options)
  const start = now()
  session.deploy({ image, program: new Program(image, spans, 'bench.rho'), bytes: 4 * image.length })
  const linked = now()
  recording?.begin(session, options)
  let status = session.run(SLICES)
  while (status === 'budget') status = session.run(SLICES)
  recording?.end(session)
  recording?.close()
  const end = now()
  failed(session)
  return {
    lines: host.output.lines('stdout'),
    phases: { ...stages, link: linked - start, run: end - linked, commit: 0 },
    counts: countsOf(session),
    heapBytes: process.memoryUsage().heapUsed,
  }
}

async function runStored(image: Image['image'], spans: Image['spans'], stages: Stages, way: 'process' | 'power'): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'rho-bench-space-'))
  const lines: string[] = []
  let durable: Durable | null = null
  try {
    const rows = await openSpace(join(folder, 'space'), { durability: way, create: true })
    durable = await openDurable({ host: new QuietHost() }, rows, {
      now,
      outlet: {
        leave: o => {
          if (o.kind === 'out') lines.push(o.text)
        },
        flush: () => true,
      },
    })
    const { session } = durable
    const start = now()
    session.deploy({ image, program: new Program(image, spans, 'bench.rho'), bytes: 4 * image.length })
    const linked = now()
    await durable.flush()
    let run = 0
    let commit = now() - linked
    for (let status = 'budget'; status === 'budget'; ) {
      const before = now()
      status = session.run(durable.quantum)
      const between = now()
      await durable.boundary(status as 'budget')
      run += between - before
      commit += now() - between
    }
    failed(session)
    return {
      lines,
      phases: { ...stages, link: linked - start, run, commit },
      counts: countsOf(session),
      heapBytes: process.memoryUsage().heapUsed,
    }
  } finally {
    await durable?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function checkLines(found: readonly string[], wanted: readonly string[], unordered: boolean): void {
  const [a, b] = unordered ? [[...found].sort(), [...wanted].sort()] : [found, wanted]
  const at = b.findIndex((line, i) => a[i] !== line)
  if (at >= 0 || a.length !== b.length)
    throw new Error(`line ${at + 1} of ${a.length} is ${a[at]?.slice(0, 200)}, not ${b[at]?.slice(0, 200)} of ${b.length}`)
}

async function checked(task: Task, way: Way): Promise<Ran> {
  const ran = await runOnce(task.text, way)
  checkLines(ran.lines, task.answer, task.unordered)
  return ran
}

const total = (p: Phases): number => p.run + p.commit

/** Runs that took longer than this are warm when they end. */
const LONG_MS = 10_000
const RUNS_MAX = 200
const LONG_PAIR_MS = 3000

/** The first run of a process, and then warm ones: none after a first run of ten seconds, one to warm up after a shorter one. */
async function measured(task: Task): Promise<Measured> {
  const way = task.way ?? 'plain'
  const { phases: cold, counts } = await checked(task, way)
  const warm: Phases[] = []
  let { heapUsed: heapBytes } = process.memoryUsage()
  if (total(cold) < LONG_MS) {
    if (total(cold) < LONG_MS / 10) for (const end = now() + task.ms / 2; now() < end; ) await checked(task, way)
    for (const end = now() + task.ms; warm.length < 1 || (now() < end && warm.length < RUNS_MAX); ) {
      const ran = await checked(task, way)
      if (ran.counts.comms !== counts.comms) throw new Error(`${ran.counts.comms} COMMs, and ${counts.comms} before`)
      warm.push(ran.phases)
      heapBytes = Math.max(heapBytes, ran.heapBytes)
    }
  }
  return { cold, warm, counts, heapBytes, peakBytes: process.resourceUsage().maxRSS * 1024 }
}

/** The program in the usual way and in another, alternately and warm: milliseconds of running and committing. */
async function compared(task: Task): Promise<{ ours: number[]; theirs: number[]; run: number[]; commit: number[] }> {
  const way = task.way as Way
  const result = { ours: [] as number[], theirs: [] as number[], run: [] as number[], commit: [] as number[] }
  const pair = async (): Promise<number> => {
    const plain = await checked(task, 'plain')
    const other = await checked(task, way)
    result.ours.push(total(plain.phases))
    result.theirs.push(total(other.phases))
    result.run.push(other.phases.run)
    result.commit.push(other.phases.commit)
    return total(plain.phases) + total(other.phases)
  }
  // The first pair warms up, unless it takes so long that it was warm soon.
  if ((await pair()) > LONG_PAIR_MS) return result
  for (const list of Object.values(result)) list.length = 0
  for (const end = now() + task.ms; result.ours.length < 3 || (now() < end && result.ours.length < RUNS_MAX); ) await pair()
  return result
}

/** What some programs cost when the process has run all others before, divided by what they cost alone: hosts are good at one program at a time. */
async function mixed(tasks: readonly { readonly task: Task; readonly watched: boolean }[]): Promise<{ ms: Record<number, number[]> }> {
  const ms: Record<number, number[]> = {}
  for (let round = 0; round < 3; round++) {
    for (const [i, { task, watched }] of tasks.entries()) {
      for (const end = now() + task.ms; now() < end; ) {
        const { phases } = await checked(task, 'plain')
        if (watched && round > 0) (ms[i] ??= []).push(phases.run)
      }
    }
  }
  return { ms }
}

// ── R12: the tuplespace alone ─────────────────────────────────────────────────────────────────────────────────────────

/** 100 receives and their data; 200 tasks that put ten data each on one channel; one receive that stays for 2,000 data. */
const RAW: Readonly<Record<(typeof RAW_KINDS)[number], { readonly units: number; readonly once: () => number }>> = {
  pairs: {
    units: 100,
    once: () => {
      const space = memory()
      let comms = 0
      for (let i = 0; i < 100; i++) space.consume([{ channel: `c${i}`, pattern: v.x }], i)
      for (let i = 0; i < 100; i++) comms += space.produce(`c${i}`, i).comms.length
      return comms
    },
  },
  tasks: {
    units: 2000,
    once: () => {
      const space = memory()
      let comms = 0
      for (let task = 0; task < 200; task++) for (let i = 0; i < 10; i++) space.produce('shared', task * 10 + i)
      for (let i = 0; i < 2000; i++) comms += space.consume([{ channel: 'shared', pattern: v.x }], i).comms.length
      return comms
    },
  },
  persistent: {
    units: 2000,
    once: () => {
      const space = memory()
      let comms = 0
      space.consume([{ channel: 'shared', pattern: v.x }], 0, { persist: true })
      for (let i = 0; i < 2000; i++) comms += space.produce('shared', i).comms.length
      return comms
    },
  },
}

function rawSpace(kind: (typeof RAW_KINDS)[number], ms: number): { ns: number[] } {
  const { units, once } = RAW[kind]
  const samples: number[] = []
  const run = (): number => {
    const start = now()
    const comms = once()
    const took = now() - start
    if (comms !== units) throw new Error(`${comms} COMMs, not ${units}`)
    return (took * 1e6) / units
  }
  for (const end = now() + ms / 2; now() < end; ) run()
  for (const end = now() + ms; samples.length < 5 || (now() < end && samples.length < RUNS_MAX); ) samples.push(run())
  return { ns: samples }
}

// ── R15: many small programs ──────────────────────────────────────────────────────────────────────────────────────────

/** A round of programs, each checked, compiled, deployed and run, into one session, for so many milliseconds. */
function deployStream(ms: number): { ns: number[] } {
  const samples: number[] = []
  const round = (): number => {
    const session = new Session({ host: new QuietHost() })
    const start = now()
    for (let i = 0; i < DEPLOYS; i++) {
      const { program } = session.compile('deploy.rho', `@"name ${i}"!(${i})`)
      if (program === undefined) throw new Error('refused')
      session.deploy(program)
      while (session.run() === 'budget');
      session.release(program)
    }
    const took = now() - start
    const { size } = session.data()
    if (size !== DEPLOYS) throw new Error(`${size} names hold a message, not ${DEPLOYS}`)
    return (took * 1e6) / DEPLOYS
  }
  round()
  for (const end = now() + ms; samples.length < 3 || now() < end; ) samples.push(round())
  return { ns: samples }
}

// ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function parkedSession(machines: number): Session {
  const session = new Session({ host: new QuietHost() })
  const { program } = session.compile('bench.rho', parking(machines))
  session.deploy(program!)
  while (session.run() === 'budget');
  return session
}

/** Nanoseconds for each machine to write a state with so many waiting machines, and to go on from it. */
function states(machines: number, ms: number): { snapshot: number[]; restore: number[]; bytesEach: number } {
  const session = parkedSession(machines)
  const result = { snapshot: [] as number[], restore: [] as number[], bytesEach: 0 }
  for (const end = now() + ms; result.snapshot.length < 3 || now() < end; ) {
    const start = now()
    const text = session.snapshot()
    const written = now()
    const again = Session.restore(text, { host: new QuietHost() })
    const restored = now()
    if (again.stats().alive !== session.stats().alive) throw new Error('not all machines came back')
    result.snapshot.push(((written - start) * 1e6) / machines)
    result.restore.push(((restored - written) * 1e6) / machines)
    result.bytesEach = text.length / machines
  }
  return result
}

/** Milliseconds of each of many slices of 10,000 COMMs of a ring while so many other machines wait. */
function slices(parked: number, count: number, source: string): { ms: number[] } {
  const session = parkedSession(parked)
  const { program } = session.compile('ring.rho', source)
  session.deploy(program!)
  const before = session.stats().steps
  session.run(100_000)
  if (session.stats().steps === before) throw new Error('nothing ran')
  const samples: number[] = []
  for (let i = 0; i < count; i++) {
    const start = now()
    if (session.run(10_000) !== 'budget') throw new Error('the ring ended too early')
    samples.push(now() - start)
  }
  return { ms: samples }
}

export const SUITE_COMMANDS: Readonly<Record<string, (args: string[], input: () => string) => object | Promise<object>>> = {
  program: (_, input) => measured(JSON.parse(input()) as Task),
  compare: (_, input) => compared(JSON.parse(input()) as Task),
  mixed: (_, input) => mixed(JSON.parse(input()) as { task: Task; watched: boolean }[]),
  raw: ([kind, ms]) => rawSpace(kind as (typeof RAW_KINDS)[number], Number(ms)),
  deploys: ([ms]) => deployStream(Number(ms)),
  states: ([machines, ms]) => states(Number(machines), Number(ms)),
  slices: ([parked, count], input) => slices(Number(parked), Number(count), input()),
}
