import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type Message } from '../../src/host/control.ts'
import { Operator } from '../../src/machine/operator.ts'
import { Pool } from '../../src/pool/pool.ts'
import { Rho } from '../cli/rho.ts'
import { LONG, load } from './support.ts'

const rho = new Rho()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

interface Attended {
  /** One request to the operator's socket. */
  readonly operate: (request: Message) => Promise<Message[]>
  /** A line to its standard input. */
  readonly tell: (line: string) => void
  /** Resolves when a text is in its standard output. */
  readonly printed: (text: string) => Promise<void>
  readonly kill: () => void
}

/** Runs a program on workers with its socket open; `use` begins when it has printed something. */
async function attended(program: string, flags: readonly string[], use: (a: Attended) => Promise<void>): Promise<string[]> {
  const socket = `s${++sockets}`
  const child = spawn(process.execPath, ['dist/cli.js', 'run', '--control', socket, ...flags, '-e', program], { cwd: rho.folder })
  let stdout = ''
  let stderr = ''
  let used: Promise<void> | undefined
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
    used ??= use({
      operate: async request => {
        const found: Message[] = []
        await ask(join(rho.folder, socket), request, record => found.push(record))
        return found
      },
      tell: line => child.stdin.write(`${line}\n`),
      printed: async text => {
        while (!stdout.includes(text) && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 5))
      },
      kill: () => child.kill('SIGKILL'),
    }).catch(e => {
      child.kill('SIGKILL')
      throw e
    })
  })
  await new Promise(resolve => child.on('close', resolve))
  await used
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}
let sockets = 0

describe('T39 the number of workers changes no outcome', () => {
  // Joins, a race whose loser waits, failures, and what is left.
  const PROGRAM = `new out(\`rho:io:stdout\`), fib, lock in {
    contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } |
    new r in { fib!(13, *r) | for (@v <- r) { out!(v) } } |
    @"left"!(1) | @"left"!(2) | @"bad"!(1 / 0) |
    lock!(Nil) | for (_ <- lock & @x <- @"left") { @"won"!("one") } | for (_ <- lock) { @"won"!("other") } }`

  it('rho run --workers 0, 1, 2, 4, 8', async () => {
    const won = new Set<string>()
    for (const workers of ['0', '1', '2', '4', '8', 'auto']) {
      const { exit, outcome } = await rho.json(['--workers', workers, '-e', PROGRAM])
      const { '@"won"': winner, '@"left"': left } = outcome.data
      won.add(winner[0][0])
      expect(
        {
          exit,
          stdout: outcome.stdout,
          failures: outcome.failures.map(f => f.code),
          // Whoever lost the race waits; the contract does always.
          blocked: outcome.blocked.map(b => b.persistent).sort(),
          won: winner.length,
          left: left.length,
        },
        workers,
      ).toEqual({
        exit: 1,
        stdout: ['233'],
        failures: ['RHO505'],
        blocked: [false, true],
        won: 1,
        left: winner[0][0] === '"one"' ? 1 : 2,
      })
    }
    expect([...won].every(w => w === '"one"' || w === '"other"')).toBe(true)
  })

  it('T32: nor what is counted', async () => {
    const program =
      'new fib in { contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } | fib!(14, "r") }'
    const counted = async (workers: string) => {
      const { steps: _, ...stats } = (await rho.json(['--metrics', '--workers', workers, '-e', program])).outcome.stats
      return stats
    }
    const alone = await counted('0')
    expect(alone.comms).toBeGreaterThan(1000)
    expect(await counted('2')).toEqual(alone)
  })

  it('negative control: another program has another outcome', async () => {
    const { outcome } = await rho.json(['--workers', '2', '-e', PROGRAM.replace('fib!(13,', 'fib!(12,')])
    expect(outcome.stdout).toEqual(['144'])
  })
})

describe('T39, T40 machines that an operator moves while they run', () => {
  /** Three streams of numbered messages, each acknowledged, until a line is read: into a plain receive, into a join, and through an operation of the program. */
  const STREAMS = `new input(\`rho:io:stdin\`), out(\`rho:io:stdout\`), primitive(\`rho:vm:primitive\`), sat, ready, flag, send, plain, joined, served in {
    contract sat(@[a, b], reply) = { reply!(a + b) } |
    primitive!("satAdd", *sat, *ready) |
    flag!(false) |
    contract send(@i, ch, ack) = { for (@s <<- flag) { if (s) { ch!(0, i) } else { ch!(i, i) | for (_ <- ack) { send!(i + 1, *ch, *ack) } } } } |
    contract plain(@next, ch, ack) = { for (@i, @n <- ch) {
      if (i == 0) { out!(("plain", n == next)) } else { if (i == next) { ack!(Nil) | plain!(next + 1, *ch, *ack) } else { out!(("plain", i, next)) } } } } |
    contract joined(@next, ch, ack, key) = { for (@i, @n <- ch & _ <- key) {
      if (i == 0) { out!(("joined", n == next)) } else { if (i == next) { key!(Nil) | ack!(Nil) | joined!(next + 1, *ch, *ack, *key) } else { out!(("joined", i, next)) } } } } |
    contract served(@next, ch, ack) = { for (@i, @n <- ch) {
      if (i == 0) { out!(("served", n == next)) } else { if (i.satAdd(1) == next + 1) { ack!(Nil) | served!(next + 1, *ch, *ack) } else { out!(("served", i, next)) } } } } |
    for (@true <- ready) {
      new a, b, c, d, e, f, key in {
        send!(1, *a, *b) | plain!(1, *a, *b) | send!(1, *c, *d) | key!(Nil) | joined!(1, *c, *d, *key) | send!(1, *e, *f) | served!(1, *e, *f) } |
      new line in { out!("ready") | input!(*line) | for (_ <- line) { for (_ <- flag) { flag!(true) } } } } }`
  const FLAGS = ['--workers', '2', '--allow', 'primitives', '--unknown-op', 'block']
  const migrations = LONG ? 10_000 : 30

  it(`${migrations} migrations of all machines: no number is missing, none comes twice`, async () => {
    let moved = 0
    const lines = await attended(STREAMS, FLAGS, async ({ operate, tell }) => {
      for (let i = 0; i < migrations; i++) {
        const [acted] = await operate({ op: 'migrate', labels: ['p:1'], level: i % 3 })
        expect(acted).toMatchObject({ kind: 'acted' })
        moved += acted.machines as number
      }
      tell('stop')
    })
    expect([...lines].sort()).toEqual(['"ready"', '("joined", true)', '("plain", true)', '("served", true)'])
    expect(moved).toBeGreaterThan(10 * migrations)
  }, 1_800_000)

  it('ps shows the shard that a machine was moved to', async () => {
    const seen: (readonly unknown[])[] = []
    const lines = await attended(
      'new out(`rho:io:stdout`), input(`rho:io:stdin`), line, c in { for (@x <- c) { out!(x) } | out!("up") | input!(*line) | for (_ <- line) { c!("met") } }',
      FLAGS,
      async ({ operate, tell }) => {
        const machines = async () => (await operate({ op: 'ps' })).filter(m => String(m.waitsFor) === 'c')
        for (const level of [2, 1, 2]) {
          const [m] = await machines()
          await operate({ op: 'migrate', labels: [m.label], level })
          seen.push((await machines()).map(x => [x.label === m.label, x.shard]))
        }
        tell('now')
      },
    )
    expect(seen.map(list => list[0])).toEqual([
      [true, 2],
      [true, 1],
      [true, 2],
    ])
    expect(lines).toEqual(['"up"', '"met"'])
  })

  it('negative control: a number that is left out is noticed', async () => {
    const skipping = STREAMS.replace('send!(i + 1, *ch, *ack)', 'if (i == 50) { send!(52, *ch, *ack) } else { send!(i + 1, *ch, *ack) }')
    const lines = await attended(skipping, FLAGS, async ({ printed, kill }) => {
      await printed('plain')
      kill()
    })
    expect(lines).toContain('("plain", 52, 51)')
  })
})

describe('T21 an operation that the program itself serves, on workers', () => {
  it('gives the same result; while it is in flight its machine waits for the reply, and ps says so', async () => {
    const program = `new out(\`rho:io:stdout\`), input(\`rho:io:stdin\`), primitive(\`rho:vm:primitive\`), slow, ready in {
      contract slow(@[a, b], reply) = { new line in { out!("asked") | input!(*line) | for (_ <- line) { reply!(a * 100 + b) } } } |
      primitive!("slowly", *slow, *ready) | for (@true <- ready) { out!(4.slowly(2)) } }`
    const lines = await attended(
      program,
      ['--workers', '2', '--allow', 'primitives', '--unknown-op', 'block'],
      async ({ operate, tell }) => {
        const machines = await operate({ op: 'ps' })
        const caller = machines.filter(m => m.persistent === false && m.detail !== '' && String(m.detail).includes('slowly'))
        expect(caller, JSON.stringify(machines)).toMatchObject([{ kind: 'machine', status: 'blocked' }])
        tell('now')
      },
    )
    expect(lines).toEqual(['"asked"', '402'])
  })
})

describe('T35 and T41 many machines on two workers', () => {
  const SPINNERS = Array.from({ length: 40 }, () => 'new spin in { contract spin(@n) = { spin!(n + 1) } | spin!(0) }').join(' | ')

  it('T35: endless contracts do not keep a ping-pong from its end, under each policy', async () => {
    for (const policy of ['depth', 'rr', 'priority']) {
      const program = `${SPINNERS} | new out(\`rho:io:stdout\`), ping, pong in { contract ping(@n) = { if (n > 0) { pong!(n) } else { out!("done") } } |
        contract pong(@n) = { ping!(n - 1) } | ping!(10) }`
      const lines = await attended(program, ['--workers', '2', '--policy', policy], async ({ kill }) => kill())
      expect(lines, policy).toEqual(['"done"'])
    }
  })

  it('T41: an idle worker asks for work: what began in one shard runs in both', async () => {
    const program = `${SPINNERS} | new out(\`rho:io:stdout\`) in { out!("up") }`
    await attended(program, ['--workers', '2'], async ({ operate, kill }) => {
      const busy: number[][] = []
      for (let i = 0; i < 2; i++) {
        const shards = (await operate({ op: 'top', detail: false })).filter(r => r.kind === 'shard')
        busy.push(shards.map(s => s.busyMs as number))
        if (i === 0) await new Promise(resolve => setTimeout(resolve, LONG ? 5000 : 1000))
      }
      const [, first, second] = busy[1].map((ms, i) => ms - busy[0][i])
      expect(Math.min(first, second)).toBeGreaterThan(0)
      // Two cores that nobody else uses are what the row is about.
      if (LONG) expect(Math.min(first, second) / Math.max(first, second)).toBeGreaterThan(0.8)
      kill()
    })
  })
})

describe('T25 an operator on workers', () => {
  it('finds every machine, also when it asks while the calling thread looks elsewhere', async () => {
    const { session } = load('new c in { contract c(@n) = { c!(n + 1) } | c!(0) | c!(1) | c!(2) | c!(3) }', {
      virtualTime: false,
      seed: undefined,
    })
    const pool = new Pool(session, { workers: 2, aloneFirst: 0 })
    try {
      expect(await session.settle({ stepsMax: 1 })).toBe('budget')
      for (let i = 0; i < 5; i++) {
        // Workers run on between two calls of `settle`: nothing may be served then.
        let found = -1
        const served = pool.still().then(() => {
          found = new Operator(session).machines().length
        })
        await new Promise(resolve => setImmediate(resolve))
        expect(found).toBe(-1)
        while (found < 0) await session.settle({ stepsMax: 1 })
        await served
        expect(found).toBe(5)
      }
    } finally {
      await pool.close()
    }
  })
})
