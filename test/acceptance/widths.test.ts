import { describe, expect, it } from 'vitest'
import { disasm } from '../../bytecode/disasm.ts'
import { members } from '../../bytecode/image.ts'
import { compileIn, LONG, open } from './support.ts'

describe('T10 width is bounded by memory only', () => {
  const WIDTHS = [127, 128, 129, 255, 256, 257, 10_000, 65_537, ...(LONG ? [32_767, 32_768, 65_536] : [])]
  for (const width of WIDTHS) {
    it(`${width} components compile, list and run; the work is in proportion`, () => {
      const text = Array.from({ length: width }, (_, i) => `@${i % 1000}!(${i})`).join(' | ')
      const running = open({ maxNesting: 1_000_000 })
      const program = compileIn(running.session, text)
      expect(members(program.image).reduce((n, m) => n + m.multiplicity, 0)).toBe(width)
      expect(disasm(program.image).match(/SEND/g)).toHaveLength(members(program.image).length)
      running.session.deploy(program)
      while (running.session.run() === 'budget');
      const { steps, machines, produced } = running.session.stats()
      expect({ steps, machines, produced }).toEqual({ steps: width, machines: width, produced: width })
      // Words per component: equal components but for their numbers, so the same for every width.
      expect(program.image.length).toBe(1 + width * 22)
    })
  }
})
