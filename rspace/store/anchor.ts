import { writeFileSync } from 'node:fs'
import { RhizomeError } from '../errors.ts'
import { equalBytes } from './bytes.ts'
import type { Engine } from './engine.ts'
import { CLEAN_FILE, dropAside, OPEN_FILE, readIfThere, removeIfThere, syncDir, syncFile, writeWhole } from './files.ts'
import { decodeHead, encodeHead, type Format, type Head, metaKey, openRow, sealRow } from './format.ts'

/**
 * What is known about a store outside its rows: the state at the last clean close (`clean`), or the state from which the present
 * session, or one that was killed, set out (`open`). If a crash left both, `clean` holds. Kept in synced files of their own, so that
 * losing the engine's newest files cannot lose them as well; for an engine without a directory, in `M` rows.
 */
export interface Anchor {
  clean(): Promise<Head | undefined>
  open(): Promise<Head | undefined>
  /** Before the first commit of a session: no clean close any more. */
  begin(head: Head): Promise<void>
  /** Close the engine and record that this was its state. */
  end(engine: Engine, head: Head): Promise<void>
}

export class FileAnchor implements Anchor {
  readonly #dir: string
  readonly #format: Format
  #prepared = false

  constructor(dir: string, format: Format) {
    this.#dir = dir
    this.#format = format
  }

  clean(): Promise<Head | undefined> {
    return this.#read(CLEAN_FILE)
  }

  open(): Promise<Head | undefined> {
    return this.#read(OPEN_FILE)
  }

  /** In a directory that is not a space yet: what the first `begin` would do. That the file is there becomes durable with all others, when the space does. */
  async prepare(head: Head): Promise<void> {
    const path = `${this.#dir}/${OPEN_FILE}`
    writeFileSync(path, encodeHead(head, this.#format.instance))
    await syncFile(path)
    this.#prepared = true
  }

  async begin(head: Head): Promise<void> {
    if (this.#prepared) return
    await writeWhole(this.#dir, OPEN_FILE, encodeHead(head, this.#format.instance))
    await dropAside(this.#dir)
    if (await removeIfThere(`${this.#dir}/${CLEAN_FILE}`)) await syncDir(this.#dir)
  }

  async end(engine: Engine, head: Head): Promise<void> {
    const closed = async (): Promise<void> => {
      await engine.flush()
      await engine.close()
    }
    await writeWhole(this.#dir, CLEAN_FILE, encodeHead(head, this.#format.instance), closed())
    await removeIfThere(`${this.#dir}/${OPEN_FILE}`) // a power cut may bring it back: beside a clean close it means nothing
  }

  async #read(name: string): Promise<Head | undefined> {
    const bytes = await readIfThere(`${this.#dir}/${name}`)
    return bytes && checkInstance(decodeHead(bytes, name), this.#format, name)
  }
}

export class RowAnchor implements Anchor {
  readonly #engine: Engine
  readonly #format: Format
  readonly #sync: boolean

  constructor(engine: Engine, format: Format) {
    this.#engine = engine
    this.#format = format
    this.#sync = format.durability === 'power'
  }

  clean(): Promise<Head | undefined> {
    return this.#read('clean')
  }

  open(): Promise<Head | undefined> {
    return this.#read('open')
  }

  begin(head: Head): Promise<void> {
    return this.#replace('clean', 'open', head)
  }

  async end(engine: Engine, head: Head): Promise<void> {
    await this.#replace('open', 'clean', head)
    await engine.close()
  }

  async #replace(old: string, name: string, head: Head): Promise<void> {
    const key = metaKey(name)
    const value = sealRow(key, encodeHead(head, this.#format.instance))
    await this.#engine.flush() // what the head speaks of must not be lost before it
    await this.#engine.batch([{ key: metaKey(old) }, { key, value }], this.#sync)
    await this.#engine.flush()
  }

  async #read(name: string): Promise<Head | undefined> {
    const key = metaKey(name)
    const [stored] = await this.#engine.getMany([key])
    if (stored === undefined) return undefined
    return checkInstance(decodeHead(openRow(key, stored)?.value ?? new Uint8Array(0), `row M ${name}`), this.#format, `row M ${name}`)
  }
}

function checkInstance(head: Head & { readonly instance: Uint8Array }, format: Format, where: string): Head {
  if (equalBytes(head.instance, format.instance)) return head
  throw new RhizomeError('CORRUPT', `${where} belongs to another store`, { details: { where } })
}
