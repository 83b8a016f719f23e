// An async function that owns a number, and a client that waits for every answer.
import { Channel } from './channel-promises.mjs'

const n = Number(process.argv[2])
const requests = new Channel()

async function counter() {
  let value = 0
  for (;;) {
    const reply = await requests.receive()
    reply.send(++value)
  }
}

async function client() {
  const reply = new Channel()
  let value = 0
  while (value < n) {
    requests.send(reply)
    value = await reply.receive()
  }
  console.log(value)
}

counter()
client()
