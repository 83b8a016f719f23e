import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeSource } from '../../src/syntax/decode.ts'
import { parse } from '../../src/syntax/parser.ts'
import { generateProgram, programs } from '../support/generate.ts'

const codes = (text: string): string[] =>
  parse({ name: 't', text, base: 0 })
    .diagnostics.filter(d => d.severity === 'error')
    .map(d => d.code)

describe('depth costs no host stack', () => {
  const N = 100_000
  it.each([
    ['{', 'Nil', '}'],
    ['[', '1', ']'],
    ['(', '1', ')'],
    ['(', '1', ',)'],
    ['{1 : ', '1', '}'],
    ['{', '1', ' : 1}'],
    ['{|', '1', '|}'],
    ['Set(', '1', ')'],
    ['new x in ', 'Nil', ''],
    ['new x in { a | ', 'Nil', '}'],
    ['if (a) ', 'Nil', ''],
    ['if (a) b else ', 'Nil', ''],
    ['if ({', 'a', '}) b'],
    ['let x = 1 in ', 'Nil', ''],
    ['let x = ', '1', ' in Nil'],
    ['for (x <- c) {', 'Nil', '}'],
    ['for (@{', 'x', '} <- c) {}'],
    ['for (x <- d!?({', '1', '})) {}'],
    ['contract f(x) = {', 'Nil', '}'],
    ['match {', '1', '} { _ => Nil }'],
    ['match 1 { _ => ', 'Nil', '}'],
    ['match 1 { {', 'x', '} => Nil }'],
    ['select { x <- c => ', 'Nil', '}'],
    ['agent A { constructor() {', 'Nil', '} }'],
    ['@{', '@1!(1)', '}!(1)'],
    ['*@', '1', ''],
    ['x!(', '1', ')'],
    ['x!?(', '1', ').'],
    ['x!?(1); ', 'Nil', ''],
    ['x!m(1); ', 'Nil', ''],
    ['x.m(', '1', ')'],
    ['bundle+{', 'Nil', '}'],
    ['~', '1', ''],
    ['not ', 'true', ''],
    ['- ', 'x', ''],
    ['1 + (', '1', ')'],
  ])('100 000 times %s', (open, middle, close) => expect(codes(open.repeat(N) + middle + close.repeat(N))).toEqual([]))
  it.each(['+', 'and', '||', '==', '*', '/\\', '\\/', '|'])('a chain of a million operands of %s', op => {
    expect(codes(new Array(1_000_000).fill('1').join(op === 'and' ? ' and ' : op))).toEqual([])
  })
  it('a chain of a million method calls', () => expect(codes(`x${'.m()'.repeat(1_000_000)}`)).toEqual([]))
  it.each([
    ['a par of 65 537', 'x!(1)', '|'],
    ['arguments', '1', ','],
    ['map entries', '1:2', ','],
  ])('%s', (what, part, separator) => {
    const text = new Array(65_537).fill(part).join(separator)
    expect(codes(what === 'arguments' ? `x!(${text})` : what === 'map entries' ? `{${text}}` : text)).toEqual([])
  })
  it('a million brackets more than the default limit allows are one report', () => expect(codes('['.repeat(1_200_000))).toEqual(['RHO106']))
})

describe('mistakes cost linear time too', () => {
  it.each([
    ')',
    ']}',
    'a b ',
    'a!( ',
    'x!(1|',
    '[,',
    'match x { 1 ',
    'for (',
    '=> ',
    'é ',
    '"\\q" ',
    'new x in ; ',
    'agent A { ',
    '{1: ',
    '@',
    '1 => ',
    '/*',
  ])('300 000 characters of %s', part => {
    const found = codes(part.repeat(Math.ceil(300_000 / part.length)))
    expect(found.length).toBeGreaterThan(0)
    expect(found.length).toBeLessThanOrEqual(10_000)
  })
  it('closing brackets for nothing below deep brackets', () =>
    expect(codes(`${'['.repeat(100_000)}${')'.repeat(100_000)}`).length).toBeGreaterThan(0))
  it('separators for nothing below deep prefixes', () =>
    expect(codes(`${'not '.repeat(100_000)}${'; => '.repeat(50_000)}`).length).toBeGreaterThan(0))
})

describe('whatever the input, parsing gives a tree and findings', () => {
  const sane = (text: string): void => {
    const { program, diagnostics } = parse({ name: 't', text, base: 0 })
    expect(program.start).toBeGreaterThanOrEqual(0)
    let last = 0
    for (const d of diagnostics) {
      expect(d.start).toBeGreaterThanOrEqual(last)
      expect(d.end).toBeGreaterThanOrEqual(d.start)
      expect(d.end).toBeLessThanOrEqual(text.length + 1)
      expect(d.message).not.toBe('')
      last = d.start
    }
    let errorInTree = false
    const work: unknown[] = [program]
    while (work.length > 0) {
      const node = work.pop()
      if (node === null || typeof node !== 'object' || ArrayBuffer.isView(node)) continue
      if ((node as { kind?: string }).kind === 'error') errorInTree = true
      work.push(...Object.values(node))
    }
    if (errorInTree) expect(diagnostics.some(d => d.severity === 'error')).toBe(true)
  }
  it('random bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => sane(decodeSource(bytes).text)),
      { numRuns: 500 },
    ))
  it('random tokens', () => {
    const token = fc.constantFrom(
      ...'new in if else let match select contract for and or not matches bundle bundle+ bundle0 true Nil Set Int where agent method default private constructor case x y _ @ 1 -1 2.5 "s" `u` ! !! !? ?! != | || & && = == => < <= <- <<- > + ++ - -- * / % %% /\\ \\/ ~ . ... , ; : ( ) [ ] { } {| |} # \\'.split(
        ' ',
      ),
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), tokens => sane(tokens.join(' '))),
      { numRuns: 3000 },
    )
  })
  it('valid programs with one token lost, doubled or replaced', () =>
    fc.assert(
      fc.property(
        programs({ depth: 3, size: 25 }),
        fc.nat(),
        fc.constantFrom('', '|', ')', '}', '{', '(', 'x', '=>', ';', ',', '"', '!'),
        (text, at, by) => {
          const tokens = text.split(/\b/)
          const i = at % tokens.length
          sane([...tokens.slice(0, i), by, ...tokens.slice(i + 1)].join(''))
          sane([...tokens.slice(0, i), tokens[i], by, ...tokens.slice(i)].join(''))
        },
      ),
      { numRuns: 500 },
    ))
  it('valid programs cut off anywhere', () =>
    fc.assert(
      fc.property(programs({ depth: 3, size: 25 }), fc.nat(), (text, at) => sane(text.slice(0, at % text.length))),
      { numRuns: 300 },
    ))
})

describe('generated programs', () => {
  it('have no syntax error', () => {
    for (let seed = 0; seed < 500; seed++) {
      const text = generateProgram(seed, { depth: 1 + (seed % 6), runnable: seed % 2 === 0, closed: seed % 3 !== 0 })
      expect(codes(text), text).toEqual([])
    }
  })
  it('are the same for the same seed', () => expect(generateProgram(7)).toBe(generateProgram(7)))
})
