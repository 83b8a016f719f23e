import { describe, expect, it } from 'vitest'
import { RingReader, RingWriter, ringMemory, ringPending } from '../../src/pool/ring.ts'

function record(n: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (n * 31 + i) & 255)
}

/** The next record, null if there is none. */
function next(reader: RingReader): Uint8Array | null {
  const length = reader.next()
  return length < 0 ? null : reader.record.slice(0, length)
}

describe('a ring between two shards', () => {
  it('gives records out as they went in, whatever their lengths, round and round', () => {
    const memory = ringMemory(1024)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    let put = 0
    let got = 0
    const length = (n: number): number => (n * 37) % 5000
    while (got < 3000) {
      while (put < 3000 && writer.put(record(put, length(put)))) put++
      writer.publish()
      for (let r = next(reader); r !== null; r = next(reader)) {
        if (Buffer.compare(r, record(got, length(got))) !== 0) expect(r).toEqual(record(got, length(got)))
        got++
      }
    }
    expect(put).toBe(3000)
  })

  it('shows nothing before it is published', () => {
    const memory = ringMemory(1024)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    expect(writer.put(record(1, 10))).toBe(true)
    expect([next(reader), reader.waiting, ringPending(memory)]).toEqual([null, false, false])
    expect(writer.publish()).toBe(true)
    expect([reader.waiting, ringPending(memory)]).toEqual([true, true])
    expect(next(reader)).toEqual(record(1, 10))
    expect([next(reader), reader.waiting, ringPending(memory)]).toEqual([null, false, false])
    expect(writer.publish()).toBe(false)
  })

  it('refuses what has no room and takes it again once there is some', () => {
    const memory = ringMemory(256)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    let n = 0
    while (writer.put(record(n, 40))) n++
    expect(n).toBe(5) // three units of 16 bytes each, of sixteen
    expect(writer.put(record(n, 40))).toBe(false)
    writer.publish()
    expect(writer.roomy).toBe(false)
    expect(next(reader)).toEqual(record(0, 40))
    expect(writer.put(record(n, 40))).toBe(false) // what was read is told in larger pieces
    reader.release()
    expect(writer.put(record(n, 40))).toBe(true)
    writer.publish()
    for (let i = 1; i <= n; i++) expect(next(reader)).toEqual(record(i, 40))
  })

  it('takes a record out of the midst of a larger buffer', () => {
    const memory = ringMemory(1024)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    const buffer = record(7, 900)
    for (const [from, to] of [
      [3, 20],
      [100, 300],
      [0, 900],
    ]) {
      // A piece at a time, if it does not fit as a whole.
      while (!writer.put(buffer, from, to)) expect(next(reader)).toBe(null)
      writer.publish()
      expect(next(reader)).toEqual(buffer.slice(from, to))
    }
  })

  it('counts on when its counters have gone round', () => {
    const memory = ringMemory(256)
    new Int32Array(memory).fill(0x7ffffff8)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    for (let n = 0; n < 40; n++) {
      expect(writer.put(record(n, 20))).toBe(true)
      writer.publish()
      expect(next(reader)).toEqual(record(n, 20))
    }
  })
})
