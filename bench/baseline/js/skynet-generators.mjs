// A tree of tasks, ten children each, that adds up its leaves.
import { Channel, go, run } from './channel-generators.mjs'

function* skynet(out, number, size) {
  if (size === 1) {
    out.send(number)
    return
  }
  const step = size / 10
  const children = new Channel()
  for (let i = 0; i < 10; i++) go(skynet(children, number + i * step, step))
  let sum = 0
  for (let i = 0; i < 10; i++) sum += yield children
  out.send(sum)
}

function* main() {
  const total = new Channel()
  go(skynet(total, 0, Number(process.argv[2])))
  console.log(yield total)
}

go(main())
run()
