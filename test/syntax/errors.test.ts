import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from '../../src/syntax/parser.ts'
import { findings } from '../support/tree.ts'

const reports = (text: string): string[] =>
  parse({ name: 't', text, base: 0 }).diagnostics.map(d => `${d.code} ${d.message}${d.hint === '' ? '' : ` — ${d.hint}`}`)

describe('one mistake gives one report, where it is', () => {
  it.each([
    ['x!(1', '1:5 RHO102'],
    ['x!(1 | { y!(2) }', '1:17 RHO102'],
    ['{ x!(1 }', '1:8 RHO102'],
    ['{ [1, 2 } | y', '1:9 RHO102'],
    ['a | ', '1:5 RHO102'],
    ['| a', '1:1 RHO102'],
    ['{ a | }', '1:7 RHO102'],
    ['a }', '1:3 RHO102'],
    ['a } | b', '1:3 RHO102'],
    ['new x { a }', '1:7 RHO102'],
    ['new in { a }', '1:5 RHO102'],
    ['new x, match, y in { a }', '1:8 RHO102'],
    ['new x(rho:io) in { x }', '1:7 RHO102'],
    ['new x y in { a }', '1:7 RHO102'],
    ['for (x <- c) a!(1) | b', '1:14 RHO102'],
    ['for (x, y) { a } | b', '1:10 RHO102'],
    ['for (x <- c, y <- d) { a } | b', '1:12 RHO102'],
    ['for x <- c { a } | b', '1:5 RHO102'],
    ['for (5 <- c) { a }', '1:6 RHO102'],
    ['for ({1 | 2} <- c) { a }', '1:6 RHO102'],
    ['for (=*k <- c) { a }', '1:6 RHO102'],
    ['for (x <- 5) { a }', '1:11 RHO102'],
    ['for (x <- *c) { a }', '1:11 RHO102'],
    ['for (x <- ) { a }', '1:11 RHO102'],
    ['for (x <= c?!) { a }', '1:12 RHO102'],
    ['for (x <<- c!?(1)) { a }', '1:13 RHO102'],
    ['for (x <- c where a & y <- d) { a }', '1:21 RHO102'],
    ['for (x <- c) where x { a } | b', '1:14 RHO102'],
    ['for (x ...r <- c) { a }', '1:11 RHO102'],
    ['contract f(x) { a }', '1:15 RHO102'],
    ['contract f = { a }', '1:12 RHO102'],
    ['contract f(x) = a!(1)', '1:17 RHO102'],
    ['if a { b } else { c }', '1:4 RHO102'],
    ['if (a) else b', '1:8 RHO102'],
    ['if (x!(1)) { b } else { c }', '1:6 RHO102'],
    ['let a = 1; b = 2 & c = 3 in { a }', '1:18 RHO102'],
    ['let @a = 1 in { a }', '1:8 RHO102'],
    ['let [a, b] = [1, 2] in { a }', '1:5 RHO102'],
    ['let a = 1 { a }', '1:11 RHO102'],
    ['let a = 1, 2 in { a }', '1:10 RHO102'],
    ['match a | b { 1 => c }', '1:9 RHO102'],
    ['match a { }', '1:11 RHO102'],
    ['match a { case 1 => b }', '1:16 RHO102'],
    ['match a { 1 => b, 2 => c }', '1:17 RHO102'],
    ['match a { 1 = b 2 => c }', '1:13 RHO102'],
    ['match a { 1 => f(x) }', '1:21 RHO102'],
    ['select { case x <- c => { a } }', '1:15 RHO102'],
    ['select { }', '1:10 RHO102'],
    ['select { x => a }', '1:12 RHO102'],
    ['select { x <<- c?! => a }', '1:17 RHO102'],
    ['agent A { method f() { a } method g() { b } }', '1:28 RHO102'],
    ['agent A { foo() { a } | default() {} }', '1:11 RHO102'],
    ['agent A { private constructor() { a } }', '1:19 RHO102'],
    ['agent A { method (x) { a } }', '1:18 RHO102'],
    ['x!?(1) | b', '1:8 RHO102'],
    ['x!?(1).m() | b', '1:8 RHO102'],
    ['x!?(1).m().n(2) | b', '1:8 RHO102'],
    ['x! | b', '1:4 RHO102'],
    ['x!!y', '1:4 RHO102'],
    ['f(x) | b', '1:2 RHO102'],
    ['x!(BigInt(5))', '1:10 RHO102'],
    ['x!(f(y), g(z))', '1:5 RHO102,1:11 RHO102'],
    ['@"a" | b', '1:1 RHO102'],
    ['x!(@y)', '1:4 RHO102'],
    ['@"a" | P!(1)', '1:1 RHO102'],
    ['@x + y!(1)', '1:4 RHO102'],
    ['@-x!(1)', '1:2 RHO102'],
    ['@not x!(1)', '1:2 RHO102'],
    ['a || b!(1)', '1:7 RHO102'],
    ['a!(1) || b!(2) || c!(3)', '1:7 RHO102,1:16 RHO102'],
    ['1 + x!(1)', '1:6 RHO102'],
    ['x!(1) == 2', '1:7 RHO102'],
    ['x!(1).foo() | b', '1:6 RHO102'],
    ['1 + new x in {x}', '1:5 RHO102'],
    ['1 matches Int == true', '1:15 RHO102'],
    ['true == 1 matches Int', '1:11 RHO102'],
    ['1 matches Int matches Int', '1:15 RHO102'],
    ['a =~ b', '1:3 RHO102'],
    ['a = b', '1:3 RHO102'],
    ['c!(x<-1)', '1:5 RHO102'],
    ['a <- b', '1:3 RHO102'],
    ['(1, ...r)', '1:5 RHO102'],
    ['x!(1 ...r)', '1:6 RHO102'],
    ['[...@r]', '1:5 RHO102'],
    ['[a ...r, b]', '1:8 RHO102'],
    ['{1 : 2, 3}', '1:10 RHO102'],
    ['{1 : 2 | }', '1:10 RHO102'],
    ['Set', '1:4 RHO102'],
    ['* 5', '1:3 RHO102'],
    ['= 5', '1:3 RHO102'],
    ['x.5', '1:3 RHO102'],
    ['x.foo', '1:6 RHO102'],
    ['x.match()', '1:3 RHO102'],
    ['+ 1', '1:1 RHO102'],
    ['1 +', '1:4 RHO102'],
    ['a, b', '1:2 RHO102'],
    ['a; b', '1:2 RHO102'],
    ['~ not x', '1:3 RHO102'],
  ])('%s', (text, expected) => expect(findings(text).join()).toBe(expected))
})

describe('parentheses around a process (RHO103)', () => {
  it.each([
    'a | b',
    'a!(1)',
    'a!?(1).',
    'new x in {x}',
    'for (x <- c) {}',
    'if (a) {b}',
    'match a {_ => b}',
    'select {x <- c => a}',
    'let x = 1 in {x}',
    'contract f() = {}',
    'bundle{a}',
    'bundle+{a}',
    'agent A { constructor() {} }',
  ])('(%s)', text => {
    expect(findings(`(${text})`)).toEqual(['1:1 RHO103'])
    expect(findings(`((${text}))`)).toEqual(['1:2 RHO103'])
    expect(findings(`(${text},)`)).toEqual([])
    expect(findings(`({ ${text} })`)).toEqual([])
  })
  it('not around expressions', () => expect(findings('(a) | (bundle{a} == b) | ((1)) | ({a | b}) | (-a.m())')).toEqual([]))
  it('says what to write', () =>
    expect(reports('(a!(1))')[0]).toBe('RHO103 parentheses around a send — use `{ … }` to group a process; a one-element tuple is `(P,)`'))
})

describe('several processes without | (RHO105)', () => {
  it.each([
    ['a!(1) b!(2)', '1:7 RHO105'],
    ['{ a!(1) b!(2) }', '1:9 RHO105'],
    ['for (x <- c) { a b }', '1:18 RHO105'],
    ['a!(1) | b!(2) c!(3) | d!(4)', '1:15 RHO105'],
    ['a!(1) b!(2) c!(3)', '1:7 RHO105,1:13 RHO105'],
    ['a!(1) *b', '1:7 RHO105'],
    ['1 "a"', '1:3 RHO105'],
    ['new x in {x} new y in {y}', '1:14 RHO105'],
    ['bundle{a b}', '1:10 RHO105'],
    ['x!({a b})', '1:7 RHO105'],
    ['x!?(1). y', '1:9 RHO105'],
  ])('%s', (text, expected) => expect(findings(text).join()).toBe(expected))
})

describe('recovery', () => {
  it('goes on at |, }, ), ; and => and reports everything', () =>
    expect(
      findings('new x in {\n  x!(1 +) |\n  for (y <- ; z <- x) { z!(] } |\n  match x { 1 2 => Nil 3 => + } |\n  x!("\\q")\n}\n}'),
    ).toEqual(['2:9 RHO102', '3:13 RHO102', '3:28 RHO102', '4:15 RHO102', '4:29 RHO102', '5:7 RHO101', '7:1 RHO102']))
  it('keeps what was understood, so that other checks can go on', () => {
    const { program } = parse({ name: 't', text: 'new x in { x!(1) | y!( } ', base: 0 })
    expect(program.kind).toBe('new')
  })
  it('names the bracket that is not closed', () => expect(reports('{\n  a!(1 }')[0]).toContain('the `(` at 2:5 is not closed'))
})

describe('one mistake, one report', () => {
  it.each([
    ["a!('b c')", "`'` begins no token"],
    ['a!(“b c”)', '`“` begins no token'],
    ['# a comment that is none', '`#` begins no token'],
    ['function f(x) { return 1 }', '`function` is no word of the language'],
    ['a！(1)', '`！` begins no token'],
    ['a!(1）', '`）` begins no token'],
    ['a\u200b!(1)', 'the character U+200B begins no token'],
  ])('%s: %s', (text, message) => {
    const all = reports(text)
    expect(all).toHaveLength(1)
    expect(all[0]).toContain(message)
  })
  it('quotes of other languages are looked for on their line only', () => expect(reports("a!('b\n) | c!('d)")).toHaveLength(2))
})

describe('hints', () => {
  it.each([
    ['f(x)', 'f!(…)'],
    ['BigInt(5)', '5n'],
    ['a!(Map())', '{ k : v }'],
    ['a!(List(1, 2))', '[a, b]'],
    ['a!(Tuple(1, 2))', '(a, b)'],
    ['export x in { Nil }', 'there are no modules'],
    ['try { a!(1) } catch (e) { Nil }', 'there are no exceptions'],
    ['select { case x <- c => a }', 'select { x <- c => { … } }'],
    ['a =~ b', 'matches'],
    ['a!(1) || b!(1)', '`|`'],
    ['a!(1) b!(1)', '`|`'],
    ['c!(x<-1)', 'x < -1'],
    ['@x + y!(1)', '@{x + …}'],
    ['@"a"', '*@"a"'],
    ['x!?(a).m()', 'for (r <- x!?(a))'],
    ['1 matches 2 == 3', '(a matches b) == c'],
    ['a!(1) == 2', '{ x!(1) } == y'],
    ['for (=*k <- c) {}', '@=k'],
    ['for (5 <- c) {}', '@5'],
    ['for (x <- bundle-{*y}) {}', '@P'],
    ['let a = 1, b = 2 in {a}', 'write `;`'],
    ['let [a, b] = [1, 2] in {a}', 'let @p <- P'],
    ['let @a = 1 in {a}', 'let @p <- P'],
    ['match a with { 1 => b }', 'match x { p => { … } }'],
    ['"a"!(1)', '@P!(1)'],
    ['bundle+{a}!(1)', '@P!(1)'],
    ['a.get(1)!(2)', '@P!(1)'],
    ['a == b!(1)', '{ x!(1) }'],
    ['a!?get().', 'x!get(…)'],
    ['if (!a) { b }', 'not x'],
    ['a <> b', '!='],
    ['a === 2', '=='],
    ['a += 1', 'no assignment'],
    ['def f(x) = { x }', 'contract f(x) = { … }'],
    ['switch x { 1 => a }', 'match x'],
    ['while (true) { a }', 'no loops'],
    ['return 1', 'ret!(x)'],
    ['import a', 'no modules'],
    ['New a in { a!(1) }', 'write `new`'],
    ['For (x <- c) { x }', 'write `for`'],
    ['let x = 1', 'in { … }'],
    ['let x == 1 in { a }', 'let x = P'],
    ['match a { 1 -> b }', 'p => { … }'],
    ['match a { 1: b }', 'p => { … }'],
    ['a!({1 => 2})', 'key : value'],
    ['a!([1 2])', 'write `,`'],
    ['a!([1][0])', '.nth(i)'],
    ['a!(5 mod 2)', 'a % b'],
    ['/* a /* b */ c */ Nil', 'do not nest'],
    ['-- a', '// …'],
    ['if (match a { 1 => true }) { b }', 'yields no value'],
    ['a!(1 + if (b) c else d)', 'yields no value'],
    ['a!(int(b))', 'x.toInt()'],
    ['a!(1).', 'a dot ends only'],
    ['a!(1).m()', '{ … }.m()'],
    ['for (@x <- a ~ [1]) { x }', 'where …'],
    ['{% a!(1) %}[s]', 'write `{ P }`'],
  ])('%s suggests %s', (text, hint) => expect(reports(text)[0]).toContain(hint))
})

describe('the limit on nesting (RHO106)', () => {
  const nested = (n: number): string => '['.repeat(n) + ']'.repeat(n)
  it('allows exactly maxNesting brackets', () => expect(findings(nested(10), { maxNesting: 10 })).toEqual([]))
  it('reports the first bracket beyond it, once', () => expect(findings(nested(12), { maxNesting: 10 })).toEqual(['1:11 RHO106']))
  it('counts brackets of every kind', () => expect(findings('{ x!([(Set({|1|}))]) }', { maxNesting: 5 })).toEqual(['1:12 RHO106']))
  it('counts what is open, not what was', () => expect(findings('[1] | [2] | for (x <- c) { {3} }', { maxNesting: 2 })).toEqual([]))
})

describe('the conformance programs', () => {
  const root = join(import.meta.dirname, '../conformance')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.rho'))
  it('are there', () => expect(files.length).toBeGreaterThan(500))
  it('have exactly the lexical and syntax errors that they announce, each once', () => {
    const wrong: string[] = []
    for (const name of files) {
      const text = readFileSync(join(root, name), 'utf8')
      const wanted = [...new Set([...text.matchAll(/^\/\/ static: (RHO1\d\d)/gm)].map(m => m[1]))].sort().join()
      const got = parse({ name, text, base: 0 })
        .diagnostics.filter(d => d.severity === 'error')
        .map(d => d.code)
        .sort()
        .join()
      if (got !== wanted) wrong.push(`${name}: ${wanted} became ${got}`)
    }
    expect(wrong).toEqual([])
  })
})
