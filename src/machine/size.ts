import { receivesOf } from '../compile/decode.ts'
import { type OpenSize, openSize, sizeOf } from '../normal/size.ts'
import { type Branch, Compound, type Node, type Receive, type Select, Tag, type Term, type Unforgeable } from '../normal/term.ts'

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
      const known = (t as Compound | Unforgeable).size
      return known >= 0 ? known : sizeOf(t)
    }
  }
}

/** Installation price of a receive or select: `base` plus `times[i]` sizes of the value in register `registers[i]`. */
export interface ReceivePrice {
  readonly base: number
  readonly registers: readonly number[]
  readonly times: readonly number[]
}

interface Uses {
  base: number
  readonly times: Map<number, number>
}

type Known = Map<Node, OpenSize>

/** Adds a part of the receive. It binds `bound` variables in that part: those stay variables. */
function add(to: Uses, t: Term | null, bound: number, known: Known): void {
  if (t === null) return
  const size = openSize(t, known)
  if (t instanceof Compound && t.free > 0) known.set(t, size)
  to.base += size.base
  for (const u of size.uses) {
    if (u.index < bound) to.base += 4 * (u.times + u.rests)
    else to.times.set(u.index - bound, (to.times.get(u.index - bound) ?? 0) + u.times)
  }
}

function addBranch(to: Uses, b: Receive | Branch, known: Known): void {
  for (const bind of b.binds) {
    for (const p of bind.patterns) add(to, p, 0, known)
    if (bind.rest !== null) to.base += 4
  }
  add(to, b.guard, b.count, known)
  add(to, b.body, b.count, known)
}

/**
 * The prices of all receives and selects of a program by the offsets of their instructions: 11 + sizes of patterns, guards and bodies, captured
 * variables counting as their values. Sources are charged by the machine as it evaluates them.
 */
export function receivePrices(words: Uint32Array): ReadonlyMap<number, ReceivePrice> {
  const prices = new Map<number, ReceivePrice>()
  const known: Known = new Map()
  for (const { at, node, depth, variables } of receivesOf(words)) {
    const total: Uses = { base: 11, times: new Map() }
    if (node.tag === Tag.Receive) addBranch(total, node as Receive, known)
    else for (const b of (node as Select).branches) addBranch(total, b, known)
    if (node.free > 0) known.set(node, openSize(node, known))
    if (prices.has(at)) continue
    const registers: number[] = []
    const times: number[] = []
    if (total.times.size > 0) {
      const captures = new Map<number, number>()
      variables.forEach((index, capture) => {
        captures.set(index, capture)
      })
      for (const [index, n] of total.times) {
        registers.push(index < depth ? variables.length + depth - 1 - index : (captures.get(index - depth) as number))
        times.push(n)
      }
    }
    prices.set(at, { base: total.base, registers, times })
  }
  return prices
}
