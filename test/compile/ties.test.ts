import { describe, expect, it } from 'vitest'
import { compareWords } from '../../bytecode/image.ts'
import { compile, imageOf } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { makePar } from '../../src/normal/build.ts'
import { equal } from '../../src/normal/order.ts'
import { Bind, bound, free, Receive, Send, type Term } from '../../src/normal/term.ts'
import { read, termOf } from '../normal/program.ts'
import { Generator } from './generate.ts'

/** Processes whose parts differ in little but the variables that they use. */
class Ties {
  private fresh = 0
  private readonly g: Generator
  constructor(g: Generator) {
    this.g = g
  }
  proc(depth: number, names: readonly string[]): string {
    const v = (): string => this.g.pick(names)
    switch (this.g.next(depth > 0 ? 9 : 3)) {
      case 0:
        return `${v()}!(1)`
      case 1:
        return `${v()}!(*${v()})`
      case 2:
        return `${v()}!(*${v()} | *${v()})`
      case 3:
      case 4:
      case 5: {
        const parts: string[] = []
        for (let k = 2 + this.g.next(3); k > 0; k--) parts.push(this.proc(depth - 1, names))
        return parts.join(' | ')
      }
      case 6:
        return `${v()}!({ ${this.proc(depth - 1, names)} })`
      case 7: {
        const own = [0, 0, 0].map(() => `a${this.fresh++}`)
        const [a, b, c] = own
        const body = this.proc(depth - 1, [...names, ...own])
        return `for (${a} <- ${v()} & ${b} <- @[*${v()}, ${this.g.next(2)}] & ${c} <- @(*${v()}, 0)) { ${body} }`
      }
      default:
        return `for (@{ =*${v()} | =*${v()} | =*${v()} } <- ${v()}) { ${this.proc(depth - 1, names)} }`
    }
  }
}

function holds(whole: Uint32Array, part: Uint32Array): boolean {
  for (let i = 0; i + part.length <= whole.length; i++) if (compareWords(whole, i, part.length, part, 0, part.length) === 0) return true
  return false
}

describe('ties: the bytes of an open process do not depend on the order in which its variables are bound', () => {
  const names = ['u', 'v', 'w', 'x']
  it('in random processes full of alike parts, quoted once or twice', () => {
    let differ = 0
    for (let seed = 1; seed <= 300; seed++) {
      const g = new Generator(seed * 104_729)
      const source = new Ties(g).proc(3, names)
      const r = read(source, { open: true })
      expect(r.errors).toEqual([])
      const part = imageOf(r.term)
      const terms: Term[] = []
      for (let k = 0; k < 3; k++) {
        const order = g.shuffle(names)
        const outer = read(`@"q"!({ ${source} }, *${order[0]})`, { open: true }).term
        const whole = termOf(`new ${order.join(', ')} in { @"top"!(@"q"!({ ${source} }, *${order[0]})) }`)
        terms.push(whole)
        const { image } = compile(whole)
        expect(holds(image, part), `seed ${seed}: ${source}`).toBe(true)
        expect(holds(image, imageOf(outer)), `seed ${seed}, outer: ${source}`).toBe(true)
        expect(equal(decodeOpen(image), whole), `seed ${seed}: ${source}`).toBe(true)
      }
      if (!equal(terms[0], terms[1])) differ++
    }
    // the normal forms do depend on it, so equal terms are not the reason
    expect(differ).toBeGreaterThan(50)
  })

  it('may stand at every level of a deep process', () => {
    let t: Term = new Send(bound(1), [], false)
    for (let i = 0; i < 3000; i++)
      t = makePar([
        new Send(bound(1), [1], false),
        new Send(bound(2), [1], false),
        new Receive([new Bind([free(0)], null, 'a', 0, 1)], null, i % 2 === 0 ? t : makePar([t, 0]), 1),
      ])
    const image = imageOf(t)
    expect(image.length).toBeGreaterThan(3000)
  })
})
