import { ConstKind } from './constants.ts'
import { BindArrow, COUNT_MASK, FORMAT, HEADER, INT_MAX, INT_MIN, Kind, NEW_MAX, OP_INFO, Op, PERSISTENT } from './opcodes.ts'
import { childCount, Fast, Form, NODE_INFO, P, TYPE_NAMES } from './patterns.ts'
import { compareWords } from './words.ts'

/** What can be wrong with an image. The one table of these codes; the reference prints it. */
export const IMAGE_ERRORS = {
  BAD_IMAGE_LENGTH: 'A length does not fit what holds it, or something is cut off.',
  BAD_IMAGE_HEADER: 'A sequence has an unknown kind or format, or a header that its code does not bear out.',
  BAD_IMAGE_OPCODE: 'A word is no instruction, or one that such a sequence must not have.',
  BAD_IMAGE_OPERAND: 'An operand names a local, capture, constant or number that is not there or not allowed.',
  BAD_IMAGE_STACK: 'An instruction lacks its operands, or two ways come together with different stacks.',
  BAD_IMAGE_JUMP: 'A jump leads out of its branch or into an instruction.',
  BAD_IMAGE_END: 'The code does not end, runs into another branch, or holds words that nothing reaches.',
  BAD_IMAGE_CLOSE: 'An image with captures is not followed by as many slots, or a program captures something.',
  BAD_IMAGE_CONSTANT: 'A constant is cut off, of no known kind, or no value.',
  BAD_IMAGE_PATTERN: 'A pattern is cut off or put together wrongly.',
  BAD_IMAGE_GUARD: 'A guard is cut off or no guard.',
  BAD_IMAGE_NAME: 'An image from outside holds unforgeable names.',
  BAD_IMAGE_LIMIT: 'The image is longer, nested deeper or stands for more than the limits allow.',
  NOT_CANONICAL: 'Well-formed, but no encoder produces it.',
} as const
export type ImageErrorCode = keyof typeof IMAGE_ERRORS

export interface ImageError {
  readonly code: ImageErrorCode
  /** Word offset of what is wrong. */
  readonly position: number
  readonly message: string
}

export interface VerifyOptions {
  /** Members may have captures. Default false: a program. */
  readonly open?: boolean
  /** The image comes from the store or an authenticated peer and may hold unforgeable names. Default false. */
  readonly trusted?: boolean
  /** Images within images. Default 1 000 000. */
  readonly maxNesting?: number
  /** Words of the image. Default 2²⁸. */
  readonly maxWords?: number
  /** What writing out equal components adds: their number, or their words if they capture something. Default 2²². */
  readonly maxExpanded?: number
}

class Refused {
  readonly error: ImageError
  constructor(code: ImageErrorCode, position: number, message: string) {
    this.error = { code, position, message }
  }
}

function refuse(code: ImageErrorCode, position: number, message: string): never {
  throw new Refused(code, position, message)
}

function wrongLength(at: number): never {
  refuse('BAD_IMAGE_CONSTANT', at + 1, 'length of a constant')
}

/** Numbers of two's complement longer than this are not checked for common factors, which would not be linear: they are refused. */
const RATIO_WORDS = 1024

const VALUE = 1
const PATTERN_BIND = 2
const PATTERN_SINGLE = 3
const PATTERN_TERM = 4
const GUARD = 5

/** The first word of the pattern that is one variable, by far the most frequent one. */
const ONE_VARIABLE = Form.BIND | (Fast.ARITY << 8)

const LOGIC = 0
const BRANCH = 1
const NEXT_CASE = 2

class Scope {
  readonly count: number
  seen = 0
  private bits: Uint8Array | null = null
  private mask = 0
  constructor(count: number) {
    this.count = count
  }
  bind(index: number, position: number): void {
    if (this.count < 0) return
    if (index >= this.count) refuse('BAD_IMAGE_PATTERN', position, 'variable beyond the number that the pattern binds')
    this.seen++
    if (this.count <= 31) {
      if ((this.mask & (1 << index)) !== 0) refuse('BAD_IMAGE_PATTERN', position, 'a pattern binds a variable twice')
      this.mask |= 1 << index
      return
    }
    this.bits ??= new Uint8Array(this.count)
    if (this.bits[index] === 1) refuse('BAD_IMAGE_PATTERN', position, 'a pattern binds a variable twice')
    this.bits[index] = 1
  }
  close(position: number): void {
    if (this.count >= 0 && this.seen !== this.count)
      refuse('BAD_IMAGE_PATTERN', position, 'number of variables differs from what the pattern binds')
  }
}

interface TreeFrame {
  readonly code: number
  readonly arg: number
  readonly a: number
  readonly b: number
  readonly need: number
  next: number
  /** Variables of the binds so far. */
  count: number
  readonly depth: number
  readonly outer: Scope
  readonly own: Scope | null
  readonly position: number
}

class Verifier {
  private readonly words: Uint32Array
  private readonly options: VerifyOptions
  private readonly maxNesting: number
  /** Sequences still to check: offset, length, nesting, weight. */
  private readonly work: number[] = []
  private workTop = 0
  private extra = 0
  private readonly maxExpanded: number

  // the sequence that is being checked
  private nesting = 0
  private weight = 1
  private captures = 0
  private nextCapture = 0
  /** Constants of its pool, and for each of them what it is. The lists are longer: they are filled anew for each sequence and never cut. */
  private poolSize = 0
  private readonly kinds: number[] = []
  /** Per constant: start of its capture slots in `slots`, end, largest local + 1 in the pattern, in the guard, number of variables. */
  private readonly slotFrom: number[] = []
  private readonly slotTo: number[] = []
  private readonly patternLocals: number[] = []
  private readonly guardLocals: number[] = []
  private readonly counts: number[] = []
  private readonly slots: number[] = []
  private slotCount = 0
  private nextConst = 0
  private readonly starts: number[] = []
  /** Jumps that wait for their target: target, height there, locals there, sort. */
  private readonly targets: number[] = []
  private readonly heights: number[] = []
  private readonly depths: number[] = []
  private readonly sorts: number[] = []
  private readonly frames: TreeFrame[] = []

  constructor(words: Uint32Array, options: VerifyOptions) {
    this.words = words
    this.options = options
    this.maxNesting = options.maxNesting ?? 1_000_000
    this.maxExpanded = options.maxExpanded ?? 2 ** 22
  }

  run(): void {
    const { words, work } = this
    if (words.length > (this.options.maxWords ?? 2 ** 28)) refuse('BAD_IMAGE_LIMIT', 0, 'the image is too long')
    const slots = this.image(0, words.length, 1, 1)
    if (slots > 0 && this.options.open !== true) refuse('BAD_IMAGE_CLOSE', 0, 'a program captures nothing')
    while (this.workTop > 0) {
      const top = this.workTop - 4
      this.workTop = top
      this.nesting = work[top + 2]
      this.weight = work[top + 3]
      this.sequence(work[top], work[top + 1])
    }
  }

  /** Checks the frame of an image that takes exactly `len` words; gives the number of its capture slots. Its sequences are left for later. */
  private image(at: number, len: number, nesting: number, weight: number): number {
    const { words } = this
    const end = at + len
    if (len < 1) refuse('BAD_IMAGE_LENGTH', at, 'an image has at least one word')
    if (nesting > this.maxNesting) refuse('BAD_IMAGE_LIMIT', at, 'images are nested too deeply')
    let slots = 0
    let p = at + 1
    let before = -1
    let beforeLen = 0
    for (let n = words[at]; n > 0; n--) {
      if (end - p < 2) refuse('BAD_IMAGE_LENGTH', at, 'the image has fewer members than it says')
      const multiplicity = words[p]
      const size = words[p + 1]
      if (multiplicity === 0) refuse('BAD_IMAGE_HEADER', p, 'multiplicity 0')
      if (size < HEADER + 1 || size > end - p - 2) refuse('BAD_IMAGE_LENGTH', p + 1, 'length of a member')
      const seq = p + 2
      if (before >= 0 && compareWords(words, before, beforeLen, words, seq, size) >= 0)
        refuse('NOT_CANONICAL', p, 'members are not in strictly ascending order')
      const captures = words[seq + 1]
      slots += multiplicity * captures
      this.extra += (multiplicity - 1) * (captures > 0 ? size : 1) * weight
      if (this.extra > this.maxExpanded) refuse('BAD_IMAGE_LIMIT', p, 'the image stands for too many components')
      this.later(seq, size, nesting, captures > 0 ? weight * multiplicity : weight)
      before = seq
      beforeLen = size
      p = seq + size
    }
    if (p !== end) refuse('BAD_IMAGE_LENGTH', p, 'words after the last member')
    return slots
  }

  private later(at: number, len: number, nesting: number, weight: number): void {
    const { work } = this
    let top = this.workTop
    work[top++] = at
    work[top++] = len
    work[top++] = nesting
    work[top++] = weight
    this.workTop = top
  }

  // ── constants ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Checks the record of a value at `at` that may take up to `end`; gives where it ends. */
  private value(at: number, end: number): number {
    const { words } = this
    if (end - at < 2) refuse('BAD_IMAGE_CONSTANT', at, 'a constant is cut off')
    const kind = words[at]
    const len = words[at + 1]
    const p = at + 2
    if (len > end - p) refuse('BAD_IMAGE_CONSTANT', at + 1, 'a constant is longer than its pool')
    const stop = p + len
    switch (kind) {
      case ConstKind.string:
      case ConstKind.uri: {
        if (len < 1) wrongLength(at)
        const n = words[p]
        if (len !== 1 + (n >>> 1) + (n & 1)) wrongLength(at)
        if ((n & 1) === 1 && words[stop - 1] >>> 16 !== 0) refuse('NOT_CANONICAL', stop - 1, 'padding of a string')
        let high = false
        for (let i = 0; i < n; i++) {
          const unit = (words[p + 1 + (i >> 1)] >>> (i & 1 ? 16 : 0)) & 0xffff
          const low = unit >= 0xdc00 && unit < 0xe000
          if (low !== high) refuse('BAD_IMAGE_CONSTANT', p + 1 + (i >> 1), 'half a character')
          high = unit >= 0xd800 && unit < 0xdc00
        }
        if (high) refuse('BAD_IMAGE_CONSTANT', stop - 1, 'half a character')
        return stop
      }
      case ConstKind.bytes:
      case ConstKind.deployerId:
      case ConstKind.deployId: {
        if (kind !== ConstKind.bytes && this.options.trusted !== true)
          refuse('BAD_IMAGE_NAME', at, 'an image from outside must not hold identities of deploys')
        if (len < 1) wrongLength(at)
        const n = words[p]
        if (len !== 1 + Math.ceil(n / 4)) wrongLength(at)
        if ((n & 3) !== 0 && words[stop - 1] >>> (8 * (n & 3)) !== 0) refuse('NOT_CANONICAL', stop - 1, 'padding of bytes')
        return stop
      }
      case ConstKind.int: {
        if (len !== 2) wrongLength(at)
        const high = words[p + 1] | 0
        const low = words[p]
        if ((high === 0 && low <= INT_MAX) || (high === -1 && (low | 0) < 0 && (low | 0) >= INT_MIN))
          refuse('NOT_CANONICAL', at, 'an Int that INT holds')
        return stop
      }
      case ConstKind.float: {
        if (len !== 2) wrongLength(at)
        const high = words[p + 1] & 0x7fffffff
        if (high > 0x7ff00000 || (high === 0x7ff00000 && words[p] !== 0)) {
          if (words[p + 1] !== 0x7ff80000 || words[p] !== 0) refuse('NOT_CANONICAL', at, 'another NaN')
        }
        return stop
      }
      case ConstKind.bigint:
        this.big(p, stop)
        return stop
      case ConstKind.bigrat:
        this.ratio(at, p, stop)
        return stop
      case ConstKind.fixed:
        if (len < 2) wrongLength(at)
        this.big(p + 1, stop)
        return stop
      case ConstKind.unforgeable:
        if (len !== 8) wrongLength(at)
        if (this.options.trusted !== true) refuse('BAD_IMAGE_NAME', at, 'an image from outside must not hold unforgeable names')
        return stop
      default:
        return refuse('BAD_IMAGE_CONSTANT', at, 'kind of a constant')
    }
  }

  private big(at: number, end: number): void {
    const { words } = this
    if (end <= at) refuse('BAD_IMAGE_CONSTANT', at, 'a number without words')
    if (end - at < 2) return
    const top = words[end - 1]
    const sign = words[end - 2] >>> 31
    if ((top === 0 && sign === 0) || (top === 0xffffffff && sign === 1)) refuse('NOT_CANONICAL', end - 1, 'a number with superfluous words')
  }

  private ratio(at: number, p: number, stop: number): void {
    const { words } = this
    const len = stop - p
    if (len < 3 || words[p] < 1 || words[p] > len - 2) refuse('BAD_IMAGE_CONSTANT', at, 'length of a ratio')
    const middle = p + 1 + words[p]
    this.big(p + 1, middle)
    this.big(middle, stop)
    if (len > RATIO_WORDS) refuse('BAD_IMAGE_LIMIT', at, 'a ratio is too long')
    const read = (from: number, to: number): bigint => {
      let v = BigInt(words[to - 1] | 0)
      for (let i = to - 2; i >= from; i--) v = (v << 32n) | BigInt(words[i])
      return v
    }
    const den = read(middle, stop)
    if (den <= 0n) refuse('BAD_IMAGE_CONSTANT', middle, 'denominator')
    let a = read(p + 1, middle)
    if (a < 0n) a = -a
    let b = den
    while (b !== 0n) [a, b] = [b, a % b]
    if (a !== 1n) refuse('NOT_CANONICAL', at, 'a ratio that can be reduced')
  }

  /** Slot words from `at`; gives the largest local + 1. */
  private readSlots(at: number, n: number, end: number): number {
    const { words } = this
    if (n > end - at) refuse('BAD_IMAGE_CONSTANT', at, 'slots are cut off')
    let locals = 0
    for (let i = 0; i < n; i++) {
      const w = words[at + i]
      const index = w >>> 8
      if ((w & 0xff) > 1) refuse('BAD_IMAGE_OPERAND', at + i, 'a slot is a local or a capture')
      if ((w & 0xff) === 1) this.slots[this.slotCount++] = index
      else if (index >= locals) locals = index + 1
    }
    if (n > 1 && n <= 8) {
      for (let i = 1; i < n; i++)
        for (let j = 0; j < i; j++) if (words[at + i] === words[at + j]) refuse('NOT_CANONICAL', at, 'a slot stands twice')
    } else if (n > 8) {
      const distinct = new Set<number>()
      for (let i = 0; i < n; i++) distinct.add(words[at + i])
      if (distinct.size !== n) refuse('NOT_CANONICAL', at, 'a slot stands twice')
    }
    return locals
  }

  /** Payload of a guard; gives the largest local + 1 of its slots. */
  private guard(at: number, end: number): number {
    const { words } = this
    if (end - at < 1 + HEADER + 1) refuse('BAD_IMAGE_GUARD', at, 'a guard is cut off')
    const n = words[at]
    const locals = this.readSlots(at + 1, n, end)
    const seq = at + 1 + n
    if (end - seq < HEADER + 1) refuse('BAD_IMAGE_GUARD', at, 'a guard is cut off')
    if ((words[seq] & 0xff) !== Kind.GUARD) refuse('BAD_IMAGE_GUARD', seq, 'kind of a guard')
    if (words[seq + 1] !== n) refuse('BAD_IMAGE_CLOSE', at, 'a guard has as many slots as captures')
    if (this.nesting >= this.maxNesting) refuse('BAD_IMAGE_LIMIT', at, 'images are nested too deeply')
    this.later(seq, end - seq, this.nesting + 1, this.weight)
    return locals
  }

  private pool(at: number, end: number): void {
    const { words } = this
    this.poolSize = 0
    if (at === end) return
    this.slotCount = 0
    const { starts } = this
    let k = 0
    for (let p = at; p < end; ) {
      if (end - p < 2) refuse('BAD_IMAGE_CONSTANT', p, 'a constant is cut off')
      const kind = words[p]
      const from = this.slotCount
      let locals = 0
      let guardLocals = 0
      let count = 0
      let what = VALUE
      let next: number
      if (kind === ConstKind.pattern || kind === ConstKind.guard) {
        if (words[p + 1] > end - p - 2) refuse('BAD_IMAGE_CONSTANT', p + 1, 'a constant is longer than its pool')
        next = p + 2 + words[p + 1]
        if (kind === ConstKind.guard) {
          guardLocals = this.guard(p + 2, next)
          what = GUARD
        } else {
          if (next - p - 2 < 5) refuse('BAD_IMAGE_PATTERN', p, 'a pattern is cut off')
          const frequent = next - p === 8 && words[p + 2] === ONE_VARIABLE
          const form = words[p + 2] & 0xff
          if (form > Form.TERM) refuse('BAD_IMAGE_PATTERN', p + 2, 'form of a pattern')
          what = form === Form.BIND ? PATTERN_BIND : form === Form.SINGLE ? PATTERN_SINGLE : PATTERN_TERM
          count = words[p + 4]
          const n = words[p + 5]
          locals = this.readSlots(p + 6, n, next - 1)
          const guardLen = words[p + 6 + n]
          const guardAt = p + 7 + n
          if (guardLen > next - guardAt) refuse('BAD_IMAGE_PATTERN', p + 6 + n, 'length of the guard')
          if (guardLen > 0) {
            if (form !== Form.SINGLE) refuse('BAD_IMAGE_PATTERN', p + 6 + n, 'only a case has its guard here')
            guardLocals = this.guard(guardAt, guardAt + guardLen)
          }
          if (!frequent || n !== 0 || guardLen !== 0 || words[p + 3] !== 1 || count !== 1 || words[p + 7] !== P.FREE)
            this.tree(p + 2, guardAt + guardLen, next, n)
        }
      } else {
        next = this.value(p, end)
        what = VALUE + 16 * kind
      }
      starts[k] = p
      this.kinds[k] = what
      this.slotFrom[k] = from
      this.slotTo[k] = this.slotCount
      this.patternLocals[k] = locals
      this.guardLocals[k] = guardLocals
      this.counts[k++] = count
      p = next
    }
    starts[k] = end
    this.poolSize = k
    if (k > 1) this.distinct(starts, k)
  }

  private distinct(starts: readonly number[], n: number): void {
    if (n <= 8) {
      for (let i = 1; i < n; i++)
        for (let j = 0; j < i; j++)
          if (compareWords(this.words, starts[j], starts[j + 1] - starts[j], this.words, starts[i], starts[i + 1] - starts[i]) === 0)
            refuse('NOT_CANONICAL', starts[i], 'a constant stands twice in the pool')
      return
    }
    const byHash = new Map<number, number[]>()
    const { words } = this
    for (let i = 0; i < n; i++) {
      const from = starts[i]
      const len = starts[i + 1] - from
      let h = len
      for (let k = 0; k < len; k++) h = Math.imul(h ^ words[from + k], 0x01000193) ^ (h >>> 15)
      const same = byHash.get(h)
      if (same === undefined) byHash.set(h, [i])
      else {
        // a hash that many share was made on purpose
        if (same.length > 16) refuse('BAD_IMAGE_LIMIT', from, 'constants that cannot be told apart quickly')
        for (const j of same)
          if (compareWords(words, starts[j], starts[j + 1] - starts[j], words, from, len) === 0)
            refuse('NOT_CANONICAL', from, 'a constant stands twice in the pool')
        same.push(i)
      }
    }
  }

  // ── patterns ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private tree(head: number, at: number, end: number, slots: number): void {
    const { words } = this
    const form = words[head] & 0xff
    const fast = (words[head] >>> 8) & 0xff
    const rest = words[head] >>> 16
    const n = words[head + 1]
    const count = words[head + 2]
    if (rest > 1 || (rest === 1 && form !== Form.BIND)) refuse('BAD_IMAGE_PATTERN', head, 'remainder of a pattern')
    if (form !== Form.BIND && n !== 1) refuse('BAD_IMAGE_PATTERN', head + 1, 'one pattern is expected here')
    if (n > end - at || count > end - at) refuse('BAD_IMAGE_PATTERN', head + 1, 'number of patterns or variables')
    const root = new Scope(form === Form.TERM ? -1 : count)
    if (form === Form.TERM && count !== 0) refuse('BAD_IMAGE_PATTERN', head + 2, 'number of variables')
    const stack = this.frames
    let p = at
    let roots = 0
    let nextSlot = 0
    let holes = true
    let special = false
    const total = n + rest
    while (roots < total) {
      if (p >= end) refuse('BAD_IMAGE_PATTERN', end, 'a pattern is cut off')
      const top = stack[stack.length - 1]
      const w = words[p]
      const code = w & 0xff
      const arg = w >>> 8
      const position = p
      const info = NODE_INFO[code]
      if (info === undefined) refuse('BAD_IMAGE_PATTERN', p, 'unknown part of a pattern')
      if (end - p - 1 < info.words) refuse('BAD_IMAGE_PATTERN', p, 'a pattern is cut off')
      const a = info.words > 0 ? words[p + 1] : 0
      const b = info.words > 1 ? words[p + 2] : 0
      p += 1 + info.words
      // where it stands
      let depth = 0
      let scope = root
      let wanted = 0
      let remainder = rest === 1 && top === undefined && roots === n
      if (top !== undefined) {
        const i = top.next
        depth = top.depth
        scope = top.outer
        switch (top.code) {
          case P.RECEIVE:
          case P.BRANCH:
            if (i < (top.arg & COUNT_MASK)) wanted = P.BIND
            else depth += top.count
            break
          case P.MATCH:
            if (i > 0) wanted = P.CASE
            break
          case P.SELECT:
            wanted = P.BRANCH
            break
          case P.CASE:
            if (i === 0) scope = top.own as Scope
            else depth += top.a
            break
          case P.BIND:
            if (i > 0) scope = top.own as Scope
            remainder = top.a >>> 31 === 1 && i === top.need - 1
            break
          case P.MATCHES:
            if (i === 1) scope = top.own as Scope
            break
          case P.OR:
            scope = new Scope(-1)
            break
          case P.NOT:
            scope = top.own as Scope
            break
          case P.NEW:
            depth += top.arg
            break
          case P.LISTR:
          case P.SETR:
          case P.PATHMAPR:
          case P.MAPR:
            if (i === top.need - 1 && code !== P.FREE && code !== P.WILDCARD && code !== P.OUTER && code !== P.BOUND)
              refuse('BAD_IMAGE_PATTERN', position, 'a remainder is a variable')
            break
        }
      }
      if (remainder && code !== P.FREE && code !== P.WILDCARD) refuse('BAD_IMAGE_PATTERN', position, 'a remainder is a variable')
      const part = code === P.BIND || code === P.CASE || code === P.BRANCH
      if (wanted === 0 ? part : code !== wanted) refuse('BAD_IMAGE_PATTERN', position, 'a part stands where it does not belong')
      if (top === undefined && !remainder && code !== P.FREE && code !== P.WILDCARD) holes = false
      if (
        scope === root &&
        (code === P.FREE ||
          code === P.WILDCARD ||
          code === P.REF ||
          code === P.REFIN ||
          code === P.TYPE ||
          code === P.AND ||
          code === P.OR ||
          code === P.NOT)
      )
        special = true
      let own: Scope | null = null
      switch (code) {
        case P.NIL:
        case P.WILDCARD:
        case P.NOT:
        case P.IF:
        case P.CONST:
          if (arg !== 0) refuse('NOT_CANONICAL', position, 'unused bits')
          if (code === P.NOT) own = new Scope(-1)
          else if (code === P.CONST) p = this.value(p, end)
          break
        case P.BOOL:
          if (arg > 1) refuse('BAD_IMAGE_PATTERN', position, 'a Bool is 0 or 1')
          break
        case P.TYPE:
          if (arg >= TYPE_NAMES.length) refuse('BAD_IMAGE_PATTERN', position, 'unknown type')
          break
        case P.FREE:
          if (arg >= end - at) refuse('BAD_IMAGE_PATTERN', position, 'number of a variable')
          scope.bind(arg, position)
          break
        case P.REF:
        case P.OUTER:
          if (arg > nextSlot || arg >= slots) refuse('NOT_CANONICAL', position, 'slots are numbered by first use')
          if (arg === nextSlot) nextSlot++
          break
        case P.REFIN:
        case P.BOUND:
          if (arg >= depth) refuse('BAD_IMAGE_PATTERN', position, 'a variable that nothing binds')
          break
        case P.PAR:
        case P.AND:
        case P.OR:
          if (arg < 2) refuse('NOT_CANONICAL', position, 'at least two parts are expected')
          break
        case P.OP: {
          const op = arg < 0x80 ? OP_INFO[arg] : undefined
          const operator = op !== undefined && ((op.code >= Op.ADD && op.code <= Op.OR) || op.code === Op.ANDTHEN || op.code === Op.ORELSE)
          if (!operator) refuse('BAD_IMAGE_PATTERN', position, 'unknown operator')
          break
        }
        case P.METHOD:
          if (p < end && words[p] !== ConstKind.string) refuse('BAD_IMAGE_PATTERN', p, 'name of a method')
          p = this.value(p, end)
          break
        case P.MATCHES:
          if (arg > end - p) refuse('BAD_IMAGE_PATTERN', position, 'number of variables')
          own = new Scope(arg)
          break
        case P.SEND:
          if (arg > 1) refuse('BAD_IMAGE_PATTERN', position, 'unused bits')
          break
        case P.RECEIVE:
        case P.BRANCH:
          if ((arg & COUNT_MASK) === 0) refuse('BAD_IMAGE_PATTERN', position, 'a receive without binds')
          break
        case P.BIND:
          if (arg > BindArrow.PEEK) refuse('BAD_IMAGE_PATTERN', position, 'arrow')
          if (b > end - p) refuse('BAD_IMAGE_PATTERN', position, 'number of variables')
          own = new Scope(b)
          ;(top as TreeFrame).count += b
          break
        case P.NEW:
          if (a > end - p || a > arg || arg === 0) refuse('BAD_IMAGE_PATTERN', position, 'number of names')
          for (let k = 0; k < a; k++) {
            if (p < end && words[p] !== ConstKind.uri) refuse('BAD_IMAGE_PATTERN', p, 'a uri is expected')
            p = this.value(p, end)
          }
          break
        case P.CASE:
          if (arg > 1 || a > end - p) refuse('BAD_IMAGE_PATTERN', position, 'a case')
          own = new Scope(a)
          break
        case P.BUNDLE:
          if (arg > 3) refuse('BAD_IMAGE_PATTERN', position, 'rights of a bundle')
          break
      }
      const need = childCount(code, arg, a)
      if (need > end - p) refuse('BAD_IMAGE_PATTERN', position, 'a pattern is cut off')
      if (need > 0) {
        stack.push({ code, arg, a, b, need, next: 0, count: 0, depth, outer: scope, own, position })
        continue
      }
      own?.close(position)
      for (;;) {
        const parent = stack[stack.length - 1]
        if (parent === undefined) {
          roots++
          break
        }
        if (++parent.next < parent.need) break
        parent.own?.close(parent.position)
        stack.pop()
      }
    }
    if (p !== end) refuse('BAD_IMAGE_PATTERN', p, 'words after a pattern')
    root.close(head)
    if (nextSlot !== slots) refuse('NOT_CANONICAL', head, 'a slot that is not used')
    const single = form !== Form.BIND
    const real = holes
      ? single || (n === 0 && rest === 1)
        ? Fast.ALWAYS
        : Fast.ARITY
      : special || slots > 0 || rest === 1
        ? Fast.GENERAL
        : Fast.CONSTANT
    if (fast !== real) refuse('NOT_CANONICAL', head, 'class of a pattern')
  }

  // ── code ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private useCapture(index: number, position: number): void {
    if (index >= this.captures) refuse('BAD_IMAGE_OPERAND', position, 'a capture that the sequence does not have')
    if (index > this.nextCapture) refuse('NOT_CANONICAL', position, 'captures are numbered by first use')
    if (index === this.nextCapture) this.nextCapture++
  }

  /** Use of constant k; `what` is checked, its captures are counted, its locals must be below `depth`. Gives the number of variables it binds. */
  private useConstant(k: number, what: number, position: number, depth: number): number {
    if (k >= this.poolSize) refuse('BAD_IMAGE_OPERAND', position, 'a constant that the pool does not have')
    if (this.kinds[k] !== what) refuse('BAD_IMAGE_OPERAND', position, 'a constant of another kind is expected')
    if (k > this.nextConst) refuse('NOT_CANONICAL', position, 'constants are pooled in the order of first use')
    if (this.patternLocals[k] > depth || this.guardLocals[k] > depth + this.counts[k])
      refuse('BAD_IMAGE_OPERAND', position, 'a slot that is not bound here')
    if (k === this.nextConst) {
      this.nextConst++
      for (let i = this.slotFrom[k]; i < this.slotTo[k]; i++) this.useCapture(this.slots[i], position)
    }
    return this.counts[k]
  }

  private sequence(at: number, len: number): void {
    const { words } = this
    const end = at + len
    const h = words[at]
    const kind = h & 0xff
    if (kind < Kind.PROC || kind > Kind.GUARD) refuse('BAD_IMAGE_HEADER', at, 'kind of a sequence')
    if (h >>> 8 !== FORMAT) refuse('BAD_IMAGE_HEADER', at, 'format of a sequence')
    const locals = words[at + 2]
    const maxStack = words[at + 3]
    if (words[at + 4] > len - HEADER - 1) refuse('BAD_IMAGE_LENGTH', at + 4, 'length of the pool')
    this.captures = words[at + 1]
    if (this.captures > len) refuse('BAD_IMAGE_HEADER', at + 1, 'captures that nothing uses')
    this.nextCapture = 0
    this.nextConst = 0
    const start = at + HEADER + words[at + 4]
    this.pool(at + HEADER, start)

    const proc = kind === Kind.PROC
    // empty again at the end of every sequence that is accepted
    const { targets, heights, depths, sorts } = this
    let height = 0
    let most = 0
    let depth = 0
    let deepest = 0
    /** Values below this one belong to code outside the operand of `&&` or `||`. */
    let floor = 0
    let reached = true
    let last = 0
    let lastButOne = 0
    /** Names of a `new` that must follow. */
    let more = 0
    let mustHalt = false
    let mustCase = false
    let pc = start
    while (pc < end) {
      while (targets.length > 0 && targets[targets.length - 1] <= pc) {
        const target = targets.pop() as number
        const sort = sorts.pop()
        const there = heights.pop() as number
        const bound = depths.pop() as number
        if (target < pc) refuse('BAD_IMAGE_JUMP', target, 'a jump into an instruction')
        if (sort === LOGIC) {
          if (!reached) refuse('BAD_IMAGE_END', pc, 'unreachable')
          if (height !== there + 1) refuse('BAD_IMAGE_STACK', pc, 'paths meet with different stacks')
          floor = 0
          for (let i = targets.length - 1; i >= 0 && floor === 0 && sorts[i] === LOGIC; i--) floor = heights[i]
        } else {
          if (reached) refuse('BAD_IMAGE_END', pc, 'a path runs into another branch')
          reached = true
          height = sort === NEXT_CASE ? there + 1 : there
          depth = bound
          mustCase = sort === NEXT_CASE
        }
      }
      if (!reached) refuse('BAD_IMAGE_END', pc, 'unreachable')
      const w = words[pc]
      const op = w & 0xff
      const n = w >>> 8
      const info = op < 0x80 ? OP_INFO[op] : undefined
      if (info === undefined) refuse('BAD_IMAGE_OPCODE', pc, 'unknown instruction')
      if (!info.canonical) refuse('NOT_CANONICAL', pc, `${info.name} does not occur in images`)
      if (mustHalt && op !== Op.HALT) refuse('NOT_CANONICAL', pc, 'HALT is expected here')
      if (more > 0 && op !== Op.NEW && op !== Op.NEWURI) refuse('NOT_CANONICAL', pc, 'further names of a new are expected')
      if (mustCase && op !== Op.CASE && op !== Op.POP) refuse('NOT_CANONICAL', pc, 'a case is expected here')
      const inCase = mustCase
      mustHalt = false
      mustCase = false
      let next = pc + 1
      if (info.operand === 'none' && n !== 0) refuse('NOT_CANONICAL', pc, 'unused bits')
      if (info.class === 'X' || op === Op.JFALSE || op === Op.CASE || op === Op.POP || op === Op.FAIL) {
        if (!proc) refuse(kind === Kind.GUARD ? 'BAD_IMAGE_GUARD' : 'BAD_IMAGE_OPCODE', pc, `${info.name} in an expression`)
        if (targets.length > 0 && sorts[sorts.length - 1] === LOGIC) refuse('BAD_IMAGE_END', pc, `${info.name} inside an operand`)
      }
      let pops = info.pops
      let exact = -1
      switch (op) {
        case Op.HALT:
          if (targets.length > 0 && sorts[sorts.length - 1] === LOGIC) refuse('BAD_IMAGE_END', pc, 'HALT inside an operand')
          exact = proc ? 0 : 1
          if (proc && pc === start) refuse('NOT_CANONICAL', pc, 'a component that does nothing')
          reached = false
          break
        case Op.JFALSE:
          exact = 1
          height--
          this.expect(next + n, BRANCH, pc, end, height, depth)
          height++
          break
        case Op.ANDTHEN:
        case Op.ORELSE:
          if (height - 1 < floor) refuse('BAD_IMAGE_STACK', pc, 'stack underflow')
          height--
          this.expect(next + n, LOGIC, pc, end, height, depth)
          if (n === 0) refuse('BAD_IMAGE_JUMP', pc, 'an operator without right operand')
          floor = height
          height++
          break
        case Op.FAIL:
          exact = 0
          this.useConstant(n, PATTERN_TERM, pc, depth)
          reached = false
          break
        case Op.CASE: {
          exact = 1
          if (end - pc < 3) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
          next = pc + 3
          const count = this.useConstant(words[pc + 1], PATTERN_SINGLE, pc, depth)
          if (words[pc + 2] !== depth) refuse('NOT_CANONICAL', pc + 2, 'locals are numbered by binding order')
          height--
          this.expect(next + n, NEXT_CASE, pc, end, height, depth)
          height++
          depth += count
          break
        }
        case Op.POP:
          exact = 1
          if (!inCase && pc === start) refuse('BAD_IMAGE_STACK', pc, 'stack underflow')
          mustHalt = true
          break
        case Op.INT:
        case Op.NIL:
        case Op.REDUCE:
          break
        case Op.BOOL:
          if (n > 1) refuse('BAD_IMAGE_OPERAND', pc, 'a Bool is 0 or 1')
          break
        case Op.CONST:
          if (n < this.poolSize && (this.kinds[n] & 15) !== VALUE) refuse('BAD_IMAGE_OPERAND', pc, 'a value is expected')
          this.useConstant(n, n < this.poolSize ? this.kinds[n] : VALUE, pc, depth)
          break
        case Op.QUOTE:
        case Op.SPAWN:
          next = this.quoted(pc, end, op, depth)
          if (op === Op.SPAWN) {
            exact = 0
            mustHalt = true
            if (pc === start) refuse('NOT_CANONICAL', pc, 'a component that only spawns')
          }
          break
        case Op.CLOSE:
          refuse('BAD_IMAGE_CLOSE', pc, 'CLOSE belongs directly after QUOTE or SPAWN')
          break
        case Op.LOADL:
          if (n >= depth) refuse('BAD_IMAGE_OPERAND', pc, 'a local that is not bound here')
          break
        case Op.LOADC:
          this.useCapture(n, pc)
          break
        case Op.LISTR:
        case Op.SETR:
        case Op.PATHMAPR:
        case Op.MAPR:
          if (last !== Op.REDUCE || (lastButOne !== Op.LOADL && lastButOne !== Op.LOADC))
            refuse('NOT_CANONICAL', pc, 'the remainder of a collection is a variable')
          pops += info.popsPer * n
          break
        case Op.LIST:
        case Op.TUPLE:
        case Op.SET:
        case Op.MAP:
        case Op.PATHMAP:
          pops = info.popsPer * n
          break
        case Op.PAR:
          if (n < 2) refuse('NOT_CANONICAL', pc, 'PAR of fewer than two')
          pops = n
          break
        case Op.BUNDLE:
          if (n > 3) refuse('BAD_IMAGE_OPERAND', pc, 'rights of a bundle')
          break
        case Op.NEW:
        case Op.NEWURI: {
          exact = 0
          if (end - pc < 3) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
          next = pc + 3
          const names = op === Op.NEW ? n : 1
          if (op === Op.NEW) {
            if (n < 1 || n > NEW_MAX) refuse('BAD_IMAGE_OPERAND', pc, 'number of names')
            if (words[pc + 1] !== depth) refuse('NOT_CANONICAL', pc + 1, 'locals are numbered by binding order')
            if (more > 0 && last !== Op.NEW) refuse('NOT_CANONICAL', pc, 'names with a uri come last')
          } else {
            if (n !== depth) refuse('NOT_CANONICAL', pc, 'locals are numbered by binding order')
            this.useConstant(words[pc + 1], VALUE + 16 * ConstKind.uri, pc, depth)
          }
          const left = words[pc + 2]
          if (more > 0 ? left !== more - names : left > NEW_MAX * (end - pc)) refuse('NOT_CANONICAL', pc + 2, 'names still to come')
          if (op === Op.NEW && left > 0 && n < NEW_MAX && next < end && (words[next] & 0xff) === Op.NEW)
            refuse('NOT_CANONICAL', pc, 'NEW binds as many names as it can')
          more = left
          depth += names
          break
        }
        case Op.SEND:
          exact = 1 + (n & COUNT_MASK)
          pops = exact
          mustHalt = true
          break
        case Op.RECV: {
          const binds = n & COUNT_MASK
          if (binds === 0) refuse('BAD_IMAGE_OPERAND', pc, 'a receive without binds')
          if (end - pc < 3 + binds) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
          exact = binds
          pops = binds
          const count = this.binds(pc + 1, binds, depth, n >= PERSISTENT ? 1 : 0)
          this.receiveGuard(pc + 1 + binds, depth + count)
          if (words[pc + 2 + binds] !== depth) refuse('NOT_CANONICAL', pc + 2 + binds, 'locals are numbered by binding order')
          depth += count
          next = pc + 3 + binds
          break
        }
        case Op.SELECT: {
          let p = pc + 1
          let total = 0
          const bodies: number[] = []
          const bodyDepths: number[] = []
          for (let i = 0; i < n; i++) {
            if (p >= end || words[p] > end - p || end - p < words[p] + 4) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
            const binds = words[p]
            if (binds === 0) refuse('BAD_IMAGE_OPERAND', p, 'a branch without binds')
            total += binds
            const count = this.binds(p + 1, binds, depth, 2)
            this.receiveGuard(p + 1 + binds, depth + count)
            if (words[p + 2 + binds] !== depth) refuse('NOT_CANONICAL', p + 2 + binds, 'locals are numbered by binding order')
            bodies.push(words[p + 3 + binds])
            bodyDepths.push(depth + count)
            p += binds + 4
          }
          next = p
          exact = total
          pops = total
          for (let i = n - 1; i >= 0; i--) {
            if (i > 0 ? bodies[i] <= bodies[i - 1] : bodies[i] !== 0) refuse('BAD_IMAGE_JUMP', pc, 'bodies of a select')
            const target = next + bodies[i]
            if (target >= end || (targets.length > 0 && target >= targets[targets.length - 1]))
              refuse('BAD_IMAGE_JUMP', pc, 'a jump out of its branch')
            targets.push(target)
            heights.push(0)
            depths.push(bodyDepths[i])
            sorts.push(BRANCH)
            if (bodyDepths[i] > deepest) deepest = bodyDepths[i]
          }
          reached = false
          break
        }
        case Op.EVAL:
          exact = 1
          reached = false
          break
        case Op.MATCHES:
          this.useConstant(n, PATTERN_SINGLE, pc, depth)
          break
        case Op.METHOD:
          if (end - pc < 2) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
          next = pc + 2
          this.useConstant(n, VALUE + 16 * ConstKind.string, pc, depth)
          pops = 1 + words[pc + 1]
          break
      }
      if (exact >= 0 && height !== exact)
        refuse('BAD_IMAGE_STACK', pc, `${info.name} with ${height} values on the stack instead of ${exact}`)
      if (height - pops < floor) refuse('BAD_IMAGE_STACK', pc, 'stack underflow')
      height += info.pushes - pops
      if (height > most) most = height
      if (depth > deepest) deepest = depth
      lastButOne = last
      last = op
      pc = next
    }
    if (pc !== end) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
    if (reached || targets.length > 0) refuse('BAD_IMAGE_END', end - 1, 'the code does not end')
    if (most !== maxStack) refuse('NOT_CANONICAL', at + 3, `the stack needs ${most} places`)
    if (deepest !== locals) refuse('NOT_CANONICAL', at + 2, `the code binds ${deepest} locals`)
    if (this.nextConst !== this.poolSize) refuse('NOT_CANONICAL', at + 4, 'a constant that is not used')
    if (this.nextCapture !== this.captures) refuse('NOT_CANONICAL', at + 1, 'a capture that is not used')
  }

  /** Notes a jump to `target`. */
  private expect(target: number, sort: number, position: number, end: number, height: number, depth: number): void {
    const { targets } = this
    if (target >= end) refuse('BAD_IMAGE_JUMP', position, 'a jump out of the sequence')
    if (targets.length > 0 && target > targets[targets.length - 1]) refuse('BAD_IMAGE_JUMP', position, 'a jump out of its branch')
    targets.push(target)
    this.heights.push(height)
    this.depths.push(depth)
    this.sorts.push(sort)
  }

  /** Bind words; `arrows`: 0 none may be persistent, 1 one must be, 2 none may (select). Gives the number of variables. */
  private binds(at: number, n: number, depth: number, arrows: number): number {
    const { words } = this
    let count = 0
    let persistent = false
    for (let i = 0; i < n; i++) {
      const w = words[at + i]
      const arrow = w & 0xff
      if (arrow > BindArrow.PEEK || (arrow === BindArrow.PERSISTENT && arrows !== 1)) refuse('BAD_IMAGE_OPERAND', at + i, 'arrow')
      if (arrow === BindArrow.PERSISTENT) persistent = true
      count += this.useConstant(w >>> 8, PATTERN_BIND, at + i, depth)
    }
    if (arrows === 1 && !persistent) refuse('NOT_CANONICAL', at, 'a persistent receive has a persistent arrow')
    return count
  }

  private receiveGuard(at: number, depth: number): void {
    const k = this.words[at]
    if (k !== 0) this.useConstant(k - 1, GUARD, at, depth)
  }

  /** QUOTE or SPAWN with what it closes over; gives the offset after it. */
  private quoted(pc: number, end: number, op: number, depth: number): number {
    const { words } = this
    if (end - pc < 3) refuse('BAD_IMAGE_LENGTH', pc, 'an instruction is cut off')
    const len = words[pc + 1]
    if (len > end - pc - 2) refuse('BAD_IMAGE_LENGTH', pc + 1, 'length of an image')
    const slots = this.image(pc + 2, len, this.nesting + 1, this.weight)
    if (op === Op.SPAWN) {
      const n = words[pc + 2]
      if (n === 0) refuse('NOT_CANONICAL', pc, 'nothing to spawn')
      if (n === 1 && words[pc + 3] === 1 && (words[pc + 5] & 0xff) === Kind.PROC) refuse('NOT_CANONICAL', pc, 'one component runs in place')
    }
    let next = pc + 2 + len
    if (slots === 0) return next
    if (next >= end || (words[next] & 0xff) !== Op.CLOSE) refuse('BAD_IMAGE_CLOSE', pc, 'CLOSE is expected after an image with captures')
    const n = words[next] >>> 8
    if (n !== slots || n > end - next - 1) refuse('BAD_IMAGE_CLOSE', next, `the image has ${slots} captures`)
    for (let i = 1; i <= n; i++) {
      const w = words[next + i]
      if ((w & 0xff) === 1) this.useCapture(w >>> 8, next + i)
      else if ((w & 0xff) !== 0) refuse('BAD_IMAGE_OPERAND', next + i, 'a slot is a local or a capture')
      else if (w >>> 8 >= depth) refuse('BAD_IMAGE_OPERAND', next + i, 'a local that is not bound here')
    }
    next += 1 + n
    return next
  }
}

/**
 * Whether the words are an image that is safe to link, decode and run; undefined if so. Total: any words, no exception, time and memory linear in
 * their number. What depends on the order of terms (components of a value, sets, binds) is not checked here: compile the decoded term for that.
 */
export function verify(words: Uint32Array, options: VerifyOptions = {}): ImageError | undefined {
  try {
    new Verifier(words, options).run()
    return undefined
  } catch (e) {
    if (e instanceof Refused) return e.error
    throw e
  }
}
