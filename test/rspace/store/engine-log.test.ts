import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore, repair } from '../../../rspace/store/index.ts'
import { remove, temporary } from '../../torture/store/world.ts'

const base = temporary('engine-log')
afterAll(() => remove(base))
let n = 0

/** The files of a store as a kill leaves them, after commits with values of these sizes. */
async function killed(sizes: readonly number[]): Promise<{ dir: string; log: string }> {
  const dir = join(base, `space-${n++}`)
  const store = await openStore(`${dir}-alive`, { create: true })
  for (const [i, size] of sizes.entries()) await store.commit({ put: [[Uint8Array.of(0x58, i >> 8, i), new Uint8Array(size).fill(i)]] })
  cpSync(`${dir}-alive`, dir, { recursive: true })
  await store.close()
  rmSync(join(dir, 'RHZ.LOCK'))
  return { dir, log: join(dir, readdirSync(dir).find(name => name.endsWith('.log')) as string) }
}
const contents = (dir: string): string[] => readdirSync(dir).map(name => `${name} ${readFileSync(join(dir, name), 'latin1')}`)
const SMALL = [10, 20, 30]

describe('the log of the engine', () => {
  it('is refused when it repeats itself, which would end the process; nothing is changed', async () => {
    for (const sizes of [SMALL, [200_000, 5]]) {
      const { dir, log } = await killed(sizes)
      const bytes = readFileSync(log)
      // Blocks are repeated as a whole: what lies askew is left out by the engine.
      const block = Buffer.alloc(Math.ceil(bytes.length / 32_768) * 32_768)
      bytes.copy(block)
      writeFileSync(log, Buffer.concat([block, bytes]))
      const before = contents(dir)
      await expect(openStore(dir)).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('holds a batch twice') })
      expect(contents(dir)).toEqual(before)
    }
  })
  it('is cut off before what it repeats in the copy that a repair works on', async () => {
    const { dir, log } = await killed([10, 40_000])
    const bytes = readFileSync(log)
    writeFileSync(log, Buffer.concat([bytes, Buffer.alloc(-bytes.length & 32_767), bytes]))
    const before = contents(dir)
    const to = `${dir}-repaired`
    expect(await repair(dir, to)).toMatchObject({ ok: true, commit: 2, lost: { commits: 0, rows: 0 } })
    await (await openStore(to)).close()
    expect(contents(dir)).toEqual(before)
  })
  it('is read when its batches begin and end anywhere in its blocks', async () => {
    // Every place for the head of a batch around the end of a block, and batches of several blocks.
    const sizes = Array.from({ length: 120 }, (_, i) => [32_000 + i, 100 + i]).flat()
    const { dir } = await killed([...sizes, 100_000, 7])
    const store = await openStore(dir)
    expect(store.recovered).toBe(sizes.length + 2)
    await store.close()
  })
  it('may hold a damaged batch whose number is too high: what became of it is said by the commits', async () => {
    const { dir, log } = await killed([10, 40_000, 40_000, 40_000])
    const bytes = readFileSync(log)
    const second = 7 + bytes.readUInt16LE(4)
    bytes[second + 7 + 3] = 0xff
    writeFileSync(log, bytes)
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'NEEDS_REPAIR' })
  })
  it('may end in nothing, in rubbish, or in the middle', async () => {
    for (const end of [
      (b: Buffer) => Buffer.concat([b, Buffer.alloc(40_000)]),
      (b: Buffer) => Buffer.concat([b, b.subarray(11)]),
      (b: Buffer) => b.subarray(0, -3),
    ]) {
      const { dir, log } = await killed(SMALL)
      writeFileSync(log, end(readFileSync(log)))
      const store = await openStore(dir)
      expect(store.recovered).toBeGreaterThanOrEqual(SMALL.length - 1)
      await store.close()
    }
  })
})
