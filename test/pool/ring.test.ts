import { describe, expect, it } from 'vitest'
import { RingReader, RingWriter, ringMemory, ringPending } from '../../src/pool/ring.ts'

function record(n: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (n * 31 + i) & 255)
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
      for (let r = reader.next(); r !== null; r = reader.next()) {
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
    expect([reader.next(), reader.waiting, ringPending(memory)]).toEqual([null, false, false])
    expect(writer.publish()).toBe(true)
    expect([reader.waiting, ringPending(memory)]).toEqual([true, true])
    expect(reader.next()).toEqual(record(1, 10))
    expect([reader.next(), reader.waiting, ringPending(memory)]).toEqual([null, false, false])
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
    expect(reader.next()).toEqual(record(0, 40))
    expect(writer.put(record(n, 40))).toBe(true)
    writer.publish()
    for (let i = 1; i <= n; i++) expect(reader.next()).toEqual(record(i, 40))
  })

  it('counts on when its counters have gone round', () => {
    const memory = ringMemory(256)
    new Int32Array(memory).fill(0x7ffffff8)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    for (let n = 0; n < 40; n++) {
      expect(writer.put(record(n, 20))).toBe(true)
      writer.publish()
      expect(reader.next()).toEqual(record(n, 20))
    }
  })
})
