/** Spaces on disk: the rows of a store, loaded into memory, and the net effect of every group written back. */
import type { Codec, JsonTypes, OpenOptions, Page, Report, Root, Types } from './api.ts'
import { BadArgument, RhizomeError } from './errors.ts'
import { hash, loadHashes } from './hash.ts'
import { History, Proofs, pageChain } from './history.ts'
import { hasReset } from './journal.ts'
import { json } from './json.ts'
import { netChanges } from './net.ts'
import { CELLS_MAJOR, nothingLoaded, type Row, readRow, TAG } from './rows.ts'
import { orderOf, type Settings, Space } from './space.ts'
import { compareBytes } from './store/bytes.ts'
import type { Engine } from './store/index.ts'

const oneOf =
  (...words: readonly string[]) =>
  (x: unknown): boolean =>
    words.includes(x as string)
const isBoolean = (x: unknown): boolean => typeof x === 'boolean'
const isFunction = (x: unknown): boolean => typeof x === 'function'
const isObject = (x: unknown): boolean => typeof x === 'object' && x !== null
const isPositive = (x: unknown): boolean => typeof x === 'number' && x > 0
const isSeed = (x: unknown): boolean => isObject(x) && typeof (x as { seed?: unknown }).seed === 'bigint'

/** What each option may be. */
const OPTIONS: Readonly<Record<keyof OpenOptions<Types> | 'part', readonly [(x: unknown) => boolean, string]>> = {
  codec: [isObject, 'an object'],
  matcher: [isObject, 'an object'],
  durability: [oneOf('memory', 'process', 'power'), '`process` or `power`'],
  create: [isBoolean, 'true or false'],
  readOnly: [isBoolean, 'true or false'],
  order: [x => x === 'fifo' || x === 'lifo' || isSeed(x), '`fifo`, `lifo` or { seed: a bigint }'],
  mode: [oneOf('standard', 'classic'), '`standard` or `classic`'],
  burst: [isPositive, 'a positive number'],
  journal: [oneOf('undo', 'events'), '`undo` or `events`'],
  history: [oneOf('none', 'digest', 'merkle'), '`none`, `digest` or `merkle`'],
  keep: [isObject, '{ last, every }'],
  report: [isBoolean, 'true or false'],
  limits: [x => isObject(x) && Object.values(x as object).every(n => n === undefined || isPositive(n)), 'an object of positive numbers'],
  group: [x => x === 'manual' || x === 'auto' || isObject(x), '`manual`, `auto` or { opsMax, bytesMax, intervalMsMin }'],
  names: [isFunction, 'a function'],
  instanceKey: [x => x instanceof Uint8Array, 'bytes'],
  handlerOf: [isFunction, 'a function'],
  run: [isFunction, 'a function'],
  idWindow: [isPositive, 'a positive number'],
  debug: [isBoolean, 'true or false'],
  part: [isObject, '{ index, of }'],
}

function checkOptions(o: unknown): void {
  if (!isObject(o)) throw new BadArgument('options are an object')
  for (const [name, value] of Object.entries(o as object)) {
    if (value === undefined) continue
    const known = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as 'order'] : undefined
    if (known === undefined)
      throw new BadArgument(`there is no option \`${name}\``, { hint: `The options are ${Object.keys(OPTIONS).join(', ')}.` })
    if (!known[0](value)) throw new BadArgument(`the option \`${name}\` is ${known[1]}`)
  }
}

/**
 * The json preset where nothing else is given; a matcher of its own for each space.
 * @throws BadArgument for options that there are not, or that are something else
 */
export function withPreset<T extends Types>(o: Partial<OpenOptions<T>>): Settings<T> {
  checkOptions(o)
  if ((o.codec === undefined) !== (o.matcher === undefined)) throw new BadArgument('codec and matcher belong together: give both or none')
  const preset = json as unknown as Pick<OpenOptions<T>, 'codec' | 'matcher'>
  return { ...o, codec: o.codec ?? preset.codec, matcher: o.matcher ?? preset.matcher }
}

interface Problem {
  readonly code: 'CORRUPT'
  readonly where: string
  readonly count: number
  readonly message: string
}

export const codecsId = <T extends Types>({ codec }: Settings<T>): string =>
  [codec.channel.id, codec.pattern.id, codec.datum.id, codec.body.id, codec.guard?.id ?? '-'].join(' ')

/** A space of its own for each directory or engine, plus what only a stored space can do. */
export class StoredSpace<T extends Types> extends Space<T> {
  private readonly rowStore: import('./store/index.ts').Store
  constructor(settings: Settings<T>, store: import('./store/index.ts').Store) {
    super(settings, {
      commit: (delta, meta) => store.commit(delta, meta),
      get: keys => store.get(keys),
      close: () => store.close(),
    })
    this.rowStore = store
  }
  /** After an unclean close: the commit that the space was found at. */
  get recovered(): number | undefined {
    return this.rowStore.recovered
  }
  /**
   * Read everything back and compare checksums, chain and sums; with `deep` also check that nobody waits who could fire, and that every value is what its codec writes.
   */
  override async verify(o: { deep?: boolean } = {}): Promise<Report> {
    await this.flush()
    const report = await this.rowStore.verify()
    const problems = o.deep === true ? [...this.checkInvariants(), ...(await this.checkValues()), ...(await this.checkHistory())] : []
    return { ...report, ok: report.ok && problems.length === 0, problems: [...report.problems, ...problems] }
  }
  /** The checkpoints that the store has, and `rows`, the present state. */
  async loadHistory(present: Iterable<Row>): Promise<void> {
    if (this.past === null) return
    this.past.load(await this.all(TAG.N), await this.all(TAG.S))
    this.plant(present)
  }
  private async all(tag: number): Promise<Row[]> {
    const found: Row[] = []
    for await (const page of this.rowStore.range(Uint8Array.of(tag), Uint8Array.of(tag + 1))) found.push(...page)
    return found
  }
  /** Values in other bytes than those of their codec are equal to none that arrives, whatever their checksums say. */
  private async checkValues(): Promise<Problem[]> {
    const { channel, datum, pattern, body, guard } = this.settings.codec
    const problems: Problem[] = []
    const check = <X>(codec: Codec<X> | undefined, bytes: Uint8Array, where: string): void => {
      let message = 'is not the canonical form of its value'
      try {
        if (codec !== undefined && compareBytes(codec.encode(codec.decode(bytes)), bytes) === 0) return
      } catch (e) {
        message = `its codec refuses it: ${e instanceof Error ? e.message : String(e)}`
      }
      problems.push({ code: 'CORRUPT', where, count: 1, message })
    }
    for await (const page of this.rowStore.rows()) {
      const found = nothingLoaded()
      for (const [key, value] of page) readRow(found, key, value)
      for (const [cid, identity] of found.channels) if (identity[0] === 0) check(channel, identity.subarray(1), `channel ${cid}`)
      for (const d of found.data) check(datum, d.value, `datum ${d.ref}`)
      for (const k of found.conts) {
        const where = `continuation ${k.ref}`
        check(body, k.body, `${where}, body`)
        for (const b of k.branches) {
          for (const p of b.patterns) check(pattern, p, `${where}, pattern`)
          if (b.where !== undefined) check(guard, b.where, `${where}, guard`)
        }
      }
    }
    return problems
  }
  /** Whether all checkpoints are whole. */
  private async checkHistory(): Promise<Problem[]> {
    try {
      new History().load(await this.all(TAG.N), await this.all(TAG.S))
      return []
    } catch (e) {
      if (!(e instanceof RhizomeError) || e.code !== 'CORRUPT') throw e
      return [{ code: 'CORRUPT', where: 'checkpoints', count: 1, message: e.message }]
    }
  }
  /** The committed state with its kept commit records, in a new directory, while work goes on. */
  async backup(dir: string): Promise<Report> {
    await this.flush()
    return this.rowStore.backup(dir)
  }
  async compact(): Promise<void> {
    await this.rowStore.compact()
  }
}

/**
 * Open a space in a directory, or on an engine. Without codec and matcher: JSON.
 * @throws RhizomeError NO_SUCH_SPACE, NOT_A_SPACE, LOCKED, VERSION, CODEC_MISMATCH, CORRUPT, NEEDS_REPAIR, IO; BadArgument
 */
export async function open<T extends Types = JsonTypes>(where: string | Engine, o: Partial<OpenOptions<T>> = {}): Promise<StoredSpace<T>> {
  const settings = withPreset(o)
  if (o.durability === 'memory') throw new BadArgument('a space on disk is durable; `memory()` makes one that is not')
  const [{ openStore }] = await Promise.all([import('./store/index.ts'), loadHashes()])
  const store = await openStore(where, { durability: o.durability, create: o.create, readOnly: o.readOnly, codecs: codecsId(settings) })
  try {
    return await openStored(store, settings, false, o.readOnly)
  } catch (e) {
    await store.close().catch(() => {})
    throw e
  }
}

/** A space over a store that has just been opened. With `anyOrder` it takes the order of choice that it was made with. */
export async function openStored<T extends Types>(
  store: import('./store/index.ts').Store,
  settings: Settings<T>,
  anyOrder: boolean,
  readOnly = false,
): Promise<StoredSpace<T>> {
  const loaded = nothingLoaded()
  const present: Row[] = []
  for await (const page of store.rows())
    for (const row of page) {
      readRow(loaded, row[0], row[1])
      if (settings.history === 'merkle' && row[0][0] !== TAG.O) present.push(row)
    }
  const order = anyOrder && loaded.state !== undefined ? orderOf(loaded.state.order) : settings.order
  const space = new StoredSpace<T>({ ...settings, order }, store)
  space.load(loaded)
  if (store.format.major >= CELLS_MAJOR) space.useCells()
  await space.loadHistory(present)
  space.startAt(store.committed)
  space.readOnly = readOnly
  space.history = async function* (from) {
    if (settings.journal === 'events') {
      // A reset begins a new log.
      let first = from === undefined ? undefined : from + 1
      if (from === undefined) for await (const { number, events } of store.log()) if (events.some(hasReset)) first = number
      for await (const { number, events } of store.log(first)) {
        const list = events.flatMap(e => space.decodeEvents(e, number))
        yield* from === undefined
          ? list.slice(
              Math.max(
                0,
                list.findLastIndex(e => e.kind === 'reset'),
              ),
            )
          : list
      }
      return
    }
    for await (const c of netChanges(store, from ?? store.stats.oldestCommit - 1)) yield space.decodeNet(c)
  }
  return space
}

/**
 * Make a new space from exported pages. All or nothing.
 * @throws RhizomeError IMPORT_INVALID; what `open` throws
 */
export async function importInto<T extends Types = JsonTypes>(
  where: string | Engine,
  pages: AsyncIterable<Page> | Iterable<Page>,
  o: Partial<OpenOptions<T>> = {},
): Promise<Root> {
  const invalid = (why: string): RhizomeError => new RhizomeError('IMPORT_INVALID', `the pages cannot be imported: ${why}`)
  const rows: Row[] = []
  let root: Root | undefined
  let chain: Uint8Array = new Uint8Array()
  let done = false
  let tree: string | undefined
  let proofs: Proofs | undefined
  for await (const page of pages as AsyncIterable<Page>) {
    if (done) throw invalid('there is a page after the last one')
    if (root === undefined) {
      chain = hash('page', new TextEncoder().encode(page.root))
      tree = page.tree
      if (tree !== undefined) proofs = new Proofs(Buffer.from(tree, 'hex'))
    }
    root ??= page.root
    if (page.tree !== tree) throw invalid('they belong to different trees')
    try {
      proofs?.learn(page.proof ?? [])
    } catch {
      throw invalid('a proof is malformed')
    }
    if (proofs !== undefined && !page.rows.every(row => proofs?.has(row))) throw invalid('a row is not part of the tree')
    if (page.root !== root) throw invalid('they belong to different states')
    chain = pageChain(chain, page.rows)
    if (compareBytes(chain, page.chain) !== 0) throw invalid('a page was altered, left out or moved')
    for (const row of page.rows) {
      const last = rows.at(-1)
      if (last !== undefined && compareBytes(last[0], row[0]) >= 0) throw invalid('rows are out of order')
      rows.push(row)
    }
    done = page.done
  }
  if (root === undefined || !done) throw invalid('the last page is missing')
  if (proofs !== undefined && !proofs.isAll(rows)) throw invalid('rows of the tree are missing')
  const loaded = nothingLoaded()
  try {
    for (const [key, value] of rows) readRow(loaded, key, value)
    const probe = new Space<T>({ ...withPreset(o), history: 'none' }, null)
    probe.load(loaded)
    if (probe.digest() !== root) throw invalid('their content has another digest')
  } catch (e) {
    if (e instanceof RhizomeError && e.code === 'IMPORT_INVALID') throw e
    throw new RhizomeError('IMPORT_INVALID', 'the pages cannot be imported: a row is not what the format says', { cause: e })
  }
  const { openStore } = await import('./store/index.ts')
  const store = await openStore(where, {
    durability: o.durability === 'memory' ? undefined : o.durability,
    create: true,
    codecs: codecsId(withPreset(o)),
  })
  try {
    if (store.committed.number > 0) throw new RhizomeError('BAD_ARGUMENT', 'the target of an import must be new')
    await store.commit({ put: rows, del: [] })
  } finally {
    await store.close()
  }
  return root
}

/**
 * Make a repaired copy of a damaged space: an earlier whole state if there is one, else what can be read. The original is not touched.
 * @throws RhizomeError CORRUPT if nothing can be saved
 */
export async function repair(from: string, to: string): Promise<Report> {
  return (await import('./store/index.ts')).repair(from, to)
}
