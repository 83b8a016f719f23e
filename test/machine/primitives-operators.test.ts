import { describe, expect, it } from 'vitest'
import { asBool, binary, Fault, manual, OPERATORS } from '../../src/machine/primitives/index.ts'
import { Closure, Flag, Tag, type Term } from '../../src/normal/term.ts'
import {
  big,
  bundle,
  bytes,
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
  neg,
  nil,
  not,
  op,
  par,
  rat,
  send,
  set,
  text,
  tuple,
  uri,
} from './primitives-support.ts'

type Row = [Term, string, Term, string]
function check(rows: Row[]): void {
  for (const [l, symbol, r, expected] of rows)
    expect(`${text(l)} ${symbol} ${text(r)} = ${text(op(l, symbol, r))}`).toBe(`${text(l)} ${symbol} ${text(r)} = ${expected}`)
}
const NaN_ = float(Number.NaN)

describe('Int arithmetic', () => {
  it('adds and subtracts modulo 2^64', () =>
    check([
      [5, '+', 3, '8'],
      [2, '-', -3, '5'],
      [INT_MAX, '+', 1, '-9223372036854775808'],
      [INT_MIN, '-', 1, '9223372036854775807'],
      [INT_MIN, '+', -1, '9223372036854775807'],
      [INT_MAX, '+', INT_MAX, '-2'],
      [0, '-', INT_MIN, '-9223372036854775808'],
      [Number.MAX_SAFE_INTEGER, '+', 1, '9007199254740992'],
      [9007199254740992n, '-', 1, '9007199254740991'],
    ]))

  it('multiplies exactly or fails', () =>
    check([
      [3037000499, '*', 3037000499, '9223372030926249001'],
      [4611686018427387904n, '*', -2, '-9223372036854775808'],
      [4611686018427387904n, '*', 2, 'RHO504'],
      [INT_MAX, '*', 2, 'RHO504'],
      [-1, '*', INT_MIN, 'RHO504'],
      [94906267, '*', 94906267, '9007199515875289'],
    ]))

  it('divides toward zero, with the remainder of the sign of the left', () =>
    check([
      [7, '/', 2, '3'],
      [-7, '/', 2, '-3'],
      [7, '/', -2, '-3'],
      [-7, '/', -2, '3'],
      [7, '%', 3, '1'],
      [-7, '%', 3, '-1'],
      [7, '%', -3, '1'],
      [-6, '%', 3, '0'],
      [9007199254740991, '/', 9007199254740990, '1'],
      [INT_MIN, '/', 2, '-4611686018427387904'],
      [INT_MIN, '%', 10, '-8'],
    ]))

  it('fails for division by zero and for the one quotient that does not fit', () =>
    check([
      [5, '/', 0, 'RHO505'],
      [0, '%', 0, 'RHO505'],
      [INT_MIN, '/', 0, 'RHO505'],
      [INT_MIN, '/', -1, 'RHO504'],
      [INT_MIN, '%', -1, 'RHO504'],
    ]))

  it('negates, except the smallest', () => {
    expect([text(neg(5)), text(neg(INT_MAX)), text(neg(INT_MIN))]).toEqual(['-5', '-9223372036854775807', 'RHO504'])
  })

  it('gives canonical Ints: a safe integer is a number without minus zero, never a bigint', () => {
    expect(op(9007199254740993n, '-', 2)).toBe(9007199254740991)
    for (const zero of [neg(0), op(-1, '*', 0), op(-6, '%', 3), op(-1, '/', 2), op(5, '-', 5)]) expect(Object.is(zero, 0)).toBe(true)
    expect(op(Number.MAX_SAFE_INTEGER, '+', 1)).toBe(9007199254740992n)
  })
})

describe('Float arithmetic', () => {
  it('is IEEE binary64', () =>
    check([
      [float(0.1), '+', float(0.2), '0.30000000000000004f64'],
      [float(1), '/', float(0), '1e999f64'],
      [float(-1), '/', float(0), '-1e999f64'],
      [float(0), '/', float(0), 'NaNf64'],
      [float(7), '/', float(2), '3.5f64'],
      [float(-2.5), '+', float(2.5), '0.0f64'],
    ]))

  it('has no modulus', () => expect(text(op(float(1), '%', float(2)))).toBe('RHO517'))

  it('negation flips the sign of zero', () => expect(text(neg(float(0)))).toBe('-0.0f64'))
})

describe('BigInt arithmetic', () => {
  it('is exact and unbounded', () =>
    check([
      [big(INT_MAX), '+', big(1n), '9223372036854775808n'],
      [big(INT_MIN), '-', big(1n), '-9223372036854775809n'],
      [big(99999999999999999999n), '*', big(99999999999999999999n), '9999999999999999999800000000000000000001n'],
      [big(-7n), '/', big(2n), '-3n'],
      [big(-7n), '%', big(2n), '-1n'],
      [big(7n), '%', big(-2n), '1n'],
      [big(1n), '/', big(0n), 'RHO505'],
      [big(1n), '%', big(0n), 'RHO505'],
    ]))

  it('negates every number', () => expect(text(neg(big(INT_MIN)))).toBe('9223372036854775808n'))
})

describe('BigRat arithmetic', () => {
  it('is exact and reduced, the sign in the numerator', () =>
    check([
      [rat(1n, 3n), '+', rat(1n, 6n), '1/2r'],
      [rat(6n), '/', rat(4n), '3/2r'],
      [rat(1n), '/', rat(-2n), '-1/2r'],
      [rat(0n), '/', rat(-5n), '0/1r'],
      [rat(2n, 3n), '*', rat(3n, 2n), '1/1r'],
      [rat(1n, 2n), '-', rat(1n, 2n), '0/1r'],
      [rat(7n), '%', rat(3n), '0/1r'],
      [rat(7n), '%', rat(0n), 'RHO505'],
      [rat(1n), '/', rat(0n), 'RHO505'],
    ]))

  it('negates', () => expect(text(neg(rat(1n, 2n)))).toBe('-1/2r'))
})

describe('Fixed arithmetic', () => {
  it('keeps the scale: products round down, quotients toward zero', () =>
    check([
      [fix('1.5'), '+', fix('-2.0'), '-0.5p1'],
      [fix('1.5'), '*', fix('1.5'), '2.2p1'],
      [fix('-1.5'), '*', fix('1.5'), '-2.3p1'],
      [fix('0.1'), '*', fix('0.1'), '0.0p1'],
      [fix('1.0'), '/', fix('3.0'), '0.3p1'],
      [fix('-1.0'), '/', fix('3.0'), '-0.3p1'],
      [fix('10.0'), '%', fix('3.0'), '1.0p1'],
      [fix('-10.0'), '%', fix('3.0'), '-1.0p1'],
      [fix('1.25'), '%', fix('0.50'), '0.25p2'],
      [fix('1.0'), '/', fix('0.0'), 'RHO505'],
      [fix('1.0'), '%', fix('0.0'), 'RHO505'],
    ]))

  it('does not mix scales', () =>
    check([
      [fix('1.5'), '+', fix('1.50'), 'RHO511'],
      [fix('1.5'), '*', fix('1.50'), 'RHO511'],
      [fix('1.5'), '<', fix('1.60'), 'RHO507'],
      [fix('1.5'), '==', fix('1.50'), 'false'],
    ]))

  it('negates', () => expect(text(neg(fix('0.05')))).toBe('-0.05p2'))
})

describe('types of operands', () => {
  it('never mix: the right one must fit the left one', () => {
    const numbers = [1, float(1), big(1n), rat(1n), fix('1.0')]
    for (const symbol of ['+', '-', '*', '/', '%']) {
      for (const l of numbers) for (const r of numbers) if (l !== r) expect(text(op(l, symbol, r))).toBe('RHO511')
      for (const l of numbers) expect(text(op(l, symbol, '1'))).toBe('RHO511')
    }
  })

  it('must be ones the operator is defined on', () => {
    for (const symbol of ['*', '/', '%'])
      for (const l of ['a', true, list(), tuple(), set(), map(), uri('a:b'), bytes()]) expect(text(op(l, symbol, l))).toBe('RHO510')
    check([
      ['a', '+', 'b', 'RHO510'],
      [map(), '+', 'b', 'RHO510'],
      [list(1), '-', 1, 'RHO510'],
      [1, '++', 2, 'RHO510'],
      [tuple(1), '++', tuple(2), 'RHO510'],
      [true, '++', true, 'RHO510'],
      [list(1), '--', list(1), 'RHO510'],
      [map(), '--', map(), 'RHO510'],
      [5, '%%', map(), 'RHO510'],
    ])
    for (const t of ['a', true, list(), uri('a:b')]) expect(text(neg(t))).toBe('RHO510')
  })

  it('must be exactly one value each, the left one checked first', () => {
    const others = [nil, par(1, 2), send(0, 1), name(), bundle(5), par(1, send(0))]
    for (const symbol of ['+', '*', '<', '++', '--', '%%', 'and']) {
      for (const bad of others) {
        expect(text(op(bad, symbol, 1))).toBe('RHO503')
        const good = symbol === '%%' || symbol === '++' ? 'a' : symbol === 'and' ? true : symbol === '--' ? set() : 1
        expect(text(op(good, symbol, bad))).toBe('RHO503')
      }
    }
    for (const bad of others) expect([text(neg(bad)), text(not(bad))]).toEqual(['RHO503', 'RHO503'])
  })

  it('are named in the messages', () => {
    const message = (r: unknown): string => (r as Fault).message
    expect(message(op(1, '++', 2))).toBe('operator `++` is not defined on int')
    expect(message(op(1, '+', 'a'))).toBe('operator `+` expected int, got string')
    expect(message(op(nil, '+', 1))).toBe('Nil is not a value')
    expect(message(op(par(1, 2), '+', 1))).toBe('multiple expressions given')
    expect(message(op(send(0), '+', 1))).toBe('parallel or non expression found where expression expected')
    expect(message(op(1, '<', '2'))).toBe('unexpected compare of int with string')
    expect(message(op(list(), '<', list()))).toBe('unexpected compare: list has no order')
    expect(message(not(5))).toBe('expected a boolean, got int')
  })

  it('come with what to write instead', () => {
    const hint = (r: unknown): string => (r as Fault).hint
    expect(hint(op('n', '++', 5))).toBe('convert it with `toString()`')
    expect(hint(op(5, '++', 'n'))).toBe('convert it with `toString()`')
    expect(hint(op('a', '+', 'b'))).toBe('`++` joins strings, byte arrays, lists and maps')
    expect(hint(op(1, '+', 'b'))).toBe('convert it with `toInt()`; to join strings write `++`')
    expect(hint(op(2, '*', '12'))).toBe('convert it with `toInt()`')
    expect(hint(op('12', '*', 2))).toBe('convert it with `toInt()`')
    expect(hint(op(map(), '--', map()))).toBe('use `diff`')
    expect(hint(not(5))).toContain('x != 0')
  })
})

describe('comparison', () => {
  it('orders Bools, Ints, Strings, Floats, BigInts, BigRats and Fixed', () =>
    check([
      [false, '<', true, 'true'],
      [true, '<=', false, 'false'],
      [INT_MIN, '<', INT_MAX, 'true'],
      [9007199254740993n, '>', 9007199254740992n, 'true'],
      [-1, '<', INT_MAX, 'true'],
      [5, '>=', 6, 'false'],
      ['a', '<', 'aa', 'true'],
      ['\ufffd', '<', '🍄', 'true'],
      ['🍄', '<', '\ufffd', 'false'],
      ['b', '>=', 'b', 'true'],
      [big(100n), '>', big(99n), 'true'],
      [rat(1n, 3n), '<', rat(1n, 2n), 'true'],
      [rat(-1n, 2n), '<=', rat(-1n, 2n), 'true'],
      [fix('1.5'), '<', fix('1.6'), 'true'],
    ]))

  it('of Floats is false with NaN, and zero has no sign', () => {
    for (const symbol of ['<', '<=', '>', '>='])
      for (const x of [NaN_, float(0)]) expect([op(NaN_, symbol, x), op(x, symbol, NaN_)]).toEqual([false, false])
    check([
      [float(-0), '<=', float(0), 'true'],
      [float(-0), '<', float(0), 'false'],
      [float(-0), '>=', float(0), 'true'],
    ])
  })

  it('of other types or of two types is an error', () => {
    for (const [l, r] of [
      [list(1), list(2)],
      [tuple(1), tuple(2)],
      [set(1), set(1, 2)],
      [map(), map()],
      [uri('a:b'), uri('a:c')],
      [bytes(0), bytes(1)],
    ] as Term[][]) {
      for (const symbol of ['<', '<=', '>', '>=']) expect(text(op(l, symbol, r))).toBe('RHO507')
    }
    check([
      [1, '<', big(1n), 'RHO507'],
      [float(1), '>=', 1, 'RHO507'],
      [true, '<', 1, 'RHO507'],
    ])
  })
})

describe('equality', () => {
  it('is structural, for every process', () => {
    const n = name()
    check([
      [1, '==', big(1n), 'false'],
      [set(1, 2), '==', set(2, 1), 'true'],
      [par(send(0, 1), send(1, 2)), '==', par(send(1, 2), send(0, 1)), 'true'],
      [n, '==', n, 'true'],
      [n, '==', name(), 'false'],
      [nil, '==', nil, 'true'],
      [nil, '!=', list(), 'true'],
      [bundle(5), '==', 5, 'false'],
      [fix('1.5'), '!=', fix('1.5'), 'false'],
    ])
  })

  it('is false with a NaN in values and collections, and zeros differ by their sign', () => {
    for (const t of [NaN_, list(NaN_), tuple(1, NaN_), set(NaN_), map(['k', NaN_]), map([NaN_, 1]), list(list(NaN_))]) {
      expect([op(t, '==', t), op(t, '!=', t)]).toEqual([false, true])
    }
    expect(op(float(-0), '==', float(0))).toBe(false)
    expect(op(send(0, NaN_), '==', send(0, NaN_))).toBe(true)
  })
})

describe('Boolean operators', () => {
  it('compute', () => {
    const table = (symbol: string): Term[] =>
      [op(true, symbol, true), op(true, symbol, false), op(false, symbol, true), op(false, symbol, false)] as Term[]
    expect(table('and')).toEqual([true, false, false, false])
    expect(table('&&')).toEqual([true, false, false, false])
    expect(table('or')).toEqual([true, true, true, false])
    expect(table('||')).toEqual([true, true, true, false])
    expect([not(true), not(false)]).toEqual([false, true])
  })

  it('take Bools only; `and` and `or` check both sides, `&&` and `||` the right one only if it counts', () => {
    check([
      [1, 'and', true, 'RHO509'],
      [false, 'and', 1, 'RHO509'],
      [true, 'or', 'x', 'RHO509'],
      [false, '&&', 1, 'false'],
      [true, '&&', 1, 'RHO509'],
      [true, '||', 'x', 'true'],
      [false, '||', nil, 'RHO503'],
      [0, '||', true, 'RHO509'],
    ])
    expect(text(not(0))).toBe('RHO509')
  })

  it('share their check with the machine: a Bool, or the right fault', () => {
    expect([asBool(true), asBool(false)]).toEqual([true, false])
    expect([text(asBool(1)), text(asBool(nil))]).toEqual(['RHO509', 'RHO503'])
  })
})

describe('`++`, `--`, and `+` `-` on collections', () => {
  it('concatenate Strings, ByteArrays and Lists, unite Maps and Sets', () =>
    check([
      ['a', '++', 'b', '"ab"'],
      ['', '++', '', '""'],
      [bytes(1), '++', bytes(2), '0x0102'],
      [list(1, 2), '++', list(2), '[1, 2, 2]'],
      [list(), '++', list(1), '[1]'],
      [map(['a', 1], ['b', 2]), '++', map(['b', 3], ['c', 4]), '{"a" : 1, "b" : 3, "c" : 4}'],
      [set(1, 3), '++', set(2, 3), 'Set(1, 2, 3)'],
      ['n', '++', 5, 'RHO511'],
      [list(1), '++', tuple(2), 'RHO511'],
      [set(1), '++', list(1), 'RHO511'],
      [map(), '++', set(), 'RHO511'],
      [bytes(), '++', 'cd', 'RHO511'],
    ]))

  it('take away', () =>
    check([
      [set(1, 2, 3), '--', set(2, 9), 'Set(1, 3)'],
      [set(), '--', set(1), 'Set()'],
      [set(1), '--', list(1), 'RHO511'],
      [set(1), '--', 1, 'RHO511'],
    ]))

  it('add and remove any process as an element or key', () => {
    const n = name()
    check([
      [set(1), '+', 2, 'Set(1, 2)'],
      [set(1), '+', 1, 'Set(1)'],
      [set(1), '+', set(2), 'Set(1, Set(2))'],
      [set(2), '+', nil, 'Set(Nil, 2)'],
      [set(1, 2), '-', 2, 'Set(1)'],
      [set(1), '-', 9, 'Set(1)'],
      [set(nil), '-', nil, 'Set()'],
      [map(['a', 1], ['b', 2]), '-', 'a', '{"b" : 2}'],
      [map(['a', 1]), '-', 'z', '{"a" : 1}'],
      [map([nil, 1]), '-', nil, '{}'],
    ])
    const one = op(set(), '+', n) as Term
    expect(text(op(one, '-', n))).toBe('Set()')
    expect(text(op(op(set(), '+', par(1, 2)) as Term, '-', par(2, 1)))).toBe('Set()')
  })

  it('leave their operands as they are', () => {
    const s = set(1, 3)
    const l = list(1)
    op(s, '+', 2)
    op(s, '-', 1)
    op(l, '++', list(2))
    expect([text(s), text(l)]).toEqual(['Set(1, 3)', '[1]'])
  })
})

describe('interpolation', () => {
  it('replaces the keys in one pass', () =>
    check([
      ['${n} of ${m}', '%%', map(['n', 2], ['m', 7]), '"2 of 7"'],
      ['${a}${b}', '%%', map(['a', '${b}'], ['b', 1]), '"${b}1"'],
      ['${a} ${zz} $a {a} $ ${} ${a', '%%', map(['a', 1]), '"1 ${zz} $a {a} $ ${} ${a"'],
      ['<${}>', '%%', map(['', 'e']), '"<e>"'],
      ['$${a}', '%%', map(['a', 'x']), '"$x"'],
      ['${${a}}', '%%', map(['a', 'x']), '"${x}"'],
      ['${a}', '%%', map(), '"${a}"'],
      ['', '%%', map(['', 1]), '""'],
      ['🍄${a}🍄', '%%', map(['a', 'é']), '"🍄é🍄"'],
    ]))

  it('takes the first key in canonical order where several fit', () =>
    check([
      ['${a}b}', '%%', map(['a', 1], ['a}b', 2]), '"1b}"'],
      ['${a}b}', '%%', map(['a}b', 2]), '"2"'],
      ['${}}', '%%', map(['}', 2]), '"2"'],
      ['${}}', '%%', map(['}', 2], ['', 1]), '"1}"'],
      ['${a}c} ${a}b}', '%%', map(['a}b', 2]), '"${a}c} 2"'],
    ]))

  it('writes Strings, Uris, numbers and Bools as `toString` does', () =>
    check([
      [
        '${a}|${b}|${c}|${d}|${e}|${f}|${g}',
        '%%',
        map(['a', 'oak'], ['b', -5], ['c', true], ['d', uri('my:uri')], ['e', float(3)], ['f', big(5n)], ['g', rat(1n, 2n)]),
        '"oak|-5|true|my:uri|3.0|5|1/2"',
      ],
      ['${x}', '%%', map(['x', fix('1.50')]), '"1.50"'],
    ]))

  it('refuses other keys and values, used or not', () => {
    for (const bad of [list(1), map(), set(), nil, name(), bytes(1), tuple()]) expect(text(op('', '%%', map(['x', bad])))).toBe('RHO518')
    check([
      ['', '%%', map([1, 'one']), 'RHO518'],
      ['a', '%%', list(1), 'RHO511'],
      ['a', '%%', 'b', 'RHO511'],
    ])
  })

  it('needs time linear in the template even if placeholders never close', () => {
    const template = '${'.repeat(200_000)
    expect(op(template, '%%', map(['a', 1], ['b}', 2]))).toBe(template)
    expect(op(`${template}a}`, '%%', map(['a', 1]))).toBe(`${'${'.repeat(199_999)}1`)
  })
})

describe('closures as operands', () => {
  it('stand for the process they quote', () => {
    const closure = (t: Term): Term => new Closure({ close: () => t }, [])
    check([
      [closure(1), '+', closure(2), '3'],
      [closure(set(1)), '+', closure(2), 'Set(1, 2)'],
      [closure(true), 'and', closure(true), 'true'],
      [closure(nil), '+', 1, 'RHO503'],
      [closure(list(NaN_)), '==', closure(list(NaN_)), 'false'],
      [closure(send(0)), '==', send(0), 'true'],
      [list(closure(NaN_)), '==', list(NaN_), 'false'],
    ])
    expect((closure(1) as Closure).flags & Flag.Closure).not.toBe(0)
  })
})

describe('limits', () => {
  it('hold before anything is allocated', () => {
    const small = context(100)
    expect(text(op('x'.repeat(60), '++', 'y'.repeat(36), small))).toBe(`"${'x'.repeat(60)}${'y'.repeat(36)}"`)
    expect(text(op('x'.repeat(60), '++', 'y'.repeat(37), small))).toBe('RHO604')
    expect(text(op(list(1, 2, 3, 4, 5, 6), '++', list(1, 2, 3, 4, 5, 6), small))).toBe('[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]')
    expect(text(op(list(1, 2, 3, 4, 5, 6), '++', list(1, 2, 3, 4, 5, 6, 7), small))).toBe('RHO604')
    expect(text(op(set('x'.repeat(50)), '+', 'y'.repeat(50), small))).toBe('RHO604')
    expect(text(op(map(['a', 'x'.repeat(50)]), '++', map(['b', 'y'.repeat(50)]), small))).toBe('RHO604')
    expect(text(op('${a}${a}', '%%', map(['a', 'x'.repeat(49)]), small))).toBe('RHO604')
    expect(text(op(big(1n << 500n), '*', big(1n << 500n), small))).toBe('RHO604')
    expect(text(op(big(1n << 300n), '*', big(1n << 300n), small))).not.toBe('RHO604')
  })

  it('stop doubling without exhausting the host', () => {
    let s: Term = 'ab'
    let n = 0
    for (; n < 100; n++) {
      const next = op(s, '++', s, context(MIB))
      if (next instanceof Fault) break
      s = next
    }
    expect(n).toBe(18)
    let v: Term = big(3n)
    for (n = 0; n < 100; n++) {
      const next = op(v, '*', v, context(MIB / 16))
      if (next instanceof Fault) break
      v = next
    }
    expect(n).toBe(18)
  })

  it('bound the cost of reducing fractions', () => {
    const huge = rat(3n ** 400_000n, 7n)
    expect(text(op(huge, '*', rat(1n, 5n ** 300_000n)))).toBe('RHO604')
    expect(op(huge, '*', rat(7n))).not.toBeInstanceOf(Fault)
  })
})

describe('gas of operators', () => {
  const cost = (l: Term, symbol: string, r: Term): number => gasOf(ctx => op(l, symbol, r, ctx))
  it('follows the table of 16.2', () => {
    expect([cost(1, '+', 2), cost(1, '-', 2), cost(1, '<', 2), cost(float(1), '+', float(2))]).toEqual([3, 3, 3, 3])
    expect([cost(1, '*', 2), cost(1, '/', 2), cost(1, '%', 2), cost(float(1), '/', float(2))]).toEqual([9, 9, 9, 9])
    expect([cost(true, 'and', false), cost(true, 'or', false), cost(true, '&&', true), gasOf(ctx => not(true, ctx))]).toEqual([2, 2, 2, 2])
    expect([gasOf(ctx => neg(1, ctx)), gasOf(ctx => neg(float(1), ctx)), gasOf(ctx => neg(big(1n << 63n), ctx))]).toEqual([3, 3, 10])
    // 2^63 has nine bytes in two's complement, -2^63 eight.
    expect([cost(big(1n), '+', big(2n)), cost(big(1n << 63n), '+', big(1n)), cost(big(-(1n << 63n)), '<', big(1n))]).toEqual([3, 10, 9])
    expect([cost(big(1n), '*', big(2n)), cost(big(1n << 63n), '*', big(1n << 71n)), cost(fix('1.5'), '+', fix('2.5'))]).toEqual([9, 90, 3])
    expect([cost(rat(1n, 3n), '+', rat(1n, 6n)), cost(rat(1n << 15n), '+', rat(1n))]).toEqual([5, 39])
    expect([cost(rat(1n, 3n), '*', rat(1n, 6n)), cost(rat(1n << 63n), '*', rat(1n << 63n)), cost(rat(1n << 63n), '<', rat(1n))]).toEqual([
      9, 91, 9,
    ])
    expect([cost(1, '==', 2), cost('', '==', 'abc'), cost(nil, '==', list(1, 2)), cost(list(1, 2), '!=', list(1, 2, 3))]).toEqual([
      8, 4, 3, 20,
    ])
    expect([cost(set(1), '+', 2), cost(set(1), '-', 1), cost(map([1, 1]), '-', 1)]).toEqual([13, 13, 13])
    expect([cost('ab', '++', '🍄'), cost(bytes(1), '++', bytes(2, 3)), cost(list(1, 2), '++', list('abc'))]).toEqual([14, 13, 13])
    expect([cost(set(1), '++', set(2, 3)), cost(map([1, 1]), '++', map([2, 2])), cost(set(1), '--', set(1, 2, 3))]).toEqual([16, 13, 19])
    expect([cost('abc', '%%', map()), cost('abcd', '%%', map(['a', 1], ['b', 2]))]).toEqual([13, 18])
  })

  it('is charged when the types fit, whatever comes of it, and not before', () => {
    expect([cost(1, '/', 0), cost(INT_MAX, '*', 2), cost(float(1), '%', float(1))]).toEqual([9, 9, 9])
    expect([cost(1, '+', 'a'), cost(nil, '+', 1), cost(1, '<', '2'), cost('a', '++', 1)]).toEqual([0, 0, 0, 0])
  })
})

describe('the table of operators', () => {
  it('has every operator tag once', () => {
    const tags: number[] = [
      Tag.Neg,
      Tag.Mul,
      Tag.Div,
      Tag.Add,
      Tag.Sub,
      Tag.Lt,
      Tag.Le,
      Tag.Gt,
      Tag.Ge,
      Tag.Eq,
      Tag.Ne,
      Tag.Not,
      Tag.And,
      Tag.Or,
      Tag.Interp,
      Tag.Concat,
      Tag.Diff,
      Tag.Mod,
      Tag.AndThen,
      Tag.OrElse,
    ]
    expect(OPERATORS.map(o => o.tag).sort((a, b) => a - b)).toEqual(tags.sort((a, b) => a - b))
  })

  it('gives each one a line in the manual', () => {
    const forms = manual().map(l => l.form)
    for (const form of ['-a', 'a + b', 'not a', 'a %% b']) expect(forms).toContain(form)
    for (const line of manual()) expect([line.on, line.gas, line.doc].every(part => part.length > 0)).toBe(true)
  })

  it('never throws, whatever the operands', () => {
    const terms: Term[] = [
      1,
      INT_MIN,
      'a',
      true,
      nil,
      par(1, 2),
      send(0),
      name(),
      bundle(1),
      list(1),
      tuple(),
      set(1),
      map([1, 2]),
      float(1),
      NaN_,
      big(1n),
      rat(1n),
      fix('1.0'),
      bytes(1),
      uri('u'),
    ]
    for (const o of OPERATORS) for (const l of terms) for (const r of terms) expect(() => binary(o.tag, l, r, context())).not.toThrow()
  })
})
