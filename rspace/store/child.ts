import { RhizomeError } from '../errors.ts'
import { repairCopy, verifyCopy } from './repair.ts'
import type { Report } from './verify.ts'

/**
 * The program of the child process that reads untrusted files: a malformed table can end the process, and that must not be the
 * user's. Takes tasks one after the other as messages and answers each with a report or an error.
 */
export type Task =
  | { readonly id: number; readonly kind: 'verify'; readonly dir: string }
  | { readonly id: number; readonly kind: 'repair'; readonly dir: string; readonly to: string }

export type Answer =
  | { readonly id: number; readonly rows: number }
  | { readonly id: number; readonly report: Report }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string; readonly details: unknown } }

let queue = Promise.resolve()

process.on('message', (task: Task) => {
  queue = queue.then(async () => {
    process.send?.(await answer(task))
  })
})
process.on('disconnect', () => process.exit(0))

/** Milliseconds between two messages about progress. */
const TELL_MS = 200

async function answer(task: Task): Promise<Answer> {
  let told = performance.now()
  const onRows = (rows: number) => {
    if (performance.now() - told < TELL_MS) return
    told = performance.now()
    process.send?.({ id: task.id, rows } satisfies Answer)
  }
  try {
    const report = task.kind === 'verify' ? await verifyCopy(task.dir, onRows) : await repairCopy(task.dir, task.to, onRows)
    return { id: task.id, report }
  } catch (e) {
    const { code, details } = e instanceof RhizomeError ? e : { code: 'IO', details: {} }
    return { id: task.id, error: { code, message: e instanceof Error ? e.message : String(e), details } }
  }
}
