import { type Diagnostic, errorAt } from '../base/diagnostic.ts'

/** Bytes of a source file as text: a byte-order mark is skipped; invalid UTF-8 is RHO101 at the first wrong byte. Positions count from the start of the text. */
export function decodeSource(bytes: Uint8Array): { text: string; diagnostics: Diagnostic[] } {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: false })
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes), diagnostics: [] }
  } catch {
    const text = lenient.decode(bytes)
    const at = firstWrong(bytes, text)
    return { text, diagnostics: [errorAt('RHO101', at, at + 1, 'invalid UTF-8', 'save the file as UTF-8')] }
  }
}

/** Offset in `text` of the first replacement character that is not in the bytes themselves. */
function firstWrong(bytes: Uint8Array, text: string): number {
  const again = new TextEncoder().encode(text)
  const skip = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  let i = 0
  while (i < again.length && again[i] === bytes[i + skip]) i++
  // `i` may stand inside the replacement character: count whole characters before it
  return new TextDecoder('utf-8').decode(again.subarray(0, i)).replace(/\ufffd$/, '').length
}
