import type { Diagnostic } from '../../src/base/diagnostic.ts'
import { Sources } from '../../src/base/source.ts'
import { normalize, normalizeOpen } from '../../src/normal/normalize.ts'
import type { Term } from '../../src/normal/term.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { parse } from '../../src/syntax/parser.ts'

export interface Read {
  readonly term: Term
  /** Errors and lints of parser and normalisation, by position. */
  readonly diagnostics: readonly Diagnostic[]
  /** `CODE line:column` of every error. */
  readonly errors: readonly string[]
  /** The same for the lints. */
  readonly lints: readonly string[]
  readonly free: readonly string[]
}

/** Parses and normalises `text`. */
export function read(text: string, options: { uris?: UriTable; open?: boolean } = {}): Read {
  const sources = new Sources()
  const file = sources.add('test.rho', text)
  const { program, diagnostics, lost } = parse(file)
  const uris = options.uris ?? new UriTable()
  const result = options.open ? normalizeOpen(program, { uris }) : { ...normalize(program, { uris, lost }), free: [] }
  const all = [...diagnostics, ...result.diagnostics].sort((a, b) => a.start - b.start)
  const places = (severity: string): string[] =>
    all
      .filter(d => d.severity === severity)
      .map(d => {
        const place = sources.place(d.start)
        return `${d.code} ${place?.line}:${place?.column}`
      })
  return {
    term: result.term,
    diagnostics: all,
    get errors() {
      return places('error')
    },
    get lints() {
      return places('warning')
    },
    free: result.free,
  }
}

/** The normal form of a program without errors. */
export function termOf(text: string): Term {
  const { term, errors } = read(text)
  if (errors.length > 0) throw new Error(`${errors.join(', ')} in ${text}`)
  return term
}
