import { nameOf } from '../compile/names.ts'
import type { Term, Unforgeable } from '../normal/term.ts'
import { type CodeBook, Garbled, TermReader, TermWriter } from './codec.ts'
import { Fault } from './primitives/fault.ts'
import type { Session } from './session.ts'

/**
 * What came in from outside during a run, and giving it again (vm.md 5.3): answers of the channels that rholang.md 13 marks as recorded, with the place in the
 * order of events at which they came in. Everything else a run does follows from its state at the beginning.
 */

/** Sends on a name, as in `system-table.ts`. */
type Reply = (channel: Term, values: readonly Term[]) => void

/** Stands between system channels and the outside. */
export interface Journal {
  /** A request: `run` would ask the outside. Answers go to `reply`, on `ack`. */
  serve(run: (reply: Reply) => Fault | undefined, reply: Reply, ack: Term): Fault | undefined
}

/** One answer. Requests are numbered in the order in which they were made. */
export interface Answered {
  readonly request: number
  /** Values of the message, encoded, base64. */
  readonly values: string
  /** Slices and operations of the space before it came in; absent: while the request was made. */
  readonly at?: readonly [slices: number, op: number]
}

export interface Refused {
  readonly request: number
  readonly fault: readonly [code: string, message: string, hint: string]
}

/** Writes down what comes in. */
export class Recorder implements Journal {
  /** Known as soon as there is one; nothing comes in before. */
  session: Session | null = null
  private readonly write: (entry: Answered | Refused) => void
  private requests = 0
  constructor(write: (entry: Answered | Refused) => void) {
    this.write = write
  }

  serve(run: (reply: Reply) => Fault | undefined, reply: Reply): Fault | undefined {
    const request = this.requests++
    let making = true
    const fault = run((channel, values) => {
      const text = encode(values)
      const shard = this.session?.shard
      this.write(making || shard === undefined ? { request, values: text } : { request, values: text, at: [shard.slices, shard.kernel.op] })
      reply(channel, values)
    })
    making = false
    if (fault !== undefined) this.write({ request, fault: [fault.code, fault.message, fault.hint] })
    return fault
  }
}

/** Gives answers again. Those that came in later wait for `deliver`. */
export class Replayer implements Journal {
  session: Session | null = null
  private readonly atOnce = new Map<number, Answered | Refused>()
  private readonly waiting = new Map<number, (values: readonly Term[]) => void>()
  private requests = 0
  constructor(entries: Iterable<Answered | Refused>) {
    for (const e of entries) if ('fault' in e || e.at === undefined) this.atOnce.set(e.request, e)
  }

  serve(_run: unknown, reply: Reply, ack: Term): Fault | undefined {
    const request = this.requests++
    const known = this.atOnce.get(request)
    if (known === undefined) {
      const session = this.session as Session
      session.shard.pending++
      this.waiting.set(request, values => {
        session.shard.pending--
        reply(ack, values)
      })
      return undefined
    }
    if ('fault' in known) return new Fault(known.fault[0] as Fault['code'], known.fault[1], known.fault[2])
    reply(ack, this.decode(known.values))
    return undefined
  }

  /** False: nobody has made that request, or it was answered. */
  deliver(entry: Answered): boolean {
    const take = this.waiting.get(entry.request)
    if (take === undefined) return false
    this.waiting.delete(entry.request)
    take(this.decode(entry.values))
    return true
  }

  private decode(text: string): Term[] {
    const r = new TermReader(
      Buffer.from(text, 'base64'),
      bookOf(uri => (this.session as Session).givenName(uri)),
    )
    return Array.from({ length: r.count() }, () => r.term())
  }
}

function encode(values: readonly Term[]): string {
  const w = new TermWriter(bookOf(none))
  w.count(values.length)
  for (const v of values) w.value(v)
  return Buffer.from(w.take()).toString('base64')
}

function none(): never {
  throw new Garbled('an answer from outside holds no code')
}

/** Answers hold plain values, and names of file capabilities. */
function bookOf(systemName: (uri: string) => Unforgeable): CodeBook {
  return {
    numberOf: none,
    sourceOf: () => undefined,
    program: none,
    template: none,
    baseOf: () => -1,
    name: none,
    systemName,
    foreignName: nameOf,
    isOwn: () => false,
  }
}
