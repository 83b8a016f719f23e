// Channels for async functions: `await channel.receive()`, `channel.send(value)` never waits. One waits on a channel at a time.

export class Channel {
  constructor() {
    this.waiting = null
    this.values = null
    this.head = 0
  }

  send(value) {
    const resolve = this.waiting
    if (resolve !== null) {
      this.waiting = null
      resolve(value)
    } else {
      this.values ??= []
      this.values.push(value)
    }
  }

  receive() {
    const values = this.values
    if (values !== null && this.head < values.length) {
      const value = values[this.head++]
      if (this.head === values.length) {
        values.length = 0
        this.head = 0
      }
      return Promise.resolve(value)
    }
    return new Promise(resolve => {
      this.waiting = resolve
    })
  }
}
