import { List, type MapTerm, type Term } from '../../normal/term.ts'
import type { Fault, PrimContext } from './fault.ts'
import { tooLarge, tooMany } from './limits.ts'

/*
 * Strings are sequences of code points, held as the host's UTF-16 without lone surrogates. Searching, splitting and comparing for equality can therefore work
 * on units: a whole pair never matches in the middle. Only indices must be converted, and only where a string has pairs at all.
 */

/** Size of a string term without its units (rholang.md 16.1). */
const STRING_SIZE = 4
const INT_SIZE = 8
const LIST_SIZE = 4

function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800
}
function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}

/** What is known of a long string: how many of its code points take two units, and where one of them starts. */
class Known {
  text = ''
  pairs = 0
  index = 0
  unit = 0
  /** When it was last asked for. */
  turn = 0
}

/**
 * The last long strings that were asked for, so that a loop over the indices of a string, or one that grows a string or takes from it, does not go through
 * all of it every time.
 */
const RECENT: readonly Known[] = Array.from({ length: 8 }, () => new Known())
let turns = 0
const LONG = 64

function countPairs(s: string): number {
  let n = 0
  for (let i = 0; i < s.length; i++) if (isHighSurrogate(s.charCodeAt(i))) n++
  return n
}

function recall(s: string): Known | null {
  for (let i = 0; i < RECENT.length; i++) {
    const k = RECENT[i]
    if (k.text.length !== s.length || k.text !== s) continue
    // Also where it is equal: the host compares two objects with the same text unit by unit every time, the same object at once.
    k.text = s
    k.turn = ++turns
    return k
  }
  return null
}

function remember(s: string, pairs: number): Known {
  let k = RECENT[0]
  for (let i = 1; i < RECENT.length; i++) if (RECENT[i].turn < k.turn) k = RECENT[i]
  k.turn = ++turns
  k.text = s
  k.pairs = pairs
  k.index = 0
  k.unit = 0
  return k
}

function known(s: string): Known {
  return recall(s) ?? remember(s, countPairs(s))
}

/** Number of code points that take two units. */
function pairsOf(s: string): number {
  return s.length < LONG ? countPairs(s) : known(s).pairs
}

/** The same if that takes no time, otherwise -1. */
function pairsKnown(s: string): number {
  return s.length < LONG ? countPairs(s) : (recall(s)?.pairs ?? -1)
}

/** Number of code points. */
export function codePointCount(s: string): number {
  return s.length - pairsOf(s)
}

/** One after the other: what is known of both is known of the result. */
export function joinTwo(a: string, b: string): string {
  const s = a + b
  if (s.length < LONG) return s
  const left = pairsKnown(a)
  if (left < 0) return s
  const right = pairsKnown(b)
  if (right >= 0) remember(s, left + right)
  return s
}

/** Code points before unit `end`. */
function countTo(s: string, end: number): number {
  let n = 0
  for (let i = 0; i < end; i++) if (!isHighSurrogate(s.charCodeAt(i))) n++
  return n
}

/** The unit where code point `index` starts; the length of the string if there are fewer. */
function unitOf(s: string, index: number): number {
  if (index <= 0) return 0
  const long = s.length < LONG ? null : known(s)
  const pairs = long === null ? countPairs(s) : long.pairs
  if (pairs === 0) return Math.min(index, s.length)
  if (index >= s.length - pairs) return s.length
  let at = 0
  let unit = 0
  if (long !== null && long.index <= 2 * index) {
    at = long.index
    unit = long.unit
  }
  for (; at < index; at++) unit += isHighSurrogate(s.charCodeAt(unit)) ? 2 : 1
  for (; at > index; at--) unit -= isSurrogate(s.charCodeAt(unit - 1)) ? 2 : 1
  if (long !== null) {
    long.index = at
    long.unit = unit
  }
  return unit
}

/** The code point index of a unit that starts one; -1 stays -1. */
function indexOfUnit(s: string, unit: number): number {
  return unit <= 0 || pairsOf(s) === 0 ? unit : countTo(s, unit)
}

/** Code points `from` to `to` (exclusive), both clamped. */
export function sliceText(s: string, from: number, to: number): string {
  if (from >= to) return ''
  const start = unitOf(s, from)
  const end = unitOf(s, to)
  const part = s.slice(start, end)
  if (part.length >= LONG && part.length < s.length) remember(part, end - start - (Math.min(to, codePointCount(s)) - Math.max(0, from)))
  return part
}

/** The one-character string at `index`, undefined if there is none. */
export function charAt(s: string, index: number): string | undefined {
  if (index < 0) return undefined
  const unit = unitOf(s, index)
  return unit >= s.length ? undefined : s.slice(unit, unit + (isHighSurrogate(s.charCodeAt(unit)) ? 2 : 1))
}

export function chars(s: string, ctx: PrimContext): List | Fault {
  const count = codePointCount(s)
  const fault = tooMany(count, LIST_SIZE + STRING_SIZE * count + s.length, ctx)
  return fault ?? new List(count === s.length ? s.split('') : [...s])
}

export function codePoints(s: string, ctx: PrimContext): List | Fault {
  const count = codePointCount(s)
  const fault = tooMany(count, LIST_SIZE + INT_SIZE * count, ctx)
  if (fault !== undefined) return fault
  const items: Term[] = new Array(count)
  for (let i = 0, unit = 0; i < count; i++) {
    const point = s.codePointAt(unit) as number
    items[i] = point
    unit += point > 0xffff ? 2 : 1
  }
  return new List(items)
}

/** Joins few at a time: argument lists of the host are short. */
const CHUNK = 4096

/** The string of these code points, undefined if one is not a Unicode scalar value. */
export function fromCodePoints(points: readonly Term[]): string | undefined {
  const parts: string[] = []
  for (let i = 0; i < points.length; i += CHUNK) {
    const chunk = points.slice(i, i + CHUNK)
    for (const p of chunk) if (typeof p !== 'number' || p < 0 || p > 0x10ffff || (p >= 0xd800 && p <= 0xdfff)) return undefined
    parts.push(String.fromCodePoint(...(chunk as number[])))
  }
  return parts.join('')
}

export function reverseText(s: string): string {
  const parts: string[] = []
  let end = s.length
  while (end > 0) {
    let start = Math.max(0, end - CHUNK)
    if (start > 0 && isHighSurrogate(s.charCodeAt(start - 1))) start--
    parts.push([...s.slice(start, end)].reverse().join(''))
    end = start
  }
  return parts.join('')
}

// ── searching ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Searching that needs more unit comparisons than this in the worst case is done in linear time (Knuth, Morris, Pratt) instead of by the host. */
const HOST_SEARCH_MAX = 1 << 24

/** Occurrences of one non-empty string in another, in units. */
class Finder {
  private readonly text: string
  private readonly part: string
  /** For each prefix of `part` the length of its longest proper border; null where the host searches. */
  private readonly borders: Int32Array | null
  constructor(text: string, part: string) {
    this.text = text
    this.part = part
    this.borders = text.length * part.length > HOST_SEARCH_MAX && part.length > 1 ? bordersOf(part) : null
  }
  /** The first occurrence at or after unit `from`, or -1. */
  next(from: number): number {
    return this.borders === null ? this.text.indexOf(this.part, from) : this.scan(this.borders, from, true)
  }
  /** The last occurrence, or -1. */
  last(): number {
    return this.borders === null ? this.text.lastIndexOf(this.part) : this.scan(this.borders, 0, false)
  }
  private scan(borders: Int32Array, from: number, first: boolean): number {
    const { text, part } = this
    let found = -1
    let matched = 0
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i)
      while (matched > 0 && part.charCodeAt(matched) !== c) matched = borders[matched - 1]
      if (part.charCodeAt(matched) === c) matched++
      if (matched < part.length) continue
      found = i - matched + 1
      if (first) return found
      matched = borders[matched - 1]
    }
    return found
  }
}

function bordersOf(part: string): Int32Array {
  const borders = new Int32Array(part.length)
  for (let i = 1, k = 0; i < part.length; i++) {
    const c = part.charCodeAt(i)
    while (k > 0 && part.charCodeAt(k) !== c) k = borders[k - 1]
    if (part.charCodeAt(k) === c) k++
    borders[i] = k
  }
  return borders
}

export function containsText(s: string, part: string): boolean {
  return part === '' || new Finder(s, part).next(0) >= 0
}

/** Index of the first code point of the first occurrence, or -1; the empty string is found at 0. */
export function indexOfText(s: string, part: string): number {
  return part === '' ? 0 : indexOfUnit(s, new Finder(s, part).next(0))
}

/** As `indexOfText`, for the last occurrence; the empty string is found at the end. */
export function lastIndexOfText(s: string, part: string): number {
  return part === '' ? codePointCount(s) : indexOfUnit(s, new Finder(s, part).last())
}

export function splitText(s: string, separator: string, ctx: PrimContext): List | Fault {
  if (separator === '') return chars(s, ctx)
  const finder = new Finder(s, separator)
  const items: Term[] = []
  let from = 0
  let size = LIST_SIZE
  for (;;) {
    const at = finder.next(from)
    const end = at < 0 ? s.length : at
    size += STRING_SIZE + end - from
    const fault = tooMany(items.length + 1, size, ctx)
    if (fault !== undefined) return fault
    items.push(s.slice(from, end))
    if (at < 0) return new List(items)
    from = at + separator.length
  }
}

export function joinText(items: readonly string[], separator: string, ctx: PrimContext): string | Fault {
  let units = separator.length * Math.max(0, items.length - 1)
  for (const item of items) units += item.length
  return tooLarge(STRING_SIZE + units, ctx) ?? items.join(separator)
}

export function replaceText(s: string, old: string, by: string, ctx: PrimContext): string | Fault {
  if (old === '') return s
  const finder = new Finder(s, old)
  const parts: string[] = []
  let units = s.length
  let from = 0
  for (let at = finder.next(0); at >= 0; at = finder.next(from)) {
    parts.push(s.slice(from, at), by)
    from = at + old.length
    units += by.length - old.length
    const fault = tooLarge(STRING_SIZE + units - (s.length - from), ctx)
    if (fault !== undefined) return fault
  }
  if (parts.length === 0) return s
  parts.push(s.slice(from))
  return tooLarge(STRING_SIZE + units, ctx) ?? parts.join('')
}

// ── trimming, case, filling ───────────────────────────────────────────────────────────────────────────────────────────

/** Unicode property White_Space. (The host's `trim` leaves U+0085 and removes U+FEFF.) */
function isWhiteSpace(c: number): boolean {
  if (c <= 0x20) return c === 0x20 || (c >= 0x09 && c <= 0x0d)
  if (c < 0x1680) return c === 0x85 || c === 0xa0
  if (c < 0x3000) return c === 0x1680 || (c >= 0x2000 && c <= 0x200a) || c === 0x2028 || c === 0x2029 || c === 0x202f || c === 0x205f
  return c === 0x3000
}

export function trimText(s: string, start: boolean, end: boolean): string {
  let from = 0
  let to = s.length
  if (start) while (from < to && isWhiteSpace(s.charCodeAt(from))) from++
  if (end) while (to > from && isWhiteSpace(s.charCodeAt(to - 1))) to--
  return s.slice(from, to)
}

/** No character maps to more than three units (Unicode SpecialCasing). */
const CASE_GROWTH = 3

export function changeCase(s: string, upper: boolean, ctx: PrimContext): string | Fault {
  const fault = tooLarge(STRING_SIZE + s.length * CASE_GROWTH, ctx)
  // Only a string that might come out too large is mapped in two steps: measured in pieces first, then whole.
  if (fault !== undefined && tooLarge(STRING_SIZE + caseLength(s, upper), ctx) !== undefined) return fault
  return upper ? s.toUpperCase() : s.toLowerCase()
}

function caseLength(s: string, upper: boolean): number {
  let units = 0
  for (let i = 0; i < s.length; i += CHUNK) {
    const piece = s.slice(i, i + CHUNK)
    units += (upper ? piece.toUpperCase() : piece.toLowerCase()).length
  }
  return units
}

export function repeatText(s: string, count: number, ctx: PrimContext): string | Fault {
  if (count <= 0 || s === '') return ''
  return tooLarge(STRING_SIZE + s.length * count, ctx) ?? s.repeat(count)
}

/** `s` filled with `filler` to `width` code points, before or after; the last repetition of the filler is cut. */
export function pad(s: string, width: number, filler: string, before: boolean, ctx: PrimContext): string | Fault {
  const missing = width - codePointCount(s)
  if (missing <= 0 || filler === '') return s
  const per = codePointCount(filler)
  const whole = Math.floor(missing / per)
  const fault = tooLarge(STRING_SIZE + s.length + filler.length * whole, ctx)
  if (fault !== undefined) return fault
  const cut = sliceText(filler, 0, missing - whole * per)
  const too = tooLarge(STRING_SIZE + s.length + filler.length * whole + cut.length, ctx)
  if (too !== undefined) return too
  const fill = filler.repeat(whole) + cut
  return before ? fill + s : s + fill
}

// ── interpolation ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Keys with the same number of `}`: the text of a placeholder for one of them ends at the brace after that many. */
interface KeyGroup {
  readonly braces: number
  readonly lengths: Set<number>
}

function braceCount(key: string): number {
  let n = 0
  for (let at = key.indexOf('}'); at >= 0; at = key.indexOf('}', at + 1)) n++
  return n
}

/**
 * `template %% map` (rholang.md 8.4); `texts` are the keys' values as text. One pass from left to right. Of several keys that fit at one position each is a
 * prefix of the longer ones, so that the first in canonical order is the shortest.
 */
export function interpolate(template: string, map: MapTerm, texts: readonly string[], ctx: PrimContext): string | Fault {
  const byKey = new Map<string, string>()
  const groups = new Map<number, KeyGroup>()
  map.keys.forEach((key, i) => {
    const k = key as string
    byKey.set(k, texts[i])
    const braces = braceCount(k)
    const group = groups.get(braces) ?? { braces, lengths: new Set() }
    group.lengths.add(k.length)
    groups.set(braces, group)
  })
  const ascending = [...groups.values()].sort((a, b) => a.braces - b.braces)
  const closers: number[] = []
  for (let at = template.indexOf('}'); at >= 0; at = template.indexOf('}', at + 1)) closers.push(at)

  const parts: string[] = []
  let units = 0
  let done = 0
  let firstCloser = 0
  for (let at = template.indexOf('${'); at >= 0; at = template.indexOf('${', at)) {
    const start = at + 2
    while (firstCloser < closers.length && closers[firstCloser] < start) firstCloser++
    const key = placeholder(template, start, closers, firstCloser, ascending, byKey)
    if (key === undefined) {
      at = start
      continue
    }
    const text = byKey.get(key) as string
    parts.push(template.slice(done, at), text)
    units += at - done + text.length
    const fault = tooLarge(STRING_SIZE + units, ctx)
    if (fault !== undefined) return fault
    done = at = start + key.length + 1
  }
  if (done === 0) return template
  parts.push(template.slice(done))
  return tooLarge(STRING_SIZE + units + template.length - done, ctx) ?? parts.join('')
}

/** The shortest key that stands at unit `start` with a `}` after it. */
function placeholder(
  template: string,
  start: number,
  closers: readonly number[],
  firstCloser: number,
  groups: readonly KeyGroup[],
  keys: ReadonlyMap<string, string>,
): string | undefined {
  for (const { braces, lengths } of groups) {
    const closer = firstCloser + braces
    if (closer >= closers.length) return undefined
    const end = closers[closer]
    if (!lengths.has(end - start)) continue
    const key = template.slice(start, end)
    if (keys.has(key)) return key
  }
  return undefined
}
