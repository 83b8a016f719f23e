import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import { Flag, flagsOf, freeOf } from '../../src/normal/term.ts'
import { programs } from '../support/generate.ts'
import { read, termOf } from './program.ts'

/** A program without spelling: variables are numbers, to be taken modulo what is in scope. */
type Tree =
  | { k: 'value'; text: string }
  | { k: 'var'; i: number }
  | { k: 'list'; items: Tree[] }
  | { k: 'add'; left: Tree; right: Tree }
  | { k: 'par'; items: Tree[] }
  | { k: 'send'; chan: number; args: Tree[] }
  | { k: 'new'; count: number; body: Tree }
  | { k: 'for'; sources: number[]; arities: number[]; guard: boolean; body: Tree }
  | { k: 'match'; target: Tree; refers: number; body: Tree }
  | { k: 'if'; cond: Tree; body: Tree }
  | { k: 'call'; chan: number; args: Tree[]; body: Tree }

const small = fc.nat({ max: 6 })
const { proc } = fc.letrec<{ data: Tree; proc: Tree }>(tie => ({
  data: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'tree' },
    fc.constantFrom('1', '2', '"a"', 'true', 'Nil', '()').map(text => ({ k: 'value' as const, text })),
    small.map(i => ({ k: 'var' as const, i })),
    fc.array(tie('data'), { maxLength: 3 }).map(items => ({ k: 'list' as const, items })),
    fc.tuple(tie('data'), tie('data')).map(([left, right]) => ({ k: 'add' as const, left, right })),
    tie('proc'),
  ),
  proc: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'tree' },
    fc.record({ k: fc.constant('send' as const), chan: small, args: fc.array(tie('data'), { maxLength: 2 }) }),
    fc.record({ k: fc.constant('par' as const), items: fc.array(tie('proc'), { maxLength: 4 }) }),
    fc.record({ k: fc.constant('new' as const), count: fc.integer({ min: 1, max: 3 }), body: tie('proc') }),
    fc.record({
      k: fc.constant('for' as const),
      sources: fc.array(small, { minLength: 1, maxLength: 3 }),
      arities: fc.array(fc.nat({ max: 2 }), { minLength: 3, maxLength: 3 }),
      guard: fc.boolean(),
      body: tie('proc'),
    }),
    fc.record({ k: fc.constant('match' as const), target: tie('data'), refers: small, body: tie('proc') }),
    fc.record({ k: fc.constant('if' as const), cond: tie('data'), body: tie('proc') }),
    fc.record({ k: fc.constant('call' as const), chan: small, args: fc.array(tie('data'), { maxLength: 2 }), body: tie('proc') }),
  ),
}))

/** Two spellings of one tree: the plain one, and one with other identifiers, other orders, superfluous blocks and quotations, expanded sugar. */
class Spelling {
  private readonly twisted: boolean
  private count = 0
  constructor(twisted: boolean) {
    this.twisted = twisted
  }

  private fresh(): string {
    return this.twisted ? `r${997 - this.count++}` : `v${this.count++}`
  }

  private order<T>(items: readonly T[]): T[] {
    return this.twisted ? [...items].reverse() : [...items]
  }

  /** A channel: a name variable of the scope, or a public name. */
  private chan(i: number, names: readonly string[]): string {
    if (names.length === 0 || i === 0) return this.twisted ? `@{Nil | ${i}}` : `@${i}`
    const name = names[i % names.length]
    return this.twisted ? `@*${name}` : name
  }

  spell(t: Tree, names: readonly string[]): string {
    switch (t.k) {
      case 'value':
        return t.text
      case 'var':
        return names.length === 0 ? '7' : `*${this.twisted ? '@*' : ''}${names[t.i % names.length]}`
      case 'list':
        return `[${t.items.map(x => this.operand(x, names)).join(', ')}]`
      case 'add':
        return `${this.operand(t.left, names)} + ${this.operand(t.right, names)}`
      case 'par': {
        const parts = this.order(t.items).map(x => `{${this.spell(x, names)}}`)
        return this.twisted ? `{Nil | {${['Nil', ...parts].join(' | ')}}}` : ['Nil', ...parts].join(' | ')
      }
      case 'send':
        return `${this.chan(t.chan, names)}!(${t.args.map(x => this.operand(x, names)).join(', ')})`
      case 'new': {
        const own = Array.from({ length: t.count }, () => this.fresh())
        return `new ${own.join(', ')} in {${this.spell(t.body, [...names, ...own])}}`
      }
      case 'for': {
        const own: string[] = []
        // Sources of a join must differ; channels that may be equal are told apart by their position.
        const binds = t.sources.map((source, i) => {
          const vars = Array.from({ length: t.arities[i] }, () => this.fresh())
          own.push(...vars)
          return `${vars.map(v => (this.twisted ? `@*${v}` : v)).join(', ')} <- @[${i}, {${this.spell({ k: 'var', i: source }, names)}}]`
        })
        const inner = [...names, ...own]
        const guard = t.guard ? ` where ${this.operand({ k: 'var', i: 5 }, inner)} == 1` : ''
        return `for (${this.order(binds).join(' & ')}${guard}) {${this.spell(t.body, inner)}}`
      }
      case 'match': {
        const own = [this.fresh(), this.fresh()]
        const refers = names.length === 0 ? '5' : `=*${names[t.refers % names.length]}`
        return `match {${this.spell(t.target, names)}} { [*${own[0]}, ${refers}, {${this.order(['1', '2']).join(' | ')}}] => {${this.spell(t.body, [...names, own[0]])}}
          *${own[1]} => {${this.spell(t.body, [...names, own[1]])}} }`
      }
      case 'if':
        return `if ({${this.spell(t.cond, names)}}) {${this.spell(t.body, names)}}${this.twisted ? ' else { Nil }' : ''}`
      case 'call': {
        const args = t.args.map(x => this.operand(x, names))
        const chan = this.chan(t.chan, names)
        if (!this.twisted) return `{${chan}!?(${args.join(', ')}); {${this.spell(t.body, names)}}}`
        const r = this.fresh()
        return `new ${r} in { for (...@_ <- ${r}) {${this.spell(t.body, names)}} | ${chan}!(${[`*${r}`, ...args].join(', ')}) }`
      }
    }
  }

  private operand(t: Tree, names: readonly string[]): string {
    return t.k === 'value' || t.k === 'list' || t.k === 'var' ? this.spell(t, names) : `{${this.spell(t, names)}}`
  }
}

describe('the normal form of generated programs', () => {
  it('does not depend on identifiers, on the order of components and binds, on blocks and quotations, or on sugar', () => {
    fc.assert(
      fc.property(proc, tree => {
        const plain = new Spelling(false).spell(tree, [])
        const twisted = new Spelling(true).spell(tree, [])
        const a = termOf(plain)
        const b = termOf(twisted)
        expect(equal(a, b), `${plain}\n≠\n${twisted}\n${show(a)}\n≠\n${show(b)}`).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('is closed and has no parts of patterns', () => {
    fc.assert(
      fc.property(proc, tree => {
        const term = termOf(new Spelling(false).spell(tree, []))
        expect(freeOf(term)).toBe(0)
        expect(flagsOf(term) & Flag.Pattern).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('prints as a program with the same normal form', () => {
    fc.assert(
      fc.property(proc, tree => {
        const term = termOf(new Spelling(false).spell(tree, []))
        const text = show(term)
        expect(equal(termOf(text), term), text).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  // Formals of a constructor are visible in the methods too, which the generator does not take into account.
  const anyProgram = programs().filter(text => !text.includes('constructor('))

  it('exists for every valid program: no static error, and it prints as a program with the same normal form', () => {
    fc.assert(
      fc.property(anyProgram, text => {
        const { term, errors } = read(text)
        expect(errors.filter(e => !e.startsWith('RHO407'))).toEqual([])
        if (errors.length > 0) return
        const printed = show(term)
        expect(equal(termOf(printed), term), printed).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('of an open program is closed but for its free variables', () => {
    fc.assert(
      fc.property(
        programs({ closed: false }).filter(text => !text.includes('constructor(')),
        text => {
          const { term, errors, free } = read(text, { open: true })
          expect(errors.filter(e => !e.startsWith('RHO407'))).toEqual([])
          expect(freeOf(term)).toBeLessThanOrEqual(free.length)
        },
      ),
      { numRuns: 200 },
    )
  })
})
