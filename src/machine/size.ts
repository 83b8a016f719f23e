import { openSize, sizeOf } from '../normal/size.ts'
import { type Bind, type Branch, type Compound, type Receive, type Select, Tag, type Term, Unforgeable } from '../normal/term.ts'

/** Size of a closed value (rholang.md 16.1); constant time for what the machine sends most. */
export function sizeOfValue(t: Term): number {
  switch (typeof t) {
    case 'number':
    case 'bigint':
      return 8
    case 'boolean':
      return 4
    case 'string':
      return 4 + t.length
    default: {
      if (t instanceof Unforgeable) return 36
      const known = (t as Compound).size
      return known >= 0 ? known : sizeOf(t)
    }
  }
}

interface Uses {
  base: number
  readonly times: Map<number, number>
}

function add(to: Uses, t: Term | null, bound: number): void {
  if (t === null) return
  const { base, uses } = openSize(t)
  to.base += base
  for (const u of uses) {
    // A variable bound by the receive itself is a variable: 4. One from outside counts as its value.
    if (u.index < bound) to.base += 4 * u.times
    else to.times.set(u.index - bound, (to.times.get(u.index - bound) ?? 0) + u.times)
  }
}

function addBinds(to: Uses, binds: readonly Bind[]): void {
  for (const b of binds) {
    for (const p of b.patterns) add(to, p, 0)
    if (b.rest !== null) to.base += 4
  }
}

function addBranch(to: Uses, b: Receive | Branch): void {
  addBinds(to, b.binds)
  add(to, b.guard, b.count)
  add(to, b.body, b.count)
}

/**
 * The price of installing a receive or select: 11 + sizes of patterns, guards and bodies, captured variables counting as their values. Sources are charged by
 * the machine as it evaluates them. `node` stands below some binders of its sequence: `Bound(i)` is local `depth - 1 - i` for i < depth, capture `i - depth` beyond.
 */
export function receiveGas(node: Receive | Select, captures: number, depth: number): (regs: readonly Term[]) => number {
  const total: Uses = { base: 11, times: new Map() }
  if (node.tag === Tag.Receive) addBranch(total, node as Receive)
  else for (const b of (node as Select).branches) addBranch(total, b)
  const registers: number[] = []
  const times: number[] = []
  for (const [index, n] of total.times) {
    registers.push(index < depth ? captures + depth - 1 - index : index - depth)
    times.push(n)
  }
  const base = total.base
  if (registers.length === 0) return () => base
  return regs => {
    let price = base
    for (let i = 0; i < registers.length; i++) price += times[i] * sizeOfValue(regs[registers[i]])
    return price
  }
}
