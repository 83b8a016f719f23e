/**
 * The syntax tree: what was written, before sugar is removed and names are resolved. Positions are those of `base/source.ts`.
 * One node per construct of the grammar (rholang.md 2.1). Nodes are plain objects tagged with `kind`; the parser creates each kind
 * with its fields in this order. The tree may be as deep as the program: nothing may recurse over it.
 */
interface At {
  readonly start: number
  readonly end: number
}

/** Anything that stands where a process, an expression or a process pattern may stand. */
export type Proc =
  | Par
  | New
  | If
  | Let
  | For
  | Contract
  | MatchProc
  | Select
  | Agent
  | Send
  | SyncSend
  | Binary
  | Unary
  | Method
  | Conn
  | Not
  | Bool
  | Int
  | Wide
  | Float
  | BigIntLit
  | BigRat
  | Fixed
  | Str
  | Uri
  | Bytes
  | Nil
  | Var
  | Wildcard
  | Eval
  | Ref
  | TypeWord
  | Block
  | Bundle
  | Tuple
  | List
  | SetLit
  | PathMapLit
  | MapLit
  | ErrorProc

/** Anything that stands where a name or a name pattern may stand: `x`, `_`, `@P`; `ErrorProc` after a reported syntax error. */
export type Name = Var | Wildcard | Quote | ErrorProc

export interface Par extends At {
  readonly kind: 'par'
  readonly items: readonly Proc[]
}
export interface Decl extends At {
  readonly name: string
  readonly uri: string | null
}
export interface New extends At {
  readonly kind: 'new'
  readonly decls: readonly Decl[]
  readonly body: Proc
}
export interface If extends At {
  readonly kind: 'if'
  readonly cond: Proc
  readonly consequent: Proc
  readonly alternative: Proc | null
}
/** `names <- values`; `let x = P` has `simple: true`, one name (a `Var`) and one value. */
export interface LetDecl extends At {
  readonly names: Names
  readonly values: readonly Proc[]
  readonly simple: boolean
}
export interface Let extends At {
  readonly kind: 'let'
  readonly decls: readonly LetDecl[]
  readonly concurrent: boolean
  readonly body: Proc
}
/** A list of name patterns with optional remainder `...@x` (`rest`: a Var or Wildcard in process position). */
export interface Names extends At {
  readonly items: readonly Name[]
  readonly rest: Var | Wildcard | null
}
export type Arrow = '<-' | '<=' | '<<-'
/** What stands right of an arrow. `name` plain; `reply`: `x?!`; `call`: `x!?(args)`; `method`: `x!m(args)`. */
export interface Source extends At {
  readonly form: 'name' | 'reply' | 'call' | 'method'
  readonly name: Name
  readonly method: string
  readonly args: readonly Proc[]
}
export interface Bind extends At {
  readonly names: Names
  readonly arrow: Arrow
  readonly source: Source
}
export interface Receipt extends At {
  readonly binds: readonly Bind[]
  readonly guard: Proc | null
}
export interface For extends At {
  readonly kind: 'for'
  readonly receipts: readonly Receipt[]
  readonly body: Proc
}
export interface Contract extends At {
  readonly kind: 'contract'
  readonly name: Name
  readonly formals: Names
  readonly body: Proc
}
export interface Case extends At {
  readonly pattern: Proc
  readonly guard: Proc | null
  readonly body: Proc
}
export interface MatchProc extends At {
  readonly kind: 'match'
  readonly target: Proc
  readonly cases: readonly Case[]
}
/** `bad` carries forms the grammar parses only to report RHO304 (`;`, `<=`, `!?` and method sources). */
export interface Branch extends At {
  readonly binds: readonly Bind[]
  readonly guard: Proc | null
  readonly body: Proc
  readonly bad: readonly { readonly what: string; readonly start: number; readonly end: number }[]
}
export interface Select extends At {
  readonly kind: 'select'
  readonly branches: readonly Branch[]
}
export interface Member extends At {
  readonly form: 'constructor' | 'method' | 'default'
  readonly private: boolean
  readonly name: string
  readonly formals: Names
  readonly body: Proc
}
export interface Agent extends At {
  readonly kind: 'agent'
  readonly name: Name
  readonly members: readonly Member[]
}
export interface Send extends At {
  readonly kind: 'send'
  readonly chan: Name
  readonly persistent: boolean
  readonly args: readonly Proc[]
}
/** `x!?(args).` (cont null), `x!?(args); P`, and the method sends `x!m(args).` / `;` (`method` is the identifier, '' for `!?`). */
export interface SyncSend extends At {
  readonly kind: 'sync'
  readonly chan: Name
  readonly method: string
  readonly args: readonly Proc[]
  readonly cont: Proc | null
}

export type BinaryOp =
  | 'or'
  | '||'
  | 'and'
  | '&&'
  | '=='
  | '!='
  | 'matches'
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '++'
  | '--'
  | '*'
  | '/'
  | '%'
  | '%%'
/** `opStart` is the position of the operator itself. */
export interface Binary extends At {
  readonly kind: 'binary'
  readonly op: BinaryOp
  readonly left: Proc
  readonly right: Proc
  readonly opStart: number
}
export interface Unary extends At {
  readonly kind: 'unary'
  readonly op: 'not' | '-'
  readonly operand: Proc
}
export interface Method extends At {
  readonly kind: 'method'
  readonly target: Proc
  readonly name: string
  readonly args: readonly Proc[]
  readonly nameStart: number
}
/** `left /\ right` and `left \/ right`. */
export interface Conn extends At {
  readonly kind: 'conn'
  readonly op: '/\\' | '\\/'
  readonly left: Proc
  readonly right: Proc
}
export interface Not extends At {
  readonly kind: 'not'
  readonly operand: Proc
}

export interface Nil extends At {
  readonly kind: 'nil'
}
export interface Bool extends At {
  readonly kind: 'bool'
  readonly value: boolean
}
/** A safe integer. */
export interface Int extends At {
  readonly kind: 'int'
  readonly value: number
}
/** An Int outside the safe integers. */
export interface Wide extends At {
  readonly kind: 'wide'
  readonly value: bigint
}
export interface Float extends At {
  readonly kind: 'float'
  readonly value: number
}
export interface BigIntLit extends At {
  readonly kind: 'bigint'
  readonly value: bigint
}
/** Reduced, denominator positive. */
export interface BigRat extends At {
  readonly kind: 'bigrat'
  readonly num: bigint
  readonly den: bigint
}
export interface Fixed extends At {
  readonly kind: 'fixed'
  readonly unscaled: bigint
  readonly scale: number
}
/** Escapes are decoded. */
export interface Str extends At {
  readonly kind: 'string'
  readonly value: string
}
export interface Uri extends At {
  readonly kind: 'uri'
  readonly value: string
}
export interface Bytes extends At {
  readonly kind: 'bytes'
  readonly value: Uint8Array
}

export interface Var extends At {
  readonly kind: 'var'
  readonly name: string
}
export interface Wildcard extends At {
  readonly kind: 'wildcard'
}
/** `*x`, `*@P`. */
export interface Eval extends At {
  readonly kind: 'eval'
  readonly name: Name
}
/** `=x` (`star: false`), `=*x` (`star: true`). */
export interface Ref extends At {
  readonly kind: 'ref'
  readonly name: string
  readonly star: boolean
}
export interface TypeWord extends At {
  readonly kind: 'type'
  readonly type: 'Bool' | 'Int' | 'String' | 'Uri' | 'ByteArray'
}
/** `{ P }`; kept for the formatter, has no meaning of its own. Parenthesised expressions leave no node but `(P)` extends the span of P. */
export interface Block extends At {
  readonly kind: 'block'
  readonly body: Proc
}
/** Flags: 0 `bundle0`, 1 `bundle-` (read), 2 `bundle+` (write), 3 `bundle`. */
export interface Bundle extends At {
  readonly kind: 'bundle'
  readonly flags: 0 | 1 | 2 | 3
  readonly body: Proc
}
export interface Tuple extends At {
  readonly kind: 'tuple'
  readonly items: readonly Proc[]
}
export interface List extends At {
  readonly kind: 'list'
  readonly items: readonly Proc[]
  readonly rest: Var | Wildcard | null
}
export interface SetLit extends At {
  readonly kind: 'set'
  readonly items: readonly Proc[]
  readonly rest: Var | Wildcard | null
}
export interface PathMapLit extends At {
  readonly kind: 'pathmap'
  readonly items: readonly Proc[]
  readonly rest: Var | Wildcard | null
}
export interface MapLit extends At {
  readonly kind: 'map'
  readonly keys: readonly Proc[]
  readonly values: readonly Proc[]
  readonly rest: Var | Wildcard | null
}
export interface Quote extends At {
  readonly kind: 'quote'
  readonly body: Proc
}
/** Stands where a syntax error was reported, so that the other checks can go on. */
export interface ErrorProc extends At {
  readonly kind: 'error'
}
