import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeBundle, makeConn, makeMap, makePar, makePathMap, makeSet } from '../../src/normal/build.ts'
import { compare, equal } from '../../src/normal/order.ts'
import { bound, Closure, type Conn, components, free, List, NIL, type Par, Send, Tag, type Term, WILDCARD } from '../../src/normal/term.ts'
import { closedTerm } from './arbitrary.ts'

const quoted = (t: Term): Closure => new Closure({ close: () => t }, [])

describe('parallel composition', () => {
  it('of nothing is the one Nil, of one component that component', () => {
    expect(makePar([])).toBe(NIL)
    expect(makePar([NIL, NIL])).toBe(NIL)
    expect(makePar([5, NIL])).toBe(5)
  })

  it('flattens compositions, also those that closures stand for', () => {
    const inner = makePar([3, 1])
    expect((makePar([2, inner]) as Par).items).toEqual([1, 2, 3])
    expect((makePar([quoted(inner), 2, quoted(NIL)]) as Par).items).toEqual([1, 2, 3])
  })

  it('keeps equal components: it is a multiset', () => {
    expect((makePar([1, 1, 1]) as Par).items.length).toBe(3)
  })

  it('does not depend on order or grouping', () => {
    fc.assert(
      fc.property(fc.array(closedTerm, { maxLength: 6 }), fc.nat(6), (items, cut) => {
        const whole = makePar(items)
        expect(equal(whole, makePar([...items].reverse()))).toBe(true)
        expect(equal(whole, makePar([makePar(items.slice(0, cut)), makePar(items.slice(cut))]))).toBe(true)
        const sorted = components(whole)
        for (let i = 1; i < sorted.length; i++) expect(compare(sorted[i - 1], sorted[i])).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('takes 65 537 components', () => {
    const items = Array.from({ length: 65_537 }, (_, i) => new Send(65_537 - i, [], false))
    expect((makePar(items) as Par).items.length).toBe(65_537)
  })
})

describe('sets and maps', () => {
  it('of values are sorted and free of duplicates', () => {
    expect(makeSet([2, 'a', true, 1, 2]).items).toEqual([true, 1, 2, 'a'])
  })

  it('keep the last of equal keys', () => {
    const m = makeMap(['b', 'a', 'b'], [1, 2, 3])
    expect([m.keys, m.values]).toEqual([
      ['a', 'b'],
      [2, 3],
    ])
  })

  it('take any closed process as element or key', () => {
    const send = new Send('c', [1], false)
    expect(makeSet([send, NIL, new Send('c', [1], false)]).items.length).toBe(2)
    expect(makeMap([send, NIL, send], [1, 2, 3]).values).toEqual([2, 3])
  })

  it('with variables, expressions or pattern parts keep the order of the source and their duplicates', () => {
    expect(makeSet([2, bound(0), 1]).items).toEqual([2, bound(0), 1])
    expect(makeSet([WILDCARD, WILDCARD]).items.length).toBe(2)
    expect(makeSet([2, free(0), 1]).items).toEqual([2, free(0), 1])
    expect(makeMap([2, bound(0), 2], [7, 8, 9]).values).toEqual([7, 8, 9])
  })

  it('sort a map by its keys even if values are patterns', () => {
    expect(makeMap(['b', 'a'], [WILDCARD, free(0)]).keys).toEqual(['a', 'b'])
  })

  it('file elements of a pathmap under their paths, the last of equal paths stays', () => {
    const p = makePathMap(['b', new List(['a', 1]), new List(['b']), new List(['a'])])
    expect(p.items).toEqual([new List(['a']), new List(['a', 1]), new List(['b'])])
  })
})

describe('bundles and connectives', () => {
  it('AND the rights of nested bundles', () => {
    const b = makeBundle(2, makeBundle(1, 5))
    expect([b.rights, b.body]).toEqual([0, 5])
    expect(makeBundle(3, quoted(makeBundle(2, 5))).rights).toBe(2)
    expect(makeBundle(3, makePar([makeBundle(2, 5), 1])).rights).toBe(3)
  })

  it('flatten chains of one connective only', () => {
    const and = makeConn(Tag.ConnAnd, [1, 2])
    expect((makeConn(Tag.ConnAnd, [and, 3]) as Conn).parts).toEqual([1, 2, 3])
    expect((makeConn(Tag.ConnOr, [and, 3]) as Conn).parts).toEqual([and, 3])
  })
})
