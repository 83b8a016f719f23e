import { nearest } from '../base/nearest.ts'
import { sources } from '../base/source.ts'
import type { SessionOptions } from '../machine/session.ts'
import { Session } from '../machine/session.ts'
import { reportName } from '../normal/print.ts'
import { SYSTEM_URIS } from '../normal/uris.ts'
import { drive, hasErrors } from './engine.ts'
import { machineRows } from './machines.ts'
import { nameOf } from './names.ts'
import { inOrder } from './outcome.ts'
import { showDiagnostics, showFailures, showMetrics, showRest } from './show.ts'

/** The logic of `rho repl` without a terminal: lines go in, text comes out. All inputs share one space. */

/** What the prompt may touch outside: files for `.load` and `.save`, the listing of `.disasm`. */
export interface ReplOutside {
  read(file: string): Uint8Array
  write(file: string, text: string): void
  disasm(source: string): string
  /** Shows what a program prints while it still runs; false when nobody reads it any more. */
  show?(text: string): boolean
}

interface Command {
  readonly usage: string
  readonly help: string
  readonly run: (repl: Repl, argument: string) => string | Promise<string>
}

/** The one table of prompt commands; help, completion and "did you mean" derive from it. */
const COMMANDS: Readonly<Record<string, Command>> = {
  help: { usage: '.help', help: 'this list', run: () => helpText() },
  step: {
    usage: '.step [N | SOURCE]',
    help: 'start SOURCE and stop before its first step; then N steps at a time (default 1)',
    run: (r, a) => r.step(a),
  },
  run: { usage: '.run', help: 'run on to rest', run: r => r.settle() },
  queue: { usage: '.queue', help: 'machines that can run, oldest first', run: r => r.machines('queue') },
  ps: { usage: '.ps', help: 'all machines: label, status, place, steps, gas', run: r => r.machines('all') },
  blocked: { usage: '.blocked [NAME]', help: 'receives that wait, all or those on NAME, and why', run: (r, a) => r.blocked(a) },
  space: { usage: '.space [NAME]', help: 'messages left on public names', run: (r, a) => r.space(a) },
  report: { usage: '.report', help: 'the rest report, with persistent and unreachable items', run: r => r.report() },
  metrics: { usage: '.metrics', help: 'the counters', run: r => showMetrics(r.session.stats()) },
  load: { usage: '.load FILE', help: 'run a file in this space', run: (r, a) => r.load(a) },
  save: { usage: '.save FILE', help: 'write what was typed so far as one program', run: (r, a) => r.save(a) },
  disasm: { usage: '.disasm [SOURCE]', help: 'the bytecode of SOURCE, or of the last input', run: (r, a) => r.disasm(a) },
  reset: { usage: '.reset', help: 'a new empty space', run: r => r.reset() },
  quit: { usage: '.quit', help: 'leave', run: r => r.quit() },
}

/** How often what a long run prints is shown. */
const LIVE_MS = 100

function helpText(): string {
  const rows = Object.values(COMMANDS)
  const width = Math.max(...rows.map(c => c.usage.length))
  return `${rows.map(c => `${c.usage.padEnd(width)}  ${c.help}\n`).join('')}Anything else is a program. It goes on over several lines while a bracket is open or it ends in \`|\`.\n`
}

const WORDS =
  'new in if else let match select contract for and or not matches bundle bundle0 true false Nil Set Bool Int String Uri ByteArray where agent'.split(
    ' ',
  )

/** A channel as reports write it, from however a user writes it. What is no public name is the name of a variable. */
function channelOf(text: string, command: string): string {
  return text.startsWith('@') ? reportName(nameOf(text, command)) : text
}

export class Repl {
  session: Session
  done = false
  private pending = ''
  private printed = ''
  private running = false
  private interrupted = false
  private reported = 0
  private count = 0
  private readonly accepted: string[] = []
  private readonly words = new Set(WORDS)
  private readonly options: SessionOptions
  private readonly outside: ReplOutside
  private readonly color: boolean

  /** `options.host` serves input, log and time; what programs print is kept and comes back from `line`. */
  constructor(options: SessionOptions, outside: ReplOutside, color = false) {
    const { host } = options
    const own = {
      out: (_stream: 'stdout' | 'stderr', text: string, raw: boolean) => {
        this.printed += raw ? text : `${text}\n`
      },
      log: (level: string, text: string) => {
        this.printed += `${level}: ${text}\n`
      },
      readLine: (answer: (line: string | undefined) => void) => host.readLine(answer),
      now: () => host.now(),
      after: (ms: number, callback: () => void) => host.after(ms, callback),
    }
    this.options = { ...options, host: own }
    this.outside = outside
    this.color = color
    this.session = new Session(this.options)
  }

  get prompt(): string {
    return this.pending === '' ? 'rho> ' : '...> '
  }

  /** Takes one line and gives back what is to be shown, '' or text that ends with a line break. */
  async line(text: string): Promise<string> {
    if (this.pending === '' && text.trimStart().startsWith('.')) return this.command(text.trim())
    if (this.pending === '' && /^\s*(:|(help|quit|exit)\s*$)/.test(text))
      return 'commands begin with a dot: .help lists them, .quit leaves\n'
    const source = this.pending === '' ? text : `${this.pending}\n${text}`
    if (source.trim() === '') return ''
    // An empty line ends an input that the brackets say is not finished: otherwise a slip would trap the user.
    if (isOpen(source) && text.trim() !== '') {
      this.pending = source
      return ''
    }
    this.pending = ''
    return this.start(source, `<input ${++this.count}>`, true)
  }

  /** There are no more lines: what is not finished is taken as it is. */
  async end(): Promise<string> {
    return this.pending === '' ? '' : await this.line('')
  }

  /** Stops what runs, which may go on later; or else forgets a half-typed input. False when nothing ran. */
  interrupt(): boolean {
    if (!this.running) {
      this.pending = ''
      return false
    }
    this.interrupted = true
    this.session.stop()
    return true
  }

  private async command(text: string): Promise<string> {
    const match = /^\.([a-z]*)\s*([\s\S]*)$/.exec(text)
    const name = match?.[1] ?? ''
    if (Object.hasOwn(COMMANDS, name)) {
      try {
        return await COMMANDS[name].run(this, match?.[2].trim() ?? '')
      } catch (e) {
        return `${(e as Error).message}\n`
      }
    }
    const near = nearest(name, Object.keys(COMMANDS))
    return `there is no command \`.${name}\`; ${near === undefined ? '.help lists them' : `did you mean \`.${near}\`?`}\n`
  }

  private async start(source: string | Uint8Array, name: string, run: boolean): Promise<string> {
    const { diagnostics, program } = this.session.compile(name, source)
    const shown = showDiagnostics(diagnostics, { sources, color: this.color })
    if (program === undefined || hasErrors(diagnostics)) return shown
    if (typeof source === 'string') {
      this.accepted.push(source)
      for (const word of source.match(/[A-Za-z][A-Za-z0-9_']*/g) ?? []) this.words.add(word)
    }
    this.session.deploy(program)
    // Before what the program prints, which is shown as it comes when the run is long.
    if (run) this.printed += shown
    const done = run ? await this.settle() : shown + this.machines('queue')
    this.session.release(program)
    return done
  }

  /** Runs to rest; what was printed, which machines failed, how many receives wait. */
  async settle(): Promise<string> {
    const before = this.waiting()
    this.running = true
    const live = setInterval(() => this.passOn(), LIVE_MS)
    const ending = await drive(this.session, { stopped: () => this.interrupted })
    clearInterval(live)
    this.running = false
    if (ending === 'stopped') {
      this.interrupted = false
      this.session.goOn()
      return `${this.output()}interrupted: .queue shows what can run, .run goes on, .reset forgets everything\n`
    }
    const waiting = this.waiting()
    const news = ending === 'limit' ? 'a limit stopped the program\n' : waiting > before ? `(${waiting} waiting; .blocked says why)\n` : ''
    return this.output() + news
  }

  /** Shows the lines printed so far. */
  private passOn(): void {
    const end = this.printed.lastIndexOf('\n') + 1
    if (end === 0 || this.outside.show === undefined) return
    const read = this.outside.show(this.printed.slice(0, end))
    this.printed = this.printed.slice(end)
    if (read) return
    this.interrupt()
    this.done = true
  }

  private waiting(): number {
    return this.session.blocked().filter(b => !b.persistent).length
  }

  /** What programs printed and which machines failed since it was last asked for. */
  private output(): string {
    const printed = this.printed === '' || this.printed.endsWith('\n') ? this.printed : `${this.printed}\n`
    this.printed = ''
    const failures = this.session.failures.slice(this.reported)
    this.reported = this.session.failures.length
    return printed + showFailures(inOrder(failures), { sources, color: this.color })
  }

  async step(argument: string): Promise<string> {
    if (argument !== '' && !/^\d+$/.test(argument)) return this.start(argument, `<input ${++this.count}>`, false)
    const status = this.session.run(argument === '' ? 1 : Number(argument))
    return (
      this.output() + (status === 'rest' ? 'at rest\n' : status === 'idle' ? 'waiting for something outside\n' : this.machines('queue'))
    )
  }

  machines(which: 'queue' | 'all'): string {
    const rows = machineRows(this.session, which === 'queue')
    if (rows.length === 0) return which === 'queue' ? 'nothing can run\n' : 'no machines\n'
    const width = [0, 1, 2].map(i => rows.reduce((most, r) => Math.max(most, r[i].length), 0))
    return rows
      .map(
        r =>
          `${r
            .map((cell, i) => (i < 3 ? cell.padEnd(width[i]) : cell))
            .join('  ')
            .trimEnd()}\n`,
      )
      .join('')
  }

  blocked(text: string): string {
    const name = channelOf(text, '.blocked')
    const { waiting } = this.session.report(true)
    const chosen = name === '' ? waiting : waiting.filter(w => w.channels.includes(name))
    if (chosen.length === 0) return name === '' ? 'nothing waits\n' : `nothing waits on ${name}\n`
    return showRest({ waiting: chosen, messages: [], notes: [], idleServers: 0, unreachable: 0 }, { sources, color: this.color })
  }

  space(text: string): string {
    const name = channelOf(text, '.space')
    const lines: string[] = []
    for (const [channel, messages] of this.session.data()) {
      if (name === '' || name === channel) for (const values of messages) lines.push(`${channel}!(${values.join(', ')})\n`)
    }
    return lines.length === 0 ? (name === '' ? 'no messages on public names\n' : `nothing on ${name}\n`) : lines.join('')
  }

  report(): string {
    return showRest(this.session.report(true), { sources, color: this.color }) || 'nothing is left\n'
  }

  async load(file: string): Promise<string> {
    if (file === '') return 'which file? .load FILE\n'
    const bytes = this.outside.read(file)
    const text = new TextDecoder().decode(bytes)
    return this.start(text, file, true)
  }

  save(file: string): string {
    if (file === '') return 'which file? .save FILE\n'
    if (this.accepted.length === 0) return 'nothing was typed yet\n'
    this.outside.write(file, `${this.accepted.map(source => `{\n${source.trimEnd()}\n}`).join(' |\n')}\n`)
    return `saved to ${file}\n`
  }

  disasm(source: string): string {
    const text = source !== '' ? source : this.accepted.at(-1)
    return text === undefined ? 'nothing was typed yet\n' : this.outside.disasm(text)
  }

  reset(): string {
    this.session = new Session(this.options)
    this.reported = 0
    this.printed = ''
    this.accepted.length = 0
    return ''
  }

  quit(): string {
    this.done = true
    return ''
  }

  /** Completions of the last word of `text` and that word, as `node:readline` wants them. */
  complete(text: string): [string[], string] {
    if (/^\s*\.[a-z]*$/.test(text)) {
      const word = text.trim()
      return [
        Object.keys(COMMANDS)
          .map(c => `.${c}`)
          .filter(c => c.startsWith(word)),
        word,
      ]
    }
    const channel = /@[^\s|(){}<>!;,]*$/.exec(text)
    if (channel !== null) return [[...this.session.data().keys()].filter(name => name.startsWith(channel[0])), channel[0]]
    const uri = /`[^`]*$/.exec(text)
    if (uri !== null) return [SYSTEM_URIS.map(u => `\`${u.uri}\``).filter(u => u.startsWith(uri[0])), uri[0]]
    const word = /[A-Za-z][A-Za-z0-9_']*$/.exec(text)?.[0] ?? ''
    return [word === '' ? [] : [...this.words].filter(w => w.startsWith(word)).sort(), word]
  }
}

/** True while a bracket, string or comment is open, or the text ends where something must follow; never when a bracket closes another one. */
export function isOpen(source: string): boolean {
  const closers: string[] = []
  let last = ''
  for (let i = 0; i < source.length; i++) {
    const c = source[i]
    if (c === '/' && source[i + 1] === '/') {
      const end = source.indexOf('\n', i)
      if (end < 0) break
      i = end
    } else if (c === '/' && source[i + 1] === '*') {
      const end = source.indexOf('*/', i + 2)
      if (end < 0) return true
      i = end + 1
    } else if (c === '"') {
      for (i++; i < source.length && source[i] !== '"'; i++) if (source[i] === '\\') i++
      if (i >= source.length) return true
      last = c
    } else if (c === '`') {
      // A URI ends on its line.
      for (i++; i < source.length && source[i] !== '`' && source[i] !== '\n'; ) i++
      last = c
    } else if (!/\s/.test(c)) {
      const opens = '([{'.indexOf(c)
      if (opens >= 0) closers.push(')]}'[opens] as string)
      else if (')]}'.includes(c) && closers.pop() !== c) return false
      last = c
    }
  }
  return closers.length > 0 || '|,=;'.includes(last || ' ') || /\bin\s*$/.test(source)
}
