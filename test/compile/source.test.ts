import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Sources } from '../../src/base/source.ts'
import { compile } from '../../src/compile/compile.ts'
import { type CompiledSource, compileSource } from '../../src/compile/source.ts'
import { normalize } from '../../src/normal/normalize.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { parse } from '../../src/syntax/parser.ts'
import { mutateText, tokenSoup } from '../laws/damage.ts'
import { Random } from '../support/random.ts'
import { Generator } from './generate.ts'

const uris = new UriTable()
const at = (text: string) => new Sources().add('t.rho', text)

/** One stage after the other, each on the whole program. */
function inStages(text: string): CompiledSource {
  const { program, lost, diagnostics: syntax } = parse(at(text))
  const { term, diagnostics: found } = normalize(program, { uris, lost })
  // What was not understood may use what seems to be unused.
  const told = syntax.some(d => d.severity === 'error') ? found.filter(d => d.severity === 'error') : found
  const diagnostics = [...syntax, ...told].sort((a, b) => a.start - b.start)
  return { diagnostics, compiled: diagnostics.some(d => d.severity === 'error') ? null : compile(term) }
}

function agree(text: string): void {
  expect(compileSource(at(text), { uris }), text).toEqual(inStages(text))
}

const folder = new URL('../../examples/', import.meta.url)
const EXAMPLES = readdirSync(folder)
  .filter(f => f.endsWith('.rho'))
  .map(f => readFileSync(new URL(f, folder), 'utf8'))

describe('a source that is compiled component by component', () => {
  it('gives the image and the places that its stages give: examples, alone and side by side', () => {
    for (const text of EXAMPLES) agree(text)
    agree(EXAMPLES.map(text => `{\n${text}\n}`).join('|\n'))
    agree(EXAMPLES.join('|\n'))
  })
  it('gives the same for components in any nesting, order and number', () => {
    for (const text of [
      '',
      'Nil',
      'Nil | Nil',
      '{ Nil | { } } | @1!(2)',
      '@2!(1) | { @1!(1) | @{ @0!(0) | Nil }!() | *@{ @1!(1) | @3!(3) } } | @2!( 1) | @1!(1)',
      'new x in { x!(1) } | new y in { y!(1) } | new y in { y!( 1) }',
      'contract @"a"(x) = { Nil } | @"a"!!(1)',
      'let x = 1 in { @x!(2) | @3!(x) }',
      '1 | 2 + 3 | [4]',
    ])
      agree(text)
    for (let seed = 1; seed <= 60; seed++) {
      const g = new Generator(seed)
      agree(Array.from({ length: g.next(5) + 1 }, () => g.proc(3, [])).join(' | '))
    }
  })
  it('finds the same mistakes: names lost to a syntax error, missing bars, brackets too many', () => {
    for (const text of [
      '@1!(x) | new x, in { x!(1) } | x!(2)',
      '@1!(2) @2!(3) | @3!(x)',
      'new x in { x!(1) } } | x!(2) | @0!(_)',
      '@1!(2) ) | @2!(x) ) @3!(y)',
      'for (x <- @1 { x!(1) } | x!(1) | @{',
      '@1!(2) | | @2!(3)',
      '@1!(2) |',
      '| @1!(2)',
      '"abc | @1!(x)',
    ])
      agree(text)
    const dice = new Random(7)
    for (let i = 0; i < 150; i++) agree(mutateText(dice, dice.pick(EXAMPLES)))
    for (let i = 0; i < 150; i++) agree(tokenSoup(dice, dice.below(100)))
  })
})
