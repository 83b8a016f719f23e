// A token round 503 async functions.
import { Channel } from './channel-promises.mjs'

const n = Number(process.argv[2])
const channels = Array.from({ length: 503 }, () => new Channel())

async function node(id, here, next) {
  for (;;) {
    const token = await here.receive()
    if (token === 0) {
      console.log(id)
      return
    }
    next.send(token - 1)
  }
}

channels.forEach((here, i) => node(i + 1, here, channels[(i + 1) % 503]))
channels[0].send(n)
