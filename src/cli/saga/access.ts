import type { Pool } from 'pg'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openJobs } from '../../work/jobs/index.ts'
import { openSagas, type Sagas } from '../../work/saga/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import { withServiceDatabase } from '../service-database.ts'
import type { Surroundings } from '../surroundings.ts'

/** The sagas of a service, without the service. */
export interface SagaAccess {
  readonly pool: Pool
  readonly sagas: Sagas
}

/**
 * Connects to the database of the settings and gives its sagas to `work`; closes all of it again. What `work` has sagas
 * do is put into their queues, for the service's workers.
 */
export async function withSagas<Result> (
  given: Arguments,
  surroundings: Surroundings,
  { progress, needsDefinitions }: {
    readonly progress: (message: string) => void
    readonly needsDefinitions: boolean
  },
  work: (access: SagaAccess) => Promise<Result>
): Promise<Result> {
  return await withServiceDatabase(given, surroundings, {
    command: 'saga',
    kept: 'sagas',
    progress,
    needsDefinitions,
  }, async ({ pool, schema, service }) => {
    await checkTables(pool, schema)
    const registry = new MetricsRegistry()
    await using sagas = await openSagas({
      pool,
      sagas: service?.sagas ?? [],
      schema,
      registry,
      announces: false,
    })
    if (sagas.jobs.length === 0) return await work({ pool, sagas })
    await using _jobs = await openJobs({ pool, jobs: sagas.jobs, schema, registry })
    return await work({ pool, sagas })
  })
}

/** A command that only looks makes no tables. */
async function checkTables (pool: Pool, schema: string): Promise<void> {
  const { rows: [found] } = await pool.query<{ there: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'plimsoll_saga') AS there`,
    [schema]
  )
  if (found?.there === true) return
  throw new UsageError(
    `the database has no tables of sagas in the schema "${schema}": start the service once, or say --schema or ` +
      '--database-url'
  )
}
