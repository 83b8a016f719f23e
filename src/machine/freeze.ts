import { hashOf } from '../normal/order.ts'
import { pushAllKids } from '../normal/parts.ts'
import { sizeOf } from '../normal/size.ts'
import {
  Bundle,
  Bytes,
  Closure,
  forced,
  List,
  MapTerm,
  Node,
  Par,
  PathMap,
  SetTerm,
  type Term,
  Tuple,
  Unforgeable,
} from '../normal/term.ts'
import type { Shard } from './shard.ts'

/**
 * Make a value refuse changes: whoever is handed it and tries to write into it gets a TypeError of the host. Its caches are filled first, so that the machine
 * reads it as before. Bytes cannot be frozen by the host; they are shared only with the host itself.
 */
export function freezeValue(value: Term): void {
  const work: Term[] = [value]
  while (work.length > 0) {
    const t = work.pop() as Term
    if (typeof t !== 'object' || Object.isFrozen(t) || t instanceof Unforgeable) continue
    if (t instanceof Closure) {
      work.push(forced(t))
      for (const c of t.captures) work.push(c)
      Object.freeze(t.captures)
    } else if (t instanceof List || t instanceof Tuple || t instanceof SetTerm || t instanceof PathMap || t instanceof Par) {
      for (const item of t.items) work.push(item)
      Object.freeze(t.items)
    } else if (t instanceof MapTerm) {
      for (const k of t.keys) work.push(k)
      for (const v of t.values) work.push(v)
      Object.freeze(t.keys)
      Object.freeze(t.values)
    } else if (t instanceof Bundle) work.push(t.body)
    else if (t instanceof Node && !(t instanceof Bytes)) pushAllKids(t, work)
    hashOf(t)
    if (t.free === 0) sizeOf(t)
    Object.freeze(t)
  }
}

/** Freeze whatever is sent in a shard. For debugging: nothing may change by it. */
export function freezeSent(shard: Shard): void {
  const { kernel } = shard
  const produce = kernel.produce.bind(kernel)
  kernel.produce = (chan, values, persistent, origin) => {
    for (const v of values) freezeValue(v)
    return produce(chan, values, persistent, origin)
  }
}
