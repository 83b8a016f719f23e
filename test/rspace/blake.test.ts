import { blake2b } from '@noble/hashes/blake2.js'
import { describe, expect, it } from 'vitest'
import { blake2b256, pausedBlake2b256 } from '../../rspace/blake.ts'

/** Bytes of no pattern that blocks have. */
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 3) & 255)
const expected = (...parts: readonly Uint8Array[]): Uint8Array => blake2b(Buffer.concat(parts), { dkLen: 32 })
/** Around the ends of blocks of 128 and of the program's input of 65,536. */
const LENGTHS = [0, 1, 127, 128, 129, 255, 256, 257, 65_407, 65_408, 65_409, 65_535, 65_536, 65_537, 131_072, 131_073]
const agrees = (): void => {
  for (const length of LENGTHS) {
    const text = bytes(length)
    expect(blake2b256(text), `${length} bytes`).toEqual(expected(text))
    expect(blake2b256(text.subarray(0, length / 2), text.subarray(length / 2)), `${length} bytes in two parts`).toEqual(expected(text))
  }
}

describe('BLAKE2b-256', () => {
  it('gives what another implementation gives, at all borders', agrees)

  it('gives the same by the program that is made when much is hashed', () => {
    const much = bytes(1 << 20)
    expect(blake2b256(much, much)).toEqual(expected(much, much))
    agrees()
  })

  it('lets others hash while it pauses', async () => {
    const parts = [bytes(1000), bytes(300), bytes(70_000)]
    const pieces: Uint8Array[] = []
    const hashes = await Promise.all(
      [100, 128, 65_000].map(size =>
        pausedBlake2b256(parts, size, async () => {
          pieces.push(blake2b256(bytes(200)))
        }),
      ),
    )
    for (const hash of hashes) expect(hash).toEqual(expected(...parts))
    expect(pieces.length).toBeGreaterThan(10)
    for (const hash of pieces) expect(hash).toEqual(expected(bytes(200)))
  })
})
