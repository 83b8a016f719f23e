import type { Chan, Cont, Datum } from '../../rspace/kernel.ts'
import { NO_SPAN, sources } from '../base/source.ts'
import { reportName, reportText } from '../normal/print.ts'
import { Flag, flagsOf, type Term, Unforgeable } from '../normal/term.ts'
import { Machine } from './machine.ts'
import { Native } from './native.ts'
import type { Blocked, Reason, RestReport, Unconsumed } from './outcome.ts'
import type { Shard } from './shard.ts'
import { type MessagePattern, REPLY_SITE, type RecvSite, type SendSite } from './site.ts'
import { channelAt, textAt } from './written.ts'

/** Why everything that waits waits (rholang.md 12.4). Derived from the space when asked; nothing is kept for it while running. */

interface Why {
  readonly reason: Reason
  readonly detail: string
  readonly counterpart: number
}

function chansOf(k: Cont): readonly Chan[] {
  return k.chan !== null ? [k.chan] : (k.chans ?? [])
}

function nameText(chan: Chan): string {
  const owner = chan.owner as Term
  return owner instanceof Unforgeable ? reportText(owner) : reportName(owner)
}

/** The name of a channel. What it has of private parts nobody knows it by: then as it was written, if that is known. */
function written(chan: Chan, text: () => string | undefined): string {
  const known = nameText(chan)
  return (flagsOf(chan.owner as Term) & (Flag.Unforgeable | Flag.Closure)) !== 0 && known.includes('Unforgeable(')
    ? (text() ?? known)
    : known
}

/** The names of the channels that a machine waits on. */
export function channelsOf(k: Machine): string[] {
  const chans = chansOf(k)
  const spans = (k.site as RecvSite).sources
  return chans.map((c, i) => written(c, () => (i < spans.length ? textAt(spans[i]) : undefined)))
}

/** The name of a channel; of a private one as the first who waits or has sent there wrote it. */
export function channelName(shard: Shard, chan: Chan): string {
  return written(chan, () => {
    for (const k of shard.kernel.conts(chan)) if (k instanceof Machine) return channelsOf(k)[chansOf(k).indexOf(chan)]
    for (const d of shard.kernel.data(chan)) return channelAt((d.origin as SendSite | null)?.span ?? NO_SPAN)
    return undefined
  })
}

function where(position: number): string {
  const p = position < 0 ? undefined : sources.place(position)
  return p === undefined ? '' : ` at ${p.line}:${p.column}`
}

function values(n: number): string {
  return n === 1 ? '1 value' : `${n} values`
}

function startOf(d: Datum): number {
  return (d.origin as SendSite | null)?.span.start ?? -1
}

/** Values longer than this are cut in explanations. */
const SHOWN_MAX = 200

/** Values as reports show them: on one line, cut where they are long. */
export function shown(args: readonly Term[]): string {
  const text = args
    .map(a => reportText(a))
    .join(', ')
    .replace(/\s+/g, ' ')
  return text.length > SHOWN_MAX ? text.slice(0, SHOWN_MAX) + '…' : text
}

/** How to take a message of `n` values. */
function taking(n: number, channel: string): string {
  const all = `\`for (...@xs <- ${channel})\``
  const each = ['', 'x', 'x, y', 'x, y, z'][n]
  return each === undefined ? `Write ${all}.` : `Write \`for (${each} <- ${channel})\` or ${all}.`
}

/** What is wrong with a message that has as many values as the pattern wants. */
function difference(k: Machine, p: MessagePattern, d: Datum): string {
  const { wanted, found } = p.difference(d.value as Term[], k.regs)
  return `the pattern has ${shown([wanted])} where ${shown([found])} stands`
}

function whyBranch(shard: Shard, k: Machine, site: RecvSite, branch: number, chans: readonly Chan[], names: readonly string[]): Why {
  const { kernel } = shard
  const lacking: string[] = []
  let single: Why | null = null
  let advice = ''
  const candidates: boolean[] = []
  for (let i = 0; i < site.patterns.length; i++) {
    const p = site.patterns[i]
    const chan = chans[i]
    let arity: Datum | null = null
    let unfit: Datum | null = null
    let fits = false
    for (const d of kernel.data(chan)) {
      const args = d.value as Term[]
      if (!p.fits(args.length)) arity ??= d
      else if (shard.probe(k, branch, i, args)) {
        fits = true
        break
      } else unfit ??= d
    }
    candidates.push(fits)
    if (fits) continue
    let why: Why
    if (unfit !== null) {
      why = {
        reason: 'pattern',
        detail: `the message${where(startOf(unfit))} has the value ${shown(unfit.value as Term[])}; ${difference(k, p, unfit)}`,
        counterpart: startOf(unfit),
      }
    } else if (arity !== null) {
      const n = (arity.value as Term[]).length
      const takes = p.rest === null ? `takes ${p.arity}` : `takes at least ${p.arity}`
      advice = taking(n, names[i])
      why = {
        reason: 'arity',
        detail: `a message${where(startOf(arity))} has ${values(n)}, this pattern ${takes}`,
        counterpart: startOf(arity),
      }
    } else why = { reason: 'nobody-sends', detail: 'no message is on the channel', counterpart: -1 }
    single ??= why
    lacking.push(`${names[i]}: ${why.detail}`)
  }
  if (site.patterns.length === 1 && single !== null) return advice === '' ? single : { ...single, detail: `${single.detail}. ${advice}` }
  if (lacking.length > 0) {
    const present = candidates.filter(c => c).length
    if (present === 0 && single !== null && single.reason === 'nobody-sends') return { ...single, detail: lacking.join('; ') }
    return { reason: 'join-incomplete', detail: lacking.join('; '), counterpart: single?.counterpart ?? -1 }
  }
  // A space that was opened again does not know yet what its guards said.
  if (site.guarded && !shard.guardFaults.has(k)) shard.kernel.canFire(k)
  const fault = shard.guardFaults.get(k)
  if (fault !== undefined)
    return { reason: 'guard-error', detail: `${fault.code}${where(fault.start)}: ${fault.message}`, counterpart: fault.start }
  if (site.guarded)
    return { reason: 'guard-false', detail: 'messages fit the patterns, but the guard is not true for them', counterpart: -1 }
  return { reason: 'join-incomplete', detail: 'the binds share a channel that does not hold enough messages', counterpart: -1 }
}

function awaited(shard: Shard, k: Machine): string {
  const w = shard.primitives.waitsFor(k)
  if (w === undefined) return 'waits for a reply'
  return w.served ? `waits for the reply of \`${w.op}\`` : `waits for the reply of \`${w.op}\`, which nobody serves`
}

function why(shard: Shard, k: Machine, names: readonly string[]): Why {
  if (k.stalled) return { reason: 'match-budget', detail: 'the search for a match used up its steps', counterpart: -1 }
  const site = k.site as RecvSite
  if (site === REPLY_SITE) return { reason: 'no-operation', detail: awaited(shard, k), counterpart: -1 }
  const chans = chansOf(k)
  if (site.branches === undefined) return whyBranch(shard, k, site, 0, chans, names)
  let at = 0
  let best: Why | null = null
  site.branches.forEach((b, i) => {
    const end = at + b.patterns.length
    const w = whyBranch(shard, k, b, i, chans.slice(at, end), names.slice(at, end))
    at = end
    if (best === null || best.reason === 'nobody-sends') best = w
  })
  return best ?? { reason: 'nobody-sends', detail: '', counterpart: -1 }
}

function waitingMachines(shard: Shard): Machine[] {
  shard.whole()
  const seen = new Set<Machine>()
  for (const chan of shard.kernel.nonEmpty()) for (const k of shard.kernel.conts(chan)) if (k instanceof Machine) seen.add(k)
  for (const k of shard.kernel.stalled()) if (k instanceof Machine) seen.add(k)
  return [...seen].sort((a, b) => a.priv - b.priv)
}

/** Where a machine that waits has written its receive, or the operation whose reply it waits for. */
export function spanOf(shard: Shard, k: Machine): { start: number; end: number } {
  const site = k.site as RecvSite
  return site === REPLY_SITE ? shard.spanOf(k.linked, Math.max(0, k.pc - 1)) : site.span
}

/** Every waiting receive and select, unreachable ones and synchronous sends awaiting a reply included; not native ones. */
export function blockedMachines(shard: Shard): Blocked[] {
  return waitingMachines(shard).map(k => blockedMachine(shard, k))
}

/** One machine that waits. */
export function blockedMachine(shard: Shard, k: Machine): Blocked {
  const channels = channelsOf(k)
  const { start, end } = spanOf(shard, k)
  return { persistent: k.site.persistent, start, end, channels, ...why(shard, k, channels) }
}

function whyMessage(shard: Shard, chan: Chan, d: Datum): Why {
  const args = d.value as Term[]
  let found: Why | null = null
  let listeners = 0
  for (const k of shard.kernel.conts(chan)) {
    listeners++
    if (k instanceof Native) {
      if (k.arity !== args.length)
        return { reason: 'system-arity', detail: `\`${k.label}\` takes ${values(k.arity)}, this send has ${args.length}`, counterpart: -1 }
      continue
    }
    const m = k as Machine
    const site = m.site as RecvSite
    const branches = site.branches ?? [site]
    const chans = chansOf(m)
    let at = 0
    branches.forEach((b, branch) => {
      for (let i = 0; i < b.patterns.length; i++) {
        if (chans[at + i] !== chan) continue
        const p = b.patterns[i]
        const start = site.span.start
        let w: Why
        if (!p.fits(args.length)) {
          const takes = p.rest === null ? `takes ${p.arity}` : `takes at least ${p.arity}`
          w = { reason: 'arity', detail: `this send has ${values(args.length)}, the receive${where(start)} ${takes}`, counterpart: start }
        } else if (!shard.probe(m, branch, i, args))
          w = {
            reason: 'pattern',
            detail: `the value is ${shown(args)}; in the receive${where(start)} ${difference(m, p, d)}`,
            counterpart: start,
          }
        else if (b.patterns.length > 1)
          w = { reason: 'join-incomplete', detail: `the join${where(start)} lacks other messages`, counterpart: start }
        else {
          const fault = shard.guardFaults.get(m)
          w =
            fault === undefined
              ? { reason: 'guard-false', detail: `the guard of the receive${where(start)} is not true for it`, counterpart: start }
              : {
                  reason: 'guard-error',
                  detail: `the guard of the receive${where(start)} failed${where(fault.start)}: ${fault.message}`,
                  counterpart: start,
                }
        }
        if (found === null || rank(w.reason) > rank(found.reason)) found = w
      }
      at += b.patterns.length
    })
  }
  if (listeners === 0) return { reason: 'nobody-listens', detail: 'no receive is on the channel', counterpart: -1 }
  return found ?? { reason: 'nobody-listens', detail: 'no receive on the channel takes it', counterpart: -1 }
}

/** The closest miss explains most. */
const CLOSENESS: readonly Reason[] = ['nobody-listens', 'arity', 'pattern', 'join-incomplete', 'guard-false', 'guard-error']
function rank(r: Reason): number {
  return CLOSENESS.indexOf(r)
}

/** Names that somebody could still use: those on public channels, in messages and in what waits on a channel that can be named. */
function reachable(shard: Shard): (chan: Chan) => boolean {
  shard.whole()
  const chans = [...shard.kernel.nonEmpty()]
  const live = new Set<object>()
  const byOwner = new Map<object, Chan>()
  const work: Chan[] = []
  for (const c of chans) {
    const owner = c.owner as Term
    if (typeof owner === 'object') byOwner.set(owner, c)
    // A channel with a private part is reached through its parts.
    if ((flagsOf(owner) & (Flag.Unforgeable | Flag.Closure)) === 0) work.push(c)
    for (const k of shard.kernel.conts(c)) {
      if (k instanceof Native) {
        work.push(c)
        break
      }
    }
  }
  const compound = chans.filter(c => !(c.owner instanceof Unforgeable) && (flagsOf(c.owner as Term) & Flag.Unforgeable) !== 0)
  const done = new Set<Chan>()
  const visit = (t: Term): void => {
    for (const u of unforgeablesOf(t)) {
      if (live.has(u)) continue
      live.add(u)
      const c = byOwner.get(u)
      if (c !== undefined) work.push(c)
    }
  }
  for (;;) {
    while (work.length > 0) {
      const c = work.pop() as Chan
      if (done.has(c)) continue
      done.add(c)
      for (const d of shard.kernel.data(c)) for (const v of d.value as Term[]) visit(v)
      for (const k of shard.kernel.conts(c)) {
        if (!(k instanceof Machine)) continue
        for (const v of k.regs) if (v !== undefined) visit(v)
        for (const other of chansOf(k)) if (other.owner instanceof Unforgeable) visit(other.owner)
      }
    }
    for (const c of compound) if (!done.has(c) && unforgeablesOf(c.owner as Term).every(u => live.has(u))) work.push(c)
    if (work.length === 0) break
  }
  return c => done.has(c)
}

function unforgeablesOf(t: Term): Unforgeable[] {
  if ((flagsOf(t) & (Flag.Unforgeable | Flag.Closure)) === 0) return []
  return collectNames(t)
}

import { collectNames } from './reach.ts'

/** At most this many items of each kind are listed. */
const LISTED_MAX = 1000

/**
 * What is left at rest. Idle servers, persistent messages and messages that nobody can ask for any more are only counted unless `all`. A receive that nobody
 * can serve any more is a deadlock, so it is listed, with the reason `unreachable`; where a counterpart is on the channel, what keeps the two apart is the reason.
 */
export function restReport(shard: Shard, all: boolean): RestReport {
  const canReach = reachable(shard)
  const waiting: Blocked[] = []
  const messages: Unconsumed[] = []
  let idleServers = 0
  let unreachable = 0
  for (const k of waitingMachines(shard)) {
    if (k.site.persistent && !all) {
      idleServers++
      continue
    }
    if (waiting.length >= LISTED_MAX) continue
    const channels = channelsOf(k)
    const { start, end } = spanOf(shard, k)
    const w = why(shard, k, channels)
    const lost = w.reason === 'nobody-sends' && !chansOf(k).some(canReach)
    waiting.push({
      persistent: k.site.persistent,
      start,
      end,
      channels,
      ...(lost ? { reason: 'unreachable', detail: 'nothing that still runs holds the name of this channel', counterpart: -1 } : w),
    })
  }
  for (const chan of shard.kernel.nonEmpty()) {
    if (chan.nD === 0) continue
    const reached = canReach(chan)
    for (const d of shard.kernel.data(chan)) {
      if (d.persistent && !all) {
        idleServers++
        continue
      }
      const w = whyMessage(shard, chan, d)
      const lost = w.reason === 'nobody-listens' && !reached
      if (lost && !all) {
        unreachable++
        continue
      }
      if (messages.length >= LISTED_MAX) continue
      const span = (d.origin as SendSite | null)?.span ?? NO_SPAN
      messages.push({
        persistent: d.persistent,
        start: span.start,
        end: span.end,
        channel: written(chan, () => channelAt(span)),
        values: (d.value as Term[]).map(v => reportText(v)),
        ...(lost ? { reason: 'unreachable', detail: 'nobody holds the name of this channel any more', counterpart: -1 } : w),
      })
    }
  }
  return { waiting, messages, notes: shard.notes, idleServers, unreachable }
}
