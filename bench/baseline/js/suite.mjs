// The jobs of the suite on channels in plain JavaScript (`channels.mjs`), where there is an equivalent with the same processes and messages.
// `node suite.mjs ID SIZES MS` runs one for so many milliseconds when warm and prints {"ms": [...], "answer": "..."}; without SIZES it lists the ids.
import { Channel, join, run } from './channels.mjs'

const next = x => (x * 1309 + 13849) % 65536
let printed = ''
const print = value => {
  printed = String(value)
}

/** `count` channels. */
const channels = count => Array.from({ length: count }, () => new Channel())

/** Adds up `count` values that come on a channel, then prints the sum. */
function addUp(channel, count, show = print) {
  let [left, sum] = [count, 0]
  const one = x => {
    sum += x
    if (--left === 0) show(sum)
    else channel.receive(one)
  }
  channel.receive(one)
}

function pairs(start, hops, done) {
  const [ping, pong] = channels(2)
  ping.serve(n => (n === 0 ? done(0) : pong.send(n - 1)))
  pong.serve(n => (n === 0 ? done(1) : ping.send(n - 1)))
  start(() => ping.send(hops))
}

function ring(size, hops) {
  const nodes = channels(size)
  nodes.forEach((here, i) => {
    here.serve(left => (left === 0 ? print(i + 1) : nodes[(i + 1) % size].send(left - 1)))
  })
  nodes[0].send(hops)
}

function chameneos(count, meetings) {
  const mall = new Channel()
  const done = new Channel()
  let left = meetings
  const pair = a => {
    if (left === 0) {
      a.reply.send(-1)
      mall.serve(x => x.reply.send(-1))
      return
    }
    mall.receive(b => {
      left--
      a.reply.send(b.colour)
      b.reply.send(a.colour)
      mall.receive(pair)
    })
  }
  mall.receive(pair)
  const creature = (colour, met) => {
    const reply = new Channel()
    mall.send({ reply, colour })
    reply.receive(other => {
      if (other === -1) done.send(met)
      else creature(other === colour ? colour : 3 - colour - other, met + 1)
    })
  }
  for (let i = 0; i < count; i++) creature(i % 3, 0)
  addUp(done, count)
}

function call(channel, value, then) {
  const reply = new Channel()
  channel.send({ reply, value })
  reply.receive(then)
}

/** Calls a channel with every value, and goes on with the sum of the answers when all have come. */
function callAll(channel, values, then) {
  const replies = channels(values.length)
  values.forEach((value, i) => {
    channel.send({ reply: replies[i], value })
  })
  join(replies, answers => then(answers.reduce((a, b) => a + b, 0)))
}

function queens(size) {
  const place = new Channel()
  place.serve(({ reply, value: [row, columns, left, right] }) => {
    if (row === size) return reply.send(1)
    const free = []
    for (let c = 0, bit = 1; c < size; c++, bit *= 2) {
      if (((columns | left | right) & bit) === 0) free.push([row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1])
    }
    if (free.length === 0) reply.send(0)
    else callAll(place, free, sum => reply.send(sum))
  })
  call(place, [0, 0, 0, 0], print)
}

/** Pairs that only ever talk to each other. */
function branching({ n, branches }) {
  const done = new Channel()
  for (let b = 0; b < branches; b++)
    pairs(
      start => start(),
      n / branches,
      bit => done.send(bit),
    )
  addUp(done, branches)
}

const JOBS = {
  r4({ n }) {
    const [outer, inner] = channels(2)
    outer.serve(([i, sum]) => (i === n ? print(sum) : inner.send([i, 0, sum])))
    inner.serve(([i, j, sum]) => (j === n ? outer.send([i + 1, sum]) : inner.send([i, j + 1, sum + i * j])))
    outer.send([0, 0])
  },
  r5({ n }) {
    const down = new Channel()
    down.serve(({ reply, value }) => (value === 0 ? reply.send(0) : call(down, value - 1, depth => reply.send(depth + 1))))
    call(down, n, print)
  },
  r7({ n }) {
    const tree = new Channel()
    tree.serve(({ reply, value }) => {
      if (value === 0) reply.send(1)
      else callAll(tree, new Array(10).fill(value - 1), sum => reply.send(sum + 1))
    })
    call(tree, n, print)
  },
  r8({ n, meals }) {
    const forks = channels(n)
    const done = new Channel()
    for (const f of forks) f.send(0)
    const eat = (left, right, more) => {
      if (more === 0) return done.send(1)
      join([left, right], () => {
        left.send(0)
        right.send(0)
        eat(left, right, more - 1)
      })
    }
    for (let i = 0; i < n; i++) eat(forks[i], forks[(i + 1) % n], meals)
    addUp(done, n, () => print('"everybody has eaten"'))
  },
  r10({ n }) {
    const busy = new Channel()
    busy.serve(([reply, left, sum]) => (left === 0 ? reply.send(sum) : busy.send([reply, left - 1, sum + left])))
    const replies = channels(32)
    for (const r of replies) busy.send([r, n, 0])
    join(replies, sums => print(sums.reduce((a, b) => a + b, 0)))
  },
  'r11-1': branching,
  'r11-2': branching,
  'r11-4': branching,
  'r11-8': branching,
  pingpong({ n }) {
    const [ping, pong] = channels(2)
    ping.serve(left => (left === 0 ? print('"done"') : pong.send(left)))
    pong.serve(left => ping.send(left - 1))
    ping.send(n)
  },
  counting({ n }) {
    const [increment, produce] = channels(2)
    addUp(increment, n)
    produce.serve(i => {
      if (i === n) return
      increment.send(1)
      produce.send(i + 1)
    })
    produce.send(0)
  },
  'forkjoin-create'({ n }) {
    const ended = new Channel()
    addUp(ended, n)
    const create = new Channel()
    create.serve(i => {
      if (i === n) return
      const mailbox = new Channel()
      mailbox.receive(x => ended.send((x * x) % 7))
      mailbox.send(i)
      create.send(i + 1)
    })
    create.send(0)
  },
  'forkjoin-throughput'({ n }) {
    const mailboxes = channels(60)
    const done = new Channel()
    for (const m of mailboxes) {
      let got = 0
      m.serve(x => {
        got += x
        if (got === n) done.send(1)
      })
    }
    const deal = new Channel()
    deal.serve(k => {
      if (k === 60 * n) return
      mailboxes[k % 60].send(1)
      deal.send(k + 1)
    })
    deal.send(0)
    addUp(done, 60, () => print('"all done"'))
  },
  threadring: ({ n, ring: size }) => ring(size, n),
  'game-threadring': ({ n, ring: size }) => ring(size, n),
  chameneos: ({ n, creatures }) => chameneos(creatures, n),
  'game-chameneos': ({ n, creatures }) => chameneos(creatures, n),
  big({ n }) {
    const mailboxes = channels(120)
    const done = new Channel()
    for (const m of mailboxes) m.serve(({ reply, value }) => reply.send(value + 1))
    const ask = (i, count, random) => {
      if (count === n) done.send(count)
      else call(mailboxes[(i + 1 + (random % 119)) % 120], count, answer => ask(i, answer, next(random)))
    }
    for (let i = 0; i < 120; i++) ask(i, 0, (i * 7919 + 17) % 65536)
    addUp(done, 120)
  },
  dictionary({ n }) {
    const [read, write, done] = channels(3)
    const map = new Map()
    read.serve(({ reply, value }) => reply.send(map.get(value) ?? 0))
    write.serve(({ reply, value: [key, entry] }) => {
      map.set(key, entry)
      reply.send(entry)
    })
    const worker = (left, random, writes) => {
      if (left === 0) return done.send(writes)
      const x = next(random)
      if (left % 10 === 0) call(write, [x % 512, x], () => worker(left - 1, x, writes + 1))
      else call(read, x % 512, () => worker(left - 1, x, writes))
    }
    for (let i = 0; i < 20; i++) worker(n, i * 31, 0)
    addUp(done, 20)
  },
  boundedbuffer({ n }) {
    const [place, buffer, done] = channels(3)
    for (let i = 0; i < 50; i++) place.send(0)
    const produce = (who, left) => {
      if (left > 0)
        place.receive(() => {
          buffer.send(who + left)
          produce(who, left - 1)
        })
    }
    const consume = (left, sum) => {
      if (left === 0) return done.send(sum)
      buffer.receive(item => {
        place.send(0)
        consume(left - 1, sum + item)
      })
    }
    for (let i = 0; i < 40; i++) {
      produce(i, n)
      consume(n, 0)
    }
    addUp(done, 40)
  },
  logisticmap({ n }) {
    const done = new Channel()
    for (let i = 0; i < 10; i++) {
      const rate = 3.46 + i * 0.0025
      const compute = new Channel()
      compute.serve(({ reply, value: x }) => reply.send(rate * x * (1 - x)))
      const series = (left, x) => (left === 0 ? done.send(Math.round(x * 1e6)) : call(compute, x, y => series(left - 1, y)))
      series(n, 0.5)
    }
    addUp(done, 10)
  },
  banking({ n }) {
    const accounts = channels(1000)
    const done = new Channel()
    for (const a of accounts) a.send(1000)
    const teller = new Channel()
    teller.serve(([left, random]) => {
      if (left === 0) return
      const from = accounts[random % 1000]
      const to = accounts[((random % 1000) + 1 + (Math.trunc(random / 67) % 999)) % 1000]
      join([from, to], ([a, b]) => {
        from.send(a - (left % 10))
        to.send(b + (left % 10))
        done.send(1)
      })
      teller.send([left - 1, next(random)])
    })
    teller.send([n, 1])
    addUp(done, n, () => {
      let sum = 0
      for (const a of accounts)
        a.receive(x => {
          sum += x
          print(sum)
        })
    })
  },
  fibonacci({ n }) {
    const fib = new Channel()
    fib.serve(({ reply, value }) => (value < 2 ? reply.send(value) : callAll(fib, [value - 1, value - 2], sum => reply.send(sum))))
    call(fib, n, print)
  },
  sieve({ n }) {
    const source = (out, k) => {
      if (k >= n) return out.send(null)
      const more = new Channel()
      out.send([k, more])
      const step = new Channel()
      step.receive(() => source(more, k + 2))
      step.send(0)
    }
    const filter = (prime, input, out) =>
      input.receive(item => {
        if (item === null) return out.send(null)
        const [k, rest] = item
        if (k % prime === 0) return filter(prime, rest, out)
        const more = new Channel()
        out.send([k, more])
        filter(prime, rest, more)
      })
    const sink = (input, count) =>
      input.receive(item => {
        if (item === null) return print(count)
        const filtered = new Channel()
        filter(item[0], item[1], filtered)
        sink(filtered, count + 1)
      })
    const first = new Channel()
    sink(first, 1)
    source(first, 3)
  },
  nqueens: ({ n }) => queens(n),
  'game-nqueens': ({ n }) => queens(n),
  skynet({ n }) {
    const tree = new Channel()
    tree.serve(({ reply, value: [number, size] }) => {
      if (size === 1) return reply.send(number)
      const part = size / 10
      callAll(
        tree,
        Array.from({ length: 10 }, (_, i) => [number + i * part, part]),
        sum => reply.send(sum),
      )
    })
    call(tree, [0, n], print)
  },
  'micro-linear'({ n }) {
    const c = new Channel()
    const loop = count => c.receive(x => (x === 0 ? print(count) : (c.send(x - 1), loop(count + 1))))
    loop(0)
    c.send(n)
  },
  'micro-persistent'({ n }) {
    const c = new Channel()
    c.serve(x => (x === 0 ? print('"done"') : c.send(x - 1)))
    c.send(n)
  },
  'micro-join2'({ n }) {
    const [a, b] = channels(2)
    join([a, b], ([x, y]) => (x === n ? print(x + y) : (a.send(x + 1), b.send(y + 1))), true)
    a.send(0)
    b.send(0)
  },
  'micro-spawn'({ n }) {
    const loop = new Channel()
    const child = new Channel()
    child.serve(x => x === 0 && loop.send(1))
    loop.serve(left => {
      if (left === 0) return print('"done"')
      loop.send(left - 1)
      for (let i = 0; i < 10; i++) child.send(left)
    })
    loop.send(n)
  },
}

const now = () => Number(process.hrtime.bigint()) / 1e6

function once(job, sizes) {
  printed = ''
  const start = now()
  job(sizes)
  run()
  return now() - start
}

const [id, sizes, ms] = process.argv.slice(2)
if (sizes === undefined) console.log(JSON.stringify(Object.keys(JOBS)))
else {
  const cold = once(JOBS[id], JSON.parse(sizes))
  const answer = printed
  const samples = []
  for (const end = now() + Number(ms); samples.length < 2 || (now() < end && samples.length < 1000); ) samples.push(once(JOBS[id], JSON.parse(sizes)))
  console.log(JSON.stringify({ cold, ms: samples, answer: answer === printed ? answer : `${answer}, then ${printed}` }))
}
