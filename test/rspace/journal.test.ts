import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonTypes, json, open, type SpaceEvent, v } from '../../rspace/index.ts'
import { EventWriter, readEvents } from '../../rspace/journal.ts'
import { MemoryEngine } from '../../rspace/store/index.ts'

const text = (s: string): Uint8Array => new TextEncoder().encode(s)
const channel = (name: string) => ({ kindByte: 0, told: 0, bytes: () => text(name) })
const identity = (name: string) => Uint8Array.of(0, ...text(name))
const alone = { id: 'bytes', encode: (b: Uint8Array) => b, decode: (b: Uint8Array) => b }
const inPlace = {
  ...alone,
  encodeInto(b: Uint8Array, into: Uint8Array, at: number): number {
    if (at + b.length > into.length) return -1
    into.set(b, at)
    return at + b.length
  },
}
const bytes = fc.uint8Array({ maxLength: 300, size: 'max' })
const number = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))

describe('events of a commit', () => {
  it('come back as they were written, whatever their numbers and sizes', () => {
    const event = fc.record({
      op: fc.nat(2 ** 40),
      ref: number,
      value: bytes,
      persistent: fc.boolean(),
      data: fc.array(number, { maxLength: 5 }),
      branch: fc.nat(9),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), events => {
        const w = new EventWriter(1)
        for (const e of events) {
          w.produce(e.op, e.ref, channel('c'), e.persistent ? inPlace : alone, e.value, e.persistent)
          w.comm(
            e.op,
            e.ref,
            e.data.map(ref => ({ ref })),
            e.branch,
          )
          w.comm(e.op, undefined, [], 0)
          w.plain('cancel', e.op, e.ref)
          w.plain('mark', e.op, undefined)
        }
        expect(w.count).toBe(events.length * 5)
        const read = readEvents(w.view(), false)
        expect(read).toEqual(
          events.flatMap(({ op, ref, value, persistent, data, branch }) => [
            { kind: 'produce', op, ref, channel: identity('c'), value, persistent },
            { kind: 'comm', op, ref, data, branch },
            { kind: 'comm', op, data: [], branch: 0 },
            { kind: 'cancel', op, ref },
            { kind: 'mark', op },
          ]),
        )
      }),
    )
  })

  it('identify a consume by what it is, in any order of its binds, and a produce by channel, value and persistence', () => {
    const consume = (
      binds: readonly (readonly [string, string, boolean])[],
      o: { guard?: string; body?: string; persistent?: boolean } = {},
    ) => {
      const w = new EventWriter()
      w.consume(1, 1, o.persistent === true, 1)
      w.branch(binds.length, o.guard === undefined ? undefined : text(o.guard))
      for (const [c, p, peek] of binds) w.bind(channel(c), alone, text(p), peek)
      w.body(alone, text(o.body ?? 'b'))
      const [event] = readEvents(w.view())
      expect(event).toMatchObject({ kind: 'consume', channel: identity(binds[0][0]) })
      return event.id
    }
    const one = consume([
      ['a', 'p', false],
      ['b', 'q', false],
    ])
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(
      consume([
        ['b', 'q', false],
        ['a', 'p', false],
      ]),
    ).toBe(one)
    const others = [
      consume([
        ['a', 'q', false],
        ['b', 'p', false],
      ]),
      consume([
        ['a', 'p', true],
        ['b', 'q', false],
      ]),
      consume(
        [
          ['a', 'p', false],
          ['b', 'q', false],
        ],
        { guard: 'g' },
      ),
      consume(
        [
          ['a', 'p', false],
          ['b', 'q', false],
        ],
        { body: 'c' },
      ),
      consume(
        [
          ['a', 'p', false],
          ['b', 'q', false],
        ],
        { persistent: true },
      ),
    ]
    expect(new Set([one, ...others]).size).toBe(6)
    const produce = (c: string, v: string, persistent: boolean) => {
      const w = new EventWriter()
      w.produce(1, 1, channel(c), alone, text(v), persistent)
      return readEvents(w.view())[0].id
    }
    expect(new Set([produce('a', 'v', false), produce('b', 'v', false), produce('a', 'w', false), produce('a', 'v', true)]).size).toBe(4)
  })

  it('that were taken back say so, and only those', () => {
    const w = new EventWriter()
    for (let op = 1; op <= 4; op++) w.plain('cancel', op, op)
    w.undo(2)
    w.undo(4) // nothing came after the fourth
    w.plain('rollback', 4, undefined)
    expect(readEvents(w.view()).map(e => e.undone === true)).toEqual([false, false, true, true, false])
  })

  it('that an earlier version wrote as text are read', () => {
    const old =
      '[{"kind":"produce","op":3,"ref":7,"channel":"0061","value":"01ff","persistent":false,"id":"aa"},{"kind":"comm","op":4,"ref":2,"data":[7],"branch":0,"undone":true}]'
    expect(readEvents(text(old))).toEqual([
      { kind: 'produce', op: 3, ref: 7, channel: identity('a'), value: Uint8Array.of(1, 255), persistent: false, id: 'aa' },
      { kind: 'comm', op: 4, ref: 2, data: [7], branch: 0, undone: true },
    ])
  })

  it('that the version before wrote out in full are read, those of a later version refused', () => {
    const old = Uint8Array.from([
      ...[1, ...[0, 3, 6, 7], ...[2, 0, 97], ...[1, 9]], // produce, operation 3, ref 7, channel a, value 9
      ...[...[1, 1, 2, 8], ...[1, 2], ...[1, 2, 0, 97], ...[1, 112], ...[1, 98]], // consume: ref 8, one branch with one bind that peeks
      ...[...[2, 1, 0, 8], ...[0, 1, 7]], // comm of 8 with 7
      ...[...[4, 1, 1, 8], ...[0xff, 1]], // cancel 8, one operation back; taken back
    ])
    const consume = { kind: 'consume', op: 4, ref: 8, channel: identity('a'), persistent: false }
    expect(readEvents(old, false)).toEqual([
      { kind: 'produce', op: 3, ref: 7, channel: identity('a'), value: Uint8Array.of(9), persistent: true },
      consume,
      { kind: 'comm', op: 4, ref: 8, data: [7], branch: 0 },
      { kind: 'cancel', op: 3, ref: 8, undone: true },
    ])
    const w = new EventWriter()
    w.consume(4, 8, false, 1)
    w.branch(1, undefined)
    w.bind(channel('a'), alone, text('p'), true)
    w.body(alone, text('b'))
    expect(readEvents(old)[1]).toEqual(readEvents(w.view())[0])
    expect(() => readEvents(Uint8Array.of(4))).toThrow(expect.objectContaining({ code: 'VERSION' }))
  })

  it('that version 2 wrote, a COMM apart from what made it and values in full, are read', () => {
    const old = Uint8Array.from([
      ...[2, ...[0x40, 7], ...[0, 2, 0, 97], ...[3, 1, 2]], // produce, ref 7, channel a, value 1 2
      ...[...[0x41, 1], ...[1, 2], 2, ...[2, 112], ...[2, 98]], // consume, ref 8, one branch with one bind on a, pattern p, body b
      ...[...[0x42, 1], ...[0, 1, 2]], // comm of 8 with 7
      ...[...[0xe0, 6, 1], 2, 0], // produce, three operations further, persistent, ref 9, channel a, the same value
      ...[...[0x00], 2, ...[2, 9]], // produce without a ref
      ...[...[0x44, 2], ...[31, 1]], // cancel 8; taken back
    ])
    const value = Uint8Array.of(1, 2)
    expect(readEvents(old, false)).toEqual([
      { kind: 'produce', op: 1, ref: 7, channel: identity('a'), value, persistent: false },
      { kind: 'consume', op: 2, ref: 8, channel: identity('a'), persistent: false },
      { kind: 'comm', op: 2, ref: 8, data: [7], branch: 0 },
      { kind: 'produce', op: 5, ref: 9, channel: identity('a'), value, persistent: true },
      { kind: 'produce', op: 6, channel: identity('a'), value: Uint8Array.of(9), persistent: false },
      { kind: 'cancel', op: 7, ref: 8, undone: true },
    ])
    expect(() => readEvents(Uint8Array.from([...old, ...[0x5e, 1, 2, 0, 0]]))).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })

  it('tell a COMM by a ref behind what made it, whichever of the two came last, and apart where anything is between', () => {
    const a = channel('a')
    const w = new EventWriter()
    const lengths: number[] = []
    const wrote = (): void => {
      lengths.push(w.view().length)
    }
    w.receive(1, 1, a, alone, text('p'), alone, text('b'))
    w.produce(2, 2, a, alone, text('v'), true)
    wrote()
    w.pair(2, 1, 2) // the datum has met what waited
    wrote()
    w.pair(2, 1, 2) // once more: that is another event
    wrote()
    w.receive(3, 3, a, alone, text('p'), alone, text('b'))
    wrote()
    w.comm(3, 3, [{ ref: 2 }], 0) // the receive has met what lay there
    wrote()
    w.produce(4, 4, a, alone, text('v'), false)
    w.plain('stall', 4, 3)
    w.pair(4, 3, 4)
    w.produce(5, 5, a, alone, text('v'), false)
    w.comm(5, 3, [{ ref: 5 }], 1)
    w.produce(6, 6, a, alone, text('v'), false)
    w.pair(6, 3, 5)
    w.consume(7, 7, true, 1)
    w.branch(1, undefined)
    w.bind(a, alone, text('q'), true)
    w.body(alone, text('c'))
    w.pair(7, 7, 6)
    w.produce(8, 8, a, alone, text('v'), false)
    w.undo(w.count - 1)
    w.pair(8, 7, 8)
    expect(lengths.slice(1).map((n, i) => n - lengths[i])).toEqual([1, 5, 5, 1])
    const consume = (op: number, persistent = false) => ({ kind: 'consume', op, ref: op, channel: identity('a'), persistent })
    const produce = (op: number, persistent = false) => ({ ...consume(op, persistent), kind: 'produce', value: text('v') })
    const comm = (op: number, ref: number, datum: number, branch = 0) => ({ kind: 'comm', op, ref, data: [datum], branch })
    const expected = [
      ...[consume(1), produce(2, true), comm(2, 1, 2), comm(2, 1, 2), consume(3), comm(3, 3, 2)],
      ...[produce(4), { kind: 'stall', op: 4, ref: 3 }, comm(4, 3, 4), produce(5), comm(5, 3, 5, 1), produce(6), comm(6, 3, 5)],
      ...[consume(7, true), comm(7, 7, 6), { ...produce(8), undone: true }, comm(8, 7, 8)],
    ]
    expect(readEvents(w.view(), false)).toEqual(expected)
    expect(w.count).toBe(expected.length)
  })

  it('write of a value what differs from the one before, whatever the two have in common', () => {
    const piece = fc.uint8Array({ maxLength: 20 })
    // Pieces of few kinds, so that beginnings and ends are often the same.
    const value = fc.tuple(
      ...[0, 1, 2].map(() => fc.oneof(fc.constantFrom(text('one'), text('another one, longer'), new Uint8Array(0)), piece)),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), fc.boolean(), (list, isInPlace) => {
        const values = list.map(parts => Uint8Array.from(parts.flatMap(p => [...p])))
        const w = new EventWriter(1)
        const codec = isInPlace ? inPlace : alone
        values.forEach((v, i) => {
          w.produce(i, i + 1, channel('c'), codec, v, false)
          w.receive(i, i + 1, channel('c'), codec, v, codec, v)
        })
        const read = readEvents(w.view())
        expect(read.filter(e => e.kind === 'produce').map(e => e.value)).toEqual(values)
        const alike = values.map(v => {
          const one = new EventWriter()
          one.receive(1, 1, channel('c'), alone, v, alone, v)
          return readEvents(one.view())[0].id
        })
        expect(read.filter(e => e.kind === 'consume').map(e => e.id)).toEqual(alike)
      }),
    )
    const w = new EventWriter()
    const long = new Uint8Array(100_000).fill(1)
    for (let i = 1; i <= 100; i++) w.produce(i, i, channel('c'), i % 2 === 0 ? inPlace : alone, long.with(i * 999, 2), false)
    expect(w.view().length).toBeLessThan(300_000)
    // The next group knows nothing of this one, however much memory this one took.
    w.produce(101, 101, channel('c'), inPlace, new Uint8Array(5 << 20), false)
    w.follow(w)
    for (let i = 1; i <= 2; i++) w.produce(i, i, channel('c'), inPlace, new Uint8Array(0), false)
    expect(readEvents(w.view(), false).map(e => e.value)).toEqual([new Uint8Array(0), new Uint8Array(0)])
  })

  it('are the bytes of the example in docs/persistence.md', () => {
    const docs = readFileSync(new URL('../../docs/persistence.md', import.meta.url), 'utf8')
    const [, example] = docs.match(/four operations and two COMMs:\n\n```text\n([^`]+)```/) ?? []
    const shown = example.split('\n').flatMap(line => line.split('   ')[0].match(/\S+/g) ?? [])
    const a = channel('a')
    const w = new EventWriter()
    const [pattern, body] = [text('p'), text('b')]
    for (const n of [1, 3]) {
      w.produce(n, n, a, n === 1 ? alone : inPlace, Uint8Array.of(n === 1 ? 7 : 8), false)
      w.receive(n + 1, n + 1, a, alone, pattern, inPlace, body)
      w.pair(n + 1, n + 1, n)
    }
    expect([...w.view()]).toEqual(shown.map(byte => Number.parseInt(byte, 16)))
  })

  it('are not begun by a value that cannot be encoded', () => {
    const broken = {
      ...alone,
      encode: (): Uint8Array => {
        throw new Error('no')
      },
    }
    const w = new EventWriter()
    w.produce(1, 1, channel('c'), alone, text('v'), false)
    const before = w.view().slice()
    const codec = expect.objectContaining({ code: 'CODEC' })
    expect(() => w.produce(2, 2, channel('d'), broken, text('w'), false)).toThrow(codec)
    expect(() => w.receive(2, 2, channel('d'), alone, text('p'), broken, text('b'))).toThrow(codec)
    expect(() => w.receive(2, 2, channel('d'), broken, text('p'), alone, text('b'))).toThrow(codec)
    expect(w.view()).toEqual(before)
    w.produce(2, 2, channel('d'), alone, text('w'), false)
    expect(readEvents(w.view(), false)).toMatchObject([{ ref: 1 }, { ref: 2, value: text('w') }])
  })

  it('name a channel once, and take a byte for a value, pattern or body that is the one before', () => {
    const [a, b] = [channel('a name of some length'), channel('another name')]
    const value = text('a value of some length')
    const [pattern, body] = [text('pattern'), text('body')]
    const write = (w: EventWriter, from: number): Uint8Array => {
      for (let n = from; n < from + 9; n += 3) {
        w.receive(n, n, a, alone, pattern, alone, body)
        w.pair(n, n, n - 1)
        w.produce(n + 1, n + 1, a, inPlace, value, false)
        w.produce(n + 2, n + 2, b, inPlace, value, false)
      }
      return w.view().slice()
    }
    const w = new EventWriter()
    const [first, second] = [write(w, 10), write(new EventWriter().follow(w), 100)]
    const expected = (from: number) =>
      [from, from + 3, from + 6].flatMap(n => [
        { kind: 'consume', op: n, ref: n, channel: identity('a name of some length'), persistent: false },
        { kind: 'comm', op: n, ref: n, data: [n - 1], branch: 0 },
        { kind: 'produce', op: n + 1, ref: n + 1, channel: identity('a name of some length'), value, persistent: false },
        { kind: 'produce', op: n + 2, ref: n + 2, channel: identity('another name'), value, persistent: false },
      ])
    expect(readEvents(first, false)).toEqual(expected(10))
    expect(readEvents(second, false)).toEqual(expected(100))
    expect(first.length).toBeLessThan(150)
    expect(new Set([...readEvents(first), ...readEvents(second)].flatMap(e => e.id ?? [])).size).toBe(3)
  })

  it('are refused as CORRUPT when they are anything else, never read as others or thrown as a host error', () => {
    const w = new EventWriter()
    w.produce(1, 1, channel('a'), alone, text('v'), false)
    const good = w.view().slice()
    for (const bad of [
      Uint8Array.of(1, 99, 0, 0),
      Uint8Array.of(1, 3, 4, 0),
      Uint8Array.of(1, 255, 1),
      Uint8Array.of(0),
      new Uint8Array(0),
      Uint8Array.of(2, 30), // no such kind
      Uint8Array.of(2, 29, 1, 0, 2, 0, 0),
      Uint8Array.of(3, 28),
      Uint8Array.of(3, 0, 1, 4), // the second channel, before the first
      Uint8Array.of(3, 0, 1, 0, 2, 0, 97, 0), // the value before the first
      Uint8Array.of(3, 0, 1, 0, 2, 0, 97, 4, 0, 0), // what it shares with it
      Uint8Array.of(3, ...[0, 1, 0, 2, 0, 97, 3, 9], ...[0, 1, 2, 2, 2, 0]), // it shares two bytes of one
      Uint8Array.of(3, ...[0, 1, 0, 2, 0, 97, 3, 9], ...[0, 1, 2, 4, 1, 0]), // the same byte twice
      Uint8Array.of(3, 29, 1, 0, 2, 0, 97), // the pattern before the first
      Uint8Array.of(3, 0x40, 1, 0, 2, 0, 97, 3, 9, 3), // made a COMM with a ref below the first
      Uint8Array.of(2, 31, 1), // nothing to take back
      Uint8Array.of(2, 0x40, 1, 4), // the second channel, before the first
      Uint8Array.of(2, 0x40, 1, 0, 2, 0, 0), // the value before the first
      Uint8Array.of(2, 0x41, 1, 0, 0), // a consume without a channel
      Uint8Array.of(2, 0x44, 2), // below the first ref
      Uint8Array.of(2, 0x40, ...[1, 0, 2, 0, 1], 0x40, ...[255, 255, 255, 255, 255, 255, 255, 15], 2, 0), // a ref above all numbers
      good.subarray(0, good.length - 1),
      text('{}'),
      text('nonsense'),
    ])
      expect(() => readEvents(bad)).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 60 }), (version, tail) => {
        try {
          expect(Array.isArray(readEvents(Uint8Array.of(version, ...tail)))).toBe(true)
        } catch (e) {
          expect(e).toMatchObject({ code: 'CORRUPT' })
        }
      }),
    )
  })
})

describe('the log of a space on disk', () => {
  it('is the same whether operations go the short way or the careful one', async () => {
    const operation = fc.record({ isProduce: fc.boolean(), channel: fc.nat(2), n: fc.nat(2), closes: fc.nat(9).map(n => n === 0) })
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async operations => {
        const logs: SpaceEvent<JsonTypes>[][] = []
        // A space that checks itself takes no short way.
        for (const debug of [false, true]) {
          const space = await open(new MemoryEngine(), { ...json, create: true, journal: 'events', group: 'manual', debug })
          for (const { isProduce, channel, n, closes } of operations) {
            if (isProduce) space.produce(`c${channel}`, { n, text: 'x'.repeat(100 * n) })
            else space.consume([{ channel: `c${channel}`, pattern: n === 2 ? v.all : { n } }], `body ${n}`)
            if (closes) await space.flush()
          }
          const log: SpaceEvent<JsonTypes>[] = []
          for await (const event of space.log()) log.push(event)
          logs.push(log)
          await space.close()
        }
        expect(logs[0]).toEqual(logs[1])
        expect(logs[0].filter(e => e.kind !== 'comm').map(e => e.kind)).toEqual(operations.map(o => (o.isProduce ? 'produce' : 'consume')))
      }),
      { numRuns: 60 },
    )
  })
})
