import { blakeProgram } from './blake-code.ts'

export const PROGRAM: Uint8Array = blakeProgram(false)
