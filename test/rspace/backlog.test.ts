import { describe, expect, it } from 'vitest'
import { Backlog } from '../../rspace/backlog.ts'

describe('a backlog', () => {
  // Blocks have 1,024 places: lengths about one block, several, and back to none.
  it.each([1, 1023, 1024, 1025, 5000])('gives back what came first, when it grows to %i and shrinks again', most => {
    const backlog = new Backlog<string>()
    const model: number[] = []
    const wrong: number[] = []
    let next = 0
    const push = (): void => {
      backlog.push(next, `value ${next}`)
      model.push(next++)
    }
    const shift = (): void => {
      const ref = model.shift() as number
      const value = `value ${ref}`
      if (backlog.ref !== ref || backlog.value !== value || backlog.shift() !== value) wrong.push(ref)
    }
    for (let round = 0; round < 3; round++) {
      while (model.length < most) push()
      // As many come as go, for some blocks.
      for (let i = 0; i < 2500; i++) {
        shift()
        push()
      }
      expect(backlog.count).toBe(most)
      while (model.length > 0) shift()
      expect(backlog.count).toBe(0)
    }
    expect(wrong).toEqual([])
  })
})
