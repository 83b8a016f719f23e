import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Command } from './measure.ts'
import type { Job, Peer } from './programs.ts'

/**
 * Where this file is: in `bench` of a clone, or in `dist/bench` of a built package, beside everything that it needs (`build.mjs` puts it there). A built package
 * measures the command that it was built with.
 */
const here = dirname(fileURLToPath(import.meta.url))
export const isBuilt = basename(dirname(here)) === 'dist'
export const root = isBuilt ? join(here, '..', '..') : join(here, '..')
const baseline = join(here, 'baseline')
export const suiteFolder = pathToFileURL(`${join(here, 'suite')}/`)
/** A JavaScript file of a few hundred kilobytes: what C1 is compared with. */
export const library = isBuilt ? join(here, 'acorn.mjs') : join(root, 'node_modules', 'acorn', 'dist', 'acorn.mjs')

/** First line that a program prints, null if there is no such program. */
function firstLine(file: string, args: readonly string[]): string | null {
  const done = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.error !== undefined || done.status !== 0) return null
  return done.stdout.trim().split('\n')[0]
}

/** `erlc` without arguments complains; what counts is that it can be started. */
function isInstalled(file: string): boolean {
  return spawnSync(file, [], { stdio: 'ignore' }).error === undefined
}

const ERLANG_FLAGS = ['+S', '1:1', '+P', '5000000', '-boot', 'start_clean', '-noinput']
const RELEASE = 'io:format("~s",[erlang:system_info(otp_release)]),halt().'
const GO_ENV = { GOFLAGS: '-mod=mod', GOPROXY: 'off', GOTOOLCHAIN: 'local' }

function must(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const done = spawnSync(file, args, { encoding: 'utf8', env })
  if (done.error !== undefined || done.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.error?.message ?? done.stderr}`)
}

/** The command (unless another one is measured) and the measurements inside a process, from the sources as they are. */
async function buildSources(shop: Workshop, command: boolean): Promise<void> {
  const { bundle, bundleInside } = await import('../build.mjs')
  // What is not bundled is found where the sources find it.
  if (existsSync(join(root, 'node_modules'))) symlinkSync(join(root, 'node_modules'), join(shop.folder, 'node_modules'))
  if (command) await bundle(join(shop.folder, 'rho'))
  await bundleInside(join(shop.folder, 'inside'))
}

/**
 * A folder of its own with the command and the baselines built into it. What is not installed has the version null.
 * Each peer gets one core: one scheduler in Erlang, GOMAXPROCS=1 in Go.
 */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'rho-bench-'))
  readonly erlang: string | null
  readonly go: string | null
  /** Where the programs are that measure something inside a process. */
  private readonly insides = isBuilt ? here : join(this.folder, 'inside')
  readonly cli: string
  private readonly built = new Set<string>()
  private texts = 0

  private constructor(cli: string | null) {
    this.cli = cli ?? (isBuilt ? join(here, '..', 'cli.js') : join(this.folder, 'rho', 'cli.js'))
    this.erlang = isInstalled('erlc') ? firstLine('erl', ['-noshell', '-eval', RELEASE]) : null
    this.go = firstLine('go', ['version'])
    writeFileSync(join(this.folder, 'package.json'), '{"type":"module"}')
  }

  /** @param cli a built command to measure; null builds it from the sources */
  static async open(cli: string | null): Promise<Workshop> {
    const shop = new Workshop(cli)
    try {
      if (!isBuilt) await buildSources(shop, cli === null)
    } catch (e) {
      shop.close()
      throw e
    }
    return shop
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  has(peer: Peer): boolean {
    if (peer === 'erlang') return this.erlang !== null
    if (peer === 'go') return this.go !== null
    return true
  }

  /** A file with this text. */
  private text(extension: string, text: string): string {
    const file = join(this.folder, `text${++this.texts}.${extension}`)
    writeFileSync(file, text)
    return file
  }

  rho(file: string, flags: readonly string[] = [], workers = '0'): Command {
    return { file: process.execPath, args: [this.cli, 'run', '--workers', workers, ...flags, file] }
  }

  /** A Rholang text, run by a number of workers; ended after two minutes. */
  rhoText(text: string, workers: string, flags: readonly string[] = []): Command {
    return { ...this.rho(this.text('rho', text), flags, workers), limitMs: 120_000 }
  }

  /** A measurement inside a process of its own, see `inside.ts`. */
  child(args: readonly (string | number)[], flags: readonly string[] = [], input?: string): Command {
    return { ...this.childOf('inside', args, flags), input }
  }

  /** A measurement by another program than `inside.ts`: `store-inside`, `durable-inside`. */
  childOf(program: string, args: readonly (string | number)[], flags: readonly string[] = []): Command {
    return { file: process.execPath, args: [...flags, join(this.insides, `${program}.mjs`), ...args.map(String)] }
  }

  /** A job of the suite on channels in plain JavaScript. */
  plain(id: string, sizes: object, ms: number): Command {
    return { file: process.execPath, args: [join(baseline, 'js', 'suite.mjs'), id, JSON.stringify(sizes), String(ms)] }
  }

  /** The jobs that there are on channels in plain JavaScript. */
  plainIds(): ReadonlySet<string> {
    return new Set(JSON.parse(firstLine(process.execPath, [join(baseline, 'js', 'suite.mjs')]) ?? '[]') as string[])
  }

  ours(job: Job, n: number): Command {
    return this.rho(this.text('rho', job.source(n)), job.flags)
  }

  /** The peer's program for a job that has one. Builds it when it is first asked for. */
  theirs(job: Job, peer: Peer, n: number): Command {
    const program = job.peers[peer]
    if (program === undefined) throw new Error(`${job.id} has no program for ${peer}`)
    if (typeof program !== 'string') {
      const file = this.text(program.extension, program.source(n))
      return program.extension === 'rho' ? this.rho(file, job.flags) : { file: process.execPath, args: [file] }
    }
    switch (peer) {
      case 'erlang':
        return this.erlangProgram(program, n)
      case 'go':
        return this.goProgram(program, n)
      default:
        return { file: process.execPath, args: [join(baseline, 'js', `${program}.mjs`), String(n)] }
    }
  }

  erlangProgram(name: string, n: number): Command {
    if (!this.built.has(`erlang ${name}`)) {
      must('erlc', ['-o', this.folder, join(baseline, 'erlang', `${name}.erl`)])
      this.built.add(`erlang ${name}`)
    }
    return { file: 'erl', args: [...ERLANG_FLAGS, '-pa', this.folder, '-run', name, 'main', String(n)] }
  }

  private goProgram(name: string, n: number): Command {
    const file = join(this.folder, 'go', name)
    if (!this.built.has(`go ${name}`)) {
      mkdirSync(dirname(file), { recursive: true })
      must('go', ['build', '-o', file, join(baseline, 'go', `${name}.go`)], { ...process.env, ...GO_ENV })
      this.built.add(`go ${name}`)
    }
    return { file, args: [String(n)], env: { GOMAXPROCS: '1' } }
  }

  versions(): Record<string, string | null> {
    const version = (file: string): string => JSON.parse(readFileSync(file, 'utf8')).version
    return {
      rhizome: version(join(root, 'package.json')),
      commit: firstLine('git', ['-C', root, 'rev-parse', '--short', 'HEAD']) ?? 'unknown',
      node: process.version,
      v8: process.versions.v8,
      acorn: isBuilt ? 'as built' : version(join(root, 'node_modules', 'acorn', 'package.json')),
      erlang: this.erlang,
      go: this.go,
    }
  }
}
