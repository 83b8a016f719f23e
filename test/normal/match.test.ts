import { describe, expect, it } from 'vitest'
import { makePar, makePathMap, makeSet } from '../../src/normal/build.ts'
import { Budget, compilePattern, match, matchAll, matches, tryMatch } from '../../src/normal/match.ts'
import { show } from '../../src/normal/print.ts'
import { bound, Closure, ConnNot, free, List, New, type Receive, Ref, Send, type Term, Tuple, WILDCARD } from '../../src/normal/term.ts'
import { names } from './arbitrary.ts'
import { pattern, term } from './terms.ts'

/** The bindings of the first solution as one-line texts, null if there is none. */
function first(p: string, target: string | Term): string[] | null {
  const { pattern: q, count } = pattern(p)
  const found = match(q, typeof target === 'string' ? term(target) : target, count)
  return found === null ? null : found.map(text)
}

function text(t: Term): string {
  return show(new Send(t, [], false)).slice('@{'.length, -'}!()'.length)
}

function every(p: string, target: string): string[][] {
  const { pattern: q, count } = pattern(p)
  return [...matchAll(q, term(target), count)].map(s => s.map(text))
}

function table(rows: readonly (readonly [string, string, string[] | null])[]): void {
  for (const [p, t, expected] of rows) expect([p, t, first(p, t)]).toEqual([p, t, expected])
}

describe('values', () => {
  it('fit literals that are structurally equal, whole and of the same type', () => {
    table([
      ['5', '5', []],
      ['5', '6', null],
      ['5', '5n', null],
      ['-5', '-5', []],
      ['"ab"', '"ab"', []],
      ['"a"', '"ab"', null],
      ['0x01', '0x0102', null],
      ['Nil', 'Nil', []],
      ['Nil', '[]', null],
      ['()', '()', []],
      ['()', 'Nil', null],
      ['1 + 1', '2', null],
    ])
  })

  it('fit a type alone, and nothing else does', () => {
    const values = ['true', '1', '9223372036854775807', '"s"', '`u:v`', '0x00', '1n', '1.0', '1r', '1p0', 'Nil', '1 | 2', '[1]']
    const fitting: Record<string, string[]> = {
      Bool: ['true'],
      Int: ['1', '9223372036854775807'],
      String: ['"s"'],
      Uri: ['`u:v`'],
      ByteArray: ['0x00'],
    }
    for (const [type, yes] of Object.entries(fitting)) {
      expect(values.filter(v => first(type, v) !== null)).toEqual(yes)
    }
  })

  it('are captured whole by a lone variable; a wildcard takes everything', () => {
    table([
      ['x', '7', ['7']],
      ['x', 'Nil', ['Nil']],
      ['x', '1 | 2', ['1 | 2']],
      ['_', '1 | 2', []],
    ])
  })

  it('made by new are equal to themselves only', () => {
    expect(matches(new List([names[0]]), new List([names[0]]))).toBe(true)
    expect(matches(new List([names[0]]), new List([names[1]]))).toBe(false)
    expect(first('x', names[0])).not.toBe(null)
  })
})

describe('lists and tuples', () => {
  it('fit element by element, with the exact length or a remainder', () => {
    table([
      ['[x, y]', '[1, 2]', ['1', '2']],
      ['[x]', '[1, 2]', null],
      ['[x ...r]', '[1, 2, 3]', ['1', '[2, 3]']],
      ['[x ...r]', '[1]', ['1', '[]']],
      ['[a, b ...r]', '[1]', null],
      ['[..._]', '[]', []],
      ['[[a ...b], [c] ...d]', '[[1, 2], [3], [4], 5]', ['1', '[2]', '3', '[[4], 5]']],
      ['(x, 1)', '(2, 1)', ['2']],
      ['(x, y)', '[1, 2]', null],
      ['[x]', '(1,)', null],
      ['(x,)', '(1, 2)', null],
    ])
  })

  it('have processes as elements', () => {
    table([['[{@"p"!(v)}, {2 | r}]', '[{@"p"!(7)}, {1 | 2}]', ['7', '1']]])
  })
})

describe('sets and maps', () => {
  it('are exact without remainder, one target element for each pattern element', () => {
    table([
      ['Set(a, 1)', 'Set(1, 2)', ['2']],
      ['Set(a, 1)', 'Set(2, 3)', null],
      ['Set(a)', 'Set(1, 2)', null],
      ['Set(a, b)', 'Set(1)', null],
      ['Set()', 'Set()', []],
      ['Set([x], [y, z])', 'Set([1, 2], [3])', ['3', '1', '2']],
      ['Set(_, _)', 'Set(1, 2)', []],
      ['Set(_, _)', 'Set(1)', null],
      ['Set(x ...r)', 'Set(3, 1, 2)', ['1', 'Set(2, 3)']],
      ['Set(...r)', 'Set()', ['Set()']],
      ['Set(2 ..._)', 'Set(1, 2)', []],
      ['Set(...r)', '[1]', null],
      ['{"a" : x}', '{"a" : 1, "b" : 2}', null],
      ['{"a" : x ..._}', '{"a" : 1, "b" : 2}', ['1']],
      ['{"a" : x ...r}', '{"a" : 1, "b" : 2}', ['1', '{"b" : 2}']],
      ['{k : 2 ...r}', '{"a" : 1, "b" : 2}', ['"b"', '{"a" : 1}']],
      ['{k : v}', '{}', null],
      ['{[k] : v, "x" : w}', '{"x" : 1, ["y"] : 2}', ['"y"', '2', '1']],
    ])
  })

  it('give up an early choice when a later element needs it', () => {
    table([
      ['Set(x, Int)', 'Set(1, "a")', ['"a"']],
      ['Set(x, {Int \\/ "a"}, Int)', 'Set(1, "a", "b")', ['"b"']],
      ['{k : Int, l : String}', '{"p" : "s", "q" : 2}', ['"q"', '"p"']],
    ])
  })

  it('take pattern elements and target elements in canonical order', () => {
    expect(every('Set(x ...r)', 'Set(3, 1, 2)').map(s => s[0])).toEqual(['1', '2', '3'])
    expect(every('Set(x, y)', 'Set(2, 1)')).toEqual([
      ['1', '2'],
      ['2', '1'],
    ])
    // The list stands before the variable in canonical order, whatever the source says.
    expect(every('Set(x, [y])', 'Set([1], [2])')).toEqual([
      ['[2]', '1'],
      ['[1]', '2'],
    ])
  })

  it('work the same for pathmaps', () => {
    const target = makePathMap([new List(['a', 1]), new List(['b'])])
    expect(match(makePathMap([new List(['a', free(0)])], free(1)), target, 2)).toEqual([1, makePathMap([new List(['b'])])])
    expect(match(makePathMap([new List(['a', free(0)])]), target, 1)).toBe(null)
  })
})

describe('parallel patterns', () => {
  it('divide the components; the first variable takes what the others leave', () => {
    table([
      ['{x | y}', '5 | 6', ['5 | 6', 'Nil']],
      ['{6 | r}', '5 | 6 | 7', ['5 | 7']],
      ['{a | 2 | b | c}', '1 | 2 | 3', ['1 | 3', 'Nil', 'Nil']],
      ['{a | b}', 'Nil', ['Nil', 'Nil']],
      ['{x | _}', '1 | 2', ['1 | 2']],
      ['{1 | _}', '1 | 2 | 3', []],
      ['{1 | 2}', '1 | 2 | 3', null],
      ['{1 | 1}', '1', null],
      ['{1 | 1 | r}', '1 | 1 | 1', ['1']],
      ['{@c!(v) | r}', '@"a"!(1) | 2', ['"a"', '1', '2']],
      ['{_!(_) | @"a"!(1)}', '@"a"!(1) | @"a"!(2)', []],
      ['{@x!(_) | @"a"!(y)}', '@"a"!(1) | @"b"!(2)', ['"b"', '1']],
      ['{Int | r}', '"a" | 1 | 2', ['2 | "a"']],
    ])
  })

  it('give connectives any part of the target, the smallest first', () => {
    table([
      ['{{1 \\/ 2} | 1}', '1 | 2', []],
      ['{{{1 | 2} \\/ 9} | "a"}', '1 | 2 | "a"', []],
      ['{{{1 | 2} \\/ 9} | "a"}', '1 | "a"', null],
      ['{{c /\\ {2 | 3}} | r}', '1 | 2 | 3', ['2 | 3', '1']],
      ['{{c /\\ ~Nil} | r}', '1 | 2', ['1', '2']],
      ['{{c /\\ d} | r}', '1 | 2', ['Nil', 'Nil', '1 | 2']],
      ['{{c /\\ ~Nil} | Int}', '1 | 2', ['1']],
      ['{~Nil | ~Nil}', '1', null],
      ['{~Nil | ~Nil}', '1 | 1', []],
      ['{~Nil | ~Nil}', 'Nil', null],
    ])
  })

  it('tell primes apart: processes that cannot be split', () => {
    for (const [t, prime] of [
      ['1', true],
      ['Nil', true],
      ['@"c"!(1)', true],
      ['1 | 2', false],
      ['1 | 1', false],
    ] as const) {
      expect(first('~{~Nil | ~Nil}', t) !== null).toBe(prime)
    }
  })

  it('let a variable capture nothing that is bound inside the target, and a wildcard everything', () => {
    table([
      ['for (a <- @0) { b }', 'for (a <- @0) { a!(1) }', null],
      ['for (a <- @0) { _ }', 'for (a <- @0) { a!(1) }', []],
      ['new a in { x | _ }', 'new a in { a!(1) | @"p"!(2) }', ['@{"p"}!(2)']],
      ['new a in { x | y }', 'new a in { a!(1) | @"p"!(2) }', null],
      ['new a in { a!(y) | x }', 'new a in { a!(1) | @"p"!(2) }', ['1', '@{"p"}!(2)']],
      ['new a in { @y!(_) | x }', 'new a in { a!(1) | @"p"!(2) }', null],
      ['for (@x <- @"c") { @"out"!(v, x) }', 'for (@x <- @"c") { @"out"!(7, x) }', ['7']],
      ['new a in { Set(x ...r) }', 'new a in { Set(*a, 1) }', null],
      ['new a in { Set(x ..._) }', 'new a in { Set(*a, 1) }', ['1']],
    ])
  })
})

describe('connectives', () => {
  it('bind on both sides of /\\ and nowhere else', () => {
    table([
      ['x /\\ Int', '7', ['7']],
      ['x /\\ Int', '"7"', null],
      ['x /\\ {[y, 1] \\/ [_, 3]}', '[[2, 1], 3]', ['[[2, 1], 3]']],
      ['{x \\/ y}', '7', []],
      ['[{1 \\/ 2 \\/ 3}, x]', '[3, 4]', ['4']],
      ['~String', '12', []],
      ['~~1', '1', []],
      ['~~1', '2', null],
      ['~x', '1', null],
      ['[~1 ...r]', '[2, 3]', ['[3]']],
      ['Set(~1, ~2)', 'Set(1, 2)', []],
      ['Set(~1, ~1)', 'Set(1, 2)', null],
    ])
  })
})

describe('references', () => {
  const refs = (index: number): Term => ['zero', makePar([1, 2])][index]

  it('fit the term equal to the value of the outer variable', () => {
    expect(matches(new Ref(0, false), 'zero', refs)).toBe(true)
    expect(matches(new Ref(0, false), 'one', refs)).toBe(false)
    expect(match(new List([new Ref(0, true), free(0)]), new List(['zero', 5]), 1, refs)).toEqual([5])
    expect(match(makePar([new Ref(1, false), free(0)]), makePar([1, 2, 3]), 1, refs)).toEqual([3])
    expect(matches(new ConnNot(new Ref(0, false)), 'zero', refs)).toBe(false)
    expect(match(makeSet([new Ref(0, false), free(0)]), makeSet(['zero', 9]), 1, refs)).toEqual([9])
  })

  it('inside binders of the pattern count these', () => {
    const p = new New(1, [], new Send(bound(0), [new Ref(1, false)], false))
    expect(matches(p, term('new a in { a!("zero") }'), refs)).toBe(true)
    expect(matches(p, term('new a in { a!("one") }'), refs)).toBe(false)
  })

  it('inside code count as their values', () => {
    const body = (term('for (@k <- @"c") { match 0 { {for (@{=k} <- @"d") { x }} => { Nil } } }') as Receive).body
    const c = (body as unknown as { cases: { pattern: Term; count: number }[] }).cases[0]
    expect(match(c.pattern, term('for (@"zero" <- @"d") { 5 }'), c.count, refs)).toEqual([5])
    expect(match(c.pattern, term('for (@"one" <- @"d") { 5 }'), c.count, refs)).toBe(null)
  })
})

describe('code', () => {
  it('fits sends of the same persistence and arity', () => {
    table([
      ['x!(y)', '@"c"!(1)', ['"c"', '1']],
      ['x!(y)', '@"c"!!(1)', null],
      ['x!!(y)', '@"c"!!(1)', ['"c"', '1']],
      ['x!(y)', '@"c"!(1, 2)', null],
      ['@{[n]}!()', '@{[4]}!()', ['4']],
    ])
  })

  it('fits receives with the same arrows and α-equal patterns and guards; binds in any order', () => {
    table([
      ['for (@a <- @s) { b }', 'for (@q <- @"c") { 1 }', ['"c"', '1']],
      ['for (@a <= @s) { b }', 'for (@q <- @"c") { 1 }', null],
      ['for (@a <<- @s) { b }', 'for (@q <<- @"c") { 1 }', ['"c"', '1']],
      ['for (@v <- @"c") { _ }', 'for (@1 <- @"c") { Nil }', null],
      ['for (_ <- @"c") { _ }', 'for (@x <- @"c") { Nil }', null],
      ['for (@a, ...@r <- @"c") { @0!(a, r) }', 'for (@x, ...@y <- @"c") { @0!(x, y) }', []],
      ['for (@a, ...@r <- @"c") { @0!(a, r) }', 'for (@x, ...@y <- @"c") { @0!(y, x) }', null],
      ['for (@a <- @"c" where a > 1) { b }', 'for (@z <- @"c" where z > 1) { 5 }', ['5']],
      ['for (@a <- @"c" where a > 1) { b }', 'for (@z <- @"c" where z > 2) { 5 }', null],
      ['for (@a <- @"c" where a > 1) { b }', 'for (@z <- @"c") { 5 }', null],
      ['for (@a <- @s & @b <- @"p") { @0!(a, b, t) }', 'for (@y <- @"p" & @x <- @"q") { @0!(x, y, 3) }', ['"q"', '3']],
      ['for (@a <- @s & @b <- @t) { @0!(a, b) }', 'for (@x <- @"q" & @y <- @"p") { @0!(x, y) }', ['"q"', '"p"']],
      ['for (@a <- @s & @b <- @t where a > b) { Nil }', 'for (@x <- @"q" & @y <- @"p" where x > y) { Nil }', ['"q"', '"p"']],
      ['for (@a <- @"c" & @b <- @"d") { _ }', 'for (@a <- @"c") { for (@b <- @"d") { Nil } }', null],
      ['contract @n(@a) = { b }', 'for (@z <= @"srv") { 4 }', ['"srv"', '4']],
    ])
  })

  it('fits the other forms part by part', () => {
    table([
      ['new x in { x!(v) }', 'new y in { y!(1) }', ['1']],
      ['new x in { x!(v) }', 'new y, z in { y!(1) }', null],
      ['new x, y in { x!(1) | x!(2) }', 'new a, b in { a!(1) | b!(2) }', null],
      ['new x(`rho:io:stdout`) in { v }', 'new y(`rho:io:stdout`) in { 1 }', ['1']],
      ['new x(`rho:io:stdout`) in { v }', 'new y(`rho:io:stderr`) in { 1 }', null],
      ['match e { [q] where q > 0 => { b } _ => { c } }', 'match 5 { [z] where z > 0 => { 1 } _ => { 2 } }', ['5', '1', '2']],
      ['match e { [q] => { b } }', 'match 5 { [1] => { 1 } }', null],
      ['match e { _ => { b } }', 'match 5 { _ => { 1 } _ => { 2 } }', null],
      ['if (c) { p } else { q }', 'if (true) { 1 }', ['true', '1', 'Nil']],
      ['select { @a <- @s => { p } }', 'select { @x <- @"c" => { 1 } }', ['"c"', '1']],
      ['select { @1 <- @s => { p } @2 <- @t => { q } }', 'select { @2 <- @"c" => { 1 } @1 <- @"d" => { 2 } }', null],
      ['a + b', '1 + 2', ['1', '2']],
      ['a + b', '1 - 2', null],
      ['-a', '- 5', ['5']],
      ['x.m(y)', '"s".m(1)', ['"s"', '1']],
      ['x.m(y)', '"s".n(1)', null],
      ['x.m()', '"s".m(1)', null],
      ['a matches Int', '5 matches Int', ['5']],
      ['a matches Int', '5 matches _', null],
      ['1 + 1', '1 + 1', []],
      ['bundle+{1}', 'bundle+{1}', []],
      ['bundle+{1}', 'bundle-{1}', null],
      ['1', 'bundle+{1}', null],
      ['x', 'bundle+{1}', ['bundle+{ 1 }']],
    ])
  })

  it('is looked into through closures', () => {
    const quoted = new Closure({ close: () => term('@"c"!(1) | 2') }, [])
    expect(first('[{x!(y) | r}]', new List([quoted]))).toEqual(['"c"', '1', '2'])
    const [kept] = match(free(0), quoted, 1) as Term[]
    expect(kept).toBe(quoted)
  })
})

describe('all solutions', () => {
  it('come one by one, the first being that of match', () => {
    expect(every('{@"c"!(x) | @"c"!(y) | r}', '@"c"!(1) | @"c"!(2) | @"c"!(3)')).toEqual([
      ['1', '2', '@{"c"}!(3)'],
      ['1', '3', '@{"c"}!(2)'],
      ['2', '1', '@{"c"}!(3)'],
      ['2', '3', '@{"c"}!(1)'],
      ['3', '1', '@{"c"}!(2)'],
      ['3', '2', '@{"c"}!(1)'],
    ])
    expect(every('[Set(x ..._), Set(y ..._)]', '[Set(1, 2), Set(3, 4)]')).toEqual([
      ['1', '3'],
      ['1', '4'],
      ['2', '3'],
      ['2', '4'],
    ])
  })

  it('do not repeat for equal components', () => {
    expect(every('{[x] | r}', '[1] | [1]')).toEqual([['1', '[1]']])
  })
})

describe('effort', () => {
  const send = (...data: Term[]): Term => new Send('c', data, false)

  it('a multiset pattern of ten parts that fails against ten components needs few steps', () => {
    const target = makePar(Array.from({ length: 10 }, (_, i) => send(i)))
    const parts = Array.from({ length: 10 }, (_, i) => new Send(WILDCARD, [i < 8 ? WILDCARD : 9], false))
    const budget = new Budget()
    const before = budget.left
    expect(matches(makePar(parts), target, undefined, budget)).toBe(false)
    expect(before - budget.left).toBeLessThan(500)
  })

  it('the same where parts must be searched, not only looked at', () => {
    const deep = (i: Term): Term => new List([new List([new List([new List([new List([new List([i])])])])])])
    const target = makePar(Array.from({ length: 10 }, (_, i) => send(deep(i))))
    const parts = Array.from({ length: 10 }, (_, i) => send(deep(i < 8 ? free(i) : makePar([9, WILDCARD]))))
    const budget = new Budget()
    const before = budget.left
    expect(matches(makePar(parts), target, undefined, budget)).toBe(false)
    expect(before - budget.left).toBeLessThan(5_000)
  })

  it('a hundred elements in a set pattern are assigned without guessing', () => {
    const target = makeSet(Array.from({ length: 100 }, (_, i) => new List([i])))
    const p = makeSet(Array.from({ length: 100 }, (_, i) => (i === 0 ? new List([free(0)], WILDCARD) : new List([free(i)]))))
    const budget = new Budget()
    const found = match(p, target, 100, undefined, budget) as Term[]
    expect(new Set(found).size).toBe(100)
    expect(10_000_000 - budget.left).toBeLessThan(200_000)
  })

  it('beyond the budget the search stops and says so', () => {
    const target = makePar(Array.from({ length: 24 }, (_, i) => i))
    const p = makePar([new ConnNot(WILDCARD), new ConnNot(WILDCARD), WILDCARD])
    const budget = new Budget(1_000)
    expect(match(p, target, 0, undefined, budget)).toBe(null)
    expect(budget.exceeded).toBe(true)
    const enough = new Budget(1_000)
    expect(match(free(0), target, 1, undefined, enough)).not.toBe(null)
    expect(enough.exceeded).toBe(false)
  })

  it('deep patterns and targets need no host stack', () => {
    let target: Term = 1
    let p: Term = free(0)
    let nots: Term = 1
    let sets: Term = 1
    let setPattern: Term = free(0)
    for (let i = 0; i < 20_000; i++) {
      target = new List([target])
      p = new List([p])
      nots = new ConnNot(nots)
      sets = makeSet([sets])
      setPattern = makeSet([setPattern])
    }
    expect(match(p, target, 1)).toEqual([1])
    expect(matches(nots, 1)).toBe(true)
    expect(matches(nots, 2)).toBe(false)
    expect(match(setPattern, sets, 1)).toEqual([1])
  })

  it('a variable takes the rest of 65 537 components', () => {
    const all = Array.from({ length: 65_537 }, (_, i) => send(i))
    const found = match(makePar([new Send('c', [65_000], false), free(0)]), makePar(all), 1) as Term[]
    expect((found[0] as unknown as { items: Term[] }).items.length).toBe(65_536)
  })
})

describe('compiled patterns', () => {
  const kinds: [Term, string][] = [
    [WILDCARD, 'wildcard'],
    [free(0), 'bind'],
    [7, 'constant'],
    [term('@0!(1)'), 'constant'],
    [new Ref(0, false), 'ref'],
    [pattern('Int').pattern, 'type'],
    [pattern('[1, x, (y, _) ...r]').pattern, 'items'],
    [pattern('Set(x)').pattern, 'first'],
    [pattern('[Set(x)]').pattern, 'first'],
    [pattern('{"a" : x, "b" : [y] ...r}').pattern, 'items'],
    [pattern('{k : v ...r}').pattern, 'first'],
    [pattern('Set(1, [x])').pattern, 'general'],
    [pattern('{k : [v]}').pattern, 'general'],
    [pattern('x /\\ Int').pattern, 'connective'],
    [pattern('[x \\/ ~y]').pattern, 'items'],
    [pattern('x /\\ Set(y)').pattern, 'first'],
    [pattern('{x | y}').pattern, 'general'],
  ]

  it('say what they need', () => {
    for (const [p, kind] of kinds) expect(compilePattern(p, 1).kind).toBe(kind)
  })

  it('write bindings from a base on', () => {
    const c = compilePattern(new Tuple(['add', free(0), free(1), WILDCARD]), 2)
    const out: Term[] = ['kept']
    expect(tryMatch(c, new Tuple(['add', 1, 2, 3]), out, 1)).toBe(true)
    expect(out).toEqual(['kept', 1, 2])
    expect(tryMatch(c, new Tuple(['mul', 1, 2, 3]), out, 1)).toBe(false)
    expect(tryMatch(c, new Tuple(['add', 1, 2]), out, 1)).toBe(false)
    expect(tryMatch(c, new List(['add', 1, 2, 3]), out, 1)).toBe(false)
  })

  it('compare literals with closures, big numbers and references', () => {
    const c = compilePattern(new List(['a', 1, 2n ** 60n, new Ref(0, false)]), 0)
    const quoted = (t: Term): Term => new Closure({ close: () => t }, [])
    const refs = (): Term => 'value'
    expect(tryMatch(c, quoted(new List([quoted('a'), quoted(1), 2n ** 60n, 'value'])), [], 0, refs)).toBe(true)
    expect(tryMatch(c, new List(['a', 1, 2n ** 60n, 'other']), [], 0, refs)).toBe(false)
    expect(tryMatch(c, new List(['a', 2, 2n ** 60n, 'value']), [], 0, refs)).toBe(false)
    expect(tryMatch(c, new List([1, 'a', 2n ** 60n, 'value']), [], 0, refs)).toBe(false)
  })

  it('decide connectives without a search; sides of \\/ and ~ bind nothing', () => {
    const out: Term[] = []
    const run = (p: string, t: Term): boolean => {
      const { pattern: q, count } = pattern(p)
      out.length = 0
      return tryMatch(compilePattern(q, count), t, out, 0)
    }
    expect(run('x /\\ Int', 7)).toBe(true)
    expect(out).toEqual([7])
    expect(run('x /\\ Int', '7')).toBe(false)
    expect(run('[x, y \\/ [z ...r]]', new List([1, 2]))).toBe(true)
    expect(out).toEqual([1])
    expect(run('1 \\/ ~String', 'a')).toBe(false)
    expect(run('~{[1 ...r] \\/ 2}', 2)).toBe(false)
    expect(run('~{[1 ...r] \\/ 2}', 3)).toBe(true)
  })
})
