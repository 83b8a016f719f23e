/**
 * The instruction table: the single source from which numbers, assembler, disassembler, verifier effects, prices and `docs/bytecode.md` derive.
 *
 * An instruction is one word `op:8 | operand:24` (op in the low byte) and, for some, whole words after it. Offsets count words from the next
 * instruction, forward only. Opcodes from 0x80 on are kept for derived code and never occur in an image.
 */

/** C control, K constant, V variable, D data construction, X effect on the space, P primitive (goes through the processor). */
export type OpClass = 'C' | 'K' | 'V' | 'D' | 'X' | 'P'

/**
 * What the 24 bits mean: nothing, a signed integer, 0/1, a number of operands, a constant, a local, a capture, an offset, bundle rights,
 * or a number with a flag in bit 23.
 */
export type OperandKind = 'none' | 'int' | 'bool' | 'count' | 'const' | 'local' | 'capture' | 'offset' | 'rights' | 'count+flag'

/** The words that follow: `image` = length and image, `slots` = one slot word each, the others as in the entry's `layout`. */
export type ExtraKind = 'none' | 'image' | 'slots' | 'recv' | 'select' | 'case' | 'new' | 'newuri' | 'method'

export interface OpInfo {
  readonly code: number
  readonly name: string
  readonly operand: OperandKind
  readonly extra: ExtraKind
  /** Operand and extra words, for people. */
  readonly layout: string
  /** Values taken: `pops + popsPer · n`, n the number of operands of the instruction (for SELECT the binds of all branches). */
  readonly pops: number
  readonly popsPer: number
  readonly pushes: number
  /** Stack before → after, for people. */
  readonly stack: string
  readonly class: OpClass
  /** Ends its path: nothing follows it except the target of a jump. */
  readonly ends: boolean
  /** Occurs in images that an encoder makes. The others are for hand-written and derived code; the verifier calls them NOT_CANONICAL. */
  readonly canonical: boolean
  /** Phlogiston of one execution, without the part that depends on sizes, which `price` states. */
  readonly gas: number
  readonly price: string
  /** Codes of failures it may raise. */
  readonly errors: readonly string[]
  readonly doc: string
  readonly example: string
}

const table: OpInfo[] = []

interface Row {
  operand?: OperandKind
  extra?: ExtraKind
  layout?: string
  pops?: number
  popsPer?: number
  pushes?: number
  stack?: string
  class: OpClass
  ends?: boolean
  canonical?: boolean
  gas?: number
  price?: string
  errors?: readonly string[]
  doc: string
  example: string
}

function op(code: number, name: string, row: Row): number {
  table.push({
    code,
    name,
    operand: row.operand ?? 'none',
    extra: row.extra ?? 'none',
    layout: row.layout ?? '–',
    pops: row.pops ?? 0,
    popsPer: row.popsPer ?? 0,
    pushes: row.pushes ?? 0,
    stack: row.stack ?? '– → –',
    class: row.class,
    ends: row.ends ?? false,
    canonical: row.canonical ?? true,
    gas: row.gas ?? 0,
    price: row.price ?? '',
    errors: row.errors ?? [],
    doc: row.doc,
    example: row.example,
  })
  return code
}

const ARITH = ['RHO503', 'RHO504', 'RHO510', 'RHO511', 'RHO604']
const binary = (doc: string, example: string, gas: number, price: string, errors: readonly string[]): Row => ({
  pops: 2,
  pushes: 1,
  stack: 'v v → v',
  class: 'P',
  gas,
  price,
  errors,
  doc,
  example,
})
const compare = (doc: string, example: string): Row => ({
  ...binary(doc, example, 3, 'max(3, longer operand) for BigInt, Fixed, BigRat', ['RHO503', 'RHO507', 'RHO510', 'RHO511']),
  stack: 'v v → Bool',
})

/** Numbers of the instructions. */
export const Op = {
  HALT: op(0x01, 'HALT', { class: 'C', ends: true, doc: 'The machine is done.', example: '@0!(1)' }),
  JUMP: op(0x02, 'JUMP', {
    operand: 'offset',
    layout: 'off:24',
    class: 'C',
    ends: true,
    canonical: false,
    doc: 'Continue further on.',
    example: '–',
  }),
  JFALSE: op(0x03, 'JFALSE', {
    operand: 'offset',
    layout: 'off:24',
    pops: 1,
    stack: 'Bool → –',
    class: 'C',
    gas: 12,
    errors: ['RHO514'],
    doc: 'Goes on after `true`, jumps after `false`; anything else is an error. The condition of `if`.',
    example: 'if (true) { @0!(1) }',
  }),
  ANDTHEN: op(0x04, 'ANDTHEN', {
    operand: 'offset',
    layout: 'off:24',
    pops: 1,
    stack: 'Bool → Bool or –',
    class: 'C',
    gas: 2,
    errors: ['RHO503', 'RHO509'],
    doc: '`&&`: `false` stays and jumps; `true` is dropped and the right operand follows, which must be a Bool too.',
    example: '@0!(true && false)',
  }),
  ORELSE: op(0x05, 'ORELSE', {
    operand: 'offset',
    layout: 'off:24',
    pops: 1,
    stack: 'Bool → Bool or –',
    class: 'C',
    gas: 2,
    errors: ['RHO503', 'RHO509'],
    doc: '`||`: `true` stays and jumps; `false` is dropped and the right operand follows, which must be a Bool too.',
    example: '@0!(true || false)',
  }),
  FAIL: op(0x06, 'FAIL', {
    operand: 'const',
    layout: 'k:24',
    class: 'C',
    ends: true,
    errors: ['RHO699'],
    doc: 'A construct that nothing can run (pattern parts outside a pattern), kept in constant k so that images stay lossless.',
    example: '–',
  }),
  CASE: op(0x07, 'CASE', {
    operand: 'offset',
    extra: 'case',
    layout: 'off:24; pattern constant; base local',
    pops: 1,
    stack: 'v → – or v',
    class: 'C',
    gas: 12,
    price: 'once per `match`, plus guards that are evaluated',
    errors: ['RHO603'],
    doc: 'If the value matches (and the guard in the pattern blob holds) it is dropped, the variables are bound to locals from the base on, and the body follows; otherwise jumps with the value kept.',
    example: 'match 1 { x => @0!(x) }',
  }),
  NIL: op(0x10, 'NIL', { pushes: 1, stack: '→ v', class: 'K', doc: 'The empty process.', example: '@0!(Nil)' }),
  INT: op(0x11, 'INT', {
    operand: 'int',
    layout: 'value:24 signed',
    pushes: 1,
    stack: '→ v',
    class: 'K',
    doc: 'A small Int.',
    example: '@0!(5)',
  }),
  BOOL: op(0x12, 'BOOL', { operand: 'bool', layout: '0 or 1', pushes: 1, stack: '→ v', class: 'K', doc: 'A Bool.', example: '@0!(true)' }),
  CONST: op(0x13, 'CONST', {
    operand: 'const',
    layout: 'k:24',
    pushes: 1,
    stack: '→ v',
    class: 'K',
    doc: 'A constant of the pool: string, uri, bytes, wide Int, Float, BigInt, BigRat, Fixed; unforgeables only in stored closures.',
    example: '@0!("text")',
  }),
  QUOTE: op(0x14, 'QUOTE', {
    extra: 'image',
    layout: '0; length; image',
    pushes: 1,
    stack: '→ v',
    class: 'K',
    doc: 'A quoted process; what it captures is bound by the CLOSE after it.',
    example: '@{@0!(1)}!(2)',
  }),
  CLOSE: op(0x20, 'CLOSE', {
    operand: 'count',
    extra: 'slots',
    layout: 'n:24; n slot words `0 local or 1 capture:8 | index:24`',
    stack: '– → –',
    class: 'V',
    doc: 'Binds the captures of the QUOTE or SPAWN before it: those of each copy of each member, in image order.',
    example: 'new x in { @0!(x!(1)) }',
  }),
  LOADL: op(0x21, 'LOADL', {
    operand: 'local',
    layout: 'i:24',
    pushes: 1,
    stack: '→ v',
    class: 'V',
    gas: 10,
    doc: 'The value of a local.',
    example: 'new x in { x!(1) }',
  }),
  LOADC: op(0x22, 'LOADC', {
    operand: 'capture',
    layout: 'i:24',
    pushes: 1,
    stack: '→ v',
    class: 'V',
    gas: 10,
    doc: 'The value of a capture.',
    example: 'new x in { x!(1) | x!(2) }',
  }),
  STOREL: op(0x23, 'STOREL', {
    operand: 'local',
    layout: 'i:24',
    pops: 1,
    stack: 'v → –',
    class: 'V',
    canonical: false,
    doc: 'Puts a value into a local.',
    example: '–',
  }),
  POP: op(0x24, 'POP', {
    pops: 1,
    stack: 'v → –',
    class: 'V',
    doc: 'Drops a value: the scrutinee when no case fits.',
    example: 'match 1 { 2 => Nil }',
  }),
  DUP: op(0x25, 'DUP', { pops: 1, pushes: 2, stack: 'v → v v', class: 'V', canonical: false, doc: 'The same value twice.', example: '–' }),
  LIST: op(0x30, 'LIST', {
    operand: 'count',
    layout: 'n:24',
    popsPer: 1,
    pushes: 1,
    stack: 'v×n → v',
    class: 'D',
    doc: 'A List.',
    example: '@0!([1, 2])',
  }),
  LISTR: op(0x31, 'LISTR', {
    operand: 'count',
    layout: 'n:24',
    pops: 1,
    popsPer: 1,
    pushes: 1,
    stack: 'v×n rest → v',
    class: 'D',
    errors: ['RHO503', 'RHO510'],
    doc: 'A List that goes on with the elements of another.',
    example: 'for (@r <- @1) { @0!([1 ...r]) }',
  }),
  TUPLE: op(0x32, 'TUPLE', {
    operand: 'count',
    layout: 'n:24',
    popsPer: 1,
    pushes: 1,
    stack: 'v×n → v',
    class: 'D',
    doc: 'A Tuple.',
    example: '@0!((1, 2))',
  }),
  SET: op(0x33, 'SET', {
    operand: 'count',
    layout: 'n:24',
    popsPer: 1,
    pushes: 1,
    stack: 'v×n → v',
    class: 'D',
    doc: 'A Set: sorted, duplicates dropped.',
    example: '@0!(Set(1, 2))',
  }),
  SETR: op(0x34, 'SETR', {
    operand: 'count',
    layout: 'n:24',
    pops: 1,
    popsPer: 1,
    pushes: 1,
    stack: 'v×n rest → v',
    class: 'D',
    errors: ['RHO503', 'RHO510'],
    doc: 'A Set with the elements of another.',
    example: 'for (@r <- @1) { @0!(Set(1 ...r)) }',
  }),
  MAP: op(0x35, 'MAP', {
    operand: 'count',
    layout: 'n:24',
    popsPer: 2,
    pushes: 1,
    stack: '(k v)×n → v',
    class: 'D',
    doc: 'A Map: sorted, the last of equal keys wins.',
    example: '@0!({"a" : 1})',
  }),
  MAPR: op(0x36, 'MAPR', {
    operand: 'count',
    layout: 'n:24',
    pops: 1,
    popsPer: 2,
    pushes: 1,
    stack: '(k v)×n rest → v',
    class: 'D',
    errors: ['RHO503', 'RHO510'],
    doc: 'A Map with the entries of another.',
    example: 'for (@r <- @1) { @0!({"a" : 1 ...r}) }',
  }),
  PATHMAP: op(0x37, 'PATHMAP', {
    operand: 'count',
    layout: 'n:24',
    popsPer: 1,
    pushes: 1,
    stack: 'v×n → v',
    class: 'D',
    doc: 'A PathMap.',
    example: '@0!({| ["a"] |})',
  }),
  PATHMAPR: op(0x38, 'PATHMAPR', {
    operand: 'count',
    layout: 'n:24',
    pops: 1,
    popsPer: 1,
    pushes: 1,
    stack: 'v×n rest → v',
    class: 'D',
    errors: ['RHO503', 'RHO510'],
    doc: 'A PathMap with the paths of another.',
    example: 'for (@r <- @1) { @0!({| ["a"] ...r |}) }',
  }),
  PAR: op(0x39, 'PAR', {
    operand: 'count',
    layout: 'n:24, n ≥ 2',
    popsPer: 1,
    pushes: 1,
    stack: 'v×n → v',
    class: 'D',
    doc: 'Parallel composition of processes, as a value.',
    example: '@0!(1 | 2)',
  }),
  BUNDLE: op(0x3a, 'BUNDLE', {
    operand: 'rights',
    layout: '0 bundle0, 1 bundle-, 2 bundle+, 3 bundle',
    pops: 1,
    pushes: 1,
    stack: 'v → v',
    class: 'D',
    doc: 'A bundle; rights of nested bundles are AND-ed.',
    example: 'new x in { @0!(bundle+{*x}) }',
  }),
  REDUCE: op(0x3b, 'REDUCE', {
    pops: 1,
    pushes: 1,
    stack: 'v → v',
    class: 'D',
    errors: ['RHO503', 'RHO510', 'RHO604'],
    doc: 'Evaluates the exposed expressions of a process, nothing below them; the same value when there are none.',
    example: '@{1 + 1}!(0)',
  }),
  NEW: op(0x40, 'NEW', {
    operand: 'count',
    extra: 'new',
    layout: 'n:8, 1 ≤ n ≤ 255; base local; names of the same `new` still to come',
    class: 'X',
    gas: 10,
    price: '10 per `new` + 2 per name',
    doc: 'Fresh unforgeable names into n locals; repeated for more than 255.',
    example: 'new x in { x!(1) }',
  }),
  NEWURI: op(0x41, 'NEWURI', {
    operand: 'local',
    extra: 'newuri',
    layout: 'local:24; uri constant; names of the same `new` still to come',
    class: 'X',
    gas: 2,
    errors: ['RHO405', 'RHO406'],
    doc: 'What a system URI denotes into a local.',
    example: 'new o(`rho:io:stdout`) in { o!(1) }',
  }),
  SEND: op(0x42, 'SEND', {
    operand: 'count+flag',
    layout: 'argc:23 | persistent:1',
    pops: 1,
    popsPer: 1,
    stack: 'ch v×argc → –',
    class: 'X',
    gas: 11,
    price: '11 + size of channel and values',
    errors: ['RHO501', 'RHO515'],
    doc: 'Produces a message.',
    example: '@0!(1, 2)',
  }),
  RECV: op(0x43, 'RECV', {
    operand: 'count+flag',
    extra: 'recv',
    layout:
      'n:23 | persistent:1; per bind `0 <- or 1 <= or 2 <<-:8 | pattern constant:24`; guard constant + 1, or 0; base local of the bindings',
    popsPer: 1,
    stack: 'ch×n → –',
    class: 'X',
    gas: 11,
    price: '11 + size of sources, patterns, guard, body; a COMM 32 + 96·n',
    errors: ['RHO502', 'RHO603'],
    doc: 'Waits for a message on every channel, then goes on with the bindings in locals. Persistent: stays, each match runs a copy of the rest.',
    example: 'for (@x <- @1) { @0!(x) }',
  }),
  SELECT: op(0x44, 'SELECT', {
    operand: 'count',
    extra: 'select',
    layout: 'branches:24; per branch: n, n bind words as in RECV, guard constant + 1 or 0, base local, offset of the body',
    popsPer: 1,
    stack: 'ch×(all binds) → –',
    class: 'X',
    gas: 11,
    price: 'as RECV over all branches',
    errors: ['RHO502', 'RHO603'],
    doc: 'Waits for the first branch that can fire.',
    example: 'select { x <- @1 => Nil y <- @2 => Nil }',
    ends: true,
  }),
  SPAWN: op(0x45, 'SPAWN', {
    extra: 'image',
    layout: '0; length; image',
    class: 'X',
    doc: 'One machine per component of the image; captures are bound by the CLOSE after it.',
    example: 'new x in { x!(1) | x!(2) }',
  }),
  EVAL: op(0x46, 'EVAL', {
    pops: 1,
    stack: 'v → –',
    class: 'X',
    ends: true,
    doc: 'Runs a process value: one component takes over this machine, more are spawned.',
    example: 'for (x <- @1) { *x }',
  }),
  ADD: op(0x50, 'ADD', binary('`+`', '@0!(1 + 2)', 3, '10 + 3 for Set, Map; by size for BigInt, Fixed, BigRat', ARITH)),
  SUB: op(0x51, 'SUB', binary('`-`', '@0!(1 - 2)', 3, '10 + 3 for Set, Map; by size for BigInt, Fixed, BigRat', ARITH)),
  MUL: op(0x52, 'MUL', binary('`*`', '@0!(1 * 2)', 9, 'by size for BigInt, Fixed, BigRat', ARITH)),
  DIV: op(0x53, 'DIV', binary('`/`', '@0!(4 / 2)', 9, 'by size for BigInt, Fixed, BigRat', [...ARITH, 'RHO505'])),
  MOD: op(0x54, 'MOD', binary('`%`', '@0!(4 % 2)', 9, 'by size for BigInt, Fixed, BigRat', [...ARITH, 'RHO505', 'RHO517'])),
  NEG: op(0x55, 'NEG', { ...binary('Unary `-`', '@0!(-(1))', 3, 'by size for BigInt, Fixed, BigRat', ARITH), pops: 1, stack: 'v → v' }),
  CONCAT: op(0x56, 'CONCAT', binary('`++`', '@0!("a" ++ "b")', 10, '10 + units, bytes or elements', ARITH)),
  DIFF: op(0x57, 'DIFF', binary('`--`', '@0!(Set(1) -- Set(1))', 10, '10 + 3 per element of the right operand', ARITH)),
  INTERP: op(0x58, 'INTERP', binary('`%%`', '@0!("$' + '{a}" %% {"a" : 1})', 10, '10 + template length · entries', [...ARITH, 'RHO518'])),
  EQ: op(0x59, 'EQ', {
    ...binary('`==`', '@0!(1 == 2)', 3, 'max(3, the smaller size)', []),
    stack: 'v v → Bool',
  }),
  NE: op(0x5a, 'NE', {
    ...binary('`!=`', '@0!(1 != 2)', 3, 'max(3, the smaller size)', []),
    stack: 'v v → Bool',
  }),
  LT: op(0x5b, 'LT', compare('`<`', '@0!(1 < 2)')),
  LE: op(0x5c, 'LE', compare('`<=`', '@0!(1 <= 2)')),
  GT: op(0x5d, 'GT', compare('`>`', '@0!(1 > 2)')),
  GE: op(0x5e, 'GE', compare('`>=`', '@0!(1 >= 2)')),
  NOT: op(0x5f, 'NOT', {
    pops: 1,
    pushes: 1,
    stack: 'Bool → Bool',
    class: 'P',
    gas: 2,
    errors: ['RHO503', 'RHO509'],
    doc: '`not`',
    example: '@0!(not true)',
  }),
  AND: op(0x60, 'AND', {
    ...binary('`and`, evaluates both sides', '@0!(true and false)', 2, '', ['RHO503', 'RHO509']),
    stack: 'Bool Bool → Bool',
  }),
  OR: op(0x61, 'OR', {
    ...binary('`or`, evaluates both sides', '@0!(true or false)', 2, '', ['RHO503', 'RHO509']),
    stack: 'Bool Bool → Bool',
  }),
  MATCHES: op(0x62, 'MATCHES', {
    operand: 'const',
    layout: 'pattern constant:24',
    pops: 1,
    pushes: 1,
    stack: 'v → Bool',
    class: 'P',
    gas: 12,
    errors: ['RHO603'],
    doc: '`matches`',
    example: '@0!(1 matches Int)',
  }),
  METHOD: op(0x63, 'METHOD', {
    operand: 'const',
    extra: 'method',
    layout: 'name constant:24; argc',
    pops: 1,
    popsPer: 1,
    pushes: 1,
    stack: 'recv v×argc → v',
    class: 'P',
    gas: 10,
    price: 'per method',
    errors: ['RHO503', 'RHO506', 'RHO508', 'RHO512', 'RHO513', 'RHO516', 'RHO519', 'RHO604'],
    doc: 'Calls a method by name.',
    example: '@0!("abc".length())',
  }),
} as const

/** All instructions by number. */
export const OPS: readonly OpInfo[] = table

const byCode: (OpInfo | undefined)[] = new Array(256).fill(undefined)
for (const o of table) byCode[o.code] = o

/** Entry for an opcode byte, undefined for unused numbers. */
export const OP_INFO: readonly (OpInfo | undefined)[] = byCode

/** Entry for a mnemonic. */
export const OP_BY_NAME: ReadonlyMap<string, OpInfo> = new Map(table.map(o => [o.name, o]))

/** Bit 23 of the operand of SEND and RECV. */
export const PERSISTENT = 0x800000
export const COUNT_MASK = 0x7fffff
/** Largest value of a 24-bit operand. */
export const OPERAND_MAX = 0xffffff
export const INT_MIN = -0x800000
export const INT_MAX = 0x7fffff
/** Most names of one NEW. */
export const NEW_MAX = 255

/** The instruction word. `operand` must fit its 24 bits (signed for INT). */
export function word(op: number, operand: number): number {
  return ((operand << 8) | op) >>> 0
}

/** Kinds of sequences. */
export const Kind = { PROC: 1, EXPR: 2, GUARD: 3 } as const
export const KIND_NAMES = ['', 'PROC', 'EXPR', 'GUARD']
export const FORMAT = 1
/** Words of a sequence header. */
export const HEADER = 5

/** Arrows in bind words. */
export const BindArrow = { LINEAR: 0, PERSISTENT: 1, PEEK: 2 } as const

/** Slot words: where a captured value comes from. */
export function slotWord(capture: boolean, index: number): number {
  return ((index << 8) | (capture ? 1 : 0)) >>> 0
}

/** Number of words of the instruction at `pc`, which must lie inside well-formed code. */
export function instructionLength(words: Uint32Array, pc: number): number {
  const w = words[pc]
  const info = OP_INFO[w & 0xff]
  if (info === undefined) return 1
  switch (info.extra) {
    case 'none':
      return 1
    case 'image':
      return 2 + words[pc + 1]
    case 'slots':
      return 1 + (w >>> 8)
    case 'recv':
      return 3 + ((w >>> 8) & COUNT_MASK)
    case 'case':
    case 'new':
    case 'newuri':
      return 3
    case 'select': {
      let at = pc + 1
      for (let n = w >>> 8; n > 0; n--) at += words[at] + 4
      return at - pc
    }
    default:
      return 2
  }
}
