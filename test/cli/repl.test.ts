import { beforeEach, describe, expect, it } from 'vitest'
import { isOpen, Repl } from '../../src/cli/repl.ts'
import { QuietHost } from '../../src/host/hosts.ts'

const files = new Map<string, string>()
const outside = {
  read(file: string): Uint8Array {
    const text = files.get(file)
    if (text === undefined) throw new Error(`cannot read \`${file}\``)
    return new TextEncoder().encode(text)
  },
  write: (file: string, text: string) => void files.set(file, text),
  disasm: (source: string) => `bytecode of ${source}\n`,
}
let repl: Repl
beforeEach(() => {
  files.clear()
  repl = new Repl({ virtualTime: true, host: new QuietHost() }, outside)
})
/** Types lines one after the other; what the last one showed. */
async function type(...lines: string[]): Promise<string> {
  let shown = ''
  for (const line of lines) shown = await repl.line(line)
  return shown
}

describe('an input', () => {
  it('runs to rest at once and shows what it printed', async () => {
    expect(await type('new out(`rho:io:stdout`) in { out!(1 + 2) }')).toBe('3\n')
  })

  it('meets what earlier inputs left', async () => {
    expect(await type('@"x"!(5)', 'new out(`rho:io:stdout`) in { for (@n <- @"x") { out!(n) } }')).toBe('5\n')
  })

  it('goes on over several lines while a bracket is open or `|` ends it', async () => {
    expect(await type('new out(`rho:io:stdout`) in {')).toBe('')
    expect(repl.prompt).toBe('...> ')
    expect(await type('out!("a") |', 'out!("a")', '}')).toBe('"a"\n"a"\n')
    expect(repl.prompt).toBe('rho> ')
  })

  it('ends with the last line even so', async () => {
    await type('@"x"!(1')
    expect(await repl.end()).toContain('RHO102')
    expect(await repl.end()).toBe('')
  })

  it('ends at an empty line even so, with the error it has', async () => {
    expect(await type('@"x"!(1', '')).toContain('RHO102')
    expect(repl.prompt).toBe('rho> ')
  })

  it('that runs for ever is stopped by an interrupt, and goes on later', async () => {
    const loop = repl.line('new out(`rho:io:stdout`), l in { contract l(@n) = { if (n % 100000 == 0) { out!(n) } | l!(n + 1) } | l!(0) }')
    setTimeout(() => expect(repl.interrupt()).toBe(true), 50)
    expect(await loop).toContain('interrupted: .queue shows what can run')
    expect(repl.interrupt()).toBe(false)
    expect(await type('.queue')).toContain('runnable')
    const on = repl.line('.run')
    setTimeout(() => repl.interrupt(), 50)
    expect(await on).toContain('interrupted')
    expect(await type('.reset', '.queue')).toBe('nothing can run\n')
  })

  it('that waits for a timer is stopped by an interrupt', async () => {
    repl = new Repl({ virtualTime: false, host: Object.assign(new QuietHost(), { after: () => {} }) }, outside)
    const waits = repl.line('new after(`rho:time:after`), done in { after!(10000000, *done) | for (_ <- done) { @"done"!() } }')
    setTimeout(() => repl.interrupt(), 20)
    expect(await waits).toContain('interrupted')
  })

  it('that prints for long shows it as it comes', async () => {
    let live = ''
    repl = new Repl({ virtualTime: true, host: new QuietHost() }, { ...outside, show: text => (live += text) !== '' })
    const loop = repl.line('1 | new out(`rho:io:stdout`), l in { contract l(@n) = { out!(n) | l!(n + 1) } | l!(0) }')
    while (!live.includes('\n0\n')) await new Promise(resolve => setTimeout(resolve, 20))
    repl.interrupt()
    const last = await loop
    expect(live).toMatch(/^warning L03/)
    expect(live).toContain('\n0\n1\n')
    expect(last).toContain('interrupted')
  })

  it('that prints for nobody ends the prompt', async () => {
    repl = new Repl({ virtualTime: true, host: new QuietHost() }, { ...outside, show: () => false })
    await type('new out(`rho:io:stdout`), l in { contract l(@n) = { out!(n) | l!(n + 1) } | l!(0) }')
    expect(repl.done).toBe(true)
  })

  it('with a mistake runs nothing', async () => {
    expect(await type('@"x"!(y) | @"x"!(1)')).toContain('RHO201')
    expect(await type('.space')).toBe('no messages on public names\n')
  })

  it('tells of machines that failed, once', async () => {
    expect(await type('@"x"!(1 / 0)')).toContain('RHO505')
    expect(await type('@"x"!(1)')).toBe('')
  })

  it('says that receives wait, .blocked says why', async () => {
    expect(await type('for (@x <- @"c") { Nil }')).toContain('1 waiting')
    expect(await type('.blocked @"c"')).toContain('nobody-sends')
    expect(await type('.blocked @"d"')).toBe('nothing waits on @"d"\n')
  })
})

describe('stepping', () => {
  it('starts a program before its first step and goes on step by step to rest', async () => {
    expect(await type('.step @"x"!(1) | for (@y <- @"x") { @"z"!(y) }')).toMatch(/^m:\d+ +runnable/)
    expect(await type('.space')).toBe('no messages on public names\n')
    expect(await type('.queue')).toMatch(/runnable/)
    expect(await type('.step', '.step', '.step', '.step', '.step')).toBe('at rest\n')
    expect(await type('.space')).toBe('@"z"!(1)\n')
    expect(await type('.queue')).toBe('nothing can run\n')
  })

  it('.run goes on to rest', async () => {
    await type('.step new out(`rho:io:stdout`) in { out!("now") }')
    expect(await type('.run')).toBe('"now"\n')
  })

  it('.ps lists what waits too', async () => {
    await type('for (@x <- @"c") { Nil }')
    expect(await type('.ps')).toMatch(/^m:\d+ +waits +<input 1>:1:1/)
  })
})

describe('commands', () => {
  it('are listed by .help', async () => {
    const help = await type('.help')
    for (const name of ['.step', '.queue', '.blocked', '.space', '.ps', '.load', '.save', '.disasm', '.quit']) expect(help).toContain(name)
  })

  it('that are misspelt get the nearest', async () => {
    expect(await type('.spcae')).toContain('did you mean `.space`?')
  })

  it('begin with a dot, whatever other prompts want', async () => {
    for (const other of [':help', ':q', 'help', 'exit', ' quit ']) expect(await type(other)).toContain('.quit leaves')
    expect(await type('new help in { help!(1) }')).toBe('')
  })

  it('take a name however it is written', async () => {
    await type('@{"x" | Nil}!(1)')
    for (const name of ['@"x"', '@{"x"}', '@{ Nil | "x" }']) expect(await type(`.space ${name}`)).toBe('@"x"!(1)\n')
    expect(await type('.space @"x')).toContain('this string is never closed')
  })

  it('.save writes what was typed as one program, .load runs a file', async () => {
    await type('@"x"!(1)', '@"y"!(2) // two', '.save both.rho', '.reset')
    expect(await type('.space')).toBe('no messages on public names\n')
    expect(await type('.load both.rho', '.space')).toBe('@"x"!(1)\n@"y"!(2)\n')
  })

  it('.load of a missing file says so and nothing else happens', async () => {
    expect(await type('.load none.rho')).toBe('cannot read `none.rho`\n')
  })

  it('.disasm takes a text, or the last input', async () => {
    expect(await type('@"x"!(1)', '.disasm')).toBe('bytecode of @"x"!(1)\n')
    expect(await type('.disasm Nil')).toBe('bytecode of Nil\n')
  })

  it('.quit leaves', async () => {
    await type('.quit')
    expect(repl.done).toBe(true)
  })
})

describe('completion', () => {
  it('knows commands, words, channels and URIs', async () => {
    await type('@"ledger"!(1) | new balance in { balance!(2) }')
    expect(repl.complete('.st')).toEqual([['.step'], '.st'])
    expect(repl.complete('new bal')[0]).toContain('balance')
    expect(repl.complete('for (x <- @"le')).toEqual([['@"ledger"'], '@"le'])
    expect(repl.complete('new o(`rho:io:stdo')[0]).toEqual(['`rho:io:stdout`', '`rho:io:stdoutAck`'])
    expect(repl.complete('sel')[0]).toEqual(['select'])
  })
})

describe('an open input', () => {
  it.each(['{', 'x!(', '[1,', 'a |', '"text', 'new x in', '/* comment', 'for (x <- c;'])('%s', text => expect(isOpen(text)).toBe(true))
  it.each(['{}', 'x!("{")', '// {', '/* { */ Nil', '"a\\"" ++ "b"', 'Nil', 'new x(`a{`) in { }', 'f!(x + }', '[1)'])('not %s', text =>
    expect(isOpen(text)).toBe(false),
  )
})
