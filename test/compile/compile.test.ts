import { describe, expect, it } from 'vitest'
import { bytesHex, disasm } from '../../bytecode/disasm.ts'
import { compareWords, members } from '../../bytecode/image.ts'
import { Op } from '../../bytecode/opcodes.ts'
import { verify } from '../../bytecode/verify.ts'
import { compile, compileOpen, imageOf, imageOfName, imageUnion } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { makePar } from '../../src/normal/build.ts'
import { equal } from '../../src/normal/order.ts'
import { Bind, bound, free, List, NIL, Op as OpTerm, Receive, Send, Tag, type Term, tagOf } from '../../src/normal/term.ts'
import { read, termOf } from '../normal/program.ts'
import { Generator } from './generate.ts'

const bytes = (words: Uint32Array): string => bytesHex(words)
const image = (source: string): string => bytes(imageOf(termOf(source)))
const open = (source: string): Term => {
  const r = read(source, { open: true })
  if (r.errors.length > 0) throw new Error(`${r.errors.join(', ')} in ${source}`)
  return r.term
}

const same = (a: Uint32Array, b: Uint32Array): boolean => compareWords(a, 0, a.length, b, 0, b.length) === 0

/** Whether the words of `part` stand somewhere in `whole`. */
function holds(whole: Uint32Array, part: Uint32Array): boolean {
  for (let i = 0; i + part.length <= whole.length; i++) {
    let k = 0
    while (k < part.length && whole[i + k] === part[k]) k++
    if (k === part.length) return true
  }
  return false
}

/** Open programs over u, v, w that have no static error. */
function* openPrograms(count: number, from: number): Iterable<{ source: string; term: Term; seed: number }> {
  for (let seed = from; count > 0; seed++) {
    const source = new Generator(seed * 7919).proc(4, ['u', 'v', 'w'])
    const r = read(source, { open: true })
    if (r.errors.length > 0) continue
    count--
    yield { source, term: r.term, seed }
  }
}

describe('T1: the code of a name is QUOTE, the length and the image of the process', () => {
  it.each(['Nil', '@0!(1)', 'new x in { x!(1) | x!(1) }', '1 | "a" | [2]'])('%s', source => {
    const p = imageOf(termOf(source))
    const name = imageOfName(termOf(source))
    expect([...name]).toEqual([Op.QUOTE, p.length, ...p])
  })
  it('is what a send on the name starts with', () => {
    const p = imageOf(termOf('@0!(1) | @0!(2)'))
    const send = imageOf(termOf('@{ @0!(1) | @0!(2) }!(3)'))
    const code = members(send)[0].at + 5
    expect([...send.slice(code, code + 2 + p.length)]).toEqual([Op.QUOTE, p.length, ...p])
  })
})

describe('T2: the same bytes occur wherever the process is quoted', () => {
  it('in random open processes under every order of binders', () => {
    for (const { source, term, seed } of openPrograms(250, 1)) {
      // a name that is a bare variable is loaded, not quoted
      if (tagOf(term) === Tag.Bound) continue
      const part = imageOf(term)
      for (const names of ['u, v, w', 'w, v, u', 'v, u, w']) {
        const whole = compile(termOf(`new ${names} in { @"top"!(@{ ${source} }!(0)) }`)).image
        expect(holds(whole, part), `seed ${seed}: ${source}`).toBe(true)
      }
    }
  })
  it('also where components differ only in the variables that they capture', () => {
    const source = 'x!(1) | y!(1) | x!(2)'
    const swapped = 'y!(1) | x!(1) | y!(2)'
    // as terms these differ: variables are numbered from the binders
    const a = termOf(`new x, y in { @0!(@1!({ ${source} })) }`)
    const b = termOf(`new x, y in { @0!(@1!({ ${swapped} })) }`)
    expect(equal(a, b)).toBe(false)
    const part = imageOf(open(`@1!({ ${source} })`))
    expect(holds(imageOf(a), part)).toBe(true)
    expect(holds(imageOf(b), part)).toBe(true)
    // and a process that uses them in another way does not
    expect(holds(imageOf(termOf('new x, y in { @0!(@1!({ x!(1) | y!(1) | x!(1) })) }')), part)).toBe(false)
  })
  it('where binds of a join differ only in what they capture', () => {
    const body = (x: string, y: string): string => `for (a <- ${x} & b <- ${y}) { a!(*b) }`
    const part = imageOf(open(body('x', 'y')))
    for (const [x, y] of [
      ['x', 'y'],
      ['y', 'x'],
    ])
      expect(holds(imageOf(termOf(`new x, y in { @0!({ ${body(x, y)} }) }`)), part)).toBe(true)
  })
})

describe('T3 and T4: quoting and unquoting leave no trace, equal processes are one name', () => {
  it.each([
    ['*@{ @0!(1) | @1!(2) }', '@0!(1) | @1!(2)'],
    ['new x in { @{*x}!(1) }', 'new x in { x!(1) }'],
    ['@{ @0!(1) | @1!(2) }!(0)', '@{ @1!(2) | @0!(1) }!(0)'],
    ['new x in { x!(1) }', 'new y in { y!(1) }'],
    ['@{ @0!(1) | Nil }!(0)', '@{ @0!(1) }!(0)'],
    ['for (a <- @1 & b <- @2) { a!(*b) }', 'for (b <- @2 & a <- @1) { a!(*b) }'],
  ])('%s is %s', (a, b) => {
    expect(image(a)).toBe(image(b))
  })
})

describe('T7: a parallel composition is a multiset of independent sequences', () => {
  const parts = ['@0!(1)', 'new x in { x!(1) | x!(2) }', 'for (@v <- @"c") { @0!(v) }']
  it('prints each component as it prints alone', () => {
    const whole = disasm(imageOf(termOf(parts.join(' | '))))
    for (const p of parts) expect(whole).toContain(disasm(imageOf(termOf(p))))
    expect(whole.match(/^×1/gm)).toHaveLength(3)
  })
  it('counts equal components', () => {
    expect(disasm(imageOf(termOf('@0!(1) | @0!(1)')))).toMatch(/^×2 PROC/)
    expect(members(imageOf(termOf('@0!(1) | @0!(1)')))).toHaveLength(1)
  })
  it('does not see Nil, order or grouping', () => {
    const [a, b, c] = parts
    const one = image(`${a} | ${b} | ${c}`)
    for (const other of [`${c} | { ${b} | ${a} }`, `{ ${a} | ${c} } | ${b}`, `Nil | ${b} | { Nil | ${c} | ${a} }`])
      expect(image(other)).toBe(one)
    expect(image('Nil')).toBe('00000000')
  })
})

describe('T8: the image of P | Q is the union of both images', () => {
  it('for random processes', () => {
    let last: Term = NIL
    for (const { source, term, seed } of openPrograms(1000, 50_000)) {
      const union = imageUnion(imageOf(last), imageOf(term))
      expect(same(imageOf(makePar([last, term])), union), `seed ${seed}: ${source}`).toBe(true)
      last = term
    }
  })
  it('not their concatenation', () => {
    const p = imageOf(termOf('@0!(1)'))
    expect(members(imageUnion(p, p))).toMatchObject([{ multiplicity: 2 }])
  })
})

describe('T10: width and depth are bounded by memory only', () => {
  it.each([127, 128, 129, 255, 256, 257, 10_000, 32_767, 32_768, 65_536, 65_537])('%i components', width => {
    const items: Term[] = []
    for (let i = 0; i < width; i++) items.push(new Send('c', [i], false))
    const { image } = compile(makePar(items))
    expect(members(image)).toHaveLength(width)
    expect(verify(image)).toBeUndefined()
  })
  const deep = (make: (inner: Term) => Term, times: number): Term => {
    let t: Term = new Send(0, [], false)
    for (let i = 0; i < times; i++) t = make(t)
    return t
  }
  it.each<[string, number, (inner: Term) => Term]>([
    ['receives', 100_000, t => new Receive([new Bind([free(0)], null, 'a', 0, 1)], null, t, 1)],
    ['lists', 100_000, t => new List([t])],
    ['operators', 300_000, t => new OpTerm(Tag.Add, t, 1)],
    ['quotations', 20_000, t => new Send(0, [t], false)],
    [
      'bodies of two components',
      20_000,
      t => makePar([new Send(bound(0), [1], false), new Receive([new Bind([free(0)], null, 'a', 0, 1)], null, t, 1)]),
    ],
  ])('nested %s', (_, times, make) => {
    const { image } = compileOpen(deep(make, times))
    expect(verify(image, { open: true })).toBeUndefined()
    expect(same(imageOf(decodeOpen(image)), image)).toBe(true)
  })
})

describe('T27: adding a component does not change the code of another', () => {
  it('for random pairs', () => {
    let last: Term = new Send(0, [], false)
    for (const { term, source, seed } of openPrograms(300, 90_000)) {
      const whole = imageOf(makePar([last, term]))
      for (const m of members(imageOf(last)))
        expect(holds(whole, imageOf(last).slice(m.at, m.at + m.len)), `seed ${seed}: ${source}`).toBe(true)
      last = term
    }
  })
})

describe('what runs where', () => {
  const listing = (source: string): string[] =>
    disasm(imageOf(termOf(source)))
      .split('\n')
      .map(l => l.trim())
  it('runs a body of one component in place and spawns several', () => {
    expect(listing('for (_ <- @1) { @0!(1) }').some(l => l.includes('SPAWN'))).toBe(false)
    expect(listing('for (_ <- @1) { @0!(1) | @0!(2) }').some(l => l.includes('SPAWN'))).toBe(true)
    expect(listing('for (_ <- @1) { Nil }').some(l => l.includes('SPAWN'))).toBe(false)
  })
  it('evaluates a channel only where it has exposed expressions', () => {
    expect(listing('@{1 + 1}!(0)').some(l => l.includes('REDUCE'))).toBe(true)
    expect(listing('@{@0!(1 + 1)}!(0)').some(l => l.includes('REDUCE'))).toBe(false)
  })
  it('puts a process together from code and values', () => {
    expect(listing('new c, x in { c!(x!(1) | 2 + 3) }')).toEqual(expect.arrayContaining([expect.stringContaining('PAR 2')]))
  })
  it('gives positions to instructions that can fail', () => {
    const { image, spans } = compile(termOf('@0!(1 + 2)'))
    const ops = [...spans.at].map(at => image[at] & 0xff)
    expect(ops).toEqual([Op.ADD, Op.SEND])
    expect(spans.lookup(spans.at[0])).toEqual({ start: 4, end: 9 })
    expect(spans.lookup(spans.at[0] - 1)).toBeUndefined()
  })
  it('says which variables the members capture', () => {
    const { captures } = compileOpen(makePar([new Send(bound(1), [bound(0)], false), new Send('a', [bound(2)], false)]))
    expect([...captures].sort((a, b) => a.length - b.length)).toEqual([[2], [1, 0]])
  })
})
