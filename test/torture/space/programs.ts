import fc from 'fast-check'
import { _, type JsonTypes, memory, open, type Space, type StoredSpace, v } from '../../../rspace/index.ts'
import type { JsonValue } from '../../../rspace/json.ts'
import { MemoryEngine } from '../../../rspace/store/index.ts'
import type { Budget, Outcome } from '../store/world.ts'

/** Families 9, 10, 11: random and exhaustive programs, compared over back ends, restarts and replays. */

export type Op = { op: string; c: number; x: number; flag: boolean }
export const arbOps: fc.Arbitrary<Op[]> = fc.array(
  fc.record({
    op: fc.constantFrom(
      'put',
      'put',
      'put',
      'get',
      'get',
      'join',
      'peek',
      'guard',
      'select',
      'cancel',
      'tick',
      'lease',
      'pump',
      'mark',
      'rollback',
      'release',
      'atomic',
      'reopen',
    ),
    c: fc.integer({ min: 0, max: 2 }),
    x: fc.integer({ min: 0, max: 3 }),
    flag: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)
type Any = Space<JsonTypes>

export function step(space: Any, o: Op, marks: ReturnType<Any['mark']>[], refs: number[]): unknown {
  const bind = (channel: number, pattern: JsonValue, peek = false) => ({ channel: `c${channel}`, pattern, peek })
  const note = (x: { ref?: number; comms: readonly unknown[]; pending: boolean }): unknown => {
    if (x.ref !== undefined) refs.push(x.ref)
    return JSON.stringify(x.comms)
  }
  switch (o.op) {
    case 'put':
      return note(space.produce(`c${o.c}`, o.x, { persist: o.flag && o.x === 0 }))
    case 'lease':
      return note(space.produce(`c${o.c}`, o.x, { leaseTicks: o.x + 1 }))
    case 'get':
      return note(space.consume([bind(o.c, o.x === 0 ? _ : o.x)], `k${o.x}`, { persist: o.flag && o.x === 1 }))
    case 'peek':
      return note(space.consume([bind(o.c, v.x, true)], 'p'))
    case 'join':
      return note(space.consume([bind(o.c, o.x), bind((o.c + 1) % 3, _, o.flag)], 'j'))
    case 'guard':
      return note(space.consume([bind(o.c, v.x), bind(o.x % 3, v.y)], 'g', { where: { $lt: [v.x, v.y] } }))
    case 'select':
      return note(space.consume({ any: [[bind(o.c, o.x)], [bind((o.c + 1) % 3, _)]] }, 's'))
    case 'cancel':
      return refs.length > 0 ? space.cancel(refs[o.x % refs.length]) : false
    case 'tick':
      return space.tick(o.x + 1)
    case 'pump':
      return JSON.stringify(space.pump(o.x + 1))
    case 'mark':
      marks.push(space.mark())
      return 'mark'
    case 'rollback': {
      const m = marks.pop()
      if (m !== undefined) space.rollback(m)
      return 'rollback'
    }
    case 'release': {
      const m = marks.pop()
      if (m !== undefined) space.release(m)
      return 'release'
    }
    case 'atomic':
      return JSON.stringify(
        space.atomic(tx => {
          tx.produce(`c${o.c}`, o.x)
          return tx.tryTake(`c${o.x % 3}`, _)?.value ?? null
        }).value,
      )
    default:
      return null
  }
}

const dump = (space: Any): unknown => [...space.inspect.all()].map(i => ({ ...i, volatile: false }))

const same = (a: unknown, b: unknown, what: string): void => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  if (x !== y) throw new Error(`${what}: ${x} is not ${y}`)
}

/** The same program in memory, on a store, and on a store that is reopened again and again; then both stores opened once more. */
export async function agree(ops: readonly Op[], order: 'fifo' | 'lifo' | { seed: bigint }): Promise<void> {
  const options = { order }
  const engines = [new MemoryEngine(), new MemoryEngine()]
  const mem = memory(options)
  const disk = await open(engines[0], { ...options, create: true })
  let again: StoredSpace<JsonTypes> = await open(engines[1], { ...options, create: true })
  const marks: ReturnType<Any['mark']>[][] = [[], [], []]
  const refs: number[][] = [[], [], []]
  for (const o of ops) {
    if (o.op === 'reopen') {
      if (marks[0].length > 0) continue
      await again.close()
      again = await open(engines[1], options)
      continue
    }
    const a = step(mem, o, marks[0], refs[0])
    same(step(disk, o, marks[1], refs[1]), a, `${o.op} on a store`)
    same(step(again, o, marks[2], refs[2]), a, `${o.op} on a store that was reopened`)
    if (o.flag && marks[0].length === 0) await again.flush()
  }
  while (marks[0].length > 0) for (const [i, s] of [mem, disk, again].entries()) s.release(marks[i].pop()!)
  const expected = dump(mem)
  same(dump(disk), expected, 'state on a store')
  await disk.close()
  await again.close()
  for (const engine of engines) {
    const found = await open(engine, options)
    same(dump(found), expected, 'state after reopening')
    same(found.digest(), mem.digest(), 'digest after reopening')
    same((await found.verify({ deep: true })).problems, [], 'deep verification')
    await found.close()
  }
}

/** Turns a property of fast-check into cases with a seed. */
export async function checked<Ts extends [unknown, ...unknown[]]>(budget: Budget, property: fc.IAsyncProperty<Ts>): Promise<Outcome> {
  const found = await fc.check(property, { numRuns: budget.cases, seed: budget.seed })
  const failures = found.failed
    ? [`seed ${budget.seed} path ${found.counterexamplePath}: ${fc.stringify(found.counterexample)} ${found.errorInstance}`]
    : []
  return { cases: found.numRuns, failures, notes: {} }
}

/** Family 9: cases are programs of up to 40 operations, with every order of choice. */
export function randomPrograms(budget: Budget): Promise<Outcome> {
  const arbOrder = fc.oneof(fc.constantFrom('fifo' as const, 'lifo' as const), fc.record({ seed: fc.bigInt({ min: 0n, max: 1n << 40n }) }))
  return checked(
    budget,
    fc.asyncProperty(arbOps, arbOrder, (ops, order) => agree(ops, order)),
  )
}

/** Family 11: a program's own log, read after reopening, makes another space go the same way; an altered log is noticed. */
export function replays(budget: Budget): Promise<Outcome> {
  const arbStep = fc.record({
    produce: fc.boolean(),
    c: fc.nat({ max: 2 }),
    x: fc.nat({ max: 3 }),
    persist: fc.boolean(),
    kind: fc.nat({ max: 3 }),
  })
  return checked(
    budget,
    fc.asyncProperty(fc.array(arbStep, { minLength: 1, maxLength: 25 }), fc.nat(), fc.nat(), async (steps, shuffle, cut) => {
      type Step = (typeof steps)[number]
      const play = (space: Any, s: Step): void => {
        if (s.produce) {
          space.produce(`c${s.c}`, s.x, { persist: s.persist && s.x === 0 })
          return
        }
        const bind = (c: number, pattern: JsonValue, peek = false) => ({ channel: `c${c % 3}`, pattern, peek })
        const kinds = [
          () => space.consume([bind(s.c, s.x)], 'k'),
          () => space.consume([bind(s.c, _), bind(s.c + 1, s.x, s.persist)], 'j'),
          () => space.consume([bind(s.c, v.x), bind(s.c, v.y)], 'g', { where: { $lt: [v.x, v.y] } }),
          () => space.consume({ any: [[bind(s.c, s.x)], [bind(s.c + 1, _)]] }, 's'),
        ]
        kinds[s.kind]()
      }
      const engine = new MemoryEngine()
      let space = await open(engine, { create: true, journal: 'events', burst: 1 })
      for (const [i, s] of steps.entries()) {
        play(space, s)
        if (i === cut % steps.length) {
          await space.close()
          space = await open(engine, { journal: 'events', burst: 1 })
        }
      }
      const digest = space.digest()
      const log = []
      for await (const e of space.log()) log.push(e)
      await space.close()
      const copy = memory({ journal: 'events', burst: 1 })
      await copy.rig(log)
      const mixed = steps.map((s, i) => ({ s, at: (i * 7919 + shuffle) % 31 })).sort((a, b) => a.at - b.at)
      for (const { s } of mixed) play(copy, s)
      copy.checkReplay()
      same(copy.digest(), digest, 'digest after replay')
      const comm = log.findIndex(e => e.kind === 'comm')
      if (comm < 0) return
      // Another continuation than the recorded one, or none of that name: the replay must not end quietly.
      const altered = log.map((e, i) => (i === comm ? { ...e, data: [...(e.data ?? []), -1] } : e))
      const wrong = memory({ journal: 'events', burst: 1 })
      try {
        await wrong.rig(altered)
        for (const { s } of mixed) play(wrong, s)
        wrong.checkReplay()
      } catch (e) {
        const { code } = e as { code?: string }
        if (code === 'REPLAY_DIVERGED' || code === 'REPLAY_LEFTOVER') return
        throw e
      }
      throw new Error('an altered log went unnoticed')
    }),
  )
}
