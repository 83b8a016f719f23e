/** Sources of random programs that use every construct, from a seed. */
export class Generator {
  private state: number
  private fresh = 0
  constructor(seed: number) {
    this.state = seed >>> 0 || 1
  }

  /** A number from 0 to n - 1. */
  next(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.state / 2 ** 32) * n)
  }
  pick<T>(items: readonly T[]): T {
    return items[this.next(items.length)]
  }
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.next(i + 1)
      const t = out[i]
      out[i] = out[j]
      out[j] = t
    }
    return out
  }
  private id(prefix: string): string {
    return prefix + this.fresh++
  }

  /** A process over name variables `names` and process variables `procs`. */
  proc(depth: number, names: readonly string[], procs: readonly string[] = []): string {
    const n = depth <= 0 ? this.next(4) : this.next(16)
    switch (n) {
      case 0:
        return 'Nil'
      case 1:
        return names.length > 0 ? `*${this.pick(names)}` : 'Nil'
      case 2:
        return `${this.name(depth, names, procs)}!(${this.next(3)})`
      case 3:
        return names.length > 0 ? `${this.pick(names)}!(${this.expr(0, names, procs)})` : '@0!(1)'
      case 4:
      case 5: {
        const parts: string[] = []
        for (let k = 2 + this.next(3); k > 0; k--) parts.push(this.proc(depth - 1, names, procs))
        return `{ ${parts.join(' | ')} }`
      }
      case 6:
        return `${this.name(depth, names, procs)}${this.pick(['!', '!!'])}(${this.list(depth, names, procs)})`
      case 7: {
        const own = [this.id('n'), this.id('n')].slice(this.next(2))
        const uri = this.next(4) === 0 ? ', ' + this.id('u') + '(`rho:io:stdout`)' : ''
        return `new ${own.join(', ')}${uri} in { ${this.proc(depth - 1, [...names, ...own], procs)} }`
      }
      case 8:
      case 9:
      case 10: {
        const binds: string[] = []
        const inner = { names: [...names], procs: [...procs] }
        for (let k = 1 + this.next(3); k > 0; k--) binds.push(this.bind(depth, names, procs, inner, ['<-', '<-', '<=', '<<-']))
        const guard = this.next(4) === 0 ? ` where ${this.expr(1, inner.names, inner.procs)} == ${this.next(3)}` : ''
        return `for (${binds.join(' & ')}${guard}) { ${this.proc(depth - 1, inner.names, inner.procs)} }`
      }
      case 11: {
        const cases: string[] = []
        for (let k = 1 + this.next(3); k > 0; k--) {
          const inner = { names: [...names], procs: [...procs] }
          const p = this.pattern(2, names, inner)
          const guard = this.next(3) === 0 ? ` where ${this.expr(1, inner.names, inner.procs)} == 1` : ''
          cases.push(`${p}${guard} => { ${this.proc(depth - 1, inner.names, inner.procs)} }`)
        }
        return `match ${this.expr(depth - 1, names, procs)} { ${cases.join(' ')} }`
      }
      case 12:
        return `if (${this.expr(depth - 1, names, procs)} == 1) { ${this.proc(depth - 1, names, procs)} } else { ${this.proc(depth - 1, names, procs)} }`
      case 13: {
        const inner = { names: [...names], procs: [...procs] }
        const other = { names: [...names], procs: [...procs] }
        const a = this.bind(depth, names, procs, inner, ['<-', '<<-'])
        const b = this.bind(depth, names, procs, other, ['<-'])
        return `select { ${a} => { ${this.proc(depth - 1, inner.names, inner.procs)} } ${b} => { ${this.proc(depth - 1, other.names, other.procs)} } }`
      }
      case 14:
        return `bundle${this.pick(['', '+', '-', '0'])}{ ${this.proc(depth - 1, names, procs)} }`
      default:
        return this.expr(depth, names, procs)
    }
  }

  private list(depth: number, names: readonly string[], procs: readonly string[]): string {
    const parts: string[] = []
    for (let k = this.next(4); k > 0; k--)
      parts.push(this.next(2) === 0 ? this.proc(depth - 1, names, procs) : this.expr(depth - 1, names, procs))
    return parts.join(', ')
  }

  name(depth: number, names: readonly string[], procs: readonly string[]): string {
    const n = this.next(8)
    if (names.length > 0 && n < 5) return this.pick(names)
    if (n === 5 && depth > 0) return `@{ ${this.proc(depth - 1, names, procs)} }`
    if (n === 6) return `@[${this.expr(0, names, procs)}, 1]`
    return `@"${this.pick(['a', 'b', 'c'])}"`
  }

  private bind(
    depth: number,
    names: readonly string[],
    procs: readonly string[],
    inner: { names: string[]; procs: string[] },
    arrows: readonly string[],
  ): string {
    const patterns: string[] = []
    for (let k = this.next(3); k >= 0; k--) patterns.push(this.namePattern(names, inner))
    let rest = ''
    if (this.next(6) === 0) {
      const v = this.id('r')
      inner.procs.push(v)
      rest = ` ...@${v}`
    }
    return `${patterns.join(', ')}${rest} ${this.pick(arrows)} ${this.name(depth - 1, names, procs)}`
  }

  private namePattern(names: readonly string[], inner: { names: string[]; procs: string[] }): string {
    const n = this.next(5)
    if (n < 2) {
      const v = this.id('y')
      inner.names.push(v)
      return v
    }
    return n === 2 ? '_' : `@${this.pattern(2, names, inner)}`
  }

  private pattern(depth: number, names: readonly string[], inner: { names: string[]; procs: string[] }): string {
    switch (this.next(depth > 0 ? 13 : 5)) {
      case 0: {
        const v = this.id('p')
        inner.procs.push(v)
        return v
      }
      case 1:
        return '_'
      case 2:
        return String(this.next(3))
      case 3:
        return this.pick(['"a"', 'true', 'Int', 'String', '9007199254740993', '3n', '`rho:x`', '0x01'])
      case 4:
        return names.length > 0 ? `=*${this.pick(names)}` : '_'
      case 5:
        return `[${this.pattern(depth - 1, names, inner)}, ${this.pattern(depth - 1, names, inner)} ..._]`
      case 6:
        return `(${this.pattern(depth - 1, names, inner)}, ${this.pattern(depth - 1, names, inner)})`
      case 7:
        return `Set(${this.pattern(depth - 1, names, inner)}, ${this.pattern(depth - 1, names, inner)})`
      case 8:
        return `{"k" : ${this.pattern(depth - 1, names, inner)}, "l" : 1}`
      case 9:
        return names.length > 1 ? `{ =*${this.pick(names)} | =*${this.pick(names)} | ${this.pattern(depth - 1, names, inner)} }` : '_'
      case 10:
        return `{ ${this.pattern(depth - 1, names, inner)} /\\ ~${this.next(3)} }`
      case 11:
        return `{ Int \\/ "a" }`
      default: {
        const v = this.id('q')
        return `{ for (@${v} <- @"a") { @${v}!(${this.pattern(0, names, inner)}) } }`
      }
    }
  }

  expr(depth: number, names: readonly string[], procs: readonly string[]): string {
    const sub = (): string => this.expr(depth - 1, names, procs)
    switch (this.next(depth > 0 ? 16 : 5)) {
      case 0:
        return String(this.next(10))
      case 1:
        return procs.length > 0 ? this.pick(procs) : '7'
      case 2:
        return names.length > 0 ? `*${this.pick(names)}` : '"s"'
      case 3:
        return this.pick(['"x"', '""', 'true', '123456789', '9007199254740993', '-5', '12n', '1/2r', '1.5p2', '2.5', '0xff', '`rho:a:b`'])
      case 4:
        return procs.length > 0 ? this.pick(procs) : 'false'
      case 5:
        return `[${sub()}, ${sub()}]`
      case 6:
        return `(${sub()}, ${sub()})`
      case 7:
        return `Set(${sub()}, ${sub()})`
      case 8:
        return `{${sub()} : ${sub()}, 1 : ${sub()}}`
      case 9:
      case 10:
        return `(${sub()} ${this.pick(['+', '-', '*', '/', '%', '++', '--', '%%', '==', '!=', '<', '<=', '>', '>='])} ${sub()})`
      case 11:
        return `(${sub()} == 1 ${this.pick(['and', 'or', '&&', '||'])} ${sub()} == 2)`
      case 12:
        return `(${sub()}).${this.pick(['length', 'toList'])}()`
      case 13:
        return `[${sub()}].nth(${sub()})`
      case 14: {
        const inner = { names: [] as string[], procs: [] as string[] }
        return `(${sub()} matches ${this.pattern(1, names, inner)})`
      }
      default:
        return procs.length > 0 ? `[${sub()} ...${this.pick(procs)}]` : `(not ${sub()})`
    }
  }
}
