import { checkCommand } from './check.ts'
import { disasmCommand } from './disasm.ts'
import { explainCommand } from './explain.ts'
import { fmtCommand } from './fmt.ts'
import { replCommand } from './prompt.ts'
import { testCommand } from './test.ts'
import { traceCommand } from './trace.ts'
import type { CommandName, Flags } from './usage.ts'

/** Every command but `run` and `bench`: loaded only when one of them is asked for, in one piece, because each further file costs every start a millisecond. */
export const MORE: Readonly<Record<Exclude<CommandName, 'run' | 'deploy' | 'bench'>, (flags: Flags) => number | Promise<number>>> = {
  test: testCommand,
  check: checkCommand,
  disasm: disasmCommand,
  fmt: fmtCommand,
  repl: replCommand,
  trace: traceCommand,
  explain: explainCommand,
  ps: async flags => (await import('./operators.ts')).psCommand(flags),
  inspect: async flags => (await import('./operators.ts')).inspectCommand(flags),
  top: async flags => (await import('./top.ts')).topCommand(flags),
  space: async flags => (await import('./space.ts')).spaceCommand(flags),
}
