/**
 * Programs by chance that do something again and again, with other values each time: loops over numbers (small, beyond what a host number holds exactly, about to
 * overflow), text, lists, cells, named channels and replies. Now and then a value of another kind comes along, or an operation fails, in the middle of the loop.
 * One loop runs at a time and every cell holds one message, so no order of steps changes what is left at rest, what failed, or the price.
 */
import { Random } from '../support/random.ts'

export function generateLoop(seed: number): string {
  return new Generator(seed).program()
}

type Kind = 'int' | 'str' | 'bool' | 'list' | 'any'

interface Var {
  readonly name: string
  readonly kind: Kind
}

const INTS = ['0', '1', '2', '3', '-1', '-7', '100', '12345']
const WIDE = ['4503599627370496', '9007199254740991', '-9007199254740993', '9223372036854775807']
const ODD = [
  '"s"',
  'true',
  'Nil',
  '[1, 2]',
  '(1, "t")',
  '{"k" : 1}',
  'Set(1)',
  '2.5',
  '7n',
  '1/2r',
  '*loop',
  '0x00ff',
  '{ @"code"!(1) | 2 }',
]
const WORDS = ['""', '"a"', '"key"', '"a\\u{1F344}b"']
const COMPARE = ['<', '<=', '>', '>=', '==', '!=']
const ARITHMETIC = ['+', '+', '+', '-', '-', '*']

class Generator {
  private readonly dice: Random
  private names = 0
  /** What is left of the size of one turn of the loop. */
  private left = 0

  constructor(seed: number) {
    this.dice = new Random(Math.imul(seed, 0x9e3779b1))
  }

  program(): string {
    const d = this.dice
    const turns = d.pick([3, 8, 20, 40])
    this.left = 2 + d.below(9)
    const vars: Var[] = [
      { name: 'i', kind: 'int' },
      { name: 'a', kind: 'int' },
      { name: 'b', kind: d.pick<Kind>(['int', 'int', 'str', 'list']) },
    ]
    const body = this.turn(vars)
    const start = vars.map(v => (v.name === 'i' ? '0' : this.leaf(v.kind, [])))
    const end = '@"end"!(i, a, b)'
    const test = `if (i ${d.pick(['<', '<', '!='])} ${turns}) { ${body} } else { ${end} }`
    const loop = d.pick([
      `contract loop(@i, @a, @b) = { ${test} }`,
      `contract again() = { for (@i, @a, @b <- loop) { again!() | ${test} } } | again!()`,
      `contract loop(@[i, a, b]) = { ${test} }`,
      `contract loop(@msg) = { match msg { (i, a, b) => { ${test} } other => { @"odd"!(other) } } }`,
      `for (@i, @a, @b <= loop & @lock <- @(*own, "lock")) { @(*own, "lock")!(lock + 1) | ${test} }`,
    ])
    const first = this.call(loop, start)
    const text = loop.replace(/\bLOOP\(([^\0]*?)\0\)/g, (_, list: string) => this.call(loop, list.split('\x01')))
    const cells = ['int', 'str', 'list'].map((kind, k) => `c${k}!(${this.leaf(kind as Kind, [])})`).join(' | ')
    const named = Array.from({ length: 3 }, (_, k) => `@(*own, ${k})!(${this.leaf('int', [])})`).join(' | ')
    const helpers = 'contract double(r, @x) = { r!(x + x) } | contract pair(r, @x, @y) = { if (x == y) { r!(x, 0) } else { r!(y, x) } }'
    return `new loop, again, own, sink, c0, c1, c2, double, pair in { ${cells} | @"cell"!(1) | ${named} | @(*own, "lock")!(0) | ${helpers} | ${text} | ${first} }`
  }

  private call(loop: string, list: readonly string[]): string {
    if (loop.includes('loop(@[')) return `loop!([${list.join(', ')}])`
    return loop.includes('loop(@msg') ? `loop!((${list.join(', ')}))` : `loop!(${list.join(', ')})`
  }

  private chance(p: number): boolean {
    return this.dice.chance(p)
  }

  private fresh(stem: string): string {
    return `${stem}${++this.names}`
  }

  // --- one turn: every way through it goes on with the loop once, or ends

  private turn(vars: readonly Var[]): string {
    const d = this.dice
    if (--this.left < 0) return this.next(vars)
    const int = () => this.int(2, vars)
    const x = this.fresh('x')
    const on = (kind: Kind, name = x) => this.turn([...vars, { name, kind }])
    switch (d.below(25)) {
      case 0:
      case 1:
        return `if (${this.bool(2, vars)}) { ${this.turn(vars)} } else { ${this.turn(vars)} }`
      case 2:
        return `match ${int()} % 4 { 0 => { ${this.turn(vars)} } ${x} where ${x} > 1 => { ${on('int')} } -1 => { ${this.next(vars)} } _ => { ${this.turn(vars)} } }`
      case 3: {
        const y = this.fresh('y')
        return `match [${int()}, ${this.any(1, vars)}] { [${x} /\\ Int, ${d.pick(['1', '"a"', '_', '[_, ..._]'])}] => { ${on('int')} } [${y} ..._] => { ${on('any', y)} } }`
      }
      case 4: {
        const same = d.pick(vars).name
        return `match (${this.any(1, vars)}, ${int()}) { (=${same}, ${x}) => { ${on('int')} } (_, ${x}) => { ${on('int')} } }`
      }
      case 5: {
        const kind = d.pick<Kind>(['int', 'str', 'bool', 'list'])
        return `let ${x} = ${this.expr(kind, 2, vars)} in { ${on(kind)} }`
      }
      case 6:
      case 7: {
        const [cell, kind] = d.pick([['c0', 'int'] as const, ['c1', 'str'] as const, ['c2', 'list'] as const])
        const inside: Var[] = [...vars, { name: x, kind }]
        return `for (@${x} <- ${cell}) { ${cell}!(${this.expr(kind, 2, inside)}) | ${this.turn(inside)} }`
      }
      case 8:
        return `for (@${x} <<- c0) { ${on('int')} }`
      case 9: {
        const y = this.fresh('y')
        const inside: Var[] = [...vars, { name: x, kind: 'int' }, { name: y, kind: 'list' }]
        return `for (@${x} <- c0 & @${y} <- c2) { c0!(${this.int(1, inside)}) | c2!(${this.list(1, inside)}) | ${this.turn(inside)} }`
      }
      case 10: {
        const k = this.fresh('k')
        return `new ${k} in { ${k}!(${this.any(2, vars)}) | for (@${x} <- ${k}) { ${on('any')} } }`
      }
      case 11: {
        // A cell among several, which its number names.
        const at = this.fresh('n')
        const inside: Var[] = [...vars, { name: at, kind: 'int' }, { name: x, kind: 'int' }]
        const name = `@(*own, ${at})`
        return `let ${at} = ${d.pick(['i', int()])} % 3 in { for (@${x} <- ${name}) { ${name}!(${this.int(2, inside)}) | ${this.turn(inside)} } }`
      }
      case 12: {
        // A channel of its own in each turn, under a name that is computed twice.
        const name = d.pick(['@(*own, "t", i)', '@[*own, i]', '@{"k" ++ i.toString()}', '@(*own, i, a)', '@{{"k" : *own, "i" : i}}'])
        return `${name}!(${this.any(2, vars)}, i) | for (@${x}, @${this.fresh('y')} <- ${name}) { ${on('any')} }`
      }
      case 13:
        return `for (@${x} <- double!?(${int()})) { ${on('int')} }`
      case 14: {
        const y = this.fresh('y')
        return `for (@${x}, @${y} <- pair!?(${int()}, ${int()})) { ${this.turn([...vars, { name: x, kind: 'int' }, { name: y, kind: 'int' }])} }`
      }
      case 15:
        return `@"log"!(${this.any(2, vars)}${this.chance(0.3) ? `, ${int()}` : ''}) | ${this.turn(vars)}`
      case 16: {
        const s = this.fresh('s')
        return `new ${s} in { ${s}!(${int()}) | select { @0 <- ${s} => { ${this.next(vars)} } @${x} <- ${s} where ${x} > 5 => { ${on('int')} } @${x} <- ${s} => { ${on('int')} } } }`
      }
      case 17:
        return `if (i == ${d.below(6)}) { ${this.odd(vars)} } else { ${this.turn(vars)} }`
      case 18:
        return `${this.aside(2, vars)} | ${this.turn(vars)}`
      case 19:
        return `${this.aside(1, vars)} | ${this.aside(2, vars)} | ${this.turn(vars)}`
      case 20: {
        const k = this.fresh('k')
        return `new ${k} in { ${k}!({ ${this.aside(1, vars)} }) | for (@${x} <- ${k}) { ${x} | ${this.turn(vars)} } }`
      }
      case 21: {
        const inside: Var[] = [...vars, { name: x, kind: 'int' }]
        return `for (@${x} <- @"cell") { @"cell"!(${this.int(2, inside)}) | ${this.turn(inside)} }`
      }
      case 22: {
        const [m, s] = [this.fresh('m'), this.fresh('s')]
        const inside: Var[] = [...vars, { name: x, kind: 'int' }, { name: m, kind: 'any' }, { name: s, kind: 'any' }]
        const target = `({"k" : ${int()}, "z" : i}, Set(${int()}, "s"))`
        return `match ${target} { ({"k" : ${x} ...${m}}, Set("s" ...${s})) => { @"log"!({"y" : ${int()} ...${m}}, Set(${int()} ...${s})) | ${this.turn(inside)} } }`
      }
      case 23:
        // Fits seldom, and then the loop ends here.
        return `match ${int()} { 12345 => { @"log"!("no way on") } ${x} where ${this.bool(1, [...vars, { name: x, kind: 'int' }])} => { ${on('int')} } }`
      default:
        return this.next(vars)
    }
  }

  /** Beside the loop: sends to where nobody listens, by a part that may do without a machine of its own. */
  private aside(depth: number, vars: readonly Var[]): string {
    const d = this.dice
    const to = d.pick(['sink', 'sink', 'sink', '@"log"', '@(*own, "u", i)', '@[*own, "s", a]'])
    const simple = () => this.simple(vars)
    const send = `${to}!(${d.pick([simple(), simple(), `(i, ${simple()})`, `[${simple()}]`, this.any(1, vars)])})`
    if (depth <= 0 || this.chance(0.2)) return send
    const test = this.chance(0.8) ? `${simple()} ${d.pick(COMPARE)} ${simple()}` : this.bool(1, vars)
    return `if (${test}) { ${this.aside(depth - 1, vars)} }${this.chance(0.7) ? ` else { ${this.aside(depth - 1, vars)} }` : ''}`
  }

  /** One operation on Ints at most. */
  private simple(vars: readonly Var[]): string {
    const [a, b] = [this.leaf('int', vars), this.leaf('int', vars)]
    const d = this.dice
    if (this.chance(0.3)) return a
    return this.chance(0.4) ? `(${a} ${d.pick(['/', '%'])} ${this.divisor(b)})` : `(${a} ${d.pick(ARITHMETIC)} ${b})`
  }

  private next(vars: readonly Var[]): string {
    const list = ['i + 1', this.int(3, vars), this.expr(vars[2].kind, 2, vars)]
    return `LOOP(${list.join('\x01')}\0)`
  }

  /** What a loop of numbers is seldom given. */
  private odd(vars: readonly Var[]): string {
    const list = ['i + 1', this.int(1, vars), this.expr(vars[2].kind, 1, vars)]
    list[1 + this.dice.below(2)] = this.dice.pick(ODD)
    return `LOOP(${list.join('\x01')}\0)`
  }

  // --- expressions

  private expr(kind: Kind, depth: number, vars: readonly Var[]): string {
    switch (kind) {
      case 'int':
        return this.int(depth, vars)
      case 'bool':
        return this.bool(depth, vars)
      case 'str':
        return this.str(depth, vars)
      case 'list':
        return this.list(depth, vars)
      default:
        return this.any(depth, vars)
    }
  }

  private leaf(kind: Kind, vars: readonly Var[]): string {
    const fit = vars.filter(v => v.kind === kind || (v.kind === 'any' && this.chance(0.02)))
    if (fit.length > 0 && this.chance(0.75)) return this.dice.pick(fit).name
    switch (kind) {
      case 'int':
        return this.dice.pick(this.chance(0.06) ? WIDE : INTS)
      case 'bool':
        return this.dice.pick(['true', 'false'])
      case 'str':
        return this.dice.pick(WORDS)
      case 'list':
        return this.dice.pick(['[]', '[1]', '[2, 3]'])
      default:
        return this.dice.pick(ODD)
    }
  }

  private int(depth: number, vars: readonly Var[]): string {
    if (depth <= 0 || this.chance(0.2)) return this.leaf('int', vars)
    const d = this.dice
    const [a, b] = [this.int(depth - 1, vars), this.int(depth - 1, vars)]
    switch (d.below(12)) {
      case 0:
        return `(${a} % ${this.divisor(b)})`
      case 1:
        return `-(${a} / ${this.divisor(b)})`
      case 2:
        return `(${a}).min(${b})`
      case 3:
        return `(${this.list(depth - 1, vars)}).length()`
      case 4:
        return `(${this.str(depth - 1, vars)}).length()`
      case 5:
        return `(${a}).max(${b})`
      case 6:
        return `[${a}, ${b}].nth(${d.pick(['0', '1', '(i % 2)', '(i % 2)', '(i % 2)', 'i'])})`
      default:
        return `(${a} ${d.pick(ARITHMETIC)} ${b})`
    }
  }

  private divisor(of: string): string {
    return this.chance(0.05) ? of : this.dice.pick(['2', '3', '7', '1000', '-5'])
  }

  private bool(depth: number, vars: readonly Var[]): string {
    if (depth <= 0) return this.leaf('bool', vars)
    const d = this.dice
    const bool = () => this.bool(depth - 1, vars)
    switch (d.below(10)) {
      case 0:
        return `(${bool()} ${d.pick(['and', 'or', '&&', '||'])} ${bool()})`
      case 1:
        return `(not ${bool()})`
      case 2:
        if (this.chance(0.2)) return `(Set(${this.int(1, vars)}, 1) -- Set(1) == Set(${this.int(1, vars)}))`
        return `(${this.any(1, vars)} matches ${d.pick(['Int', 'String', '[_, ..._]', '=a', 'Nil', '{Int \\/ Bool}', '~Int'])})`
      case 3:
        return `(${this.any(1, vars)} ${d.pick(['==', '!='])} ${this.any(1, vars)})`
      case 4:
        return `(${this.str(1, vars)} ${d.pick(COMPARE)} ${this.str(1, vars)})`
      default:
        return `(${this.int(depth - 1, vars)} ${d.pick(COMPARE)} ${this.int(depth - 1, vars)})`
    }
  }

  private str(depth: number, vars: readonly Var[]): string {
    if (depth <= 0 || this.chance(0.3)) return this.leaf('str', vars)
    const s = this.str(depth - 1, vars)
    switch (this.dice.below(4)) {
      case 0:
        return `(${s} ++ ${this.leaf('str', vars)}).slice(0, 9)`
      case 1:
        return `(${this.int(1, vars)}).toString()`
      case 2:
        return `("\${k}\${x}" %% {"k" : ${this.leaf('int', vars)}, "x" : ${s}.take(3)})`
      default:
        return `(${s}).toUpperCase()`
    }
  }

  private list(depth: number, vars: readonly Var[]): string {
    if (depth <= 0 || this.chance(0.3)) return this.leaf('list', vars)
    const l = this.list(depth - 1, vars)
    switch (this.dice.below(4)) {
      case 0:
        return `[${this.int(1, vars)}, ${this.any(1, vars)}]`
      case 1:
        return `(${l} ++ [${this.int(1, vars)}]).take(6)`
      case 2:
        return this.rest(vars)
      default:
        return `(${l}).reverse()`
    }
  }

  private rest(vars: readonly Var[]): string {
    const fit = vars.filter(v => v.kind === 'list')
    return fit.length === 0 ? '[]' : `[${this.int(1, vars)} ...${this.dice.pick(fit).name}].take(5)`
  }

  /** Everything that can be sent; kept small, for loops let it grow. */
  private any(depth: number, vars: readonly Var[]): string {
    const d = this.dice
    const e = () => this.expr(d.pick<Kind>(['int', 'int', 'str', 'bool']), depth - 1, vars)
    if (depth <= 0) return this.leaf(d.pick<Kind>(['int', 'str', 'bool', 'list']), vars)
    switch (d.below(14)) {
      case 0:
        return `(${e()}, ${e()})`
      case 1:
        return `[${e()}, ${e()}]`
      case 2:
        return `Set(${e()}, ${e()})`
      case 3:
        return `{${this.str(1, vars)} : ${e()}, "z" : ${e()}}`
      case 4:
        return `{ @${d.below(3)}!(${d.pick(vars).name}) | ${e()} }`
      case 5:
        return `bundle+{ *c${d.below(3)} }`
      case 6:
        return `{ for (@q <- @"never") { @"log"!(q, ${d.pick(vars).name}) } }`
      case 7:
        return d.pick(['*own', 'Nil', '()', '(i,)', '{ {i} | "par" }'])
      case 8:
        return d.pick(vars).name
      default:
        return e()
    }
  }
}
