import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { RhizomeError } from '../../rspace/errors.ts'
import { type Engine, MemoryEngine, openStore } from '../../rspace/store/index.ts'
import { openSpace } from '../../src/host/space.ts'
import type { Durable } from '../../src/machine/durable.ts'
import type { Rows } from '../../src/machine/keeper.ts'
import { generateProgram } from '../support/generate.ts'
import { FaultyEngine } from '../torture/store/faulty.ts'
import { random } from './killing.ts'
import { bank, philosophers, pingPong, printer, store } from './programs.ts'
import { Disk, resultOf, start, texts } from './world.ts'

/** Families of the reliability bar (rspace.md 6) with programs on top; family 1 is `kill.test.ts`. RHO_LONG=1 takes many more cases. */
const LONG = process.env.RHO_LONG === '1'
const folder = mkdtempSync(join(tmpdir(), 'rho-families-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Everything that a space shows of itself. */
function shown(d: Durable): string {
  d.session.shard.whole()
  return JSON.stringify([resultOf(d), d.session.machines().map(m => [m.machine.priv, m.waits, m.machine.gas, m.machine.steps])])
}

async function ended(d: Durable): Promise<ReturnType<typeof resultOf>> {
  await d.session.settle()
  return resultOf(d)
}

describe('family 5: damage in any file of a space with programs', () => {
  it('is refused, or harmless, or loses what an unclean end may lose; the process lives', async () => {
    const below = random(55)
    const clean = join(folder, 'clean')
    const broken = join(folder, 'broken')
    // One that was closed in the midst of its run, and one that lost its process there.
    for (const dir of [clean, broken]) {
      const { durable } = await start(await openSpace(dir, { create: true }), [store.source(30), bank.source(20)], { groupSlices: 40 })
      for (let i = 0; i < 25; i++) await durable.boundary(durable.session.run(durable.quantum))
      if (dir === clean) await durable.close()
      else {
        await durable.flush()
        cpSync(broken, `${broken}-copy`, { recursive: true, filter: f => !f.endsWith('LOCK') && !f.includes('RHZ.LOCK') })
        await durable.close()
      }
    }
    const states: Record<string, string> = {}
    for (const dir of [clean, `${broken}-copy`]) {
      cpSync(dir, `${dir}-look`, { recursive: true })
      const { durable } = await start(await openSpace(`${dir}-look`))
      states[dir] = shown(durable)
      await durable.close()
    }
    const found = { refused: 0, same: 0, earlier: 0 }
    for (let i = 0; i < (LONG ? 2000 : 150); i++) {
      const from = i % 3 === 0 ? `${broken}-copy` : clean
      const dir = join(folder, `damaged-${i}`)
      cpSync(from, dir, { recursive: true })
      const files = readdirSync(dir).filter(f => statSync(join(dir, f)).isFile() && statSync(join(dir, f)).size > 0)
      const file = join(dir, files[below(files.length)])
      const bytes = readFileSync(file)
      const at = below(bytes.length)
      if (i % 2 === 0) bytes[at] ^= 1 << below(8)
      else bytes.fill(0, at, Math.min(bytes.length, at + 512))
      writeFileSync(file, bytes)
      const where = `${file} at ${at}`
      try {
        const rows = await openSpace(dir)
        const { durable } = await start(rows)
        const now = shown(durable)
        if (now === states[from]) found.same++
        else {
          // After an unclean end a damaged tail counts as cut: an earlier commit, from which the run goes on to the same end.
          expect({ where, from }).toEqual({ where, from: `${broken}-copy` })
          expect((await ended(durable)).failures).toEqual([])
          found.earlier++
        }
        await durable.close()
      } catch (e) {
        expect({ where, e, typed: e instanceof RhizomeError }).toMatchObject({ typed: true })
        found.refused++
      }
      rmSync(dir, { recursive: true, force: true })
    }
    expect(found.refused).toBeGreaterThan(20)
    expect(found.same).toBeGreaterThan(5)
  })
})

describe('family 6: the n-th call to the engine fails', () => {
  const rowsOn = async (engine: Engine): Promise<Rows> =>
    openStore(engine, { create: true, createWithFirstCommit: true, codecs: 'rholang/1' })

  it('stops the run with a typed error; what was printed is in the state that is found, and the run goes on from there', async () => {
    const program = printer.source(25)
    const whole = await start(new Disk(), [program], { groupSlices: 6 })
    const expected = await ended(whole.durable)
    await whole.durable.flush()
    const lines = texts(whole.left)
    let failures = 0
    for (let n = 3; n < 400; n += LONG ? 1 : 2) {
      const engine = new FaultyEngine()
      engine.failAt = n
      engine.failAfterWriting = n % 2 === 0
      let printed: string[] = []
      try {
        const { durable, left } = await start(await rowsOn(engine), [], { groupSlices: 6 })
        const made = durable.session.compile('program.rho', program)
        if (made.program !== undefined) durable.session.deploy(made.program)
        try {
          await durable.flush()
          await durable.session.settle()
        } finally {
          printed = texts(left)
        }
        await durable.close()
        if (engine.calls <= n) break // it never came to that call
      } catch (e) {
        expect(e).toBeInstanceOf(RhizomeError)
        failures++
      }
      const disk = await FaultyEngine.after(engine.written, () => true)
      const again = await start(await rowsOn(disk), [])
      if (again.durable.empty) {
        expect(printed).toEqual([])
        continue
      }
      expect(await ended(again.durable)).toEqual(expected)
      await again.durable.flush()
      // Nothing that had left is missing, and what comes again comes with its number.
      expect([...new Set([...printed, ...texts(again.left)])].sort()).toEqual([...lines].sort())
      await again.durable.close()
    }
    expect(failures).toBeGreaterThan(10)
  })
})

describe('family 9: random programs in memory, on a store, and on a store that is opened again and again', () => {
  const COUNT = LONG ? 1500 : 80
  it(`${COUNT} generated programs end alike`, async () => {
    const below = random(99)
    let compared = 0
    let reopened = 0
    for (let seed = 0; compared < COUNT; seed++) {
      const source = `${generateProgram(seed, { depth: 6 })} | ${[pingPong, philosophers, bank][seed % 3].source(3)}`
      const options = { gas: 40_000, seed: 7n, groupSlices: 1 + below(12) }
      let expected: ReturnType<typeof resultOf>
      try {
        const whole = await start(new Disk(), [source], { ...options, groupSlices: 1_000_000 })
        expected = await ended(whole.durable)
      } catch (e) {
        expect(String(e)).toMatch(/RHO\d+/) // refused: it needs something that is not granted
        continue
      }
      const engine = new MemoryEngine()
      const rows = (): Promise<Rows> => openStore(engine, { create: true, createWithFirstCommit: true, codecs: 'rholang/1' })
      let { durable } = await start(await rows(), [source], options)
      for (let lives = 0; ; lives++) {
        let status = 'budget'
        for (let i = 1 + below(8); i > 0 && status === 'budget'; i--) {
          status = durable.session.run(durable.quantum)
          await durable.boundary(status as 'budget')
        }
        const done = status !== 'budget' || lives === 6
        if (done) break
        await durable.close()
        reopened++
        durable = (await start(await rows(), [], { groupSlices: options.groupSlices })).durable
      }
      const got = await ended(durable)
      expect({ seed, ...got, failures: [] }).toEqual({ seed, ...expected, failures: [] })
      await durable.close()
      compared++
    }
    expect(reopened).toBeGreaterThan(COUNT / 2)
  })
})
