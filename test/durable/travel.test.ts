import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pingPong } from './programs.ts'
import { Installed, type Line } from './rho.ts'

const rho = new Installed()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const e = (text: string) => ['-e', text]
const run = (...args: string[]) => rho.run(['run', '--format', 'json', ...args])
const space = async (...args: string[]): Promise<Record<string, unknown>> => {
  const done = await rho.run(['space', ...args, '--format', 'json'])
  expect(done.stderr).toBe('')
  return done.lines[0] as unknown as Record<string, unknown>
}
const outputs = (lines: readonly Line[]) => lines.filter(l => l.kind === 'output')
const outcome = (lines: readonly Line[]) => lines.at(-1) as unknown as { data: Record<string, string[][]>; stats: Record<string, number> }

const COUNTER = 'new n in { n!(0) | for (reply <= @"next") { for (@x <- n) { n!(x + 1) | reply!(x + 1) } } }'
const ASK = 'new r in { @"next"!(*r) | for (@x <- r) { @"got"!(x) } }'
const MAKE = 'new x in { @"made"!(*x) }'

describe('earlier states of a space with programs', () => {
  it('are kept under a root, gone back to, and run from again', async () => {
    await run('--space', 'a', '--create', ...e(COUNTER))
    await run('--space', 'a', ...e(ASK))
    const { root } = await space('checkpoint', 'a')
    expect(root).toMatch(/^[0-9a-f]{64}$/)
    expect((await space('checkpoint', 'a')).root).toBe(root)
    const later = outcome((await run('--space', 'a', ...e(ASK))).lines)
    expect(later.data['@"got"']).toEqual([['1'], ['2']])
    expect((await space('checkpoint', 'a')).root).not.toBe(root)
    expect(await space('reset', 'a', String(root))).toMatchObject({ root })
    expect((await space('checkpoint', 'a')).root).toBe(root)
    expect(outcome((await run('--space', 'a', '--resume')).lines).data['@"got"']).toEqual([['1']])
    const again = outcome((await run('--space', 'a', ...e(ASK))).lines)
    expect(again.data).toEqual(later.data)
    expect(again.stats.comms).toBe(later.stats.comms)
    expect(await space('verify', 'a')).toMatchObject({ ok: true })
  })

  it('go on in the midst of a run', async () => {
    const source = pingPong.source(400_000)
    const whole = outputs((await run(...e(source))).lines).map(l => l.text)
    const first = await rho.run(['run', '--format', 'json', '--space', 'mid', '--create', ...e(source)], {
      onLine: (line, child) => {
        if (line.n === 20) child.kill('SIGINT')
      },
    })
    expect(first.exit).toBe(130)
    const { root } = await space('checkpoint', 'mid')
    const rest = await run('--space', 'mid', '--resume')
    await space('reset', 'mid', String(root))
    const again = await run('--space', 'mid', '--resume')
    const seen = outputs(first.lines).length
    expect(outputs(rest.lines).map(l => l.text)).toEqual(whole.slice(seen))
    expect(outputs(again.lines).map(l => l.text)).toEqual(whole.slice(seen))
    // Numbers of outputs go on; none is used for another text.
    expect(outputs(again.lines)[0].n).toBe(whole.length + 1)
    expect(outcome(again.lines).stats).toEqual(outcome(rest.lines).stats)
  })

  it('T26: going back gives no name out again', async () => {
    await run('--space', 'names', '--create', ...e('Nil'))
    const { root } = await space('checkpoint', 'names')
    const made = new Set<string>()
    for (let i = 0; i < 3; i++) {
      made.add(outcome((await run('--space', 'names', ...e(MAKE))).lines).data['@"made"'][0][0])
      await space('reset', 'names', String(root))
    }
    expect(made.size).toBe(3)
  })

  it('can be forked: both go on by themselves', async () => {
    await run('--space', 'f1', '--create', ...e(COUNTER))
    const { root } = await space('checkpoint', 'f1')
    await run('--space', 'f1', ...e(ASK))
    expect(await space('fork', 'f1', 'f2', String(root))).toMatchObject({ ok: true })
    expect(await space('fork', 'f1', 'f3')).toMatchObject({ ok: true })
    expect(outcome((await run('--space', 'f2', '--resume')).lines).data).toEqual({})
    expect(outcome((await run('--space', 'f3', ...e(ASK))).lines).data['@"got"']).toEqual([['1'], ['2']])
    expect(outcome((await run('--space', 'f2', ...e(ASK))).lines).data['@"got"']).toEqual([['1']])
    expect(outcome((await run('--space', 'f1', '--resume')).lines).data['@"got"']).toEqual([['1']])
  })

  it('that were not kept are refused, and nothing changes', async () => {
    await run('--space', 'r', '--create', ...e(COUNTER))
    const unknown = '00'.repeat(32)
    for (const args of [
      ['reset', 'r', unknown],
      ['fork', 'r', 'r2', unknown],
    ])
      expect(await rho.run(['space', ...args])).toMatchObject({ exit: 5, stderr: expect.stringMatching(/^UNKNOWN_ROOT/) })
    expect(await rho.run(['space', 'checkpoint', 'nowhere'])).toMatchObject({ exit: 5, stderr: expect.stringMatching(/^NO_SUCH_SPACE/) })
    expect((await run('--space', 'r', '--resume')).exit).toBe(0)
  })
})

describe('rho space collect', () => {
  it('reports what nobody can reach, and removes it on request', async () => {
    const program = 'new lost, kept in { lost!("a", [1]) | for (@"b" <- lost) { Nil } | @"give"!(*kept) | for (_ <- kept) { Nil } }'
    await run('--space', 'g', '--create', ...e(program))
    const seen = await rho.run(['space', 'collect', 'g', '--format', 'json'])
    expect(seen.lines).toMatchObject([
      { kind: 'garbage', what: 'machine', waitsFor: ['lost'], line: 1 },
      { kind: 'garbage', what: 'message', values: ['"a"', '[1]'], line: 1 },
      { kind: 'collected', machines: 1, messages: 1, removed: false },
    ])
    expect((await rho.run(['inspect', '--garbage', '--space', 'g'])).stdout.split('\n')).toHaveLength(4)
    expect((await rho.run(['space', 'collect', 'g', '--remove'])).stdout).toContain(
      '1 machines and 1 messages that nobody can reach, removed',
    )
    expect((await rho.run(['space', 'collect', 'g'])).stdout).toBe('0 machines and 0 messages that nobody can reach\n')
    expect((await rho.run(['ps', '--space', 'g', '--format', 'json'])).lines.map(l => l.waitsFor)).toEqual([['kept']])
    expect((await rho.run(['space', 'stats', 'g', '--remove'])).exit).toBe(2)
  })
})
