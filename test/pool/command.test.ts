import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type Message } from '../../src/host/control.ts'
import { Rho } from '../cli/rho.ts'

const rho = new Rho()
const running = new Set<ChildProcess>()
beforeAll(() => rho.build())
afterAll(() => {
  for (const child of running) child.kill('SIGKILL') // where a test did not come to its end
  rho.remove()
})

const OTHER = 'new out(`rho:io:stdout`) in { out!("fine") }'
const SPIN = 'new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(0) | loop!(1) | loop!(2) }'

describe('limits of what is alive, on workers', () => {
  const runs = Array(4).fill('grow!(0)').join(' | ')
  it.each([
    ['machines', '20000', 'for (_ <- x) { Nil }', /more than 20000 machines \(limit max-machines\)/],
    ['memory', '2M', 'x!("some text", n)', /more than 2097152 bytes \(limit max-memory\)/],
  ])('T37: --max-%s counts all shards together; the program stops alone, once', async (limit, most, grows, says) => {
    const program = `new grow in { contract grow(@n) = { new x in { ${grows} | grow!(n + 1) } } | ${runs} }`
    const args = [`--max-${limit}`, most, '-e', program, '-e', OTHER]
    const alone = (await rho.json(['--workers', '0', ...args])).outcome
    const { exit, outcome } = await rho.json(['--workers', '3', ...args])
    expect(exit).toBe(4)
    expect(outcome.stdout).toEqual(['fine'].map(s => JSON.stringify(s)))
    expect(outcome.failures.map(f => [f.code, says.test(f.message)])).toEqual([['RHO604', true]])
    // Three workers could each have gone as far, and much further until they are stopped.
    expect(outcome.stats.comms / alone.stats.comms).toBeGreaterThan(0.9)
    expect(outcome.stats.comms / alone.stats.comms).toBeLessThan(2)
  })

  it('what stays below its limit is not stopped, however it is spread', async () => {
    // Forty machines at a time wait, ten thousand in all.
    const program = `new c, out(\`rho:io:stdout\`) in { contract c(@n) = { if (n > 0) { new x in { for (_ <- x) { c!(n - 1) } | x!(1) } } else { @"end"!(1) } } |
      ${Array(40).fill('c!(250)').join(' | ')} }`
    const { exit, outcome } = await rho.json(['--workers', '3', '--max-machines', '200', '--max-memory', '100K', '-e', program])
    expect([exit, outcome.failures]).toEqual([0, []])
    expect(outcome.data['@"end"']).toHaveLength(40)
  })
})

describe('states and workers', () => {
  it('what a URI was made to stand for is the same in every worker', async () => {
    const program = 'new x(`rho:my:x`), o(`rho:io:stdout`) in { o!(*x) }'
    const { stdout } = await rho.run(['run', '--workers', '2', '--inject', 'rho:my:x=[5, {"a": (1, 2)}]', '-e', program])
    expect(stdout).toBe('[5, {"a" : (1, 2)}]\n')
  })

  it('a snapshot of any run goes on with any number of workers', async () => {
    const program =
      'new c, out(`rho:io:stdout`), fib in { for (@n <- c & @m <- @"more") { new r in { fib!(n + m, *r) | for (@v <- r) { out!(v) } } } | c!(10) | contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } }'
    const more = '@"more"!(6)'
    await rho.run(['run', '--workers', '2', '--snapshot', 'first.json', '-e', program])
    const second = await rho.run(['run', '--workers', '3', '--restore', 'first.json', '-e', more])
    expect(second).toMatchObject({ exit: 0, stdout: '987\n', stderr: '' })
  })

  it('T39: --seeds finds no other outcomes with workers than without', async () => {
    const program = '@0!(1) | @0!(2) | for (@x <- @0 & @y <- @0) { @1!(x - y) } | contract @2(@n) = { if (n > 0) { @2!(n - 1) } } | @2!(20)'
    const found = async (workers: string): Promise<{ runs: number; outcomes: { count: number; data: object }[] }> => {
      const { stdout } = await rho.run(['run', '--workers', workers, '--seeds', '1..4', '--format', 'json', '-e', program])
      return JSON.parse(stdout)
    }
    const several = await found('2')
    const alone = new Set((await found('0')).outcomes.map(o => JSON.stringify(o.data)))
    expect(several.runs).toBe(4)
    for (const o of several.outcomes) expect(alone).toContain(JSON.stringify(o.data))
  })

  it.each([
    ['--trace', 't.trace'],
    ['--stop-after', 'comms=5'],
    ['--on-error', 'rollback'],
    ['--literal-schedule', 'fifo'],
  ])('%s needs one shard: with a number of workers it is refused, by itself it means none', async (flag, value) => {
    const refused = await rho.run(['run', '--workers', '2', flag, value, '-e', OTHER])
    expect([refused.exit, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toContain('write `--workers 0`')
    expect((await rho.run(['run', flag, value, '-e', OTHER])).exit).toBe(0)
  })
})

/** Runs with its socket open; `use` begins when it has printed something, and has to bring it to its end. */
async function attended(args: readonly string[], use: (operate: (request: Message) => Promise<Message[]>) => Promise<void>) {
  const socket = `s${++sockets}`
  let used: Promise<void> | undefined
  const ran = await rho.run(['run', '--control', socket, ...args], {
    onStdout: (_, child) => {
      running.add(child)
      used ??= use(async request => {
        const found: Message[] = []
        await ask(join(rho.folder, socket), request, record => found.push(record))
        return found
      }).finally(() => child.kill())
    },
  })
  await used
  running.clear()
  return ran
}
let sockets = 0
const source = (text: string) => [{ name: 'added.rho', source: Buffer.from(text).toString('base64') }]

describe('operators of runs on workers', () => {
  it('add programs, which run beside the others and are told what became of them', async () => {
    const { stdout } = await attended(['--workers', '2', '-e', SPIN, '-e', OTHER], async operate => {
      const program = 'new out(`rho:io:stdout`) in { out!("added") | @"x"!(1 / 0) | for (_ <- @"never") { Nil } }'
      const told = await operate({ op: 'deploy', programs: source(program) })
      expect(told.map(r => [r.kind, r.code ?? r.channels])).toEqual([
        ['failure', 'RHO505'],
        ['blocked', ['@"never"']],
      ])
      expect((await operate({ op: 'deploy', programs: source('Nil'), atomic: true })).map(r => r.code)).toEqual(['BAD_ARGUMENT'])
    })
    expect(stdout.split('\n').sort()).toEqual(['', '"added"', '"fine"'])
  })

  it('of a kept run: what they did is safe when they are told so, and the rest goes on', async () => {
    const counted = 'new c in { contract c(@n) = { for (_ <- @"n") { @"n"!(n) | c!(n + 1) } } | @"n"!(0) | c!(1) }'
    const kept = ['--space', 'kept', '--workers', '2']
    let label = ''
    await attended([...kept, '--create', '-e', SPIN, '-e', counted, '-e', OTHER], async operate => {
      const machines = await operate({ op: 'ps' })
      expect(machines.some(m => m.shard === 1 || m.shard === 2)).toBe(true)
      label = String(machines.find(m => m.account === 'p:1')?.account)
      for (let i = 0; i < 5; i++) expect((await operate({ op: 'ps' })).length).toBeGreaterThan(3)
      expect(await operate({ op: 'kill', labels: [label] })).toMatchObject([{ kind: 'acted', op: 'kill' }])
      const told = await operate({ op: 'deploy', programs: source('@"added"!(1)') })
      expect(told).toEqual([])
    })
    const { stdout } = await rho.run(['ps', '--space', 'kept', '--format', 'json'])
    expect(stdout).not.toContain('"p:1"')
    expect(stdout).toContain('"p:2"')
    expect((await rho.run(['inspect', '--space', 'kept', '@"added"'])).stdout).toContain('1')
  })
})
