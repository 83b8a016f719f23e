import { describe, it } from 'vitest'
import { generateProgram } from '../support/generate.ts'
import { generateFlow } from './flow.ts'
import { conservationLaw, flowLaws, loopLaws, runLaws, snapshotLaw, textLaws, unionLaws } from './laws.ts'
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
