import { printable } from '../base/render.ts'
import { type Span, sources } from '../base/source.ts'
import { parseName } from '../syntax/parser.ts'

/** Longer texts are cut. */
const WRITTEN_MAX = 60

/** The source text of a place on one line; undefined if the place has none, or none any more. */
export function textAt({ start, end }: Span): string | undefined {
  const text = slice(start, end)
  if (text === undefined) return undefined
  const line = printable(text.replace(/\s+/g, ' ')).trim()
  const points = Array.from(line.slice(0, 2 * WRITTEN_MAX + 2))
  return points.length > WRITTEN_MAX ? `${points.slice(0, WRITTEN_MAX - 1).join('')}…` : line
}

/** What stands as the channel in a send that was written at a place. Undefined for what only became a send: the replies of `?!`, the messages of a `let`. */
export function channelAt({ start, end }: Span): string | undefined {
  const text = slice(start, end)
  if (text === undefined) return undefined
  const { name } = parseName({ name: '', text, base: start })
  return name.kind !== 'error' && /^\s*!/.test(text.slice(name.end - start, name.end - start + 100)) ? textAt(name) : undefined
}

function slice(start: number, end: number): string | undefined {
  const file = start < 0 || end <= start ? undefined : sources.fileAt(start)
  return file?.text.slice(start - file.base, end - file.base)
}
