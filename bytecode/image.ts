import { type Constant, readConstant } from './constants.ts'
import { FORMAT, HEADER } from './opcodes.ts'
import { compareWords, Words } from './words.ts'

export type { Constant, ValueConstant } from './constants.ts'
export { compareWords, fromBytes, toBytes, Words } from './words.ts'

/**
 * Images, read where they lie: everything here is offsets into one array of words. Only for images that an encoder made or the verifier accepted.
 *
 *     image   := n  member*n                       Nil is the single word 0
 *     member  := multiplicity  len  seq[len]       sorted by (len, words)
 *     seq     := H0 H1 H2 H3 H4 constants code     H0 = kind:8 | format:8 | 0:16, then captures, locals, maxStack, words of constants
 *     pattern := form:8 | fast:8 | rest:1  n  variables  slots  slot*  words of guard  guard  tree      (payload of a constant)
 *     guard   := slots  slot*  seq                                                                     (payload of a constant)
 */
export interface Sequence {
  /** `Kind` of opcodes.ts. */
  readonly kind: number
  readonly captures: number
  readonly locals: number
  readonly maxStack: number
  readonly constants: readonly Constant[]
  /** The array that holds it; the offsets count from its start. */
  readonly words: Uint32Array
  /** Where the header stands. */
  readonly at: number
  readonly codeStart: number
  readonly codeEnd: number
}

export interface Member {
  readonly multiplicity: number
  /** Offset of the header of the sequence. */
  readonly at: number
  readonly len: number
}

/** The members of the image at `at`. */
export function members(words: Uint32Array, at = 0): Member[] {
  const out: Member[] = []
  let p = at + 1
  for (let n = words[at]; n > 0; n--) {
    const len = words[p + 1]
    out.push({ multiplicity: words[p], at: p + 2, len })
    p += 2 + len
  }
  return out
}

/** Number of words of the image at `at`. */
export function imageLength(words: Uint32Array, at = 0): number {
  let p = at + 1
  for (let n = words[at]; n > 0; n--) p += 2 + words[p + 1]
  return p - at
}

/** Number of capture slots that closing the image at `at` takes. */
export function imageCaptures(words: Uint32Array, at = 0): number {
  let total = 0
  let p = at + 1
  for (let n = words[at]; n > 0; n--) {
    total += words[p] * words[p + 3]
    p += 2 + words[p + 1]
  }
  return total
}

/** The sequence whose header stands at `at`; `len` words, by default what the member says that it stands in. */
export function readSequence(words: Uint32Array, at: number, len: number = words[at - 1]): Sequence {
  const codeStart = at + HEADER + words[at + 4]
  const constants: Constant[] = []
  for (let p = at + HEADER; p < codeStart; p += 2 + words[p + 1]) constants.push(readConstant(words, p))
  return {
    kind: words[at] & 0xff,
    captures: words[at + 1],
    locals: words[at + 2],
    maxStack: words[at + 3],
    constants,
    words,
    at,
    codeStart,
    codeEnd: at + len,
  }
}

/** The multiset union: the image of `P | Q` from those of P and Q. */
export function unionImages(a: Uint32Array, b: Uint32Array): Uint32Array {
  const xs = members(a)
  const ys = members(b)
  const out = new Words(a.length + b.length)
  out.push(0)
  let n = 0
  let i = 0
  let j = 0
  while (i < xs.length || j < ys.length) {
    const x = xs[i]
    const y = ys[j]
    const r = i === xs.length ? 1 : j === ys.length ? -1 : compareWords(a, x.at, x.len, b, y.at, y.len)
    const from = r <= 0 ? a : b
    const m = r <= 0 ? x : y
    out.push(r === 0 ? x.multiplicity + y.multiplicity : m.multiplicity)
    out.push(m.len)
    out.append(from, m.at, m.at + m.len)
    if (r <= 0) i++
    if (r >= 0) j++
    n++
  }
  out.data[0] = n
  return out.slice()
}

export function headerWord(kind: number): number {
  return kind | (FORMAT << 8)
}

/** Where a captured value comes from. */
export interface Slot {
  readonly capture: boolean
  readonly index: number
}

export function slotOf(word: number): Slot {
  return { capture: (word & 0xff) === 1, index: word >>> 8 }
}

/** Head of a pattern blob. */
export interface PatternHead {
  readonly form: number
  readonly fast: number
  /** Whether a remainder follows the patterns. */
  readonly rest: boolean
  readonly patterns: number
  /** Number of variables that it binds. */
  readonly count: number
  readonly slots: readonly Slot[]
  /** Payload of the guard, length 0 if there is none. */
  readonly guardAt: number
  readonly guardLen: number
  /** The tree: `patterns` terms, then the remainder. */
  readonly treeAt: number
  readonly end: number
}

/** Reads the head of a pattern constant. */
export function readPattern(words: Uint32Array, at: number, len: number): PatternHead {
  const slots: Slot[] = []
  const n = words[at + 3]
  for (let i = 0; i < n; i++) slots.push(slotOf(words[at + 4 + i]))
  const guardLen = words[at + 4 + n]
  const guardAt = at + 5 + n
  const w = words[at]
  return {
    form: w & 0xff,
    fast: (w >>> 8) & 0xff,
    rest: w >>> 16 === 1,
    patterns: words[at + 1],
    count: words[at + 2],
    slots,
    guardAt,
    guardLen,
    treeAt: guardAt + guardLen,
    end: at + len,
  }
}

/** Reads the payload of a guard: where each capture of its sequence comes from, and the sequence. */
export function readGuard(words: Uint32Array, at: number, len: number): { slots: readonly Slot[]; sequence: Sequence } {
  const slots: Slot[] = []
  const n = words[at]
  for (let i = 0; i < n; i++) slots.push(slotOf(words[at + 1 + i]))
  return { slots, sequence: readSequence(words, at + 1 + n, len - 1 - n) }
}
