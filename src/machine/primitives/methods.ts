import { toBytes } from '../../normal/bytes.ts'
import { findItem, findKey, itemOf, keySet, setList, sliceOf, valueList } from '../../normal/long.ts'
import { compare, equal } from '../../normal/order.ts'
import { show } from '../../normal/print.ts'
import { sizeOf } from '../../normal/size.ts'
import {
  BigInteger,
  type BigRat,
  Bytes,
  type DeployId,
  Fixed,
  type Float,
  forced,
  List,
  type MapTerm,
  NIL,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  tagOf,
} from '../../normal/term.ts'
import * as C from './collections.ts'
import * as V from './conversions.ts'
import { Fault, type PrimContext, type Result } from './fault.ts'
import { countOf, METHOD, PER_ELEMENT } from './gas.ts'
import * as I from './integers.ts'
import { asInt, clamped, describeType, wrongMethod } from './kinds.ts'
import { HOST_STRING_MAX, quota, tooLarge } from './limits.ts'
import * as N from './numbers.ts'
import * as B from './octets.ts'
import { add, concat, plainText } from './operators.ts'
import * as T from './text.ts'

/** One implementation of a method: what it does on one or several types of receiver. The receiver is forced, the arguments are not. */
export interface MethodRow {
  /** Tags of the receivers, or `any` for every process. */
  readonly on: readonly number[] | 'any'
  readonly gas: GasRule
  readonly run: (target: Term, args: readonly Term[], ctx: PrimContext, name: string) => Result
}

/** One method, with all its receivers. */
export interface MethodEntry {
  readonly name: string
  readonly params: readonly string[]
  readonly doc: string
  readonly rows: readonly MethodRow[]
  /** What other receivers get instead of RHO512. */
  readonly otherwise?: (target: Term) => Fault
}

/** A charge: `before` the work, from the operands, and `after` it, from the result. `text` is for the manual. */
export interface GasRule {
  readonly text: string
  readonly before: (target: Term, args: readonly Term[]) => number
  readonly after?: (result: Term) => number
}

// ── charges ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const FLAT: GasRule = { text: '10', before: () => METHOD }
const ELEMENT: GasRule = { text: '10 + 3', before: () => METHOD + PER_ELEMENT }
const PER_ARGUMENT: GasRule = {
  text: '10 + 3 · elements of the argument',
  before: (_, args) => METHOD + PER_ELEMENT * countOf(forced(args[0])),
}
const RETURNED: GasRule = { text: '10 + elements returned', before: () => METHOD, after: countOf }
const CONVERTED: GasRule = { text: '10 + elements', before: t => METHOD + countOf(t) }
const LENGTH: GasRule = { text: '10 + length', before: t => METHOD + (typeof t === 'string' ? t.length : countOf(t)) }
const RESULT_LENGTH: GasRule = { text: '10 + length of the result', before: () => METHOD, after: countOf }
const SIZES: GasRule = { text: '10 + size of receiver and arguments', before: sizes }
const SIZES_AND_RESULT: GasRule = { text: '10 + size of receiver, arguments and result', before: sizes, after: sizeOf }

function sizes(target: Term, args: readonly Term[]): number {
  let n = METHOD + sizeOf(target)
  for (let i = 0; i < args.length; i++) n += sizeOf(args[i])
  return n
}

// ── helpers ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const NUMBERS = [Tag.Int, Tag.Float, Tag.BigInt, Tag.BigRat, Tag.Fixed]
const INTEGERS = [Tag.Int, Tag.BigInt]

function outOfBound(index: I.Int): Fault {
  return new Fault('RHO506', `index out of bound: ${index}`, 'the first element has index 0')
}

type Run = MethodRow['run']

/** A method whose one argument is an Int. */
function withInt(run: (target: Term, n: I.Int, ctx: PrimContext, args: readonly Term[]) => Result): Run {
  return (target, args, ctx) => {
    const n = asInt(args[0])
    return n instanceof Fault ? n : run(target, n, ctx, args)
  }
}

/** A method whose one argument has the type of the receiver. */
function withSame(run: (target: Term, other: Term, ctx: PrimContext) => Result): Run {
  return (target, args, ctx, name) => {
    const other = forced(args[0])
    return tagOf(other) === tagOf(target) ? run(target, other, ctx) : wrongMethod(name, target, other)
  }
}

/** A method of Strings whose arguments are Strings. */
function withTexts(run: (target: string, args: readonly string[], ctx: PrimContext) => Result): Run {
  return (target, args, ctx, name) => {
    const texts: string[] = []
    for (const arg of args) {
      const t = forced(arg)
      if (typeof t !== 'string') return wrongMethod(name, target, t)
      texts.push(t)
    }
    return run(target as string, texts, ctx)
  }
}

const items = (t: Term): readonly Term[] => (t as List).items
const bytes = (t: Term): Uint8Array => (t as Bytes).bytes
const map = (t: Term): MapTerm => t as MapTerm
const set = (t: Term): SetTerm => t as SetTerm
const list = (t: Term): List => t as List

function row(on: readonly number[] | 'any', gas: GasRule, run: Run): MethodRow {
  return { on, gas, run }
}

function orFault<T>(v: T | Fault, make: (v: T) => Term): Result {
  return v instanceof Fault ? v : make(v)
}

/** Slice bounds clamped to 0 … length. */
function bounds(args: readonly Term[]): { from: number; to: number } | Fault {
  const from = asInt(args[0])
  if (from instanceof Fault) return from
  const to = asInt(args[1])
  if (to instanceof Fault) return to
  const start = Math.max(0, clamped(from))
  return { from: start, to: Math.max(start, clamped(to)) }
}

function slice(target: Term, from: number, to: number): Term {
  switch (tagOf(target)) {
    case Tag.String:
      return T.sliceText(target as string, from, to)
    case Tag.Bytes:
      return new Bytes(bytes(target).slice(from, to))
    default:
      return sliceOf(list(target), from, to)
  }
}

/** Text that the host might refuse to make (printing can be longer than the term): refused as a value that is too large. */
function printed(t: Term, ctx: PrimContext): Result {
  try {
    const text = show(t, Math.min(ctx.limits.maxValueBytes, HOST_STRING_MAX))
    return tooLarge(text.length, ctx) ?? text
  } catch (e) {
    if (e instanceof RangeError) return quota('the text', Math.min(ctx.limits.maxValueBytes, HOST_STRING_MAX))
    throw e
  }
}

function encoded(t: Term, ctx: PrimContext): Result {
  // Shared parts are written out each time. No term has more than twice the size of its bytes, names of a `new` apart.
  if (sizeOf(t) > 2 * ctx.limits.maxValueBytes) return quota('the bytes', ctx.limits.maxValueBytes)
  try {
    const encoding = toBytes(t)
    return tooLarge(4 + encoding.length, ctx) ?? new Bytes(encoding)
  } catch (e) {
    if (e instanceof RangeError) return quota('the bytes', ctx.limits.maxValueBytes)
    throw e
  }
}

function text(t: Term, ctx: PrimContext): Result {
  if (t instanceof Bytes) return B.hexText(t.bytes, ctx)
  // A Fixed with few digits and a huge scale prints longer than it is.
  const fault = t instanceof Fixed ? tooLarge(t.scale, ctx) : undefined
  return fault ?? plainText(t) ?? printed(t, ctx)
}

function bits(int: (a: I.Int, b: I.Int) => I.Int, large: (a: bigint, b: bigint) => bigint): Run {
  return withSame((t, u) => (I.isInt(t) ? int(t, u as I.Int) : new BigInteger(large((t as BigInteger).value, (u as BigInteger).value))))
}

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `join`: all elements are Strings. */
function join(t: Term, args: readonly Term[], ctx: PrimContext, name: string): Result {
  const separator = forced(args[0])
  if (typeof separator !== 'string') return wrongMethod(name, t, separator)
  const texts: string[] = new Array(items(t).length)
  for (let i = 0; i < texts.length; i++) {
    const item = forced(items(t)[i])
    if (typeof item !== 'string')
      return new Fault('RHO512', `method \`${name}\` needs a list of strings, element ${i} is ${describeType(item)}`)
    texts[i] = item
  }
  return T.joinText(texts, separator, ctx)
}

function sum(t: Term, _: readonly Term[], ctx: PrimContext): Result {
  const terms = items(t)
  if (terms.length === 0) return 0
  let total: Term = terms[0]
  for (let i = 1; i < terms.length; i++) {
    const next = add(total, terms[i], ctx)
    if (next instanceof Fault) return next
    total = next
  }
  return total
}

function toMap(t: Term, _: readonly Term[], __: PrimContext, name: string): Result {
  const made = C.mapOfPairs(items(t))
  return made ?? new Fault('RHO512', `method \`${name}\` needs pairs \`(key, value)\` as elements of the ${describeType(t)}`)
}

function startsWithList(t: Term, u: Term, at: number): boolean {
  const part = items(u)
  if (at < 0 || at + part.length > list(t).count) return false
  for (let i = 0; i < part.length; i++) if (!equal(itemOf(list(t), at + i) as Term, part[i])) return false
  return true
}

function forcedItems(t: Term): Term[] {
  return items(t).map(forced)
}

function element(at: (n: number) => number): Run {
  return t => elementOf(t, at(countOf(t))) ?? NIL
}

/** Element `i` of a list or tuple, undefined if there is none. */
function elementOf(t: Term, i: number): Term | undefined {
  return t instanceof List ? itemOf(t, i) : items(t)[i]
}

function reversed(t: Term): Result {
  switch (tagOf(t)) {
    case Tag.String:
      return T.reverseText(t as string)
    case Tag.Bytes:
      return new Bytes(bytes(t).slice().reverse())
    case Tag.Tuple:
      return new Tuple([...items(t)].reverse())
    default:
      return new List([...items(t)].reverse())
  }
}

// ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Every method (rholang.md 9 and 11). Dispatch, documentation and "did you mean" are derived from here. */
export const METHODS: readonly MethodEntry[] = [
  {
    name: 'nth',
    params: ['i'],
    doc: 'element i, counted from 0; RHO506 where there is none',
    rows: [
      row(
        [Tag.List, Tag.Tuple],
        FLAT,
        withInt((t, n) => elementOf(t, clamped(n)) ?? outOfBound(n)),
      ),
      row(
        [Tag.Bytes],
        FLAT,
        withInt((t, n) => bytes(t)[clamped(n)] ?? outOfBound(n)),
      ),
      row(
        [Tag.String],
        FLAT,
        withInt((t, n) => T.charAt(t as string, clamped(n)) ?? outOfBound(n)),
      ),
    ],
    otherwise: t =>
      new Fault('RHO519', `method \`nth\` needs a list, a tuple, a string or a byte array, got ${describeType(t)}`, collectionHint(t)),
  },
  {
    name: 'length',
    params: [],
    doc: 'number of code points, elements or bytes',
    rows: [row([Tag.String, Tag.List, Tag.Bytes, Tag.Tuple], FLAT, countOf)],
  },
  {
    name: 'slice',
    params: ['from', 'to'],
    doc: 'elements from ≤ i < to; both bounds are clamped to 0 … length',
    rows: [
      row([Tag.String, Tag.List, Tag.Bytes], RETURNED, (t, args) => {
        const b = bounds(args)
        return b instanceof Fault ? b : slice(t, b.from, b.to)
      }),
    ],
  },
  {
    name: 'take',
    params: ['n'],
    doc: 'the first n elements, all if there are fewer, none if n ≤ 0',
    rows: [
      row(
        [Tag.List, Tag.String, Tag.Bytes],
        RETURNED,
        withInt((t, n) => slice(t, 0, Math.max(0, clamped(n)))),
      ),
    ],
  },
  {
    name: 'drop',
    params: ['n'],
    doc: 'without the first n elements; all if n ≤ 0',
    rows: [
      row(
        [Tag.List, Tag.String, Tag.Bytes],
        SIZES,
        withInt((t, n) => slice(t, Math.max(0, clamped(n)), Number.MAX_SAFE_INTEGER)),
      ),
    ],
  },
  { name: 'size', params: [], doc: 'number of elements or entries', rows: [row([Tag.Set, Tag.Map], FLAT, countOf)] },
  {
    name: 'contains',
    params: ['x'],
    doc: 'whether x is an element, key or substring',
    rows: [
      row([Tag.Set], ELEMENT, (t, args) => findItem(set(t), args[0]) >= 0),
      row([Tag.Map], ELEMENT, (t, args) => findKey(map(t), args[0]) >= 0),
      row([Tag.List, Tag.Tuple], SIZES, (t, args) => C.indexOf(items(t), args[0]) >= 0),
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [part]) => T.containsText(t, part)),
      ),
    ],
  },
  {
    name: 'add',
    params: ['x'],
    doc: 'with the element x',
    rows: [row([Tag.Set], ELEMENT, (t, args, ctx) => C.setWith(set(t), args[0], ctx))],
  },
  {
    name: 'delete',
    params: ['x'],
    doc: 'without the element or key x',
    rows: [
      row([Tag.Set], ELEMENT, (t, args) => C.setWithout(set(t), args[0])),
      row([Tag.Map], ELEMENT, (t, args) => C.mapWithout(map(t), args[0])),
    ],
  },
  {
    name: 'union',
    params: ['x'],
    doc: 'elements of both; for equal keys the value of the argument',
    rows: [
      row(
        [Tag.Set],
        PER_ARGUMENT,
        withSame((t, u, ctx) => C.setUnion(set(t), set(u), ctx)),
      ),
      row(
        [Tag.Map],
        PER_ARGUMENT,
        withSame((t, u, ctx) => C.mapUnion(map(t), map(u), ctx)),
      ),
    ],
  },
  {
    name: 'diff',
    params: ['x'],
    doc: 'without the elements or keys of the argument',
    rows: [
      row(
        [Tag.Set],
        PER_ARGUMENT,
        withSame((t, u) => C.setDiff(set(t), set(u))),
      ),
      row(
        [Tag.Map],
        PER_ARGUMENT,
        withSame((t, u) => C.mapDiff(map(t), map(u))),
      ),
    ],
  },
  {
    name: 'intersection',
    params: ['x'],
    doc: 'elements in both; entries of the receiver whose key is in the argument',
    rows: [
      row(
        [Tag.Set],
        PER_ARGUMENT,
        withSame((t, u) => C.setIntersection(set(t), set(u))),
      ),
      row(
        [Tag.Map],
        PER_ARGUMENT,
        withSame((t, u) => C.mapIntersection(map(t), map(u))),
      ),
    ],
  },
  {
    name: 'isSubsetOf',
    params: ['x'],
    doc: 'whether every element is in the argument',
    rows: [
      row(
        [Tag.Set],
        SIZES,
        withSame((t, u) => C.isSubset(set(t), set(u))),
      ),
    ],
  },
  {
    name: 'get',
    params: ['k'],
    doc: 'the value of key k, or Nil',
    rows: [row([Tag.Map], ELEMENT, (t, args) => C.mapGet(map(t), args[0]) ?? NIL)],
  },
  {
    name: 'getOrElse',
    params: ['k', 'd'],
    doc: 'the value of key k, or d',
    rows: [row([Tag.Map], ELEMENT, (t, args) => C.mapGet(map(t), args[0]) ?? args[1])],
  },
  {
    name: 'set',
    params: ['k', 'v'],
    doc: 'with the value v for key k',
    rows: [row([Tag.Map], ELEMENT, (t, args, ctx) => C.mapWith(map(t), args[0], args[1], ctx))],
  },
  { name: 'keys', params: [], doc: 'the Set of keys', rows: [row([Tag.Map], FLAT, t => keySet(map(t)))] },
  {
    name: 'values',
    params: [],
    doc: 'the List of values, in the order of their keys',
    rows: [row([Tag.Map], SIZES, t => valueList(map(t)))],
  },
  {
    name: 'entries',
    params: [],
    doc: 'the List of `(key, value)`',
    rows: [row([Tag.Map], SIZES, (t, _, ctx) => orFault(C.mapEntries(map(t), ctx), e => new List(e)))],
  },
  {
    name: 'toList',
    params: [],
    doc: 'the elements in canonical order; entries as `(key, value)`; bytes as Ints; characters',
    rows: [
      row([Tag.List], CONVERTED, t => t),
      row([Tag.Tuple], CONVERTED, t => new List(items(t))),
      row([Tag.Set], CONVERTED, t => setList(set(t))),
      row([Tag.Map], CONVERTED, (t, _, ctx) => orFault(C.mapEntries(map(t), ctx), e => new List(e))),
      row([Tag.Bytes], CONVERTED, (t, _, ctx) => B.listOfBytes(bytes(t), ctx)),
      row([Tag.String], CONVERTED, (t, _, ctx) => T.chars(t as string, ctx)),
    ],
  },
  {
    name: 'toSet',
    params: [],
    doc: 'the elements as a Set; entries as `(key, value)`',
    rows: [
      row([Tag.Set], CONVERTED, t => t),
      row([Tag.List], CONVERTED, t => C.setOf(items(t))),
      row([Tag.Map], CONVERTED, (t, _, ctx) => orFault(C.mapEntries(map(t), ctx), e => new SetTerm(e))),
    ],
  },
  {
    name: 'toMap',
    params: [],
    doc: 'the Map of pairs `(key, value)`; a later pair wins',
    rows: [row([Tag.Map], CONVERTED, t => t), row([Tag.List, Tag.Set], CONVERTED, toMap)],
  },
  {
    name: 'toByteArray',
    params: [],
    doc: 'canonical bytes of any process',
    rows: [row('any', RESULT_LENGTH, (t, _, ctx) => encoded(t, ctx))],
  },
  {
    name: 'hexToBytes',
    params: [],
    doc: 'the bytes that the hexadecimal digits denote; other characters are ignored',
    rows: [row([Tag.String], LENGTH, t => new Bytes(B.parseHex(t as string)))],
  },
  {
    name: 'bytesToHex',
    params: [],
    doc: 'lower-case hexadecimal digits',
    rows: [row([Tag.Bytes], LENGTH, (t, _, ctx) => B.hexText(bytes(t), ctx))],
  },
  {
    name: 'toUtf8Bytes',
    params: [],
    doc: 'the UTF-8 encoding',
    rows: [row([Tag.String], LENGTH, (t, _, ctx) => B.utf8(t as string, ctx))],
  },
  {
    name: 'toString',
    params: [],
    doc: 'text without quotes and suffixes; collections as printed; ids as hexadecimal digits',
    rows: [
      row([Tag.Bool, ...NUMBERS, Tag.String, Tag.Uri, Tag.Bytes, Tag.List, Tag.Tuple, Tag.Set, Tag.Map], SIZES, (t, _, ctx) =>
        text(t, ctx),
      ),
      row([Tag.DeployId, Tag.DeployerId], SIZES, (t, _, ctx) => B.hexText((t as DeployId).bytes, ctx)),
    ],
  },
  { name: 'show', params: [], doc: 'the canonical text of any process', rows: [row('any', SIZES, (t, _, ctx) => printed(t, ctx))] },
  { name: 'typeName', params: [], doc: 'the name of the type of any process', rows: [row('any', SIZES, describeType)] },

  {
    name: 'chars',
    params: [],
    doc: 'List of one-character Strings',
    rows: [row([Tag.String], SIZES, (t, _, ctx) => T.chars(t as string, ctx))],
  },
  {
    name: 'codePoints',
    params: [],
    doc: 'List of code points',
    rows: [row([Tag.String], SIZES, (t, _, ctx) => T.codePoints(t as string, ctx))],
  },
  {
    name: 'fromCodePoints',
    params: [],
    doc: 'the String of these code points; RHO516 for anything else',
    rows: [
      row(
        [Tag.List],
        SIZES,
        t => T.fromCodePoints(forcedItems(t)) ?? new Fault('RHO516', 'the list holds something that is not a code point'),
      ),
    ],
  },
  {
    name: 'split',
    params: ['sep'],
    doc: 'the parts between occurrences of sep; `""` splits into characters',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [separator], ctx) => T.splitText(t, separator, ctx)),
      ),
    ],
  },
  { name: 'join', params: ['sep'], doc: 'the Strings of the List with sep between them', rows: [row([Tag.List], SIZES, join)] },
  {
    name: 'indexOf',
    params: ['x'],
    doc: 'index of the first occurrence, or -1',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [part]) => T.indexOfText(t, part)),
      ),
      row([Tag.List], SIZES, (t, args) => C.indexOf(items(t), args[0])),
    ],
  },
  {
    name: 'lastIndexOf',
    params: ['x'],
    doc: 'index of the last occurrence, or -1',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [part]) => T.lastIndexOfText(t, part)),
      ),
      row([Tag.List], SIZES, (t, args) => C.lastIndexOf(items(t), args[0])),
    ],
  },
  {
    name: 'startsWith',
    params: ['x'],
    doc: 'whether x is the beginning',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [part]) => t.startsWith(part)),
      ),
      row(
        [Tag.List],
        SIZES,
        withSame((t, u) => startsWithList(t, u, 0)),
      ),
      row(
        [Tag.Bytes],
        SIZES,
        withSame((t, u) => B.sameBytesAt(bytes(t), bytes(u), 0)),
      ),
    ],
  },
  {
    name: 'endsWith',
    params: ['x'],
    doc: 'whether x is the end',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [part]) => t.endsWith(part)),
      ),
      row(
        [Tag.List],
        SIZES,
        withSame((t, u) => startsWithList(t, u, list(t).count - list(u).count)),
      ),
      row(
        [Tag.Bytes],
        SIZES,
        withSame((t, u) => B.sameBytesAt(bytes(t), bytes(u), bytes(t).length - bytes(u).length)),
      ),
    ],
  },
  {
    name: 'replace',
    params: ['old', 'new'],
    doc: 'all occurrences replaced, left to right, not rescanned',
    rows: [
      row(
        [Tag.String],
        SIZES,
        withTexts((t, [old, by], ctx) => T.replaceText(t, old, by, ctx)),
      ),
    ],
  },
  {
    name: 'trim',
    params: [],
    doc: 'without white space at both ends',
    rows: [row([Tag.String], SIZES, t => T.trimText(t as string, true, true))],
  },
  {
    name: 'trimStart',
    params: [],
    doc: 'without white space at the start',
    rows: [row([Tag.String], SIZES, t => T.trimText(t as string, true, false))],
  },
  {
    name: 'trimEnd',
    params: [],
    doc: 'without white space at the end',
    rows: [row([Tag.String], SIZES, t => T.trimText(t as string, false, true))],
  },
  {
    name: 'toUpperCase',
    params: [],
    doc: 'Unicode default mapping',
    rows: [row([Tag.String], SIZES, (t, _, ctx) => T.changeCase(t as string, true, ctx))],
  },
  {
    name: 'toLowerCase',
    params: [],
    doc: 'Unicode default mapping',
    rows: [row([Tag.String], SIZES, (t, _, ctx) => T.changeCase(t as string, false, ctx))],
  },
  {
    name: 'repeat',
    params: ['n'],
    doc: 'n copies one after the other',
    rows: [
      row(
        [Tag.String],
        SIZES_AND_RESULT,
        withInt((t, n, ctx) => T.repeatText(t as string, clamped(n), ctx)),
      ),
      row(
        [Tag.List],
        SIZES_AND_RESULT,
        withInt((t, n, ctx) => C.repeatList(list(t), clamped(n), ctx)),
      ),
    ],
  },
  {
    name: 'padStart',
    params: ['n', 'p'],
    doc: 'filled with p before it to n characters',
    rows: [row([Tag.String], SIZES_AND_RESULT, padding(true))],
  },
  {
    name: 'padEnd',
    params: ['n', 'p'],
    doc: 'filled with p after it to n characters',
    rows: [row([Tag.String], SIZES_AND_RESULT, padding(false))],
  },

  {
    name: 'decodeUtf8',
    params: [],
    doc: 'the text; RHO516 if the bytes are not UTF-8',
    rows: [row([Tag.Bytes], SIZES, t => B.decodeUtf8(bytes(t)) ?? new Fault('RHO516', 'the bytes are not valid UTF-8'))],
  },
  {
    name: 'toBytes',
    params: [],
    doc: 'the bytes of a List of Ints 0 to 255; RHO516 for anything else',
    rows: [
      row([Tag.List], SIZES, t => orUndefined(B.bytesOfList(forcedItems(t)), 'the list holds something that is not an Int from 0 to 255')),
    ],
  },

  {
    name: 'concat',
    params: ['x'],
    doc: 'the same as `++`',
    rows: [row([Tag.String, Tag.Bytes, Tag.List, Tag.Map, Tag.Set], SIZES, (t, args, ctx) => concat(t, args[0], ctx))],
  },
  {
    name: 'reverse',
    params: [],
    doc: 'the elements in reverse order',
    rows: [row([Tag.List, Tag.Tuple, Tag.String, Tag.Bytes], SIZES, reversed)],
  },
  {
    name: 'first',
    params: [],
    doc: 'the first element, or Nil',
    rows: [
      row(
        [Tag.List, Tag.Tuple],
        SIZES,
        element(() => 0),
      ),
    ],
  },
  {
    name: 'last',
    params: [],
    doc: 'the last element, or Nil',
    rows: [
      row(
        [Tag.List, Tag.Tuple],
        SIZES,
        element(n => n - 1),
      ),
    ],
  },
  {
    name: 'tail',
    params: [],
    doc: 'without the first element',
    rows: [row([Tag.List], SIZES, t => sliceOf(list(t), 1, Number.MAX_SAFE_INTEGER))],
  },
  {
    name: 'updated',
    params: ['i', 'v'],
    doc: 'with element i replaced by v; RHO506 where there is none',
    rows: [
      row(
        [Tag.List],
        SIZES,
        withInt((t, n, ctx, args) => {
          const old = itemOf(list(t), clamped(n))
          return old === undefined ? outOfBound(n) : C.updated(list(t), Number(n), old, args[1], ctx)
        }),
      ),
    ],
  },
  {
    name: 'flatten',
    params: [],
    doc: 'elements that are Lists replaced by their elements, one level',
    rows: [row([Tag.List], SIZES, (t, _, ctx) => C.flatten(list(t), ctx))],
  },
  { name: 'sort', params: [], doc: 'in canonical order', rows: [row([Tag.List], SIZES, t => new List([...items(t)].sort(compare)))] },
  { name: 'distinct', params: [], doc: 'only the first of equal elements', rows: [row([Tag.List], SIZES, t => C.distinct(list(t)))] },
  {
    name: 'zip',
    params: ['l'],
    doc: 'List of pairs of elements, as long as the shorter List',
    rows: [
      row(
        [Tag.List],
        SIZES,
        withSame((t, u, ctx) => C.zip(list(t), list(u), ctx)),
      ),
    ],
  },
  {
    name: 'sum',
    params: [],
    doc: 'the elements added with `+` from left to right; 0 if there is none',
    rows: [row([Tag.List], SIZES, sum)],
  },
  {
    name: 'isEmpty',
    params: [],
    doc: 'whether there is no element',
    rows: [row([Tag.String], SIZES, t => t === ''), row([Tag.Bytes, Tag.List, Tag.Set, Tag.Map], SIZES, t => countOf(t) === 0)],
  },

  { name: 'toInt', params: [], doc: 'as Int, toward zero; RHO516 outside 64 bits', rows: [row([...NUMBERS, Tag.String], SIZES, V.toInt)] },
  {
    name: 'toBigInt',
    params: [],
    doc: 'as BigInt, toward zero',
    rows: [row([...NUMBERS, Tag.String], SIZES, (t, _, ctx, name) => (t instanceof BigInteger ? t : N.big(V.integral(t, name, ctx))))],
  },
  { name: 'toFloat', params: [], doc: 'the nearest Float', rows: [row([...NUMBERS, Tag.String], SIZES, V.toFloat)] },
  { name: 'toBigRat', params: [], doc: 'as BigRat, exactly', rows: [row(NUMBERS, SIZES, V.toBigRat)] },
  {
    name: 'toFixed',
    params: ['s'],
    doc: 'as Fixed with s digits, cut toward zero',
    rows: [row([...NUMBERS, Tag.String], SIZES, withInt(V.toFixed))],
  },
  { name: 'abs', params: [], doc: 'the absolute value; of the smallest Int RHO504', rows: [row(NUMBERS, SIZES, V.absolute)] },
  { name: 'sign', params: [], doc: '-1, 0 or 1; RHO516 for NaN', rows: [row(NUMBERS, SIZES, V.sign)] },
  {
    name: 'min',
    params: ['x'],
    doc: 'the smaller of two numbers or Strings; NaN if one is',
    rows: [row([...NUMBERS, Tag.String], SIZES, V.extreme(-1))],
  },
  {
    name: 'max',
    params: ['x'],
    doc: 'the greater of two numbers or Strings; NaN if one is',
    rows: [row([...NUMBERS, Tag.String], SIZES, V.extreme(1))],
  },
  {
    name: 'pow',
    params: ['n'],
    doc: 'the power; n an Int, for a Float also a Float',
    rows: [row([Tag.Int, Tag.BigInt, Tag.BigRat, Tag.Float], SIZES_AND_RESULT, V.power)],
  },
  { name: 'floor', params: [], doc: 'rounded down', rows: [row([Tag.Float, Tag.BigRat, Tag.Fixed], SIZES, V.rounding('floor'))] },
  { name: 'ceil', params: [], doc: 'rounded up', rows: [row([Tag.Float, Tag.BigRat, Tag.Fixed], SIZES, V.rounding('ceil'))] },
  {
    name: 'round',
    params: [],
    doc: 'rounded, half away from zero',
    rows: [row([Tag.Float, Tag.BigRat, Tag.Fixed], SIZES, V.rounding('round'))],
  },
  { name: 'isNaN', params: [], doc: 'whether it is NaN', rows: [row([Tag.Float], SIZES, t => Number.isNaN((t as Float).value))] },
  {
    name: 'isFinite',
    params: [],
    doc: 'whether it is neither NaN nor infinite',
    rows: [row([Tag.Float], SIZES, t => Number.isFinite((t as Float).value))],
  },
  {
    name: 'numerator',
    params: [],
    doc: 'the numerator as BigInt',
    rows: [row([Tag.BigRat], SIZES, t => new BigInteger((t as BigRat).num))],
  },
  {
    name: 'denominator',
    params: [],
    doc: 'the denominator as BigInt, positive',
    rows: [row([Tag.BigRat], SIZES, t => new BigInteger((t as BigRat).den))],
  },
  { name: 'scale', params: [], doc: 'number of digits after the point', rows: [row([Tag.Fixed], SIZES, t => (t as Fixed).scale)] },
  {
    name: 'unscaled',
    params: [],
    doc: 'all digits as BigInt',
    rows: [row([Tag.Fixed], SIZES, t => new BigInteger((t as Fixed).unscaled))],
  },
  {
    name: 'bitAnd',
    params: ['x'],
    doc: 'two’s complement and',
    rows: [
      row(
        INTEGERS,
        SIZES,
        bits(I.andInt, (a, b) => a & b),
      ),
    ],
  },
  {
    name: 'bitOr',
    params: ['x'],
    doc: 'two’s complement or',
    rows: [
      row(
        INTEGERS,
        SIZES,
        bits(I.orInt, (a, b) => a | b),
      ),
    ],
  },
  {
    name: 'bitXor',
    params: ['x'],
    doc: 'two’s complement exclusive or',
    rows: [
      row(
        INTEGERS,
        SIZES,
        bits(I.xorInt, (a, b) => a ^ b),
      ),
    ],
  },
  {
    name: 'bitNot',
    params: [],
    doc: 'two’s complement not',
    rows: [row(INTEGERS, SIZES, t => (I.isInt(t) ? I.notInt(t) : new BigInteger(~(t as BigInteger).value)))],
  },
  {
    name: 'shiftLeft',
    params: ['n'],
    doc: 'shifted by n bits; of an Int the bits beyond 64 are lost',
    rows: [
      row(
        INTEGERS,
        SIZES_AND_RESULT,
        withInt((t, n, ctx) => (I.isInt(t) ? I.shiftLeftInt(t, n) : N.big(I.shiftLeftBig((t as BigInteger).value, n, ctx)))),
      ),
    ],
  },
  {
    name: 'shiftRight',
    params: ['n'],
    doc: 'shifted by n bits, the sign is kept',
    rows: [
      row(
        INTEGERS,
        SIZES,
        withInt((t, n) => (I.isInt(t) ? I.shiftRightInt(t, n) : N.big(I.shiftRightBig((t as BigInteger).value, n)))),
      ),
    ],
  },
]

function collectionHint(t: Term): string {
  const tag = tagOf(t)
  return tag === Tag.Set || tag === Tag.Map ? 'convert it with `toList()`' : ''
}

function orUndefined(found: Uint8Array | undefined, otherwise: string): Result {
  return found === undefined ? new Fault('RHO516', otherwise) : new Bytes(found)
}

function padding(before: boolean): Run {
  return (t, args, ctx, name) => {
    const n = asInt(args[0])
    if (n instanceof Fault) return n
    const filler = forced(args[1])
    if (typeof filler !== 'string') return wrongMethod(name, t, filler)
    return T.pad(t as string, clamped(n), filler, before, ctx)
  }
}
