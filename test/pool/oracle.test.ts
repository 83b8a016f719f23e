import { describe, expect, it } from 'vitest'
import { compileIn, LONG, leftForReducer, numbers, type Options, open, SEED } from '../acceptance/support.ts'
import { explore, someTerm, source, type Term, terms } from '../oracle/reducer.ts'
import { Simulation, type World } from './simulation.ts'

/** What is seen of a run on several shards, in the words of the reducer; undefined: it did not come to rest. */
async function seen(text: string, world: World, options: Options = {}): Promise<string | undefined> {
  const { session } = open(options)
  new Simulation(session, world)
  session.deploy(compileIn(session, text))
  if ((await session.settle()) !== 'rest') return undefined
  return leftForReducer(session)
}

async function check(t: Term, world: World): Promise<boolean> {
  const possible = explore(t)
  if (possible === null) return false
  const text = source(t)
  const found = await seen(text, world)
  if (found === undefined ? !possible.endless : !possible.outcomes.has(found))
    throw new Error(
      `${text}\ngives ${found ?? 'no rest'} in ${JSON.stringify(world)}\nallowed: ${[...possible.outcomes].join('\n         ')}`,
    )
  return true
}

describe('T39: small terms on several shards do what the independent reducer says', () => {
  it('all terms to size 6, and those of size 7 and 8 where the first COMMs are', async () => {
    let n = 0
    let checked = 0
    for (let size = 1; size <= 8; size++) {
      for (const t of terms(size)) {
        n++
        if (size > 6 && (t.k !== 'par' || (!LONG && n % 5 !== 0))) continue
        if (await check(t, { shards: 2 + (n % 3), seed: n, give: 300, slices: 1 + (n % 3), stepsMax: 3000 })) checked++
      }
    }
    expect(checked).toBeGreaterThan(500)
  })

  it('terms above, by chance', async () => {
    const below = numbers(SEED)
    let checked = 0
    for (let i = 0; i < (LONG ? 100_000 : 1500); i++) {
      const t = someTerm(below, 9 + below(8))
      const world = { shards: 2 + below(4), seed: i, give: 300, slices: 1 + below(3), stepsMax: 3000 }
      if (await check(t, world)) checked++
    }
    expect(checked, `seed ${SEED}`).toBeGreaterThan(800)
  })

  it('every outcome of a race is met on some shards', async () => {
    const below = numbers(SEED + 1)
    let races = 0
    for (let i = 0; i < 20_000 && races < (LONG ? 80 : 8); i++) {
      const t = someTerm(below, 9 + below(5))
      const possible = explore(t, 40)
      if (possible === null || possible.endless || possible.outcomes.size !== 2) continue
      races++
      const met = new Set<string>()
      for (let seed = 1; seed <= 80 && met.size < 2; seed++)
        met.add(
          (await seen(
            source(t),
            { shards: 3, seed, give: 300, slices: 1, stepsMax: 3000 },
            { seed: BigInt(seed), order: { seed: BigInt(seed) }, shuffle: true },
          )) ?? '',
        )
      expect([...met].sort(), `${source(t)}, seed ${SEED}`).toEqual([...possible.outcomes].sort())
    }
    expect(races).toBeGreaterThan(5)
  })
})
