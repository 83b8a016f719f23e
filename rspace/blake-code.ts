import { get, I32, I64, leb, program, set, signed } from './wasm.ts'

/** BLAKE2b as a WebAssembly program, in two forms: one that goes through the rounds, soon compiled, and one of twelve rounds in a row, which is faster. */

/** The state: eight numbers of 64 bits, then how many bytes they have taken in. */
export const STATE_AT = 0
export const STATE_BYTES = 72
export const INPUT_AT = 512
export const BLOCK_BYTES = 128
/** A multiple of a block. */
export const INPUT_BYTES = 1 << 16
/** For each use of a round, at which byte of the block the word lies. */
export const ORDER_AT = 256

const IV: readonly bigint[] = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
]

/** What a state of 32 bytes without a key begins with. */
export const BEGIN: readonly bigint[] = IV.map((word, i) => (i === 0 ? word ^ 0x01010020n : word))

const ORDER: readonly (readonly number[])[] = [
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
/** The last two rounds are like the first two. */
const ROUNDS = [...ORDER, ORDER[0], ORDER[1]]
export const PLACES: readonly number[] = ROUNDS.flat().map(word => 8 * word)

type Code = readonly number[]
const i32 = (n: number): Code => [0x41, ...signed(n)]
const load64 = (at: Code, offset = 0): Code => [...at, 0x29, 0, ...leb(offset)]
const store64 = (at: Code, value: Code, offset: number): Code => [...at, ...value, 0x37, 0, ...leb(offset)]
const add = (a: Code, b: Code): Code => [...a, ...b, 0x7c]
const xor = (a: Code, b: Code): Code => [...a, ...b, 0x85]

// Parameters, the place in the order, how much has been taken in, and sixteen numbers.
const [at, end, bytes, isLast, order, taken, V] = [0, 1, 2, 3, 4, 5, 6]

/** Columns first, then diagonals. */
const chosen = (i: number): readonly number[] => [0, 1, 2, 3].map(column => V + 4 * column + ((i + (i >= 4 ? column : 0)) & 3))

/** The i-th mixing of a round, which gets at a word of the block in this way. */
function mix(i: number, word: (use: number) => Code): Code {
  const [a, b, c, d] = chosen(i)
  const half = (use: number, first: number, second: number): Code => [
    ...[...add(add(get(a), get(b)), word(use)), ...set(a)],
    ...[...xor(get(d), get(a)), 0x42, ...signed(first), 0x8a, ...set(d)],
    ...[...add(get(c), get(d)), ...set(c)],
    ...[...xor(get(b), get(c)), 0x42, ...signed(second), 0x8a, ...set(b)],
  ]
  return [...half(2 * i, 32, 24), ...half(2 * i + 1, 16, 63)]
}

const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7]

const looped = (): Code => [
  ...[...i32(ORDER_AT), ...set(order)],
  ...[0x03, 0x40], // loop
  ...EIGHT.flatMap(i => mix(i, use => load64([...get(at), ...get(order), 0x2d, 0, ...leb(use), 0x6a]))),
  ...[...get(order), ...i32(16), 0x6a, 0x22, order],
  ...[...i32(ORDER_AT + PLACES.length), 0x49, 0x0d, 0, 0x0b],
]
const inARow = (): Code => ROUNDS.flatMap(words => EIGHT.flatMap(i => mix(i, use => load64(get(at), 8 * words[use]))))

/** Takes in the blocks between two addresses, at least one, each of which counts for so many bytes. */
const blocks = (rounds: Code): Code => [
  ...[0x03, 0x40], // loop
  ...store64(i32(STATE_AT + 64), [...add(load64(i32(STATE_AT + 64)), [...get(bytes), 0xad]), 0x22, taken], 0),
  ...EIGHT.flatMap(i => [...load64(i32(STATE_AT + 8 * i)), ...set(V + i)]),
  ...EIGHT.flatMap(i => [0x42, ...signed(BigInt.asIntN(64, IV[i])), ...set(V + 8 + i)]),
  ...[...xor(get(V + 12), get(taken)), ...set(V + 12)],
  ...[...xor(get(V + 14), [...get(isLast), 0xac]), ...set(V + 14)],
  ...rounds,
  ...EIGHT.flatMap(i => store64(i32(STATE_AT + 8 * i), xor(load64(i32(STATE_AT + 8 * i)), xor(get(V + i), get(V + 8 + i))), 0)),
  ...[...get(at), ...i32(BLOCK_BYTES), 0x6a, 0x22, at],
  ...[...get(end), 0x49, 0x0d, 0, 0x0b],
]

/** @param isLong with the rounds in a row */
export function blakeProgram(isLong: boolean): Uint8Array {
  const locals = [[1, I32] as const, [17, I64] as const]
  const func = { takes: [I32, I32, I32, I32], gives: [], locals, code: blocks(isLong ? inARow() : looped()), name: 'blocks' }
  return program(Math.ceil((INPUT_AT + INPUT_BYTES) / 65_536), [func])
}
