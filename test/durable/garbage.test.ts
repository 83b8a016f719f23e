import { describe, expect, it } from 'vitest'
import { QuietHost } from '../../src/host/hosts.ts'
import { blockedMachine } from '../../src/machine/report.ts'
import { Session } from '../../src/machine/session.ts'
import { reportText } from '../../src/normal/print.ts'
import type { Term } from '../../src/normal/term.ts'
import { openVm } from '../../src/vm.ts'
import { Disk, start } from './world.ts'

/** What is found after a program came to rest: machines by where they wait, messages by their values. */
async function found(source: string, allow: { control?: boolean } = {}): Promise<{ session: Session; garbage: string[] }> {
  const session = new Session({ host: new QuietHost(), allow })
  const { program, diagnostics } = session.compile('g.rho', source)
  if (program === undefined) throw new Error(JSON.stringify(diagnostics))
  session.deploy(program)
  await session.settle()
  return { session, garbage: names(session) }
}

function names(session: Session, held: readonly Term[] = []): string[] {
  const { machines, data } = session.garbage(held)
  return [
    ...machines.map(m => `machine ${blockedMachine(session.shard, m).channels.join(' & ')}`),
    ...data.map(d => `message ${(d.value as readonly Term[]).map(v => reportText(v)).join(', ')}`),
  ]
    .map(text => text.replace(/Unforgeable\(0x[0-9a-f]+\)/g, 'name'))
    .sort()
}

describe('leftovers that nobody can reach (vm.md 5.7)', () => {
  it.each<[string, string, string[]]>([
    ['a receive on a name that nothing else holds', 'new x in { for (_ <- x) { Nil } }', ['machine x']],
    ['a message on such a name', 'new x in { x!(1) | x!!(2) }', ['message 1', 'message 2']],
    ['receives that only hold each other', 'new x, y in { for (_ <- x) { y!(1) } | for (_ <- y) { x!(1) } }', ['machine x', 'machine y']],
    ['a contract whose name has been forgotten', 'new c in { contract c(@n) = { c!(n) } }', ['machine c']],
    ['a join that lacks a message on a lost channel', 'new x in { @"a"!(1) | for (_ <- @"a" & _ <- x) { Nil } }', ['machine @"a" & x']],
    ['a receive whose pattern fits no message there', 'new x in { x!(1) | for (@"s" <- x) { Nil } }', ['machine x', 'message 1']],
    [
      'code that is only quoted on a lost channel',
      'new x, y in { x!({ y!(1) }) | for (_ <- y) { Nil } }',
      ['machine y', 'message @{name}!(1)'],
    ],
    ['messages on a name made of a lost name', 'new x in { @[*x, 1]!("in") | @{x!(2)}!("quoted") }', ['message "in"', 'message "quoted"']],
  ])('%s is found', async (_, source, expected) => {
    const { garbage } = await found(source)
    expect(garbage).toEqual(expected)
  })

  it.each<[string, string]>([
    ['what waits on a public name', 'for (_ <- @"a") { Nil } | @"b"!(1)'],
    ['what a machine on a public name holds', 'new x in { for (_ <- @"a") { x!(1) } | for (_ <- x) { Nil } }'],
    ['a name in a public message', 'new x in { @"give"!([1, {"k": *x}]) | for (_ <- x) { Nil } | x!(1, 2) }'],
    ['a name that may only be written to', 'new x in { @"give"!(bundle+{*x}) | for (_ <- x) { Nil } }'],
    ['a name in quoted code', 'new x in { @"code"!({ x!(1) }) | for (_ <- x) { Nil } }'],
    [
      'a name in code that came as a value and runs',
      'new x, c in { c!({ for (_ <- @"go") { x!(1) } }) | for (@p <- c) { p } | for (_ <- x) { Nil } }',
    ],
    ['a join of a public channel with one that holds its message', 'new x in { x!(1) | for (_ <- @"a" & _ <- x) { Nil } }'],
    ['a select with one branch that can be chosen', 'new x in { select { _ <- x => Nil _ <- @"a" => Nil } }'],
    [
      'a chain of holders',
      'new a, b, c in { for (_ <- @"p") { a!(1) } | for (_ <- a) { b!(1) } | for (_ <- b) { c!(1) } | for (_ <- c) { Nil } }',
    ],
    ['a name made of names that are all held', 'new x in { @"give"!(*x) | @[*x, 1]!(2) | for (_ <- @[*x, 3]) { Nil } }'],
    [
      'a name that a timer will be told',
      'new after(`rho:time:after`), t in { @"x"!(1) | for (_ <- @"go") { after!(1, *t) } | for (_ <- t) { Nil } }',
    ],
  ])('%s is kept', async (_, source) => {
    expect((await found(source)).garbage).toEqual([])
  })

  it('more messages on one lost channel than a call may have arguments are all found', async () => {
    const { session } = await found('new x, fill in { contract fill(@n) = { if (n > 0) { x!(n) | fill!(n - 1) } } | fill!(200000) }')
    expect(session.garbage().data).toHaveLength(200_000)
  })

  it('a machine is kept as long as somebody holds its control name', async () => {
    const spawn = (keep: string) =>
      'new spawn(`rho:vm:spawn`), r, x in { spawn!({ for (_ <- x) { Nil } }, *r) | for (@g, @ms <- r) { ' + keep + ' } }'
    expect((await found(spawn('@"keep"!(ms)'), { control: true })).garbage).toEqual([])
    expect((await found(spawn('@"keep"!(g)'), { control: true })).garbage).toEqual([])
    expect((await found(spawn('Nil'), { control: true })).garbage).toEqual(['machine x'])
  })

  it('what the host holds is kept', async () => {
    const vm = await openVm()
    await vm.deploy('contract @"make"(ret) = { new x in { ret!(*x) | for (_ <- x) { Nil } } }')
    const handle = (await vm.channel('@"make"').call()) as Term
    await vm.idle()
    expect(vm.collect()).toEqual({ machines: 0, messages: 0 })
    await vm.channel(handle).produce(1)
    await vm.idle()
    expect(vm.session.blocked().map(b => b.channels)).toEqual([['@"make"']])
    await vm.close()
  })

  it('is removed on request, from the disk too, and the rest goes on as before', async () => {
    const source = `new o(\`rho:io:stdout\`), lost, kept in {
      for (_ <- lost) { o!("never") } | lost!("a", "b") | kept!(1) | for (reply <- @"ask") { for (@n <- kept) { reply!(n) } } }`
    const disk = new Disk()
    const one = await start(disk, [source])
    await one.durable.session.settle()
    const { machines, data } = one.durable.session.collect()
    expect([machines.length, data.length]).toEqual([1, 1])
    await one.durable.close()
    const two = await start(disk, ['new o(`rho:io:stdout`), r in { @"ask"!(*r) | for (@n <- r) { o!(["got", n]) } }'])
    expect(two.durable.session.blocked().length).toBe(1)
    expect(names(two.durable.session)).toEqual([])
    await two.durable.session.settle()
    await two.durable.flush()
    expect(two.left.map(o => (o.kind === 'out' ? o.text : o.kind))).toEqual(['["got", 1]'])
  })

  it('is not looked for while a program runs that may be undone', async () => {
    const session = new Session({ host: new QuietHost(), onError: 'rollback' })
    const { program } = session.compile('g.rho', 'new x in { for (_ <- x) { Nil } | @"more"!(1) }')
    if (program !== undefined) session.deploy(program)
    session.run(1)
    expect(session.garbage().machines).toEqual([])
    await session.settle()
    expect(session.garbage().machines.length).toBe(1)
  })
})
