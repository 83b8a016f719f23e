import { didYouMean } from '../../base/nearest.ts'
import { forced, isValue, Tag, type Term, tagOf } from '../../normal/term.ts'
import { Fault, type PrimContext, type Result } from './fault.ts'
import { notOneValue, tagName, wrongMethod } from './kinds.ts'
import { METHODS, type MethodEntry, type MethodRow } from './methods.ts'
import { OPERATORS } from './operators.ts'

/** A method with its rows by the tag of the receiver; `any` serves every process. */
export interface Method {
  readonly entry: MethodEntry
  readonly any: MethodRow | undefined
  readonly byTag: readonly (MethodRow | undefined)[]
}

const BY_NAME: ReadonlyMap<string, Method> = new Map(METHODS.map(entry => [entry.name, indexed(entry)]))

function indexed(entry: MethodEntry): Method {
  const byTag: (MethodRow | undefined)[] = new Array(Tag.Closure + 1).fill(undefined)
  let any: MethodRow | undefined
  for (const row of entry.rows) {
    if (row.on === 'any') any = row
    else for (const tag of row.on) byTag[tag] = row
  }
  return { entry, any, byTag }
}

/** The method of this name, to be resolved once where code is linked; undefined if there is none. */
export function findMethod(name: string): Method | undefined {
  return BY_NAME.get(name)
}

/**
 * Calls a method on an evaluated receiver with evaluated arguments, checking in this order: number of arguments, receiver is exactly one value, its type,
 * types of the arguments. Adds the charge to `ctx.gas`. Never throws for any closed terms.
 */
export function invoke(method: Method, target: Term, args: readonly Term[], ctx: PrimContext): Result {
  const { entry } = method
  if (args.length !== entry.params.length) return wrongCount(entry, args.length)
  const t = forced(target)
  const row = method.any ?? method.byTag[tagOf(t)]
  if (row === undefined) {
    if (!isValue(t)) return notOneValue(t)
    return entry.otherwise?.(t) ?? wrongMethod(entry.name, t, undefined, receiverHint(method, t))
  }
  ctx.gas += row.gas.before(t, args)
  const result = row.run(t, args, ctx, entry.name)
  if (row.gas.after !== undefined && !(result instanceof Fault)) ctx.gas += row.gas.after(result)
  return result
}

/** `target.name(args)`; RHO508 if there is no such method. */
export function method(name: string, target: Term, args: readonly Term[], ctx: PrimContext): Result {
  const found = BY_NAME.get(name)
  return found === undefined ? unknownMethod(name) : invoke(found, target, args, ctx)
}

export function unknownMethod(name: string): Fault {
  return new Fault('RHO508', `unimplemented method: ${name}`, didYouMean(name, BY_NAME.keys()))
}

function wrongCount(entry: MethodEntry, actual: number): Fault {
  const n = entry.params.length
  const takes = n === 0 ? 'no arguments' : n === 1 ? '1 argument' : `${n} arguments`
  return new Fault('RHO513', `method \`${entry.name}\` takes ${takes}, got ${actual}`, `write \`.${signature(entry)}\``)
}

/** What other types call the same thing. */
const SAME_THING: Readonly<Record<string, readonly string[]>> = {
  size: ['length'],
  length: ['size'],
  get: ['nth'],
  set: ['updated'],
  add: ['concat'],
  union: ['concat'],
  concat: ['union'],
  values: ['toList'],
}

/** What the receiver has instead, or else which types have the method. */
function receiverHint(method: Method, t: Term): string {
  for (const name of SAME_THING[method.entry.name] ?? []) {
    const other = BY_NAME.get(name)
    if (other?.byTag[tagOf(t)] !== undefined) return `use \`${signature(other.entry)}\``
  }
  const types = method.entry.rows.flatMap(row => (row.on === 'any' ? [] : row.on.map(tagName)))
  return `it is a method of ${types.join(', ')}`
}

/** `slice(from, to)` */
export function signature(entry: MethodEntry): string {
  return `${entry.name}(${entry.params.join(', ')})`
}

/** One line of the manual. */
export interface PrimitiveLine {
  readonly form: string
  readonly on: string
  readonly gas: string
  readonly doc: string
}

const TAG_NAMES = new Map<number, string>(Object.entries(Tag).map(([name, tag]) => [tag, name === 'Bytes' ? 'ByteArray' : name]))

function receivers(row: MethodRow): string {
  return row.on === 'any' ? 'any process' : row.on.map(tag => TAG_NAMES.get(tag)).join(', ')
}

/** All operators, then all methods, one line for each kind of receiver that has a charge of its own. */
export function manual(): PrimitiveLine[] {
  const lines: PrimitiveLine[] = OPERATORS.map(op => ({
    form: op.arity === 1 ? `${op.symbol}${/[a-z]/.test(op.symbol) ? ' ' : ''}a` : `a ${op.symbol} b`,
    on: op.operands,
    gas: op.gas,
    doc: op.doc,
  }))
  for (const entry of METHODS) {
    const byGas = new Map<string, string[]>()
    for (const row of entry.rows) byGas.set(row.gas.text, [...(byGas.get(row.gas.text) ?? []), receivers(row)])
    for (const [gas, on] of byGas) lines.push({ form: signature(entry), on: on.join(', '), gas, doc: entry.doc })
  }
  return lines
}
