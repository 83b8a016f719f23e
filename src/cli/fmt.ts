import { writeFileSync } from 'node:fs'
import type { Diagnostic } from '../base/diagnostic.ts'
import { sources } from '../base/source.ts'
import { decodeSource } from '../syntax/decode.ts'
import { format } from '../syntax/format.ts'
import { parse } from '../syntax/parser.ts'
import type { Input } from './engine.ts'
import { hasErrors, readInputs, reasonOf } from './engine.ts'
import { EXIT } from './outcome.ts'
import { showDiagnostics } from './show.ts'
import { stderr, stdout, wantsColor } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** `rho fmt`: what does not parse is reported and left alone. */
export function fmtCommand(flags: Flags): number {
  const [write, check] = [flags.has('write'), flags.has('check')]
  if (write && check) throw new UsageError('--write and --check contradict each other')
  const inputs = readInputs(flags)
  if (inputs.length === 0) throw new UsageError('nothing to format', 'name a file, or - for standard input')
  let exit: number = EXIT.rest
  for (const input of inputs) {
    const { text, formatted } = formatInput(input)
    if (formatted === undefined) exit = EXIT.refused
    else if (check) {
      if (formatted !== text) {
        stderr.write(`${input.name} is not formatted\n`)
        exit = EXIT.refused
      }
    } else if (!write || !isFile(flags, input)) stdout.write(formatted)
    else if (formatted !== text) save(input.name, formatted)
  }
  return exit
}

function isFile(flags: Flags, input: Input): boolean {
  return flags.files.includes(input.name)
}

/** `formatted` is absent when the text does not parse; that has been reported then. */
function formatInput(input: Input): { text: string; formatted: string | undefined } {
  const decoded = decodeSource(input.bytes)
  const parsed = parse(sources.add(input.name, decoded.text))
  const found: Diagnostic[] = [...decoded.diagnostics, ...parsed.diagnostics]
  if (!hasErrors(found)) return { text: decoded.text, formatted: format(decoded.text) }
  stderr.write(showDiagnostics(found, { sources, color: wantsColor(2) }))
  return { text: decoded.text, formatted: undefined }
}

function save(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (e) {
    throw new UsageError(`cannot write \`${file}\`: ${reasonOf(e)}`)
  }
}
