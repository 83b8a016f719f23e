import { sources } from '../base/source.ts'
import { nameOf } from '../compile/names.ts'
import { Garbled } from '../machine/codec.ts'
import type { Program, Template } from '../machine/link.ts'
import { type Account, type Machine, Meters } from '../machine/machine.ts'
import { namesIn, Places } from '../machine/places.ts'
import { type RecordBook, RecordReader, RecordWriter } from '../machine/records.ts'
import type { Shard } from '../machine/shard.ts'
import type { RecvSite, SendSite } from '../machine/site.ts'
import { sizeOfValue } from '../machine/size.ts'
import { equal } from '../normal/order.ts'
import { Bytes, Flag, List, MapTerm, SetTerm, type Term, Tuple, Unforgeable } from '../normal/term.ts'
import { CrossedNames } from './names.ts'

/**
 * Terms, machines and code as bytes between the shards of one space. As in `machine/codec.ts`, but programs say which shard sent them first, and every receiver is told of a program or an account once, before the first record that mentions it.
 */

/** More shards than this do not fit into the numbers of programs. */
export const SHARDS_MAX = 64

/** From here on a number is an object to the host, and whatever has one is dearer. */
const SMALL_END = 2 ** 31
/** Ranges of small numbers are no smaller than this; then large ones are given out, of this size. */
const SMALL_MIN = 2 ** 24
const LARGE = 2 ** 32
/** Names of the engine's own are numbered from here, in step with the others. */
export const HIDDEN = 2 ** 52

/** How many numbers each of so many shards gets when `next` is the first that nobody has: a part of the small ones that are left, as long as there are enough. */
export function rangeSize(next: number, shards: number): number {
  const size = Math.floor((SMALL_END - next) / shards / 4)
  return size >= SMALL_MIN ? size : LARGE
}

/** Who draws from which range. What is in none was made by shard 0. */
export class Makers {
  private start = 0
  private size = 1
  private others = 0
  /** The ranges lie behind one another, that of shard 1 first. */
  tell(start: number, size: number, shards: number): void {
    this.start = start
    this.size = size
    this.others = shards - 1
  }
  /** The shard that made a name. */
  of(counter: number): number {
    const n = (counter < HIDDEN ? counter : counter - HIDDEN) - this.start
    if (n < 0) return 0
    const i = Math.floor(n / this.size)
    return i < this.others ? i + 1 : 0
  }
}

/** Values of this size and more are not sent twice to the same peer, as long as both remember them: so many, of so much together. */
const BIG = 512
const BIG_SLOTS = 8
const BIG_ALL = 2 ** 26
/** Before such a value, where others have their kind: it is to be remembered; it is remembered. */
const REMEMBER = 64
const REMEMBERED = 65

/** Size of a value if it is a big one of a kind that is remembered; 0: it is not. What holds names or code is not: to remember it would keep them alive. */
function bigSize(t: Term): number {
  if (typeof t === 'string') return t.length < BIG ? 0 : t.length
  if (typeof t !== 'object' || (t.flags & ~Flag.NaN) !== 0) return 0
  if (t instanceof Bytes) return t.bytes.length < BIG ? 0 : t.bytes.length
  if (!(t instanceof List || t instanceof MapTerm || t instanceof SetTerm || t instanceof Tuple)) return 0
  const size = sizeOfValue(t)
  return size < BIG ? 0 : size
}

/** Big values that one peer was sent lately. The peer does as it is told, so both remember the same. */
class BigSent {
  readonly values = new Array<Term | undefined>(BIG_SLOTS).fill(undefined)
  private readonly sizes = new Array<number>(BIG_SLOTS).fill(0)
  private readonly used = new Array<number>(BIG_SLOTS).fill(0)
  private clock = 0
  private total = 0

  get empty(): boolean {
    return this.total === 0
  }
  /** Where it is; −1: nowhere. */
  find(t: Term): number {
    const at = this.values.indexOf(t)
    if (at >= 0) this.used[at] = ++this.clock
    return at
  }
  /** Where it is to be from now on, in place of what was not used for the longest time; −1: it is too big. `dropped` are bits of the others that had to go. */
  add(t: Term, size: number): { readonly at: number; readonly dropped: number } {
    if (size > BIG_ALL) return { at: -1, dropped: 0 }
    let at = this.oldest()
    let dropped = 0
    this.drop(at)
    while (this.total + size > BIG_ALL) {
      at = this.oldest(true)
      dropped |= 1 << at
      this.drop(at)
    }
    this.values[at] = t
    this.sizes[at] = size
    this.used[at] = ++this.clock
    this.total += size
    return { at, dropped }
  }
  /** @param full only where there is something */
  private oldest(full = false): number {
    let at = -1
    for (let i = 0; i < BIG_SLOTS; i++) if ((!full || this.sizes[i] > 0) && (at < 0 || this.used[i] < this.used[at])) at = i
    return at
  }
  private drop(at: number): void {
    this.total -= this.sizes[at]
    this.sizes[at] = this.used[at] = 0
    this.values[at] = undefined
  }
}

/** What this shard and its peers have told one another. */
export class Book implements RecordBook {
  readonly shard: Shard
  readonly index: number
  private readonly names: CrossedNames
  private readonly numbers = new Map<Program, number>()
  private readonly programs = new Map<number, Program>()
  private nextProgram = 1
  readonly places: Places
  /** By number; the object of an account is this shard's share of it. */
  readonly accounts = new Map<number, Account>()
  /** Name of a system channel by URI. */
  readonly systemName: (uri: string) => Unforgeable

  /** Programs and accounts that each peer has been told of. */
  private readonly told: {
    readonly programs: Set<number>
    readonly accounts: Set<number>
    readonly files: Set<number>
    big: BigSent
  }[] = []
  /** Whom the next records are for, and what it has to be told before. */
  private target = 0
  readonly news: Program[] = []
  readonly newAccounts: Account[] = []

  constructor(shard: Shard, index: number, systemName: (uri: string) => Unforgeable) {
    this.shard = shard
    this.places = new Places(shard.linker)
    this.index = index
    this.names = new CrossedNames(shard.origin)
    this.systemName = systemName
  }

  name(counter: number): Unforgeable {
    return this.names.get(counter)
  }
  /** The name leaves this shard: when it comes back it has to be the same object. */
  export(name: Unforgeable): void {
    this.names.tell(name)
  }

  /** Names and programs that it remembers. */
  get size(): number {
    return this.names.size + this.programs.size
  }

  // ── what the codec asks ─────────────────────────────────────────────────────────────────────────────────────────

  /** The next records are for `peer`. */
  to(peer: number): void {
    this.target = peer
    this.told[peer] ??= { programs: new Set(), accounts: new Set(), files: new Set(), big: new BigSent() }
  }

  /** Big values that were sent to whom the next records are for. */
  get big(): BigSent {
    return this.told[this.target].big
  }
  /** Forget those that were sent to a peer. True if there were any: it is to do the same. */
  forget(peer: number): boolean {
    const told = this.told[peer]
    if (told === undefined || told.big.empty) return false
    told.big = new BigSent()
    return true
  }

  /** What came may be what was sent: then it is the same object, and does not travel again. @param heard what peers have sent */
  same(t: Term, heard: readonly (readonly (Term | undefined)[])[]): Term {
    const size = bigSize(t)
    const isSame = (x: Term | undefined): boolean => x !== undefined && bigSize(x) === size && equal(x, t)
    for (const list of heard) {
      const found = list?.find(isSame)
      if (found !== undefined) return found
    }
    for (const told of this.told) {
      const found = told?.big.values.find(isSame)
      if (found !== undefined) return found
    }
    return t
  }

  numberOf(program: Program): number {
    if (program === this.lastNumbered && this.target === this.numberedFor) return this.lastNumber
    let n = this.numbers.get(program)
    if (n === undefined) {
      n = this.nextProgram++ * SHARDS_MAX + this.index
      this.learn(n, program)
    }
    const { programs } = this.told[this.target]
    if (!programs.has(n)) {
      programs.add(n)
      if (n % SHARDS_MAX !== this.target) this.news.push(program)
    }
    this.lastNumbered = program
    this.lastNumber = n
    this.numberedFor = this.target
    return n
  }
  /** Records of one kind come together: what was asked for last, and for whom. */
  private lastNumbered: Program | null = null
  private lastNumber = 0
  private numberedFor = -1
  private lastBilled: Account | null = null
  private billedFor = -1
  private lastProgram: Program | null = null
  private lastProgramNumber = -1
  private lastAccount: Account | null = null

  learn(n: number, program: Program): void {
    this.numbers.set(program, n)
    this.programs.set(n, program)
  }
  knows(n: number): boolean {
    return this.programs.has(n)
  }
  accountOf(a: Account): number {
    if (a === this.lastBilled && this.target === this.billedFor) return a.id
    this.lastBilled = a
    this.billedFor = this.target
    const { accounts } = this.told[this.target]
    if (!accounts.has(a.id)) {
      accounts.add(a.id)
      this.accounts.set(a.id, a)
      if (this.target !== 0) this.newAccounts.push(a)
    }
    return a.id
  }
  /** True the first time, for each peer. */
  firstFile(base: number): boolean {
    const { files } = this.told[this.target]
    if (files.has(base)) return false
    files.add(base)
    return true
  }
  sourceOf(): { number: number; base: number } {
    return { number: 0, base: 0 }
  }
  baseOf(): number {
    return 0
  }
  isOwn(name: Unforgeable): boolean {
    return name.origin === this.shard.origin
  }
  foreignName(id: Uint8Array): Unforgeable {
    return nameOf(id)
  }
  program(n: number): Program {
    if (n === this.lastProgramNumber) return this.lastProgram as Program
    const p = this.programs.get(n)
    if (p === undefined) throw new Garbled(`nobody has told of program ${n}`)
    this.lastProgram = p
    this.lastProgramNumber = n
    return p
  }
  account(id: number): Account {
    if (this.lastAccount?.id === id) return this.lastAccount
    const a = this.accounts.get(id)
    if (a === undefined) throw new Garbled(`nobody has told of account ${id}`)
    this.lastAccount = a
    return a
  }
  template(program: Program, at: number, len: number): Template {
    return this.places.template(program, at, len)
  }
}

export class WireWriter extends RecordWriter {
  private readonly known: Book
  constructor(book: Book) {
    super(book)
    this.known = book
  }

  protected override name(n: Unforgeable): void {
    if (this.known.isOwn(n)) this.known.export(n)
    super.name(n)
  }

  override value(t: Term | undefined): void {
    const size = t === undefined || typeof t === 'number' || t instanceof Unforgeable ? 0 : bigSize(t)
    if (size > 0 && this.remembered(t as Term, size)) return
    super.value(t)
  }

  private remembered(t: Term, size: number): boolean {
    const { big } = this.known
    const known = big.find(t)
    if (known >= 0) {
      this.u8(REMEMBERED)
      this.u8(known)
      return true
    }
    const { at, dropped } = big.add(t, size)
    if (at < 0) return false
    this.u8(REMEMBER)
    this.u8(at)
    this.u8(dropped)
    return false
  }

  override machine(m: Machine): void {
    super.machine(m)
    this.count(m.meters?.comms ?? 0)
    this.count(m.meters?.bytes ?? 0)
  }

  /** A program that a peer does not know. */
  program(p: Program): void {
    this.count(this.known.numberOf(p))
    this.text(p.name)
    this.count(p.account === null ? 0 : this.known.accountOf(p.account))
    const file = p.file ?? (p.spans !== null && p.spans.length > 0 ? (sources.fileAt(p.spans.start[0]) ?? null) : null)
    const first = file !== null && this.known.firstFile(file.base)
    this.u8(first ? 1 : 0)
    if (file !== null && first) {
      this.count(file.base)
      this.text(file.name)
      this.text(file.text)
    }
    this.programBody(p.words, p.spans, p.account === null ? namesIn(p) : [])
  }
}

export class WireReader extends RecordReader {
  private readonly known: Book
  constructor(book: Book) {
    super(new Uint8Array(0), book)
    this.known = book
  }

  /** Big values that peers have sent and will not send again. */
  private readonly bigs: (Term | undefined)[][] = []
  private peer = 0

  /** The record that follows is from `peer`. */
  from(peer: number): void {
    this.peer = peer
  }
  forget(): void {
    this.bigs[this.peer] = []
  }

  override value(): Term | undefined {
    const kind = this.u8()
    if (kind === REMEMBERED) {
      const known = this.bigs[this.peer]?.[this.u8()]
      if (known === undefined) throw new Garbled('a value that nobody remembers')
      return known
    }
    if (kind !== REMEMBER) {
      this.at--
      return super.value()
    }
    const big = (this.bigs[this.peer] ??= [])
    const at = this.u8()
    const dropped = this.u8()
    for (let i = 0; i < BIG_SLOTS; i++) if ((dropped & (1 << i)) !== 0) big[i] = undefined
    const t = this.known.same(this.term(), this.bigs)
    big[at] = t
    return t
  }

  /** The send with which records came last, by its place. */
  private readonly sites = new Array<SendSite | null>(64).fill(null)

  override origin(): SendSite | null {
    const n = this.count()
    if (n === 0) return null
    const program = this.known.program(n)
    const at = this.count()
    const form = this.count()
    const last = this.sites[at & 63]
    if (last !== null && last.at === at && last.program === program) return last
    const site = this.known.places.site(program, at, form)
    this.sites[at & 63] = site
    return site
  }

  override values(): Term[] {
    const n = this.count()
    if (n === 1) return [this.term()]
    if (n === 2) return [this.term(), this.term()]
    const list: Term[] = []
    for (let i = 0; i < n; i++) list.push(this.term())
    return list
  }

  override machine(): Machine {
    const m = super.machine()
    const comms = this.count()
    const bytes = this.count()
    if (comms + bytes > 0) m.home = new Meters(comms, bytes)
    return m
  }

  /** See `WireWriter.program`. */
  program(): void {
    const n = this.count()
    const name = this.text()
    const account = this.count()
    let file: { name: string; text: string; base: number } | null = null
    if (this.u8() === 1) {
      const base = this.count()
      const title = this.text()
      file = sources.addAt(title, this.text(), base)
    }
    const p = this.programBody(name)
    if (this.known.knows(n)) return
    p.file = file
    if (account > 0) p.account = this.known.account(account)
    this.known.learn(n, p)
  }
}

/** Whether a receive is a plain contract: it stays, takes any values, and nothing but their number decides. */
export function plain(site: RecvSite): boolean {
  return site.direct >= 0 && site.persistent
}
