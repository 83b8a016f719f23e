import { sources } from '../base/source.ts'
import { QuietHost } from '../host/hosts.ts'
import type { SessionOptions } from '../machine/session.ts'
import { Session } from '../machine/session.ts'
import type { Term } from '../normal/term.ts'
import { drive, grantFiles, hasErrors } from './engine.ts'
import { nameOf } from './names.ts'
import type { Outcome, OutcomeStatus } from './outcome.ts'
import { blockedRecord, diagnosticRecord, failureRecord, inOrder, NO_STATS } from './outcome.ts'

/** Running one program apart from everything else, with what it prints kept: for `rho test`, ranges of seeds and the tests of this project. */
export interface ProgramOptions extends Omit<SessionOptions, 'host'> {
  /** Names whose messages the outcome carries; without them all public names. */
  readonly observe?: readonly string[]
  readonly input?: readonly string[]
  /** Milliseconds after which a program that does not come to rest is given up (status `stopped`). */
  readonly timeoutMs?: number
  /** Called with the session before anything is compiled into it. */
  readonly prepare?: (session: Session) => void
}

/** Several sources are several programs that meet in one space. Time is virtual unless the options say otherwise. */
export async function runPrograms(
  inputs: readonly { name: string; text: string | Uint8Array }[],
  options: ProgramOptions = {},
): Promise<Outcome> {
  const { observe, input, timeoutMs, prepare, ...rest } = options
  const host = new QuietHost(input)
  grantFiles(host, rest)
  const session = new Session({ virtualTime: true, ...rest, host })
  prepare?.(session)
  const compiled = inputs.map(i => session.compile(i.name, i.text))
  const diagnostics = compiled.flatMap(c => c.diagnostics)
  const common = { v: 1, kind: 'outcome', diagnostics: inOrder(diagnostics).map(d => diagnosticRecord(sources, d)) } as const
  if (hasErrors(diagnostics))
    return { ...common, status: 'refused', stdout: [], stderr: [], failures: [], blocked: [], data: {}, stats: NO_STATS }
  for (const { program } of compiled) if (program !== undefined) session.deploy(program)
  const ending = await drive(session, timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs })
  const status: OutcomeStatus =
    ending === 'fault'
      ? 'fault'
      : ending === 'late'
        ? 'stopped'
        : session.failures.some(f => f.limit)
          ? 'limit'
          : session.failures.length > 0
            ? 'failed'
            : 'rest'
  const names: [string, Term][] = (observe ?? []).map(text => [text, nameOf(text, 'name')])
  return {
    ...common,
    status,
    stdout: host.output.lines('stdout'),
    stderr: host.output.lines('stderr'),
    failures: inOrder(session.failures).map(f => failureRecord(sources, f)),
    blocked: inOrder(session.blocked()).map(b => blockedRecord(sources, b)),
    data:
      observe === undefined
        ? Object.fromEntries(session.data())
        : Object.fromEntries(names.map(([text, name]) => [text, session.observe(name)])),
    stats: session.stats(),
  }
}
