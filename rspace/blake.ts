import { BEGIN, BLOCK_BYTES, blakeProgram, INPUT_AT, INPUT_BYTES, ORDER_AT, PLACES, STATE_AT, STATE_BYTES } from './blake-code.ts'
import { PROGRAM } from './blake-program.ts'
import { instantiate } from './wasm.ts'

/**
 * BLAKE2b-256 by a small WebAssembly program, which can be used at once and soon runs ten times as fast as JavaScript: a short run consists of code that has not run
 * before, and its hashes took a tenth of it.
 */

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** @param isLast 0 or −1 */
  blocks(at: number, end: number, bytes: number, isLast: number): void
}

class Machine {
  readonly #exports: Exports
  readonly #bytes: Uint8Array
  readonly #state: BigInt64Array
  /** How many bytes wait to be taken in. */
  #waiting = 0

  constructor(program: Uint8Array) {
    this.#exports = instantiate<Exports>(program)
    const { buffer } = this.#exports.memory
    this.#bytes = new Uint8Array(buffer)
    this.#state = new BigInt64Array(buffer, STATE_AT, STATE_BYTES / 8)
    this.#bytes.set(PLACES, ORDER_AT)
  }

  begin(): void {
    this.#state.set(FIRST)
    this.#waiting = 0
  }

  add(part: Uint8Array): void {
    const { length } = part
    let at = 0
    // The last block is told apart, so one always waits for what follows.
    while (this.#waiting + length - at > INPUT_BYTES) {
      const next = at + INPUT_BYTES - this.#waiting
      this.#bytes.set(part.subarray(at, next), INPUT_AT + this.#waiting)
      this.#exports.blocks(INPUT_AT, INPUT_AT + INPUT_BYTES - BLOCK_BYTES, BLOCK_BYTES, 0)
      this.#bytes.copyWithin(INPUT_AT, INPUT_AT + INPUT_BYTES - BLOCK_BYTES, INPUT_AT + INPUT_BYTES)
      this.#waiting = BLOCK_BYTES
      at = next
    }
    this.#bytes.set(at === 0 ? part : part.subarray(at), INPUT_AT + this.#waiting)
    this.#waiting += length - at
  }

  end(): Uint8Array {
    const waiting = this.#waiting
    const last = waiting === 0 ? 0 : Math.floor((waiting - 1) / BLOCK_BYTES) * BLOCK_BYTES
    if (last > 0) this.#exports.blocks(INPUT_AT, INPUT_AT + last, BLOCK_BYTES, 0)
    this.#bytes.fill(0, INPUT_AT + waiting, INPUT_AT + last + BLOCK_BYTES)
    this.#exports.blocks(INPUT_AT + last, INPUT_AT + last + BLOCK_BYTES, waiting - last, -1)
    return this.#bytes.slice(STATE_AT, STATE_AT + 32)
  }

  /** What has been added so far, for `restore`, when others use the machine in between. */
  save(): Saved {
    return { state: this.#state.slice(), waiting: this.#bytes.slice(INPUT_AT, INPUT_AT + this.#waiting) }
  }
  restore({ state, waiting }: Saved): void {
    this.#state.set(state)
    this.#bytes.set(waiting, INPUT_AT)
    this.#waiting = waiting.length
  }
}

export interface Saved {
  readonly state: BigInt64Array
  readonly waiting: Uint8Array
}

const FIRST = BigInt64Array.from([...BEGIN, 0n], word => BigInt.asIntN(64, word))
let machine: Machine | undefined
/** Above this the faster program has been worth its making. */
const LONG_WORTH = 1 << 20
let taken = 0
let isLong = false

function begun(parts: readonly Uint8Array[]): Machine {
  for (const part of parts) taken += part.length
  if (machine === undefined) machine = new Machine(PROGRAM)
  else if (!isLong && taken > LONG_WORTH) {
    machine = new Machine(blakeProgram(true))
    isLong = true
  }
  machine.begin()
  return machine
}

/** BLAKE2b-256 over the concatenation of the parts. */
export function blake2b256(...parts: readonly Uint8Array[]): Uint8Array {
  const m = begun(parts)
  for (const part of parts) m.add(part)
  return m.end()
}

/** The same, with a pause after each piece of a part, so that much takes nobody's time. */
export async function pausedBlake2b256(parts: readonly Uint8Array[], pieceBytes: number, pause: () => Promise<void>): Promise<Uint8Array> {
  const m = begun(parts)
  for (const part of parts) {
    for (let at = 0; at < part.length; at += pieceBytes) {
      m.add(part.subarray(at, at + pieceBytes))
      if (part.length - at <= pieceBytes) continue
      const saved = m.save()
      await pause()
      m.restore(saved)
    }
  }
  return m.end()
}
