import type { Chan, Cont, Kernel } from '../../rspace/kernel.ts'
import { show, showName } from '../normal/print.ts'
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
  /** One operation. Fused: computed in place. Literal: the four steps on private and reply channel happened. */
  primitive(m: Machine, name: string, args: readonly Term[], result: Term | null, literal: boolean): void
}

function nameOf(owner: unknown): string {
  return owner instanceof Unforgeable ? show(owner) : showName(owner as Term)
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
    this.write({ e: 'produce', m: m.priv, on: nameOf(chan.owner), values: values.map(v => show(v)) })
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
  primitive(m: Machine, name: string, args: readonly Term[], result: Term | null, literal: boolean): void {
    const record = { e: 'prim', m: m.priv, op: name, args: args.map(v => show(v)), result: result === null ? null : show(result) }
    if (!literal) this.write(record)
    else for (const e of expandPrim(record)) this.write(e)
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
