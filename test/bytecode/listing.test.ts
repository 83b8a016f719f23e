import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { asm } from '../../bytecode/asm.ts'
import { disasm, disasmJson } from '../../bytecode/disasm.ts'
import { hashImage, hashSequence } from '../../bytecode/hash.ts'
import { compareWords, fromBytes, members, toBytes, unionImages } from '../../bytecode/image.ts'
import { instructionLength, OPS, word } from '../../bytecode/opcodes.ts'
import { bytecodeReference } from '../../bytecode/reference.ts'
import { readProgram, writeProgram } from '../../bytecode/rhz.ts'
import { compile } from '../../src/compile/compile.ts'
import { NIL, Send, type Term } from '../../src/normal/term.ts'
import { Generator } from '../compile/generate.ts'
import { read, termOf } from '../normal/program.ts'

const same = (a: Uint32Array, b: Uint32Array): boolean => compareWords(a, 0, a.length, b, 0, b.length) === 0

describe('listings', () => {
  it('are read back word for word, compact and verbose', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const r = read(new Generator(seed * 97).proc(4, []))
      if (r.errors.length > 0) continue
      const { image } = compile(r.term)
      for (const verbose of [false, true]) {
        const back = asm(disasm(image, 0, { verbose }))
        expect('image' in back && same(back.image, image), `seed ${seed}`).toBe(true)
      }
      JSON.stringify(disasmJson(image))
    }
  })
  it('show an image inside an image as it is listed alone', () => {
    const alone = disasm(compile(termOf('@0!(1) | @0!(1)')).image)
    const inner = disasm(compile(termOf('@{ @0!(1) | @0!(1) }!(2)')).image)
    const flat = (text: string): string => text.replace(/^ +/gm, '')
    expect(flat(inner)).toContain(flat(alone))
  })
  it('show the source beside the instruction', () => {
    const text = '@0!(1 + 2)'
    const { image, spans } = compile(termOf(text))
    const listing = disasm(image, 0, {
      excerpt: at => {
        const s = spans.lookup(at)
        return s === undefined ? undefined : text.slice(s.start, s.end)
      },
    })
    expect(listing).toContain('ADD  ; 1 + 2')
  })
  it('give sequences as flat JSON', () => {
    const [outer, inner] = disasmJson(compile(termOf('@0!(@1!(2))')).image)
    expect(outer).toMatchObject({ v: 1, number: 0, parent: null, multiplicity: 1, sort: 'PROC' })
    expect(inner).toMatchObject({ number: 1, parent: { number: 0 }, sort: 'EXPR' })
  })
  it('say where a listing is wrong', () => {
    expect(asm('×1 PROC captures 0 locals 0 stack 0 {\n  FROB\n}')).toEqual({
      error: { code: 'BAD_LISTING', line: 2, message: 'instruction expected instead of FROB' },
    })
    for (const text of [
      '}',
      '{',
      '×1',
      '×1 PROC captures 0 locals 0 stack 0 { INT',
      'k0',
      '×1 EXPR captures 0 locals 0 stack 1 { k0 float 5 }',
    ])
      expect(asm(text)).toHaveProperty('error.code', 'BAD_LISTING')
  })
  it('list deep images', () => {
    let t: Term = NIL
    for (let i = 0; i < 5000; i++) t = new Send(0, [t], false)
    const { image } = compile(t)
    const back = asm(disasm(image))
    expect('image' in back && same(back.image, image)).toBe(true)
    expect(disasmJson(image).length).toBeGreaterThan(5000)
  })
  it('print every instruction', () => {
    for (const o of OPS) {
      const words = new Uint32Array(8)
      words[0] = word(o.code, 0)
      if (o.extra !== 'image') expect(instructionLength(words, 0)).toBeGreaterThan(0)
      const operand: Record<string, string> = {
        int: '-1',
        bool: 'true',
        count: '2',
        const: 'k0',
        local: 'L0',
        capture: 'c0',
        offset: '+0',
        rights: '1',
      }
      if (o.extra !== 'none' || o.operand === 'count+flag') continue
      const text = `×1 PROC captures 0 locals 0 stack 0 { ${o.name} ${operand[o.operand] ?? ''} }`
      const r = asm(text)
      if ('error' in r) throw new Error(r.error.message)
      expect(disasm(r.image)).toContain(`${o.name}${o.operand === 'none' ? '' : ` ${operand[o.operand]}`}`)
    }
  })
})

describe('program files', () => {
  const { image, spans } = compile(termOf('@0!(1 + 2)'))
  const source = { name: 'a.rho', text: '@0!(1 + 2)' }
  it('keep image, positions, source and link names', async () => {
    const back = await readProgram(await writeProgram({ image, spans, source, link: ['x'] }))
    if ('error' in back) throw new Error(back.error.message)
    expect(same(back.image, image)).toBe(true)
    expect(back.source).toEqual(source)
    expect(back.link).toEqual(['x'])
    expect([...(back.spans?.at ?? [])]).toEqual([...spans.at])
  })
  it('refuse damage', async () => {
    const file = await writeProgram({ image, source })
    for (let i = 0; i < file.length; i++) {
      const bad = file.slice()
      bad[i] ^= 0x10
      const r = await readProgram(bad)
      // padding bytes and the kind of a section that may be missing are not covered by a checksum
      if ('error' in r) expect(['BAD_FILE', 'VERSION']).toContain(r.error.code)
      else expect(same(r.image, image)).toBe(true)
    }
    expect(await readProgram(new Uint8Array(5))).toHaveProperty('error.code', 'BAD_FILE')
  })
})

describe('images', () => {
  it('have little-endian bytes', () => {
    expect([...toBytes(Uint32Array.of(0x04030201))]).toEqual([1, 2, 3, 4])
    expect(fromBytes(Uint8Array.of(1, 2, 3, 4))?.[0]).toBe(0x04030201)
    expect(fromBytes(Uint8Array.of(1, 2, 3))).toBeUndefined()
  })
  it('join as multisets', () => {
    const { image } = compile(termOf('@0!(1)'))
    expect(members(unionImages(image, image))).toMatchObject([{ multiplicity: 2 }])
    expect(same(unionImages(image, Uint32Array.of(0)), image)).toBe(true)
  })
  it('have identities that tell sequences from images', () => {
    const { image } = compile(termOf('@0!(1)'))
    expect(hashSequence(image)).toHaveLength(32)
    expect(hashSequence(image)).not.toEqual(hashImage(image))
  })
})

describe('docs/bytecode.md', () => {
  it('is what the table says', () => {
    expect(readFileSync(new URL('../../docs/bytecode.md', import.meta.url), 'utf8')).toBe(bytecodeReference())
  })
})
