import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { openStore } from '../../../rspace/store/index.ts'
import { acquireLock } from '../../../rspace/store/lock.ts'
import { remove, temporary } from '../../torture/store/world.ts'

/** A disk on which no file whose name fits has room. */
const full = vi.hoisted(() => ({ names: null as RegExp | null }))
vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>()
  const write: typeof fs.writeFileSync = (path, data, o) => {
    const isFull = full.names?.test(String(path)) === true
    fs.writeFileSync(path, isFull ? '' : data, o)
    if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }
  return { ...fs, writeFileSync: write }
})

const base = temporary('lock')
afterAll(() => remove(base))
const { platform } = process
const pretend = (name: string): unknown => Object.defineProperty(process, 'platform', { value: name })
afterEach(() => pretend(platform))
let n = 0
async function space(): Promise<string> {
  const dir = join(base, `space-${n++}`)
  await (await openStore(dir, { create: true })).close()
  return dir
}
/** The content of a lock of this process. */
async function held(dir: string): Promise<Record<string, unknown>> {
  const lock = await acquireLock(dir)
  const holder = JSON.parse(readFileSync(join(dir, 'RHZ.LOCK'), 'utf8')) as Record<string, unknown>
  await lock.release()
  return holder
}
async function opens(dir: string, lock: unknown): Promise<void> {
  writeFileSync(join(dir, 'RHZ.LOCK'), typeof lock === 'string' ? lock : JSON.stringify(lock))
  await (await openStore(dir)).close()
}

describe('a lock file', () => {
  it('that is no whole lock counts as left behind', async () => {
    const dir = await space()
    const holder = await held(dir)
    for (const bad of [
      'null',
      '5',
      '{}',
      '',
      JSON.stringify({ ...holder, pid: 1.5 }),
      JSON.stringify({ ...holder, boot: 1 }),
      JSON.stringify({ ...holder, token: 'XYZ' }),
    ])
      await opens(dir, bad)
  })
  it('of a process that is gone, or of another directory, counts as left behind', async () => {
    const dir = await space()
    const holder = await held(dir)
    await opens(dir, { ...holder, pid: 2 ** 22 - 3, token: 'ab' })
    await opens(dir, { ...holder, inode: '1', token: 'ab' })
    await opens(dir, { ...holder, started: '1', token: 'ab' })
  })
  it('of a living process whose start is unknown, of a thread of it, or of another machine keeps everybody out', async () => {
    const dir = await space()
    const holder = await held(dir)
    for (const [change, who] of [
      [{ started: '' }, `process ${process.pid}`],
      [{ thread: 3 }, `process ${process.pid}, thread 3`],
      [{ host: 'elsewhere' }, `process ${process.pid}`],
    ] as const) {
      writeFileSync(join(dir, 'RHZ.LOCK'), JSON.stringify({ ...holder, ...change, token: 'ab' }))
      await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED', message: `the space is held by ${who}` })
    }
  })
  it('that a living process is just taking over keeps everybody out', async () => {
    const dir = await space()
    const holder = await held(dir)
    writeFileSync(join(dir, 'RHZ.LOCK'), JSON.stringify({ ...holder, started: '1', token: 'ab' }))
    writeFileSync(join(dir, 'RHZ.LOCK.take-ab'), JSON.stringify({ ...holder, token: 'cd' }))
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED' })
    writeFileSync(join(dir, 'RHZ.LOCK.take-ab'), 'half')
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED' })
  })
  it('that a full disk keeps from being taken, or taken over, is left as it was, without anything in the way of the next', async () => {
    const dir = await space()
    const holder = await held(dir)
    const before = readdirSync(dir)
    for (const names of [/RHZ\.LOCK\.[0-9a-f]+$/, /RHZ\.LOCK\.[0-9a-f]+\.new$/]) {
      writeFileSync(join(dir, 'RHZ.LOCK'), JSON.stringify({ ...holder, pid: 2 ** 22 - 3, token: 'ab' }))
      for (let i = 0; i < 2; i++) {
        full.names = names
        await expect(openStore(dir)).rejects.toMatchObject({ code: 'DISK_FULL' })
      }
      full.names = null
      expect(readdirSync(dir)).toEqual([...before, 'RHZ.LOCK'].sort())
      await (await openStore(dir)).close()
    }
  })
  it('works where the system tells the start of a process in another way, or not at all', async () => {
    for (const name of ['darwin', 'win32']) {
      pretend(name)
      const dir = await space()
      const store = await openStore(dir)
      await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED' })
      await store.close()
      const holder = await held(dir)
      writeFileSync(join(dir, 'RHZ.LOCK'), JSON.stringify({ ...holder, token: 'ab' }))
      await expect(openStore(dir)).rejects.toMatchObject({ code: 'LOCKED' })
    }
  })
})
