// Channels whose receives are closures: `receive(channel, callback)` waits for one value, `send(channel, value)` never waits.
// A token goes round 503 of them, each of which waits again after every hop. Prints nanoseconds of processor time a hop, warm.

class Channel {
  constructor() {
    this.values = []
    this.callbacks = []
  }
}

const ready = []

function send(channel, value) {
  const callback = channel.callbacks.shift()
  if (callback === undefined) channel.values.push(value)
  else ready.push(callback, value)
}

function receive(channel, callback) {
  if (channel.values.length === 0) channel.callbacks.push(callback)
  else ready.push(callback, channel.values.shift())
}

function run() {
  while (ready.length > 0) {
    const value = ready.pop()
    ready.pop()(value)
  }
}

function ring(hops) {
  const channels = Array.from({ length: 503 }, () => new Channel())
  let last = 0
  channels.forEach((here, i) => {
    const next = channels[(i + 1) % 503]
    const hop = token => {
      if (token === 0) {
        last = i + 1
        return
      }
      receive(here, hop)
      send(next, token - 1)
    }
    receive(here, hop)
  })
  send(channels[0], hops)
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
