import type { Code } from '../base/codes.ts'

/** The pages of `rho explain`: why the code appears, a program that causes it and one that mends it. A test runs all of them. */
export interface Page {
  readonly why: string
  /** Empty for codes that no program causes. */
  readonly bad: string
  readonly good: string
  /** Flags of `rho run` that both programs need to show the difference, and those that only the mended one gets. */
  readonly flags?: readonly string[]
  readonly goodFlags?: readonly string[]
}

export const PAGES: Readonly<Record<Code, Page>> = {
  RHO101: {
    why: 'The text cannot be split into words: an illegal character, an unknown escape, a string, URI or comment that does not end, a malformed number. Escapes are \\n \\t \\r \\0 \\\\ \\" and \\u{…}.',
    bad: '@"path"!("C:\\dir")',
    good: '@"path"!("C:\\\\dir")',
  },
  RHO102: {
    why: 'At this place the grammar expects something else; the message says what. All syntax errors of a file are reported together.',
    bad: '@"c"!(1',
    good: '@"c"!(1)',
  },
  RHO103: {
    why: 'Parentheses group expressions only. A process (a send, a receive, `new`, `|` …) is grouped with braces; a tuple of one element is `(P,)`.',
    bad: '@"c"!((@"a"!(1)))',
    good: '@"c"!({@"a"!(1)})',
  },
  RHO104: {
    why: 'An Int has 64 bits with sign. Larger numbers are BigInts and end in `n`; widths are powers of two from 8; a rational has a denominator other than zero.',
    bad: '@"c"!(9223372036854775808)',
    good: '@"c"!(9223372036854775808n)',
  },
  RHO105: {
    why: 'Processes run side by side only if `|` stands between them. There is no sequence by juxtaposition.',
    bad: '@"a"!(1) @"b"!(2)',
    good: '@"a"!(1) | @"b"!(2)',
  },
  RHO106: {
    why: 'Brackets are nested deeper than the limit. It protects against generated text; raise it with --max-nesting.',
    bad: '@"c"!([[[[[[[[1]]]]]]]])',
    good: '@"c"!([1])',
    flags: ['--max-nesting', '6'],
  },
  RHO201: {
    why: 'Every variable is bound by `new`, `for`, `contract`, `let`, an agent or a pattern around it. What `\\/` and `~` bind stays inside them.',
    bad: 'new stdout(`rho:io:stdout`) in { stdut!("hello") }',
    good: 'new stdout(`rho:io:stdout`) in { stdout!("hello") }',
  },
  RHO202: { why: '`_` means "anything" and so makes sense in patterns only.', bad: '@"c"!(_)', good: '@"c"!(1) | for (_ <- @"c") { Nil }' },
  RHO203: {
    why: '`/\\`, `\\/`, `~`, `=x` and the type words Bool, Int, String, Uri, ByteArray are patterns. Use them in `match`, in `matches` and in receives.',
    bad: '@"c"!(Int)',
    good: '@"c"!(5 matches Int)',
  },
  RHO204: {
    why: '`x` is a name here (a channel). What it quotes is `*x`; in a pattern the value of an outer name is `=*x`.',
    bad: 'new x in { @"c"!(x) }',
    good: 'new x in { @"c"!(*x) }',
  },
  RHO205: {
    why: '`x` is a process here (data or code). The name that quotes it is `@x`; in a pattern the value of an outer process variable is `=x`.',
    bad: 'for (@x <- @"c") { x!(1) }',
    good: 'for (@x <- @"c") { @x!(1) }',
  },
  RHO206: {
    why: 'A pattern binds each variable once. To ask for equal parts bind two variables and compare them in a guard.',
    bad: 'match [1, 1] { [a, a] => { @"c"!(a) } }',
    good: 'match [1, 1] { [a, b] where a == b => { @"c"!(a) } }',
  },
  RHO207: {
    why: 'All binds of one receive share a scope, so each name variable occurs once in it.',
    bad: 'for (x <- @"a" & x <- @"b") { x!(1) }',
    good: 'for (x <- @"a" & y <- @"b") { x!(1) | y!(1) }',
  },
  RHO208: {
    why: '`=y` in a pattern compares with the value of a `y` that is bound outside the pattern; there is none.',
    bad: 'match 1 { =y => { @"c"!("same") } }',
    good: 'let y = 1 in { match 1 { =y => { @"c"!("same") } } }',
  },
  RHO302: {
    why: 'A join takes one message from each of its channels at once; with the same channel twice that is almost always a slip. To take two messages one after the other write `;`.',
    bad: 'for (@x <- @"a" & @y <- @"a") { @"c"!(x + y) }',
    good: 'for (@x <- @"a"; @y <- @"a") { @"c"!(x + y) }',
  },
  RHO303: {
    why: 'Bundles are opaque: a pattern cannot look inside. Bind the whole bundle, or compare with a known one.',
    bad: 'new x in { match bundle+{*x} { bundle+{_} => { @"c"!("write-only") } } }',
    good: 'new x in { match bundle+{*x} { whole => { @"c"!(whole) } } }',
  },
  RHO304: {
    why: 'A branch of `select` takes `<-`, `?!` and peeks `<<-`, joined by `&`. Persistent arrows, `;` and sends in the source have no meaning there.',
    bad: 'select { @x <= @"in" => { @"c"!(x) } }',
    good: 'select { @x <- @"in" => { @"c"!(x) } }',
  },
  RHO401: { why: 'One `new` makes different names.', bad: 'new x, x in { x!(1) }', good: 'new x, y in { x!(1) | y!(2) }' },
  RHO402: {
    why: 'A `let` has as many values as patterns, or at least as many if it ends in `...@rest`; `default` of an agent takes `()` or `(...@message)`.',
    bad: 'let @x, @y <- 1 in { @"c"!(x + y) }',
    good: 'let @x, @y <- 1, 2 in { @"c"!(x + y) }',
  },
  RHO403: {
    why: 'An agent has one constructor, one default and each method once.',
    bad: 'new A in { agent A { constructor() { Nil } | method m() { Nil } | method m() { Nil } | default() { Nil } } }',
    good: 'new A in { agent A { constructor() { Nil } | method m() { Nil } | method n() { Nil } | default() { Nil } } }',
  },
  RHO404: {
    why: 'An agent needs exactly one constructor and one default, and a private default when it has private methods.',
    bad: 'new A in { agent A { constructor() { Nil } | method m() { Nil } } }',
    good: 'new A in { agent A { constructor() { Nil } | method m() { Nil } | default() { Nil } } }',
  },
  RHO405: {
    why: 'No system channel, library or injected name has this URI. Registered contracts (`rho:id:…`) are looked up with `rho:registry:lookup`.',
    bad: 'new out(`rho:io:stdut`) in { out!(1) }',
    good: 'new out(`rho:io:stdout`) in { out!(1) }',
  },
  RHO406: {
    why: 'The channel gives power over something outside; the person who starts the program grants it with a flag.',
    bad: 'new file(`rho:io:file`), got in { file!("list", "", *got) }',
    good: 'new file(`rho:io:file`), got in { file!("list", "", *got) }',
    goodFlags: ['--allow-read', '.'],
  },
  RHO407: {
    why: 'The language defines this and this version of Rhizome does not run it yet: path maps, crypto, registry, context and library channels.',
    bad: '@"c"!({| ["a"], ["b"] |})',
    good: '@"c"!(Set(["a"], ["b"]))',
  },
  RHO501: {
    why: 'The name came in a bundle without the right to write (`bundle-` or `bundle0`).',
    bad: 'new x in { @{bundle-{*x}}!(1) }',
    good: 'new x in { @{bundle+{*x}}!(1) }',
  },
  RHO502: {
    why: 'The name came in a bundle without the right to read (`bundle+` or `bundle0`). System channels are write-only.',
    bad: 'new stdout(`rho:io:stdout`) in { for (@x <- stdout) { @"c"!(x) } }',
    good: 'new x in { for (@v <- x) { @"c"!(v) } | x!(1) }',
  },
  RHO503: {
    why: 'An operand or receiver must be exactly one value, not Nil, a name, code or several processes in parallel.',
    bad: '@"c"!(Nil + 1)',
    good: '@"c"!(0 + 1)',
  },
  RHO504: {
    why: '`*`, `/`, `%`, unary `-`, `abs` and `pow` of Ints fail when the result does not fit 64 bits (`+` and `-` wrap around). BigInts have no bound.',
    bad: '@"c"!(9223372036854775807 * 2)',
    good: '@"c"!(9223372036854775807n * 2n)',
  },
  RHO505: {
    why: 'The divisor is zero. Decide what that case means before dividing.',
    bad: 'for (@d <- @"d") { @"c"!(100 / d) } | @"d"!(0)',
    good: 'for (@d <- @"d") { if (d == 0) { @"c"!("none") } else { @"c"!(100 / d) } } | @"d"!(0)',
  },
  RHO506: { why: 'Indices count from 0 to length - 1.', bad: '@"c"!(["a", "b"].nth(2))', good: '@"c"!(["a", "b"].nth(1))' },
  RHO507: {
    why: '`<` `<=` `>` `>=` compare two Bools, two Strings, or two numbers of one kind. Convert one side first.',
    bad: 'for (@x <- @"x") { @"c"!(x < "10") } | @"x"!(9)',
    good: 'for (@x <- @"x") { @"c"!(x < "10".toInt()) } | @"x"!(9)',
  },
  RHO508: { why: 'No method has this name.', bad: '@"c"!([1, 2].lenght())', good: '@"c"!([1, 2].length())' },
  RHO509: {
    why: '`and`, `or`, `not`, `&&`, `||` take Bools; indices and counts are Ints.',
    bad: 'for (@n <- @"n") { @"c"!(n and true) } | @"n"!(1)',
    good: 'for (@n <- @"n") { @"c"!(n != 0 and true) } | @"n"!(1)',
  },
  RHO510: {
    why: 'The operator has no meaning on the type of its left operand.',
    bad: 'for (@s <- @"s") { @"c"!(s - "b") } | @"s"!("ab")',
    good: 'for (@s <- @"s") { @"c"!(s.replace("b", "")) } | @"s"!("ab")',
  },
  RHO511: {
    why: 'The right operand does not fit the left one. Nothing is converted implicitly, numbers neither: 1 + 1n is an error too.',
    bad: 'for (@n <- @"n") { @"c"!("total " ++ n) } | @"n"!(5)',
    good: 'for (@n <- @"n") { @"c"!("total " ++ n.toString()) } | @"n"!(5)',
  },
  RHO512: {
    why: 'The method exists, but not on this type.',
    bad: 'for (@n <- @"n") { @"c"!(n.length()) } | @"n"!(55)',
    good: 'for (@n <- @"n") { @"c"!(n.toString().length()) } | @"n"!(55)',
  },
  RHO513: { why: 'The method takes another number of arguments.', bad: '@"c"!("abc".slice(1))', good: '@"c"!("abc".slice(1, 3))' },
  RHO514: {
    why: 'The condition of `if` is exactly one Bool; numbers and Nil are not conditions.',
    bad: 'for (@n <- @"n") { if (n) { @"c"!(n) } } | @"n"!(1)',
    good: 'for (@n <- @"n") { if (n > 0) { @"c"!(n) } } | @"n"!(1)',
  },
  RHO515: {
    why: 'The message had the right number of values for the system channel, but one of them is of the wrong kind. The place is that of the send.',
    bad: 'new log(`rho:io:stdlog`) in { log!("loud", "started") }',
    good: 'new log(`rho:io:stdlog`) in { log!("info", "started") }',
  },
  RHO516: {
    why: 'The value has no counterpart in the other type, or the argument is outside what the method accepts.',
    bad: '@"c"!("forty".toInt())',
    good: '@"c"!("40".toInt())',
  },
  RHO517: { why: 'Floats have no remainder here. Use Ints, or divide and round.', bad: '@"c"!(5.5 % 2.0)', good: '@"c"!(5 % 2)' },
  RHO518: {
    why: 'In `text %% map` the keys are Strings and the values Strings, Uris, numbers or Bools. Turn other values into text first.',
    bad: '@"c"!("list: ${l}" %% {"l" : [1, 2]})',
    good: '@"c"!("list: ${l}" %% {"l" : [1, 2].show()})',
  },
  RHO519: {
    why: 'The method works on another kind of value.',
    bad: 'for (@n <- @"n") { @"c"!(n.nth(0)) } | @"n"!(5)',
    good: 'for (@n <- @"n") { @"c"!([n].nth(0)) } | @"n"!(5)',
  },
  RHO520: {
    why: 'A primitive that the embedding program registered through the API threw or answered with something that is no value. Only the machine that called it stops; the message says what went wrong inside.',
    bad: '',
    good: '',
  },
  RHO601: {
    why: 'The program (--gas) or the machine (--machine-gas) has done all the work it was given phlogiston for. What it did stays.',
    bad: 'new loop in { contract loop(@n) = { loop!(n + 1) } | loop!(0) }',
    good: '@"c"!(1)',
    flags: ['--gas', '5000'],
  },
  RHO602: {
    why: 'The program sent a reason to `rho:execution:abort`: all its machines stop. What it did before stays, unless it runs with --on-error rollback.',
    bad: 'new abort(`rho:execution:abort`) in { abort!("the ledger does not balance") }',
    good: 'new stdout(`rho:io:stdout`) in { stdout!("the ledger balances") }',
  },
  RHO603: {
    why: 'Matching a pattern took more comparisons than its budget. Patterns with several open parts over large parallel terms or sets are the expensive ones: make parts concrete, or raise --match-budget.',
    bad: 'match Set(1, 2, 3, 4, 5, 6, 7, 8) { Set(a, b, c, d, e, f, g, g1) where a == 8 and b == 7 and c == 6 => { @"c"!(a) } }',
    good: 'match [1, 2] { [a, b] => { @"c"!(a) } }',
    flags: ['--match-budget', '1000'],
  },
  RHO604: {
    why: 'A limit other than phlogiston: size of one value, memory, machines, children, queue length. The message names it and the flag that raises it.',
    bad: '@"c"!("ab".repeat(1000))',
    good: '@"c"!("ab".repeat(10))',
    flags: ['--max-value-bytes', '200'],
  },
  RHO699: {
    why: 'Rhizome broke one of its own rules. This is never the fault of a program: please report it with the program that shows it.',
    bad: '',
    good: '',
  },
  L01: {
    why: 'What a pattern or a `new` binds is not used. Write `_` if that is meant.',
    bad: 'for (@x, @y <- @"in") { @"c"!(x) }',
    good: 'for (@x, _ <- @"in") { @"c"!(x) }',
  },
  L02: {
    why: 'The inner variable hides an outer one of the same name; inside, the outer one cannot be reached.',
    bad: 'new x in { x!(0) | new x in { x!(1) } }',
    good: 'new x in { x!(0) | new y in { y!(1) } }',
  },
  L03: {
    why: 'As a statement an expression does nothing and is not even evaluated. Send the value somewhere.',
    bad: '1 + 2 | @"c"!(0)',
    good: '@"c"!(1 + 2)',
  },
  L04: {
    why: 'A persistent send and a persistent receive on one channel meet for ever. Make one of them linear.',
    bad: 'new tick in { tick!!(1) | for (_ <= tick) { Nil } }',
    good: 'new tick in { tick!(1) | for (_ <= tick) { Nil } }',
  },
  L05: {
    why: 'An earlier case without guard takes everything that this one could take. Cases are tried in source order.',
    bad: 'for (@n <- @"n") { match n { x => { @"c"!(x) } 0 => { @"c"!("zero") } } }',
    good: 'for (@n <- @"n") { match n { 0 => { @"c"!("zero") } x => { @"c"!(x) } } }',
  },
  L06: {
    why: 'The name is bound to a system channel, which is write-only: the receive will fail with RHO502.',
    bad: 'new stdout(`rho:io:stdout`) in { for (@x <- stdout) { @"c"!(x) } }',
    good: 'new stdout(`rho:io:stdout`) in { for (@x <- @"in") { stdout!(x) } }',
  },
  L07: {
    why: 'The number does not fit the width that is written behind it. The value is kept as it is: widths do not limit Ints.',
    bad: '@"c"!(300u8)',
    good: '@"c"!(300u16)',
  },
  L08: {
    why: 'A Fixed with scale s keeps s digits after the point; further ones are cut off.',
    bad: '@"c"!(1.239p2)',
    good: '@"c"!(1.23p2)',
  },
  L09: {
    why: 'The literals alone show that this operator will fail when it is evaluated.',
    bad: '@"c"!(1 + "a")',
    good: '@"c"!(1.toString() ++ "a")',
  },
  L10: {
    why: '`not` binds tighter than comparison: this reads `(not a) == b`. Write the parentheses that you mean.',
    bad: 'for (@a, @b <- @"in") { @"c"!(not a == b) }',
    good: 'for (@a, @b <- @"in") { @"c"!(not (a == b)) }',
  },
  L11: {
    why: 'On a name that `new` made and that is used for nothing but sending and receiving, everything that can happen is in sight. A message with n values is taken only by a receive or contract with n patterns (at least n with `...@rest`), and a receive waits for ever if nothing is sent, or only in its own body: a cell or a lock needs a first message. A synchronous send `x!?(a)` has one value more than it shows: the name to reply on, in front. A name that nothing is meant to be sent on may begin with `_`.',
    bad: 'new greet in { contract greet(@name, @title) = { @"c"!(title ++ name) } | greet!("Ada") }',
    good: 'new greet in { contract greet(@name, @title) = { @"c"!(title ++ name) } | greet!("Ada", "Countess ") }',
  },
}
