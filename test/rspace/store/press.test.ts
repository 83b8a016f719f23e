import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { concatBytes, Writer } from '../../../rspace/store/bytes.ts'
import { isSummedTag, MASK_64, sealRow, writeChange } from '../../../rspace/store/format.ts'
import { hashesReady, rowHash } from '../../../rspace/store/hash.ts'
import { Press } from '../../../rspace/store/press.ts'
import { PRESS_BYTES, PRESS_ROWS } from '../../../rspace/store/press-code.ts'

describe('the press, which seals many rows at once', () => {
  beforeAll(hashesReady)
  const press = new Press(isSummedTag)

  interface Row {
    readonly key: Uint8Array
    readonly value: Uint8Array
    readonly isGone: boolean
    /** What it takes the place of, right behind it. */
    readonly over?: Uint8Array
  }
  /** What it makes of the rows must be what is made of each of them alone. */
  function check(rows: readonly Row[]): void {
    const list = new Writer()
    let sum = 0n
    let count = 0
    for (const { key, value, isGone, over } of rows) {
      const hash = rowHash(key, value)
      writeChange(list, key, isGone ? undefined : hash, isGone ? value : over)
      if (!isSummedTag(key[0])) continue
      count += isGone ? -1 : over === undefined ? 1 : 0
      sum += isGone ? -hash : hash
      if (over !== undefined) sum -= rowHash(key, over)
    }
    press.seal()
    expect(press.rows).toBe(count)
    expect(press.sum & MASK_64).toBe(sum & MASK_64)
    expect(Buffer.compare(press.changes, list.view())).toBe(0)
    let i = 0
    for (const { key, value, isGone, over } of rows) {
      expect(press.isBefore(i)).toBe(false)
      expect(press.isGone(i)).toBe(isGone)
      expect(Buffer.compare(press.key(i), key)).toBe(0)
      expect(Buffer.compare(press.value(i++), sealRow(key, value))).toBe(0)
      if (over !== undefined) expect(press.isBefore(i++)).toBe(true)
    }
    expect(press.count).toBe(i)
  }

  const row = fc.record({
    key: fc
      .tuple(fc.constantFrom(...'DKXNS'), fc.uint8Array({ maxLength: 200 }))
      .map(([tag, rest]) => concatBytes(Uint8Array.of(tag.charCodeAt(0)), rest)),
    value: fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 1500, minLength: 900 })),
    isGone: fc.boolean(),
  })

  it('gives checksums, sums and changes as they are of single rows', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), rows => {
        press.clear()
        for (const { key, value, isGone } of rows) press.add(key, value, isGone)
        check(rows)
      }),
    )
  })

  it('takes rows that lie one behind another at once', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 20 }), fc.boolean(), (values, isGone) => {
        press.clear()
        const key = Uint8Array.of(0x44, 1, 2)
        const tail = new Uint8Array(8)
        const laid = concatBytes(...values.flatMap(v => [key, v, tail]))
        let at = press.lay(laid)
        for (const v of values) {
          const end = at + key.length + v.length + tail.length
          press.addLaid(at, key.length, end, isGone)
          at = end
        }
        check(values.map(value => ({ key, value, isGone })))
      }),
    )
  })

  it('makes one change of a row and what it takes the place of', () => {
    const values = fc.tuple(
      fc.constantFrom('D', 'N'),
      fc.uint8Array({ maxLength: 60 }),
      fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }),
    )
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 20 }), list => {
        press.clear()
        const tail = new Uint8Array(8)
        const rows = list.map(([tag, value, over]): Row => ({ key: Uint8Array.of(tag.charCodeAt(0), 1, 2), value, isGone: false, over }))
        for (const { key, value, over } of rows) {
          const both = over === undefined ? [key, value, tail] : [key, value, tail, key, over, tail]
          const at = press.lay(concatBytes(...both))
          const middle = at + key.length + value.length + tail.length
          if (over === undefined) press.addLaid(at, key.length, middle, false)
          else press.addPair(at, key.length, middle, middle + key.length + over.length + tail.length)
        }
        check(rows)
      }),
    )
  })

  it('has room for a certain number of rows and of bytes, and not for one more', () => {
    press.clear()
    const key = Uint8Array.of(0x44)
    const rows = Array.from({ length: PRESS_ROWS }, (_, i) => ({ key, value: Uint8Array.of(i, i >> 8), isGone: i % 3 === 0 }))
    for (const { value, isGone } of rows) {
      expect(press.hasRoom(key.length + value.length + 8, 1)).toBe(true)
      press.add(key, value, isGone)
    }
    expect(press.hasRoom(1, 1)).toBe(false)
    check(rows)
    press.clear()
    const large = { key, value: new Uint8Array(PRESS_BYTES - key.length - 8).fill(9), isGone: true }
    expect(press.hasRoom(PRESS_BYTES, 1)).toBe(true)
    expect(press.hasRoom(PRESS_BYTES + 1, 1)).toBe(false)
    press.add(large.key, large.value, large.isGone)
    check([large])
  })
})
