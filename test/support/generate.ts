/**
 * Programs by chance: valid Rholang that uses every construct, from a seed. Variables are bound, used in the sort they have, and shadowed
 * often (few identifiers); nothing is a static error. Recursion here is bounded by `depth`, never by input.
 */
import fc from 'fast-check'
import { METHODS } from '../../src/machine/primitives/methods.ts'
import { Tag } from '../../src/normal/term.ts'
import { Random } from './random.ts'

export interface GenerateOptions {
  /** Nesting of constructs; default 4. */
  readonly depth?: number
  /** No free variables; default true. With false some identifiers are bound nowhere. */
  readonly closed?: boolean
  /** The program comes to rest: nothing persistent, no code that was received is run. Machines may still fail. Default false. */
  readonly runnable?: boolean
  /** Roughly the number of constructs after which only leaves are made; default 60. */
  readonly size?: number
  /** Path maps too; default true. */
  readonly pathmaps?: boolean
}

type Sort = 'name' | 'proc'
type Env = readonly (readonly [string, Sort])[]

/** One pattern set: what it binds, visible to guard and body. */
interface Binds {
  readonly bound: [string, Sort][]
  readonly outer: Env
}

/** A valid program. The same seed and options give the same text. */
export function generateProgram(seed: number, options: GenerateOptions = {}): string {
  return new Generator(seed, options).program()
}

/** Programs for fast-check: shrinks towards smaller seeds and less depth. */
export function programs(options: GenerateOptions = {}): fc.Arbitrary<string> {
  return fc
    .tuple(fc.integer({ min: 0, max: 0x7fffffff }), fc.integer({ min: 1, max: options.depth ?? 4 }))
    .map(([seed, depth]) => generateProgram(seed, { ...options, depth }))
}

const IDENTIFIERS = ['a', 'b', 'c', 'x', 'y', "z'", 'agent', 'where', 'method', '_u1']
const URIS = ['rho:io:stdout', 'rho:io:stderr', 'rho:io:devNull']
const LITERALS = [
  '0',
  '1',
  '2',
  '-1',
  '7',
  '9223372036854775807',
  '-9223372036854775808',
  'true',
  'false',
  '"a"',
  '"b\\n"',
  '"\\u{1F344}"',
  '""',
  '5n',
  '-3n',
]
const RARE = ['1/2r', '-3r', '2.5', '-0.5', '1e3', '.5', '1.50p2', '0x00ff', '0x', '`rho:io:stdout`', '8u8', '2.5f64', '"a //b /* c"']
/** Receivers that methods are defined on, by tag. */
const RECEIVERS: Readonly<Record<number, readonly string[]>> = {
  [Tag.Bool]: ['true', 'false'],
  [Tag.Int]: ['0', '3', '-1', '9223372036854775807', '-9223372036854775808'],
  [Tag.String]: ['""', '"a,b"', '" \u{1F344}\n"', '"12"', '"${a}"', '"c0ffee"'],
  [Tag.Uri]: ['`rho:x`'],
  [Tag.List]: ['[]', '[1, 2]', '["a", "b"]', '[[1], 2].repeat(40)', '[("k", 1)]', '[3, 1.0, 3]'],
  [Tag.Tuple]: ['()', '(1,)', '("k", 2)'],
  [Tag.Set]: ['Set()', 'Set(1, "a")', '"abcdefgh".chars().toSet()', 'Set(("k", 1))'],
  [Tag.Map]: ['{}', '{"a" : 1, 2 : []}', '{"a" : {1 : 2}}'],
  [Tag.Float]: ['2.5', '-0.0', '(0.0 / 0.0)', '(1.0 / 0.0)', '1e300'],
  [Tag.BigInt]: ['0n', '-12n', '170141183460469231731687303715884105728n'],
  [Tag.BigRat]: ['0r', '-7/3r', '1/2r'],
  [Tag.Fixed]: ['0p0', '-1.50p2', '12.345p3'],
  [Tag.Bytes]: ['0x', '0x00ff', '0xc3a9', '0xff.concat(0x01)'],
}
const BINARY: readonly (readonly string[])[] = [
  ['or', '||'],
  ['and', '&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-', '++', '--'],
  ['*', '/', '%', '%%'],
]

class Generator extends Random {
  private left: number
  private readonly depth: number
  private readonly closed: boolean
  private readonly runnable: boolean
  private readonly pathmaps: boolean

  constructor(seed: number, options: GenerateOptions) {
    super(seed)
    this.depth = options.depth ?? 4
    this.closed = options.closed ?? true
    this.runnable = options.runnable ?? false
    this.pathmaps = options.pathmaps ?? true
    this.left = options.size ?? 60
  }

  program(): string {
    const env: Env = []
    const body = this.par(
      this.depth,
      this.scope(env, [
        ['c', 'name'],
        ['d', 'name'],
      ]),
    )
    return `new c, d in { ${body} }`
  }

  private many(min: number, max: number, make: () => string): string[] {
    return Array.from({ length: min + this.below(max - min + 1) }, make)
  }

  private gap(): string {
    if (!this.chance(0.02)) return ' '
    return this.pick([' /* note */ ', '  // note\n', '\n', '\n\n'])
  }

  // --- scopes ---

  private scope(env: Env, more: readonly (readonly [string, Sort])[]): Env {
    const names = new Set(more.map(m => m[0]))
    return [...env.filter(e => !names.has(e[0])), ...more]
  }

  private of(env: Env, sort: Sort): string | undefined {
    const fit = env.filter(e => e[1] === sort)
    if (!this.closed && this.chance(0.1)) return sort === 'name' ? 'freeName' : 'freeProc'
    return fit.length === 0 ? undefined : this.pick(fit)[0]
  }

  private fresh(binds: Binds, sort: Sort): string {
    const taken = new Set(binds.bound.map(b => b[0]))
    const free = IDENTIFIERS.filter(i => !taken.has(i))
    if (free.length === 0 || this.chance(0.15)) return '_'
    const id = this.pick(free)
    binds.bound.push([id, sort])
    return id
  }

  // --- processes ---

  private par(depth: number, env: Env): string {
    if (depth <= 0 || this.left <= 0) return this.leaf(env)
    return this.many(1, 3, () => this.statement(depth, env)).join(`${this.gap()}| `)
  }

  private block(depth: number, env: Env): string {
    if (this.chance(0.08)) return '{}'
    return `{${this.gap()}${this.par(depth - 1, env)} }`
  }

  private leaf(env: Env): string {
    const name = this.of(env, 'name')
    if (name === undefined || this.chance(0.3)) return 'Nil'
    return `${name}!(${this.chance(0.7) ? this.value(0, env) : ''})`
  }

  private statement(depth: number, env: Env): string {
    this.left--
    if (depth <= 0 || this.left <= 0) return this.leaf(env)
    const d = depth - 1
    switch (this.below(20)) {
      case 0:
      case 1:
      case 2:
        return `${this.name(d, env)}${this.chance(0.02) ? ' /* note */ ' : ''}!(${this.values(d, env)})`
      case 3:
        return `${this.name(d, env)}${this.runnable ? '!' : '!!'}(${this.values(d, env)})`
      case 4:
        return this.newStatement(d, env)
      case 5:
      case 6:
      case 7:
        return this.forStatement(d, env)
      case 8: {
        if (this.runnable) return this.forStatement(d, env)
        const binds: Binds = { bound: [], outer: env }
        const name = this.name(d, env)
        const formals = this.names(d, binds)
        return `contract ${name}(${formals}) = ${this.block(d, this.scope(env, binds.bound))}`
      }
      case 9:
        return this.matchStatement(d, env)
      case 10:
        return `if (${this.expression(d, env)}) ${this.tight(d, env)}${this.chance(0.5) ? ` else ${this.tight(d, env)}` : ''}`
      case 11:
        return this.letStatement(d, env)
      case 12:
        return this.selectStatement(d, env)
      case 13:
        return this.chance(0.4) ? this.agentStatement(d, env) : this.leaf(env)
      case 14:
        return `${this.name(d, env)}${this.chance(0.6) ? '!?' : '!method'}(${this.values(d, env)})${this.chance(0.5) ? '.' : `; ${this.tight(d, env)}`}`
      case 15:
        return `${this.pick(['bundle', 'bundle+', 'bundle-', 'bundle0'])} ${this.block(d, env)}`
      case 16:
        return `{ ${this.par(d, env)} }`
      case 17:
        return this.runnable ? 'Nil' : this.expression(d, env)
      case 18: {
        const name = this.of(env, 'name')
        return name === undefined || this.runnable ? 'Nil' : `*${name}`
      }
      default:
        return this.leaf(env)
    }
  }

  /** A statement as the body of a prefix form. An `if` before an `else` stands in braces. */
  private tight(depth: number, env: Env): string {
    return this.chance(0.7) ? `{ ${this.par(depth - 1, env)} }` : this.leaf(env)
  }

  private newStatement(d: number, env: Env): string {
    const binds: Binds = { bound: [], outer: env }
    const decls = this.many(1, 3, () => {
      const id = this.fresh(binds, 'name')
      return id === '_' ? '' : this.chance(0.15) ? `${id}(\`${this.pick(URIS)}\`)` : id
    }).filter(x => x !== '')
    if (decls.length === 0) return this.leaf(env)
    return `new ${decls.join(', ')} in ${this.tight(d, this.scope(env, binds.bound))}`
  }

  /** Sources that no two binds share: each is another quoted number, or the only variable. */
  private sources(count: number, d: number, env: Env): string[] {
    const name = this.of(env, 'name')
    return Array.from({ length: count }, (_, i) => {
      if (i === 0 && name !== undefined && this.chance(0.8)) return name
      return this.chance(0.8) ? `@${i + 10}` : `@[${i + 10}, ${this.value(d, [])}]`
    })
  }

  private forStatement(d: number, env: Env): string {
    let scope = env
    const receipts = this.many(1, 2, () => {
      const binds: Binds = { bound: [], outer: scope }
      const count = 1 + this.below(2)
      const parts = this.sources(count, d, scope).map(source => {
        const names = this.names(d, binds)
        const form = this.below(8)
        if (form === 0) return `${names} <- ${source}?!`
        if (form === 1) return `${names} <- ${source}!?(${this.values(d, binds.outer)})`
        if (form === 2) return `${names} <- ${source}!method(${this.values(d, binds.outer)})`
        return `${names} ${this.pick(this.runnable ? ['<-', '<<-'] : ['<-', '<-', '<=', '<<-'])} ${source}`
      })
      scope = this.scope(scope, binds.bound)
      return `${parts.join(' & ')}${this.guard(d, scope)}`
    })
    return `for (${receipts.join('; ')}) ${this.block(d, scope)}`
  }

  private guard(d: number, env: Env): string {
    return this.chance(0.2) ? ` where ${this.expression(Math.min(d, 1), env)}` : ''
  }

  private matchStatement(d: number, env: Env): string {
    const cases = this.many(1, 3, () => {
      const binds: Binds = { bound: [], outer: env }
      // Before a name and `{` the word `agent` begins a declaration.
      const pattern = this.pattern(d, binds).replace(/(^|\| )agent$/, '$1(agent)')
      const scope = this.scope(env, binds.bound)
      return `${pattern}${this.guard(d, scope)} => ${this.chance(0.9) ? this.block(d, scope) : '{ Nil }'}`
    })
    return `match ${this.expression(d, env)} { ${cases.join(' ')} }`
  }

  private letStatement(d: number, env: Env): string {
    const concurrent = this.chance(0.3)
    let scope = env
    const all: [string, Sort][] = []
    const decls = this.many(1, 2, () => {
      const binds: Binds = { bound: [], outer: concurrent ? env : scope }
      if (this.chance(0.3)) {
        const value = this.value(d, binds.outer)
        const id = this.pick(IDENTIFIERS.filter(i => !all.some(b => b[0] === i)))
        binds.bound.push([id, 'proc'])
        all.push(...binds.bound)
        scope = this.scope(scope, binds.bound)
        return `${id} = ${value}`
      }
      const count = 1 + this.below(2)
      // Identifiers of concurrent declarations are in one scope.
      if (concurrent) binds.bound.push(...all)
      const names = Array.from({ length: count }, () => this.namePattern(d, binds)).join(', ')
      const values = Array.from({ length: count }, () => this.value(d, binds.outer)).join(', ')
      if (concurrent) all.length = 0
      all.push(...binds.bound)
      scope = this.scope(scope, binds.bound)
      return `${names} <- ${values}`
    })
    return `let ${decls.join(concurrent ? ' & ' : '; ')} in ${this.tight(d, scope)}`
  }

  private selectStatement(d: number, env: Env): string {
    const branches = this.many(1, 3, () => {
      const binds: Binds = { bound: [], outer: env }
      const parts = this.sources(1 + this.below(2), d, env).map(source => {
        const names = this.names(d, binds)
        return this.chance(0.2) ? `${names} <- ${source}?!` : `${names} ${this.pick(['<-', '<<-'])} ${source}`
      })
      const scope = this.scope(env, binds.bound)
      return `${parts.join(' & ')}${this.guard(d, scope)} => ${this.block(d, scope)}`
    })
    return `select { ${branches.join(' ')} }`
  }

  private agentStatement(d: number, env: Env): string {
    // What the constructor binds is visible in every member.
    let outer = env
    const member = (head: string, sort: Sort, plus: [string, Sort][]): string => {
      const binds: Binds = { bound: [], outer }
      const formals = sort === 'name' ? this.names(d, binds) : this.many(0, 2, () => `@${this.fresh(binds, 'proc')}`).join(', ')
      if (sort === 'name') outer = this.scope(env, binds.bound)
      return `${head}(${formals}) ${this.block(d - 1, this.scope(outer, [...plus, ...binds.bound]))}`
    }
    const own: [string, Sort][] = [['this', 'name']]
    const withReturn: [string, Sort][] = [...own, ['return', 'name']]
    const rest: Binds = { bound: [], outer: env }
    const remainder = this.pick(['x', 'y'])
    rest.bound.push([remainder, 'proc'])
    const members = [member('constructor', 'name', own), member('method first', 'proc', withReturn)]
    if (this.chance(0.5)) members.push(member('method second', 'proc', withReturn))
    members.push(`default(...@${remainder}) ${this.block(d - 1, this.scope(outer, [...own, ...rest.bound]))}`)
    if (this.chance(0.4)) members.push(member('private method third', 'proc', withReturn), 'private default() {}')
    const name = this.of(env, 'name')
    return `agent ${name === undefined || name === '_' ? '@"A"' : name} { ${members.join(' | ')} }`
  }

  // --- names and values ---

  private name(d: number, env: Env): string {
    const name = this.of(env, 'name')
    if (name !== undefined && this.chance(0.7)) return name
    const proc = this.of(env, 'proc')
    if (proc !== undefined && this.chance(0.3)) return `@${proc}`
    return this.chance(0.7) ? `@${this.below(4)}` : `@{${this.value(d, env)}}`
  }

  private values(d: number, env: Env): string {
    return this.many(0, 2, () => this.value(d, env)).join(', ')
  }

  /** Data: mostly an expression, sometimes code. */
  private value(d: number, env: Env): string {
    if (d > 0 && this.left > 0 && this.chance(0.12)) return this.par(d - 1, env)
    return this.expression(d, env)
  }

  private expression(d: number, env: Env): string {
    return this.level(0, d, env)
  }

  /** Operators by level, loosest first, as in the table of precedence; what would not parse is put in parentheses. */
  private level(level: number, d: number, env: Env): string {
    if (d <= 0 || this.left <= 0) return this.atom(0, env)
    if (level === BINARY.length) {
      if (this.chance(0.08)) return `not ${this.level(level, d - 1, env)}`
      if (this.chance(0.05)) return `- ${this.level(level, d - 1, env)}`
      return this.call(d, env)
    }
    if (!this.chance(0.1)) return this.level(level + 1, d, env)
    this.left--
    if (level === 2 && this.chance(0.4)) {
      const binds: Binds = { bound: [], outer: env }
      return `${this.level(3, d - 1, env)} matches ${this.operandPattern(d - 1, binds)}`
    }
    return `${this.level(level + 1, d - 1, env)} ${this.pick(BINARY[level])} ${this.level(level + 1, d - 1, env)}`
  }

  private call(d: number, env: Env): string {
    let text = this.atom(d, env)
    while (this.chance(0.22)) {
      const { name, params, rows } = this.pick(METHODS)
      const { on } = this.pick(rows)
      // Mostly a receiver that has the method, often an argument of the same kind.
      const fit = on === 'any' ? undefined : RECEIVERS[this.pick(on)]
      if (fit !== undefined && this.chance(0.7)) text = this.pick(fit)
      const count = this.chance(0.03) ? this.below(3) : params.length
      const argument = (): string => (fit !== undefined && this.chance(0.5) ? this.pick(fit) : this.value(d - 1, env))
      text = `${text}.${name}(${Array.from({ length: count }, argument).join(', ')})`
    }
    return text
  }

  private atom(d: number, env: Env): string {
    if (d <= 0 || this.left <= 0 || this.chance(0.5)) {
      const proc = this.of(env, 'proc')
      if (proc !== undefined && this.chance(0.4)) return proc
      const name = this.of(env, 'name')
      if (name !== undefined && this.chance(0.3)) return `*${name}`
      return this.literal()
    }
    this.left--
    const items = (): string => this.many(0, 3, () => this.value(d - 1, env)).join(', ')
    const rest = (): string => {
      const proc = this.of(env, 'proc')
      return proc === undefined || !this.chance(0.15) ? '' : ` ...${proc}`
    }
    switch (this.below(10)) {
      case 0:
        return `[${items()}${rest()}]`
      case 1:
        return `Set(${items()}${rest()})`
      case 2: {
        const text = this.many(0, 3, () => this.value(d - 1, env))
        return text.length === 1 ? `(${text[0]},)` : `(${text.join(', ')})`
      }
      case 3:
        return `{${this.many(0, 2, () => `${this.expression(d - 1, env)} : ${this.value(d - 1, env)}`).join(', ')}${rest()}}`
      case 4:
        return this.pathmaps ? `{|${items()}|}` : `[${items()}]`
      case 5:
        return `(${this.expression(d - 1, env)})`
      case 6:
        return `{ ${this.par(d - 1, env)} }`
      case 7:
        return `*${this.chance(0.5) ? `@${this.literal()}` : `@{${this.value(d - 1, env)}}`}`
      case 8: {
        const keys = this.many(1, 2, () => this.pick(['a', 'b', 'a b']))
        const template = keys.map(k => `\${${k}}`).join('$ {a}')
        return `("${template}" %% {${keys.map(k => `"${k}" : ${this.atom(0, env)}`).join(', ')}})`
      }
      default:
        return this.literal()
    }
  }

  private literal(): string {
    return this.pick(this.chance(0.8) ? LITERALS : RARE)
  }

  ground(depth: number): string {
    return this.value(depth, [])
  }

  // --- patterns ---

  private names(d: number, binds: Binds): string {
    const text = this.many(0, 2, () => this.namePattern(d, binds)).join(', ')
    if (!this.chance(0.1)) return text
    return `${text}${text === '' ? '' : ', '}...@${this.fresh(binds, 'proc')}`
  }

  private namePattern(d: number, binds: Binds): string {
    if (this.chance(0.4)) return this.fresh(binds, 'name')
    if (this.chance(0.6)) return `@${this.fresh(binds, 'proc')}`
    return this.chance(0.5) ? `@${this.literal()}` : `@{${this.pattern(d - 1, binds)}}`
  }

  private pattern(d: number, binds: Binds): string {
    if (d > 0 && this.chance(0.1)) return `${this.operandPattern(d - 1, binds)} | ${this.operandPattern(d - 1, binds)}`
    if (d > 0 && this.chance(0.08))
      return `${this.chance(0.5) ? this.fresh(binds, 'name') : `@${this.literal()}`}!(${this.operandPattern(d - 1, binds)})`
    if (d > 0 && this.chance(0.05)) return `for (@_ <- @${this.literal()}) { ${this.operandPattern(d - 1, binds)} }`
    if (d > 0 && this.chance(0.25)) return this.codePattern(d - 1, binds)
    return this.operandPattern(d, binds)
  }

  /** Every kind of code as a pattern. What binds inside it uses identifiers that nothing else does. */
  private codePattern(d: number, binds: Binds): string {
    const part = (): string => `{ ${this.operandPattern(d, binds)} }`
    const name = (): string => `@${part()}`
    switch (this.below(12)) {
      case 0:
        return `new q1${this.chance(0.5) ? ', q2' : ''} in ${this.chance(0.5) ? '{ q1!(_) }' : part()}`
      case 1:
        return `if (${this.operandPattern(d, binds)}) ${part()}${this.chance(0.5) ? ` else ${part()}` : ''}`
      case 2:
        return `match ${part()} { ${this.pick(['q3', '[q3, _]', '1', '_'])} => ${part()} }`
      case 3:
        return `select { @q4 <- ${name()} => ${part()} }`
      case 4:
        return `for (@q5 ${this.pick(['<-', '<=', '<<-'])} ${name()}${this.chance(0.3) ? ' where q5 > 1' : ''}) ${part()}`
      case 5:
        return `for (@q5 <- ${name()} & q6 <- @"other") ${part()}`
      case 6:
        return `${name()}${this.pick(['!', '!!'])}(${this.many(0, 2, part).join(', ')})`
      case 7:
        return `${part()} ${this.pick(this.pick(BINARY))} ${this.leafPattern(binds)}`
      case 8:
        return `{ ${this.leafPattern(binds)} }.${this.pick(METHODS).name}(${part()})`
      case 9:
        return `not ${this.leafPattern(binds)}`
      case 10:
        return `{${this.leafPattern(binds)} : ${part()}, ${this.leafPattern(binds)} : ${part()}}`
      default:
        return `bundle${this.pick(['', '+', '-', '0'])}{ ${this.literal()} }`
    }
  }

  private operandPattern(d: number, binds: Binds): string {
    if (d <= 0 || this.left <= 0) return this.leafPattern(binds)
    this.left--
    const part = (): string => this.operandPattern(d - 1, binds)
    const alone = (): string => this.operandPattern(d - 1, { bound: [], outer: binds.outer })
    const rest = (): string => (this.chance(0.3) ? ` ...${this.fresh(binds, 'proc')}` : '')
    const tight = (text: string): string => {
      if (/^[\w"'[]+$/.test(text)) return text
      return text.startsWith('bundle') ? `{${text}}` : `(${text})`
    }
    switch (this.below(12)) {
      case 0:
        return `[${this.many(0, 2, part).join(', ')}${rest()}]`
      case 1:
        return `Set(${this.many(0, 2, part).join(', ')}${rest()})`
      case 2:
        return `(${part()}, ${part()})`
      case 3:
        return `{${this.literal()} : ${part()}${rest()}}`
      case 4:
        return this.pathmaps ? `{|${this.many(0, 2, part).join(', ')}${rest()}|}` : `[${this.many(0, 2, part).join(', ')}${rest()}]`
      case 5:
        return `${tight(part())} /\\ ${tight(part())}`
      case 6:
        return `${tight(alone())} \\/ ${tight(alone())}`
      case 7:
        return `~${tight(alone())}`
      case 8: {
        const reference = binds.outer.length > 0 ? this.pick(binds.outer) : undefined
        if (reference === undefined) return this.leafPattern(binds)
        return reference[1] === 'name' ? `=*${reference[0]}` : `=${reference[0]}`
      }
      case 9:
        return this.pick(['Int', 'Bool', 'String', 'Uri', 'ByteArray'])
      case 10:
        return `bundle+{ ${this.literal()} }`
      default:
        return this.leafPattern(binds)
    }
  }

  private leafPattern(binds: Binds): string {
    return this.chance(0.6) ? this.fresh(binds, 'proc') : this.literal()
  }
}
