import { describe, expect, it } from 'vitest'
import { ProcessHost } from '../../src/host/hosts.ts'

describe('real time', () => {
  it('lets no delay end early', async () => {
    const host = new ProcessHost({ out: () => {}, log: () => {} })
    const waited = (ms: number): Promise<number> => {
      const start = performance.now()
      return new Promise(done => host.after(ms, () => done(performance.now() - start - ms)))
    }
    for (let round = 0; round < 50; round++)
      for (const over of await Promise.all([1, 2, 3, 5].map(waited))) expect(over).toBeGreaterThanOrEqual(0)
    expect(Math.abs(host.now() - Date.now())).toBeLessThan(60_000)
  })
})
