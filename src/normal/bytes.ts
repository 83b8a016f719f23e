import {
  Arrow,
  type BigInteger,
  type BigRat,
  type Bind,
  type Bound,
  type Branch,
  type Bundle,
  type Bytes,
  type Conn,
  type ConnNot,
  components,
  type DeployerId,
  type Fixed,
  type Float,
  type Free,
  forced,
  type If,
  type List,
  type MapTerm,
  type Match,
  type Matches,
  type Method,
  type New,
  type Op,
  type Par,
  type Receive,
  type Ref,
  type Select,
  type Send,
  Tag,
  type Term,
  type TypePattern,
  tagOf,
  type Unforgeable,
  type Uri,
} from './term.ts'

/** Shortest big-endian two's complement: 0 is `00`, 255 is `00ff`, -1 is `ff`. */
export function bigintBytes(v: bigint): Uint8Array {
  let n = 1
  while (BigInt.asIntN(n * 8, v) !== v) n *= 2
  // Between half of n and n bytes are needed.
  let low = n >> 1
  while (n - low > 1) {
    const mid = (n + low) >> 1
    if (BigInt.asIntN(mid * 8, v) === v) n = mid
    else low = mid
  }
  const digits = BigInt.asUintN(n * 8, v)
    .toString(16)
    .padStart(n * 2, '0')
  const out = new Uint8Array(n)
  for (let i = 0; i < n; i++) out[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return out
}

const utf8 = new TextEncoder()
const f64 = new DataView(new ArrayBuffer(8))

/** Fields of `Par` by class of component. */
const Field = {
  Sends: 1,
  Receives: 2,
  News: 4,
  Exprs: 5,
  Matches: 6,
  Unforgeables: 7,
  Connectives: 8,
  Bundles: 11,
  Ifs: 12,
  Selects: 100,
} as const

const FIELDS = [
  Field.Sends,
  Field.Receives,
  Field.News,
  Field.Exprs,
  Field.Matches,
  Field.Unforgeables,
  Field.Connectives,
  Field.Bundles,
  Field.Ifs,
  Field.Selects,
]

/** Fields of `Expr` for the operators. */
const OPERATORS: Record<number, number> = {
  [Tag.Not]: 5,
  [Tag.Neg]: 6,
  [Tag.Mul]: 7,
  [Tag.Div]: 8,
  [Tag.Add]: 9,
  [Tag.Sub]: 10,
  [Tag.Lt]: 11,
  [Tag.Le]: 12,
  [Tag.Gt]: 13,
  [Tag.Ge]: 14,
  [Tag.Eq]: 15,
  [Tag.Ne]: 16,
  [Tag.And]: 17,
  [Tag.Or]: 18,
  [Tag.Interp]: 28,
  [Tag.Concat]: 29,
  [Tag.Diff]: 30,
  [Tag.Mod]: 31,
  [Tag.AndThen]: 100,
  [Tag.OrElse]: 101,
}

const TYPE_FIELDS: Record<string, number> = { Bool: 5, Int: 6, String: 7, Uri: 8, ByteArray: 9 }

function fieldOf(t: Term): number {
  switch (tagOf(t)) {
    case Tag.Send:
      return Field.Sends
    case Tag.Receive:
      return Field.Receives
    case Tag.New:
      return Field.News
    case Tag.Match:
      return Field.Matches
    case Tag.Unforgeable:
    case Tag.DeployId:
    case Tag.DeployerId:
      return Field.Unforgeables
    case Tag.ConnAnd:
    case Tag.ConnOr:
    case Tag.ConnNot:
    case Tag.Ref:
    case Tag.Type:
      return Field.Connectives
    case Tag.Bundle:
      return Field.Bundles
    case Tag.If:
      return Field.Ifs
    case Tag.Select:
      return Field.Selects
    default:
      return Field.Exprs
  }
}

/** Parts of messages that are still to be written, the last part on top. */
type Todo =
  | { kind: 'head'; field: number; end: number }
  | { kind: 'par'; field: number; term: Term }
  | { kind: 'component'; field: number; term: Term }
  | { kind: 'message'; field: number; parts: Todo[] }
  | { kind: 'varint'; field: number; value: bigint }
  | { kind: 'blob'; field: number; bytes: Uint8Array }
  | { kind: 'fixed64'; field: number; value: number }

/**
 * A message starts with its length, which is known only after its content. So everything is written from the end to the beginning: content first,
 * then length and field number, and nothing has to be measured or moved.
 */
class Writer {
  private buffer = new Uint8Array(256)
  /** Number of bytes written; they stand at the end of the buffer. */
  private size = 0
  private readonly todo: Todo[] = []

  encode(t: Term): Uint8Array {
    for (const part of this.components(t)) this.todo.push(part)
    while (this.todo.length > 0) this.step(this.todo.pop() as Todo)
    return this.buffer.slice(this.buffer.length - this.size)
  }

  private step(w: Todo): void {
    switch (w.kind) {
      case 'head':
        this.varint(this.size - w.end)
        this.varint(w.field * 8 + 2)
        break
      case 'par':
        this.open(w.field, this.components(w.term))
        break
      case 'component':
        this.open(w.field, component(w.term))
        break
      case 'message':
        this.open(w.field, w.parts)
        break
      case 'varint':
        this.bigVarint(w.value)
        this.varint(w.field * 8)
        break
      case 'blob':
        this.raw(w.bytes)
        this.varint(w.bytes.length)
        this.varint(w.field * 8 + 2)
        break
      default: {
        f64.setFloat64(0, Number.isNaN(w.value) ? Number.NaN : w.value, true)
        this.raw(new Uint8Array(f64.buffer))
        this.varint(w.field * 8 + 1)
      }
    }
  }

  private open(field: number, parts: readonly Todo[]): void {
    this.todo.push({ kind: 'head', field, end: this.size })
    for (let i = 0; i < parts.length; i++) this.todo.push(parts[i])
  }

  /** The components of a process by field number, in canonical order within each field. */
  private components(term: Term): Todo[] {
    const items = components(forced(term))
    if (items.length === 1) {
      const c = forced(items[0])
      return [{ kind: 'component', field: fieldOf(c), term: c }]
    }
    const classes = new Map<number, Todo[]>()
    for (const item of items) {
      const c = forced(item)
      const field = fieldOf(c)
      let list = classes.get(field)
      if (list === undefined) {
        list = []
        classes.set(field, list)
      }
      list.push({ kind: 'component', field, term: c })
    }
    return FIELDS.flatMap(f => classes.get(f) ?? [])
  }

  private reserve(n: number): void {
    if (this.size + n <= this.buffer.length) return
    const bigger = new Uint8Array(Math.max(2 * this.buffer.length, this.size + n))
    bigger.set(this.buffer.subarray(this.buffer.length - this.size), bigger.length - this.size)
    this.buffer = bigger
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.size += bytes.length
    this.buffer.set(bytes, this.buffer.length - this.size)
  }

  private varint(value: number): void {
    let n = 1
    for (let v = value; v >= 128; v = Math.floor(v / 128)) n++
    this.reserve(n)
    this.size += n
    let at = this.buffer.length - this.size
    let v = value
    for (; v >= 128; v = Math.floor(v / 128)) this.buffer[at++] = (v % 128) | 128
    this.buffer[at] = v
  }

  private bigVarint(value: bigint): void {
    if (value < 0x1fffffffffffffn) {
      this.varint(Number(value))
      return
    }
    const bytes: number[] = []
    let v = value
    for (; v >= 128n; v >>= 7n) bytes.push(Number(v & 127n) | 128)
    bytes.push(Number(v))
    this.raw(Uint8Array.from(bytes))
  }
}

function zigzag(v: bigint): bigint {
  return v < 0n ? -2n * v - 1n : 2n * v
}

function varint(field: number, value: number | bigint): Todo {
  return { kind: 'varint', field, value: BigInt(value) }
}

function signed(field: number, value: number | bigint): Todo {
  return { kind: 'varint', field, value: zigzag(BigInt(value)) }
}

function par(field: number, term: Term): Todo {
  return { kind: 'par', field, term }
}

function pars(field: number, terms: readonly Term[]): Todo[] {
  return terms.map(t => par(field, t))
}

function message(field: number, parts: Todo[]): Todo {
  return { kind: 'message', field, parts }
}

function blob(field: number, bytes: Uint8Array): Todo {
  return { kind: 'blob', field, bytes }
}

/** A scalar that is left out when it is 0 or false. */
function optional(field: number, value: number): Todo[] {
  return value === 0 ? [] : [varint(field, value)]
}

/** The one field of the message `Var`. */
function variable(v: Term): Todo {
  switch (tagOf(v)) {
    case Tag.Bound:
      return signed(1, (v as Bound).index)
    case Tag.Free:
      return signed(2, (v as Free).index)
    default:
      return message(3, [])
  }
}

function remainder(field: number, rest: Term | null): Todo[] {
  return rest === null ? [] : [message(field, [variable(rest)])]
}

function bindMessage(field: number, b: Bind, mixed: boolean): Todo {
  return message(field, [
    ...pars(1, b.patterns),
    par(2, b.source),
    ...remainder(3, b.rest),
    ...optional(4, b.count),
    ...(mixed ? optional(100, b.arrow) : []),
  ])
}

function receiveParts(r: Receive | Branch): Todo[] {
  const first = r.binds[0].arrow
  const mixed = r.binds.some(b => b.arrow !== first)
  return [
    ...r.binds.map(b => bindMessage(1, b, mixed)),
    par(2, r.body),
    ...optional(3, !mixed && first === Arrow.Persistent ? 1 : 0),
    ...optional(4, !mixed && first === Arrow.Peek ? 1 : 0),
    ...optional(5, r.count),
    ...(r.guard === null ? [] : [par(8, r.guard)]),
  ]
}

/** The fields of the message for one component; it must be forced. */
function component(t: Term): Todo[] {
  if (typeof t !== 'object') {
    if (typeof t === 'boolean') return [varint(1, t ? 1 : 0)]
    return typeof t === 'string' ? [blob(3, utf8.encode(t))] : [signed(2, t)]
  }
  const tag = t.tag
  switch (tag) {
    case Tag.Uri:
      return [blob(4, utf8.encode((t as Uri).text))]
    case Tag.Bytes:
      return [blob(25, (t as Bytes).bytes)]
    case Tag.Float:
      return [{ kind: 'fixed64', field: 34, value: (t as Float).value }]
    case Tag.BigInt:
      return [blob(35, bigintBytes((t as BigInteger).value))]
    case Tag.BigRat:
      return [message(36, [blob(1, bigintBytes((t as BigRat).num)), blob(2, bigintBytes((t as BigRat).den))])]
    case Tag.Fixed:
      return [message(37, [blob(1, bigintBytes((t as Fixed).unscaled)), ...optional(2, (t as Fixed).scale)])]
    case Tag.Unforgeable:
      return [message(1, [blob(1, (t as Unforgeable).id)])]
    case Tag.DeployId:
      return [message(2, [blob(1, (t as DeployerId).bytes)])]
    case Tag.DeployerId:
      return [message(3, [blob(1, (t as DeployerId).bytes)])]
    case Tag.Bound:
    case Tag.Free:
    case Tag.Wildcard:
      return [message(19, [variable(t)])]
    case Tag.List:
      return [message(20, [...pars(1, (t as List).items), ...remainder(5, (t as List).rest)])]
    case Tag.Tuple:
      return [message(21, pars(1, (t as Par).items))]
    case Tag.Set:
      return [message(22, [...pars(1, (t as List).items), ...remainder(5, (t as List).rest)])]
    case Tag.PathMap:
      return [message(32, [...pars(1, (t as List).items), ...remainder(5, (t as List).rest)])]
    case Tag.Map: {
      const m = t as MapTerm
      const entries = m.keys.map((k, i) => message(1, [par(1, k), par(2, m.values[i])]))
      return [message(23, [...entries, ...remainder(5, m.rest)])]
    }
    case Tag.Method: {
      const m = t as Method
      return [message(24, [blob(1, utf8.encode(m.name)), par(2, m.target), ...pars(3, m.args)])]
    }
    case Tag.Matches:
      return [message(27, [par(1, (t as Matches).left), par(2, (t as Matches).pattern)])]
    case Tag.Send: {
      const s = t as Send
      return [par(1, s.chan), ...pars(2, s.data), ...optional(3, s.persistent ? 1 : 0)]
    }
    case Tag.Receive:
      return receiveParts(t as Receive)
    case Tag.Select:
      return (t as Select).branches.map(b => message(1, receiveParts(b)))
    case Tag.New: {
      const w = t as New
      return [signed(1, w.count), par(2, w.body), ...w.uris.map(u => blob(3, utf8.encode(u)))]
    }
    case Tag.Match: {
      const m = t as Match
      const cases = m.cases.map(c =>
        message(2, [par(1, c.pattern), par(2, c.body), ...optional(3, c.count), ...(c.guard === null ? [] : [par(4, c.guard)])]),
      )
      return [par(1, m.target), ...cases]
    }
    case Tag.If:
      return [par(1, (t as If).cond), par(2, (t as If).consequent), par(3, (t as If).alternative)]
    case Tag.Bundle: {
      const b = t as Bundle
      return [par(1, b.body), ...optional(2, b.rights >> 1), ...optional(3, b.rights & 1)]
    }
    case Tag.ConnAnd:
    case Tag.ConnOr:
      return [message(tag === Tag.ConnAnd ? 1 : 2, pars(1, (t as Conn).parts))]
    case Tag.ConnNot:
      return [par(3, (t as ConnNot).body)]
    case Tag.Ref:
      return [message(4, [signed(1, (t as Ref).index), signed(2, 1)])]
    case Tag.Type:
      return [varint(TYPE_FIELDS[(t as TypePattern).type], 1)]
    default: {
      const o = t as Op
      return [message(OPERATORS[tag], o.right === null ? [par(1, o.left)] : [par(1, o.left), par(2, o.right)])]
    }
  }
}

/** The canonical bytes of a term (rholang.md, Appendix A.1): equal terms have equal bytes, different terms different ones. Looks into closures. */
export function toBytes(t: Term): Uint8Array {
  return new Writer().encode(t)
}
