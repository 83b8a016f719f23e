import { type Diagnostic, lintAt } from '../base/diagnostic.ts'
import type { Span } from '../base/source.ts'
import type * as Ast from '../syntax/ast.ts'
import { makeBundle, makeConn, makeMap, makePar, makePathMap, makeSet } from './build.ts'
import { EndlessPairs, Ends, isIdle, lintBinary, lintCases, lintChannels, lintUnary, NO_ENDS, type What } from './lint.ts'
import { compareBinds, compareStrings, equal } from './order.ts'
import { FAULTY, type NormalizeOptions, Resolver } from './resolve.ts'
import { Binding, PatternScope, Sort } from './scope.ts'
import {
  type AgentFrame,
  type AgentLoop,
  BindFrame,
  CaseFrame,
  type ConnFrame,
  type ForStep,
  type FreshSend,
  type LetStep,
  type MatchesFrame,
  type MatchFrame,
  type NewFrame,
  Op,
  ReceiptFrame,
} from './tasks.ts'
import {
  Arrow,
  BigInteger,
  BigRat,
  Bind,
  Branch,
  Bytes,
  bound,
  Case,
  ConnNot,
  Fixed,
  Flag,
  Float,
  type Free,
  flagsOf,
  free,
  If,
  List,
  Match,
  Matches,
  Method,
  New,
  NIL,
  Op as Operation,
  Receive,
  Select,
  Send,
  Tag,
  type Term,
  Tuple,
  TypePattern,
  Uri,
  WILDCARD,
  type Wildcard,
} from './term.ts'

export type { NormalizeOptions } from './resolve.ts'

export interface Normalized {
  /** Meaningless if `diagnostics` holds an error. */
  readonly term: Term
  /** All static errors and lints of rholang.md 3.4 that are not syntax, by position. */
  readonly diagnostics: Diagnostic[]
}

export interface OpenNormalized extends Normalized {
  /** The free variables in order of first occurrence: outside all binders `Bound(k)` is `free[k]`. */
  readonly free: readonly string[]
}

/**
 * The normal form of a program: sugar removed, names resolved, variables numbered (rholang.md 3 and 4.1). Reports every static error; parts that the parser
 * already reported (`ErrorProc`) are passed over. Takes time linear in the program, up to sorting, and a constant amount of host stack.
 */
export function normalize(program: Ast.Proc, options: NormalizeOptions): Normalized {
  const walk = new Normalizer(options, false)
  return { term: walk.component(program), diagnostics: walk.findings() }
}

/** The normal form of a closed name, such as one that a command line asks about. */
export function normalizeName(name: Ast.Name, options: NormalizeOptions): Normalized {
  const walk = new Normalizer(options, false)
  return { term: walk.run(Op.Name, name), diagnostics: walk.findings() }
}

/** As `normalize`, but free variables are allowed: they become variables bound outside the term. */
export function normalizeOpen(program: Ast.Proc, options: NormalizeOptions): OpenNormalized {
  const walk = new Normalizer(options, true)
  return { term: walk.component(program), diagnostics: walk.findings(), free: walk.openNames() }
}

const BINARY: Record<Exclude<Ast.BinaryOp, 'matches'>, number> = {
  or: Tag.Or,
  '||': Tag.OrElse,
  and: Tag.And,
  '&&': Tag.AndThen,
  '==': Tag.Eq,
  '!=': Tag.Ne,
  '<': Tag.Lt,
  '<=': Tag.Le,
  '>': Tag.Gt,
  '>=': Tag.Ge,
  '+': Tag.Add,
  '-': Tag.Sub,
  '++': Tag.Concat,
  '--': Tag.Diff,
  '*': Tag.Mul,
  '/': Tag.Div,
  '%': Tag.Mod,
  '%%': Tag.Interp,
}
const ARROWS: Record<Ast.Arrow, number> = { '<-': Arrow.Linear, '<=': Arrow.Persistent, '<<-': Arrow.Peek }
const NONE: readonly never[] = []

/** Methods that only path maps and zippers have (rholang.md 10.2); names that somebody may well give to an operation of his own are not among them. */
const PATH_METHODS: ReadonlySet<string> = new Set(
  (
    'restriction dropHead readZipper writeZipper readZipperAt writeZipperAt descendTo ascendOne ascend childCount descendFirst descendIndexedBranch ' +
    'toNextSibling toPrevSibling pathExists atPath getLeaf getSubtrie setLeaf setSubtrie removeLeaf removeBranches prunePath createPath joinInto'
  ).split(' '),
)

/** Normalises the components of one program, one after the other. */
export class Normalizer extends Resolver {
  private readonly pairs = new EndlessPairs(this.lint)
  // The outermost process around the walk that is data, or the last one.
  private dataStart = 0
  private dataEnd = 0
  // Tasks and results are stacks with their own counters: tens of millions of pushes on long programs.
  private readonly ops: number[] = []
  private readonly args: unknown[] = []
  private tasks = 0
  private readonly out: Term[] = []
  private top = 0
  // Used within one step only: kept, so that they have their room.
  private readonly spare: Term[] = []
  private readonly found: Ast.Proc[] = []
  private readonly pending: Ast.Proc[] = []

  /** The normal form of a component; meaningless once there are `errors`. */
  component(node: Ast.Proc): Term {
    return this.run(Op.Stmt, node)
  }

  run(op: number, arg: Ast.Proc | Ast.Name): Term {
    this.push(op, arg)
    while (this.tasks > 0) {
      const at = --this.tasks
      this.step(this.ops[at], this.args[at])
    }
    return this.pop()
  }

  // ── stacks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private push(op: number, arg: unknown): void {
    this.ops[this.tasks] = op
    this.args[this.tasks++] = arg
  }

  /** Visits `nodes` in order, those before `from` excepted. */
  private pushAll(op: number, nodes: readonly unknown[], from = 0): void {
    for (let i = nodes.length - 1; i >= from; i--) this.push(op, nodes[i])
  }

  private emit(t: Term): void {
    this.out[this.top++] = t
  }

  /** Cases and branches wait among the results too, until the construct that they belong to takes them. */
  private emitPart(part: Case | Branch): void {
    this.out[this.top++] = part as unknown as Term
  }

  private takeParts<T extends Case | Branch>(count: number): readonly T[] {
    return this.take(count) as readonly unknown[] as readonly T[]
  }

  private pop(): Term {
    return this.out[--this.top]
  }

  private take(count: number): readonly Term[] {
    if (count === 0) return NONE
    this.top -= count
    return this.out.slice(this.top, this.top + count)
  }

  // What has no parts needs no task: it is visited at once wherever it would be the next one anyway.

  /** Visits a process without parts; false: it has some and is still to visit. */
  private leaf(node: Ast.Proc): boolean {
    switch (node.kind) {
      case 'var':
        this.emit(this.variable(node.name, Sort.Process, node))
        return true
      case 'int':
        this.emit(node.value + 0) // -0 is no Int
        return true
      case 'string':
      case 'bool':
        this.emit(node.value)
        return true
      case 'wildcard':
        this.emit(this.wildcard(node))
        return true
      case 'nil':
        this.emit(NIL)
        return true
      case 'eval':
        if (node.name.kind !== 'var') return false
        this.emit(this.variable(node.name.name, Sort.Name, node.name))
        return true
      default:
        return false
    }
  }

  private leafName(node: Ast.Name): boolean {
    if (node.kind === 'quote') return this.leaf(node.body)
    this.name(node)
    return true
  }

  /** Visits the nodes up to the first that has parts; gives the number of those visited. */
  private leaves(nodes: readonly Ast.Proc[]): number {
    let i = 0
    while (i < nodes.length && this.leaf(nodes[i])) i++
    return i
  }

  private visit(node: Ast.Proc): void {
    if (!this.leaf(node)) this.push(Op.Proc, node)
  }

  private visitName(node: Ast.Name): void {
    if (!this.leafName(node)) this.push(Op.Name, node)
  }

  private visitAll(nodes: readonly Ast.Proc[]): void {
    this.pushAll(Op.Proc, nodes, this.leaves(nodes))
  }

  /** Visits a guard; in a pattern it is part of what is compared, and binds nothing. */
  private pushGuard(op: number, frame: unknown, guard: Ast.Proc): void {
    this.push(op, frame)
    this.push(Op.Proc, guard)
    if (this.scope !== null) this.push(Op.SetScope, new PatternScope(this.scope.base, 'guard'))
  }

  // ── tasks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  private step(op: number, arg: unknown): void {
    switch (op) {
      case Op.Proc:
        this.process(arg as Ast.Proc, false)
        break
      case Op.Stmt:
        this.process(arg as Ast.Proc, true)
        break
      case Op.Name:
        this.name(arg as Ast.Name)
        break
      case Op.Par:
        this.emit(makePar(this.take(arg as number)))
        break
      case Op.Send:
        this.send(arg as Ast.Send)
        break
      case Op.Sync:
        this.sync(arg as Ast.SyncSend)
        break
      case Op.New:
        this.newDone(arg as NewFrame)
        break
      case Op.If: {
        const node = arg as Ast.If
        const alternative = node.alternative === null ? NIL : this.pop()
        const consequent = this.pop()
        this.emit(new If(this.pop(), consequent, alternative, node.start, node.end))
        break
      }
      case Op.Binary:
        this.operation(arg as Ast.Binary)
        break
      case Op.Unary: {
        const node = arg as Ast.Unary
        this.emit(new Operation(node.op === 'not' ? Tag.Not : Tag.Neg, this.pop(), null, node.start, node.end))
        break
      }
      case Op.Method: {
        const node = arg as Ast.Method
        const args = this.take(node.args.length)
        if (PATH_METHODS.has(node.name))
          this.error(
            'RHO407',
            node,
            `method \`${node.name}\` of path maps is part of the language but not available yet`,
            'use a Map or a Set of lists',
          )
        this.emit(new Method(this.pop(), node.name, args, node.start, node.end))
        break
      }
      case Op.MatchesRight: {
        const frame = arg as MatchesFrame
        frame.outer = this.scope
        frame.scope = this.scope = new PatternScope(this.env.depth)
        break
      }
      case Op.MatchesDone: {
        const { node, outer, scope } = arg as MatchesFrame
        this.confine()
        this.scope = outer
        const pattern = this.pop()
        this.emit(new Matches(this.pop(), pattern, scope?.vars.length ?? 0, node.start, node.end))
        break
      }
      case Op.ConnAnd:
        this.emit(makeConn(Tag.ConnAnd, this.take(arg as number)))
        break
      case Op.ConnOr:
        this.confine()
        this.scope = (arg as ConnFrame).outer
        this.emit(makeConn(Tag.ConnOr, this.take((arg as ConnFrame).count)))
        break
      case Op.ConnLost:
        this.scope = (arg as ConnFrame).outer
        this.take((arg as ConnFrame).count)
        this.emit(FAULTY)
        break
      case Op.Not:
        this.confine()
        this.scope = arg as PatternScope | null
        this.emit(new ConnNot(this.pop()))
        break
      case Op.SetScope:
        if ((arg as PatternScope).kind === 'pattern') this.confine()
        this.scope = arg as PatternScope
        break
      case Op.Bundle: {
        if (this.scope !== null) this.scope.bundles--
        this.emit(makeBundle((arg as Ast.Bundle).flags, this.pop()))
        break
      }
      case Op.Tuple:
        this.emit(new Tuple(this.take(arg as number)))
        break
      case Op.List: {
        const node = arg as Ast.List
        const rest = this.remainder(node.rest)
        this.emit(new List(this.take(node.items.length), rest))
        break
      }
      case Op.Set: {
        const node = arg as Ast.SetLit
        const rest = this.remainder(node.rest)
        this.emit(makeSet(this.take(node.items.length), rest))
        break
      }
      case Op.PathMap: {
        const node = arg as Ast.PathMapLit
        const rest = this.remainder(node.rest)
        this.emit(makePathMap(this.take(node.items.length), rest))
        break
      }
      case Op.Map:
        this.map(arg as Ast.MapLit)
        break
      case Op.ListOf:
        this.emit(new List(this.take(arg as number)))
        break
      case Op.ForReceipt:
        this.forReceipt((arg as ForStep).node, (arg as ForStep).index)
        break
      case Op.FreshSend:
        this.freshSend(arg as FreshSend)
        break
      case Op.EnterPatterns:
        this.enterPatterns(arg as ReceiptFrame)
        break
      case Op.CloseBind:
        this.closeBind(arg as ReceiptFrame)
        this.patterns(arg as ReceiptFrame)
        break
      case Op.ReceiptGuard: {
        const frame = arg as ReceiptFrame
        this.scope = frame.outer
        frame.guard = this.pop()
        break
      }
      case Op.ReceiveDone:
        this.receiveDone(arg as ReceiptFrame)
        break
      case Op.OpenBranch:
        this.openBranch(arg as Ast.Branch)
        break
      case Op.BranchDone:
        this.branchDone(arg as ReceiptFrame)
        break
      case Op.SelectDone: {
        const node = arg as Ast.Select
        this.emit(new Select(this.takeParts<Branch>(node.branches.length), node.start, node.end))
        break
      }
      case Op.OpenCase:
        this.openCase(arg as CaseFrame)
        break
      case Op.CasePattern:
        this.casePattern(arg as CaseFrame)
        break
      case Op.CaseGuard: {
        const frame = arg as CaseFrame
        this.scope = frame.outer
        frame.guard = this.pop()
        break
      }
      case Op.CloseCase: {
        const frame = arg as CaseFrame
        const vars = frame.scope?.vars ?? NONE
        this.leaveAll(vars)
        this.emitPart(new Case(frame.pattern, frame.guard, this.pop(), vars.length))
        break
      }
      case Op.MatchDone:
        this.matchDone(arg as MatchFrame)
        break
      case Op.LetStep:
        this.letStep((arg as LetStep).node, (arg as LetStep).index)
        break
      case Op.NamesPattern: {
        const decl = arg as Ast.LetDecl
        this.push(Op.NamesDone, decl.names)
        this.pushAll(decl.simple ? Op.Proc : Op.Name, decl.names.items)
        break
      }
      case Op.NamesDone: {
        const names = arg as Ast.Names
        const rest = this.remainder(names.rest)
        this.emit(new List(this.take(names.items.length), rest))
        break
      }
      case Op.MethodPattern:
        this.methodPattern(arg as Ast.Member)
        break
      case Op.MethodPatternDone: {
        const { formals } = arg as Ast.Member
        const rest = this.remainder(formals.rest)
        this.emit(new List(this.take(formals.items.length + 2), rest))
        break
      }
      case Op.DefaultPattern:
        this.emit(this.remainder((arg as Ast.Member).formals.rest) ?? WILDCARD)
        break
      case Op.AgentBody:
        this.agentBody(arg as AgentFrame)
        break
      case Op.AgentLoop:
        this.agentLoop(arg as AgentLoop)
        break
      case Op.AgentLoopDone:
        this.agentLoopDone(arg as AgentLoop)
        break
      case Op.AgentDone:
        this.agentDone(arg as AgentFrame)
        break
      case Op.Drop:
        this.take(arg as number)
        break
    }
  }

  // ── processes and names ─────────────────────────────────────────────────────────────────────────────────────────────

  private process(node: Ast.Proc, statement: boolean): void {
    if (statement && this.lints && this.scope === null && isIdle(node))
      this.lint(
        lintAt('L03', node.start, node.end, 'this expression does nothing as a statement', 'send its value on a name, or remove it'),
      )
    switch (node.kind) {
      case 'var':
        this.emit(this.variable(node.name, Sort.Process, node))
        break
      case 'int':
        this.emit(node.value + 0) // -0 is no Int
        break
      case 'string':
      case 'bool':
      case 'wide':
        this.emit(node.value)
        break
      case 'nil':
        this.emit(NIL)
        break
      case 'error':
        this.errors++ // reported by the parser
        this.emit(FAULTY)
        break
      case 'block':
        this.push(statement ? Op.Stmt : Op.Proc, node.body)
        break
      case 'par':
        this.par(node, statement)
        break
      case 'eval':
        if (node.name.kind === 'quote') this.push(statement ? Op.Stmt : Op.Proc, node.name.body)
        else this.name(node.name)
        break
      case 'send': {
        if (!statement) this.enterData(node)
        const { args } = node
        if (!this.leafName(node.chan)) {
          this.push(Op.Send, node)
          this.pushAll(Op.Proc, args)
          this.push(Op.Name, node.chan)
          break
        }
        const done = this.leaves(args)
        if (done === args.length) this.send(node)
        else {
          this.push(Op.Send, node)
          this.pushAll(Op.Proc, args, done)
        }
        break
      }
      case 'sync':
        if (!statement) this.enterData(node)
        this.env.enterNameless(1)
        this.push(Op.Sync, node)
        if (node.cont !== null) this.push(Op.Stmt, node.cont)
        this.pushAll(Op.Proc, node.args)
        this.visitName(node.chan)
        break
      case 'new':
        if (!statement) this.enterData(node)
        this.newNames(node)
        break
      case 'for':
        if (!statement) this.enterData(node)
        this.forReceipt(node, 0)
        break
      case 'contract':
        if (!statement) this.enterData(node)
        this.contract(node)
        break
      case 'match': {
        if (!statement) this.enterData(node)
        this.push(Op.MatchDone, { span: node, count: node.cases.length, node } satisfies MatchFrame)
        for (let i = node.cases.length - 1; i >= 0; i--) {
          const c = node.cases[i]
          this.push(Op.OpenCase, new CaseFrame(Op.Proc, c.pattern, c.guard, Op.Stmt, c.body))
        }
        this.visit(node.target)
        break
      }
      case 'if':
        if (!statement) this.enterData(node)
        this.push(Op.If, node)
        if (node.alternative !== null) this.push(Op.Stmt, node.alternative)
        this.push(Op.Stmt, node.consequent)
        this.visit(node.cond)
        break
      case 'let':
        if (!statement) this.enterData(node)
        if (node.concurrent && node.decls.length > 1) this.letTogether(node)
        else this.letStep(node, 0)
        break
      case 'select':
        if (!statement) this.enterData(node)
        this.push(Op.SelectDone, node)
        this.pushAll(Op.OpenBranch, node.branches)
        break
      case 'agent':
        if (!statement) this.enterData(node)
        this.agent(node)
        break
      case 'binary':
        this.binary(node)
        break
      case 'unary':
        if (this.scope === null) lintUnary(node, this.lint)
        this.push(Op.Unary, node)
        this.visit(node.operand)
        break
      case 'method':
        this.push(Op.Method, node)
        if (!this.leaf(node.target)) {
          this.pushAll(Op.Proc, node.args)
          this.push(Op.Proc, node.target)
        } else this.visitAll(node.args)
        break
      case 'list':
        this.push(Op.List, node)
        this.visitAll(node.items)
        break
      case 'tuple':
        this.push(Op.Tuple, node.items.length)
        this.visitAll(node.items)
        break
      case 'set':
        this.push(Op.Set, node)
        this.visitAll(node.items)
        break
      case 'map':
        this.push(Op.Map, node)
        this.entries(node)
        break
      case 'pathmap':
        this.error('RHO407', node, 'pathmaps are part of the language but not available yet', 'use a Map or a Set of lists')
        this.push(Op.PathMap, node)
        this.pushAll(Op.Proc, node.items)
        break
      case 'bundle':
        if (this.scope !== null) this.scope.bundles++
        this.push(Op.Bundle, node)
        this.push(Op.Proc, node.body)
        break
      case 'wildcard':
        this.emit(this.wildcard(node))
        break
      case 'ref':
        this.emit(this.reference(node))
        break
      case 'type':
        this.emit(
          this.allowsPattern(node, `the type word \`${node.type}\``, 'use it inside `match` or `matches`')
            ? new TypePattern(node.type)
            : FAULTY,
        )
        break
      case 'conn':
        this.connective(node)
        break
      case 'not':
        this.negation(node)
        break
      case 'float':
        this.emit(new Float(node.value))
        break
      case 'bigint':
        this.emit(new BigInteger(node.value))
        break
      case 'bigrat':
        this.emit(new BigRat(node.num, node.den))
        break
      case 'fixed':
        this.emit(new Fixed(node.unscaled, node.scale))
        break
      case 'uri':
        this.emit(new Uri(node.value))
        break
      case 'bytes':
        this.emit(new Bytes(node.value))
        break
    }
  }

  private name(node: Ast.Name): void {
    switch (node.kind) {
      case 'var':
        this.emit(this.variable(node.name, Sort.Name, node))
        break
      case 'quote':
        this.push(Op.Proc, node.body)
        break
      case 'wildcard':
        this.emit(this.wildcard(node))
        break
      case 'error':
        this.errors++
        this.emit(FAULTY)
        break
    }
  }

  /** Visits the components of nested parallel compositions as one list: flattening level by level would cost the square of the depth. */
  private par(node: Ast.Par, statement: boolean): void {
    const { found, pending } = this
    let n = 0
    let todo = 1
    pending[0] = node
    while (todo > 0) {
      const p = pending[--todo]
      if (p.kind === 'par') for (let i = p.items.length - 1; i >= 0; i--) pending[todo++] = p.items[i]
      else if (p.kind === 'block') pending[todo++] = p.body
      else if (p.kind === 'eval' && p.name.kind === 'quote') pending[todo++] = p.name.body
      else if (p.kind !== 'nil') found[n++] = p
    }
    this.push(Op.Par, n)
    const op = statement ? Op.Stmt : Op.Proc
    while (n > 0) this.push(op, found[--n])
  }

  private send(node: Ast.Send): void {
    const data = this.take(node.args.length)
    const chan = this.pop()
    this.emit(new Send(chan, data, node.persistent, node.start, node.end))
    if (this.scope !== null || !this.lints) return
    const variable = this.variableOf(chan)
    if (variable !== null && variable.ends !== null) this.channelEnd(variable, 'send', data.length, 0, false, node)
    if (node.persistent) this.pairs.send(chan, variable, data.length, node.start, node.end)
  }

  /** A process that is data: whoever gets it can run it, or take names out of it. Within it no channel counts as known. */
  private enterData(node: Span): void {
    if (this.scope !== null || (node.start >= this.dataStart && node.start < this.dataEnd)) return
    this.dataStart = node.start
    this.dataEnd = node.end
  }

  /** Notes, for L11, that running code sends or receives at `at`. */
  private channelEnd(name: Binding, what: What, values: number, added: number, rest: boolean, at: Span): void {
    if (at.start >= this.dataStart && at.start < this.dataEnd) return
    if (name.ends === null || name.ends === NO_ENDS) name.ends = new Ends()
    name.ends.add(what, values, added, rest, name.within > 0, at)
  }

  /** The variable that a term is, if it is one that the program names. */
  private variableOf(t: Term): Binding | null {
    return typeof t === 'object' && t.tag === Tag.Bound ? this.env.at(t.free - 1) : null
  }

  /** `x!?(a).`, `x!?(a); Q` and the method sends. */
  private sync(node: Ast.SyncSend): void {
    const cont = node.cont === null ? NIL : this.pop()
    const args = this.take(node.args.length)
    const reply = bound(0)
    const data = node.method === '' ? [reply, ...args] : [reply, node.method, ...args]
    const chan = this.pop()
    const send = new Send(chan, data, false, node.start, node.end)
    this.replyingSend(chan, data.length, node.method, node)
    // The continuation was visited in the scope of the reply name, as if it stood inside the receive, which binds nothing.
    const receive = new Receive([new Bind(NONE, WILDCARD, reply, Arrow.Linear, 0)], null, cont, 0, node.start, node.end)
    this.env.leaveNameless(1)
    this.emit(new New(1, NONE, makePar([send, receive]), node.start, node.end))
  }

  private replyingSend(chan: Term, values: number, method: string, at: Span): void {
    const variable = this.scope === null ? this.variableOf(chan) : null
    if (variable !== null && variable.ends !== null) this.channelEnd(variable, 'send', values, method === '' ? 1 : 2, false, at)
  }

  /** Visits keys and values in turn. */
  private entries(node: Ast.MapLit): void {
    const { keys, values } = node
    let i = 0
    while (i < keys.length && this.leaf(keys[i])) {
      if (!this.leaf(values[i])) {
        this.pushEntries(node, i)
        this.push(Op.Proc, values[i])
        return
      }
      i++
    }
    this.pushEntries(node, i - 1)
  }

  /** The entries after the one at `from`. */
  private pushEntries(node: Ast.MapLit, from: number): void {
    for (let i = node.keys.length - 1; i > from; i--) {
      this.push(Op.Proc, node.values[i])
      this.push(Op.Proc, node.keys[i])
    }
  }

  private map(node: Ast.MapLit): void {
    const rest = this.remainder(node.rest)
    const { out } = this
    const n = node.keys.length
    const from = this.top - 2 * n
    // keys in front, values behind them, so that both can be cut out in their sizes
    const values = this.spare
    for (let i = 0; i < n; i++) {
      values[i] = out[from + 2 * i + 1]
      out[from + i] = out[from + 2 * i]
    }
    this.top = from
    this.emit(makeMap(out.slice(from, from + n), values.slice(0, n), rest))
  }

  private binary(node: Ast.Binary): void {
    if (this.lints && this.scope === null) lintBinary(node, this.lint)
    if (node.op !== 'matches') {
      if (!this.leaf(node.left)) {
        this.push(Op.Binary, node)
        this.push(Op.Proc, node.right)
        this.push(Op.Proc, node.left)
      } else if (this.leaf(node.right)) this.operation(node)
      else {
        this.push(Op.Binary, node)
        this.push(Op.Proc, node.right)
      }
      return
    }
    const frame: MatchesFrame = { node, outer: null, scope: null }
    this.push(Op.MatchesDone, frame)
    this.push(Op.Proc, node.right)
    this.push(Op.MatchesRight, frame)
    this.push(Op.Proc, node.left)
  }

  private operation(node: Ast.Binary): void {
    const right = this.pop()
    this.emit(new Operation(BINARY[node.op as keyof typeof BINARY], this.pop(), right, node.start, node.end))
  }

  private connective(node: Ast.Conn): void {
    const parts: Ast.Proc[] = []
    const stack: Ast.Proc[] = [node]
    for (let p = stack.pop(); p !== undefined; p = stack.pop()) {
      if (p.kind === 'block') stack.push(p.body)
      else if (p.kind === 'conn' && p.op === node.op) stack.push(p.right, p.left)
      else parts.push(p)
    }
    const what = `the connective \`${node.op}\``
    const outer = this.scope
    const count = parts.length
    if (!this.allowsPattern(node, what, 'use it inside `match` or `matches`; on Bools write `and`, `or`')) {
      this.push(Op.ConnLost, { count, outer } satisfies ConnFrame)
      this.pushAll(Op.Proc, parts)
      this.scope = new PatternScope(this.env.depth, 'lost')
    } else if (node.op === '/\\') {
      this.push(Op.ConnAnd, count)
      this.pushAll(Op.Proc, parts)
    } else {
      this.push(Op.ConnOr, { count, outer } satisfies ConnFrame)
      for (let i = count - 1; i >= 0; i--) {
        this.push(Op.Proc, parts[i])
        if (i > 0) this.push(Op.SetScope, this.sideScope(outer))
      }
      this.scope = this.sideScope(outer)
    }
  }

  private negation(node: Ast.Not): void {
    const outer = this.scope
    if (this.allowsPattern(node, 'the connective `~`', 'use it inside `match` or `matches`; on Bools write `not`')) {
      this.push(Op.Not, outer)
      this.push(Op.Proc, node.operand)
      this.scope = this.sideScope(outer)
    } else {
      this.push(Op.ConnLost, { count: 1, outer } satisfies ConnFrame)
      this.push(Op.Proc, node.operand)
      this.scope = new PatternScope(this.env.depth, 'lost')
    }
  }

  /** A scope of its own for one side of `\/` or the operand of `~`: it refers outwards as the pattern around it does. */
  private sideScope(outer: PatternScope | null): PatternScope {
    return outer === null ? new PatternScope(this.env.depth) : new PatternScope(outer.base, outer.kind)
  }

  // ── new ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private newNames(node: Ast.New): void {
    const plain: Binding[] = []
    let system: Binding[] | null = null
    const seen = node.decls.length > 1 ? new Set<string>() : null
    const watched = this.lints && this.scope === null
    for (const decl of node.decls) {
      const binding = new Binding(decl.name, Sort.Name, decl.start, decl.end)
      if (seen !== null) {
        if (seen.has(decl.name)) this.error('RHO401', decl, `\`${decl.name}\` is declared twice in one \`new\``, 'rename one of them')
        seen.add(decl.name)
      }
      if (decl.uri === null) {
        if (watched) binding.ends = NO_ENDS
        plain.push(binding)
        continue
      }
      binding.uri = decl.uri
      ;(system ??= []).push(binding)
      const problem = this.uris.check(decl.uri)
      if (problem !== null) this.error(problem.code, decl, problem.message, problem.hint)
    }
    system?.sort((a, b) => compareStrings(a.uri ?? '', b.uri ?? ''))
    const vars = system === null ? plain : [...plain, ...system]
    const uris = system === null ? NONE : system.map(b => b.uri ?? '')
    this.enterAll(vars)
    this.push(Op.New, { node, vars, uris } satisfies NewFrame)
    this.push(Op.Stmt, node.body)
  }

  private newDone({ node, vars, uris }: NewFrame): void {
    this.leaveAll(vars)
    if (this.lints && this.scope === null) lintChannels(vars, this.lint)
    this.emit(new New(vars.length, uris, this.pop(), node.start, node.end))
  }

  // ── receives ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** All sources are known: the patterns follow, then guard and body. */
  private enterPatterns(frame: ReceiptFrame): void {
    frame.outer = this.scope
    frame.scope = this.scope = new PatternScope(this.env.depth)
    this.patterns(frame)
  }

  /** Visits the patterns of the binds that are still to come. */
  private patterns(frame: ReceiptFrame): void {
    const { written } = frame
    while (frame.cursor < written.length) {
      const { names, simple } = written[frame.cursor]
      const { items } = names
      this.openBind(frame)
      let i = 0
      while (i < items.length && (simple ? this.leaf(items[i] as Ast.Proc) : this.leafName(items[i]))) i++
      if (i < items.length) {
        this.push(Op.CloseBind, frame)
        this.pushAll(simple ? Op.Proc : Op.Name, items, i)
        return
      }
      this.closeBind(frame)
    }
    this.bindsDone(frame)
  }

  private forReceipt(node: Ast.For, index: number): void {
    const { binds, guard, start } = node.receipts[index]
    const last = index === node.receipts.length - 1
    let calls = 0
    let replies = false
    for (let i = 0; i < binds.length; i++) {
      const { form } = binds[i].source
      if (form === 'call' || form === 'method') calls++
      else if (form === 'reply') replies = true
    }
    const written = binds.length === 1 ? [bindFrame(binds[0])] : binds.map(bindFrame)
    const span = index === 0 ? node : { start, end: node.end }
    const bodyArg = last ? node.body : ({ node, index: index + 1 } satisfies ForStep)
    const frame = new ReceiptFrame(span, written, guard, last ? Op.Stmt : Op.ForReceipt, bodyArg, calls)
    frame.replies = replies
    let done = 0
    if (calls > 0) this.env.enterNameless(calls)
    else while (done < binds.length && this.leafName(binds[done].source.name)) done++
    if (done === binds.length) {
      this.enterPatterns(frame)
      return
    }
    this.push(Op.EnterPatterns, frame)
    let call = calls
    for (let i = binds.length - 1; i >= done; i--) {
      const { source } = binds[i]
      if (source.form === 'call' || source.form === 'method') {
        const { args, method } = source
        this.push(Op.FreshSend, { frame, index: --call, chan: true, method, count: args.length, span: source } satisfies FreshSend)
        this.pushAll(Op.Proc, args)
      }
      this.push(Op.Name, source.name)
    }
  }

  private freshSend({ frame, index, chan, method, count, span }: FreshSend): void {
    const args = this.take(count)
    const name = bound(frame.fresh - 1 - index)
    if (chan) {
      const data = method === '' ? [name, ...args] : [name, method, ...args]
      const target = this.pop()
      this.replyingSend(target, data.length, method, span)
      frame.sends.push(new Send(target, data, false, span.start, span.end))
    } else frame.sends.push(new Send(name, args, false, span.start, span.end))
    this.emit(name)
  }

  private contract(node: Ast.Contract): void {
    const bind = new BindFrame(node.formals, false, false, Arrow.Persistent, node.name)
    const frame = new ReceiptFrame(node, [bind], null, Op.Stmt, node.body, 0)
    frame.what = 'contract'
    if (this.leafName(node.name)) this.enterPatterns(frame)
    else {
      this.push(Op.EnterPatterns, frame)
      this.push(Op.Name, node.name)
    }
  }

  private openBind(frame: ReceiptFrame): void {
    const scope = frame.scope
    if (scope === null) return
    const bind = frame.written[frame.cursor]
    bind.first = scope.offset = scope.vars.length
    if (!bind.reply) return
    scope.add(new Binding('', Sort.Name, bind.source.start, bind.source.end))
    this.emit(free(0))
  }

  private closeBind(frame: ReceiptFrame): void {
    const bind = frame.written[frame.cursor++]
    const { names, reply } = bind
    bind.rest = this.remainder(names.rest) as Free | Wildcard | null
    bind.patterns = this.take(names.items.length + (reply ? 1 : 0))
  }

  /** All sources and patterns are known: puts the binds in order, numbers the variables and goes on with guard and body. */
  private bindsDone(frame: ReceiptFrame): void {
    const { written } = frame
    const vars = frame.scope?.vars ?? NONE
    const sources = this.take(written.length)
    this.scope = frame.outer
    let binds: readonly Bind[]
    if (written.length === 1) {
      const { patterns, rest, arrow, source } = written[0]
      binds = [new Bind(patterns, rest, sources[0], arrow, vars.length, source.start, source.end)]
      frame.binds = binds
      frame.vars = vars
    } else {
      binds = written.map(({ patterns, rest, arrow, first, source }, i) => {
        const next = i + 1 < written.length ? written[i + 1].first : vars.length
        return new Bind(patterns, rest, sources[i], arrow, next - first, source.start, source.end)
      })
      this.orderBinds(frame, binds, vars)
    }
    if (this.lints && this.scope === null) this.lintSources(frame, binds)
    if (frame.watched) this.countWithin(binds, 1)
    this.enterAll(frame.vars)
    this.push(frame.what === 'branch' ? Op.BranchDone : Op.ReceiveDone, frame)
    this.push(frame.bodyOp, frame.bodyArg)
    if (frame.guardNode !== null) this.pushGuard(Op.ReceiptGuard, frame, frame.guardNode)
  }

  private orderBinds(frame: ReceiptFrame, binds: readonly Bind[], vars: readonly Binding[]): void {
    const n = binds.length
    let ascending = true
    for (let i = 1; ascending && i < n; i++) ascending = compareBinds(binds[i - 1], binds[i]) <= 0
    if (ascending) {
      frame.binds = binds
      frame.vars = vars
      this.checkSources(frame, null)
      return
    }
    const { written } = frame
    // two binds that do not ascend are the other way round
    let order = [1, 0]
    if (n > 2) {
      order = binds.map((_, i) => i)
      order.sort((i, j) => compareBinds(binds[i], binds[j]))
    }
    frame.binds = n === 2 ? [binds[1], binds[0]] : order.map(i => binds[i])
    const ordered: Binding[] = []
    for (const i of order) for (let k = 0; k < binds[i].count; k++) ordered.push(vars[written[i].first + k])
    frame.vars = ordered
    this.checkSources(frame, order)
  }

  /** RHO302. `order`: where the binds stand in `frame.written`, null: in this order. Parts of patterns stand for names that are not known yet: those may differ. */
  private checkSources(frame: ReceiptFrame, order: readonly number[] | null): void {
    for (let k = 1; k < frame.binds.length; k++) {
      const source = frame.binds[k].source
      if ((flagsOf(source) & Flag.Pattern) !== 0 || !equal(frame.binds[k - 1].source, source)) continue
      const at = frame.written[order === null ? k : Math.max(order[k - 1], order[k])].source
      this.error(
        'RHO302',
        at,
        'two binds of one join have the same source',
        'write `;` instead of `&` to receive one message after the other',
      )
    }
  }

  private countWithin(binds: readonly Bind[], by: number): void {
    for (let i = 0; i < binds.length; i++) {
      const variable = this.variableOf(binds[i].source)
      if (variable !== null) variable.within += by
    }
  }

  /** L06, and what L11 wants to know. `binds` in the order of `frame.written`. */
  private lintSources(frame: ReceiptFrame, binds: readonly Bind[]): void {
    for (let i = 0; i < binds.length; i++) {
      const variable = this.variableOf(binds[i].source)
      if (variable === null) continue
      const { reply, source } = frame.written[i]
      const { start, end } = source
      if (variable.ends !== null) {
        this.channelEnd(variable, frame.what, binds[i].patterns.length, reply ? 1 : 0, binds[i].rest !== null, source)
        frame.watched = true
      }
      if (variable.uri === null || !this.uris.isWriteOnly(variable.uri)) continue
      this.lint(
        lintAt(
          'L06',
          start,
          end,
          `\`${variable.name}\` can only be written: receiving from it fails`,
          'send to it; replies come on a name that you pass',
        ),
      )
    }
  }

  /** The body, with the empty replies of `?!` sources beside it. */
  private bodyOf(frame: ReceiptFrame): Term {
    const body = this.pop()
    if (!frame.replies) return body
    const items: Term[] = []
    for (const { reply, first, source } of frame.written) {
      if (!reply || frame.scope === null) continue
      items.push(new Send(bound(this.env.indexOf(frame.scope.vars[first])), NONE, false, source.start, source.end))
    }
    items.push(body)
    return makePar(items)
  }

  private receiveDone(frame: ReceiptFrame): void {
    const body = this.bodyOf(frame)
    this.leaveAll(frame.vars)
    if (frame.watched) this.countWithin(frame.binds, -1)
    const { start, end } = frame.span
    const receive = new Receive(frame.binds, frame.guard, body, frame.vars.length, start, end)
    if (this.lints && this.scope === null && frame.binds.length === 1 && frame.binds[0].arrow === Arrow.Persistent)
      this.pairs.receive(receive, this.variableOf(frame.binds[0].source))
    if (frame.fresh === 0) {
      this.emit(receive)
      return
    }
    this.env.leaveNameless(frame.fresh)
    frame.sends.push(receive)
    this.emit(new New(frame.fresh, NONE, makePar(frame.sends), start, end))
  }

  // ── select ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private openBranch(node: Ast.Branch): void {
    for (const bad of node.bad)
      this.error(
        'RHO304',
        bad,
        `${bad.what} is not allowed in a branch of \`select\``,
        'join with `&`, receive with `<-` or `<<-`; send first, then select',
      )
    const written = node.binds.map(bindFrame)
    const frame = new ReceiptFrame(node, written, node.guard, Op.Stmt, node.body, 0)
    frame.replies = written.some(bind => bind.reply)
    frame.what = 'branch'
    let done = 0
    while (done < written.length && node.binds[done].source.args.length === 0 && this.leafName(node.binds[done].source.name)) done++
    if (done === written.length) {
      this.enterPatterns(frame)
      return
    }
    this.push(Op.EnterPatterns, frame)
    for (let i = node.binds.length - 1; i >= done; i--) {
      const { source } = node.binds[i]
      if (source.args.length > 0) {
        this.push(Op.Drop, source.args.length) // a source with arguments is in `bad`; they are visited for their own mistakes
        this.pushAll(Op.Proc, source.args)
      }
      this.push(Op.Name, source.name)
    }
  }

  private branchDone(frame: ReceiptFrame): void {
    const body = this.bodyOf(frame)
    this.leaveAll(frame.vars)
    if (frame.watched) this.countWithin(frame.binds, -1)
    this.emitPart(new Branch(frame.binds, frame.guard, body, frame.vars.length))
  }

  // ── match and let ───────────────────────────────────────────────────────────────────────────────────────────────────

  private openCase(frame: CaseFrame): void {
    frame.outer = this.scope
    frame.scope = this.scope = new PatternScope(this.env.depth)
    if (frame.patternOp === Op.Proc && this.leaf(frame.patternArg as Ast.Proc)) {
      this.casePattern(frame)
      return
    }
    this.push(Op.CasePattern, frame)
    this.push(frame.patternOp, frame.patternArg)
  }

  private casePattern(frame: CaseFrame): void {
    frame.pattern = this.pop()
    this.scope = frame.outer
    this.enterAll(frame.scope?.vars ?? NONE)
    this.push(Op.CloseCase, frame)
    this.push(frame.bodyOp, frame.bodyArg)
    if (frame.guardNode !== null) this.pushGuard(Op.CaseGuard, frame, frame.guardNode)
  }

  private matchDone({ span, count, node }: MatchFrame): void {
    const cases = this.takeParts<Case>(count)
    if (node !== null && this.lints && this.scope === null) lintCases(cases, i => node.cases[i].pattern, this.lint)
    this.emit(new Match(this.pop(), cases, span.start, span.end))
  }

  private checkArity(decl: Ast.LetDecl): void {
    const patterns = decl.names.items.length
    const values = decl.values.length
    if (decl.names.rest === null ? values === patterns : values >= patterns) return
    if (decl.values.some(isError) || decl.names.items.some(isError)) return // the numbers are not what was meant
    const need = `${decl.names.rest === null ? '' : 'at least '}${patterns}`
    this.error(
      'RHO402',
      decl,
      `this declaration has ${values} value${values === 1 ? '' : 's'} and needs ${need}`,
      'give every pattern one value; `...@rest` takes what is left',
    )
  }

  private letStep(node: Ast.Let, index: number): void {
    if (index === node.decls.length) {
      this.push(Op.Stmt, node.body)
      return
    }
    const decl = node.decls[index]
    this.checkArity(decl)
    const span = index === 0 ? node : { start: decl.start, end: node.end }
    this.push(Op.MatchDone, { span, count: 1, node: null } satisfies MatchFrame)
    this.push(Op.OpenCase, new CaseFrame(Op.NamesPattern, decl, null, Op.LetStep, { node, index: index + 1 } satisfies LetStep))
    this.push(Op.ListOf, decl.values.length)
    this.pushAll(Op.Proc, decl.values)
  }

  /** `let … & … in`: a join on fresh names. */
  private letTogether(node: Ast.Let): void {
    const { decls } = node
    const written = decls.map(decl => new BindFrame(decl.names, decl.simple, false, Arrow.Linear, decl))
    const frame = new ReceiptFrame(node, written, null, Op.Stmt, node.body, decls.length)
    this.env.enterNameless(decls.length)
    this.push(Op.EnterPatterns, frame)
    for (let i = decls.length - 1; i >= 0; i--) {
      const decl = decls[i]
      this.checkArity(decl)
      this.push(Op.FreshSend, { frame, index: i, chan: false, method: '', count: decl.values.length, span: decl } satisfies FreshSend)
      this.pushAll(Op.Proc, decl.values)
    }
  }

  // ── agents ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private agent(node: Ast.Agent): void {
    const constructors = node.members.filter(m => m.form === 'constructor')
    const publicMembers = node.members.filter(m => m.form !== 'constructor' && !m.private)
    const privateMembers = node.members.filter(m => m.form !== 'constructor' && m.private)
    for (const again of constructors.slice(1))
      this.error('RHO403', again, 'the constructor is declared twice', 'an agent has exactly one constructor')
    if (constructors.length === 0) this.missing(node, '`constructor`', 'add `constructor() { … }`')
    this.checkMembers(node, publicMembers, '')
    if (privateMembers.length > 0) this.checkMembers(node, privateMembers, 'private ')
    const frame: AgentFrame = {
      node,
      receipt: null,
      constructorBody: constructors[0]?.body ?? null,
      private: defaultLast(privateMembers),
      public: defaultLast(publicMembers),
      thisName: implicitName('this', node),
      privateName: implicitName('private', node),
    }
    const formals = constructors[0]?.formals ?? { items: NONE, rest: null, start: node.start, end: node.start }
    const bind = new BindFrame(formals, false, true, Arrow.Persistent, node.name)
    frame.receipt = new ReceiptFrame(node, [bind], null, Op.AgentBody, frame, 0)
    frame.receipt.what = 'agent'
    this.push(Op.EnterPatterns, frame.receipt)
    this.push(Op.Name, node.name)
  }

  private missing(node: Ast.Agent, what: string, hint: string): void {
    const { start, end } = node.name
    this.error('RHO404', { start, end }, `this agent has no ${what}`, hint)
  }

  private checkMembers(node: Ast.Agent, members: readonly Ast.Member[], which: string): void {
    const methods = new Set<string>()
    let defaults = 0
    for (const member of members) {
      if (member.form === 'default') {
        if (defaults++ > 0) this.error('RHO403', member, `the ${which}default is declared twice`, 'remove one of them')
        if (member.formals.items.length > 0)
          this.error('RHO402', member.formals, '`default` takes `(...@v)` or nothing', 'write `default(...@message) { … }`')
      } else {
        if (methods.has(member.name))
          this.error('RHO403', member, `the ${which}method \`${member.name}\` is declared twice`, 'rename one of them')
        methods.add(member.name)
      }
    }
    if (defaults === 0) this.missing(node, `\`${which}default\``, `add \`${which}default(...@message) { … }\``)
    else if (which !== '' && methods.size === 0) this.missing(node, 'private method, but a private default', 'remove the private default')
  }

  private agentBody(frame: AgentFrame): void {
    this.env.enter(frame.thisName)
    this.env.enter(frame.privateName)
    this.push(Op.AgentDone, frame)
    if (frame.constructorBody !== null) this.push(Op.Stmt, frame.constructorBody)
    this.push(Op.AgentLoop, { agent: frame, members: frame.public, on: frame.thisName } satisfies AgentLoop)
    if (frame.private.length > 0)
      this.push(Op.AgentLoop, { agent: frame, members: frame.private, on: frame.privateName } satisfies AgentLoop)
  }

  private agentLoop(loop: AgentLoop): void {
    this.env.enterNameless(1) // the list of the arguments
    this.push(Op.AgentLoopDone, loop)
    for (let i = loop.members.length - 1; i >= 0; i--) {
      const member = loop.members[i]
      const pattern = member.form === 'method' ? Op.MethodPattern : member.formals.items.length > 0 ? Op.NamesPattern : Op.DefaultPattern
      const arg = pattern === Op.NamesPattern ? { names: member.formals, simple: false } : member
      this.push(Op.OpenCase, new CaseFrame(pattern, arg, null, Op.Stmt, member.body))
    }
  }

  /** `[*return, "m", formals]`; a formal `x` is the process `@x`. */
  private methodPattern(member: Ast.Member): void {
    const scope = this.scope
    if (scope === null) return
    scope.add(implicitName('return', member))
    this.emit(free(0))
    this.emit(member.name)
    this.push(Op.MethodPatternDone, member)
    const { items } = member.formals
    for (let i = items.length - 1; i >= 0; i--) this.push(items[i].kind === 'var' ? Op.Proc : Op.Name, items[i])
  }

  private agentLoopDone({ agent, members, on }: AgentLoop): void {
    const { start, end } = agent.node
    const dispatch = new Match(bound(0), this.takeParts<Case>(members.length), start, end)
    this.env.leaveNameless(1)
    const { name } = agent.node
    const bind = new Bind(NONE, free(0), bound(this.env.indexOf(on)), Arrow.Persistent, 1, name.start, name.end)
    this.emit(new Receive([bind], null, dispatch, 1, start, end))
  }

  private agentDone(frame: AgentFrame): void {
    const { start, end } = frame.node
    const reply = frame.receipt?.scope?.vars[0]
    const parts: Term[] = []
    if (reply !== undefined) {
      const self = makeBundle(2, bound(this.env.indexOf(frame.thisName)))
      parts.push(new Send(bound(this.env.indexOf(reply)), [self], false, start, end))
    }
    const count = 1 + (frame.private.length > 0 ? 1 : 0) + (frame.constructorBody !== null ? 1 : 0)
    parts.push(...this.take(count))
    this.env.leave(frame.privateName)
    this.env.leave(frame.thisName)
    this.emit(new New(2, NONE, makePar(parts), start, end))
  }
}

function bindFrame({ names, arrow, source }: Ast.Bind): BindFrame {
  return new BindFrame(names, false, source.form === 'reply', ARROWS[arrow], source)
}

function isError(node: Ast.Proc | Ast.Name): boolean {
  return node.kind === 'error'
}

function implicitName(name: string, at: Span): Binding {
  const binding = new Binding(name, Sort.Name, at.start, at.end)
  binding.implicit = true
  return binding
}

function defaultLast(members: readonly Ast.Member[]): readonly Ast.Member[] {
  return [...members.filter(m => m.form === 'method'), ...members.filter(m => m.form === 'default')]
}
