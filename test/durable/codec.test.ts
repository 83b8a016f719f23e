import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QuietHost } from '../../src/host/hosts.ts'
import { ByteReader, ByteWriter, type CodeBook, Garbled, TermReader, TermWriter } from '../../src/machine/codec.ts'
import { Member, type Program, Template } from '../../src/machine/link.ts'
import { collectNames } from '../../src/machine/reach.ts'
import { Session } from '../../src/machine/session.ts'
import { makeMap, makeSet } from '../../src/normal/build.ts'
import { equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import { BigInteger, Bundle, Bytes, Float, List, MapTerm, NIL, SetTerm, type Term, Tuple, Unforgeable, Uri } from '../../src/normal/term.ts'

/** A space for one term: programs by number, names by counter. */
class Book implements CodeBook {
  readonly session = new Session({ host: new QuietHost(), seed: 1n })
  readonly programs: Program[] = []
  readonly names = new Map<number, Unforgeable>()
  numberOf(p: Program): number {
    const at = this.programs.indexOf(p)
    return at >= 0 ? at : this.programs.push(p) - 1
  }
  sourceOf(): undefined {
    return undefined
  }
  program(n: number): Program {
    return this.programs[n]
  }
  template(p: Program, at: number, len: number): Template {
    const { linker } = this.session.shard
    return len === 0 ? new Template(linker, p, at) : new Template(linker, p, 0, new Member(linker, p, 1, at, len))
  }
  baseOf(): number {
    return -1
  }
  name(counter: number): Unforgeable {
    let n = this.names.get(counter)
    if (n === undefined) this.names.set(counter, (n = new Unforgeable(this.session.shard.origin, counter)))
    return n
  }
  systemName(): Unforgeable {
    throw new Error('no system names here')
  }
  foreignName(): Unforgeable {
    throw new Error('no names from elsewhere here')
  }
  isOwn(n: Unforgeable): boolean {
    return n.origin === this.session.shard.origin
  }
}

function roundTrip(t: Term, book = new Book()): Term {
  const w = new TermWriter(book)
  w.value(t)
  return new TermReader(w.take(), book).term()
}

describe('numbers', () => {
  it('of every size come back', () => {
    const numbers = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer(),
      fc.integer({ min: -70, max: 70 }),
      fc.constantFrom(2 ** 29, 2 ** 30, 2 ** 31, 2 ** 32, -(2 ** 30), Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
    )
    fc.assert(
      fc.property(fc.array(numbers), list => {
        const w = new ByteWriter()
        for (const n of list) {
          w.signed(n)
          w.count(Math.abs(n))
          w.big(BigInt(n) * 7n ** 40n)
          w.f64(n / 3)
        }
        const r = new ByteReader(w.take())
        for (const n of list) {
          expect(r.signed()).toBe(n)
          expect(r.count()).toBe(Math.abs(n))
          expect(r.big()).toBe(BigInt(n) * 7n ** 40n)
          expect(r.f64()).toBe(n / 3)
        }
        expect(r.done).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  it('and texts that are cut off or wrong are noticed', () => {
    const w = new ByteWriter()
    w.text('a longer text ✓ that is not plain')
    const bytes = w.take()
    expect(new ByteReader(bytes).text()).toBe('a longer text ✓ that is not plain')
    expect(() => new ByteReader(bytes.subarray(0, 10)).text()).toThrow(Garbled)
    expect(() => new ByteReader(Uint8Array.of(2, 0xc3, 0x28)).text()).toThrow(Garbled)
    expect(() => new ByteReader(new Uint8Array(10).fill(255)).count()).toThrow(Garbled)
  })
})

describe('terms', () => {
  it('are refused if a set or map is not in canonical order: its elements would not be found', () => {
    for (const t of [new SetTerm([2, 1]), new SetTerm([1, 1]), new List([new SetTerm(['b', 'a', 'c'])]), new MapTerm(['b', 'a'], [1, 2])])
      expect(() => roundTrip(t)).toThrow(Garbled)
    expect(show(roundTrip(makeSet([2, 1, 2])))).toBe('Set(1, 2)')
    expect(show(roundTrip(makeMap(['b', 'a'], [1, 2])))).toBe('{"a" : 2, "b" : 1}')
  })

  it('of every type come back equal', () => {
    const book = new Book()
    const { tree } = fc.letrec<{ tree: Term }>(tie => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.integer(),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(b => (b > 9007199254740991n || b < -9007199254740991n ? b : Number(b))),
        fc.bigInt().map(b => new BigInteger(b)),
        fc.double({ noNaN: true }).map(d => new Float(d)),
        fc.uint8Array().map(b => new Bytes(b)),
        fc.webUrl().map(u => new Uri(u)),
        fc.nat(20).map(n => book.name(n)),
        fc.constant(NIL),
        fc.array(tie('tree'), { maxLength: 4 }).map(a => new List(a)),
        fc.array(tie('tree'), { maxLength: 4 }).map(a => new Tuple(a)),
        fc.array(tie('tree'), { maxLength: 3 }).map(a => makeSet(a)),
        fc.array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 3 }).map(a =>
          makeMap(
            a.map(e => e[0]),
            a.map(e => e[1]),
          ),
        ),
        tie('tree').map(t => (t instanceof Bundle ? t : new Bundle(1, t))),
      ),
    }))
    fc.assert(
      fc.property(tree, t => {
        const back = roundTrip(t, book)
        expect(equal(back, t)).toBe(true)
        expect(show(back)).toBe(show(t))
      }),
      { numRuns: 500 },
    )
  })

  it('that share parts cost what the parts cost', () => {
    let t: Term = new List([1, 2, 3])
    for (let i = 0; i < 60; i++) t = new Tuple([t, t])
    const book = new Book()
    const w = new TermWriter(book)
    w.value(t)
    const bytes = w.take()
    expect(bytes.length).toBeLessThan(600)
    const back = new TermReader(bytes, book).term() as Tuple
    expect(back.items[0]).toBe(back.items[1])
  })

  it('may be 100,000 deep', () => {
    let t: Term = 1
    for (let i = 0; i < 100_000; i++) t = new List([t])
    let back = roundTrip(t)
    let depth = 0
    for (; back instanceof List; depth++) back = back.items[0]
    expect(depth).toBe(100_000)
  })

  it('that are code come back congruent, with the names that stand in them', () => {
    const book = new Book()
    const { session } = book
    const texts = [
      '@"code"!({ for (@x <- @"a") { @"b"!(x + 1) } | @"c"!!([1, 2]) })',
      'new n in { @"code"!({ n!(1) | new k in { k!(*n) | for (y <- k) { y!(2) } } | match [1] { [z] => { n!(z) } } }) }',
      '@"code"!({ select { x <- @1 => { x!(1) } y <- @2 => { Nil } } | contract @"c"(...@rest) = { Nil } | @"s"!?(1); Nil })',
      '@"code"!([{ @1!(2) }, bundle-{ @3!(4) }])',
    ]
    let compared = 0
    for (const text of texts) {
      const { program } = session.compile('t', text)
      session.deploy(program as NonNullable<typeof program>)
      session.run()
      for (const d of session.shard.kernel.data(session.shard.chanOf('code'))) {
        const t = (d.value as Term[])[0]
        for (const n of collectNames(t)) book.names.set(n.counter, n)
        const back = roundTrip(t, book)
        expect(show(back)).toBe(show(t))
        expect(equal(back, t)).toBe(true)
        compared++
      }
    }
    expect(compared).toBeGreaterThanOrEqual(texts.length)
  })

  it('that no version has written are refused', () => {
    const book = new Book()
    for (const bytes of [[200], [], [18, 3, 3, 2], [27, 0], [23, 0, 0]]) {
      expect(() => new TermReader(Uint8Array.from(bytes), book).term()).toThrow()
    }
  })
})
