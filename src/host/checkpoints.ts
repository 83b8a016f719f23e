import { blake2b256 } from '../../rspace/blake.ts'
import { RhizomeError } from '../../rspace/errors.ts'
import { openForReading, openStore, type Report, type Store } from '../../rspace/store/index.ts'
import { ByteReader, ByteWriter } from '../machine/codec.ts'
import { afterReset, isCounters, isPendingOutput } from '../machine/durable.ts'
import { hex } from '../normal/print.ts'
import { CODECS } from './space.ts'

/**
 * Earlier states of a stored session (docs/persistence.md): a checkpoint keeps the state under its root, pages of rows that several checkpoints share are kept
 * once. For spaces that nobody has open.
 */

/** At most so many checkpoints are kept; the oldest go first. */
const CHECKPOINTS_MAX = 64
const CHECKPOINT = 0x53 // S
const PAGE = 0x4e // N
/** Rows of one kind whose numbers agree but for the lowest 7 bits share a page. */
const PAGE_BITS = 7

type Row = readonly [key: Uint8Array, value: Uint8Array]

interface Checkpoint {
  readonly root: string
  readonly commit: number
  readonly counters: Uint8Array
  readonly pages: readonly Uint8Array[]
}

/** Whether the rows in `dir` are those of a session. @throws RhizomeError */
export async function isSession(dir: string): Promise<boolean> {
  const store = await openForReading(dir, {})
  try {
    return store.format.codecs === CODECS
  } finally {
    await store.close()
  }
}

/** Keep the present state. States that differ only in counters have the same root. @throws RhizomeError */
export async function checkpointSession(dir: string): Promise<{ root: string; commit: number }> {
  return opened(dir, async store => {
    const { counters, pages } = await present(store)
    const root = rootOf(pages.map(p => p.hash))
    const commit = store.committed.number
    const w = new ByteWriter()
    w.count(commit)
    w.blob(counters)
    w.count(pages.length)
    for (const p of pages) w.raw(p.hash)
    const old = await checkpoints(store)
    const known = new Set(old.flatMap(c => c.pages.map(hex)))
    const dropped = old.filter(c => c.root !== root).slice(0, Math.max(0, old.filter(c => c.root !== root).length + 1 - CHECKPOINTS_MAX))
    const needed = new Set([...pages.map(p => hex(p.hash)), ...old.filter(c => !dropped.includes(c)).flatMap(c => c.pages.map(hex))])
    await store.commit({
      put: [
        [checkpointKey(root), w.take()] as const,
        ...pages.filter(p => !known.has(hex(p.hash))).map(p => [pageKey(p.hash), p.bytes] as const),
      ],
      del: [...dropped.map(c => checkpointKey(c.root)), ...[...known].filter(h => !needed.has(h)).map(h => pageKey(fromHex(h)))],
    })
    return { root, commit }
  })
}

/**
 * Go back to the state of a checkpoint, in one commit. Names, machines and outputs get no number again that was given out since; outputs that have not left yet
 * still will.
 * @throws RhizomeError `UNKNOWN_ROOT`
 */
export async function resetSession(dir: string, root: string): Promise<{ root: string; commit: number }> {
  return opened(dir, async store => {
    const saved = await find(store, root)
    const wanted = new Map((await rowsOf(store, saved)).map(row => [hex(row[0]), row]))
    const put: (readonly [Uint8Array, Uint8Array, Uint8Array | null])[] = []
    const del: Uint8Array[] = []
    for await (const page of store.rows()) {
      for (const [key, value] of page) {
        if (isPendingOutput(key)) continue
        const row = wanted.get(hex(key))
        wanted.delete(hex(key))
        if (isCounters(key)) put.push([key, afterReset(saved.counters, value), value])
        else if (row === undefined) del.push(key)
        else if (Buffer.compare(row[1], value) !== 0) put.push([key, row[1], value])
      }
    }
    for (const [key, value] of wanted.values()) put.push([key, value, null])
    const { number } = await store.commit({ put, del })
    return { root, commit: number }
  })
}

/** A space of its own in `to` with the state of a checkpoint of `from`. Checkpoints do not come along. @throws RhizomeError `UNKNOWN_ROOT` */
export async function forkSession(from: string, to: string, root: string): Promise<Report> {
  const source = await openForReading(from, { codecs: CODECS })
  try {
    const saved = await find(source, root)
    const { durability } = source.format
    const target = await openStore(to, { create: true, createWithFirstCommit: true, durability, codecs: CODECS })
    try {
      if (target.committed.number > 0) throw new RhizomeError('BAD_ARGUMENT', 'the target of a fork must be new')
      const rows = [...(await rowsOf(source, saved)), [COUNTERS_KEY, saved.counters] as const]
      await target.commit({ put: rows.map(([key, value]) => [key, value, null] as const) })
      return await target.verify()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function opened<T>(dir: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(dir, { codecs: CODECS })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

const COUNTERS_KEY = Uint8Array.of(0x58, 0x42, 0, 0, 0, 0, 0, 0, 0, 0)

async function present(store: Store): Promise<{ counters: Uint8Array; pages: { hash: Uint8Array; bytes: Uint8Array }[] }> {
  const pages: { hash: Uint8Array; bytes: Uint8Array }[] = []
  let counters: Uint8Array | undefined
  let w = new ByteWriter()
  let at = ''
  const end = (): void => {
    if (w.length === 0) return
    const bytes = w.take()
    pages.push({ hash: blake2b256(bytes), bytes })
    w = new ByteWriter()
  }
  for await (const rows of store.rows()) {
    for (const [key, value] of rows) {
      if (isPendingOutput(key)) continue
      if (isCounters(key)) {
        counters = value
        continue
      }
      const place = hex(key.subarray(0, key.length - 1)) + (key[key.length - 1] >> PAGE_BITS)
      if (place !== at) end()
      at = place
      w.blob(key)
      w.blob(value)
    }
  }
  end()
  if (counters === undefined) throw new RhizomeError('NO_SUCH_SPACE', 'no program has ever been run in this space')
  return { counters, pages }
}

async function rowsOf(store: Store, saved: Checkpoint): Promise<Row[]> {
  const rows: Row[] = []
  for (const bytes of await store.get(saved.pages.map(pageKey))) {
    if (bytes === undefined) throw new RhizomeError('CORRUPT', 'a page of the checkpoint is missing')
    const r = new ByteReader(bytes)
    while (!r.done) rows.push([r.blob().slice(), r.blob().slice()])
  }
  return rows
}

async function checkpoints(store: Store): Promise<Checkpoint[]> {
  const found: Checkpoint[] = []
  for await (const page of store.range(Uint8Array.of(CHECKPOINT), Uint8Array.of(CHECKPOINT + 1))) {
    for (const [key, value] of page) {
      const r = new ByteReader(value)
      const commit = r.count()
      const counters = r.blob().slice()
      const pages = Array.from({ length: r.count() }, () => r.raw(32).slice())
      found.push({ root: hex(key.subarray(1)), commit, counters, pages })
    }
  }
  return found.sort((a, b) => a.commit - b.commit)
}

async function find(store: Store, root: string): Promise<Checkpoint> {
  const found = (await checkpoints(store)).find(c => c.root === root)
  if (found === undefined) throw new RhizomeError('UNKNOWN_ROOT', 'no checkpoint with that root is kept', { details: { root } })
  return found
}

const ROOT = new TextEncoder().encode('rhizome session root 1')

function rootOf(pages: readonly Uint8Array[]): string {
  return hex(blake2b256(ROOT, ...pages))
}

function checkpointKey(root: string): Uint8Array {
  return Uint8Array.of(CHECKPOINT, ...fromHex(root))
}
function pageKey(hash: Uint8Array): Uint8Array {
  return Uint8Array.of(PAGE, ...hash)
}
function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
}
