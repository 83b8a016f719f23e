import { ERRORS } from '../../rspace/errors.ts'
import { CODES, type Code } from '../base/codes.ts'
import { manual } from '../machine/primitives/index.ts'
import { FILE_OPERATIONS, systemChannel } from '../machine/system-table.ts'
import { type Grant, SYSTEM_URIS } from '../normal/uris.ts'
import { goodFlags } from './explain.ts'
import { PAGES } from './pages.ts'

/** The parts of the manual that are tables of the program itself; `docs.ts` writes them, a test compares. */

function code(text: string): string {
  // A fence longer than any run of backquotes inside; Rholang has them around URIs.
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(m => m[0].length))
  const fence = '`'.repeat(longest + 1)
  return longest === 0 ? `\`${text}\`` : `${fence} ${text} ${fence}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
}

/** Text with code spans: what Markdown would act on outside them is escaped. */
function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[\\*_<]/g, '\\$&')))
    .join('')
}

function withFlags(flags: readonly string[]): string {
  return flags.length === 0 ? '' : ` (with \`${flags.join(' ')}\`)`
}

const PARTS: readonly { readonly title: string; readonly of: RegExp; readonly about: string }[] = [
  { title: 'Text', of: /^RHO1/, about: 'Found while reading. `rho run` exits with 1 and runs nothing.' },
  { title: 'Names and patterns', of: /^RHO[23]/, about: 'Static errors: exit 1, nothing runs.' },
  { title: 'Declarations and grants', of: /^RHO4/, about: 'Static errors: exit 1, nothing runs.' },
  { title: 'Machines that fail', of: /^RHO5/, about: 'At run time: this machine stops, all others go on; exit 1 at the end.' },
  {
    title: 'Limits',
    of: /^RHO6/,
    about: 'Exit 4 if the limit is one of the whole program (`--gas`, `--max-…`), else 1; RHO699 is a mistake of ours: exit 70.',
  },
  { title: 'Lints', of: /^L/, about: 'Warnings of `rho check` and `rho run`. They never change an exit code.' },
]

/** The text of `docs/errors.md`. */
export function errorReference(): string {
  const out = [
    '# Codes',
    '',
    'Generated from the table of codes and the pages of `rho explain` by `npx tsx src/cli/docs.ts`; do not edit. `rho explain RHO201` prints one page.',
    'Codes are stable; their texts may improve. What spaces and their API refuse has names instead ([at the end](#spaces)), and so have refused images ([bytecode](bytecode.md)).',
    '',
  ]
  for (const { title, of, about } of PARTS) {
    out.push(`## ${title}`, '', about, '')
    for (const key of Object.keys(CODES).filter(k => of.test(k))) {
      const c = key as Code
      const page = PAGES[c]
      out.push(`### ${c} ${CODES[c].class}`, '', prose(`${CODES[c].title}. ${page.why}`), '')
      if (page.bad !== '')
        out.push(
          `- causes it${withFlags(page.flags ?? [])}: ${code(page.bad)}`,
          `- mends it${withFlags(goodFlags(page))}: ${code(page.good)}`,
          '',
        )
    }
  }
  out.push(
    '## Spaces',
    '',
    'From `rhizome/rspace`, as `RhizomeError` with a `code`, and from commands that open a stored space: one line `CODE: message`, exit 5.',
    'What damage, locks and versions mean on disk: [persistence](persistence.md).',
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...Object.entries(ERRORS).map(([name, meaning]) => `| ${name} | ${prose(meaning)} |`),
    '',
  )
  return out.join('\n')
}

/** The text of `docs/primitives.md`. */
export function primitiveReference(): string {
  const lines = manual()
  const operators = lines.filter(l => !l.form.includes('('))
  const methods = lines.filter(l => l.form.includes('('))
  const row = (l: (typeof lines)[number]) => `| ${cell(code(l.form))} | ${cell(l.on)} | ${cell(l.gas)} | ${cell(l.doc)} |`
  const head = (first: string) => [`| ${first} | On | Gas | Meaning |`, '|---|---|---|---|']
  return [
    '# Operators and methods',
    '',
    'Generated from the tables of the machine by `npx tsx src/cli/docs.ts`; do not edit.',
    '',
    'Operands are evaluated first, left to right; nothing converts by itself. What does not fit is an error of the machine that asked ([codes](errors.md)).',
    'The gas is that of the operation; evaluating and loading operands is paid by their instructions ([bytecode](bytecode.md)). `sz` is the size of a value.',
    '`a matches P` is no operator of this table: its right side is a pattern (`docs/language.md`).',
    '',
    '## Operators',
    '',
    ...head('Operator'),
    ...operators.map(row),
    '',
    '## Methods',
    '',
    'Called as `value.method(arguments)`. One line for each kind of receiver that has a price of its own.',
    '',
    ...head('Method'),
    ...methods.map(row),
    '',
  ].join('\n')
}

/** Channels that the scheduler serves; their messages are fixed by the language. */
const CONTROL: Readonly<Record<string, { readonly params: readonly string[]; readonly doc: string }>> = {
  'rho:vm:primitive': {
    params: ['name', 'processor', 'ack'],
    doc: 'from now on `processor!([arguments], reply)` serves the operation for all machines; Nil restores the built-in one. `ack!(true)`, or `false` for an unknown name',
  },
  'rho:vm:spawn': { params: ['process', 'ret'], doc: 'runs it under an account of its own; `ret!(group, [machine, …])`, control names' },
  'rho:vm:self': { params: ['ret'], doc: 'the control name of the group that the sender belongs to' },
}

const GRANTS: Readonly<Record<Grant, string>> = {
  'read files': '`--allow-read DIR`, `--allow-write DIR`',
  primitives: '`--allow primitives`',
  control: '`--allow control`',
  test: '`--allow test`',
}

/** The text of `docs/channels.md`. */
export function channelReference(): string {
  const there = SYSTEM_URIS.filter(u => u.available)
  const rows = there.map(u => {
    const { params, doc } = systemChannel(u.uri) ?? CONTROL[u.uri]
    return `| \`${u.uri}\` | ${params.join(', ')} | ${u.grant === null ? '–' : GRANTS[u.grant]} | ${cell(doc)} |`
  })
  const operations = Object.entries(FILE_OPERATIONS).map(([name, o]) => `| \`"${name}"\` | ${cell(o.takes)} |`)
  return [
    '# System channels',
    '',
    'Generated from the tables of the program by `npx tsx src/cli/docs.ts`; do not edit.',
    '',
    'A program gets one with ``new x(`URI`) in { … }``: a name that can be sent on and not received from. A message with another number of values stays and is reported',
    '(`system-arity`); values of wrong types are RHO515; a URI that was not granted is RHO406, one that nobody knows RHO405.',
    '',
    '| URI | Values | Needs | Does |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## Operations of `rho:io:file`',
    '',
    'Paths are relative to the granted directory and never lead out of it. The answer on `ack` is `(true, value)` or `(false, message)`.',
    '',
    '| Operation | Argument |',
    '|---|---|',
    ...operations,
    '',
    '## Known, not available yet',
    '',
    'Refused with RHO407: ' +
      SYSTEM_URIS.filter(u => !u.available)
        .map(u => `\`${u.uri}\``)
        .join(', ') +
      '.',
    '',
  ].join('\n')
}
