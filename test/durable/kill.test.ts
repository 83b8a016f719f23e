import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killAndResume, random } from './killing.ts'
import { AUDIT_RIGHT, bank, philosophers, pingPong, printer, type Subject, store } from './programs.ts'
import { Installed } from './rho.ts'

/** `kill -9` of real processes, at moments drawn by a seed. `test/torture` does the same for hours. */
const rho = new Installed()
const SEED = Number(process.env.RHO_SEED ?? 20_260)

beforeAll(() => rho.build())
afterAll(() => rho.remove())

/** Program, how long it goes on, durability, kills. */
const SIZES: readonly (readonly [Subject, number, string, number])[] = [
  [bank, 8_000, 'process', 5],
  [pingPong, 120_000, 'process', 4],
  [philosophers, 6_000, 'power', 4],
  [store, 1_500, 'process', 4],
  [printer, 20_000, 'process', 5],
]

describe('kill -9 and --resume, again and again', () => {
  it.each(SIZES.map(([s, ...rest]) => [s.name, s, ...rest] as const))(
    'T12, T42: %s ends as an undisturbed run does',
    async (_, subject, size, durability, planned) => {
      const plain = await rho.run(['run', '--format', 'json', rho.file('plain.rho', subject.source(size))])
      const whole = plain.lines.filter(l => l.kind === 'output').map(l => l.text as string)
      expect(plain.exit).toBe(0)
      const { kills, seen, problems, last } = await killAndResume(rho, subject, size, planned, SEED, durability)
      expect({ seed: SEED, problems }).toEqual({ seed: SEED, problems: [] })
      expect(kills).toBeGreaterThan(planned / 2)
      const all = Array.from({ length: seen.size }, (_, i) => seen.get(i + 1) as string)
      const printed = all.filter(text => !text.startsWith('["audit"'))
      const audits = all.filter(text => text.startsWith('["audit"'))
      expect(audits).toEqual(new Array(audits.length).fill(AUDIT_RIGHT))
      // A life that was ended before its first commit has not brought its auditor.
      if (subject.audit !== undefined) expect(audits.length).toBeGreaterThan(0)
      expect(audits.length).toBeLessThanOrEqual(kills)
      if (subject.ordered) expect(printed).toEqual(whole)
      else expect([...printed].sort()).toEqual([...whole].sort())
      const outcome = last.lines.at(-1) as unknown as Record<string, unknown>
      const expected = plain.lines.at(-1) as unknown as Record<string, unknown>
      expect(outcome.status).toBe('rest')
      if (subject.invariant === undefined) expect(outcome.data).toEqual(expected.data)
      else expect(subject.invariant(new Map(Object.entries(outcome.data as Record<string, string[][]>)))).toBeUndefined()
      expect((outcome.blocked as unknown[]).length).toBe((expected.blocked as unknown[]).length)
      if (subject.audit === undefined)
        expect((outcome.stats as Record<string, number>).comms).toBe((expected.stats as Record<string, number>).comms)
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
