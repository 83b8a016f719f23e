import { members, unionImages, verify } from '../../bytecode/index.ts'
import { Sources } from '../../src/base/source.ts'
import type { Outcome } from '../../src/cli/outcome.ts'
import { type ProgramOptions, runPrograms } from '../../src/cli/program.ts'
import { compile, imageOf } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session, type SessionOptions } from '../../src/machine/session.ts'
import { normalize } from '../../src/normal/normalize.ts'
import { compare, equal, hashOf } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import type { Term } from '../../src/normal/term.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { format } from '../../src/syntax/format.ts'
import { parse } from '../../src/syntax/parser.ts'
import type { Flow } from './flow.ts'

/** What must hold for every program, said once: the tests use it on some, the long run on very many. */

export interface Read {
  readonly term: Term
  /** `CODE offset` of every error. */
  readonly errors: readonly string[]
}

const uris = new UriTable()

export function read(text: string): Read {
  const file = new Sources().add('law.rho', text)
  const { program, diagnostics, lost } = parse(file)
  const normal = normalize(program, { uris, lost })
  const errors = [...diagnostics, ...normal.diagnostics].filter(d => d.severity === 'error').map(d => `${d.code} ${d.start}`)
  return { term: normal.term, errors }
}

export class Broken extends Error {
  readonly law: string
  readonly program: string
  constructor(law: string, program: string, detail = '') {
    super(`${law}${detail === '' ? '' : `: ${detail}`}\n--- program\n${program}`)
    this.law = law
    this.program = program
  }
}

function valid(text: string, law: string, program: string): Term {
  const { term, errors } = read(text)
  if (errors.length > 0) throw new Broken(law, program, `${errors.join(', ')} in\n${text}`)
  return term
}

function same(a: Term, b: Term, law: string, program: string): void {
  if (!equal(a, b)) throw new Broken(law, program, `\n${show(a)}\n--- is not\n${show(b)}`)
  if (compare(a, b) !== 0) throw new Broken(law, program, 'equal terms that canonical order tells apart')
  if (hashOf(a) !== hashOf(b)) throw new Broken(law, program, 'equal terms with different hashes')
}

export function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((w, i) => w === b[i])
}

/** Laws of text and image of a valid program. */
export function textLaws(program: string): { term: Term; image: Uint32Array } {
  const term = valid(program, 'the program is valid', program)
  const formatted = format(program)
  same(term, valid(formatted, 'the formatted program is valid', program), 'formatting keeps the normal form', program)
  if (format(formatted) !== formatted)
    throw new Broken('formatting twice is formatting once', program, `\n${formatted}\n---\n${format(formatted)}`)
  const printed = show(term)
  const back = valid(printed, 'the printed program is valid', program)
  same(term, back, 'printing keeps the normal form', program)
  if (show(back) !== printed) throw new Broken('what was printed prints the same', program)
  const { image } = compile(term)
  const refused = verify(image)
  if (refused !== undefined) throw new Broken('the image verifies', program, JSON.stringify(refused))
  const decoded = decodeOpen(image)
  same(term, decoded, 'the image decodes to the normal form', program)
  if (!sameWords(image, compile(decoded).image)) throw new Broken('what was decoded compiles to the same words', program)
  if (!sameWords(image, compile(back).image)) throw new Broken('equal normal forms have one image', program)
  return { term, image }
}

/** `|` is a commutative monoid on images: the image of a composition is the union of the images. */
export function unionLaws(a: string, b: string, c: string): void {
  const text = `${a} | ${b} | ${c}`
  const image = (t: string): Uint32Array => imageOf(valid(t, 'a composition is valid', t))
  const [x, y, z] = [image(a), image(b), image(c)]
  const all = image(`{ ${a} } | { ${b} } | { ${c} }`)
  const law = (name: string, other: Uint32Array): void => {
    if (!sameWords(all, other)) throw new Broken(name, text)
  }
  law('the image of a composition is the union of the images', unionImages(unionImages(x, y), z))
  law('the union is associative', unionImages(x, unionImages(y, z)))
  law('the union is commutative', unionImages(z, unionImages(y, x)))
  law('composition is commutative', image(`{ ${c} } | { ${a} } | { ${b} }`))
  law('composition is associative', image(`{ ${a} } | { { ${b} } | { ${c} } }`))
  law('Nil is neutral', image(`Nil | { ${a} } | {Nil | { ${b} }} | { ${c} } | Nil`))
  if (members(all).length > members(x).length + members(y).length + members(z).length) throw new Broken('members are counted once', text)
}

/** What two runs of one program must agree on. */
export function essence(o: Outcome): string {
  const { stats } = o
  return JSON.stringify({
    status: o.status,
    stdout: o.stdout,
    stderr: o.stderr,
    failures: o.failures.map(f => [f.code, f.message, f.machine, f.line, f.column, f.end]),
    blocked: o.blocked,
    data: o.data,
    comms: stats.comms,
    gas: stats.gas,
    produced: stats.produced,
  })
}

/** What bounds every run. No limit of machines: it would turn off what makes code fast, functions made from it too. */
const STEPS = { gas: 2_000_000, timeoutMs: 20_000, matchBudget: 100_000, maxValueBytes: 1 << 20 } as const

/** A program that is stopped by its gas limit, at whatever point, has then done the same and paid the same, however it is carried out. */
export async function gasLaw(program: string, gas: number): Promise<Outcome> {
  const run = (options: object): Promise<Outcome> =>
    runPrograms([{ name: 'law.rho', text: program }], { ...STEPS, gas, seed: 1n, ...options })
  const fused = await run({})
  const a = essence(fused)
  for (const options of [{ trick: 'literal' }, { opt: false }, { hot: 0 }]) {
    const b = essence(await run(options))
    if (a !== b) throw new Broken(`a gas limit of ${gas} stops at one point: ${JSON.stringify(options)}`, program, `\n${a}\n${b}`)
  }
  return fused
}

/** Laws of running a program that comes to rest. The outcome is that of the default order. */
export async function runLaws(program: string): Promise<Outcome> {
  const run = (options: object): Promise<Outcome> => runPrograms([{ name: 'law.rho', text: program }], { ...STEPS, seed: 1n, ...options })
  const fused = await run({})
  if (fused.status === 'fault' || fused.failures.some(f => f.code === 'RHO699'))
    throw new Broken('no internal fault', program, essence(fused))
  if (fused.status === 'stopped') throw new Broken('the program comes to rest in time', program)
  if (fused.failures.some(f => f.line === undefined)) throw new Broken('every failure has a position', program, essence(fused))
  const literal = await run({ trick: 'literal' })
  const [a, b] = [essence(fused), essence(literal)]
  if (a !== b) throw new Broken('literal primitives give what fused ones give', program, `\n${a}\n${b}`)
  const plain = essence(await run({ opt: false }))
  if (a !== plain) throw new Broken('optimisations change nothing', program, `\n${a}\n${plain}`)
  const generated = essence(await run({ hot: 0 }))
  if (a !== generated) throw new Broken('functions made from code do what the code does', program, `\n${a}\n${generated}`)
  const limited = essence(await run({ maxMachines: 1_000_000 }))
  if (a !== limited)
    throw new Broken('a run can be repeated, and a limit that is not reached changes nothing', program, `\n${a}\n${limited}`)
  return fused
}

/** What no order of steps may change; what new names are depends on it. */
function settled(o: Outcome): string {
  const data = Object.entries(o.data).map(([name, messages]) => [
    name,
    messages.map(m => m.join(', ').replace(/0x[0-9a-f]{64}/g, '…')).sort(),
  ])
  const failures = o.failures.map(f => JSON.stringify([f.code, f.message, f.line, f.column, f.end])).sort()
  const blocked = o.blocked.map(b => JSON.stringify(b)).sort()
  return JSON.stringify({ status: o.status, failures, blocked, data, gas: o.stats.gas, comms: o.stats.comms })
}

/** Laws of a program that does something again and again, whose outcome no order changes: however it is carried out. */
export async function loopLaws(program: string): Promise<void> {
  const run = (options: object): Promise<Outcome> => runPrograms([{ name: 'law.rho', text: program }], { ...STEPS, seed: 1n, ...options })
  const first = await runLaws(program)
  for (const hot of [1, 5]) {
    const half = essence(await run({ hot }))
    if (half !== essence(first))
      throw new Broken(`functions made from code after ${hot} rounds go on where the code was`, program, `\n${essence(first)}\n${half}`)
  }
  if (first.status === 'limit') return
  for (const options of ORDERS) {
    const other = settled(await run(options))
    const how = JSON.stringify(options, (_, v) => (typeof v === 'bigint' ? String(v) : v))
    if (other !== settled(first)) throw new Broken(`a loop ends alike in every order ${how}`, program, `\n${settled(first)}\n${other}`)
  }
}

const ORDERS: readonly ProgramOptions[] = [
  { order: 'lifo' },
  { policy: 'rr' },
  { policy: 'priority' },
  { trick: 'literal', literalSchedule: 'fifo' },
  { seed: 2n, order: { seed: 2n }, shuffle: true },
  { seed: 3n, order: { seed: 3n }, shuffle: true },
  { seed: 4n, order: { seed: 4n }, shuffle: true, policy: 'rr', trick: 'literal' },
]

/** A confluent program does what was foreseen, in any order, for the same price. */
export async function flowLaws(flow: Flow): Promise<void> {
  let gas = -1
  for (const options of [{}, ...ORDERS]) {
    const o = await runPrograms([{ name: 'flow.rho', text: flow.text }], { ...STEPS, seed: 1n, ...options })
    const how = JSON.stringify(options, (_, v) => (typeof v === 'bigint' ? String(v) : v))
    if (o.status !== 'rest') throw new Broken(`rest ${how}`, flow.text, essence(o))
    const out = (o.data['@"out"'] ?? []).map(m => m.join(', ')).sort()
    if (out.join('\n') !== flow.expected.join('\n') || o.data['@"bad"'] !== undefined)
      throw new Broken(`the foreseen outcome ${how}`, flow.text, `\n${flow.expected.join('\n')}\n--- found\n${essence(o)}`)
    if (gas === -1) gas = o.stats.gas
    if (gas !== o.stats.gas) throw new Broken(`the price ${how}`, flow.text, `${gas} ${o.stats.gas}`)
  }
}

/** A run that is written down every few slices and taken up again from what was written is the run that nobody interrupted. */
export function snapshotLaw(program: string, slices: number): void {
  const options = (hot: number): SessionOptions => ({ ...STEPS, host: new QuietHost(), seed: 1n, virtualTime: true, hot })
  const begin = (hot: number): Session => {
    const session = new Session(options(hot))
    const compiled = session.compile('law.rho', program).program
    if (compiled === undefined) throw new Broken('the program is valid', program)
    session.deploy(compiled)
    return session
  }
  const end = (session: Session): string => {
    const { gas, comms } = session.stats()
    return JSON.stringify([[...session.data()], session.failures.map(f => [f.code, f.message]), gas, comms])
  }
  const whole = begin(400)
  while (whole.run() === 'budget');
  for (const hot of [0, 2]) {
    let session = begin(hot)
    for (let left = 3000; left > 0 && session.run(slices) === 'budget'; left--) session = Session.restore(session.snapshot(), options(hot))
    while (session.run() === 'budget');
    if (end(session) !== end(whole))
      throw new Broken(`a run goes on from its snapshots, one every ${slices} slices`, program, `\n${end(whole)}\n${end(session)}`)
  }
}

/** Nothing is lost: what was sent was taken or is still there. For programs without `!!` and peeks. */
export function conservationLaw(program: string): void {
  let taken = 0
  const options: SessionOptions = { ...STEPS, host: new QuietHost(), seed: 1n, virtualTime: true }
  const session = new Session({ ...options, trace: e => (taken += 'data' in e ? (e as { data: unknown[] }).data.length : 0) })
  const { program: compiled } = session.compile('law.rho', program)
  if (compiled === undefined) throw new Broken('the program is valid', program)
  session.deploy(compiled)
  while (session.run() === 'budget');
  let stored = 0
  for (const chan of session.shard.kernel.nonEmpty()) stored += [...session.shard.kernel.data(chan)].length
  const { produced } = session.stats()
  if (produced !== taken + stored)
    throw new Broken('what was sent was taken or is there', program, `${produced} sent, ${taken} taken, ${stored} there`)
}
