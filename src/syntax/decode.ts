/** Bytes to text. */
import type { Diagnostic } from '../base/diagnostic.ts'
import { errorAt } from '../base/diagnostic.ts'
import type { SourceFile, Sources } from '../base/source.ts'

export interface Decoded {
  /** Without byte-order mark; U+FFFD stands for what is no UTF-8. */
  readonly text: string
  /** At most one RHO101, at the first byte that is no UTF-8. Positions are offsets into `text`. */
  readonly diagnostics: Diagnostic[]
}

/** Decode UTF-8 and say where it is not. A leading byte-order mark is skipped. */
export function decodeSource(bytes: Uint8Array): Decoded {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), diagnostics: [] }
  } catch {
    const text = new TextDecoder('utf-8').decode(bytes)
    const valid = validPrefix(bytes)
    const offset = new TextDecoder('utf-8').decode(bytes.subarray(0, valid)).length
    const byte = bytes[valid].toString(16).padStart(2, '0')
    const message = `byte ${valid} (0x${byte}) is no valid UTF-8`
    return { text, diagnostics: [errorAt('RHO101', offset, offset + 1, message, 'save the file as UTF-8')] }
  }
}

/** Decode, and give the text a place in the position space. */
export function addSource(sources: Sources, name: string, bytes: Uint8Array): { file: SourceFile; diagnostics: Diagnostic[] } {
  const { text, diagnostics } = decodeSource(bytes)
  const file = sources.add(name, text)
  return { file, diagnostics: diagnostics.map(d => ({ ...d, start: d.start + file.base, end: d.end + file.base })) }
}

/** Length of the longest prefix that is whole UTF-8 sequences. */
function validPrefix(bytes: Uint8Array): number {
  let i = 0
  while (i < bytes.length) {
    const b = bytes[i]
    if (b < 0x80) {
      i++
      continue
    }
    const size = b >= 0xc2 && b <= 0xdf ? 2 : b >= 0xe0 && b <= 0xef ? 3 : b >= 0xf0 && b <= 0xf4 ? 4 : 0
    if (size === 0 || i + size > bytes.length) return i
    const second = bytes[i + 1]
    const low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80
    const high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return i
    for (let k = 2; k < size; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return i
    i += size
  }
  return i
}
