import { describe, expect, it } from 'vitest'
import {
  COMMANDS,
  type CommandName,
  commandOf,
  FLAGS,
  helpText,
  parseFlags,
  SPACE_COMMANDS,
  seedRange,
  UsageError,
} from '../../src/cli/usage.ts'

/** What is said about a wrong command line: message and hint in one text. */
function complaint(act: () => unknown): string {
  try {
    act()
  } catch (e) {
    if (e instanceof UsageError) return `${e.message} — ${e.hint}`
    throw e
  }
  return 'nothing'
}
const flags = (...args: string[]) => parseFlags('run', args)

describe('flags', () => {
  it('stand before, between and after files', () => {
    const f = flags('--seed', '7', 'a.rho', '--gas=1e6', 'b.rho', '--metrics')
    expect(f.files).toEqual(['a.rho', 'b.rho'])
    expect([f.text('seed'), f.number('gas'), f.has('metrics')]).toEqual(['7', 1_000_000, true])
  })

  it('take their value from the same word or the next', () => {
    expect(flags('--policy=rr').text('policy')).toBe('rr')
    expect(flags('--policy', 'rr').text('policy')).toBe('rr')
  })

  it('may take a value that begins with a minus', () => {
    expect(flags('-e', '-1 | Nil', '--seed', '-3').all('eval')).toEqual(['-1 | Nil'])
  })

  it('repeat where that means something; elsewhere the last one counts', () => {
    const f = flags('--observe', '@"a"', '--observe', '@"b"', '--seed', '1', '--seed', '2')
    expect(f.all('observe')).toEqual(['@"a"', '@"b"'])
    expect(f.text('seed')).toBe('2')
  })

  it('end at --, and - alone is a file', () => {
    expect(flags('-', '--', '--gas').files).toEqual(['-', '--gas'])
  })

  it('--report takes all or nothing', () => {
    expect(flags('--report', 'a.rho').files).toEqual(['a.rho'])
    expect(flags('--report=all').text('report')).toBe('all')
    expect(complaint(() => flags('--report=some'))).toContain('`some`')
  })

  it('sizes have units, counts have exponents', () => {
    expect(flags('--max-memory', '64M').number('max-memory')).toBe(64 * 1024 * 1024)
    expect(flags('--max-memory', '2kb').number('max-memory')).toBe(2048)
    expect(flags('--gas', '2.5e3').number('gas')).toBe(2500)
    for (const bad of ['-1', '1.5', 'many', '', '1k', '1e400'])
      expect(complaint(() => flags('--gas', bad))).toContain('takes a whole number')
  })

  it('unknown ones are refused with the nearest known', () => {
    expect(complaint(() => flags('--observ', 'x'))).toBe('unknown flag `--observ` — did you mean `--observe`?')
    expect(complaint(() => flags('--metrcis'))).toContain('--metrics')
    expect(complaint(() => flags('-x'))).toContain('`rho run --help` lists the flags')
  })

  it('of another command are refused with its name', () => {
    expect(complaint(() => parseFlags('check', ['--bytes']))).toContain('it belongs to `rho disasm`')
    expect(complaint(() => parseFlags('deploy', ['--create']))).toContain('it belongs to `rho run`')
    expect(complaint(() => parseFlags('test', ['--workers', '2']))).toContain('it belongs to `rho run` and `rho deploy`')
  })

  it('without their value, or with one they do not take, are refused', () => {
    expect(complaint(() => flags('--policy'))).toContain('needs a value: depth|rr|priority')
    expect(complaint(() => flags('--metrics=yes'))).toContain('takes no value')
    expect(complaint(() => flags('--policy', 'deph'))).toContain('did you mean `depth`?')
    expect(complaint(() => flags('--format', 'tap'))).toContain('one of text, json;')
    expect(parseFlags('test', ['--format', 'tap']).text('format')).toBe('tap')
    expect(complaint(() => flags('--seed', 'x'))).toContain('whole number')
    expect(complaint(() => flags('--observe', '-e', 'Nil'))).toContain('--observe needs a value, found the flag `-e`')
  })

  it('of parts that other versions bring say so', () => {
    for (const f of ['--block-number', '--deploy-timestamp']) expect(complaint(() => flags(f, 'x'))).toContain('not available yet')
  })
})

describe('commands', () => {
  it('are known by name', () => {
    for (const name of Object.keys(COMMANDS)) expect(commandOf(name)).toBe(name)
  })

  it('that are misspelt are refused with the nearest known', () => {
    expect(complaint(() => commandOf('rnu'))).toContain('did you mean `rho run`?')
    expect(complaint(() => commandOf('hello.rho'))).toContain('`rho run hello.rho`')
    expect(complaint(() => commandOf('-e'))).toContain("`rho run -e 'SOURCE'`")
  })

  it('each have a help text with all their flags', () => {
    for (const command of Object.keys(COMMANDS) as CommandName[]) {
      const text = helpText(command)
      expect(text).toContain(COMMANDS[command].synopsis)
      for (const [name, flag] of Object.entries(FLAGS))
        expect(new RegExp(`^ .{4} --${name}(?=[ [\n])`, 'm').test(text), `${command} --${name}`).toBe(
          (flag.on as readonly CommandName[]).includes(command),
        )
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(140)
    }
  })
})

const escaped = (text: string): string => text.replace(/[[\]()|.*+?^$\\]/g, '\\$&')

describe('rho space', () => {
  it('tells what each of its commands takes and does', () => {
    const text = helpText('space')
    for (const [name, { args, about }] of Object.entries(SPACE_COMMANDS))
      expect(text).toMatch(new RegExp(`^  ${escaped(`${name} ${args}`)} +${escaped(about)}$`, 'm'))
  })
})

describe('a range of seeds', () => {
  it('is two numbers with two dots, or one number', () => {
    expect(seedRange('1..20')).toEqual({ first: 1n, last: 20n })
    expect(seedRange('7')).toEqual({ first: 7n, last: 7n })
  })
  it('must not run backwards', () => {
    for (const bad of ['5..1', 'a..b', '1...3', '']) expect(complaint(() => seedRange(bad))).toContain('range')
  })
})
