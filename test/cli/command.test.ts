import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ERRORS } from '../../rspace/errors.ts'
import { Rho } from './rho.ts'

const rho = new Rho()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const HELLO = 'new stdout(`rho:io:stdout`) in { stdout!("hello") }'
const SPIN = 'new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(0) }'
const file = (name: string, text: string) => {
  writeFileSync(join(rho.folder, name), text)
  return name
}

describe('rho run', () => {
  it('runs a file, a text, or standard input', async () => {
    for (const [args, input] of [[[file('hello.rho', HELLO)]], [['-e', HELLO]], [['-'], HELLO]] as [string[], string?][]) {
      expect(await rho.run(['run', ...args], { input: input ?? '' })).toEqual({ exit: 0, signal: null, stdout: '"hello"\n', stderr: '' })
    }
  })

  it('runs several files in one space', async () => {
    const ran = await rho.run([
      'run',
      file('a.rho', '@"meet"!(5)'),
      file('b.rho', 'new out(`rho:io:stdout`) in { for (@n <- @"meet") { out!(n) } }'),
    ])
    expect(ran.stdout).toBe('5\n')
  })

  it('an empty program does nothing: exit 0', async () => {
    expect(await rho.run(['run', '-e', '// nothing'])).toEqual({ exit: 0, signal: null, stdout: '', stderr: '' })
  })

  it('with a static error runs nothing: exit 1, the place, the hint', async () => {
    const ran = await rho.run(['run', '-e', 'new stdout(`rho:io:stdout`) in { stdout!("never") | stdut!(1) }'])
    expect([ran.exit, ran.stdout]).toEqual([1, ''])
    expect(ran.stderr).toContain('RHO201')
    expect(ran.stderr).toContain('<eval>:1:53')
    expect(ran.stderr).toContain('did you mean `stdout`')
  })

  it('refuses all files if one of them is wrong', async () => {
    const ran = await rho.run(['run', '-e', HELLO, '-e', 'oops('])
    expect([ran.exit, ran.stdout]).toEqual([1, ''])
  })

  it('with a failed machine goes on and ends with exit 1', async () => {
    const ran = await rho.run(['run', '-e', `@"x"!(1 / 0) | ${HELLO}`])
    expect([ran.exit, ran.stdout]).toEqual([1, '"hello"\n'])
    expect(ran.stderr).toMatch(/error RHO505.*\n {2}at <eval>:1:7/)
    expect(ran.stderr).not.toMatch(/\.(ts|js):\d+/)
  })

  it('with receives left waiting ends with exit 0, and 3 with --expect-done', async () => {
    const stuck = 'for (@x <- @"nobody") { Nil }'
    expect((await rho.run(['run', '-e', stuck])).exit).toBe(0)
    expect((await rho.run(['run', '--expect-done', '-e', stuck])).exit).toBe(3)
    expect((await rho.run(['run', '--expect-done', '-e', 'for (@x <= @"nobody") { Nil }'])).exit).toBe(0)
  })

  it('with --report says what waits, where and why', async () => {
    const ran = await rho.run(['run', '--report', '-e', '@"till"!(5, 2) |\nfor (@x <- @"till") { Nil }'])
    expect(ran.stderr).toMatch(/stuck receive +<eval>:2:1 +for \(@x <- @"till"\) +reason: arity/)
    expect(ran.exit).toBe(0)
  })

  it('with --report says where in a guard the expression stands that failed', async () => {
    const ran = await rho.run(['run', '--report', '-e', '@1!("a") |\nfor (@x <- @1\n  where x == "a"\n  and x + 1 == 2) { Nil }'])
    expect(ran.stderr).toContain('<eval>:2:1')
    expect(ran.stderr).toContain('RHO510 at 4:7: ')
    expect(ran.stderr).toContain('the guard of the receive at 2:1 failed at 4:7: ')
  })

  it('stops a program at its limit: exit 4, and the others finish', async () => {
    const ran = await rho.run(['run', '--gas', '1e6', '-e', SPIN, '-e', HELLO])
    expect([ran.exit, ran.stdout]).toEqual([4, '"hello"\n'])
    expect(ran.stderr).toContain('RHO601')
  })

  it('--observe prints what is left, oldest first', async () => {
    const ran = await rho.run(['run', '--observe', '@"x"', '-e', '@"x"!(1, 2)'])
    expect(ran.stdout).toBe('@"x"!(1, 2)\n')
  })

  it('--seeds prints the multiset of outcomes', async () => {
    const race = 'new out(`rho:io:stdout`), c in { c!(1) | c!(2) | for (@x <- c) { out!(x) } }'
    const ran = await rho.run(['run', '--seeds', '1..40', '-e', race])
    expect(ran.exit).toBe(0)
    expect(ran.stdout).toContain('printed 1')
    expect(ran.stdout).toContain('printed 2')
  })

  it('gives a running program standard input', async () => {
    const ask = 'new stdin(`rho:io:stdin`), out(`rho:io:stdout`), a in { stdin!(*a) | for (@(ok, line) <- a) { out!([ok, line]) } }'
    expect((await rho.run(['run', '-e', ask], { input: 'first\nsecond\n' })).stdout).toBe('[true, "first"]\n')
    expect((await rho.run(['run', '-e', ask], { input: '' })).stdout).toBe('[false, "end of input"]\n')
  })

  it('waits for timers', async () => {
    const later = 'new after(`rho:time:after`), out(`rho:io:stdout`), a in { after!(30, *a) | for (_ <- a) { out!("later") } }'
    expect((await rho.run(['run', '-e', later])).stdout).toBe('"later"\n')
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('after %s ends at a slice with exit %i', async (signal, exit) => {
    const chatty = `new out(\`rho:io:stdout\`), tick in { out!("started") | contract tick(@n) = { tick!(n + 1) | if (n % 50000 == 0) { out!(n) } } | tick!(0) }`
    const ran = await rho.run(['run', '-e', chatty], {
      onStdout: (text, child) => text.includes('50000\n') && !child.killed && child.kill(signal),
    })
    expect(ran.exit).toBe(exit)
  })

  it('ends quietly when its reader goes away', async () => {
    const chatty = 'new out(`rho:io:stdout`), tick in { contract tick(@n) = { out!(n) | tick!(n + 1) } | tick!(0) }'
    const ran = await rho.run(['run', '-e', chatty], { onStdout: (_, child) => child.stdout?.destroy() })
    expect([ran.exit, ran.stderr]).toEqual([0, ''])
  })

  it('says that the disk is full', () => {
    const endless = 'new out(`rho:io:stdout`), tick in { contract tick(@n) = { out!(n) | tick!(n + 1) } | tick!(0) }'
    for (const source of [HELLO, endless]) {
      const full = openSync('/dev/full', 'w')
      const ran = spawnSync(process.execPath, ['dist/cli.js', 'run', '-e', source], { cwd: rho.folder, stdio: ['ignore', full, 'pipe'] })
      closeSync(full)
      expect([ran.status, ran.stderr.toString()]).toEqual([5, 'rho: cannot write to standard output: the disk is full\n'])
    }
  })

  it('says that a trace cannot be written', async () => {
    const ran = await rho.run(['run', '--trace', '/dev/full', '-e', HELLO])
    expect(ran).toMatchObject({ exit: 2, stdout: '"hello"\n', stderr: 'rho: cannot write `/dev/full`: the disk is full\n' })
  })
})

describe('rho run --format json', () => {
  it('ends with the outcome, all fields in place', async () => {
    const { exit, outcome } = await rho.json(['-e', `${HELLO} | @"x"!(1, [2]) | @"x"!(3) | for (@y <- @"z") { Nil }`])
    expect(exit).toBe(0)
    expect(outcome).toMatchObject({
      v: 1,
      kind: 'outcome',
      status: 'rest',
      stdout: ['"hello"'],
      stderr: [],
      failures: [],
      data: { '@"x"': [['1', '[2]'], ['3']] },
    })
    expect(outcome.blocked).toMatchObject([{ persistent: false, file: '<eval>', line: 1, channels: ['@"z"'], reason: 'nobody-sends' }])
    for (const counter of ['comms', 'primitiveComms', 'machines', 'gas', 'steps']) expect(outcome.stats[counter]).toBeTypeOf('number')
  })

  it('numbers outputs as they leave', async () => {
    const { lines } = await rho.json(['-e', 'new out(`rho:io:stdoutAck`), a in { out!(1, *a) | for (_ <- a) { out!(2, *a) } }'])
    expect(lines.slice(0, -1)).toEqual([
      { v: 1, kind: 'output', n: 1, stream: 'stdout', text: '1' },
      { v: 1, kind: 'output', n: 2, stream: 'stdout', text: '2' },
    ])
  })

  it('splits what was printed at line breaks, raw text joined', async () => {
    const { outcome } = await rho.json(['-e', 'new p(`rho:io:print`), a, b in { p!("one\\ntw", *a) | for (_ <- a) { p!("o", *b) } }'])
    expect(outcome.stdout).toEqual(['one', 'two'])
  })

  it('has one failure for a machine that died, with its place', async () => {
    const { exit, lines, outcome } = await rho.json(['-e', '@"x"!(1 / 0)'])
    expect([exit, outcome.status]).toEqual([1, 'failed'])
    expect(outcome.failures).toMatchObject([
      { code: 'RHO505', class: 'ReduceError', severity: 'error', file: '<eval>', line: 1, column: 7, end: { line: 1, column: 12 } },
    ])
    expect(lines.filter(l => l.kind === 'failure')).toHaveLength(1)
  })

  it('has one failure for an abort and for a gas limit', async () => {
    const abort = await rho.json(['-e', 'new abort(`rho:execution:abort`) in { abort!("enough") }'])
    expect([abort.exit, abort.outcome.status, abort.outcome.failures.map(f => f.code)]).toEqual([1, 'failed', ['RHO602']])
    const gas = await rho.json(['--gas', '10000', '-e', SPIN])
    expect([gas.exit, gas.outcome.status, gas.outcome.failures.map(f => f.code)]).toEqual([4, 'limit', ['RHO601']])
    expect(gas.outcome.stats.gas).toBe(10000)
  })

  it('says what was refused; warnings refuse nothing', async () => {
    const { exit, outcome } = await rho.json(['-e', '@"c"!(y)'])
    expect([exit, outcome.status, outcome.diagnostics.map(d => d.code)]).toEqual([1, 'refused', ['RHO201']])
    const warned = await rho.json(['-e', 'for (@x <- @"d") { Nil }'])
    expect([warned.exit, warned.outcome.status, warned.outcome.diagnostics.map(d => [d.code, d.severity])]).toEqual([
      0,
      'rest',
      [['L01', 'warning']],
    ])
  })

  it('observes the names asked for, verbatim', async () => {
    const { outcome } = await rho.json(['--observe', '@"x"', '--observe', '@[ 1,2 ]', '-e', '@"x"!(1) | @"y"!(2) | @[1, 2]!(3)'])
    expect(outcome.data).toEqual({ '@"x"': [['1']], '@[ 1,2 ]': [['3']] })
  })

  it('counts gas as the price list says', async () => {
    const { outcome } = await rho.json(['-e', '@7!(1) | for(@x <- @7){ Nil }'])
    expect(outcome.stats.gas).toBe(207)
  })
})

describe('wrong use', () => {
  it.each([
    [['run', '--gsa', '5', 'x.rho'], 'did you mean `--gas`?'],
    [['run'], 'nothing to run'],
    [['run', 'missing.rho'], 'there is no such file'],
    [['run', '.'], 'it is a directory'],
    [['check', 'dist/'], '`dist/*.rho`'],
    [['run', 'pakage.json'], 'did you mean `package.json`?'],
    [['run', 'nowhere/hello.rho'], 'there is no such file'],
    [['rnu', 'x.rho'], 'did you mean `rho run`?'],
    [['run', '--observe', 'x', '-e', 'Nil'], 'takes a public name'],
    [['run', '--allow-read', 'missing', '-e', 'Nil'], 'cannot grant `missing`'],
    [['run', '--allow', 'everything', '-e', 'Nil'], '--allow grants'],
    [['run', '--workers', '2', '--atomic', '-e', 'Nil'], 'needs the whole space in one shard'],
    [['run', '--checkpoint-every', '10', '-e', 'Nil'], 'is for runs on workers'],
    [['check', '--workers', '2', '-e', 'Nil'], 'belongs to `rho run`'],
    [['run', '--seed', '1', '--seeds', '1..2', '-e', 'Nil'], 'contradict'],
    [['ps'], 'which machines?'],
    [['explain', 'RHO999'], 'there is no code'],
    [['fmt', '--write', '--check', 'hello.rho'], 'contradict'],
  ])('%j is exit 2: %s', async (args, message) => {
    const ran = await rho.run(args)
    expect([ran.exit, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr).toContain(message)
  })
})

describe('the other commands', () => {
  it('rho --version and rho help', async () => {
    expect((await rho.run(['--version'])).stdout).toMatch(/^rhizome \d+\.\d+\.\d+\n$/)
    expect((await rho.run([])).stdout).toContain('usage: rho COMMAND')
    expect((await rho.run(['help', 'run'])).stdout).toContain('--gas')
  })

  it('rho check reports everything it finds; warnings leave exit 0', async () => {
    const bad = await rho.run(['check', '-e', '@"a"!(x) | @"b"!(y) | @"c"!(_)'])
    expect(bad.exit).toBe(1)
    expect(bad.stderr.match(/RHO20[12]/g)).toEqual(['RHO201', 'RHO201', 'RHO202'])
    expect((await rho.run(['check', '-e', 'for (@x <- @"c") { Nil }'])).exit).toBe(0)
  })

  it('rho fmt prints the formatted text and nothing else', async () => {
    const ran = await rho.run(['fmt', '-'], { input: '@"c"!(1)|@"d"!( 2 ) // two\n' })
    expect([ran.exit, ran.stderr]).toEqual([0, ''])
    expect(ran.stdout).toContain('// two')
    const again = await rho.run(['fmt', '-'], { input: ran.stdout })
    expect(again.stdout).toBe(ran.stdout)
  })

  it('rho fmt --check tells, --write changes, a wrong file stays', async () => {
    const name = file('messy.rho', '@"c"!(1)|@"d"!( 2 )')
    expect((await rho.run(['fmt', '--check', name])).exit).toBe(1)
    expect((await rho.run(['fmt', '--write', name])).exit).toBe(0)
    expect((await rho.run(['fmt', '--check', name])).exit).toBe(0)
    const broken = file('broken.rho', '@"c"!(1')
    expect((await rho.run(['fmt', '--write', broken])).exit).toBe(1)
    expect(readFileSync(join(rho.folder, broken), 'utf8')).toBe('@"c"!(1')
  })

  it('rho disasm shows one block per component; --bytes only words', async () => {
    const ran = await rho.run(['disasm', '-e', '@"a"!(1) | @"a"!(1) | @"b"!(2)'])
    expect([ran.exit, ran.stderr]).toEqual([0, ''])
    expect(ran.stdout).toContain('×2')
    const bytes = await rho.run(['disasm', '--bytes', '-e', 'Nil'])
    expect(bytes.stdout).toMatch(/^[0-9a-f\s]+$/)
  })

  it('rho test compares programs with what they say about themselves', async () => {
    const good = file('good.rho', `// about: prints\n// expect: "hello"\n${HELLO}`)
    const bad = file('bad.rho', `// about: prints another\n// expect: "good bye"\n${HELLO}`)
    expect(await rho.run(['test', good])).toMatchObject({ exit: 0, stdout: '1 passed, 0 failed\n' })
    const ran = await rho.run(['test', '--seeds', '1..3', good, bad])
    expect(ran.exit).toBe(1)
    expect(ran.stdout).toContain('- "good bye"')
    expect(ran.stdout).toContain('+ "hello"')
    expect(ran.stdout).toContain('1 passed, 1 failed')
    expect((await rho.run(['test', '--format', 'tap', good, bad])).stdout).toMatch(/^TAP version 13\n1\.\.2\nok 1 .*\nnot ok 2 /)
    const json = (await rho.run(['test', '--format', 'json', good, bad])).stdout
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l))
    expect(json).toMatchObject([
      { kind: 'test', ok: true },
      { kind: 'test', ok: false },
      { kind: 'summary', passed: 1, failed: 1 },
    ])
  })

  it('rho trace shows what a run wrote, and finds where two differ', async () => {
    await rho.run(['run', '--seed', '1', '--trace', 't1', '-e', '@"c"!(1) | for (@x <- @"c") { @"d"!(x + 1) }'])
    await rho.run(['run', '--seed', '1', '--trace', 't2', '-e', '@"c"!(1) | for (@x <- @"c") { @"d"!(x + 1) }'])
    await rho.run(['run', '--seed', '1', '--trace', 't3', '-e', '@"c"!(2) | for (@x <- @"c") { @"d"!(x + 1) }'])
    expect((await rho.run(['trace', 't1'])).stdout.split('\n').length).toBeGreaterThan(3)
    expect(await rho.run(['trace', '--diff', 't1', 't2'])).toMatchObject({ exit: 0 })
    expect(await rho.run(['trace', '--diff', 't1', 't3'])).toMatchObject({ exit: 1 })
  })

  it('rho explain lists all codes or shows one', async () => {
    expect((await rho.run(['explain'])).stdout).toContain('RHO505')
    expect((await rho.run(['explain', 'rho505'])).stdout).toContain('mends it')
    expect((await rho.run(['explain'])).stdout).toContain('BAD_IMAGE_STACK')
    expect((await rho.run(['explain', 'locked'])).stdout).toBe(`LOCKED\n${ERRORS.LOCKED}\n`)
  })

  it('rho repl reads lines when there is no terminal', async () => {
    const ran = await rho.run(['repl'], { input: '@"x"!(1) |\n@"y"!(2)\n.space\n.quit\n' })
    expect(ran).toMatchObject({ exit: 0, stdout: '@"x"!(1)\n@"y"!(2)\n' })
  })
})
