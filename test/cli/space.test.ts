import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open, v } from '../../rspace/index.ts'
import { Rho } from './rho.ts'

const rho = new Rho()
const at = (name: string): string => join(rho.folder, name)
const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
const json = async (...args: string[]): Promise<{ exit: number | null; lines: unknown[]; stderr: string }> => {
  const ran = await rho.run(['space', ...args, '--format', 'json'])
  return { exit: ran.exit, lines: ran.stdout === '' ? [] : lines(ran.stdout), stderr: ran.stderr }
}
let root = ''

beforeAll(async () => {
  await rho.build()
  const space = await open(at('data'), { create: true, history: 'merkle', order: 'lifo' })
  space.produce('jobs', { id: 1, $odd: 'a "$$b": c', big: 5n })
  space.produce('jobs', { id: 2 }, { persist: true, leaseTicks: 9 })
  space.consume(
    [
      { channel: 'a', pattern: { n: v.n } },
      { channel: ['b', 1], pattern: v.m, peek: true },
    ],
    'pair',
    { where: { $gt: [v.n, v.m] } },
  )
  root = (await space.checkpoint()).root
  space.tryTake('jobs', { id: 1 })
  await space.close()
})
afterAll(() => rho.remove())

describe('rho space on a space of JSON values', () => {
  it('inspect lists one record per line, all or those of one channel', async () => {
    expect((await json('inspect', 'data')).lines).toEqual([
      { kind: 'datum', channel: 'jobs', value: { id: 2 }, persistent: true, ref: 2, leaseTick: 9 },
      {
        kind: 'continuation',
        channel: 'a',
        channels: ['a', ['b', 1]],
        patterns: [{ n: { $var: 'n' } }, { $var: 'm' }],
        peeks: [false, true],
        where: { $gt: [{ $var: 'n' }, { $var: 'm' }] },
        body: 'pair',
        persistent: false,
        ref: 3,
      },
    ])
    expect((await json('inspect', 'data', 'jobs')).lines).toHaveLength(1)
    expect((await json('inspect', 'data', '["b",1]')).lines).toHaveLength(1)
    expect((await json('inspect', 'data', 'nowhere')).lines).toEqual([])
    expect((await rho.run(['space', 'inspect', 'data', 'jobs'])).stdout).toBe('datum  "jobs"  {"id":2}  persistent  until tick 9  ref 2\n')
  })
  it('log tells what the kept commits did', async () => {
    expect((await json('log', 'data')).lines).toEqual([
      { commit: 1, kind: 'produce', ref: 1, channel: 'jobs', value: { $odd: 'a "$$b": c', big: { $big: '5' }, id: 1 }, persistent: false },
      { commit: 1, kind: 'produce', ref: 2, channel: 'jobs', value: { id: 2 }, persistent: true },
      { commit: 1, kind: 'consume', ref: 3, channel: 'a', persistent: false },
      {
        commit: 2,
        kind: 'remove',
        ref: 1,
        channel: 'jobs',
        value: { $odd: 'a "$$b": c', big: { $big: '5' }, id: 1 },
        persistent: false,
      },
    ])
  })
  it('stats and verify report; verify changes nothing', async () => {
    const before = readdirSync(at('data')).sort()
    expect((await json('stats', 'data')).lines).toMatchObject([{ durability: 'process', commit: 2, rows: { D: 1, K: 1 } }])
    expect(await json('verify', 'data')).toMatchObject({ exit: 0, lines: [{ ok: true, commit: 2, problems: [] }], stderr: '' })
    expect((await rho.run(['space', 'verify', 'data'])).stdout).toMatch(/^ok: true\ncommit: 2\nrows: /)
    expect(readdirSync(at('data')).sort()).toEqual(before)
  })
  it('fork, reset and checkpoint move between states', async () => {
    expect((await json('fork', 'data', 'then', root)).exit).toBe(0)
    expect((await json('inspect', 'then', 'jobs')).lines).toHaveLength(2)
    expect((await json('fork', 'data', 'now')).exit).toBe(0)
    expect((await json('inspect', 'now', 'jobs')).lines).toHaveLength(1)
    expect((await json('reset', 'now', root)).lines).toMatchObject([{ root }])
    expect((await json('checkpoint', 'now')).lines).toMatchObject([{ root }])
    expect(await json('reset', 'now', 'f'.repeat(64))).toMatchObject({ exit: 5, lines: [{ kind: 'error', code: 'UNKNOWN_ROOT' }] })
    const space = await open(at('now'), { order: 'lifo' })
    expect([space.count('jobs'), space.digest()]).toEqual([2, root])
    await space.close()
  })
  it('export and import carry a space over; compact leaves its content alone', async () => {
    expect((await rho.run(['space', 'export', 'data', 'data.rhz'])).exit).toBe(0)
    expect((await rho.run(['space', 'export', 'data'])).stdout.startsWith('RHZPAGES')).toBe(true)
    expect((await rho.run(['space', 'export', 'data', '/dev/null'])).exit).toBe(0)
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(await rho.run(['space', 'export', 'data', '.'])).toMatchObject({ exit: 2, stderr: 'rho: cannot write `.`: it is a directory\n' })
    expect(await json('import', 'data.rhz', 'copy')).toMatchObject({ exit: 0, lines: [{ ok: true, commit: 2 }] })
    expect((await json('compact', 'copy')).exit).toBe(0)
    expect((await json('inspect', 'copy')).lines).toEqual((await json('inspect', 'data')).lines)
    truncateSync(at('data.rhz'), readFileSync(at('data.rhz')).length - 1)
    expect(await json('import', 'data.rhz', 'broken')).toMatchObject({ exit: 5, lines: [{ code: 'IMPORT_INVALID' }] })
    expect((await json('stats', 'broken')).lines).toMatchObject([{ code: 'NO_SUCH_SPACE' }])
  })
  it('repair makes a whole copy of a damaged space, which verify has refused', async () => {
    await json('fork', 'data', 'hurt')
    for (const name of readdirSync(at('hurt')).filter(n => /\.(log|ldb)$/.test(n))) {
      const bytes = readFileSync(at(`hurt/${name}`))
      if (bytes.length > 60) writeFileSync(at(`hurt/${name}`), bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 8))
    }
    const verdict = await json('verify', 'hurt')
    expect(verdict).toMatchObject({ exit: 5, lines: [{ ok: false }] })
    expect(await json('repair', 'hurt', 'healed')).toMatchObject({ lines: [{ ok: true, lost: expect.anything() }] })
    expect((await json('verify', 'healed')).exit).toBe(0)
    expect(await json('repair', 'hurt', 'healed')).toMatchObject({ exit: 5, lines: [{ code: 'BAD_ARGUMENT' }] })
  })
})

describe('rho space refuses', () => {
  it('what is no space, with one line and exit 5', async () => {
    for (const command of ['inspect', 'stats', 'verify', 'log', 'compact', 'checkpoint', 'export']) {
      const ran = await rho.run(['space', command, 'absent'])
      expect([command, ran.exit, ran.stdout]).toEqual([command, 5, ''])
      expect(ran.stderr).toMatch(/^NO_SUCH_SPACE: [^\n]*\n$/)
    }
    expect(existsSync(at('absent'))).toBe(false)
    expect(await json('verify', 'dist')).toMatchObject({ exit: 5, lines: [{ v: 1, kind: 'error', code: 'NOT_A_SPACE' }] })
  })
  it('a space that is in use, and says by whom', async () => {
    const space = await open(at('busy'), { create: true })
    expect(await json('verify', 'busy')).toMatchObject({
      exit: 5,
      lines: [{ kind: 'error', code: 'LOCKED', details: { holder: { pid: process.pid } } }],
    })
    await space.close()
  })
  it('wrong use, with exit 2', async () => {
    expect((await rho.run(['space'])).exit).toBe(2)
    expect((await rho.run(['space', 'verfy', 'data'])).stderr).toContain('did you mean `rho space verify`?')
    expect((await rho.run(['space', 'repair', 'data'])).stderr).toContain('takes FROM TO')
    expect((await rho.run(['space', 'import', 'nofile', 'x'])).exit).toBe(2)
  })
})

describe('rho space on a space with other codecs', () => {
  it('shows its structure, with bytes as hexadecimal digits', async () => {
    const text = { encode: (s: string) => new TextEncoder().encode(s), decode: (b: Uint8Array) => new TextDecoder().decode(b) }
    const codec = { id: 'text', ...text }
    const space = await open<{ C: string; P: string; A: string; K: string; R: string; G: string }>(at('own'), {
      create: true,
      codec: { channel: codec, pattern: codec, datum: codec, body: codec, guard: codec },
      matcher: { match: (p, a) => (p === a ? a : undefined) },
    })
    space.produce('c', 'hi')
    await space.close()
    expect((await json('inspect', 'own')).lines).toMatchObject([{ kind: 'datum', channel: '63', value: '6869' }])
    const digest = (await json('checkpoint', 'own')).lines
    expect(digest).toMatchObject([{ root: expect.stringMatching(/^[0-9a-f]{64}$/) }])
  })
})
