/**
 * Text to tokens, one at a time, on demand: where an operand may start, a sign or a dot belongs to the number that follows, and only
 * the parser knows where that is. Errors and lints go to `diagnostics`; the lexer always makes progress and never throws.
 */
import type { Code } from '../base/codes.ts'
import type { Diagnostic } from '../base/diagnostic.ts'
import { errorAt, lintAt } from '../base/diagnostic.ts'
import type { SourceFile } from '../base/source.ts'
import type { Token } from './tokens.ts'
import { SPELLING, T, WORDS } from './tokens.ts'

/** A comment with its delimiters, without the line break that ends it. Positions as in `base/source.ts`. */
export interface Comment {
  readonly start: number
  readonly end: number
  readonly form: 'line' | 'block' | 'shebang'
}

export interface Rational {
  readonly num: bigint
  readonly den: bigint
}

export interface Decimal {
  readonly unscaled: bigint
  readonly scale: number
}

const LETTER = 1
const DIGIT = 2
const HEX = 4
const WORD = 8 // may continue an identifier
const SPACE = 16

/** Classes of the ASCII characters. */
const CLASS = new Uint8Array(128)
for (let c = 0; c < 128; c++) {
  const s = String.fromCharCode(c)
  if (/[A-Za-z]/.test(s)) CLASS[c] |= LETTER | WORD
  if (/[0-9]/.test(s)) CLASS[c] |= DIGIT | WORD
  if (/[0-9A-Fa-f]/.test(s)) CLASS[c] |= HEX
  if (s === '_' || s === "'") CLASS[c] |= WORD
  if (/[ \t\v\f\r\n]/.test(s)) CLASS[c] |= SPACE
}

const ESCAPES = 'valid escapes are \\n \\t \\r \\0 \\\\ \\" and \\u{H…} with 1 to 6 hexadecimal digits'
const NUMBERS = 'numbers are written like 5, 5n, 5i32, 5u8, 1/2r, 2.5, 1e9, 2.5f64, 2.50p2, 0x00ff'
const INT_MAX = 9223372036854775807n
const INT_MIN = -9223372036854775808n
const UNSIGNED_MAX = 18446744073709551615n
/** Digits after the point that a Fixed may have: its value is an integer of at least so many digits. */
const SCALE_MAX = 1_000_000

/** What stands around strings in other languages, and what ends it. */
const CLOSING_QUOTES: Readonly<Record<string, string>> = { "'": "'", '“': '”', '”': '”', '„': '“”', '«': '»', '»': '«', '‘': '’', '’': '’' }
/** A closing quote is not looked for further than this: it is done again for every opening one. */
const QUOTED_MAX = 1000
const INVISIBLE = /[\p{Z}\p{Cf}]/u

const RESERVED = new Set(WORDS.map(word => SPELLING[word]))

const { Ident, Wildcard, End } = T

/** The table of identifiers as every text begins with it. */
const KNOWN = known()
function known(): { slots: Int32Array<ArrayBuffer>; hashes: number[]; names: string[]; kinds: Token[] } {
  const slots = new Int32Array(256)
  const hashes = [0]
  const names = ['']
  const kinds: Token[] = [T.End]
  for (const word of WORDS) {
    const spelling = SPELLING[word]
    let hash = 0
    for (let i = 0; i < spelling.length; i++) hash = (Math.imul(hash, 31) + spelling.charCodeAt(i)) | 0
    let slot = (hash ^ (hash >>> 15)) & (slots.length - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1)
    slots[slot] = names.length
    names.push(spelling)
    hashes.push(hash)
    kinds.push(word)
  }
  return { slots, hashes, names, kinds }
}

export class Lexer {
  readonly text: string
  /** Position of the first character; token positions are `base + offset`. */
  readonly base: number
  readonly diagnostics: Diagnostic[]
  readonly comments: Comment[] = []
  /** The current token. */
  tok: Token = T.End
  start = 0
  end = 0
  /** End of the token before the current one. */
  prevEnd = 0
  /** Identifier (interned), decoded String, Uri text or number as text-independent value; which one `tok` says. */
  name = ''
  int = 0
  value: bigint | Rational | Decimal | Uint8Array = 0n
  /** Where the last lexical error was put; the parser does not add to a mistake that is already reported. */
  errorAfter = -1
  /** A string or comment ran to the end: what is missing at the end is no further mistake. */
  runaway = false
  private pos: number
  private readonly size: number

  // Interned identifiers: open addressing over parallel arrays, reserved words first.
  private mask = KNOWN.slots.length - 1
  private slots = KNOWN.slots.slice()
  private readonly hashes = KNOWN.hashes.slice()
  private readonly names = KNOWN.names.slice()
  private readonly kinds = KNOWN.kinds.slice()

  constructor(file: SourceFile, diagnostics: Diagnostic[]) {
    this.text = file.text
    this.base = file.base
    this.size = file.text.length
    this.diagnostics = diagnostics
    let pos = 0
    if (this.text.charCodeAt(0) === 0xfeff) pos = 1
    if (this.text.charCodeAt(pos) === 35 && this.text.charCodeAt(pos + 1) === 33) pos = this.lineComment(pos, 'shebang')
    this.pos = pos
    this.prevEnd = this.base
  }

  private insert(hash: number, name: string, kind: Token): void {
    const index = this.names.length
    this.names.push(name)
    this.hashes.push(hash)
    this.kinds.push(kind)
    if (index * 2 > this.mask) this.grow()
    else {
      let slot = (hash ^ (hash >>> 15)) & this.mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask
      this.slots[slot] = index
    }
  }

  private grow(): void {
    this.mask = this.mask * 2 + 1
    this.slots = new Int32Array(this.mask + 1)
    for (let index = 1; index < this.names.length; index++) {
      const hash = this.hashes[index]
      let slot = (hash ^ (hash >>> 15)) & this.mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask
      this.slots[slot] = index
    }
  }

  private error(code: Code, from: number, to: number, message: string, hint: string): void {
    this.diagnostics.push(errorAt(code, this.base + from, this.base + to, message, hint))
  }

  private lineComment(pos: number, form: 'line' | 'shebang'): number {
    let end = this.text.indexOf('\n', pos)
    if (end < 0) end = this.size
    const next = end
    if (this.text.charCodeAt(end - 1) === 13) end--
    this.comments.push({ start: this.base + pos, end: this.base + end, form })
    return next
  }

  /** Advance to the next token. At the end `tok` is `T.End` and stays. */
  next(): Token {
    const text = this.text
    const size = this.size
    this.prevEnd = this.end
    let pos = this.pos
    for (;;) {
      if (pos >= size) return this.finish(End, size, size)
      const c = text.charCodeAt(pos)
      if (c > 127) {
        pos = this.illegal(pos)
        continue
      }
      const kind = CLASS[c]
      if (kind & SPACE) {
        pos++
        continue
      }
      if (kind & LETTER || c === 95) return this.word(pos, c)
      if (kind & DIGIT) return this.number(pos, pos, false)
      switch (c) {
        case 34: // "
          return this.string(pos)
        case 96: // `
          return this.uri(pos)
        case 47: {
          // /
          const d = text.charCodeAt(pos + 1)
          if (d === 47) {
            pos = this.lineComment(pos, 'line')
            continue
          }
          if (d === 42) {
            let end = text.indexOf('*/', pos + 2)
            if (end < 0) {
              this.error('RHO101', pos, pos + 2, 'this comment is never closed', 'close it with `*/`; comments do not nest')
              this.runaway = true
              end = size
            } else end += 2
            this.comments.push({ start: this.base + pos, end: this.base + end, form: 'block' })
            pos = end
            continue
          }
          if (d === 92) return this.finish(T.Conj, pos, pos + 2)
          return this.finish(T.Slash, pos, pos + 1)
        }
        case 92: // \
          if (text.charCodeAt(pos + 1) === 47) return this.finish(T.Disj, pos, pos + 2)
          break
        case 33: {
          // !
          const d = text.charCodeAt(pos + 1)
          if (d === 33) return this.finish(T.BangBang, pos, pos + 2)
          if (d === 63) return this.finish(T.BangQuest, pos, pos + 2)
          if (d === 61) return this.finish(T.NotEq, pos, pos + 2)
          return this.finish(T.Bang, pos, pos + 1)
        }
        case 63: // ?
          if (text.charCodeAt(pos + 1) === 33) return this.finish(T.QuestBang, pos, pos + 2)
          break
        case 124: {
          // |
          const d = text.charCodeAt(pos + 1)
          if (d === 124) return this.finish(T.BarBar, pos, pos + 2)
          if (d === 125) return this.finish(T.RPath, pos, pos + 2)
          return this.finish(T.Bar, pos, pos + 1)
        }
        case 38: // &
          if (text.charCodeAt(pos + 1) === 38) return this.finish(T.AmpAmp, pos, pos + 2)
          return this.finish(T.Amp, pos, pos + 1)
        case 61: {
          // =
          const d = text.charCodeAt(pos + 1)
          if (d === 61) return this.finish(T.EqEq, pos, pos + 2)
          if (d === 62) return this.finish(T.Arrow, pos, pos + 2)
          return this.finish(T.Eq, pos, pos + 1)
        }
        case 60: {
          // <
          const d = text.charCodeAt(pos + 1)
          if (d === 45) return this.finish(T.LArrow, pos, pos + 2)
          if (d === 61) return this.finish(T.LtEq, pos, pos + 2)
          if (d === 60 && text.charCodeAt(pos + 2) === 45) return this.finish(T.LLArrow, pos, pos + 3)
          return this.finish(T.Lt, pos, pos + 1)
        }
        case 62: // >
          if (text.charCodeAt(pos + 1) === 61) return this.finish(T.GtEq, pos, pos + 2)
          return this.finish(T.Gt, pos, pos + 1)
        case 43: // +
          if (text.charCodeAt(pos + 1) === 43) return this.finish(T.PlusPlus, pos, pos + 2)
          return this.finish(T.Plus, pos, pos + 1)
        case 45: // -
          if (text.charCodeAt(pos + 1) === 45) return this.finish(T.MinusMinus, pos, pos + 2)
          return this.finish(T.Minus, pos, pos + 1)
        case 42:
          return this.finish(T.Star, pos, pos + 1)
        case 37: // %
          if (text.charCodeAt(pos + 1) === 37) return this.finish(T.PercentPercent, pos, pos + 2)
          return this.finish(T.Percent, pos, pos + 1)
        case 126:
          return this.finish(T.Tilde, pos, pos + 1)
        case 64:
          return this.finish(T.At, pos, pos + 1)
        case 46: // .
          if (text.charCodeAt(pos + 1) === 46 && text.charCodeAt(pos + 2) === 46) return this.finish(T.Dots, pos, pos + 3)
          return this.finish(T.Dot, pos, pos + 1)
        case 44:
          return this.finish(T.Comma, pos, pos + 1)
        case 59:
          return this.finish(T.Semi, pos, pos + 1)
        case 58:
          return this.finish(T.Colon, pos, pos + 1)
        case 40:
          return this.finish(T.LParen, pos, pos + 1)
        case 41:
          return this.finish(T.RParen, pos, pos + 1)
        case 91:
          return this.finish(T.LBracket, pos, pos + 1)
        case 93:
          return this.finish(T.RBracket, pos, pos + 1)
        case 123: // {
          if (text.charCodeAt(pos + 1) === 124) return this.finish(T.LPath, pos, pos + 2)
          return this.finish(T.LBrace, pos, pos + 1)
        case 125:
          return this.finish(T.RBrace, pos, pos + 1)
      }
      pos = this.illegal(pos)
    }
  }

  private finish(tok: Token, from: number, to: number): Token {
    this.tok = tok
    this.start = this.base + from
    this.end = this.base + to
    this.pos = to
    return tok
  }

  /** Report one character, or a run of characters outside ASCII, and go on behind it. */
  private illegal(pos: number): number {
    const text = this.text
    const code = text.codePointAt(pos)!
    const char = String.fromCodePoint(code)
    let end = pos + char.length
    let hint = ''
    let shown = code < 32 || code === 127 || (code >= 0x80 && code <= 0xa0) || (code >= 0xd800 && code <= 0xdfff)
    const closing = CLOSING_QUOTES[char]
    if (closing !== undefined) {
      hint = 'strings are written between `"` and `"`'
      end = this.quoted(end, closing)
    } else if (code > 127) {
      while (end < this.size && text.charCodeAt(end) > 127) end++
      const plain = char.normalize('NFKC')
      if (code === 0xa0) hint = 'this is a no-break space; write an ordinary space'
      else if (INVISIBLE.test(char)) {
        shown = true
        hint = 'this character cannot be seen; remove it, or write an ordinary space'
      } else if (plain.length === 1 && plain.charCodeAt(0) < 128) {
        hint = `write an ordinary \`${plain}\``
        end = pos + 1
      } else hint = 'outside strings, URIs and comments only ASCII characters are allowed'
    } else if (char === '#') {
      hint = 'a comment is written `// …` or `/* … */`'
      end = text.indexOf('\n', pos)
      if (end < 0) end = this.size
    } else if (char === '?') hint = 'the operators with `?` are `!?` and `?!`'
    else if (char === '^') hint = 'there is no operator `^`'
    else if (char === '\\') hint = 'the connectives are `/\\` and `\\/`'
    this.error(
      'RHO101',
      pos,
      end,
      `${shown ? `the character U+${code.toString(16).toUpperCase().padStart(4, '0')}` : `\`${char}\``} begins no token`,
      hint,
    )
    this.errorAfter = this.base + end
    return end
  }

  /** Behind the next of some characters on the line; where there is none, `from`. */
  private quoted(from: number, closing: string): number {
    for (let at = from; at < this.size && at < from + QUOTED_MAX; at++) {
      const char = this.text[at]
      if (closing.includes(char)) return at + 1
      if (char === '\n') break
    }
    return from
  }

  private word(from: number, first: number): Token {
    const text = this.text
    let pos = from + 1
    let hash = first
    for (; pos < this.size; pos++) {
      const c = text.charCodeAt(pos)
      if (c > 127 || !(CLASS[c] & WORD)) break
      hash = (Math.imul(hash, 31) + c) | 0
    }
    if (pos === from + 1 && first === 95) return this.finish(Wildcard, from, pos)
    const length = pos - from
    let slot = (hash ^ (hash >>> 15)) & this.mask
    for (;;) {
      const index = this.slots[slot]
      if (index === 0) break
      if (this.hashes[index] === hash) {
        const name = this.names[index]
        if (name.length === length) {
          let i = 0
          while (i < length && name.charCodeAt(i) === text.charCodeAt(from + i)) i++
          if (i === length) {
            const kind = this.kinds[index]
            if (kind === Ident) {
              this.name = name
              return this.finish(Ident, from, pos)
            }
            if (kind === T.Bundle) {
              const c = text.charCodeAt(pos)
              if (c === 43) return this.finish(T.BundlePlus, from, pos + 1)
              if (c === 45) return this.finish(T.BundleMinus, from, pos + 1)
            }
            this.name = name
            return this.finish(kind, from, pos)
          }
        }
      }
      slot = (slot + 1) & this.mask
    }
    const name = text.slice(from, pos)
    this.insert(hash, name, Ident)
    this.name = name
    return this.finish(Ident, from, pos)
  }

  private string(from: number): Token {
    const text = this.text
    const size = this.size
    let pos = from + 1
    let done = pos // everything before is in `out`
    let out = ''
    for (;;) {
      if (pos >= size) {
        this.error('RHO101', from, from + 1, 'this string is never closed', 'a string ends with `"`; a quote inside is written `\\"`')
        this.runaway = true
        this.name = ''
        return this.finish(T.Str, from, size)
      }
      const c = text.charCodeAt(pos)
      if (c === 34) break
      if (c === 92) {
        out += text.slice(done, pos)
        const d = text.charCodeAt(pos + 1)
        let end = pos + 2
        if (d === 110) out += '\n'
        else if (d === 116) out += '\t'
        else if (d === 114) out += '\r'
        else if (d === 92) out += '\\'
        else if (d === 34) out += '"'
        else if (d === 48) {
          const e = text.charCodeAt(end)
          if (e >= 48 && e <= 57) this.error('RHO101', pos, end + 1, '`\\0` must not be followed by a decimal digit', 'write `\\u{0}`')
          out += '\0'
        } else if (d === 117) {
          end = this.unicodeEscape(pos)
          const code = this.int
          if (code >= 0) out += String.fromCodePoint(code)
        } else if (pos + 1 >= size) end = size
        else {
          const wide = text.codePointAt(pos + 1)! > 0xffff
          if (wide) end++
          this.error('RHO101', pos, end, `\`${text.slice(pos, end)}\` is no escape`, ESCAPES)
        }
        pos = done = end
        continue
      }
      if (c >= 0xd800 && c <= 0xdfff) {
        const d = text.charCodeAt(pos + 1)
        if (c < 0xdc00 && d >= 0xdc00 && d <= 0xdfff) pos++
        else this.error('RHO101', pos, pos + 1, 'half of a surrogate pair is no character', 'strings hold Unicode scalar values')
      }
      pos++
    }
    this.name = done === from + 1 ? text.slice(done, pos) : out + text.slice(done, pos)
    return this.finish(T.Str, from, pos + 1)
  }

  /** `\u{H…}` at `pos`: the code point goes to `int` (-1 if there is none); returns where the escape ends. */
  private unicodeEscape(pos: number): number {
    const text = this.text
    this.int = -1
    let end = pos + 2
    if (text.charCodeAt(end) !== 123) {
      this.error('RHO101', pos, end, '`\\u` needs hexadecimal digits in braces', 'write `\\u{1F344}`')
      return end
    }
    end++
    const first = end
    let code = 0
    while (end < this.size && text.charCodeAt(end) < 128 && CLASS[text.charCodeAt(end)] & HEX) {
      if (end - first < 7) code = code * 16 + Number.parseInt(text[end], 16)
      end++
    }
    const digits = end - first
    const closed = text.charCodeAt(end) === 125
    if (closed) end++
    if (!closed || digits === 0 || digits > 6) {
      this.error('RHO101', pos, end, '`\\u{…}` needs 1 to 6 hexadecimal digits', 'write `\\u{1F344}`')
    } else if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      this.error(
        'RHO101',
        pos,
        end,
        `\`${text.slice(pos, end)}\` is no Unicode scalar value`,
        'it must be at most 10FFFF and no surrogate (D800 to DFFF)',
      )
    } else this.int = code
    return end
  }

  private uri(from: number): Token {
    const text = this.text
    let pos = from + 1
    for (;;) {
      const c = pos < this.size ? text.charCodeAt(pos) : 10
      if (c === 96) break
      if (c === 10 || c === 13) {
        this.error('RHO101', from, pos, 'this URI is never closed', 'a URI ends with a back-quote on the same line')
        this.name = ''
        return this.skipBrokenUri(from, pos)
      }
      pos++
    }
    if (pos === from + 1) this.error('RHO101', from, pos + 1, 'a URI must not be empty', 'write for example `rho:io:stdout`')
    this.name = text.slice(from + 1, pos)
    return this.finish(T.Uri, from, pos + 1)
  }

  /**
   * A URI broken by a line break is most often closed on a later line, and then all of it is one mistake; a closing quote that was
   * forgotten is followed by other URIs. Take the next back-quote as the end only if the text before it could belong to a URI.
   */
  private skipBrokenUri(from: number, lineEnd: number): Token {
    const text = this.text
    let pos = lineEnd
    while (pos < this.size && text.charCodeAt(pos) < 128 && CLASS[text.charCodeAt(pos)] & SPACE) pos++
    while (pos < this.size) {
      const c = text.charCodeAt(pos)
      if (c === 96) return this.finish(T.Uri, from, pos + 1)
      if (c > 127 || !(CLASS[c] & WORD || c === 58)) break
      pos++
    }
    // Closing brackets before the line break belong to the program, not to the URI.
    pos = from + 1
    while (pos < lineEnd) {
      const c = text.charCodeAt(pos)
      if (c === 40 || c === 41 || c === 44 || c === 93 || c === 125 || c === 32) break
      pos++
    }
    return this.finish(T.Uri, from, pos)
  }

  // --- numbers -------------------------------------------------------------------------------------------------------------

  /** True if the current `-` or `.` token begins a number: the parser asks where an operand may start. */
  beginsNumber(): boolean {
    const text = this.text
    let pos = this.pos
    let c = text.charCodeAt(pos)
    if (c === 46 && this.tok === T.Minus) c = text.charCodeAt(++pos)
    return c >= 48 && c <= 57
  }

  /** Read the number that the current `-` or `.` token begins. */
  rescanNumber(): Token {
    const from = this.start - this.base
    return this.number(from, this.tok === T.Minus ? from + 1 : from, this.tok === T.Minus)
  }

  private digits(pos: number): number {
    const text = this.text
    while (pos < this.size) {
      const c = text.charCodeAt(pos)
      if (c < 48 || c > 57) break
      pos++
    }
    return pos
  }

  private wordAt(pos: number): boolean {
    const c = this.text.charCodeAt(pos)
    return c < 128 && (CLASS[c] & WORD) !== 0
  }

  /** Length of one of the suffixes `f32 f64 f128 f256` at `pos`, or 0. */
  private floatSuffix(pos: number): number {
    if (this.text.charCodeAt(pos) !== 102) return 0
    const end = this.digits(pos + 1)
    const width = this.text.slice(pos + 1, end)
    return width === '32' || width === '64' || width === '128' || width === '256' ? end - pos : 0
  }

  /** End of an exponent at `pos`, or `pos` if there is none. */
  private exponent(pos: number): number {
    const c = this.text.charCodeAt(pos)
    if (c !== 101 && c !== 69) return pos
    const d = this.text.charCodeAt(pos + 1)
    const first = d === 43 || d === 45 ? pos + 2 : pos + 1
    const end = this.digits(first)
    return end === first ? pos : end
  }

  /** Read a number: the token starts at `from` (with its sign), the digits or the dot at `at`. */
  private number(from: number, at: number, negative: boolean): Token {
    const text = this.text
    let pos = at
    let small = 0
    while (pos < this.size) {
      const c = text.charCodeAt(pos)
      if (c < 48 || c > 57) break
      small = small * 10 + (c - 48)
      pos++
    }
    const whole = pos // end of the integer digits
    const c = text.charCodeAt(pos)
    if (c === 46) {
      const fraction = this.digits(pos + 1)
      if (fraction > pos + 1) return this.fraction(from, at, whole, fraction, negative)
      if (this.dottedSuffix(from, at, whole, negative)) return this.tok
    } else if (c === 47) {
      const end = this.digits(pos + 1)
      if (end > pos + 1 && text.charCodeAt(end) === 114) {
        if (this.wordAt(end + 1)) return this.malformed(from, end + 1)
        return this.rational(from, at, whole, end, negative)
      }
    } else if (c < 128 && CLASS[c] & WORD) return this.suffixed(from, at, whole, negative)
    if (whole - at <= 15) {
      this.int = negative ? 0 - small : small
      return this.finish(T.Int, from, whole)
    }
    return this.integer(from, at, whole, negative)
  }

  private big(from: number, to: number, negative: boolean): bigint {
    try {
      const value = BigInt(this.text.slice(from, to))
      return negative ? -value : value
    } catch {
      this.error('RHO104', from, to, 'this number is too large for this machine', '')
      return 0n
    }
  }

  private integer(from: number, at: number, end: number, negative: boolean): Token {
    // Leading zeros are allowed, so the number of digits says nothing; the text is still short enough to convert in most cases.
    return this.inRange(this.big(at, end, negative), from, end, end)
  }

  private inRange(value: bigint, from: number, digitsEnd: number, end: number): Token {
    if (value > INT_MAX || value < INT_MIN) {
      const shown = digitsEnd - from <= 40 ? this.text.slice(from, digitsEnd) : ''
      this.error(
        'RHO104',
        from,
        end,
        `${shown === '' ? 'this number' : `\`${shown}\``} does not fit into an Int (64 bits, signed)`,
        shown === '' ? 'a BigInt is written with the suffix `n`' : `write the BigInt \`${shown}n\``,
      )
      value = 0n
    }
    if (value >= -9007199254740991n && value <= 9007199254740991n) {
      this.int = Number(value)
      return this.finish(T.Int, from, end)
    }
    this.value = value
    return this.finish(T.Wide, from, end)
  }

  /** `D` and directly a letter: exponent, suffix or a mistake. */
  private suffixed(from: number, at: number, whole: number, negative: boolean): Token {
    const text = this.text
    const c = text.charCodeAt(whole)
    if (c === 110 && !this.wordAt(whole + 1)) {
      this.value = this.big(at, whole, negative)
      return this.finish(T.BigInt, from, whole + 1)
    }
    if (c === 114 && !this.wordAt(whole + 1)) {
      this.value = { num: this.big(at, whole, negative), den: 1n }
      return this.finish(T.BigRat, from, whole + 1)
    }
    if (c === 120 && whole === at + 1 && text.charCodeAt(at) === 48 && !negative) return this.bytes(from, whole + 1)
    if (c === 105 || c === 117) {
      const end = this.digits(whole + 1)
      if (end > whole + 1 && !this.wordAt(end)) return this.sized(from, at, whole, end, negative)
    }
    if (c === 112) {
      const end = this.scaleEnd(whole)
      if (end > 0) return this.fixed(from, at, whole, whole, end, negative)
    }
    const exponent = this.exponent(whole)
    const end = exponent + this.floatSuffix(exponent)
    if (end > whole && !this.wordAt(end)) return this.float(from, exponent, end)
    return this.malformed(from, whole)
  }

  /** `D.` before a suffix. `1.foo()` is a method call, so what is no number after all leaves `D` alone. */
  private dottedSuffix(from: number, at: number, whole: number, negative: boolean): boolean {
    const dot = whole + 1
    const c = this.text.charCodeAt(dot)
    if (c === 112) {
      const end = this.scaleEnd(dot)
      if (end <= 0) return false
      this.fixed(from, at, whole, dot, end, negative)
      return true
    }
    if (c !== 102 && c !== 101 && c !== 69) return false
    const exponent = this.exponent(dot)
    const suffix = this.floatSuffix(exponent)
    if (suffix === 0 || this.wordAt(exponent + suffix)) return false
    this.float(from, exponent, exponent + suffix)
    return true
  }

  /** `D.D` or `.D`. */
  private fraction(from: number, at: number, whole: number, end: number, negative: boolean): Token {
    if (this.text.charCodeAt(end) === 112) {
      const scale = this.scaleEnd(end)
      if (scale > 0) return this.fixed(from, at, whole, end, scale, negative)
      return this.malformed(from, end)
    }
    const exponent = this.exponent(end)
    const suffix = exponent + this.floatSuffix(exponent)
    if (this.wordAt(suffix)) return this.malformed(from, end)
    return this.float(from, exponent, suffix)
  }

  private float(from: number, digitsEnd: number, end: number): Token {
    this.int = Number(this.text.slice(from, digitsEnd))
    return this.finish(T.Float, from, end)
  }

  /** End of `p S` at `pos`, 0 if it is malformed. */
  private scaleEnd(pos: number): number {
    const end = this.digits(pos + 1)
    if (end === pos + 1 || this.wordAt(end)) return 0
    if (end > pos + 2 && this.text.charCodeAt(pos + 1) === 48) return 0
    return end
  }

  /** A Fixed: integer digits `at`..`whole`, fraction up to `suffix` where the `p` stands. */
  private fixed(from: number, at: number, whole: number, suffix: number, end: number, negative: boolean): Token {
    const text = this.text
    let scale = end - suffix > 8 ? SCALE_MAX + 1 : Number(text.slice(suffix + 1, end))
    if (scale > SCALE_MAX) {
      this.error('RHO104', from, end, `a Fixed has at most ${SCALE_MAX} digits after the point`, '')
      scale = 0
    }
    const fraction = suffix > whole + 1 ? text.slice(whole + 1, suffix) : ''
    if (fraction.length > scale) {
      this.diagnostics.push(
        lintAt(
          'L08',
          this.base + from,
          this.base + end,
          `only ${scale} of ${fraction.length} fraction digits are kept`,
          `write \`p${fraction.length}\` to keep them all`,
        ),
      )
    }
    let unscaled = 0n
    try {
      unscaled = BigInt(`${text.slice(at, whole)}${fraction.slice(0, scale).padEnd(scale, '0')}`)
    } catch {
      this.error('RHO104', from, end, 'this number is too large for this machine', '')
    }
    this.value = { unscaled: negative ? -unscaled : unscaled, scale }
    return this.finish(T.Fixed, from, end)
  }

  private rational(from: number, at: number, whole: number, end: number, negative: boolean): Token {
    let num = this.big(at, whole, negative)
    let den = this.big(whole + 1, end, false)
    if (den === 0n) {
      this.error('RHO104', from, end + 1, 'the denominator is zero', '')
      den = 1n
    }
    let a = num < 0n ? -num : num
    let b = den
    while (b !== 0n) [a, b] = [b, a % b]
    if (a > 1n) {
      num /= a
      den /= a
    }
    this.value = { num, den }
    return this.finish(T.BigRat, from, end + 1)
  }

  /** `D i W`, `D u W`. */
  private sized(from: number, at: number, whole: number, end: number, negative: boolean): Token {
    const signed = this.text.charCodeAt(whole) === 105
    if (negative && !signed) {
      this.error(
        'RHO101',
        from,
        end,
        'an unsigned number has no sign',
        `write \`${this.text.slice(at - 1, whole)}i${this.text.slice(whole + 1, end)}\``,
      )
      this.int = 0
      return this.finish(T.Int, from, end)
    }
    const width = this.text.slice(whole + 1, end)
    const bits = width.length > 15 ? Number.NaN : Number(width)
    const allowed = bits >= 8 && Number.isInteger(Math.log2(bits)) && width[0] !== '0'
    const value = this.big(at, whole, negative)
    if (!allowed) {
      this.error('RHO104', from, end, `\`${width.slice(0, 20)}\` is no width`, 'the width of an integer is a power of two from 8 on')
      this.int = 0
      return this.finish(T.Int, from, end)
    }
    const fits =
      bits > 64
        ? signed || value >= 0n
        : signed
          ? value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits - 1)
          : value < 1n << BigInt(bits)
    if (!fits && value >= INT_MIN && value <= UNSIGNED_MAX && (!signed || value <= INT_MAX)) {
      this.diagnostics.push(
        lintAt(
          'L07',
          this.base + from,
          this.base + end,
          `the number does not fit into ${bits} bits; its value is kept`,
          'a literal is never cut off',
        ),
      )
    }
    if (!signed && value > INT_MAX && value <= UNSIGNED_MAX) {
      this.value = value
      return this.finish(T.BigInt, from, end)
    }
    return this.inRange(value, from, whole, end)
  }

  private bytes(from: number, at: number): Token {
    const text = this.text
    let end = at
    while (end < this.size && text.charCodeAt(end) < 128 && CLASS[text.charCodeAt(end)] & HEX) end++
    if (this.wordAt(end)) return this.malformed(from, end)
    if ((end - at) % 2 !== 0) {
      this.error('RHO101', from, end, 'a ByteArray needs an even number of hexadecimal digits', 'write two digits for each byte')
    }
    const bytes = new Uint8Array((end - at) >> 1)
    for (let i = 0; i < bytes.length; i++) bytes[i] = (hex(text.charCodeAt(at + 2 * i)) << 4) | hex(text.charCodeAt(at + 2 * i + 1))
    this.value = bytes
    return this.finish(T.Bytes, from, end)
  }

  private malformed(from: number, end: number): Token {
    while (this.wordAt(end)) end++
    const [last, next] = [this.text.charCodeAt(end - 1) | 32, this.text.charCodeAt(end)]
    if (last === 101 && (next === 43 || next === 45)) for (end++; this.wordAt(end); ) end++ // `1e+` is one mistake
    const shown = end - from > 40 ? '' : ` \`${this.text.slice(from, end)}\``
    this.error('RHO101', from, end, `the number${shown} is malformed`, NUMBERS)
    this.int = 0
    return this.finish(T.Int, from, end)
  }

  /** Give up: nothing follows, and nothing that is missing is worth a report. */
  abandon(): void {
    this.pos = this.size
    this.runaway = true
    this.next()
  }

  // --- looking ahead -------------------------------------------------------------------------------------------------------

  /** Code of the first character of the token after the current one, -1 at the end. Skips comments; nothing is recorded. */
  peek(): number {
    const pos = this.skipBlank(this.pos)
    return pos < this.size ? this.text.charCodeAt(pos) : -1
  }

  /** If an identifier or `_` follows the current token: the code of the first character behind it. Otherwise -1. */
  peekBehindWord(): number {
    let pos = this.skipBlank(this.pos)
    const c = this.text.charCodeAt(pos)
    if (!(c < 128 && (CLASS[c] & LETTER || c === 95))) return -1
    const from = pos
    while (this.wordAt(pos)) pos++
    if (RESERVED.has(this.text.slice(from, pos))) return -1
    pos = this.skipBlank(pos)
    return pos < this.size ? this.text.charCodeAt(pos) : -1
  }

  private skipBlank(pos: number): number {
    const text = this.text
    while (pos < this.size) {
      const c = text.charCodeAt(pos)
      if (c < 128 && CLASS[c] & SPACE) pos++
      else if (c === 47 && text.charCodeAt(pos + 1) === 47) {
        pos = text.indexOf('\n', pos)
        if (pos < 0) pos = this.size
      } else if (c === 47 && text.charCodeAt(pos + 1) === 42) {
        pos = text.indexOf('*/', pos + 2)
        pos = pos < 0 ? this.size : pos + 2
      } else break
    }
    return pos
  }
}

function hex(c: number): number {
  return c <= 57 ? c - 48 : (c | 32) - 87
}
