import { describe, expect, it } from 'vitest'
import { Parked } from '../../src/machine/parked.ts'
import { random } from './killing.ts'
import { Disk, resultOf, runThrough, start, texts } from './world.ts'

describe('rows that stay bytes until somebody comes to their channel', () => {
  it('come back by key, in the order in which they were put in, each once', () => {
    for (const sorted of [true, false]) {
      const below = random(7)
      const parked = new Parked()
      const model = new Map<number, string[]>()
      const keys = Array.from({ length: 3000 }, () => below(800) - 300)
      if (sorted) keys.sort((a, b) => a - b)
      keys.forEach((key, i) => {
        const bytes = Uint8Array.from({ length: below(2000) }, (_, j) => (i + j) & 255)
        parked.add(key, i, bytes)
        const list = model.get(key) ?? []
        model.set(key, [...list, `${i} ${Buffer.from(bytes).toString('hex')}`])
      })
      const took = (key: number): string[] => {
        const out: string[] = []
        parked.take(key, (ref, bytes) => out.push(`${ref} ${Buffer.from(bytes).toString('hex')}`))
        return out
      }
      for (let i = 0; i < 400; i++) {
        const key = below(900) - 350
        expect(took(key)).toEqual(model.get(key) ?? [])
        model.delete(key)
      }
      const rest = [...model.values()].flat().map(t => Number(t.split(' ')[0]))
      const all: number[] = []
      parked.all(ref => all.push(ref))
      expect(all).toEqual(rest.sort((a, b) => a - b))
      expect(parked.count).toBe(0)
    }
  })

  const SOURCE = `new stdout(\`rho:io:stdout\`), loop, hold in {
    contract loop(@n) = {
      if (n == 0) { @"ready"!(Nil) } else {
        new x, y in {
          @["private", n]!(*x, *y) |
          for (@a <- x) { stdout!(["x", n, a]) } | for (@a <- x) { stdout!(["x again", n, a]) } |
          for (@a <- x & @b <- y) { stdout!(["join", n, a, b]) } | y!(n) |
          for (@v <- @n) { stdout!(["integer", n, v]) } | @(-n)!(n, [n]) |
          loop!(n - 1)
        }
      }
    } | loop!(20)
  }`
  const USE = `new stdout(\`rho:io:stdout\`), go in {
    contract go(@n) = {
      if (n < 20) {
        for (x, y <- @["private", n]) { x!(1) | x!(2) | x!(3) | for (@v, @w <- @(-n)) { stdout!(["datum", v, w]) | @n!("v") | go!(n + 1) } }
      }
    } | go!(1)
  }`

  it('and the space goes on as one whose records are all there', async () => {
    const { disk } = await runThrough([SOURCE])
    const run = async (whole: boolean, policy: 'depth' | 'rr') => {
      const { durable, left } = await start(new Disk(disk.now), [USE], { groupSlices: 1, policy })
      if (whole) durable.session.shard.whole()
      await durable.session.settle()
      const out = texts(left)
      const result = resultOf(durable)
      await durable.close({ reported: true })
      return { out, result }
    }
    for (const policy of ['depth', 'rr'] as const) {
      const a = await run(false, policy)
      expect(a).toEqual(await run(true, policy))
      expect(a.out.length).toBe(19 * 5)
    }
  })

  it('is saved again as it was, cut off at any commit', async () => {
    const { disk } = await runThrough([SOURCE])
    const whole = await start(new Disk(disk.now), [USE], { groupSlices: 1 })
    await whole.durable.session.settle()
    const expected = resultOf(whole.durable)
    const between = new Disk(disk.now)
    const { durable } = await start(between, [USE], { groupSlices: 1 })
    await durable.session.settle()
    await durable.close()
    for (let i = 1; i < between.states.length; i += 9) {
      const again = await start(new Disk(between.states[i]))
      if (i === 1) continue // the program is in with this one
      await again.durable.session.settle()
      expect(resultOf(again.durable)).toEqual(expected)
    }
  })

  it('is undone with what was made of it when a program fails', async () => {
    const { disk } = await runThrough([SOURCE])
    const failing = 'for (x, y <- @["private", 7]) { x!(1) | @7!("v") | for (@v, @w <- @(-7)) { @"z"!(1 / 0) } }'
    const { durable } = await start(disk, [failing], { onError: 'rollback' })
    await durable.session.settle()
    await durable.close({ reported: true })
    const before = await start(new Disk(disk.states[1]))
    await before.durable.session.settle()
    const after = await start(new Disk(disk.now))
    expect(resultOf(after.durable).data).toEqual(resultOf(before.durable).data)
    expect(resultOf(after.durable).blocked).toEqual(resultOf(before.durable).blocked)
  })

  it('refuses a row that no version has written when it is its turn, and saves nothing after it', async () => {
    const { disk } = await runThrough(['for (@v <- @5) { @"got"!(v) } | for (@v <- @6) { @"got"!(v) }'])
    const rows = new Map(disk.now)
    const key = [...rows.keys()].filter(k => k.startsWith('584d'))[0]
    const row = Uint8Array.from(rows.get(key) as Uint8Array)
    row.fill(255, row.length - 4)
    rows.set(key, row)
    const damaged = new Disk(rows)
    const { durable } = await start(damaged)
    const { program } = durable.session.compile('p.rho', '@5!(1) | @6!(1)')
    if (program !== undefined) durable.session.deploy(program)
    await expect(durable.session.settle()).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(durable.flush()).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(damaged.states.length).toBe(1)
  })
})
