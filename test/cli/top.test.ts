import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { short, topCommand } from '../../src/cli/top.ts'
import { parseFlags, UsageError } from '../../src/cli/usage.ts'
import { Rho } from './rho.ts'

const rho = new Rho()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

/** Four machines that call themselves for ever, a join, two messages; prints once, when it runs. */
const ENDLESS =
  'new o(`rho:io:stdout`), c, d in { o!("up") | contract c(@n) = { c!(n + 1) } | c!(0) | c!(1) | c!(2) | c!(3) | for (_ <- d & _ <- @"z") { Nil } | @"left"!(1) | @"left"!(2) }'

/** Lets `use` look at a run of `program`, which is killed through its socket afterwards. */
async function watched<T>(
  socket: string,
  program: string,
  use: () => Promise<T>,
  flags: readonly string[] = ['--workers', '0'],
): Promise<T> {
  let used: Promise<T> | undefined
  const ended = await rho.run(['run', '--control', socket, ...flags, '-e', program], {
    onStdout: (_, child) => {
      used ??= use().finally(() => child.kill('SIGKILL'))
    },
  })
  if (used === undefined) throw new Error(`nothing was printed: ${ended.stderr}`)
  return used
}

interface View {
  readonly kind: string
  readonly seconds: number
  readonly machines: Record<string, number | null>
  readonly shards: readonly Record<string, number | null>[]
  readonly programs: readonly Record<string, unknown>[]
  readonly channels: readonly Record<string, unknown>[]
  readonly top: readonly Record<string, unknown>[]
}

async function views(...args: string[]): Promise<View[]> {
  const ran = await rho.run(['top', '--format', 'json', ...args])
  expect(ran).toMatchObject({ exit: 0, stderr: '' })
  return ran.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as View)
}

describe('rho top', () => {
  it('shows what a running process does between two looks: shards, programs, channels, machines', async () => {
    const [first, second, ...none] = await watched('s1', ENDLESS, () => views('--control', 's1', '--interval', '0.2', '--count', '2'))
    expect(none).toEqual([])
    for (const v of [first, second]) {
      expect(v).toMatchObject({ v: 1, kind: 'top', machines: { runnable: 4, blocked: 2, paused: 0 } })
      expect(v.seconds).toBeGreaterThan(0.1)
      expect(v.shards).toMatchObject([{ shard: 0, queue: 4, blocked: 2, paused: 0 }])
      expect(v.shards[0].commsRate).toBeGreaterThan(0)
      expect(v.shards[0].slicesRate).toBeGreaterThan(0)
      expect(v.programs).toMatchObject([{ label: 'p:1', alive: 6, gasLimit: null, failed: 0 }])
      expect(v.programs[0].gasRate).toBeGreaterThan(0)
      // The fullest first; what serves system channels is not shown.
      expect(v.channels[0]).toEqual({ channel: '@"left"', messages: 2, waiting: 0 })
      expect(v.channels.slice(1).map(c => [c.channel, c.messages, c.waiting])).toEqual(
        expect.arrayContaining([
          ['c', 0, 1],
          ['d', 0, 1],
          ['@"z"', 0, 1],
        ]),
      )
      expect(v.channels.length).toBe(4)
      expect(v.top.filter(m => m.status === 'blocked').map(m => m.waitsFor)).toEqual(expect.arrayContaining([['c'], ['@"z"', 'd']]))
      for (const m of v.top)
        expect(m).toMatchObject({
          label: expect.stringMatching(/^m:\d+$/),
          line: 1,
          column: expect.any(Number),
          steps: expect.any(Number),
          gas: expect.any(Number),
        })
    }
    expect(second.programs[0].gas as number).toBeGreaterThan(first.programs[0].gas as number)
    expect(second.shards[0].comms as number).toBeGreaterThan(first.shards[0].comms as number)
  })

  it('shows every shard of a run on workers, and with --brief nothing has to stand still for it', async () => {
    const { full, brief } = await watched(
      's2',
      ENDLESS,
      async () => {
        const full = await views('--control', 's2', '--interval', '0.3', '--count', '1')
        return { full, brief: await views('--control', 's2', '--interval', '0.3', '--count', '1', '--brief') }
      },
      ['--workers', '2'],
    )
    for (const v of [full[0], brief[0]]) {
      expect(v.shards.map(s => s.shard)).toEqual([0, 1, 2])
      const rates = v.shards.map(s => s.commsRate as number)
      expect(rates.reduce((a, b) => a + b)).toBeGreaterThan(0)
      expect(v.programs[0]).toMatchObject({ label: 'p:1' })
    }
    expect(full[0].machines).toEqual({ runnable: 4, blocked: 2, paused: 0 })
    // Machines run on workers, not in shard 0.
    expect(new Set(full[0].top.map(m => m.shard))).not.toContain(0)
    expect(full[0].channels[0]).toMatchObject({ channel: '@"left"', messages: 2 })
    expect(brief[0]).toMatchObject({ machines: { runnable: null }, channels: [], top: [] })
  })

  it('says which machines are paused', async () => {
    const [view] = await watched('s3', ENDLESS, async () => {
      await rho.run(['ps', '--control', 's3', 'pause', 'p:1'])
      return views('--control', 's3', '--interval', '0.1', '--count', '1')
    })
    expect(view).toMatchObject({ machines: { runnable: 0, blocked: 2, paused: 4 } })
    expect(view.shards[0]).toMatchObject({ commsRate: 0, slicesRate: 0, paused: 4 })
    expect(view.top.filter(m => m.status === 'paused').length).toBe(4)
  })

  it('prints one block for each interval into a pipe, without marks for terminals', async () => {
    const ran = await watched('s4', ENDLESS, () => rho.run(['top', '--control', 's4', '--interval', '0.1', '--count', '2']))
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).not.toContain('\x1b')
    expect(ran.stdout.match(/^1 shard {3}1 program {3}4 runnable, 2 blocked, 0 paused/gm)).toHaveLength(2)
    expect(ran.stdout).toMatch(/^shard +queue +blocked +paused +COMMs\/s +slices\/s/m)
    expect(ran.stdout).toMatch(/^p:1 +6 /m)
    expect(ran.stdout).toMatch(/^ *2 +0 +@"left"$/m)
    expect(ran.stdout).toMatch(/^m:\d+ .* blocked +0 +p:1 .*:1:\d+ +@"z" & d$/m)
  })

  it('ends with the process that it watches, or with a signal, and leaves that process alone', async () => {
    const after = await watched('s5', ENDLESS, async () => {
      const top = spawn(process.execPath, ['dist/cli.js', 'top', '--control', 's5', '--interval', '0.05'], { cwd: rho.folder })
      const exit = new Promise<number | null>(resolve => top.on('close', resolve))
      top.stdout.once('data', () => top.kill('SIGINT'))
      expect(await exit).toBe(130)
      return rho.run(['ps', '--control', 's5', 'p:1'])
    })
    expect(after.exit).toBe(0)
    const ended = await watched('s6', ENDLESS, async () => {
      const top = rho.run(['top', '--control', 's6', '--interval', '0.05'], {
        onStdout: () => void rho.run(['ps', '--control', 's6', 'kill', 'p:1']),
      })
      return top
    })
    expect(ended).toMatchObject({ exit: 0, stderr: 'rho: the process ended\n' })
  })

  it('is refused where it makes no sense, with exit 2', async () => {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['which process?', []],
      ['nobody listens on `nobody`', ['--control', 'nobody']],
      ['takes no files', ['--control', 's', 'm:1']],
      ['--interval takes seconds', ['--control', 's', '--interval', 'often']],
      ['--interval takes seconds', ['--control', 's', '--interval', '0']],
      ['--count is at least 1', ['--control', 's', '--count', '0']],
    ]
    for (const [says, args] of cases) {
      const refused = topCommand(parseFlags('top', args)).catch(e => e)
      expect(await refused, says).toBeInstanceOf(UsageError)
      expect(await refused).toMatchObject({ message: expect.stringContaining(says) })
    }
    expect(await rho.run(['top'])).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('which process?') })
  })

  it('shows numbers in at most seven characters', () => {
    const cases: readonly (readonly [number | null, string])[] = [
      [null, '-'],
      [0, '0'],
      [0.25, '0.3'],
      [99_999, '99999'],
      [123_456, '123k'],
      [1_234_567, '1.23M'],
      [987_654_321, '988M'],
      [5e9, '5.00G'],
      [7e14, '700T'],
    ]
    for (const [n, text] of cases) expect(short(n)).toBe(text)
  })
})
