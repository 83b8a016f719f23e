import { describe, expect, it } from 'vitest'
import { type Machine, State } from '../../src/machine/machine.ts'
import { PriorityQueue } from '../../src/machine/queue.ts'
import {
  compileIn,
  conformance,
  count,
  type Event,
  generated,
  LONG,
  left,
  load,
  type Options,
  open,
  printed,
  type Running,
  run,
  sampled,
  toRest,
  traced,
} from './support.ts'

const GRANTS: Options = { gas: 15_000, matchBudget: 20_000, allow: { primitives: true, control: true, test: true } }

/** A contract that calls itself for ever, on a name of its own. */
const SPINNER = 'new spin in { contract spin() = { spin!() } | spin!() }'

function spinners(n: number, options: Options): Running {
  const r = open(options)
  const program = compileIn(r.session, SPINNER)
  for (let i = 0; i < n; i++) r.session.deploy(program)
  return r
}

/** Slices per program. */
function slices(r: Running): number[] {
  return r.session.kept.accounts.map(a => a.steps)
}

describe('T30 the queue holds private channels in the order of the policy', () => {
  const order = (trace: readonly Event[], e: string): number[] => trace.filter(x => x.e === e).map(x => x.m)

  it('under rr machines run in the order in which they became runnable', () => {
    for (const s of sampled(conformance(), 20)) {
      const { trace } = traced(s.text, { ...GRANTS, policy: 'rr' })
      const became = order(trace, 'runnable')
      const ran = order(trace, 'running')
      // What a limit stopped never ran; nothing else may be missing.
      expect(ran, s.name).toEqual(became.slice(0, ran.length))
    }
  })

  it('the queue shows who is next', () => {
    const r = load(['@"a"!(1)', '@"b"!(2)', '@"c"!(3)'], { policy: 'rr' })
    expect(r.session.shard.queue.items().map(m => m.priv)).toEqual([1, 2, 3])
    r.session.run(1)
    expect(r.session.shard.queue.items().map(m => m.priv)).toEqual([2, 3])
  })

  it('negative control: under depth the order is another one', () => {
    const { trace } = traced('@"a"!(1) | @"b"!(2) | @"c"!(3)')
    expect(order(trace, 'running')).not.toEqual(order(trace, 'runnable'))
  })
})

describe('T32 meters of machines add up', () => {
  /** Sums over all machines that ever were. */
  function metered(text: string | string[], options: Options): { sum: Record<string, number>; r: Running } {
    const sum = { gas: 0, steps: 0, comms: 0, bytes: 0 }
    const add = (m: Machine): void => {
      sum.gas += m.gas
      sum.steps += m.steps
      sum.comms += m.meters?.comms ?? 0
      sum.bytes += m.meters?.bytes ?? 0
    }
    const met = new Set<Machine>()
    const r = load(text, { ...options, trace: () => {} })
    const { shard } = r.session
    const { tracer } = shard
    if (tracer === null) throw new Error('a traced session has a tracer')
    const created = tracer.created.bind(tracer)
    for (const m of shard.machines()) met.add(m)
    tracer.created = m => {
      met.add(m)
      created(m)
    }
    toRest(r)
    for (const m of met) add(m)
    return { sum, r }
  }

  it('to the totals of the account and of the session, on the corpus', () => {
    for (const s of [...sampled(conformance(), 15).map(c => c.text), ...[...generated(count(30), { runnable: true })].map(g => g.text)]) {
      const { sum, r } = metered(s, { ...GRANTS, policy: 'rr' })
      const { accounts } = r.session.kept
      const stats = r.session.stats()
      const total = { gas: 0, steps: 0, comms: 0, bytes: 0 }
      for (const a of accounts) {
        total.gas += a.gas
        total.steps += a.steps
        total.comms += a.comms
        total.bytes += a.bytes
      }
      expect(total, s).toEqual({ gas: stats.gas, steps: stats.steps, comms: stats.comms, bytes: stats.bytes })
      // Loading is paid by the account before any machine is there; what nobody sent is paid by it too.
      const own = Buffer.byteLength(s)
      const limited = r.session.failures.some(f => f.limit)
      expect({ steps: sum.steps, bytes: sum.bytes }, s).toEqual({ steps: total.steps, bytes: total.bytes })
      if (!limited && !/rho:(io:stdin|time)|!!/.test(s))
        expect({ gas: sum.gas + own, comms: sum.comms }, s).toEqual({ gas: total.gas, comms: total.comms })
    }
  })

  it('two programs have an account each', () => {
    const { r } = metered(['@"a"!(1) | for (_ <- @"a") { Nil }', '@"b"!(2)'], {})
    const [a, b] = r.session.kept.accounts
    expect([a.comms, b.comms]).toEqual([1, 0])
    expect(a.gas).toBeGreaterThan(b.gas)
  })

  it('a COMM is paid by whoever completed it, and the body runs on that account', () => {
    const r = run(['for (@n <- @"ask") { @"answer"!(n + 1) }', '@"ask"!(41)'], { policy: 'rr' })
    const [asked, asking] = r.session.kept.accounts
    expect([asked.comms, asking.comms]).toEqual([0, 1])
    expect(asking.steps).toBe(2)
  })

  it('negative control: a forgotten machine is noticed', () => {
    const { sum, r } = metered('@"a"!(1) | @"b"!(2)', {})
    expect(sum.steps - 1).not.toBe(r.session.stats().steps)
  })
})

describe('T33 round robin gives equal turns', () => {
  const spread = (policy: 'rr' | 'depth'): number => {
    const r = spinners(1000, { policy })
    // Every program starts with two components; from then on it is one machine at a time.
    r.session.run(3_000)
    let worst = 0
    for (let stop = 0; stop < 100; stop++) {
      r.session.run(777)
      const steps = slices(r)
      worst = Math.max(worst, Math.max(...steps) - Math.min(...steps))
    }
    return worst
  }

  it('1,000 spinners are within one slice of each other at 100 stops', () => {
    expect(spread('rr')).toBeLessThanOrEqual(1)
  })

  it('negative control: depth does not', () => {
    expect(spread('depth')).toBeGreaterThan(1)
  })
})

describe('T34 priority with ageing', () => {
  it('high gets its share, and the lowest level a turn for every 8 of the highest', () => {
    const r = spinners(8, { policy: 'priority' })
    const { shard } = r.session
    for (const m of shard.queue.items()) shard.renice(m, m.account.id <= 4 ? 0 : 3)
    // Children inherit the level of what they are children of: the contracts.
    r.session.run(16)
    for (const m of shard.machines()) shard.renice(m, m.account.id <= 4 ? 0 : 3)
    const before = slices(r)
    r.session.run(9_000)
    const turns = slices(r).map((s, i) => s - before[i])
    const high = turns.slice(0, 4).reduce((a, b) => a + b, 0)
    const low = turns.slice(4).reduce((a, b) => a + b, 0)
    expect(high).toBeGreaterThanOrEqual(6 * low)
    expect(low).toBeGreaterThanOrEqual(Math.floor(high / 8) - 1)
    for (const t of turns) expect(t).toBeGreaterThan(0)
  })

  it('in every window of 9 turns with both levels full the lowest has one', () => {
    const q = new PriorityQueue<{ level: number }>()
    const items = [0, 0, 0, 3, 3].map(level => ({ level }))
    for (const item of items) q.push(item)
    const taken: number[] = []
    for (let i = 0; i < 900; i++) {
      const item = q.next() as { level: number }
      taken.push(item.level)
      q.push(item)
    }
    for (let i = 0; i + 9 <= taken.length; i++) expect(taken.slice(i, i + 9)).toContain(3)
  })

  it('negative control: without levels all have the same', () => {
    const r = spinners(8, { policy: 'rr' })
    r.session.run(8_000)
    expect(new Set(slices(r)).size).toBeLessThanOrEqual(2)
  })
})

describe('T35 an endless contract delays nobody beyond the bound', () => {
  /** Slices from the moment at which the ping-pong is deployed until it is done, and the length of the queue at that moment. */
  function delay(policy: 'rr' | 'depth', rounds: number): { slices: number; queue: number } {
    const r = spinners(20, { policy })
    r.session.run(5_000)
    const queue = r.session.shard.queue.length
    const before = r.session.stats().steps
    r.session.deploy(
      compileIn(
        r.session,
        `new ping, pong in { contract ping(@n) = { if (n > 0) { pong!(n) } else { @"done"!(1) } } | contract pong(@n) = { ping!(n - 1) } | ping!(${rounds}) }`,
      ),
    )
    while (!r.session.data().has('@"done"')) {
      r.session.run(50)
      if (r.session.stats().steps - before > 10_000_000) break
    }
    return { slices: r.session.stats().steps - before, queue }
  }

  it('rr: each hop waits for at most one turn of the queue', () => {
    const { slices: n, queue } = delay('rr', 10)
    expect(n).toBeLessThanOrEqual((2 * 10 + 6) * (queue + 4) + 50)
  })

  it('depth: each hop waits for at most 256 turns of the queue', () => {
    const { slices: n, queue } = delay('depth', 3)
    expect(n).toBeLessThanOrEqual((2 * 3 + 6) * 256 * (queue + 4) + 50)
  })
})

describe('T36 consumers of one channel are served fairly', () => {
  const N = 1000
  const messages = LONG ? 100_000 : 20_000

  it('with fifo exactly in order of arrival', () => {
    const r = load(Array.from({ length: N }, (_, i) => `for (_ <- @"c") { @"served"!(${i}) }`).join(' | '), { policy: 'rr' })
    toRest(r)
    const arrival = [...r.session.shard.kernel.conts(r.session.shard.chanOf('c'))].map(k => (k as Machine).priv)
    expect(arrival).toHaveLength(N)
    const woken: number[] = []
    for (let i = 0; i < 200; i++) {
      r.session.deploy(compileIn(r.session, '@"c"!(0)'))
      r.session.run(1)
      const waiting = new Set([...r.session.shard.kernel.conts(r.session.shard.chanOf('c'))].map(k => (k as Machine).priv))
      woken.push(...arrival.filter(p => !waiting.has(p) && !woken.includes(p)))
      toRest(r)
    }
    expect(woken).toEqual(arrival.slice(0, 200))
  })

  /** How often each of `n` persistent receives was served. */
  function served(n: number, rounds: number, options: Options): number[] {
    const receives = Array.from({ length: n }, (_, i) => `for (_ <= @"c") { count!(${i}) }`).join(' | ')
    const r = open(options)
    const counts = new Array<number>(n).fill(0)
    r.session.primitives.register('seen', ([i]) => {
      counts[i as number]++
      return 0
    })
    r.session.deploy(compileIn(r.session, `new count in { for (@i <= count) { @"x"!(i.seen()) | for (_ <- @"x") { Nil } } | ${receives} }`))
    toRest(r)
    const loop = compileIn(r.session, `new loop in { for (@n <= loop) { if (n > 0) { @"c"!(n) | loop!(n - 1) } } | loop!(${rounds}) }`)
    r.session.deploy(loop)
    toRest(r, 10_000_000)
    return counts
  }

  it('with a seed everybody is served, the most served at most three times the mean', () => {
    const n = LONG ? N : 100
    const rounds = LONG ? messages : 4_000
    const counts = served(n, rounds, { seed: 5n, order: { seed: 5n } })
    const mean = rounds / n
    expect(counts.reduce((a, b) => a + b, 0)).toBe(rounds)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    expect(Math.max(...counts) / mean).toBeLessThanOrEqual(3)
  })

  it('with fifo persistent receives take turns exactly', () => {
    const counts = served(50, 1_000, { policy: 'rr' })
    expect(new Set(counts)).toEqual(new Set([20]))
  })

  it('negative control: with lifo one is served always', () => {
    const counts = served(50, 200, { order: 'lifo' })
    expect(counts.filter(c => c > 0)).toEqual([200])
  })
})

describe('T37 limits stop what exceeds them and nothing else', () => {
  const WORK = 'new out(`rho:io:stdout`) in { contract @"f"(@n) = { if (n > 0) { @"f"!(n - 1) } else { out!("finished") } } | @"f"!(50) }'
  const cases: readonly [string, string, Options, { code: string; names: string; whole: boolean }][] = [
    [
      'gas of a program',
      'contract @"s"() = { @"s"!() } | @"s"!()',
      { gas: 1e5 },
      { code: 'RHO601', names: 'gas limit of 100000', whole: true },
    ],
    [
      'gas of a machine',
      `${'for (_ <<- @"a") { '.repeat(15)}for (_ <- @"never") { Nil }${' }'.repeat(15)} | @"a"!(1)`,
      { machineGas: 1000 },
      { code: 'RHO601', names: '1000 gas', whole: false },
    ],
    [
      'memory',
      'contract @"s"(@n) = { @"store"!(n) | @"s"!(n + 1) } | @"s"!(0)',
      { maxMemory: 50_000 },
      { code: 'RHO604', names: 'max-memory', whole: true },
    ],
    [
      'machines',
      'contract @"s"(@n) = { for (_ <- @"never") { Nil } | @"s"!(n + 1) } | @"s"!(0)',
      { maxMachines: 500 },
      { code: 'RHO604', names: 'max-machines', whole: true },
    ],
    [
      'children',
      `for (_ <- @"go") { ${Array.from({ length: 20 }, (_, i) => `@"c"!(${i})`).join(' | ')} } | @"go"!(1)`,
      { maxChildren: 10 },
      { code: 'RHO604', names: 'max-children', whole: false },
    ],
    [
      'messages on a channel',
      'contract @"s"(@n) = { @"store"!(n) | @"s"!(n + 1) } | @"s"!(0)',
      { maxQueue: 30, gas: 1e6 },
      { code: 'RHO604', names: 'max-queue', whole: false },
    ],
    [
      'receives on a channel',
      'contract @"s"(@n) = { for (_ <- @"never") { Nil } | @"s"!(n + 1) } | @"s"!(0)',
      { maxQueue: 30, gas: 1e6 },
      { code: 'RHO604', names: 'max-queue', whole: false },
    ],
  ]
  it.each(cases)('%s', (_, text, options, { code, names, whole }) => {
    for (const policy of ['depth', 'rr'] as const) {
      const r = run([text, WORK], { ...options, policy }, 500_000)
      expect(printed(r), policy).toEqual(['"finished"'])
      const [f] = r.session.failures
      expect(f, policy).toMatchObject({ code, limit: whole })
      expect(f.message).toContain(names)
    }
  })

  it('a loop of 10⁹ rounds stalls nobody', () => {
    const r = load(['contract @"s"(@n) = { if (n > 0) { @"s"!(n - 1) } } | @"s"!(1000000000)', WORK], {})
    for (let i = 0; i < 400 && printed(r).length === 0; i++) r.session.run(1_000)
    expect(printed(r)).toEqual(['"finished"'])
    expect(r.session.run(1)).toBe('budget')
  })

  it('an endless pump is stopped by gas as well', () => {
    for (const text of [
      'new o(`rho:io:devNull`) in { o!!(1) }',
      '@"c"!!(1) | for (_ <= @"c") { Nil }',
      '@"c"!!(1) | @"c"!!(2) | @"d"!!(1) | for (_ <= @"c" & _ <= @"d") { Nil }',
    ]) {
      const r = run(text, { gas: 30_000 })
      expect(
        r.session.failures.map(f => f.code),
        text,
      ).toEqual(['RHO601'])
      expect(r.session.stats().gas).toBe(30_000)
    }
  })

  it('negative control: without limits nothing fails', () => {
    expect(left(run([cases[4][1], WORK])).failures).toEqual([])
  })
})

/** The life cycle of vm.md 3.2 as a table: from what a machine is, by which event, to what. */
const LIFE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  new: { created: 'created' },
  created: { runnable: 'runnable', killed: 'ended' },
  runnable: { running: 'running', killed: 'ended' },
  running: { blocked: 'blocked', done: 'ended', faulted: 'ended', killed: 'ended' },
  blocked: { runnable: 'runnable', killed: 'ended', faulted: 'ended' },
  ended: {},
}
/** What only a machine that runs does. */
const DOING = new Set(['produce', 'consume', 'prim'])

/** The first event that no life has, or undefined. */
function unlikely(trace: readonly Event[]): string | undefined {
  const state = new Map<number, string>()
  for (const [i, event] of trace.entries()) {
    if (event.m <= 0) continue
    const now = state.get(event.m) ?? 'new'
    const next = LIFE[now][event.e]
    if (next !== undefined) state.set(event.m, next)
    else if (DOING.has(event.e) ? now !== 'running' && event.on !== 'k' : event.e !== 'comm')
      return `event ${i}: ${JSON.stringify(event)} while ${now}`
  }
  return undefined
}

describe('T38 every machine lives by the automaton', () => {
  it('on the corpus, fused and literal, under every policy', () => {
    for (const s of [...sampled(conformance(), 30).map(c => c.text), ...[...generated(count(20), { runnable: true })].map(g => g.text)]) {
      for (const options of [
        {},
        { policy: 'rr' },
        { trick: 'literal', literalSchedule: 'fifo' },
        { seed: 3n, order: { seed: 3n }, shuffle: true },
      ] as Options[])
        expect(unlikely(traced(s, { ...GRANTS, gas: 5_000, ...options }).trace), s).toBeUndefined()
    }
  })

  it('also when a machine is paused twice, resumed twice, killed and watched', () => {
    const text = `new spawn(\`rho:vm:spawn\`), r, a1, a2, a3, a4 in {
      spawn!({ for (@x <- @"wait") { @"woke"!(x) } }, *r) |
      for (_, @[one] <- r) {
        @one!("pause", *a1) | for (@true <- a1) { @one!("pause", *a2) | for (@true <- a2) {
          @"wait"!(7) | @one!("resume", *a3) | for (@true <- a3) { @"still"!(1) | @one!("resume", *a4) | for (@true <- a4) { @"both"!(1) } } } }
      }
    }`
    const r = traced(text, GRANTS)
    expect(r.session.failures).toEqual([])
    expect(unlikely(r.trace)).toBeUndefined()
    expect(r.session.data().get('@"woke"')).toEqual([['7']])
  })

  it('a paused machine that is met does not run until it was resumed as often', () => {
    const r = run('for (@x <- @"c") { @"out"!(x) }')
    const [m] = r.session.shard.machines()
    r.session.shard.pause(m)
    r.session.shard.pause(m)
    r.session.deploy(compileIn(r.session, '@"c"!(1)'))
    expect(toRest(r)).toBe('rest')
    expect([m.status, r.session.data().has('@"out"')]).toEqual([State.Runnable, false])
    r.session.shard.resume(m)
    toRest(r)
    expect(r.session.data().has('@"out"')).toBe(false)
    r.session.shard.resume(m)
    toRest(r)
    expect(r.session.data().get('@"out"')).toEqual([['1']])
  })

  it('a machine that kills itself ends as killed, with its send', () => {
    const { trace, session } = traced(
      'new self(`rho:vm:self`), r in { self!(*r) | for (me <- r) { me!("kill") } | for (_ <- @"never") { Nil } }',
      GRANTS,
    )
    expect(session.failures).toEqual([])
    expect(session.blocked()).toEqual([])
    expect(trace.filter(e => e.e === 'killed').length).toBeGreaterThan(0)
    expect(unlikely(trace)).toBeUndefined()
  })

  it('waiting keeps pc and registers as they were', () => {
    const r = run('new a in { for (@x, y <- a) { for (@z <- y) { @"out"!(x, z) } } | new b in { a!(1, *b) | for (_ <- @"go") { b!(2) } } }')
    const waits = (): string =>
      JSON.stringify((JSON.parse(r.session.snapshot()) as { machines: { waits: unknown }[] }).machines.map(m => ({ ...m, meters: 0 })))
    const before = waits()
    r.session.deploy(compileIn(r.session, '@"unrelated"!(1) | for (_ <- @"unrelated") { Nil }'))
    toRest(r)
    expect(waits()).toBe(before)
  })

  it('negative controls: a lost event, one after the end, one out of turn are noticed', () => {
    const { trace } = traced('for (@x <- @"c") { @"out"!(x) } | @"c"!(1)')
    expect(unlikely(trace)).toBeUndefined()
    const at = trace.findIndex(e => e.e === 'running')
    expect(unlikely(trace.filter((_, i) => i !== at))).toBeDefined()
    expect(unlikely([...trace, { e: 'running', m: trace[0].m }])).toBeDefined()
    expect(unlikely([trace[at], ...trace])).toBeDefined()
  })
})
