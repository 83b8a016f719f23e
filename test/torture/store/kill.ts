import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { openStore, verifyDir } from '../../../rspace/store/index.ts'
import {
  type Budget,
  codeOf,
  copyFiles,
  difference,
  Model,
  type Outcome,
  place,
  Random,
  remove,
  rowsOfStore,
  runCases,
  stepOf,
  temporary,
} from './world.ts'

/** Families 1 and 2: processes killed with signal 9, the parent being the oracle. */

/** Bundles the writer into one file, so that a child starts in tens of milliseconds. Lies in node_modules to find the engine. */
export async function buildWriter(): Promise<{ file: string; remove: () => void }> {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const dir = join(root, 'node_modules', '.cache', `rhizome-torture-${process.pid}`)
  mkdirSync(dir, { recursive: true })
  const entry = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  await build({
    entryPoints: { writer: entry('./writer.ts'), child: entry('../../../rspace/store/child.ts') },
    outdir: dir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outExtension: { '.js': '.mjs' },
    logLevel: 'silent',
  })
  // The reader's program is looked for as a .js file beside the bundle.
  await build({
    entryPoints: [entry('../../../rspace/store/child.ts')],
    outfile: join(dir, 'child.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  })
  return { file: join(dir, 'writer.mjs'), remove: () => rmSync(dir, { recursive: true, force: true }) }
}

interface Run {
  readonly child: ChildProcess
  readonly lines: string[]
  /** Resolves at a line that begins with `start`, or when the child has ended. */
  until(start: string): Promise<void>
  readonly ended: Promise<void>
}

/** @param temporaries where the child makes its private copies; a killed one leaves them */
function start(file: string, args: readonly string[], temporaries = place.dir): Run {
  return watch(
    spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: temporaries } }),
  )
}

function watch(child: ChildProcessByStdio<null, Readable, Readable>): Run {
  const lines: string[] = []
  let rest = ''
  let wake: (() => void) | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
    wake?.()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.push(`! ${text.trim().split('\n').slice(0, 40).join(' | ')}`))
  const ended = new Promise<void>(resolve => child.on('close', () => resolve(wake?.())))
  return {
    child,
    lines,
    ended,
    async until(start: string) {
      for (;;) {
        if (lines.some(l => l.startsWith(start)) || child.exitCode !== null || child.signalCode !== null) return
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Numbers from lines like `a 17`: the highest, or `none`. */
function highest(lines: readonly string[], kind: string, none: number): number {
  return lines.reduce((m, l) => (l.startsWith(kind + ' ') ? Math.max(m, Number(l.slice(2))) : m), none)
}

/** Family 1: kill at random moments; acknowledged ⊆ recovered ⊆ submitted, recovered is a prefix, reopening takes less than a second. */
export async function killAtRandom(budget: Budget): Promise<Outcome> {
  const writer = await buildWriter()
  const failures: string[] = []
  const notes = { deltas: 0, slowestOpenMs: 0 }
  const lanes = [0, 1].map(lane => ({
    dir: join(temporary('kill'), 'space'),
    lane,
    models: new Map<string, Model>(),
    busy: Promise.resolve(),
  }))
  try {
    const cases = await runCases(budget, 1, async i => {
      const lane = lanes[i % lanes.length]!
      // Two directories, each continued over all its kills: `process` and `power`.
      const before = lane.busy
      lane.busy = (async () => {
        await before
        const seed = budget.seed + lane.lane
        const random = new Random(budget.seed * 7919 + i)
        const run = start(writer.file, ['write', lane.dir, '-', String(seed), lane.lane === 0 ? 'process' : 'power'])
        await run.until('o ')
        await pause(random.below(60))
        run.child.kill('SIGKILL')
        await run.ended
        const complaint = run.lines.find(l => l.startsWith('!'))
        const where = `seed ${budget.seed} case ${i}`
        if (complaint !== undefined) failures.push(`${where}: the writer failed: ${complaint}`)
        const model = lane.models.get('m') ?? new Model(seed)
        lane.models.set('m', model)
        const acknowledged = highest(run.lines, 'a', model.step)
        const submitted = highest(run.lines, 's', model.step)
        try {
          // Half of the time the next writer finds the directory closed, half of the time as the kill left it.
          const looked = random.oneIn(2) ? lane.dir : join(lane.dir, '..', `look-${i}`)
          if (looked !== lane.dir) copyFiles(lane.dir, looked)
          const t = performance.now()
          const store = await openStore(looked, { codecs: 'torture' })
          const rows = await rowsOfStore(store)
          notes.slowestOpenMs = Math.max(notes.slowestOpenMs, Math.round(performance.now() - t))
          const step = stepOf(rows)
          if (step < acknowledged) failures.push(`${where}: ${acknowledged} was acknowledged, ${step} recovered`)
          if (step > submitted) failures.push(`${where}: ${submitted} was handed in, ${step} recovered`)
          notes.deltas += step - model.step
          const wrong = difference(rows, model.advance(step).rows)
          if (wrong !== undefined) failures.push(`${where}: not a prefix: ${wrong}`)
          await store.close()
          if (looked !== lane.dir) remove(looked)
        } catch (e) {
          if (!existsSync(join(lane.dir, 'RHZ.FORMAT')) && submitted === 0) return // killed before it was a space
          failures.push(`${where}: refused: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
        }
      })()
      if (i % lanes.length === lanes.length - 1) await Promise.all(lanes.map(l => l.busy))
    })
    await Promise.all(lanes.map(l => l.busy))
    return { cases, failures, notes }
  } finally {
    writer.remove()
    for (const lane of lanes) remove(join(lane.dir, '..'))
  }
}

/** Family 6, for real: the system refuses to let a file grow. The failure has a type, and what was acknowledged before is there. */
export async function fullDisk(budget: Budget): Promise<Outcome> {
  const writer = await buildWriter()
  const failures: string[] = []
  const notes = { refused: 0 }
  const base = temporary('full')
  try {
    const cases = await runCases(budget, 2, async i => {
      const seed = budget.seed + i
      const dir = join(base, `space-${i}`)
      const limit = 8 + new Random(seed).below(40)
      // A limit on the size of files, with its signal ignored, fails writes just as a full disk does, without privileges.
      const script = `trap '' XFSZ; ulimit -f ${limit}; exec "$0" "$@"`
      const run = watch(
        spawn('bash', ['-c', script, process.execPath, writer.file, 'write', dir, '-', String(seed), 'process'], {
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      )
      await run.ended
      const where = `seed ${budget.seed} case ${i} (${limit} KiB)`
      if (run.lines.some(l => l.startsWith('!') && /DISK_FULL|IO\b/.test(l))) notes.refused++
      else failures.push(`${where}: ended without a typed failure: ${run.lines.at(-1)}`)
      try {
        const store = await openStore(dir)
        const rows = await rowsOfStore(store)
        const step = stepOf(rows)
        const acknowledged = highest(run.lines, 'a', 0)
        if (step < acknowledged || step > highest(run.lines, 's', 0))
          failures.push(`${where}: ${acknowledged} was acknowledged, ${step} is there`)
        const wrong = difference(rows, Model.at(seed, step))
        if (wrong !== undefined) failures.push(`${where}: ${wrong}`)
        await store.close()
      } catch (e) {
        failures.push(`${where}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
      }
      remove(dir)
    })
    return { cases, failures, notes }
  } finally {
    writer.remove()
    remove(base)
  }
}

/** Family 2: kill while a store is being recovered, repaired or copied; afterwards the source is what it was, and the target is whole or no space. */
export async function killDuringRecovery(budget: Budget): Promise<Outcome> {
  const writer = await buildWriter()
  const failures: string[] = []
  const notes = { finishedFirst: 0 }
  const base = temporary('recovery')
  try {
    const seed = budget.seed
    const template = join(base, 'template')
    const maker = start(writer.file, ['write', join(base, 'made'), '-', String(seed), 'process'])
    await maker.until('a 150')
    maker.child.kill('SIGKILL')
    await maker.ended
    copyFiles(join(base, 'made'), template)
    const reference = await openStore(join(base, 'made'))
    const should = await rowsOfStore(reference)
    await reference.close()
    const cases = await runCases(budget, 2, async i => {
      const random = new Random(seed * 104_729 + i)
      const task = (['open', 'repair', 'backup', 'open'] as const)[i % 4]!
      const dir = join(base, `case-${i}`)
      const to = join(base, `to-${i}`)
      copyFiles(template, dir)
      const run = start(writer.file, [task, dir, to, String(seed), 'process'], base)
      await run.until('go')
      await pause(random.below(task === 'repair' ? 250 : 50))
      run.child.kill('SIGKILL')
      await run.ended
      if (run.lines.includes('end')) notes.finishedFirst++
      const where = `seed ${seed} case ${i} (${task})`
      try {
        const store = await openStore(dir)
        const wrong = difference(await rowsOfStore(store), should)
        if (wrong !== undefined) failures.push(`${where}: ${wrong}`)
        await store.close()
        if (existsSync(join(to, 'RHZ.FORMAT'))) {
          const copy = await openStore(to)
          const differs = difference(await rowsOfStore(copy), should)
          if (differs !== undefined) failures.push(`${where}: target: ${differs}`)
          await copy.close()
        } else if (task !== 'open') {
          const again = await openStore(dir, { readOnly: true })
          await again.backup(to) // what was left must not be in the way
          await again.close()
          const report = await verifyDir(to)
          if (!report.ok) failures.push(`${where}: target after a second try: ${JSON.stringify(report.problems)}`)
        }
      } catch (e) {
        failures.push(`${where}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
      }
      remove(dir)
      remove(to)
    })
    return { cases, failures, notes }
  } finally {
    writer.remove()
    remove(base)
  }
}
