import { joinedBytes } from '../../normal/long.ts'
import { Bytes, List, type Term } from '../../normal/term.ts'
import type { Fault, PrimContext } from './fault.ts'
import { tooLarge, tooMany } from './limits.ts'

const BYTES_SIZE = 4
const STRING_SIZE = 4
const LIST_SIZE = 4
const INT_SIZE = 8

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
/** Bytes per string that is put together before joining. */
const CHUNK = 8192

/** Lower-case hexadecimal digits. */
export function hexText(bytes: Uint8Array, ctx: PrimContext): string | Fault {
  const fault = tooLarge(STRING_SIZE + 2 * bytes.length, ctx)
  if (fault !== undefined) return fault
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += CHUNK) {
    let part = ''
    const end = Math.min(bytes.length, i + CHUNK)
    for (let j = i; j < end; j++) part += HEX[bytes[j]]
    parts.push(part)
  }
  return parts.join('')
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const lower = c | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The bytes that the hexadecimal digits of a text denote; other characters are ignored, an odd number of digits gets a leading 0. */
export function parseHex(text: string): Uint8Array {
  let digits = 0
  for (let i = 0; i < text.length; i++) if (hexDigit(text.charCodeAt(i)) >= 0) digits++
  const bytes = new Uint8Array((digits + 1) >> 1)
  let nibble = digits & 1
  for (let i = 0; i < text.length; i++) {
    const d = hexDigit(text.charCodeAt(i))
    if (d >= 0) bytes[nibble >> 1] |= (nibble++ & 1) === 0 ? d << 4 : d
  }
  return bytes
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string, ctx: PrimContext): Bytes | Fault {
  // No unit takes more than three bytes; only a text that might come out too large is measured first.
  if (tooLarge(BYTES_SIZE + 3 * text.length, ctx) !== undefined) {
    const fault = tooLarge(BYTES_SIZE + utf8Length(text), ctx)
    if (fault !== undefined) return fault
  }
  return new Bytes(encoder.encode(text))
}

function utf8Length(text: string): number {
  let n = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    // Each half of a pair stands for two of its four bytes.
    n += c < 0x80 ? 1 : c < 0x800 || (c & 0xf800) === 0xd800 ? 2 : 3
  }
  return n
}

/** The text, or undefined if the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function concatBytes(a: Bytes, b: Bytes, ctx: PrimContext): Bytes | Fault {
  return tooLarge(BYTES_SIZE + a.count + b.count, ctx) ?? joinedBytes(a, b)
}

export function listOfBytes(bytes: Uint8Array, ctx: PrimContext): List | Fault {
  return tooMany(bytes.length, LIST_SIZE + INT_SIZE * bytes.length, ctx) ?? new List(Array.from(bytes))
}

/** The bytes of Ints 0 to 255, undefined if an element is anything else. */
export function bytesOfList(items: readonly Term[]): Uint8Array | undefined {
  const out = new Uint8Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const x = items[i]
    if (typeof x !== 'number' || x < 0 || x > 255) return undefined
    out[i] = x
  }
  return out
}

export function sameBytesAt(bytes: Uint8Array, part: Uint8Array, at: number): boolean {
  if (at < 0 || at + part.length > bytes.length) return false
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false
  return true
}
