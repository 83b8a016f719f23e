import type { Chan, Cont, Kernel } from '../../rspace/kernel.ts'
import type { Term } from '../normal/term.ts'
import type { Machine } from './machine.ts'
import type { SendSite } from './site.ts'

/** Told about every step of every machine, in order. Attached only while somebody watches: a test against null costs nothing. */
export interface Tracer {
  created(m: Machine): void
  runnable(m: Machine): void
  running(m: Machine): void
  blocked(m: Machine): void
  ended(m: Machine): void
  produce(m: Machine, chan: Chan, values: readonly Term[], site: SendSite): void
  consume(m: Machine): void
  /** `k` fired; `woken` goes on (k itself, or a child of a persistent one; null for native receives); `by` completed it (null: the pump). */
  comm(k: Cont, woken: Machine | null, by: Machine | null, kernel: Kernel<Term[], Term[], Cont>): void
  /** One operation. Fused: computed in place. Literal: the four steps on private and reply channel happened. */
  primitive(m: Machine, name: string, args: readonly Term[], result: Term | null, literal: boolean): void
}
