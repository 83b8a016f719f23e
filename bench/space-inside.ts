import { type CommEvent, type JsonTypes, json, memory, type OpenOptions, type Space, v } from '../rspace/index.ts'
import { type Chan, Cont, Kernel, LINEAR, type Site } from '../rspace/kernel.ts'

/**
 * COMMs of the tuplespace without the language, warm, in one process. Each program checks what came out. Processor time is what counts: these programs wait for
 * nothing, and on a machine with other work their time would be that of the others.
 */

const NODES = 503

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

interface Each {
  readonly nsEach: number
}

/** The median of five warm repetitions, per unit. */
function warm(units: number, once: () => void): Each {
  once()
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const start = cpuMs()
    once()
    times.push(cpuMs() - start)
  }
  return { nsEach: (times.sort((a, b) => a - b)[2] * 1e6) / units }
}

function expectNode(found: number, hops: number): void {
  if (found !== hops % NODES) throw new Error(`the token ended at ${found}, not at ${hops % NODES}`)
}

// ── the kernel ────────────────────────────────────────────────────────────────────────────────────────────────────

class Node extends Cont {
  readonly id: number
  constructor(site: Site, id: number) {
    super(site)
    this.id = id
  }
}

/** A token round 503 channels, each with a linear receive that waits again after every hop. */
function kernelRing(hops: number): Each {
  return warm(hops, () => {
    const site: Site = { arrows: Uint8Array.of(LINEAR), persistent: false, guarded: false }
    const kernel = new Kernel<number, number, Node>({
      match: (_k, _branch, _bind, value) => value,
      matchAll: (_k, _b, _i, value) => [value],
      guard: () => true,
    })
    const chans = Array.from({ length: NODES }, (_, i): Chan => kernel.chan(i))
    chans.forEach((chan, i) => {
      const k = new Node(site, i)
      k.chan = chan
      kernel.consume(k)
    })
    let last = 0
    for (let at = 0, token = hops; ; token--) {
      const k = kernel.produce(chans[at], token, false, null)
      if (k === null) throw new Error('nobody waited')
      last = k.id
      if (kernel.results[0] === 0) break
      const again = new Node(site, k.id)
      again.chan = chans[k.id]
      kernel.consume(again)
      at = (k.id + 1) % NODES
    }
    expectNode(last, hops)
  })
}

// ── the space ─────────────────────────────────────────────────────────────────────────────────────────────────────

interface NumberTypes {
  C: number
  P: null
  A: number
  K: number
  R: number
  G: never
}

const codec = {
  id: 'number',
  encode: (n: number): Uint8Array => new Uint8Array(Float64Array.of(n).buffer),
  decode: (b: Uint8Array): number => new Float64Array(b.buffer)[0],
}
const NUMBERS: Pick<OpenOptions<NumberTypes>, 'codec' | 'matcher'> = {
  codec: { channel: codec, datum: codec, body: codec, pattern: { id: 'any', encode: () => new Uint8Array(0), decode: () => null } },
  matcher: { match: (_pattern, datum) => datum },
}

/** The same ring through the public interface, with handles and a pattern that fits everything. */
function spaceRing(hops: number): Each {
  return warm(hops, () => {
    const space = memory<NumberTypes>(NUMBERS)
    const handles = Array.from({ length: NODES }, () => space.fresh())
    const binds = handles.map(channel => [{ channel, pattern: null }])
    for (let i = 0; i < NODES; i++) space.consume(binds[i], i)
    let node = 0
    for (let token = hops, at = 0; ; token--) {
      const comm: CommEvent<NumberTypes> = space.produce(handles[at], token).comms[0]
      node = comm.body
      if (comm.matches[0].result === 0) break
      space.consume(binds[node], node)
      at = (node + 1) % NODES
    }
    expectNode(node, hops)
  })
}

/** The same with channels that are strings, JSON data and a pattern with a key. */
function jsonRing(hops: number): Each {
  const names = Array.from({ length: NODES }, (_, i) => `node ${i}`)
  return warm(hops, () => {
    const space: Space<JsonTypes> = memory<JsonTypes>({ ...json })
    const wait = (i: number): unknown => space.consume([{ channel: names[i], pattern: { to: i, token: v.token } }], i)
    for (let i = 0; i < NODES; i++) wait(i)
    let node = 0
    for (let token = hops, at = 0; ; token--) {
      const comm = space.produce(names[at], { to: at, token }).comms[0]
      node = comm.body as number
      if ((comm.matches[0].result as { token: number }).token === 0) break
      wait(node)
      at = (node + 1) % NODES
    }
    expectNode(node, hops)
  })
}

/** Append one datum and take the oldest, while `depth` others wait on the channel. */
function depth(others: number, rounds: number): Each {
  const space = memory<NumberTypes>(NUMBERS)
  const channel = space.fresh()
  for (let i = 0; i < others; i++) space.produce(channel, i)
  let next = others
  let oldest = 0
  return warm(rounds, () => {
    for (let i = 0; i < rounds; i++) {
      space.produce(channel, next++)
      const got = space.consume([{ channel, pattern: null }], 0).comms[0].matches[0].value
      if (got !== oldest++) throw new Error(`took ${got}, not the oldest`)
    }
  })
}

/** A datum on a channel among `others` with other keys is found by its key. */
function keyedData(others: number, rounds: number): Each {
  const space = memory<JsonTypes>({ ...json })
  for (let i = 0; i < others; i++) space.produce('orders', { id: i, open: true })
  return warm(rounds, () => {
    for (let i = 0; i < rounds; i++) {
      const id = (i * 7919) % others
      const comm = space.consume([{ channel: 'orders', pattern: { id, open: v.open } }], 'found').comms[0]
      if ((comm.matches[0].value as { id: number }).id !== id) throw new Error(`found another than ${id}`)
      space.produce('orders', { id, open: true })
    }
  })
}

/** A continuation among `others` with other keys is found by the key of what is sent. */
function keyedContinuations(others: number, rounds: number): Each {
  const space = memory<JsonTypes>({ ...json })
  for (let i = 0; i < others; i++) space.consume([{ channel: 'replies', pattern: { id: i, body: v.body } }], i, { persist: true })
  return warm(rounds, () => {
    for (let i = 0; i < rounds; i++) {
      const id = (i * 7919) % others
      if (space.produce('replies', { id, body: 'yes' }).comms[0].body !== id) throw new Error(`woke another than ${id}`)
    }
  })
}

export const SPACE_COMMANDS: Readonly<Record<string, (args: string[]) => object>> = {
  kernel: ([n]) => kernelRing(Number(n)),
  space: ([n]) => spaceRing(Number(n)),
  json: ([n]) => jsonRing(Number(n)),
  depth: ([others, rounds]) => depth(Number(others), Number(rounds)),
  'keyed-data': ([others, rounds]) => keyedData(Number(others), Number(rounds)),
  'keyed-continuations': ([others, rounds]) => keyedContinuations(Number(others), Number(rounds)),
}
