import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Run `work` with the folder named on the command line, or with a temporary one that is taken away afterwards. */
export async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const named = process.argv[2]
  const parent = named === undefined ? await mkdtemp(join(tmpdir(), 'rhizome-example-')) : undefined
  try {
    await work(named ?? join(parent!, 'space'))
  } finally {
    if (parent !== undefined) await rm(parent, { recursive: true, force: true })
  }
}
