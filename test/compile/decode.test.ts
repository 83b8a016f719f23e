import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { asm } from '../../bytecode/asm.ts'
import { compareWords, imageCaptures, members, readSequence } from '../../bytecode/image.ts'
import { instructionLength, OP_INFO, Op } from '../../bytecode/opcodes.ts'
import { verify } from '../../bytecode/verify.ts'
import { verifyCanonical } from '../../src/compile/canonical.ts'
import { compile, compileOpen, imageOf } from '../../src/compile/compile.ts'
import { decodeImage, decodeOpen, decodePattern, decodeSequence } from '../../src/compile/decode.ts'
import { equal } from '../../src/normal/order.ts'
import { close } from '../../src/normal/substitute.ts'
import { Send, Tag, tagOf, Unforgeable } from '../../src/normal/term.ts'
import { read, termOf } from '../normal/program.ts'
import { Generator } from './generate.ts'

const same = (a: Uint32Array, b: Uint32Array): boolean => compareWords(a, 0, a.length, b, 0, b.length) === 0
const FOLDER = new URL('../conformance/', import.meta.url)

describe('images are lossless', () => {
  it('for every conformance program: decode gives the normal form, compiling it again the same bytes', () => {
    let programs = 0
    for (const folder of ['errors', 'expressions', 'patterns', 'processes', 'programs'])
      for (const file of readdirSync(new URL(folder, FOLDER)).filter(f => f.endsWith('.rho'))) {
        const r = read(readFileSync(new URL(`${folder}/${file}`, FOLDER), 'utf8'))
        if (r.errors.length > 0) continue
        programs++
        const { image } = compile(r.term)
        expect(verify(image), file).toBeUndefined()
        const term = decodeOpen(image)
        expect(equal(term, r.term), file).toBe(true)
        expect(same(imageOf(term), image), file).toBe(true)
      }
    expect(programs).toBeGreaterThan(500)
  })

  it('for random processes, closed and open', () => {
    for (let seed = 1; seed <= 800; seed++) {
      const source = new Generator(seed * 31).proc(4, ['u', 'v', 'w'])
      const openRead = read(source, { open: true })
      if (openRead.errors.length > 0) continue
      const { image, captures } = compileOpen(openRead.term)
      expect(verify(image, { open: true }), `seed ${seed}: ${source}`).toBeUndefined()
      const list = captures.flat()
      expect(list.length).toBe(imageCaptures(image))
      const again = imageOf(decodeOpen(image))
      expect(same(again, image), `seed ${seed}: ${source}`).toBe(true)
      // closing the image over the values of its captures is the same as closing the term
      const values = ['U', 'V', 'W', 'X']
      const closed = decodeImage(image)(list.map(i => values[i]))
      expect(equal(closed, close(openRead.term, values)), `seed ${seed}: ${source}`).toBe(true)
      const whole = termOf(`new w, u, v in { ${source} }`)
      expect(equal(decodeOpen(compile(whole).image), whole), `seed ${seed}: ${source}`).toBe(true)
    }
  })

  it('keeps names made by new, as the same objects', () => {
    const name = new Unforgeable({ bytes: () => new Uint8Array(32).fill(7) }, 0)
    const { image } = compileOpen(new Send(name, [1], false))
    expect(verify(image)).toMatchObject({ code: 'BAD_IMAGE_NAME' })
    expect(verify(image, { trusted: true })).toBeUndefined()
    expect((decodeOpen(image) as Send).chan).toBe(name)
  })
})

describe('decodeSequence', () => {
  it('knows the node of every effect and primitive', () => {
    const source =
      'new x in { for (@a <- x where a > 0) { match a { [1, q] where q > 1 => { if (q == 2 && true) { x!(q + 1) } } _ => { @[a].nth(0)!(a matches Int) } } } }'
    const { image } = compile(termOf(source))
    const seq = readSequence(image, members(image)[0].at)
    const { term, nodeAt } = decodeSequence(seq)
    expect(equal(term, termOf(source))).toBe(true)
    const tags: Record<string, number> = {
      NEW: Tag.New,
      RECV: Tag.Receive,
      CASE: Tag.Match,
      JFALSE: Tag.If,
      EQ: Tag.Eq,
      ANDTHEN: Tag.AndThen,
      ADD: Tag.Add,
      SEND: Tag.Send,
      METHOD: Tag.Method,
      MATCHES: Tag.Matches,
    }
    const seen = new Set<string>()
    for (let pc = seq.codeStart; pc < seq.codeEnd; pc += instructionLength(image, pc)) {
      const name = OP_INFO[image[pc] & 0xff]?.name ?? ''
      const node = nodeAt.get(pc)
      if (tags[name] === undefined) continue
      seen.add(name)
      expect(node === undefined ? -1 : tagOf(node), name).toBe(tags[name])
    }
    expect(seen.size).toBeGreaterThanOrEqual(8)
  })

  it('gives pattern blobs with references to slots', () => {
    const { image } = compile(termOf('new x, y in { for (@[=*x, =*y, =*x, v] <- y) { @0!(v) } }'))
    const seq = readSequence(image, members(image)[0].at)
    const k = seq.constants.findIndex(c => c.kind === 'pattern')
    const p = decodePattern(seq, k)
    expect(p.count).toBe(1)
    expect(p.refs).toEqual([
      { capture: false, index: 0 },
      { capture: false, index: 1 },
    ])
    expect(p.guard).toBeNull()
    expect(image.includes(Op.HALT)).toBe(true)
  })
})

describe('verifyCanonical', () => {
  it('accepts what the compiler makes', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const r = read(new Generator(seed * 17).proc(4, []))
      if (r.errors.length === 0) expect(verifyCanonical(compile(r.term).image), `seed ${seed}`).toBeUndefined()
    }
  })
  it.each([
    ['a set out of order', '×1 EXPR captures 0 locals 0 stack 2 { INT 2 INT 1 SET 2 HALT }'],
    ['a process as a component of kind EXPR', '×1 EXPR captures 0 locals 0 stack 1 { NIL HALT }'],
    ['a channel that is evaluated in vain', '×1 PROC captures 0 locals 0 stack 1 { INT 1 REDUCE SEND 0 HALT }'],
  ])('refuses %s', (_, listing) => {
    const r = asm(listing)
    if ('error' in r) throw new Error(r.error.message)
    expect(verify(r.image)).toBeUndefined()
    expect(verifyCanonical(r.image)).toMatchObject({ code: 'NOT_CANONICAL' })
  })
})
