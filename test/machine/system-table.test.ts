import { describe, expect, it } from 'vitest'
import { MemoryRoot } from '../../src/host/files.ts'
import { MemorySink, Output } from '../../src/host/output.ts'
import { ScriptedLines } from '../../src/host/stdin.ts'
import { VirtualClock } from '../../src/machine/clock.ts'
import type { FileRoot } from '../../src/machine/files.ts'
import { Fault } from '../../src/machine/primitives/index.ts'
import { FILE_OPERATIONS, fileRequest, SYSTEM_CHANNELS, type SystemHost, systemChannel } from '../../src/machine/system-table.ts'
import { show } from '../../src/normal/print.ts'
import { Closure, type Term } from '../../src/normal/term.ts'
import { SYSTEM_URIS } from '../../src/normal/uris.ts'
import { big, bytes, INT_MAX, list, name, nil, send, text, tuple } from './primitives-support.ts'

/** A host without outside: what channels do to it is written down. */
class World implements SystemHost {
  readonly stdout = new MemorySink()
  readonly stderr = new MemorySink()
  readonly output = new Output(this.stdout, this.stderr)
  readonly clock = new VirtualClock(1_000)
  readonly lines = new ScriptedLines(['first', ''])
  readonly logged: string[] = []
  readonly aborted: string[] = []
  readonly replies: string[] = []
  readonly capabilities: FileRoot[] = []
  root: FileRoot | undefined = new MemoryRoot({ writable: true })
  private ticks = 0

  out(stream: 'stdout' | 'stderr', line: string, raw: boolean): void {
    this.output.out(stream, line, raw)
  }
  log(level: string, line: string): void {
    this.logged.push(`${level} ${line}`)
  }
  abort(reason: Term): void {
    this.aborted.push(show(reason))
  }
  readLine(answer: (line: string | undefined) => void): void {
    this.lines.readLine(answer)
  }
  now(): number {
    return this.clock.now()
  }
  after(ms: number, callback: () => void): void {
    this.clock.after(ms, callback)
  }
  logical(): number {
    return ++this.ticks
  }
  files(): FileRoot | undefined {
    return this.root
  }
  fileChannel(root: FileRoot): Term {
    return `capability ${this.capabilities.push(root) - 1}`
  }

  /** Sends to a channel; what it answers at once, or the code of its fault. */
  ask(uri: string, ...args: Term[]): string {
    const before = this.replies.length
    const fault = systemChannel(uri)?.run(args, this, this.reply)
    return fault instanceof Fault ? fault.code : this.replies.slice(before).join(' | ')
  }
  readonly reply = (channel: Term, values: readonly Term[]): void => {
    this.replies.push(`${text(channel)}!(${values.map(text).join(', ')})`)
  }
}

describe('output channels', () => {
  it('print one line of canonical text, with an acknowledgement if asked', () => {
    const world = new World()
    expect(world.ask('rho:io:stdout', 'a\n')).toBe('')
    expect(world.ask('rho:io:stdoutAck', list(1, 'b'), 'ack')).toBe('"ack"!(Nil)')
    expect(world.ask('rho:io:stderr', nil)).toBe('')
    expect(world.ask('rho:io:stderrAck', send(0, 1), 'ack')).toBe('"ack"!(Nil)')
    expect(world.stdout.text).toBe('"a\\n"\n[1, "b"]\n')
    expect(world.stderr.text).toBe('Nil\n@{0}!(1)\n')
  })

  it('print raw text of Strings only', () => {
    const world = new World()
    expect(world.ask('rho:io:print', 'a"b', 'ack')).toBe('"ack"!(Nil)')
    expect(world.ask('rho:io:print', 5, 'ack')).toBe('RHO515')
    expect(world.stdout.text).toBe('a"b')
  })

  it('log at five levels and no other', () => {
    const world = new World()
    for (const level of ['trace', 'debug', 'info', 'warn', 'error']) expect(world.ask('rho:io:stdlog', level, 'x')).toBe('')
    expect([world.ask('rho:io:stdlog', 'loud', 'x'), world.ask('rho:io:stdlog', 1, 'x')]).toEqual(['RHO515', 'RHO515'])
    expect(world.logged).toEqual(['trace "x"', 'debug "x"', 'info "x"', 'warn "x"', 'error "x"'])
  })

  it('swallow', () => expect(new World().ask('rho:io:devNull', name())).toBe(''))
})

describe('control, input and time channels', () => {
  it('abort hands the reason over', () => {
    const world = new World()
    world.ask('rho:execution:abort', list('why', 1))
    expect(world.aborted).toEqual(['["why", 1]'])
  })

  it('stdin replies one pair per request, then the end', () => {
    const world = new World()
    expect([1, 2, 3, 4].map(i => world.ask('rho:io:stdin', i))).toEqual([
      '1!((true, "first"))',
      '2!((true, ""))',
      '3!((false, "end of input"))',
      '4!((false, "end of input"))',
    ])
  })

  it('now tells the time, logical counts', () => {
    const world = new World()
    expect([world.ask('rho:time:now', 'a'), world.ask('rho:time:logical', 'a'), world.ask('rho:time:logical', 'a')]).toEqual([
      '"a"!(1000)',
      '"a"!(1)',
      '"a"!(2)',
    ])
  })

  it('after replies Nil when the clock gets there, in order of request at one instant', () => {
    const world = new World()
    for (const [ms, ack] of [
      [10, 'b'],
      [5, 'a'],
      [10, 'c'],
      [0, 'z'],
    ] as [number, string][])
      expect(world.ask('rho:time:after', ms, ack)).toBe('')
    while (world.clock.advance());
    expect(world.replies).toEqual(['"z"!(Nil)', '"a"!(Nil)', '"b"!(Nil)', '"c"!(Nil)'])
    expect(world.now()).toBe(1_010)
  })

  it('after takes Ints from 0', () => {
    const world = new World()
    expect([-1, -INT_MAX, '5', big(5n), nil].map(ms => world.ask('rho:time:after', ms, 'a'))).toEqual(Array(5).fill('RHO515'))
    expect(world.ask('rho:time:after', INT_MAX, 'a')).toBe('')
    expect(world.clock.pending).toBe(1)
  })
})

describe('the file channel', () => {
  it('replies `(true, value)` or `(false, message)`', () => {
    const world = new World()
    const ask = (operation: Term, argument: Term): string =>
      world.ask('rho:io:file', operation, argument, 'ack').replace(/^"ack"!\((.*)\)$/, '$1')
    expect(ask('readText', 'notes')).toBe('(false, "no such file or directory")')
    expect(ask('makeDirectory', 'd')).toBe('(true, Nil)')
    expect(ask('writeText', tuple('d/notes', 'oak'))).toBe('(true, Nil)')
    expect(ask('appendText', tuple('d/notes', '!'))).toBe('(true, Nil)')
    expect(ask('readText', 'd/notes')).toBe('(true, "oak!")')
    expect(ask('writeBytes', tuple('b', bytes(1, 2)))).toBe('(true, Nil)')
    expect(ask('readBytes', 'b')).toBe('(true, 0x0102)')
    expect(ask('list', '')).toBe('(true, ["b", "d"])')
    expect(ask('stat', 'b')).toBe('(true, {"kind" : "file", "size" : 2})')
    expect(ask('stat', 'd')).toBe('(true, {"kind" : "directory", "size" : 0})')
    expect(ask('delete', 'b')).toBe('(true, Nil)')
    expect(ask('readText', '../b')).toBe('(false, "outside the granted directory")')
    expect(ask('restrict', tuple('d', 'r'))).toBe('(true, "capability 0")')
    expect(ask('restrict', tuple('none', 'r'))).toBe('(false, "no such file or directory")')
  })

  it('serves a restricted capability in the same way, with fewer rights', () => {
    const world = new World()
    world.ask('rho:io:file', 'makeDirectory', 'd', 'ack')
    world.ask('rho:io:file', 'restrict', tuple('d', 'r'), 'ack')
    world.replies.length = 0
    expect(fileRequest(world.capabilities[0], ['writeText', tuple('x', ''), 'ack'], world, world.reply)).toBeUndefined()
    expect(world.replies).toEqual(['"ack"!((false, "writing is not granted"))'])
  })

  it('refuses unknown operations and arguments of the wrong types without reply', () => {
    const world = new World()
    const wrong: [Term, Term][] = [
      ['explode', 'x'],
      ['toString', 'x'],
      [5, 'x'],
      ['readText', 5],
      ['readText', tuple('a', 'b')],
      ['writeText', 'a'],
      ['writeText', tuple('a', bytes(1))],
      ['writeText', tuple('a')],
      ['writeBytes', tuple('a', 'b')],
      ['writeText', tuple(1, 'b')],
      ['restrict', tuple('a', 'w')],
      ['restrict', list('a', 'r')],
      ['list', nil],
    ]
    for (const [operation, argument] of wrong) expect(world.ask('rho:io:file', operation, argument, 'ack')).toBe('RHO515')
    expect(world.replies).toEqual([])
    world.root = undefined
    expect(world.ask('rho:io:file', 'list', '', 'ack')).toBe('RHO406')
  })

  it('looks through closures', () => {
    const closure = (t: Term): Term => new Closure({ close: () => t }, [])
    expect(new World().ask('rho:io:file', closure('writeText'), closure(tuple(closure('f'), closure('x'))), 'ack')).toBe(
      '"ack"!((true, Nil))',
    )
    expect(new World().ask('rho:io:print', closure('x'), 'ack')).toBe('"ack"!(Nil)')
  })
})

describe('the table of system channels', () => {
  it('serves every available URI of the list, but those of the virtual machine, with its arity', () => {
    const available = SYSTEM_URIS.filter(u => u.available && u.kind === 'channel' && !u.uri.startsWith('rho:vm:'))
    expect(
      SYSTEM_CHANNELS.filter(c => available.some(u => u.uri === c.uri))
        .map(c => c.uri)
        .sort(),
    ).toEqual(available.map(u => u.uri).sort())
    for (const c of SYSTEM_CHANNELS) expect([c.uri, c.params.length]).toEqual([c.uri, SYSTEM_URIS.find(u => u.uri === c.uri)?.arity])
  })

  it('says which replies depend on the outside', () => {
    expect(SYSTEM_CHANNELS.filter(c => c.recorded).map(c => c.uri)).toEqual([
      'rho:io:stdin',
      'rho:time:now',
      'rho:time:after',
      'rho:io:file',
    ])
  })

  it('knows the operations of 13.3', () => {
    expect(Object.keys(FILE_OPERATIONS)).toEqual([
      'readText',
      'readBytes',
      'writeText',
      'writeBytes',
      'appendText',
      'list',
      'stat',
      'makeDirectory',
      'delete',
      'restrict',
    ])
  })
})
