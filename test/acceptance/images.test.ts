import { describe, expect, it } from 'vitest'
import { disasm } from '../../bytecode/disasm.ts'
import { compareWords, members } from '../../bytecode/image.ts'
import { Op } from '../../bytecode/opcodes.ts'
import { compile, compileOpen, imageOf, imageOfName, imageUnion } from '../../src/compile/compile.ts'
import { Program } from '../../src/machine/link.ts'
import { makePar } from '../../src/normal/build.ts'
import { Send, Tag, type Term, tagOf } from '../../src/normal/term.ts'
import { compileIn, conformance, count, generated, left, numbers, open, openTermOf, run, SEED, sampled, termOf, traced } from './support.ts'

function same(a: Uint32Array, b: Uint32Array): boolean {
  return compareWords(a, 0, a.length, b, 0, b.length) === 0
}

/** Word offset of `part` in `whole`, −1 if it is not there. */
function find(whole: Uint32Array, part: Uint32Array): number {
  outer: for (let i = 0; i + part.length <= whole.length; i++) {
    for (let k = 0; k < part.length; k++) if (whole[i + k] !== part[k]) continue outer
    return i
  }
  return -1
}

/** Code, not a value or variable: what is quoted where it is sent. */
function isCode(t: Term): boolean {
  const tag = tagOf(t)
  return (tag >= Tag.Send && tag <= Tag.Select) || tag === Tag.Par
}

function corpus(n: number): { name: string; term: Term }[] {
  const out: { name: string; term: Term }[] = []
  for (const s of sampled(conformance(), 9)) out.push({ name: s.name, term: termOf(s.text) })
  for (const g of generated(n)) out.push({ name: `closed ${g.seed}`, term: termOf(g.text) })
  for (const g of generated(n, { closed: false })) out.push({ name: `open ${g.seed}`, term: openTermOf(g.text) })
  return out
}
const CORPUS = corpus(count(1000))

describe('T1 the image of @{P} is QUOTE, the length, the image of P', () => {
  it('for the corpus, closed and open, byte for byte', () => {
    for (const { name, term } of CORPUS) {
      const p = imageOf(term)
      const quoted = imageOfName(term)
      expect(quoted[0], name).toBe(Op.QUOTE)
      expect(quoted[1], name).toBe(p.length)
      expect(same(quoted.subarray(2), p), name).toBe(true)
    }
  })

  it('a send on @{P} begins with exactly these words', () => {
    for (const { name, term } of CORPUS) {
      if (!isCode(term) || imageOf(term).length === 1) continue
      const send = compileOpen(new Send(term, [1], false)).image
      const at = members(send)[0].at
      expect(find(send, imageOfName(term)), name).toBe(at + 5 + send[at + 4])
    }
  })

  it('negative control: another process has another image', () => {
    const wrong = imageOfName(termOf('@0!(1) | @0!(3)'))
    expect(same(wrong.subarray(2), imageOf(termOf('@0!(1) | @0!(2)')))).toBe(false)
  })
})

describe('T2 the same bytes stand in every larger program', () => {
  const CONTEXTS: readonly ((p: string) => string)[] = [
    p => `@"c"!({ ${p} })`,
    p => `@"c"!!(1, { ${p} }, [2])`,
    p => `for (x <- @{ ${p} }) { x!(1) }`,
    p => `new u, v in { u!(*v) | for (@y, z <= u) { z!({ ${p} }, y) } }`,
    p => `match 1 { 2 => Nil _ => @"d"!({ ${p} }) }`,
    p => `if (true) { @"e"!([1, { ${p} }]) } else { Nil }`,
    p => `contract @"f"(@n) = { for (m <<- @n) { @{ ${p} }!(*m) } }`,
  ]

  it('in random contexts', () => {
    const below = numbers(SEED)
    for (const { seed, text } of generated(count(400), { depth: 3 })) {
      const term = termOf(text)
      if (!isCode(term)) continue
      const quoted = imageOfName(term)
      const context = CONTEXTS[below(CONTEXTS.length)]
      const outer = below(2) === 0 ? context(text) : `${context(text)} | @9!(${below(100)})`
      expect(find(imageOf(termOf(outer)), quoted), `seed ${seed} in ${outer}`).toBeGreaterThanOrEqual(0)
    }
  })

  it('negative control: the bytes of another process do not', () => {
    const outer = imageOf(termOf(CONTEXTS[0]('@0!(1) | @0!(2)')))
    expect(find(outer, imageOfName(termOf('@0!(1) | @0!(3)')))).toBe(-1)
  })
})

describe('T3 quoting and unquoting undo each other', () => {
  it('*@{P} compiles as P', () => {
    for (const { seed, text } of generated(count(200)))
      expect(same(imageOf(termOf(`*@{ ${text} }`)), imageOf(termOf(text))), `seed ${seed}`).toBe(true)
  })

  it('@{*x} is x', () => {
    expect(disasm(imageOf(openTermOf('@{*x}!(1)')))).toBe(disasm(imageOf(openTermOf('x!(1)'))))
  })

  it('running a received P starts exactly the machines of P', () => {
    for (const p of ['@"a"!(1) | @"a"!(1) | for (_ <- @"b") { Nil }', 'new x in { x!(1) } | @"c"!(2) | @"c"!!(3)']) {
      const sequences = (running: ReturnType<typeof open>): string[] =>
        (JSON.parse(running.session.snapshot()) as { machines: { seq: string; pc: number }[] }).machines.map(m => `${m.seq} ${m.pc}`).sort()
      const direct = open({ policy: 'rr' })
      direct.session.deploy(compileIn(direct.session, p))
      const dynamic = open({ policy: 'rr' })
      dynamic.session.deploy(compileIn(dynamic.session, `for (x <- @"go") { *x } | @"go"!({ ${p} })`))
      const seen: string[][] = []
      for (let i = 0; i < 4; i++) {
        dynamic.session.run(1)
        seen.push(sequences(dynamic))
      }
      expect(seen).toContainEqual(sequences(direct))
    }
  })
})

describe('T4 one process, one name', () => {
  const meet = (a: string, b: string): { out: number; blocked: number } => {
    const running = run(`${a}!(1) | for (@v <- ${b}) { @"out"!(v) }`)
    return { out: running.session.data().get('@"out"')?.length ?? 0, blocked: running.session.blocked().length }
  }
  it.each([
    ['@{ @"p"!(1) | @"q"!(2) }', '@{ @"q"!(2) | @"p"!(1) }'],
    ['@{ new x in { x!(1) } }', '@{ new y in { y!(1) } }'],
    ['@{ for (a, @b <- @0) { a!(b) } }', '@{ for (z, @w <- @0) { z!(w) } }'],
    ['@{ @"p"!(1) | Nil }', '@{ @"p"!(1) }'],
    ['@{ *@{ @"p"!(1) } }', '@{ @"p"!(1) }'],
    ['@{ 1 + 1 }', '@2'],
  ])('%s meets %s', (a, b) => {
    expect(meet(a, b)).toEqual({ out: 1, blocked: 0 })
    expect(meet(b, a)).toEqual({ out: 1, blocked: 0 })
  })

  it('substituted is written out', () => {
    const running = run('for (x <- @"in") { @{ x!(1) }!("met") } | @"in"!(*@"a") | for (@v <- @{ @{"a"}!(1) }) { @"out"!(v) }')
    expect(left(running)).toMatchObject({ data: ['@"out"!("met")'], blocked: [] })
  })

  it('negative control: different processes do not meet', () => {
    expect(meet('@{ @"p"!(1) | @"q"!(2) }', '@{ @"p"!(1) | @"q"!(3) }')).toEqual({ out: 0, blocked: 1 })
    expect(meet('@{ new x, y in { x!(*y) } }', '@{ new x, y in { x!(*x) } }')).toEqual({ out: 0, blocked: 1 })
  })
})

describe('T6 a process that is sent does not run', () => {
  it('one message on x, none on y', () => {
    const { session } = run('new x, y in { x!( y!(1) ) }')
    expect((JSON.parse(session.snapshot()) as { space: unknown[]; machines: unknown[] }).space).toHaveLength(1)
    expect([...run('@"x"!( @"y"!(1) )').session.data()]).toEqual([['@"x"', [['@{"y"}!(1)']]]])
  })

  it('negative control: beside the message it would run', () => {
    expect([...run('@"x"!(0) | @"y"!(1)').session.data().keys()]).toEqual(['@"x"', '@"y"'])
  })
})

describe('T7 a parallel composition is the multiset of its sequences', () => {
  const [p, q, r] = ['@"a"!(1, 2)', 'for (x <- @"b") { x!(0) }', 'new n in { n!(*n) }']

  it('P|Q|R prints three sequences, each as it prints alone', () => {
    const block = (text: string): string[] =>
      disasm(imageOf(termOf(text)))
        .split(/\n(?=\S)/)
        .map(b => b.trim())
    expect(block(`${p} | ${q} | ${r}`).sort()).toEqual([...block(p), ...block(q), ...block(r)].sort())
  })

  it('P|P shows twice the same, P|Nil is P', () => {
    expect(members(imageOf(termOf(`${p} | ${p}`))).map(m => m.multiplicity)).toEqual([2])
    expect(disasm(imageOf(termOf(`${p} | ${p}`)))).toMatch(/×\s*2|2\s*×|x2/)
    expect(same(imageOf(termOf(`${p} | Nil`)), imageOf(termOf(p)))).toBe(true)
  })

  it('all orders and groupings give one image', () => {
    const one = imageOf(termOf(`${p} | ${q} | ${r}`))
    for (const [a, b, c] of [
      [p, q, r],
      [p, r, q],
      [q, p, r],
      [q, r, p],
      [r, p, q],
      [r, q, p],
    ]) {
      for (const text of [
        `${a} | ${b} | ${c}`,
        `{ ${a} | ${b} } | ${c}`,
        `${a} | { ${b} | ${c} }`,
        `{ ${a} | Nil } | { Nil | { ${b} | ${c} } }`,
      ])
        expect(same(imageOf(termOf(text)), one), text).toBe(true)
    }
  })

  it('negative control: another multiset has another image', () => {
    expect(same(imageOf(termOf(`${p} | ${p} | ${q}`)), imageOf(termOf(`${p} | ${q} | ${q}`)))).toBe(false)
  })
})

describe('T8 the image of P|Q is the union of both', () => {
  it('for 10,000 pairs', () => {
    const pool = [...generated(count(101), { depth: 2, size: 10 })].map(g => ({ seed: g.seed, term: termOf(g.text) }))
    const images = pool.map(x => imageOf(x.term))
    let pairs = 0
    for (let i = 0; i < 101; i++) {
      for (let j = 0; j < 101; j++) {
        pairs++
        const both = imageOf(makePar([pool[i].term, pool[j].term]))
        if (!same(both, imageUnion(images[i], images[j]))) throw new Error(`seeds ${pool[i].seed} and ${pool[j].seed}`)
      }
    }
    expect(pairs).toBeGreaterThan(10_000)
  })

  it('negative control: concatenation is not union', () => {
    const a = imageOf(termOf('@0!(1)'))
    const joined = Uint32Array.of(2, ...a.subarray(1), ...a.subarray(1))
    expect(same(joined, imageOf(termOf('@0!(1) | @0!(1)')))).toBe(false)
  })
})

describe('T27 a component is compiled and linked without regard to its neighbours', () => {
  it('the code of P is the same alone and in P|Q', () => {
    const running = open({ allow: { primitives: true, control: true, test: true } })
    const linkedOf = (term: Term): Map<string, string> => {
      const { image, spans } = compile(term)
      const program = new Program(image, spans, 'test')
      return new Map(
        members(image).map(m => {
          const linked = running.session.shard.linker.sequence(program, m.at, m.len)
          return [String(image.subarray(m.at, m.at + m.len)), String(linked.code)]
        }),
      )
    }
    const terms = [...generated(count(60), { depth: 3 })].map(g => ({ seed: g.seed, term: termOf(g.text) }))
    for (let i = 0; i + 1 < terms.length; i++) {
      const alone = linkedOf(terms[i].term)
      const both = linkedOf(makePar([terms[i].term, terms[i + 1].term]))
      for (const [words, code] of alone) expect(both.get(words), `seeds ${terms[i].seed}, ${terms[i + 1].seed}`).toBe(code)
    }
  })

  it('runs with and without derived instructions have equal traces', () => {
    for (const s of sampled(conformance(), 12)) {
      const options = { gas: 10_000, matchBudget: 20_000, allow: { primitives: true, control: true, test: true } }
      expect(traced(s.text, { ...options, opt: false }).trace, s.name).toEqual(traced(s.text, { ...options, opt: true }).trace)
    }
  })

  it('negative control: the code of another component differs', () => {
    expect(same(imageOf(termOf('@0!(1)')), imageOf(termOf('@0!(2)')))).toBe(false)
  })
})

describe('T28 linking binds captured slots to names', () => {
  it('two programs that were deployed apart meet on a public name', () => {
    const { session } = run(['@"meet"!(7)', 'for (@v <- @"meet") { @"out"!(v + 1) }'])
    expect([...session.data()]).toEqual([['@"out"', [['8']]]])
  })

  it('negative control: on private names of the same spelling they do not', () => {
    const { session } = run(['new meet in { meet!(7) }', 'new meet in { for (@v <- meet) { @"out"!(v + 1) } }'])
    expect([...session.data()]).toEqual([])
  })
})
