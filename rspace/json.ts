/**
 * The ready-made preset: channels, data, patterns and bodies are JSON values (with bigint), patterns are data too, so that they survive a restart.
 *
 * Data are copied, checked and frozen on entry. Patterns: a literal fits itself, an object fits any object that has at least its fields, an array fits an
 * array of its length; `_` fits anything, `v.name` binds, `exact({…})` allows no other fields, `rest('r')` takes the remaining elements of an array, and
 * `{ $gt, $gte, $lt, $lte, $in, $type, $or, $and, $not }` compare. `lit(x)` fits exactly x, whatever its fields are called.
 */
import { BadArgument, RhizomeError } from './errors.ts'

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type Bindings = Readonly<Record<string, JsonValue>>
export interface JsonTypes {
  C: JsonValue
  P: JsonValue
  A: JsonValue
  K: JsonValue
  R: Bindings
  G: JsonValue
}

/** `$or`, `$and`, `$not` and guards may nest this deep. Plain data and patterns may be any depth. */
const OPERATOR_DEPTH_MAX = 64

/** Fits anything. */
export const _: JsonValue = Object.freeze({ $any: true })
/** Frozen values of our own: they need no copy. */
const CONSTANTS = new WeakSet<object>([_ as object])
const variables = new Map<string, JsonValue>()
/** More names are not remembered: programs have few. */
const VARIABLES_MAX = 1000
function variable(name: string): JsonValue {
  let found = variables.get(name)
  if (found === undefined) {
    found = Object.freeze({ $var: name })
    if (variables.size < VARIABLES_MAX && wellFormed(name)) {
      variables.set(name, found)
      CONSTANTS.add(found)
    }
  }
  return found
}
/** Asked for names that have not been asked for before; the others are found without it. */
const newNames = new Proxy(Object.freeze({}) as Record<string, JsonValue>, {
  get(_target, name) {
    if (typeof name !== 'string') return undefined
    const found = variable(name)
    if (CONSTANTS.has(found as object)) Object.defineProperty(v, name, { value: found })
    return found
  },
})
/** `v.name` fits anything and binds it to `name`. */
export const v: Readonly<Record<string, JsonValue>> = Object.create(newNames) as Record<string, JsonValue>
/** An object pattern that allows no fields beside those given. */
export const exact = (fields: JsonValue): JsonValue => ({ $exact: fields })
/** As last element of an array pattern: the remaining elements, bound to `name`. */
export const rest = (name: string): JsonValue => ({ $rest: name })
/** Fits exactly this value. */
export const lit = (value: JsonValue): JsonValue => ({ $lit: value })

type Obj = { readonly [key: string]: JsonValue }
const isObject = (x: JsonValue | undefined): x is Obj => typeof x === 'object' && x !== null && !Array.isArray(x)

/** The characters of shorter ones are looked at one by one. */
const SHORT_TEXT = 64

function describe(x: unknown): string {
  if (x === null) return 'null'
  if (typeof x === 'number') return String(x)
  return typeof x === 'object' ? ((x as object).constructor?.name ?? 'object') : typeof x
}

function wellFormed(s: string): boolean {
  if (s.length > SHORT_TEXT) return (s as string & { isWellFormed(): boolean }).isWellFormed()
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i)
    if (c < 0xd800 || c > 0xdfff) continue
    if (c > 0xdbff || i + 1 === s.length) return false
    const next = s.charCodeAt(++i)
    if (next < 0xdc00 || next > 0xdfff) return false
  }
  return true
}

const DOLLAR = 36

function setField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/**
 * A frozen private copy with sorted keys.
 * @throws BadArgument for undefined, NaN, infinities, functions, symbols, class instances, sparse arrays, cycles and lone surrogates
 */
export function copyJson(value: unknown, bytesMax = Number.POSITIVE_INFINITY): JsonValue {
  const tooLarge = (): RhizomeError =>
    new RhizomeError('LIMIT', `a record may have at most ${bytesMax} bytes`, { details: { limit: 'recordBytesMax', max: bytesMax } })
  const scalar = leaf(value)
  if (scalar !== undefined) {
    if (typeof scalar === 'string' && scalar.length > bytesMax) throw tooLarge()
    return scalar
  }
  quickSize = 0
  const quick = copyQuickly(value as object, QUICK_DEPTH)
  if (quick !== undefined) {
    if (quickSize > bytesMax) throw tooLarge()
    return quick
  }
  let size = 0
  const open = new Set<unknown>()
  interface Frame {
    from: unknown
    to: Record<string, unknown> | unknown[]
    keys: string[] | null
    i: number
  }
  const enter = (from: object): Frame => {
    if (open.has(from)) throw new BadArgument('a value that contains itself cannot be stored')
    open.add(from)
    if (Array.isArray(from)) return { from, to: new Array(from.length), keys: null, i: 0 }
    const proto = Object.getPrototypeOf(from)
    if (proto !== Object.prototype && proto !== null) throw new BadArgument(`a ${describe(from)} is not plain data`)
    if (Object.getOwnPropertySymbols(from).length > 0) throw new BadArgument('keys must be strings')
    return { from, to: {}, keys: Object.keys(from).sort(), i: 0 }
  }
  const stack: Frame[] = [enter(value as object)]
  let done: unknown
  for (;;) {
    const f = stack[stack.length - 1]
    const length = f.keys === null ? (f.from as unknown[]).length : f.keys.length
    if (f.i === length) {
      open.delete(f.from)
      done = Object.freeze(f.to)
      stack.pop()
      if (stack.length === 0) return done as JsonValue
      const parent = stack[stack.length - 1]
      if (parent.keys === null) (parent.to as unknown[])[parent.i] = done
      else setField(parent.to as Record<string, unknown>, parent.keys[parent.i], done)
      parent.i++
      continue
    }
    const key = f.keys === null ? '' : f.keys[f.i]
    if (f.keys === null && !(f.i in (f.from as unknown[]))) throw new BadArgument('an array with holes cannot be stored')
    if (f.keys !== null && !wellFormed(key)) throw new BadArgument('a key contains half a surrogate pair')
    const item = f.keys === null ? (f.from as unknown[])[f.i] : (f.from as Record<string, unknown>)[key]
    const plain = leaf(item)
    size += key.length + (typeof item === 'string' ? item.length : 8)
    if (size > bytesMax) throw tooLarge()
    if (plain === undefined) {
      stack.push(enter(item as object))
      continue
    }
    if (f.keys === null) (f.to as unknown[])[f.i] = plain
    else setField(f.to as Record<string, unknown>, key, plain)
    f.i++
  }
}

/** Most values are small and shallow: they are copied without a list of what is open. */
const QUICK_DEPTH = 6
const QUICK_PARTS = 32
let quickSize = 0
/** Undefined: it is large or deep, or something is wrong with it that the long way will tell. */
function copyQuickly(from: object, depth: number): JsonValue | undefined {
  if (depth === 0) return undefined
  if (Array.isArray(from)) {
    if (from.length > QUICK_PARTS) return undefined
    const to: JsonValue[] = []
    for (let i = 0; i < from.length; i++) {
      const part = copyPart(from[i], depth)
      if (part === undefined) return undefined
      to.push(part)
    }
    return Object.freeze(to)
  }
  if (Object.getPrototypeOf(from) !== Object.prototype || Object.getOwnPropertySymbols(from).length > 0) return undefined
  const to: Record<string, JsonValue> = {}
  let path: Path | undefined = NO_KEYS_YET
  const before = quickSize
  for (const key in from) {
    path = path.next !== null && path.next.key === key ? path.next : afterwards(path, key)
    if (path === undefined || !owns.call(from, key)) return undefined
    if (path.isDollar && CONSTANTS.has(from)) return from as JsonValue
    if (!path.isSorted) continue
    const part = copyPart((from as Record<string, unknown>)[key], depth)
    if (part === undefined) return undefined
    quickSize += key.length
    to[key] = part
  }
  if (path.isSorted) return Object.freeze(to)
  quickSize = before
  return copySorted(from as Record<string, unknown>, path.sorted, depth)
}

function copySorted(from: Record<string, unknown>, keys: readonly string[], depth: number): JsonValue | undefined {
  const to: Record<string, JsonValue> = {}
  for (const key of keys) {
    const part = copyPart(from[key], depth)
    if (part === undefined) return undefined
    quickSize += key.length
    to[key] = part
  }
  return Object.freeze(to)
}

/** Inside a loop over the keys of an object this costs nothing, unlike `Object.hasOwn`. */
const owns = Object.prototype.hasOwnProperty

/** Keys as they follow each other, the last of which is `key`: objects that are made at one place have the same. */
class Path {
  readonly key: string
  readonly length: number
  readonly isSorted: boolean
  private readonly before: Path | null
  private inOrder: readonly string[] | null = null
  /** Whether it is the only key of a constant. */
  readonly isDollar: boolean
  private readonly others: Path[] = []
  /** The key that came next the last time. */
  next: Path | null = null
  constructor(key: string, before: Path | null) {
    const length = before === null ? 0 : before.length + 1
    this.key = key
    this.length = length
    this.before = before
    this.isSorted = before === null || (before.isSorted && (length === 1 || before.key < key))
    this.isDollar = length === 1 && key.charCodeAt(0) === DOLLAR
  }
  /** All its keys. */
  get sorted(): readonly string[] {
    if (this.inOrder === null) {
      const keys: string[] = []
      for (let path: Path = this; path.before !== null; path = path.before) keys.push(path.key)
      this.inOrder = keys.sort()
    }
    return this.inOrder
  }
  find(key: string): Path | undefined {
    const found = this.others.find(p => p.key === key)
    if (found !== undefined) this.next = found
    return found
  }
  add(path: Path): void {
    this.others.push(path)
    this.next = path
  }
  get isWide(): boolean {
    return this.others.length >= FORKS_MAX
  }
}
const NO_KEYS_YET = new Path('', null)
/** Programs have few kinds of objects with short keys; the others are not remembered. */
const FORKS_MAX = 16
const PATHS_MAX = 1024
let paths = 0
/** Undefined: the key cannot be stored, or there are too many. */
function afterwards(path: Path, key: string): Path | undefined {
  const known = path.find(key)
  if (known !== undefined) return known
  if (path.length === QUICK_PARTS || key === '__proto__' || !wellFormed(key)) return undefined
  const next = new Path(key, path)
  if (paths < PATHS_MAX && !path.isWide && key.length <= SHORT_TEXT) {
    paths++
    path.add(next)
  }
  return next
}

/** Whether a copy of `value` would be what `known`, a copy, is. Of values with parts that have parts it may say no. */
function isCopyOf(known: JsonValue, value: JsonValue): boolean {
  if (known === value) return true
  if (!isObject(known) || !isObject(value)) return false
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0) return false
  let more = 0
  for (const key in value) {
    const part = value[key]
    // What is not there is undefined, and some things are inherited.
    const mayMislead = part === undefined || typeof part === 'object' || typeof part === 'function'
    if (part !== known[key] || (mayMislead && !Object.hasOwn(known, key))) return false
    more++
  }
  for (const _key in known) more--
  return more === 0
}

function copyPart(part: unknown, depth: number): JsonValue | undefined {
  if (part === undefined) return undefined
  const plain = leaf(part)
  if (plain === undefined) {
    quickSize += 8
    return copyQuickly(part as object, depth - 1)
  }
  quickSize += typeof plain === 'string' ? plain.length : 8
  return plain
}

/** The value itself if it has no parts; undefined for arrays and objects. */
function leaf(x: unknown): JsonValue | undefined {
  switch (typeof x) {
    case 'string':
      if (!wellFormed(x)) throw new BadArgument('a string contains half a surrogate pair')
      return x
    case 'number':
      if (!Number.isFinite(x)) throw new BadArgument(`${x} is not a JSON number`)
      return x === 0 ? 0 : x
    case 'boolean':
    case 'bigint':
      return x
    case 'object':
      return x === null ? null : undefined
    case 'undefined':
      throw new BadArgument('undefined cannot be stored', { hint: 'Leave the field out, or give null.' })
    case 'function':
      throw new BadArgument('a function cannot be stored', {
        hint: 'Patterns and guards are data: { age: { $gte: 18 } }, where: { $gt: [v.a, v.b] }; a body names its handler.',
      })
    default:
      throw new BadArgument(`a ${describe(x)} cannot be stored`)
  }
}

const TEXT = new TextEncoder()
const UNTEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Punctuation {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Canonical text: keys in UTF-16 order, shortest numbers, bigint as `{"$big":"…"}`, keys that begin with `$` doubled. */
export function canonicalText(value: JsonValue): string {
  const out: string[] = []
  const work: (JsonValue | Punctuation)[] = [value]
  while (work.length > 0) {
    const x = work.pop() as JsonValue | Punctuation
    if (x instanceof Punctuation) out.push(x.text)
    else if (typeof x === 'bigint') out.push(`{"$big":"${x}"}`)
    else if (Array.isArray(x)) {
      out.push('[')
      work.push(new Punctuation(']'))
      for (let i = x.length - 1; i >= 0; i--) {
        work.push(x[i])
        if (i > 0) work.push(new Punctuation(','))
      }
    } else if (isObject(x)) {
      const keys = Object.keys(x).sort()
      out.push('{')
      work.push(new Punctuation('}'))
      for (let i = keys.length - 1; i >= 0; i--) {
        const key = keys[i].startsWith('$') ? '$' + keys[i] : keys[i]
        work.push(x[keys[i]], new Punctuation(`${i > 0 ? ',' : ''}${JSON.stringify(key)}:`))
      }
    } else out.push(JSON.stringify(x))
  }
  return out.join('')
}

/** Undo `canonicalText` on parsed JSON: tagged bigints and doubled dollars; a frozen copy. */
function revive(parsed: unknown): JsonValue {
  interface Frame {
    from: Record<string, unknown> | unknown[]
    to: Record<string, unknown> | unknown[]
    keys: string[] | null
    i: number
  }
  const enter = (x: unknown): Frame | { value: JsonValue } => {
    if (typeof x !== 'object' || x === null) return { value: x as JsonValue }
    if (Array.isArray(x)) return { from: x, to: [], keys: null, i: 0 }
    const keys = Object.keys(x)
    const big = (x as Record<string, unknown>).$big
    if (keys.length === 1 && keys[0] === '$big' && typeof big === 'string' && /^(0|-?[1-9][0-9]*)$/.test(big)) return { value: BigInt(big) }
    return { from: x as Record<string, unknown>, to: {}, keys, i: 0 }
  }
  const first = enter(parsed)
  if ('value' in first) return first.value
  const stack: Frame[] = [first]
  for (;;) {
    const f = stack[stack.length - 1]
    const length = f.keys === null ? (f.from as unknown[]).length : f.keys.length
    if (f.i === length) {
      const done = Object.freeze(f.to) as JsonValue
      stack.pop()
      if (stack.length === 0) return done
      put(stack[stack.length - 1], done)
      continue
    }
    const item = enter(f.keys === null ? (f.from as unknown[])[f.i] : (f.from as Record<string, unknown>)[f.keys[f.i]])
    if ('value' in item) put(f, item.value)
    else stack.push(item)
  }
  function put(f: Frame, value: JsonValue): void {
    if (f.keys === null) (f.to as unknown[]).push(value)
    else {
      const key = f.keys[f.i]
      if (key.startsWith('$') && !key.startsWith('$$')) throw new RhizomeError('CODEC', `unknown tag ${key} in stored JSON`)
      setField(f.to as Record<string, unknown>, key.startsWith('$') ? key.slice(1) : key, value)
    }
    f.i++
  }
}

/** Strings as they are, which is what channels are mostly named by; other values begin with a character that keeps them apart. */
function jsonKey(value: JsonValue): string {
  if (typeof value !== 'string') return `\u0000${canonicalText(value)}`
  return value.charCodeAt(0) <= 1 ? `\u0001${value}` : value
}

export const jsonCodec = Object.freeze({
  id: 'rhz-json-1',
  encode: (value: JsonValue): Uint8Array => TEXT.encode(canonicalText(value)),
  encodeInto(value: JsonValue, into: Uint8Array, at: number): number {
    const text = canonicalText(value)
    if (at + text.length > into.length) return -1
    if (text.length <= SHORT_TEXT) {
      let i = 0
      for (; i < text.length; i++) {
        const c = text.charCodeAt(i)
        if (c > 127) break
        into[at + i] = c
      }
      if (i === text.length) return at + i
    }
    const { read, written } = TEXT.encodeInto(text, into.subarray(at))
    return read === text.length ? at + written : -1
  },
  decode(bytes: Uint8Array): JsonValue {
    let text: string
    let value: JsonValue
    try {
      text = UNTEXT.decode(bytes)
      value = revive(JSON.parse(text))
    } catch (cause) {
      if (cause instanceof RhizomeError) throw cause
      throw new RhizomeError('CODEC', 'the bytes are not JSON', { cause })
    }
    if (canonicalText(value) !== text) throw new RhizomeError('CODEC', 'the bytes are JSON, but not its canonical form')
    return value
  },
  copy: copyJson,
  isCopyOf,
  key: jsonKey,
})

// ------------------------------------------------------------------------------------------------------ patterns

const COMPARISONS = new Set(['$gt', '$gte', '$lt', '$lte'])
const TYPES = new Set(['null', 'boolean', 'number', 'bigint', 'string', 'array', 'object'])
const typeOf = (x: JsonValue): string => (x === null ? 'null' : Array.isArray(x) ? 'array' : typeof x)

/** −1, 0, 1, or undefined if the two cannot be ordered. Numbers and bigints compare by value, strings by code unit. */
function compare(a: JsonValue, b: JsonValue): number | undefined {
  const numeric = (x: JsonValue): x is number | bigint => typeof x === 'number' || typeof x === 'bigint'
  if ((numeric(a) && numeric(b)) || (typeof a === 'string' && typeof b === 'string')) return a < b ? -1 : a > b ? 1 : 0
  return undefined
}

function holds(operator: string, a: JsonValue, b: JsonValue): boolean {
  const c = compare(a, b)
  if (c === undefined) return false
  return operator === '$gt' ? c > 0 : operator === '$gte' ? c >= 0 : operator === '$lt' ? c < 0 : c <= 0
}

/** Structural equality without recursion. */
function equalJson(a: JsonValue, b: JsonValue): boolean {
  const work: JsonValue[] = [a, b]
  while (work.length > 0) {
    const y = work.pop() as JsonValue
    const x = work.pop() as JsonValue
    if (x === y) continue
    if (typeof x !== 'object' || typeof y !== 'object' || x === null || y === null) return false
    if (Array.isArray(x)) {
      if (!Array.isArray(y) || x.length !== y.length) return false
      for (let i = 0; i < x.length; i++) work.push(x[i], y[i])
      continue
    }
    if (Array.isArray(y)) return false
    const keys = Object.keys(x)
    if (keys.length !== Object.keys(y).length) return false
    for (const k of keys) {
      if (!Object.hasOwn(y, k)) return false
      work.push((x as Obj)[k], (y as Obj)[k])
    }
  }
  return true
}

interface Meter {
  step(n?: number): void
}

/** The name of a variable that stands alone, undefined for other patterns. */
function variableOf(p: object): string | undefined {
  for (const key in p) if (key !== '$var') return undefined
  const name = (p as { $var?: unknown }).$var
  return typeof name === 'string' ? name : undefined
}

/** What most patterns are, an object of literals and variables, needs no work list. Undefined: something else is in it. */
function fitsPlainly(p: Obj, x: JsonValue, into: Record<string, JsonValue>, m: Meter): boolean | undefined {
  if (!isObject(x)) return undefined
  m.step()
  for (const key in p) {
    if (key.charCodeAt(0) === DOLLAR) return undefined
    const part = p[key]
    const item = x[key]
    if (typeof part !== 'object' || part === null) {
      if (part !== item || item === undefined) return false
      continue
    }
    // What every object inherits is not among its fields.
    if (item === undefined || ((typeof item === 'function' || key === '__proto__') && !Object.hasOwn(x, key))) return false
    const name = variableOf(part)
    if (name === undefined) return undefined
    m.step()
    setField(into, name, item)
  }
  return true
}

/** Whether `pattern` fits `value`; bindings go to `into`. Everything but `$or` and `$not` is a conjunction, hence a work list. */
function fits(pattern: JsonValue, value: JsonValue, into: Record<string, JsonValue> | null, m: Meter): boolean {
  const work: JsonValue[] = [pattern, value]
  while (work.length > 0) {
    const x = work.pop() as JsonValue
    const p = work.pop() as JsonValue
    if (typeof p !== 'object' || p === null) {
      if (p !== x) return false
      continue
    }
    m.step()
    if (Array.isArray(p)) {
      if (!Array.isArray(x)) return false
      const last = p.length > 0 ? p[p.length - 1] : null
      const name = isObject(last) ? last.$rest : undefined
      const fixed = typeof name === 'string' ? p.length - 1 : p.length
      if (typeof name === 'string' ? x.length < fixed : x.length !== fixed) return false
      for (let i = fixed - 1; i >= 0; i--) work.push(p[i], x[i])
      if (typeof name === 'string' && into !== null) setField(into, name, Object.freeze(x.slice(fixed)))
      continue
    }
    const keys = Object.keys(p)
    if (keys.length > 0 && keys[0].startsWith('$')) {
      for (const key of keys) {
        const arg = (p as Obj)[key]
        switch (key) {
          case '$any':
            break
          case '$var':
            if (into !== null) setField(into, arg as string, x)
            break
          case '$lit':
            if (!equalJson(arg, x)) return false
            break
          case '$exact':
            if (!isObject(x) || Object.keys(x).length !== Object.keys(arg as Obj).length) return false
            for (const k of Object.keys(arg as Obj)) {
              if (!Object.hasOwn(x, k)) return false
              work.push((arg as Obj)[k], x[k])
            }
            break
          case '$in':
            if (!(arg as readonly JsonValue[]).some(option => equalJson(option, x))) return false
            break
          case '$type':
            if (typeOf(x) !== arg) return false
            break
          case '$and':
            for (const part of arg as readonly JsonValue[]) work.push(part, x)
            break
          case '$or':
            if (!(arg as readonly JsonValue[]).some(part => fits(part, x, null, m))) return false
            break
          case '$not':
            if (fits(arg, x, null, m)) return false
            break
          default:
            if (!holds(key, x, arg)) return false
        }
      }
      continue
    }
    if (!isObject(x)) return false
    for (const k of keys) {
      if (!Object.hasOwn(x, k)) return false
      const part = (p as Obj)[k]
      if (typeof part === 'object' && part !== null) work.push(part, x[k])
      else if (part !== x[k]) return false
    }
  }
  return true
}

/** Whether a pattern is an object of literals and at most two different variables, as most are: there is nothing to be said against it. */
function isPlain(p: JsonValue): boolean {
  if (typeof p !== 'object' || p === null) return true
  if (Array.isArray(p)) return false
  if (p === _ || variableOf(p)) return true
  let first: string | undefined
  let second: string | undefined
  for (const key in p) {
    if (key.charCodeAt(0) === DOLLAR) return false
    const part = (p as Obj)[key]
    if (typeof part !== 'object' || part === null || part === _) continue
    const name = variableOf(part)
    if (!name || name === first || second !== undefined) return false
    if (first === undefined) first = name
    else second = name
  }
  return true
}

/** Check the shape of a pattern and collect its variables. */
function checkPattern(pattern: JsonValue, names: Set<string>, binding = true, depth = 0): void {
  if (depth > OPERATOR_DEPTH_MAX) throw new BadArgument(`operators may nest ${OPERATOR_DEPTH_MAX} deep`)
  const add = (name: JsonValue): void => {
    if (typeof name !== 'string' || name === '') throw new BadArgument('a variable needs a name')
    if (!binding) throw new BadArgument(`\`${name}\` cannot be bound inside $or or $not`)
    if (names.has(name))
      throw new BadArgument(`\`${name}\` is bound twice`, { hint: 'bind two names and compare them in `where: { $eq: [v.a, v.b] }`' })
    names.add(name)
  }
  const work: JsonValue[] = [pattern]
  while (work.length > 0) {
    const p = work.pop() as JsonValue
    if (typeof p !== 'object' || p === null) continue
    if (Array.isArray(p)) {
      p.forEach((x, i) => {
        const name = isObject(x) ? x.$rest : undefined
        if (name === undefined) work.push(x)
        else if (i !== p.length - 1) throw new BadArgument('rest() must be the last element of an array pattern')
        else add(name)
      })
      continue
    }
    const keys = Object.keys(p)
    const special = keys.filter(k => k.startsWith('$'))
    if (special.length === 0) {
      for (const k of keys) work.push((p as Obj)[k])
      continue
    }
    if (special.length !== keys.length)
      throw new BadArgument(`${special[0]} cannot stand beside ordinary fields`, { hint: 'use lit() for data whose keys begin with $' })
    for (const key of keys) {
      const arg = (p as Obj)[key]
      if (key === '$var') add(arg)
      else if (key === '$any' || key === '$lit') continue
      else if (key === '$exact') {
        if (!isObject(arg)) throw new BadArgument('exact() takes an object')
        for (const k of Object.keys(arg)) work.push(arg[k])
      } else if (key === '$type') {
        if (typeof arg !== 'string' || !TYPES.has(arg)) throw new BadArgument(`$type is one of ${[...TYPES].join(', ')}`)
      } else if (key === '$in' || key === '$or' || key === '$and') {
        if (!Array.isArray(arg)) throw new BadArgument(`${key} takes an array`)
        if (key === '$and') for (const part of arg) work.push(part)
        else if (key === '$or') for (const part of arg) checkPattern(part, names, false, depth + 1)
      } else if (key === '$not') checkPattern(arg, names, false, depth + 1)
      else if (COMPARISONS.has(key)) {
        if (compare(arg, arg) === undefined) throw new BadArgument(`${key} takes a number, bigint or string`)
      } else throw new BadArgument(`${key} is not a pattern`, { hint: 'use lit() for data whose keys begin with $' })
    }
  }
}

function checkWhere(g: JsonValue, names: ReadonlySet<string>, depth = 0): void {
  if (depth > OPERATOR_DEPTH_MAX) throw new BadArgument(`a guard may nest ${OPERATOR_DEPTH_MAX} deep`)
  if (!isObject(g) || Object.keys(g).length !== 1) throw new BadArgument('a guard is an object with one operator')
  const operator = Object.keys(g)[0]
  const arg = g[operator]
  if (operator === '$not') {
    checkWhere(arg, names, depth + 1)
    return
  }
  if (!Array.isArray(arg)) throw new BadArgument(`${operator} takes an array`)
  if (operator === '$and' || operator === '$or') for (const part of arg) checkWhere(part, names, depth + 1)
  else if (operator === '$eq' || COMPARISONS.has(operator)) {
    if (arg.length !== 2) throw new BadArgument(`${operator} takes two expressions`)
    for (const e of arg)
      if (isObject(e) && typeof e.$var === 'string' && !names.has(e.$var))
        throw new BadArgument(`\`${e.$var}\` is not bound by any pattern`)
  } else throw new BadArgument(`${operator} is not an operator of guards`)
}

function evaluate(g: JsonValue, env: Readonly<Record<string, JsonValue>>, m: Meter): boolean {
  m.step()
  const operator = Object.keys(g as Obj)[0]
  const arg = (g as Obj)[operator]
  if (operator === '$not') return !evaluate(arg, env, m)
  const list = arg as readonly JsonValue[]
  if (operator === '$and') return list.every(part => evaluate(part, env, m))
  if (operator === '$or') return list.some(part => evaluate(part, env, m))
  const value = (e: JsonValue): JsonValue =>
    isObject(e) && typeof e.$var === 'string' ? env[e.$var] : isObject(e) && '$lit' in e ? e.$lit : e
  const [a, b] = [value(list[0]), value(list[1])]
  return operator === '$eq' ? equalJson(a, b) : holds(operator, a, b)
}

const NO_KEYS: readonly (string | number)[] = Object.freeze([])
const FIELDS_NUMBERED = 64
const NUMBERS_MAX = 2 ** 24
/** Equal scalars of one field, one key. Those that are looked up most are numbers, which hosts find without hashing a text. */
function keyOf(field: number, x: JsonValue): string | number | undefined {
  if (typeof x === 'number' && field < FIELDS_NUMBERED && x >= 0 && x < NUMBERS_MAX && Number.isInteger(x))
    return x * FIELDS_NUMBERED + field
  if (typeof x === 'string') return `"${field}:${x}`
  return x === null || typeof x !== 'object' ? `${typeof x}${field}:${x}` : undefined
}
/** Of values that are scalars themselves. */
const WHOLE = 0

/** A matcher of its own for each space: it remembers by which fields patterns ask, and only those are indexed. */
function jsonMatcher(): {
  match(p: JsonValue, a: JsonValue, m: Meter): Bindings | undefined
  guard(where: JsonValue, body: JsonValue, results: readonly Bindings[], m: Meter): boolean
  keys(p: JsonValue): readonly (string | number)[]
  datumKeys(a: JsonValue): readonly (string | number)[]
  readonly keysVersion: number
  check(patterns: readonly JsonValue[], where: JsonValue | undefined): void
} {
  const fields: string[] = []
  const numbers = new Map<string, number>()
  return {
    match(p, a, m) {
      if (typeof p !== 'object' || p === null) return p === a ? {} : undefined
      let into: Record<string, JsonValue> = {}
      const plain = isObject(p) ? fitsPlainly(p, a, into, m) : undefined
      if (plain !== undefined) return plain ? into : undefined
      into = {}
      return fits(p, a, into, m) ? into : undefined
    },
    guard: (where, _body, results, m) => evaluate(where, Object.assign({}, ...results) as Record<string, JsonValue>, m),
    keys(p) {
      if (!isObject(p)) return typeof p === 'object' && p !== null ? NO_KEYS : [keyOf(WHOLE, p) as string | number]
      const all = isObject(p.$exact) ? p.$exact : p
      let found: (string | number)[] | null = null
      for (const field in all) {
        if (!owns.call(all, field)) continue
        if (field.charCodeAt(0) === DOLLAR) return NO_KEYS
        const x = all[field]
        if (typeof x === 'object' && x !== null) continue
        let number = numbers.get(field)
        if (number === undefined) numbers.set(field, (number = fields.push(field)))
        const key = keyOf(number, x) as string | number
        if (found === null) found = [key]
        else found.push(key)
      }
      return found ?? NO_KEYS
    },
    datumKeys(a) {
      if (!isObject(a)) return typeof a === 'object' && a !== null ? NO_KEYS : [keyOf(WHOLE, a) as string | number]
      let found: (string | number)[] | null = null
      for (let i = 0; i < fields.length; i++) {
        const key = Object.hasOwn(a, fields[i]) ? keyOf(i + 1, a[fields[i]]) : undefined
        if (key === undefined) continue
        // A list that begins with what it holds has no room for sixteen more.
        if (found === null) found = [key]
        else found.push(key)
      }
      return found ?? NO_KEYS
    },
    get keysVersion() {
      return fields.length
    },
    check(patterns, where) {
      if (where === undefined && patterns.length === 1 && isPlain(patterns[0])) return
      const names = new Set<string>()
      for (const p of patterns) checkPattern(p, names)
      if (where !== undefined) checkWhere(where, names)
    },
  }
}

/** Spread into the options of `open` or `memory`. It is also what they use when no codec and matcher are given. */
export const json = Object.freeze({
  codec: Object.freeze({ channel: jsonCodec, pattern: jsonCodec, datum: jsonCodec, body: jsonCodec, guard: jsonCodec }),
  get matcher(): ReturnType<typeof jsonMatcher> {
    return jsonMatcher()
  },
})
