/** The token of `rholang.grammar` that needs code: a number with its sign. */
import type { InputStream } from '@lezer/lr'
import { ExternalTokenizer } from '@lezer/lr'

const NUMBER = /^-(?:\d+(?:\.\d+|\.(?=[eE][+-]?\d|[fp]\d))?|\.\d+)(?:[nr]|\/\d+r|[iu]\d+|p\d+|(?:[eE][+-]?\d+)?(?:f(?:32|64|128|256))?)?/
/** A word before a sign that ends no operand. */
const BEFORE_OPERAND = new Set(['in', 'else', 'and', 'or', 'not', 'matches', 'match', 'where'])

/**
 * Asked only where a number may come next. In the body of a case that is also where an operator may come: a sign continues the
 * body, unless that is a block.
 */
export function negativeNumber(term: number): ExternalTokenizer {
  return new ExternalTokenizer((input, stack) => {
    if (input.next !== 45 || !stack.canShift(term) || endsOperand(input)) return
    let text = '-'
    for (let i = 1; i < 400; i++) {
      const code = input.peek(i)
      if (code < 0 || !/[\w.+\-/]/.test(String.fromCharCode(code))) break
      text += String.fromCharCode(code)
    }
    const match = NUMBER.exec(text)
    if (match !== null) input.acceptToken(term, match[0].length)
  })
}

function endsOperand(input: InputStream): boolean {
  let at = -1
  while (input.peek(at) === 32 || input.peek(at) === 10) at--
  const last = String.fromCharCode(Math.max(0, input.peek(at)))
  if (/[)\]"`]/.test(last)) return true
  if (!/[\w']/.test(last)) return false
  let word = ''
  for (; /[\w']/.test(String.fromCharCode(Math.max(0, input.peek(at)))); at--) word = String.fromCharCode(input.peek(at)) + word
  return !BEFORE_OPERAND.has(word)
}
