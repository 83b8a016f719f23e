import { describe, expect, it } from 'vitest'
import { members } from '../../bytecode/image.ts'
import { Op } from '../../bytecode/opcodes.ts'
import { compile, compileOpen, type SpanTable } from '../../src/compile/compile.ts'
import { read, termOf } from '../normal/program.ts'

/** Compiles, and gives the texts that the rows of a table stand for. */
function placed(source: string): { image: Uint32Array; spans: SpanTable; texts: (table: SpanTable | null) => string[] } {
  const { image, spans } = compile(termOf(source))
  const texts = (table: SpanTable | null): string[] =>
    table === null ? [] : [...table.at].map((_, row) => source.slice(table.start[row], table.end[row]))
  return { image, spans, texts }
}

/** Offset of the only member of a program, or of the first image inside it. */
const first = (image: Uint32Array): number => members(image, 0)[0].at
const spawned = (image: Uint32Array): number => {
  const spawn = image.findIndex((w, i) => i > 7 && (w & 0xff) === Op.SPAWN)
  return members(image, spawn + 2)[0].at
}

describe('the places of components that are one sequence', () => {
  it('are kept for every copy, in the order of the captures', () => {
    const { image, spans, texts } = placed('new y, x in { x!(1) | y!( 1) }')
    const at = spawned(image)
    const copies = spans.copiesAt(at)
    expect(spans.overlays.map(o => o.at)).toEqual([at])
    // y is the first local, so its send comes first in CLOSE
    expect(copies?.map(t => (t === null ? texts(spans).at(-1) : texts(t)[0]))).toEqual(['y!( 1)', 'x!(1)'])
  })
  it('are kept for components that are equal in everything', () => {
    const { image, spans, texts } = placed('@0!(1)|@0!( 1)|@0!(1 )')
    const copies = spans.copiesAt(first(image)) ?? []
    expect(copies.map(t => texts(t ?? spans)[0]).sort()).toEqual(['@0!( 1)', '@0!(1 )', '@0!(1)'])
    expect(copies.filter(t => t === null).length).toBe(1)
  })
  it('are kept inside the copies of copies', () => {
    const { image, spans, texts } = placed('for (_ <- @1) { @0!(1)|@0!( 1) } | for (_ <- @1) { @0!(1 )|@0!(  1) }')
    const [outer, inner] = spans.overlays
    expect(outer.at).toBe(first(image))
    const other = outer.copies.find(t => t !== null) as SpanTable
    const sends = (table: SpanTable, copy: SpanTable): string[] => [...texts(table), ...texts(copy)].filter(t => t.startsWith('@0'))
    const of = (table: SpanTable): string[] => sends(table, table.copiesAt(inner.at)?.find(t => t !== null) as SpanTable)
    expect([of(spans).sort(), of(other).sort()].sort()).toEqual([
      ['@0!(  1)', '@0!(1 )'],
      ['@0!( 1)', '@0!(1)'],
    ])
  })
  it('have the same offsets as those of the copy that has none of its own', () => {
    const { spans } = placed('for (@x <- @1 where x > 0) { @0!(x / 2) } | for (@x <- @1 where x > 0) { @0!(x / 2) }')
    const [{ copies }] = spans.overlays
    const other = copies.find(t => t !== null) as SpanTable
    expect([...other.at]).toEqual([...spans.at])
  })
  it('are not kept where there are none, or where they are the same', () => {
    expect(compileOpen(read('x!(1) | y!(1)', { open: true }).term).spans.overlays.length).toBe(1)
    expect(compile(1).spans.overlays).toEqual([])
  })
  it('are kept of up to 64 copies', () => {
    const many = (n: number): SpanTable => compile(termOf(Array.from({ length: n }, () => '@0!(1)').join('|'))).spans
    expect(many(64).overlays[0].copies.length).toBe(64)
    expect(many(65).overlays).toEqual([])
  })
  it('take time in proportion to the program, however deep copies stand', () => {
    let source = 'Nil'
    for (let i = 0; i < 4000; i++) source = `for (_ <- @1) { @0!(1) | @0!(1) | ${source} }`
    const { spans } = compile(termOf(source))
    expect(spans.overlays.length).toBe(4000)
  })
})

describe('places beside those of instructions', () => {
  it('are those of guards', () => {
    const { texts, spans } = placed('for (@x <- @1 where x / 2 == 0) { Nil } | match 1 { y where y > 3 => Nil }')
    expect(texts(spans)).toEqual(expect.arrayContaining(['x / 2', 'x / 2 == 0', 'y > 3']))
  })
  it('are those of the sources of a join, in the order of the binds in the image', () => {
    const source = 'new b, a in { for (@x <- a & @y <<- b) { Nil } }'
    const { image, spans, texts } = placed(source)
    const at = image.findIndex((w, i) => i > 7 && (w & 0xff) === Op.RECV)
    const rows = [at + 1, at + 2].map(w => texts(spans)[spans.find(w)])
    expect(rows.sort()).toEqual(['a', 'b'])
    expect(image[at + 1] & 0xff).toBe(texts(spans)[spans.find(at + 1)] === 'b' ? 2 : 0)
  })
})
