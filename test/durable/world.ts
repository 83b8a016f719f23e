import { PACK_TAIL, type Pack } from '../../rspace/store/pack.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { type Durable, openDurable } from '../../src/machine/durable.ts'
import type { FileRoot } from '../../src/machine/files.ts'
import type { Outgoing, Rows } from '../../src/machine/keeper.ts'
import type { SessionOptions } from '../../src/machine/session.ts'

/** A disk whose every state is remembered: rows as they were after each commit, and what had left the process by then. */
export class Disk {
  /** Rows after commit i; 0 is the empty disk. */
  readonly states: ReadonlyMap<string, Uint8Array>[] = [new Map()]
  /** Rows written and deleted by commit i. */
  readonly changes: number[] = [0]

  constructor(start: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.states = [start]
  }

  get now(): ReadonlyMap<string, Uint8Array> {
    return this.states[this.states.length - 1]
  }

  /** The rows for one process. Hints about what a key held before are checked. */
  rows(): Rows {
    const disk = this
    return {
      async *rows() {
        const sorted = [...disk.now].sort(([a], [b]) => (a < b ? -1 : 1))
        yield sorted.map(([k, v]) => [Buffer.from(k, 'hex') as Uint8Array, v] as const)
      },
      async commit({ put: puts, del: dels, packs = [], gone = [] }) {
        await undefined
        const next = new Map(disk.now)
        const keys = new Set<string>()
        const put = [...puts, ...packs.flatMap(rowsOfPack)]
        const goes = gone.flatMap(rowsOfPack)
        const del = [...dels, ...goes.map(([key]) => key)]
        for (const [key, value] of goes)
          if (Buffer.compare(value, disk.now.get(Buffer.from(key).toString('hex')) ?? Buffer.alloc(0)) !== 0)
            throw new Error(`the row ${Buffer.from(key).toString('hex')} that goes was another one`)
        for (const key of [...put.map(p => p[0]), ...del]) {
          const k = Buffer.from(key).toString('hex')
          if (keys.has(k)) throw new Error(`a commit names the row ${k} twice`)
          keys.add(k)
        }
        for (const [key, value, before] of put) {
          const k = Buffer.from(key).toString('hex')
          if (before === null && next.has(k)) throw new Error(`the row ${k} is not new`)
          if (before != null && Buffer.compare(before, next.get(k) ?? Buffer.alloc(0)) !== 0)
            throw new Error(`the row ${k} was another one`)
          next.set(k, value)
        }
        for (const key of del) if (!next.delete(Buffer.from(key).toString('hex'))) throw new Error('a row that is not there is deleted')
        disk.states.push(next)
        disk.changes.push(put.length + del.length)
      },
      async close() {},
    }
  }
}

function rowsOfPack({ chunks, places, count, keyBytes }: Pack): (readonly [Uint8Array, Uint8Array, null])[] {
  return Array.from({ length: count }, (_, i) => {
    const row = chunks[places[3 * i]].subarray(places[3 * i + 1], places[3 * i + 2] - PACK_TAIL)
    return [row.subarray(0, keyBytes), row.slice(keyBytes), null]
  })
}

export interface World {
  readonly durable: Durable
  readonly left: Outgoing[]
}

/** A process on a disk: opens the space and adds programs. Runs nothing yet. */
export async function start(
  disk: Disk | Rows,
  programs: readonly string[] = [],
  options: Partial<SessionOptions> & { groupSlices?: number; input?: readonly string[]; files?: FileRoot } = {},
): Promise<World> {
  const { groupSlices, input, files, ...rest } = options
  const host = Object.assign(new QuietHost(input), files === undefined ? {} : { openRoot: () => files })
  const left: Outgoing[] = []
  const outlet = {
    leave(o: Outgoing) {
      left.push(o)
    },
    flush: () => true,
  }
  const durable = await openDurable({ virtualTime: true, ...rest, host }, disk instanceof Disk ? disk.rows() : disk, {
    outlet,
    now: () => 0,
    groupSlices,
  })
  for (const text of programs) {
    const { program, diagnostics } = durable.session.compile('program.rho', text)
    if (program === undefined) throw new Error(diagnostics.map(d => `${d.code} ${d.message}`).join('\n'))
    durable.session.deploy(program)
  }
  if (programs.length > 0) await durable.flush()
  return { durable, left }
}

/** What a run left behind, names by position in the program's text so that two runs compare. */
export interface Result {
  readonly data: Record<string, string[][]>
  readonly blocked: string[]
  readonly failures: string[]
  readonly comms: number
  readonly gas: number
}

export function resultOf(d: Durable): Result {
  const { session } = d
  const stats = session.stats()
  return {
    data: withoutIds(Object.fromEntries(session.data())),
    blocked: session
      .blocked()
      .map(b => `${b.reason} ${b.persistent}`)
      .sort(),
    failures: session.failures.map(f => `${f.code} ${f.message}`).sort(),
    comms: stats.comms,
    gas: stats.gas,
  }
}

/** Names are made anew after a crash: two runs agree on which are the same, not on their bytes. */
function withoutIds<T>(data: T): T {
  const known = new Map<string, string>()
  const text = JSON.stringify(data).replace(/0x[0-9a-f]{64}/g, id => {
    let n = known.get(id)
    if (n === undefined) known.set(id, (n = `name ${known.size}`))
    return n
  })
  return JSON.parse(text) as T
}

export function texts(left: readonly Outgoing[]): string[] {
  return left.flatMap(o => (o.kind === 'out' ? [`${o.n} ${o.text}`] : o.kind === 'failure' ? [`${o.n} ${o.failure.code}`] : []))
}

/** Runs programs on one disk to the end, in one process. */
export async function runThrough(
  programs: readonly string[],
  options: Parameters<typeof start>[2] = {},
): Promise<{ disk: Disk; result: Result; out: string[] }> {
  const disk = new Disk()
  const { durable, left } = await start(disk, programs, options)
  await durable.session.settle()
  const result = resultOf(durable)
  await durable.close({ reported: true })
  return { disk, result, out: texts(left) }
}
