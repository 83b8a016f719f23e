import type { Diagnostic } from '../base/diagnostic.ts'
import { sources } from '../base/source.ts'
import { normalize, normalizeName } from '../normal/normalize.ts'
import type { Term } from '../normal/term.ts'
import { UriTable } from '../normal/uris.ts'
import { parse, parseName } from '../syntax/parser.ts'
import { UsageError } from './usage.ts'

const OPTIONS = { uris: new UriTable(), lints: false }

/** Reads one closed term from an argument of the command line. */
export function termOf(text: string, flag: string): Term {
  const { program, diagnostics } = parse(sources.add(`<${flag}>`, text))
  refuse(diagnostics, text, flag)
  const { term, diagnostics: wrong } = normalize(program, OPTIONS)
  refuse(wrong, text, flag)
  return term
}

/** Reads a public name such as `@"x"` or `@{a!(1)}`. */
export function nameOf(text: string, flag: string): Term {
  if (!text.trim().startsWith('@'))
    throw new UsageError(`${flag} takes a public name, found \`${text}\``, `write for example ${flag} '@"x"'`)
  const file = sources.add(`<${flag}>`, text)
  const { name, diagnostics } = parseName(file)
  sources.forget(file)
  refuse(diagnostics, text, flag)
  const { term, diagnostics: wrong } = normalizeName(name, OPTIONS)
  refuse(wrong, text, flag)
  return term
}

function refuse(found: readonly Diagnostic[], text: string, flag: string): void {
  const error = found.find(d => d.severity === 'error')
  if (error !== undefined) throw new UsageError(`${flag}: ${error.message} in \`${text}\``, error.hint)
}
