import type { Host } from '../machine/host.ts'
import { linesOf } from './outcome.ts'

/** Where the output of a program goes: to streams as it happens, and, if wanted, into a record. */
export class Recorder {
  private readonly text = { stdout: [] as string[], stderr: [] as string[] }

  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void {
    this.text[stream].push(raw ? text : `${text}\n`)
  }

  lines(stream: 'stdout' | 'stderr'): string[] {
    return linesOf(this.text[stream].join(''))
  }
}

export type Sink = (stream: 'stdout' | 'stderr', text: string, raw: boolean) => void
export type LogSink = (level: string, text: string) => void

/** The host of an ordinary run: real time, standard input read when first asked for. */
export class ProcessHost implements Host {
  readonly out: Sink
  readonly log: LogSink
  private lines: ((answer: (line: string | undefined) => void) => void) | undefined
  private readonly closers: (() => void)[] = []

  constructor(out: Sink, log: LogSink) {
    this.out = out
    this.log = log
  }

  readLine(answer: (line: string | undefined) => void): void {
    if (this.lines !== undefined) {
      this.lines(answer)
      return
    }
    const waiting: ((line: string | undefined) => void)[] = [answer]
    this.lines = late => {
      waiting.push(late)
    }
    void import('../host/stdin.ts').then(({ LineReader }) => {
      const reader = new LineReader(process.stdin)
      this.closers.push(() => process.stdin.destroy())
      this.lines = next => reader.readLine(next)
      for (const one of waiting) reader.readLine(one)
    })
  }

  now(): number {
    return Date.now()
  }

  after(ms: number, callback: () => void): void {
    setTimeout(callback, Math.min(ms, 0x7fffffff))
  }

  close(): void {
    for (const close of this.closers) close()
  }
}

/** A host without an outside: what is printed is kept, standard input is empty, and nobody waits for real time. */
export class QuietHost implements Host {
  readonly record = new Recorder()
  readonly logged: string[] = []
  private readonly input: string[]

  constructor(input: readonly string[] = []) {
    this.input = [...input]
  }

  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void {
    this.record.out(stream, text, raw)
  }

  log(level: string, text: string): void {
    this.logged.push(`${level}: ${text}`)
  }

  readLine(answer: (line: string | undefined) => void): void {
    answer(this.input.shift())
  }

  now(): number {
    return 0
  }

  after(_ms: number, callback: () => void): void {
    setImmediate(callback)
  }
}
