import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { _, memory, open, v } from '../../rspace/index.ts'
import { MemoryEngine, type Op } from '../../rspace/store/index.ts'

/** Lets a number of microtasks pass. */
const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++) await null
}

describe('whatever the schedule', () => {
  const arbActor = fc.record({
    kind: fc.constantFrom('put', 'take', 'abort', 'read', 'atomic', 'claim'),
    delay: fc.nat({ max: 12 }),
    more: fc.nat({ max: 6 }),
    channel: fc.nat({ max: 1 }),
  })
  it('no value is lost and none is taken twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbActor, { maxLength: 16 }), fc.boolean(), async (actors, durable) => {
        const space = durable ? await open(new MemoryEngine(), { create: true }) : memory()
        const put: number[] = []
        const taken: number[] = []
        const failures: unknown[] = []
        const work = actors.map(async (a, i) => {
          const channel = `c${a.channel}`
          await turns(a.delay)
          try {
            switch (a.kind) {
              case 'put':
                put.push(i)
                await space.put(channel, i)
                break
              case 'atomic':
                put.push(i)
                space.atomic(tx => tx.produce(channel, i))
                break
              case 'read':
                await space.read(channel, _)
                break
              case 'take':
                taken.push((await space.take(channel, v.x)).value as number)
                break
              case 'claim': {
                const job = await space.claim(channel, _, { ticks: 5 })
                await turns(a.more)
                if (a.more % 2 === 0) {
                  taken.push(job.value as number)
                  await job.ack()
                } else await job.nack()
                break
              }
              default: {
                const stop = new AbortController()
                const waiting = space.take(channel, _, { signal: stop.signal })
                await turns(a.more)
                stop.abort()
                taken.push((await waiting).value as number)
              }
            }
          } catch (e) {
            failures.push((e as { code?: string }).code)
          }
        })
        await turns(60)
        const left = [...space.inspect.all()].filter(i => i.kind === 'datum').map(i => i.value as number)
        await space.close()
        await Promise.all(work)
        expect([...taken, ...left].sort()).toEqual([...put].sort())
        expect(failures.every(c => c === 'ABORTED' || c === 'SPACE_CLOSED')).toBe(true)
      }),
      { numRuns: 400 },
    )
  })
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
