import type { Ends } from './lint.ts'

/** The two sorts of variables (rholang.md 3.1). */
export const Sort = { Name: 0, Process: 1 } as const
export type Sort = (typeof Sort)[keyof typeof Sort]

/** One variable: where it was bound and how it is counted. */
export class Binding {
  /** Empty for the variables of sugar, which no program text can name. */
  readonly name: string
  readonly sort: Sort
  readonly start: number
  readonly end: number
  /** Number of variables bound outside it; the de Bruijn index is `depth - 1 - level`. Known when its scope opens. */
  level: number
  /** What the same identifier meant outside. */
  hides: Binding | null
  /** How often the program mentions it. */
  uses: number
  /** Where a name that `new` makes is a channel in running code; null for other variables and without lints. */
  ends: Ends | null
  /** How many receives from it the walk is in the bodies of. */
  within: number
  /** Made by sugar under a name that programs may use (`this`, `private`, `return`): never reported as unused. */
  implicit: boolean
  uri: string | null
  constructor(name: string, sort: Sort, start: number, end: number) {
    this.name = name
    this.sort = sort
    this.start = start
    this.end = end
    this.level = -1
    this.hides = null
    this.uses = 0
    this.ends = null
    this.within = 0
    this.implicit = false
    this.uri = null
  }
}

/**
 * What identifiers mean at the place where the walk is. One table from identifier to innermost binding, each remembering what it hides: entering, leaving
 * and finding are independent of the depth of the program.
 */
export class Environment {
  /** Number of variables bound around the current place, those of sugar included. */
  depth = 0
  private readonly table = new Map<string, Binding | null>()
  private readonly byLevel: (Binding | null)[] = []
  /** Free variables of an open program, in order of first occurrence; the k-th has level -1 - k. */
  readonly open: Binding[] = []

  find(name: string): Binding | null {
    return this.table.get(name) ?? null
  }

  /** Whether something was called so anywhere, in this scope or in one that has ended. */
  everBound(name: string): boolean {
    return this.table.has(name)
  }

  /** The innermost binding of `name` made outside the pattern that begins at depth `base`. */
  findOutside(name: string, base: number): Binding | null {
    let binding = this.find(name)
    while (binding !== null && binding.level >= base) binding = binding.hides
    return binding
  }

  /** The variable that `Bound(index)` means here, null for one that sugar made. */
  at(index: number): Binding | null {
    const level = this.depth - 1 - index
    return level >= 0 ? this.byLevel[level] : null
  }

  /** Opens the scope of one variable. */
  enter(binding: Binding): void {
    binding.level = this.depth
    this.byLevel[this.depth++] = binding
    if (binding.name === '') return
    binding.hides = this.find(binding.name)
    this.table.set(binding.name, binding)
  }

  /** Opens the scope of `count` variables that have no name. */
  enterNameless(count: number): void {
    for (let i = 0; i < count; i++) this.byLevel[this.depth++] = null
  }

  /** Closes the scope of one variable; to be called in the reverse order of `enter`. */
  leave(binding: Binding): void {
    this.depth--
    if (binding.name !== '') this.table.set(binding.name, binding.hides)
  }

  /** Makes a free variable of an open program known, outermost. */
  addOpen(binding: Binding): void {
    binding.level = -1 - this.open.length
    this.open.push(binding)
    const inner = this.find(binding.name)
    if (inner === null) {
      this.table.set(binding.name, binding)
      return
    }
    let last = inner
    while (last.hides !== null) last = last.hides
    last.hides = binding
  }

  leaveNameless(count: number): void {
    this.depth -= count
  }

  /** The de Bruijn index of `binding` at the current place. */
  indexOf(binding: Binding): number {
    return this.depth - 1 - binding.level
  }

  /** Identifiers that mean something here. */
  *names(): Iterable<string> {
    for (const [name, binding] of this.table) if (binding !== null) yield name
  }
}

/**
 * `guard`: a guard inside a pattern; it is compared as it is written and binds nothing. `lost`: pattern syntax outside a pattern, already reported; its
 * variables are accepted so that one mistake is one report.
 */
export type PatternKind = 'pattern' | 'guard' | 'lost'

const NONE: Binding[] = []

/** Beyond this many variables a pattern finds its own by hashing. */
const SCAN = 8

/**
 * The variables that one pattern set binds: a receipt, a case, one side of `\/`. Identifiers bound at depth `base` or deeper belong to binders inside the
 * pattern; every other identifier is a variable of the pattern itself.
 */
export class PatternScope {
  readonly base: number
  vars: Binding[] = NONE
  /** Number of variables of earlier binds: `Free` is counted per bind. */
  offset = 0
  /** How many bundles of this pattern the walk is in (RHO303). */
  bundles = 0
  readonly kind: PatternKind
  private byName: Map<string, number> | null = null

  constructor(base: number, kind: PatternKind = 'pattern') {
    this.base = base
    this.kind = kind
  }

  /** Position of the variable `name` in `vars`, -1 if the pattern has not bound it. */
  indexOf(name: string): number {
    const vars = this.vars
    if (this.byName !== null) return this.byName.get(name) ?? -1
    for (let i = 0; i < vars.length; i++) if (vars[i].name === name) return i
    return -1
  }

  add(binding: Binding): void {
    // literals have just the room that they need, as most patterns have few variables
    const { vars } = this
    if (vars.length === 0) this.vars = [binding]
    else if (vars.length === 1) this.vars = [vars[0], binding]
    else if (vars.length === 2) this.vars = [vars[0], vars[1], binding]
    else vars.push(binding)
    if (this.byName !== null) this.byName.set(binding.name, this.vars.length - 1)
    else if (this.vars.length > SCAN) this.byName = new Map(this.vars.map((v, i) => [v.name, i]))
  }
}
