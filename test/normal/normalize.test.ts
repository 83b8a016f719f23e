import { describe, expect, it } from 'vitest'
import { equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import {
  type Bundle,
  Flag,
  flagsOf,
  freeOf,
  type If,
  type List,
  type Match,
  type New,
  type Par,
  type Receive,
  type Send,
  type Term,
} from '../../src/normal/term.ts'
import { read, termOf } from './program.ts'

/** Both programs have one normal form. */
function same(a: string, b: string): void {
  const x = termOf(a)
  const y = termOf(b)
  expect(equal(x, y), `${show(x)}\n≠\n${show(y)}`).toBe(true)
}

describe('sugar equals what it stands for', () => {
  const TABLE: Record<string, readonly (readonly [string, string])[]> = {
    'sequential receipts': [
      ['for (@a <- @1; @b <- @2; @c <- @3) { @0!(a, b, c) }', 'for (@a <- @1) { for (@b <- @2) { for (@c <- @3) { @0!(a, b, c) } } }'],
    ],
    contract: [['contract @"f"(@x, r, ...@s) = { r!(x, s) }', 'for (@x, r, ...@s <= @"f") { r!(x, s) }']],
    'synchronous send': [
      ['@1!?(2, 3).', 'new r in { @1!(*r, 2, 3) | for (...@_ <- r) { Nil } }'],
      ['@1!?(2); @0!(1)', 'new r in { @1!(*r, 2) | for (...@_ <- r) { @0!(1) } }'],
      ['new r in { r!?(*r); r!(1) }', 'new r in { new fresh in { r!(*fresh, *r) | for (...@_ <- fresh) { r!(1) } } }'],
    ],
    'call as a source': [
      ['for (@v <- @1!?(2)) { @0!(v) }', 'new r in { @1!(*r, 2) | for (@v <- r) { @0!(v) } }'],
      [
        'for (@v <- @1!?(2) & @w <- @3 & @u <- @4!?()) { @0!(u, v, w) }',
        'new r, s in { @1!(*r, 2) | @4!(*s) | for (@v <- r & @w <- @3 & @u <- s) { @0!(u, v, w) } }',
      ],
      ['new r in { for (r <- r!?(*r)) { r!(1) } }', 'new r in { new q in { r!(*q, *r) | for (s <- q) { s!(1) } } }'],
    ],
    'reply on a source': [
      ['for (@v, w <- @1?!) { @0!(v, *w) }', 'for (s, @v, w <- @1) { s!() | @0!(v, *w) }'],
      [
        'for (@v <- @1?! & @w <- @0?! where v < w) { @2!(v) | @2!(w) }',
        'for (s, @v <- @1 & t, @w <- @0 where v < w) { s!() | t!() | @2!(v) | @2!(w) }',
      ],
      ['for (@v <- @1?!; @w <- @2) { @0!(v, w) }', 'for (s, @v <- @1) { s!() | for (@w <- @2) { @0!(v, w) } }'],
      ['select { @v <- @1?! => { @0!(v) } }', 'select { s, @v <- @1 => { s!() | @0!(v) } }'],
    ],
    'method sends': [
      ['@1!add(2).', '@1!?("add", 2).'],
      ['@1!add(2); @0!(3)', '@1!?("add", 2); @0!(3)'],
      ['for (@v <- @1!add(2)) { @0!(v) }', 'for (@v <- @1!?("add", 2)) { @0!(v) }'],
    ],
    let: [
      ['let x, @[p], ...@r <- 1, [2], 3 in { x!(p, r) }', 'match [1, [2], 3] { [*x, [p] ...r] => { x!(p, r) } }'],
      ['let x = 1 in { @0!(x) }', 'let @x <- 1 in { @0!(x) }'],
      ['let @a <- 1; @b <- a in { @0!(a, b) }', 'let @a <- 1 in { let @b <- a in { @0!(a, b) } }'],
      ['let @a <- 1 & y = 2 in { @0!(a + y) }', 'new t, u in { t!(1) | u!(2) | for (@a <- t & @y <- u) { @0!(a + y) } }'],
      ['let _ <- 1 in { @0!(2) }', 'match [1] { [_] => { @0!(2) } }'],
    ],
    if: [['if (true) { @0!(1) }', 'if (true) { @0!(1) } else Nil']],
    agent: [
      [
        'new A in { agent A { constructor(@n, k) { k!(n, *this) } | method get(x, @[y], @*z, ...@w) { return!(x, y, *z, w) } | default(...@m) { @0!(m) } } }',
        `new A in { for (r, @n, k <= A) { new this, private in {
          for (...@args <= this) { match args { [*return, "get", x, [y], *z ...w] => { return!(x, y, *z, w) } m => { @0!(m) } } } |
          k!(n, *this) | r!(bundle+{*this}) } } }`,
      ],
      [
        `new A in { agent A { default() { Nil } | private default() { @0!(1) } | constructor() { private!("m") } | private method m(r) { this!(r) | return!(1) } |
          method a(args) { return!(args) } | method b() { private!(*return, "m", 1) } } }`,
        `new A in { for (r <= A) { new this, private in {
          for (...@args <= private) { match args { [*return, "m", r] => { this!(r) | return!(1) } _ => { @0!(1) } } } |
          for (...@args <= this) { match args { [*return, "a", v] => { return!(v) } [*return, "b"] => { private!(*return, "m", 1) } _ => { Nil } } } |
          private!("m") | r!(bundle+{*this}) } } }`,
      ],
    ],
  }
  for (const [title, rows] of Object.entries(TABLE))
    describe(title, () => {
      for (const [sugar, meaning] of rows) it(sugar, () => same(sugar, meaning))
    })

  it('makes names that programs cannot capture', () => {
    same(
      'new r, s, t, args in { r!?(*s, *t, *args); { s!(*r) | t!(*args) } }',
      'new r, s, t, args in { new f in { r!(*f, *s, *t, *args) | for (...@_ <- f) { s!(*r) | t!(*args) } } }',
    )
    same(
      'new args, r, A in { agent A { constructor() { r!(*args) } | default() { args!(1) } } }',
      'new args, r, A in { for (q <= A) { new this, private in { for (...@v <= this) { match v { _ => { args!(1) } } } | r!(*args) | q!(bundle+{*this}) } } }',
    )
  })
})

describe('the normal form', () => {
  it('flattens parallel composition, however it is nested, and drops Nil', () => {
    same('@0!(1) | {@0!(2) | {Nil | {@0!(3)}}} | *@{@0!(4) | Nil}', '@0!(4) | @0!(3) | @0!(2) | @0!(1)')
    same('new x in { x!(*x) | Nil }', 'new x in { x!(*x) }')
    same('{Nil | Nil}', '')
  })

  it('is the same for a name and what it quotes', () => {
    same('for (x <- @1) { @*x!(*@*x) }', 'for (@y <- @1) { @y!(y) }')
    same('for (@x <- @1) { @x!(1) }', 'for (x <- @1) { x!(1) }')
    same('@{*@{*@1}}!(2)', '@1!(2)')
  })

  it('sorts binds by source, whatever their order and the order of their variables', () => {
    same(
      'new a, b in { for (@x, @y <- a & @z <<- b where x < z) { @0!(x, y, z) } }',
      'new a, b in { for (@z <<- b & @x, @y <- a where x < z) { @0!(x, y, z) } }',
    )
    const receive = termOf('for (@x, @y <- @2 & @z <- @1) { @0!(x, y, z) }') as Receive
    expect(receive.binds.map(b => b.source)).toEqual([1, 2])
    expect(receive.binds.map(b => b.count)).toEqual([1, 2])
    expect(receive.count).toBe(3)
    // The body sees z as number 0, x and y as numbers 1 and 2.
    expect((receive.body as Send).data).toMatchObject([{ index: 1 }, { index: 0 }, { index: 2 }])
  })

  it('counts pattern variables from 0 in every bind and on every side of a connective', () => {
    const receive = termOf('for (@x, @y <- @1 & @[z, w] <- @2) { @0!(x, y, z, w) }') as Receive
    expect(receive.binds[0].patterns).toMatchObject([{ index: 0 }, { index: 1 }])
    expect((receive.binds[1].patterns[0] as List).items).toMatchObject([{ index: 0 }, { index: 1 }])
    const match = termOf('match 1 { [x, y \\/ [z, w], ~v, u] => { @0!(x, u) } }') as Match
    expect(match.cases[0].count).toBe(2)
    expect((match.cases[0].pattern as List).items).toMatchObject([
      { index: 0 },
      { parts: [{ index: 0 }, { items: [{ index: 0 }, { index: 1 }] }] },
      { body: { index: 0 } },
      { index: 1 },
    ])
  })

  it('numbers the variables of a parallel pattern in source order', () => {
    const match = termOf('match 1 { {@2!(y) | @1!(x)} => { @0!(x, y) } }') as Match
    expect((match.cases[0].pattern as Par).items).toMatchObject([
      { chan: 1, data: [{ index: 1 }] },
      { chan: 2, data: [{ index: 0 }] },
    ])
  })

  it('puts names without URI first and sorts the others by URI', () => {
    same(
      'new z(`rho:io:stderr`), y, x(`rho:io:devNull`) in { x!(1) | y!(2) | z!(3) }',
      'new y, x(`rho:io:devNull`), z(`rho:io:stderr`) in { x!(1) | y!(2) | z!(3) }',
    )
    const term = termOf('new z(`rho:io:stderr`), y, x(`rho:io:devNull`) in { y!(2) }') as New
    expect(term.uris).toEqual(['rho:io:devNull', 'rho:io:stderr'])
    expect((term.body as Send).chan).toMatchObject({ index: 2 })
  })

  it('combines the rights of nested bundles and flattens connectives', () => {
    expect(termOf('@0!(bundle+{bundle-{1}})') as Send).toMatchObject({ data: [{ rights: 0, body: 1 }] })
    expect((termOf('bundle+{bundle{2}}') as Bundle).rights).toBe(2)
    same('match 1 { (1 \\/ 2) \\/ {3 \\/ 4} => Nil }', 'match 1 { 1 \\/ 2 \\/ 3 \\/ 4 => Nil }')
    same('match 1 { 1 /\\ (2 /\\ 3) => Nil }', 'match 1 { (1 /\\ 2) /\\ 3 => Nil }')
  })

  it('sorts and merges sets and maps of values, the last of equal keys winning', () => {
    same('@0!(Set(3, 1, 2, 1))', '@0!(Set(1, 2, 3))')
    same('@0!({"k" : 1, "a" : 0, "k" : 2})', '@0!({"a" : 0, "k" : 2})')
  })

  it('computes nothing', () => {
    expect(equal(termOf('@0!(1 + 1)'), termOf('@0!(2)'))).toBe(false)
    expect(termOf('@0!(-0)')).toMatchObject({ data: [0] })
    expect(Object.is((termOf('@0!(-0)') as Send).data[0], 0)).toBe(true)
  })

  it('refers with `=x` to the nearest binding outside the pattern, counted from where the reference stands', () => {
    const outer = termOf('new a in { new b in { match 1 { {new c in { c!(=*a, =*b) }} => Nil } } }') as New
    const match = (outer.body as New).body as Match
    const send = (match.cases[0].pattern as New).body as Send
    expect(send.data).toMatchObject([
      { index: 2, star: true },
      { index: 1, star: true },
    ])
    // A pattern inside a pattern may refer to binders between the two.
    const nested = termOf('match 1 { {new y in { for (@{=*y} <- _) { Nil } }} => Nil }') as Match
    expect(((nested.cases[0].pattern as New).body as Receive).binds[0].patterns[0]).toMatchObject({ index: 0 })
    // The nearest binding inside the pattern does not count.
    const hidden = termOf('new y in { match 1 { {new y in { y!(=*y) }} => Nil } }') as New
    expect((((hidden.body as Match).cases[0].pattern as New).body as Send).data[0]).toMatchObject({ index: 1 })
  })

  it('binds afresh in patterns and resolves outer variables elsewhere', () => {
    same('new x in { for (x <- x) { x!(1) } }', 'new x in { for (y <- x) { y!(1) } }')
    same('match 1 { x => { match 2 { x => { @0!(x) } } } }', 'match 1 { y => { match 2 { z => { @0!(z) } } } }')
    same('for (@x <- @1; @y <- @x) { @0!(x, y) }', 'for (@a <- @1; @b <- @a) { @0!(a, b) }')
  })

  it('gives every piece of code the place where it was written', () => {
    const text = 'new x in { x!(1 + 2) | for (@a <- x; @b <- x) { Nil } }'
    const term = termOf(text) as New
    const cut = (t: Term): string => text.slice((t as Send).start, (t as Send).end)
    const [send, receive] = (term.body as Par).items
    expect(cut(term)).toBe(text)
    expect(cut(send)).toBe('x!(1 + 2)')
    expect(cut((send as Send).data[0])).toBe('1 + 2')
    expect(cut(receive)).toBe('for (@a <- x; @b <- x) { Nil }')
    expect(cut((receive as Receive).body)).toBe('@b <- x) { Nil }')
  })

  it('is closed, and no pattern, for a program without errors', () => {
    for (const text of [
      'new x in { for (@y <- x) { match y { [z, =y] => { @z!(1) } } } }',
      'match 1 { {for (@x <- c where x > 1) { d }} => { c!(d) } }',
    ]) {
      const term = termOf(text)
      expect(freeOf(term)).toBe(0)
      expect(flagsOf(term) & Flag.Pattern).toBe(0)
    }
  })
})

describe('open programs', () => {
  it('keep their free variables, numbered by first occurrence', () => {
    const { term, free, errors } = read('x!(y) | new z in { z!(y, *x) }', { open: true })
    expect(errors).toEqual([])
    expect(free).toEqual(['x', 'y'])
    const [send, inner] = (term as Par).items
    expect(send).toMatchObject({ chan: { index: 0 }, data: [{ index: 1 }] })
    expect((inner as New).body).toMatchObject({ chan: { index: 0 }, data: [{ index: 2 }, { index: 1 }] })
  })

  it('may refer to them in patterns and still know the two sorts', () => {
    const { free, errors } = read('match 1 { =y => { @0!(y) } } | @1!(*y)', { open: true })
    expect(free).toEqual(['y'])
    expect(errors).toEqual(['RHO205 1:37'])
  })
})

describe('size', () => {
  it('does not matter: 100 000 nested receives', () => {
    const n = 100_000
    const { errors, term } = read('for (@x <- @1) { '.repeat(n) + '@0!(x)' + ' }'.repeat(n))
    expect(errors).toEqual([])
    let depth = 0
    for (let t = term; (t as Receive).binds !== undefined; t = (t as Receive).body) depth++
    expect(depth).toBe(n)
  })

  it('does not matter: deep blocks, lists, conditions, lets, quotations, negations', () => {
    const n = 50_000
    const deep: [string, string, string][] = [
      ['{ 1 | ', 'Nil', ' }'],
      ['@0!([', '1', '])'],
      ['if (true) { ', '@0!(1)', ' }'],
      ['let @x <- 1 in { ', '@0!(x)', ' }'],
      ['new x in { ', '@0!(*x)', ' }'],
      ['bundle+{ ', '@0!(1)', ' }'],
      ['@0!?(1); ', '@0!(1)', ''],
    ]
    for (const [open, middle, close] of deep) {
      const text = open === '@0!([' ? '@0!(' + '['.repeat(n) + '1' + ']'.repeat(n) + ')' : open.repeat(n) + middle + close.repeat(n)
      expect(read(text).errors, open).toEqual([])
    }
    expect(read(`@0!(1 matches ${'~'.repeat(n)}1)`).errors).toEqual([])
    expect(read(`@0!(1 matches ${Array.from({ length: n }, (_, i) => i).join(' \\/ ')})`).errors).toEqual([])
  })

  it('does not matter: wide compositions, joins and chains of operators', () => {
    const n = 65_537
    const wide = termOf(Array.from({ length: n }, (_, i) => `@0!(${i})`).join(' | ')) as Par
    expect(wide.items.length).toBe(n)
    const sum = termOf(`@0!(${Array.from({ length: n }, () => '1').join(' + ')})`) as Send
    expect(freeOf(sum)).toBe(0)
    const join = termOf(`for (${Array.from({ length: 5000 }, (_, i) => `@x${i} <- @${i}`).join(' & ')}) { @"sum"!(x0 + x4999) }`) as Receive
    expect(join.count).toBe(5000)
    expect((termOf('if (true) { @0!(1) } else if (false) { @0!(2) }') as If).alternative).toMatchObject({ cond: false })
  })
})
