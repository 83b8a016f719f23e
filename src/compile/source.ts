import type { Diagnostic } from '../base/diagnostic.ts'
import { errorAt } from '../base/diagnostic.ts'
import type { SourceFile } from '../base/source.ts'
import { type NormalizeOptions, Normalizer, normalize } from '../normal/normalize.ts'
import { type ParseOptions, parse, parseEach } from '../syntax/parser.ts'
import { type Compiled, Compiler } from './compile.ts'
import { ImageTooLarge } from './errors.ts'

export type SourceOptions = Omit<NormalizeOptions, 'lost'> & ParseOptions

export interface CompiledSource {
  /** By position. */
  readonly diagnostics: Diagnostic[]
  /** null exactly if one of the diagnostics is an error. */
  readonly compiled: Compiled | null
}

const isError = (d: Diagnostic): boolean => d.severity === 'error'
const byPlace = (a: Diagnostic, b: Diagnostic): number => a.start - b.start

/**
 * What is wrong with a text that is no program. How much of a tree is left, and which names are lost, is known only at its end: it is read once more, as a whole.
 * Without warnings: what seems to be unused may be used in what was not understood.
 */
function refused(file: SourceFile, options: SourceOptions): CompiledSource {
  const { program, lost, diagnostics } = parse(file, options)
  const errors = [...diagnostics, ...normalize(program, { ...options, lost }).diagnostics].filter(isError)
  return { diagnostics: errors.sort(byPlace), compiled: null }
}

/**
 * From text to image. Each component of the program is parsed, normalised and compiled before the next one is read: of a long program neither tree nor normal
 * form are ever there as a whole, and the host's collector finds little that it has to keep. Gives what `parse`, `normalize` and `compile` one after the other give,
 * less the warnings when the syntax is wrong.
 */
export function compileSource(file: SourceFile, options: SourceOptions): CompiledSource {
  const normalizer = new Normalizer(options, false)
  const compiler = new Compiler(file.text.length)
  let tooLarge: ImageTooLarge | null = null
  const parsed = parseEach(
    file,
    component => {
      const term = normalizer.component(component)
      if (normalizer.errors > 0 || tooLarge !== null) return
      try {
        compiler.add(term)
      } catch (e) {
        if (!(e instanceof ImageTooLarge)) throw e
        tooLarge = e
      }
    },
    options,
  )
  if (parsed.diagnostics.some(isError)) return refused(file, options)
  const diagnostics = [...parsed.diagnostics, ...normalizer.findings()].sort(byPlace)
  if (diagnostics.some(isError)) return { diagnostics, compiled: null }
  if (tooLarge !== null) {
    diagnostics.push(errorAt('RHO106', file.base, file.base + 1, (tooLarge as ImageTooLarge).message))
    return { diagnostics, compiled: null }
  }
  const { image, spans } = compiler.finish()
  return { diagnostics, compiled: { image, spans } }
}
