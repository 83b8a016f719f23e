import { IMAGE_ERRORS } from '../../bytecode/verify.ts'
import { ERRORS } from '../../rspace/errors.ts'
import type { Code } from '../base/codes.ts'
import { CODES } from '../base/codes.ts'
import { nearest } from '../base/nearest.ts'
import { EXIT } from './outcome.ts'
import type { Page } from './pages.ts'
import { PAGES } from './pages.ts'
import { stdout } from './streams.ts'
import type { Flags } from './usage.ts'
import { UsageError } from './usage.ts'

/** `rho explain`: one code in full, or all of them in one list. */
export function explainCommand(flags: Flags): number {
  const json = flags.text('format') === 'json'
  if (flags.files.length === 0) {
    stdout.write(json ? ALL.map(jsonPage).join('') : codeList())
    return EXIT.rest
  }
  const codes = flags.files.map(codeOf)
  stdout.write(json ? codes.map(jsonPage).join('') : codes.map(text).join('\n'))
  return EXIT.rest
}

/** Codes without a page: spaces and images are refused with names that say most of it. */
const NAMED: Readonly<Record<string, string>> = { ...ERRORS, ...IMAGE_ERRORS }
const ALL: readonly string[] = [...Object.keys(CODES), ...Object.keys(NAMED)]

function codeOf(word: string): string {
  const code = /^\d+$/.test(word) ? `RHO${word}` : word.toUpperCase()
  if (ALL.includes(code)) return code
  const near = nearest(code, ALL)
  throw new UsageError(
    `there is no code \`${word}\``,
    near === undefined ? '`rho explain` lists all codes' : `did you mean \`${near}\`? \`rho explain\` lists all codes`,
  )
}

function codeList(): string {
  const row = (code: string, title: string, width: number): string => `${code.padEnd(width)}${title}\n`
  const pages = Object.entries(CODES).map(([code, { title }]) => row(code, title, 8))
  const named = Object.entries(NAMED).map(([code, title]) => row(code, title, 20))
  return `${pages.join('')}\n${named.join('')}`
}

function text(code: string): string {
  return Object.hasOwn(NAMED, code) ? `${code}\n${NAMED[code]}\n` : textPage(code as Code)
}

/** The page as text: what it is, why, what causes it, what mends it. */
export function textPage(code: Code): string {
  const page = PAGES[code]
  const { class: name, title } = CODES[code]
  const lines = [`${code} ${name}`, title, '', ...wrap(page.why, 96)]
  if (page.bad !== '') {
    lines.push('', `causes it${flagText(page.flags)}:`, `    ${page.bad}`, '', `mends it${flagText(goodFlags(page))}:`, `    ${page.good}`)
  }
  return `${lines.join('\n')}\n`
}

export function goodFlags(page: Page): readonly string[] {
  return [...(page.flags ?? []), ...(page.goodFlags ?? [])]
}

function flagText(flags: readonly string[] | undefined): string {
  return flags === undefined || flags.length === 0 ? '' : ` (with ${flags.join(' ')})`
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}

function jsonPage(code: string): string {
  const page = Object.hasOwn(NAMED, code) ? { title: NAMED[code] } : { ...CODES[code as Code], ...PAGES[code as Code] }
  return `${JSON.stringify({ v: 1, kind: 'code', code, ...page })}\n`
}
