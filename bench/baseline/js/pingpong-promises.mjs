// Two async functions and one ball.
import { Channel } from './channel-promises.mjs'

const n = Number(process.argv[2])
const ping = new Channel()
const pong = new Channel()

async function player(id, mine, other) {
  for (;;) {
    const left = await mine.receive()
    if (left === 0) {
      console.log(id)
      return
    }
    other.send(left - 1)
  }
}

player(0, ping, pong)
player(1, pong, ping)
ping.send(n)
