import { describe, expect, it } from 'vitest'
import { RhizomeError } from '../../rspace/errors.ts'
import { MemoryRoot } from '../../src/host/files.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'
import { SUBJECTS } from './programs.ts'
import { Disk, resultOf, runThrough, start, texts } from './world.ts'

/** Every commit is a state in which the process may have died. */
async function continued(disk: Disk, options: Parameters<typeof start>[2] = {}) {
  const { durable, left } = await start(disk, [], options)
  await durable.session.settle()
  const result = resultOf(durable)
  await durable.close({ reported: true })
  return { result, out: texts(left) }
}

/** Runs to the end, then again from commits of that run, and compares what there is in the end and what was printed after the cut. */
async function cutEverywhere(source: string, options: Parameters<typeof start>[2] = {}, cuts = 40): Promise<number> {
  const settings = { groupSlices: 1, ...options }
  const whole = await runThrough([source], settings)
  const commits = whole.disk.states.length
  const step = Math.max(1, Math.floor(commits / cuts))
  let made = 0
  for (let i = 1; i < commits; i += step) {
    const { result, out } = await continued(new Disk(whole.disk.states[i]), options)
    const where = `after commit ${i} of ${commits - 1}`
    expect({ where, ...result, failures: [] }).toEqual({ where, ...whole.result, failures: [] })
    expect({ where, out }).toEqual({ where, out: whole.out.slice(whole.out.length - out.length) })
    made++
  }
  return made
}

describe('a program that is cut off after any commit goes on as if nothing had happened', () => {
  it.each(SUBJECTS.map(s => [s.name, s] as const))('%s', async (_, s) => {
    expect(await cutEverywhere(s.source(30))).toBeGreaterThan(5)
  })

  const COVER: Record<string, string> = {
    'quoted code that is sent, kept and run': `
      new stdout(\`rho:io:stdout\`), c, d in {
        for (@p <- c) { for (@q <- d) { p | q | @"kept"!({ p | @1!(2) }) } } |
        c!({ stdout!("p") | new x in { x!(*d) } }) | d!({ for (@z <- @"go") { stdout!(z + 1) } }) | @"go"!(41)
      }`,
    'code that matching took apart, with names inside': `
      new stdout(\`rho:io:stdout\`), a, hold in {
        hold!({ a!(1) | a!(2, *a) | for (@x <- a) { stdout!(["x", x]) } }) |
        for (@{ first | a!(2, y) | rest } <- hold) { @"part"!(rest) | rest | @"again"!(first) | for (@{...} <- @"never") { Nil } } 
      }`.replace('for (@{...} <- @"never") { Nil }', 'Nil'),
    'joins, peeks, guards and alternatives': `
      new stdout(\`rho:io:stdout\`), a, b, c, lock in {
        a!(1) | a!(2) | a!(3) | b!(10) | b!!(20) | lock!(0) |
        for (@x <- a & @y <<- b where x > 1) { stdout!(x + y) | c!(x) } |
        for (@x <- c; @y <- c) { stdout!(["both", x, y]) } |
        select { @x <- c => { stdout!(["selected", x]) } @y <- lock => { stdout!(["lock", y]) } } |
        for (@x <= a) { stdout!(["persistent", x]) } | for (@"no" <- b) { Nil }
      }`,
    'values of every type': `
      new stdout(\`rho:io:stdout\`), c, own in {
        c!(-1, 9007199254740993, true, "text ✓ \\u{1F600}", \`rho:x\`, [1, [2, Set(3, 4)]], {"a": {"b": (1, 2)}}, "ff".hexToBytes(), Nil, bundle+{*own}, *own) |
        for (@a, @b, @d, @e, @f, @g, @h, @i, @j, @k, l <- c) { stdout!([a, b, d, e, f, g, h, i, j]) | @"v"!(a, b, d, e, f, g, h, i, j) | l!(k) | for (@z <- own) { stdout!("own") } }
      }`,
    'synchronous sends and sequences': `
      new stdout(\`rho:io:stdout\`), add in {
        contract add(@x, @y, ret) = { ret!(x + y) } |
        for (@s <- add!?(1, 2); @t <- add!?(s, 10)) { stdout!(t) } |
        add!?(4, 5); stdout!("after")
      }`,
    timers: `
      new stdout(\`rho:io:stdout\`), after(\`rho:time:after\`), now(\`rho:time:now\`), logical(\`rho:time:logical\`), t, u, v, w in {
        after!(50, *t) | after!(20, *u) | after!(70, *v) |
        for (_ <- u) { stdout!("20") | logical!(*w) | for (@n <- w) { stdout!(n) } } | for (_ <- t) { stdout!("50") | now!(*w) | for (@ms <- w) { stdout!(ms) } } |
        for (_ <- v) { stdout!("70") }
      }`,
    'failures are reported once': `
      new stdout(\`rho:io:stdout\`), c in { c!(0) | for (@x <- c) { stdout!(1 / x) } | stdout!("fine") | c!("s") | for (@"s" <- c) { stdout!(1 + "s") } }`,
  }
  it.each(Object.entries(COVER))('%s', async (_, source) => {
    expect(await cutEverywhere(source)).toBeGreaterThan(1)
  })

  it.each([15_000, 22_500, 27_777])('where the gas limit of %i ends it while a persistent message goes round', async gas => {
    const wide = `new stdout(\`rho:io:stdout\`), spawn, gate, res, sum in {
      contract spawn(@n) = { if (n > 0) { for (_ <- gate) { res!(1) } | spawn!(n - 1) } else { gate!!(0) } } |
      contract sum(@k, @acc) = { if (k == 0) { stdout!(acc) } else { for (@v <- res) { sum!(k - 1, acc + v) } } } |
      spawn!(60) | sum!(60, 0)
    }`
    expect(await cutEverywhere(wide, { gas }, 1000)).toBeGreaterThan(10)
  })

  it('with the machines drawn by a seed', async () => {
    expect(await cutEverywhere(SUBJECTS[0].source(12), { seed: 5n, order: { seed: 5n } })).toBeGreaterThan(5)
  })
})

describe('operations and control names', () => {
  it('an operation that a program serves is served after a restart', async () => {
    const serve = `new prim(\`rho:vm:primitive\`), ack, mul in {
      contract mul(@[a, b], reply) = { reply!(["times", a, b]) } | prim!("MUL", *mul, *ack) | for (@ok <- ack) { @"ok"!(ok) } | for (@v <- @"later") { @"late"!(v * 5) } }`
    const allow = { primitives: true }
    const { disk } = await runThrough([serve], { allow })
    const { durable } = await start(new Disk(disk.now), ['@"r"!(2 * 3) | @"later"!(4)'], { allow })
    await durable.session.settle()
    expect(durable.session.data().get('@"r"')).toEqual([['["times", 2, 3]']])
    expect(durable.session.data().get('@"late"')).toEqual([['["times", 4, 5]']])
  })

  const SPAWN = `new spawn(\`rho:vm:spawn\`), o(\`rho:io:stdout\`), r in {
    spawn!({ for (@v <- @"work") { @"worked"!(v) } }, *r) | for (@group, @[machine] <- r) { @"held"!(machine, group) | o!(machine) | @"bytes"!(group) } }`

  it('T25: a control name speaks for its machine after a restart', async () => {
    const allow = { control: true }
    const { disk } = await runThrough([SPAWN], { allow })
    const { durable } = await start(new Disk(disk.now), ['for (@machine, _ <- @"held") { @machine!("kill", *@"ack") }'], { allow })
    await durable.session.settle()
    expect(durable.session.data().get('@"ack"')).toEqual([['true']])
    expect(durable.session.blocked()).toEqual([])
  })

  it('T25: nothing that is written down, printed, serialised or matched is a control name', async () => {
    const allow = { control: true }
    const { disk, out } = await runThrough([SPAWN], { allow })
    const id = /0x[0-9a-f]{64}/.exec(out[0])?.[0] as string
    const label = (await start(new Disk(disk.now))).durable.session.machines()[0].machine.priv
    const forged = [
      `"m:${label}"`,
      String(label),
      `"${id}"`,
      `"${id.slice(2)}".hexToBytes()`,
      `"Unforgeable(${id})"`,
      `\`rho:id:${id.slice(2)}\``,
      '(1, "kill")',
    ]
    const tries = forged.map(f => `@(${f})!("kill") | @(${f})!("kill", *@"ack") | @(${f})!("pause")`)
    // A bundle is opaque: it matches no pattern that would open it, and what may only be written to cannot be read.
    // What may only be written to cannot be read; its bytes make no name. (A pattern that would open a bundle is refused before anything runs.)
    const opened = 'for (@m, @g <<- @"held") { for (@x <- @m) { @"opened"!(x) } | @"seen"!(g.toByteArray()) }'
    const { durable } = await start(new Disk(disk.now), [...tries, opened], { allow })
    await durable.session.settle()
    const { session } = durable
    expect(session.data().get('@"opened"')).toBeUndefined()
    expect(session.data().get('@"ack"')).toBeUndefined()
    const spawned = session.machines().filter(m => m.machine.account.label.startsWith('g:'))
    expect(spawned.map(m => [m.waits, m.machine.paused])).toEqual([[true, 0]])
  })
})

describe('T26: what has ended is gone', () => {
  it('after many short machines there are as many channels and machines as before, and no number was given twice', async () => {
    const source = (n: number) =>
      `new loop in { contract loop(@i) = { if (i > 0) { new x in { x!(i) | for (_ <- x) { loop!(i - 1) } } } } | loop!(${n}) }`
    const left = async (n: number) => {
      const { session } = (await start(new Disk(), [source(n)])).durable
      await session.settle()
      return { stats: session.stats(), channels: [...session.shard.kernel.nonEmpty()].length, machines: session.machines().length }
    }
    const many = await left(30_000)
    expect(many.stats).toMatchObject({ alive: 1, names: 30_001, comms: 60_001 })
    expect({ ...many, stats: null }).toEqual({ ...(await left(1)), stats: null })
  })
})

describe('file capabilities', () => {
  const source = `new file(\`rho:io:file\`), o(\`rho:io:stdout\`), a, b, r in {
    file!("restrict", ("sub", "rw"), *a) |
    for (@(true, sub) <- a) { @sub!("restrict", ("deep", "r"), *b) | for (@(true, deep) <- b) { @"caps"!(sub, deep) | o!("ready") } }
  }`
  const use = `new o(\`rho:io:stdout\`), r, s in { for (@sub, @deep <- @"caps") {
    @sub!("readText", "f", *r) | for (@answer <- r) { @deep!("writeText", ("g", "x"), *s) | for (@refused <- s) { o!([answer, refused]) } }
  } }`
  const files = (): MemoryRoot => {
    const root = new MemoryRoot({ writable: true })
    root.makeDirectory('sub')
    root.makeDirectory('sub/deep')
    root.writeText('sub/f', 'kept')
    return root
  }

  it('that were restricted speak for the same directories after a restart, with the same rights', async () => {
    const options = { files: files(), allow: { write: '.' } }
    const { disk } = await runThrough([source], options)
    const { durable, left } = await start(new Disk(disk.now), [use], options)
    await durable.session.settle()
    await durable.flush()
    expect(texts(left)).toEqual(['2 [(true, "kept"), (false, "writing is not granted")]'])
  })

  it('and in a session that was taken along as a snapshot', async () => {
    const host = Object.assign(new QuietHost(), { openRoot: () => files() })
    const session = new Session({ host, allow: { write: '.' } })
    const deploy = (s: Session, text: string): void => {
      const { program } = s.compile('f.rho', text)
      if (program !== undefined) s.deploy(program)
    }
    deploy(session, source)
    await session.settle()
    const again = Session.restore(session.snapshot(), { host, allow: { write: '.' } })
    deploy(again, use)
    await again.settle()
    expect(host.output.lines('stdout')).toEqual(['"ready"', '[(true, "kept"), (false, "writing is not granted")]'])
  })

  it('wait while the directory is not granted', async () => {
    const { disk } = await runThrough([source], { files: files(), allow: { write: '.' } })
    const without = await start(new Disk(disk.now), [use])
    await without.durable.session.settle()
    expect(without.durable.session.blocked().length).toBe(1)
    await without.durable.close()
  })
})

describe('what is kept', () => {
  it('is only what is still there: data and machines that came and went within a group never reach the disk', async () => {
    const source = (n: number) =>
      `new c, d in { contract c(@n) = { if (n > 0) { new x in { x!(n) | for (@y <- x) { d!(y) | for (_ <- d) { c!(y - 1) } } } } } | c!(${n}) }`
    const short = await runThrough([source(10)], { groupSlices: 1_000_000 })
    const long = await runThrough([source(3000)], { groupSlices: 1_000_000 })
    const rows = (d: Disk) => d.changes.reduce((a, b) => a + b, 0)
    expect(rows(long.disk)).toBe(rows(short.disk))
  })

  it('no data and no machine of a program that has ended', async () => {
    const { disk } = await runThrough([SUBJECTS[1].source(50)])
    const kinds = new Map<string, number>()
    for (const key of disk.now.keys()) {
      const kind = Buffer.from(key.slice(2, 4), 'hex').toString()
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    expect(kinds.get('N')).toBeUndefined()
    expect(kinds.get('O')).toBeUndefined()
    expect(kinds.get('Q')).toBeUndefined()
    expect(kinds.get('M')).toBe(2) // the two contracts
  })

  it('T26: no name and no machine number is given twice, however often the process dies', async () => {
    const source = 'new go in { contract go(@n) = { new x in { @["made", n]!(*x) | if (n < 60) { go!(n + 1) } } } | go!(0) }'
    let disk = new Disk()
    await start(disk, [source], { groupSlices: 1 })
    const made = new Map<string, string>()
    let privs = 0
    for (let life = 0; life < 6; life++) {
      const { durable } = await start(disk, [], { groupSlices: 1 })
      expect(durable.session.shard.numbers.privs).toBeGreaterThan(privs)
      const stop = life === 5 ? Number.POSITIVE_INFINITY : durable.session.shard.slices + 20
      while (durable.session.shard.slices < stop && durable.session.run(1) === 'budget') await durable.boundary('budget')
      await durable.flush()
      privs = durable.session.shard.numbers.privs - 1
      for (const [name, messages] of durable.session.data()) {
        const id = messages[0][0]
        expect(made.get(id) ?? name).toBe(name)
        made.set(id, name)
      }
      disk = new Disk(disk.now)
    }
    expect(made.size).toBe(61)
  })

  it('programs deployed later meet those that are there', async () => {
    const disk = new Disk()
    const first = await start(disk, ['contract @"double"(@n, ret) = { ret!(n * 2) }'])
    await first.durable.session.settle()
    await first.durable.close()
    const second = await start(disk, ['new stdout(`rho:io:stdout`), r in { @"double"!(21, *r) | for (@x <- r) { stdout!(x) } }'])
    await second.durable.session.settle()
    expect(texts(second.left)).toEqual(['1 42'])
    expect(second.durable.session.blocked()).toHaveLength(1)
  })

  it('T5: quoted code that was sent and stored runs in another process as it would have here', async () => {
    const sender = 'new n in { @"code"!({ new o(`rho:io:stdout`) in { for (@x <- n) { o!([x, "here"]) } | n!(7) } }) }'
    const runner = 'for (@p <- @"code") { p }'
    const alone = await runThrough([`${sender} | ${runner}`])
    const disk = new Disk()
    const a = await start(disk, [sender])
    await a.durable.session.settle()
    await a.durable.close()
    const b = await start(disk, [runner])
    await b.durable.session.settle()
    expect(texts(b.left)).toEqual(alone.out)
  })

  it('can be taken along as a snapshot: the session goes on in memory, elsewhere', async () => {
    const disk = new Disk()
    const source = 'new o(`rho:io:stdout`), c in { for (@x <- @"go") { o!(x) | c!(1) | for (@y <- c) { o!([x, y]) } } }'
    const { durable } = await start(disk, [source], { groupSlices: 1 })
    await durable.session.settle()
    const host = new QuietHost()
    const elsewhere = Session.restore(durable.session.snapshot(), { host, virtualTime: true })
    const { program } = elsewhere.compile('go.rho', '@"go"!(5)')
    elsewhere.deploy(program as NonNullable<typeof program>)
    await elsewhere.settle()
    expect(host.output.lines('stdout')).toEqual(['5', '[5, 1]'])
    expect(elsewhere.blocked()).toEqual([])
  })

  it('places in the source survive: reports after a restart name line and column', async () => {
    const disk = new Disk()
    const a = await start(disk, ['for (@x <- @"in") {\n  @"out"!(1 / x)\n}'])
    await a.durable.session.settle()
    const before = a.durable.session.blocked().map(x => x.end - x.start)
    await a.durable.close()
    const b = await start(disk, ['@"in"!(0)'])
    await b.durable.session.settle()
    const [failure] = b.durable.session.failures
    const { sources } = await import('../../src/base/source.ts')
    expect(sources.place(failure.start)).toMatchObject({ file: 'program.rho', line: 2, column: 11 })
    expect(before).toHaveLength(1)
  })
})

describe('outputs', () => {
  it('leave only after the commit that holds them, and once more if the process died before it was known that they had left', async () => {
    const whole = await runThrough([SUBJECTS[4].source(20)], { groupSlices: 1 })
    let again = 0
    let most = 0
    for (const state of whole.disk.states.slice(1)) {
      const { left } = await start(new Disk(state))
      const out = texts(left)
      if (out.length > 0) {
        again++
        // What is offered again is what was offered before, with its numbers.
        const first = Number(out[0].split(' ')[0])
        expect(out).toEqual(whole.out.slice(first - 1, first - 1 + out.length))
        expect(first + out.length - 1).toBeGreaterThanOrEqual(most)
        most = first + out.length - 1
      }
    }
    expect(again).toBeGreaterThan(10)
    expect(most).toBe(20)
  })

  it('have numbers that go on from process to process', async () => {
    const disk = new Disk()
    for (const [i, word] of ['one', 'two', 'three'].entries()) {
      const { durable, left } = await start(disk, [`new o(\`rho:io:stdout\`) in { o!("${word}") }`])
      await durable.session.settle()
      await durable.close()
      expect(texts(left)).toEqual([`${i + 1} "${word}"`])
    }
  })

  it('of failures are kept until the report is out', async () => {
    const disk = new Disk()
    const a = await start(disk, ['@"x"!(1 / 0)'])
    await a.durable.session.settle()
    // no close: nobody has seen the report
    const b = await start(disk)
    expect(b.durable.session.failures.map(f => f.code)).toEqual(a.durable.session.failures.map(f => f.code))
    expect(b.durable.session.failures).toHaveLength(1)
    await b.durable.session.settle()
    await b.durable.close({ reported: true })
    const c = await start(disk)
    expect(c.durable.session.failures).toEqual([])
  })
})

describe('the outside', () => {
  it('is asked again for what was open: a line of input that nobody has read yet', async () => {
    const source =
      'new o(`rho:io:stdout`), next(`rho:io:stdin`), a, b in { next!(*a) | for (@x <- a) { o!(x) | new m in { m!(x) | for (@z <- m) { for (@w <- m) { next!(*b) | for (@y <- b) { o!([w, y]) } } | m!(z) } } } }'
    const whole = await runThrough([source], { groupSlices: 1, input: ['first', 'second'] })
    expect(whole.out).toEqual(['1 (true, "first")', '2 [(true, "first"), (true, "second")]'])
    let between = 0
    for (const state of whole.disk.states.slice(1)) {
      const { durable, left } = await start(new Disk(state), [], { input: ['later'] })
      await durable.session.settle()
      const out = texts(left)
      const last = out.at(-1)
      if (last === '2 [(true, "first"), (true, "later")]') between++
      else expect(['2 [(true, "later"), (false, "end of input")]', '2 [(true, "first"), (true, "second")]', undefined]).toContain(last)
    }
    expect(between).toBeGreaterThan(0)
  })

  it('sees nothing of a group that could not be saved: the first failure of storage ends the run', async () => {
    const disk = new Disk()
    const rows = disk.rows()
    let commits = 0
    const failing = {
      ...rows,
      commit(delta: Parameters<typeof rows.commit>[0], meta: Parameters<typeof rows.commit>[1]) {
        return ++commits > 3 ? Promise.reject(new RhizomeError('DISK_FULL')) : rows.commit(delta, meta)
      },
    }
    const { durable, left } = await start(failing, [SUBJECTS[4].source(200)], { groupSlices: 1 })
    await expect(durable.session.settle()).rejects.toMatchObject({ code: 'DISK_FULL' })
    const seen = texts(left)
    await expect(durable.flush()).rejects.toMatchObject({ code: 'DISK_FULL' })
    await durable.close().catch(() => undefined)
    expect(commits).toBe(4)
    const after = await start(disk)
    await after.durable.session.settle()
    // What had left is a beginning of what is printed now, and nothing is missing.
    const all = texts(after.left)
    expect(all.at(-1)).toBe('200 ["line", 199, "of", 200]')
    expect(Number(all[0].split(' ')[0])).toBeLessThanOrEqual(seen.length + 1)
  })
})

describe('all-or-nothing programs', () => {
  const failing =
    'new o(`rho:io:stdout`), c in { for (@x <- @"base") { @"base"!(x + 1) | o!("tried") | c!(0) | for (@z <- c) { @"never"!(1 / z) } } }'

  it('that fail leave the space as it was; their outputs leave once', async () => {
    const disk = new Disk()
    const a = await start(disk, ['@"base"!(1) | for (@x <- @"wait") { @"woken"!(x) }'])
    await a.durable.session.settle()
    await a.durable.close()
    const b = await start(disk, [failing], { onError: 'rollback' })
    await b.durable.session.settle()
    expect(texts(b.left)).toEqual(['1 "tried"', expect.stringContaining('2 RHO')])
    await b.durable.close({ reported: true })
    const c = await start(disk)
    await c.durable.session.settle()
    expect(Object.fromEntries(c.durable.session.data())).toEqual({ '@"base"': [['1']] })
    expect(c.durable.session.blocked()).toHaveLength(1)
    expect(texts(c.left)).toEqual([])
  })

  it('that were cut off begin again', async () => {
    const disk = new Disk()
    const a = await start(disk, ['@"base"!(1)'])
    await a.durable.session.settle()
    await a.durable.close()
    const b = await start(disk, ['for (@x <- @"base") { @"base"!(x + 1) }'], { onError: 'rollback' })
    b.durable.session.run(1)
    expect(b.durable.session.blocked()).toEqual([])
    const c = await start(disk, [], { onError: 'rollback' })
    await c.durable.session.settle()
    expect(Object.fromEntries(c.durable.session.data())).toEqual({ '@"base"': [['2']] })
  })
})

describe('a space that is not one', () => {
  it('is refused when a row is missing or changed', async () => {
    const { disk } = await runThrough([SUBJECTS[3].source(5)])
    const keys = [...disk.now.keys()]
    let refused = 0
    for (const kind of ['E', 'C', 'A']) {
      const rows = new Map(disk.now)
      rows.delete(keys.find(k => Buffer.from(k.slice(2, 4), 'hex').toString() === kind) as string)
      await expect(start(new Disk(rows))).rejects.toMatchObject({ code: 'CORRUPT' })
      refused++
    }
    expect(refused).toBe(3)
  })

  it('is refused when it was made with another seed or order', async () => {
    const { disk } = await runThrough(['@1!(2)'], { seed: 1n })
    await expect(start(disk, [], { seed: 2n })).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
    await expect(start(disk, [], { order: 'lifo' })).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
    await (await start(disk, [], { seed: 1n })).durable.close()
  })
})
