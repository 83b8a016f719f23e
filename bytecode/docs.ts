// Writes docs/bytecode.md from the instruction table.
import { writeFileSync } from 'node:fs'
import { bytecodeReference } from './reference.ts'

writeFileSync(new URL('../docs/bytecode.md', import.meta.url), bytecodeReference())
