/**
 * Positions. Every source text that is read gets a base offset in one position space, so a position anywhere in the system
 * is a single small integer (`base + UTF-16 offset`), and finding its file, line and column is a search done only when
 * somebody wants to see it.
 */
export interface SourceFile {
  readonly name: string
  readonly text: string
  /** Position of the first character. */
  readonly base: number
}

/** Lines and columns count from 1; columns count code points. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A stretch of source: positions, end exclusive. `start < 0` means the construct has no source (decoded from an image). */
export interface Span {
  readonly start: number
  readonly end: number
}

export const NO_SPAN: Span = { start: -1, end: -1 }

/** A file of the position space. */
interface Entry {
  readonly base: number
  /** Positions that it has. */
  readonly size: number
  /** A released file is known as long as somebody else holds it. */
  file: SourceFile | WeakRef<SourceFile>
}

/** After so many additions what is gone is taken out of the list. */
const SWEEP = 256

/** Positions are never given out twice: those of a text that is gone have no place any more. */
export class Sources {
  private entries: Entry[] = []
  private readonly lines = new WeakMap<SourceFile, number[]>()
  private next = 0
  private unswept = 0

  /** Kept until it is released or forgotten. */
  add(name: string, text: string): SourceFile {
    if (++this.unswept >= SWEEP) this.sweep()
    const file = { name, text, base: this.next }
    const size = text.length + 1 // one past the end belongs to the file: "unexpected end of input" has a place
    this.entries.push({ base: this.next, size, file })
    this.next += size
    return file
  }

  /** A text that is known elsewhere under these positions. Does nothing if it is known here. */
  addAt(name: string, text: string, base: number): SourceFile {
    const known = this.fileAt(base)
    if (known !== undefined) return known
    const file = { name, text, base }
    const size = text.length + 1
    let at = this.entries.length
    while (at > 0 && this.entries[at - 1].base > base) at--
    this.entries.splice(at, 0, { base, size, file })
    this.next = Math.max(this.next, base + size)
    return file
  }

  /** From now on the file is known only as long as something else holds it, as code that was compiled from it does. */
  release(file: SourceFile): void {
    const at = this.indexOf(file.base)
    if (at >= 0 && this.entries[at].file === file) this.entries[at].file = new WeakRef(file)
  }

  /** Its positions have no place from now on. Does nothing if the file is not known. */
  forget(file: SourceFile): void {
    const at = this.indexOf(file.base)
    if (at < 0 || held(this.entries[at]) !== file) return
    this.entries.splice(at, 1)
    if (this.counted.file === file) this.counted.file = null
  }

  /** Texts that are known. */
  get count(): number {
    this.sweep()
    return this.entries.length
  }

  /** The file that holds `position`, or undefined for a construct without source or with one that is gone. */
  fileAt(position: number): SourceFile | undefined {
    const at = this.indexOf(position)
    return at < 0 ? undefined : held(this.entries[at])
  }

  private indexOf(position: number): number {
    const { entries } = this
    let low = 0
    let high = entries.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const { base, size } = entries[middle]
      if (position < base) high = middle - 1
      else if (position >= base + size) low = middle + 1
      else return middle
    }
    return -1
  }

  private sweep(): void {
    this.unswept = 0
    this.entries = this.entries.filter(e => held(e) !== undefined)
  }

  place(position: number): Place | undefined {
    const file = this.fileAt(position)
    if (file === undefined) return undefined
    const starts = this.lineStarts(file)
    const offset = position - file.base
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle] <= offset) low = middle
      else high = middle - 1
    }
    const column = this.columnOf(file, starts[low], offset)
    return { file: file.name, line: low + 1, column }
  }

  /** A program may be one line of megabytes with a finding at every word: where no character takes two units counting is a subtraction, else it goes on from the last answer. */
  private columnOf(file: SourceFile, lineStart: number, offset: number): number {
    const { counted } = this
    if (counted.file !== file) {
      counted.file = file
      counted.pairs = /[\udc00-\udfff]/.test(file.text)
      counted.lineStart = -1
    }
    if (!counted.pairs) return offset - lineStart + 1
    const goesOn = counted.lineStart === lineStart && counted.offset <= offset
    let column = goesOn ? counted.column : 1
    for (let i = goesOn ? counted.offset : lineStart; i < offset; i++) {
      const unit = file.text.charCodeAt(i)
      if (unit < 0xdc00 || unit > 0xdfff) column++
    }
    counted.lineStart = lineStart
    counted.offset = offset
    counted.column = column
    return column
  }
  private readonly counted = { file: null as SourceFile | null, pairs: false, lineStart: -1, offset: 0, column: 1 }

  /** The text of line `line` (from 1) without its line break. */
  lineText(file: SourceFile, line: number): string {
    const starts = this.lineStarts(file)
    const end = line < starts.length ? starts[line] : file.text.length
    return file.text.slice(starts[line - 1], end).replace(/\r?\n$/, '')
  }

  private lineStarts(file: SourceFile): number[] {
    const known = this.lines.get(file)
    if (known !== undefined) return known
    const starts = [0]
    for (let i = file.text.indexOf('\n'); i >= 0; i = file.text.indexOf('\n', i + 1)) starts.push(i + 1)
    this.lines.set(file, starts)
    return starts
  }
}

function held({ file }: Entry): SourceFile | undefined {
  return file instanceof WeakRef ? file.deref() : file
}

/** The position space of this process. */
export const sources = new Sources()
