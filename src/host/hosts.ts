import type { Host } from '../machine/host.ts'
import { Output, type Sink } from './output.ts'
import { LineReader, type LineSource, ScriptedLines } from './stdin.ts'

/** Where the output of a program goes, in the pieces in which it leaves. */
export interface OutputTarget {
  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void
  log(level: string, text: string): void
}

/** The host of an ordinary run: real time, standard input opened when a program first asks for it. */
export class ProcessHost implements Host {
  private readonly target: OutputTarget
  private readonly input: LineSource

  constructor(target: OutputTarget, input: LineSource = new LineReader(() => process.stdin)) {
    this.target = target
    this.input = input
  }

  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void {
    this.target.out(stream, text, raw)
  }

  log(level: string, text: string): void {
    this.target.log(level, text)
  }

  readLine(answer: (line: string | undefined) => void): void {
    this.input.readLine(answer)
  }

  now(): number {
    return Date.now()
  }

  /**
   * Delays beyond what the host's timers can hold are waited for in parts. The host counts whole milliseconds from the last that began, so that its timers
   * end up to one early: hence one more.
   */
  after(ms: number, callback: () => void): void {
    if (ms < TIMER_MAX) setTimeout(callback, ms + 1)
    else setTimeout(() => this.after(ms - TIMER_MAX, callback), TIMER_MAX)
  }
}

const TIMER_MAX = 0x7fffffff

export const NOWHERE: Sink = { write: () => {} }

/** A host without an outside: what is printed is kept, input is a list of lines, and nobody waits for real time. */
export class QuietHost extends ProcessHost {
  readonly output: Output

  constructor(input: readonly string[] = []) {
    const output = new Output(NOWHERE, NOWHERE, { keepLines: true })
    super(output, new ScriptedLines(input))
    this.output = output
  }

  override now(): number {
    return 0
  }

  override after(_ms: number, callback: () => void): void {
    setImmediate(callback)
  }
}
