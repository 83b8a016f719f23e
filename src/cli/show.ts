import type { Diagnostic } from '../base/diagnostic.ts'
import type { RenderOptions } from '../base/render.ts'
import { headline, placeText, printable, renderDiagnostics, renderFinding } from '../base/render.ts'
import type { Blocked, Failure, RestReport, Stats, Unconsumed } from '../machine/outcome.ts'
import { enclosing } from './enclosing.ts'
import { inOrder } from './outcome.ts'

/** Parts of what is said, with an empty line between those that say something. */
export function sections(...texts: readonly string[]): string {
  return texts.filter(text => text !== '').join('\n')
}

/** The text forms of what a run leaves behind. All of them end with a line break or are empty. */

/** More findings than this are counted, not shown. */
const SHOWN_MAX = 50

export function showDiagnostics(found: readonly Diagnostic[], options: RenderOptions): string {
  return found.length === 0 ? '' : renderDiagnostics(found, options, SHOWN_MAX)
}

/** `failures` in the order in which they are to be shown. */
export function showFailures(failures: readonly Failure[], options: RenderOptions): string {
  const blocks = failures.slice(0, SHOWN_MAX).map(f => {
    const startedBy =
      f.startedBy < 0 ? '' : `, started by the ${sendOrReceive(f.startedBy, options)} at ${placeText(options.sources, f.startedBy)}`
    const around = enclosing(f.start)
    const details = [...(around.length === 0 ? [] : [`in ${around.join(' < ')}`]), `machine ${f.machine}${startedBy}`]
    return renderFinding({ severity: 'error', ...f, details }, options)
  })
  if (failures.length > SHOWN_MAX) blocks.push(`… and ${failures.length - SHOWN_MAX} more machines failed\n`)
  return blocks.join('\n')
}

function sendOrReceive(position: number, options: RenderOptions): string {
  const file = options.sources.fileAt(position)
  return /^(for|contract|select|agent)\b/.test(file?.text.slice(position - file.base, position - file.base + 9) ?? '') ? 'receive' : 'send'
}

/** The rest report (rholang.md 12.4): one block per item, then the notes and what was left out. */
export function showRest(report: RestReport, options: RenderOptions): string {
  const blocks = [
    ...inOrder(report.waiting).map(w => item(w.persistent ? 'idle server' : 'stuck receive', w, options)),
    ...inOrder(report.messages).map(m => item('unused message', m, options)),
    ...report.notes.map(n => `note            ${placeText(options.sources, n.start)}   ${printable(n.text)}`),
  ]
  const left = [count(report.idleServers, 'idle server'), count(report.unreachable, 'unreachable item')].filter(t => t !== '')
  if (left.length > 0 && blocks.length > 0) blocks.push(`(not listed: ${left.join(', ')}; --report=all shows them)`)
  return blocks.length === 0 ? '' : `${blocks.join('\n')}\n`
}

function item(label: string, what: Blocked | Unconsumed, options: RenderOptions): string {
  const text = headline(options.sources, what.start, what.end)
  const shown =
    text !== '' ? text : 'channel' in what ? `${what.channel}!(${what.values.join(', ')})` : `for (… <- ${what.channels.join(' & ')})`
  const line = `${label.padEnd(16)}${placeText(options.sources, what.start) || 'no source'}   ${shown}   reason: ${what.reason}`
  return what.detail === '' ? line : `${line}\n    ${printable(what.detail)}`
}

function count(n: number, what: string): string {
  return n === 0 ? '' : `${n} ${what}${n === 1 ? '' : 's'}`
}

/** One counter per line, names left, numbers right. */
export function showMetrics(stats: Stats): string {
  const rows = Object.entries(stats)
  const left = Math.max(...rows.map(([name]) => name.length))
  const right = Math.max(...rows.map(([, n]) => String(n).length))
  return rows.map(([name, n]) => `${name.padEnd(left)}  ${String(n).padStart(right)}\n`).join('')
}
