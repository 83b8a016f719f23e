// Fibonacci numbers, one async function a call.
import { Channel } from './channel-promises.mjs'

async function fib(out, n) {
  if (n < 2) {
    out.send(n)
    return
  }
  const parts = new Channel()
  fib(parts, n - 1)
  fib(parts, n - 2)
  const x = await parts.receive()
  const y = await parts.receive()
  out.send(x + y)
}

const answer = new Channel()
fib(answer, Number(process.argv[2]))
console.log(await answer.receive())
