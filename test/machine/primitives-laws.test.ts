import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault } from '../../src/machine/primitives/index.ts'
import { bitLength, byteLength } from '../../src/machine/primitives/integers.ts'
import { ratioToFloat } from '../../src/machine/primitives/numbers.ts'
import { compare, equal } from '../../src/normal/order.ts'
import { byteLength as sizeInBytes, sizeOf } from '../../src/normal/size.ts'
import { List, type MapTerm, type SetTerm, type Term } from '../../src/normal/term.ts'
import { big, call, fix, float, list, map, neg, op, rat, set, text } from './primitives-support.ts'

function law<T extends unknown[]>(name: string, parts: { [K in keyof T]: fc.Arbitrary<T[K]> }, holds: (...values: T) => void): void {
  it(name, () =>
    fc.assert(
      fc.property(fc.tuple(...parts) as fc.Arbitrary<T>, values => {
        holds(...values)
      }),
      { numRuns: 300 },
    ),
  )
}

/** Ints that like the edges, canonical. */
const edge = fc.constantFrom(
  -(1n << 63n),
  (1n << 63n) - 1n,
  -(1n << 53n),
  1n << 53n,
  (1n << 53n) - 1n,
  1n << 31n,
  -(1n << 31n),
  0n,
  1n,
  -1n,
  2n,
  10n,
)
const int64 = fc.oneof(edge, fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.bigInt({ min: -100n, max: 100n }))
const int = (v: bigint): Term => (BigInt.asIntN(54, v) === v && v !== -(1n << 53n) ? Number(v) : v)
const integer = fc.oneof(int64, fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }))
const value = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom('', 'a', 'b', true, false),
  fc.integer({ min: 0, max: 3 }).map(n => list(n)),
)
const values = fc.array(value, { maxLength: 12 })
const character = fc.constantFrom('a', 'b', 'é', '🍄', '𝒳', ' ', '\ufffd', '}', '$')
const string = fc.array(character, { maxLength: 12 }).map(c => c.join(''))

describe('Ints', () => {
  const model: [string, (a: bigint, b: bigint) => bigint][] = [
    ['+', (a, b) => BigInt.asIntN(64, a + b)],
    ['-', (a, b) => BigInt.asIntN(64, a - b)],
  ]
  for (const [symbol, f] of model)
    law(`\`${symbol}\` is that of integers modulo 2^64`, [int64, int64], (a, b) => expect(op(int(a), symbol, int(b))).toBe(int(f(a, b))))

  const exact: [string, (a: bigint, b: bigint) => bigint | undefined][] = [
    ['*', (a, b) => a * b],
    ['/', (a, b) => (b === 0n ? undefined : a / b)],
    ['%', (a, b) => (b === 0n || (b === -1n && a === -(1n << 63n)) ? undefined : a % b)],
  ]
  for (const [symbol, f] of exact) {
    law(`\`${symbol}\` is exact or fails`, [int64, int64], (a, b) => {
      const v = f(a, b)
      const r = op(int(a), symbol, int(b))
      if (v === undefined || BigInt.asIntN(64, v) !== v) expect(r).toBeInstanceOf(Fault)
      else expect(r).toBe(int(v))
    })
  }

  law('bits are those of 64-bit two’s complement', [int64, int64, fc.integer({ min: 0, max: 70 })], (a, b, n) => {
    expect(call(int(a), 'bitAnd', int(b))).toBe(int(a & b))
    expect(call(int(a), 'bitOr', int(b))).toBe(int(a | b))
    expect(call(int(a), 'bitXor', int(b))).toBe(int(a ^ b))
    expect(call(int(a), 'bitNot')).toBe(int(~a))
    expect(call(int(a), 'shiftLeft', n)).toBe(int(BigInt.asIntN(64, a << BigInt(n))))
    expect(call(int(a), 'shiftRight', n)).toBe(int(a >> BigInt(n)))
  })

  law('compare as integers', [int64, int64], (a, b) => {
    expect([
      op(int(a), '<', int(b)),
      op(int(a), '<=', int(b)),
      op(int(a), '>', int(b)),
      op(int(a), '>=', int(b)),
      op(int(a), '==', int(b)),
    ]).toEqual([a < b, a <= b, a > b, a >= b, a === b])
  })

  law('read back from their text', [int64], a => expect(call(call(int(a), 'toString') as Term, 'toInt')).toBe(int(a)))
})

describe('BigInts', () => {
  law('compute as integers', [integer, integer], (a, b) => {
    expect(text(op(big(a), '+', big(b)))).toBe(`${a + b}n`)
    expect(text(op(big(a), '-', big(b)))).toBe(`${a - b}n`)
    expect(text(op(big(a), '*', big(b)))).toBe(`${a * b}n`)
    if (b !== 0n) expect([text(op(big(a), '/', big(b))), text(op(big(a), '%', big(b)))]).toEqual([`${a / b}n`, `${a % b}n`])
    expect(text(neg(big(a)))).toBe(`${-a}n`)
  })

  law('have the length that their bits have', [integer], a => {
    expect(bitLength(a)).toBe(a === 0n ? 0 : (a < 0n ? -a : a).toString(2).length)
    expect(byteLength(a)).toBe(sizeInBytes(a))
  })
})

describe('BigRats', () => {
  const fraction = fc
    .tuple(fc.bigInt({ min: -50n, max: 50n }), fc.bigInt({ min: 1n, max: 50n }))
    .map(([n, d]) => op(rat(n), '/', rat(d)) as Term)
  law('are a field', [fraction, fraction, fraction], (a, b, c) => {
    const o = (x: Term, s: string, y: Term): Term => op(x, s, y) as Term
    expect(equal(o(o(a, '+', b), '+', c), o(a, '+', o(b, '+', c)))).toBe(true)
    expect(equal(o(a, '*', o(b, '+', c)), o(o(a, '*', b), '+', o(a, '*', c)))).toBe(true)
    expect(equal(o(o(a, '-', b), '+', b), a)).toBe(true)
    if (call(b, 'sign') !== 0) expect(equal(o(o(a, '/', b), '*', b), a)).toBe(true)
    expect(op(a, '<', b)).toBe(call(o(b, '-', a), 'sign') === 1)
  })

  law('become the nearest Float, and a Float comes back exactly', [fc.double({ noNaN: true, noDefaultInfinity: true })], x => {
    const exact = call(float(x), 'toBigRat') as Term
    expect(op(call(exact, 'toFloat') as Term, '==', float(x + 0 === 0 ? 0 : x))).toBe(true)
  })

  law(
    'round to even between two Floats, also among the subnormal ones',
    [fc.bigInt({ min: 1n, max: 1n << 60n }), fc.integer({ min: -1100, max: 960 })],
    (m, e) => {
      // JavaScript parses decimal text to the nearest double: an independent model.
      const num = e >= 0 ? m << BigInt(e) : m
      const den = e >= 0 ? 1n : 1n << BigInt(-e)
      const decimal = e >= 0 ? num.toString() : `${m * 5n ** BigInt(-e)}e${e}`
      expect(ratioToFloat(num, den)).toBe(Number(decimal))
    },
  )
})

describe('Fixed', () => {
  const digits = fc.bigInt({ min: -100_000n, max: 100_000n }).map(v => call(op(rat(v), '/', rat(100n)) as Term, 'toFixed', 2) as Term)
  law('keep quotient and remainder consistent in their units', [digits, digits], (a, b) => {
    if (text(b) === '0.00p2') return
    const unit = (t: Term): bigint => (call(t, 'unscaled') as unknown as { value: bigint }).value
    expect(unit(op(a, '%', b) as Term)).toBe(unit(a) % unit(b))
    expect(unit(op(a, '/', b) as Term)).toBe((unit(a) * 100n) / unit(b))
    const product = unit(a) * unit(b)
    expect(unit(op(a, '*', b) as Term)).toBe((product - (((product % 100n) + 100n) % 100n)) / 100n)
  })

  law('read back from their text', [digits], a => expect(equal(call(call(a, 'toString') as Term, 'toFixed', 2) as Term, a)).toBe(true))
  it('have a text for every scale', () =>
    expect(['0', '0.5', '-0.05', '12.340'].map(t => call(fix(t), 'toString'))).toEqual(['0', '0.5', '-0.05', '12.340']))
})

describe('strings are sequences of code points', () => {
  const index = fc.integer({ min: -3, max: 15 })
  law('length, slice, take, drop, nth, reverse and chars', [string, index, index], (s, i, j) => {
    const points = [...s]
    const clamp = (n: number): number => Math.min(Math.max(n, 0), points.length)
    expect(call(s, 'length')).toBe(points.length)
    expect(call(s, 'slice', i, j)).toBe(points.slice(clamp(i), Math.max(clamp(i), clamp(j))).join(''))
    expect(call(s, 'take', i)).toBe(points.slice(0, clamp(i)).join(''))
    expect(call(s, 'drop', i)).toBe(points.slice(clamp(i)).join(''))
    if (i >= 0 && i < points.length) expect(call(s, 'nth', i)).toBe(points[i])
    expect(call(s, 'reverse')).toBe([...points].reverse().join(''))
    expect((call(s, 'chars') as List).items).toEqual(points)
    expect(call(call(s, 'codePoints') as Term, 'fromCodePoints')).toBe(s)
  })

  law('searching finds what a search over code points finds', [string, string], (s, part) => {
    const points = [...s]
    const wanted = [...part]
    const at = points
      .map((_, i) => i)
      .concat(points.length)
      .filter(i => wanted.every((c, k) => points[i + k] === c))
    expect(call(s, 'indexOf', part)).toBe(at[0] ?? -1)
    expect(call(s, 'lastIndexOf', part)).toBe(at.at(-1) ?? -1)
    expect(call(s, 'contains', part)).toBe(at.length > 0)
  })

  law('split and join are inverse, replace is both', [string, string, string], (s, sep, by) => {
    expect(call(call(s, 'split', sep) as Term, 'join', sep)).toBe(s)
    if (sep !== '') expect(call(s, 'replace', sep, by)).toBe(call(call(s, 'split', sep) as Term, 'join', by))
  })

  law('padding reaches the width and keeps the text', [string, index, string], (s, n, filler) => {
    const padded = call(s, 'padStart', n, filler) as string
    expect(padded.endsWith(s)).toBe(true)
    expect([...padded].length).toBe(filler === '' ? [...s].length : Math.max(n, [...s].length))
    expect([...(call(s, 'padEnd', n, filler) as string)].length).toBe([...padded].length)
  })

  law('UTF-8 goes there and back', [string], s => expect(call(call(s, 'toUtf8Bytes') as Term, 'decodeUtf8')).toBe(s))
  law('compare by code point', [string, string], (a, b) => {
    const x = [...a].map(c => c.codePointAt(0) as number)
    const y = [...b].map(c => c.codePointAt(0) as number)
    let i = 0
    while (i < x.length && x[i] === y[i]) i++
    expect(op(a, '<', b)).toBe(i < y.length && (i === x.length || x[i] < y[i]))
  })
})

describe('collections', () => {
  const has = (items: readonly Term[], x: Term): boolean => items.some(i => equal(i, x))
  law('set operations agree with membership, keep the order, and note the right size', [values, values, value], (a, b, x) => {
    const s = set(...a)
    const t = set(...b)
    const results: [Term, (v: Term) => boolean][] = [
      [call(s, 'union', t) as Term, v => has(a, v) || has(b, v)],
      [call(s, 'diff', t) as Term, v => has(a, v) && !has(b, v)],
      [call(s, 'intersection', t) as Term, v => has(a, v) && has(b, v)],
      [call(s, 'add', x) as Term, v => has(a, v) || equal(v, x)],
      [call(s, 'delete', x) as Term, v => has(a, v) && !equal(v, x)],
    ]
    for (const [result, member] of results) {
      const { items } = result as SetTerm
      for (const v of [...a, ...b, x]) expect(has(items, v)).toBe(member(v))
      for (let i = 1; i < items.length; i++) expect(compare(items[i - 1], items[i])).toBeLessThan(0)
      expect(sizeOf(result)).toBe(sizeOf(set(...items)))
      expect(equal(result, set(...items))).toBe(true)
    }
    expect(call(s, 'isSubsetOf', t)).toBe(a.every(v => has(b, v)))
    expect(call(s, 'contains', x)).toBe(has(a, x))
  })

  law('map operations agree with lookup, keep the order, and note the right size', [values, values, value], (a, b, x) => {
    const m = map(...a.map((k, i): [Term, Term] => [k, i]))
    const n = map(...b.map((k, i): [Term, Term] => [k, i + 100]))
    const get = (t: Term, k: Term): string => text(call(t, 'get', k))
    const union = call(m, 'union', n) as MapTerm
    const diff = call(m, 'diff', n) as MapTerm
    const both = call(m, 'intersection', n) as MapTerm
    const put = call(m, 'set', x, 'new') as MapTerm
    const cut = call(m, 'delete', x) as MapTerm
    for (const k of [...a, ...b, x]) {
      expect(get(union, k)).toBe(has(b, k) ? get(n, k) : get(m, k))
      expect(get(diff, k)).toBe(has(b, k) ? 'Nil' : get(m, k))
      expect(get(both, k)).toBe(has(b, k) ? get(m, k) : 'Nil')
      expect(get(put, k)).toBe(equal(k, x) ? '"new"' : get(m, k))
      expect(get(cut, k)).toBe(equal(k, x) ? 'Nil' : get(m, k))
    }
    for (const r of [union, diff, both, put, cut]) {
      const again = map(...r.keys.map((k, i): [Term, Term] => [k, r.values[i]]))
      expect(equal(r, again)).toBe(true)
      expect(sizeOf(r)).toBe(sizeOf(again))
    }
  })

  law('sort is sorted and keeps the elements; distinct keeps the first of each', [values], a => {
    const sorted = (call(list(...a), 'sort') as List).items
    for (let i = 1; i < sorted.length; i++) expect(compare(sorted[i - 1], sorted[i])).toBeLessThanOrEqual(0)
    expect(sorted.length).toBe(a.length)
    expect(equal(call(new List(sorted), 'toSet') as Term, set(...a))).toBe(true)
    const firsts = a.filter((v, i) => a.findIndex(w => equal(v, w)) === i)
    expect(equal(call(list(...a), 'distinct') as Term, list(...firsts))).toBe(true)
  })

  law('list operations note the right size', [values, values, fc.integer({ min: 0, max: 4 })], (a, b, n) => {
    for (const r of [
      op(list(...a), '++', list(...b)),
      call(list(...a), 'repeat', n),
      call(list(...a), 'zip', list(...b)),
      call(list(...a), 'updated', 0, 'x'),
    ]) {
      if (r instanceof Fault) continue
      expect(sizeOf(r)).toBe(sizeOf(list(...(r as List).items)))
    }
  })
})

describe('interpolation', () => {
  law(
    'agrees with a scan that tries every key in canonical order at every position',
    [string.map(s => s.replaceAll('é', '${')), fc.array(fc.tuple(string, string), { maxLength: 4 })],
    (template, entries) => {
      const m = map(...entries.map(([k, v]): [Term, Term] => [k, v])) as MapTerm
      let expected = ''
      for (let i = 0; i < template.length; ) {
        const k = m.keys.findIndex(key => template.startsWith(`\${${key}}`, i))
        expected += k < 0 ? template[i] : m.values[k]
        i += k < 0 ? 1 : (m.keys[k] as string).length + 3
      }
      expect(op(template, '%%', m)).toBe(expected)
    },
  )
})

describe('deep and wide values', () => {
  it('need no host stack and no more than linear time', () => {
    let deep: Term = 0
    for (let i = 0; i < 100_000; i++) deep = list(deep)
    let other: Term = 0
    for (let i = 0; i < 100_000; i++) other = list(other)
    expect(op(deep, '==', other)).toBe(true)
    expect(op(deep, '!=', list(deep))).toBe(true)
    expect((call(deep, 'show') as string).length).toBe(200_001)
    expect(call(call(deep, 'toByteArray') as Term, 'length')).toBeGreaterThan(100_000)
    expect(call(set(deep), 'contains', other)).toBe(true)
    expect(call(list(deep, other), 'distinct')).toEqual(list(deep))
    const wide = list(...Array.from({ length: 100_000 }, (_, i) => 99_999 - i))
    expect(call(call(wide, 'toSet') as Term, 'size')).toBe(100_000)
    expect(call(call(wide, 'sort') as Term, 'first')).toBe(0)
    expect(call(wide, 'sum')).toBe(4_999_950_000)
  })
})
