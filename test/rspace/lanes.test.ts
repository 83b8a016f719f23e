import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeLanes } from '../../rspace/lanes.ts'

describe('the program that adds elements to the lattice hash', () => {
  it('draws out what BLAKE3 draws out, and adds and takes it lane by lane', async () => {
    const lanes = await makeLanes()
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
