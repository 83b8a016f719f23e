import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Appender } from '../../rspace/appender.ts'
import { Reader } from '../../rspace/store/bytes.ts'

const plain = { id: 'plain', encode: (b: Uint8Array): Uint8Array => b, decode: (b: Uint8Array): Uint8Array => b }
const inPlace = {
  ...plain,
  encodeInto: (b: Uint8Array, into: Uint8Array, at: number): number => {
    if (at + b.length > into.length) return -1
    into.set(b, at)
    return at + b.length
  },
}

describe('bytes that are appended', () => {
  it('are read as they were written, whatever the room was', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 400 }))), (capacity, parts) => {
        const to = new Appender(capacity)
        for (const [n, bytes] of parts) {
          to.u8(n & 255)
          to.u32(n)
          to.varint(n * 1000)
          to.blob(bytes)
          for (const codec of [plain, inPlace]) {
            to.framed(codec, bytes)
            to.value(codec, bytes)
          }
        }
        const r = new Reader(to.view().slice())
        const u32 = () => r.u16() * 65_536 + r.u16()
        for (const [n, bytes] of parts) {
          expect([r.u8(), u32(), r.varint()]).toEqual([n & 255, n, n * 1000])
          expect(r.blob()).toEqual(bytes)
          for (let i = 0; i < 2; i++) {
            expect(r.raw(u32())).toEqual(bytes)
            expect(r.raw(bytes.length)).toEqual(bytes)
          }
        }
        r.end()
      }),
    )
  })

  it('are as before when a value cannot be encoded', () => {
    const to = new Appender(8)
    to.u8(7)
    const fails = () => {
      throw new Error('no')
    }
    for (const codec of [
      { ...plain, encode: fails },
      { ...inPlace, encodeInto: fails },
    ]) {
      expect(() => to.framed(codec, new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'CODEC' }))
      expect([...to.view()]).toEqual([7])
    }
  })

  it('do not keep much memory when they are cleared', () => {
    const to = new Appender(8)
    to.raw(new Uint8Array(2 << 20))
    to.clear()
    expect(to.view().buffer.byteLength).toBe(0)
    to.u8(1)
    to.clear()
    expect(to.view().length).toBe(0)
    expect(to.view().buffer.byteLength).toBeGreaterThan(0)
  })
})
