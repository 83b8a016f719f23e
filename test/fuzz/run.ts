/**
 * The laws of this project on as many programs as time allows: `npm run test:fuzz -- --minutes 20 --seed 1`, or `--programs 100000`.
 * Prints what broke with its seed and program, and at the end what was done. Exit code 1 if anything broke.
 */
import { writeProgram } from '../../bytecode/index.ts'
import { compile } from '../../src/compile/compile.ts'
import { mutateText, mutateWords, noise, tokenSoup } from '../laws/damage.ts'
import { generateFlow } from '../laws/flow.ts'
import { anyFile, anyImage, anyText } from '../laws/hostile.ts'
import { Broken, conservationLaw, flowLaws, loopLaws, read, runLaws, snapshotLaw, textLaws, unionLaws } from '../laws/laws.ts'
import { generateLoop } from '../laws/loops.ts'
import { generateProgram } from '../support/generate.ts'
import { Random } from '../support/random.ts'
import { corpus } from './corpus.ts'

function option(name: string): number | undefined {
  const at = process.argv.indexOf(`--${name}`)
  if (at < 0) return undefined
  const n = Number(process.argv[at + 1])
  if (!(n >= 0)) throw new Error(`--${name} takes a number`)
  return n
}

const programs = option('programs')
const minutes = option('minutes') ?? (programs === undefined ? 1 : Number.POSITIVE_INFINITY)
const first = option('seed') ?? 1
const until = Date.now() + minutes * 60_000
const counts = new Map<string, number>()
const broken = new Map<string, number>()
const texts = corpus()
const images = texts
  .map(text => ({ text, ...read(text) }))
  .filter(r => r.errors.length === 0)
  .map(r => ({ text: r.text, words: compile(r.term).image }))
  .filter(i => i.words.length > 1)

async function check(what: string, seed: number, law: () => unknown): Promise<void> {
  counts.set(what, (counts.get(what) ?? 0) + 1)
  try {
    await law()
  } catch (e) {
    const key = e instanceof Broken ? e.law : `${what}: ${String(e)}`
    const n = (broken.get(key) ?? 0) + 1
    broken.set(key, n)
    if (n <= 3) console.log(`seed ${seed}, ${what}: ${(e as Error).stack ?? String(e)}\n`)
  }
}

async function step(seed: number): Promise<void> {
  const d = new Random(seed)
  const text = generateProgram(seed, { depth: 2 + (seed % 4), size: 10 + (seed % 80), pathmaps: false, runnable: seed % 5 !== 0 })
  await check('text and image', seed, () => textLaws(text))
  await check('runs', seed, () => runLaws(text))
  if (seed % 3 === 0) {
    const other = (k: number) => generateProgram(seed + k, { depth: 2 + (seed % 3), pathmaps: false })
    await check('union', seed, () => unionLaws(text, other(1_000_000), other(2_000_000)))
  }
  if (seed % 10 === 0) {
    const flow = generateFlow(seed, 2 + d.below(14))
    await check('text and image', seed, () => textLaws(flow.text))
    await check('confluent', seed, () => flowLaws(flow))
    if (!/!!|<<-/.test(flow.text)) await check('conservation', seed, () => conservationLaw(flow.text))
  }
  if (seed % 24 === 5) {
    const loop = generateLoop(seed)
    await check('text and image', seed, () => textLaws(loop))
    await check('loops', seed, () => loopLaws(loop))
    await check('snapshots', seed, () => snapshotLaw(loop, 3 + d.below(40)))
  }
  const spoilt = d.below(3) === 0 ? text : d.pick(texts)
  await check('mutated text', seed, () => anyText(mutateText(d, spoilt)))
  if (seed % 4 === 0) await check('truncated text', seed, () => anyText(Buffer.from(spoilt).subarray(0, d.below(spoilt.length))))
  if (seed % 4 === 1) await check('noise', seed, () => anyText(noise(d, d.below(300))))
  if (seed % 4 === 2) await check('tokens', seed, () => anyText(tokenSoup(d, d.below(100))))
  const image = d.pick(images)
  for (let n = 0; n < 3; n++) await check('mutated image', seed, () => anyImage(mutateWords(d, image.words), image.text))
  if (seed % 8 === 0)
    await check('mutated file', seed, async () => {
      const file = await writeProgram({ image: image.words, source: { name: 'x', text: image.text } })
      file[d.below(file.length)] ^= 1 + d.below(255)
      await anyFile(file, image.words)
    })
}

async function main(): Promise<void> {
  const started = Date.now()
  let seed = first
  for (; Date.now() < until && (programs === undefined || seed < first + programs); seed++) {
    await step(seed)
    if ((seed - first) % 1000 === 999) console.log(`${seed - first + 1} programs, ${Math.round((Date.now() - started) / 1000)} s`)
  }
  console.log(`seeds ${first} to ${seed - 1}, ${Math.round((Date.now() - started) / 1000)} s`)
  for (const [what, n] of counts) console.log(`  ${what}: ${n}`)
  for (const [law, n] of broken) console.log(`  BROKEN ${n} times: ${law}`)
  process.exitCode = broken.size === 0 ? 0 : 1
}

main()
