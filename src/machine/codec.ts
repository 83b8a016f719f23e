import { fromBytes, toBytes } from '../../bytecode/words.ts'
import { PACK_TAIL, type Pack } from '../../rspace/store/pack.ts'
import { sources } from '../base/source.ts'
import { compile } from '../compile/compile.ts'
import { decodeImage } from '../compile/decode.ts'
import { rememberName } from '../compile/names.ts'
import { type Overlay, SpanTable } from '../compile/spans.ts'
import { compare } from '../normal/order.ts'
import {
  BigInteger,
  BigRat,
  Bundle,
  Bytes,
  Closure,
  DeployerId,
  DeployId,
  Fixed,
  Flag,
  Float,
  List,
  MapTerm,
  NIL,
  type Node,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  Unforgeable,
  Uri,
} from '../normal/term.ts'
import { Program, QUOTED, Template } from './link.ts'
import { SystemName } from './names.ts'
import { collectNames } from './reach.ts'

/**
 * Bytes of terms as a space keeps them: what a machine has in its registers goes out and comes back as it was, code as a place in a program that is stored
 * once, names by their numbers. Compact rather than canonical: equal terms may have different bytes. Parts that occur several times in one record are written
 * once. Nothing recurses.
 */

/** What the codec needs to know about the space. */
export interface CodeBook {
  /** The number of a program in this space, given now if it has none. */
  numberOf(program: Program): number
  /** The number of a source text in this space. */
  sourceOf(position: number): { readonly number: number; readonly base: number } | undefined
  program(number: number): Program
  template(program: Program, at: number, len: number): Template
  /** Position of the first character of a source text; −1: not known. */
  baseOf(source: number): number
  /** The name with this number that this space has made. */
  name(counter: number): Unforgeable
  systemName(uri: string): Unforgeable
  foreignName(id: Uint8Array): Unforgeable
  isOwn(name: Unforgeable): boolean
}

/** Stored bytes that no version of this codec has written. */
export class Garbled extends Error {}

const HIGH = 0x80000000

/** Takes the bytes from `from` to `to` as they are at that moment. */
export interface ByteSink {
  put(bytes: Uint8Array, from: number, to: number): void
}

/** A buffer that grows. Numbers are little-endian base 128. What was written is handed out without a copy; it shares memory with what is written next to it. */
export class ByteWriter {
  private readonly chunk: number
  private bytes: Uint8Array<ArrayBuffer>
  private view: DataView
  /** Where the piece that is being written begins and ends. */
  private start = 0
  private end = 0

  /** @param chunk bytes that are allocated at a time: many for one that writes many pieces */
  constructor(chunk = 512) {
    this.chunk = chunk
    this.bytes = new Uint8Array(chunk)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Bytes since the last `take`. */
  get length(): number {
    return this.end - this.start
  }

  /** What was written goes into a pack as a row, without a copy; the next piece begins. It begins with the key. */
  row(pack: Pack): void {
    this.room(PACK_TAIL)
    this.end += PACK_TAIL
    pack.add(this.bytes, this.start, this.end)
    this.start = this.end
    this.ended()
  }

  /** A piece has ended. */
  protected ended(): void {}

  private room(n: number): void {
    if (this.end + n <= this.bytes.length) return
    const used = this.end - this.start
    const bigger = new Uint8Array(Math.max(this.chunk, 2 * (used + n)))
    bigger.set(this.bytes.subarray(this.start, this.end))
    this.bytes = bigger
    this.view = new DataView(bigger.buffer)
    this.start = 0
    this.end = used
  }

  /** What was written; the next piece begins. */
  take(): Uint8Array {
    const out = new Uint8Array(this.bytes.buffer, this.start, this.end - this.start)
    this.start = this.end
    this.ended()
    return out
  }

  /** What was written goes to `sink`, which keeps a copy; the next piece begins, in the same memory. */
  handTo(sink: ByteSink): void {
    sink.put(this.bytes, this.start, this.end)
    this.end = this.start
    this.ended()
  }

  u8(n: number): void {
    if (this.end === this.bytes.length) this.room(1)
    this.bytes[this.end++] = n
  }

  /** 0 to 2^53 − 1. */
  count(n: number): void {
    // Most are small: this much is put in place wherever it is called.
    if (n < 128 && this.end < this.bytes.length) this.bytes[this.end++] = n
    else this.longCount(n)
  }

  private longCount(n: number): void {
    this.room(8)
    const { bytes } = this
    let v = n
    while (v >= HIGH) {
      bytes[this.end++] = (v % 128) | 128
      v = Math.floor(v / 128)
    }
    while (v >= 128) {
      bytes[this.end++] = (v & 127) | 128
      v >>>= 7
    }
    bytes[this.end++] = v
  }

  /** A safe integer: the sign in the lowest bit. */
  signed(n: number): void {
    if (n >= 0 && n < 0x40000000) this.count(n << 1)
    else if (n < 0 && n > -0x40000000) this.count((-n << 1) - 1)
    else {
      // The doubled value may not be safe any more.
      const v = n < 0 ? -(n + 1) : n
      this.u8(((v % 64) << 1) | (n < 0 ? 1 : 0) | 128)
      this.count(Math.floor(v / 64))
    }
  }

  /** 0 to 2^53 − 1 in eight bytes, highest first. */
  u64(n: number): void {
    this.room(8)
    this.view.setUint32(this.end, n / 0x100000000)
    this.view.setUint32(this.end + 4, n)
    this.end += 8
  }

  f64(n: number): void {
    this.room(8)
    this.view.setFloat64(this.end, n)
    this.end += 8
  }

  raw(b: Uint8Array): void {
    this.room(b.length)
    this.bytes.set(b, this.end)
    this.end += b.length
  }

  blob(b: Uint8Array): void {
    this.count(b.length)
    this.raw(b)
  }

  text(s: string): void {
    const n = s.length
    if (n < 40) {
      // Short texts of plain characters are the rule.
      this.room(n + 1)
      const at = this.end + 1
      let i = 0
      for (; i < n; i++) {
        const c = s.charCodeAt(i)
        if (c >= 128) break
        this.bytes[at + i] = c
      }
      if (i === n) {
        this.bytes[this.end] = n
        this.end += n + 1
        return
      }
    }
    this.blob(utf8.encode(s))
  }

  big(v: bigint): void {
    const hex = (v < 0n ? -v : v).toString(16)
    const digits = hex.length % 2 === 0 ? hex : `0${hex}`
    this.u8(v < 0n ? 1 : 0)
    this.blob(Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)))
  }
}

/** Short plain texts that were read last. */
const TEXTS = 64
const texts = new Array<string>(TEXTS).fill('')

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads what `ByteWriter` wrote. @throws Garbled */
export class ByteReader {
  private bytes: Uint8Array
  at: number
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** Go on with other bytes. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes
    this.at = 0
  }

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  u8(): number {
    if (this.at >= this.bytes.length) throw new Garbled('too short')
    return this.bytes[this.at++]
  }

  count(): number {
    let b = this.u8()
    if (b < 128) return b
    let value = b & 127
    let factor = 128
    do {
      b = this.u8()
      value += (b & 127) * factor
      factor *= 128
    } while (b >= 128)
    if (!Number.isSafeInteger(value)) throw new Garbled('a number is too large')
    return value
  }

  /** The two forms of `signed` agree: the sign in bit 0, six bits of the value in the first byte, the rest above. */
  signed(): number {
    const b = this.u8()
    let v = (b & 127) >> 1
    if (b >= 128) v += this.count() * 64
    return (b & 1) === 0 ? v : -v - 1
  }

  f64(): number {
    if (this.at + 8 > this.bytes.length) throw new Garbled('too short')
    this.at += 8
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at - 8, 8).getFloat64(0)
  }

  raw(n: number): Uint8Array {
    if (this.at + n > this.bytes.length) throw new Garbled('too short')
    this.at += n
    return this.bytes.subarray(this.at - n, this.at)
  }

  blob(): Uint8Array {
    return this.raw(this.count())
  }

  text(): string {
    const n = this.count()
    if (n === 0) return ''
    const { bytes, at } = this
    if (at + n > bytes.length) throw new Garbled('too short')
    // Most texts are tags, which come again and again.
    const slot = (37 * n + 5 * bytes[at] + bytes[at + n - 1]) & (TEXTS - 1)
    const last = texts[slot]
    if (last.length === n) {
      let i = 0
      while (i < n && last.charCodeAt(i) === bytes[at + i]) i++
      if (i === n) {
        this.at = at + n
        return last
      }
    }
    const b = this.raw(n)
    if (n < 40) {
      let plain = true
      for (let i = 0; i < n && plain; i++) plain = b[i] < 128
      if (plain) {
        texts[slot] = String.fromCharCode.apply(null, b as unknown as number[])
        return texts[slot]
      }
    }
    try {
      return fromUtf8.decode(b)
    } catch {
      throw new Garbled('a text is not UTF-8')
    }
  }

  big(): bigint {
    const negative = this.u8() === 1
    const b = this.blob()
    let hex = '0x0'
    for (let i = 0; i < b.length; i++) hex += b[i].toString(16).padStart(2, '0')
    const v = BigInt(hex)
    return negative ? -v : v
  }
}

/** Kinds of stored values. In stored data: append, never renumber. */
const V = {
  Absent: 0,
  False: 1,
  True: 2,
  Int: 3,
  WideInt: 4,
  String: 5,
  Uri: 6,
  Bytes: 7,
  Float: 8,
  BigInt: 9,
  BigRat: 10,
  Fixed: 11,
  Name: 12,
  SystemName: 13,
  ForeignName: 14,
  DeployerId: 15,
  DeployId: 16,
  Nil: 17,
  /** From here on values are numbered in the order in which they begin, for `Again`. */
  List: 18,
  Tuple: 19,
  Set: 20,
  Map: 21,
  Bundle: 22,
  /** Code in a program, an image or one sequence of it, with what it captured. */
  Closure: 23,
  Component: 24,
  /** Code that came as a term, compiled; comes back as a closure, or as a term where it has parts that are still to be evaluated. */
  Code: 25,
  Term: 26,
  Again: 27,
} as const

/** So many parts of a record are compared with one another; for more a table is made. */
const FIRST_MAX = 8

export class TermWriter extends ByteWriter {
  private readonly book: CodeBook
  /** What this record has written so far that may come again: the first few, of which only `seen` count, and where those are not enough, all. */
  private readonly first: object[] = []
  private seen = 0
  private readonly shared = new Map<object, number>()
  private readonly work: (Term | undefined)[] = []
  constructor(book: CodeBook, chunk?: number) {
    super(chunk)
    this.book = book
  }

  protected override ended(): void {
    this.seen = 0
    if (this.shared.size > 0) this.shared.clear()
  }

  /** The number under which this record has written it; −1: it has not, and has now. */
  private again(t: Node): number {
    const { first, seen, shared } = this
    if (seen < FIRST_MAX) {
      for (let i = 0; i < seen; i++) if (first[i] === t) return i
      first[seen] = t
    } else {
      if (shared.size === 0) for (let i = 0; i < FIRST_MAX; i++) shared.set(first[i], i)
      const n = shared.get(t)
      if (n !== undefined) return n
      shared.set(t, seen)
    }
    this.seen++
    return -1
  }

  value(root: Term | undefined): void {
    if (typeof root === 'number') {
      this.u8(V.Int)
      this.signed(root)
      return
    }
    if (root instanceof Unforgeable) {
      this.name(root)
      return
    }
    const work = this.work
    const base = work.length
    work.push(root)
    while (work.length > base) this.one(work.pop())
  }

  private one(t: Term | undefined): void {
    switch (typeof t) {
      case 'undefined':
        this.u8(V.Absent)
        return
      case 'number':
        this.u8(V.Int)
        this.signed(t)
        return
      case 'string':
        this.u8(V.String)
        this.text(t)
        return
      case 'boolean':
        this.u8(t ? V.True : V.False)
        return
      case 'bigint':
        this.u8(V.WideInt)
        this.big(t)
        return
      default:
        this.node(t as Node)
    }
  }

  private node(t: Node): void {
    switch (t.tag) {
      case Tag.Unforgeable:
        this.name(t as Unforgeable)
        return
      case Tag.Uri:
        this.u8(V.Uri)
        this.text((t as Uri).text)
        return
      case Tag.Bytes:
        this.u8(V.Bytes)
        this.blob((t as Bytes).bytes)
        return
      case Tag.Float:
        this.u8(V.Float)
        this.f64((t as Float).value)
        return
      case Tag.BigInt:
        this.u8(V.BigInt)
        this.big((t as BigInteger).value)
        return
      case Tag.BigRat:
        this.u8(V.BigRat)
        this.big((t as BigRat).num)
        this.big((t as BigRat).den)
        return
      case Tag.Fixed:
        this.u8(V.Fixed)
        this.big((t as Fixed).unscaled)
        this.count((t as Fixed).scale)
        return
      case Tag.DeployerId:
      case Tag.DeployId:
        this.u8(t.tag === Tag.DeployId ? V.DeployId : V.DeployerId)
        this.blob((t as DeployId).bytes)
        return
      default:
        if (t === NIL) this.u8(V.Nil)
        else this.compound(t)
    }
  }

  protected name(n: Unforgeable): void {
    if (this.book.isOwn(n)) {
      this.u8(V.Name)
      this.count(n.counter)
    } else if (n.origin instanceof SystemName) {
      this.u8(V.SystemName)
      this.text(n.origin.uri)
    } else {
      this.u8(V.ForeignName)
      this.blob(n.id)
    }
  }

  private compound(t: Node): void {
    const known = this.again(t)
    if (known >= 0) {
      this.u8(V.Again)
      this.count(known)
      return
    }
    if (t instanceof Closure) {
      if (t.template instanceof Template) this.closure(t, t.template)
      else this.code(t.force())
      return
    }
    if ((t.flags & (Flag.Exposed | Flag.Pattern)) !== 0) {
      this.code(t)
      return
    }
    switch (t.tag) {
      case Tag.List:
        this.u8(V.List)
        this.items((t as List).items)
        return
      case Tag.Tuple:
        this.u8(V.Tuple)
        this.items((t as Tuple).items)
        return
      case Tag.Set:
        this.u8(V.Set)
        this.items((t as SetTerm).items)
        return
      case Tag.Map: {
        const { keys, values } = t as MapTerm
        this.u8(V.Map)
        this.count(keys.length)
        for (let i = keys.length - 1; i >= 0; i--) this.work.push(values[i], keys[i])
        return
      }
      case Tag.Bundle:
        this.u8(V.Bundle)
        this.u8((t as Bundle).rights)
        this.work.push((t as Bundle).body)
        return
      default:
        this.code(t)
    }
  }

  private items(list: readonly Term[]): void {
    this.count(list.length)
    for (let i = list.length - 1; i >= 0; i--) this.work.push(list[i])
  }

  private closure(c: Closure, t: Template): void {
    const { only } = t
    this.u8(only === null ? V.Closure : V.Component)
    this.count(this.book.numberOf(t.program))
    this.count(only === null ? t.at : only.at)
    if (only !== null) this.count(only.len)
    this.items(c.captures)
  }

  private code(term: Term): void {
    const { image, spans } = compile(term)
    this.u8(typeof term === 'object' && (term.flags & (Flag.Exposed | Flag.Pattern)) !== 0 ? V.Term : V.Code)
    this.programBody(image, spans, collectNames(term))
  }

  /** An image with its places in the sources and the names that stand in it. */
  programBody(image: Uint32Array, spans: SpanTable | null, names: readonly Unforgeable[]): void {
    this.count(names.length)
    for (const n of names) this.name(n)
    this.blob(toBytes(image))
    // A table, then those of its copies, level by level.
    const tables = [spans ?? NO_ROWS]
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i]
      this.rows(table)
      let last = 0
      for (const { at, copies } of table.overlays) {
        this.count(at - last)
        last = at
        this.count(copies.length)
        for (const copy of copies) {
          this.u8(copy === null ? 0 : 1)
          if (copy !== null) tables.push(copy)
        }
      }
    }
  }

  /** Rows of a table of places. No row stands at word 0: one there says that overlays follow, and how many. */
  private rows(spans: SpanTable): void {
    const overlays = spans.overlays.length
    const n = spans.length
    this.count(overlays === 0 ? n : n + 1)
    if (overlays > 0) {
      this.count(0)
      this.count(overlays)
    }
    let at = 0
    let number = 0
    let base = 0
    let limit = 0
    let before = 0
    for (let i = 0; i < n; i++) {
      this.count(spans.at[i] - at)
      at = spans.at[i]
      const start = spans.start[i]
      if (start < base || start >= limit || number === 0) {
        const file = sources.fileAt(start)
        const source = file === undefined ? undefined : this.book.sourceOf(start)
        const previous = number
        number = source === undefined ? 0 : source.number + 1
        if (number !== previous) before = 0
        base = source === undefined ? 0 : source.base
        limit = file === undefined ? 0 : file.base + file.text.length + 1
      }
      this.count(number)
      if (number === 0) continue
      this.signed(start - base - before)
      this.count(Math.max(0, spans.end[i] - start))
      before = start - base
    }
  }
}

const NO_ROWS = new SpanTable(new Uint32Array(0), new Int32Array(0), new Int32Array(0))

/** For so many parts room is made before they are read. */
const ROOM_MAX = 64

/** A value whose parts are still to be read. */
class Frame {
  readonly kind: number
  readonly need: number
  readonly slot: number
  /** Has room for as many as are needed, if those are few: a number that is garbled may be any. */
  readonly items: Term[]
  /** Those that are there. */
  have = 0
  /** Rights of a bundle; template of a closure. */
  readonly with: unknown
  constructor(kind: number, need: number, slot: number, extra: unknown) {
    this.kind = kind
    this.need = need
    this.slot = slot
    this.items = need <= ROOM_MAX ? new Array<Term>(need) : []
    this.with = extra
  }
}

/** Reads a value only if it is a name that the space has made, or an integer. */
export class NameSkimmer extends ByteReader {
  /** The value read last was a name. */
  own = false
  nameOrInt(): number | undefined {
    const kind = this.u8()
    this.own = kind === V.Name
    return kind === V.Name ? this.count() : kind === V.Int ? this.signed() : undefined
  }
}

/** What holds names or code may be ordered by what is not known yet while a space is being loaded; NaN is no key that can be found. */
const UNORDERED = Flag.Unforgeable | Flag.Closure | Flag.NaN
const flagsOf = (t: Term): number => (typeof t === 'object' ? t.flags : 0)

/** Elements of a set or keys of a map in another order than the canonical one would not be found. @throws Garbled */
function checkOrder(items: readonly Term[]): void {
  for (let i = 0; i < items.length; i++) if ((flagsOf(items[i]) & Flag.Exposed) !== 0) return
  for (let i = 1; i < items.length; i++)
    if (((flagsOf(items[i - 1]) | flagsOf(items[i])) & UNORDERED) === 0 && compare(items[i - 1], items[i]) >= 0)
      throw new Garbled('the elements of a set or map are not in canonical order')
}

/** A table of more parts is not kept for the next record. */
const TABLE_MAX = 64

/** Reads what `TermWriter` wrote. @throws Garbled */
export class TermReader extends ByteReader {
  private readonly book: CodeBook
  /** Parts of this record; those beyond `parts` are of earlier ones. */
  private readonly table: (Term | undefined)[] = []
  private parts = 0
  constructor(bytes: Uint8Array, book: CodeBook, at = 0) {
    super(bytes, at)
    this.book = book
  }

  override reset(bytes: Uint8Array): void {
    super.reset(bytes)
    if (this.table.length > TABLE_MAX) this.table.length = 0
    this.parts = 0
  }

  /** A value that is there. */
  term(): Term {
    const t = this.value()
    if (t === undefined) throw new Garbled('a value is missing')
    return t
  }

  value(): Term | undefined {
    const first = this.begin()
    if (!(first instanceof Frame)) return first
    let top = first
    /** Those around it. */
    let outer: Frame[] | null = null
    for (;;) {
      if (top.have < top.need) {
        const next = this.begin()
        if (next instanceof Frame) {
          ;(outer ??= []).push(top)
          top = next
        } else if (next === undefined) throw new Garbled('a value is missing')
        else top.items[top.have++] = next
        continue
      }
      const built = this.build(top)
      this.table[top.slot] = built
      const around = outer?.pop()
      if (around === undefined) return built
      top = around
      top.items[top.have++] = built
    }
  }

  private begin(): Term | undefined | Frame {
    const kind = this.u8()
    switch (kind) {
      case V.Absent:
        return undefined
      case V.False:
        return false
      case V.True:
        return true
      case V.Int:
        return this.signed()
      case V.WideInt:
        return this.big()
      case V.String:
        return this.text()
      case V.Uri:
        return new Uri(this.text())
      case V.Bytes:
        return new Bytes(this.blob().slice())
      case V.Float:
        return new Float(this.f64())
      case V.BigInt:
        return new BigInteger(this.big())
      case V.BigRat: {
        const num = this.big()
        return new BigRat(num, this.big())
      }
      case V.Fixed: {
        const unscaled = this.big()
        return new Fixed(unscaled, this.count())
      }
      case V.Name:
      case V.SystemName:
      case V.ForeignName:
        return this.name(kind)
      case V.DeployerId:
        return new DeployerId(this.blob().slice())
      case V.DeployId:
        return new DeployId(this.blob().slice())
      case V.Nil:
        return NIL
      case V.Again: {
        const n = this.count()
        const known = n < this.parts ? this.table[n] : undefined
        if (known === undefined) throw new Garbled('a part that is not there')
        return known
      }
      default:
        return this.compound(kind)
    }
  }

  private name(kind: number): Unforgeable {
    switch (kind) {
      case V.Name:
        return this.book.name(this.count())
      case V.SystemName:
        return this.book.systemName(this.text())
      case V.ForeignName:
        return this.book.foreignName(this.blob().slice())
      default:
        throw new Garbled('a name was expected')
    }
  }

  private compound(kind: number): Frame | Term {
    const slot = this.parts++
    this.table[slot] = undefined
    switch (kind) {
      case V.List:
      case V.Tuple:
      case V.Set:
        return new Frame(kind, this.count(), slot, null)
      case V.Map:
        return new Frame(kind, 2 * this.count(), slot, null)
      case V.Bundle:
        return new Frame(kind, 1, slot, this.u8())
      case V.Closure:
      case V.Component: {
        const program = this.book.program(this.count())
        const at = this.count()
        const template = this.book.template(program, at, kind === V.Closure ? 0 : this.count())
        return new Frame(kind, this.count(), slot, template)
      }
      case V.Code:
      case V.Term: {
        const program = this.programBody(QUOTED)
        const t = kind === V.Term ? decodeImage(program.words, 0, program.spans)([]) : new Closure(this.book.template(program, 0, 0), [])
        this.table[slot] = t
        return t
      }
      default:
        throw new Garbled(`unknown kind of value ${kind}`)
    }
  }

  private build(f: Frame): Term {
    const { items } = f
    switch (f.kind) {
      case V.List:
        return new List(items)
      case V.Tuple:
        return new Tuple(items)
      case V.Set:
        checkOrder(items)
        return new SetTerm(items)
      case V.Map: {
        const keys: Term[] = []
        const values: Term[] = []
        for (let i = 0; i < items.length; i += 2) {
          keys.push(items[i])
          values.push(items[i + 1])
        }
        checkOrder(keys)
        return new MapTerm(keys, values)
      }
      case V.Bundle:
        return new Bundle(f.with as number, items[0])
      default:
        return new Closure(f.with as Template, items)
    }
  }

  /** See `TermWriter.programBody`. The names stay alive as long as the program. */
  programBody(name: string): Program {
    const names: Unforgeable[] = []
    for (let n = this.count(); n > 0; n--) {
      const known = this.name(this.u8())
      rememberName(known)
      names.push(known)
    }
    const words = fromBytes(this.blob())
    if (words === undefined) throw new Garbled('an image is no whole number of words')
    const spans = this.places()
    const program = new Program(words, spans.length === 0 ? null : spans, name)
    if (names.length > 0) KEPT.set(program, names)
    return program
  }

  /** A table of places with those of its copies. */
  private places(): SpanTable {
    const root: (SpanTable | null)[] = [null]
    // Where each of the tables that follow belongs.
    const lists = [root]
    const slots = [0]
    for (let i = 0; i < lists.length; i++) {
      const overlays: Overlay[] = []
      let n = this.count()
      let offset = n > 0 ? this.count() : 0
      const count = n > 0 && offset === 0 ? this.count() : 0
      if (count > 0) {
        n--
        if (n > 0) offset = this.count()
      }
      lists[i][slots[i]] = this.rows(n, offset, overlays)
      let at = 0
      for (let k = 0; k < count; k++) {
        at += this.count()
        const copies: (SpanTable | null)[] = []
        for (let c = this.count(); c > 0; c--) {
          if (this.u8() === 1) {
            lists.push(copies)
            slots.push(copies.length)
          }
          copies.push(null)
        }
        overlays.push({ at, copies })
      }
    }
    return root[0] as SpanTable
  }

  /** `offset`: that of the first row, read before. */
  private rows(n: number, offset: number, overlays: readonly Overlay[]): SpanTable {
    const at = new Uint32Array(n)
    const start = new Int32Array(n)
    const end = new Int32Array(n)
    let before = 0
    let last = 0
    for (let i = 0; i < n; i++) {
      if (i > 0) offset += this.count()
      at[i] = offset
      const source = this.count()
      if (source !== last) before = 0
      last = source
      if (source === 0) {
        start[i] = end[i] = -1
        continue
      }
      before += this.signed()
      const length = this.count()
      const base = this.book.baseOf(source - 1)
      start[i] = base < 0 ? -1 : base + before
      end[i] = base < 0 ? -1 : base + before + length
    }
    return new SpanTable(at, start, end, overlays)
  }
}

const KEPT = new WeakMap<Program, readonly Unforgeable[]>()
