import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, RhizomeError } from '../errors.ts'
import type { Answer, Task } from './child.ts'
import type { Report } from './verify.ts'

/** Where a bundler may have put the child's program, relative to this module. */
const PROGRAMS = ['./child.cjs', './child.js', './rspace/store/child.js', '../rspace/store/child.js', './child.ts'] as const

type TaskOf<T> = T extends Task ? Omit<T, 'id'> : never

/** Reads stores in a child process that may die without harm; the next task then gets a new one. */
export class Reader {
  #child: ChildProcess | undefined
  #next = 0
  readonly #waiting = new Map<number, { resolve(r: Report): void; reject(e: unknown): void; onRows?: (rows: number) => void }>()
  /** Child processes that damaged files have ended. */
  deaths = 0

  /** @throws RhizomeError as the task does; a dead child is a report (`verify`) or `CORRUPT` (`repair`) */
  run(task: TaskOf<Task>, onRows?: (rows: number) => void): Promise<Report> {
    return new Promise((resolve, reject) => {
      const id = this.#next++
      this.#waiting.set(id, { resolve, reject, onRows })
      try {
        this.#child ??= this.#start()
        this.#child.send({ ...task, id } as Task)
      } catch (e) {
        this.#waiting.delete(id)
        reject(new RhizomeError('IO', 'no child process could be started', { cause: e }))
      }
    })
  }

  close(): void {
    this.#child?.disconnect()
    this.#child = undefined
  }

  #start(): ChildProcess {
    const program = PROGRAMS.map(p => fileURLToPath(new URL(p, import.meta.url))).find(p => existsSync(p))
    if (program === undefined) throw new Error('the program of the child process is missing')
    const execArgv = program.endsWith('.ts') ? ['--import', createRequire(import.meta.url).resolve('tsx')] : []
    const child = fork(program, [], { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', (a: Answer) => {
      const w = this.#waiting.get(a.id)
      if ('rows' in a) return void w?.onRows?.(a.rows)
      this.#waiting.delete(a.id)
      if ('report' in a) w?.resolve(a.report)
      else w?.reject(new RhizomeError(a.error.code as ErrorCode, a.error.message, { details: a.error.details as never }))
    })
    const gone = (how: string) => {
      if (this.#child === child) this.#child = undefined
      if (this.#waiting.size === 0) return
      this.deaths++
      const message = `reading the files ended the process (${how})`
      for (const w of this.#waiting.values()) w.reject(new RhizomeError('CORRUPT', message, { details: { where: 'engine', how } }))
      this.#waiting.clear()
    }
    child.on('error', e => gone(e.message))
    child.on('exit', (code, signal) => gone(signal ?? `exit ${code}`))
    return child
  }
}
