import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployCommand, runCommand } from '../../src/cli/run.ts'
import { parseFlags, UsageError } from '../../src/cli/usage.ts'
import { Installed } from './rho.ts'

const rho = new Installed()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const say = (text: string) => `new o(\`rho:io:stdout\`) in { o!("${text}") }`
const e = (text: string) => ['-e', text]

describe('rho run --space', () => {
  it('keeps what is left and goes on with it when it is run again', async () => {
    const first = await rho.run([
      'run',
      '--space',
      'kept',
      '--create',
      ...e('contract @"add"(@x, @y, ret) = { ret!(x + y) } | @"kept"!(1)'),
    ])
    expect(first).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    const second = await rho.run([
      'run',
      '--space',
      'kept',
      '--observe',
      '@"kept"',
      ...e('new o(`rho:io:stdout`), r in { @"add"!(40, 2, *r) | for (@n <- r) { o!(n) } }'),
    ])
    expect(second).toMatchObject({ exit: 0, stdout: '42\n@"kept"!(1)\n' })
    expect(await rho.run(['run', '--space', 'kept', '--resume'])).toMatchObject({ exit: 0, stdout: '', stderr: '' })
  })

  it('is refused without --create where there is no space, with exit 5 and one line', async () => {
    const text = await rho.run(['run', '--space', 'nowhere', ...e('Nil')])
    expect(text.exit).toBe(5)
    expect(text.stderr).toMatch(/^NO_SUCH_SPACE: [^\n]+--create[^\n]+\n$/)
    const json = await rho.run(['run', '--format', 'json', '--space', 'nowhere', '--resume'])
    expect(json.exit).toBe(5)
    expect(json.lines).toEqual([
      { v: 1, kind: 'error', code: 'NO_SUCH_SPACE', message: expect.any(String), hint: expect.any(String), details: expect.any(Object) },
    ])
  })

  it('is refused in a directory that holds something else', async () => {
    mkdirSync(join(rho.folder, 'other'))
    writeFileSync(join(rho.folder, 'other', 'file'), 'mine')
    const ran = await rho.run(['run', '--space', 'other', '--create', ...e('Nil')])
    expect(ran.exit).toBe(5)
    expect(ran.stderr).toMatch(/^NOT_A_SPACE: /)
  })

  it('says what the system said where a directory cannot be used', async () => {
    const ran = await rho.run(['run', '--space', 'long'.repeat(100), '--create', ...e('Nil')])
    expect(ran.exit).toBe(5)
    expect(ran.stderr).toMatch(/^[A-Z_]+: [^\n]*ENAMETOOLONG[^\n]*\n$/)
  })

  it('keeps the durability it was made with', async () => {
    expect((await rho.run(['run', '--space', 'power', '--create', '--durability', 'power', ...e('@1!(2)')])).exit).toBe(0)
    const other = await rho.run(['run', '--space', 'power', '--durability', 'process', '--resume'])
    expect(other.exit).toBe(5)
    expect(other.stderr).toMatch(/^CODEC_MISMATCH: /)
    expect((await rho.run(['run', '--space', 'power', '--resume'])).exit).toBe(0)
    expect((await rho.run(['run', '--space', 'power', '--create', ...e('@3!(4)')])).exit).toBe(0)
  })

  it('makes no space for a program that is refused', async () => {
    const bad = await rho.run(['run', '--space', 'refused', '--create', ...e('x!(1)')])
    expect(bad.exit).toBe(1)
    expect((await rho.run(['run', '--space', 'refused', '--resume'])).stderr).toMatch(/^NO_SUCH_SPACE/)
  })

  it.each([
    ['--resume with a file', ['run', '--space', 'kept', '--resume', ...e('Nil')]],
    ['--resume with --create', ['run', '--space', 'kept', '--resume', '--create']],
    ['an empty --space', ['run', '--space', '', ...e('Nil')]],
    ['--durability memory', ['run', '--space', 'kept', '--durability', 'memory', ...e('Nil')]],
    ['--resume without a space', ['run', '--resume']],
    ['--create without a space', ['run', '--create', ...e('Nil')]],
    ['deploy without a space', ['deploy', ...e('Nil')]],
    ['deploy to a process with a flag of its run', ['deploy', '--control', 's', '--gas', '5', ...e('Nil')]],
    ['deploy --create', ['deploy', '--space', 'kept', '--create', ...e('Nil')]],
    ['seeds', ['run', '--space', 'kept', '--seeds', '1..3', ...e('Nil')]],
  ])('is wrong use: %s', async (_, args) => {
    const [command, ...rest] = args
    const started = async () => (command === 'deploy' ? deployCommand(parseFlags('deploy', rest)) : runCommand(parseFlags('run', rest)))
    await expect(started()).rejects.toThrow(UsageError)
  })

  it('is one at a time: the second opener is told who holds it', async () => {
    const waits = 'new o(`rho:io:stdout`), after(`rho:time:after`), t in { o!("up") | after!(60000, *t) }'
    let second: ReturnType<typeof rho.run> | undefined
    const first = await rho.run(['run', '--format', 'json', '--space', 'locked', '--create', ...e(waits)], {
      onLine: (line, child) => {
        if (line.kind !== 'output') return
        second = rho.run(['run', '--space', 'locked', '--resume'])
        void second.then(() => child.kill('SIGTERM'))
      },
    })
    expect(await second).toMatchObject({ exit: 5, stderr: expect.stringMatching(/^LOCKED: /) })
    expect(first.exit).toBe(143)
  })
})

describe('output numbers', () => {
  it('go on across programs and processes, failures included', async () => {
    const a = await rho.run(['run', '--format', 'json', '--space', 'numbers', '--create', ...e(say('one'))])
    expect(a.lines[0]).toEqual({ v: 1, kind: 'output', n: 1, stream: 'stdout', text: '"one"' })
    const b = await rho.run([
      'deploy',
      '--format',
      'json',
      '--space',
      'numbers',
      ...e('new o(`rho:io:stderr`) in { o!("two") | for (@x <- @"in") { o!(1 / x) } | @"in"!(0) }'),
    ])
    expect(b.exit).toBe(1)
    expect(b.lines.filter(l => l.kind !== 'outcome').map(l => [l.kind, l.n])).toEqual([
      ['output', 2],
      ['failure', 3],
    ])
    const c = await rho.run(['run', '--format', 'json', '--space', 'numbers', ...e(say('four'))])
    expect(c.exit).toBe(0)
    expect(c.lines.filter(l => l.kind !== 'outcome').map(l => [l.kind, l.n])).toEqual([['output', 4]])
    expect((c.lines.at(-1) as unknown as { stdout: string[]; failures: unknown[] }).stdout).toEqual(['"four"'])
  })
})

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s commits and ends with %i; the run can be continued', async (signal, code) => {
    const space = `signal-${signal}`
    const program =
      'new o(`rho:io:stdout`), c in { contract c(@n) = { if (n % 20000 == 0) { o!(n) } | if (n < 2000000 ) { c!(n + 1) } } | c!(0) }'
    const first = await rho.run(['run', '--format', 'json', '--space', space, '--create', ...e(program)], {
      onLine: (line, child) => {
        if (line.kind === 'output' && line.n === 2) child.kill(signal)
      },
    })
    expect(first.exit).toBe(code)
    const out = first.lines.filter(l => l.kind === 'output')
    const outcome = first.lines.at(-1) as unknown as { status: string; stats: { comms: number } }
    expect(outcome.status).toBe('stopped')
    const second = await rho.run(['run', '--format', 'json', '--space', space, '--resume', '--stop-after', 'steps=300000'])
    const next = second.lines.filter(l => l.kind === 'output')
    // Nothing is repeated after an orderly end.
    expect(next[0].n).toBe(out.length + 1)
    expect(Number(next[0].text)).toBe(20000 * out.length)
  })

  it('a timer that was running when the process ended is waited for in the next one', async () => {
    const program = 'new o(`rho:io:stdout`), after(`rho:time:after`), t in { o!("armed") | after!(1200, *t) | for (_ <- t) { o!("rang") } }'
    const first = await rho.run(['run', '--format', 'json', '--space', 'timer', '--create', ...e(program)], {
      onLine: (line, child) => {
        if (line.kind === 'output') child.kill('SIGKILL')
      },
    })
    expect(first.signal).toBe('SIGKILL')
    const second = await rho.run(['run', '--format', 'json', '--space', 'timer', '--resume'])
    expect(second.lines.filter(l => l.kind === 'output').at(-1)).toMatchObject({ n: 2, text: '"rang"' })
  })
})

describe('rho deploy --on-error rollback', () => {
  it('undoes a program that fails, keeps one that does not', async () => {
    await rho.run(['run', '--space', 'atomic', '--create', ...e('@"n"!(1)')])
    const bad = await rho.run([
      'deploy',
      '--format',
      'json',
      '--space',
      'atomic',
      '--on-error',
      'rollback',
      ...e(`for (@n <- @"n") { @"n"!(n + 1) | ${say('tried')} | @"x"!(1 / (n - 1)) }`),
    ])
    expect(bad.exit).toBe(1)
    expect(bad.lines.map(l => l.kind)).toEqual(['output', 'failure', 'outcome'])
    expect((bad.lines.at(-1) as unknown as { data: unknown }).data).toEqual({ '@"n"': [['1']] })
    const good = await rho.run(['deploy', '--format', 'json', '--space', 'atomic', '--atomic', ...e('for (@n <- @"n") { @"n"!(n + 1) }')])
    expect((good.lines.at(-1) as unknown as { data: unknown }).data).toEqual({ '@"n"': [['2']] })
    const after = await rho.run(['run', '--format', 'json', '--space', 'atomic', '--resume'])
    expect((after.lines.at(-1) as unknown as { data: unknown }).data).toEqual({ '@"n"': [['2']] })
  })

  it('begins an attempt again that was killed; its outputs leave once', async () => {
    await rho.run(['run', '--space', 'again', '--create', ...e('@"n"!(1)')])
    const long =
      'new o(`rho:io:stdout`), c in { for (@n <- @"n") { o!("begun") | contract c(@i) = { if (i < 300000) { c!(i + 1) } else { @"n"!(n + i) | o!("over") } } | c!(0) } }'
    let cut = 0
    for (const ms of [350, 500]) {
      const args = cut === 0 ? ['deploy', '--on-error', 'rollback', ...e(long)] : ['run', '--on-error', 'rollback', '--resume']
      const ran = await rho.run([...args, '--format', 'json', '--space', 'again'], {
        onStart: child => setTimeout(() => child.kill('SIGKILL'), ms),
      })
      if (ran.signal !== 'SIGKILL') break
      const outputs = ran.lines.filter(l => l.kind === 'output')
      expect([0, 2]).toContain(outputs.length)
      cut++
    }
    const last = await rho.run(['run', '--format', 'json', '--space', 'again', '--on-error', 'rollback', '--resume'])
    expect(last.exit).toBe(0)
    const data = (last.lines.at(-1) as unknown as { data: Record<string, string[][]> }).data
    expect([[['1']], [['300001']]]).toContainEqual(data['@"n"']) // not even deployed, or done exactly once
  })
})
