import { headline, placeText } from '../base/render.ts'
import { sources } from '../base/source.ts'
import type { Machine } from '../machine/machine.ts'
import type { Session } from '../machine/session.ts'

/** One row per machine: label, what it does, where, and what it has used. */
export function machineRows(session: Session, runnableOnly: boolean): string[][] {
  if (runnableOnly) return session.shard.queue.items().map(m => row(m, 'runnable'))
  return session.machines().map(({ machine, waits }) => row(machine, waits ? 'waits' : 'runnable'))
}

function row(m: Machine, status: string): string[] {
  const { start, end } = m.linked.spanAt(m.pc)
  const place = placeText(sources, start) || 'no source'
  return [`m:${m.priv}`, m.paused > 0 ? 'paused' : status, place, `${headline(sources, start, end)}   steps ${m.steps}, gas ${m.gas}`]
}
