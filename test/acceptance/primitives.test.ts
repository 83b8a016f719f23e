import { describe, expect, it } from 'vitest'
import { expand } from '../../src/machine/trace.ts'
import { canonical, conformance, count, type Event, generated, outcomeOf, run, sampled, traced } from './support.ts'

/** Steps of one machine's own doing: what the scheduler did with it is left out. */
const SCHEDULING = new Set(['created', 'runnable', 'running', 'blocked'])

function projections(trace: readonly Event[]): string[] {
  const own = new Map<number, string[]>()
  for (const event of trace) {
    // Who completes a COMM depends on who came second.
    if (SCHEDULING.has(event.e) || event.m <= 0 || (event.e === 'comm' && event.on === undefined)) continue
    const { m, ...rest } = event
    const list = own.get(m)
    if (list === undefined) own.set(m, [JSON.stringify(rest)])
    else list.push(JSON.stringify(rest))
  }
  return canonical([...own.values()].map(list => list.join(' ')))
}

describe('T18 a literal operation is four steps', () => {
  it('5 + 3 produces on the private channel, meets the processor, produces on the reply channel, meets the machine', () => {
    const { trace } = traced('@"out"!(5 + 3)', { trick: 'literal' })
    const steps = trace.filter(e => e.on === 'priv' || e.on === 'k')
    const m = steps[0].m
    expect(steps).toEqual([
      { e: 'produce', m, on: 'priv', values: ['ADD', ['5', '3'], 'k'] },
      { e: 'comm', m, on: 'priv' },
      { e: 'produce', m, on: 'k', values: ['8'] },
      { e: 'comm', m, on: 'k' },
    ])
  })

  it('the fused trace has one record in their place', () => {
    const { trace } = traced('@"out"!(5 + 3)')
    expect(trace.filter(e => e.e === 'prim')).toEqual([{ e: 'prim', m: trace[0].m, op: 'ADD', args: ['5', '3'], result: '8' }])
    expect(trace.filter(e => e.on === 'priv' || e.on === 'k')).toEqual([])
  })

  it('an expression that came with code is an operation of the machine that evaluates it', () => {
    const text = '@"c"!({ @0!(1 + 2) }) | for (@{ @0!(y) } <- @"c") { @"out"!(y) }'
    const { trace } = traced(text, { trick: 'literal' })
    expect(trace.filter(e => e.on === 'priv' || e.on === 'k').map(e => `${e.e} ${String(e.on)} ${String(e.values)}`)).toEqual([
      'produce priv ADD,1,2,k',
      'comm priv undefined',
      'produce k 3',
      'comm k undefined',
    ])
    expect(expand(traced(text).trace)).toEqual(trace)
  })

  it('an operation that fails gets no reply', () => {
    const { trace } = traced('@"out"!(1 / 0)', { trick: 'literal' })
    expect(trace.filter(e => e.on === 'priv' || e.on === 'k').map(e => `${e.e} ${e.on}`)).toEqual(['produce priv', 'comm priv'])
  })
})

const NOT_EQUAL_TIME = /rho:time|rho:io:stdin/

describe('T20 fused and literal runs are the same run', () => {
  const corpus = [
    ...sampled(conformance(), 10)
      .filter(s => !NOT_EQUAL_TIME.test(s.text))
      .map(s => ({ name: s.name, text: s.text })),
    ...[...generated(count(60), { runnable: true })].map(g => ({ name: `generated ${g.seed}`, text: g.text })),
  ]
  const LIMITED = { gas: 15_000, matchBudget: 20_000, allow: { primitives: true, control: true, test: true } }

  it('expand(trace(fused)) = trace(literal), step by step, gas and counters equal', () => {
    for (const { name, text } of corpus) {
      const fused = traced(text, { ...LIMITED, trick: 'fused' })
      const literal = traced(text, { ...LIMITED, trick: 'literal' })
      expect(expand(fused.trace), name).toEqual(literal.trace)
      expect(fused.session.stats(), name).toEqual(literal.session.stats())
      expect(outcomeOf(fused), name).toBe(outcomeOf(literal))
    }
  })

  it('an unwatched run counts and prints what the watched one does, in the same order', () => {
    for (const { name, text } of corpus) {
      const watched = traced(text, LIMITED)
      const plain = run(text, LIMITED)
      expect(plain.session.stats(), name).toEqual(watched.session.stats())
      expect(plain.host.output.lines('stdout'), name).toEqual(watched.host.output.lines('stdout'))
    }
  })

  it('an unwatched run is stopped by a gas limit where the watched one is', () => {
    for (const { name, text } of corpus)
      for (const gas of [500, 2_000, 6_100]) {
        const watched = traced(text, { ...LIMITED, gas })
        const plain = run(text, { ...LIMITED, gas })
        expect(plain.session.stats(), `${name}, ${gas} gas`).toEqual(watched.session.stats())
        const codes = (r: typeof plain) => r.session.shard.failures.map(f => `${f.code} ${f.message}`)
        expect(codes(plain), `${name}, ${gas} gas`).toEqual(codes(watched))
      }
  })

  it('with the schedule fifo each machine goes through the same steps', () => {
    // One outcome only: what is chosen may depend on who was queued first.
    for (const { name, text } of corpus.filter(c => !/gas|select|one-of/.test(c.text)).slice(0, 60)) {
      const fused = traced(text, LIMITED)
      const fifo = traced(text, { ...LIMITED, trick: 'literal', literalSchedule: 'fifo' })
      expect(outcomeOf(fifo), name).toBe(outcomeOf(fused))
      expect(projections(fifo.trace), name).toEqual(projections(expand(fused.trace) as Event[]))
      expect(fifo.session.stats().primitiveComms, name).toBe(fused.session.stats().primitiveComms)
      expect(fifo.session.stats().gas, name).toBe(fused.session.stats().gas)
    }
  })

  it('negative control: an expansion that forgets the reply is noticed', () => {
    const text = '@"out"!(5 + 3)'
    const wrong = expand(traced(text).trace).filter((_, i, all) => !((all[i] as Event).e === 'comm' && (all[i] as Event).on === 'k'))
    expect(wrong).not.toEqual(traced(text, { trick: 'literal' }).trace)
  })
})
