import { ControlError, ControlServer, type Serve } from '../host/control.ts'
import type { Durable } from '../machine/durable.ts'
import { Operator } from '../machine/operator.ts'
import type { Session } from '../machine/session.ts'
import type { Pool } from '../pool/pool.ts'
import { operatorOf, top } from './operate.ts'
import { UsageError } from './usage.ts'

/** With workers: operators find everything in one shard, and nothing runs while they are served. */
function together(pool: Pool, serve: Serve): Serve {
  return async (request, answer) => {
    // It waits for its programs, and stands still by itself when it has to.
    if (request.op === 'deploy') return serve(request, answer)
    if (request.op !== 'top') return pool.together(() => serve(request, answer))
    const began = performance.now()
    const shards = pool.shards() // as they are before everything is brought together
    const look = (): number => top(pool.session, request, answer, shards, began)
    return request.detail === false ? look() : pool.together(look)
  }
}

/** A run that operators can look at and steer. It ends when it is at rest, nobody is connected, and no machine is paused that would run otherwise. */
export class Attended {
  private readonly server: ControlServer
  private readonly operator: Operator
  private constructor(server: ControlServer, operator: Operator) {
    this.server = server
    this.operator = operator
  }

  /** @throws UsageError if the socket cannot be made */
  static async open(path: string, session: Session, stored: Durable | undefined, pool?: Pool): Promise<Attended> {
    try {
      const serve = operatorOf(session, stored, undefined, pool === undefined ? undefined : what => pool.together(what))
      return new Attended(await ControlServer.open(path, pool === undefined ? serve : together(pool, serve)), new Operator(session))
    } catch (e) {
      throw e instanceof ControlError ? new UsageError(e.message, e.hint) : e
    }
  }

  /** At rest: false if the run is over, else true once an operator has done something. */
  async more(): Promise<boolean> {
    // An answer that has just been handed over is still to be read.
    await new Promise<void>(resolve => setImmediate(resolve))
    if (this.server.connections === 0 && !this.operator.holding) return false
    await this.server.change()
    return true
  }

  /** Ends `more` and the socket. */
  close(): Promise<void> {
    return this.server.close()
  }
}
