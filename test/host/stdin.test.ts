import { describe, expect, it } from 'vitest'
import { type Answer, type ByteStream, LineReader, ScriptedLines } from '../../src/host/stdin.ts'

class FakeInput implements ByteStream {
  opened = 0
  flowing = false
  private readonly listeners: { event: string; run: (chunk: Uint8Array) => void }[] = []
  on(event: string, run: (chunk: Uint8Array) => void): void {
    this.listeners.push({ event, run })
  }
  resume(): void {
    this.flowing = true
  }
  pause(): void {
    this.flowing = false
  }
  emit(event: string, bytes: Uint8Array = new Uint8Array()): void {
    for (const l of this.listeners) if (l.event === event) l.run(bytes)
  }
  type(text: string): void {
    this.emit('data', new TextEncoder().encode(text))
  }
}

function reader(): { input: FakeInput; lines: LineReader; got: (string | undefined)[]; ask: () => void } {
  const input = new FakeInput()
  const lines = new LineReader(() => {
    input.opened++
    return input
  })
  const got: (string | undefined)[] = []
  return { input, lines, got, ask: () => lines.readLine(line => got.push(line)) }
}

describe('standard input', () => {
  it('is not touched before somebody asks, and rests while nobody does', () => {
    const { input, ask, got } = reader()
    expect(input.opened).toBe(0)
    ask()
    expect([input.opened, input.flowing]).toEqual([1, true])
    input.type('one\n')
    expect([got, input.flowing]).toEqual([['one'], false])
    ask()
    expect([input.opened, input.flowing]).toEqual([1, true])
  })

  it('answers requests in their order, also when several wait', () => {
    const { input, lines } = reader()
    const got: string[] = []
    const ask = (who: string): void => lines.readLine(line => got.push(`${who}: ${line}`))
    ask('first')
    ask('second')
    expect(lines.pending).toBe(2)
    input.type('a\nb\nc\n')
    ask('third')
    expect(got).toEqual(['first: a', 'second: b', 'third: c'])
    expect(lines.pending).toBe(0)
  })

  it('joins pieces of a line and of a character, and takes LF and CR LF as line breaks', () => {
    const { input, ask, got } = reader()
    for (let i = 0; i < 4; i++) ask()
    input.type('he')
    input.emit('data', new Uint8Array([0xc3]))
    input.emit('data', new Uint8Array([0xa9, 0x0a]))
    input.type('dos\r\n\nin\rside\n')
    expect(got).toEqual(['heé', 'dos', '', 'in\rside'])
  })

  it('gives a last line without line break, then the end for ever', () => {
    const { input, ask, got } = reader()
    ask()
    ask()
    input.type('last')
    input.emit('end')
    ask()
    expect(got).toEqual(['last', undefined, undefined])
  })

  it('treats an error as the end and broken UTF-8 as U+FFFD', () => {
    const { input, ask, got } = reader()
    ask()
    ask()
    input.emit('data', new Uint8Array([0x61, 0xff, 0x0a]))
    input.emit('error')
    input.emit('close')
    expect(got).toEqual(['a\ufffd', undefined])
  })

  it('may be asked again from within an answer, as often as there are lines', () => {
    const { input, lines } = reader()
    let n = 0
    const again: Answer = line => {
      if (line === undefined) return
      n++
      lines.readLine(again)
    }
    lines.readLine(again)
    input.type('x\n'.repeat(50_000))
    input.emit('end')
    expect(n).toBe(50_000)
  })

  it('can be written beforehand', () => {
    const lines = new ScriptedLines(['a', 'b'])
    const got: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) lines.readLine(line => got.push(line))
    expect(got).toEqual(['a', 'b', undefined])
  })
})
