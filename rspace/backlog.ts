/** What lies behind the oldest data of a long channel: refs and values alone, in blocks, until it is their turn. */
import type { Ref } from './api.ts'

const BLOCK = 1024

class Block {
  readonly refs: Ref[] = new Array(BLOCK)
  readonly values: unknown[] = new Array(BLOCK)
  next: Block | null = null
}

/** A queue. Records that the host's collector moves twice and then keeps cost four times what these do. */
export class Backlog<V> {
  count = 0
  private head = new Block()
  private start = 0
  private tail: Block
  private end = 0
  /** Emptied, to be the next tail: of a queue that neither grows nor shrinks the host's collector has nothing to move. */
  private spare: Block | null = null
  constructor() {
    this.tail = this.head
  }
  push(ref: Ref, value: V): void {
    let { tail } = this
    if (this.end === BLOCK) {
      tail = tail.next = this.tail = this.spare ?? new Block()
      this.spare = null
      this.end = 0
    }
    tail.refs[this.end] = ref
    tail.values[this.end++] = value
    this.count++
  }
  /** Ref of the oldest; there must be one. */
  get ref(): Ref {
    return this.head.refs[this.start]
  }
  get value(): V {
    return this.head.values[this.start] as V
  }
  /** The oldest leaves; its value. */
  shift(): V {
    const { head } = this
    const value = head.values[this.start] as V
    head.values[this.start++] = undefined
    this.count--
    if (this.start === BLOCK && head.next !== null) {
      this.head = head.next
      this.start = 0
      head.next = null
      this.spare = head
    } else if (this.count === 0) this.start = this.end = 0
    return value
  }
}
