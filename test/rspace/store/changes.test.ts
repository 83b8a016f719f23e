import { afterEach, describe, expect, it, vi } from 'vitest'
import { Changes } from '../../../rspace/store/changes.ts'

/** The hash of the table when its seed is 0, so that keys can be chosen against it. */
function hash(key: Uint8Array): number {
  let h = 0
  for (const byte of key) h = Math.imul(h ^ byte, 0x01000193)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 13)
}
const numbered = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)

function* colliding(bits: number): Generator<Uint8Array> {
  for (let n = 0; ; n++) if ((hash(numbered(n)) & ((1 << bits) - 1)) === 0) yield numbered(n)
}
const first = (n: number, keys: Iterable<Uint8Array>): Uint8Array[] => {
  const found: Uint8Array[] = []
  for (const key of keys) if (found.push(key) === n) break
  return found
}

describe('the changes of a commit', () => {
  afterEach(() => void vi.restoreAllMocks())

  for (const [title, expected] of [
    ['that were foreseen', 300],
    ['that come unexpectedly', 0],
  ] as const)
    it(`finds keys again that were chosen against its hash, ${title}`, () => {
      vi.spyOn(Math, 'random').mockReturnValue(0)
      const changes = new Changes(expected)
      const keys = first(300, colliding(10))
      const value = (i: number) => Uint8Array.of(i, i >> 8)
      keys.forEach((key, i) => {
        expect(changes.valueOf(key)).toBe(null)
        expect(changes.add(key, value(i), undefined, 0)).toBe(true)
        expect(changes.add(key.slice(), undefined, undefined, 0)).toBe(false)
      })
      expect(changes.size).toBe(300)
      keys.forEach((key, i) => {
        expect(changes.valueOf(key.slice())).toEqual(value(i))
      })
      expect(changes.add(keys[7], undefined, null, 1)).toBe(true)
      expect(changes.valueOf(keys[7])).toBe(undefined)
      expect(changes.befores[7]).toBe(undefined)
      expect(changes.size).toBe(300)
      expect(changes.valueOf(Uint8Array.of(1))).toBe(null)
    })

  it('tells keys apart that have the same hash', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const seen = new Map<number, Uint8Array>()
    let pair: readonly [Uint8Array, Uint8Array] | undefined
    for (let n = 0; pair === undefined; n++) {
      const key = Uint8Array.of(n & 7, ...numbered(Math.imul(n, 0x9e3779b1)))
      const other = seen.get(hash(key))
      if (other !== undefined) pair = [other, key]
      else seen.set(hash(key), key)
    }
    const changes = new Changes()
    expect(changes.add(pair[0], Uint8Array.of(1), null, 0)).toBe(true)
    expect(changes.valueOf(pair[1])).toBe(null)
    expect(changes.add(pair[1], Uint8Array.of(2), null, 0)).toBe(true)
    expect(pair.map(key => changes.valueOf(key))).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
  })
})
