import { afterEach, describe, expect, it } from 'vitest'
import { drive } from '../../src/cli/engine.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'
import { Pool } from '../../src/pool/pool.ts'
import { Others, Worth } from '../../src/pool/worth.ts'

describe('whether several shards are worth while', () => {
  /** So many milliseconds of several shards that each do so much; the milliseconds after which they are given up, if they are. */
  const until = (w: Worth, ms: number, gain: (at: number) => number, others?: Others): number | undefined => {
    for (let at = 5; at <= ms; at += 5) if (w.together(5, 5 * gain(at), others)) return at
    return undefined
  }
  const tried = (): Worth => {
    const w = new Worth()
    w.alone(200, 20_000)
    w.begin()
    return w
  }

  it('is asked when a program has run for 200 ms, and not before', () => {
    const w = new Worth()
    w.alone(199, 19_900)
    expect(w.mayTry).toBe(false)
    w.alone(1, 100)
    expect(w.mayTry).toBe(true)
  })

  it('is said of shards that get more done than one, however long that takes at first', () => {
    expect(until(tried(), 5000, at => (at < 100 ? 0 : 1.3))).toBeUndefined()
  })

  it('is not said of shards that get as much done as one: soon after they are warm', () => {
    const at = until(tried(), 5000, () => 1)
    expect(at).toBeGreaterThan(150)
    expect(at).toBeLessThan(250)
  })

  it('is not said of shards that have nothing to do, whatever the calling thread does: at once', () => {
    expect(until(tried(), 5000, () => 2, Others.Idle)).toBeLessThan(50)
  })

  it('is not lost by shards that have nothing to do for a moment', () => {
    const w = tried()
    for (let i = 0; i < 200; i++) {
      expect(until(w, 20, () => 1.5, Others.Idle)).toBeUndefined()
      expect(until(w, 20, () => 1.5)).toBeUndefined()
    }
  })

  it('is found out later of shards that work apart, slow as they are until their code is compiled', () => {
    expect(until(tried(), 5000, at => (at < 400 ? 0.5 : 1.5), Others.Apart)).toBeUndefined()
    const at = until(tried(), 5000, () => 0.5, Others.Apart)
    expect(at).toBeGreaterThan(450)
    expect(at).toBeLessThan(650)
  })

  it('does not change with a collection now and then', () => {
    expect(until(tried(), 5000, at => (at % 100 < 30 ? 0 : 1.6))).toBeUndefined()
  })

  it('ends when what they gain ends', () => {
    const at = until(tried(), 5000, ms => (ms < 1000 ? 1.8 : 1))
    expect(at).toBeGreaterThan(1000)
    expect(at).toBeLessThan(1200)
  })

  it('is asked again after 2.5 s of running, then after twice as long; sooner if they were worth while for long', () => {
    const w = tried()
    const waits = (): number => {
      let ms = 0
      for (; !w.mayTry; ms += 5) w.alone(5, 500)
      return ms
    }
    const seconds: number[] = []
    for (let i = 0; i < 3; i++) {
      expect(until(w, 5000, () => 0.9)).toBeDefined()
      w.giveUp(90)
      seconds.push(waits() / 1000)
      w.begin()
    }
    expect(seconds).toEqual([2.5, 5, 10])
    expect(until(w, 5000, at => (at < 1500 ? 1.5 : 0.5))).toBeDefined()
    w.giveUp(90)
    expect(waits() / 1000).toBeLessThan(1)
  })
})

describe('shards that were given up by mistake', () => {
  /** Milliseconds of one shard, making so many COMMs in each, until others are tried again. */
  const waits = (w: Worth, rate: number): number => {
    let ms = 0
    for (; !w.mayTry; ms += 5) w.alone(5, 5 * rate)
    return ms
  }

  it('are tried again once one by itself has been clearly slower, but not again and again', () => {
    const w = new Worth()
    waits(w, 100)
    const seen: number[] = []
    for (let i = 0; i < 3; i++) {
      w.begin()
      w.giveUp(150)
      seen.push(waits(w, 100))
    }
    expect(seen.slice(0, 2)).toEqual([200, 200])
    expect(seen[2]).toBeGreaterThan(2000)
  })

  it('were not, if one gets as much done as soon as its code is compiled anew', () => {
    const w = new Worth()
    waits(w, 100)
    w.begin()
    w.giveUp(105)
    for (let ms = 0; ms < 100; ms += 5) w.alone(5, 0)
    expect(waits(w, 100)).toBe(2400)
  })
})

/** Brings up others as soon as there is something for them to do, and sends them away after a few milliseconds, again and again. */
class Restless extends Worth {
  trials = 0
  private looks = 0
  override get mayTry(): boolean {
    return true
  }
  override begin(): void {
    this.trials++
    this.looks = 0
  }
  override together(): boolean {
    return ++this.looks >= 3
  }
  override giveUp(): void {}
}

describe('a session that has other shards for a while, and is alone again', () => {
  const pools: Pool[] = []
  afterEach(async () => {
    for (const p of pools.splice(0)) await p.close()
  })

  const FIB = (n: number): string =>
    `new fib in { contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } |
       new r in { fib!(${n}, *r) | for (@v <- r) { @"out"!(v) } } }`
  const PROGRAMS: Readonly<Record<string, string>> = {
    'a recursion with a join for each call': FIB(19),
    'public names, joins over them and cells': `contract @"go"(@n, @k) = { if (n > 0) { @("a", k)!(n) | @("b", k)!(n) | for (@x <- @("a", k) & @y <- @("b", k)) { @"cell"!(x) | @"go"!(n - 1, k) } } else { @"end"!(0) } } |
      @"sum"!(0) | for (@x <= @"cell") { for (@s <- @"sum") { @"sum"!(s + x) } } | ${[1, 2, 3, 4, 5, 6].map(k => `@"go"!(1500, ${k})`).join(' | ')}`,
    'names made there and used here': `new pass, rest in { contract pass(@n, back) = { if (n > 0) { new x, y in { back!(*x) | x!(n) | for (@v <- x) { y!(v) | for (@w <- y) { pass!(w - 1, *x) } } } } else { @"left"!(1) } } |
      ${'new q in { for (@_ <= q) { Nil } | pass!(1500, *q) } | '.repeat(6)} Nil }`,
  }

  const compiled = (session: Session, text: string): void => {
    const { program } = session.compile('p.rho', text)
    if (program === undefined) throw new Error('the program was refused')
    session.deploy(program)
  }

  it.each(Object.entries(PROGRAMS))('comes to the same rest as one that never had any: %s', async (_, text) => {
    const alone = new Session({ host: new QuietHost() })
    compiled(alone, text)
    expect(await drive(alone)).toBe('rest')

    const session = new Session({ host: new QuietHost() })
    const worth = new Restless()
    const pool = new Pool(session, { workers: 'auto', worth })
    pools.push(pool)
    compiled(session, text)
    // Workers of a program that is not built take longer to come than this one takes.
    await pool.start()
    expect(await drive(session)).toBe('rest')
    expect(worth.trials).toBeGreaterThan(1)
    expect(pool.broughtBack).toBeGreaterThan(0)
    expect(session.failures).toEqual([])
    expect(session.data()).toEqual(alone.data())
    expect(session.blocked().length).toBe(alone.blocked().length)
    const { comms, gas, machines, alive, produced } = session.stats()
    expect({ comms, gas, machines, alive, produced }).toEqual(
      (({ comms, gas, machines, alive, produced }) => ({ comms, gas, machines, alive, produced }))(alone.stats()),
    )
  })
})
