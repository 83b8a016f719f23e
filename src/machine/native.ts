import { type Chan, Cont } from '../../rspace/kernel.ts'
import type { Term } from '../normal/term.ts'
import type { Machine } from './machine.ts'
import { nativeSite } from './site.ts'

/** A persistent receive that the host listens with: a system channel, a primitive processor, an embedder's handler. */
export class Native extends Cont {
  readonly arity: number
  readonly label: string
  readonly run: (args: readonly Term[], sender: Machine | null, origin: unknown) => void
  constructor(label: string, arity: number, chan: Chan, run: (args: readonly Term[], sender: Machine | null, origin: unknown) => void) {
    super(nativeSite(arity))
    this.label = label
    this.arity = arity
    this.run = run
    this.chan = chan
  }
}
