import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { QuietHost } from '../../src/host/hosts.ts'
import { Program, Template } from '../../src/machine/link.ts'
import { fusionReport, linkedListing } from '../../src/machine/listing.ts'
import { REGISTER_OPS, registerLength } from '../../src/machine/register.ts'
import { Session, type SessionOptions } from '../../src/machine/session.ts'
import { compileIn, conformance, sampled } from '../acceptance/support.ts'

function read(file: string): string {
  return readFileSync(new URL(`../../src/machine/${file}`, import.meta.url), 'utf8')
}

function session(options: Partial<SessionOptions> = {}): Session {
  return new Session({ host: new QuietHost(), virtualTime: true, seed: 1n, ...options })
}

function why(text: string, options: Partial<SessionOptions> = {}, change: (s: Session) => void = () => {}): string {
  const s = session(options)
  const { program } = compileIn(s, text)
  change(s)
  return fusionReport(s.shard.linker, program, s.primitives)
}

const BINARY = REGISTER_OPS.flatMap((o, i) => (['CONCAT', 'DIFF', 'INTERP', 'AND', 'OR'].includes(o.name) ? [i] : []))

describe('the table of register instructions', () => {
  it('has the numbers, names and operands that the run loop documents', () => {
    const shard = read('shard.ts')
    const loop = shard.slice(shard.indexOf('private exec('), shard.indexOf('unknown register instruction'))
    const cases = [...loop.matchAll(/^ {6,10}case (\d+):(?: \{)?(?:\s*\/\/ ([A-Z]+)\b([^\n]*))?(?=[\s\S])/gm)]
    // What is seldom done has a place of its own; binary operations need no case there.
    expect([...new Set([...cases.map(c => Number(c[1])), ...BINARY])].sort((a, b) => a - b)).toEqual(REGISTER_OPS.map((_, i) => i))
    for (const [, number, name] of cases)
      if (name !== undefined) expect(`${number} ${name}`).toBe(`${number} ${REGISTER_OPS[Number(number)].name}`)
    expect(cases.filter(c => c[2] !== undefined).length).toBeGreaterThan(40)
  })

  it('has every number that the linker emits', () => {
    const emitted = [...read('link.ts').matchAll(/\bemit\(([^,)]+(?: \? [^:]+ : [^,)]+)?)/g)].flatMap(m =>
      [...m[1].matchAll(/\b\d+\b/g)].map(n => Number(n[0])),
    )
    expect(emitted.length).toBeGreaterThan(25)
    for (const n of emitted) expect(REGISTER_OPS[n]).toBeDefined()
  })

  it('knows the length of every instruction: walking the code meets every place that the pc map names, and its end', () => {
    let walked = 0
    for (const { text } of sampled(conformance(), 12)) {
      const s = session({ allow: { primitives: true, control: true, test: true, read: '.' } })
      const { program } = compileIn(s, text)
      const templates = [new Template(s.shard.linker, program, 0)]
      for (let t = templates.pop(); t !== undefined; t = templates.pop())
        for (const { linked } of t.members) {
          const starts = new Set<number>()
          let pc = 0
          for (; pc < linked.code.length; pc += registerLength(linked.code, pc)) starts.add(pc)
          expect(pc).toBe(linked.code.length)
          for (let i = 0; i < linked.map.length; i += 2) expect(starts).toContain(linked.map[i])
          for (const c of linked.consts) if (c instanceof Template) templates.push(c)
          walked++
        }
    }
    expect(walked).toBeGreaterThan(200)
  })
})

describe('a listing of linked code', () => {
  const listed = (text: string, options: Partial<SessionOptions> = {}) => {
    const s = session(options)
    return linkedListing(s.shard.linker, compileIn(s, text).program)
  }

  it('shows register instructions beside the canonical ones; loads vanish into operands', () => {
    const text = listed('@"x"!(1 + 2)')
    expect(text).toMatch(/ INT 1 +\|\n/)
    expect(text).toMatch(/ADD +\| +\d+: ADD t\d ← 1 2\n/)
    expect(text).toMatch(/SEND 1 +\| +\d+: SENDK @"x" t\d\n/)
  })

  it('is made for every program of the corpus and does not depend on the session', () => {
    const options = { allow: { primitives: true, control: true, test: true, read: '.' } }
    for (const { text } of sampled(conformance(), 25)) {
      const first = listed(text, options)
      expect(first).toBe(listed(text, { ...options, seed: 99n }))
      expect(first).not.toContain('undefined')
    }
  })

  it('has compare-and-branch only with optimisation', () => {
    const text = 'for (@n <- @"c") { if (n < 2) { @"d"!(n) } }'
    expect(listed(text)).toContain('JLT')
    expect(listed(text, { opt: false })).not.toContain('JLT')
  })

  it('goes as deep as programs do', () => {
    const depth = 300
    expect(listed(`${'@"x"!({'.repeat(depth)}@"x"!(1)${'})'.repeat(depth)}`).split('\n\n').length).toBeGreaterThan(depth)
  })
})

describe('why an operation is not fused', () => {
  const program = 'for (@n <- @"c") { if (n < 2) { @"d"!(n * 3, n ++ "x", n.toString()) } }'

  it('by default everything is, Ints in place', () => {
    const report = why(program)
    expect(report).toContain('LT: fused: in place for two Ints, else a call within the slice; one instruction with the JFALSE after it')
    expect(report).toContain('MUL: fused: in place')
    expect(report).toContain('CONCAT: fused: a call within the slice')
    expect(report).toContain('.toString: fused')
    expect(report).toContain('compare-and-branch: 1\n')
    expect(report).not.toContain('not fused')
  })

  it('literal mode, a registered meaning and an unknown method are each named, and only where they matter', () => {
    expect(why(program, { trick: 'literal' }).match(/not fused: literal mode/g)).toHaveLength(4)
    const registered = why(program, {}, s => s.primitives.register('MUL', ([a]) => a))
    expect(registered).toContain('MUL: not fused: another meaning is registered')
    expect(registered.match(/not fused/g)).toHaveLength(1)
    expect(why('@"x"!(1.frobnicate())')).toContain('.frobnicate: not fused: no operation of this name')
  })

  it('says the same of a program read from its image alone', () => {
    const s = session()
    const { image } = compileIn(s, program)
    expect(fusionReport(s.shard.linker, new Program(image, null, 'image'), s.primitives)).toBe(why(program))
  })
})
