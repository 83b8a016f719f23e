import { type Bound, ratios, type Summary, summarise, type Verdict, verdictOf } from './measure.ts'

/** One line of the result: a figure of ours, what it is compared with, and what was asked for. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly unit: string
  /** Ours and the peer's cost in `unit`. */
  readonly ours: Summary | null
  readonly peer: string | null
  readonly theirs: Summary | null
  /** What is judged: a ratio (`×`) or our own figure. */
  readonly value: Summary | null
  readonly valueUnit: string
  readonly bound: Bound | null
  readonly verdict: Verdict
  readonly aimReached: boolean
  readonly note: string
}

interface Described {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly note?: string
}

/** A figure that is judged by itself. */
export function plainRow(about: Described, samples: readonly number[], bound: Bound | null): Row {
  const value = summarise(samples)
  return {
    ...about,
    note: about.note ?? '',
    ours: value,
    peer: null,
    theirs: null,
    value,
    valueUnit: about.unit,
    bound,
    ...verdictOf(value, bound),
  }
}

/**
 * Ours against a peer's, pass by pass. With a bound of kind `least` the ratio is peer ÷ ours (how many times cheaper we are),
 * with `most` it is ours ÷ peer (how many times dearer).
 * @param theirs null: the peer is not installed
 */
export function ratioRow(
  about: Described,
  ours: readonly number[],
  peer: string,
  theirs: readonly number[] | null,
  bound: Bound | null,
): Row {
  const value = theirs === null ? null : summarise(bound?.kind === 'most' ? ratios(ours, theirs) : ratios(theirs, ours))
  return {
    ...about,
    note: about.note ?? '',
    ours: summarise(ours),
    peer,
    theirs: theirs === null ? null : summarise(theirs),
    value,
    valueUnit: '×',
    bound,
    ...(theirs === null ? { verdict: 'no peer', aimReached: false } : verdictOf(value, bound)),
  }
}

/** Three digits that matter. */
export function short(n: number): string {
  if (n === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(n))))
  return digits === 0 ? Math.round(n).toLocaleString('en-US') : n.toFixed(Math.min(digits, 4))
}

const cell = (s: Summary | null): string => (s === null ? '?' : short(s.median))

function valueCell(row: Row): string {
  if (row.value === null) return row.verdict === 'no peer' ? '' : '?'
  const unit = row.valueUnit === '×' ? '×' : ` ${row.valueUnit}`
  const spread = row.value.samples.length > 1 ? ` (${short(row.value.min)}–${short(row.value.max)})` : ''
  return `${short(row.value.median)}${unit}${spread}`
}

const goalCell = (bound: Bound | null, goal: number | undefined): string =>
  bound === null || goal === undefined ? '' : `${bound.kind === 'least' ? '≥' : '≤'} ${goal.toLocaleString('en-US')}`

const HEADER = ['id', 'what', 'unit', 'rho', 'peer', '', 'result (spread)', 'floor', 'aim', 'verdict']

/** A Markdown table, padded to be read as it is. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(r => [
    r.id,
    r.title,
    r.unit,
    cell(r.ours),
    r.peer ?? '',
    r.peer === null || r.theirs === null ? '' : cell(r.theirs),
    valueCell(r),
    goalCell(r.bound, r.bound?.floor),
    goalCell(r.bound, r.bound?.aim),
    r.verdict + (r.aimReached ? ', aim too' : ''),
  ])
  const widths = HEADER.map((h, i) => Math.max(h.length, 1, ...lines.map(l => l[i].length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  const notes = [...new Set(rows.filter(r => r.note !== '').map(r => `${r.id}: ${r.note}.`))]
  return [line(HEADER), `|${widths.map(w => '-'.repeat(w + 2)).join('|')}|`, ...lines.map(line), '', ...notes].join('\n').trimEnd()
}
