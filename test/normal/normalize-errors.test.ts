import { describe, expect, it } from 'vitest'
import { normalizeName } from '../../src/normal/normalize.ts'
import { SYSTEM_URIS, UriTable } from '../../src/normal/uris.ts'
import { read } from './program.ts'

/** Program, its errors as `CODE line:column`, and a part of the first hint. */
type Row = readonly [program: string, errors: readonly string[], hint?: string]

const TABLE: Record<string, readonly Row[]> = {
  'RHO201: a variable is not bound': [
    ['@0!(y)', ['RHO201 1:5']],
    ['new counter in { @0!(*countre) }', ['RHO201 1:23'], 'did you mean `counter`'],
    ['nobody!(1)', ['RHO201 1:1'], 'make it: new nobody in'],
    ['contract greet(@x) = { @0!(x) }', ['RHO201 1:10'], 'make it: new greet in'],
    ['@0!(nil)', ['RHO201 1:5'], 'did you mean `Nil`'],
    ['@0!(null)', ['RHO201 1:5'], 'did you mean `Nil`'],
    ['@0!(True)', ['RHO201 1:5'], 'did you mean `true`'],
    ['stdout!(1)', ['RHO201 1:1'], 'new stdout(`rho:io:stdout`) in'],
    ['new x in { x!(1) } | for (@v <- x) { @0!(v) }', ['RHO201 1:33'], 'visible only in the braces'],
    ['match 7 { x \\/ y => { @0!(x) } }', ['RHO201 1:27'], 'not visible outside'],
    ['match [1] { ~[x, y] => { @0!(x) } _ => { @0!(0) } }', ['RHO201 1:30'], 'not visible outside'],
    ['if (5 matches x) { @0!(x) }', ['RHO201 1:24'], 'not visible outside'],
    ['new c in { for (x <- c & y <- x) { @0!(1) } }', ['RHO201 1:31']],
    ['for (@x <- @0) { Nil } | @1!(x)', ['RHO201 1:30']],
    ['let @a <- 1 & @b <- a in { @0!(b) }', ['RHO201 1:21']],
    ['match 1 { 2 where z => Nil }', ['RHO201 1:19']],
    ['@0!(a, b) | @1!(a)', ['RHO201 1:5', 'RHO201 1:8', 'RHO201 1:17']],
    ['[1 ...r]', ['RHO201 1:7']],
    // A guard inside a pattern is compared as written: it binds nothing.
    ['new n in { match 1 { {for (@x <- @0 where x < y) { Nil }} => Nil } }', ['RHO201 1:47']],
    ['match 5 { lim => { match 1 { {for (@x <- @0 where x < lim) { Nil }} => @0!(lim) } } }', ['RHO201 1:55'], '`=lim`'],
    ['new r in { r!?(1). | @0!(s) }', ['RHO201 1:26']],
  ],
  'RHO202: `_` outside a pattern': [
    ['@0!(_)', ['RHO202 1:5']],
    ['_!(1)', ['RHO202 1:1']],
    ['for (@x <- _) { @0!(x) }', ['RHO202 1:12']],
    ['@0!(*_)', ['RHO202 1:6']],
    ['@0!([1 ..._])', ['RHO202 1:11']],
  ],
  'RHO203: pattern syntax outside a pattern': [
    ['@0!(Int)', ['RHO203 1:5']],
    ['@0!(1 /\\ 2)', ['RHO203 1:5']],
    ['@0!(1 \\/ 2 \\/ 3)', ['RHO203 1:5']],
    ['@0!(~1)', ['RHO203 1:5']],
    ['let x = 1 in { @0!(=x) }', ['RHO203 1:20']],
    ['new x in { @0!(=*x) }', ['RHO203 1:16']],
    // One mistake, one report: what stands in it is taken as a pattern.
    ['@0!(x /\\ ~[y, _, Int])', ['RHO203 1:5']],
    ['match 1 { x where x matches Int and Int => { @0!(x) } }', ['RHO203 1:37']],
  ],
  'RHO204: a name variable as a process': [
    ['new x in { x }', ['RHO204 1:12'], '`*x`'],
    ['contract @"f"(n) = { @0!(n + 1) }', ['RHO204 1:26'], '`*n`'],
    ['new x in { match 1 { =x => Nil } }', ['RHO204 1:22'], '`=*x`'],
    ['let x <- 1 in { @0!(x) }', ['RHO204 1:21'], '`*x`'],
    ['new r in { @0!([1 ...r]) }', ['RHO204 1:22']],
  ],
  'RHO205: a process variable as a name': [
    ['for (@x <- @"c") { x!(1) }', ['RHO205 1:20'], '`@x`'],
    ['for (@x <- @"c") { for (_ <- x) { Nil } }', ['RHO205 1:30'], '`@x`'],
    ['let x = 1 in { @0!(*x) }', ['RHO205 1:21'], '`@x`'],
    ['let x = 1 in { match 1 { =*x => Nil } }', ['RHO205 1:26'], '`=x`'],
    ['for (x, ...@rest <- @"c") { rest!(*x) }', ['RHO205 1:29']],
  ],
  'RHO206: a process variable twice in one pattern': [
    ['match 1 { [a, a] => { @0!(a) } }', ['RHO206 1:15'], 'guard'],
    ['match 1 { x /\\ x => { @0!(x) } }', ['RHO206 1:16']],
    ['for (@x <- @"a" & @x <- @"b") { @0!(x) }', ['RHO206 1:20']],
    ['match 1 { [r ...r] => { @0!(r) } }', ['RHO206 1:17']],
    ['match 1 { {x | [x]} => { @0!(x) } }', ['RHO206 1:17']],
    ['match 1 { [a, b, c, d, e, f, g, h, i, j, k, j] => Nil }', ['RHO206 1:45']],
    ['match 1 { ~[a, a] => Nil }', ['RHO206 1:16']],
    ['match 1 { [*x, x] => { x!(1) } }', ['RHO206 1:16']],
  ],
  'RHO207: a name variable twice in one pattern': [
    ['for (x <- @"a" & x <- @"b") { @0!(*x) }', ['RHO207 1:18'], 'rename'],
    ['contract @"f"(x, x) = { @0!(*x) }', ['RHO207 1:18']],
    ['let x, x <- 1, 2 in { @0!(*x) }', ['RHO207 1:8']],
    ['match 1 { {x!(1) | x!(2)} => { @0!(*x) } }', ['RHO207 1:20']],
  ],
  'RHO208: a reference to nothing': [
    ['match 1 { =y => Nil }', ['RHO208 1:11']],
    ['for (@{=*y} <- @"c") { Nil }', ['RHO208 1:8']],
    ['match [1, 1] { [x, =x] => { @0!(x) } }', ['RHO208 1:20'], 'own pattern'],
    ['let lamp = 1 in { match 1 { =lmap => Nil } }', ['RHO208 1:29'], 'did you mean `lamp`'],
  ],
  'RHO302: two binds of one join have the same source': [
    ['for (x <- @0 & y <- @0) { Nil }', ['RHO302 1:21'], '`;`'],
    ['new c, d in { for (x <- @{c!(1) | d!(1)} & y <- @{d!(1) | c!(1)}) { Nil } }', ['RHO302 1:49']],
    ['new c in { for (@1 <- c & @2 <- c) { Nil } }', ['RHO302 1:33']],
    ['for (@x <- @0 & @y <- @1 & @z <- @0) { Nil }', ['RHO302 1:34']],
    ['select { @x <- @0 & @y <- @0 => Nil }', ['RHO302 1:27']],
    ['new x in { for (<- @{*x} & <- x) { Nil } }', ['RHO302 1:31']],
  ],
  'RHO303: a bundle in a pattern has parts of a pattern': [
    ['match 1 { bundle+{_} => Nil }', ['RHO303 1:19'], 'opaque'],
    ['for (@{bundle0{x}} <- @"c") { @0!(x) }', ['RHO303 1:16']],
    ['match 1 { bundle-{1 \\/ 2} => Nil }', ['RHO303 1:19']],
    ['match 1 { bundle+{bundle-{[Int, ~3]}} => Nil }', ['RHO303 1:28', 'RHO303 1:33']],
  ],
  'RHO304: a form that `select` does not allow': [
    ['select { x <= @0 => Nil }', ['RHO304 1:12']],
    ['select { @x <- @0; @y <- @1 => { @0!(x) } }', ['RHO304 1:18']],
    ['select { @x <- @0!?(1) => { @0!(x) } }', ['RHO304 1:18']],
  ],
  'RHO401: a name twice in one `new`': [
    ['new x, x in Nil', ['RHO401 1:8'], 'rename'],
    ['new x, y, x in Nil', ['RHO401 1:11']],
    ['new o(`rho:io:stdout`), o in Nil', ['RHO401 1:25']],
  ],
  'RHO402: numbers of patterns and values': [
    ['let x, y <- 1 in { }', ['RHO402 1:5']],
    ['let @x <- 1, 2 in { @0!(x) }', ['RHO402 1:5']],
    ['let @x, @y, ...@r <- 1 in { @0!(x) }', ['RHO402 1:5']],
    ['let @a <- 1 & @b, @c <- 2 in { @0!(a) }', ['RHO402 1:15']],
    ['new A in { agent A { constructor() { Nil } | default(@x) { @0!(x) } } }', ['RHO402 1:54']],
  ],
  'RHO403: an agent member twice': [
    ['new A in { agent A { constructor() { Nil } | method m() { Nil } | method m() { Nil } | default() { Nil } } }', ['RHO403 1:67']],
    ['new A in { agent A { constructor() { Nil } | constructor(@x) { @0!(x) } | default() { Nil } } }', ['RHO403 1:46']],
    ['new A in { agent A { constructor() { Nil } | default() { Nil } | default() { Nil } } }', ['RHO403 1:66']],
  ],
  'RHO404: an agent member is missing': [
    ['new A in { agent A { default() { Nil } } }', ['RHO404 1:18'], 'constructor'],
    ['new A in { agent A { constructor() { Nil } } }', ['RHO404 1:18'], 'default'],
    ['new A in { agent A { constructor() { Nil } | default() { Nil } | private method m() { Nil } } }', ['RHO404 1:18'], 'private default'],
    ['new A in { agent A { constructor() { Nil } | default() { Nil } | private default() { Nil } } }', ['RHO404 1:18']],
  ],
  'RHO405: an unknown URI': [
    ['new o(`rho:io:stdou`) in Nil', ['RHO405 1:5'], 'did you mean `rho:io:stdout`'],
    ['if (false) { new g(`rho:ai:gpt4`) in Nil }', ['RHO405 1:18'], 'service of a chain node'],
    ['new v(`rho:rchain:revVault`) in Nil', ['RHO405 1:5'], 'service of a chain node'],
    ['new l(`rho:id:qrh6mgfp5z6orgchgszyxnuonanz7hw3amgrprqtciia6astt66ypn`) in Nil', ['RHO405 1:5'], 'rho:registry:lookup'],
  ],
  'RHO406: a URI that was not granted': [
    ['new f(`rho:io:file`) in Nil', ['RHO406 1:5'], '--allow-read'],
    ['new p(`rho:vm:primitive`) in Nil', ['RHO406 1:5'], '--allow primitives'],
    ['new s(`rho:vm:spawn`) in Nil', ['RHO406 1:5'], '--allow control'],
    ['new s(`rho:vm:self`) in Nil', ['RHO406 1:5'], '--allow control'],
  ],
  'whatever is wrong in brackets that are not closed': [
    ['new a in { for (@q <- a) { if (true) { @0!(zz) ', ['RHO201 1:44', 'RHO102 1:48']],
    ['{ for (y <- @1 & z <- @1) { Nil }', ['RHO302 1:23', 'RHO102 1:34']],
    ['contract @1(@x) = { @x!(y) | let z = 1 in { @2!(z, w)', ['RHO201 1:25', 'RHO201 1:52', 'RHO102 1:54']],
    ['match 1 { x => { @0!(xx) } y => { @0!(zz) }', ['RHO201 1:22', 'RHO201 1:39', 'RHO102 1:44']],
    ['match 1 { x where y => new z in { z', ['RHO201 1:19', 'RHO204 1:35', 'RHO102 1:36']],
    ['select { @x <- @1 where x => { @0!(y) } @z <- @2 => @0!(z, v)', ['RHO201 1:36', 'RHO201 1:60', 'RHO102 1:62']],
    ['select { @x <- @1 => let @y <- z <- in', ['RHO102 1:34', 'RHO102 1:39']],
    ['let @y <- z <- in { @0!(q) }', ['RHO102 1:13', 'RHO201 1:25']],
  ],
  'RHO407: a part of the language that is not available yet': [
    ['new h(`rho:crypto:sha256Hash`) in Nil', ['RHO407 1:5']],
    ['new l(`rho:lang:listOps`) in Nil', ['RHO407 1:5']],
    ['@0!({| 1, x |})', ['RHO407 1:5', 'RHO201 1:11']],
    ['@0!([1].readZipper())', ['RHO407 1:5']],
    ['match 1 { {| p |} => { @0!(p) } }', ['RHO407 1:11']],
  ],
}

describe('every static error is reported with its position', () => {
  for (const [title, rows] of Object.entries(TABLE))
    describe(title, () => {
      for (const [program, errors, hint] of rows)
        it(program, () => {
          const result = read(program)
          expect(result.errors).toEqual(errors)
          if (hint !== undefined) expect(result.diagnostics.find(d => d.severity === 'error')?.hint).toContain(hint)
        })
    })
})

describe('what is no error', () => {
  const FINE = [
    '',
    'Nil',
    'new x in { x!(1) | for (@y <- x) { @0!(y) } }',
    'for (@x <- @0; @x <- @0) { @0!(x) }',
    'for (a <- @0) { for (a <- a) { @0!(*a) } }',
    'match 2 { y => { match 2 { =y => { @0!(y) } } } }',
    'new a, b in { match *a { =*a => { @0!("same") } _ => { b!(1) } } }',
    'match [[2, 1], 3] { x /\\ ([y, 1] \\/ [_, 3]) => { @0!(x) } }',
    'match 1 { [x, y] \\/ [y, x] => Nil }',
    'match 1 { x /\\ ~x => { @0!(x) } }',
    'for (@{1 \\/ 2} <- @"c") { Nil }',
    'new k in { match 1 { bundle+{=*k} => Nil } }',
    'match 1 { {for (x <- _ & y <- _) { Nil }} => Nil }',
    'match 1 { {for (@x <- c) { @x!(y) }} => { c!(y) } }',
    'match 1 { {new x in { x!(*z) }} => { z!(1) } }',
    'match 1 { {contract f(x) = { x!(1) }} => { f!(1) } }',
    'let @a, @b <- 3, 4; c = a * b in { @0!((a, b, c)) }',
    'let @x, ...@r <- 1 in { @0!(x, r) }',
    'let @x, ...@r <- 1, 2, 3 in { @0!(x, r) }',
    'select { @x <- @0 & @y <<- @1 where x < y => { @0!(x) } r <- @2?! => { @0!(*r) } }',
    'new where, agent in { where!(1) | agent!(2) | for (@method <- where) { @0!(method) } }',
    'for (@lim <- @1) { for (@x <- @2 where x <= lim) { @0!(x) } }',
    '@0!(1 matches Int and 2 matches [x, x1 ...r] \\/ ~{=*q})'.replace('=*q', '_'),
    'match 1 { where where where > 0 => { @0!(where) } }',
  ]
  for (const program of FINE) it(program === '' ? 'the empty program' : program, () => expect(read(program).errors).toEqual([]))

  it('lets every available URI be bound that is granted', () => {
    const uris = new UriTable({ granted: ['read files', 'primitives', 'control', 'test'] })
    for (const { uri, available } of SYSTEM_URIS) expect(uris.check(uri)?.code, uri).toBe(available ? undefined : 'RHO407')
    expect(read('new f(`rho:io:file`) in Nil', { uris }).errors).toEqual([])
  })

  it('lets injected URIs be bound', () => {
    const uris = new UriTable({ injected: ['my:lamp'] })
    expect(read('new l(`my:lamp`) in Nil', { uris }).errors).toEqual([])
    expect(read('new l(`my:lamb`) in Nil', { uris }).diagnostics[0].hint).toContain('my:lamp')
    expect(read('new l(`my:lamp`) in Nil').errors).toEqual(['RHO405 1:5'])
  })
})

describe('errors together', () => {
  it('are all found in one run and stand in the order of their positions', () => {
    const program = `new stdout(\`rho:io:stdout\`) in {
      stdout!(ghost) |
      new x in { stdout!(x) } |
      for (@p <- @"c") { p!(1) } |
      match [1, 1] { [a, a] => { stdout!(1) } } |
      for (_ <- @0 & _ <- @0) { stdout!(2) } |
      new y, y in { Nil }
    }`
    expect(read(program).errors).toEqual(['RHO201 2:15', 'RHO204 3:26', 'RHO205 4:26', 'RHO206 5:26', 'RHO302 6:27', 'RHO401 7:14'])
  })

  it('do not follow from each other: two unbound sources are not the same source', () => {
    expect(read('for (@x <- g & @y <- h) { @0!(x + y) }').errors).toEqual(['RHO201 1:12', 'RHO201 1:22'])
  })

  it('are found beside syntax errors', () => {
    const { errors } = read('@0!(ghost) | @1!(1')
    expect(errors).toContain('RHO201 1:5')
    expect(errors.some(e => e.startsWith('RHO102'))).toBe(true)
  })

  it('cost no more than linear time for "did you mean"', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `name${i}`)
    const program = `new ${names.join(', ')} in { ${names.map(n => `@0!(x${n})`).join(' | ')} }`
    const { errors } = read(program)
    expect(errors.length).toBe(3000)
  })
})

describe('names that are unbound only because of a syntax error', () => {
  it.each([
    ['contract f(@i, @n out) = { @0!(i + n) | out!(n) }', ['RHO201 1:10', 'RHO102 1:19']],
    ['new a, b( , c in { a!(1) | b!(2) | c!(3) }', ['RHO102 1:11']],
    ['new a in { a!(1) } } | a!(2) | a!(3)', ['RHO102 1:20']],
    ['new a in { @0!([} 0, 1]) | a!(1) }', ['RHO102 1:17', 'RHO105 1:19', 'RHO102 1:20', 'RHO102 1:34']],
    ['for (@x <- @0 & @y < @1) { @2!(x + y) }', ['RHO102 1:20']],
    ['match 1 { [x, y => { @0!(x + y) } }', ['RHO102 1:17']],
  ])('%s', (program, errors) => expect(read(program).errors).toEqual(errors))

  it('do not hide the others', () => {
    expect(read('@0!(1 +) | @1!(y)').errors).toEqual(['RHO102 1:8', 'RHO201 1:16'])
    expect(read('new a in { a!(1) } } | b!(2)').errors).toEqual(['RHO102 1:20', 'RHO201 1:24'])
    expect(read('f!(1 +) | g!(f)').errors).toEqual(['RHO201 1:1', 'RHO102 1:7', 'RHO201 1:11', 'RHO201 1:14'])
  })
})

describe('a name on its own', () => {
  it('is normalised for questions about a channel', () => {
    const at = { start: 0, end: 1 }
    const uris = new UriTable()
    const result = normalizeName({ kind: 'quote', body: { kind: 'string', value: 'x', ...at }, ...at }, { uris })
    expect(result).toEqual({ term: 'x', diagnostics: [] })
    expect(normalizeName({ kind: 'var', name: 'y', ...at }, { uris }).diagnostics.map(d => d.code)).toEqual(['RHO201'])
  })
})
