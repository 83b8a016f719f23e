import { describe, expect, it } from 'vitest'
import { type CommEvent, type JsonTypes, memory, type Outcome, type Space, v } from '../../rspace/index.ts'

type Got = Outcome<JsonTypes>

/** Everything that can be seen of an outcome, as plain data. */
const seen = (o: Got): unknown => JSON.parse(JSON.stringify({ ...o, has: Object.keys(o).sort() }))

const commOf = (o: Got): CommEvent<JsonTypes> => {
  expect(o.comms).toHaveLength(1)
  return o.comms[0]
}

/** Two that come and one that meets each of them, by the quick way. */
function meetings(space: Space<JsonTypes>): { waits: Got; sent: Got; lies: Got; taken: Got } {
  const waits = space.consume([{ channel: 'a', pattern: { n: v.n } }], { task: 'first' })
  const sent = space.produce('a', { n: 1 })
  const lies = space.produce('b', { n: 2 })
  const taken = space.consume([{ channel: 'b', pattern: { n: v.n } }], 'second')
  return { waits, sent, lies, taken }
}

describe('an outcome', () => {
  it('says what was stored and what has met, and nothing else', () => {
    const { waits, sent, lies, taken } = meetings(memory())
    expect(waits).toEqual({ ref: waits.ref, comms: [], pending: false, at: 1 })
    expect(lies).toEqual({ ref: lies.ref, comms: [], pending: false, at: 3 })
    expect(sent).toEqual({
      comms: [
        {
          ref: waits.ref,
          body: { task: 'first' },
          persistent: false,
          branch: 0,
          matches: [
            {
              channel: 'a',
              pattern: { n: v.n },
              ref: expect.any(Number),
              value: { n: 1 },
              result: { n: 1 },
              persistent: false,
              peeked: false,
            },
          ],
          ack: expect.any(Function),
        },
      ],
      pending: false,
      at: 2,
    })
    expect(taken).toEqual({
      comms: [
        {
          ref: expect.any(Number),
          body: 'second',
          persistent: false,
          branch: 0,
          matches: [
            { channel: 'b', pattern: { n: v.n }, ref: lies.ref, value: { n: 2 }, result: { n: 2 }, persistent: false, peeked: false },
          ],
          ack: expect.any(Function),
        },
      ],
      pending: false,
      at: 4,
    })
  })

  it('has a ref exactly if something was stored', () => {
    const { waits, sent, lies, taken } = meetings(memory())
    expect('ref' in waits && 'ref' in lies).toBe(true)
    expect('ref' in sent || 'ref' in taken).toBe(false)
  })

  it('stays what it was, whatever happens afterwards and however late it is looked at', async () => {
    const space = memory()
    const known: { outcome: Got; at: unknown }[] = []
    const keep = (outcome: Got): void => void known.push({ outcome, at: seen(outcome) })
    const unread = Object.values(meetings(space))
    const twin = Object.values(meetings(memory()))
    for (let round = 0; round < 100; round++) {
      keep(space.consume([{ channel: 'cell', pattern: { value: v.x } }], { round }))
      keep(space.produce('cell', { value: round, list: [round] }))
      keep(space.produce('cell', { value: -round }))
      keep(space.consume([{ channel: 'cell', pattern: { value: v.y } }], `round ${round}`))
    }
    const mark = space.mark()
    meetings(space)
    space.rollback(mark)
    for (const { outcome, at } of known) expect(seen(outcome)).toEqual(at)
    await space.close()
    for (const { outcome, at } of known) expect(seen(outcome)).toEqual(at)
    expect(unread).toEqual(twin.map(o => ({ ...o, comms: o.comms.map(c => ({ ...c, ack: expect.any(Function) })) })))
  })

  it('is of nobody else: a list that its owner changes is not seen by the next', () => {
    const space = memory()
    const stored = space.produce('lonely', 1)
    expect(() => (stored.comms as unknown[]).push('mine')).toThrow()
    const { sent, taken } = meetings(space)
    ;(sent.comms as unknown[]).push('mine')
    ;(commOf(taken).matches as unknown[]).pop()
    const again = meetings(space)
    expect(commOf(again.sent).matches).toHaveLength(1)
    expect(commOf(again.taken).matches).toHaveLength(1)
  })

  it('is frozen with its lists in debug mode', () => {
    const { sent, taken, lies } = meetings(memory({ debug: true }))
    for (const o of [sent, taken, lies]) {
      expect(Object.isFrozen(o) && Object.isFrozen(o.comms)).toBe(true)
      for (const comm of o.comms)
        expect(
          [comm, comm.matches, ...comm.matches].every(x => Object.isFrozen(x)),
          JSON.stringify(comm),
        ).toBe(true)
    }
  })

  it('counts in the statistics, whichever way it came about', () => {
    const space = memory()
    for (let i = 0; i < 10; i++) meetings(space)
    space.consume(
      [
        { channel: 'x', pattern: v.x },
        { channel: 'y', pattern: v.y, peek: true },
      ],
      'joined',
    )
    space.produce('x', 1)
    space.produce('y', 2)
    expect(space.stats()).toMatchObject({ comms: 21, produced: 22, consumed: 21, data: 1, continuations: 0 })
  })
})
