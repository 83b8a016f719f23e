import type { FileRoot } from '../machine/files.ts'
import type { Host } from '../machine/host.ts'

/**
 * A host that can be taken back: what programs print is held until `release`, and the lines that they read since then come again after `back`. What is done
 * to files is done at once.
 */
export class HeldHost implements Host {
  private readonly target: Host
  private held: (() => void)[] = []
  /** Lines read since the last release; those before `next` of them have been given out again. */
  private lines: (string | undefined)[] = []
  private next = 0
  private waiting: ((line: string | undefined) => void)[] = []
  /** Lines that the target was asked for. */
  private asked = 0
  readonly openRoot?: (dir: string, writable: boolean, maxBytes: number | undefined) => FileRoot

  constructor(target: Host) {
    this.target = target
    if (target.openRoot !== undefined)
      this.openRoot = (dir, writable, maxBytes) => (target as Required<Host>).openRoot(dir, writable, maxBytes)
  }

  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void {
    this.held.push(() => this.target.out(stream, text, raw))
  }

  log(level: string, text: string): void {
    this.held.push(() => this.target.log(level, text))
  }

  /** Nothing that happened up to now will be taken back. */
  release(): void {
    const { held } = this
    this.held = []
    for (const leave of held) leave()
    this.lines = this.lines.slice(this.next)
    this.next = 0
  }

  /** Nothing of what happened since the last release has happened. */
  back(): void {
    this.held = []
    this.next = 0
    this.waiting = []
  }

  readLine(answer: (line: string | undefined) => void): void {
    if (this.next < this.lines.length) {
      answer(this.lines[this.next++])
      return
    }
    this.waiting.push(answer)
    if (this.asked >= this.waiting.length) return
    this.asked++
    this.target.readLine(line => {
      this.asked--
      this.lines.push(line)
      const first = this.waiting.shift()
      if (first === undefined) return
      this.next++
      first(line)
    })
  }

  now(): number {
    return this.target.now()
  }

  after(ms: number, callback: () => void): void {
    this.target.after(ms, callback)
  }
}
