import { describe, expect, it } from 'vitest'
import { asm } from '../../bytecode/asm.ts'
import { instructionLength, members, readSequence } from '../../bytecode/index.ts'
import { HEADER, OPS } from '../../bytecode/opcodes.ts'
import { type ImageError, verify } from '../../bytecode/verify.ts'
import { compile } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { Generator } from '../compile/generate.ts'
import { read, termOf } from '../normal/program.ts'

function image(listing: string): Uint32Array {
  const r = asm(listing)
  if ('error' in r) throw new Error(`${r.error.line}: ${r.error.message}`)
  return r.image
}
function code(listing: string): string | undefined {
  return verify(image(listing))?.code
}
const seq = (head: string, body: string): string => `×1 ${head} { ${body} }`

describe('the verifier names what is wrong', () => {
  it.each<[string, string, string | undefined]>([
    ['accepts a send', seq('PROC captures 0 locals 0 stack 2', 'INT 1 INT 2 SEND 1 HALT'), undefined],
    [
      'members out of order',
      `${seq('EXPR captures 0 locals 0 stack 1', 'INT 2 HALT')} ${seq('EXPR captures 0 locals 0 stack 1', 'INT 1 HALT')}`,
      'NOT_CANONICAL',
    ],
    [
      'a member twice',
      `${seq('EXPR captures 0 locals 0 stack 1', 'INT 1 HALT')} ${seq('EXPR captures 0 locals 0 stack 1', 'INT 1 HALT')}`,
      'NOT_CANONICAL',
    ],
    ['multiplicity 0', '×0 EXPR captures 0 locals 0 stack 1 { INT 1 HALT }', 'BAD_IMAGE_HEADER'],
    ['maxStack too large', seq('PROC captures 0 locals 0 stack 3', 'INT 1 INT 2 SEND 1 HALT'), 'NOT_CANONICAL'],
    ['maxStack too small', seq('PROC captures 0 locals 0 stack 1', 'INT 1 INT 2 SEND 1 HALT'), 'NOT_CANONICAL'],
    ['stack underflow', seq('PROC captures 0 locals 0 stack 1', 'INT 1 ADD EVAL'), 'BAD_IMAGE_STACK'],
    ['a stack that is not empty after SEND', seq('PROC captures 0 locals 0 stack 3', 'INT 1 INT 1 INT 2 SEND 1 HALT'), 'BAD_IMAGE_STACK'],
    [
      'an operand that reaches below its operator',
      seq('EXPR captures 0 locals 0 stack 3', 'INT 1 BOOL true ANDTHEN +3 INT 1 ADD INT 2 ADD HALT'),
      'BAD_IMAGE_STACK',
    ],
    ['code that does not end', seq('PROC captures 0 locals 0 stack 2', 'INT 1 INT 2'), 'BAD_IMAGE_END'],
    ['unreachable code', seq('PROC captures 0 locals 0 stack 1', 'INT 1 EVAL HALT'), 'BAD_IMAGE_END'],
    ['a jump out of the sequence', seq('PROC captures 0 locals 0 stack 1', 'BOOL true JFALSE +9 HALT HALT'), 'BAD_IMAGE_JUMP'],
    ['a jump into an instruction', seq('PROC captures 0 locals 0 stack 1', 'BOOL true JFALSE +2 HALT QUOTE { } EVAL'), 'BAD_IMAGE_END'],
    ['JUMP', seq('PROC captures 0 locals 0 stack 0', 'JUMP +0 HALT'), 'NOT_CANONICAL'],
    ['an effect in an expression', seq('EXPR captures 0 locals 0 stack 2', 'INT 1 INT 2 SEND 1 HALT'), 'BAD_IMAGE_OPCODE'],
    ['a local that nothing binds', seq('PROC captures 0 locals 1 stack 1', 'LOADL L0 EVAL'), 'BAD_IMAGE_OPERAND'],
    [
      'a local that is not used up to its number',
      seq('PROC captures 0 locals 3 stack 1', 'NEW 2 base L0 more 0 LOADL L0 EVAL'),
      'NOT_CANONICAL',
    ],
    ['a capture in a program', seq('PROC captures 1 locals 0 stack 1', 'LOADC c0 EVAL'), 'BAD_IMAGE_CLOSE'],
    ['a constant that is not used', seq('EXPR captures 0 locals 0 stack 1', 'k0 string "a" INT 1 HALT'), 'NOT_CANONICAL'],
    [
      'constants out of order',
      seq('EXPR captures 0 locals 0 stack 2', 'k0 string "a" k1 string "b" CONST k1 CONST k0 LIST 2 HALT'),
      'NOT_CANONICAL',
    ],
    [
      'a constant twice',
      seq('EXPR captures 0 locals 0 stack 2', 'k0 string "a" k1 string "a" CONST k0 CONST k1 LIST 2 HALT'),
      'NOT_CANONICAL',
    ],
    ['a constant of the wrong kind', seq('EXPR captures 0 locals 0 stack 1', 'k0 string "a" INT 1 MATCHES k0 HALT'), 'BAD_IMAGE_OPERAND'],
    ['an Int that INT holds', seq('EXPR captures 0 locals 0 stack 1', 'k0 int 5 CONST k0 HALT'), 'NOT_CANONICAL'],
    ['a ratio that can be reduced', seq('EXPR captures 0 locals 0 stack 1', 'k0 bigrat 2 4 CONST k0 HALT'), 'NOT_CANONICAL'],
    ['a forged name', seq('EXPR captures 0 locals 0 stack 1', `k0 unforgeable #${'00'.repeat(32)} CONST k0 HALT`), 'BAD_IMAGE_NAME'],
    [
      'CLOSE where nothing is quoted',
      seq('PROC captures 0 locals 1 stack 1', 'NEW 1 base L0 more 0 LOADL L0 CLOSE L0 EVAL'),
      'BAD_IMAGE_CLOSE',
    ],
    [
      'a missing CLOSE',
      seq('EXPR captures 0 locals 0 stack 1', 'QUOTE { ×1 PROC captures 1 locals 0 stack 1 { LOADC c0 EVAL } } HALT'),
      'BAD_IMAGE_CLOSE',
    ],
    [
      'a body that could run in place',
      seq(
        'PROC captures 0 locals 1 stack 0',
        'NEW 1 base L0 more 0 SPAWN { ×1 PROC captures 0 locals 0 stack 1 { INT 1 SEND 0 HALT } } HALT',
      ),
      'NOT_CANONICAL',
    ],
    [
      'a pattern that binds too few variables',
      seq('PROC captures 0 locals 2 stack 1', 'k0 pattern bind arity 1 variables 2 slots tree var:0 end INT 1 RECV 1 <- k0 base L0 HALT'),
      'BAD_IMAGE_PATTERN',
    ],
    [
      'a pattern of the wrong class',
      seq('PROC captures 0 locals 0 stack 1', 'k0 pattern bind general 1 variables 0 slots tree _ end INT 1 RECV 1 <- k0 base L0 HALT'),
      'NOT_CANONICAL',
    ],
    [
      'an effect in a guard',
      seq(
        'PROC captures 0 locals 0 stack 1',
        'k0 pattern bind arity 1 variables 0 slots tree _ end k1 guard slots GUARD captures 0 locals 0 stack 1 { INT 1 SEND 0 HALT } INT 1 RECV 1 <- k0 where k1 base L0 HALT',
      ),
      'BAD_IMAGE_GUARD',
    ],
  ])('%s', (_, listing, expected) => {
    expect(code(listing)).toBe(expected)
  })

  it('finds lengths that do not add up, with the word', () => {
    const good = image(seq('EXPR captures 0 locals 0 stack 1', 'INT 1 HALT'))
    expect(verify(good)).toBeUndefined()
    expect(verify(new Uint32Array(0))).toMatchObject({ code: 'BAD_IMAGE_LENGTH', position: 0 })
    expect(verify(Uint32Array.of(...good, 0))).toMatchObject({ code: 'BAD_IMAGE_LENGTH', position: good.length })
    expect(verify(good.slice(0, -1))).toMatchObject({ code: 'BAD_IMAGE_LENGTH' })
    const bits = good.slice()
    bits[good.length - 1] |= 0x100
    expect(verify(bits)).toMatchObject({ code: 'NOT_CANONICAL', position: good.length - 1 })
    const format = good.slice()
    format[3] = 0x202
    expect(verify(format)).toMatchObject({ code: 'BAD_IMAGE_HEADER', position: 3 })
    const opcode = good.slice()
    opcode[3 + HEADER] = 0x80
    expect(verify(opcode)).toMatchObject({ code: 'BAD_IMAGE_OPCODE', position: 3 + HEADER })
  })

  it('finds constants that are none, with the word', () => {
    const good = image(seq('EXPR captures 0 locals 0 stack 1', 'k0 string "ab" CONST k0 HALT'))
    expect(verify(good)).toBeUndefined()
    const pool = 3 + HEADER
    const spoilt = (at: number, word: number): Uint32Array => good.map((w, i) => (i === at ? word : w))
    expect(verify(spoilt(pool, 99))).toMatchObject({ code: 'BAD_IMAGE_CONSTANT', position: pool })
    expect(verify(spoilt(pool + 1, 1000))).toMatchObject({ code: 'BAD_IMAGE_CONSTANT' })
  })

  it('keeps limits', () => {
    const nested = compile(termOf('@0!(@1!(@2!(3)))')).image
    expect(verify(nested, { maxNesting: 2 })).toMatchObject({ code: 'BAD_IMAGE_LIMIT' })
    expect(verify(nested, { maxWords: 10 })).toMatchObject({ code: 'BAD_IMAGE_LIMIT' })
    const many = image(seq('EXPR captures 0 locals 0 stack 1', 'INT 1 HALT'))
    many[1] = 0xffffffff
    expect(verify(many)).toMatchObject({ code: 'BAD_IMAGE_LIMIT' })
  })
})

describe('mutated images', () => {
  it('give typed errors or images that decode and compile again, never an exception', () => {
    const g = new Generator(20_251)
    const images: Uint32Array[] = []
    while (images.length < 60) {
      const r = read(g.proc(4, []))
      if (r.errors.length === 0) images.push(compile(r.term).image)
    }
    const codes = new Set<string>()
    for (let i = 0; i < 4000; i++) {
      const words = g.pick(images).slice()
      for (let k = 1 + g.next(3); k > 0; k--) {
        const at = g.next(words.length)
        const kinds = [
          g.next(256),
          words[at] ^ (1 << g.next(32)),
          words[at] + 1,
          words[g.next(words.length)],
          (words[at] & 0xff) | (g.next(40) << 8),
        ]
        words[at] = g.pick(kinds)
      }
      const e: ImageError | undefined = verify(words, { maxExpanded: 1000 })
      if (e === undefined) compile(decodeOpen(words))
      else {
        codes.add(e.code)
        expect(e.position).toBeGreaterThanOrEqual(0)
        expect(e.position).toBeLessThanOrEqual(words.length)
      }
    }
    expect(codes.size).toBeGreaterThan(8)
  })
})

describe('the instruction table', () => {
  const programs = [...OPS.filter(o => o.example !== '–' && !o.name.startsWith('PATHMAP')).map(o => ({ name: o.name, source: o.example }))]
  it.each(programs)('the example of $name has the instruction', ({ name, source }) => {
    const { image } = compile(termOf(source))
    expect(verify(image)).toBeUndefined()
    const found = new Set<number>()
    const work = members(image)
    for (let m = work.pop(); m !== undefined; m = work.pop()) {
      const s = readSequence(image, m.at)
      for (let pc = s.codeStart; pc < s.codeEnd; pc += instructionLength(image, pc)) {
        found.add(image[pc] & 0xff)
        if (OPS.find(o => o.code === (image[pc] & 0xff))?.extra === 'image') work.push(...members(image, pc + 2))
      }
    }
    expect(found.has(OPS.find(o => o.name === name)?.code ?? -1)).toBe(true)
  })
  it('has one number and one name for each instruction, below 0x80', () => {
    expect(new Set(OPS.map(o => o.code)).size).toBe(OPS.length)
    expect(new Set(OPS.map(o => o.name)).size).toBe(OPS.length)
    for (const o of OPS) expect(o.code).toBeLessThan(0x80)
  })
})
