import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Disk, resultOf, runThrough, start, texts } from './world.ts'

/** T12 on programs that were not written for it: cut off after commits of one slice each, and continued. RHO_LONG=1 takes all of them and more cuts. */
const LONG = process.env.RHO_LONG === '1'
const root = join(import.meta.dirname, '../..')
const FOLDERS = LONG ? ['test/conformance/processes', 'test/conformance/programs', 'examples'] : ['test/conformance/programs', 'examples']
const all = FOLDERS.flatMap(f =>
  readdirSync(join(root, f))
    .filter(n => n.endsWith('.rho'))
    .map(n => `${f}/${n}`),
)
const chosen = all.filter((_, i) => LONG || i % 4 === 1)
const CUTS = LONG ? 12 : 3

/** Names that a program prints are made anew after a crash. */
function printed(list: readonly string[]): string[] {
  return list.map(t => t.replace(/0x[0-9a-f]{64}/g, 'name'))
}

describe('T12: a program that is cut off between two slices ends as an undisturbed one', () => {
  it.each(chosen)('%s', async file => {
    const options = { groupSlices: 1, gas: 2e6, seed: 7n }
    let whole: Awaited<ReturnType<typeof runThrough>>
    try {
      whole = await runThrough([readFileSync(join(root, file), 'utf8')], options)
    } catch (e) {
      expect(String(e)).toMatch(/RHO\d+/) // needs something that is not granted here
      return
    }
    const commits = whole.disk.states.length
    for (let i = 1; i < commits; i += Math.max(1, Math.floor(commits / CUTS))) {
      const { durable, left } = await start(new Disk(whole.disk.states[i]))
      await durable.session.settle()
      const where = `after commit ${i} of ${commits - 1}`
      expect({ where, ...resultOf(durable), failures: [] }).toEqual({ where, ...whole.result, failures: [] })
      const out = printed(texts(left))
      expect(out).toEqual(printed(whole.out.slice(whole.out.length - out.length)))
    }
  })
})
