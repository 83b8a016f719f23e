// Writes docs/errors.md, docs/primitives.md and docs/channels.md from the tables of the program.
import { writeFileSync } from 'node:fs'
import { channelReference, errorReference, primitiveReference } from './manual.ts'

writeFileSync(new URL('../../docs/errors.md', import.meta.url), errorReference())
writeFileSync(new URL('../../docs/primitives.md', import.meta.url), primitiveReference())
writeFileSync(new URL('../../docs/channels.md', import.meta.url), channelReference())
