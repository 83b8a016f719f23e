import type { Row } from './row.ts'
import { short } from './row.ts'
import type { ProgramResult } from './suite-run.ts'

/** Ratios as bars on a logarithmic scale, with the spread of the passes; drawn by hand, no library. */

export interface Bar {
  readonly label: string
  readonly median: number
  readonly min: number
  readonly max: number
  /** Where a floor is: drawn as a mark. */
  readonly floor?: number
  /** Which side of the floor is good; without it the bar is grey. */
  readonly good?: boolean
}

export interface Chart {
  readonly title: string
  readonly bars: readonly Bar[]
}

const LEFT = 330
const RIGHT = 90
const WIDTH = 720
const LINE = 18
const TOP = 44

const xml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Powers of ten around all values. */
function decades(bars: readonly Bar[]): readonly [number, number] {
  const values = bars.flatMap(b => [b.min, b.max, b.floor ?? b.median, 1]).filter(v => v > 0 && Number.isFinite(v))
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.ceil(Math.log10(Math.max(...values)))
  return high > low ? [low, high] : [low, low + 1]
}

/** One chart; `y` is where it begins. */
function draw(chart: Chart, y: number): string[] {
  const [low, high] = decades(chart.bars)
  const x = (value: number): number => Math.round((LEFT + ((Math.log10(value) - low) / (high - low)) * WIDTH) * 10) / 10
  const bottom = y + TOP + chart.bars.length * LINE
  const out = [`<text x="10" y="${y + 20}" class="title">${xml(chart.title)}</text>`]
  for (let power = low; power <= high; power++) {
    const at = x(10 ** power)
    out.push(`<line x1="${at}" y1="${y + TOP - 6}" x2="${at}" y2="${bottom}" class="${power === 0 ? 'one' : 'grid'}"/>`)
    out.push(`<text x="${at}" y="${y + TOP - 10}" text-anchor="middle">${10 ** power}</text>`)
  }
  chart.bars.forEach((b, i) => {
    const at = y + TOP + i * LINE
    const middle = at + LINE / 2
    const [one, end] = [x(1), x(b.median)]
    const kind = b.good === undefined ? 'bar' : b.good ? 'bar good' : 'bar bad'
    out.push(`<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${xml(b.label)}</text>`)
    out.push(
      `<rect x="${Math.min(one, end)}" y="${at + 3}" width="${Math.max(1, Math.abs(end - one))}" height="${LINE - 6}" class="${kind}"/>`,
    )
    out.push(`<path d="M${x(b.min)} ${middle}H${x(b.max)}M${x(b.min)} ${middle - 3}v6M${x(b.max)} ${middle - 3}v6" class="spread"/>`)
    if (b.floor !== undefined) out.push(`<line x1="${x(b.floor)}" y1="${at + 1}" x2="${x(b.floor)}" y2="${at + LINE - 1}" class="floor"/>`)
    out.push(`<text x="${LEFT + WIDTH + 10}" y="${middle + 4}">${short(b.median)}</text>`)
  })
  return out
}

const STYLE =
  'text{font:11px sans-serif;fill:#222}.title{font-size:14px;font-weight:bold}.grid{stroke:#ddd}.one{stroke:#888}' +
  '.bar{fill:#9ab}.good{fill:#6a9}.bad{fill:#c65}.spread{stroke:#222;fill:none}.floor{stroke:#000;stroke-width:2}'

export function svg(charts: readonly Chart[]): string {
  const shown = charts.filter(c => c.bars.length > 0)
  const heights = shown.map(c => TOP + c.bars.length * LINE + 24)
  const height = heights.reduce((a, b) => a + b, 10)
  const width = LEFT + WIDTH + RIGHT
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<style>${STYLE}</style>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
  ]
  let y = 0
  shown.forEach((chart, i) => {
    out.push(...draw(chart, y))
    y += heights[i]
  })
  return `${[...out, '</svg>'].join('\n')}\n`
}

/** The ratios of a run: goals against peers, and programs against channels in plain JavaScript. */
export function chartsOf(rows: readonly Row[], programs: readonly ProgramResult[]): Chart[] {
  const ratio = (kind: 'least' | 'most', title: string): Chart => ({
    title,
    bars: rows.flatMap((r): Bar[] => {
      if (r.value === null || r.valueUnit !== '×' || r.bound?.kind !== kind) return []
      const { median, min, max } = r.value
      return [
        { label: `${r.id} ${r.title} ÷ ${r.peer ?? ''}`.slice(0, 58), median, min, max, floor: r.bound.floor, good: r.verdict === 'met' },
      ]
    }),
  })
  return [
    ratio('least', 'How many times faster than the peer (the mark is the floor: the bar should pass it)'),
    ratio('most', 'How many times dearer than the peer (the mark is the floor: the bar should not reach it)'),
    {
      title: 'Programs: how many times dearer than the same job on channels in plain JavaScript',
      bars: programs.flatMap(p =>
        p.toPlain === null ? [] : [{ label: p.id, median: p.toPlain.median, min: p.toPlain.min, max: p.toPlain.max }],
      ),
    },
  ]
}
