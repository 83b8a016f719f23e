import { readFileSync, writeFileSync } from 'node:fs'

/** The part of a document between two comments is written by the benchmark. */

export const BEGIN = '<!-- results: written by npm run bench -- --docs FILE -->'
export const END = '<!-- end of results -->'

/** The text with this between the marks. @throws Error if a mark is missing */
export function withResults(text: string, results: string): string {
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`there is no place for results: ${BEGIN} … ${END}`)
  return `${text.slice(0, from + BEGIN.length)}\n\n${results.trim()}\n\n${text.slice(to)}`
}

export function writeResults(file: string, results: string): void {
  writeFileSync(file, withResults(readFileSync(file, 'utf8'), results))
}
