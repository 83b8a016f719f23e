import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'acorn'

/** Source texts of a wanted size, for measuring compilers. */

/** One component for each kind of thing that programs are made of; `i` keeps them different from each other. */
const COMPONENTS: readonly ((i: number) => string)[] = [
  i => `// Account ${i}: whoever takes the balance holds the lock.
contract @"deposit ${i}"(return, @amount) = {
  for (@balance <- @"balance ${i}") {
    @"balance ${i}"!(balance + amount * ${(i % 7) + 1} - ${i % 13}) | return!(balance)
  }
}`,
  i => `// Order ${i}, as data.
@"orders"!({"id" : ${i}, "items" : ["a${i % 10}", "b", (${i % 100}, "pieces")], "open" : true, "tags" : Set("new", ${i % 5})})`,
  i => `for (@x, @y <- @"points ${i % 50}" & @z <- @"heights ${i % 50}") {
  if (x * x + y * y < z * ${i}) { @"inside"!((x, y, z)) } else { @"outside"!([x - y, (x + ${i}) % 17]) }
}`,
  i => `new reply, log in { // asks once, and writes down what came
  @"service ${i % 20}"!(*reply, ${i}, "request ${i}") |
  for (@{"status" : status, "body" : body ...rest} <- reply) {
    match status {
      200 => { log!(body, rest) }
      code where code > ${400 + (i % 100)} => { log!("failed", code) }
      _ => { Nil }
    }
  }
}`,
  i => `select {
  @v <- @"fast ${i % 30}" => { @"out"!(v, "fast") }
  @[first ...others] <- @"slow ${i % 30}" => { @"out"!(first + ${i}, others.length()) }
}`,
]

/** A program of about `bytes` bytes (never less): receives, sends, collections, arithmetic, comments; all components differ. */
export function generatedProgram(bytes: number): string {
  const parts: string[] = []
  let size = 0
  for (let i = 0; size < bytes; i++) {
    const text = COMPONENTS[i % COMPONENTS.length](i)
    parts.push(text)
    size += Buffer.byteLength(text) + 3
  }
  return parts.join(' |\n') + '\n'
}

/** All programs of a folder in parallel, once. */
export function folderProgram(folder: string): string {
  const files = readdirSync(folder)
    .filter(f => f.endsWith('.rho'))
    .sort()
  return files.map(f => `{\n${readFileSync(join(folder, f), 'utf8')}\n}`).join(' |\n')
}

/**
 * JavaScript of about `bytes` bytes (never less) from a real file: its statements with their comments, over and over.
 * @param library text of a script or module that declares with `var` and `function`
 */
export function javaScript(library: string, bytes: number): string {
  const program = parse(library, { ecmaVersion: 'latest', sourceType: 'module' })
  const statements: string[] = []
  let from = 0
  for (const node of program.body) {
    if (!/^(?:Import|Export)/.test(node.type)) statements.push(library.slice(from, node.end))
    from = node.end
  }
  const parts: string[] = []
  let size = 0
  for (let i = 0; size < bytes; i++) {
    const text = statements[i % statements.length]
    parts.push(text)
    size += Buffer.byteLength(text) + 1
  }
  return parts.join('\n')
}

/** Ways to nest `depth` levels deep. */
export const NESTINGS: Readonly<Record<string, (depth: number) => string>> = {
  lists: d => `@"x"!(${'['.repeat(d)}${']'.repeat(d)})\n`,
  sums: d => `@"x"!(${'(1 + '.repeat(d)}1${')'.repeat(d)})\n`,
  receives: d => `${'for (@x <- @"c") { '.repeat(d)}Nil${' }'.repeat(d)}\n`,
  names: d => `${'new a in { '.repeat(d)}a!(1)${' }'.repeat(d)}\n`,
}
