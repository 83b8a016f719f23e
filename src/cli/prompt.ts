import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { ProcessHost } from '../host/hosts.ts'
import { ScriptedLines } from '../host/stdin.ts'
import { disassemble } from './disasm.ts'
import { reasonOf, sessionOptions } from './engine.ts'
import { EXIT } from './outcome.ts'
import { Repl } from './repl.ts'
import { flushAll, isTerminal, stdout, wantsColor } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** The terminal side of `rho repl`: lines, history, completion. Without a terminal the lines come from standard input and no prompt is shown. */

/** Lines kept in the history file. */
const HISTORY_MAX = 1000

export async function replCommand(flags: Flags): Promise<number> {
  if (flags.files.length > 0) throw new UsageError('`rho repl` takes no file', `start it and type \`.load ${flags.files[0]}\``)
  const terminal = process.stdin.isTTY === true && isTerminal(1)
  const file = flags.text('history') ?? join(homedir(), '.rho_history')
  // What programs print comes back from the prompt, which also owns standard input: programs find it at its end.
  const host = new ProcessHost({ out: () => {}, log: () => {} }, new ScriptedLines([]))
  const repl = new Repl(sessionOptions(flags, host), outside, wantsColor(1))
  const reader = createInterface({
    input: process.stdin,
    ...(terminal
      ? {
          output: process.stdout,
          completer: (text: string) => repl.complete(text),
          history: readHistory(file),
          historySize: HISTORY_MAX,
          removeHistoryDuplicates: true,
        }
      : {}),
    terminal,
  })
  if (terminal) stdout.write('rhizome; .help lists the commands, .quit leaves\n')
  const show = (text: string) => {
    stdout.write(text)
    flushAll()
    if (terminal && !repl.done) {
      reader.setPrompt(repl.prompt)
      reader.prompt()
    }
  }
  // Ctrl-C stops what runs, or forgets a half-typed input; Ctrl-D ends.
  reader.on('SIGINT', () => {
    if (!repl.interrupt()) show('\n')
  })
  if (terminal) reader.on('close', () => repl.interrupt())
  if (terminal) reader.on('history', (lines: string[]) => writeHistory(file, lines))
  show('')
  for await (const line of reader) {
    show(await repl.line(line))
    if (repl.done) break
  }
  stdout.write(await repl.end())
  flushAll()
  reader.close()
  return EXIT.rest
}

const outside = {
  show(text: string): boolean {
    stdout.write(text)
    flushAll()
    return !stdout.closed
  },
  read(file: string): Uint8Array {
    try {
      return readFileSync(file)
    } catch (e) {
      throw new UsageError(`cannot read \`${file}\`: ${reasonOf(e)}`)
    }
  },
  write(file: string, text: string): void {
    try {
      writeFileSync(file, text)
    } catch (e) {
      throw new UsageError(`cannot write \`${file}\`: ${reasonOf(e)}`)
    }
  },
  disasm(source: string): string {
    return disassemble(source)
  },
}

/** Newest first, as the line editor keeps it. */
function readHistory(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .reverse()
  } catch {
    return []
  }
}

function writeHistory(file: string, lines: readonly string[]): void {
  try {
    writeFileSync(file, `${[...lines].slice(0, HISTORY_MAX).reverse().join('\n')}\n`)
  } catch {
    // a history that cannot be kept is no reason to disturb the work
  }
}
