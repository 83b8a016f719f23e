import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const tsx = createRequire(import.meta.url).resolve('tsx')
const run = async (name: string): Promise<string[]> => {
  const file = fileURLToPath(new URL(`../../examples/embed/${name}.ts`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, file])
  return stdout.trimEnd().split('\n')
}

describe.concurrent('the examples for embedders print what they are meant to show', () => {
  it('jobs: claims, a lost worker, a restart', async () => {
    expect(await run('jobs')).toEqual([
      'the same order twice: ignored; 4 jobs',
      'bob has claimed job 1 and falls silent; 3 jobs are visible',
      '10 ticks later 4 are',
      'ann has done job 1 (mail)',
      'ann has done job 2 (print)',
      'ann cannot do job 3 and gives it back',
      'after a restart 2 jobs are left, 2 are done',
      'cleo has done job 3 (flaky)',
      'cleo has done job 4 (mail)',
      'done, in this order: 1 2 3 4',
    ])
  })
  it('chat: watchers see every line from where they begin, once', async () => {
    expect(await run('chat')).toEqual([
      '  ann sees | ann: is anybody here?',
      '  ann sees | bob: hello ann',
      '  ann sees | ann: good morning',
      '  bob sees | bob: hello ann',
      '  bob sees | ann: good morning',
      'the next day',
      '  cleo sees | bob: hello ann',
      '  cleo sees | ann: good morning',
      '  cleo sees | cleo: what have I missed?',
    ])
  })
  it('philosophers: everybody eats', async () => {
    expect(await run('philosophers')).toEqual([
      ...['Plato', 'Hypatia', 'Kant', 'Arendt', 'Spinoza'].map(name => `${name} has eaten 3 times`),
      'at most 2 ate at the same time; 5 forks lie on the table',
    ])
  })
  it('counter: checkpoints, time travel, replay', async () => {
    expect(await run('counter')).toEqual([
      'at noon the counter is 10',
      'in the evening it is 111',
      'a copy of noon says 10; the present still says 111',
      'replayed: 111, the same state',
      'back at noon: 10',
      'after a restart: 11',
    ])
  })
})
