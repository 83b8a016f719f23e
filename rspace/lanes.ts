import { type Func, I32, I64, instantiate, leb, program, signed, V128 } from './wasm.ts'

/**
 * The inner loops of the lattice hash as a small WebAssembly program, made here: BLAKE2b-256 of an element, which names it, and BLAKE3 of 40 bytes drawn out to 2 KiB,
 * four blocks at a time, and added to or taken from 1,024 numbers of 16 bits in place. Six times as fast as drawing out by one program and adding by another.
 */

export const SEED_BYTES = 40
/** Elements up to this, with their tag, are named here. */
export const INPUT_BYTES = 32_768
/** Where the seed lies, which begins with the name; and the numbers: for each four blocks word by word, the four blocks' words beside each other; and the element. */
const SEED_AT = 0
const LANES_AT = 256
const INPUT_AT = 4096
const BLOCKS = 32
const WORDS = 512

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
const NEXT_ROUND = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
/** First and last block of the only chunk, which is the root. */
const FLAGS = 1 | 2 | 8

// Instructions: WebAssembly with fixed-width vectors.
const CONST_I32 = 0x41
const LOAD = 0
const LOAD_SPLAT = 9
const STORE = 11
const CONST_V128 = 12
const SHUFFLE = 13
const NOT = 0x4d
const OR = 0x50
const XOR = 0x51
const ADD_16 = 0x8e
const SHIFT_LEFT_32 = 0xab
const SHIFT_RIGHT_32 = 0xad
const ADD_32 = 0xae

/** Instructions, appended one behind another: lists of lists that are put together in the end take many times as long. */
class Code {
  readonly bytes: number[] = []
  put(...some: number[]): this {
    for (let i = 0; i < some.length; i++) this.bytes.push(some[i])
    return this
  }
  get(local: number): this {
    return this.put(0x20, local)
  }
  set(local: number): this {
    return this.put(0x21, local)
  }
  i32(n: number): this {
    return this.put(CONST_I32, ...signed(n))
  }
  i64(n: bigint): this {
    return this.put(0x42, ...signed(BigInt.asIntN(64, n)))
  }
  vector(op: number): this {
    return op < 128 ? this.put(0xfd, op) : this.put(0xfd, (op & 127) | 128, op >> 7)
  }
  splat(word: number): this {
    this.vector(CONST_V128)
    for (let i = 0; i < 4; i++) this.put(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24)
    return this
  }
  /** The operand of a load or store. */
  address(align: number, at: number): this {
    return this.put(align, ...leb(at))
  }
}

// Of numbers of 32 bits, four at a time.
function add(code: Code, a: number, b: number): void {
  code.get(a).get(b).vector(ADD_32).set(a)
}
function xor(code: Code, a: number, b: number): void {
  code.get(a).get(b).vector(XOR).set(a)
}
/** To the right. By two bytes it is a permutation that the host knows an instruction for; by one it is quicker to shift. */
function rotate(code: Code, local: number, bits: number): void {
  if (bits === 16) {
    code.get(local).get(local).vector(SHUFFLE).put(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13).set(local)
    return
  }
  code.get(local).put(CONST_I32, bits).vector(SHIFT_RIGHT_32)
  code
    .get(local)
    .put(CONST_I32, 32 - bits)
    .vector(SHIFT_LEFT_32)
  code.vector(OR).set(local)
}

// Locals: 0 the address of the four blocks (and of their numbers), then the state.
const PLACE = 0
const S = 1
/** The numbers of four blocks. */
const COUNTERS = S + 16

function mix(code: Code, a: number, b: number, c: number, d: number, x: number, y: number): void {
  const half = (word: number, first: number, second: number): void => {
    // Behind the seed are zeros, which need not be added.
    if (4 * word < SEED_BYTES)
      code
        .get(a)
        .put(CONST_I32, 0)
        .vector(LOAD_SPLAT)
        .address(2, SEED_AT + 4 * word)
        .vector(ADD_32)
        .set(a)
    add(code, a, b)
    xor(code, d, a)
    rotate(code, d, first)
    add(code, c, d)
    xor(code, b, c)
    rotate(code, b, second)
  }
  half(x, 16, 12)
  half(y, 8, 7)
}

/** Goes over all blocks and adds what they give to the numbers. */
function adding(): Func {
  const code = new Code()
  code.vector(CONST_V128).put(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0).set(COUNTERS)
  code.put(0x03, 0x40) // loop
  for (let i = 0; i < 8; i++) code.splat(IV[i]).set(S + i)
  for (let i = 0; i < 4; i++) code.splat(IV[i]).set(S + 8 + i)
  code.get(COUNTERS).set(S + 12)
  code
    .splat(0)
    .set(S + 13)
    .splat(SEED_BYTES)
    .set(S + 14)
    .splat(FLAGS)
    .set(S + 15)
  let m = Array.from({ length: 16 }, (_, i) => i)
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 4; i++) mix(code, S + i, S + 4 + i, S + 8 + i, S + 12 + i, m[2 * i], m[2 * i + 1])
    for (let i = 0; i < 4; i++)
      mix(code, S + i, S + 4 + ((i + 1) & 3), S + 8 + ((i + 2) & 3), S + 12 + ((i + 3) & 3), m[8 + 2 * i], m[9 + 2 * i])
    m = NEXT_ROUND.map(i => m[i])
  }
  for (let i = 0; i < 16; i++) {
    const at = LANES_AT + 16 * i
    code
      .get(PLACE)
      .get(PLACE)
      .vector(LOAD)
      .address(4, at)
      .get(S + i)
    if (i < 8) code.get(S + i + 8)
    else code.splat(IV[i - 8])
    code.vector(XOR).vector(ADD_16).vector(STORE).address(4, at)
  }
  code.get(COUNTERS).splat(4).vector(ADD_32).set(COUNTERS)
  code.get(PLACE).i32(256).put(0x6a, 0x22, PLACE) // i32.add, local.tee
  code.i32(64 * BLOCKS).put(0x49, 0x0d, 0, 0x0b) // i32.lt_u, br_if the loop, end
  return {
    takes: [],
    gives: [],
    locals: [
      [1, I32],
      [17, V128],
    ],
    code: code.bytes,
    name: 'add',
  }
}
/** Turns round all bits of the numbers: to add between two of these is to subtract. */
function flipping(): Func {
  const code = new Code().put(0x03, 0x40) // loop
  code.get(PLACE).get(PLACE).vector(LOAD).address(4, LANES_AT).vector(NOT).vector(STORE).address(4, LANES_AT)
  code.get(PLACE).i32(16).put(0x6a, 0x22, PLACE)
  code.i32(64 * BLOCKS).put(0x49, 0x0d, 0, 0x0b)
  return { takes: [], gives: [], locals: [[1, I32]], code: code.bytes, name: 'flip' }
}

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
const IV_64 = [
  ...[0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n],
  ...[0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n],
]
/** 32 bytes, without a key. */
const PARAMETERS = 0x01010020n
const NAME_BYTES = 32
const BLOCK_BYTES = 128
const [BY_32, BY_24, BY_16, BY_63] = [32, 24, 16, 63].map(signed)

/** BLAKE2b-256 of the first bytes of the element, to where the seed lies. */
function naming(): Func {
  const [length, at, next, isLast] = [0, 1, 2, 3]
  const h = 4
  const v = h + 8
  const code = new Code()
  // Zeros behind the end, as many as the last block could want.
  for (let i = 0; i < BLOCK_BYTES; i += 8)
    code
      .get(length)
      .i64(0n)
      .put(0x37)
      .address(3, INPUT_AT + i)
  for (let i = 0; i < 8; i++) code.i64(i === 0 ? IV_64[0] ^ PARAMETERS : IV_64[i]).set(h + i)
  code.put(0x03, 0x40) // loop
  code.get(at).i32(BLOCK_BYTES).put(0x6a, 0x22, next).get(length).put(0x4f).set(isLast) // i32.add, local.tee, i32.ge_u
  for (let i = 0; i < 8; i++)
    code
      .get(h + i)
      .set(v + i)
      .i64(IV_64[i])
      .set(v + 8 + i)
  code.get(length).get(next).get(isLast).put(0x1b, 0xad) // select, i64.extend_i32_u
  code
    .get(v + 12)
    .put(0x85)
    .set(v + 12) // i64.xor
  code.i64(0n).get(isLast).put(0xad, 0x7d) // i64.sub: all bits, if it is the last
  code
    .get(v + 14)
    .put(0x85)
    .set(v + 14)
  const mix = (a: number, b: number, c: number, d: number, x: number, y: number): void => {
    const half = (word: number, first: readonly number[], second: readonly number[]): void => {
      code
        .get(a)
        .get(b)
        .put(0x7c)
        .get(at)
        .put(0x29)
        .address(3, INPUT_AT + 8 * word)
        .put(0x7c)
        .set(a) // i64.add, i64.load
      code
        .get(d)
        .get(a)
        .put(0x85, 0x42, ...first, 0x8a)
        .set(d) // i64.const, i64.rotr
      code.get(c).get(d).put(0x7c).set(c)
      code
        .get(b)
        .get(c)
        .put(0x85, 0x42, ...second, 0x8a)
        .set(b)
    }
    half(x, BY_32, BY_24)
    half(y, BY_16, BY_63)
  }
  for (let round = 0; round < 12; round++) {
    const m = SIGMA[round % 10]
    for (let i = 0; i < 4; i++) mix(v + i, v + 4 + i, v + 8 + i, v + 12 + i, m[2 * i], m[2 * i + 1])
    for (let i = 0; i < 4; i++) mix(v + i, v + 4 + ((i + 1) & 3), v + 8 + ((i + 2) & 3), v + 12 + ((i + 3) & 3), m[8 + 2 * i], m[9 + 2 * i])
  }
  for (let i = 0; i < 8; i++)
    code
      .get(h + i)
      .get(v + i)
      .put(0x85)
      .get(v + 8 + i)
      .put(0x85)
      .set(h + i)
  code.get(next).put(0x22, at).get(length).put(0x49, 0x0d, 0, 0x0b) // local.tee, i32.lt_u, br_if the loop, end
  for (let i = 0; 8 * i < NAME_BYTES; i++)
    code
      .i32(0)
      .get(h + i)
      .put(0x37)
      .address(3, SEED_AT + 8 * i) // i64.store
  return {
    takes: [I32],
    gives: [],
    locals: [
      [3, I32],
      [24, I64],
    ],
    code: code.bytes,
    name: 'name',
  }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  name(length: number): void
  add(): void
  flip(): void
}

export interface Lanes {
  /** 40 bytes to be drawn out. */
  readonly seed: Uint8Array
  /** Its first words, where the name lies, as the host reads them. */
  readonly nameWords: Int32Array
  readonly input: Uint8Array
  /** BLAKE2b-256 of so many bytes of the input becomes the beginning of the seed. */
  name(length: number): void
  add(): void
  sub(): void
  /** Take out the numbers, two to a word, the first in the lower half. */
  read(into: Int32Array): void
  write(from: Int32Array): void
}

/** @throws whatever the host throws that has no vectors */
export function makeLanes(): Lanes {
  const { memory, name, add, flip } = instantiate<Exports>(program(1, [naming(), adding(), flipping()]))
  const words = new Int32Array(memory.buffer, LANES_AT, WORDS)
  const place = (i: number): number => ((i >> 6) << 6) + ((i & 15) << 2) + ((i >> 4) & 3)
  return {
    seed: new Uint8Array(memory.buffer, SEED_AT, SEED_BYTES),
    nameWords: new Int32Array(memory.buffer, SEED_AT, NAME_BYTES / 4),
    input: new Uint8Array(memory.buffer, INPUT_AT, INPUT_BYTES),
    name,
    add,
    sub() {
      flip()
      add()
      flip()
    },
    read(into) {
      for (let i = 0; i < WORDS; i++) into[i] = words[place(i)]
    },
    write(from) {
      for (let i = 0; i < WORDS; i++) words[place(i)] = from[i]
    },
  }
}
