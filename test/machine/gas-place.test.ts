import { expect, it } from 'vitest'
import { runPrograms } from '../../src/cli/program.ts'

it('a message that is printed for ever uses up the gas at the send', async () => {
  const text = 'new o(`rho:io:stdout`) in {\n  o!!(1)\n}'
  const { failures, status } = await runPrograms([{ name: 'x', text }], { gas: 10_000 })
  expect(status).toBe('limit')
  expect(failures).toMatchObject([{ code: 'RHO601', line: 2, column: 3 }])
})
