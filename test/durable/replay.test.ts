import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bank, philosophers } from './programs.ts'
import { Installed, type Line } from './rho.ts'

const rho = new Installed()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const e = (text: string) => ['-e', text]
const text = (file: string) => readFileSync(join(rho.folder, file), 'utf8')
const events = (file: string): Line[] =>
  text(file)
    .split('\n')
    .filter(l => l !== '')
    .map(l => JSON.parse(l) as Line)
    .filter(l => l.kind === 'trace')
const replay = async (file: string) => {
  const done = await rho.run(['trace', '--replay', '--format', 'json', file])
  return {
    exit: done.exit,
    ...(done.lines[0] as unknown as { equal: boolean; events?: number; comms?: number; whole: boolean; changed: boolean }),
  }
}

const OUTSIDE = `new o(\`rho:io:stdout\`), line(\`rho:io:stdin\`), after(\`rho:time:after\`), now(\`rho:time:now\`), file(\`rho:io:file\`), r, s, loop in {
  contract loop(@n) = { if (n > 0) { loop!(n - 1) } } | loop!(2000) |
  after!(5, *r) | line!(*s) |
  for (@a <- s) { o!(a) | now!(*s) | for (@b <- s) { file!("restrict", ("d", "rw"), *s) | for (@(true, cap) <- s) {
    @cap!("writeText", ("f", "x"), *s) | for (@c <- s) { file!("readText", "d/f", *s) | for (@d <- s) { o!([b, c, d]) } } } } } |
  for (_ <- r) { o!("timer") }
}`

describe('rho trace --replay', () => {
  it.each([
    ['a seeded run', ['--seed', '3', '--order', 'seed:4', '--shuffle']],
    ['a run in literal mode', ['--trick', 'literal']],
    ['a run of another policy', ['--policy', 'priority', '--order', 'lifo']],
    ['a run that used up its gas', ['--gas', '60000']],
    ['a run that was undone', ['--atomic', '--gas', '60000']],
    ['a run that was stopped', ['--stop-after', 'steps=777']],
  ])('takes the same course again: %s', async (name, flags) => {
    const file = `${name.replaceAll(' ', '-')}.t`
    await rho.run(['run', ...flags, '--trace', file, ...e(bank.source(40)), ...e(philosophers.source(20))])
    expect(await replay(file)).toMatchObject({ exit: 0, equal: true, whole: true, changed: false })
    expect(events(file).length).toBeGreaterThan(500)
  })

  it('gives what came in from outside again: input, time and files', async () => {
    mkdirSync(join(rho.folder, 'd'), { recursive: true })
    const flags = ['--allow-write', '.', '--trace', 'outside.t']
    const first = await rho.run(['run', ...flags, ...e(OUTSIDE)])
    expect(first.stdout).toMatch(/"timer"/)
    expect(first.stdout).toMatch(/\[\d+, \(true, Nil\), \(true, "x"\)\]/)
    writeFileSync(join(rho.folder, 'd', 'f'), 'changed since')
    expect(await replay('outside.t')).toMatchObject({
      exit: 0,
      equal: true,
      events: events('outside.t').length - createdBefore('outside.t'),
    })
    expect(text('d/f')).toBe('changed since')
  })

  it.each([
    ['an event', (t: string) => t.replace('"e":"comm"', '"e":"consume"')],
    ['an event that is missing', (t: string) => t.replace(/\{[^\n]*"e":"comm"[^\n]*\n/, '')],
    ['an event that was added at the end', (t: string) => t + '{"v":1,"kind":"trace","e":"done","m":1}\n'],
    ['a program', (t: string) => t.replaceAll('Plato', 'Pluto')],
    ['an answer', (t: string) => t.replace(/("e":"answer"[^\n]*"values":")[^"]+/, '$1AAA=')],
    ['the digest', (t: string) => t.replace(/"hash":"../, '"hash":"zz')],
  ])('notices a change of %s', async (_, change) => {
    await rho.run([
      'run',
      '--trace',
      'good.t',
      ...e(philosophers.source(8)),
      ...e('new n(`rho:time:now`), r in { n!(*r) | for (@t <- r) { @"t"!(t) } }'),
    ])
    const changed = change(text('good.t'))
    expect(changed).not.toBe(text('good.t'))
    writeFileSync(join(rho.folder, 'bad.t'), changed)
    const found = await replay('bad.t')
    expect(found.equal).not.toBe(true)
    expect(found.exit).not.toBe(0)
  })

  it('follows the trace of a run whose process was killed as far as it goes', async () => {
    await rho.run(['run', '--trace', 'whole.t', ...e(philosophers.source(20))])
    const lines = text('whole.t').split('\n')
    writeFileSync(join(rho.folder, 'cut.t'), `${lines.slice(0, 400).join('\n')}\n`)
    expect(await replay('cut.t')).toMatchObject({ exit: 0, equal: true, whole: false })
    expect(await rho.run(['trace', '--diff', 'whole.t', 'cut.t'])).toMatchObject({
      exit: 1,
      stdout: expect.stringContaining('equal up to event'),
    })
  })

  it('is refused for what is no trace of a run', async () => {
    writeFileSync(join(rho.folder, 'none.t'), '{"v":1,"kind":"trace","e":"done","m":1}\n')
    writeFileSync(join(rho.folder, 'junk.t'), 'junk\n')
    for (const args of [['none.t'], ['junk.t'], ['absent.t'], [], ['none.t', 'none.t']])
      expect((await rho.run(['trace', '--replay', ...args])).exit).toBe(2)
  })
})

/** Events of the deployment, before the state that a replay begins with. */
function createdBefore(file: string): number {
  return text(file)
    .split('\n')
    .findIndex(l => l.includes('"e":"begin"'))
}

describe('rho run --record', () => {
  const seeded = ['--seed', '9']
  const programs = [...e(bank.source(40)), ...e(philosophers.source(20))]

  it.each([
    ['a plain run', []],
    ['a seeded run', ['--seed', '3', '--order', 'seed:4', '--shuffle']],
    ['a run in literal mode', ['--trick', 'literal']],
    ['a run of another policy', ['--policy', 'rr']],
    ['a run that used up its gas', ['--gas', '60000']],
    ['a run that was undone', ['--atomic', '--gas', '60000']],
    ['a run that was stopped', ['--stop-after', 'steps=777']],
  ])('writes no event, and what it takes to come to the same end again: %s', async (name, flags) => {
    const file = `${name.replaceAll(' ', '-')}.r`
    const plain = await rho.run(['run', '--metrics', ...flags, ...programs])
    const kept = await rho.run(['run', '--metrics', ...flags, '--record', file, ...programs])
    expect(kept.stdout).toBe(plain.stdout)
    expect(text(file).split('\n').length).toBe(3)
    expect(events(file)).toEqual([])
    expect(await replay(file)).toMatchObject({ exit: 0, equal: true, comms: expect.any(Number), whole: true, changed: false })
  })

  it('comes to the very place where a run was interrupted, however long it was', async () => {
    const endless = 'new c, o(`rho:io:stdout`) in { contract c(@n) = { c!(n + 1) | if (n % 70000 == 0) { o!(n) } } | c!(0) }'
    for (const lines of [1, 15]) {
      const done = await rho.run(['run', '--format', 'json', '--record', 'cut-short.r', ...e(endless)], {
        onLine: (line, child) => {
          if (line.n === lines) child.kill('SIGINT')
        },
      })
      expect(done.exit).toBe(130)
      const found = await replay('cut-short.r')
      expect(found).toMatchObject({ exit: 0, equal: true, whole: true })
      expect(found.comms).toBeGreaterThan(70_000 * (lines - 1))
    }
  })

  it('shows the same events as a trace of the same run', async () => {
    await rho.run(['run', ...seeded, '--trace', 'watched.t', ...programs])
    await rho.run(['run', ...seeded, '--record', 'watched.r', ...programs])
    const shown = await rho.run(['trace', '--format', 'json', 'watched.r'])
    expect(shown.lines.length).toBeGreaterThan(2000)
    expect(shown.lines).toEqual(events('watched.t').slice(createdBefore('watched.t')))
    const expanded = await rho.run(['trace', '--expand', 'watched.r'])
    expect(expanded.stdout.split('\n').length).toBeGreaterThan(shown.lines.length)
    expect(await rho.run(['trace', '--diff', 'watched.r', 'watched.r'])).toMatchObject({ exit: 0 })
  })

  it('gives what came in from outside again: input, time and files', async () => {
    mkdirSync(join(rho.folder, 'd'), { recursive: true })
    const first = await rho.run(['run', '--allow-write', '.', '--record', 'outside.r', ...e(OUTSIDE)])
    expect(first.stdout).toMatch(/"timer"/)
    writeFileSync(join(rho.folder, 'd', 'f'), 'changed since')
    expect(await replay('outside.r')).toMatchObject({ exit: 0, equal: true, whole: true })
    expect(text('d/f')).toBe('changed since')
    expect((await rho.run(['trace', 'outside.r'])).stdout).toMatch(/timer/)
  })

  it.each([
    ['a program', (t: string) => t.replaceAll('Plato', 'Pluto')],
    ['an answer', (t: string) => t.replace(/("e":"answer"[^\n]*"values":")[^"]+/, '$1AAA=')],
    ['an answer that is missing', (t: string) => t.replace(/\{[^\n]*"e":"answer"[^\n]*\n/, '')],
    ['the outcome', (t: string) => t.replace(/"outcome":"../, '"outcome":"zz')],
    ['the end', (t: string) => t.replace(/"at":\[\d+/, '"at":[3')],
    ['the digest', (t: string) => t.replace(/"hash":"../, '"hash":"zz')],
  ])('notices a change of %s', async (_, change) => {
    const clock = e('new n(`rho:time:now`), r in { n!(*r) | for (@t <- r) { @"t"!(t) } }')
    await rho.run(['run', '--record', 'good.r', ...e(philosophers.source(8)), ...clock])
    const changed = change(text('good.r'))
    expect(changed).not.toBe(text('good.r'))
    writeFileSync(join(rho.folder, 'bad.r'), changed)
    const found = await replay('bad.r')
    expect(found.equal).not.toBe(true)
    expect(found.exit).not.toBe(0)
    expect((await rho.run(['trace', 'bad.r'])).exit).toBe(2)
  })

  it('notices an outcome that differs although nothing in the file does', async () => {
    await rho.run(['run', ...seeded, '--record', 'sum.r', ...e('@"x"!(1 + 1)')])
    const changed = text('sum.r').replace(/"outcome":"../, '"outcome":"zz')
    const body = changed.split('\n').slice(0, 1).join('\n')
    const hash = createHash('sha256').update(`${body}\n`).digest('hex')
    writeFileSync(join(rho.folder, 'other.r'), changed.replace(/"hash":"[^"]+/, `"hash":"${hash}`))
    expect(await replay('other.r')).toMatchObject({
      exit: 1,
      equal: false,
      changed: false,
      recorded: expect.stringContaining('outcome zz'),
    })
  })

  it('is refused beside a trace, which holds the same, and with workers', async () => {
    for (const more of [
      ['--trace', 'x.t'],
      ['--workers', '2'],
    ]) {
      const refused = await rho.run(['run', '--record', 'x.r', ...more, ...e('Nil')])
      expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining('--record') })
    }
  })
})

describe('T5, T26 with traces: a stored space runs on as one that never left the process', () => {
  const SOURCE = `new c, go in {
    c!({ for (@n <- go) { @"sum"!(n + 1) | for (@m <- @"sum") { @"twice"!(2 * m) } } }) | for (@p <- c) { for (@q <- @"start") { p | go!(q) } }
  }`
  const START = '@"start"!(20)'

  /** Events without what differs between processes: unforgeable names and numbers of machines, renamed in order of appearance. */
  function course(list: readonly Line[]): string[] {
    const names = new Map<string, string>()
    const alias = (t: string): string => {
      const known = names.get(t) ?? `n${names.size}`
      names.set(t, known)
      return known
    }
    return list.map(({ v: _, kind: __, data: ___, ...l }) =>
      JSON.stringify(l)
        .replace(/0x[0-9a-f]{64}/g, alias)
        .replace(/"(m|k|woken)":[1-9]\d*/g, (all, key: string) => `"${key}":${alias(all.slice(key.length + 3))}`),
    )
  }

  it('the same events follow the same message', async () => {
    await rho.run(['run', '--space', 'kept', '--create', ...e(SOURCE)])
    expect((await rho.run(['deploy', '--space', 'kept', '--trace', 'stored.t', ...e(START)])).exit).toBe(0)
    await rho.run(['run', '--snapshot', 'before', ...e(SOURCE)])
    expect((await rho.run(['run', '--restore', 'before', '--trace', 'memory.t', ...e(START)])).exit).toBe(0)
    expect(course(events('stored.t'))).toEqual(course(events('memory.t')))
    expect(events('stored.t').filter(l => l.e === 'comm').length).toBe(3)
    expect(await replay('stored.t')).toMatchObject({ exit: 0, equal: true })
  })

  it('a program that is added prints by a channel that nobody in the space had a name for', async () => {
    const use = 'new o(`rho:io:stdout`), r in { @"deposit"!(5, *r) | for (@x <- r) { o!(x) } }'
    const shop = `new o(\`rho:io:stdout\`) in {
      contract @"deposit"(@n, ret) = { for (@t <- @"total") { @"total"!(t + n) | ret!(t + n) } } | @"total"!(0) | o!("open") | o!("really")
    }`
    await rho.run(['run', '--space', 'added', '--create', ...e('new x in { for (_ <- x) { Nil } }'), ...e(use)])
    expect((await rho.run(['run', '--space', 'added', '--trace', 'added.t', ...e(shop)])).stdout).toMatch(/^"open"\n"really"\n5\n$/)
    expect(await replay('added.t')).toMatchObject({ exit: 0, equal: true, whole: true })
  })

  it('and a resumed run that was cut off in its midst can be replayed', async () => {
    const source = bank.source(600)
    const first = await rho.run(['run', '--format', 'json', '--space', 'b', '--create', ...e(source)], {
      onLine: (line, child) => {
        if (line.n === 3) child.kill('SIGKILL')
      },
    })
    expect(first.signal).toBe('SIGKILL')
    expect((await rho.run(['run', '--space', 'b', '--resume', '--trace', 'resumed.t'])).exit).toBe(0)
    expect(await replay('resumed.t')).toMatchObject({ exit: 0, equal: true, whole: true })
    // No machine has a number that a machine of the first life may have had and is alive no more.
    const made = events('resumed.t').flatMap(l => (l.e === 'created' ? [l.m as number] : []))
    expect(new Set(made).size).toBe(made.length)
    expect(Math.min(...made)).toBeGreaterThan(1 << 20)
  })
})
