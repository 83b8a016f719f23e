import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'acorn'
import { describe, expect, it } from 'vitest'
import { ratios, roundSize, runProcess, steadyCost, summarise, verdictOf } from '../../bench/measure.ts'
import { growth } from '../../bench/probes.ts'
import { JOBS, type Job, type Peer, parking, parkingAnswer, peerAnswer, WAKING } from '../../bench/programs.ts'
import { SECTIONS } from '../../bench/registry.ts'
import { plainRow, ratioRow, short, table } from '../../bench/row.ts'
import { SPACE_COMMANDS } from '../../bench/space-inside.ts'
import { compileStages } from '../../bench/stages.ts'
import { folderProgram, generatedProgram, javaScript, NESTINGS } from '../../bench/texts.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const run = promisify(execFile)

/** Runs texts one after the other in one space, each to rest. */
function printed(...texts: string[]): string[] {
  const host = new QuietHost()
  const session = new Session({ host })
  for (const text of texts) {
    const { program, diagnostics } = session.compile('bench.rho', text)
    expect(diagnostics.filter(d => d.severity === 'error')).toEqual([])
    session.deploy(program!)
    while (session.run() === 'budget');
    expect(session.failures).toEqual([])
  }
  return host.output.lines('stdout')
}

describe('a benchmark program', () => {
  it.each(JOBS.map(j => [j.id, j] as const))('%s prints its answer, and nothing else', (_, job: Job) => {
    for (const n of [job.tiny, ...(job.sizes === 'scaled' ? [0, job.tiny + 1] : [])])
      expect(printed(job.source(n))).toEqual([job.answer(n)])
  })

  it('that parks receives keeps them until they are woken', () => {
    expect(printed(parking(100))).toEqual([])
    expect(printed(parking(100), WAKING)).toEqual([parkingAnswer(100)])
  })

  it('counts its work: the COMMs grow by what one more unit costs', () => {
    const comms = (text: string): number => {
      const session = new Session({ host: new QuietHost() })
      session.deploy(session.compile('bench.rho', text).program!)
      while (session.run() === 'budget');
      return session.stats().comms
    }
    const perUnit = Object.fromEntries(
      JOBS.filter(j => j.sizes === 'scaled' && j.id !== 'arithmetic').map(j => [
        j.id,
        (comms(j.source(1100)) - comms(j.source(100))) / 1000,
      ]),
    )
    expect(perUnit).toEqual({ ring: 1, pingpong: 1, realistic: 2, counter: 3, join: 1, producers: 3, literals: 1, multiset: 1, spawn: 0.1 })
  })
})

describe('a peer that is a text', () => {
  const texts = JOBS.flatMap(job =>
    Object.entries(job.peers).flatMap(([peer, p]) => (typeof p === 'string' ? [] : [{ job, peer: peer as Peer, program: p }])),
  )

  it('prints what is expected of it', async () => {
    for (const { job, peer, program } of texts) {
      const text = program.source(job.tiny)
      const lines =
        program.extension === 'rho' ? printed(text) : [(await run(process.execPath, ['--input-type=module', '-e', text])).stdout.trim()]
      expect(lines).toEqual([peerAnswer(job, peer, job.tiny)])
    }
    expect(texts.length).toBe(2)
  })
})

describe('a baseline in JavaScript', () => {
  const programs = JOBS.flatMap(job =>
    Object.values(job.peers).flatMap(p => (typeof p === 'string' && /-(generators|promises)$/.test(p) ? [{ program: p, job }] : [])),
  )

  it('prints the answer of its job', async () => {
    const answers = await Promise.all(
      programs.map(async ({ program, job }) => {
        const file = join(root, 'bench', 'baseline', 'js', `${program}.mjs`)
        return [program, (await run(process.execPath, [file, String(job.tiny)])).stdout.trim()]
      }),
    )
    expect(answers).toEqual(programs.map(({ program, job }) => [program, job.answer(job.tiny)]))
  })

  it('is there for every job that has one in Erlang or Go, with the realistic ring as the exception', () => {
    for (const job of JOBS) {
      if (job.peers.erlang === undefined || job.id === 'realistic') continue
      expect(Object.keys(job.peers)).toEqual(['erlang', 'go', 'js-generators', 'js-promises'])
    }
  })
})

describe('a program for the tuplespace alone', () => {
  it.each(Object.keys(SPACE_COMMANDS))('%s finds what it expects, or it would throw', kind =>
    expect(SPACE_COMMANDS[kind](kind === 'kernel' || kind === 'space' || kind === 'json' ? ['1200'] : ['50', '200'])).toHaveProperty(
      'nsEach',
    ),
  )
})

describe('the texts for compilers', () => {
  it('compile to a verified image', () => {
    for (const text of [generatedProgram(20_000), folderProgram(join(root, 'examples')), ...Object.values(NESTINGS).map(nest => nest(500))])
      expect(compileStages(text).parse).toBeGreaterThanOrEqual(0)
  })

  it('have the size that was asked for, and a little more', () => {
    for (const bytes of [1000, 50_000]) {
      expect(generatedProgram(bytes).length).toBeGreaterThanOrEqual(bytes)
      expect(generatedProgram(bytes).length).toBeLessThan(bytes + 1000)
    }
  })

  it('in JavaScript are a script that parses', () => {
    const library = readFileSync(join(root, 'node_modules/acorn/dist/acorn.mjs'), 'utf8')
    const text = javaScript(library, 300_000)
    expect(Buffer.byteLength(text)).toBeGreaterThanOrEqual(300_000)
    expect(parse(text, { ecmaVersion: 'latest', sourceType: 'script' }).body.length).toBeGreaterThan(10)
  })
})

describe('a process that is measured', () => {
  it('is ended when it takes too long, and counts as wrong', () =>
    expect(() => runProcess({ file: process.execPath, args: ['-e', 'for (;;);'], limitMs: 200 })).toThrow('had not ended after'))
})

describe('a figure', () => {
  it('is what a larger run costs more, per unit that it does more', () =>
    expect(steadyCost({ ms: 100, units: 1000 }, { ms: 400, units: 4000 })).toBe(1e5))

  it('is none if the larger run was not slower', () => {
    expect(steadyCost({ ms: 100, units: 1000 }, { ms: 90, units: 4000 })).toBeNaN()
    expect(summarise([Number.NaN])).toBeNull()
  })

  it('is a median that leaves out passes without one', () =>
    expect(summarise([3, Number.NaN, 1, 8])).toEqual({ median: 3, min: 1, max: 8, samples: [3, Number.NaN, 1, 8] }))

  it('compares only what ran in the same pass', () => expect(summarise(ratios([10, 40], [1, 2]))?.samples).toEqual([10, 20]))

  it('grows from a size to a larger one, never the other way', () => {
    expect(growth([5, 2, 3])).toBe(1.5)
    expect(growth([5, 4, 3])).toBe(1)
  })

  it('comes from sizes that can be divided by four', () =>
    expect([1, 1001, 30_000, 50_000].map(roundSize)).toEqual([1000, 2000, 50_000, 50_000]))
})

describe('a verdict', () => {
  const about = { id: 'X', title: 'x', unit: 'ns' }
  it('is about the median and the floor, and says whether the aim was reached', () => {
    const atLeast = { kind: 'least', floor: 2, aim: 4 } as const
    expect(verdictOf(summarise([1, 2, 9]), atLeast)).toEqual({ verdict: 'met', aimReached: false })
    expect(verdictOf(summarise([1.9]), atLeast)).toEqual({ verdict: 'missed', aimReached: false })
    const atMost = { kind: 'most', floor: 15, aim: 8 } as const
    expect(verdictOf(summarise([7]), atMost)).toEqual({ verdict: 'met', aimReached: true })
    expect(verdictOf(summarise([16]), atMost)).toEqual({ verdict: 'missed', aimReached: false })
    expect(verdictOf(null, atMost)).toEqual({ verdict: 'no figure', aimReached: false })
  })

  it('turns the ratio round where less is better', () => {
    expect(ratioRow(about, [10], 'go', [40], { kind: 'least', floor: 2, aim: 3 }).value?.median).toBe(4)
    expect(ratioRow(about, [10], 'js', [2], { kind: 'most', floor: 15, aim: 8 }).value?.median).toBe(5)
  })

  it('of a peer that is not installed is "no peer"', () =>
    expect(ratioRow(about, [10], 'go', null, { kind: 'least', floor: 2, aim: 3 }).verdict).toBe('no peer'))

  it('stands in a table with figure, ratio, spread, floor and aim', () => {
    const text = table([
      ratioRow(about, [10, 20], 'go', [40, 60], { kind: 'least', floor: 2, aim: 3 }),
      plainRow({ ...about, id: 'Y', note: 'a note' }, [], null),
    ])
    expect(text.split('\n')).toEqual([
      '| id | what | unit | rho  | peer |      | result (spread)   | floor | aim | verdict      |',
      '|----|------|------|------|------|------|-------------------|-------|-----|--------------|',
      '| X  | x    | ns   | 15.0 | go   | 50.0 | 3.50× (3.00–4.00) | ≥ 2   | ≥ 3 | met, aim too |',
      '| Y  | x    | ns   | ?    |      |      | ?                 |       |     | –            |',
      '',
      'Y: a note.',
    ])
  })

  it('shows three digits', () =>
    expect([0, 0.0123, 1.5, 12.34, 123.4, 12345].map(short)).toEqual(['0', '0.0123', '1.50', '12.3', '123', '12,345']))
})

describe('the goals', () => {
  it('are all measured', () => {
    const ids = new Set(SECTIONS.flatMap(s => s.ids))
    const wanted = 'M1 M2 M3 M4 M5 M6 M7 M8 M9 S1 S2 S3 S4 S5 S6 C1 C2 U1 D1 D2 D3 D4 D5 D6 P1 P2 P3 P4'.split(' ')
    expect(wanted.filter(id => !ids.has(id))).toEqual([])
  })
})
