import { describe, expect, it } from 'vitest'
import { PACK_TAIL, Pack } from '../../rspace/store/pack.ts'
import { Recent } from '../../src/machine/recent.ts'

const RECORD = 0x4e
const OTHER = 0x4f
const KEY_BYTES = 10

/** Rows of ten bytes of key and some of value; every row says in its value what it is. */
function pack(rows: readonly (readonly [kind: number, n: number, value: string])[]): Pack {
  const p = new Pack(KEY_BYTES)
  for (const [kind, n, value] of rows) {
    const row = Buffer.concat([Buffer.from([0x58, kind]), Buffer.alloc(8), Buffer.from(value), Buffer.alloc(PACK_TAIL)])
    row.writeBigUInt64BE(BigInt(n), 2)
    p.add(row, 0, row.length)
  }
  return p
}

/** The values of the rows that go. */
function values(p: Pack): string[] {
  return Array.from({ length: p.count }, (_, i) =>
    Buffer.from(p.chunks[p.places[3 * i]].subarray(p.places[3 * i + 1] + KEY_BYTES, p.places[3 * i + 2] - PACK_TAIL)).toString(),
  )
}

describe('rows that the last groups wrote', () => {
  it('are given by kind and ref, whichever of the groups wrote them', () => {
    const recent = new Recent(new Set([RECORD]))
    recent.add(
      pack([
        [RECORD, 12, 'twelve'],
        [RECORD, 11, 'eleven'],
      ]),
      10,
      12,
    )
    recent.add(pack([[RECORD, 2 ** 40, 'far']]), 2 ** 40 - 3, 2 ** 40 + 3)
    const gone = new Pack(KEY_BYTES)
    expect([11, 12, 13, 10, 2 ** 40, 2 ** 40 + 1].map(ref => recent.give(RECORD, ref, gone))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ])
    expect(values(gone)).toEqual(['eleven', 'twelve', 'far'])
    expect(recent.give(OTHER, 11, gone)).toBe(false)
  })

  it('are not taken for rows of other kinds, whose numbers are no refs', () => {
    const recent = new Recent(new Set([RECORD]))
    recent.add(
      pack([
        [RECORD, 1, 'record'],
        [OTHER, 1, 'machine'],
        [OTHER, 2, 'machine'],
      ]),
      0,
      2,
    )
    const gone = new Pack(KEY_BYTES)
    expect([recent.give(RECORD, 1, gone), recent.give(RECORD, 2, gone), recent.give(OTHER, 2, gone)]).toEqual([true, false, false])
    expect(values(gone)).toEqual(['record'])
  })

  it('are not there when they were replaced, when all is forgotten, or when newer ones need the room', () => {
    const recent = new Recent(new Set([RECORD]))
    const gone = new Pack(KEY_BYTES)
    const rows = (from: number): Pack => pack(Array.from({ length: 4 }, (_, i) => [RECORD, from + i + 1, 'x'.repeat(1 << 20)]))
    recent.add(rows(0), 0, 4)
    recent.forget(2)
    expect([1, 2].map(ref => recent.give(RECORD, ref, gone))).toEqual([true, false])
    recent.add(rows(4), 4, 8)
    recent.add(rows(8), 8, 12)
    expect([1, 9].map(ref => recent.give(RECORD, ref, gone))).toEqual([false, true])
    recent.clear()
    expect(recent.give(RECORD, 9, gone)).toBe(false)
  })

  it('are not kept where refs are many and rows few', () => {
    const recent = new Recent(new Set([RECORD]))
    recent.add(pack([[RECORD, 1, 'only']]), 0, 1000)
    expect(recent.give(RECORD, 1, new Pack(KEY_BYTES))).toBe(false)
  })
})
