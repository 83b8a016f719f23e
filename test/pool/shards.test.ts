import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { judge, readDirectives } from '../../src/cli/directives.ts'
import type { Outcome } from '../../src/cli/outcome.ts'
import { runPrograms } from '../../src/cli/program.ts'
import { Simulation, type World } from './simulation.ts'

const conformance = join(dirname(fileURLToPath(import.meta.url)), '..', 'conformance')
const long = process.env.RHO_LONG === '1'

interface Run extends Outcome {
  readonly world: Simulation
}

async function run(text: string, o: World): Promise<Run> {
  let world: Simulation | undefined
  const outcome = await runPrograms([{ name: 'p.rho', text }], {
    prepare: session => {
      world = new Simulation(session, o)
    },
  })
  expect(outcome.diagnostics.filter(d => d.severity === 'error')).toEqual([])
  return { ...outcome, world: world as Simulation }
}

const crossed = (r: Run): number => r.world.members.reduce((n, m) => n + m.mesh.sent, 0)

/** Names made by `new` depend on who made them first. */
const nameless = (text: string): string => text.replace(/Unforgeable\(0x[0-9a-f]+\)/g, 'Unforgeable')

/** What a program is, whoever ran it. */
function essence({ status, stdout, failures, blocked, data, stats }: Outcome): unknown {
  const { comms, primitiveComms, machines, gas, names, produced, bytes, alive } = stats
  return {
    status,
    stdout: [...stdout].sort(),
    failures: failures.map(f => `${f.code} ${f.line}:${f.column} ${f.message}`).sort(),
    blocked: blocked.map(b => JSON.stringify(b)).sort(),
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, v.map(x => nameless(JSON.stringify(x))).sort()])),
    stats: { comms, primitiveComms, machines, gas, names, produced, bytes, alive },
  }
}

describe('T39: a program has the same outcomes on any number of shards', () => {
  for (const folder of ['errors', 'expressions', 'patterns', 'processes', 'programs']) {
    it(`conformance/${folder}, on two and three shards, public names scattered and together`, async () => {
      let seed = 1
      for (const file of readdirSync(join(conformance, folder)).filter(f => f.endsWith('.rho'))) {
        const text = readFileSync(join(conformance, folder, file), 'utf8')
        const d = readDirectives(text)
        // One world per program keeps this short; a long run takes all of them.
        const worlds = [
          { shards: 2, base: 'hash' },
          { shards: 3, base: 'hash' },
          { shards: 3, base: 1 },
        ] as const
        for (const w of long ? worlds : [worlds[seed % worlds.length]]) {
          const outcome = await runPrograms([{ name: file, text }], {
            ...(d.maxSteps === null ? {} : { gas: d.maxSteps }),
            ...(d.left.length === 0 ? {} : { observe: d.left.map(l => l.name) }),
            prepare: session => void new Simulation(session, { ...w, seed: seed++, give: 50 }),
          })
          if (outcome.diagnostics.some(x => x.code === 'RHO407')) continue
          expect(judge(d, outcome), `${file} ${JSON.stringify(w)} seed ${seed - 1}`).toEqual([])
        }
      }
    })
  }

  const FIB =
    'new fib in { contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } } | new r in { fib!(12, *r) | for (@v <- r) { @"out"!(v) } } }'
  const CONFLUENT: Readonly<Record<string, string>> = {
    'a recursion with a join for each call': FIB,
    'joins of private channels with public ones': `new a, b, c in {
      contract @"go"(@n) = { if (n > 0) { a!(n) | b!(n) | c!(n) | @"go"!(n - 1) } } |
      @"go"!(40) | for (@x <= a & @y <= b) { @"ab"!(1) } | for (@x <= @"ab" & @y <= c) { @"n"!(1) } }`,
    'quoted code, closures and compound names': `contract @"run"(p, @n) = { if (n > 0) { *p | @("tick", n)!(n) | @"run"!(*p, n - 1) } } |
      new x in { @"run"!(for (@v <- x) { @"seen"!(v) }, 12) | x!(1) | x!([2, {"k": *x}]) | x!(bundle+{*x}) | for (@v <= @("tick", 3)) { @"three"!(v) } }`,
    'peeks and persistent messages':
      '@"p"!!(7) | for (@v <<- @"p") { @"a"!(v) } | for (@v <- @"p" & @w <<- @"q") { @"b"!(v + w) } | @"q"!(1)',
    'what fails and what waits for ever':
      '@"x"!(1 / 0) | for (@1 <- @"y") { Nil } | @"y"!(2) | for (@a <- @"z" & @b <- @"w") { Nil } | @"z"!(3)',
  }
  for (const [about, text] of Object.entries(CONFLUENT)) {
    it(`${about}: also the same COMMs, machines, names and gas`, async () => {
      const one = essence(await runPrograms([{ name: 'p.rho', text }]))
      let traffic = 0
      for (let seed = 1; seed <= (long ? 200 : 12); seed++) {
        for (const shards of [2, 5]) {
          const r = await run(text, { shards, seed, give: 100 })
          traffic += crossed(r)
          expect(essence(r), `seed ${seed}, ${shards} shards`).toEqual(one)
        }
      }
      expect(traffic).toBeGreaterThan(20)
    })
  }

  it('the check would see a message that is lost', async () => {
    const r = await run(FIB, { shards: 3, seed: 1, give: 100 })
    const one = essence(await runPrograms([{ name: 'p.rho', text: FIB.replace('@"out"!(v)', 'Nil') }]))
    expect(essence(r)).not.toEqual(one)
  })
})

describe('joins across shards', () => {
  it('overlapping joins never consume half: in every small world each message is taken once, together with its partner, or left', async () => {
    const text = `
      for (@x <= @"a" & @y <= @"b") { @"ab"!(x, y) } | for (@y <= @"b" & @z <= @"c") { @"bc"!(y, z) } | for (@z <= @"c" & @x <= @"a") { @"ca"!(z, x) } |
      @"a"!(1) | @"a"!(2) | @"a"!(3) | @"b"!(10) | @"b"!(20) | @"b"!(30) | @"c"!(100) | @"c"!(200) | @"c"!(300)`
    for (let seed = 1; seed <= (long ? 3000 : 150); seed++) {
      for (const shards of [2, 3, 4]) {
        const { data, stats } = await run(text, { shards, seed, slices: 1 })
        const all = Object.values(data).flatMap(list => list.flat().map(Number))
        expect(
          [...all].sort((x, y) => x - y),
          `seed ${seed}`,
        ).toEqual([1, 2, 3, 10, 20, 30, 100, 200, 300])
        const pairs = ['@"ab"', '@"bc"', '@"ca"'].flatMap(n => data[n] ?? [])
        expect(pairs.every(p => p.length === 2)).toBe(true)
        expect(stats.comms).toBe(pairs.length)
        // A join that could have fired has fired.
        const left = ['@"a"', '@"b"', '@"c"'].filter(n => (data[n] ?? []).length > 0)
        expect(left.length).toBeLessThan(2)
      }
    }
  })

  it('a crowd of overlapping joins under contention comes to its end', async () => {
    const n = long ? 20_000 : 300
    const text = `new a, b, c, d in {
      contract @"feed"(@n) = { if (n > 0) { a!(n) | b!(n) | c!(n) | d!(n) | @"feed"!(n - 1) } } | @"feed"!(${n}) |
      contract @"ab"(@n) = { if (n > 0) { for (@x <- a & @y <- b) { @"got"!(x, y) | @"ab"!(n - 1) } } } | @"ab"!(${n / 2}) |
      contract @"bc"(@n) = { if (n > 0) { for (@x <- b & @y <- c) { @"got"!(x, y) | @"bc"!(n - 1) } } } | @"bc"!(${n / 2}) |
      contract @"cd"(@n) = { if (n > 0) { for (@x <- c & @y <- d) { @"got"!(x, y) | @"cd"!(n - 1) } } } | @"cd"!(${n / 2}) }`
    for (const seed of [1, 2, 3]) {
      const { data, blocked } = await run(text, { shards: 4, seed, give: 30, slices: 40 })
      expect(data['@"got"']).toHaveLength((3 * n) / 2)
      expect(blocked.filter(b => !b.persistent)).toEqual([])
    }
  })
})

describe('T40: what moves is neither lost nor doubled', () => {
  it('numbered messages through machines that are moved all the time', async () => {
    const n = long ? 1_000_000 : 2000
    const text = `contract @"send"(@i, out) = { if (i <= ${n / 4}) { out!(i) | @"send"!(i + 1, *out) } } |
      contract @"check"(from, @next) = { if (next > ${n / 4}) { @"done"!(next) } else { for (@i <- from) { if (i > 0) { @"check"!(*from, next + 1) } } } } |
      new a, b, c, d in { @"send"!(1, *a) | @"send"!(1, *b) | @"send"!(1, *c) | @"send"!(1, *d) | @"check"!(*a, 1) | @"check"!(*b, 1) | @"check"!(*c, 1) | @"check"!(*d, 1) }`
    const r = await run(text, { shards: 4, seed: 5, give: 400, slices: 5 })
    expect(r.data).toEqual({ '@"done"': Array(4).fill([String(n / 4 + 1)]) })
    expect(crossed(r)).toBeGreaterThan(n / 4)
  })

  it('small rings spill and lose nothing', async () => {
    const text =
      'contract @"c"(@n, @s) = { if (n > 0) { @("c", n % 7)!(n, s) | @"c"!(n - 1, s) } } | @"c"!(300, "x".repeat(1) ++ "padding")'.replace(
        '.repeat(1)',
        '',
      )
    const r = await run(text, { shards: 3, seed: 9, ringBytes: 256, give: 200 })
    expect(Object.values(r.data).flat()).toHaveLength(300)
  })
})

describe('operations served by another shard', () => {
  it('T21: a processor of the program serves machines of all shards, from their next instruction on', async () => {
    const text = `new primitive(\`rho:vm:primitive\`), stdout(\`rho:io:stdout\`), sat, ready, go in {
      contract sat(@[a, b], reply) = { if (a + b > 100) { reply!(100) } else { reply!(a + b) } } |
      primitive!("satAdd", *sat, *ready) |
      for (@true <- ready) { go!(8) } |
      contract go(@n) = { if (n > 0) { @("work", n)!(n) | go!(n - 1) } } |
      contract @("work", 1)(@n) = { @"done"!(n.satAdd(10)) } | contract @("work", 2)(@n) = { @"done"!(n.satAdd(99)) } |
      contract @("work", 3)(@n) = { @"done"!(n.satAdd(20)) } | contract @("work", 4)(@n) = { @"done"!(n.satAdd(98)) } }`
    for (let seed = 1; seed <= (long ? 100 : 10); seed++) {
      let world: Simulation | undefined
      const outcome = await runPrograms([{ name: 'p.rho', text }], {
        allow: { primitives: true },
        unknownOp: 'block',
        prepare: session => {
          world = new Simulation(session, { shards: 3, seed, give: 100 })
        },
      })
      expect(outcome.failures).toEqual([])
      expect(
        [...outcome.data['@"done"'].flat()].map(Number).sort((a, b) => a - b),
        `seed ${seed}`,
      ).toEqual([11, 23, 100, 100])
      expect(world?.members.reduce((n, m) => n + m.mesh.sent, 0)).toBeGreaterThan(10)
    }
  })
})

describe('big values', () => {
  const bytes = (r: Run): number => r.world.members.reduce((n, m) => n + m.mesh.bytes, 0)
  const times = 400
  /** A recursion that hands on one value; its machines are given away all the time. */
  const carrying = (value: string): string => `new walk, end in {
      contract walk(@v, @n) = { if (n == 0) { @"end"!(v.length()) } else { new r in { walk!(v, n - 1) | r!(v, n) | for (@w, @i <- r) { @("seen", n)!(w.length() + i) } } } } |
      walk!(${value}, ${times}) }`

  it('travel once, however often they cross, and come as they went', async () => {
    const size = 20_000
    const text = `"0123456789".repeat(${size / 10})`
    for (const value of [text, `${text}.toUtf8Bytes()`, `${text}.toList()`]) {
      const r = await run(carrying(value), { shards: 3, seed: 3, give: 300, slices: 3 })
      const about = value.slice(-24)
      expect(r.failures, about).toEqual([])
      expect(r.data['@"end"'], about).toEqual([[String(size)]])
      for (let n = 1; n <= times; n++) expect(r.data[`@("seen", ${n})`], `${about}, ${n}`).toEqual([[String(size + n)]])
      // Each of six pairs remembers for itself, both ends count, and an element of the list is three bytes.
      expect(crossed(r), about).toBeGreaterThan(100)
      expect(bytes(r), about).toBeLessThan(6 * 2 * 3 * size + 400 * crossed(r))
    }
  })

  it('more of them than are remembered, in turns, come as they went', async () => {
    const text = `new go in {
      contract go(@n) = { if (n > 0) { go!(n - 1) | @("at", n % 7)!(n, "ab".repeat(300 + n % 20) ++ "!") } } |
      for (@n, @t <= @("at", 3)) { @"three"!(n, t.length()) } | go!(200) }`
    for (const seed of [1, 2, 3]) {
      const { data } = await run(text, { shards: 3, seed, give: 200, slices: 10 })
      const left = Object.entries(data).filter(([k]) => k.startsWith('@("at"'))
      for (const [, list] of left) for (const [n, t] of list) expect(t).toBe(JSON.stringify(`${'ab'.repeat(300 + (Number(n) % 20))}!`))
      const three = data['@"three"'].map(([n, length]) => [Number(n), Number(length)])
      for (const [n, length] of three) expect(length).toBe(2 * (300 + (n % 20)) + 1)
      expect(left.reduce((n, [, list]) => n + list.length, three.length)).toBe(200)
    }
  })
})
