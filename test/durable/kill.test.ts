import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killOften, random } from './killing.ts'
import { bank, philosophers, pingPong, printer, type Subject, store } from './programs.ts'
import { Installed } from './rho.ts'

/** `kill -9` of real processes, at moments drawn by a seed. `test/torture` does the same for hours. */
const rho = new Installed()
const SEED = Number(process.env.RHO_SEED ?? 20_260)

beforeAll(() => rho.build())
afterAll(() => rho.remove())

/** Program, how long it goes on, durability, kills. */
const SIZES: readonly (readonly [Subject, number, string, number])[] = [
  [bank, 5_000, 'process', 20],
  [pingPong, 120_000, 'process', 20],
  [philosophers, 4_000, 'power', 20],
  [store, 700, 'process', 20],
  [printer, 6_000, 'process', 20],
]

describe('kill -9 and --resume, a hundred times', () => {
  it.each(SIZES.map(([s, ...rest]) => [s.name, s, ...rest] as const))(
    'T12, T42: %s ends as an undisturbed run does, with no COMM twice and every output once under its number',
    async (_, subject, size, durability, planned) => {
      const { kills, audits, problems } = await killOften(rho, subject, { size, kills: planned, seed: SEED, durability })
      expect(problems).toEqual([])
      expect(kills).toBe(planned)
      // A life that was ended before its first commit has not brought its auditor.
      if (subject.audit !== undefined) expect(audits).toBeGreaterThan(0)
    },
  )

  it('during creation leaves either no space or one that holds the program', async () => {
    const below = random(SEED)
    const program = rho.file('once.rho', 'new o(`rho:io:stdout`) in { o!("done") | @"here"!(1) }')
    let none = 0
    for (let i = 0; i < 4; i++) {
      const space = `created-${i}`
      const delay = 60 + below(400)
      const first = await rho.run(['run', '--format', 'json', '--space', space, '--create', program], {
        onStart: child => setTimeout(() => child.kill('SIGKILL'), delay),
      })
      const resumed = await rho.run(['run', '--format', 'json', '--space', space, '--resume'])
      if (existsSync(join(rho.folder, space, 'RHZ.FORMAT'))) {
        expect(resumed.exit).toBe(0)
        const texts = new Set([...first.lines, ...resumed.lines].filter(l => l.kind === 'output').map(l => `${l.n} ${l.text}`))
        expect([...texts]).toEqual(['1 "done"'])
        expect((resumed.lines.at(-1) as unknown as { data: unknown }).data).toEqual({ '@"here"': [['1']] })
      } else {
        none++
        expect(resumed.exit).toBe(5)
        expect(resumed.lines.at(-1)).toMatchObject({ kind: 'error', code: 'NO_SUCH_SPACE' })
        expect(first.lines).toEqual([])
      }
    }
    expect(none).toBeLessThanOrEqual(4)
  })
})
