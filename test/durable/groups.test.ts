import { describe, expect, it } from 'vitest'
import type { Rows } from '../../src/machine/keeper.ts'
import { Disk, start } from './world.ts'

/** Slices between the commits of a program while it runs. */
async function lengths(source: string, durability: 'process' | 'power'): Promise<number[]> {
  const at: number[] = []
  const rows: Rows = {
    format: { durability },
    async *rows() {},
    async commit() {
      at.push(durable.shard.slices)
    },
    async close() {},
  }
  const { durable } = await start(rows)
  const { program } = durable.session.compile('program.rho', source)
  if (program === undefined) throw new Error('the program is refused')
  durable.session.deploy(program)
  await durable.flush()
  at.length = 1
  await durable.session.settle()
  await durable.close()
  const total = durable.shard.slices
  return at.flatMap((n, i) => (i > 0 && n < total ? [n - at[i - 1]] : []))
}

const count = (n: number, more = 'Nil') =>
  `new c, o(\`rho:io:stdout\`) in { contract c(@n) = { if (n > 0) { c!(n - 1) } } | c!(${n}) | ${more} }`
const grow = (n: number) => `new c in { contract c(@n) = { if (n > 0) { @"kept"!(n) | c!(n - 1) } } | c!(${n}) }`

/** A group ends after so many slices, or at the end of the quantum in which it would have. */
const GROUP = 131_072
const QUANTUM = 4096
const like = (slices: number) => (n: number) => n >= slices && n < slices + 2 * QUANTUM

describe('a group of a program that runs on', () => {
  it('is closed after so many slices where commits survive a power cut', async () => {
    const found = await lengths(count(450_000), 'power')
    expect(found.length).toBeGreaterThanOrEqual(3)
    expect(found.every(like(GROUP)), String(found)).toBe(true)
  })

  it('may be three times as long where they only survive the process, and the space does not grow', async () => {
    const [first, ...found] = await lengths(count(1_000_000), 'process')
    expect(first).toSatisfy(like(GROUP))
    expect(found.length).toBeGreaterThanOrEqual(2)
    expect(found.every(like(3 * GROUP)), String(found)).toBe(true)
  })

  it('is no longer where the space grows', async () => {
    const found = await lengths(grow(280_000), 'process')
    expect(found.length).toBeGreaterThanOrEqual(2)
    expect(found.every(like(GROUP)), String(found)).toBe(true)
  })

  it('is no longer where an output waits to leave', async () => {
    const prints = count(600_000, 'contract o2(@n) = { if (n > 0) { o!(n) | o2!(n - 1) } } | o2!(150000)').replace('new c,', 'new c, o2,')
    const found = (await lengths(prints, 'process')).slice(0, 3)
    expect(found.every(like(GROUP)), String(found)).toBe(true)
  })
})

describe('waiting until something is safe', () => {
  it('takes two groups at most, though machines never rest', async () => {
    const disk = new Disk()
    const kept = disk.rows()
    const rows: Rows = {
      ...kept,
      async commit(delta, meta) {
        await new Promise<void>(resolve => setImmediate(resolve)) // as a disk does
        return kept.commit(delta, meta)
      },
    }
    const { durable } = await start(rows, ['new c in { contract c(@n) = { c!(n + 1) } | c!(0) }'], { groupSlices: QUANTUM })
    const running = durable.session.settle()
    for (let i = 0; i < 20; i++) {
      await new Promise<void>(resolve => setImmediate(resolve))
      const before = disk.states.length
      await durable.safe()
      expect(disk.states.length - before).toBeLessThanOrEqual(2)
    }
    durable.session.stop()
    await running
    await durable.close()
  })
})
