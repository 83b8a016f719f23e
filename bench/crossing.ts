import { QuietHost } from '../src/host/hosts.ts'
import { cpuMs } from '../src/host/workers.ts'
import { Session } from '../src/machine/session.ts'
import { plainOptions, systemsOf } from '../src/pool/host.ts'
import { Board, connect, Member, makeWires, reserve } from '../src/pool/member.ts'

/**
 * What it costs both sides together that a message goes to another shard: two shards in one thread that take turns, against one. Nobody waits, so this is
 * encoding, the ring, decoding and what both have to look up; bells, turns and sleep are not in it.
 */

/** Messages to receives that wait once, on a channel that another shard has made: nothing of which there could be a copy here. */
const sending = (sends: string, takes: string) => (n: number) =>
  `new send, again, made in {
  for (made <- @"make") { new sink in { made!(*sink) | again!(*sink) } } |
  contract again(sink) = { for (${takes} <- sink) { again!(*sink) } } |
  contract send(sink, @n) = { if (n > 0) { new r in { sink!(${sends}) | send!(*sink, n - 1) } } } |
  @"make"!(*made) | for (sink <- made) { send!(*sink, ${n}) } }`

/** Sixty-four clients of a cell that another shard has made: whoever asks goes there to wait, and its answer comes back on a new name. */
const asking = (n: number): string => `new ask, go, start, made in {
  for (made <- @"make") { new cell in { made!(*cell) | cell!(0) } } |
  contract ask(cell, answer) = { for (@x <- cell) { cell!(x + 1) | answer!(x) } } |
  contract go(cell, @n) = { if (n > 0) { new r in { ask!(*cell, *r) | for (_ <- r) { go!(*cell, n - 1) } } } } |
  contract start(cell, @i) = { if (i > 0) { go!(*cell, ${Math.ceil(n / 64)}) | start!(*cell, i - 1) } } |
  @"make"!(*made) | for (cell <- made) { start!(*cell, 64) } }`

/** What crosses: programs that do it so many times. `r` is a new name each time. */
const CROSSINGS: readonly { readonly title: string; readonly program: (n: number) => string }[] = [
  { title: 'an integer', program: sending('n', '@a') },
  { title: 'two words', program: sending('n, 7', '@a, @b') },
  { title: 'a new name', program: sending('*r', 'a') },
  { title: 'a small term', program: sending('("put", n, "some text", [1, 2])', '@a') },
  { title: 'a question to a cell and the answer', program: asking },
]

/** Milliseconds of processor time for `n` messages. @param home the shard of public names: 0 has the sender */
async function costs(text: string, n: number, home: 0 | 1): Promise<number> {
  const session = new Session({ host: new QuietHost() })
  const wires = makeWires(2)
  const board = new Board(wires)
  const systemName = (uri: string) => session.systemName(uri)
  const first = new Member(session.shard, connect(session.shard, 0, wires, home, systemName), board)
  const options = plainOptions(session.shard.options)
  const numbers = reserve(session.shard, 2)
  first.draw(numbers)
  const second = Member.make({ index: 1, wires, base: home, options, systems: systemsOf(session), numbers, modules: [] })
  const compiled = session.compile('crossing.rho', text)
  if (compiled.program === undefined) throw new Error(JSON.stringify(compiled.diagnostics))
  session.deploy(compiled.program)
  const from = cpuMs()
  for (let idle = 0; idle < 4; idle++) {
    // As between the turns of a pool: only then does the host let go of names that nobody holds.
    await new Promise<void>(resolve => setImmediate(resolve))
    for (let i = 0; i < 10; i++) {
      if (first.step(400)) idle = 0
      if (second.step(4000)) idle = 0
    }
  }
  const ms = cpuMs() - from
  const all = first.shard.comms + second.shard.comms
  if (all < 2 * n) throw new Error(`${all} COMMs for ${n} messages`)
  return ms
}

export interface CrossingCost {
  readonly title: string
  /** What a message to the other shard costs more than one that stays. */
  readonly ns: number
  readonly localNs: number
}

/** Each is the least of several passes. */
export async function crossingCosts(n: number, passes: number): Promise<CrossingCost[]> {
  const found: CrossingCost[] = []
  for (const { title, program } of CROSSINGS) {
    const text = program(n)
    let [far, near] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let pass = 0; pass < passes; pass++) {
      far = Math.min(far, await costs(text, n, 1))
      near = Math.min(near, await costs(text, n, 0))
    }
    found.push({ title, ns: ((far - near) * 1e6) / n, localNs: (near * 1e6) / n })
  }
  return found
}
