import { blake2b } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { INPUT_BYTES } from '../../rspace/lanes.ts'

const tagged = (tag: string, bytes: Uint8Array): Uint8Array =>
  blake2b(Uint8Array.from([...new TextEncoder().encode(`rhz:${tag}\0`), ...bytes]), { dkLen: 32 })

/** As docs/persistence.md says it: for every element what is drawn out from its name and which of the equal ones it is, added lane by lane. */
function rootOf(elements: readonly Uint8Array[]): Uint8Array {
  const lanes = new Uint16Array(1024)
  const counts = new Map<string, number>()
  for (const element of elements) {
    const n = (counts.get(element.join()) ?? 0) + 1
    counts.set(element.join(), n)
    const seed = new DataView(new ArrayBuffer(40))
    new Uint8Array(seed.buffer).set(tagged('leaf', element))
    seed.setBigUint64(32, BigInt(n))
    const drawn = new DataView(blake3(new Uint8Array(seed.buffer), { dkLen: 2048 }).buffer)
    for (let i = 0; i < 1024; i++) lanes[i] += drawn.getUint16(2 * i, true)
  }
  const low = new DataView(new ArrayBuffer(2048))
  lanes.forEach((n, i) => {
    low.setUint16(2 * i, n, true)
  })
  return tagged('node', new Uint8Array(low.buffer))
}

describe('the lattice hash', () => {
  afterEach(() => {
    vi.doUnmock('../../rspace/lanes.ts')
    vi.resetModules()
  })

  for (const host of ['of a host with vectors', 'of a host without']) {
    it(`${host} is the sum of its elements, in any order, after any other that came and went`, async () => {
      const makeLanes = vi.fn(() => {
        throw new Error('no vectors')
      })
      if (host === 'of a host without') vi.doMock('../../rspace/lanes.ts', () => ({ INPUT_BYTES, SEED_BYTES: 40, makeLanes }))
      const { Lattice } = await import('../../rspace/hash.ts')
      const long = new Uint8Array(INPUT_BYTES).fill(3)
      const element = fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 300 }), fc.constantFrom(long, long.subarray(9)))
      const steps = fc.array(fc.tuple(element, fc.boolean()), { maxLength: 12 })
      fc.assert(
        fc.property(steps, steps, (one, other) => {
          // Two by turns: each has its own numbers.
          const lattices = [new Lattice(), new Lattice()]
          const all = [one, other]
          for (let i = 0; i < 12; i++)
            for (const k of [0, 1]) {
              const step = all[k][i]
              if (step !== undefined) lattices[k].add(step[0])
            }
          for (const k of [0, 1]) {
            for (const [bytes, goes] of all[k]) if (goes) lattices[k].remove(bytes)
            expect(lattices[k].root()).toEqual(rootOf(all[k].flatMap(([bytes, goes]) => (goes ? [] : [bytes])).reverse()))
          }
        }),
        { numRuns: 30 },
      )
      expect(makeLanes).toHaveBeenCalledTimes(host === 'of a host without' ? 1 : 0)
    })
  }
})
