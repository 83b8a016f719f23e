import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { termOf } from '../src/cli/names.ts'
import { ask as askOperator } from '../src/host/control.ts'
import { fromJs, imageOf, openVm, show, toJs, type VmOutput } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'rho-vm-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const COUNTER = `new n in {
  n!(0) | contract @"next"(reply) = { for (@x <- n) { n!(x + 1) | reply!(x + 1) } }
}`

describe('openVm', () => {
  it('runs programs by itself, in memory', async () => {
    await using vm = await openVm()
    const printed: VmOutput[] = []
    vm.on('output', o => printed.push(o))
    expect(await vm.deploy('new o(`rho:io:stdout`) in { o!("one") | o!("two") }')).toMatchObject({ ok: true, account: 1 })
    expect(await vm.idle()).toBe('rest')
    expect(printed.map(o => `${o.n} ${o.text}`).sort()).toHaveLength(2)
    expect(printed.map(o => o.n)).toEqual([1, 2])
  })

  it('tells what is wrong with a program as values', async () => {
    await using vm = await openVm()
    const deployed = await vm.deploy('x!(1)')
    expect(deployed.ok).toBe(false)
    expect(deployed.diagnostics[0].code).toBe('RHO201')
  })

  it('lets the host call contracts, send and receive', async () => {
    await using vm = await openVm()
    await vm.deploy('contract @"add"(@x, @y, reply) = { reply!({"sum": x + y, "of": [x, y]}) }')
    expect(await vm.channel('@"add"').call(40, 2)).toEqual({ sum: 42, of: [40, 2] })
    const seen: unknown[] = []
    const stop = vm.channel('@"news"').listen(2, (a, b) => seen.push([a, b]))
    await vm.deploy('@"news"!("a", 1) | @"news"!("b", 2) | for (@x <- @"in") { @"out"!(x * 2) }')
    const answer = vm.channel('@"out"').consume()
    await vm.channel('@"in"').produce(21)
    expect(await answer).toEqual([42])
    await vm.idle()
    expect(seen).toHaveLength(2)
    stop()
    await vm.channel('@"news"').produce('c', 3)
    await vm.idle()
    expect(seen).toHaveLength(2)
    expect(vm.channel('@"news"').messages()).toEqual([['"c"', '3']])
  })

  it('gives up a receive when its signal says so, and takes nothing then', async () => {
    await using vm = await openVm()
    const abort = new AbortController()
    const waiting = vm.channel('@"x"').consume({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await vm.channel('@"x"').produce(1)
    await vm.idle()
    expect(vm.channel('@"x"').messages()).toEqual([['1']])
  })

  it('tells failures as they happen and runs on', async () => {
    await using vm = await openVm()
    const codes: string[] = []
    vm.on('failure', f => codes.push(f.code))
    await vm.deploy('@"x"!(1 / 0) | @"y"!(2)')
    await vm.idle()
    expect(codes).toHaveLength(1)
    expect(vm.channel('@"y"').messages()).toEqual([['2']])
  })

  it.each([['in memory'], ['in a directory']])(
    'runs on, %s, when code of the host throws: that is an uncaught exception of the process',
    async where => {
      const space = where === 'in memory' ? undefined : join(folder, 'throws')
      await using vm = await openVm({ space })
      const caught: unknown[] = []
      const others = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', e => caught.push(e.message))
      try {
        vm.on('output', o => {
          throw new Error(`output ${o.n}`)
        })
        vm.on('rest', () => {
          if (!caught.includes('rest')) throw new Error('rest')
        })
        vm.channel('@"news"').listen(1, x => {
          throw new Error(`news ${x}`)
        })
        await vm.deploy('new o(`rho:io:stdout`) in { @"news"!(1) | o!("printed") | for (@x <- @"in") { @"out"!(x) } }')
        await vm.channel('@"in"').produce(5)
        expect(await vm.channel('@"out"').consume()).toEqual([5])
        await vm.idle()
        await new Promise(resolve => setImmediate(resolve))
      } finally {
        process.removeAllListeners('uncaughtException')
        for (const f of others) process.on('uncaughtException', f)
      }
      expect(new Set(caught)).toEqual(new Set(['output 1', 'news 1', 'rest']))
    },
  )

  it('continues in a directory: contracts installed yesterday answer today', async () => {
    const space = join(folder, 'counter')
    for (let life = 0; life < 3; life++) {
      await using vm = await openVm({ space })
      expect(vm.fresh).toBe(life === 0)
      if (vm.fresh) await vm.deploy(COUNTER)
      const next = vm.channel('@"next"')
      expect(await next.call()).toBe(2 * life + 1)
      expect(await next.call()).toBe(2 * life + 2)
    }
  })

  it('keeps a program that was deployed even if the machine is closed at once', async () => {
    const space = join(folder, 'at-once')
    const first = await openVm({ space })
    await first.deploy('new c in { contract c(@n) = { if (n < 100000) { c!(n + 1) } else { @"end"!(n) } } | c!(0) }')
    await first.close()
    await using second = await openVm({ space, create: false })
    await second.idle()
    expect(second.channel('@"end"').messages()).toEqual([['100000']])
  })

  it('is refused with the code of what speaks against it', async () => {
    await expect(openVm({ space: join(folder, 'none'), create: false })).rejects.toMatchObject({ code: 'NO_SUCH_SPACE' })
    const space = join(folder, 'power')
    {
      await using vm = await openVm({ space, durability: 'power' })
      await vm.channel('@1').produce(2)
    }
    await expect(openVm({ space, durability: 'process' })).rejects.toMatchObject({ code: 'CODEC_MISMATCH' })
    await using vm = await openVm({ space })
    await expect(openVm({ space })).rejects.toMatchObject({ code: 'LOCKED' })
    expect(vm.channel('@1').messages()).toEqual([['2']])
  })

  it('runs images, and says what is wrong with one', async () => {
    await using vm = await openVm()
    expect(await vm.deploy(imageOf(termOf('@"image"!(1 + 1)', 'image')))).toMatchObject({ ok: true })
    await vm.idle()
    expect(vm.channel('@"image"').messages()).toEqual([['2']])
    expect(await vm.deploy(Uint32Array.of(1, 2, 3))).toMatchObject({ ok: false, refused: { code: expect.any(String) } })
  })

  it('undoes an atomic program that fails, and nothing that the host did meanwhile', async () => {
    for (const space of [undefined, join(folder, 'atomic')]) {
      await using vm = await openVm({ space })
      const failures: string[] = []
      vm.on('failure', f => failures.push(f.code))
      await vm.deploy('contract @"slow"(@n, ret) = { if (n == 0) { ret!(Nil) } else { @"slow"!(n - 1, *ret) } } | @"kept"!(1)')
      await vm.idle()
      await vm.deploy('new r in { @"left"!(1) | for (_ <- @"kept") { @"slow"!(200000, *r) | for (_ <- r) { @"never"!(1 / 0) } } }', {
        atomic: true,
      })
      await new Promise(resolve => setTimeout(resolve, 15))
      const received = vm.channel('@"reply"').consume()
      const meanwhile = Promise.all([vm.channel('@"host"').produce('said'), vm.deploy('@"other"!(2) | @"reply"!("heard")')])
      await vm.idle()
      await meanwhile
      expect(await received).toEqual(['heard'])
      expect(failures).toEqual(['RHO505'])
      expect(Object.fromEntries(vm.session.data())).toEqual({ '@"kept"': [['1']], '@"host"': [['"said"']], '@"other"': [['2']] })
    }
  })

  it('refuses what an attempt kept waiting when it is closed; the attempt begins again', async () => {
    const space = join(folder, 'attempt')
    const vm = await openVm({ space })
    await vm.deploy('new c in { contract c(@n) = { c!(n + 1) } | c!(0) | @"endless"!(1) }', { atomic: true })
    await new Promise(resolve => setTimeout(resolve, 15))
    const said = vm.channel('@"host"').produce('said')
    const refused = expect(said).rejects.toMatchObject({ code: 'SPACE_CLOSED' })
    await vm.close()
    await refused
    const again = await openVm({ space })
    await new Promise(resolve => setTimeout(resolve, 15))
    expect(again.session.kept.accounts.length).toBeGreaterThan(0)
    await again.close()
  })

  it('lists machines and steers them by label', async () => {
    await using vm = await openVm({ space: join(folder, 'steered') })
    await vm.deploy('for (_ <- @"x") { @"y"!(1) } | for (_ <- @"z") { Nil }')
    await vm.idle()
    const [z, x] = vm.machines()
    expect([x.waitsFor, z.waitsFor, x.status, x.account]).toEqual([['@"x"'], ['@"z"'], 'blocked', 'p:1'])
    expect(await vm.act('pause', x.label)).toBe(1)
    await vm.channel('@"x"').produce(0)
    await vm.idle()
    expect(
      vm
        .machines()
        .map(m => m.status)
        .sort(),
    ).toEqual(['blocked', 'paused'])
    expect(await vm.act('resume', x.label)).toBe(1)
    await vm.idle()
    expect(vm.channel('@"y"').messages()).toEqual([['1']])
    expect(await vm.act('kill', z.label)).toBe(1)
    expect(await vm.act('kill', z.label)).toMatch(/alive/)
    expect(vm.machines()).toEqual([])
  })

  it('lets operators in where it is asked to', async () => {
    const socket = join(folder, 'socket')
    const vm = await openVm({ control: socket })
    await vm.deploy('for (_ <- @"x") { Nil } | new lost in { lost!(1) }')
    await vm.idle()
    const heard: Record<string, unknown>[] = []
    const ask = (request: Record<string, unknown>) => askOperator(socket, request, r => heard.push(r))
    expect(await ask({ op: 'ps' })).toBe(0)
    expect(heard.map(r => [r.kind, r.waitsFor])).toEqual([['machine', ['@"x"']]])
    expect(await ask({ op: 'deploy', programs: [{ name: 'p', source: Buffer.from('@"x"!(1)').toString('base64') }] })).toBe(0)
    expect(vm.session.blocked()).toEqual([])
    expect(await ask({ op: 'collect', remove: true })).toBe(0)
    expect(heard.at(-1)).toMatchObject({ kind: 'collected', messages: 1, removed: true })
    expect(await ask({ op: 'nonsense' })).toBe(2)
    await vm.close()
    await expect(ask({ op: 'ps' })).rejects.toThrow('nobody listens')
  })

  it('refuses everything once it is closed', async () => {
    const vm = await openVm()
    await vm.close()
    await vm.close()
    await expect(vm.deploy('Nil')).rejects.toThrow('closed')
    await expect(vm.idle()).rejects.toThrow('closed')
  })
})

describe('values of JavaScript and of Rholang', () => {
  it('have counterparts', () => {
    expect(show(fromJs({ b: [1, 'x', null], a: new Map<number, boolean>([[1, true]]) }))).toBe('{"a" : {1 : true}, "b" : [1, "x", Nil]}')
    expect(toJs(fromJs(new Map([[1, 'one']])))).toEqual(new Map([[1, 'one']]))
    expect(toJs(fromJs(new Uint8Array([1, 2])))).toEqual(new Uint8Array([1, 2]))
    expect(toJs(fromJs(2n ** 80n))).toBe(2n ** 80n)
    expect(fromJs(-0)).toBe(0)
    expect(toJs(fromJs(0.5))).toBe(0.5)
  })

  it('come back as they were', () => {
    const value = fc.letrec(tie => ({
      value: fc.oneof(
        fc.integer(),
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter(k => k !== '__proto__'),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    })).value
    fc.assert(
      fc.property(value, v => void expect(toJs(fromJs(v as never))).toEqual(v)),
      { numRuns: 300 },
    )
  })

  it('may be deep, but not contain themselves', () => {
    let deep: unknown = 0
    for (let i = 0; i < 100_000; i++) deep = [deep]
    let back = toJs(fromJs(deep as never)) as unknown[]
    for (let i = 0; i < 99_999; i++) back = back[0] as unknown[]
    expect(back).toEqual([0])
    const loop: unknown[] = []
    loop.push(loop)
    expect(() => fromJs(loop as never)).toThrow(TypeError)
    expect(() => fromJs((() => 1) as never)).toThrow(TypeError)
  })
})

describe('the example that serves HTTP', () => {
  it('answers through a contract whose memory survives', async () => {
    const root = join(import.meta.dirname, '..')
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/embed/http.ts', join(folder, 'http')], {
      cwd: root,
    })
    expect(stdout.trim().split('\n')).toEqual([
      'PUT /milk: 200 kept',
      'PUT /bread: 200 kept',
      'GET /milk: 200 two litres',
      'DELETE /bread: 200 gone',
      '— another process —',
      'GET /milk: 200 two litres',
      'GET /bread: 404 nothing here',
    ])
  })
})
