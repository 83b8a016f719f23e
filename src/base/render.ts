/** How findings look to a person: a headline, the source line with the place underlined, a hint. Pure text; who prints it decides on colour. */
import type { Diagnostic } from './diagnostic.ts'
import type { Sources } from './source.ts'

export interface RenderOptions {
  readonly sources: Sources
  readonly color: boolean
}

export interface Finding {
  readonly severity: 'error' | 'warning' | 'note'
  /** Stable code, or '' for findings that have none (rest report). */
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly start: number
  readonly end: number
  /** Further lines between frame and hint: which machine, started where. */
  readonly details?: readonly string[]
}

/** A source line is shown up to this many characters, moved so that the place is visible. */
const LINE_MAX = 120

const CODE = { error: 31, warning: 33, note: 36 } as const

/** Text in a colour, or in another way that a terminal is told by numbers. */
export function paint(on: boolean, sgr: string, text: string): string {
  return on ? `\u001b[${sgr}m${text}\u001b[0m` : text
}

/** `file:line:column`, or '' for a construct without source. */
export function placeText(sources: Sources, position: number): string {
  const place = sources.place(position)
  return place === undefined ? '' : `${place.file}:${place.line}:${place.column}`
}

/** What a terminal would act on instead of showing is made visible. Tabs stay. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

/** The lines of the code frame (no line break at the end), or nothing when the position has no source. */
export function codeFrame(start: number, end: number, options: RenderOptions, sgr = '31'): string[] {
  const { sources, color } = options
  const file = sources.fileAt(start)
  const place = sources.place(start)
  if (file === undefined || place === undefined) return []
  const text = sources.lineText(file, place.line)
  const lineBase = lineOffset(file.text, start - file.base)
  let from = start - file.base - lineBase
  let until = Math.max(from + 1, Math.min(end - file.base - lineBase, Math.max(text.length, from + 1)))
  let shown = text
  if (text.length > LINE_MAX) {
    const left = Math.max(0, Math.min(from - 40, text.length - LINE_MAX))
    shown = (left > 0 ? '…' : '') + text.slice(left, left + LINE_MAX) + (left + LINE_MAX < text.length ? '…' : '')
    const moved = left - (left > 0 ? 1 : 0)
    from -= moved
    until = Math.max(from + 1, Math.min(until - moved, shown.length))
  }
  const gutter = String(place.line)
  const blank = ' '.repeat(gutter.length)
  const pad = Array.from(shown.slice(0, from), c => (c === '\t' ? '\t' : ' ')).join('')
  const marks = '^'.repeat(Math.max(1, Array.from(shown.slice(from, until)).length))
  return [
    `  ${paint(color, '2', `${gutter} |`)} ${printable(shown)}`,
    `  ${paint(color, '2', `${blank} |`)} ${pad}${paint(color, sgr, marks)}`,
  ]
}

function lineOffset(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1
}

/** A block of several lines that ends with a line break. */
export function renderFinding(finding: Finding, options: RenderOptions): string {
  const { color } = options
  const sgr = `${CODE[finding.severity]}`
  const label = finding.code === '' ? finding.severity : `${finding.severity} ${finding.code}`
  const lines = [`${paint(color, `1;${sgr}`, label)}: ${printable(finding.message)}`]
  const where = placeText(options.sources, finding.start)
  if (where !== '') lines.push(`  at ${where}`)
  lines.push(...codeFrame(finding.start, finding.end, options, sgr))
  for (const detail of finding.details ?? []) lines.push(`  ${printable(detail)}`)
  if (finding.hint !== '') lines.push(`  ${paint(color, '36', 'hint:')} ${printable(finding.hint)}`)
  return lines.join('\n') + '\n'
}

export function renderDiagnostic(d: Diagnostic, options: RenderOptions): string {
  return renderFinding(d, options)
}

/** All findings in position order, the first `max` in full, then how many are left out. */
export function renderDiagnostics(found: readonly Diagnostic[], options: RenderOptions, max = 50): string {
  const ordered = [...found].sort((a, b) => a.start - b.start)
  const blocks = ordered.slice(0, max).map(d => renderDiagnostic(d, options))
  if (ordered.length > max) blocks.push(`… and ${ordered.length - max} more\n`)
  return blocks.join('\n')
}

/** What stands left of the body: `for (x <- till)`, `new a, b in`, `c!(1)`, `for (…; y <- till)` for a later receipt; on one line, at most `max` characters. */
export function headline(sources: Sources, start: number, end: number, max = 48): string {
  const file = sources.fileAt(start)
  if (file === undefined) return ''
  const window = file.text.slice(start - file.base, Math.min(end - file.base, start - file.base + 4 * max))
  let text = printable(window.replace(/\/\/[^\n]*/g, ' ').replace(/\s+/g, ' ')).trim()
  const word = /^[a-z]+\b/.exec(text)?.[0] ?? ''
  if (['for', 'contract', 'match', 'select', 'agent', 'if'].includes(word)) text = beforeBody(text)
  else if (word === 'new' || word === 'let') text = /^(.*?) in\b/.exec(text)?.[1] ?? text
  else text = laterReceipt(text)
  const points = Array.from(text)
  return points.length > max ? points.slice(0, max - 1).join('') + '…' : text
}

/** The place of a receipt behind the first of its `for` begins inside the brackets, which close before the body. */
function laterReceipt(text: string): string {
  const end = find(text, ')')
  return end < 0 ? text : `for (…; ${text.slice(0, end)})`
}

/** Cuts at the brace that opens the body: the first one outside round and square brackets and strings. */
function beforeBody(text: string): string {
  const end = find(text, '{')
  return end < 0 ? text : text.slice(0, end).replace(/[\s=]+$/, '')
}

/** Where `wanted` stands outside brackets and strings, -1 if nowhere. */
function find(text: string, wanted: ')' | '{'): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === wanted && depth === 0) return i
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++
    } else if (c === '(' || c === '[' || c === '{') depth++
    else if (c === ')' || c === ']' || c === '}') depth--
  }
  return -1
}
