/** A work queue. Jobs survive restarts; a claimed job is hidden until it is acknowledged, given back, or its ticks have passed. */
import { type JsonTypes, open, type Space, v } from '../../rspace/index.ts'
import { withFolder } from './folder.ts'

const JOB = { id: v.id, kind: v.kind }

async function work(space: Space<JsonTypes>, worker: string): Promise<void> {
  while (space.count('jobs') > 0) {
    const job = await space.claim('jobs', JOB, { ticks: 10 })
    const { id, kind } = job.bindings as { id: number; kind: string }
    if (kind === 'flaky' && worker === 'ann') {
      console.log(`${worker} cannot do job ${id} and gives it back`)
      await job.nack()
      return
    }
    // The result and the end of the job are one commit: neither can be there without the other.
    space.produce('done', { id, by: worker })
    await job.ack()
    console.log(`${worker} has done job ${id} (${kind})`)
  }
}

await withFolder(async dir => {
  const first = await open(dir, { create: true })
  for (const [i, kind] of ['mail', 'print', 'flaky', 'mail'].entries())
    await first.put('jobs', { id: i + 1, kind }, { id: `order-${i + 1}` })
  const again = first.produce('jobs', { id: 1, kind: 'mail' }, { id: 'order-1' })
  console.log(`the same order twice: ${again.repeated === true ? 'ignored' : 'taken'}; ${first.count('jobs')} jobs`)

  // Bob takes a job and is never heard of again. After 10 ticks (or a restart) it is there for others.
  const lost = await first.claim('jobs', JOB, { ticks: 10 })
  console.log(`bob has claimed job ${(lost.bindings as { id: number }).id} and falls silent; ${first.count('jobs')} jobs are visible`)
  first.tick(10)
  console.log(`10 ticks later ${first.count('jobs')} are`)

  await work(first, 'ann')
  await first.close()

  const second = await open(dir)
  console.log(`after a restart ${second.count('jobs')} jobs are left, ${second.count('done')} are done`)
  await work(second, 'cleo')
  const done = second.readMany('done', { id: v.id, by: v.by }).map(g => `${(g.bindings as { id: number }).id}`)
  console.log(`done, in this order: ${done.join(' ')}`)
  await second.close()
})
