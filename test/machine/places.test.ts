import { describe, expect, it } from 'vitest'
import { sources } from '../../src/base/source.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { type Compiled, Session, type SessionOptions } from '../../src/machine/session.ts'
import { collect } from '../support/collect.ts'

const at = (position: number): string => {
  const p = sources.place(position)
  return p === undefined ? '-' : `${p.line}:${p.column}`
}

async function run(text: string, options: Partial<SessionOptions> = {}) {
  const session = new Session({ host: new QuietHost(), seed: 1n, ...options })
  const { program, diagnostics } = session.compile('places.rho', text)
  if (program === undefined) throw new Error(diagnostics.map(d => d.message).join('\n'))
  session.deploy(program)
  await session.settle()
  const report = session.report(true)
  return {
    session,
    report,
    waiting: report.waiting.map(w => `${at(w.start)} ${w.channels.join(' & ')}`).sort(),
    messages: report.messages.map(m => `${at(m.start)} ${m.channel}!(${m.values.join(', ')})`).sort(),
    failures: session.failures.map(f => `${at(f.start)} ${f.code}`).sort(),
    notes: report.notes.map(n => at(n.start)).sort(),
  }
}

describe('components that differ only in what they capture are reported where they were written', () => {
  it.each(['depth', 'rr', 'priority'] as const)('receives that wait, policy %s', async policy => {
    const { waiting } = await run(
      `new lamp, ready in {
         for (@x <- lamp) { ready!(x) } |
         for (@y <- ready) { lamp!(y) }
       }`,
      { policy },
    )
    expect(waiting).toEqual(['2:10 lamp', '3:10 ready'])
  })
  it('unused messages', async () => {
    const { messages } = await run('new x, y in {\n  x!(1) |\n  y!(1)\n}')
    expect(messages).toEqual(['2:3 x!(1)', '3:3 y!(1)'])
  })
  it('messages with the receive that does not take them', async () => {
    const { report } = await run('new x, y in {\n for (_, _ <- x) { Nil } |\n for (_, _ <- y) { Nil } |\n y!(1) |\n x!(1) }')
    const pairs = (items: readonly { start: number; counterpart: number }[]) =>
      items.map(i => `${at(i.start)} and ${at(i.counterpart)}`).sort()
    expect(pairs(report.messages)).toEqual(['4:2 and 3:2', '5:2 and 2:2'])
    expect(pairs(report.waiting)).toEqual(['2:2 and 5:2', '3:2 and 4:2'])
    expect(report.waiting.map(w => w.detail).sort()).toEqual([
      'a message at 4:2 has 1 value, this pattern takes 2. Write `for (x <- y)` or `for (...@xs <- y)`.',
      'a message at 5:2 has 1 value, this pattern takes 2. Write `for (x <- x)` or `for (...@xs <- x)`.',
    ])
  })
  it('failures, each at the line of the component that failed', async () => {
    const text = (bad: string, good: string) => `new a, b in {
  for (@x <- a) { @"o"!(1 / x) } |
  for (@x <- b) { @"o"!(1 / x) } |
  ${bad}!(0) | ${good}!(1)
}`
    expect((await run(text('a', 'b'))).failures).toEqual(['2:25 RHO505'])
    expect((await run(text('b', 'a'))).failures).toEqual(['3:25 RHO505'])
    expect((await run('new a in {\n a!(0) | a!(0) |\n for (@x <- a) { @1!(1 / x) } |\n for (@x <- a) { @1!(1 / x) } }')).failures).toEqual([
      '3:22 RHO505',
      '4:22 RHO505',
    ])
  })
  it('what started a machine that failed', async () => {
    const { session } = await run(
      'new a, b in {\n for (@x <= a) { @1!(1 / x) } |\n for (_ <- @2) { a!(0) } |\n for (_ <- @2) { b!(0) } |\n for (@x <= b) { @1!(1 / x) } |\n @2!(0) | @2!(0) }',
    )
    expect(session.failures.map(f => `${at(f.start)} by ${at(f.startedBy)}`).sort()).toEqual(['2:22 by 3:18', '5:22 by 4:18'])
  })
  it('matches that fit no case', async () => {
    const { notes } = await run(
      'new a, b in {\n for (@x <- a) { match x { 1 => Nil } } |\n for (@x <- b) { match x { 1 => Nil } } |\n b!(2) }',
    )
    expect(notes).toEqual(['3:18'])
  })
  it('three levels inside each other', async () => {
    const level3 = (x: string, line: string) => `new k in {\n ${x}!("${line}") |\n k!("${line}") }`
    const level2 = (x: string, y: string) => `new m in { ${level3(x, 'p')} | ${level3(y, 'p')} }`
    const text = `new a, b, c, d in { for (_ <- @1) { ${level2('a', 'b')} } | for (_ <- @1) { ${level2('c', 'd')} } | @1!(0) | @1!(0) }`
    const { messages } = await run(text)
    expect(messages).toEqual([
      '2:2 a!("p")',
      '3:2 k!("p")',
      '4:2 b!("p")',
      '5:2 k!("p")',
      '6:2 c!("p")',
      '7:2 k!("p")',
      '8:2 d!("p")',
      '9:2 k!("p")',
    ])
  })
  it('components that are equal in everything', async () => {
    const { messages, waiting } = await run('@0!(1) |\n@0!(1) |\nfor (_ <- @2) { Nil } |\nfor (_ <- @2) { Nil }')
    expect(messages).toEqual(['1:1 @0!(1)', '2:1 @0!(1)'])
    expect(waiting).toEqual(['3:1 @2', '4:1 @2'])
  })
  it('code that was sent and run elsewhere', async () => {
    const { waiting } = await run('new a, b, c in {\n c!(for (_ <- a) { Nil } |\n for (_ <- b) { Nil }) | for (@p <- c) { p } }')
    expect(waiting).toEqual(['2:5 a', '3:2 b'])
  })
  it('code that was taken apart and run', async () => {
    const { waiting } = await run('@1!(for (_ <- @2) { Nil } |\n for (_ <- @2) { Nil }) | for (@{x /\\ y} <- @1) { x }')
    expect(waiting).toEqual(['1:5 @2', '2:2 @2'])
  })
  it('values that are put together while they are sent', async () => {
    const { failures } = await run('new a in { for (@x, @y <- a) { @1!({ x.nth(5) |\n y.nth(5) }) } | a!([1], [2, 3, 4, 5, 6, 7]) }')
    expect(failures).toEqual(['1:38 RHO506'])
    const other = await run('new a in { for (@x, @y <- a) { @1!({ x.nth(5) |\n y.nth(5) }) } | a!([2, 3, 4, 5, 6, 7], [1]) }')
    expect(other.failures).toEqual(['2:2 RHO506'])
  })
  it('after they have been taken up again from a snapshot', async () => {
    const first = new Session({ host: new QuietHost(), seed: 1n })
    const { program } = first.compile('places.rho', 'new a, b, c in {\n for (@x <- a) { c!(x) } |\n for (@x <- b) { c!(x) } }')
    first.deploy(program as Compiled)
    await first.settle()
    const again = Session.restore(first.snapshot(), { host: new QuietHost(), seed: 1n })
    expect(
      again
        .blocked()
        .map(b => at(b.start))
        .sort(),
    ).toEqual(['2:2', '3:2'])
  })
  it('also what had not begun when the snapshot was taken', async () => {
    const inner = (x: string) => `for (_ <- ${x}) { Nil }`
    const first = new Session({ host: new QuietHost(), seed: 1n })
    const { program } = first.compile(
      'places.rho',
      `new a, b, c, d in {\n for (_ <- @1) { ${inner('a')} |\n ${inner('b')} } |\n for (_ <- @1) { ${inner('c')} |\n ${inner('d')} } }`,
    )
    first.deploy(program as Compiled)
    await first.settle()
    const again = Session.restore(first.snapshot(), { host: new QuietHost(), seed: 1n })
    again.deploy(again.compile('go.rho', '@1!(0) | @1!(0)').program as Compiled)
    await again.settle()
    const waiting = again.blocked().map(b => `${at(b.start)} ${b.channels.join()}`)
    expect(waiting.sort()).toEqual(['2:18 a', '3:2 b', '4:18 c', '5:2 d'])
  })
  it('and more than 64 alike as one of them', async () => {
    const { waiting } = await run(Array.from({ length: 100 }, () => 'for (_ <- @2) { Nil }').join(' |\n'))
    expect(new Set(waiting).size).toBe(1)
    expect(waiting.length).toBe(100)
  })
})

describe('channels in reports', () => {
  const channels = async (text: string) => (await run(text)).report.waiting.map(w => w.channels)
  const channel = async (text: string) => (await run(text)).report.messages.map(m => m.channel)

  it('have the names by which the receive calls them', async () => {
    expect(await channels('new till in { for (_ <- till) { Nil } }')).toEqual([['till']])
    expect(await channels('new a in { for (_ <- @{[*a, 1]}) { Nil } }')).toEqual([['@{[*a, 1]}']])
    expect(await channels('new a in { contract a(_) = { Nil } }')).toEqual([['a']])
  })
  it('are canonical where they are public', async () => {
    expect(await channels('for (_ <- @{"x" | Nil}) { Nil }')).toEqual([['@"x"']])
    expect(await channel('for (x <- @0) { x!(1) } | @0!("y")')).toEqual(['@"y"'])
  })
  it('of a join stand in the order in which it waits on them', async () => {
    const { report } = await run('new right, left in { for (@x, _ <- left & @y <- right) { Nil } | left!(1, 2) }')
    const [{ channels, detail }] = report.waiting
    expect([...channels].sort()).toEqual(['left', 'right'])
    expect(detail).toBe('right: no message is on the channel')
  })
  it('of a select are those of all branches', async () => {
    const [names] = await channels('new a, b in { select { _ <- a => { Nil } _ <- b => { Nil } } }')
    expect([...names].sort()).toEqual(['a', 'b'])
  })
  it('have the names by which the send calls them', async () => {
    expect(await channel('new a in { a!(1) }')).toEqual(['a'])
    expect(await channel('new a in { a!!(1) }')).toEqual(['a'])
    expect(await channel('new a in { @{[*a, 1]} !(1) }')).toEqual(['@{[*a, 1]}'])
    expect(await channel('new a in { a!?(1). }')).toEqual(['a'])
  })
  it('have their printed names where no text calls them anything', async () => {
    const [names] = await channels('new a in { a!?(1). }')
    expect(names[0]).toMatch(/^Unforgeable\(0x/)
  })
  it('have names on one line that are not endless', async () => {
    const [[name]] = await channels(`new a in { for (_ <- @{[\n*a, "${'x'.repeat(100)}"]}) { Nil } }`)
    expect(name).toMatch(/^@\{\[ \*a, "x+…$/)
    expect(name.length).toBe(60)
  })
})

describe('texts that a session has compiled', () => {
  it('of a refused program are known while its diagnostics are held', async () => {
    const session = new Session({ host: new QuietHost() })
    const before = sources.count
    for (let i = 0; i < 200; i++) session.compile(`${i}.rho`, 'x!(1)')
    const { diagnostics } = session.compile('slip.rho', '\nx!(1)')
    await collect()
    expect(sources.count - before).toBeLessThan(10)
    expect(at(diagnostics[0].start)).toBe('2:1')
  })
  it('of a program that was released are known while there is code of it', async () => {
    const session = new Session({ host: new QuietHost(), seed: 1n })
    const start = (text: string): void => {
      const program = session.compile('line.rho', text).program as Compiled
      session.deploy(program)
      session.run()
      session.release(program)
    }
    const before = sources.count
    for (let i = 0; i < 200; i++) start(`for (_ <- @${i}) { Nil } | @${i}!(1)`)
    start('new a in {\n for (@x <- @"go") { a!(1 / x) } }')
    await collect()
    expect(sources.count - before).toBeLessThan(20)
    expect(session.blocked().map(b => at(b.start))).toEqual(['2:2'])
    start('@"go"!(0)')
    await collect()
    expect(at(session.failures[0].start)).toBe('2:25')
  })
})
