import { NAME_ITEMS_MAX } from './names.ts'

/**
 * Operands of a register instruction, in order: `d` register that is written, `a` value (register, or ~constant), `k` constant, `t` register pc to jump to,
 * `n` number, `*` as many values as the last number says, `+` one more, `**` twice as many, `**+` twice as many and one.
 */
export type RegisterOperand = 'd' | 'a' | 'k' | 't' | 'n' | 'm' | '*' | '+' | '**' | '**+'

export interface RegisterOp {
  readonly name: string
  readonly operands: readonly RegisterOperand[]
}

function op(name: string, ...operands: RegisterOperand[]): RegisterOp {
  return { name, operands }
}

/** By number. Each is followed by the price of what vanished into it, then its operands. The numbers live in link.ts (written) and shard.ts (run); a test compares. */
export const REGISTER_OPS: readonly RegisterOp[] = [
  op('HALT'),
  op('JUMP', 't'),
  op('JFALSE', 'a', 't'),
  op('ANDTHEN', 'd', 'a', 't'),
  op('ORELSE', 'd', 'a', 't'),
  op('BOOL', 'd', 'a'),
  op('MOVE', 'd', 'a'),
  op('LIST', 'd', 'n', '*'),
  op('TUPLE', 'd', 'n', '*'),
  op('SET', 'd', 'n', '*'),
  op('LISTR', 'd', 'n', '+'),
  op('SETR', 'd', 'n', '+'),
  op('MAP', 'd', 'n', '**'),
  op('MAPR', 'd', 'n', '**+'),
  op('PAR', 'd', 'n', '*'),
  op('BUNDLE', 'd', 'n', 'a'),
  op('CLOSE', 'd', 'k', 'n', '*'),
  op('NEW', 'd', 'n'),
  op('NEWURI', 'd', 'k'),
  op('SEND', 'a', 'k', 'n', '*'),
  op('SENDK', 'k', 'k', 'n', '*'),
  op('RECV', 'k', 'a'),
  op('RECVK', 'k', 'k'),
  op('JOIN', 'k', 'n', '*'),
  op('SELECT', 'k', 'n', '*'),
  op('CASE', 'a', 'k', 't'),
  op('SPAWN', 'k', 'n', '*'),
  op('EVAL', 'a'),
  op('METHOD', 'd', 'k', 'a', 'n', '*'),
  op('MATCHES', 'd', 'a', 'k'),
  op('NEG', 'd', 'a'),
  op('NOT', 'd', 'a'),
  ...['ADD', 'SUB', 'MUL', 'DIV', 'MOD', 'LT', 'LE', 'GT', 'GE', 'EQ', 'NE', 'CONCAT', 'DIFF', 'INTERP', 'AND', 'OR'].map(name =>
    op(name, 'd', 'a', 'a'),
  ),
  // Operands, target if false, price, target if true; the plain comparison and JFALSE follow.
  ...['JLT', 'JLE', 'JGT', 'JGE', 'JEQ', 'JNE'].map(name => op(name, 'a', 'a', 't', 'n', 't')),
  op('NOTE', 'a'),
  op('FAIL'),
  op('RET', 'a'),
  op('LEND', 'n'),
  // In no linked sequence: what a processor that has its turn goes through.
  op('PROCESS'),
  op('TNAME', 'd', 'm', '*'),
  // After a SPAWN that was unrolled: one child after the other, the last in place of its parent.
  op('START', 'k', 'n', '*'),
  op('LAST', 'k', 'n', '*'),
  // A child without a machine: arithmetic and comparisons of Ints, one send on every way.
  ...['LADD', 'LSUB', 'LMUL', 'LDIV', 'LMOD'].map(name => op(name, 'd', 'a', 'a')),
  op('LTUPLE', 'd', 'n', '*'),
  op('LLIST', 'd', 'n', '*'),
  op('LSEND', 'a', 'k', 'n', 'n', '*'),
  op('LSENDK', 'k', 'k', 'n', 'n', '*'),
  ...['LJLT', 'LJLE', 'LJGT', 'LJGE', 'LJEQ', 'LJNE'].map(name => op(name, 'a', 'a', 't')),
  op('BECOME'),
  op('LNAME', 'd', 'm', '*'),
  // Where a machine begins or goes on, and now and then in long code: what follows may have been made into a function of the host.
  op('ENTER', 'k'),
]

/** Words of the register instruction at `pc`. */
export function registerLength(code: Int32Array, pc: number): number {
  const info = REGISTER_OPS[code[pc]]
  let at = pc + 2
  let n = 0
  for (const kind of info.operands) {
    if (kind === '*') at += n
    else if (kind === '+') at += n + 1
    else if (kind === '**') at += 2 * n
    else if (kind === '**+') at += 2 * n + 1
    else {
      if (kind === 'n') n = code[at]
      else if (kind === 'm') n = code[at] & NAME_ITEMS_MAX
      at++
    }
  }
  return at - pc
}
