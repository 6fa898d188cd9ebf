import { fileURLToPath } from 'node:url'
import {
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  packageVersion,
  showCount,
} from '../harness/index.ts'
import { disasters } from './chaos.ts'
import { type RigResult, runRig } from './rig.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')

/** What the promises of jobs, outbox, consumers and sagas are worth when everything fails, again and again. */
export const ledger: Benchmark = {
  name: 'ledger',
  summary:
    'processes killed, paused and starved, PostgreSQL and NATS restarted: what is lost, twice, or stuck',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    const results: { readonly seed: number; readonly result: RigResult }[] = []
    for (const seed of seeds(quick)) {
      const result = await runRig({
        seed,
        chaosMs: quick ? 15_000 : 120_000,
        breathMs: quick ? 700 : 1_000,
        keys: 8,
        calmMs: quick ? 60_000 : 120_000,
        say,
      })
      results.push({ seed, result })
    }
    return outcome(results)
  },
}

/** `LEDGER_SEED=7` runs that one again. */
function seeds (quick: boolean): readonly number[] {
  const given = process.env['LEDGER_SEED']
  if (given !== undefined) return [Number(given)]
  return quick ? [1] : [1, 2]
}

function outcome (
  results: readonly { readonly seed: number; readonly result: RigResult }[]
): BenchmarkOutcome {
  const all = results.map(({ result }) => result)
  const sum = (count: (result: RigResult) => number): number =>
    all.reduce((total, each) => total + count(each), 0)
  const effects = all.flatMap(({ audit }) => audit.effects)
  const lost = effects.reduce((total, each) => total + each.lost, 0)
  const duplicated = effects.reduce((total, each) => total + each.duplicated, 0)
  const disordered = effects.reduce((total, each) => total + (each.disordered ?? 0), 0)
  const stuck = sum(({ audit: { leftovers } }) =>
    Object.values(leftovers).reduce((total, count) => total + count, 0)
  )
  return {
    tables: [
      {
        title: 'What became of each thing',
        columns: ['effect', 'expected', 'lost', 'duplicated', 'out of order'],
        rows: [...new Set(effects.map(({ kind }) => kind))].map((kind) => {
          const mine = effects.filter((each) => each.kind === kind)
          const total = (of: (each: (typeof mine)[number]) => number): string =>
            showCount(mine.reduce((count, each) => count + of(each), 0))
          const isOrdered = mine.some(({ disordered }) => disordered !== undefined)
          return [
            kind,
            total(({ expected }) => expected),
            total((each) => each.lost),
            total((each) => each.duplicated),
            isOrdered ? total((each) => each.disordered ?? 0) : 'not promised',
          ]
        }),
      },
      {
        title: 'What happened meanwhile',
        columns: [
          'seed',
          ...disasters,
          'things',
          'requests asked again',
          'payment requests',
          'all done after s',
        ],
        rows: results.map(({ seed, result }) => [
          String(seed),
          ...disasters.map((disaster) => String(result.happened[disaster])),
          showCount(result.audit.things),
          showCount(result.repeated),
          showCount(result.payments),
          result.drainedMs === undefined ? 'never' : (result.drainedMs / 1_000).toFixed(1),
        ]),
      },
    ],
    checks: [
      atMost('ledger: effects lost', lost, 'effects', 0),
      atMost('ledger: effects beyond one a thing', duplicated, 'effects', 0),
      atMost('ledger: effects out of order within their key', disordered, 'effects', 0),
      atMost('ledger: jobs, events and sagas that are not done', stuck, 'left', 0),
    ],
    measurements: results,
    versions: { pg: packageVersion('pg', root) },
    notes: [
      'A thing is written by a request in one transaction with two jobs, an event and a saga. Its effects: of the job in ' +
      'its own transaction (job), of the job on another service (called), of the event by the log (heard) and by NATS ' +
      '(heard by broker), and of the saga (begun, paid, ended). The other service fails before and after it has done its ' +
      'work, and knows what it has done by the key it is given.',
      ...(all.every(({ withBroker }) => withBroker) ?
        [] :
        ['nats-server was not found: no broker took part.']),
    ],
  }
}
