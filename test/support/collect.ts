import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Lets the host take back what nobody holds. Weak references are cleared between two turns at the earliest. */
export async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 2; i++) {
    await new Promise(resolve => setImmediate(resolve))
    gc()
  }
}
