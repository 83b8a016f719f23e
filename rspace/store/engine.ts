import { RhizomeError } from '../errors.ts'

/** A key and its new value; without a value the key is deleted. */
export interface Op {
  readonly key: Uint8Array
  readonly value?: Uint8Array
}

/** A batch that takes changes in, in order; each key and value may change as soon as the call returns. In the end `write` or `discard` is called, once. */
export interface Gathering {
  put(key: Uint8Array, value: Uint8Array): void
  del(key: Uint8Array): void
  write(sync: boolean): Promise<void>
  discard(): Promise<void>
}

/**
 * An ordered map of bytes that can apply many changes at once. Everything the store asks of a storage engine.
 * Callers keep at most one `batch` in flight and do not change byte arrays they have handed over.
 */
export interface Engine {
  /** @param o.create false (default): an engine that holds nothing yet is an error */
  open(o?: { readonly create?: boolean }): Promise<void>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** All of `ops` or none, in order. With `sync` the promise resolves when they would survive a power cut. */
  batch(ops: readonly Op[], sync: boolean): Promise<void>
  /** Pages of entries with from ≤ key < to in byte order, as they were when the iteration began. */
  iterate(from: Uint8Array, to: Uint8Array): AsyncIterable<[Uint8Array, Uint8Array][]>
  /** Resolves when everything written before would survive a power cut. */
  flush(): Promise<void>
  close(): Promise<void>
  /** Take a batch in change by change, while another one is in flight, and write it later. Without this `batch` does all at once. */
  gather?(): Gathering
  /** Give space of deleted entries back. May take long; other calls go on. */
  compact?(): Promise<void>
  /** Before `open`: keep the files as they are now in a place that `open` does not touch; returns it. */
  aside?(): Promise<string>
}

/** Any host error of an engine or a file system as one of ours. */
export function asStorageError(e: unknown, doing: string): RhizomeError {
  if (e instanceof RhizomeError) return e
  const seen: { code?: unknown; message?: unknown }[] = []
  for (let at = e; at instanceof Error && seen.length < 8; at = at.cause) seen.push(at as never)
  const codes = seen.map(x => String(x.code ?? ''))
  const text = seen.map(x => String(x.message ?? '')).join('; ')
  const details = { doing, engine: codes.find(c => c !== '') ?? '', message: text.slice(0, 500) }
  // The engine passes errno only as text, so here, and only here, text decides.
  if (codes.some(c => c === 'ENOSPC' || c === 'EDQUOT') || /No space left|quota exceeded|File too large/i.test(text)) {
    return new RhizomeError('DISK_FULL', `no room left while ${doing}`, {
      details,
      cause: e,
      hint: 'Make room, then open the space again.',
    })
  }
  // An empty or missing table is damage, though the system calls it an invalid argument or a missing file.
  const isMissing =
    /\.(ldb|sst): (Invalid argument|No such file)/.test(text) ||
    (codes.includes('LEVEL_DATABASE_NOT_OPEN') && /No such file|does not exist/.test(text))
  if (codes.includes('LEVEL_CORRUPTION') || isMissing) {
    return new RhizomeError('CORRUPT', `the engine found damaged or missing files while ${doing}`, { details, cause: e, hint: REPAIR_HINT })
  }
  if (codes.includes('LEVEL_LOCKED')) {
    return new RhizomeError('LOCKED', 'another process has the files open', { details, cause: e })
  }
  return new RhizomeError('IO', `storage failed while ${doing}${text === '' ? '' : `: ${text.slice(0, 200).replaceAll('\n', ' ')}`}`, {
    details,
    cause: e,
  })
}

export const REPAIR_HINT = '`rho space verify DIR` says what is wrong; `rho space repair DIR TO` makes a repaired copy.'

/** Lets everything else that waits for this thread run once. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
