import { readFileSync } from 'node:fs'

/**
 * The programs of the benchmark suite: files in `bench/suite`, their sizes, and what each must print and count. A program runs as it stands (`rho run
 * bench/suite/r8.rho`); the runner puts other numbers where a comment names one, as in `/* n *\/ 5`.
 */

/** What stands for the named places of a program. */
export type Sizes = Readonly<Record<string, number | string>>

/** Channels in plain JavaScript that do the same job: the name of a function in `baseline/js/suite.mjs`. */
export interface Entry {
  readonly id: string
  readonly set: 'rholang' | 'savina' | 'game' | 'micro'
  readonly title: string
  readonly file: string
  /** What one unit of work is; costs are given per unit. */
  readonly unit: string
  readonly units: (s: Sizes) => number
  readonly quick: Sizes
  readonly full: Sizes
  /** Takes no time, for tests. */
  readonly tiny: Sizes
  /** The lines it must print. */
  readonly answer: (s: Sizes) => readonly string[]
  /** The lines may come in any order. */
  readonly unordered?: boolean
  /** COMMs of the language that the run must count, where that does not depend on the schedule. */
  readonly comms?: (s: Sizes) => number
  /** The cost of one unit is to be at most so many times that of one COMM of plain JavaScript channels (vm.md 7.3). */
  readonly most?: number
  /** Is always measured with a space on disk too, committing apart. */
  readonly stored?: boolean
}

const n = (s: Sizes, name = 'n'): number => Number(s[name])
const sizes = (quick: number, full: number, tiny: number) => ({ quick: { n: quick }, full: { n: full }, tiny: { n: tiny } })
const print = (value: (s: Sizes) => number | string) => (s: Sizes) => [String(value(s))]

/** The next number of the generator that the programs use: `(x * 1309 + 13849) % 65536`. */
export const next = (x: number): number => (x * 1309 + 13849) % 65536

/** 0² + … sums that the nested loops make: Σ i·j over a square. */
const squareSum = (k: number): number => ((k * (k - 1)) / 2) ** 2

const carried = (what: string, load: string, printed: string, steps: { quick: number; full: number; tiny: number }): Entry => ({
  id: `r6-${what}`,
  set: 'rholang',
  title: `a ${load.startsWith('"') ? 'long text' : 'number'} ${steps.full === 1 ? 'sent once' : 'carried through 32,768 steps'}`,
  file: 'r6',
  unit: 'step',
  units: s => n(s) + 1,
  quick: { n: steps.quick, load },
  full: { n: steps.full, load },
  tiny: { n: steps.tiny, load },
  answer: () => [printed],
  comms: s => n(s) + 2,
})

const LONG = '"x".repeat(32768)'
const ONCE = { quick: 1, full: 1, tiny: 1 }
const FAR = { quick: 32_768, full: 32_768, tiny: 50 }

const branches = (b: number): Entry => ({
  id: `r11-${b}`,
  set: 'rholang',
  title: `${b} branch${b === 1 ? '' : 'es'} on private channels`,
  file: 'r11',
  unit: 'message',
  units: s => n(s),
  quick: { n: 100_000, branches: b },
  full: { n: 1_000_000, branches: b },
  tiny: { n: 80, branches: b },
  answer: print(s => b * ((n(s) / b) % 2)),
  comms: s => b * (n(s) / b + 1) + 4 * b + 3,
})

const calls = (depth: number): number => (10 ** (depth + 1) - 1) / 9

function fib(k: number): number {
  let [a, b] = [0, 1]
  for (let i = 0; i < k; i++) [a, b] = [b, a + b]
  return a
}
const fibCalls = (k: number): number => 2 * fib(k + 1) - 1

/** Payments of R13: what was moved and what it cost. */
function payments(count: number): { moved: number; paid: number } {
  let [moved, paid] = [0, 0]
  for (let k = count; k > 0; k--) {
    moved += k % 50
    paid += 1 + ((k % 50) % 7)
  }
  return { moved, paid }
}

/** The services of R14 after so many rounds. */
function services(count: number): string {
  const books = [1_000_000, 1_000_000]
  let [sum, refused] = [0, 0]
  const keys = new Set<number>()
  for (let k = count; k > 0; k--) {
    keys.add(k % 50)
    sum += k
    if (k % 3 === 1) refused++
    else books[k % 2] -= 2
  }
  return `[${1_000_000 - count}, ${count}, ${books[0]}, ${books[1]}, ${keys.size}, ${sum + refused}]`
}
const refusals = (count: number): number => Math.floor((count + 2) / 3)

function smoking(rounds: number): number {
  let steps = 0
  let random = 1
  for (let i = 0; i < rounds; i++) {
    steps += (random % 20) + 1
    random = next(random)
  }
  return steps
}

function logistic(terms: number): number {
  let sum = 0
  for (let i = 0; i < 10; i++) {
    const rate = 3.46 + i * 0.0025
    let x = 0.5
    for (let k = 0; k < terms; k++) x = rate * x * (1 - x)
    sum += Math.round(x * 1e6)
  }
  return sum
}

/** Different numbers that the workers of the sorted list insert. */
function inserted(requests: number): number {
  const found = new Set<number>()
  for (let worker = 0; worker < 20; worker++) {
    let random = worker * 331
    for (let k = requests; k > 0; k--) {
      if (k % 10 === 0 && k % 100 !== 5) found.add(Math.trunc(random / 8) % 100)
      random = next(random)
    }
  }
  return found.size
}

/** Working an answer out takes seconds for the largest sizes, and is asked for again and again. */
function once<T>(f: (size: number) => T): (size: number) => T {
  const known = new Map<number, T>()
  return size => {
    const found = known.get(size)
    if (found !== undefined) return found
    const made = f(size)
    known.set(size, made)
    return made
  }
}

/** Primes below a limit, and the numbers that the filters of the chain look at in all. */
function sieveOf(limit: number): { primes: number; tests: number; numbers: number } {
  const primes: number[] = []
  let [tests, numbers] = [0, 0]
  for (let k = 3; k < limit; k += 2) {
    numbers++
    const passed = primes.findIndex(p => k % p === 0)
    if (passed >= 0) tests += passed + 1
    else {
      tests += primes.length
      primes.push(k)
    }
  }
  return { primes: primes.length + 1, tests, numbers }
}

/** Solutions of the n queens, and the COMMs that finding them in `nqueens.rho` takes. */
function queensOf(size: number): { solutions: number; comms: number } {
  let [solutions, places, tries, joins] = [0, 0, 0, 0]
  const place = (row: number, columns: number, left: number, right: number): void => {
    places++
    if (row === size) {
      solutions++
      return
    }
    for (let column = 0, bit = 1; ; column++, bit *= 2) {
      tries++
      if (column === size) return
      if (((columns | left | right) & bit) !== 0) continue
      joins++
      place(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    }
  }
  place(0, 0, 0, 0)
  return { solutions, comms: places + tries + joins + 2 }
}

/** Nodes of all trees that `binarytrees.rho` makes, and what it prints. */
function trees(depth: number): { nodes: number; made: number; answer: string } {
  const size = (d: number): number => 2 ** (d + 1) - 1
  let [total, made] = [0, 0]
  for (let d = 4, times = 2 ** depth; d <= depth; d += 2, times = Math.trunc(times / 4)) {
    total += times * size(d)
    made += times
  }
  const nodes = size(depth + 1) + size(depth) + total
  return { nodes, made: made + 2, answer: `[${size(depth + 1)}, ${total}, ${size(depth)}]` }
}

/** Checksum and most flips, and how many flips and turns there are in all. */
function fannkuchOf(size: number): { answer: string; flips: number; turns: number; permutations: number } {
  let p = Array.from({ length: size }, (_, i) => i + 1)
  const counts = new Array<number>(size).fill(0)
  let [sum, most, flips, turns, permutations, sign] = [0, 0, 0, 0, 0, 1]
  for (;;) {
    permutations++
    const q = [...p]
    let count = 0
    for (let first = q[0]; first !== 1; first = q[0]) {
      for (let i = 0, j = first - 1; i < j; i++, j--) [q[i], q[j]] = [q[j], q[i]]
      count++
    }
    flips += count
    sum += sign * count
    most = Math.max(most, count)
    sign = -sign
    let i = 1
    for (; i < size; i++) {
      p = [...p.slice(1, i + 1), p[0], ...p.slice(i + 1)]
      turns++
      if (counts[i] < i) {
        counts[i]++
        break
      }
      counts[i] = 0
    }
    if (i === size) return { answer: `[${sum}, ${most}]`, flips, turns, permutations }
  }
}

function spectralNormOf(size: number): number {
  const a = (i: number, j: number): number => Math.trunc(((i + j) * (i + j + 1)) / 2) + i + 1
  const times = (v: readonly number[], flipped: boolean): number[] =>
    v.map((_, i) => v.reduce((sum, x, j) => sum + x / (flipped ? a(j, i) : a(i, j)), 0))
  const both = (v: readonly number[]): number[] => times(times(v, false), true)
  let u = new Array<number>(size).fill(1)
  let v: number[] = []
  for (let k = 0; k < 10; k++) {
    v = both(u)
    u = both(v)
  }
  const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, e, i) => sum + e * y[i], 0)
  return Math.round((dot(u, v) / dot(v, v)) * 1e6)
}

const DNA = 'GGCCGGGCGCGGTGGCTCACGCCTGTAATCCCAGCACTTTGGGAGGCCGAGGCGGGCGGATCACCTGAGGTCAGGAGTTCG'
const COMPLEMENT: Readonly<Record<string, string>> = { A: 'T', T: 'A', C: 'G', G: 'C' }
const dnaLines = (copies: number): number => Math.ceil((copies * DNA.length) / 60)

function otherStrand(copies: number): string {
  const one = [...DNA].reverse().map(c => COMPLEMENT[c])
  const length = copies * DNA.length
  const line = (from: number): string =>
    Array.from({ length: Math.min(60, length - from) }, (_, i) => one[(from + i) % DNA.length]).join('')
  const lines = dnaLines(copies)
  return `[${length}, ${lines}, "${line(0)}", "${line((lines - 1) * 60)}"]`
}

const sieve = once(sieveOf)
const queens = once(queensOf)
const fannkuch = once(fannkuchOf)
const spectralNorm = once(spectralNormOf)

/** `n` philosophers and so on: a program with one number. */
const one = (
  id: string,
  set: Entry['set'],
  title: string,
  unit: string,
  [quick, full, tiny]: readonly [number, number, number],
  rest: Partial<Entry> & Pick<Entry, 'answer'>,
): Entry => ({ id, set, title, file: id, unit, units: s => n(s), ...sizes(quick, full, tiny), ...rest })

// Programs that two sets have, in other sizes.

const threadRing = (id: string, set: Entry['set'], title: string, ring: number, [quick, full]: readonly [number, number]): Entry => ({
  id,
  set,
  title,
  file: 'threadring',
  unit: 'hop',
  units: s => n(s),
  quick: { n: quick, ring },
  full: { n: full, ring },
  tiny: { n: 25, ring: 10 },
  answer: print(s => (n(s) % n(s, 'ring')) + 1),
  comms: s => 2 * n(s, 'ring') + n(s) + 2,
})

const chameneos = (id: string, set: Entry['set'], title: string, creatures: number, [quick, full]: readonly [number, number]): Entry => ({
  id,
  set,
  title,
  file: 'chameneos',
  unit: 'meeting',
  units: s => n(s),
  quick: { n: quick, creatures },
  full: { n: full, creatures },
  tiny: { n: 20, creatures: 4 },
  answer: print(s => 2 * n(s)),
  comms: s => 7 * n(s) + 6 * n(s, 'creatures') + 4,
})

const nQueens = (id: string, set: Entry['set'], title: string): Entry => ({
  id,
  set,
  title,
  file: 'nqueens',
  unit: 'COMM',
  units: s => queens(n(s)).comms,
  ...sizes(8, 12, 4),
  answer: print(s => queens(n(s)).solutions),
  comms: s => queens(n(s)).comms,
})

export const SUITE: readonly Entry[] = [
  // ── R1 to R14 ─────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    id: 'r1',
    set: 'rholang',
    title: 'one channel, one receive, one send',
    file: 'r1',
    unit: 'run',
    units: () => 1,
    quick: {},
    full: {},
    tiny: {},
    answer: () => ['1'],
    comms: () => 2,
  },
  one('r2', 'rholang', '2,000 triples assembled as data, joined and unquoted', 'triple', [1, 10, 1], {
    units: s => 2000 * n(s),
    answer: print(s => 101_000 * n(s)),
    comms: s => 6023 * n(s) + 2,
    most: 80,
  }),
  one('r3', 'rholang', 'nested loop of receives that send themselves', 'step', [140, 140, 5], {
    units: s => n(s) ** 2,
    answer: print(s => squareSum(n(s))),
    comms: s => n(s) ** 2 + 3 * n(s) + 3,
  }),
  one('r4', 'rholang', 'nested loop of two contracts', 'step', [140, 140, 5], {
    units: s => n(s) ** 2,
    answer: print(s => squareSum(n(s))),
    comms: s => n(s) ** 2 + 2 * n(s) + 2,
  }),
  one('r5', 'rholang', 'deep recursion, a match each step', 'step', [10_000, 1_000_000, 20], {
    answer: print(s => n(s)),
    comms: s => 2 * n(s) + 3,
    most: 30,
  }),
  one('r5-print', 'rholang', 'deep recursion, a line of output each step', 'step', [10_000, 1_000_000, 20], {
    answer: s => [...Array.from({ length: n(s) }, (_, i) => String(n(s) - i)), String(n(s))],
    unordered: true,
    comms: s => 3 * n(s) + 3,
  }),
  carried('number', '1', '1', ONCE),
  carried('text', LONG, '32768', ONCE),
  carried('number-far', '1', '1', FAR),
  carried('text-far', LONG, '32768', FAR),
  one('r7', 'rholang', 'a tree of calls on one contract', 'call', [2, 5, 2], {
    units: s => calls(n(s)),
    answer: print(s => calls(n(s))),
    comms: s => calls(n(s)) + (calls(n(s)) - 1) / 10 + 2,
  }),
  {
    id: 'r8',
    set: 'rholang',
    title: 'dining philosophers with joins of two',
    file: 'r8',
    unit: 'meal',
    units: s => n(s) * n(s, 'meals'),
    quick: { n: 5, meals: 1000 },
    full: { n: 20, meals: 10_000 },
    tiny: { n: 3, meals: 4 },
    answer: () => ['"everybody has eaten"'],
    comms: s => 2 * n(s) * n(s, 'meals') + 4 * n(s) + 3,
  },
  one('r9', 'rholang', 'prime processes by negation and connectives', 'match', [30, 200, 8], {
    units: s => 2 * n(s),
    answer: print(s => `{"composite" : ${n(s) - 2}, "nothing" : 1, "small prime" : 1, ("prime", 1) : ${n(s) - 2}, ("small prime", 1) : 2}`),
    comms: s => 4 * n(s) + 2,
  }),
  one('r10', 'rholang', '32 busy loops and a join of 32', 'step', [500, 5000, 5], {
    units: s => 32 * n(s),
    answer: print(s => 16 * n(s) * (n(s) + 1)),
    comms: s => 32 * (n(s) + 1) + 2,
    most: 20,
    stored: true,
  }),
  branches(1),
  branches(2),
  branches(4),
  branches(8),
  one('r13', 'rholang', 'payments charged in advance and paid back', 'payment', [1000, 100_000, 7], {
    answer: print(s => {
      const { moved, paid } = payments(n(s))
      return `[${moved}, ${paid}, 100000000]`
    }),
    comms: s => 11 * n(s) + 305,
  }),
  one('r14', 'rholang', 'bank, coat check, store and treasury', 'round', [1000, 100_000, 51], {
    answer: print(s => services(n(s))),
    comms: s => 18 * n(s) - refusals(n(s)) + 10,
  }),

  // ── Savina ────────────────────────────────────────────────────────────────────────────────────────────────────────
  one('pingpong', 'savina', 'ping-pong', 'round trip', [400, 40_000, 9], { answer: () => ['"done"'], comms: s => 2 * n(s) + 2 }),
  one('counting', 'savina', 'counting', 'increment', [10_000, 1_000_000, 9], { answer: print(s => n(s)), comms: s => 2 * n(s) + 2 }),
  one('forkjoin-create', 'savina', 'fork-join, creation', 'process', [400, 40_000, 9], {
    answer: print(s => Array.from({ length: n(s) }, (_, i) => (i * i) % 7).reduce((a, b) => a + b, 0)),
    comms: s => 3 * n(s) + 2,
  }),
  one('forkjoin-throughput', 'savina', 'fork-join, throughput', 'message', [100, 10_000, 3], {
    units: s => 60 * n(s),
    answer: () => ['"all done"'],
    comms: s => 122 * n(s) + 244,
  }),
  threadRing('threadring', 'savina', 'thread ring of 100', 100, [1000, 100_000]),
  chameneos('chameneos', 'savina', 'chameneos, 100 creatures', 100, [2000, 200_000]),
  one('big', 'savina', '120 processes, everybody to everybody', 'ping', [200, 20_000, 2], {
    units: s => 120 * n(s),
    answer: print(s => 120 * n(s)),
    comms: s => 360 * n(s) + 603,
  }),
  one('dictionary', 'savina', 'concurrent dictionary, 10 % writes', 'request', [100, 10_000, 10], {
    units: s => 20 * n(s),
    answer: print(s => 20 * Math.floor(n(s) / 10)),
    comms: s => 80 * n(s) + 83,
  }),
  one('sortedlist', 'savina', 'sorted linked list, 10 % writes', 'request', [80, 8000, 20], {
    units: s => 20 * n(s),
    answer: print(s => inserted(n(s))),
  }),
  one('boundedbuffer', 'savina', 'bounded buffer of 50', 'item', [10, 1000, 2], {
    units: s => 40 * n(s),
    answer: print(s => 40 * (n(s) * 19.5 + (n(s) * (n(s) + 1)) / 2)),
    comms: s => 160 * n(s) + 254,
  }),
  one('philosophers', 'savina', 'dining philosophers with a waiter', 'meal', [100, 10_000, 3], {
    units: s => 20 * n(s),
    answer: () => ['0'],
  }),
  one('barber', 'savina', 'sleeping barber', 'haircut', [50, 5000, 12], { answer: () => ['"closed"'] }),
  one('smokers', 'savina', 'cigarette smokers', 'round', [10, 1000, 3], {
    answer: print(s => n(s)),
    comms: s => 4 * n(s) + smoking(n(s)) + 404,
  }),
  one('logisticmap', 'savina', 'logistic map', 'term', [250, 25_000, 5], {
    units: s => 10 * n(s),
    answer: print(s => logistic(n(s))),
    comms: s => 30 * n(s) + 53,
  }),
  one('banking', 'savina', 'transfers between 1,000 accounts', 'transfer', [500, 50_000, 5], {
    answer: () => ['1000000'],
    comms: s => 5 * n(s) + 3005,
  }),
  one('fibonacci', 'savina', 'Fibonacci, one process a call', 'call', [17, 25, 8], {
    units: s => fibCalls(n(s)),
    answer: print(s => fib(n(s))),
    comms: s => fibCalls(n(s)) + (fibCalls(n(s)) - 1) / 2 + 2,
  }),
  one('sieve', 'savina', 'sieve as a chain of filters', 'test', [1000, 100_000, 60], {
    units: s => sieve(n(s)).tests,
    answer: print(s => sieve(n(s)).primes),
    comms: s => {
      const { primes, tests, numbers } = sieve(n(s))
      return numbers + 4 * primes + 2 * tests
    },
  }),
  nQueens('nqueens', 'savina', 'n queens'),
  one('skynet', 'savina', 'skynet, fan-out 10', 'leaf', [10_000, 1_000_000, 100], {
    answer: print(s => (n(s) * (n(s) - 1)) / 2),
    comms: s => n(s) + (2 * (n(s) - 1)) / 9 + 2,
  }),

  // ── benchmarks game ───────────────────────────────────────────────────────────────────────────────────────────────
  threadRing('game-threadring', 'game', 'thread-ring of 503', 503, [500_000, 50_000_000]),
  chameneos('game-chameneos', 'game', 'chameneos-redux, 10 creatures', 10, [60_000, 6_000_000]),
  one('binarytrees', 'game', 'binary-trees', 'node', [12, 18, 5], {
    units: s => trees(n(s)).nodes,
    answer: print(s => trees(n(s)).answer),
  }),
  one('fannkuch', 'game', 'fannkuch-redux', 'permutation', [8, 10, 4], {
    units: s => fannkuch(n(s)).permutations,
    answer: print(s => fannkuch(n(s)).answer),
  }),
  one('spectralnorm', 'game', 'spectral-norm', 'element', [100, 1000, 6], {
    units: s => 40 * n(s) ** 2,
    answer: print(s => spectralNorm(n(s))),
  }),
  nQueens('game-nqueens', 'game', 'n-queens'),
  one('reversecomplement', 'game', 'reverse-complement', 'character', [1235, 123_457, 3], {
    units: s => DNA.length * n(s),
    answer: print(s => otherStrand(n(s))),
    // A call and a join for each cut, and a call for each line.
    comms: s => 3 * dnaLines(n(s)),
  }),

  // ── micro ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  one('micro-add', 'micro', 'ADD', 'addition', [5000, 50_000, 10], {
    units: s => 100 * n(s),
    answer: print(s => (300 * n(s)) % 1_000_003),
    comms: s => n(s) + 2,
  }),
  one('micro-linear', 'micro', 'COMM, receive made anew, trivial pattern', 'message', [50_000, 1_000_000, 10], {
    answer: print(s => n(s)),
    comms: s => 2 * n(s) + 3,
  }),
  one('micro-persistent', 'micro', 'COMM, receive that stays, trivial pattern', 'message', [50_000, 1_000_000, 10], {
    answer: () => ['"done"'],
    comms: s => n(s) + 2,
  }),
  one('micro-pattern', 'micro', 'COMM, general pattern', 'message', [20_000, 200_000, 10], {
    answer: () => ['[1, [2, 3], 1, {"tag" : "x"}]'],
    comms: s => n(s) + 2,
  }),
  ...[2, 8, 200].map(k =>
    one(`micro-join${k}`, 'micro', `join of ${k}`, 'join', [Math.ceil(50_000 / k), Math.ceil(1_000_000 / k), 10], {
      answer: print(s => k * n(s)),
      comms: s => n(s) + 2,
    }),
  ),
  one('micro-peek', 'micro', 'peek', 'peek', [50_000, 1_000_000, 10], { answer: print(s => 2 * n(s)), comms: s => 2 * n(s) + 3 }),
  one('micro-spawn', 'micro', 'spawn and halt', 'process', [5000, 100_000, 10], {
    units: s => 10 * n(s),
    answer: () => ['"done"'],
    comms: s => n(s) + 2,
  }),
  one('micro-names', 'micro', 'names built for every send and receive', 'message', [20_000, 500_000, 10], {
    answer: () => ['"done"'],
    comms: s => 2 * n(s) + 2,
  }),
]

/** The text of a program with these numbers in the places that its comments name. @throws Error if a place is not there */
export function programText(entry: Entry, at: Sizes, folder: URL): string {
  let text = readFileSync(new URL(`${entry.file}.rho`, folder), 'utf8')
  for (const [name, value] of Object.entries(at)) {
    const place = `/* ${name} */ `
    if (!text.includes(place)) throw new Error(`${entry.file}.rho has no place for ${name}`)
    text = text.replaceAll(new RegExp(`/\\* ${name} \\*/ \\d+`, 'g'), `${place}${value}`)
  }
  return text
}

/** Programs of a round of R15. */
export const DEPLOYS = 1512
/** The three parts of R12. */
export const RAW_KINDS = ['pairs', 'tasks', 'persistent'] as const
