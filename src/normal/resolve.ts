import type { Code } from '../base/codes.ts'
import { type Diagnostic, errorAt, lintAt } from '../base/diagnostic.ts'
import { didYouMean } from '../base/nearest.ts'
import type { Span } from '../base/source.ts'
import type * as Ast from '../syntax/ast.ts'
import type { Lost } from '../syntax/parser.ts'
import { Binding, Environment, type PatternScope, Sort } from './scope.ts'
import { Bound, bound, free, Ref, Remainder, type Rest, type Term, WILDCARD, Wildcard } from './term.ts'
import { type UriTable, uriCalled } from './uris.ts'

export interface NormalizeOptions {
  readonly uris: UriTable
  /** Lints L01–L06, L09–L11; on by default. */
  readonly lints?: boolean
  /** What the parser lost: names that are unbound only because of that are not reported. */
  readonly lost?: Lost | null
}

const NONE: readonly never[] = []
/** Stands where an error was reported. It counts as a part of a pattern, so that nothing takes two of them for equal channels. */
export const FAULTY: Term = new Wildcard()
/** Effort for "did you mean" of a whole program: letters compared. */
const SUGGESTION_EFFORT = 5_000_000

/** Literals and types that people write with other capitals. */
const WORDS = ['Nil', 'true', 'false', 'Bool', 'Int', 'String', 'Uri', 'ByteArray', 'Set']

/** What other languages call the process that does nothing. */
const NOTHING = ['null', 'nil', 'none', 'undefined', 'void', 'skip', 'stop']

/** Lints that an error elsewhere can cause. */
const CONSEQUENTIAL: ReadonlySet<Code> = new Set<Code>(['L01', 'L04', 'L05', 'L06', 'L11'])

/** What identifiers mean at the place where the walk is, and what is wrong with them: the part of normalisation that knows scopes and sorts. */
export class Resolver {
  protected readonly uris: UriTable
  protected readonly lints: boolean
  private readonly lost: Lost | null
  /** Of every RHO201, as long as there are names that may be unbound only because of a syntax error. */
  private readonly unknown: { name: string; found: Diagnostic }[] = []
  private readonly open: boolean
  protected readonly env = new Environment()
  /** The pattern that the walk is in, null outside patterns. */
  protected scope: PatternScope | null = null
  private readonly diagnostics: Diagnostic[] = []
  /** Identifiers bound only under `\/`, `~` or right of `matches`: nobody may use them outside. */
  private readonly confined = new Set<string>()
  /** Number of errors so far; those that the parser reported count where the walk meets them. */
  errors = 0
  private effort = SUGGESTION_EFFORT

  constructor(options: NormalizeOptions, open: boolean) {
    this.uris = options.uris
    this.lints = options.lints ?? true
    this.lost = options.lost ?? null
    this.open = open
  }

  openNames(): string[] {
    return this.env.open.map(binding => binding.name)
  }

  /** What was found, by position. Lints that may be consequences of an error are left out while there are errors. */
  findings(): Diagnostic[] {
    const { lost } = this
    if (lost !== null) {
      const excused = new Set(
        this.unknown.filter(u => lost.names.has(u.name) || (lost.scopes && this.env.everBound(u.name))).map(u => u.found),
      )
      return this.ordered(this.diagnostics.filter(d => !excused.has(d)))
    }
    return this.ordered(this.diagnostics)
  }

  private ordered(diagnostics: Diagnostic[]): Diagnostic[] {
    const found = this.errors > 0 ? diagnostics.filter(d => d.severity === 'error' || !CONSEQUENTIAL.has(d.code)) : diagnostics
    return found.sort((a, b) => a.start - b.start || a.end - b.end || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  }

  // ── findings ────────────────────────────────────────────────────────────────────────────────────────────────────────

  protected error(code: Code, at: Span, message: string, hint = ''): void {
    this.errors++
    this.diagnostics.push(errorAt(code, at.start, Math.max(at.start, at.end), message, hint))
  }

  protected readonly lint = (d: Diagnostic): void => {
    if (this.lints) this.diagnostics.push(d)
  }

  private suggestion(name: string, sort: Sort): string {
    if (this.effort <= 0) return ''
    const near = didYouMean(name, this.candidates(name.length))
    if (near !== '') return near
    const small = name.toLowerCase()
    const word = NOTHING.includes(small) ? 'Nil' : WORDS.find(w => w.toLowerCase() === small)
    if (word !== undefined && sort === Sort.Process) return `did you mean \`${word}\`?`
    if (this.env.everBound(name)) return `what is called \`${name}\` elsewhere is visible only in the braces that follow it`
    const uri = uriCalled(name)
    if (uri !== undefined) return `bind it: new ${name}(\`${uri}\`) in { … }`
    return sort === Sort.Name ? `make it: new ${name} in { … }` : ''
  }

  private *candidates(length: number): Iterable<string> {
    for (const name of this.env.names()) {
      this.effort -= 1 + (Math.abs(name.length - length) < 4 ? name.length * length : 0)
      if (this.effort <= 0) return
      yield name
    }
  }

  // ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What the identifier `name` at `at` stands for, in a position of the given sort. */
  protected variable(name: string, sort: Sort, at: Span): Term {
    const scope = this.scope
    const binding = this.env.find(name)
    if (binding !== null && (scope === null || binding.level >= scope.base)) return this.use(binding, sort, at)
    if (scope !== null && scope.kind !== 'guard') return this.declare(scope, name, sort, at)
    return this.unbound(name, sort, at)
  }

  private use(binding: Binding, sort: Sort, at: Span): Term {
    binding.uses++
    const name = binding.name
    if (binding.sort !== sort) {
      if (sort === Sort.Process) this.error('RHO204', at, `\`${name}\` is a name; a process is needed here`, `write \`*${name}\``)
      else this.error('RHO205', at, `\`${name}\` is a process; a name is needed here`, `write \`@${name}\``)
      return FAULTY
    }
    return bound(this.env.indexOf(binding))
  }

  /** A variable of the pattern: a new one, whatever the identifier means outside. */
  private declare(scope: PatternScope, name: string, sort: Sort, at: Span): Term {
    if (scope.kind === 'lost') return FAULTY
    if (scope.bundles > 0) this.opaque(at, `the variable \`${name}\``)
    const known = scope.indexOf(name)
    if (known >= 0) {
      const inPattern = sort === Sort.Process ? 'RHO206' : 'RHO207'
      const hint =
        sort === Sort.Process
          ? `a variable is no equality test: use two names and a guard \`where a == b\`${this.env.findOutside(name, scope.base) === null ? '' : `, or \`=${name}\` for the outer \`${name}\``}`
          : 'rename one of them'
      this.error(inPattern, at, `\`${name}\` occurs twice in one pattern`, hint)
      return free(Math.max(0, known - scope.offset))
    }
    scope.add(new Binding(name, sort, at.start, at.end))
    return free(scope.vars.length - 1 - scope.offset)
  }

  private unbound(name: string, sort: Sort, at: Span): Term {
    if (this.open && this.env.findOutside(name, this.scope === null ? 0 : this.scope.base) === null)
      return this.openVariable(name, sort, at)
    let hint: string
    if (this.scope !== null && this.env.find(name) !== null) hint = `inside a pattern write \`=${name}\` for the outer \`${name}\``
    else if (this.confined.has(name)) hint = 'what is bound under `\\/` or `~` is not visible outside of it'
    else hint = this.suggestion(name, sort)
    this.error('RHO201', at, `\`${name}\` is not bound`, hint)
    if (this.lost !== null) this.unknown.push({ name, found: this.diagnostics[this.diagnostics.length - 1] })
    return FAULTY
  }

  private openVariable(name: string, sort: Sort, at: Span): Term {
    const binding = new Binding(name, sort, at.start, at.end)
    this.env.addOpen(binding)
    return bound(this.env.indexOf(binding))
  }

  /** `=x` and `=*x`. */
  protected reference(node: Ast.Ref): Term {
    const { name, star } = node
    const scope = this.scope
    if (scope === null) {
      this.error('RHO203', node, `\`=${star ? '*' : ''}${name}\` outside a pattern`, star ? `write \`*${name}\`` : `write \`${name}\``)
      return FAULTY
    }
    const sort = star ? Sort.Name : Sort.Process
    const binding = this.env.findOutside(name, scope.base)
    if (binding === null) {
      if (this.open) {
        const added = this.openVariable(name, sort, node)
        return typeof added === 'object' ? new Ref(added.free - 1, star) : FAULTY
      }
      const own = scope.indexOf(name) >= 0
      const hint = own
        ? 'it cannot refer to a variable of its own pattern: use two names and a guard `where a == b`'
        : this.suggestion(name, Sort.Process)
      this.error('RHO208', node, `\`=${star ? '*' : ''}${name}\` refers to nothing: no \`${name}\` is bound outside this pattern`, hint)
      return FAULTY
    }
    binding.uses++
    if (binding.sort !== sort) {
      if (star) this.error('RHO205', node, `\`${name}\` is a process, not a name`, `write \`=${name}\``)
      else this.error('RHO204', node, `\`${name}\` is a name, not a process`, `write \`=*${name}\``)
      return FAULTY
    }
    return new Ref(this.env.indexOf(binding), star)
  }

  private opaque(at: Span, what: string): void {
    this.error(
      'RHO303',
      at,
      `${what} inside a bundle`,
      'bundles are opaque: a pattern cannot look into them; match the whole bundle with a variable',
    )
  }

  protected wildcard(at: Span): Term {
    const scope = this.scope
    if (scope === null || scope.kind === 'guard') {
      this.error('RHO202', at, '`_` outside a pattern', '`_` stands for anything only where something is matched')
      return FAULTY
    }
    if (scope.bundles > 0) this.opaque(at, '`_`')
    return WILDCARD
  }

  /** The variable after `...`. */
  protected remainder(rest: Ast.Var | Ast.Wildcard | null): Rest {
    if (rest === null) return null
    const t = rest.kind === 'var' ? this.variable(rest.name, Sort.Process, rest) : this.wildcard(rest)
    if (t === FAULTY) return null
    return t instanceof Bound ? new Remainder(t.index, rest.start, rest.end) : (t as Rest)
  }

  /** True in a pattern; otherwise reports the pattern syntax `what`. */
  protected allowsPattern(at: Span, what: string, hint: string): boolean {
    const scope = this.scope
    if (scope !== null && scope.kind !== 'guard') {
      if (scope.bundles > 0) this.opaque(at, what)
      return true
    }
    this.error('RHO203', at, `${what} outside a pattern`, hint)
    return false
  }

  protected enterAll(vars: readonly Binding[]): void {
    const env = this.env
    const report = this.lints && this.scope === null
    const outside = env.depth
    for (let i = 0; i < vars.length; i++) {
      const v = vars[i]
      env.enter(v)
      const hidden = v.hides
      if (report && hidden !== null && hidden.level < outside && !v.implicit && !hidden.implicit && v.name.charCodeAt(0) !== 0x5f)
        this.lint(lintAt('L02', v.start, v.end, `\`${v.name}\` hides another \`${v.name}\``, this.shadowHint(v)))
    }
  }

  private shadowHint(v: Binding): string {
    return `rename it, or, to compare with the outer one in a pattern, write \`=${v.hides?.sort === Sort.Name ? '*' : ''}${v.name}\``
  }

  protected leaveAll(vars: readonly Binding[]): void {
    const report = this.lints && this.scope === null
    for (let i = vars.length - 1; i >= 0; i--) {
      const v = vars[i]
      this.env.leave(v)
      if (report && v.uses === 0 && !v.implicit && v.name !== '' && v.name.charCodeAt(0) !== 0x5f)
        this.lint(lintAt('L01', v.start, v.end, `\`${v.name}\` is never used`, `write \`_\`, or \`_${v.name}\` to keep the name`))
    }
  }

  /** Remembers what the scope that ends here, which nobody sees from outside, has bound, for the hint of RHO201. */
  protected confine(): void {
    for (const v of this.scope?.vars ?? NONE) this.confined.add(v.name)
  }
}
