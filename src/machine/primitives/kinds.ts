import { type Bundle, forced, isValue, type Par, Tag, type Term, tagOf } from '../../normal/term.ts'
import { Fault } from './fault.ts'

/** Type names as they stand in messages, by tag (rholang.md 8.1). Every tag that is not here is a process. */
const TYPE_NAMES: readonly (string | undefined)[] = (() => {
  const names: string[] = []
  names[Tag.Bool] = 'bool'
  names[Tag.Int] = 'int'
  names[Tag.String] = 'string'
  names[Tag.Uri] = 'uri'
  names[Tag.List] = 'list'
  names[Tag.Tuple] = 'tuple'
  names[Tag.Set] = 'set'
  names[Tag.Map] = 'map'
  names[Tag.PathMap] = 'pathmap'
  names[Tag.Float] = 'float'
  names[Tag.BigInt] = 'bigint'
  names[Tag.BigRat] = 'bigrat'
  names[Tag.Fixed] = 'fixedpoint'
  names[Tag.Bytes] = 'byte array'
  names[Tag.Zipper] = 'zipper'
  return names
})()

/** The name of the type of a forced term, as messages spell it. */
export function typeName(t: Term): string {
  return TYPE_NAMES[tagOf(t)] ?? 'process'
}

/** The name of the type with this tag. */
export function tagName(tag: number): string {
  return TYPE_NAMES[tag] ?? 'process'
}

/** What the method `typeName()` answers: as in messages, with processes told apart. */
export function describeType(t: Term): string {
  const tag = tagOf(t)
  if (tag === Tag.Par && (t as Par).count === 0) return 'nil'
  if (tag === Tag.Unforgeable) return 'unforgeable'
  if (tag === Tag.Bundle) return 'bundle'
  return typeName(t)
}

/** RHO503: a forced term that is not exactly one value stands where one is needed. */
export function notOneValue(t: Term): Fault {
  if (tagOf(t) !== Tag.Par) return new Fault('RHO503', 'parallel or non expression found where expression expected', nameHint(t))
  const items = (t as Par).items
  if (items.length === 0)
    return new Fault('RHO503', 'Nil is not a value', 'a lookup that found nothing gives Nil; compare with `== Nil` first')
  if (items.every(i => isValue(forced(i)))) {
    return new Fault('RHO503', 'multiple expressions given', 'an operand must be exactly one value, not several in parallel')
  }
  return new Fault('RHO503', 'parallel or non expression found where expression expected')
}

function nameHint(t: Term): string {
  switch (tagOf(t)) {
    case Tag.Unforgeable:
      return 'a name made by `new` is not a value; only `==`, `!=` and `matches` take it'
    case Tag.Bundle:
      return `a bundle is opaque; what is inside ${(t as Bundle).rights === 0 ? 'it' : 'its braces'} cannot be computed with`
    default:
      return 'a process is not a value; only `==`, `!=` and `matches` take it'
  }
}

/** The operand of `and`, `or`, `not`, `&&`, `||`: exactly one Bool. */
export function asBool(operand: Term): boolean | Fault {
  if (typeof operand === 'boolean') return operand
  const t = forced(operand)
  if (typeof t === 'boolean') return t
  if (!isValue(t)) return notOneValue(t)
  return new Fault('RHO509', `expected a boolean, got ${typeName(t)}`, 'compare explicitly, for example `x != 0`')
}

/** An argument that must be an Int. */
export function asInt(argument: Term): number | bigint | Fault {
  const t = forced(argument)
  if (typeof t === 'number' || typeof t === 'bigint') return t
  const kind = describeType(t)
  const convert = kind === 'bigint' || kind === 'float' || kind === 'bigrat' || kind === 'fixedpoint' || kind === 'string'
  return new Fault('RHO509', `expected an integer, got ${kind}`, convert ? 'convert it with `toInt()`' : '')
}

/** A count or index as a double: exact for safe integers, otherwise beyond every length and of the right sign. */
export function clamped(n: number | bigint): number {
  return typeof n === 'number' ? n : n < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
}

/** RHO512: of the receiver, or with `argument` of that. */
export function wrongMethod(method: string, t: Term, argument?: Term, hint = ''): Fault {
  const on = `method \`${method}\` is not defined on ${describeType(t)}`
  return new Fault('RHO512', argument === undefined ? on : `${on} with an argument of type ${describeType(forced(argument))}`, hint)
}

export function wrongOperator(operator: string, t: Term): Fault {
  const type = typeName(t)
  return new Fault('RHO510', `operator \`${operator}\` is not defined on ${type}`, operatorHint(operator, type))
}

/** What the left operand may have been meant for. */
function operatorHint(operator: string, type: string): string {
  if (operator === '+')
    return type === 'string' || type === 'byte array' || type === 'list' || type === 'map'
      ? '`++` joins strings, byte arrays, lists and maps'
      : ''
  if (operator === '++')
    return isNumber(type) || type === 'bool' ? 'convert it with `toString()`' : type === 'tuple' ? 'convert it with `toList()`' : ''
  if (operator === '--') return type === 'map' ? 'use `diff`' : ''
  if (operator === '%%') return 'the template, a string, stands on the left'
  return type === 'string' ? 'convert it with `toInt()`' : ''
}

export function wrongRight(operator: string, expected: string, t: Term): Fault {
  const got = typeName(t)
  const hint =
    expected === 'string'
      ? 'convert it with `toString()`'
      : isNumber(expected) && isNumber(got)
        ? `numbers of different types do not mix; convert with \`${CONVERT[expected]}\``
        : isNumber(expected) && got === 'string'
          ? `convert it with \`${CONVERT[expected]}\`${operator === '+' ? '; to join strings write `++`' : ''}`
          : ''
  return new Fault('RHO511', `operator \`${operator}\` expected ${expected}, got ${got}`, hint)
}

const CONVERT: Record<string, string> = {
  int: 'toInt()',
  bigint: 'toBigInt()',
  float: 'toFloat()',
  bigrat: 'toBigRat()',
  fixedpoint: 'toFixed(scale)',
}
function isNumber(kind: string): boolean {
  return kind in CONVERT
}
