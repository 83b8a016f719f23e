import { CONST_NAMES, type Constant, ConstKind, readConstant } from './constants.ts'
import { hashSequence } from './hash.ts'
import { imageLength } from './image.ts'
import { COUNT_MASK, HEADER, instructionLength, KIND_NAMES, OP_INFO, Op, PERSISTENT } from './opcodes.ts'
import { FAST_NAMES, FORM_NAMES, NODE_INFO, P, recordCount } from './patterns.ts'
import { toBytes } from './words.ts'

export interface DisasmOptions {
  /** Adds what each instruction does to the stack and what it means. */
  readonly verbose?: boolean
  /** Source text of the instruction at a word offset, undefined if it has none. */
  readonly excerpt?: (offset: number) => string | undefined
}

const ARROWS = ['<-', '<=', '<<-']
/** Nested sequences longer than this are listed without id: hashing every level of a deep image would not be linear. */
const ID_WORDS = 1024
const INDENT_MAX = 40

function hex(bytes: Uint8Array): string {
  let s = ''
  for (const b of bytes) s += b.toString(16).padStart(2, '0')
  return s
}

function bigHex(v: bigint): string {
  return v < 0n ? '-0x' + (-v).toString(16) : '0x' + v.toString(16)
}

/** The words as hexadecimal, eight digits each, without separators: what `--bytes` prints is the little-endian byte sequence. */
export function bytesHex(words: Uint32Array, start = 0, end = words.length): string {
  const bytes = toBytes(words, start, end)
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 1024) parts.push(hex(bytes.subarray(i, i + 1024)))
  return parts.join('')
}

/** Beginning of the id of a sequence, as listings show it. */
export function shortId(words: Uint32Array, at: number, len: number): string {
  return hex(hashSequence(words.slice(at, at + len)).subarray(0, 4))
}

function slotText(w: number): string {
  return ((w & 0xff) === 1 ? 'c' : 'L') + (w >>> 8)
}

function slotsText(words: Uint32Array, at: number, n: number): string {
  let s = ''
  for (let i = 0; i < n; i++) s += ' ' + slotText(words[at + i])
  return s
}

function valueText(c: Constant): string {
  switch (c.kind) {
    case 'string':
    case 'uri':
      return `${c.kind} ${JSON.stringify(c.text)}`
    case 'bytes':
    case 'deployerId':
    case 'deployId':
      return `${c.kind} #${hex(c.bytes)}`
    case 'int':
      return `int ${c.value}`
    case 'float': {
      const view = new DataView(new ArrayBuffer(8))
      view.setFloat64(0, c.value)
      return `float #${view.getBigUint64(0).toString(16).padStart(16, '0')}`
    }
    case 'bigint':
      return `bigint ${bigHex(c.value)}`
    case 'bigrat':
      return `bigrat ${bigHex(c.num)} ${bigHex(c.den)}`
    case 'fixed':
      return `fixed ${bigHex(c.unscaled)} ${c.scale}`
    case 'unforgeable':
      return `unforgeable #${hex(c.id)}`
    default:
      return c.kind
  }
}

/** The tree of a pattern, one token group per node. */
function treeText(words: Uint32Array, from: number, end: number): string {
  const parts: string[] = []
  let p = from
  while (p < end) {
    const w = words[p]
    const info = NODE_INFO[w & 0xff]
    if (info === undefined) break
    let s = info.name
    if (info.code === P.OP) s += ':' + OP_INFO[w >>> 8]?.name
    else if (info.arg !== 'none') s += ':' + (info.arg === 'int' ? w >> 8 : w >>> 8)
    for (let i = 1; i <= info.words; i++) s += ',' + words[p + i]
    p += 1 + info.words
    for (let n = recordCount(info.code, words[p - 1]); n > 0; n--) {
      s += ' ' + valueText(readConstant(words, p))
      p += 2 + words[p + 1]
    }
    parts.push(s)
  }
  return parts.join(' ')
}

function bindsText(words: Uint32Array, at: number, n: number): string {
  let s = ''
  for (let i = 0; i < n; i++) s += ` ${ARROWS[words[at + i] & 0xff]} k${words[at + i] >>> 8}`
  const guard = words[at + n]
  if (guard !== 0) s += ` where k${guard - 1}`
  return `${s} base L${words[at + n + 1]}`
}

/** Operands of the instruction at `pc`; images are left out. */
export function operandText(words: Uint32Array, pc: number): string {
  const w = words[pc]
  const n = w >>> 8
  const info = OP_INFO[w & 0xff]
  if (info === undefined) return ''
  switch (info.code) {
    case Op.CLOSE:
      return slotsText(words, pc + 1, n)
    case Op.RECV: {
      const k = n & COUNT_MASK
      return ` ${k}${n >= PERSISTENT ? ' persistent' : ''}${bindsText(words, pc + 1, k)}`
    }
    case Op.SELECT: {
      let s = ` ${n}`
      let at = pc + 1
      for (let i = 0; i < n; i++) {
        const k = words[at]
        s += ` branch ${k}${bindsText(words, at + 1, k)} +${words[at + k + 3]}`
        at += k + 4
      }
      return s
    }
    case Op.CASE:
      return ` +${n} k${words[pc + 1]} base L${words[pc + 2]}`
    case Op.NEW:
      return ` ${n} base L${words[pc + 1]} more ${words[pc + 2]}`
    case Op.NEWURI:
      return ` L${n} k${words[pc + 1]} more ${words[pc + 2]}`
    case Op.METHOD:
      return ` k${n} ${words[pc + 1]}`
  }
  switch (info.operand) {
    case 'none':
      return ''
    case 'int':
      return ` ${w >> 8}`
    case 'bool':
      return n === 1 ? ' true' : ' false'
    case 'const':
      return ` k${n}`
    case 'local':
      return ` L${n}`
    case 'capture':
      return ` c${n}`
    case 'offset':
      return ` +${n}`
    case 'count+flag':
      return ` ${n & COUNT_MASK}${n >= PERSISTENT ? ' persistent' : ''}`
    default:
      return ` ${n}`
  }
}

const IMAGE = 0
const POOL = 1
const CODE = 2
const TEXT = 3

/**
 * Lists an image: one block per distinct component with its multiplicity; images inside are blocks of their own, the same as when listed alone
 * except for indentation. Only for verified images. `asm` reads it back.
 */
export function disasm(words: Uint32Array, at = 0, options: DisasmOptions = {}): string {
  const lines: string[] = []
  // work: kind, position, end, code start or members left; and the text to write
  const kinds: number[] = [IMAGE]
  const from: number[] = [at + 1]
  const ends: number[] = [0]
  const extra: number[] = [words[at]]
  const texts: string[] = ['']
  let level = 0
  const push = (kind: number, position: number, end: number, more: number, text = ''): void => {
    kinds.push(kind)
    from.push(position)
    ends.push(end)
    extra.push(more)
    texts.push(text)
  }
  const line = (text: string): void => {
    lines.push('  '.repeat(Math.min(level, INDENT_MAX)) + text)
  }
  const block = (seq: number, len: number, prefix: string): void => {
    const id = level === 0 || len <= ID_WORDS ? `  ; ${shortId(words, seq, len)}` : ''
    line(`${prefix}${KIND_NAMES[words[seq] & 0xff]} captures ${words[seq + 1]} locals ${words[seq + 2]} stack ${words[seq + 3]} {${id}`)
    level++
    const code = seq + HEADER + words[seq + 4]
    push(CODE, code, seq + len, code)
    push(POOL, seq + HEADER, code, 0)
  }
  while (kinds.length > 0) {
    const kind = kinds.pop() as number
    let p = from.pop() as number
    const end = ends.pop() as number
    const more = extra.pop() as number
    const text = texts.pop() as string
    if (kind === TEXT) {
      if (more !== 0) level += more
      line(text)
    } else if (kind === IMAGE) {
      if (more === 0) continue
      push(IMAGE, p + 2 + words[p + 1], 0, more - 1)
      block(p + 2, words[p + 1], `×${words[p]} `)
    } else if (kind === POOL) {
      // `more` is the number of the constant
      let k = more
      let nested = false
      while (p < end && !nested) {
        const len = words[p + 1]
        const next = p + 2 + len
        const name = CONST_NAMES[words[p]]
        if (words[p] === ConstKind.guard) {
          const n = words[p + 2]
          push(POOL, next, end, k + 1)
          block(p + 3 + n, len - 1 - n, `k${k} guard slots${slotsText(words, p + 3, n)} `)
          nested = true
        } else if (words[p] === ConstKind.pattern) {
          const h = words[p + 2]
          const n = words[p + 5]
          const guardLen = words[p + 6 + n]
          const guard = p + 7 + n
          const head =
            `k${k} ${name} ${FORM_NAMES[h & 0xff]} ${FAST_NAMES[(h >>> 8) & 0xff]} ${words[p + 3]}` +
            `${h >>> 16 === 1 ? ' rest' : ''} variables ${words[p + 4]} slots${slotsText(words, p + 6, n)}`
          const tree = `tree ${treeText(words, guard + guardLen, next)} end`
          if (guardLen === 0) line(`${head} ${tree}`)
          else {
            line(head)
            push(POOL, next, end, k + 1)
            push(TEXT, 0, 0, 0, tree)
            const m = words[guard]
            block(guard + 1 + m, guardLen - 1 - m, `guard slots${slotsText(words, guard + 1, m)} `)
            nested = true
          }
        } else line(`k${k} ${valueText(readConstant(words, p))}`)
        p = next
        k++
      }
    } else {
      let nested = false
      while (p < end && !nested) {
        const w = words[p]
        const info = OP_INFO[w & 0xff]
        let comment = options.excerpt?.(p) ?? ''
        if (options.verbose === true && info !== undefined)
          comment = `${info.stack}  ${info.doc}${comment === '' ? '' : `  « ${comment} »`}`
        const next = p + instructionLength(words, p)
        const opens = info?.extra === 'image'
        line(
          `${String(p - more).padStart(4)}: ${info?.name}${operandText(words, p)}${opens ? ' {' : ''}${comment === '' ? '' : `  ; ${comment.replace(/\s+/g, ' ')}`}`,
        )
        if (opens) {
          push(CODE, next, end, more)
          push(TEXT, 0, 0, -1, '}')
          push(IMAGE, p + 3, 0, words[p + 2])
          level++
          nested = true
        }
        p = next
      }
      if (!nested) {
        level--
        line('}')
      }
    }
  }
  return lines.map(l => l + '\n').join('')
}

/** A sequence for `--format json`. Images inside an instruction are given by the numbers of their sequences, so deep images stay flat. */
export interface SequenceJson {
  readonly v: 1
  readonly kind: 'sequence'
  readonly number: number
  /** Number of the sequence that holds it and the pc of the instruction there, null for a component of the program. */
  readonly parent: { readonly number: number; readonly pc: number } | null
  readonly multiplicity: number
  readonly id: string | null
  readonly sort: string
  readonly captures: number
  readonly locals: number
  readonly stack: number
  readonly constants: readonly string[]
  readonly code: readonly { readonly pc: number; readonly op: string; readonly operands: string; readonly source?: string }[]
  readonly bytes: string
}

/** The image as a list of sequences, holders before what they hold. */
export function disasmJson(words: Uint32Array, at = 0, options: DisasmOptions = {}): SequenceJson[] {
  const out: SequenceJson[] = []
  const queue: { at: number; len: number; multiplicity: number; parent: SequenceJson['parent'] }[] = []
  const image = (p: number, parent: SequenceJson['parent']): void => {
    let q = p + 1
    for (let n = words[p]; n > 0; n--) {
      queue.push({ at: q + 2, len: words[q + 1], multiplicity: words[q], parent })
      q += 2 + words[q + 1]
    }
  }
  image(at, null)
  for (let i = 0; i < queue.length; i++) {
    const { at: seq, len, multiplicity, parent } = queue[i]
    const constants: string[] = []
    const start = seq + HEADER + words[seq + 4]
    for (let p = seq + HEADER; p < start; p += 2 + words[p + 1]) constants.push(valueText(readConstant(words, p)))
    const code: SequenceJson['code'][number][] = []
    for (let p = start; p < seq + len; p += instructionLength(words, p)) {
      const info = OP_INFO[words[p] & 0xff]
      const source = options.excerpt?.(p)
      const row = { pc: p - start, op: info?.name ?? '', operands: operandText(words, p).trim() }
      code.push(source === undefined ? row : { ...row, source })
      if (info?.extra === 'image') image(p + 2, { number: i, pc: p - start })
    }
    const small = parent === null || len <= ID_WORDS
    out.push({
      v: 1,
      kind: 'sequence',
      number: i,
      parent,
      multiplicity,
      id: small ? hex(hashSequence(words.slice(seq, seq + len))) : null,
      sort: KIND_NAMES[words[seq] & 0xff],
      captures: words[seq + 1],
      locals: words[seq + 2],
      stack: words[seq + 3],
      constants,
      code,
      bytes: small ? bytesHex(words, seq, seq + len) : '',
    })
  }
  return out
}

export { imageLength }
