import { describe, expect, it } from 'vitest'
import { Sources } from '../../src/base/source.ts'
import { addSource, decodeSource } from '../../src/syntax/decode.ts'
import { parse } from '../../src/syntax/parser.ts'
import { findings, tree } from '../support/tree.ts'

const hints = (text: string): string =>
  parse({ name: 't', text, base: 0 })
    .diagnostics.map(d => `${d.message}: ${d.hint}`)
    .join('\n')

describe('white space and comments', () => {
  it('separate tokens and mean nothing', () => expect(tree(' \t\v\f\r\n1 // one\n + /* two\n */ 2 // end')).toBe('(1 + 2)'))
  it('a comment ends at the first */', () => expect(findings('1 /* /* */ */')).toEqual(['1:13 RHO102']))
  it('an unterminated comment is reported at its start, and nothing that is missing behind it', () =>
    expect(findings('{ 1 |\n /* x')).toEqual(['2:2 RHO101']))
  it('the first line may be a #! line', () => expect(tree('#!/usr/bin/env rho\n1')).toBe('1'))
  it('#! elsewhere is an error', () => expect(findings('\n#!')[0]).toBe('2:1 RHO101'))
  it('a byte-order mark at the start is skipped', () => expect(tree('\ufeff1')).toBe('1'))
  it('comments are kept with their place', () =>
    expect(parse({ name: 't', text: '#!a\n1 // b\r\n/*c*/', base: 100 }).comments).toEqual([
      { start: 100, end: 103, form: 'shebang' },
      { start: 106, end: 110, form: 'line' },
      { start: 112, end: 117, form: 'block' },
    ]))
  it('empty and comment-only programs are Nil', () => {
    expect(tree('')).toBe('Nil')
    expect(tree(' // nothing')).toBe('Nil')
  })
})

describe('illegal characters', () => {
  it.each(['#', '$', '^', ';\u0001', 'ä', '\u00a0', '?', '\\', "'"])('%j is RHO101', text =>
    expect(findings(`1 ${text}`).join()).toContain('RHO101'),
  )
  it('is reported once and does not cause another error', () => expect(findings('1 | # 2')).toEqual(['1:5 RHO101']))
  it('columns count code points', () => expect(findings('"🍄🍄" | #')[0]).toBe('1:8 RHO101'))
})

describe('identifiers', () => {
  it.each([
    'a',
    "x'",
    '_x',
    '__',
    "_'",
    'a1_b',
    'newx',
    'inn',
    'bundle0x',
    'where',
    'agent',
    'method',
    'default',
    'private',
    'constructor',
    'constructor_',
    '__proto__',
  ])('%s is one', text => expect(tree(text)).toBe(text))
  it('_ alone is a wildcard', () => expect(tree('_')).toBe('_'))
  it('reserved words are none', () => expect(findings('new Set in Nil')).toEqual(['1:5 RHO102']))
  it('the sign of a bundle is glued', () => {
    expect(tree('bundle+{1}')).toBe('bundle+{1}')
    expect(findings('bundle +{1}')).toEqual(['1:8 RHO102'])
  })
})

describe('strings', () => {
  it.each([
    ['"a\\nb"', 'a\nb'],
    ['"\\t\\r\\0\\\\\\""', '\t\r\0\\"'],
    ['"\\u{e9}\\u{1F344}\\u{00000a}"', 'é🍄\n'],
    ['"two\nlines"', 'two\nlines'],
    ['"é🍄"', 'é🍄'],
    ['""', ''],
    ['"\\0a"', '\0a'],
  ])('%s', (text, value) => expect(tree(text)).toBe(JSON.stringify(value)))
  it.each(['"\\q"', '"\\x41"', '"\\01"', '"\\u41"', '"\\u{}"', '"\\u{1234567}"', '"\\u{d800}"', '"\\u{110000}"', '"\\u{12"', '"\ud800"'])(
    '%j is RHO101, once',
    text => expect(findings(text).map(f => f.slice(-6))).toEqual(['RHO101']),
  )
  it('several bad escapes are reported one by one', () => expect(findings('"\\q" | "a\\z"')).toEqual(['1:2 RHO101', '1:10 RHO101']))
  it('a bad escape lists the valid ones', () => expect(hints('"\\q"')).toContain('\\u{H…}'))
  it('an unterminated string is reported at its start', () => expect(findings('{ a!("x }')).toEqual(['1:6 RHO101']))
})

describe('URIs', () => {
  it('stand between back-quotes without escapes', () => expect(tree('`rho:io:\\n`')).toBe('`rho:io:\\n`'))
  it('are not empty', () => expect(findings('``')).toEqual(['1:1 RHO101']))
  it('have no line break', () => {
    expect(findings('a!(`x\n  y`)')).toEqual(['1:4 RHO101'])
    expect(findings('a!(`x) |\nb!(`y`)')).toEqual(['1:4 RHO101'])
  })
})

describe('numbers', () => {
  it.each([
    ['007', '7'],
    ['-0', '0'],
    ['9007199254740993', '9007199254740993'],
    ['9223372036854775807', '9223372036854775807'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['000000000000000000000000000001', '1'],
    ['5i8', '5'],
    ['5u64', '5'],
    ['9223372036854775808u64', '9223372036854775808n'],
    ['18446744073709551615u128', '18446744073709551615n'],
    ['-128i8', '-128'],
    ['0n', '0n'],
    ['-99999999999999999999n', '-99999999999999999999n'],
    ['3r', '3/1r'],
    ['6/4r', '3/2r'],
    ['-6/4r', '-3/2r'],
    ['0/5r', '0/1r'],
    ['3.14', 'float:3.14'],
    ['.5', 'float:0.5'],
    ['-.5', 'float:-0.5'],
    ['-0.0', 'float:-0'],
    ['1e5', 'float:100000'],
    ['1E+2', 'float:100'],
    ['1.5e-3f32', 'float:0.0015'],
    ['1f64', 'float:1'],
    ['1.f64', 'float:1'],
    ['1.e2f128', 'float:100'],
    ['2.5f256', 'float:2.5'],
    ['1e999', 'float:Infinity'],
    ['1.50p2', '150p2'],
    ['1.5p0', '1p0'],
    ['.5p1', '5p1'],
    ['5.p1', '50p1'],
    ['5p3', '5000p3'],
    ['-1.5p1', '-15p1'],
    ['0x', '0x'],
    ['0x00fF', '0x00ff'],
  ])('%s is %s', (text, value) => expect(tree(text)).toBe(value))
  it.each([
    ['n-1', '(n - 1)'],
    ['n -1', '(n - 1)'],
    ['1-1', '(1 - 1)'],
    ['- 5', '(- 5)'],
    ['-1.abs()', '(-1.abs)'],
    ['-x.m()', '(- (x.m))'],
    ['2 - -3', '(2 - -3)'],
    ['2--3', '(2 -- 3)'],
    ['a/4r', '(a / 4/1r)'],
    ['4/a', '(4 / a)'],
    ['6/4', '(6 / 4)'],
    ['1.foo()', '(1.foo)'],
    ['1.p()', '(1.p)'],
    ['1.e5()', '(1.e5)'],
    ['1.f6()', '(1.f6)'],
    ['[1...x]', '[1 ...x]'],
    ['[.5, -.5]', '[float:0.5 float:-0.5]'],
  ])('%s reads as %s', (text, value) => expect(tree(text)).toBe(value))
  it.each([
    '5x',
    '1e',
    '1e+',
    '1.5foo',
    '0x1',
    '0xg',
    '1_000',
    '5i',
    '5n5',
    '1.5n',
    '1p01',
    '1f16',
    '-1u8',
    '-0x00',
    '1e5p2',
    '5ni',
    '1/2rx',
  ])('%s is RHO101', text => expect(findings(text).map(f => f.slice(-6))).toEqual(['RHO101']))
  it.each([
    '9223372036854775808',
    '-9223372036854775809',
    '5i7',
    '5i08',
    '5u4',
    '5i12',
    '18446744073709551616u64',
    '9223372036854775808i128',
    '1/0r',
    '1p9999999',
  ])('%s is RHO104', text => expect(findings(text).map(f => f.slice(-6))).toEqual(['RHO104']))
  it('out of range hints at the suffix n', () => expect(hints('9223372036854775808')).toContain('9223372036854775808n'))
  it.each(['256u8', '-129i8', '128i8', '9223372036854775808u8'])('%s keeps its value with lint L07', text =>
    expect(findings(text)).toEqual(['1:1 L07']),
  )
  it('fraction digits that are cut off are lint L08', () => {
    expect(findings('1.555p2')).toEqual(['1:1 L08'])
    expect(tree('1.555p2')).toBe('155p2')
  })
})

describe('source bytes', () => {
  it('are UTF-8; a byte-order mark is skipped', () =>
    expect(decodeSource(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]))).toEqual({ text: '1', diagnostics: [] }))
  it.each([
    [[0x31, 0xff, 0x32], 1],
    [[0xc3, 0xa9, 0x80], 1],
    [[0xed, 0xa0, 0x80], 0],
    [[0xf5, 0x80, 0x80, 0x80], 0],
    [[0x31, 0xe2, 0x82], 1],
  ])('%j is RHO101 at the first byte that is none', (bytes, offset) => {
    const { diagnostics } = decodeSource(new Uint8Array(bytes))
    expect(diagnostics.map(d => [d.code, d.start])).toEqual([['RHO101', offset]])
  })
  it('get positions of their file', () => {
    const sources = new Sources()
    sources.add('first', 'abc')
    const { file, diagnostics } = addSource(sources, 'second', new Uint8Array([0x31, 0x0a, 0x32, 0xff]))
    expect(file.base).toBe(4)
    expect(sources.place(diagnostics[0].start)).toEqual({ file: 'second', line: 2, column: 2 })
  })
})
