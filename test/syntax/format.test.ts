import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { format } from '../../src/syntax/format.ts'
import { parseTokens } from '../../src/syntax/parser.ts'
import { programs } from '../support/generate.ts'
import { tree } from '../support/tree.ts'

/** Tokens and comments: all that the formatter must keep. */
function content(text: string): string[] {
  const { tokens, comments } = parseTokens({ name: 't', text, base: 0 })
  return [...tokens, ...comments].sort((a, b) => a.start - b.start).map(t => text.slice(t.start, t.end))
}

function lawful(text: string): void {
  const once = format(text)
  expect(content(once)).toEqual(content(text))
  expect(format(once)).toBe(once)
}

/** White space and comments of every kind between some of the tokens. */
function dressed(text: string, choices: readonly number[]): string {
  const gaps = [' // c\n', '\n// own line\n', ' /* b */ ', '\n/* two\n lines */\n', '\n', '\n\n\n', '/* a */\n', '']
  let out = ''
  let last = 0
  parseTokens({ name: 't', text, base: 0 }).tokens.forEach((token, i) => {
    const choice = choices[i % choices.length]
    out += text.slice(last, token.start) + (choice < gaps.length ? gaps[choice] : '') + text.slice(token.start, token.end)
    last = token.end
  })
  return out + text.slice(last)
}

describe('formatting', () => {
  it.each([
    ['new x in{x!(1)|x!( 2 ,3)}', 'new x in { x!(1) | x!(2, 3) }'],
    ['for(x<-c&@y<=d;z<<-e where y>1){}', 'for (x <- c & @y <= d; z <<- e where y > 1) {}'],
    ['for( <-c){P}', 'for (<- c) { P }'],
    ['contract  f ( x,...@r )={ x }', 'contract f(x, ...@r) = { x }'],
    ['if(a){b}else{c}', 'if (a) { b } else { c }'],
    ['match x{1=>{a}[h...t]where h>0=>b}', 'match x { 1 => { a } [h ...t] where h > 0 => b }'],
    ['x!?( 1 ) .|y!m();z', 'x!?(1). | y!m(); z'],
    ['@{x+y}!(*@ {z},bundle+ {*x})', '@{x + y}!(*@{z}, bundle+{*x})'],
    ['{ "a":1,"b" :2 ...r }', '{"a" : 1, "b" : 2 ...r}'],
    ['{| 1 |}|Set( 1,2 )|[ ]|()|(1 , )', '{|1|} | Set(1, 2) | [] | () | (1,)'],
    ['let x=*y;@a,b<-1,2 in{x}', 'let x = *y; @a, b <- 1, 2 in { x }'],
    ['- - x + - 5 - -5 + -x.m ( )', '- -x + - 5 - -5 + -x.m()'],
    ['a* *b-c', 'a * *b - c'],
    ['~ a/\\=x\\/=*y', '~a /\\ =x \\/ =*y'],
    ['not  a', 'not a'],
    ['1 .f64() | 1 .add(2)', '1 .f64() | 1.add(2)'],
    ['new s(`rho:io:stdout`),t in Nil', 'new s(`rho:io:stdout`), t in Nil'],
    [
      'agent A{constructor( ){}|private method m(@x){x}|default(){}}',
      'agent A { constructor() {} | private method m(@x) { x } | default() {} }',
    ],
    ['select{x<-c=>{a}<-d?!=>{b}}', 'select { x <- c => { a } <- d?! => { b } }'],
    ['match x { 1 => y (a, b) => z }', 'match x { 1 => y (a, b) => z }'],
  ])('%s becomes %s', (text, wanted) => {
    expect(format(text)).toBe(`${wanted}\n`)
    expect(tree(wanted)).toBe(tree(text))
  })
  it('keeps blocks open that the author opened, one process on each line', () =>
    expect(format('new x in {\nx!(1) | x!(2) |\n\n\n\n  // third\n x!(3) }')).toBe(
      'new x in {\n  x!(1) |\n  x!(2) |\n\n  // third\n  x!(3)\n}\n',
    ))
  it('breaks what is longer than 100 columns', () => {
    const text = `out!(${Array.from({ length: 40 }, (_, i) => i + 100).join(',')})`
    const lines = format(text).split('\n')
    expect(lines[0]).toBe('out!(')
    expect(lines.length).toBe(6)
    expect(Math.max(...lines.map(l => l.length))).toBeLessThanOrEqual(100)
  })
  it('lets a block at the end of arguments break instead of the arguments', () =>
    expect(format('spawn!(a, for (x <- c) {\n x })')).toBe('spawn!(a, for (x <- c) {\n  x\n})\n'))
  it('an empty program stays empty, comments alone stay', () => {
    expect(format(' \n ')).toBe('')
    expect(format('#!/usr/bin/rho\n\n\n// a\n/* b */')).toBe('#!/usr/bin/rho\n\n// a\n/* b */\n')
  })
  it('leaves a text with errors as it is', () => expect(format('x!(  1')).toBe('x!(  1'))
  it('strings and comments keep their text', () => expect(format('x!("a\n   b") /*  c\n   d */')).toBe('x!("a\n   b") /*  c\n   d */\n'))
})

describe('the laws of formatting: nothing but white space changes, and twice is once', () => {
  const root = join(import.meta.dirname, '../conformance')
  it('for the conformance programs', () => {
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.rho')))
      lawful(readFileSync(join(root, name), 'utf8'))
  })
  it('for texts with the line ends of Windows, which stay', () => {
    const crlf = (text: string) => text.replaceAll('\n', '\r\n')
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.rho'))) {
      const text = format(readFileSync(join(root, name), 'utf8'))
      expect(format(crlf(text)), name).toBe(crlf(text))
    }
    expect(format('/* one\r\n   two */ {\r\na!("x\r\ny") |\r\n\r\n\r\nb!() // three\r\n}')).toBe(
      '/* one\r\n   two */ {\r\n  a!("x\r\ny") |\r\n\r\n  b!() // three\r\n}\r\n',
    )
  })
  it('for generated programs', () => fc.assert(fc.property(programs({ depth: 6 }), lawful), { numRuns: 300 }))
  it('for generated programs full of comments and line breaks', () =>
    fc.assert(
      fc.property(programs({ depth: 4, size: 30 }), fc.array(fc.nat(30), { minLength: 1, maxLength: 60 }), (text, choices) =>
        lawful(dressed(text, choices)),
      ),
      { numRuns: 300 },
    ))
  it('at any depth, with output linear in the input', () => {
    const N = 50_000
    for (const [open, close] of [
      ['{', '}'],
      ['[', ']'],
      ['new x in {\n', '}'],
      ['match 1 { _ => ', '}'],
      ['x!({|', '|})'],
      ['1 + (', ')'],
    ]) {
      const text = `${open.repeat(N)}1${close.repeat(N)}`
      expect(format(text).length).toBeLessThan(200 * text.length)
    }
  })
})
