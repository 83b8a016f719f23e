import { type ImageError, type VerifyOptions, verify } from '../../bytecode/verify.ts'
import { compileOpen } from './compile.ts'
import { decodeOpen } from './decode.ts'

/**
 * Whether an image from outside is exactly what compiling its process gives: `verify`, and the rules that need the order of terms. Two images that pass
 * are equal exactly when their processes are. Takes the time of decoding and compiling.
 */
export function verifyCanonical(words: Uint32Array, options: VerifyOptions = {}): ImageError | undefined {
  const error = verify(words, options)
  if (error !== undefined) return error
  const { image } = compileOpen(decodeOpen(words))
  const n = Math.min(image.length, words.length)
  for (let i = 0; i < n; i++)
    if (image[i] !== words[i]) return { code: 'NOT_CANONICAL', position: i, message: 'compiling the process gives other code here' }
  return image.length === words.length
    ? undefined
    : { code: 'NOT_CANONICAL', position: n, message: 'compiling the process gives another length' }
}
