import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { _, exact, type JsonTypes, json, lit, memory, type Outcome, rest, type Space, type SpaceEvent, v } from '../../rspace/index.ts'
import { canonicalText, copyJson, type JsonValue, jsonCodec } from '../../rspace/json.ts'

const bodies = (o: Outcome<JsonTypes>): unknown[] => o.comms.map(c => c.body)
const code = (c: string): unknown => expect.objectContaining({ code: c })

describe('five lines', () => {
  it('are enough to put work in and take it out', async () => {
    const space = memory()
    space.produce('jobs', { id: 1, kind: 'mail' })
    const job = await space.take('jobs', { kind: 'mail', id: v.id })
    expect([job.value, job.bindings]).toEqual([{ id: 1, kind: 'mail' }, { id: 1 }])
    await space.close()
  })
})

describe('JSON values', () => {
  const arbJson = fc.letrec<{ value: JsonValue }>(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.bigInt(),
      fc.string(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$big', '$$x', '__proto__', '1')), tie('value'), {
        maxKeys: 4,
      }) as fc.Arbitrary<JsonValue>,
    ),
  })).value
  it('decode to what was encoded, and equal values have equal bytes', () => {
    fc.assert(
      fc.property(arbJson, x => {
        const copy = copyJson(x)
        const bytes = jsonCodec.encode(copy)
        const back = jsonCodec.decode(bytes)
        expect(canonicalText(back)).toBe(canonicalText(copy))
        expect(jsonCodec.encode(back)).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
  })
  it('refuse what is not data, with a TypeError', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    for (const bad of [
      undefined,
      Number.NaN,
      () => 1,
      Symbol('x'),
      new Date(),
      [undefined],
      { a: undefined },
      cycle,
      '\ud800',
      new Map(),
      Number.POSITIVE_INFINITY,
    ]) {
      expect(() => memory().produce('c', bad as JsonValue)).toThrow(TypeError)
      expect(() => memory().produce('c', bad as JsonValue)).toThrow(code('BAD_ARGUMENT'))
    }
  })
  it('are private copies', () => {
    const space = memory()
    const mine = { list: [1] }
    space.produce('c', mine)
    mine.list.push(2)
    expect(space.tryRead('c', _)?.value).toEqual({ list: [1] })
    expect(Object.isFrozen(space.tryRead('c', _)?.value)).toBe(true)
  })
  it('and what is returned is frozen in debug mode, ack and all', async () => {
    const space = memory({ debug: true })
    const acked: number[] = []
    space.handle('kept', comm => void acked.push(comm.matches[0].ref), { ack: true })
    const stored = space.produce('c', 1)
    const { comms } = space.consume([{ channel: 'c', pattern: v.x }], 'k')
    const { comms: many } = space.atomic(tx => {
      tx.produce('d', 2)
      tx.consume([{ channel: 'd', pattern: v.x }], 'k')
    })
    space.consume([{ channel: 'e', pattern: v.x }], 'kept')
    space.produce('e', 3)
    space.produce('f', 4)
    space.produce('f', 5)
    const got = [
      space.tryRead('f', _),
      space.tryTake('f', 4),
      await space.read('f', _),
      ...space.readMany('f', _),
      ...space.takeMany('f', _),
    ]
    for (const x of [stored, comms, comms[0], comms[0].matches, comms[0].matches[0], many, many[0], ...got]) {
      expect(x).toBeDefined()
      expect(Object.isFrozen(x)).toBe(true)
    }
    for (const comm of [...comms, ...many]) comm.ack()
    expect(acked).toHaveLength(1)
  })
  it('and patterns are, however often the same is asked for on a channel', () => {
    const space = memory()
    const pattern: Record<string, JsonValue> = { to: 1, what: v.what }
    const ask = (p: JsonValue, datum: JsonValue): JsonValue => {
      const before = space.count('c')
      space.consume([{ channel: 'c', pattern: p }], 'k')
      const { comms } = space.produce('c', datum)
      if (comms.length > 0) return comms[0].matches[0].result
      expect(space.count('c')).toBe(before + 1)
      return null
    }
    expect(ask(pattern, { to: 1, what: 'a' })).toEqual({ what: 'a' })
    expect(ask({ to: 1, what: v.what }, { to: 1, what: 'b' })).toEqual({ what: 'b' })
    pattern.to = 2
    expect(ask(pattern, { to: 2, what: 'c' })).toEqual({ what: 'c' })
    expect(ask({ to: 2, what: v.other }, { to: 2, what: 'd' })).toEqual({ other: 'd' })
    expect(ask({ to: 2, other: v.other }, { to: 2, other: 'e' })).toEqual({ other: 'e' })
    expect(ask({ to: 2 }, { to: 2, other: 'f' })).toEqual({})
    expect(ask({ to: -0 }, { to: 0 })).toEqual({})
    expect(ask({ to: 0 }, { to: -0 })).toEqual({})
    expect(() => ask({ to: 0, [Symbol('s')]: 1 } as never, 1)).toThrow(code('BAD_ARGUMENT'))
    expect(() => ask({ to: Number.NaN }, 1)).toThrow(code('BAD_ARGUMENT'))
    expect(() => ask({ a: v.x, b: v.x }, 1)).toThrow(code('BAD_ARGUMENT'))
    expect(() => ask({ a: v.x, b: v.y, c: v.x }, 1)).toThrow(code('BAD_ARGUMENT'))
  })
  it('of different types are different keys of an index', () => {
    const space = memory()
    const keys = [1, '1', 1n, true, 'true', null, 'null', 2 ** 24, `${2 ** 24}`, 1.5, '1.5', -1, '-1', '1:1', 0, '']
    for (let round = 0; round < 4; round++) for (const id of keys) space.produce('c', { id, kind: 'datum', round })
    for (const id of keys)
      for (let round = 0; round < 4; round++) expect(space.tryTake('c', { id, round: v.r })?.value).toEqual({ id, kind: 'datum', round })
    expect(space.count('c')).toBe(0)
    for (const id of keys) space.consume([{ channel: 'd', pattern: { id, kind: v.k } }], ['for', id])
    for (let i = 0; i < 20; i++) space.consume([{ channel: 'd', pattern: { kind: `other ${i}` } }], 'other')
    for (const id of keys) expect(space.produce('d', { id, kind: 'x' }).comms[0].body).toEqual(['for', id])
  })
  it('may be a hundred thousand levels deep', () => {
    let deep: JsonValue = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const space = memory()
    space.produce(deep, deep)
    expect(space.count(deep, deep)).toBe(1)
    expect(jsonCodec.encode(jsonCodec.decode(jsonCodec.encode(copyJson(deep)))).length).toBe(200_001)
  })
  it('refuse bytes that are not canonical', () => {
    for (const text of ['{"b":1,"a":2}', '1.0', ' 1', '{"$x":1}', '[1', '-0', '1e1'])
      expect(() => jsonCodec.decode(new TextEncoder().encode(text))).toThrow(code('CODEC'))
  })
})

describe('JSON patterns', () => {
  const fits = (p: JsonValue, x: JsonValue): unknown => {
    const space = memory()
    space.produce('c', x)
    return space.tryRead('c', p)?.bindings
  }
  const cases: [string, JsonValue, JsonValue, unknown][] = [
    ['a literal fits itself', 1, 1, {}],
    ['a literal fits nothing else', 1, '1', undefined],
    ['_ fits anything', _, [1], {}],
    ['v.x binds', { a: v.x }, { a: [1], b: 2 }, { x: [1] }],
    ['an object fits objects with more fields', { a: 1 }, { a: 1, b: 2 }, {}],
    ['a field must be there', { a: _ }, { b: 2 }, undefined],
    ['exact allows no other field', exact({ a: 1 }), { a: 1, b: 2 }, undefined],
    ['exact fits', exact({ a: v.x }), { a: 1 }, { x: 1 }],
    ['an array has its length', [1, _], [1, 2, 3], undefined],
    ['rest takes the others', [1, rest('r')], [1, 2, 3], { r: [2, 3] }],
    ['rest may be empty', [1, rest('r')], [1], { r: [] }],
    ['comparison', { $gt: 1, $lte: 3 }, 3, {}],
    ['comparison fails', { $gt: 1, $lte: 3 }, 4, undefined],
    ['bigints compare with numbers', { $gt: 1 }, 10n, {}],
    ['numbers do not compare with strings', { $gt: 1 }, '3', undefined],
    ['$in', { $in: ['a', 'b'] }, 'b', {}],
    ['$type', { $type: 'array' }, [], {}],
    ['$or', { $or: [1, { $gt: 5 }] }, 7, {}],
    ['$not', { $not: 'x' }, 'x', undefined],
    ['$and binds', { $and: [v.n, { $gte: 0 }] }, 3, { n: 3 }],
    ['lit fits data with dollar fields', lit({ $gt: 1 }), { $gt: 1 }, {}],
    ['own fields only', { toString: _ }, {}, undefined],
    ['__proto__ is a field like others', JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":1}'), {}],
  ]
  it.each(cases)('%s', (_name, p, x, expected) => {
    expect(fits(p, x)).toEqual(expected)
  })
  it('refuse nonsense before anything happens', () => {
    const space = memory()
    const bads: JsonValue[] = [
      { $x: 1 },
      { $gt: 1, a: 1 },
      [v.a, v.a],
      [rest('r'), 1],
      { $or: [v.a] },
      { $type: 'date' },
      { $in: 3 },
      { $gt: null },
    ]
    for (const bad of bads) expect(() => space.consume([{ channel: 'c', pattern: bad }], 'b')).toThrow(code('BAD_ARGUMENT'))
    expect(() =>
      space.consume(
        [
          { channel: 'c', pattern: v.a },
          { channel: 'd', pattern: v.a },
        ],
        'b',
      ),
    ).toThrow(expect.objectContaining({ hint: expect.stringContaining('where') }))
    expect(space.stats().continuations).toBe(0)
  })
})

describe('produce and consume', () => {
  it('deliver results in the order the binds were written', () => {
    const space = memory()
    space.consume(
      [
        { channel: 'b', pattern: v.x },
        { channel: 'a', pattern: v.y, peek: true },
      ],
      { next: 'go' },
    )
    space.produce('a', 1)
    const { comms } = space.produce('b', 2)
    expect(comms[0].matches.map(m => [m.channel, m.value, m.result, m.peeked])).toEqual([
      ['b', 2, { x: 2 }, false],
      ['a', 1, { y: 1 }, true],
    ])
    expect(space.count('a')).toBe(1)
  })
  it('n equal continuations fire n times, n equal data satisfy n takes (P2)', () => {
    const space = memory()
    for (let i = 0; i < 3; i++) space.consume([{ channel: 'c', pattern: _ }], 'same')
    expect([1, 2, 3, 4].map(() => space.produce('c', 1).comms.length)).toEqual([1, 1, 1, 0])
    for (let i = 0; i < 2; i++) space.produce('c', 1)
    expect(space.takeMany('c', 1)).toHaveLength(3)
  })
  it('serve all peeks and then the take with one datum', () => {
    const space = memory()
    for (const body of ['p', 'q']) space.consume([{ channel: 'c', pattern: _, peek: true }], body)
    space.consume([{ channel: 'c', pattern: _ }], 't')
    const outcome = space.produce('c', 1)
    expect([bodies(outcome), outcome.ref, outcome.pending]).toEqual([['p', 'q', 't'], undefined, false])
  })
  it('let an arriving persistent continuation take combination after combination', () => {
    const space = memory()
    for (let i = 0; i < 5; i++) space.produce('c', i)
    const outcome = space.consume([{ channel: 'c', pattern: v.x }], 'k', { persist: true })
    expect([outcome.comms.map(c => c.matches[0].value), outcome.pending, outcome.ref]).toEqual([[0, 1, 2, 3, 4], false, 1 + 5])
  })
  it('leave a diverging pair to the pump', () => {
    const space = memory()
    space.consume([{ channel: 'c', pattern: _ }], 'k', { persist: true })
    const outcome = space.produce('c', 1, { persist: true })
    expect([outcome.comms.length, outcome.pending]).toEqual([1, true])
    expect(space.pump(7)).toHaveLength(7)
    expect(bodies(space.consume([{ channel: 'c', pattern: _ }], 'other'))).toEqual(['other'])
  })
  it('choose the first branch that can fire', () => {
    const space = memory()
    space.consume({ any: [[{ channel: 'a', pattern: _ }], [{ channel: 'b', pattern: v.x }]] }, 's')
    const [comm] = space.produce('b', 1).comms
    expect([comm.branch, comm.matches[0].result]).toEqual([1, { x: 1 }])
    expect(space.produce('a', 1).comms).toEqual([])
  })
  it('ask the guard for every combination (P15)', () => {
    const space = memory()
    for (const n of [1, 2, 3]) space.produce('a', n)
    for (const n of [30, 3]) space.produce('b', n)
    const outcome = space.consume(
      [
        { channel: 'a', pattern: v.x },
        { channel: 'b', pattern: v.y },
      ],
      'eq',
      { where: { $eq: [v.x, v.y] } },
    )
    expect(outcome.comms[0].matches.map(m => m.value)).toEqual([3, 3])
  })
  it('refuse wrong arguments with typed errors and change nothing (P11)', () => {
    const space = memory({ limits: { bindsMax: 2, dataPerChannelMax: 1, recordBytesMax: 100, continuationsPerChannelMax: 1 } })
    const digest = space.digest()
    expect(() => space.consume([], 'b')).toThrow(code('BAD_ARGUMENT'))
    expect(() => space.consume([{ channel: 'c' } as never], 'b')).toThrow(TypeError)
    expect(() => space.produce('c', 1, { leaseTicks: 0 })).toThrow(code('BAD_ARGUMENT'))
    expect(() => space.produce('c', 1, { persist: 'yes' as never })).toThrow(code('BAD_ARGUMENT'))
    expect(() => space.pump(0)).toThrow(code('BAD_ARGUMENT'))
    expect(() =>
      space.consume(
        [1, 2, 3].map(() => ({ channel: 'c', pattern: _ })),
        'b',
      ),
    ).toThrow(code('LIMIT'))
    expect(() => space.produce('c', ['x'.repeat(200)])).toThrow(code('LIMIT'))
    expect(() => space.install('i', [], 'b')).toThrow(code('BAD_ARGUMENT'))
    expect(space.digest()).toBe(digest)
    space.produce('c', 1)
    expect(() => space.produce('c', 2)).toThrow(code('LIMIT'))
    space.consume([{ channel: 'd', pattern: 5 }], 'b')
    expect(() => space.consume([{ channel: 'd', pattern: 6 }], 'b')).toThrow(code('LIMIT'))
  })
  it('do not let a matcher call the space', () => {
    const seen: unknown[] = []
    const space = memory({
      codec: json.codec,
      matcher: {
        match: () => {
          try {
            space.produce('x', 1)
          } catch (e) {
            seen.push((e as { code: string }).code)
          }
          return {}
        },
      },
    })
    space.produce('c', 1)
    space.consume([{ channel: 'c', pattern: _ }], 'b')
    expect(seen).toEqual(['REENTRANT'])
  })
  it('return the first outcome to a repeated id', () => {
    const space = memory()
    const first = space.produce('c', 1, { id: 'a' })
    expect(space.produce('c', 1, { id: 'a' })).toEqual({ ref: first.ref, comms: [], pending: false, at: first.at, repeated: true })
    expect(space.count('c')).toBe(1)
  })
  it('put back and repeat in classic mode: peeks take, fired persistent records are not stored', () => {
    const space = memory({ mode: 'classic' })
    space.produce('c', 1)
    expect(space.consume([{ channel: 'c', pattern: _, peek: true }], 'p').comms).toHaveLength(1)
    expect(space.count('c')).toBe(0)
    space.consume([{ channel: 'c', pattern: _ }], 'k')
    expect([space.produce('c', 2, { persist: true }).comms.length, space.count('c')]).toEqual([1, 0])
  })
})

describe('channels', () => {
  it('are the same for equal values and different for different ones, also for long and number-like names', () => {
    const space = memory()
    const names: JsonValue[] = ['1', 1, 'a', ['a'], { a: 1 }, 'x'.repeat(100), 'x'.repeat(101), null, '']
    for (const [i, n] of names.entries()) space.produce(n, i)
    for (const [i, n] of names.entries()) expect(space.tryTake(structuredClone(n), _)?.value).toBe(i)
  })
  it('that are fresh meet nobody else; derived ones are the same for the same id', () => {
    const space = memory()
    const [a, b] = [space.fresh(), space.fresh()]
    space.produce(a, 1)
    expect([space.count(a), space.count(b)]).toEqual([1, 0])
    const id = Uint8Array.of(1, 2)
    expect(space.derive('cell', id)).toBe(space.derive('cell', id))
    expect(space.derive('cell', id).bytes()).not.toEqual(space.derive('call', id).bytes())
    expect(space.derive('cell', id).bytes()).not.toEqual(memory().derive('cell', id).bytes())
  })
  it('of another space are refused', () => {
    expect(() => memory().produce(memory().fresh(), 1)).toThrow(code('BAD_ARGUMENT'))
  })
  it('that hold nothing are forgotten', () => {
    const space = memory()
    for (let i = 0; i < 20_000; i++) {
      space.produce(i, 1)
      space.tryTake(i, 1)
    }
    expect(space.stats().channels).toBe(0)
  })
})

describe('waiting verbs', () => {
  it('take what comes later, in order', async () => {
    const space = memory()
    const a = space.take('c', v.x)
    const b = space.take('c', v.x)
    space.produce('c', 1)
    space.produce('c', 2)
    expect([(await a).value, (await b).value]).toEqual([1, 2])
  })
  it('read without taking', async () => {
    const space = memory()
    const r = space.read('c', _)
    space.produce('c', 1)
    expect([(await r).value, space.count('c')]).toEqual([1, 1])
  })
  it('take a whole join in one step', async () => {
    const space = memory()
    const both = space.takeJoin([
      { channel: 'a', pattern: v.x },
      { channel: 'b', pattern: v.y },
    ])
    space.produce('a', 1)
    space.produce('b', 2)
    expect((await both).map(g => g.bindings)).toEqual([{ x: 1 }, { y: 2 }])
  })
  it('end with TIMEOUT or ABORTED and then take nothing', async () => {
    const space = memory()
    await expect(space.take('c', _, { timeoutMs: 1 })).rejects.toThrow(code('TIMEOUT'))
    const stop = new AbortController()
    const waiting = space.take('c', _, { signal: stop.signal })
    stop.abort()
    await expect(waiting).rejects.toThrow(code('ABORTED'))
    expect(space.produce('c', 1).ref).toBeDefined()
    expect(space.count('c')).toBe(1)
  })
  it('keep a value that was matched before the abort', async () => {
    const space = memory()
    const stop = new AbortController()
    const waiting = space.take('c', _, { signal: stop.signal })
    space.produce('c', 1)
    stop.abort()
    expect((await waiting).value).toBe(1)
  })
  it('reject wrong arguments instead of throwing', async () => {
    await expect(memory().take('c', { $x: 1 })).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(memory().claim('c', _, {} as never)).rejects.toThrow(code('BAD_ARGUMENT'))
  })
  it('are not in Outcome.comms', () => {
    const space = memory()
    void space.take('c', _)
    expect(space.produce('c', 1).comms).toEqual([])
  })
  it('end with SPACE_CLOSED', async () => {
    const space = memory()
    const waiting = space.take('c', _)
    await Promise.all([expect(waiting).rejects.toThrow(code('SPACE_CLOSED')), space.close()])
    expect(() => space.produce('c', 1)).toThrow(code('SPACE_CLOSED'))
  })
})

describe('a scan', () => {
  it('goes on while what it finds is taken, and leaves out what has gone', () => {
    const space = memory()
    for (let n = 0; n < 40; n++) space.produce('c', { n })
    const seen: unknown[] = []
    for (const got of space.scan('c', { n: v.n })) {
      seen.push(got.bindings.n)
      space.tryTake('c', { n: got.bindings.n })
      space.consume([{ channel: 'c', pattern: { n: (got.bindings.n as number) + 1 } }], 'the next')
      space.produce('c', { n: 100 })
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i))
    expect(space.count('c', { n: 100 })).toBe(20)
  })
})

describe('many data on a channel', () => {
  it('are found by fields that nobody has asked for before', () => {
    const space = memory()
    for (let i = 0; i < 40; i++) space.produce('c', { id: i, other: 1, text: `${i}` })
    space.consume([{ channel: 'c', pattern: { id: 7, other: 0 } }], 'none fits')
    expect(space.consume([{ channel: 'c', pattern: { text: '13' } }], 'x').comms[0]?.matches[0].value).toEqual({
      id: 13,
      other: 1,
      text: '13',
    })
    space.consume([{ channel: 'c', pattern: { other: 2 } }], 'none fits')
    const both = ['5', '6'].map(text => ({ channel: 'c', pattern: { text, id: v[`id${text}`] } }))
    expect(space.consume(both, 'two').comms[0]?.matches.map(m => m.result)).toEqual([{ id5: 5 }, { id6: 6 }])
  })
})

describe('bulk verbs', () => {
  it('take, read, count and scan oldest first, and reading changes nothing (P7)', () => {
    const space = memory({ journal: 'events' })
    for (let i = 0; i < 5; i++) space.produce('c', { n: i, odd: i % 2 === 1 })
    const before = [space.digest(), space.stats()]
    expect(space.readMany('c', { n: v.n }, { max: 2 }).map(g => g.bindings)).toEqual([{ n: 0 }, { n: 1 }])
    expect([space.count('c'), space.count('c', { odd: true }), space.count('nowhere', _)]).toEqual([5, 2, 0])
    expect([...space.scan('c')].length).toBe(5)
    space.inspect.all()
    expect([space.digest(), space.stats()]).toEqual(before)
    expect(space.takeMany('c', { odd: true }).map(g => (g.value as { n: number }).n)).toEqual([1, 3])
    expect(space.tryTake('c', { n: 4 })?.value).toEqual({ n: 4, odd: false })
    expect(space.tryTake('c', { n: 4 })).toBe(undefined)
  })
})

describe('claims', () => {
  it('hide a datum until it is acknowledged', async () => {
    const space = memory()
    space.produce('jobs', 1)
    const job = await space.claim('jobs', _, { ticks: 5 })
    expect([space.count('jobs'), space.tryTake('jobs', _), space.inspect.data('jobs')[0].claimed]).toEqual([0, undefined, true])
    await job.ack()
    expect(space.inspect.data('jobs')).toEqual([])
    await expect(job.nack()).rejects.toThrow(code('UNKNOWN_REF'))
  })
  it('give it back on nack and when their ticks have passed, to whoever waits', async () => {
    const space = memory()
    space.produce('jobs', 1)
    const job = await space.claim('jobs', _, { ticks: 2 })
    const next = space.claim('jobs', _, { ticks: 2 })
    await job.nack()
    await next
    space.tick(1)
    expect(space.count('jobs')).toBe(0)
    expect(space.tick(1)).toBe(0)
    expect(space.count('jobs')).toBe(1)
  })
  it('hand the COMMs that they cause to the next pump', async () => {
    const space = memory()
    space.produce('jobs', 1)
    await space.claim('jobs', _, { ticks: 1 })
    space.consume([{ channel: 'jobs', pattern: _ }], 'k')
    space.tick(1)
    expect(space.produce('other', 1).pending).toBe(true)
    expect(space.pump(5).map(c => c.body)).toEqual(['k'])
    expect(space.produce('other', 1).pending).toBe(false)
  })
  it('last longer when extended', async () => {
    const space = memory()
    space.produce('jobs', 1)
    const job = await space.claim('jobs', _, { ticks: 1 })
    await job.extend(3)
    space.tick(2)
    expect(space.count('jobs')).toBe(0)
    space.tick(1)
    expect(space.count('jobs')).toBe(1)
  })
})

describe('leases and cancel', () => {
  it('remove what is due, in order, and only that', () => {
    const space = memory()
    space.produce('c', 1, { leaseTicks: 2 })
    space.consume([{ channel: 'd', pattern: _ }], 'k', { leaseTicks: 1 })
    space.produce('c', 2)
    expect([space.tick(1), space.tick(1), space.tick(5)]).toEqual([1, 1, 0])
    expect([space.count('c'), space.stats().continuations]).toEqual([1, 0])
  })
  it('withdraw by ref, once', () => {
    const space = memory()
    const { ref } = space.produce('c', 1)
    expect([space.cancel(ref!), space.cancel(ref!), space.count('c')]).toEqual([true, false, 0])
  })
  it('are counted: produced = stored + consumed + cancelled + expired (L2, P14)', () => {
    const arbOp = fc.constantFrom('put', 'get', 'peek', 'cancel', 'tick', 'lease', 'many')
    fc.assert(
      fc.property(fc.array(arbOp, { maxLength: 60 }), ops => {
        const space = memory()
        let last: number | undefined
        ops.forEach((op, i) => {
          if (op === 'put') last = space.produce('c', i % 3).ref ?? last
          if (op === 'lease') space.produce('c', i % 3, { leaseTicks: 2 })
          if (op === 'get') space.consume([{ channel: 'c', pattern: i % 3 }], 'k')
          if (op === 'peek') space.consume([{ channel: 'c', pattern: _, peek: true }], 'k')
          if (op === 'cancel' && last !== undefined) space.cancel(last)
          if (op === 'tick') space.tick(1)
          if (op === 'many') space.takeMany('c', 1)
          const s = space.stats()
          expect(s.produced).toBe(s.data + s.consumed + s.cancelled + s.expired)
        })
      }),
      { numRuns: 200 },
    )
  })
})

describe('handlers', () => {
  it('get the COMMs whose body names them, without recursion', () => {
    const space = memory()
    let n = 0
    space.handle('count', comm => {
      n++
      if (n < 50_000) space.produce('c', (comm.matches[0].value as number) + 1)
    })
    space.consume([{ channel: 'c', pattern: v.n }], { handler: 'count' }, { persist: true })
    expect(space.produce('c', 0).comms).toEqual([])
    expect(n).toBe(50_000)
  })
  it('pump by themselves, so that a diverging pair starves nobody', async () => {
    const space = memory({ burst: 10 })
    let n = 0
    const off = space.handle('h', () => void n++)
    space.consume([{ channel: 'c', pattern: _ }], 'h', { persist: true })
    const { ref } = space.produce('c', 1, { persist: true })
    while (n < 100) await new Promise(resolve => setImmediate(resolve))
    space.cancel(ref!)
    off()
    expect(n).toBeGreaterThanOrEqual(100)
  })
  it('keep COMMs in the outbox until they are acknowledged', () => {
    const space = memory()
    const seen: unknown[] = []
    space.handle('mail', comm => void seen.push(comm), { ack: true })
    space.consume([{ channel: 'c', pattern: _ }], 'mail')
    space.produce('c', 1)
    expect(seen).toHaveLength(1)
  })
})

describe('installs', () => {
  it('refuse to be made where they would fire, serve from then on, and survive rollback, clear and fork (P9)', async () => {
    const space = memory()
    space.produce('c', 1)
    expect(() => space.install('i', [{ channel: 'c', pattern: _ }], 'k')).toThrow(code('INSTALL_WOULD_FIRE'))
    expect(space.stats().continuations).toBe(0)
    space.tryTake('c', _)
    const mark = space.mark()
    space.install('i', [{ channel: 'c', pattern: _ }], 'k')
    space.rollback(mark)
    expect(bodies(space.produce('c', 2))).toEqual(['k'])
    await space.clear()
    expect(bodies(space.produce('c', 2))).toEqual(['k'])
    expect(bodies(space.fork().produce('c', 2))).toEqual(['k'])
    expect([space.uninstall('i'), space.uninstall('i')]).toEqual([true, false])
    expect(bodies(space.produce('c', 2))).toEqual([])
  })
})

describe('atomic', () => {
  it('does all or nothing', () => {
    const space = memory()
    space.produce('from', 10)
    const { value, comms } = space.atomic(tx => {
      tx.tryTake('from', 10)
      tx.produce('to', 10)
      return 'moved'
    })
    expect([value, comms, space.count('from'), space.count('to')]).toEqual(['moved', [], 0, 1])
    const digest = space.digest()
    expect(() =>
      space.atomic(tx => {
        tx.tryTake('to', 10)
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(space.digest()).toBe(digest)
  })
  it('refuses promises', () => {
    const space = memory()
    expect(() =>
      space.atomic(async tx => {
        tx.produce('c', 1)
      }),
    ).toThrow(code('ASYNC_TRANSACTION'))
    expect(space.count('c')).toBe(0)
  })
  it('delivers COMMs only after success, and a take that was served inside waits again after a rollback', async () => {
    const space = memory()
    const got = space.take('c', _)
    let settled = false
    void got.then(() => {
      settled = true
    })
    expect(() =>
      space.atomic(tx => {
        tx.produce('c', 'lost')
        throw new Error('no')
      }),
    ).toThrow('no')
    await null
    expect(settled).toBe(false)
    space.atomic(tx => tx.produce('c', 'kept'))
    expect((await got).value).toBe('kept')
  })

  it('tells of more COMMs within one inside another than a call may have arguments', () => {
    const space = memory()
    const { comms } = space.atomic(() => {
      space.atomic(tx => {
        for (let i = 0; i < 130_000; i++) {
          tx.produce('c', i)
          tx.consume([{ channel: 'c', pattern: _ }], 'body')
        }
      })
    })
    expect(comms).toHaveLength(130_000)
  })
})

describe('waits and marks', () => {
  it('that are given up while a mark holds their value end with the mark: with the value, or for good if it is taken back', async () => {
    for (const keep of [true, false]) {
      const space = memory()
      space.produce('c', 1)
      const stop = new AbortController()
      const mark = space.mark()
      const waiting = space.take('c', _, { signal: stop.signal })
      stop.abort()
      if (keep) space.release(mark)
      else space.rollback(mark)
      if (keep) expect((await waiting).value).toBe(1)
      else await expect(waiting).rejects.toThrow(code('ABORTED'))
      expect(space.count('c')).toBe(keep ? 0 : 1)
      expect([...space.inspect.all()].filter(i => i.kind === 'continuation')).toEqual([])
    }
  })
  it('a take that began and was served inside a mark that is rolled back waits again', async () => {
    const space = memory()
    space.produce('c', 1)
    const mark = space.mark()
    const one = space.take('c', 1)
    const two = space.take('c', 2)
    space.produce('c', 2)
    space.rollback(mark)
    expect([(await one).value, space.count('c')]).toEqual([1, 0])
    space.produce('c', 2)
    expect((await two).value).toBe(2)
  })
  it('an inner rollback leaves what an outer mark has served', async () => {
    const space = memory()
    const got = space.take('c', _)
    const outer = space.mark()
    space.produce('c', 1)
    const inner = space.mark()
    space.produce('c', 2)
    space.rollback(inner)
    space.release(outer)
    expect([(await got).value, space.count('c')]).toEqual([1, 0])
  })
})

describe('marks', () => {
  it('hold commits, and promises of durability inside them are refused', async () => {
    const space = memory()
    const mark = space.mark()
    space.produce('c', 1)
    await expect(space.durable()).rejects.toThrow(code('HELD'))
    await expect(space.put('c', 1)).rejects.toThrow(code('HELD'))
    await expect(space.flush()).rejects.toThrow(code('HELD'))
    space.rollback(mark)
    expect(space.count('c')).toBe(0)
    expect(() => space.release(mark)).toThrow(code('STALE_MARK'))
  })
  it('take side rows, ids, leases and claims back', async () => {
    const space = memory()
    const side = space.side('s')
    side.put(Uint8Array.of(1), Uint8Array.of(1))
    space.produce('c', 1, { leaseTicks: 3 })
    const mark = space.mark()
    side.put(Uint8Array.of(1), Uint8Array.of(2))
    side.put(Uint8Array.of(2), Uint8Array.of(2))
    space.produce('d', 1, { id: 'x' })
    space.tick(3)
    expect(space.count('c')).toBe(0)
    space.rollback(mark)
    expect([[...side.entries()].length, side.get(Uint8Array.of(1))]).toEqual([1, Uint8Array.of(1)])
    expect(space.produce('d', 1, { id: 'x' }).repeated).toBe(undefined)
    expect([space.count('c'), space.tick(3), space.count('c')]).toEqual([1, 1, 0])
  })
})

describe('the digest', () => {
  const ops = fc.array(
    fc.record({ channel: fc.integer({ min: 0, max: 2 }), value: fc.integer({ min: 0, max: 2 }), persist: fc.boolean() }),
    { maxLength: 12 },
  )
  it('does not depend on the order in which records came (L4, P10)', () => {
    fc.assert(
      fc.property(ops, fc.infiniteStream(fc.nat()), (list, noise) => {
        const shuffled = list.map(o => ({ o, k: noise.next().value as number })).sort((a, b) => a.k - b.k)
        const [a, b] = [memory(), memory({ history: 'digest' })]
        b.digest()
        for (const o of list) a.produce(o.channel, o.value, { persist: o.persist })
        for (const { o } of shuffled) b.produce(o.channel, o.value, { persist: o.persist })
        expect(b.digest()).toBe(a.digest())
      }),
      { numRuns: 60 },
    )
  })
  it('is kept up by changes as it would be computed anew', () => {
    const space = memory({ history: 'digest' })
    const empty = space.digest()
    const { ref } = space.produce('c', 1)
    space.produce('c', 1)
    const two = space.digest()
    space.cancel(ref!)
    expect(space.digest()).not.toBe(two)
    space.produce('c', 1)
    expect(space.digest()).toBe(two)
    space.takeMany('c', 1)
    expect(space.digest()).toBe(empty)
  })
  it('covers which pattern belongs to which channel and which binds peek, not the order of binds (P5)', () => {
    const of = (...binds: [string, number, boolean][]): string => {
      const space = memory()
      space.consume(
        binds.map(([channel, pattern, peek]) => ({ channel, pattern, peek })),
        'k',
      )
      return space.digest()
    }
    const base = of(['a', 1, false], ['b', 2, false])
    expect(of(['b', 2, false], ['a', 1, false])).toBe(base)
    expect(of(['a', 2, false], ['b', 1, false])).not.toBe(base)
    expect(of(['a', 1, true], ['b', 2, false])).not.toBe(base)
  })
})

describe('forks and checkpoints', () => {
  it('are independent of the original', () => {
    const space = memory()
    space.produce('c', 1)
    space.consume([{ channel: 'd', pattern: v.x }], 'k')
    const fork = space.fork()
    expect(fork.digest()).toBe(space.digest())
    expect(bodies(fork.produce('d', 1))).toEqual(['k'])
    expect(bodies(space.produce('d', 1))).toEqual(['k'])
    fork.tryTake('c', 1)
    expect(space.count('c')).toBe(1)
  })
  it('bring back the state of a root', async () => {
    const space = memory({ history: 'merkle' })
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    space.tryTake('c', 1)
    space.produce('d', { x: [1] })
    const other = await space.forkAt(root)
    expect([other.count('c'), other.digest()]).toEqual([1, root])
    await space.reset(root)
    expect([space.count('c'), space.count('d'), space.digest()]).toEqual([1, 0, root])
    await expect(space.reset('00')).rejects.toThrow(code('UNKNOWN_ROOT'))
  })
})

describe('spawn, snapshot, report', () => {
  it('let a sibling go its own way from a checkpoint, whose checkpoints are kept with ours', async () => {
    const space = memory({ history: 'merkle' })
    space.install('i', [{ channel: 'i', pattern: _ }], 'k')
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    space.produce('c', 2)
    const sibling = await space.spawn()
    expect([sibling.count('c'), sibling.digest(), bodies(sibling.produce('i', 1))]).toEqual([1, root, ['k']])
    sibling.produce('c', 3)
    const { root: other } = await sibling.checkpoint()
    expect(space.count('c')).toBe(2)
    await space.reset(other)
    expect(space.takeMany('c', _).map(g => g.value)).toEqual([1, 3])
  })
  it('show what was there then', () => {
    const space = memory()
    space.produce('c', 1)
    const then = space.snapshot()
    space.takeMany('c', _)
    expect([then.data('c').map(i => i.value), then.continuations('c'), space.count('c')]).toEqual([[1], [], 0])
  })
  it('collect events in batches cut at marks and checkpoints', async () => {
    const space = memory({ report: true })
    space.produce('c', 1)
    const mark = space.mark()
    space.consume([{ channel: 'c', pattern: _ }], 'k')
    space.release(mark)
    await space.checkpoint()
    expect(space.report().map(b => b.map(e => e.kind))).toEqual([['produce'], ['consume', 'comm']])
    expect(space.report()).toEqual([])
  })
})

describe('the journal', () => {
  const run = (space: Space<JsonTypes>): void => {
    space.consume([{ channel: 'c', pattern: v.x }], 'k', { persist: true })
    space.produce('c', 1)
    space.produce('c', 1)
    space.produce('d', 5)
    space.consume([{ channel: 'd', pattern: _ }], 'once')
    space.produce('e', 1, { persist: true })
  }
  it('records produces, consumes and COMMs, and a replay in another order reaches the same digest', async () => {
    const space = memory({ journal: 'events' })
    run(space)
    const events: SpaceEvent<JsonTypes>[] = []
    for await (const e of space.log()) events.push(e)
    expect(events.map(e => e.kind)).toEqual(['consume', 'produce', 'comm', 'produce', 'comm', 'produce', 'consume', 'comm', 'produce'])
    const other = memory({ journal: 'events' })
    await other.rig(events)
    other.produce('e', 1, { persist: true })
    other.consume([{ channel: 'd', pattern: _ }], 'once')
    other.produce('c', 1)
    other.produce('c', 1)
    expect(other.produce('d', 5).comms).toHaveLength(1)
    expect(() => other.fork()).not.toThrow()
    expect(other.consume([{ channel: 'c', pattern: v.x }], 'k', { persist: true }).comms).toHaveLength(2)
    other.checkReplay()
    expect(other.digest()).toBe(space.digest())
  })
  it('tells when a replay leaves COMMs over or the log was tampered with', async () => {
    const space = memory({ journal: 'events' })
    run(space)
    const events: SpaceEvent<JsonTypes>[] = []
    for await (const e of space.log()) events.push(e)
    const other = memory()
    await other.rig(events)
    other.produce('c', 1)
    expect(() => other.checkReplay()).toThrow(code('REPLAY_LEFTOVER'))
    await expect(memory().rig(events.filter(e => e.kind !== 'produce'))).rejects.toThrow(code('REPLAY_DIVERGED'))
  })
  it('is the same for the same seed and operations (P12)', async () => {
    const trace = async (seed: bigint): Promise<string> => {
      const space = memory({ order: { seed }, journal: 'events' })
      for (let i = 0; i < 6; i++) space.produce('c', i)
      for (let i = 0; i < 6; i++) space.consume([{ channel: 'c', pattern: v.x }], `k${i}`)
      const events: string[] = []
      for await (const e of space.log()) events.push(`${e.kind} ${e.ref} ${e.data?.join()}`)
      return events.join('\n')
    }
    expect(await trace(7n)).toBe(await trace(7n))
    expect(await trace(7n)).not.toBe(await trace(8n))
  })
})

describe('watch', () => {
  it('shows net changes of a commit, in order, and ends with its signal', async () => {
    const space = memory()
    const stop = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const e of space.watch({ channel: 'c' }, { signal: stop.signal })) seen.push(`${e.kind} ${JSON.stringify(e.value)}`)
    })()
    space.produce('c', 1)
    space.produce('d', 1)
    space.produce('c', 2)
    space.tryTake('c', 2)
    await space.flush()
    space.tryTake('c', 1)
    await space.flush()
    await null
    stop.abort()
    await expect(watching).rejects.toThrow(code('ABORTED'))
    expect(seen).toEqual(['produce 1', 'remove 1'])
  })
  it('shows nothing of what happens after its signal', async () => {
    const space = memory()
    const stop = new AbortController()
    const watch = space.watch({}, { signal: stop.signal })[Symbol.asyncIterator]()
    space.produce('c', 1)
    await space.flush()
    stop.abort()
    space.produce('c', 2)
    await space.flush()
    expect((await watch.next()).value?.value).toBe(1)
    await expect(watch.next()).rejects.toThrow(code('ABORTED'))
  })
  it('shows each record once to one watcher after another, whatever was done between them', async () => {
    const space = memory()
    const wait = () => space.consume([{ channel: 'c', pattern: v.x }], 'again')
    const seen: string[] = []
    for (let round = 0; round < 3; round++) {
      const stop = new AbortController()
      const watching = (async () => {
        for await (const e of space.watch({ channel: 'd' }, { signal: stop.signal })) seen.push(`${round} ${e.kind} ${e.value}`)
      })()
      wait()
      space.produce('d', round)
      await space.flush()
      wait()
      stop.abort()
      await expect(watching).rejects.toThrow(code('ABORTED'))
      for (let i = 0; i < 5; i++) {
        space.produce('c', i)
        wait()
      }
    }
    expect(seen).toEqual(['0 produce 0', '1 produce 1', '2 produce 2'])
  })
  it('goes on behind an event that it has shown before', async () => {
    const space = memory({ journal: 'events' })
    for (const n of [1, 2, 3]) await space.put('c', n)
    const firstSince = async (from: { number: number }): Promise<unknown> => {
      for await (const e of space.watch({}, { from })) return [e.value, e.commit]
    }
    const [, commit] = (await firstSince({ number: 0 })) as [unknown, number]
    expect(await firstSince({ number: commit })).toEqual([2, commit + 1])
  })
  it('starts from a commit with level events, without gap or repetition', async () => {
    const space = memory({ journal: 'events' })
    space.produce('c', 1)
    const from = await space.flush()
    space.produce('c', 2)
    await space.flush()
    const seen: unknown[] = []
    const watching = (async () => {
      for await (const e of space.watch({ kinds: ['produce'] }, { from })) {
        seen.push(e.value)
        if (seen.length === 2) return
      }
    })()
    space.produce('c', 3)
    await space.flush()
    await watching
    expect(seen).toEqual([2, 3])
  })
  it('refuses a start that is not kept', async () => {
    const space = memory()
    const from = space.committed
    space.produce('c', 1)
    await space.flush()
    const iterator = space.watch({}, { from })[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toThrow(code('UNKNOWN_COMMIT'))
  })
})

describe('why nothing happens', () => {
  it('has an answer for each case', async () => {
    const space = memory()
    const k = (pattern: JsonValue, more: { where?: JsonValue } = {}): number => space.consume([{ channel: 'c', pattern }], 'k', more).ref!
    expect(space.inspect.why(k(1)).reason).toBe('nobody-sends')
    space.produce('c', 2)
    expect(space.inspect.why(k(1)).reason).toBe('pattern')
    expect(space.inspect.why(k(v.x, { where: { $gt: [v.x, 5] } })).reason).toBe('guard')
    const join = space.consume(
      [
        { channel: 'c', pattern: _ },
        { channel: 'empty', pattern: _ },
      ],
      'j',
    )
    expect(space.inspect.why(join.ref!).reason).toBe('other-channel-empty')
    const pair = space.consume(
      [
        { channel: 'c', pattern: _ },
        { channel: 'c', pattern: _ },
      ],
      'pair',
    )
    expect(space.inspect.why(pair.ref!).reason).toBe('shared-datum')
    const alone = space.produce('lonely', 1)
    expect(space.inspect.why(alone.ref!).reason).toBe('nobody-receives')
    await space.claim('c', 2, { ticks: 1 })
    expect(space.inspect.why(k(2)).reason).toBe('claimed')
    expect(() => space.inspect.why(99_999)).toThrow(code('UNKNOWN_REF'))
  })
})

describe('all small worlds', () => {
  // Two channels, three operations out of these, in every order: whoever could meet has met, and the digest forgets the order.
  type Step = (s: Space<JsonTypes>) => { comms: readonly unknown[] }
  const steps: Step[] = [
    s => s.produce('a', 1),
    s => s.produce('a', 2),
    s => s.produce('b', 1, { persist: true }),
    s => s.consume([{ channel: 'a', pattern: 1 }], 'one'),
    s => s.consume([{ channel: 'a', pattern: _, peek: true }], 'look'),
    s =>
      s.consume(
        [
          { channel: 'a', pattern: v.x },
          { channel: 'b', pattern: v.y },
        ],
        'join',
      ),
    s =>
      s.consume(
        [
          { channel: 'b', pattern: v.y },
          { channel: 'a', pattern: v.x },
        ],
        'join',
      ),
    s => s.consume([{ channel: 'a', pattern: v.x }], 'server', { persist: true }),
    s => s.consume([{ channel: 'b', pattern: v.x }], 'guarded', { where: { $gt: [v.x, 1] } }),
  ]
  it('leave nobody waiting who could fire, whatever the order (L1, P6, P10)', () => {
    let worlds = 0
    for (const a of steps)
      for (const b of steps)
        for (const c of steps) {
          const space = memory()
          const fired = [a, b, c].reduce((n, f) => n + f(space).comms.length, 0)
          for (const i of space.inspect.all()) {
            const { reason } = space.inspect.why(i.ref)
            if (reason === 'can-fire' && i.pumped !== true && !space.stats().pumped) throw new Error(`${i.kind} ${i.ref} could fire`)
          }
          if (fired === 0) {
            const other = memory()
            for (const f of [c, a, b]) expect(f(other).comms).toHaveLength(0)
            expect(other.digest()).toBe(space.digest())
          }
          worlds++
        }
    expect(worlds).toBe(729)
  })
})
