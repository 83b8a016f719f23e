import { get, I32, I64, leb, program, set, signed } from '../wasm.ts'
import { CHANGE_BEFORE, CHANGE_PUT, CHECKSUM_BYTES } from './format.ts'

/** The program of `press.ts`. */

/** Rows at a time, in number and in bytes with their checksums. */
export const PRESS_ROWS = 512
export const PRESS_BYTES = 64 << 10

// Where things lie. Copies go by eight bytes and may go seven too far, where nothing is yet or nothing any more.
export const SUM_AT = 0
export const COUNT_AT = 8
export const DESK_AT = 64
export const DESK_BYTES = 1024
export const SUMMED_AT = 2048
/** For each row four words: where it begins, where its value and its checksum begin, its flags. */
export const TABLE_AT = SUMMED_AT + 256
export const ENTRY_BYTES = 16
/** Flags of two entries that are one change: the new row, and right after it what was there under the same key. */
const PAIRED = 4
export const PAIRED_PUT = CHANGE_PUT | PAIRED
export const PAIRED_BEFORE = CHANGE_BEFORE | PAIRED
export const ROWS_AT = TABLE_AT + PRESS_ROWS * ENTRY_BYTES
export const LIST_AT = ROWS_AT + PRESS_BYTES + 64
/** Flags, two lengths and a checksum, beside the row itself. */
const LIST_BYTES = PRESS_BYTES + PRESS_ROWS * 20
const PAGES = Math.ceil((LIST_AT + LIST_BYTES + 64) / 65_536)

// ---- the program -------------------------------------------------------------------------------------------------------------------

type Code = readonly number[]
const i32 = (n: number): Code => [0x41, ...signed(n)]
const i64 = (n: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, n))]
const op =
  (code: number) =>
  (a: Code, b: Code): Code => [...a, ...b, code]
const add = op(0x6a)
const sub = op(0x6b)
const and = op(0x71)
const or = op(0x72)
const shr = op(0x76)
const add64 = op(0x7c)
const sub64 = op(0x7d)
const mul64 = op(0x7e)
const and64 = op(0x83)
const or64 = op(0x84)
const xor64 = op(0x85)
const shl64 = op(0x86)
const shr64 = op(0x88)
const isBelow = op(0x49)
const isAtMost = op(0x4d)
const isAtLeast = op(0x4f)
const rotl = (a: Code, n: bigint): Code => [...a, ...i64(n), 0x89]
const long = (a: Code): Code => [...a, 0xad]
const load = (at: Code, offset = 0): Code => [...at, 0x28, 2, ...leb(offset)]
const load8 = (at: Code, offset = 0): Code => [...at, 0x2d, 0, ...leb(offset)]
const load64 = (at: Code, offset = 0): Code => [...at, 0x29, 0, ...leb(offset)]
const store8 = (at: Code, value: Code): Code => [...at, ...value, 0x3a, 0, 0]
const store64 = (at: Code, value: Code, offset = 0): Code => [...at, ...value, 0x37, 0, ...leb(offset)]
const when = (condition: Code, then: Code, otherwise: Code = []): Code => [
  ...condition,
  ...[0x04, 0x40],
  ...then,
  ...(otherwise.length > 0 ? [0x05, ...otherwise] : []),
  0x0b,
]
const until = (isOver: Code, body: Code): Code => [0x02, 0x40, 0x03, 0x40, ...isOver, 0x0d, 1, ...body, 0x0c, 0, 0x0b, 0x0b]
const forward = (local: number, by: Code): Code => [...add(get(local), by), ...set(local)]

const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n

/** XXH64 with seed 0 of the bytes between two addresses. */
function hashCode(): Code {
  const [at, end, h, length] = [0, 1, 2, 3]
  const v = [4, 5, 6, 7]
  const round = (acc: Code, lane: Code): Code => mul64(rotl(add64(acc, mul64(lane, i64(P2))), 31n), i64(P1))
  const [a, b, c, d] = v.map(get)
  const spread = [rotl(a, 1n), rotl(b, 7n), rotl(c, 12n), rotl(d, 18n)].reduce(add64)
  const ofLong = [
    ...[P1 + P2, P2, 0n, -P1].flatMap((n, i) => [...i64(n), ...set(v[i])]),
    ...until(isBelow(sub(get(end), get(at)), i32(32)), [
      ...v.flatMap((local, i) => [...round(get(local), load64(get(at), 8 * i)), ...set(local)]),
      ...forward(at, i32(32)),
    ]),
    ...[...spread, ...set(h)],
    ...v.flatMap(local => [...add64(mul64(xor64(get(h), round(i64(0n), get(local))), i64(P1)), i64(P4)), ...set(h)]),
  ]
  const stir = (shift: bigint): Code => xor64(get(h), shr64(get(h), i64(shift)))
  return [
    ...[...sub(get(end), get(at)), ...set(length)],
    ...when(isAtLeast(get(length), i32(32)), ofLong, [...i64(P5), ...set(h)]),
    ...[...add64(get(h), long(get(length))), ...set(h)],
    ...until(isBelow(sub(get(end), get(at)), i32(8)), [
      ...[...add64(mul64(rotl(xor64(get(h), round(i64(0n), load64(get(at)))), 27n), i64(P1)), i64(P4)), ...set(h)],
      ...forward(at, i32(8)),
    ]),
    ...when(isAtLeast(sub(get(end), get(at)), i32(4)), [
      ...[...add64(mul64(rotl(xor64(get(h), mul64(long(load(get(at))), i64(P1))), 23n), i64(P2)), i64(P3)), ...set(h)],
      ...forward(at, i32(4)),
    ]),
    ...until(isAtLeast(get(at), get(end)), [
      ...[...mul64(rotl(xor64(get(h), mul64(long(load8(get(at))), i64(P5))), 11n), i64(P1)), ...set(h)],
      ...forward(at, i32(1)),
    ]),
    ...[...mul64(stir(33n), i64(P2)), ...set(h)],
    ...[...mul64(stir(29n), i64(P3)), ...set(h)],
    ...stir(32n),
  ]
}
const HASH = 0

/** Copies the bytes `from` to `end` behind `to`; all three are locals, `from` and `to` run along and `to` ends behind the copy. */
const copyCode = (to: number, from: number, end: number): Code => [
  ...until(isAtLeast(get(from), get(end)), [...store64(get(to), load64(get(from))), ...forward(from, i32(8)), ...forward(to, i32(8))]),
  ...[...sub(get(to), sub(get(from), get(end))), ...set(to)],
]
const varintCode = (to: number, n: number): Code => [
  ...until(isAtMost(get(n), i32(127)), [
    ...store8(get(to), [...get(n), ...i32(128), 0x72]),
    ...forward(to, i32(1)),
    ...[...get(n), ...i32(7), 0x76, ...set(n)],
  ]),
  ...store8(get(to), get(n)),
  ...forward(to, i32(1)),
]

/** Over all entries of the table; gives the end of the list. */
function sealCode(): Code {
  const [entry, end, list, from, to, flags, n, isSummed, h] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const at = (word: number): Code => load(get(entry), 4 * word)
  const swap = (bits: bigint, mask: bigint): Code => [
    ...or64(and64(shl64(get(h), i64(bits)), i64(~mask)), and64(shr64(get(h), i64(bits)), i64(mask))),
    ...set(h),
  ]
  const addTo = (place: number, value: Code): Code => store64(i32(place), add64(load64(i32(place)), value))
  // 1 for what comes, −1 for what goes, 0 for what does not count.
  const sign = mul64(long(get(isSummed)), sub64(i64(1n), and64(long(get(flags)), i64(2n))))
  return until(isAtLeast(get(entry), get(end)), [
    ...[...at(0), ...set(from), ...at(2), ...set(to), ...at(3), ...set(flags)],
    ...[...load8(load8(get(from)), SUMMED_AT), ...set(isSummed)],
    ...[...get(from), ...get(to), 0x10, HASH, ...set(h)],
    ...addTo(SUM_AT, mul64(sign, get(h))),
    ...addTo(COUNT_AT, sign),
    ...[...swap(8n, 0x00ff00ff00ff00ffn), ...swap(16n, 0x0000ffff0000ffffn), ...rotl(get(h), 32n), ...set(h)],
    ...store64(get(to), get(h)),
    ...when(isBelow(get(flags), i32(PAIRED_BEFORE)), [
      // The bit of a pair lies one above that of a value before: what is put over something has both.
      ...store8(get(list), and(or(get(flags), and(shr(get(flags), i32(1)), i32(CHANGE_BEFORE))), i32(CHANGE_PUT | CHANGE_BEFORE))),
      ...forward(list, i32(1)),
      ...[...at(1), ...set(to), ...sub(get(to), get(from)), ...set(n), ...varintCode(list, n)],
      ...copyCode(list, from, to),
    ]),
    ...when(
      and(get(flags), i32(CHANGE_PUT)),
      [...store64(get(list), get(h)), ...forward(list, i32(CHECKSUM_BYTES))],
      [
        ...[...at(1), ...set(from), ...at(2), ...set(to), ...sub(get(to), get(from)), ...set(n), ...varintCode(list, n)],
        ...copyCode(list, from, to),
      ],
    ),
    ...forward(entry, i32(ENTRY_BYTES)),
  ]).concat(get(list))
}

/** Copies what lies between two addresses to the desk. */
const layCode = (): Code => [...i32(DESK_AT), ...set(2), ...copyCode(2, 0, 1)]

export const pressProgram = (): Uint8Array =>
  program(PAGES, [
    {
      takes: [I32, I32],
      gives: [I64],
      locals: [
        [1, I64],
        [1, I32],
        [4, I64],
      ],
      code: hashCode(),
    },
    {
      takes: [I32, I32, I32],
      gives: [I32],
      locals: [
        [5, I32],
        [1, I64],
      ],
      code: sealCode(),
      name: 'seal',
    },
    { takes: [I32, I32], gives: [], locals: [[1, I32]], code: layCode(), name: 'lay' },
  ])
