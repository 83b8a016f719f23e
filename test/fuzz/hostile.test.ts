import { describe, expect, it } from 'vitest'
import { writeProgram } from '../../bytecode/index.ts'
import { compile } from '../../src/compile/compile.ts'
import { mutateText, mutateWords, noise, tokenSoup } from '../laws/damage.ts'
import { anyFile, anyImage, anyText } from '../laws/hostile.ts'
import { read } from '../laws/laws.ts'
import { Random } from '../support/random.ts'
import { corpus } from './corpus.ts'

/** A fixed sample; `npm run test:fuzz` takes as many as time allows. */
const dice = (count: number, from = 0): Random[] => Array.from({ length: count }, (_, i) => new Random(from + i))
const programs = corpus()
const valid = programs.filter(text => read(text).errors.length === 0)
const images = valid.map(text => ({ text, words: compile(read(text).term).image })).filter(i => i.words.length > 1)

describe('a text that is no program', () => {
  it('gets typed errors with places: mutated programs', async () => {
    for (const d of dice(1200)) await anyText(mutateText(d, d.pick(programs)))
  })

  it('gets typed errors with places: truncated programs', async () => {
    for (const d of dice(400)) {
      const bytes = Buffer.from(d.pick(programs))
      await anyText(bytes.subarray(0, d.below(bytes.length)))
    }
  })

  it('gets typed errors with places: random bytes, tokens in no order', async () => {
    for (const d of dice(400)) {
      await anyText(noise(d, d.below(300)))
      await anyText(tokenSoup(d, d.below(100)))
    }
  })
})

describe('an image that is none', () => {
  it('is refused with code and position, or is a program', () => {
    const seen = new Set<string>()
    for (const d of dice(4000)) {
      const image = d.pick(images)
      seen.add(anyImage(mutateWords(d, image.words), image.text))
    }
    expect(seen.size).toBeGreaterThan(10)
  })

  it('may consist of any words', () => {
    for (const d of dice(3000)) {
      const words = Uint32Array.from({ length: d.below(40) }, () =>
        d.below(3) > 0 ? d.below(96) | (d.below(4) << 8) : d.fraction() * 2 ** 32,
      )
      anyImage(words, 'random words')
    }
  })

  it('is refused as a file with a byte changed that matters', async () => {
    const seen = new Set<string>()
    for (const d of dice(300)) {
      const { words, text } = d.pick(images)
      const file = await writeProgram({ image: words, source: { name: 'x', text } })
      expect(await anyFile(file.subarray(0, d.below(file.length)), words)).not.toBe('read')
      file[d.below(file.length)] ^= 1 + d.below(255)
      seen.add(await anyFile(file, words))
    }
    expect(seen).toContain('BAD_FILE')
  })
})
