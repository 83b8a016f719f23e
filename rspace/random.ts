import { closeSync, openSync, readSync } from 'node:fs'

/** Fresh random bytes. Read from the system where it has a file for that: loading the host's cryptography for them takes longer than making a space's files. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  try {
    const source = openSync('/dev/urandom', 'r')
    try {
      if (readSync(source, bytes, 0, length, null) === length) return bytes
    } finally {
      closeSync(source)
    }
  } catch {} // no such file here
  return globalThis.crypto.getRandomValues(bytes)
}
