import type { Status } from '../../src/machine/outcome.ts'
import { Random } from '../../src/machine/queue.ts'
import type { Session, Team } from '../../src/machine/session.ts'
import { mergeReport, plainOptions, systemsOf } from '../../src/pool/host.ts'
import { Board, connect, Member, makeWires, reserve, type TurnReport } from '../../src/pool/member.ts'

export interface World {
  readonly shards: number
  readonly seed: number
  readonly base?: number | 'hash'
  readonly ringBytes?: number
  /** Slices of one step, at most. */
  readonly slices?: number
  /** How often, in 1000 steps, a shard is made to give machines to another one. */
  readonly give?: number
  /** After so many steps the run is given up: `budget`. */
  readonly stepsMax?: number
}

/** Several shards in one thread, whose steps are drawn by a seed: every run can be had again. */
export class Simulation implements Team {
  readonly members: Member[]
  private readonly session: Session
  private readonly random: Random
  private readonly o: World
  steps = 0
  constructor(session: Session, o: World) {
    this.session = session
    this.o = o
    this.random = new Random(BigInt(o.seed) * 7919n + 13n)
    session.team = this
    const wires = makeWires(o.shards, o.ringBytes ?? 4096)
    const board = new Board(wires)
    const base = o.base ?? 'hash'
    const own = new Member(
      session.shard,
      connect(session.shard, 0, wires, base, uri => session.systemName(uri)),
      board,
    )
    this.members = [own]
    const numbers = reserve(session.shard, o.shards)
    own.draw(numbers)
    for (let index = 1; index < o.shards; index++)
      this.members.push(
        Member.make({
          index,
          wires,
          base,
          options: plainOptions(session.shard.options),
          systems: systemsOf(session),
          numbers,
          modules: [],
        }),
      )
  }

  readonly active = true
  wake(): void {}
  readonly quantum = 1
  look(): boolean {
    return false
  }

  async settle(): Promise<Status> {
    const { members, random, o } = this
    for (;;) {
      let quiet = 0
      while (quiet < 4 * members.length) {
        if (++this.steps === o.stepsMax) return 'budget'
        const m = members[random.below(members.length)]
        if (o.give !== undefined && random.below(1000) < o.give) {
          const peer = random.below(members.length)
          if (peer !== m.index) m.giveSome(peer)
        }
        if (m.step(1 + random.below(o.slices ?? 7))) quiet = 0
        else quiet++
      }
      if (!this.settled()) continue
      const status = this.session.run()
      if (status === 'idle') {
        await new Promise<void>(resolve => setImmediate(resolve))
        continue
      }
      if (members[0].mesh.flush() !== 0 || members[0].mesh.between > 0 || !this.settled()) continue
      this.collapse()
      return this.session.run()
    }
  }

  private settled(): boolean {
    let sent = 0
    let received = 0
    for (const m of this.members) {
      const { mesh, shard } = m
      if (mesh.spilled > 0 || mesh.incoming || shard.queue.length > 0 || shard.inbox.length > 0 || shard.kernel.pumpPending) return false
      sent += m.mesh.sent
      received += m.mesh.received
    }
    return sent === received
  }

  /** Everything back to shard 0. */
  private collapse(): void {
    const { members } = this
    for (const m of members.slice(1)) {
      m.mesh.giveAll(0)
    }
    do
      for (const m of members) {
        m.mesh.drain()
        m.mesh.flush()
      }
    while (members.some(m => m.mesh.spilled > 0 || m.mesh.incoming))
    for (const m of members.slice(1)) {
      const report: TurnReport = m.report(false, 0)
      mergeReport(this.session, report)
    }
  }
}
