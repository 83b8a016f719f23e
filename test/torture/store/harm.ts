import { closeSync, copyFileSync, fstatSync, linkSync, mkdirSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../support/random.ts'
import { cut } from './world.ts'

/** Ways of spoiling a file, and the directories of single cases. */

const HARM = ['bit', 'byte', 'block', 'zeros', 'cut', 'swap'] as const

/** Makes the directory for one case: links to the untouched files, a copy of the one that is going to be changed. */
export function variant(from: string, to: string, changed: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    if (name === changed || name.startsWith('RHZ.')) copyFileSync(join(from, name), join(to, name))
    else linkSync(join(from, name), join(to, name))
  }
}

/** Change a file the way failing media and careless hands do. False: there was nothing to change. */
function harm(file: string, how: (typeof HARM)[number], random: Random): boolean {
  const fd = openSync(file, 'r+')
  try {
    const { size } = fstatSync(fd)
    if (size === 0) return false
    const at = random.below(size)
    if (how === 'cut') {
      cut(file, at)
      return true
    }
    const length = how === 'bit' || how === 'byte' ? 1 : Math.min(how === 'zeros' ? 4096 : 512, size - at)
    const was = Buffer.alloc(length)
    readSync(fd, was, 0, length, at)
    let now = Buffer.from(random.bytes(length))
    if (how === 'bit') now = Buffer.from([was[0]! ^ (1 << random.below(8))])
    if (how === 'zeros') now = Buffer.alloc(length)
    if (how === 'swap') now = Buffer.from(was).reverse()
    writeSync(fd, now, 0, length, at)
    return !now.equals(was)
  } finally {
    closeSync(fd)
  }
}

/** The two stores in `base` that cases are made from: one closed cleanly, one as a crash leaves it. */
const TEMPLATES = ['crashed', 'clean'] as const

export interface Damaged {
  readonly isClean: boolean
  /** For messages: what was done to which file. */
  readonly what: string
}

/** Makes case `i` in `dir`; the same numbers give the same damage. Undefined: there was nothing to change. */
export function harmed(base: string, dir: string, seed: number, i: number): Damaged | undefined {
  const random = new Random(seed * 49_979_687 + i)
  const template = TEMPLATES[i % TEMPLATES.length]!
  const from = join(base, template)
  const file = random.pick(readdirSync(from).sort())
  const how = random.pick(HARM)
  variant(from, dir, file)
  if (!harm(join(dir, file), how, random)) return undefined
  return { isClean: template === 'clean', what: `${how} in ${file}, ${template}` }
}
