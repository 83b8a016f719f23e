/** Trees as short text, so that tests can say what a program means without spelling out nodes and positions. For small trees. */
import { Sources } from '../../src/base/source.ts'
import type * as Ast from '../../src/syntax/ast.ts'
import { parse } from '../../src/syntax/parser.ts'

/** The tree of `text`, fully parenthesised; throws if the text has errors. */
export function tree(text: string): string {
  const { program, diagnostics } = parse({ name: 'test', text, base: 0 })
  const errors = diagnostics.filter(d => d.severity === 'error')
  if (errors.length > 0) throw new Error(`${text}\n${errors.map(d => `${d.start} ${d.code} ${d.message}`).join('\n')}`)
  return show(program)
}

/** Findings as `line:column CODE`. */
export function findings(text: string, options?: { maxNesting?: number }): string[] {
  const sources = new Sources()
  const file = sources.add('test', text)
  return parse(file, options).diagnostics.map(d => {
    const place = sources.place(d.start)
    return `${place?.line}:${place?.column} ${d.code}`
  })
}

type Node = Ast.Proc | Ast.Quote

const list = (nodes: readonly Node[]): string => nodes.map(show).join(' ')
const rest = (node: Ast.Var | Ast.Wildcard | null): string => (node === null ? '' : ` ...${show(node)}`)
const names = (n: Ast.Names): string => `<${list(n.items)}${rest(n.rest)}>`
const guard = (node: Ast.Proc | null): string => (node === null ? '' : ` where ${show(node)}`)
const source = (s: Ast.Source): string =>
  s.form === 'name' ? show(s.name) : s.form === 'reply' ? `${show(s.name)}?!` : `${show(s.name)}!${s.method || '?'}(${list(s.args)})`
const binds = (all: readonly Ast.Bind[]): string => all.map(b => `${names(b.names)} ${b.arrow} ${source(b.source)}`).join(' & ')

export function show(node: Node): string {
  switch (node.kind) {
    case 'par':
      return `(par ${list(node.items)})`
    case 'new':
      return `(new ${node.decls.map(d => (d.uri === null ? d.name : `${d.name}\`${d.uri}\``)).join(' ')} in ${show(node.body)})`
    case 'if':
      return `(if ${show(node.cond)} ${show(node.consequent)}${node.alternative === null ? '' : ` else ${show(node.alternative)}`})`
    case 'let': {
      const decls = node.decls.map(d =>
        d.simple ? `${list(d.names.items)} = ${list(d.values)}` : `${names(d.names)} <- ${list(d.values)}`,
      )
      return `(let ${decls.join(node.concurrent ? ' & ' : ' ; ')} in ${show(node.body)})`
    }
    case 'for':
      return `(for ${node.receipts.map(r => binds(r.binds) + guard(r.guard)).join(' ; ')} do ${show(node.body)})`
    case 'contract':
      return `(contract ${show(node.name)} ${names(node.formals)} ${show(node.body)})`
    case 'match':
      return `(match ${show(node.target)} ${node.cases.map(c => `[${show(c.pattern)}${guard(c.guard)} => ${show(c.body)}]`).join(' ')})`
    case 'select':
      return `(select ${node.branches.map(b => `[${binds(b.binds)}${guard(b.guard)} => ${show(b.body)}${b.bad.map(x => ` bad ${x.what}`).join('')}]`).join(' ')})`
    case 'agent': {
      const members = node.members.map(m => `[${m.private ? 'private ' : ''}${m.form} ${m.name}${names(m.formals)} ${show(m.body)}]`)
      return `(agent ${show(node.name)} ${members.join(' ')})`
    }
    case 'send':
      return `(${node.persistent ? 'send!!' : 'send'} ${[node.chan, ...node.args].map(show).join(' ')})`
    case 'sync':
      return `(sync${node.method === '' ? '' : `.${node.method}`} ${[node.chan, ...node.args].map(show).join(' ')}${node.cont === null ? '.' : `; ${show(node.cont)}`})`
    case 'binary':
      return `(${show(node.left)} ${node.op} ${show(node.right)})`
    case 'unary':
      return `(${node.op} ${show(node.operand)})`
    case 'method':
      return `(${[`${show(node.target)}.${node.name}`, ...node.args.map(show)].join(' ')})`
    case 'conn':
      return `(${show(node.left)} ${node.op} ${show(node.right)})`
    case 'not':
      return `(~ ${show(node.operand)})`
    case 'nil':
      return 'Nil'
    case 'bool':
      return String(node.value)
    case 'int':
      return Object.is(node.value, -0) ? 'minus zero' : String(node.value)
    case 'wide':
      return `${node.value}`
    case 'float':
      return Object.is(node.value, -0) ? 'float:-0' : `float:${node.value}`
    case 'bigint':
      return `${node.value}n`
    case 'bigrat':
      return `${node.num}/${node.den}r`
    case 'fixed':
      return `${node.unscaled}p${node.scale}`
    case 'string':
      return JSON.stringify(node.value)
    case 'uri':
      return `\`${node.value}\``
    case 'bytes':
      return `0x${Buffer.from(node.value).toString('hex')}`
    case 'var':
      return node.name
    case 'wildcard':
      return '_'
    case 'eval':
      return `*${show(node.name)}`
    case 'ref':
      return `=${node.star ? '*' : ''}${node.name}`
    case 'type':
      return node.type
    case 'block':
      return `{${show(node.body)}}`
    case 'bundle':
      return `bundle${['0', '-', '+', ''][node.flags]}{${show(node.body)}}`
    case 'tuple':
      return `(tuple${node.items.map(i => ` ${show(i)}`).join('')})`
    case 'list':
      return `[${list(node.items)}${rest(node.rest)}]`
    case 'set':
      return `Set(${list(node.items)}${rest(node.rest)})`
    case 'pathmap':
      return `{|${list(node.items)}${rest(node.rest)}|}`
    case 'map':
      return `{${node.keys.map((k, i) => `${show(k)}:${show(node.values[i])}`).join(' ')}${rest(node.rest)}}`
    case 'quote':
      return `@${show(node.body)}`
    case 'error':
      return 'ERROR'
  }
}
