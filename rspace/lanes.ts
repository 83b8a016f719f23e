/**
 * The inner loop of the lattice hash as a small WebAssembly program, made here: BLAKE3 of 40 bytes drawn out to 2 KiB, four blocks at a time, and added to or taken from
 * 1,024 numbers of 16 bits in place. Six times as fast as drawing out by one program and adding by another.
 */

export const SEED_BYTES = 40
/** Where the seed lies, and the numbers: for each four blocks word by word, the four blocks' words beside each other. */
const SEED_AT = 0
const LANES_AT = 256
const BLOCKS = 32
const WORDS = 512

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
const NEXT_ROUND = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
/** First and last block of the only chunk, which is the root. */
const FLAGS = 1 | 2 | 8

// Instructions: WebAssembly with fixed-width vectors.
const CONST_I32 = 0x41
const CONST_V128 = 12
const SHUFFLE = 13
const OR = 0x50
const XOR = 0x51
const ADD_16 = 0x8e
const SUB_16 = 0x91
const SHIFT_LEFT_32 = 0xab
const SHIFT_RIGHT_32 = 0xad
const ADD_32 = 0xae
const I32 = 0x7f
const V128 = 0x7b

function leb(n: number): number[] {
  const out: number[] = []
  for (; n >= 128; n >>>= 7) out.push((n & 127) | 128)
  out.push(n)
  return out
}
/** Constants are read with a sign. */
function signed(n: number): number[] {
  const out: number[] = []
  for (;;) {
    const low = n & 127
    n >>= 7
    if ((n === 0 && (low & 64) === 0) || (n === -1 && (low & 64) !== 0)) return [...out, low]
    out.push(low | 128)
  }
}
const get = (local: number): number[] => [0x20, ...leb(local)]
const set = (local: number): number[] => [0x21, ...leb(local)]
const vector = (op: number): number[] => [0xfd, ...leb(op)]
const splat = (word: number): number[] => {
  const four = [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]
  return [...vector(CONST_V128), ...four, ...four, ...four, ...four]
}
const load = (at: number): number[] => [...vector(0), 4, ...leb(at)]
const store = (at: number): number[] => [...vector(11), 4, ...leb(at)]
const loadSplat = (at: number): number[] => [...vector(9), 2, ...leb(at)]

/** To the right by whole bytes is a permutation of bytes. */
function rotate(local: number, bits: number): number[] {
  if (bits % 8 === 0) {
    const order = Array.from({ length: 16 }, (_, i) => (i & 12) + ((i + bits / 8) & 3))
    return [...get(local), ...get(local), ...vector(SHUFFLE), ...order, ...set(local)]
  }
  const right = [...get(local), CONST_I32, ...signed(bits), ...vector(SHIFT_RIGHT_32)]
  const left = [...get(local), CONST_I32, ...signed(32 - bits), ...vector(SHIFT_LEFT_32)]
  return [...right, ...left, ...vector(OR), ...set(local)]
}
const addTo = (a: number, b: number): number[] => [...get(a), ...get(b), ...vector(ADD_32), ...set(a)]
const xorTo = (a: number, b: number): number[] => [...get(a), ...get(b), ...vector(XOR), ...set(a)]

// Locals: 0 the address of the four blocks (and of their numbers), then the state.
const PLACE = 0
const S = 1
/** The numbers of four blocks. */
const COUNTERS = S + 16

function mix(a: number, b: number, c: number, d: number, x: number, y: number): number[] {
  const half = (word: number, first: number, second: number): number[] => [
    ...[...get(a), CONST_I32, 0, ...loadSplat(SEED_AT + 4 * word), ...vector(ADD_32), ...set(a)],
    ...[...addTo(a, b), ...xorTo(d, a), ...rotate(d, first)],
    ...[...addTo(c, d), ...xorTo(b, c), ...rotate(b, second)],
  ]
  return [...half(x, 16, 12), ...half(y, 8, 7)]
}

/** A function without parameters that goes over all blocks and combines what they give with the numbers. */
function body(combine: number): number[] {
  const code: number[] = []
  code.push(...vector(CONST_V128), ...[0, 1, 2, 3].flatMap(i => [i, 0, 0, 0]), ...set(COUNTERS))
  code.push(0x03, 0x40) // loop
  for (let i = 0; i < 8; i++) code.push(...splat(IV[i]), ...set(S + i))
  for (let i = 0; i < 4; i++) code.push(...splat(IV[i]), ...set(S + 8 + i))
  code.push(...get(COUNTERS), ...set(S + 12))
  for (const [i, word] of [0, SEED_BYTES, FLAGS].entries()) code.push(...splat(word), ...set(S + 13 + i))
  let m = Array.from({ length: 16 }, (_, i) => i)
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 4; i++) code.push(...mix(S + i, S + 4 + i, S + 8 + i, S + 12 + i, m[2 * i], m[2 * i + 1]))
    for (let i = 0; i < 4; i++)
      code.push(...mix(S + i, S + 4 + ((i + 1) & 3), S + 8 + ((i + 2) & 3), S + 12 + ((i + 3) & 3), m[8 + 2 * i], m[9 + 2 * i]))
    m = NEXT_ROUND.map(i => m[i])
  }
  for (let i = 0; i < 16; i++) {
    const at = LANES_AT + 16 * i
    const other = i < 8 ? get(S + i + 8) : splat(IV[i - 8])
    code.push(...get(PLACE), ...get(PLACE), ...load(at), ...get(S + i), ...other, ...vector(XOR), ...vector(combine), ...store(at))
  }
  code.push(...get(COUNTERS), ...splat(4), ...vector(ADD_32), ...set(COUNTERS))
  code.push(...get(PLACE), CONST_I32, ...signed(256), 0x6a, 0x22, PLACE) // i32.add, local.tee
  code.push(CONST_I32, ...signed(64 * BLOCKS), 0x49, 0x0d, 0, 0x0b, 0x0b) // i32.lt_u, br_if the loop, end, end
  const locals = [2, 1, I32, 17, V128]
  const whole = [...locals, ...code]
  return [...leb(whole.length), ...whole]
}

const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content]
const named = (name: string, kind: number, index: number): number[] => [name.length, ...[...name].map(c => c.charCodeAt(0)), kind, index]

function program(): Uint8Array {
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [2, 0, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [3, ...named('memory', 2, 0), ...named('add', 0, 0), ...named('sub', 0, 1)]),
    ...section(10, [2, ...body(ADD_16), ...body(SUB_16)]),
  ])
}

/** As much of the host's interface as is used here; the types of Node do not have it. */
interface Host {
  instantiate(program: Uint8Array): Promise<{ readonly instance: { readonly exports: unknown } }>
}
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  add(): void
  sub(): void
}

export interface Lanes {
  /** 40 bytes to be drawn out. */
  readonly seed: Uint8Array
  add(): void
  sub(): void
  /** Take out the numbers, two to a word, the first in the lower half. */
  read(into: Int32Array): void
  write(from: Int32Array): void
}

/** @throws whatever the host throws that has no vectors */
export async function makeLanes(): Promise<Lanes> {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: Host }
  const { instance } = await WebAssembly.instantiate(program())
  const { memory, add, sub } = instance.exports as Exports
  const words = new Int32Array(memory.buffer, LANES_AT, WORDS)
  const place = (i: number): number => ((i >> 6) << 6) + ((i & 15) << 2) + ((i >> 4) & 3)
  return {
    seed: new Uint8Array(memory.buffer, SEED_AT, SEED_BYTES),
    add,
    sub,
    read(into) {
      for (let i = 0; i < WORDS; i++) into[i] = words[place(i)]
    },
    write(from) {
      for (let i = 0; i < WORDS; i++) words[place(i)] = from[i]
    },
  }
}
