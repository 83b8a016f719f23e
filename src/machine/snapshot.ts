import { blake2b } from '@noble/hashes/blake2.js'
import { hex, show, showName } from '../normal/print.ts'
import { type Term, Unforgeable } from '../normal/term.ts'
import { STATES } from './control.ts'
import type { Account } from './machine.ts'
import { Machine } from './machine.ts'
import type { Shard } from './shard.ts'
import type { RecvSite } from './site.ts'

/** The sorted multiset of machine records plus the space (vm.md T11): nothing else holds state. One JSON text; the same bytes for the same run. */
export function snapshotOf(shard: Shard, accounts: readonly Account[]): string {
  const value = (t: Term | undefined): string | null => (t === undefined ? null : show(t))
  const machines: object[] = []
  const record = (m: Machine, status: string, waits: string[] | null): object => {
    const { linked } = m
    const regs = m.regs
    const upTo = linked.captures + linked.locals
    return {
      seq: sequenceId(linked.program.words.subarray(linked.at, linked.at + linked.len)),
      pc: linked.canonical(m.pc) - linked.at,
      status,
      frames: [],
      stack: Array.from({ length: Math.max(0, regs.length - upTo) }, (_, i) => value(regs[upTo + i])),
      locals: Array.from({ length: linked.locals }, (_, i) => value(regs[linked.captures + i])),
      captures: Array.from({ length: linked.captures }, (_, i) => value(regs[i])),
      priv: m.priv,
      waits,
      paused: m.paused,
      level: m.level,
      account: m.account.id,
      meters: { gas: m.gas, steps: m.steps, comms: m.comms },
    }
  }
  for (const m of shard.queue.items()) machines.push(record(m, STATES[m.status], null))
  const seen = new Set<Machine>()
  const data: object[] = []
  const nameOf = (owner: unknown): string => (owner instanceof Unforgeable ? show(owner) : showName(owner as Term))
  for (const chan of shard.kernel.nonEmpty()) {
    for (const d of shard.kernel.data(chan))
      data.push({ channel: nameOf(chan.owner), values: (d.value as Term[]).map(v => show(v)), persistent: d.persistent, ref: d.ref })
    for (const k of shard.kernel.conts(chan)) {
      if (!(k instanceof Machine) || seen.has(k)) continue
      seen.add(k)
      const chans = k.chan !== null ? [k.chan] : (k.chans ?? [])
      machines.push({
        ...record(
          k,
          STATES[k.status],
          chans.map(c => nameOf(c.owner)),
        ),
        site: (k.site as RecvSite).at,
        ref: k.ref,
      })
    }
  }
  const rows = (list: object[]): object[] =>
    list
      .map(o => [JSON.stringify(o), o] as const)
      .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
      .map(p => p[1])
  return JSON.stringify({
    v: 1,
    kind: 'snapshot',
    machines: rows(machines),
    space: rows(data),
    accounts: accounts.map(a => ({ id: a.id, gas: a.gas, comms: a.comms, steps: a.steps, stopped: a.stopped })),
    counters: { names: shard.namesMade, machines: shard.machinesMade, comms: shard.comms, slices: shard.slices },
  })
}

const TAG = new TextEncoder().encode('rhz:seq\0')
function sequenceId(words: Uint32Array): string {
  const bytes = new Uint8Array(TAG.length + 4 * words.length)
  bytes.set(TAG)
  bytes.set(new Uint8Array(words.slice().buffer), TAG.length)
  return hex(blake2b(bytes, { dkLen: 32 }))
}
