import { asm, disasm, disasmJson, type ImageErrorCode, imageCaptures, readProgram, verify } from '../../bytecode/index.ts'
import { CODES } from '../../src/base/codes.ts'
import { runPrograms } from '../../src/cli/program.ts'
import { compile } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'
import { equal } from '../../src/normal/order.ts'
import { format } from '../../src/syntax/format.ts'
import { Broken, essence, sameWords } from './laws.ts'

const LIMITS = { gas: 100_000, matchBudget: 20_000, maxMachines: 5_000, maxValueBytes: 1 << 18, timeoutMs: 20_000 } as const

/** Whatever the text or bytes are: refused with typed, placed errors, or run to an end that has a status. Nothing is thrown. */
export async function anyText(source: string | Uint8Array): Promise<string> {
  const shown = typeof source === 'string' ? source : `bytes ${Buffer.from(source).toString('hex')}`
  if (typeof source === 'string') {
    const formatted = format(source)
    if (format(formatted) !== formatted) throw new Broken('formatting twice is formatting once', shown, formatted)
  }
  const o = await runPrograms([{ name: 'any.rho', text: source }], { ...LIMITS, seed: 1n })
  const findings = [...o.diagnostics, ...o.failures]
  for (const f of findings) {
    if (!(f.code in CODES)) throw new Broken('codes are those of the table', shown, f.code)
    if (f.line === undefined || f.column === undefined || f.end === undefined)
      throw new Broken('errors have a place', shown, JSON.stringify(f))
    if (f.message === '') throw new Broken('errors have a message', shown, JSON.stringify(f))
    if (f.end.line < f.line || (f.end.line === f.line && f.end.column < f.column))
      throw new Broken('places end after they begin', shown, JSON.stringify(f))
  }
  if (o.status === 'refused' && !o.diagnostics.some(d => d.severity === 'error')) throw new Broken('what is refused has an error', shown)
  if (o.status === 'fault' || o.status === 'stopped' || findings.some(f => f.code === 'RHO699'))
    throw new Broken(`status ${o.status}`, shown, essence(o))
  return o.status
}

/** Whatever the words are: refused with a code and a position, or an image that decodes, lists, assembles again and runs to an end. */
export function anyImage(words: Uint32Array, program: string): ImageErrorCode | 'verified' {
  const hexadecimal = Array.from(words, w => w.toString(16)).join(' ')
  const broken = (law: string, detail = ''): Broken => new Broken(law, `${program}\n${hexadecimal}`, detail)
  const refused = verify(words)
  if (refused !== undefined) {
    if (!(refused.position >= 0 && refused.position <= words.length)) throw broken('a refusal has a position', JSON.stringify(refused))
    return refused.code
  }
  // Very many equal components are written out one by one below: that is for another test.
  if (verify(words, { maxExpanded: 20_000 }) !== undefined) return 'verified'
  // The verifier does not compare the values in sets and maps; a session that is given an image does.
  const again = compile(decodeOpen(words)).image
  const canonical = sameWords(words, again)
  if (!canonical && !equal(decodeOpen(again), decodeOpen(words))) throw broken('decoding and compiling loses nothing')
  const back = asm(disasm(words))
  if (!('image' in back) || !sameWords(back.image, words))
    throw broken('a listing assembles to the same words', JSON.stringify('error' in back ? back.error : ''))
  disasmJson(words)
  if (imageCaptures(words) === 0) run(words, canonical, broken)
  return 'verified'
}

function run(words: Uint32Array, canonical: boolean, broken: (law: string, detail?: string) => Broken): void {
  const session = new Session({ ...LIMITS, host: new QuietHost(), seed: 1n })
  const started = session.deployImage(words)
  if (typeof started !== 'number') {
    if (canonical && !/^RHO40[567]$/.test(started.code)) throw broken('a canonical image starts', JSON.stringify(started))
    return
  }
  if (!canonical) throw broken('only canonical images start')
  for (let n = 0; session.run(2_000) === 'budget'; n++) if (n > 100) return
  if (session.failures.some(f => f.code === 'RHO699')) throw broken('no internal fault', JSON.stringify(session.failures))
}

/** Whatever happened to the bytes of a stored program: it is refused, or the program in it is whole. */
export async function anyFile(bytes: Uint8Array, image: Uint32Array): Promise<string> {
  const p = await readProgram(bytes)
  if ('error' in p) return p.error.code
  if (!sameWords(p.image, image)) throw new Broken('what is read is what was written', Buffer.from(bytes).toString('hex'))
  return 'read'
}
