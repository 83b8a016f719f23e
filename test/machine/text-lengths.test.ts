import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binary, method, type PrimContext } from '../../src/machine/primitives/index.ts'
import { Tag, type Term } from '../../src/normal/term.ts'

const ctx: PrimContext = { gas: 0, limits: { maxValueBytes: 1 << 28 } }

const call = (name: string, target: string, ...args: Term[]): Term => method(name, target, args, ctx) as Term
const joined = (a: string, b: string): string => binary(Tag.Concat, a, b, ctx) as string

/** Long and short, with and without code points of two units. */
const text = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.string({ unit: 'binary', maxLength: 200, size: 'max' }),
  fc.constantFrom('ab'.repeat(60), '😀'.repeat(50), `x${'€😀'.repeat(40)}`),
)

describe('lengths and indices of long strings', () => {
  it('are those of their code points, however the string came about and whatever was asked before', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 4 }), text, fc.integer({ min: -3, max: 400 }), fc.integer({ min: -3, max: 400 }))
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 3 }), runs => {
        for (const steps of runs) {
          let s = ''
          let model: string[] = []
          for (const [kind, part, i, j] of steps) {
            if (kind < 2) {
              s = joined(s, part)
              model = [...model, ...part]
            } else if (kind === 2) {
              s = joined(part, s)
              model = [...part, ...model]
            } else if (kind === 3) {
              s = call('slice', s, i, j) as string
              model = model.slice(Math.max(0, i), Math.max(0, j))
            } else {
              s = call('drop', s, i % 20) as string
              model = model.slice(Math.max(0, i % 20))
            }
            expect(s).toBe(model.join(''))
            expect(call('length', s)).toBe(model.length)
            for (const at of [i, j, model.length - 1, 0]) if (at >= 0 && at < model.length) expect(call('nth', s, at)).toBe(model[at])
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
