#!/usr/bin/env node
import { EXIT } from './outcome.ts'
import { flushAll, stderr, stdout } from './streams.ts'
import type { CommandName, Flags } from './usage.ts'
import { commandOf, helpText, notYet, parseFlags, UsageError } from './usage.ts'

/** The `rho` command. Each command is loaded when it is asked for: `rho run` reads only what running needs. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args)
  } catch (e) {
    if (e instanceof UsageError) {
      stderr.write(`rho: ${e.message}\n${e.hint === '' ? '' : `hint: ${e.hint}\n`}`)
      return EXIT.usage
    }
    return internalFault(e)
  } finally {
    flushAll()
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args
  if (word === undefined || word === '--help' || word === '-h') return help([])
  if (word === 'help') return help(rest)
  if (word === '--version' || word === '-V' || word === 'version') {
    stdout.write(`rhizome ${VERSION}\n`)
    return EXIT.rest
  }
  const command = commandOf(word)
  const flags = parseFlags(command, rest)
  return flags.has('help') ? help([command]) : execute(command, flags)
}

async function execute(command: CommandName, flags: Flags): Promise<number> {
  switch (command) {
    case 'run':
      return (await import('./run.ts')).runCommand(flags)
    case 'test':
      return (await import('./test.ts')).testCommand(flags)
    case 'check':
      return (await import('./check.ts')).checkCommand(flags)
    case 'disasm':
      return (await import('./disasm.ts')).disasmCommand(flags)
    case 'fmt':
      return (await import('./fmt.ts')).fmtCommand(flags)
    case 'repl':
      return (await import('./prompt.ts')).replCommand(flags)
    case 'trace':
      return (await import('./trace.ts')).traceCommand(flags)
    case 'explain':
      return (await import('./explain.ts')).explainCommand(flags)
    case 'space':
      throw notYet('`rho space`')
  }
}

function help(words: readonly string[]): number {
  stdout.write(helpText(words.length === 0 ? undefined : commandOf(words[0])))
  return EXIT.rest
}

/** A mistake of ours. The stack is for the people who mend it, on request only. */
function internalFault(e: unknown): number {
  const message = e instanceof Error ? e.message : String(e)
  stderr.write(`rho: internal fault (RHO699): ${message}\nhint: this is a mistake in rho, not in your program; RHO_DEBUG=1 shows where\n`)
  if ((process.env.RHO_DEBUG ?? '') !== '' && e instanceof Error) stderr.write(`${e.stack}\n`)
  return EXIT.fault
}

declare const RHO_VERSION: string
const VERSION = typeof RHO_VERSION === 'string' ? RHO_VERSION : 'development'

process.exit(await main(process.argv.slice(2)))
