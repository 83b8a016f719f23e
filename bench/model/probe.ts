import { availableParallelism } from 'node:os'
import type { Probe } from '../probes.ts'
import { plainRow, type Row, ratioRow } from '../row.ts'
import { crossingCosts, measuredSpeedUp } from '../workers.ts'
import { DEFAULTS, DESIGN, simulate } from './simulate.ts'

/** `npm run bench -- model`: what the simulation predicts, and what two workers did. */

const SEEDS = [1, 2, 3, 4, 5]

const predictions = (a: Partial<typeof DEFAULTS>): number[] => SEEDS.map(seed => simulate({ ...DEFAULTS, ...a, seed }).speedUp)

function designRow(d: (typeof DESIGN)[number]): Row {
  const title = `eight workers, ${d.workNs.toLocaleString('en-US')} ns of work, ${d.remoteShare * 100} % remote: predicted speed-up`
  return ratioRow(
    { id: 'model', title, unit: '×' },
    predictions(d),
    'the design',
    SEEDS.map(() => d.speedUp),
    null,
  )
}

/** Programs of `workers.ts` with the share of messages that go to the other half: as many would cross if contracts were served in one place each. */
const PREDICTED = [
  { id: 'P1', remoteShare: 0 },
  { id: 'P2', remoteShare: 0.1 },
  { id: 'P3', remoteShare: 0.5 },
] as const

export const modelProbe: Probe = {
  ids: ['model'],
  run(shop, effort) {
    const rows = DESIGN.map(designRow)
    if (availableParallelism() < 2) return rows
    const [, { ns: remoteNs }] = crossingCosts(shop, effort)
    for (const { id, remoteShare } of PREDICTED) {
      const { measured, localNs, note } = measuredSpeedUp(id, shop, effort)
      const about = { id: 'model', title: `${id}: two workers, ${remoteShare * 100} % remote: predicted speed-up`, unit: '×' }
      if (measured === null) {
        rows.push({
          ...plainRow(about, predictions({ workers: 2, remoteShare, remoteNs, localNs: 100 }), null),
          note: `${id}: a COMM of 100 ns assumed${note === '' ? '' : `; ${note}`}`,
        })
        continue
      }
      const predicted = predictions({ workers: 2, remoteShare, remoteNs, localNs })
      rows.push({
        ...ratioRow(about, predicted, 'measured', measured, null),
        note: `a crossing of ${Math.round(remoteNs)} ns, as measured`,
      })
    }
    return rows
  },
}
