import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bigintBytes, toBytes } from '../../src/normal/bytes.ts'
import { equal } from '../../src/normal/order.ts'
import { hex } from '../../src/normal/print.ts'
import { byteLength } from '../../src/normal/size.ts'
import {
  Bytes,
  Closure,
  DeployerId,
  DeployId,
  Fixed,
  Float,
  List,
  Op,
  Ref,
  Send,
  Tag,
  type Term,
  TypePattern,
} from '../../src/normal/term.ts'
import { closedTerm, names } from './arbitrary.ts'
import { pattern, term } from './terms.ts'

function bytes(t: Term): string {
  return hex(toBytes(t))
}

/** A component in its field of `Par`; fields and lengths below 128. */
function field(number: number, ...content: string[]): string {
  const body = content.join('')
  const two = (n: number): string => n.toString(16).padStart(2, '0')
  const key = number * 8 + 2
  return (key < 128 ? two(key) : two((key & 127) | 128) + two(key >> 7)) + two(body.length / 2) + body
}

describe('canonical bytes', () => {
  it('are those of the table', () => {
    const rows: [string, string][] = [
      ['5', '2a02100a'],
      ['true', '2a020801'],
      ['false', '2a020800'],
      ['-1', '2a021001'],
      ['0', '2a021000'],
      ['"foo"', '2a051a03666f6f'],
      ['5n', '2a049a020105'],
      ['[1, "a"]', '2a10a2010d0a042a0210020a052a031a0161'],
      ['2.5', '2a0a91020000000000000440'],
      ['Set(1, 2)', '2a0fb2010c0a042a0210020a042a021004'],
      ['{"k" : 1}', '2a12ba010f0a0d0a052a031a016b12042a021002'],
      ['()', '2a03aa0100'],
      ['[]', '2a03a20100'],
      ['"rhizome"', '2a091a077268697a6f6d65'],
      ['(0, 0x00, 7)', '2a17aa01140a042a0210000a062a04ca0101000a042a02100e'],
      ['Nil', ''],
    ]
    for (const [source, text] of rows) expect([source, bytes(term(source))]).toEqual([source, text])
  })

  it('write Ints as zig-zag varints up to 64 bits', () => {
    expect(bytes(-(2n ** 63n))).toBe(field(5, '10ffffffffffffffffff01'))
    expect(bytes(2n ** 63n - 1n)).toBe(field(5, '10feffffffffffffffff01'))
    expect(bytes(150)).toBe(field(5, '10ac02'))
  })

  it('write big integers as shortest two’s complement', () => {
    const rows: [bigint, string][] = [
      [0n, '00'],
      [255n, '00ff'],
      [-1n, 'ff'],
      [127n, '7f'],
      [128n, '0080'],
      [-128n, '80'],
      [-129n, 'ff7f'],
      [2n ** 64n, '010000000000000000'],
    ]
    for (const [v, text] of rows) {
      expect(hex(bigintBytes(v))).toBe(text)
      expect(byteLength(v)).toBe(text.length / 2)
    }
    fc.assert(
      fc.property(fc.bigInt(), v => {
        const b = bigintBytes(v)
        expect(BigInt.asIntN(b.length * 8, BigInt(`0x${hex(b)}`))).toBe(v)
        expect(byteLength(v)).toBe(b.length)
        if (b.length > 1) expect(BigInt.asIntN((b.length - 1) * 8, v)).not.toBe(v)
      }),
    )
  })

  it('write the other values in their fields', () => {
    expect(bytes(new Float(Number.NaN))).toBe(bytes(new Float(-Number.NaN)))
    expect(bytes(new Fixed(150n, 2))).toBe(field(5, field(37, field(1, '0096'), '1002')))
    expect(bytes(new Fixed(5n, 0))).toBe(field(5, field(37, field(1, '05'))))
    expect(bytes(term('1/2r'))).toBe(field(5, field(36, field(1, '01'), field(2, '02'))))
    expect(bytes(term('`a:b`'))).toBe(field(5, field(4, '613a62')))
    expect(bytes(new Bytes(Uint8Array.of()))).toBe('2a03ca0100')
    expect(bytes('')).toBe('2a021a00')
    expect(bytes(names[1])).toBe(field(7, field(1, field(1, `${'00'.repeat(31)}02`))))
    expect(bytes(new DeployId(Uint8Array.of(7)))).toBe(field(7, field(2, field(1, '07'))))
    expect(bytes(new DeployerId(Uint8Array.of(7)))).toBe(field(7, field(3, field(1, '07'))))
  })

  it('write components by field number, each class in canonical order', () => {
    const one = '2a021002'
    expect(bytes(term('1 | @1!(1) | bundle+{1} | 0'))).toBe(
      field(1, field(1, one), field(2, one)) + '2a021000' + one + field(11, field(1, one), '1001'),
    )
  })

  it('write code as the table of fields says', () => {
    const n = (i: number): string => `2a0210${(2 * i).toString(16).padStart(2, '0')}`
    const x0 = field(5, field(19, '0800'))
    const v0 = field(5, field(19, '1000'))
    const rows: [string, string][] = [
      ['@1!!(2, 3)', field(1, field(1, n(1)), field(2, n(2)), field(2, n(3)), '1801')],
      ['1 + 2', field(5, field(9, field(1, n(1)), field(2, n(2))))],
      ['1 && 2', field(5, field(100, field(1, n(1)), field(2, n(2))))],
      ['not 1', field(5, field(5, field(1, n(1))))],
      ['1.m(2)', field(5, field(24, field(1, '6d'), field(2, n(1)), field(3, n(2))))],
      ['1 matches _', field(5, field(27, field(1, n(1)), field(2, field(5, field(19, field(3))))))],
      ['for (@x <- @1) { x }', field(2, field(1, field(1, v0), field(2, n(1)), '2001'), field(2, x0), '2801')],
      ['for (@1 <= @1) { Nil }', field(2, field(1, field(1, n(1)), field(2, n(1))), field(2), '1801')],
      ['for (@1 <<- @1 where true) { Nil }', field(2, field(1, field(1, n(1)), field(2, n(1))), field(2), '2001', field(8, '2a020801'))],
      [
        'for (@1 <- @1 & ...@_ <<- @2) { Nil }',
        field(2, field(1, field(1, n(1)), field(2, n(1))), field(1, field(2, n(2)), field(3, field(3)), 'a00602'), field(2)),
      ],
      ['new x, y(`rho:io:stdout`) in { 1 }', field(4, '0804', field(2, n(1)), field(3, hex(new TextEncoder().encode('rho:io:stdout'))))],
      ['match 1 { x where true => { x } }', field(6, field(1, n(1)), field(2, field(1, v0), field(2, x0), '1801', field(4, '2a020801')))],
      ['if (true) { 1 }', field(12, field(1, '2a020801'), field(2, n(1)), field(3))],
      ['select { @1 <- @1 => { 2 } }', field(100, field(1, field(1, field(1, n(1)), field(2, n(1))), field(2, n(2))))],
      ['bundle{1} ', field(11, field(1, n(1)), '1001', '1801')],
    ]
    for (const [source, text] of rows) expect([source, bytes(term(source))]).toEqual([source, text])
  })

  it('write patterns', () => {
    const n1 = '2a021002'
    expect(bytes(pattern('1 /\\ Int').pattern)).toBe(field(8, field(1, field(1, n1), field(1, field(8, '3001')))))
    expect(bytes(pattern('1 \\/ ~1').pattern)).toBe(field(8, field(2, field(1, n1), field(1, field(8, field(3, n1))))))
    expect(bytes(pattern('[1 ...r]').pattern)).toBe(field(5, field(20, field(1, n1), field(5, '1000'))))
    expect(bytes(new Ref(1, false))).toBe(field(8, field(4, '0802', '1002')))
    const types = ['Bool', 'Int', 'String', 'Uri', 'ByteArray'] as const
    expect(types.map(t => bytes(new TypePattern(t)))).toEqual(['2801', '3001', '3801', '4001', '4801'].map(b => field(8, b)))
  })

  it('are equal exactly for equal terms', () => {
    fc.assert(
      fc.property(closedTerm, closedTerm, (a, b) => {
        expect(bytes(a) === bytes(b)).toBe(equal(a, b))
      }),
      { numRuns: 2000 },
    )
  })

  it('look into closures', () => {
    const t = term('@1!(2) | 3')
    expect(bytes(new List([new Closure({ close: () => t }, [])]))).toBe(bytes(new List([t])))
  })

  it('cope with depth and width', () => {
    let list: Term = 1
    let sum: Term = 1
    for (let i = 0; i < 50_000; i++) {
      list = new List([list])
      sum = new Op(Tag.Add, sum, 1)
    }
    expect(toBytes(list).length).toBeGreaterThan(250_000)
    expect(toBytes(sum).length).toBeGreaterThan(250_000)
    expect(toBytes(new List(Array.from({ length: 65_537 }, (_, i) => new Send(i, [i], false)))).length).toBeGreaterThan(65_537 * 12)
  })
})
