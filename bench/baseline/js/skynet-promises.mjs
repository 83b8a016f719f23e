// A tree of async functions, ten children each, that adds up its leaves.
import { Channel } from './channel-promises.mjs'

async function skynet(out, number, size) {
  if (size === 1) {
    out.send(number)
    return
  }
  const step = size / 10
  const children = new Channel()
  for (let i = 0; i < 10; i++) skynet(children, number + i * step, step)
  let sum = 0
  for (let i = 0; i < 10; i++) sum += await children.receive()
  out.send(sum)
}

const total = new Channel()
skynet(total, 0, Number(process.argv[2]))
console.log(await total.receive())
