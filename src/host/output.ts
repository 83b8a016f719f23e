/** Where text leaves the process. `write` never throws: who is gone reads nothing. */
export interface Sink {
  write(text: string): void
}

/** The text of one stream cut at line breaks: what the JSON outcome lists. */
export class LineAssembler {
  private readonly finished: string[] = []
  private open: string[] = []

  add(text: string): void {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.open.push(text.slice(from, at))
      this.finished.push(this.open.join(''))
      this.open = []
      from = at + 1
    }
    if (from < text.length) this.open.push(from === 0 ? text : text.slice(from))
  }

  /** All lines so far; a last one without line break counts. */
  lines(): string[] {
    return this.open.length === 0 ? [...this.finished] : [...this.finished, this.open.join('')]
  }
}

export type Stream = 'stdout' | 'stderr'

/** Standard output and error of a program: passed on as they come and, if asked for, remembered as lines. */
export class Output {
  private readonly sinks: Record<Stream, Sink>
  private readonly kept: Record<Stream, LineAssembler> | undefined

  constructor(stdout: Sink, stderr: Sink, options: { keepLines?: boolean } = {}) {
    this.sinks = { stdout, stderr }
    this.kept = options.keepLines === true ? { stdout: new LineAssembler(), stderr: new LineAssembler() } : undefined
  }

  /** A line (`raw` false) or text as it is. */
  out(stream: Stream, text: string, raw: boolean): void {
    const full = raw ? text : `${text}\n`
    this.sinks[stream].write(full)
    this.kept?.[stream].add(full)
  }

  /** One line `level: text` on standard error; not part of the program's own standard error. */
  log(level: string, text: string): void {
    this.sinks.stderr.write(`${level}: ${text}\n`)
  }

  /** The lines of a stream; empty unless they are kept. */
  lines(stream: Stream): string[] {
    return this.kept?.[stream].lines() ?? []
  }
}

/** A sink for tests and embedders: everything in one string. */
export class MemorySink implements Sink {
  private readonly parts: string[] = []
  write(text: string): void {
    this.parts.push(text)
  }
  get text(): string {
    return this.parts.join('')
  }
}

/** The part of a Node stream that output needs. */
export interface Writable {
  write(text: string): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** Text is handed to the system in pieces of about this many characters, and whenever `flush` is called. */
const PIECE = 1 << 14

/**
 * Collects small writes for a process stream. The owner flushes when the machine pauses, so that output appears as it happens but a printing loop does not cost
 * one system call per line. A reader that goes away (`| head`) ends the output silently; any other error is reported once through `onError`.
 */
export class StreamSink implements Sink {
  private readonly stream: Writable
  private pending = ''
  private broken = false

  constructor(stream: Writable, onError: (error: Error) => void = () => {}) {
    this.stream = stream
    stream.on('error', error => {
      const again = this.broken
      this.broken = true
      this.pending = ''
      if (!again && (error as NodeJS.ErrnoException).code !== 'EPIPE') onError(error)
    })
  }

  write(text: string): void {
    if (this.broken) return
    this.pending += text
    if (this.pending.length >= PIECE) this.flush()
  }

  flush(): void {
    if (this.pending === '' || this.broken) return
    const text = this.pending
    this.pending = ''
    this.stream.write(text)
  }
}
