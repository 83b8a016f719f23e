import { describe, expect, it } from 'vitest'
import { lintAt } from '../../src/base/diagnostic.ts'
import { codeFrame, headline, renderDiagnostics, renderFinding } from '../../src/base/render.ts'
import { Sources } from '../../src/base/source.ts'

/** A text in which `«…»` marks the place that is talked about. */
function marked(text: string) {
  const start = text.indexOf('«')
  const end = text.indexOf('»') - 1
  const sources = new Sources()
  const file = sources.add('till.rho', text.replace('«', '').replace('»', ''))
  return { sources, start: file.base + start, end: file.base + end, options: { sources, color: false } }
}
const frame = (text: string) => {
  const m = marked(text)
  return codeFrame(m.start, m.end, m.options)
}

describe('a finding', () => {
  it('names code, message, place and hint, and underlines the place', () => {
    const { start, end, options } = marked('new x in {\n  @0!(«y»)\n}')
    expect(
      renderFinding({ severity: 'error', code: 'RHO201', message: '`y` is not bound', hint: 'did you mean `x`?', start, end }, options),
    ).toBe(
      ['error RHO201: `y` is not bound', '  at till.rho:2:7', '  2 |   @0!(y)', '    |       ^', '  hint: did you mean `x`?', ''].join(
        '\n',
      ),
    )
  })

  it('without source has no frame', () => {
    const text = renderFinding(
      { severity: 'error', code: 'RHO505', message: 'division by zero', hint: '', start: -1, end: -1 },
      { sources: new Sources(), color: false },
    )
    expect(text).toBe('error RHO505: division by zero\n')
  })

  it('is coloured only on request', () => {
    const { sources, start, end } = marked('«x»')
    const show = (color: boolean) =>
      renderFinding({ severity: 'error', code: 'RHO201', message: 'm', hint: 'h', start, end }, { sources, color })
    expect(show(false)).not.toContain('\u001b')
    expect(show(true)).toContain('\u001b[')
  })

  it('never lets a program write to the terminal of the reader', () => {
    const { start, end, options } = marked('«"\u001b[2J\u0007"»')
    expect(
      renderFinding({ severity: 'error', code: 'RHO101', message: 'bad \u001b[31m', hint: '\u009b', start, end }, options),
    ).not.toMatch(/[\u001b\u0007\u009b]/)
  })
})

describe('the code frame', () => {
  it('underlines every character of the place', () => expect(frame('ab«cde»f')).toEqual(['  1 | abcdef', '    |   ^^^']))
  it('keeps tabs so that the marks stay below', () => expect(frame('\tx «y»')[1]).toBe('    | \t  ^'))
  it('counts characters, not code units', () => expect(frame('"🍄" «yy»')[1]).toBe('    |     ^^'))
  it('underlines the first line of a place of several lines', () => expect(frame('a «bc\nd» e')).toEqual(['  1 | a bc', '    |   ^^']))
  it('marks the end of the text', () => expect(frame('x!(«»')).toEqual(['  1 | x!(', '    |    ^']))
  it('of a very long line shows the part around the place', () => {
    const [line, marks] = frame(`${'a'.repeat(5000)}«bcd»${'e'.repeat(5000)}`)
    expect(line.length).toBeLessThan(140)
    expect(line.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1)).toBe('bcd')
  })
})

describe('many findings', () => {
  it('come in order of position, and only so many in full', () => {
    const { sources, start, end } = marked('«x»')
    const found = Array.from({ length: 60 }, (_, i) => lintAt('L01', start, end, `number ${i}`))
    const text = renderDiagnostics(found, { sources, color: false })
    expect(text).toContain('number 49')
    expect(text).not.toContain('number 50')
    expect(text).toContain('… and 10 more')
  })
})

describe('the headline of a construct', () => {
  const head = (text: string) => {
    const m = marked(text)
    return headline(m.sources, m.start, m.end)
  }
  it('ends before the body', () => {
    expect(head('«for (@x <- till) { @0!(x) }»')).toBe('for (@x <- till)')
    expect(head('«contract f(r, @{a}) = { Nil }»')).toBe('contract f(r, @{a})')
    expect(head('«new a, b(`rho:io:stdout`) in { Nil }»')).toBe('new a, b(`rho:io:stdout`)')
    expect(head('«if (x > 1) { Nil } else { Nil }»')).toBe('if (x > 1)')
    expect(head('«select { x <- c => Nil }»')).toBe('select')
  })
  it('of a later receipt shows that others come before it', () => {
    expect(head('for (x <- a; «@{y} <- b) { Nil }»')).toBe('for (…; @{y} <- b)')
    expect(head('for (x <- a; «"a)" <- b & z <- @{x}) { y!(")") }»')).toBe('for (…; "a)" <- b & z <- @{x})')
  })
  it('is one line without comments', () => expect(head('«for (@x <- // here\n   till) { Nil }»')).toBe('for (@x <- till)'))
  it('of a send is the send', () => expect(head('«till!(5, "a  b")»')).toBe('till!(5, "a b")'))
  it('is cut when it is long', () => expect(head(`«c!("${'x'.repeat(200)}")»`)).toHaveLength(48))
})
