import { makeMap, makePar, makeSet } from '../../src/normal/build.ts'
import { compare, equal } from '../../src/normal/order.ts'
import {
  type Conn,
  type ConnNot,
  components,
  Flag,
  type Free,
  flagsOf,
  freeOf,
  List,
  type MapTerm,
  type New,
  NIL,
  type Par,
  type Rest,
  type Send,
  Tag,
  type Term,
  type TypePattern,
  tagOf,
} from '../../src/normal/term.ts'

export type Binding = ReadonlyMap<number, Term>

/**
 * The matcher as the specification reads, by trying everything: all solutions in the order of rholang.md 7.3. Recursive and exponential, for small
 * terms without references and without receives.
 */
export function* solutions(p: Term, t: Term): Generator<Binding> {
  if ((flagsOf(p) & Flag.Pattern) === 0) {
    if (equal(p, t)) yield new Map()
    return
  }
  switch (tagOf(p)) {
    case Tag.Wildcard:
      yield new Map()
      return
    case Tag.Free:
      if (freeOf(t) === 0) yield new Map([[(p as Free).index, t]])
      return
    case Tag.Type: {
      const type = (p as TypePattern).type
      if (type === 'Int' ? typeof t === 'number' || typeof t === 'bigint' : type === 'Bool' && typeof t === 'boolean') yield new Map()
      return
    }
    case Tag.ConnAnd:
      yield* all((p as Conn).parts.map(q => [q, t]))
      return
    case Tag.ConnOr:
      if ((p as Conn).parts.some(q => fits(q, t))) yield new Map()
      return
    case Tag.ConnNot:
      if (!fits((p as ConnNot).body, t)) yield new Map()
      return
    case Tag.Par:
      yield* par(p as Par, components(t))
      return
  }
  if (tagOf(p) !== tagOf(t)) return
  switch (tagOf(p)) {
    case Tag.List: {
      const a = p as List
      const b = t as List
      if (a.rest === null ? a.items.length !== b.items.length : a.items.length > b.items.length) return
      for (const s of all(a.items.map((q, i) => [q, b.items[i]]))) yield* withRest(s, a.rest, new List(b.items.slice(a.items.length)))
      return
    }
    case Tag.Tuple:
      if ((p as Par).items.length !== (t as Par).items.length) return
      yield* all((p as Par).items.map((q, i) => [q, (t as Par).items[i]]))
      return
    case Tag.Set: {
      const a = p as List
      const takers = [...a.items].sort(compare)
      yield* assign(
        takers,
        [...(t as List).items].sort(compare),
        (q, e) => solutions(q, e),
        (s, left) => (a.rest === null && left.length > 0 ? [] : withRest(s, a.rest, makeSet(left))),
      )
      return
    }
    case Tag.Map: {
      const a = p as MapTerm
      const b = t as MapTerm
      const entries = b.keys.map((k, i) => [k, b.values[i]] as const)
      // Literal keys take their entries first: no other part of the pattern can leave them another one.
      const takers = a.keys.map((k, i) => [k, a.values[i]] as const).sort((x, y) => compare(x[0], y[0]) || compare(x[1], y[1]))
      const first = takers.filter(([k]) => (flagsOf(k) & Flag.Pattern) === 0)
      const others = takers.filter(([k]) => (flagsOf(k) & Flag.Pattern) !== 0)
      yield* assign(
        [...first, ...others],
        entries,
        (q, e) =>
          all([
            [q[0], e[0]],
            [q[1], e[1]],
          ]),
        (s, left) =>
          a.rest === null && left.length > 0
            ? []
            : withRest(
                s,
                a.rest,
                makeMap(
                  left.map(e => e[0]),
                  left.map(e => e[1]),
                ),
              ),
      )
      return
    }
    case Tag.Send: {
      const a = p as Send
      const b = t as Send
      if (a.persistent !== b.persistent || a.data.length !== b.data.length) return
      yield* all([[a.chan, b.chan], ...a.data.map((q, i) => [q, b.data[i]] as [Term, Term])])
      return
    }
    case Tag.New:
      if ((p as New).count === (t as New).count) yield* solutions((p as New).body, (t as New).body)
      return
    default:
      throw new Error(`no rule for tag ${tagOf(p)}`)
  }
}

export function fits(p: Term, t: Term): boolean {
  return solutions(p, t).next().done !== true
}

function* all(pairs: readonly (readonly [Term, Term])[]): Generator<Binding> {
  if (pairs.length === 0) {
    yield new Map()
    return
  }
  const [[p, t], ...others] = pairs
  for (const s of solutions(p, t)) for (const r of all(others)) yield new Map([...s, ...r])
}

function* withRest(s: Binding, rest: Rest, value: Term): Generator<Binding> {
  if (rest !== null && rest.tag === Tag.Free) {
    if (freeOf(value) === 0) yield new Map([...s, [(rest as Free).index, value]])
  } else yield s
}

/** Gives the takers one target each, in order, and asks `finish` about what is left. */
function* assign<P, T>(
  takers: readonly P[],
  targets: readonly T[],
  fits: (p: P, t: T) => Iterable<Binding>,
  finish: (s: Binding, left: T[]) => Iterable<Binding>,
): Generator<Binding> {
  if (takers.length === 0) {
    yield* finish(new Map(), [...targets])
    return
  }
  const [p, ...others] = takers
  for (let j = 0; j < targets.length; j++) {
    const left = [...targets.slice(0, j), ...targets.slice(j + 1)]
    for (const s of fits(p, targets[j])) for (const r of assign(others, left, fits, finish)) yield new Map([...s, ...r])
  }
}

function isPlain(t: Term): boolean {
  return tagOf(t) === Tag.Free || tagOf(t) === Tag.Wildcard
}

function takesMany(t: Term): boolean {
  const tag = tagOf(t)
  return tag === Tag.ConnAnd || tag === Tag.ConnOr || tag === Tag.ConnNot
}

function* par(p: Par, targets: readonly Term[]): Generator<Binding> {
  const variables = p.items.filter(i => tagOf(i) === Tag.Free).map(i => (i as Free).index)
  const wildcard = p.items.some(i => tagOf(i) === Tag.Wildcard)
  const finish = function* (left: Term[]): Generator<Binding> {
    if (variables.length === 0) {
      if (wildcard || left.length === 0) yield new Map()
      return
    }
    const closed = left.filter(t => freeOf(t) === 0)
    if (closed.length < left.length && !wildcard) return
    const open = Math.min(...variables)
    yield new Map(variables.map(v => [v, v === open ? makePar(closed) : NIL]))
  }
  // Literals first: equal components are interchangeable.
  const takers = p.items.filter(i => !isPlain(i))
  const literal = takers.filter(i => (flagsOf(i) & Flag.Pattern) === 0)
  yield* parts([...literal, ...takers.filter(i => (flagsOf(i) & Flag.Pattern) !== 0)], targets, finish)
}

function* parts(takers: readonly Term[], targets: readonly Term[], finish: (left: Term[]) => Iterable<Binding>): Generator<Binding> {
  if (takers.length === 0) {
    yield* finish([...targets])
    return
  }
  const [p, ...others] = takers
  const sizes = takesMany(p) ? targets.map((_, i) => i).concat(targets.length) : [1]
  for (const size of sizes) {
    const tried: Term[] = []
    for (const chosen of subsets(targets.length, size)) {
      const part = makePar(chosen.map(i => targets[i]))
      if (tried.some(x => equal(x, part))) continue
      tried.push(part)
      const left = targets.filter((_, i) => !chosen.includes(i))
      for (const s of solutions(p, part)) for (const r of parts(others, left, finish)) yield new Map([...s, ...r])
    }
  }
}

function* subsets(n: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) {
    yield []
    return
  }
  for (let i = from; i <= n - size; i++) for (const s of subsets(n, size - 1, i + 1)) yield [i, ...s]
}
