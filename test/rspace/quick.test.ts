import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Bind, type JsonTypes, memory, type Outcome, type Ref, type Space, v } from '../../rspace/index.ts'

type S = Space<JsonTypes>

/**
 * A plain operation takes a short way through the space, and what lies deep on a channel is no record yet. In debug mode neither is so: the two must not be told
 * apart.
 */

const CHANNELS = ['a', 'b'] as const
const channel = fc.constantFrom(...CHANNELS)
const kind = fc.nat({ max: 3 })
const pattern = fc.oneof(
  fc.constant<unknown>({ kind: v.kind }),
  kind.map(k => ({ kind: k, n: v.n })),
  fc.constant({ other: 1 }),
  fc.constant(v.all),
)

type Op = (s: S, known: Ref[]) => unknown
const bind = (c: string, p: unknown, peek?: boolean): Bind<JsonTypes> => ({ channel: c, pattern: p as never, ...(peek ? { peek } : {}) })
const noted = (o: Outcome<JsonTypes>, known: Ref[]): Outcome<JsonTypes> => {
  if (o.ref !== undefined) known.push(o.ref)
  return o
}

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(channel, kind, fc.nat({ max: 9 })).map<Op>(
    ([c, k, n]) =>
      (s, known) =>
        noted(s.produce(c, { kind: k, n }), known),
  ),
  fc.tuple(channel, fc.integer({ min: 50, max: 200 })).map<Op>(([c, many]) => (s, known) => {
    const refs = []
    for (let n = 0; n < many; n++) refs.push(noted(s.produce(c, { kind: n % 4, n }), known))
    return refs
  }),
  fc.tuple(channel, pattern).map<Op>(
    ([c, p]) =>
      (s, known) =>
        noted(s.consume([bind(c, p)], 'one'), known),
  ),
  fc.tuple(channel, fc.integer({ min: 20, max: 150 })).map<Op>(([c, many]) => (s, known) => {
    const all = []
    for (let n = 0; n < many; n++) all.push(noted(s.consume([bind(c, v.all)], n), known))
    return all
  }),
  fc.tuple(pattern, pattern).map<Op>(
    ([p, q]) =>
      (s, known) =>
        noted(s.consume([bind('a', p), bind('b', q)], 'both'), known),
  ),
  fc.tuple(channel, pattern).map<Op>(
    ([c, p]) =>
      (s, known) =>
        noted(s.consume([bind(c, p, true)], 'looks'), known),
  ),
  fc.tuple(channel, pattern).map<Op>(
    ([c, p]) =>
      s =>
        s.tryTake(c, p as never),
  ),
  fc.tuple(channel, pattern).map<Op>(
    ([c, p]) =>
      s =>
        s.readMany(c, p as never),
  ),
  channel.map<Op>(c => s => s.count(c)),
  fc.nat().map<Op>(n => (s, known) => known.length > 0 && s.cancel(known[n % known.length])),
  channel.map<Op>(c => (s, known) => noted(s.produce(c, { kind: 0, n: 0 }, { persist: true }), known)),
  fc.constant<Op>(s => s.digest()),
  fc.constant<Op>(s => ({ ...s.stats(), commits: 0 })),
  fc.tuple(channel, fc.integer({ min: 1, max: 90 })).map<Op>(([c, many]) => s => {
    const mark = s.mark()
    for (let n = 0; n < many; n++) s.produce(c, { kind: 9, n })
    s.tryTake(c, { n: v.n })
    s.rollback(mark)
    return s.count(c)
  }),
  fc.tuple(channel, fc.integer({ min: 1, max: 90 }), fc.boolean()).map<Op>(
    ([c, many, fails]) =>
      s =>
        s.atomic(tx => {
          for (let n = 0; n < many; n++) tx.produce(c, { kind: 8, n })
          if (fails) throw new Error('taken back')
          return tx.count(c)
        }),
  ),
  fc.constant<Op>(s => s.fork().stats().data),
)

const bare = (x: unknown): unknown => JSON.parse(JSON.stringify(x ?? null))

describe('a space that is asked for plain operations', () => {
  it('answers as one that takes every operation the long way', () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 1, maxLength: 40 }), ops => {
        const quick = memory<JsonTypes>({ limits: { dataPerChannelMax: 300 } })
        const long = memory<JsonTypes>({ limits: { dataPerChannelMax: 300 }, debug: true })
        const mine: Ref[] = []
        const theirs: Ref[] = []
        const told = (f: Op, s: S, known: Ref[]): unknown => {
          try {
            return bare(f(s, known))
          } catch (e) {
            return (e as { code?: string }).code ?? String(e)
          }
        }
        for (const f of ops) expect(told(f, quick, mine)).toEqual(told(f, long, theirs))
        expect(bare([...quick.inspect.all()])).toEqual(bare([...long.inspect.all()]))
        expect(quick.digest()).toBe(long.digest())
      }),
      { numRuns: 60 },
    )
  })

  it('answers so too where data and continuations are found by key', () => {
    const n = fc.nat({ max: 60 })
    const keyed: fc.Arbitrary<(s: S) => unknown> = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(channel, n, kind).map(
          ([c, id, k]) =>
            (s: S) =>
              s.produce(c, { id, kind: k, key: `${id}` }),
        ),
      },
      {
        weight: 8,
        arbitrary: fc.tuple(channel, n).map(
          ([c, id]) =>
            (s: S) =>
              s.consume([bind(c, { id, kind: v.k })], id),
        ),
      },
      fc.tuple(channel, n).map(
        ([c, id]) =>
          (s: S) =>
            s.consume([bind(c, { id, kind: v.k })], id, { persist: true }),
      ),
      fc.tuple(channel, n, kind).map(
        ([c, id, k]) =>
          (s: S) =>
            s.consume([bind(c, { id, kind: k })], 'two keys'),
      ),
      fc.tuple(channel, n).map(
        ([c, id]) =>
          (s: S) =>
            s.consume([bind(c, { key: `${id}` })], 'a text'),
      ),
      fc.tuple(channel, n).map(
        ([c, id]) =>
          (s: S) =>
            s.consume([bind(c, { id }, true)], 'looks'),
      ),
      fc.tuple(channel, n).map(
        ([c, id]) =>
          (s: S) =>
            s.produce(c, { id, kind: 0 }, { persist: true }),
      ),
      fc.tuple(channel, n).map(
        ([c, id]) =>
          (s: S) =>
            s.tryTake(c, { id }),
      ),
      fc.constant((s: S) => s.consume([bind('a', { id: 1 }), bind('b', { id: v.n })], 'both')),
      fc.constant((s: S) => s.consume([bind('a', v.all)], 'anything')),
      fc.constant((s: S) => s.pump(5)),
      fc.constant((s: S) => s.readMany('a', { kind: 1 })),
    )
    fc.assert(
      fc.property(fc.array(keyed, { minLength: 100, maxLength: 600, size: 'max' }), fc.nat({ max: 60 }), (ops, before) => {
        const quick = memory<JsonTypes>()
        const long = memory<JsonTypes>({ debug: true })
        for (const s of [quick, long]) {
          for (let id = 0; id < before; id++) s.produce('a', { id, kind: 1, key: `${id}` })
          for (let id = 0; id < before; id++) s.consume([bind('b', { id, kind: v.k })], id, { persist: id % 2 === 0 })
        }
        for (const f of ops) expect(bare(f(quick))).toEqual(bare(f(long)))
        expect(quick.digest()).toBe(long.digest())
        expect(bare([...quick.inspect.all()])).toEqual(bare([...long.inspect.all()]))
      }),
      { numRuns: 40 },
    )
  })

  it('keeps a hundred thousand data in order, and finds any of them', () => {
    const s = memory()
    const refs: Ref[] = []
    for (let n = 0; n < 100_000; n++) refs.push(s.produce('c', n).ref as Ref)
    for (let n = 0; n < 1000; n++) expect(s.consume([{ channel: 'c', pattern: v.n }], 'x').comms[0].matches[0].value).toBe(n)
    expect(s.consume([{ channel: 'c', pattern: 77_777 }], 'x').comms[0].matches[0].ref).toBe(refs[77_777])
    expect(s.cancel(refs[99_999])).toBe(true)
    expect(s.count('c')).toBe(98_998)
    for (let n = 0; n < 5; n++) s.produce('c', -n)
    s.produce('d', 1)
    const both = s.consume(
      [
        { channel: 'd', pattern: 1 },
        { channel: 'c', pattern: -4 },
      ],
      'x',
    )
    expect(both.comms[0].matches[1].value).toBe(-4)
  })

  it('takes no pattern for the one before that only looks like it', () => {
    const s = memory()
    const ask = (pattern: unknown): unknown => s.consume([{ channel: 'c', pattern: pattern as never }], 'x').ref
    ask({ a: 1 })
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' })
    for (const pattern of [{ b: undefined }, { toString: Object.prototype.toString }, { a: 1, [Symbol('s')]: 1 }, { a: Number.NaN }])
      expect(() => ask(pattern)).toThrow(refused)
    for (const pattern of [{ a: 2 }, { b: 1 }, {}, { a: 1, b: 1 }, { a: '1' }, { a: null }, [1], { a: v.x }]) ask(pattern)
    const asked = s.inspect.continuations('c').map(i => i.patterns?.[0])
    expect(asked).toEqual([{ a: 1 }, { a: 2 }, { b: 1 }, {}, { a: 1, b: 1 }, { a: '1' }, { a: null }, [1], { a: v.x }])
  })

  it('counts what lies deep against the limit of a channel', () => {
    const s = memory({ limits: { dataPerChannelMax: 100 } })
    for (let n = 0; n < 100; n++) s.produce('c', n)
    expect(() => s.produce('c', 100)).toThrow(expect.objectContaining({ code: 'LIMIT' }))
    expect(s.count('c')).toBe(100)
  })

  it('tells a watcher who comes later of every datum that goes', async () => {
    const s = memory()
    for (let n = 0; n < 200; n++) s.produce('c', n)
    await s.flush()
    const watching = s.watch({ channel: 'c' })[Symbol.asyncIterator]()
    for (let n = 0; n < 200; n++) s.consume([{ channel: 'c', pattern: v.n }], 'x')
    const seen: unknown[] = []
    while (seen.length < 200) seen.push((await watching.next()).value.value)
    expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n))
    await s.close()
  })

  it('refuses what it is called with from inside a matcher, and goes on', () => {
    let inner: (() => unknown) | null = null
    const codec = { id: 'n', encode: () => new Uint8Array(0), decode: () => 0 }
    interface N {
      C: string
      P: number
      A: number
      K: number
      R: number
      G: never
    }
    const s = memory<N>({
      codec: { channel: codec as never, datum: codec, body: codec, pattern: codec },
      matcher: {
        match(_p, a) {
          if (inner !== null) inner()
          return a
        },
      },
    })
    const c = s.fresh()
    s.produce(c, 1)
    s.produce(c, 2)
    let refused: unknown
    inner = () => {
      try {
        s.produce(c, 3)
      } catch (e) {
        refused = e
      }
    }
    expect(s.consume([{ channel: c, pattern: 0 }], 0).comms[0].matches[0].value).toBe(1)
    expect(refused).toMatchObject({ code: 'REENTRANT' })
    inner = () => {
      throw new Error('broken')
    }
    expect(s.consume([{ channel: c, pattern: 0 }], 0).comms).toEqual([])
    inner = null
    expect(s.produce(c, 5).comms.length).toBe(1)
    expect(s.count(c)).toBe(1)
    s.consume([{ channel: c, pattern: 0 }], 0)
    for (let n = 0; n < 100; n++) s.produce(c, n)
    for (let n = 0; n < 70; n++) s.consume([{ channel: c, pattern: 0 }], 0)
    inner = () => s.stats()
    for (let n = 70; n < 100; n++) expect(s.consume([{ channel: c, pattern: 0 }], 0).comms[0].matches[0].value).toBe(n)
    expect(s.count(c)).toBe(0)
  })
})
