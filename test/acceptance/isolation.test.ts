import { describe, expect, it } from 'vitest'
import { members } from '../../bytecode/image.ts'
import { imageUnion } from '../../src/compile/compile.ts'
import { Fault } from '../../src/machine/primitives/index.ts'
import { List, type Term, type Tuple } from '../../src/normal/term.ts'
import {
  canonical,
  compileIn,
  conformance,
  count,
  failureText,
  generated,
  left,
  load,
  open,
  outcomeOf,
  type Running,
  run,
  sampled,
  settle,
  toRest,
  traced,
} from './support.ts'

const WORK =
  'contract @"double"(@n, r) = { r!(2 * n) } | for (@x <- @"in") { new r in { @"double"!(x, *r) | for (@y <- r) { @"out"!(y) } } } | @"in"!(21)'

describe('T13 programs that share no names do not notice each other', () => {
  /** The lists of an outcome one after another. */
  const items = (r: Running): string[] => {
    const { lines, data, failures, blocked } = left(r)
    return [...lines, ...data, ...failures, ...blocked]
  }

  it('M1 ⊎ M2 gives what M1 and M2 give alone', () => {
    // Public names of the second program are told apart by their spelling.
    const texts = [...generated(count(40), { runnable: true, depth: 3 })].map(g => g.text)
    let compared = 0
    for (let i = 0; i + 1 < texts.length; i += 2) {
      const apart: string[] = []
      let union: Uint32Array = new Uint32Array(1)
      let private_ = true
      for (const text of [texts[i], texts[i + 1]]) {
        const r = open({ gas: 50_000 })
        const { image } = compileIn(r.session, text)
        expect(r.session.deployImage(image)).toBe(1)
        toRest(r)
        apart.push(...items(r))
        union = imageUnion(union, image)
        if (
          r.session.data().size > 0 ||
          r.session.blocked().some(b => b.channels.some(c => c.startsWith('@'))) ||
          r.session.stats().gas >= 50_000
        )
          private_ = false
      }
      if (!private_) continue
      compared++
      const both = open({ gas: 100_000 })
      expect(both.session.deployImage(union)).toBe(1)
      toRest(both)
      expect(canonical(items(both).map(t => t.replace(/Unforgeable\(0x[0-9a-f]+\)/g, '#')))).toEqual(
        canonical(apart.map(t => t.replace(/Unforgeable\(0x[0-9a-f]+\)/g, '#'))),
      )
    }
    expect(compared).toBeGreaterThan(3)
  })

  it('a damaged image starts nothing and says where it is wrong', () => {
    const r = open()
    const image = compileIn(r.session, WORK).image.slice()
    image[members(image)[0].at + 6] ^= 0xff
    expect(r.session.deployImage(image)).toMatchObject({ code: expect.any(String), position: expect.any(Number) })
    expect(r.session.stats().machines).toBe(0)
  })

  it('negative control: programs that share a name do notice', () => {
    const a = run('@"c"!(1)')
    const b = run('for (@x <- @"c") { @"out"!(x) }')
    expect(items(run(['@"c"!(1)', 'for (@x <- @"c") { @"out"!(x) }']))).not.toEqual([...items(a), ...items(b)])
  })
})

describe('T15 a machine that fails leaves all others running', () => {
  const alone = left(run(WORK))
  it.each([
    ['@"x"!(1 / 0)', 'RHO505'],
    ['@"x"!(1 + "a")', 'RHO511'],
    ['@"x"!([1].nth(7))', 'RHO5'],
    ['@"x"!(3.noSuchMethod())', 'RHO5'],
    ['if (3) { Nil }', 'RHO514'],
    ['new s(`rho:io:stdout`) in { for (_ <- s) { Nil } }', 'RHO502'],
    ['match Set(1,2,3,4,5,6,7,8,9,10,11,12) { Set(a,b,c,d,e,f,g,h,i,j,k,l) where a + b > 100 => Nil }', 'RHO603'],
  ])('%s', (text, code) => {
    const r = run([text, WORK], { matchBudget: 20_000 })
    expect(r.session.failures).toHaveLength(1)
    const [f] = r.session.failures
    expect(f.code.startsWith(code), f.code).toBe(true)
    expect(f.machine).toMatch(/^m:\d+$/)
    expect(f.message).not.toBe('')
    expect(f.start).toBeGreaterThanOrEqual(0)
    expect(f.end).toBeGreaterThan(f.start)
    expect({ ...left(r), failures: [] }).toEqual({ ...alone, failures: [] })
  })

  it('out of gas: the program that spins stops, the other comes to its end', () => {
    const r = run(['contract @"spin"() = { @"spin"!() } | @"spin"!()', WORK], { gas: 30_000 })
    expect(r.session.failures.map(f => f.code)).toEqual(['RHO601'])
    expect(r.session.data().get('@"out"')).toEqual([['42']])
  })

  it('with rollback the space is as it was before the program, machines that had waited wait again', () => {
    const r = open({ onError: 'rollback' })
    r.session.deploy(compileIn(r.session, 'for (@x <- @"a") { for (@y <- @"b") { @"sum"!(x + y) } } | @"kept"!(1) | @"kept"!(2)'))
    toRest(r)
    const before = left(r)
    r.session.deploy(compileIn(r.session, '@"a"!(1) | @"b"!(2) | for (_ <- @"kept") { @"new"!(0) } | for (_ <- @"sum") { @"x"!(1 / 0) }'))
    toRest(r)
    const after = left(r)
    expect(after.failures).toHaveLength(1)
    expect({ ...after, failures: [] }).toEqual({ ...before, failures: [] })
    r.session.deploy(compileIn(r.session, '@"a"!(3) | @"b"!(4)'))
    toRest(r)
    expect(r.session.data().get('@"sum"')).toEqual([['7']])
  })

  it('a program over its gas limit is rolled back too, with the machines that it woke', () => {
    const r = open({ onError: 'rollback', gas: 30_000 })
    r.session.deploy(compileIn(r.session, 'for (@x <- @"a") { @"woken"!(x) } | @"kept"!(1)'))
    toRest(r)
    const before = left(r)
    r.session.deploy(compileIn(r.session, '@"a"!(1) | for (_ <- @"kept") { Nil } | contract @"spin"() = { @"spin"!() } | @"spin"!()'))
    toRest(r)
    expect(r.session.failures.map(f => f.code)).toEqual(['RHO601'])
    expect({ ...left(r), failures: [] }).toEqual({ ...before, failures: [] })
  })

  it('negative control: without rollback the same program leaves its traces', () => {
    const r = run(['@"kept"!(1)', 'for (_ <- @"kept") { @"new"!(0) } | @"x"!(1 / 0)'])
    expect([...r.session.data().keys()]).toEqual(['@"new"'])
  })
})

describe('T16 no machine can change what another one sees', () => {
  it('freezing every value that is sent changes nothing', () => {
    for (const s of sampled(conformance(), 12)) {
      const options = { gas: 15_000, matchBudget: 20_000, allow: { primitives: true, control: true, test: true } }
      const plain = run(s.text, options)
      const frozen = run(s.text, { ...options, freeze: true })
      expect(outcomeOf(frozen), s.name).toBe(outcomeOf(plain))
      expect(frozen.session.stats(), s.name).toEqual(plain.session.stats())
    }
  })

  it('an operation that tries to write into its arguments throws, and only its caller fails', () => {
    for (const spoil of [
      (l: List) => (l.items as Term[]).push(9),
      (l: List) => Object.assign(l, { items: [] }),
      (l: List) => ((l.items[0] as Tuple).items as Term[]).fill(0),
    ]) {
      const r = load('new l in { l!([(1, 2), 3]) | for (@v <- l) { @"spoilt"!(v.spoil()) | @"seen"!(v) } }')
      r.session.primitives.register('spoil', ([l]) => {
        spoil(l as List)
        return 0
      })
      toRest(r)
      expect(r.session.failures).toHaveLength(1)
      expect(r.session.data().get('@"seen"')).toEqual([['[(1, 2), 3]']])
      expect(r.session.data().has('@"spoilt"')).toBe(false)
    }
  })

  it('negative control: a copy may be changed', () => {
    const r = load('@"out"!([1].grown())')
    r.session.primitives.register('grown', ([l]) => new List([...(l as List).items, 2]))
    toRest(r)
    expect(r.session.data().get('@"out"')).toEqual([['[1, 2]']])
  })
})

const SPINNER = 'contract @"spin"(@n) = { if (n > 0) { @"at"!(n, 2 + 3) | @"spin"!(n - 1) } } | @"spin"!(30)'
const sums = (r: Running): string[] => (r.session.data().get('@"at"') ?? []).map(([, sum]) => sum)

describe('T19 operations are registered and overridden while machines run', () => {
  it('from the host: the next ADD of a running machine uses the new one; taking it away restores', () => {
    const r = load(SPINNER)
    r.session.run(15)
    const before = sums(r).length
    r.session.primitives.register('ADD', ([a, b]) => (a as number) * 100 + (b as number))
    r.session.run(15)
    const during = sums(r).length
    r.session.primitives.register('ADD', undefined)
    toRest(r)
    const all = sums(r)
    expect(all).toHaveLength(30)
    expect(before).toBeGreaterThan(0)
    expect(during).toBeGreaterThan(before)
    expect(all.length).toBeGreaterThan(during)
    // The messages are in the order in which they were sent, but for the eldest of each turn.
    const counted = { before: all.filter(s => s === '5').length, during: all.filter(s => s === '203').length }
    expect(counted.during).toBe(during - before)
    expect(counted.before + counted.during).toBe(30)
  })

  it('a new method is found by its name', () => {
    const r = load('@"out"!(9223372036854775807.satAdd(1)) | @"out"!(1.satAdd(2))')
    r.session.primitives.register('satAdd', ([a, b], { charge }) => {
      charge?.(0)
      const sum = BigInt(a as number) + BigInt(b as number)
      return sum > 0x7fffffffffffffffn ? 0x7fffffffffffffffn : Number(sum)
    })
    toRest(r)
    expect(r.session.failures.map(failureText)).toEqual([])
    expect(
      r.session
        .data()
        .get('@"out"')!
        .map(([v]) => v)
        .sort(),
    ).toEqual(['3', '9223372036854775807'])
  })

  it('from Rholang, with the grant: a processor serves ADD until Nil restores it', () => {
    const text = `new primitive(\`rho:vm:primitive\`), minus, ack, ack2 in {
      contract minus(@[a, b], reply) = { reply!(a - b) } |
      primitive!("ADD", *minus, *ack) |
      for (@true <- ack) {
        new r in { r!(10 + 3) | for (@v <- r) { @"during"!(v) | primitive!("ADD", Nil, *ack2) | for (@true <- ack2) { @"after"!(10 + 3) } } }
      }
    }`
    const r = run(text, { allow: { primitives: true } })
    expect(r.session.failures.map(failureText)).toEqual([])
    expect([r.session.data().get('@"during"'), r.session.data().get('@"after"')]).toEqual([[['7']], [['13']]])
  })

  it('an operation that does not exist is refused with false', () => {
    const r = run(
      'new primitive(`rho:vm:primitive`), ack in { primitive!("noSuchOperation", *ack, *ack) | for (@ok <- ack) { @"out"!(ok) } }',
      { allow: { primitives: true } },
    )
    expect(r.session.data().get('@"out"')).toEqual([['false']])
  })

  it('without the grant the program is refused', () => {
    const { diagnostics } = open().session.compile('no', 'new primitive(`rho:vm:primitive`) in { primitive!(1, 2, 3) }')
    expect(diagnostics.map(d => d.code)).toContain('RHO406')
  })

  it('a guard that waits is asked again when its operation changes', () => {
    const r = run('for (@x <- @"c" where x + 1 == 100) { @"out"!(x) } | @"c"!(1)')
    expect(r.session.data().has('@"out"')).toBe(false)
    r.session.primitives.register('ADD', () => 100)
    toRest(r)
    expect(r.session.data().get('@"out"')).toEqual([['1']])
  })

  it('a promise is waited for; the machine is listed meanwhile', async () => {
    const r = load('@"out"!(4.slow()) | @"beside"!(1)')
    let answer: (t: Term) => void = () => {}
    r.session.primitives.register('slow', () => new Promise<Term>(resolve => (answer = resolve)))
    expect(r.session.run()).toBe('idle')
    expect(r.session.data().get('@"beside"')).toEqual([['1']])
    expect(r.session.blocked()).toMatchObject([{ reason: 'no-operation', detail: 'waits for the reply of `slow`' }])
    answer(44)
    expect(await settle(r)).toBe('rest')
    expect(r.session.data().get('@"out"')).toEqual([['44']])
  })

  it('negative control: an unregistered override is not used', () => {
    const r = load(SPINNER)
    r.session.primitives.register('ADD', () => 0)
    r.session.primitives.register('ADD', undefined)
    toRest(r)
    expect(new Set(sums(r))).toEqual(new Set(['5']))
  })
})

describe('T22 a failing operation is an error of its caller only', () => {
  it.each<[string, () => Term]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['gives back no term', () => ({ no: 'term' }) as unknown as Term],
    ['gives back an unsafe number', () => 0.5 as Term],
    ['gives back a fault', () => new Fault('RHO516', 'not today') as unknown as Term],
  ])('that %s', (what, handler) => {
    const r = load(['@"x"!(1.bad())', WORK])
    r.session.primitives.register('bad', handler)
    toRest(r)
    expect(r.session.failures).toHaveLength(1)
    expect(r.session.failures[0]).toMatchObject({ code: what.includes('fault') ? 'RHO516' : 'RHO520', start: expect.any(Number) })
    expect(r.session.data().get('@"out"')).toEqual([['42']])
  })

  it('that rejects later', async () => {
    const r = load(['@"x"!(1.bad())', WORK])
    r.session.primitives.register('bad', () => Promise.reject(new Error('broken')))
    expect(await settle(r)).toBe('rest')
    expect(r.session.failures.map(f => f.code)).toEqual(['RHO520'])
    expect(r.session.data().get('@"out"')).toEqual([['42']])
  })

  it('negative control: one that does not fail fails nobody', () => {
    const r = load('@"x"!(1.good())')
    r.session.primitives.register('good', () => 7)
    toRest(r)
    expect(r.session.failures).toEqual([])
  })
})

describe('T23 an operation that nobody serves', () => {
  it('fails its machine by default', () => {
    const r = run(['@"x"!(1.unheardOf())', WORK])
    expect(r.session.failures).toHaveLength(1)
    expect(r.session.failures[0].message).toContain('unheardOf')
    expect(r.session.data().get('@"out"')).toEqual([['42']])
  })

  it('blocks its machine where that is asked for; the rest report names the operation; serving it later lets the machine go on', () => {
    const r = run(['@"x"!(1.unheardOf(2))', WORK], { unknownOp: 'block' })
    expect(r.session.failures).toEqual([])
    expect(r.session.report().waiting.map(w => [w.reason, w.detail])).toContainEqual([
      'no-operation',
      'waits for the reply of `unheardOf`, which nobody serves',
    ])
    expect(r.session.data().get('@"out"')).toEqual([['42']])
    r.session.primitives.register('unheardOf', ([a, b]) => (a as number) + (b as number))
    toRest(r)
    expect(r.session.data().get('@"x"')).toEqual([['3']])
  })

  it('negative control: a known operation neither fails nor blocks', () => {
    const r = run('@"x"!([1].length())', { unknownOp: 'block' })
    expect(left(r)).toMatchObject({ failures: [], blocked: [], data: ['@"x"!(1)'] })
  })

  it('shows in the trace as a request without reply', () => {
    const { trace } = traced('@"x"!(1.unheardOf())', { unknownOp: 'block' })
    expect(trace.filter(e => e.on === 'priv' || e.on === 'k').map(e => `${e.e} ${String(e.on)}`)).toEqual(['produce priv', 'comm priv'])
  })
})
