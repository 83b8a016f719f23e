import { describe, expect, it } from 'vitest'
import { LineAssembler, MemorySink, Output, StreamSink } from '../../src/host/output.ts'

describe('the lines of a stream', () => {
  it('are cut at line breaks, so that a term on several lines is several entries', () => {
    const lines = new LineAssembler()
    lines.add('for( @{x0} <- @{0} ) {\n  Nil\n}\n')
    expect(lines.lines()).toEqual(['for( @{x0} <- @{0} ) {', '  Nil', '}'])
  })

  it('join raw text until a line break, and the last one counts without', () => {
    const lines = new LineAssembler()
    for (const text of ['a', 'b\nc', '', 'd', '\n\n', 'e']) lines.add(text)
    expect(lines.lines()).toEqual(['ab', 'cd', '', 'e'])
  })

  it('are none at the start and none after only empty text', () => {
    const lines = new LineAssembler()
    lines.add('')
    expect(lines.lines()).toEqual([])
  })
})

describe('output', () => {
  it('passes lines and raw text on at once, each stream to its sink', () => {
    const stdout = new MemorySink()
    const stderr = new MemorySink()
    const output = new Output(stdout, stderr, { keepLines: true })
    output.out('stdout', 'x = ', true)
    output.out('stdout', '5', false)
    output.out('stderr', '"oops"', false)
    output.log('warn', 'Nil')
    expect(stdout.text).toBe('x = 5\n')
    expect(stderr.text).toBe('"oops"\nwarn: Nil\n')
    expect(output.lines('stdout')).toEqual(['x = 5'])
    expect(output.lines('stderr')).toEqual(['"oops"'])
  })

  it('keeps no lines unless asked', () => {
    const output = new Output(new MemorySink(), new MemorySink())
    output.out('stdout', '1', false)
    expect(output.lines('stdout')).toEqual([])
  })
})

class FakeStream {
  readonly writes: string[] = []
  private listener: (error: Error) => void = () => {}
  write(text: string): void {
    this.writes.push(text)
  }
  on(_: 'error', listener: (error: Error) => void): void {
    this.listener = listener
  }
  fail(code: string): void {
    this.listener(Object.assign(new Error(code), { code }))
  }
}

describe('a process stream', () => {
  it('gets many small writes in few pieces, all of them after a flush', () => {
    const stream = new FakeStream()
    const sink = new StreamSink(stream)
    for (let i = 0; i < 10_000; i++) sink.write('line\n')
    sink.flush()
    expect(stream.writes.join('')).toBe('line\n'.repeat(10_000))
    expect(stream.writes.length).toBeLessThan(10)
    sink.flush()
    expect(stream.writes.at(-1)).not.toBe('')
  })

  it('that nobody reads any more takes no further text and reports nothing', () => {
    const stream = new FakeStream()
    const errors: Error[] = []
    const sink = new StreamSink(stream, e => errors.push(e))
    stream.fail('EPIPE')
    sink.write('lost')
    sink.flush()
    expect([stream.writes, errors]).toEqual([[], []])
  })

  it('reports any other error once', () => {
    const stream = new FakeStream()
    const errors: string[] = []
    new StreamSink(stream, e => errors.push(e.message))
    stream.fail('ENOSPC')
    stream.fail('ENOSPC')
    expect(errors).toEqual(['ENOSPC'])
  })
})
