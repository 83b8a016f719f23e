import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { openVm, type Vm, type VmOptions } from '../../src/vm.ts'

const folder = mkdtempSync(join(tmpdir(), 'rho-vm-workers-'))
const open: Vm[] = []
const vm = async (options: VmOptions): Promise<Vm> => {
  const made = await openVm(options)
  open.push(made)
  return made
}
afterEach(async () => {
  for (const v of open.splice(0)) await v.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const FIB =
  'contract fib(@n, r) = { if (n < 2) { r!(n) } else { new a, b in { fib!(n - 1, *a) | fib!(n - 2, *b) | for (@x <- a & @y <- b) { r!(x + y) } } } }'
const operations = [new URL('./modules/operations.ts', import.meta.url)]

describe('openVm({ workers })', () => {
  it('contracts are called, messages taken and heard as with one thread', async () => {
    const v = await vm({ workers: 2 })
    const heard: unknown[] = []
    v.channel('@"news"').listen(1, x => void heard.push(x))
    const made = await v.deploy(
      `new fib in { ${FIB} | contract @"fib"(@n, r) = { fib!(n, *r) | @"news"!(n) } | contract @"twice"(@n, r) = { r!(2 * n) | r!(2 * n) } }`,
    )
    expect(made.ok).toBe(true)
    expect(await Promise.all([16, 10, 15].map(n => v.channel('@"fib"').call(n)))).toEqual([987, 55, 610])
    expect(await v.channel('@"twice"').call(21)).toBe(42)
    await v.idle()
    expect([...heard].sort()).toEqual([10, 15, 16])
  })

  it('a message that is there goes to whoever asks, and what nobody took is seen at rest', async () => {
    const v = await vm({ workers: 3 })
    await v.deploy('@"q"!(1) | @"q"!(2) | @"q"!(3, 4)')
    await v.idle()
    expect(v.channel('@"q"').messages()).toHaveLength(3)
    expect([await v.channel('@"q"').consume(), await v.channel('@"q"').consume()].flat().sort()).toEqual([1, 2])
    const late = v.channel('@"later"').consume({ arity: 2 })
    await v.deploy('for (@x, @y <- @"q") { @"later"!(y, x) }')
    expect(await late).toEqual([4, 3])
    await v.idle()
    expect(v.channel('@"q"').messages()).toEqual([])
    expect(v.machines()).toEqual([])
  })

  it('names that a worker made can be spoken and listened to', async () => {
    const v = await vm({ workers: 2 })
    await v.deploy('contract @"open"(r) = { new a, b in { r!((*a, *b)) | for (@x <- a) { b!(x + 1) } } }')
    for (let i = 0; i < 10; i++) {
      const [a, b] = (await v.channel('@"open"').call()) as Parameters<Vm['channel']>[0][]
      const answer = v.channel(b).consume()
      await v.channel(a).produce(i)
      expect(await answer).toEqual([i + 1])
    }
  })

  it('while it runs, only what can wait for all workers is answered', async () => {
    const v = await vm({ workers: 2 })
    await v.deploy('new spin in { contract spin(@n) = { spin!(n + 1) } | spin!(0) | spin!(1) }')
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(() => v.machines()).toThrow('at rest')
    expect(await v.act('kill', 'p:1')).toBeGreaterThan(0)
    await v.idle()
    expect(v.machines()).toEqual([])
  })

  it('kept in a directory: what was said to be safe is there again, with any number of workers', async () => {
    const space = join(folder, 'kept')
    for (const [workers, total] of [
      [2, 5],
      [0, 10],
      [3, 15],
    ] as const) {
      const v = await openVm({ space, workers })
      if (v.fresh) await v.deploy('contract @"add"(@n, r) = { for (@m <- @"sum") { @"sum"!(m + n) | r!(m + n) } } | @"sum"!(0)')
      let last: unknown
      for (let i = 0; i < 5; i++) last = await v.channel('@"add"').call(1)
      expect(last).toBe(total)
      await v.close()
    }
  })

  it('numbers of workers and what contradicts them are refused', async () => {
    await expect(openVm({ workers: 64 })).rejects.toThrow(RangeError)
    await expect(openVm({ workers: 1.5 })).rejects.toThrow(RangeError)
    await expect(openVm({ workers: 2, onError: 'rollback' })).rejects.toThrow('one shard')
  })
})

describe('operations of modules', () => {
  it.each([0, 2] as const)('T21: serve every machine, at once or later, with %i workers', async workers => {
    const v = await vm({ workers, operations })
    const failures: string[] = []
    v.on('failure', f => failures.push(f.message))
    await v.deploy(
      `new go, spin in { contract spin(@n, @i) = { if (n > 0) { spin!(n - 1, i) } else { @"sum"!(i.satAdd(90)) | @"late"!(i.slowly()) } } |
       contract go(@n) = { if (n > 0) { spin!(200, n) | go!(n - 1) } } | go!(40) }`,
    )
    await v.idle()
    const numbers = v.channel('@"sum"').messages().flat().map(Number)
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => Math.min(100, i + 91)))
    expect(failures).toEqual(['no luck'])
    const late = v
      .channel('@"late"')
      .messages()
      .map(([text]) => JSON.parse(text) as [number, number])
    expect(late.map(([n]) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => 2 * i + 2).filter(n => n !== 26))
    expect(new Set(late.map(([, thread]) => thread)).has(0)).toBe(workers === 0)
  })

  it('an answer that is open when everything is brought together is asked for again', async () => {
    const v = await vm({ workers: 2, operations })
    await v.deploy('new go in { contract go(@n) = { if (n > 0) { @"late"!(n.slowly()) | go!(n - 1) } } | go!(100) }')
    for (let i = 0; i < 5; i++) await v.together(() => undefined)
    await v.idle()
    expect(v.channel('@"late"').messages()).toHaveLength(99)
  })

  it('a function that only this thread knows is refused while others run', async () => {
    const v = await vm({ workers: 2 })
    await v.deploy('for (_ <- @"x") { Nil }')
    await v.idle()
    expect(() => v.session.primitives.register('mine', () => 1)).toThrow('module')
  })

  it('a module that is not there or serves nothing is refused', async () => {
    await expect(openVm({ operations: ['no/such/module.js'] })).rejects.toThrow()
    await expect(
      openVm({ operations: [new URL('../../build.d.mts', import.meta.url).href.replace('build.d.mts', 'package.json')] }),
    ).rejects.toThrow()
  })
})
