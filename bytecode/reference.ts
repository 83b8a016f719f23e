import { ConstKind } from './constants.ts'
import { OPS } from './opcodes.ts'
import { PATTERN_NODES } from './patterns.ts'
import { IMAGE_ERRORS } from './verify.ts'

const CLASSES: Record<string, string> = {
  C: 'control',
  K: 'constant',
  V: 'variable',
  D: 'data construction',
  X: 'effect on the space',
  P: 'primitive, goes through the processor',
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|') || '–'
}

/** The text of `docs/bytecode.md`. */
export function bytecodeReference(): string {
  const out: string[] = [
    '# Bytecode reference',
    '',
    'Generated from the instruction table by `npx tsx bytecode/docs.ts`; do not edit.',
    '',
    '## Words and images',
    '',
    'Code is 32-bit little-endian words. An instruction is `op:8 | operand:24`, the opcode in the low byte; further operands are whole words after it.',
    'Offsets count words from the next instruction and are forward only. Opcodes from 0x80 on never occur in images.',
    '',
    '```',
    'image  := n  member*n                          Nil is the single word 0',
    'member := multiplicity  length  sequence       sorted by (length, words), equal ones joined',
    'seq    := H0 H1 H2 H3 H4 constants code        H0 = kind:8 | format:8 | 0:16; captures; locals; maxStack; words of constants',
    'quote  := QUOTE  length  image  [CLOSE slots]  slots are there when the image captures something',
    'slot   := 0 local or 1 capture:8 | index:24',
    '```',
    '',
    'Kinds: 1 PROC runs, 2 EXPR is a value and does nothing, 3 GUARD yields a Bool for a pattern.',
    '',
    'Captures are numbered by first use, locals by binding order, constants pooled per sequence in order of first use. Where equal components differ only',
    'in what they capture, the copy with the smallest slot words comes first; if that leaves a choice, variables are told apart by how the sequence uses',
    'them, and only variables that are used alike (or in a component of more than 1 000 parts) stand in the order of the enclosing scope. Values of a',
    'parallel composition and binds of a join that use captured variables are ordered the same way, so the image of a process does not depend on where it stands.',
    '',
    '## Instructions',
    '',
    '| Code | Mnemonic | Operand; extra words | Stack | Class | Gas | Errors | Meaning | Example |',
    '|---|---|---|---|---|---|---|---|---|',
  ]
  for (const o of OPS) {
    const gas = o.price === '' ? String(o.gas) : `${o.gas} (${o.price})`
    const example = o.example === '–' ? '–' : '`` ' + cell(o.example) + ' ``'
    const doc = o.canonical ? o.doc : `${o.doc} Not in images.`
    out.push(
      `| 0x${o.code.toString(16).padStart(2, '0')} | ${o.name} | ${cell(o.layout)} | ${cell(o.stack)} | ${o.class} | ${cell(gas)} | ${o.errors.join(' ') || '–'} | ${cell(doc)} | ${example} |`,
    )
  }
  out.push(
    '',
    'Classes: ' +
      Object.entries(CLASSES)
        .map(([k, v]) => `${k} ${v}`)
        .join(', ') +
      '.',
    '',
  )
  out.push(
    '## Constants',
    '',
    'A record is its kind, the number of payload words, and the payload.',
    '',
    '| Kind | Name |',
    '|---|---|',
    ...Object.entries(ConstKind).map(([name, kind]) => `| ${kind} | ${name} |`),
    '',
    '## Patterns',
    '',
    'The payload of a pattern: `form:8 | class:8 | remainder:1`, number of patterns, number of variables, number of slots, slots, words of the guard,',
    'guard, tree. Forms: 0 the patterns of a bind, 1 one pattern, 2 a term that FAIL keeps. Classes: 0 always fits, 1 only the number of values counts, 2 constant,',
    '3 general. A guard: number of slots, slots, sequence of kind GUARD. The tree is a prefix code of nodes `code:8 | arg:24`, extra words, children:',
    '',
    '| Code | Node | Arg | Extra words | Then |',
    '|---|---|---|---|---|',
    ...PATTERN_NODES.map(n => `| 0x${n.code.toString(16).padStart(2, '0')} | ${n.name} | ${n.arg} | ${n.words} | ${cell(n.doc)} |`),
    '',
    '## What the verifier refuses',
    '',
    'An image from outside is verified before it runs. A refusal has a code, the offset of the word, and a message.',
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...Object.entries(IMAGE_ERRORS).map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`),
    '',
  )
  return out.join('\n')
}
