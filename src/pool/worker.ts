import { Member, type MemberInit, type TurnOrder, type TurnReport } from './member.ts'

/** What a worker of the pool runs: one shard for as long as the worker lives. Loaded by the pool; no top-level await here or in anything that it imports. */

export interface WorkerTask {
  /** First: what the shard is made of. */
  readonly init?: MemberInit
  readonly turn?: TurnOrder
}

let member: Member | null = null

export default function work(task: WorkerTask): TurnReport | null {
  if (task.init !== undefined) member = Member.make(task.init)
  if (member === null) {
    if (task.turn === undefined) return null // it is there: that was the question
    throw new Error('the worker has no shard')
  }
  return task.turn === undefined ? member.report(false, 0) : member.turn(task.turn)
}
