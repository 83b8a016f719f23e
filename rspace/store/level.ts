import { ClassicLevel } from 'classic-level'
import { asStorageError, type Engine, type Gathering, type Op } from './engine.ts'
import { checkLogs } from './engine-log.ts'
import { setAside, syncEngineFiles } from './files.ts'

/** Gives: an ordered, compressed, crash-safe table on disk. What leaves with it: native code, one per platform. */
type Level = ClassicLevel<Uint8Array, Uint8Array>

/**
 * The calls behind those of a chained batch, which look for encodings, hooks and listeners at every row: there are none here. The first row goes the usual way; from
 * it the batch knows that it is not empty.
 */
interface Direct {
  _put(key: Uint8Array, value: Uint8Array): void
  _del(key: Uint8Array): void
}

export interface LevelOptions {
  /** Bytes of log before the engine makes a table. A larger one writes less and reopens more slowly. */
  readonly writeBufferBytes?: number
  readonly cacheBytes?: number
}

const WRITE_BUFFER_BYTES = 8 << 20
const CACHE_BYTES = 8 << 20
/** Without this the engine hands out 16 KiB per call, whatever the number of rows asked for. */
const PAGE_BYTES = 1 << 20
const PAGE_ROWS = 1000

/** The engine behind directories: LevelDB by classic-level. */
export class LevelEngine implements Engine {
  readonly dir: string
  readonly #options: LevelOptions
  #db: Level | undefined

  constructor(dir: string, options: LevelOptions = {}) {
    this.dir = dir
    this.#options = options
  }

  async open(o: { readonly create?: boolean } = {}): Promise<void> {
    await attempt('reading the log', () => checkLogs(this.dir))
    const db: Level = new ClassicLevel(this.dir, { keyEncoding: 'view', valueEncoding: 'view' })
    await attempt('opening the files', () =>
      db.open({
        createIfMissing: o.create === true,
        errorIfExists: false,
        writeBufferSize: this.#options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
        cacheSize: this.#options.cacheBytes ?? CACHE_BYTES,
      }),
    )
    this.#db = db
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    // One by one on this thread: 1 µs each when the row is in memory, where a trip to the thread pool costs ten times that.
    return attempt('reading rows', async () => {
      const db = this.#open()
      return keys.map(key => db.getSync(key))
    })
  }

  async batch(ops: readonly Op[], sync: boolean): Promise<void> {
    await attempt('writing a commit', async () => {
      const batch = this.gather()
      for (const { key, value } of ops) {
        if (value === undefined) batch.del(key)
        else batch.put(key, value)
      }
      await batch.write(sync)
    })
  }

  gather(): Gathering {
    const batch = this.#open().batch()
    const direct = batch as unknown as Direct
    let isEmpty = true
    return {
      put: (key, value) => {
        if (!isEmpty) direct._put(key, value)
        else batch.put(key, value)
        isEmpty = false
      },
      del: key => {
        if (!isEmpty) direct._del(key)
        else batch.del(key)
        isEmpty = false
      },
      write: sync =>
        attempt('writing a commit', async () => {
          try {
            await batch.write({ sync })
          } finally {
            await batch.close()
          }
        }),
      discard: () => batch.close().catch(() => undefined), // nothing has been written
    }
  }

  async *iterate(from: Uint8Array, to: Uint8Array): AsyncGenerator<[Uint8Array, Uint8Array][]> {
    const options = { gte: from, lt: to, highWaterMarkBytes: PAGE_BYTES }
    const iterator = await attempt('reading rows', async () => this.#open().iterator(options as object))
    const read = (): Promise<[Uint8Array, Uint8Array][]> => {
      const page = attempt('reading rows', () => iterator.nextv(PAGE_ROWS) as Promise<[Uint8Array, Uint8Array][]>)
      page.catch(() => undefined) // told when it is its turn, if it comes
      return page
    }
    try {
      // The engine reads the next page while the caller is busy with this one.
      let next = read()
      for (;;) {
        const page = await next
        if (page.length === 0) return
        next = read()
        yield page
      }
    } finally {
      await iterator.close()
    }
  }

  flush(): Promise<void> {
    return attempt('syncing the files', () => syncEngineFiles(this.dir))
  }

  async close(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    if (db !== undefined) await attempt('closing the files', () => db.close())
  }

  compact(): Promise<void> {
    return attempt('compacting', () => this.#open().compactRange(new Uint8Array(1), new Uint8Array(16).fill(0xff)))
  }

  aside(): Promise<string> {
    return attempt('setting files aside', () => setAside(this.dir))
  }

  #open(): Level {
    if (this.#db === undefined) throw new Error('the engine is not open')
    return this.#db
  }
}

/** The engine's own reconstruction of CURRENT, MANIFEST and tables. Loses what it cannot read: for copies, and verify afterwards. */
export function rebuildLevelFiles(dir: string): Promise<void> {
  return attempt('rebuilding the engine files', () => ClassicLevel.repair(dir))
}

async function attempt<T>(doing: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (e) {
    throw asStorageError(e, doing)
  }
}
