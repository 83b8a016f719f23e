import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { method, type PrimContext } from '../../src/machine/primitives/index.ts'
import { concat } from '../../src/machine/primitives/operators.ts'
import { makeMap, makePar, makeSet } from '../../src/normal/build.ts'
import { LONG, LongList, LongMap, LongPar, LongSet, laidOut } from '../../src/normal/long.ts'
import { Budget, compilePattern, match, matchAll, solutions, tryMatch } from '../../src/normal/match.ts'
import { compare, equal, hashOf } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import { sizeOf } from '../../src/normal/size.ts'
import {
  Bundle,
  Bytes,
  components,
  Flag,
  Float,
  Free,
  List,
  type MapTerm,
  Op,
  Par,
  Ref,
  type Rest,
  Send,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  WILDCARD,
} from '../../src/normal/term.ts'
import { LEAF, type Tree, treeOf } from '../../src/normal/tree.ts'

const ctx: PrimContext = { gas: 0, limits: { maxValueBytes: 1 << 28 } }

function call(name: string, target: Term, ...args: Term[]): Term {
  const r = method(name, target, args, ctx)
  if (typeof r === 'object' && 'code' in r) throw new Error(r.message)
  return r
}

function appended(a: Term, b: Term): Term {
  const r = concat(a, b, ctx)
  if (typeof r === 'object' && 'code' in r) throw new Error(r.message)
  return r
}

/** The invariants of `tree.ts`; gives the number of terms. */
function sound(t: Tree): number {
  if (t.items !== null) {
    expect(t.height).toBe(0)
    expect(t.items.length).toBeGreaterThan(0)
    expect(t.items.length).toBeLessThanOrEqual(LEAF)
    expect(t.count).toBe(t.items.length)
    return t.count
  }
  const l = t.left as Tree
  const r = t.right as Tree
  expect(Math.abs(l.height - r.height)).toBeLessThanOrEqual(1)
  expect(t.height).toBe(Math.max(l.height, r.height) + 1)
  expect(t.flags).toBe(l.flags | r.flags)
  expect(t.count).toBe(sound(l) + sound(r))
  expect(t.count).toBeGreaterThan(LEAF)
  return t.count
}

function soundCollection(t: Term): void {
  if (t instanceof LongList || t instanceof LongSet || t instanceof LongPar) sound(t.tree)
  if (t instanceof LongMap) expect(sound(t.keyTree)).toBe(sound(t.valueTree))
}

/** A collection is the one that the model describes in every respect that can be seen. */
function same(found: Term, wanted: List | SetTerm | MapTerm): void {
  soundCollection(found)
  const f = found as List & SetTerm & MapTerm
  expect(f.count).toBe(wanted.count)
  expect(sizeOf(f)).toBe(sizeOf(wanted))
  expect(f.flags).toBe(wanted.flags)
  expect(f.free).toBe(0)
  expect(equal(f, wanted)).toBe(true)
  expect(compare(f, wanted)).toBe(0)
  expect(hashOf(f)).toBe(hashOf(wanted))
}

/** Small and large numbers, texts, NaN and pairs: with sizes and flags of their own. */
const element: fc.Arbitrary<Term> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 4 }).filter(s => /^[ -~]*$/.test(s)) },
  { weight: 1, arbitrary: fc.constant(new Float(Number.NaN)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 50 }).map(n => new Tuple([n, 'x'])) },
)
const elements = fc.array(element, { maxLength: 300, size: 'max' })
const RUNS = { numRuns: 60 }

describe('a list in all its representations', () => {
  type Step = [kind: number, part: Term[], at: number, to: number]
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.integer({ min: 0, max: 7 }),
    fc.oneof(fc.array(element, { maxLength: 3 }), fc.array(element, { maxLength: 150, size: 'max' })),
    fc.integer({ min: -2, max: 400 }),
    fc.integer({ min: -2, max: 400 }),
  )

  function apply(list: Term, model: Term[], [kind, part, at, to]: Step): [Term, Term[]] {
    switch (kind) {
      case 0:
      case 1:
        return [appended(list, new List(part)), [...model, ...part]]
      case 2:
        return [appended(new List(part), list), [...part, ...model]]
      case 3:
        return [call('slice', list, at, to), model.slice(Math.max(0, at), Math.max(0, to))]
      case 4:
        return [call('drop', list, at), model.slice(Math.max(0, at))]
      case 5:
        return model.length > 150 ? [call('take', list, at), model.slice(0, Math.max(0, at))] : [appended(list, list), [...model, ...model]]
      case 6:
        return [call('tail', list), model.slice(1)]
      default: {
        if (at < 0 || at >= model.length) return [list, model]
        return [call('updated', list, at, to), model.map((x, i) => (i === at ? to : x))]
      }
    }
  }

  it('is the list that an array would be, whatever is done to it', () => {
    fc.assert(
      fc.property(elements, fc.array(step, { maxLength: 12 }), (start, steps) => {
        let list: Term = new List(start)
        let model = start
        for (const s of steps) {
          ;[list, model] = apply(list, model, s)
          if (model.length > 2_000) break
          const l = list as List
          expect(call('length', l)).toBe(model.length)
          for (const i of [0, s[2], model.length - 1]) if (i >= 0 && i < model.length) expect(equal(call('nth', l, i), model[i])).toBe(true)
          if (model.length > 0) expect(equal(call('last', l), model[model.length - 1])).toBe(true)
        }
        same(list, new List(model))
      }),
      RUNS,
    )
  })

  it('fits `[x, y ...r]` with the same remainder', () => {
    const p = compilePattern(new List([new Free(0), new Free(1)], new Free(2)), 3)
    fc.assert(
      fc.property(elements, items => {
        const out: Term[] = []
        const fits = tryMatch(p, appended(new List(items), new List([1])), out, 0)
        const whole = [...items, 1]
        expect(fits).toBe(whole.length >= 2)
        if (fits) same(out[2], new List(whole.slice(2)))
      }),
      RUNS,
    )
  })
})

describe('a set and a map in all their representations', () => {
  const entries = fc.array(fc.tuple(element, element), { maxLength: 300, size: 'max' })
  const change = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.oneof(fc.array(element, { maxLength: 3 }), elements))

  const without = (a: readonly Term[], b: readonly Term[]): Term[] => a.filter(x => !b.some(y => equal(x, y)))

  it('is the set that its elements make', () => {
    fc.assert(
      fc.property(elements, fc.array(change, { maxLength: 6 }), (start, changes) => {
        let set: Term = makeSet(start)
        let model: readonly Term[] = makeSet(start).items
        for (const [kind, part] of changes) {
          const other = makeSet(part)
          if (kind === 0) for (const x of part) set = call('add', set, x)
          else if (kind === 1) for (const x of part) set = call('delete', set, x)
          else set = call(['union', 'diff', 'intersection', 'union'][kind - 2], set, other)
          if (kind === 0 || kind === 2 || kind === 5) model = makeSet([...model, ...part]).items
          else if (kind === 4) model = model.filter(x => part.some(y => equal(x, y)))
          else model = without(model, part)
          for (const x of part.slice(0, 3)) expect(call('contains', set, x)).toBe(model.some(y => equal(x, y)))
          expect(call('isSubsetOf', makeSet(part), set)).toBe(without(other.items, model).length === 0)
        }
        same(set, new SetTerm(model))
        same(call('toList', set), new List(model))
      }),
      RUNS,
    )
  })

  it('is the map that its entries make', () => {
    fc.assert(
      fc.property(entries, fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), entries), { maxLength: 5 }), (start, changes) => {
        const mapOf = (pairs: readonly (readonly [Term, Term])[]): MapTerm =>
          makeMap(
            pairs.map(p => p[0]),
            pairs.map(p => p[1]),
          )
        let map: Term = mapOf(start)
        let model = mapOf(start)
        const pairs = (): [Term, Term][] => model.keys.map((k, i) => [k, model.values[i]])
        for (const [kind, all] of changes) {
          const part = kind % 2 === 0 ? all : all.slice(0, 2)
          const keys = part.map(p => p[0])
          if (kind < 2) for (const [k, v] of part) map = call('set', map, k, v)
          else if (kind === 2) for (const k of keys) map = call('delete', map, k)
          else map = call(kind === 3 ? 'union' : kind === 4 ? 'diff' : 'intersection', map, mapOf(part))
          if (kind < 2 || kind === 3) model = mapOf([...pairs(), ...part])
          else if (kind === 5) model = mapOf(pairs().filter(([k]) => keys.some(x => equal(x, k))))
          else model = mapOf(pairs().filter(([k]) => !keys.some(x => equal(x, k))))
          for (const k of keys.slice(0, 3)) {
            const i = model.keys.findIndex(x => equal(x, k))
            expect(call('contains', map, k)).toBe(i >= 0)
            if (i >= 0) expect(equal(call('get', map, k), model.values[i])).toBe(true)
          }
        }
        same(map, model)
        same(call('keys', map), new SetTerm(model.keys))
        same(call('values', map), new List(model.values))
      }),
      RUNS,
    )
  })
})

describe('a parallel composition in all its representations', () => {
  const component: fc.Arbitrary<Term> = fc.oneof(
    { weight: 4, arbitrary: element },
    { weight: 3, arbitrary: fc.tuple(fc.integer({ min: 0, max: 5 }), element).map(([c, v]) => new Send(c, [v], false)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 9 }).map(n => new Op(Tag.Add, n, 1)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 9 }).map(n => new Bundle(2, n)) },
  )
  const some = fc.oneof(fc.array(component, { maxLength: 4 }), fc.array(component, { maxLength: 200, size: 'max' }))

  /** What composing all at once gives. */
  const plain = (items: readonly Term[]): Term => {
    const sorted = [...items].sort(compare)
    return sorted.length === 1 ? sorted[0] : new Par(sorted)
  }
  function sameProcess(found: Term, items: readonly Term[]): void {
    soundCollection(found)
    const wanted = plain(items)
    expect(components(found).length).toBe(items.length)
    if (found instanceof Par) expect(found.count).toBe(items.length)
    if (found instanceof LongPar && wanted instanceof Par) expect(found.flags).toBe(wanted.flags)
    expect(sizeOf(found)).toBe(sizeOf(wanted))
    expect(equal(found, wanted)).toBe(true)
    expect(compare(found, wanted)).toBe(0)
    expect(hashOf(found)).toBe(hashOf(wanted))
    expect(show(found)).toBe(show(wanted))
  }

  it('is the one that all components make, however it grew', () => {
    let long = 0
    fc.assert(
      fc.property(some, fc.array(some, { maxLength: 12 }), (start, parts) => {
        let process = makePar(start)
        let model = start
        for (const part of parts) {
          const other = makePar(part)
          process = makePar(model.length % 2 === 0 ? [process, other] : [...part, process])
          model = [...model, ...part]
        }
        if (process instanceof LongPar) long++
        sameProcess(process, model)
      }),
      RUNS,
    )
    expect(long).toBeGreaterThan(10)
  })

  it('stays an array where it holds variables or parts of patterns', () => {
    const big = makePar(Array.from({ length: 100 }, (_, i) => i))
    expect(makePar([big, 7])).toBeInstanceOf(LongPar)
    expect(makePar([big, WILDCARD])).not.toBeInstanceOf(LongPar)
    expect(makePar([big, makePar([])])).toBe(big)
  })

  it('gives up the component that the search would find first, and keeps the rest', () => {
    const part = fc.constantFrom<readonly Term[]>(
      [],
      [new Send(2, [new Free(0)], false)],
      [new Send(new Free(0), [7], false)],
      [new Send(WILDCARD, [new Ref(0, false)], false)],
      [new Tuple([new Free(0), 'x'])],
      [new List([new Free(0)])],
      [new Send(WILDCARD, [WILDCARD], false), new Send(new Free(0), [7], false)],
      [new Send(1, [new Free(0)], false), new Tuple([WILDCARD, 'x'])],
    )
    const open = fc.constantFrom<readonly Term[]>([new Free(1)], [WILDCARD], [new Free(1), new Free(2)], [new Free(2), WILDCARD])
    const given = fc.array(component, { maxLength: 2 })
    let found = 0
    fc.assert(
      fc.property(
        fc.array(component, { minLength: 66, maxLength: 150, size: 'max' }),
        part,
        open,
        given,
        fc.nat(200),
        (items, p, o, g, at) => {
          const literals = at < 150 ? g.map((_, i) => items[(at + i) % items.length]) : g
          const pattern = makePar([...literals, ...o, ...p])
          const target = at % 2 === 0 ? new Par([...items].sort(compare)) : makePar([makePar(items.slice(1)), items[0]])
          const refs = (): Term => 7
          const wanted = match(pattern, target, 3, refs)
          const out: Term[] = new Array(3)
          expect(tryMatch(compilePattern(pattern, 3), target, out, 0, refs)).toBe(wanted !== null)
          if (wanted === null) return
          found++
          const alike = (a: readonly Term[], b: readonly Term[]): void => {
            for (let i = 0; i < 3; i++) {
              if (b[i] === undefined) expect(a[i]).toBeUndefined()
              else sameProcess(a[i], components(b[i]))
            }
          }
          alike(out, wanted)
          const some = solutions(compilePattern(pattern, 3), target, refs, new Budget())
          let n = 0
          for (const solution of matchAll(pattern, target, 3, refs)) {
            if (++n > 3) break
            alike(some.next().value as Term[], solution)
          }
          if (n <= 3) expect(some.next().done).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
    expect(found).toBeGreaterThan(25)
  })
})

describe('a byte array in all its representations', () => {
  const octets = fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ maxLength: 3_000, size: 'max' }))

  it('is the one that all its bytes make, whatever it is put together from', () => {
    fc.assert(
      fc.property(octets, fc.array(fc.tuple(fc.nat(3), octets), { maxLength: 12 }), (start, steps) => {
        let grown: Term = new Bytes(start)
        let model = [...start]
        for (const [kind, part] of steps) {
          const other: Term = kind === 2 ? grown : new Bytes(part)
          const more = kind === 2 ? model : [...part]
          if (model.length > 20_000) break
          grown = kind === 1 ? appended(other, grown) : appended(grown, other)
          model = kind === 1 ? [...more, ...model] : [...model, ...more]
          if (kind === 3 && model.length > 0) expect(call('nth', grown, model.length - 1)).toBe(model[model.length - 1])
        }
        const wanted = new Bytes(Uint8Array.from(model))
        expect(call('length', grown)).toBe(model.length)
        expect(sizeOf(grown)).toBe(sizeOf(wanted))
        expect(hashOf(grown)).toBe(hashOf(wanted))
        expect(equal(grown, wanted) && compare(grown, wanted) === 0).toBe(true)
        expect(show(grown)).toBe(show(wanted))
      }),
      RUNS,
    )
  })
})

describe('patterns of sets and maps that need no search', () => {
  /** An element of a pattern: a constant, `=x`, a wildcard, or a variable that gets the next number. */
  const part = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom('ref', 'wild', 'var'))
  const numbers = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 }),
    fc.constant(Array.from({ length: 100 }, (_, i) => i)),
  )

  function build(parts: readonly (number | string)[], rest: number): { pattern: (map: boolean) => Term; count: number } {
    let count = 0
    const terms = parts.map(
      (p): Term => (typeof p === 'number' ? p : p === 'ref' ? new Ref(0, false) : p === 'wild' ? WILDCARD : new Free(count++)),
    )
    const values = terms.map((_, i): Term => (i % 3 === 0 ? WILDCARD : new Free(count++)))
    const tail: Rest = rest === 0 ? null : rest === 1 ? WILDCARD : new Free(count)
    return { pattern: map => (map ? makeMap(terms, values, tail) : makeSet(terms, tail)), count: count + 1 }
  }

  it('find what the search finds first', () => {
    let kinds = 0
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), fc.integer({ min: 0, max: 2 }), numbers, fc.boolean(), (parts, rest, ns, map) => {
        const { pattern, count } = build(parts, rest)
        const p = pattern(map)
        const compiled = compilePattern(p, count)
        if (compiled.kind === 'first') kinds++
        const given = parts.filter(q => q === 'ref' || typeof q === 'number')
        if (given.length < 2 || !given.includes('ref')) expect(compiled.kind).not.toBe('general')
        const target = map
          ? makeMap(
              ns,
              ns.map(n => n * 2),
            )
          : makeSet(ns)
        const refs = (): Term => 5
        const wanted = match(p, target, count, refs)
        const out: Term[] = new Array(count)
        expect(tryMatch(compiled, target, out, 0, refs)).toBe(wanted !== null)
        if (wanted === null) return
        for (let i = 0; i < count; i++) {
          if (wanted[i] === undefined) expect(out[i]).toBeUndefined()
          else expect(equal(out[i], wanted[i])).toBe(true)
        }
      }),
      { numRuns: 400 },
    )
    expect(kinds).toBeGreaterThan(50)
  })
})

describe('growing long collections', () => {
  const N = 5_000

  /** How often the elements of a collection were laid out while `work` ran: each time is linear. */
  function layouts(work: () => void): number {
    const before = laidOut.times
    work()
    return laidOut.times - before
  }

  it('never lays out what it grows, cuts and asks', () => {
    const times = layouts(() => {
      let list: Term = new List([])
      let front: Term = new List([])
      let set: Term = makeSet([])
      let map: Term = makeMap([], [])
      for (let i = 0; i < N; i++) {
        list = appended(list, new List([i]))
        front = appended(new List([i]), front)
        set = call('add', set, (i * 7919) % N)
        map = call('set', map, (i * 7919) % N, new Tuple([i]))
        map = call('set', map, i % 50, i)
        set = call('union', set, makeSet([N + i]))
        if (i % 3 === 0) set = call('delete', set, i)
        expect(equal(list, new List([]))).toBe(false)
        expect(sizeOf(list) + sizeOf(set) + sizeOf(map)).toBeGreaterThan(0)
      }
      const rest = compilePattern(new List([new Free(0)], new Free(1)), 2)
      const least = compilePattern(makeMap([new Free(0)], [new Free(1)], new Free(2)), 3)
      for (let i = 0; i < N; i++) {
        const out: Term[] = []
        expect(tryMatch(rest, list, out, 0)).toBe(true)
        expect(out[0]).toBe(i)
        list = out[1]
        sizeOf(list)
        if (i < N / 2) {
          expect(tryMatch(least, map, out, 0)).toBe(true)
          map = out[2]
        }
        expect(call('nth', front, i)).toBe(N - 1 - i)
        front = call('updated', front, i, i)
        call('contains', set, i)
        call('last', call('slice', front, 0, i + 1))
      }
      expect((list as List).count).toBe(0)
    })
    expect(times).toBe(0)
  })

  it('never lays out a process that it composes and takes apart', () => {
    const times = layouts(() => {
      let process = makePar([])
      for (let i = 0; i < N; i++) {
        process = makePar([process, new Send((i * 7919) % N, [i], false)])
        sizeOf(process)
      }
      const draw = compilePattern(makePar([new Send(new Free(0), [WILDCARD], false), new Free(1)]), 2)
      for (let i = 0; i < N - LONG; i++) {
        const out: Term[] = []
        expect(tryMatch(draw, process, out, 0)).toBe(true)
        expect(out[0]).toBe(i)
        process = out[1]
        sizeOf(process)
      }
      expect((process as Par).count).toBe(LONG)
    })
    expect(times).toBe(0)
  })

  it('lays out bytes once, when all are there', () => {
    let bytes: Term = new Bytes(new Uint8Array(0))
    const part = new Bytes(Uint8Array.from([1, 2, 3]))
    const growing = layouts(() => {
      for (let i = 0; i < 100_000; i++) {
        bytes = appended(bytes, part)
        sizeOf(bytes)
      }
    })
    expect(growing).toBe(0)
    expect(layouts(() => expect(call('nth', bytes, 299_999)).toBe(3))).toBe(1)
    expect(layouts(() => expect(call('nth', bytes, 150_000)).toBe(1))).toBe(0)
  })

  it('keeps trees as shallow as their size allows', () => {
    let list: Term = new List([0])
    for (let i = 1; i < N; i++) list = appended(list, new List([i]))
    expect((list as LongList).tree.height).toBeLessThan(1.45 * Math.log2(N / 16))
    expect(treeOf((list as List).items).height).toBeLessThanOrEqual(Math.ceil(Math.log2(N / LEAF)))
  })

  it('hashes and measures elements that are deep without the host stack, as an array would', () => {
    const deep = (n: number): Term => {
      let t: Term = n
      for (let i = 0; i < 20_000; i++) t = new List([t])
      return t
    }
    const items = Array.from({ length: 3 }, (_, i) => deep(i))
    const more: Term[] = Array.from({ length: 100 }, (_, i) => i)
    const long = appended(appended(new List(more), new List(items)), new List(more))
    same(long, new List([...more, ...items.map((_, i) => deep(i)), ...more]))
    expect(equal(call('take', long, 150), new List([...more, ...items, ...more.slice(0, 47)]))).toBe(true)
  })

  it('asks names only for what is new in them', () => {
    const times = layouts(() => {
      let set: Term = makeSet([])
      const hashes = new Set<number>()
      for (let i = 0; i < 1_000; i++) {
        set = call('add', set, i)
        hashes.add(hashOf(set))
      }
      expect(hashes.size).toBe(1_000)
    })
    expect(times).toBe(0)
  })

  it('becomes an array again when little is left', () => {
    const long = appended(new List(Array.from({ length: LONG }, (_, i) => i)), new List([new Float(Number.NaN)]))
    expect(long).toBeInstanceOf(LongList)
    expect((long as List).flags).toBe(Flag.NaN)
    const short = call('take', long, LEAF)
    expect(short).not.toBeInstanceOf(LongList)
    expect((short as List).flags).toBe(0)
  })
})
