import { describe, expect, it } from 'vitest'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'
import { NotASnapshot, type Snapshot } from '../../src/machine/snapshot.ts'
import {
  canonical,
  conformance,
  count,
  type Event,
  generated,
  left,
  load,
  numbers,
  type Options,
  outcomeOf,
  type Running,
  run,
  SEED,
  sampled,
  toRest,
  traced,
} from './support.ts'

const GRANTS: Options = { gas: 50_000, matchBudget: 20_000, allow: { primitives: true, control: true, test: true } }

function snapshot(r: Running): Snapshot {
  return JSON.parse(r.session.snapshot()) as Snapshot
}

function restore(text: string, options: Options = {}): Running {
  const host = new QuietHost()
  const { input: _, ...rest } = options
  return { session: Session.restore(text, { virtualTime: true, ...rest, host }), host }
}

/** The outcome of a run that went on in another session. */
function outcomeAcross(first: Running, second: Running): string {
  const lines = [...first.host.output.lines('stdout'), ...second.host.output.lines('stdout')]
  return outcomeOf({ session: second.session, host: { output: { lines: () => lines } } as unknown as QuietHost })
}

const PROGRAM = `new out(\`rho:io:stdout\`), after(\`rho:time:after\`), a, b in {
  contract a(@n, r) = { if (n > 0) { a!(n - 1, *r) | out!([n]) } else { r!({"k": n, "z": 2.5}) } } |
  new r in { a!(5, *r) | for (@v <- r & x <- b) { out!(v) | x!(v) } } |
  new ack in { after!(100, *ack) | for (_ <- ack) { b!(*out) } } |
  select { @y <- @"never" => Nil  @y <- @"q" where y > 1 => out!(y) } |
  @"p"!!([1, "two", { for (z <- @"q") { z!(1 + 1) } }]) | for (@[n, ...m] <<- @"p") { @"got"!(n, m) } | @"q"!(1 / 0)
}`

describe('T11 a snapshot is machines plus space', () => {
  const steps = 6
  const take = (seed: bigint): string => {
    const r = load(PROGRAM, { seed })
    r.session.run(steps)
    return r.session.snapshot()
  }

  it('two runs with one seed give the same bytes', () => {
    expect(take(1n)).toBe(take(1n))
  })

  it('negative control: another seed makes other names', () => {
    expect(take(1n)).not.toBe(take(2n))
  })

  it('every record of a machine has the fields of the table, and they are sorted', () => {
    const { machines, space } = JSON.parse(take(1n)) as Snapshot
    expect(machines.length).toBeGreaterThan(3)
    for (const m of machines) {
      expect(m.seq).toMatch(/^[0-9a-f]{64}$/)
      expect(Number.isSafeInteger(m.pc)).toBe(true)
      expect(m.frames).toEqual([])
      for (const part of [m.stack, m.locals, m.captures]) expect(Array.isArray(part)).toBe(true)
      expect(m.priv).toBeGreaterThan(0)
      expect(['runnable', 'blocked']).toContain(m.status)
      expect(Object.keys(m.meters).sort()).toEqual(['bytes', 'comms', 'gas', 'steps'])
    }
    for (const list of [machines, space]) {
      const texts = list.map(row => JSON.stringify(row))
      expect(texts).toEqual([...texts].sort())
    }
  })

  it('its parts are machines, space and rows without machine, nothing else', () => {
    expect(Object.keys(JSON.parse(take(1n)) as object).sort()).toEqual([
      'accounts',
      'control',
      'counters',
      'failures',
      'inbox',
      'key',
      'kind',
      'machines',
      'primitives',
      'programs',
      'pump',
      'queue',
      'requests',
      'sources',
      'space',
      'system',
      'v',
      'waiting',
    ])
  })
})

describe('T12 a run goes on elsewhere', () => {
  it('from every slice of a program with timers, joins, select, quoted code and a failure: same outcome', () => {
    const whole = run(PROGRAM)
    const { steps } = whole.session.stats()
    for (let n = 0; n <= steps; n++) {
      const first = load(PROGRAM)
      first.session.run(n)
      const text = first.session.snapshot()
      const second = restore(text)
      expect(second.session.snapshot(), `after ${n} slices`).toBe(text)
      toRest(second)
      expect(outcomeAcross(first, second), `after ${n} slices`).toBe(outcomeOf(whole))
      expect(second.session.stats(), `after ${n} slices`).toEqual(whole.session.stats())
    }
  })

  it('at random moments of the corpus, under every policy', () => {
    const below = numbers(SEED)
    const policies: Options[] = [
      {},
      { policy: 'rr' },
      { policy: 'priority' },
      { shuffle: true, order: { seed: 3n } },
      { trick: 'literal', literalSchedule: 'fifo' },
    ]
    const corpus = [
      ...sampled(conformance(), 7).map(s => ({ name: s.name, text: s.text })),
      ...[...generated(count(40), { runnable: true })].map(g => ({ name: `seed ${g.seed}`, text: g.text })),
    ]
    for (const { name, text } of corpus) {
      const options = { ...GRANTS, ...policies[below(policies.length)] }
      const whole = run(text, options)
      const { steps } = whole.session.stats()
      const first = load(text, options)
      const at = below(Math.min(steps, 400) + 1)
      if (at > 0) first.session.run(at)
      // What a host function or standard input was asked goes on too, but only if it answers the same.
      const second = restore(first.session.snapshot(), options)
      toRest(second)
      expect(outcomeAcross(first, second), `${name} after ${at} slices, seed ${SEED}`).toBe(outcomeOf(whole))
      expect(second.session.stats().gas, name).toBe(whole.session.stats().gas)
    }
  })

  it('negative control: a state that lost a message has another outcome', () => {
    const first = load('@"a"!(1) | @"b"!(2)')
    toRest(first)
    const s = snapshot(first)
    const second = restore(JSON.stringify({ ...s, space: s.space.slice(1) }))
    toRest(second)
    expect(outcomeAcross(first, second)).not.toBe(outcomeOf(first))
  })

  it('names of the old and the new process are the same and new ones are new', () => {
    const first = load('new x in { @"keep"!(*x) | for (@go <- @"go") { new y in { @"pair"!(*x, *y) } } }')
    toRest(first)
    const second = restore(first.session.snapshot())
    const before = left(first).data[0]
    second.session.deploy(second.session.compile('go', '@"go"!(1)').program!)
    toRest(second)
    const [pair] = second.session.data().get('@"pair"')!
    expect(before).toContain(pair[0])
    expect(pair[1]).not.toBe(pair[0])
  })

  it('a control name works in the new process', () => {
    const text =
      'new spawn(`rho:vm:spawn`), r in { spawn!({ for (@x <- @"wait") { @"woke"!(x) } }, *r) | for (group, _ <- r) { for (_ <- @"now") { new ack in { group!("kill", *ack) | for (@ok <- ack) { @"killed"!(ok) } } } } }'
    const first = load(text, GRANTS)
    toRest(first)
    const second = restore(first.session.snapshot(), GRANTS)
    second.session.deploy(second.session.compile('now', '@"now"!(0)').program!)
    toRest(second)
    expect(second.session.data().get('@"killed"')).toEqual([['true']])
    expect(second.session.blocked().map(b => b.channels)).not.toContainEqual(['@"wait"'])
  })

  it('what is no snapshot is refused with a reason', () => {
    for (const text of ['', '{}', '[]', 'null', '{"v":2,"kind":"snapshot"}', '{"v":1,"kind":"snapshot"}'])
      expect(() => restore(text), text).toThrow(NotASnapshot)
    const below = numbers(SEED)
    const good = load(PROGRAM)
    good.session.run(5)
    const text = good.session.snapshot()
    for (let i = 0; i < count(100); i++) {
      const at = below(text.length)
      const bad = text.slice(0, at) + String.fromCharCode(33 + below(90)) + text.slice(at + 1)
      try {
        toRest(restore(bad), 20_000)
      } catch (e) {
        expect(e, `seed ${SEED}, byte ${at}`).toBeInstanceOf(NotASnapshot)
      }
    }
  })
})

describe('T5 a quoted process that was stored runs as one that was not', () => {
  it('the same events in another process', () => {
    const text = '@"store"!({ new z in { z!(1 + 2) | for (@v <- z) { @"out"!(v * 2) } } }) | for (@go <- @"go" & p <- @"store") { *p }'
    const events = (trace: readonly Event[]): string[] =>
      canonical(
        trace
          .filter(e => e.e === 'prim' || e.e === 'produce')
          .map(e => `${e.e} ${String(e.op ?? e.on)} ${String(e.args ?? e.values)} ${String(e.result)}`),
      )
    const memory = traced([text, '@"go"!(0)'])
    const first = load(text)
    toRest(first)
    const trace: Event[] = []
    const second = restore(first.session.snapshot(), { trace: e => trace.push(e as Event) })
    second.session.deploy(second.session.compile('go', '@"go"!(0)').program!)
    toRest(second)
    const stored = events(memory.trace).filter(e => !e.includes('"store"'))
    expect(events(trace)).toEqual(stored)
    expect(second.session.data().get('@"out"')).toEqual([['6']])
  })
})

describe('T29 a machine can be looked at, one step at a time', () => {
  it('a step changes one machine that was there and adds or removes only what it made or met', () => {
    const r = load('for (@x <- @"a") { @"b"!(x) } | for (@y <- @"c") { @"d"!(y) } | @"a"!(1) | @"c"!(2)', { policy: 'rr' })
    let before = new Map(snapshot(r).machines.map(m => [m.priv, JSON.stringify(m)]))
    for (let next = snapshot(r).queue.order[0]; next !== undefined; next = snapshot(r).queue.order[0]) {
      r.session.run(1)
      const after = new Map(snapshot(r).machines.map(m => [m.priv, JSON.stringify(m)]))
      const changed = [...before].filter(([priv, text]) => after.get(priv) !== text).map(([priv]) => priv)
      // The one that ran, and at most the one that it woke.
      expect(changed).toContain(next)
      expect(changed.length).toBeLessThanOrEqual(2)
      before = after
    }
  })

  it('pc, registers, channels and private channel are shown', () => {
    const r = run('new c in { for (@x, y <- c) { y!(x) } }')
    const [m] = snapshot(r).machines
    expect(m).toMatchObject({ status: 'blocked', priv: 1, stack: [] })
    expect(m.waits).toHaveLength(1)
    expect(JSON.stringify(m.locals[0])).toContain('Unforgeable')
  })
})

describe('T31 a waiting machine is listed under its channels', () => {
  const waits = (r: Running, name: string): number =>
    snapshot(r).machines.filter(m => m.waits !== null && JSON.stringify(m.waits).includes(name)).length

  it('a send that fits wakes it in one step, one that does not leaves it', () => {
    const r = run('for (@{x /\\ Int} <- @"c") { @"out"!(x) }')
    expect(waits(r, '"c"')).toBe(1)
    r.session.deploy(r.session.compile('no', '@"c"!("text")').program!)
    r.session.run(1)
    expect(waits(r, '"c"')).toBe(1)
    r.session.deploy(r.session.compile('yes', '@"c"!(1)').program!)
    r.session.run(1)
    const { machines } = snapshot(r)
    expect(machines).toHaveLength(1)
    expect(machines[0]).toMatchObject({ status: 'runnable', waits: null })
  })

  it('a join is listed under every one of its channels', () => {
    const r = run('for (x <- @"one" & y <- @"two" & z <- @"three") { Nil }')
    for (const c of ['one', 'two', 'three'])
      expect(r.session.shard.kernel.conts(r.session.shard.chanOf(c))).toSatisfy((k: Iterable<unknown>) => [...k].length === 1)
    expect(snapshot(r).machines[0].waits).toEqual(['one', 'three', 'two'].sort().map(() => expect.anything()))
    r.session.deploy(r.session.compile('two', '@"two"!(1)').program!)
    toRest(r)
    expect(waits(r, '')).toBe(1)
  })

  it('negative control: a machine that does not wait is listed nowhere', () => {
    expect(snapshot(load('@"c"!(1)')).machines.every(m => m.waits === null)).toBe(true)
  })
})
