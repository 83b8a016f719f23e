import { describe, expect, it } from 'vitest'
import { parse, parseName } from '../../src/syntax/parser.ts'
import { show, tree } from '../support/tree.ts'

const reads = (cases: readonly (readonly [string, string])[]): void =>
  it.each(cases)('%s reads as %s', (text, value) => expect(tree(text)).toBe(value))

describe('precedence (the table of 2.2)', () => {
  reads([
    ['new x in P | Q', '(par (new x in P) Q)'],
    ['if (a) P | Q', '(par (if a P) Q)'],
    ['x!?(a); P | Q', '(par (sync x a; P) Q)'],
    ['let x = 1 in P | Q', '(par (let x = 1 in P) Q)'],
    ['a or b || c', '((a or b) || c)'],
    ['a or b and c', '(a or (b and c))'],
    ['a and b && c == d', '((a and b) && (c == d))'],
    ['a == b != c', '((a == b) != c)'],
    ['a == b < c', '(a == (b < c))'],
    ['a matches b < c', '(a matches (b < c))'],
    ['a < b <= c', '((a < b) <= c)'],
    ['a < b + c', '(a < (b + c))'],
    ['a ++ b - c', '((a ++ b) - c)'],
    ['a -- b ++ c + d', '(((a -- b) ++ c) + d)'],
    ['a + b * c', '(a + (b * c))'],
    ['a * b / c % d %% e', '((((a * b) / c) % d) %% e)'],
    ['a * -b', '(a * (- b))'],
    ['not a == b', '((not a) == b)'],
    ['not not a', '(not (not a))'],
    ['not -a', '(not (- a))'],
    ['-a + b', '((- a) + b)'],
    ['-x.m()', '(- (x.m))'],
    ['not x.m()', '(not (x.m))'],
    ['*x.m()', '(*x.m)'],
    ['*@x.m()', '(*@x.m)'],
    ['~p.m()', '((~ p).m)'],
    ['a \\/ b.m()', '((a \\/ b).m)'],
    ['a \\/ b + c', '((a \\/ b) + c)'],
    ['a \\/ b /\\ c', '(a \\/ (b /\\ c))'],
    ['a \\/ b \\/ c', '((a \\/ b) \\/ c)'],
    ['~a /\\ ~~b', '((~ a) /\\ (~ (~ b)))'],
    ['-a \\/ b', '(- (a \\/ b))'],
    ['x.m().n(1, 2)', '((x.m).n 1 2)'],
    ['1 + 2.add(3)', '(1 + (2.add 3))'],
    ['(a or b) and c', '((a or b) and c)'],
    ['y == bundle0{*x}', '(y == bundle0{*x})'],
    ['{ x!(1) } == y', '({(send x 1)} == y)'],
    ['@x /\\ Int!(1)', '(send @(x /\\ Int) 1)'],
    ['@x.get(1)!(2)', '(send @(x.get 1) 2)'],
    ['*@x \\/ y', '*@(x \\/ y)'],
    ['@-5!(1)', '(send @-5 1)'],
    ['@*x!(1)', '(send @*x 1)'],
  ])
})

describe('statements', () => {
  reads([
    ['x!(1, 2,)', '(send x 1 2)'],
    ['x!()', '(send x)'],
    ['x!!(a | b)', '(send!! x (par a b))'],
    ['_!(1)', '(send _ 1)'],
    ['@{}!(1)', '(send @{} 1)'],
    ['@"a"!(@"b"!(1))', '(send @"a" (send @"b" 1))'],
    ['x!?(1).', '(sync x 1.)'],
    ['x!?(1). | P', '(par (sync x 1.) P)'],
    ['x!?(1); y!?(2); P', '(sync x 1; (sync y 2; P))'],
    ['x!m(1).', '(sync.m x 1.)'],
    ['x!m(); P', '(sync.m x; P)'],
    ['new x, y(`rho:io:stdout`), in Nil', '(new x y`rho:io:stdout` in Nil)'],
    ['if (a) P else if (b) Q else R', '(if a P else (if b Q else R))'],
    ['if (a) if (b) P else Q', '(if a (if b P else Q))'],
    ['contract f(x, @y, ...@z) = { P | Q }', '(contract f <x @y ...z> (par P Q))'],
    ['contract @"f"(x,) = {}', '(contract @"f" <x> Nil)'],
    ['contract @f(x) = { x }', '(contract @f <x> x)'],
    ['contract f(x ...@_) = {}', '(contract f <x ..._> Nil)'],
    ['let @a, @b <- 3, 4; c = a * b in {P}', '(let <@a @b> <- 3 4 ; c = (a * b) in {P})'],
    ['let x <- P & ...@y <- Q, R in S', '(let <x> <- P & < ...y> <- Q R in S)'],
    ['let x =*y in P', '(let x = *y in P)'],
    ['let x = P | Q in R', '(let x = (par P Q) in R)'],
    ['a || b | c', '(par (a || b) c)'],
  ])
  it('|| needs no braces around its operands', () => expect(tree('a || b')).toBe('(a || b)'))
})

describe('receives', () => {
  reads([
    ['for (x <- c) {}', '(for <x> <- c do Nil)'],
    ['for ( <- c) { P }', '(for <> <- c do P)'],
    ['for (x, @y, _, @_ ...@r <- c) { P }', '(for <x @y _ @_ ...r> <- c do P)'],
    ['for (x <- c & @y <= d & _ <<- e) { P }', '(for <x> <- c & <@y> <= d & <_> <<- e do P)'],
    ['for (x <- c; y <- d where y == x; z <- e) { P }', '(for <x> <- c ; <y> <- d where (y == x) ; <z> <- e do P)'],
    ['for (x <- c?! & y <- d!?(1, 2) & z <- @"e"!m()) { P }', '(for <x> <- c?! & <y> <- d!?(1 2) & <z> <- @"e"!m() do P)'],
    ['for (@x<-c){P}', '(for <@x> <- c do P)'],
    ['for (where <- where where where) { P }', '(for <where> <- where where where do P)'],
    ['for (@{x | y} <- @{a!(1) | b!(1)}) { P }', '(for <@{(par x y)}> <- @{(par (send a 1) (send b 1))} do P)'],
    ['for (@=k <- c) { P }', '(for <@=k> <- c do P)'],
    [
      'select { <- s => {P} @n <- w where n > 1 => Q x <<- y & z <- v?! => R }',
      '(select [<> <- s => {P}] [<@n> <- w where (n > 1) => Q] [<x> <<- y & <z> <- v?! => R])',
    ],
  ])
  it('a select branch keeps forms that are reported later', () =>
    expect(tree('select { x <= c => P  x <- c; y <- d => P  x <- c!?(1) & y <- d!m(1) => P }')).toBe(
      '(select [<x> <= c => P bad <=] [<x> <- c & <y> <- d => P bad ;] [<x> <- c!?(1) & <y> <- d!m(1) => P bad !? bad !m])',
    ))
})

describe('match', () => {
  reads([
    ['match x { 1 => P }', '(match x [1 => P])'],
    ['match x { 1 => P 2 => Q _ => R }', '(match x [1 => P] [2 => Q] [_ => R])'],
    ['match {a!(1) | b} { {x!(1) | r} => { r } }', '(match {(par (send a 1) b)} [{(par (send x 1) r)} => {r}])'],
    ['match x { x!(1) | r => P }', '(match x [(par (send x 1) r) => P])'],
    ['match x { where => Nil }', '(match x [where => Nil])'],
    ['match x { y where y > 0 => P | Q z => R }', '(match x [y where (y > 0) => (par P Q)] [z => R])'],
    ['match x { 1 => {a!()} | b!() }', '(match x [1 => (par {(send a)} (send b))])'],
    ['match x { 1 => {a} -1 => {b} }', '(match x [1 => {a}] [-1 => {b}])'],
    ['match x { 1 => {a} *b => {c} }', '(match x [1 => {a}] [*b => {c}])'],
    ['match x { 1 => {} -1 => {} }', '(match x [1 => {}] [-1 => {}])'],
    ['match x { 1 => new y in {a} -1 => {b} }', '(match x [1 => (new y in {a})] [-1 => {b}])'],
    ['match x { 1 => if (c) {a} else {d} *b => {c} }', '(match x [1 => (if c {a} else {d})] [*b => {c}])'],
    ['match x { 1 => for (y <- z) {a} -1 => {b} }', '(match x [1 => (for <y> <- z do a)] [-1 => {b}])'],
    ['match x { 1 => a!(1) *b => {c} }', '(match x [1 => (send a 1)] [*b => {c}])'],
    ['match x { 1 => y (a, b) => {c} }', '(match x [1 => y] [(tuple a b) => {c}])'],
    ['match x { 1 => y [a] => {c} }', '(match x [1 => y] [[a] => {c}])'],
    ['match x { 1 => y =z => {c} =*z => {d} }', '(match x [1 => y] [=z => {c}] [=*z => {d}])'],
    ['match x { 1 => x!?(a). y => {c} }', '(match x [1 => (sync x a.)] [y => {c}])'],
    ['match x { {"a" : y ...r} => {y} {...r} => {r} }', '(match x [{"a":y ...r} => {y}] [{ ...r} => {r}])'],
    ['match x { 1 => {"k" : 2}.get("k") _ => {} }', '(match x [1 => ({"k":2}.get "k")] [_ => {}])'],
  ])
  it('a sign after a body that is no braced one continues it', () =>
    expect(tree('match x { 1 => a -1 | b 2 => {c} }')).toBe('(match x [1 => (par (a - 1) b)] [2 => {c}])'))
})

describe('collections and atoms', () => {
  reads([
    ['{}', '{}'],
    ['{ {} }', '{{}}'],
    ['{1 : 2, "a" : b | c,}', '{1:2 "a":(par b c)}'],
    ['{k : v ...r}', '{k:v ...r}'],
    ['{k : v, ...r}', '{k:v ...r}'],
    ['{..._}', '{ ..._}'],
    ['[]', '[]'],
    ['[1, x | y, x!(1),]', '[1 (par x y) (send x 1)]'],
    ['[a, b ...r]', '[a b ...r]'],
    ['[a, ...r]', '[a ...r]'],
    ['[...r]', '[ ...r]'],
    ['Set()', 'Set()'],
    ['Set(1, 2 ...r)', 'Set(1 2 ...r)'],
    ['{||}', '{||}'],
    ['{|"a", ["b"] ...r|}', '{|"a" ["b"] ...r|}'],
    ['()', '(tuple)'],
    ['(1)', '1'],
    ['(1,)', '(tuple 1)'],
    ['(1, x!(2), 3,)', '(tuple 1 (send x 2) 3)'],
    ['({ a | b })', '{(par a b)}'],
    ['bundle{} | bundle+{x} | bundle-{y} | bundle0{z}', '(par bundle{Nil} bundle+{x} bundle-{y} bundle0{z})'],
    ['*_ | *@1 | *@{x | y}', '(par *_ *@1 *@{(par x y)})'],
    ['=x | =*x', '(par =x =*x)'],
    ['Bool /\\ Int \\/ String /\\ ~Uri \\/ ByteArray', '(((Bool /\\ Int) \\/ (String /\\ (~ Uri))) \\/ ByteArray)'],
    ['true and false', '(true and false)'],
  ])
})

describe('agents and contextual words', () => {
  reads([
    [
      'agent A { constructor(x) { P } | method m(@y) { Q } | private method n() {} | default(...@z) { R } | private default() {} }',
      '(agent A [constructor <x> P] [method m<@y> Q] [private method n<> Nil] [default < ...z> R] [private default <> Nil])',
    ],
    ['agent @"A" { constructor() {} }', '(agent @"A" [constructor <> Nil])'],
    ['agent!(1) | agent', '(par (send agent 1) agent)'],
    ['agent and x', '(agent and x)'],
    ['let a = agent in { P }', '(let a = agent in {P})'],
    [
      'new where, agent in { where!(1) | agent!(2) | for (@method <- where) { @0!(method) } }',
      '(new where agent in {(par (send where 1) (send agent 2) (for <@method> <- where do (send @0 method)))})',
    ],
    ['match x { 1 => agent y => {z} }', '(match x [1 => agent] [y => {z}])'],
  ])
})

describe('positions', () => {
  const text = 'new x in {\n  x!(1 + 2) | (y) }'
  it('are base plus offset, end exclusive', () => {
    const { program } = parse({ name: 't', text, base: 1000 })
    expect([program.start, program.end]).toEqual([1000, 1000 + text.length])
    if (program.kind !== 'new' || program.body.kind !== 'block' || program.body.body.kind !== 'par') throw new Error('another tree')
    const [send, group] = program.body.body.items
    expect(text.slice(send.start - 1000, send.end - 1000)).toBe('x!(1 + 2)')
    expect(text.slice(group.start - 1000, group.end - 1000)).toBe('(y)')
    if (send.kind !== 'send' || send.args[0].kind !== 'binary') throw new Error('another tree')
    expect(text[send.args[0].opStart - 1000]).toBe('+')
  })
})

describe('one name', () => {
  const name = (text: string): string => {
    const { name, diagnostics } = parseName({ name: 'arg', text, base: 0 })
    return diagnostics.length > 0 ? diagnostics.map(d => d.code).join() : show(name)
  }
  it.each([
    ['@"x"', '@"x"'],
    ['@{a | b}', '@{(par a b)}'],
    [' x ', 'x'],
    ['@[1, 2]', '@[1 2]'],
  ])('%s', (text, value) => expect(name(text)).toBe(value))
  it.each(['', '"x"', '@x y', '@', '*x', '@1!(2)'])('%j is none', text => expect(name(text)).toBe('RHO102'))
})
