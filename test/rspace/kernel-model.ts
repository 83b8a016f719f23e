/** A tuplespace written to be obviously right: lists, nested loops, no index, no matching algorithm. The kernel is compared with it. */
import { type Chan, Cont, type Datum, Kernel, type KernelMatcher, type KernelOptions, type Order, type Site } from '../../rspace/kernel.ts'

export interface BindSpec {
  readonly chan: number
  /** The values it accepts, or 'any'. */
  readonly accepts: readonly number[] | 'any'
  readonly arrow: 0 | 1 | 2
}
export interface BranchSpec {
  readonly binds: readonly BindSpec[]
  /** Sum of results must be divisible by it. */
  readonly modulus?: number
}
export interface ContSpec {
  readonly name: string
  readonly branches: readonly BranchSpec[]
  readonly persistent: boolean
}

export class TestCont extends Cont {
  readonly spec: ContSpec
  constructor(spec: ContSpec, chans: readonly Chan[]) {
    super(siteOf(spec))
    this.spec = spec
    const all = spec.branches.flatMap(b => b.binds.map(x => chans[x.chan]))
    if (all.length === 1) this.chan = all[0]
    else this.chans = all
  }
}

function siteOf(spec: ContSpec): Site {
  const sites = spec.branches.map(b => ({
    arrows: Uint8Array.from(b.binds.map(x => x.arrow)),
    persistent: spec.persistent,
    guarded: b.modulus !== undefined,
  }))
  if (sites.length === 1) return sites[0]
  return {
    arrows: Uint8Array.from(spec.branches.flatMap(b => b.binds.map(x => x.arrow))),
    persistent: spec.persistent,
    guarded: false,
    branches: sites,
  }
}

export const accepts = (b: BindSpec, v: number): boolean => b.accepts === 'any' || b.accepts.includes(v)

class TestMatcher implements KernelMatcher<number, number, TestCont> {
  calls = 0
  match(k: TestCont, branch: number, bind: number, v: number): number | undefined {
    this.calls++
    return accepts(k.spec.branches[branch].binds[bind], v) ? v : undefined
  }
  *matchAll(k: TestCont, branch: number, bind: number, v: number): Iterable<number> {
    this.calls++
    // Two solutions each, the second one more than the first.
    if (accepts(k.spec.branches[branch].binds[bind], v)) yield* [v, v + 1]
  }
  guard(k: TestCont, branch: number, results: readonly number[]): boolean {
    return results.reduce((a, b) => a + b, 0) % (k.spec.branches[branch].modulus as number) === 0
  }
}
export class KeyedMatcher extends TestMatcher {
  contKey(k: TestCont, branch: number, bind: number): number | undefined {
    const a = k.spec.branches[branch].binds[bind].accepts
    return a !== 'any' && a.length === 1 ? a[0] : undefined
  }
  datumKey(v: number): number {
    return v
  }
}

export class World {
  readonly kernel: Kernel<number, number, TestCont>
  readonly chans: Chan[]
  readonly matcher: TestMatcher
  constructor(channels: number, options: KernelOptions<TestCont> = {}, matcher: TestMatcher = new TestMatcher()) {
    this.matcher = matcher
    this.kernel = new Kernel(matcher, options)
    this.chans = Array.from({ length: channels }, (_, i) => this.kernel.chan(i))
  }
  produce(chan: number, value: number, persistent = false): string {
    return this.describe(this.kernel.produce(this.chans[chan], value, persistent, null))
  }
  consume(spec: ContSpec): string {
    const k = new TestCont(spec, this.chans)
    return this.describe(this.kernel.consume(k) ? k : null)
  }
  pump(): string {
    return this.describe(this.kernel.pump())
  }
  describe(k: TestCont | null): string {
    if (k === null) return '-'
    const { kernel } = this
    return `${k.spec.name}/${kernel.firedBranch}:${kernel.results.slice(0, kernel.firedCount).join()}:${kernel.matched.slice(0, kernel.firedCount).join()}`
  }
  /** What is stored, in order. */
  dump(): string {
    const lines: string[] = []
    this.chans.forEach((chan, i) => {
      const data = [...this.kernel.data(chan)].map(d => `${d.value}${d.persistent ? '*' : ''}${d.pumped ? 'p' : ''}`)
      const conts = [...this.kernel.conts(chan)].map(k => `${k.spec.name}${k.pumped ? 'p' : ''}`)
      if (data.length > 0 || conts.length > 0) lines.push(`${i}: ${data.join(' ')} | ${conts.join(' ')}`)
      if (data.length !== chan.nD || conts.length !== chan.nK) lines.push(`counts of ${i} are wrong`)
    })
    return lines.join('\n')
  }
  datum(chan: number, nth: number): Datum | undefined {
    return [...this.kernel.data(this.chans[chan])][nth]
  }
}

interface ModelDatum {
  chan: number
  value: number
  persistent: boolean
  turn: number
}
interface ModelCont {
  spec: ContSpec
  turn: number
}
interface Assignment {
  data: ModelDatum[]
  results: number[]
}

export class Model {
  data: ModelDatum[] = []
  conts: ModelCont[] = []
  pumped: (ModelDatum | ModelCont)[] = []
  private turn = 0
  private readonly order: Order
  constructor(order: 'fifo' | 'lifo' = 'fifo') {
    this.order = order
  }

  private inOrder<T extends { turn: number }>(list: T[]): T[] {
    return [...list].sort((a, b) => (this.order === 'lifo' ? b.turn - a.turn : a.turn - b.turn))
  }

  /** All assignments in lexicographic order of data; for each, all solutions. */
  private *assignments(branch: BranchSpec, pool: ModelDatum[], must: ModelDatum | null): Generator<Assignment> {
    const { binds } = branch
    const chosen: ModelDatum[] = []
    const self = this
    function* choose(i: number): Generator<Assignment> {
      if (i === binds.length) {
        if (must !== null && !chosen.includes(must)) return
        const solutions = branch.modulus === undefined ? 1 : 2
        const results: number[] = []
        function* solve(j: number): Generator<Assignment> {
          if (j === binds.length) {
            if (branch.modulus === undefined || results.reduce((a, b) => a + b, 0) % branch.modulus === 0)
              yield { data: [...chosen], results: [...results] }
            return
          }
          for (let s = 0; s < solutions; s++) {
            results[j] = chosen[j].value + s
            yield* solve(j + 1)
          }
        }
        yield* solve(0)
        return
      }
      for (const d of self.inOrder(pool.filter(x => x.chan === binds[i].chan))) {
        if (!accepts(binds[i], d.value)) continue
        if (!d.persistent && chosen.slice(0, i).some((x, j) => x === d && (binds[i].arrow !== 2 || binds[j].arrow !== 2))) continue
        chosen[i] = d
        chosen.length = i + 1
        yield* choose(i + 1)
        chosen.length = i
      }
    }
    yield* choose(0)
  }

  private find(k: ModelCont, pool: ModelDatum[], must: ModelDatum | null): { branch: number; found: Assignment } | null {
    for (let branch = 0; branch < k.spec.branches.length; branch++)
      for (const found of this.assignments(k.spec.branches[branch], pool, must)) return { branch, found }
    return null
  }

  private channelsOf(k: ModelCont): Set<number> {
    return new Set(k.spec.branches.flatMap(b => b.binds.map(x => x.chan)))
  }
  private contsOn(chan: number): ModelCont[] {
    return this.conts.filter(k => this.channelsOf(k).has(chan))
  }

  /** Carry out a COMM. `arriving` is a datum that the caller stores if it stays. Answers its description and whether `arriving` was taken. */
  private fire(k: ModelCont, branch: number, found: Assignment, arriving: ModelDatum | null): { text: string; taken: boolean } {
    let taken = false
    found.data.forEach((d, i) => {
      const takes = k.spec.branches[branch].binds[i].arrow !== 2
      if (d === arriving) {
        if (takes && !d.persistent) taken = true
        return
      }
      if (d.persistent) {
        if (found.data.indexOf(d) === i && this.data.some(x => x !== d && x.chan === d.chan)) d.turn = ++this.turn
      } else if (takes) this.remove(d)
    })
    return { text: `${k.spec.name}/${branch}:${found.results.join()}:${found.data.map(d => d.value).join()}`, taken }
  }

  private remove(d: ModelDatum): void {
    this.data = this.data.filter(x => x !== d)
    this.pumped = this.pumped.filter(x => x !== d)
  }
  private leave(k: ModelCont): void {
    if (!k.spec.persistent) {
      this.conts = this.conts.filter(x => x !== k)
      this.pumped = this.pumped.filter(x => x !== k)
    } else if ([...this.channelsOf(k)].some(c => this.contsOn(c).length > 1)) k.turn = ++this.turn
  }
  private enqueue(r: ModelDatum | ModelCont): void {
    if (!this.pumped.includes(r)) this.pumped.push(r)
  }
  private mayFire(k: ModelCont): boolean {
    return k.spec.branches.some(b => b.binds.every(x => this.data.some(d => d.chan === x.chan)))
  }

  produce(chan: number, value: number, persistent = false): string {
    const d: ModelDatum = { chan, value, persistent, turn: ++this.turn }
    for (const k of this.inOrder(this.contsOn(chan))) {
      const hit = this.find(k, [...this.data, d], d)
      if (hit === null) continue
      const stays = persistent || !hit.found.data.some((x, i) => x === d && k.spec.branches[hit.branch].binds[i].arrow !== 2)
      if (stays) this.data.push(d)
      const { text } = this.fire(k, hit.branch, hit.found, d)
      this.leave(k)
      if (stays && this.contsOn(chan).length > 0) this.enqueue(d)
      return text
    }
    this.data.push(d)
    return '-'
  }

  consume(spec: ContSpec): string {
    const k: ModelCont = { spec, turn: ++this.turn }
    const hit = this.find(k, this.data, null)
    if (hit === null) {
      this.conts.push(k)
      return '-'
    }
    const { text } = this.fire(k, hit.branch, hit.found, null)
    if (spec.persistent) {
      this.conts.push(k)
      if (this.mayFire(k)) this.enqueue(k)
    }
    return text
  }

  pump(): string {
    while (this.pumped.length > 0) {
      const r = this.pumped.shift() as ModelDatum | ModelCont
      if ('spec' in r) {
        const hit = this.find(r, this.data, null)
        if (hit === null) continue
        const { text } = this.fire(r, hit.branch, hit.found, null)
        this.leave(r)
        if (this.conts.includes(r) && this.mayFire(r)) this.enqueue(r)
        return text
      }
      for (const k of this.inOrder(this.contsOn(r.chan))) {
        const hit = this.find(k, this.data, r)
        if (hit === null) continue
        const { text } = this.fire(k, hit.branch, hit.found, null)
        this.leave(k)
        if (this.data.includes(r) && this.contsOn(r.chan).length > 0) this.enqueue(r)
        return text
      }
    }
    return '-'
  }

  /** L1: no stored combination could fire without a record in the pump. */
  idle(): string | null {
    for (const k of this.conts) {
      if (this.pumped.includes(k)) continue
      for (const branch of k.spec.branches)
        for (const a of this.assignments(branch, this.data, null)) if (!a.data.some(d => this.pumped.includes(d))) return k.spec.name
    }
    return null
  }

  withdraw(chan: number, nth: number): void {
    const k = [...this.contsOn(chan)].sort((a, b) => a.turn - b.turn)[nth]
    if (k === undefined) return
    this.conts = this.conts.filter(x => x !== k)
    this.pumped = this.pumped.filter(x => x !== k)
  }
  take(chan: number, nth: number): void {
    const d = this.data.filter(x => x.chan === chan).sort((a, b) => a.turn - b.turn)[nth]
    if (d !== undefined) this.remove(d)
  }

  dump(channels: number): string {
    const lines: string[] = []
    const byTurn = <T extends { turn: number }>(list: T[]): T[] => [...list].sort((a, b) => a.turn - b.turn)
    for (let i = 0; i < channels; i++) {
      const data = byTurn(this.data.filter(d => d.chan === i)).map(
        d => `${d.value}${d.persistent ? '*' : ''}${this.pumped.includes(d) ? 'p' : ''}`,
      )
      const conts = byTurn(this.contsOn(i)).map(k => `${k.spec.name}${this.pumped.includes(k) ? 'p' : ''}`)
      if (data.length > 0 || conts.length > 0) lines.push(`${i}: ${data.join(' ')} | ${conts.join(' ')}`)
    }
    return lines.join('\n')
  }
}

/** As json does it: a value has several keys, a bind asks for one of them. */
export class ManyKeysMatcher extends TestMatcher {
  contKey(k: TestCont, branch: number, bind: number): string | undefined {
    const a = k.spec.branches[branch].binds[bind].accepts
    if (a === 'any') return undefined
    return a.length === 1 ? `is${a[0]}` : a.every(v => v % 2 === 0) ? 'even' : undefined
  }
  datumKeys(v: number): string[] {
    return v % 2 === 0 ? [`is${v}`, 'even'] : [`is${v}`]
  }
}
