// Tasks that end at once, ten at a time.
import { Channel, go, run } from './channel-generators.mjs'

const n = Number(process.argv[2])
const next = new Channel()

// biome-ignore lint/correctness/useYield: a process that never waits
function* child() {}

function* loop() {
  for (let left = n; left > 0; left -= 10) {
    for (let k = 0; k < 10; k++) go(child())
    next.send(left)
    yield next
  }
  console.log(n)
}

go(loop())
run()
