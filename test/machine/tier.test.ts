import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  conformance,
  generated,
  load,
  type Options,
  outcomeOf,
  printed,
  type Running,
  run,
  sampled,
  toRest,
} from '../acceptance/support.ts'

const LOOP = Number.POSITIVE_INFINITY
/** Everything that two runs must agree on. */
const seen = (running: Running) => ({ outcome: outcomeOf(running), stats: running.session.stats() })
const both = (text: string, options: Options = {}) => [seen(run(text, { ...options, hot: 0 })), seen(run(text, { ...options, hot: LOOP }))]

/** `body` once for every i below 40, with `c` to send to; what came is printed. */
const loop = (body: string) => `new o(\`rho:io:stdout\`), c, step, own in {
  contract step(@i) = { if (i < 40) { ${body} | step!(i + 1) } } |
  for (...@all <= c) { o!(all) } | own!(0) | step!(0)
}`

/** What a body of hot code may do, instruction by instruction. */
const BODIES: readonly (readonly [string, string])[] = [
  ['arithmetic of Ints', 'c!(i + 1, i - 50, i * -3, i / 7, i % 7, (i * i + 3) / 2)'],
  ['arithmetic that leaves the safe integers', 'c!(i * 9007199254740991, 9007199254740980 + i, -9007199254740980 - i)'],
  ['a product that is zero', 'c!(0 * (i - 20), (i - 20) * 0, 0 - (i - 20) * 0)'],
  [
    'divisors that are negative, zero or large',
    'c!(i / (i - 20)) | c!(i % (i - 20)) | c!(-7 / 2, -7 % 2, i % 4294967296, (i + 4294967296) % 7)',
  ],
  ['operands that are no Ints', 'c!(i + 1, "a" ++ "b", [i] ++ [1], "${a}" %% {"a": i}) | match i { 7 => c!(i + "x") _ => c!("y" + 1) }'],
  ['comparisons', 'c!(i < 3, i <= 3, i > 3, i >= 3, i == 3, i != 3, "a" == "a", [i] == [3])'],
  ['branches', 'if (i < 10) { c!("few") } else { if (i == 20) { c!("20") } else { if (i != 30 && i >= 25) { c!("many") } } }'],
  ['conditions that are no Bools', 'if (i == 5 or "x") { c!(1) } else { c!(2) }'],
  ['and, or, not', 'c!(i < 5 and i > 2, i < 5 or i > 30, not (i < 5), -i)'],
  ['cases of constants', 'match i { 1 => c!("one") 2 => c!("two") 39 => c!("last") x => c!(x) }'],
  ['cases that nothing fits', 'match i { 1 => c!("one") "a" => c!("a") }'],
  ['cases that take apart', 'match (i, [i, 2], {"k": i}) { (1, [_, y], _) => c!(y) (x, [h ...t], {"k": v ...r}) => c!(x, h, t, v, r) }'],
  ['cases with guards and alternatives', 'match i { x /\\ ~(1 \\/ 2) where x % 2 == 0 => c!("even") Int => c!("odd") }'],
  ['collections', 'c!((i, i), [i, "x"], Set(i, 1), {"k": i}, [[i], (i,)], [*own, i])'],
  ['methods', 'c!([1, i].nth(1), "abc".length(), (i, 2).nth(0), [i].nth(5))'],
  ['matches', 'c!(i matches Int, i matches 3, [i] matches [String])'],
  ['sends of no values, one, two and many', 'c!() | c!(i) | c!(i, i) | c!(i, i, i) | c!(i, i, i, i, i)'],
  ['persistent sends', 'new d in { d!!(i) | for (@x <- d) { for (@y <- d) { c!(x, y) } } }'],
  ['new names and joins', 'new a, b, e in { a!(i) | b!(i + 1) | e!(2) | for (@x <- a & @y <- b & @z <- e) { c!(x, y, z) } }'],
  [
    'receives that wait, in place and for good',
    'new a, b in { for (@x <- a) { for (@y <- b) { c!(x + y) } } | b!(i) | a!(1) | for (@z <= a) { c!(z) } | a!(2) }',
  ],
  ['peeks', 'for (@x <<- own) { c!(x) }'],
  ['a cell', 'for (@n <- own) { own!(n + i) | c!(n) }'],
  ['computed names', '@("k", i % 3)!(i) | for (@x <- @("k", i % 3)) { c!(x) } | @[i, 1]!(0)'],
  ['names that are bundles', 'new a in { for (@x <- a) { c!(x) } | @bundle+{*a}!(i) | @bundle-{*a}!(i) }'],
  ['select', 'new a, b in { a!(i) | select { @x <- a => c!("a", x) @y <- b => c!("b", y) } }'],
  ['quoted code', 'new a in { a!({ c!(i) }) | for (@p <- a) { p } }'],
  ['parts that start machines', 'new a in { a!(i) | for (@x <- a) { c!(x) } | for (@x <- c) { Nil } | match i { 3 => c!(3) _ => Nil } }'],
  ['parts that only compute', 'own!(i * 2) | own!(i - 1) | if (i % 2 == 0) { c!(i) } else { Nil } | c!(i + 1)'],
  [
    'more in a row than one function holds',
    `c!(${Array.from({ length: 400 }, (_, k) => k).reduce(sum => `(${sum} * 3 + i) % 1000`, 'i')})`,
  ],
  ['constants of all types', 'c!(-1, 0, "\\"\\u{0}", true, Nil, 1234567890123456789, (), [], `x:y`)'],
]

afterEach(() => vi.unstubAllGlobals())

describe('a function made from code', () => {
  it.each(BODIES)('does what the run loop does: %s', (_, body) => {
    const [a, b] = both(loop(body))
    expect(a).toEqual(b)
    expect(a.stats.comms).toBeGreaterThan(40)
  })

  it('stops where the run loop stops, whatever the limit', () => {
    for (const [name, body] of BODIES)
      for (const gas of [900, 2_345, 5_432, 7_654]) {
        const [a, b] = both(loop(body), { gas })
        expect({ name, gas, ...a }).toEqual({ name, gas, ...b })
      }
    for (const { name, text } of sampled(conformance(), 9))
      for (const gas of [300, 700, 1_500]) {
        const [a, b] = both(text, { gas, matchBudget: 5_000 })
        expect({ name, gas, ...a }).toEqual({ name, gas, ...b })
      }
  })

  it('may be left after any slice', () => {
    const options = { matchBudget: 5_000, gas: 20_000 }
    for (const { seed, text } of generated(30, {}, 700)) {
      const stepwise = load(text, { ...options, hot: 0 })
      for (let i = 0; i < 400 && stepwise.session.run(1 + (i % 3)) === 'budget'; i++);
      toRest(stepwise)
      expect({ seed, outcome: outcomeOf(stepwise) }).toEqual({ seed, outcome: outcomeOf(run(text, { ...options, hot: LOOP })) })
    }
  })

  it('is not used while an operation means something else', () => {
    const text = loop('c!(i + 100)')
    const sums = (hot: number): string[] => {
      const running = load(text, { hot })
      running.session.run(30)
      running.session.shard.primitives.register('MUL', () => 0)
      running.session.run(30)
      running.session.shard.primitives.register('ADD', ([a, b]) => Number(a) + Number(b) + (Number(b) === 100 ? 1 : 0))
      running.session.run(40)
      running.session.shard.primitives.register('ADD', undefined)
      toRest(running)
      return printed(running)
    }
    expect(sums(0)).toEqual(sums(LOOP))
    expect(new Set(sums(0).map((line, i) => Number(line.replace(/\D/g, '')) - i)).size).toBeGreaterThan(1)
  })

  it('is made when code has run often enough, and for no other', () => {
    const made = vi.fn(Function)
    vi.stubGlobal('Function', made)
    run(loop('c!(i + 1234567)'), { hot: 30 })
    const often = made.mock.calls.length
    run(loop('c!(i + 7654321)'), { hot: 50 })
    expect([often > 0, made.mock.calls.length - often]).toEqual([true, 0])
  })

  it('is one for code that differs in what it sends only', () => {
    const made = vi.fn(Function)
    vi.stubGlobal('Function', made)
    const two = (a: number, b: number) => run(loop(`own!(${a}, i + 98765) | own!(${b}, i + 98765)`), { hot: 0 })
    two(1, 2)
    const before = made.mock.calls.length
    two(3, 4)
    expect([before > 0, made.mock.calls.length - before]).toEqual([true, 0])
  })

  it('is done without where the host forbids it', () => {
    vi.stubGlobal('Function', () => {
      throw new EvalError('Code generation from strings disallowed for this context')
    })
    const [a, b] = both(loop('c!(i * 2345678)'))
    expect(a).toEqual(b)
  })

  it('holds nothing that a program says but its numbers', () => {
    const made = vi.fn(Function)
    vi.stubGlobal('Function', made)
    const evil = '\\");globalThis.broken=1;(\\"'
    run(loop(`c!("${evil}", i + 41, *@"${evil}") | @("${evil}", i)!(1) | match "${evil}" { "${evil}" => c!(1) }`), { hot: 0 })
    const texts = made.mock.calls.map(call => call.join('\n'))
    expect(texts.some(text => text.includes('+41'))).toBe(true)
    expect(texts.filter(text => text.includes('broken'))).toEqual([])
    expect('broken' in globalThis).toBe(false)
  })
})
