import { blake2b } from '@noble/hashes/blake2.js'
import { blake2b as wasmBlake2b } from 'hash-wasm'
import { describe, expect, it, vi } from 'vitest'
import { blake2b256, blakeReady, pausedBlake2b256 } from '../../rspace/blake.ts'

/** Bytes of no pattern that blocks have. */
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 3) & 255)
const expected = (...parts: readonly Uint8Array[]): Uint8Array => blake2b(Buffer.concat(parts), { dkLen: 32 })
const plain = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
/** Around the ends of blocks of 128, of what is gathered and of what the library takes at a time. */
const LENGTHS = [0, 1, 127, 128, 129, 255, 256, 257, 1023, 1024, 1025, 2048, 16_383, 16_384, 16_385, 131_073]

describe('BLAKE2b-256', () => {
  it('is there at the first call, before anything has been loaded', async () => {
    const hashes = LENGTHS.map(length => blake2b256(bytes(length)))
    for (const [i, length] of LENGTHS.entries())
      expect(Buffer.from(hashes[i]).toString('hex'), `${length} bytes`).toBe(await wasmBlake2b(bytes(length), 256))
  })

  it('gives what another library gives once the fast one is loaded, however it is cut', async () => {
    await blakeReady()
    for (const length of LENGTHS) {
      const text = bytes(length)
      expect(plain(blake2b256(text)), `${length} bytes`).toEqual(expected(text))
      for (const cut of [length / 2, length - 1, length - 1024, length - 1025])
        expect(plain(blake2b256(text.subarray(0, cut), text.subarray(cut))), `${length} bytes cut at ${cut}`).toEqual(
          expected(text.subarray(0, cut), text.subarray(cut)),
        )
    }
  })

  it('gives each call bytes of its own', () => {
    const first = blake2b256(bytes(10))
    blake2b256(bytes(20))
    expect(plain(first)).toEqual(expected(bytes(10)))
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
    for (const hash of hashes) expect(plain(hash)).toEqual(expected(...parts))
    expect(pieces.length).toBeGreaterThan(10)
    for (const hash of pieces) expect(plain(hash)).toEqual(expected(bytes(200)))
  })

  it('does without the fast library where it cannot be loaded', async () => {
    vi.resetModules()
    vi.doMock('hash-wasm', () => {
      throw new Error('not here')
    })
    const alone = await import('../../rspace/blake.ts')
    await alone.blakeReady()
    expect(alone.blake2b256(bytes(300), bytes(5000))).toEqual(expected(bytes(300), bytes(5000)))
    expect(await alone.pausedBlake2b256([bytes(300)], 100, async () => undefined)).toEqual(expected(bytes(300)))
    vi.doUnmock('hash-wasm')
  })
})
