import { RhizomeError } from '../../rspace/errors.ts'
import type { OutputTarget } from '../host/hosts.ts'
import { openSpace } from '../host/space.ts'
import { type Durable, openDurable } from '../machine/durable.ts'
import type { Outgoing } from '../machine/keeper.ts'
import type { SessionOptions } from '../machine/session.ts'
import { stderr, stdout } from './streams.ts'
import type { Flags } from './usage.ts'

/** Runs whose state is in a directory. Loaded only with --space: storage costs a start more than everything else. */

/** Where output goes that carries its number: once more after a crash, with the number it had. */
export interface NumberedTarget extends OutputTarget {
  numbered?(o: Outgoing): void
}

/**
 * The session that lives in the directory of --space.
 * @param left number of the last output that this process has shown
 * @throws RhizomeError whatever speaks against opening it
 */
export async function openStored(flags: Flags, options: SessionOptions, target: NumberedTarget, left = { n: 0 }): Promise<Durable> {
  const dir = flags.text('space') as string
  const rows = await openSpace(dir, {
    durability: flags.text('durability') as 'process' | 'power' | undefined,
    create: flags.has('create'),
  })
  try {
    const stored = await openDurable(options, rows, {
      now: () => performance.now(),
      outlet: {
        leave(o) {
          if (o.kind !== 'log') {
            if (o.n <= left.n) return // opened again by a process that has shown it
            left.n = o.n
          }
          if (target.numbered !== undefined) target.numbered(o)
          else if (o.kind === 'out') target.out(o.stream, o.text, o.raw)
          else if (o.kind === 'log') target.log(o.level, o.text)
          // Failures are shown with the report at the end.
        },
        flush() {
          stdout.flush()
          stderr.flush()
          return !stdout.closed
        },
      },
    })
    if (flags.has('resume') && stored.empty)
      throw new RhizomeError('NO_SUCH_SPACE', `no program has ever been run in ${dir}`, { details: { dir } })
    return stored
  } catch (e) {
    await rows.close().catch(() => undefined) // what went wrong first is what is told
    throw e
  }
}
