// A task that owns a number, and a client that waits for every answer.
import { Channel, go, run } from './channel-generators.mjs'

const n = Number(process.argv[2])
const requests = new Channel()

function* counter() {
  let value = 0
  for (;;) {
    const reply = yield requests
    reply.send(++value)
  }
}

function* client() {
  const reply = new Channel()
  let value = 0
  while (value < n) {
    requests.send(reply)
    value = yield reply
  }
  console.log(value)
}

go(counter())
go(client())
run()
