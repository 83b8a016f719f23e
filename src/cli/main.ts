import { reasonOf } from './engine.ts'
import { EXIT } from './outcome.ts'
import { deployCommand, runCommand } from './run.ts'
import { flushAll, stderr, stdout } from './streams.ts'
import { commandOf, helpText, parseFlags, UsageError } from './usage.ts'

/** The `rho` command. `rho run` starts at once; what only the other commands need is loaded when one of them is asked for. */
export async function main(args: readonly string[]): Promise<number> {
  const code = await attempt(args)
  flushAll()
  if (stdout.failure === null) return code
  stderr.write(`rho: cannot write to standard output: ${reasonOf(stdout.failure)}\n`)
  stderr.flush()
  return code === EXIT.rest ? EXIT.storage : code
}

async function attempt(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args)
  } catch (e) {
    if (e instanceof UsageError) {
      stderr.write(`rho: ${e.message}\n${e.hint === '' ? '' : `hint: ${e.hint}\n`}`)
      return EXIT.usage
    }
    return internalFault(e)
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
  if (command === 'bench') return (await import('./bench.ts')).benchCommand(rest)
  const flags = parseFlags(command, rest)
  if (flags.has('help')) return help([command])
  if (command === 'run') return runCommand(flags)
  if (command === 'deploy') return deployCommand(flags)
  const { MORE } = await import('./more.ts')
  return MORE[command](flags)
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

void main(process.argv.slice(2)).then(code => process.exit(code))
