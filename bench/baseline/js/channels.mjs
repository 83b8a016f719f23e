// Channels in plain JavaScript, as one writes them for a single program: a queue of values or of callbacks for each, one list of what can run.
// `send` never waits; `receive` takes one value, `serve` every value, `join` one of each of several channels at once.

class Queue {
  constructor() {
    this.items = []
    this.head = 0
  }

  get length() {
    return this.items.length - this.head
  }

  push(item) {
    this.items.push(item)
  }

  shift() {
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head >= 32 && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }
}

/** Calls that are due: a function and its value, the newest first. */
const ready = []

export class Channel {
  constructor() {
    this.values = null
    this.waiting = null
    this.server = null
    this.joins = null
  }

  send(value) {
    if (this.server !== null) ready.push(this.server, value)
    else if (this.waiting !== null && this.waiting.length > 0) ready.push(this.waiting.shift(), value)
    else {
      this.values ??= new Queue()
      this.values.push(value)
      if (this.joins !== null) for (const j of this.joins) if (j.fire()) return
    }
  }

  receive(callback) {
    if (this.values !== null && this.values.length > 0) ready.push(callback, this.values.shift())
    else {
      this.waiting ??= new Queue()
      this.waiting.push(callback)
    }
  }

  serve(callback) {
    while (this.values !== null && this.values.length > 0) ready.push(callback, this.values.shift())
    this.server = callback
  }
}

class Join {
  constructor(channels, callback, stays) {
    this.channels = channels
    this.callback = callback
    this.stays = stays
  }

  fire() {
    for (const c of this.channels) if (c.values === null || c.values.length === 0) return false
    ready.push(
      this.callback,
      this.channels.map(c => c.values.shift()),
    )
    if (!this.stays) for (const c of this.channels) c.joins.delete(this)
    return true
  }
}

/** The callback gets a list with one value of each channel. With `stays` again and again. */
export function join(channels, callback, stays = false) {
  const j = new Join(channels, callback, stays)
  for (const c of channels) {
    c.joins ??= new Set()
    c.joins.add(j)
  }
  while (j.fire() && stays);
}

/** Until nothing can run. */
export function run() {
  while (ready.length > 0) {
    const value = ready.pop()
    ready.pop()(value)
  }
}
