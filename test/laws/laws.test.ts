import { describe, expect, it } from 'vitest'
import { generateProgram } from '../support/generate.ts'
import { generateFlow } from './flow.ts'
import { conservationLaw, flowLaws, gasLaw, loopLaws, runLaws, snapshotLaw, textLaws, unionLaws } from './laws.ts'
import { generateLoop } from './loops.ts'

/** A fixed sample; `npm run test:fuzz` takes as many as time allows. */
const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
const program = (seed: number, runnable = false): string =>
  generateProgram(seed, { depth: 2 + (seed % 4), size: 10 + (seed % 80), pathmaps: false, runnable })

describe('text and image of a program', () => {
  it('formatting, printing and encoding keep the normal form; each is stable', () => {
    for (const seed of seeds(500)) textLaws(program(seed))
  })

  it('`|` is union of images: commutative, associative, Nil is neutral', () => {
    for (const seed of seeds(150)) unionLaws(program(seed), program(seed + 1000), program(seed + 2000))
  })
})

describe('a run', () => {
  it('is the same with literal operations, without optimisations, and again', async () => {
    for (const seed of seeds(250)) await runLaws(program(seed, seed % 5 !== 0))
  })

  it('that a gas limit stops is the same with literal operations and without optimisations, wherever the limit lies', async () => {
    const parts = 'new c in { @1!(2) | c!(*c) | @3!(*c) | for (@x <= c) { @4!(x) | @5!(x) } }'
    for (let gas = 1; gas < 400; gas += 1) expect((await gasLaw(parts, gas)).status).toBe('limit')
    // The first program of which fuzzing said so: it makes agents without end.
    const agents = `new c, d in {
      agent c { constructor() { { if ("a") { this!() } else { this!() } } | for (m <<- d; <<- d & a <- @11 where (2)) { d!(false) } } |
        default(...@x) { new a in { this!(*a) } } } | c!(*c) }`
    for (let gas = 400; gas < 6_000; gas += 97) await gasLaw(agents, gas)
    // Far enough for functions of the host to have been made.
    const loop =
      'new c, d in { contract c(@n, r) = { @1!(n) | if (n % 3 == 0) { c!(n + 1, *r) | d!(n) } else { c!(n + 1, *r) } | for (@x <- d) { r!([x]) } } | c!(0, *c) }'
    for (let gas = 30_000; gas < 90_000; gas += 1_777) await gasLaw(loop, gas)
  })

  it('of a confluent program does what was foreseen in every order, for the same price', async () => {
    for (const seed of seeds(60)) await flowLaws(generateFlow(seed, 2 + (seed % 12)))
  })

  it('of a loop is the same in every order, with functions made from its code at once, later or never', async () => {
    for (const seed of seeds(30)) await loopLaws(generateLoop(seed))
  })

  it('goes on from snapshots taken at any time, with functions made from code or without', () => {
    for (const seed of seeds(20)) snapshotLaw(generateLoop(seed), 3 + (seed % 20))
  })

  it('loses no message and invents none', () => {
    for (const seed of seeds(150)) {
      const { text } = generateFlow(seed, 2 + (seed % 12))
      if (!/!!|<<-/.test(text)) conservationLaw(text)
    }
  })
})
