import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import fc from 'fast-check'
import { _, type JsonTypes, memory, open, type Space, v } from '../../../rspace/index.ts'
import type { JsonValue } from '../../../rspace/json.ts'
import { MemoryEngine } from '../../../rspace/store/index.ts'
import { buildPrograms } from '../store/children.ts'
import type { Budget, Outcome } from '../store/world.ts'
import { play, type Step } from './steps.ts'

/** Families 9, 10, 11: random and exhaustive programs, compared over back ends, restarts and replays. */

export type Op = { op: string; c: number; x: number; flag: boolean }
const arbOps: fc.Arbitrary<Op[]> = fc.array(
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
      'claim',
      'ack',
      'nack',
      'reopen',
    ),
    c: fc.integer({ min: 0, max: 2 }),
    x: fc.integer({ min: 0, max: 3 }),
    flag: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
)
type Any = Space<JsonTypes>

type Claimed = Awaited<ReturnType<Any['claim']>>

/** One side of the comparison: a space and what the program holds of it. */
class Player {
  space: Any
  readonly marks: ReturnType<Any['mark']>[] = []
  readonly refs: number[] = []
  claims: Claimed[] = []
  constructor(space: Any) {
    this.space = space
  }
}

/** Claims resolve one turn later; a program waits for them, so that all sides are at the same point. */
async function step({ space, marks, refs, claims }: Player, o: Op): Promise<unknown> {
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
    case 'claim': {
      // A claim that has to wait is given up at once: the program goes on alone.
      const stop = new AbortController()
      const claim = space.claim(`c${o.c}`, o.x === 0 ? _ : o.x, { ticks: o.x + 1, signal: stop.signal })
      stop.abort()
      const settled = claim.then(
        got => {
          claims.push(got)
          return [got.ref, got.value]
        },
        (e: { code?: string }) => e.code,
      )
      // Inside a mark it settles with the end of the mark.
      return marks.length > 0 ? 'later' : settled
    }
    case 'ack':
    case 'nack': {
      const claim = claims.shift()
      if (claim === undefined) return null
      const settled = (o.op === 'ack' ? claim.ack() : claim.nack()).then(
        () => o.op,
        (e: { code?: string }) => e.code,
      )
      return marks.length > 0 ? 'later' : settled
    }
    default:
      return null
  }
}

const dump = (space: Any): unknown => [...space.inspect.all()].map(({ leaseTick, ...i }) => ({ ...i, volatile: false, leaseTick }))

const same = (a: unknown, b: unknown, what: string): void => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  if (x !== y) throw new Error(`${what}: ${x} is not ${y}`)
}

/** The same program in memory, on a store, and on a store that is reopened again and again; then both stores opened once more. */
export async function agree(ops: readonly Op[], order: 'fifo' | 'lifo' | { seed: bigint }): Promise<void> {
  const options = { order }
  const engines = [new MemoryEngine(), new MemoryEngine()]
  const mem = new Player(memory(options))
  const disk = new Player(await open(engines[0], { ...options, create: true }))
  const again = new Player(await open(engines[1], { ...options, create: true }))
  for (const o of ops) {
    if (o.op === 'reopen') {
      // Claims are not kept: with one open, a reopened space would rightly be another.
      if (mem.marks.length > 0 || mem.space.stats().claimed > 0) continue
      await again.space.close()
      again.space = await open(engines[1], options)
      again.claims = []
      disk.claims = []
      mem.claims = []
      continue
    }
    const a = await step(mem, o)
    same(await step(disk, o), a, `${o.op} on a store`)
    same(await step(again, o), a, `${o.op} on a store that was reopened`)
    if (o.flag && mem.marks.length === 0) await again.space.flush()
  }
  for (const p of [mem, disk, again]) while (p.marks.length > 0) p.space.release(p.marks.pop() as ReturnType<Any['mark']>)
  const expected = dump(mem.space)
  same(dump(disk.space), expected, 'state on a store')
  // What is claimed is there again after reopening, and may find a partner.
  const kept = (expected as { claimed?: boolean; leaseTick?: number }[]).map(({ claimed, leaseTick, ...rest }) =>
    claimed ? { ...rest, pumped: true, leaseTick } : { ...rest, leaseTick },
  )
  await disk.space.close()
  await again.space.close()
  for (const engine of engines) {
    const found = await open(engine, options)
    same(dump(found), kept, 'state after reopening')
    same(found.digest(), mem.space.digest(), 'digest after reopening')
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
export async function randomPrograms(budget: Budget): Promise<Outcome> {
  const arbOrder = fc.oneof(fc.constantFrom('fifo' as const, 'lifo' as const), fc.record({ seed: fc.bigInt({ min: 0n, max: 1n << 40n }) }))
  let operations = 0
  const outcome = await checked(
    budget,
    fc.asyncProperty(arbOps, arbOrder, async (ops, order) => {
      operations += ops.length
      await agree(ops, order)
    }),
  )
  return { ...outcome, notes: { operations } }
}

/** A process that replays what it is sent. */
class Replayer {
  private readonly child: ChildProcess
  private readonly waiting: { resolve(answer: string): void; reject(e: Error): void }[] = []
  constructor(file: string) {
    this.child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.child.stdout as Readable }).on('line', line => this.waiting.shift()?.resolve(line))
    this.child.on('exit', () => {
      for (const w of this.waiting) w.reject(new Error('the replaying process ended'))
    })
  }
  ask(log: readonly unknown[], steps: readonly Step[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.child.stdin?.write(`${JSON.stringify({ log, steps })}\n`)
    })
  }
  close(): void {
    this.child.kill()
  }
}

/** Family 11: a program's own log, read after reopening, makes a space in another process go the same way; an altered log is noticed. */
export async function replays(budget: Budget): Promise<Outcome> {
  const arbStep = fc.record({
    produce: fc.boolean(),
    c: fc.nat({ max: 2 }),
    x: fc.nat({ max: 3 }),
    persist: fc.boolean(),
    kind: fc.nat({ max: 3 }),
  })
  const programs = await buildPrograms()
  const other = new Replayer(programs.replayer)
  try {
    return await checked(
      budget,
      fc.asyncProperty(fc.array(arbStep, { minLength: 1, maxLength: 25 }), fc.nat(), fc.nat(), async (steps, shuffle, cut) => {
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
        const mixed = steps.map((s, i) => ({ s, at: (i * 7919 + shuffle) % 31 })).sort((a, b) => a.at - b.at)
        const inOrder = mixed.map(m => m.s)
        same(await other.ask(log, inOrder), digest, 'digest after replay')
        const comm = log.findIndex(e => e.kind === 'comm')
        if (comm < 0) return
        // A datum that nobody made: the replay must not end quietly.
        const altered = log.map((e, i) => (i === comm ? { ...e, data: [...(e.data ?? []), -1] } : e))
        const answer = await other.ask(altered, inOrder)
        if (!/^REPLAY_(DIVERGED|LEFTOVER)$/.test(answer)) throw new Error(`an altered log was answered with ${answer}`)
      }),
    )
  } finally {
    other.close()
    programs.remove()
  }
}
