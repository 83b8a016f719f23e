// Channels for generators: `const value = yield channel` receives, `channel.send(value)` never waits.
// One queue of tasks, oldest first; a task runs until it has to wait.

class Fifo {
  constructor() {
    this.items = []
    this.head = 0
  }

  get empty() {
    return this.head === this.items.length
  }

  push(item) {
    this.items.push(item)
  }

  shift() {
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head === this.items.length) {
      this.items.length = 0
      this.head = 0
    } else if (this.head > 4096 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }
}

const runnable = new Fifo()

class Task {
  constructor(generator) {
    this.generator = generator
    this.value = undefined
  }
}

export class Channel {
  constructor() {
    this.waiting = null
    this.values = null
  }

  send(value) {
    const task = this.waiting
    if (task !== null) {
      this.waiting = null
      task.value = value
      runnable.push(task)
    } else {
      this.values ??= new Fifo()
      this.values.push(value)
    }
  }
}

/** Start a process. One process waits on a channel at a time. */
export function go(generator) {
  runnable.push(new Task(generator))
}

/** Run until nobody can go on. */
export function run() {
  while (!runnable.empty) {
    const task = runnable.shift()
    let value = task.value
    for (;;) {
      const step = task.generator.next(value)
      if (step.done) break
      const channel = step.value
      if (channel.values === null || channel.values.empty) {
        channel.waiting = task
        break
      }
      value = channel.values.shift()
    }
  }
}
