import { describe, expect, it } from 'vitest'
import { verify } from '../../bytecode/index.ts'
import { compile } from '../../src/compile/compile.ts'
import { decodeOpen } from '../../src/compile/decode.ts'
import { equal } from '../../src/normal/order.ts'
import { show } from '../../src/normal/print.ts'
import { format } from '../../src/syntax/format.ts'
import { DEEP, DEPTH } from './deep.ts'
import { read } from './laws.ts'

describe(`a program of ${DEPTH} levels is read, formatted, printed, encoded and decoded`, () => {
  for (const [what, text] of Object.entries(DEEP))
    it(what, () => {
      const { term, errors } = read(text)
      expect(errors).toEqual([])
      expect(equal(read(show(term)).term, term)).toBe(true)
      expect(equal(read(format(text)).term, term)).toBe(true)
      const { image } = compile(term)
      expect(verify(image)).toBeUndefined()
      expect(equal(decodeOpen(image), term)).toBe(true)
    })
})
