// Async functions that end at once, ten at a time.
const n = Number(process.argv[2])

async function child() {}

async function loop() {
  for (let left = n; left > 0; left -= 10) {
    for (let k = 0; k < 10; k++) child()
    await null
  }
  console.log(n)
}

loop()
