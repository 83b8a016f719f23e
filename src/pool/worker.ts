import { loadOperations } from '../host/operations.ts'
import { Member, type MemberInit, type TurnOrder, type TurnReport } from './member.ts'

/** What a worker of the pool runs: one shard for as long as the worker lives. Loaded by the pool; no top-level await here or in anything that it imports. */

export interface WorkerTask {
  /** First: what the shard is made of. */
  readonly init?: MemberInit
  readonly turn?: TurnOrder
}

let member: Member | null = null

async function begin(init: MemberInit): Promise<TurnReport> {
  let operations: Awaited<ReturnType<typeof loadOperations>>
  try {
    operations = await loadOperations(init.modules)
  } catch (e) {
    throw new Error(e instanceof Error ? e.message : String(e)) // not all that loaders throw can be sent
  }
  member = Member.make(init, operations)
  return member.report(false, 0)
}

export default function work(task: WorkerTask): TurnReport | Promise<TurnReport> | null {
  if (task.init !== undefined) return begin(task.init)
  if (task.turn === undefined) return null // it is there: that was the question
  if (member === null) throw new Error('the worker has no shard')
  return member.turn(task.turn)
}
