import { createInterface } from 'node:readline'
import { type JsonTypes, memory, type SpaceEvent } from '../../../rspace/index.ts'
import { play, type Step } from './steps.ts'

/** Replays logs of another process: a line with log and steps comes in, a line with the digest (or the code of the refusal) goes out. */
interface Asked {
  readonly log: readonly SpaceEvent<JsonTypes>[]
  readonly steps: readonly Step[]
}

for await (const line of createInterface({ input: process.stdin })) {
  const { log, steps } = JSON.parse(line) as Asked
  const space = memory({ journal: 'events', burst: 1 })
  let answer: string
  try {
    await space.rig(log)
    for (const s of steps) play(space, s)
    space.checkReplay()
    answer = space.digest()
  } catch (e) {
    answer = String((e as { code?: unknown }).code ?? e)
  }
  process.stdout.write(`${answer}\n`)
}
