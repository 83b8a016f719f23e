import { sources } from '../base/source.ts'
import { QuietHost } from '../host/hosts.ts'
import { checkProgram, hasErrors, readInputs, sessionOptions } from './engine.ts'
import { diagnosticLines, EXIT } from './outcome.ts'
import { showDiagnostics } from './show.ts'
import { stderr, stdout, wantsColor } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** `rho check`: everything that can be said about programs without running them. Warnings never decide the exit code. */
export function checkCommand(flags: Flags): number {
  const inputs = readInputs(flags)
  if (inputs.length === 0) throw new UsageError('nothing to check', "name a file, or write `rho check -e 'SOURCE'`")
  const options = sessionOptions(flags, new QuietHost())
  const found = inputs.flatMap(i => checkProgram(i.name, i.bytes, options))
  if (flags.text('format') === 'json') {
    stdout.write(diagnosticLines(sources, found))
    const errors = found.filter(d => d.severity === 'error').length
    stdout.write(`${JSON.stringify({ v: 1, kind: 'summary', errors, warnings: found.length - errors })}\n`)
  } else {
    stderr.write(showDiagnostics(found, { sources, color: wantsColor(2) }))
  }
  return hasErrors(found) ? EXIT.refused : EXIT.rest
}
