import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask } from '../../src/host/control.ts'
import { Installed, type Line } from './rho.ts'

const rho = new Installed()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const e = (text: string) => ['-e', text]
const of = (lines: readonly Line[], kind: string) => lines.filter(l => l.kind === kind)

/** Runs a program that goes on until it is told to stop, with operators let in, and ends it. */
async function attended<T>(
  socket: string,
  program: string,
  use: () => Promise<T>,
  more: readonly string[] = [],
): Promise<{ used: T; exit: number | null; out: string[] }> {
  let used: Promise<T> | undefined
  const ended = await rho.run(['run', '--format', 'json', '--workers', '0', '--control', socket, ...more, ...e(program)], {
    onLine: (line, child) => {
      if (used !== undefined || line.kind !== 'output') return
      used = use()
      used.catch(() => child.kill('SIGKILL'))
    },
  })
  if (used === undefined) throw new Error(`nothing was printed: ${ended.stderr}`)
  return { used: await used, exit: ended.exit, out: of(ended.lines, 'output').map(l => l.text as string) }
}

const ENDLESS = 'new o(`rho:io:stdout`), c in { o!("up") | contract c(@n) = { c!(n + 1) } | c!(0) | for (_ <- @"stop") { o!("stopped") } }'
const json = async (...args: string[]) => rho.run([args[0], '--format', 'json', ...args.slice(1)])
/** What `rho ps --control` and `rho inspect --control` do, without a process of its own. */
const op = async (socket: string, request: Record<string, unknown>): Promise<{ exit: number; lines: Line[] }> => {
  const lines: Line[] = []
  const exit = await ask(join(rho.folder, socket), request, record => lines.push(record as unknown as Line))
  return { exit, lines }
}

describe('T24: rho ps and rho inspect of a space at rest', () => {
  beforeAll(async () => {
    const program =
      'new x in { for (@v <- x) { Nil } | for (@a <- @"a" & @b <<- @"b" where a > b) { Nil } | @"a"!(1) | @"b"!(2) } | contract @"serve"(@n, ret) = { ret!(n) }'
    expect((await rho.run(['run', '--space', 'rest', '--create', rho.file('rest.rho', program)])).exit).toBe(0)
  })

  it('list every machine with all that is asked for', async () => {
    const { exit, lines } = await json('ps', '--space', 'rest')
    expect(exit).toBe(0)
    expect(lines.map(l => [l.kind, l.status, l.waitsFor, l.persistent, l.reason])).toEqual([
      ['machine', 'blocked', ['@"serve"'], true, 'nobody-sends'],
      ['machine', 'blocked', ['x'], false, 'nobody-sends'],
      ['machine', 'blocked', ['@"a"', '@"b"'], false, 'guard-false'],
    ])
    for (const l of lines)
      expect(l).toMatchObject({
        v: 1,
        label: expect.stringMatching(/^m:\d+$/),
        file: 'rest.rho',
        line: 1,
        column: expect.any(Number),
        gas: expect.any(Number),
        memory: expect.any(Number),
        age: expect.any(Number),
        shard: 0,
        account: 'p:1',
      })
    const [a, b] = lines.map(l => l.age as number)
    expect(a).toBeGreaterThan(b)
    const text = await rho.run(['ps', '--space', 'rest'])
    expect(text.stdout.split('\n')[0]).toMatch(/machine +status +account +gas +memory +age +shard +place +waits for/)
    expect(text.stdout).toContain('@"serve"   nobody-sends')
  })

  it('show one machine with what it holds, a name, a program, or everything', async () => {
    const [first] = (await json('ps', '--space', 'rest')).lines
    const one = await json('inspect', '--space', 'rest', first.label as string)
    expect(one.lines).toMatchObject([{ kind: 'machine', label: first.label, holds: [] }])
    const name = await json('inspect', '--space', 'rest', '@"a"')
    expect(name.lines).toMatchObject([
      { kind: 'channel', channel: '@"a"', messages: [['1']] },
      { kind: 'machine', waitsFor: ['@"a"', '@"b"'] },
    ])
    expect((await json('inspect', '--space', 'rest', 'p:1')).lines[0]).toMatchObject({ kind: 'account', label: 'p:1', alive: 3 })
    const all = await json('inspect', '--space', 'rest')
    expect(all.lines.map(l => l.kind)).toEqual(['account', 'channel', 'channel', 'machine', 'machine', 'machine', 'stats'])
    expect((await rho.run(['inspect', '--space', 'rest'])).stdout).toContain('message @"a"!(1)\n')
  })

  it('change nothing and say what is not there', async () => {
    const before = await json('inspect', '--space', 'rest')
    expect((await json('ps', '--space', 'rest', 'm:999')).lines).toEqual([
      { v: 1, kind: 'refused', label: 'm:999', reason: expect.any(String) },
    ])
    expect((await rho.run(['ps', '--space', 'rest', 'm:999'])).exit).toBe(1)
    expect((await json('inspect', '--space', 'rest')).lines).toEqual(before.lines)
    expect(await rho.run(['ps', '--space', 'nowhere'])).toMatchObject({ exit: 5, stderr: expect.stringMatching(/^NO_SUCH_SPACE/) })
    expect((await rho.run(['inspect', '--space', 'rest', 'nonsense'])).exit).toBe(2)
    for (const args of [['ps'], ['inspect'], ['ps', '--space', 'rest', 'kill', 'm:1'], ['ps', '--space', 'rest', '--control', 's']])
      expect((await rho.run(args)).exit).toBe(2)
  })
})

describe('T24, T25: --control', () => {
  it('shows the machines of a running process, pauses, renices, resumes and kills them', async () => {
    const { used, exit, out } = await attended('s1', ENDLESS, async () => {
      expect(statSync(join(rho.folder, 's1')).mode & 0o777).toBe(0o600)
      const seen = await json('ps', '--control', 's1')
      const paused = await json('ps', '--control', 's1', 'pause', 'p:1')
      const held = await json('ps', '--control', 's1')
      const again = await json('ps', '--control', 's1')
      const reniced = await json('ps', '--control', 's1', 'renice', '2', 'p:1')
      const levels = (await json('ps', '--control', 's1')).lines.map(l => l.level)
      const resumed = await json('ps', '--control', 's1', 'resume', 'p:1')
      const going = await json('ps', '--control', 's1')
      const killed = await json('ps', '--control', 's1', 'kill', 'p:1')
      return { seen, paused, held, again, reniced, levels, resumed, going, killed }
    })
    expect(exit).toBe(0)
    expect(out).toEqual(['"up"'])
    expect(used.seen.lines.filter(l => l.status === 'blocked').map(l => l.waitsFor)).toEqual([['c'], ['@"stop"']])
    expect(used.paused.lines).toEqual([{ v: 1, kind: 'acted', op: 'pause', label: 'p:1', machines: used.held.lines.length }])
    // Nothing of it has moved while it was held.
    expect(used.held.lines.map(l => l.paused)).toEqual(used.held.lines.map(() => 1))
    expect(used.held.lines.filter(l => l.status === 'paused').length).toBeGreaterThan(0)
    expect(used.again.lines).toEqual(used.held.lines)
    expect(used.reniced.exit).toBe(0)
    expect(new Set(used.levels)).toEqual(new Set([2]))
    expect(used.resumed.exit).toBe(0)
    expect(used.going.lines.every(l => l.paused === 0)).toBe(true)
    expect(used.killed.exit).toBe(0)
    expect(existsSync(join(rho.folder, 's1'))).toBe(false)
  })

  it('addresses single machines, and refuses labels that are none', async () => {
    const { used } = await attended('s2', ENDLESS, async () => {
      const stop = (await op('s2', { op: 'ps' })).lines.find(l => (l.waitsFor as string[])[0] === '@"stop"')
      const killed = await op('s2', { op: 'kill', labels: [String(stop?.label)] })
      const again = await op('s2', { op: 'kill', labels: [String(stop?.label)] })
      const wrong = await op('s2', { op: 'renice', level: 9, labels: ['p:1'] })
      expect(await op('s2', { op: 'migrate', level: 1, labels: ['p:1'] })).toMatchObject({
        exit: 1,
        lines: [{ kind: 'refused', reason: 'there is one shard' }],
      })
      const gone = await op('s2', { op: 'inspect', what: '@"stop"' })
      await op('s2', { op: 'kill', labels: ['p:1'] })
      return { killed, again, wrong, gone }
    })
    expect(used.killed.lines).toMatchObject([{ kind: 'acted', machines: 1 }])
    expect(used.again).toMatchObject({ exit: 1, lines: [{ kind: 'refused' }] })
    expect(used.wrong).toMatchObject({ exit: 2, lines: [{ kind: 'error', code: 'BAD_ARGUMENT' }] })
    expect(used.gone.lines).toMatchObject([{ kind: 'channel', messages: [] }])
  })

  it('takes programs, which end with the exit code of a run of their own', async () => {
    const space = ['--space', 'deploys', '--create']
    const { used, out } = await attended(
      's3',
      ENDLESS,
      async () => {
        const deploy = (text: string, more: Record<string, unknown> = {}) =>
          op('s3', { op: 'deploy', programs: [{ name: 'p.rho', source: Buffer.from(text).toString('base64') }], ...more })
        const fine = await json('deploy', '--control', 's3', ...e('new o(`rho:io:stdout`) in { o!("deployed") }'))
        const waits = await deploy('for (_ <- @"never") { Nil }', { expectDone: true })
        const failed = await deploy('@"x"!(1 / 0)')
        const refused = await deploy('x!(1)')
        await op('s3', { op: 'pause', labels: ['p:1'] }) // an attempt waits until nothing else runs
        const undone = await deploy('new o(`rho:io:stdout`) in { @"left"!(1) | o!(1 / 0) }', { atomic: true, expectDone: true })
        await op('s3', { op: 'resume', labels: ['p:1'] })
        await deploy('@"stop"!(Nil)')
        await op('s3', { op: 'kill', labels: ['p:1'] })
        return { fine, waits, failed, refused, undone }
      },
      space,
    )
    expect(used.fine).toMatchObject({ exit: 0, lines: [] })
    expect(used.waits).toMatchObject({ exit: 3, lines: [{ kind: 'blocked', channels: ['@"never"'] }] })
    expect(used.failed).toMatchObject({ exit: 1, lines: [{ kind: 'failure', code: 'RHO505' }] })
    expect(used.refused).toMatchObject({ exit: 1, lines: [{ kind: 'diagnostic', code: 'RHO201' }] })
    expect(used.undone).toMatchObject({ exit: 1, lines: [{ kind: 'failure', code: 'RHO505' }] })
    expect((await json('inspect', '--space', 'deploys', '@"left"')).lines).toMatchObject([{ kind: 'channel', messages: [] }])
    expect(out).toContain('"deployed"')
    expect(out).toContain('"stopped"')
    const left = await json('inspect', '--space', 'deploys', '@"never"')
    expect(left.lines).toMatchObject([{ kind: 'channel' }, { kind: 'machine', account: 'p:3', status: 'blocked' }])
  })

  it('keeps what an operator paused beyond the process', async () => {
    let held: readonly Line[] = []
    await rho.run(['run', '--format', 'json', '--space', 'paused', '--create', '--control', 's4', ...e(ENDLESS)], {
      onLine: async (line, child) => {
        if (line.kind !== 'output') return
        await op('s4', { op: 'pause', labels: ['p:1'] })
        held = (await op('s4', { op: 'ps' })).lines
        child.kill('SIGKILL')
      },
    })
    expect(held.length).toBe(3)
    const now = (await json('ps', '--space', 'paused')).lines
    expect(now.map(l => [l.label, l.status, l.paused, l.gas])).toEqual(held.map(l => [l.label, l.status, 1, l.gas]))
  })

  it('waits for whoever paused it, and ends when it is told to', async () => {
    const ended = await rho.run(['run', '--format', 'json', '--control', 's7', ...e(ENDLESS)], {
      onLine: async (line, child) => {
        if (line.kind !== 'output') return
        await op('s7', { op: 'pause', labels: ['p:1'] })
        setTimeout(() => child.kill('SIGTERM'), 100)
      },
    })
    expect(ended.exit).toBe(143)
    expect(existsSync(join(rho.folder, 's7'))).toBe(false)
  })

  it('is refused cleanly where nobody listens, somebody listens already, or a file of another kind is', async () => {
    expect(await rho.run(['ps', '--control', 'nobody'])).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/^rho: nobody listens on `nobody`/),
    })
    writeFileSync(join(rho.folder, 'file'), 'mine')
    chmodSync(join(rho.folder, 'file'), 0o644)
    expect((await rho.run(['ps', '--control', 'file'])).exit).toBe(2)
    expect(await rho.run(['run', '--control', 'file', ...e('Nil')])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('another kind'),
    })
    expect(await rho.run(['run', '--control', 'x'.repeat(200), ...e('Nil')])).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/cannot listen/),
    })
    const { used } = await attended('s5', ENDLESS, async () => {
      const second = await rho.run(['run', '--control', 's5', ...e('Nil')])
      await op('s5', { op: 'kill', labels: ['p:1'] })
      return second
    })
    expect(used).toMatchObject({ exit: 2, stderr: expect.stringContaining('another process listens') })
  })

  it('takes the place of a socket whose process was killed', async () => {
    await rho.run(['run', '--format', 'json', '--control', 's6', ...e(ENDLESS)], { onLine: (_, child) => child.kill('SIGKILL') })
    expect(existsSync(join(rho.folder, 's6'))).toBe(true)
    expect((await rho.run(['ps', '--control', 's6'])).exit).toBe(2)
    expect(await rho.run(['run', '--control', 's6', ...e('Nil')])).toMatchObject({ exit: 0, stderr: '' })
    expect(existsSync(join(rho.folder, 's6'))).toBe(false)
  })
})
