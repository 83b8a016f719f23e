import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { blake2b256 } from '../../../rspace/blake.ts'
import { RhizomeError } from '../../../rspace/errors.ts'
import { hex, Malformed, Reader, Writer } from '../../../rspace/store/bytes.ts'
import { Changes } from '../../../rspace/store/changes.ts'
import {
  decodeFormat,
  decodeHead,
  decodeRecord,
  encodeFormat,
  encodeHead,
  encodeRecord,
  type Format,
  isAboveMarks,
  KEY_END,
  KEY_START,
  marksOf,
  openRow,
  sealRow,
} from '../../../rspace/store/format.ts'
import { hashesReady, xxh64 } from '../../../rspace/store/hash.ts'
import { MemoryEngine, openStore } from '../../../rspace/store/index.ts'
import { firstBatch } from '../../../rspace/store/store.ts'
import { datumKey, deltaAt, difference, Model, remove, rowsOfStore, stepOf, temporary } from '../../torture/store/world.ts'

beforeAll(hashesReady)

const FORMAT: Format = {
  major: 2,
  minor: 0,
  durability: 'process',
  codecs: 'json',
  instance: Uint8Array.from({ length: 16 }, (_, i) => i),
  salvaged: false,
}
const bytes = fc.uint8Array({ maxLength: 40 })
const chain = fc.uint8Array({ minLength: 32, maxLength: 32 })
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const change = fc.oneof(
  fc.record({ key: bytes, hash: u64, before: fc.option(bytes, { nil: undefined }) }),
  fc.record({ key: bytes, before: bytes }),
)

describe('the hashes', () => {
  it('are the published functions', () => {
    expect(xxh64(new Uint8Array(0)).toString(16)).toBe('ef46db3751d8e999')
    expect(hex(blake2b256(new TextEncoder().encode('abc')))).toBe('bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319')
    expect(hex(blake2b256(new TextEncoder().encode('a'), new TextEncoder().encode('bc')))).toBe(
      hex(blake2b256(new TextEncoder().encode('abc'))),
    )
  })
})

describe('encodings (family 12)', () => {
  it('decode what they encode: numbers', () => {
    fc.assert(
      fc.property(count, fc.nat({ max: 2 ** 50 }), u64, bytes, (a, b, c, d) => {
        const r = new Reader(new Writer(1).count(a).varint(b).u64(c).blob(d).view())
        expect([r.count(), r.varint(), r.u64(), hex(r.blob()), r.left]).toEqual([a, b, c, hex(d), 0])
      }),
    )
  })

  it('decode what they encode: format, head, record, row', () => {
    const codecs = fc.string({ unit: 'grapheme', maxLength: 10 })
    fc.assert(
      fc.property(codecs, fc.constantFrom('process' as const, 'power' as const), fc.boolean(), (c, durability, salvaged) => {
        const format = { ...FORMAT, codecs: c, durability, salvaged }
        expect(decodeFormat(encodeFormat(format), 'test')).toEqual(format)
      }),
    )
    fc.assert(
      fc.property(fc.record({ number: count, chain, rowCount: count, rowSum: u64 }), head => {
        expect(decodeHead(encodeHead(head, FORMAT.instance), 'test')).toMatchObject(head)
      }),
    )
    const start = { number: count, previous: chain, oldest: count, logBytesBefore: count, rowCount: count, rowSum: u64 }
    const marks = fc.record({ refs: count, cids: count, gids: count })
    const record = fc.record({ ...start, marks, changes: fc.array(change, { maxLength: 5 }), events: fc.array(bytes, { maxLength: 3 }) })
    fc.assert(
      fc.property(record, r => {
        const { value, chain: made } = encodeRecord(r)
        expect(decodeRecord(value)).toEqual({ ...r, chain: made })
      }),
    )
    fc.assert(
      fc.property(bytes, bytes, (key, value) => {
        expect(openRow(key, sealRow(key, value))!.value).toEqual(value)
      }),
    )
  })

  it('refuse any other bytes with a type', () => {
    const good = encodeRecord({ ...HEAD_ZERO, changes: [{ key: Uint8Array.of(88), hash: 1n }], events: [Uint8Array.of(1)] }).value
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const bad = good.slice()
        bad[at]! ^= 1 << bit
        expect(() => decodeRecord(bad)).toThrow(Malformed)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), b => {
        expect(() => decodeRecord(b)).toThrow(Malformed)
        expect(() => decodeFormat(b, 'test')).toThrow(RhizomeError)
        expect(() => decodeHead(b, 'test')).toThrow(RhizomeError)
        expect(openRow(Uint8Array.of(1), b)).toBeUndefined()
      }),
    )
  })

  it('know a newer version from damage', () => {
    const newer = encodeFormat({ ...FORMAT, major: 3 })
    expect(() => decodeFormat(newer, 'test')).toThrow(expect.objectContaining({ code: 'VERSION' }))
    newer[9]! ^= 1
    expect(() => decodeFormat(newer, 'test')).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })

  it('refuse lengths that are not in their shortest form', () => {
    expect(() => new Reader(Uint8Array.of(0x80, 0)).varint()).toThrow(Malformed)
    expect(() => new Reader(new Uint8Array(10).fill(0xff)).varint()).toThrow(Malformed)
    expect(() => new Reader(new Uint8Array(8).fill(0xff)).count()).toThrow(Malformed)
  })
})

const HEAD_ZERO = {
  number: 1,
  previous: new Uint8Array(32),
  oldest: 0,
  logBytesBefore: 0,
  rowCount: 0,
  rowSum: 0n,
  marks: { refs: 0, cids: 0, gids: 0 },
}

describe('marks', () => {
  it('bound the numbers in keys', () => {
    const key = datumKey(3, 7)
    const value = Uint8Array.of(5, 200)
    const row = { key, value }
    expect(isAboveMarks(row, { refs: 7, cids: 3, gids: 0 })).toBe(false)
    expect(isAboveMarks(row, { refs: 6, cids: 3, gids: 0 })).toBe(true)
    expect(isAboveMarks(row, { refs: 7, cids: 2, gids: 0 })).toBe(true)
    expect(isAboveMarks({ key: Uint8Array.of(88, 255), value }, { refs: 0, cids: 0, gids: 0 })).toBe(false)
    expect(marksOf([row, { key: datumKey(1, 9), value }])).toEqual({ refs: 9, cids: 3, gids: 0 })
    // A cell has its ref in the value.
    const cell = { key: datumKey(1, 0), value }
    expect(isAboveMarks(cell, { refs: 5, cids: 1, gids: 0 })).toBe(false)
    expect(isAboveMarks(cell, { refs: 4, cids: 1, gids: 0 })).toBe(true)
    expect(marksOf([cell])).toEqual({ refs: 5, cids: 1, gids: 0 })
    expect(isAboveMarks({ key: datumKey(1, 0), value: new Uint8Array(0) }, { refs: 0, cids: 1, gids: 0 })).toBe(false)
  })
})

describe('the net changes of a group', () => {
  it('agree with a map, for any keys', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.option(bytes, { nil: undefined })), { maxLength: 300 }), ops => {
        const changes = new Changes()
        const model = new Map<string, Uint8Array | undefined>()
        ops.forEach(([k, v], i) => {
          expect(changes.add(k, v, undefined, i)).toBe(true)
          expect(changes.add(k, undefined, null, i)).toBe(false)
          model.set(hex(k), v)
        })
        expect(changes.keys.map((k, i) => [hex(k), changes.values[i]])).toEqual([...model])
      }),
    )
  })
})

/** The tiny store of docs/persistence.md: made with a known identity, one commit of one datum. */
async function workedExample(): Promise<string> {
  const engine = new MemoryEngine()
  await engine.open({ create: true })
  await engine.batch(firstBatch(FORMAT).ops, true)
  await engine.close()
  const store = await openStore(engine)
  await store.commit({ put: [[datumKey(1, 1), new TextEncoder().encode('hi')]] }, { marks: { refs: 1, cids: 1 } })
  await store.close()
  await engine.open()
  const lines: string[] = []
  for await (const page of engine.iterate(KEY_START, KEY_END)) {
    for (const [key, value] of page)
      lines.push(
        `key   ${hex(key)}`,
        ...hex(value)
          .match(/.{1,64}/g)!
          .map((part, i) => `${i === 0 ? 'value' : '     '} ${part}`),
      )
  }
  await engine.close()
  return lines.join('\n')
}

describe('docs/persistence.md', () => {
  it('shows, byte by byte, what the store writes', async () => {
    const text = readFileSync(fileURLToPath(new URL('../../../docs/persistence.md', import.meta.url)), 'utf8')
    expect(text).toContain(await workedExample())
  })
})

describe('stores written by earlier versions (family 17)', () => {
  const fixtures = fileURLToPath(new URL('../../fixtures/formats/', import.meta.url))
  const versions = readdirSync(fixtures)

  it('exist', () => expect(versions).toEqual(['1.0-clean', '1.0-crashed', '2.0-clean', '2.0-crashed']))

  it.each(versions)('%s opens with all its rows', async name => {
    const base = temporary('fixture')
    const dir = join(base, 'space')
    cpSync(join(fixtures, name), dir, { recursive: true })
    const store = await openStore(dir, { codecs: 'fixture' })
    const rows = await rowsOfStore(store)
    expect(stepOf(rows)).toBe(25)
    expect(difference(rows, Model.at(17, 25))).toBeUndefined()
    expect(store.recovered).toBe(name.endsWith('crashed') ? 25 : undefined)
    await store.commit(deltaAt(17, 26))
    await store.close()
    remove(base)
  })
})
