import { openStore, type Store } from '../../../rspace/store/index.ts'
import { Random } from '../../support/random.ts'
import { FaultyEngine, survivors, type Written } from './faulty.ts'
import { type Budget, codeOf, deltaAt, difference, Model, type Outcome, rowsOfStore, runCases, stepOf } from './world.ts'

/** Refusals that are allowed when writes were lost. Anything else, a host exception above all, is a failure. */
const REFUSALS = new Set(['CORRUPT', 'NEEDS_REPAIR'])

/**
 * Family 4: a power cut loses unsynced writes, not necessarily the newest ones. `power`: every acknowledged commit is there.
 * `process`: the state is a prefix, or the opening is refused.
 */
export async function loseUnsynced(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes = { refused: 0, opened: 0 }
  const cases = await runCases(budget, 1, async i => {
    const random = new Random(budget.seed * 15_485_863 + i)
    const durability = random.oneIn(4) ? 'power' : 'process'
    const seed = budget.seed + i
    const engine = new FaultyEngine()
    const keep = { commits: 1 + random.below(20), bytes: 0 }
    let acknowledged = 0
    let store: Store = await openStore(engine, { create: true, durability, keep })
    for (let step = 1, steps = 1 + random.below(24); step <= steps; step++) {
      await store.commit(deltaAt(seed, step))
      acknowledged = step
      if (random.oneIn(10)) {
        await store.close()
        store = await openStore(engine, { keep })
        await rowsOfStore(store)
      }
    }
    const disk = durability === 'power' ? engine.written.map((w): Written => ({ ...w, synced: w.synced })) : engine.written
    const after = await FaultyEngine.after(disk, survivors(random, disk.length))
    const where = `seed ${budget.seed} case ${i} (${durability})`
    try {
      const again = await openStore(after)
      const rows = await rowsOfStore(again)
      const step = stepOf(rows)
      notes.opened++
      if (durability === 'power' && step < acknowledged) failures.push(`${where}: ${acknowledged} acknowledged, ${step} there`)
      const wrong = difference(rows, Model.at(seed, step))
      if (wrong !== undefined) failures.push(`${where}: opened silently, but ${wrong}`)
      await again.close()
    } catch (e) {
      notes.refused++
      if (!REFUSALS.has(codeOf(e)) || durability === 'power') failures.push(`${where}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
    }
  })
  return { cases, failures, notes }
}

/**
 * Family 6: call n of a script of engine calls fails. The first failure surfaces, nothing is acknowledged after it, and the
 * reopened state is the acknowledged one (or the one commit more that was in flight).
 */
export async function failEveryCall(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const notes = { surfaced: 0 }
  const codes = ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE'] as const
  const cases = await runCases(budget, 1, async i => {
    const random = new Random(budget.seed * 32_452_843 + i)
    const seed = budget.seed + (i >> 7)
    const engine = new FaultyEngine()
    engine.failAt = i % 128
    engine.failWith = codes[random.below(codes.length)]!
    engine.failAfterWriting = random.oneIn(2)
    const where = `seed ${budget.seed} case ${i} (call ${engine.failAt} ${engine.failWith})`
    let acknowledged = 0
    let handedIn = 0
    let surfaced = false
    const seen = (e: unknown) => {
      const expected = surfaced ? ['SPACE_FAILED'] : engine.failWith === 'ENOSPC' || engine.failWith === 'EDQUOT' ? ['DISK_FULL'] : ['IO']
      if (!expected.includes(codeOf(e))) failures.push(`${where}: ${codeOf(e)} instead of ${expected}`)
      surfaced = true
    }
    let opened = false
    try {
      for (let session = 0; session < 3 && !surfaced; session++) {
        const store = await openStore(engine, { create: true, keep: { commits: 8, bytes: 0 } })
        opened = true
        try {
          if (session > 0) await rowsOfStore(store)
        } catch (e) {
          seen(e)
        }
        for (let n = 0; n < 8; n++) {
          const step = handedIn + 1
          try {
            const done = store.commit(deltaAt(seed, step))
            if (!surfaced) handedIn = step
            await done
            if (surfaced) failures.push(`${where}: commit ${step} acknowledged after a failure`)
            acknowledged = step
          } catch (e) {
            seen(e)
          }
        }
        try {
          await store.close()
        } catch (e) {
          surfaced = false // closing reports its own failure
          seen(e)
        }
      }
    } catch (e) {
      seen(e)
    }
    if (surfaced) notes.surfaced++
    else if (engine.calls > engine.failAt) failures.push(`${where}: the failure did not surface`)
    // The disk as it is, read by a healthy engine.
    const healthy = await FaultyEngine.after(engine.written, () => true)
    if (engine.written.length === 0) return
    try {
      const again = await openStore(healthy)
      const rows = await rowsOfStore(again)
      const step = stepOf(rows)
      if (step < acknowledged || step > handedIn)
        failures.push(`${where}: ${acknowledged} acknowledged, ${handedIn} handed in, ${step} there`)
      const wrong = difference(rows, Model.at(seed, step))
      if (wrong !== undefined) failures.push(`${where}: ${wrong}`)
      await again.close()
    } catch (e) {
      if (opened) failures.push(`${where}: not openable: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
    }
  })
  return { cases, failures, notes }
}
