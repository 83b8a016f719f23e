import { ConstKind, type ValueConstant, writeConstant } from './constants.ts'
import { headerWord } from './image.ts'
import { KIND_NAMES, OP_BY_NAME, Op, type OpInfo, PERSISTENT, slotWord } from './opcodes.ts'
import { FAST_NAMES, FORM_NAMES, NODE_BY_NAME, P, recordCount } from './patterns.ts'
import { Words } from './words.ts'

/** What is wrong with a listing, and where. */
export interface AsmError {
  readonly code: 'BAD_LISTING'
  /** Line, from 1. */
  readonly line: number
  readonly message: string
}

class Refused {
  readonly error: AsmError
  constructor(line: number, message: string) {
    this.error = { code: 'BAD_LISTING', line, message }
  }
}

const TOKEN = /;[^\n]*|"(?:[^"\\\n]|\\.)*"|[{}]|[^\s{};"]+|\n/g
const ARROWS = ['<-', '<=', '<<-']

class Assembler {
  private readonly tokens: string[] = []
  private readonly lines: number[] = []
  private at = 0
  readonly out = new Words()

  constructor(text: string) {
    let line = 1
    for (const [token] of text.matchAll(TOKEN)) {
      if (token === '\n') line++
      else if (token[0] !== ';') {
        this.tokens.push(token)
        this.lines.push(line)
      }
    }
  }

  fail(message: string): never {
    throw new Refused(this.lines[Math.min(this.at, this.lines.length - 1)] ?? 1, message)
  }
  private peek(): string | undefined {
    return this.tokens[this.at]
  }
  private next(): string {
    return this.tokens[this.at++] ?? this.fail('unexpected end')
  }
  private take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false
    this.at++
    return true
  }
  private need(token: string): void {
    if (!this.take(token)) this.fail(`${token} expected`)
  }
  private number(prefix = '', min = 0, max = 0xffffffff): number {
    const t = this.next()
    const n = t.startsWith(prefix) && /^-?\d+$/.test(t.slice(prefix.length)) ? Number(t.slice(prefix.length)) : Number.NaN
    if (!(n >= min && n <= max)) this.fail(`${prefix}number expected instead of ${t}`)
    return n
  }
  private operand(prefix = ''): number {
    return this.number(prefix, 0, 0xffffff)
  }
  private among(names: readonly string[]): number {
    const i = names.indexOf(this.next())
    return i < 0 ? this.fail(`one of ${names.join(', ')} expected`) : i
  }
  private text(): string {
    try {
      const v: unknown = JSON.parse(this.next())
      if (typeof v === 'string') return v
    } catch {
      // the message below says it
    }
    return this.fail('text in quotes expected')
  }
  private octets(): Uint8Array {
    const t = this.next()
    if (!/^#(?:[0-9a-f]{2})*$/.test(t)) this.fail('# and hexadecimal digits expected')
    return Uint8Array.from(t.slice(1).match(/../g) ?? [], h => Number.parseInt(h, 16))
  }
  private big(): bigint {
    const t = this.next()
    if (!/^-?(?:0x[0-9a-f]+|\d+)$/.test(t)) this.fail('a number expected')
    return t[0] === '-' ? -BigInt(t.slice(1)) : BigInt(t)
  }

  private value(): void {
    const kind = this.next()
    let c: ValueConstant | undefined
    switch (kind) {
      case 'string':
      case 'uri':
        c = { kind, text: this.text() }
        break
      case 'bytes':
      case 'deployerId':
      case 'deployId':
        c = { kind, bytes: this.octets() }
        break
      case 'int':
      case 'bigint':
        c = { kind, value: this.big() }
        break
      case 'float': {
        const b = this.octets()
        if (b.length !== 8) this.fail('8 bytes expected')
        c = { kind, value: new DataView(b.buffer).getFloat64(0) }
        break
      }
      case 'bigrat':
        c = { kind, num: this.big(), den: this.big() }
        break
      case 'fixed':
        c = { kind, unscaled: this.big(), scale: this.number() }
        break
      case 'unforgeable': {
        const id = this.octets()
        if (id.length !== 32) this.fail('32 bytes expected')
        c = { kind, id }
        break
      }
      default:
        this.fail(`kind of a constant expected instead of ${kind}`)
    }
    if (c !== undefined) writeConstant(this.out, c)
  }

  private slots(): void {
    const at = this.out.length
    this.out.push(0)
    for (let t = this.peek(); t !== undefined && /^[cL]\d+$/.test(t); t = this.peek()) {
      this.out.push(slotWord(t[0] === 'c', this.operand(t[0])))
      this.out.data[at]++
    }
  }

  private tree(): void {
    const { out } = this
    while (!this.take('end')) {
      const [head, ...words] = this.next().split(',')
      const colon = head.indexOf(':')
      const info = NODE_BY_NAME.get(colon < 0 ? head : head.slice(0, colon))
      if (info === undefined || words.length !== info.words) this.fail(`part of a pattern expected instead of ${head}`)
      const arg = colon < 0 ? 0 : info.code === P.OP ? OP_BY_NAME.get(head.slice(colon + 1))?.code : Number(head.slice(colon + 1))
      if (arg === undefined || !Number.isInteger(arg)) this.fail(`${head} is no part of a pattern`)
      out.push(((arg << 8) | info.code) >>> 0)
      for (const w of words) out.push(Number(w))
      for (let n = recordCount(info.code, Number(words[0])); n > 0; n--) this.value()
    }
  }

  private binds(n: number): void {
    const { out } = this
    for (let i = 0; i < n; i++) {
      const arrow = this.among(ARROWS)
      out.push(((this.operand('k') << 8) | arrow) >>> 0)
    }
    out.push(this.take('where') ? this.operand('k') + 1 : 0)
    this.need('base')
    out.push(this.operand('L'))
  }

  /** One instruction without the image that it may open. */
  private instruction(info: OpInfo): void {
    const { out } = this
    const at = out.length
    out.push(info.code)
    let n = 0
    switch (info.code) {
      case Op.CLOSE:
        out.length--
        this.slots()
        n = out.data[at]
        out.data[at] = info.code
        break
      case Op.RECV:
        n = this.operand()
        if (this.take('persistent')) n |= PERSISTENT
        this.binds(n & ~PERSISTENT)
        break
      case Op.SELECT:
        n = this.operand()
        for (let i = 0; i < n; i++) {
          this.need('branch')
          const k = this.operand()
          out.push(k)
          this.binds(k)
          out.push(this.number('+'))
        }
        break
      case Op.CASE:
        n = this.operand('+')
        out.push(this.operand('k'))
        this.need('base')
        out.push(this.operand('L'))
        break
      case Op.NEW:
        n = this.operand()
        this.need('base')
        out.push(this.operand('L'))
        this.need('more')
        out.push(this.number())
        break
      case Op.NEWURI:
        n = this.operand('L')
        out.push(this.operand('k'))
        this.need('more')
        out.push(this.number())
        break
      case Op.METHOD:
        n = this.operand('k')
        out.push(this.number())
        break
      default:
        switch (info.operand) {
          case 'none':
            break
          case 'int':
            n = this.number('', -0x800000, 0x7fffff)
            break
          case 'bool':
            n = this.among(['false', 'true'])
            break
          case 'const':
            n = this.operand('k')
            break
          case 'local':
            n = this.operand('L')
            break
          case 'capture':
            n = this.operand('c')
            break
          case 'offset':
            n = this.operand('+')
            break
          case 'count+flag':
            n = this.operand()
            if (this.take('persistent')) n |= PERSISTENT
            break
          default:
            n = this.operand()
        }
    }
    out.data[at] = ((n << 8) | info.code) >>> 0
  }

  /** Everything, with a stack of what is open. */
  run(): void {
    const { out } = this
    // what is open: kind, where its length stands, where it starts
    const IMAGE = 0
    const SEQ = 1
    const GUARD = 2
    const CASE_GUARD = 3
    const kinds: number[] = [IMAGE]
    const starts: number[] = [out.length]
    /** Sequences: whether the pool is still open. */
    const pools: boolean[] = [false]
    out.push(0)
    const openSequence = (kind: number, sort: number): void => {
      kinds.push(kind)
      starts.push(out.length)
      pools.push(true)
      out.push(headerWord(sort))
      this.need('captures')
      out.push(this.number())
      this.need('locals')
      out.push(this.number())
      this.need('stack')
      out.push(this.number())
      out.push(0)
      this.need('{')
    }
    const closePool = (): void => {
      const top = kinds.length - 1
      if (!pools[top]) return
      pools[top] = false
      const start = starts[top]
      out.data[start + 4] = out.length - start - 5
    }
    /** Starts of constant records, to set their lengths. */
    const records: number[] = []
    for (;;) {
      const top = kinds.length - 1
      const kind = kinds[top]
      const t = this.peek()
      if (t === undefined) {
        if (top > 0) this.fail('} expected')
        return
      }
      if (t === '}') {
        if (top === 0) this.fail('nothing to close')
        this.at++
        if (kind !== IMAGE) closePool()
        kinds.pop()
        pools.pop()
        const start = starts.pop() as number
        if (kind === IMAGE) out.data[start - 1] = out.length - start
        else if (kind === SEQ) out.data[start - 1] = out.length - start
        else {
          const record = records.pop() as number
          if (kind === CASE_GUARD) {
            // length of the guard inside its blob stands before its slots
            const at = records.pop() as number
            out.data[at] = out.length - at - 1
            this.need('tree')
            this.tree()
          }
          out.data[record] = out.length - record - 1
        }
        continue
      }
      if (kind === IMAGE) {
        if (!/^[×x]\d+$/.test(t)) this.fail(`a component expected instead of ${t}`)
        this.at++
        out.data[starts[top]]++
        out.push(Number(t.slice(1)))
        out.push(0)
        openSequence(SEQ, this.among(KIND_NAMES))
        continue
      }
      if (/^k\d+$/.test(t)) {
        if (!pools[top]) this.fail('constants stand before the code')
        this.at++
        const what = this.peek()
        if (what === 'guard') {
          this.at++
          out.push(ConstKind.guard)
          records.push(out.length)
          out.push(0)
          this.need('slots')
          this.slots()
          openSequence(GUARD, this.among(KIND_NAMES))
        } else if (what === 'pattern') {
          this.at++
          out.push(ConstKind.pattern)
          const record = out.length
          out.push(0)
          const form = this.among(FORM_NAMES)
          const fast = this.among(FAST_NAMES)
          const n = this.number()
          const rest = this.take('rest') ? 1 : 0
          out.push(form | (fast << 8) | (rest << 16))
          out.push(n)
          this.need('variables')
          out.push(this.number())
          this.need('slots')
          this.slots()
          const guardLen = out.length
          out.push(0)
          if (this.take('guard')) {
            records.push(guardLen)
            records.push(record)
            this.need('slots')
            this.slots()
            openSequence(CASE_GUARD, this.among(KIND_NAMES))
          } else {
            this.need('tree')
            this.tree()
            out.data[record] = out.length - record - 1
          }
        } else this.value()
        continue
      }
      if (/^\d+:$/.test(t)) {
        this.at++
        continue
      }
      const info = OP_BY_NAME.get(t)
      if (info === undefined) this.fail(`instruction expected instead of ${t}`)
      this.at++
      closePool()
      this.instruction(info)
      if (info.extra === 'image') {
        this.need('{')
        out.push(0)
        kinds.push(IMAGE)
        starts.push(out.length)
        pools.push(false)
        out.push(0)
      }
    }
  }
}

/** Reads a listing. The image is what the listing says: verify it before use. */
export function asm(text: string): { readonly image: Uint32Array } | { readonly error: AsmError } {
  const a = new Assembler(text)
  try {
    a.run()
    return { image: a.out.slice() }
  } catch (e) {
    if (e instanceof Refused) return { error: e.error }
    throw e
  }
}
