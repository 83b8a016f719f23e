import { describe, expect, it } from 'vitest'
import { runPrograms } from '../../src/cli/program.ts'

/** `CODE line:column` of every failure of a program. */
async function places(text: string, options: object = {}): Promise<string[]> {
  const { failures } = await runPrograms([{ name: 'p.rho', text }], options)
  return failures.map(f => `${f.code} ${f.line}:${f.column}`)
}

describe('a failure is reported where its code was written', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['when the code was taken apart before it ran', '@1!({@2!(1 / 0) | @3!(1)}) | for (@{p | @3!(1)} <- @1) { p }', 'RHO505 1:10'],
    ['when it is a method that stands alone', '@1!({@2!([1].nth(9))}) | for (@{@2!(x)} <- @1) { x }', 'RHO506 1:10'],
    ['when it is evaluated as part of a value', '@1!({@2!(1 + "a")}) | for (@{@2!(x)} <- @1) { @0!([x]) }', 'RHO511 1:10'],
    [
      'when it comes out of the body of a receive',
      '@1!({for (_ <- @9) { @2!(-"a") }}) | for (@{for (_ <- @9) { b }} <- @1) { b }',
      'RHO510 1:26',
    ],
    ['when what follows `...` is no list', 'match {} { z => { @0!([1 ...z]) } }', 'RHO503 1:29'],
    ['when what follows `...` is no set', 'match {} { z => { match Set(...z) { _ => Nil } } }', 'RHO503 1:32'],
    ['when what follows `...` is no map', 'match [] { z => { @0!({"a" : 1 ...z}) } }', 'RHO503 1:35'],
  ]
  it.each(cases)('%s', async (_, text, wanted) => {
    for (const options of [{}, { trick: 'literal' }, { opt: false }]) expect(await places(text, options)).toEqual([wanted])
  })
})
