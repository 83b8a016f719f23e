import { verify } from '../bytecode/verify.ts'
import { Sources } from '../src/base/source.ts'
import { compile, type SpanTable } from '../src/compile/compile.ts'
import { normalize } from '../src/normal/normalize.ts'
import { UriTable } from '../src/normal/uris.ts'
import { parse } from '../src/syntax/parser.ts'

/** Milliseconds since some moment. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export interface Stages {
  readonly parse: number
  readonly normalise: number
  readonly compile: number
  readonly verify: number
}

/** A verified image with its positions, and the milliseconds of each stage. @throws Error if the text is refused */
export function compileText(text: string): { image: Uint32Array; spans: SpanTable; stages: Stages } {
  const start = now()
  const parsed = parse(new Sources().add('bench.rho', text))
  const afterParse = now()
  const normal = normalize(parsed.program, { uris: new UriTable() })
  const afterNormal = now()
  const problem = [...parsed.diagnostics, ...normal.diagnostics].find(d => d.severity === 'error')
  if (problem !== undefined) throw new Error(`${problem.code} at ${problem.start}: ${problem.message}`)
  const { image, spans } = compile(normal.term)
  const afterCompile = now()
  const refused = verify(image)
  if (refused !== undefined) throw new Error(`${refused.code} at word ${refused.position}: ${refused.message}`)
  const end = now()
  const stages = {
    parse: afterParse - start,
    normalise: afterNormal - afterParse,
    compile: afterCompile - afterNormal,
    verify: end - afterCompile,
  }
  return { image, spans, stages }
}

/** Milliseconds of each stage from text to verified image. @throws Error if the text is refused */
export const compileStages = (text: string): Stages => compileText(text).stages
