import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drive } from '../../src/cli/engine.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { openSpace } from '../../src/host/space.ts'
import { type Durable, openDurable } from '../../src/machine/durable.ts'
import type { SessionOptions } from '../../src/machine/session.ts'
import { HeldHost } from '../../src/pool/held.ts'
import { Pool } from '../../src/pool/pool.ts'
import { killOften } from '../durable/killing.ts'
import { bank, philosophers } from '../durable/programs.ts'
import { Installed } from '../durable/rho.ts'

const long = process.env.RHO_LONG === '1'
const rho = new Installed()
const folder = mkdtempSync(join(tmpdir(), 'rho-kept-'))
beforeAll(() => rho.build())
afterAll(() => {
  rho.remove()
  rmSync(folder, { recursive: true, force: true })
})

describe('T42: a kept session on workers', () => {
  it.each([
    [bank.name, bank, 3000],
    [philosophers.name, philosophers, 2000],
  ] as const)('%s: kill -9 of the process, again and again', async (_, subject, size) => {
    const planned = long ? 100 : 3
    const flags = ['--workers', '2']
    const { kills, problems } = await killOften(rho, subject, { size, kills: planned, seed: 77, durability: 'process', flags })
    expect(problems).toEqual([])
    expect(kills).toBe(planned)
  })

  it('goes on from its last commit when workers are lost, and every output leaves once', async () => {
    const host = new HeldHost(new QuietHost())
    const options: SessionOptions = { host }
    const printed = new Map<number, string>()
    let left = long ? 100 : 3
    let lost = 0
    for (let first = true; ; first = false) {
      const rows = await openSpace(join(folder, 'lost'), { create: first })
      const stored: Durable = await openDurable(options, rows, {
        now: () => performance.now(),
        outlet: {
          leave(o) {
            if (o.kind !== 'out') return
            expect(printed.get(o.n) ?? o.text).toBe(o.text)
            printed.set(o.n, o.text)
          },
          flush: () => true,
        },
      })
      const pool = new Pool(stored.session, { workers: 2, aloneFirst: 0, host })
      if (first) {
        const { program } = stored.session.compile('bank.rho', bank.source(long ? 20_000 : 2000))
        if (program !== undefined) stored.session.deploy(program)
        await stored.flush()
      }
      const timer = setInterval(
        () => {
          if (left === 0 || !pool.running) return
          left--
          clearInterval(timer)
          void pool.terminate(1 + (left % 2))
        },
        40 + 37 * (left % 8),
      )
      try {
        expect(await drive(stored.session)).toBe('rest')
        clearInterval(timer)
        expect(bank.invariant?.(stored.session.data())).toBeUndefined()
        await pool.close()
        await stored.close()
        break
      } catch (e) {
        if ((e as { code?: string }).code !== 'WORKER_LOST') throw e
        lost++
        await pool.close()
        await stored.abandon()
        host.back()
      } finally {
        clearInterval(timer)
      }
    }
    expect(lost).toBeGreaterThan(0)
    expect([...printed.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: printed.size }, (_, i) => i + 1))
    expect([...printed.values()].filter(t => t.startsWith('["teller done"')).sort()).toEqual([1, 2, 3].map(i => `["teller done", ${i}]`))
  })
})
