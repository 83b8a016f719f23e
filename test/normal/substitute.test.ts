import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makePar } from '../../src/normal/build.ts'
import { compare, equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import { close, instantiate, renumber, shift, substitute } from '../../src/normal/substitute.ts'
import {
  Bind,
  bound,
  Closure,
  components,
  forced,
  freeOf,
  List,
  New,
  NIL,
  Op,
  Receive as R,
  type Receive,
  Send,
  Tag,
  type Term,
} from '../../src/normal/term.ts'
import { closedTerm, names } from './arbitrary.ts'
import { read } from './program.ts'
import { term } from './terms.ts'

function open(source: string): Term {
  const r = read(source, { open: true })
  if (r.errors.length > 0) throw new Error(`${r.errors.join()} in ${source}`)
  return r.term
}

/** Open programs over the name `v`; where it stands as `*v` its value can be written instead. */
const templates = [
  '*v',
  '*v | 1 | @0!(*v)',
  '[*v, [*v], (*v, 2)]',
  'Set(3, *v, 1)',
  '{*v : 1, "k" : *v}',
  '@{*v}!(*v, @{*v}!(1))',
  'for (@y <- @{*v} & @z <- @"m") { @y!(z, *v) }',
  'for (@y <- @"m" & @z, @w <- @{*v} & @u <- @{[*v]} where y == z) { for (_ <- @{y}) { @z!(y, w, u, *v) } }',
  'new a in { a!(*v) | for (@{x} <- @{*v} & @k <- a & @l <- @"q") { a!(x, k, l, *v) } }',
  'match *v { 1 => { *v } [x, y] where x == {*v} => { @x!(y) } }',
  'if ({*v} == 1) { *v } else { @0!(*v) }',
  'bundle+{*v}',
  '{*v}.foo({*v})',
  '({*v} + 1) * -{*v}',
  'select { @x <- @{*v} & @y <- @"m" => { @0!(x, y, *v) } @z <- @"n" where z == {*v} => { *v } }',
  '{*v} matches [_, 1]',
]
const values = ['1', '"zz"', 'Nil', '{1 | 2}', '[3]', '{@"m"!(1)}', 'bundle-{7}', '"n"', '{for (@x <- @"c") { @x!(1) }}']

describe('closing over values', () => {
  it('gives the normal form of the program with the values written in place', () => {
    for (const t of templates) {
      for (const v of values) {
        const closed = close(open(t), [term(v)])
        const written = term(t.replaceAll('{*v}', `{${v}}`).replaceAll('*v', v.startsWith('{') ? v : `{${v}}`))
        expect([t, v, show(closed)]).toEqual([t, v, show(written)])
        expect(equal(closed, written)).toBe(true)
        expect(freeOf(closed)).toBe(0)
      }
    }
  })

  it('replaces references inside patterns', () => {
    const t = term('for (@x <- @"c") { match 1 { =x => { Nil } {for (@{=x} <- @y) { z }} => { Nil } } }') as Receive
    const body = instantiate(t.body, ['v'])
    expect(equal(body, term('match 1 { "v" => { Nil } {for (@{"v"} <- @y) { z }} => { Nil } }'))).toBe(true)
  })

  it('splices the value of a remainder, and leaves ++ where the value is no such collection', () => {
    expect(equal(close(new List([1], bound(0)), [new List([2, 3])]), new List([1, 2, 3]))).toBe(true)
    expect(equal(close(new List([1], bound(0)), ['no list']), new Op(Tag.Concat, new List([1]), 'no list'))).toBe(true)
  })

  it('shares what it does not change', () => {
    const closed = term('@0!([1, 2])')
    const t = new List([closed, bound(0)])
    expect((close(t, [5]) as List).items[0]).toBe(closed)
    expect(close(closed, [])).toBe(closed)
  })

  it('leaves variables alone for which there is no value', () => {
    const t = new List([bound(0), bound(1)])
    expect(
      equal(
        substitute(t, i => (i === 1 ? 'b' : undefined)),
        new List([bound(0), 'b']),
      ),
    ).toBe(true)
    expect(substitute(t, () => undefined)).toBe(t)
  })
})

describe('binders', () => {
  it('keep their own variables and renumber them when their binds change places', () => {
    // Bind 0 receives from the captured name, bind 1 from "m"; with "z" captured they stand the other way round.
    const r = new R(
      [new Bind([term('[1]')], null, bound(0), 0, 0), new Bind([NIL], null, 'm', 0, 0)].sort(() => 0),
      null,
      bound(0),
      0,
    )
    const z = close(r, ['z']) as Receive
    expect(z.binds.map(b => b.source)).toEqual(['m', 'z'])
    expect(z.body).toBe('z')
  })

  it('instantiate a body: variable k of n is Bound(n - 1 - k), the others move in', () => {
    const body = new List([bound(1), bound(0), bound(2)])
    expect(equal(instantiate(body, ['first', 'second']), new List(['first', 'second', bound(0)]))).toBe(true)
  })

  it('shift free variables only', () => {
    const t = new New(1, [], new Send(bound(0), [bound(1), bound(2)], false))
    expect(equal(shift(t, 2), new New(1, [], new Send(bound(0), [bound(3), bound(4)], false)))).toBe(true)
    expect(equal(shift(t, 2, 1), new New(1, [], new Send(bound(0), [bound(1), bound(4)], false)))).toBe(true)
    expect(equal(shift(shift(t, 5), -5), t)).toBe(true)
  })

  it('renumber the variables of one binder', () => {
    expect(
      equal(renumber(new List([bound(2), bound(1), bound(0), bound(3)]), [2, 0, 1]), new List([bound(0), bound(2), bound(1), bound(3)])),
    ).toBe(true)
  })
})

describe('laws', () => {
  it('closing in one step or in two is the same', () => {
    fc.assert(
      fc.property(closedTerm, closedTerm, (a, b) => {
        // Two binds that become alike in source and patterns are interchangeable: which of them comes first is then left to the order of substitution.
        fc.pre(!equal(a, b))
        const t = open('@{*v}!(*w, [*v | *w]) | for (@x <- @{*w} & @y <- @{*v}) { @0!(x, y, *v) } | Set(*w, *v)')
        const order = read('@{*v}!(*w, [*v | *w])', { open: true }).free
        expect(order).toEqual(['v', 'w'])
        const once = close(t, [a, b])
        const first = substitute(t, i => (i === 0 ? a : undefined))
        const twice = substitute(first, i => (i === 1 ? b : undefined))
        expect(equal(once, twice)).toBe(true)
        expect(compare(once, twice)).toBe(0)
      }),
    )
  })

  it('hold for names as for values', () => {
    const t = open('for (@x <- v) { v!(x) }')
    expect(show(close(t, [names[0]]))).toContain('Unforgeable')
  })
})

describe('deep terms', () => {
  it('closures that capture closures, 100 000 levels, are forced without recursion', () => {
    // Each stands beside a send, so that the one before must be known to put the components in order.
    const beside = new List([bound(1), makePar([new Send(bound(0), [], false), bound(1)])])
    let t: Term = NIL
    for (let i = 0; i < 100_000; i++) t = new Closure({ close: captures => close(beside, captures) }, [i, t])
    expect((forced(t) as List).items.length).toBe(2)
  })

  it('the same where closures must be compared and stand inside captured lists', () => {
    const twins = makePar([new Send('c', [bound(0), 1], false), new Send('c', [bound(0), 2], false), new Send('c', [bound(1)], false)])
    let t: Term = NIL
    for (let i = 0; i < 20_000; i++) t = new Closure({ close: captures => close(twins, captures) }, [new List([t]), new List([NIL, t])])
    expect(components(forced(t)).length).toBe(3)
  })

  it('processes that grow by one component are composed', () => {
    const grown = makePar([new Send(bound(0), [], false), bound(1)])
    let sum: Term = NIL
    for (let i = 0; i < 2_000; i++) sum = new Closure({ close: captures => close(grown, captures) }, [i, sum])
    expect(components(forced(sum)).length).toBe(2_000)
  })

  it('a hundred thousand nested receives whose binds change places are closed in linear time', () => {
    let t: Term = NIL
    for (let i = 0; i < 100_000; i++) {
      const binds = [new Bind([1], null, bound(0), 0, 0), new Bind([NIL], null, 'x', 0, 0)]
      t = new R(binds, null, t === NIL ? new Send(bound(0), [], false) : t, 0)
    }
    const closed = close(t, ['y']) as Receive
    expect(closed.binds.map(b => b.source)).toEqual(['x', 'y'])
    expect(freeOf(closed)).toBe(0)
  })

  it('an operator chain of 100 000 operands is closed', () => {
    let t: Term = bound(0)
    for (let i = 0; i < 100_000; i++) t = new Op(Tag.Add, t, bound(0))
    expect(freeOf(close(t, [1]))).toBe(0)
  })
})
