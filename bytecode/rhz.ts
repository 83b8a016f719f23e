import xxhash from 'xxhash-wasm'
import { fromBytes, toBytes } from './words.ts'

/**
 * Program files: `RHZ1`, container version, number of sections, then per section its kind, its length in bytes, the xxh64 of its bytes (low word
 * first) and the bytes, padded to whole words. All numbers are 32-bit, little-endian. Only IMAGE is program; the others may be left out.
 */
const SECTION = { IMAGE: 1, SPANS: 2, SOURCE: 3, LINK: 4 } as const
const MAGIC = 0x315a4852
const CONTAINER_VERSION = 1

/** Where instructions were written: word offset, start, end, ascending offsets. Positions count from the start of the source. */
export interface SpanColumns {
  readonly at: Uint32Array
  readonly start: Int32Array
  readonly end: Int32Array
}

export interface ProgramFile {
  readonly image: Uint32Array
  readonly spans?: SpanColumns
  /** Name and text of the source. */
  readonly source?: { readonly name: string; readonly text: string }
  /** Names that captures are bound to, in image order. */
  readonly link?: readonly string[]
}

export interface ProgramFileError {
  readonly code: 'BAD_FILE' | 'VERSION'
  readonly message: string
}

const utf8 = new TextEncoder()

/** Encodes a program file. */
export async function writeProgram(p: ProgramFile): Promise<Uint8Array> {
  const { h64Raw } = await xxhash()
  const sections: [number, Uint8Array][] = [[SECTION.IMAGE, toBytes(p.image)]]
  if (p.spans !== undefined) {
    const { at, start, end } = p.spans
    const rows = new Uint32Array(3 * at.length)
    for (let i = 0; i < at.length; i++) {
      rows[3 * i] = at[i]
      rows[3 * i + 1] = start[i]
      rows[3 * i + 2] = end[i]
    }
    sections.push([SECTION.SPANS, toBytes(rows)])
  }
  if (p.source !== undefined) sections.push([SECTION.SOURCE, utf8.encode(JSON.stringify([p.source.name, p.source.text]))])
  if (p.link !== undefined) sections.push([SECTION.LINK, utf8.encode(JSON.stringify(p.link))])
  let size = 12
  for (const [, bytes] of sections) size += 16 + Math.ceil(bytes.length / 4) * 4
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, CONTAINER_VERSION, true)
  view.setUint32(8, sections.length, true)
  let o = 12
  for (const [kind, bytes] of sections) {
    view.setUint32(o, kind, true)
    view.setUint32(o + 4, bytes.length, true)
    view.setBigUint64(o + 8, h64Raw(bytes), true)
    out.set(bytes, o + 16)
    o += 16 + Math.ceil(bytes.length / 4) * 4
  }
  return out
}

function strings(bytes: Uint8Array): string[] | undefined {
  try {
    const v: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return Array.isArray(v) && v.every(s => typeof s === 'string') ? (v as string[]) : undefined
  } catch {
    return undefined
  }
}

/** Decodes a program file. The image has not been verified yet. */
export async function readProgram(file: Uint8Array): Promise<ProgramFile | { readonly error: ProgramFileError }> {
  const bad = (message: string): { error: ProgramFileError } => ({ error: { code: 'BAD_FILE', message } })
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < 12 || view.getUint32(0, true) !== MAGIC) return bad('this is no program file')
  const version = view.getUint32(4, true)
  if (version !== CONTAINER_VERSION) return { error: { code: 'VERSION', message: `container version ${version} is not known` } }
  const { h64Raw } = await xxhash()
  const found = new Map<number, Uint8Array>()
  let o = 12
  for (let n = view.getUint32(8, true); n > 0; n--) {
    if (file.length - o < 16) return bad('a section is cut off')
    const kind = view.getUint32(o, true)
    const size = view.getUint32(o + 4, true)
    if (size > file.length - o - 16) return bad('a section is cut off')
    const bytes = file.subarray(o + 16, o + 16 + size)
    if (h64Raw(bytes) !== view.getBigUint64(o + 8, true)) return bad('a section is damaged')
    if (found.has(kind)) return bad('a section stands twice')
    found.set(kind, bytes)
    o += 16 + Math.ceil(size / 4) * 4
  }
  if (o !== file.length) return bad('bytes after the last section')
  const imageBytes = found.get(SECTION.IMAGE)
  const image = imageBytes === undefined ? undefined : fromBytes(imageBytes)
  if (image === undefined) return bad('no image')
  const out: { image: Uint32Array; spans?: SpanColumns; source?: { name: string; text: string }; link?: string[] } = { image }
  const spanBytes = found.get(SECTION.SPANS)
  if (spanBytes !== undefined) {
    const rows = fromBytes(spanBytes)
    if (rows === undefined || rows.length % 3 !== 0) return bad('positions')
    const n = rows.length / 3
    const at = new Uint32Array(n)
    const start = new Int32Array(n)
    const end = new Int32Array(n)
    for (let i = 0; i < n; i++) {
      at[i] = rows[3 * i]
      start[i] = rows[3 * i + 1]
      end[i] = rows[3 * i + 2]
      if (i > 0 && at[i] <= at[i - 1]) return bad('positions are not in order')
    }
    out.spans = { at, start, end }
  }
  const sourceBytes = found.get(SECTION.SOURCE)
  if (sourceBytes !== undefined) {
    const v = strings(sourceBytes)
    if (v?.length !== 2) return bad('source')
    out.source = { name: v[0], text: v[1] }
  }
  const linkBytes = found.get(SECTION.LINK)
  if (linkBytes !== undefined) {
    out.link = strings(linkBytes)
    if (out.link === undefined) return bad('link section')
  }
  return out
}
