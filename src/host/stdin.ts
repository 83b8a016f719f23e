import { StringDecoder } from 'node:string_decoder'

/** A line without its line break, or undefined at the end of the input. */
export type Answer = (line: string | undefined) => void

/** Lines of input for whoever asks, answered in the order of asking. */
export interface LineSource {
  readLine(answer: Answer): void
  /** Requests without answer. */
  readonly pending: number
}

/** Lines known beforehand; answers at once. */
export class ScriptedLines implements LineSource {
  readonly pending = 0
  private readonly lines: string[]
  constructor(lines: readonly string[]) {
    this.lines = [...lines].reverse()
  }
  readLine(answer: Answer): void {
    answer(this.lines.pop())
  }
}

/** The part of a readable byte stream that the reader needs; `process.stdin` has it. */
export interface ByteStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown
  resume(): unknown
  pause(): unknown
  ref?(): unknown
  unref?(): unknown
}

/**
 * Lines of a byte stream. It is touched only when somebody asks, and let go while nobody does, so that it neither swallows input that is meant for others nor
 * keeps a finished process alive. A line ends with LF or CR LF; text after the last one is a line too. Invalid UTF-8 becomes U+FFFD. An error ends the input.
 */
export class LineReader implements LineSource {
  private readonly source: ByteStream | (() => ByteStream)
  private stream: ByteStream | undefined
  private decoder: StringDecoder | undefined
  private readonly waiting: Answer[] = []
  private readonly lines: string[] = []
  private nextLine = 0
  /** Pieces of the line that has not ended yet. */
  private rest: string[] = []
  private ended = false
  private serving = false

  /** `source`: the stream, or what opens it at the first request. */
  constructor(source: ByteStream | (() => ByteStream)) {
    this.source = source
  }

  get pending(): number {
    return this.waiting.length
  }

  readLine(answer: Answer): void {
    this.waiting.push(answer)
    this.serve()
  }

  private start(): ByteStream {
    const stream = typeof this.source === 'function' ? this.source() : this.source
    const decoder = new StringDecoder('utf8')
    this.decoder = decoder
    stream.on('data', chunk => this.take(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))))
    stream.on('end', () => this.end())
    stream.on('close', () => this.end())
    stream.on('error', () => this.end())
    return stream
  }

  private take(text: string): void {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.rest.push(text.slice(from, at))
      this.finishLine()
      from = at + 1
    }
    if (from < text.length) this.rest.push(text.slice(from))
    this.serve()
  }

  private finishLine(): void {
    const line = this.rest.join('')
    this.rest = []
    this.lines.push(line.endsWith('\r') ? line.slice(0, -1) : line)
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    const tail = this.decoder?.end() ?? ''
    if (tail !== '') this.rest.push(tail)
    if (this.rest.length > 0) {
      this.lines.push(this.rest.join(''))
      this.rest = []
    }
    this.serve()
  }

  /** Answers what can be answered; asks the stream for more only if somebody still waits. An answer may ask again: the outer call goes on. */
  private serve(): void {
    if (this.serving) return
    this.serving = true
    while (this.waiting.length > 0 && (this.nextLine < this.lines.length || this.ended)) {
      const line = this.nextLine < this.lines.length ? this.lines[this.nextLine++] : undefined
      const answer = this.waiting.shift() as Answer
      answer(line)
    }
    this.serving = false
    if (this.nextLine > 1024 || this.nextLine === this.lines.length) {
      this.lines.splice(0, this.nextLine)
      this.nextLine = 0
    }
    if (this.waiting.length > 0) this.listen()
    else this.let()
  }

  private listen(): void {
    if (this.ended) return
    this.stream ??= this.start()
    this.stream.ref?.()
    this.stream.resume()
  }

  private let(): void {
    if (this.stream === undefined || this.ended) return
    this.stream.pause()
    this.stream.unref?.()
  }
}
