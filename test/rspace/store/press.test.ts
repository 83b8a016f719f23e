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
  }
  /** What it makes of the rows must be what is made of each of them alone. */
  function check(rows: readonly Row[]): void {
    const list = new Writer()
    let sum = 0n
    let count = 0
    for (const { key, value, isGone } of rows) {
      const hash = rowHash(key, value)
      writeChange(list, key, isGone ? undefined : hash, isGone ? value : undefined)
      if (!isSummedTag(key[0])) continue
      count += isGone ? -1 : 1
      sum += isGone ? -hash : hash
    }
    press.seal()
    expect(press.count).toBe(rows.length)
    expect(press.rows).toBe(count)
    expect(press.sum & MASK_64).toBe(sum & MASK_64)
    expect(Buffer.compare(press.changes, list.view())).toBe(0)
    rows.forEach(({ key, value, isGone }, i) => {
      expect(press.isGone(i)).toBe(isGone)
      expect(Buffer.compare(press.key(i), key)).toBe(0)
      expect(Buffer.compare(press.value(i), sealRow(key, value))).toBe(0)
    })
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
