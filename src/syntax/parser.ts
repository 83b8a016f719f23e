/**
 * Tokens to tree (rholang.md 2). A pushdown machine with its own stack: nesting costs heap, never host stack, and time is linear in the
 * source. A `Frame` is one construct that is not complete yet; `state` says what to do when the part above it is complete. Parts are
 * handed down in `val`, the method of each state returns the next state.
 *
 * Operators use frames too (`level` > 0): an operator that binds at most as tightly completes them first. Every other frame is a
 * border that no operator crosses; `min` is the loosest operator allowed directly inside.
 */
import type { Code } from '../base/codes.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { errorAt } from '../base/diagnostic.ts'
import type { SourceFile } from '../base/source.ts'
import type * as Ast from './ast.ts'
import type { Comment, Decimal, Rational } from './lexer.ts'
import { Lexer } from './lexer.ts'
import type { Token } from './tokens.ts'
import {
  LEVEL_CALL,
  LEVEL_CONJ,
  LEVEL_DISJ,
  LEVEL_EQ,
  LEVEL_NEG,
  LEVEL_OR,
  LEVEL_PREFIX,
  LEVEL as LEVELS,
  SPELLING,
  T as Tokens,
  WORDS,
} from './tokens.ts'

export type { Comment } from './lexer.ts'

export interface ParseOptions {
  /** Brackets of every kind that may be open at once; more is RHO106. Default 1 000 000. */
  readonly maxNesting?: number
}

export interface Parsed {
  readonly program: Ast.Proc
  /** Errors (RHO101 to RHO106) and lints (L07, L08), sorted by position. */
  readonly diagnostics: Diagnostic[]
  readonly comments: readonly Comment[]
  /** What of the scopes was lost where the text was not understood; null where nothing was. */
  readonly lost: Lost | null
}

/** Names that are not bound in the tree only because of a syntax error. Whoever resolves names does not report them. */
export interface Lost {
  /** Identifiers of declarations and patterns that were given up. */
  readonly names: ReadonlySet<string>
  /** A bracket closed too much: scopes may end too early, and what is bound anywhere may be meant. */
  readonly scopes: boolean
}

const MAX_NESTING = 1_000_000
/** Errors kept of one source; a file that is no text at all would report each of its bytes. */
const ERRORS_MAX = 10_000

/** Parse a program. Never throws: where something is wrong the tree has an `ErrorProc` and `diagnostics` an error. */
export function parse(file: SourceFile, options: ParseOptions = {}): Parsed {
  const parser = new Parser(file, options.maxNesting ?? MAX_NESTING)
  const program = parser.program()
  return { program, diagnostics: parser.finished(), comments: parser.lex.comments, lost: parser.lost() }
}

/**
 * As `parse`, but gives each component of the outermost parallel composition away as soon as it is complete, in the order of the source, so that the tree of
 * a long program is never there as a whole. If there are errors, `each` may have got components that are not in the tree of `parse`.
 */
export function parseEach(
  file: SourceFile,
  each: (component: Ast.Proc) => void,
  options: ParseOptions = {},
): { diagnostics: Diagnostic[] } {
  const parser = new Parser(file, options.maxNesting ?? MAX_NESTING)
  parser.each = each
  each(parser.program())
  return { diagnostics: parser.finished() }
}

/** A token as written: its kind and position, in the order of the source. */
export interface Lexeme {
  readonly tok: Token
  readonly start: number
  readonly end: number
}

/** Parse, and also give all tokens; a sign that belongs to a number is part of its token. For tools that work on the text. */
export function parseTokens(file: SourceFile): Parsed & { readonly tokens: readonly Lexeme[] } {
  const diagnostics: Diagnostic[] = []
  const lex = new RecordingLexer(file, diagnostics)
  const parser = new Parser(file, MAX_NESTING, lex, diagnostics)
  const program = parser.program()
  return { program, diagnostics: parser.finished(), comments: lex.comments, lost: parser.lost(), tokens: lex.tokens }
}

class RecordingLexer extends Lexer {
  readonly tokens: Lexeme[] = []
  override next(): Token {
    const tok = super.next()
    if (tok !== T.End) this.tokens.push({ tok, start: this.start, end: this.end })
    return tok
  }
  override rescanNumber(): Token {
    const tok = super.rescanNumber()
    this.tokens[this.tokens.length - 1] = { tok, start: this.start, end: this.end }
    return tok
  }
}

/** Parse one name, as in `--observe '@"x"'`. */
export function parseName(file: SourceFile, options: ParseOptions = {}): { name: Ast.Name; diagnostics: Diagnostic[] } {
  const parser = new Parser(file, options.maxNesting ?? MAX_NESTING)
  const name = parser.onlyName()
  return { name, diagnostics: parser.finished() }
}

// Local bindings: switches and tests over imported objects are slower.
const T = Tokens
const LEVEL = LEVELS

type Mutable<N> = { -readonly [K in keyof N]: N[K] }
type Part = Ast.Proc | Ast.Quote | Ast.Names | Ast.Source

/** What comes next. Up to `Operand` and `Stop` these start something; the others are continuations kept in frames. */
const S = {
  Stop: 0,
  Stmt: 1,
  Operand: 2,
  Program: 3,
  OnlyName: 4,
  ParItem: 5,
  Operator: 6,
  QuoteDone: 7,
  EvalDone: 8,
  SendName: 9,
  ListItem: 10,
  SyncCont: 11,
  Paren: 12,
  BraceItem: 13,
  MapKey: 14,
  MapValue: 15,
  BlockEnd: 16,
  BlockBare: 17,
  BundleDone: 18,
  NewBody: 19,
  IfCond: 20,
  IfThen: 21,
  IfElse: 22,
  LetNames: 23,
  LetValue: 24,
  LetBody: 25,
  NamesItem: 26,
  BindNames: 27,
  SourceName: 28,
  BindSource: 29,
  BindGuard: 30,
  ForBody: 32,
  BranchBody: 33,
  ContractName: 34,
  ContractFormals: 35,
  ContractBody: 36,
  MatchTarget: 37,
  CasePattern: 38,
  CaseGuard: 39,
  CaseBody: 40,
  AgentName: 41,
  AgentMember: 42,
  MemberFormals: 43,
  MemberBody: 44,
  After: 45,
} as const
type State = (typeof S)[keyof typeof S]

/** What the items of a `ListItem` frame become. */
const SEND = 0
const PERSISTENT_SEND = 1
const SYNC_SEND = 2
const METHOD_CALL = 3
const SOURCE = 4
const LIST = 5
const SET = 6
const PATHMAP = 7

/** `tail` of a frame: a body of a `match` case or `select` branch ends with what is parsed inside. */
const IN_CASE = 1
const IN_BRANCH = 2

const NOTHING: Ast.Proc[] = []
const NO_NAMES: Ast.Names = { start: -1, end: -1, items: [], rest: null }
const NO_PARTS: unknown[] = []
const NO_BINDS: Ast.Bind[] = []
const NO_BAD: Bad[] = []

type Bad = Ast.Branch['bad'][number]

class Frame {
  state: State = S.Stop
  level = 0
  min = LEVEL_OR
  tail = 0
  /** The bracket that must close this frame, 0 if it has none open. */
  close = 0
  /** Operator, arrow or kind of list. */
  op = 0
  start = 0
  pos = 0
  /** Where the open bracket stands. */
  from = 0
  /** Start of the receipt, branch, case or member. */
  at = 0
  flag = false
  name = ''
  a: Part | null = null
  b: Part | null = null
  c: Part | null = null
  names: Ast.Names = NO_NAMES
  /** Where the parts of this frame begin in the pool, and a second mark for a list inside. */
  base = 0
  mark = 0
  items: Ast.Proc[] = NOTHING
  parts: unknown[] = NO_PARTS
  binds: Ast.Bind[] = NO_BINDS
  bad: Bad[] = NO_BAD
}

const STARTS_OPERAND = new Uint8Array(SPELLING.length)
for (const token of [
  T.Ident,
  T.Wildcard,
  T.Int,
  T.Wide,
  T.Float,
  T.BigInt,
  T.BigRat,
  T.Fixed,
  T.Bytes,
  T.Str,
  T.Uri,
  T.Not,
  T.Bundle,
  T.BundlePlus,
  T.BundleMinus,
  T.Bundle0,
  T.True,
  T.False,
  T.Nil,
  T.Set,
  T.TypeBool,
  T.TypeInt,
  T.TypeString,
  T.TypeUri,
  T.TypeByteArray,
  T.Tilde,
  T.LParen,
  T.LBracket,
  T.LBrace,
  T.LPath,
]) {
  STARTS_OPERAND[token] = 1
}
const STARTS_STATEMENT = new Uint8Array(SPELLING.length)
for (const token of [T.New, T.If, T.Let, T.Match, T.Select, T.Contract, T.For, T.At]) STARTS_STATEMENT[token] = 1
const OPENING: Record<number, string> = { [T.RParen]: '(', [T.RBracket]: '[', [T.RBrace]: '{', [T.RPath]: '{|' }
/** Frames that are complete with the process that stands in them. */
const BODY = new Uint8Array(S.After + 1)
for (const state of [
  S.ParItem,
  S.NewBody,
  S.LetBody,
  S.ForBody,
  S.ContractBody,
  S.CaseBody,
  S.BranchBody,
  S.IfThen,
  S.IfElse,
  S.BlockEnd,
  S.BlockBare,
  S.BraceItem,
])
  BODY[state] = 1
/** States of frames that declare names or hold patterns which are not complete. */
const BINDS = new Uint8Array(S.After + 1)
for (const state of [
  S.NewBody,
  S.LetNames,
  S.LetValue,
  S.NamesItem,
  S.BindNames,
  S.SourceName,
  S.BindSource,
  S.BindGuard,
  S.ContractName,
  S.ContractFormals,
  S.CasePattern,
  S.CaseGuard,
  S.AgentMember,
  S.MemberFormals,
])
  BINDS[state] = 1
/** Characters of text that was given up that are looked through for names. */
const LOST_MAX = 1_000_000
/** Called like functions they mean the methods `toInt()` and so on. */
const CONVERSIONS: ReadonlySet<string> = new Set(['int', 'float', 'string', 'bigInt'])
/** Words that programs of other languages begin something with, and what is written here. */
const FOREIGN = new Map<string, string>()
for (const [words, hint] of [
  ['def defn fn fun func function method proc procedure sub', 'a contract is written `contract f(x) = { … }`'],
  ['var const val mut', 'a value gets a name by `let x = P in { … }`'],
  ['switch case when', 'write `match x { p => { … } }`'],
  ['while loop foreach repeat until do', 'there are no loops: a contract goes on by sending to itself'],
  ['return yield', 'a result is sent on a name that was received: `ret!(x)`'],
  ['import include require module package use export', 'there are no modules: all files that are run together share one space'],
  [
    'try catch finally throw raise',
    'there are no exceptions: a reply says how it went, `ret!((false, why))`, and a `match` or `if` looks at it',
  ],
  ['then', 'write `if (c) { … } else { … }`'],
  ['elif elsif elseif', 'write `else if (c) { … }`'],
  ['print println printf echo puts', 'text is shown by a system channel: new stdout(`rho:io:stdout`) in { stdout!("…") }'],
])
  for (const word of words.split(' ')) FOREIGN.set(word, hint)

function foreignWord(name: string): string {
  const hint = FOREIGN.get(name)
  if (hint !== undefined) return hint
  const word = WORDS.find(w => SPELLING[w].toLowerCase() === name.toLowerCase())
  return word === undefined ? '' : `write \`${SPELLING[word]}\``
}

const RESERVED = new Uint8Array(SPELLING.length)
for (const token of WORDS) RESERVED[token] = 1

class Parser {
  readonly lex: Lexer
  private readonly diagnostics: Diagnostic[]
  private readonly lostNames = new Set<string>()
  private lostText = 0
  private lostScopes = false
  private readonly maxNesting: number
  private readonly frames: Frame[] = [new Frame()]
  private top = 0
  /** The part just completed. */
  private val: Part
  /** `val` is an expression, not a statement form or a parallel composition. */
  private isExpr = true
  /** Parts of the constructs that are not complete, in order; complete lists are cut off with their exact size. */
  private readonly pool: unknown[] = []
  private poolTop = 0
  private depth = 0
  /** Open brackets by the token that closes them. */
  private readonly open = new Int32Array(SPELLING.length)
  private readonly known = new Int32Array(SPELLING.length)
  /** The token at which the last error was reported: a second report there would be about the same mistake. */
  private quiet = -1
  /** Who gets the components of the outermost parallel composition; null: they stay in the tree. */
  each: ((component: Ast.Proc) => void) | null = null

  constructor(file: SourceFile, maxNesting: number, lex?: Lexer, diagnostics: Diagnostic[] = []) {
    this.diagnostics = diagnostics
    this.lex = lex ?? new Lexer(file, diagnostics)
    this.maxNesting = maxNesting
    this.val = { start: file.base, end: file.base, kind: 'nil' }
  }

  program(): Ast.Proc {
    this.lex.next()
    if (this.lex.tok === T.End) return this.val as Ast.Proc
    this.frames[0].state = S.Program
    this.run(S.Stmt)
    return this.val as Ast.Proc
  }

  onlyName(): Ast.Name {
    this.lex.next()
    this.frames[0].state = S.OnlyName
    this.run(this.name())
    return this.val as Ast.Name
  }

  finished(): Diagnostic[] {
    const list = this.diagnostics
    let sorted = true
    for (let i = 1; i < list.length && sorted; i++) sorted = list[i - 1].start <= list[i].start
    if (!sorted) list.sort((a, b) => a.start - b.start)
    return list.length > ERRORS_MAX ? list.slice(0, ERRORS_MAX) : list
  }

  private run(first: State): void {
    let state: State = first
    for (;;) {
      switch (state) {
        case S.Stmt:
          state = this.statement()
          break
        case S.Operand:
          state = this.operand()
          break
        case S.After:
          state = this.after()
          break
        case S.ParItem:
          state = this.parItem()
          break
        case S.QuoteDone:
          state = this.quoteDone()
          break
        case S.EvalDone:
          state = this.evalDone()
          break
        case S.SendName:
          state = this.sendName()
          break
        case S.ListItem:
          state = this.listItem()
          break
        case S.SyncCont:
          state = this.syncCont()
          break
        case S.Paren:
          state = this.paren()
          break
        case S.BraceItem:
          state = this.braceItem()
          break
        case S.MapKey:
          state = this.mapKey()
          break
        case S.MapValue:
          state = this.mapValue()
          break
        case S.BlockEnd:
          state = this.blockEnd()
          break
        case S.BlockBare:
          state = this.pop()
          break
        case S.BundleDone:
          state = this.bundleDone()
          break
        case S.NewBody:
          state = this.newBody()
          break
        case S.IfCond:
          state = this.ifCond()
          break
        case S.IfThen:
          state = this.ifThen()
          break
        case S.IfElse:
          state = this.ifElse()
          break
        case S.LetNames:
          state = this.letNames()
          break
        case S.LetValue:
          state = this.letValue()
          break
        case S.LetBody:
          state = this.letBody()
          break
        case S.NamesItem:
          state = this.namesItem()
          break
        case S.BindNames:
          state = this.bindNames()
          break
        case S.SourceName:
          state = this.sourceName()
          break
        case S.BindSource:
          state = this.bindSource()
          break
        case S.BindGuard:
          state = this.bindGuard()
          break
        case S.ForBody:
          state = this.forBody()
          break
        case S.BranchBody:
          state = this.branchBody()
          break
        case S.ContractName:
          state = this.contractName()
          break
        case S.ContractFormals:
          state = this.contractFormals()
          break
        case S.ContractBody:
          state = this.contractBody()
          break
        case S.MatchTarget:
          state = this.matchTarget()
          break
        case S.CasePattern:
          state = this.casePattern()
          break
        case S.CaseGuard:
          state = this.caseGuard()
          break
        case S.CaseBody:
          state = this.caseBody()
          break
        case S.AgentName:
          state = this.agentName()
          break
        case S.AgentMember:
          state = this.agentMember()
          break
        case S.MemberFormals:
          state = this.memberFormals()
          break
        case S.MemberBody:
          state = this.memberBody()
          break
        case S.Program:
          state = this.programEnd()
          break
        case S.OnlyName:
          state = this.onlyNameEnd()
          break
        default:
          return
      }
    }
  }

  // --- the stack -----------------------------------------------------------------------------------------------------------

  private push(state: State, start: number): Frame {
    const index = ++this.top
    let frame: Frame
    if (index < this.frames.length) frame = this.frames[index]
    else {
      frame = new Frame()
      this.frames.push(frame)
    }
    frame.state = state
    frame.level = 0
    frame.min = LEVEL_OR
    frame.tail = 0
    frame.close = 0
    frame.start = start
    frame.flag = false
    frame.base = this.poolTop
    return frame
  }

  /** Drop the top frame; the next state is the one of the frame below. */
  private pop(): State {
    const frame = this.frames[this.top]
    if (frame.close !== 0) this.closed(frame)
    return this.frames[--this.top].state
  }

  private keep(part: unknown): void {
    this.pool[this.poolTop++] = part
  }

  /** A component of the parallel composition that stands directly in `outer` is complete. */
  private component(outer: Frame, node: Ast.Proc): void {
    if (this.each !== null && outer.state === S.Program) this.each(node)
    else this.keep(node)
  }

  /** Cut off the parts from `from` on. */
  private take<P>(from: number): P[] {
    if (from === this.poolTop) return []
    const parts = this.pool.slice(from, this.poolTop) as P[]
    this.poolTop = from
    return parts
  }

  /** The tail of the frame in which the top frame stands. */
  private outerTail(): number {
    return this.frames[this.top - 1].tail
  }

  /** The current token is a bracket that `close` will close; go to the token behind it. */
  private opened(frame: Frame, close: Token): void {
    frame.close = close
    frame.from = this.lex.start
    this.open[close]++
    if (++this.depth > this.maxNesting) {
      const { start, end } = this.lex
      this.diagnostics.push(
        errorAt(
          'RHO106',
          start,
          end,
          `more than ${this.maxNesting} brackets are open here`,
          'the limit is the option maxNesting (--max-nesting)',
        ),
      )
      this.lex.abandon()
      return
    }
    this.lex.next()
  }

  private closed(frame: Frame): void {
    this.open[frame.close]--
    this.depth--
    frame.close = 0
  }

  // --- errors --------------------------------------------------------------------------------------------------------------

  /** Report at the current token, unless what is wrong here has been reported already. */
  private fail(code: Code, message: string, hint = ''): void {
    const lex = this.lex
    if (lex.start === this.quiet) return
    this.quiet = lex.start
    if (lex.errorAfter > lex.prevEnd || (lex.runaway && lex.tok === T.End)) return
    this.report(code, lex.start, lex.end, message, hint)
  }

  private report(code: Code, start: number, end: number, message: string, hint: string): void {
    if (this.diagnostics.length < ERRORS_MAX) this.diagnostics.push(errorAt(code, start, end, message, hint))
  }

  private source(start: number, end: number): string {
    const base = this.lex.base
    return this.lex.text.slice(start - base, end - base)
  }

  private found(): string {
    const lex = this.lex
    switch (lex.tok) {
      case T.End:
        return 'the end of the program'
      case T.Str:
        return lex.end - lex.start <= 24 ? this.source(lex.start, lex.end).replace(/\s+/g, ' ') : 'a string'
      default: {
        const text = this.source(lex.start, lex.end)
        return text.length > 40 ? `\`${text.slice(0, 40)}…\`` : `\`${text}\``
      }
    }
  }

  /** Report that the current token cannot stand here. */
  private unexpected(expected: string, hint = ''): void {
    if (this.lex.start === this.quiet) return
    this.fail('RHO102', `expected ${expected}, found ${this.found()}`, hint === '' ? this.hint() : hint)
  }

  private hint(): string {
    const tok = this.lex.tok
    switch (tok) {
      case T.Bang:
      case T.BangBang:
      case T.BangQuest:
        return this.sendHint()
      case T.Eq:
        return this.lex.peek() === 126 ? 'write `matches`' : 'write `==` to compare, `let x = … in …` to define'
      case T.LArrow:
        return 'write `x < -1` if a comparison is meant; `<-` is the arrow of `for`, `let` and `select`'
      case T.BarBar:
        return 'write `|` between processes'
      case T.Amp:
        return 'write `and` or `&&` for Bools'
      case T.End:
      case T.RParen:
      case T.RBracket:
      case T.RBrace:
      case T.RPath:
        return this.unclosed()
      case T.Comma:
      case T.Semi:
        return 'write `|` between processes'
    }
    if (RESERVED[tok] !== 0) return `\`${SPELLING[tok]}\` is a reserved word`
    return ''
  }

  /** After an operand that is no name stands `!`. */
  private sendHint(): string {
    const channel = this.val as Ast.Proc | undefined
    switch (channel?.kind) {
      case undefined:
      case 'var':
      case 'binary':
      case 'unary':
      case 'error':
        return 'a send as an operand needs braces: `{ x!(1) }`'
      case 'eval':
        return '`*x` is a process; one sends on the name: `x!(1)`'
      default:
        return 'one sends on a name, and a process becomes a name with `@`: `@P!(1)`'
    }
  }

  /** Names the innermost bracket that is open, for messages about a missing one. */
  private unclosed(): string {
    if (this.diagnostics.length > 100) return '' // counting lines again and again would not be linear
    for (let i = this.top; i > 0; i--) {
      const frame = this.frames[i]
      if (frame.close === 0 || frame.close === this.lex.tok) {
        if (frame.close !== 0) return ''
        continue
      }
      const text = this.lex.text
      const at = frame.from - this.lex.base
      const line = text.slice(0, at).split('\n').length
      const column = [...text.slice(text.lastIndexOf('\n', at - 1) + 1, at)].length + 1
      return `the \`${OPENING[frame.close]}\` at ${line}:${column} is not closed`
    }
    return ''
  }

  private errorProc(start: number, end: number): Ast.ErrorProc {
    return { start, end, kind: 'error' }
  }

  /**
   * After a report: skip to the next token at which an open construct can go on, complete the constructs above that one, and go on
   * there with an `ErrorProc` in place of what was not understood.
   */
  private recover(): State {
    const lex = this.lex
    const from = lex.start
    const known = this.known.fill(-2) // the stack does not change while tokens are skipped
    for (;;) {
      if (known[lex.tok] === -2) known[lex.tok] = this.resumption()
      const index = known[lex.tok]
      if (index >= 0) {
        this.val = this.errorProc(from, Math.max(from, lex.prevEnd))
        this.isExpr = true
        let binder = lex.start
        for (let i = index; i <= this.top; i++) {
          const { state, close, start, from } = this.frames[i]
          if (BINDS[state] !== 0) binder = Math.min(binder, close === 0 ? start : from)
        }
        while (this.top > index) this.abandonTop()
        this.loseNames(binder, lex.start)
        this.quiet = lex.start
        return this.resume()
      }
      this.skip()
    }
  }

  /** Whatever is called something here may have been bound here. */
  private loseNames(start: number, end: number): void {
    if (this.lostText > LOST_MAX) return // giving up the same text again and again would not be linear
    this.lostText += end - start
    for (const name of this.source(start, end).match(/[A-Za-z_][\w']*/g) ?? []) this.lostNames.add(name)
  }

  lost(): Lost | null {
    return this.lostNames.size > 0 || this.lostScopes ? { names: this.lostNames, scopes: this.lostScopes } : null
  }

  /** Skip one token, or a whole bracket with everything in it. */
  private skip(): void {
    const lex = this.lex
    let depth = 0
    do {
      switch (lex.tok) {
        case T.LParen:
        case T.LBracket:
        case T.LBrace:
        case T.LPath:
          depth++
          break
        case T.RParen:
        case T.RBracket:
        case T.RBrace:
        case T.RPath:
          depth--
          break
        case T.End:
          return
      }
      lex.next()
    } while (depth > 0)
  }

  /** The frame that can go on at the current token; -1 if there is none. */
  private resumption(): number {
    const tok = this.lex.tok
    switch (tok) {
      case T.End:
        return 0
      case T.RParen:
      case T.RBracket:
      case T.RBrace:
      case T.RPath: {
        if (this.open[tok] === 0) return -1
        let index = this.top
        while (this.frames[index].close !== tok) index--
        return index
      }
      case T.Bar:
      case T.Comma:
      case T.Semi:
      case T.Amp:
      case T.Arrow:
      case T.In:
      case T.Else:
      case T.Colon:
        for (let index = this.top; index >= 0; index--) {
          const frame = this.frames[index]
          if (this.accepts(frame, tok)) return index
          if (frame.close !== 0) return -1
        }
    }
    return -1
  }

  private accepts(frame: Frame, tok: Token): boolean {
    switch (frame.state) {
      case S.ListItem:
      case S.Paren:
        return tok === T.Bar || tok === T.Comma
      case S.BraceItem:
        return tok === T.Bar || tok === T.Colon
      case S.MapKey:
        return tok === T.Bar || tok === T.Colon || tok === T.Comma
      case S.MapValue:
        return tok === T.Bar || tok === T.Comma
      case S.Program:
      case S.BlockEnd:
      case S.ParItem:
      case S.AgentMember:
        return tok === T.Bar
      case S.IfThen:
        return tok === T.Else
      case S.LetNames:
      case S.LetValue:
        return tok === T.Semi || tok === T.Amp || tok === T.In
      case S.BindNames:
      case S.SourceName:
      case S.BindSource:
      case S.BindGuard:
        return tok === T.Semi || tok === T.Amp || (tok === T.Arrow && frame.close === T.RBrace)
      case S.CasePattern:
        return tok === T.Arrow || tok === T.Bar
      case S.CaseGuard:
        return tok === T.Arrow
      case S.CaseBody:
      case S.BranchBody:
        return tok === T.Bar || tok === T.Arrow
      default:
        return false
    }
  }

  /** Go on with the top frame at a token that `resumption` found. */
  private resume(): State {
    const frame = this.frames[this.top]
    const tok = this.lex.tok
    switch (frame.state) {
      case S.BindNames:
      case S.SourceName:
      case S.BindSource:
      case S.BindGuard:
        // The bind that is not complete is dropped.
        frame.a = null
        return tok === T.RBrace ? this.branchesEnd(frame) : this.bindEnd(frame)
      case S.LetNames:
        frame.names = NO_NAMES
        frame.flag = false
        frame.mark = this.poolTop
        frame.state = S.LetValue
        return S.LetValue
      case S.MapKey:
        if (tok === T.Colon || tok === T.Bar) return S.MapKey
        if ((this.poolTop - frame.base) % 2 === 0) this.keep(this.val)
        return this.mapValue()
      case S.CasePattern:
      case S.CaseGuard:
        if (tok === T.RBrace) return this.casesEnd(frame)
        return frame.state
      case S.CaseBody:
        if (tok !== T.Arrow) return S.CaseBody
        frame.tail = 0
        frame.state = S.CasePattern
        return S.CasePattern
      case S.BranchBody:
        if (tok !== T.Arrow) return S.BranchBody
        frame.tail = 0
        frame.binds = NO_BINDS
        frame.a = null
        return this.receiptEnd(frame)
      case S.MemberFormals:
      case S.ContractFormals:
        this.val = NO_NAMES
        return frame.state
      default:
        return frame.state
    }
  }

  /** Complete the top frame with `val`, although something of it is missing, so that what is known of it stays in the tree. */
  private abandonTop(): void {
    const frame = this.frames[this.top]
    const val = this.val as Ast.Proc
    const end = Math.max(frame.start, this.lex.prevEnd)
    if (frame.state === S.ParItem) this.component(this.frames[this.top - 1], val)
    const parts = this.take<unknown>(frame.base)
    let done: Part = val
    switch (frame.state) {
      case S.ParItem:
        done = { start: frame.start, end, kind: 'par', items: parts as Ast.Proc[] }
        break
      case S.NewBody:
        done = { start: frame.start, end, kind: 'new', decls: parts as Ast.Decl[], body: val }
        break
      case S.LetBody:
        done = { start: frame.start, end, kind: 'let', decls: parts as Ast.LetDecl[], concurrent: frame.flag, body: val }
        break
      case S.ForBody:
        done = { start: frame.start, end, kind: 'for', receipts: frame.parts as Ast.Receipt[], body: val }
        break
      case S.ContractBody:
        done = { start: frame.start, end, kind: 'contract', name: frame.a as Ast.Name, formals: frame.names, body: val }
        break
      case S.IfThen:
        done = { start: frame.start, end, kind: 'if', cond: frame.a as Ast.Proc, consequent: val, alternative: null }
        break
      case S.IfElse:
        done = { start: frame.start, end, kind: 'if', cond: frame.a as Ast.Proc, consequent: frame.b as Ast.Proc, alternative: val }
        break
      case S.CaseBody:
        parts.push(this.finishedCase(frame))
        done = { start: frame.start, end, kind: 'match', target: frame.a as Ast.Proc, cases: parts as Ast.Case[] }
        break
      case S.BranchBody:
        parts.push(this.finishedBranch(frame))
        done = { start: frame.start, end, kind: 'select', branches: parts as Ast.Branch[] }
        break
      case S.BlockEnd:
      case S.BlockBare:
      case S.BraceItem:
        break
      default:
        done = this.errorProc(frame.start, end)
    }
    this.pop()
    this.val = done
  }

  private programEnd(): State {
    const tok = this.lex.tok
    if (tok === T.Bar) return this.par()
    if (tok === T.End) return S.Stop
    if (tok === T.RParen || tok === T.RBracket || tok === T.RBrace || tok === T.RPath) {
      this.fail('RHO102', `nothing is open that ${this.found()} could close`, '')
      this.lostScopes = true
      this.lex.next()
      if (this.startsProcess()) return this.par(false)
      return S.Program
    }
    return this.afterProcess('`|` or the end of the program')
  }

  private onlyNameEnd(): State {
    if (this.lex.tok !== T.End) this.unexpected('the end of the name')
    return S.Stop
  }

  // --- statements ----------------------------------------------------------------------------------------------------------

  private statement(): State {
    const lex = this.lex
    const start = lex.start
    switch (lex.tok) {
      case T.Ident: {
        const name = lex.name
        if (name === 'agent' && this.agentFollows()) return this.agentStart()
        const node: Ast.Var = { start, end: lex.end, kind: 'var', name }
        const tok = lex.next()
        if (tok === T.Bang || tok === T.BangBang || tok === T.BangQuest) return this.send(node)
        this.val = node
        return this.after()
      }
      case T.Wildcard: {
        const node: Ast.Wildcard = { start, end: lex.end, kind: 'wildcard' }
        const tok = lex.next()
        if (tok === T.Bang || tok === T.BangBang || tok === T.BangQuest) return this.send(node)
        this.val = node
        return this.after()
      }
      case T.At:
        this.push(S.SendName, start)
        return this.name()
      case T.New:
        return this.newStart()
      case T.If:
        return this.ifStart()
      case T.Let:
        return this.letStart()
      case T.For:
        return this.forStart()
      case T.Contract:
        this.push(S.ContractName, start)
        lex.next()
        return this.name(true)
      case T.Match:
        this.push(S.MatchTarget, start)
        lex.next()
        return S.Operand
      case T.Select:
        return this.selectStart()
    }
    return this.operand()
  }

  /** A statement form is complete; its frame is gone. */
  private done(node: Ast.Proc): State {
    this.val = node
    this.isExpr = false
    const frame = this.frames[this.top]
    if (LEVEL[this.lex.tok] !== 0) return this.operatorAfterStatement(frame)
    return frame.state
  }

  private operatorAfterStatement(frame: Frame): State {
    const lex = this.lex
    const tok = lex.tok
    if (frame.tail !== 0 && (tok === T.Minus || tok === T.Star)) return frame.state
    if (tok === T.Star && startsName(lex.peek())) return frame.state
    if (tok === T.BarBar) {
      this.fail('RHO102', '`||` is an operator on Bools, this is a process', 'write `|` between processes')
      lex.tok = T.Bar
      return frame.state
    }
    if (tok === T.Dot)
      this.fail(
        'RHO102',
        'a process has no methods',
        startsName(lex.peek()) ? 'put it in braces to call a method on it: `{ … }.m()`' : 'a dot ends only `x!?(…).` and `x!m(…).`',
      )
    else this.fail('RHO102', `a statement form is no operand of ${this.found()}`, `put it in braces: \`{ x!(1) } ${SPELLING[tok]} y\``)
    return this.recover()
  }

  /** `|` after a process: collect the parallel composition. `advance` is false where the `|` is missing. */
  private par(advance = true): State {
    const outer = this.frames[this.top]
    const first = this.val as Ast.Proc
    const frame = this.push(S.ParItem, first.start)
    frame.tail = outer.tail
    this.component(outer, first)
    if (advance) this.lex.next()
    return S.Stmt
  }

  private parItem(): State {
    const frame = this.frames[this.top]
    this.component(this.frames[this.top - 1], this.val as Ast.Proc)
    const tok = this.lex.tok
    if (tok === T.Bar) {
      this.lex.next()
      return S.Stmt
    }
    if (tok !== T.RBrace && tok !== T.End && this.missingBar()) return S.Stmt
    this.val = { start: frame.start, end: this.lex.prevEnd, kind: 'par', items: this.take<Ast.Proc>(frame.base) }
    this.isExpr = false
    return this.pop()
  }

  private startsProcess(): boolean {
    const tok = this.lex.tok
    return STARTS_OPERAND[tok] !== 0 || STARTS_STATEMENT[tok] !== 0 || (tok === T.Star && startsName(this.lex.peek()))
  }

  /** A process is complete and neither `|` nor the end of its block follows. */
  private afterProcess(expected: string): State {
    if (!this.foreign() && this.startsProcess()) {
      this.reportMissingBar()
      return this.par(false)
    }
    return this.notAfterProcess(expected)
  }

  /** As `afterProcess`, where the next token begins no process. */
  private notAfterProcess(expected: string): State {
    this.unexpected(expected)
    if (this.lex.tok === T.End) {
      // Only brackets are missing: what stands in them is known.
      while (BODY[this.frames[this.top].state] !== 0) this.abandonTop()
      if (this.top === 0) {
        this.quiet = this.lex.start
        return this.resume()
      }
    }
    this.loseNames((this.val as Ast.Proc).start, this.lex.start)
    return this.recover()
  }

  /** `def f(x) = …`, `New x in …`: reports a word that begins something in other languages, or is written in another way here. */
  private foreign(): boolean {
    const val = this.val as Ast.Proc
    if (val.kind !== 'var' || val.end !== this.lex.prevEnd) return false
    const hint = foreignWord(val.name)
    if (hint === '') return false
    this.report('RHO102', val.start, val.end, `\`${val.name}\` is no word of the language`, hint)
    this.quiet = this.lex.start
    return true
  }

  /** In a parallel composition directly in a block or program: report a missing `|` and go on as if it were there. */
  private missingBar(): boolean {
    const outer = this.frames[this.top - 1].state
    if (outer !== S.BlockEnd && outer !== S.Program && outer !== S.BraceItem) return false
    if (!this.startsProcess() || this.foreign()) return false
    this.reportMissingBar()
    return true
  }

  private reportMissingBar(): void {
    this.fail('RHO105', `a process is complete before ${this.found()}`, 'write `|` between processes')
  }

  /** `{ P }` as the body of something; the frame below waits for it. `{}` means Nil. */
  private block(): State {
    const lex = this.lex
    const start = lex.start
    if (lex.tok !== T.LBrace) {
      this.unexpected('`{`', this.startsProcess() ? 'the body must stand in braces: `{ … }`' : '')
      if (!this.startsProcess()) return this.recover()
      this.push(S.BlockBare, start)
      return S.Stmt
    }
    const frame = this.push(S.BlockEnd, start)
    this.opened(frame, T.RBrace)
    if (lex.tok !== T.RBrace) return S.Stmt
    this.val = { start, end: lex.end, kind: 'nil' }
    lex.next()
    return this.pop()
  }

  private blockEnd(): State {
    const tok = this.lex.tok
    if (tok === T.Bar) return this.par()
    if (tok !== T.RBrace) return this.afterProcess('`|` or `}`')
    this.lex.next()
    return this.pop()
  }

  private send(channel: Ast.Name): State {
    const lex = this.lex
    const tail = this.frames[this.top].tail
    const frame = this.push(S.ListItem, channel.start)
    frame.pos = tail
    frame.a = channel
    frame.name = ''
    const bang = lex.tok
    lex.next()
    if (bang === T.BangQuest) frame.op = SYNC_SEND
    else if (bang === T.BangBang) frame.op = PERSISTENT_SEND
    else if (lex.tok === T.Ident) {
      frame.op = SYNC_SEND
      frame.name = lex.name
      lex.next()
    } else frame.op = SEND
    return this.arguments(frame)
  }

  /** `( … )` of a send, call or source. */
  private arguments(frame: Frame): State {
    if (this.lex.tok !== T.LParen) {
      const { tok, start, name } = this.lex
      let hint = ''
      if (tok === T.Ident && this.glued(start, 63)) hint = `a method is called with \`x!${name}(…).\`, or received: \`y <- x!${name}(…)\``
      else if (RESERVED[tok] === 0 && this.startsProcess()) hint = 'what is sent stands in parentheses: `x!(1)`'
      this.unexpected('`(`', hint)
      this.val = this.errorProc(this.lex.start, this.lex.start)
      return this.recoverWithout()
    }
    return this.listStart(frame, T.RParen)
  }

  /** As `recover`, but the top frame itself has nothing to go on with. */
  private recoverWithout(): State {
    this.pop()
    return this.recover()
  }

  /** A name in the place of a statement: it must be sent on. */
  private sendName(): State {
    const lex = this.lex
    const name = this.val as Ast.Name
    const tok = lex.tok
    this.pop()
    if (tok === T.Bang || tok === T.BangBang || tok === T.BangQuest) return this.send(name)
    if (name.kind === 'error') return this.frames[this.top].state
    const fresh = lex.start !== this.quiet && lex.errorAfter <= lex.prevEnd
    this.quiet = lex.start
    const text = this.source(name.start, name.end)
    const body = text.slice(1)
    if (LEVEL[tok] !== 0) {
      if (fresh) {
        const shown = text.length <= 30 ? `write \`@{${body} ${SPELLING[tok]} …}\`` : `write \`@{x ${SPELLING[tok]} y}\``
        this.report('RHO102', lex.start, lex.end, `the operator ${this.found()} cannot stand directly under \`@\``, shown)
      }
      return this.recover()
    }
    if (fresh) {
      const shown = text.length <= 30 ? text : '@P'
      this.report('RHO102', name.start, name.end, 'a name is not a process', `write \`*${shown}\`, or send on it: \`${shown}!(…)\``)
    }
    this.val = { start: name.start, end: name.end, kind: 'eval', name }
    this.isExpr = false
    return this.frames[this.top].state
  }

  /** After the arguments of `x!?(…)` or `x!m(…)` as a statement. */
  private syncEnd(frame: Frame): State {
    const lex = this.lex
    if (lex.tok === T.Semi) {
      frame.state = S.SyncCont
      frame.tail = frame.pos
      lex.next()
      return S.Stmt
    }
    let end = lex.prevEnd
    if (lex.tok === T.Dot) {
      end = lex.end
      lex.next()
      if (lex.tok === T.Ident && lex.start === end && lex.peek() === 40) this.methodOfSync()
    } else {
      const call = frame.name === '' ? 'x!?(…)' : `x!${frame.name}(…)`
      this.unexpected('`.` or `;` after a synchronous send', `write \`${call}.\` to end it, \`${call}; P\` to go on after the reply`)
    }
    const node: Ast.SyncSend = {
      start: frame.start,
      end,
      kind: 'sync',
      chan: frame.a as Ast.Name,
      method: frame.name,
      args: frame.items,
      cont: null,
    }
    this.pop()
    return this.done(node)
  }

  private methodOfSync(): void {
    const lex = this.lex
    this.fail(
      'RHO102',
      'a synchronous send has no value to call a method on',
      'a synchronous send has no value; receive it: `for (r <- x!?(a))`',
    )
    while (lex.tok === T.Ident) {
      lex.next()
      if (lex.tok === T.LParen) this.skip()
      if (lex.tok === T.Dot) lex.next()
    }
    this.quiet = lex.start
  }

  private syncCont(): State {
    const frame = this.frames[this.top]
    const node: Ast.SyncSend = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'sync',
      chan: frame.a as Ast.Name,
      method: frame.name,
      args: frame.items,
      cont: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  // --- new, if, let --------------------------------------------------------------------------------------------------------

  private newStart(): State {
    const lex = this.lex
    const frame = this.push(S.NewBody, lex.start)
    lex.next()
    for (;;) {
      const start = lex.start
      if (lex.tok === T.Ident) {
        const name = lex.name
        lex.next()
        let uri: string | null = null
        if (lex.tok === T.LParen) uri = this.declUri()
        this.keep({ start, end: lex.prevEnd, name, uri } satisfies Ast.Decl)
      } else {
        const reserved = RESERVED[lex.tok] !== 0 && lex.tok !== T.In
        this.unexpected('an identifier', this.poolTop > frame.base || reserved ? '' : '`new` declares at least one name')
        if (reserved) lex.next()
      }
      if (lex.tok === T.Comma) {
        lex.next()
        if (lex.tok !== T.In) continue
      }
      if (lex.tok === T.In) {
        lex.next()
        break
      }
      this.unexpected('`,` or `in`', lex.tok === T.LBrace ? 'write `new x in { … }`' : '')
      // `new x y in`: another name if a comma or (most likely) `in` follows, else the body.
      if (lex.tok === T.Ident && (lex.peek() === 44 || lex.peek() === 105)) continue
      if (lex.tok === T.Ident || STARTS_STATEMENT[lex.tok] !== 0 || lex.tok === T.LBrace || !this.skipDecl()) break
    }
    frame.tail = this.outerTail()
    return S.Stmt
  }

  /** In a list of declarations that went wrong: go to the next one and return true, or to the body and return false. */
  private skipDecl(): boolean {
    const lex = this.lex
    const from = lex.start
    for (;;) {
      switch (lex.tok) {
        case T.Comma:
          this.loseNames(from, lex.start)
          lex.next()
          return true
        case T.In:
          this.loseNames(from, lex.start)
          lex.next()
          return false
        case T.End:
        case T.LBrace:
        case T.Bar:
        case T.Semi:
        case T.Arrow:
        case T.RParen:
        case T.RBracket:
        case T.RBrace:
        case T.RPath:
          return false
      }
      this.skip()
    }
  }

  private declUri(): string | null {
    const lex = this.lex
    lex.next()
    let uri: string | null = null
    if (lex.tok === T.Uri) {
      uri = lex.name
      lex.next()
    } else {
      this.unexpected('a URI', 'a URI stands between back-quotes: `rho:io:stdout`')
      const from = lex.start
      while (lex.tok !== T.RParen && lex.tok !== T.In && lex.tok !== T.LBrace && lex.tok !== T.RBrace && lex.tok !== T.End) lex.next()
      this.loseNames(from, lex.start)
      this.quiet = lex.start
    }
    if (lex.tok === T.RParen) lex.next()
    else this.unexpected('`)`')
    return uri
  }

  private newBody(): State {
    const frame = this.frames[this.top]
    const node: Ast.New = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'new',
      decls: this.take<Ast.Decl>(frame.base),
      body: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  private ifStart(): State {
    const lex = this.lex
    const frame = this.push(S.IfCond, lex.start)
    lex.next()
    if (lex.tok === T.LParen) {
      this.opened(frame, T.RParen)
    } else this.unexpected('`(`', 'the condition stands in parentheses: `if (c) { … }`')
    return S.Operand
  }

  private ifCond(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    frame.a = this.val
    if (frame.close === 0) {
      if (lex.tok === T.RParen && this.open[T.RParen] === 0) lex.next()
    } else if (lex.tok === T.RParen) {
      this.closed(frame)
      lex.next()
    } else {
      this.unexpected('`)`')
      // A statement form in the condition: skip it, the branches are still there.
      if (lex.tok === T.End) return this.recover()
      while (lex.tok !== T.RParen && lex.tok !== T.RBrace && lex.tok !== T.End) this.skip()
      if (lex.tok !== T.RParen) return this.recover()
      this.closed(frame)
      lex.next()
    }
    frame.state = S.IfThen
    frame.tail = this.outerTail()
    return S.Stmt
  }

  private ifThen(): State {
    const frame = this.frames[this.top]
    if (this.lex.tok === T.Else) {
      frame.b = this.val
      frame.state = S.IfElse
      this.lex.next()
      return S.Stmt
    }
    const node: Ast.If = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'if',
      cond: frame.a as Ast.Proc,
      consequent: this.val as Ast.Proc,
      alternative: null,
    }
    this.pop()
    return this.done(node)
  }

  private ifElse(): State {
    const frame = this.frames[this.top]
    const node: Ast.If = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'if',
      cond: frame.a as Ast.Proc,
      consequent: frame.b as Ast.Proc,
      alternative: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  private letStart(): State {
    const lex = this.lex
    const frame = this.push(S.LetNames, lex.start)
    frame.op = 0
    lex.next()
    return this.letDecl(frame)
  }

  /** `flag`: the declaration is `x = P`. */
  private letDecl(frame: Frame): State {
    const lex = this.lex
    frame.pos = lex.start
    frame.mark = this.diagnostics.length
    frame.flag = false
    frame.state = S.LetNames
    if (lex.tok !== T.Ident) return this.names()
    const first: Ast.Var = { start: lex.start, end: lex.end, kind: 'var', name: lex.name }
    lex.next()
    if (lex.tok !== T.Eq) return this.names(first)
    frame.names = { start: first.start, end: first.end, items: [first], rest: null }
    frame.flag = true
    return this.letValues(frame)
  }

  private letNames(): State {
    const frame = this.frames[this.top]
    frame.names = this.val as Ast.Names
    const tok = this.lex.tok
    if (tok !== T.LArrow) {
      const one = frame.names.items.length === 1 && frame.names.items[0].kind === 'var'
      if (tok === T.Eq) {
        // Where the pattern itself was reported, its report has said what to write.
        if (frame.mark === this.diagnostics.length)
          this.unexpected('`<-`', 'with a pattern write `let @p <- P`; `=` is for one variable: `let x = P`')
      } else this.unexpected(one ? '`<-` or `=`' : '`<-`', tok === T.EqEq ? 'write `let x = P in { … }`' : '')
      if (tok !== T.Eq && tok !== T.LtEq && tok !== T.LLArrow) return this.recover()
    }
    return this.letValues(frame)
  }

  private letValues(frame: Frame): State {
    frame.mark = this.poolTop
    frame.state = S.LetValue
    this.lex.next()
    return S.Stmt
  }

  private letValue(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    this.keep(this.val)
    if (lex.tok === T.Comma && !frame.flag) {
      lex.next()
      return S.Stmt
    }
    const more = lex.tok === T.Semi || lex.tok === T.Amp
    if (!more && lex.tok !== T.In) {
      const hint =
        lex.tok === T.LBrace
          ? 'write `let … in { … }`'
          : lex.tok === T.Comma
            ? 'write `;` between declarations; several values at once are taken with `let x, y <- P, Q`'
            : 'write `let x = P in { … }`'
      this.unexpected(frame.flag ? '`;`, `&` or `in`' : '`,`, `;`, `&` or `in`', hint)
      // The declaration is not over: it is made when something that may follow it has been found.
      if (!this.startsProcess()) return this.recover()
    }
    const values = this.take<Ast.Proc>(frame.mark)
    this.keep({
      start: frame.pos,
      end: lex.prevEnd,
      names: frame.names,
      values,
      simple: frame.flag,
    } satisfies Ast.LetDecl)
    if (more) {
      if (frame.op !== 0 && frame.op !== lex.tok) {
        this.fail('RHO102', '`;` and `&` do not mix in one `let`', 'nest another `let` after `in`')
      }
      frame.op = lex.tok
      lex.next()
      return this.letDecl(frame)
    }
    if (lex.tok === T.In) lex.next()
    frame.state = S.LetBody
    frame.flag = frame.op === T.Amp
    frame.tail = this.outerTail()
    return S.Stmt
  }

  private letBody(): State {
    const frame = this.frames[this.top]
    const node: Ast.Let = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'let',
      decls: this.take<Ast.LetDecl>(frame.base),
      concurrent: frame.flag,
      body: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  // --- names ---------------------------------------------------------------------------------------------------------------

  /** One name; the top frame goes on with it. `formals`: `( … )` may follow directly. */
  private name(formals = false): State {
    const lex = this.lex
    const start = lex.start
    switch (lex.tok) {
      case T.Ident:
        this.val = { start, end: lex.end, kind: 'var', name: lex.name }
        lex.next()
        return this.frames[this.top].state
      case T.Wildcard:
        this.val = { start, end: lex.end, kind: 'wildcard' }
        lex.next()
        return this.frames[this.top].state
      case T.At: {
        const frame = this.push(S.QuoteDone, start)
        frame.min = LEVEL_CALL
        frame.flag = formals
        lex.next()
        return S.Operand
      }
    }
    return this.missingName(formals)
  }

  /** A process where a name must stand: report it, and read it as if the `@` were there. */
  private missingName(formals: boolean): State {
    const lex = this.lex
    if (lex.tok === T.Star && startsName(lex.peek())) {
      this.unexpected('a name', '`*x` is a process; the name is `x`')
      lex.next()
      return this.name(formals)
    }
    if (lex.tok === T.Eq) this.unexpected('a name', 'in the place of a name a reference is written `@{=*k}` or `@=k`')
    else if (RESERVED[lex.tok] !== 0 || !this.startsOperand()) {
      this.unexpected('a name', lex.tok === T.LArrow || lex.tok === T.LtEq ? '' : this.hint())
      if (!this.startsOperand()) {
        this.val = this.errorProc(lex.start, lex.start)
        return this.recover()
      }
    } else this.unexpected('a name', this.quoteHint())
    const frame = this.push(S.QuoteDone, lex.start)
    frame.min = LEVEL_CALL
    frame.flag = formals
    return S.Operand
  }

  private quoteHint(): string {
    const { start, end, tok } = this.lex
    if (this.frames[this.top].state === S.LetNames || this.frames[this.top - 1]?.state === S.LetNames)
      return 'with a pattern write `let @p <- P`'
    const text = this.source(start, end)
    const opens = tok === T.LBrace || tok === T.LBracket || tok === T.LParen || tok === T.LPath || text.startsWith('bundle')
    return text.length <= 20 && !opens ? `a process becomes a name with \`@\`: \`@${text}\`` : 'a process becomes a name with `@`: `@P`'
  }

  private startsOperand(): boolean {
    const lex = this.lex
    return (
      STARTS_OPERAND[lex.tok] !== 0 ||
      lex.tok === T.Star ||
      lex.tok === T.Eq ||
      ((lex.tok === T.Minus || lex.tok === T.Dot) && lex.beginsNumber())
    )
  }

  private quoteDone(): State {
    const frame = this.frames[this.top]
    this.val = { start: frame.start, end: this.lex.prevEnd, kind: 'quote', body: this.val as Ast.Proc }
    return this.pop()
  }

  /** A list of name patterns; the top frame goes on with it. */
  private names(first?: Ast.Var): State {
    const lex = this.lex
    const frame = this.push(S.NamesItem, first === undefined ? lex.start : first.start)
    frame.a = null
    if (first === undefined) return this.namesNext(frame)
    this.val = first
    return this.namesItem()
  }

  private namesNext(frame: Frame): State {
    const lex = this.lex
    for (;;) {
      if (lex.tok === T.Ident) this.keep({ start: lex.start, end: lex.end, kind: 'var', name: lex.name } satisfies Ast.Var)
      else if (lex.tok === T.Wildcard) this.keep({ start: lex.start, end: lex.end, kind: 'wildcard' } satisfies Ast.Wildcard)
      else if (lex.tok === T.At) return this.name()
      else if (lex.tok === T.Dots) return this.namesRest(frame)
      else if (this.startsOperand()) return this.missingName(false)
      else return this.namesEnd(frame)
      lex.next()
      if (lex.tok === T.Comma) lex.next()
      else if (lex.tok === T.Dots) return this.namesRest(frame)
      else return this.namesEnd(frame)
    }
  }

  private namesItem(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    this.keep(this.val)
    if (lex.tok === T.Comma) {
      lex.next()
      return this.namesNext(frame)
    }
    if (lex.tok === T.Dots) return this.namesRest(frame)
    return this.namesEnd(frame)
  }

  private namesRest(frame: Frame): State {
    const lex = this.lex
    lex.next()
    if (lex.tok === T.At) lex.next()
    else this.unexpected('`@` and a variable', 'the remainder of a list of names is written `...@r`')
    frame.a = this.variable()
    return this.namesEnd(frame)
  }

  /** The variable or `_` of a remainder. */
  private variable(): Ast.Var | Ast.Wildcard | null {
    const lex = this.lex
    const { start, end } = lex
    let node: Ast.Var | Ast.Wildcard | null = null
    if (lex.tok === T.Ident) node = { start, end, kind: 'var', name: lex.name }
    else if (lex.tok === T.Wildcard) node = { start, end, kind: 'wildcard' }
    else this.unexpected('a variable or `_`', 'a remainder is one variable: `...rest`')
    if (node !== null) lex.next()
    return node
  }

  private namesEnd(frame: Frame): State {
    const items = this.take<Ast.Name>(frame.base)
    const empty = items.length === 0 && frame.a === null
    this.val = {
      start: frame.start,
      end: empty ? frame.start : this.lex.prevEnd,
      items,
      rest: frame.a as Ast.Var | Ast.Wildcard | null,
    }
    return this.pop()
  }

  // --- receives ------------------------------------------------------------------------------------------------------------

  private forStart(): State {
    const lex = this.lex
    const frame = this.push(S.BindNames, lex.start)
    frame.parts = NO_PARTS
    lex.next()
    if (lex.tok !== T.LParen) {
      this.unexpected('`(`', 'write `for (x <- c) { … }`')
      return this.recoverWithout()
    }
    this.opened(frame, T.RParen)
    return this.receiptStart(frame)
  }

  /** A receipt of `for`, or a branch of `select`: these differ in what may close them. */
  private receiptStart(frame: Frame): State {
    frame.at = this.lex.start
    frame.binds = NO_BINDS
    frame.bad = NO_BAD
    frame.a = null
    return this.bindStart(frame)
  }

  private bindStart(frame: Frame): State {
    frame.pos = this.lex.start
    frame.state = S.BindNames
    return this.names()
  }

  private bindNames(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    const tok = lex.tok
    frame.names = this.val as Ast.Names
    if (tok !== T.LArrow && tok !== T.LtEq && tok !== T.LLArrow) {
      const items = frame.names.items
      const first = items.length === 1 ? items[0] : null
      if (frame.close === T.RBrace && first !== null && first.kind === 'var' && first.name === 'case' && this.startsProcess()) {
        this.fail('RHO102', '`select` has no word `case`', 'write `select { x <- c => { … } }`')
        return this.bindStart(frame)
      }
      this.unexpected('`<-`, `<=` or `<<-`', RESERVED[tok] !== 0 || tok === T.Eq ? '' : 'a bind is written `x <- c`')
      return this.recover()
    }
    frame.op = tok
    if (tok === T.LtEq && frame.close === T.RBrace) this.badForm(frame, { what: '<=', start: lex.start, end: lex.end })
    frame.state = S.SourceName
    lex.next()
    return this.name()
  }

  private sourceName(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    const name = this.val as Ast.Name
    const tok = lex.tok
    frame.state = S.BindSource
    if (tok !== T.QuestBang && tok !== T.BangQuest && tok !== T.Bang) {
      this.val = { start: name.start, end: name.end, form: 'name', name, method: '', args: NOTHING }
      return S.BindSource
    }
    if (frame.op !== T.LArrow && !(frame.op === T.LtEq && frame.close === T.RBrace)) {
      const arrow = SPELLING[frame.op]
      this.fail('RHO102', `a source with ${this.found()} needs the arrow \`<-\``, `\`${arrow}\` reads from a plain name`)
    }
    if (tok === T.QuestBang) {
      this.val = { start: name.start, end: lex.end, form: 'reply', name, method: '', args: NOTHING }
      lex.next()
      return S.BindSource
    }
    const call = this.push(S.ListItem, name.start)
    call.op = SOURCE
    call.a = name
    call.name = ''
    const bang = lex.start
    lex.next()
    if (tok === T.Bang) {
      if (lex.tok === T.Ident) {
        call.name = lex.name
        lex.next()
      } else this.unexpected('a method name, or `!?` to call', 'a source that is called is written `x <- c!?(a)` or `x <- c!m(a)`')
    }
    if (frame.close === T.RBrace) this.badForm(frame, { what: tok === T.Bang ? `!${call.name}` : '!?', start: bang, end: lex.prevEnd })
    return this.arguments(call)
  }

  private badForm(frame: Frame, form: Bad): void {
    if (frame.bad.length === 0) frame.bad = [form]
    else frame.bad.push(form)
  }

  private bindSource(): State {
    const frame = this.frames[this.top]
    const arrow: Ast.Arrow = frame.op === T.LArrow ? '<-' : frame.op === T.LtEq ? '<=' : '<<-'
    const bind: Ast.Bind = { start: frame.pos, end: this.lex.prevEnd, names: frame.names, arrow, source: this.val as Ast.Source }
    if (frame.binds.length === 0) frame.binds = [bind]
    else frame.binds.push(bind)
    return this.bindEnd(frame)
  }

  private bindEnd(frame: Frame): State {
    const lex = this.lex
    if (lex.tok === T.Amp) {
      lex.next()
      return this.bindStart(frame)
    }
    if (lex.tok === T.Ident && lex.name === 'where') {
      frame.state = S.BindGuard
      lex.next()
      return S.Operand
    }
    return this.receiptEnd(frame)
  }

  private bindGuard(): State {
    const frame = this.frames[this.top]
    frame.a = this.val
    return this.receiptEnd(frame)
  }

  private receiptEnd(frame: Frame): State {
    const lex = this.lex
    const tok = lex.tok
    const branch = frame.close === T.RBrace
    if (tok === T.Semi) {
      if (branch) {
        this.badForm(frame, { what: ';', start: lex.start, end: lex.end })
        lex.next()
        return this.bindStart(frame)
      }
      this.receipt(frame)
      lex.next()
      return this.receiptStart(frame)
    }
    if (branch && tok === T.Arrow) {
      frame.state = S.BranchBody
      frame.tail = IN_BRANCH
      lex.next()
      return S.Stmt
    }
    if (!branch && tok === T.RParen) {
      this.receipt(frame)
      this.closed(frame)
      frame.state = S.ForBody
      lex.next()
      if (lex.tok === T.Ident && lex.name === 'where') return this.guardOutside(frame)
      return this.block()
    }
    frame.state = S.BindGuard
    const guarded = frame.a !== null
    if (guarded && tok === T.Amp) {
      this.fail('RHO102', 'the guard stands after the last bind', 'write `x <- c & y <- d where …`')
      lex.next()
      return this.bindStart(frame)
    }
    if (guarded) this.unexpected(branch ? '`=>`' : '`;` or `)`')
    else
      this.unexpected(
        branch ? '`&`, `where` or `=>`' : '`&`, `;`, `where` or `)`',
        tok === T.Comma
          ? 'write `&` between binds, `;` between receipts'
          : tok === T.Tilde
            ? 'there is no search by similarity: write a pattern or a guard `where …`'
            : '',
      )
    return this.recover()
  }

  /** `for (…) where E { … }`: say where the guard belongs, and read the body. */
  private guardOutside(frame: Frame): State {
    const lex = this.lex
    this.fail('RHO102', 'the guard stands inside the parentheses', 'write `for (x <- c where …) { … }`')
    frame.state = S.ForBody
    while (lex.tok !== T.LBrace && lex.tok !== T.End && lex.tok !== T.Bar && lex.tok !== T.RBrace) lex.next()
    this.quiet = lex.start
    return this.block()
  }

  private receipt(frame: Frame): void {
    const receipt: Ast.Receipt = { start: frame.at, end: this.lex.prevEnd, binds: frame.binds, guard: frame.a as Ast.Proc | null }
    if (frame.parts.length === 0) frame.parts = [receipt]
    else frame.parts.push(receipt)
  }

  private forBody(): State {
    const frame = this.frames[this.top]
    const node: Ast.For = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'for',
      receipts: frame.parts as Ast.Receipt[],
      body: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  private selectStart(): State {
    const lex = this.lex
    const frame = this.push(S.BindNames, lex.start)
    frame.parts = NO_PARTS
    lex.next()
    if (lex.tok !== T.LBrace) {
      this.unexpected('`{`', 'write `select { x <- c => { … } }`')
      return this.recoverWithout()
    }
    this.opened(frame, T.RBrace)
    if (lex.tok === T.RBrace) {
      this.unexpected('a branch', 'write `select { x <- c => { … } }`')
      return this.branchesEnd(frame)
    }
    return this.receiptStart(frame)
  }

  private branchBody(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    if (lex.tok === T.End) return this.notAfterProcess('`|`, another branch or `}`')
    this.keep(this.finishedBranch(frame))
    frame.tail = 0
    switch (lex.tok) {
      case T.RBrace:
        return this.branchesEnd(frame)
      case T.Ident:
      case T.Wildcard:
      case T.At:
      case T.Dots:
      case T.LArrow:
      case T.LLArrow:
      case T.LtEq:
        return this.receiptStart(frame)
    }
    this.unexpected('`|`, another branch or `}`')
    frame.state = S.BindNames
    frame.binds = NO_BINDS
    if (this.startsOperand()) return this.receiptStart(frame)
    return this.recover()
  }

  /** The branch of `frame` with `val` as its body. */
  private finishedBranch(frame: Frame): Ast.Branch {
    return {
      start: frame.at,
      end: this.lex.prevEnd,
      binds: frame.binds,
      guard: frame.a as Ast.Proc | null,
      body: this.val as Ast.Proc,
      bad: frame.bad,
    }
  }

  private branchesEnd(frame: Frame): State {
    this.lex.next()
    const node: Ast.Select = { start: frame.start, end: this.lex.prevEnd, kind: 'select', branches: this.take<Ast.Branch>(frame.base) }
    this.pop()
    return this.done(node)
  }

  private contractName(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    frame.a = this.val
    if (lex.tok !== T.LParen) {
      this.unexpected('`(`', 'write `contract f(x) = { … }`')
      return this.recoverWithout()
    }
    frame.state = S.ContractFormals
    this.opened(frame, T.RParen)
    return this.names()
  }

  private contractFormals(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    frame.names = this.val as Ast.Names
    if (lex.tok !== T.RParen) {
      this.unexpected('`,` or `)`')
      return this.recover()
    }
    this.closed(frame)
    frame.state = S.ContractBody
    lex.next()
    if (lex.tok === T.Eq) lex.next()
    else {
      this.unexpected('`=`', 'write `contract f(x) = { … }`')
      if (lex.tok === T.Arrow) lex.next()
      if (lex.tok !== T.LBrace) return this.recoverWithout()
    }
    return this.block()
  }

  private contractBody(): State {
    const frame = this.frames[this.top]
    const node: Ast.Contract = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'contract',
      name: frame.a as Ast.Name,
      formals: frame.names,
      body: this.val as Ast.Proc,
    }
    this.pop()
    return this.done(node)
  }

  // --- match ---------------------------------------------------------------------------------------------------------------

  private matchTarget(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    frame.a = this.val
    if (lex.tok === T.LBrace) {
      this.opened(frame, T.RBrace)
      if (lex.tok === T.RBrace) {
        this.unexpected('a case', 'write `match x { p => { … } }`')
        return this.casesEnd(frame)
      }
      return this.caseStart(frame)
    }
    if (lex.tok === T.Bar) {
      this.unexpected('`{`', 'a parallel composition to match stands in braces: `match { a | b } { … }`')
      lex.next()
      this.quiet = lex.start
      return S.Operand
    }
    this.unexpected('`{` and cases', lex.tok === T.Ident && lex.name === 'with' ? 'write `match x { p => { … } }`' : '')
    return this.recoverWithout()
  }

  private caseStart(frame: Frame): State {
    frame.at = this.lex.start
    frame.state = S.CasePattern
    frame.tail = 0
    frame.b = null
    frame.c = this.errorProc(frame.at, frame.at)
    return S.Stmt
  }

  private casePattern(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    const pattern = this.val as Ast.Proc
    frame.c = pattern
    if (lex.tok === T.Ident && lex.name === 'where') {
      frame.state = S.CaseGuard
      lex.next()
      return S.Operand
    }
    return this.caseArrow(frame, '`where` or `=>`')
  }

  private caseGuard(): State {
    const frame = this.frames[this.top]
    frame.b = this.val
    return this.caseArrow(frame, '`=>`')
  }

  private caseArrow(frame: Frame, expected: string): State {
    const lex = this.lex
    if (lex.tok !== T.Arrow) {
      const first = frame.c as Ast.Proc
      let hint = ''
      if (first.kind === 'var' && first.name === 'case') hint = '`match` has no word `case`: write `match x { p => { … } }`'
      else if (this.calledIdentifier(first)) hint = 'an identifier is not called like a function; to send on it write `f!(x)`'
      else if (lex.tok === T.RBrace && this.poolTop > frame.base) hint = 'write `|` between the processes of a body'
      else if (lex.tok === T.Colon) hint = 'a case is written `p => { … }`'
      this.unexpected(expected, hint)
      frame.state = S.CaseGuard
      return this.recover()
    }
    frame.state = S.CaseBody
    frame.tail = IN_CASE
    lex.next()
    return S.Stmt
  }

  /** `pattern` is in parentheses glued to an identifier, as in `f(x)`. */
  private calledIdentifier(pattern: Ast.Proc): boolean {
    const at = pattern.start - this.lex.base
    return this.lex.text.charCodeAt(at) === 40 && at > 0 && isWordCode(this.lex.text.charCodeAt(at - 1))
  }

  private caseBody(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    if (lex.tok === T.End) return this.notAfterProcess('`|`, another case or `}`')
    this.keep(this.finishedCase(frame))
    frame.tail = 0
    if (lex.tok === T.RBrace) return this.casesEnd(frame)
    if (this.startsProcess() || this.startsOperand() || lex.tok === T.Minus) return this.caseStart(frame)
    this.unexpected(
      '`|`, another case or `}`',
      lex.tok === T.Comma || lex.tok === T.Semi ? 'cases follow each other without a separator' : '',
    )
    frame.state = S.CasePattern
    if (lex.tok === T.Comma || lex.tok === T.Semi) {
      lex.next()
      if (this.startsProcess() || this.startsOperand()) return this.caseStart(frame)
    }
    return this.recover()
  }

  /** The case of `frame` with `val` as its body. */
  private finishedCase(frame: Frame): Ast.Case {
    return {
      start: frame.at,
      end: this.lex.prevEnd,
      pattern: frame.c as Ast.Proc,
      guard: frame.b as Ast.Proc | null,
      body: this.val as Ast.Proc,
    }
  }

  private casesEnd(frame: Frame): State {
    this.lex.next()
    const node: Ast.MatchProc = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'match',
      target: frame.a as Ast.Proc,
      cases: this.take<Ast.Case>(frame.base),
    }
    this.pop()
    return this.done(node)
  }

  // --- agents --------------------------------------------------------------------------------------------------------------

  /** At the word `agent`: a name and `{` follow. (A quoted name is not read to its end: nothing else can begin like this.) */
  private agentFollows(): boolean {
    const next = this.lex.peek()
    return next === 64 || (startsName(next) && this.lex.peekBehindWord() === 123)
  }

  private agentStart(): State {
    this.push(S.AgentName, this.lex.start)
    this.lex.next()
    return this.name()
  }

  private agentName(): State {
    const frame = this.frames[this.top]
    frame.a = this.val
    if (this.lex.tok !== T.LBrace) {
      this.unexpected('`{` and the members of the agent')
      return this.recoverWithout()
    }
    frame.state = S.AgentMember
    this.opened(frame, T.RBrace)
    return this.member()
  }

  private member(): State {
    const lex = this.lex
    const frame = this.push(S.MemberFormals, lex.start)
    frame.flag = false
    frame.name = ''
    if (lex.tok === T.Ident && lex.name === 'private') {
      frame.flag = true
      lex.next()
    }
    const word = lex.tok === T.Ident ? lex.name : ''
    if (word !== 'constructor' && word !== 'method' && word !== 'default') {
      this.unexpected('`constructor`, `method` or `default`', 'members are written `method m(x) { … }`, with `|` between them')
      return this.recoverWithout()
    }
    if (word === 'constructor' && frame.flag) this.fail('RHO102', 'a constructor cannot be private', 'leave out `private`')
    frame.op = word === 'constructor' ? 0 : word === 'method' ? 1 : 2
    lex.next()
    if (word === 'method') {
      if (lex.tok === T.Ident) {
        frame.name = lex.name
        lex.next()
      } else this.unexpected('the name of the method')
    }
    if (lex.tok !== T.LParen) {
      this.unexpected('`(`', `write \`${word}${word === 'method' ? ' m' : ''}(x) { … }\``)
      return this.recoverWithout()
    }
    this.opened(frame, T.RParen)
    return this.names()
  }

  private memberFormals(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    frame.names = this.val as Ast.Names
    if (lex.tok !== T.RParen) {
      this.unexpected('`,` or `)`')
      return this.recover()
    }
    this.closed(frame)
    frame.state = S.MemberBody
    lex.next()
    if (lex.tok === T.Eq) {
      this.unexpected('`{`', 'a member has no `=` before its body')
      lex.next()
    }
    return this.block()
  }

  private memberBody(): State {
    const frame = this.frames[this.top]
    const node: Ast.Member = {
      start: frame.start,
      end: this.lex.prevEnd,
      form: frame.op === 0 ? 'constructor' : frame.op === 1 ? 'method' : 'default',
      private: frame.flag,
      name: frame.name,
      formals: frame.names,
      body: this.val as Ast.Proc,
    }
    const state = this.pop()
    this.keep(node)
    return state
  }

  private agentMember(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) {
      lex.next()
      return this.member()
    }
    if (lex.tok !== T.RBrace) {
      this.unexpected('`|` or `}`', lex.tok === T.Ident ? 'write `|` between members' : '')
      if (lex.tok === T.Ident && (lex.name === 'private' || lex.name === 'method' || lex.name === 'default' || lex.name === 'constructor'))
        return this.member()
      return this.recover()
    }
    lex.next()
    const node: Ast.Agent = {
      start: frame.start,
      end: lex.prevEnd,
      kind: 'agent',
      name: frame.a as Ast.Name,
      members: this.take<Ast.Member>(frame.base),
    }
    this.pop()
    return this.done(node)
  }

  // --- expressions ---------------------------------------------------------------------------------------------------------

  private operand(): State {
    const lex = this.lex
    const start = lex.start
    const end = lex.end
    switch (lex.tok) {
      case T.Ident:
        this.val = { start, end, kind: 'var', name: lex.name }
        break
      case T.Wildcard:
        this.val = { start, end, kind: 'wildcard' }
        break
      case T.Minus:
        if (lex.beginsNumber()) {
          lex.rescanNumber()
          return this.operand()
        }
        return this.prefix(LEVEL_PREFIX)
      case T.Dot:
        if (!lex.beginsNumber()) return this.noOperand()
        lex.rescanNumber()
        return this.operand()
      case T.Not:
        return this.prefix(LEVEL_PREFIX)
      case T.Tilde:
        return this.prefix(LEVEL_NEG)
      case T.Int:
        this.val = { start, end, kind: 'int', value: lex.int }
        break
      case T.Wide:
        this.val = { start, end, kind: 'wide', value: lex.value as bigint }
        break
      case T.Float:
        this.val = { start, end, kind: 'float', value: lex.int }
        break
      case T.BigInt:
        this.val = { start, end, kind: 'bigint', value: lex.value as bigint }
        break
      case T.BigRat: {
        const { num, den } = lex.value as Rational
        this.val = { start, end, kind: 'bigrat', num, den }
        break
      }
      case T.Fixed: {
        const { unscaled, scale } = lex.value as Decimal
        this.val = { start, end, kind: 'fixed', unscaled, scale }
        break
      }
      case T.Bytes:
        this.val = { start, end, kind: 'bytes', value: lex.value as Uint8Array }
        break
      case T.Str:
        this.val = { start, end, kind: 'string', value: lex.name }
        break
      case T.Uri:
        this.val = { start, end, kind: 'uri', value: lex.name }
        break
      case T.True:
        this.val = { start, end, kind: 'bool', value: true }
        break
      case T.False:
        this.val = { start, end, kind: 'bool', value: false }
        break
      case T.Nil:
        this.val = { start, end, kind: 'nil' }
        break
      case T.TypeBool:
        this.val = { start, end, kind: 'type', type: 'Bool' }
        break
      case T.TypeInt:
        this.val = { start, end, kind: 'type', type: 'Int' }
        break
      case T.TypeString:
        this.val = { start, end, kind: 'type', type: 'String' }
        break
      case T.TypeUri:
        this.val = { start, end, kind: 'type', type: 'Uri' }
        break
      case T.TypeByteArray:
        this.val = { start, end, kind: 'type', type: 'ByteArray' }
        break
      case T.Star:
        return this.evaluation()
      case T.Eq:
        return this.reference()
      case T.LParen:
        return this.parenStart()
      case T.LBrace:
        return this.braceStart()
      case T.LBracket: {
        const frame = this.push(S.ListItem, start)
        frame.op = LIST
        return this.listStart(frame, T.RBracket)
      }
      case T.LPath: {
        const frame = this.push(S.ListItem, start)
        frame.op = PATHMAP
        return this.listStart(frame, T.RPath)
      }
      case T.Set: {
        lex.next()
        if (lex.tok !== T.LParen) {
          this.unexpected('`(` after `Set`', '`Set` is a reserved word; a set is written `Set(1, 2)`')
          this.val = this.errorProc(start, end)
          return this.after()
        }
        const frame = this.push(S.ListItem, start)
        frame.op = SET
        return this.listStart(frame, T.RParen)
      }
      case T.Bundle:
        return this.bundle(3)
      case T.BundlePlus:
        return this.bundle(2)
      case T.BundleMinus:
        return this.bundle(1)
      case T.Bundle0:
        return this.bundle(0)
      default:
        return this.noOperand()
    }
    lex.next()
    return this.after()
  }

  private noOperand(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    let expected = frame.level > 0 || frame.state === S.QuoteDone ? 'an operand' : 'a process'
    let hint = ''
    switch (lex.tok) {
      case T.At:
        expected = frame.level > 0 ? 'an operand' : 'an expression'
        hint = 'a name is not a process: write `*@P`; a send as an operand needs braces: `{ @P!(1) }`'
        break
      case T.Match:
      case T.If:
        expected = frame.level > 0 ? 'an operand' : 'an expression'
        hint = `\`${SPELLING[lex.tok]}\` yields no value: put what is done with the value into its cases; \`{ ${SPELLING[lex.tok]} … }\` is the process itself`
        break
      case T.New:
      case T.Let:
      case T.For:
      case T.Contract:
      case T.Select:
        expected = frame.level > 0 ? 'an operand' : 'an expression'
        hint = `\`${SPELLING[lex.tok]}\` as an operand needs braces: \`{ ${SPELLING[lex.tok]} … }\``
        break
      case T.Bar:
        hint = '`|` needs a process on both sides'
        break
      case T.RBrace:
      case T.End:
        if (frame.state === S.ParItem) hint = '`|` needs a process on both sides'
        break
      case T.Dots:
        hint = 'a remainder `...x` stands at the end of a list, set, map, pathmap or list of names'
        break
      case T.Bang:
        hint = 'the negation of a Bool is written `not x`'
        break
      case T.Gt:
        if (this.glued(lex.start, 60)) hint = 'write `!=` for “is not equal”'
        else if (this.glued(lex.start, 45)) hint = 'a case is written `p => { … }`, a bind `x <- c`'
        break
      case T.Slash:
        if (this.glued(lex.start, 42)) hint = 'no comment is open here: comments do not nest'
        break
      case T.MinusMinus:
        hint = 'a comment is written `// …` or `/* … */`'
        break
      case T.Colon:
        if (this.glued(lex.start, 58)) hint = 'tokens `s :: ()` that pay for signed processes are not part of the language: use `--gas`'
        break
      case T.Percent:
        if (this.glued(lex.start, 123)) hint = 'signed processes `{% P %}[s]` are not part of the language: write `{ P }`'
        break
      case T.EqEq:
      case T.Arrow:
        break
      default:
        hint = RESERVED[lex.tok] !== 0 ? `\`${SPELLING[lex.tok]}\` is a reserved word` : ''
    }
    if (hint === '')
      this.fail('RHO102', `expected ${expected}, found ${this.found()}`, frame.state === S.ParItem ? '' : this.unclosedHint())
    else this.unexpected(expected, hint)
    return this.recover()
  }

  /** Whether the character with that code stands right before the position. */
  private glued(at: number, code: number): boolean {
    return at > this.lex.base && this.lex.text.charCodeAt(at - 1 - this.lex.base) === code
  }

  private unclosedHint(): string {
    const tok = this.lex.tok
    return tok === T.End || OPENING[tok] !== undefined ? this.unclosed() : ''
  }

  private prefix(level: number): State {
    const lex = this.lex
    const outer = this.frames[this.top]
    if ((outer.level > 0 ? outer.level : outer.min) > level) {
      const sign = SPELLING[lex.tok]
      if (outer.state === S.QuoteDone)
        this.fail('RHO102', `the operator \`${sign}\` cannot stand directly under \`@\``, `write \`@{${sign} x}\``)
      else this.fail('RHO102', `\`${sign}\` cannot stand directly after a connective`, `put it in parentheses: \`(${sign} x)\``)
    }
    const frame = this.push(S.Operator, lex.start)
    frame.level = level
    frame.op = lex.tok
    lex.next()
    return S.Operand
  }

  /**
   * An operand is complete: go on with an operator or method call, or hand the expression to the frame that waits for it. What binds at
   * least as tightly on the left is completed first.
   */
  private after(): State {
    const lex = this.lex
    let tok = lex.tok
    let frame = this.frames[this.top]
    if (frame.tail !== 0 && frame.level === 0 && this.braced()) {
      this.isExpr = true
      return frame.state
    }
    if (tok === T.LParen && this.called(frame)) tok = lex.tok
    const level = LEVEL[tok]
    let equality = 0
    while (frame.level > 0 && frame.level >= level) {
      if (frame.level === LEVEL_EQ) equality = frame.op
      this.reduce(frame)
      this.top--
      frame = this.frames[this.top]
    }
    if (level === 0 || (frame.level === 0 && level < frame.min)) {
      this.isExpr = true
      return frame.state
    }
    const left = this.val
    if (tok === T.Dot) return this.methodCall(left as Ast.Proc)
    if (level === LEVEL_EQ && equality !== 0 && (tok === T.Matches || equality === T.Matches)) this.mixedMatches(equality, tok)
    const operator = this.push(S.Operator, left.start)
    operator.level = level
    operator.op = tok
    operator.pos = lex.start
    operator.a = left
    lex.next()
    return S.Operand
  }

  /** `val` is `{ P }` or `{}` itself, not in parentheses and not a part of something: such a body of a case is complete. */
  private braced(): boolean {
    const val = this.val as Ast.Proc
    if (val.kind !== 'block' && !(val.kind === 'map' && val.keys.length === 0 && val.rest === null)) return false
    return this.lex.text.charCodeAt(val.end - 1 - this.lex.base) === 125
  }

  private mixedMatches(left: number, right: Token): void {
    const [l, r] = [SPELLING[left], SPELLING[right]]
    this.fail('RHO102', `\`${l}\` and \`${r}\` do not mix without parentheses`, `write \`(a ${l} b) ${r} c\` or \`a ${l} (b ${r} c)\``)
  }

  /** `f(x)`: report it and skip the parentheses. False where the parenthesis begins something else. */
  private called(outer: Frame): boolean {
    const lex = this.lex
    const val = this.val as Ast.Proc
    if (val.kind !== 'var' || val.end !== lex.prevEnd || outer.tail !== 0 || (outer.state === S.QuoteDone && outer.flag)) return false
    const name = val.name
    let hint = `to send on it write \`${name}!(…)\`, to call a method \`x.${name}(…)\``
    const word = foreignWord(name)
    if (CONVERSIONS.has(name)) hint = `a value is converted by a method: \`x.to${name[0].toUpperCase()}${name.slice(1)}()\``
    else if (word !== '') hint = word
    else if (name === 'Map' || name === 'List' || name === 'Tuple')
      hint = `a ${name.toLowerCase()} is written ${name === 'Map' ? '`{ k : v }`, the empty one `{}`' : name === 'List' ? '`[a, b]`' : '`(a, b)`'}`
    else if (name === 'BigInt') hint = 'a BigInt literal is written `5n`; to convert a value use `.toBigInt()`'
    this.fail('RHO102', `an identifier is not called like a function: found \`(\` after \`${name}\``, hint)
    const start = val.start
    this.skip()
    this.val = this.errorProc(start, lex.prevEnd)
    this.quiet = lex.start
    return true
  }

  private reduce(frame: Frame): void {
    const val = this.val as Ast.Proc
    const { start, op, level } = frame
    const end = this.lex.prevEnd
    if (level === LEVEL_PREFIX) this.val = { start, end, kind: 'unary', op: op === T.Not ? 'not' : '-', operand: val }
    else if (level === LEVEL_NEG) this.val = { start, end, kind: 'not', operand: val }
    else {
      const left = frame.a as Ast.Proc
      frame.a = null
      if (level === LEVEL_CONJ) this.val = { start, end, kind: 'conn', op: '/\\', left, right: val }
      else if (level === LEVEL_DISJ) this.val = { start, end, kind: 'conn', op: '\\/', left, right: val }
      else this.val = { start, end, kind: 'binary', op: SPELLING[op] as Ast.BinaryOp, left, right: val, opStart: frame.pos }
    }
  }

  private methodCall(target: Ast.Proc): State {
    const lex = this.lex
    lex.next()
    if (lex.tok !== T.Ident) {
      this.unexpected('the name of a method', RESERVED[lex.tok] !== 0 ? `\`${SPELLING[lex.tok]}\` is a reserved word` : '')
      return this.recover()
    }
    const frame = this.push(S.ListItem, target.start)
    frame.op = METHOD_CALL
    frame.a = target
    frame.name = lex.name
    frame.pos = lex.start
    lex.next()
    if (lex.tok !== T.LParen) {
      this.unexpected('`(`', `a method call has parentheses: \`.${frame.name}()\``)
      return this.recoverWithout()
    }
    return this.listStart(frame, T.RParen)
  }

  /** `*x`, `*_`, `*@P`. */
  private evaluation(): State {
    const lex = this.lex
    const start = lex.start
    lex.next()
    switch (lex.tok) {
      case T.Ident: {
        const name: Ast.Var = { start: lex.start, end: lex.end, kind: 'var', name: lex.name }
        this.val = { start, end: lex.end, kind: 'eval', name }
        lex.next()
        return this.after()
      }
      case T.Wildcard: {
        const name: Ast.Wildcard = { start: lex.start, end: lex.end, kind: 'wildcard' }
        this.val = { start, end: lex.end, kind: 'eval', name }
        lex.next()
        return this.after()
      }
      case T.At: {
        this.push(S.EvalDone, start)
        const quote = this.push(S.QuoteDone, lex.start)
        quote.min = LEVEL_DISJ
        lex.next()
        return S.Operand
      }
    }
    this.unexpected('a name after `*`', this.startsOperand() ? '`*` turns a name into a process: `*x`, `*@P`' : '')
    if (this.startsOperand()) return S.Operand // read it as if the `*` were not there
    return this.recover()
  }

  private evalDone(): State {
    const frame = this.frames[this.top]
    this.val = { start: frame.start, end: this.lex.prevEnd, kind: 'eval', name: this.val as Ast.Name }
    this.pop()
    return this.after()
  }

  /** `=x`, `=*x`. */
  private reference(): State {
    const lex = this.lex
    const start = lex.start
    lex.next()
    const star = lex.tok === T.Star
    if (star) lex.next()
    if (lex.tok !== T.Ident) {
      let hint = 'a reference is written `=x` or `=*x`'
      if (this.glued(start, 61)) hint = 'write `==` to compare'
      else if (this.glued(start, 43) || this.glued(start, 45))
        hint = 'there is no assignment; to change a state send the new value: `x!(v + 1)`'
      this.unexpected(star ? 'a variable after `=*`' : 'a variable or `*` after `=`', hint)
      return this.recover()
    }
    this.val = { start, end: lex.end, kind: 'ref', name: lex.name, star }
    lex.next()
    return this.after()
  }

  private bundle(flags: Ast.Bundle['flags']): State {
    const frame = this.push(S.BundleDone, this.lex.start)
    frame.op = flags
    this.lex.next()
    return this.block()
  }

  private bundleDone(): State {
    const frame = this.frames[this.top]
    const val: Ast.Bundle = {
      start: frame.start,
      end: this.lex.prevEnd,
      kind: 'bundle',
      flags: frame.op as Ast.Bundle['flags'],
      body: this.val as Ast.Proc,
    }
    this.pop()
    this.val = val
    return this.after()
  }

  // --- brackets ------------------------------------------------------------------------------------------------------------

  /** `flag`: a comma was seen, it is a tuple. */
  private parenStart(): State {
    const lex = this.lex
    const start = lex.start
    const frame = this.push(S.Paren, start)
    this.opened(frame, T.RParen)
    if (lex.tok === T.RParen) {
      this.val = { start, end: lex.end, kind: 'tuple', items: NOTHING }
      lex.next()
      this.pop()
      return this.after()
    }
    if (lex.tok === T.Dots) {
      frame.flag = true
      return this.tupleRest(frame)
    }
    return S.Stmt
  }

  private paren(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    const tok = lex.tok
    if (tok === T.Bar) return this.par()
    const val = this.val as Ast.Proc
    if (frame.flag) this.keep(val)
    else if (tok === T.RParen) return this.group(frame, val)
    else if (tok === T.Comma || tok === T.Dots) {
      frame.flag = true
      this.keep(val)
    }
    if (tok === T.Comma) {
      lex.next()
      if (lex.tok === T.Dots) return this.tupleRest(frame)
      if (lex.tok !== T.RParen) return S.Stmt
    }
    if (lex.tok === T.Dots) return this.tupleRest(frame)
    if (lex.tok !== T.RParen) {
      this.unexpected('`,` or `)`')
      return this.recover()
    }
    return this.tupleEnd(frame)
  }

  private tupleEnd(frame: Frame): State {
    this.lex.next()
    this.val = { start: frame.start, end: this.lex.prevEnd, kind: 'tuple', items: this.take<Ast.Proc>(frame.base) }
    this.pop()
    return this.after()
  }

  private tupleRest(frame: Frame): State {
    const lex = this.lex
    this.fail('RHO102', 'a tuple has no remainder', 'use a list, `[a ...r]`, or name each element')
    lex.next()
    if (lex.tok === T.At) lex.next()
    if (lex.tok === T.Ident || lex.tok === T.Wildcard) lex.next()
    this.quiet = lex.start
    if (lex.tok !== T.RParen) return this.recover()
    return this.tupleEnd(frame)
  }

  /** `( P )`. */
  private group(frame: Frame, val: Ast.Proc): State {
    const lex = this.lex
    const { start } = frame
    const end = lex.end
    lex.next()
    this.pop()
    const bare = val.kind === 'bundle' && lex.text.charCodeAt(val.start - lex.base) !== 40
    if (this.isExpr && !bare) {
      const grown = val as Mutable<Ast.Proc>
      grown.start = start
      grown.end = end
    } else {
      this.report(
        'RHO103',
        start,
        end,
        `parentheses around ${describe(val)}`,
        'use `{ … }` to group a process; a one-element tuple is `(P,)`',
      )
      this.val = { start, end, kind: 'block', body: val }
    }
    return this.after()
  }

  private listStart(frame: Frame, close: Token): State {
    const lex = this.lex
    frame.b = null
    this.opened(frame, close)
    if (lex.tok === close) return this.listEnd(frame)
    if (lex.tok === T.Dots) return this.listRest(frame)
    return S.Stmt
  }

  private listItem(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    const tok = lex.tok
    if (tok === T.Bar) return this.par()
    this.keep(this.val)
    if (tok === T.Comma) {
      lex.next()
      if (lex.tok === frame.close) return this.listEnd(frame)
      if (lex.tok === T.Dots) return this.listRest(frame)
      return S.Stmt
    }
    if (tok === frame.close) return this.listEnd(frame)
    if (tok === T.Dots) return this.listRest(frame)
    this.unexpected(`\`,\` or \`${SPELLING[frame.close]}\``, this.elementHint())
    this.poolTop-- // what is read after the recovery stands in its place
    return this.recover()
  }

  /** Where `,` is missing, or something that other languages write between or behind elements. */
  private elementHint(): string {
    const lex = this.lex
    if (lex.tok === T.LBracket && lex.start === lex.prevEnd) return 'an element is taken by `.nth(i)`, a value of a map by `.get(k)`'
    if (lex.tok === T.Ident && lex.name === 'mod') return 'the remainder is written `a % b`'
    return this.startsProcess() ? 'write `,` between elements' : ''
  }

  private listRest(frame: Frame): State {
    const lex = this.lex
    if (frame.op < LIST) {
      this.fail('RHO102', 'arguments have no remainder', 'a remainder is part of a pattern: `[a ...r]`, `for (x ...@r <- c)`')
      lex.next()
      if (lex.tok === T.At) lex.next()
      if (lex.tok === T.Ident || lex.tok === T.Wildcard) lex.next()
      this.quiet = lex.start
    } else frame.b = this.rest()
    if (lex.tok === frame.close) return this.listEnd(frame)
    this.unexpected(`\`${SPELLING[frame.close]}\` after the remainder`, lex.tok === T.Comma ? 'the remainder stands last' : '')
    return this.recover()
  }

  private rest(): Ast.Var | Ast.Wildcard | null {
    const lex = this.lex
    lex.next()
    if (lex.tok === T.At) {
      this.unexpected('a variable or `_`', 'inside brackets a remainder has no `@`: `[a ...r]`')
      lex.next()
    }
    return this.variable()
  }

  private listEnd(frame: Frame): State {
    const lex = this.lex
    const { start, op } = frame
    const items = this.take<Ast.Proc>(frame.base)
    lex.next()
    const end = lex.prevEnd
    if (op === SYNC_SEND) {
      this.closed(frame)
      frame.items = items
      return this.syncEnd(frame)
    }
    const state = this.pop()
    const rest = frame.b as Ast.Var | Ast.Wildcard | null
    switch (op) {
      case SEND:
        return this.done({ start, end, kind: 'send', chan: frame.a as Ast.Name, persistent: false, args: items })
      case PERSISTENT_SEND:
        return this.done({ start, end, kind: 'send', chan: frame.a as Ast.Name, persistent: true, args: items })
      case SOURCE:
        this.val = { start, end, form: frame.name === '' ? 'call' : 'method', name: frame.a as Ast.Name, method: frame.name, args: items }
        return state
      case METHOD_CALL:
        this.val = { start, end, kind: 'method', target: frame.a as Ast.Proc, name: frame.name, args: items, nameStart: frame.pos }
        break
      case LIST:
        this.val = { start, end, kind: 'list', items, rest }
        break
      case SET:
        this.val = { start, end, kind: 'set', items, rest }
        break
      default:
        this.val = { start, end, kind: 'pathmap', items, rest }
    }
    return S.After // not a call: chains of calls would nest
  }

  /** A block or a map: the first entry decides. */
  private braceStart(): State {
    const lex = this.lex
    const frame = this.push(S.BraceItem, lex.start)
    frame.b = null
    this.opened(frame, T.RBrace)
    if (lex.tok === T.RBrace) return this.mapEnd(frame)
    if (lex.tok === T.Dots) return this.mapRest(frame)
    return S.Stmt
  }

  private braceItem(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    switch (lex.tok) {
      case T.Bar:
        return this.par()
      case T.RBrace: {
        lex.next()
        this.val = { start: frame.start, end: lex.prevEnd, kind: 'block', body: this.val as Ast.Proc }
        this.pop()
        return this.after()
      }
      case T.Colon:
        this.keep(this.val)
        frame.state = S.MapValue
        lex.next()
        return S.Stmt
    }
    if (lex.tok === T.Arrow || lex.tok === T.Eq) {
      this.unexpected('`|`, `:` or `}`', 'an entry of a map is written `key : value`, a case `match x { p => { … } }`')
      this.loseNames((this.val as Ast.Proc).start, lex.start)
      return this.recover()
    }
    return this.afterProcess('`|`, `:` or `}`')
  }

  private mapKey(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    if (lex.tok !== T.Colon) {
      this.unexpected('`:`', 'an entry of a map is written `key : value`')
      return this.recover()
    }
    this.keep(this.val)
    frame.state = S.MapValue
    lex.next()
    return S.Stmt
  }

  private mapValue(): State {
    const lex = this.lex
    const frame = this.frames[this.top]
    if (lex.tok === T.Bar) return this.par()
    this.keep(this.val)
    frame.state = S.MapKey
    if (lex.tok === T.Comma) {
      lex.next()
      if (lex.tok === T.RBrace) return this.mapEnd(frame)
      if (lex.tok === T.Dots) return this.mapRest(frame)
      return S.Stmt
    }
    if (lex.tok === T.RBrace) return this.mapEnd(frame)
    if (lex.tok === T.Dots) return this.mapRest(frame)
    frame.state = S.MapValue
    this.poolTop--
    this.unexpected('`,` or `}`')
    return this.recover()
  }

  private mapRest(frame: Frame): State {
    frame.b = this.rest()
    if (this.lex.tok === T.RBrace) return this.mapEnd(frame)
    this.unexpected('`}` after the remainder', this.lex.tok === T.Comma ? 'the remainder stands last' : '')
    return this.recover()
  }

  private mapEnd(frame: Frame): State {
    this.lex.next()
    const rest = frame.b as Ast.Var | Ast.Wildcard | null
    const values = this.take<Ast.Proc>(frame.base)
    const size = values.length >> 1
    const keys = values.slice(0, size)
    for (let i = 0; i < size; i++) {
      keys[i] = values[2 * i]
      values[i] = values[2 * i + 1]
    }
    values.length = size
    this.val = { start: frame.start, end: this.lex.prevEnd, kind: 'map', keys, values, rest }
    this.pop()
    return this.after()
  }
}

/** The character can begin a name: a letter, `_` or `@`. */
function startsName(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 64 && code <= 90) || code === 95
}

function isWordCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code === 39
}

const NOUNS: Partial<Record<Ast.Proc['kind'], string>> = {
  par: 'a parallel composition',
  send: 'a send',
  sync: 'a synchronous send',
  new: '`new`',
  if: '`if`',
  let: '`let`',
  for: '`for`',
  contract: '`contract`',
  match: '`match`',
  select: '`select`',
  agent: '`agent`',
  bundle: 'a bundle',
}

function describe(node: Ast.Proc): string {
  return NOUNS[node.kind] ?? 'a process'
}
