import { _, type JsonTypes, type Space, v } from '../../../rspace/index.ts'
import type { JsonValue } from '../../../rspace/json.ts'

/** One step of the programs whose logs are replayed. */
export interface Step {
  readonly produce: boolean
  readonly c: number
  readonly x: number
  readonly persist: boolean
  readonly kind: number
}

export function play(space: Space<JsonTypes>, s: Step): void {
  if (s.produce) {
    space.produce(`c${s.c}`, s.x, { persist: s.persist && s.x === 0 })
    return
  }
  const bind = (c: number, pattern: JsonValue, peek = false) => ({ channel: `c${c % 3}`, pattern, peek })
  const kinds = [
    () => space.consume([bind(s.c, s.x)], 'k'),
    () => space.consume([bind(s.c, _), bind(s.c + 1, s.x, s.persist)], 'j'),
    () => space.consume([bind(s.c, v.x), bind(s.c, v.y)], 'g', { where: { $lt: [v.x, v.y] } }),
    () => space.consume({ any: [[bind(s.c, s.x)], [bind(s.c + 1, _)]] }, 's'),
  ]
  kinds[s.kind]()
}
