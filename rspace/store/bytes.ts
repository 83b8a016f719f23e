/** Bytes as this folder needs them: big-endian integers, LEB128 lengths, unsigned bytewise order. */

const latin1 = new TextDecoder('latin1')
const utf8 = new TextEncoder()
const utf8Strict = new TextDecoder('utf-8', { fatal: true })

export const EMPTY = new Uint8Array(0)

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const p of parts) length += p.length
  const out = new Uint8Array(length)
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** One character per byte, so that string order is byte order. The prefix keeps the host from treating digits as an array index. */
export function mapKey(bytes: Uint8Array): string {
  return 'k' + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function fromText(text: string): Uint8Array {
  return utf8.encode(text)
}

/** @throws Malformed when the bytes are not UTF-8 */
export function toText(bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes)
  } catch {
    throw new Malformed('text is not UTF-8')
  }
}

/** A key as a person reads it: printable tag, then hexadecimal. */
export function showKey(key: Uint8Array): string {
  if (key.length === 0) return '(empty)'
  return latin1.decode(key.subarray(0, 1)) + ' ' + hex(key.subarray(1))
}

export function varintLength(n: number): number {
  let length = 1
  while (n >= 128) {
    n = Math.floor(n / 128)
    length++
  }
  return length
}

/** Short pieces are copied faster one by one than by the host. */
const SHORT = 32

/** Appends to a buffer that grows by doubling. */
export class Writer {
  bytes: Uint8Array
  length = 0
  #view: DataView

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  u8(n: number): this {
    this.#room(1)
    this.bytes[this.length++] = n
    return this
  }

  u16(n: number): this {
    this.#room(2)
    this.#view.setUint16(this.length, n)
    this.length += 2
    return this
  }

  u64(n: bigint): this {
    this.#room(8)
    this.#view.setBigUint64(this.length, n)
    this.length += 8
    return this
  }

  /** A safe non-negative integer in eight bytes. */
  count(n: number): this {
    this.#room(8)
    this.#view.setUint32(this.length, Math.floor(n / 4294967296))
    this.#view.setUint32(this.length + 4, n >>> 0)
    this.length += 8
    return this
  }

  varint(n: number): this {
    this.#room(8)
    while (n >= 128) {
      this.bytes[this.length++] = (n % 128) | 128
      n = Math.floor(n / 128)
    }
    this.bytes[this.length++] = n
    return this
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
    return this
  }

  /** A piece of an array. */
  part(from: Uint8Array, start: number, end: number): this {
    this.#room(end - start)
    const { bytes } = this
    if (end - start > SHORT) bytes.set(from.subarray(start, end), this.length)
    else for (let at = this.length, i = start; i < end; i++) bytes[at++] = from[i]!
    this.length += end - start
    return this
  }

  /** Length, then bytes. */
  blob(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes)
  }

  /** What has been written so far, without a copy. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  #room(n: number): void {
    if (this.length + n <= this.bytes.length) return
    let capacity = this.bytes.length * 2
    while (capacity < this.length + n) capacity *= 2
    const grown = new Uint8Array(capacity)
    grown.set(this.view())
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Bytes that are not what the format says. Never leaves this folder: callers turn it into CORRUPT or IMPORT_INVALID. */
export class Malformed extends Error {}

/** Reads what `Writer` wrote; every overrun is a `Malformed`. */
export class Reader {
  readonly bytes: Uint8Array
  at = 0
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  u8(): number {
    return this.bytes[this.#skip(1)]!
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#skip(8))
  }

  count(): number {
    const at = this.#skip(8)
    const n = this.#view.getUint32(at) * 4294967296 + this.#view.getUint32(at + 4)
    if (!Number.isSafeInteger(n)) throw new Malformed('count is too large')
    return n
  }

  varint(): number {
    let n = 0
    let unit = 1
    for (let i = 0; i < 8; i++) {
      const b = this.u8()
      n += (b & 127) * unit
      if (b < 128) {
        if (i > 0 && b === 0) throw new Malformed('length is not in its shortest form')
        if (!Number.isSafeInteger(n)) throw new Malformed('length is too large')
        return n
      }
      unit *= 128
    }
    throw new Malformed('length is too long')
  }

  raw(n: number): Uint8Array {
    const at = this.#skip(n)
    return this.bytes.subarray(at, at + n)
  }

  blob(): Uint8Array {
    return this.raw(this.varint())
  }

  end(): void {
    if (this.left !== 0) throw new Malformed(`${this.left} bytes too many`)
  }

  #skip(n: number): number {
    const at = this.at
    if (n > this.bytes.length - at) throw new Malformed('ends too early')
    this.at = at + n
    return at
  }
}
