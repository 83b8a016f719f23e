/** Every construct nested or chained deeply goes through everything: parsing, formatting, printing, images, running, matching. */
export const DEPTH = 4_000
const nest = (open: string, close: string, core = 'Nil', n = DEPTH): string => open.repeat(n) + core + close.repeat(n)
const chain = (each: string, n = DEPTH): string => each.repeat(n)
/** Data of some depth is sent, and taken apart again by a pattern as deep. */
const there = (open: string, close: string): string =>
  `@"c"!(${nest(open, close, '1')}) | for (@{${nest(open, close, 'y')}} <- @"c") { @"d"!(y) }`

export const DEEP: Record<string, string> = {
  lists: there('[', ']'),
  tuples: there('(', ',)'),
  sets: there('Set(', ')'),
  maps: there('{"a" : ', '}'),
  'map keys': `@"c"!(${nest('{', ' : 1}', '1')}) | for (@{k : _} <- @"c") { @"d"!({k : 1}.size()) }`,
  'sends in sends': there('@0!(', ')'),
  'names in names': `@"c"!({${nest('@{', '!(1)}', '@0')}!(2)}) | for (_ <- @"c") { @"d"!(1) }`,
  'quotes and drops': `@"d"!(${nest('*@{', '}', '1')})`,
  'quoted receives': there('for (_ <- @0) { ', ' }'),
  'quoted news': there('new x in { ', ' }'),
  'quoted bundles': `@"c"!(${nest('bundle+{ [', '] }', '1')}) | for (_ <- @"c") { @"d"!(1) }`,
  receives: `${nest('for (@x <- @0) { @0!(x) | ', ' }', '@"d"!(1)')} | @0!(5)`,
  'receives that capture': `new a in { ${nest('for (@x <- a) { a!(x) | ', ' }', '@"d"!(1)')} | a!(5) }`,
  receipts: `for (${chain('@x <- @0; ')}@y <- @0) { @"d"!(y) } | @0!!(1)`,
  news: nest('new x in { x!(1) | ', ' }', '@"d"!(1)'),
  matches: `for (@z <- @0) { ${nest('match z { y => { ', ' } }', '@"d"!(y)')} } | @0!(1)`,
  ifs: nest('if (1 < 2) { ', ' }', '@"d"!(1)'),
  'else ifs': nest('if (1 == 2) { Nil } else ', '', '@"d"!(1)'),
  'running bundles': nest('bundle+{ ', '}', '@"d"!(1)'),
  negations: `match 1 { ${nest('~', '', '1', 2 * DEPTH)} => { @"d"!(1) } }`,
  conjunctions: `match 1 { ${chain('_ /\\ ')}x => { @"d"!(x) } }`,
  disjunctions: `match 1 { ${nest('2 \\/ {', '}', '1')} => { @"d"!(1) } }`,
  'synchronous sends': `${chain('@0!?(1); ')}@"d"!(1) | contract @0(r, @x) = { r!(x) }`,
  'sources with replies': `${nest('for (_ <- @0!?(1)) { ', ' }', '@"d"!(1)')} | contract @0(r, @x) = { r!(x) }`,
  sums: `@"d"!(1${chain(' + 1')})`,
  'sums to the right': `@"d"!(${nest('1 + (', ')', '1')})`,
  'short circuits': `@"d"!(${nest('false || (', ')', 'true')} && ${chain('true && ')}true)`,
  minuses: `@"d"!(${nest('- ', '', '1')})`,
  methods: `@"d"!([1]${chain('.reverse()')})`,
  'arguments of methods': `@"d"!(${nest('1.max(', ')', '1')})`,
  'parallel data': `@0!({${chain('@0!(1) | ')}1}) | for (@{1 | x} <- @0) { @"d"!(1) }`,
  lets: `let ${chain('x = 1; ')}y = 2 in { @"d"!(y) }`,
  'blocks and parentheses': nest('{', '}', `@"d"!(${nest('(', ')', '1')})`),
  contracts: `@"d"!(1) | ${nest('contract @0(@x) = { ', ' }', '@0!(x)')} | @0!(1)`,
  selects: `${nest('select { @x <- @0 => { ', '} }', '@"d"!(x)')} | @0!!(1)`,
  agents: `${nest('agent @0 { constructor() { ', '} | default() {} }', 'Nil')} | @"d"!(1)`,
  guards: `for (@x <- @0 where ${nest('not (', ')', 'x')}) { @"d"!(x) } | @0!(true)`,
  'a value that grows': `contract @0(@n, @l) = { if (n == 0) { @"d"!(l == l, l.show().length(), Set(l, [l]).size()) } else { @0!(n - 1, [l]) } } | @0!(${DEPTH}, [])`,
  'code that grows': `contract @0(@n, @p) = { if (n == 0) { @"d"!(p.show().length() > n) } else { @0!(n - 1, {for (_ <- @1) { p }}) } } | @0!(${DEPTH}, Nil)`,
}
