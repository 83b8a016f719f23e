import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'

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

/** Why results could not be written into this file; undefined: they can be. To be asked before measuring for a quarter of an hour. */
export function whyNotInto(file: string): string | undefined {
  try {
    withResults(readFileSync(file, 'utf8'), '')
    accessSync(file, constants.W_OK)
    return undefined
  } catch (e) {
    const { code, message } = e as NodeJS.ErrnoException
    return code === undefined ? message : code === 'ENOENT' ? 'there is no such file' : `it cannot be read and written (${code})`
  }
}

export function writeResults(file: string, results: string): void {
  writeFileSync(file, withResults(readFileSync(file, 'utf8'), results))
}
