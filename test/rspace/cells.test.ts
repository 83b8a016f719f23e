import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { _, type JsonTypes, memory, open, type Space, v } from '../../rspace/index.ts'
import { nothingLoaded, readRow } from '../../rspace/rows.ts'
import { KEY_END, KEY_START } from '../../rspace/store/format.ts'
import { hashesReady } from '../../rspace/store/hash.ts'
import { MemoryEngine, openStore } from '../../rspace/store/index.ts'
import { PRESS_BYTES } from '../../rspace/store/press-code.ts'
import { firstBatch } from '../../rspace/store/store.ts'

/** Cells: rows that records use in turn (docs/persistence.md). */

type Json = Space<JsonTypes>
interface Row {
  readonly tag: string
  readonly ref: number
  readonly inCell: boolean
}
/** The rows of records on an engine that nobody has open. */
async function recordsOn(engine: MemoryEngine): Promise<Row[]> {
  await engine.open()
  const found: Row[] = []
  for await (const page of engine.iterate(KEY_START, KEY_END))
    for (const [key, stored] of page) {
      const tag = String.fromCharCode(key[0])
      if (tag !== 'D' && tag !== 'K') continue
      const one = nothingLoaded()
      readRow(one, key, stored.subarray(0, stored.length - 8))
      for (const { ref, inCell } of [...one.data, ...one.conts]) found.push({ tag, ref, inCell })
    }
  await engine.close()
  return found
}
const refs = (space: Json): number[] => [...space.inspect.all()].map(r => r.ref)
const contents = (space: Json): unknown[] =>
  [...space.inspect.all()].map(({ ref, kind, channels, value, body }) => [ref, kind, channels, value, body])

describe('a value that is taken and put back', () => {
  it('stays in one row, with whatever ref it has', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    space.produce('account', 0)
    await space.flush()
    for (let n = 1; n <= 5; n++) {
      space.tryTake('account', _)
      space.produce('account', n)
      await space.flush()
    }
    const [ref] = refs(space)
    await space.close()
    expect(await recordsOn(engine)).toEqual([{ tag: 'D', ref, inCell: true }])
    const again = await open(engine)
    expect(contents(again)).toEqual([[ref, 'datum', ['account'], 5, undefined]])
    expect(again.cancel(ref)).toBe(true)
    expect((await again.verify({ deep: true })).ok).toBe(true)
    await again.close()
    expect(await recordsOn(engine)).toEqual([])
  })

  it('may be larger than what is sealed at once', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    for (const letter of ['a', 'b', 'c']) {
      space.tryTake('account', _)
      space.produce('account', letter.repeat(PRESS_BYTES + 1))
      space.produce('log', letter)
      await space.flush()
    }
    await space.close()
    const again = await open(engine)
    expect((await again.verify()).ok).toBe(true)
    expect(again.tryRead('account', _)?.value).toBe('c'.repeat(PRESS_BYTES + 1))
    await again.close()
  })

  it('is told as one that has left and one that has come', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    space.produce('account', 1)
    const { number } = await space.flush()
    space.tryTake('account', _)
    space.produce('account', 2)
    await space.flush()
    await space.close()
    const again = await open(engine)
    const told: unknown[] = []
    for await (const { kind, channel, value } of again.watch({}, { from: { number } })) if (told.push([kind, channel, value]) === 2) break
    expect(told).toEqual([
      ['remove', 'account', 1],
      ['produce', 'account', 2],
    ])
    await again.close()
  })
})

describe('a join that waits again', () => {
  it('stays in one row too', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    const wait = (): unknown =>
      space.consume(
        [
          { channel: 'a', pattern: v.x },
          { channel: 'b', pattern: v.y },
        ],
        'both',
      )
    wait()
    space.produce('a', 0)
    await space.flush()
    for (let n = 1; n <= 3; n++) {
      space.produce('b', n)
      space.produce('a', n)
      wait()
      await space.flush()
    }
    const now = refs(space)
    await space.close()
    expect((await recordsOn(engine)).sort((p, q) => p.ref - q.ref)).toEqual([
      { tag: 'D', ref: now[0], inCell: true },
      { tag: 'K', ref: now[1], inCell: true },
    ])
  })
})

describe('many records of one channel', () => {
  it('keep their order, whichever is in the cell', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    for (let n = 0; n < 5; n++) space.produce('queue', n)
    await space.flush()
    // The oldest leaves the cell to the youngest.
    space.tryTake('queue', _)
    space.produce('queue', 5)
    await space.close()
    expect((await recordsOn(engine)).filter(r => r.inCell).length).toBe(1)
    const again = await open(engine)
    expect([0, 1, 2, 3, 4].map(() => again.tryTake('queue', _)?.value)).toEqual([1, 2, 3, 4, 5])
    await again.close()
  })

  const step = fc.tuple(fc.constantFrom('put', 'take', 'wait', 'join', 'withdraw', 'back', 'flush', 'reopen'), fc.nat(2), fc.nat(20))
  it('are after any reopening what they are in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const engine = new MemoryEngine()
        let space = await open(engine, { create: true, group: 'manual' })
        const twin = memory({ group: 'manual' })
        const both = (what: (s: Json) => void): void => [space, twin].forEach(what)
        for (const [kind, c, n] of steps) {
          const channel = `c${c}`
          const change = (s: Json): void => {
            if (kind === 'put') s.produce(channel, n)
            else if (kind === 'take') s.tryTake(channel, _)
            else if (kind === 'wait') s.consume([{ channel: 'w', pattern: n }], n)
            else if (kind === 'join')
              s.consume(
                ['w', channel].map(x => ({ channel: x, pattern: 100 + n })),
                n,
              )
            else if (kind === 'withdraw') s.cancel(refs(s)[n] ?? 0)
          }
          both(change)
          if (kind === 'back')
            both(s => {
              const mark = s.mark()
              s.tryTake(channel, _)
              s.produce(channel, n)
              s.rollback(mark)
            })
          if (kind === 'flush') await space.flush()
          if (kind === 'reopen') {
            await space.close()
            space = await open(engine, { group: 'manual' })
            expect(contents(space)).toEqual(contents(twin))
          }
        }
        await space.close()
        space = await open(engine)
        expect(contents(space)).toEqual(contents(twin))
        expect((await space.verify({ deep: true })).ok).toBe(true)
        await space.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe('checkpoints', () => {
  it('hold what was in cells, and give it back', async () => {
    const engine = new MemoryEngine()
    const options = { history: 'merkle', group: 'manual' } as const
    const space = await open(engine, { ...options, create: true })
    space.produce('account', 1)
    space.consume([{ channel: 'orders', pattern: v.x }], 'serve')
    const first = await space.checkpoint()
    for (const n of [2, 3]) {
      space.tryTake('account', _)
      space.produce('account', n)
      space.produce('orders', n)
      space.consume([{ channel: 'orders', pattern: v.x }], 'serve')
      await space.flush()
    }
    const second = await space.checkpoint()
    await space.reset(first.root)
    expect(space.digest()).toBe(first.root)
    await space.reset(first.root)
    expect(space.produce('orders', 0).comms[0].body).toBe('serve')
    await space.flush()
    space.tryTake('account', _)
    space.produce('account', 4)
    await space.close()

    const again = await open(engine, options)
    expect((await again.verify({ deep: true })).ok).toBe(true)
    expect(again.tryRead('account', _)?.value).toBe(4)
    const then = await again.forkAt(second.root)
    expect(then.digest()).toBe(second.root)
    expect(then.tryTake('account', _)?.value).toBe(3)
    await again.reset(second.root)
    expect(again.digest()).toBe(second.root)
    await again.close()
  })
})

describe('a space of format 1.0', () => {
  beforeAll(hashesReady)
  it('is carried on without cells, so that the version that made it can read it', async () => {
    const engine = new MemoryEngine()
    const probe = await openStore(new MemoryEngine(), { create: true })
    const codecs = await (async () => {
      const model = new MemoryEngine()
      await (await open(model, { create: true })).close()
      const store = await openStore(model)
      const { codecs } = store.format
      await store.close()
      return codecs
    })()
    const format = { ...probe.format, major: 1, codecs }
    await probe.close()
    await engine.open({ create: true })
    await engine.batch(firstBatch(format).ops, true)
    await engine.close()
    const space = await open(engine, { group: 'manual' })
    for (const n of [1, 2]) {
      space.tryTake('account', _)
      space.produce('account', n)
      await space.flush()
    }
    const [ref] = refs(space)
    await space.close()
    expect(await recordsOn(engine)).toEqual([{ tag: 'D', ref, inCell: false }])
    const store = await openStore(engine)
    expect(store.format.major).toBe(1)
    await store.close()
  })
})
