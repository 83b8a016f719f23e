import { writeFileSync } from 'node:fs'
import { bytesHex, disasm, disasmJson, readProgram, verify, writeProgram } from '../../bytecode/index.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { headline } from '../base/render.ts'
import { type SourceFile, sources } from '../base/source.ts'
import { type CompiledOpen, compileOpen, ImageTooLarge, imageOfName, SpanTable } from '../compile/compile.ts'
import { QuietHost } from '../host/hosts.ts'
import { Program } from '../machine/link.ts'
import { fusionRecords, fusionReport, linkedListing, linkedRecords, linkMap, linkRecords } from '../machine/listing.ts'
import { Session, type SessionOptions } from '../machine/session.ts'
import { normalize, normalizeOpen } from '../normal/normalize.ts'
import type { Term } from '../normal/term.ts'
import { UriTable } from '../normal/uris.ts'
import type { Proc } from '../syntax/ast.ts'
import { decodeSource } from '../syntax/decode.ts'
import { parse, parseName } from '../syntax/parser.ts'
import type { Input } from './engine.ts'
import { hasErrors, readInputs, reasonOf } from './engine.ts'
import { diagnosticLines, EXIT } from './outcome.ts'
import { showDiagnostics } from './show.ts'
import { stderr, stdout, wantsColor } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** A program on its way to a listing. */
interface Listed extends CompiledOpen {
  /** Absent for program files: they hold the image only. */
  readonly term?: Term
  readonly file: SourceFile | undefined
  /** What the free variables of an open program are called. */
  readonly free: readonly string[]
}

/** Everything may be bound: a listing gives power over nothing. */
const ALL_URIS = new UriTable({ granted: ['read files', 'primitives', 'control', 'test'] })

/** `rho disasm`. */
export async function disasmCommand(flags: Flags): Promise<number> {
  const inputs = readInputs(flags)
  if (inputs.length === 0) throw new UsageError('nothing to list', "name a file, or write `rho disasm -e 'SOURCE'`")
  let exit: number = EXIT.rest
  for (const input of inputs) {
    const listed = isProgramFile(input.bytes) ? await readImage(input, flags) : compileInput(input, flags)
    if (listed === undefined) exit = EXIT.refused
    else if (flags.has('output')) await save(flags.text('output')!, listed)
    else print(listed, flags)
  }
  return exit
}

/** The plain listing of a text, or what is wrong with it. */
export function disassemble(source: string): string {
  const found: Diagnostic[] = []
  const listed = compileText(sources.add('<disasm>', source), true, false, found)
  return listed === undefined ? showDiagnostics(found, { sources, color: false }) : disasm(listed.image, 0, { excerpt: excerptOf(listed) })
}

function wantsJson(flags: Flags): boolean {
  return flags.text('format') === 'json'
}

function print(listed: Listed, flags: Flags): void {
  const { image } = listed
  const options = { verbose: flags.has('verbose'), excerpt: excerptOf(listed) }
  if (flags.has('bytes')) stdout.write(`${bytesHex(flags.has('name') ? nameWords(listed) : image)}\n`)
  else if (flags.has('linked') || flags.has('link-map') || flags.has('why')) printLinked(listed, flags)
  else if (wantsJson(flags))
    stdout.write(
      disasmJson(image, 0, options)
        .map(s => `${JSON.stringify(s)}\n`)
        .join(''),
    )
  else if (flags.has('name')) stdout.write(`QUOTE ${image.length} {\n${disasm(image, 0, options).replace(/^(?=.)/gm, '  ')}}\n`)
  else stdout.write(disasm(image, 0, options))
}

function nameWords(listed: Listed): Uint32Array {
  if (listed.term === undefined) throw new UsageError('--name is for sources; a program file is no name')
  return imageOfName(listed.term)
}

/** The source of the instruction at a word offset, on one line. */
function excerptOf(listed: Listed): (offset: number) => string | undefined {
  return offset => {
    const span = listed.spans.lookup(offset)
    return span === undefined || span.start < 0 ? undefined : headline(sources, span.start, span.end, 60) || undefined
  }
}

/** The code as a session would run it; nothing runs. Every grant is given, so that every program links. */
function printLinked(listed: Listed, flags: Flags): void {
  const session = new Session({
    host: new QuietHost(),
    seed: 0n,
    opt: !flags.has('no-opt'),
    trick: flags.text('trick') as SessionOptions['trick'],
    allow: { primitives: true, control: true, test: true, read: '.' },
  })
  const { linker, primitives } = session.shard
  const program = new Program(listed.image, listed.spans, listed.file?.name ?? 'image')
  const options = { excerpt: excerptOf(listed) }
  const outermost = listed.captures.map(slots => [...slots].map(index => listed.free[index] ?? `free ${index}`))
  if (wantsJson(flags)) {
    const write = (record: object): void => stdout.write(`${JSON.stringify(record)}\n`)
    if (flags.has('linked')) for (const r of linkedRecords(linker, program, options)) write(r)
    if (flags.has('link-map')) for (const r of linkRecords(linker, program, outermost, options)) write(r)
    if (flags.has('why')) for (const r of fusionRecords(linker, program, primitives, options)) write(r)
    return
  }
  if (flags.has('linked')) stdout.write(linkedListing(linker, program, options))
  if (flags.has('link-map')) stdout.write(linkMap(linker, program, outermost, options))
  if (flags.has('why')) stdout.write(fusionReport(linker, program, primitives, options))
}

function compileInput(input: Input, flags: Flags): Listed | undefined {
  const decoded = decodeSource(input.bytes)
  const file = sources.add(input.name, decoded.text)
  const found: Diagnostic[] = decoded.diagnostics.map(d => ({ ...d, start: d.start + file.base, end: d.end + file.base }))
  const listed = compileText(file, flags.has('open'), flags.has('name'), found)
  if (wantsJson(flags)) stdout.write(diagnosticLines(sources, found))
  else stderr.write(showDiagnostics(found, { sources, color: wantsColor(2) }))
  return listed
}

/** Adds what is wrong to `found`; warnings are not listed: this is about code. */
function compileText(file: SourceFile, open: boolean, name: boolean, found: Diagnostic[]): Listed | undefined {
  const parsed = name ? quoted(file) : parse(file)
  for (const d of parsed.diagnostics) if (d.severity === 'error') found.push(d)
  const options = { uris: ALL_URIS, lints: false }
  const normal = open ? normalizeOpen(parsed.program, options) : { ...normalize(parsed.program, options), free: [] }
  for (const d of normal.diagnostics) found.push(d)
  if (hasErrors(found)) return undefined
  try {
    return { ...compileOpen(normal.term), term: normal.term, file, free: normal.free }
  } catch (e) {
    if (!(e instanceof ImageTooLarge)) throw e
    found.push({ code: 'RHO106', severity: 'error', message: e.message, hint: '', start: file.base, end: file.base + 1 })
    return undefined
  }
}

/** A name is the process it quotes: `*` in front of it makes that process. */
function quoted(file: SourceFile): { program: Proc; diagnostics: readonly Diagnostic[] } {
  const { name, diagnostics } = parseName(file)
  return { program: { kind: 'eval', name, start: name.start, end: name.end }, diagnostics }
}

function isProgramFile(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x52 && bytes[1] === 0x48 && bytes[2] === 0x5a && bytes[3] === 0x31
}

async function readImage(input: Input, flags: Flags): Promise<Listed | undefined> {
  const read = await readProgram(input.bytes)
  const error = 'error' in read ? read.error : verify(read.image, { open: true, trusted: true })
  if (error !== undefined || 'error' in read) {
    const { code, message } = error!
    if (wantsJson(flags))
      stdout.write(`${JSON.stringify({ v: 1, kind: 'diagnostic', code, severity: 'error', message, file: input.name })}\n`)
    else stderr.write(`${input.name}: ${code}: ${message}\n`)
    return undefined
  }
  const { image, spans, source, link } = read
  const file = source === undefined ? undefined : sources.add(source.name, source.text)
  const base = file?.base ?? 0
  const table =
    spans === undefined || file === undefined
      ? NO_SPANS
      : new SpanTable(spans.at, spans.start.map(shifted(base)), spans.end.map(shifted(base)))
  return { image, spans: table, captures: [], file, free: link ?? [] }
}

const NO_SPANS = new SpanTable(new Uint32Array(0), new Int32Array(0), new Int32Array(0))

/** Positions of a program file count from the start of its source; negative ones mean "no source". */
function shifted(by: number): (position: number) => number {
  return position => (position < 0 ? position : position + by)
}

async function save(to: string, listed: Listed): Promise<void> {
  const { image, spans, file, free } = listed
  const base = file?.base ?? 0
  const columns = { at: spans.at, start: spans.start.map(shifted(-base)), end: spans.end.map(shifted(-base)) }
  const bytes = await writeProgram({
    image,
    spans: columns,
    ...(file === undefined ? {} : { source: { name: file.name, text: file.text } }),
    link: free,
  })
  try {
    writeFileSync(to, bytes)
  } catch (e) {
    throw new UsageError(`cannot write \`${to}\`: ${reasonOf(e)}`)
  }
}
