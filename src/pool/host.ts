import type { Session } from '../machine/session.ts'
import type { ShardOptions } from '../machine/shard.ts'
import { addAccountTally, addTally } from '../machine/tally.ts'
import { Bundle, Unforgeable } from '../normal/term.ts'
import type { TurnReport } from './member.ts'

/** What a shard of its own is made with: all of the options that can be sent. */
export function plainOptions(o: ShardOptions): Omit<ShardOptions, 'uri' | 'observer'> {
  const { policy, order, shuffle, literal, handoff, limits, unknownOp, key, optimise, hot } = o
  return { policy, order, shuffle, literal, handoff, limits, unknownOp, key: typeof key === 'function' ? key() : key, optimise, hot }
}

/** System channels that shard 0 has given names of its own. */
export function systemsOf(session: Session): [string, number][] {
  const found: [string, number][] = []
  for (const [uri, value] of session.uriValues) {
    if (!(value instanceof Bundle) || !(value.body instanceof Unforgeable)) continue
    if (value.body.origin === session.shard.origin) found.push([uri, value.body.counter])
  }
  return found
}

/** Count what happened in another shard as if it had happened here. */
export function mergeReport(session: Session, r: TurnReport): void {
  const { shard } = session
  addTally(shard, r)
  for (const d of r.accounts) {
    const a = session.kept.accounts[d.id - 1]
    addAccountTally(a, d)
    if (a.gas > a.gasLimit && !a.stopped) shard.overGas(a, null, r.spent === null ? null : { span: r.spent })
    else if (a.stopped && a.gas > a.gasLimit) a.gas = a.gasLimit
  }
  for (const f of r.failures) {
    // A limit of a program that several shards ran into at once is one failure.
    if (f.limit && shard.failures.some(x => x.limit && x.code === f.code && x.message === f.message)) continue
    shard.failures.push(f)
    shard.onFailure?.(f)
  }
  for (const note of r.notes) shard.notes.push(note)
  shard.notesMore += r.notesMore
}
