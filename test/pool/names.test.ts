import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { ShardNames } from '../../src/machine/names.ts'
import { Unforgeable } from '../../src/normal/term.ts'
import { CrossedNames } from '../../src/pool/names.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Weak references let go when the job that used them has ended. */
async function collect(): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
  gc()
}

const origin = new ShardNames(new Uint8Array(32), 0)

describe('names that have crossed a border', () => {
  it('are one object for each number as long as somebody holds it, those that were told and those that came', async () => {
    const names = new CrossedNames(origin)
    const held = new Map<number, Unforgeable>()
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 30_000; i++) {
        const counter = round * 30_000 + i
        const own = i % 2 === 0
        const name = own ? new Unforgeable(origin, counter) : names.get(counter)
        if (own) names.tell(name)
        if (i % 1000 < 2) held.set(counter, name)
      }
      await collect()
    }
    expect(held.size).toBe(360)
    for (const [counter, name] of held) expect(names.get(counter) === name).toBe(true)
  })

  it('are forgotten when nobody holds them, though others of their time live on', async () => {
    const names = new CrossedNames(origin)
    const held: Unforgeable[] = []
    for (let i = 0; i < 400_000; i++) {
      const name = names.get(i)
      if (i % 100 === 0) held.push(name)
      if (i % 20_000 === 0) await collect()
    }
    expect(names.size).toBeLessThan(100_000)
    expect(held.every(name => names.get(name.counter) === name)).toBe(true)
  })

  it('are what they were told to be last', () => {
    const names = new CrossedNames(origin)
    const imported = names.get(5)
    const own = new Unforgeable(origin, 5)
    names.tell(own)
    for (let i = 100; i < 1000; i++) names.get(i)
    expect(names.get(5)).toBe(own)
    expect(imported.counter).toBe(5)
  })

  it('take numbers of every size apart', () => {
    const names = new CrossedNames(origin)
    const counters = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 52 + 1, 2 ** 53 - 1]
    const found = counters.map(c => names.get(c))
    for (let i = 1000; i < 3000; i++) names.get(i)
    expect(counters.map(c => names.get(c))).toEqual(found)
    expect(new Set(found).size).toBe(counters.length)
  })
})
