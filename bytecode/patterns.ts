import { COUNT_MASK, Op } from './opcodes.ts'

/**
 * Terms inside pattern blobs: a prefix code that holds every kind of term, patterns over code included. A node is one word `code:8 | arg:24`,
 * then the extra words and inline constants that its code has, then its children.
 */

export interface NodeInfo {
  readonly code: number
  readonly name: string
  /** Meaning of the 24 bits. */
  readonly arg: 'none' | 'int' | 'bool' | 'index' | 'slot' | 'type' | 'count' | 'op' | 'rights' | 'flag' | 'binds'
  /** Whole words after the first. */
  readonly words: number
  readonly doc: string
}

const table: NodeInfo[] = []
function node(code: number, name: string, arg: NodeInfo['arg'], words: number, doc: string): number {
  table.push({ code, name, arg, words, doc })
  return code
}

export const P = {
  NIL: node(0x01, 'nil', 'none', 0, 'Nil'),
  INT: node(0x02, 'int', 'int', 0, 'small Int'),
  BOOL: node(0x03, 'bool', 'bool', 0, 'Bool'),
  CONST: node(0x04, 'const', 'none', 0, 'followed by a constant record'),
  WILDCARD: node(0x05, '_', 'none', 0, 'wildcard'),
  FREE: node(0x06, 'var', 'index', 0, 'variable that the pattern binds'),
  REF: node(0x07, 'ref', 'slot', 0, '`=x`: value of a slot'),
  OUTER: node(0x08, 'outer', 'slot', 0, 'variable of the surrounding code'),
  REFIN: node(0x09, 'refin', 'index', 0, '`=x` to a binder inside the pattern'),
  BOUND: node(0x0a, 'bound', 'index', 0, 'variable bound inside the pattern'),
  TYPE: node(0x0b, 'type', 'type', 0, '0 Bool, 1 Int, 2 String, 3 Uri, 4 ByteArray'),
  LIST: node(0x10, 'list', 'count', 0, 'n elements'),
  LISTR: node(0x11, 'listr', 'count', 0, 'n elements, remainder'),
  TUPLE: node(0x12, 'tuple', 'count', 0, 'n elements'),
  SET: node(0x13, 'set', 'count', 0, 'n elements'),
  SETR: node(0x14, 'setr', 'count', 0, 'n elements, remainder'),
  MAP: node(0x15, 'map', 'count', 0, 'n times key, value'),
  MAPR: node(0x16, 'mapr', 'count', 0, 'n times key, value; remainder'),
  PATHMAP: node(0x17, 'pathmap', 'count', 0, 'n elements'),
  PATHMAPR: node(0x18, 'pathmapr', 'count', 0, 'n elements, remainder'),
  OP: node(0x20, 'op', 'op', 0, 'operator, by the number of its instruction; one or two operands'),
  METHOD: node(0x21, 'method', 'count', 0, 'followed by the name as a string record; target, n arguments'),
  MATCHES: node(0x22, 'matches', 'count', 0, 'n variables; left side, pattern'),
  SEND: node(0x30, 'send', 'flag', 1, 'persistent; number of data; channel, data'),
  RECEIVE: node(0x31, 'receive', 'binds', 0, 'n:23 binds | guard:1; binds, guard, body'),
  BIND: node(0x32, 'bind', 'index', 2, 'arrow; patterns:31 | remainder:1; variables; source, patterns, remainder'),
  NEW: node(0x33, 'new', 'count', 1, 'n names; number of uris, uri records; body'),
  MATCH: node(0x34, 'match', 'count', 0, 'n cases; target, cases'),
  CASE: node(0x35, 'case', 'flag', 1, 'guard; variables; pattern, guard, body'),
  IF: node(0x36, 'if', 'none', 0, 'condition, two bodies'),
  SELECT: node(0x37, 'select', 'count', 0, 'n branches'),
  BRANCH: node(0x38, 'branch', 'binds', 0, 'as receive'),
  BUNDLE: node(0x39, 'bundle', 'rights', 0, 'body'),
  PAR: node(0x3a, 'par', 'count', 0, 'n components'),
  AND: node(0x40, 'and', 'count', 0, '`/\\` of n parts'),
  OR: node(0x41, 'or', 'count', 0, '`\\/` of n parts'),
  NOT: node(0x42, 'not', 'none', 0, '`~`'),
} as const

export const PATTERN_NODES: readonly NodeInfo[] = table
const byCode: (NodeInfo | undefined)[] = new Array(256).fill(undefined)
for (const n of table) byCode[n.code] = n
export const NODE_INFO: readonly (NodeInfo | undefined)[] = byCode
export const NODE_BY_NAME: ReadonlyMap<string, NodeInfo> = new Map(table.map(n => [n.name, n]))

/** How many children a node has. `a`: its first whole word, 0 if it has none. */
export function childCount(code: number, arg: number, a: number): number {
  switch (code) {
    case P.LIST:
    case P.TUPLE:
    case P.SET:
    case P.PATHMAP:
    case P.PAR:
    case P.AND:
    case P.OR:
    case P.SELECT:
      return arg
    case P.LISTR:
    case P.SETR:
    case P.PATHMAPR:
    case P.METHOD:
    case P.MATCH:
      return arg + 1
    case P.MAP:
      return 2 * arg
    case P.MAPR:
      return 2 * arg + 1
    case P.OP:
      return arg === Op.NEG || arg === Op.NOT ? 1 : 2
    case P.MATCHES:
      return 2
    case P.SEND:
      return 1 + a
    case P.RECEIVE:
    case P.BRANCH:
      return (arg & COUNT_MASK) + (arg > COUNT_MASK ? 2 : 1)
    case P.BIND:
      return 1 + (a & 0x7fffffff) + (a >>> 31)
    case P.CASE:
      return 2 + arg
    case P.IF:
      return 3
    case P.NEW:
    case P.BUNDLE:
    case P.NOT:
      return 1
    default:
      return 0
  }
}

/** How many constant records stand between the words of a node and its children. */
export function recordCount(code: number, a: number): number {
  return code === P.CONST || code === P.METHOD ? 1 : code === P.NEW ? a : 0
}

export const TYPE_NAMES = ['Bool', 'Int', 'String', 'Uri', 'ByteArray'] as const

/** What a pattern needs at run time. */
export const Fast = {
  /** Fits every message or value. */
  ALWAYS: 0,
  /** Variables and wildcards only: the number of values decides. */
  ARITY: 1,
  /** Closed values without variables: equality decides. */
  CONSTANT: 2,
  GENERAL: 3,
} as const
export const FAST_NAMES = ['always', 'arity', 'constant', 'general']

/** Forms of blobs. */
export const Form = {
  /** The patterns of one bind, with an optional remainder. */
  BIND: 0,
  /** The pattern of a case or of `matches`. */
  SINGLE: 1,
  /** Not a pattern: a construct that nothing can run, kept by FAIL. */
  TERM: 2,
} as const
export const FORM_NAMES = ['bind', 'single', 'term']
