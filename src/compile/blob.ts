import {
  ConstKind,
  writeBigInt,
  writeBigRat,
  writeFixed,
  writeFloat,
  writeInt,
  writeOctets,
  writeText,
  writeUnforgeable,
} from '../../bytecode/constants.ts'
import { INT_MAX, INT_MIN, OPERAND_MAX, Op } from '../../bytecode/opcodes.ts'
import { Fast, P, TYPE_NAMES } from '../../bytecode/patterns.ts'
import type { Words } from '../../bytecode/words.ts'
import {
  type BigInteger,
  type BigRat,
  Bind,
  type Bound,
  Branch,
  type Bundle,
  type Bytes,
  Case,
  type Conn,
  type ConnNot,
  type Fixed,
  Flag,
  type Float,
  type Free,
  flagsOf,
  forced,
  type If,
  type List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  type Op as OpTerm,
  type Par,
  type Receive,
  type Rest,
  type Select,
  type Send,
  Tag,
  type Term,
  type TypePattern,
  type Unforgeable,
  type Uri,
} from '../normal/term.ts'
import { ImageTooLarge } from './errors.ts'
import { rememberName } from './names.ts'

/** Instruction of an operator, by the tag of its term; 0 for other tags. */
export const OP_OF_TAG = new Uint8Array(64)
for (const [tag, op] of [
  [Tag.Neg, Op.NEG],
  [Tag.Mul, Op.MUL],
  [Tag.Div, Op.DIV],
  [Tag.Add, Op.ADD],
  [Tag.Sub, Op.SUB],
  [Tag.Lt, Op.LT],
  [Tag.Le, Op.LE],
  [Tag.Gt, Op.GT],
  [Tag.Ge, Op.GE],
  [Tag.Eq, Op.EQ],
  [Tag.Ne, Op.NE],
  [Tag.Not, Op.NOT],
  [Tag.And, Op.AND],
  [Tag.Or, Op.OR],
  [Tag.Interp, Op.INTERP],
  [Tag.Concat, Op.CONCAT],
  [Tag.Diff, Op.DIFF],
  [Tag.Mod, Op.MOD],
  [Tag.AndThen, Op.ANDTHEN],
  [Tag.OrElse, Op.ORELSE],
])
  OP_OF_TAG[tag] = op

/** The inverse of `OP_OF_TAG`. */
export const TAG_OF_OP = new Uint8Array(256)
OP_OF_TAG.forEach((op, tag) => {
  if (op !== 0) TAG_OF_OP[op] = tag
})

/** Writes the constant record of a value that has no instruction of its own; false if the term is no such value. */
export function writeValue(out: Words, t: Term): boolean {
  switch (typeof t) {
    case 'string':
      writeText(out, ConstKind.string, t)
      return true
    case 'number':
    case 'bigint':
      writeInt(out, BigInt(t))
      return true
    case 'boolean':
      return false
  }
  switch (t.tag) {
    case Tag.Uri:
      writeText(out, ConstKind.uri, (t as Uri).text)
      return true
    case Tag.Bytes:
      writeOctets(out, ConstKind.bytes, (t as Bytes).bytes)
      return true
    case Tag.DeployerId:
      writeOctets(out, ConstKind.deployerId, (t as Bytes).bytes)
      return true
    case Tag.DeployId:
      writeOctets(out, ConstKind.deployId, (t as Bytes).bytes)
      return true
    case Tag.Float:
      writeFloat(out, (t as Float).value)
      return true
    case Tag.BigInt:
      writeBigInt(out, (t as BigInteger).value)
      return true
    case Tag.BigRat:
      writeBigRat(out, (t as BigRat).num, (t as BigRat).den)
      return true
    case Tag.Fixed:
      writeFixed(out, (t as Fixed).unscaled, (t as Fixed).scale)
      return true
    case Tag.Unforgeable:
      writeUnforgeable(out, rememberName(t as Unforgeable))
      return true
    default:
      return false
  }
}

/** Gives the number of the slot that stands for a variable of the surrounding code. */
export type SlotOf = (outer: number) => number

function node(out: Words, code: number, arg: number): void {
  if (arg > OPERAND_MAX) throw new ImageTooLarge('pattern')
  out.push(((arg << 8) | code) >>> 0)
}

type Entry = Term | Bind | Case | Branch

/** Writes terms in prefix code, one after the other. `slotOf` is called for every `=x` and variable that is not bound inside the term. */
export class TreeWriter {
  private readonly stack: Entry[] = []
  private readonly depths: number[] = []

  write(out: Words, roots: readonly Term[], slotOf: SlotOf): void {
    const { stack, depths } = this
    for (let i = roots.length - 1; i >= 0; i--) this.push(roots[i], 0)
    while (stack.length > 0) {
      const t = stack.pop() as Entry
      const d = depths.pop() as number
      if (typeof t !== 'object') this.leaf(out, t)
      else if (t instanceof Bind) this.bind(out, t, d)
      else if (t instanceof Case) {
        node(out, P.CASE, t.guard === null ? 0 : 1)
        out.push(t.count)
        this.push(t.body, d + t.count)
        if (t.guard !== null) this.push(t.guard, d + t.count)
        this.push(t.pattern, d)
      } else if (t instanceof Branch) this.receive(out, P.BRANCH, t, d)
      else this.term(out, forced(t), d, slotOf)
    }
  }

  private push(t: Entry, depth: number): void {
    this.stack.push(t)
    this.depths.push(depth)
  }

  private many(items: readonly Term[], depth: number): void {
    for (let i = items.length - 1; i >= 0; i--) this.push(items[i], depth)
  }

  private leaf(out: Words, t: number | bigint | boolean | string): void {
    if (typeof t === 'boolean') node(out, P.BOOL, t ? 1 : 0)
    else if (typeof t === 'number' && t >= INT_MIN && t <= INT_MAX) out.push(((t << 8) | P.INT) >>> 0)
    else {
      out.push(P.CONST)
      writeValue(out, t)
    }
  }

  private bind(out: Words, b: Bind, d: number): void {
    node(out, P.BIND, b.arrow)
    out.push((b.patterns.length | (b.rest === null ? 0 : 0x80000000)) >>> 0)
    out.push(b.count)
    if (b.rest !== null) this.push(b.rest, d)
    this.many(b.patterns, d)
    this.push(b.source, d)
  }

  private receive(out: Words, code: number, r: Receive | Branch, d: number): void {
    node(out, code, r.binds.length | (r.guard === null ? 0 : 0x800000))
    this.push(r.body, d + r.count)
    if (r.guard !== null) this.push(r.guard, d + r.count)
    for (let i = r.binds.length - 1; i >= 0; i--) this.push(r.binds[i], d)
  }

  private collection(out: Words, code: number, items: readonly Term[], rest: Rest, d: number): void {
    node(out, rest === null ? code : code + 1, items.length)
    if (rest !== null) this.push(rest, d)
    this.many(items, d)
  }

  private term(out: Words, t: Term, d: number, slotOf: SlotOf): void {
    if (typeof t !== 'object') {
      this.leaf(out, t)
      return
    }
    switch (t.tag) {
      case Tag.Wildcard:
        out.push(P.WILDCARD)
        return
      case Tag.Free:
        node(out, P.FREE, (t as Free).index)
        return
      case Tag.Ref:
      case Tag.Bound: {
        const i = (t as Bound).index
        const ref = t.tag === Tag.Ref
        if (i < d) node(out, ref ? P.REFIN : P.BOUND, i)
        else node(out, ref ? P.REF : P.OUTER, slotOf(i - d))
        return
      }
      case Tag.Type:
        node(out, P.TYPE, TYPE_NAMES.indexOf((t as TypePattern).type))
        return
      case Tag.List:
        this.collection(out, P.LIST, (t as List).items, (t as List).rest, d)
        return
      case Tag.Set:
        this.collection(out, P.SET, (t as List).items, (t as List).rest, d)
        return
      case Tag.PathMap:
        this.collection(out, P.PATHMAP, (t as List).items, (t as List).rest, d)
        return
      case Tag.Tuple:
        this.collection(out, P.TUPLE, (t as Par).items, null, d)
        return
      case Tag.Map: {
        const m = t as MapTerm
        node(out, m.rest === null ? P.MAP : P.MAPR, m.keys.length)
        if (m.rest !== null) this.push(m.rest, d)
        for (let i = m.keys.length - 1; i >= 0; i--) {
          this.push(m.values[i], d)
          this.push(m.keys[i], d)
        }
        return
      }
      case Tag.Par: {
        const items = (t as Par).items
        if (items.length === 0) out.push(P.NIL)
        else {
          node(out, P.PAR, items.length)
          this.many(items, d)
        }
        return
      }
      case Tag.Method: {
        const m = t as Method
        node(out, P.METHOD, m.args.length)
        writeText(out, ConstKind.string, m.name)
        this.many(m.args, d)
        this.push(m.target, d)
        return
      }
      case Tag.Matches:
        node(out, P.MATCHES, (t as Matches).count)
        this.push((t as Matches).pattern, d)
        this.push((t as Matches).left, d)
        return
      case Tag.Send: {
        const s = t as Send
        node(out, P.SEND, s.persistent ? 1 : 0)
        out.push(s.data.length)
        this.many(s.data, d)
        this.push(s.chan, d)
        return
      }
      case Tag.Receive:
        this.receive(out, P.RECEIVE, t as Receive, d)
        return
      case Tag.New: {
        const w = t as New
        node(out, P.NEW, w.count)
        out.push(w.uris.length)
        for (const uri of w.uris) writeText(out, ConstKind.uri, uri)
        this.push(w.body, d + w.count)
        return
      }
      case Tag.Match: {
        const m = t as Match
        node(out, P.MATCH, m.cases.length)
        for (let i = m.cases.length - 1; i >= 0; i--) this.push(m.cases[i], d)
        this.push(m.target, d)
        return
      }
      case Tag.If: {
        const c = t as If
        out.push(P.IF)
        this.push(c.alternative, d)
        this.push(c.consequent, d)
        this.push(c.cond, d)
        return
      }
      case Tag.Select: {
        const s = t as Select
        node(out, P.SELECT, s.branches.length)
        for (let i = s.branches.length - 1; i >= 0; i--) this.push(s.branches[i], d)
        return
      }
      case Tag.Bundle:
        node(out, P.BUNDLE, (t as Bundle).rights)
        this.push((t as Bundle).body, d)
        return
      case Tag.ConnAnd:
      case Tag.ConnOr:
        node(out, t.tag === Tag.ConnAnd ? P.AND : P.OR, (t as Conn).parts.length)
        this.many((t as Conn).parts, d)
        return
      case Tag.ConnNot:
        out.push(P.NOT)
        this.push((t as ConnNot).body, d)
        return
    }
    const op = t.tag < 64 ? OP_OF_TAG[t.tag] : 0
    if (op !== 0) {
      const o = t as OpTerm
      node(out, P.OP, op)
      if (o.right !== null) this.push(o.right, d)
      this.push(o.left, d)
      return
    }
    out.push(P.CONST)
    if (!writeValue(out, t)) throw new ImageTooLarge('a term without encoding')
  }
}

function isHole(t: Term): boolean {
  return typeof t === 'object' && (t.tag === Tag.Free || t.tag === Tag.Wildcard)
}

/** The fast class of the patterns of a bind, or (`single`) of one pattern. */
export function fastClass(patterns: readonly Term[], rest: Rest, single: boolean, slots: number): number {
  let holes = true
  let constant = rest === null && slots === 0
  for (const p of patterns) {
    if (!isHole(p)) holes = false
    if ((flagsOf(p) & Flag.Pattern) !== 0) constant = false
  }
  if (holes) return single || (patterns.length === 0 && rest !== null) ? Fast.ALWAYS : Fast.ARITY
  return constant ? Fast.CONSTANT : Fast.GENERAL
}
