import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle, bundleBench } from '../../build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
let place = ''

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** `rho bench` of a package that was built into a folder of its own. */
const bench = (...args: string[]): Promise<Ended> =>
  new Promise(resolve => {
    execFile(process.execPath, [join(place, 'dist', 'cli.js'), 'bench', ...args], { cwd: place }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })

describe('rho bench', () => {
  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'rho-bench-test-'))
    writeFileSync(join(place, 'package.json'), '{"type":"module","version":"0.0.0"}')
    for (const shared of ['node_modules', 'examples']) symlinkSync(join(root, shared), join(place, shared))
    await bundle(join(place, 'dist'))
    await bundleBench(join(place, 'dist', 'bench'))
  })
  afterAll(() => rmSync(place, { recursive: true, force: true }))

  it('says what can be measured', async () => {
    const { code, stdout } = await bench('--help')
    expect(code).toBe(0)
    for (const word of ['M1', 'savina', 'fannkuch', '--gate', '--durability LIST']) expect(stdout).toContain(word)
  })

  it.each([
    [['nonsense'], 'nothing is called nonsense'],
    [['--quick', '--full'], 'contradict'],
    [['--trick', 'odd'], '--trick is fused, literal, both; found odd'],
    [['--durability', 'memory,paper'], '--durability is memory, process, power; found paper'],
    [['--workers', '0,many'], '--workers takes numbers of workers or auto; found many'],
    [['--runs', '0'], '--runs takes a number of passes'],
    [['--docs', 'nowhere.md'], '--docs nowhere.md: there is no such file'],
    [['--docs', 'package.json'], '--docs package.json: there is no place for results'],
    [['--docs', '.'], '--docs .: it cannot be read and written (EISDIR)'],
    [['--store'], '--store belongs to --gate'],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, stderr } = await bench(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('measures programs phase by phase, and gives every sample as JSON', async () => {
    const { code, stdout } = await bench(
      'r4',
      '--quick',
      '--trick',
      'both',
      '--durability',
      'memory,process',
      '--no-save',
      '--format',
      'json',
    )
    expect(code).toBe(0)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ v: 1, flags: { quick: true, passes: 1, ways: ['literal', 'recorder', 'process'], ids: ['r4'] } })
    const [program] = result.programs
    expect(program).toMatchObject({ id: 'r4', expectedComms: 19_882, counts: { comms: 19_882 }, units: 19_600, error: null })
    for (const phase of ['parse', 'normalise', 'compile', 'verify', 'link', 'run']) expect(program.cold[phase].median).toBeGreaterThan(0)
    expect(Object.keys(program.ways)).toEqual(['literal', 'recorder', 'process'])
    expect(program.toPlain.samples.length).toBe(1)
    expect(program.commitShare.process).toBeGreaterThan(0)
  })
})
