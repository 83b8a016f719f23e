import { describe, expect, it } from 'vitest'
import { runPrograms } from '../../src/cli/program.ts'

/** Terms share their parts: after 45 doublings a value of a few kilobytes is a tree of 2^45 leaves. Nothing may walk that tree. */
const doubled = (what: string): string => `new build in {
  contract build(@n, @a, @b, k) = { if (n == 0) { k!(a, b) } else { build!(n - 1, [a, a], [b, b], *k) } } |
  new k in { build!(45, 1, 1, *k) | for (@x, @y <- k) { ${what} } }
}`
const run = (text: string, options = {}) => runPrograms([{ name: 'shared.rho', text }], { timeoutMs: 20_000, ...options })

describe('a small value that is a very large tree', () => {
  it('is compared, ordered, found and matched', async () => {
    const o = await run(
      doubled(
        '@"out"!(x == y, [x] != [[y]], [x].contains(y), Set(x, y).size(), {x : 1}.get(y), [x, y].sort().length()) | match x { =y => { @"fits"!() } }',
      ),
    )
    expect(o.failures).toEqual([])
    expect(o.data['@"out"']).toEqual([['true', 'true', 'true', '1', '1', '2']])
    expect(o.data['@"fits"']).toEqual([[]])
  })

  it('is a channel', async () => {
    const o = await run(doubled('@x!(1) | for (@v <- @y) { @"out"!(v) }'))
    expect(o.data['@"out"']).toEqual([['1']])
  })

  it.each(['@0!(x.show())', '@0!(x.toString())', '@0!(x.toByteArray())', 'new o(`rho:io:stdout`) in { o!(x) }'])(
    'is too large to be written out: %s',
    async what => {
      const o = await run(doubled(what))
      expect(o.failures.map(f => f.code)).toEqual(['RHO604'])
      expect(o.data).toEqual({})
    },
  )

  it('is described, not written out, where it is left', async () => {
    expect((await run(doubled('@"out"!(x)'))).data['@"out"']).toEqual([['(too long to show)']])
  })

  it('meets its limit if it really is built', async () => {
    const o = await run('contract @0(@s) = { @0!({s | s}) } | @0!(1)', { maxValueBytes: 1 << 20 })
    expect(o.failures.map(f => f.code)).toEqual(['RHO604'])
  })
})
