import { spawn } from 'node:child_process'
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { open } from '../../../rspace/index.ts'
import { importDir, openStore, repair, verifyDir } from '../../../rspace/store/index.ts'
import { Random } from '../../support/random.ts'
import { buildPrograms, highest, pause, start, watch } from './children.ts'
import {
  type Budget,
  codeOf,
  copyFiles,
  difference,
  Model,
  type Outcome,
  remove,
  rowsOfStore,
  runCases,
  stepOf,
  temporary,
} from './world.ts'

/** Families 1 and 2: processes killed with signal 9, the parent being the oracle. */

/** Family 1: kill at random moments; acknowledged ⊆ recovered ⊆ submitted, recovered is a prefix, reopening takes less than a second. */
export async function killAtRandom(budget: Budget): Promise<Outcome> {
  const programs = await buildPrograms()
  const failures: string[] = []
  const notes = { deltas: 0, slowestOpenMs: 0 }
  const lanes = [0, 1, 2, 3].map(lane => ({
    dir: join(temporary('kill'), 'space'),
    lane,
    models: new Map<string, Model>(),
    busy: Promise.resolve(),
  }))
  try {
    const cases = await runCases(budget, 1, async i => {
      const lane = lanes[i % lanes.length]!
      // Four directories, each continued over all its kills: two `process`, two `power`.
      const before = lane.busy
      lane.busy = (async () => {
        await before
        const seed = budget.seed + lane.lane
        const random = new Random(budget.seed * 7919 + i)
        const run = start(programs.writer, ['write', lane.dir, '-', String(seed), lane.lane % 2 === 0 ? 'process' : 'power'])
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
    programs.remove()
    for (const lane of lanes) remove(join(lane.dir, '..'))
  }
}

/** Family 6, for real: the system refuses to let a file grow. The failure has a type, and what was acknowledged before is there. */
export async function fullDisk(budget: Budget): Promise<Outcome> {
  const programs = await buildPrograms()
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
        spawn('bash', ['-c', script, process.execPath, programs.writer, 'write', dir, '-', String(seed), 'process'], {
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
    programs.remove()
    remove(base)
  }
}

export const RECOVERIES = ['open', 'repair', 'backup', 'checkpoint', 'export', 'import'] as const

/**
 * Family 2: kill while a store is being recovered, repaired, copied, exported, imported, or makes checkpoints. Afterwards the source is
 * what it was, a target is whole or no space, and what was said to be kept is kept.
 */
export async function killDuringRecovery(budget: Budget): Promise<Outcome> {
  const programs = await buildPrograms()
  const failures: string[] = []
  const notes = { finishedFirst: 0, checkpoints: 0 }
  const base = temporary('recovery')
  try {
    const seed = budget.seed
    const template = join(base, 'template')
    const maker = start(programs.writer, ['write', join(base, 'made'), '-', String(seed), 'process'])
    await maker.until('a 150')
    maker.child.kill('SIGKILL')
    await maker.ended
    copyFiles(join(base, 'made'), template)
    const exported = join(base, 'exported')
    await start(programs.writer, ['export', join(base, 'made'), exported, String(seed), 'process']).ended
    const reference = await openStore(join(base, 'made'))
    const should = await rowsOfStore(reference)
    await reference.close()

    /** A target that a killed process has left: whole, or nothing that is in the way. */
    const checkTarget = async (where: string, to: string, again: () => Promise<unknown>): Promise<void> => {
      if (!existsSync(join(to, 'RHZ.FORMAT'))) await again()
      const report = await verifyDir(to)
      if (!report.ok) failures.push(`${where}: target: ${JSON.stringify(report.problems)}`)
      const copy = await openStore(to)
      const differs = difference(await rowsOfStore(copy), should)
      if (differs !== undefined) failures.push(`${where}: target: ${differs}`)
      await copy.close()
    }
    const checkRoots = async (where: string, dir: string, lines: readonly string[]): Promise<void> => {
      const roots = lines.filter(l => l.startsWith('r ')).map(l => l.slice(2))
      const space = await open(dir, { history: 'merkle' })
      // The last ten are kept, and one more may have been made than was told.
      for (const root of roots.slice(-9)) {
        notes.checkpoints++
        const then = await space.forkAt(root)
        if (then.digest() !== root) failures.push(`${where}: checkpoint ${root.slice(0, 8)} has another content`)
      }
      const report = await space.verify({ deep: true })
      if (!report.ok) failures.push(`${where}: ${JSON.stringify(report.problems)}`)
      await space.close()
    }

    const cases = await runCases(budget, 2, async i => {
      const random = new Random(seed * 104_729 + i)
      const task = RECOVERIES[i % RECOVERIES.length]!
      const dir = join(base, `case-${i}`)
      const to = join(base, `to-${i}`)
      if (task !== 'import' && task !== 'checkpoint') copyFiles(template, dir)
      const run = start(programs.writer, [task, task === 'import' ? exported : dir, to, String(seed), 'process'], base)
      await run.until('go')
      // Half of them once there is a checkpoint, however slow the machine is.
      if (task === 'checkpoint' && random.below(2) === 0) await run.until('r ')
      await pause(random.below(task === 'repair' ? 250 : task === 'import' ? 30 : 50))
      run.child.kill('SIGKILL')
      await run.ended
      if (run.lines.includes('end')) notes.finishedFirst++
      const where = `seed ${seed} case ${i} (${task})`
      try {
        if (task === 'checkpoint') await checkRoots(where, dir, run.lines)
        else if (task === 'import') await checkTarget(where, to, () => importDir(createReadStream(exported), to))
        else {
          if (task === 'repair') await checkTarget(where, to, () => repair(dir, to))
          const store = await openStore(dir)
          const wrong = difference(await rowsOfStore(store), should)
          if (wrong !== undefined) failures.push(`${where}: ${wrong}`)
          if (task === 'backup') await checkTarget(where, to, () => store.backup(to))
          await store.close()
        }
      } catch (e) {
        failures.push(`${where}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
      }
      remove(dir)
      remove(to)
    })
    return { cases, failures, notes }
  } finally {
    programs.remove()
    remove(base)
  }
}
