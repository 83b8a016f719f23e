import { type NameOrigin, Unforgeable } from '../normal/term.ts'

/** The names that have been written into images, by their bytes, so that reading an image gives back the same objects while they live. */
const known = new Map<string, WeakRef<Unforgeable>>()
const gone = new FinalizationRegistry<string>(key => {
  if (known.get(key)?.deref() === undefined) known.delete(key)
})

function keyOf(id: Uint8Array): string {
  return String.fromCharCode(...id)
}

class Foreign implements NameOrigin {
  private readonly id: Uint8Array
  constructor(id: Uint8Array) {
    this.id = id
  }
  bytes(): Uint8Array {
    return this.id
  }
}

/** The bytes of a name, which from now on can be found again. */
export function rememberName(name: Unforgeable): Uint8Array {
  const id = name.id
  const key = keyOf(id)
  // Two seeded runs in one process make names with the same bytes: the one that is written now is the one that will be read.
  if (known.get(key)?.deref() !== name) {
    known.set(key, new WeakRef(name))
    gone.register(name, key)
  }
  return id
}

/** The name with these bytes: the object that was written, or a new one that stands for a name from elsewhere. */
export function nameOf(id: Uint8Array): Unforgeable {
  const found = known.get(keyOf(id))?.deref()
  if (found !== undefined) return found
  const name = new Unforgeable(new Foreign(id), 0)
  rememberName(name)
  return name
}
