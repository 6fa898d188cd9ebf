import pg from 'pg'
import { type GovernedPool, governPool } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { Job } from './job.ts'
import type { OpenJobsOptions, WorkerOptions } from './jobs-options.ts'
import type { Jobs, JobWorker } from './jobs.ts'
import { openJobs } from './open-jobs.ts'

/** One process of a service, as far as a test can tell: a pool, a queue and a worker of its own. */
export interface Ship {
  readonly pool: GovernedPool
  readonly jobs: Jobs
  readonly registry: MetricsRegistry
  /** Not started. */
  readonly worker: JobWorker
}

/** A real database, and the processes that share it. */
export interface Yard extends AsyncDisposable {
  readonly database: TestDatabase
  launch(jobs: readonly Job[], options?: Partial<OpenJobsOptions> & { worker?: WorkerOptions }): Promise<Ship>
}

export async function openYard (): Promise<Yard> {
  const database = await testDatabase()
  const ships: Ship[] = []
  return {
    database,
    async launch (jobs, { worker, ...options } = {}) {
      const registry = new MetricsRegistry()
      const own = new pg.Pool({ connectionString: database.url, max: 10 })
      own.on('error', () => {})
      const pool = governPool(own, { registry })
      const queue = await openJobs({ pool, jobs, registry, ...options })
      const ship = { pool, jobs: queue, registry, worker: queue.worker(worker) }
      ships.push(ship)
      return ship
    },
    async [Symbol.asyncDispose] () {
      for (const { jobs, pool } of ships) {
        await jobs.close()
        await pool.end()
      }
      await database.close()
    },
  }
}

/** A counter's value, of the series with these labels. */
export function counted (
  registry: MetricsRegistry,
  name: string,
  labels: Readonly<Record<string, string>>
): number {
  const family = registry.snapshot().families.find((candidate) => candidate.name === name)
  if (family === undefined) return 0
  const { labels: names, labelValues, values } = family
  let sum = 0
  for (let series = 0; series < values.length; series++) {
    const own = names.map((label, at) => [label, labelValues[series * names.length + at]] as const)
    if (own.every(([label, value]) => labels[label] === undefined || labels[label] === value))
      sum += values[series]!
  }
  return sum
}
