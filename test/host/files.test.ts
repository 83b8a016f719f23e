import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DirectoryRoot, MemoryRoot } from '../../src/host/files.ts'
import { FileRefusal, type FileRoot } from '../../src/machine/files.ts'

function refusal(result: unknown): string {
  expect(result).toBeInstanceOf(FileRefusal)
  return (result as FileRefusal).message
}

let scratch = ''
let granted = ''
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'rho-files-')))
  granted = join(scratch, 'granted')
  mkdirSync(granted)
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const OUTSIDE = 'outside the granted directory'

const kinds: [string, (o: { writable: boolean; fileBytesMax?: number }) => FileRoot][] = [
  ['on disk', o => new DirectoryRoot(granted, o)],
  ['in memory', o => new MemoryRoot(o)],
]

describe.each(kinds)('a file capability %s', (_, open) => {
  it('reads back what was written, as text and as bytes', () => {
    const root = open({ writable: true })
    expect(root.writeText('note.txt', 'né 🍄')).toBeUndefined()
    expect(root.readText('note.txt')).toBe('né 🍄')
    expect(root.writeBytes('raw', new Uint8Array([0xff, 0]))).toBeUndefined()
    expect(root.readBytes('raw')).toEqual(new Uint8Array([0xff, 0]))
    expect(refusal(root.readText('raw'))).toBe('not valid UTF-8')
  })

  it('replaces on write and adds on append', () => {
    const root = open({ writable: true })
    root.appendText('log', 'a')
    root.appendText('log', 'b')
    expect(root.readText('log')).toBe('ab')
    root.writeText('log', '')
    expect(root.readText('log')).toBe('')
  })

  it('keeps a byte-order mark as a character', () => {
    const root = open({ writable: true })
    root.writeText('bom', '\ufeffx')
    expect(root.readText('bom')).toBe('\ufeffx')
  })

  it('makes, lists, describes and deletes directories and files', () => {
    const root = open({ writable: true })
    expect(root.makeDirectory('b')).toBeUndefined()
    root.writeText('b/deep', '12345')
    root.writeText('🍄', '')
    root.writeText('\ufffd', '')
    root.writeText('a', '')
    expect(root.list('')).toEqual(['a', 'b', '\ufffd', '🍄'])
    expect(root.list('b')).toEqual(['deep'])
    expect(root.stat('b/deep')).toEqual({ kind: 'file', size: 5 })
    expect(root.stat('b')).toEqual({ kind: 'directory', size: 0 })
    expect(root.stat('')).toEqual({ kind: 'directory', size: 0 })
    expect(refusal(root.delete('b'))).toBe('the directory is not empty')
    expect(root.delete('b/deep')).toBeUndefined()
    expect(root.delete('b')).toBeUndefined()
    expect(root.list('')).toEqual(['a', '\ufffd', '🍄'])
  })

  it('says in plain words why something cannot be done', () => {
    const root = open({ writable: true })
    root.makeDirectory('d')
    root.writeText('f', 'x')
    expect(refusal(root.readText('none'))).toBe('no such file or directory')
    expect(refusal(root.readText('no/where'))).toBe('no such file or directory')
    expect(refusal(root.writeText('no/where', ''))).toBe('no such file or directory')
    expect(refusal(root.delete('none'))).toBe('no such file or directory')
    expect(refusal(root.readText('d'))).toBe('is a directory')
    expect(refusal(root.writeText('d', ''))).toBe('is a directory')
    expect(refusal(root.appendText('d', ''))).toBe('is a directory')
    expect(refusal(root.list('f'))).toBe('not a directory')
    expect(refusal(root.readText('f/x'))).toBe('not a directory')
    expect(refusal(root.makeDirectory('d'))).toBe('already exists')
    expect(refusal(root.restrict('f', 'r'))).toBe('not a directory')
    expect(refusal(root.delete(''))).toBe('the granted directory itself cannot be deleted')
  })

  it.each(['/etc/passwd', '/', '..', '../x', 'a/../../x', 'a/..', './..', '../granted/x'])('refuses the path %s everywhere', path => {
    const root = open({ writable: true })
    const all = [
      root.readText(path),
      root.readBytes(path),
      root.writeText(path, ''),
      root.writeBytes(path, new Uint8Array()),
      root.appendText(path, ''),
      root.list(path),
      root.stat(path),
      root.makeDirectory(path),
      root.delete(path),
      root.restrict(path, 'r'),
    ]
    for (const result of all) expect(refusal(result)).toBe(OUTSIDE)
  })

  it('takes dots, doubled and closing slashes for nothing, and names that only begin with dots as they are', () => {
    const root = open({ writable: true })
    root.makeDirectory('a')
    root.writeText('./a//..x', '1')
    expect(root.readText('a/./..x')).toBe('1')
    expect(root.list('a/')).toEqual(['..x'])
    expect(refusal(root.readText('a\0b'))).toBe('not a path')
  })

  it('changes nothing without the right to write', () => {
    const root = open({ writable: false })
    for (const result of [
      root.writeText('a', ''),
      root.writeBytes('a', new Uint8Array()),
      root.appendText('a', ''),
      root.makeDirectory('a'),
      root.delete('a'),
    ]) {
      expect(refusal(result)).toBe('writing is not granted')
    }
    expect(root.list('')).toEqual([])
  })

  it('gives capabilities for directories below, with at most its own rights', () => {
    const root = open({ writable: true })
    root.makeDirectory('sub')
    root.writeText('secret', 's')
    const both = root.restrict('sub', 'rw') as FileRoot
    const reader = root.restrict('sub', 'r') as FileRoot
    expect([both.writable, reader.writable]).toEqual([true, false])
    both.writeText('x', '1')
    expect(reader.readText('x')).toBe('1')
    expect(refusal(reader.writeText('x', '2'))).toBe('writing is not granted')
    expect((reader.restrict('', 'rw') as FileRoot).writable).toBe(false)
    expect(refusal(both.readText('../secret'))).toBe(OUTSIDE)
    expect(refusal(both.readText('secret'))).toBe('no such file or directory')
  })

  it('refuses files above the limit, and takes them at it', () => {
    const root = open({ writable: true, fileBytesMax: 4 })
    expect(root.writeText('f', '1234')).toBeUndefined()
    expect(root.readText('f')).toBe('1234')
    expect(refusal(root.writeText('f', '12345'))).toBe('larger than the limit of 4 bytes for a file')
    expect(refusal(root.writeText('f', 'ééé'))).toBe('larger than the limit of 4 bytes for a file')
    expect(refusal(root.appendText('f', '5'))).toBe('larger than the limit of 4 bytes for a file')
    expect(root.readText('f')).toBe('1234')
  })
})

describe('a directory on disk', () => {
  it('must exist and be a directory', () => {
    writeFileSync(join(scratch, 'file'), '')
    expect(() => new DirectoryRoot(join(scratch, 'none'), { writable: false })).toThrow(/ENOENT/)
    expect(() => new DirectoryRoot(join(scratch, 'file'), { writable: false })).toThrow(/not a directory/)
  })

  it('refuses links that lead out of it, to files, to directories, through several steps, and to nothing', () => {
    const outside = join(scratch, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    symlinkSync(join(outside, 'secret'), join(granted, 'file'))
    symlinkSync(outside, join(granted, 'dir'))
    symlinkSync('../outside', join(granted, 'relative'))
    symlinkSync('dir', join(granted, 'twice'))
    symlinkSync(join(outside, 'new'), join(granted, 'dangling'))
    const root = new DirectoryRoot(granted, { writable: true })
    for (const path of ['file', 'dir/secret', 'relative/secret', 'twice/secret', 'dangling', 'dir', 'dir/new']) {
      expect(refusal(root.readText(path))).toBe(OUTSIDE)
      expect(refusal(root.writeText(path, 'changed'))).toBe(OUTSIDE)
      expect(refusal(root.appendText(path, 'changed'))).toBe(OUTSIDE)
      expect(refusal(root.delete(path))).toBe(OUTSIDE)
      expect(refusal(root.stat(path))).toBe(OUTSIDE)
      expect(refusal(root.restrict(path, 'rw'))).toBe(OUTSIDE)
    }
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
    expect(readdirSync(outside)).toEqual(['secret'])
  })

  it('follows links that stay inside; deleting one deletes the link', () => {
    writeFileSync(join(granted, 'real'), 'x')
    symlinkSync('real', join(granted, 'alias'))
    const root = new DirectoryRoot(granted, { writable: true })
    expect(root.readText('alias')).toBe('x')
    root.writeText('alias', 'y')
    expect(readFileSync(join(granted, 'real'), 'utf8')).toBe('y')
    expect(root.delete('alias')).toBeUndefined()
    expect(root.list('')).toEqual(['real'])
  })

  it('is not fooled by a sibling whose name begins alike', () => {
    mkdirSync(`${granted}-other`)
    writeFileSync(join(`${granted}-other`, 'f'), 'x')
    symlinkSync(`${granted}-other`, join(granted, 'l'))
    expect(refusal(new DirectoryRoot(granted, { writable: false }).readText('l/f'))).toBe(OUTSIDE)
  })

  it('keeps to the directory a root link pointed to when it was granted', () => {
    const link = join(scratch, 'link')
    symlinkSync(granted, link)
    const root = new DirectoryRoot(link, { writable: true })
    root.writeText('f', '1')
    expect(readFileSync(join(granted, 'f'), 'utf8')).toBe('1')
  })

  it('replaces a file in one step: no partial file, no rest, the mode kept', () => {
    const root = new DirectoryRoot(granted, { writable: true })
    writeFileSync(join(granted, 'f'), 'old', { mode: 0o640 })
    const before = statSync(join(granted, 'f'))
    root.writeText('f', 'new')
    const after = statSync(join(granted, 'f'))
    expect(after.ino).not.toBe(before.ino)
    expect(after.mode & 0o777).toBe(before.mode & 0o777)
    expect(readdirSync(granted)).toEqual(['f'])
  })

  it('does not wait for the other side of a pipe', () => {
    execFileSync('mkfifo', [join(granted, 'pipe')])
    const root = new DirectoryRoot(granted, { writable: true })
    expect(refusal(root.readText('pipe'))).toBe('not a file or directory')
    expect(refusal(root.appendText('pipe', 'x'))).toBe('not a file or directory')
    expect(refusal(root.writeText('pipe', 'x'))).toBe('not a file or directory')
    expect(refusal(root.stat('pipe'))).toBe('not a file or directory')
    expect(existsSync(join(granted, 'pipe'))).toBe(true)
  })

  it('names no path of the host in a refusal', () => {
    const root = new DirectoryRoot(granted, { writable: true })
    expect(refusal(root.readText('x'.repeat(300)))).toBe('the name is too long')
    expect(refusal(root.list('none'))).not.toContain(scratch)
  })
})
