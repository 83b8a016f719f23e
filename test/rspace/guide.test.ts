import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as rspace from '../../rspace/index.ts'

/** Snippets are plain JavaScript with one import; they get the module as a parameter, run in an empty folder, and print what their arrows say. */
const guide = await readFile(new URL('../../docs/rspace.md', import.meta.url), 'utf8')
const snippets = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(m => m[1])
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'guide-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

describe('the guide', () => {
  it.each(snippets.map((s, i) => [i + 1, s] as const))('snippet %i prints what it says', async (n, source) => {
    const expected = [...source.matchAll(/\/\/ → (.*)$/gm)].map(m => m[1].trim())
    const body = source
      .replace(/^import \{(.*)\} from 'rhizome\/rspace'$/m, 'const {$1} = rspace')
      .replaceAll("'./data'", JSON.stringify(join(dir, `data-${n}`)))
    expect(body).not.toBe(source)
    const file = join(dir, `snippet-${n}.mjs`)
    await writeFile(file, `export default async (rspace, console) => {\n${body}\n}\n`)
    const printed: string[] = []
    const show = (x: unknown): string => (typeof x === 'object' ? JSON.stringify(x) : String(x))
    const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
      default(r: typeof rspace, c: { log(...xs: unknown[]): void }): Promise<void>
    }
    await module.default(rspace, { log: (...xs) => void printed.push(xs.map(show).join(' ')) })
    expect(printed).toEqual(expected)
    expect(printed.length).toBeGreaterThan(0)
  })
})
