import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blake2b256 } from '../../rspace/blake.ts'
import { type JsonValue, json, memory, type OpenOptions, open, v } from '../../rspace/index.ts'
import { copyJson, jsonCodec } from '../../rspace/json.ts'
import { hashesReady, slicedBlake2b256 } from '../../rspace/store/hash.ts'
import { MemoryEngine } from '../../rspace/store/index.ts'

const nested = (depth: number): JsonValue => (depth === 0 ? 'end' : { in: nested(depth - 1) })
const VALUES: readonly JsonValue[] = [
  1,
  'short',
  'ü',
  'long '.repeat(30),
  'sehr läng '.repeat(30),
  'x'.repeat(70_000),
  'ö'.repeat(200_000),
  nested(5),
  nested(40),
  Array.from({ length: 100 }, (_, i) => i),
  { z: 1, a: { y: [1, { c: null, b: true }], x: 2n } },
  Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${99 - i}`, i])),
  JSON.parse('{"__proto__":1}') as JsonValue,
]

describe('values of every size', () => {
  it('lie packed in a commit and are found again, values that go with them', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true, group: 'manual' })
    for (const [i, value] of VALUES.entries()) {
      space.produce(`c${i}`, value)
      space.consume([{ channel: `k${i}`, pattern: v.x }], value)
    }
    await space.flush()
    for (let i = 0; i < VALUES.length; i += 2) {
      expect(space.tryTake(`c${i}`, v.x)?.value).toEqual(VALUES[i])
      space.produce(`k${i}`, 0)
    }
    await space.flush()
    expect(await space.verify({ deep: true })).toMatchObject({ ok: true })
    await space.close()
    const again = await open(engine)
    for (const [i, value] of VALUES.entries()) {
      expect(again.inspect.data(`c${i}`).map(d => d.value)).toEqual(i % 2 === 0 ? [] : [value])
      expect(again.inspect.continuations(`k${i}`).map(k => k.body)).toEqual(i % 2 === 0 ? [] : [value])
    }
    await again.close()
  })

  it('are written in place as they are written alone, or not at all', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(20), fc.nat(400), (json, at, room) => {
        const value = copyJson(json)
        const bytes = jsonCodec.encode(value)
        const into = new Uint8Array(at + room)
        const end = jsonCodec.encodeInto(value, into, at)
        if (end < 0) expect(bytes.length).toBeGreaterThan(room)
        else expect(into.slice(at, end)).toEqual(bytes)
      }),
    )
  })

  it('are copied alike in the quick way and in the long one, and refused alike', () => {
    const long = (value: unknown): unknown => (copyJson({ in: value, zz: Array.from({ length: 40 }, () => 0) }) as { in: JsonValue }).in
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 9 }), value => {
        const copy = copyJson(value)
        expect(copy).toEqual(long(value))
        expect(Object.isFrozen(copy)).toBe(true)
      }),
    )
    const self: unknown[] = []
    self.push(self)
    for (const bad of [
      { a: undefined },
      [1, undefined],
      new Array(2),
      { a: () => 1 },
      { [Symbol('s')]: 1 },
      new Date(),
      self,
      ['\ud800'],
      { '\ud800': 1 },
      [Number.NaN],
    ]) {
      expect(() => copyJson(bad)).toThrow(TypeError)
      expect(() => long(bad)).toThrow(TypeError)
    }
    expect(() => copyJson(['x'.repeat(100)], 50)).toThrow(expect.objectContaining({ code: 'LIMIT' }))
    expect(() => copyJson({ a: { b: ['x'.repeat(100)] } }, 50)).toThrow(expect.objectContaining({ code: 'LIMIT' }))
    const many = Array.from({ length: 1100 }, (_, i) => v[`name${i}`])
    expect(new Set(many).size).toBe(1100)
  })
})

describe('a codec that fails while its group is written', () => {
  it('fails the commit with CODEC, whichever way it writes', async () => {
    for (const way of ['encode', 'encodeInto'] as const) {
      let isBroken = false
      const broken = {
        ...json.codec.datum,
        id: 'broken',
        [way]: (...args: [JsonValue, Uint8Array, number]) => {
          if (isBroken) throw new Error('no')
          return way === 'encode' ? jsonCodec.encode(args[0]) : jsonCodec.encodeInto(...args)
        },
        ...(way === 'encode' ? { encodeInto: undefined } : {}),
      }
      const options = { ...json, codec: { ...json.codec, datum: broken } } as unknown as OpenOptions<never>
      const space = await open(new MemoryEngine(), { ...options, create: true, group: 'manual' })
      space.produce('c' as never, 1 as never)
      isBroken = true
      await expect(space.flush()).rejects.toMatchObject({ code: 'CODEC' })
      expect(() => space.produce('c' as never, 2 as never)).toThrow(expect.objectContaining({ code: 'SPACE_FAILED' }))
      isBroken = false
      await space.close().catch(() => undefined)
    }
  })
})

describe('hashes', () => {
  it('of spaces that take turns are those of spaces alone, with small and large records', () => {
    const values = ['a', 'x'.repeat(3000), 'b', 'a']
    const one = memory({ history: 'digest' })
    const two = memory({ history: 'digest' })
    const alone = memory()
    one.digest()
    two.digest()
    for (const value of values) {
      one.produce('c', value)
      one.digest()
      two.produce('d', value)
      two.digest()
      alone.produce('c', value)
    }
    one.tryTake('c', 'b')
    alone.tryTake('c', 'b')
    expect(one.digest()).toBe(alone.digest())
    expect(two.digest()).not.toBe(alone.digest())
  })

  it('of much are taken in pieces while others hash', async () => {
    await hashesReady()
    const parts = [new Uint8Array(10).fill(1), new Uint8Array((2 << 20) + 5).fill(2), new Uint8Array(7)]
    const sliced = slicedBlake2b256(parts)
    const meanwhile = [blake2b256(parts[0]), await slicedBlake2b256([parts[0]])]
    expect(await sliced).toEqual(blake2b256(...parts))
    expect(meanwhile[0]).toEqual(meanwhile[1])
  })
})
