import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hash } from '../../rspace/hash.ts'
import { pageChain } from '../../rspace/history.ts'
import {
  _,
  type CommEvent,
  codeOf,
  exact,
  importInto,
  type JsonTypes,
  lit,
  memory,
  type OpenOptions,
  open,
  type Page,
  rest,
  type Space,
  type SpaceEvent,
  v,
} from '../../rspace/index.ts'
import { jsonCodec } from '../../rspace/json.ts'
import { checkpointDir } from '../../rspace/offline.ts'
import { nothingLoaded, readRow } from '../../rspace/rows.ts'
import { MemoryEngine, type Op, openStore } from '../../rspace/store/index.ts'

const tmp = mkdtempSync(join(tmpdir(), 'rspace-edges-'))
afterAll(() => rmSync(tmp, { recursive: true, force: true }))

const code = (c: string): unknown => expect.objectContaining({ code: c })
type Json = Space<JsonTypes>
const state = (space: Json): string => JSON.stringify([[...space.inspect.all()], space.digest(), space.stats().operations])

/** Texts, with a codec that makes no copies and a matcher without an index; patterns are regular expressions, which may have several solutions. */
interface Texts {
  C: string
  P: string
  A: string
  K: string
  R: string
  G: string
}
const text = { id: 'text', encode: (s: string) => new TextEncoder().encode(s), decode: (b: Uint8Array) => new TextDecoder().decode(b) }
const plain: Pick<OpenOptions<Texts>, 'codec' | 'matcher'> = {
  codec: { channel: text, pattern: text, datum: text, body: text },
  matcher: {
    match: (p, a) => new RegExp(p).exec(a)?.[0],
    *matchAll(p, a) {
      for (const m of a.matchAll(new RegExp(p, 'g'))) yield m[0]
    },
    guard: (g, _k, rs) => rs.join('+') === g,
  },
}

describe('wrong arguments (P11)', () => {
  const calls: Record<string, (s: Json) => unknown> = {
    'produce without a channel': s => s.produce(undefined as never, 1),
    'produce on another space’s channel': s => s.produce(memory().channel('c'), 1),
    'count without a channel': s => s.count(undefined as never),
    'consume without a list': s => s.consume(null as never, 'k'),
    'consume of a text': s => s.consume('c' as never, 'k'),
    'consume without a body': s => s.consume([{ channel: 'c', pattern: _ }], undefined as never),
    'a pattern that is a function': s => s.consume([{ channel: 'c', pattern: (() => true) as never }], 'k'),
    'consume of no branches': s => s.consume({ any: [] }, 'k'),
    'consume of something else': s => s.consume({} as never, 'k'),
    'consume with an empty branch': s => s.consume({ any: [[]] }, 'k'),
    'a bind that is none': s => s.consume([null as never], 'k'),
    'a peek that is no boolean': s => s.consume([{ channel: 'c', pattern: 1, peek: 1 as never }], 'k'),
    'options that are none': s => s.produce('c', 1, null as never),
    'persist that is no boolean': s => s.produce('c', 1, { persist: 1 as never }),
    'an empty id': s => s.produce('c', 1, { id: '' }),
    'an id that is too long': s => s.produce('c', 1, { id: 'x'.repeat(1025) }),
    'a lease of no ticks': s => s.produce('c', 1, { leaseTicks: 0 }),
    'derive without bytes': s => s.derive('kind', 'id' as never),
    'an install without an id': s => s.install('', [{ channel: 'c', pattern: _ }], 'k'),
    'a pump of none': s => s.pump(0),
    'a tick of none': s => s.tick(0),
    'takeMany of none': s => s.takeMany('c', _, { max: 0 }),
    'a handler without a function': s => s.handle('h', 1 as never),
    'a handler twice': s => {
      s.handle('h', () => {})
      s.handle('h', () => {})
    },
    'a side table without a name': s => s.side(''),
    'a side row that is no bytes': s => s.side('n').put('k' as never, Uint8Array.of(1)),
    'nested operators without end': s => s.consume([{ channel: 'c', pattern: deep() as never }], 'k'),
    'an array with holes': s => s.produce('c', Array(2) as never),
    'a key that is a symbol': s => s.produce('c', { [Symbol('s')]: 1 } as never),
    'half a surrogate pair': s => s.produce('c', '\ud800'),
    'a high surrogate before what is none': s => s.produce('c', '\ud800\uffff'),
    'a guard that is nested without end': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: deepGuard() as never }),
    'half a surrogate pair in a key': s => s.produce('c', { '\udc00': 1 }),
    'a high surrogate before another character': s => s.produce('c', '\ud800x'),
    'exact of no object': s => s.consume([{ channel: 'c', pattern: { $exact: 1 } }], 'k'),
    'a guard that is no object': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: 1 }),
    'a guard of an unknown operator': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: { $foo: [1, 2] } }),
    'a guard over a free variable': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: { $gt: [v.y, 2] } }),
    'a guard of one side': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: { $gt: [v.x] } }),
    'a guard whose list is none': s => s.consume([{ channel: 'c', pattern: v.x }], 'k', { where: { $and: 1 } }),
    'a variable without a name': s => s.consume([{ channel: 'c', pattern: { $var: '' } }], 'k'),
  }
  const deep = (): unknown => {
    let p: unknown = 1
    for (let i = 0; i < 2000; i++) p = { $not: p }
    return p
  }
  const deepGuard = (): unknown => {
    let g: unknown = { $gt: [1, 2] }
    for (let i = 0; i < 2000; i++) g = { $not: g }
    return g
  }
  for (const [name, call] of Object.entries(calls))
    it(`${name}: BAD_ARGUMENT, and nothing has changed`, () => {
      const space = memory()
      space.produce('c', 7)
      const before = state(space)
      expect(() => call(space)).toThrow(code('BAD_ARGUMENT'))
      expect(state(space)).toBe(before)
      space.handle('other', () => {})
    })
  it('of promises are rejections, never thrown', async () => {
    const space = memory()
    for (const call of [
      () => space.take('c', _, { timeoutMs: -1 }),
      () => space.take('c', _, { timeoutMs: 'x' as never }),
      () => space.claim('c', _, {} as never),
      () => space.put('c', undefined as never),
      () => space.takeJoin([]),
    ])
      await expect(call()).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(space.take('c', _, { signal: AbortSignal.abort('why') })).rejects.toThrow(code('ABORTED'))
    const job = space.claim('c', _, { ticks: 1 })
    space.produce('c', 1)
    await expect((await job).extend(0)).rejects.toThrow(code('BAD_ARGUMENT'))
  })
  it('of open and memory are refused before anything is opened', async () => {
    expect(() => memory({ codec: plain.codec as never })).toThrow(code('BAD_ARGUMENT'))
    await expect(open(new MemoryEngine(), { durability: 'memory' })).rejects.toThrow(code('BAD_ARGUMENT'))
    for (const o of [
      { order: 'random' },
      { order: { seed: 7 } },
      { mode: 'modern' },
      { burst: 0 },
      { journal: 'all' },
      { history: true },
      { limits: { bindsMax: '3' } },
      { group: 'soon' },
      { run: 'me' },
      { idWindow: -1 },
      { created: true },
      null,
      'fifo',
    ]) {
      expect(() => memory(o as never)).toThrow(code('BAD_ARGUMENT'))
      await expect(open(new MemoryEngine(), o as never)).rejects.toThrow(code('BAD_ARGUMENT'))
    }
    memory({ order: { seed: 7n }, mode: 'classic', burst: undefined, limits: { bindsMax: undefined } })
    await expect(open('' as never)).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(openStore(new MemoryEngine(), { durability: 'memory' as never })).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(openStore(new MemoryEngine(), { codecs: 1 as never })).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(openStore(new MemoryEngine(), { create: true, readOnly: true })).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(openStore(new MemoryEngine(), { keep: { commits: 0, bytes: 0 } })).rejects.toThrow(code('BAD_ARGUMENT'))
    await expect(open(new MemoryEngine())).rejects.toThrow(code('NO_SUCH_SPACE'))
  })
  it('have a code, as all errors do; others have none', () => {
    try {
      memory().pump(0)
    } catch (e) {
      expect(codeOf(e)).toBe('BAD_ARGUMENT')
      expect(e).toBeInstanceOf(TypeError)
    }
    expect(codeOf(new Error('x'))).toBeUndefined()
  })
})

describe('limits', () => {
  it('of channels count those that hold something or are held', () => {
    const space = memory({ limits: { channelsMax: 3 } })
    for (let i = 0; i < 10; i++) {
      space.produce(`c${i}`, 1)
      space.tryTake(`c${i}`, _)
    }
    for (let i = 0; i < 3; i++) space.channel(`kept ${i}`)
    expect(() => space.produce('one more', 1)).toThrow(
      expect.objectContaining({ code: 'LIMIT', details: { limit: 'channelsMax', max: 3 } }),
    )
  })
  it('of channels forget none while a mark is open', () => {
    const space = memory({ limits: { channelsMax: 2 } })
    const mark = space.mark()
    space.produce('a', 1)
    space.tryTake('a', _)
    space.produce('b', 1)
    expect(() => space.produce('c', 1)).toThrow(code('LIMIT'))
    space.rollback(mark)
    space.produce('c', 1)
  })
  it('of data, continuations, binds and bytes', async () => {
    const space = memory({ limits: { dataPerChannelMax: 1, continuationsPerChannelMax: 1, bindsMax: 2, recordBytesMax: 20 } })
    space.produce('c', 1)
    expect(() => space.produce('c', 2)).toThrow(code('LIMIT'))
    space.consume([{ channel: 'd', pattern: 5 }], 'k')
    expect(() => space.consume([{ channel: 'd', pattern: 6 }], 'k')).toThrow(code('LIMIT'))
    expect(() =>
      space.consume(
        [1, 2, 3].map(i => ({ channel: `e${i}`, pattern: _ })),
        'k',
      ),
    ).toThrow(code('LIMIT'))
    expect(() => space.produce('f', 'x'.repeat(30))).toThrow(code('LIMIT'))
    const stored = await open<Texts>(new MemoryEngine(), { ...plain, create: true, limits: { recordBytesMax: 10 } })
    expect(() => stored.produce('c', 'x'.repeat(11))).toThrow(code('LIMIT'))
    expect(() => stored.produce('c', undefined as never)).toThrow(code('BAD_ARGUMENT'))
    stored.produce('c', 'x'.repeat(11), { volatile: true })
    await stored.close()
  })
})

describe('a space with codecs of one’s own', () => {
  it('offers all solutions of a pattern to a guard', () => {
    const space = memory<Texts>(plain)
    space.produce('c', 'ab cd')
    expect(space.consume([{ channel: 'c', pattern: '[a-z]+' }], 'k', { where: 'cd' }).comms[0].matches[0].result).toBe('cd')
  })
  it('falls back to the one solution where there is no list of them', () => {
    const { matchAll: _none, ...matcher } = plain.matcher
    const space = memory<Texts>({ ...plain, matcher })
    space.produce('c', 'ab cd')
    expect(space.consume([{ channel: 'c', pattern: '[a-z]+' }], 'k', { where: 'cd' }).comms).toEqual([])
    space.produce('c', 'cd')
    expect(space.consume([{ channel: 'c', pattern: 'no' }], 'k', { where: 'cd' }).comms).toEqual([])
    expect(space.count('c')).toBe(1)
  })
  it('refuses guards that cannot be decided, or not be written', async () => {
    const { guard: _none, ...matcher } = plain.matcher
    expect(() => memory<Texts>({ ...plain, matcher }).consume([{ channel: 'c', pattern: 'x' }], 'k', { where: 'g' })).toThrow(
      code('BAD_ARGUMENT'),
    )
    const stored = await open<Texts>(new MemoryEngine(), { ...plain, create: true })
    expect(() => stored.consume([{ channel: 'c', pattern: 'x' }], 'k', { where: 'g' })).toThrow(code('BAD_ARGUMENT'))
    expect(stored.consume([{ channel: 'c', pattern: 'x' }], 'k', { where: 'g', volatile: true }).ref).toBeDefined()
    await stored.close()
  })
  it('tells of stored values that are not the canonical form of what they mean', async () => {
    const engine = new MemoryEngine()
    const trimmed = { ...text, decode: (b: Uint8Array) => text.decode(b).trimEnd() }
    const spaced = { ...trimmed, encode: (s: string) => text.encode(`${s} `) }
    const codec = { channel: spaced, pattern: spaced, datum: spaced, body: spaced }
    let space = await open<Texts>(engine, { ...plain, codec, create: true })
    const { ref: datum } = space.produce('c', 'one')
    const { ref: waiting } = space.consume([{ channel: 'd', pattern: 'x' }], 'k')
    expect((await space.verify({ deep: true })).ok).toBe(true)
    await space.close()
    space = await open<Texts>(engine, { ...plain, codec: { channel: trimmed, pattern: trimmed, datum: trimmed, body: trimmed } })
    expect((await space.verify()).ok).toBe(true)
    const { ok, problems } = await space.verify({ deep: true })
    expect(ok).toBe(false)
    const places = [`datum ${datum}`, `continuation ${waiting}, body`, `continuation ${waiting}, pattern`]
    expect(problems.map(p => p.where)).toEqual(expect.arrayContaining(places))
    expect(problems.every(p => p.code === 'CORRUPT')).toBe(true)
    const fussy = {
      ...text,
      encode: () => {
        throw new Error('never again')
      },
    }
    await space.close()
    space = await open<Texts>(engine, { ...plain, codec: { channel: text, pattern: text, datum: fussy, body: text } })
    expect((await space.verify({ deep: true })).problems).toMatchObject([
      { where: `datum ${datum}`, message: 'its codec refuses it: never again' },
    ])
    await space.close()
  })
  it('writes before-images that it must look up, and reads everything back', async () => {
    const engine = new MemoryEngine()
    let space = await open<Texts>(engine, { ...plain, create: true })
    space.produce('c', 'one')
    space.consume(
      [
        { channel: 'd', pattern: 'x' },
        { channel: 'e', pattern: 'y' },
        { channel: 'f', pattern: 'z' },
      ],
      'wide',
    )
    const { ref } = space.consume([{ channel: 'd', pattern: 'never' }], 'k')
    await space.flush()
    space.tryTake('c', 'one')
    space.cancel(ref as number)
    await space.close()
    space = await open<Texts>(engine, plain)
    expect((await space.verify({ deep: true })).ok).toBe(true)
    expect([space.count('c'), space.stats().continuations]).toEqual([0, 1])
    await space.close()
    await expect(open(engine)).rejects.toThrow(code('CODEC_MISMATCH'))
  })
  it('turns what its codec throws into CODEC, and lets typed errors through', async () => {
    const bad = (error: unknown): Partial<OpenOptions<Texts>> => ({
      ...plain,
      codec: {
        ...plain.codec,
        datum: {
          ...text,
          encode: () => {
            throw error
          },
        },
      },
    })
    const first = await open<Texts>(new MemoryEngine(), { ...bad(new Error('no')), create: true })
    expect(() => first.produce('c', 'x')).toThrow(code('CODEC'))
    await first.close()
    const second = await open<Texts>(new MemoryEngine(), {
      ...bad(Object.assign(new TypeError('typed'), { code: 'BAD_ARGUMENT' })),
      create: true,
    })
    expect(() => second.produce('c', 'x')).toThrow(code('CODEC'))
    await second.close()
  })
  it('names its fresh channels itself, if it wishes', () => {
    const space = memory<Texts>({ ...plain, names: n => new Uint8Array(32).fill(n) })
    const [a, b] = [space.fresh(), space.fresh()]
    expect([b.bytes()[0], a.bytes()[0], a.bytes()[0]]).toEqual([1, 2, 2])
  })
})

describe('a host that helps', () => {
  it('gets COMMs by `run`, which may produce, and the first error thrown', () => {
    const seen: string[] = []
    const space: Json = memory({
      run: comm => {
        seen.push(String(comm.body))
        if (comm.body === 'a') space.produce('next', 1)
        throw new Error(`${comm.body} failed`)
      },
    })
    space.consume([{ channel: 'next', pattern: _ }], 'b')
    space.consume([{ channel: 'c', pattern: _ }], 'a')
    expect(() => space.produce('c', 1)).toThrow('a failed')
    expect(seen).toEqual(['a', 'b'])
  })
  it('has its pump emptied in later turns, until it closes', async () => {
    let fired = 0
    const space = memory({ run: () => void fired++, burst: 2 })
    space.produce('c', 1, { persist: true })
    for (let i = 0; i < 7; i++) space.consume([{ channel: 'c', pattern: _ }], 'k')
    space.consume([{ channel: 'c', pattern: _ }], 'for ever', { persist: true })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(fired).toBeGreaterThan(9)
    await space.close()
    const then = fired
    await new Promise(resolve => setTimeout(resolve, 10))
    expect(fired).toBe(then)
  })
  it('takes over a handler’s COMMs from the outbox of an earlier run, and those of a body that names none stay', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true })
    const off = space.handle('job', () => {}, { ack: true })
    space.consume(
      [
        { channel: 'c', pattern: _, peek: true },
        { channel: 'd', pattern: v.x },
      ],
      { handler: 'job' },
      { persist: true },
    )
    space.produce('c', 1, { persist: true })
    space.produce('d', 2)
    off()
    off()
    await space.close()
    space = await open(engine)
    const got: CommEvent<JsonTypes>[] = []
    space.handle('other', () => {})
    space.handle('job', c => void got.push(c))
    expect(got[0].matches.map(m => [m.persistent, m.peeked, m.result])).toEqual([
      [true, true, {}],
      [false, false, { x: 2 }],
    ])
    got[0].ack()
    got[0].ack()
    await space.close()
    space = await open(engine)
    space.handle('job', c => void got.push(c))
    expect(got).toHaveLength(1)
    await space.close()
  })
  it('gives stalled continuations more steps, and may tell that guards have changed', () => {
    const space = memory({ limits: { matchStepsPerContinuationMax: 200 } })
    for (let i = 0; i < 14; i++) space.produce('c', i)
    const binds = Array.from({ length: 5 }, (_x, i) => ({ channel: 'c', pattern: v[`x${i}`] }))
    const { ref } = space.consume(binds, 'k', { where: { $eq: [v.x0, 99] } })
    expect(space.inspect.stalled().map(i => i.ref)).toEqual([ref])
    expect(space.inspect.continuations('c')).toHaveLength(1)
    expect(space.inspect.why(ref as number).reason).toBe('stalled')
    expect(space.retry(ref as number, 100).ref).toBe(ref)
    expect(() => space.retry(99, 1)).toThrow(code('UNKNOWN_REF'))
    expect(space.recheck({ channel: 'nowhere' })).toBe(0)
    const waiting = space.consume([{ channel: 'w', pattern: 1 }], 'k').ref as number
    expect(() => space.retry(waiting, 1)).toThrow(code('UNKNOWN_REF'))
    expect(space.recheck({ channel: 'w' })).toBe(1)
    expect(space.recheck()).toBeGreaterThanOrEqual(1)
    space.pump(5)
    const other = memory({ limits: { matchStepsPerContinuationMax: 60 } })
    for (let i = 0; i < 6; i++) other.produce('c', i)
    const pair = other.consume(
      [v.x, v.y].map(pattern => ({ channel: 'c', pattern })),
      'k',
      { where: { $eq: [{ $lit: 5 }, v.x] } },
    )
    expect(pair.comms.length === 1 || other.retry(pair.ref as number, 10_000).comms.length === 1).toBe(true)
  })
  it('installs again under the same id, and with data that are there already', () => {
    const space = memory()
    space.install('i', [{ channel: 'old', pattern: _ }], 'k')
    space.install('i', [{ channel: 'new', pattern: _ }], 'k')
    expect([space.produce('old', 1).comms.length, space.produce('new', 1).comms.length]).toEqual([0, 1])
    space.install('late', [{ channel: 'old', pattern: _ }], 'late', { allowData: true })
    expect(space.pump().map(c => c.body)).toEqual(['late'])
    const mark = space.mark()
    space.install('i', [{ channel: 'newer', pattern: _ }], 'k')
    space.rollback(mark)
    expect(space.produce('new', 1).comms.length + space.produce('newer', 1).comms.length).toBe(1)
    expect(space.cancel(space.inspect.continuations('newer')[0].ref)).toBe(false)
    expect(space.inspect.continuations('newer')[0].install).toBe('i')
    expect(space.uninstall('never')).toBe(false)
    const fresh = space.fresh()
    space.install('f', [{ channel: fresh, pattern: v.x }], 'k')
    expect(space.fork().inspect.all()).toBeDefined()
  })
  it('orders a channel first in, first out, whatever the space does', () => {
    const space = memory({ order: 'lifo' })
    space.channel('queue', { order: 'fifo' })
    for (const n of [1, 2, 3]) {
      space.produce('queue', n)
      space.produce('stack', n)
    }
    expect([space.tryTake('queue', _)?.value, space.tryTake('stack', _)?.value]).toEqual([1, 3])
  })
})

describe('the contract `classic`', () => {
  it('removes what was peeked and does not store what repeats itself', () => {
    const space = memory({ mode: 'classic' })
    space.produce('c', 1)
    expect(space.consume([{ channel: 'c', pattern: _, peek: true }], 'k').comms).toHaveLength(1)
    expect(space.count('c')).toBe(0)
    space.produce('d', 1)
    expect(space.consume([{ channel: 'd', pattern: _ }], 'k', { persist: true }).comms).toHaveLength(1)
    expect(space.inspect.continuations('d')).toEqual([])
    space.consume([{ channel: 'e', pattern: _ }], 'k')
    expect(space.produce('e', 1, { persist: true }).comms).toHaveLength(1)
    expect(space.count('e')).toBe(0)
  })
})

describe('bulk and looking', () => {
  it('takeMany leaves persistent data, readMany stops where it is told', () => {
    const space = memory()
    space.produce('c', 1, { persist: true })
    for (const n of [2, 3, 4]) space.produce('c', n)
    expect(space.readMany('c', _, { max: 2 }).map(g => g.value)).toEqual([1, 2])
    expect(space.takeMany('c', _, { max: 3 }).map(g => g.value)).toEqual([1, 2, 3])
    expect([space.count('c'), space.count('nowhere'), space.takeMany('nowhere', _)]).toEqual([2, 0, []])
    expect(space.tryTake('nowhere', _)).toBeUndefined()
    expect(() => space.tryTake('nowhere', { $gt: {} } as never)).toThrow(code('BAD_ARGUMENT'))
  })
  it('tells what is claimed, leased, pumped and installed', async () => {
    const space = memory({ burst: 1 })
    space.produce('c', 1, { leaseTicks: 4 })
    const job = await space.claim('c', _, { ticks: 2 })
    space.consume([{ channel: 'c', pattern: 1 }], 'k', { leaseTicks: 9 })
    const [datum] = space.inspect.data('c')
    expect(datum).toMatchObject({ claimed: true, leaseTick: 4 })
    expect(space.inspect.continuations('c')[0]).toMatchObject({ leaseTick: 9 })
    expect(space.inspect.why(job.ref).reason).toBe('claimed')
    expect(space.inspect.why(space.inspect.continuations('c')[0].ref).reason).toBe('claimed')
    expect(space.inspect.data('nowhere')).toEqual([])
    space.produce('p', 1, { persist: true })
    space.consume([{ channel: 'p', pattern: _ }], 'k', { persist: true })
    const pumped = [...space.inspect.all()].filter(i => i.pumped)
    expect(pumped).toHaveLength(1)
    expect(space.inspect.why(pumped[0].ref).reason).toBe('can-fire')
    expect(space.inspect.why(space.inspect.data('p')[0].ref).reason).toBe('can-fire')
    space.consume(
      [
        { channel: 'x', pattern: 1 },
        { channel: 'y', pattern: 1 },
      ],
      'join',
    )
    expect([space.inspect.groups('x').length, space.inspect.groups('c').length]).toEqual([1, 0])
    expect(() => space.inspect.why(999)).toThrow(code('UNKNOWN_REF'))
    expect(space.tick(4)).toBe(1)
    await expect(job.ack()).rejects.toThrow(code('UNKNOWN_REF'))
  })
  it('watches only the kinds that are asked for, and ends with the space', async () => {
    const space = memory()
    const kinds: string[] = []
    const watching = (async () => {
      for await (const e of space.watch({ kinds: ['consume'] })) kinds.push(e.kind)
    })()
    space.produce('c', 1)
    space.consume([{ channel: 'd', pattern: 1 }], 'k')
    await space.flush()
    await space.close()
    await watching
    expect(kinds).toEqual(['consume'])
    const gone = memory()
    await expect(gone.watch({}, { signal: AbortSignal.abort() })[Symbol.asyncIterator]().next()).rejects.toThrow(code('ABORTED'))
  })
})

describe('JSON at its borders', () => {
  const fits = (pattern: unknown, value: unknown): boolean => {
    const space = memory()
    space.produce('c', value as never)
    return space.tryRead('c', pattern as never) !== undefined
  }
  it.each([
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 2, 3], false],
    [[1, 2], { 0: 1, 1: 2 }, false],
    [{ a: 1 }, [1], false],
    [lit([1, [2]]), [1, [2]], true],
    [lit([1, 2]), [1], false],
    [lit([1]), { 0: 1 }, false],
    [lit({ a: 1 }), [1], false],
    [lit({ a: 1 }), { a: 1, b: 2 }, false],
    [lit({ a: 1 }), { b: 1 }, false],
    [exact({ a: 1 }), { a: 1, b: 2 }, false],
    [exact({ a: v.x }), { a: 1 }, true],
    [[1, rest('r')], [1, 2, 3], true],
    [[], [1], false],
    [{ $type: 'array' }, [], true],
    [{ $type: 'null' }, null, true],
    [{ $type: 'object' }, 5, false],
    [{ $in: [1, [2]] }, [2], true],
    [{ $in: [1] }, 2, false],
    [{ $or: [1, { $gt: 5 }] }, 6, true],
    [{ $or: [1] }, 2, false],
    [{ $not: 1 }, 1, false],
    [{ a: { $gte: 1, $lt: 3 } }, { a: 3 }, false],
    [null, null, true],
    ['\u0000', '\u0000', true],
    [12n, 12n, true],
  ] as [unknown, unknown, boolean][])('case %#', (pattern, value, expected) => {
    expect(fits(pattern, value)).toBe(expected)
  })
  it('keeps names apart that begin alike', () => {
    const space = memory()
    const names = ['', '\u0000', '\u0001', '\u0001\u0001', '0', 0, '"0"', null, 'null', [0], '[0]', '\u0000null']
    for (const [i, n] of names.entries()) space.produce(n, i)
    for (const [i, n] of names.entries()) expect(space.readMany(n, _).map(g => g.value)).toEqual([i])
  })
  it('decides guards with all operators', () => {
    const holds = (where: unknown): boolean => {
      const space = memory()
      space.produce('c', 3)
      return space.consume([{ channel: 'c', pattern: v.x }], 'k', { where: where as never }).comms.length === 1
    }
    expect(holds({ $and: [{ $gt: [v.x, 1] }, { $lte: [v.x, 3] }] })).toBe(true)
    expect(holds({ $or: [{ $lt: [v.x, 1] }, { $eq: [v.x, { $lit: 3 }] }] })).toBe(true)
    expect(holds({ $not: { $gte: [v.x, 3] } })).toBe(false)
    expect(holds({ $gt: [v.x, 'text'] })).toBe(false)
  })
  it('refuses bytes that are no JSON, or not canonical', () => {
    for (const bad of ['{', '{"b":1,"a":2}', ' 1', '1.0'])
      expect(() => jsonCodec.decode(new TextEncoder().encode(bad))).toThrow(code('CODEC'))
  })
})

describe('rows that are none', () => {
  const bytes = (s: string): Uint8Array => Uint8Array.from(Buffer.from(s, 'hex'))
  it('are CORRUPT, or VERSION where the kind is unknown', () => {
    expect(() => readRow(nothingLoaded(), bytes('44'), bytes('00'))).toThrow(code('CORRUPT'))
    expect(() => readRow(nothingLoaded(), bytes('5a00'), bytes('00'))).toThrow(code('VERSION'))
  })
  it('make a space unreadable that mentions what is not there', async () => {
    const row = async (key: string, value: string): Promise<void> => {
      const engine = new MemoryEngine()
      const made = await open(engine, { create: true })
      const store = await (async () => {
        await made.close()
        return openStore(engine)
      })()
      await store.commit({ put: [[bytes(key), bytes(value)]] })
      await store.close()
      await open(engine)
    }
    const n = (x: number): string => x.toString(16).padStart(16, '0')
    await expect(row(`44${n(7)}${n(1)}0000`, '0031')).rejects.toThrow(code('CORRUPT'))
    await expect(row(`4b${n(7)}${n(1)}0000`, '0001000100013131')).rejects.toThrow(code('CORRUPT'))
    await expect(row(`43${n(7)}`, '0931')).rejects.toThrow(code('CORRUPT'))
  })
})

describe('pages', () => {
  const exported = async (space: Json, o: { after?: Uint8Array } = {}): Promise<Page[]> => {
    const pages: Page[] = []
    for await (const p of space.export({ limit: 3, ...o })) pages.push(p)
    return pages
  }
  it('go on behind a key, and are refused when they are mixed up', async () => {
    const space = memory()
    for (let i = 0; i < 8; i++) space.produce(`c${i}`, i)
    const pages = await exported(space)
    const later = await exported(space, { after: pages[1].last })
    expect(later.flatMap(p => p.rows)).toEqual(pages.slice(2).flatMap(p => p.rows))
    const other = memory()
    other.produce('x', 1)
    const [foreign] = await exported(other)
    for (const bad of [
      [pages[0], { ...pages[1], root: foreign.root }],
      [...pages, pages[0]],
      pages.map((p, i) => (i === 1 ? { ...p, rows: [...p.rows].reverse() } : p)),
      [],
    ])
      await expect(importInto(new MemoryEngine(), bad)).rejects.toThrow(code('IMPORT_INVALID'))
    const engine = new MemoryEngine()
    await importInto(engine, pages)
    await expect(importInto(engine, pages)).rejects.toThrow(code('BAD_ARGUMENT'))
  })
})

describe('replay', () => {
  const recorded = async (play: (s: Json) => void): Promise<SpaceEvent<JsonTypes>[]> => {
    const space = memory({ journal: 'events', burst: 1 })
    play(space)
    const log: SpaceEvent<JsonTypes>[] = []
    for await (const e of space.log()) log.push(e)
    return log
  }
  it('skips what was rolled back, and takes persistent data as often as they fired', async () => {
    const play = (s: Json): void => {
      s.produce('c', 1, { persist: true })
      s.consume([{ channel: 'c', pattern: _ }], 'a')
      s.consume([{ channel: 'c', pattern: _ }], 'b')
    }
    const log = await recorded(s => {
      const mark = s.mark()
      s.produce('c', 5)
      s.rollback(mark)
      play(s)
    })
    const copy = memory({ journal: 'events', burst: 1 })
    await copy.rig(log)
    play(copy)
    expect(copy.pump()).toEqual([])
    await expect(copy.take('c', _)).rejects.toThrow(code('REPLAY_DIVERGED'))
    copy.checkReplay()
    copy.checkReplay()
    expect(copy.count('c')).toBe(1)
  })
  it('diverges where a COMM of the log does not match any more, or names nobody', async () => {
    const log = await recorded(s => {
      s.produce('c', 1)
      s.consume([{ channel: 'c', pattern: 1 }], 'k')
    })
    const strict = memory({ ...{ journal: 'events' as const, burst: 1 } })
    await strict.rig(log)
    strict.produce('c', 1)
    expect(() => strict.checkReplay()).toThrow(code('REPLAY_LEFTOVER'))
    await expect(memory().rig(log.filter(e => e.kind !== 'produce'))).rejects.toThrow(code('REPLAY_DIVERGED'))
    await expect(memory().rig(log.map(e => (e.kind === 'comm' ? { ...e, ref: undefined } : e)))).rejects.toThrow(code('REPLAY_DIVERGED'))
  })
})

describe('a claim that is acknowledged in a transaction', () => {
  it('is done with it, or claimed still', async () => {
    const space = await open(new MemoryEngine(), { create: true })
    space.produce('jobs', 1)
    const job = await space.claim('jobs', _, { ticks: 5 })
    let given: Promise<unknown> | undefined
    expect(() =>
      space.atomic(tx => {
        given = job.ack()
        tx.produce('done', 1)
        throw new Error('no')
      }),
    ).toThrow('no')
    await expect(given).rejects.toThrow(code('ABORTED'))
    expect([space.stats().claimed, space.count('done')]).toEqual([1, 0])
    const before = (await space.flush()).number
    let acknowledged: Promise<{ number: number }> | undefined
    space.atomic(tx => {
      tx.produce('done', 1)
      acknowledged = job.ack()
    })
    expect((await acknowledged)?.number).toBe(before + 1)
    expect([space.stats().claimed, space.stats().data]).toEqual([0, 1])
    await space.close()
  })
})

describe('held marks', () => {
  it('refuse what would have to be durable, and reset', async () => {
    const space = memory({ history: 'merkle' })
    space.produce('c', 1)
    const { root } = await space.checkpoint()
    const mark = space.mark()
    space.produce('c', 2)
    await expect(space.checkpoint()).rejects.toThrow(code('HELD'))
    await expect(space.flush()).rejects.toThrow(code('HELD'))
    await expect(space.durable()).rejects.toThrow(code('HELD'))
    await expect(space.reset(root)).rejects.toThrow(code('HELD'))
    await expect(space.clear()).rejects.toThrow(code('HELD'))
    space.release(mark)
    await expect(memory().spawn()).rejects.toThrow(code('UNKNOWN_ROOT'))
    const events = memory({ journal: 'undo' })
    await expect(events.log()[Symbol.asyncIterator]().next()).rejects.toThrow(code('UNKNOWN_COMMIT'))
  })
  it('nest in transactions: COMMs of the inner are the outer’s as well, and an outer failure takes all back', () => {
    const space = memory()
    space.consume([{ channel: 'c', pattern: _ }], 'k')
    const { comms } = space.atomic(tx => tx.atomic(inner => inner.produce('c', 1)))
    expect(comms).toHaveLength(1)
    expect(() =>
      space.atomic(tx => {
        tx.atomic(inner => inner.produce('d', 1))
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(space.count('d')).toBe(0)
    expect(() => space.atomic(async () => {})).toThrow(code('ASYNC_TRANSACTION'))
  })
  it('takes persistent records back with their renewed turns, also on a store', async () => {
    const engine = new MemoryEngine()
    const space = await open(engine, { create: true })
    space.consume([{ channel: 'c', pattern: _ }], 'old', { persist: true })
    space.consume([{ channel: 'c', pattern: 5 }], 'young')
    await space.flush()
    space.produce('c', 1)
    await space.flush()
    const mark = space.mark({ hold: false })
    space.produce('c', 2)
    await space.flush()
    space.rollback(mark)
    await space.flush()
    const persistent = space.inspect.continuations('c').find(i => i.body === 'old')
    space.cancel(persistent?.ref as number)
    await space.close()
    const again = await open(engine)
    expect((await again.verify({ deep: true })).problems).toEqual([])
    expect(again.inspect.continuations('c').map(i => i.body)).toEqual(['young'])
    await again.close()
  })
})

describe('pages that somebody has made to fit', () => {
  const forge = (pages: readonly Page[], change: (p: Page, i: number) => Partial<Page>): Page[] => {
    let chain: Uint8Array | undefined
    return pages.map((p, i) => {
      const page = { ...p, ...change(p, i) }
      chain = pageChain(chain ?? hash('page', new TextEncoder().encode(page.root)), page.rows)
      return { ...page, chain }
    })
  }
  const pagesOf = async (history: 'none' | 'merkle'): Promise<Page[]> => {
    const space = memory({ history })
    for (let i = 0; i < 9; i++) space.produce(`c${i}`, i)
    space.consume([{ channel: 'x', pattern: 1 }], 'k', { leaseTicks: 5, persist: true })
    const root = history === 'merkle' ? (await space.checkpoint()).root : undefined
    const pages: Page[] = []
    for await (const p of space.export({ limit: 4, ...(root === undefined ? {} : { root }) })) pages.push(p)
    return pages
  }
  it('are refused: order, digest, rows that are none, rows left out', async () => {
    const [plain, proved] = [await pagesOf('none'), await pagesOf('merkle')]
    const refused = async (pages: readonly Page[]): Promise<void> =>
      expect(importInto(new MemoryEngine(), pages)).rejects.toThrow(code('IMPORT_INVALID'))
    await importInto(
      new MemoryEngine(),
      forge(plain, () => ({})),
    )
    await refused(forge(plain, (p, i) => (i === 1 ? { rows: [...p.rows].reverse() } : {})))
    await refused(forge(plain, () => ({ root: '00'.repeat(32) })))
    await refused(forge(plain, (p, i) => (i === 0 ? { rows: p.rows.slice(1) } : {})))
    await refused(forge(plain, (p, i) => (i === 0 ? { rows: [[Uint8Array.of(0x43), Uint8Array.of(0)], ...p.rows] } : {})))
    await importInto(
      new MemoryEngine(),
      forge(proved, () => ({})),
      { durability: 'memory' },
    )
    await refused(forge(proved, (p, i) => (i === 1 ? { rows: p.rows.slice(1) } : {})))
    await refused(forge(proved, (p, i) => (i === 0 ? { proof: undefined } : p)))
    const stranger = [Uint8Array.of(0x43, 0, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(0, 49)] as const
    await refused(forge(proved, (p, i) => (i === 0 ? { rows: [stranger, ...p.rows] } : {})))
  })
})

describe('what happens after a failed write', () => {
  class Failing extends MemoryEngine {
    failing = false
    override batch(ops: readonly Op[], sync: boolean): Promise<void> {
      return this.failing ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : super.batch(ops, sync)
    }
  }
  it('the first wait gets the reason, later ones SPACE_FAILED, watchers an end; reading goes on', async () => {
    const engine = new Failing()
    const space = await open(engine, { create: true })
    await space.put('c', 1)
    const watching = space.watch()[Symbol.asyncIterator]().next()
    engine.failing = true
    const [first, second] = [space.put('c', 2), space.put('c', 3)]
    await expect(first).rejects.toThrow(code('IO'))
    await expect(second).rejects.toThrow(code('SPACE_FAILED'))
    await expect(watching).rejects.toThrow(code('SPACE_FAILED'))
    await expect(space.flush()).rejects.toThrow(code('SPACE_FAILED'))
    await expect(space.durable()).rejects.toThrow(code('SPACE_FAILED'))
    expect(() => space.produce('c', 4)).toThrow(code('SPACE_FAILED'))
    expect(() => space.side('s').put(Uint8Array.of(1), Uint8Array.of(2))).toThrow(code('SPACE_FAILED'))
    await expect(space.clear()).rejects.toThrow(code('SPACE_FAILED'))
    expect(space.count('c')).toBe(3)
    expect(space.tryRead('c', 2)?.value).toBe(2)
    expect([...space.scan(space.channel('c'))].map(got => got.value)).toEqual([1, 2, 3])
    expect(space.snapshot().data('c')).toHaveLength(3)
    expect(space.fork().digest()).toBe(space.digest())
    await space.close().catch(() => undefined)
  })
  it('a close whose last commit fails says so', async () => {
    const engine = new Failing()
    const space = await open(engine, { create: true, group: 'manual' })
    space.produce('c', 1)
    engine.failing = true
    await expect(space.close()).rejects.toThrow(code('IO'))
  })
})

describe('rare rows', () => {
  it('ids are forgotten after their window of commits, side rows can be deleted twice', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true, idWindow: 3 })
    for (let i = 0; i < 6; i++) {
      space.produce('c', i, { id: `id ${i}` })
      await space.flush()
    }
    expect(space.produce('c', 9, { id: 'id 5' }).repeated).toBe(true)
    expect(space.produce('c', 9, { id: 'id 0' }).repeated).toBeUndefined()
    const mark = space.mark()
    space.produce('c', 9, { id: 'taken back' })
    space.rollback(mark)
    const side = space.side('n')
    side.put(Uint8Array.of(1), Uint8Array.of(1))
    side.put(Uint8Array.of(2), Uint8Array.of(1))
    expect([side.delete(Uint8Array.of(1)), side.delete(Uint8Array.of(1))]).toEqual([true, false])
    await space.close()
    space = await open(engine, { idWindow: 3 })
    expect([...space.side('n').entries()]).toHaveLength(1)
    expect(space.produce('c', 9, { id: 'taken back' }).repeated).toBeUndefined()
    await space.close()
  })
  it('of the outbox belong to no checkpoint, and wait for whoever names a handler again', async () => {
    const engine = new MemoryEngine()
    let space = await open(engine, { create: true, history: 'merkle' })
    const got: CommEvent<JsonTypes>[] = []
    space.handle('job', c => void got.push(c), { ack: true })
    for (let i = 0; i < 2; i++) {
      space.consume([{ channel: 'c', pattern: _ }], 'job', { leaseTicks: 3 })
      space.produce('c', 1)
    }
    const { root } = await space.checkpoint()
    got[0].ack()
    await space.checkpoint()
    const mark = space.mark({ hold: false })
    got[1].ack()
    space.consume([{ channel: 'c', pattern: _ }], 'job')
    space.produce('c', 1)
    await space.flush()
    space.rollback(mark)
    expect((await space.forkAt(root)).stats().data).toBe(0)
    await space.close()
    space = await open(engine, { handlerOf: () => undefined })
    space.handle('job', c => void got.push(c))
    const before = got.length
    await space.close()
    space = await open(engine)
    space.handle('job', c => void got.push(c))
    expect([before, got.length]).toEqual([got.length - 1, before + 1])
    await space.close()
  })
  it('of a seeded space and of one that takes the last first are told by name', async () => {
    for (const order of ['lifo', { seed: 7n }] as const) {
      const dir = `${tmp}/${typeof order === 'string' ? order : 'seed'}`
      const space = await open(dir, { create: true, order })
      space.produce('c', 1)
      await space.close()
      const { root } = await checkpointDir(dir)
      const again = await open(dir, { order, history: 'merkle' })
      expect(again.checkpoints).toEqual([root])
      await again.close()
    }
  })
})

describe('the deep check', () => {
  it('finds who could fire and does not', async () => {
    let open_ = false
    const space = memory<Texts>({ ...plain, matcher: { match: (_p, a) => (open_ ? a : undefined) } })
    space.produce('c', 'x')
    space.consume([{ channel: 'c', pattern: 'x' }], 'k')
    expect((await space.verify()).ok).toBe(true)
    open_ = true
    expect((await space.verify()).problems.map(p => p.where)).toEqual(['continuation 2'])
  })
})

describe('a replay whose matcher has changed', () => {
  it('diverges', async () => {
    const source = memory<Texts>({ ...plain, journal: 'events', burst: 1 })
    source.produce('c', 'x')
    source.consume([{ channel: 'c', pattern: 'x' }], 'k')
    const log: SpaceEvent<Texts>[] = []
    for await (const e of source.log()) log.push(e)
    const other = memory<Texts>({ ...plain, journal: 'events', burst: 1, matcher: { match: () => undefined } })
    await other.rig(log)
    other.produce('c', 'x')
    expect(() => other.consume([{ channel: 'c', pattern: 'x' }], 'k')).toThrow(code('REPLAY_DIVERGED'))
  })
})

describe('patterns with keys, among many', () => {
  it('find what a plain comparison of all data finds', () => {
    const data = [...Array(30).keys()].flatMap(i => [i, `t${i}`, [i], { id: i, kind: i % 3 }, { id: i, tags: [i] }, null, true])
    const patterns = [
      5,
      't5',
      null,
      true,
      { id: 7 },
      { id: 7, kind: 1 },
      exact({ id: 4, kind: 1 }),
      { tags: [3] },
      { id: v.x, kind: 2 },
      { missing: 1 },
      [9],
      lit('t9'),
    ]
    for (const pattern of patterns) {
      const space = memory()
      for (const d of data) space.produce('c', d as never)
      const expected = space.readMany('c', pattern as never).map(g => g.ref)
      const taken: number[] = []
      for (;;) {
        const { comms, ref } = space.consume([{ channel: 'c', pattern: pattern as never }], 'k')
        if (comms.length === 0) {
          space.cancel(ref as number)
          break
        }
        taken.push(comms[0].matches[0].ref)
      }
      expect(taken).toEqual(expected)
    }
  })
})

describe('small things', () => {
  it('volatile records are outside the digest, and bodies may be anything beside handlers', () => {
    const space = memory()
    const empty = space.digest()
    space.produce('c', 1, { volatile: true })
    expect(space.digest()).toBe(empty)
    space.handle('h', () => {})
    for (const body of [null, 5, { handler: 7 }, ['h']]) {
      space.consume([{ channel: 'c', pattern: _ }], body)
      expect(space.produce('d', 1).comms).toEqual([])
      space.consume([{ channel: 'd', pattern: _ }], body)
      space.produce('c', 1, { volatile: true })
    }
    expect(space.tryTake('nowhere', _, { where: { $gt: [1, 2] } })).toBeUndefined()
    expect(memory<Texts>(plain).tryTake('nowhere', 'x')).toBeUndefined()
  })
  it('a stalled continuation is listed on its channels only; a datum in the pump can fire', () => {
    const space = memory({ limits: { matchStepsPerContinuationMax: 100 } })
    for (let i = 0; i < 12; i++) space.produce('c', i)
    space.consume(
      [1, 2, 3, 4].map(i => ({ channel: 'c', pattern: v[`x${i}`] })),
      'slow',
      { where: { $gt: [v.x1, 100] } },
    )
    expect([space.inspect.stalled().length, space.inspect.continuations('c').length, space.inspect.continuations('d').length]).toEqual([
      1, 1, 0,
    ])
    space.produce('e', 1)
    expect(space.inspect.continuations('e')).toEqual([])
    const fast = memory({ burst: 1 })
    for (let i = 0; i < 3; i++) fast.consume([{ channel: 'c', pattern: _, peek: true }], 'k')
    const { ref, pending } = fast.produce('c', 1)
    expect([pending, fast.inspect.why(ref as number).reason]).toEqual([true, 'can-fire'])
  })
  it('a continuation that has been cancelled is told as removed, and copies of many rows are whole', async () => {
    const dir = `${tmp}/many`
    let space = await open(dir, { create: true, journal: 'undo' })
    const { ref } = space.consume([{ channel: 'x', pattern: 1 }], 'k')
    const from = await space.flush()
    for (let i = 0; i < 3000; i++) space.produce(`c${i}`, i)
    space.cancel(ref as number)
    await space.flush()
    await space.close()
    space = await open(dir)
    const kinds: string[] = []
    for await (const e of space.watch({ channel: 'x' }, { from })) {
      kinds.push(e.kind)
      break
    }
    expect(kinds).toEqual(['remove'])
    expect((await space.backup(`${tmp}/many-copy`)).ok).toBe(true)
    await space.close()
    const copy = await open(`${tmp}/many-copy`)
    expect(copy.stats().data).toBe(3000)
    await copy.close()
  })
  it('a checkpoint from outside keeps the journal of events', async () => {
    const dir = `${tmp}/events`
    const space = await open(dir, { create: true, journal: 'events' })
    space.produce('c', 1)
    await space.close()
    await checkpointDir(dir)
    const again = await open(dir, { journal: 'events' })
    const kinds: string[] = []
    for await (const e of again.log()) kinds.push(e.kind)
    expect(kinds).toEqual(['produce', 'checkpoint'])
    await again.close()
  })
})
