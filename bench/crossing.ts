import { QuietHost } from '../src/cli/host.ts'
import { cpuMs } from '../src/host/workers.ts'
import { Session } from '../src/machine/session.ts'
import { plainOptions, systemsOf } from '../src/pool/host.ts'
import { Board, connect, Member, makeWires, reserve } from '../src/pool/member.ts'

/**
 * What it costs both sides together that a message goes to another shard: two shards in one thread that take turns, against one. Nobody waits, so this is
 * encoding, the ring, decoding and what both have to look up; bells, turns and sleep are not in it.
 */

/** What is sent, as it stands in the program. `r` is a new name each time. */
export const CROSSINGS: readonly { readonly title: string; readonly sends: string; readonly takes: string }[] = [
  { title: 'an integer', sends: 'n', takes: '@a' },
  { title: 'two words', sends: 'n, 7', takes: '@a, @b' },
  { title: 'a new name', sends: '*r', takes: 'a' },
  { title: 'a small term', sends: '("put", n, "some text", [1, 2])', takes: '@a' },
]

/** Receives that wait once, on a channel that shard `home` has made: nothing of which another shard could have a copy. */
const program = (sends: string, takes: string, n: number): string => `new send, again, made in {
  for (made <- @"make") { new sink in { made!(*sink) | again!(*sink) } } |
  contract again(sink) = { for (${takes} <- sink) { again!(*sink) } } |
  contract send(sink, @n) = { if (n > 0) { new r in { sink!(${sends}) | send!(*sink, n - 1) } } } |
  @"make"!(*made) | for (sink <- made) { send!(*sink, ${n}) } }`

/** Milliseconds of processor time for `n` messages. @param home the shard of public names: 0 has the sender */
async function costs(sends: string, takes: string, n: number, home: 0 | 1): Promise<number> {
  const session = new Session({ host: new QuietHost() })
  const wires = makeWires(2)
  const board = new Board(wires)
  const systemName = (uri: string) => session.systemName(uri)
  const first = new Member(session.shard, connect(session.shard, 0, wires, home, systemName), board)
  const options = plainOptions(session.shard.options)
  const numbers = reserve(session.shard, 2)
  first.draw(numbers)
  const second = Member.make({ index: 1, wires, base: home, options, systems: systemsOf(session), numbers, modules: [] })
  const compiled = session.compile('crossing.rho', program(sends, takes, n))
  if (compiled.program === undefined) throw new Error(JSON.stringify(compiled.diagnostics))
  session.deploy(compiled.program)
  const from = cpuMs()
  for (let idle = 0; idle < 4; idle++) {
    // As between the turns of a pool: only then does the host let go of names that nobody holds.
    await new Promise<void>(resolve => setImmediate(resolve))
    for (let i = 0; i < 10; i++) {
      if (first.step(400)) idle = 0
      if (second.step(400)) idle = 0
    }
  }
  const ms = cpuMs() - from
  const all = first.shard.comms + second.shard.comms
  if (all < 3 * n) throw new Error(`${all} COMMs for ${n} messages`)
  return ms
}

/** Nanoseconds of a crossing, and of a message that stays; the least of several passes. */
export async function crossingCost(which: number, n: number, passes: number): Promise<{ readonly ns: number; readonly localNs: number }> {
  const { sends, takes } = CROSSINGS[which]
  let [far, near] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let pass = 0; pass < passes; pass++) {
    far = Math.min(far, await costs(sends, takes, n, 1))
    near = Math.min(near, await costs(sends, takes, n, 0))
  }
  return { ns: ((far - near) * 1e6) / n, localNs: (near * 1e6) / n }
}
