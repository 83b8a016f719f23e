import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Chan, Cont, type Datum, Kernel, type KernelMatcher, type Mark, type Site } from '../../rspace/kernel.ts'

/**
 * Embedders that look at the fields of a channel themselves use short forms of `produce` and `consume`. The same programs with and without them: who meets whom,
 * what is left and in which order must not differ.
 */

const CHANNELS = 3

class Waiting extends Cont {
  readonly name: string
  /** The one value it takes on its first channel; undefined: any. */
  readonly key: number | undefined
  constructor(name: string, chans: readonly Chan[], key: number | undefined, persistent: boolean) {
    const site: Site = { arrows: new Uint8Array(chans.length).fill(persistent ? 1 : 0), persistent, guarded: false }
    super(site)
    this.name = name
    this.key = key
    if (chans.length === 1) this.chan = chans[0]
    else this.chans = chans
  }
}

class Matcher implements KernelMatcher<number[], number[], Waiting> {
  match(k: Waiting, _branch: number, bind: number, value: number[]): number[] | undefined {
    return bind > 0 || k.key === undefined || k.key === value[0] ? value : undefined
  }
  *matchAll(): Iterable<number[]> {}
  guard(): boolean {
    return true
  }
  contKey(k: Waiting, _branch: number, bind: number): number | undefined {
    return bind === 0 ? k.key : undefined
  }
  datumKey(value: number[]): number {
    return value[0]
  }
}

class Side {
  readonly kernel: Kernel<number[], number[], Waiting>
  readonly chans: Chan[]
  readonly marks: Mark[] = []
  private readonly short: boolean
  private n = 0
  /** How often each short form was used. */
  readonly used = new Map<string, number>()
  constructor(short: boolean) {
    this.short = short
    this.kernel = new Kernel(new Matcher(), { order: 'fifo', indexAbove: 4 })
    this.chans = Array.from({ length: CHANNELS }, (_, i) => this.kernel.chan(i))
  }

  private by(form: string): void {
    this.used.set(form, (this.used.get(form) ?? 0) + 1)
  }

  private store(chan: Chan, v: number): string {
    const { kernel } = this
    const d = kernel.spare()
    if (d === null) {
      this.by('put')
      kernel.put(chan, [v], this)
    } else {
      this.by('putAgain')
      ;(d.value as number[])[0] = v
      kernel.putAgain(d, chan, this)
    }
    return '-'
  }

  /** A datum that left: its value is read, nobody else has it. */
  private gone(d: Datum): number {
    const [v] = d.value as number[]
    if (d.origin === this) this.kernel.recycle(d)
    return v
  }

  send(chan: Chan, v: number): string {
    const { kernel } = this
    if (this.short && this.marks.length === 0) {
      const head = chan.kHead as Waiting | null
      const join = chan.jHead
      if (chan.index !== null) {
        const k = kernel.taker(chan, v)
        if (k !== null && k.chan !== null) {
          this.by(k.site.persistent ? 'serve' : 'wake by key')
          if (k.site.persistent) kernel.serve(k)
          else kernel.wake(k, chan)
          return `${k.name}:${v}`
        }
      } else if (head === null && join === null) return this.store(chan, v)
      else if (head === null && join !== null && join.next === join) {
        const k = join.cont as Waiting
        const chans = k.chans as readonly Chan[]
        const own = chans.indexOf(chan)
        const others = chans.filter(c => c !== chan)
        if (!k.shares && others.some(c => c.dHead === null)) return this.store(chan, v)
        const first = own === 0 ? v : ((chans[0].dHead as Datum | null)?.value as number[] | undefined)?.[0]
        const fits = k.key === undefined || k.key === first
        if (!k.shares && others.every(c => c.index === null && c.dHead?.pumped === false) && fits) {
          this.by('complete')
          const data = chans.map(c => c.dHead as Datum)
          kernel.complete(k, own)
          return `${k.name}:${chans.map((_, i) => (i === own ? v : this.gone(data[i]))).join()}`
        }
      } else if (head !== null && join === null && head.next === head && head.key === undefined) {
        if (head.site.persistent) {
          this.by('contract')
          kernel.op++
          kernel.counter++
          return `${head.name}:${v}`
        }
        this.by('wake')
        kernel.wake(head, chan)
        return `${head.name}:${v}`
      }
    }
    return this.fired(kernel.produce(chan, [v], false, null))
  }

  wait(chans: readonly Chan[], key: number | undefined, persistent: boolean): string {
    const k = new Waiting(`k${this.n++}`, chans, key, persistent)
    const [chan] = chans
    if (this.short && this.marks.length === 0 && chans.length === 1 && !persistent && key === undefined && chan.index === null) {
      const d = chan.dHead
      if (d !== null && !d.pumped) {
        this.by('takeOldest')
        this.kernel.takeOldest(chan)
        return `${k.name}:${this.gone(d)}`
      }
    }
    return this.fired(this.kernel.consume(k) ? k : null)
  }

  private fired(k: Waiting | null): string {
    return k === null ? '-' : `${k.name}:${this.kernel.results.slice(0, this.kernel.firedCount).join()}`
  }

  state(): string {
    const { kernel } = this
    return this.chans
      .map(c => `${[...kernel.data(c)].map(d => (d.value as number[]).join())} | ${[...kernel.conts(c)].map(k => k.name)} ${c.nD} ${c.nK}`)
      .concat(`${kernel.op} ${kernel.counter}`)
      .join('\n')
  }

  act([kind, a, b]: Action): string {
    const { kernel, chans, marks } = this
    const next = chans[(a + 1) % CHANNELS]
    switch (kind) {
      case 'send':
        return this.send(chans[a], b)
      case 'many':
        return Array.from({ length: 300 }, (_, i) => this.send(chans[a], i)).join(' ')
      case 'drain':
        return Array.from({ length: 300 }, () => (chans[a].dHead === null ? '' : this.wait([chans[a]], undefined, false))).join(' ')
      case 'receive':
        return this.wait([chans[a]], undefined, false)
      case 'keyed':
        return this.wait([chans[a]], b, b % 2 === 0)
      case 'crowd':
        return Array.from({ length: 8 }, (_, i) => this.wait([chans[a]], 100 + i, i % 2 === 0)).join(' ')
      case 'contract':
        return this.wait([chans[a]], undefined, true)
      case 'join':
        return this.wait([chans[a], next], b === 0 ? 1 : undefined, false)
      case 'service':
        return this.wait([chans[a], next], undefined, true)
      case 'double':
        return this.wait([chans[a], chans[a]], undefined, false)
      case 'withdraw': {
        const first = [...kernel.conts(chans[a])][0]
        return first === undefined ? '' : String(kernel.withdraw(first))
      }
      case 'mark':
        marks.push(kernel.mark())
        return ''
      default: {
        const mark = marks.pop()
        if (mark !== undefined) kernel[kind === 'rollback' ? 'rollback' : 'release'](mark)
        return ''
      }
    }
  }
}

type Action = readonly [kind: string, a: number, b: number]
const SENDS = ['send', 'send', 'send', 'send', 'send', 'send']
const WAITS = ['receive', 'receive', 'receive', 'keyed', 'contract', 'join', 'join', 'service', 'double', 'crowd']
const OTHERS = ['withdraw', 'withdraw', 'mark', 'rollback', 'release', 'many', 'drain']
const arbActions: fc.Arbitrary<Action[]> = fc.array(
  fc.tuple(
    fc.constantFrom(...SENDS, ...WAITS, ...OTHERS),
    fc.nat({ max: CHANNELS - 1 }),
    fc.oneof(fc.nat({ max: 3 }), fc.integer({ min: 100, max: 107 })),
  ),
  { minLength: 1, maxLength: 80, size: 'max' },
)

describe('the short forms of produce and consume', () => {
  it('do what the whole ones do, with data and links used again', () => {
    const used = new Set<string>()
    fc.assert(
      fc.property(arbActions, actions => {
        const [whole, short] = [new Side(false), new Side(true)]
        for (const [i, action] of actions.entries()) {
          const expected = whole.act(action)
          expect(`${i} ${action} ${short.act(action)}`).toBe(`${i} ${action} ${expected}`)
          expect(short.state()).toBe(whole.state())
        }
        for (const form of short.used.keys()) used.add(form)
      }),
      { numRuns: 500 },
    )
    expect([...used].sort()).toEqual(['complete', 'contract', 'put', 'putAgain', 'serve', 'takeOldest', 'wake', 'wake by key'])
  })

  it('keep no more than so many records to be used again', () => {
    const side = new Side(true)
    side.act(['many', 0, 0])
    side.act(['drain', 0, 0])
    let kept = 0
    while (side.kernel.spare() !== null) kept++
    expect(kept).toBe(256)
  })
})
