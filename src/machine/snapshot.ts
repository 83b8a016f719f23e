import { hashSequence } from '../../bytecode/hash.ts'
import { verify } from '../../bytecode/verify.ts'
import type { Cont, Datum } from '../../rspace/kernel.ts'
import { sources } from '../base/source.ts'
import { decodeOpen } from '../compile/decode.ts'
import { nameOf } from '../compile/names.ts'
import { hex, show, showName } from '../normal/print.ts'
import { List, type Term, Unforgeable } from '../normal/term.ts'
import { type CodeBook, TermReader, TermWriter } from './codec.ts'
import { STATES } from './control.ts'
import type { Linked, Program, Template } from './link.ts'
import { Account, Machine, Meters, State } from './machine.ts'
import { SystemName } from './names.ts'
import type { Failure } from './outcome.ts'
import { Places } from './places.ts'
import { collectNames } from './reach.ts'
import type { Shard } from './shard.ts'
import { NO_SITE, REPLY_SITE, RecvSite, SendSite } from './site.ts'
import { type AccountTally, accountTallyOf, tallyOf } from './tally.ts'

/**
 * The state of a session as one JSON text: the sorted multiset of machine records, the messages of the space, and the rows that belong to no machine (accounts,
 * counters, what is under way from and to the outside). Code stands once, by number. Equal runs give equal bytes; `restore` goes on where it was taken.
 */

/** A value for people and for `restore`: Ints, Bools and Strings are themselves, all else is its text and its bytes (base64); null: a register not in use. */
export type ValueRow = null | number | boolean | string | { readonly text: string; readonly bytes: string }
/** An instruction: number of the program, word offset. */
type PlaceRow = readonly [program: number, at: number] | null

export interface MachineRow {
  /** Identity of the sequence: 256 bits, hexadecimal. */
  readonly seq: string
  /** Word of the instruction that comes next, from the beginning of the sequence. */
  readonly pc: number
  /** Where several linked instructions belong to one: which of them, and how far in. */
  readonly step?: readonly [number, number]
  readonly status: string
  /** Evaluation frames; empty between two slices. */
  readonly frames: readonly []
  readonly stack: readonly ValueRow[]
  readonly locals: readonly ValueRow[]
  readonly captures: readonly ValueRow[]
  /** Number of the private channel. */
  readonly priv: number
  /** Channels that it waits on; null: it does not wait. */
  readonly waits: readonly ValueRow[] | null
  readonly paused: number
  readonly level: number
  readonly account: number
  readonly meters: { readonly gas: number; readonly steps: number; readonly comms: number; readonly bytes: number }
  /** Number of the program, word offset and length of the sequence. */
  readonly code: readonly [program: number, at: number, len: number]
  readonly origin: PlaceRow
  /** Age and place in the order of choice of what waits. */
  readonly age?: readonly [ref: number, turn: number]
  readonly stalled?: true
  /** The operation whose reply it waits for. */
  readonly request?: {
    readonly tag: number
    readonly name: string
    readonly op: string
    readonly args: ValueRow
    readonly how: string
    readonly dest: number
  }
}

export interface DatumRow {
  readonly channel: ValueRow
  readonly name: string
  readonly values: readonly ValueRow[]
  readonly persistent: boolean
  readonly age: readonly [ref: number, turn: number]
  readonly origin: PlaceRow
  readonly argc: number
}

export interface AccountRow extends Readonly<AccountTally> {
  readonly id: number
  readonly label: string
  readonly program: number
  readonly gasLimit: number | null
  readonly memory: number
  readonly stopped: boolean
}

export interface Snapshot {
  readonly v: 1
  readonly kind: 'snapshot'
  readonly machines: readonly MachineRow[]
  readonly space: readonly DatumRow[]
  readonly accounts: readonly AccountRow[]
  /** Private channels of runnable machines in the order of the queue; a negative number is the processor that serves that machine. */
  readonly queue: { readonly order: readonly number[]; readonly state: readonly number[]; readonly pumpTurn: boolean }
  /** Ages of records that may still fire, in order. */
  readonly pump: readonly number[]
  /** Messages from outside that were not delivered yet. */
  readonly inbox: readonly { readonly channel: ValueRow; readonly values: readonly ValueRow[]; readonly account: number }[]
  /** Requests to the outside that are open. */
  readonly requests: readonly { readonly uri: string; readonly args: ValueRow; readonly account: number; readonly due: number }[]
  readonly system: readonly { readonly uri: string; readonly name: number }[]
  readonly control: readonly { readonly name: number; readonly machine?: number; readonly account?: number }[]
  readonly primitives: readonly { readonly op: string; readonly server: ValueRow }[]
  readonly waiting: readonly { readonly program: number; readonly account: number }[]
  readonly failures: readonly (Failure & { readonly source: number })[]
  readonly counters: Readonly<Record<string, number>>
  readonly programs: readonly { readonly name: string; readonly account: number; readonly bytes: string }[]
  readonly sources: readonly { readonly name: string; readonly text: string }[]
  /** What names are derived from. */
  readonly key: string
}

/** What a session adds to its shard. */
export interface SessionState {
  readonly accounts: Account[]
  readonly system: readonly { readonly uri: string; readonly name: Unforgeable }[]
  readonly control: readonly { readonly name: Unforgeable; readonly machine?: Machine; readonly account?: Account }[]
  readonly requests: readonly { readonly uri: string; readonly args: readonly Term[]; readonly account: Account; readonly due: number }[]
  readonly waiting: readonly { readonly program: Program; readonly account: Account }[]
  readonly logicalTime: number
  readonly time: number
  readonly key: Uint8Array
}

/** A text that is no snapshot of this version. */
export class NotASnapshot extends Error {}

// ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────

class Writer implements Pick<CodeBook, 'numberOf' | 'sourceOf' | 'isOwn'> {
  readonly programs: Program[] = []
  readonly files: { name: string; text: string; base: number }[] = []
  private readonly numbers = new Map<Program, number>()
  private readonly sequences = new Map<Linked, string>()
  private readonly shard: Shard
  private readonly terms: TermWriter
  constructor(shard: Shard) {
    this.shard = shard
    this.terms = new TermWriter(this as unknown as CodeBook)
  }
  numberOf(program: Program): number {
    let n = this.numbers.get(program)
    if (n === undefined) {
      this.numbers.set(program, (n = this.programs.length))
      this.programs.push(program)
    }
    return n
  }
  sourceOf(position: number): { number: number; base: number } | undefined {
    const file = sources.fileAt(position)
    if (file === undefined) return undefined
    let number = this.files.findIndex(f => f.base === file.base)
    if (number < 0) number = this.files.push({ name: file.name, text: file.text, base: file.base }) - 1
    return { number, base: file.base }
  }
  isOwn(name: Unforgeable): boolean {
    return name.origin === this.shard.origin
  }

  /** Identity of a sequence. */
  sequence(linked: Linked): string {
    let id = this.sequences.get(linked)
    if (id === undefined) {
      id = hex(hashSequence(linked.program.words.subarray(linked.at, linked.at + linked.len)))
      this.sequences.set(linked, id)
    }
    return id
  }

  value(t: Term | undefined): ValueRow {
    if (t === undefined) return null
    if (typeof t === 'number' || typeof t === 'boolean' || typeof t === 'string') return t
    this.terms.value(t)
    return { text: show(t), bytes: base64(this.terms.take()) }
  }
  values(list: readonly (Term | undefined)[]): ValueRow[] {
    return list.map(t => this.value(t))
  }
  place(p: { readonly span: unknown } | null): PlaceRow {
    return p instanceof SendSite ? [this.numberOf(p.program), p.at] : null
  }
  program(p: Program): string {
    const names = p.account === null ? collectNames(decodeOpen(p.words)) : []
    this.terms.programBody(p.words, p.spans, names)
    return base64(this.terms.take())
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function nameText(owner: unknown): string {
  return owner instanceof Unforgeable ? show(owner) : showName(owner as Term)
}

/** The receive whose body begins at `pc`, if one does. */
function receiveBefore(linked: Linked, pc: number): RecvSite | undefined {
  for (const c of linked.consts) {
    if (!(c instanceof RecvSite)) continue
    if (c.branches === undefined && c.next === pc) return c
    const branch = c.branches?.find(b => b.next === pc)
    if (branch !== undefined) return branch
  }
  return undefined
}

/** How many registers hold something that is still needed; what pooling left in the others is nobody's business. */
export function liveRegisters(m: Machine): number {
  const { linked } = m
  if (m.site === REPLY_SITE) return m.regs.length
  if (m.status === State.Blocked) {
    const site = m.site as RecvSite
    return site.branches === undefined ? site.live : site.branches[0].live
  }
  if (m.pc === 0) return linked.captures
  const site = receiveBefore(linked, m.pc)
  if (site === undefined) return m.regs.length
  let bound = 0
  for (const p of site.patterns) bound += p.count
  return site.live + bound
}

/** Which of the linked instructions of one instruction `pc` is, and how far behind its beginning. */
function stepOf(linked: Linked, pc: number): readonly [number, number] {
  const at = linked.canonical(pc)
  const { map } = linked
  let nth = -1
  let begin = 0
  for (let i = 0; i < map.length && map[i] <= pc; i += 2) {
    if (map[i + 1] !== at) continue
    nth++
    begin = map[i]
  }
  return [Math.max(0, nth), pc - begin]
}

function machineRow(w: Writer, shard: Shard, m: Machine): MachineRow {
  const { linked, regs } = m
  const live = liveRegisters(m)
  const kept = (from: number, to: number): ValueRow[] =>
    w.values(Array.from({ length: Math.max(0, to - from) }, (_, i) => (from + i < live ? regs[from + i] : undefined)))
  const upTo = linked.captures + linked.locals
  const step = stepOf(linked, m.pc)
  const waits = m.waiting ? (m.chan !== null ? [m.chan] : (m.chans ?? [])) : null
  const request = shard.primitives.requestOf(m)
  return {
    seq: w.sequence(linked),
    pc: linked.canonical(m.pc) - linked.at,
    ...(step[0] === 0 && step[1] === 0 ? {} : { step }),
    status: STATES[m.status],
    frames: [],
    stack: m.site === REPLY_SITE ? kept(upTo, regs.length) : [],
    locals: kept(linked.captures, upTo),
    captures: kept(0, linked.captures),
    priv: m.priv,
    waits: waits === null ? null : waits.map(c => w.value(c.owner as Term)),
    paused: m.paused,
    level: m.level,
    account: m.account.id,
    meters: { gas: m.gas, steps: m.steps, comms: m.meters?.comms ?? 0, bytes: m.meters?.bytes ?? 0 },
    code: [w.numberOf(linked.program), linked.at, linked.len],
    origin: w.place(m.origin),
    ...(m.waiting ? { age: [m.ref, m.turn] as const } : {}),
    ...(m.stalled ? { stalled: true as const } : {}),
    ...(request === undefined
      ? {}
      : {
          request: {
            tag: request.tag,
            name: request.name,
            op: request.key,
            args: w.value(new List(request.args)),
            how: request.how,
            dest: m.dest,
          },
        }),
  }
}

/** The texts of rows, sorted: a multiset has one text. No row lives longer than it takes to write it. */
function sorted<T>(things: Iterable<T>, rowOf: (thing: T) => object): string {
  const texts: string[] = []
  for (const thing of things) texts.push(JSON.stringify(rowOf(thing)))
  return `[${texts.sort().join(',')}]`
}

function datumRow(w: Writer, d: Datum): DatumRow {
  return {
    channel: w.value(d.chan.owner as Term),
    name: nameText(d.chan.owner),
    values: w.values(d.value as Term[]),
    persistent: d.persistent,
    age: [d.ref, d.turn],
    origin: w.place(d.origin as SendSite | null),
    argc: (d.value as Term[]).length,
  }
}

function* allData(kernel: Shard['kernel']): Iterable<Datum> {
  for (const chan of kernel.nonEmpty()) yield* kernel.data(chan)
}

/** Between two slices only. */
export function snapshotOf(shard: Shard, state: SessionState): string {
  const w = new Writer(shard)
  const { kernel } = shard
  const all = shard.machines().sort((a, b) => a.priv - b.priv)
  const own = all.filter(m => m.priv > 0)
  const { queue } = shard
  // Machines and messages are many: their texts are made once.
  const space = sorted(allData(kernel), d => datumRow(w, d))
  const machines = sorted(own, m => machineRow(w, shard, m))
  const many = `{"v":1,"kind":"snapshot","machines":${machines},"space":${space},`
  const rest: Omit<Snapshot, 'v' | 'kind' | 'machines' | 'space' | 'programs' | 'sources'> = {
    accounts: state.accounts.map(a => ({
      id: a.id,
      label: a.label,
      program: a.program,
      gasLimit: Number.isFinite(a.gasLimit) ? a.gasLimit : null,
      ...accountTallyOf(a),
      memory: a.memory,
      stopped: a.stopped,
    })),
    queue: { order: queue.items().map(m => m.priv), state: queue.state(), pumpTurn: shard.pumpsNext },
    pump: [...kernel.pumped()].map(r => r.ref),
    inbox: shard.inbox.map(i => ({ channel: w.value(i.chan), values: w.values(i.values), account: i.account.id })),
    requests: state.requests.map(r => ({ uri: r.uri, args: w.value(new List(r.args)), account: r.account.id, due: r.due })),
    system: state.system
      .map(s => ({ uri: s.uri, name: s.name.origin instanceof SystemName ? DERIVED : s.name.counter }))
      .sort((a, b) => (a.uri < b.uri ? -1 : 1)),
    control: state.control.map(c => ({
      name: c.name.counter,
      ...(c.machine === undefined ? { account: (c.account as Account).id } : { machine: c.machine.priv }),
    })),
    primitives: shard.primitives.served().map(([op, server]) => ({ op, server: w.value(server) })),
    waiting: state.waiting.map(x => ({ program: w.numberOf(x.program), account: x.account.id })),
    failures: shard.failures.map(f => {
      const source = w.sourceOf(f.start)
      const base = source?.base ?? 0
      const back = (p: number): number => (p < 0 ? p : p - base)
      return { ...f, start: back(f.start), end: back(f.end), startedBy: -1, source: source?.number ?? -1 }
    }),
    counters: {
      ...shard.numbers,
      hidden: shard.primitives.nextHidden,
      op: kernel.op,
      counter: kernel.counter,
      ...tallyOf(shard),
      logicalTime: state.logicalTime,
      time: state.time,
    },
    key: hex(state.key),
  }
  // Writing a program may bring in another one.
  const programs: { name: string; account: number; bytes: string }[] = []
  for (let i = 0; i < w.programs.length; i++) {
    const p = w.programs[i]
    programs.push({ name: p.name, account: p.account?.id ?? 0, bytes: w.program(p) })
  }
  const sources = w.files.map(({ name, text }) => ({ name, text }))
  return many + JSON.stringify({ ...rest, programs, sources }).slice(1)
}

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────

class Reader implements CodeBook {
  private readonly shard: Shard
  private readonly names = new Map<number, Unforgeable>()
  private readonly bases: number[]
  private readonly programs: (Program | undefined)[] = []
  private readonly places: Places
  private readonly s: Snapshot
  private readonly accounts: ReadonlyMap<number, Account>
  private readonly systemNames = new Map<string, Unforgeable>()
  private readonly key: Uint8Array
  private readonly listen: Resumed['listen']
  constructor(shard: Shard, s: Snapshot, accounts: ReadonlyMap<number, Account>, listen: Resumed['listen']) {
    this.key = keyBytes(s)
    this.listen = listen
    this.shard = shard
    this.places = new Places(shard.linker)
    this.s = s
    this.accounts = accounts
    this.bases = s.sources.map(f => sources.add(f.name, f.text).base)
  }
  numberOf(): number {
    throw new NotASnapshot('reading does not number programs')
  }
  sourceOf(): undefined {
    return undefined
  }
  isOwn(name: Unforgeable): boolean {
    return name.origin === this.shard.origin
  }
  name(counter: number): Unforgeable {
    let n = this.names.get(counter)
    if (n === undefined) this.names.set(counter, (n = new Unforgeable(this.shard.origin, counter)))
    return n
  }
  /** Names of system channels in a snapshot of a stored session, which derives them from the URI. */
  systemName(uri: string): Unforgeable {
    let n = this.systemNames.get(uri)
    if (n === undefined) {
      n = new Unforgeable(new SystemName(this.key, uri), 0)
      this.systemNames.set(uri, n)
      this.listen(uri, n)
    }
    return n
  }
  foreignName(id: Uint8Array): Unforgeable {
    return nameOf(id)
  }
  baseOf(source: number): number {
    return this.bases[source] ?? -1
  }
  program(n: number): Program {
    let p = this.programs[n]
    if (p === undefined) {
      const row = this.s.programs[n]
      p = new TermReader(Buffer.from(row.bytes, 'base64'), this).programBody(row.name)
      const wrong = verify(p.words, { trusted: true })
      if (wrong !== undefined) throw new NotASnapshot(`code is damaged: ${wrong.message}`)
      p.account = this.accounts.get(row.account) ?? null
      this.programs[n] = p
    }
    return p
  }
  template(program: Program, at: number, len: number): Template {
    return this.places.template(program, at, len)
  }
  linked(row: MachineRow): Linked {
    const [program, at, len] = row.code
    return this.places.member(this.program(program), at, len).linked
  }
  value(row: ValueRow): Term | undefined {
    if (row === null) return undefined
    if (typeof row !== 'object') return row
    return new TermReader(Buffer.from(row.bytes, 'base64'), this).value()
  }
  term(row: ValueRow): Term {
    const t = this.value(row)
    if (t === undefined) throw new NotASnapshot('a value is missing')
    return t
  }
  terms(list: readonly ValueRow[]): Term[] {
    return list.map(v => this.term(v))
  }
  place(row: PlaceRow, persistent = false, argc = 0): SendSite | null {
    return row === null ? null : new SendSite(persistent, argc, this.program(row[0]), row[1])
  }
}

function registerPc(linked: Linked, row: MachineRow): number {
  const at = row.pc + linked.at
  const [nth, plus] = row.step ?? [0, 0]
  const { map } = linked
  for (let i = 0, n = 0; i < map.length; i += 2) if (map[i + 1] === at && n++ === nth) return map[i] + plus
  throw new NotASnapshot('an instruction is not there')
}

/** @throws NotASnapshot */
export function parseSnapshot(text: string): Snapshot {
  let s: Partial<Snapshot>
  try {
    s = JSON.parse(text) as Partial<Snapshot>
  } catch {
    throw new NotASnapshot('the text is no JSON')
  }
  if (s === null || typeof s !== 'object' || s.kind !== 'snapshot') throw new NotASnapshot('the text is no snapshot')
  if (s.v !== 1) throw new NotASnapshot(`a snapshot of version ${String(s.v)}; this is version 1`)
  return s as Snapshot
}

/** Instead of a number: the name of a system channel follows from its URI. */
const DERIVED = -1

/** What the names of a snapshot are derived from. */
export function keyBytes(s: Snapshot): Uint8Array {
  return Uint8Array.from({ length: s.key.length / 2 }, (_, i) => Number.parseInt(s.key.slice(2 * i, 2 * i + 2), 16))
}

/** What the session does with what is not the shard's. */
export interface Resumed {
  accounts(list: readonly Account[]): void
  listen(uri: string, name: Unforgeable): void
  control(name: Unforgeable, target: Machine | Account): void
  attempt(program: Program, account: Account): void
  ask(uri: string, args: readonly Term[], account: Account, due: number): void
}

/** Into a shard in which nothing has run yet. @throws NotASnapshot, Garbled */
export function restoreInto(shard: Shard, s: Snapshot, to: Resumed): void {
  const accounts = new Map<number, Account>()
  for (const row of s.accounts) {
    const a = new Account(row.id, row.label, row.program, row.gasLimit ?? Number.POSITIVE_INFINITY)
    Object.assign(a, accountTallyOf(row), { stopped: row.stopped })
    accounts.set(row.id, a)
  }
  to.accounts([...accounts.values()])
  const account = (id: number): Account => accounts.get(id) ?? missing('an account')
  const r = new Reader(shard, s, accounts, (uri, name) => to.listen(uri, name))
  const { kernel } = shard
  for (const { uri, name } of s.system) {
    if (name === DERIVED) r.systemName(uri)
    else to.listen(uri, r.name(name))
  }
  for (const { op, server } of s.primitives) shard.primitives.register(op, r.term(server))
  const machines = new Map<number, Machine>()
  const records = new Map<number, Cont | Datum>()
  const conts: { m: Machine; row: MachineRow }[] = []
  for (const row of s.machines) {
    const linked = r.linked(row)
    const regs = [...row.captures, ...row.locals, ...row.stack].map(v => r.value(v))
    while (regs.length < linked.registers) regs.push(undefined)
    const pc = registerPc(linked, row)
    const reply = row.request !== undefined
    const m = new Machine(
      linked,
      regs as Term[],
      row.priv,
      account(row.account),
      reply ? REPLY_SITE : NO_SITE,
      r.place(row.origin),
      row.level,
    )
    m.pc = pc
    m.paused = row.paused
    m.gas = row.meters.gas
    m.steps = row.meters.steps
    if (row.meters.comms + row.meters.bytes > 0) m.home = new Meters(row.meters.comms, row.meters.bytes)
    machines.set(row.priv, m)
    shard.alive++
    if (row.waits === null) continue
    m.status = State.Blocked
    const chans = row.waits.map(c => shard.chanOf(r.term(c)))
    if (!reply) m.site = linked.consts[linked.code[pc + 2]] as RecvSite
    const single = reply || (linked.code[pc] !== 24 && chans.length === 1)
    m.chan = single ? chans[0] : null
    m.chans = single ? null : chans
    conts.push({ m, row })
    if (row.request !== undefined) {
      m.dest = row.request.dest
      const { tag, name, op, args, how } = row.request
      const reply = r.term((row.waits as ValueRow[])[0]) as Unforgeable
      shard.primitives.resumeRequest(m, tag, name, op, [...(r.term(args) as List).items], reply, how as 'nobody')
    }
  }
  const data = s.space.map(row => ({ row, chan: shard.chanOf(r.term(row.channel)) }))
  data.sort((a, b) => a.row.age[1] - b.row.age[1])
  for (const { row, chan } of data) {
    const [ref, turn] = row.age
    const d = kernel.restoreDatum(chan, ref, turn, r.terms(row.values), row.persistent, r.place(row.origin, row.persistent, row.argc))
    records.set(ref, d)
  }
  const ageOf = (row: MachineRow): readonly [number, number] => row.age ?? [0, 0]
  conts.sort((a, b) => ageOf(a.row)[1] - ageOf(b.row)[1])
  for (const { m, row } of conts) {
    const [ref, turn] = ageOf(row)
    kernel.restoreCont(m, ref, turn)
    records.set(ref, m)
  }
  for (const ref of s.pump) {
    const record = records.get(ref)
    if (record !== undefined) kernel.enter(record)
  }
  // Searches that had used up their steps begin again.
  for (const { m, row } of conts) if (row.stalled === true) kernel.enter(m)
  const runnable = s.queue.order.map(priv =>
    priv > 0 ? (machines.get(priv) ?? missing('a machine')) : shard.processorOf(machines.get(-priv) ?? missing('a machine')),
  )
  shard.queue.restore(runnable, s.queue.state)
  for (const m of machines.values()) if (m.status === State.Runnable && m.paused > 0) shard.enqueue(m)
  for (const i of s.inbox) shard.send(r.term(i.channel), r.terms(i.values), account(i.account))
  for (const c of s.control) {
    const target = c.machine === undefined ? account(c.account as number) : machines.get(c.machine)
    if (target !== undefined) to.control(r.name(c.name), target)
  }
  for (const x of s.waiting) to.attempt(r.program(x.program), account(x.account))
  for (const f of s.failures) {
    const base = r.baseOf(f.source)
    const at = (p: number): number => (p < 0 || base < 0 ? -1 : p + base)
    const { source: _, ...rest } = f
    shard.failures.push({ ...rest, start: at(f.start), end: at(f.end) })
  }
  shard.resumeCounters(s.counters, s.queue.pumpTurn)
  kernel.op = s.counters.op
  kernel.counter = s.counters.counter
  for (const q of s.requests) to.ask(q.uri, (r.term(q.args) as List).items, account(q.account), q.due)
}

function missing(what: string): never {
  throw new NotASnapshot(`${what} is not there`)
}
