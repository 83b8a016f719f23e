/**
 * Programs by chance whose outcome is known beforehand: values are computed here and by the program, carried there in all ways the
 * language has, and sent on `@"out"` with a number. The programs are confluent: no order of steps changes what they do.
 */
export interface Flow {
  readonly text: string
  /** What `@"out"` holds at rest, as canonical texts, sorted. */
  readonly expected: readonly string[]
}

type Kind = 'int' | 'str' | 'bool' | 'list'
type Value = bigint | string | boolean | readonly bigint[]

interface Expr {
  readonly text: string
  readonly value: Value
}
interface Var extends Expr {
  readonly kind: Kind
}
type Env = readonly Var[]

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const WORDS = ['ant', 'bee', 'cat', 'Dog', '', 'x', 'a b', '0']
const KINDS: readonly Kind[] = ['int', 'int', 'str', 'bool', 'list']

export function canonical(v: Value): string {
  if (typeof v === 'string') return `"${v}"`
  if (typeof v === 'object') return `[${v.map(String).join(', ')}]`
  return String(v)
}

export function generateFlow(seed: number, steps = 8): Flow {
  return new Generator(seed).flow(steps)
}

class Generator {
  private state: number
  private names = 0
  private readonly expected: string[] = []

  constructor(seed: number) {
    this.state = seed | 0
  }

  flow(steps: number): Flow {
    const text = this.step(steps, [])
    return { text, expected: [...this.expected].sort() }
  }

  private random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  private below(n: number): number {
    return Math.floor(this.random() * n)
  }
  private chance(p: number): boolean {
    return this.random() < p
  }
  private pick<X>(list: readonly X[]): X {
    return list[this.below(list.length)]
  }
  private name(stem: string): string {
    return `${stem}${++this.names}`
  }

  // --- expressions ---

  private any(env: Env): Var {
    const kind = this.pick(KINDS)
    return { kind, ...this.expr(kind, 3, env) }
  }

  private expr(kind: Kind, depth: number, env: Env): Expr {
    const known = env.filter(v => v.kind === kind)
    if (known.length > 0 && this.chance(depth <= 0 ? 0.7 : 0.35)) return this.pick(known)
    if (depth <= 0) return this.literal(kind)
    const d = depth - 1
    const int = () => this.expr('int', d, env) as { text: string; value: bigint }
    const str = () => this.expr('str', d, env) as { text: string; value: string }
    const list = () => this.expr('list', d, env) as { text: string; value: readonly bigint[] }
    const bool = () => this.expr('bool', d, env) as { text: string; value: boolean }
    if (kind === 'int') {
      const a = int()
      const b = int()
      switch (this.below(9)) {
        case 0:
          return { text: `(${a.text} + ${b.text})`, value: BigInt.asIntN(64, a.value + b.value) }
        case 1:
          return { text: `(${a.text} - ${b.text})`, value: BigInt.asIntN(64, a.value - b.value) }
        case 2: {
          const product = a.value * b.value
          return product < MIN || product > MAX ? a : { text: `(${a.text} * ${b.text})`, value: product }
        }
        case 3:
          return b.value === 0n || b.value === -1n ? a : { text: `(${a.text} / ${b.text})`, value: a.value / b.value }
        case 4:
          return b.value === 0n || b.value === -1n ? a : { text: `(${a.text} % ${b.text})`, value: a.value % b.value }
        case 5: {
          const s = str()
          return { text: `(${s.text}).length()`, value: BigInt(s.value.length) }
        }
        case 6: {
          const l = list()
          if (l.value.length === 0) return { text: `(${l.text}).length()`, value: 0n }
          const i = this.below(l.value.length)
          return { text: `(${l.text}).nth(${i})`, value: l.value[i] }
        }
        case 7: {
          const l = list()
          return { text: `(${l.text}).sum()`, value: l.value.reduce((x, y) => BigInt.asIntN(64, x + y), 0n) }
        }
        default:
          return this.chance(0.5) ? { text: `(${a.text}).min(${b.text})`, value: smaller(a.value, b.value) } : this.literal('int')
      }
    }
    if (kind === 'str') {
      const a = str()
      switch (this.below(6)) {
        case 0: {
          const b = str()
          return a.value.length + b.value.length > 200 ? a : { text: `(${a.text} ++ ${b.text})`, value: a.value + b.value }
        }
        case 1: {
          const [from, to] = [this.below(4) - 1, this.below(6)]
          return { text: `(${a.text}).slice(${from}, ${to})`, value: a.value.slice(Math.max(0, from), Math.max(0, from, to)) }
        }
        case 2: {
          const i = int()
          return { text: `(${i.text}).toString()`, value: String(i.value) }
        }
        case 3:
          return { text: `(${a.text}).toUpperCase()`, value: a.value.toUpperCase() }
        case 4: {
          const i = int()
          return { text: `("<\${k}|\${no}>" %% {"k" : ${i.text}})`, value: `<${i.value}|\${no}>` }
        }
        default:
          return this.literal('str')
      }
    }
    if (kind === 'list') {
      const a = list()
      switch (this.below(5)) {
        case 0: {
          const b = list()
          return a.value.length + b.value.length > 40 ? a : { text: `(${a.text} ++ ${b.text})`, value: [...a.value, ...b.value] }
        }
        case 1:
          return { text: `(${a.text}).reverse()`, value: [...a.value].reverse() }
        case 2: {
          const n = this.below(4)
          return { text: `(${a.text}).take(${n})`, value: a.value.slice(0, n) }
        }
        case 3: {
          const sorted = [...a.value].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0))
          return { text: `(${a.text}).sort()`, value: sorted }
        }
        default: {
          const items = Array.from({ length: this.below(4) }, int)
          return { text: `[${items.map(i => i.text).join(', ')}]`, value: items.map(i => i.value) }
        }
      }
    }
    switch (this.below(7)) {
      case 0: {
        const [a, b] = [int(), int()]
        return { text: `(${a.text} < ${b.text})`, value: a.value < b.value }
      }
      case 1: {
        const other = this.pick(KINDS)
        const [a, b] = [this.expr(other, d, env), this.expr(other, d, env)]
        return { text: `(${a.text} == ${b.text})`, value: canonical(a.value) === canonical(b.value) }
      }
      case 2: {
        const [a, b] = [bool(), bool()]
        return { text: `(${a.text} and ${b.text})`, value: a.value && b.value }
      }
      case 3: {
        const [a, b] = [bool(), bool()]
        return { text: `(${a.text} || ${b.text})`, value: a.value || b.value }
      }
      case 4: {
        const a = bool()
        return { text: `(not ${a.text})`, value: !a.value }
      }
      case 5: {
        const s = str()
        const t = str()
        return { text: `(${s.text}).contains(${t.text})`, value: s.value.includes(t.value) }
      }
      default: {
        const l = list()
        return { text: `(${l.text} matches [_, ..._])`, value: l.value.length > 0 }
      }
    }
  }

  private literal(kind: Kind): Expr {
    switch (kind) {
      case 'int': {
        const value = this.chance(0.9) ? BigInt(this.below(20) - 5) : this.pick([MIN, MAX, MAX - 1n, 4294967296n, 9007199254740993n])
        return { text: `(${value})`, value }
      }
      case 'str': {
        const value = this.pick(WORDS)
        return { text: `"${value}"`, value }
      }
      case 'bool': {
        const value = this.chance(0.5)
        return { text: String(value), value }
      }
      default: {
        const value = Array.from({ length: this.below(4) }, () => BigInt(this.below(9)))
        return { text: `[${value.join(', ')}]`, value }
      }
    }
  }

  private fresh(e: Var): Var {
    return { kind: e.kind, text: this.name('v'), value: e.value }
  }

  private with(env: Env, ...more: Var[]): Env {
    return [...env.slice(-6), ...more]
  }

  // --- processes ---

  private out(env: Env): string {
    const e = this.any(env)
    const n = ++this.names
    this.expected.push(`${n}, ${canonical(e.value)}`)
    return `@"out"!(${n}, ${e.text})`
  }

  /** A process that does `left` steps and then reports. */
  private step(left: number, env: Env): string {
    if (left <= 0) return this.out(env)
    const a = this.any(env)
    const x = this.fresh(a)
    const n = left - 1
    const c = this.name('c')
    switch (this.below(22)) {
      case 0:
        return `let ${x.text} = ${a.text} in { ${this.step(n, this.with(env, x))} }`
      case 1:
        return `new ${c} in { ${c}!(${a.text}) | for (@${x.text} <- ${c}) { ${this.step(n, this.with(env, x))} } }`
      case 2: {
        // A function: the argument comes back computed upon.
        const p: Var = { kind: a.kind, text: this.name('p'), value: a.value }
        const body = this.any([p])
        const y = this.fresh(body)
        return `new ${c} in { contract ${c}(r, @${p.text}) = { r!(${body.text}) } | for (@${y.text} <- ${c}!?(${a.text})) { ${this.step(n, this.with(env, y))} } }`
      }
      case 3: {
        const b = this.any(env)
        const y = this.fresh(b)
        return `match [${a.text}, ${b.text}] { [_] => { @"bad"!() } [${x.text}, ${y.text}] => { ${this.step(n, this.with(env, x, y))} } _ => { @"bad"!() } }`
      }
      case 4: {
        const b = this.any(env)
        const y = this.fresh(b)
        const d = this.name('c')
        const receive = this.chance(0.5) ? `@${x.text} <- ${c} & @${y.text} <- ${d}` : `@${y.text} <- ${d} & @${x.text} <- ${c}`
        return `new ${c}, ${d} in { ${d}!(${b.text}) | ${c}!(${a.text}) | for (${receive}) { ${this.step(n, this.with(env, x, y))} } }`
      }
      case 5: {
        // The guard chooses one of two messages.
        const tag = this.name('t')
        return `new ${c} in { ${c}!(1, "decoy") | for (@${tag}, @${x.text} <- ${c} where ${tag} > 1) { ${this.step(n, this.with(env, x))} } | ${c}!(2, ${a.text}) }`
      }
      case 6:
        return `new ${c} in { ${c}!(${a.text}) | for (@${x.text} <<- ${c}) { ${this.step(n, this.with(env, x))} } }`
      case 7:
        return `new ${c}, no in { ${c}!(${a.text}) | select { @_ <- no => { @"bad"!() } @${x.text} <- ${c} => { ${this.step(n, this.with(env, x))} } } }`
      case 8: {
        const b = this.expr('bool', 3, env)
        const k = this.step(n, env)
        return b.value ? `if (${b.text}) { ${k} } else { @"bad"!() }` : `if (${b.text}) { @"bad"!() } else { ${k} }`
      }
      case 9: {
        const half = this.below(n + 1)
        return `{ ${this.step(half, env)} } | { ${this.step(n - half, env)} }`
      }
      case 10:
        // Code that travels.
        return `new ${c} in { ${c}!({ ${this.step(n, env)} }) | for (@code <- ${c}) { code } }`
      case 11: {
        const tag = ++this.names
        return `@(${tag}, ${a.text})!(${a.text}) | for (@${x.text} <- @(${tag}, ${a.text})) { ${this.step(n, this.with(env, x))} }`
      }
      case 12: {
        const bigger = `[${a.text}, ${tagged(a)}]`
        return `match ${bigger} { [${x.text}, ...rest] where rest.length() == 1 => { ${this.step(n, this.with(env, x))} } }`
      }
      case 13:
        return `let ${x.text} = ${a.text} in { match ${a.text} { =${x.text} => { ${this.step(n, this.with(env, x))} } _ => { @"bad"!() } } }`
      case 14:
        return `new ${c} in { ${c}!!(${a.text}) | for (@_ <- ${c}; @${x.text} <- ${c}) { ${this.step(n, this.with(env, x))} } }`
      case 15: {
        // Workers add to a cell; all are waited for.
        const amounts = Array.from({ length: 2 + this.below(4) }, () => BigInt(this.below(100)))
        const total = amounts.reduce((s, i) => s + i, 0n)
        const done = amounts.map(() => this.name('d'))
        const workers = amounts.map((i, k) => `for (@s <- ${c}) { ${c}!(s + ${i}) | ${done[k]}!() }`).join(' | ')
        const sum: Var = { kind: 'int', text: x.text, value: total }
        return `new ${c}, ${done.join(', ')} in { ${c}!(0) | ${workers} | for (${done.map(d => `<- ${d}`).join(' & ')}) { for (@${x.text} <- ${c}) { ${this.step(n, this.with(env, sum))} } } }`
      }
      case 16: {
        // A loop by recursion.
        const count = this.below(30)
        const sum: Var = { kind: 'int', text: x.text, value: BigInt((count * (count + 1)) / 2) }
        return `new ${c}, ret in { contract ${c}(@n, @s) = { if (n == 0) { ret!(s) } else { ${c}!(n - 1, s + n) } } | ${c}!(${count}, 0) | for (@${x.text} <- ret) { ${this.step(n, this.with(env, sum))} } }`
      }
      case 17:
        return `new ${c} in { agent ${c} { constructor(@init) { @(*this, "s")!(init) } | method get() { for (@s <<- @(*this, "s")) { return!(s) } } | default(...@_m) { @"bad"!() } } | for (obj <- ${c}!?(${a.text})) { for (@${x.text} <- obj!get()) { ${this.step(n, this.with(env, x))} } } }`
      case 18:
        return `new ${c} in { ${c}!(bundle+{*${c}}, {"k" : ${a.text}, "z" : Nil}) | for (_, @{"k" : ${x.text} ..._} <- ${c}) { ${this.step(n, this.with(env, x))} } }`
      case 19:
        return `new ${c} in { for (@${x.text} <- ${c}?!) { ${this.step(n, this.with(env, x))} } | ${c}!?(${a.text}); Nil }`
      case 20: {
        const b = this.any(env)
        const y = this.fresh(b)
        return `let @${x.text} <- ${a.text} & @${y.text} <- ${b.text} in { ${this.step(n, this.with(env, x, y))} }`
      }
      default: {
        // A message among others, found by its pattern.
        const k = this.below(50)
        return `new ${c} in { ${c}!({ @"a"!(${k + 1}) }, 0) | ${c}!({ @"a"!(${k}) | for (_ <- @"b") { Nil } }, ${a.text}) | for (@{@"a"!(${k}) | code}, @${x.text} <- ${c}) { ${this.step(n, this.with(env, x))} } }`
      }
    }
  }
}

/** Something else than the value, of whatever kind. */
function tagged(e: Expr): string {
  return typeof e.value === 'string' ? '0' : '"other"'
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
