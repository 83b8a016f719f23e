import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const tests = dirname(dirname(fileURLToPath(import.meta.url)))

/** The texts of all conformance programs without their directives: what gets spoiled. */
export function corpus(): string[] {
  return ['errors', 'expressions', 'patterns', 'processes', 'programs'].flatMap(folder =>
    readdirSync(join(tests, 'conformance', folder))
      .filter(name => name.endsWith('.rho'))
      .sort()
      .map(name => readFileSync(join(tests, 'conformance', folder, name), 'utf8').replace(/^\/\/ [a-z-]+:.*\n/gm, '')),
  )
}
