/** Dining philosophers. A join takes both forks in one step or waits without holding one, so nobody can starve holding a fork. */
import { _, memory } from '../../rspace/index.ts'

const NAMES = ['Plato', 'Hypatia', 'Kant', 'Arendt', 'Spinoza']
const MEALS = 3

const table = memory()
NAMES.forEach((_name, seat) => {
  table.produce(`fork ${seat}`, 'clean')
})

let eating = 0
let together = 0
async function dine(name: string, seat: number): Promise<string> {
  const forks = [`fork ${seat}`, `fork ${(seat + 1) % NAMES.length}`]
  for (let meal = 0; meal < MEALS; meal++) {
    await table.takeJoin(forks.map(channel => ({ channel, pattern: _ })))
    together = Math.max(together, ++eating)
    await new Promise(resolve => setTimeout(resolve, 2))
    eating--
    // Both forks come back in one step: a neighbour never sees only one of them.
    table.atomic(tx => {
      for (const fork of forks) tx.produce(fork, 'used')
    })
  }
  return `${name} has eaten ${MEALS} times`
}

for (const line of await Promise.all(NAMES.map(dine))) console.log(line)
console.log(
  `at most ${together} ate at the same time; ${NAMES.filter((_n, i) => table.count(`fork ${i}`, 'used') === 1).length} forks lie on the table`,
)
await table.close()
