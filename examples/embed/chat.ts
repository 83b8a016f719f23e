/** A chat room: lines are data on the room's channel, members watch it. Who comes late first sees what they missed. */
import { type Commit, type JsonTypes, open, type Space } from '../../rspace/index.ts'
import { withFolder } from './folder.ts'

type Room = Space<JsonTypes>
interface Line {
  from: string
  text: string
}

const say = (room: Room, from: string, text: string): Promise<Commit> => room.put('room', { from, text })

/** Reads `count` lines and hands back what was seen. */
async function listen(room: Room, count: number, from?: Commit): Promise<string[]> {
  const seen: string[] = []
  for await (const event of room.watch({ channel: 'room', kinds: ['produce'] }, { from })) {
    const line = event.value as unknown as Line
    seen.push(`${line.from}: ${line.text}`)
    if (seen.length === count) break
  }
  return seen
}

const show = (who: string, seen: readonly string[]): void => {
  for (const line of seen) console.log(`  ${who} sees | ${line}`)
}

await withFolder(async dir => {
  // Journal `events` keeps every line, also those that somebody has taken out of the room since.
  const room = await open(dir, { create: true, journal: 'events' })
  const ann = listen(room, 3)
  await say(room, 'ann', 'is anybody here?')
  const beforeBob = room.committed
  const bob = listen(room, 2)
  await say(room, 'bob', 'hello ann')
  await say(room, 'ann', 'good morning')
  show('ann', await ann)
  show('bob', await bob)
  await room.close()

  const later = await open(dir, { journal: 'events' })
  console.log('the next day')
  const cleo = listen(later, 3, beforeBob)
  await say(later, 'cleo', 'what have I missed?')
  show('cleo', await cleo)
  await later.close()
})
