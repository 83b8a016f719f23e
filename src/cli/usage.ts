import { nearest } from '../base/nearest.ts'

/** Wrong use of the command: exit 2. `hint` says what to write instead. */
export class UsageError extends Error {
  readonly hint: string
  constructor(message: string, hint = '') {
    super(message)
    this.hint = hint
  }
}

/** Something that another part of the project brings; exit 2 until it lands. */
function notYet(what: string): UsageError {
  return new UsageError(`${what} is not available yet`, '`rho help` lists what there is')
}

type Kind = 'switch' | 'text' | 'count' | 'bytes' | 'integer' | 'choice' | 'report'

interface Flag {
  readonly kind: Kind
  readonly short?: string
  /** What stands for the value in help texts. */
  readonly value?: string
  readonly choices?: readonly string[]
  /** Further choices, on one command only. */
  readonly more?: Partial<Record<CommandName, readonly string[]>>
  readonly many?: boolean
  readonly on: readonly CommandName[]
  readonly help: string
}

/** What `rho space` does: what each takes after its name, what may be left out in brackets. */
export const SPACE_COMMANDS = {
  inspect: { args: 'DIR [CHANNEL]', about: 'list what lies and waits there, one record per line' },
  stats: { args: 'DIR', about: 'figures: commits, rows, bytes' },
  verify: { args: 'DIR', about: 'read everything and compare; changes nothing; exit 5 if anything is wrong' },
  repair: { args: 'FROM TO', about: 'make a repaired copy, and say what is lost' },
  export: { args: 'DIR [FILE]', about: 'write the state as one stream of bytes' },
  import: { args: 'FILE DIR', about: 'make a space from an export' },
  compact: { args: 'DIR', about: 'give the room of deleted rows back' },
  log: { args: 'DIR', about: 'what the kept commits did, one event per line' },
  fork: { args: 'DIR TO [ROOT]', about: 'an independent copy, of now or of a checkpoint' },
  reset: { args: 'DIR ROOT', about: 'go back to a checkpoint' },
  checkpoint: { args: 'DIR', about: 'keep the present state under its root' },
  collect: { args: 'DIR', about: 'report machines and messages that nobody can reach; --remove: remove them' },
} as const satisfies Record<string, { args: string; about: string }>
export type SpaceCommand = keyof typeof SPACE_COMMANDS

export const COMMANDS = {
  run: {
    synopsis: 'rho run [flags] FILE… | -e SOURCE | -',
    about: 'Run programs to rest and say what is left. Several files run together in one space.',
  },
  deploy: {
    synopsis: 'rho deploy --space DIR [flags] FILE… | -e SOURCE | -',
    about: 'Add programs to a stored space and run it to rest; the space must exist.',
  },
  test: {
    synopsis: 'rho test [flags] PATH…',
    about: 'Run programs that carry their expectations in comments at their top, and show what differs.',
  },
  check: { synopsis: 'rho check [flags] FILE… | -e SOURCE | -', about: 'Report all static errors and warnings without running anything.' },
  disasm: {
    synopsis: 'rho disasm [flags] FILE | -e SOURCE | -',
    about: 'Show the multiset of bytecode sequences that a program compiles to.',
  },
  fmt: { synopsis: 'rho fmt [--write | --check] FILE… | -e SOURCE | -', about: 'Format source text; comments are kept.' },
  repl: { synopsis: 'rho repl [flags]', about: 'Type programs at a prompt; all of them share one space.' },
  trace: {
    synopsis: 'rho trace [--expand] FILE | --diff FILE FILE | --replay FILE',
    about: 'Show a trace that `rho run --trace FILE` or `--record FILE` wrote, compare two, or run one again and compare.',
  },
  ps: {
    synopsis:
      'rho ps --space DIR [LABEL…] | --control SOCKET [LABEL…]\n              | --control SOCKET pause|resume|kill LABEL… | --control SOCKET renice LEVEL LABEL… | migrate SHARD LABEL…',
    about: 'List the machines of a space at rest or of a running process, and steer them: m:12 is a machine, p:1 a whole program.',
  },
  inspect: {
    synopsis: 'rho inspect --space DIR | --control SOCKET [--garbage | LABEL | NAME]',
    about: 'Show what a space holds, what a machine has in hand, or what lies and waits on a name.',
  },
  top: {
    synopsis: 'rho top --control SOCKET [--interval SECONDS] [--count N] [--brief]',
    about:
      'Watch a running process: shards, programs, the fullest channels and the machines that use most. Ctrl-C ends the view, not the process.',
  },
  bench: {
    synopsis: 'rho bench [IDS] [flags]',
    about: 'Measure this command against other ways to do the same jobs; `rho bench --help` lists jobs, programs and flags.',
  },
  explain: {
    synopsis: 'rho explain [CODE…]',
    about: 'Print the page of an error code, with a program that causes it and one that mends it.',
  },
  space: { synopsis: 'rho space COMMAND DIR … [flags]', about: 'Look after a stored space that nobody has open.' },
} as const satisfies Record<string, { synopsis: string; about: string }>
export type CommandName = keyof typeof COMMANDS

/** A run, in a new or a stored space. */
const RUN: readonly CommandName[] = ['run', 'deploy']
const ENGINE: readonly CommandName[] = [...RUN, 'test', 'repl']
const SOURCE: readonly CommandName[] = [...RUN, 'check', 'disasm', 'fmt']

/** The one place that knows a flag; parsing, help, completion and "did you mean" derive from it. */
export const FLAGS = {
  eval: { kind: 'text', short: 'e', value: 'SOURCE', many: true, on: SOURCE, help: 'the program itself instead of a file; may repeat' },
  format: {
    kind: 'choice',
    choices: ['text', 'json'],
    more: { test: ['tap'] },
    on: [...RUN, 'test', 'check', 'disasm', 'trace', 'explain', 'space', 'ps', 'inspect', 'top'],
    help: 'json: one object per line',
  },

  observe: {
    kind: 'text',
    value: 'NAME',
    many: true,
    on: RUN,
    help: 'after the run print what is left on NAME, for example \'@"x"\'; may repeat',
  },
  report: {
    kind: 'report',
    value: '[=all]',
    on: RUN,
    help: 'say what waits and why (the default on a terminal); all: persistent and unreachable items too',
  },
  metrics: { kind: 'switch', on: RUN, help: 'print the counters at the end' },
  'expect-done': { kind: 'switch', on: RUN, help: 'exit 3 if receives are left waiting' },
  trace: { kind: 'text', value: 'FILE', on: RUN, help: 'write what happened, one event per line (`rho trace` shows it)' },
  record: {
    kind: 'text',
    value: 'FILE',
    on: RUN,
    help: 'write down what it takes to run this again, at full speed (`rho trace` shows what happened)',
  },
  'stop-after': { kind: 'text', value: 'steps=N|comms=N|idle', on: RUN, help: 'stop at a scheduling point' },
  snapshot: { kind: 'text', value: 'FILE', on: RUN, help: 'write the state at the end; - is standard output' },
  restore: { kind: 'text', value: 'FILE', on: ['run'], help: 'go on from a state that --snapshot wrote, with further programs or none' },

  space: {
    kind: 'text',
    value: 'DIR',
    on: [...RUN, 'ps', 'inspect'],
    help: 'keep everything in this directory and go on with what it holds; `ps`, `inspect`: look at it',
  },
  control: {
    kind: 'text',
    value: 'SOCKET',
    on: [...RUN, 'ps', 'inspect', 'top'],
    help: 'let operators in through this Unix domain socket; other commands: ask the process there',
  },
  interval: { kind: 'text', value: 'SECONDS', on: ['top'], help: 'how long to watch for each view (default 1; 0.2 is fine)' },
  count: { kind: 'count', value: 'N', on: ['top'], help: 'end after N views (default: when the process ends)' },
  brief: { kind: 'switch', on: ['top'], help: 'only shards and programs: workers need not stand still for it' },
  garbage: { kind: 'switch', on: ['inspect'], help: 'only what nobody can reach any more (`rho space collect --remove` removes it)' },
  create: { kind: 'switch', on: ['run'], help: 'make the space if there is none' },
  resume: { kind: 'switch', on: ['run'], help: 'add no program, only go on with the space' },
  durability: {
    kind: 'choice',
    choices: ['process', 'power', 'memory'],
    on: ['run'],
    help: 'what a new space survives: the end of the process (default) or a power cut',
  },

  policy: { kind: 'choice', choices: ['depth', 'rr', 'priority'], on: ENGINE, help: 'which machine runs next (default depth)' },
  order: { kind: 'text', value: 'fifo|lifo|seed:N', on: ENGINE, help: 'which of several candidates takes part in a COMM (default fifo)' },
  seed: { kind: 'integer', value: 'N', on: ENGINE, help: 'seed of every choice; implies --virtual-time' },
  seeds: { kind: 'text', value: 'A..B', on: ['run', 'test'], help: 'run once per seed; `run` prints the multiset of outcomes' },
  shuffle: { kind: 'switch', on: ENGINE, help: 'draw the next machine with the seed' },
  trick: {
    kind: 'choice',
    choices: ['fused', 'literal'],
    on: [...ENGINE, 'disasm'],
    help: 'primitives in place (default) or as COMMs on private channels',
  },
  'literal-schedule': { kind: 'choice', choices: ['handoff', 'fifo'], on: ENGINE, help: 'who runs after a literal primitive' },
  'no-opt': { kind: 'switch', on: [...ENGINE, 'disasm'], help: 'link without derived instructions' },
  workers: { kind: 'text', value: 'auto|N', on: RUN, help: 'shards on workers; auto (default): when it pays; 0: the calling thread' },
  'checkpoint-every': {
    kind: 'count',
    value: 'N',
    on: RUN,
    help: 'with workers: take a cut every N COMMs, and go on from it when a worker is lost',
  },

  gas: { kind: 'count', value: 'N', on: ENGINE, help: 'phlogiston limit of each program (1e6 is fine)' },
  'machine-gas': { kind: 'count', value: 'N', on: ENGINE, help: 'phlogiston limit of each machine' },
  'max-machines': { kind: 'count', value: 'N', on: ENGINE, help: 'machines alive at once, per program' },
  'max-memory': { kind: 'bytes', value: 'B', on: ENGINE, help: 'estimated bytes held by a program (64M is fine)' },
  'max-children': { kind: 'count', value: 'N', on: ENGINE, help: 'machines that one machine may start' },
  'max-queue': { kind: 'count', value: 'N', on: ENGINE, help: 'messages and receives of a program on one channel' },
  'max-nesting': { kind: 'count', value: 'N', on: [...ENGINE, 'check'], help: 'nesting of the source (default 1000000)' },
  'match-budget': { kind: 'count', value: 'N', on: ENGINE, help: 'comparisons of one match (default 10000000)' },
  'max-value-bytes': { kind: 'bytes', value: 'B', on: ENGINE, help: 'size of any one value (default 256M)' },
  'max-file-bytes': { kind: 'bytes', value: 'B', on: ENGINE, help: 'size of any one file read or written (default 64M)' },

  'on-error': {
    kind: 'choice',
    choices: ['isolate', 'rollback'],
    on: ENGINE,
    help: 'isolate (default): only the failed machine stops; rollback: the program is undone',
  },
  atomic: { kind: 'switch', on: ENGINE, help: 'the same as --on-error rollback' },
  'unknown-op': { kind: 'choice', choices: ['block', 'fail'], on: ENGINE, help: 'an operation that nobody serves (default fail)' },
  allow: { kind: 'text', value: 'LIST', many: true, on: [...ENGINE, 'check'], help: 'grant: primitives, control, test (comma-separated)' },
  'allow-read': { kind: 'text', value: 'DIR', on: [...ENGINE, 'check'], help: 'grant `rho:io:file` for reading below DIR' },
  'allow-write': { kind: 'text', value: 'DIR', on: [...ENGINE, 'check'], help: 'grant `rho:io:file` for reading and writing below DIR' },
  inject: { kind: 'text', value: 'URI=TERM', many: true, on: [...ENGINE, 'check'], help: 'let `new x(`URI`)` bind x to TERM' },
  'virtual-time': { kind: 'switch', on: ENGINE, help: 'timers jump instead of waiting' },
  'start-time': { kind: 'count', value: 'MS', on: ENGINE, help: 'where virtual time begins (default 0)' },

  timeout: { kind: 'count', value: 'MS', on: ['test'], help: 'give up a program after this long (default 60000)' },

  bytes: { kind: 'switch', on: ['disasm'], help: 'only the words of the image, hexadecimal' },
  name: { kind: 'switch', on: ['disasm'], help: 'the source is a name: the image of `@{P}`' },
  open: { kind: 'switch', on: ['disasm'], help: 'free variables are allowed and become captures' },
  verbose: { kind: 'switch', on: ['disasm'], help: 'constants, captures and stack effects too' },
  linked: { kind: 'switch', on: ['disasm'], help: 'register code beside the canonical instructions that it was made from' },
  'link-map': { kind: 'switch', on: ['disasm'], help: 'what each captured slot is bound to, and the public names' },
  why: { kind: 'switch', on: ['disasm'], help: 'how each operation is carried out, and what keeps it from being fused' },
  output: { kind: 'text', short: 'o', value: 'FILE', on: ['disasm'], help: 'write the image as a .rhz file instead' },

  write: { kind: 'switch', on: ['fmt'], help: 'change the files in place' },
  check: { kind: 'switch', on: ['fmt'], help: 'change nothing; exit 1 if a file is not formatted' },

  history: { kind: 'text', value: 'FILE', on: ['repl'], help: 'where the lines you typed are kept (default ~/.rho_history)' },

  expand: { kind: 'switch', on: ['trace'], help: 'show primitives as the COMMs they stand for' },
  remove: { kind: 'switch', on: ['space'], help: 'with `collect`: remove what is reported' },

  replay: { kind: 'switch', on: ['trace'], help: 'run it again, with what came in from outside; exit 1 if anything differs' },
  diff: { kind: 'switch', on: ['trace'], help: 'compare two traces; exit 1 if they differ' },

  help: {
    kind: 'switch',
    short: 'h',
    on: [...RUN, 'test', 'check', 'disasm', 'fmt', 'repl', 'trace', 'explain', 'space', 'ps', 'inspect', 'top'],
    help: 'this text',
  },
} as const satisfies Record<string, Flag>
export type FlagName = keyof typeof FLAGS

/** Flags of `run` that belong to parts which are not there yet: several shards, chain context. */
const LATER_FLAGS = /^(block-.+|deploy-.+)$/

const table: Readonly<Record<string, Flag>> = FLAGS

/** A parsed command line: positions of files and `-e` sources are kept in order. */
export class Flags {
  readonly files: string[] = []
  private readonly values = new Map<FlagName, string[]>()

  add(name: FlagName, value: string): void {
    const before = this.values.get(name)
    if (before === undefined) this.values.set(name, [value])
    else if (table[name].many === true) before.push(value)
    else before[0] = value
  }

  has(name: FlagName): boolean {
    return this.values.has(name)
  }

  text(name: FlagName): string | undefined {
    return this.values.get(name)?.[0]
  }

  all(name: FlagName): readonly string[] {
    return this.values.get(name) ?? []
  }

  get names(): FlagName[] {
    return [...this.values.keys()]
  }

  /** A count or a size; the text was checked when it was parsed. */
  number(name: FlagName): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : toNumber(name, text)
  }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

function toNumber(name: string, text: string): number {
  const flag = table[name]
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)([kmg]?)b?$/i.exec(text)
  const value = match === null || (flag.kind !== 'bytes' && match[2] !== '') ? Number.NaN : Number(match[1]) * UNITS[match[2].toLowerCase()]
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(
      `--${name} takes a whole number, found \`${text}\``,
      flag.kind === 'bytes' ? 'write for example 64M' : 'write for example 1e6',
    )
  return value
}

function choicesOf(flag: Flag, command: CommandName): readonly string[] {
  return [...(flag.choices ?? []), ...(flag.more?.[command] ?? [])]
}

/** Throws UsageError for unknown, misplaced, valueless and malformed flags. */
export function parseFlags(command: CommandName, args: readonly string[]): Flags {
  const flags = new Flags()
  const known = Object.keys(table).filter(name => table[name].on.includes(command))
  let onlyFiles = false
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (onlyFiles || arg === '-' || !arg.startsWith('-')) {
      flags.files.push(arg)
      continue
    }
    if (arg === '--') {
      onlyFiles = true
      continue
    }
    const cut = arg.startsWith('--') ? arg.indexOf('=') : -1
    const written = cut < 0 ? arg : arg.slice(0, cut)
    const name = flagOf(command, written, known)
    const flag = table[name]
    let value = cut < 0 ? undefined : arg.slice(cut + 1)
    if (flag.kind === 'switch') {
      if (value !== undefined) throw new UsageError(`${written} takes no value`)
    } else if (flag.kind === 'report') {
      if (value !== undefined && value !== 'all') throw new UsageError(`${written} takes no value or \`all\`, found \`${value}\``)
    } else if (value === undefined) {
      if (++i >= args.length) throw new UsageError(`${written} needs a value: ${flag.value ?? choicesOf(flag, command).join('|')}`)
      value = args[i]
      if (isFlag(value, known))
        throw new UsageError(`${written} needs a value, found the flag \`${value}\``, `if it is one: \`${written}=${value}\``)
    }
    if (value === '' && flag.value === 'DIR') throw new UsageError(`${written} needs a value: DIR`)
    checkValue(command, name, value ?? '')
    flags.add(name as FlagName, value ?? '')
  }
  return flags
}

function flagOf(command: CommandName, written: string, known: readonly string[]): string {
  if (!written.startsWith('--')) {
    const name = known.find(k => table[k].short === written.slice(1))
    if (name !== undefined) return name
    throw new UsageError(`unknown flag \`${written}\``, `\`rho ${command} --help\` lists the flags`)
  }
  const name = written.slice(2)
  if (known.includes(name)) return name
  if (command === 'run' && LATER_FLAGS.test(name)) throw notYet(`\`${written}\``)
  const near = nearest(name, known)
  throw new UsageError(
    `unknown flag \`${written}\``,
    Object.hasOwn(table, name)
      ? `it belongs to ${commandsOf(table[name].on)}`
      : near === undefined
        ? `\`rho ${command} --help\` lists the flags`
        : `did you mean \`--${near}\`?`,
  )
}

function commandsOf(names: readonly CommandName[]): string {
  const texts = names.map(n => `\`rho ${n}\``)
  const last = texts.pop()
  return texts.length === 0 ? `${last}` : `${texts.join(', ')} and ${last}`
}

/** What is written like a flag of the command is no value that somebody meant. */
function isFlag(text: string, known: readonly string[]): boolean {
  if (text.startsWith('--')) return known.includes(text.slice(2).split('=')[0])
  return text.startsWith('-') && known.some(name => table[name].short === text.slice(1))
}

function checkValue(command: CommandName, name: string, value: string): void {
  const flag = table[name]
  const choices = choicesOf(flag, command)
  if (flag.kind === 'count' || flag.kind === 'bytes') toNumber(name, value)
  if (flag.kind === 'integer' && !/^-?\d+$/.test(value)) throw new UsageError(`--${name} takes a whole number, found \`${value}\``)
  if (flag.kind === 'choice' && !choices.includes(value)) {
    const near = nearest(value, choices)
    throw new UsageError(
      `--${name} is one of ${choices.join(', ')}; found \`${value}\``,
      near === undefined ? '' : `did you mean \`${near}\`?`,
    )
  }
}

/** The command that the first argument names. */
export function commandOf(word: string): CommandName {
  if (Object.hasOwn(COMMANDS, word)) return word as CommandName
  const near = nearest(word, [...Object.keys(COMMANDS), 'help'])
  if (near !== undefined) throw new UsageError(`unknown command \`${word}\``, `did you mean \`rho ${near}\`?`)
  throw new UsageError(
    `unknown command \`${word}\``,
    word === '-e'
      ? "to run a text: `rho run -e 'SOURCE'`"
      : /\.rho$/.test(word)
        ? `to run a file: \`rho run ${word}\``
        : '`rho help` lists the commands',
  )
}

/** The first and last seed of `A..B`, or of one number. */
export function seedRange(text: string): { first: bigint; last: bigint } {
  const match = /^(-?\d+)(?:\.\.(-?\d+))?$/.exec(text)
  const first = BigInt(match?.[1] ?? 0)
  const last = BigInt(match?.[2] ?? match?.[1] ?? 0)
  if (match === null || last < first) throw new UsageError(`--seeds takes a range like 1..20, found \`${text}\``)
  return { first, last }
}

function spaceCommandLines(): string[] {
  const rows = Object.entries(SPACE_COMMANDS).map(([name, { args, about }]) => [`${name} ${args}`, about])
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, about]) => `  ${left.padEnd(width)}  ${about}`)
}

/** The help text of one command, or the overview. */
export function helpText(command?: CommandName): string {
  if (command === undefined) {
    const width = Math.max(...Object.keys(COMMANDS).map(name => name.length))
    const rows = Object.entries(COMMANDS).map(([name, c]) => `  ${name.padEnd(width)}  ${c.about}`)
    return [
      'rho runs Rholang programs on a multiset of small machines that meet in a tuplespace.',
      '',
      'usage: rho COMMAND [flags] …',
      '',
      ...rows,
      '',
      '`rho help COMMAND` tells more; `rho run examples/hello.rho` is a good start.',
      '',
    ].join('\n')
  }
  const rows = Object.entries(table).filter(([, flag]) => flag.on.includes(command))
  const left = rows.map(([name, flag]) => {
    const value = flag.kind === 'switch' ? '' : flag.kind === 'report' ? '[=all]' : ` ${flag.value ?? choicesOf(flag, command).join('|')}`
    return `  ${flag.short === undefined ? '   ' : `-${flag.short},`} --${name}${value}`
  })
  const width = Math.min(34, Math.max(...left.map(l => l.length)))
  const lines = rows.map(([, flag], i) =>
    left[i].length <= width ? `${left[i].padEnd(width)}  ${flag.help}` : `${left[i]}\n${' '.repeat(width)}  ${flag.help}`,
  )
  const { synopsis, about } = COMMANDS[command]
  const jobs = command === 'space' ? [...spaceCommandLines(), ''] : []
  const codes =
    command === 'run' || command === 'deploy'
      ? [
          '',
          'exit: 0 at rest, 1 refused or failed, 2 wrong use, 3 --expect-done and receives wait, 4 a limit, 5 storage, 70 our fault, 130/143 a signal',
        ]
      : []
  return [`usage: ${synopsis}`, '', about, '', ...jobs, ...lines, ...codes, ''].join('\n')
}
