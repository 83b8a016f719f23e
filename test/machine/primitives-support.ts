import { expect } from 'vitest'
import { binary, Fault, method, type PrimContext, type Result, unary } from '../../src/machine/primitives/index.ts'
import { fixedText } from '../../src/machine/primitives/numbers.ts'
import { makeBundle, makeMap, makePar, makeSet } from '../../src/normal/build.ts'
import { show } from '../../src/normal/print.ts'
import {
  BigInteger,
  BigRat,
  Bytes,
  Fixed,
  Float,
  List,
  type NameOrigin,
  NIL,
  Send,
  Tag,
  type Term,
  Tuple,
  Unforgeable,
  Uri,
} from '../../src/normal/term.ts'

// Values, short: tests are tables of them.
export const big = (v: bigint): Term => new BigInteger(v)
export const rat = (num: bigint, den = 1n): Term => new BigRat(num, den)
export const float = (v: number): Term => new Float(v)
export const list = (...items: Term[]): Term => new List(items)
export const tuple = (...items: Term[]): Term => new Tuple(items)
export const set = (...items: Term[]): Term => makeSet(items)
export const map = (...entries: [Term, Term][]): Term =>
  makeMap(
    entries.map(e => e[0]),
    entries.map(e => e[1]),
  )
export const bytes = (...b: number[]): Term => new Bytes(Uint8Array.from(b))
export const uri = (text: string): Term => new Uri(text)
export const par = (...items: Term[]): Term => makePar(items)
export const bundle = (body: Term): Term => makeBundle(2, body)
export const send = (chan: Term, ...data: Term[]): Term => new Send(chan, data, false)
export const nil = NIL
export const INT_MAX = 9223372036854775807n
export const INT_MIN = -9223372036854775808n

/** `1.50` is the Fixed 1.50p2. */
export function fix(text: string): Term {
  const [whole, fraction = ''] = text.split('.')
  const value = new Fixed(BigInt(whole + fraction), fraction.length)
  expect(fixedText(value)).toBe(text)
  return value
}

const origin: NameOrigin = { bytes: counter => new Uint8Array(32).fill(counter) }
let names = 0
export const name = (): Term => new Unforgeable(origin, names++)

export const MIB = 1 << 20
export function context(maxValueBytes = 256 * MIB): PrimContext {
  return { gas: 0, limits: { maxValueBytes } }
}

const SYMBOLS: Record<string, number> = {
  '+': Tag.Add,
  '-': Tag.Sub,
  '*': Tag.Mul,
  '/': Tag.Div,
  '%': Tag.Mod,
  '<': Tag.Lt,
  '<=': Tag.Le,
  '>': Tag.Gt,
  '>=': Tag.Ge,
  '==': Tag.Eq,
  '!=': Tag.Ne,
  and: Tag.And,
  or: Tag.Or,
  '&&': Tag.AndThen,
  '||': Tag.OrElse,
  '++': Tag.Concat,
  '--': Tag.Diff,
  '%%': Tag.Interp,
}

export function op(left: Term, symbol: string, right: Term, ctx = context()): Result {
  return binary(SYMBOLS[symbol], left, right, ctx)
}
export function neg(operand: Term, ctx = context()): Result {
  return unary(Tag.Neg, operand, ctx)
}
export function not(operand: Term, ctx = context()): Result {
  return unary(Tag.Not, operand, ctx)
}
export function call(target: Term, name: string, ...args: Term[]): Result {
  return method(name, target, args, context())
}

/** The result as canonical text, or the code of the fault. */
export function text(result: Result): string {
  return result instanceof Fault ? result.code : show(result)
}

/** What an operation adds to the gas. */
export function gasOf(run: (ctx: PrimContext) => Result): number {
  const ctx = context()
  run(ctx)
  return ctx.gas
}
