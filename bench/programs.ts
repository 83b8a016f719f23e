/** The jobs that are measured: one ordinary Rholang program each, as a function of its size, with the answer it must print. */

/** Who else does the same job. `js-generators` and `js-promises` are hand-written channels in plain JavaScript. */
export type Peer = 'erlang' | 'go' | 'js-generators' | 'js-promises' | 'js-function' | 'rho'

/** A floor is a defect when missed, an aim is what we want. Both are ratios peer time ÷ our time unless `most` says that less is better. */
export interface Goal {
  readonly id: string
  readonly peer: Peer
  readonly floor: number
  readonly aim: number
  /** The ratio is our time ÷ the peer's, and must not exceed the floor. */
  readonly most?: boolean
}

/** A peer's program: a name in `bench/baseline`, or a text made for the size, with the extension of its language. */
export type PeerProgram =
  | string
  | {
      readonly extension: 'mjs' | 'rho'
      readonly source: (n: number) => string
      /** What it prints, where that is not the answer of the job. */
      readonly answer?: (n: number) => string
    }

export interface Job {
  readonly id: string
  readonly title: string
  /** What one unit of work is; costs are given per unit. */
  readonly unit: string
  readonly source: (n: number) => string
  /** The one line that our program and, unless it says otherwise, every peer's prints. */
  readonly answer: (n: number) => string
  readonly units: (n: number) => number
  /**
   * `scaled`: any size, chosen so that the larger run takes long enough, the smaller is a quarter of it.
   * Otherwise the pairs of sizes, smaller and larger.
   */
  readonly sizes: 'scaled' | { readonly quick: readonly [number, number]; readonly full: readonly [number, number] }
  /** A size that takes no time, for tests. */
  readonly tiny: number
  readonly flags?: readonly string[]
  readonly peers: Partial<Record<Peer, PeerProgram>>
  readonly goals: readonly Goal[]
  /** Peak memory of the larger run: most megabytes. */
  readonly memory?: { readonly id: string; readonly floor: number; readonly aim: number }
  readonly note?: string
}

const RING = 503

const everywhere = (name: string): Partial<Record<Peer, PeerProgram>> => ({
  erlang: name,
  go: name,
  'js-generators': `${name}-generators`,
  'js-promises': `${name}-promises`,
})

const ring: Job = {
  id: 'ring',
  title: `a token round ${RING} contracts on private channels`,
  unit: 'hop',
  source: n => `// A chain of ${RING} forwarders, the last of which knows the first.
new stdout(\`rho:io:stdout\`), build, first in {
  contract build(@i, here) = {
    new fresh in {
      match i == ${RING} {
        true  => { build!(i, *here, *first) }
        false => { build!(i, *here, *fresh) | build!(i + 1, *fresh) }
      }
    }
  } |
  contract build(@i, here, next) = {
    contract here(@n) = { if (n == 0) { stdout!(i) } else { next!(n - 1) } }
  } |
  build!(1, *first) | first!(${n})
}
`,
  answer: n => String((n % RING) + 1),
  units: n => n,
  sizes: 'scaled',
  tiny: 1200,
  peers: everywhere('ring'),
  goals: [
    { id: 'M1', peer: 'erlang', floor: 2.5, aim: 6 },
    { id: 'M2', peer: 'js-generators', floor: 0.35, aim: 0.7 },
    { id: 'M3', peer: 'js-promises', floor: 1.7, aim: 3.5 },
    { id: 'M3', peer: 'go', floor: 1.7, aim: 3.5 },
  ],
}

const pingPong: Job = {
  id: 'pingpong',
  title: 'two contracts and one ball',
  unit: 'message',
  source: n => `new stdout(\`rho:io:stdout\`), ping, pong in {
  contract ping(@n) = { if (n == 0) { stdout!(0) } else { pong!(n - 1) } } |
  contract pong(@n) = { if (n == 0) { stdout!(1) } else { ping!(n - 1) } } |
  ping!(${n})
}
`,
  answer: n => String(n % 2),
  units: n => n,
  sizes: 'scaled',
  tiny: 501,
  peers: everywhere('pingpong'),
  goals: [
    { id: 'pingpong', peer: 'erlang', floor: 2.5, aim: 2.5 },
    { id: 'pingpong', peer: 'go', floor: 1.11, aim: 1.11 },
  ],
  note: 'vm.md 7.3: at most 0.4 of Erlang, 0.9 of Go',
}

/** Ten components that only look whether they are needed. */
const TRIVIAL = Array.from({ length: 10 }, (_, i) => `match n { 0 => { loop!(${i + 1}) } _ => { Nil } }`)

const spawning: Job = {
  id: 'spawn',
  title: 'processes that end at once',
  unit: 'process',
  source: n => `new stdout(\`rho:io:stdout\`), loop in {
  contract loop(@n) = {
    if (n <= 0) { stdout!(${n}) }
    else {
      loop!(n - 10) |
      ${TRIVIAL.join(' |\n      ')}
    }
  } |
  loop!(${n})
}
`,
  answer: n => String(n),
  units: n => n,
  sizes: 'scaled',
  tiny: 400,
  peers: everywhere('spawn'),
  goals: [
    { id: 'spawn', peer: 'erlang', floor: 1.82, aim: 1.82 },
    { id: 'spawn', peer: 'go', floor: 1.82, aim: 1.82 },
  ],
  note: 'vm.md 7.3: at most 0.55 of a peer',
}

const realisticRing: Job = {
  id: 'realistic',
  title: 'the ring with tuples, patterns, structural names, linear receives and a gas limit',
  unit: 'hop',
  source: n => `// Each node waits on a public name built from its number and waits again after every hop: two COMMs a hop.
new stdout(\`rho:io:stdout\`), node, start in {
  contract node(@i) = {
    for (@("tok", n /\\ Int) <- @("node", i)) {
      if (n == 0) { stdout!(i + 1) } else { @("node", (i + 1) % ${RING})!(("tok", n - 1)) } |
      node!(i)
    }
  } |
  contract start(@i) = { if (i < ${RING}) { node!(i) | start!(i + 1) } } |
  start!(0) |
  @("node", 0)!(("tok", ${n}))
}
`,
  answer: n => String((n % RING) + 1),
  units: n => n,
  sizes: 'scaled',
  tiny: 1200,
  flags: ['--gas', '1e15'],
  peers: { erlang: 'ring', go: 'ring' },
  goals: [{ id: 'M4', peer: 'erlang', floor: 0.7, aim: 1.2 }],
  note: 'the peers run their plain ring',
}

const counter: Job = {
  id: 'counter',
  title: 'a counter cell and a client that waits for every answer',
  unit: 'increment',
  source: n => `// Three COMMs an increment: the call, the cell, the answer.
new stdout(\`rho:io:stdout\`), cell, increment, client in {
  cell!(0) |
  contract increment(return) = { for (@n <- cell) { cell!(n + 1) | return!(n + 1) } } |
  contract client(@n) = { if (n == ${n}) { stdout!(n) } else { increment!(*client) } } |
  client!(0)
}
`,
  answer: n => String(n),
  units: n => n,
  sizes: 'scaled',
  tiny: 400,
  peers: everywhere('counter'),
  goals: [
    { id: 'M5', peer: 'erlang', floor: 2, aim: 4 },
    { id: 'M5', peer: 'go', floor: 0.8, aim: 1.5 },
  ],
}

const join: Job = {
  id: 'join',
  title: 'a join of two that feeds itself',
  unit: 'join',
  source: n => `new stdout(\`rho:io:stdout\`), left, right in {
  for (@x <= left & @y <= right) {
    if (x == ${n}) { stdout!(x + y) } else { left!(x + 1) | right!(y + 1) }
  } |
  left!(0) | right!(0)
}
`,
  answer: n => String(2 * n),
  units: n => n,
  sizes: 'scaled',
  tiny: 400,
  peers: everywhere('join'),
  goals: [{ id: 'M6', peer: 'erlang', floor: 4, aim: 10 }],
  note: 'one COMM a join; the peers have no join: two producers, and two receives in the one that joins',
}

const producers: Job = {
  id: 'producers',
  title: 'a join of two, fed by two producers',
  unit: 'join',
  source: n => `new stdout(\`rho:io:stdout\`), left, right, goLeft, goRight in {
  contract goLeft(@i) = { left!(i) } |
  contract goRight(@i) = { right!(i) } |
  for (@x <= left & @y <= right) {
    if (x == ${n}) { stdout!(x + y) } else { goLeft!(x + 1) | goRight!(y + 1) }
  } |
  goLeft!(0) | goRight!(0)
}
`,
  answer: n => String(2 * n),
  units: n => n,
  sizes: 'scaled',
  tiny: 400,
  peers: everywhere('join'),
  goals: [],
  note: 'three COMMs a join: exactly what the peers do',
}

const CHILDREN = Array.from({ length: 10 }, (_, i) => i)

const skynet: Job = {
  id: 'skynet',
  title: 'a tree of processes, ten children each, that adds up its leaves',
  unit: 'leaf',
  source: n => `new stdout(\`rho:io:stdout\`), skynet, total in {
  contract skynet(return, @number, @size) = {
    if (size == 1) { return!(number) }
    else {
      new ${CHILDREN.map(i => `c${i}`).join(', ')} in {
        ${CHILDREN.map(i => `skynet!(*c${i}, number + ${i} * (size / 10), size / 10)`).join(' |\n        ')} |
        for (${CHILDREN.map(i => `@n${i} <- c${i}`).join(' & ')}) {
          return!(${CHILDREN.map(i => `n${i}`).join(' + ')})
        }
      }
    }
  } |
  skynet!(*total, 0, ${n}) |
  for (@sum <- total) { stdout!(sum) }
}
`,
  answer: n => String((n * (n - 1)) / 2),
  units: n => n,
  sizes: { quick: [10_000, 100_000], full: [100_000, 1_000_000] },
  tiny: 100,
  peers: everywhere('skynet'),
  goals: [
    { id: 'M7', peer: 'erlang', floor: 8, aim: 20 },
    { id: 'M7', peer: 'go', floor: 2, aim: 5 },
  ],
  memory: { id: 'M7', floor: 300, aim: 120 },
}

function fibonacci(n: number): number {
  let a = 0
  let b = 1
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}

const fib: Job = {
  id: 'fib',
  title: 'Fibonacci numbers, one process a call',
  unit: 'call',
  source: n => `new stdout(\`rho:io:stdout\`), fib, answer in {
  contract fib(return, @n) = {
    if (n < 2) { return!(n) }
    else {
      new a, b in {
        fib!(*a, n - 1) | fib!(*b, n - 2) |
        for (@x <- a & @y <- b) { return!(x + y) }
      }
    }
  } |
  fib!(*answer, ${n}) |
  for (@v <- answer) { stdout!(v) }
}
`,
  answer: n => String(fibonacci(n)),
  units: n => 2 * fibonacci(n + 1) - 1,
  sizes: { quick: [16, 21], full: [22, 27] },
  tiny: 10,
  peers: everywhere('fib'),
  goals: [
    { id: 'M8', peer: 'erlang', floor: 4, aim: 12 },
    { id: 'M8', peer: 'go', floor: 1.2, aim: 2.7 },
  ],
}

/** 250 steps of four operations. The text means the same in Rholang and in JavaScript: nothing gets negative or large. */
const STEPS = Array.from({ length: 250 }, (_, i) => ({ a: 3 + ((i * 37) % 90), b: 500 + i, c: i, m: 9973 - i }))
const EXPRESSION = STEPS.reduce((inner, s) => `((${inner} * ${s.a} + ${s.b} - ${s.c}) % ${s.m})`, 'x')

const arithmetic: Job = {
  id: 'arithmetic',
  title: 'a contract body of 1,000 arithmetic operations',
  unit: 'operation',
  source: n => `new stdout(\`rho:io:stdout\`), step in {
  contract step(@x, @n) = {
    if (n == 0) { stdout!(x) } else { step!(${EXPRESSION}, n - 1) }
  } |
  step!(1, ${n})
}
`,
  answer: n => {
    let x = 1
    for (let i = 0; i < n; i++) for (const s of STEPS) x = (x * s.a + s.b - s.c) % s.m
    return String(x)
  },
  units: n => n * STEPS.length * 4,
  sizes: 'scaled',
  tiny: 5,
  peers: {
    'js-function': {
      extension: 'mjs',
      source: n => `function step(x) {\n  return ${EXPRESSION}\n}\nlet x = 1\nfor (let i = 0; i < ${n}; i++) x = step(x)\nconsole.log(x)\n`,
    },
  },
  goals: [{ id: 'M9', peer: 'js-function', floor: 15, aim: 8, most: true }],
}

/** `k` contracts on one channel, told apart by a literal; they call each other in an order that visits all of them. */
function literals(k: number, n: number): string {
  const contracts = Array.from(
    { length: k },
    (_, i) => `contract c(@${i}, @n) = { if (n == 0) { stdout!(${i}) } else { c!(${(i * 21 + 7) % k}, n - 1) } }`,
  )
  return `new stdout(\`rho:io:stdout\`), c in {\n  ${contracts.join(' |\n  ')} |\n  c!(0, ${n})\n}\n`
}

const LITERALS = 1000

const byLiteral: Job = {
  id: 'literals',
  title: `${LITERALS} receives with different literals on one channel`,
  unit: 'COMM',
  source: n => literals(LITERALS, n),
  answer: n => {
    let at = 0
    for (let left = n % LITERALS; left > 0; left--) at = (at * 21 + 7) % LITERALS
    return String(at)
  },
  units: n => n,
  sizes: 'scaled',
  tiny: 30,
  peers: { rho: { extension: 'rho', source: n => literals(1, n), answer: () => '0' } },
  goals: [{ id: 'S5', peer: 'rho', floor: 5, aim: 2, most: true }],
  note: 'the peer is the same program with one receive',
}

const TEN = Array.from({ length: 10 }, (_, i) => i + 1)

/** Ten parts that each refuse the same one of ten elements: every nine of them can be satisfied, all ten cannot. */
const noMatch: Job = {
  id: 'multiset',
  title: 'a multiset pattern of ten against ten elements, no match',
  unit: 'match',
  source: n => `new stdout(\`rho:io:stdout\`), loop in {
  contract loop(@n, @bag) = {
    if (n == 0) { stdout!(0) }
    else {
      match bag {
        { ${TEN.map(() => '@{~10}!(_)').join(' | ')} } => { stdout!(1) }
        _ => { loop!(n - 1, bag) }
      }
    }
  } |
  loop!(${n}, { ${TEN.map(i => `@${i}!(${i})`).join(' | ')} })
}
`,
  answer: () => '0',
  units: n => n,
  sizes: 'scaled',
  tiny: 3,
  peers: {},
  goals: [],
  note: 'floor 1 ms, aim 50 µs',
}

/** What the program of `peer` prints. */
export function peerAnswer(job: Job, peer: Peer, n: number): string {
  const program = job.peers[peer]
  return typeof program === 'object' && program.answer !== undefined ? program.answer(n) : job.answer(n)
}

export const JOBS: readonly Job[] = [
  ring,
  pingPong,
  spawning,
  realisticRing,
  counter,
  join,
  producers,
  skynet,
  fib,
  arithmetic,
  byLiteral,
  noMatch,
]

/** Floor and aim of S6, in nanoseconds: the one job whose goal is a time. */
export const MULTISET_GOAL = { id: 'S6', floor: 1_000_000, aim: 50_000 } as const

/**
 * Parks `n` receives, each on a channel of its own with two captured values, all of them reachable from `@"last"`:
 * each holds the channel of the one before.
 */
export const parking = (n: number): string => `new stdout(\`rho:io:stdout\`), park, done in {
  contract park(@i, before) = {
    if (i == 0) { @"last"!(*before) }
    else { new c in { for (@n <- c) { before!(n + i) } | park!(i - 1, *c) } }
  } |
  for (@total <- done) { stdout!(total) } |
  park!(${n}, *done)
}
`

/** Wakes what `parking` parked, one after the other; the sum of 1…n is printed. */
export const WAKING = 'for (last <- @"last") { last!(0) }\n'

export const parkingAnswer = (n: number): string => String((n * (n + 1)) / 2)
