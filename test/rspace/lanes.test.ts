import { blake2b } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INPUT_BYTES, makeLanes } from '../../rspace/lanes.ts'

describe('the program that adds elements to the lattice hash', () => {
  it('names what has a name as BLAKE2b does, whatever lay there before', () => {
    const lanes = makeLanes()
    const lengths = fc.oneof(fc.nat(300), fc.constantFrom(0, 1, 127, 128, 129, 255, 256, 257, INPUT_BYTES - 1, INPUT_BYTES))
    fc.assert(
      fc.property(lengths, fc.integer(), (length, from) => {
        const bytes = Uint8Array.from({ length }, (_, i) => Math.imul(i + from, 0x9e3779b1) >>> 24)
        lanes.input.set(bytes)
        lanes.name(length)
        const name = blake2b(bytes, { dkLen: 32 })
        expect(lanes.seed.subarray(0, 32)).toEqual(name)
        expect(lanes.nameWords).toEqual(new Int32Array(name.buffer))
      }),
    )
  })

  it('draws out what BLAKE3 draws out, and adds and takes it lane by lane', () => {
    const lanes = makeLanes()
    const seed = fc.uint8Array({ minLength: 40, maxLength: 40 })
    fc.assert(
      fc.property(fc.array(fc.tuple(seed, fc.boolean()), { maxLength: 8 }), fc.nat(), (steps, first) => {
        const expected = new Uint16Array(1024).fill(first)
        lanes.write(new Int32Array(expected.buffer.slice(0)))
        for (const [bytes, adds] of steps) {
          lanes.seed.set(bytes)
          if (adds) lanes.add()
          else lanes.sub()
          const drawn = new DataView(blake3(bytes, { dkLen: 2048 }).buffer)
          for (let i = 0; i < 1024; i++) expected[i] += drawn.getUint16(2 * i, true) * (adds ? 1 : -1)
        }
        const words = new Int32Array(512)
        lanes.read(words)
        expect(new Uint16Array(words.buffer)).toEqual(expected)
      }),
    )
  })
})
