import { Bundle, forced, List, Tag, type Term, Tuple, tagOf, type Unforgeable } from '../normal/term.ts'
import { Account, type Machine, State } from './machine.ts'
import type { Native } from './native.ts'
import type { Shard } from './shard.ts'
import type { SendSite } from './site.ts'

type Listen = (label: string, arity: number, run: Native['run']) => Term

/** Machines that are addressed together: those of an account. */
interface Group {
  readonly account: Account
  readonly control: Term
}

/**
 * Control capabilities (vm.md 5.6). A control name is a write-only bundle around a fresh name on which only the engine listens: it can be handed on but not made,
 * guessed or derived. Requests: ("pause") ("resume") ("kill") ("renice", n) ("inspect", ret) ("watch", ret) ("migrate", shard), each with an optional last ack.
 */
export class Control {
  private readonly shard: Shard
  private readonly accounts: Account[]
  private readonly groups = new Map<Account, Group>()
  private readonly names = new Map<Machine, Term>()
  /** With several shards: calls back once everything is in this one and nothing runs. null: it always is. */
  later: ((what: () => void) => void) | null = null
  /** With several shards: brings machines to one of them; the reason if it cannot. */
  migrate: ((machines: readonly Machine[], shard: Term) => string | undefined) | null = null

  constructor(shard: Shard, accounts: Account[]) {
    this.shard = shard
    this.accounts = accounts
  }

  /** The channel behind `rho:vm:…`; undefined for other URIs. */
  channel(uri: string, listen: Listen): Term | undefined {
    switch (uri) {
      case 'rho:vm:primitive':
        return listen(uri, 3, (args, sender, origin) => this.primitive(args, sender, origin))
      case 'rho:vm:spawn':
        return listen(uri, 2, (args, sender) => this.spawn(args, sender))
      case 'rho:vm:self':
        return listen(uri, 1, (args, sender) => {
          const account = sender?.account ?? this.accounts[0]
          this.shard.send(args[0], [this.group(account).control], account)
        })
      default:
        return undefined
    }
  }

  private primitive(args: readonly Term[], sender: Machine | null, origin: unknown): void {
    const { shard } = this
    const name = forced(args[0])
    if (typeof name !== 'string') {
      shard.failSender(sender, origin as SendSite | null, 'RHO515', '`rho:vm:primitive` takes (name String, processor, ack)', '')
      return
    }
    const processor = forced(args[1])
    const account = sender?.account ?? this.accounts[0]
    if (shard.options.unknownOp === 'fail' && !shard.primitives.known(name)) {
      shard.send(args[2], [false], account)
      return
    }
    const restore = tagOf(processor) === Tag.Par
    this.now(() => {
      shard.primitives.register(name, restore ? undefined : args[1])
      shard.send(args[2], [true], account)
    })
  }

  private spawn(args: readonly Term[], sender: Machine | null): void {
    const { shard } = this
    const parent = sender?.account ?? this.accounts[0]
    const account = new Account(this.accounts.length + 1, 'g:' + (this.accounts.length + 1), parent.program, parent.gasLimit)
    this.accounts.push(account)
    const machines = shard.startValue(args[0], account)
    shard.send(args[1], [this.group(account).control, new List(machines.map(m => this.of(m)))], parent)
  }

  /** The control name of one machine. */
  of(m: Machine, as?: Unforgeable): Term {
    let name = this.names.get(m)
    if (name === undefined) {
      m.settle()
      name = this.facet((request, ret) => this.now(() => this.act([this.current(m)], request, ret)), as)
      this.names.set(m, name)
    }
    return name
  }

  /** Requests take effect between two slices, or as soon as all shards stand still. */
  private now(what: () => void): void {
    if (this.later === null) what()
    else this.later(what)
  }

  /** A machine that has been elsewhere is another object. */
  private current(m: Machine): Machine {
    if (m.status < State.Done || this.later === null) return m
    return this.shard.machines().find(x => x.priv === m.priv) ?? m
  }

  private group(account: Account, as?: Unforgeable): Group {
    let g = this.groups.get(account)
    if (g === undefined) {
      g = { account, control: this.facet((request, ret) => this.now(() => this.act(this.members(account), request, ret, account)), as) }
      this.groups.set(account, g)
    }
    return g
  }

  /** Every control name there is, for a snapshot. */
  facets(): { name: Unforgeable; machine?: Machine; account?: Account }[] {
    const inner = (t: Term): Unforgeable => (t as Bundle).body as Unforgeable
    const alive = [...this.names].map(([m, t]) => [this.current(m), t] as const).filter(([m]) => m.status < State.Done)
    return [
      ...alive.map(([machine, t]) => ({ name: inner(t), machine })),
      ...[...this.groups.values()].map(g => ({ name: inner(g.control), account: g.account })),
    ]
  }

  /** A control name of a snapshot speaks for the same machine or group again. */
  adopt(name: Unforgeable, target: Machine | Account): void {
    if (target instanceof Account) this.group(target, name)
    else this.of(target, name)
  }

  /** Machines of an account that are alive. */
  members(account: Account): Machine[] {
    return this.shard.machines().filter(m => m.account === account)
  }

  private facet(run: (request: readonly Term[], ret: Term | undefined) => void, name = this.shard.fresh()): Term {
    const { shard } = this
    // Requests have 1 to 3 values: one native receive for each number.
    for (let arity = 1; arity <= 3; arity++) {
      shard.listen(name, 'control', arity, args => {
        const verb = forced(args[0])
        const own = verb === 'renice' || verb === 'migrate' || verb === 'inspect' || verb === 'watch' ? 2 : 1
        if (args.length < own || args.length > own + 1) return
        run(args.slice(0, own), args.length > own ? args[own] : undefined)
      })
    }
    return new Bundle(2, name)
  }

  private act(machines: readonly Machine[], request: readonly Term[], ack: Term | undefined, account?: Account): void {
    const { shard } = this
    const verb = forced(request[0])
    const reply = (...values: Term[]): void => {
      if (ack !== undefined) shard.send(ack, values, account ?? machines[0]?.account ?? this.accounts[0])
    }
    const alive = machines.filter(m => m.status < State.Done)
    if (alive.length === 0 && account === undefined) {
      reply(false, 'the machine has ended')
      return
    }
    switch (verb) {
      case 'pause':
        for (const m of alive) shard.pause(m)
        break
      case 'resume':
        for (const m of alive) shard.resume(m)
        break
      case 'kill':
        for (const m of alive) shard.kill(m)
        break
      case 'renice': {
        const level = forced(request[1])
        if (typeof level !== 'number' || level < 0 || level > 3) {
          reply(false, 'levels are 0 to 3')
          return
        }
        for (const m of alive) shard.renice(m, level)
        break
      }
      case 'inspect':
        shard.send(request[1], [new List(alive.map(m => this.view(m)))], account ?? alive[0].account)
        break
      case 'watch':
        if (this.later !== null) {
          reply(false, 'watching is for one shard')
          return
        }
        for (const m of alive) {
          const list = this.watchers.get(m)
          if (list === undefined) this.watchers.set(m, [request[1]])
          else list.push(request[1])
        }
        shard.watchEnds()
        shard.onEnd = m => this.ended(m)
        break
      case 'migrate':
        {
          const why = this.migrate === null ? 'there is one shard' : this.migrate(alive, forced(request[1]))
          if (why === undefined) break
          reply(false, why)
        }
        return
      default:
        reply(false, 'unknown request')
        return
    }
    reply(true)
  }

  private readonly watchers = new Map<Machine, Term[]>()

  /** Machines whose end is to be told, with the names that it is told to. */
  watched(): ReadonlyMap<Machine, readonly Term[]> {
    return this.watchers
  }

  /** Who watches a machine is told how it ended: (label, status). */
  private ended(m: Machine): void {
    const list = this.watchers.get(m)
    if (list === undefined) return
    this.watchers.delete(m)
    for (const ret of list) this.shard.send(ret, ['m:' + m.priv, STATES[m.status]], m.account)
  }

  private view(m: Machine): Term {
    return new Tuple(['m:' + m.priv, STATES[m.status], m.linked.canonical(m.pc), m.gas, m.steps])
  }
}

export const STATES = ['runnable', 'running', 'blocked', 'done', 'faulted', 'killed']
