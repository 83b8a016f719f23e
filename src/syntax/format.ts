/**
 * `rho fmt`: the same tokens and comments with other white space. Since only white space changes, the meaning stays; where two tokens
 * would run together they keep a space.
 *
 * The text is seen as groups of tokens that are either on one line or broken: brackets, parallel compositions, operator chains,
 * declarations. A group may break before its items. `Each` groups (blocks, maps, cases, `|`) put every item on its own line, `Fill`
 * groups (arguments, lists, operators) as many on a line as fit. Each-groups stay broken where the author broke them, which is what
 * makes the result stable: what was broken because it did not fit is broken by its author when formatted again.
 */
import type * as Ast from './ast.ts'
import type { Comment } from './lexer.ts'
import type { Lexeme } from './parser.ts'
import { parseTokens } from './parser.ts'
import { T } from './tokens.ts'

const WIDTH = 100
const STEP = 2
/** Deeper lines are not indented further: the output of a deeply nested program stays linear in its size. */
const INDENT_MAX = 80

const Each = 0
const Fill = 1

class Group {
  readonly kind: number
  /** First and last token. */
  readonly first: number
  readonly last: number
  readonly step: number
  /** A pair of brackets: breaks behind the first token and before the last one too. */
  readonly bracket: boolean
  forced = false
  parent: Group | null = null
  // While printing
  open = false
  broken = false
  indent = 0
  constructor(kind: number, first: number, last: number, step: number, bracket: boolean) {
    this.kind = kind
    this.first = first
    this.last = last
    this.step = step
    this.bracket = bracket
  }
}

/** The formatted program. A text with syntax errors is returned as it is. */
export function format(text: string): string {
  // A line break of ours is one of the author's when the result is formatted again. Where that moves another one, rarely, once more is stable.
  let once = text
  for (let pass = 0; pass < PASSES; pass++) {
    const again = formatOnce(once)
    if (again === once) break
    once = again
  }
  return once
}

const PASSES = 5

function formatOnce(text: string): string {
  const parsed = parseTokens({ name: '', text, base: 0 })
  if (parsed.diagnostics.some(d => d.severity === 'error')) return text
  return new Formatter(text, parsed.tokens, parsed.comments).run(parsed.program)
}

class Formatter {
  private readonly text: string
  /** The line end of the text: that of its first line. */
  private readonly eol: string
  private readonly tokens: readonly Lexeme[]
  private readonly comments: readonly Comment[]
  /** Token that starts at an offset. */
  private readonly at = new Map<number, number>()
  private readonly partner: Int32Array
  /** The innermost bracket around a token (not the one it is itself), -1 at top level. */
  private readonly bracketOf: (Group | null)[]
  private readonly binary: Uint8Array
  private readonly nodeStart: Uint8Array
  private readonly methodName: Uint8Array
  private readonly defining: Uint8Array
  /** The group that may break before the token. */
  private readonly breakOf: (Group | null)[]
  private readonly softGroups: Group[] = []
  /** The group of a bracket pair, at its opening token. */
  private readonly pairs: Group[] = []
  /** Groups that begin at a token, outermost first. */
  private readonly starting: Group[][] = []
  /** The comments before token i are those from firstComment[i] to firstComment[i + 1]; behind the last token follows one more range. */
  private readonly firstComment: Int32Array

  private readonly out: string[] = []
  private column = 0
  private readonly stack: Group[] = []

  constructor(text: string, tokens: readonly Lexeme[], comments: readonly Comment[]) {
    const size = tokens.length
    this.text = text
    this.eol = text[text.indexOf('\n') - 1] === '\r' ? '\r\n' : '\n'
    this.tokens = tokens
    this.comments = comments
    this.partner = new Int32Array(size).fill(-1)
    this.bracketOf = new Array<Group | null>(size).fill(null)
    this.breakOf = new Array<Group | null>(size).fill(null)
    this.binary = new Uint8Array(size)
    this.nodeStart = new Uint8Array(size)
    this.methodName = new Uint8Array(size)
    this.defining = new Uint8Array(size)
    this.firstComment = new Int32Array(size + 2)
    for (let i = 0; i < size; i++) this.at.set(tokens[i].start, i)
    let comment = 0
    for (let i = 0; i <= size; i++) {
      this.firstComment[i] = comment
      const end = i < size ? tokens[i].start : text.length + 1
      while (comment < comments.length && comments[comment].start < end) comment++
    }
    this.firstComment[size + 1] = comment
  }

  run(program: Ast.Proc): string {
    this.brackets()
    this.structure(program)
    this.force()
    this.print()
    const text = this.out.join('')
    return text === '' ? '' : text + this.eol
  }

  // --- structure -----------------------------------------------------------------------------------------------------------

  /** Groups of the bracket pairs, with the breaks behind the opening and before the closing bracket. */
  private brackets(): void {
    const { tokens } = this
    const size = tokens.length
    const open: number[] = []
    for (let i = 0; i < size; i++) {
      const tok = tokens[i].tok
      if (tok === T.LParen || tok === T.LBracket || tok === T.LBrace || tok === T.LPath) open.push(i)
      else if (tok === T.RParen || tok === T.RBracket || tok === T.RBrace || tok === T.RPath) {
        const j = open.pop()!
        this.partner[i] = j
        this.partner[j] = i
      }
    }
    const around: Group[] = []
    for (let i = 0; i < size; i++) {
      const tok = tokens[i].tok
      const j = this.partner[i]
      if (j >= 0 && j < i) {
        const group = around.pop()!
        if (j + 1 < i || this.firstComment[i] < this.firstComment[i + 1]) this.breakOf[i] = group
        this.bracketOf[i] = around.length > 0 ? around[around.length - 1] : null
        continue
      }
      const outer = around.length > 0 ? around[around.length - 1] : null
      this.bracketOf[i] = outer
      if (j > i) {
        const group = new Group(tok === T.LBrace ? Each : Fill, i, j, STEP, true)
        this.startAt(group)
        this.pairs[i] = group
        around.push(group)
        if (j > i + 1) this.breakOf[i + 1] = group
      } else if (outer !== null && outer.first === i - 1) this.breakOf[i] = outer
      if (j > i && outer !== null && outer.first === i - 1) this.breakOf[i] = outer
    }
  }

  private startAt(group: Group): void {
    const list = this.starting[group.first]
    if (list === undefined) this.starting[group.first] = [group]
    else list.push(group)
  }

  private index(position: number): number {
    return this.at.get(position) ?? -1
  }

  /** Last token that ends at or before a position. */
  private lastBefore(end: number): number {
    let low = 0
    let high = this.tokens.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.tokens[middle].end <= end) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Walk over the tree for what tokens alone do not tell. */
  private structure(program: Ast.Proc): void {
    const work: unknown[] = [program]
    const inChain = new Set<unknown>()
    while (work.length > 0) {
      const node = work.pop() as Ast.Proc
      if (node === null || typeof node !== 'object' || ArrayBuffer.isView(node)) continue
      if (Array.isArray(node)) {
        for (const part of node) work.push(part)
        continue
      }
      const first = this.index(node.start)
      switch (node.kind) {
        case 'par':
          this.parGroup(node)
          break
        case 'binary':
          this.binary[this.index(node.opStart)] = 1
          if (!inChain.has(node)) this.chainGroup(node, inChain)
          break
        case 'new':
          if (node.decls.length > 1) this.softGroup(node.decls, 2 * STEP, Fill)
          break
        case 'contract':
          this.items(node.formals.items)
          break
        case 'for':
          for (const r of node.receipts) this.items(r.binds)
          break
        case 'send':
          this.items(node.args)
          break
        case 'tuple':
        case 'list':
        case 'set':
        case 'pathmap':
          this.items(node.items)
          break
        case 'map':
          this.items(node.keys)
          break
        case 'method':
          this.items(node.args)
          this.methodName[this.index(node.nameStart)] = 1
          break
        case 'match':
          this.items(node.cases)
          break
        case 'select':
          this.items(node.branches)
          break
        case 'agent':
          this.items(node.members)
          for (const m of node.members) this.items(m.formals.items)
          break
        case 'let':
          for (const d of node.decls) if (d.simple) this.defining[this.index(d.names.items[0].start) + 1] = 1
          if (node.decls.length > 1) this.softGroup(node.decls, 4)
          break
        case 'sync':
          this.items(node.args)
          if (node.cont !== null && node.cont.kind !== 'block') this.softGroup([node, node.cont], 0)
          break
      }
      if (node.kind !== undefined && first >= 0) this.nodeStart[first] = 1
      else if ('form' in node && 'args' in node) this.items((node as unknown as Ast.Source).args)
      for (const part of Object.values(node)) if (typeof part === 'object') work.push(part)
    }
    this.nest()
  }

  /** The bracket around them may break before each of these. */
  private items(nodes: readonly { readonly start: number }[]): void {
    for (const node of nodes) {
      const i = this.index(node.start)
      this.breakOf[i] = this.bracketOf[i]
    }
  }

  private parGroup(node: Ast.Par): void {
    const first = this.index(node.start)
    const last = this.lastBefore(node.end)
    const owner =
      first > 0 && this.tokens[first - 1].tok === T.LBrace && this.partner[first - 1] === last + 1 ? this.bracketOf[first] : null
    if (owner !== null) {
      for (const item of node.items) this.breakOf[this.index(item.start)] = owner
      return
    }
    this.softGroup(node.items, first === 0 ? 0 : STEP)
  }

  /** A group without brackets that breaks before each of `items` but the first. */
  private softGroup(items: readonly { readonly start: number; readonly end: number }[], step: number, kind: number = Each): void {
    const first = this.index(items[0].start)
    const last = this.lastBefore(items[items.length - 1].end)
    const group = new Group(kind, first, last, step, false)
    this.softGroups.push(group)
    for (let k = 1; k < items.length; k++) this.breakOf[this.index(items[k].start)] = group
  }

  /** All operators of one chain form one group: it breaks behind any of them. Parts in parentheses are chains of their own. */
  private chainGroup(node: Ast.Binary, inChain: Set<unknown>): void {
    const group = new Group(Fill, this.index(node.start), this.lastBefore(node.end), STEP, false)
    this.softGroups.push(group)
    const work: Ast.Proc[] = [node]
    while (work.length > 0) {
      const part = work.pop()!
      if (part.kind !== 'binary') continue
      if (part !== node && this.text[part.start] === '(' && this.partner[this.index(part.start)] === this.lastBefore(part.end)) continue
      inChain.add(part)
      const operand = this.index(part.opStart) + 1
      if (this.breakOf[operand] === null) this.breakOf[operand] = group
      work.push(part.left, part.right)
    }
  }

  /** Soft groups start inside the brackets that start at the same token only if they end inside them. */
  private nest(): void {
    for (const group of this.softGroups) {
      const list = this.starting[group.first]
      if (list === undefined) this.starting[group.first] = [group]
      else list.push(group)
    }
    for (const list of this.starting)
      if (list !== undefined && list.length > 1) list.sort((a, b) => b.last - a.last || (a.bracket ? 1 : 0) - (b.bracket ? 1 : 0))
    const stack: Group[] = []
    for (let i = 0; i < this.tokens.length; i++) {
      while (stack.length > 0 && stack[stack.length - 1].last < i) stack.pop()
      const list = this.starting[i]
      if (list === undefined) continue
      for (const group of list) {
        group.parent = stack.length > 0 ? stack[stack.length - 1] : null
        stack.push(group)
      }
    }
  }

  /** Decide which groups are broken whatever their width. */
  private force(): void {
    const around: Group[] = []
    for (let i = 0; i < this.tokens.length; i++) {
      while (around.length > 0 && around[around.length - 1].last < i) around.pop()
      const group = this.breakOf[i]
      if (group !== null && group.kind === Each ? this.newlineBefore(i) : this.commentBreaks(i)) {
        const broken = group ?? (around.length > 0 ? around[around.length - 1] : null)
        if (broken !== null && !broken.forced) this.forceFrom(broken)
      }
      const list = this.starting[i]
      if (list !== undefined) for (const g of list) around.push(g)
    }
  }

  /** A group that is broken breaks those around it, except filled groups that end with a block. */
  private forceFrom(group: Group): void {
    group.forced = true
    let inner = group
    let hugged = inner.kind === Each && inner.bracket
    for (let outer = group.parent; outer !== null; outer = outer.parent) {
      if (outer.kind === Fill && hugged && this.endsWith(outer, inner.last)) {
        inner = outer
        continue
      }
      if (outer.forced) return
      outer.forced = true
      inner = outer
      hugged = outer.kind === Each && outer.bracket
    }
  }

  /** Behind the block that ends with `last`, the group has nothing but closing brackets. */
  private endsWith(group: Group, last: number): boolean {
    return last >= (group.bracket ? group.last - 1 : group.last)
  }

  private newlineBefore(i: number): boolean {
    const from = i > 0 ? this.tokens[i - 1].end : 0
    const at = this.text.indexOf('\n', from)
    return at >= 0 && at < this.tokens[i].start
  }

  private commentBreaks(i: number): boolean {
    for (let k = this.firstComment[i]; k < this.firstComment[i + 1]; k++)
      if (this.startsLine(this.comments[k]) || this.endsLine(this.comments[k])) return true
    return false
  }

  /** A line break must or should follow: behind `//`, and behind a comment that stands alone on its lines. */
  private endsLine(comment: Comment): boolean {
    if (comment.form !== 'block') return true
    let i = comment.end
    while (i < this.text.length && (this.text[i] === ' ' || this.text[i] === '\t' || this.text[i] === '\r')) i++
    return this.text[i] === '\n' && this.startsLine(comment)
  }

  private startsLine(comment: Comment): boolean {
    let i = comment.start - 1
    while (i >= 0 && (this.text[i] === ' ' || this.text[i] === '\t')) i--
    return i < 0 || this.text[i] === '\n'
  }

  // --- printing ------------------------------------------------------------------------------------------------------------

  private print(): void {
    const { tokens, stack } = this
    for (let i = 0; i < tokens.length; i++) {
      while (stack.length > 0 && stack[stack.length - 1].last < i) stack.pop()!.open = false
      this.separate(i)
      const list = this.starting[i]
      if (list !== undefined) for (const group of list) this.enter(group)
      this.write(this.text.slice(tokens[i].start, tokens[i].end))
    }
    while (stack.length > 0) stack.pop()
    for (let k = this.firstComment[tokens.length]; k < this.firstComment[tokens.length + 1]; k++) this.comment(k, 0)
  }

  private indent(): number {
    return this.stack.length === 0 ? 0 : this.stack[this.stack.length - 1].indent
  }

  private enter(group: Group): void {
    const outer = this.indent()
    group.open = true
    group.broken = group.forced || !this.fits(group.first, group.last, this.column, group)
    group.indent = group.broken ? Math.min(outer + group.step, INDENT_MAX) : outer
    this.stack.push(group)
  }

  /** White space and comments before token `i`. */
  private separate(i: number): void {
    const group = this.breakOf[i]
    const closes = group?.bracket === true && group.last === i
    const inner = this.indent()
    let indent = inner
    if (closes) indent = this.stack.length > 1 ? this.stack[this.stack.length - 2].indent : 0
    let line = false
    if (group?.broken === true && group.open) {
      line = true
      if (group.kind === Fill && !closes && i !== group.first + 1) line = this.wraps(i, group)
    }
    const from = this.firstComment[i]
    const to = this.firstComment[i + 1]
    if (from === to) {
      if (line) this.newline(indent, this.blankBefore(i) && !closes && !(group!.bracket && i === group!.first + 1))
      else if (i > 0 && this.spaced(i)) this.write(' ')
      return
    }
    let lineEnded = false
    for (let k = from; k < to; k++) lineEnded = this.comment(k, inner, i === 0 ? -1 : i - 1)
    if (line || lineEnded) this.newline(indent, !closes && this.column > 0 && this.blankBefore(i))
    else if (i > 0 || from < to) this.write(' ')
  }

  /** Print a comment; true if a line break must follow. */
  private comment(k: number, indent: number, after = this.tokens.length - 1): boolean {
    const comment = this.comments[k]
    const text = this.text.slice(comment.start, comment.end)
    const previous = k > 0 && this.comments[k - 1].start > (after >= 0 ? this.tokens[after].start : -1) ? this.comments[k - 1] : null
    if (this.out.length > 0) {
      if (this.startsLine(comment) || (previous !== null && this.endsLine(previous))) {
        const opener = after >= 0 && previous === null && this.partner[after] > after
        this.newline(indent, !opener && this.blank(comment.start))
      } else this.write(' ')
    }
    this.write(text)
    return this.endsLine(comment)
  }

  private blankBefore(i: number): boolean {
    return this.blank(this.tokens[i].start)
  }

  /** An empty line stands directly before a position. */
  private blank(position: number): boolean {
    let lines = 0
    for (let i = position - 1; i >= 0; i--) {
      const c = this.text.charCodeAt(i)
      if (c === 10) lines++
      else if (c !== 32 && c !== 9 && c !== 13 && c !== 11 && c !== 12) break
      if (lines > 1) return true
    }
    return false
  }

  private newline(indent: number, blank: boolean): void {
    if (this.out.length === 0) return
    if (blank) this.out.push(this.eol)
    this.out.push(this.eol, ' '.repeat(indent))
    this.column = indent
  }

  private write(text: string): void {
    this.out.push(text)
    const line = text.lastIndexOf('\n')
    this.column = line < 0 ? this.column + text.length : text.length - line - 1
  }

  /** In a filled group: the item that begins at `i` does not fit on this line. */
  private wraps(i: number, group: Group): boolean {
    let last = i
    while (last < group.last && this.breakOf[last + 1] !== group) {
      last++
      if (last - i > 4 * WIDTH) break // it cannot be looked at to its end each time; so long an item does not fit anyway
    }
    const column = this.firstComment[i] < this.firstComment[i + 1] ? this.afterComments(i, this.column) : this.column + 1
    return !this.fits(i, last, column, group)
  }

  /**
   * Whether the tokens from `first` to `last`, and what is stuck to them, fit on the line from `column` on. In a filled group also a block
   * at its end may be what does not fit: the block breaks then, not the group around it.
   */
  private fits(first: number, last: number, column: number, group: Group): boolean {
    const { tokens } = this
    let block = -1 // last token of a block at the end
    for (let i = first; i < tokens.length; i++) {
      if (i > first) {
        const owner = this.breakOf[i]
        if (i > last && owner !== null && (!owner.open || owner.broken)) return true
        if (this.firstComment[i] < this.firstComment[i + 1]) {
          if (this.commentBreaks(i)) return true
          column = this.afterComments(i, column)
        } else if (this.spaced(i)) column++
        if (owner !== null && owner !== group && owner.forced && owner.first >= first && i <= last) return block >= 0
      }
      const { start, end, tok } = tokens[i]
      const line = tok === T.Str ? this.text.indexOf('\n', start) : -1
      if (line >= 0 && line < end) {
        if (column + line - start > WIDTH) return block >= 0
        column = end - this.text.lastIndexOf('\n', end - 1) - 1
      } else column += end - start
      if (column > WIDTH) return block >= 0
      const partner = this.partner[i]
      if (partner > i) {
        if (i > last && partner > i + 1) return true
        if (group.kind === Fill && tok === T.LBrace && partner > i + 1 && i > first && block < i && this.hugs(i, last, group))
          block = partner
      }
    }
    return true
  }

  /** The column behind comments that stay on the line, and the space behind them. */
  private afterComments(i: number, column: number): number {
    for (let k = this.firstComment[i]; k < this.firstComment[i + 1]; k++) {
      const { start, end } = this.comments[k]
      const line = this.text.lastIndexOf('\n', end - 1)
      column = line > start ? end - line - 1 : column + 1 + end - start
    }
    return column + 1
  }

  /** The block that opens at `open` ends the tokens up to `last`, with only filled groups of `group` around it. */
  private hugs(open: number, last: number, group: Group): boolean {
    for (let i = this.partner[open] + 1; i <= last; i++) if (this.partner[i] < 0 || this.partner[i] > i) return false
    let outer = this.pairs[open].parent
    while (outer !== null && outer !== group && outer.kind === Fill) outer = outer.parent
    return outer === group
  }

  /** A space stands between token `i` and the one before. */
  private spaced(i: number): boolean {
    const { tokens } = this
    const tok = tokens[i].tok
    const last = tokens[i - 1].tok
    switch (last) {
      case T.LParen:
      case T.LBracket:
      case T.LPath:
      case T.At:
      case T.Tilde:
      case T.Dots:
      case T.Bang:
      case T.BangBang:
      case T.BangQuest:
        return false
      case T.LBrace:
        return tok !== T.RBrace && this.roomy(i - 1)
      case T.Dot:
        return this.methodName[i] === 0
      case T.Star:
        return this.binary[i - 1] === 1
      case T.Eq:
        return this.defining[i - 1] === 1 || tok === T.LBrace
      case T.Minus:
        if (this.binary[i - 1] === 0) {
          const c = this.text.charCodeAt(tokens[i].start)
          return c === 45 || c === 46 || (c >= 48 && c <= 57)
        }
        return true
      case T.Bundle:
      case T.BundlePlus:
      case T.BundleMinus:
      case T.Bundle0:
        return false
    }
    switch (tok) {
      case T.RParen:
      case T.RBracket:
      case T.RPath:
      case T.Comma:
      case T.Semi:
      case T.Bang:
      case T.BangBang:
      case T.BangQuest:
      case T.QuestBang:
        return false
      case T.Dot:
        return last === T.Int && i + 1 < tokens.length && /[eEfp]/.test(this.text[tokens[i + 1].start])
      case T.RBrace:
        return this.roomy(this.partner[i])
      case T.LParen:
        return this.nodeStart[i] === 1 || last === T.If || last === T.For
    }
    return true
  }

  /** The brace at `open` has spaces inside: a block, unless it only quotes. */
  private roomy(open: number): boolean {
    if (open > 0) {
      const before = this.tokens[open - 1].tok
      if (before === T.At || before === T.Bundle || before === T.BundlePlus || before === T.BundleMinus || before === T.Bundle0)
        return false
    }
    return !this.isMap(open)
  }

  /** The first item decides: behind it comes `:` or a remainder. */
  private isMap(open: number): boolean {
    const known = this.maps.get(open)
    if (known !== undefined) return known
    let map = false
    const end = this.partner[open]
    for (let i = open + 1; i < end; i++) {
      if (this.partner[i] > i) i = this.partner[i]
      else if (this.tokens[i].tok === T.Colon || (i === open + 1 && this.tokens[i].tok === T.Dots)) {
        map = true
        break
      }
    }
    this.maps.set(open, map)
    return map
  }

  private readonly maps = new Map<number, boolean>()
}
