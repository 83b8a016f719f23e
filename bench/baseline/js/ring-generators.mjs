// A token round 503 tasks.
import { Channel, go, run } from './channel-generators.mjs'

const n = Number(process.argv[2])
const channels = Array.from({ length: 503 }, () => new Channel())

function* node(id, here, next) {
  for (;;) {
    const token = yield here
    if (token === 0) {
      console.log(id)
      return
    }
    next.send(token - 1)
  }
}

channels.forEach((here, i) => go(node(i + 1, here, channels[(i + 1) % 503])))
channels[0].send(n)
run()
