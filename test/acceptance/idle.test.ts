import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { compileIn, LONG, open, type Running, toRest } from './support.ts'

/** A million in the long form, and in `npm run bench -- S1`. */
const N = LONG ? 1_000_000 : 50_000

/** Receives that wait, each on a channel of its own with two captures; each holds the channel of the one before, the last is known by a name. */
const PARK = (n: number): string =>
  `new chain, end in {
     contract chain(@i, next) = { if (i == 0) { @"last"!(*next) } else { new c in { for (@x <- c) { next!(x + i) } | chain!(i - 1, *c) } } } |
     chain!(${n}, *end) | for (@sum <- end) { @"sum"!(sum) } }`

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heap(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function deploy(r: Running, text: string): void {
  r.session.deploy(compileIn(r.session, text))
  toRest(r, 100 * N + 1_000_000)
}

describe('T17 machines that wait are small', () => {
  it(`${N.toLocaleString('en-US')} of them take at most half a kilobyte each, with continuation and channel; all can be woken`, () => {
    deploy(open(), PARK(100)) // what is made once
    const r = open()
    const before = heap()
    deploy(r, PARK(N))
    const each = (heap() - before) / N
    expect(r.session.blocked().filter(b => !b.persistent)).toHaveLength(N + 1)
    deploy(r, 'for (c <- @"last") { c!(0) }')
    expect(r.session.blocked().filter(b => !b.persistent)).toHaveLength(0)
    expect(r.session.observe('sum')).toEqual([[String((N * (N + 1)) / 2)]])
    expect(each).toBeLessThanOrEqual(512)
  }, 300_000)
})
