import { expect, it } from 'vitest'
import { readSequence, verify } from '../../bytecode/index.ts'
import { compile } from '../../src/compile/compile.ts'
import { termOf } from '../normal/program.ts'

it.each([
  'new x(`rho:io:stdout`) in { x!(`rho:io:stdout`) }',
  'if (`rho:io:stdout` == 1) { Nil } else { new x(`rho:io:stdout`) in { x!("length".length()) } }',
])('a text that is used in two ways is one constant: %s', text => {
  const { image } = compile(termOf(text))
  expect(verify(image)).toBeUndefined()
  const { constants } = readSequence(image, 3)
  const values = constants.map(c => JSON.stringify(c, (_, v) => (typeof v === 'bigint' ? String(v) : v)))
  expect(new Set(values).size).toBe(values.length)
})
