import { expect, it } from 'vitest'
import { asm, disasm, verify } from '../../bytecode/index.ts'
import { compile } from '../../src/compile/compile.ts'
import { termOf } from '../normal/program.ts'

it('a `new` of any number of names takes several instructions and verifies', () => {
  for (const count of [255, 256, 5_000, 70_000]) {
    const names = Array.from({ length: count }, (_, i) => `x${i}`)
    const { image } = compile(termOf(`new ${names.join(', ')} in { x0!(*x${count - 1}) }`))
    expect(verify(image)).toBeUndefined()
    const again = asm(disasm(image))
    expect('image' in again && again.image).toEqual(image)
  }
})
