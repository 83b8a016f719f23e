import { sources } from '../base/source.ts'
import { normalize } from '../normal/normalize.ts'
import type { Term } from '../normal/term.ts'
import { UriTable } from '../normal/uris.ts'
import { parse } from '../syntax/parser.ts'
import { UsageError } from './usage.ts'

/** Reads one closed term from an argument of the command line. */
export function termOf(text: string, flag: string): Term {
  const parsed = parse(sources.add(`<${flag}>`, text))
  const found = parsed.diagnostics.filter(d => d.severity === 'error')
  if (found.length === 0) {
    const normal = normalize(parsed.program, { uris: new UriTable() })
    const errors = normal.diagnostics.filter(d => d.severity === 'error')
    if (errors.length === 0) return normal.term
    found.push(...errors)
  }
  throw new UsageError(`${flag}: ${found[0].message} in \`${text}\``, found[0].hint)
}

/** Reads a public name such as `@"x"` or `@{a!(1)}`. A name is the process it quotes. */
export function nameOf(text: string, flag: string): Term {
  if (!text.trim().startsWith('@'))
    throw new UsageError(`${flag} takes a public name, found \`${text}\``, `write for example ${flag} '@"x"'`)
  return termOf(text.trim().slice(1), flag)
}
