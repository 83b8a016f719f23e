import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openStore } from '../../../rspace/store/open.ts'

/** What was synced, by path. */
const synced: string[] = []
const opened = new Map<number, string>()
vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>()
  return {
    ...fs,
    openSync: (path: string, flags: string) => {
      const file = fs.openSync(path, flags)
      opened.set(file, path)
      return file
    },
    fsync: (file: number, done: (e: Error | null) => void) => {
      synced.push(opened.get(file) ?? '')
      fs.fsync(file, done)
    },
  }
})

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rhizome-'))
  synced.length = 0
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

it('a new store is there after a power cut: every directory that holds a new one is synced', async () => {
  const path = join(dir, 'a', 'b', 'store')
  await (await openStore(path, { create: true })).close()
  expect(synced).toEqual(expect.arrayContaining([dir, join(dir, 'a'), join(dir, 'a', 'b'), path]))
  expect(synced).not.toContain(dirname(dir))
})

it('and so in a directory that was made before', async () => {
  await (await openStore(join(dir, 'store'), { create: true })).close()
  expect(synced).toContain(dir)
})
