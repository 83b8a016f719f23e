import { describe, expect, it } from 'vitest'
import { Sources } from '../../src/base/source.ts'
import { collect } from '../support/collect.ts'

describe('a position', () => {
  const sources = new Sources()
  const first = sources.add('first.rho', 'a🍄b\n\tc🍄🍄d\r\n')
  const second = sources.add('second.rho', 'x')
  const place = (position: number) => {
    const p = sources.place(position)
    return p === undefined ? undefined : `${p.file}:${p.line}:${p.column}`
  }

  it('is a line and a column, both from 1, in code points', () => {
    expect(place(first.base)).toBe('first.rho:1:1')
    expect(place(first.base + 3)).toBe('first.rho:1:3')
    expect(place(first.base + first.text.indexOf('d'))).toBe('first.rho:2:5')
  })

  it('is the same in whatever order it is asked for', () => {
    const all = Array.from(first.text, (_, i) => first.base + i)
    const forth = all.map(place)
    expect([...all].reverse().map(place).reverse()).toEqual(forth)
  })

  it('one past the end belongs to the file: where input ends has a place', () => {
    expect(place(second.base + 1)).toBe('second.rho:1:2')
    expect(place(first.base + first.text.length)).toBe('first.rho:3:1')
  })

  it('outside all files has none', () => {
    expect(place(-1)).toBeUndefined()
    expect(place(second.base + 2)).toBeUndefined()
  })

  it('in a line of megabytes is found without counting from its start each time', () => {
    const long = sources.add('long.rho', `🍄${'x'.repeat(2_000_000)}`)
    let sum = 0
    for (let i = 2; i < 2_000_000; i += 20) sum += sources.place(long.base + i)!.column
    expect(sum).toBe((100_000 / 2) * (2 + 1_999_982))
  })
})

describe('a text that is no longer wanted', () => {
  const sources = new Sources()
  const kept = sources.add('kept.rho', 'a\nb')

  it('has no places once it is forgotten, and nobody gets its positions', () => {
    const file = sources.add('gone.rho', 'c\nd')
    expect(sources.place(file.base + 2)).toEqual({ file: 'gone.rho', line: 2, column: 1 })
    sources.forget(file)
    sources.forget(file)
    expect([sources.fileAt(file.base), sources.place(file.base + 2)]).toEqual([undefined, undefined])
    const next = sources.add('next.rho', 'e')
    expect(next.base).toBeGreaterThan(file.base + file.text.length)
    expect([sources.place(kept.base + 2)?.line, sources.fileAt(next.base)]).toEqual([2, next])
    sources.forget({ name: 'not.rho', text: 'e', base: next.base })
    expect(sources.count).toBe(2)
  })

  it('has places as long as somebody holds it once it is released', async () => {
    const positions: number[] = []
    for (let i = 0; i < 1000; i++) {
      const file = sources.add(`${i}.rho`, 'x')
      positions.push(file.base)
      sources.release(file)
    }
    const held = sources.add('held.rho', 'x')
    sources.release(held)
    await collect()
    expect(positions.filter(p => sources.place(p) !== undefined).length).toBeLessThan(10)
    expect(sources.count).toBeLessThan(20)
    expect([sources.fileAt(held.base), sources.fileAt(kept.base)]).toEqual([held, kept])
  })
})
