import type { Span } from '../base/source.ts'
import type * as Ast from '../syntax/ast.ts'
import type { Binding, PatternScope } from './scope.ts'
import { type Bind, type Branch, type Case, type Free, NIL, type Term, type Wildcard } from './term.ts'

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
  OpenBind: 28,
  CloseBind: 29,
  BindsDone: 30,
  ReceiptGuard: 31,
  ReceiveDone: 32,
  OpenBranch: 33,
  BranchDone: 34,
  SelectDone: 35,
  OpenCase: 36,
  CasePattern: 37,
  CaseGuard: 38,
  CloseCase: 39,
  MatchDone: 40,
  LetStep: 41,
  LetDone: 42,
  NamesPattern: 43,
  NamesDone: 44,
  MethodPattern: 45,
  MethodPatternDone: 46,
  DefaultPattern: 47,
  AgentBody: 48,
  AgentLoop: 49,
  AgentLoopDone: 50,
  AgentDone: 51,
  Drop: 52,
} as const

const NONE: readonly never[] = []

/** One bind of a receipt, as it is after the sugar of its source. */
export interface BindSpec {
  readonly names: Ast.Names
  /** `let x = P` beside others: the pattern `x` means `@x`. */
  readonly simple: boolean
  /** A nameless variable stands before the patterns: the name to reply on. */
  readonly reply: boolean
  readonly arrow: number
  readonly source: Span
}

/** A receipt, contract, concurrent `let`, agent or `select` branch on its way to a receive. */
export class ReceiptFrame {
  readonly place: Span
  readonly specs: readonly BindSpec[]
  readonly guardNode: Ast.Proc | null
  readonly bodyOp: number
  readonly bodyArg: unknown
  /** Nameless names of a `new` around the receive and around `sends`. */
  readonly fresh: number
  readonly sends: Term[] = []
  /** `?!`: send the empty reply when the body starts. */
  replies = false
  /** Where a `select` collects the branch; null for a receive. */
  branches: Branch[] | null = null
  outer: PatternScope | null = null
  scope: PatternScope | null = null
  readonly patterns: (readonly Term[])[] = []
  readonly rests: (Free | Wildcard | null)[] = []
  /** Number of variables before each bind. */
  readonly firsts: number[] = []
  binds: readonly Bind[] = NONE
  /** The variables in the order of their numbers. */
  vars: readonly Binding[] = NONE
  guard: Term | null = null
  constructor(place: Span, specs: readonly BindSpec[], guardNode: Ast.Proc | null, bodyOp: number, bodyArg: unknown, fresh: number) {
    this.place = place
    this.specs = specs
    this.guardNode = guardNode
    this.bodyOp = bodyOp
    this.bodyArg = bodyArg
    this.fresh = fresh
  }
}

/** A case of a `match`, a sequential `let` declaration or an agent member on its way to a case. */
export class CaseFrame {
  readonly into: Case[]
  readonly patternOp: number
  readonly patternArg: unknown
  readonly guardNode: Ast.Proc | null
  readonly bodyOp: number
  readonly bodyArg: unknown
  outer: PatternScope | null = null
  scope: PatternScope | null = null
  pattern: Term = NIL
  guard: Term | null = null
  constructor(into: Case[], patternOp: number, patternArg: unknown, guardNode: Ast.Proc | null, bodyOp: number, bodyArg: unknown) {
    this.into = into
    this.patternOp = patternOp
    this.patternArg = patternArg
    this.guardNode = guardNode
    this.bodyOp = bodyOp
    this.bodyArg = bodyArg
  }
}

export interface MatchFrame {
  readonly place: Span
  readonly cases: Case[]
  readonly node: Ast.MatchProc | null
}

/** A send on a nameless name (`chan` false), or one that carries it first (`chan` true: the channel is below the arguments). */
export interface FreshSend {
  readonly frame: ReceiptFrame
  readonly index: number
  readonly chan: boolean
  readonly method: string
  readonly count: number
  readonly place: Span
}

export interface ForStep {
  readonly node: Ast.For
  readonly index: number
}
export interface LetStep {
  readonly node: Ast.Let
  readonly index: number
}
export interface BranchStep {
  readonly node: Ast.Branch
  readonly into: Branch[]
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
  readonly cases: Case[]
}
