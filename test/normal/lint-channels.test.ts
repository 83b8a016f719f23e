import { describe, expect, it } from 'vitest'
import { sources } from '../../src/base/source.ts'
import { normalize } from '../../src/normal/normalize.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { parse } from '../../src/syntax/parser.ts'

/** Every L11 as `line:column message`. */
function found(text: string): string[] {
  const file = sources.add('channels.rho', text)
  try {
    const { program, lost } = parse(file)
    const { diagnostics } = normalize(program, { uris: new UriTable(), lost })
    return diagnostics
      .filter(d => d.code === 'L11')
      .map(d => {
        const place = sources.place(d.start)
        return `${place?.line}:${place?.column} ${d.message}${d.hint.startsWith('did you mean') ? `; ${d.hint}` : ''}`
      })
  } finally {
    sources.forget(file)
  }
}

describe('L11: what is sent and received on a private name can never meet', () => {
  const rows: Record<string, readonly string[]> = {
    'new greet in {\n  contract greet(@a, @b) = { @0!(a + b) } |\n  greet!(1) | greet!(2, 3) }': [
      '3:3 `greet` is sent 1 value here, but the contract at 2:12 takes 2',
    ],
    'new c in { c!() | for (@x <- c) { @0!(x) } }': ['1:12 `c` is sent 0 values here, but the receive at 1:30 takes 1'],
    'new c in { c!!(1) | for (@x, @y, ...@r <<- c) { @0!(x, y, r) } }': [
      '1:12 `c` is sent 1 value here, but the receive at 1:44 takes 2 or more',
    ],
    'new c in { c!(1) | for (<- c) { Nil } | for (_, _ <- c) { Nil } }': [
      '1:12 `c` is sent 1 value here, but the receive at 1:28 takes 0, and nothing takes 1',
    ],
    // The send that nothing takes is named with the receive that nothing else feeds.
    'new c in { c!(1) | c!(1, 2) | for (_ <- c) { Nil } | for (_, _, _ <- c) { Nil } }': [
      '1:20 `c` is sent 2 values here, but the receive at 1:70 takes 3, and nothing takes 2',
    ],
    'new c in { c!(1) | for (_ <- c) { Nil } | for (_, _ <- c) { Nil } }': [
      '1:56 this receive takes 2 values from `c`, but the send at 1:12 has 1',
    ],
    'new c in { c!(1) | c!(2) | for (_ <- c) { for (_, _, ...@_ <- c) { Nil } } }': [
      '1:63 this receive takes 2 or more values from `c`, but the send at 1:12 has 1, and no send fits',
    ],
    'new f in { contract f(@n) = { @0!(n) } | for (@v <- f!?(1)) { @1!(v) } }': [
      '1:53 `f` is sent 2 values here (the reply name counts), but the contract at 1:21 takes 1',
    ],
    'new f in { contract f(r, @n) = { r!(n) } | f!go(1). | f!?(2). }': [
      '1:44 `f` is sent 3 values here (reply name and method count), but the contract at 1:21 takes 2',
    ],
    'new c in { c!(1) | for (@x <- c?!) { @0!(x) } }': [
      '1:12 `c` is sent 1 value here, but the receive at 1:31 takes 2 (the reply name counts)',
    ],
    'new A in { agent A { constructor() { Nil } | default() { Nil } } | A!?(7). }': [
      '1:68 `A` is sent 2 values here (the reply name counts), but the agent at 1:18 takes 1 (the reply name counts)',
    ],
    'new a, b in { a!(1) | b!(2) | select { _ <- a => Nil _, _ <- b => Nil } | for (_ <- a & _ <- b) { Nil } }': [
      '1:62 this branch takes 2 values from `b`, but the send at 1:23 has 1',
    ],
    'new c in { for (@x <- c) { @0!(x) } }': ['1:23 nothing is ever sent on `c`: this receive waits for ever'],
    'new f in { contract f(@x) = { @0!(x) } | @"f"!(1) }': ['1:21 nothing is ever sent on `f`: this contract is never called'],
    'new c in { select { @x <- c => { @0!(x) } @x <- @1 => { @0!(x) } } }': [
      '1:27 nothing is ever sent on `c`: this branch is never taken',
    ],
    'new result, reslt in { reslt!(1) | for (@v <- result) { @0!(v) } }': [
      '1:47 nothing is ever sent on `result`: this receive waits for ever; did you mean `reslt`? It is sent to, but nothing receives from it',
    ],
    // Nobody sends the first message.
    'new n in { for (@x <- n) { n!(x + 1) } | contract n(@x, @y) = { if (x > y) { n!(y, x) } } }': [
      '1:23 all sends on `n` stand in the bodies of what receives from it: this receive waits for ever',
      '1:51 all sends on `n` stand in the bodies of what receives from it: this contract is never called',
    ],
    'new a, b in { for (@x <- a & @y <- b) { a!(x) | for (_ <- a) { b!(y) } } | b!(1) }': [
      '1:26 all sends on `a` stand in the bodies of what receives from it: this receive waits for ever',
    ],
  }
  for (const [program, expected] of Object.entries(rows)) it(program, () => expect(found(program)).toEqual(expected))
})

describe('L11 says nothing where somebody else may send or receive', () => {
  const quiet: Record<string, readonly string[]> = {
    'numbers that fit': [
      'new c in { c!(1) | for (@x <- c) { @0!(x) } }',
      'new c in { c!(1, 2, 3) | for (@x, ...@r <- c) { @0!(x, r) } }',
      'new f in { contract f(r, @n) = { r!(n) } | for (@v <- f!?(1)) { @0!(v) } | f!?(2). }',
      'new f in { contract f(r, @m, @n) = { r!(m, n) } | f!go(1); @0!(2) }',
      'new A in { agent A { constructor(@n) { @0!(n) } | default() { Nil } } | A!?(7). }',
    ],
    'the first message comes from elsewhere': [
      'new n in { for (@x <- n) { n!(x + 1) } | n!(0) }',
      'new n in { for (@x <- n) { n!(x + 1) } | for (@x <- @1) { n!(x) } }',
      'new n in { select { @x <- n => n!(x) @x <- @1 => n!(x) } }',
      'new c in { for (@a <- c!?(1); @b <- c) { @0!(a, b) } | for (r, @n <- c) { r!(n) | c!(1) } }',
    ],
    'messages that are only left': ['new c in { c!(1) }'],
    'a name that says by its underscore that nothing is sent': ['new _never in { for (_ <- _never) { Nil } }'],
    'the name is sent': [
      'new c in { @1!(*c) | for (@x <- c) { @0!(x) } }',
      'new c in { c!(1) | @1!([*c]) | for (_, _ <- c) { Nil } }',
      'new c in { c!(1) | @1!(bundle-{*c}) | for (_, _ <- c) { Nil } }',
      'new c in { c!(1, *c) | for (_ <- c) { Nil } }',
      'new c in { for (_ <- c) { Nil } | for (@p <- @1!?(*c)) { p } }',
      'new c, d in { d!?(*c). | for (_, @x <- d) { @x!(1) } | for (_ <- c) { Nil } }',
    ],
    'the name stands in code that is data': [
      'new c in { @1!({ c!(1) }) | for (_, _ <- c) { Nil } }',
      'new c in { @1!({ for (_ <- @2) { c!(1) } }) | for (_, _ <- c) { Nil } }',
      'new c in { match { c!(1) } { { @x!(1) } => { @x!(2, 3) } } | for (_, _ <- c) { Nil } }',
      'new c in { let p = { c!(1) } in { p } | for (_, _ <- c) { Nil } }',
      'new c in { @{ c!(1) }!(2) | for (_, _ <- c) { Nil } }',
      'new c in { [c!(1)].nth(0) | for (_, _ <- c) { Nil } }',
      'new c in { for (@p <- @1 where p == { c!(1) }) { p } | for (_, _ <- c) { Nil } }',
    ],
    'the name stands in a pattern, a guard or another name': [
      'new c in { for (@{=*c} <- @1) { Nil } | for (_ <- c) { Nil } }',
      'new c in { for (x <- @1 where *x == *c) { x!(1) } | for (_ <- c) { Nil } }',
      'new c in { @(*c, "part")!(1) | for (_ <- c) { Nil } }',
      'new c in { if (*c == *c) { c!(1) } | for (_, _ <- c) { Nil } }',
    ],
    'the name is not made here': [
      '@"c"!(1) | for (_, _ <- @"c") { Nil }',
      'for (c <- @1) { c!(1) | for (_, _ <- c) { Nil } }',
      'new out(`rho:io:stdout`) in { out!(1, 2) }',
    ],
    'a mistake elsewhere may be the cause': ['new c in { for (_ <- c) { Nil } | @0!(d) }'],
  }
  for (const [title, programs] of Object.entries(quiet))
    describe(title, () => {
      for (const program of programs) it(program, () => expect(found(program)).toEqual([]))
    })

  it('what follows data on the same line is running code again', () => {
    expect(found('new c in { @1!({ @2!(3) }) | c!(1) | for (_, _ <- c) { Nil } }')).toHaveLength(1)
    expect(found('new c in { c!({ @2!(3) }) | for (_, _ <- c) { Nil } }')).toHaveLength(1)
  })
})

describe('L11 on large programs', () => {
  it('looks at a `new` of eight mebibytes', () => {
    expect(found(`new c in { c!(1, 2) | for (_ <- c) { "${'x'.repeat(1 << 23)}" } }`)).toHaveLength(1)
  })

  it('looks at 65,537 sends and receives of one name', () => {
    const many = Array.from({ length: 65_536 }, (_, i) => (i % 2 === 0 ? 'c!(1)' : 'for (_ <- c) { Nil }')).join(' | ')
    expect(found(`new c in { ${many} | c!(1, 2) }`)).toHaveLength(1)
  })

  it('looks through 50,000 nested receives and 50,000 nested names', () => {
    const n = 50_000
    expect(found(`new c in { c!(1) | ${'for (_ <- c) { '.repeat(n)}for (_, _ <- c) { Nil }${' }'.repeat(n)} }`)).toHaveLength(1)
    expect(found(`${'new c in { c!(1) | '.repeat(n)}for (_, _ <- c) { Nil }${' }'.repeat(n)}`)).toEqual([
      `1:${19 * (n - 1) + 12} \`c\` is sent 1 value here, but the receive at 1:${19 * n + 14} takes 2`,
    ])
  })
})
