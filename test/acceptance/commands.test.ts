import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rho } from '../cli/rho.ts'

/** What the table of vm.md section 1 shows by a command line. */
const rho = new Rho()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

describe('T1 by command', () => {
  it('rho disasm --bytes --name ends with the bytes of the process', async () => {
    const p = (await rho.run(['disasm', '--bytes', '-e', '@0!(1) | @0!(2)'])).stdout.trim()
    const name = (await rho.run(['disasm', '--bytes', '--name', '-e', '@{@0!(1) | @0!(2)}'])).stdout.trim()
    expect(p.length).toBeGreaterThan(0)
    expect(name.endsWith(p)).toBe(true)
  })
})

describe('T6 by command', () => {
  it('the outcome shows one message on x and none on y', async () => {
    const { outcome } = await rho.json(['-e', '@"x"!( @"y"!(1) )'])
    expect(outcome.data).toEqual({ '@"x"': [['@{"y"}!(1)']] })
  })
})

describe('T12 by command', () => {
  it('a state goes from one process to another', async () => {
    const source = 'new out(`rho:io:stdout`) in { contract @"f"(@n) = { if (n > 0) { out!(n) | @"f"!(n - 1) } } | @"f"!(6) }'
    const whole = await rho.run(['run', '--seed', '1', '-e', source])
    const first = await rho.run(['run', '--seed', '1', '--stop-after', 'steps=4', '--snapshot', 's.json', '-e', source])
    const rest = await rho.run(['run', '--restore', 's.json'])
    expect(first.stdout + rest.stdout).toBe(whole.stdout)
    expect(rest.stdout).not.toBe('')
    expect(rest.exit).toBe(0)
  })

  it('what is no state is refused as wrong use', async () => {
    writeFileSync(join(rho.folder, 'no.json'), '{"v":1,"kind":"snapshot"}')
    const { exit, stderr } = await rho.run(['run', '--restore', 'no.json'])
    expect(exit).toBe(2)
    expect(stderr).toContain('cannot restore')
  })
})

describe('T15 by command', () => {
  it('a failure is one JSON line with machine, position, code, message and hint; the rest went on', async () => {
    const { exit, lines, outcome } = await rho.json(['-e', '@"a"!(1 / 0) | @"b"!(2)'])
    const failures = lines.filter(l => l.kind === 'failure')
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatchObject({ code: 'RHO505', line: 1, column: 7, machine: expect.stringMatching(/^m:\d+$/) })
    expect(outcome.data).toEqual({ '@"b"': [['2']] })
    expect(exit).toBe(1)
  })
})

describe('T20 by command', () => {
  it('rho trace --expand --diff finds the fused and the literal trace equal', async () => {
    const source = 'contract @"f"(@n) = { if (n > 0) { @"f"!(n - 1) } else { @"out"!([n].length()) } } | @"f"!(4)'
    await rho.run(['run', '--seed', '1', '--trace', 'a', '-e', source])
    await rho.run(['run', '--seed', '1', '--trick', 'literal', '--trace', 'b', '-e', source])
    expect((await rho.run(['trace', '--expand', '--diff', 'a', 'b'])).exit).toBe(0)
    const plain = await rho.run(['trace', '--diff', 'a', 'b'])
    expect(plain.exit).toBe(1)
  })
})

describe('T28 by command', () => {
  it('the link map says which slot holds which name', async () => {
    const { stdout } = await rho.run(['disasm', '--open', '--link-map', '-e', 'x!(*y) | for (z <- y) { z!(*y) }'])
    expect(stdout).toMatch(/×1\n {2}c0 = x\n {2}c1 = y\n/)
    expect(stdout).toMatch(/×1\n {2}c0 = y\n/)
  })
})

describe('T37 by command', () => {
  it('a spinner over its gas stops, the work beside it finishes, the exit code is 4 and the failure names the limit', async () => {
    writeFileSync(join(rho.folder, 'spin.rho'), 'contract @"spin"() = { @"spin"!() } | @"spin"!()')
    writeFileSync(
      join(rho.folder, 'work.rho'),
      'new out(`rho:io:stdout`) in { contract @"f"(@n) = { if (n > 0) { @"f"!(n - 1) } else { out!("finished") } } | @"f"!(50) }',
    )
    const { exit, stdout, stderr } = await rho.run(['run', '--gas', '1e6', 'spin.rho', 'work.rho'])
    expect(stdout).toBe('"finished"\n')
    expect(stderr).toContain('RHO601')
    expect(stderr).toContain('gas limit')
    expect(exit).toBe(4)
  })
})
