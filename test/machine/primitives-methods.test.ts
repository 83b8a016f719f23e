import { describe, expect, it } from 'vitest'
import { Fault, findMethod, manual, method } from '../../src/machine/primitives/index.ts'
import { METHODS } from '../../src/machine/primitives/methods.ts'
import { Closure, DeployerId, DeployId, Tag, type Term } from '../../src/normal/term.ts'
import {
  big,
  bundle,
  bytes,
  call,
  context,
  fix,
  float,
  gasOf,
  INT_MAX,
  INT_MIN,
  list,
  MIB,
  map,
  name,
  nil,
  par,
  rat,
  send,
  set,
  text,
  tuple,
  uri,
} from './primitives-support.ts'

/** `[receiver, method, arguments, result as text or code]` */
type Row = [Term, string, Term[], string]
function check(...rows: Row[]): void {
  for (const [target, m, args, expected] of rows) {
    const form = `${text(target)}.${m}(${args.map(text).join(', ')})`
    expect(`${form} = ${text(call(target, m, ...args))}`).toBe(`${form} = ${expected}`)
  }
}
const none: Term[] = []
const NaN_ = float(Number.NaN)

describe('access by index', () => {
  it('nth counts from 0 in Lists, Tuples, ByteArrays and Strings', () =>
    check(
      [list(7, 8, 9), 'nth', [2], '9'],
      [list(nil), 'nth', [0], 'Nil'],
      [list(false), 'nth', [0], 'false'],
      [tuple(7, 8), 'nth', [1], '8'],
      [bytes(0, 255), 'nth', [1], '255'],
      [bytes(0, 255), 'nth', [0], '0'],
      ['a🍄b', 'nth', [1], '"🍄"'],
      ['a🍄b', 'nth', [2], '"b"'],
    ))

  it('nth fails outside, for other indices and for other receivers', () =>
    check(
      [list(1, 2), 'nth', [2], 'RHO506'],
      [list(1, 2), 'nth', [-1], 'RHO506'],
      [list(1, 2), 'nth', [INT_MAX], 'RHO506'],
      [list(), 'nth', [0], 'RHO506'],
      [tuple(1), 'nth', [1], 'RHO506'],
      [bytes(1), 'nth', [1], 'RHO506'],
      ['oak', 'nth', [3], 'RHO506'],
      ['', 'nth', [0], 'RHO506'],
      [list(1), 'nth', ['0'], 'RHO509'],
      [list(1), 'nth', [big(0n)], 'RHO509'],
      [list(1), 'nth', [nil], 'RHO509'],
      [set(1), 'nth', [0], 'RHO519'],
      [map(), 'nth', [0], 'RHO519'],
      [5, 'nth', [0], 'RHO519'],
    ))

  it('slice, take and drop clamp their bounds', () =>
    check(
      [list(1, 2, 3), 'slice', [1, 10], '[2, 3]'],
      [list(1, 2, 3), 'slice', [2, 2], '[]'],
      [list(1, 2, 3), 'slice', [2, 1], '[]'],
      ['né!', 'slice', [1, 2], '"é"'],
      ['a🍄b', 'slice', [1, 2], '"🍄"'],
      ['mycelium', 'slice', [-3, 2], '"my"'],
      ['mycelium', 'slice', [-3, 0], '""'],
      ['oak', 'slice', [INT_MIN, INT_MAX], '"oak"'],
      ['oak', 'slice', [7, 9], '""'],
      [bytes(1, 2, 3), 'slice', [1, 9], '0x0203'],
      [list(1, 2, 3), 'take', [2], '[1, 2]'],
      [list(1, 2), 'take', [-1], '[]'],
      [list(1, 2), 'take', [INT_MAX], '[1, 2]'],
      ['oak', 'take', [2], '"oa"'],
      ['oak', 'take', [-1], '""'],
      [bytes(1, 2, 3), 'take', [2], '0x0102'],
      ['oak', 'drop', [1], '"ak"'],
      ['oak', 'drop', [9], '""'],
      ['oak', 'drop', [-2], '"oak"'],
      [list(1, 2), 'drop', [INT_MAX], '[]'],
      [list(1, 2), 'drop', [INT_MIN], '[1, 2]'],
      [bytes(1, 2, 3), 'drop', [2], '0x03'],
      ['abc', 'slice', ['0', 1], 'RHO509'],
      ['abc', 'slice', [0, big(1n)], 'RHO509'],
      [map(), 'slice', [0, 1], 'RHO512'],
      [map(), 'take', [1], 'RHO512'],
    ))

  it('first, last, tail and updated work at the ends', () =>
    check(
      [list(1, 2, 3), 'first', none, '1'],
      [list(1, 2, 3), 'last', none, '3'],
      [list(), 'first', none, 'Nil'],
      [tuple(), 'last', none, 'Nil'],
      [tuple(7, 8), 'last', none, '8'],
      [list(1, 2, 3), 'tail', none, '[2, 3]'],
      [list(), 'tail', none, '[]'],
      [list(1, 2, 3), 'updated', [1, 'x'], '[1, "x", 3]'],
      [list(1), 'updated', [1, 0], 'RHO506'],
      [list(1), 'updated', [-1, 0], 'RHO506'],
      [list(1), 'updated', [INT_MAX, 0], 'RHO506'],
      [list(1), 'updated', ['0', 0], 'RHO509'],
    ))
})

describe('sizes', () => {
  it('count code points, elements, bytes and entries', () =>
    check(
      ['é', 'length', none, '1'],
      ['a\nb', 'length', none, '3'],
      ['🍄🍄', 'length', none, '2'],
      [list(1, list(2, 3)), 'length', none, '2'],
      [bytes(1, 2), 'length', none, '2'],
      [tuple(), 'length', none, '0'],
      [tuple(1, tuple(2, 3)), 'length', none, '2'],
      [set(1, 2), 'size', none, '2'],
      [map(['a', 1]), 'size', none, '1'],
      [set(1), 'length', none, 'RHO512'],
      ['abc', 'size', none, 'RHO512'],
      [5, 'length', none, 'RHO512'],
    ))

  it('tell the empty ones', () => {
    for (const t of ['', bytes(), list(), set(), map()]) check([t, 'isEmpty', none, 'true'])
    for (const t of [' ', bytes(0), list(nil), set(nil), map(['a', nil])]) check([t, 'isEmpty', none, 'false'])
    check([tuple(), 'isEmpty', none, 'RHO512'])
  })
})

describe('sets and maps', () => {
  const n = name()
  it('contain, add and delete any process', () =>
    check(
      [set(1), 'contains', [1], 'true'],
      [set(1), 'contains', [big(1n)], 'false'],
      [set(NaN_), 'contains', [NaN_], 'true'],
      [set(n), 'contains', [n], 'true'],
      [set(nil), 'contains', [nil], 'true'],
      [map(['a', nil]), 'contains', ['a'], 'true'],
      [map(), 'contains', [nil], 'false'],
      [set(2, 1), 'add', [3], 'Set(1, 2, 3)'],
      [set(1), 'add', [1], 'Set(1)'],
      [set(1), 'add', [nil], 'Set(Nil, 1)'],
      [set(1), 'add', [par(1, 2)], 'Set(1, 1 |\n2)'],
      [set(1, 2), 'delete', [2], 'Set(1)'],
      [set(1, 2), 'delete', [7], 'Set(1, 2)'],
      [map(['a', 1], ['b', 2]), 'delete', ['a'], '{"b" : 2}'],
      [map(['a', 1]), 'delete', ['z'], '{"a" : 1}'],
      [map(), 'add', ['b'], 'RHO512'],
    ))

  it('unite, subtract and intersect with their like', () =>
    check(
      [set(1, 2), 'union', [set(2, 3)], 'Set(1, 2, 3)'],
      [set(), 'union', [set()], 'Set()'],
      [map(['a', 1], ['b', 2]), 'union', [map(['b', 3])], '{"a" : 1, "b" : 3}'],
      [map(['b', 3]), 'union', [map(['a', 1], ['b', 2])], '{"a" : 1, "b" : 2}'],
      [set(1, 2), 'diff', [set(2, 3)], 'Set(1)'],
      [map(['a', 1], ['b', 2]), 'diff', [map(['b', 99], ['c', 0])], '{"a" : 1}'],
      [set(1, 2, 3), 'intersection', [set(2, 3, 4)], 'Set(2, 3)'],
      [map(['a', 1], ['b', 2]), 'intersection', [map(['b', 9], ['c', 3])], '{"b" : 2}'],
      [set(1), 'isSubsetOf', [set(1, 2)], 'true'],
      [set(1, 3), 'isSubsetOf', [set(1, 2)], 'false'],
      [set(), 'isSubsetOf', [set()], 'true'],
      [set(1), 'union', [list(1)], 'RHO512'],
      [set(1), 'union', [map(['a', 1])], 'RHO512'],
      [set(1), 'diff', [1], 'RHO512'],
      [map(), 'diff', [set('a')], 'RHO512'],
      [list(1), 'union', [list(1)], 'RHO512'],
    ))

  it('look up, set and list entries', () =>
    check(
      [map(['k', 2]), 'get', ['k'], '2'],
      [map(), 'get', ['k'], 'Nil'],
      [map([1, 'int'], [big(1n), 'big']), 'get', [big(1n)], '"big"'],
      [map(['a', 1]), 'getOrElse', ['a', 9], '1'],
      [map(['a', 1]), 'getOrElse', ['b', 9], '9'],
      [map(['a', false]), 'getOrElse', ['a', true], 'false'],
      [map(['a', nil]), 'getOrElse', ['a', 1], 'Nil'],
      [map(['b', 2], ['a', 1]), 'set', ['a', 9], '{"a" : 9, "b" : 2}'],
      [map(['b', 2]), 'set', ['a', 9], '{"a" : 9, "b" : 2}'],
      [map(), 'set', [nil, nil], '{Nil : Nil}'],
      [map(['b', 1], ['a', 1]), 'keys', none, 'Set("a", "b")'],
      [map(['b', 2], ['a', 1]), 'values', none, '[1, 2]'],
      [map(['b', 2], ['a', 1]), 'entries', none, '[("a", 1), ("b", 2)]'],
      [set(1), 'get', [1], 'RHO512'],
      [set(1), 'set', [1, 2], 'RHO512'],
      [set(1), 'keys', none, 'RHO512'],
      [set(1), 'getOrElse', [1, 2], 'RHO512'],
    ))

  it('convert into each other', () =>
    check(
      [set(2, 'a', true, 1), 'toList', none, '[true, 1, 2, "a"]'],
      [map(['b', 1], ['a', 2]), 'toList', none, '[("a", 2), ("b", 1)]'],
      [tuple(2, 1), 'toList', none, '[2, 1]'],
      [list(3, 1, 3), 'toList', none, '[3, 1, 3]'],
      [bytes(0, 255), 'toList', none, '[0, 255]'],
      ['a🍄', 'toList', none, '["a", "🍄"]'],
      [list(3, 1, 3, 2), 'toSet', none, 'Set(1, 2, 3)'],
      [map(['a', 1]), 'toSet', none, 'Set(("a", 1))'],
      [set(1), 'toSet', none, 'Set(1)'],
      [list(tuple('b', 1), tuple('a', 2), tuple('b', 3)), 'toMap', none, '{"a" : 2, "b" : 3}'],
      [set(tuple('b', 1), tuple('b', 3)), 'toMap', none, '{"b" : 3}'],
      [map(['a', 1]), 'toMap', none, '{"a" : 1}'],
      [list(), 'toMap', none, '{}'],
      [list(1, 2), 'toMap', none, 'RHO512'],
      [list(tuple('a', 1), tuple('b', 2, 3)), 'toMap', none, 'RHO512'],
      [list(list('a', 1)), 'toMap', none, 'RHO512'],
      [set(1), 'toMap', none, 'RHO512'],
      [5, 'toList', none, 'RHO512'],
      [tuple(1), 'toSet', none, 'RHO512'],
    ))
})

describe('lists', () => {
  it('are searched by structure', () =>
    check(
      [list(1, 2, 1), 'indexOf', [1], '0'],
      [list(1, 2, 1), 'lastIndexOf', [1], '2'],
      [list(1), 'indexOf', [big(1n)], '-1'],
      [list(set(1, 2)), 'indexOf', [set(2, 1)], '0'],
      [list(nil), 'indexOf', [nil], '0'],
      [list(1), 'contains', [1], 'true'],
      [tuple(1, nil), 'contains', [nil], 'true'],
      [tuple(1), 'contains', [2], 'false'],
      [list(1, 2, 3), 'startsWith', [list(1, 2)], 'true'],
      [list(1, 2, 3), 'startsWith', [list(2)], 'false'],
      [list(1, 2, 3), 'endsWith', [list(2, 3)], 'true'],
      [list(1), 'endsWith', [list(1, 1)], 'false'],
      [list(1), 'startsWith', [list()], 'true'],
      [list(1), 'startsWith', [1], 'RHO512'],
      [bytes(1, 2), 'startsWith', [bytes(1)], 'true'],
      [bytes(1, 2), 'endsWith', [bytes(1)], 'false'],
    ))

  it('are put together and taken apart', () =>
    check(
      [list(1, 2, 3), 'reverse', none, '[3, 2, 1]'],
      [tuple(1, 2), 'reverse', none, '(2, 1)'],
      ['a🍄b', 'reverse', none, '"b🍄a"'],
      [bytes(1, 2, 3), 'reverse', none, '0x030201'],
      [list(list(1), 2, list(), list(list(3))), 'flatten', none, '[1, 2, [3]]'],
      [list(tuple(1), set(2)), 'flatten', none, '[(1,), Set(2)]'],
      [list(1, 2, 3), 'zip', [list('a', 'b')], '[(1, "a"), (2, "b")]'],
      [list(), 'zip', [list(1)], '[]'],
      [list(1), 'zip', [tuple(1)], 'RHO512'],
      [list(1, 2), 'repeat', [2], '[1, 2, 1, 2]'],
      [list(1), 'repeat', [-1], '[]'],
      [list('a', 'b', 'c'), 'join', ['-'], '"a-b-c"'],
      [list(), 'join', ['-'], '""'],
      [list('a', 1), 'join', ['-'], 'RHO512'],
      [list('a'), 'join', [1], 'RHO512'],
      [list(1), 'concat', [list(2)], '[1, 2]'],
      ['a', 'concat', ['b'], '"ab"'],
      [map(['a', 1]), 'concat', [map(['a', 2])], '{"a" : 2}'],
      ['a', 'concat', [1], 'RHO511'],
      ['a', 'concat', [nil], 'RHO503'],
      [5, 'concat', [5], 'RHO512'],
    ))

  it('are sorted in canonical order, freed of duplicates, and summed', () =>
    check(
      [list(2, 'a', nil, true, 1), 'sort', none, '[Nil, true, 1, 2, "a"]'],
      [list(3, 1, 3, 2, 1), 'distinct', none, '[3, 1, 2]'],
      [list(NaN_, NaN_), 'distinct', none, '[NaNf64]'],
      [list(), 'sum', none, '0'],
      [list(1, 2, 3), 'sum', none, '6'],
      [list(big(1n), big(2n)), 'sum', none, '3n'],
      [list(float(0.5), float(0.25)), 'sum', none, '0.75f64'],
      [list(INT_MAX, 1), 'sum', none, '-9223372036854775808'],
      [list(set(1), 2, 3), 'sum', none, 'Set(1, 2, 3)'],
      [list(1, 'a'), 'sum', none, 'RHO511'],
      ['a', 'sum', none, 'RHO512'],
    ))
})

describe('strings', () => {
  it('are searched and split by substrings, indices count code points', () =>
    check(
      ['oak,elm', 'split', [','], '["oak", "elm"]'],
      ['a,,b,', 'split', [','], '["a", "", "b", ""]'],
      ['abc', 'split', ['x'], '["abc"]'],
      ['a🍄', 'split', [''], '["a", "🍄"]'],
      ['', 'split', [','], '[""]'],
      ['naïve', 'indexOf', ['v'], '3'],
      ['🍄b', 'indexOf', ['b'], '1'],
      ['abc', 'indexOf', ['z'], '-1'],
      ['abc', 'indexOf', [''], '0'],
      ['hello', 'lastIndexOf', ['l'], '3'],
      ['🍄🍄', 'lastIndexOf', [''], '2'],
      ['hello', 'contains', ['ell'], 'true'],
      ['hello', 'contains', [''], 'true'],
      ['hello', 'contains', ['elo'], 'false'],
      ['hello', 'contains', [1], 'RHO512'],
      ['hello', 'startsWith', ['he'], 'true'],
      ['hello', 'endsWith', ['he'], 'false'],
      ['abc', 'split', [5], 'RHO512'],
    ))

  it('are replaced, trimmed, mapped, repeated and filled', () =>
    check(
      ['aaa', 'replace', ['aa', 'b'], '"ba"'],
      ['aXbX', 'replace', ['X', 'XX'], '"aXXbXX"'],
      ['abc', 'replace', ['', '-'], '"abc"'],
      ['a.c', 'replace', ['.', '$&'], '"a$&c"'],
      ['\u0085\u00a0\u3000a b\u2028\u1680\t', 'trim', none, '"a b"'],
      ['\ufeffa\u200b', 'trim', none, '"\\u{feff}a\u200b"'],
      ['  a ', 'trimStart', none, '"a "'],
      [' a  ', 'trimEnd', none, '" a"'],
      ['   ', 'trim', none, '""'],
      ['straße', 'toUpperCase', none, '"STRASSE"'],
      ['ŐİI', 'toLowerCase', none, '"ői̇i"'],
      ['ΟΔΟΣ', 'toLowerCase', none, '"οδος"'],
      ['ﬃ', 'toUpperCase', none, '"FFI"'],
      ['ab', 'repeat', [3], '"ababab"'],
      ['ab', 'repeat', [0], '""'],
      ['', 'repeat', [INT_MAX], '""'],
      ['7', 'padStart', [3, '0'], '"007"'],
      ['🍄', 'padEnd', [4, 'ab'], '"🍄aba"'],
      ['x', 'padStart', [4, '🍄é'], '"🍄é🍄x"'],
      ['abc', 'padStart', [2, ' '], '"abc"'],
      ['abc', 'padEnd', [9, ''], '"abc"'],
      ['a', 'repeat', ['2'], 'RHO509'],
      ['a', 'padStart', [3, 5], 'RHO512'],
    ))

  it('are made of characters and code points', () =>
    check(
      ['a🍄', 'chars', none, '["a", "🍄"]'],
      ['a🍄', 'codePoints', none, '[97, 127812]'],
      [list(97, 127812), 'fromCodePoints', none, '"a🍄"'],
      [list(), 'fromCodePoints', none, '""'],
      [list(0xd800), 'fromCodePoints', none, 'RHO516'],
      [list(0x110000), 'fromCodePoints', none, 'RHO516'],
      [list(-1), 'fromCodePoints', none, 'RHO516'],
      [list('a'), 'fromCodePoints', none, 'RHO516'],
    ))
})

describe('bytes', () => {
  it('convert to and from text', () =>
    check(
      ['00FF', 'hexToBytes', none, '0x00ff'],
      ['0x12 zz3', 'hexToBytes', none, '0x0123'],
      ['', 'hexToBytes', none, '0x'],
      [bytes(0, 255), 'bytesToHex', none, '"00ff"'],
      ['é🍄', 'toUtf8Bytes', none, '0xc3a9f09f8d84'],
      [bytes(0xc3, 0xa9), 'decodeUtf8', none, '"é"'],
      [bytes(0xef, 0xbb, 0xbf, 0x61), 'decodeUtf8', none, '"\\u{feff}a"'],
      [bytes(0xff), 'decodeUtf8', none, 'RHO516'],
      [bytes(0xed, 0xa0, 0x80), 'decodeUtf8', none, 'RHO516'],
      [list(0, 255), 'toBytes', none, '0x00ff'],
      [list(256), 'toBytes', none, 'RHO516'],
      [list(-1), 'toBytes', none, 'RHO516'],
      [list(float(1)), 'toBytes', none, 'RHO516'],
      [5, 'hexToBytes', none, 'RHO512'],
      ['ab', 'bytesToHex', none, 'RHO512'],
      [list(1), 'toUtf8Bytes', none, 'RHO512'],
    ))

  it('encode any process', () => {
    for (const [t, hex] of [
      [5, '2a02100a'],
      [-1, '2a021001'],
      ['foo', '2a051a03666f6f'],
      [nil, ''],
      [list(1, 'a'), '2a10a2010d0a042a0210020a052a031a0161'],
    ] as [Term, string][]) {
      expect(text(call(t, 'toByteArray'))).toBe(`0x${hex}`)
    }
    expect(call(send(0, 1), 'toByteArray')).not.toBeInstanceOf(Fault)
    expect(call(par(1, name()), 'toByteArray')).not.toBeInstanceOf(Fault)
  })
})

describe('numbers', () => {
  it('become Ints toward zero, if they fit', () =>
    check(
      [5, 'toInt', none, '5'],
      [float(2.9), 'toInt', none, '2'],
      [float(-2.9), 'toInt', none, '-2'],
      [float(-0.5), 'toInt', none, '0'],
      [float(-(2 ** 63)), 'toInt', none, '-9223372036854775808'],
      [float(2 ** 63), 'toInt', none, 'RHO516'],
      [rat(-7n, 2n), 'toInt', none, '-3'],
      [fix('-1.9'), 'toInt', none, '-1'],
      [big(5n), 'toInt', none, '5'],
      [big(INT_MAX + 1n), 'toInt', none, 'RHO516'],
      ['42', 'toInt', none, '42'],
      ['+7', 'toInt', none, '7'],
      ['-0012', 'toInt', none, '-12'],
      [`-${'0'.repeat(100)}9223372036854775808`, 'toInt', none, '-9223372036854775808'],
      ['9223372036854775808', 'toInt', none, 'RHO516'],
      [NaN_, 'toInt', none, 'RHO516'],
      [float(Number.POSITIVE_INFINITY), 'toInt', none, 'RHO516'],
      [true, 'toInt', none, 'RHO512'],
    ))

  it.each(['', '+', '-', 'x', '4x', ' 4', '4 ', '1.0', '1e3', '--1', '٣', '0x10'])('do not become Ints from the text %j', s => {
    check([s, 'toInt', none, 'RHO516'], [s, 'toBigInt', none, 'RHO516'])
  })

  it('become BigInts of any length', () =>
    check(
      [5, 'toBigInt', none, '5n'],
      [INT_MIN, 'toBigInt', none, '-9223372036854775808n'],
      [float(1e21), 'toBigInt', none, '1000000000000000000000n'],
      [rat(7n, 2n), 'toBigInt', none, '3n'],
      [fix('-12.99'), 'toBigInt', none, '-12n'],
      ['-123456789012345678901234567890', 'toBigInt', none, '-123456789012345678901234567890n'],
      [NaN_, 'toBigInt', none, 'RHO516'],
    ))

  it('become the nearest Float', () =>
    check(
      [5, 'toFloat', none, '5.0f64'],
      [9007199254740993n, 'toFloat', none, '9007199254740992.0f64'],
      [INT_MAX, 'toFloat', none, '9223372036854776000.0f64'],
      [big(10n ** 400n), 'toFloat', none, '1e999f64'],
      [rat(1n, 3n), 'toFloat', none, '0.3333333333333333f64'],
      [rat(-1n, 3n), 'toFloat', none, '-0.3333333333333333f64'],
      [rat(1n, 10n ** 400n), 'toFloat', none, '0.0f64'],
      [rat(10n ** 400n, 3n), 'toFloat', none, '1e999f64'],
      [fix('0.1'), 'toFloat', none, '0.1f64'],
      [fix('-2.50'), 'toFloat', none, '-2.5f64'],
      ['2.5', 'toFloat', none, '2.5f64'],
      ['-1e3', 'toFloat', none, '-1000.0f64'],
      ['.5', 'toFloat', none, '0.5f64'],
      ['+7', 'toFloat', none, '7.0f64'],
      ['1E-2', 'toFloat', none, '0.01f64'],
      ['1e400', 'toFloat', none, '1e999f64'],
    ))

  it.each(['', '.', 'e5', '1e', '1e+', '1.', '1.e5', 'NaN', 'Infinity', '0x1', '1_000', ' 1', '1 ', '2.5f64', '1.2.3'])(
    'do not become Floats from the text %j',
    s => {
      check([s, 'toFloat', none, 'RHO516'])
    },
  )

  it('become BigRats exactly', () =>
    check(
      [5, 'toBigRat', none, '5/1r'],
      [fix('1.50'), 'toBigRat', none, '3/2r'],
      [float(0.75), 'toBigRat', none, '3/4r'],
      [float(0.1), 'toBigRat', none, '3602879701896397/36028797018963968r'],
      [float(-0), 'toBigRat', none, '0/1r'],
      [float(2 ** 70), 'toBigRat', none, '1180591620717411303424/1r'],
      [float(5e-324), 'toBigRat', none, `1/${2n ** 1074n}r`],
      [NaN_, 'toBigRat', none, 'RHO516'],
      [float(Number.NEGATIVE_INFINITY), 'toBigRat', none, 'RHO516'],
      ['1', 'toBigRat', none, 'RHO512'],
    ))

  it('become Fixed, cut toward zero', () =>
    check(
      [5, 'toFixed', [2], '5.00p2'],
      [big(-5n), 'toFixed', [0], '-5p0'],
      [rat(-2n, 3n), 'toFixed', [3], '-0.666p3'],
      [float(2.75), 'toFixed', [1], '2.7p1'],
      [fix('1.29'), 'toFixed', [1], '1.2p1'],
      [fix('-1.29'), 'toFixed', [0], '-1p0'],
      [fix('1.5'), 'toFixed', [3], '1.500p3'],
      ['12.349', 'toFixed', [2], '12.34p2'],
      ['-.5', 'toFixed', [2], '-0.50p2'],
      ['7', 'toFixed', [1], '7.0p1'],
      ['x', 'toFixed', [1], 'RHO516'],
      ['1e3', 'toFixed', [1], 'RHO516'],
      [NaN_, 'toFixed', [1], 'RHO516'],
      [5, 'toFixed', [-1], 'RHO516'],
      [5, 'toFixed', [10_001], 'RHO516'],
      [5, 'toFixed', ['1'], 'RHO509'],
    ))

  it('have an absolute value, a sign, a smaller and a greater one', () =>
    check(
      [-1, 'abs', none, '1'],
      [INT_MIN, 'abs', none, 'RHO504'],
      [-9007199254740993n, 'abs', none, '9007199254740993'],
      [float(-0), 'abs', none, '0.0f64'],
      [big(-5n), 'abs', none, '5n'],
      [rat(-1n, 2n), 'abs', none, '1/2r'],
      [fix('-0.5'), 'abs', none, '0.5p1'],
      [-7, 'sign', none, '-1'],
      [float(-0), 'sign', none, '0'],
      [float(2.5), 'sign', none, '1'],
      [rat(-1n, 2n), 'sign', none, '-1'],
      [fix('0.0'), 'sign', none, '0'],
      [big(3n), 'sign', none, '1'],
      [NaN_, 'sign', none, 'RHO516'],
      [3, 'min', [INT_MIN], '-9223372036854775808'],
      [3, 'max', [4], '4'],
      [float(1), 'min', [NaN_], 'NaNf64'],
      [NaN_, 'max', [float(1)], 'NaNf64'],
      [float(0), 'min', [float(-0)], '-0.0f64'],
      ['\ufffd', 'max', ['🍄'], '"🍄"'],
      [rat(1n, 2n), 'max', [rat(2n, 3n)], '2/3r'],
      [fix('1.5'), 'min', [fix('0.5')], '0.5p1'],
      [big(10n), 'min', [big(9n)], '9n'],
      [1, 'min', [big(1n)], 'RHO512'],
      [fix('1.5'), 'min', [fix('1.50')], 'RHO512'],
      [true, 'min', [false], 'RHO512'],
    ))

  it('have powers', () =>
    check(
      [2, 'pow', [10], '1024'],
      [2, 'pow', [62], '4611686018427387904'],
      [2, 'pow', [63], 'RHO504'],
      [-2, 'pow', [63], '-9223372036854775808'],
      [0, 'pow', [0], '1'],
      [0, 'pow', [INT_MAX], '0'],
      [-1, 'pow', [INT_MAX], '-1'],
      [-1, 'pow', [INT_MAX - 1n], '1'],
      [10, 'pow', [INT_MAX], 'RHO504'],
      [2, 'pow', [-1], 'RHO516'],
      [big(2n), 'pow', [70], '1180591620717411303424n'],
      [big(2n), 'pow', [-1], 'RHO516'],
      [big(0n), 'pow', [0], '1n'],
      [rat(2n, 3n), 'pow', [-2], '9/4r'],
      [rat(-2n, 3n), 'pow', [-3], '-27/8r'],
      [rat(0n), 'pow', [-1], 'RHO505'],
      [rat(0n), 'pow', [0], '1/1r'],
      [float(2), 'pow', [-1], '0.5f64'],
      [float(2), 'pow', [float(0.5)], '1.4142135623730951f64'],
      [float(2), 'pow', [big(1n)], 'RHO509'],
      [2, 'pow', [float(1)], 'RHO509'],
      [fix('1.5'), 'pow', [2], 'RHO512'],
    ))

  it('are rounded within their type', () =>
    check(
      [float(2.5), 'round', none, '3.0f64'],
      [float(-2.5), 'round', none, '-3.0f64'],
      [float(0.5 - 2 ** -54), 'round', none, '0.0f64'],
      [float(2.4), 'round', none, '2.0f64'],
      [float(-2.5), 'floor', none, '-3.0f64'],
      [float(-2.5), 'ceil', none, '-2.0f64'],
      [float(2 ** 51 + 0.5), 'round', none, '2251799813685249.0f64'],
      [float(Number.POSITIVE_INFINITY), 'floor', none, '1e999f64'],
      [NaN_, 'round', none, 'NaNf64'],
      [rat(-5n, 2n), 'round', none, '-3/1r'],
      [rat(-5n, 2n), 'floor', none, '-3/1r'],
      [rat(5n, 2n), 'ceil', none, '3/1r'],
      [rat(7n, 3n), 'round', none, '2/1r'],
      [fix('-1.5'), 'floor', none, '-2.0p1'],
      [fix('-1.5'), 'round', none, '-2.0p1'],
      [fix('-1.4'), 'round', none, '-1.0p1'],
      [fix('1.25'), 'ceil', none, '2.00p2'],
      [fix('0.00'), 'floor', none, '0.00p2'],
      [5, 'floor', none, 'RHO512'],
    ))

  it('show their parts', () =>
    check(
      [NaN_, 'isNaN', none, 'true'],
      [float(1), 'isNaN', none, 'false'],
      [float(Number.POSITIVE_INFINITY), 'isFinite', none, 'false'],
      [NaN_, 'isFinite', none, 'false'],
      [float(1), 'isFinite', none, 'true'],
      [rat(-1n, 2n), 'numerator', none, '-1n'],
      [rat(-1n, 2n), 'denominator', none, '2n'],
      [fix('-1.50'), 'scale', none, '2'],
      [fix('-1.50'), 'unscaled', none, '-150n'],
      [5, 'numerator', none, 'RHO512'],
    ))

  it('have bits in two’s complement', () =>
    check(
      [12, 'bitAnd', [10], '8'],
      [12, 'bitOr', [10], '14'],
      [12, 'bitXor', [10], '6'],
      [0, 'bitNot', none, '-1'],
      [-1, 'bitAnd', [INT_MAX], '9223372036854775807'],
      [INT_MIN, 'bitXor', [-1], '9223372036854775807'],
      [INT_MIN, 'bitNot', none, '9223372036854775807'],
      [2147483648, 'bitOr', [1], '2147483649'],
      [big(-1n), 'bitAnd', [big(18446744073709551615n)], '18446744073709551615n'],
      [big(0n), 'bitNot', none, '-1n'],
      [1, 'bitAnd', [big(1n)], 'RHO512'],
      [float(1.5), 'bitAnd', [1], 'RHO512'],
      [1, 'shiftLeft', [62], '4611686018427387904'],
      [1, 'shiftLeft', [63], '-9223372036854775808'],
      [1, 'shiftLeft', [64], '0'],
      [3, 'shiftLeft', [63], '-9223372036854775808'],
      [1, 'shiftLeft', [INT_MAX], '0'],
      [-8, 'shiftRight', [1], '-4'],
      [-1, 'shiftRight', [INT_MAX], '-1'],
      [5, 'shiftRight', [64], '0'],
      [INT_MIN, 'shiftRight', [63], '-1'],
      [big(1n), 'shiftLeft', [70], '1180591620717411303424n'],
      [big(0n), 'shiftLeft', [INT_MAX], '0n'],
      [big(-5n), 'shiftRight', [INT_MAX], '-1n'],
      [1, 'shiftLeft', [-1], 'RHO516'],
      [big(1n), 'shiftRight', [-1], 'RHO516'],
      [1, 'shiftLeft', [big(1n)], 'RHO509'],
    ))
})

describe('text of any value', () => {
  it('toString has no quotes and no suffixes', () =>
    check(
      [true, 'toString', none, '"true"'],
      [-5, 'toString', none, '"-5"'],
      [INT_MIN, 'toString', none, '"-9223372036854775808"'],
      [big(5n), 'toString', none, '"5"'],
      [float(2.5), 'toString', none, '"2.5"'],
      [float(3), 'toString', none, '"3.0"'],
      [float(1e21), 'toString', none, '"1e21"'],
      [float(1e-7), 'toString', none, '"1e-7"'],
      [float(-0), 'toString', none, '"-0.0"'],
      [rat(1n, 2n), 'toString', none, '"1/2"'],
      [fix('1.50'), 'toString', none, '"1.50"'],
      [fix('5'), 'toString', none, '"5"'],
      ['oak', 'toString', none, '"oak"'],
      [uri('a:b'), 'toString', none, '"a:b"'],
      [bytes(0, 255), 'toString', none, '"00ff"'],
      [list(1, 'a'), 'toString', none, '"[1, \\"a\\"]"'],
      [set(2, 1), 'toString', none, '"Set(1, 2)"'],
      [tuple(1), 'toString', none, '"(1,)"'],
      [map(['b', 1], ['a', 2]), 'toString', none, '"{\\"a\\" : 2, \\"b\\" : 1}"'],
      [new DeployId(Uint8Array.of(1, 255)), 'toString', none, '"01ff"'],
      [new DeployerId(Uint8Array.of()), 'toString', none, '""'],
      [nil, 'toString', none, 'RHO503'],
      [name(), 'toString', none, 'RHO503'],
    ))

  it('show prints any process, typeName names its type', () => {
    check(
      ['a', 'show', none, '"\\"a\\""'],
      [big(5n), 'show', none, '"5n"'],
      [nil, 'show', none, '"Nil"'],
      [send(0, 1), 'show', none, '"@{0}!(1)"'],
    )
    const types: [Term, string][] = [
      [true, 'bool'],
      [1, 'int'],
      [INT_MAX, 'int'],
      [float(1), 'float'],
      [big(1n), 'bigint'],
      [rat(1n), 'bigrat'],
      [fix('1.0'), 'fixedpoint'],
      ['a', 'string'],
      [uri('u'), 'uri'],
      [bytes(), 'byte array'],
      [list(), 'list'],
      [tuple(), 'tuple'],
      [set(), 'set'],
      [map(), 'map'],
      [nil, 'nil'],
      [name(), 'unforgeable'],
      [bundle(1), 'bundle'],
      [send(0), 'process'],
      [par(1, 2), 'process'],
    ]
    for (const [t, type] of types) expect(call(t, 'typeName')).toBe(type)
  })
})

describe('checks of a method call', () => {
  it('come in this order: name, number of arguments, one value, receiver, arguments', () =>
    check(
      [nil, 'nope', [1, 2], 'RHO508'],
      [nil, 'nth', none, 'RHO513'],
      [5, 'nth', [1, 2], 'RHO513'],
      [nil, 'nth', ['0'], 'RHO503'],
      [par(1, 2), 'length', none, 'RHO503'],
      [name(), 'get', [1], 'RHO503'],
      [bundle(list(1)), 'length', none, 'RHO503'],
      [5, 'slice', ['0', '1'], 'RHO512'],
      ['abc', 'slice', ['0'], 'RHO513'],
      ['abc', 'slice', ['0', '1'], 'RHO509'],
    ))

  it('name what is wrong and what would be right', () => {
    const fault = (target: Term, m: string, ...args: Term[]): Fault => call(target, m, ...args) as Fault
    expect(fault(5, 'explode').message).toBe('unimplemented method: explode')
    expect(fault('abc', 'lenght').hint).toBe('did you mean `length`?')
    expect(fault(list(1), 'Nth', 0).hint).toBe('did you mean `nth`?')
    expect(fault(list(1), 'nth').message).toBe('method `nth` takes 1 argument, got 0')
    expect(fault(list(1), 'slice', 1).hint).toBe('write `.slice(from, to)`')
    expect(fault(5, 'length').message).toBe('method `length` is not defined on int')
    expect(fault(5, 'length').hint).toBe('it is a method of string, list, byte array, tuple')
    expect(fault(set(1), 'length').hint).toBe('use `size()`')
    expect(fault(list(1), 'size').hint).toBe('use `length()`')
    expect(fault(list(1), 'get', 0).hint).toBe('use `nth(i)`')
    expect(fault(list(1), 'set', 0, 1).hint).toBe('use `updated(i, v)`')
    expect(fault(list(1), 'union', list(2)).hint).toBe('use `concat(x)`')
    expect(fault(list(1), 'nth', 7).message).toBe('index out of bound: 7')
    expect(fault(list(1), 'nth', 'x').message).toBe('expected an integer, got string')
    expect(fault(set(1), 'union', list(1)).message).toBe('method `union` is not defined on set with an argument of type list')
    expect(fault('4x', 'toInt').message).toBe('`toInt` of the string "4x" has no meaning')
  })

  it('look through closures', () => {
    const closure = (t: Term): Term => new Closure({ close: () => t }, [])
    check(
      [closure(list(1, 2)), 'nth', [closure(1)], '2'],
      [list(closure('a'), closure('b')), 'join', [closure('-')], '"a-b"'],
      [list(closure(97)), 'fromCodePoints', none, '"a"'],
      [list(closure(tuple('k', 1))), 'toMap', none, '{"k" : 1}'],
      [list(closure(list(1)), closure(2)), 'flatten', none, '[1, 2]'],
      [set(1), 'union', [closure(set(2))], 'Set(1, 2)'],
      [closure(nil), 'typeName', none, '"nil"'],
    )
  })

  it('are the same for a method resolved beforehand', () => {
    const nth = findMethod('nth')
    expect(nth?.entry.params).toEqual(['i'])
    expect(findMethod('toString')?.entry.name).toBe('toString')
    expect(findMethod('constructor')).toBeUndefined()
    expect(findMethod('__proto__')).toBeUndefined()
  })
})

describe('limits', () => {
  const limited = (bytes_: number, target: Term, m: string, ...args: Term[]): string => {
    const r = method(m, target, args, context(bytes_))
    return r instanceof Fault ? r.code : 'ok'
  }

  it('stop values that grow, before they are made', () => {
    const n = 1_000_000_000_000
    const rows: [Term, string, Term[]][] = [
      ['ab', 'repeat', [n]],
      ['ab', 'repeat', [INT_MAX]],
      [list(1), 'repeat', [n]],
      [list(nil), 'repeat', [n]],
      ['a', 'padStart', [n, 'x']],
      ['a', 'padEnd', [INT_MAX, 'xy']],
      [big(2n), 'pow', [n]],
      [big(3n), 'pow', [INT_MAX]],
      [rat(2n), 'pow', [-n]],
      [big(1n), 'shiftLeft', [n]],
      [big(-1n), 'shiftLeft', [INT_MAX]],
    ]
    for (const [t, m, args] of rows) expect(limited(256 * MIB, t, m, ...args)).toBe('RHO604')
  })

  it('hold exactly at the size of the result', () => {
    const exact: [Term, string, Term[], number][] = [
      ['ab', 'repeat', [10], 24],
      [list(1, 'abc'), 'repeat', [4], 64],
      ['a', 'padStart', [9, 'xy'], 13],
      ['a-a', 'replace', ['a', 'xxx'], 11],
      [list('ab', 'c'), 'join', ['--'], 9],
      ['ß'.repeat(10), 'toUpperCase', [], 24],
      ['abc', 'chars', [], 19],
      ['abc', 'codePoints', [], 28],
      ['a,b', 'split', [','], 14],
      [bytes(1, 2, 3), 'toList', [], 28],
      [bytes(1, 2, 3), 'bytesToHex', [], 10],
      ['éé', 'toUtf8Bytes', [], 8],
      [set(1), 'add', [2], 20],
      [map([1, 2]), 'set', [3, 4], 40],
      [list(1), 'updated', [0, 'abcdefgh'], 16],
      [list(1, 2), 'zip', [list(3, 4)], 44],
      [map([1, 2]), 'entries', [], 24],
    ]
    for (const [t, m, args, size] of exact)
      expect([m, limited(size, t, m, ...args), limited(size - 1, t, m, ...args)]).toEqual([m, 'ok', 'RHO604'])
  })

  it('of a number count its bytes', () => {
    expect([limited(16, big(2n), 'pow', 120), limited(16, big(2n), 'pow', 140)]).toEqual(['ok', 'RHO604'])
    expect(limited(256 * MIB, big(2n), 'pow', 1_000_000_000)).toBe('RHO604')
    expect(limited(256 * MIB, '9'.repeat(50_000_000), 'toBigInt')).toBe('RHO604')
  })

  it('searching takes linear time even for hostile patterns', () => {
    const hay = 'a'.repeat(400_000)
    const needle = `b${'a'.repeat(200_000)}`
    const needle2 = `${'a'.repeat(200_000)}b`
    for (const m of ['indexOf', 'lastIndexOf', 'contains']) {
      expect([false, -1]).toContain(call(hay, m, needle))
      expect([false, -1]).toContain(call(hay, m, needle2))
    }
    expect(text(call(call(hay, 'split', needle2) as Term, 'length'))).toBe('1')
    expect(call(hay, 'lastIndexOf', 'a'.repeat(200_000))).toBe(200_000)
  })
})

describe('gas of methods', () => {
  const cost = (t: Term, m: string, ...args: Term[]): number => gasOf(ctx => method(m, t, args, ctx))
  it('follows the table of 16.2', () => {
    expect([
      cost(list(1, 2), 'nth', 0),
      cost('abc', 'length'),
      cost(map([1, 2]), 'keys'),
      cost(set(1), 'size'),
      cost('abc', 'nth', 0),
    ]).toEqual([10, 10, 10, 10, 10])
    expect([
      cost(list(1, 2, 3), 'slice', 1, 9),
      cost(list(1, 2, 3), 'take', 2),
      cost('🍄b', 'take', 5),
      cost(bytes(1, 2), 'slice', 0, 1),
    ]).toEqual([12, 12, 12, 11])
    expect([
      cost(set(1), 'add', 2),
      cost(set(1), 'contains', 2),
      cost(map([1, 2]), 'get', 1),
      cost(map(), 'set', 1, 2),
      cost(map(), 'getOrElse', 1, 2),
      cost(map(), 'delete', 1),
    ]).toEqual([13, 13, 13, 13, 13, 13])
    expect([cost(set(1), 'union', set(1, 2)), cost(map(), 'diff', map([1, 2])), cost(set(1), 'intersection', set())]).toEqual([16, 13, 10])
    expect([cost(set(1, 2), 'toList'), cost(list(1, 1), 'toSet'), cost(list(tuple(1, 2)), 'toMap')]).toEqual([12, 12, 11])
    expect([cost('00ff', 'hexToBytes'), cost(bytes(1, 2), 'bytesToHex'), cost('é', 'toUtf8Bytes'), cost(5, 'toByteArray')]).toEqual([
      14, 12, 11, 14,
    ])
    // Section 11: sizes of receiver and arguments; list 4, Int 8, String 4 + units, Bool 4.
    expect([
      cost(list(1, 2), 'reverse'),
      cost('ab', 'contains', 'a'),
      cost(list(1), 'contains', 1),
      cost(5, 'toString'),
      cost(true, 'typeName'),
    ]).toEqual([30, 21, 30, 18, 14])
    expect([
      cost(2, 'pow', 10),
      cost('ab', 'repeat', 3),
      cost(1, 'shiftLeft', 3),
      cost('7', 'padStart', 3, '0'),
      cost('ab', 'drop', 1),
    ]).toEqual([34, 34, 34, 35, 24])
    expect([cost(list(1, 2, 3), 'sum'), cost('a', 'concat', 'b')]).toEqual([38, 20])
  })

  it('is not charged when name, count or receiver are wrong', () => {
    expect([cost(5, 'nope'), cost(list(), 'nth'), cost(5, 'length'), cost(nil, 'length')]).toEqual([0, 0, 0, 0])
    expect([cost(list(), 'nth', 0), cost('x', 'toInt')]).toEqual([10, 15])
  })
})

describe('the table of methods', () => {
  it('names every method of sections 9 and 11 once', () => {
    const names = METHODS.map(m => m.name)
    expect(new Set(names).size).toBe(names.length)
    const spec = `nth length slice take size contains add delete union diff get getOrElse set keys toList toSet toMap toByteArray hexToBytes bytesToHex toUtf8Bytes toString
      show typeName drop chars codePoints fromCodePoints split join indexOf lastIndexOf startsWith endsWith replace trim trimStart trimEnd toUpperCase toLowerCase repeat padStart padEnd
      decodeUtf8 toBytes concat reverse first last tail updated flatten sort distinct zip sum isEmpty values entries intersection isSubsetOf toInt toBigInt toFloat toBigRat toFixed abs
      sign min max pow floor ceil round isNaN isFinite numerator denominator scale unscaled bitAnd bitOr bitXor bitNot shiftLeft shiftRight`
    expect([...names].sort()).toEqual(spec.split(/\s+/).sort())
  })

  it('has at most one row for a method and a type of receiver', () => {
    for (const m of METHODS) {
      const tags = m.rows.flatMap(r => (r.on === 'any' ? [-1] : [...r.on]))
      expect([m.name, new Set(tags).size]).toEqual([m.name, tags.length])
    }
  })

  it('gives every method a line in the manual', () => {
    const forms = new Set(manual().map(l => l.form.replace(/\(.*/, '')))
    for (const m of METHODS) expect(forms).toContain(m.name)
  })

  it('never throws, whatever the receiver and the arguments', () => {
    const terms: Term[] = [
      1,
      -1,
      70,
      INT_MIN,
      INT_MAX,
      'a',
      '',
      '🍄x',
      true,
      nil,
      par(1, 2),
      send(0),
      name(),
      bundle(1),
      list(),
      list(1, 'a'),
      tuple(),
      tuple(1, 2),
      set(1),
      map([1, 2]),
      float(1.5),
      NaN_,
      float(Number.NEGATIVE_INFINITY),
      big(3n),
      rat(1n, 2n),
      fix('1.05'),
      bytes(1),
      bytes(0xff),
      uri('u'),
      new DeployId(Uint8Array.of(1)),
    ]
    for (const m of METHODS) {
      for (const t of terms) {
        for (let i = 0; i < (m.params.length === 0 ? 1 : terms.length); i++) {
          const args = m.params.map((_, k) => terms[(i + 7 * k) % terms.length])
          expect(() => method(m.name, t, args, context(MIB))).not.toThrow()
        }
      }
    }
    expect(Object.keys(Tag).length).toBeGreaterThan(40)
  })
})
