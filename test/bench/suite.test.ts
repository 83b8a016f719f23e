import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DEPLOYS, type Entry, programText, RAW_KINDS, SUITE } from '../../bench/suite.ts'
import { checkLines, runOnce, SUITE_COMMANDS } from '../../bench/suite-inside.ts'
import { programTable, targetRows } from '../../bench/suite-run.ts'
import { type Compared, secondOf, type Run as WorkersRun, workerRows, workersTable } from '../../bench/suite-workers.ts'
import { SCALING_PROGRAMS } from '../../bench/workers.ts'

const folder = new URL('../../bench/suite/', import.meta.url)
const run = promisify(execFile)
const plain = fileURLToPath(new URL('../../bench/baseline/js/suite.mjs', import.meta.url))

describe('a program of the suite', () => {
  it.each(SUITE.map(e => [e.id, e] as const))(
    '%s prints its answer and makes the COMMs that were worked out for it',
    async (_, entry: Entry) => {
      const { lines, counts } = await runOnce(programText(entry, entry.tiny, folder), 'plain')
      checkLines(lines, entry.answer(entry.tiny), entry.unordered === true)
      if (entry.comms !== undefined) expect(counts.comms).toBe(entry.comms(entry.tiny))
    },
  )

  it('does the same literally, recorded, traced, and with everything stored', async () => {
    const small = ['r5', 'r8', 'dictionary', 'chameneos', 'micro-pattern']
    for (const entry of SUITE.filter(e => small.includes(e.id))) {
      for (const way of ['literal', 'recorder', 'trace', 'process', 'power'] as const) {
        const { lines, counts } = await runOnce(programText(entry, entry.tiny, folder), way)
        expect(lines).toEqual(entry.answer(entry.tiny))
        expect(counts.comms).toBe(entry.comms?.(entry.tiny))
      }
    }
  })

  it('has a file, and every file belongs to a program', () => {
    const files = readdirSync(fileURLToPath(folder)).map(f => f.replace(/\.rho$/, ''))
    const used = new Set([...SUITE.map(e => e.file), ...SCALING_PROGRAMS.map(p => p.file), 'workers-across', 'workers-migrate'])
    expect(files.filter(f => !used.has(f))).toEqual([])
    expect([...used].filter(f => !files.includes(f))).toEqual([])
  })

  it('refuses a number for a place that it does not have', () => {
    const entry = SUITE.find(e => e.id === 'r8') as Entry
    expect(() => programText(entry, { n: 3, guests: 4 }, folder)).toThrow('no place for guests')
  })

  it('comes in the four sets of the design', () => {
    expect([...new Set(SUITE.map(e => e.set))]).toEqual(['rholang', 'savina', 'game', 'micro'])
    expect(SUITE.filter(e => e.set === 'savina').map(e => e.id)).toEqual([
      ...['pingpong', 'counting', 'forkjoin-create', 'forkjoin-throughput', 'threadring', 'chameneos', 'big', 'dictionary', 'sortedlist'],
      ...['boundedbuffer', 'philosophers', 'barber', 'smokers', 'logisticmap', 'banking', 'fibonacci', 'sieve', 'nqueens', 'skynet'],
    ])
  })
})

describe('the same job on channels in plain JavaScript', () => {
  it('finds the same answers', async () => {
    const ids: string[] = JSON.parse((await run(process.execPath, [plain])).stdout)
    const entries = SUITE.filter(e => ids.includes(e.id))
    expect(entries.length).toBeGreaterThan(25)
    const answers = await Promise.all(
      entries.map(async e => JSON.parse((await run(process.execPath, [plain, e.id, JSON.stringify(e.tiny), '0'])).stdout).answer),
    )
    expect(answers).toEqual(entries.map(e => e.answer(e.tiny)[0]))
  })
})

describe('a program for several workers', () => {
  it.each(SCALING_PROGRAMS.map(p => [p.file, p] as const))('%s prints its answer with one', async (file, { n, answer }) => {
    const { lines } = await runOnce(programText({ file } as Entry, { n }, folder), 'plain')
    expect(lines).toEqual([answer])
  })
})

describe('a measurement in a process', () => {
  const entry = SUITE.find(e => e.id === 'r4') as Entry
  const task = { text: programText(entry, entry.tiny, folder), answer: entry.answer(entry.tiny), unordered: false, ms: 1 }
  const ask = async (command: string, args: string[], input = ''): Promise<Record<string, unknown>> =>
    (await SUITE_COMMANDS[command](args, () => input)) as Record<string, unknown>

  it('tells the phases of a first run and of warm ones', async () => {
    const { cold, warm, counts } = await ask('program', [], JSON.stringify(task))
    expect(Object.keys(cold as object)).toEqual(['parse', 'normalise', 'compile', 'verify', 'link', 'run', 'commit'])
    expect((warm as unknown[]).length).toBeGreaterThan(0)
    expect(counts).toMatchObject({ comms: entry.comms?.(entry.tiny) })
  })

  it('refuses a program that prints something else', async () => {
    await expect(ask('program', [], JSON.stringify({ ...task, answer: ['no'] }))).rejects.toThrow('line 1')
    expect(() => checkLines(['a', 'b'], ['b', 'a'], true)).not.toThrow()
    expect(() => checkLines(['a', 'b'], ['b', 'a'], false)).toThrow()
    expect(() => checkLines(['a'], ['a', 'b'], false)).toThrow()
    expect(() => checkLines(['a', 'b'], ['a'], false)).toThrow()
  })

  it('compares two ways to run it, pair by pair', async () => {
    const { ours, theirs, commit } = await ask('compare', [], JSON.stringify({ ...task, way: 'process' }))
    expect((ours as number[]).length).toBe((theirs as number[]).length)
    expect((commit as number[]).every(ms => ms > 0)).toBe(true)
  })

  it('finds the COMMs of the tuplespace alone, or would throw', async () => {
    for (const kind of RAW_KINDS) expect((await ask('raw', [kind, '1'])).ns).not.toEqual([])
  })

  it('leaves one message on each of the names of a deploy stream, or would throw', async () => {
    expect(DEPLOYS).toBe(1512)
    expect((await ask('deploys', ['1'])).ns).not.toEqual([])
  })

  it('goes on from a state with all machines, or would throw', async () => {
    expect((await ask('states', ['100', '1'])).bytesEach).toBeGreaterThan(10)
  })
})

describe('the table of programs', () => {
  const some = (samples: number[]) => ({ median: samples[0], min: Math.min(...samples), max: Math.max(...samples), samples })
  const phases = {
    parse: some([1]),
    normalise: some([2]),
    compile: some([3]),
    verify: some([4]),
    link: some([5]),
    run: some([6]),
    commit: some([0]),
  }
  const entry = SUITE.find(e => e.id === 'r10') as Entry
  const result = {
    ...({ id: 'r10', set: 'rholang', title: entry.title, sizes: entry.quick, unit: 'step', units: 16_000, expectedComms: 1 } as const),
    ...{ counts: { comms: 1, primitiveComms: 0, machines: 1, steps: 1, gas: 32_000 }, cold: phases, warm: phases, error: null },
    ...{ nsPerUnit: some([1000, 900, 1100]), nsPerComm: some([500]), plain: some([100]), toPlain: some([10]), toComm: some([21]) },
    ...{
      ways: { literal: some([3]), recorder: some([1.4]), power: some([2]) },
      commitShare: { power: 0.25 },
      heapMegabytes: some([9]),
      peakMegabytes: some([90]),
    },
  }

  it('shows phases apart, cost, ratio and the other ways', () => {
    const lines = programTable([result]).split('\n')
    const cells = lines[2].split('|').map(c => c.trim())
    expect(cells.slice(1, -1)).toEqual([
      ...['r10', 'step', '16,000', '1,000 (900–1,100)', '500', '10.0×', '1.00', '9.00', '5.00', '6.00', '6.00', '90.0', '2.00'],
      ...['3.00', '1.40', '2.00 (commit 25 %)'],
    ])
  })

  it('judges what the design set targets for', () =>
    expect(targetRows([result]).map(r => [r.id, r.verdict])).toEqual([
      ['r10', 'missed'],
      ['literal', 'met'],
      ['recorder', 'met'],
    ]))
})

describe('programs with numbers of workers', () => {
  const ran = (ms: number, startMs = 0, comms = 1000): WorkersRun => ({
    run: ms,
    start: startMs,
    total: ms + 90,
    comms,
    busiest: ms,
    all: 2 * ms,
  })
  const compared = (id: string, [none, two, auto]: number[], startMs = 0): Compared => ({
    id,
    size: 'second',
    passes: [{ 0: ran(none), 2: ran(two, 80), auto: ran(auto + startMs, startMs) }],
    refused: {},
    anyOrder: false,
  })

  it('are judged by the worst: long ones against none and the better, short ones against none', () => {
    const results = [
      compared('r8', [2000, 1000, 1200], 100),
      compared('r7', [1000, 1300, 1000], 150),
      compared('r6', [1000, 1000, 1000]),
      compared('r4', [100, 500, 105]),
    ]
    const rows = workerRows(results)
    expect(rows.map(r => [r.title.split(': ')[1], r.value?.median, r.verdict])).toEqual([
      ['r7', 1.3, 'missed'],
      ['r8', 1.2, 'missed'],
      ['r4', 1.05, 'met'],
    ])
    expect(rows[1].note).toContain('r8 1.20×, r7 1.15×')
  })

  it('are judged by the median of what ran side by side', () => {
    const one = (none: number, two: number) => ({ 0: ran(none), 2: ran(two, 80), auto: ran(none) })
    // A machine that got slower all the time.
    const slower = { ...compared('r8', []), passes: [one(1000, 1100), one(2000, 2200), one(4000, 4800)] }
    expect(workerRows([slower])[0].value?.median).toBeCloseTo(1.1)
  })

  it('are judged by the time of a COMM where the order of things decides how many there are', () => {
    const passes = [{ 0: ran(2000, 0, 1000), 2: ran(1000, 80, 400), auto: ran(4000, 90, 2000) }]
    const result = { ...compared('barber', []), passes, anyOrder: true }
    expect(workerRows([result]).map(r => r.value?.median)).toEqual([1.25, 1])
    expect(workerRows([{ ...result, anyOrder: false }]).map(r => r.value?.median)).toEqual([0.5, 3.91])
    const [, , line, ...notes] = workersTable([result], ['0', '2', 'auto']).split('\n')
    expect(line).toContain('1.25× *')
    expect(notes.at(-1)).toBe('* barber, auto: another order of things gave it 2.00 times as many COMMs; compared is the time of each.')
  })

  it('have a line each: run phase, what the workers change, bringing them up, processor time', () => {
    const refused = { ...compared('r9', [10, 20, 10]), refused: { 2: 'not with workers' } }
    const lines = workersTable([compared('r8', [2000, 1000, 1200], 100), refused], ['0', '2', 'auto']).split('\n')
    const cells = lines[2].split('|').map(c => c.trim())
    expect(cells.slice(1, -1)).toEqual([
      ...['r8', '2,000', '1,000', '1,300', '0.500×', '0.650×', '80', '100'],
      ...['2,000 (4,000)', '1,000 (2,000)', '1,300 (2,600)'],
    ])
    expect(lines[3]).toContain('refused')
    expect(lines.at(-1)).toBe('workers: not with workers.')
  })

  it('have sizes of their own where `full` is not a second, and answers for them', () => {
    for (const entry of SUITE) expect(() => programText(entry, secondOf(entry), folder), entry.id).not.toThrow()
    expect(secondOf(SUITE.find(e => e.id === 'fibonacci') as Entry)).toEqual({ n: 31 })
  })
})
