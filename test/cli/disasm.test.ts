import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeProgram } from '../../bytecode/index.ts'
import { compileOpen } from '../../src/compile/compile.ts'
import { termOf } from '../acceptance/support.ts'
import { Rho } from './rho.ts'

const rho = new Rho()
beforeAll(() => rho.build())
afterAll(() => rho.remove())

const PROGRAM = 'new out(`rho:io:stdout`) in { for (@n <- @"c") { if (n < 2) { out!(n + 1) } } }'

async function lines(...args: string[]): Promise<Record<string, unknown>[]> {
  const ran = await rho.run(['disasm', '--format', 'json', ...args])
  expect(ran).toMatchObject({ exit: 0, stderr: '' })
  return ran.stdout
    .trim()
    .split('\n')
    .map(l => JSON.parse(l) as Record<string, unknown>)
}

describe('rho disasm of linked code', () => {
  it('--linked shows register code beside the canonical instructions, with the source', async () => {
    const { stdout, exit } = await rho.run(['disasm', '--linked', '-e', PROGRAM])
    expect(exit).toBe(0)
    expect(stdout).toMatch(/RECV 1 <- k\d base L\d +\| +\d+: RECVK \[<- 1 → \d+\] @"c".*; for \(@n <- @"c"\)/)
    expect(stdout).toContain('JLT')
    expect((await rho.run(['disasm', '--linked', '--no-opt', '-e', PROGRAM])).stdout).not.toContain('JLT')
  })

  it('P and P | Q list P alike', async () => {
    const q = '@"x"!(1) | for (@a <- @"y" & @b <- @"z") { @"w"!(a ++ b) }'
    const alone = (await rho.run(['disasm', '--linked', '-e', PROGRAM])).stdout
    const both = (await rho.run(['disasm', '--linked', '-e', `${PROGRAM} | ${q}`])).stdout
    for (const block of alone.split('\n\n').filter(b => b !== '')) expect(both).toContain(block)
  })

  it('--link-map names binders, URIs, public names, and the free variables of open programs', async () => {
    expect((await rho.run(['disasm', '--link-map', '-e', PROGRAM])).stdout).toContain('public @"c" <-\n')
    const open = (await rho.run(['disasm', '--link-map', '--open', '-e', 'x!(1) | y!(1)'])).stdout
    expect(open.split('\n').slice(1, 3)).toEqual(['  c0 = x [copy 1]', '  c0 = y [copy 2]'])
  })

  it('--why says what keeps an operation from being fused', async () => {
    expect((await rho.run(['disasm', '--why', '-e', PROGRAM])).stdout).toContain('ADD: fused: in place')
    expect((await rho.run(['disasm', '--why', '--trick', 'literal', '-e', PROGRAM])).stdout).toContain('ADD: not fused: literal mode')
  })

  it('--format json gives one object per sequence, for each of them', async () => {
    const records = await lines('--linked', '--link-map', '--why', '-e', PROGRAM)
    expect(new Set(records.map(r => `${r.v} ${r.kind}`))).toEqual(new Set(['1 linked', '1 link', '1 fusion']))
    const codes = records.filter(r => r.kind === 'linked').flatMap(r => r.code as { linked: { text: string }[] }[])
    expect(codes.flatMap(c => c.linked.map(l => l.text.split(' ')[0]))).toContain('RECVK')
    expect(records.filter(r => r.kind === 'fusion').reduce((n, r) => n + (r.branches as number), 0)).toBe(1)
  })

  it('--format json says what is wrong in JSON too, on standard output', async () => {
    const ran = await rho.run(['disasm', '--format', 'json', '-e', '@0!(x) | @1!(_)'])
    expect(ran).toMatchObject({ exit: 1, stderr: '' })
    const found = ran.stdout.trim().split('\n')
    expect(found.map(l => JSON.parse(l))).toMatchObject([
      { v: 1, kind: 'diagnostic', code: 'RHO201', line: 1, column: 5 },
      { v: 1, kind: 'diagnostic', code: 'RHO202', line: 1, column: 14 },
    ])
  })

  it('a program file is listed like its source; one with billions of equal parts is refused', async () => {
    const { image } = compileOpen(termOf('@0!(1)'))
    const none = { at: new Uint32Array(0), start: new Int32Array(0), end: new Int32Array(0) }
    writeFileSync(join(rho.folder, 'one.rhz'), await writeProgram({ image, spans: none }))
    expect((await rho.run(['disasm', '--linked', 'one.rhz'])).stdout).toContain('SENDK @0 1')
    const many = image.slice()
    many[1] = 0xffffffff
    writeFileSync(join(rho.folder, 'many.rhz'), await writeProgram({ image: many, spans: none }))
    const ran = await rho.run(['disasm', '--linked', '--link-map', '--why', 'many.rhz'])
    expect(ran).toMatchObject({ exit: 1, stdout: '' })
    expect(ran.stderr).toContain('BAD_IMAGE_LIMIT')
    const json = await rho.run(['disasm', '--format', 'json', 'many.rhz'])
    expect(json).toMatchObject({ exit: 1, stderr: '' })
    expect(JSON.parse(json.stdout)).toMatchObject({ v: 1, kind: 'diagnostic', code: 'BAD_IMAGE_LIMIT', file: 'many.rhz' })
  })
})
