import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * P13: sources broken on purpose, one place at a time, in a copy; the named test must fail. `npx tsx test/torture/mutants.ts [NUMBER…]`.
 * Exit 1 if a mutant survives, or if its text is not found any more.
 */
interface Mutant {
  readonly breaks: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly test: string
}

const SPACE = 'rspace/space.ts'
const JOURNAL = 'rspace/journal.ts'
const HISTORY = 'rspace/history.ts'
const KERNEL = 'rspace/kernel.ts'
const STORE = 'rspace/store/store.ts'
const MUTANTS: readonly Mutant[] = [
  {
    breaks: 'P5 identity covers peeks',
    file: JOURNAL,
    from: 'Uint8Array.of(b.peek ? 1 : 0)',
    to: 'Uint8Array.of(0)',
    test: 'space.test.ts',
  },
  {
    breaks: 'P6 order of binds does not matter',
    file: JOURNAL,
    from: 'triples.sort(compareBytes)',
    to: 'triples.reverse()',
    test: 'space.test.ts',
  },
  {
    breaks: 'P8 what comes and goes leaves no row',
    file: 'rspace/changed.ts',
    from: 'else if (ref <= this.start) this.removed',
    to: 'else if (ref > 0) this.removed',
    test: 'durable.test.ts',
  },
  {
    breaks: 'P9 installs in forks',
    file: SPACE,
    from: 'this.installInto(copy)\n    return copy',
    to: 'return copy',
    test: 'durable.test.ts',
  },
  {
    breaks: 'P14 expired data are counted',
    file: SPACE,
    from: "this.counts[kind === 'cancel' ? 'cancelled' : 'expired']++",
    to: '',
    test: 'space.test.ts',
  },
  { breaks: 'replay in the order of the log', file: SPACE, from: 'this.isNext(comm) && ', to: '', test: 'programs.test.ts' },
  {
    breaks: 'P8 a checkpoint has the rows of its state',
    file: SPACE,
    from: 'const tree = past.change(this.tree, since.values())',
    to: 'const tree = this.tree',
    test: 'history.test.ts',
  },
  {
    breaks: 'nodes go with the last checkpoint that reaches them',
    file: HISTORY,
    from: 'if (--node.refs > 0) continue',
    to: 'node.refs--',
    test: 'history.test.ts',
  },
  {
    breaks: 'P7 claimed data find a partner after a restart',
    file: SPACE,
    from: 'return [...this.hot.pumped(), ...this.hot.hidden()]',
    to: 'return [...this.hot.pumped()]',
    test: 'durable.test.ts',
  },
  {
    breaks: 'groups are encoded in the order they were closed',
    file: SPACE,
    from: 'if (this.encoding === null && taken.added.length',
    to: 'if (taken.added.length',
    test: 'durable.test.ts',
  },
  {
    breaks: 'P3 a peek takes nothing',
    file: KERNEL,
    from: 'if (persistent || arrows[own] === PEEK) {',
    to: 'if (persistent) {',
    test: 'kernel.test.ts',
  },
  {
    breaks: 'lookups see the batch in flight',
    file: STORE,
    from: 'this.#flying = changes',
    to: 'this.#flying = undefined',
    test: 'store/store.test.ts',
  },
  {
    breaks: 'row sum takes deleted rows off',
    file: STORE,
    from: 'rowSum -= rowHash(key, before)',
    to: 'rowSum -= 0n',
    test: 'store/store.test.ts',
  },
  {
    breaks: 'row count takes packed rows off that go',
    file: STORE,
    from: 'this.rowCount += press.rows',
    to: 'this.rowCount += press.count',
    test: 'packed.test.ts',
  },
  {
    breaks: 'what moves to another core is gone from the first',
    file: 'rspace/core.ts',
    from: 'else this.kernel.take(r)',
    to: 'else this.kernel.data(r.chan)',
    test: 'core.test.ts',
  },
  {
    breaks: 'events that were taken back say so',
    file: SPACE,
    from: 'this.packed?.undo(m.eventLength)',
    to: '',
    test: 'durable.test.ts',
  },
  {
    breaks: 'P1 the oldest of several goes alone',
    file: KERNEL,
    from: 'if (chan.dHead === d) chan.dHead = next',
    to: '',
    test: 'kernel.test.ts',
  },
  {
    breaks: 'P2 a continuation fires once',
    file: KERNEL,
    from: '} else this.unparkSingle(c, chan)\n    if (persistent',
    to: '}\n    if (persistent',
    test: 'kernel.test.ts',
  },
  {
    breaks: 'P4 a join looks behind the oldest datum',
    file: KERNEL,
    from: 'd = d.next as Datum\n    } while (d !== first)',
    to: 'break\n    } while (d !== first)',
    test: 'kernel.test.ts',
  },
  {
    breaks: 'P11 a continuation has binds',
    file: SPACE,
    from: 'if (!isList(list) || list.length === 0)',
    to: 'if (!isList(list))',
    test: 'space.test.ts',
  },
  {
    breaks: 'P12 another seed gives another trace',
    file: KERNEL,
    from: 'BigInt.asUintN(64, this.order.seed)',
    to: '0n',
    test: 'kernel.test.ts',
  },
  {
    breaks: 'P15 guards decide',
    file: SPACE,
    from: "matcher.guard?.(k.where as T['G'], k.body, results, meter) === true",
    to: 'matcher.guard !== undefined',
    test: 'space.test.ts',
  },
  {
    breaks: 'P15 an index has the fields that are asked for',
    file: KERNEL,
    from: 'if (chan.index.data !== null) key = this.contKeyOf(k, b, i)\n      this.tidyIndex(chan)',
    to: 'if (chan.index.data !== null) key = this.contKeyOf(k, b, i)',
    test: 'space.test.ts',
  },
  {
    breaks: 'a scan leaves out what has gone',
    file: SPACE,
    from: 'd.ref === refs[i] && d.stored && !d.hidden ? look.at(d) : undefined',
    to: 'look.at(d)',
    test: 'space.test.ts',
  },
  { breaks: 'poison after the first failure', file: STORE, from: 'this.#failure ??= e\n', to: '', test: 'store/store.test.ts' },
  {
    breaks: 'one class of sync for all batches',
    file: STORE,
    from: "this.#sync = opened.format.durability === 'power'",
    to: 'this.#sync = false',
    test: 'store/families.test.ts',
  },
  {
    breaks: 'a COMM is told behind what made it',
    file: JOURNAL,
    from: '(this.comesDatum ? datum : ref) === this.comesRef',
    to: 'true',
    test: 'journal.test.ts',
  },
  {
    breaks: 'a value has no more in common with the last one than there was',
    file: JOURNAL,
    from: 'if (from + to > last.length)',
    to: 'if (from > last.length)',
    test: 'journal.test.ts',
  },
  {
    breaks: 'a group knows nothing of the values before it',
    file: JOURNAL,
    from: '    this.value = NO_PART\n    this.length = -1\n',
    to: '    this.value = NO_PART\n',
    test: 'journal.test.ts',
  },
  {
    breaks: 'equal elements of a digest are told apart',
    file: 'rspace/hash.ts',
    from: 'this.counts.came(this.lanes.nameWords)',
    to: '1',
    test: 'lattice.test.ts',
  },
  {
    breaks: 'a name stays where it is looked for',
    file: 'rspace/occurrences.ts',
    from: '      if (((slot - table[slot * ENTRY]) & mask) < ((slot - gap) & mask)) continue\n',
    to: '',
    test: 'occurrences.test.ts',
  },
]

const root = fileURLToPath(new URL('../../', import.meta.url))
const wanted = process.argv.slice(2).map(Number)
let survivors = 0
for (const [i, m] of MUTANTS.entries()) {
  if (wanted.length > 0 && !wanted.includes(i + 1)) continue
  const copy = join(root, 'node_modules', '.cache', `rhizome-mutant-${process.pid}`)
  try {
    mkdirSync(copy, { recursive: true })
    for (const part of [
      'rspace',
      'test/rspace',
      'test/torture',
      'test/fixtures',
      'docs',
      'package.json',
      'vitest.config.ts',
      'tsconfig.json',
    ])
      cpSync(join(root, part), join(copy, part), { recursive: true })
    for (const part of ['src', 'bytecode', 'examples']) symlinkSync(join(root, part), join(copy, part))
    const file = join(copy, m.file)
    const text = readFileSync(file, 'utf8')
    if (!text.includes(m.from)) throw new Error(`the text of mutant ${i + 1} is not in ${m.file} any more`)
    writeFileSync(file, text.replace(m.from, m.to))
    const vitest = join(
      dirname(execFileSync(process.execPath, ['-p', "require.resolve('vitest/package.json')"], { cwd: root, encoding: 'utf8' }).trim()),
      'vitest.mjs',
    )
    const ran = spawnSync(process.execPath, [vitest, 'run', '--root', copy, `test/rspace/${m.test}`], { cwd: copy, encoding: 'utf8' })
    const caught = ran.status !== 0 && /Tests .*failed/.test(ran.stdout.replace(/\x1b\[[0-9;]*m/g, ''))
    console.log(`${i + 1} ${m.breaks}: ${caught ? 'caught' : 'SURVIVED'} (${m.test})`)
    if (!caught) survivors++
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
process.exitCode = survivors > 0 ? 1 : 0
