import { RhizomeError } from '../errors.ts'
import { mapKey } from './bytes.ts'
import type { Engine, Op } from './engine.ts'

const PAGE_ROWS = 1000

/** An engine that keeps everything in memory: for tests, and for stores that are meant to be exported. Closing keeps the content. */
export class MemoryEngine implements Engine {
  readonly #rows = new Map<string, [Uint8Array, Uint8Array]>()
  #isOpen = false
  #exists = false

  async open(o: { readonly create?: boolean } = {}): Promise<void> {
    if (this.#isOpen) throw new RhizomeError('LOCKED', 'this engine is already open')
    if (!this.#exists && o.create !== true) throw new RhizomeError('NO_SUCH_SPACE', 'this engine holds nothing yet')
    this.#exists = true
    this.#isOpen = true
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#check()
    return keys.map(k => this.#rows.get(mapKey(k))?.[1].slice())
  }

  async batch(ops: readonly Op[], _sync: boolean): Promise<void> {
    this.#check()
    for (const { key, value } of ops) {
      if (value === undefined) this.#rows.delete(mapKey(key))
      else this.#rows.set(mapKey(key), [key.slice(), value.slice()])
    }
  }

  async *iterate(from: Uint8Array, to: Uint8Array): AsyncGenerator<[Uint8Array, Uint8Array][]> {
    this.#check()
    const low = mapKey(from)
    const high = mapKey(to)
    const entries = [...this.#rows].filter(([k]) => k >= low && k < high).sort(([a], [b]) => (a < b ? -1 : 1))
    for (let i = 0; i < entries.length; i += PAGE_ROWS) {
      this.#check()
      yield entries.slice(i, i + PAGE_ROWS).map(([, [k, v]]) => [k.slice(), v.slice()])
    }
  }

  async flush(): Promise<void> {
    this.#check()
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  #check(): void {
    if (!this.#isOpen) throw new RhizomeError('IO', 'this engine is not open')
  }
}
