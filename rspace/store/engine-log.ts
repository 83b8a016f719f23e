import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RhizomeError } from '../errors.ts'
import { REPAIR_HINT } from './engine.ts'
import { namesIn } from './files.ts'

/**
 * The engine's log of batches: fragments (crc 4, length 2, type 1) in blocks of 32 KiB. A log in which a batch comes twice, as after a disk has repeated blocks, ends
 * the whole process when the engine reads it; so it is looked for before.
 */

const BLOCK = 32_768
const HEADER = 7
/** At the start of a batch: its first sequence number (8, little-endian) and how many it takes (4). */
const BATCH_HEADER = 12
const [FULL, FIRST, , LAST] = [1, 2, 3, 4]

/** @throws RhizomeError `CORRUPT` if a log of the engine in `dir` would end the process */
export async function checkLogs(dir: string): Promise<void> {
  for (const [name] of await repeating(dir))
    throw new RhizomeError('CORRUPT', `${name} holds a batch twice`, { details: { where: name }, hint: REPAIR_HINT })
}

/** Cut logs off before the first batch that comes again. For private copies, whose files may still be those of the original: they are replaced. */
export async function cutLogs(dir: string): Promise<void> {
  for (const [name, at] of await repeating(dir)) {
    const path = join(dir, name)
    writeFileSync(`${path}.cut`, readFileSync(path).subarray(0, at))
    renameSync(`${path}.cut`, path)
  }
}

async function repeating(dir: string): Promise<[name: string, at: number][]> {
  const found: [string, number][] = []
  for (const name of (await namesIn(dir)) ?? []) {
    if (!/^\d+\.log$/.test(name)) continue
    const log = readFileSync(join(dir, name))
    // Damaged batches are left out by the engine. Finding them takes long, and mostly all ascend anyway.
    const at = repetition(log, false) < 0 ? -1 : repetition(log, true)
    if (at >= 0) found.push([name, at])
  }
  return found
}

/** Where the first batch begins whose number does not follow those before, −1 if there is none. @param isExact only of those that the engine accepts */
function repetition(log: Uint8Array, isExact: boolean): number {
  const head = new Uint8Array(BATCH_HEADER)
  const numbers = new DataView(head.buffer)
  let start = 0
  let gathered = -1 // bytes of `head`; −1: no batch has begun
  let next = 0
  for (let at = 0; at + HEADER <= log.length; ) {
    const left = BLOCK - (at % BLOCK)
    const length = log[at + 4]! | (log[at + 5]! << 8)
    const type = log[at + 6]!
    const end = at + HEADER + length
    if (left < HEADER || type === 0 || type > LAST || HEADER + length > left || end > log.length || (isExact && !isWhole(log, at, end))) {
      at += left
      gathered = -1
      continue
    }
    if (type === FULL || type === FIRST) {
      start = at
      gathered = 0
    }
    if (gathered >= 0) {
      const part = log.subarray(at + HEADER, Math.min(end, at + HEADER + BATCH_HEADER - gathered))
      head.set(part, gathered)
      gathered += part.length
    }
    at = end
    if (type !== FULL && type !== LAST) continue
    if (gathered === BATCH_HEADER) {
      const first = numbers.getUint32(0, true) + numbers.getUint32(4, true) * 2 ** 32
      if (first < next) return start
      next = first + numbers.getUint32(8, true)
    }
    gathered = -1
  }
  return -1
}

/** Whether a fragment has the checksum that it says: CRC-32C of type and content, rotated and shifted. */
function isWhole(log: Uint8Array, at: number, end: number): boolean {
  let crc = -1
  for (let i = at + HEADER - 1; i < end; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ log[i]!) & 255]!
  crc = ~crc
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) | 0
  return masked === (log[at]! | (log[at + 1]! << 8) | (log[at + 2]! << 16) | (log[at + 3]! << 24))
}

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1
  return n
})
