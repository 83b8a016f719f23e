import { fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Worker } from 'node:worker_threads'
import { xxh64 } from '../../../rspace/store/hash.ts'
import { compactDir, openStore, repair, verifyDir } from '../../../rspace/store/index.ts'
import { Random } from '../../support/random.ts'
import { buildPrograms } from './children.ts'
import { type Budget, codeOf, copyFiles, deltaAt, type Outcome, remove, rowsOfStore, runCases, temporary } from './world.ts'

/** Families 7 and 8: directories that are not what they seem, and doors that are locked. */

/** Name and content of every file, so that "nothing changed" can be said exactly. The engine's own empty lock file does not count. */
function contentOf(dir: string): string {
  const lines: string[] = []
  const walk = (at: string, prefix: string) => {
    for (const name of existsSync(at) ? readdirSync(at).sort() : []) {
      const path = join(at, name)
      if (name === 'LOCK') continue
      if (statSync(path).isDirectory()) walk(path, `${prefix}${name}/`)
      else lines.push(`${prefix}${name} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    }
  }
  walk(dir, '')
  return lines.join('\n')
}

interface Wrong {
  readonly name: string
  readonly codes: readonly string[]
  readonly options?: Parameters<typeof openStore>[1]
  make(
    dir: string,
    templates: { readonly clean: string; readonly newerCrashed: string; readonly other: string; readonly older: string },
  ): void
}

const first = (dir: string, pattern: RegExp) => join(dir, readdirSync(dir).find(n => pattern.test(n))!)
const ANY = ['CORRUPT', 'NEEDS_REPAIR', 'NOT_A_SPACE']

const WRONGS: readonly Wrong[] = [
  { name: 'absent', codes: ['NO_SUCH_SPACE'], make: () => undefined },
  { name: 'empty', codes: ['NO_SUCH_SPACE'], make: d => mkdirSync(d) },
  { name: 'a file', codes: ['NOT_A_SPACE'], make: d => writeFileSync(d, 'text') },
  { name: 'other files', codes: ['NOT_A_SPACE'], make: d => inOrder(mkdirSync(d), writeFileSync(join(d, 'letter.txt'), 'dear')) },
  {
    name: 'other files, create',
    codes: ['NOT_A_SPACE'],
    options: { create: true },
    make: d => inOrder(mkdirSync(d), writeFileSync(join(d, 'letter.txt'), 'dear')),
  },
  {
    name: 'RHZ.FORMAT missing',
    codes: ['NOT_A_SPACE'],
    options: { create: true },
    make: (d, t) => inOrder(copyFiles(t.clean, d), rmSync(join(d, 'RHZ.FORMAT'))),
  },
  {
    name: 'CURRENT missing',
    codes: ['NOT_A_SPACE'],
    options: { create: true },
    make: (d, t) => inOrder(copyFiles(t.clean, d), rmSync(join(d, 'CURRENT'))),
  },
  { name: 'CURRENT empty', codes: ['NOT_A_SPACE'], make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(join(d, 'CURRENT'), '')) },
  {
    name: 'CURRENT names nothing',
    codes: ['NOT_A_SPACE'],
    make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(join(d, 'CURRENT'), 'MANIFEST-999999\n')),
  },
  { name: 'MANIFEST missing', codes: ['NOT_A_SPACE'], make: (d, t) => inOrder(copyFiles(t.clean, d), rmSync(first(d, /^MANIFEST/))) },
  { name: 'MANIFEST empty', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(first(d, /^MANIFEST/), '')) },
  { name: 'a table missing', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), rmSync(first(d, /ldb$/))) },
  { name: 'a table empty', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(first(d, /ldb$/), '')) },
  { name: 'the log missing after a clean close', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), rmSync(first(d, /\.log$/))) },
  {
    name: 'all files of another store but RHZ',
    codes: ANY,
    make: (d, t) => inOrder(copyFiles(t.other, d), copyFiles2(t.clean, d, /^RHZ/)),
  },
  { name: 'RHZ files of another store', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), copyFiles2(t.other, d, /^RHZ/)) },
  { name: 'RHZ.CLEAN of another store', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), copyFiles2(t.other, d, /^RHZ.CLEAN/)) },
  { name: 'RHZ.CLEAN of an older state', codes: ANY, make: (d, t) => inOrder(copyFiles(t.clean, d), copyFiles2(t.older, d, /^RHZ.CLEAN/)) },
  { name: 'engine files of an older state', codes: ANY, make: (d, t) => inOrder(copyFiles(t.older, d), copyFiles2(t.clean, d, /^RHZ/)) },
  {
    name: 'engine files of an older state, crashed',
    codes: ANY,
    make: (d, t) => inOrder(copyFiles(t.older, d), rmSync(join(d, 'RHZ.CLEAN')), copyFiles2(t.newerCrashed, d, /^RHZ.OPEN/)),
  },
  {
    name: 'RHZ.FORMAT cut',
    codes: ['CORRUPT'],
    make: (d, t) =>
      inOrder(copyFiles(t.clean, d), writeFileSync(join(d, 'RHZ.FORMAT'), readFileSync(join(d, 'RHZ.FORMAT')).subarray(0, 20))),
  },
  { name: 'RHZ.CLEAN empty', codes: ['CORRUPT'], make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(join(d, 'RHZ.CLEAN'), '')) },
  { name: 'other codecs', codes: ['CODEC_MISMATCH'], options: { codecs: 'other' }, make: (d, t) => copyFiles(t.clean, d) },
  { name: 'other durability', codes: ['CODEC_MISMATCH'], options: { durability: 'power' }, make: (d, t) => copyFiles(t.clean, d) },
  {
    name: 'two stores mixed',
    codes: ANY,
    make: (d, t) => inOrder(copyFiles(t.other, d), copyFiles(t.clean, d), copyFiles2(t.other, d, /^(CURRENT|MANIFEST)/)),
  },
  {
    name: 'RHZ.FORMAT of a newer version',
    codes: ['VERSION'],
    make: (d, t) => inOrder(copyFiles(t.clean, d), newerFormat(join(d, 'RHZ.FORMAT'))),
  },
  {
    name: 'RHZ.FORMAT empty',
    codes: ['CORRUPT'],
    make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(join(d, 'RHZ.FORMAT'), '')),
  },
  {
    name: 'a table of another store',
    codes: ANY,
    make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(first(d, /ldb$/), readFileSync(first(t.other, /ldb$/)))),
  },
  {
    name: 'the MANIFEST of another store',
    codes: ANY,
    make: (d, t) => inOrder(copyFiles(t.clean, d), writeFileSync(first(d, /^MANIFEST/), readFileSync(first(t.other, /^MANIFEST/)))),
  },
  {
    name: 'a leftover, create not given',
    codes: ['NO_SUCH_SPACE'],
    make: (d, t) => inOrder(copyFiles(t.clean, d), renameSync(join(d, 'RHZ.FORMAT'), join(d, 'RHZ.CREATING'))),
  },
]

/** The effects are those of the arguments, from left to right. */
function inOrder(..._effects: unknown[]): void {}

/** As a later version would write it, with a good checksum. */
export function newerFormat(file: string): void {
  const format = readFileSync(file)
  format.writeUInt16BE(99, 8)
  format.writeBigUInt64BE(xxh64(format.subarray(0, -8)), format.length - 8)
  writeFileSync(file, format)
}

function copyFiles2(from: string, to: string, pattern: RegExp): void {
  for (const name of readdirSync(from)) if (pattern.test(name)) writeFileSync(join(to, name), readFileSync(join(from, name)))
}

/** Family 7: refused with a type, and not one byte is different afterwards. */
export async function wrongDirectories(budget: Budget): Promise<Outcome> {
  const failures: string[] = []
  const base = temporary('wrong')
  try {
    const { seed } = budget
    const make = async (name: string, steps: number, from?: string, s = seed) => {
      const dir = join(base, name)
      if (from !== undefined) copyFiles(from, dir)
      const store = await openStore(dir, { create: true, codecs: 'torture', writeBufferBytes: 65_536, keep: { commits: 20, bytes: 0 } })
      const before = store.committed.number
      for (let step = before + 1; step <= before + steps; step++) await store.commit(deltaAt(s, step))
      copyFiles(dir, `${dir}-crashed`)
      await store.close()
      return dir
    }
    const older = await make('older', 40)
    const clean = await make('clean', 60, older)
    const templates = {
      older,
      clean,
      newerCrashed: `${await make('newer', 10, clean)}-crashed`,
      other: await make('other', 100, undefined, seed + 1),
    }
    const rounds = Math.max(1, Math.floor(budget.cases / (2 * WRONGS.length)))
    const cases = await runCases({ ...budget, cases: rounds * 2 * WRONGS.length }, 2, async i => {
      const wrong = WRONGS[i % WRONGS.length]!
      // Odd passes ask for a read-only opening, which must refuse just the same.
      const readOnly = Math.floor(i / WRONGS.length) % 2 === 1 && wrong.options?.create !== true
      const dir = join(base, `case-${i}`)
      wrong.make(dir, templates)
      const isDir = existsSync(dir) && statSync(dir).isDirectory()
      const before = isDir ? contentOf(dir) : ''
      try {
        const store = await openStore(dir, { ...wrong.options, readOnly })
        try {
          await rowsOfStore(store)
          failures.push(`${wrong.name}: opened`)
        } finally {
          await store.close()
        }
      } catch (e) {
        if (!wrong.codes.includes(codeOf(e)))
          failures.push(
            `${wrong.name}: ${codeOf(e)} ${e instanceof Error ? `${e.message} ${JSON.stringify((e as { details?: unknown }).details)}` : ''}`,
          )
      }
      const after = isDir ? contentOf(dir) : ''
      if (before !== after) failures.push(`${wrong.name}: files changed\n${before}\n--\n${after}`)
      remove(dir)
    })
    return { cases, failures, notes: { kinds: WRONGS.length } }
  } finally {
    remove(base)
  }
}

/** The lock of an earlier process that had the same number. */
const outOfDate = (text: string): string => text.replace(/"started":"\d+"/, '"started":"1"')

/** Family 8: never two writers. */
export async function locks(budget: Budget): Promise<Outcome> {
  const programs = await buildPrograms()
  const failures: string[] = []
  const notes = { races: 0 }
  const base = temporary('locks')
  const isLocked = async (what: string, attempt: () => Promise<unknown>) => {
    try {
      await attempt()
      failures.push(`${what}: let in`)
    } catch (e) {
      if (codeOf(e) !== 'LOCKED') failures.push(`${what}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
    }
  }
  const refused = (what: string, dir: string, o: Parameters<typeof openStore>[1] = {}) =>
    isLocked(what, async () => (await openStore(dir, o)).close())
  const opens = async (what: string, dir: string) => {
    try {
      const store = await openStore(dir)
      await rowsOfStore(store)
      await store.close()
    } catch (e) {
      failures.push(`${what}: ${codeOf(e)} ${e instanceof Error ? e.message : ''}`)
    }
  }
  const outcomes = (run: (dir: string, n: number) => Promise<string>, dir: string, n: number) =>
    Promise.all(Array.from({ length: n }, (_, i) => run(dir, i)))
  const inProcess = (dir: string, task = 'open') =>
    new Promise<string>(resolve => {
      const child = fork(programs.writer, [task, dir, '-', '1', 'process'], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] })
      let text = ''
      child.stdout!.on('data', d => (text += d))
      child.stderr!.on('data', d => (text += d))
      child.on('close', () => resolve(text))
    })
  const inThread = (dir: string) =>
    new Promise<string>(resolve => {
      const thread = new Worker(programs.writer, { argv: ['open', dir, '-', '1', 'process'], stdout: true, stderr: true })
      let text = ''
      thread.on('error', e => (text += codeOf(e)))
      thread.on('exit', code => resolve(text + (code === 0 ? ' end' : '')))
    })
  const CASES: readonly (readonly [string, (dir: string, random: Random) => Promise<void>])[] = [
    ['a second opening', async dir => held(dir, () => refused('second opening', dir))],
    [
      'a symlink',
      async dir =>
        held(dir, async () => {
          symlinkSync(dir, `${dir}-link`)
          await refused('symlink', `${dir}-link`)
        }),
    ],
    [
      'another process',
      async dir =>
        held(dir, async () => {
          if (!(await inProcess(dir)).includes('LOCKED')) failures.push('another process: not LOCKED')
        }),
    ],
    [
      'a worker thread',
      async dir =>
        held(dir, async () => {
          if (!(await inThread(dir)).includes('LOCKED')) failures.push('worker thread: not LOCKED')
        }),
    ],
    [
      'a killed holder',
      async (dir, random) => {
        const child = spawn(process.execPath, [programs.writer, 'write', dir, '-', '1', 'process'], { stdio: ['ignore', 'pipe', 'ignore'] })
        await new Promise(resolve => child.stdout.once('data', resolve))
        await refused('a living holder', dir)
        await new Promise(resolve => setTimeout(resolve, random.below(20)))
        const gone = new Promise(resolve => child.once('exit', resolve))
        child.kill('SIGKILL')
        await gone
        if (!existsSync(join(dir, 'RHZ.LOCK'))) failures.push('killed holder: left no lock')
        await opens('killed holder', dir)
      },
    ],
    [
      'a damaged lock',
      async dir => {
        writeFileSync(join(dir, 'RHZ.LOCK'), '{"pid":')
        await opens('damaged lock', dir)
      },
    ],
    [
      'a reused pid',
      async dir => {
        await leftLock(dir, outOfDate)
        await opens('reused pid', dir)
      },
    ],
    [
      'a copied directory',
      async dir =>
        held(dir, async () => {
          copyFiles(dir, `${dir}-copy`)
          writeFileSync(join(`${dir}-copy`, 'RHZ.LOCK'), readFileSync(join(dir, 'RHZ.LOCK')))
          await opens('copied directory', `${dir}-copy`)
        }),
    ],
    [
      'a race for a stale lock',
      async dir => {
        await leftLock(dir, outOfDate)
        const said = await outcomes((d, n) => (n % 2 === 0 ? inProcess(d) : inThread(d)), dir, 8)
        notes.races++
        raced('race', dir, said)
        await opens('after the race', dir)
      },
    ],
    [
      'a taker that died',
      async dir => {
        const text = await leftLock(dir, outOfDate)
        const token = /"token":"([0-9a-f]+)"/.exec(text)![1]!
        writeFileSync(join(dir, `RHZ.LOCK.take-${token}`), text.replace(token, 'deadbeef'))
        await opens('a taker that died', dir)
        const left = readdirSync(dir).filter(n => n.startsWith('RHZ.LOCK'))
        if (left.length > 0) failures.push(`a taker that died: left ${left}`)
      },
    ],
    ['a reader while one writes', async dir => held(dir, () => refused('reader', dir, { readOnly: true }))],
    [
      'a writer while one reads',
      async dir => {
        const reader = await openStore(dir, { readOnly: true })
        await refused('writer beside a reader', dir)
        await reader.close()
      },
    ],
    ['create on a space that is held', async dir => held(dir, () => refused('create', dir, { create: true }))],
    ['a relative path', async dir => held(dir, () => refused('relative path', relative(process.cwd(), dir)))],
    [
      'tools while one writes',
      async dir =>
        held(dir, async () => {
          await isLocked('verify', () => verifyDir(dir))
          await isLocked('repair', () => repair(dir, `${dir}-repaired`))
          await isLocked('compact', () => compactDir(dir))
        }),
    ],
    [
      'a lock file that somebody removed',
      async dir =>
        held(dir, async () => {
          rmSync(join(dir, 'RHZ.LOCK'))
          await refused('removed lock', dir)
          const said = await inProcess(dir)
          if (said.includes('end')) failures.push(`removed lock: another process was let in: ${said}`)
        }),
    ],
    [
      'a holder on another machine',
      async dir => {
        await leftLock(dir, text => text.replace(/"host":"[^"]*"/, '"host":"elsewhere"'))
        await refused('another machine', dir)
      },
    ],
    [
      'a holder from before the machine started',
      async dir => {
        await leftLock(dir, text => text.replace(/"boot":"[^"]*"/, '"boot":"earlier"'))
        await opens('earlier boot', dir)
      },
    ],
    [
      'a holder that was stopped',
      async dir => {
        const child = spawn(process.execPath, [programs.writer, 'write', dir, '-', '1', 'process'], { stdio: ['ignore', 'pipe', 'ignore'] })
        const gone = new Promise(resolve => child.once('exit', resolve))
        await new Promise(resolve => child.stdout.once('data', resolve))
        child.kill('SIGSTOP')
        await refused('a stopped holder', dir)
        child.kill('SIGKILL')
        await gone
        await opens('a stopped holder that was killed', dir)
      },
    ],
    [
      'a race to make a space',
      async dir => {
        const made = `${dir}-new`
        const said = await outcomes(d => inProcess(d, 'create'), made, 8)
        notes.races++
        raced('race to make', made, said)
        await opens('after the race to make', made)
        remove(made)
      },
    ],
  ]
  function raced(what: string, dir: string, said: readonly string[]): void {
    const won = said.filter(text => text.includes('end')).length
    const lost = said.filter(text => text.includes('LOCKED')).length
    if (won < 1 || won + lost !== said.length) failures.push(`${what}: ${won} won, ${lost} lost: ${said.join(' / ').slice(0, 600)}`)
    const left = readdirSync(dir).filter(n => n.startsWith('RHZ.LOCK'))
    if (left.length > 0) failures.push(`${what}: left ${left}`)
  }
  /** A lock that looks like one of this process, changed. */
  async function leftLock(dir: string, change: (text: string) => string): Promise<string> {
    let text = ''
    await held(dir, async () => {
      text = change(readFileSync(join(dir, 'RHZ.LOCK'), 'utf8'))
    })
    writeFileSync(join(dir, 'RHZ.LOCK'), text)
    return text
  }
  async function held(dir: string, during: () => Promise<void>): Promise<void> {
    const store = await openStore(dir)
    try {
      await rowsOfStore(store)
      await during()
      await store.commit(deltaAt(budget.seed, 1)) // the holder must not have noticed anything
    } finally {
      await store.close()
    }
  }
  try {
    const cases = await runCases(budget, 2, async i => {
      const dir = join(base, `space-${i}`)
      const store = await openStore(dir, { create: true, codecs: 'torture' })
      await store.commit(deltaAt(budget.seed, 1))
      await store.close()
      await CASES[i % CASES.length]![1](dir, new Random(budget.seed + i))
      remove(dir)
    })
    return { cases, failures, notes }
  } finally {
    programs.remove()
    remove(base)
  }
}

export const LOCK_KINDS = 20
export const WRONG_KINDS = WRONGS.length
