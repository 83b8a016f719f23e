// Two producers; a third task takes one value from each and lets them go on.
import { Channel, go, run } from './channel-generators.mjs'

const n = Number(process.argv[2])
const left = new Channel()
const right = new Channel()
const goLeft = new Channel()
const goRight = new Channel()

function* producer(out, again) {
  for (;;) out.send(yield again)
}

function* joiner() {
  for (;;) {
    const x = yield left
    const y = yield right
    if (x === n) {
      console.log(x + y)
      return
    }
    goLeft.send(x + 1)
    goRight.send(y + 1)
  }
}

go(producer(left, goLeft))
go(producer(right, goRight))
go(joiner())
goLeft.send(0)
goRight.send(0)
run()
