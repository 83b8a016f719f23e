import { afterEach, describe, expect, it } from 'vitest'
import { drive, type Ending } from '../../src/cli/engine.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Operator } from '../../src/machine/operator.ts'
import { Random } from '../../src/machine/queue.ts'
import { Session, type SessionOptions } from '../../src/machine/session.ts'
import type { Unforgeable } from '../../src/normal/term.ts'
import { HeldHost } from '../../src/pool/held.ts'
import { Pool } from '../../src/pool/pool.ts'
import { rangeSize } from '../../src/pool/wire.ts'

const long = process.env.RHO_LONG === '1'
const open: Pool[] = []
afterEach(async () => {
  for (const p of open.splice(0)) await p.close()
})

interface Done {
  readonly ending: Ending
  readonly session: Session
  readonly host: QuietHost
  readonly pool: Pool
}

async function run(
  texts: readonly string[],
  o: {
    workers: number
    cuts?: number
    weightMax?: number
    worthWhile?: number
    input?: readonly string[]
    during?: (pool: Pool) => void
  } & Omit<SessionOptions, 'host'>,
): Promise<Done> {
  const { workers, cuts, weightMax, worthWhile, input, during, ...rest } = o
  const host = new QuietHost(input ?? [])
  const held = new HeldHost(host)
  const options: SessionOptions = { ...rest, host: cuts === undefined ? host : held }
  const session = new Session(options)
  const pool = new Pool(session, {
    workers,
    weightMax,
    worthWhile,
    aloneFirst: 0,
    ...(cuts === undefined ? {} : { host: held, cuts: { every: cuts, restore: (state: string) => Session.restore(state, options) } }),
  })
  open.push(pool)
  texts.forEach((text, i) => {
    const { program, diagnostics } = session.compile(`p${i + 1}.rho`, text)
    if (program === undefined) throw new Error(JSON.stringify(diagnostics))
    session.deploy(program)
  })
  during?.(pool)
  const ending = await drive(session)
  return { ending, session: pool.session, host, pool }
}

/** Which range of numbers a name was drawn from: each shard has its own. */
const makerOf = (name: Unforgeable): number => Math.floor(name.counter / rangeSize(0, 4))

/** Some thousand COMMs with joins, an echo of what is read, and output at the end. */
const FIB = (n: number): string =>
  `new stdout(\`rho:io:stdout\`), fib in {
    contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } |
    new r in { fib!(${n}, *r) | for (@v <- r) { stdout!(v) } } }`

describe('a session on workers', () => {
  it('comes to the same rest as alone, counters included', async () => {
    const alone = new Session({ host: new QuietHost() })
    const compiled = alone.compile('p.rho', FIB(16)).program
    if (compiled !== undefined) alone.deploy(compiled)
    await alone.settle()
    const { ending, session, host } = await run([FIB(16)], { workers: 2 })
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', ['987']])
    const { steps: _, ...counters } = alone.stats()
    expect(session.stats()).toMatchObject(counters)
    expect(session.blocked().map(b => b.channels)).toEqual(alone.blocked().map(b => b.channels))
  })

  it('shards that have much to remember begin anew', async () => {
    const { ending, session, host, pool } = await run([FIB(16)], { workers: 2, weightMax: 0 })
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', ['987']])
    expect(session.stats()).toMatchObject({ comms: 4791, alive: 1 })
    expect(pool.renewals).toBeGreaterThan(0)
  })

  it('several programs, failures, input, timers and what is left', async () => {
    const { ending, session, host } = await run(
      [
        '@"x"!(1 / 0) | for (@v <- @"never") { Nil } | @"left"!(1, 2)',
        'new input(`rho:io:stdin`), stdout(`rho:io:stdout`), r in { input!(*r) | for (@(true, l) <- r) { stdout!(l) | input!(*r) | for (@(true, m) <- r) { stdout!(m) } } }',
        'new after(`rho:time:after`), stdout(`rho:io:stdout`), t in { after!(10, *t) | for (_ <- t) { stdout!("late") } }',
      ],
      { workers: 3, input: ['one', 'two'] },
    )
    expect(ending).toBe('rest')
    expect(host.output.lines('stdout').sort()).toEqual(['"late"', '"one"', '"two"'])
    expect(session.failures.map(f => f.message)).toEqual(['division by zero'])
    expect(session.data()).toEqual(new Map([['@"left"', [['1', '2']]]]))
    expect(session.blocked().map(b => b.channels)).toEqual([['@"never"']])
  })

  it('virtual time stands still while a machine of any shard can run', async () => {
    const text = `new after(\`rho:time:after\`), stdout(\`rho:io:stdout\`), chain, ticks in {
      ticks!(0) |
      contract chain(@n) = { if (n > 0) { new t in { after!(10, *t) | for (_ <- t ; @k <- ticks) { ticks!(k + 1) | chain!(n - 1) } } } } |
      chain!(4) | chain!(4) | chain!(4) |
      new late in { after!(41, *late) | for (_ <- late ; @k <- ticks) { stdout!(k) } }
    }`
    const { ending, host } = await run([text], { workers: 2, virtualTime: true })
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', ['12']])
  })

  it('T37: a program over its gas stops alone, with one failure, close to its limit', async () => {
    const spin = 'new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(0) | loop!(1) | loop!(2) | loop!(3) }'
    const { ending, session, host } = await run([spin, FIB(10)], { workers: 2, gas: 40_000_000 })
    expect([ending, host.output.lines('stdout')]).toEqual(['limit', ['55']])
    expect(session.failures.map(f => [f.code, f.limit])).toEqual([['RHO601', true]])
    const [spun] = session.kept.accounts
    expect(spun.gas).toBe(40_000_000)
    // A message of this loop costs about 200: what came too late is a part of the whole.
    expect(spun.comms).toBeGreaterThan(100_000)
    expect(spun.comms).toBeLessThan(400_000)
  })

  it('T40: a group that is moved to and fro under load loses and doubles no message', async () => {
    const n = long ? 1_000_000 : 2000
    // Every hundred messages it is moved once, while the next three hundred are under way.
    const text = `new stdout(\`rho:io:stdout\`), spawn(\`rho:vm:spawn\`), r, move, tick, more, again in {
      spawn!({ new c, d, send, take in {
        contract send(@i, to, go) = {
          if (i <= ${n}) { to!(i) | if (i % 100 == 0) { for (<- go) { send!(i + 1, *to, *go) } } else { send!(i + 1, *to, *go) } } } |
        contract take(@left, @sum, @squares) = {
          if (left == 0) { @"taken"!(sum, squares) }
          else { for (@i <- c & @j <- d) { if (left % 100 == 1) { tick!() } | take!(left - 1, sum + i + j, squares + i * i + j * j) } } } |
        send!(1, *c, *more) | send!(1, *d, *again) | take!(${n}, 0, 0) } }, *r) |
      more!() | more!() | more!() | again!() | again!() | again!() |
      for (@group, _ <- r) { move!(group, ${n / 100}) } |
      contract move(@group, @n) = {
        if (n == 0) { stdout!("moved") }
        else { new ack in { for (<- tick) { @group!("migrate", 1 + n % 3, *ack) | for (@true <- ack) { more!() | again!() | move!(group, n - 1) } } } } }
    }`
    const { ending, session, host, pool } = await run([text], { workers: 3, weightMax: 0, allow: { control: true } })
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', ['"moved"']])
    // All shards began anew meanwhile, too.
    expect(pool.renewals).toBeGreaterThan(0)
    const sum = BigInt(n) * BigInt(n + 1)
    expect(session.data().get('@"taken"')).toEqual([[String(sum), String((sum * BigInt(2 * n + 1)) / 3n)]])
  })

  it('overlapping joins of channels that other shards made never consume half', async () => {
    const [groups, each] = long ? [1000, 334] : [20, 30]
    // Three channels get 2 · each messages; each join of two of them fires `each` times: whoever took one message without its partner would be waited for for ever.
    const text = `new stdout(\`rho:io:stdout\`), spawn(\`rho:vm:spawn\`), makers, feed, pairs, group, start, done, total in {
      contract feed(x, @n) = { if (n > 0) { x!(n) | feed!(*x, n - 1) } } |
      contract makers(@shard) = {
        if (shard == 4) { start!(${groups}) }
        else { new r, ack in {
          spawn!({ contract @("make", shard)(ret, @"please") = { new x in { ret!(*x) | feed!(*x, ${2 * each}) } } }, *r) |
          for (@maker, _ <- r) { @maker!("migrate", shard, *ack) | for (@true <- ack) { makers!(shard + 1) } } } } } |
      makers!(1) |
      contract pairs(x, y, @n, @sum) = { if (n == 0) { done!(sum) } else { for (@u <- x & @v <- y) { pairs!(*x, *y, n - 1, sum + u + v) } } } |
      contract group() = { new ra, rb, rc in { @("make", 1)!(*ra, "please") | @("make", 2)!(*rb, "please") | @("make", 3)!(*rc, "please") |
        for (a <- ra & b <- rb & c <- rc) {
          @"made"!(*a, *b, *c) | pairs!(*a, *b, ${each}, 0) | pairs!(*b, *c, ${each}, 0) | pairs!(*c, *a, ${each}, 0) } } } |
      contract start(@n) = { if (n > 0) { group!() | start!(n - 1) } } |
      contract total(@left, @sum) = { if (left == 0) { stdout!(sum) } else { for (@s <- done) { total!(left - 1, sum + s) } } } | total!(${3 * groups}, 0) }`
    const { ending, session, host } = await run([text], { workers: 3, worthWhile: 0, allow: { control: true } })
    const sum = groups * 3 * each * (2 * each + 1)
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', [String(sum)]])
    expect(session.blocked().filter(b => !b.persistent)).toEqual([])
    // What was left is only the list of channels, which says in how many shards those of a group were made.
    const made = [...session.shard.kernel.data(session.shard.chanOf('made'))].map(
      d => new Set((d.value as Unforgeable[]).map(makerOf)).size,
    )
    expect(made).toHaveLength(groups)
    expect(made.filter(n => n > 1).length).toBeGreaterThan(groups / 2)
    expect([...session.data().keys()]).toEqual(['@"made"'])
  })

  it('T39: what was moved to a shard is still there after everything has stood still, again and again', async () => {
    const session = new Session({ host: new QuietHost() })
    const pool = new Pool(session, { workers: 3, worthWhile: 0 })
    open.push(pool)
    const { program } = session.compile(
      'p.rho',
      'new spin, c, d in { contract spin(@n) = { spin!(n + 1) } | spin!(0) | for (_ <- c & _ <- d) { Nil } | c!(1) }',
    )
    if (program !== undefined) session.deploy(program)
    await session.settle({ stepsMax: 1 })
    const operator = new Operator(session)
    const look = async <T>(what: () => T): Promise<T> => {
      let found: { readonly it: T } | undefined
      const served = pool.still().then(() => {
        found = { it: what() }
      })
      while (found === undefined) await session.settle({ stepsMax: 1 })
      await served
      return found.it
    }
    const waiter = () => operator.machines().filter(m => m.waitsFor.length === 2)
    let waiting = await look(waiter)
    while (waiting.length === 0) waiting = await look(waiter)
    const [{ label }] = waiting
    for (const shard of [2, 3, 1]) {
      expect(await look(() => operator.act('migrate', label, shard))).toBe(1)
      for (let i = 0; i < 3; i++) expect(await look(waiter)).toMatchObject([{ label, shard }])
    }
    session.stop()
    await session.settle()
  })

  it('T41: what begins in one shard is soon shared: two workers are equally busy', async () => {
    const hops = long ? 2_500_000 : 300_000
    const text = `new stdout(\`rho:io:stdout\`), pair, start, done, wait in {
      contract pair() = { new a, b in {
        contract a(@n) = { if (n == 0) { done!() } else { b!(n - 1) } } | contract b(@n) = { if (n == 0) { done!() } else { a!(n - 1) } } | a!(${hops}) } } |
      contract start(@n) = { if (n > 0) { pair!() | start!(n - 1) } } | start!(16) |
      contract wait(@n) = { if (n == 0) { stdout!("done") } else { for (<- done) { wait!(n - 1) } } } | wait!(16) }`
    const { ending, host, pool } = await run([text], { workers: 2 })
    expect([ending, host.output.lines('stdout')]).toEqual(['rest', ['"done"']])
    const [, one, two] = pool.tally
    expect(Math.min(one.comms, two.comms)).toBeGreaterThan(0)
    // Busy is who is in the midst of something, waiting for a core included: that can be said on a loaded machine too.
    if (long) expect(Math.min(one.busyMs, two.busyMs) / Math.max(one.busyMs, two.busyMs)).toBeGreaterThan(0.8)
  })

  it('control names reach machines wherever they are: kill ends a group on all shards', async () => {
    const text = `new stdout(\`rho:io:stdout\`), spawn(\`rho:vm:spawn\`), after(\`rho:time:after\`), r, t, ack in {
      spawn!({ new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(1) | loop!(2) | loop!(3) | loop!(4) } }, *r) |
      for (@group, _ <- r) { after!(20, *t) | for (_ <- t) { @group!("kill", *ack) | for (@x <- ack) { stdout!(x) } } } }`
    const { ending, session, host } = await run([text], { workers: 2, allow: { control: true } })
    expect([ending, host.output.lines('stdout'), session.stats().alive]).toEqual(['rest', ['true'], 0])
  })

  it('a lost worker ends the run with WORKER_LOST', async () => {
    const lost = run(['new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(0) }'], {
      workers: 2,
      during: pool => {
        const timer = setInterval(() => {
          if (pool.startMs === 0) return
          clearInterval(timer)
          void pool.terminate(1)
        }, 20)
      },
    })
    await expect(lost).rejects.toMatchObject({ code: 'WORKER_LOST' })
  })

  it('T42: with cuts, workers that are killed again and again change nothing that anybody sees', async () => {
    const kills = long ? 100 : 5
    let asked = 0
    let over = false
    const echo =
      'new input(`rho:io:stdin`), stdout(`rho:io:stdout`), next in { contract next(@n) = { if (n > 0) { new r in { input!(*r) | for (@(true, l) <- r) { stdout!(l) | next!(n - 1) } } } } | next!(40) }'
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`)
    const { ending, session, host, pool } = await run([FIB(long ? 25 : 20), echo], {
      workers: 2,
      cuts: 4000,
      weightMax: 200,
      input: lines,
      during: p => {
        // Some moments come before a cut has been taken again, some after; on a busy machine there is more time to get further than before.
        const moment = new Random(42n)
        let best = -1
        let late = 1
        const next = (): void => {
          setTimeout(kill, late * (20 + moment.below(130))).unref()
        }
        // Not each counts: a worker that is not up yet, or is being replaced, cannot be lost. Asked for until there were enough.
        const kill = (): void => {
          if (over || p.recoveries >= kills) return
          if (p.running) {
            const { comms } = p.session.stats()
            late = comms > best + 4000 ? 1 : late + 1
            best = Math.max(best, comms)
            void p.terminate(1 + (asked++ % 2))
          }
          next()
        }
        next()
      },
    })
    over = true
    expect(pool.recoveries).toBeGreaterThanOrEqual(long ? kills : 1)
    expect(ending).toBe('rest')
    expect(host.output.lines('stdout').sort()).toEqual([...lines.map(l => JSON.stringify(l)), long ? '75025' : '6765'].sort())
    expect(session.failures).toEqual([])
    expect(session.data()).toEqual(new Map())
  })
})
