import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Engine, LevelEngine, MemoryEngine, RhizomeError } from '../../../rspace/store/index.ts'
import { remove, temporary } from '../../torture/store/world.ts'

const bytes = (...b: number[]) => Uint8Array.from(b)
const END = new Uint8Array(4).fill(0xff)

async function all(engine: Engine, from = new Uint8Array(0), to = END): Promise<number[][]> {
  const out: number[][] = []
  for await (const page of engine.iterate(from, to)) for (const [k] of page) out.push([...k])
  return out
}

const ENGINES: Record<string, (dir: string) => Engine> = {
  'in memory': () => new MemoryEngine(),
  'on disk': dir => new LevelEngine(`${dir}/engine`),
}

describe.each(Object.entries(ENGINES))('an engine %s', (_, make) => {
  let dir: string
  let engine: Engine
  beforeEach(async () => {
    dir = temporary('engine')
    engine = make(dir)
    await engine.open({ create: true })
  })
  afterEach(async () => {
    await engine.close()
    remove(dir)
  })

  it('refuses to open where nothing is, unless it may create', async () => {
    await expect(make(`${dir}/absent`).open()).rejects.toBeInstanceOf(RhizomeError)
  })

  it('gives back what a batch wrote, and undefined for the rest', async () => {
    await engine.batch([{ key: bytes(1), value: bytes(7, 8) }], false)
    const [one, two] = await engine.getMany([bytes(1), bytes(2)])
    expect([...one!]).toEqual([7, 8])
    expect(two).toBeUndefined()
  })

  it('applies a batch in order: the last operation on a key wins', async () => {
    await engine.batch([{ key: bytes(1), value: bytes(1) }, { key: bytes(1) }, { key: bytes(2) }, { key: bytes(2), value: bytes(2) }], true)
    expect(await all(engine)).toEqual([[2]])
  })

  it('iterates in unsigned byte order, shorter keys first, from ≤ key < to', async () => {
    const keys = [bytes(200), bytes(1), bytes(1, 0), bytes(127), bytes(128)]
    await engine.batch(
      keys.map(key => ({ key, value: bytes(0) })),
      false,
    )
    expect(await all(engine)).toEqual([[1], [1, 0], [127], [128], [200]])
    expect(await all(engine, bytes(1, 0), bytes(128))).toEqual([[1, 0], [127]])
  })

  it('iterates over the state at the beginning, whatever is written meanwhile', async () => {
    const ops = Array.from({ length: 3000 }, (_, i) => ({ key: bytes(i >> 8, i & 255), value: new Uint8Array(100) }))
    await engine.batch(ops, false)
    let rows = 0
    for await (const page of engine.iterate(new Uint8Array(0), END)) {
      if (rows === 0) await engine.batch([{ key: bytes(0xf0), value: bytes(1) }, { key: bytes(11, 0) }], false)
      rows += page.length
    }
    expect(rows).toBe(3000)
  })

  it('keeps its content over close and open', async () => {
    await engine.batch([{ key: bytes(1), value: bytes(1) }], false)
    await engine.flush()
    await engine.close()
    await engine.open()
    expect(await all(engine)).toEqual([[1]])
  })

  it('does not keep the arrays it was given, nor hand out its own', async () => {
    const value = bytes(5)
    await engine.batch([{ key: bytes(1), value }], false)
    value[0] = 6
    const [got] = await engine.getMany([bytes(1)])
    got![0] = 7
    expect([...(await engine.getMany([bytes(1)]))[0]!]).toEqual([5])
  })

  it('fails with a type when it is not open', async () => {
    await engine.close()
    await expect(engine.batch([{ key: bytes(1), value: bytes(1) }], false)).rejects.toMatchObject({ code: 'IO' })
    await expect(all(engine)).rejects.toMatchObject({ code: 'IO' })
  })
})
