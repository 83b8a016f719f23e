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

export class Sources {
  private readonly files: SourceFile[] = []
  private readonly lines: (number[] | undefined)[] = []
  private next = 0

  add(name: string, text: string): SourceFile {
    const file = { name, text, base: this.next }
    this.files.push(file)
    this.lines.push(undefined)
    this.next += text.length + 1 // one past the end belongs to the file: "unexpected end of input" has a place
    return file
  }

  /** The file that holds `position`, or undefined for a construct without source. */
  fileAt(position: number): SourceFile | undefined {
    if (position < 0 || position >= this.next) return undefined
    let low = 0
    let high = this.files.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.files[middle].base <= position) low = middle
      else high = middle - 1
    }
    return this.files[low]
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
    const index = this.files.indexOf(file)
    const known = this.lines[index]
    if (known !== undefined) return known
    const starts = [0]
    for (let i = file.text.indexOf('\n'); i >= 0; i = file.text.indexOf('\n', i + 1)) starts.push(i + 1)
    this.lines[index] = starts
    return starts
  }
}

/** The position space of this process. */
export const sources = new Sources()
