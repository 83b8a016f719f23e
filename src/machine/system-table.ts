import { makeMap } from '../normal/build.ts'
import { show } from '../normal/print.ts'
import { Bytes, forced, List, NIL, type Term, Tuple } from '../normal/term.ts'
import { SYSTEM_URIS } from '../normal/uris.ts'
import { FileRefusal, type FileRoot } from './files.ts'
import { describeType, Fault } from './primitives/index.ts'

/** What system channels do to the world and to the program that uses them. The machine fulfils it; tests put a scripted one in its place. */
export interface SystemHost {
  /** A line (`raw` false, `text` without the line break) or text as it is (`raw` true). */
  out(stream: 'stdout' | 'stderr', text: string, raw: boolean): void
  log(level: string, text: string): void
  /** Stops every machine of the program that sent the message (RHO602). */
  abort(reason: Term): void
  /** Answers now or later with a line of standard input, or undefined at its end. Requests are answered in order. */
  readLine(answer: (line: string | undefined) => void): void
  /** Milliseconds since 1970, real or virtual. */
  now(): number
  /** Calls back once, at least `ms` later; until then the program is not at rest. */
  after(ms: number, callback: () => void): void
  /** 1 at first, one more each time, for the whole life of the space. */
  logical(): number
  /** What the run granted; undefined if nothing (the program was then refused before it started). */
  files(): FileRoot | undefined
  /** A new system channel that serves `root` as `rho:io:file` does: a write-only bundle around a new name. `step`: how `root` came about from the root that was asked. */
  fileChannel(root: FileRoot, step: readonly [path: string, rights: string]): Term
}

/** Sends `values` on the name `channel`, as an ordinary send. */
export type Reply = (channel: Term, values: readonly Term[]) => void

/** One system channel. Its arity is that of `params`. */
export interface SystemChannel {
  readonly uri: string
  readonly params: readonly string[]
  readonly doc: string
  /** ⏺: what it replies depends on the outside, is recorded in the journal and taken from there in a replay. */
  readonly recorded: boolean
  /** Serves one message of the right arity. A fault (RHO515, RHO604) belongs to the send that delivered it; then nothing has happened and nothing is replied. */
  run(args: readonly Term[], host: SystemHost, reply: Reply): Fault | undefined
}

// ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** RHO515 with what the channel takes and what it got. */
function illegal(uri: string, takes: string, args: readonly Term[]): Fault {
  const got = args.map(a => describeType(forced(a))).join(', ')
  return new Fault('RHO515', `\`${uri}\` takes (${takes}), got (${got})`)
}

function illegalWord(uri: string, what: string, word: string, known: readonly string[]): Fault {
  return new Fault(
    'RHO515',
    `\`${uri}\` knows no ${what} ${JSON.stringify(word)}`,
    `known are ${known.map(w => JSON.stringify(w)).join(', ')}`,
  )
}

/** The canonical text of a term, a fault where the host cannot hold it. */
function printed(t: Term): string | Fault {
  try {
    return show(t)
  } catch (e) {
    if (e instanceof RangeError) return new Fault('RHO604', 'the text of the term would be longer than a string can be')
    throw e
  }
}

// ── output ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function line(stream: 'stdout' | 'stderr'): SystemChannel['run'] {
  return (args, host, reply) => {
    const text = printed(args[0])
    if (text instanceof Fault) return text
    host.out(stream, text, false)
    if (args.length === 2) reply(args[1], [NIL])
    return undefined
  }
}

const LOG_LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error']

function print(args: readonly Term[], host: SystemHost, reply: Reply): Fault | undefined {
  const text = forced(args[0])
  if (typeof text !== 'string') return illegal('rho:io:print', 'String, ack', args)
  host.out('stdout', text, true)
  reply(args[1], [NIL])
  return undefined
}

function log(args: readonly Term[], host: SystemHost): Fault | undefined {
  const level = forced(args[0])
  if (typeof level !== 'string') return illegal('rho:io:stdlog', 'level, term', args)
  if (!LOG_LEVELS.includes(level)) return illegalWord('rho:io:stdlog', 'level', level, LOG_LEVELS)
  const text = printed(args[1])
  if (text instanceof Fault) return text
  host.log(level, text)
  return undefined
}

// ── input and time ────────────────────────────────────────────────────────────────────────────────────────────────────

function readLine([ack]: readonly Term[], host: SystemHost, reply: Reply): undefined {
  host.readLine(text => reply(ack, [new Tuple(text === undefined ? [false, 'end of input'] : [true, text])]))
}

function after(args: readonly Term[], host: SystemHost, reply: Reply): Fault | undefined {
  const ms = forced(args[0])
  if (typeof ms !== 'number' && typeof ms !== 'bigint') return illegal('rho:time:after', 'Int, ack', args)
  if (ms < 0) return new Fault('RHO515', `\`rho:time:after\` takes a delay of at least 0 milliseconds, got ${ms}`)
  // Nobody waits longer than 2^53 milliseconds.
  host.after(Math.min(Number(ms), Number.MAX_SAFE_INTEGER), () => reply(args[1], [NIL]))
  return undefined
}

// ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface FileOperation {
  readonly takes: 'path' | '(path, String)' | '(path, ByteArray)' | '(path, "r" or "rw")'
  readonly run: (root: FileRoot, path: string, content: Term, host: SystemHost) => Term | FileRefusal
}

function nilOr(refusal: FileRefusal | undefined): Term | FileRefusal {
  return refusal ?? NIL
}

function orRefusal<T>(found: T | FileRefusal, make: (found: T) => Term): Term | FileRefusal {
  return found instanceof FileRefusal ? found : make(found)
}

/** The operations of 13.3. */
export const FILE_OPERATIONS: Readonly<Record<string, FileOperation>> = {
  readText: { takes: 'path', run: (root, path) => root.readText(path) },
  readBytes: { takes: 'path', run: (root, path) => orRefusal(root.readBytes(path), b => new Bytes(b)) },
  writeText: { takes: '(path, String)', run: (root, path, text) => nilOr(root.writeText(path, text as string)) },
  writeBytes: { takes: '(path, ByteArray)', run: (root, path, b) => nilOr(root.writeBytes(path, (b as Bytes).bytes)) },
  appendText: { takes: '(path, String)', run: (root, path, text) => nilOr(root.appendText(path, text as string)) },
  list: { takes: 'path', run: (root, path) => orRefusal(root.list(path), names => new List(names)) },
  stat: { takes: 'path', run: (root, path) => orRefusal(root.stat(path), s => makeMap(['kind', 'size'], [s.kind, s.size])) },
  makeDirectory: { takes: 'path', run: (root, path) => nilOr(root.makeDirectory(path)) },
  delete: { takes: 'path', run: (root, path) => nilOr(root.delete(path)) },
  restrict: {
    takes: '(path, "r" or "rw")',
    run: (root, path, rights, host) =>
      orRefusal(root.restrict(path, rights as 'r' | 'rw'), below => host.fileChannel(below, [path, rights as string])),
  },
}

/** Path and content of a request if they have the types that the operation takes. */
function request(takes: FileOperation['takes'], argument: Term): { path: string; content: Term } | undefined {
  const t = forced(argument)
  if (takes === 'path') return typeof t === 'string' ? { path: t, content: NIL } : undefined
  if (!(t instanceof Tuple) || t.items.length !== 2) return undefined
  const path = forced(t.items[0])
  const content = forced(t.items[1])
  if (typeof path !== 'string') return undefined
  const fits =
    takes === '(path, ByteArray)'
      ? content instanceof Bytes
      : takes === '(path, String)'
        ? typeof content === 'string'
        : content === 'r' || content === 'rw'
  return fits ? { path, content } : undefined
}

/** Serves one message `(operation, argument, ack)` to a file capability. */
export function fileRequest(root: FileRoot, args: readonly Term[], host: SystemHost, reply: Reply): Fault | undefined {
  const name = forced(args[0])
  if (typeof name !== 'string') return illegal('rho:io:file', 'operation, argument, ack', args)
  if (!Object.hasOwn(FILE_OPERATIONS, name)) return illegalWord('rho:io:file', 'operation', name, Object.keys(FILE_OPERATIONS))
  const operation = FILE_OPERATIONS[name]
  const asked = request(operation.takes, args[1])
  if (asked === undefined) {
    return new Fault('RHO515', `operation "${name}" of \`rho:io:file\` takes ${operation.takes}, got ${describeType(forced(args[1]))}`)
  }
  const answer = operation.run(root, asked.path, asked.content, host)
  reply(args[2], [new Tuple(answer instanceof FileRefusal ? [false, answer.message] : [true, answer])])
  return undefined
}

function file(args: readonly Term[], host: SystemHost, reply: Reply): Fault | undefined {
  const root = host.files()
  return root === undefined ? new Fault('RHO406', '`rho:io:file` is not granted') : fileRequest(root, args, host, reply)
}

// ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function channel(uri: string, params: readonly string[], doc: string, run: SystemChannel['run'], recorded = false): SystemChannel {
  return { uri, params, doc, recorded, run }
}

/** The system channels of rholang.md 13 that answer by themselves. Those of the virtual machine (`rho:vm:…`) belong to the scheduler. */
export const SYSTEM_CHANNELS: readonly SystemChannel[] = [
  channel('rho:io:stdout', ['term'], 'one line with the canonical text', line('stdout')),
  channel('rho:io:stderr', ['term'], 'one line with the canonical text on standard error', line('stderr')),
  channel('rho:io:stdoutAck', ['term', 'ack'], 'the line, then `ack!(Nil)`', line('stdout')),
  channel('rho:io:stderrAck', ['term', 'ack'], 'the line on standard error, then `ack!(Nil)`', line('stderr')),
  channel('rho:io:print', ['text', 'ack'], 'the text of a String as it is, no line break added; `ack!(Nil)`', print),
  channel('rho:io:stdlog', ['level', 'term'], 'the log of the host; levels "trace", "debug", "info", "warn", "error"', log),
  channel('rho:io:devNull', ['term'], 'nothing', () => undefined),
  channel('rho:execution:abort', ['reason'], 'every machine of the program stops (RHO602)', ([reason], host) => {
    host.abort(reason)
    return undefined
  }),
  channel('rho:io:stdin', ['ack'], '`(true, line)` without line break, or `(false, "end of input")`; in order of request', readLine, true),
  channel(
    'rho:time:now',
    ['ack'],
    'milliseconds since 1970',
    ([ack], host, reply) => {
      reply(ack, [Math.trunc(host.now())])
      return undefined
    },
    true,
  ),
  channel('rho:time:after', ['ms', 'ack'], 'Nil after at least that many milliseconds', after, true),
  channel('rho:time:logical', ['ack'], 'an Int larger than every reply before, first 1', ([ack], host, reply) => {
    reply(ack, [host.logical()])
    return undefined
  }),
  channel('rho:io:file', ['operation', 'argument', 'ack'], '`(true, value)` or `(false, message)`', file, true),
]

const BY_URI: ReadonlyMap<string, SystemChannel> = new Map(SYSTEM_CHANNELS.map(c => [c.uri, c]))

/** The system channel of a URI, undefined if the machine serves it otherwise or not at all. */
export function systemChannel(uri: string): SystemChannel | undefined {
  return BY_URI.get(uri)
}

for (const entry of SYSTEM_URIS) {
  const own = BY_URI.get(entry.uri)
  if (own !== undefined && own.params.length !== entry.arity) throw new Error(`arity of ${entry.uri} differs from the list of URIs`)
}
