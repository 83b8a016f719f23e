import { headline } from '../base/render.ts'
import { type SourceFile, sources } from '../base/source.ts'
import { parse } from '../syntax/parser.ts'

/** Constructs that a person would name when asked "where is this?". */
const NAMED = new Set(['contract', 'for', 'new', 'match', 'select', 'let', 'if', 'agent', 'send', 'sync'])
/** So many, innermost first, are shown. */
const SHOWN_MAX = 4

interface Spanned {
  readonly start: number
  readonly end: number
  readonly kind?: string
  readonly form?: string
}

const trees = new WeakMap<SourceFile, Spanned>()

/** The constructs around a position, innermost first, each as its headline: `contract divide(r, @a, @b)`. Parses the file again: only for what is shown. */
export function enclosing(position: number): string[] {
  const file = sources.fileAt(position)
  if (file === undefined) return []
  let node: Spanned | undefined = trees.get(file)
  if (node === undefined) {
    node = parse(file).program
    trees.set(file, node)
  }
  const found: string[] = []
  while (node !== undefined) {
    // A method of an agent is no construct of its own in the tree, but people think of it as one.
    if (NAMED.has(node.kind ?? '') || node.form === 'method') found.push(headline(sources, node.start, node.end))
    node = childAt(node, position)
  }
  return found.reverse().slice(0, SHOWN_MAX)
}

/** The child that holds the position. Children stand in fields and lists of fields; lists may be wide, trees deep: neither is recursed over. */
function childAt(node: Spanned, position: number): Spanned | undefined {
  for (const value of Object.values(node)) {
    const child: unknown = Array.isArray(value) ? lastBefore(value, position) : value
    if (isSpanned(child) && child.start <= position && position < child.end) return child
  }
  return undefined
}

/** The last item that starts at or before the position; items stand in source order. */
function lastBefore(items: readonly unknown[], position: number): unknown {
  if (!isSpanned(items[0])) return undefined
  let low = 0
  let high = items.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((items[middle] as Spanned).start <= position) low = middle
    else high = middle - 1
  }
  return items[low]
}

function isSpanned(value: unknown): value is Spanned {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Spanned).start === 'number' &&
    typeof (value as Spanned).end === 'number'
  )
}
