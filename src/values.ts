import { makeMap } from './normal/build.ts'
import {
  BigInteger,
  BigRat,
  Bytes,
  Fixed,
  Float,
  forced,
  isNode,
  List,
  MapTerm,
  NIL,
  SetTerm,
  type Term,
  Tuple,
  Uri,
} from './normal/term.ts'

/** JavaScript values that have a counterpart in Rholang; every `Term` is one. */
export type Value = Term | null | undefined | Uint8Array | readonly Value[] | ReadonlyMap<Value, Value> | { readonly [key: string]: Value }

/**
 * The term of a JavaScript value: numbers that are integers and bigints within 64 bits are Ints, other numbers Floats, larger bigints BigInts; arrays are lists,
 * objects and Maps are maps, null and undefined are Nil, a Uint8Array is a ByteArray. Terms stay what they are. Nothing recurses.
 * @throws TypeError for functions, symbols and values that contain themselves
 */
export function fromJs(value: Value): Term {
  const leaf = leafOf(value)
  if (leaf !== undefined) return leaf
  interface Frame {
    readonly source: object
    readonly keys: Term[] | null
    readonly parts: readonly Value[]
    readonly done: Term[]
  }
  const open = new Set<object>()
  const frames: Frame[] = []
  const enter = (v: object): void => {
    if (open.has(v)) throw new TypeError('a value that contains itself has no term')
    open.add(v)
    if (Array.isArray(v)) frames.push({ source: v, keys: null, parts: v as Value[], done: [] })
    else if (v instanceof Map)
      frames.push({ source: v, keys: [...v.keys()].map(k => fromJs(k as Value)), parts: [...v.values()] as Value[], done: [] })
    else frames.push({ source: v, keys: Object.keys(v), parts: Object.values(v) as Value[], done: [] })
  }
  enter(value as object)
  for (;;) {
    const top = frames[frames.length - 1]
    if (top.done.length < top.parts.length) {
      const part = top.parts[top.done.length]
      const known = leafOf(part)
      if (known !== undefined) top.done.push(known)
      else enter(part as object)
      continue
    }
    const built = top.keys === null ? new List(top.done) : makeMap(top.keys, top.done)
    open.delete(top.source)
    frames.pop()
    if (frames.length === 0) return built
    frames[frames.length - 1].done.push(built)
  }
}

function leafOf(v: Value): Term | undefined {
  switch (typeof v) {
    case 'number':
      return Number.isSafeInteger(v) ? (v === 0 ? 0 : v) : new Float(v)
    case 'bigint':
      if (v >= BigInt(Number.MIN_SAFE_INTEGER) && v <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(v)
      return BigInt.asIntN(64, v) === v ? v : new BigInteger(v)
    case 'string':
    case 'boolean':
      return v
    case 'undefined':
      return NIL
    case 'object':
      if (v === null) return NIL
      if (isNode(v)) return v
      return v instanceof Uint8Array ? new Bytes(v.slice()) : undefined
    default:
      throw new TypeError(`a ${typeof v} has no term`)
  }
}

/**
 * The JavaScript value of a term: lists, tuples and sets are arrays, maps with String keys are objects (others Maps), Nil is null, numbers of every kind are
 * numbers or bigints where that loses nothing. Names and code stay terms: hand them back, print them with `show`. Nothing recurses.
 */
export function toJs(term: Term): unknown {
  interface Frame {
    readonly keys: unknown[] | null
    readonly parts: readonly Term[]
    readonly done: unknown[]
  }
  const frames: Frame[] = []
  let t: Term = forced(term)
  for (;;) {
    let value: unknown = t
    if (t instanceof List || t instanceof Tuple || t instanceof SetTerm) {
      frames.push({ keys: null, parts: t.items, done: [] })
      value = frames
    } else if (t instanceof MapTerm) {
      frames.push({ keys: t.keys.map(k => (typeof k === 'string' ? k : toJs(k))), parts: t.values, done: [] })
      value = frames
    } else if (t instanceof Bytes) value = t.bytes.slice()
    else if (t instanceof Float || t instanceof BigInteger) value = t.value
    else if (t instanceof Uri) value = t.text
    else if (t instanceof BigRat || t instanceof Fixed) value = t
    else if (t === NIL) value = null
    if (value !== frames) {
      if (frames.length === 0) return value
      frames[frames.length - 1].done.push(value)
    }
    for (;;) {
      const top = frames[frames.length - 1]
      if (top.done.length < top.parts.length) {
        t = forced(top.parts[top.done.length])
        break
      }
      frames.pop()
      const built = top.keys === null ? top.done : keyed(top.keys, top.done)
      if (frames.length === 0) return built
      frames[frames.length - 1].done.push(built)
    }
  }
}

function keyed(keys: readonly unknown[], values: readonly unknown[]): unknown {
  if (keys.every(k => typeof k === 'string' && k !== '__proto__')) return Object.fromEntries(keys.map((k, i) => [k, values[i]]))
  return new Map(keys.map((k, i) => [k, values[i]]))
}
