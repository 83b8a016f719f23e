import { Random } from '../support/random.ts'

/**
 * Programs by chance whose outcome is known beforehand: values are computed here and by the program, carried there in all ways the
 * language has, and sent on `@"out"` with a number. The programs are confluent: no order of steps changes what they do.
 */
export interface Flow {
  readonly text: string
  /** What `@"out"` holds at rest, as canonical texts, sorted. */
  readonly expected: readonly string[]
}

type Kind = 'int' | 'str' | 'bool' | 'list' | 'set' | 'map' | 'bytes' | 'big' | 'rat' | 'fix' | 'float'
type Value = bigint | string | boolean | readonly bigint[] | Model

/** Values that JavaScript has no type of its own for; sets and maps in canonical order. */
type Model =
  | { readonly set: readonly bigint[] }
  | { readonly map: readonly (readonly [string, bigint])[] }
  | { readonly bytes: readonly number[] }
  | { readonly big: bigint }
  | { readonly num: bigint; readonly den: bigint }
  | { readonly unscaled: bigint; readonly scale: number }
  | { readonly float: number }

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
const KINDS: readonly Kind[] = [
  'int',
  'int',
  'int',
  'str',
  'str',
  'bool',
  'list',
  'list',
  'set',
  'map',
  'map',
  'bytes',
  'big',
  'rat',
  'fix',
  'float',
]

export function canonical(v: Value): string {
  if (typeof v === 'string') return `"${v}"`
  if (typeof v !== 'object') return String(v)
  if (Array.isArray(v)) return `[${v.map(String).join(', ')}]`
  const m = v as Model
  if ('set' in m) return `Set(${m.set.join(', ')})`
  if ('map' in m) return `{${m.map.map(([k, x]) => `"${k}" : ${x}`).join(', ')}}`
  if ('bytes' in m) return `0x${hex(m.bytes)}`
  if ('big' in m) return `${m.big}n`
  if ('num' in m) return `${m.num}/${m.den}r`
  if ('float' in m) return `${floatText(m.float)}f64`
  return `${fixedText(m.unscaled, m.scale)}p${m.scale}`
}

function hex(bytes: readonly number[]): string {
  return bytes.map(b => b.toString(16).padStart(2, '0')).join('')
}

function floatText(n: number): string {
  const text = Object.is(n, -0) ? '-0' : String(n)
  return /[.e]/.test(text) ? text.replace('e+', 'e') : `${text}.0`
}

function fixedText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

function sorted(items: Iterable<bigint>): bigint[] {
  return [...new Set(items)].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0))
}

function entries(map: ReadonlyMap<string, bigint>): Model {
  return { map: [...map].sort(([j], [k]) => (j < k ? -1 : 1)) }
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b)
}

function ratio(num: bigint, den: bigint): Model {
  const g = gcd(num, den) * (den < 0n ? -1n : 1n)
  return { num: num / g, den: den / g }
}

/** Rounded down, as the product of fixed numbers is. */
function floorDiv(a: bigint, b: bigint): bigint {
  const q = a / b
  return q * b !== a && a < 0n !== b < 0n ? q - 1n : q
}

export function generateFlow(seed: number, steps = 8): Flow {
  return new Generator(seed).flow(steps)
}

class Generator extends Random {
  private names = 0
  private readonly expected: string[] = []

  flow(steps: number): Flow {
    const text = this.step(steps, [])
    return { text, expected: [...this.expected].sort() }
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
    if (kind !== 'str' && kind !== 'bool' && this.chance(kind === 'int' || kind === 'list' ? 0.4 : 1)) return this.more(kind, d, env)
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

  /** Expressions over sets, maps, bytes and the other numbers, and what comes out of these. */
  private more(kind: Exclude<Kind, 'str' | 'bool'>, d: number, env: Env): Expr {
    const int = () => this.expr('int', d, env) as { text: string; value: bigint }
    const list = () => this.expr('list', d, env) as { text: string; value: readonly bigint[] }
    const str = () => this.expr('str', d, env) as { text: string; value: string }
    const set = () => this.expr('set', d, env) as { text: string; value: { set: readonly bigint[] } }
    const map = () => this.expr('map', d, env) as { text: string; value: { map: readonly (readonly [string, bigint])[] } }
    const bytes = () => this.expr('bytes', d, env) as { text: string; value: { bytes: readonly number[] } }
    const big = () => this.expr('big', d, env) as { text: string; value: { big: bigint } }
    const rat = () => this.expr('rat', d, env) as { text: string; value: { num: bigint; den: bigint } }
    const fix = () => this.expr('fix', d, env) as { text: string; value: { unscaled: bigint; scale: number } }
    const float = () => this.expr('float', d, env) as { text: string; value: { float: number } }
    const key = () => this.pick(WORDS)
    switch (kind) {
      case 'int': {
        const a = int()
        switch (this.below(14)) {
          case 0:
            return { text: `(${a.text}).sign()`, value: a.value < 0n ? -1n : a.value > 0n ? 1n : 0n }
          case 1:
            return a.value === MIN ? a : { text: `(${a.text}).abs()`, value: a.value < 0n ? -a.value : a.value }
          case 2: {
            const b = int()
            const [name, value] = this.pick([
              ['bitAnd', a.value & b.value],
              ['bitOr', a.value | b.value],
              ['bitXor', a.value ^ b.value],
              ['max', smaller(a.value, b.value) === a.value ? b.value : a.value],
            ] as const)
            return { text: `(${a.text}).${name}(${b.text})`, value }
          }
          case 3: {
            const n = this.pick([0, 1, 3, 31, 32, 63, 64, 70])
            return this.chance(0.5)
              ? { text: `(${a.text}).shiftLeft(${n})`, value: BigInt.asIntN(64, a.value << BigInt(n)) }
              : { text: `(${a.text}).shiftRight(${n})`, value: a.value >> BigInt(n) }
          }
          case 4:
            return { text: `(${a.text}).bitNot()`, value: ~a.value }
          case 5: {
            const s = set()
            return { text: `(${s.text}).size()`, value: BigInt(s.value.set.length) }
          }
          case 6: {
            const m = map()
            const k = key()
            return { text: `(${m.text}).getOrElse("${k}", ${a.text})`, value: new Map(m.value.map).get(k) ?? a.value }
          }
          case 7: {
            const m = map()
            return { text: `(${m.text}).values().sum()`, value: m.value.map.reduce((s, [, x]) => BigInt.asIntN(64, s + x), 0n) }
          }
          case 8: {
            const b = bytes()
            return { text: `(${b.text}).length()`, value: BigInt(b.value.bytes.length) }
          }
          case 9: {
            const b = big()
            return b.value.big < MIN || b.value.big > MAX ? a : { text: `(${b.text}).toInt()`, value: b.value.big }
          }
          case 10: {
            const l = list()
            return { text: `(${l.text}).indexOf(${a.text})`, value: BigInt(l.value.indexOf(a.value)) }
          }
          case 11: {
            const r = rat()
            const n = r.value.num / r.value.den
            return n < MIN || n > MAX ? a : { text: `(${r.text}).toInt()`, value: n }
          }
          case 12: {
            const s = str()
            return { text: `(${s.text}).split("a").length()`, value: BigInt(s.value.split('a').length) }
          }
          default:
            return { text: `((${a.text}).toString()).toInt()`, value: a.value }
        }
      }
      case 'list': {
        const a = list()
        const i = int()
        switch (this.below(8)) {
          case 0: {
            const s = set()
            return { text: `(${s.text}).toList()`, value: s.value.set }
          }
          case 1: {
            const m = map()
            return { text: `(${m.text}).values()`, value: m.value.map.map(([, x]) => x) }
          }
          case 2: {
            const b = bytes()
            return { text: `(${b.text}).toList()`, value: b.value.bytes.map(BigInt) }
          }
          case 3: {
            const n = this.below(4)
            return { text: `(${a.text}).drop(${n})`, value: a.value.slice(n) }
          }
          case 4:
            return { text: `(${a.text}).distinct()`, value: [...new Set(a.value)] }
          case 5: {
            const rest = env.filter(v => v.kind === 'list')
            if (rest.length === 0) return { text: `[${i.text}, ${i.text}]`, value: [i.value, i.value] }
            const v = this.pick(rest) as Var & { value: readonly bigint[] }
            return { text: `[${i.text} ...${v.text}]`, value: [i.value, ...v.value] }
          }
          case 6: {
            if (a.value.length === 0) return { text: `(${a.text}).tail()`, value: [] }
            const at = this.below(a.value.length)
            return { text: `(${a.text}).updated(${at}, ${i.text})`, value: a.value.map((x, k) => (k === at ? i.value : x)) }
          }
          default: {
            // Long enough to be kept as a tree.
            if (a.value.length === 0 || a.value.length > 10) return a
            const n = this.below(30)
            return {
              text: `(${a.text}).repeat(${n})`,
              value: Array.from({ length: n * a.value.length }, (_, k) => a.value[k % a.value.length]),
            }
          }
        }
      }
      case 'set': {
        const a = set()
        switch (this.below(6)) {
          case 0: {
            const x = int()
            return { text: `(${a.text}).add(${x.text})`, value: { set: sorted([...a.value.set, x.value]) } }
          }
          case 1: {
            const x = int()
            return { text: `(${a.text} - ${x.text})`, value: { set: a.value.set.filter(y => y !== x.value) } }
          }
          case 2: {
            const b = set()
            return { text: `(${a.text} ++ ${b.text})`, value: { set: sorted([...a.value.set, ...b.value.set]) } }
          }
          case 3: {
            const b = set()
            return { text: `(${a.text} -- ${b.text})`, value: { set: a.value.set.filter(x => !b.value.set.includes(x)) } }
          }
          case 4: {
            const b = set()
            return { text: `(${a.text}).intersection(${b.text})`, value: { set: a.value.set.filter(x => b.value.set.includes(x)) } }
          }
          default: {
            const l = list()
            return { text: `(${l.text}).toSet()`, value: { set: sorted(l.value) } }
          }
        }
      }
      case 'map': {
        const a = map()
        const k = key()
        switch (this.below(5)) {
          case 0:
          case 1: {
            const x = int()
            return { text: `(${a.text}).set("${k}", ${x.text})`, value: entries(new Map([...a.value.map, [k, x.value]])) }
          }
          case 2:
            return { text: `(${a.text}).delete("${k}")`, value: { map: a.value.map.filter(([j]) => j !== k) } }
          case 3: {
            const b = map()
            return { text: `(${a.text}).union(${b.text})`, value: entries(new Map([...a.value.map, ...b.value.map])) }
          }
          default: {
            const b = map()
            const keys = b.value.map.map(([j]) => j)
            return { text: `(${a.text}).diff(${b.text})`, value: { map: a.value.map.filter(([j]) => !keys.includes(j)) } }
          }
        }
      }
      case 'bytes': {
        const a = bytes()
        switch (this.below(5)) {
          case 0: {
            const b = bytes()
            if (a.value.bytes.length + b.value.bytes.length > 5_000) return a
            return { text: `(${a.text} ++ ${b.text})`, value: { bytes: [...a.value.bytes, ...b.value.bytes] } }
          }
          case 1: {
            const [from, to] = [this.below(3), this.below(8)]
            return { text: `(${a.text}).slice(${from}, ${to})`, value: { bytes: a.value.bytes.slice(from, Math.max(from, to)) } }
          }
          case 2:
            return { text: `(${a.text}).reverse()`, value: { bytes: [...a.value.bytes].reverse() } }
          case 3: {
            const s = str()
            return { text: `(${s.text}).toUtf8Bytes()`, value: { bytes: [...new TextEncoder().encode(s.value)] } }
          }
          default:
            return { text: `((${a.text}).bytesToHex()).hexToBytes()`, value: a.value }
        }
      }
      case 'big': {
        const a = big()
        const b = big()
        const limit = 1n << 400n
        switch (this.below(7)) {
          case 0:
            return { text: `(${a.text} + ${b.text})`, value: { big: a.value.big + b.value.big } }
          case 1:
            return { text: `(${a.text} - ${b.text})`, value: { big: a.value.big - b.value.big } }
          case 2: {
            const product = a.value.big * b.value.big
            return product > limit || -product > limit ? a : { text: `(${a.text} * ${b.text})`, value: { big: product } }
          }
          case 3:
            return b.value.big === 0n ? a : { text: `(${a.text} / ${b.text})`, value: { big: a.value.big / b.value.big } }
          case 4:
            return b.value.big === 0n ? a : { text: `(${a.text} % ${b.text})`, value: { big: a.value.big % b.value.big } }
          case 5: {
            const i = int()
            return { text: `(${i.text}).toBigInt()`, value: { big: i.value } }
          }
          default:
            return { text: `(- ${a.text})`, value: { big: -a.value.big } }
        }
      }
      case 'rat': {
        const { text: s, value: a } = rat()
        const { text: t, value: b } = rat()
        if (a.den > 1n << 200n || b.den > 1n << 200n) return { text: s, value: a }
        switch (this.below(5)) {
          case 0:
            return { text: `(${s} + ${t})`, value: ratio(a.num * b.den + b.num * a.den, a.den * b.den) }
          case 1:
            return { text: `(${s} - ${t})`, value: ratio(a.num * b.den - b.num * a.den, a.den * b.den) }
          case 2:
            return { text: `(${s} * ${t})`, value: ratio(a.num * b.num, a.den * b.den) }
          case 3:
            return b.num === 0n ? { text: s, value: a } : { text: `(${s} / ${t})`, value: ratio(a.num * b.den, a.den * b.num) }
          default: {
            const i = int()
            return { text: `(${i.text}).toBigRat()`, value: ratio(i.value, 1n) }
          }
        }
      }
      case 'fix': {
        const { text: s, value: a } = fix()
        const { text: t, value: b } = fix()
        const one = 10n ** BigInt(a.scale)
        const same = (unscaled: bigint): Model => ({ unscaled, scale: a.scale })
        if (this.chance(0.2) || a.scale !== b.scale || a.unscaled > 1n << 200n || -a.unscaled > 1n << 200n) {
          const to = this.below(4)
          const scaled = a.scale <= to ? a.unscaled * 10n ** BigInt(to - a.scale) : a.unscaled / 10n ** BigInt(a.scale - to)
          return { text: `(${s}).toFixed(${to})`, value: { unscaled: scaled, scale: to } }
        }
        switch (this.below(5)) {
          case 0:
            return { text: `(${s} + ${t})`, value: same(a.unscaled + b.unscaled) }
          case 1:
            return { text: `(${s} - ${t})`, value: same(a.unscaled - b.unscaled) }
          case 2:
            return { text: `(${s} * ${t})`, value: same(floorDiv(a.unscaled * b.unscaled, one)) }
          case 3:
            return b.unscaled === 0n ? { text: s, value: a } : { text: `(${s} / ${t})`, value: same((a.unscaled * one) / b.unscaled) }
          default:
            return b.unscaled === 0n ? { text: s, value: a } : { text: `(${s} % ${t})`, value: same(a.unscaled % b.unscaled) }
        }
      }
      default: {
        const a = float()
        const b = float()
        const of = (text: string, value: number): Expr => (Number.isFinite(value) ? { text, value: { float: value } } : a)
        switch (this.below(6)) {
          case 0:
            return of(`(${a.text} + ${b.text})`, a.value.float + b.value.float)
          case 1:
            return of(`(${a.text} - ${b.text})`, a.value.float - b.value.float)
          case 2:
            return of(`(${a.text} * ${b.text})`, a.value.float * b.value.float)
          case 3:
            return of(`(${a.text} / ${b.text})`, a.value.float / b.value.float)
          case 4:
            return of(`(${a.text}).floor()`, Math.floor(a.value.float))
          default:
            return of(`(- ${a.text})`, -a.value.float)
        }
      }
    }
  }

  private literal(kind: Kind): Expr {
    switch (kind) {
      case 'set': {
        const items = Array.from({ length: this.below(4) }, () => BigInt(this.below(9)))
        return { text: `Set(${items.join(', ')})`, value: { set: sorted(items) } }
      }
      case 'map': {
        const pairs = Array.from({ length: this.below(3) }, () => [this.pick(WORDS), BigInt(this.below(9))] as const)
        return { text: `{${pairs.map(([k, x]) => `"${k}" : ${x}`).join(', ')}}`, value: entries(new Map(pairs)) }
      }
      case 'bytes': {
        const bytes = Array.from({ length: this.chance(0.1) ? 900 : this.below(5) }, () => this.below(256))
        return { text: `0x${hex(bytes)}`, value: { bytes } }
      }
      case 'big': {
        const big = this.pick([0n, 1n, -1n, 7n, -12n, MAX, MIN, 1n << 64n, 123456789012345678901234567890n])
        return { text: `(${big}n)`, value: { big } }
      }
      case 'rat': {
        const [num, den] = [BigInt(this.below(20) - 8), BigInt(1 + this.below(9))]
        return { text: `(${num}/${den}r)`, value: ratio(num, den) }
      }
      case 'fix': {
        const value = { unscaled: BigInt(this.below(2_000) - 600), scale: this.below(4) }
        return { text: `(${fixedText(value.unscaled, value.scale)}p${value.scale})`, value }
      }
      case 'float': {
        const value = this.pick([0, 1, -1, 0.5, 2.25, -3.75, 0.1, 1e10, 1e-7, 12345.678, 1e21])
        return { text: `(${floatText(value)})`, value: { float: value } }
      }
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
