/**
 * A second opinion on what small programs may do: cells in a bag, rewritten by the rules of rholang.md section 6 one COMM at a time, all possibilities explored.
 * Independent of the engine: a term type of its own, substitution by hand, no scheduler, no queue. Only for small terms.
 *
 * Alphabet: two public names, names made by `new`, the values 0 and 1 and names as values, send, linear, persistent and peek receive of one value, join of two
 * linear binds, `|`, `new`, `Nil`.
 */

/** A name or value: a public name, a number, a bound variable (de Bruijn), or a name made at run time. */
export type Name =
  | { readonly k: 'public'; readonly name: string }
  | { readonly k: 'number'; readonly n: number }
  | { readonly k: 'var'; readonly index: number }
  | { readonly k: 'made'; readonly id: number }

export type Arrow = 'linear' | 'persistent' | 'peek'

export type Term =
  | { readonly k: 'nil' }
  | { readonly k: 'par'; readonly left: Term; readonly right: Term }
  | { readonly k: 'send'; readonly on: Name; readonly value: Name }
  | { readonly k: 'receive'; readonly arrow: Arrow; readonly on: Name; readonly body: Term }
  /** Both binds linear; in the body variable 1 is that of the first bind, 0 that of the second. */
  | { readonly k: 'join'; readonly first: Name; readonly second: Name; readonly body: Term }
  | { readonly k: 'new'; readonly body: Term }

export const NIL: Term = { k: 'nil' }

/** Nodes of the syntax tree. */
export function sizeOf(t: Term): number {
  switch (t.k) {
    case 'nil':
      return 1
    case 'par':
      return 1 + sizeOf(t.left) + sizeOf(t.right)
    case 'send':
      return 3
    case 'receive':
      return 2 + sizeOf(t.body)
    case 'join':
      return 3 + sizeOf(t.body)
    case 'new':
      return 1 + sizeOf(t.body)
  }
}

function inName(n: Name, depth: number, by: readonly Name[]): Name {
  if (n.k !== 'var' || n.index < depth) return n
  const i = n.index - depth
  return i < by.length ? by[i] : { k: 'var', index: n.index - by.length }
}

/** The variables 0 … become the given names, which are closed. */
function put(t: Term, by: readonly Name[], depth = 0): Term {
  switch (t.k) {
    case 'nil':
      return t
    case 'par':
      return { k: 'par', left: put(t.left, by, depth), right: put(t.right, by, depth) }
    case 'send':
      return { k: 'send', on: inName(t.on, depth, by), value: inName(t.value, depth, by) }
    case 'receive':
      return { k: 'receive', arrow: t.arrow, on: inName(t.on, depth, by), body: put(t.body, by, depth + 1) }
    case 'join':
      return { k: 'join', first: inName(t.first, depth, by), second: inName(t.second, depth, by), body: put(t.body, by, depth + 2) }
    case 'new':
      return { k: 'new', body: put(t.body, by, depth + 1) }
  }
}

/** A cell: a send, a receive or a join whose names are closed. */
type Cell = Extract<Term, { k: 'send' | 'receive' | 'join' }>

interface State {
  readonly cells: readonly Cell[]
  /** Names made so far. */
  readonly made: number
}

/** What stands at the top of a term goes into the bag; `new` makes its name at once: nothing can observe when. */
function pour(t: Term, into: Cell[], made: number): number {
  switch (t.k) {
    case 'nil':
      return made
    case 'par':
      return pour(t.right, into, pour(t.left, into, made))
    case 'new':
      return pour(put(t.body, [{ k: 'made', id: made }]), into, made + 1)
    default:
      into.push(t)
      return made
  }
}

function same(a: Name, b: Name): boolean {
  if (a.k !== b.k) return false
  if (a.k === 'public') return a.name === (b as typeof a).name
  if (a.k === 'number') return a.n === (b as typeof a).n
  return a.k === 'made' && a.id === (b as typeof a).id
}

/** Every state that one COMM leads to. */
function steps(s: State): State[] {
  const out: State[] = []
  const go = (without: readonly number[], body: Term, names: readonly Name[]): void => {
    const cells = s.cells.filter((_, i) => !without.includes(i))
    out.push({ made: pour(put(body, names), cells, s.made), cells })
  }
  s.cells.forEach((c, i) => {
    if (c.k === 'send') return
    s.cells.forEach((d, j) => {
      if (d.k !== 'send') return
      if (c.k === 'receive') {
        if (!same(c.on, d.on)) return
        go(c.arrow === 'linear' ? [i, j] : c.arrow === 'peek' ? [i] : [j], c.body, [d.value])
        return
      }
      if (!same(c.first, d.on)) return
      s.cells.forEach((e, k) => {
        if (e.k === 'send' && k !== j && same(c.second, e.on)) go([i, j, k], c.body, [e.value, d.value])
      })
    })
  })
  return out
}

function nameText(n: Name, made: Map<number, string>): string {
  switch (n.k) {
    case 'public':
      return `@"${n.name}"`
    case 'number':
      return `@${n.n}`
    case 'var':
      return `?${n.index}`
    case 'made': {
      let text = made.get(n.id)
      if (text === undefined) made.set(n.id, (text = `#${made.size}`))
      return text
    }
  }
}

function cellText(t: Term, made: Map<number, string>): string {
  switch (t.k) {
    case 'nil':
      return '0'
    case 'par':
      return `(${cellText(t.left, made)}|${cellText(t.right, made)})`
    case 'send':
      return `${nameText(t.on, made)}!(${nameText(t.value, made)})`
    case 'receive':
      return `${nameText(t.on, made)}${t.arrow[0]}.${cellText(t.body, made)}`
    case 'join':
      return `${nameText(t.first, made)}&${nameText(t.second, made)}.${cellText(t.body, made)}`
    case 'new':
      return `v.${cellText(t.body, made)}`
  }
}

/** A text that is equal for equal bags (made names renamed by first appearance after sorting with names masked: finer than needed is harmless). */
function keyOf(s: State): string {
  const masked = s.cells.map(c => [cellText(c, new Map()), c] as const).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  const made = new Map<number, string>()
  return masked.map(([, c]) => cellText(c, made)).join(' ')
}

/** What can be seen at rest: messages on public names (values that were made are `#`), and how many receives wait. */
function outcomeOf(s: State): string {
  const data: string[] = []
  let waiting = 0
  let serving = 0
  const show = (n: Name): string => (n.k === 'made' ? '#' : nameText(n, new Map()))
  for (const c of s.cells) {
    if (c.k === 'send') {
      if (c.on.k !== 'made') data.push(`${show(c.on)}!(${show(c.value)})`)
    } else if (c.k === 'receive' && c.arrow === 'persistent') serving++
    else waiting++
  }
  return `${data.sort().join(' ')} waiting ${waiting} serving ${serving}`
}

/** What a term may do. */
export interface Possible {
  /** All outcomes at rest. */
  readonly outcomes: ReadonlySet<string>
  /** Some run never comes to rest. */
  readonly endless: boolean
}

/** All runs of a term; null: it has more than `statesMax` states. */
export function explore(term: Term, statesMax = 150): Possible | null {
  const cells: Cell[] = []
  const first: State = { made: pour(term, cells, 0), cells }
  const edges = new Map<string, string[]>([[keyOf(first), []]])
  const work = [first]
  const found = new Set<string>()
  while (work.length > 0) {
    const s = work.pop() as State
    const next = steps(s)
    const out = edges.get(keyOf(s)) as string[]
    if (next.length === 0) found.add(outcomeOf(s))
    for (const n of next) {
      const key = keyOf(n)
      out.push(key)
      if (edges.has(key)) continue
      if (edges.size >= statesMax) return null
      edges.set(key, [])
      work.push(n)
    }
  }
  // Take away states whose successors are all gone; a cycle stays.
  const before = new Map<string, string[]>()
  const left = new Map<string, number>()
  const ended: string[] = []
  for (const [key, out] of edges) {
    left.set(key, out.length)
    if (out.length === 0) ended.push(key)
    for (const to of out) before.set(to, [...(before.get(to) ?? []), key])
  }
  let gone = 0
  for (let key = ended.pop(); key !== undefined; key = ended.pop()) {
    gone++
    for (const from of before.get(key) ?? []) {
      const n = (left.get(from) as number) - 1
      left.set(from, n)
      if (n === 0) ended.push(from)
    }
  }
  return { outcomes: found, endless: gone < edges.size }
}

/** The same term as source text. */
export function source(t: Term, depth = 0): string {
  const name = (n: Name): string => (n.k === 'var' ? `x${depth - 1 - n.index}` : nameText(n, new Map()))
  const value = (n: Name): string => (n.k === 'public' ? `"${n.name}"` : n.k === 'number' ? String(n.n) : `*${name(n)}`)
  switch (t.k) {
    case 'nil':
      return 'Nil'
    case 'par':
      return `{ ${source(t.left, depth)} | ${source(t.right, depth)} }`
    case 'send':
      return `${name(t.on)}!(${value(t.value)})`
    case 'receive':
      return `for (x${depth} ${t.arrow === 'linear' ? '<-' : t.arrow === 'peek' ? '<<-' : '<='} ${name(t.on)}) { ${source(t.body, depth + 1)} }`
    case 'join':
      return `for (x${depth} <- ${name(t.first)} & x${depth + 1} <- ${name(t.second)}) { ${source(t.body, depth + 2)} }`
    case 'new':
      return `new x${depth} in { ${source(t.body, depth + 1)} }`
  }
}

const PUBLIC: readonly Name[] = [
  { k: 'public', name: 'a' },
  { k: 'public', name: 'b' },
]
const NUMBERS: readonly Name[] = [
  { k: 'number', n: 0 },
  { k: 'number', n: 1 },
]

function names(depth: number): Name[] {
  return [...PUBLIC, ...Array.from({ length: depth }, (_, index): Name => ({ k: 'var', index }))]
}

/** Every term of exactly this size under `depth` variables; `|` only with its parts in order, since it commutes. */
export function* terms(size: number, depth = 0): Generator<Term> {
  if (size === 1) yield NIL
  if (size === 3) for (const on of names(depth)) for (const value of [...NUMBERS, ...names(depth)]) yield { k: 'send', on, value }
  if (size >= 3) {
    for (const body of terms(size - 2, depth + 1))
      for (const on of names(depth)) for (const arrow of ['linear', 'persistent', 'peek'] as const) yield { k: 'receive', arrow, on, body }
  }
  if (size >= 4) {
    for (const body of terms(size - 3, depth + 2))
      for (const first of names(depth))
        for (const second of names(depth))
          if (!same(first, second) && !(first.k === 'var' && second.k === 'var' && first.index === second.index))
            yield { k: 'join', first, second, body }
  }
  if (size >= 2) for (const body of terms(size - 1, depth + 1)) yield { k: 'new', body }
  for (let left = 2; left <= (size - 1) >> 1; left++) {
    // Nil beside something adds nothing: parts have at least two nodes.
    const right = size - 1 - left
    if (right < 2) continue
    for (const l of terms(left, depth)) for (const r of terms(right, depth)) yield { k: 'par', left: l, right: r }
  }
}

/** A term by chance: `size` components about, one joined with the next so that something happens. */
export function someTerm(below: (n: number) => number, size: number, depth = 0): Term {
  const name = (): Name => {
    const list = names(depth)
    return list[below(list.length)]
  }
  const value = (): Name => (below(2) === 0 ? NUMBERS[below(2)] : name())
  if (size < 3) return below(4) === 0 ? NIL : { k: 'send', on: name(), value: value() }
  switch (below(8)) {
    case 0:
      return { k: 'send', on: name(), value: value() }
    case 1:
    case 2: {
      const arrow = (['linear', 'linear', 'persistent', 'peek'] as const)[below(4)]
      return { k: 'receive', arrow, on: name(), body: someTerm(below, size - 2, depth + 1) }
    }
    case 3: {
      const first = name()
      const second = name()
      if (first.k === second.k && JSON.stringify(first) === JSON.stringify(second)) return { k: 'send', on: first, value: value() }
      return { k: 'join', first, second, body: someTerm(below, size - 3, depth + 2) }
    }
    case 4:
      return { k: 'new', body: someTerm(below, size - 1, depth + 1) }
    default: {
      const left = 1 + below(size - 2)
      return { k: 'par', left: someTerm(below, left, depth), right: someTerm(below, size - 1 - left, depth) }
    }
  }
}
