import { pressProgram } from './press-code.ts'

export const PROGRAM: Uint8Array = pressProgram()
