import { describe, expect, it } from 'vitest'
import { linkedListing, linkMap } from '../../src/machine/listing.ts'
import type { Session } from '../../src/machine/session.ts'
import { compileIn, conformance, count, type Event, generated, open, outcomeOf, run, sampled, traced } from './support.ts'

const GRANTS = { allow: { primitives: true, control: true, test: true, read: '.' } }
const OTHER = 'new a, b in { for (@x <- a & y <= b) { y!(x + 1, [x]) } | a!(1) } | contract @"q"(r) = { r!(2 * 3) }'

function blocks(session: Session, text: string): string[] {
  const { program } = compileIn(session, text)
  return linkedListing(session.shard.linker, program)
    .split('\n\n')
    .filter(block => block !== '')
    .map(block => block.replace(/ ×\d+/, ''))
}

/** Listings of P whose sequences are not in the listing of `P | Q`. */
function changed(text: string, beside: (text: string) => string): string[] {
  const alone = blocks(open(GRANTS).session, text)
  const both = new Set(blocks(open(GRANTS).session, beside(text)))
  return alone.filter(block => !both.has(block))
}

const corpus = () => [
  ...sampled(conformance(), 10).map(s => ({ name: s.name, text: s.text })),
  ...[...generated(count(40))].map(g => ({ name: `generated ${g.seed}`, text: g.text })),
]

describe('T27 linked code of a component depends on nothing beside it', () => {
  it('P has the same register code alone and in P | Q', () => {
    for (const { name, text } of corpus())
      expect({ name, changed: changed(text, p => `{${p}\n} | ${OTHER}`) }).toEqual({ name, changed: [] })
  })

  it('and when P is compiled into a session that has run other programs', () => {
    const { session } = run(OTHER, GRANTS)
    for (const { name, text } of sampled(corpus(), 4))
      expect({ name, blocks: blocks(session, text) }).toEqual({ name, blocks: blocks(open(GRANTS).session, text) })
  })

  it('negative control: code that is not P is noticed', () => {
    expect(changed('for (@n <- @"c") { @"d"!(n + 1) }', p => `{${p.replace('+ 1', '+ 2')}} | ${OTHER}`)).not.toEqual([])
    expect(changed('@"d"!(1)', () => OTHER)).not.toEqual([])
  })

  it('optimised and unoptimised runs have equal traces, outcomes, gas and counters', () => {
    const programs = corpus().filter((p, i) => i % 2 === 0 && !/rho:time|rho:io:stdin|rho:io:file/.test(p.text))
    for (const { name, text } of programs) {
      const limits = { ...GRANTS, gas: 20_000, matchBudget: 5_000 }
      const see = (trace: readonly Event[]) => trace.map(e => JSON.stringify(e))
      const optimised = traced(text, limits)
      const plain = traced(text, { ...limits, opt: false })
      expect({ name, trace: see(optimised.trace) }).toEqual({ name, trace: see(plain.trace) })
      const [a, b] = [run(text, limits), run(text, { ...limits, opt: false })]
      expect({ name, outcome: outcomeOf(a), stats: a.session.stats() }).toEqual({ name, outcome: outcomeOf(b), stats: b.session.stats() })
      const c = run(text, { ...limits, hot: 0 })
      expect({ name, outcome: outcomeOf(a), stats: a.session.stats() }).toEqual({ name, outcome: outcomeOf(c), stats: c.session.stats() })
    }
  })

  it('negative control: the comparison sees another order of events', () => {
    const text = '@"c"!(1) | for (@x <- @"c") { @"d"!(x + 1) }'
    expect(traced(text).trace).not.toEqual(traced(text, { policy: 'rr' }).trace.slice(1))
  })
})

describe('T28 the link map', () => {
  const map = (text: string) => {
    const { session } = open(GRANTS)
    return linkMap(session.shard.linker, compileIn(session, text).program, [])
  }

  it('says which slot of its parent, and which binder, each captured slot of each sequence is bound to', () => {
    const lines = map('new a, out(`rho:io:stdout`) in { for (@v <- a) { out!(v) | a!(v) } | a!(1) }').split('\n')
    const heads = lines.filter(l => /^[0-9a-f]{8} /.test(l))
    expect(heads.filter(h => h.includes(' ×1'))).toHaveLength(1)
    const bound = lines.filter(l => l.startsWith('  c')).map(l => l.replace(/ \[copy \d\]$/, ''))
    expect(bound.filter(l => l.endsWith('= L0 (new)')).length).toBe(2)
    expect(bound.filter(l => l.endsWith('= L1 (`rho:io:stdout`)')).length).toBe(1)
    expect(bound.filter(l => l.endsWith('= L0 (received)')).length).toBe(2)
    expect(bound.filter(l => /= c\d \(`rho:io:stdout`\)$/.test(l)).length).toBe(1)
    expect(bound.filter(l => /= c\d \(new\)$/.test(l)).length).toBe(1)
  })

  it('tells copies of one sequence apart by what they capture', () => {
    const lines = map('new x, y in { x!(1) | y!(1) }').split('\n')
    expect(lines.filter(l => l.includes('×2'))).toHaveLength(1)
    expect(lines.filter(l => l.startsWith('  c0')).map(l => l.replace(/\(.*?\) /, ''))).toEqual([
      '  c0 = L0 [copy 1]',
      '  c0 = L1 [copy 2]',
    ])
  })

  it('lists public names with what is done to them', () => {
    expect(map('@"shop"!(1) | for (x <- @[1, 2]) { Nil }')).toContain('  public @"shop" !\n')
    expect(map('for (x <- @[1, 2]) { Nil }')).toContain('  public @[1, 2] <-\n')
    expect(map('new shop in { shop!(1) }')).not.toContain('public')
  })

  it('every capture of every sequence of the corpus is bound to something', () => {
    for (const { name, text } of corpus()) {
      const unbound = map(text)
        .split('\n')
        .filter(l => /^ {2}c\d+ = [cL]\d+(?: \[copy \d+\])?$/.test(l))
      expect({ name, unbound }).toEqual({ name, unbound: [] })
    }
  })

  it('two programs that were compiled apart meet on a public name, and only there', () => {
    const both = run([
      'for (@x <- @{@"shop"!(1)}) { @"seen"!(x) } | new c in { for (@x <- c) { @"never"!(x) } }',
      '@{@"shop"!(1)}!(7) | new c in { c!(8) }',
    ])
    expect([...both.session.data()]).toEqual([['@"seen"', [['7']]]])
    expect(both.session.blocked()).toHaveLength(1)
  })

  it('negative control: another constant is another channel', () => {
    const apart = run(['for (@x <- @"shop") { @"seen"!(x) }', '@"Shop"!(7)'])
    expect(apart.session.data().has('@"seen"')).toBe(false)
  })
})
