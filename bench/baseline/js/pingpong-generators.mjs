// Two tasks and one ball.
import { Channel, go, run } from './channel-generators.mjs'

const n = Number(process.argv[2])
const ping = new Channel()
const pong = new Channel()

function* player(id, mine, other) {
  for (;;) {
    const left = yield mine
    if (left === 0) {
      console.log(id)
      return
    }
    other.send(left - 1)
  }
}

go(player(0, ping, pong))
go(player(1, pong, ping))
ping.send(n)
run()
