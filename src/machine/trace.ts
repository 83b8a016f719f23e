import type { Chan, Cont, Kernel } from '../../rspace/kernel.ts'
import { reportName, reportText } from '../normal/print.ts'
import type { Term } from '../normal/term.ts'
import { Unforgeable } from '../normal/term.ts'
import { Machine } from './machine.ts'
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
  /** One operation computed in place: `expand` gives the four events that it stands for. */
  primitive(m: Machine, name: string, args: readonly Term[], result: Term | null): void
  /** The request on the private channel and its COMM with the processor. */
  request(m: Machine, name: string, args: readonly Term[]): void
  /** The processor's message on the reply channel; an operation that a program serves is answered by an ordinary `produce`. */
  answer(m: Machine, result: Term): void
  /** The COMM on the reply channel. */
  answered(m: Machine): void
}

function nameOf(owner: unknown): string {
  return owner instanceof Unforgeable ? reportText(owner) : reportName(owner as Term)
}

/** Writes events as small objects: `m` private channel, `e` what happened. A fused operation is one `prim` record; `expandPrim` gives the four it stands for. */
export class TraceWriter implements Tracer {
  private readonly write: (event: object) => void
  constructor(write: (event: object) => void) {
    this.write = write
  }
  created(m: Machine): void {
    this.write({ e: 'created', m: m.priv })
  }
  runnable(m: Machine): void {
    this.write({ e: 'runnable', m: m.priv })
  }
  running(m: Machine): void {
    this.write({ e: 'running', m: m.priv })
  }
  blocked(m: Machine): void {
    this.write({ e: 'blocked', m: m.priv, on: (m.chan !== null ? [m.chan] : (m.chans ?? [])).map(c => nameOf(c.owner)) })
  }
  ended(m: Machine): void {
    this.write({ e: ENDED[m.status] ?? 'done', m: m.priv })
  }
  produce(m: Machine, chan: Chan, values: readonly Term[], _site: SendSite): void {
    this.write({ e: 'produce', m: m.priv, on: nameOf(chan.owner), values: values.map(v => reportText(v)) })
  }
  consume(m: Machine): void {
    this.write({ e: 'consume', m: m.priv, on: (m.chan !== null ? [m.chan] : (m.chans ?? [])).map(c => nameOf(c.owner)) })
  }
  comm(k: Cont, woken: Machine | null, by: Machine | null, kernel: Kernel<Term[], Term[], Cont>): void {
    this.write({
      e: 'comm',
      m: by === null ? 0 : by.priv,
      k: k instanceof Machine ? k.priv : 0,
      woken: woken === null ? 0 : woken.priv,
      data: kernel.firedDatumRefs.slice(0, kernel.firedCount),
    })
  }
  primitive(m: Machine, name: string, args: readonly Term[], result: Term | null): void {
    this.write({ e: 'prim', m: m.priv, op: name, args: args.map(v => reportText(v)), result: result === null ? null : reportText(result) })
  }
  request(m: Machine, name: string, args: readonly Term[]): void {
    const [produce, comm] = expandPrim({ m: m.priv, op: name, args: args.map(v => reportText(v)), result: null })
    this.write(produce)
    this.write(comm)
  }
  answer(m: Machine, result: Term): void {
    this.write({ e: 'produce', m: m.priv, on: 'k', values: [reportText(result)] })
  }
  answered(m: Machine): void {
    this.write({ e: 'comm', m: m.priv, on: 'k' })
  }
}

const ENDED: Record<number, string> = { 3: 'done', 4: 'faulted', 5: 'killed' }

export interface PrimRecord {
  readonly m: number
  readonly op: string
  readonly args: readonly string[]
  readonly result: string | null
}

/** The steps on private and reply channel that one operation stands for. An operation that fails replies nothing. */
export function expandPrim(p: PrimRecord): object[] {
  const request = [
    { e: 'produce', m: p.m, on: 'priv', values: [p.op, p.args, 'k'] },
    { e: 'comm', m: p.m, on: 'priv' },
  ]
  if (p.result === null) return request
  return [...request, { e: 'produce', m: p.m, on: 'k', values: [p.result] }, { e: 'comm', m: p.m, on: 'k' }]
}

/** The trace with every fused operation written out: equal to the trace of the same run with `--trick literal`. */
export function expand<T extends object>(events: readonly T[]): object[] {
  const out: object[] = []
  for (const event of events) {
    const { e, op, args, result, ...rest } = event as T & PrimRecord & { e?: unknown }
    if (e !== 'prim') out.push(event)
    else for (const step of expandPrim({ m: (rest as { m: number }).m, op, args, result })) out.push({ ...rest, ...step })
  }
  return out
}
