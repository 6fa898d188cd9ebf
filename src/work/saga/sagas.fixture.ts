import pg from 'pg'
import { type GovernedPool, governPool, type Transaction, transaction } from '../../data/index.ts'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Jobs, openJobs } from '../jobs/index.ts'
import { openSagas, type OpenSagasOptions } from './open-sagas.ts'
import type { SagaRecord } from './saga-record.ts'
import type { Sagas } from './sagas.ts'

/** Sagas on a database of their own, with a worker and a keeper. */
export interface Harbour extends AsyncDisposable {
  readonly url: string
  readonly pool: GovernedPool
  readonly sagas: Sagas
  readonly jobs: Jobs
  readonly registry: MetricsRegistry
  inTransaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>
  /** Waits until it has ended or is parked. */
  ended(id: string): Promise<SagaRecord>
  /** The trail as one line: `kind step`, in order. */
  story(id: string): Promise<readonly string[]>
}

export interface HarbourOptions extends Omit<OpenSagasOptions, 'pool' | 'registry'> {
  /** @default true */
  readonly works?: boolean
  /** Of a database that is there already. */
  readonly url?: string
}

export async function openHarbour ({ works = true, url, ...options }: HarbourOptions): Promise<Harbour> {
  const database = url === undefined ? await testDatabase() : undefined
  const address = url ?? database!.url
  const own = new pg.Pool({ connectionString: address, max: 8 })
  own.on('error', () => {})
  const registry = new MetricsRegistry()
  const pool = governPool(own, { registry })
  const sagas = await openSagas({ pool, registry, ...options })
  const jobs = await openJobs({ pool, jobs: sagas.jobs, registry })
  const worker = jobs.worker()
  const keeper = sagas.keeper()
  if (works) await Promise.all([worker.start(), keeper.start()])
  return {
    url: address,
    pool,
    sagas,
    jobs,
    registry,
    inTransaction: (work) => transaction(pool, work),
    async ended (id) {
      await waitUntil(
        `saga ${id} has ended`,
        async () => /completed|compensated|parked/.test((await sagas.get(id)).state.status)
      )
      return await sagas.get(id)
    },
    async story (id) {
      return (await sagas.trail(id)).map(({ kind, step }) => step === undefined ? kind : `${kind} ${step}`)
    },
    async [Symbol.asyncDispose] () {
      await sagas.close()
      await jobs.close()
      await pool.end()
      await database?.close()
    },
  }
}
