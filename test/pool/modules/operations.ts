import { threadId } from 'node:worker_threads'
import { Fault, List, type Term } from '../../../src/index.ts'

/** Operations that a test of workers loads into each of them. */

export function satAdd([a, b]: readonly Term[]): Term {
  return Math.min(100, Number(a) + Number(b))
}

/** Twice the value, a little later, with the thread that computed it. */
export async function slowly([n]: readonly Term[]): Promise<Term | Fault> {
  await new Promise(resolve => setTimeout(resolve, 3))
  return n === 13 ? new Fault('RHO516', 'no luck') : new List([2 * Number(n), threadId])
}
