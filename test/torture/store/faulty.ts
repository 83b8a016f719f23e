import { type Engine, MemoryEngine, type Op } from '../../../rspace/store/index.ts'
import type { Random } from '../../support/random.ts'

/** What an engine was asked to write, and what of it would survive a power cut at the time. */
export interface Written {
  readonly ops: readonly Op[]
  /** The batch was synced, or everything up to it has been flushed since. */
  synced: boolean
}

/** An engine that lies on purpose: it can fail any call, and it remembers what a power cut would leave. */
export class FaultyEngine implements Engine {
  readonly written: Written[] = []
  readonly #inner = new MemoryEngine()
  calls = 0
  /** The number of the call that fails, and with which code. */
  failAt = -1
  failWith = 'EIO'
  /** A failing batch may still have reached the disk. */
  failAfterWriting = false

  async open(o?: { readonly create?: boolean }): Promise<void> {
    this.#step()
    await this.#inner.open(o)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#step()
    return this.#inner.getMany(keys)
  }

  async batch(ops: readonly Op[], sync: boolean): Promise<void> {
    if (this.failAfterWriting && this.calls === this.failAt) await this.#write(ops, sync)
    this.#step()
    await this.#write(ops, sync)
  }

  async *iterate(from: Uint8Array, to: Uint8Array): AsyncGenerator<[Uint8Array, Uint8Array][]> {
    this.#step()
    yield* this.#inner.iterate(from, to)
  }

  async flush(): Promise<void> {
    this.#step()
    for (const w of this.written) w.synced = true
  }

  async close(): Promise<void> {
    this.#step()
    await this.#inner.close()
  }

  /** The disk after a power cut: everything synced, of the rest what `keeps` says. */
  static async after(written: readonly Written[], keeps: (i: number) => boolean): Promise<MemoryEngine> {
    const engine = new MemoryEngine()
    await engine.open({ create: true })
    for (let i = 0; i < written.length; i++) if (written[i]!.synced || keeps(i)) await engine.batch(written[i]!.ops, true)
    await engine.close()
    return engine
  }

  async #write(ops: readonly Op[], sync: boolean): Promise<void> {
    await this.#inner.batch(ops, sync)
    this.written.push({ ops: ops.map(o => ({ key: o.key.slice(), value: o.value?.slice() })), synced: sync })
  }

  #step(): void {
    if (this.calls++ === this.failAt) throw Object.assign(new Error(`${this.failWith}: made to fail`), { code: this.failWith })
  }
}

/** One way the unsynced writes of a log may survive: a prefix, or some of them. */
export function survivors(random: Random, total: number): (i: number) => boolean {
  if (random.oneIn(2)) {
    const end = random.below(total + 1)
    return i => i < end
  }
  const odds = 1 + random.below(6)
  const lost = new Set(Array.from({ length: total }, (_, i) => i).filter(() => random.oneIn(odds * 4)))
  return i => !lost.has(i)
}
