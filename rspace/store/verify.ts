import { type ErrorCode, RhizomeError } from '../errors.ts'
import type { Anchor } from './anchor.ts'
import { hex, mapKey, showKey } from './bytes.ts'
import { asStorageError, type Engine } from './engine.ts'
import {
  encodeFormat,
  type Format,
  type Head,
  isLog,
  isMeta,
  KEY_END,
  KEY_START,
  LOG_RANGE,
  metaKey,
  openRow,
  ROW_RANGES,
  sameHead,
} from './format.ts'
import { LogWalk, type Problem, readRecord, Tally } from './walk.ts'

/** What a reading of a whole store found. */
export interface Report {
  readonly ok: boolean
  /** The last commit found. */
  readonly commit: number
  /** Rows by tag, and `damaged`. */
  readonly rows: Readonly<Record<string, number>>
  readonly problems: readonly Problem[]
  /** What a repair could not keep. */
  readonly lost?: { readonly commits: number; readonly rows: number }
  /** How a repair got its state: nothing was wrong, the newest commits were undone, or readable rows were collected. */
  readonly method?: 'none' | 'undo' | 'salvage'
}

export interface Expected {
  readonly format: Format
  /** With it, what was recorded outside the rows is compared as well. */
  readonly anchor?: Anchor
  /** Told now and then how many rows have been read. */
  readonly onRows?: (rows: number) => void
}

function failedReport(code: ErrorCode, where: string, message: string): Report {
  return { ok: false, commit: -1, rows: {}, problems: [{ code, where, count: 1, message }] }
}

/** A typed error that says the data are bad, as a report; anything else is thrown on. */
export function asReport(e: unknown): Report {
  if (e instanceof RhizomeError && DATA_CODES.has(e.code)) return failedReport(e.code, String(e.details.where ?? 'store'), e.message)
  throw e
}
const DATA_CODES: ReadonlySet<string> = new Set(['CORRUPT', 'NEEDS_REPAIR', 'VERSION', 'NOT_A_SPACE'])

/** Read every row of an open engine at one moment and compare everything that can be compared. Changes nothing. */
export async function verifyEngine(engine: Engine, expected: Expected): Promise<Report> {
  const problems: Problem[] = []
  const { clean, open } = await readHeads(expected.anchor, problems)
  const walk = new LogWalk(expected.format, clean ?? open)
  const tally = new Tally()
  let hasFormat = false
  let read = 0
  try {
    for await (const page of engine.iterate(KEY_START, KEY_END)) {
      expected.onRows?.((read += page.length))
      for (const [key, stored] of page) {
        if (isLog(key)) walk.add(key, stored)
        else if (isMeta(key)) hasFormat = checkMeta(key, stored, expected.format, problems) || hasFormat
        else tally.add(key, stored)
      }
    }
  } catch (e) {
    const error = asStorageError(e, 'reading rows')
    problems.push({ code: error.code, where: 'engine', count: 1, message: error.message })
  }
  walk.finish()
  if (!hasFormat) problems.push({ code: 'CORRUPT', where: 'M format', count: 1, message: 'the format row is missing' })
  if (walk.last !== undefined) tally.finish(walk.last)
  if (clean !== undefined && walk.last !== undefined && !sameHead(clean, walk.last)) {
    const message = `the store was closed at commit ${clean.number} and is now at ${walk.last.number}, or differs from it`
    problems.push({ code: 'CORRUPT', where: 'clean close', count: Math.max(1, Math.abs(clean.number - walk.last.number)), message })
  }
  for (const p of walk.problems) problems.push(p)
  for (const p of tally.problems) problems.push(p)
  if (tally.problems.length > 0 && walk.last !== undefined) problems.push(...(await nameCulprits(engine)))
  const rows: Record<string, number> = { ...tally.rows, L: walk.records }
  if (tally.damaged > 0) rows.damaged = tally.damaged
  return { ok: problems.length === 0, commit: walk.last?.number ?? -1, rows, problems }
}

async function readHeads(anchor: Anchor | undefined, problems: Problem[]): Promise<{ clean?: Head; open?: Head }> {
  const read = async (get: () => Promise<Head | undefined>) => {
    try {
      return await get()
    } catch (e) {
      if (!(e instanceof RhizomeError) || e.code !== 'CORRUPT') throw e
      problems.push({ code: 'CORRUPT', where: String(e.details.where), count: 1, message: e.message })
      return undefined
    }
  }
  if (anchor === undefined) return {}
  return { clean: await read(() => anchor.clean()), open: await read(() => anchor.open()) }
}

/** True for the format row. */
function checkMeta(key: Uint8Array, stored: Uint8Array, format: Format, problems: Problem[]): boolean {
  const row = openRow(key, stored)
  const isFormat = hex(key) === hex(metaKey('format'))
  if (row === undefined) problems.push({ code: 'CORRUPT', where: showKey(key), count: 1, message: 'row has a wrong checksum' })
  else if (isFormat && hex(row.value) !== hex(encodeFormat(format))) {
    problems.push({ code: 'CORRUPT', where: 'M format', count: 1, message: 'the rows belong to another store than the directory' })
  }
  return isFormat
}

const CULPRITS_MAX = 20

/** With the help of the kept commit records: which rows are missing, stale or too many. */
async function nameCulprits(engine: Engine): Promise<Problem[]> {
  const should = new Map<string, { key: Uint8Array; hash: bigint | undefined; commit: number }>()
  const found: Problem[] = []
  let next = -1
  const note = (key: Uint8Array, message: string) => {
    if (found.length < CULPRITS_MAX) found.push({ code: 'CORRUPT', where: showKey(key), count: 1, message })
  }
  try {
    for await (const page of engine.iterate(...LOG_RANGE)) {
      for (const [key, stored] of page) {
        const record = readRecord(key, stored)
        // What a commit did that cannot be read, nobody knows: all that was known of the rows before it may be out of date.
        const isReadable = record !== undefined && typeof record !== 'string'
        if (!isReadable || record.number !== next) should.clear()
        if (!isReadable) continue
        next = record.number + 1
        for (const c of record.changes) should.set(mapKey(c.key), { key: c.key.slice(), hash: c.hash, commit: record.number })
      }
    }
    for (const [from, to] of ROW_RANGES) {
      for await (const page of engine.iterate(from, to)) {
        for (const [key, stored] of page) {
          const name = mapKey(key)
          const want = should.get(name)
          if (want === undefined) continue
          const row = openRow(key, stored)
          if (want.hash === undefined) note(key, `row was deleted by commit ${want.commit} and is back`)
          else if (row !== undefined && row.hash !== want.hash) note(key, `row is older than commit ${want.commit}, which wrote it`)
          should.delete(name)
        }
      }
    }
  } catch {
    return found // the reading error itself is already in the report
  }
  for (const { key, hash, commit } of should.values()) {
    if (hash !== undefined && ROW_RANGES.some(([from, to]) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0)) {
      note(key, `row written by commit ${commit} is missing`)
    }
  }
  return found
}
