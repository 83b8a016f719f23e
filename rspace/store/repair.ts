import { join } from 'node:path'
import { RhizomeError } from '../errors.ts'
import { FileAnchor } from './anchor.ts'
import { mapKey } from './bytes.ts'
import { Building, hasEntryPoint, newInstance, writeRestart } from './copy.ts'
import { asStorageError } from './engine.ts'
import { cutLogs } from './engine-log.ts'
import { CLEAN_FILE, FORMAT_FILE, readIfThere } from './files.ts'
import {
  type CommitRecord,
  decodeFormat,
  decodeHead,
  encodeRecord,
  type Format,
  genesis,
  type Head,
  isAboveMarks,
  isEmbedders,
  isLog,
  isMeta,
  isSummed,
  KEY_END,
  KEY_START,
  logKey,
  MASK_64,
  type Marks,
  marksOf,
  metaKey,
  openRow,
  sealRow,
} from './format.ts'
import { hashesReady, rowHash } from './hash.ts'
import { LevelEngine, rebuildLevelFiles } from './level.ts'
import { asReport, type Report, verifyEngine } from './verify.ts'
import { readRecord } from './walk.ts'

/** Everything readable in a damaged store. */
interface Found {
  readonly rows: Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>
  readonly records: Map<number, CommitRecord>
  damaged: number
  /** Rows of unknown kinds, or that the engine could not deliver. */
  format: Format | undefined
}

/** Check the store in a private copy. For child processes: damaged files can end the process. */
export async function verifyCopy(dir: string, onRows?: (rows: number) => void): Promise<Report> {
  await hashesReady()
  const engine = new LevelEngine(dir)
  try {
    const format = await readFormat(dir)
    if (format === undefined) throw new RhizomeError('NOT_A_SPACE', 'there is no RHZ.FORMAT')
    if (!(await hasEntryPoint(dir))) throw new RhizomeError('NOT_A_SPACE', 'CURRENT, or the MANIFEST it names, is missing')
    await engine.open()
    return await verifyEngine(engine, { format, anchor: new FileAnchor(dir, format), onRows })
  } catch (e) {
    return asReport(asStorageError(e, 'reading the files'))
  } finally {
    await engine.close().catch(() => undefined) // nothing has been written
  }
}

/**
 * Make a whole store in `to` from the private, possibly damaged copy `copy`. First choice: a state the store really had, found by
 * undoing the newest commits one after the other until row count and row sum are those of the commit. Second: all readable rows,
 * as a store with a new identity that is marked as salvaged. For child processes.
 */
export async function repairCopy(copy: string, to: string, onRows?: (rows: number) => void): Promise<Report> {
  await hashesReady()
  const before = await verifyCopy(copy, onRows)
  const found = await readAll(copy)
  const format = found.format
  if (format === undefined) throw new RhizomeError('CORRUPT', 'neither RHZ.FORMAT nor its copy in the rows can be read')
  let newest = -1
  for (const number of found.records.keys()) newest = Math.max(newest, number)
  const known = Math.max(newest, (await readClean(copy))?.number ?? -1)
  const state = undoToTruth(found, newest)
  const building = await Building.begin(to)
  try {
    const rows: Record<string, number> = {}
    for (const { key, value } of found.rows.values()) {
      const tag = String.fromCharCode(key[0]!)
      rows[tag] = (rows[tag] ?? 0) + 1
      await building.put(key, sealRow(key, value))
    }
    const head = state === undefined ? await salvage(building, found, format, known) : await carryOn(building, found, format, state)
    rows.L = head.records
    await building.finish(head.format, head)
    const lostCommits = state === undefined ? 0 : known - state.number
    const method = state === undefined ? 'salvage' : before.ok ? 'none' : 'undo'
    const lost = { commits: lostCommits, rows: state === undefined ? missingRows(found, newest) : 0 }
    return { ok: true, commit: head.number, rows, problems: before.problems, lost, method }
  } catch (e) {
    await building.abandon()
    throw e
  }
}

async function readFormat(dir: string): Promise<Format | undefined> {
  const bytes = await readIfThere(join(dir, FORMAT_FILE))
  return bytes && decodeFormat(bytes, FORMAT_FILE)
}

async function readClean(dir: string): Promise<Head | undefined> {
  try {
    const bytes = await readIfThere(join(dir, CLEAN_FILE))
    return bytes && decodeHead(bytes, CLEAN_FILE)
  } catch {
    return undefined // damaged as well: then it bounds nothing
  }
}

async function readAll(dir: string): Promise<Found> {
  let format: Format | undefined
  try {
    format = await readFormat(dir)
  } catch (e) {
    if (!(e instanceof RhizomeError) || e.code !== 'CORRUPT') throw e // a newer version is no damage
  }
  let rebuilt = false
  await cutLogs(dir)
  for (;;) {
    const engine = new LevelEngine(dir)
    try {
      await engine.open()
      const found = await readEngine(engine)
      found.format = format ?? found.format
      return found
    } catch (e) {
      if (rebuilt) throw asStorageError(e, 'reading the files')
      rebuilt = true
    } finally {
      await engine.close().catch(() => undefined) // a private copy
    }
    await rebuildLevelFiles(dir)
  }
}

async function readEngine(engine: LevelEngine): Promise<Found> {
  const found: Found = { rows: new Map(), records: new Map(), damaged: 0, format: undefined }
  for await (const page of engine.iterate(KEY_START, KEY_END)) {
    for (const [key, stored] of page) {
      if (isLog(key)) {
        const record = readRecord(key, stored)
        if (record !== undefined && typeof record !== 'string') found.records.set(record.number, record)
        continue
      }
      const row = openRow(key, stored)
      if (row === undefined || !(isEmbedders(key) || isMeta(key))) found.damaged++
      else if (isEmbedders(key)) found.rows.set(mapKey(key), { key: key.slice(), value: row.value.slice() })
      else if (mapKey(key) === mapKey(metaKey('format'))) found.format = decodeFormat(row.value, 'row M format')
    }
  }
  return found
}

/** Undo commits in `found.rows` until they are exactly the rows of some commit; that commit's record, or undefined (and rows as found). */
function undoToTruth(found: Found, newest: number): CommitRecord | undefined {
  const kept = new Map(found.rows)
  const rows = found.rows
  let count = 0
  let sum = 0n
  const count1 = (key: Uint8Array, value: Uint8Array, sign: 1 | -1) => {
    if (!isSummed(key)) return
    count += sign
    sum += BigInt(sign) * rowHash(key, value)
  }
  for (const { key, value } of rows.values()) count1(key, value, 1)
  const set = (key: Uint8Array, value: Uint8Array | undefined) => {
    const name = mapKey(key)
    const old = rows.get(name)
    if (old !== undefined) count1(key, old.value, -1)
    if (value === undefined) rows.delete(name)
    else {
      rows.set(name, { key, value })
      count1(key, value, 1)
    }
  }
  const numbers = [...found.records.keys()].sort((a, b) => b - a)
  for (let i = 0, above = newest; i < numbers.length; i++) {
    const record = found.records.get(numbers[i]!)!
    if (above - record.number > 1) {
      // Commits between are unknown. What they inserted is above the marks of this one; what they deleted has never been deleted here.
      for (const row of [...rows.values()]) if (isAboveMarks(row, record.marks)) set(row.key, undefined)
    }
    if (count === record.rowCount && (sum & MASK_64) === record.rowSum) return record
    for (const c of record.changes) set(c.key, c.before)
    above = record.number
  }
  rows.clear()
  for (const [name, row] of kept) rows.set(name, row)
  return undefined
}

type Finished = Head & { readonly format: Format; readonly records: number }

/** The state of `at`, with its commit records if they are whole; otherwise with one that starts them again. */
async function carryOn(building: Building, found: Found, format: Format, at: CommitRecord): Promise<Finished> {
  const chain: CommitRecord[] = []
  for (let n = at.number; n >= at.oldest; n--) {
    const record = found.records.get(n)
    const above = chain.at(-1)
    if (record === undefined || (above !== undefined && Buffer.compare(above.previous, record.chain) !== 0)) break
    chain.push(record)
  }
  if (chain.at(-1)?.number === at.oldest) {
    for (const record of chain) {
      const key = logKey(record.number)
      await building.put(key, sealRow(key, encodeRecord(record).value))
    }
    return { ...at, format, records: chain.length }
  }
  const { marks, rowCount, rowSum } = at
  return { ...(await writeRestart(building, { number: at.number + 1, previous: at.chain, marks, rowCount, rowSum })), format, records: 1 }
}

/** All readable rows as a store of its own. Numbers go on from the highest known, so that none is given out twice. */
async function salvage(building: Building, found: Found, old: Format, known: number): Promise<Finished> {
  const format: Format = { ...old, instance: newInstance(), salvaged: true }
  let rowCount = 0
  let rowSum = 0n
  for (const { key, value } of found.rows.values()) {
    if (!isSummed(key)) continue
    rowCount++
    rowSum += rowHash(key, value)
  }
  let marks: Marks = marksOf(found.rows.values())
  for (const r of found.records.values()) marks = highest(marks, r.marks)
  const start = { number: known + 1, previous: genesis(format), marks, rowCount, rowSum: rowSum & MASK_64 }
  return { ...(await writeRestart(building, start)), format, records: 1 }
}

function highest(a: Marks, b: Marks): Marks {
  return { refs: Math.max(a.refs, b.refs), cids: Math.max(a.cids, b.cids), gids: Math.max(a.gids, b.gids) }
}

/** How many rows the newest known commit had that are not among the readable ones. */
function missingRows(found: Found, newest: number): number {
  let summed = 0
  for (const { key } of found.rows.values()) if (isSummed(key)) summed++
  return Math.max(found.damaged, (found.records.get(newest)?.rowCount ?? 0) - summed)
}
