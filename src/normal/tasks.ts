import type { Span } from '../base/source.ts'
import type * as Ast from '../syntax/ast.ts'
import type { Binding, PatternScope } from './scope.ts'
import { type Bind, type Free, NIL, type Term, type Wildcard } from './term.ts'

/**
 * The tasks of the walk. A task that visits leaves one term on the stack of results; one that finishes a construct takes the terms of its parts from there.
 * The names after the first three say which construct they work on.
 */
export const Op = {
  /** Visit a process that is data or part of an expression, a statement, a name. */
  Proc: 0,
  Stmt: 1,
  Name: 2,
  Par: 3,
  Send: 4,
  Sync: 5,
  New: 6,
  If: 7,
  Binary: 8,
  Unary: 9,
  Method: 10,
  MatchesRight: 11,
  MatchesDone: 12,
  ConnAnd: 13,
  ConnOr: 14,
  ConnLost: 15,
  Not: 16,
  SetScope: 17,
  Bundle: 18,
  Tuple: 19,
  List: 20,
  Set: 21,
  PathMap: 22,
  Map: 23,
  ListOf: 24,
  ForReceipt: 25,
  FreshSend: 26,
  EnterPatterns: 27,
  CloseBind: 28,
  ReceiptGuard: 29,
  ReceiveDone: 30,
  OpenBranch: 31,
  BranchDone: 32,
  SelectDone: 33,
  OpenCase: 34,
  CasePattern: 35,
  CaseGuard: 36,
  CloseCase: 37,
  MatchDone: 38,
  LetStep: 39,
  NamesPattern: 40,
  NamesDone: 41,
  MethodPattern: 42,
  MethodPatternDone: 43,
  DefaultPattern: 44,
  AgentBody: 45,
  AgentLoop: 46,
  AgentLoopDone: 47,
  AgentDone: 48,
  Drop: 49,
} as const

const NONE: never[] = []

/** One bind of a receipt, after the sugar of its source, on its way to a bind. */
export class BindFrame {
  readonly names: Ast.Names
  /** `let x = P` beside others: the pattern `x` means `@x`. */
  readonly simple: boolean
  /** A nameless variable stands before the patterns: the name to reply on. */
  readonly reply: boolean
  readonly arrow: number
  /** Where the source is written. */
  readonly source: Span
  patterns: readonly Term[]
  rest: Free | Wildcard | null
  /** Number of variables of earlier binds. */
  first: number
  constructor(names: Ast.Names, simple: boolean, reply: boolean, arrow: number, source: Span) {
    this.names = names
    this.simple = simple
    this.reply = reply
    this.arrow = arrow
    this.source = source
    this.patterns = NONE
    this.rest = null
    this.first = 0
  }
}

/** A receipt, contract, concurrent `let`, agent or `select` branch on its way to a receive. */
export class ReceiptFrame {
  readonly span: Span
  /** The binds as they are written, and which of them is being visited. */
  readonly written: readonly BindFrame[]
  cursor: number
  readonly guardNode: Ast.Proc | null
  readonly bodyOp: number
  readonly bodyArg: unknown
  /** Nameless names of a `new` around the receive and around `sends`. */
  readonly fresh: number
  readonly sends: Term[]
  /** `?!`: send the empty reply when the body starts. */
  replies: boolean
  /** It receives from a name of which all ends are noted. */
  watched: boolean
  what: 'receive' | 'contract' | 'agent' | 'branch'
  outer: PatternScope | null
  scope: PatternScope | null
  binds: readonly Bind[]
  /** The variables in the order of their numbers. */
  vars: readonly Binding[]
  guard: Term | null
  constructor(span: Span, written: readonly BindFrame[], guardNode: Ast.Proc | null, bodyOp: number, bodyArg: unknown, fresh: number) {
    this.span = span
    this.written = written
    this.cursor = 0
    this.guardNode = guardNode
    this.bodyOp = bodyOp
    this.bodyArg = bodyArg
    this.fresh = fresh
    this.sends = fresh === 0 ? NONE : []
    this.replies = false
    this.watched = false
    this.what = 'receive'
    this.outer = null
    this.scope = null
    this.binds = NONE
    this.vars = NONE
    this.guard = null
  }
}

/** A case of a `match`, a sequential `let` declaration or an agent member on its way to a case. */
export class CaseFrame {
  readonly patternOp: number
  readonly patternArg: unknown
  readonly guardNode: Ast.Proc | null
  readonly bodyOp: number
  readonly bodyArg: unknown
  outer: PatternScope | null
  scope: PatternScope | null
  pattern: Term
  guard: Term | null
  constructor(patternOp: number, patternArg: unknown, guardNode: Ast.Proc | null, bodyOp: number, bodyArg: unknown) {
    this.patternOp = patternOp
    this.patternArg = patternArg
    this.guardNode = guardNode
    this.bodyOp = bodyOp
    this.bodyArg = bodyArg
    this.outer = null
    this.scope = null
    this.pattern = NIL
    this.guard = null
  }
}

export interface MatchFrame {
  readonly span: Span
  readonly count: number
  readonly node: Ast.MatchProc | null
}

/** A send on a nameless name (`chan` false), or one that carries it first (`chan` true: the channel is below the arguments). */
export interface FreshSend {
  readonly frame: ReceiptFrame
  readonly index: number
  readonly chan: boolean
  readonly method: string
  readonly count: number
  readonly span: Span
}

export interface ForStep {
  readonly node: Ast.For
  readonly index: number
}
export interface LetStep {
  readonly node: Ast.Let
  readonly index: number
}
export interface NewFrame {
  readonly node: Ast.New
  readonly vars: readonly Binding[]
  readonly uris: readonly string[]
}
export interface MatchesFrame {
  readonly node: Ast.Binary
  outer: PatternScope | null
  scope: PatternScope | null
}
export interface ConnFrame {
  readonly count: number
  readonly outer: PatternScope | null
}
export interface AgentFrame {
  readonly node: Ast.Agent
  receipt: ReceiptFrame | null
  readonly constructorBody: Ast.Proc | null
  readonly private: readonly Ast.Member[]
  readonly public: readonly Ast.Member[]
  readonly thisName: Binding
  readonly privateName: Binding
}
export interface AgentLoop {
  readonly agent: AgentFrame
  readonly members: readonly Ast.Member[]
  readonly on: Binding
}
