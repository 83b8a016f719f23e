// Two producers; a third async function takes one value from each and lets them go on.
import { Channel } from './channel-promises.mjs'

const n = Number(process.argv[2])
const left = new Channel()
const right = new Channel()
const goLeft = new Channel()
const goRight = new Channel()

async function producer(out, again) {
  for (;;) out.send(await again.receive())
}

async function joiner() {
  for (;;) {
    const x = await left.receive()
    const y = await right.receive()
    if (x === n) {
      console.log(x + y)
      return
    }
    goLeft.send(x + 1)
    goRight.send(y + 1)
  }
}

producer(left, goLeft)
producer(right, goRight)
joiner()
goLeft.send(0)
goRight.send(0)
