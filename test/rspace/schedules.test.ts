import { describe, expect, it } from 'vitest'
import { _, open } from '../../rspace/index.ts'
import { MemoryEngine, type Op } from '../../rspace/store/index.ts'
import { schedules } from '../torture/space/schedules.ts'

describe('whatever the schedule', () => {
  it('no value is lost and none is taken twice (family 13)', async () => {
    const { cases, failures } = await schedules({ cases: 3000, seed: 13 })
    expect(failures).toEqual([])
    expect(cases).toBe(3000)
  }, 240_000)
})

describe('whatever the moment of a crash', () => {
  class Recording extends MemoryEngine {
    readonly batches: Op[][] = []
    override batch(ops: Op[], sync: boolean): Promise<void> {
      this.batches.push(ops.map(o => ({ ...o })))
      return super.batch(ops, sync)
    }
  }
  it('a space is found as it was at a commit, with its records, side rows and counters together (P8)', async () => {
    const engine = new Recording()
    const space = await open(engine, { create: true, history: 'merkle' })
    const states = new Map<string, number>()
    const note = (): void => {
      states.set(space.digest(), space.side('n').get(Uint8Array.of(0))?.[0] ?? 0)
    }
    note()
    for (let i = 1; i <= 12; i++) {
      space.atomic(tx => {
        tx.produce(`c${i % 3}`, i)
        if (i % 4 === 0) tx.tryTake('c1', _)
        if (i % 5 === 0)
          tx.consume(
            [
              { channel: 'x', pattern: i },
              { channel: 'c0', pattern: _ },
            ],
            'k',
          )
        tx.side('n').put(Uint8Array.of(0), Uint8Array.of(i))
      })
      note()
      if (i === 6) await space.checkpoint()
      else await space.flush()
    }
    expect(states.size).toBe(13)
    for (let n = 1; n <= engine.batches.length; n++) {
      const copy = new MemoryEngine()
      await copy.open({ create: true })
      for (const ops of engine.batches.slice(0, n)) await copy.batch(ops, false)
      await copy.close()
      const found = await open(copy, { history: 'merkle' })
      const side = found.side('n').get(Uint8Array.of(0))?.[0] ?? 0
      expect(states.get(found.digest())).toBe(side)
      const { ref } = found.produce('new', 1)
      expect([...found.inspect.all()].filter(i => i.ref === ref)).toHaveLength(1)
      await found.close()
    }
    await space.close()
  })
})
