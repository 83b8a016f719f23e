/** What programs of WebAssembly are made of that are written out by hand: numbers, sections, and as much of the host's interface as is used. */

/** A number without a sign. */
export function leb(n: number): number[] {
  const out: number[] = []
  for (; n >= 128; n >>>= 7) out.push((n & 127) | 128)
  out.push(n)
  return out
}
/** Constants are read with a sign. */
export function signed(n: number | bigint): number[] {
  const out: number[] = []
  for (let left = BigInt(n); ; ) {
    const low = Number(left & 127n)
    left >>= 7n
    if ((left === 0n && (low & 64) === 0) || (left === -1n && (low & 64) !== 0)) return [...out, low]
    out.push(low | 128)
  }
}
export const get = (local: number): number[] => [0x20, ...leb(local)]
export const set = (local: number): number[] => [0x21, ...leb(local)]

export const I32 = 0x7f
export const I64 = 0x7e
export const V128 = 0x7b

export interface Func {
  readonly takes: readonly number[]
  readonly gives: readonly number[]
  /** How many of each type, after the parameters. */
  readonly locals: readonly (readonly [count: number, type: number])[]
  readonly code: readonly number[]
  /** The name by which it is exported. */
  readonly name?: string
}

const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content]
const counted = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()]
const named = (name: string, kind: number, index: number): number[] => [name.length, ...[...name].map(c => c.charCodeAt(0)), kind, index]

/** A program with a memory of a fixed number of pages of 64 KiB, exported as `memory`. */
export function program(pages: number, funcs: readonly Func[]): Uint8Array {
  const exported = funcs.flatMap(({ name }, i) => (name === undefined ? [] : [named(name, 0, i)]))
  const before = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, counted(funcs.map(({ takes, gives }) => [0x60, ...leb(takes.length), ...takes, ...leb(gives.length), ...gives]))),
    ...section(3, counted(funcs.map((_, i) => leb(i)))),
    ...section(5, [1, 0, ...leb(pages)]),
    ...section(7, counted([named('memory', 2, 0), ...exported])),
  ]
  // Code is long: it is copied once, as a whole.
  const pieces: (readonly number[])[] = []
  for (const { locals, code } of funcs) {
    const declared = counted(locals.map(([count, type]) => [...leb(count), type]))
    pieces.push(leb(declared.length + code.length + 1), declared, code, [0x0b])
  }
  const count = leb(funcs.length)
  const bytes = pieces.reduce((n, piece) => n + piece.length, count.length)
  pieces.unshift(before, [10, ...leb(bytes), ...count])
  const out = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

/** The types of Node do not have it. */
interface Host {
  readonly Module: new (program: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** What a program exports, ready to run. @throws whatever the host throws that cannot run it */
export function instantiate<E extends { readonly memory: { readonly buffer: ArrayBuffer } }>(bytes: Uint8Array): E {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Host }).WebAssembly
  return new Instance(new Module(bytes)).exports as E
}
