import type { Random } from '../support/random.ts'

/** Ways to spoil bytes and texts, repeatable by seed. */

export function noise(d: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => d.below(256))
}

const BITS = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '|',
  ';',
  ',',
  '.',
  '...',
  '@',
  '*',
  '!',
  '!!',
  '!?',
  '?!',
  '<-',
  '<=',
  '<<-',
  '=',
  '=>',
  '==',
  '~',
  '/\\',
  '\\/',
  '"',
  '`',
  '`rho:io:stdout`',
  '/*',
  '*/',
  '//',
  '\n',
  '\\',
  "'",
  '_',
  '-',
  '+',
  '++',
  '%',
  '%%',
  '&',
  '&&',
  '||',
  'new ',
  ' in ',
  'for',
  'contract',
  'match',
  'select',
  'agent',
  'method',
  'constructor',
  'default',
  'private',
  'let',
  'if',
  'else',
  ' where ',
  ' matches ',
  'bundle+',
  'bundle0',
  'Nil',
  'true',
  'Set',
  'Int',
  'not ',
  '0',
  '1',
  '99999999999999999999',
  '1n',
  '1/0r',
  '1.5e',
  '0x1',
  '1i7',
  '2p',
  'x',
  'é',
  '\u{1f344}',
  '\ud800',
  '\0',
  '#!',
] // prettier-ignore

/** A text with one to four pieces cut out, doubled, moved or put in. */
export function mutateText(d: Random, text: string): string {
  let t = text
  for (let n = 1 + d.below(4); n > 0; n--) {
    const at = d.below(t.length + 1)
    const to = Math.min(t.length, at + 1 + d.below(d.below(4) === 0 ? 40 : 4))
    switch (d.below(5)) {
      case 0:
        t = t.slice(0, at) + t.slice(to)
        break
      case 1:
        t = t.slice(0, at) + d.pick(BITS) + t.slice(at)
        break
      case 2:
        t = t.slice(0, at) + d.pick(BITS) + t.slice(to)
        break
      case 3:
        t = t.slice(0, to) + t.slice(at, to) + t.slice(to)
        break
      default: {
        const other = d.below(t.length + 1)
        t = t.slice(0, at) + t.slice(other, other + 1 + d.below(20)) + t.slice(at)
      }
    }
  }
  return t
}

/** Tokens in no order. */
export function tokenSoup(d: Random, length: number): string {
  return Array.from({ length }, () => d.pick(BITS)).join(d.below(2) === 0 ? ' ' : '')
}

/** An image with one to three words or bits changed, cut, put in or doubled. */
export function mutateWords(d: Random, words: Uint32Array): Uint32Array {
  let w = words.slice()
  for (let n = 1 + d.below(3); n > 0; n--) {
    const at = d.below(w.length)
    switch (d.below(7)) {
      case 0:
        w[at] ^= 1 << d.below(32)
        break
      case 1:
        w[at] = d.pick([0, 1, 2, 255, 256, 0x7fffff, 0x800000, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff])
        break
      case 2:
        w[at] = (w[at] & 0xff) | (d.below(8) << 8)
        break
      case 3:
        w[at] = (w[at] & ~0xff) | d.below(96)
        break
      case 4:
        w = w.slice(0, at)
        break
      case 5:
        w[at] = w[d.below(w.length)]
        break
      default: {
        const to = Math.min(w.length, at + 1 + d.below(4))
        const more = new Uint32Array(w.length + to - at)
        more.set(w.subarray(0, to))
        more.set(w.subarray(at, to), to)
        more.set(w.subarray(to), to + to - at)
        w = more
      }
    }
    if (w.length === 0) break
  }
  return w
}
