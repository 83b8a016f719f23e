import { createReadStream, createWriteStream, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isMainThread } from 'node:worker_threads'
import { open } from '../../../rspace/index.ts'
import { exportDir, importDir, openStore, repair } from '../../../rspace/store/index.ts'
import { deltaAt, rowsOfStore, stepOf } from './world.ts'

/**
 * A process that is meant to be killed. `write`: continues the world in a directory for ever, and says on standard output what it
 * hands in (`s n`) and what has been acknowledged (`a n`); what the parent has read is what counts.
 * `open`, `create`, `repair`, `backup`, `export`, `import`: says `go`, does it once, says `end`. `checkpoint`: for ever, says each root (`r ROOT`).
 */
const [task, dir, to, seedText, durability] = process.argv.slice(2) as [string, string, string, string, 'process' | 'power']
const seed = Number(seedText)
/** The stream of a process may keep lines back when the reader is slow, and a kill would lose them; a thread has only its stream. */
const say = (line: string) => (isMainThread ? writeSync(1, line + '\n') : process.stdout.write(line + '\n'))
/** Small, so that logs rotate, tables are compacted and records are dropped all the time. */
const options = { writeBufferBytes: 65_536, keep: { commits: 40, bytes: 30_000 } }

if (task === 'write') {
  const store = await openStore(dir, { ...options, create: true, durability, codecs: 'torture' })
  let step = stepOf(await rowsOfStore(store))
  say(`o ${step}`)
  for (;;) {
    // Waves of one to five calls that wait together, so that groups are exercised as well.
    const wave = Array.from({ length: 1 + (step % 5) }, () => {
      const n = ++step
      say(`s ${n}`)
      return store.commit(deltaAt(seed, n)).then(() => say(`a ${n}`))
    })
    await Promise.all(wave)
  }
}
if (task === 'open' || task === 'create') {
  say('go')
  const store = await openStore(dir, { ...options, create: task === 'create' })
  await rowsOfStore(store)
  await store.close()
  say('end')
}
if (task === 'backup') {
  const store = await openStore(dir, { ...options, readOnly: true })
  say('go')
  await store.backup(to)
  say('end')
}
if (task === 'repair') {
  say('go')
  await repair(dir, to)
  say('end')
}
if (task === 'export') {
  say('go')
  await pipeline(Readable.from(exportDir(dir)), createWriteStream(to))
  say('end')
}
if (task === 'import') {
  say('go')
  await importDir(createReadStream(dir), to)
  say('end')
}
if (task === 'checkpoint') {
  const space = await open(dir, { history: 'merkle', create: true })
  say('go')
  for (let i = space.count('log'); ; i++) {
    space.produce('log', { i, text: 'x'.repeat(i % 300) })
    space.consume([{ channel: `waits ${i % 50}`, pattern: i }], 'k')
    const { root } = await space.checkpoint()
    say(`r ${root}`)
  }
}
