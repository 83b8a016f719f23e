import type { Cont, KernelObserver } from '../../rspace/kernel.ts'
import type { Pack } from '../../rspace/store/pack.ts'
import type { Term, Unforgeable } from '../normal/term.ts'
import type { Account } from './machine.ts'
import type { Failure, Status } from './outcome.ts'

/** Who keeps a session beyond the process: what the session tells it and asks of it. Without one a session lives in memory. */
export interface Keeper {
  /** What the names of the space are derived from. */
  readonly key: Uint8Array
  readonly observer: KernelObserver<Cont>
  /** Slices between two calls of `boundary`. */
  readonly quantum: number
  /** The one object of a system channel's name. */
  systemName(uri: string): Unforgeable
  /** Output: leaves when the state that goes with it is safe. */
  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void
  log(level: string, text: string): void
  failed(f: Failure): void
  /** The outside was asked for an answer. Call back when it came: from then on nobody asks again. */
  asked(uri: string, args: readonly Term[], account: Account, dueMs: number): () => void
  /** Between two quanta: makes the state safe if it is time; when the session has nothing to do (`status` is not `budget`), in any case. */
  boundary(status: Status): Promise<void>
  /** Whether the attempts that wait have to wait on, until `boundary` has been called. */
  holdsBack(): boolean
  /** An attempt that may be undone begins; nothing is made safe until it ends. */
  attempt(): void
  attemptEnded(undone: boolean): void
}

/** A request to the outside that was open when the session was saved. */
export interface OpenRequest {
  readonly uri: string
  readonly args: readonly Term[]
  readonly account: Account
  /** Milliseconds since 1970 (of the session's clock) at which it is due; 0 for requests without a time. */
  readonly dueMs: number
}

export type Outgoing =
  | { readonly kind: 'out'; readonly n: number; readonly stream: 'stdout' | 'stderr'; readonly text: string; readonly raw: boolean }
  | { readonly kind: 'log'; readonly level: string; readonly text: string }
  | { readonly kind: 'failure'; readonly n: number; readonly failure: Failure }

/** Where output goes once it is safe. */
export interface Outlet {
  leave(o: Outgoing): void
  /** Everything handed over has left the process. False: nobody is there to take it; it will be offered again. */
  flush(): boolean
}

/** Rows of bytes that become safe together. `rspace/store` is one. */
export interface Rows {
  /** Says, where it is there, what commits survive. */
  readonly format?: { readonly durability: 'process' | 'power' }
  rows(): AsyncIterable<readonly (readonly [Uint8Array, Uint8Array])[]>
  commit(
    delta: {
      readonly put: readonly (readonly [key: Uint8Array, value: Uint8Array, before?: Uint8Array | null])[]
      readonly del: readonly Uint8Array[]
      /** Rows whose keys held nothing before. */
      readonly packs?: readonly Pack[]
      /** Rows that go, with what they held. */
      readonly gone?: readonly Pack[]
    },
    meta: {
      readonly marks: { readonly refs: number }
      /** May be called when the rows have been taken in and are only to be written. */
      readonly gathered?: () => void
    },
  ): Promise<unknown>
  close(): Promise<void>
}
