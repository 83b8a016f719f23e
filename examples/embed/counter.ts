/** An event-sourced counter: the state is what the events made of it, any checkpoint can be visited, and the log can be played again. */
import { type JsonTypes, memory, open, type Space, v } from '../../rspace/index.ts'
import { withFolder } from './folder.ts'

const KEEP = { journal: 'events', history: 'merkle' } as const
const value = (space: Space<JsonTypes>): number => space.tryRead('counter', v.n)?.value as number

/** Every event meets the counter in one COMM; `apply` leaves the new counter. */
function begin(space: Space<JsonTypes>): void {
  space.handle('apply', ({ matches: [event, counter] }) => {
    space.produce('counter', (counter.value as number) + (event.value as { add: number }).add)
  })
}

await withFolder(async dir => {
  const space = await open(dir, { ...KEEP, create: true })
  begin(space)
  space.produce('counter', 0)
  const binds = [
    { channel: 'events', pattern: { add: v.by } },
    { channel: 'counter', pattern: v.n },
  ]
  space.consume(binds, 'apply', { persist: true })
  for (const add of [5, 7, -2]) space.produce('events', { add })
  const noon = await space.checkpoint()
  console.log(`at noon the counter is ${value(space)}`)
  for (const add of [100, 1]) space.produce('events', { add })
  const evening = await space.checkpoint()
  console.log(`in the evening it is ${value(space)}`)

  const past = await space.forkAt(noon.root)
  console.log(`a copy of noon says ${value(past)}; the present still says ${value(space)}`)

  // The log says which operations there were and which COMMs fired. Another space given the same operations, in any order, ends in the same state.
  const log = []
  for await (const event of space.log()) log.push(event)
  const replay = memory({ ...KEEP })
  await replay.rig(log)
  begin(replay)
  for (const e of log.filter(e => e.kind === 'produce' && e.channel === 'events').reverse()) replay.produce('events', e.value!)
  replay.consume(binds, 'apply', { persist: true })
  replay.produce('counter', 0)
  await new Promise(resolve => setImmediate(resolve))
  replay.checkReplay()
  console.log(`replayed: ${value(replay)}, ${replay.digest() === evening.root ? 'the same state' : 'another state'}`)

  await space.reset(noon.root)
  console.log(`back at noon: ${value(space)}`)
  space.produce('events', { add: 1 })
  await space.close()

  const again = await open(dir, KEEP)
  console.log(`after a restart: ${value(again)}`)
  await again.close()
})
