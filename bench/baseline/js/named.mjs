// Channels that have names: a table from each name to its queue of values and its queue of receives. A receive asks for values whose field `to` is
// the one it was made with, and its callback gets the field `token`. A token goes round 503 of them, each of which waits again after every hop.
// Prints nanoseconds of processor time a hop, warm.

class Channel {
  constructor() {
    this.values = []
    this.receives = []
  }
}

class Receive {
  constructor(to, callback) {
    this.to = to
    this.callback = callback
  }
}

let channels = new Map()
const ready = []

function channelOf(name) {
  let channel = channels.get(name)
  if (channel === undefined) {
    channel = new Channel()
    channels.set(name, channel)
  }
  return channel
}

/** The oldest receive that the value fits gets it; otherwise it waits. */
function send(name, value) {
  const channel = channelOf(name)
  const { receives } = channel
  for (let i = 0; i < receives.length; i++) {
    if (receives[i].to !== value.to) continue
    const { callback } = receives[i]
    if (i === 0) receives.shift()
    else receives.splice(i, 1)
    ready.push(callback, value.token)
    return
  }
  channel.values.push(value)
}

/** Takes the oldest value that fits, or waits for one. */
function receive(name, to, callback) {
  const channel = channelOf(name)
  const { values } = channel
  for (let i = 0; i < values.length; i++) {
    if (values[i].to !== to) continue
    ready.push(callback, values[i].token)
    if (i === 0) values.shift()
    else values.splice(i, 1)
    return
  }
  channel.receives.push(new Receive(to, callback))
}

function run() {
  while (ready.length > 0) {
    const value = ready.pop()
    ready.pop()(value)
  }
}

const names = Array.from({ length: 503 }, (_, i) => `node ${i}`)

function ring(hops) {
  channels = new Map()
  let last = 0
  for (let i = 0; i < 503; i++) {
    const next = (i + 1) % 503
    const hop = token => {
      if (token === 0) {
        last = i + 1
        return
      }
      receive(names[i], i, hop)
      send(names[next], { to: next, token: token - 1 })
    }
    receive(names[i], i, hop)
  }
  send(names[0], { to: 0, token: hops })
  run()
  if (last !== (hops % 503) + 1) throw new Error(`the token ended at ${last}`)
}

const hops = Number(process.argv[2])
const times = []
ring(hops)
for (let i = 0; i < 5; i++) {
  const start = process.cpuUsage()
  ring(hops)
  const { user, system } = process.cpuUsage(start)
  times.push(((user + system) * 1000) / hops)
}
console.log(JSON.stringify({ nsEach: times.sort((a, b) => a - b)[2] }))
