// Fibonacci numbers, one task a call.
import { Channel, go, run } from './channel-generators.mjs'

function* fib(out, n) {
  if (n < 2) {
    out.send(n)
    return
  }
  const parts = new Channel()
  go(fib(parts, n - 1))
  go(fib(parts, n - 2))
  const x = yield parts
  const y = yield parts
  out.send(x + y)
}

function* main() {
  const answer = new Channel()
  go(fib(answer, Number(process.argv[2])))
  console.log(yield answer)
}

go(main())
run()
