import fc from 'fast-check'
import { _, memory, open, v } from '../../../rspace/index.ts'
import { MemoryEngine } from '../../../rspace/store/index.ts'
import type { Budget, Outcome } from '../store/world.ts'
import { checked } from './programs.ts'

/** Lets a number of microtasks pass. */
const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++) await null
}

const arbActor = fc.record({
  kind: fc.constantFrom('put', 'take', 'abort', 'read', 'atomic', 'claim'),
  delay: fc.nat({ max: 12 }),
  more: fc.nat({ max: 6 }),
  channel: fc.nat({ max: 1 }),
})

/** Family 13: a case is a handful of callers with random delays, aborts, claims and a close in the midst of it. No value is lost, none is taken twice. */
export function schedules(budget: Budget): Promise<Outcome> {
  return checked(
    budget,
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
      if (String([...taken, ...left].sort()) !== String([...put].sort())) throw new Error(`put ${put}, taken ${taken}, left ${left}`)
      const strange = failures.find(c => c !== 'ABORTED' && c !== 'SPACE_CLOSED')
      if (strange !== undefined) throw new Error(`failed with ${strange}`)
    }),
  )
}
